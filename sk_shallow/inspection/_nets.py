"""Find the net in an estimator: it stands alone, ends a pipeline, or is tuned by a search over either."""

from collections.abc import Mapping
from copy import copy

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sk_shallow._base import ShallowNet

# Where GridSearchCV, RandomizedSearchCV and BayesSearchCV store the parameters that they tune.
SEARCH_SPACES = ("param_grid", "param_distributions", "search_spaces")


def walk(estimator, prefix=""):
    """Yield pairs of a parameter prefix and an object: the estimator, then what ends its pipelines and searches.

    A prefix is that of the parameters, for example "estimator__net__".
    """
    yield prefix, estimator
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        yield from walk(last, f"{prefix}{name}__")
    elif is_search(estimator):
        yield from walk(estimator.estimator, f"{prefix}estimator__")


def walk_to_net(estimator):
    """Return the pairs of `walk`, the net last. Raises ValueError if there is no net."""
    pairs = list(walk(estimator))
    if not isinstance(pairs[-1][1], ShallowNet):
        raise ValueError(
            "estimator must be a net of sk_shallow, a pipeline that ends in one, or a search over either. "
            f"Got {type(pairs[-1][1]).__name__} instead."
        )
    return pairs


def has_net(estimator):
    *_, (_, last) = walk(estimator)
    return isinstance(last, ShallowNet)


def nets_in(estimator):
    """Return the nets anywhere in an estimator."""
    parts = [estimator, *estimator.get_params().values()]
    return [part for part in parts if isinstance(part, ShallowNet)]


def is_search(estimator):
    return hasattr(estimator, "refit") and any(hasattr(estimator, name) for name in SEARCH_SPACES)


def tuned_parameters(search):
    """Return the names of the parameters that a search tunes."""
    space = next(getattr(search, name) for name in SEARCH_SPACES if hasattr(search, name))
    spaces = [space] if isinstance(space, Mapping) else space
    # BayesSearchCV takes pairs of a space and a number of iterations.
    return {name for space in spaces for name in (space[0] if isinstance(space, tuple) else space)}


def fitted_net(estimator):
    """Return the fitted net. Raises ValueError if there is none, and NotFittedError if it is not fitted."""
    *_, net = _fitted_parts(estimator)
    return net


def net_and_rows(estimator, X):
    """Return the fitted net, and the rows that reach it in `predict`. Raises as `fitted_net`."""
    *outer, net = _fitted_parts(estimator)
    for pipeline in (part for part in outer if isinstance(part, Pipeline)):
        X = _rows_at_last_step(pipeline, X)
    return net, X


def feature_names_of(estimator):
    """Return the names of the net's features: x0, x1, ... if neither the net nor the steps before it know them."""
    *outer, net = _fitted_parts(estimator)
    names = None
    for pipeline in (part for part in outer if isinstance(part, Pipeline)):
        for _, step in pipeline.steps[:-1]:
            names = _names_after(step, names)
    names = getattr(net, "feature_names_in_", names)
    unknown = names is None or len(names) != net.n_features_in_
    return [f"x{j}" for j in range(net.n_features_in_)] if unknown else list(names)


def _fitted_parts(estimator):
    """Yield the estimator, the fitted pipelines and searches inside it, and the fitted net."""
    yield estimator
    if isinstance(estimator, Pipeline):
        yield from _fitted_parts(estimator.steps[-1][1])
    elif is_search(estimator):
        if not estimator.refit:
            raise ValueError("The search has refit=False, and so no fitted net. Set refit=True.")
        check_is_fitted(estimator, "best_estimator_")
        yield from _fitted_parts(estimator.best_estimator_)
    else:
        walk_to_net(estimator)  # raises ValueError if it is no net
        check_is_fitted(estimator, "coefs_")


class RowsRecorder(BaseEstimator):
    """A stand-in for the last step of a pipeline: it predicts like that step and stores the rows that it gets."""

    fit = None  # scikit-learn requires that the last step has this attribute

    def __init__(self, step):
        self.step = step

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        self.rows_ = X
        return self.step.predict(X)


def _rows_at_last_step(pipeline, X):
    # Call the pipeline's own `predict`, because a subclass may skip steps: imbalanced-learn skips samplers.
    (name, step), pipeline = pipeline.steps[-1], copy(pipeline)
    recorder = RowsRecorder(step)
    pipeline.steps = [*pipeline.steps[:-1], (name, recorder)]
    pipeline.predict(X)
    return recorder.rows_


def _names_after(step, names):
    """Return the names of the features after a step, or None if they are unknown."""
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            names = _names_after(inner, names)
        return names
    if not hasattr(step, "transform"):  # None, "passthrough" or a sampler
        return names
    # A step with feature_names_in_ raises an error for other names.
    given = () if names is None or hasattr(step, "feature_names_in_") else (names,)
    try:
        return list(step.get_feature_names_out(*given))
    except (AttributeError, TypeError, ValueError):  # of a step that does not know its features
        return None
