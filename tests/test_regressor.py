"""ShallowNetRegressor: its targets, its equalities with other models, the edges of its domain."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import NAMES, interrupt_after, values_equal, weights
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.linear_model import LinearRegression, PoissonRegressor, QuantileRegressor
from sklearn.metrics import mean_pinball_loss, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow._fit import set_up
from sk_shallow.losses import LOSSES, Quantile, SquaredError
from sk_shallow.solvers import LBFGS, SOLVERS

parametrize = pytest.mark.parametrize
IN_UNITS = ["squared_error", "absolute_error", Quantile(0.8)]  # losses whose targets are standardized
PAIRS = [
    (loss, solver) for loss in LOSSES for solver in SOLVERS if not (solver == "lbfgs" and LOSSES[loss]().has_kinks)
]
FULL_BATCH = [(loss, solver) for loss, solver in PAIRS if solver in ("gd", "lbfgs")]
DTYPES = [np.float32, np.float64]
unconverged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
constant = pytest.mark.filterwarnings("ignore:y is constant:UserWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 3))
NUMBERS = 50 + 7 * (X[:, 0] + np.sin(2 * X[:, 1]) + 0.3 * RNG.standard_normal(80))
COUNTS = RNG.poisson(np.exp(0.5 + 0.8 * X[:, 0])).astype(float)
W = RNG.integers(0, 4, 80)


# Newton's method gets as close as rounding allows; L-BFGS may end in a warning there.
POISSON_REGRESSION = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-10, max_iter=100)


def net_of(**kwargs):
    return ShallowNetRegressor(**{"hidden_size": 6, "max_iter": 15, "random_state": 0, **kwargs})


def y_of(loss, n_outputs=1):
    y = COUNTS if loss == "poisson" else NUMBERS
    return y if n_outputs == 1 else np.column_stack([y, y[::-1]])


# Equalities with other models


def at_the_minimum(loss="squared_error"):
    """Where the loss is known to 1e-16, a line search finds its minimum to 1e-8: a smaller tol may not be reached."""
    return net_of(activation="identity", loss=loss, solver="lbfgs", alpha=0, max_iter=5000, tol=1e-7)


@parametrize("n_outputs", [1, 2])
@parametrize("weighted", [False, True])
def test_identity_is_linear_regression(n_outputs, weighted):
    """To 1e-6 of the standard deviation of y."""
    y, w = y_of("squared_error", n_outputs), W if weighted else None
    expected = LinearRegression().fit(X, y, w).predict(X)
    assert_allclose(at_the_minimum().fit(X, y, w).predict(X), expected, rtol=0, atol=1e-6 * y.std())


@parametrize("weighted", [False, True])
def test_identity_is_poisson_regression(weighted):
    """To 1e-5 of each prediction."""
    w = W if weighted else None
    expected = POISSON_REGRESSION.fit(X, COUNTS, w).predict(X)
    assert_allclose(at_the_minimum("poisson").fit(X, COUNTS, w).predict(X), expected, rtol=1e-5)


def test_exposure_is_a_weight_of_the_rates():
    """As for PoissonRegressor; at the minimum, the predicted counts have the total of the counts."""
    rng = np.random.default_rng(1)
    exposure = rng.uniform(0.1, 5, 80)
    counts = rng.poisson(exposure * np.exp(0.3 + 0.5 * X[:, 1])).astype(float)
    net = at_the_minimum("poisson").fit(X, counts / exposure, exposure)
    model = POISSON_REGRESSION.fit(X, counts / exposure, exposure)
    assert_allclose(net.predict(X), model.predict(X), rtol=1e-5)
    assert_allclose(exposure @ net.predict(X), counts.sum(), rtol=1e-6)


@parametrize("schedule", ["one_cycle", "cosine"])
@parametrize("level", [0.1, 0.5, 0.9])
def test_identity_is_quantile_regression(schedule, level):
    """Only the loss is compared, to 0.1 %: the minimum need not be unique."""
    net = net_of(loss=Quantile(level), activation="identity", solver="gd", learning_rate=schedule, alpha=0)
    net.set_params(max_iter=3000, learning_rate_init=0.1).fit(X, NUMBERS)
    model = QuantileRegressor(quantile=level, alpha=0).fit(X, NUMBERS)
    ours, best = (mean_pinball_loss(NUMBERS, fitted.predict(X), alpha=level) for fitted in (net, model))
    assert best <= ours * (1 + 1e-9) < 1.001 * best


def test_the_quantile_a_half_is_the_median():
    quantile, median = (net_of(loss=loss, alpha=0, learning_rate_init=0.01) for loss in ("quantile", "absolute_error"))
    start = [net.partial_fit(X, NUMBERS).intercepts_[1] for net in (quantile, median)]
    assert_allclose(*start, atol=1e-3)  # Adam's first step does not depend on the factor 2
    assert_allclose(2 * quantile.loss_, median.loss_)


# Units of y


@parametrize("n_outputs", [1, 2])
@parametrize("dtype", DTYPES)
@parametrize("power", [-30, 60])
@parametrize(("loss", "solver"), [(loss, solver) for loss, solver in PAIRS if loss != "poisson"])
@unconverged
def test_powers_of_two_multiply_the_predictions(loss, solver, power, dtype, n_outputs):
    """Bit by bit, with the automatic alpha and early stopping too."""
    y, factor = y_of(loss, n_outputs), 2.0**power
    for settings in ({}, {"early_stopping": True}):
        net = net_of(loss=loss, solver=solver, **settings)
        one, other = (clone(net).fit(X.astype(dtype), targets) for targets in (y, factor * y))
        assert values_equal(weights(one), weights(other))
        assert one.loss_curve_ == other.loss_curve_
        assert_array_equal(other.predict(X), dtype(factor) * one.predict(X))


@parametrize("loss", IN_UNITS, ids=str)
def test_a_shift_and_a_unit_hardly_matter(loss):
    net = net_of(loss=loss, alpha=1.0)
    one, other = net.fit(X, NUMBERS).predict(X), clone(net).fit(X, 3 * NUMBERS - 1000).predict(X)
    assert_allclose((other + 1000) / 3, one, rtol=1e-6)


def test_mean_and_scale_are_weighted():
    net = net_of().fit(X, y_of("", 2), W)
    repeated = np.repeat(y_of("", 2), W, axis=0)
    assert_allclose(net.target_mean_, repeated.mean(axis=0))
    assert_allclose(net.target_scale_, repeated.std(axis=0))
    poisson = net_of(loss="poisson").fit(X, COUNTS)
    assert (poisson.target_mean_, poisson.target_scale_) == (0, 1)


@parametrize("loss", IN_UNITS, ids=str)
@parametrize("size", [1e300, 1e-300])
def test_targets_of_any_size(loss, size):
    y = NUMBERS - 50
    expected = net_of(loss=loss).fit(X, y).predict(X)
    assert_allclose(net_of(loss=loss).fit(X, size * y).predict(X) / size, expected, rtol=1e-6)


@parametrize("dtype", DTYPES)
def test_targets_that_the_dtype_cannot_hold_are_refused(dtype):
    y = NUMBERS / NUMBERS.max() * float(np.finfo(dtype).max)
    for targets in (y, -y):
        with pytest.raises(ValueError, match=rf"y must be at most .* for {np.dtype(dtype)}\. Got .* Scale y"):
            net_of().fit(X.astype(dtype), targets)
    net_of().fit(X.astype(dtype), y / 5)


@parametrize("loss", [*LOSSES])
@parametrize("dtype", DTYPES)
def test_predictions_of_huge_rows_are_finite(loss, dtype):
    net = net_of(loss=loss).fit(X.astype(dtype), 1e10 * y_of(loss) if loss != "poisson" else COUNTS)
    huge = np.sign(X).astype(dtype) * np.finfo(dtype).max / dtype(8)
    with np.errstate(all="raise"):
        assert np.isfinite(net.predict(huge)).all()


# Rows, weights and their order


@parametrize("settings", [{}, {"alpha": 0.1}, {"early_stopping": True, "max_iter": 30}], ids=str)
@parametrize("dtype", DTYPES)
@parametrize("n_outputs", [1, 2])
@parametrize(("loss", "solver"), FULL_BATCH)
@unconverged
def test_integer_weights_are_rows_in_any_order(loss, solver, n_outputs, dtype, settings):
    y, rows = y_of(loss, n_outputs), X.astype(dtype)
    weighted = net_of(loss=loss, solver=solver, **settings).fit(rows, y, W)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(80), W))
    repeated = clone(weighted).fit(rows[order], y[order])
    assert values_equal(weights(weighted), weights(repeated))
    assert_array_equal(weighted.target_mean_, repeated.target_mean_)
    assert_array_equal(weighted.predict(rows), repeated.predict(rows))
    assert weighted.loss_curve_ == repeated.loss_curve_
    assert weighted.alpha_ == repeated.alpha_


@parametrize(("loss", "solver"), PAIRS)
@unconverged
def test_rows_of_weight_zero_change_nothing(loss, solver):
    y, other = y_of(loss), np.where(W == 0, 10 * y_of(loss) + 1, y_of(loss))
    one, two = (net_of(loss=loss, solver=solver, alpha=0.1).fit(X, targets, W) for targets in (y, other))
    assert_allclose(two.predict(X), one.predict(X), rtol=1e-9)


@parametrize("X_type", [sparse.csr_array, sparse.csc_matrix])
@parametrize(("loss", "solver"), PAIRS)
@unconverged
def test_sparse_equals_dense(loss, solver, X_type, monkeypatch):
    monkeypatch.setattr(set_up, "MAX_DENSE_FEATURES", 0)
    rows = X * (np.abs(X) > 0.5)
    net = net_of(loss=loss, solver=solver, alpha=0.1)
    dense = clone(net).fit(rows, y_of(loss)).predict(rows)
    assert_allclose(net.fit(X_type(rows), y_of(loss)).predict(X_type(rows)), dense, rtol=1e-6)


@parametrize("n_outputs", [1, 2])
@parametrize("dtype", DTYPES)
@parametrize(("loss", "solver"), PAIRS)
@unconverged
def test_dtypes_and_shapes(loss, solver, dtype, n_outputs):
    y = y_of(loss, n_outputs)
    net = net_of(loss=loss, solver=solver, max_iter=200).fit(X.astype(dtype), y)
    predicted = net.predict(X.astype(dtype))
    assert predicted.shape == y.shape
    assert {array.dtype for array in (predicted, *weights(net), net.transform(X))} == {np.dtype(dtype)}
    assert net.n_outputs_ == n_outputs
    assert net.score(X, y) == r2_score(y, net.predict(X)) > 0.2
    assert net.out_activation_ == ("exp" if loss == "poisson" else "identity")
    assert loss != "poisson" or (predicted > 0).all()


# Constant targets and other edges


@parametrize("weighted", [False, True])
@parametrize("dtype", DTYPES)
@parametrize("number", [0.1, -7.7, 0.0, 12345678.9])
@parametrize(("loss", "solver"), PAIRS)
def test_a_constant_is_learned_to_the_last_bit(loss, solver, number, dtype, weighted):
    """With one warning. Rows of weight zero do not count."""
    if loss == "poisson" and number <= 0:
        pytest.skip("not in the domain of the loss")
    w = np.where(W == 0, 0, np.random.default_rng(1).uniform(0.1, 3, 80)) if weighted else None
    y = np.where(W == 0, 5.0, number) if weighted else np.full(80, number)
    net = net_of(loss=loss, solver=solver)
    with pytest.warns(UserWarning, match="y is constant") as caught:
        net.fit(X.astype(dtype), y, w)
    assert [str(warning.message) for warning in caught] == [net._targets.nothing_to_learn]
    assert net._targets.nothing_to_learn == f"y is constant: {number:.6g}. Every prediction is this number."
    assert_array_equal(net.predict(X), np.full(80, dtype(number)))
    assert net.target_scale_ == 0


@parametrize("weighted", [False, True])
@parametrize("dtype", DTYPES)
@parametrize(("loss", "solver"), PAIRS)
@unconverged
def test_one_constant_output_of_two(loss, solver, dtype, weighted):
    y, w = np.column_stack([y_of(loss), np.full(80, 0.1)]), W + 0.1 if weighted else None
    net = net_of(loss=loss, solver=solver, max_iter=100).fit(X.astype(dtype), y, w)
    assert_array_equal(net.predict(X)[:, 1], np.full(80, dtype(0.1)))
    assert r2_score(y[:, 0], net.predict(X)[:, 0]) > 0.2


def test_an_output_that_is_constant_only_in_training_does_not_spoil_the_validation_loss():
    """Its unit is unknown, so a validation set cannot judge it."""
    y, y_val = np.column_stack([NUMBERS, np.full(80, 3.0)]), np.column_stack([NUMBERS, 1e9 * X[:, 0]])
    net = net_of(early_stopping=True)
    scores = [clone(net).fit(X, y, X_val=X, y_val=values).validation_scores_ for values in (y, y_val)]
    assert scores[0] == scores[1]


@constant
@parametrize(("loss", "solver"), PAIRS)
def test_one_row(loss, solver):
    net = net_of(loss=loss, solver=solver).fit(X[:1], [4.25])
    assert_array_equal(net.predict(X), np.full(80, 4.25))


@unconverged
@parametrize(("loss", "solver"), PAIRS)
def test_ties(loss, solver):
    """Few distinct targets and copies of rows, of which one half equals the median."""
    y = np.maximum(0, np.round(X[:, 0]))
    net = net_of(loss=loss, solver=solver, max_iter=100).fit(np.repeat(X, 3, axis=0), np.repeat(y, 3))
    assert np.isfinite(net.predict(X)).all()
    assert net.score(X, y) > 0.4


# Poisson


@parametrize("method", ["fit", "partial_fit"])
def test_poisson_refuses_targets_outside_its_domain(method):
    fit = getattr(net_of(loss="poisson"), method)
    with pytest.raises(ValueError, match=r"loss='poisson' needs targets that are not negative\. Got -0\.5"):
        fit(X, COUNTS - 0.5)
    no_total = r"loss='poisson' needs a positive target in each output\. Got zeros only"
    for y, w in ((0 * COUNTS, None), (np.column_stack([COUNTS, 0 * COUNTS]), None), (COUNTS, COUNTS == 0)):
        with pytest.raises(ValueError, match=no_total):
            fit(X, y, w)


def test_poisson_refuses_a_validation_set_outside_its_domain():
    with pytest.raises(ValueError, match=r"Invalid validation set .*loss='poisson' needs targets that are not neg"):
        net_of(loss="poisson").fit(X, COUNTS, X_val=X, y_val=COUNTS - 1)


@parametrize("dtype", DTYPES)
def test_poisson_predicts_positive_numbers(dtype):
    net = net_of(loss="poisson").fit(X.astype(dtype), COUNTS)
    far = np.vstack([1e4 * X, -1e4 * X]).astype(dtype)
    assert (net.predict(far) > 0).all()
    assert np.isfinite(net.predict(far)).all()


def test_poisson_targets_too_small_for_float32():
    with pytest.warns(ConvergenceWarning, match="the targets are too small"):
        net = net_of(loss="poisson").fit(X.astype(np.float32), 1e-100 * COUNTS)
    assert (net.predict(X.astype(np.float32)) > 0).all()


@parametrize("solver", ["adam", "lbfgs"])
@parametrize("dtype", DTYPES)
@parametrize("size", [1e-6, 1e-15])
def test_poisson_with_tiny_targets_blames_them(solver, dtype, size):
    """Their loss is below `tol`, and the penalty outweighs it."""
    with pytest.warns(ConvergenceWarning, match="the targets are too small for tol=0.0001: multiply y"):
        net_of(loss="poisson", solver=solver).fit(X.astype(dtype), size * COUNTS)


@parametrize("n_outputs", [1, 2])
@parametrize("loss", ["absolute_error", "quantile"])
def test_an_outlier_is_blamed(loss, n_outputs):
    """The scale is that of one target, so to the net all others are equal."""
    y = NUMBERS.copy()
    y[7] = 1e7
    y = y if n_outputs == 1 else np.column_stack([NUMBERS * 0 + 3, y])
    with pytest.warns(
        ConvergenceWarning, match=r"Likely cause: the target 1e\+07 has most of the variance of y: remove"
    ):
        net_of(loss=loss).fit(X, y)


@parametrize("per_output", [False, True])
@parametrize("n_outputs", [1, 2])
def test_a_loss_of_your_own_sees_matrices(n_outputs, per_output):
    """Also in the choice of alpha, where several nets are trained together."""

    class OwnError(SquaredError):
        def loss_and_residual(self, Z2, Y):
            loss, residual = (Z2 - Y) ** 2 / 2, Z2 - Y
            return loss if per_output else loss.sum(axis=1, keepdims=True), residual

    y = y_of("squared_error", n_outputs)
    net, own = net_of(max_iter=200).fit(X, y), net_of(max_iter=200, loss=OwnError()).fit(X, y)
    assert_allclose(own.predict(X), net.predict(X), rtol=1e-6)
    assert_allclose(list(own.alpha_scores_.values()), list(net.alpha_scores_.values()), rtol=1e-5)


@parametrize("solver", SOLVERS)
def test_an_outlier_without_weight_is_not_blamed(solver):
    y, w = NUMBERS.copy(), np.ones(80)
    y[7], w[7] = 1e7, 0
    with pytest.warns(ConvergenceWarning, match=r"alpha=1e\+06 is too high") as caught:
        net_of(alpha=1e6, solver=solver, max_iter=200).fit(X, y, w)
    assert "the target" not in str(caught[0].message)


def test_an_outlier_and_a_given_alpha_are_blamed_together():
    y = NUMBERS.copy()
    y[7] = 1e7
    with pytest.warns(ConvergenceWarning, match=r"causes: the target 1e\+07 has .*; alpha=1e\+06 is too high"):
        net_of(alpha=1e6).fit(X, y)


@parametrize("change", [1e-5, 1e-7, 1e-9])
def test_nearly_constant_counts_are_not_too_small(change, recwarn):
    net_of(loss="poisson").fit(X, 5 + change * (NUMBERS - 50))
    assert not recwarn.list


@parametrize("kind", [ShallowNetClassifier, ShallowNetRegressor])
def test_targets_without_a_unit_are_not_too_small(kind):
    """No class and no standardized number is, however high `tol` is."""
    with pytest.warns(ConvergenceWarning, match=r"learned almost nothing.*: tol=2 is too high") as caught:
        kind(6, solver="gd", tol=2.0, learning_rate_init=1e-4, random_state=0).fit(X, np.arange(80) % 2)
    assert "too small" not in str(caught[0].message)


@parametrize("size", [1, 1e3, 1e6, 1e9, 1e12])
@parametrize("dtype", DTYPES)
@parametrize("solver", SOLVERS)
@unconverged
def test_poisson_with_targets_of_any_size(solver, dtype, size):
    net = ShallowNetRegressor(loss="poisson", solver=solver, random_state=0).fit(X.astype(dtype), size * COUNTS)
    assert net.stop_reason_ != "diverged"
    assert net.score(X, size * COUNTS) > 0.2


# Refusals


@parametrize("solver", ["lbfgs", LBFGS(history=5)], ids=str)
@parametrize("loss", ["absolute_error", "quantile", Quantile(0.9)], ids=str)
def test_lbfgs_refuses_losses_with_kinks(loss, solver):
    net = net_of(loss=loss, solver=solver)
    with pytest.raises(ValueError, match=r"needs a loss without kinks.* Got loss=.* Use solver='adam'"):
        net.fit(X, NUMBERS)
    with pytest.raises(NotFittedError):
        net.predict(X)


@parametrize(
    ("y", "message"),
    [
        (np.where(X[:, 0] > 0, np.nan, 1), "Input y contains NaN"),
        (np.where(X[:, 0] > 0, np.inf, 1), "Input y contains infinity"),
        (np.where(X[:, 0] > 0, "yes", "no"), "y must hold numbers. Got strings such as '(yes|no)'"),
        (np.where(X[:, 0] > 0, "1", "2"), "y must hold numbers. Got strings"),
        (np.where(X[:, 0] > 0, "1", "2").astype(object), "y must hold numbers. Got strings"),
        (np.arange(80).astype("M8[D]"), r"y must hold numbers. Got dtype datetime64\[D\]"),
        (NUMBERS + 1j, "Complex data not supported"),
        (NUMBERS.reshape(80, 1, 1), "dim 3"),
        (NUMBERS[1:], "inconsistent numbers of samples"),
        (None, "requires y"),
    ],
)
@parametrize("method", ["fit", "partial_fit"])
def test_bad_targets_are_refused(y, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(net_of(), method)(X, y)


def test_missing_numbers_of_pandas_are_refused():
    y = pd.Series(np.arange(80)).astype("Int64")
    net_of().fit(X, y)
    y[3] = pd.NA
    with pytest.raises(ValueError, match="y must not have missing"):
        net_of().fit(X, y)


@parametrize(("first", "later"), [(1, 2), (2, 1), (2, 3)])
def test_another_number_of_outputs_is_refused(first, later):
    y = np.column_stack([NUMBERS] * first) if first > 1 else NUMBERS
    other = np.column_stack([NUMBERS] * later) if later > 1 else NUMBERS
    message = f"y must have as many columns as the training targets, {first}. Got {later}"
    net = net_of(warm_start=True).fit(X, y)
    for call in (net.fit, net.partial_fit):
        with pytest.raises(ValueError, match=message):
            call(X, other)
    with pytest.raises(ValueError, match="Invalid validation set .*" + message):
        net_of().fit(X, y, X_val=X, y_val=other)


@parametrize(
    ("loss", "message"),
    [
        ("hinge", "'loss' parameter of ShallowNetRegressor must be a str among"),
        (Quantile, "'loss' parameter of ShallowNetRegressor must be a str among"),
        (Quantile(1.0), "'quantile' parameter of Quantile must be a float in the range"),
    ],
)
def test_bad_losses_are_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        net_of(loss=loss).fit(X, NUMBERS)


def test_the_classifier_has_no_loss_and_the_regressor_no_class_weight():
    for kind, name in ((ShallowNetClassifier, "loss"), (ShallowNetRegressor, "class_weight")):
        assert name not in kind().get_params()
    assert set(ShallowNetRegressor().get_params()) - {"loss"} == set(ShallowNetClassifier().get_params()) - {
        "class_weight"
    }


@parametrize("method", ["fit", "partial_fit"])
def test_a_column_becomes_flat_with_a_warning(method):
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        net = getattr(net_of(), method)(X, NUMBERS.reshape(-1, 1))
    assert_array_equal(net.predict(X), getattr(net_of(), method)(X, NUMBERS).predict(X))
    assert net.predict(X).shape == (80,)


# Continued training


@parametrize("n_outputs", [1, 2])
@parametrize("loss", [*LOSSES])
@parametrize("solver", ["gd", "sgd", "adam"])
@unconverged
def test_calls_of_partial_fit_equal_one_fit(solver, loss, n_outputs):
    net = net_of(loss=loss, solver=solver, learning_rate="constant", alpha=0, max_iter=7, batch_size=32, dropout=0.2)
    whole, parts = clone(net).fit(X, y_of(loss, n_outputs)), clone(net)
    for _ in range(7):
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X, y_of(loss, n_outputs))
    assert values_equal(weights(whole), weights(parts))
    assert_array_equal(whole.predict(X), parts.predict(X))


@unconverged
@parametrize("method", ["fit", "partial_fit"])
def test_mean_and_scale_are_those_of_the_first_call(method):
    net = net_of(warm_start=True).fit(X, NUMBERS)
    mean, scale = net.target_mean_, net.target_scale_
    getattr(net, method)(X, 5 * NUMBERS - 4 * mean)
    assert (net.target_mean_, net.target_scale_) == (mean, scale) == (NUMBERS.mean(), NUMBERS.std())
    net.set_params(warm_start=False).fit(X, 10 * NUMBERS)
    assert net.target_scale_ == pytest.approx(10 * scale)


@unconverged
def test_a_warm_start_goes_on():
    net = net_of(warm_start=True, alpha=0, learning_rate="constant")
    first = net.fit(X, NUMBERS).loss_
    assert net.fit(X, NUMBERS).loss_ < first
    assert len(net.loss_curve_) == 30


@unconverged
def test_a_warm_start_may_change_the_quantile():
    net = net_of(loss=Quantile(0.5), warm_start=True, max_iter=300, alpha=0).fit(X, NUMBERS)
    shares = [np.mean(net.set_params(loss__quantile=q).fit(X, NUMBERS).predict(X) > NUMBERS) for q in (0.2, 0.8)]
    assert_allclose(shares, [0.2, 0.8], atol=0.1)


@parametrize(("first", "later"), [("squared_error", "poisson"), ("poisson", "squared_error")])
@parametrize("method", ["fit", "partial_fit"])
def test_a_loss_of_other_units_cannot_go_on(first, later, method):
    net = net_of(loss=first, warm_start=True).fit(X, COUNTS)
    before = net.predict(X)
    net.set_params(loss=later)
    with pytest.raises(ValueError, match=f"loss='{later}' cannot continue training that began with"):
        getattr(net, method)(X, COUNTS)
    assert_array_equal(net.predict(X), before)


@constant
@unconverged
@parametrize(("loss", "batch", "unit"), [("squared_error", 1, 1e5), ("squared_error", 20, 1), ("quantile", 10, 1e-5)])
def test_a_stream_may_begin_with_a_constant(loss, batch, unit):
    """A first call with a single row, or with equal targets, does not fix the predictions for good."""
    net, y = net_of(loss=loss, hidden_size=20, learning_rate_init=0.01), unit * NUMBERS
    net.partial_fit(X[:batch], np.full(batch, y[0]))
    assert_array_equal(net.predict(X), np.full(80, y[0]))
    for _ in range(10 * (1 + batch // 5)):
        for start in range(0, 80, batch):
            net.partial_fit(X[start : start + batch], y[start : start + batch])
    assert net.score(X, y) > 0.7


def unlike(net, call, y):
    """Return whether a call of `partial_fit` or a warm start warns of targets on another scale."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(net, call)(X[: len(y)], y)
    return any("on another scale than those of the first call" in str(warning.message) for warning in caught)


