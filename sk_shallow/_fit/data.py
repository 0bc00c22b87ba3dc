"""Checked rows with their labels and weights; distinct rows; the rows that early stopping holds out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.extmath import row_norms

from sk_shallow._fit.distinct import distinct_index, first_and_sum, index_by_group, may_have_copies, n_distinct
from sk_shallow._fit.targets import Targets
from sk_shallow._model.network import rows_per_block, slices

# Draw whole groups again if their numbers of rows per class are off by more than this share of all rows wanted.
MAX_DRAWS, SMALL_ERROR = 10, 0.05
MAX_DENSE_NUMBERS = 2**20  # numbers of a small sparse matrix, zeros included


def computed_once(compute: Callable[[Any], Any]) -> Any:
    """Return a property that is computed at first use, like functools.cached_property, but without a lock.

    In Python 3.11, that one has a lock for all objects: a forked child could wait for it forever. Remove this
    function when Python 3.12 is the lowest version.
    """

    @wraps(compute)
    def value(owner: Any) -> Any:
        kept, name = vars(owner), f"{compute.__name__}_once"
        if name not in kept:
            kept[name] = compute(owner)
        return kept[name]

    return property(value)


@dataclass(frozen=True)
class Data:
    """Rows with their labels, the meaning of the labels, and weights."""

    matrix: Any  # what the user gave as X, dense or CSR
    y: np.ndarray  # labels as the user gave them, (m,) or (m, n2)
    targets: Targets
    w: np.ndarray | None = None  # sample weights, (m,), float64
    c: np.ndarray | None = None  # class weights of the rows, (m,); if multilabel, of each label, (m, n2)
    groups: np.ndarray | None = None  # index of the group of each row, (m,); None: not given, or merged across groups
    rows: np.ndarray | None = None  # indices of these rows in `matrix`, (m,); None: all rows of `matrix`
    unmerged: "Data | None" = None  # the rows before equal ones were merged; None if they were not merged
    index: Any = None  # for each unmerged row: its index in these rows; -1 if its weight is 0

    @computed_once
    def X(self) -> Any:
        """The rows, (m, n0): `matrix` itself if `rows` is None, otherwise a copy that is made at first use."""
        if self.rows is None:
            return self.matrix
        return self.matrix[self.rows] if self.unmerged is None else rows_in_c_order(self.matrix, self.rows)

    @property
    def given(self) -> "Data":
        """The rows before equal ones were merged. If they were not merged, this object."""
        return self.unmerged or self

    def rows_for_scorer(self) -> "Data":
        """Return the given rows in the order in which a scorer gets them.

        If equal ones were merged, rows of weight 0 are left out, and the others are sorted, so that the score does not
        depend on the order of the given rows.
        """
        if self.unmerged is None:
            return self
        w = np.ones(len(self.index)) if self.unmerged.w is None else self.unmerged.w
        order = np.lexsort((w, self.index))
        return self.unmerged.take(order[np.count_nonzero(self.index < 0) :])

    def take(self, rows: np.ndarray) -> "Data":
        w, c, groups, indices = (
            None if part is None else part[rows] for part in (self.w, self.c, self.groups, self.rows)
        )
        indices = rows if indices is None else indices
        part = replace(self, y=self.y[rows], w=w, c=c, groups=groups, rows=indices)
        if self.unmerged is None:
            return part
        new_index = np.full(len(self.y) + 1, -1)  # the last one is for index -1, rows of weight 0
        new_index[rows] = np.arange(len(rows))
        index = new_index[self.index]
        return replace(part, unmerged=self.unmerged.take(np.flatnonzero(index >= 0)), index=index[index >= 0])

    def split_groups(self) -> np.ndarray:
        """Return the index of the group of each row, (m,), that a split must keep together.

        If no groups were given, all copies of a row ``(x, y)`` are a group.
        """
        if self.groups is not None:
            return self.groups
        if self.unmerged is None and may_have_copies(self.X):  # much faster than the index
            return distinct_index(self.X, self.y)
        return np.arange(len(self.y))

    def merged(self, across_groups: bool = False) -> "Data":
        """Merge equal rows ``(x, y)`` of a group, or `across_groups`, and add their weights. Drop rows of weight 0.

        The result is sorted, so it depends neither on the order of the given rows nor on the names of the groups.
        """
        if self.unmerged is not None:
            same = self.unmerged.groups is None or across_groups == (self.groups is None)
            return self if same else self.unmerged.merged(across_groups)
        w = np.ones(len(self.y)) if self.w is None else self.w
        groups = None if across_groups else self.groups
        weighted = np.flatnonzero(w)
        index = np.full(len(w), -1)
        index[weighted] = np.unique(distinct_index(self.X, self.y)[weighted], return_inverse=True)[1]
        if groups is not None:
            index[weighted] = index_by_group(index[weighted], groups[weighted], w[weighted])
        first, sums = first_and_sum(index[weighted], w[weighted])
        part = replace(self, groups=groups).take(weighted[first])
        all_ones = self.w is None and len(first) == len(w)
        sums = np.minimum(sums, np.finfo(np.float64).max)
        return replace(part, w=None if all_ones else sums, unmerged=self, index=index)

    def with_weight(self) -> "Data":
        """Return the rows without those of weight 0."""
        has_weight = self._has_weight()
        return self if has_weight.all() else self.take(np.flatnonzero(has_weight))

    def with_class_weights(self, class_weights: Callable[[np.ndarray], np.ndarray | None]) -> "Data":
        unmerged = None if self.unmerged is None else self.unmerged.with_class_weights(class_weights)
        return replace(self, c=class_weights(self.y), unmerged=unmerged)

    def with_fitted_targets(self) -> "Data":
        """Return the rows with the mean and scale of their targets, if they are numbers."""
        return self.with_targets(self.targets.fitted_to(self.y, self.w))

    def with_limits(self) -> "Data":
        """Return the rows with the limits of predictions that they set, if the targets have limits."""
        return self.with_targets(self.targets.limited_to(self))

    def with_targets(self, targets: Targets) -> "Data":
        if targets is self.targets:
            return self
        unmerged = None if self.unmerged is None else self.unmerged.with_targets(targets)
        return replace(self, targets=targets, unmerged=unmerged)

    def classes(self) -> np.ndarray:
        """Return the index of the class, or set of labels, of each row, (m,). Numbers are one class."""
        return distinct_index(self.y) if self.targets.has_classes else np.zeros(len(self.y), dtype=int)

    def weights(self) -> np.ndarray | None:
        """Return sample weights times class weights, (m, 1) or (m, n2), or None for all ones."""
        if self.w is None and self.c is None:
            return None
        w, c = (np.ones(1) if part is None else part for part in (self.w, self.c))
        return w.reshape(-1, 1) * c.reshape(len(c), -1)

    def normalized_weights(self) -> np.ndarray | None:
        """Return the weights, scaled to mean 1. Raises ValueError if all are zero or one is infinite."""
        w = self.weights()
        if w is None:
            return None
        largest = w.max()
        if not 0 < largest < np.inf:
            raise ValueError(
                "sample_weight times class_weight must be finite, and positive for at least one row of the training "
                f"set and of the validation set. Got at most {largest:g} in {len(w)} rows. Pass smaller weights, or "
                "give a class that has rows a positive weight."
            )
        w /= largest
        return w / w.mean()

    def weights_for_partial_fit(self) -> np.ndarray | None:
        """Return the weights for `partial_fit`: as given, so that a weight of 2 doubles the gradient of a row.

        If rows were merged, the weights are multiplied by (merged rows / given rows), because the gradient is a mean
        over the given rows. This is done as in `fit`, so that both give the same bits.
        """
        w = self.weights()
        if w is None or self.unmerged is None or not w.any():
            return w
        return self.normalized_weights() * (w.sum(axis=0).mean() / len(self.unmerged.y))

    def n_weighted(self) -> int:
        """Return the number of rows with a positive weight."""
        return int(np.count_nonzero(self._has_weight()))

    def _has_weight(self) -> np.ndarray:
        w: Any = self.weights()
        return np.ones(len(self.y), dtype=bool) if w is None else w.any(axis=1)

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
        return _sum_in_any_order((w * lengths)[w > 0]) / _sum_in_any_order(w[w > 0])


def _sum_in_any_order(values: np.ndarray) -> float:
    """Return a sum that does not depend on the order of the values. This sorts them."""
    values.sort()
    return float(values.sum())


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

    The rows of a group (see `Data.split_groups`) stay together, so the fraction is met as nearly as groups allow. Rows
    of weight 0 are in neither part.

    Returns training rows, validation rows, and False if the rows should be stratified but cannot be.
    Raises ValueError if there are too few rows or groups.
    """
    rows = (data if data.unmerged is None else data.merged()).with_weight()
    m, groups, strata = len(rows.y), rows.split_groups(), rows.targets.strata(rows.y)
    n_groups, n_validation = n_distinct(groups), max(2, int(np.ceil(float(fraction) * m)))
    _check_sizes(rows, n_groups, n_validation, fraction)
    if n_groups == m:
        is_held_out, stratified = _choose_rows(m, strata, n_validation, seed)
    else:
        is_held_out, stratified = _choose_groups(groups, strata, n_validation, seed)
    training, validation = (rows.take(np.flatnonzero(is_held_out == side)) for side in (False, True))
    if data.unmerged is not None:
        training, validation = training.merged(across_groups=True), validation.merged(across_groups=True)
    return training, validation, stratified


