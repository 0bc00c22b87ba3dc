"""What the differences of two contenders on the same splits say: the corrected resampled t-test, and its kin.

A mean difference d of J splits, with standard deviation s, has the standard error ``s sqrt(1/J + n_test/n_train)``: the
second term is there because the training sets overlap. ``t = d / standard error`` has J - 1 degrees of freedom.

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


@dataclass(frozen=True)
class MeanDifference:
    """The Student distribution of a mean difference: its location, its scale and its degrees of freedom."""

    mean: float
    standard_error: float
    degrees_of_freedom: int

    @classmethod
    def of(cls, differences: np.ndarray, test_ratio: float) -> "MeanDifference":
        """Return that of differences of shape (J,), one per split, with ``test_ratio = n_test/n_train``."""
        J, mean, deviation = len(differences), float(differences.mean()), float(differences.std(ddof=1))
        deviation = 0.0 if deviation <= 1e-12 * abs(mean) else deviation  # rounding
        return cls(mean, deviation * standard_errors(J, test_ratio), J - 1)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval."""
        half = self.standard_error * student.ppf((1 + confidence) / 2, self.degrees_of_freedom)
        return self.mean - half, self.mean + half

    def p_value(self) -> float:
        """Return the two-sided p-value of no difference; 1 without variance, of which the test knows nothing."""
        return 1.0 if not self.standard_error else 2 * self._distribution(-abs(self.mean))

    def probabilities(self, rope: float) -> tuple[float, float, float]:
        """Return the posterior probabilities of a difference above `rope`, within it, and below minus `rope`."""
        better, worse = self._distribution(self.mean - rope), self._distribution(-self.mean - rope)
        return better, max(0.0, 1 - better - worse), worse

    def _distribution(self, distance: float) -> float:
        """Return the distribution function around zero; without variance it is a step."""
        with np.errstate(over="ignore"):
            z = np.divide(distance, max(self.standard_error, np.finfo(float).tiny))
        return float(student.cdf(z, self.degrees_of_freedom))


def standard_errors(n_splits: int, test_ratio: float) -> float:
    """Return the standard error of a mean difference, in standard deviations of the differences."""
    return float(np.sqrt(1 / n_splits + test_ratio))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number by Holm's method, in the order given."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1)
    return corrected


def smallest_difference(n_splits: int, test_ratio: float, level: float, power: float = 0.8) -> float:
    """Return the true difference that a test at a level finds with such a power, in standard deviations."""
    quantiles = student.ppf([1 - level / 2, power], n_splits - 1)
    return float(quantiles.sum()) * standard_errors(n_splits, test_ratio)


def splits_to_find(difference: float, test_ratio: float, level: float, at_most: int = 1000) -> int | None:
    """Return how many splits find such a difference, in standard deviations; None where so many do not."""
    enough = (J for J in range(2, at_most + 1) if smallest_difference(J, test_ratio, level) <= difference)
    return next(enough, None)


def letters(different: np.ndarray) -> list[str]:
    """Return letters for contenders, such that two share one if and only if they are not `different`, (k, k), bool.

    Piepho's insert and absorb: a group that holds two different ones is split, and groups inside others go.
    """
    groups = [frozenset(range(len(different)))]
    for i, j in zip(*np.nonzero(np.triu(different)), strict=True):
        halves = [group - {one} if {i, j} <= group else group for group in groups for one in (i, j)]
        groups = [group for group in dict.fromkeys(halves) if not any(group < other for other in halves)]
    groups.sort(key=lambda group: sorted(group))
    names = [ascii_letters[n % 52] * (1 + n // 52) for n in range(len(groups))]
    return [
        "".join(name for name, group in zip(names, groups, strict=True) if i in group) for i in range(len(different))
    ]
