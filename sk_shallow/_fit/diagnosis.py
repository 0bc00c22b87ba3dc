"""The end of a fit: which weights it returns, how it is judged, and what the user is told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.plan import Plan
from sk_shallow._model.batches import batches
from sk_shallow._model.network import Network
from sk_shallow.activations import Identity

# Root mean square from which a feature counts as unscaled: ten times that of a standardized one.
UNSCALED = 10.0

# Weight from which on a row of partial_fit may be what makes a fit diverge.
HEAVY = 100.0

# Share of the loss of the class frequencies that a net must explain to have learned something.
LITTLE = 0.02

# Factor of its spread from which a feature's mean is far from zero.
FAR = 10.0

# Steps at the rate of the rules that a fit of the defaults takes on data of some thousand rows.
USUAL_STEPS = 1500

# Root mean square of the largest feature below which features are tiny.
TINY = 0.01

# Learning rates are too low, or too high, by such a factor of the largest one that rules would choose: on a schedule
# that ends near zero, and otherwise.
LOW_PLANNED, LOW, HIGH = 0.1, 0.01, 2.0

# Rows on which a fit is judged first; a pass over all of them is saved where they and the last epoch look well.
SAMPLE = 2048


class Verdict(Enum):
    """How a fit has gone."""

    GOOD = auto()
    NOT_FINITE = auto()
    DIVERGED = auto()
    WORSE_THAN_CONSTANT = auto()  # though better than where it began
    UNFINISHED = auto()  # a limit has ended it while it was still improving
    LEARNED_NOTHING = auto()  # it has converged, or come to its planned end, hardly better than a constant
    UNDERTRAINED = auto()  # at a rate far below that of the rules
    UNSTEADY = auto()  # it has stopped improving because its steps are too long


def diagnose(
    network: Network, monitor: Monitor, limit: str | None, *, names: np.ndarray | None, alpha_was_chosen: bool
) -> str | None:
    """Leave in the network the weights that a fit returns, and return the text of a warning, or None.

    `limit` says what has ended the fit before it converged, `names` are those of the features, `alpha_was_chosen` says
    whether held-out rows have chosen alpha. Raises ValueError where the whole of a fit has never had a finite loss.
    """
    if not monitor.losses:
        raise ValueError(f"solver={monitor.plan.solver} has not reported an epoch: monitor.epoch_end(loss) does.")
    ending = Ending(network, monitor, limit, alpha_was_chosen)
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
    limit: str | None
    alpha_was_chosen: bool = False

    def __post_init__(self) -> None:
        self.plan: Plan = self.monitor.plan
        norms = [np.linalg.norm(theta) for theta in (self.network.parameters.theta, self.monitor.first_theta)]
        self.shrunk = bool(norms[0] < norms[1] / 2)
        self.zero = self.network.loss_at_zero()
        self.slack = max(self.plan.tol, 0.01 * self.zero)
        self.constant = np.inf if self.plan.incremental else self.network.loss_of_constant()
        self.bound = 2 * self.zero if self.plan.incremental else self.constant + self.slack

    def loss_if_bad(self) -> float:
        """Return the loss, or 0 where the last epoch and, after the whole of a fit, a sample of its rows look well."""
        if self.plan.incremental:
            return 0.0 if self.monitor.losses[-1] <= self.zero else self.network.loss()
        sample = self.network.sample(SAMPLE)
        well = self.monitor.losses[-1] <= self.bound and sample.loss() <= (1 - LITTLE) * sample.loss_of_constant()
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
            return Verdict.GOOD if plan.incremental or monitor.stopped else Verdict.WORSE_THAN_CONSTANT
        if not self.constant or monitor.stopped:
            return Verdict.GOOD  # one class, or one with weight, is nothing to learn; and who stops a fit knows why
        if self.limit and not plan.incremental and monitor.still_improves():
            return Verdict.UNFINISHED
        if plan.incremental or (self.limit and len(monitor.losses) == 1):
            return Verdict.GOOD
        return self._judge_rate() if loss <= (1 - LITTLE) * self.constant else Verdict.LEARNED_NOTHING

    def _judge_rate(self) -> Verdict:
        """Return the verdict on the learning rate of a fit that has learned something."""
        plan, losses = self.plan, self.monitor.losses
        rate = plan.learning_rate_init
        if rate is None:
            return Verdict.GOOD
        steps = len(losses) * -(-self.network.n_samples // plan.batch_size)
        low = rate < LOW_PLANNED * plan.peak_rate and rate * steps < LOW_PLANNED * plan.peak_rate * USUAL_STEPS
        if plan.schedule.needs_length and low and losses[-1] > self.constant / 10:
            return Verdict.UNDERTRAINED
        changes = np.abs(np.diff(losses[-10:]))
        large = max(10 * plan.tol, 0.1 * float(np.mean(losses[-10:])))
        unsteady = self.monitor.signal is Signal.PLATEAU and changes.size and changes.mean() > large
        return Verdict.UNSTEADY if unsteady and rate > HIGH * plan.peak_rate else Verdict.GOOD

    def message(self, verdict: Verdict, loss: float, names: np.ndarray | None) -> str | None:
        """Return the text of the warning that a verdict deserves, or None."""
        if verdict is Verdict.GOOD:
            return None
        if verdict is Verdict.UNFINISHED:
            return self._unfinished()
        if verdict in (Verdict.UNDERTRAINED, Verdict.UNSTEADY):
            return self._bad_rate(verdict)
        unscaled = unscaled_features(self.network.X, names)
        scale = [f"unscaled features, {unscaled}: {self._scaler()}"] if unscaled else []
        head, incremental = self.network.head, self.plan.incremental
        if verdict is Verdict.LEARNED_NOTHING:
            linear = isinstance(self.network.activation, Identity)
            nothing = "nothing that a linear net, activation='identity', can use" if linear else "nothing"
            features = f"the features say {nothing} about the classes"
            causes = "; or ".join(scale + self._causes_of_nothing()) or features
            return (
                f"The net has learned next to nothing: its training loss is {loss:.4g} nats per sample, and that of "
                f"{head.constant} is {self.constant:.4g}. Likely cause: {causes}."
            )
        what = "ended worse than a constant" if verdict is Verdict.WORSE_THAN_CONSTANT else "diverged"
        end = "not finite" if verdict is Verdict.NOT_FINITE else f"{loss:.4g} nats per sample"
        other, reference = (head.zero, self.zero) if incremental else (head.constant, self.constant)
        causes = "; ".join(scale + self._causes(verdict)) or "init_scale is too high"
        return f"Training {what}: the final loss is {end}, but {other} gives {reference:.4g}. Likely causes: {causes}."

    def _bad_rate(self, verdict: Verdict) -> str:
        rate, peak_rate, losses = self.plan.learning_rate_init, self.plan.peak_rate, self.monitor.losses
        if verdict is Verdict.UNDERTRAINED:
            return (
                f"learning_rate_init={rate:g} is too low for these data: the training loss has only reached "
                f"{losses[-1]:.6g}. Leave it at None, for which {peak_rate:.3g} is used here."
            )
        return (
            f"learning_rate_init={rate:g} is too high for these data: the training loss goes up and down, and has "
            f"stopped improving at {min(losses):.6g}. Try {peak_rate / 10:.1g}, or leave it at None."
        )

    def _causes_of_nothing(self) -> list[str]:
        network, plan, rate = self.network, self.plan, self.plan.learning_rate_init
        means, mean_square = moments(network.X)
        largest = float(np.sqrt(mean_square.max()))
        far = means**2 > FAR**2 * np.maximum(mean_square - means**2, 1e-12 * mean_square)
        far &= mean_square - means**2 > 1e-12 * mean_square
        low = rate is not None and rate < (LOW_PLANNED if plan.schedule.needs_length else LOW) * plan.peak_rate
        patience = f"n_iter_no_change={plan.n_iter_no_change:g} or lower tol={plan.tol:g}"
        impatient = self.monitor.signal is Signal.PLATEAU and not self.shrunk and not self.monitor.scores
        alpha = bool(network.alpha) and self.shrunk and not self.alpha_was_chosen
        possible = {
            "init_scale=0 leaves every weight at zero": not self.monitor.first_theta.any(),
            "all hidden units are dead: raise hidden_size, or take leaky_relu": self._is_dead(),
            f"features are tiny (root mean square at most {largest:.2g}): {self._scaler()}": largest < TINY,
            f"{np.count_nonzero(far)} features hardly vary around their mean: {self._scaler()}": bool(far.any()),
            f"alpha={network.alpha:.3g} is too high: it has shrunk the weights": alpha,
            f"learning_rate_init={rate} is too low": low,
            f"dropout={network.dropout:g} is too high": network.dropout >= 0.8,
            f"training stopped too soon: raise {patience}": impatient,
        }
        return [cause for cause, applies in possible.items() if applies]

    def _causes(self, verdict: Verdict) -> list[str]:
        if verdict is Verdict.WORSE_THAN_CONSTANT:
            limit = self.limit or ("" if self.monitor.signal else f"max_iter={self.plan.max_iter} epochs")
            high = _value_at(self.monitor.first_theta, self.network, self.network.loss) > 5 * self.zero
            causes = [f"{limit} is too low"] * bool(limit) + ["init_scale is too high"] * high
            return causes + self._causes_of_nothing() or ["the learning rate or n_iter_no_change is too low"]
        rate, w = self.plan.learning_rate_init, self.network.w
        causes = [] if rate is None else [f"learning_rate_init={rate:g} is too high"]
        if self.plan.incremental and w is not None and w.max() > HEAVY:
            causes = [f"weights of up to {w.max():.3g}, which partial_fit takes as they are", *causes]
        return causes

    def _is_dead(self) -> bool:
        """Say whether no hidden unit is ever active, on a sample of the rows."""
        p, X = self.network.parameters, self.network.sample(SAMPLE).X
        A1, _ = self.network.activation.forward(np.asarray(X @ p.W1 + p.b1))
        return bool(self.monitor.first_theta.any()) and not A1.any()

    def _scaler(self) -> str:
        return f"put a {'MaxAbsScaler' if issparse(self.network.X) else 'StandardScaler'} in front"

    def _unfinished(self) -> str:
        monitor, plan, limit = self.monitor, self.plan, self.limit
        if len(monitor.losses) == 1:
            return f"{limit} ended the fit after one, at a training loss of {monitor.losses[0]:.6g}. Raise the limit."
        what = "validation score" if monitor.scores else "training loss"
        before, after = monitor.recent_change()
        rate = "" if plan.learning_rate_init is None else f", learning_rate_init (now {plan.learning_rate_init:g})"
        by_scipy = str(limit).startswith("SciPy")  # its line search, which has no limit to raise
        advice = "Scale the features, or raise tol" if by_scipy else f"Raise the limit{rate} or tol"
        return (
            f"{limit} ended the fit while it was still improving: the best {what} was {before:.6g} before the last "
            f"{min(len(monitor.losses) - 1, plan.n_iter_no_change):g} and is {after:.6g} now (tol={plan.tol:g}). "
            f"{advice}."
        )


def unscaled_features(X: Any, names: np.ndarray | None) -> str:
    """Return the names of the features whose root mean square is above `UNSCALED`, the largest first, as a phrase."""
    _, mean_square = moments(X)
    largest = np.argsort(-mean_square, kind="stable")[: np.count_nonzero(mean_square > UNSCALED**2)]
    if not largest.size:
        return ""
    shown = [f"column {j}" if names is None else repr(str(names[j])) for j in largest[:3]]
    more = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
    return f"{', '.join(shown)}{more} (root mean square up to {np.sqrt(mean_square.max()):.3g})"


def moments(X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the mean square of each feature, (n0,)."""
    sums, squares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for rows in batches(X.shape[0], 512):
        block = X[rows].astype(np.float64)  # whose squares do not overflow
        sums += np.asarray(block.sum(axis=0)).ravel()
        squares += np.asarray((block.multiply(block) if issparse(block) else block**2).sum(axis=0)).ravel()
    return sums / X.shape[0], squares / X.shape[0]


def _value_at(theta: np.ndarray, network: Network, value: Callable[[], float]) -> float:
    present = network.parameters.theta.copy()
    try:
        network.parameters.theta[:] = theta
        return _or_infinite(value())
    finally:
        network.parameters.theta[:] = present


def _or_infinite(value: float) -> float:
    return np.inf if np.isnan(value) else value
