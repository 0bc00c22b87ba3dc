"""Comparisons by cross-validation, with a test that says which differences can be trusted."""

from sk_shallow.model_selection._comparison import compare_activations
from sk_shallow.model_selection._results import ActivationComparison, PairwiseComparison

__all__ = ["ActivationComparison", "PairwiseComparison", "compare_activations"]
