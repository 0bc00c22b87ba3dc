"""
The sigmoid that predicts a constant
====================================

A sigmoid net can get stuck before it learns anything: it then predicts one class for
every row. On some data, this happens to ``MLPClassifier`` with
``activation="logistic"``, without a warning (scikit-learn issue 31235). It also happens
here, on two features of iris. The sigmoid is not the only cause. The loss soon comes
close to the loss of always predicting the class frequencies. Then it falls so slowly
that the stopping rule ends the fit. A larger learning rate avoids this. Larger initial
weights alone help only with some seeds.
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier

# %%
# The data
# --------
# Is an iris versicolor or not? In petal length and in petal width, versicolor lies
# between the two other species. One third of the rows are versicolor. Always predicting
# the class frequencies gives a log loss of 0.637 nats per sample, and always predicting
# "not versicolor" is right for 67 % of the rows.
X, species = load_iris(return_X_y=True)
X, y = X[:, 2:], species == 1  # petal length and width, in cm
constant = log_loss(y, np.full(len(y), y.mean()))
print(
    f"rows {len(y)}, versicolor {y.mean():.0%}, "
    f"log loss of the class frequencies {constant:.3f}"
)


# %%
# Five seeds each
# ---------------
# "One class" is the number of seeds for which the net predicts one class for all rows,
# and "warned" the number of warnings about training. (Another warning, that ``alpha``
# is very small, is not counted.) ``like_mlp`` gives ``ShallowNetClassifier`` the
# learning rate, batch size, penalty and initial weights of ``MLPClassifier``. If the
# learning rate is given, ``ShallowNetClassifier`` also stops at a plateau, like
# ``MLPClassifier``. The last net has its own initial weights again: the hidden weights
# are about seven times as large.
def fit_seeds(kind, seeds=range(5), **params):
    """Return one fitted pipeline per seed, and the warnings about training."""
    pipelines, messages = [], []
    for seed in seeds:
        net = make_pipeline(StandardScaler(), kind(random_state=seed, **params))
        with warnings.catch_warnings(
            record=True
        ) as caught:  # they are counted, not shown
            warnings.simplefilter("always")
            pipelines.append(net.fit(X, y))
        messages += [
            str(warning.message)
            for warning in caught
            if issubclass(warning.category, ConvergenceWarning)
        ]
    return pipelines, messages


like_mlp = {
    "learning_rate_init": 0.001,
    "batch_size": len(y),
    "alpha": 1e-4,
    "init": "glorot_uniform",
    "init_scale": 3**-0.5,  # scikit-learn uses a third of the variance for the sigmoid
}
own_weights = {"init": "auto", "init_scale": 1.0, "max_iter": 1000}
runs = {
    "MLP logistic": fit_seeds(MLPClassifier, activation="logistic"),
    "MLP logistic, n_iter_no_change=100": fit_seeds(
        MLPClassifier, activation="logistic", n_iter_no_change=100
    ),
    "MLP logistic, tol=1e-5": fit_seeds(
        MLPClassifier, activation="logistic", tol=1e-5, max_iter=5000
    ),
    "MLP logistic, rate 0.01": fit_seeds(
        MLPClassifier, activation="logistic", learning_rate_init=0.01, max_iter=1000
    ),
    "MLP relu": fit_seeds(MLPClassifier, activation="relu", max_iter=1000),
    "Shallow sigmoid": fit_seeds(ShallowNetClassifier, activation="sigmoid"),
    "Shallow sigmoid, like_mlp": fit_seeds(
        ShallowNetClassifier, activation="sigmoid", **like_mlp
    ),
    "Shallow sigmoid, own weights": fit_seeds(
        ShallowNetClassifier, activation="sigmoid", **like_mlp | own_weights
    ),
}

print("net                                 one class  warned  accuracy  epochs")
for label, (pipelines, messages) in runs.items():
    one_class = sum(len(np.unique(net.predict(X))) == 1 for net in pipelines)
    accuracy = np.mean([net.score(X, y) for net in pipelines])
    epochs = np.mean([net[-1].n_iter_ for net in pipelines])
    print(
        f"{label:34}  {one_class:4} of 5  {len(messages):6}  {accuracy:8.2f}  "
        f"{epochs:6.0f}"
    )

# %%
# ``MLPClassifier`` predicts one class with every seed, and never warns.
# ``n_iter_no_change=100`` instead of 10 does not help. With a lower ``tol``, four of
# five nets learn, after about 2,000 epochs. With a learning rate of 0.01, all five
# learn. relu never gets stuck. ``ShallowNetClassifier`` with default settings does not
# get stuck either: its hidden weights start larger, its learning rate rises to 0.07 in
# each round, and a plateau in a round does not end the fit.
#
# With the settings of ``MLPClassifier``, ``ShallowNetClassifier`` gets stuck with all
# five seeds. With its own initial weights and the other settings of ``MLPClassifier``,
# it gets stuck with two seeds. The learning rate of 0.001 is very low here: two of the
# other three nets still improve after 1,000 epochs, and ``fit`` warns.
#
# With ``like_mlp``, four of the five stuck nets warn. ``fit`` warns if the training
# loss is above 98 % of the loss of always predicting the class frequencies. The fifth
# net and the two stuck nets of the last line are slightly below this limit: they also
# predict one class, but do not warn. So do not rely on the warning alone: look at the
# predictions, too. The likely cause in the warning is wrong here, because other nets
# learn from the same features:
print(textwrap.fill(runs["Shallow sigmoid, like_mlp"][1][0], 88))

# %%
# The plateau
# -----------
# Left: the loss with seed 0. ``MLPClassifier`` stops at the circle. The dashed curve is
# the same net with ``tol=1e-5``: the loss stays almost constant for hundreds of epochs,
# and then falls. Right: the probabilities of the fitted nets. The net that stopped too
# early predicts less than one half for every row.
shown = {
    "MLP logistic": ("#E69F00", "-"),
    "MLP logistic, tol=1e-5": ("#009E73", "--"),
    "Shallow sigmoid": ("#0072B2", "-"),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.axhline(constant, color="0.6", linewidth=1, label="class frequencies")
for label, (color, style) in shown.items():
    net = runs[label][0][0]
    losses = net[-1].loss_curve_
    front = 3 if label == "MLP logistic" else 2
    left.plot(
        np.arange(1, len(losses) + 1),
        losses,
        style,
        color=color,
        label=label,
        zorder=front,
    )
    right.plot(X[:, 0], net.predict_proba(X)[:, 1], ".", color=color, label=label)
    if label == "MLP logistic":
        left.plot(len(losses), losses[-1], "o", color=color, zorder=front)
left.set(
    xscale="log",
    ylim=(0, None),
    xlabel="epoch",
    ylabel="training loss, nats per sample",
)
left.legend(loc="lower left", fontsize=8)
right.axhline(0.5, color="0.6", linewidth=1)
right.set(
    xlabel="petal length, cm",
    ylabel="predicted probability of versicolor",
    ylim=(-0.02, 1.02),
)
right.legend(loc="center left", bbox_to_anchor=(0, 0.7), fontsize=8)
