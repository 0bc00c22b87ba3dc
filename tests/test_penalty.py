"""The penalty of the objective, stacked nets, and alpha="auto"."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import NAMES, random_network
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit import alpha as choice
from sk_shallow._fit.data import Data
from sk_shallow._fit.targets import targets_of
from sk_shallow._model.network import Network
from sk_shallow.activations import as_activation
from sk_shallow.inspection._gradient_check import network_at_start


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="module")
def noisy():
    return make_classification(700, 10, flip_y=0.4, random_state=0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.3, 3.0])
def test_alpha_is_that_of_mlpclassifier_with_lbfgs(wine, alpha, weighted):
    """With the identity there is one minimum, so both classes must find the same optimum for the same alpha."""
    X, y = wine
    w = np.random.default_rng(0).integers(0, 4, size=len(y)).astype(float) if weighted else None
    ours = ShallowNetClassifier(4, "identity", solver="lbfgs", alpha=alpha, tol=1e-9, max_iter=5000, random_state=0)
    its = MLPClassifier((4,), activation="identity", solver="lbfgs", alpha=alpha, tol=1e-9, max_iter=5000)
    ours.fit(X, y, w)
    its.set_params(random_state=0).fit(X, y, w)
    assert_allclose(ours.loss_, its.loss_, rtol=1e-6)
    assert_allclose(ours.predict_proba(X), its.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("solver", ["gd", "lbfgs"])
def test_integer_weights_equal_repeated_rows_penalty_included(wine, solver):
    X, y = wine
    w = np.random.default_rng(1).integers(0, 4, size=len(y))
    net = ShallowNetClassifier(5, "tanh", solver=solver, alpha=2.0, max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        p = net.fit(X, y, w).predict_proba(X)
        q = net.fit(np.repeat(X, w, axis=0), np.repeat(y, w)).predict_proba(X)
    assert net.n_samples_seen_ == w.sum()
    assert_allclose(p, q, atol=1e-8)


def test_weights_that_sum_to_one_leave_the_penalty_as_it_is(wine):
    X, y = wine
    net = ShallowNetClassifier(random_state=0)
    p = net.fit(X, y).predict_proba(X)
    q = net.fit(X, y, np.full(len(y), 1 / len(y))).predict_proba(X)
    assert net.n_samples_seen_ == len(y)
    assert_allclose(p, q, atol=1e-6)


@pytest.mark.parametrize("alpha", ["auto", 1.0])
def test_extreme_sample_sizes(wine, alpha):
    """The sum of the weights overflows, or the first part of the data has only zero weights."""
    X, y = wine
    net = ShallowNetClassifier(alpha=alpha, random_state=0).fit(X, y, np.full(len(y), 1e308))
    assert net.score(X, y) > 0.9
    assert np.isfinite([net.alpha_, net.n_samples_seen_]).all()
    net = ShallowNetClassifier(alpha=alpha, class_weight={0: 0.0}, random_state=0)
    net.partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
    assert net.n_samples_seen_ == 0
    assert np.isfinite(net.loss_)
    assert net.partial_fit(X, y).n_samples_seen_ == (y > 0).sum()


@pytest.mark.parametrize("n_nets", [3, "1, sparse rows"])
@pytest.mark.parametrize("n2", [1, 3])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nets_trained_together_have_the_gradients_of_each(dtype, name, n2, n_nets):
    """For every activation; each net has its own rows, weights, alpha and sample size."""
    network = random_network(as_activation(name), dtype=dtype, n2=n2)
    rng, nets = np.random.default_rng(1), range(3) if n_nets == 3 else [0]
    parameters = network.parameters.repeated(len(nets))
    parameters.theta += rng.standard_normal(parameters.theta.size).astype(dtype)
    w, alpha, size = rng.uniform(0, 2, (3, 20, 1)).astype(dtype), np.array([0.0, 1, 2]), np.array([30.0, 60, 90])
    parts = [rng.permutation(30)[:20] for _ in nets]
    X, Y = network.X[parts] if n_nets == 3 else csr_array(network.X[parts[0]]), network.Y[parts]
    arrays = {"sample_size": size[nets].reshape(-1, 1, 1), "alpha": alpha[nets].reshape(-1, 1, 1)}
    together = replace(network, parameters=parameters, X=X, Y=Y, w=w[nets], **arrays)
    for rows in (slice(None), slice(4, 9), np.arange(7, 20)):
        total = together.value_and_gradient(rows)
        values = []
        for net in nets:
            numbers = {"sample_size": size[net], "alpha": alpha[net], "X": network.X[parts[net]]}
            alone = replace(network, parameters=parameters[net], Y=Y[net], w=w[net], **numbers)
            values.append(alone.value_and_gradient(rows))
            rtol = 1e-3 if dtype == np.float32 else 1e-10
            assert_allclose(together.gradient[net].theta, alone.gradient.theta, rtol=rtol, atol=rtol / 100)
        assert_allclose(total, sum(values), rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_auto_goes_on_while_the_score_improves(noisy):
    net = ShallowNetClassifier(random_state=0).fit(*noisy)
    strongest, *weaker = net.alpha_scores_  # from the strongest
    assert_allclose(np.divide(weaker, strongest), [0.3, 0.1])
    assert net.alpha_ == strongest  # noisy labels need the strongest penalty
    assert net.alpha_scores_[strongest] == max(net.alpha_scores_.values())


@pytest.mark.parametrize(
    ("losses", "tried", "chosen"),  # for 10, 3, 1 and 0.1 times the rule, and for 100 times
    [
        ([0.4, 0.5, 0.6, 0.1], (10, 3, 1), 10),
        ([0.6, 0.5, 0.6, 0.1], (10, 3, 1), 3),
        ([0.504, 0.5, 0.6, 0.1], (10, 3, 1), 10),  # a near tie: the stronger one wins
        ([0.6, 0.5, 0.496, 0.1], (10, 3, 1), 3),
        ([0.1, 0.5, 0.4, 0.399], (3, 1, 0.1), 1),
        ([0.1, 0.5, 0.4, 0.37], (3, 1, 0.1), 1),  # the weakest one must be clearly better
        ([0.1, 0.5, 0.4, 0.35], (3, 1, 0.1), 0.1),
        ([0.5, 0.8, 0.9, 0.9], (10, 3, 1, 0.1), 10),  # the first two are no better than a constant, 0.693
        ([0.8, 0.8, 0.9, 0.5], (3, 1, 0.1), 0.1),
        ([0.69, 0.69, 0.69, 0.69], (10, 3, 1, 0.1), 10),
        ([0.6, np.inf, 0.5, 0.6], (3, 1, 0.1), 1),
        ([np.inf, np.inf, np.inf, 0.4], (3, 1, 0.1), 0.1),
        ([np.inf, np.inf, np.inf, np.inf], (), None),
        ([0.8, 0.9, 1.0, 1.1, 0.6], (100, 10, 3, 1, 0.1), 100),  # at 10, worse than a constant
        ([0.8, 0.9, 1.0, 1.1, 0.9], (100, 10, 3, 1, 0.1), 10),
        ([0.8, 0.9, 1.0, 1.1, 0.69], (100, 10, 3, 1, 0.1), 10),  # at 100, hardly better than a constant
        ([0.8, 0.9, 1.0, 1.1, np.inf], (100, 10, 3, 1, 0.1), 10),
    ],
)
def test_the_strongest_penalty_wins_near_ties(losses, tried, chosen, monkeypatch):
    X, y = make_classification(600, 10, random_state=0)
    rule = (X**2).sum(axis=1).mean() / 10 * 600 / 700
    loss_of = dict(zip((10, 3, 1, 0.1, 100), losses, strict=False))
    strength = lambda alpha: min(loss_of, key=lambda other: abs(other * rule - alpha))  # noqa: E731
    monkeypatch.setattr(choice, "_held_out_losses", lambda *args: np.array([loss_of[strength(a)] for a in args[-1]]))
    net = ShallowNetClassifier(max_iter=1, random_state=0).fit(X, y)
    scores = net.alpha_scores_ or {}
    assert tuple(map(strength, scores)) == tried
    assert list(scores.values()) == [-loss_of[strength] for strength in tried]
    assert_allclose(net.alpha_, rule * (chosen or 1))


@pytest.mark.parametrize("kind", ["dense", "sparse", "validation"])
def test_each_net_has_its_own_rows_weights_and_sample_size(kind, monkeypatch):
    """With folds of very different size, and weights per label."""
    rng, stacks, stack = np.random.default_rng(0), [], choice._stack
    monkeypatch.setattr(choice, "_stack", lambda *args: stacks.append((*args, stack(*args))) or stacks[-1][-1])
    monkeypatch.setattr("sk_shallow._fit.data.MAX_DENSE_NUMBERS", 1)  # sparse rows stay sparse
    X = rng.standard_normal((900, 10))
    Y = np.column_stack([X[:, 0] > 0, X[:, 1] > 1.5]).astype(int)
    groups = np.maximum(35, np.arange(900) // 20)  # one has 720 rows, the others have 20
    held_out = {"X_val": X[:60], "y_val": Y[:60]} if kind == "validation" else {"groups": groups}
    net = ShallowNetClassifier(5, class_weight="balanced", max_iter=1, random_state=0)
    net.fit(csr_array(X) if kind == "sparse" else X, Y, rng.exponential(1, 900), **held_out)
    assert stacks
    for network, rows, nets, together in stacks:
        W = network.w.astype(np.float64)
        for net, (alpha, place) in enumerate(nets):
            own, n = rows[place], len(rows[place])
            w, given = together.w[net], together.X if kind == "sparse" else together.X[net]
            dense = csr_array.toarray if kind == "sparse" else np.asarray
            assert_array_equal(dense(given[:n]), dense(network.X[own]))
            assert_array_equal(together.Y[net, :n], network.Y[own])
            assert not w[n:].any()
            assert_allclose(w[:n] / w[0], W[own] / W[own[0]], rtol=1e-4)
            assert_allclose(w.mean(), 1, rtol=1e-5)
            assert_allclose(together.sample_size[net], network.sample_size * W[own].sum() / W.sum(), rtol=1e-5)
            assert together.alpha[net] == alpha
    assert len({len(own) for own in stacks[0][1]}) == (1 if kind == "validation" else 3)


def test_dropout_gives_the_same_choice_for_dense_and_sparse_rows(noisy, monkeypatch):
    X, y = noisy
    net = ShallowNetClassifier(20, dropout=0.5, max_iter=1, random_state=0)
    scores = [net.fit(rows, y).alpha_scores_ for rows in (X, csr_array(X))]
    monkeypatch.setattr("sk_shallow._fit.data.MAX_DENSE_NUMBERS", 1)  # sparse rows stay sparse
    scores += [net.fit(rows, y).alpha_scores_ for rows in (X, csr_array(X))]
    for others in scores[1:]:
        assert_allclose(list(others.values()), list(scores[0].values()), rtol=1e-3)


def test_all_strengths_have_the_same_dropout_masks(noisy, monkeypatch):
    compute, pairs = choice._held_out_losses, []

    def twice(*args):
        if len(args[-1]) == 2:
            pairs.append(compute(*args[:-1], [args[-1][0]] * 2))
        return compute(*args)

    monkeypatch.setattr(choice, "_held_out_losses", twice)
    ShallowNetClassifier(20, dropout=0.3, random_state=0).fit(*noisy)
    assert len(pairs) == 1
    assert pairs[0][0] == pairs[0][1]


def test_a_strength_that_diverges_does_not_spoil_another(noisy, monkeypatch):
    normal = ShallowNetClassifier(random_state=0).fit(*noisy)
    _, first, second = normal.alpha_scores_  # these two are trained together
    train = choice._train

    def diverging(network, **kwargs):
        train(network, **kwargs)
        if network.alpha.max() == first:
            network.parameters.theta[:] = np.nan

    monkeypatch.setattr(choice, "_train", diverging)
    net = ShallowNetClassifier(random_state=0).fit(*noisy)
    assert net.alpha_scores_[first] == -np.inf
    assert net.alpha_scores_[second] == normal.alpha_scores_[second]
    assert net.alpha_ <= second


@pytest.mark.parametrize("changed", [{}, {"solver": "sgd"}, {"solver": "lbfgs", "max_iter": 500}, {"batch_size": 50}])
def test_one_seed_gives_one_choice_whatever_the_solver(noisy, changed):
    net = ShallowNetClassifier(random_state=3).fit(*noisy)
    other = ShallowNetClassifier(random_state=3, **changed).fit(*noisy)
    assert net.alpha_scores_ == other.alpha_scores_


def test_a_given_alpha_or_few_rows_are_not_tried(wine):
    X, y = wine
    assert ShallowNetClassifier(alpha=0.5, random_state=0).fit(X, y).alpha_scores_ is None
    few = ShallowNetClassifier(random_state=0).fit(X[::5], y[::5])
    assert few.alpha_scores_ is None
    m, q = len(y[::5]), (X[::5] ** 2).sum(axis=1).mean()
    assert_allclose(few.alpha_, 3 * q / 10 * m / (m + 100))


def test_small_sets_do_not_try_the_weakest(wine, monkeypatch):
    X, y = wine
    compute, tried = choice._held_out_losses, []
    monkeypatch.setattr(choice, "_held_out_losses", lambda *args: tried.append(args[-1]) or compute(*args))
    scores = ShallowNetClassifier(random_state=0).fit(X, y).alpha_scores_
    rule = 13 / 10 * len(y) / (len(y) + 100)
    assert tried == [list(scores)]  # all at once
    assert_allclose(list(scores), [10 * rule, 3 * rule, rule])


def test_a_validation_set_decides(noisy):
    """The validation set repeats training rows, so overfitting pays and a weaker penalty wins."""
    X, y = noisy
    stopped = ShallowNetClassifier(early_stopping=True, max_iter=15, random_state=0).fit(X, y, X_val=X, y_val=y)
    usual = ShallowNetClassifier(random_state=0).fit(X, y)
    scores = stopped.alpha_scores_
    assert max(scores, key=scores.get) == min(scores)
    assert stopped.alpha_ < usual.alpha_ == max(usual.alpha_scores_)


@pytest.mark.parametrize("data", ["wine", "noisy", "validation"])
def test_no_net_is_judged_by_rows_that_it_was_trained_on(data, wine, noisy, monkeypatch):
    """Each row is held out by one of three folds, or by none if there is a validation set."""
    X, y = wine if data == "wine" else noisy
    stacks, judged, loss = [], [], Network.loss
    monkeypatch.setattr(choice, "_train", lambda network, **kwargs: stacks.append(network))
    monkeypatch.setattr(Network, "loss", lambda self: judged.append(self.X) or loss(self))
    held_out = {"X_val": X[:50], "y_val": y[:50]} if data == "validation" else {}
    net = ShallowNetClassifier(early_stopping=bool(held_out), max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(X[50:] if held_out else X, y[50:] if held_out else y, **held_out)
    judged = [rows for rows in judged if rows.dtype == np.float32]
    shares = (1.0, 50 / 650) if held_out else (2 / 3, 1 / 3)
    size = len(y) - 50 if held_out else len(y)
    nets = [pair for stack in stacks for pair in zip(stack.X, stack.w, strict=True)]
    assert len(nets) >= (2 if held_out else 6)  # two strengths
    for (rows, w), rows_of_judge in zip(nets, judged[: len(nets)], strict=True):
        trained, held = ({tuple(row) for row in part} for part in (rows[w[:, 0] > 0], rows_of_judge))
        assert not trained & held
        assert_allclose([len(trained) / size, len(held) / size], shares, atol=0.01)


def test_the_rows_of_the_choice_do_not_depend_on_the_order_of_classes():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)), rng.integers(3, size=60)
    data, renamed = (Data(X, labels, targets_of(labels)).merged() for labels in (y, np.array([2, 0, 1])[y]))
    assert_array_equal(
        choice._chosen_rows(data, choice._n_rows(data.X, data.targets.n_outputs), 0),
        choice._chosen_rows(renamed, choice._n_rows(renamed.X, renamed.targets.n_outputs), 0),
    )


def test_with_very_many_classes_the_sample_is_no_larger():
    y = np.arange(30_000) % 5000
    X = np.random.default_rng(0).standard_normal((len(y), 2))
    rows, shares = choice._chosen_rows(Data(X, y, targets_of(y)), choice._n_rows(X, len(np.unique(y))), 0)
    assert len(rows) == 100  # 5,000 outputs are many numbers
    assert shares.sum() == pytest.approx(len(y))


@pytest.mark.parametrize("sparse", [False, True])
def test_few_wide_rows_are_enough(sparse):
    """Rotation takes a time that grows with the cube of the rows, those of the validation set included."""
    X = np.ones((3000, 4000))
    X[:, ::300] = 0
    X = csr_array(1 - X) if sparse else X
    y = np.arange(3000) % 2
    rows, _ = choice._chosen_rows(Data(X, y, targets_of(y)), choice._n_rows(X, len(np.unique(y))), 0)
    assert len(rows) == (choice.MAX_WIDE_ROWS if sparse else 100)


def test_each_set_of_labels_is_a_stratum():
    y = np.array([[1, 1, 0], [0, 0, 1]] * 30)  # their codes were equal: 1 + 2 and 3
    data = Data(np.arange(60.0).reshape(-1, 1), y, targets_of(y))
    strata = y[choice._chosen_rows(data, choice._n_rows(data.X, data.targets.n_outputs), 0)[0]]
    assert np.count_nonzero(np.diff(strata[:, 0])) == 1  # sorted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_of_a_row_stay_in_one_fold(wine, dtype):
    """Held-out copies of training rows would favor the weakest penalty."""
    X, y = wine[0].astype(dtype), wine[1]
    w = np.random.default_rng(0).integers(1, 4, len(y))
    order = np.random.default_rng(1).permutation(w.sum())
    weighted = ShallowNetClassifier(max_iter=1, random_state=0).fit(X, y, sample_weight=w)
    copied = ShallowNetClassifier(max_iter=1, random_state=0).fit(X.repeat(w, axis=0)[order], y.repeat(w)[order])
    assert_allclose(list(copied.alpha_scores_.items()), list(weighted.alpha_scores_.items()), rtol=1e-4)


def test_partial_fit_takes_the_rule_or_keeps_the_choice(noisy):
    X, y = noisy
    net = ShallowNetClassifier(random_state=0).partial_fit(X[:200], y[:200], classes=[0, 1])
    assert net.alpha_scores_ is None
    assert_allclose(net.alpha_, (X[:200] ** 2).sum(axis=1).mean() / 10 * 200 / 300)
    assert net.partial_fit(X[200:], y[200:]).n_samples_seen_ == len(y)
    chosen = ShallowNetClassifier(random_state=0).fit(X, y)
    alpha, scores = chosen.alpha_, chosen.alpha_scores_
    chosen.partial_fit(X[:50], y[:50])
    assert (chosen.alpha_, chosen.alpha_scores_, chosen.n_samples_seen_) == (alpha, scores, len(y) + 50)


@pytest.mark.parametrize("schedule", ["auto", "one_cycle", "constant"])
def test_the_choice_does_not_depend_on_max_iter(schedule, noisy, quiet):
    nets = [ShallowNetClassifier(learning_rate=schedule, max_iter=n, random_state=0).fit(*noisy) for n in (1, 50)]
    assert nets[0].alpha_scores_ == nets[1].alpha_scores_
    assert nets[0].alpha_ == nets[1].alpha_


def test_an_interrupted_choice_of_alpha_changes_nothing(noisy, monkeypatch):
    def interrupt(network, **kwargs):
        raise KeyboardInterrupt

    net = ShallowNetClassifier(hidden_size=5, random_state=0).fit(*noisy)
    before, new = vars(net).copy(), ShallowNetClassifier()
    monkeypatch.setattr(choice, "_train", interrupt)
    for estimator in (net, new):
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(*noisy)
    assert vars(net) == before
    assert not hasattr(new, "coefs_")


def test_rare_classes_get_more_rows_and_smaller_weights():
    """At 0.2 % of 60,000 rows, a plain sample of 2,000 would hold four; all 120 are taken."""
    y = np.zeros(60_000, dtype=int)
    y[::500] = 1
    data = Data(np.arange(60_000.0).reshape(-1, 1), y, targets_of(y))
    rows, shares = choice._chosen_rows(data, choice._n_rows(data.X, data.targets.n_outputs), 0)
    assert np.count_nonzero(y[rows]) == 120
    assert len(rows) == len(np.unique(rows)) <= 1.5 * choice.MAX_ROWS
    for label in (0, 1):  # each class keeps its weight
        assert_allclose(shares[y[rows] == label].sum(), np.count_nonzero(y == label))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_with_more_rare_rows_estimates_the_same_objective(weighted):
    """Each class keeps its share of the weight, and the penalty its ratio to the information in the rows.

    Two means of n_1 and n_2 rows differ with a variance of ``1 / n_1 + 1 / n_2``, so it is the inverse of this sum.
    """
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60_000, 2)), (np.arange(60_000) % 500 == 0).astype(int)
    w = rng.uniform(0, 2, len(y)) if weighted else None
    data = Data(X, y, targets_of(y), w)
    network = network_at_start(ShallowNetClassifier(2, alpha=1.0), X, y, w)
    rows, shares = choice._chosen_rows(data, choice._n_rows(data.X, data.targets.n_outputs), 0)
    sample = choice._sample(network, data, rows, shares)
    assert sample.X.dtype == sample.w.dtype == sample.parameters.theta.dtype == np.float32
    assert_allclose(sample.w.mean(), 1, rtol=1e-5)
    assert_allclose((sample.w * sample.Y).mean(), np.average(y, weights=w), rtol=0.1)
    fraction = sum(1 / np.bincount(y)) / sum(1 / np.bincount(y[rows]))
    assert fraction > 0.9
    assert_allclose(sample.sample_size / data.sample_size(), fraction, rtol=0.1 if weighted else 1e-6)


def test_a_sample_of_all_rows_keeps_the_sample_size():
    """With class weights for each label, too."""
    X, Y = np.zeros((200, 3)), np.arange(800).reshape(200, 4) % 3 % 2
    c = np.random.default_rng(0).uniform(0.1, 3, Y.shape)
    network, data = network_at_start(ShallowNetClassifier(2), X, Y), Data(X, Y, targets_of(Y), c=c)
    sample = choice._sample(network, data, np.arange(200), np.ones(200))
    assert_allclose(sample.sample_size, network.sample_size)


@pytest.mark.parametrize("labels", [1, 2, 3])
def test_a_sample_with_equal_shares_has_its_fraction_of_the_rows(labels):
    """A sample that leaves the frequencies of the classes as they are has a tenth of the information of ten times."""
    assert_allclose(choice._fraction(np.arange(60) % labels, np.full(60, 10.0)), 0.1)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("validation", [False, True])
@pytest.mark.parametrize("principal", [False, True])
def test_wide_rows_are_replaced_by_their_coordinates(sparse, validation, principal):
    """Outputs are the same, with as many features as rows or fewer."""
    network = random_network(as_activation("gelu"), dtype=np.float32, n0=100, n2=3)
    network = replace(network, X=csr_array(network.X) if sparse else network.X, w=np.ones((30, 1), dtype=np.float32))
    judge = replace(network, X=2 * network.X[:7], Y=network.Y[:7], w=network.w[:7]) if validation else None
    narrow, narrow_judge = choice._in_span(network, judge, principal=principal)
    assert narrow.X.shape == (30, 30)
    for one, other in ((network, narrow), (judge, narrow_judge)) if validation else ((network, narrow),):
        assert_allclose(other.logits(other.X), one.logits(one.X), rtol=1e-3, atol=1e-4)
    network = random_network(as_activation("gelu"), dtype=np.float32)
    assert choice._in_span(network, None, principal=principal)[0] is network


def test_the_rows_of_a_group_stay_in_one_fold():
    rng = np.random.default_rng(0)
    groups, y = np.repeat(np.arange(30), 10), rng.integers(2, size=300)
    data = Data(rng.standard_normal((300, 3)), y, targets_of(y), groups=groups)
    rows, _ = choice._chosen_rows(data, choice._n_rows(data.X, data.targets.n_outputs), 0)
    folds = choice._folds(data, rows, 0)
    assert len(set(zip(groups[rows], folds, strict=True))) == 30
    assert np.bincount(folds).min() > 80


def test_one_group_takes_the_rule(noisy):
    net = ShallowNetClassifier(random_state=0).fit(*noisy, groups=np.zeros(len(noisy[1])))
    assert net.alpha_scores_ is None


def test_verbose_prints_what_was_tried(noisy, capsys):
    net = ShallowNetClassifier(random_state=0, verbose=1).fit(*noisy)
    out = capsys.readouterr().out
    assert all(
        f"alpha = {alpha:.6g}, score of held-out rows = {score:.6f}" in out
        for alpha, score in net.alpha_scores_.items()
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("hidden_size", "n_units"), [(1, 1), (50, 50), (60, 50), (100, 50), (240, 120)])
def test_the_choice_trains_the_first_half_of_the_units(name, hidden_size, n_units, noisy, monkeypatch):
    stacks, start = [], network_at_start(net := ShallowNetClassifier(hidden_size, name, random_state=0), *noisy)
    monkeypatch.setattr(choice, "_train", lambda network, **kwargs: stacks.append(network))
    net.fit(*noisy)
    n_pieces = start.activation.n_pieces
    W1 = start.parameters.W1.reshape(-1, n_pieces, hidden_size)[..., :n_units].reshape(-1, n_pieces * n_units)
    for net_of_the_choice in stacks[0].parameters.W1:
        assert_allclose(net_of_the_choice, W1, rtol=1e-6)
    assert_allclose(stacks[0].parameters.W2[0], start.parameters.W2[:n_units], rtol=1e-6)


def test_the_choice_does_not_depend_on_how_many_nets_are_trained_together(noisy, monkeypatch):
    scores = ShallowNetClassifier(random_state=0).fit(*noisy).alpha_scores_
    monkeypatch.setattr("sk_shallow._fit.alpha.MAX_PARAMETERS", 1)
    alone = ShallowNetClassifier(random_state=0).fit(*noisy).alpha_scores_
    assert_allclose(list(alone.values()), list(scores.values()), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("activation", [name for name in NAMES if name != "identity"])
def test_xor(activation, low):
    """In a long fit, the penalty has time to shrink the net to a constant, but nine of ten seeds must learn XOR."""
    X, y = np.array([[low, low], [low, 1], [1, low], [1, 1]], dtype=float), [0, 1, 1, 0]
    nets = [ShallowNetClassifier(activation=activation, max_iter=2000, random_state=seed) for seed in range(10)]
    assert sum(net.fit(X, y).score(X, y) == 1 for net in nets) >= 9


def test_large_weights_do_not_switch_the_penalty_off():
    """Survey weights count persons. "auto" then also tries stronger penalties, and finds one that is as good."""
    X, y = make_classification(600, 20, flip_y=0.4, random_state=0)
    X = scale(X)
    plain = ShallowNetClassifier(random_state=0).fit(X[:400], y[:400])
    heavy = ShallowNetClassifier(random_state=0).fit(X[:400], y[:400], np.full(400, 1000.0))
    losses = [log_loss(y[400:], net.predict_proba(X[400:])) for net in (plain, heavy)]
    assert losses[1] < losses[0] + 0.01
    assert max(heavy.alpha_scores_) == pytest.approx(1000 * max(plain.alpha_scores_) * 400_000 / 400_100 * 500 / 400)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.usefixtures("quiet")
def test_a_warm_start_on_few_rows_keeps_the_penalty(wine, early_stopping):
    X, y = wine[0][::5], wine[1][::5]
    net = ShallowNetClassifier(warm_start=True, early_stopping=early_stopping, random_state=0).fit(X, y)
    alpha = net.alpha_
    assert net.fit(X, y).alpha_ == alpha
    one_group = ShallowNetClassifier(random_state=0).fit(*wine, groups=np.zeros(len(wine[1])))
    m, q = len(wine[1]), (wine[0] ** 2).sum(axis=1).mean()
    assert_allclose(one_group.alpha_, q / 10 * m / (m + 100))
