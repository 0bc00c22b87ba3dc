"""Neural networks with one hidden layer for scikit-learn users."""

from sk_shallow._classifier import ShallowNetClassifier
from sk_shallow.inspection._gradient_check import check_gradient

__all__ = ["ShallowNetClassifier", "check_gradient"]
__version__ = "0.1.0"
