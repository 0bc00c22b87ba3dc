"""Losses with their output functions, and `LOSSES`, the table of the losses that a regressor takes by name.

Value and gradient come from `Z2`, never from clipped predictions, so that they belong to one function and are exact at
logits of plus or minus 1e3. Shapes: `Z2` and `Y` are (m, n2); `w` is (m, 1), or (m, n2) if outputs have their own
weights, or None for all ones.
"""

from abc import abstractmethod
from numbers import Real

import numpy as np
from scipy.special import entr, expit, log_expit, log_softmax, logit, softmax, xlogy

from sk_shallow._compat import Interval
from sk_shallow._component import Component
from sk_shallow._special import softplus_and_slope

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "RegressionLoss",
    "SigmoidLogLoss",
    "SoftmaxLogLoss",
    "SquaredError",
]

Array = np.ndarray


class Loss(Component):
    """Base class of losses: a loss and its output function `o`.

    Attributes
    ----------
    name : str
        scikit-learn's name of o: the fitted attribute `out_activation_`.
    unit : str
        The unit of the loss, after a number in a warning.
    has_kinks : bool
        Whether the gradient jumps somewhere. L-BFGS refuses such losses.
    """

    name: str
    unit: str = " nats per sample"
    has_kinks: bool = False

    @abstractmethod
    def best(self) -> str:
        """Return the name of the best constant prediction, for warnings."""

    @abstractmethod
    def curvature(self, Y: Array, w: Array | None = None) -> float:
        """Return a typical second derivative with respect to `Z2`. Default learning rates depend on it."""

    @abstractmethod
    def loss_and_residual(self, Z2: Array, Y: Array) -> tuple[Array, Array]:
        """Return the losses of each row, (m, 1), or of each output, (m, n2), and ``dL/dZ2``. May overwrite `Z2`."""

    @abstractmethod
    def best_constant(self, Y: Array, w: Array | None = None) -> Array:
        """Return `Z2` of the best constant prediction, (n2,), finite."""

    @abstractmethod
    def loss_of_constant(self, Y: Array, w: Array | None = None) -> float:
        """Return the weighted mean loss of the best constant prediction."""

    @abstractmethod
    def loss_at_zero(self, Y: Array, w: Array | None = None) -> float:
        """Return the weighted mean loss at ``Z2 = 0``. For regression, at least that on targets of size 1."""

    @abstractmethod
    def initial_bias(self, Y: Array, w: Array | None = None) -> Array | float:
        """Return the output bias from which training starts, (n2,) or a number."""


class LogLoss(Loss):
    """Base class of the log losses. The gradient with respect to `Z2` is ``A2 - Y``, with ``A2 = o(Z2)``."""

    def best(self) -> str:
        return "the class frequencies"

    def curvature(self, Y: Array, w: Array | None = None) -> float:
        return 1 / 16  # a (1 - a) is 1/4 at first, and falls as the net learns

    @abstractmethod
    def probabilities(self, Z2: Array) -> Array:
        """Return `A2 = o(Z2)`."""

    @abstractmethod
    def log_probabilities(self, Z2: Array) -> Array:
        """Return `log(A2)`, finite wherever `Z2` is."""

    def initial_bias(self, Y: Array, w: Array | None = None) -> float:
        return 0.0


def _weights(Y: Array, w: Array | None) -> Array:
    """Return the weights, or ones: sums with weights of 1 and without weights differ in their last bits."""
    return np.ones((len(Y), 1), dtype=Y.dtype) if w is None else w


def _mean(Y: Array, w: Array | None) -> Array:
    # numpy.average would need another array of the size of Y.
    return Y.mean(axis=0) if w is None else np.einsum("ij,ij->j", w, Y) / w.sum(axis=0)


