"""Warnings of fits that went wrong: they give figures, causes and names. Good fits do not warn."""

import re
import tracemalloc
import warnings
from itertools import count

import numpy as np
import pandas as pd
import pytest
from helpers import fitted_network, values_equal
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler, scale

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow._fit import diagnosis
from sk_shallow._fit.diagnosis import short_fit
from sk_shallow._fit.features import different_features, feature_moments, unscaled_features
from sk_shallow._model.network import Network
from sk_shallow.initializers import Initializer
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.solvers import LBFGS, SGD, SOLVERS, GradientDescent

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
    before, now = map(
        float, re.search(r"was (\S+) before the last 10 (?:epochs|iterations) and is (\S+) now", text).groups()
    )
    assert before - now > 1e-4
    assert "tol=0.0001" in text


def test_max_iter_warns_of_the_validation_score(iris):
    net = net_of(activation="tanh", max_iter=20, learning_rate_init=0.03, early_stopping=True)
    text = warning_of(net, *iris)
    assert f"validation score was {max(net.validation_scores_[:-10]):.6g} before the last 10" in text
    assert f"is {net.best_validation_score_:.6g} now" in text


@parametrize("activation", ["relu", "tanh", "sigmoid"])
@parametrize("off", [{"tol": 0}, {"n_iter_no_change": np.inf}], ids=str)
@parametrize("kwargs", [{}, {"learning_rate_init": 0.5}, {"learning_rate": "invscaling"}, {"max_iter": 1}], ids=str)
def test_gd_without_a_stopping_rule_is_as_long_as_wanted(activation, off, kwargs, problems):
    net = net_of(solver="gd", activation=activation, max_iter=60).set_params(**off, **kwargs)
    for X, y in problems.values():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert net.fit(X, y).n_iter_ == net.max_iter
        assert "The fit stopped" not in str([warning.message for warning in caught])


@parametrize("schedule", ["cosine", "one_cycle"])
def test_a_schedule_that_was_too_short_is_blamed(schedule):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 5))
    net = net_of(hidden_size=20, solver="gd", learning_rate=schedule, max_iter=50, alpha=1.0)
    text = warning_of(net, X, (X[:, 0] * X[:, 1] > 0).astype(int))
    assert "almost nothing" in text
    assert text.endswith("Likely cause: max_iter=50 is too low.")


def xor(n=500):
    X = np.random.default_rng(0).standard_normal((n, 5))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


@parametrize(
    ("kwargs", "cause"),
    [
        ({"solver": "sgd", "batch_size": 1}, "batch_size=1 is too small for learning_rate_init=0.5"),
        ({"solver": "lbfgs", "tol": 1.0}, "training stopped too soon: tol=1 is too high"),
        ({"solver": "lbfgs", "init_scale": 1e-10, "max_iter": 300}, "init_scale=1e-10 is too small"),
        ({"solver": "gd", "learning_rate_init": 0.001}, "learning_rate_init=0.001 is too low"),
        ({"alpha": 200.0}, "alpha=200 is too high: it has shrunk the weights"),
    ],
    ids=str,
)
def test_the_setting_is_blamed_and_not_the_data(kwargs, cause):
    text = warning_of(net_of(hidden_size=20, **{"alpha": 1.0, **kwargs}), *xor())
    assert re.search("Likely causes?:.* " + cause, text)
    assert "features" not in text
    assert "dead" not in text
    assert "max_iter" not in text


@parametrize("value", [0.0, 1.0, 1e5])
def test_constant_features_are_told(value):
    text = warning_of(net_of(alpha=0.0), np.full((100, 2), value), ["a", "b"] * 50)
    assert "all features are constant" in text
    assert "tiny" not in text


@parametrize("solver", ["adam", "sgd", "gd"])
def test_max_iter_is_not_blamed_for_a_rate_that_is_far_too_low(solver, iris):
    net = net_of(solver=solver, learning_rate="one_cycle", learning_rate_init=1e-6, max_iter=100, alpha=1.0)
    text = warning_of(net, *iris)
    assert "learning_rate_init=1e-06 is too low" in text
    assert "max_iter" not in text


def test_bad_last_weights_are_told_though_good_ones_are_returned(iris):
    net = net_of(solver="sgd", learning_rate="one_cycle", learning_rate_init=10.0, max_iter=100, alpha=1.0)
    text = warning_of(net, *iris)
    assert net.score(*iris) > 0.9
    assert "Likely cause: learning_rate_init=10 is too high" in text
    assert "almost nothing" not in text


def test_patience_that_is_unused_decides_nothing():
    nets = [net_of(hidden_size=20, solver="lbfgs", alpha=1.0, n_iter_no_change=n) for n in (10, np.inf)]
    for net in nets:
        net.fit(*xor())  # no warning
    assert values_equal(nets[0].coefs_, nets[1].coefs_)