@parametrize("call", ["fit", "partial_fit"])
@parametrize("change", [lambda y: y + 1e6, lambda y: 1e6 * y, lambda y: 1e-6 * y, lambda y: y + 200 * y.std()])
def test_targets_on_another_scale_than_before_are_told(call, change):
    y = NUMBERS - NUMBERS.mean()
    assert unlike(net_of(warm_start=True, max_iter=5).fit(X, y), call, change(y))
    two = np.column_stack([y, y])
    assert unlike(net_of(warm_start=True, max_iter=5).fit(X, two), call, np.column_stack([y, change(y)]))


@parametrize("call", ["fit", "partial_fit"])
@parametrize("change", [lambda y: y, lambda y: 10 * y + 20 * y.std(), lambda y: y[:1], lambda y: np.full(80, y.max())])
def test_targets_of_about_the_same_scale_are_fine(call, change):
    y = NUMBERS - NUMBERS.mean()
    assert not unlike(net_of(warm_start=True, max_iter=5).fit(X, y), call, change(y))
    counts = net_of(loss="poisson", warm_start=True, max_iter=5).fit(X, np.exp(y / y.std()))
    assert not unlike(counts, call, 1e3 * np.exp(y / y.std()))


def test_a_first_batch_that_does_not_represent_the_rest_is_told():
    net = net_of().partial_fit(X[:2], [1, 1.0001])
    assert unlike(net, "partial_fit", NUMBERS)


