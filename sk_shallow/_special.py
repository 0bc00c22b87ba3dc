"""Special functions that activations share, faster than SciPy's and exact to rounding; `Z` has any shape and dtype."""

from collections.abc import Sequence

import numpy as np

# Coefficients of `normal_distribution`, highest power first.
HART_P = (
    0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383,
    112.079291497871, 221.213596169931, 220.206867912376,
)  # fmt: skip
HART_Q = (
    0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461,
    296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752,
)  # fmt: skip


def zeros_row(Z: np.ndarray) -> np.ndarray:
    """Return a row of zeros for ``np.maximum``, which takes half the time that it takes with the number 0."""
    return np.zeros(Z.shape[-1:], dtype=Z.dtype)


def sigmoid(Z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return ``1 / (1 + exp(-Z))``, as ``(1 + tanh(Z / 2)) / 2``.

    It takes a third of the time of `scipy.special.expit` in float64 and a seventh in float32.
    """
    A = np.multiply(Z, 0.5, out=out)
    np.tanh(A, out=A)
    A *= 0.5
    A += 0.5
    return A


def softplus(Z: np.ndarray) -> np.ndarray:
    """Return ``log(1 + exp(Z))``, in a fraction of the time of ``numpy.logaddexp(0, Z)``."""
    return np.maximum(Z, zeros_row(Z)) + np.log1p(np.exp(-np.abs(Z)))


def normal_distribution(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distribution function Phi and the density phi of the standard normal distribution.

    For t = abs(z), ``Phi(-t) = exp(-t^2 / 2) P(t) / Q(t)`` with the polynomials 5666 of Hart et al., "Computer
    approximations", 1968. Within 3e-16 of `scipy.special.ndtr`, in half its time (a fifth in float32).
    """
    t = np.abs(Z)
    np.minimum(t, zeros_row(Z) + 40, out=t)  # beyond, phi is 0 and the polynomials might overflow
    phi = t * t
    phi *= -0.5
    np.exp(phi, out=phi)
    tail = _polynomial(HART_P, t)
    tail /= _polynomial(HART_Q, t)
    tail *= phi
    phi *= (2 * np.pi) ** -0.5
    return np.where(Z > 0, 1 - tail, tail), phi


def _polynomial(coefficients: Sequence[float], t: np.ndarray) -> np.ndarray:
    value = coefficients[0] * t
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= t
        value += coefficient
    return value
