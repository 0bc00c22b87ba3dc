"""
What each hidden unit sees, and how units add up
================================================

Along one feature, a relu unit is a straight line that is cut off at one point. The logit of the net is the weighted
sum of its units, plus a bias. One unit can only bend the logit once, so the logit cannot rise and fall again. Two units
are enough for that. Five units follow the data more closely, and fifty hardly differ from five.
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
# The question is whether a wine belongs to the first of three cultivars. The only feature is the intensity of its
# color. Wines of this cultivar have a medium intensity, so the probability first rises and then falls.
wine = load_wine()
X, y = wine.data[:, [wine.feature_names.index("color_intensity")]], wine.target == 0

# %%
# Fit
# ---
# The loss of a small relu net has poor local minima, and a unit can start where it sees no row. So every net is fitted
# from five starts, and the one with the least training loss is kept. Starts that learn nothing warn. This warning
# alone is silenced, because those starts are thrown away.


def fit_net(hidden_size, seed):
    net = ShallowNetClassifier(hidden_size, solver="lbfgs", alpha=0.1, max_iter=5000, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The net has learned next to nothing", ConvergenceWarning)
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
# ``transform`` returns the hidden activations. Times the output weights, they are what the units add to the logit.
# The logit bends where a unit is cut off. Unit 3 adds nothing, so only four units do the work.
grid = np.linspace(X.min(), X.max(), 400)[:, np.newaxis]
net = best[5]
contributions = net.transform(grid) * net[-1].coefs_[1].ravel()
_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
colors, styles = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"), ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))
for unit, values in enumerate(contributions.T):
    ax.plot(grid, values, color=colors[unit], linestyle=styles[unit], label=f"unit {unit}")
ax.plot(grid, net.decision_function(grid), color="black", linewidth=2.5, label="logit: their sum\nand the bias")
ax.set(xlabel="color intensity", ylabel="contribution to the logit")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)

# %%
# The report has the share of the output that each unit carries. Here, "saturated" means that a unit is off on most
# wines. This is usual for relu.
print(hidden_unit_report(net, X))

# %%
# One, two, five and fifty units
# ------------------------------
# Each dot is a tenth of the wines, sorted by color intensity: its log odds, with half a wine added to each class.
# The three lowest dots have no wine of the first cultivar, so the logit may be lower there than the dots are. One unit
# rises and then stays level. Two units rise and fall. Five units bend in more places. Fifty units give nearly the same
# curve as five, because the penalty limits them too.
_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for (hidden_size, net), color, style in zip(best.items(), colors, styles, strict=False):
    label = f"{hidden_size} unit{'s' * (hidden_size > 1)}"
    ax.plot(grid, net.decision_function(grid), color=color, linestyle=style, linewidth=2, label=label)
for rows in np.array_split(np.argsort(X.ravel(), kind="stable"), 10):
    n_first = y[rows].sum()
    ax.plot(X[rows].mean(), np.log((n_first + 0.5) / (len(rows) - n_first + 0.5)), "o", color="black")
ax.set(xlabel="color intensity", ylabel="logit of the first cultivar")
ax.legend()