@parametrize(("dtype", "mean", "warns"), [(np.float32, 1e5, True), (np.float32, 1e3, False), (np.float64, 1e5, False)])
def test_targets_that_a_dtype_cannot_tell_apart_are_told(dtype, mean, warns):
    y = mean + NUMBERS / NUMBERS.std()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net_of().fit(X.astype(dtype), y)
    assert any("float32 cannot represent small differences" in str(warning.message) for warning in caught) == warns


def test_a_stream_that_begins_with_a_constant_may_change():
    with pytest.warns(UserWarning, match=r"^y is constant: 3\. Every prediction .*\. Later calls may bring others\.$"):
        net_of().partial_fit(X[:1], [3.0])
    with pytest.warns(UserWarning, match=r"^y is constant: 3\. Every prediction is this number\.$"):
        net_of().fit(X[:1], [3.0])


@constant
@unconverged
def test_a_stream_of_counts_may_begin_with_a_constant():
    net = net_of(loss="poisson").partial_fit(X[:5], np.full(5, 2.0))
    assert_array_equal(net.predict(X), np.full(80, 2.0))
    for _ in range(200):
        net.partial_fit(X, COUNTS)
    assert net.score(X, COUNTS) > 0.5


@parametrize("loss", IN_UNITS, ids=str)
def test_a_stream_of_single_rows_does_not_diverge(loss):
    """A row whose target equals the mean has no loss at an output of zero, and is no measure of a high one."""
    net = net_of(loss=loss, hidden_size=100).partial_fit(X, NUMBERS)
    for i in range(80):
        for y in (NUMBERS[i], NUMBERS.mean()):
            net.partial_fit(X[i : i + 1], [y])


