"""What "auto" and None stand for: the rules, what they see, and that they show."""

import warnings

import numpy as np
import pytest
from helpers import NAMES, values_equal
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import ConvergenceWarning

from sk_shallow import ShallowNetClassifier
from sk_shallow import _defaults as rules
from sk_shallow._gradient_check import network_at_start
from sk_shallow.activations import ACTIVATIONS, Activation
from sk_shallow.solvers import LBFGS, SGD, Adam

parametrize = pytest.mark.parametrize
OF_MINI_BATCHES = [
    {"learning_rate": "cosine"},
    {"learning_rate_init": 0.01},
    {"batch_size": 50},
    {"max_iter": 5},
    {"dropout": 0.1},
    {"warm_start": True},
]


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 5, "random_state": 0, **kwargs})


def generated(m, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n_features)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int)


@parametrize("activation", NAMES)
@parametrize("kwargs", [{}, {"solver": "adam"}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_a_planned_fit_does_not_warn(activation, kwargs, problems):
    for X, y in problems.values():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net = ShallowNetClassifier(activation=activation, random_state=0, **kwargs).fit(X, y)
        network = network_at_start(net, X, y)
        network.parameters.filled(net.coefs_, net.intercepts_)
        assert network.loss() < 0.9 * network.loss_of_constant()


@parametrize("kwargs", OF_MINI_BATCHES, ids=str)
def test_what_only_mini_batches_know_takes_adam(kwargs, quiet):
    X, y = generated(500, 3)
    assert net_of().fit(X, y).solver_ == "lbfgs"
    assert net_of(**kwargs).fit(X, y).solver_ == "adam"


def test_partial_fit_takes_adam(iris):
    net = net_of().partial_fit(*iris, classes=[0, 1, 2])
    assert (net.solver_, net.learning_rate_init_, net.batch_size_) == ("adam", 0.001, 150)


@parametrize(
    ("m", "n", "hidden", "solver"),
    [
        (500, 2, 5, "lbfgs"),
        (499, 2, 5, "adam"),
        (5000, 100, 5, "lbfgs"),
        (5001, 2, 5, "adam"),
        (500, 101, 5, "adam"),
        (500, 2, 1000, "lbfgs"),
        (500, 2, 1001, "adam"),
    ],
)
def test_size_decides_on_the_solver(m, n, hidden, solver):
    assert rules.auto_solver(m, n, hidden) == solver
    assert net_of(hidden_size=hidden).fit(*generated(m, n)).solver_ == solver


@parametrize(("m", "rows"), [(20, 20), (1000, 32), (6000, 120), (60_000, 512)])
def test_batches_are_a_fiftieth(m, rows):
    assert min(m, rules.batch_size(m)) == rows


@parametrize("schedule", ["one_cycle", "cosine", "constant", "adaptive"])
def test_batches_go_with_the_schedule(schedule, quiet):
    net = net_of(learning_rate=schedule, max_iter=2).fit(*generated(6000, 2))
    assert net.batch_size_ == (120 if schedule in ("one_cycle", "cosine") else 200)


@parametrize(("m", "iterations"), [(20, 40), (45, 45), (5000, 60)])
def test_few_rows_get_fewer_iterations(m, iterations):
    assert rules.iterations(m) == iterations
    X, y = generated(m, 3)
    assert net_of(solver="lbfgs", tol=0, activation="softplus").fit(X, np.roll(y, 1)).n_iter_ == iterations


def test_few_rows_get_120_steps():
    X, y = generated(40, 3)
    assert net_of(solver="adam").fit(X, y).n_iter_ == 60  # two batches each
    assert net_of(solver="adam").fit(X[:20], y[:20]).n_iter_ == 120
    assert net_of(solver="adam").fit(*generated(200, 3)).n_iter_ == 30


@parametrize("schedule", ["one_cycle", "cosine"])
def test_a_plateau_does_not_end_a_schedule_of_known_length(schedule, iris):
    net = net_of(learning_rate=schedule, tol=1e9, n_iter_no_change=1, max_iter=12).fit(*iris)
    assert net.n_iter_ == 12


def test_a_limit_is_a_limit(iris):
    """With max_iter, solver, schedule, rate and batches are those of MLPClassifier."""
    explicit = {"solver": "adam", "learning_rate": "constant", "learning_rate_init": 0.001, "batch_size": 150}
    one, other = net_of(max_iter=7), net_of(max_iter=7, **explicit)
    for net in (one, other):
        with pytest.warns(match="max_iter=7 epochs"):
            net.fit(*iris)
    assert values_equal(one.coefs_, other.coefs_)
    for solver, limit in (("adam", 3), ("lbfgs", 3), (LBFGS(), 3), ("gd", 3)):
        with pytest.warns(match="max_iter=3"):
            net_of(solver=solver, max_iter=limit).fit(*iris)


@parametrize(("kind", "expected"), [(Adam, [0.06, 0.2 / 8, 0.002]), (SGD, [0.5, 6 / 64, 0.01])])
def test_rates_fall_with_the_length_of_rows(kind, expected):
    assert_allclose([kind().peak_rate(q, 2.0) for q in (0.0, 64.0, 1e9)], expected)


@parametrize("scaled", [1.0, 100.0])
def test_what_was_used_shows(scaled, iris, quiet):
    X, y = iris[0] * scaled, iris[1]
    net = net_of(solver="adam").fit(X, y)
    q = 4 * scaled**2
    assert_allclose(net.alpha_, min(q, 100) / 2500)
    assert_allclose(net.learning_rate_init_, max(0.001, min(0.03, 0.1 / q**0.5)))
    assert (net.solver_, net.batch_size_) == ("adam", 32)
    explicit = net_of(solver="adam", alpha=0.125, batch_size=7, learning_rate_init=0.25).fit(X, y)
    assert (explicit.alpha_, explicit.batch_size_, explicit.learning_rate_init_) == (0.125, 7, 0.25)
    assert net_of(solver=Adam(beta_1=0.8)).fit(X, y).solver_ == "adam"


def test_early_stopping_counts_the_rows_that_are_left(problems):
    X, y = problems["multiclass"]
    X = np.sign(X)  # all rows of length 2
    assert_allclose(net_of(early_stopping=True, validation_fraction=0.2).fit(X, y).alpha_, 0.4 / 220)


@parametrize("solver", ["lbfgs", "adam"])
def test_rules_see_a_repeated_row_as_one_of_weight_2(solver):
    X, y = generated(12, 3)
    X, w = X.astype(np.float64), np.array([1, 2, 3] * 4)
    repeated = net_of(solver=solver).fit(X.repeat(w, axis=0), y.repeat(w))
    for weights in (w, 0.1 * w, 1e-30 * w, w.astype(np.float32) * 1e30):
        weighted = net_of(solver=solver).fit(X, y, sample_weight=weights)
        assert_allclose(weighted.alpha_, repeated.alpha_, rtol=1e-5)
        assert_allclose(weighted.learning_rate_init_ or 1, repeated.learning_rate_init_ or 1, rtol=1e-5)
        assert_allclose(weighted.coefs_[0], repeated.coefs_[0], atol=1e-6)
    removed = net_of(solver=solver).fit(X[:8], y[:8])
    assert_allclose(net_of(solver=solver).fit(X, y, sample_weight=np.repeat([1.0, 0.0], [8, 4])).alpha_, removed.alpha_)


@parametrize("solver", ["auto", "lbfgs", "adam", "sgd"])
@parametrize("class_weight", [None, "balanced", {0: 0.3, 1: 2.0}], ids=str)
@parametrize("weights", [[1, 3, 5], [2, 3, 3], [4, 6, 2], [0, 2, 2], [1, 1500, 2]], ids=str)
def test_rules_see_repeated_rows_under_class_weights(solver, class_weight, weights):
    """Few enough rows for the rules of iterations and epochs to look at their number."""
    X, y = generated(12, 3)
    X, w = X.astype(np.float64), np.array(weights * 4)
    net = net_of(solver=solver, class_weight=class_weight)
    weighted, repeated = clone(net).fit(X, y, sample_weight=w), net.fit(X.repeat(w, axis=0), y.repeat(w))
    assert (weighted.n_iter_, weighted.solver_) == (repeated.n_iter_, repeated.solver_)
    assert weighted.alpha_ == pytest.approx(repeated.alpha_)
    assert_allclose(weighted.learning_rate_init_ or 1, repeated.learning_rate_init_ or 1, rtol=1e-9)
    if solver == "lbfgs":
        assert_allclose(weighted.coefs_[0], repeated.coefs_[0], atol=1e-6)


@parametrize("solver", ["auto", "lbfgs", "adam", "sgd"])
@parametrize("by", ["sample", "class"])
def test_rows_without_weight_count_nowhere(solver, by):
    X, y = generated(1200, 3)
    X[50:] *= 10
    y[50:] = 2
    w = np.where(y == 2, 0.0, 1.0) if by == "sample" else None
    net = net_of(solver=solver, class_weight={2: 0.0} if by == "class" else None).fit(X, y, sample_weight=w)
    removed = net_of(solver=solver).fit(X[:50], y[:50])
    names = ["alpha_", "solver_", "learning_rate_init_"]
    if solver != "lbfgs":
        names += ["batch_size_", "n_iter_"]
    assert [getattr(net, name) for name in names] == [getattr(removed, name) for name in names]


@parametrize("draw", ["uniform", "exponential", "one is tiny", "one is huge", "decay"])
def test_weights_that_are_not_integers_leave_the_number_of_rows(draw):
    X, y = generated(100, 3)
    rng = np.random.default_rng(0)
    w = {
        "uniform": rng.uniform(size=100),
        "exponential": rng.exponential(size=100),
        "one is tiny": np.where(np.arange(100) == 0, 1e-320, 1.0),
        "one is huge": np.where(np.arange(100) == 0, 2.0**60, 1.0),
        "decay": 0.99 ** np.arange(100),
    }[draw]
    plain = net_of().fit(X, y)
    weighted = net_of().fit(X, y, sample_weight=w)
    q = np.average((X**2).sum(axis=1), weights=w)
    assert_allclose(weighted.alpha_, q / 2000, rtol=1e-5)
    assert_allclose(plain.alpha_, (X**2).sum(axis=1).mean() / 2000, rtol=1e-5)


def test_rows_without_weight():
    """A batch whose weights are all zero, and a row that overflows but does not count."""
    X, y = generated(60, 3)
    net = net_of(class_weight={0: 0.0, 1: 1.0}).partial_fit(X, y, classes=[0, 1])
    assert np.isfinite(net.partial_fit(X[y == 0], y[y == 0]).alpha_)
    X[0] = 3e19
    w = np.where(np.arange(60) == 0, 0.0, 1.0)
    assert_allclose(net_of().fit(X, y, sample_weight=w).alpha_, net_of().fit(X[1:], y[1:]).alpha_)


def test_rules_see_sparse_rows_as_dense_ones():
    X, y = generated(50, 6)
    dense, csr = (net_of(solver="sgd").fit(rows, y) for rows in (X, sparse.csr_array(X)))
    assert_allclose([csr.alpha_, csr.learning_rate_init_], [dense.alpha_, dense.learning_rate_init_], rtol=1e-6)


@parametrize("X", [np.zeros((30, 2)), np.full((30, 2), 1e30, dtype=np.float32)], ids=["zeros", "1e30"])
def test_extreme_rows(X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = net_of(solver="adam").fit(X, np.arange(30) % 2)
    assert np.isfinite([net.alpha_, net.learning_rate_init_]).all()
    assert np.isfinite(net.predict_proba(X)).all()


@parametrize("activation", NAMES)
def test_an_activation_scales_rate_and_penalty(activation, iris):
    g = ACTIVATIONS[activation]
    net = net_of(activation=activation, solver="adam").fit(*iris)
    assert_allclose([net.alpha_, net.learning_rate_init_], [g.alpha_factor * 0.4 / 250, g.rate_factor * 0.03])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limited = clone(net).set_params(max_iter=2).fit(*iris)
    assert_allclose([limited.alpha_, limited.learning_rate_init_], [g.alpha_factor * 0.4 / 250, 0.001])


def test_sigmoid_and_tanh_are_one_net(iris):
    """sigmoid(2 z) = (1 + tanh(z)) / 2: with weights twice as large, a quarter of the penalty leaves J as it is."""
    X, y = iris
    nets = {name: network_at_start(net_of(activation=name), X, y) for name in ("tanh", "sigmoid")}
    tanh, sigmoid = nets["tanh"].parameters, nets["sigmoid"].parameters
    assert_allclose(sigmoid.W1, 2 * tanh.W1)  # the gains
    sigmoid.W2[...] = 2 * tanh.W2
    sigmoid.b2[...] = -tanh.W2.sum(axis=0)
    assert_allclose(nets["sigmoid"].objective(), nets["tanh"].objective(), rtol=1e-12)
    assert (Activation.gain, Activation.rate_factor, Activation.alpha_factor) == (0.5, 1.0, 1.0)


@parametrize("activation", sorted(set(NAMES) - {"identity"}))
@parametrize("solver", ["auto", "adam", "lbfgs"])
@parametrize("low", [0, -1])
def test_four_rows_are_enough_for_xor(activation, solver, low):
    """The penalty of a handful of rows must not make a constant the best there is."""
    X = np.array([[low, low], [low, 1], [1, low], [1, 1]], dtype=float)
    net = ShallowNetClassifier(activation=activation, solver=solver, random_state=0).fit(X, [0, 1, 1, 0])
    assert net.predict(X).tolist() == [0, 1, 1, 0]


def test_parameters_of_what_is_not_chosen_yet(iris):
    with pytest.raises(ValueError, match=r"solver='auto' has no parameters: set solver to one of \['adam'"):
        net_of().set_params(solver__beta_1=0.8)
    assert net_of().set_params(solver="adam", solver__beta_1=0.8).solver.beta_1 == 0.8


@parametrize(
    ("load", "column", "solver"),
    [
        (load_wine, 12, "adam"),
        (load_wine, 12, "sgd"),
        (load_breast_cancer, 23, "sgd"),
        (load_breast_cancer, 23, "auto"),
    ],
)
def test_a_planned_fit_of_unscaled_features_that_comes_to_little_says_so(load, column, solver):
    """The last one has learned something, and would learn far more."""
    with pytest.warns(ConvergenceWarning, match=f"unscaled features, column {column}.*StandardScaler"):
        ShallowNetClassifier(solver=solver, random_state=0).fit(*load(return_X_y=True))


@parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_planned_fit_of_unscaled_features_that_goes_well_is_silent(solver, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = ShallowNetClassifier(solver=solver, random_state=0).fit(digits[0] * 16, digits[1])
    assert net.loss_ < 0.2


def test_noise_is_no_reason_to_warn():
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for solver in ("auto", "adam", "sgd"):
            net_of(solver=solver).fit(rng.standard_normal((300, 5)), rng.integers(2, size=300))


def test_going_back_and_forth_between_fit_and_partial_fit(iris):
    X, y = iris
    X, y = np.tile(X, (4, 1)), np.tile(y, 4)
    net = net_of().fit(X, y)
    assert net.solver_ == "lbfgs"
    first = net.coefs_[0]
    assert net.partial_fit(X, y).solver_ == "adam"
    assert net.n_iter_ == 1
    assert_allclose(net.fit(X, y).coefs_[0], first)


@parametrize("schedule", ["auto", "constant", "cosine"])
def test_full_batches_have_200_epochs_at_their_own_rate(schedule, iris, quiet):
    net = net_of(solver="gd", learning_rate=schedule, activation="tanh", n_iter_no_change=np.inf).fit(*iris)
    assert (net.n_iter_, net.learning_rate_init_, net.batch_size_) == (200, 0.1, 150)


def test_a_line_search_has_no_rate(iris):
    net = net_of(solver="lbfgs", learning_rate="one_cycle").fit(*iris)
    assert (net.learning_rate_init_, net.batch_size_) == (None, 150)
