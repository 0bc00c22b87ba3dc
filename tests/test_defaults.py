"""The rules behind "auto" and None, the rows they use, and the attributes that show their values."""

import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from helpers import NAMES, fitted_network, plan_of, values_equal
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit import alpha
from sk_shallow._fit import plan as rules
from sk_shallow._fit.monitor import Monitor
from sk_shallow._fit.set_up import SmallAlphaWarning
from sk_shallow.activations import ACTIVATIONS, Activation
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.schedules import OneCycle
from sk_shallow.solvers import LBFGS, SGD, Adam, FirstOrderSolver, GradientDescent

parametrize = pytest.mark.parametrize


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 5, "random_state": 0, **kwargs})


def generated(m, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n_features)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int)


@parametrize("activation", NAMES)
@parametrize("kwargs", [{}, {"solver": "sgd"}, {"max_iter": 500}, {"warm_start": True}, {"early_stopping": True}])
def test_a_planned_fit_does_not_warn(activation, kwargs, problems):
    for X, y in problems.values():
        net = ShallowNetClassifier(activation=activation, random_state=0, **kwargs).fit(X, y)  # a warning is an error
        network = fitted_network(net, X, y)
        assert network.loss() < 0.9 * network.loss_of_constant()


def test_partial_fit_keeps_a_constant_rate(iris):
    net = net_of().partial_fit(*iris, classes=[0, 1, 2])
    assert (net.solver_, net.learning_rate_init_, net.batch_size_) == ("adam", 0.0015, 32)


@parametrize(("m", "rows"), [(20, 20), (600, 32), (6000, 240), (60_000, 512)])
def test_batches_are_4_percent(m, rows):
    assert min(m, rules.batch_size_rule(m)) == rows


CONSTANT = {"learning_rate": "constant", "learning_rate_init": 0.0015}

PARAMETERS = {
    "max_iter": 7, "learning_rate": "constant", "learning_rate_init": 0.5, "batch_size": 77, "alpha": 3.0,
    "dropout": 0.25, "warm_start": True, "tol": 0.1, "activation": "gelu", "init_scale": 2.0, "hidden_size": 7,
}  # fmt: skip


@parametrize("name", PARAMETERS)
def test_a_parameter_does_not_change_what_others_mean(name, quiet):
    """Two documented exceptions: if the rate is given or a schedule is named, fit works as in MLPClassifier."""
    X, y = generated(2500, 3)
    used = ["alpha_", "solver_", "batch_size_", "learning_rate_init_"]
    free = {"alpha": ["alpha_"], "batch_size": ["batch_size_"]}.get(name, [])
    free = [*free, "learning_rate_init_"] if name.startswith("learning_rate") else free
    # These parameters may change the choice of alpha, because it uses them.
    free = [*free, "alpha_"] if name in ("dropout", "activation", "init_scale", "hidden_size") else free
    plain, changed = net_of().fit(X, y), net_of(**{name: PARAMETERS[name]}).fit(X, y)
    for attribute in set(used) - set(free):
        assert getattr(plain, attribute) == getattr(changed, attribute), attribute
    if not name.startswith("learning_rate") and name != "max_iter":
        first = 15  # epochs; how many rounds follow depends on what the net learns
        assert {plain.n_iter_, changed.n_iter_} <= {3 * first, 7 * first, 200}


@parametrize(
    ("first", "max_iter", "lengths"),
    [(15, 200, [15, 30, 60, 95]), (15, 105, [15, 30, 60]), (15, 10, [10]), (60, 1, [1]), (0, 70, [70])],
)
def test_rounds_double_up_to_max_iter(first, max_iter, lengths):
    rounds = list(plan_of(first_round=first, max_iter=max_iter).rounds())
    assert [length for length, _ in rounds] == lengths
    whole = [first * 2**i if first else max_iter for i in range(len(lengths))]
    assert [is_whole for _, is_whole in rounds] == [length == n for length, n in zip(lengths, whole, strict=True)]


