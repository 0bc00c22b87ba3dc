"""One fit, from what is to be learned to what has come of it: `prepare` sets it up, `train` runs it.

`settings` is the estimator, which is read, for its parameters and the names of its features, and changed by nothing but
scikit-learn's callbacks, which keep their state there.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from sk_shallow._component import from_name
from sk_shallow._fit.alpha import alpha_scores
from sk_shallow._fit.callbacks import begin_epochs
from sk_shallow._fit.checks import check_derivative
from sk_shallow._fit.data import Data, hold_out
from sk_shallow._fit.defaults import alpha as alpha_rule
from sk_shallow._fit.defaults import make_plan
from sk_shallow._fit.diagnosis import diagnose, keep_best
from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.plan import Plan
from sk_shallow._fit.prediction import validation_score
from sk_shallow._fit.targets import Targets
from sk_shallow._model.network import Examples, Network
from sk_shallow._model.parameters import Parameters, initialize
from sk_shallow.activations import ACTIVATIONS, Activation, as_activation
from sk_shallow.initializers import INITIALIZERS
from sk_shallow.solvers import Adam, Solver, TrainingState


class Start(NamedTuple):
    """The net that a fit goes on from."""

    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]
    activation: Activation
    state: dict[str, Any] | None  # attributes of a TrainingState; None: not kept
    alpha_scores: dict[float, float]  # of what "auto" has tried; empty: nothing
    n_samples_seen: float


@dataclass(frozen=True)
class Task:
    """What is to be learned, checked."""

    data: Data
    targets: Targets
    validation: Data | None = None
    start: Start | None = None  # None: begin anew
    incremental: bool = False  # whether the rows are a part of the data, as in partial_fit


@dataclass(frozen=True)
class Outcome:
    """What has come of a fit."""

    network: Network  # with the weights to return
    alpha_scores: dict[float, float]  # of what "auto" has tried
    plan: Plan
    n_samples_seen: float  # over all calls that went on; a part that led nowhere does not count
    losses: list[float]  # of each epoch; where the first one was interrupted, that of the start
    scores: list[float]
    n_iter: int
    stop_reason: str  # "callback", "converged", "diverged", "interrupt", "limit", "max_iter" or "plateau"
    state: TrainingState | None  # None: of no use to a later call
    warnings: list[Warning]
    interrupted: KeyboardInterrupt | None


@np.errstate(all="ignore")  # what is not finite does not pass in silence: the monitor looks for it
def train(settings: Any, task: Task) -> Outcome:
    """Learn a task. A KeyboardInterrupt is returned, with the best weights so far."""
    activation = _checked_activation(settings, task.start)
    state = training_state(settings, task.start)
    task, stratified = _with_validation(settings, task, state.seed)
    network, solver, plan = prepare(settings, task, activation, state)
    held_out = _held_out(task, network)
    attributes = partial(fitted_attributes, network, task.targets)
    callbacks = None if plan.incremental else begin_epochs(settings, task.data, plan.max_iter, attributes)
    monitor = Monitor(network.parameters, plan, _score(settings, task, held_out), callbacks)
    if plan.incremental:  # patience lasts from call to call
        monitor.best, monitor.no_improvement_count = state.best, state.no_improvement_count
    warnings = list(_advice(settings, task, solver, stratified))
    limit, interrupted, scores = None, None, {}
    try:
        if settings.alpha == "auto":
            scores = _alpha_scores(task, network, held_out, monitor, state.seed)
            network = replace(network, alpha=max(scores, key=scores.__getitem__, default=network.alpha))
        limit = solver.minimize(network, monitor, plan, state) or ("a callback" if monitor.stopped else None)
        names = getattr(settings, "feature_names_in_", None)
        problem = diagnose(network, monitor, limit, names=names, alpha_was_chosen=bool(scores))
        warnings += [ConvergenceWarning(problem)] if problem else []
        if callbacks:
            callbacks.end()
    except KeyboardInterrupt as interrupt:
        keep_best(network, monitor)
        interrupted = interrupt
    losses, n_iter = monitor.losses or [network.objective()], len(monitor.losses)
    kept = _state_to_keep(settings, task, monitor, state)
    seen = _n_samples_seen(task, network, monitor)
    reason = "interrupt" if interrupted else _stop_reason(monitor, limit)
    return Outcome(network, scores, plan, seen, losses, monitor.scores, n_iter, reason, kept, warnings, interrupted)


def fitted_attributes(network: Network, targets: Targets) -> dict[str, Any]:
    """Return copies of the attributes of the estimator that predictions need."""
    p = network.parameters
    return {
        "coefs_": [p.W1.copy(), p.W2.copy()],
        "intercepts_": [p.b1.copy(), p.b2.copy()],
        "classes_": targets.classes,
        "n_outputs_": targets.n_outputs,
        "n_layers_": 3,
        "out_activation_": network.head.name,
        "_activation": network.activation,
    }


def _stop_reason(monitor: Monitor, limit: str | None) -> str:
    """Return in a word what has ended a fit."""
    if monitor.stopped or monitor.diverged:
        return "callback" if monitor.stopped else "diverged"
    if monitor.signal is Signal.PLATEAU and not limit:
        return "plateau"
    if limit or not monitor.plan.max_iter_is_limit:
        return "max_iter" if len(monitor.losses) >= monitor.plan.max_iter else "limit"
    return "converged"


def prepare(settings: Any, task: Task, activation: Activation, state: TrainingState) -> tuple[Network, Solver, Plan]:
    """Return the network that a fit starts from, and who is to do what with it."""
    data, targets = task.data, task.targets
    solver, plan = make_plan(settings, data, task.incremental)
    dtype, n_pieces, sample_size = data.X.dtype, int(activation.n_pieces), data.sample_size()
    parameters = Parameters((data.X.shape[1], int(settings.hidden_size), targets.n_outputs, n_pieces), dtype)
    if task.start:
        parameters.filled(task.start.coefs, task.start.intercepts)
        sample_size += task.start.n_samples_seen if task.incremental else 0.0
    else:
        init, gain = (activation.initializer, activation.gain) if settings.init == "auto" else (settings.init, 1.0)
        scale, rng = gain * settings.init_scale, np.random.default_rng([state.seed, 0])
        initialize(parameters, from_name(INITIALIZERS, init), scale, rng)
    rule = activation.alpha_factor * alpha_rule(sample_size, data.mean_squared_length())
    alpha = rule if settings.alpha == "auto" else float(settings.alpha)
    w = data.weights() if task.incremental else data.normalized_weights()
    examples = _examples(data, targets, w, dtype)._replace(sample_size=sample_size)
    return Network(parameters, activation, targets.head, examples, alpha, float(settings.dropout)), solver, plan


def _checked_activation(settings: Any, start: Start | None) -> Activation:
    """Return the activation; raises ValueError where the derivative of the user's own is wrong."""
    activation = as_activation(settings.activation)
    if type(activation) not in ACTIVATIONS.values() and not (start and _equal(start.activation, activation)):
        check_derivative(activation)
    return activation


