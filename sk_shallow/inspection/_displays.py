"""Displays, as scikit-learn has them: made from an estimator, drawn by `plot`, which keeps `ax_` and `figure_`."""

import numpy as np
from scipy.ndimage import binary_opening
from sklearn.utils.validation import check_is_fitted

from sk_shallow._compat import check_matplotlib_support
from sk_shallow.activations import ACTIVATIONS, as_activation
from sk_shallow.inspection._nets import fitted_net
from sk_shallow.inspection._units import FLAT, of_one_unit, units_of

# Safe for colour-blind readers (Wong, "Points of view: color blindness", Nature Methods 8, 2011), on light and dark.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#8a8a8a"

MAX_COLUMNS = 4


def _axes(caller, ax, n, size):
    """Return the figure and n axes: the one given, or those of a new figure."""
    check_matplotlib_support(caller)
    import matplotlib.pyplot as plt

    if ax is not None:
        axes = np.ravel(ax)
        if len(axes) < n:
            raise ValueError(f"{n} axes are needed. Got {len(axes)}.")
        return axes[0].figure, axes[:n]
    n_columns = min(n, MAX_COLUMNS)
    n_rows = -(-n // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=size, squeeze=False, sharex=n > 1, sharey=False, layout="constrained"
    )
    for rest in axes.ravel()[n:]:
        rest.remove()
    return figure, axes.ravel()[:n]


