"""The end of a fit: choose the weights, diagnose problems, write the warning."""

from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.plan import Plan
from sk_shallow._model.network import Network, hidden_activations, slices
from sk_shallow.activations import Identity

UNSCALED_RMS = 10.0  # root mean square above which a feature counts as unscaled; a standardized one has 1
TINY_RMS = 0.01  # root mean square of the largest feature below which all count as tiny
MAX_STANDARD_DEVIATIONS = 10.0  # a feature hardly varies if its mean exceeds so many standard deviations
MAX_SAMPLE_WEIGHT = 100.0  # above it, `partial_fit` names sample weights as a cause if it diverges
MIN_EXPLAINED = 0.02  # share of the best constant's loss that a net explains if it has learned something
DEFAULT_FIT_STEPS = 1500  # number of steps of a default fit on a few thousand rows
# A rate is too low (high) below (above) this multiple of the default peak rate; planned: on one_cycle and cosine.
LOW_RATE_PLANNED, LOW_RATE, HIGH_RATE = 0.1, 0.01, 2.0
SAMPLE_ROWS = 2048  # rows of the sample that is checked first; if its loss is fine, the full pass is skipped


def keep_best(network: Network, monitor: Monitor) -> None:
    """Restore the weights with the best score; without scores, the best of the last, the best and the first weights.

    If no candidate has a finite objective, the initial weights are restored.
    """
    theta = network.parameters.theta
    candidates = [monitor.best_theta] if monitor.scores else [monitor.first_theta, theta.copy(), monitor.best_theta]
    theta[:] = min(candidates, key=lambda candidate: network.value_at(candidate, network.objective))


