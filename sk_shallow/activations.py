"""Activations of the hidden layer: value and derivative side by side, and `ACTIVATIONS`, the table of their names.

To add one, write a class here and put its name in `ACTIVATIONS`. Accepted strings, error messages, property tests and
gradient checks follow from the table. Users do not need the table: they pass an object of their own subclass of
`Activation` (or of `ElementwiseActivation`), or a pair of functions, to the estimator.
"""

from abc import abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from sk_shallow._compat import Interval, StrOptions
from sk_shallow._component import COUNT, POSITIVE, Component, from_name
from sk_shallow._special import normal_distribution, sigmoid, softplus, zeros_row


class Activation(Component):
    """Base class of activations: the function `g` of the hidden layer, ``A1 = g(Z1)``, and its derivative.

    A subclass implements `forward` and `backward`. If it has parameters, `__init__` must store them unchanged, as in
    every scikit-learn estimator. You can then search over them.

    Attributes
    ----------
    n_pieces : int, default=1
        Number of pre-activations per hidden unit, p.
    initializer : str, default="glorot_normal"
        Scheme of the initial weights with ``init="auto"``.
    gain : float, default=0.5
        Factor of the initial weights with ``init="auto"``.
    alpha_factor : float, default=1.0
        Factor of the penalty with ``alpha="auto"``.
    range : tuple of (float, float)
        Bounds of the values with the default parameters, or infinity.
    formula, reference : str
        The formula of g, and the paper that introduced it.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.activations import Activation
    >>> class Sine(Activation):
    ...     def forward(self, Z):
    ...         return np.sin(Z), Z
    ...     def backward(self, dA, A, cache):
    ...         return dA * np.cos(cache)
    >>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    >>> ShallowNetClassifier(8, Sine(), solver="lbfgs", random_state=0).fit(X, y).predict(X)
    array([0, 1, 1, 0])
    """

    n_pieces: int = 1
    initializer: str = "glorot_normal"
    gain: float = 0.5
    alpha_factor: float = 1.0
    range: tuple[float, float] = (-np.inf, np.inf)
    formula: str = ""
    reference: str = ""

    @abstractmethod
    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        """Return `A`, of shape (m, n1), and a cache of all else that `backward` needs.

        `Z`, of shape (m, p * n1), is float32 or float64 and may be overwritten. `A` must have the same dtype. It may be
        `Z` itself.
        """

    @abstractmethod
    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        """Return `dZ`, of shape (m, p * n1): the gradient with respect to `Z`.

        `dA`, of shape (m, n1), is the gradient with respect to `A`. `forward` returned `A` and `cache`. `dA` and the
        cache may be overwritten and returned.
        """


class ElementwiseActivation(Activation):
    """Base class of elementwise activations whose derivative can be computed from their value.

    A subclass implements `value` and `slope`, often in one line each.
    """

    @abstractmethod
    def value(self, Z: np.ndarray) -> np.ndarray:
        """Return ``a = g(z)`` for each element. May overwrite `Z`."""

    @abstractmethod
    def slope(self, A: np.ndarray) -> np.ndarray:
        """Return ``g'(z)`` for each element, computed from ``a``. Must not overwrite `A`."""

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        return self.value(Z), None

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        dA *= self.slope(A)
        return dA


class Identity(ElementwiseActivation):
    """No activation: the net is linear, ``W' = W1 W2``, and no better than logistic regression."""

    formula = "z"

    def value(self, Z: np.ndarray) -> np.ndarray:
        return Z

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.ones_like(A)


