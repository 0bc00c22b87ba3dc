"""Minimization of the objective: the epoch loop of first-order solvers, and L-BFGS.

Both take the gradient of the objective from the network, and report each epoch to the monitor.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np
from scipy import optimize

from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.plan import Plan
from sk_shallow._fit.state import Stream, TrainingState
from sk_shallow._fit.threads import one_thread_if_small, scipy_has_one_thread
from sk_shallow._model.network import BLOCK_NUMBERS, Network, Rows, slices
from sk_shallow.solvers import LBFGS


class Limit(Enum):
    """What stopped training before it converged."""

    MAX_ITER = "max_iter"
    MAX_FUN = "max_fun"  # evaluations of L-BFGS
    LINE_SEARCH = "SciPy's line search found no lower loss"


def minimize(network: Network, plan: Plan, state: TrainingState, monitor: Monitor) -> Limit | None:
    """Update ``network.parameters`` until the solver converges, or the monitor or the plan stops it.

    Returns what stopped it before it converged, or None.
    """
    with one_thread_if_small(network.largest_product(plan.batch_size)):
        if isinstance(plan.solver, LBFGS):
            return _minimize_by_lbfgs(network, plan, monitor)
        return _descend(network, plan, state, monitor)


def minimize_anew(network: Network, plan: Plan, seed: int, stream: Stream) -> None:
    """Minimize with a new optimizer state, and without a validation set."""
    minimize(network, plan, TrainingState(seed, stream.rng(seed)), Monitor(network.parameters, plan))


def _descend(network: Network, plan: Plan, state: TrainingState, monitor: Monitor) -> Limit | None:
    """Step along the gradient of one mini-batch after the other, round by round (often, there is one round only)."""
    state.prepare(plan.solver, network.parameters.theta)
    for n_epochs, is_whole in plan.rounds():
        if _descend_for(n_epochs, network, plan, state, monitor):
            return None
        if plan.first_round and monitor.round_end(network.objective(), is_whole):
            return None
    return Limit.MAX_ITER if plan.max_iter_is_limit else None


def _descend_for(n_epochs: int, network: Network, plan: Plan, state: TrainingState, monitor: Monitor) -> Signal:
    """Train for one cycle of the schedule. Return why it stopped early, if it did."""
    solver: Any = plan.solver
    rate: Any = plan.learning_rate_init
    m, clock = network.n_samples, state.clock
    theta, grad = network.parameters.theta, network.gradient.theta
    parts = [
        (theta[part], grad[part], {name: moment[part] for name, moment in state.moments.items()})
        for part in slices(theta.size, BLOCK_NUMBERS)
    ]
    clock.progress = 0.0
    for _ in range(n_epochs):
        monitor.tasks.epoch_begin()
        total = m * network.penalty()  # its value once an epoch is enough
        for rows, size in mini_batches(m, plan, state.rng):
            total += size * network.loss_and_gradient(rows, state.rng)
            learning_rate = float(plan.schedule.rate(rate, clock))
            state.steps += 1
            for part in parts:
                solver.update(*part, learning_rate, state.steps)
            clock.progress += size / (m * n_epochs)
        clock.epochs += 1
        signal = monitor.epoch_end(total / m, state.moments.values())
        if plan.schedule.rises(clock):
            monitor.restart_patience()
        if signal is Signal.PLATEAU and not plan.schedule.stops(rate, clock):
            clock.plateaus += 1
            monitor.no_improvement_count, monitor.signal = 0, Signal.CONTINUE
        elif signal:
            return signal
    return Signal.CONTINUE


def mini_batches(m: int, plan: Plan, rng: np.random.Generator) -> Iterator[tuple[Rows, int]]:
    """Yield the rows of each mini-batch of an epoch, and their number."""
    if plan.batch_size >= m:
        yield slice(None), m
        return
    order = rng.permutation(m) if plan.shuffle else None
    for batch in slices(m, plan.batch_size):
        yield (batch if order is None else order[batch]), batch.stop - batch.start


def _minimize_by_lbfgs(network: Network, plan: Plan, monitor: Monitor) -> Limit | None:
    """Run SciPy's L-BFGS in the dtype of the network; continue in float64 if float32 rounding stopped it."""
    solver: Any = plan.solver
    theta = network.parameters.theta
    result = _run_lbfgs(network, theta.astype(np.float64), monitor, (plan.max_iter, solver.max_fun))
    left = plan.max_iter - result.nit, solver.max_fun - result.nfev
    if theta.dtype != np.float64 and min(left) > 0 and not monitor.signal and np.abs(result.jac).max() > plan.tol:
        result = _run_lbfgs(network.astype(np.float64), result.x, monitor, left)
        left = left[0] - result.nit, left[1] - result.nfev
    theta[:] = result.x
    if not monitor.losses:  # converged where it started
        monitor.epoch_end(float(result.fun))
    converged = result.success or np.abs(result.jac).max() <= plan.tol  # SciPy checks the limit first
    if converged or monitor.signal:
        return None
    if left[0] <= 0:
        return Limit.MAX_ITER
    return Limit.MAX_FUN if left[1] <= 0 else Limit.LINE_SEARCH


def _run_lbfgs(
    network: Network, start: np.ndarray, monitor: Monitor, limits: tuple[int, int]
) -> optimize.OptimizeResult:
    """Minimize in the dtype of a network, within the limits of iterations and evaluations."""

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        monitor.tasks.epoch_begin()
        network.parameters.theta[:] = x  # copy x and the gradient: SciPy keeps its own arrays
        return network.value_and_gradient(), network.gradient.theta.astype(np.float64)

    def report(intermediate_result: optimize.OptimizeResult) -> None:
        monitor.theta[:] = intermediate_result.x
        if monitor.epoch_end(float(intermediate_result.fun)):
            raise StopIteration  # stops SciPy

    solver: Any = monitor.plan.solver
    options = {"maxiter": limits[0], "maxfun": limits[1], "maxcor": solver.history, "gtol": monitor.plan.tol}
    options["ftol"] = max(64 * np.finfo(np.float64).eps, np.finfo(network.gradient.theta.dtype).eps)
    with scipy_has_one_thread():
        return optimize.minimize(objective, start, jac=True, method="L-BFGS-B", callback=report, options=options)