@parametrize("kwargs", [{"init_scale": 0.0}, {"learning_rate_init": 30.0}], ids=str)
def test_gd_without_a_stopping_rule_runs_on_even_if_the_loss_does_not_fall(kwargs, iris, quiet):
    net = net_of(solver="gd", tol=0, alpha=0.0, max_iter=60, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert net.fit(*iris).n_iter_ == 60


@parametrize(
    "kwargs",
    [
        {"solver": "gd", "tol": 1e-9},
        {"solver": "gd", "n_iter_no_change": 1000},
        {"solver": "gd", "tol": 0, "early_stopping": True},  # the score can still stop it
        {"solver": "sgd", "tol": 0, "learning_rate": "constant"},
        {"solver": "adam", "n_iter_no_change": np.inf, "learning_rate": "constant"},
        {"solver": "lbfgs", "tol": 0},
    ],
    ids=str,
)
def test_a_fit_with_a_stopping_rule_warns_of_max_iter(kwargs, iris):
    assert "max_iter=8" in warning_of(net_of(max_iter=8, activation="tanh", init_scale=0.1, **kwargs), *iris)


@parametrize("solver", SOLVERS)
def test_a_converged_fit_does_not_warn(solver, iris):
    net = net_of(solver=solver, activation="tanh", max_iter=3000, learning_rate_init=0.05, alpha=0.1, tol=1e-3)
    assert net.fit(*iris).n_iter_ < 3000


def test_no_warning_where_nothing_improves_any_more(iris):
    """The loss has stopped improving when max_iter is reached, but not yet for n_iter_no_change epochs."""
    net = net_of(activation="tanh", max_iter=3000, learning_rate_init=0.05, alpha=0.1, tol=1e-3).fit(*iris)
    clone(net).set_params(max_iter=net.n_iter_ - 1).fit(*iris)  # a warning would be an error


@parametrize("solver", ["gd", "sgd", "adam"])
@parametrize("activation", ["relu", "identity", "tanh", "maxout"])
@parametrize("early_stopping", [False, True])
def test_a_rate_too_high_is_named(solver, activation, early_stopping, digits):
    X, y = digits[0][:500], digits[1][:500]
    net = net_of(
        solver=solver, activation=activation, learning_rate_init=1e3, max_iter=30, early_stopping=early_stopping
    )
    text = warning_of(net, X, y)
    assert "Training diverged" in text
    assert "learning_rate_init=1000 is too high" in text
    assert "unscaled" not in text
    assert np.isfinite(net.predict_proba(X)).all()


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


LESS = r"The net learned less than it could: .* but a short fit on scaled features reaches .*unscaled features, "


@parametrize("changed", [{}, {"solver": "lbfgs"}, {"solver": "sgd"}, {"early_stopping": True}, {"alpha": 1.0}])
@parametrize("dtype", [np.float32, np.float64])
@parametrize("kind", [ShallowNetClassifier, ShallowNetRegressor])
@config_context(transform_output="pandas")
def test_a_net_that_would_learn_more_from_scaled_features_says_so(kind, dtype, changed):
    """Features far from zero, as years are, make the default rate very small and the problem badly conditioned."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5)).astype(dtype)
    y = X[:, 0] * X[:, 1] + X[:, 2]
    y = y if kind is ShallowNetRegressor else y > 0
    net = kind(30, random_state=0, **changed)
    with pytest.warns(ConvergenceWarning, match=f"{LESS}column .*StandardScaler"):
        net.fit(X + dtype(100), y)
    net.fit(X, y)  # a warning would be an error


@parametrize("changed", [{"max_iter": 3}, {"max_iter": 5, "solver": "lbfgs"}, {"max_iter": 1, "warm_start": True}])
def test_a_fit_of_a_few_epochs_is_not_compared_with_a_longer_one(changed):
    net = net_of(hidden_size=50, alpha=1.0, **changed)
    for _ in range(3):
        assert not any("scaled features" in text for text in messages_of(net, *load_digits(return_X_y=True)))


@config_context(transform_output="pandas")
def test_sparse_features_that_are_unscaled_are_named():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.3, size=(600, 30))
    y = counts[:, :5].sum(axis=1) > counts[:, 5:10].sum(axis=1)
    X = sparse.csr_array(counts * np.logspace(0, 4, 30))
    with pytest.warns(ConvergenceWarning, match=f"{LESS}column .*MaxAbsScaler"):
        ShallowNetClassifier(30, solver="lbfgs", random_state=0).fit(X, y)
    ShallowNetClassifier(30, solver="lbfgs", random_state=0).fit(sparse.csr_array(1.0 * counts), y)


@parametrize("changed", [{}, {"solver": "lbfgs"}])
@parametrize("kind", [ShallowNetClassifier, ShallowNetRegressor])
def test_rows_with_a_placeholder_are_named(kind, changed):
    """After scaling, all other rows are nearly equal."""
    X, y = load_breast_cancer(return_X_y=True)
    X[17] = -999999
    net = kind(20, random_state=0, **changed)
    assert "row 17 of X has most of the variance" in warning_of(net, scale(X), y)
    X[[2, 30, 400]] = [[-999998], [-999997], [-999996]]  # "lbfgs" merges equal rows
    assert "rows 2, 17, 30 and 1 more of X have most of the variance" in warning_of(net, scale(X), y)
    used = (X >= 0).all(axis=1)
    net.fit(scale(X[used]), y[used])


def test_a_large_row_without_weight_is_not_blamed():
    rng = np.random.default_rng(0)
    X, y, w = rng.standard_normal((300, 5)), rng.integers(2, size=300), np.ones(300)
    X[40], w[40] = 1e4, 0
    text = warning_of(net_of(alpha=1e4), X, y, sample_weight=w)
    assert "row" not in text


@parametrize("changed", [{}, {"early_stopping": True}, {"activation": "tanh"}])
def test_features_that_are_unscaled_but_learned_well_are_no_problem(changed):
    X, y = load_digits(return_X_y=True)  # from 0 to 16
    assert unscaled_features(X, None)
    net_of(hidden_size=50, **changed).fit(X, y)


def test_a_loss_not_far_above_that_of_a_constant_is_not_called_divergence(iris):
    """The weights stay where they start, between one and two times the loss of the class frequencies."""
    rng = np.random.default_rng(0)
    init = rng.normal(size=(4, 10)), 0.3 * rng.normal(size=(10, 3))
    net = net_of(init=init, solver="sgd", learning_rate_init=1e-300, alpha=0.0)
    text = warning_of(net, *iris)
    assert np.log(3) < net.loss_ < 2 * np.log(3)
    assert "Training ended worse than a constant" in text
    assert "learning_rate_init=1e-300 is too low" in text


def test_a_rate_below_the_default_is_not_called_too_high(iris):
    net = net_of(solver="sgd", activation="identity", learning_rate_init=1e-3)
    assert net.learning_rate_init < clone(net).set_params(learning_rate_init=None).fit(*iris).learning_rate_init_
    text = warning_of(net, 1e5 * iris[0], iris[1])
    assert "Likely cause: unscaled features" in text
    assert "learning_rate_init" not in text


def test_a_stream_of_single_rows_is_not_called_diverged():
    """The first row says little about the scale of the others."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5))
    net = ShallowNetRegressor(20, random_state=0)
    with pytest.warns(UserWarning, match="y is constant"):
        net.partial_fit(X[:1], 10 * X[:1, 0])
    for row in range(1, 300):
        net.partial_fit(X[row : row + 1], 10 * X[row : row + 1, 0])


BLAMED = {
    "unscaled features": ({"solver": "sgd", "activation": "identity"}, 1e4, ["unscaled features"]),
    "and a rate that is given": (
        {"solver": "sgd", "activation": "identity", "learning_rate_init": 30.0},
        1e4,
        ["unscaled features", "learning_rate_init=30"],
    ),
    "the initial weights alone": ({"init_scale": 1e3}, 1, ["the initial weights are too large"]),
    "a penalty too strong for the rate": ({"alpha": 1e9, "solver": "sgd"}, 1, ["alpha=1e+09"]),
}


@parametrize("case", BLAMED)
def test_parameters_left_alone_are_blamed_only_without_another_cause(case, iris):
    parameters, scale, expected = BLAMED[case]
    text = warning_of(net_of(**parameters), scale * iris[0], iris[1]).partition("Likely cause")[2]
    assert all(cause in text for cause in expected)
    assert text.count(";") == len(expected) - 1


def test_weights_of_an_earlier_call_are_not_called_initial(iris):
    net = net_of(solver="lbfgs", alpha=0.0, warm_start=True).fit(*iris)
    text = warning_of(net.set_params(max_iter=1), iris[0], (iris[1] + 1) % 3)
    assert "the weights of the earlier call" in text
    assert "init" not in text


def test_max_fun_is_named():
    X, y = make_classification(300, 5, random_state=0)
    text = warning_of(net_of(solver=LBFGS(max_fun=2), init_scale=30), X, y)
    assert "max_fun=2 is too low" in text


class WithSeries(ShallowNetClassifier):
    def __init__(self, hidden_size=5, max_iter=2, columns=None):
        super().__init__(hidden_size, max_iter=max_iter, learning_rate_init=1e-5, init_scale=3, random_state=0)
        self.columns = columns


def test_parameters_of_a_subclass_are_not_compared(iris):
    assert "learning_rate_init=1e-05 is too low" in warning_of(WithSeries(columns=pd.Series([1, 2])), *iris)


@parametrize("n_classes", [2, 3])
def test_weight_on_one_class_only_is_nothing_to_judge(n_classes, iris):
    """Rounding must not make the loss of the best constant negative or infinite. One warning says what is wrong."""
    X, y = iris[0], np.minimum(iris[1], n_classes - 1)
    for seed in range(10):
        w = np.random.default_rng(seed).exponential(size=150) * (y == 1)
        with pytest.warns(UserWarning, match="y has one class only") as caught:
            net_of(activation="tanh").fit(X, y, sample_weight=w)
        assert len(caught) == 1


def test_names_of_unscaled_features():
    X = np.ones((3, 6)) * [1, 20, 400, 30, 50, 3]
    expected = "column 2, column 4, column 3 and 1 more (root mean square up to 400)"
    assert unscaled_features(X, None) == unscaled_features(sparse.csr_array(X), None) == expected
    assert unscaled_features(X[:, :1], None) == ""
    assert unscaled_features(X.astype(np.float32) * 1e30, None).startswith("column 2")


def test_features_that_are_unscaled_in_a_part_of_the_rows():
    X = np.ones((2000, 2), dtype=np.float32)
    X[1500:, 1] = 3e30
    X[:100, 0] = 1e3
    assert unscaled_features(X, None).startswith("column 1, column 0 (")
    assert unscaled_features(sparse.csr_array(X), None) == unscaled_features(X, None)


def wide_sparse(rng, m, n0, step):
    """Return rows in which every `step`-th feature is not zero."""
    indices = np.tile(np.arange(0, n0, step, dtype=np.int32), m)
    numbers, ends = rng.standard_normal(len(indices), dtype=np.float32), np.arange(m + 1) * (n0 // step)
    return sparse.csr_array((numbers, indices, ends), shape=(m, n0))


WIDE = {
    "float32": lambda rng: rng.standard_normal((2100, 20_000), dtype=np.float32),
    "float64": lambda rng: rng.standard_normal((2100, 10_000)),
    "sparse": lambda rng: wide_sparse(rng, 2100, 100_000, 10),
    "sparse, few rows": lambda rng: wide_sparse(rng, 60, 1_000_000, 4),
}


@parametrize("kind", WIDE)
def test_moments_of_wide_rows_take_little_memory(kind):
    X = WIDE[kind](np.random.default_rng(0))
    n_bytes = X.nbytes if kind.startswith("float") else X.data.nbytes + X.indices.nbytes
    tracemalloc.start()
    means, mean_square = feature_moments(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n_bytes / 4
    assert peak < 6 * 2**20 + 4 * means.nbytes  # some blocks and some rows of float64
    part = X[:, :50].toarray() if sparse.issparse(X) else X[:, :50]
    np.testing.assert_allclose(means[:50], part.mean(axis=0, dtype=np.float64), atol=1e-12)
    np.testing.assert_allclose(mean_square[:50], (part.astype(np.float64) ** 2).mean(axis=0), rtol=1e-12)


@parametrize("scale", [1.0, 1e3, 1e-4], ids=["noise", "unscaled", "tiny"])
def test_a_warning_on_wide_rows_takes_little_memory(scale):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2100, 20_000), dtype=np.float32), rng.integers(2, size=2100)
    X *= np.float32(scale)
    net = ShallowNetClassifier(2, solver="gd", learning_rate_init=1e-9, max_iter=1, alpha=1.0, random_state=0)
    tracemalloc.start()
    warning_of(net, X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * X.nbytes  # a fit with the full batch copies X


def test_units_that_are_dead_on_every_fourth_row_are_not_called_dead():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8192, 4)), rng.integers(2, size=8192)
    X[::4] = 0
    late_relu = (lambda z: np.maximum(z - 1, 0), lambda z: 1.0 * (z > 1))
    net = net_of(activation=late_relu, solver="gd", learning_rate_init=1e-9, init_scale=2, max_iter=1)
    text = warning_of(net, X, y)
    assert "worse than a constant" in text
    assert "dead" not in text