@parametrize("loss", ["squared_error", "poisson"])  # gradients of the others are bounded
def test_a_stream_that_diverges_blames_the_rate(loss):
    net = net_of(loss=loss, solver="gd", hidden_size=100, learning_rate_init=3.0).partial_fit(X, y_of(loss))
    message = r"Training diverged: .* an output of zero gives at most .*learning_rate_init"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        net.partial_fit(X, y_of(loss))
    assert not any("warm_start" in str(warning.message) for warning in caught)


# Early stopping, validation sets, groups


@parametrize("scoring", ["loss", "r2", "neg_mean_absolute_error"])
@parametrize("loss", [*LOSSES])
@unconverged
def test_early_stopping_returns_the_best_epoch(loss, scoring):
    net = net_of(loss=loss, early_stopping=True, scoring=scoring, max_iter=60)
    net.fit(X[:50], y_of(loss)[:50], X_val=X[50:], y_val=y_of(loss)[50:])
    assert net.best_validation_score_ == max(net.validation_scores_)
    if scoring != "loss":
        expected = {"r2": r2_score, "neg_mean_absolute_error": lambda y, p: -np.abs(y - p).mean()}[scoring]
        assert net.best_validation_score_ == pytest.approx(expected(y_of(loss)[50:], net.predict(X[50:])))
    elif loss == "squared_error":
        errors = (net.predict(X[50:]) - NUMBERS[50:]) / net.target_scale_
        assert net.best_validation_score_ == pytest.approx(-(errors**2).mean() / 2)


