import numpy as np
import pytest
from helpers import NAMES, fitted_network, plan_of, random_network
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize
from scipy.special import expit
from sklearn.neural_network import MLPClassifier

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit import minimize as minimization
from sk_shallow._fit.minimize import Limit, minimize
from sk_shallow._fit.monitor import Monitor
from sk_shallow._fit.state import TrainingState
from sk_shallow._model import network as model
from sk_shallow._model.network import Network
from sk_shallow.activations import ACTIVATIONS
from sk_shallow.schedules import SCHEDULES, Adaptive, Clock, Constant, OneCycle
from sk_shallow.solvers import LBFGS, SGD, SOLVERS, Adam, FirstOrderSolver, GradientDescent

parametrize = pytest.mark.parametrize
FIRST_ORDER = [name for name, solver in SOLVERS.items() if issubclass(solver, FirstOrderSolver)]


def state():
    return TrainingState(0, np.random.default_rng(0))


def descend(solver, gradient, start, learning_rate, n_steps):
    theta = np.array(start, dtype=float)
    moments = solver.start(theta)
    for t in range(1, n_steps + 1):
        solver.update(theta, gradient(theta), moments, learning_rate, t)
    return theta


# Properties, of every solver in the table


@parametrize("name", FIRST_ORDER)
def test_reaches_the_minimum_of_a_parabola(name):
    scales = np.array([1.0, 0.3])
    theta = descend(SOLVERS[name](), lambda theta: scales * (theta - 3), [0, 10], 0.05, 2000)
    assert_allclose(theta, 3, atol=1e-3)


@parametrize("name", FIRST_ORDER)
@parametrize("dtype", [np.float32, np.float64])
def test_keeps_dtype(name, dtype):
    solver, theta, grad = SOLVERS[name](), np.ones(3, dtype=dtype), np.ones(3, dtype=dtype)
    moments = solver.start(theta)
    before = theta
    solver.update(theta, grad, moments, 0.1, 1)
    assert theta is before
    assert theta.dtype == dtype
    assert all(moment.dtype == dtype for moment in moments.values())


@parametrize("name", FIRST_ORDER)
def test_rules_are_elementwise(name, digits, quiet, monkeypatch):
    """Updating the parameters in blocks of 100 gives the same result as all at once."""
    net = ShallowNetClassifier(20, solver=name, max_iter=3, random_state=0)
    whole = net.fit(*digits).coefs_
    monkeypatch.setattr(model, "BLOCK_NUMBERS", 100)
    for one, other in zip(whole, net.fit(*digits).coefs_, strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@parametrize("solver", SOLVERS)
@parametrize("dtype", [np.float32, np.float64])
def test_works_in_the_dtype_of_the_data(solver, dtype, iris, quiet, monkeypatch):
    X, y = iris[0].astype(dtype), iris[1]
    seen, original = [], Network.loss_and_gradient

    def spy(self, *args, **kwargs):
        seen.append(self.X)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Network, "loss_and_gradient", spy)
    ShallowNetClassifier(5, solver=solver, max_iter=2, alpha=0.1).fit(X, y)
    if SOLVERS[solver].full_batch:
        assert len({id(data) for data in seen}) == 1  # it is copied once, when rows are merged
        assert seen[0].dtype == dtype
    else:
        assert all(data is X for data in seen)  # it is not copied


@parametrize("solver", SOLVERS)
@parametrize("activation", NAMES)
@parametrize("dtype", [np.float32, np.float64])
def test_learns_iris(solver, activation, dtype, iris, quiet):
    X, y = iris[0].astype(dtype), iris[1]
    rate = 0.3 if solver == "gd" else 0.03
    net = ShallowNetClassifier(
        20, activation, solver=solver, learning_rate_init=rate, batch_size=50, max_iter=150, random_state=0
    ).fit(X, y)
    assert net.score(X, y) > 0.9
    assert all(array.dtype == dtype for array in net.coefs_ + net.intercepts_)
    for method in (net.predict_proba, net.predict_log_proba, net.decision_function):
        assert method(X).dtype == dtype
    assert len(net.loss_curve_) == net.n_iter_
    assert net.loss_curve_[-1] < net.loss_curve_[0]


