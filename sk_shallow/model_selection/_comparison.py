"""`compare_activations`: which activation suits the data, and how sure you can be."""

import warnings
from collections.abc import Mapping
from copy import copy
from functools import partial
from inspect import signature
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import check_scoring, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, ParameterGrid, RepeatedKFold, RepeatedStratifiedKFold, check_cv
from sklearn.utils import check_random_state, indexable, resample
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.parallel import Parallel, delayed

from sk_shallow._compat import (
    CallbackSupportMixin,
    SearchWithGroups,
    callback_context,
    rows_of,
    set_callbacks,
    with_callbacks,
)
from sk_shallow._component import equal
from sk_shallow._fit.targets import as_labels
from sk_shallow.activations import ACTIVATIONS, as_activation, label_of
from sk_shallow.inspection._nets import is_search, net_and_rows, tuned_parameters, walk_to_net
from sk_shallow.inspection._units import units_of
from sk_shallow.model_selection._results import MEASUREMENTS, ActivationComparison
from sk_shallow.model_selection._warnings import by_kind, by_place, recorded_warnings, texts_of, warn

MAX_UNIT_ROWS = 1000  # of the random sample of training rows on which dead and saturated units are counted


def compare_activations(
    estimator,
    X,
    y,
    *,
    activations=None,
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
    """Compare activations with one reference by cross-validation, and say which differences you can trust.

    On each split, all activations are fitted to the same rows with the same seed, so that the scores differ by the
    activation alone. Rows and seed both change from split to split, so both sources of randomness are covered [2]_. The
    corrected resampled t-test takes into account that the training sets of cross-validation overlap [1]_. The p-values
    are corrected for the number of comparisons by Holm's method.

    Parameters
    ----------
    estimator : ShallowNetClassifier, Pipeline or search
        The net, a pipeline that ends in it, or a search over either, such as `GridSearchCV`. A search tunes each
        activation in the same way, within each training set. The estimator is cloned and not fitted itself.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    activations : sequence of str or Activation, dict of str to either, or None, default=None
        What to compare. The keys of a dict are the labels in the results; two labels may have the same activation.
        None takes all registered activations.
    reference : str or None, default=None
        Label of the activation that each other one is compared with. Choose it before you see the results. None takes
        the activation of the estimator, which is added if it is missing.
    cv : int, splitter, iterable or None, default=None
        Splits, as in `cross_validate`. None is ``RepeatedStratifiedKFold(n_splits=5, n_repeats=4)``.
    scoring : str, callable or None, default=None
        One scikit-learn scorer, greater is better. None is "neg_log_loss", in nats per sample.
    rope : float in [0, inf) or None, default=None
        Region of practical equivalence: differences of mean scores up to `rope`, in units of the score, do not matter
        to you. None is no region.
    paired_seeds : bool, default=True
        Whether all activations have the same seed on a split. If False, each activation has its own seed, and
        differences include the effect of the seed.
    refit : bool, default=False
        Whether to fit the activation with the highest mean score to all rows, with a new seed from `random_state`, and
        store it as ``best_estimator_`` of the result.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, for splitters such as `GroupKFold`. The nets get those of their training rows, as `groups` of
        `fit`. Nets inside a search get them only if metadata routing is enabled.
    params : dict or None, default=None
        Extra arguments of `fit` and the scorer, such as `sample_weight`, routed as in `GridSearchCV.fit`. The default
        score uses the weights too. Pass groups as `groups`.
    n_jobs : int or None, default=None
        Number of splits to process in parallel, with joblib. It does not change the results.
    random_state : int, RandomState instance or None, default=None
        Source of the folds and of a seed for each split. The seed replaces the `random_state` of the net and of a
        search. The other steps of a pipeline keep theirs. Set it to an int in each random step, or each call
        gives other results.
    callbacks : sequence of callbacks, default=()
        For example ``[sklearn.callback.ProgressBar(max_propagation_depth=None)]``. Needs scikit-learn 1.9 or later.

    Returns
    -------
    comparison : ActivationComparison
        Scores, differences and verdicts. Print it, or call its `to_frame` and `plot`.

    Raises
    ------
    ValueError
        If there is no net in the estimator, an argument is invalid, there are fewer than two activations or splits, a
        splitter needs groups, a search tunes the activation or has ``refit=False``, or a score is not finite.

    Warns
    -----
    DataConversionWarning
        If `y` is a column vector. It is flattened.
    UserWarning
        If `groups` cannot reach the nets of a search, because metadata routing is not enabled.
    Warning
        If fits give warnings: one per category, after all fits. It has the number of fits of each activation that
        warned, and the most frequent text. A search counts as one fit. Warning filters apply to each fit.

    References
    ----------
    .. [1] Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    .. [2] Bouthillier et al., "Accounting for variance in machine learning benchmarks", MLSys, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_shallow import ShallowNetClassifier, compare_activations
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ShallowNetClassifier(hidden_size=10)
    >>> comparison = compare_activations(net, X, y, activations=["identity", "relu"], cv=2, random_state=0)
    >>> comparison.scores_["identity"].shape
    (2,)
    """
    X, y = _rows_and_labels(X, y)
    path = _path_to_net(estimator)
    estimator, params = _with_groups(estimator, path, groups, _fit_params(params))
    _check_rope(rope)
    own = estimator.get_params()[f"{path}activation"]
    table, reference = _with_reference(_bylabel_of(activations), own, reference)
    rng = check_random_state(random_state)
    splits = _splits(cv, X, y, groups, rng)
    scorer, name = _scorer(estimator, y, scoring, splits, params)
    seeds = rng.randint(np.iinfo(np.int32).max, size=(len(splits), 1 if paired_seeds else len(table)))
    kind = GridSearchCV if groups is None else SearchWithGroups
    search = partial(kind, estimator, scoring=scorer, error_score="raise", n_jobs=1)
    grids = [_grid(estimator, path, table, row) for row in seeds]
    searches = [search(grid, cv=[split], refit=False) for grid, split in zip(grids, splits, strict=True)]
    comparing = CompareActivations(searches, n_jobs)
    if callbacks:
        set_callbacks(comparing, callbacks)
    comparing.fit(X, y, **params)
    warned = dict(zip(table, zip(*comparing.warned_, strict=True), strict=True))
    warn(warned, comparing.other_warnings_)
    figures = {what: dict(zip(table, values.T, strict=True)) for what, values in comparing.measured_.items()}
    ratio = sum(len(test) for _, test in splits) / sum(len(train) for train, _ in splits)
    comparison = ActivationComparison(
        figures, reference=reference, test_ratio=ratio, rope=rope, scoring=name, warnings=texts_of(warned)
    )
    if refit:
        best = {comparison.best_: table[comparison.best_]}
        grid = _grid(estimator, path, best, rng.randint(np.iinfo(np.int32).max, size=1))
        comparison.best_estimator_ = _fit_once(search(grid), X, y, params)
    return comparison


class CompareActivations(CallbackSupportMixin, BaseEstimator):
    """An estimator that runs the searches of a comparison, one per split. Callbacks need an estimator."""

    def __init__(self, searches, n_jobs=None):
        self.searches = searches
        self.n_jobs = n_jobs

    @with_callbacks
    def fit(self, X, y, **params):
        """Run the searches.

        `measured_` has an array of shape (n_splits, n_activations) for each measurement. `warned_` has, for each split
        and activation, a dict of the warnings of its fit. `other_warnings_` is a dict of the warnings outside fits.
        """
        context = callback_context(self, max_subtasks=len(self.searches), sequential_subtasks=False)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        tasks = [context.subcontext(task_name="split", task_id=i) for i in range(len(self.searches))]
        with recorded_warnings():  # around all splits, because they may run in threads
            splits = Parallel(n_jobs=self.n_jobs)(
                delayed(_measure_split)(search, task, X, y, params)
                for search, task in zip(self.searches, tasks, strict=True)
            )
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        measured, self.warned_, others = zip(*splits, strict=True)
        self.measured_ = {what: np.array([figures[what] for figures in measured]) for what in ("score", *MEASUREMENTS)}
        self.other_warnings_ = {place: text for split in others for place, text in split.items()}
        return self


class ScorerAndMore:
    """A scorer for searches that also returns other measurements, in a dict.

    Attribute access is forwarded to `scorer`, so scikit-learn treats it as the original.
    """

    def __init__(self, scorer, measure):
        self.scorer = scorer
        self.measure = measure  # of a fitted estimator
        self.__signature__ = signature(scorer)

    def __call__(self, estimator, X, y, **kwargs):
        return {"score": self.scorer(estimator, X, y, **kwargs), **self.measure(estimator)}

    def __repr__(self):
        return repr(self.scorer)

    def __getattr__(self, name):
        if name.startswith("__") or name == "scorer":  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.scorer, name)


