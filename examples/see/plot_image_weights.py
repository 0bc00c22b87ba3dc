"""
Weights as images, and the effect of the penalty
================================================

If the features are the pixels of an image, the weights of a hidden unit are an image,
too. It does not look like a digit: each unit compares some pixels with others. The
penalty ``alpha`` removes the weights of the pixels at the margins, which carry little
information, and the log loss on new rows falls. The smoothest images are not the best
ones: they come from the strongest penalty, whose predictions are the worst.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow.inspection import HiddenWeightsDisplay

# %%
# Three penalties
# ---------------
# The same net is fitted three times: without a penalty, with the default (``fit``
# chooses ``alpha`` on held-out rows), and with a penalty of 100. "Margins" is the root
# mean square of the weights in the first and last column of pixels, and "middle" the
# root mean square in all other columns. "Smoothness" is the correlation of the weights
# of neighboring pixels, over all units. For random images it is 0.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def smoothness(net):
    """Return the correlation of the weights of neighbors in a row or a column."""
    images = net[-1].coefs_[0].T.reshape(-1, 8, 8)
    here = np.concatenate([images[:, :, :-1].ravel(), images[:, :-1].ravel()])
    there = np.concatenate([images[:, :, 1:].ravel(), images[:, 1:].ravel()])
    return np.corrcoef(here, there)[0, 1]


def sizes(net):
    """Return the root mean square weight of the margins, and of the other pixels."""
    images = net[-1].coefs_[0].T.reshape(-1, 8, 8)
    return np.sqrt(np.mean(images[:, :, [0, 7]] ** 2)), np.sqrt(
        np.mean(images[:, :, 1:7] ** 2)
    )


nets = {}
print("alpha       accuracy  log loss  margins  middle  smoothness")
for alpha in (0.0, "auto", 100.0):
    net = make_pipeline(
        StandardScaler(), ShallowNetClassifier(alpha=alpha, random_state=0)
    ).fit(X_train, y_train)
    label = f"{alpha}, {net[-1].alpha_:.2f}" if alpha == "auto" else f"{alpha:g}"
    nets[label], loss, (margins, middle) = (
        net,
        log_loss(y_test, net.predict_proba(X_test)),
        sizes(net),
    )
    print(
        f"{label:10}  {net.score(X_test, y_test):8.3f}  {loss:8.3f}  "
        f"{margins:7.3f}  {middle:6.3f}",
        end="",
    )
    print(f"  {smoothness(net):10.2f}")

# %%
# The images
# ----------
# The figure shows the six strongest units of each net. Red pixels switch a unit on,
# blue pixels switch it off. With ``alpha = 0`` there is color everywhere: some pixels,
# such as the corners, never change, and nothing removes their random initial weights.
# With the default, the margins are almost blank, and the weights are smaller (see the
# color bars), but the images are only a little smoother. A penalty of 100 makes them
# even smoother, but then the net is too simple.
figure = plt.figure(figsize=(9, 6), layout="constrained")
for part, (label, net) in zip(figure.subfigures(3, 1), nets.items(), strict=True):
    HiddenWeightsDisplay.from_estimator(
        net, image_shape=(8, 8), max_units=6, ax=part.subplots(1, 6)
    )
    part.suptitle(f"alpha: {label}", fontsize=10)
