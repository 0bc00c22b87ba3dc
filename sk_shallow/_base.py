"""What the nets for classification and regression share."""

import warnings
from abc import abstractmethod
from contextlib import contextmanager
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics import get_scorer_names
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_shallow._compat import CALLBACK_STATE, CallbackSupportMixin, Interval, Options, StrOptions, with_callbacks
from sk_shallow._component import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, all_or_none
from sk_shallow._fit.prediction import PredictionMixin, hidden_overflow
from sk_shallow._fit.set_up import SmallAlphaWarning
from sk_shallow._fit.train import train
from sk_shallow._fit.validation import GivenRows, check_fit, check_partial_fit
from sk_shallow._model.network import hidden_activations
from sk_shallow.activations import ACTIVATIONS, ALIASES, Activation, as_activation
from sk_shallow.initializers import INITIALIZERS, Initializer
from sk_shallow.losses import LOSSES
from sk_shallow.schedules import SCHEDULES, Schedule
from sk_shallow.solvers import LBFGS, SOLVERS, FirstOrderSolver

TABLES = {
    "activation": ACTIVATIONS | ALIASES,
    "init": INITIALIZERS,
    "solver": SOLVERS,
    "learning_rate": SCHEDULES,
    "loss": LOSSES,
}


@contextmanager
def _unchanged_on_error(estimator):
    before, n_losses = vars(estimator).copy(), len(getattr(estimator, "loss_curve_", ()))
    try:
        yield
    except BaseException:
        del before.get("loss_curve_", [])[n_losses:]
        callbacks = {name: value for name, value in vars(estimator).items() if name in CALLBACK_STATE}
        vars(estimator).clear()
        vars(estimator).update(before | callbacks)  # scikit-learn must still tear the callbacks down
        raise


def has_partial_fit(estimator):
    if estimator.solver == "lbfgs" or isinstance(estimator.solver, LBFGS):
        raise AttributeError(
            "partial_fit does not work with L-BFGS, which needs all rows in every step. Got "
            f"solver={estimator.solver!r}. Set solver to 'adam', 'sgd' or 'gd', or call fit."
        )
    return True


