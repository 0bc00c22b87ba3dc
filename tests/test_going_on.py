"""Continued training: partial_fit, warm_start and interrupts, also after pickling."""

import contextlib
import copy
import io
import pickle
import re

import joblib
import numpy as np
import pytest
from helpers import NAMES, fitted_network, interrupt_after, values_equal, weights
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit import train as training
from sk_shallow._fit.monitor import Monitor
from sk_shallow._model.network import Network
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.solvers import LBFGS, SGD, SOLVERS, Adam, GradientDescent

parametrize = pytest.mark.parametrize
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
MINI_BATCH = ["sgd", "adam"]


def net_of(**kwargs):
    """Return a net for which k calls equal one long fit: constant rate, no penalty (it depends on rows seen)."""
    plain = {"hidden_size": 6, "batch_size": 32, "random_state": 0, "learning_rate": "constant", "alpha": 0.0}
    return ShallowNetClassifier(**plain | kwargs)


def through_pickle(net):
    return pickle.loads(pickle.dumps(net))


def through_joblib(net):
    file = io.BytesIO()
    joblib.dump(net, file)
    file.seek(0)
    return joblib.load(file)


@parametrize("solver", ["gd", *MINI_BATCH])
@parametrize("kind", ["binary", "multiclass", "multilabel"])
@parametrize("carry", [lambda net: net, through_pickle, through_joblib], ids=["kept", "pickle", "joblib"])
def test_partial_fits_equal_one_fit(solver, kind, carry, problems):
    X, y = problems[kind]
    net = net_of(solver=solver, dropout=0.2)
    whole = clone(net).set_params(max_iter=7).fit(X, y)
    for _ in range(7):
        net = carry(net.partial_fit(X, y, classes=None if kind == "multilabel" else np.unique(y)))
    assert values_equal(weights(net), weights(whole))
    assert net.loss_curve_ == whole.loss_curve_
    assert net.n_iter_ == 1


@parametrize("activation", NAMES)
def test_partial_fits_equal_one_fit_for_every_activation(activation, iris):
    X, y = iris
    net, whole = net_of(activation=activation), net_of(activation=activation, max_iter=3).fit(X, y)
    for _ in range(3):
        net.partial_fit(X, y, classes=[0, 1, 2])
    assert values_equal(weights(net), weights(whole))


@parametrize("schedule", ["invscaling", "adaptive"])
def test_schedules_go_on(schedule, iris):
    X, y = iris
    patience = 1 if schedule == "adaptive" else 20  # invscaling stops at its first plateau
    kwargs = {"learning_rate": schedule, "solver": "sgd", "learning_rate_init": 0.5, "tol": 0.05}
    kwargs["n_iter_no_change"] = patience
    net, whole = net_of(**kwargs), net_of(max_iter=12, **kwargs).fit(X, y)
    for _ in range(whole.n_iter_):
        net.partial_fit(X, y, classes=[0, 1, 2])
    assert values_equal(weights(net), weights(whole))


@parametrize("carry", [lambda net: net, through_pickle], ids=["kept", "pickle"])
@parametrize("solver", ["gd", *MINI_BATCH])
def test_warm_starts_equal_one_fit(solver, carry, iris):
    X, y = iris
    whole = net_of(solver=solver, max_iter=6, alpha=1.0).fit(X, y)
    net = net_of(solver=solver, max_iter=2, alpha=1.0, warm_start=True)
    for _ in range(3):
        net = carry(net.fit(X, y))
    assert values_equal(weights(net), weights(whole))
    assert net.loss_curve_ == whole.loss_curve_
    assert net.n_iter_ == 2


def test_warm_start_of_lbfgs_goes_on(iris):
    net = net_of(solver="lbfgs", max_iter=5, warm_start=True).fit(*iris)
    first = net.loss_
    assert net.fit(*iris).loss_ < first
    assert len(net.loss_curve_) == 10


