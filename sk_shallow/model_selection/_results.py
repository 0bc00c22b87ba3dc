"""Results of a comparison: differences, verdicts, tables."""

import numpy as np

from sk_shallow.inspection._table import ShownAsTable, as_frame
from sk_shallow.model_selection._display import ActivationComparisonDisplay
from sk_shallow.model_selection._statistics import MeanDifference, holm, letters, sensitivity

SIGNIFICANCE_LEVEL = 0.05  # p-value below which a difference counts
ROPE_PROBABILITY = 0.95  # smallest probability of a difference within the rope for "practically the same"
MEASUREMENTS = ("seconds", "epochs", "weights", "dead", "saturated")  # on each split, besides the score
FORMATS = {
    "score": ".4f", "difference": "+.4f", "p": ".3f", "p_better": ".2f", "p_same": ".2f", "p_worse": ".2f",
    "seconds": ".2f", "epochs": ".0f", "weights": ",.0f", "dead": ".0%", "saturated": ".0%",
}  # fmt: skip


class ActivationComparison(ShownAsTable):
    """The result of `compare_activations`.

    Parameters
    ----------
    figures : dict of str to dict of str to ndarray of shape (n_splits,)
        "score", "seconds" per fit, "epochs", number of "weights" and biases, and fractions of "dead" and "saturated"
        hidden units, for each label on each split.
    reference : str
        The label that the others are compared with.
    test_ratio : float
        Test rows per training row.
    rope : float or None, default=None
        Half the width of the region of practical equivalence, in units of the score.
    scoring : str, default="score"
        Name of the score.
    warnings : dict of str to list of list of str, or None, default=None
        Texts of the warnings of each label on each split. None: there were none.

    Attributes
    ----------
    scores_ : dict of str to ndarray of shape (n_splits,)
        Scores of each label, greater is better.
    reference_ : str
        The label that the others are compared with.
    labels_ : list of str
        The labels, sorted by mean score, the highest first.
    n_splits_ : int
        Number of splits.
    best_ : str
        The label with the highest mean score. It need not be better than the others.
    best_estimator_ : estimator
        The estimator with the activation `best_`, fitted to all rows. Only with ``refit=True``.
    warnings_ : dict of str to list of list of str
        Texts of the warnings of each label on each split. Of texts that differ only in numbers, one is kept.
    verdicts_ : dict of str to str
        "better", "worse", "practically the same" or "cannot tell" for each label but the reference. It is "practically
        the same" if the difference is within `rope` with a probability of at least 0.95, or if all differences are
        zero; otherwise "better" or "worse" if the corrected p-value is below 0.05.
    smallest_difference_ : float or None
        Smallest true difference of mean scores detected with power 0.8 at level 0.05 / number of comparisons. None if
        no two scores differ.
    splits_for_half_ : int or None
        Number of splits of the same kind that detects half of `smallest_difference_`. None if 1000 do not.
    """

    def __init__(self, figures, *, reference, test_ratio, rope=None, scoring="score", warnings=None):
        self.figures = figures
        self.reference = reference
        self.test_ratio = test_ratio
        self.rope = rope
        self.scoring = scoring
        self.warnings = warnings
        self.scores_, self.reference_ = figures["score"], reference
        self.warnings_ = warnings or {label: [[] for _ in scores] for label, scores in self.scores_.items()}
        for label, scores in self.scores_.items():
            if not np.isfinite(scores).all():
                split = int(np.flatnonzero(~np.isfinite(scores))[0])
                raise ValueError(
                    f"scoring={scoring} gives {scores[split]} for {label} on split {split}. Choose a score that is "
                    "defined there, or splits whose test sets have all classes."
                )
        self.labels_ = sorted(self.scores_, key=lambda label: self.scores_[label].mean(), reverse=True)
        self.best_, self.n_splits_ = self.labels_[0], len(self.scores_[reference])
        others = [label for label in self.labels_ if label != reference]
        differences = [MeanDifference.of(self.scores_[label] - self.scores_[reference], test_ratio) for label in others]
        p_values = holm(np.array([difference.p_value() for difference in differences]))
        self._differences = dict(zip(others, differences, strict=True))
        self._p_values = dict(zip(others, p_values.tolist(), strict=True))
        self.verdicts_ = {label: self._verdict(label) for label in others}
        self.smallest_difference_, self.splits_for_half_ = sensitivity(differences, test_ratio, SIGNIFICANCE_LEVEL)

    def difference(self, label):
        """Return the distribution of a label's mean difference to the reference, a `MeanDifference`.

        It has `mean`, `standard_error`, `degrees_of_freedom`, ``interval(confidence)``, ``p_value()`` and
        ``probabilities(rope)``, not corrected for the number of comparisons.

        Parameters
        ----------
        label : str
            Any label but the reference.
        """
        return self._differences[label]

    def to_frame(self):
        """Return the results as a pandas frame, one row per label, sorted by mean score.

        The columns are: mean "score" and its "difference" to the reference with the bounds "low" and "high" of its 95 %
        interval; corrected "p"; probabilities "p_better", "p_same" and "p_worse"; number of splits "won" against the
        reference; means over the splits of "seconds" per fit, "epochs", "weights", and the fractions of "dead" and
        "saturated" hidden units; and the "verdict".
        """
        return as_frame(self._columns(), "ActivationComparison.to_frame")

    def plot(self, ax=None):
        """Draw the differences and their intervals, and return an `ActivationComparisonDisplay`.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        """
        return ActivationComparisonDisplay.from_comparison(self, ax=ax)

    def compare_all_pairs(self):
        """Return a `PairwiseComparison`: the same test for all pairs, with p-values corrected for their number."""
        return PairwiseComparison({label: self.scores_[label] for label in self.labels_}, test_ratio=self.test_ratio)

    def _verdict(self, label):
        difference = self._differences[label]
        same = difference.probabilities(self.rope or 0.0)[1]
        if same >= ROPE_PROBABILITY or not (difference.mean or difference.standard_error):
            return "practically the same"
        if self._p_values[label] >= SIGNIFICANCE_LEVEL:
            return "cannot tell"
        return "better" if difference.mean > 0 else "worse"

    def _columns(self):
        """Return the columns of the table; None in the row of the reference."""
        compared = {label: self._compared(label) for label in self.verdicts_}
        names = next(iter(compared.values()))
        return {
            "activation": self.labels_,
            "score": [float(self.scores_[label].mean()) for label in self.labels_],
            **{name: [compared.get(label, {}).get(name) for label in self.labels_] for name in names},
            **{what: [float(self.figures[what][label].mean()) for label in self.labels_] for what in MEASUREMENTS},
            "verdict": [self.verdicts_.get(label, "reference") for label in self.labels_],
        }

    def _compared(self, label):
        """Return the columns that compare a label with the reference."""
        difference = self._differences[label]
        low, high = difference.interval()
        better, same, worse = difference.probabilities(self.rope or 0.0)
        won = int((self.scores_[label] > self.scores_[self.reference_]).sum())
        return {
            "difference": difference.mean, "low": low, "high": high, "p": self._p_values[label],
            "p_better": better, "p_same": same, "p_worse": worse, "won": won,
        }  # fmt: skip

    def _table(self):
        columns = self._columns()
        bounds = zip(columns.pop("low"), columns.pop("high"), strict=True)
        intervals = ["" if low is None else f"[{low:+.4f}, {high:+.4f}]" for low, high in bounds]
        if self.rope is None:
            columns.pop("p_same")
        first = {name: columns.pop(name) for name in ("activation", "score", "difference")}
        return {**first, "95 % interval": intervals, **columns}, FORMATS, self._notes()

    def _notes(self):
        region = "" if self.rope is None else f" Differences up to {self.rope:g} are practically the same."
        notes = [
            f"score: {self.scoring}, mean of {self.n_splits_} splits, greater is better. Differences are to "
            f"{self.reference_}.{region}",
            "Intervals, p and probabilities: corrected resampled t-test; p also corrected by Holm's method.",
        ]
        if self.smallest_difference_ is not None:
            n = self.splits_for_half_
            half = f"{n} splits would find half of it." if n else "More splits of these rows would not find half of it."
            notes.append(
                f"This design finds a true difference of {self.smallest_difference_:.2g} in 80 % of cases. {half}"
            )
        warned = [bool(texts) for splits in self.warnings_.values() for texts in splits]
        if any(warned):
            notes.append(f"{sum(warned)} of {len(warned)} fits gave warnings: see warnings_.")
        if hasattr(self, "best_estimator_"):
            notes.append(
                f"best_estimator_ has {self.best_}, the highest of {len(self.labels_)} means. That score is "
                "optimistic, because it was chosen for being the highest."
            )
        return notes


