import numpy as np
import pytest
from sklearn.metrics import log_loss

from sk_shallow.losses import SigmoidLogLoss, SoftmaxLogLoss

HEADS = [SigmoidLogLoss(), SoftmaxLogLoss()]
parametrize = pytest.mark.parametrize


def targets(head, m, n2, rng):
    return np.eye(n2)[rng.integers(n2, size=m)] if head.name == "softmax" else 1.0 * rng.integers(2, size=(m, n2))


@parametrize("head", HEADS)
@parametrize("size", [0.1, 1, 30])
def test_residual_is_the_gradient_of_the_loss(head, size):
    rng, h = np.random.default_rng(0), 1e-6
    Z2, Y = size * rng.standard_normal((20, 4)), targets(head, 20, 4, rng)
    _, residual = head.loss_and_residual(Z2.copy(), Y)
    V = rng.standard_normal(Z2.shape)
    up, down = (head.loss_and_residual(Z2 + sign * h * V, Y)[0] for sign in (1, -1))
    difference = (up - down).sum(axis=1) / (2 * h)
    np.testing.assert_allclose((residual * V).sum(axis=1), difference, rtol=1e-6, atol=1e-8)


@parametrize("head", HEADS)
@parametrize("dtype", [np.float32, np.float64])
def test_exact_at_extreme_logits(head, dtype):
    Z2 = np.array([[1e3, -1e3], [-1e3, 1e3]], dtype=dtype)
    Y = np.array([[1, 0], [1, 0]], dtype=dtype)
    loss, residual = head.loss_and_residual(Z2.copy(), Y)
    np.testing.assert_array_equal(loss.sum(axis=1), [0, 2000])
    np.testing.assert_array_equal(residual, [[0, 0], [-1, 1]])
    assert loss.dtype == residual.dtype == dtype
    assert np.isfinite(head.log_probabilities(Z2)).all()
    assert np.isfinite(head.probabilities(Z2)).all()


@parametrize("head", HEADS)
def test_probabilities_and_loss_belong_together(head):
    rng = np.random.default_rng(0)
    Z2, Y = rng.standard_normal((50, 4)), targets(head, 50, 4, rng)
    A2 = head.probabilities(Z2)
    loss, residual = head.loss_and_residual(Z2.copy(), Y)
    np.testing.assert_allclose(residual, A2 - Y, atol=1e-15)
    np.testing.assert_allclose(head.log_probabilities(Z2), np.log(A2), atol=1e-13)
    chosen = Y * np.log(A2) + ((1 - Y) * np.log(1 - A2) if head.name == "logistic" else 0)
    np.testing.assert_allclose(loss.sum(axis=1), -chosen.sum(axis=1), rtol=1e-12)


def test_softmax_loss_is_scikit_learns():
    rng = np.random.default_rng(0)
    Z2, y = rng.standard_normal((50, 4)), rng.integers(4, size=50)
    loss, _ = SoftmaxLogLoss().loss_and_residual(Z2.copy(), np.eye(4)[y])
    assert loss.mean() == pytest.approx(log_loss(y, SoftmaxLogLoss().probabilities(Z2)))


@parametrize("head", HEADS)
@parametrize("weighted", [False, True])
def test_loss_of_constant_is_that_of_the_frequencies(head, weighted):
    rng = np.random.default_rng(0)
    Y = targets(head, 40, 3, rng)
    w = rng.uniform(size=(40, 1)) if weighted else None
    p = np.average(Y, axis=0, weights=w if w is None else w.ravel())
    Z2 = np.tile(np.log(p) - (np.log1p(-p) if head.name == "logistic" else 0), (40, 1))
    assert head.loss_of_constant(Y, w) == pytest.approx(
        np.average(head.loss_and_residual(Z2, Y)[0].sum(axis=1), weights=w if w is None else w.ravel())
    )
    assert head.loss_of_constant(np.tile([0.0, 1.0], (5, 1))) == 0


@parametrize("head", HEADS)
@parametrize("n2", [2, 5])
def test_loss_at_zero(head, n2):
    Y = targets(head, 40, n2, np.random.default_rng(0))
    assert head.loss_at_zero(Y) == pytest.approx(head.loss_and_residual(np.zeros_like(Y), Y)[0].sum(axis=1).mean())


def test_outputs_with_weights_of_their_own():
    """The best constant then predicts the weighted frequencies of each output."""
    rng = np.random.default_rng(0)
    Y, w = targets(SigmoidLogLoss(), 40, 3, rng), rng.uniform(size=(40, 3))
    p = np.average(Y, axis=0, weights=w)
    loss, _ = SigmoidLogLoss().loss_and_residual(np.tile(np.log(p / (1 - p)), (40, 1)), Y)
    assert SigmoidLogLoss().loss_of_constant(Y, w) == pytest.approx((w * loss).sum() / w.sum(axis=0).mean())


@parametrize("dtype", [np.float32, np.float64])
def test_probabilities_of_the_sigmoid_are_neither_0_nor_1(dtype):
    A2 = SigmoidLogLoss().probabilities(np.array([[-1e3, 1e3]], dtype=dtype))
    assert ((A2 > 0) & (A2 < 1)).all()
    np.testing.assert_allclose(A2, [[0, 1]], atol=1e-6)
