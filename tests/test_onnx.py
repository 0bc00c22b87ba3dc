"""ONNX models: onnxruntime predicts the same as the net."""

import sys

import numpy as np
import pytest
from helpers import NAMES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow.activations import ACTIVATIONS, ELU, Activation, FunctionActivation, LeakyReLU, Maxout, ReLU, Tanh
from sk_shallow.losses import LOSSES, Quantile
from sk_shallow.onnx import register_converter

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

parametrize = pytest.mark.parametrize
DTYPES = [np.float32, np.float64]
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}
WITH_PARAMETERS = [LeakyReLU(0.3), ELU(2.5), Maxout(1), Maxout(5)]
PROBLEMS = ["binary", "multiclass", "multilabel"]


class Square(Activation):
    def forward(self, Z):
        return Z * Z, Z

    def backward(self, dA, A, cache):
        return 2 * dA * cache


class SquareWithForm(Square):
    def to_onnx(self, Z, graph):
        return graph("Mul", Z, Z)


class Sine(FunctionActivation):
    """A pair of functions with its ONNX form."""

    def to_onnx(self, Z, graph):
        return graph({np.sin: "Sin", np.cos: "Cos"}[self.value], Z)


class SineAgain(Sine):
    to_onnx = Sine.to_onnx


class SmallReLU(ReLU):
    """Computes something else than its base."""

    def value(self, Z):
        return 0.5 * super().value(Z)

    def slope(self, A):
        return 0.5 * (A > 0)


@pytest.fixture(autouse=True)
def registered(quiet):
    register_converter()


def net_of(activation="relu", **kwargs):
    settings = {"hidden_size": 6, "max_iter": 5, "alpha": 0.1, "random_state": 0, **kwargs}
    return ShallowNetClassifier(activation=activation, **settings)


def model_of(estimator, X, target_opset=None, **options):
    return skl2onnx.to_onnx(estimator, X[:1], options={"zipmap": False, **options}, target_opset=target_opset)


def run(model, X):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


def assert_same_predictions(estimator, X):
    labels, probabilities = run(model_of(estimator, X), X)
    assert_array_equal(labels, estimator.predict(X))
    assert probabilities.dtype == X.dtype
    assert_allclose(probabilities, estimator.predict_proba(X), rtol=0, atol=TOLERANCE[X.dtype.type])


# Every activation, dtype and problem


@parametrize("dtype", DTYPES)
@parametrize("problem", PROBLEMS)
@parametrize("activation", [*NAMES, *WITH_PARAMETERS], ids=str)
def test_the_same_predictions(activation, problem, dtype, problems):
    X, y = problems[problem]
    X = X.astype(dtype)
    assert_same_predictions(net_of(activation).fit(X, y), np.vstack([X, 3 * X]))


@parametrize("dtype", DTYPES)
@parametrize("activation", [*(ACTIVATIONS[name]() for name in NAMES), *WITH_PARAMETERS], ids=str)
def test_values_of_activations(activation, dtype):
    p, n1, rng = activation.n_pieces, 3, np.random.default_rng(0)
    Z = np.vstack([rng.uniform(-scale, scale, (200, p * n1)) for scale in (1e-3, 1, 10, 100, 1e4)]).astype(dtype)
    net = net_of(activation, hidden_size=n1).fit(Z[200:400], rng.integers(2, size=(200, n1)))
    net.coefs_ = [np.eye(p * n1, dtype=dtype), np.eye(n1, dtype=dtype)]
    net.intercepts_ = [np.zeros(p * n1, dtype=dtype), np.zeros(n1, dtype=dtype)]
    _, A = run(model_of(net, Z, raw_scores=True), Z)
    error = np.abs(A - activation.forward(Z.copy())[0]) / (1 + np.abs(Z).reshape(len(Z), p, n1).max(axis=1))
    assert error.max() < 8 * np.finfo(dtype).eps