@unconverged
def test_held_out_rows_need_no_classes():
    """Numbers are not stratified, so no warning says that they cannot be."""
    net = net_of(early_stopping=True, validation_fraction=0.2).fit(X, NUMBERS)
    assert net.target_mean_ != NUMBERS.mean()  # of the rows trained on


def test_groups_stay_together():
    seen = []

    def scorer(estimator, rows, y):
        seen.append(y)
        return -np.abs(y - estimator.predict(rows)).mean()

    groups = np.repeat(np.arange(8), 10)
    net_of(early_stopping=True, scoring=scorer, validation_fraction=0.25).fit(X, NUMBERS, groups=groups)
    held_out = np.isin(NUMBERS, seen[0]).reshape(8, 10)
    assert set(held_out.sum(axis=1)) == {0, 10}
    assert set(held_out.all(axis=1)) == {False, True}


def test_alpha_is_chosen_on_a_validation_set():
    net = net_of(max_iter=200).fit(X, NUMBERS, X_val=X, y_val=NUMBERS)
    losses = {alpha: -score for alpha, score in net.alpha_scores_.items()}
    assert losses[net.alpha_] <= min(losses.values()) / 0.98  # the stronger one wins near ties
    assert net.alpha_ < max(losses)  # the validation set repeats training rows, so overfitting pays


