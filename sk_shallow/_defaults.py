"""What "auto" and None stand for: rules of one sentence each, and `settle`, which follows them.

They look at the number of rows, m, at that of features, and at the mean squared length of a row, q, which is the number
of features where they are standardized. The figures behind them are in docs/benchmarks.rst.
"""

from typing import Any

from sk_shallow._component import from_name
from sk_shallow._data import Data
from sk_shallow.activations import Activation
from sk_shallow.schedules import SCHEDULES
from sk_shallow.solvers import SOLVERS, Plan, Solver


def solver(m: int, n_features: int, hidden_size: int) -> str:
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
    """Return 60 iterations of a line search, or as many as there are rows if they are fewer, but 40 at least."""
    return max(40, min(60, m))


def settle(estimator: Any, activation: Activation, data: Data, incremental: bool) -> tuple[Solver, Plan]:
    """Return the solver and what it is to do, "auto" and None settled. An `incremental` fit is a single epoch.

    The rules apply to a fit whose schedule ends near zero. Where the user sets a limit, or calls may follow, "auto" is
    a constant rate, and the rest what goes with it.
    """
    m, n_features = data.X.shape
    q = data.mean_squared_length()
    solver_name, schedule_name = estimator.solver, estimator.learning_rate
    rate, rows, epochs, penalty = (
        getattr(estimator, name) for name in ("learning_rate_init", "batch_size", "max_iter", "alpha")
    )
    planned = epochs is None and not (incremental or estimator.warm_start)
    if solver_name == "auto":
        of_mini_batches = estimator.dropout or schedule_name != "auto" or rate is not None or rows != "auto"
        small = solver(m, n_features, estimator.hidden_size)
        solver_name = small if planned and not of_mini_batches else "adam"
    chosen = from_name(SOLVERS, solver_name)
    if schedule_name == "auto":
        schedule_name = "one_cycle" if planned and not chosen.full_batch else "constant"
    schedule = from_name(SCHEDULES, schedule_name)
    ends = schedule.needs_length and not chosen.full_batch
    if chosen.full_batch:
        rows = m
    elif rows == "auto":
        rows = batch_size(m) if ends else 200
    if rate is None:
        rate = chosen.peak_rate(q, activation.rate_factor) if ends else chosen.learning_rate
    if epochs is None and chosen.line_search:
        epochs = iterations(m)
    elif epochs is None:
        epochs = max_iter(-(-m // rows)) if ends else 200
    if penalty == "auto":
        penalty = activation.alpha_factor * alpha(data.n_rows(), q)
    return chosen, Plan(
        max_iter=1 if incremental else int(epochs),
        planned=planned,
        tol=float(estimator.tol),
        schedule=schedule,
        learning_rate_init=float(rate),
        batch_size=min(int(rows), m),
        shuffle=estimator.shuffle,
        alpha=float(penalty),
    )
