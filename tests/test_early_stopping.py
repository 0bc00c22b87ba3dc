from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from helpers import NAMES, fitted_network
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, make_scorer, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit.data import Data, hold_out
from sk_shallow._fit.targets import MultilabelTargets, targets_of
from sk_shallow._model.network import Network
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.solvers import SOLVERS

parametrize = pytest.mark.parametrize


def stopping(**kwargs):
    kwargs = {"hidden_size": 10, "learning_rate_init": 0.03, "early_stopping": True, "random_state": 0, **kwargs}
    return ShallowNetClassifier(**kwargs)


@pytest.fixture(scope="module")
def noisy():
    """Return noisy rows: a net can memorize them, but its validation loss falls and then rises."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 20))
    return X, (X[:, 0] + X[:, 1] + 1.5 * rng.standard_normal(300) > 0).astype(int)


@parametrize("solver", SOLVERS)
@parametrize("scoring", ["loss", "accuracy", "roc_auc"])
def test_stops_and_returns_the_best_weights(solver, scoring, noisy):
    (X, y), (X_val, y_val) = (noisy[0][:200], noisy[1][:200]), (noisy[0][200:], noisy[1][200:])
    rate = 1.0 if solver == "gd" else 0.03
    net = stopping(solver=solver, scoring=scoring, max_iter=3000, learning_rate_init=rate, tol=1e-5, hidden_size=30)
    net.fit(X, y, X_val=X_val, y_val=y_val)
    assert net.n_iter_ < 3000
    assert len(net.validation_scores_) == net.n_iter_
    best_epoch = np.argmax(net.validation_scores_)
    assert best_epoch < net.n_iter_ - 1
    score = {
        "loss": lambda: -log_loss(y_val, net.predict_proba(X_val)),
        "accuracy": lambda: net.score(X_val, y_val),
        "roc_auc": lambda: roc_auc_score(y_val, net.decision_function(X_val)),
    }[scoring]()
    assert score == pytest.approx(net.best_validation_score_)


@parametrize("solver", SOLVERS)
@parametrize("kind", ["binary", "multiclass", "multilabel"])
@parametrize("dtype", [np.float32, np.float64])
def test_every_problem_and_dtype(solver, kind, dtype, problems, quiet):
    X, y = problems[kind]
    rate = 0.3 if solver == "gd" else 0.03
    net = stopping(solver=solver, max_iter=60, learning_rate_init=rate).fit(X.astype(dtype), y)
    assert net.coefs_[0].dtype == dtype
    assert np.isfinite(net.validation_scores_).all()
    assert net.validation_scores_[0] < net.best_validation_score_


def test_split_is_stratified_and_reproducible():
    y = np.repeat([0, 1, 2], [10, 30, 160])
    data = Data(np.arange(1.0, 201).reshape(-1, 1), y, targets_of(y), np.arange(1.0, 201))
    training, validation, stratified = hold_out(data, 0.1, seed=0)
    assert_array_equal(np.bincount(validation.y), [1, 3, 16])
    assert_array_equal(np.sort(np.concatenate([training.X, validation.X]).ravel()), np.arange(1, 201))
    assert_array_equal(validation.X[:, 0], validation.w)
    assert stratified
    assert_array_equal(hold_out(data, 0.1, seed=0)[1].X, validation.X)
    assert not np.array_equal(hold_out(data, 0.1, seed=1)[1].X, validation.X)


@parametrize("X_type", [np.asarray, sparse.csr_array])
def test_held_out_rows_are_not_trained_on(X_type, quiet):
    X, y = X_type(np.eye(40)), np.arange(40) % 2
    net = stopping(max_iter=3, alpha=0, solver="gd").fit(X, y)
    start = network_at_start(net, X, y).parameters
    untouched = (net.coefs_[0] == start.W1).all(axis=1)
    assert untouched.sum() == 4
    assert_array_equal(np.bincount(y[untouched]), [2, 2])


def test_validation_loss_is_weighted(iris, quiet):
    X, y = iris
    w = np.random.default_rng(0).uniform(size=150)
    net = stopping(max_iter=1, class_weight={0: 3}).fit(X, y, X_val=X, y_val=y, sample_weight_val=w)
    weights = w * np.where(y == 0, 3, 1)
    expected = -log_loss(y, net.predict_proba(X), sample_weight=weights)
    assert net.validation_scores_[0] == pytest.approx(expected)
    net = stopping(max_iter=1, scoring="accuracy").fit(X, y, X_val=X, y_val=y, sample_weight_val=w)
    assert net.validation_scores_[0] == pytest.approx(accuracy_score(y, net.predict(X), sample_weight=w))


def test_class_weights_of_the_validation_set_come_from_the_training_set(iris, quiet):
    X, y = iris[0][40:], iris[1][40:]  # 10, 50 and 50 rows
    net = stopping(max_iter=1, class_weight="balanced").fit(X, y, X_val=iris[0], y_val=iris[1])
    expected = -log_loss(iris[1], net.predict_proba(iris[0]), sample_weight=np.array([5.0, 1, 1])[iris[1]])
    assert net.validation_scores_[0] == pytest.approx(expected)


def macro_f1(estimator, X, y):
    return f1_score(y, estimator.predict(X), average="macro", zero_division=0)


@parametrize("scoring", [macro_f1, "f1_macro", make_scorer(balanced_accuracy_score), "neg_log_loss"])
def test_scorers(scoring, iris, quiet):
    X, y = iris[0], np.array(["u", "v", "w"])[iris[1]]
    net = stopping(scoring=scoring, max_iter=30).fit(X, y)
    assert net.validation_scores_[0] < net.best_validation_score_ <= 1


def test_frames_do_not_warn(iris, quiet):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    stopping(scoring="accuracy", max_iter=3).fit(X, iris[1], X_val=X, y_val=iris[1])


def test_metadata_routing_through_a_pipeline(iris, quiet):
    X, y = iris[0] * 100 + 50, iris[1]
    w = np.ones(20)
    with config_context(enable_metadata_routing=True):
        net = stopping(max_iter=5).set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipe = Pipeline([("scale", StandardScaler()), ("net", net)], transform_input=["X_val"])
        pipe.fit(X[:130], y[:130], X_val=X[130:], y_val=y[130:], sample_weight_val=w)
    scaler = StandardScaler().fit(X[:130])
    direct = stopping(max_iter=5).fit(
        scaler.transform(X[:130]), y[:130], X_val=scaler.transform(X[130:]), y_val=y[130:]
    )
    assert_allclose(pipe[-1].validation_scores_, direct.validation_scores_)


@parametrize("options", [{}, {"alpha": 1.0, "early_stopping": True}], ids=["alpha", "early stopping"])
def test_the_pipeline_that_errors_advise_transforms_the_validation_set(options, iris, quiet):
    """The net is that of scaled rows."""
    X, y = iris[0] * 100 + 50, iris[1]
    X_val, y_val = X[::3], y[::3]
    net = stopping(max_iter=5, **{"early_stopping": False, **options})
    with config_context(enable_metadata_routing=True):
        requesting = clone(net).set_fit_request(X_val=True, y_val=True)
        pipe = Pipeline([("scale", StandardScaler()), ("net", requesting)], transform_input=["X_val"])
        pipe.fit(X, y, X_val=X_val, y_val=y_val)
    scaler = StandardScaler().fit(X)
    direct = clone(net).fit(scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val)
    assert pipe[-1].alpha_scores_ == direct.alpha_scores_
    assert_array_equal(pipe[-1].coefs_[0], direct.coefs_[0])


def test_columns_that_a_pipeline_does_not_make_are_told(iris):
    """Without metadata routing, no step transforms X_val."""
    pipe = make_pipeline(PCA(2), stopping(max_iter=2))
    message = r'X has 4 features, but .* In a pipeline, let the steps transform X_val .*transform_input=\["X_val"\]'
    with pytest.raises(ValueError, match=message):
        pipe.fit(*iris, shallownetclassifier__X_val=iris[0], shallownetclassifier__y_val=iris[1])


def test_split_does_not_change_the_start(iris, quiet):
    """With the same seed, the initial weights are the same with and without early stopping."""
    X, y = iris
    net = stopping(max_iter=1, learning_rate_init=1e-12).fit(X, y)
    other = clone(net).set_params(early_stopping=False).fit(X, y)
    assert_allclose(net.coefs_[0], other.coefs_[0], atol=1e-9)


# Errors


@parametrize(
    ("kwargs", "message"),
    [
        ({"X_val": 1}, "X_val is provided, but y_val was not provided"),
        ({"y_val": 1}, "y_val is provided, but X_val was not provided"),
        ({"sample_weight_val": 1}, "sample_weight_val is provided, but X_val was not provided"),
    ],
)
def test_incomplete_validation_set(kwargs, message, iris):
    with pytest.raises(ValueError, match=message):
        stopping().fit(*iris, **kwargs)


@parametrize("solver", SOLVERS)
def test_a_validation_set_that_nothing_uses(solver, iris):
    X, y = iris
    net = stopping(solver=solver, early_stopping=False, alpha=1.0)
    message = (
        r"need early_stopping=True or alpha='auto', .* Got early_stopping=False and alpha=1\.0\. Set one .* "
        r"Pipeline\(\.\.\., transform_input=\[\"X_val\"\]\) with set_fit_request\(X_val=True, y_val=True\)"
    )
    with pytest.raises(ValueError, match=message):
        net.fit(X, y, X_val=X, y_val=y)


@parametrize("scoring", ["loss", "accuracy"])
@parametrize("solver", SOLVERS)
def test_a_validation_set_serves_the_choice_of_alpha(solver, scoring, iris, quiet):
    """It does so with and without early stopping, but without it the fit is not scored."""
    X, y = iris
    given = {"X_val": X[::3], "y_val": y[::3]}
    net = stopping(solver=solver, scoring=scoring, early_stopping=False, max_iter=3)
    chosen = clone(net).fit(X, y, **given)
    assert chosen.validation_scores_ is None
    assert chosen.best_validation_score_ is None
    stopped = clone(net).set_params(early_stopping=True).fit(X, y, **given)
    assert chosen.alpha_scores_ == stopped.alpha_scores_
    assert chosen.alpha_ == stopped.alpha_
    assert chosen.alpha_scores_ != clone(net).fit(X, y).alpha_scores_
    weighted = clone(net).fit(X, y, **given, sample_weight_val=np.arange(50.0))
    assert chosen.alpha_scores_ != weighted.alpha_scores_
    fixed = clone(net).set_params(alpha=chosen.alpha_).fit(X, y)
    assert_array_equal(fixed.coefs_[0], chosen.coefs_[0])  # nothing else depends on the validation set


@parametrize("solver", SOLVERS)
def test_a_validation_set_that_nothing_would_use_is_refused(solver, iris, quiet):
    X, y = iris
    net, few = stopping(solver=solver, early_stopping=False, max_iter=3), {"X_val": X[::17], "y_val": y[::17]}
    message = "only alpha='auto' uses X_val, and needs at least 10 rows of it. Got 9. Pass more"
    with pytest.raises(ValueError, match=message):
        net.fit(X, y, **few)
    assert not hasattr(net, "coefs_")
    assert clone(net).set_params(early_stopping=True).fit(X, y, **few).validation_scores_


@parametrize("solver", SOLVERS)
def test_a_warm_start_with_a_validation_set_keeps_alpha(solver, iris, quiet):
    """A loop that passes the same arguments to every call works."""
    X, y = iris
    net = stopping(solver=solver, early_stopping=False, warm_start=True, max_iter=2)
    alphas = {net.fit(X, y, X_val=X[::3], y_val=y[::3]).alpha_ for _ in range(3)}
    assert len(alphas) == 1


@parametrize(
    ("change", "message"),
    [
        ({"y_val": [0, 1, 2, 7]}, r"Invalid validation set \(X_val, .*\): .* classes \[0, 1, 2\]. Got others: \[7\]"),
        ({"X_val": np.ones((4, 3))}, "X has 3 features, but ShallowNetClassifier is expecting 4"),
        ({"y_val": [0, 1, 2]}, "inconsistent numbers of samples"),
        ({"X_val": np.full((4, 4), np.nan)}, "NaN"),
        ({"sample_weight_val": [1, 1, 1, -1]}, "Negative values"),
        ({"sample_weight_val": [0, 0, 0, 0]}, "non-zero|positive for at least one row"),
        ({"sample_weight_val": [1, 1]}, "sample_weight.shape"),
    ],
)
def test_bad_validation_set(change, message, iris):
    X, y = iris
    kwargs = {"X_val": X[:4], "y_val": [0, 0, 1, 2], **change}
    with pytest.raises(ValueError, match=message):
        stopping().fit(X, y, **kwargs)


@parametrize(
    ("y", "fraction", "n_validation"),
    [
        (np.arange(20) % 10, 0.1, 2),  # two rows for ten classes
        (np.arange(20) % 10, 0.9, 18),  # two rows left for ten classes
        (np.r_[np.zeros(30, int), 1], 0.1, 4),  # a class of one row
        (np.array([0, 0, 1]), 0.01, 2),  # one row left, of one class
    ],
)
def test_classes_too_rare_to_stratify(y, fraction, n_validation, quiet):
    scored = []

    def scorer(estimator, X, y):
        scored.append(len(y))
        return estimator.score(X, y)

    net = stopping(validation_fraction=fraction, max_iter=2, scoring=scorer)
    one_class = pytest.warns(match="y has one class only") if len(y) - n_validation == 1 else nullcontext()
    with one_class, pytest.warns(UserWarning, match="held out by early_stopping are not stratified"):
        net.fit(np.eye(len(y)), y)
    assert scored == [n_validation] * 2
    assert_array_equal(net.classes_, np.unique(y))


@parametrize("m", [3, 4, 9, 11, 19])
def test_two_rows_are_held_out_at_least(m):
    y = np.arange(m) % 2
    for targets in (MultilabelTargets(np.arange(1)), targets_of(y)):
        training, validation, stratified = hold_out(Data(np.eye(m), y, targets), np.float32(0.1), seed=0)
        assert (len(training.y), len(validation.y)) == (m - 2, 2)
        assert stratified == (targets.strata(y) is None or m > 3)


def test_a_score_that_is_not_finite(iris):
    with pytest.raises(ValueError, match="gives nan on the validation set"):
        stopping(scoring=lambda estimator, X, y: np.nan).fit(*iris)


class Scorer:
    """A scorer that takes no weights: returns the accuracy, or fails after some calls."""

    def __init__(self, fails=None, after=np.inf):
        self.fails, self.after, self.n_calls = fails, after, 0

    def __call__(self, estimator, X, y):
        self.n_calls += 1
        if self.n_calls > self.after:
            return self.fails()
        return estimator.score(X, y)


@parametrize("scoring", ["accuracy", "roc_auc_ovr", "neg_log_loss", Scorer()])
def test_the_validation_loss_is_computed_for_the_best_scores_only(scoring, iris, monkeypatch, quiet):
    """And at the initial weights and, for the diagnosis, at the end."""
    rows, original = [], Network.loss
    monkeypatch.setattr(Network, "loss", lambda self: rows.append(self.n_samples) or original(self))
    for max_iter in (3, 9):
        rows.clear()
        net = stopping(scoring=scoring, alpha=0.1, max_iter=max_iter)
        net.fit(*iris, X_val=iris[0][::2], y_val=iris[1][::2])
        best_so_far = np.maximum.accumulate(net.validation_scores_)
        assert rows.count(75) == 2 + np.count_nonzero(net.validation_scores_ == best_so_far)


@parametrize("solver", SOLVERS)
def test_of_equal_scores_the_lowest_validation_loss_decides(solver, iris, quiet):
    """Otherwise a net that has hardly been trained, but has an accuracy of 1 on a few rows, would be returned."""
    X, y = iris
    split = {"X_val": X[::10], "y_val": y[::10]}
    losses = []
    for scoring in ("accuracy", "loss"):
        net = stopping(solver=solver, scoring=scoring, alpha=0.1, max_iter=40, n_iter_no_change=40, tol=0).fit(
            X, y, **split
        )
        losses.append(log_loss(split["y_val"], net.predict_proba(split["X_val"])))
    accuracy = (net.predict(split["X_val"]) == split["y_val"]).mean()
    if accuracy == 1:
        assert losses[0] == pytest.approx(losses[1])
    else:
        assert losses[0] < 1.5 * losses[1]


class OddError(Exception):
    """An error that no scorer of scikit-learn raises."""


def odd():
    raise OddError


@parametrize("fails", [odd, lambda: int("a"), lambda: np.nan, lambda: np.inf], ids=["odd", "ValueError", "nan", "inf"])
@parametrize("diverges", [False, True])
def test_a_scorer_is_blamed_only_if_the_loss_is_finite(fails, diverges, iris):
    X, y = iris
    rate = 1e300 if diverges else 0.1
    net = stopping(activation="identity", solver="gd", learning_rate_init=rate, scoring=Scorer(fails, 0))
    if diverges:
        with pytest.warns(ConvergenceWarning, match="Training diverged: the final loss is not finite"):
            net.fit(X, y)
        assert net.stop_reason_ == "diverged"
        return
    with pytest.raises(OddError if fails is odd else ValueError):
        net.fit(X, y)


@parametrize("dtype", [np.float32, np.float64])
@parametrize("activation", NAMES)
@parametrize("scoring", ["accuracy", Scorer()])
def test_a_finite_score_of_infinite_logits_is_a_divergence(scoring, activation, dtype, iris):
    """Predictions are clipped, so the accuracy is defined."""
    X, y = iris[0].astype(dtype), iris[1]
    rate = float(np.finfo(dtype).max) / 1e8
    net = stopping(activation=activation, solver="gd", learning_rate_init=rate, scoring=scoring)
    with pytest.warns(ConvergenceWarning, match="Training diverged"):
        net.fit(X, y)
    assert np.isfinite(fitted_network(net, X, y).loss())


@parametrize("class_weight", [{0: 3.0, 1: 1.0, 2: 0.5}, "balanced"], ids=str)
@parametrize("solver", SOLVERS)
def test_class_weights_alone_do_not_weight_a_score(class_weight, solver, iris, quiet):
    X, y = iris[0][20:], iris[1][20:]
    kwargs = {"solver": solver, "class_weight": class_weight, "max_iter": 5}
    own = stopping(scoring=Scorer(), **kwargs).fit(X, y)
    named = stopping(scoring="accuracy", **kwargs).fit(X, y)
    assert own.validation_scores_ == named.validation_scores_
    net = stopping(scoring="accuracy", **kwargs).fit(X, y, X_val=X, y_val=y)
    assert net.best_validation_score_ == accuracy_score(y, net.predict(X))


def test_a_score_has_the_weights_that_the_user_gives(iris, quiet):
    """Class weights count in the validation loss only."""
    X, y = iris
    seen, w = [], np.random.default_rng(0).uniform(1, 2, size=150)

    def scorer(estimator, X, y, sample_weight=None):
        seen.append(sample_weight)
        return 0.0

    net = stopping(scoring=scorer, max_iter=1, class_weight={0: 3})
    net.fit(X, y, sample_weight=w, X_val=X, y_val=y)
    net.fit(X, y, X_val=X, y_val=y, sample_weight_val=w)
    net.fit(X, y, sample_weight=w)
    assert seen[0] is None
    assert_array_equal(seen[1], w)
    assert len(seen[2]) == 15


def test_a_validation_set_without_weight(iris):
    X, y = iris
    message = r"positive for at least one row of the training set and of the validation set\. Got at most 0 in 50 rows"
    with pytest.raises(ValueError, match=message):
        stopping(class_weight={0: 0, 1: 1, 2: 1}).fit(X, y, X_val=X[:50], y_val=y[:50])


@parametrize("solver", ["adam", "gd"])
def test_rows_of_weight_zero_are_not_held_out(solver, iris, quiet):
    """Of four rows with weight, two are held out, whatever the seed is. One row is too few."""
    X, y = iris
    w = np.zeros(150)
    w[[0, 1, 50, 51]] = 1
    for seed in range(10):
        net = stopping(random_state=seed, solver=solver).fit(X, y, sample_weight=w)
        assert np.isfinite(net.validation_scores_).all()
        rows = np.r_[0, 1, 50, 51, 100:150]
        net.set_params(class_weight={0: 1, 1: 1, 2: 0}, validation_fraction=0.01).fit(X[rows], y[rows])
        assert np.isfinite(net.validation_scores_).all()
    with pytest.raises(ValueError, match=r"two groups: .* Got 1 \(without those of weight 0\)"):
        stopping(solver=solver).fit(X, y, sample_weight=w, groups=np.arange(150) < 100)
    w[1:] = 0
    with pytest.raises(ValueError, match=r"holds out 2 of 1 rows .* and rows of weight 0 not at all"):
        stopping().fit(X, y, sample_weight=w)
