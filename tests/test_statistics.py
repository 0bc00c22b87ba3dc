"""The corrected resampled t-test and related statistics, compared with SciPy, statsmodels and baycomp."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.multitest import multipletests

from sk_shallow.model_selection._statistics import MeanDifference, holm, letters, smallest_difference, splits_to_find

parametrize = pytest.mark.parametrize


@parametrize("seed", range(5))
def test_without_overlap_it_is_the_paired_t_test(seed):
    """A test ratio of 0 stands for test sets that are tiny compared with the training sets."""
    differences = np.random.default_rng(seed).normal(0.3, 1, 20)
    ours, its = MeanDifference.of(differences, 0.0), stats.ttest_1samp(differences, 0)
    assert_allclose(ours.p_value(), its.pvalue)
    assert_allclose(ours.interval(0.9), tuple(its.confidence_interval(0.9)))


@parametrize("seed", range(5))
@parametrize("rope", [0.0, 0.1, 1.0])
def test_probabilities_equal_baycomp(seed, rope):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import baycomp
    x, y = np.random.default_rng(seed).normal([[0.3], [0.0]], 1, (2, 20))
    its = baycomp.two_on_single(x, y, rope=rope, runs=4)
    its = its if rope else (its[0], 0.0, its[1])
    assert_allclose(MeanDifference.of(x - y, 1 / 4).probabilities(rope), its, atol=1e-12)


def test_p_value_and_probabilities_have_one_distribution():
    ours = MeanDifference.of(np.random.default_rng(0).normal(0.3, 1, 20), 0.25)
    better, same, worse = ours.probabilities(0.0)
    assert_allclose(ours.p_value(), 2 * min(better, worse))
    assert same == 0.0
    low, high = ours.interval(0.95)
    assert_allclose(MeanDifference(ours.mean - low, ours.standard_error, 19).p_value(), 0.05)
    assert_allclose(ours.mean, (low + high) / 2)


def test_overlap_widens_the_standard_error():
    differences = np.random.default_rng(0).normal(size=20)
    plain, corrected = (MeanDifference.of(differences, ratio).standard_error for ratio in (0.0, 0.25))
    assert_allclose(corrected / plain, np.sqrt(1 + 20 / 4))


@parametrize("difference", [0.0, 0.5, 0.1 + 0.2])
def test_equal_differences_have_p_value_1(difference):
    """It does not claim certainty: equal differences on all splits come from few rows or from a coarse score."""
    rounded = difference * (1 + np.finfo(float).eps * (np.arange(20) % 2))
    ours = MeanDifference.of(rounded, 0.25)
    assert ours.p_value() == 1.0
    assert_allclose(ours.interval(), (difference, difference))
    assert ours.probabilities(0.1) == ((0.0, 1.0, 0.0) if not difference else (1.0, 0.0, 0.0))


@parametrize("seed", range(5))
def test_holm_equals_statsmodels(seed):
    p_values = np.random.default_rng(seed).uniform(0, 0.1, 11)
    assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_the_smallest_difference_is_found_as_often_as_promised():
    """In a simulation of independent splits, for which the test is exact."""
    rng, J = np.random.default_rng(0), 20
    difference = smallest_difference(J, 0.0, 0.05)
    samples = rng.normal(difference, 1, (4000, J))
    found = np.mean([MeanDifference.of(sample, 0.0).p_value() < 0.05 for sample in samples])
    assert 0.77 < found < 0.83


def test_more_splits_find_smaller_differences_unless_they_overlap():
    difference = smallest_difference(20, 0.0, 0.05)
    n = splits_to_find(difference / 2, 0.0, 0.05)
    assert 60 < n < 90
    assert smallest_difference(n, 0.0, 0.05) <= difference / 2 < smallest_difference(n - 1, 0.0, 0.05)
    assert splits_to_find(smallest_difference(20, 0.25, 0.05) / 2, 0.25, 0.05) is None


@parametrize("seed", range(20))
def test_labels_share_a_letter_if_they_do_not_differ(seed):
    different = np.triu(np.random.default_rng(seed).random((7, 7)) < 0.3, 1)
    different |= different.T
    groups = letters(different)
    for i in range(7):
        for j in range(7):
            assert bool(set(groups[i]) & set(groups[j])) == (i == j or not different[i, j])


def test_letters_of_a_chain():
    assert letters(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)) == ["a", "ab", "b"]
    assert letters(np.zeros((3, 3), dtype=bool)) == ["a", "a", "a"]
    assert letters(~np.eye(3, dtype=bool)) == ["a", "b", "c"]
