"""Callbacks of scikit-learn: the arguments they get, what they can do, and that they leave nothing behind."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow.solvers import SOLVERS

callback = pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
parametrize = pytest.mark.parametrize


class Recorder:
    """Records every hook, and stops or fails after a given number of epochs."""

    def __init__(self, stop_after=np.inf, fail_after=np.inf):
        self.stop_after, self.fail_after = stop_after, fail_after
        self.events, self.given, self.nets = [], [], []

    def setup(self, estimator, context):
        self.events.append("setup")
        self.max_subtasks = context.max_subtasks

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        if context.task_name != "epoch":
            return False
        self.given.append((X, y, metadata))
        self.nets.append(fitted_estimator)
        if len(self.nets) >= self.fail_after:
            raise RuntimeError("a callback that fails")
        return len(self.nets) >= self.stop_after


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 5, "max_iter": 4, "random_state": 0, **kwargs})


@parametrize("solver", SOLVERS)
def test_every_epoch_is_a_task(solver, iris, quiet):
    recorder = Recorder()
    net = net_of(solver=solver).set_callbacks(recorder).fit(*iris)
    epochs = ["begin epoch", "end epoch"] * net.n_iter_
    assert recorder.events == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert recorder.max_subtasks == 4
    plain = net_of(solver=solver).fit(*iris)
    assert np.array_equal(plain.coefs_[0], net.coefs_[0])


@parametrize("solver", SOLVERS)
def test_a_callback_sees_the_net_as_it_is(solver, iris, quiet):
    X, y = iris
    recorder = Recorder()
    net_of(solver=solver, alpha=0.0).set_callbacks(recorder).fit(X, y)
    losses = [log_loss(y, seen.predict_proba(X)) for seen in recorder.nets]
    assert len(set(losses)) == len(losses)  # the nets are copies that later epochs do not change
    last = net_of(solver=solver, alpha=0.0, max_iter=3 if solver == "gd" else 4)
    if solver in ("gd", "lbfgs"):  # their epochs do not depend on max_iter
        shorter = last.fit(X, y)
        assert np.allclose(recorder.nets[last.max_iter - 1].predict_proba(X), shorter.predict_proba(X))


@parametrize("solver", SOLVERS)
def test_a_callback_stops_a_fit(solver, iris):
    net = net_of(solver=solver, max_iter=50).set_callbacks(Recorder(stop_after=2)).fit(*iris)  # no warning
    assert net.n_iter_ == 2
    assert net.stop_reason_ == "callback"
    assert np.isfinite(net.predict_proba(iris[0])).all()


def test_a_stop_is_not_a_plateau(iris):
    """With "adaptive", a plateau would divide the learning rate."""
    net = net_of(learning_rate="adaptive", max_iter=50).set_callbacks(Recorder(stop_after=3)).fit(*iris)
    assert (net.n_iter_, net.stop_reason_) == (3, "callback")


def test_other_reasons_to_stop(iris, quiet):
    X, y = iris
    assert net_of().fit(X, y).stop_reason_ == "max_iter"
    assert net_of(solver="lbfgs", max_iter=500).fit(X, y).stop_reason_ == "converged"
    assert net_of(learning_rate_init=0.01, tol=1.0, n_iter_no_change=1, max_iter=50).fit(X, y).stop_reason_ == "plateau"
    assert net_of(solver="sgd", learning_rate_init=1e6, max_iter=50).fit(X * 1e9, y).stop_reason_ == "diverged"


def test_a_fit_that_diverges_shows_no_net_that_is_not_finite(iris, quiet):
    recorder = Recorder()
    net = net_of(solver="sgd", learning_rate_init=1e5, alpha=0.0, max_iter=50, activation="identity")
    net.set_callbacks(recorder, callback.ScoringMonitor(scoring="accuracy")).fit(*iris)
    assert net.stop_reason_ == "diverged"
    assert recorder.nets[-1] is None
    assert all(np.isfinite(seen.coefs_[0]).all() for seen in recorder.nets[:-1])


@parametrize("max_iter", range(10, 20))
def test_max_iter_is_not_a_plateau(max_iter, iris, quiet):
    """With "adaptive", a plateau divides the rate; it can happen in the last epoch."""
    net = net_of(solver="sgd", learning_rate="adaptive", tol=0.5, n_iter_no_change=3, max_iter=max_iter)
    assert net.fit(*iris).stop_reason_ == "max_iter"
    net.set_params(n_iter_no_change=1)
    assert {net.partial_fit(*iris).stop_reason_ for _ in range(5)} == {"max_iter"}


def test_lbfgs_that_converges_at_max_iter_has_converged(iris):
    net = net_of(solver="lbfgs", alpha=1.0, max_iter=500).fit(*iris)
    again = net_of(solver="lbfgs", alpha=1.0, max_iter=net.n_iter_).fit(*iris)
    assert net.stop_reason_ == again.stop_reason_ == "converged"


def test_rows_are_those_of_training_with_the_users_labels_and_weights(iris):
    X, y = iris
    names, w = np.array(["setosa", "versicolor", "virginica"])[y], np.linspace(1, 2, len(y))
    recorder = Recorder()
    net_of(early_stopping=True, class_weight="balanced").set_callbacks(recorder).fit(X, names, w)
    X_seen, y_seen, metadata = recorder.given[0]
    assert X_seen.shape == (135, 4)
    assert set(y_seen) == set(names)
    rows = {row.tobytes(): weight for row, weight in zip(X, w, strict=True)}
    assert [rows[row.tobytes()] for row in X_seen[:5]] == list(metadata["sample_weight"][:5])


def test_a_failure_takes_the_callbacks_down_and_restores_the_net(iris):
    net = net_of().fit(*iris)
    before, recorder = net.coefs_[0].copy(), Recorder(fail_after=2)
    with pytest.raises(RuntimeError, match="a callback that fails"):
        net.set_callbacks(recorder).fit(*iris)
    assert recorder.events[-1] == "teardown"
    assert np.array_equal(net.coefs_[0], before)
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(net))


def test_a_progress_bar_ends_after_an_error(iris):
    pytest.importorskip("rich")
    net = net_of().set_callbacks(callback.ProgressBar(), Recorder(fail_after=2))
    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="a callback that fails"):
        net.fit(*iris)
    for _ in range(300):
        started = set(threading.enumerate()) - before
        if len(started) <= 1:  # scikit-learn starts one listener for the whole process
            break
        started.pop().join(0.1)  # a connection may need a moment to close
    assert len(started) <= 1


def test_scoring_monitor_of_a_pipeline(iris, quiet):
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    net = make_pipeline(StandardScaler(), net_of(max_iter=30).set_callbacks(monitor))
    net.fit(*iris)
    scores = [row["neg_log_loss"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 30
    assert scores[-1] > scores[0]
    assert np.isclose(scores[-1], -log_loss(iris[1], net.predict_proba(iris[0])))


@parametrize("n_jobs", [1, 2])
def test_grid_search_shows_nested_bars(n_jobs):
    """The search runs in its own process, which must end by itself."""
    pytest.importorskip("rich")
    script = f"""
