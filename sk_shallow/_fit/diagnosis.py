"""The end of a fit: choose the weights, diagnose problems, write the warning."""

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._fit.minimize import Limit
from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.set_up import Fit
from sk_shallow._model.network import BLOCK_NUMBERS, Network, hidden_activations, rows_per_block, slices
from sk_shallow.activations import Identity
from sk_shallow.solvers import Adam, GradientDescent

UNSCALED_RMS = 10.0  # root mean square above which a feature counts as unscaled; a standardized one has 1
TINY_RMS = 0.01  # root mean square of the largest feature below which all count as tiny
MAX_STANDARD_DEVIATIONS = 10.0  # a feature hardly varies if its mean exceeds so many standard deviations
MAX_SAMPLE_WEIGHT = 100.0  # above it, `partial_fit` names sample weights as a cause if it diverges
MIN_EXPLAINED = 0.02  # a net has learned something if its loss is lower than the best constant's by this fraction
DEFAULT_FIT_STEPS = 1500  # number of steps of a default fit on a few thousand rows
# Rates below LOW or above HIGH times the default peak rate are reported. PLANNED is for one_cycle and cosine.
LOW_RATE_PLANNED, LOW_RATE, HIGH_RATE = 0.1, 0.01, 2.0
SAMPLE_ROWS = 2048  # rows of the sample that is checked first; if its loss is fine, the full pass is skipped

Cause = tuple[str | None, str, bool]  # the parameter to blame or None, what to tell the user, whether it applies


def keep_best(network: Network, monitor: Monitor) -> None:
    """Restore the weights with the best score; without scores, the best of the last, the best and the first weights.

    If no candidate has a finite objective, the initial weights are restored.
    """
    theta = network.parameters.theta
    candidates = [monitor.best_theta] if monitor.scores else [monitor.first_theta, theta.copy(), monitor.best_theta]
    theta[:] = min(candidates, key=lambda candidate: network.value_at(candidate, network.objective))