class SplitsAndMore:
    """Splits that call `begin` when a search reads them: `GridSearchCV` does this just before the first fit."""

    def __init__(self, splits, begin):
        self.splits = splits
        self.begin = begin

    def __iter__(self):
        self.begin()
        return iter(self.splits)


def _measure_split(search, task, X, y, params):
    """Return the figures of one split, the warnings of its fits, and the warnings outside fits.

    The figures are arrays of shape (n_activations,). The warnings of the fits are a list with one dict per activation.
    """
    ((train, _),) = search.cv
    sample = resample(train, replace=False, n_samples=min(len(train), MAX_UNIT_ROWS), random_state=0)
    search = copy(search)  # so that the rows of a split are freed after it
    with recorded_warnings() as log:
        search.cv = SplitsAndMore(search.cv, log.end_part)
        search.scoring = ScorerAndMore(search.scoring, partial(_measure, rows_of(X, np.sort(sample)), log))
        task.call_on_fit_task_begin(estimator=search, X=X, y=y)
        with task.propagate_callback_context(search):
            results = search.fit(X, y, **params).cv_results_
        task.call_on_fit_task_end(estimator=search, X=X, y=y)
        before, *fits, after = log.take_parts()
    warned = [by_kind(part) for part in fits or [[]] * len(search.param_grid)]  # Dask fits elsewhere
    figures = {what: results.get(f"mean_test_{what}") for what in ("score", *MEASUREMENTS)}
    return {**figures, "seconds": results["mean_fit_time"]}, warned, by_place(before + after)


