"""ShallowNetClassifier: parameters, validation, fit and predict."""

import warnings
from contextlib import contextmanager
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_shallow._compat import Interval, Options, StrOptions, check_classes_on_first_call, check_sample_weight
from sk_shallow._component import from_name
from sk_shallow._data import Data, hold_out, validation_score
from sk_shallow._defaults import settle
from sk_shallow._diagnosis import conclude, keep_best
from sk_shallow._monitor import Monitor
from sk_shallow._network import logits
from sk_shallow._parameters import Parameters
from sk_shallow._targets import LogitsMixin, MultilabelTargets, as_labels, targets_of, targets_with_classes
from sk_shallow._threads import fits_share_threads
from sk_shallow.activations import ACTIVATIONS, as_activation, check_derivative
from sk_shallow.activations import CONSTRAINT as ACTIVATION_CONSTRAINT
from sk_shallow.initializers import INITIALIZERS, Initializer, initialize
from sk_shallow.schedules import SCHEDULES, Schedule
from sk_shallow.solvers import SOLVERS, Solver, TrainingState

DTYPES = (np.float64, np.float32)
TABLES = {"activation": ACTIVATIONS, "init": INITIALIZERS, "solver": SOLVERS, "learning_rate": SCHEDULES}


@contextmanager
def _unchanged_on_error(estimator):
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        if not vars(estimator).pop("_interrupted", False):  # _train has then stored what there is
            vars(estimator).clear()
            vars(estimator).update(before)
        raise


def _has_partial_fit(estimator):
    solver = estimator.solver
    if getattr(SOLVERS.get(solver) if isinstance(solver, str) else solver, "full_batch", False):
        raise AttributeError(f"partial_fit needs a solver that works in mini-batches. Got solver={solver!r}.")
    return True


