"""What a later call needs to continue training, and the streams of random numbers of a fit."""

from copy import deepcopy
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sk_shallow.schedules import Clock


class Stream(IntEnum):
    """Independent streams of random numbers, all drawn from the seed of a fit."""

    INITIAL_WEIGHTS = 0
    TRAINING = 1  # order of rows, dropout masks
    ALPHA_ROWS = 2  # rows on which alpha="auto" is chosen
    ALPHA_TRAINING = 3

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng([seed, int(self)])


@dataclass
class TrainingState:
    """The fitted estimator and the optimizer's state, from which a later call continues training."""

    seed: int  # of all random numbers
    rng: np.random.Generator  # of the order of rows and the dropout masks
    clock: Clock = field(default_factory=Clock)
    rule: str = ""  # name of the update rule that the moments belong to, with the options that they depend on
    moments: dict[str, np.ndarray] = field(default_factory=dict)
    steps: int = 0  # steps of the rule
    best: float = np.inf  # of the monitor, as no_improvement_count; partial_fit keeps both from call to call
    no_improvement_count: int = 0
    fitted: Any = None  # the estimator with the weights to continue from; None: training starts anew

    @classmethod
    def of(cls, estimator: Any, resume: bool) -> "TrainingState":
        """Return a copy of the optimizer's state, or a new one if none was stored."""
        fitted = estimator if resume else None
        if hasattr(fitted, "_state"):
            return cls(**deepcopy(estimator._state), fitted=fitted)
        seed = check_random_state(estimator.random_state).randint(np.iinfo(np.int32).max)
        return cls(seed, rng=Stream.TRAINING.rng(seed), fitted=fitted)

    def to_store(self) -> dict[str, Any]:
        """Return what the estimator stores as `_state`: a plain dict, so that pickles name no private class."""
        return {name: value for name, value in vars(self).items() if name != "fitted"}

    def prepare(self, solver: Any, theta: np.ndarray) -> None:
        """Keep the moments if they mean the same to the solver, otherwise start new ones. Convert them to the dtype.

        They mean another thing if the earlier fit was in the space that its rows span.
        """
        options = [f" {name}={getattr(solver, name)}" for name in solver.options_of_moments]
        rule = f"{type(solver).__module__}.{type(solver).__qualname__}{''.join(options)} of {theta.size} parameters"
        if self.rule != rule:
            self.rule, self.moments, self.steps = rule, solver.start(theta), 0
        self.moments = {name: moment.astype(theta.dtype, copy=False) for name, moment in self.moments.items()}
        if not all(np.isfinite(moment).all() for moment in self.moments.values()):  # too large for the dtype
            self.moments, self.steps = solver.start(theta), 0