class PairwiseComparison(ShownAsTable):
    """Comparison of all pairs of labels, with letters for those that cannot be told apart.

    Parameters
    ----------
    scores : dict of str to ndarray of shape (n_splits,)
        Scores of each label, greater is better.
    test_ratio : float
        Test rows per training row.

    Attributes
    ----------
    labels_ : list of str
        The labels, in the order of `scores`.
    p_values_ : ndarray of shape (n_labels, n_labels)
        p-values of the corrected resampled t-test, corrected by Holm's method for the number of pairs; 1 on the
        diagonal.
    letters_ : dict of str to str
        Letters of each label. Two labels share a letter if and only if their p-value is at least 0.05.
    """

    def __init__(self, scores, *, test_ratio):
        self.scores = scores
        self.test_ratio = test_ratio
        self.labels_ = list(scores)
        above = np.triu_indices(len(scores), 1)
        values = list(scores.values())
        p_values = [MeanDifference.of(values[i] - values[j], test_ratio).p_value() for i, j in zip(*above, strict=True)]
        self.p_values_ = np.ones((len(scores), len(scores)))
        self.p_values_[above] = self.p_values_.T[above] = holm(np.array(p_values))
        self.letters_ = dict(zip(self.labels_, letters(self.p_values_ < SIGNIFICANCE_LEVEL), strict=True))

    def to_frame(self):
        """Return the p-values as a pandas frame, with one row and one column per label."""
        columns = dict(zip(self.labels_, self.p_values_.T.tolist(), strict=True))
        return as_frame({"activation": self.labels_, **columns}, "PairwiseComparison.to_frame")

    def _table(self):
        means = [float(scores.mean()) for scores in self.scores.values()]
        columns = {"activation": self.labels_, "score": means, "letters": list(self.letters_.values())}
        return columns, FORMATS, ["Activations that share a letter cannot be told apart."]