def test_worse_than_the_frequencies_but_still_falling(iris):
    text = warning_of(net_of(max_iter=2, learning_rate_init=1e-5, init_scale=3), *iris)
    assert "ended worse than a constant" in text
    causes = ["max_iter=2 is too low", "the initial weights are too large", "learning_rate_init=1e-05 is too low"]
    assert all(cause in text for cause in causes)


def test_lbfgs_is_not_told_of_a_learning_rate(iris):
    text = warning_of(net_of(solver="lbfgs", max_iter=1, init_scale=10, batch_size=30), *iris)
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
    with pytest.warns(ConvergenceWarning, match="Training diverged"):
        net.partial_fit(X, y, classes=[0, 1, 2])


def test_a_second_part_that_diverges_does_not_blame_the_first_call():
    """Large weights of the rows are to blame; `warm_start` has no effect on `partial_fit`."""
    X = np.random.default_rng(0).standard_normal((200, 3))
    y = X[:, 0] + X[:, 1] ** 2
    net = ShallowNetRegressor(100, activation="softplus", solver="sgd", random_state=0).partial_fit(X, y)
    with pytest.warns(ConvergenceWarning, match="Training diverged") as caught:
        net.partial_fit(X, y, sample_weight=np.full(200, 100.0))
    assert "warm_start" not in str(caught[0].message)


