"""Activations of the hidden layer, each with its derivative and ONNX form, and `ACTIVATIONS`, the table of their names.

To add one, write a class here and put its name in `ACTIVATIONS`. The rest follows from the table. For an activation of
your own, pass the estimator an object of your subclass of `Activation`, or a pair of functions.
"""

import re
from abc import abstractmethod
from collections.abc import Callable
from inspect import cleandoc
from numbers import Real
from typing import Any

import numpy as np

from sk_shallow._compat import Interval
from sk_shallow._component import COUNT, POSITIVE, Component, from_name
from sk_shallow._special import normal_distribution, onnx_normal_cdf, sigmoid, softplus_and_slope


class Activation(Component):
    """Base class of activations.

    An activation is the function `g` of the hidden layer, ``A1 = g(Z1)``, with its derivative. A subclass implements
    `forward` and `backward`, and `to_onnx` if you convert nets to ONNX. If it has parameters, `__init__` must store
    them unchanged, as in every scikit-learn estimator. You can then search over them.

    Attributes
    ----------
    n_pieces : int, default=1
        Number of pre-activations per hidden unit, p.
    initializer : str, default="glorot_normal"
        Scheme of the initial weights with ``init="auto"``.
    gain : float, default=1.0
        Factor of the initial hidden weights with ``init="auto"``. That of the output weights is 0.5.
    alpha_factor : float, default=1.0
        Factor of the penalty with ``alpha="auto"``.
    range : tuple of (float, float)
        Bounds of the values with the default parameters, or infinity.
    formula, reference : str
        The formula of g, and the paper that introduced it.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.activations import Activation
    >>> class Sine(Activation):
    ...     def forward(self, Z):
    ...         return np.sin(Z), Z
    ...     def backward(self, dA, A, cache):
    ...         return dA * np.cos(cache)
    ...     def to_onnx(self, Z, graph):
    ...         return graph("Sin", Z)
    >>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    >>> ShallowNetClassifier(8, Sine(), solver="lbfgs", random_state=0).fit(X, y).predict(X)
    array([0, 1, 1, 0])
    """

    n_pieces: int = 1
    initializer: str = "glorot_normal"
    gain: float = 1.0
    alpha_factor: float = 1.0
    range: tuple[float, float] = (-np.inf, np.inf)
    formula: str = ""
    reference: str = ""

    @abstractmethod
    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        """Return `A`, of shape (m, n1), and a cache: whatever else `backward` needs.

        `Z`, of shape (m, p * n1), is float32 or float64 and may be overwritten. `A` must have the same dtype. It may be
        `Z` itself.
        """

    @abstractmethod
    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        """Return `dZ`, of shape (m, p * n1): the gradient with respect to `Z`.

        `dA`, of shape (m, n1), is the gradient with respect to `A`. `forward` returned `A` and `cache`. `dA` and the
        cache may be overwritten and returned.
        """

    def to_onnx(self, Z: str, graph: Any) -> str:
        """Add ``A = g(Z)`` to an ONNX graph and return the name of `A`. Needed for conversion to ONNX only.

        `Z` is the name of an array of shape (m, p * n1), and `A` has shape (m, n1). `graph` is a
        `sk_shallow.onnx.Graph`: ``graph("Mul", Z, 0.5)`` adds an operator and returns the name of its result.

        A subclass may compute something different from its base, so conversion never uses an inherited method. If a
        subclass of `Tanh` computes the same, write ``to_onnx = Tanh.to_onnx`` in it.
        """
        kind = type(self)
        place = kind.__name__ if kind is not FunctionActivation else "a subclass of FunctionActivation"
        raise ValueError(
            "Conversion to ONNX needs an activation whose class has a method to_onnx of its own, not an inherited one. "
            f"Got {self!r}, of class {kind.__module__}.{kind.__qualname__}. Write to_onnx(self, Z, graph) in "
            f"{place}. It must add ONNX operators, such as graph('Sin', Z), and return the name of the last result, "
            "which is A."
        )


class ElementwiseActivation(Activation):
    """Base class of elementwise activations. A subclass implements `value`, and `slope` as a function of the value."""

    @abstractmethod
    def value(self, Z: np.ndarray) -> np.ndarray:
        """Return ``a = g(z)`` for each element. May overwrite `Z`."""

    @abstractmethod
    def slope(self, A: np.ndarray) -> np.ndarray:
        """Return ``g'(z)`` for each element, computed from ``a``. Must not overwrite `A`."""

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        return self.value(Z), None

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        dA *= self.slope(A)
        return dA


