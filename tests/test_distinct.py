"""Distinct rows: with a full-batch solver, order and copies of rows change no bit of the net."""

import tracemalloc

import numpy as np
import pytest
from helpers import NAMES, values_equal, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn import config_context
from sklearn.base import clone

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit import alpha, distinct, set_up
from sk_shallow._fit.data import Data
from sk_shallow._fit.distinct import distinct_index
from sk_shallow._fit.monitor import CallbackTasks
from sk_shallow._fit.targets import targets_of
from sk_shallow.solvers import SGD, SOLVERS, GradientDescent

parametrize = pytest.mark.parametrize
# Fits are short here: what they warn of has tests in test_convergence.py.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FULL_BATCH = [name for name, solver in SOLVERS.items() if solver.full_batch]
DTYPES = [np.float32, np.float64]
FORMATS = [np.asarray, csr_array]
KINDS = ["binary", "multiclass", "multilabel"]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4)).round(1)  # with zeros
X[50:55], X[55:] = X[:5], X[:5]  # with copies
LABELS = {
    "binary": np.array(["a", "b"])[(X[:, 0] > 0).astype(int)],
    "multiclass": (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5),
    "multilabel": (X[:, :3] > 0).astype(int),
}
W = RNG.integers(0, 4, 60)
ROWS = RNG.permutation(np.repeat(np.arange(60), W))
NEGATIVE_ZEROS = np.where(X == 0, -0.0, X)


def with_explicit_zeros(X):
    """Return a sparse copy that stores every number."""
    m, n = X.shape
    return csr_array((X.ravel(), np.tile(np.arange(n), m), n * np.arange(m + 1)), X.shape)


def assert_same_rows(numbers, X):
    """Numbers are equal where rows are, and only there."""
    expected = np.unique(X.astype(np.float64) + 0.0, axis=0, return_inverse=True)[1].ravel()
    pairs = set(zip(numbers.tolist(), expected.tolist(), strict=True))
    assert len(pairs) == len(set(numbers.tolist())) == len(set(expected.tolist()))
    assert_array_equal(np.unique(numbers), np.arange(len(pairs)))


# Numbers of distinct rows

values = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0**-149, 3e38])
shapes = st.tuples(st.integers(1, 9), st.integers(1, 3))
matrices = st.sampled_from(DTYPES).flatmap(lambda dtype: arrays(dtype, shapes, elements=values))


@given(matrices)
@settings(deadline=None)
def test_equal_rows_have_one_number(X):
    numbers = distinct_index(X)
    assert_same_rows(numbers, X)
    order = np.random.default_rng(0).permutation(len(X))
    assert_array_equal(distinct_index(X[order]), numbers[order])
    assert_array_equal(distinct_index(np.asfortranarray(X)), numbers)
    numbers = distinct_index(csr_array(X))
    assert_same_rows(numbers, X)
    for other in (csr_matrix(X), with_explicit_zeros(X)):
        assert_array_equal(distinct_index(other), numbers)


@parametrize("arrange", FORMATS)
@parametrize("dtype", DTYPES)
def test_last_bits_do_not_change_the_order(arrange, dtype):
    rows = RNG.standard_normal((200, 5)).astype(dtype)
    changed = rows * (1 + RNG.choice([-1, 1], rows.shape) * np.finfo(dtype).eps)
    assert np.abs(distinct_index(arrange(rows)) - distinct_index(arrange(changed))).max() <= 1


@parametrize("arrange", FORMATS)
@parametrize("n_hashes", [1, 3])
def test_rows_with_equal_hashes_are_compared(arrange, n_hashes, monkeypatch):
    hashes = distinct.row_hashes
    monkeypatch.setattr(
        distinct, "row_hashes", lambda X, seed: hashes(X, seed) % n_hashes if seed < 5 else hashes(X, seed)
    )
    rows = RNG.integers(0, 2, (200, 3)).astype(float)
    assert_same_rows(distinct_index(arrange(rows)), rows)


@parametrize("dtype", DTYPES)
def test_hashes_of_small_integers_differ(dtype):
    """All but a few bits of small integers are zero."""
    grid = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 4), axis=-1).reshape(-1, 4).astype(dtype)
    assert len(np.unique(distinct.row_hashes(grid, 0))) == len(grid)


