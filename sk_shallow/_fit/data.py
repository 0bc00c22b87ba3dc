"""Checked rows with their labels and weights; distinct rows; the rows that early stopping holds out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.extmath import row_norms

from sk_shallow._fit.distinct import distinct_index
from sk_shallow._fit.targets import Targets
from sk_shallow._model.network import rows_per_block, slices


@dataclass(frozen=True)
class Data:
    """Rows with their labels, the meaning of the labels, and weights."""

    matrix: Any  # what the user gave as X, dense or CSR
    y: np.ndarray  # labels as the user gave them, (m,) or (m, n2)
    targets: Targets
    w: np.ndarray | None = None  # sample weights, (m,), float64
    c: np.ndarray | None = None  # class weights of the rows, (m,); if multilabel, of each label, (m, n2)
    rows: np.ndarray | None = None  # indices of these rows in `matrix`, (m,); None: all rows of `matrix`
    unmerged: "Data | None" = None  # the rows before equal ones were merged; None if they were not merged
    index: Any = None  # for each unmerged row: its index in these rows; -1 if its weight is 0

    @property
    def X(self) -> Any:
        """The rows, (m, n0): `matrix` itself if `rows` is None, otherwise a copy that is made at first use."""
        if self.rows is None:
            return self.matrix
        kept = vars(self)  # functools.cached_property has one lock for all objects in Python 3.11
        if "_X" not in kept:
            kept["_X"] = self.matrix[self.rows] if self.unmerged is None else rows_in_c_order(self.matrix, self.rows)
        return kept["_X"]

    @property
    def given(self) -> "Data":
        """The rows before equal ones were merged. If they were not merged, this object."""
        return self.unmerged or self

    def rows_for_scorer(self) -> "Data":
        """Return the rows before equal ones were merged.

        If they were merged, rows of weight 0 are left out, and the others are sorted, so that the score does not depend
        on the order of the given rows.
        """
        if self.unmerged is None:
            return self
        w = np.ones(len(self.index)) if self.unmerged.w is None else self.unmerged.w
        order = np.lexsort((w, self.index))
        return self.unmerged.take(order[np.count_nonzero(self.index < 0) :])

    def take(self, rows: np.ndarray) -> "Data":
        w, c = (None if part is None else part[rows] for part in (self.w, self.c))
        part = replace(self, y=self.y[rows], w=w, c=c, rows=rows if self.rows is None else self.rows[rows])
        if self.unmerged is None:
            return part
        new_index = np.full(len(self.y) + 1, -1)  # the last one is for index -1, rows of weight 0
        new_index[rows] = np.arange(len(rows))
        index = new_index[self.index]
        return replace(part, unmerged=self.unmerged.take(np.flatnonzero(index >= 0)), index=index[index >= 0])

    def merged(self) -> "Data":
        """Merge equal rows ``(x, y)`` and add their weights. Rows of weight 0 are left out.

        The result is sorted, so it does not depend on the order of the given rows.
        """
        if self.unmerged is not None:
            return self
        w = np.ones(len(self.y)) if self.w is None else self.w
        weighted = np.flatnonzero(w)
        index = np.full(len(w), -1)
        index[weighted] = np.unique(distinct_index(self.X, self.y)[weighted], return_inverse=True)[1]
        order = weighted[np.lexsort((w[weighted], index[weighted]))]  # for sums that do not depend on the order
        starts = np.flatnonzero(np.diff(index[order], prepend=-1))
        rows = order[starts]
        sums = None
        if self.w is not None or len(rows) < len(w):
            sums = np.minimum(np.add.reduceat(w[order], starts), np.finfo(np.float64).max)
        c = None if self.c is None else self.c[rows]
        rows_of_matrix = rows if self.rows is None else self.rows[rows]
        return replace(self, y=self.y[rows], w=sums, c=c, rows=rows_of_matrix, unmerged=self, index=index)

    def with_class_weights(self, class_weights: Callable[[np.ndarray], np.ndarray | None]) -> "Data":
        unmerged = None if self.unmerged is None else self.unmerged.with_class_weights(class_weights)
        return replace(self, c=class_weights(self.y), unmerged=unmerged)

    def weights(self) -> np.ndarray | None:
        """Return sample weights times class weights, (m, 1) or (m, n2), or None for all ones."""
        if self.w is None and self.c is None:
            return None
        w, c = (np.ones(1) if part is None else part for part in (self.w, self.c))
        return w.reshape(-1, 1) * (c if c.ndim == 2 else c.reshape(-1, 1))

    def normalized_weights(self) -> np.ndarray | None:
        """Return the weights, scaled to mean 1. Raises ValueError if all are zero or one is infinite."""
        w = self.weights()
        if w is None:
            return None
        largest = w.max()
        if not 0 < largest < np.inf:
            raise ValueError(
                "sample_weight times class_weight must be finite, and positive for at least one row of the training "
                f"set and of the validation set. Got at most {largest:g} in {len(w)} rows."
            )
        w /= largest
        return w / w.mean()

    def weights_for_partial_fit(self) -> np.ndarray | None:
        """Return the weights for `partial_fit`: as given, so that a weight of 2 doubles the gradient of a row.

        The weights of distinct rows are multiplied by their number and divided by that of the given rows, because the
        gradient is a mean over these. This is done as in `fit`, so that both give the same bits.
        """
        w = self.weights()
        if w is None or self.unmerged is None or not w.any():
            return w
        return self.normalized_weights() * (w.sum(axis=0).mean() / len(self.unmerged.y))

    def n_weighted(self) -> int:
        """Return the number of rows with a positive weight."""
        w = self.weights()
        return len(self.y) if w is None else int(np.count_nonzero(w.any(axis=1)))

    def sample_size(self) -> float:
        """Return the divisor of the penalty: the sum of weights, at least the number of given rows with weight.

        Integer weights thus equal repeated rows, and weights that sum to 1 do not let the penalty outweigh the data.
        Class weights do not either: the sum of the sample weights alone is another lower bound. If a sum overflows, the
        largest float is used. Sums per label are averaged.
        """
        w, n = self.weights(), self.given.n_weighted()
        if w is None:
            return float(n)
        total, largest = w.sum(axis=0).mean(), np.finfo(np.float64).max
        without_classes = 0.0 if self.w is None else self.w[w.any(axis=1)].sum()
        return float(max(min(total, largest), min(without_classes, largest), n))

    def mean_squared_length(self) -> float:
        """Return q, the weighted mean of ``|x|^2``: the number of features, if they are standardized."""
        lengths = row_norms(self.X, squared=True).astype(np.float64)
        w = np.ones(len(lengths)) if self.w is None else self.w
        w = w if self.c is None else w * self.c.reshape(len(w), -1).any(axis=1)
        w = w / w.max() if w.any() else np.ones(len(w))
        return fsum((w * lengths)[w > 0]) / fsum(w)  # exact sums, which do not depend on the order of the rows


def rows_in_c_order(matrix: Any, rows: np.ndarray) -> Any:
    """Return a copy of some rows without stored zeros, row by row in memory, so that no bit depends on the layout."""
    if issparse(matrix):
        X = matrix[rows]
        X.eliminate_zeros()
        return X
    if matrix.flags.c_contiguous:
        return matrix.take(rows, axis=0)
    X = np.empty((len(rows), matrix.shape[1]), dtype=matrix.dtype)  # `take` would copy all of the matrix first
    for part in slices(len(rows), rows_per_block(matrix.shape[1])):
        X[part] = matrix[rows[part]]
    return X


def hold_out(data: Data, fraction: float, seed: int) -> tuple[Data, Data, bool]:
    """Hold out a fraction of the rows, at least two, stratified by class where targets allow it.

    Returns training rows, validation rows, and False if the rows should be stratified but cannot be.
    Raises ValueError if no row is left to train on.
    """
    m, strata = len(data.y), data.targets.strata(data.y)
    n_validation = max(2, int(np.ceil(float(fraction) * m)))
    if n_validation >= m:
        rows = "rows (equal ones count once, and rows of weight 0 not at all)" if data.unmerged else "rows"
        raise ValueError(
            f"early_stopping needs two rows to hold out and one to train on, but validation_fraction={fraction} holds "
            f"out {n_validation} of {m} {rows}. Change validation_fraction, pass X_val and y_val, or set "
            "early_stopping=False."
        )
    counts = np.array([m]) if strata is None else np.unique(strata, return_counts=True)[1]
    stratified = bool(counts.min() >= 2 and len(counts) <= min(n_validation, m - n_validation))
    stratify = strata if stratified else None
    parts = train_test_split(np.arange(m), test_size=n_validation, stratify=stratify, random_state=seed)
    return data.take(np.sort(parts[0])), data.take(np.sort(parts[1])), stratified
