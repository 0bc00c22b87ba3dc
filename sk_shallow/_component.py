"""Base class of the objects that the estimator accepts instead of a name."""

from abc import ABCMeta
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, clone

from sk_shallow._compat import Interval, state_that_clones_keep, validate_parameters

COUNT = Interval(Integral, 1, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")


class Component(BaseEstimator, metaclass=ABCMeta):
    """Base class of activations, initializers, losses, solvers and schedules.

    It has scikit-learn's `get_params`, `set_params` and `repr`, so that `clone` and nested grids work:
    ``{"activation__negative_slope": [0.01, 0.1]}``. As in scikit-learn, `__init__` stores its arguments unchanged,
    and `fit` checks them against `_parameter_constraints`.
    """

    _parameter_constraints: dict[str, list[Any]] = {}

    def set_params(self, **params: Any) -> Self:
        """Set parameters. If an error is raised, nothing is changed."""
        with all_or_none(self, params):
            return super().set_params(**params)


C = TypeVar("C", bound=Component)


@contextmanager
def all_or_none(estimator: Any, params: Mapping[str, Any]) -> Iterator[None]:
    """Undo all changes if an error is raised inside: of an estimator, the objects in it and in the new parameters."""
    objects = [value for value in (estimator, *params.values()) if _has_parameters(value)]
    objects += [value for part in objects for value in part.get_params().values() if _has_parameters(value)]
    before = [(vars(part), vars(part).copy()) for part in objects]
    try:
        yield
    except BaseException:
        for now, then in before:
            now.clear()
            now.update(then)
        raise


def _has_parameters(value: Any) -> bool:
    return hasattr(value, "get_params") and hasattr(value, "__dict__") and not isinstance(value, type)


def from_name(table: Mapping[str, Callable[[], C]], value: str | C) -> C:
    """Return a new object for a name, or a copy of an object.

    Raises ValueError if the table has no such name, or a parameter of the object is invalid.
    """
    if isinstance(value, str):
        if value not in table:
            raise ValueError(f"Unknown name {value!r}. Use one of {sorted(table)}.")
        return table[value]()  # its parameters are the defaults
    component = clone(value)
    validate_parameters(component)
    return component


def equal(one: Any, other: Any) -> bool:
    """Return whether two values are equal: estimators with the same class and equal parameters, collections, arrays.

    Functions must be identical. Values that cannot be compared are not equal.
    """
    if isinstance(one, Real) and isinstance(other, Real):
        return bool(one == other or (one != one and other != other))  # nan equals nan
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseEstimator):
        same = state_that_clones_keep(one) == state_that_clones_keep(other)
        return same and equal(one.get_params(deep=False), other.get_params(deep=False))
    if callable(one):
        return one is other
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) and one.dtype == other.dtype == object:
        return equal(one.tolist(), other.tolist())
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    try:
        return bool(np.all(one == other))
    except ValueError:  # of frames and sparse matrices
        return False


def to_name(table: Mapping[str, Callable[[], C]], component: C) -> str:
    """Return the name of a component's class in a table, or the component's representation if it has no name."""
    names = [name for name, kind in table.items() if type(component) is kind]
    return names[0] if names else repr(component)
