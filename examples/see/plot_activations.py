"""
The twelve activations, and where units operate
===============================================

A hidden unit adds up its weighted inputs and a bias. The sum is the pre-activation
:math:`z`. Its output is :math:`g(z)`, and it learns through the slope :math:`g'(z)`.
Where the slope is almost zero, the unit is saturated and hardly learns. Sigmoid and
tanh saturate on both sides, but tanh does so much closer to zero. In a fitted tanh net
on scaled features, few z reach the range where tanh is saturated.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow.inspection import ActivationDisplay, hidden_unit_report

# %%
# All activations
# ---------------
# The solid line is the activation g(z), the dashed line is its slope g'(z). A gray area
# marks saturation: the slope is below 1 % of the largest one. For maxout, the plot
# shows one of its two pieces, with the other one at zero. Maxout has no gray area: if
# one piece does not learn, the other one does.
_, axes = plt.subplots(3, 4, figsize=(9, 6), sharex=True, layout="constrained")
curves = ActivationDisplay.from_activations(limits=(-8, 8), ax=axes)
for ax in axes[-1]:
    ax.set_xlabel("z")

# %%
# Where sigmoid and tanh saturate
# -------------------------------
# A rule of thumb says that both saturate if z is beyond 5. The table shows that this is
# too simple. The slope of tanh falls below 1 % of its largest value at 3, and is
# practically zero at 5. The slope of sigmoid is still 2.7 % of its largest value at 5,
# and falls below 1 % at 6.
print("activation  slope at 0  slope at 5  share of largest  below 1 % from")
for name in ("sigmoid", "tanh"):
    slopes = curves.slopes_[name]
    at_0, at_5 = np.interp([0, 5], curves.z_, slopes)
    start = curves.z_[(curves.z_ > 0) & curves.saturated_[name]].min()
    print(
        f"{name:10}  {at_0:10.4f}  {at_5:10.4f}  {at_5 / slopes.max():16.2%}  "
        f"{start:14.1f}"
    )

# %%
# A fitted net
# ------------
# This net has 100 tanh units and learns the digits. The gray bars are the histogram of
# z over all rows and all units. The figure leaves out the z furthest from zero: at most
# 0.5 % of all. Most z are between -3 and 3, where tanh has a slope. Few are in the gray
# areas beyond 3.
X, y = load_digits(return_X_y=True)
net = make_pipeline(
    StandardScaler(), ShallowNetClassifier(activation="tanh", random_state=0)
).fit(X, y)
display = ActivationDisplay.from_estimator(net, X)
display.ax_.set(xlabel="pre-activation z", ylabel="g(z) and g'(z)")

# %%
# The numbers confirm this. About 1 % of all z are beyond 3, and almost none are beyond
# 5. No unit is dead, and no unit is saturated on most rows.
scaler, fitted = net
sizes = np.abs(scaler.transform(X) @ fitted.coefs_[0] + fitted.intercepts_[0])
report = hidden_unit_report(net, X)
for bound in (1, 3, 5):
    print(f"share of z beyond {bound}           {np.mean(sizes > bound):7.2%}")
print(f"dead units                    {report.dead_.sum():7d}")
print(f"units saturated on most rows  {report.saturated_.sum():7d}")
