import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_absolute_error, mean_pinball_loss, mean_poisson_deviance, mean_squared_error

from sk_shallow.losses import (
    LOSSES,
    AbsoluteError,
    Loss,
    Poisson,
    Quantile,
    RegressionLoss,
    SigmoidLogLoss,
    SoftmaxLogLoss,
    SquaredError,
)

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


# Regression

REGRESSION = [*(kind() for kind in LOSSES.values()), Quantile(0.9)]
MEAN_LOSSES = [  # scikit-learn's, of one output
    (SquaredError(), lambda y, z: mean_squared_error(y, z) / 2),
    (AbsoluteError(), mean_absolute_error),
    (Quantile(), lambda y, z: mean_pinball_loss(y, z, alpha=0.5)),
    (Quantile(0.9), lambda y, z: mean_pinball_loss(y, z, alpha=0.9)),
    (Poisson(), lambda y, z: mean_poisson_deviance(y, np.exp(z)) / 2),
]


def numbers(loss, shape=(40, 3), seed=0):
    """Return targets with ties and, for Poisson, zeros."""
    Y = np.random.default_rng(seed).normal(1, 2, shape).round(1)
    return np.maximum(Y, 0) if loss.positive_only else Y


@parametrize(("loss", "mean_loss"), MEAN_LOSSES, ids=lambda value: repr(value) if isinstance(value, Loss) else "")
def test_losses_are_scikit_learns(loss, mean_loss):
    Y, Z2 = numbers(loss), np.random.default_rng(1).normal(0, 2, (40, 3))
    values, _ = loss.loss_and_residual(Z2.copy(), Y)
    assert values.shape == (40, 3)
    np.testing.assert_allclose(values.mean(axis=0), [mean_loss(y, z) for y, z in zip(Y.T, Z2.T, strict=True)])


@parametrize(
    ("loss", "z", "y", "value", "slope"),
    [
        (SquaredError(), 3.0, 1.0, 2.0, 2.0),
        (AbsoluteError(), 3.0, 1.0, 2.0, 1.0),
        (AbsoluteError(), 1.0, 3.0, 2.0, -1.0),
        (AbsoluteError(), 3.0, 3.0, 0.0, 0.0),
        (Quantile(0.75), 3.0, 1.0, 0.5, 0.25),
        (Quantile(0.75), 1.0, 3.0, 1.5, -0.75),
        (Quantile(0.75), 3.0, 3.0, 0.0, 0.0),
        (Poisson(), 0.0, 0.0, 1.0, 1.0),
        (Poisson(), 0.0, 1.0, 0.0, 0.0),
        (Poisson(), 1.0, np.e, 0.0, 0.0),
        (Poisson(), 0.0, 2.0, 2 * np.log(2) - 1, -1.0),
    ],
    ids=str,
)
@parametrize("dtype", [np.float32, np.float64])
def test_losses_by_hand(loss, z, y, value, slope, dtype):
    values, residual = loss.loss_and_residual(np.array([[z]], dtype=dtype), np.array([[y]], dtype=dtype))
    assert values.dtype == residual.dtype == dtype
    np.testing.assert_allclose([values.item(), residual.item()], [value, slope], atol=4 * np.finfo(dtype).eps)


@parametrize("loss", REGRESSION, ids=str)
@parametrize("size", [0.1, 1, 5])
def test_residual_of_numbers_is_the_gradient(loss, size):
    h, Y = 1e-6, numbers(loss)
    Z2 = size * np.random.default_rng(1).standard_normal(Y.shape)
    up, down = (loss.loss_and_residual(Z2 + sign * h, Y)[0] for sign in (1, -1))
    np.testing.assert_allclose(loss.loss_and_residual(Z2.copy(), Y)[1], (up - down) / (2 * h), rtol=1e-6, atol=1e-8)


@parametrize("loss", REGRESSION, ids=str)
def test_losses_and_gradients_are_pytorchs(loss):
    torch = pytest.importorskip("torch")
    Y = numbers(loss)
    Z2 = np.random.default_rng(1).standard_normal(Y.shape)
    z, y = torch.tensor(Z2, requires_grad=True), torch.tensor(Y)
    if loss.positive_only:
        total = torch.nn.functional.poisson_nll_loss(z, y, log_input=True, full=False, reduction="sum")
        total = total + (torch.special.xlogy(y, y) - y).sum()
    elif loss.has_kinks:
        level, factor = (loss.quantile, 1) if isinstance(loss, Quantile) else (0.5, 2)
        total = factor * torch.maximum(level * (y - z), (level - 1) * (y - z)).sum()
    else:
        total = torch.nn.functional.mse_loss(z, y, reduction="sum") / 2
    total.backward()
    values, residual = loss.loss_and_residual(Z2.copy(), Y)
    assert values.sum() == pytest.approx(total.item())
    np.testing.assert_allclose(residual, z.grad.numpy(), atol=1e-12)


