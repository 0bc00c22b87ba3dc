"""Find equal rows: give equal rows the same index, whatever the order of the rows.

Rows are compared by hashes first. The hash of a row is the sum of the hashes of its elements, modulo 2^64. Each column
has its own constant. The hash of 0 is 0, so stored zeros of a sparse row do not change its hash. Rows with equal hashes
are then compared element by element. If two of them differ, all rows are hashed again with other constants.

Distinct rows are sorted by a projection, not by their hashes. So if values change in their last bits, for example
because another machine scaled them, almost all rows keep their places.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._model.network import slices

HALF = np.uint64(32)  # of the bits
BLOCK_VALUES = 2**15  # elements of X that are hashed or compared at a time


def distinct_index(*columns: Any) -> np.ndarray:
    """Return the index of each row in the sorted list of distinct rows, (n,).

    The rows consist of all `columns` together. Each is an array of labels, (n,), or of finite numbers, (n, k), dense or
    CSR. Rows are sorted by the first one, then by the second, and so on.
    """
    n = columns[0].shape[0]
    index = np.zeros(n, dtype=np.int64)
    for column in columns:
        own = np.unique(column, return_inverse=True)[1] if column.ndim == 1 else _index(column)
        index = np.unique(index * n + own, return_inverse=True)[1]
    return index


def may_have_copies(X: Any) -> bool:
    """Return False if all rows differ. True can mean that only hashes are equal."""
    return n_distinct(row_hashes(X, 0)) < X.shape[0]


def n_distinct(values: np.ndarray) -> int:
    """Return how many distinct values there are. With many, `np.unique` takes ten times as long."""
    return 1 + int(np.count_nonzero(np.diff(np.sort(values))))


def first_and_sum(index: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of each index 0, 1, ..., and the sum of its weights, which does not depend on the order of rows."""
    order = np.lexsort((w, index))
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    return order[starts], np.add.reduceat(w[order], starts)


def index_by_group(index: np.ndarray, groups: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the index of each row in the sorted list of distinct pairs of `index` and group, (n,).

    Pairs with the same `index` are sorted by a hash of all the rows and weights of their group. So neither the order of
    the rows nor the names of the groups matter.
    """
    n = len(index)
    groups = np.unique(groups, return_inverse=True)[1]
    pairs = np.unique(groups * n + index, return_inverse=True)[1]
    first, sums = first_and_sum(pairs, w)
    hashes = row_hashes(np.stack([index[first], sums], axis=1), 0)
    hashes ^= hashes >> HALF  # otherwise two groups that exchange the weights of two rows would be equal
    hashes *= hashes | np.uint64(1)
    of_group = np.add.reduceat(hashes, np.flatnonzero(np.diff(groups[first], prepend=-1)))
    ranks = np.argsort(np.argsort(of_group, kind="stable"), kind="stable")
    return np.unique(index * n + ranks[groups], return_inverse=True)[1]


def _index(X: Any) -> np.ndarray:
    n = X.shape[0]
    index = np.zeros(n, dtype=np.int64)
    for seed in count():
        ranks = np.unique(row_hashes(X, seed), return_inverse=True)[1]
        _, first, index = np.unique(index * n + ranks, return_index=True, return_inverse=True)
        copies = np.flatnonzero(first[index] != np.arange(n))
        if _rows_equal(X, copies, first[index[copies]]):
            break
    ranks = np.empty_like(first)
    ranks[np.argsort(_projections(X, first), kind="stable")] = np.arange(len(first))
    return ranks[index]


def _projections(X: Any, rows: np.ndarray) -> np.ndarray:
    """Return a weighted sum of the elements of each row, (n,). It does not depend on the position of the row."""
    weights = np.random.default_rng(0).uniform(0.5, 1.0, X.shape[1]) / X.shape[1]  # no sum can overflow
    sums = np.empty(len(rows))
    for part in _blocks(X, len(rows)):
        block = X[rows[part]]
        sums[part] = block @ weights if issparse(block) else (np.ascontiguousarray(block) * weights).sum(axis=1)
    return sums


def row_hashes(X: Any, seed: int) -> np.ndarray:
    """Return a hash of each row, (n,), uint64."""
    constants = np.random.SeedSequence(seed).generate_state(X.shape[1], np.uint64) | np.uint64(1)
    hashes = np.empty(X.shape[0], dtype=np.uint64)
    for rows in _blocks(X, len(hashes)):
        block = X[rows]
        if issparse(block):
            sums = np.append(np.uint64(0), np.cumsum(_hashes(block.data, constants[block.indices])))
            hashes[rows] = sums[block.indptr[1:]] - sums[block.indptr[:-1]]
        else:
            hashes[rows] = _hashes(np.ascontiguousarray(block), constants).sum(axis=1)
    return hashes


def _hashes(values: np.ndarray, constants: np.ndarray) -> np.ndarray:
    values = values + np.zeros(1, dtype=np.result_type(values, np.float32))  # -0.0 becomes 0.0
    hashes = values.view(f"u{values.itemsize}").astype(np.uint64)
    hashes ^= hashes >> HALF  # small integers, stored as floats, differ only in their high bits
    hashes *= constants
    hashes ^= hashes >> HALF
    return hashes


def _rows_equal(X: Any, rows: np.ndarray, others: np.ndarray) -> bool:
    parts = _blocks(X, len(rows))
    return not any((_without_nan(X[rows[part]]) != _without_nan(X[others[part]])).sum() for part in parts)


def _without_nan(X: Any) -> Any:
    # nan differs from itself. scikit-learn lets it pass with assume_finite=True.
    np.nan_to_num(X.data if issparse(X) else X, copy=False)
    return X


def _blocks(X: Any, n_rows: int) -> Iterator[slice]:
    values_per_row = max(1, X.size // X.shape[0])
    return slices(n_rows, max(1, BLOCK_VALUES // values_per_row))
