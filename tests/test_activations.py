import pickle
import re

import numpy as np
import pytest
from helpers import NAMES, random_network
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf, expit
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sk_shallow import ShallowNetClassifier, check_gradient
from sk_shallow._fit.checks import check_derivative
from sk_shallow.activations import (
    ACTIVATIONS,
    ALIASES,
    ELU,
    Activation,
    ElementwiseActivation,
    FunctionActivation,
    LeakyReLU,
    Maxout,
    ReLU,
    Sigmoid,
    Tanh,
    as_activation,
)
from sk_shallow.inspection import ActivationDisplay
from sk_shallow.model_selection import compare_activations

REFERENCES = {
    "identity": lambda z: z,
    "sigmoid": expit,
    "tanh": lambda z: 2 * expit(2 * z) - 1,
    "relu": lambda z: z * (z > 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "maxout": lambda z: z,  # with equal pieces
    "softplus": lambda z: np.logaddexp(0, z),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(np.minimum(z, 0)) - 1)),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
}
ELEMENTWISE = [name for name in NAMES if name != "maxout"]
parametrize = pytest.mark.parametrize


def value(activation, z):
    return activation.forward(np.array(z)[:, np.newaxis])[0][:, 0]


def slope(activation, z):
    Z = np.array(z)[:, np.newaxis]
    A, cache = activation.forward(Z)
    return activation.backward(np.ones_like(A), A, cache)[:, 0]


# Properties of every activation


@parametrize("name", NAMES)
def test_derivative_matches_value(name):
    check_derivative(ACTIVATIONS[name]())


@parametrize("name", ELEMENTWISE)
@given(z=st.floats(-30, 30).filter(lambda z: abs(z) > 1e-3))
def test_derivative_matches_value_anywhere(name, z):
    activation, h = ACTIVATIONS[name](), 1e-5
    difference = np.diff(value(activation, [z - h, z + h]))[0] / (2 * h)
    assert slope(activation, [z])[0] == pytest.approx(difference, abs=1e-6, rel=1e-6)


@parametrize("name", NAMES)
def test_value_is_in_its_range(name):
    activation = ACTIVATIONS[name]()
    z = np.linspace(-20, 20, 4001)
    A, _ = activation.forward(np.repeat(z[:, np.newaxis], activation.n_pieces, axis=1))
    low, high = activation.range
    assert low <= A.min()
    assert A.max() <= high
    if np.isfinite(low):
        assert A.min() == pytest.approx(low, abs=0.01)
    if np.isfinite(high):
        assert A.max() == pytest.approx(high, abs=0.01)


@parametrize("name", NAMES)
@parametrize("dtype", [np.float32, np.float64])
def test_finite_at_large_values_and_keeps_dtype(name, dtype):
    activation = ACTIVATIONS[name]()
    Z = np.array([-1e4, -88, -1, -1e-30, 0, 1e-30, 1, 88, 1e4], dtype=dtype)
    Z = np.repeat(Z[:, np.newaxis], activation.n_pieces * 3, axis=1)
    A, cache = activation.forward(Z)  # a warning would be an error
    dZ = activation.backward(np.ones_like(A), A, cache)
    assert np.isfinite(A).all()
    assert np.isfinite(dZ).all()
    assert A.dtype == dZ.dtype == dtype


@parametrize("activation", [ELU(np.float64(0.5)), LeakyReLU(np.float64(0.2))], ids=repr)
def test_a_numpy_scalar_as_parameter_does_not_change_the_dtype(activation):
    A, cache = activation.forward(np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2))
    assert A.dtype == activation.backward(np.ones_like(A), A, cache).dtype == np.float32