def test_fit_without_warm_start_begins_anew(iris):
    net = net_of(max_iter=3)
    once = clone(net).fit(*iris)
    assert values_equal(weights(net.fit(*iris).fit(*iris)), weights(once))
    net.partial_fit(*iris).partial_fit(*iris)
    assert values_equal(weights(net.fit(*iris)), weights(once))
    assert len(net.loss_curve_) == 3


def test_partial_fit_goes_on_from_fit(iris):
    net = net_of(max_iter=30).fit(*iris)
    before, loss = [array.copy() for array in weights(net)], net.loss_
    net.partial_fit(*iris)
    assert 0 < np.abs(weights(net)[0] - before[0]).max() < 0.1
    assert net.loss_ < loss


@parametrize("method", ["partial_fit", "fit"])
def test_changed_parameters_take_effect(method, iris):
    X, y = iris
    net = net_of(max_iter=1, warm_start=True, alpha=0, batch_size=150, solver=SGD(momentum=0))
    step = getattr(net, method)
    step(X, y, **({"classes": [0, 1, 2]} if method == "partial_fit" else {}))
    before = net.coefs_[0].copy()
    other = through_pickle(net).set_params(learning_rate_init=0.02)
    step(X, y)
    getattr(other, method)(X, y)
    assert_allclose(other.coefs_[0] - before, 2 * (net.coefs_[0] - before), rtol=1e-6)
    step_of_tanh = getattr(through_pickle(net).set_params(activation="tanh", solver="adam"), method)(X, y)
    assert repr(step_of_tanh._activation) == "Tanh()"


def test_parts_of_the_data(iris):
    """A part may lack classes, or have another dtype than the first part."""
    X, y = iris
    labels = np.array(["u", "v", "w"])[y]
    net = net_of(learning_rate_init=0.01, batch_size=10)
    for _ in range(30):
        for part in np.array_split(np.arange(150), 10):
            net.partial_fit(X[part].astype(np.float32), labels[part], classes=["w", "v", "u"])
    net.partial_fit(X, labels)
    assert net.coefs_[0].dtype == np.float32
    assert net.score(X, labels) > 0.8


# The optimizer's state, kept only if a later call can use it


def test_state_is_kept_only_where_it_is_of_use(iris):
    net = net_of(max_iter=2).fit(*iris)
    assert not hasattr(net, "_state")
    assert set(net.partial_fit(*iris)._state["moments"]) == {"m", "v"}
    assert not hasattr(net.fit(*iris), "_state")
    assert hasattr(net.set_params(warm_start=True).fit(*iris), "_state")


def test_the_pickle_does_not_grow(iris):
    net = net_of()
    sizes = []
    for _ in range(30):
        net.partial_fit(*iris, classes=[0, 1, 2])
        sizes.append(len(pickle.dumps(net)))
    assert sizes[-1] - sizes[1] <= 30 * 10  # only the loss curve grows


class Curve(list):
    """A list that refuses every pass over its elements."""

    def _pass(self, *args):
        raise AssertionError("a pass over the loss curve")

    __iter__ = __reversed__ = __add__ = __radd__ = __mul__ = __contains__ = __eq__ = _pass
    copy = count = index = sort = reverse = _pass

    def __getitem__(self, i):
        return self._pass() if isinstance(i, slice) else super().__getitem__(i)


@parametrize("method", ["fit", "partial_fit"])
@parametrize("end", ["ends", "is interrupted", "fails", "diverges"])
def test_a_call_passes_over_no_earlier_loss(method, end, iris, monkeypatch):
    net = net_of(max_iter=2, warm_start=True).fit(*iris)
    net.loss_curve_ = Curve(net.loss_curve_)
    before, n_before = list.copy(net.loss_curve_), len(net.loss_curve_)
    if end == "is interrupted":
        interrupt_after(monkeypatch, 2)
    if end == "diverges":
        net.set_params(learning_rate_init=1e300)
    if end == "fails":
        monkeypatch.setattr(training, "_state_to_keep", lambda fit: 1 / 0)
    with contextlib.suppress(KeyboardInterrupt, ZeroDivisionError):
        getattr(net, method)(*iris)
    assert type(net.loss_curve_) is Curve
    assert (len(net.loss_curve_) == n_before) == (end == "fails")
    assert list.__getitem__(net.loss_curve_, slice(n_before)) == before
    whole = list.copy(net.loss_curve_)
    assert (net.loss_, net.best_loss_) == (whole[-1], min(whole))


