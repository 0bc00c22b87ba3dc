"""The one file that names private scikit-learn objects.

They have kept these names and meanings in every supported release; a release that moves one is met here. Only
`_parameter_constraints`, a table that scikit-learn reads from each class, stands in the classes themselves.
"""

from typing import Any

from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_classes_on_first_call
from sklearn.utils.parallel import _get_threadpool_controller
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "Interval",
    "Options",
    "StrOptions",
    "blas_libraries",
    "check_classes_on_first_call",
    "check_sample_weight",
    "set_blas_threads",
    "validate_parameters",
]


def validate_parameters(estimator: Any) -> None:
    """Raise ValueError where a parameter has a value that `_parameter_constraints` does not allow."""
    estimator._validate_params()


def blas_libraries() -> list[Any]:
    """Return the BLAS libraries of this process, as threadpoolctl sees them."""
    return _get_threadpool_controller().select(user_api="blas").lib_controllers


def set_blas_threads(library: Any, n_threads: int) -> None:
    """Let one of the `blas_libraries` use so many threads from now on.

    From threadpoolctl 3.8 on, only the first thread that does so has a say until it gives that up, as it does here.
    """
    library.set_num_threads(n_threads)
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread()
