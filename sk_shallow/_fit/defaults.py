"""What "auto" and None stand for: rules of one sentence each, and the plan that follows from them.

They look at the number of rows with a weight, m, and at the mean squared length of a row, q, which is the number of
features where they are standardized. The figures behind them are in docs/benchmarks.rst. `settings` is the estimator,
of which only the parameters are read.
"""

from typing import Any

from sk_shallow._component import from_name, to_name
from sk_shallow._fit.data import Data
from sk_shallow._fit.plan import Plan
from sk_shallow.schedules import SCHEDULES, Schedule
from sk_shallow.solvers import SOLVERS, Solver


def alpha(m: float, q: float) -> float:
    """Return a tenth of q, but not more than 10, times m / (m + 100).

    Of many rows, weights are then, a priori, normal with a variance of 10 / q. The 100 keep the penalty of a handful of
    rows from leaving a constant as the best there is.
    """
    return min(q, 100.0) / 10 * (m / (m + 100))


def batch_size(m: int) -> int:
    """Return a fiftieth of the rows, from 32 to 512."""
    return max(32, min(512, m // 50))


def max_iter(steps: int) -> int:
    """Return 30 epochs, or as many as make 240 steps if there are so many `steps` in an epoch."""
    return max(30, -(-240 // steps))


def choose_schedule(settings: Any, solver: Solver, incremental: bool) -> Schedule:
    """Return the schedule: one_cycle for mini-batches, unless a rate is given or calls of partial_fit may follow."""
    name = settings.learning_rate
    if name == "auto":
        constant = incremental or solver.full_batch or settings.learning_rate_init is not None
        name = "constant" if constant else "one_cycle"
    return from_name(SCHEDULES, name)


def make_plan(settings: Any, data: Data, incremental: bool) -> tuple[Solver, Plan]:
    """Return who is to fit a net, and how. An `incremental` fit is a single epoch, after which others may follow."""
    m, q = max(1, data.n_weighted()), data.mean_squared_length()
    solver = from_name(SOLVERS, settings.solver)
    schedule = choose_schedule(settings, solver, incremental)
    planned = schedule.needs_length and not solver.line_search
    rows = len(data.y) if solver.full_batch else int(min(_given(settings.batch_size, batch_size(m)), len(data.y)))
    epochs = max_iter(-(-m // rows)) if planned else 200
    peak_rate = solver.peak_rate(q)
    rate = peak_rate if planned else solver.learning_rate_init
    return solver.annealed() if planned else solver, Plan(
        solver=to_name(SOLVERS, solver),
        max_iter=1 if incremental else int(_given(settings.max_iter, epochs)),
        max_iter_is_limit=not (planned or incremental),
        stop_at_plateau=settings.early_stopping or not (planned or solver.line_search),
        tol=float(settings.tol),
        n_iter_no_change=float(settings.n_iter_no_change),
        schedule=schedule,
        learning_rate_init=None if solver.line_search else float(_given(settings.learning_rate_init, rate)),
        peak_rate=peak_rate,
        batch_size=rows,
        shuffle=settings.shuffle,
        incremental=incremental,
        verbose=bool(settings.verbose),
    )


def _given(value: Any, rule: float) -> Any:
    """Return a parameter's value, or what a rule says where it is left alone."""
    return rule if value is None or value == "auto" else value