@parametrize("dtype", DTYPES)
@parametrize("problem", PROBLEMS)
@parametrize("activation", [*NAMES, *WITH_PARAMETERS], ids=str)
def test_huge_inputs_give_finite_probabilities(activation, problem, dtype, problems):
    X, y = problems[problem]
    X = X.astype(dtype)
    net = net_of(activation).fit(X, y)
    model, huge = model_of(net, X), X * dtype(1e30)
    labels, probabilities = run(model, huge)
    assert_array_equal(labels, net.predict(huge))
    assert_allclose(probabilities, net.predict_proba(huge), rtol=0, atol=TOLERANCE[dtype])
    _, probabilities = run(model, np.sign(X) * np.finfo(dtype).max)
    assert np.isfinite(probabilities).all()
    assert problem == "multilabel" or np.allclose(probabilities.sum(axis=1), 1)
    assert np.isnan(run(model, np.full_like(X, np.nan))[1]).all()


def test_small_probabilities_keep_their_digits(problems):
    X, y = problems["multilabel"]
    X = X.astype(np.float32)
    net = net_of().fit(X, y)
    net.coefs_[1] *= 30
    probabilities = net.predict_proba(X)
    assert probabilities.min() < 1e-12
    assert_allclose(run(model_of(net, X), X)[1], probabilities, rtol=1e-4)


@parametrize("target_opset", [12, 13, 18, None])
@parametrize("dtype", DTYPES)
@parametrize("activation", ["maxout", "gelu", "elu"])
def test_opsets(activation, dtype, target_opset, iris):
    X = iris[0].astype(dtype)
    net = net_of(activation).fit(X, iris[1])
    _, probabilities = run(model_of(net, X, target_opset), X)
    assert_allclose(probabilities, net.predict_proba(X), rtol=0, atol=TOLERANCE[dtype])


# Labels


@parametrize("n_classes", [2, 3])
@parametrize(
    ("labels", "dtype"),
    [
        (np.array(["no", "yes", "Übrige"]), np.dtype(object)),
        (np.array(["no", "yes", "Übrige"], dtype=object), np.dtype(object)),
        (np.array([-7, 2, 2**40]), np.dtype(np.int64)),
        (np.array([3, 5, 200], dtype=np.uint8), np.dtype(np.int64)),
        (np.array([1.0, 2.0, 4.0]), np.dtype(np.int64)),
    ],
    ids=["str", "object", "int", "uint8", "float"],
)
def test_labels_of_every_kind(labels, dtype, n_classes, iris):
    X, y = iris
    net = net_of().fit(X, labels[np.minimum(y, n_classes - 1)])
    predicted, _ = run(model_of(net, X), X)
    assert predicted.shape == (len(X),)
    assert predicted.dtype == dtype
    assert_array_equal(predicted, net.predict(X))


def test_boolean_labels_become_integers(iris):
    X, y = iris
    net = net_of().fit(X, y == 1)
    labels, _ = run(model_of(net, X), X)
    assert labels.dtype == np.int64
    assert_array_equal(labels, net.predict(X).astype(int))


def test_multilabel_labels_are_ones_and_zeros(problems):
    X, y = problems["multilabel"]
    labels, _ = run(model_of(net_of().fit(X, y), X), X)
    assert labels.dtype == np.int64
    assert labels.shape == y.shape
    assert set(np.unique(labels)) == {0, 1}


@parametrize("problem", PROBLEMS)
def test_declared_shapes(problem, problems):
    X, y = problems[problem]
    model = model_of(net_of().fit(X, y), X)
    declared = [[d.dim_value for d in output.type.tensor_type.shape.dim][1:] for output in model.graph.output]
    assert declared == [list(array.shape[1:]) for array in run(model, X)]


@parametrize("dtype", DTYPES)
@parametrize("label", ["only", 4])
def test_one_class(label, dtype, iris):
    X = iris[0].astype(dtype)
    with pytest.warns(UserWarning, match="one class only"):
        net = net_of().fit(X, np.full(len(X), label))
    labels, probabilities = run(model_of(net, X), X)
    assert labels.tolist() == [label] * len(X)
    assert_array_equal(probabilities, np.ones((len(X), 1)))


