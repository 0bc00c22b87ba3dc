"""The corrected resampled t-test and related statistics for scores on the same splits.

If the differences on J splits have mean d and standard deviation s, the standard error of d is
``s sqrt(1/J + n_test/n_train)``. The second term is needed because the training sets overlap. d divided by its standard
error has a t-distribution with J - 1 degrees of freedom.

References
----------
Nadeau, Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
Benavoli, Corani, Demsar, Zaffalon, "Time for a change: a tutorial for comparing multiple classifiers through Bayesian
analysis", JMLR 18, 2017.
Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
Piepho, "An algorithm for a letter-based representation of all-pairwise comparisons", Journal of Computational and
Graphical Statistics 13, 2004.
"""

from dataclasses import dataclass
from string import ascii_letters

import numpy as np
from scipy.stats import t as student

POWER = 0.8  # probability with which a test should find a true difference
MAX_SPLITS = 1000  # that `splits_to_find` tries


@dataclass(frozen=True)
class MeanDifference:
    """A mean difference with its Student distribution: location, scale and degrees of freedom."""

    mean: float
    standard_error: float
    degrees_of_freedom: int

    @classmethod
    def of(cls, differences: np.ndarray, test_ratio: float) -> "MeanDifference":
        """Return the mean of `differences`, (J,), one per split, with ``test_ratio = n_test/n_train``."""
        J, mean, deviation = len(differences), float(differences.mean()), float(differences.std(ddof=1))
        if deviation <= 1e-12 * abs(mean):  # rounding
            deviation = 0.0
        return cls(mean, float(deviation * relative_standard_error(J, test_ratio)), J - 1)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval."""
        half = self.standard_error * student.ppf((1 + confidence) / 2, self.degrees_of_freedom)
        return self.mean - half, self.mean + half

    def p_value(self) -> float:
        """Return the two-sided p-value; 1 if all differences are equal, because the test is undefined then."""
        return 1.0 if not self.standard_error else 2 * self._distribution(-abs(self.mean))

    def probabilities(self, rope: float) -> tuple[float, float, float]:
        """Return the posterior probabilities of a difference above `rope`, within it, and below minus `rope`."""
        better, worse = self._distribution(self.mean - rope), self._distribution(-self.mean - rope)
        return better, max(0.0, 1 - better - worse), worse

    def _distribution(self, distance: float) -> float:
        """Return the distribution function with location 0. If all differences are equal, it is a step after 0."""
        if not self.standard_error:
            return float(distance > 0)
        return float(student.cdf(float(distance) / self.standard_error, self.degrees_of_freedom))


def relative_standard_error(n_splits, test_ratio):
    """Return the standard error of a mean difference, divided by the standard deviation of the differences."""
    return np.sqrt(1 / n_splits + test_ratio)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected by Holm's method for their number, in the same order."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1)
    return corrected


def smallest_difference(n_splits, test_ratio, level):
    """Return the true difference, in standard deviations, that a test at `level` finds with probability 0.8.

    `n_splits` may be an array.
    """
    quantiles = student.ppf(1 - level / 2, n_splits - 1) + student.ppf(POWER, n_splits - 1)
    return quantiles * relative_standard_error(n_splits, test_ratio)


def splits_to_find(difference: float, test_ratio: float, level: float) -> int | None:
    """Return how many splits find a true difference, in standard deviations; None if 1000 do not."""
    n_splits = np.arange(2, MAX_SPLITS + 1)
    enough = n_splits[smallest_difference(n_splits, test_ratio, level) <= difference]
    return int(enough[0]) if enough.size else None


def sensitivity(differences, test_ratio, level):
    """Return the smallest true difference that the tests find, and the number of splits that finds half of it.

    `differences` are MeanDifference objects. Each test uses `level` divided by their number. If none of them varies
    between splits, both results are None.
    """
    varying = [difference for difference in differences if difference.standard_error]
    if not varying:
        return None, None
    n_splits, level = varying[0].degrees_of_freedom + 1, level / len(differences)
    factor = relative_standard_error(n_splits, test_ratio)
    deviation = float(np.median([difference.standard_error / factor for difference in varying]))
    smallest = float(smallest_difference(n_splits, test_ratio, level))
    return deviation * smallest, splits_to_find(smallest / 2, test_ratio, level)


def letters(different: np.ndarray) -> list[str]:
    """Return letters for k labels: two labels share a letter if and only if they are not `different`, (k, k), bool.

    Piepho's algorithm: for each pair that differs, split every group that has both, then drop groups inside others.
    """
    k = len(different)
    groups = [frozenset(range(k))]
    for i, j in zip(*np.nonzero(np.triu(different)), strict=True):
        halves = [group - {one} if {i, j} <= group else group for group in groups for one in (i, j)]
        groups = [group for group in dict.fromkeys(halves) if not any(group < other for other in halves)]
    groups.sort(key=sorted)
    names = [ascii_letters[n % 52] * (1 + n // 52) for n in range(len(groups))]
    return ["".join(name for name, group in zip(names, groups, strict=True) if i in group) for i in range(k)]