def _measure(rows, log, estimator):
    """Return the measurements of a fitted estimator, those of its hidden units on training rows."""
    net, rows = net_and_rows(estimator, rows)
    units = units_of(net, rows)
    log.end_part()
    return {
        "epochs": net.n_iter_,
        "weights": sum(array.size for array in net.coefs_ + net.intercepts_),
        "dead": units.dead.mean(),
        "saturated": units.saturated.mean(),
    }


def _rows_and_labels(X, y):
    """Return X and y in a form that can be split. A column of labels becomes 1d, with a warning, as in `fit`.

    Integers held as objects become integers.
    """
    X, y = indexable(X, y)
    if (np.ndim(y) == 2 and np.shape(y)[1] == 1) or type_of_target(y) == "unknown":
        y = as_labels(y if issparse(y) else np.asarray(y))
    return X, y


def _check_rope(rope):
    if not (rope is None or (isinstance(rope, Real) and 0 <= rope < np.inf)):
        raise ValueError(f"rope must be None or a number in [0, inf), in units of the score. Got {rope!r}.")


def _fit_params(params):
    """Return a copy of the extra arguments of `fit`. Raises ValueError for groups that a search would ignore."""
    params = dict(params or {})
    if "groups" in params and not _is_routing():
        raise ValueError(
            "params may have 'groups' only if metadata routing is enabled. Got 'groups' without it. Pass them as "
            "compare_activations(..., groups=groups)."
        )
    return params


def _with_groups(estimator, path, groups, params):
    """Return the estimator and the arguments of `fit` that hand the groups to the net."""
    if groups is None:
        return estimator, params
    if _is_routing():
        estimator = clone(estimator)
        *_, (_, net) = walk_to_net(estimator)
        net.set_fit_request(groups=True)
        return estimator, params | {"groups": groups}
    if any(is_search(part) for _, part in walk_to_net(estimator)):
        warnings.warn(
            "groups reach the splits, but not the nets inside the search, so early stopping and alpha='auto' may hold "
            "out rows of groups that they train on. Searches hand groups on only with metadata routing: call "
            "sklearn.set_config(enable_metadata_routing=True) first.",
            stacklevel=3,
        )
        return estimator, params
    return estimator, params | {f"{path}groups": groups}


