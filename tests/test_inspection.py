"""`transform`, the report on hidden units, and the displays."""

import pickle
import sys
import tracemalloc
from copy import deepcopy
from itertools import pairwise

import imblearn.pipeline
import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import NAMES
from imblearn.over_sampling import RandomOverSampler
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler, scale

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor, check_gradient
from sk_shallow._model.network import BLOCK_NUMBERS
from sk_shallow.activations import FunctionActivation, LeakyReLU, Maxout, as_activation
from sk_shallow.inspection import ActivationDisplay, HiddenWeightsDisplay, LossCurveDisplay, hidden_unit_report
from sk_shallow.inspection._nets import net_and_rows
from sk_shallow.inspection._units import Units

parametrize = pytest.mark.parametrize


def net_of(**kwargs):
    return ShallowNetClassifier(**{"hidden_size": 5, "max_iter": 5, "alpha": 0.1, "random_state": 0, **kwargs})


def with_weights(net, W1, b1, W2=None):
    """Return a fitted net with other weights."""
    net.coefs_[0][:], net.intercepts_[0][:] = W1, b1
    if W2 is not None:
        net.coefs_[1][:] = W2
    return net


# transform


@parametrize("activation", NAMES)
@parametrize("dtype", [np.float32, np.float64])
def test_transform_is_the_hidden_layer(activation, dtype, iris):
    X = iris[0].astype(dtype)
    net = net_of(activation=activation).fit(X, iris[1])
    A1 = net.transform(X)
    assert A1.shape == (150, 5)
    assert A1.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(A1 @ net.coefs_[1] + net.intercepts_[1], net.decision_function(X), atol=tolerance)
    assert_allclose(net.transform(sparse.csr_array(X)), A1, atol=tolerance)


def test_transform_works_in_blocks(iris):
    net = net_of(hidden_size=50).fit(*iris)
    X = np.tile(iris[0], (40, 1))
    assert len(X) > BLOCK_NUMBERS / 50
    assert_array_equal(net.transform(X)[-150:], net.transform(X[-150:]))


def test_transform_in_a_pipeline_with_names(iris):
    pipeline = make_pipeline(net_of().set_output(transform="pandas"), LogisticRegression()).fit(*iris)
    frame = pipeline[:-1].transform(iris[0])
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == [f"shallownetclassifier{k}" for k in range(5)]
    assert pipeline.score(*iris) > 0.5
    search = GridSearchCV(pipeline, {"shallownetclassifier__activation": ["tanh", "maxout"]}, cv=2).fit(*iris)
    assert search.best_estimator_[0].transform(iris[0]).shape == (150, 5)


def test_transform_refuses_overflow(iris):
    net = with_weights(net_of().fit(np.float32(iris[0]), iris[1]), 2.0, 0.0)
    with pytest.raises(ValueError, match="The hidden layer overflows: the largest number of X is 3e"):
        net.transform(np.full((1, 4), 3e38, dtype=np.float32))
    with pytest.raises(NotFittedError):
        net_of().transform(iris[0])


# The net in a pipeline, and the rows that reach it


class Sampler(BaseEstimator):
    """Changes rows in `fit` only, as the samplers of imbalanced-learn."""

    def fit_resample(self, X, y):
        return X[::2], y[::2]


class SamplingPipeline(Pipeline):
    """Has rules of its own for all that it does, and predicts names of classes."""

    def fit(self, X, y):
        *others, net = (step for _, step in self.steps)
        for step in others:
            X, y = step.fit_resample(X, y) if hasattr(step, "fit_resample") else (step.fit_transform(X), y)
        net.fit(X, y)
        return self

    def predict(self, X):
        *others, net = (step for _, step in self.steps)
        for step in others:
            X = X if hasattr(step, "fit_resample") else step.transform(X)
        return np.array(["a", "b", "c"])[net.predict(X)]


def imblearn_pipeline(net):
    return imblearn.pipeline.make_pipeline(StandardScaler(), RandomOverSampler(random_state=0), net)


PIPELINES = {
    "alone": lambda net: net,
    "pipeline": lambda net: make_pipeline(StandardScaler(), net),
    "nested": lambda net: make_pipeline(make_pipeline(StandardScaler(), MinMaxScaler()), make_pipeline(PCA(3), net)),
    "nothing": lambda net: Pipeline([("a", "passthrough"), ("b", None), ("net", net)]),
    "search outside": lambda net: GridSearchCV(make_pipeline(PCA(), net), {"pca__n_components": [3]}, cv=2),
    "search inside": lambda net: make_pipeline(MinMaxScaler(), GridSearchCV(net, {"alpha": [0.2]}, cv=2)),
    "own rules": lambda net: SamplingPipeline([("a", StandardScaler()), ("b", Sampler()), ("net", net)]),
    "imblearn": imblearn_pipeline,
    "imblearn in a search": lambda net: GridSearchCV(imblearn_pipeline(net), {"standardscaler": [PCA(3)]}, cv=2),
}