def test_in_a_tie_the_first_class_wins(iris):
    X, y = iris
    for classes in (y, y == 1):
        net = net_of().fit(X, classes)
        net.coefs_[1][:] = net.intercepts_[1][:] = 0
        assert_array_equal(run(model_of(net, X), X)[0], net.predict(X))


# Options


@parametrize("problem", PROBLEMS)
def test_raw_scores(problem, problems):
    X, y = problems[problem]
    net = net_of().fit(X, y)
    labels, scores = run(model_of(net, X, raw_scores=True), X)
    logits = net.decision_function(X)
    assert_allclose(scores, np.column_stack([-logits, logits]) if problem == "binary" else logits, atol=1e-12)
    assert_array_equal(labels, net.predict(X))


@parametrize("problem", PROBLEMS)
def test_zipmap_of_dictionaries(problem, problems):
    X, y = problems[problem]
    X = X.astype(np.float32)
    net = net_of().fit(X, y)
    for options in ({"zipmap": True}, None):
        labels, rows = run(skl2onnx.to_onnx(net, X[:1], options=options), X)
        assert_array_equal(labels, net.predict(X))
        assert list(rows[0]) == net.classes_.tolist()
        assert_allclose([list(row.values()) for row in rows], net.predict_proba(X), rtol=0, atol=1e-6)


@parametrize("dtype", DTYPES)
@parametrize("problem", PROBLEMS)
def test_zipmap_of_columns(problem, dtype, problems):
    X, y = problems[problem]
    X = X.astype(dtype)
    net = net_of().fit(X, y)
    labels, *columns = run(model_of(net, X, zipmap="columns"), X)
    assert_array_equal(labels, net.predict(X))
    assert_allclose(np.column_stack(columns), net.predict_proba(X), rtol=0, atol=TOLERANCE[dtype])


def test_nocl_returns_the_indices_of_the_classes(problems):
    X, y = problems["binary"]
    net = net_of().fit(X, y)
    labels, _ = run(model_of(net, X, nocl=True), X)
    assert_array_equal(net.classes_[labels], net.predict(X))


@parametrize("problem", PROBLEMS)
def test_output_class_labels(problem, problems):
    X, y = problems[problem]
    net = net_of().fit(X, y)
    *_, classes = run(model_of(net, X, output_class_labels=True), X)
    assert classes.tolist() == net.classes_.tolist()


def test_an_unknown_option_is_refused(iris):
    with pytest.raises(NameError, match="no_such_option"):
        model_of(net_of().fit(*iris), iris[0], no_such_option=True)


# Pipelines and inputs


@parametrize("dtype", DTYPES)
@parametrize("problem", PROBLEMS)
def test_a_pipeline(problem, dtype, problems):
    X, y = problems[problem]
    assert_same_predictions(make_pipeline(StandardScaler(), net_of("gelu")).fit(X, y), X.astype(dtype))


def test_options_of_a_net_in_a_pipeline(iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), net_of()).fit(X, y)
    options = {id(pipeline[-1]): {"zipmap": False, "raw_scores": True}}
    _, scores = run(skl2onnx.to_onnx(pipeline, X[:1], options=options), X)
    assert_allclose(scores, pipeline.decision_function(X), atol=1e-12)


@parametrize("estimator", [net_of(), make_pipeline(StandardScaler(), net_of())], ids=["net", "pipeline"])
def test_a_search(estimator, iris):
    X, y = iris
    search = GridSearchCV(estimator, {}, cv=2).fit(X, y)
    assert_same_predictions(search, X)


@parametrize("ensemble", [True, False])
@parametrize("dtype", DTYPES)
@parametrize("problem", ["binary", "multiclass"])
def test_a_calibrated_net_behind_a_scaler(problem, dtype, ensemble, problems):
    X, y = problems[problem]
    calibrated = CalibratedClassifierCV(net_of(), cv=3, ensemble=ensemble)
    assert_same_predictions(make_pipeline(StandardScaler(), calibrated).fit(X, y), X.astype(dtype))


