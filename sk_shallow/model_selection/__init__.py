"""Comparisons by cross-validation, with a test that shows which differences you can trust."""

from sk_shallow.model_selection._comparison import compare_activations
from sk_shallow.model_selection._display import ActivationComparisonDisplay
from sk_shallow.model_selection._results import ActivationComparison, PairwiseComparison

__all__ = ["ActivationComparison", "ActivationComparisonDisplay", "PairwiseComparison", "compare_activations"]
