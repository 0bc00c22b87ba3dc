"""What ``alpha="auto"`` stands for in `fit`: the strength of the penalty that suits held-out rows best.

A few nets, one for each strength and fold, are trained together for a short while, by Adam on a one-cycle learning
rate whatever the solver of the fit is: the penalty belongs to the objective, not to the way to its minimum.
"""

from dataclasses import replace

import numpy as np

from sk_shallow._fit.monitor import Monitor
from sk_shallow._fit.plan import Plan
from sk_shallow._model.batches import batches
from sk_shallow._model.network import Examples, Network
from sk_shallow.schedules import OneCycle
from sk_shallow.solvers import Adam, TrainingState

STRENGTHS = (0.1, 1.0, 10.0)  # times that of the rule; large weights add stronger ones
FEW_ROWS = 500  # below, every fold is held out in turn, and the first strength is left out: chance would choose it
MIN_ROWS = 40  # below, held-out rows say too little
MAX_ROWS = 2000  # that are looked at
MAX_NUMBERS = 2**20  # of X and Y in those rows; 100 rows are looked at in any case
N_FOLDS = 4
EPOCHS, STEPS = 15, 60  # at least so many of both
BATCH_SIZE = 64
MAX_SIZE = 2**18  # parameters of the nets that are trained together


def alpha_scores(network: Network, rate: float, epochs: int, held_out: Network | None, seed: int) -> dict[float, float]:
    """Return minus the held-out loss, in nats per sample, of each strength that is tried.

    The `network` is at its initial weights, with the alpha of the rule, and stays as it is; `rate` is the largest
    learning rate, `epochs` the least length of training. A validation set, that of `held_out`, takes the place of
    folds. The dict is empty where there are too few rows, or no loss is finite; where some are not, their score is
    minus infinity.
    """
    rows = _rows(network, seed)
    if len(rows) < MIN_ROWS or not network.alpha:
        return {}
    few, folds = len(rows) < FEW_ROWS, np.arange(len(rows)) % N_FOLDS
    turns = list(range(N_FOLDS)) if few and held_out is None else [0]
    judges = {fold: held_out or replace(network, data=_part(network, rows[folds == fold])) for fold in turns}
    if held_out is not None:
        folds = folds + 1  # no row is of fold 0
    elif not few:
        rows, folds = rows[folds > 0], folds[folds > 0]
    strengths = [*STRENGTHS[few:], *_strengths_for_weights(network)]
    nets = [(float(network.alpha) * strength, fold) for strength in strengths for fold in turns]
    losses = dict.fromkeys((alpha for alpha, _ in nets), 0.0)
    for together in batches(len(nets), max(1, MAX_SIZE // network.parameters.theta.size)):
        stack = _trained(_stack(network, rows, folds, nets[together]), rate, epochs, seed)
        for net, (alpha, fold) in enumerate(nets[together]):
            losses[alpha] -= replace(judges[fold], parameters=stack.parameters[net]).loss() / len(turns)
    scores = {alpha: loss if np.isfinite(loss) else -np.inf for alpha, loss in losses.items()}
    return scores if max(scores.values()) > -np.inf else {}


def _strengths_for_weights(network: Network) -> list[float]:
    """Return stronger strengths, up to ten times the mean weight, where that is 10 or more, as that of surveys is."""
    n_weighted = network.n_samples if network.w is None else np.count_nonzero(network.w.any(axis=1))
    return [10.0**k for k in range(2, 2 + min(6, int(np.log10(network.sample_size / n_weighted))))]


def _rows(network: Network, seed: int) -> np.ndarray:
    """Return some of the rows with a weight, class by class, each as frequent as in the whole, at random within."""
    rows = np.arange(network.n_samples) if network.w is None else np.flatnonzero(network.w.any(axis=1))
    rows = np.random.default_rng([seed, 2]).permutation(rows)
    classes = network.Y @ np.arange(1, network.Y.shape[1] + 1, dtype=network.Y.dtype)
    _, first, codes = np.unique(classes[rows], return_index=True, return_inverse=True)
    rows = rows[np.argsort(first[codes], kind="stable")]  # whatever the order of the classes is
    row_size = network.X.size // network.n_samples + network.Y.shape[1]
    number = min(MAX_ROWS, max(100, MAX_NUMBERS // row_size))
    return rows if len(rows) <= number else rows[np.linspace(0, len(rows) - 1, number).astype(int)]


def _part(network: Network, rows: np.ndarray) -> Examples:
    """Return some rows, with weights of mean 1 and their share of the sample size."""
    w = np.ones((len(rows), 1)) if network.w is None else network.w[rows].astype(np.float64)
    size = network.sample_size * (w.mean() * len(rows) / network.n_samples)
    return Examples(network.X[rows], network.Y[rows], (w / w.mean()).astype(network.Y.dtype), size)


def _stack(network: Network, rows: np.ndarray, folds: np.ndarray, nets: list[tuple[float, int]]) -> Network:
    """Return the network of several nets, each with a strength and with a fold whose rows have no weight."""
    data, alphas = _part(network, rows), np.array([alpha for alpha, _ in nets]).reshape(-1, 1, 1)
    w = np.stack([data.w * (folds != fold).reshape(-1, 1) for _, fold in nets])
    shares = w.mean(axis=(1, 2), keepdims=True)
    data = data._replace(w=w / shares, sample_size=data.sample_size * shares)
    return replace(network, parameters=network.parameters.repeated(len(nets)), data=data, alpha=alphas)


def _trained(network: Network, rate: float, epochs: int, seed: int) -> Network:
    batch_size = min(BATCH_SIZE, network.n_samples)
    plan = Plan(
        solver="adam",
        max_iter=max(epochs, EPOCHS, STEPS // -(-network.n_samples // batch_size)),
        max_iter_is_limit=False,
        stop_at_plateau=False,
        tol=0.0,
        n_iter_no_change=np.inf,
        schedule=OneCycle(),
        learning_rate_init=rate,
        peak_rate=rate,
        batch_size=batch_size,
        shuffle=True,
        incremental=False,
        verbose=False,
    )
    state = TrainingState(seed, np.random.default_rng([seed, 3]))
    Adam().annealed().minimize(network, Monitor(network.parameters, plan), plan, state)
    return network