class SigmoidLogLoss(LogLoss):
    """Independent outputs, `A2 = 1 / (1 + exp(-Z2))`. The loss is summed over the outputs.

    ``L = sum_k log(1 + exp(z_k)) - y_k z_k``, which is ``-sum_k y_k log(a_k) + (1 - y_k) log(1 - a_k)``.
    """

    name = "logistic"

    def loss_and_residual(self, Z2: Array, Y: Array) -> tuple[Array, Array]:
        loss, residual = softplus_and_slope(Z2)
        loss -= Y * Z2
        residual -= Y
        return loss, residual

    def probabilities(self, Z2: Array) -> Array:
        limits = np.finfo(Z2.dtype)
        return np.clip(expit(Z2), limits.tiny, 1 - limits.epsneg)

    def log_probabilities(self, Z2: Array) -> Array:
        return log_expit(Z2)

    def best_constant(self, Y: Array, w: Array | None = None) -> Array:
        limits = np.finfo(Y.dtype)
        return logit(np.clip(_mean(Y, w), limits.tiny, 1 - limits.epsneg))

    def loss_of_constant(self, Y: Array, w: Array | None = None) -> float:
        frequencies = np.minimum(_mean(Y, w), 1)  # rounding could exceed 1
        share = np.ones(1) if w is None else w.sum(axis=0) / w.sum(axis=0).mean()
        return float((share * (entr(frequencies) + entr(1 - frequencies))).sum())

    def loss_at_zero(self, Y: Array, w: Array | None = None) -> float:
        return Y.shape[1] * float(np.log(2))


class SoftmaxLogLoss(LogLoss):
    """Exclusive classes, `A2 = exp(Z2) / sum(exp(Z2))`.

    ``L = log(sum_k exp(z_k)) - sum_k y_k z_k``, which is ``-sum_k y_k log(a_k)``. With a single class, loss and
    gradient are 0 and the probability is 1.
    """

    name = "softmax"

    def loss_and_residual(self, Z2: Array, Y: Array) -> tuple[Array, Array]:
        # scipy.special.logsumexp takes four times as long at (200, 10).
        Z2 -= Z2.max(axis=-1, keepdims=True)
        chosen = np.einsum("...j,...j->...", Y, Z2)[..., np.newaxis]
        residual = np.exp(Z2, out=Z2)
        total = residual.sum(axis=-1, keepdims=True)
        residual /= total
        residual -= Y
        return np.log(total) - chosen, residual

    def probabilities(self, Z2: Array) -> Array:
        return softmax(Z2, axis=1)

    def log_probabilities(self, Z2: Array) -> Array:
        return log_softmax(Z2, axis=1)

    def best_constant(self, Y: Array, w: Array | None = None) -> Array:
        return np.log(np.maximum(_mean(Y, w), np.finfo(Y.dtype).tiny))

    def loss_of_constant(self, Y: Array, w: Array | None = None) -> float:
        return float(entr(np.minimum(_mean(Y, w), 1)).sum())  # rounding could exceed 1

    def loss_at_zero(self, Y: Array, w: Array | None = None) -> float:
        return float(np.log(Y.shape[1]))


