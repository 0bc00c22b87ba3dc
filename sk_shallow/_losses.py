"""Losses on logits: the log loss with the sigmoid and with the softmax.

Value and gradient come from the logits, never from clipped probabilities, so that they belong to one function and are
exact at logits of plus or minus 1e3. Shapes: `Z2`, `Y` and `A2` are (m, n2); `w` is (m, 1), or (m, n2) if outputs
have their own weights, or None for all ones. Losses are in nats per sample.
"""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import entr, expit, log_expit, log_softmax, softmax

from sk_shallow._special import softplus


class Loss(ABC):
    """A loss and its output function `o`. They belong together: the gradient with respect to `Z2` is `A2 - Y`."""

    name: str  # MLPClassifier's name of o

    @abstractmethod
    def loss_and_residual(self, Z2: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the losses of each row, (m, 1), or of each output, (m, n2), and `A2 - Y`. May overwrite `Z2`."""

    @abstractmethod
    def probabilities(self, Z2: np.ndarray) -> np.ndarray:
        """Return `A2 = o(Z2)`."""

    @abstractmethod
    def log_probabilities(self, Z2: np.ndarray) -> np.ndarray:
        """Return `log(A2)`, finite wherever `Z2` is."""

    @abstractmethod
    def loss_of_constant(self, Y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return the weighted mean loss of the best constant prediction."""

    @abstractmethod
    def loss_at_zero(self, Y: np.ndarray) -> float:
        """Return the mean loss at ``Z2 = 0``, where a net without weights starts."""


def _mean(Y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
    # At most 1, which rounding could exceed. numpy.average would need another array of the size of Y.
    return np.minimum(Y.mean(axis=0) if w is None else np.einsum("ij,ij->j", w, Y) / w.sum(axis=0), 1)


class SigmoidLogLoss(Loss):
    """Independent outputs, `A2 = 1 / (1 + exp(-Z2))`. The loss is summed over the outputs.

    ``L = sum_k log(1 + exp(z_k)) - y_k z_k``, which is ``-sum_k y_k log(a_k) + (1 - y_k) log(1 - a_k)``.
    """

    name = "logistic"

    def loss_and_residual(self, Z2: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        loss = softplus(Z2) - Y * Z2
        residual = expit(Z2, out=Z2)
        residual -= Y
        return loss, residual

    def probabilities(self, Z2: np.ndarray) -> np.ndarray:
        limits = np.finfo(Z2.dtype)
        return np.clip(expit(Z2), limits.tiny, 1 - limits.epsneg)

    def log_probabilities(self, Z2: np.ndarray) -> np.ndarray:
        return log_expit(Z2)

    def loss_of_constant(self, Y: np.ndarray, w: np.ndarray | None = None) -> float:
        frequencies, share = _mean(Y, w), np.ones(1) if w is None else w.sum(axis=0) / w.sum(axis=0).mean()
        return float((share * (entr(frequencies) + entr(1 - frequencies))).sum())

    def loss_at_zero(self, Y: np.ndarray) -> float:
        return Y.shape[1] * float(np.log(2))


class SoftmaxLogLoss(Loss):
    """Exclusive classes, `A2 = exp(Z2) / sum(exp(Z2))`.

    ``L = log(sum_k exp(z_k)) - sum_k y_k z_k``, which is ``-sum_k y_k log(a_k)``. With a single class, loss and
    gradient are 0 and the probability is 1.
    """

    name = "softmax"

    def loss_and_residual(self, Z2: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # scipy.special.logsumexp takes four times as long at (200, 10).
        Z2 -= Z2.max(axis=-1, keepdims=True)
        chosen = np.einsum("...j,...j->...", Y, Z2)[..., np.newaxis]
        residual = np.exp(Z2, out=Z2)
        total = residual.sum(axis=-1, keepdims=True)
        residual /= total
        residual -= Y
        return np.log(total) - chosen, residual

    def probabilities(self, Z2: np.ndarray) -> np.ndarray:
        return softmax(Z2, axis=1)

    def log_probabilities(self, Z2: np.ndarray) -> np.ndarray:
        return log_softmax(Z2, axis=1)

    def loss_of_constant(self, Y: np.ndarray, w: np.ndarray | None = None) -> float:
        return float(entr(_mean(Y, w)).sum())

    def loss_at_zero(self, Y: np.ndarray) -> float:
        return float(np.log(Y.shape[1]))