@parametrize("solver", SOLVERS)
@parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_same_seed_same_net(solver, kind, problems, quiet):
    X, y = problems[kind]
    dropout = 0.0 if solver == "lbfgs" else 0.2
    nets = [
        ShallowNetClassifier(8, solver=solver, dropout=dropout, max_iter=20, random_state=seed).fit(X, y)
        for seed in (0, 0, 1)
    ]
    assert_array_equal(nets[0].coefs_[0], nets[1].coefs_[0])
    assert nets[0].loss_curve_ == nets[1].loss_curve_
    assert not np.array_equal(nets[0].coefs_[0], nets[2].coefs_[0])


@parametrize("solver", SOLVERS)
def test_verbose_prints_an_epoch_a_line(solver, iris, quiet, capsys):
    net = ShallowNetClassifier(
        solver=solver, max_iter=3, alpha=0.1, verbose=1, early_stopping=True, random_state=0
    ).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Iteration 1, loss = {net.loss_curve_[0]:.8f}"
    assert lines[1] == f"Validation score: {net.validation_scores_[0]:.6f}"
    assert len(lines) == 6
    ShallowNetClassifier(solver=solver, max_iter=3).fit(*iris)
    assert capsys.readouterr().out == ""


# Reference values


def test_first_three_adam_steps():
    """Compare with algorithm 1 of Kingma and Ba, computed with scalars."""
    gradients, alpha, beta_1, beta_2, epsilon = [0.5, -1.0, 2.0], 0.1, 0.9, 0.999, 1e-8
    theta, m, v, expected = 1.0, 0.0, 0.0, []
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        theta -= alpha * m_hat / (v_hat**0.5 + epsilon)
        expected.append(theta)
    solver, weights, got = Adam(), np.array([1.0]), []
    moments = solver.start(weights)
    for t, g in enumerate(gradients, start=1):
        solver.update(weights, np.array([g]), moments, alpha, t)
        got.append(weights[0])
    assert_allclose(got, expected, rtol=1e-12)


@parametrize("dtype", [np.float32, np.float64])
@parametrize("beta_1", [0.0, 0.9, 0.99])
@parametrize("beta_2", [0.0, 0.95, "auto"])
def test_adam_is_the_papers(beta_1, beta_2, dtype):
    """A thousand steps, with gradients of all sizes from 1e-6 to 1e6, compared with algorithm 1 in float64."""
    rng, solver = np.random.default_rng(0), Adam(beta_1, beta_2)
    beta_2 = 0.999 if beta_2 == "auto" else beta_2
    theta = np.zeros(13, dtype=dtype)
    expected, m, v, moments = np.zeros(13), np.zeros(13), np.zeros(13), solver.start(theta)
    for t in range(1, 1001):
        g = (rng.standard_normal(13) * np.logspace(-6, 6, 13)).astype(dtype)
        solver.update(theta, g.copy(), moments, 0.01, t)
        g = g.astype(np.float64)
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        expected -= 0.01 * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + 1e-8)
    assert_allclose(theta, expected, rtol=1e-4 if dtype == np.float32 else 1e-10, atol=1e-4 * (dtype == np.float32))


@parametrize("nesterov", [False, True])
def test_first_two_sgd_steps(nesterov):
    # v = -0.1 * 1, then 0.9 * v - 0.1 * 2; with Nesterov, theta moves by 0.9 v - 0.1 g
    expected = 1 - 0.1 - 0.29 if not nesterov else 1 - 0.19 - (0.9 * 0.29 + 0.2)
    theta = np.array([1.0])
    solver = SGD(nesterov=nesterov)
    moments = solver.start(theta)
    for t, g in enumerate([1.0, 2.0], start=1):
        solver.update(theta, np.array([g]), moments, 0.1, t)
    assert theta[0] == pytest.approx(expected)