@parametrize("routing", [False, True])
@parametrize("kind", PIPELINES)
def test_the_rows_that_reach_the_net_are_those_of_predict(kind, routing, iris, monkeypatch):
    """This holds for every kind of pipeline. The pipeline does not change."""
    X = 1 + 2 * iris[0]
    with sklearn.config_context(enable_metadata_routing=routing):
        fitted = PIPELINES[kind](net_of()).fit(X, iris[1])
        before = pickle.dumps(fitted)
        net, rows = net_and_rows(fitted, X)
        report = hidden_unit_report(fitted, X)
        assert pickle.dumps(fitted) == before
        reached, predict = [], ShallowNetClassifier.predict
        monkeypatch.setattr(ShallowNetClassifier, "predict", lambda self, X: reached.append(X) or predict(self, X))
        fitted.predict(X)
    assert_array_equal(rows, reached[-1])
    assert_array_equal(report.means_, hidden_unit_report(net, rows).means_)


def test_displays_take_pipelines_that_resample(plt, iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    pipeline = imblearn_pipeline(net_of()).fit(X, iris[1])
    assert ActivationDisplay.from_estimator(pipeline, X).histogram[0].sum() > 0.99 * 150 * 5
    assert sorted(HiddenWeightsDisplay.from_estimator(pipeline).feature_names) == list("abcd")
    assert list(LossCurveDisplay.from_estimator(pipeline).curves) == ["relu"]


# The report


def test_dead_units_are_found(iris):
    net = with_weights(net_of().fit(*iris), 0.0, [-1, -1, 1, 1, 1])
    report = hidden_unit_report(net, iris[0])
    assert report.dead_.tolist() == [True, True, False, False, False]
    assert report.advice_ == ["2 of 5 units are dead. Try: alpha='auto' instead of 0.1."]
    leaky = with_weights(net_of(activation="leaky_relu").fit(*iris), 0.0, [-1, -1, 1, 1, 1])
    assert not hidden_unit_report(leaky, iris[0]).dead_.any()


@parametrize("activation", ["sigmoid", "tanh"])
def test_saturated_units_are_found(activation, iris):
    net = with_weights(net_of(activation=activation).fit(*iris), 0.0, [-9, 9, 0, 1, 2])
    report = hidden_unit_report(net, iris[0])
    assert report.saturated_.tolist() == [True, True, False, False, False]
    assert report.advice_ == ["2 of 5 units are saturated. Try: alpha='auto' instead of 0.1."]
    net.set_params(alpha="auto")  # then nothing is to blame, unless features are unscaled
    (advice,) = hidden_unit_report(net, iris[0]).advice_
    assert advice == "2 of 5 units are saturated. Scale the features, if they are not scaled."
    (advice,) = hidden_unit_report(net, 100 * iris[0]).advice_
    assert advice.startswith("2 of 5 units are saturated. Try: scale column ")


def test_a_relu_that_is_mostly_off_gets_no_advice(iris):
    net = with_weights(net_of().fit(*iris), np.eye(4, 5), [-1, -1, -1, -1, 1])
    report = hidden_unit_report(net, iris[0])
    assert report.saturated_.any()
    assert not any("saturated" in advice for advice in report.advice_)


def scaled_split(load, scaler=StandardScaler):
    X_train, X_test, y_train, y_test = train_test_split(*load(return_X_y=True), random_state=0)
    scaler = scaler().fit(X_train)
    return scaler.transform(X_train), scaler.transform(X_test), y_train, y_test


LOADERS = [load_breast_cancer, load_wine, load_digits]
HARMLESS = "units are switched off by the penalty. This is harmless: without them, the net predicts the same."


@parametrize("hidden_size", [20, 100])
def test_units_that_the_penalty_has_switched_off_are_harmless(hidden_size):
    """With default settings, the report says so, and the net without them predicts the same, also on new rows."""
    X_train, X_test, y_train, _ = scaled_split(load_breast_cancer)
    net = ShallowNetClassifier(hidden_size, random_state=0).fit(X_train, y_train)
    report = hidden_unit_report(net, X_train)
    assert report.advice_ == [f"{report.dead_.sum()} of {hidden_size} {HARMLESS}"]
    expected = net.predict_proba(X_test)
    net.coefs_[1][report.dead_] = 0
    assert_allclose(net.predict_proba(X_test), expected, atol=1e-6)


def test_no_unit_is_switched_off_by_a_penalty_of_zero(iris, quiet):
    weak = np.array([1e-6, 1e-6, 1, 1, 1])
    net = with_weights(net_of(alpha=0.0).fit(*iris), weak * np.ones((4, 1)), [-1, -1, 1, 1, 1], weak[:, np.newaxis])
    report = hidden_unit_report(net, iris[0])
    assert report.dead_[:2].all()
    assert not any("switched off" in line for line in report.advice_)


CAUSES = {  # settings that kill or saturate units, the scaler, and the advice
    "rate": ({"learning_rate_init": 1.0}, StandardScaler, "learning_rate_init=None instead of 1.0"),
    "rate, sigmoid": ({"learning_rate_init": 1.0, "activation": "sigmoid"}, StandardScaler, "learning_rate_init=None"),
    "sgd": ({"solver": "sgd"}, FunctionTransformer, "scale column "),
    "tanh": ({"activation": "tanh"}, FunctionTransformer, "scale column "),
    "scale": ({"init_scale": 300.0, "activation": "sigmoid"}, StandardScaler, "init_scale=1 instead of 300.0"),
    "strong": ({"alpha": 100.0}, StandardScaler, "alpha='auto' instead of 100.0"),
    "none": ({"alpha": 0.0, "init_scale": 2.5, "activation": "tanh"}, StandardScaler, "alpha='auto' instead of 0.0"),
}


@parametrize("cause", CAUSES)
def test_the_advice_names_the_cause_and_lowers_the_loss(cause, quiet):
    """On average of the data sets where there is advice, and there is on one at least."""
    params, scaler, text = CAUSES[cause]
    ratios = []
    for load in LOADERS:
        X_train, X_test, y_train, y_test = scaled_split(load, scaler)
        net = ShallowNetClassifier(random_state=0, **params).fit(X_train, y_train)
        advice = [line for line in hidden_unit_report(net, X_train).advice_ if "ry: " in line]
        if not advice:
            continue
        assert text in advice[0]
        before = log_loss(y_test, net.predict_proba(X_test))
        defaults = {name: value for name, value in ShallowNetClassifier().get_params().items() if name in text}
        X_train, X_test, y_train, y_test = scaled_split(load)
        better = net.set_params(**defaults).fit(X_train, y_train)
        ratios.append(log_loss(y_test, better.predict_proba(X_test)) / before)
    assert ratios
    assert np.mean(np.log(ratios)) < -0.05


def test_duplicates_shares_and_rank(iris):
    X = iris[0]
    W1 = np.zeros((4, 5))
    W1[0, :3], W1[1, 3] = [1, 2, -1], 1
    W2 = np.array([[1.0, 0, -1], [0, 0, 0], [0, 0, 0], [1, 0, -1], [5, 5, 5]])
    report = hidden_unit_report(with_weights(net_of(activation="identity").fit(*iris), W1, 0.0, W2), X)
    assert report.duplicate_of_.tolist() == [-1, 0, 0, -1, -1]
    assert_allclose(report.spreads_, [1, 2, 1, 1, 0], atol=1e-12)
    assert_allclose(report.shares_, [0.5, 0, 0, 0.5, 0], atol=1e-12)  # equal output weights change no probability
    p = np.linalg.svd(X[:, [0, 0, 0, 1]] * [1, 2, -1, 1], compute_uv=False)
    p = p[p > 1e-9] / p.sum()
    assert_allclose(report.effective_rank_, np.exp(-(p * np.log(p)).sum()))


def test_shares_of_labels_are_not_centred():
    """A unit that raises all logits equally changes no softmax probability, but every multilabel one."""
    X, y = make_multilabel_classification(100, n_features=4, n_classes=3, random_state=0)
    net = with_weights(net_of().fit(scale(X), y), 1.0, 0.0)
    net.coefs_[1][0], net.coefs_[1][1:] = 3, 0
    assert_allclose(hidden_unit_report(net, scale(X)).shares_, [1, 0, 0, 0, 0])


def test_few_rows_give_no_advice_on_rank(iris):
    report = hidden_unit_report(net_of(hidden_size=50, activation="tanh").fit(*iris), iris[0][:5])
    assert report.advice_ == ["Pass at least 150 rows to judge duplicates and rank."]


def test_the_report_takes_sparse_rows_and_refuses_overflow(iris):
    net = with_weights(net_of().fit(*iris), 1.0, 0.0)
    assert_allclose(hidden_unit_report(net, sparse.coo_array(iris[0])).means_, hidden_unit_report(net, iris[0]).means_)
    with pytest.raises(ValueError, match=r"The hidden layer overflows: the largest number of X is 1\.5\d*e\+308"):
        hidden_unit_report(net, iris[0] * 0.5e308)


def test_a_healthy_net_gets_no_advice(iris):
    net = net_of(activation="tanh", hidden_size=2, max_iter=1000).fit(*iris)
    assert hidden_unit_report(net, iris[0]).advice_ == []


@parametrize("activation", [*NAMES, Maxout(3), (np.sin, np.cos)])
def test_slopes_equal_central_differences(activation, iris):
    net = net_of(activation=activation).fit(*iris)
    ((Z, _, slopes),), g, h = Units(net, iris[0]).blocks(), as_activation(activation), 1e-6
    if as_activation(activation).n_pieces > 1:
        assert (slopes == 1).all()
        return
    expected = np.abs(g.forward(Z + h)[0] - g.forward(Z - h)[0]) / (2 * h)
    assert_allclose(slopes, expected, atol=1e-5)


@parametrize("activation", NAMES)
@parametrize("dtype", [np.float32, np.float64])
@parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_report_in_blocks_is_that_of_all_rows(activation, dtype, kind, iris, monkeypatch):
    """Its figures are those of the whole matrix of activations, whatever the size of a block."""
    X = iris[0].astype(dtype)
    net = net_of(activation=activation, hidden_size=8).fit(X, iris[1])
    A1 = net.transform(X).astype(np.float64)
    W2 = net.coefs_[1] - net.coefs_[1].mean(axis=1, keepdims=True)
    contributions = A1.var(axis=0) * (W2.astype(np.float64) ** 2).sum(axis=1)
    p = np.linalg.svd(A1 - A1.mean(axis=0), compute_uv=False)
    p = p[p > 1e-9] / p.sum()
    with np.errstate(invalid="ignore"):
        copies = np.tril(np.abs(np.corrcoef(A1.T)) > 0.999, -1)
    rtol = 1e-5 if dtype == np.float32 else 1e-9
    whole = hidden_unit_report(net, X)
    for numbers in (10**6, 100):
        monkeypatch.setattr("sk_shallow._model.network.BLOCK_NUMBERS", numbers)
        report = hidden_unit_report(net, kind(X))
        assert_allclose(report.means_, A1.mean(axis=0), rtol=rtol, atol=1e-12)
        assert_allclose(report.spreads_, A1.std(axis=0), rtol=rtol, atol=1e-12)
        assert_allclose(report.shares_, contributions / contributions.sum(), rtol=rtol, atol=1e-9)
        assert_allclose(report.effective_rank_, np.exp(-(p * np.log(p)).sum()), rtol=rtol)
        assert_array_equal(report.duplicate_of_ >= 0, copies.any(axis=1))
        assert_array_equal(report.dead_, whole.dead_)
        assert_array_equal(report.saturated_, whole.saturated_)


@parametrize("kind", [np.asarray, sparse.csr_array])
@parametrize("call", [hidden_unit_report, ActivationDisplay.from_estimator])
def test_inspection_needs_the_memory_of_a_block(call, kind, iris, plt):
    """It does not depend on the number of rows."""
    net, peaks = net_of(hidden_size=100).fit(*iris), []
    call(net, iris[0])  # so that imports are not measured
    for n_copies in (30, 300):
        X = kind(np.tile(iris[0], (n_copies, 1)))
        tracemalloc.start()
        call(net, X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 10 * 8 * BLOCK_NUMBERS


def test_the_loss_curve_of_one_class_is_zero(iris, plt):
    """A logarithmic axis would have nothing to show."""
    with pytest.warns(UserWarning, match="one class only"):
        net = net_of(alpha=0).fit(iris[0], np.zeros(150, dtype=int))
    assert LossCurveDisplay.from_estimator(net).ax_.get_yscale() == "linear"


@parametrize("activation", NAMES)
@parametrize("dtype", [np.float32, np.float64])
def test_huge_weights_give_readable_numbers(activation, dtype, iris, plt):
    """This holds for a net that has diverged, if its hidden layer does not overflow."""
    net = net_of(activation=activation).fit(iris[0].astype(dtype), iris[1])
    for array, exponent in zip(net.coefs_, (0.9, 0.99), strict=True):
        array *= dtype(10 ** int(exponent * np.log10(np.finfo(dtype).max)))
    with np.errstate(all="raise"):
        report = hidden_unit_report(net, iris[0])
        text, frame = f"{report}{report._repr_html_()}", report.to_frame()
        ActivationDisplay.from_estimator(net, iris[0])
        HiddenWeightsDisplay.from_estimator(net)
        LossCurveDisplay.from_estimator(net)
    assert "nan" not in text
    assert "inf" not in text
    assert max(map(len, str(report).splitlines())) < 100
    assert np.isfinite(frame["share"]).all()
    assert_allclose(frame["share"].sum(), 1)
    assert np.isfinite(report.effective_rank_)


@parametrize("activation", [*NAMES, (np.sin, np.cos)])
@parametrize("factor", [1e-200, 1.0, 1e200])
def test_inspection_under_seterr(activation, factor, iris, plt):
    """``numpy.seterr(all="raise")`` changes nothing, on rows and weights of any size."""
    X = iris[0] * 1e-300 if factor < 1 else iris[0]
    net = net_of(activation=activation).fit(*iris)
    net.coefs_[0] *= factor
    before, errors = hidden_unit_report(net, X), check_gradient(net, X, iris[1])
    histogram = ActivationDisplay.from_estimator(net, X).histogram
    with np.errstate(all="raise"):
        report = hidden_unit_report(net, X)
        assert str(report) == str(before)
        assert check_gradient(net, X, iris[1]) == errors
        assert_array_equal(ActivationDisplay.from_estimator(net, X).histogram[0], histogram[0])
        HiddenWeightsDisplay.from_estimator(net)
    assert_array_equal(report.shares_, before.shares_)


def test_displays_of_all_activations_under_seterr(plt):
    with np.errstate(all="raise"):
        assert len(ActivationDisplay.from_activations(limits=(-1e3, 1e3)).axes_) == 12


def test_report_as_text_frame_and_html(iris):
    pipeline = make_pipeline(StandardScaler(), net_of(hidden_size=30)).fit(*iris)
    report = hidden_unit_report(pipeline, iris[0])
    text, frame = str(report), report.to_frame()
    assert "30 units on 150 rows:" in text
    assert "The 20 units with the largest shares of the output are shown." in text
    assert frame.shape == (30, 6)
    assert_allclose(frame["share"].sum(), 1)
    assert report._repr_html_().count("<tr>") == 21
    assert_array_equal(report.shares_, hidden_unit_report(pipeline[-1], pipeline[0].transform(iris[0])).shares_)


def test_the_report_needs_a_fitted_net_and_two_rows(iris):
    with pytest.raises(NotFittedError):
        hidden_unit_report(net_of(), iris[0])
    with pytest.raises(ValueError, match=r"Got LogisticRegression instead\."):
        hidden_unit_report(LogisticRegression().fit(*iris), iris[0])
    with pytest.raises(ValueError, match=r"needs at least two rows\. Got 1\."):
        hidden_unit_report(net_of().fit(*iris), iris[0][:1])


# Displays


@pytest.fixture(scope="module")
def cancer_net():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return make_pipeline(StandardScaler(), net_of(activation="tanh", early_stopping=True, max_iter=15)).fit(X, y), X


def labels_of(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_activation_display_holds_values_slopes_and_saturation(plt):
    display = ActivationDisplay.from_activations()
    assert list(display.values_) == NAMES
    assert len(display.axes_) == 12
    z = display.z_
    assert_allclose(display.values_["tanh"], np.tanh(z))
    assert_allclose(display.slopes_["tanh"], 1 - np.tanh(z) ** 2)
    assert_array_equal(display.saturated_["relu"], z <= 0)
    assert_allclose(np.abs(z[display.saturated_["tanh"]]).min(), np.arctanh(np.sqrt(0.99)), atol=0.02)
    assert not display.saturated_["leaky_relu"].any()
    assert_allclose(display.values_["maxout"], np.maximum(z, 0))


def test_activation_display_of_one_and_of_a_pair(plt):
    _, ax = plt.subplots()
    display = ActivationDisplay.from_activations("gelu", limits=(-2, 2), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert len(ActivationDisplay.from_activations((np.sin, np.cos)).axes_) == 1
    with pytest.raises(ValueError, match=r"2 axes are needed\. Got 1"):
        ActivationDisplay.from_activations(["relu", "tanh"], ax=ax)


def test_activation_display_of_a_net_has_its_pre_activations(plt, cancer_net):
    pipeline, X = cancer_net
    display = ActivationDisplay.from_estimator(pipeline, X)
    Z1 = pipeline[0].transform(X) @ pipeline[-1].coefs_[0] + pipeline[-1].intercepts_[0]
    counts, edges = display.histogram
    assert (edges[0], edges[-1]) == display.limits
    assert_array_equal(counts, np.histogram(Z1, edges)[0])
    assert display.ax_.get_title() == "tanh"


@parametrize("factor", [1e-3, 1, 1.3, 2, 50, 1e100])
def test_the_range_of_a_net_holds_at_least_99_5_percent(plt, factor, iris, monkeypatch):
    """It ends at the quantile, rounded up by at most 1.1 %, but not below 3."""
    monkeypatch.setattr("sk_shallow._model.network.BLOCK_NUMBERS", 100)
    net = net_of(hidden_size=20).fit(*iris)
    net.coefs_[0] *= factor
    sizes = np.abs(iris[0] @ net.coefs_[0] + net.intercepts_[0])
    display = ActivationDisplay.from_estimator(net, iris[0])
    assert (sizes <= display.limits[1]).mean() >= 0.995
    assert 1 <= display.limits[1] / max(3, np.quantile(sizes, 0.995, method="inverted_cdf")) <= 1.011


def test_different_activations_keep_their_panels(plt):
    """Also two whose names are equal, or whose repr is, because it is abbreviated."""

    def table(values):
        return FunctionActivation(lambda z: np.interp(z, np.arange(len(values)), values), np.zeros_like)

    given = [(lambda z: z, np.ones_like), (lambda z: 2 * z, np.ones_like), "tanh", LeakyReLU(0.1), table(np.arange(9))]
    display = ActivationDisplay.from_activations(iter(given))
    assert list(display.values_) == ["<lambda> 0", "<lambda> 1", "tanh", "LeakyReLU(negative_slope=0.1)", "<lambda> 4"]
    assert_array_equal(display.values_["<lambda> 1"], 2 * display.values_["<lambda> 0"])


def test_loss_curve_display(plt, cancer_net):
    pipeline, _ = cancer_net
    net = pipeline[-1]
    display = LossCurveDisplay.from_estimator(pipeline, name="mine")
    assert_array_equal(display.curves["mine"], net.loss_curve_)
    assert_array_equal(display.validation_curves["mine"], -np.array(net.validation_scores_))
    assert display.kept_epochs_ == {"mine": int(np.argmax(net.validation_scores_)) + 1}
    training, validation, kept = display.ax_.get_lines()
    assert_array_equal(training.get_xdata(), np.arange(1, net.n_iter_ + 1))
    assert kept.get_xdata()[0] == display.kept_epochs_["mine"]
    assert display.ax_.get_yscale() == "log"
    assert len(validation.get_ydata()) == net.n_iter_


def test_loss_curves_of_several_nets(plt, iris, cancer_net):
    nets = [net_of(activation=activation).fit(*iris) for activation in ("relu", "tanh")]
    display = LossCurveDisplay.from_estimators(nets)
    assert list(display.curves) == ["relu", "tanh"]
    assert display.kept_epochs_ == {}
    scored = net_of(early_stopping=True, scoring="accuracy").fit(*iris)
    with pytest.raises(ValueError, match="needs scoring='loss'"):
        LossCurveDisplay.from_estimator(scored)


def test_loss_curve_of_a_warm_start_and_of_a_fit_that_diverged(plt, iris):
    net = net_of(early_stopping=True, warm_start=True)
    display = LossCurveDisplay.from_estimator(net.fit(*iris).fit(*iris))
    kept = display.ax_.get_lines()[-1].get_xdata()[0]
    assert kept == display.kept_epochs_["relu"] == 5 + np.argmax(net.validation_scores_) + 1
    diverged = net_of(early_stopping=True, solver="sgd", learning_rate_init=1e3, activation="identity", max_iter=30)
    with pytest.warns(match="diverged|worse than a constant"):
        diverged.fit(iris[0] * 10, iris[1])
    assert LossCurveDisplay.from_estimator(diverged).ax_.get_lines()[1].get_xdata()[0] == 1


def test_loss_curve_on_a_logarithmic_axis(plt, iris):
    _, ax = plt.subplots()
    ax.set_xscale("log")
    nets = [net_of().fit(*iris)] * 2
    assert list(LossCurveDisplay.from_estimators(nets, ax=ax).curves) == ["relu 0", "relu 1"]


CURVES = [[0.8, 0.2], [0.6931, 0.6921], [0.6931472, 0.6931471], [0.5, 0.5], [2, 0.02], [1, 1e-4], [1e-12, 1]]


@parametrize("losses", CURVES, ids=str)
def test_ticks_of_losses_are_decimal_numbers(plt, losses):
    display = LossCurveDisplay(curves={"relu": np.array(losses)}).plot()
    display.figure_.canvas.draw()
    low, high = display.ax_.get_ylim()
    axis = display.ax_.yaxis
    shown = [label.get_text() for label in axis.get_ticklabels() if low <= label.get_position()[1] <= high]
    assert_allclose([float(text) for text in shown], [y for y in axis.get_ticklocs() if low <= y <= high])
    assert 2 <= len(set(shown)) == len(shown) <= 12
    assert axis.get_minor_ticks() == []
    if low > 1e-4:
        assert not any("e" in text for text in shown)


@parametrize(("loss", "label"), [("squared_error", "loss"), ("poisson", "loss, nats per sample")])
def test_the_axis_of_a_loss_curve_has_its_unit(loss, label, plt, iris):
    X, y = iris
    net = ShallowNetRegressor(5, loss=loss, max_iter=5, random_state=0).fit(X, y + 1)
    assert LossCurveDisplay.from_estimator(net).ax_.get_ylabel() == label
    classifier = net_of(max_iter=5).fit(X, y)
    assert LossCurveDisplay.from_estimator(classifier).ax_.get_ylabel() == "loss, nats per sample"
    if loss == "squared_error":
        with pytest.raises(ValueError, match="needs losses with the same unit"):
            LossCurveDisplay.from_estimators([net, classifier])


@parametrize("display", [LossCurveDisplay, HiddenWeightsDisplay])
@parametrize("wrap", [lambda net: net, make_pipeline])
def test_displays_need_a_fitted_net(display, wrap, plt):
    with pytest.raises(NotFittedError):
        display.from_estimator(wrap(net_of()))


def test_activation_display_refuses_unknown_names_and_empty_lists(plt):
    for given, text in (("foo", "Unknown activation 'foo'"), ([], "no activation to draw")):
        with pytest.raises(ValueError, match=text):
            ActivationDisplay.from_activations(given)
    assert len(ActivationDisplay.from_activations(("relu", "tanh")).axes_) == 2


def test_names_go_through_nested_pipelines(plt, iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    turned = ColumnTransformer([("r", "passthrough", [3, 2, 1, 0])], verbose_feature_names_out=False)
    display = HiddenWeightsDisplay.from_estimator(
        make_pipeline(turned, make_pipeline(StandardScaler(), net_of())).fit(X, iris[1])
    )
    W1 = np.abs(display.weights).sum(axis=1)
    assert sorted(display.feature_names) == list("abcd")
    assert W1.shape == (4,)
    search = GridSearchCV(make_pipeline(PCA(2), net_of()), {"pca__n_components": [2]}, cv=2)
    display = HiddenWeightsDisplay.from_estimator(make_pipeline(StandardScaler(), search).fit(X, iris[1]))
    assert sorted(display.feature_names) == ["pca0", "pca1"]


class Renames(TransformerMixin, BaseEstimator):
    """Gives the columns of a frame new names. Other transformers take the old ones as an argument."""

    def fit(self, X, y=None):
        self.names_ = [f"new {name}" for name in X.columns]
        return self

    def transform(self, X):
        return X.to_numpy()

    def get_feature_names_out(self):
        return self.names_


class Misnames(Renames):
    def transform(self, X):
        return X.set_axis(self.names_, axis=1)

    def get_feature_names_out(self, input_features=None):
        return [f"x{j}" for j in range(len(self.names_))]


LOG, RENAME = FunctionTransformer(np.log1p), FunctionTransformer(lambda X: X.add_prefix("new "))
SAME_NAMES = {
    "earlier step": [LOG, StandardScaler()],
    "earlier step in a pipeline": [make_pipeline(LOG, StandardScaler())],
    "several pipelines": [LOG, make_pipeline(LOG, StandardScaler())],
    "only the net": [LOG],
    "sampler": [StandardScaler(), Sampler()],
}
NEW_NAMES = {
    "only the net, new": [RENAME],
    "new": [RENAME, StandardScaler()],
    "wrong": [Misnames(), StandardScaler()],
    "no argument": [Renames()],
    "no argument, later": [LOG, Renames()],
}


@parametrize("kind", [*SAME_NAMES, *NEW_NAMES])
def test_names_that_a_step_or_the_net_knows_are_found(plt, kind, iris):
    """Other steps may not know theirs, or not tell them."""
    X = pd.DataFrame(np.abs(iris[0]), columns=list("abcd"))
    steps, prefix = ({**SAME_NAMES, **NEW_NAMES})[kind], "new " * (kind in NEW_NAMES)
    pipeline = SamplingPipeline([(str(i), step) for i, step in enumerate([*steps, net_of()])]).fit(X, iris[1])
    assert sorted(HiddenWeightsDisplay.from_estimator(pipeline).feature_names) == [prefix + name for name in "abcd"]


def test_hidden_weights_as_heat_map_by_strength(plt, cancer_net):
    """Large weights into a unit count little if those out of it are small."""
    pipeline, X = deepcopy(cancer_net)
    W1, W2 = pipeline[-1].coefs_
    W2 /= np.square(np.linalg.norm(W1, axis=0) * np.linalg.norm(W2, axis=1))[:, np.newaxis]
    display = HiddenWeightsDisplay.from_estimator(pipeline, max_features=7)
    order = np.argsort(-np.linalg.norm(W1, axis=0) * np.linalg.norm(W2, axis=1))
    assert list(display.units) == [str(k) for k in order]
    assert display.weights.shape == (7, 5)
    assert set(display.feature_names) < set(X.columns)
    rows = [list(X.columns).index(name) for name in display.feature_names]
    assert_array_equal(display.weights, W1[rows][:, order])
    assert labels_of(display.ax_) == list(display.feature_names)


@parametrize("activation", ["relu", "maxout"])
@parametrize("length", [1, 60])
@parametrize("hidden_size", [1, 16, 1000])
def test_tick_labels_of_weights_do_not_overlap(plt, hidden_size, length, activation, digits):
    net = net_of(activation=activation, hidden_size=hidden_size, max_iter=1).fit(*digits)
    names = [f"{j:0{length}}" for j in range(64)]
    display = HiddenWeightsDisplay.from_estimator(net, max_units=min(hidden_size, 40), feature_names=names)
    display.figure_.canvas.draw()
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    width = display.ax_.get_window_extent().width / display.figure_.get_window_extent().width
    assert width > 0.3


def test_hidden_weights_as_images(plt, digits):
    net = net_of(activation="maxout").fit(*digits)
    display = HiddenWeightsDisplay.from_estimator(net, image_shape=(8, 8), max_units=6)
    assert len(display.axes_) == 6
    assert display.axes_[0].get_title().startswith("unit ")
    assert "piece" in display.axes_[0].get_title()
    image = display.axes_[0].get_images()[0]
    assert_array_equal(np.ravel(image.get_array()), display.weights[:, 0])
    assert image.get_clim()[0] == -image.get_clim()[1]
    with pytest.raises(ValueError, match="The net has 64 features"):
        HiddenWeightsDisplay.from_estimator(net, image_shape=(7, 8))


@parametrize("step", [FunctionTransformer(), "passthrough"])
def test_unknown_feature_names_are_numbered(plt, step, iris):
    display = HiddenWeightsDisplay.from_estimator(make_pipeline(step, net_of()).fit(*iris))
    assert sorted(display.feature_names) == ["x0", "x1", "x2", "x3"]


def test_without_matplotlib_the_message_says_so(monkeypatch, iris):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"LossCurveDisplay.plot requires matplotlib"):
        LossCurveDisplay.from_estimator(net_of().fit(*iris))


def test_without_pandas_the_message_says_so(monkeypatch, iris):
    report = hidden_unit_report(net_of().fit(*iris), iris[0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"HiddenUnitReport.to_frame requires pandas"):
        report.to_frame()


def test_no_net_cannot_be_drawn(plt):
    for nothing in ([], {}):
        with pytest.raises(ValueError, match="There is no net to draw"):
            LossCurveDisplay.from_estimators(nothing)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_infinite_pre_activations_are_not_drawn(activation, iris, plt, quiet):
    """The hidden activations are finite."""
    net = ShallowNetClassifier(5, activation, max_iter=3, random_state=0).fit(*iris)
    net.coefs_[0][0] = 100.0
    with pytest.raises(ValueError, match="The hidden layer overflows"):
        ActivationDisplay.from_estimator(net, iris[0][:, :1] * [[1e307, 0, 0, 0]])
