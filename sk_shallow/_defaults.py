"""What "auto" and None stand for: rules of one sentence each, and the plan that follows from them.

They look at the number of rows, m (the sum of integer weights, which stand for repeated rows), at that of features, and
at the mean squared length of a row, q, which is the number of features where they are standardized. The figures behind
them are in docs/benchmarks.rst. `settings` is the estimator, of which only the parameters are read.
"""

from typing import Any

from sk_shallow._component import from_name, to_name
from sk_shallow._data import Data
from sk_shallow._plan import Plan
from sk_shallow.activations import Activation
from sk_shallow.schedules import SCHEDULES, Schedule
from sk_shallow.solvers import SOLVERS, Solver


def auto_solver(m: int, n_features: int, hidden_size: int) -> str:
    """Return "lbfgs" for 500 to 5,000 rows of up to 100 features and up to 1,000 hidden units, otherwise "adam"."""
    return "lbfgs" if 500 <= m <= 5000 and n_features <= 100 and hidden_size <= 1000 else "adam"


def alpha(m: float, q: float) -> float:
    """Return a tenth of q, but not more than 10, divided by the number of rows plus 100.

    Of many rows, the weights that minimize J are the most probable ones, if a priori they are normal with a variance
    of 10 / q. The 100 keep the penalty of a handful of rows from leaving a constant as the best there is.
    """
    return min(q, 100.0) / (10 * (m + 100))


def batch_size(m: int) -> int:
    """Return a fiftieth of the rows, from 32 to 512."""
    return max(32, min(512, m // 50))


def max_iter(steps: int) -> int:
    """Return 30 epochs, or as many as make 120 steps if there are so many `steps` in an epoch."""
    return max(30, -(-120 // steps))


def iterations(m: int) -> int:
    """Return 60 iterations of L-BFGS, or as many as there are rows if they are fewer, but 40 at least."""
    return max(40, min(60, m))


def length_is_planned(settings: Any, incremental: bool) -> bool:
    """Say whether a rule chooses the length of a fit: the user sets no limit, and no calls may follow."""
    return settings.max_iter is None and not (incremental or settings.warm_start)


def choose_solver(settings: Any, data: Data, incremental: bool) -> Solver:
    """Return the solver; "auto" is "adam" also where something is set that only mini-batches know."""
    name = settings.solver
    if name == "auto":
        of_mini_batches = settings.learning_rate != "auto" or settings.batch_size != "auto" or settings.dropout
        of_mini_batches = of_mini_batches or settings.learning_rate_init is not None
        m, n_features = int(data.counts().sum()), data.X.shape[1]
        planned = length_is_planned(settings, incremental)
        name = auto_solver(m, n_features, settings.hidden_size) if planned and not of_mini_batches else "adam"
    return from_name(SOLVERS, name)


def choose_schedule(settings: Any, solver: Solver, incremental: bool) -> Schedule:
    """Return the schedule; "auto" is a cycle where the length of the fit is planned, otherwise a constant rate."""
    name = settings.learning_rate
    if name == "auto":
        planned = length_is_planned(settings, incremental)
        name = "one_cycle" if planned and not solver.full_batch else "constant"
    return from_name(SCHEDULES, name)


def make_plan(settings: Any, solver: Solver, activation: Activation, data: Data, incremental: bool) -> Plan:
    """Return what a fit is to do. An `incremental` one is a single epoch, after which others may follow.

    The rules apply to mini-batches on a schedule that ends near zero. Other fits do what `MLPClassifier` does.
    """
    m, q = max(1, int(data.counts().sum())), data.mean_squared_length()
    schedule = choose_schedule(settings, solver, incremental)
    anneals = schedule.needs_length and not solver.full_batch
    rows = len(data.y) if solver.full_batch else _given(settings.batch_size, batch_size(m) if anneals else 200)
    epochs = iterations(m) if solver.line_search else max_iter(-(-m // rows)) if anneals else 200
    rate = solver.peak_rate(q, activation.rate_factor) if anneals else solver.learning_rate_init
    planned = length_is_planned(settings, incremental) if solver.line_search else schedule.needs_length
    return Plan(
        solver=to_name(SOLVERS, solver),
        max_iter=1 if incremental else int(_given(settings.max_iter, epochs)),
        max_iter_is_limit=not (planned or incremental),
        stop_at_plateau=settings.early_stopping or not (solver.line_search or schedule.needs_length),
        tol=float(settings.tol),
        n_iter_no_change=float(settings.n_iter_no_change),
        schedule=schedule,
        learning_rate_init=None if solver.line_search else float(_given(settings.learning_rate_init, rate)),
        batch_size=min(int(rows), len(data.y)),
        shuffle=settings.shuffle,
        alpha=float(_given(settings.alpha, activation.alpha_factor * alpha(m, q))),
        incremental=incremental,
        verbose=bool(settings.verbose),
    )


def _given(value: Any, rule: float) -> Any:
    """Return a parameter's value, or what a rule says where it is left alone."""
    return rule if value is None or value == "auto" else value
