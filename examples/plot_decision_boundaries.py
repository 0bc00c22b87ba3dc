"""
Decision boundaries of three activations
========================================

The activation decides what a boundary between two classes can look like. With identity, the boundary is a straight
line, however many hidden units there are. With relu, it is made of straight pieces with kinks between them. With tanh,
it is a smooth curve.
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
# No straight line separates any of them. The spiral has two arms of more than one turn each.


def make_spiral(n_rows, noise, seed):
    rng = np.random.default_rng(seed)
    radius = np.sqrt(rng.uniform(0.02, 1, n_rows))
    angle = 3 * np.pi * radius
    arm = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return np.vstack([arm, -arm]) + rng.normal(0, noise, (2 * n_rows, 2)), np.repeat([0, 1], n_rows)


data_sets = {
    "moons": make_moons(400, noise=0.2, random_state=0),
    "circles": make_circles(400, noise=0.1, factor=0.5, random_state=0),
    "spiral": make_spiral(200, noise=0.03, seed=0),
}

# %%
# Fit
# ---
# Every net has 20 hidden units. It is fitted from three different starts, to three quarters of the rows. On circles,
# identity warns that it has learned next to nothing. The warning is right, so only this one is silenced here.


def fit_net(activation, seed, X, y):
    net = ShallowNetClassifier(20, activation, solver="lbfgs", alpha=0.01, max_iter=2000, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The net has learned next to nothing", ConvergenceWarning)
        return make_pipeline(StandardScaler(), net).fit(X, y)


activations = ("identity", "relu", "tanh")
splits = {name: train_test_split(X, y, stratify=y, random_state=0) for name, (X, y) in data_sets.items()}
nets = {
    (name, activation): [fit_net(activation, seed, X_train, y_train) for seed in range(3)]
    for name, (X_train, _, y_train, _) in splits.items()
    for activation in activations
}

# %%
# Boundaries
# ----------
# The figure shows the first start of each net. The color is the probability of the orange class, the black line is
# where it is 0.5, and the dots are the training rows. You can see the straight lines of identity, the kinks of relu
# and the curves of tanh. Some curves of tanh are so tight that they look like corners. On moons, relu and tanh also
# draw a small island around a few noisy rows: the penalty is weak here.
colors = LinearSegmentedColormap.from_list("blue to orange", ["#0072B2", "white", "#E69F00"])
figure, axes = plt.subplots(3, 3, figsize=(9, 6), layout="constrained")
for ax, ((name, activation), (net, *_)) in zip(axes.flat, nets.items(), strict=True):
    X, _, y, _ = splits[name]
    options = {"response_method": "predict_proba", "grid_resolution": 200, "eps": 0.3, "ax": ax}
    shown = DecisionBoundaryDisplay.from_estimator(
        net, X, plot_method="pcolormesh", cmap=colors, vmin=0, vmax=1, alpha=0.6, **options
    )
    DecisionBoundaryDisplay.from_estimator(
        net, X, plot_method="contour", levels=[0.5], colors="black", linewidths=1.5, **options
    )
    ax.scatter(*X.T, c=y, cmap=colors, s=7, edgecolors="black", linewidths=0.2)
    ax.set(title=f"{name}, {activation}", xlabel="", ylabel="", xticks=[], yticks=[])
figure.colorbar(shown.surface_, ax=axes, label="probability of the orange class", shrink=0.7)

# %%
# Accuracy on the other rows
# --------------------------
# Identity stays far behind on circles and on the spiral. Relu and tanh are equally good on moons and circles. On the
# spiral, the first start of relu misses the inner part, as the figure shows; its other two starts find it.
print("                       accuracy from three starts")
for (name, activation), fitted in nets.items():
    _, X_test, _, y_test = splits[name]
    print(f"{name:8} {activation:12}", *(f"{net.score(X_test, y_test):7.2f}" for net in fitted))
