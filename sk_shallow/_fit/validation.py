"""Validation of parameters, rows, labels and weights.

Like scikit-learn's helpers, the functions store two things on the estimator: the number and names of the features, and
the classes of `partial_fit`. They change nothing else.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from sk_shallow._compat import check_sample_weight, validate_parameters
from sk_shallow._component import from_name
from sk_shallow._fit.data import Data
from sk_shallow._fit.targets import Targets
from sk_shallow.activations import check_pair
from sk_shallow.schedules import SCHEDULES
from sk_shallow.solvers import LBFGS, SOLVERS

DTYPES = (np.float64, np.float32)
IN_A_PIPELINE = (
    "In a pipeline, let the steps transform X_val too: enable metadata routing, and use Pipeline(..., "
    'transform_input=["X_val"]) with set_fit_request(X_val=True, y_val=True) of the net.'
)


class GivenRows(NamedTuple):
    """The rows as a method was given them."""

    X: Any
    y: Any
    sample_weight: Any = None
    groups: Any = None


@np.errstate(all="ignore")
def check_fit(estimator: Any, rows: GivenRows, validation: GivenRows, resume: bool = False) -> tuple[Data, Data | None]:
    """Return the training data of a call of `fit`, and the validation data or None.

    Raises ValueError if a parameter or an argument is invalid.
    """
    _check_parameters(estimator)
    _check_fit_arguments(estimator, validation)
    rows = _validated(estimator, rows, reset=not resume)
    groups = None if rows.groups is None else index_of_groups(rows.groups, len(rows.y))
    groups = groups if validation.X is None else None
    data = _data(estimator, rows, estimator._targets_of(rows.y, resume), groups)
    class_weights = estimator._class_weights(data)
    if validation.X is None:
        return data.with_class_weights(class_weights), None
    try:
        validation = _validated(estimator, validation, reset=False, dtype=rows.X.dtype)
        held_out = _data(estimator, validation, data.targets)
    except ValueError as error:
        advice = f" {IN_A_PIPELINE}" if "feature" in str(error) else ""
        raise ValueError(f"Invalid validation set (X_val, y_val, sample_weight_val): {error}{advice}") from error
    return data.with_class_weights(class_weights), held_out.with_class_weights(class_weights)


@np.errstate(all="ignore")
def check_partial_fit(estimator: Any, rows: GivenRows, classes: Any) -> Data:
    """Return the training data of a call of `partial_fit`. Raises ValueError as `check_fit`."""
    _check_parameters(estimator)
    _check_partial_fit_parameters(estimator)
    resume = hasattr(estimator, "coefs_")
    dtype = estimator.coefs_[0].dtype if resume else DTYPES
    rows = _validated(estimator, rows, reset=not resume, dtype=dtype)
    data = _data(estimator, rows, estimator._targets_of_part(rows.y, classes))
    return data.with_class_weights(estimator._class_weights(data))


@np.errstate(all="ignore")
def check_rows(estimator: Any, rows: GivenRows) -> Data:
    """Return the rows on which to evaluate the objective of an estimator, whether fitted or not.

    If it is fitted, a class may be missing. Raises ValueError as `check_fit`.
    """
    _check_parameters(estimator)
    fitted = hasattr(estimator, "coefs_")
    rows = _validated(estimator, rows, reset=not fitted)
    data = _data(estimator, rows, estimator._targets if fitted else estimator._targets_of(rows.y))
    return data.with_class_weights(estimator._class_weights(data))


def _check_parameters(estimator: Any) -> None:
    size = estimator.hidden_size
    if isinstance(size, (tuple, list)) or (isinstance(size, np.ndarray) and size.ndim == 1):
        advice = f"Write hidden_size={size[0]}" if len(size) == 1 else "For more layers, use MLPClassifier"
        raise ValueError(f"hidden_size must be an int: the net has one hidden layer. Got {size!r}. {advice}.")
    check_pair(estimator.activation)
    validate_parameters(estimator)


def _check_fit_arguments(estimator: Any, validation: GivenRows) -> None:
    given = {"X_val": validation.X, "y_val": validation.y, "sample_weight_val": validation.sample_weight}
    for one, other in (("X_val", "y_val"), ("y_val", "X_val"), ("sample_weight_val", "X_val")):
        if given[one] is not None and given[other] is None:
            raise ValueError(f"{one} is provided, but {other} was not provided. Pass both, or none.")
    if validation.X is not None and not estimator.early_stopping and estimator.alpha != "auto":
        raise ValueError(
            "X_val and y_val need early_stopping=True or alpha='auto', which use them. Got early_stopping=False and "
            f"alpha={estimator.alpha!r}. Set one of them, or leave X_val and y_val out. {IN_A_PIPELINE}"
        )
    if estimator.dropout and isinstance(from_name(SOLVERS, estimator.solver), LBFGS):
        raise ValueError(
            f"solver={estimator.solver!r} needs dropout=0, because its line search needs the same objective at every "
            f"evaluation. Got dropout={estimator.dropout}. Set dropout=0, or use another solver."
        )


def _check_loss(estimator: Any, targets: Targets) -> None:
    if targets.loss_function.has_kinks and isinstance(from_name(SOLVERS, estimator.solver), LBFGS):
        raise ValueError(
            f"solver={estimator.solver!r} needs a loss without kinks, because it assumes that the gradient is smooth. "
            f"Got loss={estimator.loss!r}. Use solver='adam', or loss='squared_error'."
        )


def _check_partial_fit_parameters(estimator: Any) -> None:
    if estimator.early_stopping:
        raise ValueError(
            "partial_fit does not support early_stopping=True, because each call sees only a part of the data. Set "
            "early_stopping=False, or call fit."
        )
    if estimator.learning_rate != "auto" and from_name(SCHEDULES, estimator.learning_rate).needs_length:
        raise ValueError(
            f"partial_fit does not support learning_rate={estimator.learning_rate!r}, which needs the number of epochs "
            "in advance. Use 'constant', 'invscaling' or 'adaptive', or call fit."
        )


def _validated(estimator: Any, rows: GivenRows, *, reset: bool, dtype: Any = DTYPES) -> GivenRows:
    """Return the rows with X and y as arrays of a dtype of the nets."""
    X, y, *_ = rows
    columns = (X.dtypes if hasattr(X, "dtypes") else X.schema.types) if hasattr(X, "columns") else ()
    names = {str(column).lower().removeprefix("sparse[").split(",")[0] for column in columns}
    if dtype is DTYPES and names and names <= {"float32", "float", "float[pyarrow]"}:
        dtype = np.float32  # check_array could convert it to float64
    if hasattr(y, "isna") and np.any(y.isna()):  # pandas' NA, which NumPy can't compare
        raise ValueError(f"y must not have missing values (NaN, NA). Got {int(np.sum(y.isna()))}. Drop these rows.")
    X, y = validate_data(estimator, X, y, accept_sparse="csr", dtype=dtype, multi_output=True, reset=reset)
    if issparse(X):
        X = X if X.dtype in DTYPES else X.astype(np.float64)  # a frame of sparse booleans
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
    return rows._replace(X=X, y=estimator._checked_y(y, X.dtype))


def _data(estimator: Any, rows: GivenRows, targets: Targets, groups: np.ndarray | None = None) -> Data:
    """Return the checked rows. If the solver uses all rows in each step, equal rows are merged."""
    X, y, sample_weight, _ = rows
    targets.check(y)
    _check_loss(estimator, targets)
    w = None
    if sample_weight is not None:
        w = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not w.any():
            raise ValueError(f"sample_weight must be positive for at least one row. All {len(w)} weights are zero.")
    data = Data(X, y, targets, w, groups=groups)
    return data.merged(across_groups=True) if from_name(SOLVERS, estimator.solver).full_batch else data


def index_of_groups(groups: Any, m: int) -> np.ndarray:
    """Return the index of the group of each row, (m,). Raises ValueError if not every row has one."""
    groups = np.asarray(groups, dtype=None if hasattr(groups, "dtype") else object)  # [1, "a"] would become strings
    if groups.shape != (m,):
        raise ValueError(
            f"groups must hold one group for each row of X, in shape ({m},). Got shape {groups.shape}. Pass the group "
            "of every row, or leave groups out."
        )
    n_missing = sum(group is None or type(group).__name__ == "NAType" or group != group for group in groups)
    if n_missing:
        raise ValueError(
            f"groups must not have missing values (NaN, None). Got {n_missing}. Name these groups, or drop the rows."
        )
    index: dict[Any, int] = {}
    return np.array([index.setdefault(label, len(index)) for label in groups.tolist()])
