"""
The sigmoid that predicts a constant
====================================

A sigmoid net can get stuck before it has learned anything: it predicts one class for every row. ``MLPClassifier`` with
``activation="logistic"`` does so on some data, without a warning (scikit-learn issue 31235). It does so here, too, on
two features of iris. The sigmoid alone is not at fault. The loss soon comes close to that of the class frequencies and
then falls so slowly that the stopping rule takes this plateau for the end.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier

# %%
# The data
# --------
# Is an iris versicolor or not? Versicolor is the species in the middle: a net that sees petal length and petal width
# must find a class between two others. One third of the rows are versicolor. Always predicting the class frequencies
# gives a log loss of 0.637 nats per sample, and always predicting "not versicolor" is right for 67 % of the rows.
X, species = load_iris(return_X_y=True)
X, y = X[:, 2:], species == 1  # petal length and width, in cm
constant = log_loss(y, np.full(len(y), y.mean()))
print(f"rows {len(y)}, versicolor {y.mean():.0%}, log loss of the class frequencies {constant:.3f}")


# %%
# Five seeds each
# ---------------
# "One class" counts the seeds with which the net predicts one class for all rows, and "warned" those with a warning.
# ``like_mlp`` gives ``ShallowNetClassifier`` the learning rate, batch size and penalty of ``MLPClassifier``. With a
# learning rate of your own, it also stops at a plateau, as ``MLPClassifier`` does.
def fit_seeds(kind, seeds=range(5), **params):
    """Return one fitted pipeline per seed, and the warnings of all."""
    pipelines, messages = [], []
    for seed in seeds:
        net = make_pipeline(StandardScaler(), kind(random_state=seed, **params))
        with warnings.catch_warnings(record=True) as caught:  # they are counted, not shown
            warnings.simplefilter("always")
            pipelines.append(net.fit(X, y))
        messages += [str(warning.message) for warning in caught]
    return pipelines, messages


like_mlp = {"learning_rate_init": 0.001, "batch_size": len(y), "alpha": 1e-4}
runs = {
    "MLP logistic": fit_seeds(MLPClassifier, activation="logistic"),
    "MLP logistic, n_iter_no_change=100": fit_seeds(MLPClassifier, activation="logistic", n_iter_no_change=100),
    "MLP logistic, tol=1e-5": fit_seeds(MLPClassifier, activation="logistic", tol=1e-5, max_iter=5000),
    "MLP logistic, rate 0.01": fit_seeds(MLPClassifier, activation="logistic", learning_rate_init=0.01, max_iter=1000),
    "MLP relu": fit_seeds(MLPClassifier, activation="relu", max_iter=1000),
    "Shallow sigmoid": fit_seeds(ShallowNetClassifier, activation="sigmoid"),
    "Shallow sigmoid, like_mlp": fit_seeds(ShallowNetClassifier, activation="sigmoid", **like_mlp),
}

print("net                                 one class  warned  accuracy  epochs")
for label, (pipelines, messages) in runs.items():
    one_class = sum(len(np.unique(net.predict(X))) == 1 for net in pipelines)
    accuracy = np.mean([net.score(X, y) for net in pipelines])
    epochs = np.mean([net[-1].n_iter_ for net in pipelines])
    print(f"{label:34}  {one_class:4} of 5  {len(messages):6}  {accuracy:8.2f}  {epochs:6.0f}")

# %%
# ``MLPClassifier`` predicts one class with every seed, and never warns. A patience of 100 epochs instead of 10 does
# not help. A lower ``tol`` frees four seeds of five, after some 2,000 epochs. A learning rate of 0.01 frees them all,
# and relu is never stuck. ``ShallowNetClassifier`` with its defaults is not stuck either: its learning rate rises to
# 0.07, and it trains for a planned number of epochs, so that no plateau can end the fit.
#
# With the settings of ``MLPClassifier``, it falls into the same trap with all five seeds, and warns with two. The
# warning comes where the training loss is above 98 % of that of the class frequencies. The other three nets are
# slightly below that, and yet predict one class. So do not rely on the warning alone: look at the predictions, too.
print(runs["Shallow sigmoid, like_mlp"][1][0].replace(", and", ",\nand").replace(". Likely", ".\nLikely"))

# %%
# The plateau
# -----------
# Left: the loss with seed 0. The circle is where ``MLPClassifier`` stops. The dashed curve is the same net with
# ``tol=1e-5``: the loss stays almost level for hundreds of epochs, and then falls. Right: the probabilities of the
# fitted nets. The net that has stopped too soon gives every row less than one half.
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
    left.plot(np.arange(1, len(losses) + 1), losses, style, color=color, label=label, zorder=front)
    right.plot(X[:, 0], net.predict_proba(X)[:, 1], ".", color=color, label=label)
    if label == "MLP logistic":
        left.plot(len(losses), losses[-1], "o", color=color, zorder=front)
left.set(xscale="log", ylim=(0, None), xlabel="epoch", ylabel="training loss, nats per sample")
left.legend(loc="lower left", fontsize=8)
right.axhline(0.5, color="0.6", linewidth=1)
right.set(xlabel="petal length, cm", ylabel="predicted probability of versicolor", ylim=(-0.02, 1.02))
right.legend(loc="center left", bbox_to_anchor=(0, 0.7), fontsize=8)