def _check_sizes(data: Data, n_groups: int, n_validation: int, fraction: float) -> None:
    """Raise ValueError if there are too few rows or groups to hold out some of them."""
    m = len(data.y)
    if data.groups is not None and n_groups < 2:
        without_weight = "" if data.given.w is None else " (without those of weight 0)"
        needed = f"two groups: one to hold out and one to train on. Got {n_groups}{without_weight}. Leave groups out"
    elif n_validation >= m or (data.groups is None and n_groups < 3):
        m, n_validation = (n_groups, 2) if n_groups < 3 else (m, n_validation)
        without_weight = "" if data.given.w is None else ", and rows of weight 0 not at all"
        needed = (
            f"two rows to hold out and one to train on, but validation_fraction={fraction} holds out {n_validation} of "
            f"{m} rows (equal ones count once{without_weight}). Change validation_fraction"
        )
    else:
        return
    raise ValueError(f"early_stopping needs {needed}, pass X_val and y_val, or set early_stopping=False.")


def _choose_rows(m: int, strata: np.ndarray | None, n_validation: int, seed: int) -> tuple[np.ndarray, bool]:
    """Return whether each row is held out, (m,), and False if the rows should be stratified but cannot be."""
    counts = np.array([m]) if strata is None else np.unique(strata, return_counts=True)[1]
    stratified = bool(counts.min() >= 2 and len(counts) <= min(n_validation, m - n_validation))
    stratify = strata if stratified else None
    _, rows = train_test_split(np.arange(m), test_size=n_validation, stratify=stratify, random_state=seed)
    is_held_out = np.zeros(m, dtype=bool)
    is_held_out[rows] = True
    return is_held_out, stratified


