"""`compare_estimators` and `compare_parameter`: any estimators, shared first steps, tables of 80 columns."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import threadpoolctl
from helpers import of_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import GridSearchCV, KFold, RepeatedStratifiedKFold, StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FunctionTransformer, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sk_shallow import ShallowNetClassifier, compare_activations, compare_estimators, compare_parameter
from sk_shallow._component import equal
from sk_shallow.activations import label_of
from sk_shallow.inspection._table import Table
from sk_shallow.model_selection import Comparison

parametrize = pytest.mark.parametrize
# Fits are short here: what they warn of has tests in test_convergence.py.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CV = StratifiedKFold(3, shuffle=True, random_state=0)


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 4, "max_iter": 5, "alpha": 1.0, **kwargs})


def forest_of(**kwargs):
    return RandomForestClassifier(**{"n_estimators": 5, **kwargs})


def compare(X, y, estimators, **kwargs):
    return compare_estimators(estimators, X, y, **{"cv": CV, "random_state": 0, **kwargs})


class Step(BaseEstimator, TransformerMixin):
    """Adds noise of its own seed, and counts its fits."""

    fits = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        self.fits.append(self.random_state)
        self.shift_ = np.random.RandomState(self.random_state).normal(0, 0.1, X.shape[1])
        return self

    def transform(self, X):
        return X + self.shift_


def of_kinds():
    """Return one contender of each kind."""
    return {
        "net": net_of(),
        "pipeline": make_pipeline(Step(1), net_of()),
        "forest": forest_of(),
        "search": GridSearchCV(
            make_pipeline(StandardScaler(), forest_of()), {"randomforestclassifier__max_depth": [1, 2]}
        ),
        "vote": VotingClassifier([("tree", DecisionTreeClassifier()), ("noisy", make_pipeline(Step(2), forest_of()))]),
        "Bayes": GaussianNB(),
    }


SEEDED = {
    "net": ["random_state"],
    "pipeline": ["shallownetclassifier__random_state"],
    "forest": ["random_state"],
    "search": ["estimator__randomforestclassifier__random_state"],
    "vote": ["tree__random_state", "noisy__randomforestclassifier__random_state"],
    "Bayes": [],
}


def test_scores_are_those_of_cross_validation_with_one_seed_per_split(iris):
    """The seed is set in the final estimator, also where it is nested, and not in the steps before it."""
    X, y = iris
    seen = compare(X, y, of_kinds(), scoring="accuracy")
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=3).tolist()
    for label, estimator in of_kinds().items():
        expected = [
            cross_val_score(clone(estimator).set_params(**dict.fromkeys(SEEDED[label], seed)), X, y, cv=[split])[0]
            for seed, split in zip(seeds, CV.split(X, y), strict=True)
        ]
        assert_array_equal(seen.scores_[label], expected)
    assert seen.reference_ == "net"


@parametrize("backend", ["loky", "threading"])
def test_results_do_not_depend_on_n_jobs(backend, iris):
    import joblib

    one = compare(*iris, of_kinds(), scoring="accuracy")
    with joblib.parallel_config(backend):
        other = compare(*iris, of_kinds(), scoring="accuracy", n_jobs=2)
    for label in one.scores_:
        assert_array_equal(one.scores_[label], other.scores_[label])


def n_threads():
    """Return the number of threads of each library of OpenBLAS and OpenMP."""
    libraries = threadpoolctl.threadpool_info()
    return [one["num_threads"] for one in libraries if one["internal_api"] == "openblas" or one["user_api"] == "openmp"]


class Threads(ClassifierMixin, BaseEstimator):
    """Keeps the numbers of threads during its fits."""

    seen = set()

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen.update(n_threads())
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_every_fit_has_one_thread(iris):
    with threadpoolctl.threadpool_limits(2):
        before = n_threads()
        compare(*iris, {"one": Threads(), "other": Threads()}, scoring="accuracy", refit=True)
        after = n_threads()
    assert Threads.seen == {1}
    assert before == after


# What is compared


def test_activations_and_values_are_estimators(iris):
    """Both are compared as a dict of clones would be; the results say what they are."""
    X, y = iris
    given = {"cv": CV, "random_state": 0}
    names, sizes = ["relu", "tanh"], [2, 4]
    nets = compare_estimators({name: net_of(activation=name) for name in names}, X, y, **given)
    activations = compare_activations(net_of(), X, y, activations=names, **given)
    values = compare_parameter(net_of(), X, y, "activation", names, **given)
    for other in (activations, values):
        for name in names:
            assert_array_equal(nets.scores_[name], other.scores_[name])
    shown = [
        activations,
        values,
        nets,
        compare_parameter(make_pipeline(net_of()), X, y, f"{NET}hidden_size", sizes, **given),
    ]
    for comparison, compared in zip(shown, ["activation", "activation", "estimator", "hidden_size"], strict=True):
        assert str(comparison).split()[0] == str(comparison.details()).split()[0] == compared
        assert comparison.to_frame().index.name in (compared, f"{NET}{compared}")
        assert comparison.compare_all_pairs().to_frame().index.name == comparison.compared


NET = "shallownetclassifier__"


@parametrize(
    ("values", "reference", "labels", "expected"),
    [
        ([2, 4, 8], None, ["2", "4", "8"], "4"),
        ([2, 8], None, ["2", "8"], "2"),
        ([2, 8], 8, ["2", "8"], "8"),
        ({"small": 2, "large": 8}, "large", ["small", "large"], "large"),
        ({"small": 2, "large": 8}, 8, ["small", "large"], "large"),
        (np.array([2, 8]), "8", ["2", "8"], "8"),
    ],
)
@parametrize("wrap", ["net", "pipeline", "search"])
def test_the_reference_of_a_parameter(wrap, values, reference, labels, expected, iris):
    net = net_of()
    estimator, name = {
        "net": (net, ""),
        "pipeline": (make_pipeline(StandardScaler(), net), NET),
        "search": (GridSearchCV(net, {"alpha": [0.1, 1]}, cv=2), "estimator__"),
    }[wrap]
    seen = compare_parameter(estimator, *iris, f"{name}hidden_size", values, cv=2, reference=reference, random_state=0)
    assert (list(seen.scores_), seen.reference_) == (labels, expected)


@parametrize("wrap", ["net", "pipeline"])
@parametrize(("values", "expected"), [([0.1, 0.01], "0.01"), ([0.1, 0.2], "0.1")])
def test_a_component_given_by_name_has_its_default_values(wrap, values, expected, iris):
    net, name = net_of(activation="leaky_relu"), "activation__negative_slope"
    estimator, name = (net, name) if wrap == "net" else (make_pipeline(StandardScaler(), net), f"{NET}{name}")
    assert compare_parameter(estimator, *iris, name, values, cv=2).reference_ == expected


def test_an_empty_tuple_is_a_value(iris):
    """`hidden_layer_sizes=()` of MLPClassifier is logistic regression."""
    net = MLPClassifier(max_iter=5)
    assert list(compare_parameter(net, *iris, "hidden_layer_sizes", [(), (5,)], cv=2).scores_) == ["()", "(5,)"]


def test_labels_of_numbers_are_short(iris):
    seen = compare_parameter(net_of(), *iris, "init_scale", np.logspace(-1, 1, 3), cv=2)
    assert list(seen.scores_) == ["0.1", "1", "10"]
    assert seen.reference_ == "1"
    assert list(map(label_of, [(1, 1), (1, 2), None, True, 0.1 + 0.2])) == ["(1, 1)", "(1, 2)", "None", "True", "0.3"]


@parametrize("wrap", [lambda one: one, lambda one: make_pipeline(StandardScaler(), one)], ids=["bare", "pipeline"])
def test_regressors(wrap):
    X, y = load_diabetes(return_X_y=True)
    estimators = {"line": wrap(LinearRegression()), "forest": wrap(RandomForestRegressor(5))}
    seen = compare(X, y, estimators, cv=None)
    assert seen.n_splits_ == 20
    assert seen.scoring == "neg_mean_squared_error"
    expected = compare(X, y, estimators, cv=None, scoring="neg_mean_squared_error")
    assert_array_equal(seen.scores_["forest"], expected.scores_["forest"])
    assert "minus the mean squared error" in str(seen)
    weights = {"sample_weight": np.arange(1.0, len(y) + 1)}
    plain = compare(X, y, {"a": Ridge(), "b": LinearRegression()}, cv=KFold(3), params=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = {
            label: one.set_fit_request(sample_weight=True)
            for label, one in {"a": Ridge(), "b": LinearRegression()}.items()
        }
        assert_array_equal(compare(X, y, routed, cv=KFold(3), params=weights).scores_["a"], plain.scores_["a"])


def test_columns_on_hidden_units_are_there_if_all_are_nets(iris):
    nets = compare(*iris, {"a": net_of(), "b": make_pipeline(StandardScaler(), net_of())})
    mixed = compare(*iris, {"a": net_of(), "b": GaussianNB()})
    own = {"epochs", "weights", "dead", "saturated"}
    assert own <= set(nets.to_frame().columns)
    assert not own & set(mixed.to_frame().columns)
    assert "dead" in str(nets.details())
    assert "dead" not in str(mixed.details())


@parametrize("wrap", [lambda model: model, lambda model: make_pipeline(StandardScaler(), model)])
def test_a_frozen_model_stays_as_it_is(wrap, iris):
    """It gets no seed and is not fitted, so its scores are those of the model."""
    forest = RandomForestClassifier(5, random_state=3).fit(StandardScaler().fit_transform(iris[0]), iris[1])
    seen = compare(*iris, {"frozen": wrap(FrozenEstimator(forest)), "net": net_of()}, scoring="accuracy")
    assert_array_equal(seen.scores_["frozen"], cross_val_score(wrap(FrozenEstimator(forest)), *iris, cv=CV))


@parametrize("name", ["paired_seeds", "refit"])
def test_switches_are_true_or_false(name, iris):
    with pytest.raises(ValueError, match=rf"{name} must be True or False\. Got 'neg_log_loss'"):
        compare(*iris, {"a": GaussianNB(), "b": net_of()}, **{name: "neg_log_loss"})


def test_estimators_stay_as_they_are(iris):
    estimators = of_kinds()
    before = repr(estimators)
    comparison = compare(*iris, estimators, scoring="accuracy", refit=True)
    assert repr(estimators) == before
    assert not any(hasattr(one, "classes_") for label, one in estimators.items() if label not in ("pipeline", "vote"))
    assert comparison.best_estimator_.predict(iris[0]).shape == (150,)


# What is refused


REFUSED = {
    "one": ({"a": net_of()}, {}, r"At least two estimators .* Got \['a'\]"),
    "a list": ([net_of(), net_of()], {}, "in a dict from labels to estimators. Got"),
    "reference": ({"a": net_of(), "b": net_of()}, {"reference": "c"}, r"must be one of \['a', 'b'\]. Got 'c'"),
    "equal labels": ({1: net_of(), "1": net_of(), "b": net_of()}, {}, r"Duplicate estimators: \['1'\]\. Pass a"),
    "equal numbers": ({0.3: net_of(), 0.1 + 0.2: net_of()}, {}, r"Duplicate estimators: \['0\.3'\]"),
    "an empty label": ({"a": net_of(), " ": net_of()}, {}, r"Labels of estimators must not be empty\. Got \['a', '"),
    "kinds": ({"a": net_of(), "b": LinearRegression()}, {}, r"classifiers, or all regressors\. Got 'b': LinearReg"),
    "neither": ({"a": StandardScaler(), "b": StandardScaler()}, {}, "must be classifiers, or all regressors. Got 'a'"),
    "a class": ({"a": net_of(), "b": GaussianNB}, {}, r"must be instances, such as .*\. Got 'b': <class"),
    "a name": ({"a": "net", "b": net_of()}, {}, r"must be instances, such as .*\. Got 'a': 'net'"),
    "no refit": ({"a": net_of(), "b": GridSearchCV(net_of(), {}, refit=False)}, {}, "refit=True.* in 'b'"),
    "no probabilities": (
        {"a": net_of(), "svm": LinearSVC()}, {}, r"needs predict_proba, which 'svm' lacks on split 0\. Pass",
    ),
    "no probabilities in a search": (
        {"a": net_of(), "svm": GridSearchCV(SVC(), {"C": [1]})}, {}, "which 'svm' lacks on split 0",
    ),
}  # fmt: skip


@parametrize("case", REFUSED)
def test_errors_are_clear(case, iris):
    estimators, given, text = REFUSED[case]
    with pytest.raises(ValueError, match=text):
        compare(*iris, estimators, **given)


def test_probabilities_may_appear_in_fit(iris):
    """As those of StackingClassifier, whose last estimator is a default."""
    stack = StackingClassifier([("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))], cv=2)
    assert np.isfinite(compare(*iris, {"stack": stack, "bayes": GaussianNB()}, cv=2).scores_["stack"]).all()


def test_one_class_is_refused(iris):
    with pytest.raises(ValueError, match=r"At least two classes are needed\. y has only \['a'\]"):
        compare(iris[0], ["a"] * 150, {"a": GaussianNB(), "b": GaussianNB()})


def test_arguments_in_another_order_are_named(iris):
    with pytest.raises(ValueError, match=r"param_name must be the name of a parameter, after X and y\. Got"):
        compare_parameter(net_of(), "hidden_size", [1, 2], *iris)


NO_NUMBERS = [None, "good", 1j, np.ones(2), {"score": 1.0}, [1.0, [2.0]]]


@parametrize("score", NO_NUMBERS, ids=str)
def test_a_score_is_one_number(score, iris):
    with pytest.raises(ValueError, match=r"scoring must return one number\. Got (.|\n)*This was 'a', on split 0"):
        compare(*iris, {"a": GaussianNB(), "b": GaussianNB()}, scoring=lambda estimator, X, y: score)


@parametrize("score", [True, 1, np.float32(1), np.ones(()), np.ones(1)], ids=repr)
def test_a_score_may_be_any_number(score, iris):
    seen = compare(*iris, {"a": GaussianNB(), "b": GaussianNB()}, scoring=lambda estimator, X, y: score)
    assert seen.scores_["a"].tolist() == [1.0] * 3


def test_one_scorer_is_needed(iris):
    several = check_scoring(GaussianNB(), ["accuracy", "neg_log_loss"])
    with pytest.raises(ValueError, match="scoring must be one scorer"):
        compare(*iris, {"a": GaussianNB(), "b": GaussianNB()}, scoring=several)


@parametrize("reference", [0.1 + 0.2, np.float64(0.3), "0.3"])
def test_labels_may_be_numbers(reference, iris):
    seen = compare(*iris, {1: GaussianNB(), 0.1 + 0.2: GaussianNB()}, reference=reference)
    assert (list(seen.scores_), seen.reference_) == (["1", "0.3"], "0.3")


@parametrize(
    ("estimator", "name", "values", "text"),
    [
        (net_of(), "size", [1, 2], "Invalid parameter 'size'"),
        (net_of(), "hidden_size", 3, "param_range must be a list or a dict of at least two values. Got 3"),
        (net_of(), "hidden_size", [3], "At least two estimators"),
        (net_of(), "random_state", [1, 2], "param_name must not be a seed"),
        (net_of(), "hidden_size", {1: 3, "1": 4}, r"Duplicate param_range: \['1'\]"),
        (net_of(), "hidden_size", {"": 3, "a": 4}, r"Labels of param_range must not be empty"),
        (net_of(), "hidden_size", [3, 3], r"Duplicate param_range: \['3'\]"),
        (GridSearchCV(net_of(), {"alpha": [1, 2]}), "estimator__alpha", [1, 2], "must not tune 'alpha', because the"),
    ],
)
def test_errors_of_a_parameter_are_clear(estimator, name, values, text, iris):
    with pytest.raises(ValueError, match=text):
        compare_parameter(estimator, *iris, name, values)


class Failing(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("no luck")


@parametrize("n_jobs", [None, 2])
@parametrize("wrap", [lambda one: one, lambda one: make_pipeline(StandardScaler(), one)], ids=["bare", "shared"])
def test_a_failure_names_the_label_and_the_split(wrap, n_jobs, iris):
    """The type and the text of the error stay."""
    with pytest.raises(RuntimeError, match=r"^no luck\nThis was 'bad', on split \d\.$"):
        compare(*iris, {"good": wrap(net_of()), "bad": wrap(Failing())}, n_jobs=n_jobs, scoring="accuracy")


def test_a_failure_on_all_rows_names_the_label(iris):
    class FailsOnAllRows(GaussianNB):
        def fit(self, X, y):
            assert len(X) < 150, "too many"
            return super().fit(X, y)

    with pytest.raises(AssertionError, match=r"This was 'good', on all rows"):
        compare(*iris, {"good": FailsOnAllRows(), "bad": Threads()}, scoring="accuracy", refit=True)


def test_a_failure_of_shared_steps_names_the_label_and_the_split(iris):
    steps = [FunctionTransformer(np.linalg.inv), net_of()]
    with pytest.raises(np.linalg.LinAlgError, match=r"This was 'a', on split 0\."):
        compare(*iris, {"a": make_pipeline(*steps), "b": make_pipeline(*steps)})


def test_arguments_that_an_estimator_does_not_take_are_refused(iris):
    weights = {"sample_weight": np.ones(150)}
    with pytest.raises(TypeError, match=r"sample_weight(.|\n)*This was 'neighbors', on split 0"):
        compare(*iris, {"net": net_of(), "neighbors": KNeighborsClassifier()}, params=weights)
    with pytest.raises(ValueError, match=r"sample_weight(.|\n)*This was 'pipeline', before the first split"):
        compare(*iris, {"net": net_of(), "pipeline": make_pipeline(StandardScaler(), net_of())}, params=weights)


def test_precomputed_kernels(iris):
    X, y = iris
    estimators = {"a": SVC(kernel="precomputed"), "b": SVC(kernel="precomputed", C=10)}
    assert_array_equal(
        compare(X @ X.T, y, estimators, scoring="accuracy").scores_["b"],
        compare(X, y, {"a": SVC(kernel="linear"), "b": SVC(kernel="linear", C=10)}, scoring="accuracy").scores_["b"],
    )


# Probabilities of 0


@parametrize("binary", [False, True])
def test_a_note_tells_of_probabilities_of_zero(binary, iris):
    X, y = iris[0], iris[1] == 1 if binary else iris[1]
    estimators = {"net": net_of(), "tree": DecisionTreeClassifier()}
    comparison = compare(X, y, estimators)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=3).tolist()
    missed = [
        1 - DecisionTreeClassifier(random_state=seed).fit(X[train], y[train]).score(X[test], y[test])
        for seed, (train, test) in zip(seeds, CV.split(X, y), strict=True)
    ]
    assert np.mean(missed) > 0
    text = " ".join(str(comparison).split())
    assert f"gets a probability of about 0 from tree in {np.mean(missed):.2%} of test rows." in text
    assert "from net" not in text
    assert comparison.to_frame().loc["tree", "zeros"] == pytest.approx(np.mean(missed))
    assert "a probability of about 0" not in str(compare(X, y, estimators, scoring="neg_brier_score"))


def test_probabilities_may_be_integers(iris):
    class Certain(DecisionTreeClassifier):
        def predict_proba(self, X):
            return super().predict_proba(X).astype(int)

    comparison = compare(*iris, {"certain": Certain(), "tree": DecisionTreeClassifier()})
    assert_allclose(comparison.scores_["certain"], comparison.scores_["tree"])


def test_a_note_tells_of_probabilities_that_the_log_loss_clips():
    """Six rows, far away and with wrong labels, have losses of hundreds of nats. A row counts 36, in float32 16."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 2))
    y = X[:, 0] > 0
    X[:6], y[:6] = 1000 * X[:6], ~y[:6]
    nets = dict.fromkeys("ab", net_of(alpha=0, hidden_size=20))
    exact, rounded = (compare(X.astype(dtype), y, nets, cv=2) for dtype in (np.float64, np.float32))
    for comparison, most in ((exact, 36), (rounded, 16)):
        assert_allclose(comparison.figures["zeros"]["a"], [0.1, 0])
        assert_allclose(comparison.scores_["a"][0], -0.1 * most, atol=1)
        assert "(in float32: 16)" in " ".join(str(comparison).split())


