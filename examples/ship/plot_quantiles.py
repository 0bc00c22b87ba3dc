"""
Quantiles: how far off can a prediction be?
===========================================

Three nets predict the quantiles 10 %, 50 % and 90 % of the target. Between the outer
two, 80 % of the targets should lie. Count them on rows that were not used in training.
Unlike a mean with a fixed margin, the interval is wide where the data are noisy, and
narrow where they are not.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetRegressor
from sk_shallow.losses import Quantile

LEVELS = (0.1, 0.5, 0.9)


def net_for(loss):
    net = ShallowNetRegressor(loss=loss, random_state=0)
    return make_pipeline(StandardScaler(), net)


# %%
# Delays during a day
# -------------------
# We simulate the delays of 4,000 trains, in minutes. They are longest and vary most in
# the rush hours, and long delays are rarer than short ones. The nets see half of the
# trains.
rng = np.random.default_rng(0)
hour = rng.uniform(5, 23, size=4000)
rush = np.exp(-((hour - 8) ** 2) / 3) + np.exp(-((hour - 17) ** 2) / 5)
delay = 1 + rush + rng.gamma(shape=2, scale=0.5 + 2.5 * rush)
X_train, X_test, y_train, y_test = train_test_split(
    hour[:, np.newaxis], delay, test_size=0.5, random_state=0
)
quantiles = {
    level: net_for(Quantile(quantile=level)).fit(X_train, y_train) for level in LEVELS
}
mean = net_for("squared_error").fit(X_train, y_train)

grid = np.linspace(5, 23, 400)[:, np.newaxis]
_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(X_test[:, 0], y_test, ".", color="0.7", markersize=2, label="held-out trains")
for level, style in zip(LEVELS[::-1], ("--", "-", ":"), strict=True):
    prediction = quantiles[level].predict(grid)
    ax.plot(grid, prediction, style, color="#0072B2", linewidth=2, label=f"{level:.0%}")
ax.plot(grid, mean.predict(grid), color="#E69F00", linewidth=1.5, label="mean")
ax.set(
    xlabel="hour of the day",
    ylabel="delay, minutes",
    xticks=range(5, 24, 3),
    ylim=(0, 25),
)
ax.legend()

# %%
# The mean is above the median (50 %), because a few long delays raise it.
#
# Coverage
# --------
# "Below" is the share of held-out delays that are at most the prediction: it should be
# the level.
print("level  below")
for level, net in quantiles.items():
    print(f"{level:5.0%}  {np.mean(y_test <= net.predict(X_test)):5.1%}")

# %%
# Now compare two intervals that should contain 80 % of the delays. One lies between the
# quantiles 10 % and 90 %. The other one is the mean with a fixed margin: between the
# quantiles 10 % and 90 % of its training errors. Both contain about 80 % of all
# delays. But the fixed margin is too narrow in the rush hours, and far too wide at
# other times. The width is in minutes.
margins = np.quantile(y_train - mean.predict(X_train), [0.1, 0.9])
intervals = {
    "quantiles": [quantiles[level].predict(X_test) for level in (0.1, 0.9)],
    "mean and fixed margin": mean.predict(X_test) + margins[:, np.newaxis],
}
h = X_test[:, 0]
times = {
    "all": h > 0,
    "rush hours": (abs(h - 8) < 1) | (abs(h - 17) < 1),
    "other times": (abs(h - 8) > 3) & (abs(h - 17) > 3),
}
print("interval               trains       coverage  width")
for label, (low, high) in intervals.items():
    inside = (low <= y_test) & (y_test <= high)
    for time, rows in times.items():
        width = np.mean((high - low)[rows])
        print(f"{label:21}  {time:11}  {inside[rows].mean():8.0%}  {width:5.1f}")

# %%
# Real data
# ---------
# With few rows, coverage is less exact. We predict the progression of diabetes of 442
# patients. The nets that predict a patient have not seen this patient (five folds).
# The three nets are trained separately, so quantiles can cross. The last line counts
# the patients for whom they do.
X, y = load_diabetes(return_X_y=True)
predictions = [
    cross_val_predict(net_for(Quantile(quantile=level)), X, y) for level in LEVELS
]
print("level  below")
for level, prediction in zip(LEVELS, predictions, strict=True):
    print(f"{level:5.0%}  {np.mean(y <= prediction):5.1%}")
low, median, high = predictions
print(f"between 10 % and 90 %: {np.mean((low <= y) & (y <= high)):.1%} of the patients")
print(f"patients whose quantiles cross: {np.sum((low > median) | (median > high))}")
