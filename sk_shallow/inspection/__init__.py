"""Look inside a net: displays, which need matplotlib, a report on units, gradients."""

from sk_shallow.inspection._displays import ActivationDisplay, HiddenWeightsDisplay, LossCurveDisplay
from sk_shallow.inspection._gradient_check import check_gradient, compute_gradient
from sk_shallow.inspection._report import HiddenUnitReport, hidden_unit_report

__all__ = [
    "ActivationDisplay",
    "HiddenUnitReport",
    "HiddenWeightsDisplay",
    "LossCurveDisplay",
    "check_gradient",
    "compute_gradient",
    "hidden_unit_report",
]