# Groups


@parametrize("kind", ["classes", "several labels", "numbers"])
def test_groups_need_no_cv(kind, iris):
    """Five folds keep groups apart, shuffled anew four times."""
    X, y = iris
    groups, seen = np.random.default_rng(0).permutation(np.arange(150) % 30), []
    y = {"classes": y, "several labels": np.column_stack([y > 0, y > 1]).astype(int), "numbers": X[:, 0]}[kind]

    class Recorder(KNeighborsClassifier if kind != "numbers" else LinearRegression):
        def fit(self, X, y):
            seen.append(X[:, 0].astype(int))
            return super().fit(X, y)

    X = np.column_stack([np.arange(150), X])
    scoring = {"classes": "accuracy", "several labels": "f1_macro", "numbers": None}[kind]
    compare(X, y, {"a": Recorder(), "b": Recorder()}, cv=None, groups=groups, scoring=scoring)
    trained = [set(groups[rows]) for rows in seen[::2]]
    assert len(trained) == 20
    for rows, own in zip(seen[::2], trained, strict=True):
        assert not own & set(np.delete(groups, rows))
    assert len({tuple(sorted(own)) for own in trained}) == 20


def test_groups_reach_nets_beside_other_estimators(iris, monkeypatch):
    X, y = iris
    groups, seen = np.arange(150) % 30, []
    fit = ShallowNetClassifier.fit

    def recorded(self, X, y, sample_weight=None, *, groups=None, **kwargs):
        seen.append(groups)
        return fit(self, X, y, sample_weight, groups=groups, **kwargs)

    monkeypatch.setattr(ShallowNetClassifier, "fit", recorded)
    estimators = {"Bayes": GaussianNB(), "net": net_of(), "pipeline": make_pipeline(StandardScaler(), net_of())}
    for routing in (False, True):
        seen.clear()
        with sklearn.config_context(enable_metadata_routing=routing):
            compare(X, y, estimators, cv=None, groups=groups)
        assert len(seen) == 40
        assert all(set(part) < set(range(30)) for part in seen)