def copies_of_callbacks(net):
    """Return the copies that callbacks of a warm start get."""
    copies = []

    class Keeps:
        def setup(self, estimator, context):
            pass

        on_fit_task_begin = teardown = setup

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            copies.append(fitted_estimator)

    copy.copy(net).set_callbacks(Keeps()).fit(*load_iris(return_X_y=True))
    return copies[0]


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": through_pickle, "joblib": through_joblib}
COPIES |= {"callbacks": copies_of_callbacks} if hasattr(ShallowNetClassifier, "set_callbacks") else {}


@parametrize("of", COPIES)
@parametrize("method", ["fit", "partial_fit"])
def test_the_curve_of_a_copy_does_not_change(of, method, iris):
    net = net_of(max_iter=2, warm_start=True).fit(*iris)
    other = COPIES[of](net)
    before, curve = list(net.loss_curve_), list(other.loss_curve_)
    getattr(net, method)(*iris)
    assert other.loss_curve_ == curve
    getattr(other, method)(*iris)
    assert net.loss_curve_[: len(before)] == before
    assert len(net.loss_curve_) == len(before) + net.n_iter_


# Refused calls


def test_partial_fit_is_not_there_for_lbfgs(iris):
    net = net_of(solver="lbfgs")
    assert not hasattr(net, "partial_fit")
    assert not hasattr(net.set_params(solver=LBFGS()), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        net.partial_fit(*iris, classes=[0, 1, 2])


@parametrize(
    ("kwargs", "message"),
    [
        ({"early_stopping": True}, "does not support early_stopping=True"),
        ({"class_weight": "balanced"}, "does not support class_weight='balanced'"),
        ({"learning_rate": "cosine"}, "needs the number of epochs in advance"),
        ({"learning_rate": "one_cycle"}, "needs the number of epochs in advance"),
    ],
)
def test_partial_fit_refuses(kwargs, message, iris):
    with pytest.raises(ValueError, match=message):
        net_of(**kwargs).partial_fit(*iris, classes=[0, 1, 2])


def test_classes_are_declared_once(iris):
    X, y = iris
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        net_of().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"must hold the classes \[0, 1\]. Got others: \[2\]"):
        net_of().partial_fit(X, y, classes=[0, 1])
    net = net_of().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not the same as on last call"):
        net.partial_fit(X, y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"Got others: \['x'\]"):
        net_of().partial_fit(X[:3], ["a", "b", "x"], classes=["a", "b"])


def test_multilabel_classes_are_columns(problems):
    X, Y = problems["multilabel"]
    net = net_of().partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X[:1], Y[:1])
    assert_array_equal(net.classes_, [0, 1, 2])
    for wrong in (Y[:, :2], Y[:, 0], Y + 1):
        with pytest.raises(ValueError, match="y must be an array of zeros and ones"):
            net.partial_fit(X, wrong)
    with pytest.raises(ValueError, match="one label per row"):
        net_of().partial_fit(X, Y[:, 0], classes=[0, 1]).partial_fit(X, Y)


@parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 7}, r"W1 has shape \(4, 6\), but now needs \(4, 7\)"),
        ({"activation": "maxout"}, r"now needs \(4, 12\)"),
    ],
)
@parametrize("method", ["fit", "partial_fit"])
def test_shapes_must_stay(change, message, method, iris):
    net = net_of(warm_start=True, max_iter=2).fit(*iris).set_params(**change)
    with pytest.raises(ValueError, match=message):
        getattr(net, method)(*iris)


