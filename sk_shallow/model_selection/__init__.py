"""Comparisons by cross-validation, with a test that shows which differences you can trust."""

from sk_shallow.model_selection._comparison import compare_activations, compare_estimators, compare_parameter
from sk_shallow.model_selection._display import ComparisonDisplay
from sk_shallow.model_selection._results import Comparison, PairwiseComparison

__all__ = [
    "Comparison",
    "ComparisonDisplay",
    "PairwiseComparison",
    "compare_activations",
    "compare_estimators",
    "compare_parameter",
]
