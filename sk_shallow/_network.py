"""The network: forward, objective and back-propagation, line by line as in a textbook with samples as rows.

::

    Z1 = X W1 + b1        A1 = g(Z1)        Z2 = A1 W2 + b2        A2 = o(Z2)

    J = 1/sum(w) sum_i w_i L(A2_i, Y_i)  +  alpha/2 (|W1|^2 + |W2|^2)

    dZ2 = w/sum(w) (A2 - Y)
    dW2 = A1^T dZ2 + alpha W2          db2 = sum over rows of dZ2
    dA1 = dZ2 W2^T                     dZ1 = dA1 * g'(Z1)
    dW1 = X^T dZ1 + alpha W1           db1 = sum over rows of dZ1
"""

import numpy as np
from scipy.sparse import issparse, spmatrix
from sklearn.utils import gen_batches

from sk_shallow._losses import Head
from sk_shallow._parameters import Parameters
from sk_shallow.activations import Activation

Rows = slice | np.ndarray

# Numbers in a block of hidden pre-activations outside training: 8 MB in float64, whatever the number of rows.
BLOCK_SIZE = 1_000_000


def logits(
    X: np.ndarray | spmatrix, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray, activation: Activation
) -> np.ndarray:
    """Return `Z2` of shape (m, n2), in blocks of rows, so that no (m, n1) array of a large m is held."""
    Z2 = np.empty((X.shape[0], len(b2)), dtype=W1.dtype)
    for rows in gen_batches(X.shape[0], max(1, BLOCK_SIZE // len(b1))):
        Z1 = X[rows] @ W1
        Z1 += b1
        A1, _ = activation.forward(Z1)
        np.matmul(A1, W2, out=Z2[rows])
    Z2 += b2
    return Z2


class Network:
    """A net, its objective and the data that the objective is of.

    The `parameters` are read, never written: solvers step on ``parameters.theta``. `X`, (m, n0), dense or CSR, `Y`,
    (m, n2), in {0, 1}, and `w`, (m,) or None for all ones, have their dtype. With `w` of mean 1 the loss is the
    weighted mean. `gradient` holds what the last call of `value_and_gradient` left there.
    """

    def __init__(
        self,
        parameters: Parameters,
        activation: Activation,
        head: Head,
        X: np.ndarray | spmatrix,
        Y: np.ndarray,
        w: np.ndarray | None = None,
        *,
        alpha: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        self.parameters = parameters
        self.gradient = parameters.twin()
        self.activation = activation
        self.head = head
        self.X, self.Y, self.w = X, Y, w
        self.alpha = float(alpha)
        self.dropout = float(dropout)
        self.n_samples = X.shape[0]

    def value_and_gradient(self, rows: Rows = slice(None), rng: np.random.Generator | None = None) -> float:
        """Return the objective `J` estimated on some rows, and leave its gradient in `gradient`.

        A batch of B rows divides by B, not by its own sum of weights: the estimate is then without bias. `rng` draws
        the dropout mask; None evaluates, with nothing dropped.
        """
        g, p, d = self.activation, self.parameters, self.gradient
        X, Y = self._take(self.X, rows), self.Y[rows]
        B = len(Y)

        Z1 = X @ p.W1
        Z1 += p.b1
        A1, cache = g.forward(Z1)
        mask = None if rng is None else self._dropout_mask(A1, rng)
        A1_kept = A1 if mask is None else A1 * mask
        Z2 = A1_kept @ p.W2
        Z2 += p.b2
        loss, dZ2 = self.head.loss_and_residual(Z2, Y)

        if self.w is not None:
            loss *= self.w[rows]
            dZ2 *= self.w[rows, None]
        dZ2 /= B
        np.matmul(A1_kept.T, dZ2, out=d.W2)
        dZ2.sum(axis=0, out=d.b2)
        dA1 = dZ2 @ p.W2.T
        if mask is not None:
            dA1 *= mask
        dZ1 = g.backward(dA1, A1, cache)
        self._transposed_product(X, dZ1, out=d.W1)
        dZ1.sum(axis=0, out=d.b1)

        if self.alpha:
            d.W1 += self.alpha * p.W1
            d.W2 += self.alpha * p.W2
        return float(loss.sum()) / B + self.penalty()

    def penalty(self) -> float:
        """Return ``alpha/2 (|W1|^2 + |W2|^2)``."""
        W1, W2 = self.parameters.W1, self.parameters.W2
        return self.alpha / 2 * float(np.vdot(W1, W1) + np.vdot(W2, W2)) if self.alpha else 0.0

    def logits(self, X: np.ndarray | spmatrix) -> np.ndarray:
        """Return `Z2` of any rows, nothing dropped."""
        p = self.parameters
        return logits(X, p.W1, p.b1, p.W2, p.b2, self.activation)

    def loss(self) -> float:
        """Return the weighted mean loss over all rows, in nats per sample, without penalty and dropout."""
        loss, _ = self.head.loss_and_residual(self.logits(self.X), self.Y)
        return float(loss.mean() if self.w is None else loss @ self.w / self.n_samples)

    def objective(self) -> float:
        """Return `J` over all rows, in nats per sample, without dropout."""
        return self.loss() + self.penalty()

    def loss_of_frequencies(self) -> float:
        """Return the loss of always predicting the class frequencies, in nats per sample."""
        return self.head.entropy(np.average(self.Y, axis=0, weights=self.w))

    def loss_of_chance(self) -> float:
        """Return the loss of giving every class the same probability, in nats per sample."""
        share = 1 / max(2, self.Y.shape[1]) if self.head.name == "softmax" else 0.5
        weight = 1.0 if self.w is None else float(self.w.mean())
        return weight * self.head.entropy(np.full(self.Y.shape[1], share))

    def _dropout_mask(self, A1: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
        """Return 1 / (1 - rate) for what is kept, 0 for what is dropped; None where nothing is ever dropped."""
        if not self.dropout:
            return None
        kept = rng.random(A1.shape, dtype=A1.dtype) >= self.dropout
        return kept * A1.dtype.type(1 / (1 - self.dropout))

    @staticmethod
    def _take(X: np.ndarray | spmatrix, rows: Rows) -> np.ndarray | spmatrix:
        if isinstance(rows, slice) and rows == slice(None):
            return X  # indexing a sparse X by slice(None) copies it
        return X[rows]

    @staticmethod
    def _transposed_product(X: np.ndarray | spmatrix, dZ1: np.ndarray, out: np.ndarray) -> None:
        if issparse(X):
            out[...] = X.T @ dZ1
        else:
            np.matmul(X.T, dZ1, out=out)
