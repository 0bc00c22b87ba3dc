"""The settings of one fit, with all defaults resolved: the rules behind "auto" and None.

The rules depend on m, the number of rows with a positive weight (for alpha, the sample size), and on q, the mean
squared length of a row (the number of features, if they are standardized). docs/benchmarks.rst shows the results of
each rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from sk_shallow._component import from_name, to_name
from sk_shallow._fit.data import Data
from sk_shallow._model.network import Network
from sk_shallow.activations import Activation
from sk_shallow.schedules import SCHEDULES, Constant, OneCycle, Schedule
from sk_shallow.solvers import LBFGS, SGD, SOLVERS, Adam, GradientDescent, Solver

# Least length of the first round, of the nets that choose alpha, and of the short fit of diagnosis.py.
SHORT_EPOCHS, SHORT_STEPS = 15, 120


@dataclass(frozen=True)
class Plan:
    """The settings of the solver and the monitor."""

    solver: Solver
    learning_rate_init: float | None = None  # None: L-BFGS, whose line search finds the length of each step
    schedule: Schedule = field(default_factory=Constant)
    solver_name: str = ""  # in SOLVERS, or the representation of the user's own solver
    max_iter: int = 1  # largest number of epochs; for L-BFGS, of iterations
    max_iter_is_limit: bool = False  # True: reaching `max_iter` means no convergence. False: planned length
    first_round: int = 0  # epochs of the first round; 0: training does not go in rounds
    stop_at_plateau: bool = False  # whether training stops when the loss or the score stops improving
    tol: float = 0.0  # smallest improvement of an epoch; for L-BFGS also the largest element of the final gradient
    n_iter_no_change: float = np.inf  # more than so many epochs without improvement are a plateau
    batch_size: int = 1  # at most the number of rows
    shuffle: bool = True  # whether each epoch takes the rows in a new order
    incremental: bool = False  # whether the rows are a part of the data, as in partial_fit
    verbose: bool = False
    q: float = 1.0  # mean squared length of a row
    curvature: float = 1 / 16  # of the loss
    q1: float = 0.0  # for regression, the mean squared length of a row of A1 at the first weights; 0: no limit

    @property
    def default_rates(self) -> tuple[float, float]:
        """The default constant and peak learning rates for these data."""
        return default_rates(self.solver, self.q, self.curvature, self.q1)

    def rounds(self) -> Iterator[tuple[int, bool]]:
        """Yield the epochs of each round, and False if `max_iter` has cut it.

        A round has twice as many epochs as the one before it.
        """
        length, left = self.first_round or self.max_iter, self.max_iter
        while left:
            yield min(length, left), length <= left
            length, left = 2 * length, max(0, left - length)


def make_plan(estimator: Any, data: Data, network: Network, incremental: bool = False) -> Plan:
    """Return the plan of a fit that starts from a network. `incremental` means one epoch of `partial_fit`."""
    m, q = max(1, data.n_weighted()), data.mean_squared_length()
    solver = from_name(SOLVERS, estimator.solver)
    schedule = choose_schedule(estimator, solver, incremental)
    has_rate = not isinstance(solver, LBFGS)
    planned = schedule.needs_length and has_rate
    in_rounds = planned and estimator.learning_rate == "auto"
    n_rows = len(data.given.y)
    batch_size = n_rows if solver.full_batch else min(_given(estimator.batch_size, batch_size_rule(m)), n_rows)
    curvature = network.loss_function.curvature(network.Y, network.w)
    q1 = 0.0 if data.targets.has_classes or isinstance(solver, Adam | LBFGS) else network.mean_squared_length_of_A1()
    rate = float(_given(estimator.learning_rate_init, default_rates(solver, q, curvature, q1)[planned]))
    return Plan(
        solver=annealed(solver) if planned else solver,
        solver_name=to_name(SOLVERS, solver),
        learning_rate_init=rate if has_rate else None,
        schedule=schedule,
        max_iter=1 if incremental else int(estimator.max_iter),
        max_iter_is_limit=in_rounds or not (planned or incremental),
        first_round=n_epochs_rule(m, int(batch_size), SHORT_EPOCHS, SHORT_STEPS) if in_rounds else 0,
        stop_at_plateau=estimator.early_stopping or (has_rate and not planned),
        tol=float(estimator.tol),
        n_iter_no_change=_patience(estimator, solver),
        batch_size=int(batch_size),
        shuffle=estimator.shuffle,
        incremental=incremental,
        verbose=bool(estimator.verbose),
        q=q,
        curvature=curvature,
        q1=q1,
    )


def choose_schedule(estimator: Any, solver: Solver, incremental: bool) -> Schedule:
    """Return the schedule. "auto" is one_cycle, but constant in `partial_fit`, for full batches and a given rate."""
    name = estimator.learning_rate
    if name == "auto":
        constant = incremental or solver.full_batch or estimator.learning_rate_init is not None
        name = "constant" if constant else "one_cycle"
    return from_name(SCHEDULES, name)


def default_rates(solver: Solver, q: float, curvature: float = 1 / 16, q1: float = 0.0) -> tuple[float, float]:
    """Return the default constant learning rate, and the default peak of a schedule that ends near zero.

    Adam's rates depend on q only; its peak keeps the changes of pre-activations equal for every q. SGD's peak is near
    the limit of stability, which falls with q and with the `curvature` of the loss (1/16 for the log losses). The other
    rates are well below this limit; a curvature above 1/4 lowers them. If q1 is given, as for regression, these rates
    also stay below the limit of the output weights, ``2 / (curvature * q1)``: at most 0.9 of it, with momentum 0.5. The
    log losses need no such rule, because their gradients are bounded. A user's own solver keeps its
    `learning_rate_init`.
    """
    if solver.learning_rate_init is not None:
        return solver.learning_rate_init, solver.learning_rate_init
    q = max(q, 1e-9)
    if isinstance(solver, Adam):
        # With MLPClassifier's 0.001, relu learns streams more slowly: its initial weights are smaller here.
        return 0.0015, min(0.1, max(0.001, 0.1 / q**0.5))
    divisor, limit = max(1.0, 4 * curvature), 2 / (curvature * q1) if q1 > 0 else np.inf
    if isinstance(solver, SGD):
        peak = min(0.5, max(0.01, 3 / q)) / (16 * curvature)
        return min(0.01 / divisor, 0.5 * limit), min(peak, 0.5 * limit)
    rate = min((0.1 if isinstance(solver, GradientDescent) else 1.0) / divisor, 0.9 * limit)
    return rate, rate


def annealed(solver: Solver) -> Solver:
    """Return the solver for a schedule that ends near zero: with ``beta_2=0.95`` if Adam's is "auto"."""
    is_auto = isinstance(solver, Adam) and solver.beta_2 == "auto"
    return clone(solver).set_params(beta_2=0.95) if is_auto else solver


