"""Predictions from logits, of the estimator and of the net during training, and the validation score."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from sk_shallow._fit.data import Data
from sk_shallow._fit.targets import ClassTargets, NumberTargets, Targets
from sk_shallow._model.network import Array, Matrix, Network, logits, rows_per_block, slices
from sk_shallow.activations import Activation


def largest_number(X: Matrix) -> float:
    """Return the largest absolute value, without a copy of X."""
    return float(max(X.max(), -X.min()))


def hidden_overflow(X: Matrix) -> ValueError:
    return ValueError(f"The hidden layer overflows: the largest number of X is {largest_number(X):g}. Scale X.")


class PredictionMixin(ABC):
    """The outputs of a net."""

    _targets: Targets  # the problem that was learned
    _activation: Activation
    coefs_: Sequence[Array]
    intercepts_: Sequence[Array]

    @abstractmethod
    def _checked(self, X: Any) -> Matrix:
        """Return `X`, validated and converted for the net. Raises NotFittedError before `fit`."""

    def _logits(self, X: Matrix) -> Array:
        """Return `Z2`, (m, n2), clipped to a quarter of the largest number of its dtype.

        Rows beyond this limit are computed again in float64. Raises ValueError if float64 overflows too.
        """
        Z2 = logits(X, self.coefs_, self.intercepts_, self._activation)
        limit = np.finfo(Z2.dtype).max / 4
        rows = np.flatnonzero(~(np.abs(Z2) <= limit).all(axis=1))
        if rows.size:
            Z2[rows] = np.clip(self._logits_in_float64(X[rows]), -limit, limit)
        return Z2

    def _logits_in_float64(self, X: Matrix) -> Array:
        W, b = ([array.astype(np.float64) for array in arrays] for arrays in (self.coefs_, self.intercepts_))
        Z2 = logits(X.astype(np.float64), W, b, self._activation)
        if np.isnan(Z2).any():
            raise ValueError(
                f"The net overflows on {len(Z2)} rows of X, whose largest number is {largest_number(X):g}. Scale X."
            )
        return Z2


class ClassPredictions(PredictionMixin):
    """Prediction methods of a classifier."""

    _targets: ClassTargets

    @np.errstate(all="ignore")
    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the same features as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes. For multilabel targets, 1 if the label is more probable than not, otherwise 0.

        Raises
        ------
        NotFittedError
            If the net is not fitted.
        ValueError
            If `X` does not suit the net, or the net overflows.
        """
        X = self._checked(X)
        parts = slices(X.shape[0], rows_per_block(self._targets.n_outputs))
        return np.concatenate([self._targets.labels(self._logits(X[rows])) for rows in parts])

    @np.errstate(all="ignore")
    def decision_function(self, X: Any) -> Array:
        """Return the logits, the net's output before sigmoid or softmax.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the same features as in `fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Logits, in the dtype of the weights. For two classes, one number per row: ``log(p / (1 - p))``, with p the
            probability of the second class.

        Raises
        ------
        NotFittedError
            If the net is not fitted.
        ValueError
            If `X` does not suit the net, or the net overflows.
        """
        Z2 = self._logits(self._checked(X))
        return Z2[:, 0] if Z2.shape[1] == 1 else Z2

    @np.errstate(all="ignore")
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the same features as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Probabilities, with columns in the order of `classes_`. Each row sums to one, except for multilabel targets,
            where the labels are independent.

        Raises
        ------
        NotFittedError
            If the net is not fitted.
        ValueError
            If `X` does not suit the net, or the net overflows.
        """
        Z2 = self._logits(self._checked(X))
        return self._targets.loss_function.probabilities(self._targets.class_logits(Z2))

    @np.errstate(all="ignore")
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of the probability of each class. It is computed from the logits, so it is finite.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the same features as in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Logarithms of probabilities, in nats.

        Raises
        ------
        NotFittedError
            If the net is not fitted.
        ValueError
            If `X` does not suit the net, or the net overflows.
        """
        Z2 = self._logits(self._checked(X))
        return self._targets.loss_function.log_probabilities(self._targets.class_logits(Z2))


class NumberPredictions(PredictionMixin):
    """Prediction method of a regressor."""

    _targets: NumberTargets

    @np.errstate(all="ignore")
    def predict(self, X: Any) -> Array:
        """Return the predicted numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the same features as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions in the units of the targets and the dtype of the weights.

        Raises
        ------
        NotFittedError
            If the net is not fitted.
        ValueError
            If `X` does not suit the net, or the net overflows.
        """
        Z2 = self._logits(self._checked(X))
        return self._targets.numbers(Z2)


class Snapshot(PredictionMixin, BaseEstimator):
    """The net during training, as an estimator for a scorer. It validates nothing.

    The methods of the estimator would validate `X` again in every epoch, and warn about feature names.
    """

    def __init__(self, network: Network, targets: Targets) -> None:
        self.network = network
        self.targets = self._targets = targets
        self._activation = network.activation
        for name, value in targets.attributes.items():
            setattr(self, name, value)
        self.coefs_, self.intercepts_ = network.coefs, network.parameters.intercepts
        self.n_features_in_ = len(self.coefs_[0])
        self.overflows = False  # whether logits were too large for their dtype

    def _checked(self, X: Matrix) -> Matrix:
        return X.astype(self.network.X.dtype, copy=False)

    def _logits_in_float64(self, X: Matrix) -> Array:
        self.overflows = True
        return super()._logits_in_float64(X)


class ClassifierSnapshot(ClassPredictions, ClassifierMixin, Snapshot):
    pass


class RegressorSnapshot(NumberPredictions, RegressorMixin, Snapshot):
    pass


def validation_score(
    network: Network, data: Data, scorer: Any = None, kind: type[Snapshot] = ClassifierSnapshot
) -> Callable[[], float]:
    """Return a function that returns the score of the current parameters on `data`, greater is better.

    `network` has the rows of `data` and the parameters that the solver updates. If `scorer` is None, the score is minus
    the loss. If the user gave sample weights, a scorer gets them as `sample_weight`.

    The score is nan if the loss is not finite. To save time, the loss is computed only if the scorer fails, its score
    is not finite, or logits overflow. ValueError is raised if the scorer fails or its score is not finite, but the loss
    is finite.
    """
    if scorer is None:
        return lambda: -network.loss()
    snapshot = kind(network, data.targets)
    weights = {} if data.w is None else {"sample_weight": data.w}

    def diverged() -> bool:
        return not np.isfinite(network.loss())

    def score() -> float:
        snapshot.overflows, snapshot.coefs_ = False, network.coefs
        try:
            value = float(scorer(snapshot, data.X, data.y, **weights))
        except Exception as error:
            if diverged():
                return np.nan
            if not isinstance(error, AttributeError | TypeError | ValueError):
                raise
            with_weights = ", with sample_weight," if weights else ""
            raise ValueError(f"scoring={scorer!r} fails{with_weights} on the validation set: {error}") from error
        if (snapshot.overflows or not np.isfinite(value)) and diverged():
            return np.nan
        if not np.isfinite(value):
            raise ValueError(
                f"Early stopping needs a finite score. scoring={scorer!r} gives {value} on the validation set. Use a "
                "scorer that is defined there, or a larger validation set."
            )
        return value

    return score
