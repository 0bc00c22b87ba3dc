"""Helpers that many tests use."""

import numpy as np

from sk_shallow._fit.plan import Plan
from sk_shallow._model.network import Network
from sk_shallow._model.parameters import Parameters
from sk_shallow.activations import ACTIVATIONS
from sk_shallow.inspection._gradient_check import network_at_start
from sk_shallow.losses import SigmoidLogLoss, SoftmaxLogLoss
from sk_shallow.model_selection import Comparison
from sk_shallow.solvers import GradientDescent

NAMES = list(ACTIVATIONS)


def random_network(activation, *, m=30, n0=4, n1=5, n2=3, dtype=np.float64, weighted=False, seed=0, **penalties):
    """Return a network with random weights on random data: softmax for n2 >= 3, otherwise independent sigmoids."""
    rng = np.random.default_rng(seed)
    parameters = Parameters((n0, n1, n2, activation.n_pieces), dtype)
    parameters.theta[:] = rng.standard_normal(parameters.theta.size)
    X = rng.standard_normal((m, n0)).astype(dtype)
    Y = np.eye(n2)[rng.integers(n2, size=m)] if n2 >= 3 else rng.integers(2, size=(m, n2))
    w = rng.uniform(0, 2, size=(m, 1)) if weighted else None
    w = None if w is None else (w / w.mean()).astype(dtype)
    loss_function = SoftmaxLogLoss() if n2 >= 3 else SigmoidLogLoss()
    return Network(parameters, activation, loss_function, X, Y.astype(dtype), w, **penalties)


def plan_of(**changes):
    """Return a plan of full-batch epochs at a constant rate, until a plateau."""
    plan = {
        "solver": GradientDescent(), "max_iter": 100, "max_iter_is_limit": True, "stop_at_plateau": True, "tol": 1e-4,
        "n_iter_no_change": 10, "learning_rate_init": 0.1, "batch_size": 10**9,
    }  # fmt: skip
    return Plan(**plan | changes)


def values_equal(a, b):
    """Return whether two lists of arrays are exactly equal."""
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def weights(net):
    """Return all weights and biases of a fitted net."""
    return net.coefs_ + net.intercepts_


def fitted_network(net, X, y):
    """Return the network of a fitted net on X and y."""
    network = network_at_start(net, X, y)
    network.parameters.fill(net.coefs_, net.intercepts_)
    return network


def interrupt_after(monkeypatch, n_calls):
    """Interrupt the n-th evaluation of the objective."""
    original, calls = Network.loss_and_gradient, []

    def interrupting(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == n_calls:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Network, "loss_and_gradient", interrupting)


def of_scores(scores, **kwargs):
    """Return a comparison of given scores with the first ones; 20 stand for four repetitions of five folds."""
    ones = {label: np.ones(len(values)) for label, values in scores.items()}
    return Comparison({"score": scores, "seconds": ones}, reference=next(iter(scores)), test_ratio=0.25, **kwargs)
