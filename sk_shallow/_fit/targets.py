"""The meaning of targets: `y` to `Y` for the network, and `Z2` back to labels or numbers."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from sk_shallow._compat import check_classes_on_first_call
from sk_shallow.losses import Loss, RegressionLoss, SigmoidLogLoss, SoftmaxLogLoss

# If more than this share of the weights, and at least so many distinct rows, have the smallest target, no quantile is
# predicted below it; and likewise for the largest one.
COMMON, MIN_COMMON = 0.05, 5
# Targets of a later call are on another scale if their root mean square, standardized by the first call, is too large,
# or too small on at least so many rows.
LARGE, SMALL, MIN_ROWS = 100.0, 0.01, 5


class Targets(ABC):
    """One kind of problem."""

    loss_function: Loss
    n_outputs: int  # n2
    has_classes: bool = True
    unit_matters: bool = False  # whether the loss depends on the unit of `y`
    name: str = "classes"  # for warnings, like `guess`: an output of zero
    guess: str = "giving every class the same probability gives"
    nothing_to_learn: str = ""  # warning if there is nothing to learn

    @property
    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """The fitted attributes of the estimator that describe the targets."""

    @abstractmethod
    def check(self, y: np.ndarray) -> None:
        """Raise ValueError if `y` does not belong to this problem."""

    @abstractmethod
    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        """Return `Y`, (m, n2), column by column in memory as the network wants it."""

    def fitted_to(self, y: np.ndarray, w: np.ndarray | None) -> "Targets":
        """Return the targets with all that they take from the training rows."""
        return self

    def limited_to(self, data: Any) -> "Targets":
        """Return the targets with the limits of predictions that the distinct rows of `data` set."""
        return self

    def strata(self, y: np.ndarray) -> np.ndarray | None:
        """Return the labels whose frequencies a split of the rows should keep, or None."""
        return None

    def are_unlike(self, Y: np.ndarray) -> bool:
        """Return whether `Y` of a later call is on another scale than that of the first one."""
        return False

    def are_coarse_in(self, dtype: Any) -> bool:
        """Return whether a dtype has less than three digits for the differences of the targets."""
        return False


class ClassTargets(Targets):
    """A classification problem: `classes`, (n_classes,), are the sorted labels, or column numbers. `Y` is in {0, 1}."""

    is_binary: bool = False  # whether one logit stands for two classes

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes
        self.n_outputs = 1 if self.is_binary else len(classes)

    @property
    def attributes(self) -> dict[str, Any]:
        return {"classes_": self.classes}

    @abstractmethod
    def class_weights(self, class_weight: Any, y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        """Return the weight of each class; "balanced" counts every row with its sample weight `w`."""

    @abstractmethod
    def row_weights(self, class_weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the class weight of each row, (m,), or of each label, (m, n2)."""

    @abstractmethod
    def labels(self, Z2: np.ndarray) -> np.ndarray:
        """Return the predicted labels."""

    def class_logits(self, Z2: np.ndarray) -> np.ndarray:
        """Return one logit per class, (m, n_classes), the input of the output function."""
        return Z2


