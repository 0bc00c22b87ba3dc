"""
Rare classes, and the net as a step of a pipeline
=================================================

This page has two short recipes. First, ``class_weight="balanced"`` finds more rows of a
rare class but gives more false alarms. It does not rank the rows better, and its
probabilities are too high. Second, a net can pass its hidden activations to another
estimator. Because it has ``transform``, it can be a step of a pipeline, and learns its
features within each training set.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_shallow import ShallowNetClassifier

# %%
# A rare class
# ------------
# Is a digit an 8? One in ten is. Half of the rows are test rows. "Mean probability"
# should equal the share of eights.
X, digit = load_digits(return_X_y=True)
X_train, X_test, digit_train, digit_test = train_test_split(
    X, digit, stratify=digit, test_size=0.5, random_state=0
)
y_train, y_test = digit_train == 8, digit_test == 8
print(f"{y_test.sum()} of {len(y_test)} test rows are eights: {y_test.mean():.3f}\n")

figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
print("class_weight  precision  recall  average precision  mean probability")
for class_weight, color in ((None, "#0072B2"), ("balanced", "#E69F00")):
    net = make_pipeline(
        StandardScaler(),
        ShallowNetClassifier(20, class_weight=class_weight, random_state=0),
    )
    p = net.fit(X_train, y_train).predict_proba(X_test)[:, 1]
    at_half = recall_score(y_test, p > 0.5), precision_score(y_test, p > 0.5)
    average = average_precision_score(y_test, p)
    print(
        f"{class_weight!s:12}  {at_half[1]:9.3f}  {at_half[0]:6.3f}  {average:17.3f}  "
        f"{p.mean():16.3f}"
    )
    precision, recall, _ = precision_recall_curve(y_test, p)
    ax.step(
        recall,
        precision,
        where="post",
        color=color,
        label=f"class_weight={class_weight!r}",
    )
    ax.plot(*at_half, "o", color=color, markersize=9)
ax.set(
    xlabel="recall: share of the eights that are found",
    ylabel="precision: share of alarms that are right",
)
ax.set(xlim=(0.5, 1.01), ylim=(0.5, 1.02))
ax.legend(loc="lower left", fontsize=9)

# %%
# The dots show the decisions of ``predict``, at a probability of 0.5. The class weights
# move the dot to the right, but their curve is no higher. A lower threshold
# (``FixedThresholdClassifier``, ``TunedThresholdClassifierCV``) has the same effect
# without class weights, and does not change the probabilities.
#
# Learned features
# ----------------
# Two classifiers predict all ten digits, once from pixels and once from the activations
# of 32 hidden units. Both are a little better with hidden units than with scaled
# pixels; the gain is about one standard deviation over the folds. The net alone is as
# good as logistic regression on its hidden units. Nearest neighbors on unscaled pixels
# are the best. So learned features are not always better: compare them with the
# original ones.
folds = StratifiedKFold(5, shuffle=True, random_state=0)
hidden = ShallowNetClassifier(32, random_state=0)
logistic, neighbors = LogisticRegression(max_iter=1000), KNeighborsClassifier()
pipelines = {
    "pixels, logistic regression": make_pipeline(StandardScaler(), logistic),
    "pixels, 5 neighbors": make_pipeline(StandardScaler(), neighbors),
    "pixels not scaled, 5 neighbors": neighbors,
    "hidden units, logistic regression": make_pipeline(
        StandardScaler(), hidden, logistic
    ),
    "hidden units, 5 neighbors": make_pipeline(StandardScaler(), hidden, neighbors),
    "net alone": make_pipeline(StandardScaler(), hidden),
}
print("features and classifier            accuracy  std of 5 folds")
for label, pipeline in pipelines.items():
    scores = cross_val_score(pipeline, X, digit, cv=folds)
    print(f"{label:33}  {scores.mean():8.3f}  {scores.std():14.3f}")


# %%
# The rows before and after the hidden layer
# ------------------------------------------
# The figure shows the first two principal components of the test rows, on the left from
# pixels, on the right from hidden activations. The net was fitted on the other half of
# the rows. Each number is at the median of its digit. "Between digits" is the share of
# the total variance that lies between the means of the digits. It is higher after the
# hidden layer, because rows of the same digit are closer together.
def share_between(points):
    """Return the variance of the class means divided by the variance of all rows."""
    means = np.array([points[digit_test == k].mean(axis=0) for k in digit_test])
    return means.var(axis=0).sum() / points.var(axis=0).sum()


views = {
    "pixels": FunctionTransformer(),
    "hidden units": make_pipeline(StandardScaler(), hidden),
}
BOX = {
    "boxstyle": "circle,pad=0.15",
    "facecolor": "white",
    "alpha": 0.8,
    "linewidth": 0,
}
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for ax, (label, view) in zip(axes, views.items(), strict=True):
    features = view.fit(X_train, digit_train).transform(X_test)
    points = PCA(2, random_state=0).fit_transform(features)
    dots = ax.scatter(*points.T, c=digit_test, cmap="viridis", s=8)
    for k in range(10):
        middle, side = (
            np.median(points[digit_test == k], axis=0),
            "top" if k < 6 else "bottom",
        )
        ax.text(*middle, str(k), weight="bold", ha="center", va=side, bbox=BOX)
    ax.set(title=label, xlabel="component 1", ylabel="component 2")
    print(f"{label:12}  between digits {share_between(features):.0%}")
figure.colorbar(dots, ax=axes, label="digit", ticks=range(10))
