"""The fits of a comparison: on each split, all estimators are fitted to the same rows with the same seed."""

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import resample
from sklearn.utils.parallel import Parallel, delayed

from sk_shallow._compat import (
    CallbackSupportMixin,
    MadeScorer,
    SeveralScorers,
    callback_context,
    openmp_has_one_thread,
    params_of_rows,
    params_of_steps,
    routed_params,
    split_of,
    with_callbacks,
)
from sk_shallow._component import equal
from sk_shallow._fit.threads import numpy_has_one_thread, scipy_has_one_thread
from sk_shallow.inspection._nets import net_and_rows
from sk_shallow.inspection._units import Units
from sk_shallow.model_selection._warnings import by_kind, by_place, recorded_warnings, taken_from

MAX_SEED = np.iinfo(np.int32).max
MAX_UNIT_ROWS = 1000  # of the random sample of training rows on which dead and saturated units are counted


@contextmanager
def one_thread():
    """Limit OpenBLAS and OpenMP to one thread: with more, threads of fits at the same time wait for each other."""
    with numpy_has_one_thread(), scipy_has_one_thread(), openmp_has_one_thread():
        yield


class Split(NamedTuple):
    """The indices of the rows for the fits and for the scores, and the seed of each estimator."""

    number: int
    train: np.ndarray
    test: np.ndarray
    seeds: list


def splits_with_seeds(splits, n_estimators, paired, rng):
    """Return a `Split` for each pair of indices."""
    seeds = rng.randint(MAX_SEED, size=(len(splits), 1 if paired else n_estimators))
    seeds = np.broadcast_to(seeds, (len(splits), n_estimators)).tolist()
    return [Split(i, *rows, seed) for i, (rows, seed) in enumerate(zip(splits, seeds, strict=True))]


@dataclass
class Contender:
    """An estimator of a comparison, with arguments of `fit` and of the scorer.

    Pipelines with the same `first_steps`, a number, share one fit of all steps but the last.
    """

    label: str
    estimator: Any
    params: dict
    score_params: dict = field(default_factory=dict)
    first_steps: int | None = None

    @contextmanager
    def named_in_errors(self, place):
        try:
            yield
        except Exception as error:
            error.add_note(f"This was {self.label!r}, {place}.")
            raise

    def seeded(self, seed):
        """Return a clone with the seed as every `random_state`, except of frozen parts and first steps of pipelines."""
        copy, params = clone(self.estimator), self.estimator.get_params()
        parts = {"": self.estimator, **{f"{name}__": value for name, value in params.items()}}
        pipelines = {name: part for name, part in parts.items() if isinstance(part, Pipeline)}
        kept = [f"{name}{step}__" for name, pipeline in pipelines.items() for step, _ in pipeline.steps[:-1]]
        kept += [name for name, part in parts.items() if isinstance(part, FrozenEstimator)]
        names = [name for name in params if f"__{name}".endswith("__random_state")]
        for name in names:
            if not name.startswith(tuple(kept)):
                copy.set_params(**{name: seed})
        return copy

    def can_share(self):
        """Return whether it is a pipeline whose first steps get X and y alone."""
        pipeline = self.estimator
        if not (type(pipeline) is Pipeline and pipeline.memory is None and pipeline.transform_input is None):
            return False
        *first, _ = params_of_steps(pipeline, self.params)
        return bool(first) and not any(given for step in first for given in step.values())


@dataclass
class Task:
    """One estimator on one split: what `fit` and the scorer get, and the rows on which hidden units are counted."""

    label: str
    split: int
    estimator: Any
    params: dict
    score_params: dict
    train: tuple  # X and y
    test: tuple
    sample: Any = None  # of the training rows; None: no units are counted
    seconds: float = 0.0  # before the fit

    @classmethod
    def of(cls, contender, seed, split, X, y):
        estimator = contender.seeded(seed)
        params = params_of_rows(X, contender.params, split.train), params_of_rows(X, contender.score_params, split.test)
        rows = split_of(estimator, X, y, split.train), split_of(estimator, X, y, split.test, split.train)
        return cls(contender.label, split.number, estimator, *params, *rows)

    def with_sample(self):
        """Return the task with a random sample of the training rows."""
        X, y = self.train
        return replace(self, sample=resample(X, replace=False, n_samples=min(len(y), MAX_UNIT_ROWS), random_state=0))

    def after_first_steps(self):
        """Fit all steps but the last, and return the task with transformed rows."""
        (X, y), (X_test, y_test), start = self.train, self.test, perf_counter()
        first = self.estimator[:-1]
        X, seconds, sample = first.fit_transform(X, y), perf_counter() - start, self.sample
        for step in (step for _, step in first.steps if hasattr(step, "transform")):  # not "passthrough"
            X_test, sample = step.transform(X_test), None if sample is None else step.transform(sample)
        return replace(self, train=(X, y), test=(X_test, y_test), sample=sample, seconds=seconds)

    def for_last_step_of(self, task):
        """Return this task, with transformed rows, for the last step of the pipeline of another one."""
        params = params_of_steps(task.estimator, task.params)[-1]["fit"]
        return replace(self, label=task.label, estimator=task.estimator[-1], params=params)

    def figures(self, run, context):
        """Fit the estimator, and return what is measured."""
        (X, y), start = self.train, perf_counter()
        propagates = hasattr(self.estimator, "set_callbacks")
        with context.propagate_callback_context(self.estimator) if propagates else nullcontext():
            context.call_on_fit_task_begin(estimator=run, X=X, y=y)
            self.estimator.fit(X, y, **self.params)
        context.call_on_fit_task_end(estimator=run, X=X, y=y)
        seconds = self.seconds + perf_counter() - start
        if isinstance(run.scorer, SeveralScorers) and not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f"The default score, log loss, needs predict_proba, which {self.label!r} lacks on split {self.split}. "
                "Pass scoring, for example 'accuracy', or use CalibratedClassifierCV."
            )
        scores = run.scorer(self.estimator, *self.test, **self.score_params)
        scores = scores if isinstance(run.scorer, SeveralScorers) else {"score": _number(scores)}
        return {**scores, "seconds": seconds, **({} if self.sample is None else _of_net(self.estimator, self.sample))}


