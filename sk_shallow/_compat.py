"""All uses of private scikit-learn objects. If a release moves one, change it here.

Only `_parameter_constraints`, a table that scikit-learn reads from each class, stands in the classes themselves.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.metrics._scorer import _BaseScorer as MadeScorer
from sklearn.metrics._scorer import _MultimetricScorer as SeveralScorers
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection._split import _RepeatedSplits as RepeatedSplits
from sklearn.utils._optional_dependencies import check_matplotlib_support, check_pandas_support
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import _safe_split as split_of
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_classes_on_first_call
from sklearn.utils.parallel import _get_threadpool_controller
from sklearn.utils.validation import _check_method_params as params_of_rows
from sklearn.utils.validation import _check_sample_weight as check_sample_weight


class NoCallbacks:
    """Replaces scikit-learn's callback context where callbacks are not supported: does nothing and never stops."""

    def subcontext(self, **options: Any) -> "NoCallbacks":
        return self

    def call_on_fit_task_begin(self, **arguments: Any) -> None:
        pass

    def call_on_fit_task_end(self, **arguments: Any) -> bool:
        return False

    def propagate_callback_context(self, estimator: Any) -> AbstractContextManager[None]:
        return nullcontext()


class NoCallbackSupport:
    def _init_callback_context(self, **options: Any) -> NoCallbacks:
        return NoCallbacks()


try:  # scikit-learn 1.9 or later
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:
    CallbackSupportMixin = NoCallbackSupport

    def with_callbacks(method: Any) -> Any:
        return method


# What scikit-learn keeps on an estimator while its callbacks run.
CALLBACK_STATE = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


def set_callbacks(estimator: Any, callbacks: Any) -> None:
    if not hasattr(estimator, "set_callbacks"):
        raise ValueError("callbacks need scikit-learn 1.9 or later. Update it, or leave callbacks out.")
    estimator.set_callbacks(*callbacks)


def callback_context(estimator: Any, **options: Any) -> Any:
    """Set up the estimator's callbacks and return their context, also if there are none."""
    return estimator._init_callback_context(**options)


def validate_parameters(estimator: Any) -> None:
    estimator._validate_params()


def routed_params(estimator: Any, scorer: Any, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments that a search passes to `fit` of its estimator and to the scorer, and warn as it does."""
    routed = GridSearchCV(estimator, {}, scoring=scorer, cv=2)._get_routed_params_for_fit(params)
    groups = {"groups": params["groups"]} if "groups" in params and not is_routing() else {}  # a search keeps them
    return routed.estimator.fit | groups, routed.scorer.score


def is_routing() -> bool:
    return get_config()["enable_metadata_routing"]


def params_of_steps(pipeline: Any, params: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    """Return the arguments that each step of a pipeline gets in `fit`, by method."""
    routed = pipeline._check_method_params("fit", params)
    return [routed.get(name, {}) for name, _ in pipeline.steps]


def state_that_clones_keep(estimator: Any) -> Any:
    """Return what a clone keeps besides the parameters: the settings of `set_output`, and itself for a frozen one."""
    kind = type(estimator)
    frozen = estimator if kind.__sklearn_clone__ is not BaseEstimator.__sklearn_clone__ else None
    return id(frozen), getattr(estimator, "_sklearn_output_config", None)


@cache
def blas_libraries() -> list[Any]:
    """Return the OpenBLAS libraries whose number of threads is one for the whole process.

    With OpenMP it belongs to each thread, and other libraries choose a good number themselves.
    """
    libraries = _get_threadpool_controller().select(internal_api="openblas").lib_controllers
    return [library for library in libraries if library.threading_layer != "openmp"]


def openmp_has_one_thread() -> AbstractContextManager[Any]:
    """Limit OpenMP, which boosting uses, to one thread. The limit holds for the calling thread only."""
    return _get_threadpool_controller().limit(limits=1, user_api="openmp")


def set_blas_threads(library: Any, n_threads: int) -> None:
    library.set_num_threads(n_threads)
    # Since threadpoolctl 3.8, the first thread to set a limit keeps control. This gives it back.
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread()