def _choose_groups(
    groups: np.ndarray, strata: np.ndarray | None, n_validation: int, seed: int
) -> tuple[np.ndarray, bool]:
    """Choose whole groups, the best of some draws. Returns the same as `_choose_rows`.

    The names of groups and classes do not matter. (`StratifiedGroupKFold` holds out only fractions of ``1 / k``, and
    refuses rare classes.)
    """
    m, groups, rng = len(groups), in_order_of_appearance(groups), check_random_state(seed)
    enough = strata is None or len(np.unique(strata)) <= n_validation
    classes = in_order_of_appearance(strata if strata is not None and enough else np.zeros(m))
    classes = np.argsort(np.argsort(np.bincount(classes), kind="stable"))[classes]  # the rarest first
    wanted, smallest = n_validation / m * np.bincount(classes), np.inf
    for _ in range(MAX_DRAWS):
        is_drawn = _draw_groups(groups, classes, n_validation / m, rng)
        n_drawn = np.bincount(classes[is_drawn], minlength=len(wanted))
        error = np.abs(n_drawn - wanted).sum() / n_validation
        if error < smallest:
            is_held_out, n_held_out, smallest = is_drawn, n_drawn, error
        if error < SMALL_ERROR:
            break
    n_groups = np.bincount(np.unique(classes * m + groups) // m)
    return is_held_out, enough and bool(np.all((n_groups > 1) & ((n_held_out > 0) | (wanted < 1))))


def _draw_groups(groups: np.ndarray, classes: np.ndarray, fraction: float, rng: np.random.RandomState) -> np.ndarray:
    """Return whether each row is drawn, (m,): about this fraction of each class, in whole groups.

    Class by class, groups are drawn until the number of rows of this class is as near as possible to the wanted number.
    A group with twice that number of rows or more is never drawn, nor is the only group of a class.
    """
    n_groups = groups.max() + 1
    groups = rng.permutation(n_groups)[groups]
    pairs, counts = np.unique(classes * n_groups + groups, return_counts=True)
    ends = np.flatnonzero(np.diff(pairs // n_groups)) + 1
    parts = list(zip(np.split(pairs % n_groups, ends), np.split(counts, ends), strict=True))
    is_drawn, is_decided, shortfall = np.zeros(n_groups, dtype=bool), np.zeros(n_groups, dtype=bool), 0.0
    for members, _ in parts:
        is_decided[members] |= len(members) == 1
    for members, counts in parts:
        wanted = fraction * counts.sum() - counts[is_drawn[members]].sum() + shortfall
        small = np.flatnonzero(~is_decided[members] & (counts < 2 * wanted))
        sums = np.append(0, counts[small].cumsum())
        n_drawn = min(np.abs(sums - wanted).argmin(), max(0, np.count_nonzero(~is_decided[members]) - 1))
        is_drawn[members[small[:n_drawn]]] = is_decided[members] = True
        shortfall = max(0.0, wanted) - sums[n_drawn]
    if not is_drawn.any():
        is_drawn[np.bincount(groups).argmin()] = True
    return is_drawn[groups]


def dense_if_small(X: Any) -> Any:
    """Return a small sparse matrix as an array, and any other X as it is."""
    return X.toarray() if issparse(X) and X.shape[0] * X.shape[1] <= MAX_DENSE_NUMBERS else X


def in_order_of_appearance(labels: np.ndarray) -> np.ndarray:
    """Return numbers for labels: 0 for the first label, 1 for the second, and so on."""
    _, first, index = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[index]
