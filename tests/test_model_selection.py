"""`compare_activations`: pairing, statistics, tables, errors; and that random differences are not reported as real."""

import re
import warnings
from functools import partial
from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import of_scores
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder, scale

from sk_shallow import ShallowNetClassifier
from sk_shallow._component import equal
from sk_shallow.activations import ACTIVATIONS, FunctionActivation, LeakyReLU, ReLU, Tanh
from sk_shallow.model_selection import ComparisonDisplay, compare_activations
from sk_shallow.model_selection._statistics import MeanDifference

parametrize = pytest.mark.parametrize
TWO = ["identity", "relu"]


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 4, "max_iter": 5, "alpha": 1.0, **kwargs})


def compare(X, y, estimator=None, **kwargs):
    given = {"activations": TWO, "cv": StratifiedKFold(3, shuffle=True, random_state=0), "random_state": 0, **kwargs}
    return compare_activations(estimator or net_of(), X, y, **given)


def test_default_splits_are_stratified_and_repeated(iris):
    X, y = iris
    comparison = compare(X, y, cv=None, random_state=7)
    assert comparison.n_splits_ == 20
    seed = np.random.RandomState(7).randint(np.iinfo(np.int32).max)
    same = compare(X, y, cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=seed))
    assert same.test_ratio == comparison.test_ratio == 0.25


def test_a_pair_of_lambdas_is_fitted_in_processes(iris):
    """joblib must pickle them."""
    activations = {"relu": "relu", "sine": (lambda z: np.sin(z), lambda z: np.cos(z))}
    one, two = (compare(*iris, activations=activations, n_jobs=n_jobs) for n_jobs in (None, 2))
    assert_array_equal(one.scores_["sine"], two.scores_["sine"])


def test_by_default_all_are_compared_with_the_estimators_activation(iris):
    comparison = compare(*iris, net_of(activation="tanh"), activations=None)
    assert list(comparison.scores_) == list(ACTIVATIONS)
    assert comparison.reference_ == "tanh"


@parametrize(
    ("own", "reference", "expected"),
    [("relu", None, "relu"), ("logistic", None, "logistic"), (LeakyReLU(0.2), None, "LeakyReLU(negative_slope=0.2)")],
)
def test_the_estimators_activation_is_added_if_it_is_missing(own, reference, expected, iris):
    activations = ["tanh", "sigmoid"] if own == "relu" else ["tanh", "relu"]
    comparison = compare(*iris, net_of(activation=own), activations=activations, reference=reference)
    assert comparison.reference_ in (expected, own)
    assert len(comparison.scores_) == 3


def test_one_activation_under_two_names_is_the_same(iris):
    """All differences are 0: p is 1, not NaN."""
    comparison = compare(*iris, net_of(activation="silu"), activations=["silu", "swish"])
    assert comparison.reference_ == "silu"
    assert comparison.verdicts_ == {"swish": "practically the same"}
    assert comparison.difference("swish").p_value() == 1.0
    assert comparison.smallest_difference_ is None
    assert "nan" not in str(comparison)


def test_unpaired_seeds_differ(iris):
    same = {"one": "relu", "other": "relu"}
    comparison = compare(*iris, activations=same, paired_seeds=False)
    assert not np.array_equal(comparison.scores_["one"], comparison.scores_["other"])
    paired = compare(*iris, activations=same)
    assert_array_equal(paired.scores_["one"], paired.scores_["other"])


@parametrize("wrap", ["pipeline", "grid", "random", "grid in pipeline"])
def test_pipelines_and_searches(wrap, iris):
    X, y = iris
    estimator = {
        "pipeline": make_pipeline(StandardScaler(), net_of()),
        "grid": GridSearchCV(
            make_pipeline(StandardScaler(), net_of()), {"shallownetclassifier__alpha": [0.1, 1]}, cv=2
        ),
        "random": RandomizedSearchCV(net_of(), {"alpha": [0.1, 1, 10]}, n_iter=2, cv=2),
        "grid in pipeline": make_pipeline(StandardScaler(), GridSearchCV(net_of(), {"alpha": [0.1, 1]}, cv=2)),
    }[wrap]
    before = repr(estimator)
    comparison = compare(X, y, estimator)
    assert set(comparison.scores_) == set(TWO)
    assert comparison.figures["epochs"]["relu"].tolist() == [5, 5, 5]
    assert comparison.figures["weights"]["relu"].tolist() == [4 * 4 + 4 + 4 * 3 + 3] * 3
    assert repr(estimator) == before
    assert not hasattr(estimator, "classes_")


