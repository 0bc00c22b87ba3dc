"""`alpha="auto"`: choose the strength of the penalty by cross-validation.

Two strengths are tried first, then weaker or stronger ones. For each strength, one net per fold is trained for a
first round in float32, with half the hidden units. Nets are trained together, by Adam on one_cycle for every solver,
because the best penalty does not depend on the solver. With sparse rows, they are trained one after the other.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import StratifiedGroupKFold

from sk_shallow._fit.data import Data, dense_if_small, in_order_of_appearance
from sk_shallow._fit.minimize import minimize_anew
from sk_shallow._fit.plan import SHORT_EPOCHS, SHORT_STEPS, Plan, short_plan
from sk_shallow._fit.state import Stream
from sk_shallow._fit.targets import Targets
from sk_shallow._model.network import Matrix, Network, slices
from sk_shallow.solvers import Adam

STRENGTHS = (10.0, 3.0, 1.0, 0.1)  # times the alpha of the rule; large sample weights add stronger ones
STRENGTH_OF_FEW_ROWS = 3.0  # if rows are too few to try any; with 10, nets no longer learn XOR, with 1, they overfit
MIN_GAIN = 0.02  # a weaker penalty must lower the held-out loss by this fraction
MIN_GAIN_OF_WEAKEST = 0.1  # the same for the weakest one: the fit is longer than this training, and overfits more
FEW_ROWS = 500  # with fewer rows, skip the weakest strength, which often wins by chance
MAX_ROWS, MAX_NUMBERS = 2000, 2**18  # of X and Y that are used; 100 rows are used in any case
MAX_WIDE_ROWS = 2**9  # with more features than rows: finding the space of 2,000 would take seconds
N_FOLDS = 3
BATCH_ROWS = 48
MIN_UNITS = 50  # half the hidden units are used, but at least so many, or all
MAX_PARAMETERS = 2**18  # of the nets that are trained together


@dataclass(frozen=True)
class Choice:
    """The strength of the penalty, and the score of each one that was tried: minus the held-out loss."""

    alpha: float
    scores: dict[float, float]


def choose_alpha(network: Network, data: Data, plan: Plan, held_out: Network | None, seed: int) -> Choice:
    """Return the weakest alpha that had a clearly lower held-out loss, in nats per sample, than all stronger ones.

    `network` is at its initial weights, with the alpha of the rule; it does not change. Equal rows of `data` are
    merged, so without groups no held-out row is a copy of a training row. With groups, no group is on both sides. If
    `held_out` is given, it replaces the folds. With too few rows or held-out rows, or if no loss is finite, there are
    no scores. Alpha is then that of the rule, or three times that with too few rows. A single loss that is not finite
    has the score minus infinity.
    """
    min_rows, min_held_out = fewest_rows(data.targets)
    alpha, few = float(network.alpha), data.n_weighted() < min_rows
    untried = Choice(STRENGTH_OF_FEW_ROWS * alpha if few else alpha, {})
    if not alpha or (few and held_out is None):
        return untried
    rows, counts = _chosen_rows(data, _n_rows(network.X, data.targets.n_outputs), seed)
    folds = np.zeros(len(rows), dtype=int) if held_out else _folds(data, rows, seed)
    n_held_out = held_out.n_samples if held_out else min(np.bincount(folds).min(), np.count_nonzero(folds))
    if n_held_out < min_held_out:
        return untried
    judge = held_out.sample(len(rows)).astype(np.float32) if held_out else None
    sample, judge = _in_span(_sample(network, data, rows, counts), judge, principal=network.span is None)
    losses_of = partial(_held_out_losses, sample, judge, folds, partial(_train, plan=plan, seed=seed))
    strengths = _strengths(len(rows), network.sample_size / data.n_weighted())
    alphas, weakest = [alpha * strength for strength in strengths], alpha * STRENGTHS[-1]
    return _best(alphas, weakest, losses_of, sample.loss_of_constant()) or untried


def _best(
    alphas: list[float], weakest: float, losses_of: Callable[[list[float]], np.ndarray], constant: float
) -> Choice | None:
    """Return the choice among alphas that are sorted from the strongest, or None if no loss is finite.

    1. Try the second and the third. (If there are just three, try all together, which is faster.)
    2. If the third is better, try weaker ones as long as they help. If no net learned anything, try weaker ones until
       one does.
    3. If the second is better, or still no net learned anything, try the strongest.
    4. If the strongest is the best, but overfits, so that a constant would be better, try 10 times the strongest. Take
       it only if its nets learned something.

    `losses_of` returns the held-out losses of some alphas, and `constant` is the loss of the best constant.
    """
    losses: dict[float, float] = {}

    def choice_with(tried: list[float]) -> float:
        losses.update(zip(tried, losses_of(tried).tolist(), strict=True))
        return _weakest_that_helps(losses, weakest)

    limit = (1 - MIN_GAIN) * constant  # nets above it learned nothing
    choice = choice_with(alphas if len(alphas) == 3 else alphas[1:3])
    if choice == alphas[2] or losses[choice] >= limit:
        for alpha in alphas[3:]:
            choice = choice_with([alpha])
            if choice != alpha and losses[choice] < limit:  # weaker ones would overfit even more
                break
    if alphas[0] not in losses and (choice == alphas[1] or losses[choice] >= limit):
        choice = choice_with(alphas[:1])
    if choice == alphas[0] and constant < losses[choice] < np.inf:
        stronger = choice_with([10 * choice])
        choice = stronger if losses[stronger] < limit else choice
    scores = {alpha: -losses[alpha] for alpha in sorted(losses, reverse=True)}
    return Choice(choice, scores) if losses[choice] < np.inf else None


def _weakest_that_helps(losses: dict[float, float], weakest: float) -> float:
    """Go from the strongest alpha to weaker ones, and take each that lowers the loss clearly."""
    choice, *weaker = sorted(losses, reverse=True)
    for alpha in weaker:
        min_gain = MIN_GAIN_OF_WEAKEST if alpha == weakest else MIN_GAIN
        if losses[alpha] < (1 - min_gain) * losses[choice]:
            choice = alpha
    return choice


def fewest_rows(targets: Targets) -> tuple[int, int]:
    """Return how many distinct rows, and how many held-out rows, a choice needs. A number says more than a label."""
    return (40, 10) if targets.has_classes else (20, 5)


def _strengths(n_rows: int, weight: float) -> list[float]:
    """Return the strengths, from the strongest. A large mean weight, as in surveys, adds powers of 10."""
    extra = [10.0**k for k in range(2, 2 + min(6, int(np.log10(weight))))]
    return [*reversed(extra), *STRENGTHS[: 3 if n_rows < FEW_ROWS else None]]


def _n_rows(X: Matrix, n_outputs: int) -> int:
    """Return how many rows are used at most."""
    m, n0 = X.shape
    n_rows = min(MAX_ROWS, max(100, MAX_NUMBERS // (X.size // m + n_outputs)))
    return min(n_rows, MAX_WIDE_ROWS) if n_rows < n0 else n_rows


def _chosen_rows(data: Data, n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a random sample of the rows with positive weight, sorted by class, and the number that each represents.

    It is stratified, but rare classes get more rows than their share. This adds at most half of the planned rows.
    With very many classes, all rows have the same chance.
    """
    w = data.weights()
    rows = np.arange(len(data.y)) if w is None else np.flatnonzero(w.any(axis=1))
    rows = Stream.ALPHA_ROWS.rng(seed).permutation(rows)
    classes = in_order_of_appearance(data.classes()[rows])  # renaming the classes must not change the sample
    rows, sizes = rows[np.argsort(classes, kind="stable")], np.bincount(classes)
    if len(rows) <= n_rows:
        return rows, np.ones(len(rows))
    if len(sizes) > n_rows // 2:
        chosen = np.linspace(0, len(rows) - 1, n_rows).astype(int)
        return rows[chosen], np.full(n_rows, len(rows) / n_rows)
    least = np.minimum(sizes, n_rows // (2 * len(sizes)))
    quotas = np.maximum(least, np.round(sizes * (n_rows / len(rows)))).astype(int)
    place = np.arange(len(rows)) - np.repeat(sizes.cumsum() - sizes, sizes)  # of each row in its class
    return rows[place < np.repeat(quotas, sizes)], np.repeat(sizes / quotas, quotas)


def _folds(data: Data, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return the number of the fold of each row. The rows are sorted by class."""
    if data.groups is None:
        return np.arange(len(rows)) % N_FOLDS
    groups = in_order_of_appearance(data.groups[rows])  # their names must not matter
    folds, n_folds = np.zeros(len(rows), dtype=int), min(N_FOLDS, groups.max() + 1)
    if n_folds > 1:
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        classes = data.classes()[rows]
        counts = np.bincount(classes)
        classes = np.where(counts[classes] < n_folds, counts.argmax(), classes)  # the splitter refuses rare classes
        for fold, (_, test) in enumerate(splitter.split(rows, classes, groups)):
            folds[test] = fold
    return folds


def _sample(network: Network, data: Data, rows: np.ndarray, counts: np.ndarray) -> Network:
    """Return the network on a sample, in float32, with half the hidden units if there are many.

    Its `sample_size` shrinks with the information in the rows.
    """
    w, part = data.normalized_weights(), data.take(rows)
    w = counts.reshape(-1, 1) * (1.0 if w is None else w[rows])
    size = network.sample_size * _fraction(part.classes(), counts) * w.mean() * len(w) / len(data.y)
    X: Any = part.X if network.span is None else _coordinates(network, part)
    X = dense_if_small(X)  # only dense rows stack
    Y = part.targets.encode(part.y, np.float32)
    n_units = network.parameters.sizes[1]
    parameters = network.parameters.of_units(min(n_units, max(MIN_UNITS, n_units // 2)))
    w /= w.mean()
    return replace(network, parameters=parameters, X=X, Y=Y, w=w, sample_size=size, span=None).astype(np.float32)


def _fraction(classes: np.ndarray, counts: np.ndarray) -> float:
    """Return the fraction of the information of all rows that the sample has: of ``n (1 - sum_k p_k^2)``.

    With two classes, this is ``2 n_1 n_2 / n``. Its inverse is proportional to the variance of a difference between two
    means, ``1 / n_1 + 1 / n_2``. So a sample with all rows of a rare class has nearly all information.
    """
    if (counts == counts[0]).all():  # also if there is one class only
        return float(1 / counts[0])
    sizes = np.bincount(classes), np.bincount(classes, counts)  # in the sample, and of all rows
    sample, everything = (n.sum() - np.square(n).sum() / n.sum() for n in sizes)
    return float(sample / everything)


def _coordinates(network: Network, data: Data) -> np.ndarray:
    """Return the rows in the span of the network, block by block, because wide rows would be copied at once."""
    blocks = slices(len(data.y), 100)
    return np.concatenate([network.coordinates(data.take(np.arange(rows.start, rows.stop)).X) for rows in blocks])


def _in_span(sample: Network, judge: Network | None, *, principal: bool) -> tuple[Network, Network | None]:
    """Return the networks in the space that the rows of the sample span, if these are fewer than the features.

    If the fit itself is not in a span, principal components come closer to it: else too weak a penalty is chosen.
    """
    if sample.n_samples >= sample.parameters.sizes[0]:
        return sample, judge
    sample = sample.in_span(principal=principal)
    return sample, judge and replace(judge, parameters=sample.parameters, X=sample.coordinates(judge.X), span=None)


def _held_out_losses(
    sample: Network, judge: Network | None, folds: np.ndarray, train: Callable[[Network], None], alphas: list[float]
) -> np.ndarray:
    """Train a net per alpha and fold without the rows of the fold, or a net per alpha for the judge.

    Return the mean loss for each alpha, or infinity.
    """
    turns = [-1] if judge else range(folds.max() + 1)  # no row is in fold -1
    rows = [np.flatnonzero(folds != turn) for turn in turns]
    nets = [(alpha, place) for alpha in alphas for place in range(len(rows))]
    n_together = 1 if issparse(sample.X) else max(1, MAX_PARAMETERS // sample.parameters.theta.size)
    losses = np.empty(len(nets))
    for together in slices(len(nets), n_together):
        stack = _stack(sample, rows, nets[together])
        train(stack)
        for net, (_, place) in enumerate(nets[together]):
            held_out = judge or sample.take(folds == turns[place])
            losses[together.start + net] = replace(held_out, parameters=stack.parameters[net]).loss()
    losses = losses.reshape(len(alphas), -1).mean(axis=1)
    if n_together > 1 and len(alphas) > 1 and not np.isfinite(losses).all():  # one net that diverges stops all
        return np.concatenate([_held_out_losses(sample, judge, folds, train, [alpha]) for alpha in alphas])
    return np.where(np.isfinite(losses), losses, np.inf)


def _stack(network: Network, rows: list[np.ndarray], nets: list[tuple[float, int]]) -> Network:
    """Return one network of several nets. `nets` are pairs: the alpha, and the index in `rows`.

    All have as many rows as the longest list. Rows of weight zero fill up the others.
    """
    m = max(map(len, rows))
    filled = np.array([np.resize(rows[place], m) for _, place in nets])
    present = np.array([np.arange(m) < len(rows[place]) for _, place in nets])
    total: Any = network.w
    w = total[filled] * present[..., np.newaxis]
    X = network.X[filled[0]] if issparse(network.X) else network.X.take(filled, axis=0)
    parameters, alpha = network.parameters.repeated(len(nets)), np.reshape([alpha for alpha, _ in nets], (-1, 1, 1))
    size = network.sample_size * w.sum(axis=(1, 2), keepdims=True) / total.sum()
    w /= w.mean(axis=(1, 2), keepdims=True)
    return replace(network, parameters=parameters, X=X, Y=network.Y[filled], w=w, sample_size=size, alpha=alpha)


def _train(network: Network, plan: Plan, seed: int) -> None:
    short = short_plan(Adam(), plan, network.n_samples, BATCH_ROWS, (SHORT_EPOCHS, SHORT_STEPS))
    minimize_anew(network, short, seed, Stream.ALPHA_TRAINING)
