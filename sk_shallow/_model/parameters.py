"""All weights and biases as one flat vector for the solver, with W1, W2, b1, b2 as views for the network."""

from collections.abc import Sequence
from itertools import accumulate
from math import prod

import numpy as np
from sklearn.utils import check_array

from sk_shallow.initializers import Initializer, Pair


class Parameters:
    """All weights and biases, or a gradient of the same shape.

    `W1`, (n0, p * n1), `W2`, (n1, n2), `b1`, (p * n1,), and `b2`, (n2,), are views of the flat vector `theta`, in this
    order. `weights` is the part that the penalty shrinks. With p pieces per unit, column ``j * n1 + k`` is piece j of
    unit k.

    If `n_nets` nets are trained together, each block has a leading axis: `W1` is (n_nets, n0, p * n1).
    """

    BLOCKS = ("W1", "W2", "b1", "b2")

    W1: np.ndarray
    W2: np.ndarray
    b1: np.ndarray
    b2: np.ndarray

    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        dtype: np.typing.DTypeLike = np.float64,
        n_nets: int | None = None,  # None: one net, without a leading axis
    ) -> None:
        n0, n1, n2, n_pieces = self.sizes = sizes
        self.n_nets = n_nets
        nets = () if n_nets is None else (n_nets,)
        shapes = [(n0, n_pieces * n1), (n1, n2), (n_pieces * n1,), (n2,)]
        ends = list(accumulate(prod(nets + shape) for shape in shapes))
        self.theta = np.zeros(ends[-1], dtype=dtype)
        for name, shape, start, end in zip(self.BLOCKS, shapes, [0, *ends[:-1]], ends, strict=True):
            setattr(self, name, self.theta[start:end].reshape(nets + shape))
        self.weights = self.theta[: ends[1]]

    @property
    def coefs(self) -> list[np.ndarray]:
        return [self.W1, self.W2]

    @property
    def intercepts(self) -> list[np.ndarray]:
        return [self.b1, self.b2]

    def zeros_like(self) -> "Parameters":
        return Parameters(self.sizes, self.theta.dtype, self.n_nets)

    def repeated(self, n_nets: int) -> "Parameters":
        """Return the parameters of `n_nets` copies of this net."""
        nets = Parameters(self.sizes, self.theta.dtype, n_nets)
        for name in self.BLOCKS:
            getattr(nets, name)[...] = getattr(self, name)
        return nets

    def __getitem__(self, net: int) -> "Parameters":
        """Return a copy of the parameters of one net."""
        one = Parameters(self.sizes, self.theta.dtype)
        for name in self.BLOCKS:
            getattr(one, name)[...] = getattr(self, name)[net]
        return one

    def of_units(self, n_units: int) -> "Parameters":
        """Return a copy of the parameters of the first hidden units."""
        n0, n1, n2, n_pieces = self.sizes
        fewer = Parameters((n0, n_units, n2, n_pieces), self.theta.dtype)
        columns = np.arange(n_pieces * n1) % n1 < n_units
        fewer.fill([self.W1[:, columns], self.W2[:n_units]], [self.b1[columns], self.b2])
        return fewer

    def units_are_equal(self) -> bool:
        """Return whether all hidden units have the same weights and biases."""
        return all(bool((block == block[..., :1]).all()) for block in self._units())

    def equalize_units(self) -> None:
        """Give all hidden units the numbers of the first one."""
        for block in self._units():
            block[...] = block[..., :1]

    def _units(self) -> list[np.ndarray]:
        """Return views of `W1`, `b1` and `W2` with the hidden units on the last axis."""
        _, n1, _, n_pieces = self.sizes
        W1, b1 = (block.reshape(*block.shape[:-1], n_pieces, n1) for block in (self.W1, self.b1))
        return [W1, b1, self.W2.mT]

    def fill(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> None:
        """Copy `coefs_` and `intercepts_` into the parameters. Raises ValueError if their shapes differ."""
        for name, array in zip(self.BLOCKS, [*coefs, *intercepts], strict=True):
            block = getattr(self, name)
            if block.shape != array.shape:
                raise ValueError(
                    "hidden_size, the number of pieces of activation and the features must not change between calls: "
                    f"{name} has shape {array.shape}, but now needs {block.shape}. Set them back, or call fit with "
                    "warm_start=False."
                )
            block[...] = array


def initialize(
    parameters: Parameters, init: Initializer | Pair, scales: tuple[float, float], rng: np.random.Generator
) -> None:
    """Fill the weights with a draw or the given pair, times the scales of `W1` and `W2`, and the biases with zeros.

    `W2` is drawn first, then `W1` piece by piece, so nets with different numbers of pieces share the first draws.
    """
    n0, n1, n2, n_pieces = parameters.sizes
    parameters.theta[:] = 0
    if isinstance(init, Initializer):
        parameters.W2[...] = scales[1] * _checked_draw(init, rng, n1, n2)
        for piece in range(n_pieces):
            parameters.W1[:, piece * n1 : (piece + 1) * n1] = scales[0] * _checked_draw(init, rng, n0, n1)
    else:
        W1, W2 = _checked_pair(init, parameters)
        parameters.W1[...], parameters.W2[...] = scales[0] * W1, scales[1] * W2
    if not np.isfinite(parameters.theta).all():
        raise ValueError(f"The initial weights overflow in {parameters.theta.dtype}. Pass a smaller init_scale.")


def _checked_draw(initializer: Initializer, rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    W, shape = np.asarray(initializer.draw(rng, fan_in, fan_out)), (fan_in, fan_out)
    if W.shape != shape or W.dtype.kind not in "biuf" or not np.isfinite(W).all():
        got = f"shape {W.shape}" if W.shape != shape else "values that are not finite real numbers"
        raise ValueError(f"draw of {initializer!r} must return finite real numbers of shape {shape}. Got {got}.")
    return W


def _checked_pair(init: Pair, parameters: Parameters) -> list[np.ndarray]:
    if len(init) != 2:
        raise ValueError(f"init must be a name, an Initializer or a pair of arrays (W1, W2). Got {len(init)} elements.")
    names = ("W1 of init", "W2 of init")
    pair = [
        check_array(W, dtype=np.float64, ensure_2d=False, input_name=name) for W, name in zip(init, names, strict=True)
    ]
    got, needed = [W.shape for W in pair], [W.shape for W in parameters.coefs]
    if got != needed:
        (n0, _, n2, n_pieces), n1 = parameters.sizes, len(pair[1])
        advice = "W1 has a row per feature, and W2 a row per hidden unit"
        if got == [(n0, n_pieces * n1), (n1, n2)]:
            advice = f"Set hidden_size={n1}"
        elif all(sorted(has) == sorted(shape) for has, shape in zip(got, needed, strict=True)):
            wrong = [name for name, has, shape in zip(("W1", "W2"), got, needed, strict=True) if has != shape]
            advice = f"Transpose {' and '.join(wrong)}: {advice}"
        raise ValueError(
            f"init=(W1, W2) must have the shapes {needed[0]}, (n_features, n_pieces * hidden_size), and {needed[1]}, "
            f"(hidden_size, n_outputs). Got {got[0]} and {got[1]}. {advice}."
        )
    return pair
