"""Special functions of activations: faster than SciPy's, exact to rounding. `Z` is a float array of any shape."""

from typing import Any

import numpy as np

# Coefficients of P and Q in `normal_distribution`, highest power first.
HART_P = (
    0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383,
    112.079291497871, 221.213596169931, 220.206867912376,
)  # fmt: skip
HART_Q = (
    0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461,
    296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752,
)  # fmt: skip


def sigmoid(Z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return ``1 / (1 + exp(-Z))``. It is faster than `scipy.special.expit`."""
    A = np.negative(Z, out=out)
    with np.errstate(over="ignore"):  # 1 / infinity is 0
        np.exp(A, out=A)
    A += 1
    return np.reciprocal(A, out=A)


def softplus_and_slope(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``log(1 + exp(Z))`` and its derivative, ``1 / (1 + exp(-Z))``, from one exponential.

    It takes a fraction of the time of ``numpy.logaddexp(0, Z)``.
    """
    E = np.exp(-np.abs(Z))
    A = np.maximum(Z, 0) + np.log1p(E)
    return A, np.where(Z > 0, E.dtype.type(1), E) / (1 + E)


def normal_distribution(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distribution function Phi and the density phi of the standard normal distribution.

    For t = abs(z), ``Phi(-t) = exp(-t^2 / 2) P(t) / Q(t)``, with the polynomials 5666 of Hart et al., "Computer
    approximations", 1968. In float64, Phi is within 3e-16 of `scipy.special.ndtr`. On processors with AVX-512, both
    functions take 0.8 of the time of `ndtr` and a density, in float32 0.6; on others, about the same time.
    """
    t = np.abs(Z)
    np.minimum(t, 40, out=t)  # beyond 40, phi is 0 and the polynomials can overflow
    phi = t * t
    phi *= -0.5
    np.exp(phi, out=phi)
    tail = _polynomial(HART_P, t)
    tail /= _polynomial(HART_Q, t)
    tail *= phi
    phi *= (2 * np.pi) ** -0.5
    return np.where(Z > 0, 1 - tail, tail), phi


def onnx_normal_cdf(Z: str, graph: Any) -> str:
    """Add Phi as above to an ONNX graph: onnxruntime has no Erf of float64."""
    t = graph("Min", graph("Abs", Z), 40.0)
    density = graph("Exp", graph("Mul", graph("Mul", t, t), -0.5))
    ratio = graph("Div", _onnx_polynomial(HART_P, t, graph), _onnx_polynomial(HART_Q, t, graph))
    tail = graph("Mul", ratio, density)
    return graph("Where", graph("Greater", Z, 0.0), graph("Sub", 1.0, tail), tail)


def _polynomial(coefficients: tuple[float, ...], t: np.ndarray) -> np.ndarray:
    value = np.full_like(t, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= t
        value += coefficient
    return value


def _onnx_polynomial(coefficients: tuple[float, ...], t: str, graph: Any) -> str:
    value: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        value = graph("Add", graph("Mul", value, t), coefficient)
    return value
