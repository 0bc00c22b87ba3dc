"""Solvers, and `SOLVERS`, the table of their names.

First-order solvers share one loop, `FirstOrderSolver.minimize`, and differ only in their update rule. All solvers
evaluate the objective through ``network.value_and_gradient`` and report each epoch to the monitor.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.base import clone

from sk_shallow._compat import StrOptions
from sk_shallow._component import COUNT, POSITIVE, SHARE, Component
from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.plan import Plan
from sk_shallow._fit.threads import scipy_has_one_thread
from sk_shallow._model.batches import batches
from sk_shallow._model.network import Network, Rows
from sk_shallow.schedules import Clock

__all__ = ["LBFGS", "SGD", "SOLVERS", "Adam", "FirstOrderSolver", "GradientDescent", "Solver", "TrainingState"]

Array = np.ndarray
Moments = dict[str, np.ndarray]


@dataclass
class TrainingState:
    """All that a later call needs to continue training as if it had not stopped."""

    seed: int  # where all randomness comes from
    rng: np.random.Generator  # of orders of rows and dropout masks
    clock: Clock = field(default_factory=Clock)
    rule: str = ""  # the update rule whose memory the moments are
    moments: Moments = field(default_factory=dict)
    steps: int = 0  # that the rule has taken
    best: float = np.inf  # of the monitor, like no_improvement_count
    no_improvement_count: int = 0

    def prepare(self, rule: str, start: Callable[[Array], Moments], theta: Array) -> None:
        """Keep the moments if the rule is the same, otherwise start new ones; convert them to the dtype of `theta`."""
        if self.rule != rule:
            self.rule, self.moments, self.steps = rule, start(theta), 0
        self.moments = {name: moment.astype(theta.dtype, copy=False) for name, moment in self.moments.items()}
        if not all(np.isfinite(moment).all() for moment in self.moments.values()):  # too large for the dtype
            self.moments, self.steps = start(theta), 0


class Solver(Component):
    """Base class of solvers, which minimize the objective of a network.

    Attributes
    ----------
    full_batch : bool
        Whether every step needs all rows. `partial_fit` is then not available.
    learning_rate_init : float
        Default initial learning rate, on a schedule that does not need the number of epochs.
    line_search : bool
        Whether a line search finds the length of each step. The solver then has no learning rate, and every evaluation
        must use the same objective (no dropout).
    """

    full_batch: bool = False
    learning_rate_init: float = 1.0
    line_search: bool = False

    def peak_rate(self, q: float) -> float:
        """Return the default largest learning rate of a schedule that ends near zero.

        `q` is the mean squared length of a row.
        """
        return self.learning_rate_init

    def annealed(self) -> "Solver":
        """Return the solver for a schedule that ends near zero: itself, or a copy with other defaults."""
        return self

    @abstractmethod
    def minimize(self, network: Network, monitor: Monitor, plan: Plan, state: TrainingState) -> str | None:
        """Update ``network.parameters`` until the monitor or the plan stops it, or until it converges.

        Returns the limit that stopped it before it converged, in words, or None.
        """


class FirstOrderSolver(Solver):
    """Base class of solvers that step along the gradient. A subclass implements `start` and `update`, elementwise."""

    @abstractmethod
    def start(self, theta: Array) -> Moments:
        """Return the moments before the first step: arrays like `theta`."""

    @abstractmethod
    def update(self, theta: Array, grad: Array, moments: Moments, learning_rate: float, t: int) -> None:
        """Do step number t = 1, 2, ... on a block of parameters, in place. May overwrite `grad`."""

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
    """Full-batch gradient descent (Cauchy, 1847): ``theta := theta - learning_rate * grad``."""

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
        Fraction of the last step that is added to the next one.
    nesterov : bool, default=True
        Whether to use Nesterov's form, ``theta := theta + momentum * v - learning_rate * grad`` with v already updated.

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
        """Return 3 / q, from 0.01 to 0.5, because the curvature of the loss grows with q."""
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
    """Adam, algorithm 1 of its paper, in the paper's notation.

    ``m := beta_1 m + (1 - beta_1) g``, ``v := beta_2 v + (1 - beta_2) g^2``,
    ``theta := theta - learning_rate (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)``.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Decay of the first moment.
    beta_2 : float in [0, 1) or "auto", default="auto"
        Decay of the second moment. "auto" is 0.95 on a schedule that ends near zero, otherwise the paper's 0.999.
    epsilon : float in (0, inf), default=1e-8
        Small number that keeps the division finite.

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
        """Return 0.1 / sqrt(q), from 0.001 to 0.1, so that steps change pre-activations equally for every q."""
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
    """SciPy's limited-memory BFGS. It stops when the largest element of the gradient is at most `tol`.

    It evaluates the objective in the dtype of the data. If float32 rounding stops it before the gradient is small, it
    continues in float64 on a copy of the data. It ignores `learning_rate`, `learning_rate_init`, `batch_size` and
    `shuffle`, so one grid can mix solvers.

    Parameters
    ----------
    history : int in [1, inf), default=20
        Number of past steps that are used to estimate the curvature.
    max_fun : int in [1, inf), default=15000
        Largest number of evaluations of the objective.

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
        """Minimize in the dtype of a network, within the limits of iterations and evaluations."""

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