class RegressionLoss(Loss):
    """Base class of losses for regression. They are summed over outputs.

    A subclass needs `loss_and_residual`, `initial_bias` and `best`, `has_kinks` if its gradient jumps, `curvature` if
    its second derivative is far from 1, and `predicts_quantile` if it predicts a quantile. A loss must not be negative,
    because `fit` compares fractions of losses: subtract the lowest loss of each row, as `Poisson` does.

    Attributes
    ----------
    standardizes : bool
        Whether the net learns standardized targets. `loss_` then has no unit.
    positive_only : bool
        Whether targets must not be negative.
    predicts_quantile : bool
        Whether it predicts a quantile. Predictions then stay within `target_limits_`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sk_shallow import ShallowNetRegressor
    >>> from sk_shallow.losses import RegressionLoss
    >>> class Huber(RegressionLoss):
    ...     def best(self):
    ...         return "the mean"
    ...     def initial_bias(self, Y, w=None):
    ...         return np.average(Y, axis=0, weights=None if w is None else w[:, 0])
    ...     def loss_and_residual(self, Z2, Y):
    ...         difference = Z2 - Y
    ...         residual = np.clip(difference, -1, 1)
    ...         return residual * (difference - residual / 2), residual
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = ShallowNetRegressor(loss=Huber(), random_state=0).fit(X, y)
    >>> net.score(X, y) > 0.4
    True
    """

    name = "identity"
    unit = ""
    standardizes: bool = True
    positive_only: bool = False
    predicts_quantile: bool = False

    def check(self, y: Array) -> None:
        """Raise ValueError if the loss is not defined for targets."""

    def check_mean(self, mean: Array) -> None:
        """Raise ValueError if the loss is not defined for the means of the training targets, (n2,)."""

    def curvature(self, Y: Array, w: Array | None = None) -> float:
        return 1.0  # losses with kinks have none, but the learning rates of the squared error suit them

    def predictions(self, Z2: Array) -> Array:
        """Return ``A2 = o(Z2)``."""
        return Z2

    @abstractmethod
    def initial_bias(self, Y: Array, w: Array | None = None) -> Array:
        """Return `Z2` of the best constant prediction, (n2,)."""

    def best_constant(self, Y: Array, w: Array | None = None) -> Array:
        return self.initial_bias(Y, w)

    def loss_of_constant(self, Y: Array, w: Array | None = None) -> float:
        Z2 = np.tile(self.initial_bias(Y, w).astype(Y.dtype), (len(Y), 1))
        return self._mean_loss(Z2, Y, w)

    def loss_at_zero(self, Y: Array, w: Array | None = None) -> float:
        loss = self._mean_loss(np.zeros_like(Y), Y, w)
        if not self.standardizes:
            return loss
        typical = np.tile([[-1.0], [1.0]], Y.shape[1])  # a single row may have a loss of 0
        return max(loss, self._mean_loss(np.zeros_like(typical), typical))

    def _mean_loss(self, Z2: Array, Y: Array, w: Array | None = None) -> float:
        loss, _ = self.loss_and_residual(Z2, Y)
        return float(_mean(loss, w).sum())


class SquaredError(RegressionLoss):
    """Half the squared error, ``L = (z - y)^2 / 2``. It predicts the mean.

    References
    ----------
    Gauss, "Theoria motus corporum coelestium", 1809.
    """

    def best(self) -> str:
        return "the mean"

    def loss_and_residual(self, Z2: Array, Y: Array) -> tuple[Array, Array]:
        residual = np.subtract(Z2, Y, out=Z2)
        return residual * residual / 2, residual

    def initial_bias(self, Y: Array, w: Array | None = None) -> Array:
        return _mean(Y, _weights(Y, w))


class AbsoluteError(RegressionLoss):
    """The absolute error, ``L = |z - y|``. It predicts the median, which outliers hardly move. Not with "lbfgs".

    References
    ----------
    Boscovich, "De litteraria expeditione per pontificiam ditionem", 1757.
    """

    has_kinks = True
    predicts_quantile = True

    def best(self) -> str:
        return "the median"

    def loss_and_residual(self, Z2: Array, Y: Array) -> tuple[Array, Array]:
        difference = np.subtract(Z2, Y, out=Z2)
        return np.abs(difference), np.sign(difference)

    def initial_bias(self, Y: Array, w: Array | None = None) -> Array:
        return _quantile(Y, w, 0.5)