def test_a_search_tunes_each_activation_alike(iris):
    """A random search draws the same candidates for every activation of a split."""
    seen = []

    class Draws(BaseEstimator, TransformerMixin):
        def __init__(self, scale=1.0):
            self.scale = scale

        def fit(self, X, y=None):
            seen.append(self.scale)
            return self

        def transform(self, X):
            return X * self.scale

    search = RandomizedSearchCV(
        make_pipeline(Draws(), net_of()), {"draws__scale": stats.uniform(0.5, 1)}, n_iter=2, cv=2, refit=True
    )
    compare(*iris, search, cv=2)
    by_fit = np.array(seen).reshape(2, 2, 5)  # split, activation, candidates x folds and the refit
    assert_array_equal(by_fit[:, 0, :4], by_fit[:, 1, :4])
    assert not np.array_equal(by_fit[0, 0, :4], by_fit[1, 0, :4])


@parametrize("kind", ["frame", "sparse", "float32", "strings"])
def test_data_of_any_kind(kind, iris):
    X, y = iris
    X = {
        "frame": pd.DataFrame(X, columns=list("abcd")),
        "sparse": sparse.csr_array(X),
        "float32": np.float32(X),
    }.get(kind, X)
    names = np.array(["a", "b", "c"])[y]
    assert np.isfinite(compare(X, names).scores_["relu"]).all()


def accuracy(estimator, X, y):
    return np.mean(estimator.predict(X) == y)


@parametrize(
    ("kind", "scoring", "cv"),
    [
        *product(["array", "frame", "list", "strings", "sparse"], [None], [3]),
        *product(["frame"], [None, "accuracy", accuracy], [None, StratifiedKFold(3), GroupKFold(3)]),
    ],
)
def test_a_column_of_labels_is_their_vector(kind, scoring, cv, iris):
    """There is one warning, as in scikit-learn."""
    X, y = iris[0], np.array(["a", "b", "c"])[iris[1]] if kind == "strings" else iris[1]
    column = {"frame": pd.DataFrame({"target": y}), "sparse": sparse.csr_array(iris[1][:, None])}.get(
        kind, y[:, None].tolist() if kind == "list" else y[:, None]
    )
    given = {"scoring": scoring, "cv": cv, "groups": np.arange(len(y)) % 5 if isinstance(cv, GroupKFold) else None}
    with pytest.warns(DataConversionWarning) as caught:
        seen = compare(X, column, **given)
    assert len(caught) == 1
    expected = compare(X, y, **given)
    assert_array_equal(seen.scores_["relu"], expected.scores_["relu"])


@parametrize("scoring", [None, "accuracy"])
@parametrize("convert", [np.asarray, list], ids=["array", "list"])
def test_integers_held_as_objects_are_integers(scoring, convert, iris):
    X, y = iris
    expected = compare(X, y, scoring=scoring, cv=2).scores_
    assert_array_equal(compare(X, convert(y.astype(object)), scoring=scoring, cv=2).scores_["relu"], expected["relu"])


def test_multilabel_targets_are_no_column():
    X, y = make_multilabel_classification(90, n_features=5, n_classes=3, random_state=0)
    assert compare(scale(X), y, scoring="f1_macro", cv=KFold(2)).n_splits_ == 2


def test_multilabel_needs_scoring():
    X, y = make_multilabel_classification(90, n_features=5, n_classes=3, random_state=0)
    X = scale(X)
    with pytest.raises(ValueError, match=r"neg_log_loss is not defined for multilabel targets\. Pass scoring"):
        compare(X, y, cv=None)
    assert compare(X, y, cv=None, scoring="f1_macro").n_splits_ == 20


def test_any_scorer(iris):
    scorer = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
    by_name, by_object = (compare(*iris, scoring=scoring) for scoring in (None, scorer))
    assert_allclose(by_name.scores_["relu"], by_object.scores_["relu"])
    assert compare(*iris, scoring="accuracy").scores_["relu"].max() <= 1


def test_weights_reach_fit(iris):
    X, y = iris
    w = np.where(np.arange(len(y)) % 3, 1.0, 5.0)
    assert_array_equal(*(compare(X, y, params={"sample_weight": w}, cv=3).scores_["relu"] for _ in range(2)))
    assert not np.array_equal(
        compare(X, y, params={"sample_weight": w}, cv=3).scores_["relu"], compare(X, y, cv=3).scores_["relu"]
    )


