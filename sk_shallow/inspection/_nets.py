"""The net in an estimator: alone, at the end of a pipeline, or in a search over either."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sk_shallow._classifier import ShallowNetClassifier


def path_to_net(estimator: Any) -> str:
    """Return what stands in front of the names of the net's parameters: "" or, for example, "estimator__net__".

    Raises ValueError where there is no net.
    """
    if isinstance(estimator, ShallowNetClassifier):
        return ""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{path_to_net(last)}"
    if is_search(estimator):
        return "estimator__" + path_to_net(estimator.estimator)
    raise ValueError(
        "estimator must be a ShallowNetClassifier, a pipeline that ends in one, or a search over either. "
        f"Got {type(estimator).__name__} where the net should be."
    )


def is_search(estimator: Any) -> bool:
    """Say whether an estimator is a search such as GridSearchCV."""
    tuned = ("param_grid", "param_distributions", "search_spaces")
    return hasattr(estimator, "refit") and any(hasattr(estimator, name) for name in tuned)


def fitted_net(estimator: Any, X: Any) -> tuple[ShallowNetClassifier, Any]:
    """Return the fitted net and the rows as it sees them; raises ValueError where there is no net."""
    if isinstance(estimator, Pipeline):
        for step in (step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")):
            X = step.transform(X)
        return fitted_net(estimator[-1], X)
    if is_search(estimator):
        if not estimator.refit:
            raise ValueError("The search has refit=False, and so no fitted net. Set refit=True.")
        check_is_fitted(estimator, "best_estimator_")
        return fitted_net(estimator.best_estimator_, X)
    path_to_net(estimator)
    return estimator, X
