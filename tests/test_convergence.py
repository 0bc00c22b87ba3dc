"""Warnings of fits that have gone wrong: with figures, causes and names, and only then."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sk_shallow import ShallowNetClassifier
from sk_shallow._diagnosis import unscaled_features
from sk_shallow.solvers import SGD, SOLVERS

parametrize = pytest.mark.parametrize


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 10, "random_state": 0, **kwargs})


def warning_of(net, X, y, **kwargs):
    with pytest.warns(ConvergenceWarning) as caught:
        net.fit(X, y, **kwargs)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    return str(caught[0].message)


@parametrize("solver", SOLVERS)
def test_max_iter_warns_with_figures(solver, iris):
    text = warning_of(net_of(solver=solver, max_iter=20, learning_rate_init=0.1, activation="tanh"), *iris)
    assert "max_iter=20" in text
    before, now = map(float, re.search(r"was (\S+) before the last 10 and is (\S+) now", text).groups())
    assert before - now > 1e-4
    assert "tol=0.0001" in text


def test_max_iter_warns_of_the_validation_score(iris):
    net = net_of(activation="tanh", max_iter=20, learning_rate_init=0.03, early_stopping=True)
    text = warning_of(net, *iris)
    assert f"validation score was {max(net.validation_scores_[:-10]):.6g} before the last 10" in text
    assert f"is {net.best_validation_score_:.6g} now" in text


@parametrize("solver", SOLVERS)
def test_a_converged_fit_does_not_warn(solver, iris):
    net = net_of(solver=solver, activation="tanh", max_iter=3000, learning_rate_init=0.05, alpha=0.1, tol=1e-3)
    assert net.fit(*iris).n_iter_ < 3000


def test_no_warning_where_nothing_improves_any_more(iris):
    """The end of a fit that has just stopped improving, though not for long enough to be stopped."""
    net = net_of(activation="tanh", max_iter=3000, learning_rate_init=0.05, alpha=0.1, tol=1e-3).fit(*iris)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(net).set_params(max_iter=net.n_iter_ - 1).fit(*iris)


@parametrize("solver", ["gd", "sgd", "adam"])
@parametrize("activation", ["relu", "identity", "tanh", "maxout"])
@parametrize("early_stopping", [False, True])
def test_a_rate_too_high_is_named(solver, activation, early_stopping, digits):
    X, y = digits[0][:500], digits[1][:500]
    net = net_of(
        solver=solver, activation=activation, learning_rate_init=1e3, max_iter=30, early_stopping=early_stopping
    )
    text = warning_of(net, X, y)
    assert "The fit has diverged" in text
    assert "learning_rate_init=1000 is too high" in text
    assert "unscaled" not in text
    assert np.isfinite(net.predict_proba(X)).all()
    if not early_stopping:  # never worse than where it began
        network = net._network_at_start(X, y, None)
        start = network.objective()
        network.parameters.filled(net.coefs_, net.intercepts_)
        assert network.objective() <= start + 1e-9


def test_not_finite_at_the_first_step():
    X, y = np.eye(6) * 1e30, np.arange(6) % 2
    net = net_of(solver="gd", learning_rate_init=1e300, activation="identity")
    text = warning_of(net, X, y)
    assert "not finite" in text
    assert all(np.isfinite(array).all() for array in net.coefs_ + net.intercepts_)
    assert not np.isnan(net.loss_)


def test_unscaled_features_are_named():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"age": rng.standard_normal(200), "income": 1e5 * rng.random(200), "balance": 1e4 * rng.standard_normal(200)}
    )
    text = warning_of(net_of(activation="identity", solver="sgd", max_iter=20), X, rng.integers(2, size=200))
    assert "'income', 'balance' (root mean square up to" in text
    assert "StandardScaler" in text
    assert "age" not in text


def test_names_of_unscaled_features():
    from scipy import sparse

    X = np.ones((3, 6)) * [1, 20, 400, 30, 50, 3]
    expected = "column 2, column 4, column 3 and 1 more (root mean square up to 400)"
    assert unscaled_features(X, None) == unscaled_features(sparse.csr_array(X), None) == expected
    assert unscaled_features(X[:, :1], None) == ""
    assert unscaled_features(X.astype(np.float32) * 1e30, None).startswith("column 2")


def test_worse_than_the_frequencies_but_still_falling(iris):
    text = warning_of(net_of(max_iter=2, learning_rate_init=1e-5, init_scale=3), *iris)
    assert "still worse than a constant" in text
    assert "max_iter=2 or the learning rate is too low" in text


def test_lbfgs_is_not_told_of_a_learning_rate(iris):
    text = warning_of(net_of(solver="lbfgs", max_iter=1, init_scale=10), *iris)
    assert "learning_rate_init" not in text


def test_partial_fit_that_is_not_finite_keeps_the_weights(iris):
    X, y = iris
    net = net_of(solver="sgd").partial_fit(X, y, classes=[0, 1, 2])
    before = net.coefs_[0].copy()
    with pytest.warns(ConvergenceWarning, match="not finite"):
        net.set_params(learning_rate_init=1e300, batch_size=50).partial_fit(X, y)
    np.testing.assert_array_equal(net.coefs_[0], before)
    loss = net.set_params(learning_rate_init=0.01).partial_fit(X, y).loss_
    assert np.isfinite(loss)


def test_partial_fit_that_diverges_warns(iris):
    X, y = iris
    net = net_of(activation="identity", solver="sgd", batch_size=10, learning_rate_init=50)
    with pytest.warns(ConvergenceWarning, match="has diverged"):
        net.partial_fit(X, y, classes=[0, 1, 2])


def test_partial_fit_on_parts_of_one_class_does_not_warn(iris):
    X, y = iris
    net = net_of(learning_rate_init=0.01, activation="tanh")
    for _ in range(5):
        for label in range(3):
            net.partial_fit(X[y == label], y[y == label], classes=[0, 1, 2])


def test_noise_does_not_warn():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((500, 5)), rng.integers(2, size=500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net_of(activation="tanh", learning_rate="one_cycle", max_iter=100).fit(X, y)


def test_the_best_weights_come_back_from_a_plateau(digits):
    """Raw pixels and a rate too high by far: MLPClassifier returns the last weights, worse than its best."""
    X, y = digits[0] * 16, digits[1]
    net = net_of(solver="sgd", learning_rate_init=0.1, hidden_size=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(X, y)
    network = net._network_at_start(X, y, None)
    network.parameters.filled(net.coefs_, net.intercepts_)
    assert network.objective() <= 1.05 * net.best_loss_


@parametrize("scoring", ["loss", "roc_auc", "accuracy"])
def test_divergence_is_not_blamed_on_the_scorer(scoring, iris):
    """The weights overflow in the last step of an epoch whose loss was finite."""
    X, y = iris[0], iris[1] == 1
    net = net_of(
        activation="identity", solver="gd", learning_rate_init=1e300, early_stopping=True, scoring=scoring, tol=0
    )
    assert "not finite" in warning_of(net, X, y)
    assert np.isfinite(net.predict_proba(X)).all()
    assert net.best_validation_score_ is None


def test_weights_that_overflow_in_the_last_step(iris):
    X, y = iris
    net = net_of(activation="identity", solver=SGD(momentum=0), learning_rate_init=1e308, max_iter=1)
    assert "not finite" in warning_of(net, X, y)
    with pytest.warns(ConvergenceWarning, match="not finite"):
        clone(net).set_params(learning_rate_init=1e308).partial_fit(X * 10, y, classes=[0, 1, 2])
    assert all(np.isfinite(array).all() for array in net.coefs_)
