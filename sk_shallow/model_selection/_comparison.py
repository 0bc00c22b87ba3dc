"""`compare_estimators` and its special cases: which one suits the data, and how sure you can be."""

import warnings
from collections.abc import Mapping
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import check_scoring, get_scorer, log_loss, make_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state, column_or_1d, indexable
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.multiclass import type_of_target

from sk_shallow._compat import RepeatedSplits, SeveralScorers, is_routing, set_callbacks
from sk_shallow._component import equal
from sk_shallow._fit.targets import as_labels
from sk_shallow.activations import ACTIVATIONS, as_activation, label_of
from sk_shallow.inspection._nets import has_net, is_search, nets_in, tuned_parameters, walk, walk_to_net
from sk_shallow.model_selection._results import Comparison
from sk_shallow.model_selection._run import MAX_SEED, CompareEstimators, Contender, one_thread, splits_with_seeds
from sk_shallow.model_selection._warnings import texts_of, users_level, warn


def compare_estimators(
    estimators,
    X,
    y,
    *,
    reference=None,
    cv=None,
    scoring=None,
    rope=None,
    paired_seeds=True,
    refit=False,
    groups=None,
    params=None,
    n_jobs=None,
    random_state=None,
    callbacks=(),
):
    """Compare estimators with a reference by cross-validation.

    The result says which differences you can trust. On each split, all estimators are fitted to the same rows with the
    same seed. Rows and seed both change from split to split, so both sources of randomness are covered [2]_. The
    corrected resampled t-test takes into account that the training sets of cross-validation overlap [1]_. The p-values
    are corrected for the number of comparisons by Holm's method. Each fit has one thread of OpenBLAS and OpenMP.

    Parameters
    ----------
    estimators : dict of str to estimator
        Classifiers or regressors by label: nets, pipelines, searches or any other. They are cloned and not fitted
        themselves. First steps that several pipelines have in common are fitted once per split, unless they get
        arguments from `params`, or `scoring` is a function of your own. ``seconds`` includes them for each pipeline.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or numbers.
    reference : str or None, default=None
        Label of the estimator to compare the others with. Choose it before you see the results. None takes the first.
    cv : int, splitter, iterable or None, default=None
        Splits, as in `cross_validate`. None is five folds, shuffled anew four times: `StratifiedKFold`, or with
        `groups` `StratifiedGroupKFold`. For numbers and multilabel targets, it is `KFold` or `GroupKFold`.
    scoring : str, callable or None, default=None
        One scikit-learn scorer, greater is better. None is minus the log loss, in nats per sample, for classifiers, and
        "neg_mean_squared_error" for regressors. The log loss of a row counts as at most 36
        (for float32 probabilities: 16).
    rope : float in [0, inf) or None, default=None
        Region of practical equivalence: differences of mean scores up to `rope`, in units of the score, do not matter
        to you. None is no region.
    paired_seeds : bool, default=True
        Whether all estimators have the same seed on a split. If False, each estimator has its own seed, and
        differences include the effect of the seed.
    refit : bool, default=False
        Whether to fit the estimator with the highest mean score to all rows, with a new seed from `random_state`, and
        store it as ``best_estimator_`` of the result.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, for the splits. Nets get those of their training rows, as `groups` of `fit`. Searches get
        them only if metadata routing is enabled. Nets inside other estimators, such as `CalibratedClassifierCV`, also
        need ``set_fit_request(groups=True)``.
    params : dict or None, default=None
        Extra arguments of `fit` and the scorer, such as `sample_weight`, routed as in `GridSearchCV.fit`. The default
        score uses the weights too. Pass groups as `groups`.
    n_jobs : int or None, default=None
        Number of splits to process in parallel, with joblib. With OpenBLAS, it does not change the results.
    random_state : int, RandomState instance or None, default=None
        Source of the folds and of a seed for each split. The seed replaces every `random_state` of an estimator, except
        in steps before the last of a pipeline. Set those to an int, or each call gives other results.
    callbacks : sequence of callbacks, default=()
        For example ``[sklearn.callback.ProgressBar(max_propagation_depth=None)]``. Needs scikit-learn 1.9 or later.

    Returns
    -------
    comparison : Comparison
        Scores, differences and verdicts. Print it, or call its `details`, `to_frame` and `plot`.

    Raises
    ------
    ValueError
        If an argument is invalid, there are fewer than two estimators or splits, a splitter needs groups, a search has
        ``refit=False``, or a score is not one finite number. For the default log loss: if a training set lacks a class,
        or an estimator lacks `predict_proba`.
    Exception
        If a fit or a score fails. A note names the label and the split.

    Warns
    -----
    DataConversionWarning
        If `y` is a column vector. It is flattened.
    UserWarning
        If `groups` cannot reach a search or a net inside an estimator.
    Warning
        If fits give warnings: one per category, after all fits. It has the number of fits of each estimator that
        warned, and the most frequent text. A search counts as one fit. Warning filters apply to each fit.

    References
    ----------
    .. [1] Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    .. [2] Bouthillier et al., "Accounting for variance in machine learning benchmarks", MLSys, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_shallow import ShallowNetClassifier, compare_estimators
    >>> X, y = load_iris(return_X_y=True)
    >>> estimators = {"net": ShallowNetClassifier(hidden_size=10), "naive Bayes": GaussianNB()}
    >>> compare_estimators(estimators, X, y, cv=2, random_state=0).scores_["net"].shape
    (2,)
    """
    estimators, reference = _checked(estimators, reference, rope)
    for name, value in {"paired_seeds": paired_seeds, "refit": refit}.items():
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} must be True or False. Got {value!r}.")
    y_is_numeric = is_regressor(estimators[reference])
    X, y = _rows_and_targets(X, y, y_is_numeric)
    arguments = _params(estimators, groups, params)
    contenders = [Contender(label, one, arguments[label]) for label, one in estimators.items()]
    rng = check_random_state(random_state)
    cv = _default_cv(y, y_is_numeric, groups, rng) if cv is None else check_cv(cv, y, classifier=not y_is_numeric)
    splits = splits_with_seeds(_splits(cv, X, y, groups), len(estimators), paired_seeds, rng)
    scorer, name = _scorer(estimators[reference], y, scoring, splits, params)
    run = CompareEstimators(contenders, scorer, all(map(has_net, estimators.values())), n_jobs)
    if callbacks:
        set_callbacks(run, callbacks)
    run.fit(X, y, splits=splits)
    warned = dict(zip(estimators, zip(*run.warned_, strict=True), strict=True))
    warn(warned, run.other_warnings_)
    figures = {what: dict(zip(estimators, values.T, strict=True)) for what, values in run.measured_.items()}
    ratio = sum(len(split.test) for split in splits) / sum(len(split.train) for split in splits)
    comparison = Comparison(
        figures, reference=reference, test_ratio=ratio, rope=rope, scoring=name, warnings=texts_of(warned)
    )
    if refit:
        best = next(contender for contender in contenders if contender.label == comparison.best_)
        with one_thread(), best.named_in_errors("on all rows"):
            comparison.best_estimator_ = best.seeded(int(rng.randint(MAX_SEED))).fit(X, y, **best.params)
    return comparison