def test_warm_start_keeps_the_classes(iris):
    X, y = iris
    net = net_of(warm_start=True, max_iter=2).fit(X, y)
    for rows, labels in ((slice(100), y[:100]), (slice(None), y + 1)):
        words = f"Previously got [0 1 2], `y` has {np.unique(labels)}"
        with pytest.raises(ValueError, match=re.escape(words)):
            net.fit(X[rows], labels)
    assert_array_equal(net.fit(X, y).classes_, [0, 1, 2])
    with pytest.raises(ValueError, match="X has 2 features"):
        net.fit(X[:, :2], y)


# Ctrl-C


@parametrize("solver", SOLVERS)
@parametrize("early_stopping", [False, True])
@parametrize("n_calls", [1, 2, 20])
def test_an_interrupted_fit_is_fitted_and_reraises_the_interrupt(solver, early_stopping, n_calls, iris, monkeypatch):
    X, y = iris
    net = net_of(solver=solver, early_stopping=early_stopping, batch_size=150)
    validation = {"X_val": X[::2], "y_val": y[::2]} if early_stopping else {}
    interrupt_after(monkeypatch, n_calls)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, **validation)
    assert np.isfinite(net.predict_proba(X)).all()
    assert len(net.loss_curve_) == max(1, net.n_iter_)
    if early_stopping and net.n_iter_:
        assert -log_loss(y[::2], net.predict_proba(X[::2])) == pytest.approx(max(net.validation_scores_))
    if n_calls == 20:
        assert net.n_iter_ >= 5
        assert network_at_start(net, X, y).objective() > net.loss_


def n_evaluations(monkeypatch, net, X, y):
    with monkeypatch.context() as patch:
        calls, original = [], Network.loss_and_gradient
        patch.setattr(Network, "loss_and_gradient", lambda *args: calls.append(None) or original(*args))
        net.fit(X, y)
    return len(calls)


def check_best_weights(net, X, y):
    """Check that the objective of the net is at most the smallest reported loss, to the rounding of the dtype."""
    assert fitted_network(net, X, y).objective() <= net.best_loss_ * (1 + 16 * np.finfo(X.dtype).eps)


@parametrize("dtype", [np.float32, np.float64])
@parametrize("activation", NAMES)
def test_an_interrupted_lbfgs_returns_its_best_weights(activation, dtype, iris, monkeypatch):
    """Also in a line search, whose points may be far worse."""
    X, y = iris[0].astype(dtype), iris[1]
    net = net_of(activation=activation, solver="lbfgs", alpha=0.01, max_iter=15)
    for n_calls in range(1, n_evaluations(monkeypatch, net, X, y) + 1):
        with monkeypatch.context() as patch:
            interrupt_after(patch, n_calls)
            with pytest.raises(KeyboardInterrupt):
                net.fit(X, y)
        check_best_weights(net, X, y)


def test_lbfgs_returns_its_best_weights_if_float64_is_interrupted(iris, monkeypatch):
    X, y = iris[0].astype(np.float32), iris[1]
    net = net_of(activation="tanh", solver="lbfgs", alpha=0.01, max_iter=500, tol=1e-9)
    with monkeypatch.context() as patch:
        patch.setattr(Network, "astype", lambda *args: interrupt(args))
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, y)
    in_float32, n = net.n_iter_, n_evaluations(monkeypatch, net, X, y)
    assert in_float32 + 20 < n
    for n_calls in range(in_float32, n + 1, 7):
        with monkeypatch.context() as patch:
            interrupt_after(patch, n_calls)
            with pytest.raises(KeyboardInterrupt):
                net.fit(X, y)
        check_best_weights(net, X, y)


@parametrize("solver", SOLVERS)
@parametrize("n_calls", range(1, 9))
def test_the_best_score_belongs_to_the_weights_if_a_report_is_interrupted(solver, n_calls, iris, monkeypatch):
    calls = []

    def interrupting(self, line):
        calls.append(line)
        if len(calls) == n_calls:
            raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "print", interrupting)
    net = net_of(solver=solver, early_stopping=True, max_iter=10)
    with pytest.raises(KeyboardInterrupt):
        net.fit(*iris, X_val=iris[0], y_val=iris[1])
    assert -log_loss(iris[1], net.predict_proba(iris[0])) == pytest.approx(net.best_validation_score_)


