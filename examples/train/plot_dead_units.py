"""
Why hidden units die
====================

A dead unit has no gradient on any row, so training on these rows cannot change it. A
saturated unit has almost no gradient on most rows. Textbooks say that a large learning
rate kills relu units. With plain gradient descent, it does. Adam limits the size of a
step, so units die only at rates far above its usual ones. The penalty kills relu units,
too, but only those that the data do not need.
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow.inspection import hidden_unit_report


# %%
# What the textbook means
# -----------------------
# The flower data have two features and two classes. Neighboring petals belong to
# different classes. We train 20 relu units on all rows at once, for 1,000 steps without
# a penalty.
def flower(n_rows=400, seed=0):
    """Return points on the petals of a flower, and the class of each."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], n_rows // 2)
    angle = np.pi * (y + np.tile(np.linspace(0, 1, n_rows // 2), 2))
    angle += 0.2 * rng.standard_normal(n_rows)
    radius = 4 * np.sin(4 * angle) + 0.2 * rng.standard_normal(n_rows)
    return np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]), y


def dead_on_flowers(solver, rate, seed=0):
    """Return the number of dead units of 20, and the training loss."""
    X, y = flower(seed=seed)
    net = ShallowNetClassifier(
        20,
        solver=solver,
        learning_rate_init=rate,
        batch_size=len(y),
        max_iter=1000,
        n_iter_no_change=1000,
        tol=0,
        alpha=0.0,
        random_state=seed,
    )
    with warnings.catch_warnings():  # too high on purpose
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(X, y)
    return hidden_unit_report(net, X).dead_.sum(), net.loss_


rates = [0.01, 0.1, 1, 5, 20]
flowers = {
    solver: np.mean(
        [[dead_on_flowers(solver, rate, seed) for rate in rates] for seed in range(3)],
        axis=0,
    )
    for solver in ("gd", "adam")
}
print("rate                       " + "".join(f"{rate:>7g}" for rate in rates))
for solver, means in flowers.items():
    print(
        f"{solver:5} dead units of 20     " + "".join(f"{x:7.1f}" for x in means[:, 0])
    )
    print(
        f"{solver:5} training loss        " + "".join(f"{x:7.2f}" for x in means[:, 1])
    )

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for solver, color in (("gd", "#0072B2"), ("adam", "#E69F00")):
    ax.plot(rates, flowers[solver][:, 0], "o-", color=color, label=solver)
ax.set(xscale="log", xlabel="learning rate", ylabel="dead units of 20")
ax.legend()

# %%
# A relu unit dies if one step moves its weights so far that z is negative on every row.
# With gradient descent, the step is the rate times the gradient. At a rate of 5, the
# first steps are too long, and most units are off for good. Adam divides each gradient
# by its usual size. A step then changes a weight by about the rate, however large the
# gradient is. At Adam's usual rates, 0.001 to 0.1, almost no unit dies. At a rate of 1,
# ten times too high for Adam, most units die, too.
#
# Three parameters
# ----------------
# Nets with 50 units are fitted to breast cancer. One parameter changes at a time: the
# scale of the initial weights, the learning rate of Adam (a rate that you give is
# constant), or the penalty. Some values are far too high or too low on purpose. ``fit``
# then warns, but the warnings are not shown here.
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def fitted(**params):
    """Return a fitted net behind a scaler."""
    net = make_pipeline(
        StandardScaler(),
        ShallowNetClassifier(**{"hidden_size": 50, "random_state": 0, **params}),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return net.fit(X_train, y_train)


KNOBS = {
    "init_scale": ([0.01, 0.1, 1, 3, 10, 30], {"alpha": 0.0}),
    "learning_rate_init": ([0.001, 0.01, 0.03, 0.1, 0.3, 1], {"alpha": 0.0}),
    "alpha": ([0.01, 0.1, 1, 10, 30, 100], {}),
}
COLORS = {
    "relu": "#0072B2",
    "leaky_relu": "#56B4E9",
    "elu": "#009E73",
    "maxout": "#CC79A7",
    "tanh": "#E69F00",
}
reports = {
    (knob, activation): [
        hidden_unit_report(
            fitted(activation=activation, **{knob: value}, **rest), X_train
        )
        for value in values
    ]
    for knob, (values, rest) in KNOBS.items()
    for activation in COLORS
}

# %%
# Shares of dead and of saturated units
# -------------------------------------
figure, axes = plt.subplots(
    2, 3, figsize=(9, 5), sharey=True, sharex="col", layout="constrained"
)
for column, (knob, (values, _)) in enumerate(KNOBS.items()):
    for activation, color in COLORS.items():
        shares = [
            (100 * r.dead_.mean(), 100 * r.saturated_.mean())
            for r in reports[knob, activation]
        ]
        for ax, share in zip(axes[:, column], np.transpose(shares), strict=True):
            ax.plot(values, share, "o-", color=color, markersize=4, label=activation)
    axes[1, column].set(xscale="log", xlabel=knob)
axes[0, 0].set_ylabel("dead units, %")
axes[1, 0].set_ylabel("saturated units, %")
axes[0, 0].legend(fontsize=8)

print("dead units, %, with alpha")
print("alpha       " + "".join(f"{value:>7g}" for value in KNOBS["alpha"][0]))
for activation in COLORS:
    print(
        f"{activation:12}"
        + "".join(f"{100 * r.dead_.mean():7.0f}" for r in reports["alpha", activation])
    )

# %%
# On these data, no unit dies because of a large scale or a large rate, not even at a
# rate of 1. At usual scales and rates, about 40 % of the relu units are "saturated":
# they are off on most rows. This is normal for relu. Large rates raise the share to
# three quarters. Without a penalty, tanh units saturate in most of these nets. elu
# units saturate at large rates and at the largest scale. leaky_relu and maxout always
# have a slope, so their units are neither dead nor saturated.
#
# The penalty kills 18 to 50 % of the relu units. It kills no other units: with the
# other activations, units that are not needed shrink but keep a gradient. How many
# units the penalty kills also depends on the learning rate:
rates = [0.003, 0.01, 0.03, 0.1, 0.3]
print("learning_rate_init, one_cycle       " + "".join(f"{rate:>7g}" for rate in rates))
for activation, alpha in (("relu", 0.0), ("relu", 1.0), ("leaky_relu", 1.0)):
    given = {"activation": activation, "alpha": alpha, "learning_rate": "one_cycle"}
    nets = [fitted(**given, learning_rate_init=rate) for rate in rates]
    dead = [100 * hidden_unit_report(net, X_train).dead_.mean() for net in nets]
    losses = [log_loss(y_test, net.predict_proba(X_test)) for net in nets]
    label = f"{activation}, alpha={alpha:g}"
    print(f"{label:20} dead units, %  " + "".join(f"{share:7.0f}" for share in dead))
    print(f"{'':20} test log loss  " + "".join(f"{loss:7.3f}" for loss in losses))

# %%
# Dead units do no harm by themselves. The test loss of leaky_relu also rises with the
# rate, up to 0.1, although none of its units die. If only the penalty switches units
# off, ``hidden_unit_report`` says that this is harmless:
print(textwrap.fill(" ".join(hidden_unit_report(fitted(), X_train).advice_), 88))

# %%
# The cost of maxout
# ------------------
# Each unit of maxout has two pieces, and so about twice as many weights. With the same
# number of weights, relu has 98 units. Here maxout is a little better in both
# comparisons.
print("net               weights  test log loss of five seeds")
for label, params in {
    "relu, 50 units": {"activation": "relu"},
    "maxout, 50 units": {"activation": "maxout"},
    "relu, 98 units": {"activation": "relu", "hidden_size": 98},
}.items():
    nets = [fitted(**params, random_state=seed) for seed in range(5)]
    losses = [log_loss(y_test, net.predict_proba(X_test)) for net in nets]
    weights = sum(array.size for array in nets[0][-1].coefs_ + nets[0][-1].intercepts_)
    print(f"{label:17} {weights:8,}  {np.mean(losses):.3f} +- {np.std(losses):.3f}")
