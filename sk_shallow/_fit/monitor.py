"""The monitor: told the loss after every epoch, it keeps the history and the best weights, and says when to stop."""

from collections.abc import Callable, Iterable
from enum import Enum, auto

import numpy as np

from sk_shallow._fit.callbacks import Epochs
from sk_shallow._fit.plan import Plan
from sk_shallow._model.parameters import Parameters


class Signal(Enum):
    """What the monitor answers after an epoch; true where a solver should stop, or do something about a plateau."""

    CONTINUE = auto()
    PLATEAU = auto()  # no improvement for too long: a solver stops, or divides its learning rate
    STOP = auto()  # whatever the solver would rather do

    def __bool__(self) -> bool:
        return self is not Signal.CONTINUE


class Monitor:
    """What watches a fit: the validation score where there is one, and the training objective otherwise.

    An epoch has improved when it beats the best one so far by more than `tol`; a plateau is more than
    `n_iter_no_change` epochs in a row that have not. ``score()`` returns the validation score of the present
    parameters, greater is better. `best_theta` holds the weights after the epoch of the best score; without scores,
    before the epoch of the lowest loss, which was measured while they changed.
    """

    def __init__(
        self,
        parameters: Parameters,
        plan: Plan,
        score: Callable[[], float] | None = None,
        callbacks: Epochs | None = None,
    ) -> None:
        self.theta = parameters.theta
        self.plan = plan
        self.score = score
        self.callbacks = callbacks
        self.stopped = False  # whether a callback has ended the fit
        self.losses: list[float] = []  # training objective of each epoch, in nats per sample
        self.scores: list[float] = []  # validation score of each epoch
        self.best = np.inf  # the lowest loss, or minus the highest score
        self.no_improvement_count = 0  # epochs since the last improvement
        self.diverged = False  # whether a number was not finite
        self.signal = Signal.CONTINUE  # what the last `epoch_end` returned
        self.best_theta = self.theta.copy()
        self.first_theta = self.theta.copy()
        self._theta_before = self.theta.copy()

    def epoch_begin(self) -> None:
        """Take note that an epoch begins, or goes on."""
        if self.callbacks:
            self.callbacks.epoch_begin()

    def epoch_end(self, loss: float, moments: Iterable[np.ndarray] = ()) -> Signal:
        """Take note of an epoch and its training objective, and say how to go on; a fit that has diverged stops.

        It has where the loss, the weights or the `moments` of the optimizer are not finite.
        """
        finite = bool(np.isfinite(loss)) and all(np.isfinite(vector).all() for vector in (self.theta, *moments))
        score = self.score() if self.score and finite else 0.0
        self.diverged = not (finite and np.isfinite(score))
        self.losses.append(loss if np.isfinite(loss) else np.inf)
        self.print(f"Iteration {len(self.losses)}, loss = {self.losses[-1]:.8f}")
        if self.score and not self.diverged:
            self.scores.append(score)
            self.print(f"Validation score: {score:.6f}")
            self._compare(-score, self.theta)
        elif not self.diverged:
            self._compare(loss, self._theta_before)
            self._theta_before[:] = self.theta
        plateau = self.plan.stop_at_plateau and self.no_improvement_count > self.plan.n_iter_no_change
        self.stopped = self.callbacks is not None and self.callbacks.epoch_end(finite=not self.diverged)
        stop = self.diverged or self.stopped
        self.signal = Signal.STOP if stop else Signal.PLATEAU if plateau else Signal.CONTINUE
        return self.signal

    def recent_change(self) -> tuple[float, float]:
        """Return the best loss (or score) before the last `n_iter_no_change` epochs, and the best one since."""
        values, best = (self.scores, max) if self.scores else (self.losses, min)
        first = int(max(1, len(values) - self.plan.n_iter_no_change))
        return best(values[:first]), best(values)

    def still_improves(self) -> bool:
        """Say whether the last `n_iter_no_change` epochs have brought an improvement of `tol`; one epoch always has."""
        before, after = self.recent_change()
        patient = not self.plan.stop_at_plateau or self.no_improvement_count < self.plan.n_iter_no_change
        return len(self.losses) == 1 or (patient and abs(after - before) > self.plan.tol)

    def _compare(self, value: float, theta: np.ndarray) -> None:
        self.no_improvement_count = 0 if value < self.best - self.plan.tol else self.no_improvement_count + 1
        if value < self.best:
            self.best = value
            self.best_theta[:] = theta

    def print(self, line: str) -> None:
        if self.plan.verbose:
            print(line)