@parametrize("solver", ["adam", "sgd"])
def test_the_first_round_has_15_epochs_and_120_steps(solver, quiet):
    for m, first in ((40, 60), (20, 120), (320, 15)):  # batches of 32
        fits = [net_of(solver=solver, max_iter=n).fit(*generated(m, 3)) for n in (first, 3 * first)]
        assert [net.n_iter_ for net in fits] == [first, 3 * first]
        alone = net_of(solver=solver, learning_rate="one_cycle", max_iter=first).fit(*generated(m, 3))
        assert_allclose(fits[0].loss_curve_, alone.loss_curve_)  # a round is one cycle


@parametrize("solver", ["adam", "sgd"])
@parametrize("activation", ["relu", "tanh"])
def test_rounds_end_at_a_plateau(solver, activation, digits):
    """A round gained less than 20 %, and all rounds before it gained more."""
    X, y, objectives = scale(digits[0]), digits[1], []
    with pytest.MonkeyPatch.context() as patch:
        original = Monitor.round_end
        patch.setattr(Monitor, "round_end", lambda self, J, whole: objectives.append(J) or original(self, J, whole))
        net = net_of(solver=solver, activation=activation, hidden_size=20, max_iter=1000).fit(X, y)
    assert net.stop_reason_ == "plateau"
    gains = 1 - np.array(objectives[1:]) / objectives[:-1]
    assert gains[-1] < 0.2
    assert (gains[:-1] >= 0.2).all()
    assert net.n_iter_ == 15 * (2 ** len(objectives) - 1)
    assert_allclose(replace(fitted_network(net, X, y), alpha=net.alpha_).objective(), min(objectives))


@parametrize("schedule", ["auto", "one_cycle"])
def test_patience_does_not_count_epochs_with_a_rising_rate(schedule, digits):
    """The rate rises for 30 % of 15 epochs, so epoch 5 is the first that counts, and 6, 7 and 8 bring nothing."""
    net = net_of(learning_rate=schedule, max_iter=15, early_stopping=True, scoring=lambda *_: 0.5, n_iter_no_change=2)
    assert net.fit(*digits).n_iter_ == 8


@parametrize("solver", ["adam", "sgd"])
def test_an_interrupt_in_a_later_round_returns_no_worse_weights_than_the_rounds_before(solver, digits, monkeypatch):
    X, y = scale(digits[0]), digits[1]
    kept, round_end, epoch_end = [], Monitor.round_end, Monitor.epoch_end

    def interrupted(self, *args):
        if self.objectives and len(self.losses) == 24:  # the rate is near its peak
            raise KeyboardInterrupt
        return epoch_end(self, *args)

    monkeypatch.setattr(Monitor, "round_end", lambda self, J, whole: kept.append(J) or round_end(self, J, whole))
    monkeypatch.setattr(Monitor, "epoch_end", interrupted)
    net = net_of(solver=solver, hidden_size=20, alpha=1.0)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y)
    assert fitted_network(net, X, y).objective() <= kept[0] * (1 + 1e-12)


def test_max_iter_is_a_limit(digits):
    X, y = scale(digits[0]), digits[1]
    nets = [net_of(hidden_size=20, max_iter=max_iter).fit(X, y) for max_iter in (200, 10_000)]
    assert nets[0].stop_reason_ == nets[1].stop_reason_ == "plateau"
    assert_array_equal(nets[0].coefs_[0], nets[1].coefs_[0])


def test_a_limit_that_ends_a_round_that_gained_is_told():
    X = np.array(list(product([-1.0, 1.0], repeat=7)))  # parity of three bits
    net = net_of(hidden_size=20, max_iter=40, alpha=0.01, batch_size=8)
    with pytest.warns(ConvergenceWarning, match=r"still improving \(max_iter=40\): the last round of epochs lowered"):
        net.fit(X, X[:, :3].prod(axis=1))
    assert net.stop_reason_ == "max_iter"


