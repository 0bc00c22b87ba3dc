"""One fit: how it ends, the line that a warning points at, checks of derivatives, and the content of a pickle."""

import io
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import plan_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.multioutput import MultiOutputClassifier

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit.diagnosis import keep_best
from sk_shallow._fit.minimize import minimize
from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._fit.state import TrainingState
from sk_shallow._model.network import Network
from sk_shallow._model.parameters import Parameters, initialize
from sk_shallow.activations import Activation, Tanh
from sk_shallow.initializers import Glorot
from sk_shallow.losses import SquaredError
from sk_shallow.solvers import SOLVERS, FirstOrderSolver

parametrize = pytest.mark.parametrize


@parametrize("solver", SOLVERS)
@parametrize("dtype", [np.float32, np.float64])
def test_nothing_below_the_targets_knows_of_classes(solver, dtype):
    """With the squared error as the loss, the network, the monitor and every solver do regression."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(300, 1)).astype(dtype)
    Y = np.hstack([np.sin(2 * X), X**2 / 4])
    parameters = Parameters((1, 20, 2, 1), dtype)
    initialize(parameters, Glorot(), (2.0, 2.0), rng)
    network = Network(parameters, Tanh(), SquaredError(), X, Y)
    rate = {"gd": 0.3, "sgd": 0.05, "adam": 0.03, "lbfgs": None}[solver]
    plan = plan_of(
        solver=SOLVERS[solver](), max_iter=3000, tol=0, n_iter_no_change=np.inf, learning_rate_init=rate,
        batch_size=300 if solver == "gd" else 100,
    )  # fmt: skip
    assert network.loss() > 0.5 * network.loss_of_constant()
    minimize(network, plan, TrainingState(0, rng), Monitor(parameters, plan))
    assert network.loss() < 0.05 * network.loss_of_constant() < network.loss_at_zero()
    assert_allclose(network.logits(X), Y, atol=0.5)


# How a fit ends


@parametrize("solver", SOLVERS)
@parametrize("learning_rate", ["constant", "adaptive", "one_cycle"])
def test_a_signal_to_stop_stops_a_fit(solver, learning_rate, iris, monkeypatch, quiet):
    """Also with "adaptive", which divides its learning rate at a plateau."""
    original = Monitor.epoch_end

    def epoch_end(self, loss, moments=()):
        original(self, loss, moments)
        self.signal = Signal.STOP if len(self.losses) == 3 else Signal.CONTINUE
        return self.signal

    monkeypatch.setattr(Monitor, "epoch_end", epoch_end)
    net = ShallowNetClassifier(5, solver=solver, learning_rate=learning_rate, max_iter=20, random_state=0).fit(*iris)
    assert net.n_iter_ == len(net.loss_curve_) == 3


class Plain(FirstOrderSolver):
    """A user's solver with its own default rate."""

    learning_rate_init = 0.01

    def start(self, theta):
        return {}

    def update(self, theta, grad, moments, learning_rate, t):
        theta -= learning_rate * grad


def test_a_solver_of_your_own(iris, quiet):
    assert [bool(signal) for signal in Signal] == [False, True, True]
    net = ShallowNetClassifier(5, solver=Plain(), random_state=0).fit(*iris)
    assert (net.n_iter_, net.learning_rate_init_, net.solver_) == (
        72,
        0.01,
        "Plain()",
    )  # rounds of 24 and 48 epochs, the first of 120 steps
    stopping = {"learning_rate": "constant", "tol": 10, "n_iter_no_change": 3}
    assert ShallowNetClassifier(5, solver=Plain(), **stopping).fit(*iris).n_iter_ == 5


def test_a_limit_of_a_part_is_not_warned_of(iris):
    net = ShallowNetClassifier(5, "tanh", solver=Plain(), random_state=0)
    for _ in range(2):
        net.partial_fit(*iris, classes=[0, 1, 2])


def test_a_fit_ends_the_patience_of_the_parts_before_it(iris, quiet):
    kwargs = {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 3, "warm_start": True}
    net = ShallowNetClassifier(5, max_iter=1, random_state=0, **kwargs)
    for _ in range(4):
        net.partial_fit(*iris, classes=[0, 1, 2])
    net.fit(*iris)
    assert net._state["clock"].plateaus == 0
    for _ in range(4):
        assert net.partial_fit(*iris)._state["clock"].plateaus == 0
    assert net.partial_fit(*iris)._state["clock"].plateaus == 1


def test_a_plateau_divides_the_rate_and_does_not_stop(iris, quiet):
    kwargs = {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2, "random_state": 0}
    net = ShallowNetClassifier(5, solver="sgd", max_iter=10, warm_start=True, **kwargs).fit(*iris)
    assert net.n_iter_ == 10
    assert net._state["clock"].plateaus == 3  # after epochs 4, 7 and 10: the first epoch, then three per plateau


