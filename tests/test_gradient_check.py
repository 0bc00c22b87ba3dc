"""Test of the tester: correct gradients must pass, gradients that are wrong by 0.1 % must be reported."""

import pickle

import numpy as np
import pytest
from helpers import NAMES
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor, check_gradient, compute_gradient
from sk_shallow._model.network import Network
from sk_shallow.activations import ACTIVATIONS
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.losses import LOSSES, Quantile

parametrize = pytest.mark.parametrize


@parametrize("activation", NAMES)
@parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_a_correct_gradient_passes(activation, kind, problems):
    X, y = problems[kind]
    net = ShallowNetClassifier(10, activation, dropout=0.3, alpha=0.1, class_weight="balanced", random_state=0)
    w = np.random.default_rng(0).uniform(size=len(y))
    errors = check_gradient(net, X, y, sample_weight=w)
    assert list(errors) == ["W1", "b1", "W2", "b2"]
    assert max(errors.values()) < 1e-6


@parametrize("activation", NAMES)
@parametrize("loss", [*LOSSES, Quantile(0.9)], ids=str)
@parametrize("n_outputs", [1, 2])
def test_a_correct_gradient_of_a_regressor_passes(activation, loss, n_outputs, iris):
    X, y = iris[0][:, :3], np.exp(iris[0][:, 3:]) * [[1, 100]]
    net = ShallowNetRegressor(10, activation, loss=loss, dropout=0.3, alpha=0.1, random_state=0)
    w = np.random.default_rng(0).uniform(size=len(X))
    assert max(check_gradient(net, X, y[:, 0] if n_outputs == 1 else y, sample_weight=w).values()) < 1e-6


@parametrize("loss", LOSSES)
def test_a_residual_wrong_by_a_thousandth_is_reported(loss, iris, monkeypatch):
    cls = LOSSES[loss]
    original = cls.loss_and_residual

    def wrong(self, Z2, Y):
        value, residual = original(self, Z2, Y)
        return value, 1.001 * residual

    monkeypatch.setattr(cls, "loss_and_residual", wrong)
    errors = check_gradient(ShallowNetRegressor(10, "tanh", loss=loss, alpha=0, random_state=0), iris[0], iris[1])
    assert min(errors.values()) > 1e-4


@parametrize("activation", NAMES)
def test_a_derivative_wrong_by_a_thousandth_is_reported(activation, iris, monkeypatch):
    cls = ACTIVATIONS[activation]
    backward = cls.backward
    monkeypatch.setattr(cls, "backward", lambda self, dA, A, cache: 1.001 * backward(self, dA, A, cache))
    errors = check_gradient(ShallowNetClassifier(10, activation, random_state=0), *iris)
    assert errors["W1"] == pytest.approx(5e-4, rel=0.1)
    assert errors["b1"] == pytest.approx(5e-4, rel=0.1)
    assert max(errors["W2"], errors["b2"]) < 1e-6


@parametrize("block", ["W1", "b1", "W2", "b2"])
def test_a_wrong_block_is_named(block, iris, monkeypatch):
    original = Network.value_and_gradient

    def wrong(self, *args, **kwargs):
        value = original(self, *args, **kwargs)
        getattr(self.gradient, block)[...] *= 1.001
        return value

    monkeypatch.setattr(Network, "value_and_gradient", wrong)
    errors = check_gradient(ShallowNetClassifier(10, random_state=0), *iris)
    assert {name for name, error in errors.items() if error > 1e-5} == {block}


def test_a_forgotten_penalty_is_reported(iris, monkeypatch):
    original = Network.value_and_gradient
    monkeypatch.setattr(Network, "value_and_gradient", lambda self, **kwargs: original(self, **kwargs) - self.penalty())
    assert check_gradient(ShallowNetClassifier(10, alpha=0.1, random_state=0), *iris)["W2"] > 1e-4


