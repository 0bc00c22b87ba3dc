r"""
Course, part 3: gradients, and exercises
========================================

You compute gradients by hand and compare them with those of the package. You learn why
the derivative of an activation is often computed from its output, and write an
activation of your own. Exercises with answers follow at the end.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_circles

from sk_shallow import ShallowNetClassifier, check_gradient, compute_gradient

# %%
# The gradient by hand
# --------------------
# ``compute_gradient`` returns the gradient of the objective on any rows, at the present
# weights. This fitted net has two softplus units, and the gradient is that of five
# rows:
X, y = make_circles(200, noise=0.1, factor=0.5, random_state=0)
settings = {"activation": "softplus", "alpha": 0.0, "random_state": 0}
net = ShallowNetClassifier(2, **settings).fit(X, y)
rows, labels = X[:5], y[:5]
gradient = compute_gradient(net, rows, labels)
for name, value in gradient.items():
    print(f"{name}\n{value.round(4)}")

# %%
# The same by hand, with the names of part 1. The derivative of softplus is the sigmoid:
(W1, W2), (b1, b2) = net.coefs_, net.intercepts_
Z1 = rows @ W1 + b1
A1 = np.log1p(np.exp(Z1))
A2 = 1 / (1 + np.exp(-(A1 @ W2 + b2)))
dZ2 = (A2 - labels.reshape(-1, 1)) / len(rows)
dZ1 = dZ2 @ W2.T / (1 + np.exp(-Z1))
by_hand = {
    "dW1": rows.T @ dZ1,
    "db1": dZ1.sum(axis=0),
    "dW2": A1.T @ dZ2,
    "db2": dZ2.sum(axis=0),
}
for name, value in by_hand.items():
    print(f"{name}: largest difference {np.abs(value - gradient[name]).max():.0e}")

# %%
# Two formulas that agree may both be wrong. ``check_gradient`` does not use a formula:
# it moves the weights a little, and measures how much the objective changes. Relative
# errors below 1e-6 mean that the gradient is right.
for block, error in check_gradient(net, X, y).items():
    print(f"{block}: relative error {error:.0e}")

# %%
# Derivatives from the output
# ---------------------------
# A unit turns its pre-activation :math:`z` into its output :math:`a = g(z)`. Many
# derivatives can be computed from :math:`a`, which is known already. For sigmoid and
# tanh, this saves an exponential:
#
# ==========  =====================================  ===================================
# activation  from :math:`z`                         from :math:`a`
# ==========  =====================================  ===================================
# sigmoid     :math:`e^{-z} / (1 + e^{-z})^2`        :math:`a (1 - a)`
# tanh        :math:`1 / \cosh^2(z)`                 :math:`1 - a^2`
# softplus    :math:`1 / (1 + e^{-z})`               :math:`1 - e^{-a}`
# relu        1 if :math:`z > 0`, else 0             1 if :math:`a > 0`, else 0
# ==========  =====================================  ===================================
z = np.linspace(-4, 4, 9)
outputs = {
    "sigmoid": (1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "tanh": (np.tanh(z), lambda a: 1 - a**2),
    "softplus": (np.log1p(np.exp(z)), lambda a: 1 - np.exp(-a)),
}
slopes = {
    "sigmoid": np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "tanh": 1 / np.cosh(z) ** 2,
    "softplus": 1 / (1 + np.exp(-z)),
}
for name, (a, slope) in outputs.items():
    print(f"{name:9} largest difference {np.abs(slope(a) - slopes[name]).max():.0e}")

# %%
# Your own activation
# -------------------
# A pair of functions is enough: the activation and its derivative. Both get an array of
# z. ``fit`` checks the derivative, and the error names a z where it is wrong:
bump = (lambda z: np.exp(-(z**2)), lambda z: -2 * z * np.exp(-(z**2)))
wrong = (bump[0], lambda z: 2 * z * np.exp(-(z**2)))  # the sign is missing
try:
    ShallowNetClassifier(8, wrong).fit(X, y)
except ValueError as error:
    print(textwrap.fill(str(error).partition("its value: ")[2], 88))

# %%
# The right pair works. Each unit is active only in a stripe of the plane. Together, the
# units draw a round boundary between the two circles:
net = ShallowNetClassifier(8, bump, random_state=0).fit(X, y)
grid = np.linspace(-1.4, 1.4, 120), np.linspace(-1.4, 1.4, 120)
plane = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, 2)
p = net.predict_proba(plane)[:, 1].reshape(120, 120)
figure, ax = plt.subplots(figsize=(4.4, 4), layout="constrained")
ax.contourf(*grid, p, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
ax.scatter(*X[y == 0].T, s=8, color="#0072B2")
ax.scatter(*X[y == 1].T, s=8, color="#b2182b")
ax.set_title(f"exp(-z²), 8 units: accuracy {net.score(X, y):.0%}", fontsize=10)

# %%
# Exercises
# ---------
# **1.** Show that the derivative of the log loss of a row with respect to its logit
# :math:`z` is :math:`a - y`, where :math:`a` is the probability of class 1, and
# :math:`y` is 1 for class 1 and 0 for class 0.
#
# .. dropdown:: Answer
#
#    With :math:`a = 1 / (1 + e^{-z})`, the loss is
#    :math:`-y \log(a) - (1 - y) \log(1 - a) = \log(1 + e^z) - y z`. Its derivative is
#    :math:`e^z / (1 + e^z) - y`, which is :math:`a - y`.
#
# **2.** A net with the identity has 100 hidden units. How many lines can it draw?
#
# .. dropdown:: Answer
#
#    One. Its logit is :math:`X W_1 W_2 + b_1 W_2 + b_2`. :math:`W_1 W_2` is one column
#    of weights, as in logistic regression.
#
# **3.** Exchange two hidden units of a fitted net: two columns of :math:`W_1`, two
# numbers of :math:`b_1`, two rows of :math:`W_2`. What changes?
#
# .. dropdown:: Answer
#
#    No prediction changes, so the loss is the same. Each minimum therefore exists many
#    times. Do not compare the weights of two nets number by number.
#
# **4.** In part 1, start :math:`W_1` at random and :math:`W_2` at zero. Does the net
# learn? Try it there, with ``init=(init[0], 0 * init[1])``.
#
# .. dropdown:: Answer
#
#    Yes. In the first step, :math:`W_2 = 0` makes :math:`dZ_1` zero, so only
#    :math:`W_2` and :math:`b_2` change. The hidden units differ, so the rows of
#    :math:`W_2` change differently. From the second step on, :math:`W_1` learns, too.
#
# **5.** With which of the twelve activations does a net whose weights all start at zero
# learn more than the frequencies of the classes, and how much?
#
# .. dropdown:: Answer
#
#    With sigmoid and softplus: :math:`g(0)` is not 0. The gradient of each row of
#    :math:`W_2` is :math:`g(0)` times the mean of :math:`A_2 - Y`. But all hidden units
#    stay equal, so the net learns no more than a net with one hidden unit. If the
#    classes are equally frequent, as in this course, the mean is 0, and even these two
#    stay where they are. Leave out the first row, and they learn.
#
# **6.** silu is :math:`z / (1 + e^{-z})`. Why can its derivative not be computed from
# its output alone?
#
# .. dropdown:: Answer
#
#    silu falls up to :math:`z = -1.28`, and rises from there. It takes each value
#    between its minimum and zero twice, once falling and once rising. So the same
#    output has two slopes.
