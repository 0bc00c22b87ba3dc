"""One fit: set up, train, choose the weights, diagnose.

`estimator` is read for its parameters, its feature names and, if training resumes, its fitted attributes. Only
scikit-learn's callbacks write to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from sk_shallow._compat import callback_context
from sk_shallow._component import from_name
from sk_shallow._fit.alpha import alpha_scores
from sk_shallow._fit.checks import check_derivative
from sk_shallow._fit.data import Data, hold_out
from sk_shallow._fit.diagnosis import Ending, keep_best
from sk_shallow._fit.minimize import minimize
from sk_shallow._fit.monitor import CallbackTasks, Monitor, Signal
from sk_shallow._fit.plan import Plan, make_plan
from sk_shallow._fit.plan import alpha as alpha_of_rule
from sk_shallow._fit.prediction import validation_score
from sk_shallow._fit.state import Stream, TrainingState
from sk_shallow._fit.targets import Targets
from sk_shallow._model.network import Network
from sk_shallow._model.parameters import Parameters, initialize
from sk_shallow.activations import ACTIVATIONS, Activation, as_activation
from sk_shallow.initializers import INITIALIZERS


@dataclass(frozen=True)
class Outcome:
    """The result of a fit."""

    attributes: dict[str, Any]  # the fitted attributes of the estimator
    warnings: list[Warning]
    interrupted: KeyboardInterrupt | None


@dataclass
class Fit:
    """One fit, set up: what training reads and changes."""

    estimator: Any
    data: Data  # the training rows
    plan: Plan
    state: TrainingState
    network: Network  # on the training rows
    held_out: Network | None  # on the validation set, with the same parameters
    monitor: Monitor
    warnings: list[Warning]
    alpha_scores: dict[float, float] = field(default_factory=dict)


@np.errstate(all="ignore")  # the monitor checks for non-finite numbers
def train(
    estimator: Any, data: Data, validation: Data | None = None, *, resume: bool = False, incremental: bool = False
) -> Outcome:
    """Train a net, from the weights of the estimator if it resumes. `incremental` means one call of `partial_fit`.

    A KeyboardInterrupt is returned, with the best weights so far. Raises ValueError if the derivative of a custom
    activation is wrong, or if the loss was never finite.
    """
    fit = _set_up(estimator, data, validation, resume=resume, incremental=incremental)
    limit, interrupted = None, None
    try:
        _choose_alpha(fit)
        limit = minimize(fit.network, fit.plan, fit.state, fit.monitor)
        names = getattr(estimator, "feature_names_in_", None)
        ending = Ending(fit.network, fit.monitor, limit, names, alpha_was_chosen=bool(fit.alpha_scores))
        ending.choose_weights()
        problem = ending.diagnose()
        fit.warnings += [ConvergenceWarning(problem)] if problem else []
        fit.monitor.tasks.end()
    except KeyboardInterrupt as interrupt:
        keep_best(fit.network, fit.monitor)
        interrupted = interrupt
    reason = "interrupt" if interrupted else _stop_reason(fit.monitor, limit)
    attributes = fitted_attributes(fit.network, fit.data.targets) | _history(fit) | _state_to_keep(fit)
    return Outcome(attributes | {"stop_reason_": reason}, fit.warnings, interrupted)


# Set up


def _set_up(estimator: Any, data: Data, validation: Data | None, *, resume: bool, incremental: bool) -> Fit:
    """Prepare a fit: hold out rows, resolve the defaults, set the initial weights, tell callbacks that it begins."""
    activation = _checked_activation(estimator, resume)
    state = TrainingState.of(estimator, resume)
    stratified = True
    if estimator.early_stopping and validation is None:
        data, validation, stratified = hold_out(data, estimator.validation_fraction, state.seed)
    plan = make_plan(estimator, data, resume=resume, incremental=incremental)
    network = initial_network(estimator, data, plan, activation, state.seed)
    held_out = None if validation is None else _validation_network(network, validation)
    tasks = None if incremental else _callback_tasks(estimator, data, plan, network)
    score = None
    if validation is not None and held_out is not None:
        scorer = None if estimator.scoring == "loss" else check_scoring(estimator, scoring=estimator.scoring)
        score = validation_score(held_out, validation, scorer)
    monitor = Monitor(network.parameters, plan, score, tasks)
    if incremental:  # patience lasts from call to call
        monitor.best, monitor.no_improvement_count = state.best, state.no_improvement_count
    warnings = list(_advice(estimator, data, plan, stratified))
    return Fit(estimator, data, plan, state, network, held_out, monitor, warnings)


def initial_network(estimator: Any, data: Data, plan: Plan, activation: Activation, seed: int) -> Network:
    """Return the network that training starts from: with new weights, or with those of the estimator."""
    targets, sample_size = data.targets, data.sample_size()
    sizes = (data.X.shape[1], int(estimator.hidden_size), targets.n_outputs, int(activation.n_pieces))
    parameters = Parameters(sizes, data.X.dtype)
    if plan.resume:
        parameters.filled(estimator.coefs_, estimator.intercepts_)
        sample_size += estimator.n_samples_seen_ if plan.incremental else 0.0
    else:
        init, gain = estimator.init, 1.0
        if init == "auto":
            init, gain = activation.initializer, activation.gain
        rng = Stream.INITIAL_WEIGHTS.rng(seed)
        initialize(parameters, from_name(INITIALIZERS, init), gain * estimator.init_scale, rng)
    rule = activation.alpha_factor * alpha_of_rule(sample_size, plan.q)
    return Network(
        parameters,
        activation,
        targets.loss_function,
        *_arrays(data, data.weights() if plan.incremental else data.normalized_weights(), data.X.dtype),
        sample_size=sample_size,
        alpha=rule if estimator.alpha == "auto" else float(estimator.alpha),
        dropout=float(estimator.dropout),
    )


def _validation_network(network: Network, validation: Data) -> Network:
    """Return a network on the validation set that shares the parameters."""
    X, Y, w = _arrays(validation, validation.normalized_weights(), network.X.dtype)
    held_out = Network(network.parameters, network.activation, network.loss_function, X, Y, w)
    if not np.isfinite(held_out.loss()) and np.isfinite(network.loss()):
        raise ValueError("The loss of the validation set is not finite at the initial weights. Scale its features.")
    return held_out


def _arrays(data: Data, w: np.ndarray | None, dtype: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
    w = None if w is None else w.astype(dtype)
    return data.X.astype(dtype, copy=False), data.targets.encode(data.y, dtype), w


def _checked_activation(estimator: Any, resume: bool) -> Activation:
    """Return the activation. Raises ValueError if the derivative of a custom one, new in this call, is wrong."""
    activation = as_activation(estimator.activation)
    if type(activation) not in ACTIVATIONS.values() and not (resume and _equal(estimator._activation, activation)):
        check_derivative(activation)
    return activation


def _equal(one: Activation, other: Activation) -> bool:
    """Return whether two activations have the same class and equal parameters; functions must be identical."""
    params, others = one.get_params(), other.get_params()
    return type(one) is type(other) and all(
        value is others[name] or (not callable(value) and np.array_equal(value, others[name]))
        for name, value in params.items()
    )


def _callback_tasks(estimator: Any, data: Data, plan: Plan, network: Network) -> CallbackTasks:
    metadata = None if data.w is None else {"sample_weight": data.w}
    context = callback_context(estimator, max_subtasks=plan.max_iter)
    attributes = partial(fitted_attributes, network, data.targets)
    return CallbackTasks(context, attributes, estimator=estimator, X=data.X, y=data.y, metadata=metadata)


def _advice(estimator: Any, data: Data, plan: Plan, stratified: bool) -> Iterator[Warning]:
    """Yield the warnings that do not depend on the outcome."""
    m = len(data.y)
    if estimator.init_scale == 0 and not plan.resume:
        yield UserWarning(
            "init_scale=0 makes all hidden units equal, and without dropout they stay equal. If g(0) = 0, as for relu "
            "and tanh, no weight changes. Use a positive init_scale."
        )
    full_batch = plan.solver.full_batch or plan.incremental
    if estimator.batch_size != "auto" and estimator.batch_size > m and not full_batch:
        yield UserWarning(f"batch_size={estimator.batch_size} is larger than the {m} rows: {m} is used.")
    if data.targets.nothing_to_learn and not (plan.incremental and plan.resume):
        yield UserWarning(data.targets.nothing_to_learn)
    if not stratified:
        yield UserWarning(
            "The rows held out by early_stopping are not stratified: a class has a single row, or a part would have "
            f"fewer rows than classes (validation_fraction={estimator.validation_fraction})."
        )


def _choose_alpha(fit: Fit) -> None:
    """Choose alpha on held-out rows if it is "auto". `partial_fit` and warm starts keep an earlier choice."""
    estimator, plan = fit.estimator, fit.plan
    if estimator.alpha != "auto":
        return
    if plan.resume:
        fit.alpha_scores = estimator.alpha_scores_ or {}
    elif not plan.incremental:
        fit.alpha_scores = alpha_scores(fit.network, plan, fit.held_out, fit.state.seed)
        for alpha, score in fit.alpha_scores.items():
            fit.monitor.print(f"alpha = {alpha:.6g}, score of held-out rows = {score:.6f}")
    if fit.alpha_scores:
        fit.network = replace(fit.network, alpha=max(fit.alpha_scores, key=fit.alpha_scores.__getitem__))


# The result


def fitted_attributes(network: Network, targets: Targets) -> dict[str, Any]:
    """Return copies of the attributes of the estimator that predictions need."""
    return {
        "coefs_": [W.copy() for W in network.parameters.coefs],
        "intercepts_": [b.copy() for b in network.parameters.intercepts],
        "classes_": targets.classes,
        "n_outputs_": targets.n_outputs,
        "n_layers_": 3,
        "out_activation_": network.loss_function.name,
        "_activation": network.activation,
    }


def _history(fit: Fit) -> dict[str, Any]:
    """Return the attributes that tell how training went. The curve is the initial loss if no epoch was completed."""
    plan, n_iter, scores = fit.plan, len(fit.monitor.losses), fit.monitor.scores
    curve, t = (fit.estimator.loss_curve_, fit.estimator.t_) if plan.resume else ([], 0)
    curve = curve + (fit.monitor.losses or [fit.network.objective()])
    return {
        "n_iter_": n_iter,
        "t_": t + n_iter * fit.network.n_samples,
        "loss_curve_": curve,
        "loss_": curve[-1],
        "best_loss_": min(curve),
        "validation_scores_": scores or None,
        "best_validation_score_": max(scores, default=None),
        "solver_": plan.solver_name,
        "alpha_": fit.network.alpha,
        "alpha_scores_": fit.alpha_scores or None,
        "learning_rate_init_": plan.learning_rate_init,
        "batch_size_": plan.batch_size,
    }


def _stop_reason(monitor: Monitor, limit: str | None) -> str:
    if monitor.stopped or monitor.diverged:
        return "callback" if monitor.stopped else "diverged"
    if monitor.signal is Signal.PLATEAU and not limit:
        return "plateau"
    if limit or not monitor.plan.max_iter_is_limit:
        return "max_iter" if len(monitor.losses) >= monitor.plan.max_iter else "limit"
    return "converged"


def _state_to_keep(fit: Fit) -> dict[str, Any]:
    """Return the sample size of all calls so far, and the training state if a later call may need it.

    A `partial_fit` call that diverged does not count.
    """
    estimator, plan, monitor, state = fit.estimator, fit.plan, fit.monitor, fit.state
    undone = plan.incremental and monitor.diverged
    seen = (estimator.n_samples_seen_ if plan.resume else 0.0) if undone else float(fit.network.sample_size)
    if undone and plan.resume and hasattr(estimator, "_state"):
        return {"n_samples_seen_": seen, "_state": estimator._state}
    patience = (monitor.best, monitor.no_improvement_count) if plan.incremental else (np.inf, 0)
    state.best, state.no_improvement_count = patience
    if monitor.diverged:
        state.rule, state.moments = "", {}  # not finite either
    # A plain dict, so that pickles name no private class.
    kept = {"_state": vars(state)} if plan.incremental or estimator.warm_start else {}
    return {"n_samples_seen_": seen, **kept}
