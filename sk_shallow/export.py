"""A fitted net as other tools know it."""

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from sk_shallow._component import to_name
from sk_shallow.activations import ACTIVATIONS, Activation, Identity, ReLU, Sigmoid, Tanh

__all__ = ["to_mlpclassifier"]

# The activations that MLPClassifier has, by its names.
NAMES: dict[type[Activation], str] = {Identity: "identity", Sigmoid: "logistic", Tanh: "tanh", ReLU: "relu"}


def to_mlpclassifier(net):
    """Return a fitted `MLPClassifier` with the weights of a fitted net, for the tools that are made for that class.

    It gives the same predictions and probabilities (to rounding). Its parameters are `MLPClassifier`'s defaults but for
    `hidden_layer_sizes` and `activation`: how the net was trained is not carried over.

    Parameters
    ----------
    net : ShallowNetClassifier
        A fitted net whose activation is identity, sigmoid, tanh or relu. Of a pipeline, give the last step.

    Returns
    -------
    mlp : sklearn.neural_network.MLPClassifier
        A new estimator with copies of the weights.

    Raises
    ------
    ValueError
        If `MLPClassifier` does not have the activation, or the net knows only one class.
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
    check_is_fitted(net, "coefs_")
    activation = net._activation
    if type(activation) not in NAMES:
        name = to_name(ACTIVATIONS, activation)
        raise ValueError(f"MLPClassifier has the activations {sorted(NAMES.values())}. The net has {name}.")
    if len(net.classes_) < 2 and net.n_outputs_ == 1:
        raise ValueError(f"MLPClassifier needs two classes at least. The net knows only {net.classes_[0]!r}.")
    mlp = MLPClassifier((len(net.coefs_[1]),), activation=NAMES[type(activation)])
    n_features, dtype = net.n_features_in_, net.coefs_[0].dtype
    multilabel = net.out_activation_ == "logistic" and net.n_outputs_ > 1
    y = np.zeros((1, net.n_outputs_), dtype=int) if multilabel else net.classes_[:1]
    mlp.partial_fit(np.zeros((1, n_features), dtype=dtype), y, classes=net.classes_)  # sets up all that it needs
    mlp.coefs_, mlp.intercepts_ = [[array.copy() for array in arrays] for arrays in (net.coefs_, net.intercepts_)]
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "feature_names_in_"):
        if hasattr(net, name):
            setattr(mlp, name, getattr(net, name))
    return mlp
