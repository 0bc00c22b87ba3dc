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