def test_one_step_of_gradient_descent_by_hand(quiet):
    """Two rows, three features, two sigmoid units and one logit, computed with scalars."""
    X, y = np.array([[1.0, 0, 2], [0, 1, -1]]), np.array([0, 1])
    W1, W2 = [[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]], [[0.7], [-0.8]]
    rate, alpha = 0.5, 0.1  # for the mean loss of two rows
    net = ShallowNetClassifier(
        2, "sigmoid", init=(W1, W2), solver="gd", learning_rate_init=rate, alpha=2 * alpha, max_iter=1
    ).fit(X, y)

    # z = x W1: (0.1 - 1.0, -0.2 + 1.2) and (0.3 + 0.5, 0.4 - 0.6)
    a = [[expit(-0.9), expit(1.0)], [expit(0.8), expit(-0.2)]]
    p = [expit(0.7 * a[0][0] - 0.8 * a[0][1]), expit(0.7 * a[1][0] - 0.8 * a[1][1])]
    d = [p[0] / 2, (p[1] - 1) / 2]
    dW2 = [a[0][k] * d[0] + a[1][k] * d[1] + alpha * W2[k][0] for k in range(2)]
    dz = [[d[i] * W2[k][0] * a[i][k] * (1 - a[i][k]) for k in range(2)] for i in range(2)]
    dW1 = [
        [1 * dz[0][k] + 0 * dz[1][k] + alpha * W1[0][k] for k in range(2)],
        [0 * dz[0][k] + 1 * dz[1][k] + alpha * W1[1][k] for k in range(2)],
        [2 * dz[0][k] - 1 * dz[1][k] + alpha * W1[2][k] for k in range(2)],
    ]
    assert_allclose(net.coefs_[0], np.array(W1) - rate * np.array(dW1), rtol=1e-12)
    assert_allclose(net.intercepts_[0], [-rate * (dz[0][k] + dz[1][k]) for k in range(2)], rtol=1e-12)
    assert_allclose(net.coefs_[1][:, 0], [W2[k][0] - rate * dW2[k] for k in range(2)], rtol=1e-12)
    assert_allclose(net.intercepts_[1], [-rate * (d[0] + d[1])], rtol=1e-12)
    penalty = alpha / 2 * (sum(w * w for row in W1 for w in row) + 0.7**2 + 0.8**2)
    assert net.loss_ == pytest.approx(-(np.log(1 - p[0]) + np.log(p[1])) / 2 + penalty)


def test_gradient_descent_step():
    assert_allclose(descend(GradientDescent(), lambda theta: theta.copy(), [1.0], 0.1, 2), [0.81])


# Batches


def seen_rows(monkeypatch, net, X, y):
    """Return the rows of every call of loss_and_gradient."""
    seen, original = [], Network.loss_and_gradient

    def spy(self, rows=slice(None), rng=None):
        seen.append(np.arange(self.n_samples)[rows])
        return original(self, rows, rng)

    monkeypatch.setattr(Network, "loss_and_gradient", spy)
    net.fit(X, y)
    return seen


@parametrize("shuffle", [True, False])
def test_an_epoch_sees_every_row_once(shuffle, iris, monkeypatch, quiet):
    net = ShallowNetClassifier(3, batch_size=40, shuffle=shuffle, max_iter=2, alpha=0.1, random_state=0)
    seen = seen_rows(monkeypatch, net, *iris)
    assert [len(rows) for rows in seen] == 2 * [40, 40, 40, 30]
    for epoch in (seen[:4], seen[4:]):
        assert sorted(np.concatenate(epoch)) == list(range(150))
    assert (np.concatenate(seen[:4]) == np.arange(150)).all() != shuffle
    assert (np.concatenate(seen[:4]) == np.concatenate(seen[4:])).all() != shuffle


@parametrize("solver", FIRST_ORDER)
def test_loss_curve_is_the_mean_loss_plus_the_penalty_at_the_beginning(solver, iris, monkeypatch, quiet):
    """The value of the penalty is computed once an epoch."""
    losses, penalties = [], []
    evaluate, penalty = Network.loss_and_gradient, Network.penalty
    monkeypatch.setattr(Network, "loss_and_gradient", lambda *args: losses.append(evaluate(*args)) or losses[-1])
    monkeypatch.setattr(Network, "penalty", lambda self: penalties.append(penalty(self)) or penalties[-1])
    net = ShallowNetClassifier(9, solver=solver, batch_size=30, max_iter=3, alpha=1.0, learning_rate_init=0.01).fit(
        *iris
    )
    assert_allclose(net.loss_curve_, np.mean(np.reshape(losses, (3, -1)), axis=1) + penalties[:3])
    assert len(penalties) == 3


@parametrize(("solver", "n_calls"), [("gd", 5), ("adam", 5 * 15)])
def test_no_evaluation_is_wasted(solver, n_calls, iris, monkeypatch, quiet):
    net = ShallowNetClassifier(3, solver=solver, batch_size=10, max_iter=5, alpha=0.1, random_state=0)
    assert len(seen_rows(monkeypatch, net, *iris)) == n_calls


