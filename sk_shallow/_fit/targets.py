"""The meaning of labels: `y` to `Y` for the network, and logits back to labels."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sk_shallow._losses import Loss, SigmoidLogLoss, SoftmaxLogLoss


class Targets(ABC):
    """One kind of classification problem: `classes`, (n_classes,), are the sorted labels, or column numbers."""

    loss_function: Loss
    nothing_to_learn: str = ""  # warning if there is nothing to learn

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes
        self.n_outputs = len(classes)  # n2

    @abstractmethod
    def check(self, y: np.ndarray) -> None:
        """Raise ValueError if `y` does not belong to this problem."""

    @abstractmethod
    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        """Return `Y`, (m, n2), in {0, 1}, column by column in memory as the network wants it."""

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

    def strata(self, y: np.ndarray) -> np.ndarray | None:
        """Return the labels whose frequencies a split of the rows should keep, or None."""
        return None


class LabelTargets(Targets):
    """One label per row: one logit, that of the second class, for two classes; otherwise one per class.

    If there is only one class, its probability is always 1.
    """

    def __init__(self, classes: np.ndarray) -> None:
        super().__init__(classes)
        self.is_binary = len(classes) == 2
        self.loss_function = SigmoidLogLoss() if self.is_binary else SoftmaxLogLoss()
        self.n_outputs = 1 if self.is_binary else len(classes)
        if len(classes) == 1:
            label = classes.tolist()[0]
            self.nothing_to_learn = f"y has one class only, {label!r}. Every prediction is this class."

    def check(self, y: np.ndarray) -> None:
        if y.ndim > 1:
            raise ValueError(f"y must hold one label per row, one of {self.classes.tolist()}. Got shape {y.shape}.")
        unseen = np.setdiff1d(y, self.classes)
        if unseen.size:
            raise ValueError(
                f"y must hold the classes {self.classes.tolist()}. Got others: {unseen.tolist()}. Remove these rows. "
                "In partial_fit, declare every class at the first call, or fit a new estimator."
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


class MultilabelTargets(Targets):
    """Multilabel targets: one independent logit per label."""

    loss_function = SigmoidLogLoss()

    def check(self, y: np.ndarray) -> None:
        if y.ndim != 2 or y.shape[1] != self.n_outputs or not np.isin(y, (0, 1)).all():
            shape, values = f"(n_samples, {self.n_outputs}), a column per label", np.unique(y)[:4].tolist()
            raise ValueError(f"y must be an array of zeros and ones of shape {shape}. Got {values} in shape {y.shape}.")

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


def targets_of(y: np.ndarray) -> Targets:
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
