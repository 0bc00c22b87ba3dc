"""
Is the net better than other classifiers?
=========================================

The best classifier differs from data set to data set. ``compare_estimators`` tells you
which differences you can trust on your data. We compare a net with logistic regression,
a random forest and gradient boosting, on three data sets that come with scikit-learn.
Then we compare settings of the net: the number of hidden units, and the scale of the
initial weights.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier, compare_estimators, compare_parameter

# %%
# Four classifiers on three data sets
# -----------------------------------
# All have their default settings. The score is the log loss, and differences of up to
# 0.01 do not matter to us. Of digits, we take every third row. Every comparison fits
# each classifier to the same 20 training sets.
net = make_pipeline(StandardScaler(), ShallowNetClassifier())
estimators = {
    "net": net,
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "random forest": RandomForestClassifier(),
    "boosting": HistGradientBoostingClassifier(),
}
X_digits, y_digits = load_digits(return_X_y=True)
data = {
    "breast cancer": load_breast_cancer(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "digits": (X_digits[::3], y_digits[::3]),
}
comparisons = {
    name: compare_estimators(estimators, X, y, rope=0.01, n_jobs=2, random_state=0)
    for name, (X, y) in data.items()
}
for name, comparison in comparisons.items():
    print(f"{name}\n\n{comparison}\n\n")

# %%
# The figure shows how much better than the net each classifier is. If its interval
# contains 0, the verdict is "cannot tell", unless almost all of it lies in the blue
# band: then it is "practically the same".
figure, axes = plt.subplots(3, 1, figsize=(6.4, 7), layout="constrained")
for ax, (name, comparison) in zip(axes, comparisons.items(), strict=True):
    comparison.plot(ax=ax)
    ax.set_title(f"{name}: log loss, lower is better", fontsize=10)

# %%
# No classifier is better than the net on any of the three sets. The forest is worse on
# wine and on digits. Logistic regression is practically the same as the net on breast
# cancer.
#
# On breast cancer, the forest's mean is far below the net's, and yet the verdict is
# "cannot tell". The note below the table says why: for a few test rows, the forest
# gives the true class a probability of exactly 0. The log loss then depends on how many
# such rows a test set has, and varies a lot. The Brier score is bounded, and shows the
# difference:
brier = compare_estimators(
    estimators,
    *data["breast cancer"],
    scoring="neg_brier_score",
    rope=0.005,
    n_jobs=2,
    random_state=0,
)
print(brier)

# %%
# How many hidden units?
# ----------------------
# The reference is the default, 100 units. Names of parameters are those of
# scikit-learn's searches.
name = "shallownetclassifier__hidden_size"
sizes = compare_parameter(
    net,
    *data["digits"],
    name,
    [5, 20, 50, 100, 200],
    rope=0.01,
    n_jobs=2,
    random_state=0,
)
print(sizes)

# %%
# Five units are too few. 50 and 200 units are practically the same as 100: the net
# chooses its penalty on held-out rows, so more units than needed cost time, but
# hardly change the log loss. More columns are in ``details()``:
print(sizes.details())

# %%
# Which scale of the initial weights?
# -----------------------------------
# ``init_scale`` multiplies the initial weights. The reference is again the default, 1.
scales = compare_parameter(
    net,
    *data["wine"],
    "shallownetclassifier__init_scale",
    [0.1, 0.5, 1.0, 2.0, 10.0],
    rope=0.01,
    n_jobs=2,
    random_state=0,
)
print(scales)

# %%
# With weights between a tenth and twice as large, the log loss is practically the same.
# With weights ten times as large, the mean log loss is about twice as high, and the
# verdict is "worse".
