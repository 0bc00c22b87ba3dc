"""Labels, weights, dtypes, containers and predictions."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import NAMES
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr
from sklearn.utils.class_weight import compute_class_weight

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit import set_up
from sk_shallow.activations import LeakyReLU, Maxout
from sk_shallow.initializers import He
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.schedules import InverseScaling
from sk_shallow.solvers import LBFGS, SGD, SOLVERS

parametrize = pytest.mark.parametrize
KINDS = ["binary", "multiclass", "multilabel"]


def quick(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 8, "learning_rate_init": 0.03, "random_state": 0, **kwargs})


# Predictions


@parametrize("kind", KINDS)
@parametrize("dtype", [np.float32, np.float64])
def test_predictions_agree(kind, dtype, problems, quiet):
    X, y = problems[kind]
    X = X.astype(dtype)
    net = quick(max_iter=30).fit(X, y)
    proba, log_proba, logits = net.predict_proba(X), net.predict_log_proba(X), net.decision_function(X)
    assert_allclose(np.exp(log_proba), proba, rtol=1e-5)
    assert ((proba > 0) & (proba < 1)).all()
    if kind == "multilabel":
        assert_array_equal(net.predict(X), proba > 0.5)
        assert logits.shape == proba.shape == y.shape
    else:
        assert_allclose(proba.sum(axis=1), 1, rtol=4 * np.finfo(dtype).eps)
        assert_array_equal(net.predict(X), net.classes_[proba.argmax(axis=1)])
        assert logits.shape == ((len(y),) if kind == "binary" else (len(y), 3))
    if kind == "binary":
        assert_allclose(logits, log_proba[:, 1] - log_proba[:, 0], rtol=1e-4, atol=1e-5)


@parametrize("kind", KINDS)
def test_extreme_logits(kind, problems, quiet):
    X, y = problems[kind]
    net = quick(max_iter=5).fit(X, y)
    net.coefs_[1] *= 1e5
    proba = net.predict_proba(X)
    assert np.isfinite(net.predict_log_proba(X)).all()
    assert np.isfinite(proba).all()
    assert kind == "multiclass" or ((proba > 0) & (proba < 1)).all()


def test_shapes_of_fitted_attributes(problems, quiet):
    for kind, n_outputs, out in (
        ("binary", 1, "logistic"),
        ("multiclass", 3, "softmax"),
        ("multilabel", 3, "logistic"),
    ):
        X, y = problems[kind]
        net = quick(activation="maxout", max_iter=3).fit(X, y)
        n0 = X.shape[1]
        assert [W.shape for W in net.coefs_] == [(n0, 16), (8, n_outputs)]
        assert [b.shape for b in net.intercepts_] == [(16,), (n_outputs,)]
        assert (net.n_outputs_, net.out_activation_, net.n_features_in_) == (n_outputs, out, n0)
        assert net.loss_ == net.loss_curve_[-1]
        assert net.best_loss_ == min(net.loss_curve_)
        assert net.validation_scores_ is net.best_validation_score_ is None


@parametrize(
    "labels",
    [
        np.array(["no", "yes", "maybe"]),
        np.array(["no", "yes", "maybe"], dtype=object),
        np.array([-7, 3, 1000]),
        np.array([0.0, 1.0, 2.0]),
        np.array([False, True]),
        np.array(["b", "a"]),
        np.array([1, 2], dtype=np.uint8),
    ],
    ids=lambda labels: f"{labels.dtype}-{len(labels)}",
)
def test_labels_of_every_kind(labels, iris, quiet):
    X, codes = iris
    X, codes = (X, codes) if len(labels) == 3 else (X[codes < 2], codes[codes < 2])
    net = quick(max_iter=50, alpha=0.1).fit(X, labels[codes])
    assert_array_equal(net.classes_, np.unique(labels))
    assert net.predict(X).dtype == labels.dtype
    assert net.score(X, labels[codes]) > 0.9


@parametrize("y", [["a", "b"] * 75, pd.Series(["a", "b"] * 75), pl.Series(["a", "b"] * 75), (True, False) * 75])
def test_containers_of_labels(y, iris, quiet):
    assert len(quick(max_iter=2).fit(iris[0], y).classes_) == 2


def test_permuting_classes_permutes_probabilities(iris):
    """Renaming the labels reorders the outputs; the net must be the same with reordered output weights."""
    X, y = iris
    permutation = np.array([2, 0, 1])
    net = quick(solver="gd", max_iter=30, tol=0, alpha=1.0, learning_rate_init=0.1, warm_start=True)
    net.fit(X, y)
    other = clone(net).set_params(max_iter=1).fit(X, permutation[y])
    start = network_at_start(net, X, y).parameters
    other.coefs_ = [start.W1, start.W2[:, np.argsort(permutation)]]
    other.intercepts_ = [start.b1, start.b2]
    other.set_params(max_iter=30).fit(X, permutation[y])
    assert_allclose(other.predict_proba(X)[:, permutation], net.predict_proba(X), rtol=1e-10)


# Containers and dtypes of X


@parametrize("solver", SOLVERS)
@parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix, sparse.coo_array])
@parametrize("max_features", [0, 128])
def test_sparse_equals_dense(solver, container, max_features, iris, quiet, monkeypatch):
    """Whether training takes the rows as they are, or makes them dense because there are few features."""
    monkeypatch.setattr(set_up, "MAX_DENSE_FEATURES", max_features)
    X, y = iris
    X = np.where(np.abs(X) < 0.5, 0, X)
    net = quick(solver=solver, max_iter=10, batch_size=40, activation="tanh")
    dense, other = clone(net).fit(X, y), clone(net).fit(container(X), y)
    assert_allclose(other.predict_proba(container(X)), dense.predict_proba(X), rtol=1e-7)


@parametrize(("shape", "dense"), [((500, 128), True), ((500, 129), False), ((9000, 128), False)])
def test_few_sparse_rows_with_few_features_become_dense(shape, dense):
    X = sparse.csr_array(np.maximum(np.random.default_rng(0).uniform(-9, 1, shape), 0))
    y = np.arange(shape[0]) % 2
    assert isinstance(network_at_start(quick(), X, y).X, np.ndarray) == dense


@parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_keep_and_check_feature_names(frame, iris, quiet):
    X, y = iris
    names = ["a", "b", "c", "d"]
    net = quick(max_iter=3, early_stopping=True).fit(frame(dict(zip(names, X.T, strict=True))), y)
    assert list(net.feature_names_in_) == names
    net.predict(frame(dict(zip(names, X.T, strict=True))))
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame(dict(zip(names[::-1], X.T, strict=True))))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        net.predict(X)


@parametrize(("dtype", "expected"), [(np.float16, np.float64), (np.int32, np.float64), (bool, np.float64)])
def test_other_dtypes_become_float64(dtype, expected, iris, quiet):
    net = quick(max_iter=2).fit(iris[0].astype(dtype), iris[1])
    assert net.coefs_[0].dtype == expected


def test_float32_model_predicts_float32_of_float64(iris, quiet):
    X, y = iris
    net = quick(max_iter=2).fit(X.astype(np.float32), y)
    assert net.predict_proba(X).dtype == np.float32


def test_x_and_y_are_left_alone(iris, quiet):
    X, y = iris[0].copy(), iris[1].copy()
    X.flags.writeable = y.flags.writeable = False
    quick(max_iter=2).fit(X, y, sample_weight=np.ones(150)).predict(X)
    assert_array_equal(X, iris[0])


# Weights


@parametrize("solver", ["gd", "lbfgs"])
@parametrize("kind", KINDS)
@parametrize("class_weight", [None, "balanced"])
def test_integer_weights_equal_repeated_rows(solver, kind, class_weight, problems, quiet):
    X, y = problems[kind]
    w = np.random.default_rng(0).integers(0, 4, size=len(y))
    net = quick(
        solver=solver, class_weight=class_weight, max_iter=15, activation="tanh", alpha=0.1, learning_rate_init=0.1
    )
    weighted = clone(net).fit(X, y, sample_weight=w)
    repeated = clone(net).fit(X.repeat(w, axis=0), y.repeat(w, axis=0))
    removed = clone(net).fit(X[w > 0], y[w > 0], sample_weight=w[w > 0])
    scaled = clone(net).set_params(alpha=1.0).fit(X, y, sample_weight=10.0 * w)  # penalty / sum(w)
    for other in (repeated, removed, scaled):
        assert_allclose(other.decision_function(X), weighted.decision_function(X), rtol=1e-6, atol=1e-7)


def test_partial_fit_takes_weights_as_they_are(iris, quiet):
    """In one step of plain SGD, weights of 2 double the effect of the loss."""
    X, y = iris
    nets = [
        quick(solver=SGD(momentum=0), alpha=0, batch_size=150, activation="tanh").partial_fit(
            X, y, classes=[0, 1, 2], sample_weight=np.full(150, w)
        )
        for w in (1.0, 2.0)
    ]
    start = network_at_start(nets[0], X, y).parameters
    assert_allclose(nets[1].coefs_[0] - start.W1, 2 * (nets[0].coefs_[0] - start.W1), rtol=1e-9)


def test_weights_multiply(iris, quiet):
    X, y = iris
    net = quick(max_iter=10, batch_size=30, alpha=0.1)
    by_class = clone(net).set_params(class_weight={0: 1, 1: 2, 2: 5}).fit(X, y)
    by_row = clone(net).fit(X, y, sample_weight=np.array([1, 2, 5])[y])
    both = clone(net).set_params(class_weight={2: 5}).fit(X, y, sample_weight=np.array([1, 2, 1])[y])
    assert_allclose(by_class.coefs_[0], by_row.coefs_[0])
    assert_allclose(both.coefs_[0], by_row.coefs_[0])


def test_balanced(iris, quiet):
    X, y = iris[0][40:], iris[1][40:]  # 10, 50 and 50 rows
    net = quick(max_iter=10, alpha=0.0)  # the two sums of weights differ
    balanced = clone(net).set_params(class_weight="balanced").fit(X, y)
    by_hand = clone(net).fit(X, y, sample_weight=np.array([5.0, 1, 1])[y])
    assert_allclose(balanced.coefs_[0], by_hand.coefs_[0])


@parametrize("weighted", [False, True])
def test_balanced_multilabel_weighs_each_label_by_its_own_classes(weighted, problems, quiet):
    """w has shape (m, n2): a row with many labels does not count less."""
    X, y = problems["multilabel"]
    w = np.random.default_rng(0).uniform(size=150) if weighted else np.ones(150)
    net = quick(solver="gd", alpha=0, max_iter=1, class_weight="balanced", activation="tanh")
    net.fit(X, y, sample_weight=w if weighted else None)
    network = network_at_start(clone(net).set_params(class_weight=None), X, y)
    proba = network.loss_function.probabilities(network.logits(X))
    by_label = np.empty(y.shape)
    for k, column in enumerate(y.T):
        by_label[:, k] = w * compute_class_weight("balanced", classes=np.arange(2), y=column, sample_weight=w)[column]
    losses = -np.where(y == 1, np.log(proba), np.log(1 - proba))
    assert net.loss_ == pytest.approx((by_label * losses).sum() / by_label.sum(axis=0).mean())
    step = -0.03 * network.loss_function.loss_and_residual(network.logits(X), y)[1]
    assert_allclose(net.intercepts_[1], (by_label * step).sum(axis=0) / by_label.sum(axis=0).mean(), rtol=1e-9)


def test_balanced_many_labels_do_not_ruin_the_net():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 10))
    Y = (X @ rng.standard_normal((10, 40)) + rng.standard_normal((600, 40)) > 3).astype(int)
    plain, balanced = (ShallowNetClassifier(20, class_weight=kind, random_state=0) for kind in (None, "balanced"))
    scores = [roc_auc_score(Y[300:], net.fit(X[:300], Y[:300]).predict_proba(X[300:])) for net in (plain, balanced)]
    assert scores[1] > scores[0] - 0.02


def test_class_weights_of_string_labels(iris, quiet):
    X, y = iris
    labels = np.array(["x", "y", "z"])[y]
    a = quick(max_iter=5, class_weight={"x": 3}).fit(X, labels)
    b = quick(max_iter=5, class_weight={0: 3}).fit(X, y)
    assert_array_equal(a.coefs_[0], b.coefs_[0])


def test_losses_are_weighted(iris, quiet):
    """After one full-batch iteration, loss_ is the weighted log loss of the initial weights."""
    X, y = iris
    w = np.random.default_rng(0).uniform(size=150)
    net = quick(solver="gd", alpha=0, max_iter=1, activation="tanh").fit(X, y, sample_weight=w)
    network = network_at_start(net, X, y)
    proba = network.loss_function.probabilities(network.logits(X))
    assert net.loss_ == pytest.approx(log_loss(y, proba, sample_weight=w))


# scikit-learn's tools


def test_calibration_reads_the_logits(iris, quiet):
    X, y = iris[0], iris[1] == 1
    calibrated = CalibratedClassifierCV(quick(max_iter=60), method="sigmoid", cv=3).fit(X, y)
    assert calibrated.calibrated_classifiers_[0].estimator.decision_function(X).shape == (150,)
    assert log_loss(y, calibrated.predict_proba(X)) < 0.4
    assert CalibratedClassifierCV(quick(max_iter=60), cv=3).fit(*iris).score(*iris) > 0.9


def test_grid_over_nested_parameters(iris, quiet):
    grid = [
        {"net__activation": [Maxout(), "maxout"], "net__activation__n_pieces": [2, 3]},
        {"net__activation": ["leaky_relu"], "net__activation__negative_slope": [0, 0.3]},
        {"net__solver": ["adam"], "net__solver__beta_1": [0.5]},
    ]
    pipe = Pipeline([("scale", StandardScaler()), ("net", quick(max_iter=5))])
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(*iris)
    assert len(search.cv_results_["params"]) == 7
    best = quick().set_params(activation="leaky_relu", activation__negative_slope=0.3).activation
    assert (type(best), best.negative_slope) == (LeakyReLU, 0.3)


def test_set_params_of_a_component(iris):
    net = quick(activation="maxout").set_params(activation__n_pieces=3)
    assert net.activation.n_pieces == 3
    assert net.get_params()["activation__n_pieces"] == 3
    with pytest.raises(ValueError, match="Invalid parameter 'n_pieces' for estimator ReLU"):
        quick(activation="relu").set_params(activation__n_pieces=3)


def test_names_and_objects_are_one(iris, quiet):
    X, y = iris
    names = quick(activation="leaky_relu", init="he_uniform", solver="sgd", learning_rate="invscaling", max_iter=5)
    objects = quick(
        activation=LeakyReLU(), init=He("uniform"), solver=SGD(), learning_rate=InverseScaling(), max_iter=5
    )
    assert_array_equal(names.fit(X, y).coefs_[0], objects.fit(X, y).coefs_[0])


def test_cross_validation_in_processes_equals_one_process(iris, quiet):
    net = make_pipeline(StandardScaler(), quick(max_iter=20))
    assert_array_equal(cross_val_score(net, *iris, n_jobs=2), cross_val_score(net, *iris))


def test_base_learner_of_bagging(iris, quiet):
    assert BaggingClassifier(quick(max_iter=60), n_estimators=3, random_state=0).fit(*iris).score(*iris) > 0.9


@parametrize("activation", NAMES)
def test_pickle_holds_the_weights_and_little_else(activation, quiet):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 300)), rng.integers(3, size=60)
    for kwargs in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
        net = quick(hidden_size=100, activation=activation, max_iter=20, **kwargs).fit(X, y)
        size = len(pickle.dumps(net))
        assert size < 1.1 * sum(array.nbytes for array in net.coefs_ + net.intercepts_)
        assert_array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), net.predict_proba(X))


def test_predictions_do_not_follow_later_parameters(iris, quiet):
    X, y = iris
    net = quick(max_iter=5).fit(X, y)
    before = net.predict_proba(X)
    assert_array_equal(net.set_params(activation="tanh", hidden_size=3).predict_proba(X), before)


def test_repr():
    assert repr(ShallowNetClassifier(activation=LeakyReLU(0.1), solver=SGD())) == (
        "ShallowNetClassifier(activation=LeakyReLU(negative_slope=0.1), solver=SGD())"
    )
    assert "LeakyReLU" in estimator_html_repr(ShallowNetClassifier(activation=LeakyReLU(0.1)))


@parametrize("frame", [pl.DataFrame, pd.DataFrame, lambda data: pd.DataFrame(data).astype("Float32")])
def test_float32_frames_stay_float32(frame, iris, quiet):
    X = frame(dict(zip("abcd", iris[0].astype(np.float32).T, strict=True)))
    assert quick(max_iter=2).fit(X, iris[1]).predict_proba(X).dtype == np.float32


FLOAT32_COLUMNS = {
    "sparse": pd.SparseDtype("float32", 0),
    "nullable": "Float32",
    "pyarrow": pd.ArrowDtype(pa.float32()),
}


@parametrize("dtype", FLOAT32_COLUMNS.values(), ids=FLOAT32_COLUMNS)
def test_float32_columns_of_every_kind_stay_float32(dtype, iris, quiet):
    X = np.where(np.abs(iris[0]) < 0.5, 0, iris[0]).astype(np.float32)
    frame = pd.DataFrame(dict(zip("abcd", X.T, strict=True))).astype(dtype)
    net = quick(max_iter=2).fit(frame, iris[1])
    assert net.predict_proba(frame).dtype == np.float32
    assert_allclose(net.predict_proba(frame), quick(max_iter=2).fit(X, iris[1]).predict_proba(X), rtol=1e-5)


@parametrize("dtype", [np.float32, np.float64])
def test_tables_of_pyarrow(dtype, iris, quiet):
    X = iris[0].astype(dtype)
    table = pa.table(dict(zip("abcd", X.T, strict=True)))
    net = quick(max_iter=2).fit(table, iris[1])
    assert net.predict_proba(table).dtype == dtype
    assert_allclose(net.predict_proba(table), quick(max_iter=2).fit(X, iris[1]).predict_proba(X), rtol=1e-5)


def test_a_sparse_frame_of_booleans(iris, quiet):
    X = iris[0] > 0
    frame = pd.DataFrame(dict(zip("abcd", X.T, strict=True))).astype(pd.SparseDtype(bool, False))
    expected = quick(max_iter=2).fit(X, iris[1]).predict_proba(X)
    assert_allclose(quick(max_iter=2).fit(frame, iris[1]).predict_proba(frame), expected, rtol=1e-9)


@parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_duplicate_entries_are_summed_on_a_copy(container, iris):
    """The rules for the defaults also use the sums, because they compute squares."""
    X, y = iris
    indices = np.tile(np.r_[np.arange(4), np.arange(4)], 150)
    data = np.hstack([3 * X, -2 * X]).ravel()
    doubled = container((data.copy(), indices.copy(), np.arange(0, 1201, 8)), shape=(150, 4))
    for solver in ("adam", "lbfgs"):
        one, other = quick(solver=solver, learning_rate_init=None).fit(doubled, y), quick(solver=solver).fit(X, y)
        assert one.alpha_ == pytest.approx(other.alpha_)
    assert_array_equal(doubled.data, data)
    other = quick(solver="adam", learning_rate_init=None).fit(X, y)
    one = quick(solver="adam", learning_rate_init=None).fit(doubled, y)
    assert_allclose(one.predict_proba(doubled), other.predict_proba(X), rtol=1e-6)


@parametrize("labels", [[1, 2, 5], [True, False, True]])
def test_labels_held_as_objects(labels, iris, quiet):
    y = np.array(labels, dtype=object)[iris[1]]
    net = quick(max_iter=50).fit(iris[0], y)
    assert_array_equal(net.classes_, np.unique(labels))
    assert np.mean(net.predict(iris[0]) == y) > 0.6


def test_small_integers_as_parameters(iris, quiet):
    X, y = np.tile(iris[0], (3, 1)), np.tile(iris[1], 3)
    small = {"hidden_size": np.uint8(200), "batch_size": np.uint8(100), "max_iter": np.int8(2)}
    one = quick(activation=Maxout(np.int8(2)), **small).fit(X, y)
    other = quick(activation=Maxout(2), hidden_size=200, batch_size=100, max_iter=2).fit(X, y)
    assert_array_equal(one.coefs_[0], other.coefs_[0])


@parametrize("dtype", [np.float32, np.float64])
@parametrize("size", [1e-60, 1e300])
def test_only_ratios_of_weights_matter(dtype, size, iris, quiet):
    """Except in the penalty: the sum of the weights divides it if it is larger than the number of rows."""
    X, y = iris[0].astype(dtype), iris[1]
    alpha = 1.0 if size < 1 else 0.0
    one = quick(max_iter=5, alpha=alpha).fit(X, y, sample_weight=np.full(150, size))
    assert_allclose(one.coefs_[0], quick(max_iter=5, alpha=alpha).fit(X, y).coefs_[0], rtol=1e-5)
    by_class = quick(max_iter=5, alpha=alpha, class_weight=dict.fromkeys(range(3), size)).fit(X, y)
    assert_allclose(by_class.coefs_[0], one.coefs_[0], rtol=1e-5)


def test_an_estimator_for_scorers_looks_like_one(iris, quiet):
    seen = []

    def scorer(estimator, X, y):
        seen.append(
            (
                repr(estimator).partition("(")[0],
                estimator.n_features_in_,
                estimator.coefs_[1].shape,
                estimator.intercepts_[0].shape,
            )
        )
        return estimator.score(X, y)

    quick(max_iter=1, early_stopping=True, scoring=scorer).fit(*iris)
    assert seen == [("ClassifierSnapshot", 4, (8, 3), (8,))]


def test_patience_without_end(iris, quiet):
    net = quick(n_iter_no_change=np.inf, max_iter=400, tol=1).fit(*iris)
    assert net.n_iter_ == 400


USUAL = [{}, {"solver": LBFGS(history=5)}]
OTHERS = [{"solver": "gd"}, {"solver": "sgd"}, {"activation": "gelu"}, {"activation": "maxout", "hidden_size": 50}]


@parametrize("dtype", [np.float32, np.float64])
@parametrize(
    "parameters",
    [*USUAL, *(pytest.param(p, marks=pytest.mark.slow) for p in OTHERS)],
    ids=str,
)
def test_memory(dtype, parameters, quiet):
    """There is no array of shape (rows, hidden units), and one copy of X if the solver works with the full batch.

    20 steps of L-BFGS would take 25 MB.
    """
    rng = np.random.default_rng(0)
    X, y = rng.random((60_000, 784), dtype=dtype), rng.integers(10, size=60_000)
    net = ShallowNetClassifier(**{"hidden_size": 100, "max_iter": 1, "random_state": 0, **parameters})
    net.fit(X[:100], y[:100])  # so that imports are not measured
    n_copies = 1 if net.solver == "gd" or isinstance(net.solver, LBFGS) else 0
    for method, arguments, n in ((net.fit, (X, y), n_copies), (net.predict_proba, (X,), 0)):
        tracemalloc.start()
        method(*arguments)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < (n + 0.15) * X.nbytes
