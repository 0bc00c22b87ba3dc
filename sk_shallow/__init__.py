"""Neural networks with one hidden layer for scikit-learn users."""

from sk_shallow._classifier import ShallowNetClassifier
from sk_shallow._regressor import ShallowNetRegressor
from sk_shallow.inspection import check_gradient, compute_gradient
from sk_shallow.model_selection import compare_activations, compare_estimators, compare_parameter

__all__ = [
    "ShallowNetClassifier",
    "ShallowNetRegressor",
    "check_gradient",
    "compare_activations",
    "compare_estimators",
    "compare_parameter",
    "compute_gradient",
]
__version__ = "0.1.0"
