"""Few wide rows, which `fit` trains in the space that they span."""

import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import NAMES, random_network
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow._fit.set_up import MIN_FEATURES_PER_ROW
from sk_shallow._model.span import Span
from sk_shallow.activations import as_activation
from sk_shallow.inspection import check_gradient

parametrize = pytest.mark.parametrize
M, N0 = 40, 200


def wide(m=M, n0=N0, n_classes=2, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=m)
    X = rng.standard_normal((m, n0)) + np.eye(n_classes)[y] @ rng.standard_normal((n_classes, n0))
    return scale(X).astype(dtype), y


def net_of(activation="relu", **parameters):
    return ShallowNetClassifier(8, activation, **{"max_iter": 100, "random_state": 0} | parameters)


def outside(X, W1):
    """Return the largest weight outside the space that the rows span."""
    Q = np.linalg.qr(X.T)[0]
    return np.abs(W1 - Q @ (Q.T @ W1)).max()


@pytest.fixture
def spans(monkeypatch):
    """Return a list that grows with every span that is computed."""
    found, of = [], Span.of
    monkeypatch.setattr(Span, "of", lambda X, **basis: found.append(of(X, **basis)) or found[-1])
    return found


@parametrize("dtype", [np.float32, np.float64])
@parametrize("sparse", [False, True])
@parametrize("name", NAMES)
def test_a_network_in_the_span_is_the_same_network(name, sparse, dtype):
    """Outputs, loss and gradient are those of the network on all features, whose W1 lies in the span."""
    network = random_network(as_activation(name), m=12, n0=60, weighted=True, dtype=dtype, alpha=0.5)
    network = replace(network, X=csr_array(network.X) if sparse else network.X)
    inside = network.in_span()
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    assert inside.X.dtype == inside.parameters.theta.dtype == dtype
    assert inside.parameters.W1.shape[0] == 12
    assert_allclose(inside.loss(), network.loss(), rtol=tolerance)
    network.parameters.fill(inside.coefs, inside.parameters.intercepts)
    assert_allclose(inside.objective(), network.objective(), rtol=tolerance)
    inside.value_and_gradient()
    network.value_and_gradient()
    assert_allclose(inside.gradient.W2, network.gradient.W2, rtol=100 * tolerance, atol=tolerance)
    dW1 = inside.span.weights_of_features(inside.gradient.W1)
    assert_allclose(dW1, network.gradient.W1, rtol=100 * tolerance, atol=tolerance)


def test_the_basis_is_orthonormal_and_leaves_out_what_hardly_varies():
    X, _ = wide()
    X[1] = X[0]  # as many directions as distinct rows
    span = Span.of(X)
    Q = span.weights_of_features(np.eye(M))
    assert_allclose(span.coordinates(X), span.root, atol=1e-8)
    assert_allclose(span.root @ Q.T, X, atol=1e-8)
    assert np.linalg.matrix_rank(Q) == M - 1
    assert_allclose(Q.T @ Q @ Q.T, Q.T, atol=1e-8)


def test_a_large_feature_is_a_principal_component_of_its_own():
    X, _ = wide()
    X[:, 7] *= 1e3
    span = Span.of(X, principal=True)
    Q = span.weights_of_features(np.eye(span.root.shape[1]))
    assert_allclose(Q.T @ Q, np.eye(len(Q.T)), atol=1e-6)
    assert_allclose(span.root @ Q.T, X, atol=1e-6)
    assert np.abs(Q[7, -1]) > 0.99


@parametrize("size", [1e-170, 0.0, 1e170])
def test_rows_whose_squares_overflow_or_vanish_have_no_span(size):
    X, y = wide()
    with np.errstate(all="ignore"):
        assert Span.of(size * X) is None
        network = random_network(as_activation("relu"), m=12, n0=60)
        network = replace(network, X=size * network.X)
        assert network.in_span() is network
    if size != 1e170:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert np.isfinite(net_of().fit(size * X, y).coefs_[0]).all()


