"""Test of the tester: correct gradients must pass, gradients that are wrong by 0.1 % must be reported."""

import numpy as np
import pytest
from helpers import NAMES
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor, check_gradient
from sk_shallow._model.network import Network
from sk_shallow.activations import ACTIVATIONS
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
