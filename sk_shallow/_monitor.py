"""The monitor: told the loss after every epoch, it keeps the history and the best weights, and says when to stop."""

from collections.abc import Callable

import numpy as np

from sk_shallow._parameters import Parameters


class Monitor:
    """What watches a fit.

    What it watches is the validation score where there is one, and the training objective otherwise. An epoch has
    improved when it beats the best one so far by more than `tol`; a plateau is more than `n_iter_no_change` epochs in
    a row that have not.

    `score()` returns the validation score of the present parameters, greater is better. Not every plateau `stops` a
    fit: some solvers have a rule of their own. `best` and `stale` say where an earlier call has left off.

    Attributes
    ----------
    losses : list of float
        Training objective of each epoch, in nats per sample.
    scores : list of float
        Validation score of each epoch, where there is one.
    best_theta : ndarray of shape (n_parameters,)
        The best weights: after the epoch of the best score; without scores, before the epoch of the lowest loss,
        which was measured while they changed.
    first_theta : ndarray of shape (n_parameters,)
        The weights before the first epoch.
    best : float
        The lowest loss, or minus the highest score.
    stale : int
        Epochs since the last improvement.
    diverged : bool
        Whether a loss, a weight or the validation loss was not finite.
    stopped : bool
        What the last `epoch_end` returned.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        tol: float,
        n_iter_no_change: float,
        stops: bool = True,
        score: Callable[[], float] | None = None,
        verbose: bool = False,
        best: float = np.inf,
        stale: int = 0,
    ) -> None:
        self.theta = parameters.theta
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.stops = stops
        self.score = score
        self.verbose = verbose
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best = best
        self.stale = stale
        self.diverged = False
        self.stopped = False
        self.best_theta = self.theta.copy()
        self.first_theta = self.theta.copy()
        self._theta_before = self.theta.copy()

    def epoch_end(self, loss: float) -> bool:
        """Take note of an epoch; return True where it was one too many: a plateau, or numbers that are not finite.

        Parameters
        ----------
        loss : float
            Training objective, in nats per sample.
        """
        finite = bool(np.isfinite(loss) and np.isfinite(self.theta).all())
        score = self.score() if self.score and finite else 0.0
        self.diverged = not (finite and np.isfinite(score))
        self.losses.append(loss if np.isfinite(loss) else np.inf)
        self._print(f"Iteration {len(self.losses)}, loss = {self.losses[-1]:.8f}")
        if self.score and not self.diverged:
            self.scores.append(score)
            self._print(f"Validation score: {score:.6f}")
            self._compare(-score, self.theta)
        elif not self.diverged:
            self._compare(loss, self._theta_before)
            self._theta_before[:] = self.theta
        self.stopped = self.diverged or (self.stops and self.stale > self.n_iter_no_change)
        return self.stopped

    def recent_change(self) -> tuple[float, float]:
        """Return the best loss (or score) before the last `n_iter_no_change` epochs, and the best one since."""
        values, best = (self.scores, max) if self.scores else (self.losses, min)
        first = int(max(1, len(values) - self.n_iter_no_change))
        return best(values[:first]), best(values)

    def still_improves(self) -> bool:
        """Say whether the last `n_iter_no_change` epochs have brought an improvement of `tol`; one epoch always has."""
        before, after = self.recent_change()
        patient = not self.stops or self.stale < self.n_iter_no_change
        return len(self.losses) == 1 or (patient and abs(after - before) > self.tol)

    def _compare(self, value: float, theta: np.ndarray) -> None:
        self.stale = 0 if value < self.best - self.tol else self.stale + 1
        if value < self.best:
            self.best = value
            self.best_theta[:] = theta

    def _print(self, line: str) -> None:
        if self.verbose:
            print(line)
