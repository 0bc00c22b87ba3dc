"""How a fit is judged at its end: which weights it returns, and what the user is told if it has gone wrong."""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._batches import batches
from sk_shallow._monitor import Monitor
from sk_shallow._network import Network
from sk_shallow.solvers import Plan, Solver

# Root mean square from which a feature counts as unscaled: ten times that of a standardized one.
UNSCALED = 10.0

# Rows on which a fit is judged first; a pass over all of them is saved where they and the last epoch look well.
SAMPLE = 2048


def conclude(
    network: Network,
    monitor: Monitor,
    solver: Solver,
    plan: Plan,
    limit: str | None,
    incremental: bool,
    names: np.ndarray | None,
) -> str | None:
    """Settle which weights a fit returns, and return the text of the warning that it deserves, or None.

    The last weights are returned if a `limit` has ended the fit (so that k epochs are k epochs) or its last epoch was
    the best, provided that they are finite and there are no validation scores; otherwise the best ones.

    `limit` says what has ended the fit before it converged, `names` are those of the features. With `incremental` the
    rows are only a part of the data: their own class frequencies then mean nothing, and they may well begin badly.
    """
    chance = network.loss_of_chance()
    slack = max(monitor.tol, 0.01 * chance)
    if incremental:
        bound, of_what = 2 * chance, "twice that of giving every class the same probability"
    else:
        bound = network.loss_of_frequencies() + slack
        of_what = "hardly above that of always predicting the class frequencies"

    def loss_if_bad() -> float:
        """Return the loss, or 0 where the last epoch and, after the whole of a fit, a sample of its rows look well."""
        if incremental:
            return 0.0 if monitor.losses[-1] <= chance else network.loss()
        sample = network.sample(SAMPLE)
        well = monitor.losses[-1] <= bound and sample.loss() <= sample.loss_of_frequencies() + slack
        return 0.0 if well else network.loss()

    loss = loss_if_bad()
    worse_than_before = monitor.stopped or monitor.losses[-1] > min(monitor.losses)
    if monitor.scores or monitor.diverged or (limit is None and not incremental and worse_than_before):
        keep_best(network, monitor)
        loss = max(loss, loss_if_bad(), key=_or_infinite)  # the weights returned count as much as the last
    finite = not monitor.diverged and bool(np.isfinite(loss))
    falling = finite and loss > bound and loss < _value_at(monitor.first_theta, network, network.loss)
    if not finite or (loss > bound and not (incremental and falling)):
        ending = f"at {loss:.4g} nats per sample" if finite else "not finite"
        return (
            f"The fit {'is still worse than a constant' if falling else 'has diverged'}: its loss has ended {ending}, "
            f"and may be {bound:.4g} at most, {of_what}. Likely causes: "
            f"{_causes(network, solver, plan, limit, falling, names)}."
        )
    if limit and not incremental and monitor.still_improves():
        return _unfinished(monitor, plan, limit, solver)
    if plan.planned and not limit and not monitor.stopped:
        going_down = solver.line_search and monitor.still_improves()
        good = network.loss_of_frequencies() / 2 if going_down else bound - 2 * slack
        return _of_little(network, monitor, names) if monitor.losses[-1] > good else None
    return None


def keep_best(network: Network, monitor: Monitor) -> None:
    """Put back the weights of the best score; without scores, the best of the last, the best and the first weights."""
    theta = network.parameters.theta
    candidates = [monitor.best_theta] if monitor.scores else [theta.copy(), monitor.best_theta, monitor.first_theta]
    theta[:] = min(candidates, key=lambda candidate: _value_at(candidate, network, network.objective))


def unscaled_features(X: Any, names: np.ndarray | None) -> str:
    """Return the names of the features whose root mean square is above `UNSCALED`, the largest first, as a phrase."""
    mean_square = np.zeros(X.shape[1])
    for rows in batches(X.shape[0], 512):
        block = X[rows].astype(np.float64)  # whose squares do not overflow
        mean_square += np.asarray((block.multiply(block) if issparse(block) else block**2).sum(axis=0)).ravel()
    mean_square /= X.shape[0]
    largest = np.argsort(-mean_square, kind="stable")[: np.count_nonzero(mean_square > UNSCALED**2)]
    if not largest.size:
        return ""
    shown = [f"column {j}" if names is None else repr(str(names[j])) for j in largest[:3]]
    more = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
    return f"{', '.join(shown)}{more} (root mean square up to {np.sqrt(mean_square.max()):.3g})"


def _value_at(theta: np.ndarray, network: Network, value: Any) -> float:
    present = network.parameters.theta.copy()
    network.parameters.theta[:] = theta
    result = value()
    network.parameters.theta[:] = present
    return _or_infinite(result)


def _or_infinite(value: float) -> float:
    return np.inf if np.isnan(value) else value


def _causes(
    network: Network, solver: Solver, plan: Plan, limit: str | None, falling: bool, names: np.ndarray | None
) -> str:
    unscaled = unscaled_features(network.X, names)
    causes = [f"unscaled features, {unscaled}: put a StandardScaler in front"] if unscaled else []
    if falling:
        causes.append(f"{limit or 'n_iter_no_change'} or the learning rate is too low, or alpha or dropout too high")
    elif not solver.line_search:
        causes.append(f"learning_rate_init={plan.learning_rate_init:g} is too high")
    return "; ".join(causes) or "init_scale is too high"


def _of_little(network: Network, monitor: Monitor, names: np.ndarray | None) -> str | None:
    """Return the text on a planned fit that has come to little, if that may be for features that are not scaled."""
    unscaled = unscaled_features(network.X, names)
    if not unscaled:
        return None
    return (
        f"The fit has ended as planned, at a training loss of {monitor.losses[-1]:.6g}, though it has hardly begun. "
        f"Likely cause: unscaled features, {unscaled}: put a StandardScaler in front, or set max_iter to go on."
    )


def _unfinished(monitor: Monitor, plan: Plan, limit: str, solver: Solver) -> str:
    if len(monitor.losses) == 1:
        return f"{limit} ended the fit after one, at a training loss of {monitor.losses[0]:.6g}. Raise the limit."
    what = "validation score" if monitor.scores else "training loss"
    before, after = monitor.recent_change()
    rate = "" if solver.line_search else f", learning_rate_init={plan.learning_rate_init:g}"
    return (
        f"{limit} ended the fit while it was still improving: the best {what} was {before:.6g} before the last "
        f"{min(len(monitor.losses) - 1, monitor.n_iter_no_change)} and is {after:.6g} now (tol={monitor.tol:g}). Raise "
        f"the limit{rate} or tol."
    )
