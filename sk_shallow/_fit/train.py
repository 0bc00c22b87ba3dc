"""One fit: set up, train, choose the weights, diagnose."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sk_shallow._fit.alpha import choose_alpha
from sk_shallow._fit.data import Data
from sk_shallow._fit.diagnosis import Ending, keep_best
from sk_shallow._fit.minimize import Limit, minimize
from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.set_up import Fit, fitted_attributes, initial_network, set_up


@dataclass(frozen=True)
class Outcome:
    """The result of a fit."""

    attributes: dict[str, Any]  # the fitted attributes of the estimator
    warnings: list[Warning]
    interrupted: KeyboardInterrupt | None


@np.errstate(all="ignore")  # the monitor checks for non-finite numbers
def train(
    estimator: Any, data: Data, validation: Data | None = None, *, resume: bool = False, incremental: bool = False
) -> Outcome:
    """Train a net, from the weights of the estimator if it resumes. `incremental` means one call of `partial_fit`.

    A KeyboardInterrupt is returned, with the best weights so far. Raises ValueError if the derivative of a custom
    activation is wrong, or if the loss was never finite.
    """
    fit = set_up(estimator, data, validation, resume=resume, incremental=incremental)
    _set_alpha(fit)  # an interrupt leaves the estimator as it was
    limit, interrupted = None, None
    try:
        limit = minimize(fit.network, fit.plan, fit.state, fit.monitor)
        ending = Ending(fit, limit)
        ending.choose_weights()
        if not fit.data.targets.nothing_to_learn and (problem := ending.diagnose()):
            fit.warnings.append(ConvergenceWarning(problem))
        fit.monitor.tasks.end()
    except KeyboardInterrupt as interrupt:
        keep_best(fit.network, fit.monitor)
        interrupted = interrupt
    reason = "interrupt" if interrupted else _stop_reason(fit.monitor, limit)
    attributes = fitted_attributes(fit.network, fit.data.targets) | _history(fit) | _state_to_keep(fit)
    return Outcome(attributes | {"stop_reason_": reason}, fit.warnings, interrupted)


def _set_alpha(fit: Fit) -> None:
    """Choose alpha on held-out rows if it is "auto". `partial_fit` and warm starts keep an earlier choice."""
    estimator, plan, data = fit.estimator, fit.plan, fit.data
    if estimator.alpha != "auto":
        return
    if fit.state.fitted and estimator.alpha_scores_:
        fit.network, fit.alpha_scores = replace(fit.network, alpha=estimator.alpha_), estimator.alpha_scores_
    elif not plan.incremental:
        start = fit.network
        if fit.state.fitted:  # the nets of the choice start from initial weights in any case
            start = initial_network(estimator, data, start.activation, replace(fit.state, fitted=None))
        choice = choose_alpha(start, data.merged(), plan, fit.held_out, fit.state.seed)
        fit.network, fit.alpha_scores = replace(fit.network, alpha=choice.alpha), choice.scores
        for alpha, score in fit.alpha_scores.items():
            fit.monitor.print(f"alpha = {alpha:.6g}, score of held-out rows = {score:.6f}")


def _history(fit: Fit) -> dict[str, Any]:
    """Return the attributes that tell how training went. The curve is the initial loss if no epoch was completed."""
    plan, n_iter, scores, fitted = fit.plan, len(fit.monitor.losses), fit.monitor.scores, fit.state.fitted
    losses = fit.monitor.losses or [fit.network.objective()]
    curve, t, best = (fitted.loss_curve_, fitted.t_, [fitted.best_loss_]) if fitted else ([], 0, [])
    curve.extend(losses)  # in place: the cost of a call must not depend on the number of calls before it
    return {
        "n_iter_": n_iter,
        "t_": t + n_iter * len(fit.data.given.y),
        "loss_curve_": curve,
        "loss_": curve[-1],
        "best_loss_": min(best + losses),
        "validation_scores_": scores or None,
        "best_validation_score_": max(scores, default=None),
        "solver_": plan.solver_name,
        "alpha_": fit.network.alpha,
        "alpha_scores_": fit.alpha_scores or None,
        "learning_rate_init_": plan.learning_rate_init,
        "batch_size_": plan.batch_size,
    }


def _stop_reason(monitor: Monitor, limit: Limit | None) -> str:
    if monitor.stopped or monitor.diverged:
        return "callback" if monitor.stopped else "diverged"
    if monitor.signal is Signal.PLATEAU and not limit:
        return "plateau"
    if limit is Limit.MAX_ITER or not monitor.plan.max_iter_is_limit:
        return "max_iter"
    return "limit" if limit else "converged"


def _state_to_keep(fit: Fit) -> dict[str, Any]:
    """Return the sample size of all calls so far, and the training state if a later call may need it.

    A `partial_fit` call that diverged does not count.
    """
    plan, monitor, state, fitted = fit.plan, fit.monitor, fit.state, fit.state.fitted
    seen = float(fit.network.sample_size)
    if plan.incremental and monitor.diverged:
        seen = fitted.n_samples_seen_ if fitted else 0.0
        if hasattr(fitted, "_state"):
            return {"n_samples_seen_": seen, "_state": fitted._state}
    patience = (monitor.best, monitor.no_improvement_count) if plan.incremental else (np.inf, 0)
    state.best, state.no_improvement_count = patience
    if monitor.diverged:
        state.rule, state.moments = "", {}  # not finite either
    kept = {"_state": state.to_store()} if plan.incremental or fit.estimator.warm_start else {}
    return {"n_samples_seen_": seen, **kept}