def test_metadata_is_routed(iris):
    X, y = iris
    w = np.where(np.arange(len(y)) % 3, 1.0, 5.0)
    plain = compare(X, y, params={"sample_weight": w}, scoring="accuracy", cv=3)
    with sklearn.config_context(enable_metadata_routing=True):
        net = net_of().set_fit_request(sample_weight=True)
        scorer = sklearn.metrics.get_scorer("accuracy").set_score_request(sample_weight=True)
        routed = compare(X, y, net, params={"sample_weight": w}, scoring=scorer, cv=3)
        with pytest.raises(UnsetMetadataPassedError, match=r"for ShallowNetClassifier\.fit"):
            compare(X, y, params={"sample_weight": w}, scoring=scorer, cv=3)
    assert_allclose(plain.scores_["relu"], routed.scores_["relu"])


def test_the_default_score_uses_the_weights(iris):
    """With metadata routing, it requests them itself: the user cannot reach its scorer."""
    X, y = iris
    given = {"params": {"sample_weight": np.where(np.arange(len(y)) % 3, 1.0, 5.0)}, "refit": True, "cv": 3}
    plain = compare(X, y, **given)
    with sklearn.config_context(enable_metadata_routing=True):
        net = net_of().set_fit_request(sample_weight=True)
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        routed, own = compare(X, y, net, **given), compare(X, y, net, scoring=scorer, **given)
        with pytest.raises(UnsetMetadataPassedError, match=r"for ShallowNetClassifier\.fit"):
            compare(X, y, **given)
        compare(X, y)  # without weights, no request is needed
    for activation in TWO:
        assert_allclose(routed.scores_[activation], own.scores_[activation])
        assert_array_equal(routed.scores_[activation], plain.scores_[activation])
    assert_array_equal(routed.best_estimator_.coefs_[0], plain.best_estimator_.coefs_[0])


def test_params_that_would_be_ignored_are_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match="Pass them as"):
        compare(X, y, params={"groups": y})
    with pytest.raises(TypeError, match="unknown"):
        compare(X, y, params={"unknown": 1})
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(TypeError, match=r"got unexpected argument\(s\) {'unknown'}"),
    ):
        compare(X, y, params={"unknown": 1})


def test_groups(iris):
    X, y = iris
    groups = np.arange(len(y)) % 5
    comparison = compare(X, y, cv=GroupKFold(5), groups=groups)
    assert comparison.n_splits_ == 5
    with pytest.raises(ValueError, match=r"GroupKFold\(.*\) needs groups, an array with the group of each row"):
        compare(X, y, cv=GroupKFold(5))


class BayesSearch(BaseEstimator):
    """Has the parameters of BayesSearchCV of scikit-optimize."""

    def __init__(self, estimator, search_spaces, refit=True):
        self.estimator = estimator
        self.search_spaces = search_spaces
        self.refit = refit


ERRORS = {
    "no net": ({"estimator": make_pipeline(StandardScaler(), LogisticRegression())}, "Got LogisticRegression"),
    "unknown name": ({"activations": ["relu", "rellu"]}, "Unknown activation 'rellu'. Use one of"),
    "a single name": (
        {"activations": "relu"},
        "a list or a dict of at least two values. Got 'relu'",
    ),
    "one activation": ({"activations": ["relu"]}, "At least two estimators are needed"),
    "twice": ({"activations": ["relu", "relu"]}, r"Duplicate activations: \['relu'\]. Pass a dict"),
    "unknown reference": ({"reference": "tanh"}, r"reference must be one of \['identity', 'relu'\]. Got 'tanh'"),
    "one split": ({"cv": ShuffleSplit(1, random_state=0)}, "At least two splits are needed"),
    "one split, given": ({"cv": PredefinedSplit([-1] * 100 + [0] * 50)}, "At least two splits are needed"),
    "several scores": ({"scoring": ["accuracy", "neg_log_loss"]}, "scoring must be one scorer"),
    "negative rope": ({"rope": -1}, r"rope must be None or a number in \[0, inf\)"),
    "rope of another kind": ({"rope": "wide"}, r"rope must be None or a number in \[0, inf\)"),
    "tuned": (
        {"estimator": GridSearchCV(net_of(), {"activation": ["relu", "tanh"]})},
        "must not tune 'activation', because the comparison sets 'activation'",
    ),
    "tuned in a pipeline": (
        {"estimator": GridSearchCV(make_pipeline(net_of()), [{"shallownetclassifier__activation": ["tanh"]}])},
        "The search must not tune 'shallownetclassifier__activation'",
    ),
    "the net tuned": (
        {"estimator": GridSearchCV(make_pipeline(net_of()), {"shallownetclassifier": [net_of()]})},
        "The search must not tune 'shallownetclassifier', because",
    ),
    "its parameter tuned": (
        {"estimator": GridSearchCV(net_of(activation="elu"), {"activation__alpha": [1.0, 2.0]})},
        "The search must not tune 'activation__alpha'",
    ),
    "tuned by another package": (
        {"estimator": BayesSearch(net_of(), [({"activation": ["relu", "tanh"]}, 5), {"alpha": [0.1, 1]}])},
        "The search must not tune 'activation'",
    ),
    "not a search": ({"estimator": TunedThresholdClassifierCV(net_of())}, "Got TunedThresholdClassifierCV"),
    "another label": (
        {"estimator": net_of(activation="elu"), "activations": {"elu": "tanh", "b": "relu"}},
        "'elu' is the estimator's activation, but also the label of another one. Pass a dict with distinct labels",
    ),
    "not an activation": ({"activations": ["relu", 3]}, "Unknown activation 3"),
    "no refit": ({"estimator": GridSearchCV(net_of(), {"alpha": [1]}, refit=False)}, "A search must have refit=True"),
}


