"""
Your own activation, and a bug that the checks find
===================================================

An activation of your own is a class with two methods, or a pair of functions. It is
easy to make a mistake in the derivative. Two checks find it. ``fit`` compares the
derivative with finite differences and refuses a wrong one. ``check_gradient`` measures
the error of the gradient in the whole net. The bug in this example does not show with
the default parameter, so check other values, too.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from sk_shallow import ShallowNetClassifier, check_gradient
from sk_shallow.activations import Activation
from sk_shallow.inspection import ActivationDisplay


# %%
# Ten lines
# ---------
# Snake is a line with waves, :math:`g(z) = z + \sin^2(a z) / a` (Ziyin, Hartwig, Ueda,
# "Neural networks fail to learn periodic functions and how to fix it", NeurIPS 2020).
# ``forward`` returns the value, and a cache for ``backward``. ``backward`` multiplies
# ``dA``, the gradient with respect to the value, by the slope,
# :math:`g'(z) = 1 + \sin(2 a z)`.
class Snake(Activation):
    """A line with waves of frequency a."""

    def __init__(self, a=1.0):
        self.a = a

    def forward(self, Z):
        return Z + np.sin(float(self.a) * Z) ** 2 / float(self.a), Z

    def backward(self, dA, A, cache):
        return dA * (1 + np.sin(2 * float(self.a) * cache))


# %%
# You can search over its parameter as over any other. Do not rely on the order in the
# table: the log losses of Snake and relu differ by less than the standard deviation
# over the folds. For such questions, use ``compare_activations``.
X, y = load_wine(return_X_y=True)
net = make_pipeline(StandardScaler(), ShallowNetClassifier(20, random_state=0))
candidates = [Snake(0.5), Snake(1.0), Snake(2.0), "relu"]
search = GridSearchCV(
    net, {"shallownetclassifier__activation": candidates}, cv=5, scoring="neg_log_loss"
).fit(X, y)
print("activation    log loss  standard deviation of 5 folds")
results = search.cv_results_
for candidate, mean, deviation in zip(
    candidates, results["mean_test_score"], results["std_test_score"], strict=True
):
    print(f"{candidate!s:12}  {-mean:8.3f}  {deviation:.3f}")


# %%
# A bug that hides at the default
# -------------------------------
# This ``backward`` divides the wave by a. The mistake is likely, because the formula of
# the value has the same division. The result is right for the default a = 1, and wrong
# for all other values.
class BuggySnake(Snake):
    """Snake with a wrong derivative."""

    def backward(self, dA, A, cache):
        return dA * (1 + np.sin(2 * float(self.a) * cache) / float(self.a))


def attempt(activation):
    """Return the training accuracy of a net, or the error of `fit`."""
    net = ShallowNetClassifier(20, activation, random_state=0)
    try:
        net.fit(scale(X), y)
    except ValueError as error:
        return str(error)
    return f"fitted, training accuracy {net.score(scale(X), y):.3f}"


for activation in (BuggySnake(1.0), BuggySnake(1.001), BuggySnake(2.0)):
    print(textwrap.fill(f"{activation}: {attempt(activation)}", 88))

# %%
# ``fit`` accepts a = 1, because the slope is then right, and refuses a = 2. It also
# refuses a = 1.001, although the slope is wrong by 0.001 at most.
#
# The gradient check
# ------------------
# ``check_gradient`` shows which weights are affected. It returns relative errors, which
# are below 1e-6 if the gradient is correct. The bug makes the errors of W1 and b1
# large, because their gradients contain the slope of the activation. The gradients of
# W2 and b2 do not contain it.
print(f"{'activation':20}  W1     b1     W2     b2")
for activation in (Snake(2.0), BuggySnake(1.0), BuggySnake(1.001), BuggySnake(2.0)):
    errors = check_gradient(
        ShallowNetClassifier(20, activation, random_state=0), scale(X), y
    )
    print(f"{activation!s:20}" + "".join(f"  {error:.0e}" for error in errors.values()))

# %%
# The figure
# ----------
# The dots are finite differences of g(z). They lie on the slope of ``Snake``, but not
# on the slope of ``BuggySnake``.
figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
display = ActivationDisplay.from_activations(
    [Snake(2.0), BuggySnake(2.0)], limits=(-4, 4), ax=axes
)
for ax, values in zip(axes, display.values_.values(), strict=True):
    differences = np.gradient(values, display.z_)
    ax.plot(
        display.z_[::25],
        differences[::25],
        "o",
        color="#009E73",
        markersize=3,
        label="finite differences of g(z)",
    )
    ax.set_xlabel("z")
axes[0].set_ylabel("value and slope")
axes[0].legend(loc="upper left", fontsize=8)


# %%
# A pair of functions
# -------------------
# For a quick test, a function and its derivative are enough. This example is softsign.
def softsign(z):
    """Return z / (1 + |z|)."""
    return z / (1 + np.abs(z))


def softsign_slope(z):
    """Return the derivative of softsign."""
    return 1 / (1 + np.abs(z)) ** 2


print(textwrap.fill(f"softsign: {attempt((softsign, softsign_slope))}", 88))
