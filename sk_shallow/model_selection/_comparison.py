"""`compare_activations`: which activation suits the data, and how sure one can be of it."""

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, RepeatedKFold, RepeatedStratifiedKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, indexable
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.parallel import Parallel, delayed

from sk_shallow._classifier import ShallowNetClassifier
from sk_shallow._compat import (
    CallbackSupportMixin,
    ScorerAndMore,
    callback_context,
    rows_of,
    set_callbacks,
    with_callbacks,
)
from sk_shallow.activations import ACTIVATIONS, as_activation
from sk_shallow.inspection._nets import fitted_net, path_to_net
from sk_shallow.inspection._units import units_of
from sk_shallow.model_selection._results import FIGURES, ActivationComparison

# Rows on which the hidden units are looked at.
ROWS = 1000


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
    """Compare activations by cross-validation, each with one reference, and say which differences can be trusted.

    On every split all activations are fitted on the same rows, with the same seed, so that their scores differ by the
    activation alone. Differences are judged by the corrected resampled t-test, which knows that the training sets of
    cross-validation overlap [1]_; p-values are corrected for the number of comparisons by Holm's method.

    Parameters
    ----------
    estimator : ShallowNetClassifier, Pipeline or search
        The net, a pipeline that ends in it, or a search over either, such as `GridSearchCV`, which then tunes every
        activation alike within each training set. It is cloned, never fitted itself.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    activations : sequence of str or Activation, dict of str to either, or None, default=None
        What to compare. The keys of a dict are the labels in the results; two of them may have the same activation.
        None takes all that are registered.
    reference : str or None, default=None
        Label of the activation that each other one is compared with. Choose it before you see the results. None is
        the activation of the estimator, which is added if it is not there.
    cv : int, splitter, iterable or None, default=None
        Splits, as in `cross_validate`. None is ``RepeatedStratifiedKFold(n_splits=5, n_repeats=4)``.
    scoring : str, callable or None, default=None
        One scikit-learn scorer, greater is better. None is "neg_log_loss", in nats per sample.
    rope : float in [0, inf) or None, default=None
        Region of practical equivalence: a difference of mean scores of at most `rope`, in units of the score, does not
        matter to you. None is no region.
    paired_seeds : bool, default=True
        Whether all activations have the same seed on a split. With False each has its own: differences then hold what
        the seed alone does, too.
    refit : bool, default=False
        Whether to fit the activation with the highest mean score on all rows, as ``best_estimator_`` of the result,
        with a seed of its own from `random_state`.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, for splitters such as `GroupKFold`.
    params : dict or None, default=None
        What `fit` and the scorer are given besides, such as `sample_weight`; routed as in `GridSearchCV.fit`. Groups
        are not among them.
    n_jobs : int or None, default=None
        Number of splits that are worked on at the same time, in processes of joblib. It does not change the results.
    random_state : int, RandomState instance or None, default=None
        Source of the folds and of a seed for each split. The seed replaces every `random_state` of the estimator.
    callbacks : sequence of callbacks, default=()
        For example ``[sklearn.callback.ProgressBar(max_propagation_depth=None)]``. Needs scikit-learn 1.9 or later.

    Returns
    -------
    comparison : ActivationComparison
        Scores, differences and verdicts. Print it, or call its `to_frame` and `plot`.

    Raises
    ------
    ValueError
        If there is no net in the estimator, a name is unknown, fewer than two activations or splits are there, or a
        splitter needs groups that are not given; or if a score is not finite.

    References
    ----------
    .. [1] Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    .. [2] Bouthillier et al., "Accounting for variance in machine learning benchmarks", MLSys, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.model_selection import compare_activations
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ShallowNetClassifier(hidden_size=10)
    >>> comparison = compare_activations(net, X, y, activations=["identity", "relu"], cv=2, random_state=0)
    >>> comparison.scores_["identity"].shape
    (2,)
    """
    X, y = indexable(X, y)
    path = path_to_net(estimator)
    _check_searches(estimator)
    if not (rope is None or (isinstance(rope, Real) and 0 <= rope < np.inf)):
        raise ValueError(f"rope must be a finite number, not negative, in units of the score. Got {rope!r}.")
    own = estimator.get_params()[f"{path}activation"]
    table, reference = _labelled(activations, own, reference)
    rng = check_random_state(random_state)
    cv = _repeated_folds(y, rng) if cv is None else check_cv(cv, y, classifier=True)
    splits = _splits(cv, X, y, groups)
    scorer, name = _scorer(estimator, y, scoring, splits)
    seeds = rng.randint(np.iinfo(np.int32).max, size=(len(splits), 1 if paired_seeds else len(table)))
    grids = [_grid(estimator, path, table, row) for row in seeds]
    runs = [Run(estimator, grid, split, scorer) for grid, split in zip(grids, splits, strict=True)]
    comparing = CompareActivations(runs, n_jobs)
    if callbacks:
        set_callbacks(comparing, callbacks)
    measured = comparing.fit(X, y, **(params or {})).measured_
    figures = {what: dict(zip(table, values.T, strict=True)) for what, values in measured.items()}
    ratio = sum(len(test) for _, test in splits) / sum(len(train) for train, _ in splits)
    comparison = ActivationComparison(figures, reference=reference, test_ratio=ratio, rope=rope, scoring=name)
    if refit:
        best = {comparison.best_: table[comparison.best_]}
        grid = _grid(estimator, path, best, rng.randint(np.iinfo(np.int32).max, size=1))
        search = GridSearchCV(estimator, grid, scoring=scorer, cv=splits[:1], error_score="raise")
        comparison.best_estimator_ = search.fit(X, y, **(params or {})).best_estimator_
    return comparison


