"""
One noisy curve, twelve activations
===================================

A net with one feature draws a curve, so you can see what the activation does. relu,
leaky_relu and maxout draw straight lines that bend at a few points. The smooth
activations draw smooth curves. Without an activation ("identity"), the net draws one
straight line. All nets have 30 hidden units and the same penalty.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetRegressor
from sk_shallow.activations import ACTIVATIONS

# %%
# The data
# --------
# 300 noisy points of a curve that is a wave on the left and has a sharp corner on the
# right. The standard deviation of the noise is 0.2.


def curve(x):
    return np.where(x < 0, np.sin(2 * x), np.minimum(2 * x, 4 - 2 * x) / 1.5)


rng = np.random.default_rng(0)
x = rng.uniform(-4, 2, size=300)
y = curve(x) + rng.normal(scale=0.2, size=len(x))

# %%
# Fit
# ---
# L-BFGS suits problems with one feature and few rows: it comes close to a minimum of
# the objective. So the differences show what an activation can draw, not how fast it
# learns. "Error" is the root mean squared distance between the net and the
# curve without noise.
grid = np.linspace(-4, 2, 500)
nets = {}
print("activation   error  iterations")
for name in ACTIVATIONS:
    net = make_pipeline(
        StandardScaler(),
        ShallowNetRegressor(
            30,
            name,
            solver="lbfgs",
            alpha=0.03,
            max_iter=20000,
            random_state=0,
        ),
    ).fit(x[:, np.newaxis], y)
    error = root_mean_squared_error(curve(grid), net.predict(grid[:, np.newaxis]))
    nets[name] = net
    print(f"{name:11}  {error:5.3f}  {net[-1].n_iter_:10}")


# %%
# What each net has learned
# -------------------------
# A hidden unit computes :math:`g(w x + b)`, with a weight w and a bias b. Its knot is
# the point where :math:`w x + b` is zero: there relu bends, sigmoid and tanh are
# steepest, and the smooth relatives of relu turn upwards. For maxout, it is the point
# where the two pieces of a unit are equal. The ticks at the bottom of each panel show
# the knots. A tall tick is a unit with a large effect on the curve: its height is the
# product of w and the unit's output weight.
#
# Gray: the data. Orange: the curve without noise. Blue: the net.
def knots_of(net):
    """Return the knots of the hidden units, and the size of each unit's effect."""
    scaler, net = net
    (W1, W2), b1 = net.coefs_, net.intercepts_[0]
    w, b = W1[0].reshape(-1, len(W2)), b1.reshape(-1, len(W2))  # one row per piece
    if len(w) == 2:
        w, b = w[:1] - w[1:], b[:1] - b[1:]
    return scaler.inverse_transform(-(b / w).T)[:, 0], np.abs(w[0] * W2[:, 0])


figure, axes = plt.subplots(
    3, 4, figsize=(9, 6.5), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, net) in zip(axes.flat, nets.items(), strict=True):
    ax.plot(x, y, ".", color="0.7", markersize=3)
    ax.plot(grid, curve(grid), color="#E69F00", linewidth=1)
    ax.plot(grid, net.predict(grid[:, np.newaxis]), color="#0072B2", linewidth=1.8)
    if name != "identity":
        knots, sizes = knots_of(net)
        ax.vlines(knots, -2.6, -2.6 + sizes / sizes.max(), color="#0072B2", linewidth=1)
    ax.set(title=name, xlim=(-4.1, 2.1), ylim=(-2.6, 2.1))
figure.supxlabel("x")
figure.supylabel("y")

# %%
# relu, leaky_relu and maxout put a knot at the sharp corner. leaky_relu puts several
# knots along the bends of the wave. relu and maxout draw a corner at the top of the
# wave, where the curve is round. selu has corners at its knots, too, but small ones.
# With these four activations, several units share a knot.
#
# The other activations round the corner off. Only 4 to 8 of their 30 units have a tick
# that you can see, and they are enough for the wave. The effect of the other units is
# small, because the penalty shrinks weights that the curve does not need.