class Quantile(RegressionLoss):
    """The pinball loss, ``L = tau max(y - z, 0) + (1 - tau) max(z - y, 0)``. It predicts a quantile. Not with "lbfgs".

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
        The level tau: the share of targets that should be at most the prediction. The default is the median.

    References
    ----------
    Koenker, Bassett, "Regression quantiles", Econometrica 46, 1978.
    """

    has_kinks = True
    predicts_quantile = True
    _parameter_constraints = {"quantile": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = quantile

    def best(self) -> str:
        return f"the quantile {self.quantile:g}"

    def loss_and_residual(self, Z2: Array, Y: Array) -> tuple[Array, Array]:
        difference = np.subtract(Z2, Y, out=Z2)
        residual = (difference > 0) - Y.dtype.type(self.quantile)
        residual *= difference != 0
        return residual * difference, residual

    def curvature(self, Y: Array, w: Array | None = None) -> float:
        return 0.5  # half the absolute error's, like the gradient

    def initial_bias(self, Y: Array, w: Array | None = None) -> Array:
        return _quantile(Y, w, self.quantile)


class Poisson(RegressionLoss):
    """Half the Poisson deviance, ``L = exp(z) - y z + y log(y) - y``, in nats. It predicts the mean of counts, exp(z).

    Targets must not be negative. For counts with an exposure, pass ``y = counts / exposure`` and ``sample_weight =
    exposure``, as for `sklearn.linear_model.PoissonRegressor`.

    References
    ----------
    Nelder, Wedderburn, "Generalized linear models", Journal of the Royal Statistical Society A 135, 1972.
    """

    name = "exp"
    unit = " nats per sample"
    standardizes = False
    positive_only = True

    def best(self) -> str:
        return "the mean"

    def check(self, y: Array) -> None:
        if (y < 0).any():
            raise ValueError(
                f"loss='poisson' needs targets that are not negative. Got {y.min():g}. Use loss='squared_error'."
            )

    def check_mean(self, mean: Array) -> None:
        if (mean == 0).any():
            raise ValueError(
                "loss='poisson' needs a positive target in each output. Got zeros only. Use loss='squared_error', or "
                "leave this output out."
            )

    def loss_and_residual(self, Z2: Array, Y: Array) -> tuple[Array, Array]:
        rate = np.exp(Z2)
        loss = rate - Y * Z2
        loss += xlogy(Y, Y) - Y
        return loss, np.subtract(rate, Y, out=Z2)

    def curvature(self, Y: Array, w: Array | None = None) -> float:
        # It is exp(z), at the solution about y. Rows count by y, because those with large targets diverge first.
        tiny = np.finfo(Y.dtype).tiny
        shares = _weights(Y, w) * (Y / np.maximum(Y.max(axis=0), tiny))
        return max(1.0, float(((shares * Y).sum(axis=0) / np.maximum(shares.sum(axis=0), tiny)).max()))

    def loss_at_zero(self, Y: Array, w: Array | None = None) -> float:
        return max(super().loss_at_zero(Y, w), float(Y.shape[1]))  # at least that of zeros; that of ones is 0

    def predictions(self, Z2: Array) -> Array:
        limits = np.finfo(Z2.dtype)
        return np.clip(np.exp(Z2), limits.tiny, limits.max)

    def initial_bias(self, Y: Array, w: Array | None = None) -> Array:
        return np.log(np.maximum(_mean(Y, _weights(Y, w)), np.finfo(Y.dtype).tiny))


def _quantile(Y: Array, w: Array | None, level: float) -> Array:
    """Return the smallest values that at least a share `level` of the weights does not exceed, (n2,)."""
    weights = None if w is None else w[:, 0].astype(np.float64)
    return np.quantile(Y, level, axis=0, method="inverted_cdf", weights=weights)


def predicts_exp(loss: RegressionLoss) -> bool:
    """Return whether the output function is exp, not the identity. Raises ValueError if it is neither, for exports."""
    function = type(loss).predictions
    is_exp = function is Poisson.predictions and not loss.standardizes
    if not (is_exp or function is RegressionLoss.predictions):
        raise ValueError(f"Only the output functions identity and exp can be exported. {loss!r} has another one.")
    return is_exp


LOSSES: dict[str, type[RegressionLoss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "quantile": Quantile,
    "poisson": Poisson,
}