class Run(NamedTuple):
    """The fits of all activations to one training set."""

    estimator: BaseEstimator
    grid: list[dict[str, list]]  # the parameters of each activation
    split: tuple[np.ndarray, np.ndarray]
    scorer: Callable[..., float]

    def measured(self, task, X, y, params):
        """Return the figures of all activations, each of shape (n_activations,)."""
        train = self.split[0]
        rows = rows_of(X, train[:: -(-len(train) // ROWS)])
        scoring = ScorerAndMore(self.scorer, partial(_measure, rows))
        options = {"scoring": scoring, "cv": [self.split], "refit": False, "error_score": "raise"}
        search = GridSearchCV(self.estimator, self.grid, **options)
        task.call_on_fit_task_begin(estimator=search, X=X, y=y)
        with task.propagate_callback_context(search):
            results = search.fit(X, y, **params).cv_results_
        task.call_on_fit_task_end(estimator=search, X=X, y=y)
        figures = {what: results.get(f"mean_test_{what}") for what in ("score", *FIGURES)}
        return {**figures, "seconds": results["mean_fit_time"]}


class CompareActivations(CallbackSupportMixin, BaseEstimator):
    """The runs of a comparison as an estimator, which is what takes callbacks."""

    def __init__(self, runs, n_jobs=None):
        self.runs = runs
        self.n_jobs = n_jobs

    @with_callbacks
    def fit(self, X, y, **params):
        """Run them; `measured_` holds each figure as an array of shape (n_splits, n_activations)."""
        context = callback_context(self, max_subtasks=len(self.runs), sequential_subtasks=False)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        tasks = [context.subcontext(task_name="split", task_id=i) for i in range(len(self.runs))]
        measured = Parallel(n_jobs=self.n_jobs)(
            delayed(run.measured)(task, X, y, params) for run, task in zip(self.runs, tasks, strict=True)
        )
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        self.measured_ = {what: np.array([figures[what] for figures in measured]) for what in ("score", *FIGURES)}
        return self


def _measure(rows, estimator):
    """Return what else is measured of a fitted estimator, on rows that it was trained on."""
    net, rows = fitted_net(estimator, rows)
    units = units_of(net, rows)
    return {
        "epochs": net.n_iter_,
        "weights": sum(array.size for array in net.coefs_ + net.intercepts_),
        "dead": units.dead.mean(),
        "saturated": units.saturated.mean(),
    }


def _check_searches(estimator):
    """Raise ValueError where a search around the net tunes the activation itself, or does not refit."""
    while not isinstance(estimator, ShallowNetClassifier):
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
            continue
        inner, tuned = estimator.estimator, vars(estimator)
        grid = tuned.get("param_grid", tuned.get("param_distributions", {}))
        name = f"{path_to_net(inner)}activation"
        for key in {key for part in ([grid] if isinstance(grid, Mapping) else grid) for key in part}:
            if f"{name}__".startswith(f"{key}__") or key.startswith(f"{name}__"):
                raise ValueError(
                    f"The search tunes {key!r}, and {name!r} is what is compared. Take it out of the search."
                )
        if not estimator.refit:
            raise ValueError(f"The search must have refit=True, or there is no net to score. Got {estimator.refit!r}.")
        estimator = inner


def _labelled(activations, own, reference):
    """Return a dict from labels to activation objects, and the label of the reference."""
    if activations is None:
        activations = list(ACTIVATIONS)
    if isinstance(activations, str):
        raise ValueError(f"activations must be several: a list or a dict. Got {activations!r}.")
    if not isinstance(activations, Mapping):
        activations = list(activations)
        labels = [_label(value) for value in activations]
        if repeated := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"{sorted(repeated)} are there twice. Give a dict, from labels to activations.")
        activations = dict(zip(labels, activations, strict=True))
    table = {str(label): as_activation(value) for label, value in activations.items()}
    if reference is None:
        reference = next((label for label, value in table.items() if repr(value) == repr(as_activation(own))), None)
    if reference is None:
        reference = _label(own)
        if reference in table:
            raise ValueError(f"{reference!r} is the estimator's activation, and here another one. Give reference.")
        table = {reference: as_activation(own), **table}
    reference = str(reference)
    if reference not in table:
        raise ValueError(f"reference must be one of {sorted(table)}. Got {reference!r}.")
    if len(table) < 2:
        raise ValueError(f"At least two activations are needed. Got {sorted(table)}.")
    return table, reference


def _label(value):
    if isinstance(value, tuple):
        value = value[0]
    return value if isinstance(value, str) else _in_one_line(value)


def _in_one_line(value):
    """Return a name that is the same in every run."""
    return getattr(value, "__name__", None) or " ".join(repr(value).split())


def _repeated_folds(y, rng):
    kind = RepeatedKFold if type_of_target(y).startswith("multilabel") else RepeatedStratifiedKFold
    return kind(n_splits=5, n_repeats=4, random_state=rng.randint(np.iinfo(np.int32).max))


def _splits(cv, X, y, groups):
    """Return the splits as a list of pairs of indices."""
    try:
        splits = list(cv.split(X, y, groups))
    except ValueError as error:
        if groups is None and "groups" in str(error):
            raise ValueError(f"{cv} needs groups: an array with the group of each row. Got None.") from error
        raise
    if len(splits) < 2:
        raise ValueError(f"At least two splits are needed to see how scores vary. cv makes {len(splits)}.")
    return [tuple(_indices(part) for part in split) for split in splits]


def _indices(part):
    part = np.asarray(part)
    return np.flatnonzero(part) if part.dtype == bool else part


def _scorer(estimator, y, scoring, splits):
    """Return the scorer and its name."""
    if scoring is None:
        return _log_loss_scorer(y, splits), "neg_log_loss"
    if not (isinstance(scoring, str) or callable(scoring)):
        raise ValueError(f"scoring must be one scorer: a name or a callable. Got {scoring!r}.")
    return check_scoring(estimator, scoring), scoring if isinstance(scoring, str) else _in_one_line(scoring)


def _log_loss_scorer(y, splits):
    """Return scikit-learn's scorer "neg_log_loss", for test sets that may not have all classes."""
    if type_of_target(y).startswith("multilabel"):
        raise ValueError("neg_log_loss is not defined for multilabel targets. Give scoring, for example 'f1_macro'.")
    y = np.asarray(y)
    classes = np.unique(y)
    for i, (train, _) in enumerate(splits):
        if missing := sorted(set(classes.tolist()) - set(y[train].tolist()), key=str):
            raise ValueError(
                f"Split {i} has no training row of class {missing[0]!r}, which has {np.sum(y == missing[0])} rows: its "
                "log loss would be infinite. Merge rare classes, take other folds, or give another scoring."
            )
    return make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", labels=classes)


def _grid(estimator, path, table, seeds):
    """Return one set of parameters per activation, with its seed."""
    names = [name for name in estimator.get_params() if name == "random_state" or name.endswith("__random_state")]
    seeds = [int(seed) for seed in np.broadcast_to(seeds, len(table))]
    return [
        {f"{path}activation": [activation], **{name: [seed] for name in names}}
        for activation, seed in zip(table.values(), seeds, strict=True)
    ]
