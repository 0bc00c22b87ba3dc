"""
Weights as images, and what the penalty does to them
====================================================

The weights of a hidden unit that sees an image are an image, too. Do not expect small digits: each unit holds some
pixels against others. The penalty ``alpha`` blanks the pixels at the margins, which say little, and the log loss on new
rows falls. The smoothest pictures are not the best ones: the strongest penalty makes them, and it predicts worst.
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
# The same net is fitted without a penalty, with the default, for which held-out rows choose ``alpha``, and with a
# penalty of 100. "Margins" is the size of the weights (root mean square) in the first and last column of pixels,
# "middle" that in all others. "Smoothness" is the correlation of the weights of neighbouring pixels, over all units.
# Random pictures have 0.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def smoothness(net):
    """Return the correlation of the weights of pixels that are neighbours in a row or in a column."""
    images = net[-1].coefs_[0].T.reshape(-1, 8, 8)
    here = np.concatenate([images[:, :, :-1].ravel(), images[:, :-1].ravel()])
    there = np.concatenate([images[:, :, 1:].ravel(), images[:, 1:].ravel()])
    return np.corrcoef(here, there)[0, 1]


def sizes(net):
    """Return the root mean square of the weights of the margins, and of the other pixels."""
    images = net[-1].coefs_[0].T.reshape(-1, 8, 8)
    return np.sqrt(np.mean(images[:, :, [0, 7]] ** 2)), np.sqrt(np.mean(images[:, :, 1:7] ** 2))


nets = {}
print("alpha       accuracy  log loss  margins  middle  smoothness")
for alpha in (0.0, "auto", 100.0):
    net = make_pipeline(StandardScaler(), ShallowNetClassifier(alpha=alpha, random_state=0)).fit(X_train, y_train)
    label = f"{alpha}, {net[-1].alpha_:.2f}" if alpha == "auto" else f"{alpha:g}"
    nets[label], loss, (margins, middle) = net, log_loss(y_test, net.predict_proba(X_test)), sizes(net)
    print(f"{label:10}  {net.score(X_test, y_test):8.3f}  {loss:8.3f}  {margins:7.3f}  {middle:6.3f}", end="")
    print(f"  {smoothness(net):10.2f}")

# %%
# The pictures
# ------------
# The six strongest units of each net. Red pixels switch a unit on, blue ones switch it off. With ``alpha = 0`` there is
# color everywhere: nothing removes the random initial weights of pixels that never change, such as the corners. With
# the default, the margins are almost blank, and the weights are smaller (see the color bars). The pictures are only a
# little smoother. A penalty of 100 makes them smoother still, but then the net is too simple.
figure = plt.figure(figsize=(9, 6), layout="constrained")
for part, (label, net) in zip(figure.subfigures(3, 1), nets.items(), strict=True):
    HiddenWeightsDisplay.from_estimator(net, image_shape=(8, 8), max_units=6, ax=part.subplots(1, 6))
    part.suptitle(f"alpha: {label}", fontsize=10)
