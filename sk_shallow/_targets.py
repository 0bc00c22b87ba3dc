"""What the labels mean: `y` to `Y` for the network, and logits back to labels and probabilities for the user."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sk_shallow._losses import Head, SigmoidHead, SoftmaxHead


class Targets(ABC):
    """One kind of classification problem.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted; of a multilabel problem the column numbers.

    Attributes
    ----------
    head : Head
        `o` and `L`.
    n_outputs : int
        n2.
    stratified : bool
        Whether a split of the rows should keep the class frequencies.
    """

    head: Head
    stratified: bool = True

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes
        self.n_outputs = len(classes)

    @abstractmethod
    def check(self, y: np.ndarray) -> None:
        """Raise ValueError, in words, where `y` does not belong to this problem."""

    @abstractmethod
    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        """Return `Y`, (m, n2), in {0, 1}."""

    @abstractmethod
    def class_weights(self, class_weight: Any, y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        """Return the weight of each class; "balanced" counts every row with its sample weight `w`."""

    @abstractmethod
    def row_weights(self, class_weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the class weight of each row, (m,)."""

    @abstractmethod
    def labels(self, Z2: np.ndarray) -> np.ndarray:
        """Return the predicted labels."""

    def decision(self, Z2: np.ndarray) -> np.ndarray:
        """Return the logits in scikit-learn's shape."""
        return Z2

    def probabilities(self, Z2: np.ndarray) -> np.ndarray:
        """Return the probability of each class (of each label, where multilabel), (m, n_classes)."""
        return self.head.probabilities(Z2)

    def log_probabilities(self, Z2: np.ndarray) -> np.ndarray:
        """Return the logarithm of `probabilities`, from the logits."""
        return self.head.log_probabilities(Z2)