def short_plan(solver: Solver, plan: Plan, m: int, batch_size: int, least: tuple[int, int]) -> Plan:
    """Return the plan of a short fit on m rows, of so many epochs and steps at `least`, at the default peak rate."""
    rate, batch_size = default_rates(solver, plan.q, plan.curvature, plan.q1)[1], min(batch_size, m)
    max_iter = n_epochs_rule(m, batch_size, *least)
    return Plan(annealed(solver), rate, OneCycle(), max_iter=max_iter, batch_size=batch_size)


def alpha_rule(activation: Activation, m: float, q: float) -> float:
    """Return a tenth of q (at most 10) times m / (m + 100), times the factor of the activation.

    For q <= 100 and many rows, the prior has variance 10 / q. The 100 weakens the penalty on very few rows.
    """
    return activation.alpha_factor * min(q, 100.0) / 10 * (m / (m + 100))


def batch_size_rule(m: int) -> int:
    """Return 4 % of the rows, from 32 to 512."""
    return max(32, min(512, m // 25))


def n_epochs_rule(m: int, batch_size: int, n_epochs: int, n_steps: int) -> int:
    """Return `n_epochs`, or more if these are fewer than `n_steps` on m rows."""
    return max(n_epochs, -(-n_steps // -(-m // batch_size)))


def _patience(estimator: Any, solver: Solver) -> float:
    """Return `n_iter_no_change`, but infinity if ``tol=0`` switches stopping off, with "gd"."""
    switched_off = isinstance(solver, GradientDescent) and estimator.tol == 0 and not estimator.early_stopping
    return np.inf if switched_off else float(estimator.n_iter_no_change)


def _given(value: Any, rule: float) -> Any:
    """Return the parameter, or the rule's value if it is None or "auto"."""
    return rule if value is None or value == "auto" else value
