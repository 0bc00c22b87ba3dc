"""Units: the rows of a group, or the copies of a row, stay on one side when `fit` holds out rows."""

import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from helpers import values_equal
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold, cross_validate, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier, compare_activations, compare_estimators
from sk_shallow._fit import set_up, validation
from sk_shallow._fit.data import Data, hold_out
from sk_shallow._fit.distinct import index_by_group
from sk_shallow._fit.targets import targets_of
from sk_shallow.solvers import SOLVERS

parametrize = pytest.mark.parametrize
# Fits are short here: what they warn of has tests in test_convergence.py.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FULL_BATCH = [name for name, solver in SOLVERS.items() if solver.full_batch]
RNG = np.random.default_rng(0)
M = 120
GROUPS = RNG.integers(0, 20, M)
X = RNG.standard_normal((M, 3)).round(1)
X[60:90] = X[:30]  # copies, most of them in other groups
LABELS = {
    "binary": np.array(["a", "b"])[(X[:, 0] > 0).astype(int)],
    "multiclass": (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5),
    "multilabel": (X[:, :2] > 0).astype(int),
}
y = LABELS["multiclass"]


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 4, "max_iter": 3, "alpha": 1.0, "random_state": 0, **kwargs})


def stopping(**kwargs):
    return net_of(**{"early_stopping": True, "validation_fraction": 0.2, **kwargs})


def results(net):
    return [
        *net.coefs_,
        *net.intercepts_,
        net.loss_curve_,
        net.validation_scores_ or [],
        list((net.alpha_scores_ or {}).items()),
    ]


class Recorder:
    """A scorer that keeps the rows that it has seen."""

    def __call__(self, estimator, X, y):
        self.rows = np.asarray(X.todense() if hasattr(X, "todense") else X)
        return estimator.score(X, y)


# The rows that early stopping holds out


@parametrize("arrange", [np.asarray, csr_array])
@parametrize("kind", LABELS)
@parametrize("solver", SOLVERS)
def test_whole_groups_are_held_out(solver, kind, arrange):
    rows, recorder = np.column_stack([X, GROUPS + 1.0]), Recorder()
    stopping(solver=solver, scoring=recorder).fit(arrange(rows), LABELS[kind], groups=GROUPS)
    held_out = recorder.rows[:, 3].astype(int) - 1
    counts = np.bincount(held_out, minlength=20)
    assert_array_equal(counts[counts > 0], np.bincount(GROUPS, minlength=20)[counts > 0])
    assert 12 <= len(held_out) <= 36


@parametrize("arrange", [np.asarray, csr_array])
@parametrize("dtype", [np.float32, np.float64])
@parametrize("kind", LABELS)
@parametrize("solver", SOLVERS)
def test_copies_stay_on_one_side(solver, kind, dtype, arrange):
    rows, recorder = X.repeat(3, axis=0).astype(dtype), Recorder()
    order = RNG.permutation(len(rows))
    stopping(solver=solver, scoring=recorder).fit(arrange(rows[order]), LABELS[kind].repeat(3, axis=0)[order])
    given, counts = np.unique(rows, axis=0, return_counts=True)
    held_out, n_held_out = np.unique(recorder.rows, axis=0, return_counts=True)
    number = {tuple(row): count for row, count in zip(given.tolist(), counts, strict=True)}
    assert [number[tuple(row)] for row in held_out.tolist()] == n_held_out.tolist()
    assert 0.1 * len(rows) < len(recorder.rows) < 0.3 * len(rows)


@parametrize("solver", SOLVERS)
def test_equal_rows_with_other_labels_are_other_rows(solver):
    """Each x has both labels, so only rows (x, y) can be kept together."""
    rows, labels = np.arange(40.0).reshape(-1, 1).repeat(2, axis=0), np.tile([0, 1], 40)
    recorder = Recorder()
    stopping(solver=solver, scoring=recorder).fit(rows, labels)
    assert len(recorder.rows) == 16


