"""`alpha="auto"`: choose the strength of the penalty with the lowest held-out loss.

One net per strength and fold is trained for a short time. All are trained together, by Adam on one_cycle for every
solver, because the best penalty does not depend on the solver.
"""

from dataclasses import replace

import numpy as np

from sk_shallow._fit.data import Data
from sk_shallow._fit.distinct import distinct_index
from sk_shallow._fit.minimize import minimize
from sk_shallow._fit.monitor import Monitor
from sk_shallow._fit.plan import Plan, annealed, default_rates
from sk_shallow._fit.state import Stream, TrainingState
from sk_shallow._model.network import Network, slices
from sk_shallow.schedules import OneCycle
from sk_shallow.solvers import Adam

STRENGTHS = (0.1, 1.0, 10.0)  # times the alpha of the rule; large sample weights add stronger ones
ALL_FOLDS_ROWS = 500  # with fewer rows, use all folds and skip the weakest strength, which often wins by chance
MIN_HELD_OUT = 10  # fewer held-out rows say too little
MAX_ROWS, MAX_NUMBERS = 2000, 2**20  # of X and Y that are used; 100 rows are used in any case
N_FOLDS = 4
MIN_EPOCHS, MIN_STEPS = 15, 60
BATCH_ROWS = 64
MAX_PARAMETERS = 2**18  # of the nets that are trained together


def alpha_scores(network: Network, data: Data, plan: Plan, held_out: Network | None, seed: int) -> dict[float, float]:
    """Return minus the held-out loss, in nats per sample, of each strength.

    `network` is at its initial weights, with the alpha of the rule; it does not change. `data` holds its rows after
    equal ones were merged, so no row of a held-out fold is a copy of a training row. If `held_out` is given, it
    replaces the folds. The dict is empty if there are too few rows or no loss is finite; a single loss that is not
    finite has the score minus infinity.
    """
    rows = _chosen_rows(data, network.X.size // network.n_samples, seed)
    n_held_out = len(rows) // N_FOLDS if held_out is None else held_out.n_samples
    if n_held_out < MIN_HELD_OUT or not network.alpha:
        return {}
    few, folds = len(rows) < ALL_FOLDS_ROWS, np.arange(len(rows)) % N_FOLDS
    turns = list(range(N_FOLDS)) if few and held_out is None else [0]
    judges = {fold: held_out or _part(network, data, rows[folds == fold]) for fold in turns}
    if held_out is not None:
        folds = folds + 1  # no row is in fold 0
    elif not few:
        rows, folds = rows[folds > 0], folds[folds > 0]
    strengths = [*STRENGTHS[few:], *_strengths_for_weights(network.sample_size / data.n_weighted())]
    nets = [(float(network.alpha) * strength, fold) for strength in strengths for fold in turns]
    losses = dict.fromkeys((alpha for alpha, _ in nets), 0.0)
    part = _part(network, data, rows)
    for together in slices(len(nets), max(1, MAX_PARAMETERS // network.parameters.theta.size)):
        stack = _stack(part, folds, nets[together])
        _train(stack, plan, seed)
        for net, (alpha, fold) in enumerate(nets[together]):
            losses[alpha] -= replace(judges[fold], parameters=stack.parameters[net]).loss() / len(turns)
    scores = {alpha: loss if np.isfinite(loss) else -np.inf for alpha, loss in losses.items()}
    return scores if max(scores.values()) > -np.inf else {}


def _strengths_for_weights(weight: float) -> list[float]:
    """Return extra strengths (powers of 10) for a large mean weight, as in surveys."""
    return [10.0**k for k in range(2, 2 + min(6, int(np.log10(weight))))]


def _chosen_rows(data: Data, numbers_per_row: int, seed: int) -> np.ndarray:
    """Return a stratified random sample of the rows with positive weight, sorted by class."""
    w = data.weights()
    rows = np.arange(len(data.y)) if w is None else np.flatnonzero(w.any(axis=1))
    rows = Stream.ALPHA_ROWS.rng(seed).permutation(rows)
    _, first, classes = np.unique(distinct_index(data.y)[rows], return_index=True, return_inverse=True)
    rows = rows[np.argsort(first[classes], kind="stable")]  # renaming the classes must not change the sample
    n_rows = min(MAX_ROWS, max(100, MAX_NUMBERS // (numbers_per_row + data.targets.n_outputs)))
    return rows if len(rows) <= n_rows else rows[np.linspace(0, len(rows) - 1, n_rows).astype(int)]


def _part(network: Network, data: Data, rows: np.ndarray) -> Network:
    """Return the network on some rows. Their weights get mean 1, and the sample size is the share of these rows."""
    w, dtype, part = data.normalized_weights(), network.Y.dtype, data.take(rows)
    w = np.ones((len(data.y), 1)) if w is None else w
    size = network.sample_size * (w[rows].mean() * len(rows) / len(w))
    X, Y = part.X.astype(dtype, copy=False), part.targets.encode(part.y, dtype)
    return replace(network, X=X, Y=Y, w=(w[rows] / w[rows].mean()).astype(dtype), sample_size=size)


def _stack(network: Network, folds: np.ndarray, nets: list[tuple[float, int]]) -> Network:
    """Return one network of several nets, one per (alpha, fold). Rows of the held-out fold have weight zero."""
    alphas = np.array([alpha for alpha, _ in nets]).reshape(-1, 1, 1)
    w = np.stack([network.w * (folds != fold).reshape(-1, 1) for _, fold in nets])
    shares = w.mean(axis=(1, 2), keepdims=True)
    parameters = network.parameters.repeated(len(nets))
    return replace(network, parameters=parameters, w=w / shares, sample_size=network.sample_size * shares, alpha=alphas)


def _train(network: Network, plan: Plan, seed: int) -> None:
    epochs = 0 if plan.max_iter_is_limit else plan.max_iter // 2  # a long fit overfits more
    batch_size = min(BATCH_ROWS, network.n_samples)
    short = Plan(
        solver=annealed(Adam()),
        learning_rate_init=default_rates(Adam(), plan.q)[1],
        schedule=OneCycle(),
        max_iter=max(epochs, MIN_EPOCHS, MIN_STEPS // -(-network.n_samples // batch_size)),
        batch_size=batch_size,
    )
    state = TrainingState(seed, Stream.ALPHA_TRAINING.rng(seed))
    minimize(network, short, state, Monitor(network.parameters, short))
