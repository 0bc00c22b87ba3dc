"""Learning-rate schedules, and `SCHEDULES`, the table of their names."""

from abc import abstractmethod
from dataclasses import dataclass
from math import cos, pi
from numbers import Real

from sk_shallow._compat import Interval
from sk_shallow._component import NOT_NEGATIVE, POSITIVE, Component

__all__ = ["SCHEDULES", "Adaptive", "Clock", "Constant", "Cosine", "InverseScaling", "OneCycle", "Schedule"]


@dataclass
class Clock:
    """The progress of training, from which a schedule computes the learning rate.

    Attributes
    ----------
    epochs : int
        Number of completed epochs, or of calls of `partial_fit`.
    progress : float in [0, 1]
        Fraction of the steps of this round (without rounds, of this call) that are done.
    plateaus : int
        Number of times that the loss or the validation score has stopped improving.
    """

    epochs: int = 0
    progress: float = 0.0
    plateaus: int = 0


class Schedule(Component):
    """Base class of learning-rate schedules.

    A schedule gives the learning rate of each step, from the initial learning rate and the clock.

    Attributes
    ----------
    needs_length : bool
        Whether the schedule needs the number of epochs in advance. If so, its learning rate ends near zero.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.schedules import Schedule
    >>> class Linear(Schedule):
    ...     needs_length = True
    ...     def rate(self, learning_rate_init, clock):
    ...         return learning_rate_init * (1 - clock.progress)
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ShallowNetClassifier(learning_rate=Linear(), max_iter=50, random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    needs_length: bool = False

    @abstractmethod
    def rate(self, learning_rate_init: float, clock: Clock) -> float:
        """Return the learning rate of the next step."""

    def stops(self, learning_rate_init: float, clock: Clock) -> bool:
        """Return whether training should stop now that the loss has reached a plateau."""
        return True

    def rises(self, clock: Clock) -> bool:
        """Return whether the learning rate still rises. `n_iter_no_change` does not count these epochs."""
        return False


class Constant(Schedule):
    """A constant learning rate."""

    def rate(self, learning_rate_init: float, clock: Clock) -> float:
        return learning_rate_init


class InverseScaling(Schedule):
    """A learning rate that falls with a power of the number of epochs.

    It is ``learning_rate_init / (t + 1) ** power_t`` after t epochs (calls of `partial_fit`). `MLPClassifier` counts
    rows instead: with 1,000 rows, its second epoch runs at 1/32 of the initial learning rate.

    Parameters
    ----------
    power_t : float in [0, inf), default=0.5
        Exponent.

    References
    ----------
    Robbins, Monro, "A stochastic approximation method", Annals of Mathematical Statistics, 1951.
    """

    _parameter_constraints = {"power_t": [NOT_NEGATIVE]}

    def __init__(self, power_t: float = 0.5) -> None:
        self.power_t = power_t

    def rate(self, learning_rate_init: float, clock: Clock) -> float:
        return learning_rate_init * float(clock.epochs + 1) ** -float(self.power_t)  # can underflow to 0


class Adaptive(Schedule):
    """The initial learning rate, divided by `factor` at each plateau.

    A plateau is more than `n_iter_no_change` epochs in a row without an improvement of more than `tol`.

    Parameters
    ----------
    factor : float in (1, inf), default=5.0
        Divisor of the learning rate at a plateau.
    minimum : float in (0, inf), default=1e-6
        Training stops at a plateau if the learning rate is this or less.
    """

    _parameter_constraints = {"factor": [Interval(Real, 1, None, closed="neither")], "minimum": [POSITIVE]}

    def __init__(self, factor: float = 5.0, minimum: float = 1e-6) -> None:
        self.factor = factor
        self.minimum = minimum

    def rate(self, learning_rate_init: float, clock: Clock) -> float:
        return learning_rate_init * float(self.factor) ** -clock.plateaus  # can underflow to 0

    def stops(self, learning_rate_init: float, clock: Clock) -> bool:
        return self.rate(learning_rate_init, clock) <= self.minimum


class Cosine(Schedule):
    """Half a cosine, from the initial learning rate to zero.

    The rate is ``learning_rate_init * (1 + cos(pi * progress)) / 2``. It takes exactly `max_iter` epochs. 30 to 100
    epochs, and at least 240 steps, are enough for most data.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR, 2017.
    """

    needs_length = True

    def rate(self, learning_rate_init: float, clock: Clock) -> float:
        return learning_rate_init * (1 + cos(pi * clock.progress)) / 2


class OneCycle(Schedule):
    """Up from a fraction of `learning_rate_init` to all of it, then down to zero. Each part is half a cosine.

    If you name it, it is one cycle of exactly `max_iter` epochs: 30 to 100 epochs, and at least 240 steps, are enough
    for most data. With ``learning_rate="auto"``, `fit` repeats it in rounds that double in length.

    Parameters
    ----------
    warmup : float in (0, 1), default=0.3
        Fraction of the steps in which the learning rate increases.
    start : float in (0, 1], default=0.04
        First learning rate, as a fraction of `learning_rate_init`.

    References
    ----------
    Smith, Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2019.
    """

    needs_length = True
    _parameter_constraints = {
        "warmup": [Interval(Real, 0, 1, closed="neither")],
        "start": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(self, warmup: float = 0.3, start: float = 0.04) -> None:
        self.warmup = warmup
        self.start = start

    def rate(self, learning_rate_init: float, clock: Clock) -> float:
        up, down = clock.progress / self.warmup, (clock.progress - self.warmup) / (1 - self.warmup)
        if up < 1:
            return learning_rate_init * (self.start + (1 - self.start) * (1 - cos(pi * up)) / 2)
        return learning_rate_init * (1 + cos(pi * down)) / 2

    def rises(self, clock: Clock) -> bool:
        return clock.progress < self.warmup


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "cosine": Cosine,
    "one_cycle": OneCycle,
}
