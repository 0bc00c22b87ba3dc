"""Checked rows with their labels and weights, and the rows that early stopping holds out."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.extmath import row_norms

from sk_shallow._fit.targets import Targets


@dataclass(frozen=True)
class Data:
    """Rows with their labels, the meaning of the labels, and weights."""

    X: Any  # (m, n0), dense or CSR
    y: np.ndarray  # labels as the user gave them, (m,) or (m, n2)
    targets: Targets
    w: np.ndarray | None = None  # sample weights, (m,), float64
    c: np.ndarray | None = None  # class weights of the rows, (m,); if multilabel, of each label, (m, n2)

    def take(self, rows: np.ndarray) -> "Data":
        w, c = (None if part is None else part[rows] for part in (self.w, self.c))
        return replace(self, X=self.X[rows], y=self.y[rows], w=w, c=c)

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

    def n_weighted(self) -> int:
        """Return the number of rows with a positive weight."""
        w = self.weights()
        return len(self.y) if w is None else int(np.count_nonzero(w.any(axis=1)))

    def sample_size(self) -> float:
        """Return the divisor of the penalty: the sum of weights, at least the number of rows with weight.

        Integer weights thus equal repeated rows, and weights that sum to 1 do not let the penalty outweigh the data.
        If the sum overflows, the largest float is used. Sums per label are averaged.
        """
        w = self.weights()
        total = 0.0 if w is None else min(w.sum(axis=0).mean(), np.finfo(np.float64).max)
        return float(max(total, self.n_weighted()))

    def mean_squared_length(self) -> float:
        """Return q, the weighted mean of ``|x|^2``: the number of features, if they are standardized."""
        lengths = row_norms(self.X, squared=True).astype(np.float64)
        w = np.ones(len(lengths)) if self.w is None else self.w
        w = w if self.c is None else w * self.c.reshape(len(w), -1).any(axis=1)
        return float(np.average(lengths[w > 0], weights=w[w > 0] / w.max())) if w.any() else float(lengths.mean())


def hold_out(data: Data, fraction: float, seed: int) -> tuple[Data, Data, bool]:
    """Hold out a fraction of the rows, at least two, stratified by class where targets allow it.

    Returns training rows, validation rows, and False if the rows should be stratified but cannot be.
    Raises ValueError if no row is left to train on.
    """
    m, strata = len(data.y), data.targets.strata(data.y)
    n_validation = max(2, int(np.ceil(float(fraction) * m)))
    if n_validation >= m:
        raise ValueError(
            f"early_stopping needs two rows to hold out and one to train on, but validation_fraction={fraction} holds "
            f"out {n_validation} of {m} rows. Change validation_fraction, pass X_val and y_val, or set "
            "early_stopping=False."
        )
    counts = np.array([m]) if strata is None else np.unique(strata, return_counts=True)[1]
    stratified = bool(counts.min() >= 2 and len(counts) <= min(n_validation, m - n_validation))
    stratify = strata if stratified else None
    parts = train_test_split(np.arange(m), test_size=n_validation, stratify=stratify, random_state=seed)
    return data.take(np.sort(parts[0])), data.take(np.sort(parts[1])), stratified
