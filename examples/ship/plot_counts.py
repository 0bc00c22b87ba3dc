"""
Counts, rates and exposure
==========================

Counts are not negative, and large counts vary more than small ones. ``loss="poisson"``
takes care of both: all predictions are positive, and an error of 1 matters more if the
count is small. If some counts come from a longer time than others, divide by the time,
and use it as the weight.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetRegressor

# %%
# Counts of bicycles
# ------------------
# Sensors count bicycles on 3,000 occasions, each for a quarter of an hour to four
# hours. We simulate the counts, so that the true rate is known: bicycles per hour, by
# the hour of the day and the temperature. The time of counting is the exposure.


def true_rate(hour, temperature):
    commuters = np.exp(-((hour - 8) ** 2) / 2) + np.exp(-((hour - 17.5) ** 2) / 4)
    leisure = 0.4 * np.exp(-((hour - 14) ** 2) / 20)
    return 25 * (commuters + leisure) / (1 + np.exp(-(temperature - 10) / 3)) + 0.2


rng = np.random.default_rng(0)
hour, temperature = rng.uniform(0, 24, size=3000), rng.normal(12, 7, size=3000)
exposure = rng.choice([0.25, 0.5, 1, 2, 4], size=3000)
rate = true_rate(hour, temperature)
counts = rng.poisson(exposure * rate)
X = np.column_stack([hour, temperature])
print(f"{np.mean(counts == 0):.0%} of the counts are 0, the largest is {counts.max()}")

# %%
# Rates and weights
# -----------------
# The target is the rate, ``counts / exposure``, and the weight is the exposure. This is
# equal to a model of the counts with the logarithm of the exposure as an offset (a
# known number that is added to the output). ``PoissonRegressor`` takes the same
# arguments. It is linear in the logarithm of the rate, so it cannot follow the two rush
# hours.
#
# "Deviance" is the mean Poisson deviance of held-out rates, weighted by the exposure.
# It needs positive predictions, so predictions below 0.01 count as 0.01. The error is
# relative to the true rate: the median over the held-out rows.
y = counts / exposure
X_train, X_test, y_train, y_test, w_train, w_test, _, rate_test = train_test_split(
    X, y, exposure, rate, test_size=0.5, random_state=0
)


def fit(model):
    pipeline = Pipeline([("scale", StandardScaler()), ("model", model)])
    return pipeline.fit(X_train, y_train, model__sample_weight=w_train)


models = {
    "PoissonRegressor": fit(PoissonRegressor(alpha=0)),
    "net, squared error": fit(ShallowNetRegressor(random_state=0)),
    "net, poisson": fit(ShallowNetRegressor(loss="poisson", random_state=0)),
}
predictions = {
    "constant": np.full(len(y_test), np.average(y_train, weights=w_train)),
    **{label: model.predict(X_test) for label, model in models.items()},
    "true rate": rate_test,
}
print("model               deviance  median error  negative")
for label, prediction in predictions.items():
    positive = np.maximum(prediction, 0.01)
    deviance = mean_poisson_deviance(y_test, positive, sample_weight=w_test)
    error = np.median(abs(prediction / rate_test - 1))
    print(f"{label:18}  {deviance:8.2f}  {error:12.0%}  {np.mean(prediction < 0):8.0%}")

# %%
# Even the true rate has a deviance above zero, because counts are random. The net with
# the Poisson loss comes close to it.
#
# The curves
# ----------
# Bicycles per hour at 15 degrees, on a linear and on a logarithmic scale. The squared
# error hardly notices the nights, where its predictions are off by a large factor or
# even negative. The Poisson loss sees relative errors, so it comes much closer at
# night.
grid = np.column_stack([np.linspace(0, 24, 400), np.full(400, 15.0)])
styles = {
    "PoissonRegressor": ("#009E73", ":"),
    "net, squared error": ("#E69F00", "--"),
    "net, poisson": ("#0072B2", "-"),
}
_, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax in axes:
    ax.plot(grid[:, 0], true_rate(*grid.T), color="0.6", linewidth=4, label="true rate")
    for label, (color, style) in styles.items():
        prediction = models[label].predict(grid)
        ax.plot(grid[:, 0], prediction, style, color=color, label=label)
    ax.set(
        xlabel="hour of the day",
        ylabel="bicycles per hour",
        xticks=range(0, 25, 4),
    )
axes[1].set(yscale="log", ylim=(0.05, 50))
axes[1].legend(loc="lower center", fontsize=8)

# %%
# From rates to counts
# --------------------
# Multiply the predicted rate by the exposure. A sensor that counts for three hours
# around 17:00, at 20 degrees, should see about this many bicycles:
hours, degrees = 3, 20
net = models["net, poisson"]
print(f"predicted {hours * net.predict([[17, degrees]])[0]:.0f}")
print(f"true      {hours * true_rate(17, degrees):.0f}")