class CompareEstimators(CallbackSupportMixin, BaseEstimator):
    """An estimator that runs the fits of a comparison. Callbacks need an estimator.

    With `of_units`, it also counts the epochs, weights and hidden units of nets.
    """

    def __init__(self, contenders, scorer, of_units=False, n_jobs=None):
        self.contenders = contenders
        self.scorer = scorer
        self.of_units = of_units
        self.n_jobs = n_jobs

    @with_callbacks
    def fit(self, X, y, splits):
        """Run the fits.

        `measured_` has an array of shape (n_splits, n_estimators) for each measurement. `warned_` has, for each split
        and estimator, a dict of the warnings of its fit. `other_warnings_` is a dict of the warnings outside fits.
        """
        with recorded_warnings() as log:  # around all splits, because they may run in threads
            self._prepare()
            self.other_warnings_ = by_place(taken_from(log))
            context = callback_context(self, max_subtasks=len(splits), sequential_subtasks=False)
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            contexts = [
                context.subcontext(task_name="split", task_id=split.number, max_subtasks=len(self.contenders))
                for split in splits
            ]
            done = Parallel(n_jobs=self.n_jobs)(
                delayed(_run_split)(self, split, context, X, y) for split, context in zip(splits, contexts, strict=True)
            )
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
        self.warned_ = [[warned for _, warned in fits] for fits in done]
        names = done[0][0][0]
        self.measured_ = {name: np.array([[figures[name] for figures, _ in fits] for fits in done]) for name in names}
        return self

    def _prepare(self):
        """Route the arguments, and number the first steps that several pipelines share."""
        able = []
        for contender in self.contenders:
            with contender.named_in_errors("before the first split"):
                given = routed_params(contender.estimator, self.scorer, contender.params)
                contender.params, contender.score_params = given
                # Other scorers get the whole pipeline.
                if isinstance(self.scorer, MadeScorer | SeveralScorers) and contender.can_share():
                    able.append(contender)
        steps = [[step for _, step in contender.estimator.steps[:-1]] for contender in able]
        numbers = [next(i for i, other in enumerate(steps) if equal(one, other)) for one in steps]
        for contender, number in zip(able, numbers, strict=True):
            contender.first_steps = number if numbers.count(number) > 1 else None


def _run_split(run, split, context, X, y):
    """Return the figures of each estimator on a split, and the warnings of its fit by kind."""
    done, transformed = [], {}
    context.call_on_fit_task_begin(estimator=run, X=X, y=y)
    with one_thread():
        for contender, seed in zip(run.contenders, split.seeds, strict=True):
            with contender.named_in_errors(f"on split {split.number}"), recorded_warnings() as log:
                task, common = Task.of(contender, seed, split, X, y), []
                task = task.with_sample() if run.of_units else task
                if contender.first_steps is not None:
                    if contender.first_steps not in transformed:
                        transformed[contender.first_steps] = task.after_first_steps(), taken_from(log)
                    after, common = transformed[contender.first_steps]
                    task = after.for_last_step_of(task)
                figures = task.figures(run, context.subcontext(task_name=contender.label))
                done.append((figures, by_kind(common + taken_from(log))))
    context.call_on_fit_task_end(estimator=run, X=X, y=y)
    return done


def _number(score):
    try:
        return float(np.asarray(score).item())
    except (TypeError, ValueError) as error:
        raise ValueError(f"scoring must return one number. Got {score!r}.") from error


def _of_net(estimator, rows):
    """Return the measurements of a net, those of its hidden units on some rows."""
    net, rows = net_and_rows(estimator, rows)
    units = Units(net, rows)
    return {
        "epochs": net.n_iter_,
        "weights": sum(array.size for array in net.coefs_ + net.intercepts_),
        "dead": units.dead.mean(),
        "saturated": units.saturated.mean(),
    }