# Shared first steps


class Counted(StandardScaler):
    fits, transforms = [], []

    def fit(self, X, y=None, sample_weight=None):
        self.fits.append(len(X))
        return super().fit(X, y, sample_weight)

    def transform(self, X, copy=None):
        self.transforms.append(len(X))
        return super().transform(X, copy)


class OwnPipeline(Pipeline):
    """Does not share its steps."""


def pipelines(kind=Pipeline, scaler=Counted, **kwargs):
    """Return three pipelines that differ in the last step."""
    last = {"net": net_of(), "tanh": net_of(activation="tanh"), "forest": forest_of()}
    return {
        label: kind([("noise", Step(3)), ("nothing", "passthrough"), ("scale", scaler()), ("last", one)], **kwargs)
        for label, one in last.items()
    }


@parametrize("scoring", [None, "accuracy", "neg_brier_score"])
@parametrize("refit", [False, True])
def test_shared_steps_change_nothing(scoring, refit, iris):
    """All figures but the seconds equal those of an unshared run, bit by bit."""
    Counted.fits.clear()
    shared = compare(*iris, pipelines(), scoring=scoring, refit=refit)
    assert len(Counted.fits) == 3 + refit
    alone = compare(*iris, pipelines(OwnPipeline), scoring=scoring, refit=refit)
    assert len(Counted.fits) == 3 + refit + 9 + refit
    for what in set(shared.figures) - {"seconds"}:
        for label in shared.scores_:
            assert_array_equal(shared.figures[what][label], alone.figures[what][label])


