"""Conversion to MLPClassifier and MLPRegressor: the same predictions, and clear errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow.export import MLP_ACTIVATIONS, to_mlpclassifier, to_mlpregressor
from sk_shallow.losses import LOSSES, Poisson, RegressionLoss

parametrize = pytest.mark.parametrize


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 5, "max_iter": 5, "random_state": 0, **kwargs})


@parametrize("activation", [*MLP_ACTIVATIONS.values(), "sigmoid"])
@parametrize("problem", ["binary", "multiclass", "multilabel"])
@parametrize("dtype", [np.float32, np.float64])
def test_the_same_predictions(activation, problem, dtype, problems):
    X, y = problems[problem]
    X = X.astype(dtype)
    net = net_of(activation=activation).fit(X, y)
    mlp = to_mlpclassifier(net)
    assert type(mlp) is MLPClassifier
    assert_allclose(mlp.predict_proba(X), net.predict_proba(X), atol=1e-12 if dtype == np.float64 else 1e-6)
    assert_array_equal(mlp.predict(X), net.predict(X))
    assert mlp.score(X, y) == net.score(X, y)
    assert mlp.predict_proba(X).dtype == dtype


def test_it_is_a_copy_with_the_attributes_that_users_read(iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    net = net_of().fit(X, iris[1])
    mlp = to_mlpclassifier(net)
    mlp.coefs_[0][:] = 0
    assert net.coefs_[0].any()
    assert list(mlp.feature_names_in_) == list("abcd")
    assert mlp.loss_curve_ == net.loss_curve_
    assert mlp.hidden_layer_sizes == (5,)
    mlp.partial_fit(X, iris[1])  # can continue training


@parametrize("problem", ["binary", "multiclass", "multilabel"])
def test_changes_of_the_copy_do_not_reach_the_net(problem, problems):
    X, y = problems[problem]
    X = pd.DataFrame(X).add_prefix("x")
    net = net_of().partial_fit(X, y, classes=None if y.ndim == 2 else np.unique(y))
    before = pickle.dumps(net)
    mlp = to_mlpclassifier(net).partial_fit(X, y)
    for value in vars(mlp).values():
        for array in value if isinstance(value, list) else [value]:
            if isinstance(array, np.ndarray):
                array.fill(0)
        if isinstance(value, list):
            value.clear()
    assert pickle.dumps(net) == before


@parametrize(
    "wrap",
    [
        lambda net: make_pipeline(StandardScaler(), net),
        lambda net: GridSearchCV(net, {"alpha": [1.0]}, cv=2),
        lambda net: MLPClassifier((5,), max_iter=1000, tol=1e-2, random_state=0),
    ],
)
def test_other_estimators_are_told_what_to_pass(wrap, iris):
    estimator = wrap(net_of()).fit(*iris)
    text = (
        rf"needs a ShallowNetClassifier\. Got {type(estimator).__name__}\. For a pipeline, pass its last step, pipeline"
    )
    with pytest.raises(TypeError, match=text):
        to_mlpclassifier(estimator)


@parametrize("activation", ["gelu", "maxout", (np.sin, np.cos)])
def test_other_activations_are_refused(activation, iris):
    with pytest.raises(
        ValueError, match=r"MLPClassifier has the activations \['identity', 'logistic', 'relu', 'tanh'\]"
    ):
        to_mlpclassifier(net_of(activation=activation).fit(*iris))


def test_nets_that_cannot_be_converted_are_refused(iris):
    with pytest.raises(NotFittedError):
        to_mlpclassifier(net_of())
    with pytest.warns(match="one class"):
        net = net_of().fit(iris[0], np.zeros(150))
    with pytest.raises(ValueError, match="needs at least two classes"):
        to_mlpclassifier(net)


# Regressors


def targets_of(loss, n_outputs, X):
    """Return positive numbers far from zero, in different units."""
    y = (1000 + 100 * np.sin(X[:, :2])) * [[1.0, 1e-3]] if loss != "poisson" else np.exp(X[:, :2]).round()
    return y[:, 0] if n_outputs == 1 else y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize("activation", [*MLP_ACTIVATIONS.values(), "sigmoid"])
@parametrize("loss", LOSSES)
@parametrize("n_outputs", [1, 2])
@parametrize("dtype", [np.float32, np.float64])
def test_the_same_numbers(activation, loss, n_outputs, dtype, iris):
    X = iris[0].astype(dtype)
    y = targets_of(loss, n_outputs, X)
    net = ShallowNetRegressor(5, activation, loss=loss, max_iter=5, random_state=0).fit(X, y)
    before = pickle.dumps(net)
    mlp = to_mlpregressor(net)
    assert type(mlp) is MLPRegressor
    assert_allclose(mlp.predict(X), net.predict(X), rtol=1e-12 if dtype == np.float64 else 2e-6)
    assert mlp.predict(X).shape == y.shape
    assert mlp.predict(X).dtype == dtype
    assert mlp.loss == ("poisson" if loss == "poisson" else "squared_error")
    mlp.partial_fit(X, y)
    assert pickle.dumps(net) == before


@pytest.mark.filterwarnings("ignore:y is constant:UserWarning")
@parametrize("loss", LOSSES)
def test_a_constant(loss, iris):
    net = ShallowNetRegressor(5, loss=loss, random_state=0).fit(iris[0], np.full(150, 12.5))
    assert_allclose(to_mlpregressor(net).predict(iris[0]), 12.5, rtol=1e-15)


def test_lost_limits_are_told():
    X, y = np.random.default_rng(0).standard_normal((100, 3)), np.repeat([0.0, 1.0], 50)
    net = ShallowNetRegressor(5, loss="absolute_error", random_state=0).fit(X, y)
    with pytest.warns(UserWarning, match="does not limit predictions to target_limits_"):
        mlp = to_mlpregressor(net)
    assert_allclose(np.clip(mlp.predict(X), *net.target_limits_[:, 0]), net.predict(X), atol=1e-14)


class Logistic(RegressionLoss):
    """A loss with an output function that exports do not know."""

    standardizes = False

    def best(self):
        return "the mean"

    def predictions(self, Z2):
        return expit(Z2)

    def loss_and_residual(self, Z2, Y):
        return np.logaddexp(0, Z2) - Y * Z2, expit(Z2) - Y

    def initial_bias(self, Y, w=None):
        return np.zeros(Y.shape[1])


class ScaledPoisson(Poisson):
    standardizes = True
    positive_only = False

    def initial_bias(self, Y, w=None):
        return np.zeros(Y.shape[1])

    def loss_and_residual(self, Z2, Y):
        return np.exp(Z2) - Y * Z2, np.exp(Z2) - Y


@parametrize("loss", [Logistic(), ScaledPoisson()], ids=str)
def test_unknown_output_functions_are_refused(loss, iris, quiet):
    X, y = iris
    net = ShallowNetRegressor(5, loss=loss, max_iter=5, alpha=0.1, random_state=0).fit(X, y / 2)
    with pytest.raises(ValueError, match=r"Only the output functions identity and exp can be exported"):
        to_mlpregressor(net)


def test_a_loss_of_your_own_is_exported(iris):
    class Softer(Poisson):
        name = "softer"

    X, y = iris
    net = ShallowNetRegressor(5, loss=Softer(), max_iter=5, random_state=0).fit(X, y)
    assert_allclose(to_mlpregressor(net).predict(X), net.predict(X), rtol=1e-12)


def test_regressors_that_cannot_be_converted_are_refused(iris):
    X, y = iris
    with pytest.raises(NotFittedError):
        to_mlpregressor(ShallowNetRegressor())
    with pytest.raises(ValueError, match=r"MLPRegressor has the activations .* Got a net with gelu"):
        to_mlpregressor(ShallowNetRegressor(5, "gelu", max_iter=5).fit(X, y))
    with pytest.raises(TypeError, match=r"to_mlpregressor needs a ShallowNetRegressor\. Got ShallowNetClassifier"):
        to_mlpregressor(net_of().fit(X, y))
    with pytest.raises(TypeError, match=r"to_mlpclassifier needs a ShallowNetClassifier\. Got ShallowNetRegressor"):
        to_mlpclassifier(ShallowNetRegressor(5, max_iter=5).fit(X, y))