def test_labels_belong_to_the_row():
    rows, labels = np.ones((4, 2)), np.array(["b", "a", "b", "a"])
    assert_array_equal(distinct_index(rows, labels), [1, 0, 1, 0])


# Fits


@parametrize("solver", FULL_BATCH)
@parametrize("activation", NAMES)
@parametrize("dtype", DTYPES)
def test_copies_weights_and_order_give_one_net(solver, activation, dtype):
    y = LABELS["multiclass"]
    net = ShallowNetClassifier(5, activation, solver=solver, random_state=0)
    weighted = clone(net).fit(X.astype(dtype), y, sample_weight=W)
    copied = clone(net).fit(NEGATIVE_ZEROS[ROWS].astype(dtype), y[ROWS])
    assert values_equal(weights(weighted), weights(copied))
    assert weighted.loss_curve_ == copied.loss_curve_
    assert weighted.alpha_scores_ == copied.alpha_scores_
    assert weighted.n_samples_seen_ == copied.n_samples_seen_ == W.sum()


class Custom(GradientDescent):
    """A full-batch solver of the user."""


OPTIONS = {
    "plain": {},
    "balanced": {"class_weight": "balanced"},
    "balanced and early stopping": {"class_weight": "balanced", "early_stopping": True, "validation_fraction": 0.3},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "scorer": {"early_stopping": True, "validation_fraction": 0.3, "scoring": "accuracy"},
    "schedule": {"learning_rate": "cosine", "max_iter": 30},
    "custom": {"solver": Custom()},
}


@parametrize("options", OPTIONS)
@parametrize("arrange", FORMATS)
@parametrize("kind", KINDS)
@parametrize("solver", FULL_BATCH)
def test_order_changes_no_bit(solver, kind, arrange, options):
    y, w, order = LABELS[kind], RNG.uniform(0, 2, 60), RNG.permutation(60)
    net = ShallowNetClassifier(5, **{"solver": solver, "random_state": 0, **OPTIONS[options]})
    one = clone(net).fit(arrange(X), y, sample_weight=w)
    other = clone(net).fit(arrange(X[order]), y[order], sample_weight=w[order])
    assert values_equal(weights(one), weights(other))
    assert one.validation_scores_ == other.validation_scores_


@parametrize("options", OPTIONS)
@parametrize("kind", KINDS)
@parametrize("solver", FULL_BATCH)
def test_copies_change_no_bit(solver, kind, options):
    y, w = LABELS[kind], 1 + W
    net = ShallowNetClassifier(5, **{"solver": solver, "random_state": 0, **OPTIONS[options]})
    weighted = clone(net).fit(X, y, sample_weight=w)
    copied = clone(net).fit(X.repeat(w, axis=0), y.repeat(w, axis=0))
    assert values_equal(weights(weighted), weights(copied))
    assert weighted.validation_scores_ == copied.validation_scores_


@parametrize("solver", FULL_BATCH)
def test_explicit_zeros_and_copies_do_not_change_the_rows_of_the_choice(solver, monkeypatch):
    """Wide rows: the choice of alpha takes as many rows as fit in MAX_NUMBERS numbers."""
    monkeypatch.setattr(alpha, "MAX_NUMBERS", 500)
    rows = np.where(RNG.random((300, 20)) < 0.9, 0.0, RNG.standard_normal((300, 20)))
    y = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    net = ShallowNetClassifier(5, solver=solver, max_iter=3, random_state=0)
    w = np.where(np.arange(300) < 20, 9, 1)
    nets = [
        clone(net).fit(csr_array(rows), y, sample_weight=w),
        clone(net).fit(with_explicit_zeros(rows), y, sample_weight=w),
    ]
    nets += [clone(net).fit(csr_array(rows.repeat(w, axis=0)), y.repeat(w))]
    assert nets[0].alpha_scores_ == nets[1].alpha_scores_ == nets[2].alpha_scores_


@parametrize("solver", FULL_BATCH)
def test_weights_of_copies_that_overflow(solver):
    net = ShallowNetClassifier(5, solver=solver, max_iter=3, random_state=0)
    net.fit(X, LABELS["binary"], sample_weight=np.full(60, 1.7e308))
    assert np.isfinite(net.predict_proba(X)).all()


