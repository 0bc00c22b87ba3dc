"""Rows with their weights; the rows that early stopping keeps out of training, and the score of the net on them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import spmatrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.extmath import row_norms

from sk_shallow._network import Network
from sk_shallow._parameters import Parameters
from sk_shallow._targets import LogitsMixin, Targets
from sk_shallow.activations import Activation


class Data(NamedTuple):
    """Rows with their labels and weights.

    Attributes
    ----------
    X : ndarray or CSR sparse array of shape (m, n0)
    y : ndarray of shape (m,) or (m, n2)
        Labels as the user gave them.
    w : ndarray of shape (m,) or None
        Sample weights, class weights multiplied in; float64, whatever the dtype of `X`.
    """

    X: np.ndarray | spmatrix
    y: np.ndarray
    w: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Data":
        """Return some of the rows."""
        return Data(self.X[rows], self.y[rows], None if self.w is None else self.w[rows])

    def times(self, weights: np.ndarray | None) -> "Data":
        """Return the same rows with their weights multiplied by `weights`, (m,); None multiplies by 1."""
        if weights is None:
            return self
        return self._replace(w=weights if self.w is None else self.w * weights)

    def normalized(self) -> "Data":
        """Return the same rows with weights of mean 1; raises ValueError where all are zero, or one infinite."""
        if self.w is None:
            return self
        largest = self.w.max()
        if not 0 < largest < np.inf:
            raise ValueError(
                f"sample_weight times class_weight must be finite, and positive for at least one row. It is "
                f"{largest:g} at most in the {len(self.w)} rows of the training or of the validation set."
            )
        w = self.w / largest
        return self._replace(w=w / w.mean())

    def n_rows(self) -> int:
        """Return how many rows of positive weight there are, one that has k times the smallest weight being k rows.

        That holds where all weights are such multiples, up to 1,000 times: they then stand for repeated rows. Other
        weights do not count, so that only their ratios matter, and a very small one does not count for much.
        """
        if self.w is None or not self.w.any():
            return len(self.y)
        w = self.w[self.w > 0]
        if w.max() / 1001 > w.min():
            return len(w)
        times = w / w.min()
        return int(np.rint(times).sum()) if np.allclose(times, np.rint(times), rtol=1e-6, atol=0) else len(w)

    def mean_squared_length(self) -> float:
        """Return the weighted mean of ``|x|^2``: the number of features, where they are standardized."""
        with np.errstate(over="ignore"):
            lengths = row_norms(self.X, squared=True).astype(np.float64)
        if self.w is None or not self.w.any():
            return float(lengths.mean())
        kept = self.w > 0
        return float(np.average(lengths[kept], weights=self.w[kept] / self.w.max()))

    def network(self, parameters: Parameters, activation: Activation, targets: Targets, **penalties: float) -> Network:
        """Return the network of these rows, in the dtype of the parameters."""
        dtype = parameters.theta.dtype
        X, Y = self.X.astype(dtype, copy=False), targets.encode(self.y, dtype)
        w = None if self.w is None else self.w.astype(dtype)
        return Network(parameters, activation, targets.head, X, Y, w, **penalties)


def hold_out(data: Data, targets: Targets, fraction: float, seed: int) -> tuple[Data, Data]:
    """Split off a fraction of the rows, with the class frequencies of the whole.

    Returns training and validation rows. Multilabel rows are drawn without regard to their labels. Raises ValueError
    where there are not enough rows for that.
    """
    m, n_classes = len(data.y), len(targets.classes) if targets.stratified else 1
    n_validation = int(np.ceil(fraction * m))
    rarest = min(np.unique(data.y, return_counts=True)[1]) if targets.stratified else m
    if n_validation < n_classes or m - n_validation < n_classes or n_validation < 2 or rarest < 2:
        raise ValueError(
            f"The validation set is too small: early_stopping holds out validation_fraction={fraction} of {m} rows, "
            f"{n_validation}, and needs 2 rows at least, one of each of the {n_classes} classes, in it and in the rest "
            f"(the rarest class has {rarest}). Change validation_fraction, give X_val and y_val, or set "
            "early_stopping=False."
        )
    rows = np.arange(m)
    stratify = data.y if targets.stratified else None
    parts = train_test_split(rows, test_size=fraction, stratify=stratify, random_state=seed)
    return data.take(np.sort(parts[0])), data.take(np.sort(parts[1]))


class Snapshot(LogitsMixin, ClassifierMixin, BaseEstimator):
    """The net as it is in the middle of a fit, for a scorer: a classifier that validates nothing.

    The estimator's own methods would validate `X` again for every epoch, and warn of feature names.
    """

    def __init__(self, network: Network, targets: Targets) -> None:
        self.network = network
        self.targets = self._targets = targets
        self.classes_ = targets.classes
        self.n_features_in_ = network.parameters.sizes[0]
        self.coefs_ = [network.parameters.W1, network.parameters.W2]
        self.intercepts_ = [network.parameters.b1, network.parameters.b2]

    def _logits(self, X: np.ndarray | spmatrix) -> np.ndarray:
        return self.network.logits(X.astype(self.network.X.dtype, copy=False))


def validation_score(network: Network, targets: Targets, data: Data, scorer: Any = None) -> Callable[[], float]:
    """Return the function that scores the present parameters on `data`, greater is better.

    The `network` is that of the same rows, on the parameters that the solver steps on. ``scorer(estimator, X, y)`` is
    called with `sample_weight` where there are weights; None scores by minus the log loss, in nats per sample. The
    score is nan where the loss is not finite; ValueError is raised where the scorer alone gives no finite number.
    """
    if scorer is None:
        return lambda: -network.loss()
    snapshot = Snapshot(network, targets)
    weights = {} if data.w is None else {"sample_weight": data.w}

    def score() -> float:
        if not np.isfinite(network.loss()):
            return np.nan  # the fit has diverged; a scorer would blame its input
        value = float(scorer(snapshot, data.X, data.y, **weights))
        if not np.isfinite(value):
            raise ValueError(
                f"scoring={scorer!r} gives {value} on the validation set, and early stopping needs a number. Choose a "
                "scorer that is defined there, or a larger validation set."
            )
        return value

    return score
