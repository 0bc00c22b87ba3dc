"""
Initial weights: zero, too small, too large
===========================================

With zero weights, all hidden units are equal and stay equal. A sigmoid net of 100 units
is then no better than one unit, and a relu or tanh net learns only how frequent the
classes are. With small random weights, ``randn * 0.01``, the units differ, but training
starts slowly. With a scheme made for the activation, it starts at once. With one hidden
layer and Adam, the slow start makes almost no difference at the end of training.
Weights that are too large are worse than weights that are too small.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow.inspection import HiddenWeightsDisplay, hidden_unit_report

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

SCHEMES = {
    "zero": {"init_scale": 0},
    "randn * 0.01": {"init": "normal", "init_scale": 0.01},
    "auto": {},
    "randn": {"init": "normal"},
}
ACTIVATIONS = ["relu", "tanh", "sigmoid"]


def fit(activation, scheme, **params):
    net = ShallowNetClassifier(
        activation=activation, random_state=0, **SCHEMES[scheme], **params
    )
    with warnings.catch_warnings():
        # fit warns of init_scale=0, and of a net that learned nothing: both on purpose.
        warnings.simplefilter("ignore" if scheme == "zero" else "error")
        return make_pipeline(StandardScaler(), net).fit(X_train, y_train)


# %%
# The start of training
# ---------------------
# SGD with momentum at a constant rate, without a penalty, shows the start most clearly.
# With ``init="auto"``, the hidden weights are half as large as He's for relu, twice as
# large as Glorot's for tanh, and four times as large as Glorot's for sigmoid. The
# output weights are half as large as those of the scheme in all three. No fit stops
# early, because ``n_iter_no_change=20`` is more than the 15 epochs. ``tol=100`` hides
# the warning that the loss still improves.

CONSTANT = {
    "solver": "sgd",
    "learning_rate_init": 0.01,
    "max_iter": 15,
    "alpha": 0,
    "tol": 100,
    "n_iter_no_change": 20,
}
nets = {
    (name, scheme): fit(name, scheme, **CONSTANT)
    for name in ACTIVATIONS
    for scheme in SCHEMES
}

print("First epoch with a training loss below 0.5")
print(f"{'':10}" + "".join(f"{scheme:>14}" for scheme in SCHEMES))
for name in ACTIVATIONS:
    below = [
        np.flatnonzero(np.array(nets[name, scheme][-1].loss_curve_) < 0.5)
        for scheme in SCHEMES
    ]
    print(
        f"{name:10}"
        + "".join(f"{epochs[0] + 1 if len(epochs) else '-':>14}" for epochs in below)
    )

# %%

STYLES = {
    "zero": ("#CC79A7", ":"),
    "randn * 0.01": ("#E69F00", "--"),
    "auto": ("#0072B2", "-"),
    "randn": ("#009E73", "-."),
}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.8), sharey=True, layout="constrained")
for axis, name in zip(axes, ACTIVATIONS, strict=True):
    for scheme, (color, style) in STYLES.items():
        losses = nets[name, scheme][-1].loss_curve_
        axis.plot(
            range(1, len(losses) + 1), losses, color=color, ls=style, label=scheme
        )
    axis.set(title=name, xlabel="epoch", yscale="log", ylim=(5e-3, 40))
axes[0].set_ylabel("training loss, nats per sample")
axes[2].legend(fontsize=9)

# %%
# With zero weights, all curves stay at log(10) = 2.3, the loss of ten equal
# probabilities. ``randn * 0.01`` costs four epochs with relu, and three with tanh. With
# sigmoid, it does not reach 0.5 in 15 epochs. ``randn`` starts at a high loss, because
# the first outputs are large and wrong. "auto" starts below log(10) with all three
# activations. With relu, ``randn`` ends with the lowest training loss. The next table
# shows the loss on test rows.
#
# At the end of training
# ----------------------
# Now the same nets with the default settings: Adam in rounds, with a penalty. The
# report on the hidden units counts duplicates, and shows the effective rank: how many
# directions the units use.

print(
    f"{'activation':11}{'scheme':14}{'test log loss':>13}{'accuracy':>10}"
    f"{'duplicates':>12}{'rank':>8}"
)
fitted = {}
for name in ACTIVATIONS:
    for scheme in SCHEMES:
        net = fitted[name, scheme] = fit(name, scheme)
        loss, report = (
            log_loss(y_test, net.predict_proba(X_test)),
            hidden_unit_report(net, X_train),
        )
        duplicates, rank = (
            (report.duplicate_of_ >= 0).sum(),
            report.effective_rank_,
        )
        print(
            f"{name:11}{scheme:14}{loss:13.3f}{net.score(X_test, y_test):10.1%}"
            f"{duplicates:12}{rank:8.1f}"
        )

# %%
# - **zero, relu and tanh**: the net learns only how frequent the classes are. g(0) = 0,
#   so all hidden activations are 0, and the gradient of ``W2`` is 0. ``W2`` = 0, so the
#   gradient of ``W1`` is 0, too. Only the output biases change.
# - **zero, sigmoid**: g(0) = 1/2, so ``W2`` has a gradient, but the same one for every
#   unit. 99 of 100 units are duplicates, so the net must separate ten classes in one
#   direction.
# - **randn * 0.01**: about as good as "auto" at the end. Textbooks warn of small
#   weights because signals shrink from layer to layer in deep nets. With one hidden
#   layer, this effect is small.
# - **randn**: the test loss is about four times that of "auto" with relu, about twice
#   with tanh, and still higher with sigmoid.

figure, axes = plt.subplots(2, 5, figsize=(7, 3.4), layout="constrained")
for row, scheme in zip(axes, ["zero", "auto"], strict=True):
    HiddenWeightsDisplay.from_estimator(
        fitted["sigmoid", scheme], image_shape=(8, 8), max_units=5, ax=row
    )
figure.suptitle("Weights of five sigmoid units: zero (top) and auto (bottom)")

# %%
# The five units in the upper row are copies of each other. The units in the lower row
# differ.

plt.show()