from sklearn.callback import ProgressBar
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sk_shallow import ShallowNetClassifier
if __name__ == "__main__":
    net = make_pipeline(StandardScaler(), ShallowNetClassifier(hidden_size=5, random_state=0))
    search = GridSearchCV(net, {{"shallownetclassifier__activation": ["tanh", "relu"]}}, cv=2, n_jobs={n_jobs})
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*load_iris(return_X_y=True))
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert "GridSearchCV - fit" in shown.stdout
    assert "ShallowNetClassifier" in shown.stdout


def test_clones_share_callbacks_as_scikit_learn_has_it(iris):
    recorder = Recorder()
    clone(net_of().set_callbacks(recorder)).fit(*iris)
    assert recorder.events[-1] == "teardown"


def test_without_callbacks_nothing_is_set_up(iris):
    net = make_pipeline(StandardScaler(), net_of()).fit(*iris)[-1]
    assert not any("callback" in name for name in vars(net))


def test_interrupt_leaves_nothing_behind(iris):
    class Interrupts(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    net = net_of().set_callbacks(recorder := Interrupts())
    with pytest.raises(KeyboardInterrupt):
        net.fit(*iris)
    assert recorder.events[-1] == "teardown"
    assert net.stop_reason_ == "interrupt"


@parametrize("n", range(1, 16))
@parametrize("ends", ["interrupt", "stop"])
def test_lbfgs_returns_the_weights_of_its_lowest_loss(ends, n, iris, quiet):
    """Whether a callback interrupts or stops the fit."""

    class Interrupts(Recorder):
        def on_fit_task_end(self, estimator, context, **given):
            if super().on_fit_task_end(estimator, context, **given):
                raise KeyboardInterrupt

    X, y = iris
    net = net_of(solver="lbfgs", max_iter=20, alpha=0.01)
    if ends == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            net.set_callbacks(Interrupts(stop_after=n)).fit(X, y)
    else:
        net.set_callbacks(Recorder(stop_after=n)).fit(X, y)
    penalty = 0.01 / 2 * sum((W**2).sum() for W in net.coefs_) / len(y)
    assert net.n_iter_ == n
    assert log_loss(y, net.predict_proba(X)) + penalty == pytest.approx(net.best_loss_)


def test_grid_search_fails_with_its_callback(iris):
    search = GridSearchCV(net_of(), {"activation": ["tanh"]}, cv=2, error_score="raise")
    with pytest.raises(RuntimeError, match="a callback that fails"):
        search.set_params(estimator=net_of().set_callbacks(Recorder(fail_after=1))).fit(*iris)


def test_partial_fit_has_no_tasks(iris):
    recorder = Recorder()
    net_of(max_iter=200).set_callbacks(recorder).partial_fit(*iris, classes=[0, 1, 2])
    assert recorder.events == []


def test_warns_as_without_callbacks(iris):
    with pytest.warns(ConvergenceWarning, match="max_iter=4") as caught:
        net_of(learning_rate_init=0.001).set_callbacks(Recorder()).fit(*iris)
    assert caught[0].filename == __file__
