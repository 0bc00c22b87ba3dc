"""Convert a net to scikit-learn's `MLPClassifier` or `MLPRegressor`."""

import warnings
from copy import deepcopy

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.validation import check_is_fitted

from sk_shallow._classifier import ShallowNetClassifier
from sk_shallow._component import to_name
from sk_shallow._fit.targets import MultilabelTargets
from sk_shallow._regressor import ShallowNetRegressor
from sk_shallow.activations import ACTIVATIONS, Activation, Identity, ReLU, Sigmoid, Tanh
from sk_shallow.losses import predicts_exp

__all__ = ["to_mlpclassifier", "to_mlpregressor"]

MLP_ACTIVATIONS: dict[type[Activation], str] = {Identity: "identity", Sigmoid: "logistic", Tanh: "tanh", ReLU: "relu"}


def to_mlpclassifier(net):
    """Convert a fitted net to a new `MLPClassifier`.

    Use it for tools that only accept that class. The weights are copied. Predictions and probabilities are the same (to
    rounding). Only `hidden_layer_sizes` and `activation` are set; all other parameters, such as those of the training,
    are `MLPClassifier`'s defaults.

    Parameters
    ----------
    net : ShallowNetClassifier
        A fitted net whose activation is identity, sigmoid, tanh or relu. For a pipeline, pass its last
        step. The result then needs rows that the other steps have transformed.

    Returns
    -------
    mlp : MLPClassifier
        A fitted copy.

    Raises
    ------
    TypeError
        If `net` is not a `ShallowNetClassifier`.
    ValueError
        If `MLPClassifier` does not have the activation, or the net has only one class.
    NotFittedError
        If the net is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.export import to_mlpclassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ShallowNetClassifier(activation="tanh", random_state=0).fit(X, y)
    >>> bool(np.allclose(to_mlpclassifier(net).predict_proba(X), net.predict_proba(X), atol=1e-12))
    True
    """
    activation = _checked_activation(net, ShallowNetClassifier, "MLPClassifier")
    if len(net.classes_) < 2:
        raise ValueError(
            f"MLPClassifier needs at least two classes. Got a net with one class, {net.classes_.tolist()[0]!r}."
        )
    mlp = MLPClassifier((len(net.coefs_[1]),), activation=activation)
    X = np.zeros((1, net.n_features_in_), dtype=net.coefs_[0].dtype)
    multilabel = isinstance(net._targets, MultilabelTargets)
    y = np.zeros((1, net.n_outputs_), dtype=int) if multilabel else net.classes_[:1]
    mlp.partial_fit(X, y, classes=net.classes_)  # creates its private attributes
    return _with_weights(mlp, net, net.coefs_, net.intercepts_)


def to_mlpregressor(net):
    """Convert a fitted net to a new `MLPRegressor`.

    Use it for tools that only accept that class. Predictions are the same (to rounding). The last layer includes the
    mean and the scale of the targets, so its weights differ. Only `hidden_layer_sizes`, `activation` and `loss` are
    set; all other parameters are `MLPRegressor`'s defaults. `MLPRegressor` does not limit predictions to
    `target_limits_`.

    Parameters
    ----------
    net : ShallowNetRegressor
        A fitted net whose activation is identity, sigmoid, tanh or relu. For a pipeline, pass its last
        step. The result then needs rows that the other steps have transformed.

    Returns
    -------
    mlp : MLPRegressor
        A fitted copy.

    Raises
    ------
    TypeError
        If `net` is not a `ShallowNetRegressor`.
    ValueError
        If `MLPRegressor` does not have the activation, or a loss of your own has its own `predictions`.
    NotFittedError
        If the net is not fitted.

    Warns
    -----
    UserWarning
        If `target_limits_` has a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sk_shallow import ShallowNetRegressor
    >>> from sk_shallow.export import to_mlpregressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = ShallowNetRegressor(activation="tanh", random_state=0).fit(X, y)
    >>> bool(np.allclose(to_mlpregressor(net).predict(X), net.predict(X), rtol=1e-12))
    True
    """
    activation = _checked_activation(net, ShallowNetRegressor, "MLPRegressor")
    if np.isfinite(net.target_limits_).any():
        warnings.warn("MLPRegressor does not limit predictions to target_limits_. Clip them.", stacklevel=2)
    loss = "poisson" if predicts_exp(net._loss) else "squared_error"
    mlp = MLPRegressor(loss, (len(net.coefs_[1]),), activation)
    X, y = np.zeros((1, net.n_features_in_), dtype=net.coefs_[0].dtype), np.ones((1, net.n_outputs_))
    mlp.partial_fit(X, y[0] if net.n_outputs_ == 1 else y)  # creates its private attributes
    (W1, W2), (b1, b2), mean, scale = net.coefs_, net.intercepts_, net.target_mean_, net.target_scale_
    if loss == "poisson":
        mean = np.log(np.where(scale == 0, mean, 1))  # the scale is 0 or 1
    W2, b2 = (W2 * scale).astype(W2.dtype), (b2 * scale + mean).astype(b2.dtype)
    return _with_weights(mlp, net, [W1, W2], [b1, b2])


def _checked_activation(net, kind, name):
    """Return the name that scikit-learn gives the activation of a fitted net."""
    if not isinstance(net, kind):
        raise TypeError(
            f"to_{name.lower()} needs a {kind.__name__}. Got {type(net).__name__}. For a pipeline, pass its last "
            "step, pipeline[-1]. The result then needs rows that pipeline[:-1] has transformed. For a search, pass "
            "best_estimator_, or its last step."
        )
    check_is_fitted(net, "coefs_")
    if type(net._activation) not in MLP_ACTIVATIONS:
        names, own = sorted(MLP_ACTIVATIONS.values()), to_name(ACTIVATIONS, net._activation)
        raise ValueError(f"{name} has the activations {names}. Got a net with {own}.")
    return MLP_ACTIVATIONS[type(net._activation)]


def _with_weights(mlp, net, coefs, intercepts):
    mlp.coefs_, mlp.intercepts_ = [[array.copy() for array in arrays] for arrays in (coefs, intercepts)]
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "feature_names_in_"):
        if hasattr(net, name):
            setattr(mlp, name, deepcopy(getattr(net, name)))
    return mlp