def training_state(settings: Any, start: Start | None = None) -> TrainingState:
    """Return the state to train with: that of the start, where it was kept, or a new one."""
    if start and start.state:
        return TrainingState(**deepcopy(start.state))
    seed = check_random_state(settings.random_state).randint(np.iinfo(np.int32).max)
    return TrainingState(seed, rng=np.random.default_rng([seed, 1]))


def _with_validation(settings: Any, task: Task, seed: int) -> tuple[Task, bool]:
    """Return the task with rows held out where they are wanted, and whether their classes are as frequent as before."""
    if not settings.early_stopping or task.validation is not None:
        return task, True
    strata = task.targets.strata(task.data.y)
    data, validation, stratified = hold_out(task.data, strata, settings.validation_fraction, seed)
    return replace(task, data=data, validation=validation), stratified


def _held_out(task: Task, network: Network) -> Network | None:
    """Return the network, of the same parameters, of the validation set, or None where there is none."""
    if task.validation is None:
        return None
    w = task.validation.normalized_weights()
    examples = _examples(task.validation, task.targets, w, network.X.dtype)
    validation = Network(network.parameters, network.activation, network.head, examples)
    if not np.isfinite(validation.loss()) and np.isfinite(network.loss()):
        raise ValueError("The loss of the validation set is not finite at the initial weights. Scale its features.")
    return validation