class Ending:
    """A fit that has ended: its weights, its loss, and its problem if there is one.

    A fit is bad if its loss exceeds `bound`: the best constant's loss plus a margin after `fit`; twice the loss at
    ``Z2 = 0`` after `partial_fit`, whose rows are only a part of the data.
    """

    def __init__(
        self,
        network: Network,
        monitor: Monitor,
        limit: str | None,  # that stopped training before it converged
        feature_names: np.ndarray | None,
        alpha_was_chosen: bool,  # by held-out rows
    ) -> None:
        self.network = network
        self.monitor = monitor
        self.limit = limit
        self.feature_names = feature_names
        self.alpha_was_chosen = alpha_was_chosen
        self.plan: Plan = monitor.plan
        norms = [np.linalg.norm(theta) for theta in (network.parameters.theta, monitor.first_theta)]
        self.shrunk = bool(norms[0] < norms[1] / 2)
        self.loss: float | None = None  # the loss, if it looked bad
        self.zero = network.loss_at_zero()
        self.constant = np.inf if self.plan.incremental else network.loss_of_constant()
        margin = max(self.plan.tol, 0.01 * self.zero)
        self.bound = 2 * self.zero if self.plan.incremental else self.constant + margin

    def choose_weights(self) -> None:
        """Restore the best weights if the last ones should not be returned, and record the worse loss of the two.

        Raises ValueError if the loss of `fit` was never finite.
        """
        last = self._loss_if_bad()
        weights_finite = bool(np.isfinite(self.network.parameters.theta).all())
        self.monitor.diverged |= not (weights_finite and (last is None or np.isfinite(last)))
        returned = self._loss_if_bad() if self._restore_weights() else last
        if not (returned is None or np.isfinite(returned) or self.plan.incremental):
            unscaled = self._unscaled or "none, so lower init_scale"
            raise ValueError(f"The loss was never finite, even at the initial weights. Unscaled features: {unscaled}.")
        bad = [loss for loss in (last, returned) if loss is not None]
        self.loss = max(bad, key=lambda loss: np.inf if np.isnan(loss) else loss, default=None)

    def _loss_if_bad(self) -> float | None:
        """Return the full loss, or None if a cheap check finds nothing wrong."""
        epoch_loss = self.monitor.losses[-1]
        if self.plan.incremental:
            return None if epoch_loss <= self.zero else self.network.loss()
        sample = self.network.sample(SAMPLE_ROWS)
        fine = epoch_loss <= self.bound and sample.loss() <= (1 - MIN_EXPLAINED) * sample.loss_of_constant()
        return None if fine else self.network.loss()

    def _restore_weights(self) -> bool:
        """Restore the best weights if the last ones should not be returned. Return whether it did.

        The last weights are returned if a limit ended the fit (so that k epochs are k epochs) or the last epoch was the
        best, if they are finite and there are no validation scores. If a `partial_fit` call gives non-finite weights or
        loss, the earlier weights are restored.
        """
        monitor = self.monitor
        if self.plan.incremental:
            if monitor.diverged:
                self.network.parameters.theta[:] = monitor.first_theta
            return monitor.diverged
        not_the_best = bool(monitor.signal) or monitor.losses[-1] > min(monitor.losses)
        restore = bool(monitor.scores) or monitor.diverged or (self.limit is None and not_the_best)
        if restore:
            keep_best(self.network, monitor)
        return restore

    def diagnose(self) -> str | None:
        """Return the warning about the first problem that applies, or None."""
        nothing, worse = "The net learned almost nothing", "Training ended worse than a constant"
        problems = (
            (self._has_diverged, lambda: self._failure("Training diverged", self._causes_of_divergence())),
            (self._is_worse_than_constant, lambda: self._failure(worse, self._causes_of_slowness())),
            (self._is_unfinished, self._unfinished),
            (self._has_learned_nothing, lambda: self._failure(nothing, self._causes_of_nothing())),
            (self._rate_is_low, self._low_rate),
            (self._rate_is_high, self._high_rate),
        )
        return next((message() for applies, message in problems if applies()), None)

    # Conditions

    def _is_finite(self) -> bool:
        return not self.monitor.diverged and (self.loss is None or bool(np.isfinite(self.loss)))

    def _is_bad(self) -> bool:
        return self.loss is not None and self.loss > self.bound

    def _has_diverged(self) -> bool:
        worse_than_start = self.loss is not None and self._is_bad() and self.loss >= self._first_loss
        return not self._is_finite() or worse_than_start

    def _is_worse_than_constant(self) -> bool:
        return self._is_bad() and not (self.plan.incremental or self.monitor.stopped)

    def _can_be_judged(self) -> bool:
        # Not if only one class has weight, a callback stopped the fit, or the rows are a part of the data.
        return bool(self.constant) and not (self.monitor.stopped or self.plan.incremental or self._is_bad())

    def _is_unfinished(self) -> bool:
        return self._can_be_judged() and self.limit is not None and self.monitor.still_improves()

    def _has_learned_nothing(self) -> bool:
        return self._can_be_judged() and self.loss is not None and self.loss > (1 - MIN_EXPLAINED) * self.constant

    def _rate_is_low(self) -> bool:
        plan, losses, rate = self.plan, self.monitor.losses, self.plan.learning_rate_init
        if not self._can_be_judged() or rate is None or not plan.schedule.needs_length:
            return False
        steps, low = len(losses) * -(-self.network.n_samples // plan.batch_size), LOW_RATE_PLANNED * plan.peak_rate
        return rate < low and rate * steps < low * DEFAULT_FIT_STEPS and losses[-1] > self.constant / 10

    def _rate_is_high(self) -> bool:
        plan, losses, rate = self.plan, self.monitor.losses[-10:], self.plan.learning_rate_init
        if not self._can_be_judged() or rate is None or self.monitor.signal is not Signal.PLATEAU:
            return False
        changes = np.abs(np.diff(losses))
        unsteady = changes.size and changes.mean() > max(10 * plan.tol, 0.1 * float(np.mean(losses)))
        return bool(unsteady) and rate > HIGH_RATE * plan.peak_rate

    # Messages

    def _failure(self, headline: str, causes: list[str]) -> str:
        end = f"{self.loss:.4g} nats per sample" if self._is_finite() else "not finite"
        reference = f"always predicting the class frequencies gives {self.constant:.4g}"
        if self.plan.incremental:
            reference = f"giving every class the same probability gives {self.zero:.4g}"
        return (
            f"{headline}: the final loss is {end}, but {reference}. "
            f"Likely cause{'s' * (len(causes) > 1)}: {'; '.join(causes)}."
        )

    def _causes_of_divergence(self) -> list[str]:
        incremental, w, rate = self.plan.incremental, self.network.w, self.plan.learning_rate_init
        largest = 0.0 if w is None else w.max()
        weights = f"sample weights up to {largest:.3g}, which partial_fit does not normalize"
        causes = self._scaling
        if incremental and largest > MAX_SAMPLE_WEIGHT:
            causes.append(weights)
        if rate is not None and self._may_blame("learning_rate_init"):
            causes.append(f"learning_rate_init={rate:g} is too high")
        return causes or ["init_scale is too high"]

    def _causes_of_slowness(self) -> list[str]:
        limit = self.limit or ("" if self.monitor.signal else f"max_iter={self.plan.max_iter} epochs")
        causes = self._scaling + [f"{limit} is too low"] * ("=" in limit)
        if self._first_loss > 5 * self.zero and self._may_blame("init_scale"):
            causes.append("init_scale is too high")
        causes += self._other_causes_of_nothing()
        return causes or ["the learning rate or n_iter_no_change is too low"]

    def _causes_of_nothing(self) -> list[str]:
        linear = " linear" if isinstance(self.network.activation, Identity) else ""
        none = f"the features may carry no{linear} information about the classes"
        return self._scaling + self._other_causes_of_nothing() or [none]

    def _other_causes_of_nothing(self) -> list[str]:
        network, plan, rate = self.network, self.plan, self.plan.learning_rate_init
        means, mean_square = feature_moments(network.X)
        largest, variance = float(np.sqrt(mean_square.max())), mean_square - means**2
        far = (means**2 > MAX_STANDARD_DEVIATIONS**2 * variance) & (variance > 1e-12 * mean_square)
        lowest_rate = (LOW_RATE_PLANNED if plan.schedule.needs_length else LOW_RATE) * plan.peak_rate
        patience = f"n_iter_no_change={plan.n_iter_no_change:g} or lower tol={plan.tol:g}"
        impatient = self.monitor.signal is Signal.PLATEAU and not self.shrunk and not self.monitor.scores
        shrunk = bool(network.alpha) and self.shrunk and not self.alpha_was_chosen
        possible = {
            "init_scale=0 leaves every weight at zero": not self.monitor.first_theta.any(),
            "all hidden units are dead: raise hidden_size, or use leaky_relu": self._is_dead(),
            f"features are tiny (root mean square at most {largest:.2g}): {self._scaler}": largest < TINY_RMS,
            f"{np.count_nonzero(far)} features hardly vary around their mean: {self._scaler}": bool(far.any()),
            f"alpha={network.alpha:.3g} is too high: it has shrunk the weights": shrunk,
            f"learning_rate_init={rate} is too low": rate is not None and rate < lowest_rate,
            f"dropout={network.dropout:g} is too high": network.dropout >= 0.8,
            f"training stopped too soon: raise {patience}": impatient,
        }
        return [cause for cause, applies in possible.items() if applies]

    def _unfinished(self) -> str:
        monitor, plan, limit = self.monitor, self.plan, str(self.limit)
        name, equals, _ = limit.partition("=")
        if len(monitor.losses) == 1:
            loss = monitor.losses[0]
            return f"The fit stopped after one epoch ({limit}), at a training loss of {loss:.6g}. Raise {name}."
        what = "validation score" if monitor.scores else "training loss"
        before, after = monitor.recent_change()
        rate = "" if plan.learning_rate_init is None else f", learning_rate_init (now {plan.learning_rate_init:g})"
        advice = f"Raise {name}{rate} or tol" if equals else "Scale the features, or raise tol"  # SciPy has no limit
        return (
            f"The fit stopped while it was still improving ({limit}): the best {what} was {before:.6g} before the last "
            f"{min(len(monitor.losses) - 1, plan.n_iter_no_change):g} epochs and is {after:.6g} now "
            f"(tol={plan.tol:g}). {advice}."
        )

    def _low_rate(self) -> str:
        return (
            f"learning_rate_init={self.plan.learning_rate_init:g} is too low for these data: the training loss only "
            f"reached {self.monitor.losses[-1]:.6g}. Use None: the default for these data is {self.plan.peak_rate:.3g}."
        )

    def _high_rate(self) -> str:
        return (
            f"learning_rate_init={self.plan.learning_rate_init:g} is too high for these data: the training loss goes "
            f"up and down, and stopped improving at {min(self.monitor.losses):.6g}. Use "
            f"{self.plan.peak_rate / 10:.1g}, or None for the default."
        )

    def _may_blame(self, parameter: str) -> bool:
        """Return False if the user left the parameter alone and unscaled features are the cause."""
        return parameter in self.plan.given or not self._scaling

    def _is_dead(self) -> bool:
        """Return whether no hidden unit is ever active, on a sample of the rows."""
        sample = self.network.sample(SAMPLE_ROWS)
        A1 = hidden_activations(sample.X, sample.parameters.coefs, sample.parameters.intercepts, sample.activation)
        return bool(self.monitor.first_theta.any()) and not A1.any()

    @cached_property
    def _first_loss(self) -> float:
        return self.network.value_at(self.monitor.first_theta, self.network.loss)

    @cached_property
    def _unscaled(self) -> str:
        return unscaled_features(self.network.X, self.feature_names)

    @property
    def _scaling(self) -> list[str]:
        return [f"unscaled features, {self._unscaled}: {self._scaler}"] if self._unscaled else []

    @property
    def _scaler(self) -> str:
        return f"put a {'MaxAbsScaler' if issparse(self.network.X) else 'StandardScaler'} in front"


def unscaled_features(X: Any, names: np.ndarray | None) -> str:
    """Return the names of the features whose root mean square is above `UNSCALED_RMS`, the largest first."""
    _, mean_square = feature_moments(X)
    largest = np.argsort(-mean_square, kind="stable")[: np.count_nonzero(mean_square > UNSCALED_RMS**2)]
    if not largest.size:
        return ""
    shown = [f"column {j}" if names is None else repr(str(names[j])) for j in largest[:3]]
    more = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
    return f"{', '.join(shown)}{more} (root mean square up to {np.sqrt(mean_square.max()):.3g})"


def feature_moments(X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the mean square of each feature, (n0,)."""
    sums, squares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for rows in slices(X.shape[0], 512):
        block = X[rows].astype(np.float64)  # its squares do not overflow
        sums += np.asarray(block.sum(axis=0)).ravel()
        squares += np.asarray((block.multiply(block) if issparse(block) else block**2).sum(axis=0)).ravel()
    return sums / X.shape[0], squares / X.shape[0]
