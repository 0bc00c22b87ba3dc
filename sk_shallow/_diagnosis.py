"""The end of a fit: which weights it returns, how it is judged, and what the user is told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._batches import batches
from sk_shallow._monitor import Monitor
from sk_shallow._network import Network
from sk_shallow._plan import Plan

# Root mean square from which a feature counts as unscaled: ten times that of a standardized one.
UNSCALED = 10.0

# Weight from which on a row of partial_fit may be what makes a fit diverge.
HEAVY = 100.0

# Rows on which a fit is judged first; a pass over all of them is saved where they and the last epoch look well.
SAMPLE = 2048


class Verdict(Enum):
    """How a fit has gone."""

    GOOD = auto()
    NOT_FINITE = auto()
    DIVERGED = auto()
    WORSE_THAN_CONSTANT = auto()  # though better than where it began
    UNFINISHED = auto()  # a limit has ended it while it was still improving
    LITTLE_PROGRESS = auto()  # it has come to its planned end


def diagnose(network: Network, monitor: Monitor, limit: str | None, names: np.ndarray | None) -> str | None:
    """Leave in the network the weights that a fit returns, and return the text of a warning, or None.

    `limit` says what has ended the fit before it converged, `names` are those of the features. Raises ValueError where
    the whole of a fit has never had a finite loss.
    """
    if not monitor.losses:
        raise ValueError(f"solver={monitor.plan.solver} has not reported an epoch: monitor.epoch_end(loss) does.")
    ending = Ending(network, monitor, monitor.plan, limit)
    losses = [ending.loss_if_bad()]
    monitor.diverged |= not (np.isfinite(losses[0]) and np.isfinite(network.parameters.theta).all())
    if ending.choose_weights():
        losses.append(ending.loss_if_bad())
    if not (np.isfinite(losses[-1]) or monitor.plan.incremental):
        unscaled = unscaled_features(network.X, names) or "none, so that init_scale is too high"
        raise ValueError(f"The loss was never finite, not even at the initial weights. Unscaled features: {unscaled}.")
    loss = max(losses, key=_or_infinite)  # the last weights count as much as those returned
    return ending.message(ending.judge(loss), loss, names)


def keep_best(network: Network, monitor: Monitor) -> None:
    """Put back the weights of the best score; without scores, the best of the last, the best and the first weights.

    The first ones, which are finite, come back where no others have a finite objective.
    """
    theta = network.parameters.theta
    candidates = [monitor.best_theta] if monitor.scores else [monitor.first_theta, theta.copy(), monitor.best_theta]
    theta[:] = min(candidates, key=lambda candidate: _value_at(candidate, network, network.objective))


@dataclass
class Ending:
    """A fit that has ended.

    It is bad where its loss is above a bound: clearly above that of the best constant, or, where the rows are only a
    part of the data, whose best constant means nothing, above twice the loss at ``Z2 = 0``.
    """

    network: Network
    monitor: Monitor
    plan: Plan
    limit: str | None

    def __post_init__(self) -> None:
        self.zero = self.network.loss_at_zero()
        self.slack = max(self.plan.tol, 0.01 * self.zero)
        self.constant = np.inf if self.plan.incremental else self.network.loss_of_constant()
        self.bound = 2 * self.zero if self.plan.incremental else self.constant + self.slack

    def loss_if_bad(self) -> float:
        """Return the loss, or 0 where the last epoch and, after the whole of a fit, a sample of its rows look well."""
        if self.plan.incremental:
            return 0.0 if self.monitor.losses[-1] <= self.zero else self.network.loss()
        sample = self.network.sample(SAMPLE)
        well = self.monitor.losses[-1] <= self.bound and sample.loss() <= sample.loss_of_constant() + self.slack
        return 0.0 if well else self.network.loss()

    def choose_weights(self) -> bool:
        """Put back the best weights where the last ones are not those to return, and say whether that was so.

        The last weights are returned if a limit has ended the fit (so that k epochs are k epochs) or its last epoch
        was the best, provided that they are finite and there are no validation scores. A part of the data that leads to
        weights, or a loss, that are not finite changes nothing.
        """
        if self.plan.incremental:
            if self.monitor.diverged:
                self.network.parameters.theta[:] = self.monitor.first_theta
            return self.monitor.diverged
        losses = self.monitor.losses
        not_the_last = bool(self.monitor.signal) or losses[-1] > min(losses)
        others = bool(self.monitor.scores) or self.monitor.diverged or (self.limit is None and not_the_last)
        if others:
            keep_best(self.network, self.monitor)
        return others

    def judge(self, loss: float) -> Verdict:
        """Return the verdict on a fit whose loss, if it is bad, is `loss`."""
        monitor, plan = self.monitor, self.plan
        if monitor.diverged or not np.isfinite(loss):
            return Verdict.NOT_FINITE
        if loss > self.bound:
            if loss >= _value_at(monitor.first_theta, self.network, self.network.loss):
                return Verdict.DIVERGED
            return Verdict.GOOD if plan.incremental else Verdict.WORSE_THAN_CONSTANT
        if not self.zero:
            return Verdict.GOOD  # one class: there is nothing to learn
        if self.limit and not plan.incremental and monitor.still_improves():
            return Verdict.UNFINISHED
        if not (monitor.signal or plan.max_iter_is_limit or plan.incremental):
            under_way = plan.learning_rate_init is None and monitor.still_improves()  # as L-BFGS may be
            if monitor.losses[-1] > (self.constant / 2 if under_way else self.constant - self.slack):
                return Verdict.LITTLE_PROGRESS
        return Verdict.GOOD

    def message(self, verdict: Verdict, loss: float, names: np.ndarray | None) -> str | None:
        """Return the text of the warning that a verdict deserves, or None."""
        if verdict is Verdict.GOOD:
            return None
        if verdict is Verdict.UNFINISHED:
            return self._unfinished()
        unscaled = unscaled_features(self.network.X, names)
        scale = f"unscaled features, {unscaled}: put a StandardScaler in front"
        if verdict is Verdict.LITTLE_PROGRESS:
            return unscaled and (
                f"The fit has ended as planned, at a training loss of {self.monitor.losses[-1]:.6g}, though it has "
                f"hardly begun. Likely cause: {scale}, or train longer with a larger max_iter."
            )
        head, incremental = self.network.head, self.plan.incremental
        what = "is still worse than a constant" if verdict is Verdict.WORSE_THAN_CONSTANT else "has diverged"
        end = "not finite" if verdict is Verdict.NOT_FINITE else f"at {loss:.4g} nats per sample"
        bound = f"twice that of {head.zero}" if incremental else f"hardly above that of {head.constant}"
        causes = "; ".join([scale] * bool(unscaled) + self._causes(verdict)) or "init_scale is too high"
        return (
            f"The fit {what}: its loss has ended {end}, and may be {self.bound:.4g} at most, {bound}. Likely causes: "
            f"{causes}."
        )

    def _causes(self, verdict: Verdict) -> list[str]:
        if verdict is Verdict.WORSE_THAN_CONSTANT:
            return [f"{self.limit or 'n_iter_no_change'} or the learning rate is too low, or alpha or dropout too high"]
        rate, w = self.plan.learning_rate_init, self.network.w
        causes = [] if rate is None else [f"learning_rate_init={rate:g} is too high"]
        if self.plan.incremental and w is not None and w.max() > HEAVY:
            causes = [f"weights of up to {w.max():.3g}, which partial_fit takes as they are", *causes]
        return causes

    def _unfinished(self) -> str:
        monitor, plan, limit = self.monitor, self.plan, self.limit
        if len(monitor.losses) == 1:
            return f"{limit} ended the fit after one, at a training loss of {monitor.losses[0]:.6g}. Raise the limit."
        what = "validation score" if monitor.scores else "training loss"
        before, after = monitor.recent_change()
        rate = "" if plan.learning_rate_init is None else f", learning_rate_init={plan.learning_rate_init:g}"
        by_scipy = str(limit).startswith("SciPy")  # its line search, which has no limit to raise
        advice = "Scale the features, or raise tol" if by_scipy else f"Raise the limit{rate} or tol"
        return (
            f"{limit} ended the fit while it was still improving: the best {what} was {before:.6g} before the last "
            f"{min(len(monitor.losses) - 1, plan.n_iter_no_change):g} and is {after:.6g} now (tol={plan.tol:g}). "
            f"{advice}."
        )


def unscaled_features(X: Any, names: np.ndarray | None) -> str:
    """Return the names of the features whose root mean square is above `UNSCALED`, the largest first, as a phrase."""
    mean_square = np.zeros(X.shape[1])
    for rows in batches(X.shape[0], 512):
        block = X[rows].astype(np.float64)  # whose squares do not overflow
        mean_square += np.asarray((block.multiply(block) if issparse(block) else block**2).sum(axis=0)).ravel()
    mean_square /= X.shape[0]
    largest = np.argsort(-mean_square, kind="stable")[: np.count_nonzero(mean_square > UNSCALED**2)]
    if not largest.size:
        return ""
    shown = [f"column {j}" if names is None else repr(str(names[j])) for j in largest[:3]]
    more = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
    return f"{', '.join(shown)}{more} (root mean square up to {np.sqrt(mean_square.max()):.3g})"


def _value_at(theta: np.ndarray, network: Network, value: Callable[[], float]) -> float:
    present = network.parameters.theta.copy()
    try:
        network.parameters.theta[:] = theta
        return _or_infinite(value())
    finally:
        network.parameters.theta[:] = present


def _or_infinite(value: float) -> float:
    return np.inf if np.isnan(value) else value
