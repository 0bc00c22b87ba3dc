"""`transform`, the report on hidden units, and the displays."""

import sys

import numpy as np
import pytest
from helpers import NAMES
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale

from sk_shallow import ShallowNetClassifier
from sk_shallow._model.network import BLOCK_NUMBERS
from sk_shallow.activations import Maxout, as_activation
from sk_shallow.inspection import ActivationDisplay, HiddenWeightsDisplay, LossCurveDisplay, hidden_unit_report
from sk_shallow.inspection._units import units_of

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
    pandas = pytest.importorskip("pandas")
    pipeline = make_pipeline(net_of().set_output(transform="pandas"), LogisticRegression()).fit(*iris)
    frame = pipeline[:-1].transform(iris[0])
    assert isinstance(frame, pandas.DataFrame)
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


# The report


def test_dead_units_are_found_and_leaky_relu_is_advised(iris):
    net = with_weights(net_of().fit(*iris), 0.0, [-1, -1, 1, 1, 1])
    report = hidden_unit_report(net, iris[0])
    assert report.dead_.tolist() == [True, True, False, False, False]
    assert report.advice_ == [
        "2 of 5 units are dead. Try leaky_relu, init='he_normal', a smaller learning rate or fewer units."
    ]
    leaky = with_weights(net_of(activation="leaky_relu").fit(*iris), 0.0, [-1, -1, 1, 1, 1])
    assert not hidden_unit_report(leaky, iris[0]).dead_.any()


@parametrize("activation", ["sigmoid", "tanh"])
def test_saturated_units_are_found(activation, iris):
    net = with_weights(net_of(activation=activation).fit(*iris), 0.0, [-9, 9, 0, 1, 2])
    report = hidden_unit_report(net, iris[0])
    assert report.saturated_.tolist() == [True, True, False, False, False]
    assert report.advice_[0].startswith("2 of 5 units are saturated. Scale the features")


def test_a_relu_that_is_mostly_off_gets_no_advice(iris):
    net = with_weights(net_of().fit(*iris), np.eye(4, 5), [-1, -1, -1, -1, 1])
    report = hidden_unit_report(net, iris[0])
    assert report.saturated_.any()
    assert not any("saturated" in advice for advice in report.advice_)


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
    with pytest.raises(ValueError, match="The hidden layer overflows"):
        hidden_unit_report(net, iris[0] * 1e306)


def test_a_healthy_net_gets_no_advice(iris):
    net = net_of(activation="tanh", hidden_size=2, max_iter=60).fit(*iris)
    assert hidden_unit_report(net, iris[0]).advice_ == []


@parametrize("activation", [*NAMES, Maxout(3), (np.sin, np.cos)])
def test_slopes_equal_central_differences(activation, iris):
    net = net_of(activation=activation).fit(*iris)
    units, g, h = units_of(net, iris[0]), as_activation(activation), 1e-6
    if as_activation(activation).n_pieces > 1:
        assert (units.slopes == 1).all()
        return
    Z = units.Z1
    expected = np.abs(g.forward(Z + h)[0] - g.forward(Z - h)[0]) / (2 * h)
    assert_allclose(units.slopes, expected, atol=1e-5)


def test_report_as_text_frame_and_html(iris):
    pytest.importorskip("pandas")
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
    return make_pipeline(StandardScaler(), net_of(activation="tanh", early_stopping=True, max_iter=20)).fit(X, y), X


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
    assert_allclose(display.pre_activations, Z1)
    assert display.ax_.get_title() == "tanh"


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
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(iris[0], columns=list("abcd"))
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


def test_hidden_weights_as_heat_map_by_strength(plt, cancer_net):
    pipeline, X = cancer_net
    display = HiddenWeightsDisplay.from_estimator(pipeline, max_features=7)
    W1, W2 = pipeline[-1].coefs_
    order = np.argsort(-np.linalg.norm(W1, axis=0) * np.linalg.norm(W2, axis=1))
    assert list(display.units) == [str(k) for k in order]
    assert display.weights.shape == (7, 5)
    assert set(display.feature_names) < set(X.columns)
    rows = [list(X.columns).index(name) for name in display.feature_names]
    assert_array_equal(display.weights, W1[rows][:, order])
    assert labels_of(display.ax_) == list(display.feature_names)


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