@parametrize("solver", FULL_BATCH)
def test_order_of_the_validation_set_changes_no_bit(solver):
    y, order = LABELS["binary"], RNG.permutation(60)
    net = ShallowNetClassifier(5, solver=solver, early_stopping=True, random_state=0)
    one = clone(net).fit(X, y, X_val=X, y_val=y)
    other = clone(net).fit(X[order], y[order], X_val=X[order[::-1]], y_val=y[order[::-1]])
    assert values_equal(weights(one), weights(other))
    assert one.validation_scores_ == other.validation_scores_


@parametrize("solver", FULL_BATCH)
def test_layout_and_format_change_no_bit(solver):
    net = ShallowNetClassifier(5, solver=solver, random_state=0)
    one, other = (clone(net).fit(rows, LABELS["binary"]) for rows in (X, np.asfortranarray(X)))
    assert values_equal(weights(one), weights(other))
    formats = (csr_array(X), csc_array(X), with_explicit_zeros(X))
    one, *others = (clone(net).fit(rows, LABELS["binary"]) for rows in formats)
    assert all(values_equal(weights(one), weights(other)) for other in others)


@parametrize("dtype", DTYPES)
@parametrize("arrange", FORMATS)
@parametrize("kind", KINDS)
def test_partial_fit_with_gd_is_one_step_of_the_full_batch(kind, arrange, dtype):
    y, rows = LABELS[kind], arrange(X.astype(dtype))
    net = ShallowNetClassifier(5, solver="gd", alpha=0, random_state=0)
    whole = clone(net).set_params(max_iter=7, tol=0).fit(rows, y)
    for k in range(7):
        order = np.random.default_rng(k).permutation(60)
        net.partial_fit(rows[order], y[order], classes=None if kind == "multilabel" else np.unique(y))
    assert values_equal(weights(net), weights(whole))
    assert net.loss_curve_ == whole.loss_curve_
    assert net.t_ == whole.t_ == 7 * 60


