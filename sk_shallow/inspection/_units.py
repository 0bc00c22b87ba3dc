"""The hidden units of a fitted net on some rows: values, slopes, and which units no longer learn."""

import numpy as np

from sk_shallow._fit.prediction import hidden_overflow
from sk_shallow._model.network import pre_activations, rows_per_block, slices

SATURATION_SLOPE = 0.01  # fraction of the activation's largest slope below which a unit is saturated
MAX_ACTIVATION = 1e300  # sums of larger ones may overflow


class Units:
    """The n1 hidden units of a fitted net on m rows. No array of shape (m, n1) is made.

    Raises ValueError if the units overflow.
    """

    @np.errstate(all="ignore")
    def __init__(self, net, X):
        self.net, self.X = net, net._checked(X)
        self.n_rows, self.n_units = self.X.shape[0], len(net.coefs_[1])
        _, slopes = curve_and_slopes(net._activation, np.linspace(-10, 10, 2001))
        flat = SATURATION_SLOPE * float(np.abs(slopes).sum(axis=1).max())
        n_flat, self.means, self.largest = 0, np.zeros(self.n_units), 0.0
        self.dead = np.ones(self.n_units, dtype=bool)  # no gradient on any row
        for _, A1, slopes in self.blocks():
            self.dead &= ~slopes.any(axis=0)
            n_flat += (slopes < flat).sum(axis=0)
            self.means += (A1 / self.n_rows).sum(axis=0)
            self.largest = max(self.largest, float(np.abs(A1).max()))
        self.saturated = n_flat > self.n_rows / 2  # almost no gradient on more than half of the rows

    def blocks(self):
        """Yield `Z1`, (b, p * n1), `A1`, (b, n1), and the absolute slopes, summed over pieces, of blocks of b rows."""
        (W1, _), (b1, _) = self.net.coefs_, self.net.intercepts_
        for rows in slices(self.n_rows, rows_per_block(len(b1), self.n_units)):
            Z1 = pre_activations(self.X[rows], W1, b1)
            A1, dZ = values_and_slopes(self.net._activation, Z1)
            if not (np.abs(A1).max() < MAX_ACTIVATION and np.isfinite(dZ).all()):
                raise hidden_overflow(self.X)
            yield Z1, A1.astype(np.float64), np.abs(dZ).sum(axis=1)

    def centered_factor(self):
        """Return R / scale and scale, a power of 2. R is the factor of the QR decomposition of centered activations.

        It has their column lengths, angles and singular values.
        """
        scale = np.ldexp(1.0, np.frexp(self.largest)[1] - 1)  # so that no square overflows
        R = np.empty((0, self.n_units))
        for _, A1, _ in self.blocks():
            R = np.linalg.qr(np.vstack([R, A1 / scale - self.means / scale]), mode="r")
        return R, scale


def strengths(net):
    """Return how large the weights into and out of each piece of each unit are, (p, n1): the product of lengths."""
    W1, W2 = net.coefs_
    return relative_lengths(W1.T).reshape(-1, len(W2)) * relative_lengths(W2)


def relative_lengths(vectors):
    """Return the lengths of the rows of a matrix, divided by its largest value, so that no square overflows."""
    return np.linalg.norm(vectors.astype(np.float64) / (np.abs(vectors).max() or 1.0), axis=1)


def curve_and_slopes(activation, z):
    """Return g, (m,), and its slopes, (m, p), at the points z of the first piece, with the other pieces at 0."""
    Z = np.zeros((len(z), int(activation.n_pieces)))
    Z[:, 0] = z
    A, dZ = values_and_slopes(activation, Z)
    return A[:, 0], dZ[:, :, 0]


def values_and_slopes(activation, Z):
    """Return g(Z), (m, n1), and its slopes, (m, p, n1), for Z of shape (m, p * n1)."""
    A, cache = activation.forward(Z.copy())
    values = A.copy()  # because `backward` may overwrite A
    dZ = activation.backward(np.ones_like(A), A, cache)
    return values, dZ.reshape(len(Z), -1, A.shape[1])
