"""How a fit is judged at its end: which weights it returns, and what the user is told if it has gone wrong."""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from sk_shallow._monitor import Monitor
from sk_shallow._network import Network
from sk_shallow.solvers import Plan, Solver

# Root mean square from which a feature counts as unscaled: ten times that of a standardized one.
UNSCALED = 10.0


def unscaled_features(X: Any, names: np.ndarray | None) -> str:
    """Return the names of the features whose root mean square is above `UNSCALED`, the largest first, as a phrase."""
    X = X.astype(np.float64)  # whose squares do not overflow
    mean_square = np.asarray((X.multiply(X) if issparse(X) else np.square(X)).mean(axis=0)).ravel()
    large = np.flatnonzero(mean_square > UNSCALED**2)
    if not large.size:
        return ""
    largest = large[np.argsort(mean_square[large])[::-1]]
    shown = [repr(str(names[j])) if names is not None else f"column {j}" for j in largest[:3]]
    more = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
    return f"{', '.join(shown)}{more} (root mean square up to {np.sqrt(mean_square.max()):.3g})"


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

    The last weights are returned if `limit` has ended the fit and it has no validation scores (so that k epochs are k
    epochs); otherwise the best ones.

    Parameters
    ----------
    network, monitor, solver, plan
        Of the fit.
    limit : str or None
        What has ended it before it converged.
    incremental : bool
        Whether the rows are only a part of the data: their own class frequencies then mean nothing.
    names : ndarray of shape (n0,) or None
        Of the features.
    """
    bound = 2 * network.loss_of_chance() if incremental else network.loss_of_frequencies() + monitor.tol
    unsuspicious = incremental and monitor.losses[-1] <= bound
    loss = 0.0 if unsuspicious else network.loss()
    worse, problem = monitor.diverged or not loss <= bound, None
    if worse:
        falling = loss < _loss_of(network, monitor.first_theta)
        if not (falling and incremental):  # a part of the data may well begin badly
            problem = _divergence(network, monitor, solver, plan, loss, bound, falling, names)
    if monitor.scores or monitor.diverged or (not incremental and (worse or limit is None)):
        keep_best(network, monitor)
    if not worse and limit and not incremental and monitor.still_improves():
        return _unfinished(monitor, plan, limit, solver)
    return problem


def keep_best(network: Network, monitor: Monitor) -> None:
    """Put back the weights of the best score; without scores, the best of the last, the best and the first weights."""
    theta = network.parameters.theta
    candidates = [monitor.best_theta] if monitor.scores else [theta.copy(), monitor.best_theta, monitor.first_theta]
    theta[:] = min(candidates, key=lambda candidate: _loss_of(network, candidate, with_penalty=True))


def _loss_of(network: Network, theta: np.ndarray, with_penalty: bool = False) -> float:
    present = network.parameters.theta.copy()
    network.parameters.theta[:] = theta
    loss = network.objective() if with_penalty else network.loss()
    network.parameters.theta[:] = present
    return float(np.nan_to_num(loss, nan=np.inf))


def _divergence(
    network: Network,
    monitor: Monitor,
    solver: Solver,
    plan: Plan,
    loss: float,
    bound: float,
    falling: bool,
    names: np.ndarray | None,
) -> str:
    unscaled = unscaled_features(network.X, names)
    causes = [f"unscaled features, {unscaled}: put a StandardScaler in front"] if unscaled else []
    if falling:
        causes.append(f"max_iter={plan.max_iter} or the learning rate is too low")
    elif solver.patience_applies:
        causes.append(f"learning_rate_init={plan.learning_rate_init:g} is too high")
    return (
        f"The fit {'is still worse than a constant' if falling else 'has diverged'}: its loss has ended "
        f"{'not finite' if monitor.diverged else f'at {loss:.4g} nats per sample'}, and may be {bound:.4g} at most "
        "(always predicting the class frequencies comes to that). Likely causes: "
        f"{'; '.join(causes) or 'init_scale is too high'}. The best weights so far are kept."
    )


def _unfinished(monitor: Monitor, plan: Plan, limit: str, solver: Solver) -> str:
    what = "validation score" if monitor.scores else "training loss"
    before, after = monitor.recent_change()
    rate = f", learning_rate_init={plan.learning_rate_init:g}" if solver.patience_applies else ""
    return (
        f"{limit} ended the fit while it was still improving: the best {what} was {before:.6g} before the last "
        f"{min(len(monitor.losses) - 1, monitor.n_iter_no_change)} and is {after:.6g} now (tol={monitor.tol:g}). Raise "
        f"the limit{rate} or tol."
    )