@parametrize(
    ("parameters", "m", "trains_in_span"),
    [
        ({}, N0 // MIN_FEATURES_PER_ROW, True),
        ({}, N0 // MIN_FEATURES_PER_ROW + 1, False),
        ({"solver": "sgd"}, M, True),
        ({"solver": "gd"}, M, False),
        ({"solver": "lbfgs"}, M, True),
        ({"solver": "lbfgs"}, N0 // MIN_FEATURES_PER_ROW + 1, False),
        ({"learning_rate": "one_cycle", "max_iter": 30}, M, False),
        ({"learning_rate_init": 0.01}, M, False),
        ({"init": (np.ones((N0, 8)), np.ones((8, 1)))}, M, False),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_which_fits_use_the_span(spans, parameters, m, trains_in_span):
    """Fits in rounds and L-BFGS do. The other rules are the textbook's, step by step."""
    X, y = wide(m)
    net = net_of(alpha=1.0, **parameters).fit(X, y)
    assert bool(spans) == trains_in_span
    assert (outside(X, net.coefs_[0]) < 1e-10) == trains_in_span


@pytest.mark.usefixtures("quiet")
def test_partial_fit_and_warm_starts_go_on_from_a_fit_in_the_span(spans):
    X, y = wide()
    net = net_of(alpha=1.0, warm_start=True).fit(X, y)
    loss, n = net.loss_, len(spans)
    net.fit(X, y)
    assert net.loss_ < 1.1 * loss
    net.partial_fit(X, y)
    assert net.loss_ < 2 * loss
    assert len(spans) == n == 1


@parametrize("sparse", [False, True])
@parametrize("scoring", ["loss", "neg_log_loss"])
@pytest.mark.usefixtures("quiet")
def test_early_stopping_scores_the_net_on_all_features(sparse, scoring):
    X, y = wide(80, 500)
    X_val, y_val = X[40:], y[40:]
    X, y = X[:40], y[:40]
    rows = (csr_array(X), csr_array(X_val)) if sparse else (X, X_val)
    net = net_of(alpha=1.0, early_stopping=True, scoring=scoring).fit(rows[0], y, X_val=rows[1], y_val=y_val)
    log_likelihood = np.log(net.predict_proba(X_val))[np.arange(40), y_val].mean()
    assert net.best_validation_score_ == pytest.approx(log_likelihood, rel=1e-6)


@parametrize("n_classes", [2, 3])
@parametrize("dtype", [np.float32, np.float64])
def test_dense_and_sparse_rows_give_the_same_net(n_classes, dtype):
    X, y = wide(n_classes=n_classes, dtype=dtype)
    nets = [net_of(activation="tanh", alpha=1.0, max_iter=40).fit(rows, y) for rows in (X, csr_array(X))]
    assert nets[0].coefs_[0].dtype == dtype
    assert_allclose(nets[0].predict_proba(X), nets[1].predict_proba(X), atol=1e-3 if dtype == np.float32 else 1e-7)


def test_the_loss_is_that_of_the_returned_net():
    X, y = wide()
    net = net_of(alpha=1.0, max_iter=1000).fit(X, y)
    loss = -np.log(net.predict_proba(X))[np.arange(M), y].mean()
    penalty = sum(np.square(W).sum() for W in net.coefs_) / 2 / M
    assert net.loss_ == pytest.approx(loss + penalty, rel=0.01)  # loss_ is a mean over the last epoch
    assert max(check_gradient(net, X, y).values()) < 1e-6


def test_it_is_as_good_as_training_on_all_features(monkeypatch):
    """One feature in twenty carries the signal."""
    X, y = wide(300, 2000)
    X[:, 100:] = np.random.default_rng(1).standard_normal((300, 1900))
    part = slice(60, None)
    inside = net_of(alpha=1.0, max_iter=200).fit(X[:60], y[:60])
    monkeypatch.setattr("sk_shallow._fit.set_up.MIN_FEATURES_PER_ROW", 10**9)
    outside_too = net_of(alpha=1.0, max_iter=200).fit(X[:60], y[:60])
    scores = [net.score(X[part], y[part]) for net in (inside, outside_too)]
    assert scores[0] > max(0.9, scores[1] - 0.03)


@parametrize("n_classes", [2, 3])
def test_lbfgs_finds_the_same_minimum_in_the_span(monkeypatch, n_classes):
    """The identity has one minimum."""
    X, y = wide(n_classes=n_classes)
    net = net_of("identity", solver="lbfgs", alpha=5.0, max_iter=5000, tol=1e-9)
    inside = clone(net).fit(X, y)
    monkeypatch.setattr("sk_shallow._fit.set_up.MIN_FEATURES_PER_ROW", 10**9)
    on_all_features = clone(net).fit(X, y)
    assert inside.loss_ == pytest.approx(on_all_features.loss_, rel=1e-9)
    new = np.random.default_rng(1).standard_normal((50, N0))  # rows outside the span, too
    assert_allclose(inside.predict_proba(new), on_all_features.predict_proba(new), atol=1e-4)


def test_regressors_too():
    X, y = make_regression(60, 400, n_informative=5, random_state=0)
    net = ShallowNetRegressor(20, random_state=0).fit(X, y)
    assert outside(X, net.coefs_[0]) < 1e-10
    assert net.score(X, y) > 0.9


@parametrize("dtype", [np.float32, np.float64])
@parametrize("size", [30.0, 1e3, 1e5])
def test_features_on_a_far_larger_scale_do_not_hide_the_others(spans, size, dtype):
    """In the span, every coordinate would be full of them."""
    X, y = wide(60, 500, dtype=dtype)
    X[:, 7:9] *= size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net_of(alpha=1.0).fit(X, y)
    assert not spans


@pytest.mark.usefixtures("quiet")
def test_tiny_features_are_not_trained_in_the_span(spans):
    X, y = wide()
    net_of(alpha=1.0).fit(1e-3 * X, y)
    assert not spans


@parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("quiet")
def test_rows_without_weight_do_not_count(spans, dtype):
    X, y = wide(dtype=dtype)
    rows = np.concatenate([X, 1e4 * X[::-1] ** 2])
    w = np.repeat([1.0, 0.0], M)
    net = net_of(alpha=1.0).fit(rows, np.append(y, y), sample_weight=w)
    assert spans[0].X.shape == X.shape
    assert outside(X, net.coefs_[0]) < (1e-4 if dtype == np.float32 else 1e-10)
    assert net.score(X, y) == 1


@pytest.mark.usefixtures("quiet")
def test_the_choice_of_alpha_does_not_copy_wide_rows():
    X, y = wide(400, 20_000)
    tracemalloc.start()
    ShallowNetClassifier(2, max_iter=1, random_state=0).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.6 * X.nbytes  # 100 rows at a time, and the square root of X X^T


@pytest.mark.usefixtures("quiet")
def test_validation_rows_on_another_scale_are_named_as_the_user_knows_them():
    X, y = wide(80, 500)
    X_val = X[40:].copy()
    X_val[:, 7] += 1e6
    with pytest.warns(ConvergenceWarning, match="column 7"):
        net_of(alpha=1.0, early_stopping=True).fit(X[:40], y[:40], X_val=X_val, y_val=y[40:])


@pytest.mark.usefixtures("quiet")
@parametrize(("m", "principal"), [(400, True), (100, False)])
def test_alpha_is_chosen_in_the_coordinates_of_the_fit(monkeypatch, m, principal):
    """With more features than rows, but not four times as many, the fit is not in a span: only the choice is."""
    bases, of = [], Span.of
    monkeypatch.setattr(Span, "of", lambda X, *, principal=False: bases.append(principal) or of(X, principal=principal))
    net_of(max_iter=15).fit(*wide(m, 1000))
    assert bases == [principal]
