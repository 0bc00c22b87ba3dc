"""Solvers: update rules with their options, and `SOLVERS`, the table of their names."""

from abc import abstractmethod

import numpy as np

from sk_shallow._compat import StrOptions
from sk_shallow._component import COUNT, POSITIVE, SHARE, Component

__all__ = ["LBFGS", "SGD", "SOLVERS", "Adam", "FirstOrderSolver", "GradientDescent", "Solver"]

Array = np.ndarray
Moments = dict[str, np.ndarray]


class Solver(Component):
    """Base class of solvers. To write one, subclass `FirstOrderSolver`.

    Attributes
    ----------
    full_batch : bool
        Whether each step uses all rows. If so, `fit` first merges equal rows, and `partial_fit` makes one step.
    learning_rate_init : float or None
        Default initial learning rate of a solver of your own. None: the default of the class it derives from, or 1.
    """

    full_batch: bool = False
    learning_rate_init: float | None = None


class FirstOrderSolver(Solver):
    """Base class of solvers that step along the gradient. A subclass implements `start` and `update`, elementwise.

    Attributes
    ----------
    options_of_moments : tuple of str
        Options that determine what the moments mean. If one changes, `warm_start` and `partial_fit` continue with the
        weights, but with new moments, as after a change of solver.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.solvers import FirstOrderSolver
    >>> class SignDescent(FirstOrderSolver):
    ...     learning_rate_init = 0.01
    ...     def start(self, theta):
    ...         return {}
    ...     def update(self, theta, grad, moments, learning_rate, t):
    ...         theta -= learning_rate * np.sign(grad)
    >>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 1]
    >>> net = ShallowNetClassifier(8, solver=SignDescent(), max_iter=1000, random_state=0)
    >>> net.fit(X, y).predict(X)
    array([0, 1, 1, 1])
    """

    options_of_moments: tuple[str, ...] = ()

    @abstractmethod
    def start(self, theta: Array) -> Moments:
        """Return the moments before the first step: arrays like `theta`, by name."""

    @abstractmethod
    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
        """Do step number t = 1, 2, ... on a block of parameters, in place. May overwrite `grad`."""


class GradientDescent(FirstOrderSolver):
    """Full-batch gradient descent (Cauchy, 1847).

    ``theta := theta - learning_rate * grad``.
    """

    full_batch = True

    def start(self, theta: Array) -> Moments:
        return {}

    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
        grad *= learning_rate
        theta -= grad


class SGD(FirstOrderSolver):
    """Stochastic gradient descent with momentum.

    ``v := momentum * v - learning_rate * grad``, ``theta := theta + v``.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.9
        Fraction of the last step that is added to the next one.
    nesterov : bool, default=True
        Whether to use Nesterov's form, ``theta := theta + momentum * v - learning_rate * grad`` with v already updated.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", ICML, 2013.
    """

    _parameter_constraints = {"momentum": [SHARE], "nesterov": ["boolean"]}

    def __init__(self, momentum: float = 0.9, nesterov: bool = True) -> None:
        self.momentum = momentum
        self.nesterov = nesterov

    def start(self, theta: Array) -> Moments:
        return {"v": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
        v, momentum = moments["v"], float(self.momentum)
        grad *= learning_rate
        v *= momentum
        v -= grad
        if self.nesterov:
            theta -= grad
            theta += np.multiply(v, momentum, out=grad)
        else:
            theta += v


class Adam(FirstOrderSolver):
    """Adam, algorithm 1 of its paper, in the paper's notation.

    ``m := beta_1 m + (1 - beta_1) g``, ``v := beta_2 v + (1 - beta_2) g^2``,
    ``theta := theta - learning_rate (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)``.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Decay of the first moment.
    beta_2 : float in [0, 1) or "auto", default="auto"
        Decay of the second moment. "auto" is 0.95 in rounds, on "one_cycle" and on "cosine", otherwise 0.999.
    epsilon : float in (0, inf), default=1e-8
        Small number that keeps the division finite.

    References
    ----------
    Kingma, Ba, "Adam: a method for stochastic optimization", ICLR, 2015.
    """

    options_of_moments = ("beta_1", "beta_2")
    _parameter_constraints = {"beta_1": [SHARE], "beta_2": [SHARE, StrOptions({"auto"})], "epsilon": [POSITIVE]}

    def __init__(self, beta_1: float = 0.9, beta_2: float | str = "auto", epsilon: float = 1e-8) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def start(self, theta: Array) -> Moments:
        return {"m": np.zeros_like(theta), "v": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
        # Both moments lack their factors 1 - beta, which saves two of twelve passes over the parameters.
        m, v, beta_1 = moments["m"], moments["v"], float(self.beta_1)
        beta_2 = 0.999 if self.beta_2 == "auto" else float(self.beta_2)
        m *= beta_1
        m += grad
        grad *= grad
        v *= beta_2
        v += grad
        v_scale = ((1 - beta_2) / (1 - beta_2**t)) ** 0.5
        step = np.sqrt(v, out=grad)
        step += float(self.epsilon) / v_scale
        np.divide(m, step, out=step)
        step *= learning_rate * (1 - beta_1) / (1 - beta_1**t) / v_scale
        theta -= step


class LBFGS(Solver):
    """SciPy's limited-memory BFGS. It stops when the largest element of the gradient is at most `tol`.

    It evaluates the objective in the dtype of the data. If float32 rounding stops it before the gradient is small, it
    continues in float64 on a copy of the data. It ignores `learning_rate`, `learning_rate_init`, `batch_size` and
    `shuffle`, so one grid can mix solvers.

    Parameters
    ----------
    history : int in [1, inf), default=10
        Number of past steps that are used to estimate the curvature.
    max_fun : int in [1, inf), default=15000
        Largest number of evaluations of the objective.

    References
    ----------
    Zhu, Byrd, Lu, Nocedal, "Algorithm 778: L-BFGS-B", ACM Transactions on Mathematical Software, 1997.
    """

    full_batch = True
    _parameter_constraints = {"history": [COUNT], "max_fun": [COUNT]}

    def __init__(self, history: int = 10, max_fun: int = 15000) -> None:
        self.history = history
        self.max_fun = max_fun


SOLVERS: dict[str, type[Solver]] = {
    "gd": GradientDescent,
    "sgd": SGD,
    "adam": Adam,
    "lbfgs": LBFGS,
}
