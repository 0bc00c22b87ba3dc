"""
Course, part 2: what the hidden units learn
===========================================

Each hidden unit draws one line through the plane. You watch the lines move while the
net learns, and see how the boundary between the classes follows them. Then you compare
sigmoid, tanh and relu from the same initial weights.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sk_shallow import ShallowNetClassifier


# %%
# The flower of part 1
# --------------------
def flower(n_rows=400, seed=0):
    """Return points on the petals of a flower, and the class of each."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], n_rows // 2)
    angle = np.pi * (y + np.tile(np.linspace(0, 1, n_rows // 2), 2))
    angle += 0.2 * rng.standard_normal(n_rows)
    radius = 4 * np.sin(4 * angle) + 0.2 * rng.standard_normal(n_rows)
    return np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]), y


X, y = flower()
grid = np.linspace(-5, 5, 120)
plane = np.stack(np.meshgrid(grid, grid), axis=-1)


def draw(net, ax):
    """Draw the probability of class 1, and the line z = 0 of each hidden unit."""
    p = net.predict_proba(plane.reshape(-1, 2))[:, 1].reshape(len(grid), -1)
    ax.contourf(grid, grid, p, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
    ax.contour(grid, grid, p, levels=[0.5], colors="black", linewidths=1.5)
    (W1, _), (b1, _) = net.coefs_, net.intercepts_
    for w, b in zip(W1.T, b1, strict=True):
        z = plane @ w + b
        ax.contour(grid, grid, z, levels=[0], colors="#009E73", linewidths=1)
    ax.scatter(*X[y == 0].T, s=4, color="#0072B2")
    ax.scatter(*X[y == 1].T, s=4, color="#b2182b")
    ax.set(xticks=[], yticks=[])


# %%
# Step by step
# ------------
# A green line is where a hidden unit changes its sign: z = 0. The black line is where
# both classes have the probability 1/2. ``partial_fit`` with ``solver="gd"`` makes one
# step. At the beginning, all lines go through the origin, because the biases are zero.
net = ShallowNetClassifier(
    6, "tanh", solver="gd", learning_rate_init=0.5, alpha=0.0, random_state=1
)
STEPS = [1, 10, 100, 300, 1000]
figure, axes = plt.subplots(1, 5, figsize=(11, 2.6), layout="constrained")
for step in range(1, STEPS[-1] + 1):
    net.partial_fit(X, y, classes=[0, 1])
    if step in STEPS:
        draw(net, axes[STEPS.index(step)])
        axes[STEPS.index(step)].set_title(f"step {step:,}: {net.loss_:.2f}", fontsize=9)

# %%
# Each hidden unit can bend the boundary near its line. The number above a panel is the
# loss. It falls fast while the lines turn, and slowly while the weights only grow.
#
# Sigmoid, tanh and relu
# ----------------------
# All three nets start from the same initial weights, and make 5,000 steps at the same
# rate.
rng = np.random.default_rng(1)
init = rng.standard_normal((2, 6)), 0.5 * rng.standard_normal((6, 1))
COLORS = {"sigmoid": "#CC79A7", "tanh": "#0072B2", "relu": "#E69F00"}
figure, axes = plt.subplots(1, 4, figsize=(11, 2.8), layout="constrained")
for ax, (activation, color) in zip(axes[1:], COLORS.items(), strict=True):
    net = ShallowNetClassifier(
        6,
        activation,
        init=init,
        solver="gd",
        learning_rate_init=0.2,
        max_iter=5000,
        tol=0,
        alpha=0.0,
    )
    with warnings.catch_warnings():  # the net could learn more in more steps
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(X, y)
    draw(net, ax)
    ax.set_title(f"{activation}: accuracy {net.score(X, y):.0%}", fontsize=9)
    axes[0].plot(net.loss_curve_, color=color, label=activation)
    print(f"{activation:8} loss after 5,000 steps {net.loss_:.3f}")
axes[0].set(xscale="log", xlabel="step", ylabel="loss J, nats per sample")
axes[0].legend(fontsize=8)

# %%
# The sigmoid is tanh in another scale: :math:`\sigma(z) = (1 + \tanh(z/2)) / 2`. Its
# slope is at most 1/4, so its gradients are smaller, and it learns more slowly at the
# same rate. The boundary of relu has kinks where it crosses a line. The boundaries of
# sigmoid and tanh are round. relu has the highest loss in this run, although its slope
# is 1: with six units, its straight pieces cannot follow the round petals closely. A
# single run is no proof. :doc:`/comparing` shows how to find out which activation suits
# your data.
#
# :doc:`plot_course_3_gradients` goes on with the gradients.
