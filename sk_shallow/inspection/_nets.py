"""Find the net in an estimator: it stands alone, ends a pipeline, or is tuned by a search over either."""

from collections.abc import Mapping

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sk_shallow._classifier import ShallowNetClassifier

# Where GridSearchCV, RandomizedSearchCV and BayesSearchCV store the parameters that they tune.
SEARCH_SPACES = ("param_grid", "param_distributions", "search_spaces")


def walk_to_net(estimator, prefix=""):
    """Yield pairs of a parameter prefix and an object: the estimator, pipelines and searches inside it, and the net.

    A prefix is that of the parameters, for example "estimator__net__". Raises ValueError if there is no net.
    """
    yield prefix, estimator
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        yield from walk_to_net(last, f"{prefix}{name}__")
    elif is_search(estimator):
        yield from walk_to_net(estimator.estimator, f"{prefix}estimator__")
    elif not isinstance(estimator, ShallowNetClassifier):
        raise ValueError(
            "estimator must be a ShallowNetClassifier, a pipeline that ends in one, or a search over either. "
            f"Got {type(estimator).__name__} instead."
        )


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
    return _fitted_steps(estimator)[-1]


def net_and_rows(estimator, X):
    """Return the fitted net, and X as transformed by the steps before it. Raises as `fitted_net`."""
    *transformers, net = _fitted_steps(estimator)
    for transformer in transformers:
        X = transformer.transform(X)
    return net, X


def feature_names_of(estimator):
    """Return the names of the net's features: x0, x1, ... if neither the net nor the step before it knows them."""
    *transformers, net = _fitted_steps(estimator)
    names = None
    for transformer in transformers:
        try:
            names = transformer.get_feature_names_out(names)
        except (AttributeError, ValueError):  # of a step that does not know its features
            names = None
    if names is None:
        names = getattr(net, "feature_names_in_", [f"x{j}" for j in range(net.n_features_in_)])
    return list(names)


def _fitted_steps(estimator):
    """Return the fitted transformers before the net, and last the fitted net."""
    if isinstance(estimator, Pipeline):
        transformers = [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
        return [*transformers, *_fitted_steps(estimator[-1])]
    if is_search(estimator):
        if not estimator.refit:
            raise ValueError("The search has refit=False, and so no fitted net. Set refit=True.")
        check_is_fitted(estimator, "best_estimator_")
        return _fitted_steps(estimator.best_estimator_)
    ((_, net),) = walk_to_net(estimator)
    check_is_fitted(net, "coefs_")
    return [net]
