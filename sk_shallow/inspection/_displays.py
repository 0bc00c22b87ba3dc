"""Displays as in scikit-learn: a class method makes one from an estimator, `plot` draws it."""

from abc import ABC, abstractmethod

import numpy as np

from sk_shallow._compat import check_matplotlib_support
from sk_shallow._fit.prediction import hidden_overflow
from sk_shallow.activations import ACTIVATIONS, as_activation, is_pair, label_of
from sk_shallow.inspection._nets import feature_names_of, fitted_net, net_and_rows
from sk_shallow.inspection._units import SATURATION_SLOPE, Units, curve_and_slopes, relative_lengths, strengths

# Safe for color-blind readers (Wong, "Points of view: color blindness", Nature Methods 8, 2011), on light and dark.
BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#E69F00", "#009E73", "#8a8a8a"

MAX_COLUMNS = 4  # of panels in a new figure
INCHES_PER_LABEL, INCHES_PER_LETTER = 0.2, 0.07  # of tick labels of size 8

MIN_BOUND, SHARE_WITHIN = 3.0, 0.995  # the range of z ends at 3 or more, and contains this share of z
BOUNDS_PER_DOUBLING, N_BINS = 64, 80


class Display(ABC):
    """A figure of one or several panels. Subclasses store what it shows and draw it."""

    @np.errstate(all="ignore")  # matplotlib divides by zero for some axes
    def plot(self, ax=None):
        """Draw the figure and return this display.

        This sets `axes_`, an array of matplotlib Axes with one per panel, `ax_`, the first of them, and `figure_`.

        Parameters
        ----------
        ax : matplotlib Axes, array of them, or None, default=None
            Where to draw, one per panel. None makes a new figure.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are fewer axes than panels.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n, width, height = self._panels()
        axes = _new_axes(n, width, height) if ax is None else np.ravel(ax)[:n]
        if len(axes) < n:
            raise ValueError(f"{n} axes are needed. Got {len(axes)}. Pass one for each panel, or ax=None.")
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        self._draw()
        return self

    @abstractmethod
    def _panels(self):
        """Return the number of panels, and the width and height of one in inches."""

    @abstractmethod
    def _draw(self):
        """Draw on `axes_`."""


def _new_axes(n, width, height):
    import matplotlib.pyplot as plt

    n_columns = min(n, MAX_COLUMNS)
    n_rows = -(-n // n_columns)
    size = (n_columns * width, n_rows * height)
    _, axes = plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, sharex=n > 1, layout="constrained")
    for unused in axes.ravel()[n:]:
        unused.remove()
    return axes.ravel()[:n]


class ActivationDisplay(Display):
    """Plot of activations and their slopes, with the pre-activations of a fitted net.

    Gray areas mark the ranges where an activation is saturated.

    Parameters
    ----------
    activations : dict of str to Activation
        What to draw, by label.
    limits : tuple of (float, float)
        Range of z.
    histogram : tuple of (ndarray, ndarray) or None, default=None
        Counts and edges of a histogram of z, as `numpy.histogram` returns them. It is drawn in the background.

    Attributes
    ----------
    z_ : ndarray of shape (1001,)
        Points at which values and slopes are computed.
    values_, slopes_ : dict of str to ndarray of shape (1001,)
        g(z) and g'(z). For maxout: of the first piece, with the others at 0.
    saturated_ : dict of str to ndarray of bool, shape (1001,)
        Whether the slope is below 1 % of the largest one.
    axes_, ax_, figure_ : ndarray of matplotlib Axes, its first element, and their Figure
        After `plot`. There is one panel per activation.
    """

    @np.errstate(all="ignore")
    def __init__(self, *, activations, limits, histogram=None):
        self.activations = activations
        self.limits = limits
        self.histogram = histogram
        self.z_ = np.linspace(*limits, 1001)
        self.values_, self.slopes_, self.saturated_ = {}, {}, {}
        for label, activation in activations.items():
            self.values_[label], slopes = curve_and_slopes(activation, self.z_)
            self.slopes_[label] = slopes[:, 0]
            sizes = np.abs(slopes).sum(axis=1)
            self.saturated_[label] = sizes < SATURATION_SLOPE * sizes.max()

    @classmethod
    def from_activations(cls, activations=None, *, limits=(-6.0, 6.0), ax=None):
        """Draw activations by name or as objects, and return the display.

        Parameters
        ----------
        activations : str, Activation, sequence of either, or None, default=None
            What to draw. None draws all registered activations.
        limits : tuple of (float, float), default=(-6.0, 6.0)
            Range of z.
        ax : matplotlib Axes, array of them, or None, default=None
            Where to draw, one per activation. None makes a new figure.

        Raises
        ------
        ValueError
            If there is no activation, one is unknown, or as in `plot`.
        """
        if activations is None:
            activations = list(ACTIVATIONS)
        if isinstance(activations, str) or is_pair(activations) or not hasattr(activations, "__iter__"):
            activations = [activations]
        activations = list(activations)
        if not activations:
            raise ValueError("There is no activation to draw. Pass at least one, or None for all.")
        labelled = _labelled(map(label_of, activations), map(as_activation, activations))
        return cls(activations=labelled, limits=limits).plot(ax=ax)

    @classmethod
    @np.errstate(all="ignore")
    def from_estimator(cls, estimator, X, *, ax=None):
        """Draw the activation of a fitted net over the histogram of its pre-activations, and return the display.

        The range of z contains [-3, 3] and at least 99.5 % of the pre-activations.

        Parameters
        ----------
        estimator : ShallowNetClassifier, ShallowNetRegressor, Pipeline or search
            A fitted net, or a fitted pipeline or search that ends in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, as you would pass them to `predict`.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.

        Raises
        ------
        ValueError
            If there is no net in the estimator, or if the hidden layer overflows.
        """
        net, X = net_and_rows(estimator, X)
        units = Units(net, X)
        bound = _bound(units)
        counts = np.zeros(N_BINS, dtype=int)
        for Z1, _, _ in units.blocks():
            inside, edges = np.histogram(Z1, N_BINS, (-bound, bound))
            counts += inside
        display = cls(
            activations={label_of(net.activation): net._activation}, limits=(-bound, bound), histogram=(counts, edges)
        )
        return display.plot(ax=ax)

    def _panels(self):
        n = len(self.activations)
        return (n, 2.4, 1.9) if n > 1 else (1, 6.4, 4.0)

    def _draw(self):
        for label, axes in zip(self.activations, self.axes_, strict=True):
            if self.histogram is not None:
                self._draw_histogram(axes)
            self._draw_curves(label, axes)
            axes.set_title(label, fontsize=10)
        if len(self.activations) == 1:
            self.ax_.set_xlabel("z")
        self.ax_.legend(loc="upper left", fontsize=8)

    def _draw_histogram(self, axes):
        background = axes.twinx()
        background.stairs(*self.histogram, fill=True, color=GRAY, alpha=0.35)
        background.set_yticks([])
        axes.set_zorder(background.get_zorder() + 1)
        axes.patch.set_visible(False)

    def _draw_curves(self, label, axes):
        from scipy.ndimage import binary_opening

        width = len(self.z_) // 30  # skips short flat stretches, where the slope only crosses zero
        saturated = binary_opening(np.pad(self.saturated_[label], width, mode="edge"), np.ones(width))[width:-width]
        if saturated.any():
            axes.fill_between(
                self.z_, 0, 1, where=saturated, transform=axes.get_xaxis_transform(), color=GRAY, alpha=0.2, lw=0
            )
        axes.plot(self.z_, self.values_[label], color=BLUE, label="g(z)")
        axes.plot(self.z_, self.slopes_[label], color=ORANGE, linestyle="--", label="g'(z)")
        axes.set_xlim(self.limits)


def _bound(units):
    """Return the end of the range of z: the 99.5 % quantile of abs(z), but at least 3.

    It is rounded up to a logarithmic grid with 64 steps per factor of 2, so that counts are enough to find it.
    """
    counts = np.zeros(BOUNDS_PER_DOUBLING * np.finfo(np.float64).maxexp, dtype=int)
    for Z1, _, _ in units.blocks():
        if not np.isfinite(Z1).all():
            raise hidden_overflow(units.X)
        steps = BOUNDS_PER_DOUBLING * np.log2(np.maximum(np.abs(Z1, dtype=np.float64), MIN_BOUND) / MIN_BOUND)
        counts += np.bincount(np.ceil(steps).astype(int).ravel(), minlength=counts.size)
    within = np.cumsum(counts)
    return MIN_BOUND * 2.0 ** (np.searchsorted(within, SHARE_WITHIN * within[-1]) / BOUNDS_PER_DOUBLING)


def _labelled(labels, values):
    """Return a dict of the values. Labels that occur several times are numbered."""
    labels = list(labels)
    labels = [label if labels.count(label) == 1 else f"{label} {i}" for i, label in enumerate(labels)]
    return dict(zip(labels, values, strict=True))


class LossCurveDisplay(Display):
    """Plot of the training and validation loss of one or several fitted nets.

    The loss is drawn by epoch, on a logarithmic axis (if all losses are 0, on a linear one).

    Parameters
    ----------
    curves : dict of str to ndarray
        Training objective of each epoch, by label.
    validation_curves : dict of str to ndarray or None, default=None
        Validation loss of each epoch of the last call to `fit`, for the labels that have it.
    first_epochs : dict of str to int or None, default=None
        Epoch, counted from 1, with which each validation curve begins. None means 1 for all.
    unit : str, default="nats per sample"
        Unit of the losses. It is "" for standardized targets, whose losses have no unit.

    Attributes
    ----------
    kept_epochs_ : dict of str to int
        Epoch, counted from 1, with the lowest validation loss. Its weights were kept.
    axes_, ax_, figure_ : ndarray of matplotlib Axes, its first element, and their Figure
        After `plot`. There is one panel.
    """

    def __init__(self, *, curves, validation_curves=None, first_epochs=None, unit="nats per sample"):
        self.curves = curves
        self.validation_curves = validation_curves or {}
        self.first_epochs = first_epochs or {}
        self.unit = unit
        self.kept_epochs_ = {
            label: int(np.argmin(curve)) + self.first_epochs.get(label, 1)
            for label, curve in self.validation_curves.items()
        }

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, name=None):
        """Draw the curves of a fitted net and return the display.

        Parameters
        ----------
        estimator : ShallowNetClassifier, ShallowNetRegressor, Pipeline or search
            A fitted net, or a fitted pipeline or search that ends in one.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        name : str or None, default=None
            Label. None takes the activation.
        """
        return cls.from_estimators({name: estimator} if name else [estimator], ax=ax)

    @classmethod
    def from_estimators(cls, estimators, *, ax=None):
        """Draw the curves of several fitted nets and return the display.

        Parameters
        ----------
        estimators : dict of str to estimator, or sequence of estimators
            Fitted nets, or fitted pipelines or searches that end in one. In a sequence, the labels are the activations.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.

        Raises
        ------
        ValueError
            If the validation scores of a net are not losses, or the losses of two nets have different units. They
            would not fit on one axis.
        """
        if not hasattr(estimators, "items"):
            labels = [label_of(fitted_net(estimator).activation) for estimator in estimators]
            estimators = _labelled(labels, estimators)
        nets = {label: fitted_net(estimator) for label, estimator in estimators.items()}
        if not nets:
            raise ValueError("There is no net to draw. Pass at least one.")
        for label, net in nets.items():
            if net.validation_scores_ and net.scoring != "loss":
                raise ValueError(
                    f"LossCurveDisplay needs scoring='loss'. Got scoring={net.scoring!r} for {label}. Fit this net "
                    "with scoring='loss', or leave it out."
                )
        units = {net._targets.loss_function.unit.strip() for net in nets.values()}
        if len(units) > 1:
            raise ValueError(
                "LossCurveDisplay needs losses with the same unit. Got some in nats, and some without a unit: draw "
                "them in two figures."
            )
        curves = {label: np.array(net.loss_curve_) for label, net in nets.items()}
        validation = {label: -np.array(net.validation_scores_) for label, net in nets.items() if net.validation_scores_}
        first = {label: len(nets[label].loss_curve_) - nets[label].n_iter_ + 1 for label in validation}
        return cls(curves=curves, validation_curves=validation, first_epochs=first, unit=units.pop()).plot(ax=ax)

    def _panels(self):
        return 1, 6.4, 4.0

    def _draw(self):
        from matplotlib.ticker import MaxNLocator

        for label, curve in self.curves.items():
            (line,) = self.ax_.plot(np.arange(1, len(curve) + 1), curve, label=f"{label}, training")
            if label in self.validation_curves:
                color, losses = line.get_color(), self.validation_curves[label]
                epochs = np.arange(len(losses)) + self.first_epochs.get(label, 1)
                self.ax_.plot(epochs, losses, color=color, linestyle="--", label=f"{label}, validation")
                self.ax_.plot(self.kept_epochs_[label], min(losses), "o", color=color, label=f"{label}, kept")
        self.ax_.set(xlabel="epoch", ylabel=f"loss, {self.unit}" if self.unit else "loss")
        if any((np.array(curve) > 0).any() for curve in self.curves.values()):  # there was something to learn
            self.ax_.set_yscale("log")
            _label_with_decimals(self.ax_.yaxis)
        locator = self.ax_.xaxis.get_major_locator()
        if isinstance(locator, MaxNLocator):
            locator.set_params(integer=True)
        self.ax_.legend(fontsize=8)


def _label_with_decimals(axis):
    """Label a logarithmic axis with 0.2, 0.5 instead of powers of 10."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    subs = range(1, 10) if decades < 1 else (1, 2, 5) if decades < 4 else (1,)
    axis.set_major_locator(LogLocator(subs=subs))  # if curves are nearly flat, LogLocator chooses equal steps
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda loss, _: f"{loss:.10g}")


