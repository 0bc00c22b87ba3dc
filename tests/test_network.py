"""`value_and_gradient` of every activation: gradients, batches, weights, dropout and penalty."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from helpers import NAMES, random_network
from numpy.testing import assert_array_equal
from scipy import sparse

from sk_shallow._model import network as model
from sk_shallow._model.parameters import Parameters
from sk_shallow.activations import ACTIVATIONS

parametrize = pytest.mark.parametrize


def directional_error(network, seed=0, rng_seed=None):
    """Return the relative error of the gradient along a random direction, with a fixed dropout mask."""

    def J():
        return network.value_and_gradient(rng=None if rng_seed is None else np.random.default_rng(rng_seed))

    theta, h = network.parameters.theta, 1e-6
    v = np.random.default_rng(seed).standard_normal(theta.size)
    J()
    a, start = network.gradient.theta @ v, theta.copy()
    theta[:] = start + h * v
    up = J()
    theta[:] = start - h * v
    n = (up - J()) / (2 * h)
    theta[:] = start
    return abs(a - n) / (abs(a) + abs(n))


@parametrize("name", NAMES)
@parametrize("n2", [1, 2, 3])
@parametrize("penalties", [{}, {"alpha": 0.3}, {"dropout": 0.4}], ids=str)
@parametrize("weighted", [False, True])
def test_gradient(name, n2, penalties, weighted):
    network = random_network(ACTIVATIONS[name](), n2=n2, weighted=weighted, **penalties)
    errors = [directional_error(network, seed, 3 if "dropout" in penalties else None) for seed in range(5)]
    assert np.median(errors) < 1e-6


@parametrize("name", NAMES)
@parametrize("weighted", [False, True])
@parametrize("dtype", [np.float32, np.float64])
def test_mean_squared_length_of_hidden_activations(name, weighted, dtype, monkeypatch):
    network = random_network(ACTIVATIONS[name](), m=50, weighted=weighted, dtype=dtype)
    p = network.parameters
    A1 = model.hidden_activations(network.X, p.coefs, p.intercepts, network.activation)
    expected = np.average((A1.astype(float) ** 2).sum(axis=1), weights=None if network.w is None else network.w[:, 0])
    monkeypatch.setattr(model, "BLOCK_NUMBERS", 30)  # several blocks
    assert network.mean_squared_length_of_A1() == pytest.approx(expected)
    on_sparse = replace(network, X=sparse.csr_matrix(network.X))
    assert on_sparse.mean_squared_length_of_A1() == pytest.approx(expected)


@parametrize("name", NAMES)
@parametrize("weighted", [False, True])
def test_batch_gradients_add_up_to_the_full_one(name, weighted):
    network = random_network(ACTIVATIONS[name](), m=30, weighted=weighted, alpha=0.1)
    J = network.value_and_gradient()
    full = network.gradient.theta.copy()
    total, sum_J = np.zeros_like(full), 0.0
    for rows in (np.arange(0, 7), np.arange(7, 10), slice(10, 30)):
        size = len(network.Y[rows])
        sum_J += size / 30 * network.value_and_gradient(rows)
        total += size / 30 * network.gradient.theta
    np.testing.assert_allclose(total, full, atol=1e-14)
    assert sum_J == pytest.approx(J)


@parametrize("name", NAMES)
@parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_equals_dense(name, container):
    dense = random_network(ACTIVATIONS[name]())
    dense.X[np.abs(dense.X) < 0.7] = 0
    other = random_network(ACTIVATIONS[name]())
    other.X = container(dense.X)
    for rows in (slice(None), np.array([3, 1, 20])):
        assert other.value_and_gradient(rows) == pytest.approx(dense.value_and_gradient(rows))
        np.testing.assert_allclose(other.gradient.theta, dense.gradient.theta, atol=1e-14)
    assert other.loss() == pytest.approx(dense.loss())


@parametrize("name", NAMES)
def test_float32_throughout(name):
    single = random_network(ACTIVATIONS[name](), dtype=np.float32, alpha=0.1, dropout=0.5, weighted=True)
    double = random_network(ACTIVATIONS[name](), dtype=np.float64, alpha=0.1, weighted=True)
    single.value_and_gradient(rng=np.random.default_rng(0))
    assert single.gradient.theta.dtype == single.logits(single.X).dtype == np.float32
    assert single.value_and_gradient() == pytest.approx(double.value_and_gradient(), rel=1e-4)
    np.testing.assert_allclose(single.gradient.theta, double.gradient.theta, atol=1e-3)


def test_data_is_left_alone():
    network = random_network(ACTIVATIONS["relu"](), weighted=True)
    X, Y, w = network.X.copy(), network.Y.copy(), network.w.copy()
    network.value_and_gradient()
    network.loss()
    for before, after in ((X, network.X), (Y, network.Y), (w, network.w)):
        np.testing.assert_array_equal(before, after)


def test_objective_is_loss_plus_penalty():
    network = random_network(ACTIVATIONS["tanh"](), alpha=0.3, weighted=True)
    W1, W2 = network.parameters.W1, network.parameters.W2
    penalty = 0.15 * ((W1**2).sum() + (W2**2).sum()) / network.n_samples
    assert network.penalty() == pytest.approx(penalty)
    assert network.objective() == pytest.approx(network.value_and_gradient())
    assert network.objective() == pytest.approx(network.loss() + penalty)


@parametrize("alpha", [0.0, 0.3])
def test_loss_and_gradient_leaves_the_gradient_of_the_objective(alpha):
    """The loss is without the penalty, for all rows and for a batch."""
    network = random_network(ACTIVATIONS["tanh"](), alpha=alpha, weighted=True)
    for rows in (slice(None), np.arange(7)):
        J = network.value_and_gradient(rows)
        gradient = network.gradient.theta.copy()
        assert network.loss_and_gradient(rows) + network.penalty() == J
        assert (network.penalty() > 0) == (alpha > 0)
        assert_array_equal(network.gradient.theta, gradient)


def test_biases_are_not_penalized():
    network = random_network(ACTIVATIONS["tanh"](), alpha=0.3)
    penalty = network.penalty()
    for bias in network.parameters.intercepts:
        bias += 1
    assert network.penalty() == penalty
    network.loss_and_gradient()
    penalized = network.gradient.theta.copy()
    plain = replace(network, alpha=0.0)
    plain.loss_and_gradient()
    assert_array_equal(
        penalized[network.parameters.weights.size :], plain.gradient.theta[plain.parameters.weights.size :]
    )
    decay = penalized[: plain.parameters.weights.size] - plain.gradient.weights
    np.testing.assert_allclose(decay, 0.01 * network.parameters.weights, atol=1e-15)


@parametrize("name", ["relu", "maxout"])
@parametrize("sizes", [(4, 5, 3), (3, 5, 7), (2, 6, 1)], ids=str)
@parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@parametrize("batch_size", [7, 100, 101])
def test_largest_product(name, sizes, form, batch_size, monkeypatch):
    """It bounds the dense products of a step, and one of them is as large. One output needs no product for dA1."""
    n0, n1, n2 = sizes
    monkeypatch.setattr(model, "BLOCK_NUMBERS", 120)
    network, products, original = random_network(ACTIVATIONS[name](), m=100, n0=n0, n1=n1, n2=n2), [], np.matmul

    def spy(A, B, out=None):
        if A.ndim > 1:  # otherwise it is the sum of rows for db1
            products.append(A.shape[0] * A.shape[1] * B.shape[1])
        return original(A, B, out=out)

    network = replace(network, X=form(network.X))
    monkeypatch.setattr(np, "matmul", spy)
    network.value_and_gradient(np.arange(batch_size) if batch_size < 100 else slice(None))
    assert max(products) == network.largest_product(batch_size)


def test_logits_in_blocks(monkeypatch):
    network = random_network(ACTIVATIONS["maxout"](), m=53)
    whole = network.logits(network.X)
    monkeypatch.setattr(model, "BLOCK_NUMBERS", 70)  # seven rows of ten numbers
    np.testing.assert_allclose(network.logits(network.X), whole, rtol=1e-13)


@parametrize("name", NAMES)
@parametrize("penalties", [{}, {"alpha": 0.3, "dropout": 0.4}], ids=str)
@parametrize("n2", [1, 3])
def test_all_rows_in_blocks(name, penalties, n2, monkeypatch):
    """A pass over all rows equals the sum over its blocks, with dropout mask and penalty."""

    def value_and_gradient():
        network = random_network(ACTIVATIONS[name](), m=53, n2=n2, weighted=True, **penalties)
        J = network.value_and_gradient(rng=np.random.default_rng(0))
        return network, J, network.gradient.theta

    _, J, gradient = value_and_gradient()
    monkeypatch.setattr(model, "BLOCK_NUMBERS", 70)
    network, J_in_blocks, gradient_in_blocks = value_and_gradient()
    assert len(network._row_blocks) > 1
    assert J_in_blocks == pytest.approx(J, rel=1e-13)
    np.testing.assert_allclose(gradient_in_blocks, gradient, rtol=1e-10, atol=1e-13)


@parametrize("name", NAMES)
def test_batches_of_any_size_in_any_order(name):
    """Buffers that a batch leaves behind do not change the next batch."""
    network, rng = random_network(ACTIVATIONS[name](), weighted=True, alpha=0.1), np.random.default_rng(0)
    for size in (7, 30, 1, 7, 12):
        rows = rng.permutation(30)[:size]
        fresh = random_network(ACTIVATIONS[name](), weighted=True, alpha=0.1)
        assert network.value_and_gradient(rows) == fresh.value_and_gradient(rows)
        np.testing.assert_array_equal(network.gradient.theta, fresh.gradient.theta)
        for buffer in network._buffers.values():
            buffer.fill(np.nan)


@parametrize("arrange", [np.asfortranarray, lambda X: np.repeat(X, 2, axis=1)[:, ::2]], ids=["F", "strided"])
def test_layout_of_the_data_does_not_matter(arrange):
    network, other = random_network(ACTIVATIONS["relu"]()), random_network(ACTIVATIONS["relu"]())
    other.X = arrange(other.X)
    for rows in (slice(None), slice(3, 9), np.array([3, 1, 20])):
        assert other.value_and_gradient(rows) == pytest.approx(network.value_and_gradient(rows), rel=1e-13)
        np.testing.assert_allclose(other.gradient.theta, network.gradient.theta, atol=1e-14)


@parametrize(("n0", "n1"), [(4, 9), (9, 4)])
def test_parameters_are_views_whatever_their_layout(n0, n1):
    parameters = Parameters((n0, n1, 3, 1))
    parameters.theta[:] = np.arange(parameters.theta.size)
    assert sum(getattr(parameters, block).size for block in Parameters.BLOCKS) == parameters.theta.size
    for block in Parameters.BLOCKS:
        assert np.shares_memory(getattr(parameters, block), parameters.theta)
        getattr(parameters, block)[...] = -1
    np.testing.assert_array_equal(parameters.theta, -1)


def test_networks_share_nothing_but_the_parameters():
    network = random_network(ACTIVATIONS["relu"](), weighted=True)
    sample = network.sample(10)
    rows = np.arange(5)
    network.value_and_gradient(rows)
    sample.value_and_gradient(rows)
    assert sample.parameters is network.parameters
    mine = [network.gradient.theta, network._scratch.theta, *network._buffers.values()]
    other = [sample.gradient.theta, sample._scratch.theta, *sample._buffers.values()]
    assert not any(np.shares_memory(one, two) for one in mine for two in other)


def test_sample():
    network = random_network(ACTIVATIONS["relu"](), m=2000, weighted=True)
    assert network.sample(2000) is network
    sample = network.sample(1000)
    assert sample.n_samples == 1000
    assert sample.w.mean() == pytest.approx(1)
    assert sample.loss() == pytest.approx(network.loss(), rel=0.1)
    assert sample.loss_of_constant() == pytest.approx(network.loss_of_constant(), rel=0.05)


@parametrize("order", ["periodic", "sorted"])
@parametrize("period", [2, 3, 4, 5, 8, 10])
@parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_a_sample_has_all_kinds_of_rows(order, period, form):
    """Also where rows are periodic or sorted. It is the same sample every time."""
    network = random_network(ACTIVATIONS["relu"](), m=8 * 1000 + 7)
    kinds = np.arange(network.n_samples) % period
    network.X = form((np.sort(kinds) if order == "sorted" else kinds).reshape(-1, 1).astype(float))
    samples = [network.sample(1000) for _ in range(2)]
    first, again = (sample.X.toarray() if sparse.issparse(sample.X) else sample.X for sample in samples)
    assert_array_equal(first, again)
    assert len(first) == 1000
    shares = np.bincount(first[:, 0].astype(int), minlength=period) / 1000
    assert np.abs(shares - 1 / period).max() < 0.05  # three standard deviations of the share of two kinds


def test_a_sample_has_rows_with_a_weight():
    network = random_network(ACTIVATIONS["relu"](), m=5000)
    w = np.where(np.arange(5000) % 100 == 7, 1.0, 0.0).reshape(-1, 1)
    sample = replace(network, w=w / w.mean()).sample(1000)
    assert_array_equal(sample.X, network.X[7::100])
    assert_array_equal(sample.w, 1)


@parametrize("dtype", [np.float32, np.float64])
@parametrize("form", ["dense", "sparse"])
def test_a_sample_of_wide_rows_is_small(dtype, form):
    network = random_network(ACTIVATIONS["relu"](), m=300)
    network.X = np.zeros((300, 20_000), dtype=dtype)
    if form == "sparse":
        ends = np.arange(301) * 20_000
        columns = np.tile(np.arange(20_000, dtype=np.int32), 300)
        network.X = sparse.csr_array((network.X.ravel(), columns, ends), shape=(300, 200_000))
    size = network.X.nbytes if form == "dense" else network.X.data.nbytes + network.X.indices.nbytes
    tracemalloc.start()
    sample = network.sample(2048)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sample.n_samples == 100
    assert peak < 0.4 * size


def test_dropout_keeps_the_expected_activation():
    network = random_network(ACTIVATIONS["sigmoid"](), m=200, n1=50, dropout=0.3)
    A1 = np.ones((200, 50))
    mask = network._dropout_mask(A1, np.random.default_rng(0))
    assert set(np.unique(mask)) == {0.0, 1 / 0.7}
    assert mask.mean() == pytest.approx(1, abs=0.02)
    assert (mask == 0).mean() == pytest.approx(0.3, abs=0.02)


def test_dropout_is_for_training_only():
    network = random_network(ACTIVATIONS["relu"](), dropout=0.5)
    assert network.value_and_gradient() == network.value_and_gradient()
    rng = np.random.default_rng(0)
    assert network.value_and_gradient(rng=rng) != network.value_and_gradient(rng=rng)


def test_without_dropout_nothing_is_drawn():
    rng = np.random.default_rng(0)
    random_network(ACTIVATIONS["relu"]()).value_and_gradient(rng=rng)
    assert rng.random() == np.random.default_rng(0).random()


def test_loss_of_constant_weighted():
    network = random_network(ACTIVATIONS["relu"](), weighted=True)
    p = network.w[:, 0] @ network.Y / network.w.sum()
    assert network.loss_of_constant() == pytest.approx(-(p * np.log(p)).sum())
    assert random_network(ACTIVATIONS["relu"]()).loss_at_zero() == pytest.approx(np.log(3))
    assert random_network(ACTIVATIONS["relu"](), n2=2).loss_at_zero() == pytest.approx(2 * np.log(2))