# Interrupts, copies, other tools


@parametrize("loss", [*LOSSES])
def test_an_interrupt_leaves_the_best_weights(loss, monkeypatch):
    interrupt_after(monkeypatch, 40)
    net = net_of(loss=loss, alpha=0.1, max_iter=100)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y_of(loss))
    assert net.stop_reason_ == "interrupt"
    assert 0 < net.n_iter_ < 40
    assert net.score(X, y_of(loss)) > 0


@parametrize("loss", [*LOSSES, Quantile(0.9)], ids=str)
def test_pickles_and_clones(loss):
    net = net_of(loss=loss).fit(X, y_of(loss))
    assert_array_equal(pickle.loads(pickle.dumps(net)).predict(X), net.predict(X))
    fresh = clone(net)
    assert not any(name.endswith("_") for name in vars(fresh))
    assert_array_equal(fresh.fit(X, y_of(loss)).predict(X), net.predict(X))


def test_a_search_over_the_level():
    search = GridSearchCV(net_of(loss="quantile"), {"loss__quantile": [0.1, 0.5, 0.9]}, cv=2).fit(X, NUMBERS)
    assert search.best_params_ == {"loss__quantile": 0.5}
    net = make_pipeline(StandardScaler(), net_of(loss=Quantile(0.9)))
    assert net.set_params(shallownetregressor__loss__quantile=0.2)[-1].loss.quantile == 0.2