class HiddenWeightsDisplay(Display):
    """Plot of the hidden units' weights, as images or as a heat map.

    The heat map has the names of the features.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_units)
        Weights of the units to draw, the strongest first.
    units, feature_names : sequence of str
        Labels of the units, and names of the features.
    image_shape : tuple of (int, int) or None, default=None
        Rows and columns of the image that the features make. None draws a heat map.

    Attributes
    ----------
    axes_, ax_, figure_ : ndarray of matplotlib Axes, its first element, and their Figure
        After `plot`. There is one panel per image, or one for the heat map.
    """

    def __init__(self, *, weights, units, feature_names, image_shape=None):
        self.weights = weights
        self.units = units
        self.feature_names = feature_names
        self.image_shape = image_shape

    @classmethod
    @np.errstate(all="ignore")
    def from_estimator(cls, estimator, *, image_shape=None, max_units=16, max_features=20, feature_names=None, ax=None):
        """Draw the weights of a fitted net and return the display.

        Parameters
        ----------
        estimator : ShallowNetClassifier, ShallowNetRegressor, Pipeline or search
            A fitted net, or a fitted pipeline or search that ends in one.
        image_shape : tuple of (int, int) or None, default=None
            Rows and columns of the image that the features make. None draws a heat map.
        max_units : int in [1, inf), default=16
            Maximum number of units to draw. The strongest come first. The strength of a unit is the norm of its input
            weights times the norm of its output weights. Each piece of maxout counts as a unit.
        max_features : int in [1, inf), default=20
            Maximum number of features in a heat map. Those with the largest weights in these units come first.
        feature_names : sequence of str or None, default=None
            Feature names. None takes those of the net or of the steps before it, or x0, x1, ... if they are unknown.
        ax : matplotlib Axes, array of them, or None, default=None
            Where to draw, one per image. None makes a new figure.

        Raises
        ------
        ValueError
            If the number of pixels or names differs from the number of features, or if `max_units` or `max_features`
            is below 1.
        """
        net = fitted_net(estimator)
        W1, W2 = net.coefs_
        names = feature_names_of(estimator) if feature_names is None else list(feature_names)
        if max_units < 1 or max_features < 1:
            raise ValueError(f"max_units and max_features must be at least 1. Got {max_units} and {max_features}.")
        if len(names) != len(W1) or (image_shape is not None and np.prod(image_shape) != len(W1)):
            raise ValueError(
                f"The net has {len(W1)} features and needs as many names or pixels. Got {len(names)} feature_names and "
                f"image_shape={image_shape}."
            )
        n_pieces = W1.shape[1] // len(W2)
        order = np.argsort(-strengths(net).ravel(), kind="stable")[:max_units]
        units = [f"{k % len(W2)}" + (f", piece {k // len(W2)}" if n_pieces > 1 else "") for k in order]
        weights = W1[:, order]
        if image_shape is None:
            largest = np.argsort(-relative_lengths(weights), kind="stable")[:max_features]
            weights, names = weights[largest], [names[j] for j in largest]
        return cls(weights=weights, units=units, feature_names=names, image_shape=image_shape).plot(ax=ax)

    def _panels(self):
        if self.image_shape is not None:
            return self.weights.shape[1], 1.6, 1.75
        names = INCHES_PER_LETTER * max(map(len, map(str, self.feature_names)))
        width = 3.5 + names + INCHES_PER_LABEL * len(self.units)
        return 1, max(6.4, width), max(4.8, 1 + INCHES_PER_LABEL * len(self.feature_names))

    def _draw(self):
        bound = float(np.abs(self.weights).max()) or 1.0
        scale = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
        if self.image_shape is not None:
            for axes, weights, unit in zip(self.axes_, self.weights.T, self.units, strict=True):
                image = axes.imshow(weights.reshape(self.image_shape), **scale)
                axes.set_title(f"unit {unit}", fontsize=8)
                axes.set_axis_off()
            self.figure_.colorbar(image, ax=list(self.axes_), shrink=0.6, label="weight")
            return
        image = self.ax_.imshow(self.weights, aspect="auto", **scale)
        rotation = 90 if max(map(len, self.units)) > 2 else 0
        self.ax_.set_xticks(range(len(self.units)), self.units, fontsize=8, rotation=rotation)
        self.ax_.set_yticks(range(len(self.feature_names)), self.feature_names, fontsize=8)
        self.ax_.set_xlabel("hidden unit, the strongest first")
        self.figure_.colorbar(image, ax=self.ax_, label="weight")
