"""The monitor records every epoch, keeps the best weights, reports to callbacks and decides when to stop."""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any

import numpy as np

from sk_shallow._compat import NoCallbacks
from sk_shallow._fit.plan import Plan
from sk_shallow._model.parameters import Parameters
from sk_shallow.solvers import LBFGS

MIN_GAIN = 0.2  # a round must lower the training objective by this fraction, or training ends
WINDOW = 10  # last epochs that show whether a fit still improves, if `n_iter_no_change` is unused or infinite


class Signal(Enum):
    """The answer after an epoch. True if the solver should stop or lower its learning rate."""

    CONTINUE = auto()
    PLATEAU = auto()  # no improvement for too long: a solver stops, or divides its learning rate
    STOP = auto()  # stop unconditionally

    def __bool__(self) -> bool:
        return self is not Signal.CONTINUE


class CallbackTasks:
    """Reports a fit and its epochs, as tasks, to scikit-learn's callbacks.

    Callbacks get the training rows with the user's labels and sample weights (`given`), and a copy of the current net
    (`attributes` returns its fitted attributes).
    """

    def __init__(self, context: Any, attributes: Callable[[], dict[str, Any]], **given: Any) -> None:
        self.context = context
        self.epoch: Any = None  # context of the current epoch
        self.attributes = attributes
        self.given = given
        context.call_on_fit_task_begin(**given)

    def epoch_begin(self) -> None:
        """Start an epoch, unless one has started."""
        if self.epoch is None:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.given, reconstruction_attributes=self.attributes)

    def epoch_end(self, finite: bool) -> bool:
        """End the epoch, and return whether a callback asks to stop. If not `finite`, they get no net."""
        self.epoch_begin()
        epoch, self.epoch = self.epoch, None
        attributes = self.attributes if finite else None
        return bool(epoch.call_on_fit_task_end(**self.given, reconstruction_attributes=attributes))

    def end(self) -> None:
        """End the epoch that L-BFGS left open, if any, and then the fit."""
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(**self.given)
        self.context.call_on_fit_task_end(**self.given, reconstruction_attributes=self.attributes)