def test_a_limit_tells_the_scores_of_the_rounds():
    """The best score of the last round may be older than its last ten epochs."""
    rng, n_told = np.random.default_rng(0), 0
    X = rng.standard_normal((300, 4))
    y = X[:, 0] * X[:, 1] + 0.3 * rng.standard_normal(300) > 0
    for seed in range(30):
        net = net_of(early_stopping=True, scoring="accuracy", max_iter=30, alpha=0.1, random_state=seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            net.fit(X, y)
        before, after = max(net.validation_scores_[:15]), max(net.validation_scores_)  # the first round has 15 epochs
        change = f"the last round of epochs raised the best validation score from {before:.6g} to {after:.6g}."
        assert [change in str(warning.message) for warning in caught] == [True] * len(caught)
        n_told += len(caught)
    assert n_told >= 2


def test_a_warm_start_begins_again_with_the_first_round(digits, quiet):
    X, y = scale(digits[0]), digits[1]
    net = net_of(hidden_size=20, max_iter=15, warm_start=True, alpha=1.0).fit(X, y)
    rates = []
    with pytest.MonkeyPatch.context() as patch:
        original = OneCycle.rate
        patch.setattr(
            OneCycle, "rate", lambda self, rate, clock: rates.append(original(self, rate, clock)) or rates[-1]
        )
        net.fit(X, y)
    assert np.argmax(rates) / len(rates) == pytest.approx(0.3, abs=0.01)
    assert net.n_iter_ == 15


@parametrize("schedule", ["one_cycle", "cosine"])
def test_a_plateau_does_not_end_a_schedule_of_known_length(schedule, iris):
    net = net_of(learning_rate=schedule, tol=1e9, n_iter_no_change=1, max_iter=12).fit(*iris)
    assert net.n_iter_ == 12


def test_a_rate_or_a_schedule_asks_for_mlpclassifiers_way(iris):
    one, other = (net_of(max_iter=7, **{name: value}) for name, value in CONSTANT.items())
    for net in (one, other):
        with pytest.warns(match="max_iter=7"):
            net.fit(*iris)
    assert values_equal(one.coefs_, other.coefs_)
    for solver in ("lbfgs", LBFGS(), "gd"):
        with pytest.warns(match="max_iter=3"):
            net_of(solver=solver, max_iter=3).fit(*iris)


@parametrize(("kind", "expected"), [(Adam, [0.1, 0.1 / 8, 0.001]), (SGD, [0.5, 3 / 64, 0.01])])
def test_rates_fall_with_the_length_of_rows(kind, expected):
    assert_allclose([rules.default_rates(kind(), q)[1] for q in (0.0, 64.0, 1e9)], expected)


@parametrize(("curvature", "divisor"), [(1 / 16, 1), (1 / 4, 1), (1, 4), (100, 400)])
def test_rates_of_sgd_and_gd_fall_with_the_curvature(curvature, divisor):
    assert_allclose(rules.default_rates(SGD(), 64.0, curvature), [0.01 / divisor, 3 / 64 / (16 * curvature)])
    assert_allclose(rules.default_rates(GradientDescent(), 64.0, curvature), 0.1 / divisor)
    assert_allclose(rules.default_rates(Adam(), 64.0, curvature), [0.0015, 0.1 / 8])


@parametrize("curvature", [1 / 16, 1 / 4, 1, 100])
def test_rates_of_sgd_and_gd_stay_below_the_limit_of_the_output_weights(curvature):
    for solver, share in ((SGD(), 0.5), (GradientDescent(), 0.9)):
        expected = np.minimum(rules.default_rates(solver, 4.0, curvature), share * 2 / (curvature * 500))
        assert_allclose(rules.default_rates(solver, 4.0, curvature, q1=500.0), expected)
    assert_allclose(rules.default_rates(Adam(), 4.0, curvature, q1=500.0), rules.default_rates(Adam(), 4.0))


@parametrize("kind", [Adam, SGD, GradientDescent, FirstOrderSolver])
def test_the_rate_of_a_solver_of_your_own_is_used_unchanged(kind):
    class Own(kind):
        learning_rate_init = 0.02

        def start(self, theta):
            return {}

        def update(self, theta, grad, moments, learning_rate, t):
            pass

    assert rules.default_rates(Own(), 64.0, 100, 1e9) == (0.02, 0.02)


@parametrize("scaled", [1.0, 100.0])
def test_what_was_used_shows(scaled, iris, quiet):
    X, y = iris[0] * scaled, iris[1]
    net = net_of(solver="adam").fit(X, y)
    q = 4 * scaled**2
    assert_allclose(min(net.alpha_scores_), min(q, 100) / 10 * 150 / 250)
    assert_allclose(net.learning_rate_init_, max(0.001, min(0.1, 0.1 / q**0.5)))
    assert (net.solver_, net.batch_size_) == ("adam", 32)
    explicit = net_of(solver="adam", alpha=0.125, batch_size=7, learning_rate_init=0.25).fit(X, y)
    assert (explicit.alpha_, explicit.batch_size_, explicit.learning_rate_init_) == (0.125, 7, 0.25)
    assert net_of(solver=Adam(beta_1=0.8)).fit(X, y).solver_ == "adam"


def test_early_stopping_counts_the_rows_that_are_left(problems):
    X, y = problems["multiclass"]
    X = np.sign(X)  # all rows of length 2, with copies: the fraction is met as nearly as they allow
    net = net_of(early_stopping=True, validation_fraction=0.2).fit(X, y)
    m = net.n_samples_seen_
    assert abs(m - 120) <= 6
    strengths = np.array(list(net.alpha_scores_)) / (0.4 * m / (m + 100))
    assert np.isclose(strengths[:, np.newaxis], (100, *alpha.STRENGTHS)).any(axis=1).all()  # 100: copies


@parametrize("solver", ["lbfgs", "adam"])
def test_rules_see_a_repeated_row_as_one_of_weight_2(solver, quiet):
    X, y = generated(12, 3)
    X, w = X.astype(np.float64), np.array([1, 2, 3] * 4)
    repeated = net_of(solver=solver).fit(X.repeat(w, axis=0), y.repeat(w))
    for weights in (w, w.astype(np.float32)):
        weighted = net_of(solver=solver).fit(X, y, sample_weight=weights)
        assert_allclose(weighted.alpha_, repeated.alpha_, rtol=1e-5)
        assert_allclose(weighted.learning_rate_init_ or 1, repeated.learning_rate_init_ or 1, rtol=1e-5)
        if solver == "lbfgs":
            assert_allclose(weighted.coefs_[0], repeated.coefs_[0], atol=1e-6)
    removed = net_of(solver=solver).fit(X[:8], y[:8])
    assert_allclose(net_of(solver=solver).fit(X, y, sample_weight=np.repeat([1.0, 0.0], [8, 4])).alpha_, removed.alpha_)


@parametrize("solver", ["lbfgs", "adam", "sgd"])
@parametrize("class_weight", [None, "balanced", {0: 0.3, 1: 2.0}], ids=str)
@parametrize("weights", [[1, 3, 5], [2, 3, 3], [4, 6, 2], [0, 2, 2]], ids=str)
def test_rules_see_repeated_rows_under_class_weights(solver, class_weight, weights, quiet):
    X, y = generated(12, 3)
    X, w = X.astype(np.float64), np.array(weights * 4)
    net = net_of(solver=solver, class_weight=class_weight, max_iter=40)
    weighted, repeated = clone(net).fit(X, y, sample_weight=w), net.fit(X.repeat(w, axis=0), y.repeat(w))
    assert weighted.alpha_ == pytest.approx(repeated.alpha_)
    assert_allclose(weighted.learning_rate_init_ or 1, repeated.learning_rate_init_ or 1, rtol=1e-9)
    if solver == "lbfgs":
        assert_allclose(weighted.coefs_[0], repeated.coefs_[0], atol=1e-6)


@parametrize("solver", ["lbfgs", "adam", "sgd"])
@parametrize("by", ["sample", "class"])
def test_rows_without_weight_count_nowhere(solver, by, quiet):
    X, y = generated(1200, 3)
    X[50:] *= 10
    y[50:] = 2
    w = np.where(y == 2, 0.0, 1.0) if by == "sample" else None
    net = net_of(solver=solver, class_weight={2: 0.0} if by == "class" else None).fit(X, y, sample_weight=w)
    removed = net_of(solver=solver).fit(X[:50], y[:50])
    names = ["n_samples_seen_", "solver_", "learning_rate_init_"]
    if solver != "lbfgs":
        names += ["batch_size_", "n_iter_"]
    assert [getattr(net, name) for name in names] == [getattr(removed, name) for name in names]
    assert_allclose(list(net.alpha_scores_), list(removed.alpha_scores_))


@parametrize("draw", ["shares", "one is tiny", "decay"])
def test_weights_below_one_leave_the_sample_size_at_the_number_of_rows(draw):
    X, y = generated(100, 3)
    w = {
        "shares": np.full(100, 0.01),
        "one is tiny": np.where(np.arange(100) == 0, 1e-320, 1.0),
        "decay": 0.99 ** np.arange(100),
    }[draw]
    net = net_of().fit(X, y, sample_weight=w)
    q = np.average((X**2).sum(axis=1), weights=w)
    assert net.n_samples_seen_ == 100
    assert_allclose(min(net.alpha_scores_), q / 20, rtol=1e-5)
    assert net_of().fit(X, y, sample_weight=w + 1).n_samples_seen_ == pytest.approx(w.sum() + 100)


def test_rows_without_weight():
    """A batch has only zero weights, and a row of weight zero overflows."""
    X, y = generated(60, 3)
    net = net_of(class_weight={0: 0.0, 1: 1.0}).partial_fit(X, y, classes=[0, 1])
    assert np.isfinite(net.partial_fit(X[y == 0], y[y == 0]).alpha_)
    X[0] = 3e19
    w = np.where(np.arange(60) == 0, 0.0, 1.0)
    few = min(net_of().fit(X, y, sample_weight=w).alpha_scores_)
    assert_allclose(few, min(net_of().fit(X[1:], y[1:]).alpha_scores_))


def test_rules_see_sparse_rows_as_dense_ones():
    X, y = generated(50, 6)
    dense, csr = (net_of(solver="sgd").fit(rows, y) for rows in (X, sparse.csr_array(X)))
    assert_allclose([csr.alpha_, csr.learning_rate_init_], [dense.alpha_, dense.learning_rate_init_], rtol=1e-6)


@parametrize("X", [np.zeros((30, 2)), np.full((30, 2), 1e30, dtype=np.float32)], ids=["zeros", "1e30"])
def test_extreme_rows(X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = net_of(solver="adam").fit(X, np.arange(30) % 2)
    assert np.isfinite([net.alpha_, net.learning_rate_init_]).all()
    assert np.isfinite(net.predict_proba(X)).all()


@parametrize("activation", NAMES)
def test_an_activation_scales_the_penalty(activation, iris):
    g = ACTIVATIONS[activation]
    net = net_of(activation=activation).fit(*iris)
    assert_allclose(min(net.alpha_scores_), g.alpha_factor * 0.4 * 150 / 250)
    assert net.learning_rate_init_ == pytest.approx(0.05)


@parametrize("activation", [name for name in NAMES if name != "identity"])
def test_every_activation_learns_two_spirals(activation):
    """With two features and small initial weights, smooth activations stay almost linear, at an accuracy of 0.75."""
    rng = np.random.default_rng(0)
    t, y = 2 * np.pi * np.sqrt(rng.uniform(size=400)), np.arange(400) % 2
    X = scale(np.column_stack([t * np.cos(t + np.pi * y), t * np.sin(t + np.pi * y)]))
    assert net_of(hidden_size=100, activation=activation).fit(X, y).score(X, y) > 0.95


def test_sigmoid_and_tanh_are_one_net(iris):
    """sigmoid(2 z) = (1 + tanh(z)) / 2: weights twice as large and a quarter of the penalty give the same J."""
    X, y = iris
    nets = {name: network_at_start(net_of(activation=name), X, y) for name in ("tanh", "sigmoid")}
    tanh, sigmoid = nets["tanh"].parameters, nets["sigmoid"].parameters
    assert_allclose(sigmoid.W1, 2 * tanh.W1)  # the gain of sigmoid is twice that of tanh
    sigmoid.W2[...] = 2 * tanh.W2
    sigmoid.b2[...] = -tanh.W2.sum(axis=0)
    assert_allclose(nets["sigmoid"].objective(), nets["tanh"].objective(), rtol=1e-12)
    assert (Activation.gain, Activation.alpha_factor) == (1.0, 1.0)


@pytest.fixture
def nothing_given(monkeypatch):
    monkeypatch.setattr(SmallAlphaWarning, "given", False)


def messages_of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught if warning.category is not ConvergenceWarning]


@parametrize("activation", NAMES)
@parametrize("container", [np.asarray, np.float32, sparse.csr_array], ids=["dense", "float32", "sparse"])
@parametrize("solver", ["adam", "sgd"])
def test_a_small_alpha_is_named(activation, container, solver, iris, nothing_given):
    """Below a hundredth of the rule, which is about 0.1 here."""
    X, y = container(iris[0]), iris[1]
    bound = 0.01 * rules.alpha_rule(ACTIVATIONS[activation](), 150, 4.0)
    net = net_of(activation=activation, solver=solver, max_iter=3)
    for silent in ("auto", 0, 1.01 * bound, 1.0):
        assert not messages_of(lambda value=silent: clone(net).set_params(alpha=value).fit(X, y))
    (text,) = messages_of(lambda: net.set_params(alpha=0.99 * bound).fit(X, y))
    assert "about 0.1 here" in text
    assert "alpha * n_samples / batch_size" in text


@parametrize("solver", ["lbfgs", "gd", LBFGS()], ids=str)
def test_a_small_alpha_of_a_full_batch_is_that_of_mlpclassifier(solver, iris, nothing_given):
    assert not messages_of(lambda: net_of(solver=solver, alpha=1e-6, max_iter=3).fit(*iris))
    assert not SmallAlphaWarning.given


def test_a_small_alpha_of_a_stream_is_not_named(iris, nothing_given):
    assert not messages_of(lambda: net_of(alpha=1e-6).partial_fit(*iris, classes=[0, 1, 2]))


def test_a_search_over_alpha_shows_one_warning(iris, nothing_given):
    grid = {"alpha": np.geomspace(1e-9, 1e-5, 20)}
    search = GridSearchCV(net_of(max_iter=2), grid, cv=2)
    assert len(messages_of(lambda: search.fit(*iris))) == 1
    assert not messages_of(lambda: search.fit(*iris))


def test_the_text_has_no_number_of_one_fit(monkeypatch, iris):
    texts = set()
    for value, rows in ((1e-4, slice(None)), (3e-7, slice(None)), (1e-5, slice(0, 140))):
        monkeypatch.setattr(SmallAlphaWarning, "given", False)
        texts.update(messages_of(lambda v=value, r=rows: net_of(alpha=v, max_iter=2).fit(iris[0][r], iris[1][r])))
    assert len(texts) == 1


def test_a_small_alpha_made_an_error_is_one_in_every_fit(iris, quiet):
    """Otherwise the first test of a suite would fail, and the others would pass."""
    net = net_of(alpha=1e-6, max_iter=2)
    for _ in range(3):
        with pytest.raises(SmallAlphaWarning):
            net.fit(*iris)
    assert net.n_iter_ == 2


@parametrize("activation", sorted(set(NAMES) - {"identity"}))
@parametrize("solver", ["adam", "lbfgs"])
@parametrize("low", [0, -1])
def test_four_rows_are_enough_for_xor(activation, solver, low):
    """With very few rows, the penalty must not make a constant net the best one."""
    max_iter = 2000  # one step per epoch
    X = np.array([[low, low], [low, 1], [1, low], [1, 1]], dtype=float)
    net = ShallowNetClassifier(activation=activation, solver=solver, max_iter=max_iter, random_state=0)
    net.fit(X, [0, 1, 1, 0])
    assert net.predict(X).tolist() == [0, 1, 1, 0]


def test_a_fit_of_unscaled_features_that_comes_to_nothing_says_so():
    X, y = generated(300, 3)
    X[:, 1] += 1e5
    with pytest.warns(ConvergenceWarning, match="unscaled features, column 1.*StandardScaler") as caught:
        ShallowNetClassifier(solver="sgd", random_state=0).fit(X, y)
    assert "max_iter" not in str(caught[0].message)


@parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_fit_of_unscaled_features_that_goes_well_does_not_blame_them(solver, digits):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = ShallowNetClassifier(solver=solver, random_state=0).fit(digits[0] * 16, digits[1])
    assert net.loss_ < 0.2
    assert all("(max_iter=200)" in str(w.message) and "features" not in str(w.message) for w in caught)


def test_going_back_and_forth_between_fit_and_partial_fit(iris):
    X, y = iris
    net = net_of().fit(X, y)
    first, rate = net.coefs_[0], net.learning_rate_init_
    assert net.partial_fit(X, y).learning_rate_init_ < rate
    assert net.n_iter_ == 1
    assert_allclose(net.fit(X, y).coefs_[0], first)


@parametrize("schedule", ["auto", "constant"])
def test_full_batches_have_200_epochs_at_their_own_rate(schedule, iris, quiet):
    net = net_of(solver="gd", learning_rate=schedule, activation="tanh", n_iter_no_change=np.inf).fit(*iris)
    assert (net.n_iter_, net.learning_rate_init_, net.batch_size_) == (200, 0.1, 150)


@parametrize("solver", ["gd", "sgd", "adam"])
@parametrize("schedule", ["cosine", "one_cycle"])
def test_a_named_schedule_is_one_cycle_of_max_iter_epochs(schedule, solver, iris):
    for kwargs in ({}, {"max_iter": 70}):
        net = net_of(solver=solver, learning_rate=schedule, alpha=0.1, **kwargs).fit(*iris)
        assert net.n_iter_ == kwargs.get("max_iter", 200)
        assert net.stop_reason_ == "max_iter"


def test_beta_2_follows_the_schedule():
    assert [rules.annealed(Adam(beta_2=beta)).beta_2 for beta in ("auto", 0.9)] == [0.95, 0.9]


def test_parameters_of_what_is_not_chosen_yet():
    with pytest.raises(ValueError, match="learning_rate='auto' has no parameters: set learning_rate to one of"):
        net_of().set_params(learning_rate__power_t=0.8)
    assert net_of().set_params(learning_rate="invscaling", learning_rate__power_t=0.8).learning_rate.power_t == 0.8


def test_a_line_search_has_no_rate(iris):
    net = net_of(solver="lbfgs", learning_rate="one_cycle").fit(*iris)
    assert (net.learning_rate_init_, net.batch_size_) == (None, 150)