@parametrize("name", NAMES)
def test_backward_needs_only_its_arguments(name):
    """It gets dA, A and the cache only. A net may reuse the memory of Z, unless A or the cache shares it."""
    activation = ACTIVATIONS[name]()
    rng = np.random.default_rng(0)
    Z, dA = rng.standard_normal((7, activation.n_pieces * 4)), rng.standard_normal((7, 4))
    kept = Z.copy()
    A, cache = activation.forward(Z)
    held = (A, *cache) if isinstance(cache, tuple) else (A, cache)
    if not any(np.shares_memory(Z, array) for array in held if array is not None):
        Z[:] = np.nan
    expected_A, expected_cache = activation.forward(kept)
    expected = activation.backward(dA.copy(), expected_A, expected_cache)
    np.testing.assert_array_equal(activation.backward(dA.copy(), A, cache), expected)
    np.testing.assert_array_equal(A, expected_A)


@parametrize("name", NAMES)
def test_forward_leaves_the_first_value_alone_when_called_again(name):
    activation = ACTIVATIONS[name]()
    Z = np.random.default_rng(0).standard_normal((7, activation.n_pieces * 4))
    first, _ = activation.forward(Z.copy())
    kept = first.copy()
    activation.forward(np.ones_like(Z))
    np.testing.assert_array_equal(first, kept)


@parametrize("name", NAMES)
def test_clone_pickle_repr(name):
    activation = ACTIVATIONS[name]()
    for copy in (clone(activation), pickle.loads(pickle.dumps(activation))):
        assert repr(copy) == repr(activation)
        assert copy.get_params() == activation.get_params()


# Reference values


@parametrize("name", NAMES)
def test_reference_values(name):
    activation, z = ACTIVATIONS[name](), np.linspace(-8, 8, 201)
    A, _ = activation.forward(np.repeat(z[:, np.newaxis], activation.n_pieces, axis=1))
    np.testing.assert_allclose(A[:, 0], REFERENCES[name](z), rtol=1e-12, atol=1e-14)


@parametrize(("name", "expected"), [("sigmoid", 0.25), ("tanh", 1.0), ("relu", 0.0), ("softplus", 0.5), ("gelu", 0.5)])
def test_slope_at_zero(name, expected):
    assert slope(ACTIVATIONS[name](), [0.0])[0] == pytest.approx(expected, abs=1e-15)


@parametrize(("alias", "name"), [("logistic", "sigmoid"), ("swish", "silu")])
def test_aliases(alias, name, iris, quiet):
    assert ALIASES[alias] is type(as_activation(alias)) is ACTIVATIONS[name]
    one, other = (ShallowNetClassifier(5, activation, max_iter=3, random_state=0) for activation in (alias, name))
    np.testing.assert_array_equal(one.fit(*iris).coefs_[0], other.fit(*iris).coefs_[0])
    assert one.get_params()["activation"] == alias


def test_every_activation_has_one_name():
    assert len(set(ACTIVATIONS.values())) == len(ACTIVATIONS)
    assert set(ALIASES.values()) <= set(ACTIVATIONS.values())
    assert not ALIASES.keys() & ACTIVATIONS.keys()


def test_an_alias_takes_nested_parameters_and_is_compared_under_its_own_name(iris, quiet):
    with pytest.raises(ValueError, match="Invalid parameter 'negative_slope' for estimator Sigmoid"):
        ShallowNetClassifier(activation="logistic").set_params(activation__negative_slope=0.1)
    net = ShallowNetClassifier(5, max_iter=3, random_state=0)
    comparison = compare_activations(net, *iris, activations=["relu", "logistic", "swish"], cv=2)
    assert list(comparison.scores_) == ["relu", "logistic", "swish"]


def test_constants_of_the_catalogue():
    sigmoid = ACTIVATIONS["sigmoid"]
    assert (sigmoid.gain, sigmoid.alpha_factor) == (4.0, 0.25)
    assert {name for name, kind in ACTIVATIONS.items() if kind.gain < 1} == {"relu", "leaky_relu", "maxout"}
    assert ACTIVATIONS["maxout"]().n_pieces == 2


