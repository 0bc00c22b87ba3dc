"""The gradient of the objective, and `check_gradient`, which compares it with central differences."""

from copy import copy, deepcopy
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_scalar

from sk_shallow._base import ShallowNet
from sk_shallow._fit.set_up import initial_network
from sk_shallow._fit.state import TrainingState
from sk_shallow._fit.validation import GivenRows, check_rows
from sk_shallow.activations import as_activation

# Steps h of the central differences. A large one crosses kinks and sees curvature, a small one sees rounding.
BLOCKS = ("W1", "b1", "W2", "b2")  # layer by layer
DIFFERENCE_STEPS = (1e-4, 1e-5, 1e-6, 1e-7)


def check_gradient(estimator, X, y, sample_weight=None, *, n_directions=10, random_state=0):
    """Return the relative errors of a net's gradient, for W1, b1, W2 and b2.

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
    _check_net(estimator, "check_gradient")
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
        return {block: float(np.median([error(block) for _ in range(n_directions)])) for block in BLOCKS}


def compute_gradient(estimator, X, y, sample_weight=None):
    """Return the gradient of a net's objective on some rows, at its present weights.

    It is the gradient of J in the docstrings of the two nets, computed by back-propagation, in float64 and
    without dropout. Use it to see what a training step changes, or to check a gradient that you derived by hand.

    Parameters
    ----------
    estimator : ShallowNetClassifier or ShallowNetRegressor
        A fitted net, or a new one. For a new one, the weights are those from which `fit` would start, so give it a
        `random_state` or a pair of arrays as `init`. It is not fitted or changed.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or numbers. If the net is fitted, not every class must occur.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, as in `fit`.

    Returns
    -------
    gradient : Bunch of four ndarrays of float64
        ``dW1``, ``db1``, ``dW2`` and ``db2``, also as ``gradient["dW1"]``. They have the shapes of W1, b1, W2 and b2:
        see `coefs_` and `intercepts_`.

    Raises
    ------
    ValueError
        As in `fit`.
    TypeError
        If `estimator` is not a net. For a pipeline, pass its last step and transformed data.

    See Also
    --------
    check_gradient : Compare back-propagation with finite differences.

    Notes
    -----
    The penalty is divided by the sample size of the given rows. Its strength is `alpha_` of a fitted net. For a new net
    with ``alpha="auto"``, it is the ``alpha`` of `partial_fit`.

    Examples
    --------
    One step of gradient descent subtracts the learning rate times the gradient:

    >>> import numpy as np
    >>> from sk_shallow import ShallowNetClassifier, compute_gradient
    >>> X, y = np.array([[-1.0], [0.0], [2.0]]), [0, 1, 1]
    >>> init = [[1.0, -1.0]], [[0.5], [0.5]]  # W1 and W2
    >>> net = ShallowNetClassifier(2, "tanh", init=init, solver="gd", learning_rate_init=0.1, alpha=0)
    >>> gradient = compute_gradient(net, X, y)
    >>> gradient.dW2.round(3)
    array([[-0.288],
           [ 0.288]])
    >>> W2 = [[0.5], [0.5]] - 0.1 * gradient.dW2
    >>> np.allclose(net.partial_fit(X, y, classes=[0, 1]).coefs_[1], W2)
    True
    """
    _check_net(estimator, "compute_gradient")
    with np.errstate(all="ignore"):
        network = _network(copy(estimator), X, y, sample_weight)
        network.value_and_gradient()
    return Bunch(**{f"d{name}": getattr(network.gradient, name).copy() for name in BLOCKS})


@np.errstate(all="ignore")
def network_at_start(estimator, X, y, sample_weight=None):
    """Return the network from which `fit` would start, in float64, on all rows. The estimator is not changed."""
    return _network(clone(estimator), X, y, sample_weight)


def _network(estimator, X, y, sample_weight):
    """Return the network of an estimator in float64: at its weights, or at those from which `fit` would start.

    This changes the estimator, which must be a copy.
    """
    random_state = deepcopy(estimator.random_state)  # numbers that are drawn here do not count for the user's
    estimator.set_params(solver="gd", random_state=random_state)  # "gd" allows dropout; the objective is the same
    fitted = hasattr(estimator, "coefs_")
    if fitted:
        estimator.set_params(alpha=estimator.alpha_)
    data = check_rows(estimator, GivenRows(X, y, sample_weight))
    data = replace(data, matrix=data.matrix.astype(np.float64))
    data = data if fitted else data.with_fitted_targets()
    activation = estimator._activation if fitted else as_activation(estimator.activation)
    state = TrainingState.of(estimator, resume=fitted)
    return initial_network(estimator, data, activation, state)


def _check_net(estimator, caller):
    if not isinstance(estimator, ShallowNet):
        raise TypeError(
            f"{caller} needs a net of sk_shallow. Got {type(estimator).__name__}. For a pipeline, pass its last "
            "step and transformed data."
        )