def test_the_loss_of_the_user_is_not_changed():
    loss = Quantile(0.9)
    net = net_of(loss=loss).fit(X, NUMBERS)
    loss.quantile = 0.1
    assert_array_equal(net.predict(X), net_of(loss=Quantile(0.9)).fit(X, NUMBERS).predict(X))
    assert clone(net).loss is not loss


def test_pipelines_and_cross_validation():
    y, net = np.exp(NUMBERS / 20), make_pipeline(StandardScaler(), net_of(max_iter=200))
    net = TransformedTargetRegressor(net, func=np.log, inverse_func=np.exp)
    assert net.fit(X, y).score(X, y) > 0.7
    predicted = cross_val_predict(net, X, y, cv=KFold(4))
    assert_array_equal(predicted[60:], clone(net).fit(X[:60], y[:60]).predict(X[60:]))


# Default learning rates


class DoubleError(SquaredError):
    def curvature(self, Y, w=None):
        return 2 * (Y**2).mean()


@parametrize(
    ("loss", "curvature"),
    [("squared_error", 1), ("absolute_error", 1), (Quantile(0.9), 0.5), ("poisson", None), (DoubleError(), 2)],
    ids=str,
)
@unconverged
def test_the_curvature_that_the_user_guide_states(loss, curvature):
    """A loss of your own gets the targets that the net learns."""
    y = y_of(loss)
    net = net_of(loss=loss, solver="gd").fit(X, y)
    assert net.learning_rate_init_ == pytest.approx(0.1 / 4 / (curvature or (y**2).sum() / y.sum()))


@parametrize("activation", NAMES)
@parametrize("solver", ["sgd", "gd"])
@parametrize("loss", [*LOSSES, Quantile(0.9)], ids=str)
@unconverged
def test_default_rates_suit_every_loss(loss, solver, activation):
    """The training loss neither diverges nor stays near a constant's."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((300, 4))
    signal = rows[:, 0] - rows[:, 1] + 0.3 * rng.standard_normal(300)
    y = rng.poisson(np.exp(3 + signal)).astype(float) if loss == "poisson" else signal
    net = ShallowNetRegressor(activation=activation, loss=loss, solver=solver, alpha=1.0, random_state=0).fit(rows, y)
    function, Y = net._loss, net._targets.encode(y, np.float64)
    loss_of_net = function.loss_and_residual(net._logits(rows), Y)[0].mean()
    assert loss_of_net < 0.75 * function.loss_of_constant(Y)


@parametrize("activation", NAMES)
@parametrize("solver", ["sgd", "gd"])
@unconverged
def test_default_rates_suit_wide_nets(solver, activation):
    """With rates that ignore the number of hidden units, most activations diverge here."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((300, 4))
    y = rows[:, 0] - rows[:, 1] + 0.3 * rng.standard_normal(300)
    net = ShallowNetRegressor(1000, activation, solver=solver, alpha=1.0, random_state=0).fit(rows, y)
    assert net.score(rows, y) > 0.75


