"""Find the net in an estimator: it stands alone, ends a pipeline, or is tuned by a search over either."""

from collections.abc import Iterator, Mapping
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sk_shallow._classifier import ShallowNetClassifier

# Where GridSearchCV, RandomizedSearchCV and BayesSearchCV store the parameters that they tune.
SEARCH_SPACES = ("param_grid", "param_distributions", "search_spaces")


def path_to_net(estimator: Any) -> str:
    """Return the prefix of the net's parameters, for example "estimator__net__".

    Raises ValueError if there is no net.
    """
    if isinstance(estimator, ShallowNetClassifier):
        return ""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{path_to_net(last)}"
    if _is_search(estimator):
        return f"estimator__{path_to_net(estimator.estimator)}"
    raise ValueError(
        "estimator must be a ShallowNetClassifier, a pipeline that ends in one, or a search over either. "
        f"Got {type(estimator).__name__} instead."
    )


def searches_around_net(estimator: Any) -> Iterator[Any]:
    """Yield the searches from the outermost to that around the net."""
    if isinstance(estimator, Pipeline):
        yield from searches_around_net(estimator[-1])
    elif _is_search(estimator):
        yield estimator
        yield from searches_around_net(estimator.estimator)


def tuned_parameters(search: Any) -> set[str]:
    """Return the names of the parameters that a search tunes."""
    space = next(getattr(search, name) for name in SEARCH_SPACES if hasattr(search, name))
    spaces = [space] if isinstance(space, Mapping) else space
    # BayesSearchCV takes pairs of a space and a number of iterations.
    return {name for space in spaces for name in (space[0] if isinstance(space, tuple) else space)}


def fitted_net(estimator: Any) -> ShallowNetClassifier:
    """Return the fitted net. Raises ValueError if there is none, and NotFittedError if it is not fitted."""
    return _fitted_steps(estimator)[-1]


def net_and_rows(estimator: Any, X: Any) -> tuple[ShallowNetClassifier, Any]:
    """Return the fitted net, and X as transformed by the steps before it. Raises as `fitted_net`."""
    *transformers, net = _fitted_steps(estimator)
    for transformer in transformers:
        X = transformer.transform(X)
    return net, X


def feature_names_of(estimator: Any) -> list[str]:
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


def _fitted_steps(estimator: Any) -> list[Any]:
    """Return the fitted transformers before the net, and last the fitted net."""
    if isinstance(estimator, Pipeline):
        transformers = [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
        return [*transformers, *_fitted_steps(estimator[-1])]
    if _is_search(estimator):
        if not estimator.refit:
            raise ValueError("The search has refit=False, and so no fitted net. Set refit=True.")
        check_is_fitted(estimator, "best_estimator_")
        return _fitted_steps(estimator.best_estimator_)
    path_to_net(estimator)
    check_is_fitted(estimator, "coefs_")
    return [estimator]


def _is_search(estimator: Any) -> bool:
    return hasattr(estimator, "refit") and any(hasattr(estimator, name) for name in SEARCH_SPACES)
