"""
Solvers, and how to avoid overfitting
=====================================

All solvers minimize the same loss, but not equally fast. The lowest training loss is
not the goal: with noisy labels, it gives the worst predictions. Dropout, early stopping
and the penalty all help. Early stopping and the penalty help most here.
``alpha="auto"`` chooses a strength that is useful, but a little too large on these
data. At the same penalty, dropout adds almost nothing.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from sk_shallow import ShallowNetClassifier
from sk_shallow.inspection import LossCurveDisplay


def fitted(X, y, **params):
    """Return a fitted net. Some fits end too early or have a tiny alpha, on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ShallowNetClassifier(random_state=0, **params).fit(X, y)


# %%
# Four solvers
# ------------
# Each solver makes at most 60 passes over digits, with the same penalty. One pass is
# one iteration of L-BFGS, one step of gd, or one epoch of adam and sgd, which make many
# steps in mini-batches.
X, y = load_digits(return_X_y=True)
X = scale(X)
nets = {
    solver: fitted(X, y, solver=solver, alpha=1.0, max_iter=60)
    for solver in ("gd", "sgd", "adam", "lbfgs")
}
curves = LossCurveDisplay.from_estimators(nets)
curves.ax_.set_title("training objective on digits, alpha=1")
for solver, net in nets.items():
    print(f"{solver:6} {net.loss_:.4f} after {net.n_iter_} epochs or iterations")

# %%
# Gradient descent takes one small step per pass, and is by far the slowest: use it for
# teaching and debugging. adam and sgd take many steps per pass. L-BFGS reaches the
# lowest value with one step per pass, because it estimates the curvature from past
# steps.
#
# Against overfitting
# -------------------
# We use breast cancer and flip a tenth of the training labels. 300 epochs are enough to
# learn the wrong labels, too.
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    scale(X), y, stratify=y, test_size=0.5, random_state=0
)
wrong = np.random.default_rng(0).random(len(y_train)) < 0.1
y_noisy = np.where(wrong, 1 - y_train, y_train)
print(f"{wrong.sum()} of {len(y_train)} training labels are wrong\n")


def losses(**params):
    """Return the log loss on the noisy training labels and on the true test labels."""
    net = fitted(X_train, y_noisy, max_iter=300, **params)
    return log_loss(y_noisy, net.predict_proba(X_train)), log_loss(
        y_test, net.predict_proba(X_test)
    )


alphas = [0.01, 0.1, 1, 10, 30, 100]
by_alpha = np.array([losses(alpha=alpha) for alpha in alphas])
automatic = fitted(X_train, y_noisy, max_iter=300)
figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(alphas, by_alpha[:, 0], "o--", color="#E69F00", label="training, noisy labels")
ax.plot(alphas, by_alpha[:, 1], "o-", color="#0072B2", label="test, true labels")
for tried in automatic.alpha_scores_:
    ax.axvline(tried, color="0.6", linestyle=":", linewidth=1)
ax.axvline(
    automatic.alpha_,
    color="#009E73",
    linewidth=2,
    label='choice of "auto" (dotted: strengths tried)',
)
ax.set(xscale="log", yscale="log", xlabel="alpha", ylabel="log loss, nats per sample")
ax.legend(fontsize=8)

# %%
# As the penalty grows, the training loss rises and the test loss falls, until the net
# is too simple. "auto" tried the dotted values on held-out rows. It takes a weaker
# penalty only if that lowers the log loss by more than 2 %. Here it keeps the strongest
# of the values tried, although the test loss is lowest at a weaker one, near 10:
for tried, score in automatic.alpha_scores_.items():
    print(f"alpha = {tried:6.2f}  log loss of held-out rows {-score:.3f}")

# %%
# The next table compares dropout, early stopping and the automatic penalty.
print("                          training   test")
for label, params in {
    "nothing": {"alpha": 0.0},
    "dropout=0.5": {"alpha": 0.0, "dropout": 0.5},
    "early_stopping": {"alpha": 0.0, "early_stopping": True},
    'alpha="auto"': {},
    'alpha="auto", dropout=0.5': {"dropout": 0.5},
}.items():
    training, test = losses(**params)
    print(f"{label:25} {training:8.3f} {test:6.3f}")

# %%
# Dropout alone helps less than early stopping or the penalty. The last line is better
# than the one above it mainly because "auto" chooses a weaker penalty with dropout
# here. If you give both nets the same penalty, their test losses are almost equal.