def test_interruption_ends_a_grid_search(iris, monkeypatch):
    interrupt_after(monkeypatch, 50)
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(net_of(max_iter=5), {"alpha": [0.1, 1, 10]}, cv=3).fit(*iris)


def test_an_interrupted_partial_fit_keeps_its_moments(iris, monkeypatch):
    net = net_of(solver="adam").partial_fit(*iris, classes=[0, 1, 2])
    interrupt_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        net.partial_fit(*iris)
    assert "Adam" in net._state["rule"]
    assert net._state["moments"]["m"].any()


def test_best_weights_after_an_interruption(iris, monkeypatch):
    """The rate was just raised far too high; the earlier weights are restored."""
    X, y = iris
    net = net_of(solver="gd", max_iter=100, warm_start=True, learning_rate_init=0.1).fit(X, y)
    loss = net.loss_
    interrupt_after(monkeypatch, 5)
    with pytest.raises(KeyboardInterrupt):
        net.set_params(learning_rate_init=1e3).fit(X, y)
    assert fitted_network(net, X, y).objective() <= loss


class Interrupting:
    """A scorer that raises KeyboardInterrupt."""

    def __call__(self, estimator, X, y):
        raise KeyboardInterrupt


def interrupt(_):
    raise KeyboardInterrupt


def test_interrupted_before_the_first_step(iris):
    X, y = iris
    net = net_of(max_iter=3).fit(X, y)
    before = pickle.dumps(net)
    with pytest.raises(KeyboardInterrupt):
        net.set_params(activation=(interrupt, interrupt)).fit(X[:, :2], y)
    assert pickle.dumps(net.set_params(activation="relu")) == before
    with pytest.raises(KeyboardInterrupt):
        net.set_params(early_stopping=True, scoring=Interrupting()).fit(X, y)
    assert net.n_iter_ == 0
    net.predict(X)


def test_interrupted_while_alpha_is_chosen(iris, monkeypatch):
    net = net_of(alpha="auto")
    interrupt_after(monkeypatch, 20)
    with pytest.raises(KeyboardInterrupt):
        net.fit(*iris)
    assert not hasattr(net, "coefs_")


def test_a_warm_start_chooses_alpha_if_it_was_given_before(iris):
    """The nets of the choice start from initial weights, as in a first fit."""
    X, y = iris
    chosen = net_of(alpha="auto", max_iter=1).fit(X, y)
    net = net_of(alpha=0.5, max_iter=1, warm_start=True).fit(X, y).set_params(alpha="auto").fit(X, y)
    assert net.alpha_scores_ == chosen.alpha_scores_
    assert net.alpha_ == chosen.alpha_
    assert net.fit(X[::2], y[::2]).alpha_scores_ == chosen.alpha_scores_  # kept


@parametrize("rate", [0.001, 0.3])
@parametrize("solver", ["sgd", "adam"])
def test_equal_also_where_the_loss_rises_first(rate, solver, iris):
    X, y = iris
    kwargs = {"solver": solver, "learning_rate_init": rate, "batch_size": "auto"}
    whole = net_of(max_iter=5, **kwargs).fit(X, y)
    warm, partial = net_of(max_iter=1, warm_start=True, **kwargs), net_of(**kwargs)
    for _ in range(5):
        warm.fit(X, y)
        partial.partial_fit(X, y, classes=[0, 1, 2])
    assert values_equal(weights(warm), weights(whole))
    assert values_equal(weights(partial), weights(whole))


@parametrize("schedule", ["cosine", "one_cycle"])
def test_a_schedule_with_an_end_starts_again(schedule, iris):
    """Every fit runs the whole schedule."""
    net = net_of(max_iter=5, warm_start=True, learning_rate=schedule).fit(*iris)
    assert net._state["clock"].progress == pytest.approx(1)
    assert net.fit(*iris)._state["clock"].progress == pytest.approx(1)


