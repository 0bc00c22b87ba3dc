"""`check_gradient` compares back-propagation with central differences of the objective."""

from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from sk_shallow._base import ShallowNet
from sk_shallow._fit.plan import make_plan
from sk_shallow._fit.set_up import initial_network
from sk_shallow._fit.state import TrainingState
from sk_shallow._fit.validation import check_fit
from sk_shallow.activations import as_activation

# Steps h of the central differences. A large one crosses kinks and sees curvature, a small one sees rounding.
DIFFERENCE_STEPS = (1e-4, 1e-5, 1e-6, 1e-7)


def check_gradient(estimator, X, y, sample_weight=None, *, n_directions=10, random_state=0):
    """Return the relative error of the gradient of a net's objective, for each block of parameters.

    For each block and random unit directions v in it, the check compares the derivative from back-propagation,
    ``a = dJ . v``, with the central difference ``n = (J(theta + h v) - J(theta - h v)) / 2h``. It uses the best h of
    1e-4, 1e-5, 1e-6 and 1e-7. It checks the whole objective in float64, including weights, penalty and dropout (with
    one mask for all evaluations). theta is the initial weights plus noise of standard deviation 0.1, so that no block
    is zero.

    Parameters
    ----------
    estimator : ShallowNetClassifier or ShallowNetRegressor
        Estimator with the parameters to check. It is not fitted or changed.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features. A few rows are enough. Scaled features make the check more sensitive.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or numbers.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, as in `fit`.
    n_directions : int in [1, inf), default=10
        Number of directions per block.
    random_state : int, RandomState instance or None, default=0
        Source of the noise, the directions and the dropout mask.

    Returns
    -------
    errors : dict of str to float
        For "W1", "b1", "W2" and "b2", the median over the directions of ``abs(a - n) / max(abs(a) + abs(n), tiny)``. It
        is below 1e-6 if the gradient is correct. If the derivative of the activation is wrong by 0.1 %, it is 5e-4 for
        "W1" and "b1". The median ignores a few directions that cross a kink, such as relu at 0.

    Raises
    ------
    ValueError
        As in `fit`, or if `n_directions` is below 1.
    TypeError
        If `estimator` is not a net. For a pipeline, pass its last step and transformed data.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from sk_shallow import ShallowNetClassifier, check_gradient
    >>> X, y = load_iris(return_X_y=True)
    >>> errors = check_gradient(ShallowNetClassifier(activation="tanh"), scale(X), y)
    >>> max(errors.values()) < 1e-6
    True
    """
    check_scalar(n_directions, "n_directions", Integral, min_val=1)
    if not isinstance(estimator, ShallowNet):
        raise TypeError(
            f"check_gradient needs a net of sk_shallow. Got {type(estimator).__name__}. For a pipeline, pass its last "
            "step and transformed data."
        )
    rng = check_random_state(random_state)
    network = network_at_start(estimator, X, y, sample_weight)
    theta, dropout_seed = network.parameters.theta, rng.randint(np.iinfo(np.int32).max)
    start = theta + 0.1 * rng.standard_normal(theta.size)

    def objective(point):
        theta[:] = point
        return network.value_and_gradient(rng=np.random.default_rng(dropout_seed))

    def error(block):
        direction = network.parameters.zeros_like()
        getattr(direction, block)[...] = rng.standard_normal(getattr(direction, block).shape)
        v = direction.theta / np.linalg.norm(direction.theta)
        a = gradient @ v
        differences = [(objective(start + h * v) - objective(start - h * v)) / (2 * h) for h in DIFFERENCE_STEPS]
        return min(abs(a - n) / max(abs(a) + abs(n), np.finfo(np.float64).tiny) for n in differences)

    with np.errstate(all="ignore"):
        objective(start)
        gradient = network.gradient.theta.copy()
        return {
            block: float(np.median([error(block) for _ in range(n_directions)])) for block in ("W1", "b1", "W2", "b2")
        }


@np.errstate(all="ignore")
def network_at_start(estimator, X, y, sample_weight=None):
    """Return the network from which `fit` would start, in float64, on all rows. The estimator is not changed."""
    estimator = clone(estimator).set_params(solver="gd")  # allows dropout; the objective is the same
    data, _ = check_fit(estimator, (X, y, sample_weight, None), (None, None, None))
    data = replace(data, matrix=data.matrix.astype(np.float64)).with_fitted_targets()
    activation, state = as_activation(estimator.activation), TrainingState.of(estimator, resume=False)
    return initial_network(estimator, data, make_plan(estimator, data), activation, state)
