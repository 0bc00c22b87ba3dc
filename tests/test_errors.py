"""Bad input: the error says what was needed, and the fitted estimator does not change."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import optimize
from scipy.optimize import OptimizeResult
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sk_shallow import ShallowNetClassifier, check_gradient
from sk_shallow.activations import ACTIVATIONS, ALIASES, ELU, Identity, LeakyReLU, Maxout, ReLU
from sk_shallow.initializers import INITIALIZERS, He, Initializer, Normal
from sk_shallow.schedules import SCHEDULES, Adaptive, InverseScaling, OneCycle
from sk_shallow.solvers import LBFGS, SGD, SOLVERS, Adam

parametrize = pytest.mark.parametrize


def quick(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 4, "max_iter": 5, "random_state": 0, **kwargs})


@parametrize(
    ("name", "table"),
    [
        ("activation", ACTIVATIONS | ALIASES),
        ("init", INITIALIZERS),
        ("solver", SOLVERS),
        ("learning_rate", SCHEDULES),
    ],
)
@parametrize("value", ["nonsense", 3, None, ReLU])
def test_unknown_names_list_the_valid_ones(name, table, value, iris):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ShallowNetClassifier must be") as info:
        quick(**{name: value}).fit(*iris)
    assert all(repr(valid) in str(info.value) for valid in table)


@parametrize(
    ("kwargs", "text"),
    [
        ({"hidden_size": 0}, r"\[1, inf\)"),
        ({"hidden_size": 2.5}, r"an int in the range \[1, inf\)"),
        ({"hidden_size": (100,)}, r"Got \(100,\). Write hidden_size=100\."),
        ({"hidden_size": [50]}, r"Got \[50\]. Write hidden_size=50\."),
        ({"hidden_size": (100, 50)}, r"Got \(100, 50\). For more layers, use MLPClassifier"),
        ({"hidden_size": ()}, "must be an int: the net has one hidden layer"),
        ({"hidden_size": np.array(5)}, r"an int in the range \[1, inf\)"),
        ({"hidden_size": ((1, 2), 3)}, "For more layers, use MLPClassifier"),
        ({"init_scale": -1}, r"\[0.0, inf\)"),
        ({"init_scale": np.nan}, r"\[0.0, inf\)"),
        ({"learning_rate_init": 0}, r"\(0.0, inf\) or None"),
        ({"batch_size": 0}, r"\[1, inf\)"),
        ({"max_iter": 0}, r"\[1, inf\)"),
        ({"tol": -1}, r"\[0.0, inf\)"),
        ({"n_iter_no_change": 0}, r"\[1, inf\)"),
        ({"shuffle": "yes"}, "bool"),
        ({"alpha": -1}, r"\[0.0, inf\)"),
        ({"alpha": np.inf}, r"\[0.0, inf\)"),
        ({"dropout": 1}, r"\[0.0, 1.0\)"),
        ({"early_stopping": "auto"}, "bool"),
        ({"validation_fraction": 0}, r"\(0.0, 1.0\)"),
        ({"validation_fraction": 1}, r"\(0.0, 1.0\)"),
        ({"scoring": "nonsense"}, "accuracy"),
        ({"class_weight": "nonsense"}, "'balanced'"),
        ({"warm_start": 3}, "bool"),
        ({"verbose": "no"}, "int"),
        ({"random_state": "x"}, "RandomState"),
        ({"activation": LeakyReLU(-0.1)}, r"'negative_slope' parameter of LeakyReLU must be .* \[0.0, 1.0\]"),
        ({"activation": LeakyReLU(1.1)}, r"\[0.0, 1.0\]"),
        ({"activation": ELU(0)}, r"\(0.0, inf\)"),
        ({"activation": Maxout(0)}, r"\[1, inf\)"),
        ({"init": He("cauchy")}, "'normal', 'uniform'|'uniform', 'normal'"),
        ({"init": Normal(-1)}, r"\[0.0, inf\)"),
        ({"solver": SGD(momentum=1)}, r"\[0.0, 1.0\)"),
        ({"solver": SGD(nesterov=3)}, "bool"),
        ({"solver": Adam(beta_2=1)}, r"\[0.0, 1.0\)"),
        ({"solver": Adam(epsilon=0)}, r"\(0.0, inf\)"),
        ({"solver": LBFGS(history=0)}, r"\[1, inf\)"),
        ({"learning_rate": InverseScaling(-1)}, r"\[0.0, inf\)"),
        ({"learning_rate": Adaptive(factor=1)}, r"\(1.0, inf\)"),
        ({"learning_rate": OneCycle(warmup=1)}, r"\(0.0, 1.0\)"),
    ],
    ids=str,
)
def test_parameters_out_of_range_say_the_range(kwargs, text, iris):
    with pytest.raises(ValueError, match=text):
        quick(**kwargs).fit(*iris)


BAD_FITS = {
    "dropout with lbfgs": (
        {"solver": "lbfgs", "dropout": 0.5},
        {},
        r"solver='lbfgs' needs dropout=0",
    ),
    "nan": ({}, {"X": np.full((150, 4), np.nan)}, "NaN"),
    "inf": ({}, {"X": np.full((150, 4), np.inf)}, "infinity"),
    "1d": ({}, {"X": np.ones(150)}, "Expected 2D array"),
    "a series": ({}, {"X": pd.Series(np.ones(150))}, "Expected (2D|a 2-dim)"),
    "empty": ({}, {"X": np.ones((0, 4)), "y": []}, "0 sample"),
    "no features": ({}, {"X": np.ones((150, 0))}, "0 feature"),
    "lengths": ({}, {"y": np.arange(149) % 2}, "inconsistent numbers of samples"),
    "no y": ({}, {"y": None}, "requires y to be passed"),
    "strings": ({}, {"X": np.full((150, 4), "a")}, "could not convert|dtype"),
    "negative weights": ({}, {"sample_weight": np.r_[-1, np.ones(149)]}, "Negative values"),
    "zero weights": ({}, {"sample_weight": np.zeros(150)}, "non-zero|positive for at least one row"),
    "nan weights": ({}, {"sample_weight": np.full(150, np.nan)}, "NaN"),
    "weights too short": ({}, {"sample_weight": np.ones(3)}, "sample_weight.shape"),
    "weights 2d": ({}, {"sample_weight": np.ones((150, 2))}, "1D array"),
    "continuous": ({}, {"y": np.linspace(0, 1, 150)}, "Unknown label type: continuous"),
    "multioutput": ({}, {"y": np.arange(300).reshape(150, 2) % 3}, "MultiOutputClassifier"),
    "unknown class weight": ({"class_weight": {7: 1.0, 0: 2.0}}, {}, "not in class_weight|class"),
    "negative class weight": ({"class_weight": {0: -1.0}}, {}, "finite numbers that are not negative"),
    "zero class weights": ({"class_weight": {0: 0, 1: 0, 2: 0}}, {}, "positive for at least one row"),
    "multilabel class weight": (
        {"class_weight": {0: 1}},
        {"y": np.eye(150, 3, dtype=int)},
        "must be 'balanced' or None",
    ),
    "nan labels": ({}, {"y": np.r_[np.nan, np.ones(149)]}, "NaN"),
}


@parametrize(("kwargs", "data", "text"), BAD_FITS.values(), ids=BAD_FITS)
def test_a_failed_fit_loses_nothing(kwargs, data, text, iris, quiet):
    data = {"X": iris[0], "y": iris[1], **data}
    with pytest.raises(ValueError, match=text) as first:
        quick(**kwargs).fit(**data)
    net = quick(warm_start=False).fit(iris[0][:, :3], np.array(["a", "b", "c"])[iris[1]])
    net.set_params(**kwargs)
    before = pickle.dumps(net)
    with pytest.raises(ValueError, match=text) as again:
        net.fit(**data)
    assert pickle.dumps(net) == before
    assert str(first.value) == str(again.value)
    assert not vars(quick()).keys() - vars(net).keys()


@parametrize(
    ("data", "text"),
    [
        ({"X": np.full((150, 4), np.nan)}, "NaN"),
        ({"X": np.ones((150, 3))}, "X has 3 features"),
        ({"y": np.arange(150) % 5}, r"Got others: \[3, 4\]"),
        ({"sample_weight": np.full(150, -1)}, "Negative values"),
        ({"classes": [0, 1]}, "not the same as on last call"),
    ],
)
def test_a_failed_partial_fit_loses_nothing(data, text, iris, quiet):
    X, y = iris
    net = quick().partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    before = pickle.dumps(net)
    with pytest.raises(ValueError, match=text):
        net.partial_fit(**{"X": X, "y": y, **data})
    assert pickle.dumps(net) == before
    assert_array_equal(net.partial_fit(X, y).coefs_[0], pickle.loads(before).partial_fit(X, y).coefs_[0])


def test_a_failure_in_the_middle_loses_nothing(iris, quiet):
    """The score fails in the third epoch, after weights and optimizer state have changed."""
    X, y = iris
    calls = []

    def failing(estimator, X, y):
        calls.append(None)
        return 1 / (3 - len(calls))

    net = quick(early_stopping=True, warm_start=True).fit(X, y)
    before = pickle.dumps(net)
    net.set_params(scoring=failing)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, y)
    assert pickle.dumps(net.set_params(scoring="loss")) == before


def test_a_failed_first_partial_fit_leaves_nothing(iris):
    X, y = iris
    net = quick()
    with pytest.raises(ValueError, match="Got others"):
        net.partial_fit(X, y, classes=[0, 1])
    assert not any(name.endswith("_") for name in vars(net))
    with pytest.raises(NotFittedError):
        net.predict(X)


@parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_predictions_before_fit_and_of_bad_data(method, iris, quiet):
    X, y = iris
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(quick(), method)(X)
    net = quick().fit(X, y)
    for bad, text in ((X[:, :3], "X has 3 features"), (np.full((1, 4), np.nan), "NaN"), (X[0], "Expected 2D array")):
        with pytest.raises(ValueError, match=text):
            getattr(net, method)(bad)


def test_batch_size_above_the_number_of_rows_warns(iris, quiet):
    with pytest.warns(UserWarning, match="batch_size=151 is larger than the 150 rows: 150 is used"):
        quick(batch_size=151).fit(*iris)


def test_clone_of_a_class_that_is_no_object(iris):
    with pytest.raises(ValueError, match="'activation' parameter"):
        quick(activation=LeakyReLU).fit(*iris)


# Messages that say what came and what to do


class Drawing(Initializer):
    """Returns a given array, or a matrix filled with a given number."""

    def __init__(self, value, fill=False):
        self.value = value
        self.fill = fill

    def draw(self, rng, fan_in, fan_out):
        return np.full((fan_in, fan_out), self.value) if self.fill else self.value


class Halves(Identity):
    n_pieces = 1.5


def minus_sine(z):
    return -np.sin(z)


def unweighted(estimator, X, y):
    return estimator.score(X, y)


RARE = {
    "mixed labels": ({}, {"y": np.array([1, "a", 2] * 50, dtype=object)}, r"of one type.*types \['int', 'str'\]"),
    "None": ({}, {"y": np.array(["a", "b", None] * 50, dtype=object)}, "none missing. Got 50 missing. Convert"),
    "NA": (
        {},
        {"y": pd.Series(["a", pd.NA, "b"] * 50, dtype="string")},
        r"missing values \(NaN, NA\). Got 50",
    ),
    "bytes": ({}, {"y": np.array([b"a", b"b", b"c"] * 50)}, r"labels of types \['bytes'\]"),
    "objects of bytes": ({}, {"y": np.array([b"a", b"b"] * 75, dtype=object)}, r"labels of types \['bytes'\]"),
    "records": ({}, {"y": np.zeros(150, dtype=[("a", int), ("b", int)])}, "labels of types .'structured'.|label"),
    "huge class weight": ({"class_weight": {0: 10**400}}, {}, "finite numbers that are not negative"),
    "text drawn": ({"init": Drawing("a", True)}, {}, "Got values that are not finite real numbers"),
    "init_scale": ({"init_scale": 1e308, "init": Drawing(1e9, True)}, {}, "initial weights overflow in float64"),
    "NaT": ({}, {"y": np.array(["2020-01-01", "2021-01-01", "NaT"] * 50, dtype="M8[D]")}, "Got 50 missing"),
    "-1 and 1": ({}, {"y": np.where(np.eye(150, 3) > 0, 1, -1)}, r"zeros and ones .*Got \[-1, 1\] in shape \(150, 3\)"),
    "unweighted scorer": (
        {"early_stopping": True, "scoring": unweighted},
        {"sample_weight": np.ones(150)},
        "scoring=<function unweighted.* fails, with sample_weight, on the validation set: .*sample_weight",
    ),
    "undefined scorer": ({"early_stopping": True, "scoring": "roc_auc"}, {}, "roc_auc.* fails on the validation set"),
    "class weights": ({"class_weight": {0: "a"}}, {}, r"finite numbers that are not negative. Got \{0: 'a'\}"),
    "huge X_val": (
        {"early_stopping": True, "activation": "identity", "init_scale": 1e3},
        {"X_val": np.full((4, 4), 1.7e308), "y_val": [0, 1, 2, 0]},
        "The loss of the validation set is not finite",
    ),
    "a scalar draw": ({"init": Drawing(0.1)}, {}, r"draw of Drawing.* of shape \(4, 3\). Got shape \(\)"),
    "a row drawn": ({"init": Drawing(np.ones(3))}, {}, r"Got shape \(3,\)"),
    "an infinite draw": ({"init": Drawing(np.inf, True)}, {}, "Got values that are not finite real numbers"),
    "pieces": ({"activation": Halves()}, {}, r"n_pieces of Halves\(\) must be an int in the range .* Got 1.5"),
}


@parametrize(("kwargs", "data", "text"), RARE.values(), ids=RARE)
def test_rare_mistakes_are_explained(kwargs, data, text, iris, quiet):
    with pytest.raises(ValueError, match=text):
        quick(**kwargs).fit(**{"X": iris[0], "y": iris[1], **data})


def test_huge_weights_of_a_part_are_named(iris):
    net = quick(max_iter=200).partial_fit(*iris, classes=[0, 1, 2])
    before = net.coefs_[0]
    with pytest.warns(ConvergenceWarning, match=r"sample weights up to 1e\+308, which partial_fit does not normalize"):
        net.partial_fit(*iris, sample_weight=np.full(150, 1e308))
    assert_array_equal(net.coefs_[0], before)


def test_a_pair_of_functions_has_parameters_to_set(iris, quiet):
    net = quick(activation=(np.sin, np.cos)).set_params(activation__value=np.cos, activation__derivative=minus_sine)
    assert net.fit(*iris).activation.value is np.cos


class Inner(Identity):
    """An activation whose parameter is an activation."""

    def __init__(self, inner):
        self.inner = inner


INVALID = ["bad", "hidden_size__bad", "activation__bad", "solver__bad", "init__bad", "learning_rate__bad", "alpha__bad"]


@parametrize("bad", INVALID)
@parametrize("components", ["names", "objects"])
def test_set_params_is_all_or_nothing(bad, components, iris, quiet):
    """For every valid parameter, and all of them, before and after the invalid one."""
    names = {"activation": "leaky_relu", "solver": "adam", "init": "he_normal", "learning_rate": "one_cycle"}
    objects = {"activation": LeakyReLU(), "solver": Adam(), "init": He(), "learning_rate": OneCycle()}
    net = quick(**(names if components == "names" else objects)).fit(*iris)
    before, new = pickle.dumps(net), LeakyReLU(0.5)
    valid = {"hidden_size": 7, "activation": new, "activation__negative_slope": 0.2, "solver__beta_1": 0.5}
    valid |= {"init__distribution": "uniform", "learning_rate__warmup": 0.2}
    for some in [valid, *({name: value} for name, value in valid.items())]:
        for params in (some | {bad: 1}, {bad: 1} | some):
            with pytest.raises((ValueError, AttributeError)):
                net.set_params(**params)
            assert pickle.dumps(net) == before
            assert new.negative_slope == 0.5
    net.set_params(**valid)
    assert (net.hidden_size, net.activation, net.init.distribution) == (7, new, "uniform")
    assert new.negative_slope == 0.2


def test_set_params_of_components_is_all_or_nothing():
    nested = Inner(LeakyReLU(0.1))
    for params in ({"inner__negative_slope": 0.9, "bad": 1}, {"inner__negative_slope": 0.9, "inner__bad": 1}):
        for target, prefix in ((nested, ""), (quick(activation=nested), "activation__")):
            with pytest.raises(ValueError, match="Invalid parameter 'bad'"):
                target.set_params(**{prefix + name: value for name, value in params.items()})
            assert nested.inner.negative_slope == 0.1
    new = quick().set_params(activation=nested, activation__inner__negative_slope=0.3)
    assert new.activation is nested
    assert nested.inner.negative_slope == 0.3


def test_a_line_search_that_fails_is_not_told_of_a_limit(iris, monkeypatch):
    def failing(*args, **kwargs):
        kwargs["callback"](OptimizeResult(x=args[1], fun=3.0))
        kwargs["callback"](OptimizeResult(x=args[1], fun=1.0))
        return OptimizeResult(x=args[1], fun=1.0, nit=2, nfev=9, jac=args[1], success=False, message="ABNORMAL")

    monkeypatch.setattr(optimize, "minimize", failing)
    with pytest.warns(ConvergenceWarning, match=r"SciPy's line search found no .*Scale the features, or raise tol\."):
        quick(solver="lbfgs", max_iter=50, activation="tanh", init_scale=0.1).fit(*iris)


# Numbers that the constraints accept


@parametrize(
    "kwargs",
    [
        {"n_iter_no_change": np.int8(127), "max_iter": np.int16(300), "tol": np.float32(0.1)},
        {"max_iter": np.int8(127), "learning_rate": "one_cycle"},
        {"validation_fraction": np.float32(0.2), "early_stopping": True},
        {"learning_rate": InverseScaling(power_t=200)},
        {"learning_rate": Adaptive(minimum=1e-323, factor=1e300), "tol": 10.0, "n_iter_no_change": 1, "max_iter": 30},
        {"batch_size": np.uint8(255), "hidden_size": np.uint8(255)},
        {"alpha": np.float16(0.1), "init_scale": np.float16(0.5), "learning_rate_init": np.float16(0.01)},
    ],
    ids=str,
)
@parametrize("dtype", [np.float32, np.float64])
def test_numbers_of_every_kind(kwargs, dtype, iris, quiet):
    X, y = np.tile(iris[0], (3, 1)).astype(dtype), np.tile(iris[1], 3)
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in kwargs.items()}
    one, other = quick(solver="sgd", **kwargs).fit(X, y), quick(solver="sgd", **plain).fit(X, y)
    assert one.n_iter_ == other.n_iter_
    assert one.coefs_[0].dtype == dtype
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], rtol=1e-4)


# numpy.seterr(all="raise")


@parametrize("solver", SOLVERS)
@parametrize("kwargs", [{}, {"early_stopping": True}, {"class_weight": "balanced"}], ids=str)
def test_under_seterr(solver, kwargs, iris, quiet):
    X, y = iris[0].copy(), iris[1]
    X[:3] *= 1e-30
    w = np.where(np.arange(150) < 10, 1e-300, 1.0)
    net = quick(solver=solver, activation="softplus", init_scale=20, **kwargs)
    before = np.seterr(all="raise")
    try:
        net.fit(X, y, sample_weight=w).predict_log_proba(X * 1e3)
        net.predict_proba(X * 1e3)
        if hasattr(net, "partial_fit") and not kwargs:
            net.partial_fit(X, y, sample_weight=w)
        check_gradient(net, X, y, sample_weight=w, n_directions=1)
    finally:
        np.seterr(**before)


def test_classes_of_two_kinds_are_refused(iris):
    with pytest.raises(ValueError, match=r"labels of types \['int', 'str'\]"):
        quick().partial_fit(*iris, classes=np.array([0, "a"], dtype=object))


def test_weights_in_the_place_of_classes_are_refused(iris):
    with pytest.raises(ValueError, match="To pass weights, write sample_weight="):
        quick().partial_fit(*iris, np.linspace(0.1, 2, 150))


def test_strings_of_numpy_and_of_python_are_one_kind(iris, quiet):
    y = np.array([np.str_("a"), "b", "c"] * 50, dtype=object)
    assert list(quick().fit(iris[0], y).classes_) == ["a", "b", "c"]
