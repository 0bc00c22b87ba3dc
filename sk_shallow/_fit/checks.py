"""The check of an activation's derivative, before the first fit."""

import numpy as np

from sk_shallow.activations import Activation, FunctionActivation

STEP = 1e-5  # of the central differences, in z
TOLERANCE = 1e-5  # largest relative error of a slope


def check_derivative(activation: Activation) -> None:
    """Compare an activation's `backward` with central differences of its `forward`, on rows of several units.

    Raises ValueError if a value or derivative has the wrong shape or dtype. Also raises it if they disagree at more
    than one z (a single z might be a kink): ``abs(backward - difference) / max(scale, abs(difference))`` is above
    `TOLERANCE`. Here, scale is the smaller of 1 and the largest slope in [-6, 6]. The message names the z with the
    largest error.
    """
    mismatch = _mismatch(activation)
    if mismatch is None:
        return
    z, slope, difference = mismatch
    raise ValueError(
        f"The derivative of {activation!r} does not match its value: at z = {z:.6g} it is {slope:.6g}, but "
        f"(g(z + h) - g(z - h)) / 2h is {difference:.6g}. {_advice(activation)}"
    )


def _mismatch(activation: Activation) -> tuple[float, float, float] | None:
    """Return the z with the largest error, the slope and the central difference there; None if the slopes match."""
    p, n_units, rng = int(activation.n_pieces), 3, np.random.default_rng(0)
    Z, dA = rng.uniform(-6, 6, (100, p * n_units)), rng.uniform(0.5, 1.5, (100, n_units))
    Z[75:] *= 8
    for dtype in (np.float32, np.float64):
        try:
            A, cache = activation.forward(Z.astype(dtype))
            dZ = activation.backward(dA.astype(dtype), A, cache)
        except Exception as raised:
            raised.add_note(f"This came from {activation!r}. It gets an array of z, not one number.")
            raise
        for what, array, shape in (("forward", A, dA.shape), ("backward", dZ, Z.shape)):
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"{what} of {activation!r} must return an array of shape {shape} and dtype {np.dtype(dtype)} for "
                    f"Z of shape {Z.shape}. Got shape {array.shape} and dtype {array.dtype}."
                )
    for j in range(p * n_units):
        h = STEP * (np.arange(p * n_units) == j)
        change = activation.forward(Z + h)[0] - activation.forward(Z - h)[0]
        difference = (dA * change).sum(axis=1) / (2 * STEP) / dA[:, j % n_units]
        slope = dZ[:, j] / dA[:, j % n_units]
        scale = min(1, np.abs(difference[:75]).max())  # less than 1 for a function that is small everywhere
        error = np.abs(slope - difference)
        wrong = ~(error <= TOLERANCE * np.maximum(scale, np.abs(difference)))
        if np.count_nonzero(wrong) > 1:
            worst = int(np.argmax(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1)))
            return Z[worst, j], slope[worst], difference[worst]
    return None


def _advice(activation: Activation) -> str:
    """Return what to do. Textbooks often write the derivative as a function of a = g(z)."""
    if not isinstance(activation, FunctionActivation):
        return "Correct `backward`."
    g, derivative = activation.value, activation.derivative
    z = np.linspace(-6.0, 6.0, 7)[:, np.newaxis]
    g(given := z.copy())
    if not np.array_equal(given, z):
        return "The first function of the pair changes its argument. Return a new array."
    try:
        takes_a = _mismatch(FunctionActivation(g, lambda z: derivative(g(z)))) is None
    except Exception:  # whatever the function does with g(z)
        takes_a = False
    if not takes_a:
        return "Correct the second function of the pair. It takes z, not g(z)."
    return (
        "The second function of the pair takes z, but yours is correct only if it gets g(z). Instead of "
        "(g, derivative), write (g, lambda z: derivative(g(z)))."
    )