def test_leaky_relu_at_its_limits():
    z = np.linspace(-3, 3, 13)
    np.testing.assert_array_equal(value(LeakyReLU(1), z), z)
    np.testing.assert_array_equal(value(LeakyReLU(0), z), value(ReLU(), z))
    np.testing.assert_array_equal(slope(LeakyReLU(0), z), slope(ReLU(), z))


def test_maxout_takes_the_first_winner():
    Z = np.array([[1.0, 2.0, 1.0, 3.0]])  # unit 0: a tie; unit 1: the second piece
    A, cache = Maxout(2).forward(Z)
    np.testing.assert_array_equal(A, [[1, 3]])
    np.testing.assert_array_equal(Maxout(2).backward(np.array([[5.0, 7.0]]), A, cache), [[5, 0, 0, 7]])


def test_maxout_gives_a_tie_of_three_to_the_first():
    Z = np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 2.0]])
    A, cache = Maxout(3).forward(Z.copy())
    np.testing.assert_array_equal(Maxout(3).backward(np.ones((2, 1)), A, cache), [[1, 0, 0], [0, 1, 0]])


# Custom activations


class Sine(Activation):
    def forward(self, Z):
        return np.sin(Z), Z

    def backward(self, dA, A, cache):
        return dA * np.cos(cache)


class Power(ElementwiseActivation):
    def __init__(self, exponent=2.0):
        self.exponent = exponent

    def value(self, Z):
        return np.maximum(Z, 0) ** float(self.exponent)

    def slope(self, A):
        return float(self.exponent) * A ** (1 - 1 / float(self.exponent))


class WrongSigmoid(Sigmoid):
    def slope(self, A):
        return 1.001 * super().slope(A)


@parametrize("activation", [Sine(), Power(), (np.sin, np.cos), FunctionActivation(np.sin, np.cos)], ids=repr)
def test_custom_activation_fits_pickles_and_searches(activation, iris):
    X, y = iris
    net = ShallowNetClassifier(10, activation, learning_rate_init=0.03, tol=1e-3, random_state=0)
    net = pickle.loads(pickle.dumps(clone(net).fit(X, y)))
    assert net.score(X, y) > 0.95
    search = GridSearchCV(net, {"activation": [activation, "relu", "tanh"]}, cv=2, n_jobs=2, error_score="raise")
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()
    assert net.fit(X.astype(np.float32), y).predict_proba(X.astype(np.float32)).dtype == np.float32


def test_a_pair_of_functions_equals_the_class(iris):
    X, y = iris
    kwargs = {"solver": "lbfgs", "init": "glorot_normal", "random_state": 0}
    pair = ShallowNetClassifier(5, (np.tanh, lambda z: 1 - np.tanh(z) ** 2), **kwargs).fit(X, y)
    own = ShallowNetClassifier(5, "tanh", **kwargs).fit(X, y)
    np.testing.assert_allclose(pair.predict_proba(X), own.predict_proba(X), atol=1e-6)


@parametrize(
    ("activation", "message"),
    [
        ((np.sin, np.sin), r"derivative of .* at z = .* it is .* but"),
        (WrongSigmoid(), r"derivative of WrongSigmoid\(\) .* at z = "),
        ((np.sin, lambda z: np.full_like(z, np.nan)), "at z = .* it is nan"),
        ((lambda z: 1e-6 * np.sin(z), lambda z: 2e-6 * np.cos(z)), "at z = "),
        ((lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0) * (z < 10)), "at z = "),
    ],
)
def test_a_wrong_derivative_is_refused(activation, message, iris):
    with pytest.raises(ValueError, match=message):
        ShallowNetClassifier(activation=activation).fit(*iris)


class Softmax(Activation):
    """Couples the units of a row."""

    def forward(self, Z):
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True), None

    def backward(self, dA, A, cache):
        return A * (dA - (dA * A).sum(axis=1, keepdims=True))