def test_partial_fit_on_parts_of_one_class_does_not_warn(iris):
    X, y = iris
    net = net_of(learning_rate_init=0.01, activation="tanh")
    for _ in range(5):
        for label in range(3):
            net.partial_fit(X[y == label], y[y == label], classes=[0, 1, 2])


def test_noise_that_is_learned_by_heart_does_not_warn():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((500, 5)), rng.integers(2, size=500)
    net = net_of(activation="tanh", learning_rate="one_cycle", max_iter=100, alpha=0.01)
    net.fit(X, y)  # a warning would be an error


@parametrize("weighted", [False, True])
def test_noise_of_many_rows_is_no_divergence(weighted):
    """With rare classes, a sample of the rows is compared with its own class frequencies."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20_000, 3)), (rng.random(20_000) < 0.01).astype(int)
    w = rng.exponential(size=len(y)) if weighted else None
    text = warning_of(net_of(solver="sgd"), X, y, sample_weight=w)
    assert "learned almost nothing" in text
    assert "alpha" not in text


def test_divergence_on_many_rows_is_found_in_a_sample(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5000, 3))
    y = (X[:, 0] > 0).astype(int)
    sizes, original = [], Network.loss
    monkeypatch.setattr(Network, "loss", lambda self: sizes.append(self.n_samples) or original(self))
    with pytest.warns(ConvergenceWarning, match="diverged: the final loss is"):
        net_of(max_iter=3, activation="tanh", solver=SGD(momentum=0), learning_rate_init=1e3).fit(X, y)
    assert max(sizes) == 5000
    sizes.clear()
    net_of(max_iter=50, alpha=1.0).fit(X, y)
    assert sizes[-1] == 2048  # a sample; before it, the objective of each round
    sizes.clear()
    net_of(max_iter=50, learning_rate="one_cycle", alpha=1.0).fit(X, y)
    assert set(sizes) == {2048}


@parametrize("by_weight", [False, True])
def test_a_few_rows_that_spoil_the_loss_are_not_overlooked(by_weight):
    """A sample rarely contains them, but the loss of the epoch does."""
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((20_000, 3)), np.ones(20_000)
    y = (X[:, 0] > 0).astype(int)
    X[:4] *= 1e4 if by_weight else 1e6
    w[:4] = 100 if by_weight else 1
    y[:4] = [0, 1, 0, 1]
    text = warning_of(net_of(max_iter=2), X, y, sample_weight=w)
    assert "the final loss is" in text


def test_float32_does_not_end_lbfgs_early(monkeypatch, quiet):
    """On raw features in float32, rounding errors dominate the loss long before the gradient is small."""
    seen, original = [], Network.value_and_gradient

    def spy(self):
        J = original(self)
        seen.append((self.X.dtype, J, np.abs(self.gradient.theta).max()))
        return J

    monkeypatch.setattr(Network, "value_and_gradient", spy)
    X, y = load_wine(return_X_y=True)
    gains = []
    for seed in range(5):
        seen.clear()
        kwargs = {"solver": "lbfgs", "max_iter": 1000, "alpha": 1e-4, "init_scale": 2, "random_state": seed}
        net = ShallowNetClassifier(20, **kwargs).fit(X.astype(np.float32), y)
        assert min(gradient for dtype, _, gradient in seen if dtype == np.float32) > net.tol
        assert seen[-1][0] == np.float64
        assert net.coefs_[0].dtype == np.float32
        first = next(J for dtype, J, _ in seen if dtype == np.float64)  # where float32 ended, without its rounding
        gains.append(net.loss_ / first)
    assert max(gains) <= 1  # the float64 part never makes the loss worse
    assert min(gains) < 0.6


@parametrize("kwargs", [{"learning_rate": "constant", "init_scale": 2}, {"learning_rate": "one_cycle", "max_iter": 30}])
def test_the_best_weights_come_back(kwargs, digits):
    """With raw pixels and a far too high rate, MLPClassifier returns its last weights, which are not its best."""
    X, y = digits[0] * 16, digits[1]
    net = net_of(solver="sgd", learning_rate_init=0.1, hidden_size=100, batch_size=200, alpha=0.18, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(X, y)
    assert net.loss_ > 1.2 * net.best_loss_
    assert fitted_network(net, X, y).objective() <= 1.05 * net.best_loss_


@parametrize("scoring", ["loss", "roc_auc", "accuracy"])
def test_divergence_is_not_blamed_on_the_scorer(scoring, iris):
    """The weights overflow in the last step of an epoch with a finite loss."""
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


@parametrize("solver", ["gd", "sgd", "adam"])
def test_a_plateau_of_nonsense_returns_the_best_weights(solver, digits):
    X, y = digits[0][:500], digits[1][:500]
    net = net_of(solver=solver, activation="identity", learning_rate_init=1e3, max_iter=500)
    assert "diverged" in warning_of(net, X, y)
    assert net.n_iter_ < 500
    network = network_at_start(net, X, y)
    start = network.objective()
    network.parameters.fill(net.coefs_, net.intercepts_)
    assert network.objective() <= start + 1e-9


def test_the_weights_of_early_stopping_are_judged_too(iris):
    """The score prefers the first epoch, although only later epochs have learned."""
    X, y = iris
    epochs = []

    def scorer(estimator, X, y):
        epochs.append(estimator.predict_proba(X))
        return -len(epochs)

    net = net_of(early_stopping=True, scoring=scorer, max_iter=100, n_iter_no_change=100, init_scale=10, batch_size=30)
    text = warning_of(net.set_params(learning_rate_init=0.03), X, y, X_val=X, y_val=y)
    assert "worse than a constant" in text
    assert log_loss(y, epochs[-1]) < 0.3 < 1.2 < log_loss(y, net.predict_proba(X))
    assert_allclose(net.predict_proba(X), epochs[0])


def test_what_a_strong_penalty_leaves_is_no_divergence(iris):
    net = net_of(solver="gd", alpha=1500.0, tol=0, max_iter=600, n_iter_no_change=20)
    text = warning_of(net, *iris)
    assert "learned almost nothing" in text
    assert "alpha=1.5e+03 is too high" in text


def test_in_rounds_no_advice_on_a_rate_that_nobody_gave(monkeypatch, iris):
    def choose_weights(ending):
        ending.loss = ending.returned = 3.0  # worse than a constant, 1.0986, but better than at first

    monkeypatch.setattr(diagnosis.Ending, "choose_weights", choose_weights)
    monkeypatch.setattr(diagnosis.Ending, "_first_loss", 5.0)
    text = warning_of(net_of(), *iris)
    assert text.startswith("Training ended worse than a constant")
    assert "learning_rate_init" not in text


def test_rows_of_one_class_with_weight_are_no_divergence(iris):
    X, y = iris
    net = net_of(activation="tanh", learning_rate_init=0.05, max_iter=300)
    with pytest.warns(UserWarning, match="y has one class only") as caught:
        net.fit(X, y, sample_weight=(y == 0) * 1.0)
    assert len(caught) == 1
    assert (net.predict(X)[y == 0] == 0).all()


def test_a_plateau_is_not_blamed_on_max_iter():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 5)), rng.integers(2, size=300)
    net = net_of(solver="gd", learning_rate_init=1e-3, init_scale=3, n_iter_no_change=1, tol=0.1)
    text = warning_of(net, X, y)
    assert net.n_iter_ < 200
    assert "max_iter" not in text


def test_lbfgs_warns_of_slow_progress():
    """Each iteration gains less than tol, but ten together gain more."""
    X, y = make_classification(200, 10, n_informative=5, flip_y=0.3, random_state=2)
    net = net_of(activation="tanh", solver="lbfgs", max_iter=70, tol=1e-3, alpha=0.02, random_state=2)
    assert "stopped while it was still improving (max_iter=70)" in warning_of(net, X, y)


def test_one_epoch_has_no_figures_to_compare(iris):
    text = warning_of(net_of(activation="tanh", solver="lbfgs", max_iter=1), *iris)
    assert "stopped after one iteration (max_iter=1), at a training loss of" in text


def test_a_warning_made_an_error_does_not_lose_the_net(iris):
    net = net_of(activation="tanh", max_iter=20, learning_rate="constant")
    with pytest.raises(ConvergenceWarning):
        net.fit(*iris)
    assert net.n_iter_ == 20


@parametrize("rate", [0.1, 1.0, 3.0, 10.0])
def test_partial_fit_warns_where_the_loss_has_risen_too_high(rate, iris):
    """It warns only if the loss is above twice that of equal probabilities and above that at the start of the call."""
    X, y = iris
    net = net_of(activation="identity", solver=SGD(momentum=0), batch_size=50, learning_rate_init=rate)
    network = network_at_start(net, X, y)
    rises = 0
    for _ in range(12):
        before = network.loss()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            net.partial_fit(X, y, classes=[0, 1, 2])
        network.parameters.fill(net.coefs_, net.intercepts_)
        has_risen = network.loss() > 2 * np.log(3) and network.loss() > before
        assert bool(caught) == has_risen
        rises += has_risen
    assert bool(rises) == (rate >= 3)


class Positive(Initializer):
    """Positive weights: relu units are dead where all features are negative."""

    def draw(self, rng, fan_in, fan_out):
        return np.abs(rng.standard_normal((fan_in, fan_out)))


CAUSES = {
    "a linear net": (
        {"activation": "identity"},
        "xor",
        "the features may carry no linear information",
    ),
    "dead units": ({"init": Positive(), "alpha": 0.0}, "negative", "all hidden units are dead"),
    "constant features": ({"alpha": 0.0}, "constant", "all features are constant"),
    "no start": ({"init_scale": 0}, "iris", "init_scale=0 leaves every weight at zero"),
    "far from zero": ({}, "far", "4 features hardly vary around their mean"),
    "alpha that held-out rows chose": ({}, "noise", "the features may carry no information about the classes"),
    "both labels on every row": (
        {"activation": "tanh", "alpha": 0.0},
        "both labels",
        "the features may carry no information about the classes",
    ),
    "early stopping at a high alpha": ({"alpha": 1e4, "early_stopping": True}, "iris", "alpha=1e\\+04 is too high"),
}


@parametrize("case", CAUSES)
def test_advice_is_right(case, iris):
    parameters, name, text = CAUSES[case]
    rng = np.random.default_rng(0)
    X_xor = np.tile([[0.0, 0], [0, 1], [1, 0], [1, 1]], (30, 1))
    X, y = {
        "iris": iris,
        "xor": (X_xor, X_xor[:, 0] != X_xor[:, 1]),
        "negative": (-np.abs(iris[0]), iris[1]),
        "constant": (np.ones((60, 2)), np.arange(60) % 2),
        "both labels": (np.tile([[0.0, 1.0], [1.0, 0.0]], (30, 1)), np.repeat([0, 1], 30)),
        "far": (iris[0] * 1e-3 + 9, iris[1]),
        "noise": (rng.standard_normal((20_000, 20)), rng.integers(2, size=20_000)),
    }[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net_of(**parameters).fit(X, y)
    assert re.search(f"Likely cause: {text}", str(caught[-1].message))


@parametrize("schedule", ["auto", "one_cycle"])
def test_a_rate_far_too_low_is_named(schedule, iris):
    text = warning_of(net_of(learning_rate=schedule, learning_rate_init=1e-7), *iris)
    assert re.search("learned almost nothing|worse than a constant", text)
    assert "learning_rate_init=1e-07 is too low" in text


def test_tiny_features_are_named(iris):
    text = warning_of(net_of(alpha=1.0), 1e-6 * iris[0], iris[1])
    assert re.search("learned almost nothing.*features are tiny", text)


def test_rates_far_off_are_named(iris, digits):
    net = ShallowNetClassifier(learning_rate="one_cycle", learning_rate_init=3e-4, random_state=0)
    assert "learning_rate_init=0.0003 is too low for these data" in warning_of(net, *iris)
    net = ShallowNetClassifier(learning_rate_init=0.1, random_state=2)
    assert "learning_rate_init=0.1 is too high" in warning_of(net, scale(digits[0]), digits[1])


def test_a_low_rate_with_many_steps_is_not_blamed(problems):
    """Many steps at a low rate move the weights as far as the default rate does in fewer epochs."""
    X, y = problems["multiclass"]
    net_of(learning_rate="cosine", learning_rate_init=0.004, max_iter=1000).fit(X, y)  # a warning would be an error


# Learning rates that are too high, and the schedule that lowers them too fast


def messages_of(net, X, y, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(X, y, **kwargs)
    return [str(warning.message) for warning in caught]


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


OTHERS = ["dead", "information", "hidden_size", "n_iter_no_change", "tol", "alpha", "max_iter", "unscaled"]


@parametrize(("activation", "rate"), [("relu", 10.0), ("gelu", 3.0), ("gelu", 10.0), ("tanh", 1.0), ("sigmoid", 100.0)])
@parametrize("schedule", ["auto", "one_cycle", "cosine", "constant", "adaptive", "invscaling"])
def test_a_rate_far_too_high_is_the_only_cause(activation, rate, schedule, cancer):
    """The net ends at or near a constant, with dead units, a plateau or both."""
    options = {"learning_rate_init": rate, "learning_rate": schedule, "max_iter": 30}
    net = ShallowNetClassifier(20, activation, random_state=0, **options)
    texts = messages_of(net, *cancer)
    if net.score(*cancer) < 0.9:
        (text,) = texts
        default = "0.0015" if schedule in ("constant", "adaptive", "invscaling") else "0.018"
        assert f"learning_rate_init={rate:g} is too high (None, the default, is {default} here)" in text
        assert not [word for word in OTHERS if word in text]


def test_no_rate_too_high_passes_in_silence():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(334, 128))
    y = X[:, :7].argmax(axis=1)
    scores = []
    for rate in (0.1, 0.2, 0.3, 0.4):
        net = net_of(hidden_size=100, learning_rate_init=rate, max_iter=50)
        texts = messages_of(net, X, y)
        scores.append(net.score(X, y))
        assert scores[-1] > 0.8 or f"learning_rate_init={rate} is too high" in texts[0]
    assert min(scores) < 0.7


@parametrize("activation", ["relu", "tanh", "gelu", "sigmoid"])
@parametrize("solver", ["adam", "sgd"])
def test_a_high_rate_that_does_well_is_no_problem(activation, solver, cancer):
    """Of nets at one to ten times the default rate, those are told of that learn less than the net at the default."""
    X, y = cancer
    default = ShallowNetClassifier(
        20, activation, solver=solver, learning_rate="one_cycle", max_iter=30, random_state=0
    )
    rate, loss = default.fit(X, y).learning_rate_init_, log_loss(y, default.predict_proba(X))
    n_good = 0
    for factor in (2.1, 3, 5, 10):
        net = clone(default).set_params(learning_rate_init=factor * rate)
        texts = messages_of(net, X, y)
        if net.loss_ > net.loss_curve_[0]:  # the weights of an earlier epoch came back
            assert f"learning_rate_init={factor * rate:.3g} is too high" in texts[0]
        elif log_loss(y, net.predict_proba(X)) < loss + 0.02:
            assert not texts
            n_good += 1
    assert n_good


@parametrize("solver", ["sgd", "adam"])
def test_a_high_rate_is_not_blamed_for_noise(solver):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((6000, 3)), rng.integers(2, size=6000)
    for text in messages_of(net_of(solver=solver, learning_rate_init=0.5 if solver == "adam" else 3.0), X, y):
        assert "learned less than it could" not in text


def test_early_stopping_before_overfitting_is_not_blamed_on_the_rate(problems):
    """The training loss could be lower, but the validation loss could not."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 20))
    y = (X[:, 0] + 1.5 * rng.standard_normal(400) > 0).astype(int)
    net = ShallowNetClassifier(early_stopping=True, learning_rate_init=0.06, alpha=0, random_state=0)
    assert not messages_of(net, X, y)