@parametrize("solver", ["sgd", "gd"])
def test_a_rate_that_unscaled_features_make_tiny_is_told(solver):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((300, 4))
    y = rows[:, 0] - rows[:, 1] + 0.3 * rng.standard_normal(300)
    with pytest.warns(ConvergenceWarning, match=r"(?s)column 3.*StandardScaler"):
        ShallowNetRegressor(solver=solver, random_state=0).fit(rows + [0, 0, 0, 2000], y)


def test_gd_is_stable_if_a_feature_has_an_offset(quiet):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((300, 4))
    y = rows[:, 0] - rows[:, 1] + 0.3 * rng.standard_normal(300)
    rows[:, 3] += 20
    net = ShallowNetRegressor(solver="gd", random_state=0).fit(rows, y)
    assert net.score(rows, y) > 0.5


# Coverage of quantiles


@parametrize("level", [0.1, 0.5, 0.9])
def test_coverage_of_quantiles(level):
    """On held-out rows of a set whose noise grows with a feature, within 3 points; in both halves within 6."""
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (6000, 2))
    y = np.sin(3 * rows[:, 0]) + (1.2 + rows[:, 1]) * rng.standard_normal(6000)
    net = ShallowNetRegressor(loss=Quantile(level), random_state=0).fit(rows[:3000], y[:3000])
    below = y[3000:] < net.predict(rows[3000:])
    assert below.mean() == pytest.approx(level, abs=0.03)
    for half in (rows[3000:, 1] < 0, rows[3000:, 1] > 0):
        assert below[half].mean() == pytest.approx(level, abs=0.06)


@unconverged  # low quantiles are 0 everywhere, so that a constant is best
@parametrize("level", [0.1, 0.5, 0.9])
def test_coverage_with_ties(level):
    """The level lies between P(y < q) and P(y <= q), within 3 points: here, 60 % of the targets are 0."""
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (6000, 2))
    y = np.where(rng.random(6000) < 0.6, 0, np.exp(rows[:, 0]) * rng.exponential(10, 6000).round())
    net = ShallowNetRegressor(loss=Quantile(level), random_state=0).fit(rows[:3000], y[:3000])
    predicted = net.predict(rows[3000:])
    assert np.mean(y[3000:] < predicted) - 0.03 <= level <= np.mean(y[3000:] <= predicted) + 0.03


@parametrize("loss", [*LOSSES, Quantile(0.9)], ids=str)
@unconverged
def test_limits_are_the_common_ends_of_the_range(loss):
    """More than 5 % of the weights and five distinct rows are needed. Only quantiles have limits."""
    y = np.r_[np.zeros(5), np.linspace(1, 5, 85), np.full(10, 6.0)]
    w = np.ones(100)
    w[:5] = 2
    rows = np.random.default_rng(0).standard_normal((100, 3))
    has_limits = loss not in ("squared_error", "poisson")
    net = net_of(loss=loss).fit(rows, y)
    assert_array_equal(net.target_limits_, [[-np.inf], [6 if has_limits else np.inf]])
    net = net_of(loss=loss).fit(rows, np.c_[y + 1, 10 - y], sample_weight=w)
    assert_array_equal(net.target_limits_, [[1, 4], [7, 10]] if has_limits else [[-np.inf] * 2, [np.inf] * 2])
    predicted = net.predict(100 * rows)
    assert (predicted.min(axis=0) >= net.target_limits_[0]).all()
    assert (predicted.max(axis=0) <= net.target_limits_[1]).all()


@unconverged
def test_a_few_rows_set_no_limits():
    rows = np.random.default_rng(0).standard_normal((12, 3))
    w = np.r_[np.ones(11), 50]
    assert np.isinf(net_of(loss="absolute_error").fit(rows, rows[:, 0], w).target_limits_).all()
    y = np.repeat([0.0, 1, 2], 4)
    copies = net_of(loss="absolute_error").fit(np.r_[rows, rows], np.r_[y, y])
    assert np.isinf(copies.target_limits_).all()  # copies are not distinct


@unconverged
@parametrize("dtype", [np.float32, np.float64])
def test_limits_are_kept_in_every_dtype(dtype):
    """0.7 and 0.2 have no exact float32, and are rounded to different sides."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 3)).astype(dtype)
    for smallest in (0.7, 0.2):
        y = np.where(rng.random(200) < 0.5, smallest, 1 + rng.exponential(size=200))
        for sign in (1, -1):
            net = net_of(loss=Quantile(0.5 - 0.3 * sign), max_iter=200).fit(rows, sign * y)
            predicted = sign * net.predict(rows).astype(np.float64)
            assert smallest <= predicted.min() <= smallest * (1 + 1e-6)


@unconverged
def test_a_stream_has_no_limits():
    y = np.repeat([0.0, 1.0], 50)
    rows = np.random.default_rng(0).standard_normal((100, 3))
    net = net_of(loss="absolute_error").fit(rows, y)
    assert_array_equal(net.target_limits_, [[0], [1]])
    assert np.isinf(net.partial_fit(rows, y).target_limits_).all()
    assert np.isinf(net_of(loss="absolute_error").partial_fit(rows, y).target_limits_).all()
    again = net_of(loss="absolute_error", warm_start=True).fit(rows, y).fit(rows, 2 * y)
    assert_array_equal(again.target_limits_, [[0], [2]])
