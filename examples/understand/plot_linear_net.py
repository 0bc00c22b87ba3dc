"""
A net without an activation is logistic regression
==================================================

If the activation is the identity, the logit is :math:`X W_1 W_2` plus a constant: a
linear function of the features :math:`X`. :math:`W_1` and :math:`W_2` are the weights
of the two layers. A hidden layer of any size then adds nothing. Without a penalty, the
net and logistic regression find the same coefficients and the same probabilities.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier

# %%
# Fit both
# --------
# Without a penalty, an optimum exists only if no linear function separates the classes.
# This is true for the first ten features of breast cancer. The optimum is flat: with
# the default ``tol=1e-4``, L-BFGS stops while some probabilities still differ by 0.04.
# With ``tol=1e-8``, the largest difference is about one in a million.
X, y = load_breast_cancer(return_X_y=True)
X = X[:, :10]
logistic = make_pipeline(
    StandardScaler(), LogisticRegression(C=np.inf, tol=1e-8, max_iter=10000)
).fit(X, y)
p_logistic = logistic.predict_proba(X)[:, 1]


def fit_net(hidden_size, tol, alpha=0.0):
    net = ShallowNetClassifier(
        hidden_size,
        "identity",
        solver="lbfgs",
        alpha=alpha,
        tol=tol,
        max_iter=1000,
        random_state=0,
    )
    return make_pipeline(StandardScaler(), net).fit(X, y)


nets = {
    (size, tol): fit_net(size, tol) for tol in (1e-4, 1e-8) for size in (1, 10, 100)
}
print("hidden units    tol  largest difference of probabilities")
for (size, tol), net in nets.items():
    print(
        f"{size:12}  {tol:5.0e}  "
        f"{np.abs(net.predict_proba(X)[:, 1] - p_logistic).max():35.0e}"
    )

# %%
# The same probabilities and coefficients
# ---------------------------------------
# On the left, each marker is a row. On the right, each marker is a feature. All markers
# are on the diagonal.
sizes, markers, colors = (1, 10, 100), ("o", "s", "x"), ("#0072B2", "#E69F00", "black")
_, (left, right) = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for size, marker, color in zip(sizes, markers, colors, strict=True):
    net = nets[size, 1e-8]
    W1, W2 = net[-1].coefs_
    style = {
        "s": {"o": 90, "s": 35, "x": 20}[marker],
        "marker": marker,
        "color": color,
        "zorder": 3,
    }
    left.scatter(
        p_logistic,
        net.predict_proba(X)[:, 1],
        label=f"{size} hidden unit{'s' * (size > 1)}",
        **style,
    )
    right.scatter(logistic[-1].coef_.ravel(), (W1 @ W2).ravel(), **style)
for ax, what in ((left, "probability of benign"), (right, "coefficient")):
    ax.axline((0, 0), slope=1, color="#8a8a8a", linewidth=1)
    ax.set(xlabel=f"{what}, logistic regression", ylabel=f"{what}, net")
left.legend()

# %%
# With a penalty they differ
# --------------------------
# ``LogisticRegression`` penalizes :math:`\|w\|^2 / 2`, where :math:`w` are its
# coefficients and :math:`\|w\|^2` the sum of their squares. The net penalizes
# :math:`(\|W_1\|^2 + \|W_2\|^2) / 2`. A net with :math:`W_1 W_2 = w` predicts the same
# as the coefficients :math:`w`. For two classes, the smallest penalty of such a net is
# :math:`\|w\|`, without the square. So the same strength, ``alpha = 1 / C``, gives
# different probabilities.
net, penalized = (
    fit_net(10, 1e-8, alpha=1.0),
    make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-8)),
)
W1, W2 = net[-1].coefs_
p_net, p_penalized = net.predict_proba(X), penalized.fit(X, y).predict_proba(X)
print(
    f"(|W1|^2 + |W2|^2) / 2                {(np.sum(W1**2) + np.sum(W2**2)) / 2:7.3f}"
)
print(f"|W1 W2|                              {np.linalg.norm(W1 @ W2):7.3f}")
print(f"largest difference of probabilities  {np.abs(p_net - p_penalized).max():7.3f}")