class Sigmoid(ElementwiseActivation):
    """Logistic sigmoid: not zero-centred, slope 1/4 at 0, saturated where ``abs(z) > 5``."""

    # It is (1 + tanh(z / 2)) / 2: for the same net, weights are twice as large, and their squares four times.
    gain = 1.0
    alpha_factor = 0.25
    range = (0.0, 1.0)
    formula = "1 / (1 + exp(-z))"
    reference = 'Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature, 1986'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return sigmoid(Z, out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return A * (1 - A)


class Tanh(ElementwiseActivation):
    """Hyperbolic tangent: zero-centred, slope 1 at 0."""

    range = (-1.0, 1.0)
    formula = "(exp(z) - exp(-z)) / (exp(z) + exp(-z))"
    reference = 'LeCun, Bottou, Orr, Mueller, "Efficient BackProp", Neural Networks: Tricks of the Trade, 1998'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.tanh(Z, out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return 1 - A * A


class ReLU(ElementwiseActivation):
    """Rectified linear unit. Its slope at 0 is defined as 0."""

    initializer = "he_normal"
    range = (0.0, np.inf)
    formula = "max(0, z)"
    reference = 'Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML, 2010'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(Z, zeros_row(Z), out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return A > 0


class LeakyReLU(ElementwiseActivation):
    """ReLU with a small slope below zero, so that no unit dies.

    Parameters
    ----------
    negative_slope : float in [0, 1], default=0.01
        Slope c for negative z. 0 is relu, 1 is the identity.
    """

    initializer = "he_normal"
    formula = "max(c z, z)"
    reference = 'Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML, 2013'

    # A negative c would give a positive value below zero, and the slope could not follow from the value.
    _parameter_constraints = {"negative_slope": [Interval(Real, 0, 1, closed="both")]}

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(float(self.negative_slope) * Z, Z, out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.where(A > 0, A.dtype.type(1), A.dtype.type(self.negative_slope))


class ELU(ElementwiseActivation):
    """Exponential linear unit.

    Parameters
    ----------
    alpha : float in (0, inf), default=1.0
        The value tends to ``-alpha`` at minus infinity.
    """

    initializer = "he_normal"
    range = (-1.0, np.inf)
    formula = "z if z > 0 else alpha (exp(z) - 1)"
    reference = 'Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs", ICLR, 2016'
    _parameter_constraints = {"alpha": [POSITIVE]}

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(Z, zeros_row(Z)) + float(self.alpha) * np.expm1(np.minimum(Z, zeros_row(Z)))

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.where(A > 0, A.dtype.type(1), A + float(self.alpha))


class SELU(ElementwiseActivation):
    """Scaled exponential linear unit, ``lambda elu(z; alpha)``. With `lecun_normal` it keeps mean 0 and variance 1."""

    initializer = "lecun_normal"
    gain = 1.0
    alpha = 1.6732632423543772
    scale = 1.0507009873554805
    range = (-scale * alpha, np.inf)
    formula = "lambda (z if z > 0 else alpha (exp(z) - 1)), lambda = 1.0507, alpha = 1.6733"
    reference = 'Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", NeurIPS, 2017'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return self.scale * (np.maximum(Z, zeros_row(Z)) + self.alpha * np.expm1(np.minimum(Z, zeros_row(Z))))

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.where(A > 0, A.dtype.type(self.scale), A + self.scale * self.alpha)


class Softplus(ElementwiseActivation):
    """Smooth relu."""

    initializer = "he_normal"
    range = (0.0, np.inf)
    formula = "log(1 + exp(z))"
    reference = 'Dugas, Bengio, Belisle, Nadeau, Garcia, "Second-order functional knowledge", NeurIPS, 2001'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return softplus(Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return -np.expm1(-A)


class GELU(Activation):
    """Gaussian error linear unit in its exact form. Phi is the normal distribution function, phi its density."""

    initializer = "he_normal"
    range = (-0.17, np.inf)
    formula = "z Phi(z)"
    reference = 'Hendrycks, Gimpel, "Gaussian error linear units", arXiv:1606.08415, 2016'

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        Phi, phi = normal_distribution(Z)
        return Z * Phi, (Z, Phi, phi)

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        Z, Phi, phi = cache
        phi *= Z
        phi += Phi
        dA *= phi
        return dA


class SiLU(Activation):
    """Sigmoid linear unit, also called swish."""

    initializer = "he_normal"
    range = (-0.2785, np.inf)
    formula = "z sigmoid(z)"
    reference = 'Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units", arXiv:1702.03118, 2017'

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        S = sigmoid(Z)
        return np.multiply(Z, S, out=Z), S

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        S = cache
        dA *= S + A * (1 - S)
        return dA


class Mish(Activation):
    """Self-regularized non-monotonic activation."""

    initializer = "he_normal"
    range = (-0.309, np.inf)
    formula = "z tanh(log(1 + exp(z)))"
    reference = 'Misra, "Mish: a self regularized non-monotonic activation function", BMVC, 2020'

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        S = softplus(Z)
        T = np.tanh(S)
        return Z * T, (Z, S, T)

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        Z, S, T = cache
        dA *= T - Z * np.expm1(-S) * (1 - T * T)
        return dA


class Maxout(Activation):
    """The maximum of several linear pieces, which the net learns. Enough pieces approximate any convex function.

    ``W1`` and ``b1`` have p times as many columns as with other activations. Piece j of unit k is column
    ``j * n1 + k``. Compare maxout with other activations at equal `hidden_size`, and also at equal numbers of weights.

    Parameters
    ----------
    n_pieces : int in [1, inf), default=2
        Number of linear pieces per hidden unit, p. With one piece, maxout is the identity.
    """

    formula = "max_j z_j over the p pieces of a unit"
    reference = 'Goodfellow, Warde-Farley, Mirza, Courville, Bengio, "Maxout networks", ICML, 2013'
    _parameter_constraints = {"n_pieces": [COUNT]}

    def __init__(self, n_pieces: int = 2) -> None:
        self.n_pieces = n_pieces

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        pieces = self._pieces(Z)
        A = pieces[:, 0].copy()
        for j in range(1, int(self.n_pieces)):
            np.maximum(A, pieces[:, j], out=A)
        return A, Z

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        pieces = self._pieces(cache)
        free = np.ones(A.shape, dtype=bool)  # units whose winner has not come yet
        for j in range(int(self.n_pieces)):
            wins = pieces[:, j] == A
            wins &= free
            free ^= wins
            np.multiply(dA, wins, out=pieces[:, j])
        return cache

    def _pieces(self, Z: np.ndarray) -> np.ndarray:
        # Pieces before units: the maximum over the last axis of (m, n1, p) takes thirty times as long.
        return Z.reshape(len(Z), int(self.n_pieces), -1)


class FunctionActivation(Activation):
    """An activation given by a function and its derivative. ``activation=(value, derivative)`` means the same.

    Parameters
    ----------
    value : callable
        ``g``: takes z, an ndarray of any shape, and returns g(z), elementwise. It must not change its argument. It can
        be pickled if it is defined at the top of a module, but not if it is a lambda.
    derivative : callable
        ``g'``: takes z and returns g'(z), under the same conditions.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_shallow import ShallowNetClassifier
    >>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    >>> net = ShallowNetClassifier(8, (np.sin, np.cos), solver="lbfgs", random_state=0)
    >>> net.fit(X, y).predict(X)
    array([0, 1, 1, 0])
    """

    _parameter_constraints = {"value": [callable], "derivative": [callable]}

    def __init__(self, value: Callable[..., Any], derivative: Callable[..., Any]) -> None:
        self.value = value
        self.derivative = derivative

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        return np.asarray(self.value(Z), dtype=Z.dtype), Z

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        dA *= np.asarray(self.derivative(cache), dtype=dA.dtype)
        return dA


ACTIVATIONS: dict[str, type[Activation]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "logistic": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "maxout": Maxout,
    "softplus": Softplus,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "swish": SiLU,
    "mish": Mish,
}

# Each of them by its first name.
NAMES = list({kind: name for name, kind in reversed(ACTIVATIONS.items())}.values())[::-1]

# What the estimator's parameter takes.
CONSTRAINT = [StrOptions(set(ACTIVATIONS)), Activation, tuple]


def as_activation(value: Any) -> Activation:
    """Return the activation given by a name, an object or a pair of functions."""
    if isinstance(value, tuple):
        if len(value) != 2:
            raise ValueError(f"An activation given as a tuple is (value, derivative), two functions. Got {value!r}.")
        value = FunctionActivation(*value)
    if not isinstance(value, Activation) and value not in list(ACTIVATIONS):
        raise ValueError(f"Unknown activation {value!r}. Known are {sorted(ACTIVATIONS)}; or give an object.")
    activation = from_name(ACTIVATIONS, value)
    if not COUNT.is_satisfied_by(activation.n_pieces):
        raise ValueError(f"n_pieces of {activation!r} must be {COUNT}. Got {activation.n_pieces!r} instead.")
    return activation


def check_derivative(activation: Activation, tolerance: float = 1e-5) -> None:
    """Compare an activation's `backward` with central differences of its `forward`, on rows of several units.

    Raises ValueError if a value or derivative has the wrong shape or dtype. Also raises it if they disagree at more
    than one z (a single z might be a kink): ``abs(backward - difference) / max(scale, abs(difference))`` is above the
    tolerance, with scale the largest slope in [-6, 6], but at most 1. The message names the z with the largest error.
    """
    p, n_units, rng = int(activation.n_pieces), 3, np.random.default_rng(0)
    Z, dA = rng.uniform(-6, 6, (100, p * n_units)), rng.uniform(0.5, 1.5, (100, n_units))
    Z[75:] *= 8
    for dtype in (np.float32, np.float64):
        A, cache = activation.forward(Z.astype(dtype))
        dZ = activation.backward(dA.astype(dtype), A, cache)
        for what, array, shape in (("forward", A, dA.shape), ("backward", dZ, Z.shape)):
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"{what} of {activation!r} must return an array of shape {shape} and dtype {np.dtype(dtype)} for "
                    f"Z of shape {Z.shape}. Got shape {array.shape} and dtype {array.dtype}."
                )
    for j in range(p * n_units):
        of_unit = dA[:, j % n_units]
        slope, difference = dZ[:, j] / of_unit, _difference(activation, Z, dA, j) / of_unit
        scale = min(1, np.abs(difference[:75]).max())  # of a function that is small everywhere
        error = np.abs(slope - difference)
        wrong = ~(error <= tolerance * np.maximum(scale, np.abs(difference)))
        if np.count_nonzero(wrong) > 1:
            worst = int(np.argmax(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1)))
            raise ValueError(
                f"The derivative of {activation!r} does not match its value: at z = {Z[worst, j]:.6g} it is "
                f"{slope[worst]:.6g}, but (g(z + h) - g(z - h)) / 2h is {difference[worst]:.6g}. Correct `backward` "
                "(or the second function of the pair)."
            )


def _difference(activation: Activation, Z: np.ndarray, dA: np.ndarray, j: int, step: float = 1e-5) -> np.ndarray:
    """Return column j of `dZ`, computed by central differences."""
    change = step * (np.arange(Z.shape[1]) == j)
    return (dA * (activation.forward(Z + change)[0] - activation.forward(Z - change)[0])).sum(axis=1) / (2 * step)
