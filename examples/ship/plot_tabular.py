"""
Tabular data: from a messy frame to a tuned, calibrated net
===========================================================

A data frame has numbers, categories and gaps, several rows per person, and a rare
class. You build a pipeline, compare it with other classifiers, tune it, choose a
threshold, check its probabilities, see which columns it uses, and save it. You need
pandas (``pip install pandas``).
"""

from pathlib import Path
from tempfile import mkdtemp

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    StratifiedGroupKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_shallow import ShallowNetClassifier


# %%
# The frame
# ---------
# Each row is a visit of a customer to a shop. Does the customer return the goods? The
# data are made up, so that the page needs no download and the truth is known: returns
# depend on the price, on how the price fits the category, and on the customer.
def visits(n_customers=600, per_customer=4, seed=0):
    """Return a frame of visits, whether the goods came back, and the customers."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n_customers), per_customer)
    n = len(customer)
    frame = pd.DataFrame(
        {
            "price": rng.lognormal(3.5, 0.6, n),
            "age": rng.integers(18, 80, n_customers)[customer].astype(float),
            "hour": rng.uniform(8, 22, n),
            "category": rng.choice(["books", "shoes", "toys", "garden"], n),
            "payment": rng.choice(["card", "invoice"], n, p=[0.7, 0.3]),
        }
    )
    usual = frame["category"].map({"books": 20, "shoes": 70, "toys": 30, "garden": 50})
    z = 1.8 * np.abs(np.log(frame["price"] / usual)) + (frame["payment"] == "invoice")
    z += (
        0.8 * np.cos((frame["hour"] - 21) / 4)
        + rng.normal(0, 0.7, n_customers)[customer]
    )
    y = (rng.random(n) < 1 / (1 + np.exp(4.6 - 1.2 * z))).astype(int)
    for column, share in {"age": 0.15, "hour": 0.05, "category": 0.05}.items():
        frame.loc[rng.random(n) < share, column] = None
    return frame, y, customer


X, y, customer = visits()
print(X.head().to_string(index=False))
print(f"\n{len(X):,} rows, {y.mean():.0%} returns; gaps:")
print(X.isna().mean().map("{:.0%}".format).to_string())

# %%
# All rows of a customer go to the same side of a split. Otherwise the model would know
# its test customers, and the scores would be too good.
train, test = next(
    GroupShuffleSplit(1, test_size=0.4, random_state=0).split(X, y, customer)
)
X_train, y_train, groups = X.iloc[train], y[train], customer[train]
X_test, y_test = X.iloc[test], y[test]

# %%
# The pipeline
# ------------
# A net needs numbers without gaps, on one scale. ``add_indicator`` adds a column that
# says where a gap was. ``OneHotEncoder`` treats a gap as one more category.
numbers = make_pipeline(
    SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
)
columns = ColumnTransformer(
    [
        ("numbers", numbers, ["price", "age", "hour"]),
        ("names", OneHotEncoder(handle_unknown="ignore"), ["category", "payment"]),
    ]
)


def pipeline(classifier):
    """Return the pipeline that ends in a classifier."""
    return make_pipeline(columns, classifier)


# The net itself holds out rows, too, to choose its penalty. It must get ``groups``, so
# that the rows of a customer stay together there. With metadata routing, pipelines,
# cross-validation and searches pass them on to whatever requests them.
sklearn.set_config(enable_metadata_routing=True)
default = ShallowNetClassifier(random_state=0).set_fit_request(groups=True)
net = pipeline(default).fit(X_train, y_train, groups=groups)
print(f"log loss {log_loss(y_test, net.predict_proba(X_test)):.3f}")

# %%
# With `skrub <https://skrub-data.org>`_ (``pip install skrub``), one line builds a
# similar pipeline for any frame: ``skrub.tabular_pipeline(ShallowNetClassifier())``.
#
# Against other classifiers
# -------------------------
# All classifiers have default settings and the same five splits by customer. The log
# loss judges the probabilities: smaller is better. ROC AUC judges the order of the
# rows: 1 is perfect, 0.5 is chance.
others = {
    "net": default,
    "logistic regression": LogisticRegression(max_iter=1000),
    "random forest": RandomForestClassifier(random_state=0),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}
folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
constant = log_loss(y_train, np.full(len(y_train), y_train.mean()))
print(f"always predicting the share of returns: log loss {constant:.3f}\n")
print("classifier           log loss  ROC AUC  seconds per fit")
for label, classifier in others.items():
    scores = cross_validate(
        pipeline(classifier),
        X_train,
        y_train,
        cv=folds,
        scoring=["neg_log_loss", "roc_auc"],
        params={"groups": groups},
    )
    print(
        f"{label:19}  {-scores['test_neg_log_loss'].mean():8.3f}  "
        f"{scores['test_roc_auc'].mean():7.3f}  {scores['fit_time'].mean():15.2f}"
    )

# %%
# Tune
# ----
# The default chooses the penalty itself, so there is little to tune: the activation and
# the number of hidden units.
search = GridSearchCV(
    net,
    {
        "shallownetclassifier__activation": ["tanh", "relu", "gelu"],
        "shallownetclassifier__hidden_size": [20, 100],
    },
    scoring="neg_log_loss",
    cv=folds,
).fit(X_train, y_train, groups=groups)
net, results = search.best_estimator_, search.cv_results_
for params, mean, error in zip(
    results["params"],
    results["mean_test_score"],
    results["std_test_score"] / np.sqrt(folds.get_n_splits()),
    strict=True,
):
    activation, size = params.values()
    print(f"{activation:5} {size:4d} units  log loss {-mean:.4f} +- {error:.4f}")

# %%
# The lowest log loss, that of gelu with 20 units, is less than 0.001 below that of the
# default, relu with 100 units. The standard errors, after "+-", are about 0.005, so
# these folds cannot show which of the six is the best. :doc:`/comparing` shows how to
# find out whether a difference is real. We go on with gelu.
#
# The rare class
# --------------
# ``predict`` chooses the class with a probability above one half, so it rarely
# predicts a return. To find more returns, lower this threshold, and keep the
# probabilities. ``TunedThresholdClassifierCV`` chooses the threshold with the best
# balanced accuracy: the mean of the recalls of both classes.
tuned = TunedThresholdClassifierCV(net, cv=folds)
tuned.fit(X_train, y_train, groups=groups)
balanced = clone(net).set_params(shallownetclassifier__class_weight="balanced")
balanced.fit(X_train, y_train, groups=groups)
print("                          predicted returns  balanced accuracy  log loss")
for label, model in {
    "threshold 0.5": net,
    f"threshold {tuned.best_threshold_:.2f}": tuned,
    'class_weight="balanced"': balanced,
}.items():
    predicted = model.predict(X_test)
    print(
        f"{label:24}  {predicted.mean():17.0%}  "
        f"{balanced_accuracy_score(y_test, predicted):17.3f}  "
        f"{log_loss(y_test, model.predict_proba(X_test)):8.3f}"
    )


# %%
# A lower threshold and class weights both find more returns. Class weights do so by
# raising all probabilities, so the log loss is worse. The first line also shows that on
# the test rows, gelu is no better than the default, which had 0.319.
#
# Calibration
# -----------
# Are the probabilities right? Of the rows with a probability of 20 %, one in five
# should be a return. The curve should then lie on the dotted line.
def calibrated(model, method):
    """Return the model, calibrated on held-out predictions of five folds."""
    model = CalibratedClassifierCV(model, method=method, cv=folds, ensemble=False)
    return model.fit(X_train, y_train, groups=groups)


models = {
    "net": net,
    "net, sigmoid": calibrated(net, "sigmoid"),
    "net, isotonic": calibrated(net, "isotonic"),
    "class weights": balanced,
    "class weights, sigmoid": calibrated(balanced, "sigmoid"),
}
figure, ax = plt.subplots(figsize=(5, 4.4), layout="constrained")
colors = ["#0072B2", "#56B4E9", "#CC79A7", "#E69F00", "#009E73"]
for (label, model), color in zip(models.items(), colors, strict=True):
    p = model.predict_proba(X_test)[:, 1]
    CalibrationDisplay.from_predictions(
        y_test, p, n_bins=6, strategy="quantile", name=label, color=color, ax=ax
    )
    print(f"{label:23} log loss {log_loss(y_test, p):.3f}, mean {p.mean():.3f}")
print(f"share of returns in the test rows: {y_test.mean():.3f}")
ax.set(xlabel="predicted probability", ylabel="share of returns")
ax.legend(fontsize=8, loc="upper left")

# %%
# The net is nearly calibrated, because its penalty is chosen by log loss: calibration
# changes its log loss by 0.002 at most. It helps the net with class weights, whose
# probabilities are far too high. It can also hurt: isotonic calibration may give a row
# a probability of exactly zero. If such a row is a return, its log loss is huge.
#
# Which columns matter
# --------------------
# Permutation importance shuffles one column of the test rows, and measures how much the
# log loss rises. It works on the columns of the frame, before the one-hot encoding.
importance = permutation_importance(
    net, X_test, y_test, scoring="neg_log_loss", n_repeats=10, random_state=0
)
order = importance.importances_mean.argsort()
figure, ax = plt.subplots(figsize=(5.6, 2.8), layout="constrained")
ax.barh(
    X.columns[order],
    importance.importances_mean[order],
    xerr=importance.importances_std[order],
    color="#0072B2",
)
ax.set_xlabel("rise of the log loss, nats per sample")
for column, mean in zip(X.columns, importance.importances_mean, strict=True):
    print(f"{column:9} {mean:+.4f}")

# %%
# Save
# ----
# joblib saves the whole pipeline, so you can pass the frame to the loaded net. Load
# only files that you trust. :doc:`/ship_it` shows safer files, such as ONNX. For ONNX,
# leave ``add_indicator`` out, and apply a tuned threshold yourself:
# skl2onnx supports neither.
path = Path(mkdtemp()) / "net.joblib"
joblib.dump(net, path)
loaded = joblib.load(path)
print(f"the same predictions: {(loaded.predict(X_test) == net.predict(X_test)).all()}")

# %%
# When to take which
# ------------------
# These are rules of thumb, from the 34 public data sets of :doc:`/benchmarks` and from
# how these models work:
#
# - **Logistic regression** if the effects are linear, or if you must explain each
#   weight.
# - **The net** for smooth effects and good probabilities, for small and medium tables,
#   for a small file, or if it must continue to learn (``partial_fit``).
# - **Forests and boosting** for effects with steps, for columns of very different
#   scales or many gaps without preparation, and for many irrelevant columns.
#
# On your own table, cross-validation decides.