class WrongSoftmax(Softmax):
    """Ignores that units are coupled. A check of a single unit would not notice."""

    def backward(self, dA, A, cache):
        return dA * A * (1 - A)


class LayerNorm(Activation):
    def forward(self, Z):
        Z = Z - Z.mean(axis=1, keepdims=True)
        size = np.sqrt((Z**2).mean(axis=1, keepdims=True) + Z.dtype.type(1e-5))
        return Z / size, size

    def backward(self, dA, A, cache):
        return (dA - dA.mean(axis=1, keepdims=True) - A * (dA * A).mean(axis=1, keepdims=True)) / cache


def no_slope(z):
    return np.zeros_like(z)


@parametrize(
    "activation",
    [Softmax(), LayerNorm(), (np.sign, no_slope), (np.round, no_slope), (np.ones_like, no_slope), (np.abs, np.sign)],
    ids=["softmax", "layer norm", "sign", "round", "constant", "abs"],
)
def test_coupled_units_steps_constants_and_kinks_are_no_error(activation):
    check_derivative(as_activation(activation))


def test_an_ignored_coupling_is_refused():
    with pytest.raises(ValueError, match=r"derivative of WrongSoftmax\(\) does not match its value: at z = "):
        check_derivative(WrongSoftmax())


def test_an_activation_that_overflows_is_checked_as_in_a_fit(iris, quiet):
    before = np.seterr(all="raise")
    try:
        ShallowNetClassifier(5, (lambda z: np.exp(9 * z), lambda z: 9 * np.exp(9 * z)), max_iter=1).fit(*iris)
    finally:
        np.seterr(**before)


class Upcasting(Sine):
    def forward(self, Z):
        return np.sin(Z).astype(np.float64), Z


class Summing(Sine):
    def forward(self, Z):
        return np.sin(Z).sum(axis=1), Z


@parametrize(("activation", "message"), [(Upcasting(), "dtype float64"), (Summing(), r"Got shape \(100,\)")])
def test_a_wrong_shape_or_dtype_is_refused(activation, message, iris):
    with pytest.raises(ValueError, match=message):
        ShallowNetClassifier(activation=activation).fit(*iris)


def sine_from_its_value(a):
    return np.sqrt(1 - a**2)


OF_THE_VALUE = {
    name: (lambda z, kind=kind: kind().value(z.copy()), lambda a, kind=kind: 1.0 * kind().slope(a))
    for name, kind in ACTIVATIONS.items()
    if issubclass(kind, ElementwiseActivation) and name not in ("identity", "relu", "leaky_relu")
}
OF_THE_VALUE["course"] = (np.tanh, lambda a: 1 - a**2)
OF_THE_VALUE["not defined at z"] = (np.tanh, lambda a: np.sqrt(1 - a**2) ** 2)


@parametrize("name", OF_THE_VALUE)
def test_a_derivative_that_takes_the_value_is_named(name, iris):
    """Textbooks write it so. The form that the message gives is accepted."""
    g, derivative = OF_THE_VALUE[name]
    with pytest.raises(ValueError, match=r"takes z, but yours is correct only if it gets g\(z\)") as info:
        ShallowNetClassifier(activation=(g, derivative)).fit(*iris)
    (form,) = re.findall(r"write (\(.*\))\.$", str(info.value))
    check_derivative(as_activation(eval(form, {"g": g, "derivative": derivative})))


def refuses_large_numbers(z):
    if np.abs(z).max() < 1.5:
        raise OverflowError
    return z


@parametrize(
    "pair",
    [(np.tanh, lambda a: 1.001 * (1 - a**2)), (np.sin, sine_from_its_value), (np.sin, refuses_large_numbers)],
    ids=["almost", "sign lost", "fails at g(z)"],
)
def test_a_wrong_derivative_is_not_said_to_take_the_value(pair, iris):
    with pytest.raises(ValueError, match=r"Correct the second function of the pair. It takes z, not g\(z\)\.$"):
        ShallowNetClassifier(activation=pair).fit(*iris)