@parametrize("case", ERRORS)
def test_errors_are_clear(case, iris):
    arguments, text = ERRORS[case]
    with pytest.raises(ValueError, match=text):
        compare(*iris, **arguments)


def test_a_score_that_is_not_finite_is_refused(iris):
    with pytest.raises(ValueError, match=r"gives nan for identity on split 0\. Choose a score"):
        compare(*iris, scoring=lambda estimator, X, y: np.nan)


def test_a_class_that_is_missing_in_a_test_set(iris):
    X, y = iris
    rare = np.r_[0:100, 100, 101]
    with pytest.warns(UserWarning, match="The least populated class in y has only 2 members"):
        comparison = compare(X[rare], y[rare])
    assert np.isfinite(comparison.scores_["relu"]).all()
    with pytest.raises(ValueError, match=r"Split 0 has no training row of class 0, which has 50 rows"):
        compare(X, y, cv=PredefinedSplit(y))


def test_splits_may_be_masks_or_indices(iris):
    X, y = iris
    splits = list(StratifiedKFold(3).split(X, y))
    masks = [tuple(np.isin(np.arange(len(y)), part) for part in split) for split in splits]
    by_index, by_mask = compare(X, y, cv=splits), compare(X, y, cv=masks)
    assert by_index.test_ratio == by_mask.test_ratio == 0.5
    assert_array_equal(by_index.scores_["relu"], by_mask.scores_["relu"])


def test_the_refit_is_routed_and_has_a_seed(iris):
    X, y = iris
    w = np.where(np.arange(len(y)) % 3, 1.0, 5.0)
    with sklearn.config_context(enable_metadata_routing=True):
        net = net_of().set_fit_request(sample_weight=False)
        scorer = sklearn.metrics.get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        given = {"params": {"sample_weight": w}, "scoring": scorer, "refit": True}
        one, other = (compare(X, y, net, **given).best_estimator_ for _ in range(2))
    assert_array_equal(one.coefs_[0], other.coefs_[0])
    assert_array_equal(one.fit(X, y).coefs_[0], other.coefs_[0])  # metadata routing keeps the weights from fit


class Step(BaseEstimator, TransformerMixin):
    """Changes nothing, and keeps what it is fitted with."""

    fits = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.fits.append(self.random_state)
        return self

    def transform(self, X):
        return X


def test_the_winner_is_fitted_once(iris):
    """It is the estimator with the parameters of the winner, a seed of its own, and all rows."""
    X, y = iris
    Step.fits.clear()
    comparison = compare(X, y, make_pipeline(Step(), net_of()), refit=True)
    assert len(Step.fits) == 3 + 1  # one per split for both activations, and the refit
    rng = np.random.RandomState(0)
    *_, seed = (rng.randint(np.iinfo(np.int32).max, size=size)[-1] for size in (3, 1))
    expected = net_of(activation=comparison.best_, random_state=int(seed)).fit(X, y)
    assert_array_equal(comparison.best_estimator_[-1].coefs_[0], expected.coefs_[0])


