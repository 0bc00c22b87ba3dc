"""Numbers for distinct rows: equal rows get the same one. They do not depend on the order of the rows.

The hash of a row is the sum of the hashes of its elements, modulo 2^64. Each column has its own constant. The hash of 0
is 0, so stored zeros of sparse rows count nowhere. Rows with equal hashes are compared. If two of them differ, all are
hashed again.

Distinct rows are ordered by a projection, not by their hashes. If numbers change in their last bits, for example if
another machine scaled them, almost all rows keep their places.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._model.network import slices

HALF = np.uint64(32)  # bits
BLOCK_NUMBERS = 2**15  # of X that are hashed or compared at a time


def distinct_rows(*columns: Any) -> np.ndarray:
    """Return the number of each row among the distinct rows, (n,): 0, 1, ... in an order that depends on them alone.

    `columns` make up the rows: labels, (n,), or finite numbers, (n, k), dense or CSR. The first ones decide the order.
    """
    n = columns[0].shape[0]
    numbers = np.zeros(n, dtype=np.int64)
    for column in columns:
        own = np.unique(column, return_inverse=True)[1] if column.ndim == 1 else _numbers(column)
        numbers = np.unique(numbers * n + own, return_inverse=True)[1]
    return numbers


def _numbers(X: Any) -> np.ndarray:
    n = X.shape[0]
    numbers = np.zeros(n, dtype=np.int64)
    for seed in count():
        ranks = np.unique(row_hashes(X, seed), return_inverse=True)[1]
        _, first, numbers = np.unique(numbers * n + ranks, return_index=True, return_inverse=True)
        copies = np.flatnonzero(first[numbers] != np.arange(n))
        if _rows_equal(X, copies, first[numbers[copies]]):
            break
    ranks = np.empty_like(first)
    ranks[np.lexsort((np.arange(len(first)), _projections(X, first)))] = np.arange(len(first))
    return ranks[numbers]


def _projections(X: Any, rows: np.ndarray) -> np.ndarray:
    """Return a weighted sum of the numbers of each row, (n,). It is the same wherever the row stands."""
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
    hashes ^= hashes >> HALF  # small integers have their bits on the left
    hashes *= constants
    hashes ^= hashes >> HALF
    return hashes


def _rows_equal(X: Any, rows: np.ndarray, others: np.ndarray) -> bool:
    return not any((X[rows[part]] != X[others[part]]).sum() for part in _blocks(X, len(rows)))


def _blocks(X: Any, n_rows: int) -> Iterator[slice]:
    numbers_per_row = max(1, X.size // X.shape[0])
    return slices(n_rows, max(1, BLOCK_NUMBERS // numbers_per_row))