@parametrize("multilabel", [False, True])
@parametrize("fraction", [0.1, 0.5, 0.9])
def test_distinct_rows_are_split_by_scikit_learn(fraction, multilabel):
    rows, labels = RNG.standard_normal((100, 2)), np.eye(4, dtype=int)[:, :3][RNG.integers(0, 4, 100)]
    labels = labels if multilabel else labels.argmax(axis=1)
    for groups in (None, RNG.permutation(100)):  # groups of one row each are no groups
        parts = hold_out(Data(rows, labels, targets_of(labels), groups=groups), fraction, 3)[:2]
        stratify = None if multilabel else labels
        expected = train_test_split(rows, test_size=fraction, stratify=stratify, random_state=3)
        for part, array in zip(parts, expected, strict=True):
            assert_array_equal(np.sort(part.X, axis=0), np.sort(array, axis=0))


def split(labels, units, fraction=0.1, seed=0, solver="adam"):
    """Return training and validation rows as pairs of units and labels, and whether they are stratified."""
    m = len(labels)
    data = Data(np.random.default_rng(0).standard_normal((m, 2)), labels, targets_of(labels), groups=units)
    data = data.merged(across_groups=True) if SOLVERS[solver].full_batch else data
    training, held_out, stratified = hold_out(data, fraction, seed)
    assert not set(training.given.groups) & set(held_out.given.groups)
    assert len(training.given.y) + len(held_out.given.y) == m
    return training.given, held_out.given, stratified


MIXTURES = {
    "a label per row": lambda rng, units: rng.integers(0, 3, len(units)),
    "a label per group": lambda rng, units: rng.integers(0, 3, units.max() + 1)[units],
    "a rare class": lambda rng, units: (rng.random(len(units)) < 0.03).astype(int),
}


@parametrize("solver", ["adam", "gd"])
@parametrize("mixture", MIXTURES)
@parametrize("sizes", ["equal", "unequal"])
@parametrize("fraction", [0.1, 0.3])
@parametrize("seed", range(5))
def test_classes_are_balanced_as_far_as_groups_allow(solver, mixture, sizes, fraction, seed):
    """Of each class, the wanted number is held out, give or take the largest group and 5 % of all that is wanted."""
    rng = np.random.default_rng(seed)
    units = np.arange(80).repeat(20 if sizes == "equal" else rng.integers(1, 40, 80))
    labels = MIXTURES[mixture](rng, units)
    _, held_out, stratified = split(labels, units, fraction, seed, solver)
    assert stratified
    wanted, counts = fraction * np.bincount(labels), np.bincount(held_out.y, minlength=labels.max() + 1)
    assert np.all(np.abs(counts - wanted) <= np.bincount(units).max() + 0.05 * wanted.sum())
    if fraction == 0.3:  # the best of some draws
        assert np.abs(counts - wanted).sum() <= 0.1 * wanted.sum()
    rarest = wanted.argmin()
    assert abs(counts[rarest] - wanted[rarest]) <= 0.5 * np.bincount(units[labels == rarest]).max() + 1


@parametrize("solver", ["adam", "gd"])
def test_large_groups_are_not_held_out(solver):
    """Half of the groups have more rows than are wanted."""
    units = np.r_[np.arange(20).repeat(100), 20 + np.arange(20).repeat(5)]
    for seed in range(10):
        _, held_out, _ = split(np.arange(2100) % 2, units, 0.02, seed, solver)
        assert 40 <= len(held_out.y) <= 45


def test_small_classes_together_have_their_share():
    """One and a half rows of each class are wanted."""
    labels = np.arange(600) % 40
    rows = np.arange(600.0).reshape(-1, 1)
    rows[40] = rows[0]
    _, held_out, _ = hold_out(Data(rows, labels, targets_of(labels)), 0.1, 0)
    assert abs(len(held_out.y) - 60) <= 1
    assert set(np.bincount(held_out.y)) == {1, 2}


@parametrize("solver", ["adam", "gd"])
@parametrize("fraction", [0.3, 0.9])
def test_the_only_group_of_a_class_is_trained_on(fraction, solver):
    """Even if the group has rows of a rarer class too, from which the choice starts."""
    units = np.arange(200) // 20
    labels = np.where(np.arange(200) % 20 == 0, 2, np.where(units == 0, 1, 0))
    for seed in range(10):
        training, _, stratified = split(labels, units, fraction, seed, solver)
        assert not stratified
        assert set(training.y) == {0, 1, 2}


@parametrize("solver", ["adam", "gd"])
@parametrize("fraction", [0.01, 0.1, 0.5, 0.9, 0.99])
@parametrize("n_groups", [2, 3, 10])
def test_both_sides_have_a_group(n_groups, fraction, solver):
    training, held_out, _ = split(np.arange(200) % 2, np.arange(200) % 10 % n_groups, fraction, 0, solver)
    assert len(training.y)
    assert len(held_out.y)