def test_only_nets_and_searches_get_seeds(iris):
    """A step before the net keeps its random_state, inside a search and before it."""
    seen = []

    def scorer(estimator, X, y):
        params = estimator.get_params()
        seen.append({name: params[name] for name in params if "random_state" in name})
        return 1.0

    class Noisy(Tanh):
        def __init__(self, random_state=None):
            self.random_state = random_state

    net = net_of(activation=Noisy())
    search = RandomizedSearchCV(make_pipeline(Step(2), net), {"shallownetclassifier__alpha": [0.1, 1]}, n_iter=1, cv=2)
    Step.fits.clear()
    compare(*iris, make_pipeline(Step(1), search), activations={"a": Noisy(), "b": Noisy(3)}, scoring=scorer, cv=2)
    inner, outer = "randomizedsearchcv__estimator__", "randomizedsearchcv__"
    for params in seen:
        seed = params.pop(f"{outer}random_state")
        assert params == {
            "step__random_state": 1,
            f"{inner}step__random_state": 2,
            f"{inner}shallownetclassifier__random_state": seed,
            f"{inner}shallownetclassifier__activation__random_state": seed,
        }
        assert isinstance(seed, int)
    assert len(seen) == 4
    assert Step.fits == [1, 2, 2, 2] * 4


SHUFFLE_IS_DEPRECATED = pytest.mark.filterwarnings("ignore:`TargetEncoder.shuffle`:FutureWarning")


@parametrize("encoder", [TargetEncoder(), pytest.param(TargetEncoder(shuffle=False), marks=SHUFFLE_IS_DEPRECATED)])
def test_a_step_may_refuse_seeds(encoder, iris):
    X, y = np.digitize(iris[0], [-1, 0, 1]), iris[1]
    assert compare(X, y, make_pipeline(encoder, StandardScaler(), net_of()), cv=2).n_splits_ == 2


class Knots(Tanh):
    """Has an array as a parameter, which its representation abbreviates."""

    def __init__(self, knots):
        self.knots = knots


class Wrapped(Tanh):
    def __init__(self, inner):
        self.inner = inner


def line(z, factor):
    return factor * z


def factors(z, factor):
    return np.full_like(z, factor)


KNOTS, OTHER_KNOTS = np.zeros(5000), np.eye(1, 5000, 2500)[0]
LINE = partial(line, factor=2.0), partial(factors, factor=2.0)


@parametrize(
    "wrap", [lambda value: value, Wrapped, lambda value: Wrapped(Wrapped(value))], ids=["plain", "in", "in in"]
)
def test_components_are_equal_if_their_parameters_are(wrap):
    """Whatever their representations show; functions must be identical."""
    kinds = [*ACTIVATIONS.values(), lambda: LeakyReLU(0.2), lambda: Knots(KNOTS), lambda: Knots(OTHER_KNOTS)]
    kinds += [lambda: FunctionActivation(np.sin, np.cos), lambda: FunctionActivation(np.sin, np.sin)]
    kinds += [lambda: Knots(np.array([1.0, np.nan])), lambda: Knots({"a": np.arange(2.0)}), lambda: Knots("a")]
    kinds += [
        lambda: Knots([np.ones(1), np.ones(2)]),
        lambda: Knots([np.ones(1), np.zeros(2)]),
        lambda: Knots((Tanh(), 2)),
    ]
    kinds += [lambda: Knots(np.array([np.ones(1), None], dtype=object))]
    for i, one in enumerate(kinds):
        assert [equal(wrap(one()), wrap(other())) for other in kinds] == [i == j for j in range(len(kinds))]


@parametrize(
    ("own", "other"),
    [
        (LeakyReLU(0.2), LeakyReLU(0.3)),
        (Knots(KNOTS), Knots(OTHER_KNOTS)),
        (Wrapped(Knots(KNOTS)), Wrapped(Knots(OTHER_KNOTS))),
        ((np.sin, np.cos), (np.tanh, lambda z: 1 - np.tanh(z) ** 2)),
        (LINE, (LINE[0], partial(factors, factor=2.0))),
    ],
    ids=["number", "array", "nested", "functions", "callable objects"],
)
def test_the_reference_is_the_estimators_activation_not_a_similar_one(own, other, iris):
    given = {"activations": {"other": other, "own": own}, "cv": 2}
    assert compare(*iris, net_of(activation=own), **given).reference_ == "own"
    assert compare(*iris, net_of(activation=other), **given).reference_ == "other"


def test_equal_labels_of_different_activations_are_refused(iris):
    """They are not called duplicates."""
    with pytest.raises(ValueError, match=r"Duplicate activations: \['Knots\(knots=array.*Pass a dict"):
        compare(*iris, activations=[Knots(KNOTS), Knots(OTHER_KNOTS)])
    with pytest.raises(ValueError, match=r"'Knots\(.*' is the estimator's activation, but also the label"):
        compare(*iris, net_of(activation=Knots(KNOTS)), activations=["tanh", Knots(OTHER_KNOTS)])


