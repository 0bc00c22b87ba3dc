"""ShallowNetClassifier: its parameters, `fit` and `partial_fit`."""

import warnings
from contextlib import contextmanager
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics import get_scorer_names
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_shallow._compat import CALLBACK_STATE, CallbackSupportMixin, Interval, Options, StrOptions, with_callbacks
from sk_shallow._component import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, all_or_none
from sk_shallow._fit.prediction import PredictionMixin, hidden_overflow
from sk_shallow._fit.set_up import SmallAlphaWarning
from sk_shallow._fit.targets import LabelTargets, MultilabelTargets
from sk_shallow._fit.train import train
from sk_shallow._fit.validation import check_fit, check_partial_fit
from sk_shallow._model.network import hidden_activations
from sk_shallow.activations import ACTIVATIONS, ALIASES, Activation, as_activation
from sk_shallow.initializers import INITIALIZERS, Initializer
from sk_shallow.schedules import SCHEDULES, Schedule
from sk_shallow.solvers import LBFGS, SOLVERS, FirstOrderSolver

TABLES = {"activation": ACTIVATIONS | ALIASES, "init": INITIALIZERS, "solver": SOLVERS, "learning_rate": SCHEDULES}


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


def _has_partial_fit(estimator):
    if estimator.solver == "lbfgs" or isinstance(estimator.solver, LBFGS):
        raise AttributeError(
            "partial_fit does not work with L-BFGS, which needs all rows in every step. Got "
            f"solver={estimator.solver!r}. Set solver to 'adam', 'sgd' or 'gd', or call fit."
        )
    return True


