"""Rows with their weights, and those that early stopping holds out."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import spmatrix
from sklearn.model_selection import train_test_split
from sklearn.utils.extmath import row_norms


class Data(NamedTuple):
    """Rows with their targets and weights."""

    X: np.ndarray | spmatrix  # (m, n0), dense or CSR
    y: np.ndarray  # labels as the user gave them, (m,) or (m, n2); for the network their encoding, Y, (m, n2)
    w: np.ndarray | None = None  # (m,), class weights multiplied in; float64, for the network in the dtype of X

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

    def astype(self, dtype: Any) -> "Data":
        """Return the same numbers in another dtype, for the network."""
        w = None if self.w is None else self.w.astype(dtype, copy=False)
        return Data(self.X.astype(dtype, copy=False), self.y.astype(dtype, copy=False), w)

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


def hold_out(data: Data, strata: np.ndarray | None, fraction: float, seed: int) -> tuple[Data, Data, bool]:
    """Split off a fraction of the rows, two at least, in which the `strata`, (m,), are as frequent as in the whole.

    Returns training and validation rows, and whether strata that were wanted could be kept: a part may be too small
    for a row of each. Raises ValueError where no row is left to train on.
    """
    m = len(data.y)
    n_validation = max(2, int(np.ceil(fraction * m)))
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
