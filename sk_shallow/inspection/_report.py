"""`hidden_unit_report`: what each hidden unit does on some rows, and what one might change."""

import numpy as np

from sk_shallow.inspection._nets import fitted_net
from sk_shallow.inspection._table import Table
from sk_shallow.inspection._units import units_of

# Correlation from which two units are duplicates.
SAME = 0.999

# Shares of units from which advice is given, and share of the units that a low rank leaves unused.
MANY_DEAD, MANY_SATURATED, MANY_DUPLICATES, LOW_RANK = 0.1, 0.2, 0.1, 0.2

SHOWN = 20

# Rows per unit from which correlations and the rank mean something.
ENOUGH_ROWS = 3


def hidden_unit_report(estimator, X):
    """Report what each hidden unit of a fitted net does on some rows.

    Parameters
    ----------
    estimator : ShallowNetClassifier, Pipeline or search
        A fitted net, or a fitted pipeline or search that ends in one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows as the estimator takes them, two at least; best those that it was trained on.

    Returns
    -------
    report : HiddenUnitReport
        Print it, or call its `to_frame`.

    Raises
    ------
    ValueError
        If there is no net in the estimator, or only one row.
    NotFittedError
        If it is not fitted.

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
    net, X = fitted_net(estimator, X)
    units = units_of(net, X)
    if len(units.A1) < 2:
        raise ValueError(f"A report needs two rows at least. Got {len(units.A1)}.")
    W2 = net.coefs_[1].astype(np.float64)
    centred = W2 - W2.mean(axis=1, keepdims=True) if net.out_activation_ == "softmax" else W2
    return HiddenUnitReport(units, centred, net._activation)


class HiddenUnitReport:
    """What the hidden units of a net do on some rows; `hidden_unit_report` makes it.

    Parameters
    ----------
    units : Units
        Pre-activations, activations and slopes.
    W2 : ndarray of shape (hidden_size, n_outputs)
        Output weights; with a softmax, centred, since only differences of logits count.
    activation : Activation
        The activation.

    Attributes
    ----------
    dead_ : ndarray of bool, shape (hidden_size,)
        Whether a unit has no gradient on any row: nothing that happens on these rows will change it.
    saturated_ : ndarray of bool, shape (hidden_size,)
        Whether the slope is below 1 % of the activation's largest one on more than half of the rows. A relu that is off
        on most rows counts, too, which is usual and does no harm.
    means_, spreads_ : ndarray of shape (hidden_size,)
        Mean and standard deviation of the activation.
    shares_ : ndarray of shape (hidden_size,)
        Share of the output that a unit carries: the variance that it gives to the logits, ``var(A1) |W2|^2``, divided
        by the sum over all units.
    duplicate_of_ : ndarray of int, shape (hidden_size,)
        The first unit with which it is correlated by more than 0.999, up to the sign; -1 where there is none.
    effective_rank_ : float
        Number of directions that the activations really use: the exponential of the entropy of the singular values of
        the centred activations [1]_; at most `hidden_size`.
    advice_ : list of str
        What to try, where the numbers support it.

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
        centred = A1 - self.means_
        self.shares_ = _shares(self.spreads_, W2)
        self.duplicate_of_ = _duplicates(centred)
        self.effective_rank_ = _effective_rank(centred)
        self.advice_ = self._advice()

    def to_frame(self):
        """Return the figures as a pandas frame, a row per unit.

        Returns
        -------
        frame : pandas.DataFrame
            Columns "share", "mean", "spread", "dead", "saturated" and "duplicate_of"; the index is the unit.
        """
        return Table(self._columns(np.arange(len(self.means_)))).to_frame("HiddenUnitReport.to_frame")

    def __repr__(self):
        return str(self._table())

    def _repr_html_(self):
        return self._table().html()

    def _columns(self, order):
        return {
            "unit": order.tolist(),
            "share": self.shares_[order].tolist(),
            "mean": self.means_[order].tolist(),
            "spread": self.spreads_[order].tolist(),
            "dead": self.dead_[order].tolist(),
            "saturated": self.saturated_[order].tolist(),
            "duplicate_of": [int(k) if k >= 0 else None for k in self.duplicate_of_[order]],
        }

    def _table(self):
        n, order = len(self.means_), np.argsort(-self.shares_, kind="stable")[:SHOWN]
        formats = {"share": "{:.1%}".format, "mean": "{:.3f}".format, "spread": "{:.3f}".format}
        yes = {"dead": lambda flag: "dead" if flag else "", "saturated": lambda flag: "saturated" if flag else ""}
        total = (
            f"{n} units on {len(self.units.A1)} rows: {self.dead_.sum()} dead, {self.saturated_.sum()} saturated, "
            f"{(self.duplicate_of_ >= 0).sum()} duplicates; effective rank {self.effective_rank_:.1f}."
        )
        shown = [f"The {len(order)} units with the largest shares of the output are shown."] * (n > len(order))
        return Table(self._columns(order), {**formats, **yes}, [*shown, total, *self.advice_])

    def _advice(self):
        n, bounded = len(self.means_), bool(np.isfinite(self.activation.range).all())
        dead, saturated = int(self.dead_.sum()), int(self.saturated_.sum())
        alike = int((self.duplicate_of_ >= 0).sum())
        advice = []
        if dead > MANY_DEAD * n:
            advice.append(
                f"{dead} of {n} units are dead. Try leaky_relu, init='he_normal', a smaller learning "
                "rate or fewer units."
            )
        if bounded and saturated > MANY_SATURATED * n:
            advice.append(
                f"{saturated} of {n} units are saturated. Scale the features, or try a smaller init_scale, a larger "
                "alpha or an activation without bounds."
            )
        if len(self.units.A1) < ENOUGH_ROWS * n:
            return [*advice, f"For duplicates and rank, {ENOUGH_ROWS * n} rows or more would say more."]
        if alike > MANY_DUPLICATES * n and dead <= MANY_DEAD * n:
            advice.append(f"{alike} of {n} units repeat others. Fewer units may do.")
        if self.effective_rank_ < LOW_RANK * n and not advice:
            enough = max(2, int(2 * self.effective_rank_))
            advice.append(f"The units use about {self.effective_rank_:.0f} directions. hidden_size={enough} may do.")
        return advice


def _shares(spreads, W2):
    carried = spreads**2 * (W2**2).sum(axis=1)
    return carried / (carried.sum() or 1.0)


def _duplicates(centred):
    lengths = np.linalg.norm(centred, axis=0)
    varies = lengths > 1e-12 * max(1.0, float(lengths.max()))
    unit = np.where(varies, centred, 0) / np.where(varies, lengths, 1)
    earlier = np.tril(np.abs(unit.T @ unit) > SAME, -1)
    return np.where(earlier.any(axis=1), earlier.argmax(axis=1), -1)


def _effective_rank(centred):
    s = np.linalg.svd(centred, compute_uv=False)
    p = s[s > 1e-12 * (s.max() or 1.0)] / (s.sum() or 1.0)
    return float(np.exp(-(p * np.log(p)).sum())) if p.size else 0.0
