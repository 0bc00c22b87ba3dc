"""The one file that names private scikit-learn objects.

They have kept these names and meanings in every supported release; a release that moves one is met here.
"""

from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_classes_on_first_call
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = ["Interval", "Options", "StrOptions", "check_classes_on_first_call", "check_sample_weight"]
