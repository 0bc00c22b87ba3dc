"""ShallowNetClassifier: its parameters, and `fit` and `partial_fit`, which check, train and store."""

import warnings
from contextlib import contextmanager
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics import get_scorer_names
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_shallow._compat import CALLBACK_STATE, CallbackSupportMixin, Interval, Options, StrOptions, with_callbacks
from sk_shallow._component import COUNT, NOT_NEGATIVE, POSITIVE, SHARE
from sk_shallow._network import hidden_activations
from sk_shallow._prediction import PredictionMixin, finite_logits
from sk_shallow._targets import MultilabelTargets, targets_with_classes
from sk_shallow._training import Start, Task, fitted_attributes, train
from sk_shallow._validation import check_fit, check_partial_fit
from sk_shallow.activations import ACTIVATIONS, as_activation
from sk_shallow.activations import CONSTRAINT as ACTIVATION_CONSTRAINT
from sk_shallow.initializers import INITIALIZERS, Initializer
from sk_shallow.schedules import SCHEDULES, Schedule
from sk_shallow.solvers import SOLVERS, Solver

TABLES = {"activation": ACTIVATIONS, "init": INITIALIZERS, "solver": SOLVERS, "learning_rate": SCHEDULES}


@contextmanager
def _unchanged_on_error(estimator):
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        callbacks = {name: value for name, value in vars(estimator).items() if name in CALLBACK_STATE}
        vars(estimator).clear()
        vars(estimator).update(before | callbacks)  # which scikit-learn must still take down
        raise


def _has_partial_fit(estimator):
    solver = estimator.solver
    if getattr(SOLVERS.get(solver) if isinstance(solver, str) else solver, "full_batch", False):
        raise AttributeError(f"partial_fit needs a solver that works in mini-batches. Got solver={solver!r}.")
    return True


