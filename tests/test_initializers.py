import numpy as np
import pytest
from scipy.stats import kstest

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit.state import TrainingState
from sk_shallow._model.parameters import Parameters, initialize
from sk_shallow.activations import ACTIVATIONS, ALIASES, as_activation
from sk_shallow.initializers import INITIALIZERS, Initializer
from sk_shallow.inspection._gradient_check import network_at_start

parametrize = pytest.mark.parametrize
FAN_IN, FAN_OUT = 300, 100
VARIANCES = {"glorot": 2 / (FAN_IN + FAN_OUT), "he": 2 / FAN_IN, "lecun": 1 / FAN_IN, "normal": 1.0}


def draw(name, seed=0):
    return INITIALIZERS[name]().draw(np.random.default_rng(seed), FAN_IN, FAN_OUT)


@parametrize("name", INITIALIZERS)
def test_two_draws_with_one_seed_are_equal(name):
    np.testing.assert_array_equal(draw(name), draw(name))
    assert not np.array_equal(draw(name), draw(name, seed=1))


@parametrize("name", [name for name in INITIALIZERS if name != "orthogonal"])
def test_distribution(name):
    std = np.sqrt(VARIANCES[name.split("_")[0]])
    law = ("uniform", (-np.sqrt(3), 2 * np.sqrt(3))) if name.endswith("uniform") else ("norm", ())
    assert kstest(draw(name).ravel() / std, law[0], law[1]).pvalue > 0.01
    assert draw(name).std() == pytest.approx(std, rel=0.02)


@parametrize("shape", [(30, 10), (10, 30), (10, 10)])
def test_orthogonal(shape):
    W = INITIALIZERS["orthogonal"]().draw(np.random.default_rng(0), *shape)
    assert W.shape == shape
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-12)


def start(activation="relu", **kwargs):
    """Return the initial weights of a fit."""
    X, y = np.eye(6), [0, 1, 2, 0, 1, 2]
    kwargs = {"hidden_size": 4, "random_state": 0, **kwargs}
    return network_at_start(ShallowNetClassifier(activation=activation, **kwargs), X, y).parameters


@parametrize("name", INITIALIZERS)
def test_scale_multiplies_exactly(name):
    one, half = start(init=name), start(init=name, init_scale=0.5)
    np.testing.assert_array_equal(half.theta, 0.5 * one.theta)


@parametrize("name", ACTIVATIONS | ALIASES)
def test_auto_is_the_scheme_of_the_activation(name):
    activation = as_activation(name)
    expected = start(name, init=activation.initializer, init_scale=activation.gain)
    np.testing.assert_array_equal(start(name).theta, expected.theta)
    assert not start(name).b1.any()
    assert not start(name).b2.any()


def test_activations_with_one_seed_start_from_one_draw():
    relu, tanh, maxout = start("relu"), start("tanh"), start("maxout")
    for name in ("W1", "W2"):
        ratio = getattr(relu, name) / getattr(tanh, name)
        np.testing.assert_allclose(ratio, ratio[0, 0])
    ratio = maxout.W1[:, :4] / tanh.W1
    np.testing.assert_allclose(ratio, ratio[0, 0])
    np.testing.assert_array_equal(start(init="glorot_uniform").W1 > 0, relu.W1 > 0)


def test_orders_of_rows_do_not_repeat_the_draw_of_the_weights():
    state = TrainingState.of(ShallowNetClassifier(random_state=0), resume=False)
    assert state.rng.random() != np.random.default_rng([state.seed, 0]).random()


def test_textbook_scale():
    theta = start(init="normal", init_scale=0.01, hidden_size=500).W1
    assert theta.std() == pytest.approx(0.01, rel=0.05)


class Constant(Initializer):
    def __init__(self, value=0.1):
        self.value = value

    def draw(self, rng, fan_in, fan_out):
        return np.full((fan_in, fan_out), self.value)


def test_a_custom_initializer():
    np.testing.assert_array_equal(start(init=Constant(0.3)).W2, np.full((4, 3), 0.3))


def test_zero_scale_trains_stays_symmetric_and_warns(iris, quiet):
    net = ShallowNetClassifier(5, "sigmoid", init_scale=0, max_iter=20, learning_rate_init=0.1, random_state=0)
    with pytest.warns(UserWarning, match="init_scale=0 makes all hidden units equal"):
        net.fit(*iris)
    W1, W2 = net.coefs_
    assert np.abs(W2).max() > 0.01
    np.testing.assert_allclose(W1, np.repeat(W1[:, :1], 5, axis=1), atol=1e-12)
    np.testing.assert_allclose(W2, np.repeat(W2[:1], 5, axis=0), atol=1e-12)


def test_biases_are_zeroed():
    parameters = Parameters((3, 2, 1, 1))
    parameters.theta[:] = 5
    initialize(parameters, Constant(), 1.0, np.random.default_rng(0))
    assert not parameters.b1.any()
    assert not parameters.b2.any()
