"""Bad input: an error that says what was needed, and a fitted estimator that is as it was."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from sk_shallow import ShallowNetClassifier
from sk_shallow.activations import ACTIVATIONS, ELU, LeakyReLU, Maxout, ReLU
from sk_shallow.initializers import INITIALIZERS, He, Normal
from sk_shallow.schedules import SCHEDULES, Adaptive, InverseScaling, OneCycle
from sk_shallow.solvers import LBFGS, SGD, SOLVERS, Adam

parametrize = pytest.mark.parametrize


def quick(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 4, "max_iter": 5, "random_state": 0, **kwargs})


@parametrize(
    ("name", "table"),
    [("activation", ACTIVATIONS), ("init", INITIALIZERS), ("solver", SOLVERS), ("learning_rate", SCHEDULES)],
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
        ({"hidden_size": (100, 50)}, r"Got \(100, 50\). .* about one layer; for more there is MLPClassifier"),
        ({"hidden_size": ()}, "must be an int: the net has one hidden layer"),
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
    "dropout with lbfgs": ({"solver": "lbfgs", "dropout": 0.5}, {}, "dropout=0.5 changes the objective"),
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
    "negative class weight": ({"class_weight": {0: -1.0}}, {}, "finite numbers, not negative"),
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
        ({"y": np.arange(150) % 5}, r"Got \[3, 4\] besides"),
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
    """The third epoch's score fails, when weights and optimizer have long been changed."""
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
    with pytest.raises(ValueError, match="besides"):
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
