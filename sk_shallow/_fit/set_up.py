"""The set-up of a fit: held-out rows, plan, initial weights, monitor.

`estimator` is read for its parameters, its feature names and, if training resumes, its fitted attributes. Only
scikit-learn's callbacks write to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from sk_shallow._compat import callback_context
from sk_shallow._component import equal, from_name
from sk_shallow._fit.alpha import fewest_rows
from sk_shallow._fit.checks import check_derivative
from sk_shallow._fit.data import Data, dense_if_small, hold_out
from sk_shallow._fit.features import feature_moments
from sk_shallow._fit.monitor import CallbackTasks, Monitor
from sk_shallow._fit.plan import Plan, alpha_rule, make_plan
from sk_shallow._fit.prediction import validation_score
from sk_shallow._fit.state import Stream, TrainingState
from sk_shallow._fit.targets import Targets
from sk_shallow._model.network import Network
from sk_shallow._model.parameters import Parameters, initialize
from sk_shallow.activations import ACTIVATIONS, Activation, as_activation
from sk_shallow.initializers import INITIALIZERS
from sk_shallow.solvers import LBFGS

OUTPUT_GAIN = 0.5  # factor of W2 with init="auto", so that training starts near equal probabilities
MIN_FEATURES_PER_ROW, MAX_ROWS_OF_SPAN = 4, 1000  # of rows that are trained on in the space that they span
MAX_DENSE_FEATURES = 128  # up to it, small sparse X becomes dense: a step then takes a third of the time
SMALL_ALPHA = 0.01  # times the rule of alpha: a tenth of the weakest value that "auto" tries; `fit` warns below it


class SmallAlphaWarning(UserWarning):
    """An alpha that is far smaller than those of "auto". It is given once per process, so that a search shows one.

    The caller sets `given` after `warnings.warn`. So if a filter makes the warning an error, every fit raises it.
    """

    given = False


@dataclass
class Fit:
    """One fit, set up: what training reads and changes."""

    estimator: Any
    data: Data  # the training rows
    plan: Plan
    state: TrainingState
    network: Network  # on the training rows
    held_out: Network | None  # on the validation set, with the same parameters
    validation_set: Data | None  # if the user passed one; otherwise a part of the rows may be held out
    monitor: Monitor
    warnings: list[Warning] = field(default_factory=list)
    alpha_scores: dict[float, float] = field(default_factory=dict)


def set_up(estimator: Any, data: Data, validation: Data | None, *, resume: bool, incremental: bool) -> Fit:
    """Prepare a fit: hold out rows, resolve the defaults, set the initial weights, tell callbacks that it begins."""
    state = TrainingState.of(estimator, resume)
    activation = _checked_activation(estimator, state)
    stratified, validation_set = True, validation
    if validation_set is not None:
        _check_use_of(validation_set, estimator)
    elif estimator.early_stopping:
        data, validation, stratified = hold_out(data, estimator.validation_fraction, state.seed)
    data = data.with_fitted_targets()
    data = data if incremental else data.with_limits()  # later calls may bring smaller or larger targets
    validation = validation and validation.with_targets(data.targets)
    network = initial_network(estimator, data, activation, state, incremental)
    plan = make_plan(estimator, data, network, incremental)
    rotates = plan.first_round or isinstance(plan.solver, LBFGS)
    if rotates and not state.fitted and _is_wide(estimator, data):
        network = network.in_span()
    held_out = None if validation is None else _validation_network(network, validation)
    tasks = None if incremental else _callback_tasks(estimator, data, plan, network)
    score = tie_breaker = None
    if estimator.early_stopping and validation is not None and held_out is not None:
        scorer = None if estimator.scoring == "loss" else check_scoring(estimator, scoring=estimator.scoring)
        score = validation_score(held_out, validation.rows_for_scorer(), scorer, estimator._snapshot)
        tie_breaker = held_out.loss if scorer else None  # accuracy, for example, has many ties
    monitor = Monitor(network.parameters, plan, score, tie_breaker, tasks)
    if incremental:  # patience lasts from call to call
        monitor.best, monitor.no_improvement_count = state.best, state.no_improvement_count
    fit = Fit(estimator, data, plan, state, network, held_out, validation_set, monitor)
    fit.warnings.extend(_advice(fit, stratified))
    return fit


def initial_network(
    estimator: Any, data: Data, activation: Activation, state: TrainingState, incremental: bool = False
) -> Network:
    """Return the network that training starts from: with new weights, or with those of the estimator."""
    targets, sample_size = data.targets, data.sample_size()
    sizes = (data.X.shape[1], int(estimator.hidden_size), targets.n_outputs, int(activation.n_pieces))
    parameters = Parameters(sizes, data.X.dtype)
    w = data.weights_for_partial_fit() if incremental else data.normalized_weights()
    arrays = _arrays(data, w, data.X.dtype)
    if state.fitted:
        parameters.fill(state.fitted.coefs_, state.fitted.intercepts_)
        sample_size += state.fitted.n_samples_seen_ if incremental else 0.0
    else:
        init, gains = estimator.init, (1.0, 1.0)
        if init == "auto":
            init, gains = activation.initializer, (activation.gain, OUTPUT_GAIN)
        init = init if isinstance(init, tuple | list) else from_name(INITIALIZERS, init)
        scales = gains[0] * estimator.init_scale, gains[1] * estimator.init_scale
        initialize(parameters, init, scales, Stream.INITIAL_WEIGHTS.rng(state.seed))
        parameters.b2[:] = targets.loss_function.initial_bias(*arrays[1:])
    alpha = estimator.alpha
    if alpha == "auto":
        alpha = alpha_rule(activation, sample_size, data.mean_squared_length())
    return Network(
        parameters,
        activation,
        targets.loss_function,
        *arrays,
        sample_size=sample_size,
        alpha=float(alpha),
        dropout=float(estimator.dropout),
        has_equal_units=not estimator.dropout and parameters.units_are_equal(),
    )


def _is_wide(estimator: Any, data: Data) -> bool:
    """Return whether to train in the space that the rows span: a few rows with many features of similar scale.

    With s the mean squares of the features, ``(sum s)^2 / sum s^2`` is the number of features if all have the same
    scale, and less otherwise. A feature on a far larger scale would hide the others in every coordinate.
    Below a mean squared length of 1, Adam's rate cannot rise enough. Initial weights that the user gave stay as given.
    """
    m, n0 = data.n_weighted(), data.X.shape[1]
    if m > MAX_ROWS_OF_SPAN or n0 < MIN_FEATURES_PER_ROW * m or isinstance(estimator.init, tuple | list):
        return False
    _, squares = feature_moments(data.X)
    total = float(squares.sum())
    return total >= 1 and total**2 >= MIN_FEATURES_PER_ROW * m * float(np.square(squares).sum())


def _validation_network(network: Network, validation: Data) -> Network:
    """Return a network on the validation set that shares the parameters. It is there for its loss only."""
    X, Y, w = _arrays(validation, validation.normalized_weights(), network.X.dtype)
    held_out = replace(network, X=network.coordinates(X), Y=Y, w=w)
    if not np.isfinite(held_out.loss()) and np.isfinite(network.loss()):
        raise ValueError("The loss of the validation set is not finite at the initial weights. Scale its features.")
    return held_out


def _check_use_of(validation: Data, estimator: Any) -> None:
    """Raise ValueError if neither early stopping nor the choice of alpha would use the validation set."""
    _, fewest = fewest_rows(validation.targets)
    if not estimator.early_stopping and len(validation.y) < fewest:
        raise ValueError(
            f"With early_stopping=False, only alpha='auto' uses X_val, and needs at least {fewest} rows of it. Got "
            f"{len(validation.y)}. Pass more rows, set early_stopping=True, or leave X_val and y_val out."
        )


def _arrays(data: Data, w: np.ndarray | None, dtype: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
    w = None if w is None else w.astype(dtype)
    X = dense_if_small(data.X) if data.X.shape[1] <= MAX_DENSE_FEATURES else data.X
    return X.astype(dtype, copy=False), data.targets.encode(data.y, dtype), w


def _checked_activation(estimator: Any, state: TrainingState) -> Activation:
    """Return the activation. Raises ValueError if it is a custom one with a wrong derivative, unless checked before."""
    activation = as_activation(estimator.activation)
    was_checked = state.fitted and equal(state.fitted._activation, activation)
    if type(activation) not in ACTIVATIONS.values() and not was_checked:
        check_derivative(activation)
    return activation


def _callback_tasks(estimator: Any, data: Data, plan: Plan, network: Network) -> CallbackTasks:
    given = data.given
    metadata = None if given.w is None else {"sample_weight": given.w}
    context = callback_context(estimator, max_subtasks=plan.max_iter)
    attributes = partial(fitted_attributes, network, data.targets)
    return CallbackTasks(context, attributes, estimator=estimator, X=given.X, y=given.y, metadata=metadata)


def _advice(fit: Fit, stratified: bool) -> Iterator[Warning]:
    """Yield the warnings that do not depend on the outcome."""
    estimator, plan, state, m = fit.estimator, fit.plan, fit.state, len(fit.data.y)
    if not (state.fitted or fit.network.parameters.weights.any()):
        cause, remedy = ("init_scale=0", "Use a positive init_scale")
        if estimator.init_scale > 0:
            cause, remedy = "init gives zeros only, which", "Use other initial weights"
        yield UserWarning(
            f"{cause} makes all hidden units equal, and without dropout they stay equal. If g(0) = 0, as for relu and "
            f"tanh, no weight changes. {remedy}."
        )
    full_batch = plan.solver.full_batch or plan.incremental
    if estimator.batch_size != "auto" and estimator.batch_size > m and not full_batch:
        yield UserWarning(f"batch_size={estimator.batch_size} is larger than the {m} rows: {m} is used.")
    yield from _advice_on_targets(fit)
    if not full_batch and estimator.alpha != "auto" and not SmallAlphaWarning.given:
        yield from _advice_on_alpha(fit)
    if not stratified:
        yield UserWarning(
            "The rows held out by early_stopping are not stratified: a class has a single row (equal ones count once) "
            "or group, or a part would have fewer rows or groups than classes "
            f"(validation_fraction={estimator.validation_fraction}). Change it, or pass X_val and y_val."
        )


def _advice_on_targets(fit: Fit) -> Iterator[Warning]:
    """Yield warnings about targets from which little can be learned."""
    data, targets, again = fit.data, fit.data.targets, fit.plan.incremental and fit.state.fitted
    if targets.nothing_to_learn and not again:
        is_final = targets.has_classes or not fit.plan.incremental
        yield UserWarning(targets.nothing_to_learn + ("" if is_final else " Later calls may bring others."))
    elif targets.has_classes and not fit.plan.incremental and _targets_are_equal(data, fit.network.w):
        yield UserWarning(
            "y has one class only, or one set of labels, in the training rows (held-out rows and rows of weight zero "
            "do not count). The net can learn nothing else."
        )
    if targets.are_coarse_in(data.X.dtype) and not again:
        yield UserWarning(
            f"{data.X.dtype} cannot represent small differences of these targets, whose mean is far from zero. "
            f"Subtract a number from y{', or pass X in float64' if data.X.dtype == np.float32 else ''}."
        )
    if fit.state.fitted and targets.are_unlike(fit.network.Y):
        yield UserWarning(
            "The targets are on another scale than those of the first call, whose target_mean_ and target_scale_ stay. "
            "Let the first call of partial_fit have rows that represent all targets, or call fit without warm_start."
        )


def _targets_are_equal(data: Data, w: np.ndarray | None) -> bool:
    """Return whether all rows with weight have the same label or labels."""
    y = data.y if w is None else data.y[w.any(axis=1)]
    return bool((y[:1] == y).all())


def _advice_on_alpha(fit: Fit) -> Iterator[Warning]:
    """Yield a warning if alpha looks like a value for `MLPClassifier`. A search over alpha repeats one text."""
    rule = alpha_rule(fit.network.activation, fit.data.sample_size(), fit.plan.q)
    if 0 < fit.estimator.alpha < SMALL_ALPHA * rule:
        power = 10.0 ** np.round(np.log10(rule))
        yield SmallAlphaWarning(
            f'alpha is far below the values that alpha="auto" tries, which are about {power:g} here. It is the '
            "precision of a normal prior on the weights: the penalty is divided by the number of all rows. "
            "MLPClassifier divides it by the rows of a batch: its alpha equals alpha * n_samples / batch_size here. "
            'Use "auto", or 0 for no penalty.'
        )


def fitted_attributes(network: Network, targets: Targets) -> dict[str, Any]:
    """Return copies of the attributes of the estimator that predictions need."""
    return {
        "coefs_": [W.copy() for W in network.coefs],
        "intercepts_": [b.copy() for b in network.parameters.intercepts],
        **targets.attributes,
        "n_outputs_": targets.n_outputs,
        "n_layers_": 3,
        "out_activation_": network.loss_function.name,
        "_activation": network.activation,
    }