class ActivationDisplay:
    """Activations and their slopes, where they are saturated, and where the units of a fitted net are.

    Parameters
    ----------
    activations : dict of str to Activation
        What to draw, by label.
    limits : tuple of (float, float)
        Range of z.
    pre_activations : ndarray or None, default=None
        Pre-activations of a fitted net, of any shape, whose histogram is drawn behind.

    Attributes
    ----------
    z_ : ndarray of shape (1001,)
        Where values and slopes are computed.
    values_, slopes_ : dict of str to ndarray of shape (1001,)
        g(z) and g'(z). Of maxout, those of its first piece, with all the others at 0.
    saturated_ : dict of str to ndarray of bool, shape (1001,)
        Where the slope is below 1 % of the largest one.
    axes_ : ndarray of matplotlib Axes
        One per activation, after `plot`.
    ax_, figure_ : matplotlib Axes, Figure
        The first of them, and their figure.
    """

    def __init__(self, *, activations, limits, pre_activations=None):
        self.activations = activations
        self.limits = limits
        self.pre_activations = pre_activations
        self.z_ = np.linspace(*limits, 1001)
        self.values_, self.slopes_, self.saturated_ = {}, {}, {}
        for label, activation in activations.items():
            self.values_[label], slopes = of_one_unit(activation, self.z_)
            self.slopes_[label] = slopes[:, 0]
            sizes = np.abs(slopes).sum(axis=1)
            self.saturated_[label] = sizes < FLAT * sizes.max()

    @classmethod
    def from_activations(cls, activations=None, *, limits=(-6.0, 6.0), ax=None):
        """Draw activations by name or as objects.

        Parameters
        ----------
        activations : str, Activation, sequence of either, or None, default=None
            What to draw; None is all that are registered, in a grid.
        limits : tuple of (float, float), default=(-6.0, 6.0)
            Range of z.
        ax : matplotlib Axes, array of them, or None, default=None
            Where to draw, one per activation; None makes a new figure.

        Returns
        -------
        display : ActivationDisplay
        """
        if activations is None:
            activations = list(ACTIVATIONS)
        pair = isinstance(activations, tuple) and all(callable(value) for value in activations)
        if isinstance(activations, str) or pair or not hasattr(activations, "__iter__"):
            activations = [activations]
        labelled = {value if isinstance(value, str) else repr(value): as_activation(value) for value in activations}
        if not labelled:
            raise ValueError("There is no activation to draw. Give a name, or None for all.")
        return cls(activations=labelled, limits=limits).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, *, ax=None):
        """Draw the activation of a fitted net over the histogram of its pre-activations.

        Parameters
        ----------
        estimator : ShallowNetClassifier, Pipeline or search
            A fitted net, or a fitted pipeline or search that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ActivationDisplay
        """
        net, X = fitted_net(estimator, X)
        Z1, activation = units_of(net, X).Z1, net._activation
        label = net.activation if isinstance(net.activation, str) else repr(activation)
        bound = max(3.0, float(np.quantile(np.abs(Z1), 0.995)))
        return cls(activations={label: activation}, limits=(-bound, bound), pre_activations=Z1).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of them, or None, default=None
            Where to draw, one per activation; None makes a new figure.

        Returns
        -------
        display : ActivationDisplay
        """
        n = len(self.activations)
        size = (6.4, 4.0) if n == 1 else (2.4 * min(n, MAX_COLUMNS), 1.9 * -(-n // MAX_COLUMNS))
        self.figure_, self.axes_ = _axes("ActivationDisplay.plot", ax, n, size)
        self.ax_ = self.axes_[0]
        for label, axes in zip(self.activations, self.axes_, strict=False):
            self._draw(label, axes)
            axes.set_title(label, fontsize=10)
            if n == 1:
                axes.set_xlabel("z")
        self.ax_.legend(loc="upper left", fontsize=8)
        return self

    def _draw(self, label, axes):
        if self.pre_activations is not None:
            behind = axes.twinx()
            behind.hist(np.ravel(self.pre_activations), bins=80, range=self.limits, color=GREY, alpha=0.35)
            behind.set_yticks([])
            axes.set_zorder(behind.get_zorder() + 1)
            axes.patch.set_visible(False)
        width = len(self.z_) // 30  # where a slope only crosses zero, it is flat for less
        saturated = binary_opening(np.pad(self.saturated_[label], width, mode="edge"), np.ones(width))[width:-width]
        if saturated.any():
            axes.fill_between(
                self.z_, 0, 1, where=saturated, transform=axes.get_xaxis_transform(), color=GREY, alpha=0.2, lw=0
            )
        axes.plot(self.z_, self.values_[label], color=BLUE, label="g(z)")
        axes.plot(self.z_, self.slopes_[label], color=ORANGE, linestyle="--", label="g'(z)")
        axes.set_xlim(self.limits)


class LossCurveDisplay:
    """Training and validation loss by epoch, of one or several fitted nets, on a logarithmic axis.

    Parameters
    ----------
    curves : dict of str to ndarray
        Training objective of each epoch, by label, in nats per sample.
    validation_curves : dict of str to ndarray or None, default=None
        Validation log loss of each epoch of the last call, of those that have it.
    first_epochs : dict of str to int or None, default=None
        Number of the epoch, counted from 1, that each validation curve begins with; None is 1 for all.

    Attributes
    ----------
    kept_epochs_ : dict of str to int
        The epoch, counted from 1, whose weights were kept because its validation loss was the lowest.
    ax_, figure_ : matplotlib Axes, Figure
        After `plot`.
    """

    def __init__(self, *, curves, validation_curves=None, first_epochs=None):
        self.curves = curves
        self.validation_curves = validation_curves
        self.first_epochs = first_epochs
        self.kept_epochs_ = {
            label: int(np.argmin(curve)) + (first_epochs or {}).get(label, 1)
            for label, curve in (validation_curves or {}).items()
        }

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, name=None):
        """Draw the curves of a fitted net.

        Parameters
        ----------
        estimator : ShallowNetClassifier, Pipeline or search
            A fitted net, or a fitted pipeline or search that ends in one.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        name : str or None, default=None
            Label; None is the activation.

        Returns
        -------
        display : LossCurveDisplay
        """
        return cls.from_estimators({name: estimator} if name else [estimator], ax=ax)

    @classmethod
    def from_estimators(cls, estimators, *, ax=None):
        """Draw the curves of several fitted nets.

        Parameters
        ----------
        estimators : dict of str to estimator, or sequence of estimators
            Fitted nets, or fitted pipelines or searches that end in one. In a sequence, labels are the activations.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ValueError
            If a net has validation scores that are not the log loss: they do not belong on this axis.
        """
        if not hasattr(estimators, "items"):
            labels = [str(_net(estimator).activation) for estimator in estimators]
            labels = [label if labels.count(label) == 1 else f"{label} {i}" for i, label in enumerate(labels)]
            estimators = dict(zip(labels, estimators, strict=True))
        nets = {label: _net(estimator) for label, estimator in estimators.items()}
        for label, net in nets.items():
            if net.validation_scores_ and net.scoring != "loss":
                raise ValueError(f"{label} was validated by scoring={net.scoring!r}. The display needs scoring='loss'.")
        curves = {label: np.array(net.loss_curve_) for label, net in nets.items()}
        validation = {label: -np.array(net.validation_scores_) for label, net in nets.items() if net.validation_scores_}
        first = {label: len(nets[label].loss_curve_) - nets[label].n_iter_ + 1 for label in validation}
        return cls(curves=curves, validation_curves=validation, first_epochs=first).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay
        """
        self.figure_, (self.ax_,) = _axes("LossCurveDisplay.plot", ax, 1, (6.4, 4.0))
        from matplotlib.ticker import MaxNLocator

        for label, curve in self.curves.items():
            (line,) = self.ax_.plot(np.arange(1, len(curve) + 1), curve, label=f"{label}, training")
            validation = (self.validation_curves or {}).get(label)
            if validation is None:
                continue
            color, kept = line.get_color(), self.kept_epochs_[label]
            epochs = np.arange(len(validation)) + (self.first_epochs or {}).get(label, 1)
            self.ax_.plot(epochs, validation, color=color, linestyle="--", label=f"{label}, validation")
            self.ax_.plot(kept, min(validation), "o", color=color, label=f"{label}, kept")
        self.ax_.set(xlabel="epoch", ylabel="loss, nats per sample", yscale="log")
        locator = self.ax_.xaxis.get_major_locator()
        if isinstance(locator, MaxNLocator):
            locator.set_params(integer=True)
        self.ax_.legend(fontsize=8)
        return self