def compare_activations(estimator, X, y, *, activations=None, reference=None, **kwargs):
    """Compare the activations of a net.

    This is `compare_estimators` for clones of an estimator with each activation.

    Parameters
    ----------
    estimator : ShallowNetClassifier, ShallowNetRegressor, Pipeline or search
        The net, a pipeline that ends in it, or a search over either, such as `GridSearchCV`. A search tunes each
        activation in the same way, within each training set.
    X, y : array-like
        Rows and targets, as in `compare_estimators`.
    activations : sequence of str or Activation, dict of str to either, or None, default=None
        What to compare. The keys of a dict are the labels in the results; two labels may have the same activation.
        None takes all registered activations.
    reference : str or None, default=None
        Label of the activation to compare the others with. None takes the activation of the estimator, which is added
        if it is missing.
    **kwargs
        cv, scoring, rope, paired_seeds, refit, groups, params, n_jobs, random_state and callbacks, as in
        `compare_estimators`.

    Returns
    -------
    comparison : Comparison
        As for `compare_estimators`.

    Raises
    ------
    ValueError
        If there is no net in the estimator, a search tunes the activation, or as in `compare_estimators`.
    """
    *_, (path, net) = walk_to_net(estimator)
    table = _by_label(list(ACTIVATIONS) if activations is None else activations, "activations")
    table, reference = _with_own(table, net.activation, reference)
    comparison = compare_estimators(_clones(estimator, f"{path}activation", table), X, y, reference=reference, **kwargs)
    comparison.compared = "activation"
    return comparison