@pytest.mark.skipif(not skl2onnx.__version__.startswith("1.20."), reason="the page says this of skl2onnx 1.20")
@parametrize("classifier", [net_of(max_iter=30), LogisticRegression(max_iter=1000)])
@parametrize(
    "calibrate",
    [
        lambda classifier: CalibratedClassifierCV(make_pipeline(StandardScaler(), classifier), cv=3),
        lambda classifier: make_pipeline(StandardScaler(), CalibratedClassifierCV(classifier, method="isotonic", cv=3)),
    ],
    ids=["scaler inside", "isotonic"],
)
def test_other_calibrated_models_are_wrong(calibrate, classifier):
    """This is why the page names one form."""
    X, y = load_breast_cancer(return_X_y=True)
    calibrated = calibrate(classifier).fit(X, y)
    _, probabilities = run(model_of(calibrated, X), X)
    assert np.abs(probabilities - calibrated.predict_proba(X)).max() > 0.01


@parametrize("classifier", [net_of(), LogisticRegression()], ids=["net", "LogisticRegression"])
def test_a_tuned_threshold_is_ignored(classifier):
    """skl2onnx converts the classifier inside, with the threshold 0.5. The page says so."""
    X, y = load_breast_cancer(return_X_y=True)
    X = X.astype(np.float32)
    tuned = TunedThresholdClassifierCV(make_pipeline(StandardScaler(), classifier), cv=2, scoring="precision").fit(X, y)
    labels, probabilities = run(model_of(tuned, X), X)
    assert_allclose(probabilities, tuned.predict_proba(X), rtol=0, atol=1e-5)
    assert_array_equal(labels, probabilities[:, 1] > 0.5)
    assert (labels != tuned.predict(X)).any()


def test_an_indicator_of_gaps_before_a_scaler_is_refused(iris):
    X, y = iris[0].copy(), iris[1]
    X[::10, 0] = np.nan
    model = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), net_of()).fit(X, y)
    with pytest.raises(RuntimeError, match="Mismatch between expected shape"):
        model_of(model, X)


def test_integers_are_computed_in_float32(iris):
    X, y = (3 * iris[0]).astype(np.int64), iris[1]
    net = net_of().fit(X.astype(np.float32), y)
    labels, probabilities = run(model_of(net, X), X)
    assert probabilities.dtype == np.float32
    assert_array_equal(labels, net.predict(X))
    assert_allclose(probabilities, net.predict_proba(X), rtol=0, atol=1e-6)


def test_no_rows(iris):
    X, y = iris
    model = model_of(net_of("maxout").fit(X, y), X)
    assert [array.shape for array in run(model, X[:0])] == [(0,), (0, 3)]


# Regressors


def regressor_of(X, activation="relu", loss="squared_error", n_outputs=1):
    y = np.exp(X[:, :n_outputs]).astype(np.float64)
    y = y if loss == "poisson" else 5 * y - 20
    return ShallowNetRegressor(6, activation, loss=loss, max_iter=5, alpha=0.1, random_state=0).fit(
        X, y[:, 0] if n_outputs == 1 else y
    )


def run_regressor(estimator, X):
    return run(skl2onnx.to_onnx(estimator, X[:1]), X)[0]


@parametrize("dtype", DTYPES)
@parametrize("n_outputs", [1, 2])
@parametrize("loss", LOSSES)
@parametrize("activation", NAMES)
def test_the_same_numbers(activation, loss, n_outputs, dtype, iris):
    """Errors are relative to the largest prediction."""
    X = iris[0].astype(dtype)
    net = regressor_of(X, activation, loss, n_outputs)
    for estimator in (net, make_pipeline(StandardScaler(), net).fit(X, net.predict(X) + (loss == "poisson"))):
        numbers, expected = run_regressor(estimator, X), estimator.predict(X)
        assert numbers.dtype == dtype
        assert numbers.shape == (len(X), n_outputs)
        atol = TOLERANCE[dtype] * max(1, np.abs(expected).max())
        assert_allclose(numbers.reshape(expected.shape), expected, rtol=0, atol=atol)


