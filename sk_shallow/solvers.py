"""Solvers, and `SOLVERS`, the table of their names.

The first-order ones share one loop, `FirstOrderSolver.minimize`, and differ by their update rule alone. All of them
read the objective through ``network.value_and_gradient`` and report each epoch to the monitor.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.base import clone

from sk_shallow._batches import batches
from sk_shallow._compat import StrOptions
from sk_shallow._component import COUNT, POSITIVE, SHARE, Component
from sk_shallow._monitor import Monitor, Signal
from sk_shallow._network import Network, Rows
from sk_shallow._plan import Plan
from sk_shallow._threads import scipy_has_one_thread
from sk_shallow.schedules import Clock

Array = np.ndarray
Moments = dict[str, np.ndarray]


@dataclass
class TrainingState:
    """All that a later call needs in order to go on as if there had been no break."""

    seed: int  # where all randomness comes from
    rng: np.random.Generator  # of orders of rows and dropout masks
    clock: Clock = field(default_factory=Clock)
    rule: str = ""  # the update rule whose memory the moments are
    moments: Moments = field(default_factory=dict)
    steps: int = 0  # that the rule has taken
    best: float = np.inf  # of the monitor, like no_improvement_count
    no_improvement_count: int = 0

    def prepare(self, rule: str, start: Callable[[Array], Moments], theta: Array) -> None:
        """Begin the moments of a rule, or keep them where it goes on, in the dtype of the parameters."""
        if self.rule != rule:
            self.rule, self.moments, self.steps = rule, start(theta), 0
        self.moments = {name: moment.astype(theta.dtype, copy=False) for name, moment in self.moments.items()}
        if not all(np.isfinite(moment).all() for moment in self.moments.values()):  # too large for the dtype
            self.moments, self.steps = start(theta), 0


class Solver(Component):
    """Minimizes the objective of a network.

    Attributes
    ----------
    full_batch : bool
        Whether every step needs all rows; `partial_fit` is then not there.
    learning_rate_init : float
        Initial learning rate where the user gives none, on a schedule that may go on for ever.
    line_search : bool
        Whether it searches along a line for the length of each step: it then has no learning rate, and needs the same
        objective at every evaluation (no dropout).
    """

    full_batch: bool = False
    learning_rate_init: float = 1.0
    line_search: bool = False

    def peak_rate(self, q: float) -> float:
        """Return the largest rate of a schedule that ends near zero, for rows of mean squared length `q`."""
        return self.learning_rate_init

    def annealed(self) -> "Solver":
        """Return the solver for a schedule that ends near zero: this one, or one with other defaults."""
        return self

    @abstractmethod
    def minimize(self, network: Network, monitor: Monitor, plan: Plan, state: TrainingState) -> str | None:
        """Change ``network.parameters`` until the monitor, the plan or convergence ends it.

        Returns the limit that has ended it before it converged, in words, or None.
        """


class FirstOrderSolver(Solver):
    """Steps along the gradient: a subclass gives the rule of one step, `update`, elementwise."""

    @abstractmethod
    def start(self, theta: Array) -> Moments:
        """Return the memory of the rule before the first step: arrays like `theta`."""

    @abstractmethod
    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
        """Take step number t = 1, 2, ... of a block of parameters, in place; may overwrite `grad`."""

    def minimize(self, network: Network, monitor: Monitor, plan: Plan, state: TrainingState) -> str | None:
        m, clock = network.n_samples, state.clock
        theta, grad = network.parameters.theta, network.gradient.theta
        learning_rate_init = float(plan.learning_rate_init or self.learning_rate_init)
        clock.progress = 0.0
        state.prepare(f"{type(self).__module__}.{type(self).__qualname__}", self.start, theta)
        blocks = [
            (theta[block], grad[block], {name: moment[block] for name, moment in state.moments.items()})
            for block in batches(theta.size)
        ]
        for _ in range(plan.max_iter):
            monitor.epoch_begin()
            total = 0.0
            for rows, size in self._batches(m, plan, state.rng):
                total += size * network.value_and_gradient(rows, state.rng)
                rate = float(plan.schedule.rate(learning_rate_init, clock))
                state.steps += 1
                for block in blocks:
                    self.update(*block, rate, state.steps)
                clock.progress += size / (m * plan.max_iter)
            clock.epochs += 1
            signal = monitor.epoch_end(total / m, state.moments.values())
            if signal is Signal.PLATEAU and not plan.schedule.stops(learning_rate_init, clock):
                clock.plateaus += 1
                monitor.no_improvement_count = 0
            elif signal:
                return None
        return f"max_iter={plan.max_iter} epochs" if plan.max_iter_is_limit else None

    def _batches(self, m: int, plan: Plan, rng: np.random.Generator) -> Iterator[tuple[Rows, int]]:
        if self.full_batch or plan.batch_size >= m:
            yield slice(None), m
            return
        order = rng.permutation(m) if plan.shuffle else None
        for batch in batches(m, plan.batch_size):
            yield (batch if order is None else order[batch]), batch.stop - batch.start


class GradientDescent(FirstOrderSolver):
    """Full-batch gradient descent (Cauchy, 1847): ``theta := theta - learning_rate * grad`` until it converges."""

    full_batch = True
    learning_rate_init = 0.1

    def start(self, theta: Array) -> Moments:
        return {}

    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
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

    learning_rate_init = 0.01
    _parameter_constraints = {"momentum": [SHARE], "nesterov": ["boolean"]}

    def __init__(self, momentum: float = 0.9, nesterov: bool = True) -> None:
        self.momentum = momentum
        self.nesterov = nesterov

    def peak_rate(self, q: float) -> float:
        """Return 3 / q, from 0.01 to 0.5: the curvature of the loss grows with q."""
        return min(0.5, max(0.01, 3 / max(q, 1e-9)))

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
    """Adam, algorithm 1 of its paper, with the letters used there.

    ``m := beta_1 m + (1 - beta_1) g``, ``v := beta_2 v + (1 - beta_2) g^2``,
    ``theta := theta - learning_rate (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)``.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Decay of the first moment.
    beta_2 : float in [0, 1) or "auto", default="auto"
        Decay of the second moment. "auto" is 0.95 on a schedule that ends near zero, and otherwise the paper's 0.999.
    epsilon : float in (0, inf), default=1e-8
        Keeps the division finite.

    References
    ----------
    Kingma, Ba, "Adam: a method for stochastic optimization", ICLR, 2015.
    """

    learning_rate_init = 0.0015  # MLPClassifier's 0.001 trails it on streams: weights start half as large here
    _parameter_constraints = {"beta_1": [SHARE], "beta_2": [SHARE, StrOptions({"auto"})], "epsilon": [POSITIVE]}

    def __init__(self, beta_1: float = 0.9, beta_2: float | str = "auto", epsilon: float = 1e-8) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def peak_rate(self, q: float) -> float:
        """Return 0.1 / sqrt(q), from 0.001 to 0.1: steps move pre-activations alike whatever q is."""
        return min(0.1, max(0.001, 0.1 / max(q, 1e-9) ** 0.5))

    def annealed(self) -> "Adam":
        return clone(self).set_params(beta_2=0.95) if self.beta_2 == "auto" else self

    def start(self, theta: Array) -> Moments:
        return {"m": np.zeros_like(theta), "v": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
        m, v, beta_1 = moments["m"], moments["v"], float(self.beta_1)
        beta_2 = 0.999 if self.beta_2 == "auto" else float(self.beta_2)
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
    """Limited-memory BFGS, SciPy's, which stops when the largest element of the gradient is below `tol`.

    It evaluates in the dtype of the data; where the rounding of float32 ends it before the gradient is small, it goes
    on in float64, on a copy of the data. `learning_rate`, `learning_rate_init`, `batch_size` and `shuffle` mean nothing
    to it, so that one grid can mix solvers.

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
    _parameter_constraints = {"history": [COUNT], "max_fun": [COUNT]}

    def __init__(self, history: int = 20, max_fun: int = 15000) -> None:
        self.history = history
        self.max_fun = max_fun

    def minimize(self, network: Network, monitor: Monitor, plan: Plan, state: TrainingState) -> str | None:
        theta = network.parameters.theta
        result = self._run(network, theta.astype(np.float64), monitor, (plan.max_iter, self.max_fun))
        left = plan.max_iter - result.nit, self.max_fun - result.nfev
        if theta.dtype != np.float64 and min(left) > 0 and not monitor.signal and np.abs(result.jac).max() > plan.tol:
            result = self._run(network.as_float64(), result.x, monitor, left)
            left = left[0] - result.nit, left[1] - result.nfev
        theta[:] = result.x
        if not monitor.losses:  # converged where it started
            monitor.epoch_end(float(result.fun))
        converged = result.success or np.abs(result.jac).max() <= plan.tol  # SciPy looks at the limit first
        if converged or monitor.signal or (left[0] <= 0 and not plan.max_iter_is_limit):
            return None
        if left[0] <= 0:
            return f"max_iter={plan.max_iter} iterations"
        return f"max_fun={self.max_fun} evaluations" if left[1] <= 0 else f"SciPy ({result.message})"

    def _run(self, network: Network, start: np.ndarray, monitor: Monitor, limits: tuple[int, int]) -> OptimizeResult:
        """Minimize in the dtype of a network, as far as that and the limits of iterations and evaluations go."""

        def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
            monitor.epoch_begin()
            network.parameters.theta[:] = x  # SciPy owns x and what it is given: copy in, copy out
            return network.value_and_gradient(), network.gradient.theta.astype(np.float64)

        def report(intermediate_result: OptimizeResult) -> None:
            monitor.theta[:] = intermediate_result.x
            if monitor.epoch_end(float(intermediate_result.fun)):
                raise StopIteration  # SciPy's way to say so

        max_iter, max_fun = limits
        options = {"maxiter": max_iter, "maxfun": max_fun, "maxcor": self.history, "gtol": monitor.plan.tol}
        options["ftol"] = max(64 * np.finfo(np.float64).eps, np.finfo(network.gradient.theta.dtype).eps)
        with scipy_has_one_thread():
            return minimize(objective, start, jac=True, method="L-BFGS-B", callback=report, options=options)


SOLVERS: dict[str, type[Solver]] = {
    "gd": GradientDescent,
    "sgd": SGD,
    "adam": Adam,
    "lbfgs": LBFGS,
}