def _path_to_net(estimator):
    """Return the prefix of the net's parameters. Raises ValueError if a search tunes activations or does not refit."""
    *outer, (path, _) = walk_to_net(estimator)
    for prefix, search in [(prefix, part) for prefix, part in outer if is_search(part)]:
        name = path.removeprefix(f"{prefix}estimator__") + "activation"
        for key in tuned_parameters(search):
            if f"{name}__".startswith(f"{key}__") or key.startswith(f"{name}__"):
                raise ValueError(
                    f"The search must not tune {key!r}, because compare_activations sets {name!r}. Remove it from the "
                    "search."
                )
        if not search.refit:
            raise ValueError(f"The search must have refit=True, or there is no net to score. Got {search.refit!r}.")
    return path


def _bylabel_of(activations):
    """Return a dict of activations by label."""
    if activations is None:
        activations = list(ACTIVATIONS)
    if isinstance(activations, str):
        raise ValueError(f"activations must be a list or a dict of at least two activations. Got {activations!r}.")
    if not isinstance(activations, Mapping):
        activations = list(activations)
        labels = [label_of(value) for value in activations]
        if repeated := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"Duplicate activations: {sorted(repeated)}. Pass a dict with distinct labels.")
        activations = dict(zip(labels, activations, strict=True))
    return {str(label): value for label, value in activations.items()}


def _with_reference(table, own, reference):
    """Return the activation objects by label, and the label of the reference.

    If it is the estimator's `own` activation, it may be added.
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
    reference = str(reference)
    if reference not in objects:
        raise ValueError(f"reference must be one of {sorted(objects)}. Got {reference!r}.")
    if len(objects) < 2:
        raise ValueError(f"At least two activations are needed. Got {sorted(objects)}.")
    return objects, reference


def _splits(cv, X, y, groups, rng):
    """Return the splits as a list of pairs of indices."""
    if cv is None:
        kind = RepeatedKFold if type_of_target(y).startswith("multilabel") else RepeatedStratifiedKFold
        cv = kind(n_splits=5, n_repeats=4, random_state=rng.randint(np.iinfo(np.int32).max))
    cv = check_cv(cv, y, classifier=True)
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
    """Return the scorer and its name. The default is "neg_log_loss". It also accepts test sets that lack a class."""
    if scoring is not None:
        if not (isinstance(scoring, str) or callable(scoring)):
            raise ValueError(f"scoring must be one scorer: a name or a callable. Got {scoring!r}.")
        return check_scoring(estimator, scoring), label_of(scoring)
    if type_of_target(y).startswith("multilabel"):
        raise ValueError("neg_log_loss is not defined for multilabel targets. Pass scoring, for example 'f1_macro'.")
    y = np.asarray(y)
    classes = np.unique(y)
    for i, (train, _) in enumerate(splits):
        if missing := np.setdiff1d(classes, y[train]).tolist():
            raise ValueError(
                f"Split {i} has no training row of class {missing[0]!r}, which has {np.sum(y == missing[0])} rows, so "
                "its log loss would be infinite. Merge rare classes, or pass another cv or scoring."
            )
    scorer = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", labels=classes)
    if _is_routing() and "sample_weight" in params:
        scorer.set_score_request(sample_weight=True)
    return scorer, "neg_log_loss"


def _grid(estimator, path, table, seeds):
    """Return a parameter grid with one candidate per activation, each with its seed for the net and for searches."""
    of_searches = [f"{prefix}random_state" for prefix, part in walk_to_net(estimator) if is_search(part)]
    names = [
        name
        for name in estimator.get_params()
        if name in of_searches or (name.startswith(path) and f"__{name}".endswith("__random_state"))
    ]
    seeds = [int(seed) for seed in np.broadcast_to(seeds, len(table))]
    return [
        {f"{path}activation": [activation], **{name: [seed] for name in names}}
        for activation, seed in zip(table.values(), seeds, strict=True)
    ]


def _fit_once(search, X, y, params):
    """Fit the only candidate of a search to all rows, as its refit would, and return the estimator."""
    if _is_routing():
        params = process_routing(search, "fit", **params).estimator.fit
    return clone(search.estimator).set_params(**ParameterGrid(search.param_grid)[0]).fit(X, y, **params)


def _is_routing():
    return get_config()["enable_metadata_routing"]
