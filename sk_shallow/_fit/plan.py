"""The plan of a fit: what the user wants of it and what the rules have chosen, in numbers."""

from dataclasses import dataclass

from sk_shallow.schedules import Schedule


@dataclass(frozen=True)
class Plan:
    """What a solver and its monitor are to do."""

    solver: str  # its name, or the representation of the user's own
    max_iter: int  # epochs at most; for L-BFGS, iterations
    max_iter_is_limit: bool  # whether a fit that reaches it has not converged; no: its length was planned
    stop_at_plateau: bool  # whether a fit ends where the loss or the score has stopped improving
    tol: float  # least improvement of an epoch; for L-BFGS also the largest element of the gradient at its end
    n_iter_no_change: float  # epochs without such an improvement before it is a plateau
    schedule: Schedule
    learning_rate_init: float | None  # None: the solver needs none
    peak_rate: float  # that rules would choose for these data, on a schedule that ends near zero
    batch_size: int  # at most the number of rows there are
    shuffle: bool  # whether each epoch takes the rows in a new order
    incremental: bool  # whether the rows are a part of the data, as in partial_fit
    verbose: bool
