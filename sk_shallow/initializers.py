"""Schemes of the initial weights, and `INITIALIZERS`, the table of their names.

Every scheme transforms the same standard normal numbers, uniform schemes too. Two nets with the same seed and
`hidden_size` therefore start from the same numbers, whatever their activations and schemes, and can be compared in
pairs.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from scipy.special import erf

from sk_shallow._compat import StrOptions
from sk_shallow._component import NOT_NEGATIVE, Component

Pair: TypeAlias = Sequence[Any]  # the weights themselves, (W1, W2)

__all__ = ["INITIALIZERS", "Glorot", "He", "Initializer", "LeCun", "Normal", "Orthogonal"]


class Initializer(Component):
    """Base class of schemes of the initial weights.

    A scheme draws one weight matrix. Its number of rows is the fan-in, its number of columns the fan-out.

    Examples
    --------
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.initializers import Initializer
    >>> class Laplace(Initializer):
    ...     def draw(self, rng, fan_in, fan_out):
    ...         return rng.laplace(scale=0.1, size=(fan_in, fan_out))
    >>> ShallowNetClassifier(init=Laplace())
    ShallowNetClassifier(init=Laplace())
    """

    @abstractmethod
    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
        """Return a matrix of shape (fan_in, fan_out), finite, of any real dtype.

        All random numbers must come from `rng`, a numpy.random.Generator. The layer has `fan_in` inputs and `fan_out`
        outputs, both at least 1. `fit` calls this method once for `W2` and once for each piece of `W1`.
        """


class _VarianceScaling(Initializer):
    """Base class of schemes with mean 0 and a variance that keeps the size of signals from layer to layer."""

    _parameter_constraints = {"distribution": [StrOptions({"normal", "uniform"})]}

    def __init__(self, distribution: str = "normal") -> None:
        self.distribution = distribution

    @abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of one weight."""

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
        W = rng.standard_normal((fan_in, fan_out))
        if self.distribution == "uniform":
            W = np.sqrt(3) * erf(W / np.sqrt(2))  # uniform on [-sqrt(3), sqrt(3)]: variance 1
        return np.sqrt(self.variance(fan_in, fan_out)) * W


class Glorot(_VarianceScaling):
    """Variance ``2 / (fan_in + fan_out)``, for sigmoid, tanh and linear units.

    Parameters
    ----------
    distribution : {"normal", "uniform"}, default="normal"

    References
    ----------
    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS, 2010.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 / (fan_in + fan_out)


class He(_VarianceScaling):
    """Variance ``2 / fan_in``, for the relu family.

    Parameters
    ----------
    distribution : {"normal", "uniform"}, default="normal"

    References
    ----------
    He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV, 2015.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 / fan_in


class LeCun(_VarianceScaling):
    """Variance ``1 / fan_in``, for selu.

    Parameters
    ----------
    distribution : {"normal", "uniform"}, default="normal"

    References
    ----------
    LeCun, Bottou, Orr, Mueller, "Efficient BackProp", Neural Networks: Tricks of the Trade, 1998.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / fan_in


class Normal(Initializer):
    """A normal distribution, the same for every shape. ``init_scale=0.01`` gives the textbook's ``randn(...) * 0.01``.

    Parameters
    ----------
    std : float in [0, inf), default=1.0
        Standard deviation of one weight, before `init_scale`.
    """

    _parameter_constraints = {"std": [NOT_NEGATIVE]}

    def __init__(self, std: float = 1.0) -> None:
        self.std = std

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
        return self.std * rng.standard_normal((fan_in, fan_out))


class Orthogonal(Initializer):
    """A random matrix with orthonormal columns.

    If there are more columns than rows, the rows are orthonormal.

    References
    ----------
    Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning", ICLR, 2014.
    """

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
        N = rng.standard_normal((fan_in, fan_out))
        Q, R = np.linalg.qr(N if fan_in >= fan_out else N.T)
        Q *= np.where(np.diag(R) < 0, -1, 1)  # otherwise Q would not be uniformly distributed
        return Q if fan_in >= fan_out else Q.T


INITIALIZERS: dict[str, Callable[[], Initializer]] = {
    "glorot_uniform": partial(Glorot, "uniform"),
    "glorot_normal": Glorot,
    "he_uniform": partial(He, "uniform"),
    "he_normal": He,
    "lecun_uniform": partial(LeCun, "uniform"),
    "lecun_normal": LeCun,
    "normal": Normal,
    "orthogonal": Orthogonal,
}
