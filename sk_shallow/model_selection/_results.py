"""Results of a comparison: differences and verdicts."""

import numpy as np

from sk_shallow.inspection._table import ShownAsTable, Table, as_frame
from sk_shallow.model_selection._display import (
    ComparisonDisplay,
    columns_of,
    name_of_labels,
    table_of_details,
    table_of_results,
)
from sk_shallow.model_selection._statistics import MeanDifference, holm, letters, sensitivity

SIGNIFICANCE_LEVEL = 0.05  # p-value below which a difference counts
ROPE_PROBABILITY = 0.95  # smallest probability of a difference within the rope for "practically the same"


class Comparison(ShownAsTable):
    """The result of `compare_estimators`, `compare_activations` or `compare_parameter`.

    Parameters
    ----------
    figures : dict of str to dict of str to ndarray of shape (n_splits,)
        "score" and "seconds" per fit, for each label on each split. For the default log loss, also "zeros": the
        fraction of test rows whose class has a probability of about 0. For nets, also "epochs", the number of
        "weights" (with biases), and the fractions of "dead" and "saturated" hidden units.
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
    compared : str, default="estimator"
        What the labels are: "estimator", "activation" or the name of a parameter.

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
        The estimator `best_`, fitted to all rows. Only with ``refit=True``.
    warnings_ : dict of str to list of list of str
        Texts of the warnings of each label on each split. Of texts that differ only in numbers, one is kept.
    verdicts_ : dict of str to str
        "better", "worse", "practically the same" or "cannot tell" for each label but the reference. It is "practically
        the same" if the difference is within `rope` with a probability of at least 0.95, or if all differences are
        zero; otherwise "better" or "worse" if the corrected p-value is below 0.05.
    p_values_ : dict of str to float
        p-value of each label but the reference, corrected for their number.
    smallest_difference_ : float or None
        Smallest true difference of mean scores detected with power 0.8 at level 0.05 / number of comparisons. None if
        no two scores differ.
    splits_for_half_ : int or None
        Number of splits of the same kind that detects half of `smallest_difference_`. None if 1000 do not.
    """

    def __init__(
        self, figures, *, reference, test_ratio, rope=None, scoring="score", warnings=None, compared="estimator"
    ):
        self.figures = figures
        self.reference = reference
        self.test_ratio = test_ratio
        self.rope = rope
        self.scoring = scoring
        self.warnings = warnings
        self.compared = compared
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
        self.p_values_ = dict(zip(others, p_values.tolist(), strict=True))
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

        Raises
        ------
        ValueError
            If there is no such label, or it is the reference.
        """
        if label not in self._differences:
            raise ValueError(f"label must be one of {sorted(self._differences)}. Got {label!r}.")
        return self._differences[label]

    def details(self):
        """Return the other results as a table that `print` and notebooks show.

        It has the number of splits "won" against the reference; probabilities "p_better", "p_same" and "p_worse" of a
        difference above `rope`, within it, and below minus `rope`; and the means over the splits of all measurements:
        see `figures`.
        """
        return Table(*table_of_details(self))

    def to_frame(self):
        """Return all results as a pandas frame, one row per label, sorted by mean score.

        The columns are: mean "score", its "difference" to the reference with the bounds "low" and "high" of its 95 %
        interval, corrected "p", the columns of `details`, and the "verdict". Raises ImportError without pandas.
        """
        columns = columns_of(self)
        return as_frame(name_of_labels(self.compared, columns), self.labels_, columns, "Comparison.to_frame")

    def plot(self, ax=None):
        """Draw the differences and their intervals, and return a `ComparisonDisplay`.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        """
        return ComparisonDisplay.from_comparison(self, ax=ax)

    def compare_all_pairs(self):
        """Return a `PairwiseComparison`: the same test for all pairs, with p-values corrected for their number."""
        scores = {label: self.scores_[label] for label in self.labels_}
        return PairwiseComparison(scores, test_ratio=self.test_ratio, compared=self.compared)

    def _verdict(self, label):
        difference = self._differences[label]
        if difference.probabilities(self.rope or 0.0)[1] >= ROPE_PROBABILITY:
            return "practically the same"
        if self.p_values_[label] >= SIGNIFICANCE_LEVEL:
            return "cannot tell"
        return "better" if difference.mean > 0 else "worse"

    def _table(self):
        return table_of_results(self)


class PairwiseComparison(ShownAsTable):
    """Comparison of all pairs of labels, with letters for those that cannot be told apart.

    Parameters
    ----------
    scores : dict of str to ndarray of shape (n_splits,)
        Scores of each label, greater is better.
    test_ratio : float
        Test rows per training row.
    compared : str, default="estimator"
        What the labels are: "estimator", "activation" or the name of a parameter.

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

    def __init__(self, scores, *, test_ratio, compared="estimator"):
        self.scores = scores
        self.test_ratio = test_ratio
        self.compared = compared
        self.labels_ = list(scores)
        above = np.triu_indices(len(scores), 1)
        values = list(scores.values())
        p_values = [MeanDifference.of(values[i] - values[j], test_ratio).p_value() for i, j in zip(*above, strict=True)]
        self.p_values_ = np.ones((len(scores), len(scores)))
        self.p_values_[above] = self.p_values_.T[above] = holm(np.array(p_values))
        self.letters_ = dict(zip(self.labels_, letters(self.p_values_ < SIGNIFICANCE_LEVEL), strict=True))

    def to_frame(self):
        """Return the p-values as a pandas frame, one row and column per label. Raises ImportError without pandas."""
        columns = dict(zip(self.labels_, self.p_values_.T.tolist(), strict=True))
        return as_frame(self.compared, self.labels_, columns, "PairwiseComparison.to_frame")

    def _table(self):
        means = [float(scores.mean()) for scores in self.scores.values()]
        columns = {"score": means, "letters": list(self.letters_.values())}
        columns = {name_of_labels(self.compared, columns): self.labels_, **columns}
        spec = ".4g" if max(map(abs, means)) < 10**4 else ".0f"
        return columns, {"score": spec}, ["Two rows that share a letter cannot be told apart."]
