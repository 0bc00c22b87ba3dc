"""`hidden_unit_report`: what each hidden unit does on some rows, and what you might change."""

import numpy as np
from scipy.stats import entropy

from sk_shallow._fit.features import unscaled_features
from sk_shallow.inspection._nets import net_and_rows
from sk_shallow.inspection._table import ShownAsTable, as_frame
from sk_shallow.inspection._units import Units, strengths

DUPLICATE_CORRELATION = 0.999  # absolute correlation above which two units are duplicates
MAX_DEAD, MAX_SATURATED = 0.1, 0.2  # fractions of the units above which there is advice
OFF_STRENGTH = 0.01  # share of the largest |w_in| |w_out| below which the penalty has switched off a dead unit
MIN_ROWS_PER_UNIT = 3  # to judge duplicates and rank
MAX_UNITS_SHOWN = 20  # in the printed table


def hidden_unit_report(estimator, X):
    """Report what each hidden unit of a fitted net does on some rows.

    Parameters
    ----------
    estimator : ShallowNetClassifier, ShallowNetRegressor, Pipeline or search
        A fitted net, or a fitted pipeline or search that ends in one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        At least two rows, preferably training rows, as you would pass them to `predict`.

    Returns
    -------
    report : HiddenUnitReport
        Print it, or call its `to_frame`.

    Raises
    ------
    ValueError
        If there is no net in the estimator, if there is only one row, or if the hidden layer overflows.
    NotFittedError
        If the net is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.inspection import hidden_unit_report
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ShallowNetClassifier(hidden_size=4, random_state=0).fit(X, y)
    >>> hidden_unit_report(net, X).shares_.shape
    (4,)
    """
    units = Units(*net_and_rows(estimator, X))
    if units.n_rows < 2:
        raise ValueError(f"hidden_unit_report needs at least two rows. Got {units.n_rows}.")
    return HiddenUnitReport(units)


class HiddenUnitReport(ShownAsTable):
    """What the hidden units of a net do on some rows. `hidden_unit_report` makes it.

    Parameters
    ----------
    units : Units
        The hidden units of a fitted net on some rows. They are read, but not stored.

    Attributes
    ----------
    dead_ : ndarray of bool, shape (hidden_size,)
        Whether the gradient is zero on every row, so that these rows cannot train the unit.
    saturated_ : ndarray of bool, shape (hidden_size,)
        Whether the slope is below 1 % of the activation's largest slope on more than half of the rows. This includes a
        relu that is off on most rows, which is usual and does no harm.
    means_, spreads_ : ndarray of shape (hidden_size,)
        Mean and standard deviation of the activation.
    shares_ : ndarray of shape (hidden_size,)
        Share of the output that comes from a unit: its contribution to the variance of the logits,
        ``var(A1) |W2|^2``, divided by the sum over all units. With a softmax, W2 is centered, because only differences
        of logits count.
    duplicate_of_ : ndarray of int, shape (hidden_size,)
        Index of the first unit with absolute correlation above 0.999, or -1.
    effective_rank_ : float
        Number of directions that the activations use, at most `hidden_size`: the exponential of the entropy of the
        singular values of the centered activations [1]_.
    advice_ : list of str
        What to try, or a note that dead units are harmless because the penalty has switched them off. Empty if there is
        nothing to advise.

    References
    ----------
    .. [1] Roy, Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO, 2007.
    """

    @np.errstate(all="ignore")
    def __init__(self, units):
        self.n_rows = units.n_rows
        self.dead_, self.saturated_, self.means_ = units.dead, units.saturated, units.means
        R, scale = units.centered_factor()
        lengths = np.linalg.norm(R, axis=0)
        self.spreads_ = scale * (lengths / np.sqrt(units.n_rows))
        self.shares_ = _shares(lengths, units.net)
        self.duplicate_of_ = _duplicates(R, lengths, 1e-12 * max(1 / scale, lengths.max()))
        self.effective_rank_ = _effective_rank(R)
        self.advice_ = list(self._advice(units))

    def to_frame(self):
        """Return the attributes of all units as a pandas frame, one row per unit.

        The columns are "share", "mean", "spread", "dead", "saturated" and "duplicate_of". The index is the unit. Raises
        ImportError without pandas.
        """
        columns = self._columns(slice(None))
        return as_frame("unit", columns.pop("unit"), columns, "HiddenUnitReport.to_frame")

    def _columns(self, order):
        columns = {
            "unit": np.arange(len(self.means_)),
            "share": self.shares_,
            "mean": self.means_,
            "spread": self.spreads_,
            "dead": self.dead_,
            "saturated": self.saturated_,
            "duplicate_of": np.where(self.duplicate_of_ >= 0, self.duplicate_of_, None),
        }
        return {name: values[order].tolist() for name, values in columns.items()}

    def _table(self):
        n, order = len(self.means_), np.argsort(-self.shares_, kind="stable")[:MAX_UNITS_SHOWN]
        columns = self._columns(order)
        for name in ("dead", "saturated"):
            columns[name] = [name if flag else None for flag in columns[name]]
        formats = {"share": ".1%", "mean": ".3f", "spread": ".3f"}
        dead, saturated, duplicates = self._counts()
        total = (
            f"{n} units on {self.n_rows} rows: {dead} dead, {saturated} saturated, {duplicates} duplicates; "
            f"effective rank {self.effective_rank_:.1f}."
        )
        shown = [f"The {len(order)} units with the largest shares of the output are shown."] * (n > len(order))
        return columns, formats, [*shown, total, *self.advice_]

    def _counts(self):
        """Return the numbers of dead, saturated and duplicate units."""
        return self.dead_.sum(), self.saturated_.sum(), (self.duplicate_of_ >= 0).sum()

    def _advice(self, units):
        n, bounded = len(self.means_), np.isfinite(units.net._activation.range).all()
        dead, saturated, _ = self._counts()
        many_dead, many_saturated = dead > MAX_DEAD * n, bounded and saturated > MAX_SATURATED * n
        remedies = _remedies(units) if many_dead or many_saturated else []
        off = (self.dead_ & _is_switched_off(units.net)).sum()
        if many_dead and off > dead / 2:
            harmless = "This is harmless: without them, the net predicts the same."
            yield f"{off} of {n} units are switched off by the penalty. {_try(remedies) or harmless}"
        elif many_dead and remedies:
            yield f"{dead} of {n} units are dead. {_try(remedies)}"
        if many_saturated:
            otherwise = "Scale the features, if they are not scaled."
            yield f"{saturated} of {n} units are saturated. {_try(remedies) or otherwise}"
        if self.n_rows < MIN_ROWS_PER_UNIT * n:
            yield f"Pass at least {MIN_ROWS_PER_UNIT * n} rows to judge duplicates and rank."