@parametrize("X_type", [np.float32, sparse.csr_array, sparse.csc_matrix])
def test_every_container(X_type, iris):
    X, y = iris
    assert max(check_gradient(ShallowNetClassifier(5, random_state=0), X_type(X), y).values()) < 1e-6


def test_the_estimator_is_not_changed(iris):
    net = ShallowNetClassifier(5, random_state=0)
    first = check_gradient(net, *iris)
    assert check_gradient(net, *iris) == first
    with pytest.raises(Exception, match="not fitted yet"):
        check_is_fitted(net)


def test_saturated_logits(iris):
    """Loss and gradient of a saturated net still match, because nothing is clipped."""
    X, y = iris
    errors = check_gradient(ShallowNetClassifier(10, "tanh", init_scale=30, alpha=0, random_state=0), X, y)
    assert max(errors["W2"], errors["b2"]) < 1e-6


def test_bad_input(iris):
    with pytest.raises(ValueError, match="NaN"):
        check_gradient(ShallowNetClassifier(), np.full((150, 4), np.nan), iris[1])


def test_raw_pixels_and_kinks_raise_no_false_alarm(digits):
    X, y = digits
    assert max(check_gradient(ShallowNetClassifier(random_state=0), 16 * X, y).values()) < 1e-6
    assert max(check_gradient(ShallowNetClassifier(activation="sigmoid", random_state=0), 16 * X, y).values()) < 1e-6


@parametrize(
    ("change", "error", "message"),
    [
        ({"n_directions": 0}, ValueError, "n_directions == 0, must be >= 1"),
        ({"n_directions": 2.5}, TypeError, "n_directions must be an instance of int"),
        ({"estimator": LogisticRegression()}, TypeError, "needs a net of sk_shallow. Got LogisticRegression"),
    ],
)
def test_bad_arguments(change, error, message, iris):
    kwargs = {"estimator": ShallowNetClassifier(), "X": iris[0], "y": iris[1], **change}
    with pytest.raises(error, match=message):
        check_gradient(**kwargs)


def problem(kind, problems):
    """Return few rows of each kind, with weights."""
    X, y = problems[kind]
    return X[::4], y[::4], np.random.default_rng(0).uniform(0.5, 2, size=len(y[::4]))


def public_objective(net, X, y, w):
    """Return J from public attributes and methods alone, in nats per sample."""
    Z2 = net.decision_function(X)
    if net.n_outputs_ == 1:
        losses = np.logaddexp(0, np.where(y == net.classes_[1], -Z2, Z2))
    elif net.out_activation_ == "logistic":
        losses = np.logaddexp(0, np.where(y, -Z2, Z2)).sum(axis=1)
    else:
        losses = -net.predict_log_proba(X)[np.arange(len(y)), np.searchsorted(net.classes_, y)]
    penalty = net.alpha_ / 2 * sum((W**2).sum() for W in net.coefs_)
    return (w @ losses + penalty) / max(w.sum(), len(y))


@parametrize("activation", NAMES)
@parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_the_gradient_is_that_of_the_documented_objective(activation, kind, problems, quiet):
    X, y, w = problem(kind, problems)
    net = ShallowNetClassifier(5, activation, max_iter=3, learning_rate="one_cycle", random_state=0)
    net.fit(X, y, w).set_params(alpha=1e3)  # J has the alpha of the fit
    gradient = compute_gradient(net, X, y, w)
    assert list(gradient) == ["dW1", "db1", "dW2", "db2"]
    for array, derivative in zip(
        [*net.coefs_, *net.intercepts_], [gradient.dW1, gradient.dW2, gradient.db1, gradient.db2], strict=True
    ):
        assert derivative.shape == array.shape
        start, direction = array.copy(), np.random.default_rng(0).standard_normal(array.shape)
        values = []
        for h in (1e-6, -1e-6):
            array[...] = start + h * direction
            values.append(public_objective(net, X, y, w))
        array[...] = start
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(np.vdot(derivative, direction), rel=1e-4, abs=1e-8)