@parametrize("dtype", DTYPES)
@parametrize("loss", LOSSES)
def test_huge_inputs_give_finite_numbers(loss, dtype, iris):
    X = iris[0].astype(dtype)
    net = regressor_of(X, loss=loss)
    if loss != "poisson":
        net.target_scale_ = 1e6 * net.target_scale_
    for huge in (X * dtype(1e30), np.sign(X) * np.finfo(dtype).max):
        assert np.isfinite(run_regressor(net, huge)).all()
    assert np.isnan(run_regressor(net, np.full_like(X, np.nan))).all()


@pytest.mark.filterwarnings("ignore:y is constant:UserWarning")
@parametrize("dtype", DTYPES)
@parametrize("loss", LOSSES)
def test_a_constant_number(loss, dtype, iris):
    X = iris[0].astype(dtype)
    net = ShallowNetRegressor(5, loss=loss, random_state=0).fit(X, np.full(150, 0.1))
    assert_array_equal(run_regressor(net, X)[:, 0], net.predict(X))


def test_an_unknown_output_function_is_refused(iris):
    class Own(Quantile):
        def predictions(self, Z2):
            return Z2**2

    net = ShallowNetRegressor(5, loss=Own(), max_iter=5, alpha=0.1, random_state=0).fit(*iris)
    with pytest.raises(ValueError, match=r"Only the output functions identity and exp can be exported"):
        run_regressor(net, iris[0])


@parametrize("target_opset", [12, 13, 18, None])
def test_opsets_of_regressors(target_opset, iris):
    net = regressor_of(iris[0], "gelu", "poisson")
    model = skl2onnx.to_onnx(net, iris[0][:1], target_opset=target_opset)
    assert_allclose(run(model, iris[0])[0][:, 0], net.predict(iris[0]), rtol=1e-12)


# Custom activations


@parametrize("activation", [Square(), SmallReLU(), (np.sin, np.cos)], ids=["class", "subclass", "pair"])
def test_an_activation_without_its_own_form_is_refused(activation, iris):
    X, y = iris
    net = net_of(activation).fit(X, y)
    name = type(net._activation).__name__
    with pytest.raises(
        ValueError, match=rf"Got .*{name}.* Write to_onnx\(self, Z, graph\) in (a subclass of )?{name}\."
    ):
        model_of(make_pipeline(net), X)


@parametrize("dtype", DTYPES)
@parametrize("activation", [SquareWithForm(), Sine(np.sin, np.cos), SineAgain(np.sin, np.cos)], ids=repr)
def test_an_activation_with_its_own_form(activation, dtype, iris):
    X = iris[0].astype(dtype)
    assert_same_predictions(net_of(activation).fit(X, iris[1]), X)


def test_an_inherited_form_is_refused_even_if_it_is_right(iris):
    class SameTanh(Tanh):
        """Computes the same as its base, which conversion cannot know."""

    with pytest.raises(ValueError, match="to_onnx of its own, not an inherited one"):
        model_of(net_of(SameTanh()).fit(*iris), iris[0])


@parametrize("name", NAMES)
def test_every_activation_has_its_own_form(name):
    assert "to_onnx" in vars(ACTIVATIONS[name])


# Refusals


@parametrize("estimator", [net_of(), make_pipeline(StandardScaler(), net_of())], ids=["net", "pipeline"])
def test_dictionaries_of_float64_are_refused(estimator, iris):
    X, y = iris
    with pytest.raises(ValueError, match=r'zipmap=True needs float32.*options=\{"zipmap": False\}'):
        skl2onnx.to_onnx(estimator.fit(X, y), X[:1])


def test_an_old_opset_is_refused(iris):
    with pytest.raises(ValueError, match=r"target_opset must be 12 or later. Got target_opset=11"):
        model_of(net_of().fit(*iris), iris[0], target_opset=11)


def test_without_skl2onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="pip install skl2onnx"):
        register_converter()


class Forgetful(Square):
    def to_onnx(self, Z, graph):
        graph("Mul", Z, Z)


def test_a_form_without_a_result_is_named(problems):
    X, y = problems["binary"]
    with pytest.raises(ValueError, match="to_onnx of Forgetful must return the name of its last"):
        model_of(net_of(Forgetful()).fit(X, y), X)