class HiddenWeightsDisplay:
    """What the hidden units look for: their weights as images, or as a heat map with the names of the features.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_units)
        Weights of the units to draw, the strongest first.
    units : sequence of str
        Their labels.
    feature_names : sequence of str
        Names of the features.
    image_shape : tuple of (int, int) or None, default=None
        Rows and columns of the image that the features make; None draws a heat map.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One per image, or one for the heat map, after `plot`.
    ax_, figure_ : matplotlib Axes, Figure
        The first of them, and their figure.
    """

    def __init__(self, *, weights, units, feature_names, image_shape=None):
        self.weights = weights
        self.units = units
        self.feature_names = feature_names
        self.image_shape = image_shape

    @classmethod
    def from_estimator(cls, estimator, *, image_shape=None, max_units=16, max_features=20, feature_names=None, ax=None):
        """Draw the weights of a fitted net.

        Parameters
        ----------
        estimator : ShallowNetClassifier, Pipeline or search
            A fitted net, or a fitted pipeline or search that ends in one.
        image_shape : tuple of (int, int) or None, default=None
            Rows and columns of the image that the features make; None draws a heat map.
        max_units : int, default=16
            How many units are drawn, the strongest first: those with the largest product of the lengths of their
            weights from the features and to the outputs. Each piece of maxout counts as a unit.
        max_features : int, default=20
            How many features a heat map shows, those with the largest weights in these units first.
        feature_names : sequence of str or None, default=None
            Names; None takes those that the net, or the step in front of it, knows.
        ax : matplotlib Axes, array of them, or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : HiddenWeightsDisplay

        Raises
        ------
        ValueError
            If the image has not as many pixels as there are features, or the names are not as many.
        """
        net = _net(estimator)
        W1, W2 = net.coefs_
        names = list(_feature_names(estimator, net) if feature_names is None else feature_names)
        if max_units < 1 or max_features < 1:
            raise ValueError(f"max_units and max_features must be 1 at least. Got {max_units} and {max_features}.")
        if len(names) != len(W1) or (image_shape is not None and np.prod(image_shape) != len(W1)):
            raise ValueError(
                f"The net has {len(W1)} features. Got {len(names)} feature_names and image_shape={image_shape}."
            )
        n_pieces = W1.shape[1] // len(W2)
        strength = np.linalg.norm(W1, axis=0) * np.tile(np.linalg.norm(W2, axis=1), n_pieces)
        order = np.argsort(-strength, kind="stable")[:max_units]
        units = [f"{k % len(W2)}" + (f", piece {k // len(W2)}" if n_pieces > 1 else "") for k in order]
        weights = W1[:, order]
        if image_shape is None:
            largest = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")[:max_features]
            weights, names = weights[largest], [names[j] for j in largest]
        return cls(weights=weights, units=units, feature_names=names, image_shape=image_shape).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of them, or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : HiddenWeightsDisplay
        """
        bound = float(np.abs(self.weights).max()) or 1.0
        scale = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
        n = 1 if self.image_shape is None else self.weights.shape[1]
        size = (1.6 * min(n, MAX_COLUMNS), 1.75 * -(-n // MAX_COLUMNS)) if self.image_shape is not None else (6.4, 4.8)
        self.figure_, self.axes_ = _axes("HiddenWeightsDisplay.plot", ax, n, size)
        self.ax_ = self.axes_[0]
        if self.image_shape is not None:
            for axes, weights, unit in zip(self.axes_, self.weights.T, self.units, strict=False):
                image = axes.imshow(weights.reshape(self.image_shape), **scale)
                axes.set_title(f"unit {unit}", fontsize=8)
                axes.set_axis_off()
            self.figure_.colorbar(image, ax=list(self.axes_), shrink=0.6, label="weight")
            return self
        image = self.ax_.imshow(self.weights, aspect="auto", **scale)
        self.ax_.set_xticks(range(len(self.units)), self.units, fontsize=8)
        self.ax_.set_yticks(range(len(self.feature_names)), self.feature_names, fontsize=8)
        self.ax_.set_xlabel("hidden unit, the strongest first")
        self.figure_.colorbar(image, ax=self.ax_, label="weight")
        return self


class ActivationComparisonDisplay:
    """Differences to the reference, with their intervals: a forest plot.

    Parameters
    ----------
    labels : sequence of str
        Activations, from the top.
    differences, low, high : sequence of float
        Mean differences, and the bounds of their intervals.
    verdicts : sequence of str
        What `compare_activations` says of each.
    reference : str
        The reference.
    scoring : str
        Name of the score.
    rope : float or None, default=None
        Half the width of the region of practical equivalence.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        After `plot`.
    """

    def __init__(self, *, labels, differences, low, high, verdicts, reference, scoring, rope=None):
        self.labels = labels
        self.differences = differences
        self.low = low
        self.high = high
        self.verdicts = verdicts
        self.reference = reference
        self.scoring = scoring
        self.rope = rope

    @classmethod
    def from_comparison(cls, comparison, *, ax=None):
        """Draw what `compare_activations` has found.

        Parameters
        ----------
        comparison : ActivationComparison
            Its result.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ActivationComparisonDisplay
        """
        intervals = {label: comparison.difference(label).interval() for label in comparison.verdicts_}
        return cls(
            labels=list(intervals),
            differences=[comparison.difference(label).mean for label in intervals],
            low=[low for low, _ in intervals.values()],
            high=[high for _, high in intervals.values()],
            verdicts=list(comparison.verdicts_.values()),
            reference=comparison.reference_,
            scoring=comparison.scoring,
            rope=comparison.rope,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ActivationComparisonDisplay
        """
        n = len(self.labels)
        self.figure_, (self.ax_,) = _axes("ActivationComparisonDisplay.plot", ax, 1, (6.4, 1.4 + 0.3 * n))
        looks = {"better": (GREEN, "^"), "worse": (ORANGE, "v"), "practically the same": (BLUE, "s")}
        for row, (label, low, high) in enumerate(zip(self.verdicts, self.low, self.high, strict=True)):
            color, marker = looks.get(label, (GREY, "o"))
            self.ax_.plot([low, high], [row, row], color=color, linewidth=2)
            self.ax_.plot(self.differences[row], row, marker, color=color)
            self.ax_.annotate(
                label, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False
            )
        if self.rope:
            self.ax_.axvspan(-self.rope, self.rope, color=BLUE, alpha=0.12, linewidth=0)
        self.ax_.axvline(0, color=GREY, linewidth=1)
        self.ax_.set_yticks(range(n), self.labels)
        self.ax_.set_ylim(n - 0.5, -0.5)
        self.ax_.set_xlabel(f"difference of {self.scoring} to {self.reference} (right of 0 is better), 95 % interval")
        return self


def _net(estimator):
    """Return the fitted net, without rows to transform."""
    while hasattr(estimator, "best_estimator_") or hasattr(estimator, "steps"):
        estimator = estimator.best_estimator_ if hasattr(estimator, "best_estimator_") else estimator[-1]
    net, _ = fitted_net(estimator, None)
    check_is_fitted(net, "coefs_")
    return net


def _feature_names(estimator, net, names=None):
    """Return the names of the features that the net sees, or x0, x1, ... where nobody knows them."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if not hasattr(estimator, "steps"):
        known = getattr(net, "feature_names_in_", [f"x{j}" for j in range(net.n_features_in_)])
        return known if names is None else names
    if len(estimator) > 1:
        try:
            names = estimator[:-1].get_feature_names_out(names)
        except (AttributeError, ValueError):  # of a step that does not know its features
            names = None
    return _feature_names(estimator[-1], net, names)