@parametrize("solver", SOLVERS)
def test_a_class_in_one_group_is_told(solver):
    labels = np.where(GROUPS == 0, 1, 0)
    with pytest.warns(UserWarning, match="not stratified: a class has a single row .* or group"):
        stopping(solver=solver).fit(X, labels, groups=GROUPS)


def test_many_classes_and_groups_take_little_memory():
    """A table of classes and groups would take 50 MB."""
    units, labels = np.arange(10_000) // 4, RNG.integers(0, 2_500, 10_000)
    tracemalloc.start()
    split(labels, units, 0.3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1000 * len(labels)


# What must not matter


FORMS = {
    "strings": lambda groups: np.array([f"p{19 - group}" for group in groups]),
    "list": lambda groups: (groups * 1.5).tolist(),
    "objects": lambda groups: [group if group % 2 else f"p{group}" for group in groups.tolist()],
    "tuples": lambda groups: np.fromiter(((group, "x") for group in groups.tolist()), dtype=object),
    "dates": lambda groups: np.datetime64("2020-01-01") + groups.astype("m8[D]"),
    "booleans": lambda groups: groups % 2 == 0,
}


@parametrize("form", FORMS)
@parametrize("solver", SOLVERS)
def test_names_of_groups_do_not_matter(form, solver):
    groups = GROUPS % 2 if form == "booleans" else GROUPS
    one = stopping(solver=solver).fit(X, y, groups=groups)
    other = stopping(solver=solver).fit(X, y, groups=FORMS[form](groups))
    assert values_equal(results(one), results(other))


@parametrize("dtype", [None, "category", "string", "Int64", "float32"])
def test_groups_of_pandas(dtype):
    groups = pd.Series(GROUPS, index=np.arange(M)[::-1])
    groups = groups.map(str).astype(dtype) if dtype == "string" else groups if dtype is None else groups.astype(dtype)
    assert values_equal(results(stopping().fit(X, y, groups=groups)), results(stopping().fit(X, y, groups=GROUPS)))


OPTIONS = {
    "early stopping": {},
    "scorer": {"scoring": "accuracy"},
    "class weights": {"class_weight": "balanced"},
    "alpha": {"alpha": "auto"},
    "alpha alone": {"alpha": "auto", "early_stopping": False},
}


@parametrize("few_values", [False, True])
@parametrize("options", OPTIONS)
@parametrize("kind", LABELS)
@parametrize("solver", FULL_BATCH)
def test_with_groups_order_copies_and_names_change_no_bit(solver, kind, options, few_values):
    """With few values, many groups have rows in common."""
    kind_y = LABELS[kind]
    rows = np.sign(X) if few_values else X
    rng = np.random.default_rng(0)
    w = rng.integers(1, 4, M)
    net = stopping(solver=solver, **OPTIONS[options])
    weighted = clone(net).fit(rows, kind_y, sample_weight=w, groups=GROUPS)
    order = rng.permutation(np.repeat(np.arange(M), w))
    copied = clone(net).fit(rows[order], kind_y[order], groups=100 - GROUPS[order])
    assert values_equal(results(weighted), results(copied))
    w, order = rng.uniform(0, 2, M), rng.permutation(M)
    one = clone(net).fit(rows, kind_y, sample_weight=w, groups=GROUPS)
    other = clone(net).fit(rows[order], kind_y[order], sample_weight=w[order], groups=FORMS["strings"](GROUPS[order]))
    assert values_equal(results(one), results(other))


@parametrize("solver", SOLVERS)
@parametrize(
    "given",
    ["X_val", "no early stopping", "X_val without early stopping"],
)
def test_groups_that_nothing_uses_change_nothing(solver, given):
    net = stopping(solver=solver)
    net.set_params(early_stopping=given == "X_val", alpha="auto" if given == "X_val without early stopping" else 1.0)
    arguments = {} if given == "no early stopping" else {"X_val": X[:40], "y_val": y[:40]}
    w = RNG.uniform(0, 2, M)
    one = clone(net).fit(X, y, w, groups=GROUPS, **arguments)
    assert values_equal(results(one), results(clone(net).fit(X, y, w, **arguments)))


pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from([0.5, 1.0, 2.0])), min_size=1)