@parametrize("early_stopping", [False, True])
@parametrize(("solver", "rate"), [("adam", None), ("adam", 0.001), ("sgd", 0.001)])
def test_invscaling_that_trains_too_little_is_named(early_stopping, solver, rate, cancer):
    options = {"learning_rate": "invscaling", "learning_rate_init": rate, "early_stopping": early_stopping}
    X, y = cancer[0][:100], cancer[1][:100]
    (text,) = messages_of(net_of(solver=solver, activation="tanh", **options), X, y)
    assert "learning_rate='invscaling'" in text
    assert "use 'auto' or 'constant'" in text
    assert "\n" not in text


@parametrize("solver", ["adam", "sgd"])
@parametrize("activation", ["relu", "tanh"])
def test_invscaling_that_trains_enough_is_no_problem(solver, activation, cancer):
    net = ShallowNetClassifier(activation=activation, solver=solver, learning_rate="invscaling", random_state=0)
    net.set_params(learning_rate_init=0.02)
    assert "invscaling" not in str(messages_of(net, *cancer))
    assert net.score(*cancer) > 0.97


def test_a_short_fit_leaves_no_trace(cancer):
    """The diagnosis trains a net, but on copies."""
    plain = net_of(max_iter=20).fit(*cancer)
    judged, fits = clone(plain), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnosis, "HIGH_RATE", 0.0)
        patch.setattr(diagnosis, "MAX_MISSED", 0.0)
        patch.setattr(diagnosis, "short_fit", lambda *args: fits.append(short_fit(*args)) or fits[-1])
        messages_of(judged, *cancer)
    assert len(fits) == 1
    assert values_equal(plain.coefs_ + plain.intercepts_, judged.coefs_ + judged.intercepts_)
    assert plain.loss_curve_ == judged.loss_curve_


