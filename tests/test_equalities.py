"""Nets that must equal other nets or other models."""

import numpy as np
import pytest
from helpers import NAMES
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from sk_shallow import ShallowNetClassifier
from sk_shallow.activations import LeakyReLU, Maxout

parametrize = pytest.mark.parametrize


@pytest.fixture(scope="module")
def overlapping():
    """Three classes that no plane separates, so that logistic regression without a penalty has a minimum."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    return rng.standard_normal((120, 2)) + np.eye(3, 2)[y], y


@parametrize(
    ("solver", "kwargs"),
    [
        ("lbfgs", {"max_iter": 2000, "tol": 1e-9}),
        ("gd", {"max_iter": 5000, "tol": 0, "learning_rate_init": 0.5}),
        ("sgd", {"max_iter": 3000, "learning_rate_init": 0.1, "learning_rate": "cosine"}),
        ("adam", {"max_iter": 2000, "learning_rate_init": 0.03, "learning_rate": "cosine"}),
    ],
)
@parametrize("n_classes", [2, 3])
def test_identity_is_logistic_regression(solver, kwargs, n_classes, overlapping, quiet):
    X, y = overlapping
    X, y = X[y < n_classes], y[y < n_classes]
    kwargs = {"alpha": 0, "batch_size": len(y), "n_iter_no_change": 5000, "random_state": 0, **kwargs}
    net = ShallowNetClassifier(5, "identity", solver=solver, **kwargs)
    expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y).predict_proba(X)
    assert_allclose(net.fit(X, y).predict_proba(X), expected, atol=1e-4)


@parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@parametrize("n_classes", [2, 3])
def test_lbfgs_reaches_mlpclassifiers_loss(activation, n_classes, overlapping):
    X, y = overlapping
    X, y = X[y < n_classes], y[y < n_classes]
    alpha, limits = 1.0, {"tol": 1e-7, "max_iter": 5000}
    mlp = MLPClassifier(7, activation=activation, solver="lbfgs", alpha=alpha, random_state=0, **limits)
    # MLPClassifier's initial weights, but with zero biases
    start = clone(mlp).set_params(max_iter=1, solver="sgd", learning_rate_init=1e-300, warm_start=True)
    with pytest.warns(match="Maximum iterations"):
        start.fit(X, y)
    for b in start.intercepts_:
        b[:] = 0
    W1, W2 = (W.copy() for W in start.coefs_)
    start.set_params(solver="lbfgs", **limits).fit(X, y)
    net = ShallowNetClassifier(7, activation, init=(W1, W2), solver="lbfgs", alpha=alpha, **limits)
    net.fit(X, y)
    assert net.loss_ == pytest.approx(start.loss_, rel=1e-3)  # MLPClassifier's ftol is larger
    assert net.loss_ < 0.97 * net.loss_curve_[0]


@parametrize("solver", ["gd", "sgd", "adam", "lbfgs"])
@parametrize(
    ("activation", "other"),
    [(Maxout(1), "identity"), (LeakyReLU(1), "identity"), (LeakyReLU(0), "relu")],
    ids=repr,
)
def test_special_cases(solver, activation, other, iris, quiet):
    net = ShallowNetClassifier(6, activation, init="glorot_normal", solver=solver, max_iter=15, random_state=0)
    equal = clone(net).set_params(activation=other)
    X, y = iris
    assert_allclose(net.fit(X, y).predict_proba(X), equal.fit(X, y).predict_proba(X), rtol=1e-9)


def test_sigmoid_equals_tanh_reparametrised(overlapping):
    """tanh(z) = 2 sigmoid(2 z) - 1: double W1, b1 and W2, and subtract the sum of W2 from b2."""
    X, y = overlapping
    tanh = ShallowNetClassifier(6, "tanh", solver="lbfgs", alpha=0.01, max_iter=500, random_state=0).fit(X, y)
    sigmoid = clone(tanh).set_params(activation="sigmoid").fit(X, y)
    (W1, W2), (b1, b2) = tanh.coefs_, tanh.intercepts_
    sigmoid.coefs_, sigmoid.intercepts_ = [2 * W1, 2 * W2], [2 * b1, b2 - W2.sum(axis=0)]
    assert_allclose(sigmoid.predict_proba(X), tanh.predict_proba(X), atol=1e-12)


@parametrize("activation", NAMES)
def test_xor_needs_a_non_linear_activation(activation, quiet):
    X, y = np.tile([[0.0, 0], [0, 1], [1, 0], [1, 1]], (2, 1)), np.tile([0, 1, 1, 0], 2)
    scores = [
        ShallowNetClassifier(8, activation, solver="lbfgs", max_iter=1000, random_state=seed).fit(X, y).score(X, y)
        for seed in range(3)
    ]
    assert (max(scores) == 1) == (activation != "identity")


def test_one_alpha_means_one_prior_for_every_number_of_rows(overlapping):
    """If every row is repeated three times, three times the alpha gives the same net."""
    X, y = overlapping
    net = ShallowNetClassifier(5, "tanh", solver="lbfgs", alpha=0.05, tol=1e-8, max_iter=2000, random_state=0)
    once = clone(net).fit(X, y)
    thrice = clone(net).set_params(alpha=0.15).fit(np.tile(X, (3, 1)), np.tile(y, 3))
    assert once.loss_ == pytest.approx(thrice.loss_, rel=1e-6)
