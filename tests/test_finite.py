"""Nothing that is not finite is stored or returned, whatever the data hold."""

import pickle
import re
import warnings

import numpy as np
import pytest
from helpers import values_equal
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sk_shallow import ShallowNetClassifier
from sk_shallow.solvers import Adam

parametrize = pytest.mark.parametrize
MINI_BATCH = ["sgd", "adam"]
FILL_VALUES = [1e20, 1e25, 3e38, np.finfo(np.float32).min]  # as climate and map files contain


def weights(net):
    return net.coefs_ + net.intercepts_


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
    with pytest.warns(ConvergenceWarning, match="its loss has ended not finite.*unscaled features, column"):
        net.partial_fit(X, y)


def test_a_moment_that_overflows_does_not_freeze_a_weight(float32_iris):
    """An infinite second moment of Adam would make every later step of its weight zero."""
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
    """It raises where no weights have a finite loss, and then leaves the estimator as it was."""
    X, y = float32_iris
    X = X.copy()
    X[7] = fill_value
    n_fitted = 0
    for activation in ("relu", "tanh"):
        net, error = ShallowNetClassifier(20, activation, solver=solver, random_state=0), None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                net.fit(X, y)
            except ValueError as raised:
                error = str(raised)
        if error is None:
            n_fitted += 1
            assert all_finite(net)
            assert np.isfinite(net.predict_proba(float32_iris[0])).all()
        else:
            assert re.match("The loss was never finite, .*column 0", error)
            with pytest.raises(NotFittedError):
                net.predict(X)
    assert n_fitted == (2 if abs(fill_value) < 1e30 else 1)


def test_a_fit_that_raises_leaves_the_net_as_it_was(float32_iris):
    X, y = float32_iris
    net = ShallowNetClassifier(20, random_state=0).fit(X, y)
    before = net.predict_proba(X)
    with pytest.raises(ValueError, match="The loss was never finite, not even at the initial weights"):
        net.fit(np.where(np.arange(150)[:, np.newaxis] == 7, np.float32(3e38), X), y)
    assert_array_equal(net.predict_proba(X), before)
