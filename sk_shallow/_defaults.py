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


def solver(m: int, n_features: int) -> str:
    """Return "lbfgs" for up to 5,000 rows of up to 100 features, otherwise "adam"."""
    return "lbfgs" if m <= 5000 and n_features <= 100 else "adam"


def alpha(m: float, q: float) -> float:
    """Return a tenth of q, but not more than 10, divided by the number of rows plus 100.

    Of many rows, the weights that minimize J are the most probable ones, if a priori they are normal with a variance
    of 10 / q. The 100 keep the penalty of a handful of rows from leaving a constant as the best there is.
    """
    return min(q, 100.0) / (10 * (m + 100))


def batch_size(m: int, planned: bool) -> int:
    """Return a fiftieth of the rows, from 32 to 512, where the length of the fit is planned, otherwise 200."""
    return max(32, min(512, m // 50)) if planned else 200


def max_iter(steps: int) -> int:
    """Return 30 epochs, or as many as make 120 steps if there are so many `steps` in an epoch."""
    return max(30, -(-120 // steps))


def settle(estimator: Any, activation: Activation, data: Data, incremental: bool) -> tuple[Solver, Plan]:
    """Return the solver and what it is to do, "auto" and None settled. An `incremental` fit is a single epoch.

    The length of a fit is planned where `max_iter` is None; a limit, or calls that may follow, make it open.
    """
    m, n_features = data.X.shape
    q = data.mean_squared_length()
    name, rates, rate = estimator.solver, estimator.learning_rate, estimator.learning_rate_init
    rows, epochs, penalty = estimator.batch_size, estimator.max_iter, estimator.alpha
    planned = epochs is None and not (incremental or estimator.warm_start)
    if name == "auto":
        of_mini_batches = estimator.dropout or rates != "auto" or rate is not None or rows != "auto"
        name = solver(m, n_features) if planned and not of_mini_batches else "adam"
    chosen = from_name(SOLVERS, name)
    if rates == "auto":
        rates = "one_cycle" if planned and not chosen.full_batch else "constant"
    schedule = from_name(SCHEDULES, rates)
    needs_length = schedule.needs_length and not chosen.line_search
    if chosen.full_batch:
        rows = m
    elif rows == "auto":
        rows = batch_size(m, planned and needs_length)
    if rate is None:
        rate = chosen.peak_rate(q, activation.rate) if needs_length else chosen.learning_rate
    if epochs is None:
        epochs = max_iter(-(-m // rows)) if needs_length else chosen.max_iter
    if penalty == "auto":
        penalty = activation.penalty * alpha(data.n_units(), q)
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