def test_labels_are_the_same_in_every_run(iris):
    comparison = compare(*iris, activations=["tanh", (np.sin, np.cos), (lambda z: z**2, lambda z: 2 * z)])
    assert set(comparison.scores_) == {"relu", "tanh", "sin", "<lambda>"}
    assert "0x" not in str(compare(*iris, scoring=lambda estimator, X, y: estimator.score(X, y)))
    others = compare(*iris, activations=[FunctionActivation(*LINE), Knots(KNOTS.reshape(50, 100))])
    assert not any("0x" in label or "\n" in label for label in others.scores_)


def test_hidden_units_are_counted_on_a_fair_sample(monkeypatch):
    """If the classes alternate, the fraction of dead units is that on all rows."""
    y = np.arange(4000) % 2
    X = np.where(y, 5.0, -5.0)[:, None]
    halves = [(np.arange(2000), np.arange(2000, 4000)), (np.arange(2000, 4000), np.arange(2000))]
    sample = compare(X, y, net_of(hidden_size=20), cv=halves)
    monkeypatch.setattr("sk_shallow.model_selection._run.MAX_UNIT_ROWS", 2000)
    everything = compare(X, y, net_of(hidden_size=20), cv=halves)
    assert_array_equal(sample.figures["dead"]["relu"], everything.figures["dead"]["relu"])


# Warnings


class Warner(ShallowNetClassifier):
    """Its fits warn with tanh, and with relu if the seed is even."""

    category = ConvergenceWarning

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        if isinstance(self.activation, Tanh) or (isinstance(self.activation, ReLU) and self.random_state % 2 == 0):
            warnings.warn(f"the loss is {self.loss_:.0f}", self.category, stacklevel=2)
        return self


class StrangeWarning(FutureWarning):
    def __init__(self, *, reason):
        self.reason = reason

    def __str__(self):
        return self.reason


class WarningStep(Step):
    def fit(self, X, y=None):
        warnings.warn(StrangeWarning(reason=f"{X.shape} will change"), stacklevel=2)
        if np.mean(X) > 5:
            warnings.warn("large numbers", DataConversionWarning, stacklevel=2)
        return self


def caught_in(X, y, estimator=None, action="default", **kwargs):
    """Return a comparison of three activations on four splits, and the warnings that a user sees."""
    estimator = Warner(4, max_iter=5, alpha=1.0) if estimator is None else estimator
    given = {"activations": ["identity", "relu", "tanh"], "cv": StratifiedKFold(4), **kwargs}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        return compare(X, y, estimator, **given), caught


EVEN = int(np.sum(np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=4) % 2 == 0))


@parametrize("action", ["default", "once", "module", "always"])
@parametrize(("backend", "n_jobs"), [("sequential", None), ("loky", None), ("threading", None), ("loky", 1)])
def test_warnings_of_fits_are_gathered(backend, n_jobs, action, iris):
    """The counts are those of all fits, and nothing is left behind."""
    show, filters = warnings.showwarning, list(warnings.filters)
    with joblib.parallel_config(backend, n_jobs=2):
        comparison, (warning,) = caught_in(*iris, action=action, n_jobs=n_jobs)
    n = 4 + EVEN
    assert warning.category is ConvergenceWarning
    assert warning.filename == __file__
    expected = rf"{n} of 12 fits warned: tanh 4, relu {EVEN} \(of 4 each\)\. {n} of them said: the loss is [\d.]+"
    assert re.fullmatch(expected, str(warning.message))
    counts = {label: sum(map(len, texts)) for label, texts in comparison.warnings_.items()}
    assert counts == {"identity": 0, "relu": EVEN, "tanh": 4}
    assert f"{n} of 12 fits gave warnings: see warnings_." in str(comparison)
    assert (warnings.showwarning, list(warnings.filters)) == (show, filters)


def test_filters_apply_to_each_fit(iris):
    assert caught_in(*iris, action="ignore")[1] == []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the loss is", ConvergenceWarning)
        comparison = compare(*iris, Warner(4, max_iter=5, alpha=1.0), activations=["relu", "tanh"])
    assert not any(map(any, comparison.warnings_.values()))
    assert "warnings" not in str(comparison)
    with pytest.raises(ConvergenceWarning, match=r"^the loss is [\d.]+\nThis was 'relu', on split 0\.$"):
        caught_in(*iris, action="error")


