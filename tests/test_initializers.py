import pickle
from copy import deepcopy

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit.state import TrainingState
from sk_shallow._model.parameters import Parameters, initialize
from sk_shallow.activations import ACTIVATIONS, ALIASES, as_activation
from sk_shallow.initializers import INITIALIZERS, Initializer
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.solvers import SOLVERS

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
    scheme = start(name, init=activation.initializer)
    np.testing.assert_array_equal(start(name).W1, activation.gain * scheme.W1)
    np.testing.assert_array_equal(start(name).W2, scheme.W2 / 2)
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


@parametrize("hidden_size", [2, 10, 101])
@parametrize("solver", SOLVERS)
@parametrize("dtype", [np.float32, np.float64])
@parametrize("name", ACTIVATIONS)
def test_equal_units_stay_equal(name, dtype, solver, hidden_size, quiet):
    """Matrix products round their columns differently, and in training these differences would grow."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 20)).astype(dtype), rng.integers(3, size=300)
    n_pieces = as_activation(name).n_pieces
    W1 = np.repeat(rng.standard_normal((20, n_pieces)), hidden_size, axis=1)
    init = W1, np.repeat(rng.standard_normal((1, 3)), hidden_size, axis=0)
    net = ShallowNetClassifier(hidden_size, name, init=init, solver=solver, alpha=1.0, max_iter=60, random_state=0)
    W1, W2 = net.fit(X, y).coefs_
    units = W1.reshape(20, n_pieces, hidden_size)
    np.testing.assert_array_equal(units, np.broadcast_to(units[..., :1], units.shape))
    np.testing.assert_array_equal(W2, np.broadcast_to(W2[:1], W2.shape))


def test_biases_are_zeroed():
    parameters = Parameters((3, 2, 1, 1))
    parameters.theta[:] = 5
    initialize(parameters, Constant(), (1.0, 1.0), np.random.default_rng(0))
    assert not parameters.b1.any()
    assert not parameters.b2.any()


def pair_for(activation, X, n_outputs, hidden_size=4, dtype=np.float64):
    rng, columns = np.random.default_rng(0), int(as_activation(activation).n_pieces) * hidden_size
    return rng.normal(size=(X.shape[1], columns)).astype(dtype), rng.normal(size=(hidden_size, n_outputs)).astype(dtype)


@parametrize("activation", ACTIVATIONS)
@parametrize("dtype", [np.float32, np.float64])
@parametrize("scale", [1.0, 0.25])
@parametrize("container", [tuple, list])
def test_a_fit_starts_from_a_pair_times_the_scale(activation, dtype, scale, container, iris, quiet):
    X, y = iris
    pair = pair_for(activation, X, 3)
    net = ShallowNetClassifier(4, activation, init=container(pair), init_scale=scale, random_state=0, max_iter=1)
    start = network_at_start(net, X, y).parameters
    np.testing.assert_array_equal(start.W1, scale * pair[0])
    assert not start.b1.any()
    assert not start.b2.any()
    net.set_params(solver="gd", learning_rate_init=1e-30, alpha=0.0).fit(X.astype(dtype), y)
    for W, given in zip(net.coefs_, pair, strict=True):
        assert W.dtype == dtype
        np.testing.assert_array_equal(W, (scale * given).astype(dtype))


def test_a_pair_survives_what_scikit_learn_does(iris):
    X, y = iris
    pair = pair_for("relu", X, 3)
    net = ShallowNetClassifier(4, init=pair, random_state=0, max_iter=5, learning_rate="one_cycle").fit(X, y)
    assert net.get_params()["init"] is pair
    copies = [clone(net), pickle.loads(pickle.dumps(clone(net))), clone(net).set_params(init=net.init)]
    for copied in copies:
        np.testing.assert_array_equal(copied.fit(X, y).coefs_[0], net.coefs_[0])
    assert "init=(array(" in repr(net)
    assert "init" in net._repr_html_()
    np.testing.assert_array_equal(pair[0], pair_for("relu", X, 3)[0])
    grid = {"init": ["auto", pair], "activation": ["relu", "tanh"]}
    assert len(GridSearchCV(net, grid, cv=2).fit(X, y).cv_results_["params"]) == 4


def test_the_weights_of_a_fit_are_a_pair_that_another_fit_starts_from(iris):
    X, y = iris
    net = ShallowNetClassifier(4, random_state=0).fit(X, y)
    again = network_at_start(clone(net).set_params(init=net.coefs_), X, y).parameters
    np.testing.assert_array_equal(again.W1, net.coefs_[0])
    np.testing.assert_array_equal(again.W2, net.coefs_[1])


def test_a_warm_start_ignores_the_pair(iris):
    X, y = iris
    net = ShallowNetClassifier(4, random_state=0, warm_start=True, max_iter=5, learning_rate="one_cycle").fit(X, y)
    same, other = deepcopy(net), deepcopy(net).set_params(init=pair_for("relu", X, 3))
    np.testing.assert_array_equal(other.fit(X, y).coefs_[0], same.fit(X, y).coefs_[0])


@parametrize(
    ("init", "message"),
    [
        ((np.ones((4, 4)),), r"a pair of arrays \(W1, W2\). Got 1 elements"),
        ((np.ones((4, 4)), np.ones((4, 3)), np.ones(4)), r"a pair of arrays \(W1, W2\). Got 3 elements"),
        ((np.ones((4, 7)), np.ones((7, 3))), r"shapes \(4, 4\).*Got \(4, 7\) and \(7, 3\). Set hidden_size=7"),
        ((np.ones((5, 4)), np.ones((4, 3))), r"Got \(5, 4\).*W1 has a row per feature"),
        ((np.ones((4, 4)), np.ones((4, 1))), r"Got .* and \(4, 1\).*W2 a row per hidden unit"),
        ((np.ones((4, 4)), np.ones(4)), r"Got \(4, 4\) and \(4,\)\. W1 has a row per feature"),
        ((np.ones((4, 4)), np.ones((3, 4))), r"Got \(4, 4\) and \(3, 4\)\. Transpose W2: W1 has a row"),
        ((np.ones((4, 5)), np.ones((3, 4))), r"Got \(4, 5\) and \(3, 4\)\. W1 has a row"),  # 3 units would not help
        ((np.full((4, 4), np.nan), np.ones((4, 3))), "Input W1 of init contains NaN"),
        ((np.ones((4, 4)), np.full((4, 3), np.inf)), "Input W2 of init contains infinity"),
        ((np.ones((4, 4)), [["a"] * 3] * 4), "could not convert string to float"),
        ((np.ones((4, 4)) * 1j, np.ones((4, 3))), "Complex data not supported"),
        (np.ones((4, 4)), "The 'init' parameter of ShallowNetClassifier must be"),
    ],
)
def test_a_bad_pair_is_an_error_in_words(init, message, iris):
    net = ShallowNetClassifier(4, init=init)
    with pytest.raises(ValueError, match=message):
        net.fit(*iris)
    assert not hasattr(net, "coefs_")


def test_a_pair_that_overflows_float32_is_an_error(iris):
    X, y = iris
    pair = [1e39 * W for W in pair_for("relu", X, 3)]
    with pytest.raises(ValueError, match="initial weights overflow in float32"):
        ShallowNetClassifier(4, init=pair).fit(X.astype(np.float32), y)


def test_a_pair_has_no_parameters(iris):
    net = ShallowNetClassifier(4, init=pair_for("relu", iris[0], 3))
    with pytest.raises(ValueError, match="has no parameters: set init to one of"):
        net.set_params(init__std=1.0)


@parametrize("init", [Constant(0.0), (np.zeros((4, 5)), np.zeros((5, 3)))], ids=["scheme", "pair"])
def test_zeros_of_any_origin_warn(init, iris, quiet):
    net = ShallowNetClassifier(5, "sigmoid", init=init, max_iter=20, learning_rate_init=0.1, random_state=0)
    with pytest.warns(UserWarning, match="init gives zeros only, which makes all hidden units equal"):
        net.fit(*iris)
