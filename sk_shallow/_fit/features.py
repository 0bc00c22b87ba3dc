"""What the features tell about a fit that went wrong: which are unscaled, and which differ in the validation set."""

from typing import Any

import numpy as np
from scipy.sparse import issparse
from scipy.special import bdtrc
from sklearn.utils.extmath import row_norms

from sk_shallow._model.network import BLOCK_NUMBERS, rows_per_block, slices

UNSCALED_RMS = 10.0  # root mean square above which a feature counts as unscaled; a standardized one has 1
MOST, FEW = 0.9, 0.02  # so few rows with most of the squares of all features are outliers
FAR = 3.0  # standard deviations from the mean of the training rows; by Chebyshev, at most 1/9 of these lie farther
MAX_CHANCE = 1e-3  # probability that some feature of an honest validation set counts as different
MAX_RATIO = 100.0  # of squared distances from the means of the training rows: validation rows to training rows


def unscaled_features(X: Any, names: np.ndarray | None) -> str:
    """Return the names of the features whose root mean square is above `UNSCALED_RMS`, the largest first."""
    _, mean_square = feature_moments(X)
    largest = np.argsort(-mean_square, kind="stable")[: np.count_nonzero(mean_square > UNSCALED_RMS**2)]
    if not largest.size:
        return ""
    return f"{_named(largest, names)} (root mean square up to {np.sqrt(mean_square.max()):.3g})"


def outlying_rows(X: Any) -> np.ndarray:
    """Return the indices of the largest rows, if `FEW` of all rows, or one of ten, have `MOST` of the squares."""
    squares = row_norms(X, squared=True).astype(np.float64)
    order = np.argsort(-squares, kind="stable")
    n = 1 + int(np.searchsorted(squares[order].cumsum(), MOST * squares.sum()))
    at_most = max(FEW * len(order), len(order) >= 10)
    return order[: n if squares.any() and n <= at_most else 0]


def different_features(X: Any, X_val: Any, names: np.ndarray | None) -> str:
    """Return the names of the features of a validation set that lie far from those of the training rows, or "".

    A feature differs if most of its values are `FAR` from the training mean, unless this may be chance. If none does,
    all differ if squared distances from the training means average 100 times more or less. This finds tiny and sparse
    features, and a few rare or heavy-tailed ones do not change the average much.
    """
    mean, mean_square = feature_moments(X)
    variance = variances(mean, mean_square)
    varies = variance > 0
    scale = np.sqrt(np.where(varies, variance, np.inf))
    m, n_val = X.shape[0], X_val.shape[0]
    far = _count_far(X_val, mean, scale)
    chance = bdtrc(far - 1, n_val, (_count_far(X, mean, scale) + 1) / (m + 1)) * max(1, np.count_nonzero(varies))
    differ = (2 * far > n_val) & (chance < MAX_CHANCE)
    mean_val, mean_square_val = feature_moments(X_val)
    ratios = np.maximum(mean_square_val - 2 * mean * mean_val + mean**2, 0) / scale**2
    if varies.any() and not differ.any() and not 1 / MAX_RATIO < ratios[varies].mean() < MAX_RATIO:
        differ = varies
    size = np.where(differ, np.abs(np.log(np.maximum(ratios, 1e-300))), -1.0)
    return _named(np.argsort(-size, kind="stable")[: np.count_nonzero(differ)], names)


def feature_moments(X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the mean square of each feature, (n0,), without a copy of X."""
    sums, squares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    # In float64, so that squares of float32 numbers do not overflow.
    if issparse(X):
        for part in slices(X.nnz, BLOCK_NUMBERS):
            numbers, columns = X.data[part].astype(np.float64), X.indices[part]
            np.add.at(sums, columns, numbers)
            np.add.at(squares, columns, numbers**2)
    else:
        for rows in slices(X.shape[0], rows_per_block(X.shape[1])):
            block = X[rows].astype(np.float64)
            sums += block.sum(axis=0)
            squares += np.einsum("ij,ij->j", block, block)
    return sums / X.shape[0], squares / X.shape[0]


def variances(mean: np.ndarray, mean_square: np.ndarray) -> np.ndarray:
    """Return the variance of each feature, (n0,); 0 if it is only rounding."""
    variance = mean_square - mean**2
    return np.where(variance > 1e-12 * mean_square, variance, 0.0)


def _count_far(X: Any, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return for each feature the number of values that are `FAR` standard deviations from the mean, (n0,)."""
    far = np.zeros(X.shape[1], dtype=np.int64)
    if not issparse(X):
        for rows in slices(X.shape[0], rows_per_block(X.shape[1])):
            far += np.count_nonzero(np.abs(X[rows] - mean) > FAR * scale, axis=0)
        return far
    for part in slices(X.nnz, BLOCK_NUMBERS):
        columns = X.indices[part]
        np.add.at(far, columns, np.abs(X.data[part] - mean[columns]) > FAR * scale[columns])
    stored = np.bincount(X.indices, minlength=X.shape[1])
    return far + (X.shape[0] - stored) * (np.abs(mean) > FAR * scale)


def _named(columns: np.ndarray, names: np.ndarray | None) -> str:
    shown = [f"column {j}" if names is None else repr(str(names[j])) for j in columns[:3]]
    return ", ".join(shown) + (f" and {len(columns) - 3} more" if len(columns) > 3 else "")