@given(pairs, st.permutations(range(4)), st.integers(0, 99))
@example([(0, 0, 1.0), (0, 1, 0.5), (1, 0, 0.5), (1, 1, 1.0)], [1, 0, 2, 3], 0)  # groups that exchange weights
@settings(deadline=None)
def test_rows_are_numbered_by_group_whatever_the_names_and_the_order(rows, names, seed):
    index, groups, w = (np.array(column) for column in zip(*rows, strict=True))
    index = np.unique(index, return_inverse=True)[1]
    numbers = index_by_group(index, groups, w)
    assert len(set(zip(index, groups, strict=True))) == len(set(numbers)) == numbers.max() + 1
    assert np.all(np.diff(index[np.argsort(numbers, kind="stable")]) >= 0)
    order = np.random.default_rng(seed).permutation(len(rows))
    others = index_by_group(index[order], np.array(names)[groups[order]], w[order])
    for number in range(numbers.max() + 1):  # groups with the same rows and weights may be exchanged
        one, other = numbers == number, others == number
        assert index[one][0] == index[order][other][0]
        assert w[one].sum() == w[order][other].sum()


def test_merged_rows_know_their_groups():
    data = Data(X, y, targets_of(y), groups=GROUPS)
    by_group, across = data.merged(), data.merged(across_groups=True)
    assert len(across.y) < len(by_group.y) <= M
    assert across.groups is None
    assert_array_equal(by_group.groups, by_group.split_groups())
    for merged in (by_group, across):
        assert_array_equal(merged.merged().X, by_group.X)
        assert_array_equal(merged.merged(across_groups=True).w, across.w)
        assert merged.w.sum() == M
    part = by_group.take(np.flatnonzero(by_group.groups < 5))
    assert set(part.given.groups) == set(range(5))
    assert_array_equal(replace(data, groups=None).merged().split_groups(), np.arange(len(across.y)))


@parametrize("solver", FULL_BATCH)
def test_full_batches_see_each_row_once_with_groups_too(solver, monkeypatch):
    seen, original = [], set_up.hold_out
    monkeypatch.setattr(set_up, "hold_out", lambda *args: seen.append(original(*args)) or seen[-1])
    stopping(solver=solver).fit(np.sign(X), y, groups=GROUPS)
    for part in seen[0][:2]:
        rows = np.column_stack([part.X, part.y])
        assert len(np.unique(rows, axis=0)) == len(rows) < len(part.given.y)
        assert part.w.sum() == len(part.given.y)


# Errors


@parametrize("solver", SOLVERS)
def test_early_stopping_needs_two_groups(solver):
    message = r"needs two groups: one to hold out .* Got 1\. Leave groups out, pass X_val .* early_stopping=False\."
    with pytest.raises(ValueError, match=message):
        stopping(solver=solver).fit(X, y, groups=np.zeros(M))
    stopping(solver=solver).fit(X, y, groups=np.zeros(M), X_val=X, y_val=y)
    net_of(solver=solver).fit(X, y, groups=np.zeros(M))
    with pytest.warns(match="not stratified"), pytest.warns(match="y has one class only"):
        stopping(solver=solver).fit(X, (GROUPS == 0).astype(int), groups=GROUPS == 0)


@parametrize("solver", SOLVERS)
@parametrize("n_rows", [1, 2])
def test_early_stopping_needs_three_distinct_rows(solver, n_rows):
    rows = np.arange(20.0).reshape(-1, 1) % n_rows
    message = rf"two rows to hold out and one to train on, .* holds out 2 of {n_rows} rows \(equal ones count once"
    with pytest.raises(ValueError, match=message):
        stopping(solver=solver).fit(rows, np.arange(20) % n_rows)


MISSING = [np.nan, None, np.datetime64("NaT")]


@parametrize("solver", ["adam", "lbfgs"])
@parametrize("options", [{}, {"early_stopping": True}, {"alpha": "auto"}], ids=str)
@parametrize(
    ("groups", "message"),
    [
        (GROUPS[1:], r"in shape \(120,\)\. Got shape \(119,\)\. Pass the group of every row, or leave groups out"),
        (GROUPS.reshape(-1, 1), r"Got shape \(120, 1\)"),
        ("person", r"Got shape \(\)"),
        *[([value, *GROUPS[1:]], r"missing values \(NaN, None\)\. Got 1\. Name these groups, or") for value in MISSING],
        (np.where(GROUPS == 0, np.nan, GROUPS), "missing values"),
        (np.where(GROUPS == 0, np.datetime64("NaT"), np.datetime64(0, "D")), "missing values"),
        (["a", np.nan] * 60, r"missing values .* Got 60\."),
    ],
)
def test_bad_groups(groups, message, options, solver):
    net = net_of(solver=solver, **options)
    for arguments in [{}, {"X_val": X, "y_val": y}] if options else [{}]:
        with pytest.raises(ValueError, match=message):
            net.fit(X, y, groups=groups, **arguments)


