"""Solvers, and `SOLVERS`, the table of their names.

The first-order ones share one loop, `FirstOrderSolver.minimize`, and differ by their update rule alone. All of them
read the objective through ``network.value_and_gradient`` and report each epoch to the monitor.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from sk_shallow._batches import batches
from sk_shallow._compat import Interval
from sk_shallow._component import Component
from sk_shallow._monitor import Monitor
from sk_shallow._network import Network, Rows
from sk_shallow._threads import scipy_has_one_thread
from sk_shallow.schedules import Clock, Schedule


@dataclass(frozen=True)
class Plan:
    """What the user wants of a fit, in numbers."""

    max_iter: int  # epochs at most; for L-BFGS, iterations
    planned: bool  # whether "auto" has chosen that; a limit is the user's
    tol: float  # of the gradient, for a solver with a stopping rule of its own
    schedule: Schedule
    learning_rate_init: float
    batch_size: int  # at most the number of rows there are
    shuffle: bool  # whether each epoch takes the rows in a new order
    alpha: float  # strength of the penalty, for the network


@dataclass
class TrainingState:
    """All that a later call needs in order to go on as if there had been no break.

    `rng` draws orders of rows and dropout masks. The initial weights have a generator of their own, so that nets with
    different numbers of weights see their rows in the same order.
    """

    seed: int  # where all randomness comes from
    clock: Clock = field(default_factory=Clock)
    rule: str = ""  # the update rule whose memory the moments are
    moments: dict[str, np.ndarray] = field(default_factory=dict)
    steps: int = 0  # that the rule has taken
    best: float = np.inf  # of the monitor, like stale
    stale: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 1])

    def take_up(self, rule: str, start: Callable[[np.ndarray], dict[str, np.ndarray]], theta: np.ndarray) -> None:
        """Begin a rule's memory, or go on with it, in the dtype of the parameters."""
        if self.rule != rule:
            self.rule, self.moments, self.steps = rule, start(theta), 0
        self.moments = {name: moment.astype(theta.dtype, copy=False) for name, moment in self.moments.items()}

    def initial_rng(self) -> np.random.Generator:
        """Return the generator of the initial weights."""
        return np.random.default_rng([self.seed, 0])


class Solver(Component):
    """Minimizes the objective of a network.

    Attributes
    ----------
    full_batch : bool
        Whether every step needs all rows; `partial_fit` is then not there.
    learning_rate : float
        Initial learning rate where the user gives none, on a schedule that may go on for ever.
    line_search : bool
        Whether it finds the length of its steps, and its end, by itself: a learning rate and a plateau of the training
        loss then mean nothing to it, and the objective must be the same at every evaluation (no dropout).
    """

    full_batch: bool = False
    learning_rate: float = 1.0
    line_search: bool = False

    def peak_rate(self, q: float, factor: float) -> float:
        """Return the largest learning rate where the user gives none, on a schedule that ends near zero.

        `q` is the mean squared length of a row, `factor` what the activation asks for.
        """
        return self.learning_rate

    @abstractmethod
    def minimize(self, network: Network, monitor: Monitor, plan: Plan, state: TrainingState) -> str | None:
        """Change ``network.parameters`` until the monitor, the plan or convergence ends it.

        Returns
        -------
        unfinished : str or None
            What has ended it before it converged, for a warning; None if it has converged.
        """