@parametrize("weight", [0, 1, 2.5])
def test_partial_fit_with_gd_takes_weights_as_given(weight):
    """The gradient is a mean over the given rows, as with mini-batches."""
    w = np.where(np.arange(60) % 2, 1.0, weight)
    options = {"learning_rate_init": 0.1, "batch_size": 60, "alpha": 0, "random_state": 0}
    gd, sgd = (ShallowNetClassifier(5, solver=solver, **options) for solver in ("gd", SGD(momentum=0.0)))
    for net in (gd, sgd):
        net.partial_fit(X, LABELS["multiclass"], classes=[0, 1, 2], sample_weight=w)
    for one, other in zip([gd.loss_, *weights(gd)], [sgd.loss_, *weights(sgd)], strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_partial_fit_with_gd_accepts_a_part_without_weight():
    net = ShallowNetClassifier(5, solver="gd", class_weight={0: 0.0, 1: 1.0, 2: 1.0}, alpha=0, random_state=0)
    y = LABELS["multiclass"]
    net.partial_fit(X, y, classes=[0, 1, 2])
    before = weights(net)
    assert values_equal(before, weights(net.partial_fit(X[y == 0], y[y == 0])))


# What callbacks, scorers and attributes tell


@parametrize("solver", FULL_BATCH)
def test_scorers_see_the_given_rows(solver):
    y, seen = LABELS["binary"], []

    def scorer(estimator, X, y):
        seen.append((X, y))
        return estimator.score(X, y)

    net = ShallowNetClassifier(5, solver=solver, early_stopping=True, scoring=scorer, max_iter=2, random_state=0)
    net.fit(X, y, X_val=X[:20].repeat(2, axis=0), y_val=y[:20].repeat(2))
    assert_array_equal(np.sort(seen[0][0], axis=0), np.sort(X[:20].repeat(2, axis=0), axis=0))
    seen.clear()
    net.fit(X.repeat(3, axis=0), y.repeat(3))
    rows, counts = np.unique(seen[0][0], axis=0, return_counts=True)
    assert not np.any(counts % 3)  # all copies of a row are held out, or none
    assert len(rows) == 5  # a tenth of the 50 distinct rows


@parametrize("solver", FULL_BATCH)
def test_attributes_count_rows_as_they_were_given(solver):
    net = ShallowNetClassifier(5, solver=solver, max_iter=2, random_state=0)
    net.fit(X, LABELS["binary"], sample_weight=W)
    assert net.t_ == net.n_iter_ * 60
    assert net.batch_size_ == 60


def test_of_three_distinct_rows_two_are_held_out():
    rows, y = np.arange(30.0).reshape(-1, 1) % 3, np.arange(30) % 3 == 0
    net = ShallowNetClassifier(5, solver="gd", early_stopping=True, random_state=0)
    with pytest.warns(match="not stratified"), pytest.warns(match="one class only"):  # one row is left
        net.fit(rows, y)


@parametrize("solver", FULL_BATCH)
@parametrize("weight", [0.1, 3.0])
def test_copies_change_no_bit_under_class_weights(solver, weight):
    y, w = LABELS["multiclass"], 1 + W
    net = ShallowNetClassifier(5, solver=solver, class_weight={0: weight, 1: 0.5, 2: 0}, random_state=0)
    weighted = clone(net).fit(X, y, sample_weight=w)
    copied = clone(net).fit(X.repeat(w, axis=0), y.repeat(w))
    assert weighted.n_samples_seen_ == copied.n_samples_seen_
    assert values_equal(weights(weighted), weights(copied))


@parametrize("solver", ["adam", *FULL_BATCH])
@parametrize("arrange", FORMATS)
def test_copies_of_nan_end(solver, arrange):
    """scikit-learn lets nan pass with assume_finite=True."""
    rows = X.copy()
    rows[50:] = rows[0]
    rows[50:, 1] = np.nan
    net = ShallowNetClassifier(5, solver=solver, random_state=0)
    with config_context(assume_finite=True), pytest.raises(ValueError, match="The loss was never finite"):
        net.fit(arrange(rows), LABELS["multiclass"])


@parametrize("early_stopping", [False, True])
@parametrize("arrange", [np.ascontiguousarray, np.asfortranarray])
def test_full_batches_need_one_more_copy(arrange, early_stopping):
    """With early stopping, the training rows are copied too, as they were given."""
    rows = RNG.standard_normal((20_000, 100))
    y, matrix = (rows[:, 0] > 0).astype(int), arrange(rows)
    net = ShallowNetClassifier(2, solver="gd", max_iter=1, alpha=1.0, early_stopping=early_stopping, random_state=0)
    net.fit(rows[:100], y[:100])  # so that imports are not measured
    tracemalloc.start()
    net.fit(matrix, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (2.3 if early_stopping else 1.3) * rows.nbytes


@parametrize("seed", range(10))
def test_the_mean_squared_length_does_not_depend_on_the_order(seed):
    """So that all solvers have the same rules and choose between the same alphas."""
    rng = np.random.default_rng(seed)
    rows, w, y = rng.standard_normal((100, 3)), rng.uniform(0, 2, 100), np.arange(100) % 2
    order = rng.permutation(100)
    lengths = {
        Data(rows[index], y[index], targets_of(y), w[index]).mean_squared_length() for index in (np.arange(100), order)
    }
    assert len(lengths) == 1


@parametrize("early_stopping", [False, True])
@parametrize("solver", FULL_BATCH)
def test_callbacks_see_the_given_rows(solver, early_stopping, monkeypatch):
    seen, y = [], LABELS["binary"]

    class Tasks(CallbackTasks):
        def __init__(self, context, attributes, **given):
            seen.append(given)
            super().__init__(context, attributes, **given)

    monkeypatch.setattr(set_up, "CallbackTasks", Tasks)
    net = ShallowNetClassifier(5, solver=solver, max_iter=2, early_stopping=early_stopping, random_state=0)
    net.fit(X, y, sample_weight=W)
    rows, labels, w = seen[0]["X"], seen[0]["y"], seen[0]["metadata"]["sample_weight"]
    if not early_stopping:
        assert rows is X
        assert_array_equal(labels, y)
        assert_array_equal(w, W)
    else:  # the training rows, in their order, with all copies
        kept = np.flatnonzero((X[:, None] == rows).all(axis=2).any(axis=1) & (W > 0))
        assert_array_equal(rows, X[kept])
        assert_array_equal(labels, y[kept])
        assert_array_equal(w, W[kept])
        assert len(rows) < np.count_nonzero(W)