def compare_parameter(estimator, X, y, param_name, param_range, *, reference=None, **kwargs):
    """Compare values of one parameter.

    This is `compare_estimators` for clones of an estimator with each value.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor: a net, a pipeline, a search or any other.
    X, y : array-like
        Rows and targets, as in `compare_estimators`.
    param_name : str
        Name of the parameter, as in `validation_curve`: "hidden_size", or "shallownetclassifier__hidden_size" in a
        pipeline.
    param_range : sequence, or dict of str to value
        Values to compare. The keys of a dict are the labels in the results.
    reference : object or None, default=None
        Label or value to compare the others with. None takes the estimator's own value if it is among them, and
        otherwise the first.
    **kwargs
        cv, scoring, rope, paired_seeds, refit, groups, params, n_jobs, random_state and callbacks, as in
        `compare_estimators`.

    Returns
    -------
    comparison : Comparison
        As for `compare_estimators`.

    Raises
    ------
    ValueError
        If the estimator has no such parameter, a search tunes it, it is a `random_state`, or as in
        `compare_estimators`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_shallow import ShallowNetClassifier, compare_parameter
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = compare_parameter(ShallowNetClassifier(), X, y, "hidden_size", [5, 50], cv=2, random_state=0)
    >>> comparison.scores_["50"].shape
    (2,)
    """
    if not isinstance(param_name, str):
        raise ValueError(f"param_name must be the name of a parameter, after X and y. Got {param_name!r}.")
    if param_name.rpartition("__")[2] == "random_state":
        raise ValueError(
            f"param_name must not be a seed, because the comparison sets all seeds itself. Got {param_name!r}. Rows "
            "and seeds change from split to split: the intervals show how much they matter."
        )
    table = _by_label(param_range, "param_range")
    clones = _clones(estimator, param_name, table)
    if reference is None or label_of(reference) not in table:
        wanted = _own_value(estimator, param_name, clones) if reference is None else reference
        reference = next((label for label, value in table.items() if equal(value, wanted)), reference)
    comparison = compare_estimators(clones, X, y, reference=reference, **kwargs)
    comparison.compared = param_name
    return comparison


def _own_value(estimator, name, clones):
    """Return the estimator's value of a parameter. A component given by name has the defaults of its class."""
    params = estimator.get_params()
    if name in params:
        return params[name]
    component, _, parameter = name.rpartition("__")
    of_clone = next(iter(clones.values())).get_params()[component]  # the clones have an object
    return type(of_clone)().get_params()[parameter]


def _by_label(values, name):
    """Return a dict of values by label."""
    if isinstance(values, str) or not np.iterable(values):
        raise ValueError(f"{name} must be a list or a dict of at least two values. Got {values!r}.")
    pairs = list(values.items()) if isinstance(values, Mapping) else [(value, value) for value in values]
    labels = [label_of(key) for key, _ in pairs]
    if repeated := {label for label in labels if labels.count(label) > 1}:
        raise ValueError(f"Duplicate {name}: {sorted(repeated)}. Pass a dict with distinct labels.")
    if not all(map(str.strip, labels)):
        raise ValueError(f"Labels of {name} must not be empty. Got {labels}.")
    return {label: value for label, (_, value) in zip(labels, pairs, strict=True)}