@parametrize("schedule", ["auto", "constant"])
def test_auto_batch_size(schedule, iris, monkeypatch, quiet):
    X, y = np.tile(iris[0], (14, 1)), np.tile(iris[1], 14)
    net = ShallowNetClassifier(3, learning_rate=schedule, max_iter=1, alpha=0.1, random_state=0)
    seen = seen_rows(monkeypatch, net, X, y)
    assert [len(rows) for rows in seen] == 25 * [84]


# L-BFGS


def test_lbfgs_converges_to_a_stationary_point(iris):
    net = ShallowNetClassifier(5, "tanh", solver="lbfgs", alpha=0.1, tol=1e-6, max_iter=500, random_state=0).fit(*iris)
    assert net.n_iter_ < 500
    network = fitted_network(net, *iris)
    assert net.loss_ == pytest.approx(network.value_and_gradient())
    assert np.abs(network.gradient.theta).max() <= 1e-6
    assert (np.diff(net.loss_curve_) <= 0).all()


@parametrize("limit", ["max_iter", "max_fun"])
def test_limits_of_lbfgs_hold_where_it_goes_on_in_float64(limit, monkeypatch):
    results, original = [], minimization._run_lbfgs
    monkeypatch.setattr(minimization, "_run_lbfgs", lambda *args: results.append(original(*args)) or results[-1])

    def run(max_iter=10**4, max_fun=15000):
        results.clear()
        network = random_network(ACTIVATIONS["tanh"](), dtype=np.float32, alpha=0.1)
        plan = plan_of(solver=LBFGS(max_fun=max_fun), max_iter=max_iter, tol=1e-9, n_iter_no_change=np.inf)
        return minimize(network, plan, state(), Monitor(network.parameters, plan))

    run()
    assert len(results) == 2
    n = int(results[0].nit if limit == "max_iter" else results[0].nfev) + 3
    assert run(**{limit: n}) is {"max_iter": Limit.MAX_ITER, "max_fun": Limit.MAX_FUN}[limit]
    assert len(results) == 2


def test_lbfgs_history_and_max_fun(iris):
    with pytest.warns(match=r"while it was still improving \(max_fun=7\)"):
        ShallowNetClassifier(5, solver=LBFGS(max_fun=7), random_state=0).fit(*iris)
    nets = [
        ShallowNetClassifier(5, "tanh", solver=LBFGS(history=h), alpha=0.1, random_state=0).fit(*iris) for h in (1, 20)
    ]
    assert nets[0].n_iter_ > nets[1].n_iter_


def test_lbfgs_that_starts_at_the_minimum():
    X, y = np.eye(4), [0, 0, 1, 1]
    with pytest.warns(match="init_scale=0"), pytest.warns(match="learned almost nothing"):
        net = ShallowNetClassifier(3, solver="lbfgs", init_scale=0).fit(X, y)
    assert net.n_iter_ == 1
    assert net.loss_ == pytest.approx(np.log(2))


def test_unused_parameters_mean_nothing_to_lbfgs(iris):
    kwargs = {"solver": "lbfgs", "alpha": 0.1, "activation": "tanh", "random_state": 0}
    net = ShallowNetClassifier(5, **kwargs).fit(*iris)
    other = ShallowNetClassifier(
        5, **kwargs, learning_rate="cosine", learning_rate_init=9, batch_size=7, shuffle=False
    ).fit(*iris)
    assert_array_equal(net.coefs_[0], other.coefs_[0])


def test_scipy_keeps_what_it_is_given(iris, monkeypatch, quiet):
    """Later evaluations must not change the vectors that SciPy passed or the gradients that it received."""
    seen, original = [], optimize.minimize

    def watched(fun, x0, **kwargs):
        (_, grad), x = fun(x0), x0 + 1
        kept, given = grad.copy(), x.copy()
        fun(x)
        seen.append((grad, kept, x, given))
        return original(fun, x0, **kwargs)

    monkeypatch.setattr(optimize, "minimize", watched)
    ShallowNetClassifier(5, solver="lbfgs", max_iter=3, random_state=0).fit(*iris)
    for grad, kept, x, given in seen:
        assert_array_equal(grad, kept)
        assert_array_equal(x, given)
    assert len(seen) == 1


# Schedules


def rates(schedule, n_steps, **clock):
    return [schedule.rate(0.1, Clock(progress=step / n_steps, **clock)) for step in range(n_steps)]