def _score(settings: Any, task: Task, held_out: Network | None) -> Callable[[], float] | None:
    """Return what scores the present weights on the validation set, or None where there is none."""
    if task.validation is None or held_out is None:
        return None
    scorer = None if settings.scoring == "loss" else check_scoring(settings, scoring=settings.scoring)
    return validation_score(held_out, task.targets, task.validation, scorer)


def _alpha_scores(
    task: Task, network: Network, held_out: Network | None, monitor: Monitor, seed: int
) -> dict[float, float]:
    """Return what ``alpha="auto"`` chooses from: nothing on a part of the data; of a fit that goes on, as before."""
    if task.start or task.incremental:
        return task.start.alpha_scores if task.start else {}
    plan, rate = monitor.plan, Adam().peak_rate(task.data.mean_squared_length())
    epochs = 0 if plan.max_iter_is_limit else plan.max_iter // 2  # a long fit overfits more
    scores = alpha_scores(network, rate, epochs, held_out, seed)
    for alpha, score in scores.items():
        monitor.print(f"alpha = {alpha:.6g}, score of held-out rows = {score:.6f}")
    return scores


def _n_samples_seen(task: Task, network: Network, monitor: Monitor) -> float:
    """Return the sample size over all calls that went on; a part that led nowhere does not count."""
    undone = task.incremental and monitor.diverged
    return (task.start.n_samples_seen if task.start else 0.0) if undone else float(network.sample_size)


def _state_to_keep(settings: Any, task: Task, monitor: Monitor, state: TrainingState) -> TrainingState | None:
    """Return what a later call needs in order to go on, or None where none is expected."""
    if monitor.diverged and monitor.plan.incremental and task.start and task.start.state:
        return training_state(settings, task.start)  # as if there had been no call
    patience = (monitor.best, monitor.no_improvement_count) if monitor.plan.incremental else (np.inf, 0)
    state.best, state.no_improvement_count = patience
    if monitor.diverged:
        state.rule, state.moments = "", {}  # not finite either
    return state if monitor.plan.incremental or settings.warm_start else None


def _advice(settings: Any, task: Task, solver: Solver, stratified: bool) -> Iterator[Warning]:
    """Yield what the user should know of a fit, however it ends."""
    m = len(task.data.y)
    if settings.init_scale == 0 and not task.start:
        yield UserWarning(
            "init_scale=0 starts every hidden unit alike. Without dropout they stay alike, and where g(0) = 0, as of "
            "relu and tanh, no weight ever changes. Take a positive init_scale."
        )
    if settings.batch_size != "auto" and settings.batch_size > m and not (solver.full_batch or task.incremental):
        yield UserWarning(f"batch_size={settings.batch_size} is larger than the {m} rows: {m} is used.")
    if task.targets.nothing_to_learn and not (task.incremental and task.start):
        yield UserWarning(task.targets.nothing_to_learn)
    if not stratified:
        yield UserWarning(f"{task.targets.too_rare}, at validation_fraction={settings.validation_fraction}.")


def _equal(one: Activation, other: Activation) -> bool:
    """Say whether two activations are of one class and have equal parameters; functions must be the same ones."""
    params, others = one.get_params(), other.get_params()
    return type(one) is type(other) and all(
        value is others[name] or (not callable(value) and np.array_equal(value, others[name]))
        for name, value in params.items()
    )


def _examples(data: Data, targets: Targets, w: np.ndarray | None, dtype: Any) -> Examples:
    """Return rows as the network takes them."""
    w = None if w is None else w.astype(dtype)
    return Examples(data.X.astype(dtype, copy=False), targets.encode(data.y, dtype), w)
