"""
How hidden units add up to a logit
==================================

As a function of one feature, a relu unit is a straight line that is cut off at one
point. The logit of the net is the weighted sum of its units, plus a bias. One unit
bends the logit only once, so the logit cannot rise and then fall. Two units are enough
for that. Five units follow the data more closely. Fifty units give almost the same
curve as five.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow.inspection import hidden_unit_report

# %%
# One feature of wine
# -------------------
# Does a wine belong to the first of three cultivars? The only feature is the intensity
# of its color. Wines of this cultivar have a medium intensity, so the probability first
# rises and then falls.
wine = load_wine()
X, y = wine.data[:, [wine.feature_names.index("color_intensity")]], wine.target == 0

# %%
# Fit
# ---
# The loss of a small relu net has poor local minima, and a unit can start dead: off on
# all rows. So we fit every net from five random starts, and keep the one with the
# lowest training loss. If a start learns nothing, ``fit`` warns. Only this warning is
# silenced, because we do not use those starts.


def fit_net(hidden_size, seed):
    net = ShallowNetClassifier(
        hidden_size, solver="lbfgs", alpha=0.1, max_iter=5000, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The net learned almost nothing", ConvergenceWarning
        )
        return make_pipeline(StandardScaler(), net).fit(X, y)


best = {}
print("hidden units  log loss of five starts, nats per sample")
for hidden_size in (1, 2, 5, 50):
    starts = [fit_net(hidden_size, seed) for seed in range(5)]
    losses = [log_loss(y, net.predict_proba(X)) for net in starts]
    best[hidden_size] = starts[np.argmin(losses)]
    print(f"{hidden_size:12}", *(f" {loss:.3f}" for loss in sorted(losses)))

# %%
# Five units, one by one
# ----------------------
# ``transform`` returns the hidden activations. Multiplied by the output weights, they
# are the contributions of the units to the logit. The logit bends at the point where a
# unit is cut off. Unit 0 contributes nothing, so only four units do the work.
grid = np.linspace(X.min(), X.max(), 400)[:, np.newaxis]
net = best[5]
contributions = net.transform(grid) * net[-1].coefs_[1].ravel()
_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
colors, styles = (
    ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"),
    ("-", "--", "-.", ":", (0, (5, 1, 1, 1))),
)
for unit, values in enumerate(contributions.T):
    ax.plot(
        grid, values, color=colors[unit], linestyle=styles[unit], label=f"unit {unit}"
    )
ax.plot(
    grid,
    net.decision_function(grid),
    color="black",
    linewidth=2.5,
    label="logit: their sum\nand the bias",
)
ax.set(xlabel="color intensity", ylabel="contribution to the logit")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)

# %%
# The report shows the share of each unit in the output. Here, "saturated" means that a
# unit is off for most wines. This is usual for relu.
print(hidden_unit_report(net, X))

# %%
# One, two, five and fifty units
# ------------------------------
# We sort the wines by color intensity and divide them into ten groups. Each dot shows
# the log odds of one group, with half a wine added to each class. The groups of the
# three lowest dots contain no wine of the first cultivar, so the logit may be lower
# than these dots. With one unit, the logit rises and then stays level. With two units,
# it rises and falls. With five units, it bends in more places. Fifty units give almost
# the same curve as five, because the penalty limits them.
_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for (hidden_size, net), color, style in zip(best.items(), colors, styles, strict=False):
    label = f"{hidden_size} unit{'s' * (hidden_size > 1)}"
    ax.plot(
        grid,
        net.decision_function(grid),
        color=color,
        linestyle=style,
        linewidth=2,
        label=label,
    )
for rows in np.array_split(np.argsort(X.ravel(), kind="stable"), 10):
    n_first = y[rows].sum()
    ax.plot(
        X[rows].mean(),
        np.log((n_first + 0.5) / (len(rows) - n_first + 0.5)),
        "o",
        color="black",
    )
ax.set(xlabel="color intensity", ylabel="logit of the first cultivar")
ax.legend()