class ShallowNetClassifier(
    PredictionMixin,
    ClassNamePrefixFeaturesOutMixin,
    ClassifierMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """A neural network classifier with one hidden layer.

    It minimizes, in nats per sample,

    ``J = 1/sum(w) [sum_i w_i L(y_i, o(g(x_i W1 + b1) W2 + b2)) + alpha/2 (|W1|^2 + |W2|^2)]``

    with g the activation, o the sigmoid (two classes, or multilabel targets) or the softmax (more classes), L the log
    loss and w the sample weights times the class weights. Scale the features: put a `StandardScaler` in front.
    Parameters have the same meaning as in `sklearn.neural_network.MLPClassifier`, except `alpha`, which is the same
    with "lbfgs" only: `MLPClassifier` divides the penalty by the rows of the mini-batch, which makes it stronger.

    `fit` trains with Adam in rounds of 15, 30, 60, ... epochs, the first of at least 120 steps. In each round, the
    learning rate rises and then falls to zero. Training ends after a round that lowers J by less than 20 %, or after
    `max_iter` epochs. If you give `learning_rate_init`, or name "constant", "invscaling" or "adaptive", it works as in
    `MLPClassifier`: it trains until the loss stops improving, for at most `max_iter` epochs.

    Parameters
    ----------
    hidden_size : int in [1, inf), default=100
        Number of hidden units. Increase it if the training loss stays high.
    activation : str, Activation or tuple of two callables, default="relu"
        "identity", "sigmoid" (or "logistic"), "tanh", "relu", "leaky_relu", "elu", "maxout", "softplus", "selu",
        "gelu", "silu" (or "swish") or "mish"; an object such as ``LeakyReLU(negative_slope=0.1)``; or a pair of
        functions, g and its derivative, both of z. `fit` checks the derivative. `compare_activations` shows which ones
        suit your data.
    init : str, Initializer or tuple of two arrays, default="auto"
        Scheme of the initial weights: "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "normal", "orthogonal" or an object. "auto" chooses the scheme for the activation, and halves
        it except for sigmoid and selu. Or the weights themselves: a pair (W1, W2), with the shapes of `coefs_`. `fit`
        copies it, in the dtype of X. Biases start at zero. A warm start does not use `init`.
    init_scale : float in [0, inf), default=1.0
        Factor of the initial weights, also of a pair (W1, W2). With 0, all hidden units stay equal (without dropout).
    solver : {"adam", "sgd", "gd", "lbfgs"} or Solver, default="adam"
        "adam" suits all data. "sgd" has momentum. "gd", full-batch gradient descent, is for teaching and debugging.
        "lbfgs" suits up to some thousand rows. "gd" and "lbfgs" first merge equal rows, in a copy of X. To set other
        options, give an object such as ``SGD(momentum=0.8)``.
    learning_rate : {"auto", "constant", "invscaling", "adaptive", "cosine", "one_cycle"} or Schedule, default="auto"
        Schedule of the learning rate. "auto" is "constant" in `partial_fit`, with "gd" and if `learning_rate_init` is
        given; otherwise training goes in rounds. "cosine" and "one_cycle" are one cycle of exactly `max_iter` epochs.
        Unused by "lbfgs".
    learning_rate_init : float in (0, inf) or None, default=None
        Initial learning rate; for rounds and "one_cycle", the largest. None lets the solver choose (see the user
        guide), and `learning_rate_init_` shows the value used. Lower it if the loss diverges. Unused by "lbfgs".
    batch_size : int in [1, inf) or "auto", default="auto"
        Rows of a mini-batch. "auto" is 4 % of the rows, from 32 to 512. Unused by "gd" and "lbfgs".
    max_iter : int in [1, inf), default=200
        Largest number of epochs ("lbfgs": iterations). The last round is cut to fit. On "one_cycle" and "cosine", it is
        the number of epochs: 30 to 100 are enough for most data.
    tol : float in [0, inf), default=1e-4
        An epoch counts as an improvement if the loss (nats per sample) or the validation score improves by more than
        `tol`. A round must lower J by `tol` too. "lbfgs" also stops when the largest element of the gradient is at most
        `tol`. With "gd", 0 switches stopping off: `fit` runs `max_iter` epochs, without a warning.
    n_iter_no_change : int in [1, inf) or inf, default=10
        Training stops after more than so many epochs in a row without an improvement. Epochs with a rising rate do not
        count. Rounds, "lbfgs", "one_cycle" and "cosine" use it with `early_stopping` only. With "gd", inf switches
        stopping off, like ``tol=0``.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch. Unused by "gd" and "lbfgs".
    alpha : float in [0, inf) or "auto", default="auto"
        Strength of the penalty: the precision of a normal prior on the weights. "auto" compares two or three strengths
        by cross-validation, or on `X_val`, and prefers the stronger one of a near tie (see the user guide). Increase it
        if the net overfits.
    dropout : float in [0, 1), default=0.0
        Probability of dropping a hidden activation in training. Not available with "lbfgs".
    early_stopping : bool, default=False
        Whether to hold out some rows, stop when the validation score stops improving, and return the weights of the
        epoch with the best score. In rounds, training also ends after a round whose best score does not beat those of
        all earlier rounds by more than `tol`.
    validation_fraction : float in (0, 1), default=0.1
        Fraction of the rows to hold out, at least two. They are stratified, unless targets are multilabel or (with a
        warning) a class is too rare. Equal rows, or the rows of a group, stay together, so the fraction may be met only
        roughly. Unused without `early_stopping`, and if you pass `X_val`.
    scoring : str or callable, default="loss"
        Validation score: "loss" (minus the log loss), the name of a scikit-learn scorer or ``scorer(estimator, X, y)``.
        If you pass sample weights, scorers get those of the validation set as `sample_weight`. Class weights change
        "loss", but not the score of a scorer. Unused without `early_stopping`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes. They multiply the sample weights, also in the validation loss. For scorers, see
        `scoring`. "balanced" gives all classes the same total weight. Multilabel targets allow "balanced" only,
        computed for each label separately.
    warm_start : bool, default=False
        Whether `fit` continues from the last weights and optimizer state, for up to `max_iter` more epochs. Rounds
        begin again with the shortest one. An `alpha` chosen by "auto" is kept.
    verbose : int or bool, default=0
        Whether to print the scores of ``alpha="auto"``, and the loss and validation score of every epoch.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, order of rows, held-out rows and dropout. The same int gives the same net, bit by
        bit, on one machine. With "gd" and "lbfgs", the order of the rows does not matter. Another BLAS or number of
        BLAS threads can change the last bits.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels; for multilabel targets, the column numbers.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all are strings.
    coefs_ : list of two ndarrays of shape (n_features, n_pieces * hidden_size) and (hidden_size, n_outputs)
        W1 and W2, in the dtype of the training data. n_pieces is 1 except for maxout.
    intercepts_ : list of two ndarrays of shape (n_pieces * hidden_size,) and (n_outputs,)
        b1 and b2.
    n_iter_ : int
        Number of epochs (iterations) of the last call of `fit` or `partial_fit`.
    stop_reason_ : str
        Why the last call stopped: "max_iter" (also if it was the planned number of epochs), "plateau" (the loss or the
        score stopped improving, or the last round gained too little), "converged" or "limit" (with "lbfgs": it reached
        `max_fun`, or its line search found no lower loss), "callback", "interrupt" (Ctrl-C) or "diverged".
    t_ : int
        Number of rows processed so far, over epochs (iterations) and continued calls.
    loss_curve_ : list of float
        J of every epoch: its loss, averaged while the weights change, and the penalty of the weights at its beginning.
        `warm_start` and `partial_fit` append to it.
    loss_, best_loss_ : float
        Last and smallest element of `loss_curve_`.
    validation_scores_ : list of float or None
        Validation score after every epoch, greater is better. None without `early_stopping`, also if you pass `X_val`.
    best_validation_score_ : float or None
        The best validation score, which belongs to the weights returned.
    n_outputs_, n_layers_ : int
        Number of outputs: 1 for two classes, otherwise the number of classes or labels. Number of layers: 3, including
        the input layer.
    solver_, alpha_, learning_rate_init_, batch_size_ : str, float, float or None, int
        Values that the last call used. The learning rate is None with "lbfgs".
    alpha_scores_ : dict of float to float, or None
        Score of every `alpha` that "auto" tried, from the strongest: minus the log loss on held-out rows, in nats per
        sample, greater is better. None if nothing was tried: `alpha` was given, there were fewer than 40 distinct rows
        (equal ones count once) or two groups, or the validation set had fewer than 10 rows, or `partial_fit` came
        before any `fit`.
    n_samples_seen_ : float
        Sample size, by which the penalty is divided: the sum of the weights, the sum of the sample weights alone or the
        number of rows with a weight, whichever is largest. Each call of `partial_fit` adds its own sample size.
    out_activation_ : {"logistic", "softmax"}
        The function o.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : More layers, four activations.
    sk_shallow.compute_gradient : The gradient of J on any rows.
    sk_shallow.check_gradient : Compare back-propagation with finite differences.

    References
    ----------
    Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323, 1986.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_shallow import ShallowNetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = make_pipeline(StandardScaler(), ShallowNetClassifier(random_state=0))
    >>> net.fit(X, y).score(X, y)
    0.98...
    >>> search = GridSearchCV(net, {"shallownetclassifier__activation": ["tanh", "relu", "maxout"]}).fit(X, y)
    >>> bool(search.best_score_ > 0.95)
    True
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
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # Searches that hand groups to their splitter need no request for `fit`.
    __metadata_request__fit = {"groups": False}

    def __init__(
        self,
        hidden_size=100,
        activation="relu",
        *,
        init="auto",
        init_scale=1.0,
        solver="adam",
        learning_rate="auto",
        learning_rate_init=None,
        batch_size="auto",
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=10,
        shuffle=True,
        alpha="auto",
        dropout=0.0,
        early_stopping=False,
        validation_fraction=0.1,
        scoring="loss",
        class_weight=None,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.hidden_size = hidden_size
        self.activation = activation
        self.init = init
        self.init_scale = init_scale
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.alpha = alpha
        self.dropout = dropout
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def set_params(self, **params):
        """Set parameters. Nested ones such as ``activation__n_pieces=3`` also work if `activation` is a name.

        If an error is raised, the estimator and the objects in its parameters stay unchanged.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator, or nested ones such as ``activation__n_pieces``.

        Returns
        -------
        self : ShallowNetClassifier

        Raises
        ------
        ValueError
            If the parameter does not exist. For example, ``init="auto"`` has no parameters.
        """
        for name, table in TABLES.items():
            value = params.get(name, getattr(self, name))
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and isinstance(value, tuple) and name == "activation":
                params[name] = as_activation(value)
            elif nested and isinstance(value, str | tuple | list):
                if value not in list(table):
                    raise ValueError(f"{name}={value!r} has no parameters: set {name} to one of {sorted(table)}.")
                params[name] = table[value]()
        with all_or_none(self, params):
            return super().set_params(**params)

    def fit(self, X, y, sample_weight=None, *, groups=None, X_val=None, y_val=None, sample_weight_val=None):
        """Train the net.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. float32 and float64 are kept, other dtypes become float64. CSC becomes CSR.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels (strings, integers, booleans or objects). For multilabel targets, zeros and ones, with one
            column per label.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative, not all zero. A weight of 2 counts as two equal rows, in the penalty too. For the
            loss, only ratios matter. The rules for the first round and `batch_size` count rows of positive weight.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, for example the person (integers, strings or objects, none missing). The rows that early
            stopping and ``alpha="auto"`` hold out are then whole groups, so that no group is on both sides. Without
            groups, equal rows stay together instead. Unused if you pass `X_val`, and if nothing is held out. With
            metadata routing, request them by ``set_fit_request(groups=True)``.
        X_val : {array-like, sparse matrix} of shape (n_samples_val, n_features), default=None
            Validation set for early stopping and for ``alpha="auto"``, used instead of held-out rows of `X`. In a
            pipeline, ``transform_input=["X_val"]`` transforms it like `X` (see the user guide).
        y_val : array-like of shape (n_samples_val,) or (n_samples_val, n_labels), default=None
            Labels of the validation set. All of them must occur in `y`.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Weights of the validation set.

        Returns
        -------
        self : ShallowNetClassifier

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
            If the fit has diverged, if the net has learned almost nothing, if the loss was still improving when the fit
            reached `max_iter` (in rounds: if the last round still lowered J by 20 %), if `learning_rate_init` is far
            too low, if it is too high or "invscaling" too fast and the net has learned less than it could, or if the
            validation set seems to be on another scale.
        UserWarning
            If `batch_size` is above the number of rows, if `init_scale` is 0, if `y` has only one class, or if a class
            has too few rows or groups for a stratified split. Once per process, if `alpha` is above zero, but far below
            the values that "auto" tries (not with "gd" and "lbfgs").
        """
        return self._finish(self._fit((X, y, sample_weight, groups), (X_val, y_val, sample_weight_val)))

    @available_if(_has_partial_fit)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on the given rows, continuing from the last call. With "gd", one call makes one step.

        With ``alpha=0`` and a constant learning rate, k calls with the same rows equal one `fit` of k epochs. The
        penalty is divided by the sample size of all calls so far. The optimizer's state is kept, also through pickling.
        Changed parameters take effect.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. They are converted to the dtype of the first call.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels. Not every class must occur.
        classes : array-like of shape (n_classes,), default=None
            All classes of all calls. Required at the first call, unless `y` has one column per label.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative. They are not normalized: a weight of 2 doubles the gradient of a row.

        Returns
        -------
        self : ShallowNetClassifier

        Raises
        ------
        AttributeError
            If the solver is "lbfgs".
        ValueError
            As in `fit`. Also if a label is not in `classes`, or with settings that need all the data:
            ``early_stopping=True``, ``class_weight="balanced"``, or a schedule that needs the number of epochs.
        KeyboardInterrupt
            As in `fit`.

        Warns
        -----
        ConvergenceWarning
            If the loss is not finite (the earlier weights are then restored), or if it has risen during the call to
            more than twice the loss of giving every class the same probability.
        """
        with _unchanged_on_error(self):
            resume = hasattr(self, "coefs_")
            data = check_partial_fit(self, (X, y, sample_weight), classes)
            outcome = self._store(train(self, data, resume=resume, incremental=True))
        return self._finish(outcome)

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
        tags.classifier_tags.multi_label = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _targets(self):
        is_multilabel = self.out_activation_ == "logistic" and self.n_outputs_ > 1
        return (MultilabelTargets if is_multilabel else LabelTargets)(self.classes_)

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
