"""The epochs of a fit as tasks of scikit-learn's callbacks, from scikit-learn 1.9 on."""

from collections.abc import Callable
from typing import Any

from sk_shallow._compat import callback_context
from sk_shallow._fit.data import Data


class Epochs:
    """Tells the callbacks of an estimator that a fit and its epochs begin and end.

    They get the rows that are trained on, with the user's labels and sample weights, and a net as it is at that moment.
    """

    def __init__(self, root: Any, estimator: Any, data: Data, attributes: Callable[[], dict[str, Any]]) -> None:
        self.root = root
        self.epoch: Any = None  # the context of the present one
        metadata = None if data.w is None else {"sample_weight": data.w}
        self.given = {"estimator": estimator, "X": data.X, "y": data.y, "metadata": metadata}
        self.attributes = attributes  # of the net as it is, copies
        root.call_on_fit_task_begin(**self.given)

    def epoch_begin(self) -> None:
        """Say that an epoch begins, if none has begun."""
        if self.epoch is None:
            self.epoch = self.root.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.given, reconstruction_attributes=self.attributes)

    def epoch_end(self, finite: bool) -> bool:
        """Say that the epoch has ended, and return whether a callback wants the fit to stop.

        Where not all numbers are `finite`, there is no net to show.
        """
        self.epoch_begin()
        epoch, self.epoch = self.epoch, None
        attributes = self.attributes if finite else None
        return bool(epoch.call_on_fit_task_end(**self.given, reconstruction_attributes=attributes))

    def end(self) -> None:
        """Say that the fit has ended, and first the epoch, if it is one that L-BFGS has not completed."""
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(**self.given)
        self.root.call_on_fit_task_end(**self.given, reconstruction_attributes=self.attributes)


def begin_epochs(estimator: Any, data: Data, max_iter: int, attributes: Callable[[], dict[str, Any]]) -> Epochs:
    """Begin a fit of so many epochs at most."""
    return Epochs(callback_context(estimator, max_subtasks=max_iter), estimator, data, attributes)
