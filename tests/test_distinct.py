"""Distinct rows: with a full-batch solver, order and copies of rows change no bit of the net."""

import numpy as np
import pytest
from helpers import NAMES, values_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn.base import clone

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit import distinct
from sk_shallow._fit.distinct import distinct_rows
from sk_shallow.solvers import SGD, SOLVERS, GradientDescent

parametrize = pytest.mark.parametrize
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FULL_BATCH = [name for name, solver in SOLVERS.items() if solver.full_batch]
DTYPES = [np.float32, np.float64]
FORMATS = [np.asarray, csr_array]
KINDS = ["binary", "multiclass", "multilabel"]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4)).round(1)  # with zeros
X[50:] = X[:10]  # with copies
LABELS = {
    "binary": np.array(["a", "b"])[(X[:, 0] > 0).astype(int)],
    "multiclass": (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5),
    "multilabel": (X[:, :3] > 0).astype(int),
}
W = RNG.integers(0, 4, 60)
ROWS = RNG.permutation(np.repeat(np.arange(60), W))
NEGATIVE_ZEROS = np.where(X == 0, -0.0, X)


def weights(net):
    return net.coefs_ + net.intercepts_


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
    numbers = distinct_rows(X)
    assert_same_rows(numbers, X)
    order = np.random.default_rng(0).permutation(len(X))
    assert_array_equal(distinct_rows(X[order]), numbers[order])
    assert_array_equal(distinct_rows(np.asfortranarray(X)), numbers)
    numbers = distinct_rows(csr_array(X))
    assert_same_rows(numbers, X)
    for other in (csr_matrix(X), with_explicit_zeros(X)):
        assert_array_equal(distinct_rows(other), numbers)


@parametrize("arrange", FORMATS)
@parametrize("dtype", DTYPES)
def test_last_bits_do_not_change_the_order(arrange, dtype):
    rows = RNG.standard_normal((200, 5)).astype(dtype)
    changed = rows * (1 + RNG.choice([-1, 1], rows.shape) * np.finfo(dtype).eps)
    assert np.abs(distinct_rows(arrange(rows)) - distinct_rows(arrange(changed))).max() <= 1


@parametrize("arrange", FORMATS)
@parametrize("n_hashes", [1, 3])
def test_rows_with_equal_hashes_are_compared(arrange, n_hashes, monkeypatch):
    hashes = distinct.row_hashes
    monkeypatch.setattr(
        distinct, "row_hashes", lambda X, seed: hashes(X, seed) % n_hashes if seed < 5 else hashes(X, seed)
    )
    rows = RNG.integers(0, 2, (200, 3)).astype(float)
    assert_same_rows(distinct_rows(arrange(rows)), rows)


@parametrize("dtype", DTYPES)
def test_hashes_of_small_integers_differ(dtype):
    """All but a few bits of small integers are zero."""
    grid = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 4), axis=-1).reshape(-1, 4).astype(dtype)
    assert len(np.unique(distinct.row_hashes(grid, 0))) == len(grid)


def test_labels_belong_to_the_row():
    rows, labels = np.ones((4, 2)), np.array(["b", "a", "b", "a"])
    assert_array_equal(distinct_rows(rows, labels), [1, 0, 1, 0])


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


OPTIONS = {
    "plain": {},
    "balanced": {"class_weight": "balanced"},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "scorer": {"early_stopping": True, "validation_fraction": 0.3, "scoring": "accuracy"},
    "schedule": {"learning_rate": "cosine", "max_iter": 30},
    "custom": {"solver": "custom"},
}


@parametrize("options", OPTIONS)
@parametrize("arrange", FORMATS)
@parametrize("kind", KINDS)
@parametrize("solver", FULL_BATCH)
def test_order_changes_no_bit(solver, kind, arrange, options):
    class Custom(GradientDescent):
        pass

    y, w, order = LABELS[kind], RNG.uniform(0, 2, 60), RNG.permutation(60)
    net = ShallowNetClassifier(5, **{"solver": solver, "random_state": 0, **OPTIONS[options]})
    if options == "custom":
        net.set_params(solver=Custom())
    one = clone(net).fit(arrange(X), y, sample_weight=w)
    other = clone(net).fit(arrange(X[order]), y[order], sample_weight=w[order])
    assert values_equal(weights(one), weights(other))
    assert one.validation_scores_ == other.validation_scores_


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


@parametrize("n_rows", [2, 3])
def test_early_stopping_needs_three_distinct_rows(n_rows):
    net = ShallowNetClassifier(5, solver="gd", early_stopping=True, random_state=0)
    rows, y = np.arange(n_rows * 10.0).reshape(-1, 1) % n_rows, np.arange(n_rows * 10) % n_rows == 0
    if n_rows == 3:
        with pytest.warns(match="not stratified"):
            net.fit(rows, y)
        return
    with pytest.raises(ValueError, match="holds out 2 of 2 distinct rows with weight"):
        net.fit(rows, y)