def test_hidden_units_are_those_of_an_unshared_run(iris):
    nets = {label: one for label, one in pipelines().items() if label != "forest"}
    alone = {label: one for label, one in pipelines(OwnPipeline).items() if label != "forest"}
    one, other = compare(*iris, nets), compare(*iris, alone)
    for what in ("score", "epochs", "dead", "saturated"):
        assert_array_equal(one.figures[what]["tanh"], other.figures[what]["tanh"])


@parametrize(
    ("estimators", "kwargs", "fits"),
    [
        (pipelines(), {}, 3),
        (pipelines(memory="cache"), {}, 3),  # by joblib, from the second on
        (pipelines(OwnPipeline), {}, 9),
        (pipelines(), {"scoring": lambda estimator, X, y: estimator.score(X, y)}, 9),
        (pipelines(), {"params": {"scale__sample_weight": np.ones(150)}}, 9),
        (pipelines(), {"params": {"last__sample_weight": np.ones(150)}}, 3),
        ({**pipelines(), "other": make_pipeline(Step(3), Counted(with_mean=False), net_of())}, {}, 6),
        ({label: GridSearchCV(one, {"last__random_state": [0]}, cv=2) for label, one in pipelines().items()}, {}, 27),
        (
            {
                "a": make_pipeline(Counted(), net_of()),
                "b": make_pipeline(Counted(), GridSearchCV(net_of(), {"alpha": [1]}, cv=2)),
            },
            {},
            3,
        ),
    ],
    ids=[
        "equal",
        "memory",
        "own class",
        "own score",
        "params",
        "params of the last",
        "one differs",
        "searches",
        "last is a search",
    ],
)
def test_what_is_shared(estimators, kwargs, fits, iris, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Counted.fits.clear()
    compare(*iris, estimators, **kwargs)
    assert len(Counted.fits) == fits


def test_metadata_that_first_steps_request_is_not_lost(iris):
    w = np.where(np.arange(150) % 3, 1.0, 9.0)
    with sklearn.config_context(enable_metadata_routing=True):
        estimators = pipelines()
        for one in estimators.values():
            one["noise"].set_fit_request(sample_weight=False)
            one["scale"].set_fit_request(sample_weight=True)
            one["last"].set_fit_request(sample_weight=True)
        Counted.fits.clear()
        compare(*iris, estimators, params={"sample_weight": w})
        assert len(Counted.fits) == 9
        for one in estimators.values():
            one["scale"].set_fit_request(sample_weight=False)
        Counted.fits.clear()
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        weighted = compare(*iris, estimators, params={"sample_weight": w}, scoring=scorer)
        assert len(Counted.fits) == 3
    plain = compare(*iris, pipelines(), params={"last__sample_weight": w}, scoring="accuracy")
    for label in plain.scores_:
        assert_array_equal(weighted.scores_[label], plain.scores_[label])


def test_test_rows_are_transformed_once(iris):
    Counted.transforms.clear()
    compare(*iris, pipelines())
    assert Counted.transforms == [100, 50] * 3  # by fit_transform, and for the scores


STEPS = [
    lambda: StandardScaler(),
    lambda: StandardScaler(with_mean=False),
    lambda: MinMaxScaler(),
    lambda: StandardScaler().set_output(transform="pandas"),
    lambda: ColumnTransformer([("a", StandardScaler(), [0]), ("b", "passthrough", [1])]),
    lambda: ColumnTransformer([("a", StandardScaler(), [0]), ("b", "passthrough", [2])]),
    lambda: ColumnTransformer([("a", MinMaxScaler(), [0]), ("b", "passthrough", [1])]),
    lambda: FunctionTransformer(np.sin),
    lambda: FunctionTransformer(np.cos),
]


@parametrize("wrap", [lambda one: one, lambda one: make_pipeline(one, MinMaxScaler())], ids=["plain", "nested"])
def test_steps_are_equal_if_their_clones_do_the_same(wrap):
    for i, one in enumerate(STEPS):
        assert [equal(wrap(one()), wrap(clone(other()))) for other in STEPS] == [i == j for j in range(len(STEPS))]


def test_steps_that_cannot_be_compared_are_not_equal(iris):
    """Frozen estimators have learned something that no parameter shows; frames have no truth value."""
    one, other = (FrozenEstimator(StandardScaler().fit(iris[0] + k)) for k in range(2))
    assert equal(one, clone(one))
    assert not equal(one, other)
    frames = [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": [1]})]
    assert not equal(*(FunctionTransformer(kw_args={"frame": frame}) for frame in frames))


def test_seconds_include_the_shared_time(iris):
    import time

    class Slow(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            time.sleep(0.05)
            return super().fit(X, y, sample_weight)

    comparison = compare(*iris, pipelines(scaler=Slow))
    assert all(seconds.min() > 0.05 for seconds in comparison.figures["seconds"].values())


def test_warnings_of_shared_steps_count_for_each(iris):
    class Warner(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            warnings.warn("old", FutureWarning, stacklevel=2)
            return super().fit(X, y, sample_weight)

    with pytest.warns(FutureWarning, match=r"9 of 9 fits warned: net 3, tanh 3, forest 3 \(of 3 each\)\. 9 of them"):
        compare(*iris, pipelines(scaler=Warner))


# Tables


LABELS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=120)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(LABELS, st.integers(0, 2**31), min_size=2, max_size=12),
    st.integers(-12, 12),
    st.integers(-12, 12),
    st.sampled_from([None, 0.0, 0.01, 1e5]),
    st.sampled_from(
        ["neg_log_loss", "accuracy", "make_scorer(fbeta_score, response_method='predict', beta=2, average='macro')"]
    ),
    st.floats(1e-4, 1e6),
)
def test_printed_tables_have_at_most_80_columns(seeds, level, spread, rope, scoring, seconds):
    """For all labels, scales of scores, times and names of scores; measurements of nets included."""
    scores = {
        label: 10.0**level + 10.0**spread * np.random.RandomState(seed).standard_normal(20)
        for label, seed in seeds.items()
    }
    ones = {label: np.ones(20) for label in scores}
    figures = {
        "score": scores, "seconds": {label: seconds * one for label, one in ones.items()}, "zeros": ones,
        "weights": {label: 784_010 * one for label, one in ones.items()}, "dead": ones, "saturated": ones,
        "epochs": ones,
    }  # fmt: skip
    comparison = Comparison(
        figures,
        reference=next(iter(scores)),
        test_ratio=0.25,
        rope=rope,
        scoring=scoring,
        compared="a_long_name__of_a_parameter",
    )
    for table in (comparison, comparison.details(), comparison.compare_all_pairs()):
        assert max(map(len, str(table).splitlines())) <= 80
        assert not re.search(r"[\d\[,%] *[-+]?(nan|inf)\b", str(table)[len(str(table).splitlines()[0]) :])
    _, *rows = str(comparison).splitlines()[: len(scores) + 1]
    assert all(re.search(r"  (reference|better|worse|same|cannot tell) ", row) for row in rows)


def test_long_labels_are_cut_in_the_middle():
    rng = np.random.default_rng(0)
    labels = ["pipeline of a scaler, principal components and a net", "short"]
    comparison = of_scores({label: rng.normal(0, 1, 20) for label in labels})
    (row,) = (line for line in str(comparison).splitlines() if line.startswith("pipeline"))
    first, last = row.split("  ")[0].split("...")
    assert labels[0].startswith(first)
    assert labels[0].endswith(last)
    assert 80 >= len(row) > 70
    assert labels[0] in comparison.to_frame().index


@parametrize("label", ["神经网络", "多层感知器与标准化的管道 " * 4, "ロジスティック回帰"])
def test_wide_letters_take_two_columns(label):
    rng = np.random.default_rng(0)
    table = str(of_scores({label: rng.normal(0, 1, 20), "short": rng.normal(0, 1, 20)}))
    lines = [re.sub(r"[\u3040-\u30ff\u4e00-\u9fff]", "xx", line) for line in table.splitlines()]
    assert max(map(len, lines)) <= 80
    verdicts = [re.search(r"  (reference|cannot tell) ", line).start() for line in lines[1:3]]
    assert verdicts[0] == verdicts[1]


@parametrize("text", ["a" + "神" * 100, "word " * 3 + "神经" * 60, "word " * 40])
def test_notes_have_at_most_80_columns(text):
    table = str(Table({"name": ["a"]}, {}, [text]))
    assert max(len(line) + line.count("神") + line.count("经") for line in table.splitlines()) <= 80
    assert "".join(table.split()).endswith("".join(text.split()))


@parametrize("scale", [1e-9, 1e-3, 1.0, 1e4, 1e9])
def test_the_table_shows_digits_that_matter(scale):
    """Half the interval has two digits at least."""
    rng = np.random.default_rng(0)
    comparison = of_scores({label: scale * rng.normal(5, 1, 20) for label in "ab"})
    low, high = map(float, re.search(r"\[ *([-+.\de]+), +([-+.\de]+)\]", str(comparison)).groups())
    assert (low, high) == pytest.approx(comparison.difference("b").interval(), rel=0.06, abs=0.06 * scale)


@parametrize("scale", [1e-2, 1.0, 287.0, 1e3, 1e5, 1e6])
def test_numbers_are_plain(scale):
    """In the tables and in the notes: 290, not 2.9e+02."""
    rng = np.random.default_rng(0)
    scores = {label: np.round(scale * rng.normal(shift, 1, 20), 9) for label, shift in [("a", 5), ("b", 5), ("c", 0)]}
    scores["d"] = scores["a"] + scale * 1e-3 * rng.normal(0, 1, 20)
    comparison = of_scores(scores, rope=scale)
    for table in (comparison, comparison.details(), comparison.compare_all_pairs()):
        assert not re.search(r"\de[-+]\d", str(table))
    smallest = float(re.search(r"true difference were ([\d.]+), this", " ".join(str(comparison).split()))[1])
    assert smallest == pytest.approx(comparison.smallest_difference_, rel=0.05)


def test_rounding_shows_no_digits():
    """Scores that differ by rounding only do not make the other numbers longer."""
    scores = np.linspace(-1.2, -1.0, 20)
    noise = 1e-16 * np.random.default_rng(0).integers(-3, 4, 20)
    assert re.search(
        r"^b  .* -1.1000  [-+]0.0000 \[-0.0000, \+0.0000\] ", str(of_scores({"a": scores, "b": scores + noise})), re.M
    )


def test_the_frame_has_everything(iris):
    frame = compare(*iris, {"a": net_of(), "b": net_of(activation="tanh")}, rope=0.1).to_frame()
    assert frame.columns.tolist() == [
        "score", "difference", "low", "high", "p", "p_better", "p_same", "p_worse", "won", "zeros", "seconds", "epochs",
        "weights", "dead", "saturated", "verdict",
    ]  # fmt: skip


def test_a_label_or_a_parameter_may_have_the_name_of_a_column(iris):
    """For example, `p` of KNeighborsClassifier."""
    comparison = compare_parameter(KNeighborsClassifier(), *iris, "p", [1, 2], cv=CV, scoring="accuracy")
    assert str(comparison).startswith("parameter p  verdict")
    assert comparison.to_frame().index.tolist() == comparison.labels_
    assert comparison.to_frame()["p"].notna().sum() == 1
    pairs = of_scores({"estimator": np.arange(5.0), "score": np.ones(5)}).compare_all_pairs().to_frame()
    assert (pairs.index.tolist(), pairs.columns.tolist()) == (["estimator", "score"],) * 2


@parametrize("name", ["weights", "p", "p_same", "won", "verdict", "seconds", "letters", "difference [interval]"])
def test_every_table_shows_labels_of_a_parameter_with_the_name_of_a_column(name):
    """For example, `weights` of KNeighborsClassifier, though its comparison counts no weights."""
    comparison = of_scores({"uniform": np.arange(5.0), "distance": np.ones(5)}, compared=name)
    for table in (comparison, comparison.details(), comparison.compare_all_pairs()):
        assert {"uniform", "distance"} <= {line.split()[0] for line in str(table).splitlines()[1:3]}
    assert comparison.to_frame().reset_index().iloc[:, 0].tolist() == comparison.labels_


@parametrize("label", ["a", "c"])
def test_the_reference_has_no_difference(label):
    comparison = of_scores({"a": np.arange(5.0), "b": np.ones(5)})
    with pytest.raises(ValueError, match=rf"label must be one of \['b'\]\. Got '{label}'"):
        comparison.difference(label)


def test_same_is_explained():
    relu = np.random.default_rng(0).normal(0, 1, 20)
    comparison = of_scores({"a": relu, "b": relu + 0.001}, rope=0.1)
    assert comparison.verdicts_ == {"b": "practically the same"}
    assert "same: practically the same. The difference is at most 0.1, with a probability" in str(comparison).replace(
        "\n", " "
    )
    equal = of_scores({"a": relu, "b": relu})
    assert "same: practically the same. All differences are 0." in str(equal)
    assert equal.difference("b").probabilities(0.0) == (0.0, 1.0, 0.0)
    assert "practically" not in str(of_scores({"a": relu, "b": np.roll(relu, 1)}, rope=0.1))


def test_html_shows_the_same_table():
    comparison = of_scores({"a<b": np.arange(5.0), "c": np.arange(5.0)[::-1]})
    html = comparison._repr_html_()
    header = str(comparison).splitlines()[0]
    assert "a&lt;b" in html
    assert re.findall("<th>(.*?)</th>", html) == re.split(r"  +", header)


@parametrize(
    ("scoring", "title"),
    [
        ("neg_log_loss", "Log loss, lower is better"),
        ("neg_mean_squared_error", "Mean squared error, lower is better"),
        ("accuracy", "Accuracy, higher is better"),
    ],
)
@parametrize("rope", [None, 0.1])
def test_the_figure_says_what_it_shows(scoring, title, rope, plt):
    rng = np.random.default_rng(0)
    scores = {label: rng.normal(0, 1, 20) for label in ("a", "b", "long label " * 10)}
    ax = of_scores(scores, scoring=scoring, rope=rope).plot().ax_
    assert ax.get_title() == title
    assert ax.get_xlabel().startswith("improvement over a (right of 0 is better), with 95 % interval")
    assert ("blue band: differences of up to 0.1 do not matter" in ax.get_xlabel()) == (rope is not None)
    assert max(len(text.get_text()) for text in ax.get_yticklabels()) <= 30


def test_labels_are_no_formulas(plt):
    """A label with $ is drawn as it is; broken TeX raises no error."""
    rng = np.random.default_rng(0)
    display = of_scores({label: rng.normal(0, 1, 20) for label in ("$\\a$", "$\\frac$", "costs $5")}).plot()
    display.figure_.canvas.draw()
    assert {text.get_text() for text in display.ax_.get_yticklabels()} == {r"\$\frac\$", r"costs \$5"}


# Statistics


def test_p_values_are_those_of_scipy(iris):
    """The corrected test is the ordinary one with a standard error that is longer by a known factor."""
    comparison = compare(*iris, {"a": net_of(), "b": GaussianNB(), "c": forest_of()}, cv=5, scoring="accuracy")
    for label in "bc":
        differences = comparison.scores_[label] - comparison.scores_["a"]
        t = stats.ttest_1samp(differences, 0).statistic / np.sqrt(1 + 5 * comparison.test_ratio)
        assert comparison.difference(label).p_value() == pytest.approx(2 * stats.t.sf(abs(t), 4))


@pytest.mark.slow
def test_a_pipeline_rarely_differs_from_its_copy():
    """In 200 runs with different seeds, on samples of real rows, at most 5 % end in better or worse.

    In every second run, both share the fitted scaler.
    """
    X, y = load_breast_cancer(return_X_y=True)
    found = 0
    for seed in range(200):
        kind = (Pipeline, OwnPipeline)[seed % 2]
        rows = np.random.default_rng(seed).choice(len(y), 150, replace=False)
        one = kind([("scale", StandardScaler()), ("net", net_of(max_iter=10))])
        estimators = {"one": one, "copy": clone(one)}
        splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=seed)
        comparison = compare(X[rows], y[rows], estimators, cv=splits, paired_seeds=False, random_state=seed)
        found += comparison.verdicts_["copy"] in ("better", "worse")
    assert found <= 0.05 * 200