def _with_own(table, own, reference):
    """Return the activation objects by label, and the label of the reference.

    If `reference` is None, it is the estimator's `own` activation, which is added if it is missing.
    """
    objects = {label: as_activation(value) for label, value in table.items()}
    if reference is None:  # `==` too: `equal` is False for a callable object and its copy
        same = (label for label, value in table.items() if value == own or equal(objects[label], as_activation(own)))
        reference = next(same, None)
    if reference is None:
        reference = label_of(own)
        if reference in table:
            raise ValueError(
                f"{reference!r} is the estimator's activation, but also the label of another one. Pass a dict with "
                "distinct labels, or set reference."
            )
        objects = {reference: as_activation(own), **objects}
    return objects, reference


def _clones(estimator, name, table):
    """Return clones of the estimator by label, each with a value of a parameter that no search tunes."""
    for prefix, part in walk(estimator):
        inner = name.removeprefix(f"{prefix}estimator__")
        if not is_search(part) or inner == name:  # the parameter is not inside
            continue
        for key in tuned_parameters(part):
            if f"{inner}__".startswith(f"{key}__") or key.startswith(f"{inner}__"):
                raise ValueError(
                    f"The search must not tune {key!r}, because the comparison sets {inner!r}. Remove it there."
                )
    return {label: clone(estimator).set_params(**{name: value}) for label, value in table.items()}


def _checked(estimators, reference, rope):
    """Return clones of the estimators by label, and the label of the reference."""
    if not isinstance(estimators, Mapping) or len(estimators) < 2:
        got = list(estimators) if isinstance(estimators, Mapping) else estimators
        raise ValueError(f"At least two estimators are needed, in a dict from labels to estimators. Got {got}.")
    estimators = _by_label(estimators, "estimators")
    for label, estimator in estimators.items():
        if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
            raise ValueError(
                f"Estimators must be instances, such as LogisticRegression(). Got {label!r}: {estimator!r}."
            )
    estimators = {label: clone(estimator) for label, estimator in estimators.items()}
    reference = next(iter(estimators)) if reference is None else label_of(reference)
    if reference not in estimators:
        raise ValueError(f"reference must be one of {sorted(estimators)}. Got {reference!r}.")
    kinds = {label: (is_classifier(one), is_regressor(one)) for label, one in estimators.items()}
    for label, estimator in estimators.items():
        if kinds[label] != kinds[reference] or not any(kinds[label]):
            raise ValueError(f"All estimators must be classifiers, or all regressors. Got {label!r}: {estimator!r}.")
        if not all(part.refit for _, part in walk(estimator) if is_search(part)):
            raise ValueError(f"A search must have refit=True, or there is nothing to score. Got False in {label!r}.")
    if not (rope is None or (isinstance(rope, Real) and 0 <= rope < np.inf)):
        raise ValueError(f"rope must be None or a number in [0, inf), in units of the score. Got {rope!r}.")
    return estimators, reference


def _rows_and_targets(X, y, y_is_numeric):
    """Return X and y in a form that can be split. A column of targets becomes 1d, with a warning, as in `fit`.

    Integers held as objects become integers.
    """
    X, y = indexable(X, y)
    is_column = np.ndim(y) == 2 and np.shape(y)[1] == 1
    if y_is_numeric:
        return X, column_or_1d(y, warn=True) if is_column else y
    if is_column or type_of_target(y) == "unknown":
        y = as_labels(y if issparse(y) else np.asarray(y))
    return X, y


def _params(estimators, groups, params):
    """Return the arguments of `fit` by label, with the groups for nets, which request them under metadata routing."""
    params = dict(params or {})
    if "groups" in params and not is_routing():
        raise ValueError(
            "params may have 'groups' only if metadata routing is enabled. Got 'groups' without it. Pass them as "
            "groups=groups."
        )
    if groups is None:
        return dict.fromkeys(estimators, params)
    arguments, not_reached = {}, []
    for label, estimator in estimators.items():
        parts, nets = list(walk(estimator)), nets_in(estimator)
        path, last = parts[-1]
        if is_routing():
            if has_net(last):
                last.set_fit_request(groups=True)
            names = get_routing_for_object(estimator).consumes("fit", {"groups"})
            reached = all(net.get_metadata_routing().fit.requests["groups"] for net in nets)
        else:
            has_search = any(is_search(part) for _, part in parts)
            names = [f"{path}groups"] if has_net(last) and not has_search else []
            reached = not has_search and all(net is last for net in nets)
        if not reached:
            not_reached.append(label)
        arguments[label] = params | dict.fromkeys(names, groups)
    if not_reached:
        _warn_of_groups(not_reached)
    return arguments