class ShallowNet(
    PredictionMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, BaseEstimator
):
    """Base class of the nets: parameters, fits, what is stored, hidden activations.

    A subclass states its targets, its loss and its predictions.
    """

    _parameter_constraints = {
        "hidden_size": [COUNT],
        "activation": [StrOptions({*ACTIVATIONS, *ALIASES}), Activation, tuple],
        "init": [StrOptions({"auto", *INITIALIZERS}), Initializer, tuple, list],
        "init_scale": [NOT_NEGATIVE],
        "solver": [StrOptions({*SOLVERS}), FirstOrderSolver, LBFGS],
        "learning_rate": [StrOptions({"auto", *SCHEDULES}), Schedule],
        "learning_rate_init": [POSITIVE, None],
        "batch_size": [StrOptions({"auto"}), COUNT],
        "max_iter": [COUNT],
        "tol": [NOT_NEGATIVE],
        "n_iter_no_change": [COUNT, Options(Real, {np.inf})],
        "shuffle": ["boolean"],
        "alpha": [StrOptions({"auto"}), NOT_NEGATIVE],
        "dropout": [SHARE],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # Searches that pass groups to their splitter need no request for `fit`.
    __metadata_request__fit = {"groups": False}

    def set_params(self, **params):
        """Set parameters. Nested ones such as ``activation__n_pieces=3`` also work if `activation` is a name.

        If an error is raised, the estimator and the objects in its parameters stay unchanged.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator, or nested ones such as ``activation__n_pieces``.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If the parameter does not exist. For example, ``init="auto"`` has no parameters.
        """
        for name, table in TABLES.items():
            value = params.get(name, getattr(self, name, None))
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and isinstance(value, tuple) and name == "activation":
                params[name] = as_activation(value)
            elif nested and isinstance(value, str | tuple | list):
                if value not in list(table):
                    got = f"{name}={value!r}" if isinstance(value, str) else f"{name}, a pair of arrays,"
                    raise ValueError(f"{got} has no parameters: set {name} to one of {sorted(table)}.")
                params[name] = table[value]()
        with all_or_none(self, params):
            return super().set_params(**params)

    def fit(self, X, y, sample_weight=None, *, groups=None, X_val=None, y_val=None, sample_weight_val=None):
        """Train the net.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. float32 and float64 are kept, other dtypes become float64. CSC becomes CSR.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Classifier: class labels (strings, integers, booleans or objects), or for multilabel targets zeros and ones,
            with one column per label. Regressor: finite numbers, at most a quarter of the largest number of the dtype
            of X, with one column per output; "poisson" needs numbers that are not negative, with at least one above
            zero in each column.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative, not all zero. A weight of 2 counts as two equal rows, in the penalty too. For the
            loss, only ratios matter. The rules for the first round and `batch_size` count rows of positive weight.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, for example the person (integers, strings or objects, none missing). The rows that early
            stopping and ``alpha="auto"`` hold out are then whole groups, so that no group is on both sides. Without
            groups, equal rows stay together instead. Unused if you pass `X_val`, and if nothing is held out. With
            metadata routing, request them by ``set_fit_request(groups=True)``.
        X_val : {array-like, sparse matrix} of shape (n_samples_val, n_features), default=None
            Validation set for early stopping and for ``alpha="auto"``, used instead of held-out rows of `X`. (A warm
            start keeps the first choice of alpha.) In a pipeline, ``transform_input=["X_val"]`` transforms it like `X`
            (see the user guide).
        y_val : array-like of shape (n_samples_val,) or (n_samples_val, n_outputs), default=None
            Targets of the validation set. Classifier: all of its labels must occur in `y`.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Weights of the validation set.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter is out of its range, if parameters or arguments contradict each other, if early stopping has
            fewer than two groups or three distinct rows, or if the data are invalid. If the estimator was fitted
            before, it is unchanged.
        KeyboardInterrupt
            On Ctrl-C. The estimator is then fitted with the best weights so far. While "auto" chooses `alpha`, Ctrl-C
            leaves the estimator as it was before the call.

        Warns
        -----
        ConvergenceWarning
            If the fit diverged, or the net learned almost nothing. If `max_iter` ended the fit while the loss was still
            improving. In rounds: if `max_iter` ended a fit whose last round lowered J by 20 % or more. The first round
            has no round before it, so if `max_iter` cuts it, there is no such warning. If `learning_rate_init` is far
            too low. If it is too high, "invscaling" is too fast, or features are unscaled, and the net learned less
            than it could. If the validation set seems to be on another scale, or if a constant does better on it.
        UserWarning
            If `batch_size` is above the number of rows, if `init_scale` is 0, if `y` has only one class or number (rows
            of weight zero do not count), or if a class has too few rows or groups for a stratified split. Regressors:
            if the mean of `y` is so far from zero that its dtype is too coarse, or if a warm start gets targets on
            another scale, because it keeps the first mean and scale. Once per process, if `alpha` is above zero, but
            far below the values that "auto" tries (not with "gd" and "lbfgs").
        """
        rows = GivenRows(X, y, sample_weight, groups)
        return self._finish(self._fit(rows, GivenRows(X_val, y_val, sample_weight_val)))

    @np.errstate(all="ignore")
    def transform(self, X):
        """Return the hidden activations, the features that the net has learned.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the same features as in `fit`.

        Returns
        -------
        A1 : ndarray of shape (n_samples, hidden_size)
            ``g(X W1 + b1)``, in the dtype of the weights. `get_feature_names_out` returns the column names.

        Raises
        ------
        ValueError
            If the hidden activations overflow.
        """
        X = self._checked(X)
        A1 = hidden_activations(X, self.coefs_, self.intercepts_, self._activation)
        if not np.isfinite(A1).all():
            raise hidden_overflow(X)
        return A1

    def __getstate__(self):
        # A copy needs its own loss curve, because later calls append to the curve in place.
        state = super().__getstate__()
        return state | {"loss_curve_": state["loss_curve_"].copy()} if "loss_curve_" in state else state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @abstractmethod
    def _checked_y(self, y, dtype):
        """Return the targets as a dense array. Raises ValueError if they do not suit the estimator or `dtype`."""

    @abstractmethod
    def _targets_of(self, y, resume=False):
        """Return the `Targets` of a call of `fit`."""

    @abstractmethod
    def _targets_of_part(self, y, classes):
        """Return the `Targets` of a call of `partial_fit`."""

    def _class_weights(self, data):
        """Return a function from `y` to class weights, or to None."""
        return lambda y: None

    def _checked(self, X):
        check_is_fitted(self, "coefs_")
        return validate_data(self, X, accept_sparse="csr", dtype=self.coefs_[0].dtype, reset=False)

    @property
    def _n_features_out(self):
        return len(self.coefs_[1])

    @with_callbacks
    def _fit(self, rows, validation):
        # Callbacks have ended when this returns, so warnings come after them.
        with _unchanged_on_error(self):
            resume = self.warm_start and hasattr(self, "coefs_")
            return self._store(train(self, *check_fit(self, rows, validation, resume), resume=resume))

    def _partial_fit(self, X, y, sample_weight, classes=None):
        rows = GivenRows(X, y, sample_weight)
        with _unchanged_on_error(self):
            resume = hasattr(self, "coefs_")
            return self._store(train(self, check_partial_fit(self, rows, classes), resume=resume, incremental=True))

    def _store(self, outcome):
        vars(self).pop("_state", None)
        vars(self).update(outcome.attributes)
        return outcome

    def _finish(self, outcome):
        """Emit the warnings of a fit, re-raise its interrupt, and return the estimator."""
        try:
            for warning in outcome.warnings:
                warnings.warn(warning, stacklevel=3)
                if isinstance(warning, SmallAlphaWarning):
                    SmallAlphaWarning.given = True
        finally:
            if outcome.interrupted:
                raise outcome.interrupted
        return self