def _remedies(units):
    """Return the settings that may have caused dead or saturated units, with what to try instead."""
    net = units.net
    unscaled = unscaled_features(units.X, getattr(net, "feature_names_in_", None))
    rate_is_given = net.learning_rate_init is not None and net.learning_rate_init_ is not None  # L-BFGS has none
    possible = [
        (f"scale {unscaled}", unscaled),
        (f"learning_rate_init=None instead of {net.learning_rate_init}", rate_is_given),
        (f"init_scale=1 instead of {net.init_scale}", net.init_scale > 1),
        (f"alpha='auto' instead of {net.alpha}", net.alpha != "auto"),
    ]
    return [text for text, applies in possible if applies]


def _try(remedies):
    return f"Try: {'; '.join(remedies)}." if remedies else ""


def _is_switched_off(net):
    """Return whether the penalty has shrunk the weights into and out of a unit to almost nothing, (n1,)."""
    strongest = strengths(net).max(axis=0)  # of the pieces of a unit
    return (net.alpha_ > 0) & (strongest < OFF_STRENGTH * strongest.max())


def _shares(lengths, net):
    W2 = net.coefs_[1].astype(np.float64)
    W2 /= np.abs(W2).max() or 1.0  # so that nothing overflows
    if net.out_activation_ == "softmax":
        W2 = W2 - W2.mean(axis=1, keepdims=True)
    contributions = lengths / (lengths.max() or 1.0) * np.linalg.norm(W2, axis=1)
    contributions = (contributions / (contributions.max() or 1.0)) ** 2
    return contributions / (contributions.sum() or 1.0)


def _duplicates(R, lengths, least):
    """Return the index of the first duplicate of each unit, or -1. A unit that is shorter than `least` has none."""
    varies = lengths > least
    unit = np.where(varies, R, 0) / np.where(varies, lengths, 1)
    earlier = np.tril(np.abs(unit.T @ unit) > DUPLICATE_CORRELATION, -1)
    return np.where(earlier.any(axis=1), earlier.argmax(axis=1), -1)


def _effective_rank(R):
    s = np.linalg.svd(R, compute_uv=False)
    return float(np.exp(entropy(s))) if s.any() else 0.0
