"""Log loss on logits: its value and its gradient, for the sigmoid and the softmax output.

Both come from the logits, never from clipped probabilities, so that value and gradient belong to one function and are
exact at logits of plus or minus 1e3. Shapes: `Z2`, `Y` and `A2` are (m, n2), a loss is (m,), in nats per sample.
"""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import entr, expit, log_expit, log_softmax, softmax


class Head(ABC):
    """The output function `o` together with the log loss that goes with it.

    Because they go together, the gradient of the loss with respect to the logits is `A2 - Y` for every head.
    """

    name: str

    @staticmethod
    @abstractmethod
    def loss_and_residual(Z2: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss of each row, (m,), and `A2 - Y`, (m, n2); may overwrite `Z2`."""

    @staticmethod
    @abstractmethod
    def probabilities(Z2: np.ndarray) -> np.ndarray:
        """Return `A2 = o(Z2)`."""

    @staticmethod
    @abstractmethod
    def log_probabilities(Z2: np.ndarray) -> np.ndarray:
        """Return `log(A2)`, finite wherever `Z2` is."""

    @staticmethod
    @abstractmethod
    def entropy(frequencies: np.ndarray) -> float:
        """Return the loss of always predicting `frequencies`, (n2,), on the rows they were counted on."""


class SigmoidHead(Head):
    """Independent outputs, `A2 = 1 / (1 + exp(-Z2))`; the loss is summed over them.

    ``L = sum_k log(1 + exp(z_k)) - y_k z_k``, which is ``-sum_k y_k log(a_k) + (1 - y_k) log(1 - a_k)``.
    """

    name = "logistic"

    @staticmethod
    def loss_and_residual(Z2: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        loss = (np.maximum(Z2, 0) + np.log1p(np.exp(-np.abs(Z2))) - Y * Z2).sum(axis=1)
        residual = expit(Z2, out=Z2)
        residual -= Y
        return loss, residual

    @staticmethod
    def probabilities(Z2: np.ndarray) -> np.ndarray:
        limits = np.finfo(Z2.dtype)
        return np.clip(expit(Z2), limits.tiny, 1 - limits.epsneg)

    @staticmethod
    def log_probabilities(Z2: np.ndarray) -> np.ndarray:
        return log_expit(Z2)

    @staticmethod
    def entropy(frequencies: np.ndarray) -> float:
        return float((entr(frequencies) + entr(1 - frequencies)).sum())


class SoftmaxHead(Head):
    """Exclusive classes, `A2 = exp(Z2) / sum(exp(Z2))`.

    ``L = log(sum_k exp(z_k)) - sum_k y_k z_k``, which is ``-sum_k y_k log(a_k)``.
    """

    name = "softmax"

    @staticmethod
    def loss_and_residual(Z2: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # scipy.special.logsumexp takes four times as long at (200, 10).
        Z2 -= Z2.max(axis=1, keepdims=True)
        chosen = np.einsum("ij,ij->i", Y, Z2)
        residual = np.exp(Z2, out=Z2)
        total = residual.sum(axis=1, keepdims=True)
        residual /= total
        residual -= Y
        return np.log(total[:, 0]) - chosen, residual

    @staticmethod
    def probabilities(Z2: np.ndarray) -> np.ndarray:
        return softmax(Z2, axis=1)

    @staticmethod
    def log_probabilities(Z2: np.ndarray) -> np.ndarray:
        return log_softmax(Z2, axis=1)

    @staticmethod
    def entropy(frequencies: np.ndarray) -> float:
        return float(entr(frequencies).sum())
