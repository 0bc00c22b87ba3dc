"""The network: forward, objective and back-propagation, line by line as in a textbook with samples as rows.

::

    Z1 = X W1 + b1        A1 = g(Z1)        Z2 = A1 W2 + b2        A2 = o(Z2)

    J = 1/sum(w) [ sum_i w_i L(A2_i, Y_i)  +  alpha/2 (|W1|^2 + |W2|^2) ]

    dZ2 = w/sum(w) (A2 - Y)
    dW2 = A1^T dZ2 + alpha/sum(w) W2       db2 = sum over rows of dZ2
    dA1 = dZ2 W2^T                         dZ1 = dA1 * g'(Z1)
    dW1 = X^T dZ1 + alpha/sum(w) W1        db1 = sum over rows of dZ1

Several nets can be trained together, each on its own rows. Every array then has a leading axis, but for sparse `X`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sk_shallow._model.parameters import Parameters
from sk_shallow._model.span import Matrix, Span
from sk_shallow.activations import Activation
from sk_shallow.losses import Loss

Array = np.ndarray
Rows = slice | np.ndarray

# Numbers in a block of pre-activations, logits or parameters. Blocks stay in the cache, so that several passes over
# them take less time: for Adam's update of 2^18 parameters, an eighth less.
BLOCK_NUMBERS = 2**17
SAMPLE_NUMBERS = 2**20  # of X and Y in a sample; 100 rows are always allowed


def slices(size: int, length: int) -> Iterator[slice]:
    """Yield slices of `length` that make up `size`; the last one may be shorter."""
    # sklearn.utils.gen_batches validates its arguments at every call, in 60 us: half a step of a small net.
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))


def rows_per_block(n_numbers: int, n_features: int = 1) -> int:
    """Return the rows per block: at least `n_features`, or summing gradients would dominate."""
    return max(BLOCK_NUMBERS // n_numbers, n_features)


def pre_activations(X: Matrix, W1: Array, b1: Array, out: Array | None = None) -> Array:
    """Return ``Z1 = X W1 + b1``, (m, p * n1)."""
    Z1 = _product(X, W1, out)
    Z1 += b1[..., np.newaxis, :]
    return Z1


def hidden_activations(X: Matrix, coefs: Sequence[Array], intercepts: Sequence[Array], activation: Activation) -> Array:
    """Return `A1`, (m, n1), computed in blocks of rows."""
    A1 = np.empty((X.shape[0], len(coefs[1])), dtype=coefs[0].dtype)
    for rows, block in _hidden_blocks(X, coefs[0], intercepts[0], activation):
        A1[rows] = block
    return A1


def logits(X: Matrix, coefs: Sequence[Array], intercepts: Sequence[Array], activation: Activation) -> Array:
    """Return `Z2`, (m, n2), computed in blocks of rows, so that no (m, n1) array is needed."""
    (W1, W2), (b1, b2) = coefs, intercepts
    Z2 = np.empty((X.shape[0], len(b2)), dtype=W1.dtype)
    for rows, A1 in _hidden_blocks(X, W1, b1, activation):
        np.matmul(A1, W2, out=Z2[rows])
    Z2 += b2
    return Z2


def _hidden_blocks(X: Matrix, W1: Array, b1: Array, activation: Activation) -> Iterator[tuple[slice, Array]]:
    """Yield slices of rows and their `A1`, in memory that the next block may overwrite."""
    size = rows_per_block(len(b1), len(W1))
    buffer = np.empty((min(X.shape[0], size), len(b1)), dtype=W1.dtype)
    for rows in slices(X.shape[0], size):
        Z1 = pre_activations(X[rows], W1, b1, out=buffer[: rows.stop - rows.start])
        A1, _ = activation.forward(Z1)
        yield rows, A1


@dataclass(eq=False)
class Network:
    """A net, its objective and the rows of the objective.

    The network does not change its `parameters`: solvers update ``parameters.theta``. `X`, `Y` and `w` have the same
    dtype. With weights of mean 1, the loss is the weighted mean. `gradient` holds the result of the last
    `loss_and_gradient`.

    If the parameters are those of several nets, `X`, `Y` and `w` have the same leading axis. `alpha` and `sample_size`
    may be arrays, (n_nets, 1, 1). Sparse `X` is (m, n0), and then there is one net. The objective is the sum over nets;
    each net gets its own gradient.

    With a `span`, `X` holds the coordinates of the rows in its basis, and `W1` the weights of these coordinates.

    The buffers of a step belong to this object alone: two threads need two networks.
    """

    parameters: Parameters
    activation: Activation
    loss_function: Loss
    X: Matrix  # (m, n0), dense or CSR
    Y: Array  # (m, n2)
    w: Array | None = None  # (m, 1), or (m, n2) if outputs have their own weights; None for all ones
    sample_size: Any = None  # float or (n_nets, 1, 1): divisor of the penalty; None: the number of rows
    alpha: float | Array = 0.0
    dropout: float = 0.0
    span: Span | None = None
    has_equal_units: bool = False  # and they must stay equal, although matrix products round each column differently

    def __post_init__(self) -> None:
        self.n_samples = self.X.shape[-2]
        self.sample_size = self.n_samples if self.sample_size is None else self.sample_size
        self.gradient, self._scratch = self.parameters.zeros_like(), self.parameters.zeros_like()
        self._leading = () if self.parameters.n_nets is None else (self.parameters.n_nets,)
        # Y and Z2 are stored column by column: the softmax of (200, 7) then takes half the time.
        self._columns = np.ascontiguousarray(np.moveaxis(self.Y, -1, 0))  # (n2, m) or (n2, n_nets, m)
        self._axes = (*range(1, self._columns.ndim), 0)  # columns last
        self.Y = self._columns.transpose(self._axes)
        n0, n_columns = self.parameters.W1.shape[-2:]
        self._row_blocks = list(slices(self.n_samples, rows_per_block(n_columns, n0)))
        self._decay = self._decay_of_weights()
        self._ones = np.ones(self.n_samples, dtype=self.parameters.theta.dtype)
        self._buffers: dict[tuple[Any, ...], Array] = {}

    def value_and_gradient(self, rows: Rows = slice(None), rng: np.random.Generator | None = None) -> float:
        """Return the objective `J`, and leave its gradient in `gradient`. See `loss_and_gradient`."""
        return self.loss_and_gradient(rows, rng) + self.penalty()

    def loss_and_gradient(self, rows: Rows = slice(None), rng: np.random.Generator | None = None) -> float:
        """Return the loss, which is `J` without the penalty, and leave the gradient of `J` in `gradient`.

        Both are estimates on some rows. A batch of B rows divides by B, not by its own sum of weights, so that they are
        unbiased. `rng` draws the dropout mask; None means evaluation, without dropout.
        """
        d, scratch = self.gradient, self._scratch
        if isinstance(rows, slice) and rows == slice(None):
            loss = self._back_propagate(self._row_blocks[0], rng, self.n_samples, d)
            for block in self._row_blocks[1:]:
                loss += self._back_propagate(block, rng, self.n_samples, scratch)
                d.theta += scratch.theta
        else:
            loss = self._back_propagate(rows, rng, None, d)

        if self.has_equal_units:
            d.equalize_units()
        if self._decay is not None:
            d.weights += np.multiply(self._decay, self.parameters.weights, out=scratch.weights)
        return loss

    def penalty(self) -> float:
        if self._decay is None:
            return 0.0
        W = self.parameters.weights
        return float(np.vdot(self._decay * W, W)) / 2

    def largest_product(self, batch_size: int) -> int:
        """Return the number of multiplications of the largest dense matrix product of a step."""
        n0, n1, n2, n_pieces = self.parameters.sizes
        size = batch_size if batch_size < self.n_samples else self._row_blocks[0].stop
        return size * n1 * max(n0 * n_pieces if isinstance(self.X, np.ndarray) else 0, n2)

    @property
    def coefs(self) -> list[Array]:
        """Return the weights of the features, and W2."""
        W1, W2 = self.parameters.coefs
        return [W1 if self.span is None else self.span.weights_of_features(W1), W2]

    def in_span(self, *, principal: bool = False) -> "Network":
        """Return the network in the space that its rows with weight span. W1 loses the part that these cannot see."""
        weighted = None if self.w is None or self.w.all() else self.w.any(axis=1)
        span = Span.of(self.X if weighted is None else self.X[weighted], principal=principal)
        if span is None:
            return self
        _, n1, n2, n_pieces = self.parameters.sizes
        parameters = Parameters((span.root.shape[1], n1, n2, n_pieces), self.parameters.theta.dtype)
        W1, W2 = self.parameters.coefs
        parameters.fill([span.weights(W1), W2], self.parameters.intercepts)
        X = span.root if weighted is None else span.coordinates(self.X)
        return replace(self, parameters=parameters, X=X, span=span)

    def coordinates(self, X: Matrix) -> Matrix:
        """Return any rows as this network takes them."""
        return X if self.span is None else self.span.coordinates(X)

    def sample(self, size: int) -> "Network":
        """Return a network with the same parameters on a random sample of the rows with weight, always the same.

        It has at most `size` rows, fewer (but at least 100) if rows are wide. A network with no more rows than that is
        returned itself.
        """
        size = min(size, max(100, SAMPLE_NUMBERS * self.n_samples // (self.X.size + self.Y.size)))
        if self.n_samples <= size:
            return self
        # Random rows, because many data sets are sorted or periodic.
        rows = np.arange(self.n_samples) if self.w is None else np.flatnonzero(self.w.any(axis=1))
        if len(rows) > size:
            rows = np.sort(np.random.default_rng(0).choice(rows, size, replace=False))
        return self.take(rows)

    def take(self, rows: np.ndarray) -> "Network":
        """Return a network with the same parameters on some rows, with weights of mean 1."""
        w = None if self.w is None else self.w[rows] / (self.w[rows].mean() or 1)
        return replace(self, X=self.X[rows], Y=self.Y[rows], w=w)

    def astype(self, dtype: Any) -> "Network":
        """Return a network of another dtype on the same rows, with its own parameters."""
        parameters = Parameters(self.parameters.sizes, dtype)
        parameters.theta[:] = self.parameters.theta
        w = None if self.w is None else self.w.astype(dtype)
        X, Y = self.X.astype(dtype, copy=False), self.Y.astype(dtype, copy=False)
        return replace(self, parameters=parameters, X=X, Y=Y, w=w)

    def logits(self, X: Matrix) -> Array:
        """Return `Z2` of any rows, without dropout."""
        return logits(X, self.parameters.coefs, self.parameters.intercepts, self.activation)

    def mean_squared_length_of_A1(self) -> float:
        """Return q1, the weighted mean of ``|a|^2`` over the rows of `A1`."""
        p, lengths = self.parameters, np.empty((self.n_samples, 1))
        for rows, A1 in _hidden_blocks(self.X, p.W1, p.b1, self.activation):
            np.einsum("ij,ij->i", A1, A1, out=lengths[rows, 0], dtype=np.float64)
        return float(lengths.mean() if self.w is None else (self.w * lengths).sum() / (self.w.sum() or 1))

    def loss(self) -> float:
        """Return the weighted mean loss over all rows, in nats per sample, without penalty and dropout."""
        return float(self.row_losses().sum()) / self.n_samples

    def row_losses(self, constant: Array | None = None) -> Array:
        """Return the loss of each row times its weight, (m,). `constant`, (n2,), replaces the logits of all rows."""
        losses = np.empty(self.n_samples)
        for rows in slices(self.n_samples, rows_per_block(self.Y.shape[1])):
            Y = self.Y[rows]
            Z2 = self.logits(self.X[rows]) if constant is None else np.tile(constant.astype(Y.dtype), (len(Y), 1))
            loss, _ = self.loss_function.loss_and_residual(Z2, Y)
            losses[rows] = (loss if self.w is None else loss * self.w[rows]).sum(axis=1, dtype=np.float64)
        return losses

    def objective(self) -> float:
        """Return `J` over all rows, in nats per sample, without dropout."""
        return self.loss() + self.penalty()

    def value_at(self, theta: Array, value: Callable[[], float]) -> float:
        """Return a value, such as `self.loss`, at other parameters; nan becomes infinity."""
        present = self.parameters.theta.copy()
        try:
            self.parameters.theta[:] = theta
            result = value()
            return np.inf if np.isnan(result) else result
        finally:
            self.parameters.theta[:] = present

    def loss_of_constant(self) -> float:
        return self.loss_function.loss_of_constant(self.Y, self.w)

    def loss_at_zero(self) -> float:
        mean = 1.0 if self.w is None else float(self.w.mean())
        return self.loss_function.loss_at_zero(self.Y, self.w) * mean if mean else 0.0

    def _back_propagate(self, rows: Rows, rng: np.random.Generator | None, B: int | None, d: Parameters) -> float:
        """Return the loss of some rows, summed and divided by B (None: their number). Leave its gradient in `d`."""
        g, p, leading = self.activation, self.parameters, self._leading
        X, Y, w = self._take(rows)
        size = X.shape[-2]
        B = B or size

        Z1 = pre_activations(X, p.W1, p.b1, out=self._buffer("Z1", *leading, size, p.W1.shape[-1]))
        A1, cache = g.forward(Z1.reshape(-1, Z1.shape[-1]))  # the rows of all nets, one below the other
        A1_kept = A1.reshape(*leading, size, -1)
        mask = None if rng is None else self._dropout_mask(A1_kept, rng)
        A1_kept = A1_kept if mask is None else A1_kept * mask
        columns = self._buffer("Z2", p.W2.shape[-1], *leading, size)
        Z2 = np.matmul(A1_kept, p.W2, out=columns.transpose(self._axes))
        Z2 += p.b2[..., np.newaxis, :]
        loss, dZ2 = self.loss_function.loss_and_residual(_matrix(columns), _matrix(Y))
        loss, dZ2 = loss.reshape(*leading, size, -1), dZ2.reshape(Z2.shape)

        if w is not None:
            loss *= w
            dZ2 *= w
        dZ2 /= B
        np.matmul(A1_kept.mT, dZ2, out=d.W2)
        dZ2.sum(axis=-2, out=d.b2)
        outer = np.multiply if p.W2.shape[-1] == 1 else np.matmul  # with one column, multiply takes 5 us, matmul 20
        dA1 = outer(dZ2, p.W2.mT, out=self._buffer("dA1", *leading, size, p.W2.shape[-2]))
        if mask is not None:
            dA1 *= mask
        dZ1 = g.backward(dA1.reshape(A1.shape), A1, cache).reshape(Z1.shape)
        _product(X.mT if isinstance(X, np.ndarray) else X.T, dZ1, out=d.W1)
        np.matmul(self._ones[:size], dZ1, out=d.b1)  # half the time of dZ1.sum(axis=0)
        return float(loss.sum(dtype=np.float64)) / B

    def _decay_of_weights(self) -> Any:
        """Return the factor of the weights in the gradient: a number, for several nets an array, or None for zero."""
        # With a sample size of zero, no row has had a weight yet, and there is nothing to learn.
        if not (np.any(self.alpha) and np.all(self.sample_size)):
            return None
        decay = self.alpha / self.sample_size
        if not self._leading:
            return float(decay)
        decays = self.parameters.zeros_like()
        decays.W1[...] = decays.W2[...] = decay
        return decays.weights

    def _dropout_mask(self, A1: Array, rng: np.random.Generator) -> Array | None:
        """Return the inverted-dropout mask, (m, n1), the same for all nets, or None without dropout."""
        if not self.dropout:
            return None
        kept = rng.random(A1.shape[-2:], dtype=A1.dtype) >= self.dropout
        return kept * A1.dtype.type(1 / (1 - self.dropout))

    def _take(self, rows: Rows) -> tuple[Any, Array, Array | None]:
        """Return `X`, the columns of `Y` and `w` of some rows, in memory that the next call overwrites."""
        X, Y, leading = self.X, self._columns, self._leading
        w = None if self.w is None else self.w[..., rows, :]
        if isinstance(rows, slice):
            return X if rows == slice(0, self.n_samples) else _part(X, rows), Y[..., rows], w
        Y = Y.take(rows, axis=-1, out=self._buffer("Y", len(Y), *leading, len(rows)), mode="clip")
        if not (isinstance(X, np.ndarray) and X.flags.c_contiguous):  # `take` would copy all of it first
            return _part(X, rows), Y, w
        return X.take(rows, axis=-2, out=self._buffer("X", *leading, len(rows), X.shape[-1]), mode="clip"), Y, w

    def _buffer(self, name: str, *shape: int) -> Array:
        """Return a reusable buffer. It still holds the values of the last call."""
        key = (name, *shape)
        if key not in self._buffers:
            self._buffers[key] = np.empty(shape, dtype=self.parameters.theta.dtype)
        return self._buffers[key]


def _matrix(columns: Array) -> Array:
    """Return columns, (n2, m) or (n2, n_nets, m), as a matrix, with the rows of all nets one below the other."""
    return columns.reshape(len(columns), -1).T


def _part(X: Matrix, rows: Rows) -> Matrix:
    return X[..., rows, :] if isinstance(X, np.ndarray) else X[rows]


def _product(X: Matrix, W: Array, out: Array | None) -> Array:
    """Return ``X W``, dense, in `out` if there is one."""
    if isinstance(X, np.ndarray):
        return np.matmul(X, W, out=out)
    if out is None:
        return np.asarray(X @ W)
    out[...] = X @ W.reshape(W.shape[-2:])  # a stack of sparse rows has one net
    return out
