"""For any data, no stored or returned number is infinite or nan."""

import pickle
import re
import tracemalloc
import warnings

import numpy as np
import pytest
from helpers import values_equal, weights
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sk_shallow import ShallowNetClassifier
from sk_shallow.solvers import Adam

parametrize = pytest.mark.parametrize
MINI_BATCH = ["sgd", "adam"]
FILL_VALUES = [1e20, 1e25, 3e38, np.finfo(np.float32).min]  # values that mark missing data in climate and map files


def all_finite(net):
    moments = getattr(net, "_state", {"moments": {}})["moments"].values()
    return all(np.isfinite(array).all() for array in (*weights(net), *moments))


@pytest.fixture
def float32_iris(iris):
    return iris[0].astype(np.float32), iris[1]


@parametrize("solver", MINI_BATCH)
@parametrize("activation", ["relu", "tanh", "maxout", "gelu"])
@parametrize("fill_value", FILL_VALUES)
@parametrize("batch_size", [150, 20])
def test_one_bad_batch_does_not_destroy_a_net(solver, activation, fill_value, batch_size, float32_iris):
    X, y = float32_iris
    net = ShallowNetClassifier(20, activation, solver=solver, learning_rate_init=0.01, random_state=0)
    net.set_params(batch_size=batch_size)
    for _ in range(50):
        net.partial_fit(X, y, classes=[0, 1, 2])
    before, accuracy = pickle.loads(pickle.dumps(net)), net.score(X, y)
    bad = X.copy()
    bad[7] = fill_value
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.partial_fit(bad, y)
    assert all_finite(net)
    assert net.score(X, y) > accuracy - 0.05
    if any("not finite" in str(warning.message) for warning in caught):
        assert values_equal(weights(net), weights(before))
        assert net.n_iter_ == 1
        assert values_equal(weights(net.partial_fit(X, y)), weights(before.partial_fit(X, y)))
    assert net.partial_fit(X, y).score(X, y) > accuracy - 0.05