@parametrize("dtype", ["Int64", "string", "category", object])
def test_missing_groups_of_pandas(dtype):
    groups = pd.Series([pd.NA if dtype in ("Int64", object) else None, *["1"] * (M - 1)])
    groups = groups.map(int, na_action="ignore") if dtype == "Int64" else groups
    for form in (groups.astype(dtype), np.asarray(groups.astype(dtype), dtype=object)):
        with pytest.raises(ValueError, match=r"missing values .* Got 1\."):
            net_of().fit(X, y, groups=form)


def test_partial_fit_has_no_groups():
    with pytest.raises(TypeError, match="groups"):
        net_of().partial_fit(X, y, classes=[0, 1, 2], groups=GROUPS)


# How groups reach a net


@pytest.fixture
def seen(monkeypatch):
    """Return a list of the groups that nets get."""
    seen, original = [], validation.index_of_groups

    def recording(groups, m):
        seen.append(np.asarray(groups).tolist())
        return original(groups, m)

    monkeypatch.setattr(validation, "index_of_groups", recording)
    return seen


@parametrize("path", ["", "net__"])
def test_searches_hand_groups_to_their_splitter_without_a_request(path, seen):
    net = Pipeline([("scale", StandardScaler()), ("net", stopping())]) if path else stopping()
    search = GridSearchCV(net, {f"{path}alpha": [0.1, 1]}, cv=GroupKFold(3))
    plain = clone(search).fit(X, y, groups=GROUPS).cv_results_["mean_test_score"]
    with config_context(enable_metadata_routing=True):
        routed = clone(search).fit(X, y, groups=GROUPS).cv_results_["mean_test_score"]
        cross_validate(net, X, y, cv=StratifiedGroupKFold(3), params={"groups": GROUPS})
    assert_array_equal(plain, routed)
    assert not seen


def test_a_request_hands_groups_on(seen):
    with config_context(enable_metadata_routing=True):
        net = stopping().set_fit_request(groups=True)
        for estimator in (net, make_pipeline(StandardScaler(), net)):
            cross_validate(estimator, X, y, cv=GroupKFold(2), params={"groups": GROUPS})
            assert len(seen) == 2
            assert not set(seen[0]) & set(seen[1])
            seen.clear()
        make_pipeline(StandardScaler(), net).fit(X, y, groups=GROUPS)
    assert seen == [GROUPS.tolist()]


def test_requests_for_other_arguments_are_needed_as_before():
    with config_context(enable_metadata_routing=True):
        request = net_of().get_metadata_routing().fit.requests
        assert request == {
            "groups": False, "sample_weight": None, "X_val": None, "y_val": None, "sample_weight_val": None
        }  # fmt: skip
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            cross_validate(net_of(), X, y, params={"sample_weight": np.ones(M)})


def test_without_routing_groups_reach_the_last_step_of_a_pipeline(seen):
    pipe = Pipeline([("scale", StandardScaler()), ("net", stopping())])
    net = pipe.fit(X, y, net__groups=GROUPS)[-1]
    assert seen == [GROUPS.tolist()]
    direct = stopping().fit(StandardScaler().fit_transform(X), y, groups=GROUPS)
    assert values_equal(results(net), results(direct))