class ShallowNetClassifier(LogitsMixin, ClassifierMixin, BaseEstimator):
    """A classifier with one hidden layer, whose activation, size and initial weights are parameters.

    It minimizes, in nats per sample,

    ``J = 1/sum(w) sum_i w_i L(y_i, o(g(x_i W1 + b1) W2 + b2)) + alpha/2 (|W1|^2 + |W2|^2)``

    with g the activation, o the sigmoid (two classes, or several labels per row) or the softmax (more classes), L
    the log loss and w the sample weights times the class weights. Features should be scaled: put a `StandardScaler`
    in front. Where `sklearn.neural_network.MLPClassifier` has a parameter of the same name, it means the same, except
    `alpha`: the penalty belongs to the mean loss here, and `MLPClassifier` divides its own by the number of rows of a
    batch.

    By default the length of a fit is planned: it ends after a number of epochs that the rules below choose, near the
    best weights, and needs no warning that it has not converged. Where `max_iter` or `warm_start` is set, a fit runs at
    a constant learning rate until it has converged, as `MLPClassifier`'s do, unless `learning_rate` says otherwise.

    Parameters
    ----------
    hidden_size : int in [1, inf), default=100
        Number of hidden units.
    activation : str, Activation or tuple of two callables, default="relu"
        One of "identity", "sigmoid" (or "logistic"), "tanh", "relu", "leaky_relu", "elu", "maxout", "softplus", "selu",
        "gelu", "silu" (or "swish") and "mish"; an object such as ``LeakyReLU(negative_slope=0.1)`` or one's own; or a
        function of z and its derivative. A derivative from outside the package is held against finite differences.
    init : str or Initializer, default="auto"
        Scheme of the initial weights: "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "normal", "orthogonal" or an object. "auto" takes what goes with the activation: LeCun for
        selu, Glorot for sigmoid, half of it for tanh, identity and maxout, and half of He for the relu family. Biases
        start at zero.
    init_scale : float in [0, inf), default=1.0
        What the draw is multiplied by. 0 leaves all hidden units equal for ever (without
        dropout).
    solver : {"auto", "adam", "sgd", "gd", "lbfgs"} or Solver, default="auto"
        "gd" is full-batch gradient descent; "sgd" has momentum. ``SGD(momentum=0.8)`` and its like set the rest.
        "auto" is "lbfgs" for 500 to 5,000 rows of up to 100 features and up to 1,000 hidden units; it is "adam" for
        other data, in `partial_fit`, and where `learning_rate`, `learning_rate_init`, `batch_size`, `max_iter`,
        `dropout` or `warm_start` is set.
    learning_rate : {"auto", "constant", "invscaling", "adaptive", "cosine", "one_cycle"} or Schedule, default="auto"
        Schedule of the learning rate. "auto" is "one_cycle", and "constant" where `max_iter` or `warm_start` is set, in
        `partial_fit` and with "gd". Unused by "lbfgs".
    learning_rate_init : float in (0, inf) or None, default=None
        Initial learning rate; of "one_cycle", the largest. None is, on "one_cycle" and "cosine", f times 0.1 / sqrt(q),
        this from 0.001 to 0.03, for "adam", and 3 f / q, from 0.01 to 0.5, for "sgd"; q is the mean squared length of a
        row of `X` (the number of features, where they are standardized), and f is 2 for elu, selu, gelu, silu and mish,
        4 for sigmoid, tanh and softplus, and otherwise 1. On other schedules it is 0.001 for "adam" and 0.01 for "sgd";
        it is 0.1 for "gd". Unused by "lbfgs".
    batch_size : int in [1, inf) or "auto", default="auto"
        Rows of a mini-batch. "auto" is a fiftieth of the rows, from 32 to 512, on "one_cycle" and "cosine", and 200 on
        other schedules; or all rows, where there are fewer. Unused by "gd" and "lbfgs".
    max_iter : int in [1, inf) or None, default=None
        Epochs at most; for "lbfgs", iterations. None is 30 epochs of mini-batches on "one_cycle" and "cosine" (more of
        few rows: 120 steps), 60 iterations of "lbfgs" (fewer of less than 60 rows: 40 at least), and otherwise 200
        epochs.
    tol : float in [0, inf), default=1e-4
        Least improvement of an epoch, in nats per sample or in units of the validation score; for "lbfgs" also the
        largest element of the gradient at which it stops.
    n_iter_no_change : int in [1, inf) or inf, default=10
        Epochs without such an improvement that are tolerated. "lbfgs", "one_cycle" and "cosine", which end by
        themselves, use it with `early_stopping` only.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new order. Unused by "gd" and "lbfgs".
    alpha : float in [0, inf) or "auto", default="auto"
        Strength of the penalty. "auto" is ``min(q, 100) / (10 (m + 100))``, a quarter of that for sigmoid, with q as
        above and m the number of rows of the call (of integer weights, their sum: they stand for repeated rows). Of
        many rows, the weights that minimize J are then the most probable ones, if a priori they are normal with
        variance 10 / q.
    dropout : float in [0, 1), default=0.0
        Probability with which a hidden activation is dropped in training. Not with "lbfgs".
    early_stopping : bool, default=False
        Whether to keep some rows apart, stop when the score on them has stopped improving, and return the weights of
        the epoch of the best one.
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows kept apart, with the class frequencies of the whole (drawn at random if multilabel). Unused
        without `early_stopping`, and where `fit` is given `X_val`.
    scoring : str or callable, default="loss"
        The score: minus the log loss, the name of a scikit-learn scorer, or ``scorer(estimator, X, y)``, which is given
        `sample_weight` too where there are weights. Unused without `early_stopping`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights, also in the validation score. "balanced" gives every
        class the same share of the sum. Multilabel targets can be "balanced" only: each label's presence and absence.
    warm_start : bool, default=False
        Whether `fit` goes on from the last weights, with the optimizer as it was, for up to `max_iter` more epochs.
    verbose : int or bool, default=0
        Whether to print the loss of every epoch, and the validation score.
    random_state : int, RandomState instance or None, default=None
        Source of initial weights, orders of rows, held-out rows and dropout. The same int gives the same net, bit by
        bit, on one machine; another BLAS or number of its threads can change the last bits.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in order; column numbers if multilabel.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.
    coefs_ : list of two ndarrays of shape (n_features_in_, n_pieces * hidden_size) and (hidden_size, n_outputs_)
        W1 and W2, of the dtype of the training data. n_pieces is 1 but for maxout.
    intercepts_ : list of two ndarrays of shape (n_pieces * hidden_size,) and (n_outputs_,)
        b1 and b2.
    n_iter_ : int
        Epochs (iterations) of the last call of `fit` or `partial_fit`.
    loss_curve_ : list of float
        J of every epoch, averaged while the weights change; goes on with `warm_start` and `partial_fit`.
    loss_, best_loss_ : float
        Last and least element of `loss_curve_`.
    validation_scores_ : list of float or None
        Validation score after every epoch, greater is better; None without `early_stopping`.
    best_validation_score_ : float or None
        The greatest of them, that of the weights returned.
    n_outputs_ : int
        1 for two classes; otherwise the number of classes or labels.
    solver_ : str
        Name of the solver of the last call; of one's own, its representation.
    alpha_ : float
        Penalty of the last call.
    learning_rate_init_ : float or None
        Initial (of "one_cycle", largest) learning rate of the last call; None with "lbfgs".
    batch_size_ : int
        Rows of a step of the last call.
    out_activation_ : {"logistic", "softmax"}
        The function o.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : More layers, four activations.
    sk_shallow.check_gradient : Hold back-propagation against finite differences.

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
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "activation": ACTIVATION_CONSTRAINT,
        "init": [StrOptions({"auto", *INITIALIZERS}), Initializer],
        "init_scale": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"auto", *SOLVERS}), Solver],
        "learning_rate": [StrOptions({"auto", *SCHEDULES}), Schedule],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "shuffle": ["boolean"],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_size=100,
        activation="relu",
        *,
        init="auto",
        init_scale=1.0,
        solver="auto",
        learning_rate="auto",
        learning_rate_init=None,
        batch_size="auto",
        max_iter=None,
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
        """Set parameters; ``activation__n_pieces=3`` and its like also where `activation` is a name.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator, and of its components with the component's name and two underscores in front.

        Returns
        -------
        self : ShallowNetClassifier

        Raises
        ------
        ValueError
            If there is no such parameter, as there is none of ``solver="auto"``.
        """
        for name, table in TABLES.items():
            value = params.get(name, getattr(self, name))
            if isinstance(value, str) and any(key.startswith(f"{name}__") for key in params):
                if value not in table:
                    raise ValueError(
                        f"{name}={value!r} has no parameters to set: set {name} to one of {sorted(table)}."
                    )
                params[name] = table[value]()
        return super().set_params(**params)

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Train the net.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. float32 and float64 are kept, everything else becomes float64; CSC becomes CSR.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels (strings, integers, booleans, objects), of two classes or more; or zeros and ones, a column per
            label, where rows may have several.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative, not all zero; only their ratios matter. A weight of 2 is worth two equal rows.
        X_val : {array-like, sparse matrix} of shape (n_samples_val, n_features), default=None
            Validation set for early stopping, in place of a held-out part of `X`.
        y_val : array-like of shape (n_samples_val,) or (n_samples_val, n_labels), default=None
            Its labels, all of them among those of `y`.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Its weights.

        Returns
        -------
        self : ShallowNetClassifier

        Raises
        ------
        ValueError
            If a parameter is out of its range (the message says the range), if parameters or arguments contradict each
            other, or if the data can't be learned from. An estimator that was fitted before is then as it was.
        KeyboardInterrupt
            If the user interrupts. The estimator is then fitted, with the best weights so far.

        Warns
        -----
        ConvergenceWarning
            If the fit has diverged, if `max_iter` has ended it while it was still improving (where that is not
            planned), or if features are not scaled and a planned fit has come to little.
        UserWarning
            If `batch_size` is larger than the number of rows, or `init_scale` is 0.
        """
        self._validate_params()
        self._check_fit_arguments(X_val, y_val, sample_weight_val)
        with _unchanged_on_error(self):
            goes_on = self.warm_start and hasattr(self, "coefs_")
            X, y = self._validated(X, y, reset=not goes_on)
            targets = self._targets if goes_on else targets_of(y)
            state = self._training_state(goes_on)
            state.best, state.stale = np.inf, 0
            data = self._data(X, y, sample_weight, targets)
            class_weights = self._class_weights(data, targets)
            data, validation = data.times(class_weights(y)), None
            if X_val is not None:
                validation = self._validation_data(X_val, y_val, sample_weight_val, targets, X.dtype)
                validation = validation.times(class_weights(validation.y)).normalized()
            elif self.early_stopping:
                data, validation = hold_out(data, targets, self.validation_fraction, state.seed)
                validation = validation.normalized()
            problem = self._train(data.normalized(), validation, targets, state, goes_on=goes_on)
        if problem:
            warnings.warn(problem, ConvergenceWarning, stacklevel=2)
        return self

    @available_if(_has_partial_fit)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on the rows given, going on from where the last call has left off.

        k calls with the same rows equal one `fit` of k epochs at a constant learning rate. The optimizer goes on too,
        also after pickling; changed hyper-parameters take effect.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite; they become the dtype of the first call.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels, not necessarily of every class.
        classes : array-like of shape (n_classes,), default=None
            All classes there will ever be. Needed at the first call, unless `y` has a column per label.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative, taken as they are: unlike in `fit`, where only ratios matter, a weight of 2 makes a
            row's gradient twice as long.

        Returns
        -------
        self : ShallowNetClassifier

        Raises
        ------
        AttributeError
            If the solver needs the full batch (gd, lbfgs).
        ValueError
            As in `fit`; also if a label was not declared, or for what can't work on a part of the data:
            ``early_stopping=True``, ``class_weight="balanced"``, a schedule that needs the number of epochs.
        KeyboardInterrupt
            If the user interrupts. The estimator is then fitted, with the best weights so far.

        Warns
        -----
        ConvergenceWarning
            If the loss is not finite (the weights are then those from before the call), or has risen to more than twice
            that of giving every class the same probability.
        """
        self._validate_params()
        self._check_partial_fit_parameters()
        with _unchanged_on_error(self):
            goes_on = hasattr(self, "coefs_")
            X, y = self._validated(X, y, reset=not goes_on, dtype=self.coefs_[0].dtype if goes_on else DTYPES)
            targets = self._targets_of_part(y, classes)
            data = self._data(X, y, sample_weight, targets)
            data = data.times(self._class_weights(data, targets)(y))
            state = self._training_state(goes_on)
            problem = self._train(data, None, targets, state, goes_on=goes_on, incremental=True)
        if problem:
            warnings.warn(problem, ConvergenceWarning, stacklevel=2)
        return self

    def _logits(self, X):
        check_is_fitted(self, "coefs_")
        (W1, W2), (b1, b2) = self.coefs_, self.intercepts_
        X = validate_data(self, X, accept_sparse="csr", dtype=W1.dtype, reset=False)
        return logits(X, W1, b1, W2, b2, self._activation)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    # What the user has given, checked

    def _check_fit_arguments(self, X_val, y_val, sample_weight_val):
        if X_val is not None and y_val is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        if X_val is None and y_val is not None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val is provided, but X_val was not provided.")
        if X_val is not None and not self.early_stopping:
            raise ValueError("X_val and y_val are provided, but early_stopping=False. Set early_stopping=True.")
        if self.dropout and self.solver != "auto" and from_name(SOLVERS, self.solver).line_search:
            raise ValueError(
                f"dropout={self.dropout} changes the objective at every evaluation, which the line search of "
                f"solver={self.solver!r} can't follow. Set dropout=0, or take another solver."
            )

    def _check_partial_fit_parameters(self):
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True: it sees a part of the data at a time.")
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not support class_weight='balanced': it sees a part of the data at a time. Give a "
                "dict, such as sklearn.utils.class_weight.compute_class_weight finds on a large sample."
            )
        if self.learning_rate != "auto" and from_name(SCHEDULES, self.learning_rate).needs_length:
            raise ValueError(
                f"learning_rate={self.learning_rate!r} needs to know the number of epochs in advance, and partial_fit "
                "does not. Take 'constant', 'invscaling' or 'adaptive', or call fit."
            )

    def _validated(self, X, y, reset, dtype=DTYPES):
        columns = X.dtypes if hasattr(X, "columns") else ()
        if dtype is DTYPES and {str(column).lower() for column in columns} == {"float32"}:
            dtype = np.float32  # a frame, of which check_array might make float64
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=dtype, multi_output=True, reset=reset)
        return X, as_labels(y)

    @staticmethod
    def _data(X, y, sample_weight, targets):
        targets.check(y)
        if sample_weight is None:
            return Data(X, y)
        w = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not w.any():
            raise ValueError(f"sample_weight must be positive for at least one row. All {len(w)} weights are zero.")
        return Data(X, y, w)

    def _validation_data(self, X_val, y_val, sample_weight_val, targets, dtype):
        try:
            X_val, y_val = self._validated(X_val, y_val, reset=False, dtype=dtype)
            return self._data(X_val, y_val, sample_weight_val, targets)
        except ValueError as error:
            raise ValueError(f"The validation set (X_val, y_val, sample_weight_val) is no good: {error}") from error

    def _class_weights(self, data, targets):
        """Return the function from labels to the weights of their classes, found on `data`."""
        if self.class_weight is None:
            return lambda y: None
        class_weights = targets.class_weights(self.class_weight, data.y, data.w)
        if not (np.isfinite(class_weights).all() and (class_weights >= 0).all()):
            raise ValueError(f"class_weight must hold finite numbers, not negative. Got {self.class_weight!r}.")
        return lambda y: targets.row_weights(class_weights, y)

    def _targets_of_part(self, y, classes):
        multilabel = y.ndim == 2
        if multilabel and classes is None and not hasattr(self, "classes_"):
            classes = np.arange(y.shape[1])
        if not check_classes_on_first_call(self, classes):
            return self._targets
        return MultilabelTargets(self.classes_) if multilabel else targets_with_classes(self.classes_)

    # The fit

    def _training_state(self, goes_on):
        if goes_on and hasattr(self, "_state"):
            return deepcopy(self._state)
        return TrainingState(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _checked_activation(self):
        activation = as_activation(self.activation)
        if type(activation) not in ACTIVATIONS.values():
            check_derivative(activation)
        return activation

    def _parameters(self, activation, n_features, targets, dtype, state, goes_on):
        """Return the weights to start from: the present ones, or a draw."""
        parameters = Parameters(n_features, int(self.hidden_size), targets.n_outputs, int(activation.n_pieces), dtype)
        if goes_on:
            return parameters.filled(self.coefs_, self.intercepts_)
        if self.init_scale == 0:
            warnings.warn(
                "init_scale=0 starts every hidden unit alike, and without dropout so they stay: the net is worth one "
                "unit. Take a positive init_scale.",
                stacklevel=4,
            )
        init, gain = (activation.initializer, activation.gain) if self.init == "auto" else (self.init, 1.0)
        initialize(parameters, from_name(INITIALIZERS, init), gain * self.init_scale, state.initial_rng())
        return parameters

    def _solver_and_plan(self, activation, data, incremental):
        solver, plan = settle(self, activation, data, incremental)
        m = len(data.y)
        if self.batch_size != "auto" and self.batch_size > m and not (solver.full_batch or incremental):
            warnings.warn(f"batch_size={self.batch_size} is larger than the {m} rows: {m} is used.", stacklevel=4)
        return solver, plan

    def _monitor(self, parameters, solver, plan, score, state):
        return Monitor(
            parameters,
            tol=float(self.tol),
            n_iter_no_change=self.n_iter_no_change,
            stops=score is not None or not (solver.line_search or plan.schedule.needs_length),
            score=score,
            verbose=bool(self.verbose),
            best=state.best,
            stale=state.stale,
        )

    def _train(self, data, validation, targets, state, *, goes_on, incremental=False):
        """Minimize the objective of `data`, keep the outcome, and return the text of a warning or None."""
        activation = self._checked_activation()
        solver, plan = self._solver_and_plan(activation, data, incremental)
        parameters = self._parameters(activation, data.X.shape[1], targets, data.X.dtype, state, goes_on)
        network = data.network(parameters, activation, targets, alpha=plan.alpha, dropout=self.dropout)
        score = self._score_of(validation, parameters, activation, targets)
        monitor = self._monitor(parameters, solver, plan, score, state)
        names = getattr(self, "feature_names_in_", None)
        # What is not finite does not pass in silence: the monitor looks for it.
        with fits_share_threads(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                limit = solver.minimize(network, monitor, plan, state)
                problem = conclude(network, monitor, solver, plan, limit, incremental, names)
            except KeyboardInterrupt:
                keep_best(network, monitor)
                self._store(network, monitor, targets, solver, plan, state, goes_on, incremental)
                self._interrupted = True
                raise
        self._store(network, monitor, targets, solver, plan, state, goes_on, incremental)
        return problem

    def _network_at_start(self, X, y, sample_weight):
        """Return the network that `fit` would start from, in float64, on all rows."""
        self._validate_params()
        X, y = self._validated(X, y, reset=True, dtype=np.float64)
        targets, activation = targets_of(y), as_activation(self.activation)
        data = self._data(X, y, sample_weight, targets)
        data = data.times(self._class_weights(data, targets)(y)).normalized()
        state = self._training_state(goes_on=False)
        parameters = self._parameters(activation, X.shape[1], targets, np.float64, state, goes_on=False)
        _, plan = settle(self, activation, data, incremental=False)
        return data.network(parameters, activation, targets, alpha=plan.alpha, dropout=self.dropout)

    def _score_of(self, validation, parameters, activation, targets):
        if validation is None:
            return None
        scorer = None if self.scoring == "loss" else check_scoring(self, scoring=self.scoring)
        return validation_score(validation.network(parameters, activation, targets), targets, validation, scorer)

    def _store(self, network, monitor, targets, solver, plan, state, goes_on, incremental):
        p = network.parameters
        losses = monitor.losses or [network.objective()]  # none yet: interrupted in the first epoch
        self.coefs_ = [p.W1.copy(), p.W2.copy()]
        self.intercepts_ = [p.b1.copy(), p.b2.copy()]
        self.n_iter_ = len(monitor.losses)
        self.loss_curve_ = (self.loss_curve_ if goes_on else []) + losses
        self.loss_, self.best_loss_ = losses[-1], min(self.loss_curve_)
        self.validation_scores_ = monitor.scores or None
        self.best_validation_score_ = max(monitor.scores, default=None)
        self.alpha_, self.batch_size_ = plan.alpha, plan.batch_size
        self.learning_rate_init_ = None if solver.line_search else plan.learning_rate_init
        self.solver_ = next((name for name, kind in SOLVERS.items() if type(solver) is kind), repr(solver))
        self.classes_, self._targets = targets.classes, targets
        self.n_outputs_, self.out_activation_ = targets.n_outputs, targets.head.name
        self._activation = network.activation
        vars(self).pop("_state", None)
        if incremental:  # the next fit begins with patience anew
            state.best, state.stale = monitor.best, monitor.stale
        if incremental or self.warm_start:
            if monitor.diverged:
                state.rule, state.moments = "", {}  # not finite either
            self._state = state