class FirstOrderSolver(Solver):
    """Steps along the gradient: a subclass gives the rule of one step, `update`, elementwise."""

    @abstractmethod
    def start(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the memory of the rule before the first step: arrays like `theta`."""

    @abstractmethod
    def update(
        self, theta: np.ndarray, grad: np.ndarray, moments: dict[str, np.ndarray], learning_rate: float, t: int
    ) -> None:
        """Take step number t = 1, 2, ... : change `theta` and `moments` in place; may overwrite `grad`.

        They are one block of the parameters after another, each of which stays in the cache.
        """

    def minimize(self, network: Network, monitor: Monitor, plan: Plan, state: TrainingState) -> str | None:
        m, clock = network.n_samples, state.clock
        theta, grad = network.parameters.theta, network.gradient.theta
        clock.progress = 0.0
        state.take_up(f"{type(self).__module__}.{type(self).__qualname__}", self.start, theta)
        blocks = [
            (theta[block], grad[block], {name: moment[block] for name, moment in state.moments.items()})
            for block in batches(theta.size)
        ]
        for _ in range(plan.max_iter):
            total = 0.0
            for rows, size in self._batches(m, plan, state.rng):
                total += size * network.value_and_gradient(rows, state.rng)
                rate = float(plan.schedule.rate(plan.learning_rate_init, clock))
                state.steps += 1
                for block in blocks:
                    self.update(*block, rate, state.steps)
                clock.progress += size / (m * plan.max_iter)
            clock.samples += m
            if monitor.epoch_end(total / m):
                if monitor.diverged or plan.schedule.stops(plan.learning_rate_init, clock):
                    return None
                clock.plateaus += 1
                monitor.stale = 0
        return None if plan.schedule.needs_length else f"max_iter={plan.max_iter} epochs"

    def _batches(self, m: int, plan: Plan, rng: np.random.Generator) -> Iterator[tuple[Rows, int]]:
        if self.full_batch or plan.batch_size >= m:
            yield slice(None), m
            return
        order = rng.permutation(m) if plan.shuffle else None
        for batch in batches(m, plan.batch_size):
            yield (batch if order is None else order[batch]), batch.stop - batch.start


class GradientDescent(FirstOrderSolver):
    """Full-batch gradient descent: ``theta := theta - learning_rate * grad`` until it converges.

    References
    ----------
    Cauchy, "Methode generale pour la resolution des systemes d'equations simultanees", Comptes rendus, 1847.
    """

    full_batch = True
    learning_rate = 0.1

    def start(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {}

    def update(
        self, theta: np.ndarray, grad: np.ndarray, moments: dict[str, np.ndarray], learning_rate: float, t: int
    ) -> None:
        grad *= learning_rate
        theta -= grad


class SGD(FirstOrderSolver):
    """Stochastic gradient descent with momentum: ``v := momentum * v - learning_rate * grad``, ``theta := theta + v``.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.9
        Share of the last step that is taken again.
    nesterov : bool, default=True
        Whether to step to ``theta + momentum * v - learning_rate * grad`` instead, v already updated.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", ICML, 2013.
    """

    learning_rate = 0.01

    _parameter_constraints = {"momentum": [Interval(Real, 0, 1, closed="left")], "nesterov": ["boolean"]}

    def __init__(self, momentum: float = 0.9, nesterov: bool = True) -> None:
        self.momentum = momentum
        self.nesterov = nesterov

    def peak_rate(self, q: float, factor: float) -> float:
        """Return 3 factor / q, from 0.01 to 0.5: the curvature of the loss grows with q."""
        return min(0.5, max(0.01, 3 * factor / max(q, 1e-9)))

    def start(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"v": np.zeros_like(theta)}

    def update(
        self, theta: np.ndarray, grad: np.ndarray, moments: dict[str, np.ndarray], learning_rate: float, t: int
    ) -> None:
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
    """Adam, algorithm 1 of its paper, with the letters used there.

    ``m := beta_1 m + (1 - beta_1) g``, ``v := beta_2 v + (1 - beta_2) g^2``,
    ``theta := theta - learning_rate (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)``.

    Parameters
    ----------
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay of the first and second moment.
    epsilon : float in (0, inf), default=1e-8
        Keeps the division finite.

    References
    ----------
    Kingma, Ba, "Adam: a method for stochastic optimization", ICLR, 2015.
    """

    learning_rate = 0.001

    _parameter_constraints = {
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def peak_rate(self, q: float, factor: float) -> float:
        """Return 0.1 / sqrt(q), from 0.001 to 0.03, times factor: steps move pre-activations alike whatever q is."""
        return factor * min(0.03, max(0.001, 0.1 / max(q, 1e-9) ** 0.5))

    def start(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"m": np.zeros_like(theta), "v": np.zeros_like(theta)}

    def update(
        self, theta: np.ndarray, grad: np.ndarray, moments: dict[str, np.ndarray], learning_rate: float, t: int
    ) -> None:
        m, v, beta_1, beta_2 = moments["m"], moments["v"], float(self.beta_1), float(self.beta_2)
        m *= beta_1
        grad *= 1 - beta_1
        m += grad
        grad *= grad
        grad *= (1 - beta_2) / (1 - beta_1) ** 2  # (1 - beta_2) g^2
        v *= beta_2
        v += grad
        v_scale = (1 - beta_2**t) ** 0.5
        step = np.sqrt(v, out=grad)
        step += float(self.epsilon) * v_scale
        np.divide(m, step, out=step)
        step *= learning_rate * v_scale / (1 - beta_1**t)
        theta -= step


class LBFGS(Solver):
    """Limited-memory BFGS, SciPy's, with an objective and a gradient in the dtype of the data.

    Where the rounding of float32 ends it before the gradient is small, it goes on in float64, on a copy of the data.

    It stops when the largest element of the gradient is below `tol`. `learning_rate`, `learning_rate_init`,
    `batch_size` and `shuffle` mean nothing to it, so that one grid can mix solvers.

    Parameters
    ----------
    history : int in [1, inf), default=20
        Number of past steps from which the curvature is estimated.
    max_fun : int in [1, inf), default=15000
        Evaluations of the objective at most.

    References
    ----------
    Zhu, Byrd, Lu, Nocedal, "Algorithm 778: L-BFGS-B", ACM Transactions on Mathematical Software, 1997.
    """

    full_batch = True
    line_search = True

    _parameter_constraints = {
        "history": [Interval(Integral, 1, None, closed="left")],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, history: int = 20, max_fun: int = 15000) -> None:
        self.history = history
        self.max_fun = max_fun

    def minimize(self, network: Network, monitor: Monitor, plan: Plan, state: TrainingState) -> str | None:
        theta = network.parameters.theta
        result = self._run(network, theta.astype(np.float64), monitor, plan.max_iter, self.max_fun, plan.tol)
        left = plan.max_iter - result.nit, self.max_fun - result.nfev
        if theta.dtype != np.float64 and min(left) > 0 and not monitor.stopped and np.abs(result.jac).max() > plan.tol:
            result = self._run(network.as_float64(), result.x, monitor, *left, plan.tol)
            left = left[0] - result.nit, left[1] - result.nfev
        theta[:] = result.x
        if not monitor.losses:  # converged where it started
            monitor.epoch_end(float(result.fun))
        if result.success or monitor.stopped or (plan.planned and left[0] <= 0):
            return None
        if left[0] <= 0:
            return f"max_iter={plan.max_iter} iterations"
        return f"max_fun={self.max_fun} evaluations" if left[1] <= 0 else f"SciPy ({result.message})"

    def _run(
        self, network: Network, start: np.ndarray, monitor: Monitor, max_iter: int, max_fun: int, tol: float
    ) -> OptimizeResult:
        """Minimize in the dtype of a network, as far as that goes."""

        def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
            network.parameters.theta[:] = x  # SciPy owns x and what it is given: copy in, copy out
            return network.value_and_gradient(), network.gradient.theta.astype(np.float64)

        def report(intermediate_result: OptimizeResult) -> None:
            monitor.theta[:] = intermediate_result.x
            if monitor.epoch_end(float(intermediate_result.fun)):
                raise StopIteration  # SciPy's way to say so

        options = {"maxiter": max_iter, "maxfun": max_fun, "maxcor": self.history, "gtol": tol}
        options["ftol"] = max(64 * np.finfo(np.float64).eps, np.finfo(network.gradient.theta.dtype).eps)
        with scipy_has_one_thread():
            return minimize(objective, start, jac=True, method="L-BFGS-B", callback=report, options=options)


SOLVERS: dict[str, type[Solver]] = {
    "gd": GradientDescent,
    "sgd": SGD,
    "adam": Adam,
    "lbfgs": LBFGS,
}