def test_patience_starts_again_with_every_fit(iris):
    """The fit stops after five epochs: a first one, three allowed without improvement, and one more."""
    net = net_of(max_iter=500, warm_start=True, tol=10, n_iter_no_change=3)
    for _ in range(6):
        net.partial_fit(*iris, classes=[0, 1, 2])
    assert net.fit(*iris).n_iter_ == 5
    assert net.fit(*iris).n_iter_ == 5


class Remembering(SGD):
    """An update rule with the same names and shapes of moments as momentum."""

    def start(self, theta):
        return {"v": np.ones_like(theta)}

    def update(self, theta, grad, moments, learning_rate, t):
        assert (moments["v"] > 0).all()
        theta -= learning_rate * grad


class Slowing(GradientDescent):
    """An update rule whose only state is the number of its steps."""

    full_batch = False

    def update(self, theta, grad, moments, learning_rate, t):
        theta -= learning_rate / t * grad


def test_a_rule_without_memory_goes_on_counting(iris, quiet):
    parts, whole = net_of(solver=Slowing()), net_of(solver=Slowing(), max_iter=3).fit(*iris)
    for _ in range(3):
        parts.partial_fit(*iris, classes=[0, 1, 2])
    assert values_equal(parts.coefs_, whole.coefs_)


@parametrize("call", ["fit", "partial_fit"])
@parametrize(
    ("first", "second", "is_new"),
    [
        (Adam(), Adam(beta_1=0.5), True),
        (Adam(), Adam(beta_2=0.9), True),
        (Adam(), Adam(epsilon=1e-4), False),
        (Adam(), Adam(np.float64(0.9)), False),
        (SGD(), SGD(momentum=0.5), False),
    ],
    ids=repr,
)
def test_moments_start_again_where_an_option_changes_their_meaning(call, first, second, is_new, iris, quiet):
    """A net with the same weights and no moments then continues in the same way."""
    net = net_of(solver=first, shuffle=False, max_iter=2, warm_start=True).fit(*iris)
    fresh = clone(net).fit(*iris)
    fresh._state |= {"moments": second.start(np.zeros(0)), "rule": "", "steps": 0}
    continued = [weights(getattr(one.set_params(solver=second), call)(*iris)) for one in (net, fresh)]
    assert values_equal(*continued) == is_new


def test_another_rule_begins_with_a_memory_of_its_own(iris):
    net = net_of(solver="sgd").partial_fit(*iris, classes=[0, 1, 2])
    net.set_params(solver=Remembering()).partial_fit(*iris)


def test_another_dtype_keeps_the_memory(iris):
    X, y = iris
    net = net_of(max_iter=3, warm_start=True).fit(X.astype(np.float32), y).fit(X, y)
    assert net.coefs_[0].dtype == net._state["moments"]["m"].dtype == np.float64
    assert net._state["steps"] == 2 * 3 * 5


def test_patience_of_a_score_is_not_that_of_the_loss(iris):
    """After early stopping by accuracy, partial_fit does not report a plateau."""
    X, y = iris
    net = net_of(solver="sgd", learning_rate="adaptive", warm_start=True, max_iter=3, tol=0, n_iter_no_change=1)
    net.set_params(early_stopping=True, scoring="accuracy").fit(X, y).set_params(early_stopping=False)
    plateaus = net._state["clock"].plateaus
    for _ in range(4):
        net.partial_fit(X, y)
    assert np.all(np.diff(net.loss_curve_[-4:]) < 0)
    assert net._state["clock"].plateaus == plateaus


def test_an_interrupted_divergence_does_not_warn_of_numpy(iris, monkeypatch):
    interrupt_after(monkeypatch, 25)
    net = net_of(activation="identity", solver=SGD(), learning_rate_init=50, batch_size=10)
    with pytest.raises(KeyboardInterrupt):
        net.fit(*iris)
    assert all(np.isfinite(array).all() for array in weights(net))
