"""The hidden units of a fitted net on some rows: values, slopes, and which units no longer learn."""

from dataclasses import dataclass

import numpy as np

from sk_shallow._model.network import pre_activations

SATURATION_SLOPE = 0.01  # fraction of the activation's largest slope below which a unit is saturated


@dataclass(frozen=True)
class Units:
    """Hidden units on m rows."""

    Z1: np.ndarray  # pre-activations, (m, p * n1)
    A1: np.ndarray  # activations, (m, n1)
    slopes: np.ndarray  # absolute slopes, summed over the pieces of a unit, (m, n1)
    largest_slope: float  # of the activation

    @property
    def dead(self):
        """Whether a unit has no gradient on any row, (n1,)."""
        return ~self.slopes.any(axis=0)

    @property
    def saturated(self):
        """Whether a unit is saturated on more than half of the rows, (n1,)."""
        flat = self.slopes < SATURATION_SLOPE * self.largest_slope
        return flat.mean(axis=0) > 0.5


def units_of(net, X):
    """Return the hidden units of a fitted net on transformed rows. Raises ValueError if they overflow."""
    X, activation = net._checked(X), net._activation
    with np.errstate(over="ignore", invalid="ignore"):
        Z1 = pre_activations(X, net.coefs_[0], net.intercepts_[0])
    A1, dZ = values_and_slopes(activation, Z1)
    if not (np.isfinite(A1).all() and np.isfinite(dZ).all() and np.abs(A1).max() < np.sqrt(np.finfo(A1.dtype).max)):
        raise ValueError(f"The hidden layer overflows: the largest number of X is {abs(X).max():g}. Scale X.")
    _, slopes = curve_and_slopes(activation, np.linspace(-10, 10, 2001))
    return Units(Z1, A1, np.abs(dZ).sum(axis=1), float(np.abs(slopes).sum(axis=1).max()))


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