# Validation sets on another scale

SCALERS = {
    "StandardScaler": (StandardScaler, 1.0, np.asarray),
    "of tiny features": (StandardScaler, 1e-4, np.asarray),
    "of huge features": (StandardScaler, 1e6, np.float32),
    "MinMaxScaler": (MinMaxScaler, 100.0, np.asarray),
    "MaxAbsScaler": (MaxAbsScaler, 1e3, sparse.csr_array),
}


@parametrize("case", SCALERS)
@parametrize("scoring", ["loss", "accuracy"])
def test_a_validation_set_that_is_not_scaled_is_named(case, scoring):
    scaler, unit, container = SCALERS[case]
    rng = np.random.default_rng(0)
    X = unit * (rng.gamma(4, size=(400, 6)) + 5)
    y = (X[:, 0] > 9 * unit).astype(int)
    train, validation = slice(0, 300), slice(300, 400)
    net = net_of(early_stopping=True, scoring=scoring)
    Z = scaler().fit(X[train]).transform(X)
    given = {"y_val": y[validation], "X_val": container(X[validation])}
    (text,) = messages_of(net, container(Z[train]), y[train], **given)
    assert "The validation set seems to be on another scale" in text
    assert re.search(r"features differ: column \d, column \d, column \d and 3 more\.", text)
    assert 'Pipeline(..., transform_input=["X_val"])' in text
    assert "set_fit_request(X_val=True, y_val=True)" in text
    assert not messages_of(net, container(Z[train]), y[train], **given | {"X_val": container(Z[validation])})


