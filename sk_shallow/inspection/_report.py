"""`hidden_unit_report`: what each hidden unit does on some rows, and what you might change."""

import numpy as np

from sk_shallow.inspection._nets import net_and_rows
from sk_shallow.inspection._table import ShownAsTable, as_frame
from sk_shallow.inspection._units import units_of

DUPLICATE_CORRELATION = 0.999  # absolute correlation above which two units are duplicates
MAX_DEAD, MAX_SATURATED, MAX_DUPLICATES = 0.1, 0.2, 0.1  # fractions of the units above which there is advice
MIN_RANK_PER_UNIT = 0.2  # effective rank per unit below which there is advice
MIN_ROWS_PER_UNIT = 3  # to judge duplicates and rank
MAX_UNITS_SHOWN = 20  # in the printed table


def hidden_unit_report(estimator, X):
    """Report what each hidden unit of a fitted net does on some rows.

    Parameters
    ----------
    estimator : ShallowNetClassifier, Pipeline or search
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
    net, X = net_and_rows(estimator, X)
    units = units_of(net, X)
    if len(units.A1) < 2:
        raise ValueError(f"hidden_unit_report needs at least two rows. Got {len(units.A1)}.")
    W2 = net.coefs_[1].astype(np.float64)
    centred = W2 - W2.mean(axis=1, keepdims=True) if net.out_activation_ == "softmax" else W2
    return HiddenUnitReport(units, centred, net._activation)


class HiddenUnitReport(ShownAsTable):
    """What the hidden units of a net do on some rows. `hidden_unit_report` makes it.

    Parameters
    ----------
    units : Units
        Pre-activations, activations and slopes.
    W2 : ndarray of shape (hidden_size, n_outputs)
        Output weights. With a softmax they are centred, because only differences of logits count.
    activation : Activation
        Activation of the net.

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
        ``var(A1) |W2|^2``, divided by the sum over all units.
    duplicate_of_ : ndarray of int, shape (hidden_size,)
        Index of the first unit with absolute correlation above 0.999, or -1.
    effective_rank_ : float
        Number of directions that the activations use, at most `hidden_size`: the exponential of the entropy of the
        singular values of the centred activations [1]_.
    advice_ : list of str
        What to try. Empty if the numbers support no advice.

    References
    ----------
    .. [1] Roy, Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO, 2007.
    """

    def __init__(self, units, W2, activation):
        self.units = units
        self.W2 = W2
        self.activation = activation
        A1 = units.A1.astype(np.float64)
        self.dead_, self.saturated_ = units.dead, units.saturated
        self.means_, self.spreads_ = A1.mean(axis=0), A1.std(axis=0)
        contributions = self.spreads_**2 * (W2**2).sum(axis=1)
        self.shares_ = contributions / (contributions.sum() or 1.0)
        centred = A1 - self.means_
        self.duplicate_of_ = _duplicates(centred)
        self.effective_rank_ = _effective_rank(centred)
        self.advice_ = self._advice()

    def to_frame(self):
        """Return the attributes of all units as a pandas frame, one row per unit.

        The columns are "share", "mean", "spread", "dead", "saturated" and "duplicate_of". The index is the unit.
        """
        return as_frame(self._columns(slice(None)), "HiddenUnitReport.to_frame")

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
            f"{n} units on {len(self.units.A1)} rows: {dead} dead, {saturated} saturated, {duplicates} duplicates; "
            f"effective rank {self.effective_rank_:.1f}."
        )
        shown = [f"The {len(order)} units with the largest shares of the output are shown."] * (n > len(order))
        return columns, formats, [*shown, total, *self.advice_]

    def _counts(self):
        """Return the numbers of dead, saturated and duplicate units."""
        return self.dead_.sum(), self.saturated_.sum(), (self.duplicate_of_ >= 0).sum()

    def _advice(self):
        n, bounded = len(self.means_), np.isfinite(self.activation.range).all()
        dead, saturated, duplicates = self._counts()
        advice = []
        if dead > MAX_DEAD * n:
            advice.append(
                f"{dead} of {n} units are dead. Try leaky_relu, init='he_normal', a smaller learning "
                "rate or fewer units."
            )
        if bounded and saturated > MAX_SATURATED * n:
            advice.append(
                f"{saturated} of {n} units are saturated. Scale the features, or try a smaller init_scale, a larger "
                "alpha or an activation without bounds."
            )
        if len(self.units.A1) < MIN_ROWS_PER_UNIT * n:
            return [*advice, f"Pass at least {MIN_ROWS_PER_UNIT * n} rows to judge duplicates and rank."]
        if duplicates > MAX_DUPLICATES * n and dead <= MAX_DEAD * n:
            advice.append(f"{duplicates} of {n} units repeat others. Fewer units may be enough.")
        if self.effective_rank_ < MIN_RANK_PER_UNIT * n and not advice:
            enough = max(2, int(2 * self.effective_rank_))
            advice.append(
                f"The units use about {self.effective_rank_:.0f} directions. hidden_size={enough} may be enough."
            )
        return advice


def _duplicates(centred):
    """Return the index of the first duplicate of each unit, or -1. A unit that is constant has none."""
    lengths = np.linalg.norm(centred, axis=0)
    varies = lengths > 1e-12 * max(1.0, float(lengths.max()))
    unit = np.where(varies, centred, 0) / np.where(varies, lengths, 1)
    earlier = np.tril(np.abs(unit.T @ unit) > DUPLICATE_CORRELATION, -1)
    return np.where(earlier.any(axis=1), earlier.argmax(axis=1), -1)


def _effective_rank(centred):
    s = np.linalg.svd(centred, compute_uv=False)
    p = s[s > 1e-12 * (s.max() or 1.0)] / (s.sum() or 1.0)
    return float(np.exp(-(p * np.log(p)).sum())) if p.size else 0.0