def test_each_category_has_a_warning(iris):
    """Also those of a step, of rare fits, and with a constructor of its own; other texts of a category are kept."""
    X, y = iris
    rows = X.copy()
    rows[:50] += 100 * (np.arange(50) < 13)[:, None]  # in the first test set only
    _, caught = caught_in(rows, y, make_pipeline(WarningStep(), StandardScaler(), Warner(4, max_iter=5, alpha=1.0)))
    texts = {warning.category: str(warning.message) for warning in caught}
    assert len(caught) == 3
    assert texts[FutureWarning].startswith("12 of 12 fits warned: identity 4, relu 4, tanh 4 (of 4 each). 12 of them")
    assert texts[FutureWarning].endswith("4) will change")
    assert texts[DataConversionWarning].startswith("9 of 12 fits warned: identity 3, relu 3, tanh 3")
    assert texts[ConvergenceWarning].startswith(f"{4 + EVEN} of 12 fits warned: tanh 4")


def test_the_most_frequent_text_is_shown(iris):
    class Talker(Warner):
        def fit(self, X, y):
            warnings.warn("rare" if isinstance(self.activation, Tanh) else f"frequent {X[0, 0]}", stacklevel=2)
            return super().fit(X, y)

        category = UserWarning

    comparison, (warning,) = caught_in(*iris, Talker(4, max_iter=5, alpha=1.0))
    text = r"12 of 12 fits .*\. 8 of them said: frequent [-\d.]+ The other texts are in warnings_ of the result\."
    assert re.fullmatch(text, str(warning.message))
    assert comparison.warnings_["tanh"][0][0] == "rare"


def test_a_search_counts_as_one_fit(iris):
    search = GridSearchCV(Warner(4, max_iter=5, alpha=1.0), {"alpha": [0.1, 1, 10]}, cv=2)
    _, (warning,) = caught_in(*iris, search)
    assert str(warning.message).startswith(f"{4 + EVEN} of 12 fits warned: tanh 4, relu {EVEN} (of 4 each).")


def test_warnings_outside_fits_are_given_once(iris):
    """That the score does not use the weights is no matter of an activation."""
    X, y = iris
    _, caught = caught_in(X, y, net_of(), scoring=accuracy, params={"sample_weight": np.ones(len(y))})
    assert [str(warning.message).partition(", which")[0] for warning in caught] == [
        f"The scoring {accuracy} does not support sample_weight"
    ]


def test_the_warnings_of_a_failed_fit_are_shown(iris):
    class Failing(Warner):
        def fit(self, X, y):
            super().fit(X, y)
            raise ValueError("no net")

    with pytest.warns(ConvergenceWarning, match=r"^the loss is"), pytest.raises(ValueError, match="no net"):
        compare(*iris, Failing(4, max_iter=5, alpha=1.0), activations=["tanh", "relu"])


def test_an_error_of_a_fit_is_raised(iris):
    with pytest.raises(ValueError, match="hidden_size"):
        compare(*iris, net_of(hidden_size=-1))


