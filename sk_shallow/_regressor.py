"""ShallowNetRegressor: its parameters, targets and predictions."""

from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from sk_shallow._base import ShallowNet, has_partial_fit
from sk_shallow._compat import StrOptions
from sk_shallow._component import from_name
from sk_shallow._fit.prediction import NumberPredictions, RegressorSnapshot
from sk_shallow._fit.targets import NumberTargets, as_numbers, number_targets_of
from sk_shallow.losses import LOSSES, RegressionLoss


class ShallowNetRegressor(NumberPredictions, MultiOutputMixin, RegressorMixin, ShallowNet):
    """A neural network regressor with one hidden layer.

    It minimizes ``J = 1/sum(w) [sum_i w_i L(o(g(x_i W1 + b1) W2 + b2), y_i) + alpha/2 (|W1|^2 + |W2|^2)]``, with g the
    activation, L the loss, summed over outputs, o the exponential for "poisson" and otherwise the identity, and w the
    sample weights. Scale the features: put a `StandardScaler` in front. Targets are standardized inside, except for
    "poisson", and predictions are in the units of y. So `alpha`, `tol` and `loss_` do not depend on the unit of y. Most
    parameters have the same meaning as in `sklearn.neural_network.MLPRegressor` with standardized targets. An important
    exception is `alpha`: it is the same with "lbfgs" only, because `MLPRegressor` divides the penalty by the rows of
    the mini-batch, which makes it stronger.

    By default, `fit` trains with Adam in rounds of 15, 30, 60, ... epochs, the first of at least 120 steps. In each
    round, the learning rate rises and then falls to zero. Training ends after a round that lowers J by less than 20 %,
    or after `max_iter` epochs. If you give `learning_rate_init`, or name "constant", "invscaling" or "adaptive", `fit`
    works as in `MLPRegressor`: it trains until the loss stops improving, for at most `max_iter` epochs.

    Parameters
    ----------
    hidden_size : int in [1, inf), default=100
        Number of hidden units. Increase it if the training loss stays high.
    activation : str, Activation or tuple of two callables, default="relu"
        "identity", "sigmoid" (or "logistic"), "tanh", "relu", "leaky_relu", "elu", "maxout", "softplus", "selu",
        "gelu", "silu" (or "swish") or "mish"; an object such as ``LeakyReLU(negative_slope=0.1)``; or a pair of
        functions, g and its derivative, both of z. `fit` checks the derivative. `compare_activations` shows which ones
        suit your data.
    loss : {"squared_error", "absolute_error", "quantile", "poisson"} or RegressionLoss, default="squared_error"
        What to predict: the mean, the median, a quantile (give an object such as ``Quantile(quantile=0.9)``; the name
        "quantile" alone means the median), or the mean of counts and other targets that are not negative. "lbfgs" does
        not work with "absolute_error" and "quantile".
    init : str, Initializer or tuple of two arrays, default="auto"
        Scheme of the initial weights: "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "normal", "orthogonal" or an object. "auto" chooses the scheme and a factor for each activation;
        the user guide lists them. A pair (W1, W2), with the shapes of `coefs_`, gives the weights; `fit` copies it, in
        the dtype of X. Hidden biases start at zero, the output bias at the best constant. A warm start does not use
        `init`.
    init_scale : float in [0, inf), default=1.0
        Factor of the initial weights, also of a pair (W1, W2). With 0, all hidden units stay equal (without dropout).
    solver : {"adam", "sgd", "gd", "lbfgs"} or Solver, default="adam"
        "adam" and "sgd" (with momentum) suit all data. "gd", full-batch gradient descent, is for teaching and
        debugging. "lbfgs" suits up to a few thousand rows. "gd" and "lbfgs" first merge equal rows, in a copy of X. To
        set other options, give an object such as ``SGD(momentum=0.8)``.
    learning_rate : {"auto", "constant", "invscaling", "adaptive", "cosine", "one_cycle"} or Schedule, default="auto"
        Schedule of the learning rate. "auto" is "constant" in `partial_fit`, with "gd" and if `learning_rate_init` is
        given; otherwise training goes in rounds. "cosine" and "one_cycle" are one cycle of exactly `max_iter` epochs.
        Unused by "lbfgs".
    learning_rate_init : float in (0, inf) or None, default=None
        Initial learning rate; on "one_cycle", the largest. If you give it, ``learning_rate="auto"`` means "constant".
        None lets the solver choose (see the user guide), and `learning_rate_init_` shows the value used: in rounds, the
        largest. Lower it if the loss diverges. Unused by "lbfgs".
    batch_size : int in [1, inf) or "auto", default="auto"
        Rows of a mini-batch. "auto" is 4 % of the rows, from 32 to 512. Unused by "gd" and "lbfgs".
    max_iter : int in [1, inf), default=200
        Largest number of epochs ("lbfgs": iterations). The last round can be cut. On "one_cycle" and "cosine", it is
        the number of epochs: 30 to 100 are enough for most data.
    tol : float in [0, inf), default=1e-4
        An epoch counts as an improvement if `loss_` or the validation score improves by more than `tol`. Training also
        ends after a round that lowers J by less than `tol`. "lbfgs" also stops when the largest element of the gradient
        is at most `tol`. With "gd", 0 switches stopping off: `fit` runs `max_iter` epochs, without a warning.
    n_iter_no_change : int in [1, inf) or inf, default=10
        Training stops after more than this number of epochs in a row without an improvement. Epochs with a rising rate
        do not count. In rounds, with "lbfgs", and on "one_cycle" and "cosine", it is used only if `early_stopping` is
        True. With "gd", inf switches stopping off, like ``tol=0``.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch. Unused by "gd" and "lbfgs".
    alpha : float in [0, inf) or "auto", default="auto"
        Strength of the penalty: the precision of a normal prior on the weights. "auto" compares a few strengths by
        cross-validation, or on `X_val`, and prefers the stronger one in a near tie (see the user guide). Increase it
        if the net overfits.
    dropout : float in [0, 1), default=0.0
        Probability of dropping a hidden activation in training. Not available with "lbfgs".
    early_stopping : bool, default=False
        Whether to hold out some rows, stop when the validation score stops improving, and return the weights of the
        epoch with the best score. In rounds, training also ends after a round whose best score does not beat those of
        all earlier rounds by more than `tol`.
    validation_fraction : float in (0, 1), default=0.1
        Fraction of the rows to hold out, at least two. Equal rows, or the rows of a group, stay together, so the
        fraction may be met only roughly. Unused without `early_stopping`, and if you pass `X_val`.
    scoring : str or callable, default="loss"
        Validation score: "loss" (minus the loss, for standardized targets), the name of a scikit-learn scorer such as
        "r2", or ``scorer(estimator, X, y)``. Its estimator can predict, but has no parameters. Scorers get targets as
        given, and if you pass sample weights, those of the validation set as `sample_weight`. Of epochs with equal
        scores, the one with the lowest validation loss counts. Unused without `early_stopping`.
    warm_start : bool, default=False
        Whether `fit` continues from the last weights and optimizer state, for up to `max_iter` more epochs. Rounds
        begin again with the shortest one. An `alpha` chosen by "auto" is kept.
    verbose : int or bool, default=0
        Whether to print the scores of ``alpha="auto"``, and the loss and validation score of every epoch.
    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, order of rows, held-out rows and dropout. The same int gives the same net, bit by
        bit, on one machine. With "gd" and "lbfgs", the order of the rows does not matter. Another BLAS or number of
        BLAS threads can change the last bits. Later calls of `partial_fit` and warm starts go on with the random
        numbers of the first call.

    Attributes
    ----------
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Weighted mean and standard deviation of the training targets, with which they are standardized; 0 and 1 for
        "poisson". If an output is constant, its scale is 0, and every prediction is its mean.
    target_limits_ : ndarray of shape (2, n_outputs)
        Limits of the predictions. With "absolute_error" and "quantile", the lower limit is the smallest training
        target, if at least five distinct rows have it, with more than 5 % of the sample weights. In the same way, the
        upper limit is the largest one. In all other cases, also for constant outputs and after `partial_fit`, the
        limits are minus infinity and infinity.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all are strings.
    coefs_ : list of two ndarrays of shape (n_features, n_pieces * hidden_size) and (hidden_size, n_outputs)
        W1 and W2, for standardized targets, in the dtype of X. n_pieces is 1 except for maxout.
    intercepts_ : list of two ndarrays of shape (n_pieces * hidden_size,) and (n_outputs,)
        b1 and b2, for standardized targets.
    n_iter_ : int
        Number of epochs (iterations) of the last call of `fit` or `partial_fit`.
    stop_reason_ : str
        Why the last call stopped: "max_iter" (also if it was the planned number of epochs), "plateau" (the loss or the
        score stopped improving, or the last round gained too little), "converged" or "limit" (with "lbfgs": it reached
        `max_fun`, or its line search found no lower loss), "callback", "interrupt" (Ctrl-C) or "diverged".
    t_ : int
        Number of rows processed so far, over epochs (iterations) and continued calls.
    loss_curve_ : list of float
        J of every epoch, for standardized targets: the mean loss of its steps, plus the penalty of the weights at its
        start ("lbfgs": J after every iteration). It has no unit; with "poisson", nats per sample. `warm_start` and
        `partial_fit` append to it.
    loss_, best_loss_ : float
        Last and smallest element of `loss_curve_`.
    validation_scores_ : list of float or None
        Validation score after every epoch, greater is better. None without `early_stopping`, even if you pass `X_val`.
    best_validation_score_ : float or None
        The best validation score, which belongs to the weights returned.
    n_outputs_, n_layers_ : int
        Number of outputs. Number of layers: 3, including the input layer.
    solver_, alpha_, learning_rate_init_, batch_size_ : str, float, float or None, int
        Values that the last call used. The learning rate is None with "lbfgs".
    alpha_scores_ : dict of float to float, or None
        Score of every `alpha` that "auto" tried, from the strongest: minus the loss of held-out rows, for standardized
        targets, greater is better. None if nothing was tried: `alpha` was given, there were fewer than 20 distinct rows
        and no validation set, there was only one group, a fold or the held-out part had fewer than 5 rows, or
        `partial_fit` came before any `fit`.
    n_samples_seen_ : float
        Sample size, by which the penalty is divided: the sum of the sample weights, or the number of rows with a
        positive weight if it is larger. Each call of `partial_fit` adds its own sample size.
    out_activation_ : {"identity", "exp"}
        The function o.

    See Also
    --------
    ShallowNetClassifier : The same net for classes.
    sklearn.neural_network.MLPRegressor : More layers, four activations.
    sk_shallow.compute_gradient : The gradient of J on any rows.
    sk_shallow.check_gradient : Compare back-propagation with finite differences.

    References
    ----------
    Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323, 1986.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_shallow import ShallowNetRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = make_pipeline(StandardScaler(), ShallowNetRegressor(random_state=0))
    >>> net.fit(X, y).score(X, y) > 0.5
    True
    """

    _parameter_constraints = {
        **ShallowNet._parameter_constraints,
        "loss": [StrOptions({*LOSSES}), RegressionLoss],
    }
    _snapshot = RegressorSnapshot

    def __init__(
        self,
        hidden_size=100,
        activation="relu",
        *,
        loss="squared_error",
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
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.hidden_size = hidden_size
        self.activation = activation
        self.loss = loss
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
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @available_if(has_partial_fit)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on the given rows, continuing from the last call. With "gd", one call makes one step.

        With ``alpha=0`` and a constant learning rate, k calls with the same rows equal one `fit` of k epochs. The mean
        and the scale of the targets are those of the first call; if an output was constant, its scale comes from the
        first call in which it is not. The penalty is divided by the sample size of all calls so far. The optimizer's
        state is kept, also through pickling. Changed parameters take effect.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. They are converted to the dtype of the first call.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, finite, at most a quarter of the largest number of the dtype. With "poisson", not negative.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative and not all zero. They are not normalized: a weight of 2 doubles the gradient of a
            row.

        Returns
        -------
        self : ShallowNetRegressor

        Raises
        ------
        AttributeError
            If the solver is "lbfgs".
        ValueError
            As in `fit`. Also with settings that need all the data: ``early_stopping=True``, or a schedule that needs
            the number of epochs.
        KeyboardInterrupt
            As in `fit`.

        Warns
        -----
        ConvergenceWarning
            If the loss is not finite (the earlier weights are then restored), or if it has risen during the call to
            more than twice the loss of an output of zero (``Z2 = 0``). This is the higher one of two losses: on these
            rows, and on the targets -1 and 1 (with "poisson": on zeros).
        UserWarning
            If `init_scale` is 0, if all targets of the first call are equal or so far from zero that the dtype is too
            coarse, or if targets are on another scale than those of the first call, whose mean and scale are kept.
        """
        return self._finish(self._partial_fit(X, y, sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        kind = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.target_tags.positive_only = getattr(kind, "positive_only", False)
        # scikit-learn's check of several outputs has negative targets for all estimators that claim them.
        tags.target_tags.multi_output = not tags.target_tags.positive_only
        return tags

    @property
    def _targets(self):
        return NumberTargets(self._loss, self.target_mean_, self.target_scale_, self.target_limits_)

    def _checked_y(self, y, dtype):
        return as_numbers(y, dtype)

    def _targets_of(self, y, resume=False):
        loss = from_name(LOSSES, self.loss)
        if not resume:
            return number_targets_of(y, loss)
        if loss.standardizes != self._loss.standardizes:
            raise ValueError(
                f"loss={self.loss!r} cannot continue training that began with {self._loss!r}: only one of them "
                "standardizes targets. Set warm_start=False and call fit."
            )
        return NumberTargets(loss, self.target_mean_, self.target_scale_)

    def _targets_of_part(self, y, classes):
        return self._targets_of(y, resume=hasattr(self, "coefs_"))