class _SingleLabelTargets(Targets):
    """One label per row."""

    def check(self, y: np.ndarray) -> None:
        if y.ndim > 1:
            raise ValueError(
                f"y must hold one label per row, of the classes {self.classes.tolist()}. Got shape {y.shape}."
            )
        unseen = np.setdiff1d(y, self.classes)
        if unseen.size:
            raise ValueError(
                f"y must hold the classes {self.classes.tolist()}. Got {unseen.tolist()} besides. Every class "
                "must be known from the first call on: declare it there, or fit anew."
            )

    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        Y = np.zeros((len(y), len(self.classes)), dtype=dtype)
        Y[np.arange(len(y)), self._codes(y)] = 1
        return np.ascontiguousarray(Y[:, -self.n_outputs :])

    def class_weights(self, class_weight: Any, y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        if class_weight == "balanced":
            return _balanced(self._codes(y), len(self.classes), w)
        return compute_class_weight(class_weight, classes=self.classes, y=y)

    def row_weights(self, class_weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        return class_weights[self._codes(y)]

    def _codes(self, y: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes, y)


class BinaryTargets(_SingleLabelTargets):
    """Two classes: one logit, that of the second class."""

    head = SigmoidHead()

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes
        self.n_outputs = 1

    def labels(self, Z2: np.ndarray) -> np.ndarray:
        return self.classes[(Z2[:, 0] > 0).astype(int)]

    def decision(self, Z2: np.ndarray) -> np.ndarray:
        return Z2[:, 0]

    def probabilities(self, Z2: np.ndarray) -> np.ndarray:
        return self.head.probabilities(np.hstack([-Z2, Z2]))

    def log_probabilities(self, Z2: np.ndarray) -> np.ndarray:
        return self.head.log_probabilities(np.hstack([-Z2, Z2]))


class MulticlassTargets(_SingleLabelTargets):
    """Three classes or more: a logit each."""

    head = SoftmaxHead()

    def labels(self, Z2: np.ndarray) -> np.ndarray:
        return self.classes[Z2.argmax(axis=1)]


class MultilabelTargets(Targets):
    """Independent labels, each there or not there: a logit each."""

    head = SigmoidHead()
    stratified = False

    def check(self, y: np.ndarray) -> None:
        if y.ndim != 2 or y.shape[1] != self.n_outputs or not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"y must be an array of zeros and ones of shape (n_samples, {self.n_outputs}), a column per label. Got "
                f"shape {y.shape}."
            )

    def encode(self, y: np.ndarray, dtype: Any) -> np.ndarray:
        return np.ascontiguousarray(y, dtype=dtype)

    def class_weights(self, class_weight: Any, y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight must be 'balanced' or None for multilabel targets. Got {class_weight!r}. Give "
                "sample_weight instead."
            )
        return np.stack([_balanced(column, 2, w) for column in y.astype(int).T])

    def row_weights(self, class_weights: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.prod(class_weights[np.arange(self.n_outputs), y.astype(int)], axis=1)

    def labels(self, Z2: np.ndarray) -> np.ndarray:
        return (Z2 > 0).astype(int)


def _balanced(codes: np.ndarray, n_classes: int, w: np.ndarray | None) -> np.ndarray:
    """Return the weights that give every class the same share: inverse to its own, 1 for a class without any."""
    counts = np.bincount(codes, weights=w, minlength=n_classes)
    return np.divide(counts.sum(), n_classes * counts, out=np.ones(n_classes), where=counts > 0)


def as_labels(y: Any) -> np.ndarray:
    """Return labels as a dense array: a column becomes 1d with a warning, integers held as objects become integers.

    Raises ValueError where they are continuous.
    """
    y = y.toarray() if issparse(y) else y
    y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.dtype == object and type_of_target(y) == "unknown":
        plain = np.array(y.tolist())
        y = plain if plain.dtype.kind in "biu" else y
    check_classification_targets(y)
    return y


def targets_of(y: np.ndarray) -> Targets:
    """Return the problem that `y` poses; raises ValueError for one class, and for several columns of more than two."""
    if y.ndim == 1:
        return targets_with_classes(np.unique(y))
    if type_of_target(y) == "multilabel-indicator":
        return MultilabelTargets(np.arange(y.shape[1]))
    raise ValueError(
        f"y must hold one label per row, or zeros and ones, a column per label. Got shape {y.shape} with other values "
        "(multiclass-multioutput), which is not supported: fit one classifier per column, with "
        "sklearn.multioutput.MultiOutputClassifier."
    )


def targets_with_classes(classes: np.ndarray) -> Targets:
    """Return the problem of one label per row out of `classes`, sorted; raises ValueError for one class."""
    if len(classes) < 2:
        raise ValueError(f"At least 2 classes are needed. Got 1 class only: {classes.tolist()}.")
    return BinaryTargets(classes) if len(classes) == 2 else MulticlassTargets(classes)


class LogitsMixin(ABC):
    """The predictions of a classifier that has `_logits` and `_targets`."""

    _targets: Targets

    @abstractmethod
    def _logits(self, X: Any) -> np.ndarray:
        """Return `Z2`, (m, n2); raises NotFittedError before `fit`."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The features of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes; of a multilabel problem ones and zeros, 1 where the label is more probable than not.
        """
        Z2 = self._logits(X)  # first: it says so where the estimator is not fitted
        return self._targets.labels(Z2)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits, the net's output before sigmoid or softmax.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The features of `fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            For two classes one number, ``log(p / (1 - p))`` with p the probability of the second class. Of the dtype
            of the weights.
        """
        Z2 = self._logits(X)
        return self._targets.decision(Z2)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The features of `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Columns in the order of `classes_`; rows sum to one, but not those of a multilabel problem, whose labels
            are independent.
        """
        Z2 = self._logits(X)
        return self._targets.probabilities(Z2)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of the probability of each class, from the logits: finite wherever they are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The features of `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            In nats.
        """
        Z2 = self._logits(X)
        return self._targets.log_probabilities(Z2)