@parametrize("kind", ["label sets", "one rare class", "rare classes"])
def test_rare_classes_do_not_stop_the_choice_of_alpha(kind):
    """scikit-learn's splitter warns of a class with fewer rows than folds, and refuses if all classes are so rare."""
    rng = np.random.default_rng(0)
    labels = {
        "label sets": (rng.uniform(size=(60, 10)) < 0.5).astype(int),
        "one rare class": np.r_[2, 2, np.arange(58) % 2],
        "rare classes": np.arange(60) % 30,
    }[kind]
    net = ShallowNetClassifier(5, random_state=0).fit(rng.standard_normal((60, 5)), labels, groups=np.arange(60) // 3)
    assert net.alpha_scores_


TWO = {"activations": ["identity", "relu"], "cv": GroupKFold(3), "groups": GROUPS, "random_state": 0}
compare = partial(compare_activations, X=X, y=y, scoring="accuracy", **TWO)


@parametrize("routing", [False, True])
@parametrize("wrap", ["net", "pipeline", "pipeline in a pipeline"])
def test_comparisons_hand_groups_to_the_net(wrap, routing, seen):
    net = stopping()
    inner = make_pipeline(StandardScaler(), net)
    estimator = {"net": net, "pipeline": inner, "pipeline in a pipeline": make_pipeline(inner)}[wrap]
    with config_context(enable_metadata_routing=routing):
        comparison = compare(estimator, refit=True)
    parts = [GROUPS[train].tolist() for train, _ in GroupKFold(3).split(X, y, GROUPS) for _ in range(2)]
    assert seen == [*parts, GROUPS.tolist()]  # of two activations per split, and of the refit
    assert not hasattr(net, "_metadata_request")
    assert isinstance(comparison.best_estimator_, type(estimator))


def test_comparisons_hand_groups_on_beside_weights(seen):
    w = RNG.uniform(1, 2, M)
    plain = compare(stopping(), params={"sample_weight": w})
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        net = stopping().set_fit_request(sample_weight=True)
        routed = compare(net, params={"sample_weight": w}, scoring=scorer)
    assert len(seen) == 12
    assert_array_equal(plain.scores_["relu"], routed.scores_["relu"])


@parametrize("wrap", ["search", "search in a pipeline", "pipeline in a search"])
def test_nets_inside_a_search_get_groups_with_routing_only(wrap, seen):
    net = stopping()
    estimator = {
        "search": GridSearchCV(net, {"alpha": [1.0]}, cv=2),
        "search in a pipeline": make_pipeline(StandardScaler(), GridSearchCV(net, {"alpha": [1.0]}, cv=2)),
        "pipeline in a search": GridSearchCV(make_pipeline(net), {"shallownetclassifier__alpha": [1.0]}, cv=2),
    }[wrap]
    with pytest.warns(UserWarning, match=r"inside \['identity', 'relu'\], .* call sklearn\.set_config\(en"):
        compare(estimator)
    assert not seen
    with config_context(enable_metadata_routing=True):
        compare(estimator)
    assert len(seen) == 3 * 2 * 3  # splits, activations, two folds and the refit


@parametrize("kind", ["calibrated", "one against the rest", "voting"])
def test_nets_inside_other_estimators_get_groups_on_request_only(kind, seen):
    net = make_pipeline(StandardScaler(), stopping())
    estimator = {
        "calibrated": CalibratedClassifierCV(net, cv=3),
        "one against the rest": OneVsRestClassifier(net),
        "voting": VotingClassifier([("net", net), ("forest", RandomForestClassifier(3))], voting="soft"),
    }[kind]
    estimators, cv = {"net": estimator, "bayes": GaussianNB()}, GroupKFold(2)
    with pytest.warns(UserWarning, match=r"nets inside \['net'\], .* call sklearn\.set_config\(en") as caught:
        compare_estimators(estimators, X, y, cv=cv, groups=GROUPS, random_state=0)
    assert caught[0].filename == __file__
    assert not seen
    with config_context(enable_metadata_routing=True):
        with pytest.warns(UserWarning, match=r"inside \['net'\], .* Call set_fit_request"):
            compare_estimators(estimators, X, y, cv=cv, groups=GROUPS, random_state=0)
        net[-1].set_fit_request(groups=True)
        compare_estimators(estimators, X, y, cv=cv, groups=GROUPS, random_state=0)
    assert len(seen) == 2 * (1 if kind == "voting" else 3)


def test_every_net_inside_must_request_groups():
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3)
    with config_context(enable_metadata_routing=True):
        nets = [("one", stopping().set_fit_request(groups=True)), ("other", stopping())]
        estimators = {"vote": VotingClassifier(nets, voting="soft"), "search": search}
        with pytest.warns(UserWarning, match=r"inside \['vote'\], .* Call set_fit_request") as caught:
            compare_estimators(estimators, X, y, cv=GroupKFold(2), groups=GROUPS, random_state=0)
    assert sum("groups reach" in str(warning.message) for warning in caught) == 1
