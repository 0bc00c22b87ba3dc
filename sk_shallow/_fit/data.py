"""Rows with their weights, and those that early stopping holds out."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import spmatrix
from sklearn.model_selection import train_test_split
from sklearn.utils.extmath import row_norms


class Data(NamedTuple):
    """Rows with their labels and weights."""

    X: np.ndarray | spmatrix  # (m, n0), dense or CSR
    y: np.ndarray  # labels as the user gave them, (m,) or (m, n2)
    w: np.ndarray | None = None  # sample weights, (m,), float64
    c: np.ndarray | None = None  # weights of the rows' classes, (m,); of each label's, (m, n2), if multilabel

    def take(self, rows: np.ndarray) -> "Data":
        """Return some of the rows."""
        w, c = (None if part is None else part[rows] for part in (self.w, self.c))
        return Data(self.X[rows], self.y[rows], w, c)

    def weights(self) -> np.ndarray | None:
        """Return sample weights times class weights, (m, 1) or (m, n2), or None for all ones."""
        if self.w is None and self.c is None:
            return None
        w, c = (np.ones(1) if part is None else part for part in (self.w, self.c))
        return w.reshape(-1, 1) * (c if c.ndim == 2 else c.reshape(-1, 1))

    def normalized_weights(self) -> np.ndarray | None:
        """Return the weights with the mean 1; raises ValueError where all are zero, or one infinite."""
        w = self.weights()
        if w is None:
            return None
        largest = w.max()
        if not 0 < largest < np.inf:
            raise ValueError(
                f"sample_weight times class_weight must be finite, and positive for at least one row. It is "
                f"{largest:g} at most in the {len(w)} rows of the training or of the validation set."
            )
        w /= largest
        return w / w.mean()

    def n_weighted(self) -> int:
        """Return the number of rows with a positive weight."""
        w = self.weights()
        return len(self.y) if w is None else int(np.count_nonzero(w.any(axis=1)))

    def sample_size(self) -> float:
        """Return sum(w), which divides the penalty, or the number of rows with a weight where that is more.

        Integer weights thus equal repeated rows, and weights that sum to 1 do not let the penalty outweigh the data.
        Of weights that differ from label to label, it is the mean of their sums. A sum that overflows is the largest
        number there is.
        """
        w = self.weights()
        total = 0.0 if w is None else min(w.sum(axis=0).mean(), np.finfo(np.float64).max)
        return float(max(total, self.n_weighted()))

    def mean_squared_length(self) -> float:
        """Return the weighted mean of ``|x|^2``: the number of features, where they are standardized."""
        lengths = row_norms(self.X, squared=True).astype(np.float64)
        w = np.ones(len(lengths)) if self.w is None else self.w
        w = w if self.c is None else w * self.c.reshape(len(w), -1).any(axis=1)
        return float(np.average(lengths[w > 0], weights=w[w > 0] / w.max())) if w.any() else float(lengths.mean())


def hold_out(data: Data, strata: np.ndarray | None, fraction: float, seed: int) -> tuple[Data, Data, bool]:
    """Split off a fraction of the rows, two at least, in which the `strata`, (m,), are as frequent as in the whole.

    Returns training and validation rows, and whether strata that were wanted could be kept: a part may be too small
    for a row of each. Raises ValueError where no row is left to train on.
    """
    m = len(data.y)
    n_validation = max(2, int(np.ceil(float(fraction) * m)))
    if n_validation >= m:
        raise ValueError(
            f"early_stopping needs two rows to hold out and one to train on, and validation_fraction={fraction} of {m} "
            f"rows holds out {n_validation}. Change validation_fraction, give X_val and y_val, or set "
            "early_stopping=False."
        )
    counts = np.array([m]) if strata is None else np.unique(strata, return_counts=True)[1]
    stratified = counts.min() >= 2 and len(counts) <= min(n_validation, m - n_validation)
    stratify = strata if stratified else None
    parts = train_test_split(np.arange(m), test_size=n_validation, stratify=stratify, random_state=seed)
    return data.take(np.sort(parts[0])), data.take(np.sort(parts[1])), stratified