@parametrize("seed", range(3))
def test_groups_on_other_scales_are_no_fault_of_a_validation_set(seed):
    """Each of two groups has its own scale. Whichever is held out, the user has passed no X_val."""
    rng = np.random.default_rng(seed)
    groups, y = np.repeat([0, 1], 100), rng.integers(2, size=200)
    X = rng.standard_normal((200, 4)) + 50 * groups[:, np.newaxis]
    texts = messages_of(net_of(early_stopping=True, random_state=seed), X, y, groups=groups)
    assert not any("X_val" in text for text in texts)


def test_only_the_features_that_differ_are_named(iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    X_val = X[::3].copy()
    X_val["c"] = 100 + 20 * X_val["c"]
    (text,) = messages_of(net_of(early_stopping=True), X, iris[1], X_val=X_val, y_val=iris[1][::3])
    assert "features differ: 'c'." in text


@parametrize("size", [1, 2, 3, 5, 10, 50])
@parametrize("kind", ["normal", "rare", "heavy"])
def test_honest_validation_sets_of_noise_have_no_features_that_differ(size, kind):
    """The loss is worse than that of a constant, because there is nothing to learn."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = {
            "normal": lambda rng=rng: rng.standard_normal((300, 30)),
            "rare": lambda rng=rng: (rng.random((300, 30)) < 0.02).astype(float),
            "heavy": lambda rng=rng: rng.standard_t(2, size=(300, 30)),
        }[kind]()
        assert different_features(X[size:], X[:size], None) == ""
        assert different_features(sparse.csr_array(X[size:]), sparse.csr_array(X[:size]), None) == ""


def test_far_features_with_a_good_loss_are_fine():
    """A validation set of the large values, which are all of one class, is easy."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3))
    y, X_val = X[:, 0] > 0, rng.standard_normal((50, 3)) + [20, 0, 0]
    assert different_features(X, X_val, None) == "column 0"
    assert not messages_of(net_of(early_stopping=True), X, y, X_val=X_val, y_val=np.ones(50, dtype=bool))


@parametrize("early_stopping", [False, True])
@parametrize("order", ["opposite", "random"])
def test_a_validation_set_that_contradicts_the_training_rows_is_named(cancer, early_stopping, order):
    """Its loss is worse than that of a constant, but no feature differs."""
    X, y = cancer
    is_held_out = np.arange(len(y)) % 4 == 0
    X, X_val, y, right = X[~is_held_out], X[is_held_out], y[~is_held_out], y[is_held_out]
    y_val = {"opposite": 1 - right, "random": np.random.default_rng(0).permutation(right)}[order]
    net = net_of(early_stopping=early_stopping)
    (text,) = messages_of(net, X, y, X_val=X_val, y_val=y_val)
    constant = log_loss(y_val, np.full(len(y_val), y.mean()))
    assert "does badly on the validation set: at the end of training, its loss is " in text
    assert f"always predicting the class frequencies of the training rows gives {constant:.4g}." in text
    assert "X_val and y_val do not belong together; " in text
    assert ("the net overfits" in text) == (not early_stopping)
    assert not messages_of(net, X, y, X_val=X_val, y_val=right)


@parametrize("kind", ["rare", "few", "noisy"])
def test_a_good_validation_set_is_seldom_blamed(kind):
    """With another share of classes, the constant of the training rows does worse than the net. One row says nothing.

    With noisy labels, the best constant can do better by chance, once in 20 times here.
    """
    n_blamed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        if kind == "rare":
            y = np.repeat([0, 1, 0, 1], [1960, 40, 100, 100])
            X = rng.standard_normal((2200, 2)) + 1.5 * y[:, np.newaxis]
            train = np.arange(2200) < 2000
        else:
            X = rng.standard_normal((300, 10))
            y = (X[:, 0] + (3 if kind == "noisy" else 1) * rng.standard_normal(300) > 0).astype(int)
            train = np.arange(300) < (250 if kind == "noisy" else 299)
        texts = messages_of(net_of(early_stopping=True), X[train], y[train], X_val=X[~train], y_val=y[~train])
        n_blamed += "validation set" in str(texts)
    assert n_blamed <= (kind == "noisy")


def test_early_stopping_that_prevents_overfitting_does_not_blame_the_validation_set():
    """The last weights do worse than a constant; the returned ones do better."""
    X = np.random.default_rng(0).standard_normal((600, 10))
    y = (X[:, 0] + np.random.default_rng(1).standard_normal(600) > 0).astype(int)
    net = net_of(hidden_size=100, early_stopping=True, alpha=0, n_iter_no_change=100)
    assert not messages_of(net, X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    assert net.validation_scores_[-1] < -1 < -0.69 < net.best_validation_score_


def test_a_net_that_hardly_trained_does_not_blame_the_validation_set(cancer):
    X, y = cancer
    net = net_of(early_stopping=True, learning_rate_init=1e-6, max_iter=5)
    (text,) = messages_of(net, X[100:], y[100:], X_val=X[:100], y_val=y[:100])
    assert "learning_rate_init=1e-06 is too low" in text
    y = np.arange(569) % 10 == 0
    (text,) = messages_of(
        net_of(early_stopping=True), np.ones((469, 2)), y[100:], X_val=np.ones((100, 2)), y_val=~y[:100]
    )
    assert "all features are constant" in text


def test_a_scorer_need_not_agree_with_the_loss(cancer):
    """If a scorer chooses the weights of epoch 20, they are fine. Accuracy chooses weights that learned nothing."""
    X, y = cancer
    given, epochs = {"X_val": X[:100], "y_val": 1 - y[:100]}, count()
    net = net_of(early_stopping=True, scoring=lambda net, X, y: -abs(next(epochs) - 20))
    assert not messages_of(net, X[100:], y[100:], **given)
    (text,) = messages_of(net.set_params(scoring="accuracy"), X[100:], y[100:], **given)
    assert "does badly on the validation set: at the end of training, its loss is " in text


@parametrize("loss", ["squared_error", "absolute_error", "poisson"])
def test_a_validation_set_that_contradicts_the_training_rows_of_a_regressor_is_named(loss):
    X = np.random.default_rng(0).standard_normal((600, 3))
    y = np.exp(X[:, 0] + X[:, 1] / 2)
    net = ShallowNetRegressor(loss=loss, random_state=0)
    (text,) = messages_of(net, X[300:], y[300:], X_val=X[:300], y_val=np.roll(y[:300], 1))
    assert "does badly on the validation set" in text
    assert (
        f"always predicting the {'median' if loss == 'absolute_error' else 'mean'} of the training rows gives" in text
    )


# Advice


NOISE = (np.random.default_rng(0).standard_normal((2000, 3)), np.random.default_rng(1).integers(2, size=2000))
SITUATIONS = [
    *({"solver": solver} for solver in SOLVERS),
    *({"solver": solver, "early_stopping": True} for solver in SOLVERS),
    *({"solver": solver, "max_iter": 3} for solver in SOLVERS),
    *({"solver": solver, "init_scale": 30.0} for solver in SOLVERS),
    *({"solver": name, "learning_rate": "constant"} for name in ("gd", "sgd", "adam")),
    *({"learning_rate": name} for name in ("constant", "invscaling", "adaptive", "cosine")),
    *({"learning_rate_init": rate} for rate in (1e-6, 1e-3, 0.03, 1.0, 30.0)),
    {"learning_rate": "constant", "tol": 0.1},
    {"learning_rate": "constant", "tol": 0.0},
    {"learning_rate": "constant", "n_iter_no_change": 1},
    {"solver": LBFGS(max_fun=3), "init_scale": 10.0},
    {"init": "normal"},
    {"alpha": 1e4},
    {"dropout": 0.95},
]


@parametrize("situation", SITUATIONS, ids=str)
@parametrize("rows", ["iris", "noise", "unscaled"])
def test_only_parameters_that_are_set_are_blamed(situation, rows, iris):
    X, y = {"iris": iris, "noise": NOISE, "unscaled": (iris[0] * 1e3 + 1e3, iris[1])}[rows]
    solver = situation.get("solver")
    given = situation | (solver.get_params() if isinstance(solver, LBFGS) else {})
    for text in messages_of(net_of(**situation), X, y):
        blame = text.partition("Likely cause")[2].partition("Try this")[0]
        assert set(re.findall(r"(\w+)=", blame)) <= set(given)
        assert not re.search(r"(?<!\S=)\b(?:learning rate|tol|max_\w+|n_iter_no_change) is too", blame)
        assert "initial weights are too large" not in blame or {"init_scale", "init"} & set(given)


@parametrize(
    ("kwargs", "end"),
    [
        ({}, "information about the classes. Try this: raise n_iter_no_change (now 10)."),
        (
            {"n_iter_no_change": 2, "tol": 0.01},
            "tol=0.01 is too high; training stopped too soon: n_iter_no_change=2",
        ),
        ({"n_iter_no_change": 50, "tol": 0.01}, "Likely cause: training stopped too soon: tol=0.01 is too high."),
        ({"tol": 1e-6}, "information about the classes. Try this: raise n_iter_no_change (now 10)."),
    ],
    ids=str,
)
def test_a_plateau_is_blamed_on_the_values_that_make_it_come_early(kwargs, end):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2000, 3)), rng.integers(2, size=2000)
    assert end in messages_of(net_of(solver="sgd", learning_rate="constant", **kwargs), X, y)[-1]