def test_an_interrupt_stops_at_once(iris):
    calls = []

    def scorer(estimator, X, y):
        calls.append(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(*iris, scoring=scorer)
    assert len(calls) == 1


def test_statistics_are_those_of_the_scores():
    rng = np.random.default_rng(0)
    scores = {"relu": rng.normal(0, 1, 20), "tanh": rng.normal(2, 1, 20), "elu": rng.normal(0, 1, 20)}
    comparison = of_scores(scores, rope=0.5)
    differences = {label: MeanDifference.of(scores[label] - scores["relu"], 0.25) for label in ("tanh", "elu")}
    frame = comparison.to_frame()
    for label, difference in differences.items():
        assert_allclose(frame.loc[label, "difference"], difference.mean)
        assert_allclose(frame.loc[label, ["low", "high"]].astype(float), difference.interval())
        assert_allclose(
            frame.loc[label, ["p_better", "p_same", "p_worse"]].astype(float), difference.probabilities(0.5)
        )
        assert frame.loc[label, "won"] == (scores[label] > scores["relu"]).sum()
    p = sorted(difference.p_value() for difference in differences.values())
    assert_allclose(sorted(frame["p"].dropna()), [2 * p[0], max(2 * p[0], p[1])])
    assert frame.index.tolist() == sorted(scores, key=lambda label: -scores[label].mean())


@parametrize(
    ("shift", "spread", "rope", "verdict"),
    [
        (1.0, 0.1, None, "better"),
        (-1.0, 0.1, None, "worse"),
        (0.1, 1.0, None, "cannot tell"),
        (0.1, 0.01, 0.5, "practically the same"),
        (0.1, 0.01, None, "better"),
        (0.1, 1.0, 0.5, "cannot tell"),
    ],
)
def test_verdicts(shift, spread, rope, verdict):
    noise = np.random.default_rng(0).normal(0, spread, 20)
    relu = np.random.default_rng(1).normal(0, 1, 20)
    comparison = of_scores({"relu": relu, "tanh": relu + shift + noise - noise.mean()}, rope=rope)
    assert comparison.verdicts_ == {"tanh": verdict}


def test_the_table_says_what_the_design_can_show():
    relu = np.random.default_rng(0).normal(0, 1, 20)
    comparison = of_scores({"relu": relu, "tanh": relu + np.random.default_rng(1).normal(0, 1, 20)}, rope=0.1)
    text = " ".join(str(comparison).split())
    header, *rows = str(comparison).splitlines()[:3]
    assert header.split() == ["estimator", "verdict", "score", "difference", "[interval]", "p", "seconds"]
    assert len({re.search("cannot tell|reference", row).start() for row in rows}) == 1  # aligned
    found = f"If the true difference were {comparison.smallest_difference_:.2g}, this comparison would find it 8 times"
    assert f"{found} in 10. More splits cannot find half of it; more rows can." in text
    html = comparison._repr_html_()
    assert html.count("<tr>") == 3
    assert "<b>" not in html + text


def test_the_best_one_is_refitted_and_its_score_is_called_optimistic(iris):
    X, y = iris
    comparison = compare(X, y, make_pipeline(StandardScaler(), net_of()), refit=True)
    assert comparison.best_estimator_.predict(X).shape == y.shape
    assert comparison.best_ == max(comparison.scores_, key=lambda label: comparison.scores_[label].mean())
    assert "That score is optimistic" in " ".join(str(comparison).split())
    assert "optimistic" not in str(compare(X, y))


def test_all_pairs():
    rng = np.random.default_rng(0)
    base = rng.normal(0, 1, 20)
    scores = {
        "relu": base,
        "tanh": base + rng.normal(0, 0.1, 20),
        "identity": base - 2 + rng.normal(0, 0.1, 20),
    }
    pairs = of_scores(scores).compare_all_pairs()
    letters = pairs.letters_
    assert letters["relu"] == letters["tanh"] != letters["identity"]
    frame = pairs.to_frame()
    assert_array_equal(frame.values, frame.values.T)
    assert frame.loc["relu", "relu"] == 1
    assert "share a letter" in str(pairs)
    assert "<table" in pairs._repr_html_()


def test_comparison_display_is_a_forest(plt):
    display = ComparisonDisplay(
        labels=["tanh", "elu"], differences=[0.1, -0.2], low=[0.0, -0.4], high=[0.2, 0.0],
        verdicts=["cannot tell", "worse"], reference="relu", scoring="neg_log_loss", rope=0.05,
    ).plot()  # fmt: skip
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["tanh", "elu"]
    interval = display.ax_.get_lines()[0]
    assert_array_equal(interval.get_xdata(), [0.0, 0.2])
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts == ["cannot tell", "worse"]
    assert "relu" in display.ax_.get_xlabel()


def test_the_plot_shows_the_comparison(plt):
    rng = np.random.default_rng(0)
    comparison = of_scores({label: rng.normal(0, 1, 20) for label in ("relu", "tanh", "elu")})
    _, ax = plt.subplots()
    display = comparison.plot(ax=ax)
    assert display.ax_ is ax
    assert display.labels == list(comparison.verdicts_)
    intervals = [comparison.difference(label).interval() for label in display.labels]
    assert list(zip(display.low, display.high, strict=True)) == intervals


def test_callbacks(iris):
    callback = pytest.importorskip("sklearn.callback")
    from test_callbacks import Recorder

    recorder = Recorder()
    recorder.max_propagation_depth = None
    assert isinstance(recorder, callback.AutoPropagatedCallback)
    compare(*iris, make_pipeline(StandardScaler(), net_of()), callbacks=[recorder])
    assert recorder.events.count("end epoch") == 3 * 2 * 5
    assert (recorder.events[0], recorder.events[-1]) == ("setup", "teardown")
    assert recorder.events.count("teardown") == 1


@pytest.mark.skipif(hasattr(ShallowNetClassifier, "set_callbacks"), reason="scikit-learn has callbacks")
def test_callbacks_need_scikit_learn_1_9(iris):
    with pytest.raises(ValueError, match=r"scikit-learn 1\.9"):
        compare(*iris, callbacks=[object()])
