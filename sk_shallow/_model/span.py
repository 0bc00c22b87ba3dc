"""The space that a few rows span, for data with far more features than rows.

The penalty shrinks the part of W1 that no row can see to zero. So the best W1 is ``Q V``: the columns of Q, (n0, m),
are an orthonormal basis of the space that the rows span, and V, (m, p * n1), is learned from the rows ``X Q``. The
penalty is the same, because ``|Q V| = |V|``.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.sparse import spmatrix
from sklearn.utils.extmath import safe_sparse_dot

Matrix: TypeAlias = np.ndarray | spmatrix


@dataclass(frozen=True)
class Span:
    """The basis ``Q = X^T (X X^T)^(-1/2)``, in which the rows `X` become the symmetric matrix ``(X X^T)^(1/2)``.

    All coordinates of standardized rows then have similar scales. With ``principal=True``, the basis is that of the
    principal components of X, without centring: a feature on a far larger scale then has a coordinate of its own.
    Directions in which the rows hardly vary are left out, because weights there have almost no effect.
    """

    X: Matrix  # (m, n0)
    root: np.ndarray  # X Q, (m, m) or fewer columns
    factor: np.ndarray  # Q = X^T factor, of the shape of `root`

    @classmethod
    def of(cls, X: Matrix, *, principal: bool = False) -> "Span | None":
        """Return the span of some rows, or None if the sum of their squared lengths overflows or almost vanishes."""
        gram = safe_sparse_dot(X, X.T, dense_output=True).astype(np.float64)
        limits = np.finfo(X.dtype)
        if not (np.isfinite(gram).all() and limits.tiny / limits.eps < gram.trace() < limits.max):
            return None
        S, U = np.linalg.eigh(gram)
        kept = S[-1] * (1e-12 if X.dtype == np.float64 else 1e-6) < S  # smaller ones are rounding
        S, U = np.sqrt(S[kept]), U[:, kept]
        root, factor = (U * S, U / S) if principal else ((U * S) @ U.T, (U / S) @ U.T)
        return cls(X, root.astype(X.dtype), factor.astype(X.dtype))

    def coordinates(self, X: Matrix) -> np.ndarray:
        """Return ``X Q`` for any rows."""
        return np.asarray(safe_sparse_dot(X, self.X.T, dense_output=True) @ self.factor)

    def weights(self, W1: np.ndarray) -> np.ndarray:
        """Return ``Q^T W1``, the part of W1 that the rows can see."""
        return np.asarray(self.factor.T @ (self.X @ W1))

    def weights_of_features(self, V: np.ndarray) -> np.ndarray:
        """Return ``Q V``."""
        return np.asarray(self.X.T @ (self.factor @ V))
