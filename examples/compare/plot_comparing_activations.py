"""
Comparing activations honestly
==============================

Cross-validation gives you many scores per activation, but they are not independent: the
training sets share most of their rows. Error bars that ignore this are too narrow, and
they name winners and losers that you cannot trust. ``compare_activations`` has wider
intervals, and says "cannot tell" if the data are not enough to decide. One row of the
table compares relu with itself. It shows the effect of the seed alone.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import t
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier, compare_activations

# %%
# The comparison
# --------------
# We compare relu, maxout, tanh and identity on 50 splits of breast cancer, with small
# nets. "relu again" is relu under a second label. With ``paired_seeds=False``, every
# label has its own seeds, so "relu again" starts from other weights than relu. Any
# difference between the two is chance. Differences of up to 0.005 nats per sample do
# not matter to us (``rope``, the blue band in the figure).
X, y = load_breast_cancer(return_X_y=True)
net = make_pipeline(StandardScaler(), ShallowNetClassifier(hidden_size=20))
activations = {
    "relu": "relu",
    "relu again": "relu",
    "maxout": "maxout",
    "tanh": "tanh",
    "identity": "identity",
}
comparison = compare_activations(
    net,
    X,
    y,
    activations=activations,
    reference="relu",
    rope=0.005,
    cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=10, random_state=0),
    paired_seeds=False,
    n_jobs=2,
    random_state=0,
)
table = comparison.to_frame()
print(
    table.loc[:, ["score", "difference", "low", "high", "p", "verdict"]]
    .round(4)
    .to_string()
)
print(
    "\nThis design finds a true difference of "
    f"{comparison.smallest_difference_:.3f} in 80 % of cases."
)


# %%
# Naive intervals
# ---------------
# The naive 95 % interval assumes that the 50 differences are independent: its standard
# error is their standard deviation times :math:`\sqrt{1/50}`. The corrected interval
# uses :math:`\sqrt{1/50 + 1/4}`, because there is one test row for four training rows.
# It is 3.67 times as wide.
def naive_interval(label):
    """Return the bounds of the interval if the splits were independent."""
    differences = comparison.scores_[label] - comparison.scores_["relu"]
    half = (
        t.ppf(0.975, len(differences) - 1)
        * differences.std(ddof=1)
        / np.sqrt(len(differences))
    )
    return differences.mean() - half, differences.mean() + half


naive = {label: naive_interval(label) for label in comparison.verdicts_}
print(
    "activation  naive interval        corrected interval    width, corrected / naive"
)
for label, (low, high) in naive.items():
    low_corrected, high_corrected = comparison.difference(label).interval()
    ratio = (high_corrected - low_corrected) / (high - low)
    print(
        f"{label:10}  [{low:+.4f}, {high:+.4f}]    "
        f"[{low_corrected:+.4f}, {high_corrected:+.4f}]    {ratio:.2f}"
    )

# %%
# The two figures side by side
# ----------------------------
# A cross marks a naive interval that does not contain zero.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.6), sharex=True, layout="constrained"
)
for row, (label, (low, high)) in enumerate(naive.items()):
    excludes_zero = low > 0 or high < 0
    color, marker = ("#E69F00", "X") if excludes_zero else ("0.5", "o")
    left.plot([low, high], [row, row], color=color, linewidth=2)
    left.plot(
        comparison.difference(label).mean,
        row,
        marker,
        color=color,
        markersize=9 if excludes_zero else 6,
    )
left.axvline(0, color="0.5", linewidth=1)
left.set_yticks(range(len(naive)), list(naive))
left.set_ylim(len(naive) - 0.5, -0.5)
left.set_title("naive: as if the splits were independent", fontsize=10)
comparison.plot(ax=right)
right.set_title("corrected, with verdicts", fontsize=10)
left.set_xticks([-0.01, 0, 0.01])  # the two axes share them
for ax in (left, right):
    ax.set_xlabel(
        "difference to relu, nats per sample\n(right of 0 is better), 95 % interval",
        fontsize=9,
    )

# %%
# The naive figure says that tanh and identity are worse than relu. The corrected one
# cannot tell. It does not say that they are equal: this design can find a true
# difference of about 0.02, but the differences measured here are at most 0.006. More
# splits of the same rows make a naive interval as narrow as you like. They hardly
# change the corrected one.
#
# "relu again" differs from relu by chance only. Both of its intervals contain zero, as
# they should. In this row, the naive interval is wide enough: only the seeds differ,
# and they are independent from split to split. But differences between activations also
# depend on your sample of rows, and the 50 splits share these rows. For such
# differences, the naive interval is too narrow.