@parametrize("name", SCHEDULES)
def test_rate_is_positive_and_at_most_the_initial_one(name):
    assert all(0 < rate <= 0.1 for rate in rates(SCHEDULES[name](), 100, epochs=50, plateaus=2))


def test_schedules_by_formula():
    clock = Clock(epochs=99, progress=0.25, plateaus=3)
    assert Constant().rate(0.1, clock) == 0.1
    assert SCHEDULES["invscaling"]().rate(0.1, clock) == pytest.approx(0.01)
    assert Adaptive().rate(0.1, clock) == pytest.approx(0.1 / 125)
    assert SCHEDULES["cosine"]().rate(0.1, clock) == pytest.approx(0.05 * (1 + np.cos(np.pi / 4)))


def test_one_cycle_goes_up_and_down():
    curve = np.array(rates(OneCycle(), 1000))
    assert curve[0] == pytest.approx(0.004)
    assert curve.argmax() == 300
    assert curve.max() == pytest.approx(0.1)
    assert curve[-1] < 1e-6
    assert (np.diff(curve[:300]) > 0).all()
    assert (np.diff(curve[300:]) < 0).all()


@parametrize("name", SCHEDULES)
@parametrize("solver", FIRST_ORDER)
def test_every_schedule_with_every_solver(name, solver, iris, quiet):
    net = ShallowNetClassifier(
        10, solver=solver, learning_rate=name, learning_rate_init=0.1, max_iter=60, batch_size=20, random_state=0
    ).fit(*iris)
    assert net.loss_curve_[-1] < net.loss_curve_[0]


@parametrize("name", ["cosine", "one_cycle"])
def test_a_schedule_that_ends_at_zero_does_not_warn(name, iris):
    net = ShallowNetClassifier(10, learning_rate=name, learning_rate_init=0.03, max_iter=60, random_state=0)
    assert net.fit(*iris).n_iter_ == 60
    assert net.loss_ < 0.5


def test_adaptive_divides_the_rate_at_plateaus(iris):
    X, y = iris
    net = ShallowNetClassifier(
        5, solver="sgd", learning_rate=Adaptive(minimum=0.01), learning_rate_init=1.0, tol=0.01, n_iter_no_change=2,
        max_iter=500, random_state=0,
    )  # fmt: skip
    net.fit(X, y)
    state = net.set_params(warm_start=True).fit(X, y)._state
    assert state["clock"].plateaus == 3  # 1, 1/5, 1/25, 1/125 <= 0.01


def test_invscaling_counts_epochs():
    """MLPClassifier counts rows. Here the second epoch has 0.7 of the rate for any number of rows."""
    network = random_network(ACTIVATIONS["tanh"](), m=60)
    seen = []
    spy = type("Spy", (SGD,), {"update": lambda self, *args: seen.append(args[3])})
    plan = plan_of(solver=spy(), schedule=SCHEDULES["invscaling"](), batch_size=20, max_iter=3)
    minimize(network, plan, state(), Monitor(network.parameters, plan))
    assert_allclose(seen, np.repeat(0.1 / np.sqrt([1, 2, 3]), 3))


@parametrize("solver", ["sgd", "adam"])
def test_trajectory_is_mlpclassifiers(solver, iris, quiet):
    """Twenty epochs in mini-batches from the same start, with the same order of rows and no penalty."""
    X, y = iris
    kwargs = {
        "activation": "tanh", "solver": solver, "learning_rate": "constant", "learning_rate_init": 0.05, "alpha": 0,
        "shuffle": False, "batch_size": 50, "random_state": 0,
    }  # fmt: skip
    mlp = MLPClassifier(6, max_iter=1, **kwargs).fit(X, y)
    net = ShallowNetClassifier(6, max_iter=20, **kwargs)
    net.set_params(init=[W.copy() for W in mlp.coefs_])
    for array in mlp.intercepts_:
        array[:] = 0
    del mlp._optimizer
    mlp.t_ = 0
    for _ in range(20):
        mlp.partial_fit(X, y)
    net.fit(X, y)
    # MLPClassifier's formula of Adam has epsilon in another place.
    assert_allclose(net.coefs_[0], mlp.coefs_[0], rtol=1e-9 if solver == "sgd" else 1e-4)
    assert_allclose(net.intercepts_[1], mlp.intercepts_[1], rtol=1e-9 if solver == "sgd" else 1e-4)
