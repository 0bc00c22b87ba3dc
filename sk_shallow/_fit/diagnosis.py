"""The end of a fit: choose the weights, diagnose problems, write the warning."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from inspect import signature
from typing import Any, NamedTuple, cast

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.utils.extmath import row_norms

from sk_shallow._fit.data import computed_once
from sk_shallow._fit.features import different_features, feature_moments, outlying_rows, unscaled_features, variances
from sk_shallow._fit.minimize import Limit, minimize_anew
from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.plan import SHORT_EPOCHS, SHORT_STEPS, Plan, alpha_rule, batch_size_rule, short_plan
from sk_shallow._fit.set_up import Fit
from sk_shallow._fit.state import Stream
from sk_shallow._model.network import Network
from sk_shallow.activations import Identity
from sk_shallow.schedules import InverseScaling
from sk_shallow.solvers import LBFGS, SGD, Adam, GradientDescent

TINY_RMS = 0.01  # all features count as tiny if their largest root mean square is less
MAX_STANDARD_DEVIATIONS = 10.0  # a feature hardly varies if its mean exceeds so many standard deviations
MAX_SAMPLE_WEIGHT = 100.0  # above it, `partial_fit` names sample weights as a cause if it diverges
MIN_EXPLAINED = 0.02  # a net has learned something if its loss is lower than the best constant's by this fraction
DEFAULT_FIT_STEPS = 1500  # about as many as a default fit on some thousand rows
LOW_RATE, HIGH_RATE = 0.1, 2.0  # rates below or above so many times the default peak rate are reported
SMALL_BATCH, SMALL_SCALE = 16, 0.01  # batches and scales of initial weights below these may be too small
SHORT_FULL_BATCH_STEPS = 1000  # of the short fit that shows what the net can learn; on a sample, they are cheap
MIN_ROWS = 10  # with fewer, a validation set or a call of `partial_fit` says little about the other rows
MAX_EXCESS = 3.0  # standard errors by which a net may do worse on the validation set than a constant
MAX_MISSED = 0.1  # share of the short fit's gain that a net may miss; half of it if its loss is twice as high
SAMPLE_ROWS = 2048  # rows of the sample that is checked first; if its loss is fine, the full pass is skipped


class Cause(NamedTuple):
    """A possible cause of a problem: the data or the setting to blame, or only what to try."""

    applies: bool
    blame: str = ""
    advice: str = ""


def keep_best(network: Network, monitor: Monitor) -> None:
    """Restore the weights with the best score. Without scores, take the lowest J of the first, last and best weights.

    If no candidate has a finite objective, the initial weights are restored.
    """
    theta = network.parameters.theta
    candidates = [monitor.best_theta] if monitor.scores else [monitor.first_theta, theta, monitor.best_theta]
    theta[:] = min(candidates, key=lambda candidate: network.value_at(candidate, network.objective))


class Ending:
    """A fit that has ended: its weights, its loss, and its problem if there is one.

    The loss is too high if it exceeds `bound`. After `fit`, `bound` is the best constant's loss plus a margin. After
    `partial_fit`, which sees only a part of the data, it is twice the loss at ``Z2 = 0``, and more with few rows.
    `limit` is what stopped training before it converged.
    """

    def __init__(self, fit: Fit, limit: Limit | None) -> None:
        self.fit = fit
        self.limit = limit
        self.network, self.monitor, self.plan = fit.network, fit.monitor, fit.plan
        self.held_out: Any = fit.held_out  # None without a validation set
        self.targets, self.unit = fit.data.targets, fit.network.loss_function.unit
        last = fit.network.parameters.weights  # not the biases, which the penalty does not shrink
        first = fit.monitor.first_theta[: last.size]
        self.shrunk = bool(np.linalg.norm(last) < np.linalg.norm(first) / 2)  # even if other weights are returned
        self.has_learned = False  # whether the last weights have, even if others are returned
        self.last_theta = fit.network.parameters.theta
        self.returned: float | None = None  # the loss of the returned weights; None: fine
        self.loss: float | None = None  # the same, or that of the last weights if it is larger
        self.zero = fit.network.loss_at_zero()
        self.constant = np.inf if self.plan.incremental else fit.network.loss_of_constant()
        self.highest = (1 - MIN_EXPLAINED) * self.constant  # loss of a net that has learned something
        margin = max(self.plan.tol, 0.01 * self.zero)
        few = 1 + MIN_ROWS / self.network.n_samples  # a few rows can be far from all others
        self.bound = 2 * self.zero * few if self.plan.incremental else self.constant + margin

    def choose_weights(self) -> None:
        """Restore the best weights if the last ones should not be returned, and record the worse loss of the two.

        Raises ValueError if the loss of `fit` was never finite.
        """
        last = self._loss_unless_fine()
        self.has_learned = last is None or last <= self.highest
        self.last_theta = self.network.parameters.theta.copy()
        weights_finite = bool(np.isfinite(self.network.parameters.theta).all())
        self.monitor.diverged |= not (weights_finite and (last is None or np.isfinite(last)))
        returned = self._loss_unless_fine() if self._restore_weights() else last
        if not (returned is None or np.isfinite(returned) or self.plan.incremental):
            advice = f"Scale these features: {self._unscaled}" if self._unscaled else "Lower init_scale"
            raise ValueError(f"The loss was never finite, even at the initial weights. {advice}.")
        self.returned = returned
        losses = [loss for loss in (last, returned) if loss is not None]
        self.loss = max(losses, key=lambda loss: np.inf if np.isnan(loss) else loss, default=None)

    def _loss_unless_fine(self) -> float | None:
        """Return the full loss, or None if a cheap check finds nothing wrong."""
        epoch_loss = self.monitor.losses[-1]
        if self.plan.incremental:
            return None if epoch_loss <= self.zero else self.network.loss()
        sample = self.network.sample(SAMPLE_ROWS)
        fine = epoch_loss <= self.bound and sample.loss() <= (1 - MIN_EXPLAINED) * sample.loss_of_constant()
        return None if fine else self.network.loss()

    def _restore_weights(self) -> bool:
        """Restore the best weights if the last ones should not be returned. Return whether it did.

        `fit` restores the best weights if there are validation scores, if a number was not finite, or if the last epoch
        was not the best and no limit stopped the fit (in rounds: if the last round was not the best). `partial_fit`
        restores the earlier weights if a number was not finite.
        """
        monitor = self.monitor
        if self.plan.incremental:
            if monitor.diverged:
                self.network.parameters.theta[:] = monitor.first_theta
            return monitor.diverged
        ended_itself = self.limit is None and not monitor.stopped
        not_the_best = ended_itself and (bool(monitor.signal) or monitor.losses[-1] > min(monitor.losses))
        if monitor.objectives and not monitor.stopped:
            not_the_best = monitor.objectives[-1] > min(monitor.objectives)
        restore = bool(monitor.scores) or monitor.diverged or not_the_best
        if restore:
            keep_best(self.network, monitor)
        return restore

    def diagnose(self) -> str | None:
        """Return the warning about the first problem that applies, or None."""
        return next((message() for applies, message in self._problems() if applies), None)

    def _problems(self) -> Iterator[tuple[bool, Callable[[], str]]]:
        """Yield conditions with their messages, the most serious first."""
        loss = np.nan if self.loss is None else self.loss  # nan: all comparisons below are False
        finite = not self.monitor.diverged and (self.loss is None or bool(np.isfinite(loss)))
        got = f"{loss:.4g}{self.unit}" if finite else "not finite"

        def failure(headline: str, causes: Callable[[], list[Cause]]) -> Callable[[], str]:
            return lambda: self._failure(f"{headline}: the final loss is {got}, but {self._reference}.", causes())

        far = self.bound if self.plan.incremental else max(self.bound, 2 * self.constant)
        diverged = not finite or (loss > far and loss >= self._first_loss)
        yield diverged, failure("Training diverged", self._causes_of_divergence)
        if self.plan.incremental or self.monitor.stopped:  # a part of the data, or an early end
            return
        yield bool(self._different), self._validation_differs
        yield self._rate_is_high() and self._misses_much(), self._high_rate
        yield self._rate_has_fallen() and self._misses_much(), self._inverse_scaling
        yield self._validation_is_bad(), self._bad_validation
        yield loss > self.bound, failure("Training ended worse than a constant", self._causes_of_slowness)
        if self.constant <= 1e-9 * self.zero and not self._targets_are_tiny:  # nothing to learn
            return
        yield self._misses_scaling(), self._scale_features
        unfinished = self.limit is not None and not self._never_stops_itself and self.monitor.still_improves()
        yield unfinished, self._unfinished
        yield self._learned_nothing, failure("The net learned almost nothing", self._causes_of_nothing)
        bad_end = "Training ended badly, so earlier weights are returned"
        yield loss > self.highest, failure(bad_end, self._causes_of_slowness)
        yield self._rate_is_low(), self._low_rate

    def _rate_is_low(self) -> bool:
        plan, losses, rate = self.plan, self.monitor.losses, self.plan.learning_rate_init
        if rate is None or not plan.schedule.needs_length:
            return False
        steps = len(losses) * -(-self.network.n_samples // plan.batch_size)
        low = LOW_RATE * plan.default_rates[1]
        return rate < low and rate * steps < low * DEFAULT_FIT_STEPS and losses[-1] > self.constant / 10

    def _rate_is_high(self) -> bool:
        rate = self.plan.learning_rate_init
        return rate is not None and rate > HIGH_RATE * self.plan.default_rates[1]

    def _rate_has_fallen(self) -> bool:
        """Return whether "invscaling" has halved the rate. Otherwise it is not to blame."""
        rate, schedule = self.plan.learning_rate_init or 0.0, self.plan.schedule
        return isinstance(schedule, InverseScaling) and float(schedule.rate(rate, self.fit.state.clock)) < rate / 2

    def _misses_much(self) -> bool:
        """Return whether the net has learned clearly less than a short fit at the default rate learns."""
        return _is_clearly_less(*self._learned) and not self._score_is_as_good

    @property
    def _score_is_as_good(self) -> bool:
        """Whether a scorer chose the weights, and finds the short fit no better. It need not agree with the loss."""
        score: Any = self.monitor.score
        return self._has_scorer and self.network.value_at(self._short, score) <= max(self.monitor.scores)

    @computed_once
    def _short(self) -> np.ndarray:
        """The weights of a short fit at the default rate."""
        return short_fit(self.fit, self.network.sample(SAMPLE_ROWS), self.plan).parameters.theta

    @computed_once
    def _learned(self) -> tuple[float, float, float]:
        """The losses of a constant, of the net and of a short fit, in nats per sample.

        They are validation losses if scores chose the weights, and otherwise training losses, on a sample of the rows.
        """
        judge = self._judge
        constant, reached = judge.loss_of_constant(), judge.loss()
        if reached <= MAX_MISSED / 2 * constant:  # however much the short fit learns
            return constant, reached, reached
        return constant, reached, judge.value_at(self._short, judge.loss)

    def _misses_scaling(self) -> bool:
        """Return whether the net, and a short fit too, have learned clearly less than a short fit on scaled features.

        Both short fits use Adam, so only the features differ.
        """
        is_whole = not (self._is_short or self.fit.state.fitted) and self.network.span is None
        if not (is_whole and self._unscaled and _is_clearly_less(*self._learned_if_scaled)):
            return False
        constant, _, could = self._learned_if_scaled
        return _is_clearly_less(constant, self._loss_of_short_fit(lambda X: X, self.plan.q), could)

    @computed_once
    def _learned_if_scaled(self) -> tuple[float, float, float]:
        """The losses of a constant, of the net, and of a short fit on scaled features."""
        constant, reached = self._judge.loss_of_constant(), self._judge.loss()
        if reached <= MAX_MISSED / 2 * constant:
            return constant, reached, reached
        X = self.network.sample(SAMPLE_ROWS).X
        scaler = (MaxAbsScaler() if issparse(X) else StandardScaler()).set_output(transform="default").fit(X)
        q = float(row_norms(scaler.transform(X), squared=True).mean())
        return constant, reached, self._loss_of_short_fit(scaler.transform, q)

    def _loss_of_short_fit(self, transform: Callable[[Any], Any], q: float) -> float:
        """Return the loss of a short fit by Adam on transformed features, with rows of the mean squared length q."""
        plan, sample, alpha = self.plan, self.network.sample(SAMPLE_ROWS), self.network.alpha
        if self.fit.estimator.alpha == "auto":  # the same strength
            alpha *= alpha_rule(sample.activation, 1, q) / alpha_rule(sample.activation, 1, plan.q)
        batch_size = batch_size_rule(sample.n_samples)
        network = replace(sample, X=transform(sample.X), alpha=alpha)
        network = short_fit(self.fit, network, replace(plan, solver=Adam(), q=q, batch_size=batch_size))
        return replace(self._judge, X=transform(self._judge.X), parameters=network.parameters).loss()

    @property
    def _judge(self) -> Network:
        """The network on the rows whose loss counts: the validation rows if scores chose the weights, or a sample."""
        judge: Network = self.held_out if self.monitor.scores else self.network.sample(SAMPLE_ROWS)
        return judge

    @property
    def _is_short(self) -> bool:
        """Whether `max_iter` ended training before a first round was over."""
        n_epochs, n_batches = len(self.monitor.losses), -(-self.network.n_samples // self.plan.batch_size)
        return self._ended_by is Limit.MAX_ITER and (n_epochs < SHORT_EPOCHS or n_epochs * n_batches < SHORT_STEPS)

    @computed_once
    def _different(self) -> str:
        """The features of the validation set that are on another scale; "" if its loss is fine."""
        validation = self.fit.validation_set
        if validation is None or self._validation_loss <= self.constant / 2:
            return ""
        return different_features(self.fit.data.X, validation.X, self._names)

    @computed_once
    def _validation_loss(self) -> float:
        """The loss of the returned weights on the validation set."""
        return float(self.held_out.loss())

    def _validation_is_bad(self) -> bool:
        """Return whether the user's validation set contradicts the training rows, which the net has learned.

        At the end of training, a constant does better on it by three standard errors. The returned weights also do
        worse than the constant, or have learned nothing of the training rows. If a scorer chose them, only the latter
        counts.
        """
        if self.fit.validation_set is None or not self.has_learned or self.held_out.n_samples < MIN_ROWS:
            return False
        is_worse = not self._has_scorer and self._validation_loss >= self._losses_of_constant.mean()
        excess = self.held_out.value_at(self.last_theta, self._excess) if self._learned_nothing or is_worse else 0.0
        return bool(excess > MAX_EXCESS)

    def _excess(self) -> float:
        """Return the loss of the net on the validation set, minus that of a constant, in standard errors."""
        excess = self.held_out.row_losses() - self._losses_of_constant
        return float(excess.mean() / max(excess.std() / np.sqrt(len(excess)), np.finfo(np.float64).tiny))

    @computed_once
    def _losses_of_constant(self) -> np.ndarray:
        """The losses of the validation rows, (m,), if the best constant of the training rows is always predicted."""
        constant = self.network.loss_function.best_constant(self.network.Y, self.network.w)
        losses: np.ndarray = self.held_out.row_losses(constant)
        return losses

    @property
    def _has_scorer(self) -> bool:
        return self.monitor.tie_breaker is not None

    @property
    def _learned_nothing(self) -> bool:
        return self.returned is not None and self.returned > self.highest

    @property
    def _never_stops_itself(self) -> bool:
        """Whether the user has switched off the stopping rule of "gd", so that `max_iter` is the wanted length."""
        return isinstance(self.plan.solver, GradientDescent) and bool(np.isinf(self.plan.n_iter_no_change))

    # Messages

    def _failure(self, what: str, causes: list[Cause]) -> str:
        """Write a warning. The last cause is named only if nothing else is to blame."""
        scaling = f"unscaled features, {self._unscaled}: {self._scaler}"
        *possible, otherwise = [Cause(bool(self._unscaled), scaling), *causes]
        found = list(dict.fromkeys(cause for cause in possible if cause.applies))
        blamed = [cause.blame for cause in found if cause.blame]
        advice = [] if blamed else [cause.advice for cause in found if cause.advice] or [otherwise.advice]
        blamed = blamed or [otherwise.blame]
        likely = f" Likely cause{'s' * (len(blamed) > 1)}: {'; '.join(blamed)}." if any(blamed) else ""
        return what + likely + (f" Try this: {'; '.join(advice)}." if any(advice) else "")

    @property
    def _reference(self) -> str:
        if self.plan.incremental:
            return f"{self.targets.guess} {self.zero:.4g}"
        return f"always predicting {self.network.loss_function.best()} gives {self.constant:.4g}"

    def _if_given(self, name: str, applies: bool, blame: str, advice: str = "") -> Cause:
        """Return a cause that blames a parameter only if the user has changed it."""
        return Cause(applies, blame if self._is_given(name) else "", advice)

    def _causes_of_divergence(self) -> list[Cause]:
        network, w, rate = self.network, self.network.w, self.plan.learning_rate_init
        largest = 0.0 if w is None or not self.plan.incremental else w.max()
        weights = f"sample weights up to {largest:.3g}, which partial_fit does not normalize"
        step_of_penalty = 0.0 if rate is None or isinstance(self.plan.solver, Adam) else rate * network.alpha
        alpha, alpha_high = f"alpha={network.alpha:.3g} is too high", step_of_penalty > 2 * network.sample_size
        too_high = rate is not None and rate > self._default_rate
        rate_high = self._blame_rate("too high") if too_high else ""
        return [
            Cause(largest > MAX_SAMPLE_WEIGHT, weights),
            self._if_given("alpha", alpha_high, f"{alpha} for this learning rate", "set a lower alpha"),
            self._batch_is_small,
            self._if_given("learning_rate_init", rate is not None, rate_high, f"lower {self._rate_now}"),
            self._first_weights,
            self._first_weights._replace(applies=True),
        ]

    def _causes_of_slowness(self) -> list[Cause]:
        if self._rate_is_high():
            return [Cause(True, self._blame_rate("too high")), Cause(True)]
        limit, plan = self._ended_by, self.plan
        otherwise = ""  # in rounds, where nobody gave a rate
        if not plan.first_round:
            otherwise = "scale the features" if plan.learning_rate_init is None else f"raise {self._rate_now}"
            otherwise += f" or raise n_iter_no_change (now {plan.n_iter_no_change:g})"
        return [
            *([self._limit_is_low(limit)] if limit in (Limit.MAX_ITER, Limit.MAX_FUN) else []),
            self._first_weights,
            *self._causes_of_nothing()[:-1],
            Cause(True, advice=otherwise),
        ]

    @property
    def _ended_by(self) -> Limit | None:
        """What ended training. A schedule of known length ends at `max_iter`."""
        return self.limit or (None if self.plan.max_iter_is_limit or self.monitor.signal else Limit.MAX_ITER)

    def _limit_is_low(self, limit: Limit) -> Cause:
        name, value = limit.value, getattr(self._owner(limit.value), limit.value)
        long_enough = len(self.monitor.losses) >= SHORT_EPOCHS and self._is_given("learning_rate_init")
        applies = not (long_enough and self._rate_is_too_low())  # then the rate alone is to blame
        return self._if_given(name, applies, f"{name}={value} is too low", f"raise {name} (now {value})")

    def _rate_is_too_low(self) -> bool:
        rate, plan = self.plan.learning_rate_init, self.plan
        return rate is not None and rate < LOW_RATE * plan.default_rates[plan.schedule.needs_length]

    @property
    def _first_weights(self) -> Cause:
        too_large = self._first_loss > 5 * self.zero
        if self.fit.state.fitted:
            text = "the weights of the earlier call do not suit these data: set warm_start=False and call fit"
            return Cause(False) if self.plan.incremental else Cause(too_large, text)
        parameter = "init" if self._is_given("init") else "init_scale"
        advice = f"lower init_scale (now {self.fit.estimator.init_scale:g})"
        return self._if_given(parameter, too_large, "the initial weights are too large: lower init_scale", advice)

    def _causes_of_nothing(self) -> list[Cause]:
        network, plan = self.network, self.plan
        scale = self.fit.estimator.init_scale
        init = self.fit.estimator.init
        no_start = "init_scale=0" if scale == 0 else f"init={init!r}" if isinstance(init, str) else "init"
        shrunk = bool(network.alpha) and self.shrunk
        linear = " linear" if isinstance(network.activation, Identity) else ""
        limit_is_low = self._limit_is_low(Limit.MAX_ITER)
        small_targets = f"the targets are too small for tol={plan.tol:g}: multiply y, so that its mean is about 1"
        return [
            Cause(not self.monitor.first_theta.any(), f"{no_start} leaves every weight at zero"),
            Cause(0 < scale < SMALL_SCALE, f"init_scale={scale:g} is too small"),
            self._batch_is_small,
            limit_is_low._replace(applies=self._is_short and not self._outlier and limit_is_low.applies),
            Cause(self._targets_are_tiny, small_targets),
            *([Cause(True, self._outlier)] if self._outlier else self._causes_in_the_features()),
            self._if_given("alpha", shrunk, f"alpha={network.alpha:.3g} is too high: it has shrunk the weights"),
            self._if_given(
                "learning_rate_init", self._rate_is_too_low(), self._blame_rate("too low"), f"raise {self._rate_now}"
            ),
            Cause(network.dropout >= 0.8, f"dropout={network.dropout:g} is too high"),
            *self._causes_of_a_plateau(),
            Cause(True, f"the features may carry no{linear} information about the {self.targets.name}"),
        ]

    @property
    def _batch_is_small(self) -> Cause:
        """The cause that the largest default rate of "sgd" does not suit batches of a few rows."""
        plan, given = self.plan, self._is_given("learning_rate_init")
        at_peak = isinstance(plan.solver, SGD) and plan.schedule.needs_length and not given
        applies = at_peak and plan.batch_size < SMALL_BATCH
        return self._if_given("batch_size", applies, f"batch_size={plan.batch_size} is too small for {self._rate}")

    @property
    def _targets_are_tiny(self) -> bool:
        return self.targets.unit_matters and MIN_EXPLAINED * self.network.Y.mean() <= self.plan.tol

    @computed_once
    def _outlier(self) -> str:
        """Words for a target that has more than half of the variance, or ""."""
        if self.targets.has_classes or self.targets.unit_matters:
            return ""
        squares = np.square(self.network.Y, dtype=np.float64) * (1.0 if self.network.w is None else self.network.w)
        shares = squares / np.maximum(squares.sum(axis=0), np.finfo(np.float64).tiny)
        place = np.unravel_index(shares.argmax(), shares.shape)
        if shares[place] <= 0.5:
            return ""
        target = self.fit.data.y.reshape(shares.shape)[place]
        return f"the target {target:.6g} has most of the variance of y: remove it, or transform y"

    def _outlying_rows(self) -> Cause:
        """Return the cause that a few rows have almost all of the variance of scaled features."""
        data = self.fit.data.with_weight()
        rows = outlying_rows(data.X)
        rows = rows if data.rows is None else data.rows[rows]
        numbers = ", ".join(map(str, np.sort(rows)[:3])) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
        names = f"rows {numbers} of X have" if len(rows) > 1 else f"row {numbers} of X has"
        return Cause(
            bool(len(rows)) and not self._unscaled,
            f"{names} most of the variance of the features: correct or remove {'them' if len(rows) > 1 else 'it'}",
        )

    def _causes_in_the_features(self) -> list[Cause]:
        means, mean_square = feature_moments(self.fit.data.X)
        largest, variance = float(np.sqrt(mean_square.max())), variances(means, mean_square)
        n_far = np.count_nonzero((variance > 0) & (means**2 > MAX_STANDARD_DEVIATIONS**2 * variance))
        varies, what = bool(variance.any()), "features hardly vary around their"
        hardly_varying = f"{n_far} {what if n_far > 1 else 'feature hardly varies around its'} mean"
        tiny = f"features are tiny (root mean square at most {largest:.2g})"
        dead, are_tiny = "all hidden units are dead: raise hidden_size, or use leaky_relu", largest < TINY_RMS
        return [
            self._outlying_rows(),
            Cause(not varies, "all features are constant"),
            Cause(varies and not (are_tiny or self.shrunk) and self._is_dead(), dead),
            Cause(varies and are_tiny, f"{tiny}: {self._scaler}"),
            Cause(bool(n_far), f"{hardly_varying}: {self._scaler}"),
        ]

    def _causes_of_a_plateau(self) -> list[Cause]:
        tol, patience = self.plan.tol, self.plan.n_iter_no_change
        plateau = self.monitor.signal is Signal.PLATEAU and not self.shrunk
        converged = isinstance(self.plan.solver, LBFGS) and not (self.limit or self.monitor.signal)
        too_soon = plateau and not self.monitor.scores
        hasty = f"training stopped too soon: n_iter_no_change={patience:g} is too low"
        high_tol = (plateau or converged) and tol > self._default("tol")
        return [
            Cause(high_tol, f"training stopped too soon: tol={tol:g} is too high"),
            Cause(too_soon and patience < self._default("n_iter_no_change"), hasty),
            Cause(too_soon and not self.plan.first_round, advice=f"raise n_iter_no_change (now {patience:g})"),
        ]

    def _unfinished(self) -> str:
        monitor, plan, limit = self.monitor, self.plan, cast(Limit, self.limit)
        name = "" if limit is Limit.LINE_SEARCH else limit.value
        reached = f"{name}={getattr(self._owner(name), name)}" if name else limit.value
        unit = "iteration" if plan.learning_rate_init is None else "epoch"
        rate = "" if unit == "iteration" or plan.first_round or self._rate_is_high() else f", {self._rate_now}"
        advice = f"Raise {name}{rate} or tol" if name else "Scale the features, or raise tol"
        if len(monitor.losses) == 1:
            loss, advice = monitor.losses[0], f"Raise {name}" if name else advice
            return f"The fit stopped after one {unit} ({reached}), at a training loss of {loss:.6g}. {advice}."
        if monitor.round_change is not None:
            before, after = monitor.round_change
            what = "raised the best validation score" if monitor.scores else "lowered the objective"
            return (
                f"The fit stopped while it was still improving ({reached}): the last round of epochs {what} from "
                f"{before:.6g} to {after:.6g}{'' if monitor.scores else self.unit}. {advice}."
            )
        what = "validation score" if monitor.scores else "training loss"
        before, after = monitor.recent_change()
        n = min(len(monitor.losses) - 1, monitor.window)
        return (
            f"The fit stopped while it was still improving ({reached}): the best {what} was {before:.6g} before the "
            f"last {f'{n:g} {unit}s' if n > 1 else unit} and is {after:.6g} now (tol={plan.tol:g}). {advice}."
        )

    def _low_rate(self) -> str:
        return (
            f"{self._rate} is too low for these data: the training loss only reached {self.monitor.losses[-1]:.6g}. "
            f"Use None: the default for these data is {self.plan.default_rates[1]:.3g}."
        )

    def _scale_features(self) -> str:
        _, reached, could = self._learned_if_scaled
        what = "validation loss" if self.monitor.scores else "training loss"
        return self._failure(
            f"The net learned less than it could: the {what} is {reached:.4g}{self.unit}, but a short fit on scaled "
            f"features reaches {could:.4g}.",
            [Cause(True)],
        )

    def _high_rate(self) -> str:
        return self._failure(self._less_than_it_could, [Cause(True, self._blame_rate("too high")), Cause(True)])

    def _inverse_scaling(self) -> str:
        """Write a warning. `MLPClassifier` ignores this schedule with "adam", so scripts may have it by accident."""
        rate = float(self.plan.schedule.rate(self.plan.learning_rate_init or 0.0, self.fit.state.clock))
        blame = f"learning_rate='invscaling', which has lowered the rate to {rate:.2g}: use 'auto' or 'constant'"
        return self._failure(self._less_than_it_could, [Cause(True, blame), Cause(True)])

    @property
    def _less_than_it_could(self) -> str:
        _, reached, could = self._learned
        what = "validation loss" if self.monitor.scores else "training loss"
        return (
            f"The net learned less than it could: the {what} is {reached:.4g}{self.unit}, "
            f"but a short fit at the default rate reaches {could:.4g}."
        )

    def _validation_differs(self) -> str:
        return (
            "The validation set seems to be on another scale than the training rows. Its loss is "
            f"{self._validation_loss:.4g}{self.unit}; {self._reference}. These features differ: {self._different}. "
            'Transform X_val like X. A pipeline does so with Pipeline(..., transform_input=["X_val"]), '
            "set_fit_request(X_val=True, y_val=True) and sklearn.set_config(enable_metadata_routing=True)."
        )

    def _bad_validation(self) -> str:
        loss = self.held_out.value_at(self.last_theta, self.held_out.loss)
        constant = self._losses_of_constant.mean()
        what = (
            "The net has learned the training rows, but does badly on the validation set: at the end of training, its "
            f"loss is {loss:.4g}{self.unit}, but always predicting {self.network.loss_function.best()} of the training "
            f"rows gives {constant:.4g}."
        )
        causes = [
            Cause(not self.monitor.scores, "the net overfits: set early_stopping=True"),
            Cause(True, "X_val and y_val do not belong together"),
            Cause(True, "X_val comes from another source than X"),
            Cause(True, f"the features carry no information about the {self.targets.name}"),
        ]
        return self._failure(what, [*causes, Cause(True)])

    @property
    def _rate(self) -> str:
        rate = self.plan.learning_rate_init
        return "" if rate is None else f"learning_rate_init={rate:g}"

    @property
    def _rate_now(self) -> str:
        return f"learning_rate_init (now {self.plan.learning_rate_init:g})" if self._rate else ""

    def _blame_rate(self, too: str) -> str:
        """Blame the rate, and name the default for these data and this schedule."""
        return f"{self._rate} is {too} (None, the default, is {self._default_rate:.2g} here)"

    @property
    def _default_rate(self) -> float:
        """The default for these data, and this schedule or, if it is "auto", rounds."""
        plan, given = self.plan, self.fit.estimator.learning_rate
        planned = plan.schedule.needs_length or (given == "auto" and not plan.incremental)
        return plan.default_rates[planned]

    def _owner(self, name: str) -> Any:
        """Return what has a parameter: the estimator, or its solver."""
        return self.fit.estimator if hasattr(self.fit.estimator, name) else self.plan.solver

    def _default(self, name: str) -> Any:
        """Return the default of a parameter, from the first class in the order of inheritance that has it."""
        every = (signature(kind).parameters for kind in type(self._owner(name)).__mro__)
        return next(parameters[name].default for parameters in every if name in parameters)

    def _is_given(self, name: str) -> bool:
        """Return whether the user has changed a parameter."""
        return getattr(self._owner(name), name) != self._default(name)

    def _is_dead(self) -> bool:
        """Return whether no hidden unit is ever active, on a sample of the rows."""
        sample = self.network.sample(SAMPLE_ROWS)
        return bool(self.monitor.first_theta.any()) and not sample.mean_squared_length_of_A1()

    @computed_once
    def _first_loss(self) -> float:
        return self.network.value_at(self.monitor.first_theta, self.network.loss)

    @computed_once
    def _unscaled(self) -> str:
        return unscaled_features(self.fit.data.X, self._names)

    @property
    def _names(self) -> np.ndarray | None:
        return getattr(self.fit.estimator, "feature_names_in_", None)

    @property
    def _scaler(self) -> str:
        return f"put a {'MaxAbsScaler' if issparse(self.fit.data.X) else 'StandardScaler'} in front"


def short_fit(fit: Fit, network: Network, plan: Plan) -> Network:
    """Return a network after a short fit, from the same start as the fit, at the default rate."""
    network = replace(network, parameters=network.parameters.zeros_like())
    network.parameters.theta[:] = fit.monitor.first_theta
    n_steps = SHORT_FULL_BATCH_STEPS if plan.solver.full_batch else SHORT_STEPS
    short = short_plan(plan.solver, plan, network.n_samples, plan.batch_size, (SHORT_EPOCHS, n_steps))
    minimize_anew(network, short, fit.state.seed, Stream.TRAINING)
    return network


def _is_clearly_less(constant: float, reached: float, could: float) -> bool:
    """Return whether a net that reached a loss has learned clearly less than one with the loss `could`."""
    gain, share = constant - could, MAX_MISSED / 2 if reached > 2 * could else MAX_MISSED
    return gain > MIN_EXPLAINED * constant and reached - could > share * gain
