"""What a fitted net looks like: displays, which need matplotlib (``sk-shallow[plot]``), and a report on its units."""

from sk_shallow.inspection._displays import (
    ActivationComparisonDisplay,
    ActivationDisplay,
    HiddenWeightsDisplay,
    LossCurveDisplay,
)
from sk_shallow.inspection._report import HiddenUnitReport, hidden_unit_report

__all__ = [
    "ActivationComparisonDisplay",
    "ActivationDisplay",
    "HiddenUnitReport",
    "HiddenWeightsDisplay",
    "LossCurveDisplay",
    "hidden_unit_report",
]
