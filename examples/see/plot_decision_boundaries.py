"""
Decision boundaries of three activations
========================================

The activation decides which shapes a boundary between two classes can have. With
identity, the boundary is a straight line for any number of hidden units. With relu, it
consists of straight pieces with kinks between them. With tanh, it is a smooth curve.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from sklearn.datasets import make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier

# %%
# Three data sets
# ---------------
# A straight line separates none of them. The spiral has two arms, and each makes more
# than one turn.


def make_spiral(n_rows, noise, seed):
    rng = np.random.default_rng(seed)
    radius = np.sqrt(rng.uniform(0.02, 1, n_rows))
    angle = 3 * np.pi * radius
    arm = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return np.vstack([arm, -arm]) + rng.normal(0, noise, (2 * n_rows, 2)), np.repeat(
        [0, 1], n_rows
    )


data_sets = {
    "moons": make_moons(400, noise=0.2, random_state=0),
    "circles": make_circles(400, noise=0.1, factor=0.5, random_state=0),
    "spiral": make_spiral(200, noise=0.03, seed=0),
}

# %%
# Fit
# ---
# Every net has 20 hidden units. It is fitted to three quarters of the rows, from three
# random starts. On circles, identity warns that it learned almost nothing. The warning
# is right. Only this warning is silenced here.


def fit_net(activation, seed, X, y):
    net = ShallowNetClassifier(
        20, activation, solver="lbfgs", alpha=0.01, max_iter=2000, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The net learned almost nothing", ConvergenceWarning
        )
        return make_pipeline(StandardScaler(), net).fit(X, y)


activations = ("identity", "relu", "tanh")
splits = {
    name: train_test_split(X, y, stratify=y, random_state=0)
    for name, (X, y) in data_sets.items()
}
nets = {
    (name, activation): [
        fit_net(activation, seed, X_train, y_train) for seed in range(3)
    ]
    for name, (X_train, _, y_train, _) in splits.items()
    for activation in activations
}

# %%
# Boundaries
# ----------
# The figure shows the first start of each net. The color is the probability of the
# orange class. On the black line, this probability is 0.5. The dots are the training
# rows. You can see the straight lines of identity, the kinks of relu and the curves of
# tanh. Some curves of tanh are so tight that they look like corners. On moons, relu and
# tanh also draw small islands around a few noisy rows, because the penalty is weak.
colors = LinearSegmentedColormap.from_list(
    "blue to orange", ["#0072B2", "white", "#E69F00"]
)
figure, axes = plt.subplots(3, 3, figsize=(9, 6), layout="constrained")
for ax, ((name, activation), (net, *_)) in zip(axes.flat, nets.items(), strict=True):
    X, _, y, _ = splits[name]
    options = {
        "response_method": "predict_proba",
        "grid_resolution": 200,
        "eps": 0.3,
        "ax": ax,
    }
    shown = DecisionBoundaryDisplay.from_estimator(
        net,
        X,
        plot_method="pcolormesh",
        cmap=colors,
        vmin=0,
        vmax=1,
        alpha=0.6,
        **options,
    )
    DecisionBoundaryDisplay.from_estimator(
        net,
        X,
        plot_method="contour",
        levels=[0.5],
        colors="black",
        linewidths=1.5,
        **options,
    )
    ax.scatter(*X.T, c=y, cmap=colors, s=7, edgecolors="black", linewidths=0.2)
    ax.set(title=f"{name}, {activation}", xlabel="", ylabel="", xticks=[], yticks=[])
figure.colorbar(
    shown.surface_, ax=axes, label="probability of the orange class", shrink=0.7
)

# %%
# Accuracy on the test rows
# -------------------------
# Identity is far worse on circles and on the spiral. Relu and tanh are about equally
# good on moons and circles. On the spiral, the three starts of relu differ: with few
# units, look at more than one start.
print("                       accuracy from three starts")
for (name, activation), fitted in nets.items():
    _, X_test, _, y_test = splits[name]
    print(
        f"{name:8} {activation:12}",
        *(f"{net.score(X_test, y_test):7.2f}" for net in fitted),
    )