class LabelTargets(ClassTargets):
    """One label per row: one logit, that of the second class, for two classes; otherwise one per class.

    If there is only one class, its probability is always 1.
    """

    def __init__(self, classes: np.ndarray) -> None:
        self.is_binary = len(classes) == 2
        super().__init__(classes)
        self.loss_function = SigmoidLogLoss() if self.is_binary else SoftmaxLogLoss()
        if len(classes) == 1:
            label = classes.tolist()[0]
            self.nothing_to_learn = f"y has one class only, {label!r}. Every prediction is this class."

    def check(self, y: np.ndarray) -> None:
        if y.ndim > 1:
            raise ValueError(
                f"y must hold one label per row, one of {self.classes.tolist()}. Got shape {y.shape}. Fit a new "
                "estimator to multilabel targets."
            )
        unseen = np.setdiff1d(y, self.classes)
        if unseen.size:
            raise ValueError(
                f"y must hold the classes {self.classes.tolist()}. Got others: {unseen.tolist()}. Remove these rows, "
                "or fit a new estimator to all classes; partial_fit needs all of them at its first call."
            )

    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        Y = np.zeros((len(y), len(self.classes)), dtype=dtype, order="F")
        Y[np.arange(len(y)), self._codes(y)] = 1
        return Y[:, -self.n_outputs :]

    def class_weights(self, class_weight: Any, y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        if class_weight == "balanced":
            return _balanced(self._codes(y), len(self.classes), w)
        return compute_class_weight(class_weight, classes=self.classes, y=y)

    def row_weights(self, class_weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        return class_weights[self._codes(y)]

    def labels(self, Z2: np.ndarray) -> np.ndarray:
        return self.classes[(Z2[:, 0] > 0).astype(int) if self.is_binary else Z2.argmax(axis=1)]

    def class_logits(self, Z2: np.ndarray) -> np.ndarray:
        return np.hstack([-Z2, Z2]) if self.is_binary else Z2

    def strata(self, y: np.ndarray) -> np.ndarray | None:
        return y

    def _codes(self, y: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes, y)


class MultilabelTargets(ClassTargets):
    """Multilabel targets: one independent logit per label."""

    loss_function = SigmoidLogLoss()

    def check(self, y: np.ndarray) -> None:
        if y.ndim != 2 or y.shape[1] != self.n_outputs or not np.isin(y, (0, 1)).all():
            shape, values = f"(n_samples, {self.n_outputs}), a column per label", np.unique(y)[:4].tolist()
            raise ValueError(
                f"y must be an array of zeros and ones of shape {shape}. Got {values} in shape {y.shape}. Pass the "
                "labels of the first call, or fit a new estimator."
            )

    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        return np.asfortranarray(y, dtype=dtype)

    def class_weights(self, class_weight: Any, y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight must be 'balanced' or None for multilabel targets. Got {class_weight!r}. Pass "
                "sample_weight instead."
            )
        return np.stack([_balanced(column, 2, w) for column in y.astype(int).T])

    def row_weights(self, class_weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        return class_weights[np.arange(self.n_outputs), y.astype(int)]

    def labels(self, Z2: np.ndarray) -> np.ndarray:
        return (Z2 > 0).astype(int)


class NumberTargets(Targets):
    """Numbers, one per output. Where the loss wants it, `Y` is ``(y - mean) / scale``; both are (n2,).

    The mean is weighted, and the scale is the weighted standard deviation. If a column is constant, its scale is 0, and
    every prediction is its mean. A mean of nan is not known yet. The rows of `limits`, (2, n2), are the smallest and
    the largest predictions.
    """

    has_classes = False
    name, guess = "targets", "an output of zero gives at most"

    def __init__(
        self, loss: RegressionLoss, mean: np.ndarray, scale: np.ndarray, limits: np.ndarray | None = None
    ) -> None:
        self.loss_function: RegressionLoss = loss
        self.unit_matters = not loss.standardizes
        self.mean, self.scale = mean, scale
        self.n_outputs = len(mean)
        self.limits = np.tile([[-np.inf], [np.inf]], self.n_outputs) if limits is None else limits
        if not scale.any():
            numbers = ", ".join(f"{number:.6g}" for number in mean)
            self.nothing_to_learn = f"y is constant: {numbers}. Every prediction is this number."

    @property
    def attributes(self) -> dict[str, Any]:
        names = ("target_mean_", "target_scale_", "target_limits_", "_loss")
        return dict(zip(names, (self.mean, self.scale, self.limits, self.loss_function), strict=True))

    def check(self, y: np.ndarray) -> None:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if n_outputs != self.n_outputs:
            raise ValueError(
                f"y must have as many columns as the training targets, {self.n_outputs}. Got {n_outputs}. Fit a new "
                "estimator to other outputs."
            )
        self.loss_function.check(y)

    def fitted_to(self, y: np.ndarray, w: np.ndarray | None) -> "NumberTargets":
        """Return the targets with mean and scale of the rows.

        Earlier ones are kept, except for outputs that were constant: their scale is the deviation from this constant.
        """
        is_new, was_constant = np.isnan(self.mean), self.scale == 0
        if not (is_new | was_constant).any():
            return self
        Y = y.reshape(len(y), -1)
        w = np.ones(len(Y)) if w is None else w  # sums without weights have other last bits
        Y, w = Y[w > 0], w[w > 0]
        mean = np.where(is_new, _weighted_mean(Y, w), self.mean)
        mean = np.where(is_new & (Y[0] == Y).all(axis=0), Y[0], mean)  # to the last bit
        self.loss_function.check_mean(mean)
        scale = np.where(is_new | was_constant, _deviation(Y, mean, w), self.scale)
        if not self.loss_function.standardizes:
            mean, scale = np.where(scale == 0, mean, 0), np.sign(scale)
        return NumberTargets(self.loss_function, mean, scale)

    def limited_to(self, data: Any) -> "NumberTargets":
        """Return the targets with a limit where the smallest or largest one is common, if a quantile is predicted.

        Without it, many predictions are a little less than 0 if most targets are 0 and none are less.
        """
        if not self.loss_function.predicts_quantile:
            return self
        rows = data.merged()
        Y = rows.y.reshape(len(rows.y), -1)
        ends = np.stack([Y.min(axis=0), Y.max(axis=0)])
        equal = ends[:, np.newaxis] == Y  # (2, m, n2)
        common = (np.average(equal, axis=1, weights=rows.w) > COMMON) & (equal.sum(axis=1) >= MIN_COMMON)
        limits = np.where(common & (self.scale > 0), ends, [[-np.inf], [np.inf]])
        return NumberTargets(self.loss_function, self.mean, self.scale, limits)

    def limits_in(self, dtype: Any) -> np.ndarray:
        """Return the limits in a dtype, rounded towards each other, and finite."""
        largest = np.finfo(dtype).max
        rounded = np.clip(self.limits, -largest, largest).astype(dtype)
        inner = np.nextafter(rounded, rounded[::-1])
        beyond = [rounded[0] < self.limits[0], rounded[1] > self.limits[1]]
        return np.where(beyond, inner, rounded)

    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        Y = y.reshape(len(y), -1)
        if self.loss_function.standardizes:
            Y = (Y - self.mean) / np.where(self.scale == 0, np.inf, self.scale)
        return np.asfortranarray(Y, dtype=dtype)

    def are_coarse_in(self, dtype: Any) -> bool:
        return bool((np.finfo(dtype).eps * np.abs(self.mean) > 1e-3 * self.scale)[self.scale > 0].any())

    def are_unlike(self, Y: np.ndarray) -> bool:
        if not self.loss_function.standardizes:
            return False
        size = np.sqrt(np.mean(np.square(Y, dtype=np.float64), axis=0))[self.scale > 0]
        return bool((size > LARGE).any() or (len(Y) >= MIN_ROWS and (size < SMALL).any()))

    def numbers(self, Z2: np.ndarray) -> np.ndarray:
        """Return the predictions, (m,) or (m, n2), in the dtype of `Z2`."""
        mean, scale = self.mean.astype(Z2.dtype), self.scale.astype(Z2.dtype)
        A2 = np.clip(self.loss_function.predictions(Z2) * scale + mean, *self.limits_in(Z2.dtype))
        return A2[:, 0] if self.n_outputs == 1 else A2


def _weighted_mean(Y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the mean of each column, (n2,). No sum can overflow."""
    largest = np.abs(Y).max(axis=0)
    largest[largest == 0] = 1
    return largest * np.average(Y / largest, axis=0, weights=w)


def _deviation(Y: np.ndarray, mean: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the root mean squared deviation of each column from `mean`, (n2,). No sum can overflow."""
    largest = np.maximum(np.abs(Y).max(axis=0), np.abs(mean))
    largest[largest == 0] = 1
    return largest * np.sqrt(_weighted_mean((Y / largest - mean / largest) ** 2, w))


def _balanced(codes: np.ndarray, n_classes: int, w: np.ndarray | None) -> np.ndarray:
    """Return balanced class weights (1 for a class without rows)."""
    counts = np.bincount(codes, weights=w, minlength=n_classes)
    return np.divide(counts.sum(), n_classes * counts, out=np.ones(n_classes), where=counts > 0)


def as_labels(y: Any) -> np.ndarray:
    """Return labels as a dense array: a column becomes 1d with a warning, integers held as objects become integers.

    Raises ValueError if they are continuous or missing, or cannot be sorted together.
    """
    y = y.toarray() if issparse(y) else y
    y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
    check_kind(y)
    if y.dtype == object and type_of_target(y) == "unknown":
        plain = np.array(y.tolist())
        y = plain if plain.dtype.kind in "biu" else y
    check_classification_targets(y)
    return y


def check_kind(y: np.ndarray) -> None:
    """Raise ValueError if labels are missing, or are not of one kind that can be sorted."""
    objects = y.ravel().tolist() if y.dtype == object else []
    n_missing = int(np.isnat(y).sum()) if y.dtype.kind in "mM" else sum(label is None for label in objects)
    kinds = {"str" if isinstance(label, str) else type(label).__name__ for label in objects}
    kinds |= {"bytes"} if y.dtype.kind == "S" else {"structured"} if y.dtype.kind == "V" else set()
    if n_missing or ("str" in kinds and len(kinds) > 1) or kinds & {"bytes", "structured", "NAType"}:
        got = f"{n_missing} missing" if n_missing else f"labels of types {sorted(kinds)}"
        raise ValueError(f"y must hold labels of one type, none missing. Got {got}. Convert or drop them.")


def as_numbers(y: Any, dtype: Any) -> np.ndarray:
    """Return numbers as a float64 array. A column becomes 1d with a warning.

    Raises ValueError if they are not finite, or too large to be predicted in `dtype`.
    """
    y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
    strings = [value for value in y.ravel() if isinstance(value, str)][:1] if y.dtype.kind in "OU" else []
    if strings or y.dtype.kind not in "OUbiufc":
        got = f"strings such as {str(strings[0])!r}" if strings else f"dtype {y.dtype}"
        raise ValueError(f"y must hold numbers. Got {got}. For labels, use ShallowNetClassifier.")
    y = np.asarray(check_array(y, dtype=np.float64, ensure_2d=False, input_name="y"))
    largest, limit = np.abs(y).max(), np.finfo(dtype).max / 4
    if largest > limit:
        raise ValueError(f"y must be at most {limit:.3g} for {np.dtype(dtype)}. Got {largest:.3g}. Scale y.")
    return y


def number_targets_of(y: np.ndarray, loss: RegressionLoss) -> NumberTargets:
    """Return targets of the shape of `y`, whose mean and scale are not known yet."""
    n_outputs = 1 if y.ndim == 1 else y.shape[1]
    return NumberTargets(loss, np.full(n_outputs, np.nan), np.ones(n_outputs))


def targets_of(y: np.ndarray) -> ClassTargets:
    """Return the problem that `y` poses. Raises ValueError for several columns with more than two classes."""
    if y.ndim == 1:
        return LabelTargets(np.unique(y))
    if type_of_target(y) == "multilabel-indicator":
        return MultilabelTargets(np.arange(y.shape[1]))
    raise ValueError(
        "y must hold one label per row, or zeros and ones with a column per label. Got other values in shape "
        f"{y.shape} (multiclass-multioutput). Fit one classifier per column, with "
        "sklearn.multioutput.MultiOutputClassifier."
    )


def targets_of_warm_start(targets: ClassTargets, y: np.ndarray) -> ClassTargets:
    """Return the earlier targets. Raises ValueError if `y` has other classes."""
    if y.ndim == 1 and not isinstance(targets, MultilabelTargets):
        classes = np.unique(y)
        if not np.array_equal(classes, targets.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {targets.classes}, `y` has {classes}. Pass rows of all classes, or set warm_start=False."
            )
    return targets


def targets_of_part(estimator: Any, y: np.ndarray, classes: Any) -> ClassTargets:
    """Return the targets of a call of `partial_fit`. The first one stores its classes on the estimator."""
    multilabel = y.ndim == 2
    if multilabel and classes is None and not hasattr(estimator, "classes_"):
        classes = np.arange(y.shape[1])
    if classes is not None:
        classes = np.asarray(classes)
        check_kind(classes)
        if classes.dtype.kind == "f" and (classes % 1).any():  # in MLPClassifier, this is the place of the weights
            raise ValueError("classes must hold labels. Got fractions. To pass weights, write sample_weight=...")
    if not check_classes_on_first_call(estimator, classes):
        earlier: ClassTargets = estimator._targets
        return earlier
    return (MultilabelTargets if multilabel else LabelTargets)(estimator.classes_)


def class_weights_of_rows(class_weight: Any, data: Any) -> Callable[[np.ndarray], np.ndarray | None]:
    """Return a function from labels to their class weights, computed on `data`."""
    if class_weight is None:
        return lambda y: None
    weights = class_weight.values() if isinstance(class_weight, dict) else ()
    if not all(isinstance(weight, int | float | np.number) and 0 <= weight <= sys.float_info.max for weight in weights):
        raise ValueError(f"class_weight must hold finite numbers that are not negative. Got {class_weight!r}.")
    class_weights = data.targets.class_weights(class_weight, data.y, data.w)
    return lambda y: data.targets.row_weights(class_weights, y)