@parametrize("pair", [(lambda z: max(0, z), np.sign), (np.abs, lambda z: 1 if z > 0 else -1)], ids=["value", "slope"])
def test_functions_of_one_number_are_told_that_z_is_an_array(pair, iris):
    with pytest.raises(ValueError, match="truth value of an array") as caught:
        ShallowNetClassifier(activation=pair).fit(*iris)
    assert "It gets an array of z, not one number." in caught.value.__notes__[0]


@parametrize(
    "pair",
    [
        (lambda z: np.tanh(z, out=z), lambda z: 1 - np.tanh(z) ** 2),
        (lambda z: np.negative(z, out=z, where=z < 0), lambda z: np.sign(z)),  # only negative z change
    ],
    ids=["tanh", "abs"],
)
def test_a_function_that_changes_its_argument_is_named(pair, iris):
    with pytest.raises(ValueError, match=r"first function of the pair changes its argument\. Return a new array\.$"):
        ShallowNetClassifier(activation=pair).fit(*iris)


NO_PAIRS = {
    "a ufunc": (np.arctan, r"Got one function, <ufunc 'arctan'>"),
    "a function": (np.sinc, r"Got one function, <function sinc"),
    "a method": (Tanh().value, "Got one function, <bound method"),
    "one": ((np.sin,), r"Got \(<ufunc 'sin'>,\)"),
    "three": ((np.sin, np.cos, np.tan), r"Got \(<ufunc 'sin'>, <ufunc 'cos'>, <ufunc 'tan'>\)"),
    "none": ((), r"Got \(\)"),
    "a number": ((np.sin, 3), r"Got \(<ufunc 'sin'>, 3\)"),
    "names": (("sin", "cos"), r"Got \('sin', 'cos'\)"),
}


@parametrize("kind", NO_PAIRS)
@parametrize("use", ["fit", "partial_fit", "check_gradient", "compare_activations", "from_activations", "set_params"])
def test_all_but_a_pair_of_functions_is_refused(use, kind, iris):
    value, got = NO_PAIRS[kind]
    uses = {
        "fit": lambda: ShallowNetClassifier(activation=value).fit(*iris),
        "partial_fit": lambda: ShallowNetClassifier(activation=value).partial_fit(*iris, classes=[0, 1, 2]),
        "check_gradient": lambda: check_gradient(ShallowNetClassifier(activation=value), *iris),
        "compare_activations": lambda: compare_activations(ShallowNetClassifier(), *iris, activations={"own": value}),
        "from_activations": lambda: ActivationDisplay.from_activations([value]),
        "set_params": lambda: ShallowNetClassifier(activation=value).set_params(**nested).fit(*iris),
    }
    nested = {"activation__value": np.sin} if isinstance(value, tuple) else {}
    with pytest.raises(ValueError, match=rf"must be .* a pair of two functions .* {got}.*\. Give a pair,"):
        uses[use]()


def test_an_unknown_scheme_of_initial_weights_is_named(iris):
    class Own(Tanh):
        initializer = "xavier"

    with pytest.raises(ValueError, match=r"Unknown name 'xavier'\. Use one of \['glorot_normal'"):
        ShallowNetClassifier(3, Own()).fit(*iris)


def test_maxout_gradient_in_a_network():
    network = random_network(Maxout(3))
    assert network.gradient.W1.shape == (4, 15)
    network.value_and_gradient()
    assert (network.gradient.b1 != 0).any()


@parametrize("name", NAMES)
def test_docstrings_end_with_formula_and_paper(name):
    kind = ACTIVATIONS[name]
    assert kind.formula
    assert kind.reference or name == "identity"
    assert f"g(z) = {kind.formula}``" in kind.__doc__
    assert kind.__doc__.endswith(f"{kind.reference}." if kind.reference else "``")
