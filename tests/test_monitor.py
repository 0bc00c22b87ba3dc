"""The monitor without a solver: each test gives it a sequence of losses."""

import numpy as np
import pytest
from helpers import plan_of
from numpy.testing import assert_array_equal

from sk_shallow._fit.monitor import Monitor, Signal
from sk_shallow._model.parameters import Parameters

parametrize = pytest.mark.parametrize


@parametrize("tol", [0.0, 0.1])
def test_an_unchanged_loss_is_no_improvement(tol):
    monitor = Monitor(Parameters((1, 1, 1, 1)), plan_of(tol=tol, n_iter_no_change=3))
    assert [monitor.epoch_end(1.0) for _ in range(5)] == [Signal.CONTINUE] * 4 + [Signal.PLATEAU]
    monitor = Monitor(Parameters((1, 1, 1, 1)), plan_of(tol=tol, n_iter_no_change=3))
    for _ in range(2):
        monitor.epoch_end(1.0)
    assert not monitor.still_improves()


def test_a_score_that_is_not_finite_does_not_choose_the_weights():
    parameters, scores = Parameters((1, 1, 1, 1)), iter([-1.0, np.nan])
    monitor = Monitor(parameters, plan_of(), lambda: next(scores))
    parameters.theta[:] = 1
    monitor.epoch_end(0.9)
    parameters.theta[:] = 2
    assert monitor.epoch_end(0.5) is Signal.STOP
    assert monitor.best == 1
    assert_array_equal(monitor.best_theta, 1)


@parametrize("what", ["loss", "weights", "moments"])
def test_what_is_not_finite_stops(what):
    parameters = Parameters((1, 1, 1, 1))
    monitor = Monitor(parameters, plan_of())
    if what == "weights":
        parameters.theta[1] = np.inf
    moments = [np.array([0, np.inf if what == "moments" else 0])]
    assert monitor.epoch_end(np.nan if what == "loss" else 0.5, moments) is Signal.STOP
    assert monitor.diverged
    assert_array_equal(monitor.best_theta, 0)


@parametrize(("n_epochs", "stops"), [(4, False), (5, True)])
def test_patience_is_more_than_n_iter_no_change_epochs(n_epochs, stops):
    """As in MLPClassifier, n_iter_no_change=3 stops the fit at the fourth epoch in a row without improvement."""
    monitor = Monitor(Parameters((1, 1, 1, 1)), plan_of(tol=0.1, n_iter_no_change=3))
    signals = [monitor.epoch_end(loss) for loss in (1.0, 0.95, 0.95, 0.95, 0.95)[:n_epochs]]
    assert signals[-1] == (Signal.PLATEAU if stops else Signal.CONTINUE)
    assert monitor.no_improvement_count == n_epochs - 1
    assert monitor.best == 0.95


@parametrize(("tol", "n_rounds"), [(0.0, 3), (0.05, 2)])
def test_with_scores_rounds_end_if_the_best_score_gains_too_little(tol, n_rounds):
    """Scores of 0.5, 0.54, 0.53: the second round gains 0.04. No relative rule applies."""
    parameters = Parameters((2, 2, 1, 1))
    scores = iter([0.3, 0.5, 0.54, 0.4, 0.53])
    plan = plan_of(first_round=1, max_iter=10, stop_at_plateau=True, tol=tol, n_iter_no_change=np.inf)
    monitor = Monitor(parameters, plan, lambda: next(scores))
    signals = []
    for n_epochs in (2, 2, 1):
        for _ in range(n_epochs):
            monitor.epoch_end(1.0)
        signals.append(monitor.round_end(1.0))
    assert [bool(signal) for signal in signals].index(True) == n_rounds - 1


def test_patience_starts_anew_after_the_rate_has_risen():
    """Scores that recover are improvements, although the best one came earlier. Its weights are kept."""
    parameters, scores = Parameters((2, 2, 1, 1)), iter([0.9, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6])
    plan = plan_of(first_round=1, stop_at_plateau=True, tol=0.01, n_iter_no_change=1)
    monitor, signals = Monitor(parameters, plan, lambda: next(scores)), []
    for epoch in range(7):
        parameters.theta[:] = epoch
        signals.append(bool(monitor.epoch_end(1.0)))
        if epoch == 1:  # the last epoch with a rising rate
            monitor.restart_patience()
    assert signals == [False] * 6 + [True]
    assert set(monitor.best_theta) == {0}


def test_patience_starts_anew_after_a_round():
    """Otherwise a count of `n_iter_no_change` at the end of a round would end training in the next, rising epoch."""
    monitor = Monitor(Parameters((1, 1, 1, 1)), plan_of(first_round=15))
    monitor.no_improvement_count = 10
    assert not monitor.round_end(1.0)
    assert monitor.no_improvement_count == 0


def test_a_round_that_the_limit_cuts_is_no_plateau():
    for is_whole in (True, False):
        monitor = Monitor(Parameters((1, 1, 1, 1)), plan_of(first_round=15))
        monitor.round_end(1.0)
        assert bool(monitor.round_end(0.9, is_whole)) == is_whole
        assert not monitor.still_gains