class Monitor:
    """Watches the validation score, or the training objective without a validation set.

    An epoch improves if it beats the best one so far by more than `tol`. A plateau is more than `n_iter_no_change`
    epochs in a row without improvement. ``score()`` returns the validation score of the current parameters, greater is
    better. `best_theta` holds the weights after the epoch with the best score, and of equal scores, with the lowest
    ``tie_breaker()``. Without scores, it holds the weights before the epoch with the lowest loss, because this loss is
    a mean over the steps of the epoch. With L-BFGS, it is the loss of the weights after the epoch, so these are kept.
    """

    def __init__(
        self,
        parameters: Parameters,
        plan: Plan,
        score: Callable[[], float] | None = None,
        tie_breaker: Callable[[], float] | None = None,
        tasks: CallbackTasks | None = None,
    ) -> None:
        self.theta = parameters.theta
        self.plan = plan
        self.score, self.tie_breaker = score, tie_breaker
        self.tasks = tasks or CallbackTasks(NoCallbacks(), dict)
        self.stopped = False  # whether a callback has stopped the fit
        self.losses: list[float] = []  # training objective of each epoch, in nats per sample
        self.scores: list[float] = []  # validation score of each epoch
        self.objectives: list[float] = []  # J of the weights after each round, without dropout
        self.first_score_of_round = 0  # its index in `scores`
        self.round_change: tuple[float, float] | None = None  # J (or the best score) before the last round, and after
        self.still_gains = False  # whether the last round gained enough for another round
        self.best = np.inf  # the lowest loss, or minus the highest score, since the learning rate last rose
        self.best_of_all, self.loss_of_best = np.inf, np.inf
        self.no_improvement_count = 0  # epochs since the last improvement
        self.diverged = False  # whether a number was not finite
        self.signal = Signal.CONTINUE  # result of the last `epoch_end`
        self.best_theta = self.theta.copy()
        self.first_theta = self.theta.copy()
        self._theta_of_loss = self.theta if isinstance(plan.solver, LBFGS) else self.theta.copy()

    def epoch_end(self, loss: float, moments: Iterable[np.ndarray] = ()) -> Signal:
        """Record an epoch and say whether to continue. The fit stops if loss, weights or moments are not finite."""
        finite = bool(np.isfinite(loss)) and all(np.isfinite(vector).all() for vector in (self.theta, *moments))
        score = self.score() if self.score and finite else None
        self.diverged = not finite or (score is not None and not np.isfinite(score))
        self.losses.append(loss if np.isfinite(loss) else np.inf)
        if score is not None and not self.diverged:
            self.scores.append(score)
            self._compare(-score, self.theta)
        elif not self.diverged:
            self._compare(loss, self._theta_of_loss)
            self._theta_of_loss[:] = self.theta
        self.print(f"Iteration {len(self.losses)}, loss = {self.losses[-1]:.8f}")
        if score is not None and not self.diverged:
            self.print(f"Validation score: {score:.6f}")
        plateau = self.plan.stop_at_plateau and self.no_improvement_count > self.plan.n_iter_no_change
        self.stopped = self.tasks.epoch_end(finite=not self.diverged)
        stop = self.diverged or self.stopped
        self.signal = Signal.STOP if stop else Signal.PLATEAU if plateau else Signal.CONTINUE
        return self.signal

    def restart_patience(self) -> None:
        """Forget the epochs so far: while the learning rate rises, scores get worse for a while."""
        self.best, self.no_improvement_count = np.inf, 0

    def round_end(self, objective: float, is_whole: bool = True) -> Signal:
        """Record J after a round and say whether to stop: if a whole round gained too little.

        It must lower J by `MIN_GAIN` and by `tol`. With scores, its best one must beat those of all earlier rounds by
        `tol`. A round that `max_iter` has cut is the last one anyway.
        """
        self.restart_patience()
        if self.objectives and self.scores:
            before, after = max(self.scores[: self.first_score_of_round]), max(self.scores)
            self.still_gains = after > before + self.plan.tol
            self.round_change = before, after
        elif self.objectives:
            before = self.objectives[-1]
            self.still_gains = before - objective >= max(MIN_GAIN * before, self.plan.tol)
            self.round_change = before, objective
        is_first, self.first_score_of_round = not self.objectives, len(self.scores)
        self.objectives.append(objective)
        if not self.scores and objective < self.best_of_all:
            self.best_of_all, self.best_theta[:] = objective, self.theta
        if is_whole and not (self.still_gains or is_first):
            self.signal = Signal.PLATEAU
        return self.signal

    @property
    def window(self) -> int:
        """How many of the last epochs show whether the fit still improves."""
        patience = self.plan.n_iter_no_change
        return int(patience) if self.plan.stop_at_plateau and np.isfinite(patience) else WINDOW

    def recent_change(self) -> tuple[float, float]:
        """Return the best loss (or score) before the last epochs (see `window`), and the best one of all."""
        values, best = (self.scores, max) if self.scores else (self.losses, min)
        return best(values[: max(1, len(values) - self.window)]), best(values)

    def still_improves(self) -> bool:
        """Return whether the last epochs (see `window`) improved by `tol` (True after a single epoch).

        In rounds, return whether the last round gained enough for another one.
        """
        if self.plan.first_round:
            return self.still_gains
        before, after = self.recent_change()
        patient = not self.plan.stop_at_plateau or self.no_improvement_count < self.plan.n_iter_no_change
        return len(self.losses) == 1 or (patient and abs(after - before) > self.plan.tol)

    def _compare(self, value: float, theta: np.ndarray) -> None:
        self.no_improvement_count = 0 if value < self.best - self.plan.tol else self.no_improvement_count + 1
        self.best = min(value, self.best)
        if value <= self.best_of_all:
            loss = self.tie_breaker() if self.tie_breaker else 0.0
            if value < self.best_of_all or loss < self.loss_of_best:
                self.best_of_all, self.loss_of_best, self.best_theta[:] = value, loss, theta

    def print(self, line: str) -> None:
        if self.plan.verbose:
            print(line)