class Identity(ElementwiseActivation):
    """No activation: the net is linear, like logistic regression."""

    formula = "z"

    def value(self, Z: np.ndarray) -> np.ndarray:
        return Z

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.ones_like(A)

    def to_onnx(self, Z: str, graph: Any) -> str:
        return Z


class Sigmoid(ElementwiseActivation):
    """Logistic sigmoid: values from 0 to 1, slope 1/4 at 0.

    It is saturated where ``abs(z) > 6``: there, the slope is below 1 % of the largest one.
    """

    # sigmoid(z) is (1 + tanh(z / 2)) / 2: for the same predictions, weights are twice as large as with tanh, and their
    # squares four times.
    gain = 4.0
    alpha_factor = 0.25
    range = (0.0, 1.0)
    formula = "1 / (1 + exp(-z))"
    reference = 'Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature, 1986'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return sigmoid(Z, out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return A * (1 - A)

    def to_onnx(self, Z: str, graph: Any) -> str:
        # Where exp(-z) is infinite, this is 0; onnxruntime's own Sigmoid of float32 is never below 1e-8.
        return graph("Div", 1.0, graph("Add", graph("Exp", graph("Neg", Z)), 1.0))


class Tanh(ElementwiseActivation):
    """Hyperbolic tangent: zero-centered, slope 1 at 0."""

    gain = 2.0  # with smaller weights, the units stay almost linear for too long if there are few features
    range = (-1.0, 1.0)
    formula = "(exp(z) - exp(-z)) / (exp(z) + exp(-z))"
    reference = 'LeCun, Bottou, Orr, Mueller, "Efficient BackProp", Neural Networks: Tricks of the Trade, 1998'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.tanh(Z, out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return 1 - A * A

    def to_onnx(self, Z: str, graph: Any) -> str:
        return graph("Tanh", Z)


class ReLU(ElementwiseActivation):
    """Rectified linear unit. Its slope at 0 is defined as 0."""

    initializer = "he_normal"
    gain = 0.5  # trains faster than the whole scheme, and ends as well
    range = (0.0, np.inf)
    formula = "max(0, z)"
    reference = 'Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML, 2010'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(Z, 0, out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return A > 0

    def to_onnx(self, Z: str, graph: Any) -> str:
        return graph("Max", Z, 0.0)


class LeakyReLU(ElementwiseActivation):
    """ReLU with a small slope below zero, so that no unit dies.

    Parameters
    ----------
    negative_slope : float in [0, 1], default=0.01
        Slope c for negative z. 0 is relu, 1 is the identity.
    """

    initializer = "he_normal"
    gain = 0.5
    formula = "max(c z, z)"
    reference = 'Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML, 2013'

    # With a negative c, values would be positive on both sides of 0, and `slope` could not tell them apart.
    _parameter_constraints = {"negative_slope": [Interval(Real, 0, 1, closed="both")]}

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(float(self.negative_slope) * Z, Z, out=Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.where(A > 0, A.dtype.type(1), A.dtype.type(self.negative_slope))

    def to_onnx(self, Z: str, graph: Any) -> str:
        return graph("Max", graph("Mul", Z, float(self.negative_slope)), Z)


class ELU(ElementwiseActivation):
    """Exponential linear unit.

    Parameters
    ----------
    alpha : float in (0, inf), default=1.0
        The value tends to ``-alpha`` at minus infinity.
    """

    initializer = "he_normal"
    range = (-1.0, np.inf)
    formula = "z if z > 0 else alpha (exp(z) - 1)"
    reference = 'Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs", ICLR, 2016'
    _parameter_constraints = {"alpha": [POSITIVE]}

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def value(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(Z, 0) + float(self.alpha) * (np.exp(np.minimum(Z, 0)) - 1)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.where(A > 0, A.dtype.type(1), A + float(self.alpha))

    def to_onnx(self, Z: str, graph: Any) -> str:
        below = graph("Sub", graph("Exp", graph("Min", Z, 0.0)), 1.0)
        return graph("Add", graph("Max", Z, 0.0), graph("Mul", below, float(self.alpha)))


class SELU(ElementwiseActivation):
    """Scaled exponential linear unit.

    With the scheme "lecun_normal" and standardized features, hidden activations have about mean 0 and variance 1.
    """

    initializer = "lecun_normal"
    alpha = 1.6732632423543772
    scale = 1.0507009873554805
    range = (-scale * alpha, np.inf)
    formula = "lambda (z if z > 0 else alpha (exp(z) - 1)), lambda = 1.0507, alpha = 1.6733"
    reference = 'Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", NeurIPS, 2017'

    def value(self, Z: np.ndarray) -> np.ndarray:
        return self.scale * ELU(self.alpha).value(Z)

    def slope(self, A: np.ndarray) -> np.ndarray:
        return np.where(A > 0, A.dtype.type(self.scale), A + self.scale * self.alpha)

    def to_onnx(self, Z: str, graph: Any) -> str:
        return graph("Mul", ELU(self.alpha).to_onnx(Z, graph), self.scale)


class Softplus(Activation):
    """Smooth relu."""

    initializer = "he_normal"
    alpha_factor = 0.5  # its slope at 0 is 1/2: for the same predictions, squared weights are twice as large as elu's
    range = (0.0, np.inf)
    formula = "log(1 + exp(z))"
    reference = 'Dugas, Bengio, Belisle, Nadeau, Garcia, "Second-order functional knowledge", NeurIPS, 2001'

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        return softplus_and_slope(Z)

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        dA *= cache
        return dA

    def to_onnx(self, Z: str, graph: Any) -> str:
        power = graph("Exp", graph("Neg", graph("Abs", Z)))
        return graph("Add", graph("Max", Z, 0.0), graph("Log", graph("Add", power, 1.0)))


class GELU(Activation):
    """Gaussian error linear unit in its exact form. It is z times the normal distribution function of z."""

    initializer = "he_normal"
    range = (-0.17, np.inf)
    formula = "z Phi(z)"
    reference = 'Hendrycks, Gimpel, "Gaussian error linear units", arXiv:1606.08415, 2016'

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        Phi, phi = normal_distribution(Z)
        return Z * Phi, (Z, Phi, phi)

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        Z, Phi, phi = cache
        phi *= Z
        phi += Phi
        dA *= phi  # in place: 4 to 6 % of a step
        return dA

    def to_onnx(self, Z: str, graph: Any) -> str:
        return graph("Mul", Z, onnx_normal_cdf(Z, graph))


class SiLU(Activation):
    """Sigmoid linear unit, also called swish."""

    initializer = "he_normal"
    range = (-0.2785, np.inf)
    formula = "z sigmoid(z)"
    reference = 'Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units", arXiv:1702.03118, 2017'

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        S = sigmoid(Z)
        return np.multiply(Z, S, out=Z), S

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        S = cache
        dA *= S + A * (1 - S)
        return dA

    def to_onnx(self, Z: str, graph: Any) -> str:
        return graph("Div", Z, graph("Add", graph("Exp", graph("Neg", Z)), 1.0))


class Mish(Activation):
    """Self-regularized non-monotonic activation."""

    initializer = "he_normal"
    range = (-0.309, np.inf)
    formula = "z tanh(log(1 + exp(z)))"
    reference = 'Misra, "Mish: a self regularized non-monotonic activation function", BMVC, 2020'

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        S = sigmoid(Z)
        T = S * (2 - S) / (1 + (1 - S) ** 2)  # tanh(log(1 + exp(z))), without three more functions
        return Z * T, (Z, S, T)

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        Z, S, T = cache
        dA *= T + Z * S * (1 - T * T)
        return dA

    def to_onnx(self, Z: str, graph: Any) -> str:
        return graph("Mul", Z, graph("Tanh", Softplus().to_onnx(Z, graph)))


class Maxout(Activation):
    """The maximum of several linear pieces, which the net learns. Enough of them approximate any convex function.

    ``W1`` and ``b1`` have p times as many columns as with other activations. Piece j of unit k is column
    ``j * n1 + k``. Compare maxout with other activations at equal `hidden_size`, and also at equal numbers of weights.

    Parameters
    ----------
    n_pieces : int in [1, inf), default=2
        Number of linear pieces per hidden unit, p. With one piece, maxout is the identity.
    """

    gain = 0.5
    formula = "max_j z_j over the p pieces of a unit"
    reference = 'Goodfellow, Warde-Farley, Mirza, Courville, Bengio, "Maxout networks", ICML, 2013'
    _parameter_constraints = {"n_pieces": [COUNT]}

    def __init__(self, n_pieces: int = 2) -> None:
        self.n_pieces = n_pieces

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        pieces = self._pieces(Z)
        A = pieces[:, 0].copy()
        for j in range(1, int(self.n_pieces)):
            np.maximum(A, pieces[:, j], out=A)
        return A, Z

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        pieces = self._pieces(cache)
        free = np.ones(A.shape, dtype=bool)  # units without a winner so far
        for j in range(int(self.n_pieces)):
            wins = pieces[:, j] == A
            wins &= free
            free ^= wins
            np.multiply(dA, wins, out=pieces[:, j])
        return cache

    def to_onnx(self, Z: str, graph: Any) -> str:
        n1, p = graph.n_units, int(self.n_pieces)
        return graph("Max", *[graph("Slice", Z, [j * n1], [(j + 1) * n1], [1]) for j in range(p)])

    def _pieces(self, Z: np.ndarray) -> np.ndarray:
        # Pieces before units: the maximum over the last axis of (m, n1, p) takes thirty times as long.
        return Z.reshape(len(Z), int(self.n_pieces), -1)


class FunctionActivation(Activation):
    """An activation given by a function and its derivative. ``activation=(value, derivative)`` means the same.

    Parameters
    ----------
    value : callable
        ``g``: takes z, an ndarray of any shape, and returns g(z), elementwise. It must not change its argument. To
        pickle the net, define the function at the top of a module: `pickle` cannot save lambdas.
    derivative : callable
        ``g'``: takes z and returns g'(z), under the same conditions.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_shallow import ShallowNetClassifier
    >>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    >>> net = ShallowNetClassifier(8, (np.sin, np.cos), solver="lbfgs", random_state=0)
    >>> net.fit(X, y).predict(X)
    array([0, 1, 1, 0])
    """

    _parameter_constraints = {"value": [callable], "derivative": [callable]}

    def __init__(self, value: Callable[..., Any], derivative: Callable[..., Any]) -> None:
        self.value = value
        self.derivative = derivative

    def forward(self, Z: np.ndarray) -> tuple[np.ndarray, Any]:
        return np.asarray(self.value(Z), dtype=Z.dtype), Z

    def backward(self, dA: np.ndarray, A: np.ndarray, cache: Any) -> np.ndarray:
        dA *= np.asarray(self.derivative(cache), dtype=dA.dtype)
        return dA


ACTIVATIONS: dict[str, type[Activation]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "maxout": Maxout,
    "softplus": Softplus,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "mish": Mish,
}
ALIASES: dict[str, type[Activation]] = {"logistic": Sigmoid, "swish": SiLU}

__all__ = ["ACTIVATIONS", "ALIASES", "Activation", "ElementwiseActivation", "FunctionActivation"]
__all__ += [kind.__name__ for kind in ACTIVATIONS.values()]

for _kind in ACTIVATIONS.values():  # docstrings end with the formula and the paper
    _sections = [cleandoc(_kind.__doc__ or ""), f"Notes\n-----\n``g(z) = {_kind.formula}``"]
    _sections += [f"References\n----------\n{_kind.reference}."] if _kind.reference else []
    _kind.__doc__ = "\n\n".join(_sections)


def is_pair(value: Any) -> bool:
    """Return whether a value is a pair of functions."""
    return isinstance(value, tuple) and len(value) == 2 and all(map(callable, value))


def check_pair(value: Any) -> None:
    """Raise ValueError for a single function, or for a tuple that is not a pair of functions."""
    a_function = callable(value) and not isinstance(value, type | Activation)
    if a_function or (isinstance(value, tuple) and not is_pair(value)):
        got = f"one function, {value!r}" if a_function else repr(value)
        raise ValueError(
            "An activation of your own must be an Activation object or a pair of two functions of z, (g, derivative). "
            f"Got {got}. Give a pair, for example activation=(np.sin, np.cos)."
        )


def as_activation(value: Any) -> Activation:
    """Return the activation given by a name, an object or a pair of functions."""
    check_pair(value)
    if isinstance(value, tuple):
        value = FunctionActivation(*value)
    table = ACTIVATIONS | ALIASES
    if not isinstance(value, Activation) and value not in list(table):
        raise ValueError(f"Unknown activation {value!r}. Use one of {sorted(table)}, or pass an Activation object.")
    activation = from_name(table, value)
    if not COUNT.is_satisfied_by(activation.n_pieces):
        raise ValueError(f"n_pieces of {activation!r} must be {COUNT}. Got {activation.n_pieces!r} instead.")
    return activation


def label_of(value: Any) -> str:
    """Return a label for an activation or another object, on one line and the same in every run.

    A pair of functions has the name of its first function. Numbers have six digits.
    """
    if isinstance(value, FunctionActivation) or is_pair(value):
        value = as_activation(value).value
    if isinstance(value, str | Real):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return getattr(value, "__name__", None) or " ".join(re.sub(r" at 0x\w+", "", repr(value)).split())