@parametrize("solver", MINI_BATCH)
def test_a_bad_batch_warns(solver, float32_iris):
    X, y = float32_iris
    net = ShallowNetClassifier(20, solver=solver, random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    X = X.copy()
    X[7] = 3e38
    with pytest.warns(ConvergenceWarning, match="the final loss is not finite.*unscaled features, column"):
        net.partial_fit(X, y)


def test_a_moment_that_overflows_does_not_freeze_a_weight(float32_iris):
    """If a second moment of Adam were infinite, every later step of its weight would be zero."""
    X, y = float32_iris
    net = ShallowNetClassifier(20, solver=Adam(), random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    bad = X.copy()
    bad[7] = 1e25
    with pytest.warns(ConvergenceWarning, match="not finite"):
        net.partial_fit(bad, y)
    before = net.coefs_[0].copy()
    net.partial_fit(X, y)
    active = (before.T @ X.T + net.intercepts_[0][:, np.newaxis] > 0).any(axis=1)
    assert ((net.coefs_[0] != before).all(axis=0) == active).all()


@parametrize("solver", ["sgd", "adam", "gd", "lbfgs"])
@parametrize("fill_value", FILL_VALUES)
def test_a_fit_on_bad_rows_is_finite_or_raises(solver, fill_value, float32_iris):
    """It raises if no weights have a finite loss, and then does not change the estimator."""
    X, y = float32_iris
    X = X.copy()
    X[7] = fill_value
    n_fitted = 0
    for activation, n_features in (("relu", 4), ("tanh", 1)):  # of several, infinite products of both signs could meet
        net, error = ShallowNetClassifier(20, activation, solver=solver, random_state=0), None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                net.fit(X[:, :n_features], y)
            except ValueError as raised:
                error = str(raised)
        if error is None:
            n_fitted += 1
            assert all_finite(net)
            assert np.isfinite(net.predict_proba(float32_iris[0][:, :n_features])).all()
        else:
            assert re.match("The loss was never finite, .*column 0", error)
            with pytest.raises(NotFittedError):
                net.predict(X)
    assert n_fitted == (2 if abs(fill_value) < 1e30 else 1)


def test_a_fit_that_raises_leaves_the_net_as_it_was(float32_iris):
    X, y = float32_iris
    net = ShallowNetClassifier(20, random_state=0).fit(X, y)
    before = net.predict_proba(X)
    with pytest.raises(ValueError, match="The loss was never finite, even at the initial weights"):
        net.fit(np.where(np.arange(150)[:, np.newaxis] == 7, np.float32(3e38), X), y)
    assert_array_equal(net.predict_proba(X), before)


# Predictions


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


@parametrize("method", METHODS)
@parametrize("kind", ["binary", "multiclass", "multilabel"])
@parametrize("dtype", [np.float32, np.float64])
@parametrize("activation", ["relu", "tanh", "maxout", "gelu"])
def test_predictions_of_huge_rows_are_finite(method, kind, dtype, activation, problems):
    X, y = problems[kind]
    net = ShallowNetClassifier(8, activation, random_state=0).fit(X.astype(dtype), y)
    huge = np.vstack([X[:3], np.sign(X[:4]) * 1e18, np.sign(X[:4]) * np.finfo(np.float32).max]).astype(dtype)
    before = np.seterr(all="raise")
    try:
        predicted = getattr(net, method)(huge)
    finally:
        np.seterr(**before)
    assert len(predicted) == 11
    if method != "predict":
        assert predicted.dtype == dtype
        assert np.isfinite(predicted).all()
        np.testing.assert_allclose(predicted[:3], getattr(net, method)(X[:3].astype(dtype)), rtol=1e-5)
    if method == "predict_proba" and kind != "multilabel":
        np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-6)


def test_huge_rows_get_the_class_that_they_point_to():
    """In float32, their logits overflow; without care, the first class would win."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 2)).astype(np.float32)
    y = np.where(X[:, 0] > 0, "right", "left")
    net = ShallowNetClassifier(20, random_state=0).fit(X, y)
    far = np.array([[3e38, 0], [-3e38, 0]], dtype=np.float32)
    assert_array_equal(net.predict(far), ["right", "left"])
    assert_array_equal(net.predict_proba(far).argmax(axis=1), [1, 0])


@parametrize("method", METHODS)
def test_rows_that_float64_can_not_hold_are_refused(method, iris):
    net = ShallowNetClassifier(8, random_state=0).fit(*iris)
    net.coefs_[1] *= 100
    with pytest.raises(ValueError, match=r"The net overflows on 1 rows of X, whose largest number is 1\.7e\+308"):
        getattr(net, method)(np.vstack([iris[0][:2], [[1.7e308, -1.7e308, 1.7e308, -1.7e308]]]))


def test_many_classes_need_one_copy_of_their_targets(quiet):
    """`fit` makes one array of shape (rows, classes), and `predict` none."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20_000, 5)).astype(np.float32), np.arange(20_000) % 1000
    matrix = 20_000 * 1000 * 4
    net = ShallowNetClassifier(5, max_iter=1, random_state=0).fit(X[:2000], y[:2000])  # the first fit also imports
    peaks = []
    for method, arguments in ((net.fit, (X, y)), (net.predict, (X,))):
        tracemalloc.start()
        method(*arguments)
        peaks.append(tracemalloc.get_traced_memory()[1] / matrix)
        tracemalloc.stop()
    assert 1 < peaks[0] < 1.2
    assert peaks[1] < 0.1


@parametrize("solver", ["adam", "lbfgs"])
def test_a_fit_does_not_copy_wide_rows(solver, quiet):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2100, 20_000), dtype=np.float32), np.arange(2100) % 2
    n_copies = 1 if solver == "lbfgs" else 0
    for alpha, share in ((1.0, 0.2), ("auto", 0.35)):  # memory for a batch and little else; "auto" also copies 100 rows
        net = ShallowNetClassifier(2, max_iter=1, solver=solver, alpha=alpha, random_state=0)
        tracemalloc.start()
        net.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < (n_copies + share) * X.nbytes


@parametrize("dtype", [np.float32, np.float64])
def test_log_probabilities_of_finite_logits_are_finite(dtype, iris):
    """They are finite even if the difference of two logits overflows."""
    net = ShallowNetClassifier(5, solver="adam", random_state=0).fit(iris[0].astype(dtype), iris[1])
    rows = np.random.default_rng(0).uniform(-1, 1, (200, 4)) * np.finfo(dtype).max / 8
    assert np.isfinite(net.predict_log_proba(rows.astype(dtype))).all()


@parametrize("method", ["fit", "partial_fit"])
def test_initial_weights_that_overflow_are_refused(method, float32_iris):
    net = ShallowNetClassifier(5, init_scale=1e200)
    with pytest.raises(ValueError, match="initial weights overflow in float32"):
        getattr(net, method)(*float32_iris, **({"classes": [0, 1, 2]} if method == "partial_fit" else {}))


def test_moments_too_large_for_float32_begin_anew(iris, quiet):
    X, y = iris
    net = ShallowNetClassifier(5, solver="adam", warm_start=True, max_iter=3, random_state=0).fit(X * 1e25, y)
    net.fit(X.astype(np.float32), y)
    assert net.n_iter_ == 3
    assert all_finite(net)