def _warn_of_groups(labels):
    """Warn that some searches and nets hold out rows without groups."""
    remedy = "Call set_fit_request(groups=True) on these nets."
    if not is_routing():
        remedy = (
            "They get groups only with metadata routing: call sklearn.set_config(enable_metadata_routing=True) first. "
            "Nets inside other estimators than pipelines and searches also need set_fit_request(groups=True)."
        )
    warnings.warn(
        f"groups reach the splits, but not all searches and nets inside {labels}, so their folds, early stopping and "
        f"alpha='auto' may hold out rows of groups that they train on. {remedy}",
        stacklevel=users_level(),
    )


def _default_cv(y, y_is_numeric, groups, rng):
    stratified = not y_is_numeric and not type_of_target(y).startswith("multilabel")
    of_rows, of_groups = (StratifiedKFold, StratifiedGroupKFold) if stratified else (KFold, GroupKFold)
    kind = of_rows if groups is None else of_groups
    return RepeatedSplits(kind, n_splits=5, n_repeats=4, random_state=rng.randint(MAX_SEED))


def _splits(cv, X, y, groups):
    """Return the splits as a list of pairs of indices."""
    try:
        splits = list(cv.split(X, y, groups))
    except ValueError as error:
        if groups is None and "groups" in str(error):
            raise ValueError(f"{cv} needs groups, an array with the group of each row. Got None.") from error
        raise
    if len(splits) < 2:
        raise ValueError(f"At least two splits are needed to see how scores vary. cv gives {len(splits)}.")
    rows = np.arange(len(y))
    return [(rows[train], rows[test]) for train, test in splits]  # from indices or masks


def _scorer(estimator, y, scoring, splits, params):
    """Return the scorer and its name."""
    if scoring is not None:
        if not (isinstance(scoring, str) or callable(scoring)) or isinstance(scoring, SeveralScorers):
            raise ValueError(f"scoring must be one scorer: a name or a callable. Got {scoring!r}.")
        return check_scoring(estimator, scoring), label_of(scoring)
    name = "neg_mean_squared_error" if is_regressor(estimator) else "neg_log_loss"
    scorers = {"score": get_scorer(name)} if is_regressor(estimator) else _log_loss(y, splits)
    if is_routing() and "sample_weight" in (params or {}):
        scorers = {what: scorer.set_score_request(sample_weight=True) for what, scorer in scorers.items()}
    return check_scoring(estimator, scorers if len(scorers) > 1 else scorers["score"]), name


def _log_loss(y, splits):
    """Return scorers for minus the log loss, also on test sets that lack a class, and for probabilities of 0."""
    if type_of_target(y).startswith("multilabel"):
        raise ValueError("neg_log_loss is not defined for multilabel targets. Pass scoring, for example 'f1_macro'.")
    y = np.asarray(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(f"At least two classes are needed. y has only {classes.tolist()}.")
    for split in splits:
        if missing := np.setdiff1d(classes, y[split.train]).tolist():
            raise ValueError(
                f"Split {split.number} has no training row of class {missing[0]!r}, which has "
                f"{np.sum(y == missing[0])} rows, so no estimator could predict it. Merge rare classes, or pass "
                "another cv or scoring."
            )
    given = {"response_method": "predict_proba", "labels": classes}
    return {"score": make_scorer(log_loss, greater_is_better=False, **given), "zeros": make_scorer(_zeros, **given)}


def _zeros(y_true, y_proba, labels, sample_weight=None):
    """Return the share of rows whose class has such a small probability that `log_loss` replaces it by an eps."""
    y_proba = np.column_stack([1 - y_proba, y_proba]) if y_proba.ndim == 1 else y_proba
    of_class = y_proba[np.arange(len(y_true)), np.searchsorted(labels, y_true)]
    return np.mean(of_class <= np.finfo(np.result_type(of_class, np.float32)).eps)  # integers become float64