class BadDefaults(ShallowNetClassifier):
    def __init__(self, learning_rate="constant", max_iter=2, init_scale=10):
        super().__init__(10, learning_rate=learning_rate, max_iter=max_iter, init_scale=init_scale, random_state=0)


def test_parameters_at_their_defaults_are_only_tried(iris):
    """Where nothing else is to blame, the warning says what to try."""
    text = warning_of(BadDefaults(), *iris)
    assert text.endswith("Try this: raise max_iter (now 2); lower init_scale (now 10).")
    text = warning_of(BadDefaults(max_iter=3), *iris)
    assert text.endswith("Likely cause: max_iter=3 is too low.")


class Wild(GradientDescent):
    learning_rate_init = 1e3


def test_a_default_rate_that_diverges_is_only_tried(iris):
    text = warning_of(net_of(solver=Wild(), activation="identity"), *iris)
    assert "Training diverged" in text
    assert "Likely cause" not in text
    assert text.endswith("lower learning_rate_init (now 1000).")


def test_invscaling_is_blamed_only_if_it_has_lowered_the_rate(digits, quiet):
    def message(schedule):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ShallowNetClassifier(learning_rate=schedule, alpha=1.0, max_iter=1, random_state=0).fit(*digits)
        return str(caught[-1].message)

    assert message("invscaling") == message("constant")


def test_a_tiny_max_iter_is_blamed_before_the_features():
    """Parity of 4 signs: nothing is learned in two epochs, and everything in some more."""
    X = np.sign(np.random.default_rng(0).standard_normal((2000, 12)))
    net = ShallowNetClassifier(learning_rate="constant", max_iter=2, learning_rate_init=1e-4, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 is too low"):
        net.fit(X, X[:, :4].prod(axis=1))