@parametrize("loss", REGRESSION, ids=str)
@parametrize("weighted", [False, True])
def test_the_initial_bias_is_the_best_constant(loss, weighted):
    Y = numbers(loss)
    w = np.random.default_rng(2).integers(0, 4, (40, 1)).astype(float) if weighted else None

    def loss_of(constant):
        values, _ = loss.loss_and_residual(np.tile(constant, (40, 1)), Y)
        return np.average(values, axis=0, weights=None if w is None else w[:, 0])

    best = loss.initial_bias(Y, w)
    for shift in (-1, -0.01, 0.01, 1):
        assert (loss_of(best) <= loss_of(best + shift)).all()
    assert loss.loss_of_constant(Y, w) == pytest.approx(loss_of(best).sum())
    at_zero, _ = loss.loss_and_residual(np.zeros((40, 3)), 10 * Y)
    assert loss.loss_at_zero(10 * Y) == pytest.approx(at_zero.sum() / 40)


@parametrize(("loss", "typical"), zip(REGRESSION, [0.5, 1, 0.5, 1, 0.5], strict=True), ids=str)
def test_the_loss_at_zero_is_at_least_that_of_typical_targets(loss, typical):
    """Of one output, it is that of a target of size 1, or for Poisson, of 0."""
    no_loss = np.full((1, 2), 1.0 if loss.positive_only else 0.0)
    assert loss.loss_at_zero(no_loss) == pytest.approx(2 * typical)
    assert loss.loss_at_zero(100 * no_loss + 100) == loss.loss_and_residual(0 * no_loss, 100 * no_loss + 100)[0].sum()


def test_the_loss_at_zero_of_positive_targets_is_finite():
    """A loss of your own may be defined for positive targets only."""

    class Gamma(RegressionLoss):
        standardizes = False

        def best(self):
            return "the mean"

        def loss_and_residual(self, Z2, Y):
            ratio = Y * np.exp(-Z2)
            return Z2 + ratio - np.log(Y) - 1, 1 - ratio

        def initial_bias(self, Y, w=None):
            return np.log(Y.mean(axis=0))

    assert Gamma().loss_at_zero(np.full((1, 1), np.e)) == pytest.approx(np.e - 2)


@parametrize("loss", REGRESSION, ids=str)
def test_integer_weights_are_rows(loss):
    Y, w = numbers(loss), np.random.default_rng(2).integers(0, 4, 40)
    repeated, weights = np.repeat(Y, w, axis=0), w[:, np.newaxis] / w.mean()
    np.testing.assert_allclose(loss.initial_bias(Y, weights), loss.initial_bias(repeated))
    assert loss.loss_of_constant(Y, weights) == pytest.approx(loss.loss_of_constant(repeated))
    assert loss.curvature(Y, weights) == pytest.approx(loss.curvature(repeated))


@parametrize("size", [1e-9, 1, 1e12])
def test_the_curvature_of_counts_is_their_mean_weighted_by_themselves(size):
    Y = size * numbers(Poisson())
    assert Poisson().curvature(Y) == pytest.approx(max(1, ((Y**2).sum(axis=0) / Y.sum(axis=0)).max()))
    assert Poisson().curvature(0 * Y) == 1  # a batch of a stream may have zeros only


@parametrize("loss", REGRESSION, ids=str)
@parametrize("dtype", [np.float32, np.float64])
def test_exact_far_from_the_target(loss, dtype):
    Z2, Y = np.array([[-1e3], [50]], dtype=dtype), np.array([[2], [2]], dtype=dtype)
    values, residual = loss.loss_and_residual(Z2.copy(), Y)
    assert np.isfinite(values).all()
    assert (np.sign(residual) == [[-1], [1]]).all()
    if loss.positive_only:
        np.testing.assert_allclose(residual[:, 0], [-2, np.exp(50)], rtol=1e-5)


@parametrize("dtype", [np.float32, np.float64])
def test_predictions_of_counts_are_positive_and_finite(dtype):
    with np.errstate(over="ignore", under="ignore"):
        A2 = Poisson().predictions(np.array([-1e4, 0, 1e4], dtype=dtype))
    assert (A2 > 0).all()
    assert np.isfinite(A2).all()
    assert A2[1] == 1