def test_weights_are_there_again_after_an_error(iris, monkeypatch):
    """To choose the best weights, fit tries them in the network. An error restores the weights from before."""
    parameters = Parameters((4, 3, 3, 1))
    parameters.theta[:] = np.random.default_rng(0).standard_normal(parameters.theta.size)
    network = Network(parameters, Tanh(), SquaredError(), iris[0], np.eye(3)[iris[1]])
    monitor = Monitor(parameters, plan_of())
    before = parameters.theta.copy()
    monitor.best_theta[:] = 7

    def failing(self):
        if parameters.theta[0] == 7:
            raise MemoryError
        return 1.0

    monkeypatch.setattr(Network, "objective", failing)
    with pytest.raises(MemoryError):
        keep_best(network, monitor)
    assert_array_equal(parameters.theta, before)


# Warnings


RARE = np.r_[2, np.arange(1, 150) >= 50]  # setosa, the other species, and a class of one row
CONVERGING = {"learning_rate_init": 0.05, "max_iter": 3000, "tol": 0.1}


@parametrize(
    ("kwargs", "y", "texts"),
    [
        ({"init_scale": 0.0, "max_iter": 1000}, None, ["init_scale", "learned almost nothing"]),
        ({"batch_size": 1000, **CONVERGING}, None, ["batch_size"]),
        ({}, np.zeros(150), ["one class"]),
        ({"early_stopping": True}, RARE, ["not stratified"]),
        ({"solver": "sgd", "learning_rate_init": 1e5, "batch_size": 999}, None, ["batch_size", "diverged"]),
    ],
    ids=["init_scale", "batch_size", "one class", "rare class", "two"],
)
def test_every_warning_points_at_the_call(kwargs, y, texts, iris):
    net = ShallowNetClassifier(5, "tanh", random_state=0, **kwargs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(iris[0], iris[1] if y is None else y)
    assert [Path(warning.filename).name for warning in caught] == ["test_training.py"] * len(texts)
    assert all(text in str(warning.message) for text, warning in zip(texts, caught, strict=True))


def test_the_warnings_of_partial_fit_point_at_the_call(iris):
    net = ShallowNetClassifier(5, init_scale=0, random_state=0)
    with pytest.warns(UserWarning, match="init_scale") as caught:
        net.partial_fit(*iris, classes=[0, 1, 2])
    assert [Path(warning.filename).name for warning in caught] == ["test_training.py"]


def test_a_warning_made_an_error_comes_after_the_fit(iris):
    net = ShallowNetClassifier(5, init_scale=0, random_state=0)
    with pytest.raises(UserWarning, match="init_scale=0"):
        net.fit(*iris)
    assert net.n_iter_ > 1


# One class


@parametrize("labels", [["a"], [7], [True]], ids=str)
@parametrize("solver", SOLVERS)
@parametrize(
    "kwargs", [{}, {"early_stopping": True}, {"class_weight": "balanced"}, {"max_iter": 3, "alpha": 1.0}], ids=str
)
def test_labels_of_one_class(labels, solver, kwargs, iris):
    """The net predicts this class, with exactly one warning; MLPClassifier does not warn."""
    X, y = 100 * iris[0], np.array(labels * 150)
    net = ShallowNetClassifier(5, solver=solver, random_state=0, **kwargs)
    with pytest.warns(
        UserWarning, match=f"y has one class only, {labels[0]!r}. Every prediction is this class"
    ) as caught:
        net.fit(X, y)
    assert len(caught) == 1
    assert_array_equal(net.classes_, labels)
    assert_array_equal(net.predict(X), y)
    assert_array_equal(net.predict_proba(X), np.ones((150, 1)))
    assert_array_equal(net.predict_log_proba(X), np.zeros((150, 1)))
    assert net.score(X, y) == 1


@parametrize("solver", SOLVERS)
@parametrize("how", ["sample_weight", "class_weight", "multilabel"])
def test_weights_that_leave_one_class(how, solver, iris, quiet):
    """Without a warning, a net would seem to have learned to predict it always."""
    X, y = iris
    class_weight = {0: 0, 1: 1, 2: 0} if how == "class_weight" else None
    net = ShallowNetClassifier(5, solver=solver, class_weight=class_weight, random_state=0)
    weights = 1.0 * (y == 1) if how == "sample_weight" else None
    y = np.tile([1, 0], (150, 1)) if how == "multilabel" else y
    with pytest.warns(UserWarning, match="y has one class only, or one set of labels, in the") as caught:
        net.fit(X, y, sample_weight=weights)
    assert [warning.category for warning in caught].count(UserWarning) == 1  # "gd" may also end too early
    assert_array_equal(net.predict(X), y if how == "multilabel" else 1)


def test_weights_that_leave_one_class_of_many_rows(iris, quiet):
    """In float32, the loss of the best constant is not exactly 0."""
    X, y = np.tile(iris[0], (70, 1)).astype(np.float32), np.tile(iris[1], 70)
    w = np.random.default_rng(0).exponential(size=len(y)) * (y == 1)
    with pytest.warns(UserWarning, match="y has one class only"):
        ShallowNetClassifier(3, max_iter=2, alpha=1.0, random_state=0).fit(X, y, sample_weight=w)


@pytest.mark.filterwarnings("ignore:y has one class only")
def test_a_constant_column_of_several(iris):
    Y = np.c_[iris[1] == 1, np.zeros(150)].astype(int)
    predicted = MultiOutputClassifier(ShallowNetClassifier(10, random_state=0)).fit(iris[0], Y).predict(iris[0])
    assert_array_equal(predicted[:, 1], 0)
    assert np.mean(predicted[:, 0] == Y[:, 0]) > 0.9


@pytest.mark.filterwarnings("ignore:y has one class only")
def test_partial_fit_of_one_declared_class(iris):
    net = ShallowNetClassifier(5).partial_fit(iris[0], ["a"] * 150, classes=["a"])
    assert set(net.predict(iris[0])) == {"a"}


# Attributes that MLPClassifier has


def test_layers_and_rows_seen(iris, quiet):
    X, y = iris
    net = ShallowNetClassifier(5, max_iter=4, batch_size=40, random_state=0).fit(X, y)
    assert (net.n_layers_, net.t_) == (3, 600)
    assert net.partial_fit(X[:20], y[:20]).t_ == 620
    assert net.fit(X, y).t_ == 600
    assert net.set_params(warm_start=True).fit(X, y).t_ == 1200
    assert net.set_params(warm_start=False, early_stopping=True, validation_fraction=0.2).fit(X, y).t_ == 480


# A user's derivative is checked once


class Counting(Activation):
    """A multiple of the identity that records the widths of its arguments; a check uses three units."""

    calls: list = []

    def __init__(self, factor=1.0):
        self.factor = factor

    def forward(self, Z):
        self.calls.append(Z.shape[1])
        return float(self.factor) * Z, None

    def backward(self, dA, A, cache):
        return float(self.factor) * dA


def test_a_derivative_is_checked_once(iris, quiet):
    def checks():
        n = Counting.calls.count(3)
        Counting.calls.clear()
        return n

    X, y = iris
    net = ShallowNetClassifier(5, Counting(), max_iter=2, warm_start=True)
    net.partial_fit(X, y, classes=[0, 1, 2])
    assert checks() > 0
    for _ in range(3):
        net.partial_fit(X, y)
    net.fit(X, y)
    pickle.loads(pickle.dumps(net)).partial_fit(X, y)
    assert checks() == 0
    net.set_params(activation=Counting(2.0)).partial_fit(X, y)
    assert checks() > 0
    net.set_params(warm_start=False).fit(X, y)
    assert checks() > 0


class Weighing(Activation):
    """An activation with a long array as a parameter, which repr abbreviates."""

    def __init__(self, weights):
        self.weights = weights

    def forward(self, Z):
        return float(self.weights[0]) * Z, None

    def backward(self, dA, A, cache):
        return float(self.weights[1]) * dA


def test_a_changed_activation_is_checked_again(iris):
    """Another class of the same name, or another array with the same repr, is checked again."""

    def sine(derivative):
        class Sine(Activation):
            def forward(self, Z):
                return np.sin(Z), Z

            def backward(self, dA, A, cache):
                return dA * derivative(cache)

        return Sine()

    weights = np.ones(2000)
    for right, wrong in ((sine(np.cos), sine(np.sin)), (Weighing(weights), Weighing(np.r_[1.0, 2.0, weights[2:]]))):
        net = ShallowNetClassifier(5, right).partial_fit(*iris, classes=[0, 1, 2]).partial_fit(*iris)
        with pytest.raises(ValueError, match="does not match its value"):
            net.set_params(activation=wrong).partial_fit(*iris)


# Pickles


PUBLIC = {f"sk_shallow.{name}" for name in ("activations", "initializers", "solvers", "schedules")}


def modules_in(data):
    """Return the modules of the package that a pickle names."""
    found = set()

    class Listening(pickle.Unpickler):
        def find_class(self, module, name):
            found.add(module)
            return super().find_class(module, name)

    Listening(io.BytesIO(data)).load()
    return {module for module in found if module.startswith("sk_shallow")}


@parametrize("method", ["fit", "partial_fit", "warm_start"])
@parametrize("kind", ["binary", "multiclass", "multilabel"])
@parametrize("activation", ["relu", "maxout"])
def test_a_pickle_names_no_private_module(method, kind, activation, problems, quiet):
    """Except the module of the estimator."""
    X, y = problems[kind]
    net = ShallowNetClassifier(5, activation, max_iter=3, warm_start=method == "warm_start", random_state=0)
    net = net.fit(X, y) if method != "partial_fit" else net.partial_fit(X, y, classes=net.fit(X, y).classes_)
    assert modules_in(pickle.dumps(net)) <= {"sk_shallow._classifier", *PUBLIC}
    assert modules_in(pickle.dumps(net)) >= {"sk_shallow._classifier", "sk_shallow.activations"}
    loaded = pickle.loads(pickle.dumps(net))
    assert_array_equal(loaded.predict(X), net.predict(X))
    assert_array_equal(loaded.partial_fit(X, y).coefs_[0], net.partial_fit(X, y).coefs_[0])
