"""The hidden units of a fitted net on some rows: values, slopes, and which of them no longer learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_shallow.activations import Activation

# Share of the largest slope below which an activation is saturated.
FLAT = 0.01


@dataclass(frozen=True)
class Units:
    """Hidden units on m rows.

    Attributes
    ----------
    Z1 : ndarray of shape (m, p * n1)
        Pre-activations.
    A1 : ndarray of shape (m, n1)
        Activations.
    slopes : ndarray of shape (m, n1)
        ``abs(g'(z))``; with several pieces per unit, summed over them.
    largest_slope : float
        The largest one the activation has.
    """

    Z1: np.ndarray
    A1: np.ndarray
    slopes: np.ndarray
    largest_slope: float

    @property
    def dead(self) -> np.ndarray:
        """Whether a unit has no gradient on any row, (n1,)."""
        active: np.ndarray = np.asarray(self.slopes.any(axis=0))
        return ~active

    @property
    def saturated(self) -> np.ndarray:
        """Whether a unit's slope is below 1 % of the largest one on most rows, (n1,)."""
        flat: np.ndarray = self.slopes < FLAT * self.largest_slope
        return np.greater(flat.mean(axis=0), 0.5)


def units_of(net: Any, X: Any) -> Units:
    """Return the hidden units of a fitted net, on rows as it sees them."""
    X, activation = net._checked(X), net._activation
    with np.errstate(over="ignore", invalid="ignore"):
        Z1 = np.asarray(X @ net.coefs_[0] + net.intercepts_[0])
    A1, dZ = values_and_slopes(activation, Z1)
    if not (np.isfinite(A1).all() and np.isfinite(dZ).all() and np.abs(A1).max() < np.sqrt(np.finfo(A1.dtype).max)):
        raise ValueError(f"The hidden layer overflows: the largest number of X is {abs(X).max():g}. Scale X.")
    _, dz = of_one_unit(activation, np.linspace(-10, 10, 2001))
    return Units(Z1, A1, np.abs(dZ).sum(axis=1), float(np.abs(dz).sum(axis=1).max()))


def of_one_unit(activation: Activation, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``g(z)``, (m,), and its slopes, (m, p), of a unit whose first piece is at `z` and the others at 0."""
    Z = np.zeros((len(z), int(activation.n_pieces)))
    Z[:, 0] = z
    A, dZ = values_and_slopes(activation, Z)
    return A[:, 0], dZ[:, :, 0]


def values_and_slopes(activation: Activation, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``g(z)``, (m, n1), and its slopes, (m, p, n1), of pre-activations of shape (m, p * n1)."""
    A, cache = activation.forward(Z.copy())
    values = A.copy()  # which `backward` may overwrite
    dZ = activation.backward(np.ones_like(A), A, cache)
    return values, dZ.reshape(len(Z), -1, A.shape[1])