@parametrize("activation", NAMES)
@parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_a_step_of_gradient_descent_subtracts_the_gradient(activation, kind, problems, quiet):
    X, y, w = problem(kind, problems)
    net = ShallowNetClassifier(
        5, activation, solver="gd", learning_rate_init=0.05, alpha=0.1, max_iter=1, tol=0, class_weight="balanced",
        random_state=0, warm_start=True,
    )  # fmt: skip
    before, gradient = network_at_start(net, X, y, w).parameters, compute_gradient(net, X, y, w)
    for _ in range(2):  # from the initial weights, then from fitted ones
        net.fit(X, y, w)
        for name, array in zip(("W1", "W2", "b1", "b2"), [*net.coefs_, *net.intercepts_], strict=True):
            expected = getattr(before, name) - 0.05 * gradient[f"d{name}"]
            np.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-15)
        before.fill(net.coefs_, net.intercepts_)
        gradient = compute_gradient(net, X, y, w)


@parametrize("activation", NAMES)
def test_the_gradient_of_all_rows_is_the_mean_over_parts(activation, iris, quiet):
    """Without a penalty. A part may lack a class, because the net knows all of them."""
    X, y = iris
    net = ShallowNetClassifier(5, activation, alpha=0.0, max_iter=3, learning_rate="one_cycle", random_state=0)
    net.fit(X, y)
    whole, parts = compute_gradient(net, X, y), [compute_gradient(net, X[y == k], y[y == k]) for k in range(3)]
    for name, value in whole.items():
        np.testing.assert_allclose(np.mean([part[name] for part in parts], axis=0), value, rtol=1e-9, atol=1e-15)


@parametrize("X_type", [np.float32, sparse.csr_array, sparse.csc_matrix])
def test_the_gradient_of_every_container_is_float64(X_type, iris):
    X, y = iris
    X = X.astype(np.float32)
    net = ShallowNetClassifier(5, random_state=0).fit(X, y)
    for name, value in compute_gradient(net, X_type(X), y).items():
        assert value.dtype == np.float64
        np.testing.assert_allclose(value, compute_gradient(net, X.astype(np.float64), y)[name], rtol=1e-9, atol=1e-15)


def test_computing_the_gradient_changes_nothing(iris):
    X, y = iris
    net = ShallowNetClassifier(5, random_state=0, warm_start=True, solver="sgd").fit(X, y)
    new = clone(net)
    before = pickle.dumps(net), pickle.dumps(new)
    compute_gradient(net, X[:50], y[:50])
    compute_gradient(new, X, y)
    assert (pickle.dumps(net), pickle.dumps(new)) == before


def test_computing_the_gradient_draws_no_numbers_of_the_user(iris):
    X, y = iris
    rng = np.random.RandomState(0)
    net = ShallowNetClassifier(5, alpha=1.0, solver="gd", learning_rate_init=0.1, random_state=rng)
    gradients = [compute_gradient(net, X, y) for _ in range(2)]
    assert_array_equal(gradients[0].dW1, gradients[1].dW1)
    start = network_at_start(net, X, y).coefs[0].copy()
    assert_array_equal(net.partial_fit(X, y, classes=[0, 1, 2]).coefs_[0], start - 0.1 * gradients[0].dW1)


def test_bad_rows_for_the_gradient(iris):
    X, y = iris
    net = ShallowNetClassifier(5, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="y must hold the classes"):
        compute_gradient(net, X[:2], [0, 7])
    with pytest.raises(ValueError, match="X has 2 features, but ShallowNetClassifier is expecting 4"):
        compute_gradient(net, X[:, :2], y)
    with pytest.raises(TypeError, match=r"compute_gradient needs a net of sk_shallow. Got LogisticRegression"):
        compute_gradient(LogisticRegression(), X, y)
