"""Checked rows with their labels and weights; distinct rows; the rows that early stopping holds out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import fsum
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.extmath import row_norms

from sk_shallow._fit.distinct import distinct_rows
from sk_shallow._fit.targets import Targets


@dataclass(frozen=True)
class Data:
    """Rows with their labels, the meaning of the labels, and weights."""

    matrix: Any  # what the user gave as X, dense or CSR
    y: np.ndarray  # labels as the user gave them, (m,) or (m, n2)
    targets: Targets
    w: np.ndarray | None = None  # sample weights, (m,), float64
    c: np.ndarray | None = None  # class weights of the rows, (m,); if multilabel, of each label, (m, n2)
    rows: np.ndarray | None = None  # the rows of `matrix` that these are, (m,); None: all
    given: "Data | None" = None  # if these rows are distinct: the rows as the user gave them
    numbers: np.ndarray | None = None  # of each given row among the distinct ones; -1 if it has no weight

    @cached_property
    def X(self) -> Any:
        """The rows, (m, n0). It copies a part of the matrix, or all of it if rows are distinct, when first used."""
        if self.rows is None:
            return self.matrix
        if not issparse(self.matrix):
            X = self.matrix.take(self.rows, axis=0)
            return np.add(X, 0, out=X) if self.given else X  # -0.0 becomes 0.0
        X = self.matrix[self.rows]
        if self.given:
            X.eliminate_zeros()
        return X

    @property
    def as_given(self) -> "Data":
        """The same rows as the user gave them, before equal ones were merged."""
        return self.given or self

    def for_scorer(self) -> "Data":
        """Return the rows as the user gave them, but in the order of the distinct rows if those are used."""
        if self.given is None or self.numbers is None:
            return self
        w = np.ones(len(self.numbers)) if self.given.w is None else self.given.w
        order = np.lexsort((w, self.numbers))
        return self.given.take(order[np.count_nonzero(self.numbers < 0) :])

    def take(self, rows: np.ndarray) -> "Data":
        w, c = (None if part is None else part[rows] for part in (self.w, self.c))
        part = replace(self, y=self.y[rows], w=w, c=c, rows=rows if self.rows is None else self.rows[rows])
        if self.given is None or self.numbers is None:
            return part
        new_numbers = np.full(len(self.y) + 1, -1)  # the last one is that of rows without weight
        new_numbers[rows] = np.arange(len(rows))
        numbers = new_numbers[self.numbers]
        return replace(part, given=self.given.take(np.flatnonzero(numbers >= 0)), numbers=numbers[numbers >= 0])

    def distinct(self) -> "Data":
        """Return each distinct row ``(x, y)`` of positive weight once, with the sum of its weights.

        The order of the result depends on the rows, not on their order.
        """
        if self.given is not None:
            return self
        w = np.ones(len(self.y)) if self.w is None else self.w
        weighted = np.flatnonzero(w)
        numbers = np.full(len(w), -1)
        numbers[weighted] = np.unique(distinct_rows(self.X, self.y)[weighted], return_inverse=True)[1]
        order = weighted[np.lexsort((w[weighted], numbers[weighted]))]  # the order of the rows must not change the sums
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        rows = order[starts]
        sums = None
        if self.w is not None or len(rows) < len(w):
            sums = np.minimum(np.add.reduceat(w[order], starts), np.finfo(np.float64).max)
        c = None if self.c is None else self.c[rows]
        rows_of_matrix = rows if self.rows is None else self.rows[rows]
        return replace(self, y=self.y[rows], w=sums, c=c, rows=rows_of_matrix, given=self, numbers=numbers)

    def with_class_weights(self, class_weights: Callable[[np.ndarray], np.ndarray | None]) -> "Data":
        given = None if self.given is None else self.given.with_class_weights(class_weights)
        return replace(self, c=class_weights(self.y), given=given)

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

    def weights_of_part(self) -> np.ndarray | None:
        """Return the weights for `partial_fit`: as given, so that a weight of 2 doubles the gradient of a row.

        The weights of distinct rows are scaled, because the gradient is a mean over the given rows.
        """
        w = self.weights()
        if w is None or self.given is None or not w.any():
            return w
        return self.normalized_weights() * (w.sum(axis=0).mean() / len(self.given.y))

    def n_weighted(self) -> int:
        """Return the number of rows with a positive weight."""
        w = self.weights()
        return len(self.y) if w is None else int(np.count_nonzero(w.any(axis=1)))

    def sample_size(self) -> float:
        """Return the divisor of the penalty: the sum of weights, at least the number of given rows with weight.

        Integer weights thus equal repeated rows, and weights that sum to 1 do not let the penalty outweigh the data.
        If the sum overflows, the largest float is used. Sums per label are averaged.
        """
        w = self.weights()
        total = 0.0 if w is None else min(w.sum(axis=0).mean(), np.finfo(np.float64).max)
        return float(max(total, self.as_given.n_weighted()))

    def mean_squared_length(self) -> float:
        """Return q, the weighted mean of ``|x|^2``: the number of features, if they are standardized."""
        lengths = row_norms(self.X, squared=True).astype(np.float64)
        w = np.ones(len(lengths)) if self.w is None else self.w
        w = w if self.c is None else w * self.c.reshape(len(w), -1).any(axis=1)
        w = w / w.max() if w.any() else np.ones(len(w))
        return fsum((w * lengths)[w > 0]) / fsum(w)  # exact sums, which do not depend on the order of the rows


def hold_out(data: Data, fraction: float, seed: int) -> tuple[Data, Data, bool]:
    """Hold out a fraction of the rows, at least two, stratified by class where targets allow it.

    Returns training rows, validation rows, and False if the rows should be stratified but cannot be.
    Raises ValueError if no row is left to train on.
    """
    m, strata = len(data.y), data.targets.strata(data.y)
    n_validation = max(2, int(np.ceil(float(fraction) * m)))
    if n_validation >= m:
        rows = "distinct rows with weight" if data.given else "rows"
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
