"""
Course, part 1: a net by hand
=============================

You write a net with one hidden layer in a few lines of NumPy, and train it next to
``ShallowNetClassifier``. Both end at the same weights. Then you see why a net needs a
hidden layer, and why its weights must not all start at zero.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay

from sk_shallow import ShallowNetClassifier


# %%
# The flower
# ----------
# The data have two features and two classes. Neighboring petals belong to different
# classes, so no straight line separates the classes.
def flower(n_rows=400, seed=0):
    """Return points on the petals of a flower, and the class of each."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], n_rows // 2)
    angle = np.pi * (y + np.tile(np.linspace(0, 1, n_rows // 2), 2))
    angle += 0.2 * rng.standard_normal(n_rows)
    radius = 4 * np.sin(4 * angle) + 0.2 * rng.standard_normal(n_rows)
    return np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]), y


X, y = flower()
Y = y.reshape(-1, 1)  # one column, as for the output of the net
print(X.shape, Y.shape, f"{y.mean():.0%} of the rows belong to class 1")

# %%
# The net
# -------
# Each row of :math:`X` is a sample, and :math:`Y` holds its class, 0 or 1. With tanh in
# the hidden layer and the sigmoid :math:`\sigma(z) = 1 / (1 + e^{-z})` at the output,
# the net computes
#
# .. math::
#
#    Z_1 &= X W_1 + b_1 &\qquad A_1 &= \tanh(Z_1) \\
#    Z_2 &= A_1 W_2 + b_2 &\qquad A_2 &= \sigma(Z_2)
#
# :math:`W_1, b_1, W_2, b_2` are the weights and biases, which the net learns.
# :math:`A_2` holds the probability of class 1 for each row. The loss :math:`J` is the
# log loss, averaged over the :math:`m` rows. :math:`dW_1` is the derivative of
# :math:`J` with respect to :math:`W_1`, and so on. The chain rule gives these
# derivatives, from the output to the input:
#
# .. math::
#
#    dZ_2 &= (A_2 - Y) / m & & \\
#    dW_2 &= A_1^T \, dZ_2 &\qquad db_2 &= \text{sum of the rows of } dZ_2 \\
#    dZ_1 &= dZ_2 \, W_2^T \cdot (1 - A_1^2) & & \\
#    dW_1 &= X^T \, dZ_1 &\qquad db_1 &= \text{sum of the rows of } dZ_1
#
# The dot multiplies numbers at the same place, after the matrix product. The derivative
# of tanh is :math:`1 - A_1^2`. Here is the whole net. Each step subtracts the learning
# rate times the gradient from the weights and biases:
rng = np.random.default_rng(0)
W1, b1 = 0.5 * rng.standard_normal((2, 4)), np.zeros(4)  # four hidden units
W2, b2 = 0.5 * rng.standard_normal((4, 1)), np.zeros(1)
init, rate = (W1, W2), 0.5

for _ in range(1000):
    A1 = np.tanh(X @ W1 + b1)
    A2 = 1 / (1 + np.exp(-(A1 @ W2 + b2)))
    dZ2 = (A2 - Y) / len(X)
    dW2, db2 = A1.T @ dZ2, dZ2.sum(axis=0)
    dZ1 = dZ2 @ W2.T * (1 - A1**2)
    dW1, db1 = X.T @ dZ1, dZ1.sum(axis=0)
    W1, b1 = W1 - rate * dW1, b1 - rate * db1
    W2, b2 = W2 - rate * dW2, b2 - rate * db2

# %%
# ``ShallowNetClassifier`` does the same with ``solver="gd"``, without a penalty, from
# the same initial weights. ``tol=0`` makes it run all 1,000 steps.
settings = {
    "activation": "tanh",
    "solver": "gd",
    "learning_rate_init": rate,
    "max_iter": 1000,
    "tol": 0,
    "alpha": 0.0,
}
net = ShallowNetClassifier(4, init=init, **settings).fit(X, y)
arrays = zip([W1, W2, b1, b2], [*net.coefs_, *net.intercepts_], strict=True)
for name, (by_hand, fitted) in zip(["W1", "W2", "b1", "b2"], arrays, strict=True):
    print(f"{name}: largest difference {np.abs(by_hand - fitted).max():.0e}")

# %%
# After 1,000 steps, all weights agree to better than 1e-14.
#
# Why a hidden layer?
# -------------------
# With the identity as activation, the net is logistic regression: it can only draw a
# straight line. Four tanh units bend it around the petals.
linear = ShallowNetClassifier(4, init=init, **settings | {"activation": "identity"})
nets = {"no activation": linear.fit(X, y), "tanh, 4 units": net}
figure, axes = plt.subplots(1, 2, figsize=(8.4, 4), layout="constrained")
for ax, (title, fitted) in zip(axes, nets.items(), strict=True):
    DecisionBoundaryDisplay.from_estimator(
        fitted, X, ax=ax, response_method="predict_proba", cmap="RdBu_r", alpha=0.6
    )
    ax.scatter(*X[y == 0].T, s=8, color="#0072B2")
    ax.scatter(*X[y == 1].T, s=8, color="#b2182b")
    ax.set_title(f"{title}: accuracy {fitted.score(X, y):.0%}", fontsize=10)

# %%
# Zero, tiny and large initial weights
# ------------------------------------
# We train the net again, and multiply its initial weights by 0, 0.02, 1 and 200.
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
print("scale  loss after 100 steps  after 1,000  distinct hidden units")
for scale, color in [(0, "0.5"), (0.02, "#E69F00"), (1, "#0072B2"), (200, "#CC79A7")]:
    pair = scale * init[0], scale * init[1]
    with warnings.catch_warnings():  # of the zeros, and of what the nets do not learn
        warnings.simplefilter("ignore")
        fitted = ShallowNetClassifier(4, init=pair, **settings).fit(X, y)
    losses = fitted.loss_curve_
    distinct = len(np.unique(fitted.coefs_[0].round(6), axis=1).T)
    print(f"{scale:5g}  {losses[:100][-1]:20.3f}  {losses[-1]:11.3f}  {distinct:21d}")
    ax.plot(losses, color=color, label=f"initial weights times {scale:g}")
ax.set(xlabel="step", ylabel="loss J, nats per sample", xscale="log", yscale="log")
ax.legend(fontsize=8)

# %%
# - **Zero**: all hidden units are equal, get the same gradient, and stay equal. Here
#   all gradients are even zero, because tanh(0) = 0 and both classes are equally
#   frequent. The net learns nothing, and ``fit`` warns.
# - **Tiny**: the units differ a little. The net first has to grow its weights, which
#   takes some hundred steps. Then it learns as well as before.
# - **Large**: the net is sure of wrong predictions, so the loss starts high. tanh is
#   saturated: its slope is almost zero, and the hidden units hardly learn.
#
# ``init="auto"``, the default, draws weights of a suitable size for each activation.
#
# :doc:`plot_course_2_hidden_units` goes on with this net.