class Ending:
    """A fit that has ended: its weights, its loss, and its problem if there is one.

    The loss is too high if it exceeds `bound`. After `fit`, `bound` is the best constant's loss plus a margin. After
    `partial_fit`, which sees only a part of the data, it is twice the loss at ``Z2 = 0``. `limit` is what stopped
    training before it converged.
    """

    def __init__(self, fit: Fit, limit: Limit | None) -> None:
        self.fit = fit
        self.limit = limit
        self.computed: dict[str, Any] = {}
        self.network, self.monitor, self.plan = fit.network, fit.monitor, fit.plan
        norms = [np.linalg.norm(theta) for theta in (fit.network.parameters.theta, fit.monitor.first_theta)]
        self.shrunk = bool(norms[0] < norms[1] / 2)  # the last weights, even if other weights are returned
        self.loss: float | None = None  # the larger loss of the last and the returned weights; None: fine
        self.zero = fit.network.loss_at_zero()
        self.constant = np.inf if self.plan.incremental else fit.network.loss_of_constant()
        margin = max(self.plan.tol, 0.01 * self.zero)
        self.bound = 2 * self.zero if self.plan.incremental else self.constant + margin

    def choose_weights(self) -> None:
        """Restore the best weights if the last ones should not be returned, and record the worse loss of the two.

        Raises ValueError if the loss of `fit` was never finite.
        """
        last = self._loss_unless_fine()
        weights_finite = bool(np.isfinite(self.network.parameters.theta).all())
        self.monitor.diverged |= not (weights_finite and (last is None or np.isfinite(last)))
        returned = self._loss_unless_fine() if self._restore_weights() else last
        if not (returned is None or np.isfinite(returned) or self.plan.incremental):
            advice = f"Scale these features: {self._unscaled}" if self._unscaled else "Lower init_scale"
            raise ValueError(f"The loss was never finite, even at the initial weights. {advice}.")
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

        `fit` restores the best weights if there are validation scores, if a number was not finite, or if no limit
        stopped the fit and the last epoch was not the best. `partial_fit` restores the earlier weights if a number was
        not finite.
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
        return next((message() for applies, message in self._problems() if applies), None)

    def _problems(self) -> Iterator[tuple[bool, Callable[[], str]]]:
        """Yield conditions with their messages, the most serious first."""
        loss = np.nan if self.loss is None else self.loss  # nan: all comparisons below are False
        finite = not self.monitor.diverged and (self.loss is None or bool(np.isfinite(loss)))
        got = f"{loss:.4g} nats per sample" if finite else "not finite"

        def failure(headline: str, causes: Callable[[], list[Cause]]) -> Callable[[], str]:
            return lambda: self._failure(got, headline, causes())

        diverged = not finite or (loss > self.bound and loss >= self._first_loss)
        yield diverged, failure("Training diverged", self._causes_of_divergence)
        if self.plan.incremental or self.monitor.stopped:  # a part of the data, or an early end
            return
        yield loss > self.bound, failure("Training ended worse than a constant", self._causes_of_slowness)
        if self.constant <= 1e-9 * self.zero:  # only one class has weight
            return
        unfinished = self.limit is not None and not self._never_stops_itself and self.monitor.still_improves()
        yield unfinished, self._unfinished
        nothing = loss > (1 - MIN_EXPLAINED) * self.constant
        yield nothing, failure("The net learned almost nothing", self._causes_of_nothing)
        yield self._rate_is_low(), self._low_rate
        yield self._rate_is_high(), self._high_rate

    def _rate_is_low(self) -> bool:
        plan, losses, rate = self.plan, self.monitor.losses, self.plan.learning_rate_init
        if rate is None or not plan.schedule.needs_length:
            return False
        steps, low = len(losses) * -(-self.network.n_samples // plan.batch_size), LOW_RATE_PLANNED * plan.peak_rate
        return rate < low and rate * steps < low * DEFAULT_FIT_STEPS and losses[-1] > self.constant / 10

    def _rate_is_high(self) -> bool:
        plan, losses, rate = self.plan, self.monitor.losses[-10:], self.plan.learning_rate_init
        if rate is None or self.monitor.signal is not Signal.PLATEAU:
            return False
        changes = np.abs(np.diff(losses))
        unsteady = changes.size and changes.mean() > max(10 * plan.tol, 0.1 * float(np.mean(losses)))
        return bool(unsteady) and rate > HIGH_RATE * plan.peak_rate

    @property
    def _never_stops_itself(self) -> bool:
        """Whether the user has switched off the stopping rule of "gd", so that `max_iter` is the wanted length."""
        plan = self.plan
        no_rule = np.isinf(plan.n_iter_no_change) or (plan.tol == 0 and not self.monitor.scores)
        return isinstance(plan.solver, GradientDescent) and bool(no_rule)

    # Messages

    def _failure(self, got: str, headline: str, causes: list[Cause]) -> str:
        """Write a warning. It blames parameters at their defaults only if there is no other cause."""
        reference = f"always predicting the class frequencies gives {self.constant:.4g}"
        if self.plan.incremental:
            reference = f"giving every class the same probability gives {self.zero:.4g}"
        scaling = f"unscaled features, {self._unscaled}: {self._scaler}"
        *possible, otherwise = causes
        possible = [(None, scaling, bool(self._unscaled)), *possible]
        found = [cause for cause in possible if cause[2]] or [otherwise]
        found = [cause for cause in found if cause[0] is None or self._is_given(cause[0])] or found
        texts = "; ".join(text for _, text, _ in found)
        return f"{headline}: the final loss is {got}, but {reference}. Likely cause{'s' * (len(found) > 1)}: {texts}."

    def _causes_of_divergence(self) -> list[Cause]:
        network, w, rate = self.network, self.network.w, self.plan.learning_rate_init
        largest = 0.0 if w is None or not self.plan.incremental else w.max()
        weights = f"sample weights up to {largest:.3g}, which partial_fit does not normalize"
        step_of_penalty = 0.0 if rate is None or isinstance(self.plan.solver, Adam) else rate * network.alpha
        alpha_too_high = step_of_penalty > 2 * network.sample_size
        return [
            (None, weights, largest > MAX_SAMPLE_WEIGHT),
            ("alpha", f"alpha={network.alpha:.3g} is too high for this learning rate", alpha_too_high),
            ("learning_rate_init", f"{self._rate} is too high", rate is not None),
            self._first_weights,
            (None, self._first_weights[1], True),
        ]

    def _causes_of_slowness(self) -> list[Cause]:
        reached = self.limit or (None if self.monitor.signal else Limit.MAX_ITER)
        parameter = "max_iter" if reached is Limit.MAX_ITER else None
        return [
            (parameter, f"{self._reached(reached)} is too low", reached in (Limit.MAX_ITER, Limit.MAX_FUN)),
            self._first_weights,
            *self._causes_of_nothing()[:-1],
            (None, "the learning rate or n_iter_no_change is too low", True),
        ]

    @property
    def _first_weights(self) -> Cause:
        if self.fit.state.fitted:
            text = "the weights of the earlier call do not suit these data: set warm_start=False and call fit"
            return "warm_start", text, self._first_loss > 5 * self.zero and not self.plan.incremental
        parameter = "init" if self._is_given("init") else "init_scale"
        return parameter, "the initial weights are too large: lower init_scale", self._first_loss > 5 * self.zero

    def _causes_of_nothing(self) -> list[Cause]:
        network, plan, rate = self.network, self.plan, self.plan.learning_rate_init
        means, mean_square = feature_moments(network.X)
        largest, variance = float(np.sqrt(mean_square.max())), mean_square - means**2
        far = (means**2 > MAX_STANDARD_DEVIATIONS**2 * variance) & (variance > 1e-12 * mean_square)
        n_far = np.count_nonzero(far)
        hardly_varying = f"{n_far} features hardly vary around their mean"
        if n_far == 1:
            hardly_varying = "1 feature hardly varies around its mean"
        lowest_rate = (LOW_RATE_PLANNED if plan.schedule.needs_length else LOW_RATE) * plan.peak_rate
        patience = (
            f"training stopped too soon: raise n_iter_no_change={plan.n_iter_no_change:g} or lower tol={plan.tol:g}"
        )
        tolerance = "tol" if self._is_given("tol") else "n_iter_no_change"
        impatient = self.monitor.signal is Signal.PLATEAU and not self.shrunk and not self.monitor.scores
        shrunk = self._is_given("alpha") and bool(network.alpha) and self.shrunk
        linear = " linear" if isinstance(network.activation, Identity) else ""
        return [
            ("init_scale", "init_scale=0 leaves every weight at zero", not self.monitor.first_theta.any()),
            (None, "all hidden units are dead: raise hidden_size, or use leaky_relu", self._is_dead()),
            (None, f"features are tiny (root mean square at most {largest:.2g}): {self._scaler}", largest < TINY_RMS),
            (None, f"{hardly_varying}: {self._scaler}", bool(far.any())),
            ("alpha", f"alpha={network.alpha:.3g} is too high: it has shrunk the weights", shrunk),
            ("learning_rate_init", f"{self._rate} is too low", rate is not None and rate < lowest_rate),
            ("dropout", f"dropout={network.dropout:g} is too high", network.dropout >= 0.8),
            (tolerance, patience, impatient),
            (None, f"the features may carry no{linear} information about the classes", True),
        ]

    def _unfinished(self) -> str:
        monitor, plan = self.monitor, self.plan
        reached = self._reached(self.limit)
        name, equals, _ = reached.partition("=")
        unit = "iteration" if plan.learning_rate_init is None else "epoch"
        rate = f", learning_rate_init (now {plan.learning_rate_init:g})" if unit == "epoch" else ""
        advice = f"Raise {name}{rate} or tol" if equals else "Scale the features, or raise tol"
        if len(monitor.losses) == 1:
            loss, advice = monitor.losses[0], f"Raise {name}" if equals else advice
            return f"The fit stopped after one {unit} ({reached}), at a training loss of {loss:.6g}. {advice}."
        what = "validation score" if monitor.scores else "training loss"
        before, after = monitor.recent_change()
        n = min(len(monitor.losses) - 1, plan.n_iter_no_change)
        return (
            f"The fit stopped while it was still improving ({reached}): the best {what} was {before:.6g} before the "
            f"last {f'{n:g} {unit}s' if n > 1 else unit} and is {after:.6g} now (tol={plan.tol:g}). {advice}."
        )

    def _low_rate(self) -> str:
        return (
            f"{self._rate} is too low for these data: the training loss only reached {self.monitor.losses[-1]:.6g}. "
            f"Use None: the default for these data is {self.plan.peak_rate:.3g}."
        )

    def _high_rate(self) -> str:
        return (
            f"{self._rate} is too high for these data: the training loss goes up and down, and stopped improving at "
            f"{min(self.monitor.losses):.6g}. Use {self.plan.peak_rate / 10:.1g}, or None for the default."
        )

    def _reached(self, limit: Limit | None) -> str:
        solver: Any = self.plan.solver
        if limit is Limit.MAX_FUN:
            return f"max_fun={solver.max_fun}"
        return (
            f"max_iter={self.plan.max_iter}" if limit is Limit.MAX_ITER else "SciPy's line search found no lower loss"
        )

    @property
    def _rate(self) -> str:
        rate = self.plan.learning_rate_init
        return "" if rate is None else f"learning_rate_init={rate:g}"

    def _is_given(self, name: str) -> bool:
        """Return whether the user has changed a parameter."""
        default = signature(type(self.fit.estimator)).parameters.get(name)
        return default is None or getattr(self.fit.estimator, name) != default.default

    def _is_dead(self) -> bool:
        """Return whether no hidden unit is ever active, on a sample of the rows."""
        sample = self.network.sample(SAMPLE_ROWS)
        A1 = hidden_activations(sample.X, sample.parameters.coefs, sample.parameters.intercepts, sample.activation)
        return bool(self.monitor.first_theta.any()) and not A1.any()

    @property
    def _first_loss(self) -> float:
        return self._once("first_loss", lambda: self.network.value_at(self.monitor.first_theta, self.network.loss))

    @property
    def _unscaled(self) -> str:
        names = getattr(self.fit.estimator, "feature_names_in_", None)
        return self._once("unscaled", lambda: unscaled_features(self.network.X, names))

    def _once(self, name: str, compute: Callable[[], Any]) -> Any:
        # functools.cached_property has one lock for all objects in Python 3.11: a forked child could wait forever.
        if name not in self.computed:
            self.computed[name] = compute()
        return self.computed[name]

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
    """Return the mean and the mean square of each feature, (n0,), without a copy of X."""
    sums, squares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    # In float64, so that squares of float32 numbers do not overflow.
    if issparse(X):
        for part in slices(X.nnz, BLOCK_NUMBERS):
            numbers, columns = X.data[part].astype(np.float64), X.indices[part]
            np.add.at(sums, columns, numbers)
            np.add.at(squares, columns, numbers**2)
    else:
        for rows in slices(X.shape[0], rows_per_block(X.shape[1])):
            block = X[rows].astype(np.float64)
            sums += block.sum(axis=0)
            squares += np.einsum("ij,ij->j", block, block)
    return sums / X.shape[0], squares / X.shape[0]