class ShallowNetClassifier(
    PredictionMixin,
    ClassNamePrefixFeaturesOutMixin,
    ClassifierMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """A classifier with one hidden layer, whose activation, size and initial weights are parameters.

    It minimizes, in nats per sample,

    ``J = 1/sum(w) [sum_i w_i L(y_i, o(g(x_i W1 + b1) W2 + b2)) + alpha/2 (|W1|^2 + |W2|^2)]``

    with g the activation, o the sigmoid (two classes, or several labels per row) or the softmax (more classes), L the
    log loss and w the sample weights times the class weights. Features should be scaled: put a `StandardScaler` in
    front. Parameters that `sklearn.neural_network.MLPClassifier` has mean the same here. Its `alpha` does so with
    "lbfgs" only: its mini-batches divide the penalty by the rows of the batch, and so weigh it more.

    `fit` trains with Adam for `max_iter` epochs, on a one-cycle learning rate that ends at zero. If you give
    `learning_rate_init` or name a schedule, it works as in `MLPClassifier`: a constant rate (or the named schedule),
    until the loss stops improving, for at most `max_iter` epochs.

    Parameters
    ----------
    hidden_size : int in [1, inf), default=100
        Number of hidden units.
    activation : str, Activation or tuple of two callables, default="relu"
        "identity", "sigmoid" (or "logistic"), "tanh", "relu", "leaky_relu", "elu", "maxout", "softplus", "selu",
        "gelu", "silu" (or "swish"), "mish"; an object such as ``LeakyReLU(negative_slope=0.1)`` or your own; or a
        function of z and its derivative, which is checked against finite differences.
    init : str or Initializer, default="auto"
        Scheme of the initial weights: "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "normal", "orthogonal" or an object. "auto" takes the one that goes with the activation, halved
        but for sigmoid and selu. Biases start at zero.
    init_scale : float in [0, inf), default=1.0
        Factor of the initial weights. With 0, all hidden units stay equal (without dropout).
    solver : {"adam", "sgd", "gd", "lbfgs"} or Solver, default="adam"
        "sgd" has momentum; "gd" is full-batch gradient descent at a constant rate; "lbfgs" is SciPy's L-BFGS. Objects
        such as ``SGD(momentum=0.8)`` set the rest.
    learning_rate : {"auto", "constant", "invscaling", "adaptive", "cosine", "one_cycle"} or Schedule, default="auto"
        Schedule of the learning rate. "auto" is "one_cycle"; with `learning_rate_init`, with "gd" and in
        `partial_fit`, "constant". Unused by "lbfgs".
    learning_rate_init : float in (0, inf) or None, default=None
        Initial learning rate; of "one_cycle", the largest. None lets the solver choose (see the user guide);
        `learning_rate_init_` shows the value used. Unused by "lbfgs".
    batch_size : int in [1, inf) or "auto", default="auto"
        Rows of a mini-batch. "auto" is a fiftieth of the rows, from 32 to 512. Unused by "gd" and "lbfgs".
    max_iter : int in [1, inf) or None, default=None
        Epochs: their number on "one_cycle" and "cosine", otherwise their limit; for "lbfgs", the limit of iterations.
        None is 30 epochs on "one_cycle" and "cosine" (240 steps at least), otherwise 200.
    tol : float in [0, inf), default=1e-4
        Least improvement of an epoch, in nats per sample or in units of the validation score; for "lbfgs" also the
        largest element of the gradient at which it stops.
    n_iter_no_change : int in [1, inf) or inf, default=10
        Epochs without such an improvement that are tolerated. "lbfgs", "one_cycle" and "cosine" use it with
        `early_stopping` only.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new order. Unused by "gd" and "lbfgs".
    alpha : float in [0, inf) or "auto", default="auto"
        Strength of the penalty: the precision of a normal prior on the weights. "auto" tries two or three strengths on
        held-out rows and takes the best one (see the user guide); raise it where the net overfits.
    dropout : float in [0, 1), default=0.0
        Probability with which a hidden activation is dropped in training. Not with "lbfgs".
    early_stopping : bool, default=False
        Whether to hold out some rows, stop when the score on them has stopped improving, and return the weights of the
        epoch with the best one.
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows held out, two rows at least, stratified (but not if multilabel, or, with a warning, if a class
        is too rare). Unused without `early_stopping` and with `X_val`.
    scoring : str or callable, default="loss"
        The score: minus the log loss, the name of a scikit-learn scorer, or ``scorer(estimator, X, y)``, which is given
        `sample_weight` too where there are weights. Unused without `early_stopping`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights, also in the validation score. "balanced" gives every
        class the same share of the sum. Multilabel targets can be "balanced" only: the loss of each label then has the
        weights of its own two classes.
    warm_start : bool, default=False
        Whether `fit` goes on from the last weights, with the optimizer as it was, for up to `max_iter` more epochs. An
        `alpha` that "auto" has chosen is kept.
    verbose : int or bool, default=0
        Whether to print what `alpha` "auto" tries, the loss of every epoch, and the validation score.
    random_state : int, RandomState instance or None, default=None
        Source of initial weights, orders of rows, held-out rows and dropout. The same int gives the same net, bit by
        bit, on one machine; another BLAS or number of its threads can change the last bits.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in order; column numbers if multilabel.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where all are strings.
    coefs_ : list of two ndarrays of shape (n_features, n_pieces * hidden_size) and (hidden_size, n_outputs)
        W1 and W2, of the dtype of the training data. n_pieces is 1 but for maxout.
    intercepts_ : list of two ndarrays of shape (n_pieces * hidden_size,) and (n_outputs,)
        b1 and b2.
    n_iter_ : int
        Epochs (iterations) of the last call of `fit` or `partial_fit`.
    stop_reason_ : str
        What ended the last call: "max_iter", also where the end was planned; "plateau", where the loss or the score had
        stopped improving; "converged", of "lbfgs"; "limit", of evaluations; "callback"; "interrupt" (Ctrl-C); or
        "diverged".
    t_ : int
        Rows seen in all epochs (iterations), over all calls that went on.
    loss_curve_ : list of float
        J of every epoch, averaged while the weights change; goes on with `warm_start` and `partial_fit`.
    loss_, best_loss_ : float
        Last and least element of `loss_curve_`.
    validation_scores_ : list of float or None
        Validation score after every epoch, greater is better; None without `early_stopping`.
    best_validation_score_ : float or None
        The greatest of them, that of the weights returned.
    n_outputs_, n_layers_ : int
        1 for two classes, otherwise the number of classes or labels; and 3, the input layer counted.
    solver_, alpha_, learning_rate_init_, batch_size_ : str, float, float or None, int
        What the last call used. No learning rate with "lbfgs".
    alpha_scores_ : dict of float to float, or None
        Score of every `alpha` that "auto" has tried: minus the log loss of held-out rows, in nats per sample, greater
        is better. None where `alpha` is given, and where a rule decides: for fewer than 40 rows, and in `partial_fit`
        without a `fit` before it.
    n_samples_seen_ : float
        Sample size, by which the penalty is divided: the sum of the weights, or the number of rows with a weight where
        that is more. Calls of `partial_fit` add theirs.
    out_activation_ : {"logistic", "softmax"}
        The function o.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : More layers, four activations.
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
    0.97...
    >>> search = GridSearchCV(net, {"shallownetclassifier__activation": ["tanh", "relu", "maxout"]}).fit(X, y)
    >>> bool(search.best_score_ > 0.95)
    True
    """

    _parameter_constraints = {
        "hidden_size": [COUNT],
        "activation": ACTIVATION_CONSTRAINT,
        "init": [StrOptions({"auto", *INITIALIZERS}), Initializer],
        "init_scale": [NOT_NEGATIVE],
        "solver": [StrOptions({*SOLVERS}), Solver],
        "learning_rate": [StrOptions({"auto", *SCHEDULES}), Schedule],
        "learning_rate_init": [POSITIVE, None],
        "batch_size": [StrOptions({"auto"}), COUNT],
        "max_iter": [COUNT, None],
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
            If there is no such parameter, as there is none of ``init="auto"``.
        """
        for name, table in TABLES.items():
            value = params.get(name, getattr(self, name))
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and isinstance(value, tuple):
                params[name] = as_activation(value)
            elif nested and isinstance(value, str):
                if value not in table:
                    raise ValueError(f"{name}={value!r} has no parameters: set {name} to one of {sorted(table)}.")
                params[name] = table[value]()
        return super().set_params(**params)

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Train the net.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. float32 and float64 are kept, everything else becomes float64; CSC becomes CSR.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels (strings, integers, booleans, objects); or zeros and ones, a column per label, where rows may have
            several.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative, not all zero. A weight of 2 is worth two equal rows, in the penalty too; for the
            loss, only ratios matter. The rules for `max_iter` and `batch_size` count rows with a weight.
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
            If a parameter is out of its range, if parameters or arguments contradict each other, or if the data can't
            be learned from. An estimator that was fitted before is then as it was.
        KeyboardInterrupt
            On Ctrl-C. The estimator is then fitted, with the best weights so far.

        Warns
        -----
        ConvergenceWarning
            If the fit has diverged, if `max_iter` has ended it while it was still improving (where it is a limit), if
            the net has learned next to nothing, or if `learning_rate_init` is far too low or too high for the data.
        UserWarning
            If `batch_size` is above the number of rows, `init_scale` is 0, `y` has one class, or one too rare to split.
        """
        return self._finish(self._trained((X, y, sample_weight), (X_val, y_val, sample_weight_val)))

    @available_if(_has_partial_fit)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on the rows given, going on from where the last call has left off.

        k calls with the same rows equal one `fit` of k epochs at a constant learning rate with ``alpha=0``. The penalty
        is divided by the sample size of all calls so far. The optimizer goes on too, also after pickling; changed
        hyper-parameters take effect.

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
            As in `fit`.

        Warns
        -----
        ConvergenceWarning
            If the loss is not finite (the weights are then those from before the call), or has risen to more than twice
            that of giving every class the same probability.
        """
        with _unchanged_on_error(self):
            start = self._start()
            data, targets = check_partial_fit(self, (X, y, sample_weight), classes)
            task = Task(data, targets, start=start, incremental=True)
            outcome = train(self, task)
            self._store(task, outcome)
        return self._finish(outcome)

    @np.errstate(all="ignore")
    def transform(self, X):
        """Return the hidden activations, the features that the net has learned.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The features of `fit`.

        Returns
        -------
        A1 : ndarray of shape (n_samples, hidden_size)
            ``g(X W1 + b1)``, of the dtype of the weights. Columns are named as `get_feature_names_out` says.

        Raises
        ------
        ValueError
            If numbers overflow.
        """
        X = self._checked(X)
        A1 = hidden_activations(X, self.coefs_, self.intercepts_, self._activation)
        if not np.isfinite(A1).all():
            raise ValueError(f"The hidden layer overflows: the largest number of X is {abs(X).max():g}. Scale X.")
        return A1

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _targets(self):
        """What the labels mean."""
        if self.out_activation_ == "logistic" and self.n_outputs_ > 1:
            return MultilabelTargets(self.classes_)
        return targets_with_classes(self.classes_)

    def _checked(self, X):
        check_is_fitted(self, "coefs_")
        return validate_data(self, X, accept_sparse="csr", dtype=self.coefs_[0].dtype, reset=False)

    def _logits(self, X):
        return finite_logits(X, self.coefs_, self.intercepts_, self._activation)

    @property
    def _n_features_out(self):
        return len(self.coefs_[1])

    def _start(self):
        """Return what training goes on from, or None before the first fit."""
        if not hasattr(self, "coefs_"):
            return None
        state, seen = getattr(self, "_state", None), getattr(self, "n_samples_seen_", 0.0)
        scores = getattr(self, "alpha_scores_", None) or {}
        return Start(self.coefs_, self.intercepts_, self._activation, state, scores, seen)

    @with_callbacks
    def _trained(self, rows, validation):
        """Store what comes of a fit, and return it; callbacks have then ended."""
        with _unchanged_on_error(self):
            start = self._start() if self.warm_start else None
            task = Task(*check_fit(self, rows, validation, goes_on=start is not None), start)
            outcome = train(self, task)
            self._store(task, outcome)
        return outcome

    def _store(self, task, outcome):
        network, plan = outcome.network, outcome.plan
        curve, seen = (self.loss_curve_, getattr(self, "t_", 0)) if task.start else ([], 0)
        vars(self).update(fitted_attributes(network, task.targets))
        self.n_iter_, self.stop_reason_ = outcome.n_iter, outcome.stop_reason
        self.t_ = seen + outcome.n_iter * network.n_samples
        self.loss_curve_ = curve + outcome.losses
        self.loss_, self.best_loss_ = outcome.losses[-1], min(self.loss_curve_)
        self.validation_scores_ = outcome.scores or None
        self.best_validation_score_ = max(outcome.scores, default=None)
        self.solver_, self.alpha_, self.n_samples_seen_ = plan.solver, network.alpha, outcome.n_samples_seen
        self.alpha_scores_ = outcome.alpha_scores or None
        self.learning_rate_init_, self.batch_size_ = plan.learning_rate_init, plan.batch_size
        for name in ("_state", "_targets"):  # the latter from early files
            vars(self).pop(name, None)
        if outcome.state:
            self._state = vars(outcome.state)  # in a pickle, no object whose class may move

    def _finish(self, outcome):
        """Return the estimator; raise the warnings of a fit, and what has interrupted it."""
        try:
            for warning in outcome.warnings:
                warnings.warn(warning, stacklevel=3)
        finally:
            if outcome.interrupted:
                raise outcome.interrupted
        return self
