"""Ratios of fitting and prediction times: sk_shallow, MLPClassifier, a PyTorch loop and the floor.

    python tests/benchmarks/speed.py            # prints the tables, in half an hour
    python tests/benchmarks/speed.py --write    # also writes them to docs/benchmarks.rst

Contenders do equal work (epochs, batches, hidden units, penalty, initial scheme) and take turns. The smallest time of
each one counts. The tables also show the log loss on the training rows, to reveal a speed-up that costs accuracy.
PyTorch is timed if it is installed. The floor is the time of the five matrix products of every step. If the environment
sets OPENBLAS_CORETYPE or OPENBLAS_L2_SIZE, which choose OpenBLAS's kernels, the script restarts without them.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from blas import use_the_kernels_of_users
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from sk_shallow import ShallowNetClassifier

try:
    import torch
except ImportError:
    torch = None

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.rst"
BATCH, ALPHA = 200, 0.01
PAUSE = 0.2  # seconds, until the threads of the previous contender no longer spin
RATES = {"adam": 1e-3, "sgd": 1e-2, "lbfgs": 1e-3}  # the last is not used
EQUAL = {"tol": 0, "n_iter_no_change": 10**6, "random_state": 0}

# The timed work of a contender. It returns a function that computes the log loss, or None.
Contender = Callable[[], Callable[[], float] | None]


class Problem(NamedTuple):
    """Data of one shape, with the number of hidden units and epochs."""

    X: np.ndarray | sparse.csr_array
    y: np.ndarray
    hidden_size: int
    epochs: int

    @property
    def batch_size(self) -> int:
        return min(BATCH, self.X.shape[0])

    @property
    def n_outputs(self) -> int:
        n_classes = len(np.unique(self.y))
        return 1 if n_classes == 2 else n_classes


class Timing(NamedTuple):
    seconds: float
    loss: float


# The problems


def problem(name: str, dtype: type, smoke: bool) -> Problem:
    """Return one of `PROBLEMS`; if `smoke`, with at most 300 rows, 5 units and one epoch."""
    make, hidden_size, epochs = (PROBLEMS | OF_THREADS)[name]
    X, y = make(300 if smoke else None)
    return Problem(np.ascontiguousarray(X, dtype=dtype), y, 5 if smoke else hidden_size, 1 if smoke else epochs)


@cache
def generated(n_features: int, n_classes: int, n_samples: int, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    kwargs = {"n_informative": 30, "n_classes": n_classes, "class_sep": 2.0, "random_state": 0}
    return make_classification(limit or n_samples, n_features, **kwargs)


def scaled(load: Callable, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    X, y = load(return_X_y=True)
    return scale(X)[:limit], y[:limit]


# Rows x features, hidden units -> data, hidden units, epochs.
PROBLEMS = {
    "150x4, 10 units": (partial(scaled, load_iris), 10, 200),
    "569x30, 100 units": (partial(scaled, load_breast_cancer), 100, 100),
    "20,000x54, 100 units": (partial(generated, 54, 7, 20_000), 100, 10),
    "60,000x784, 100 units": (partial(generated, 784, 10, 60_000), 100, 5),
    "10,000x784, 1000 units": (partial(generated, 784, 10, 10_000), 1000, 5),
}
SMALL, MEDIUM, LARGE = list(PROBLEMS)[1:4]
OF_THREADS = {"200,000x50, 100 units": (partial(generated, 50, 2, 200_000), 100, 3), LARGE: PROBLEMS[LARGE]}


# The contenders


def loss_of(fitted: BaseEstimator, p: Problem) -> float:
    return log_loss(p.y, fitted.predict_proba(p.X))


def our_net(p: Problem, solver: str = "adam", activation: str = "relu") -> ShallowNetClassifier:
    return ShallowNetClassifier(
        p.hidden_size,
        activation,
        init="glorot_uniform",
        solver=solver,
        learning_rate_init=RATES[solver],
        max_iter=p.epochs,
        batch_size=p.batch_size,
        alpha=ALPHA * (1 if solver == "lbfgs" else p.X.shape[0] / p.batch_size),  # MLPClassifier's penalty
        **EQUAL,
    )


def its_net(p: Problem, solver: str = "adam") -> MLPClassifier:
    rate = RATES[solver]
    return MLPClassifier(
        (p.hidden_size,), solver=solver, learning_rate_init=rate, max_iter=p.epochs, alpha=ALPHA, **EQUAL
    )


def fit(estimator: BaseEstimator, p: Problem) -> Contender:
    return lambda: partial(loss_of, estimator.fit(p.X, p.y), p)


def ours(p: Problem, *args: str, **kwargs: str) -> Contender:
    return fit(our_net(p, *args, **kwargs), p)


def mlp(p: Problem, *args: str) -> Contender:
    return fit(its_net(p, *args), p)


def pytorch(p: Problem, solver: str = "adam") -> Contender:
    """Return a typical hand-written training loop with the fused optimizers."""

    def train():
        torch.manual_seed(0)
        X, dtype = torch.from_numpy(p.X), torch.from_numpy(p.X).dtype
        y = torch.from_numpy(p.y) if p.n_outputs > 1 else torch.from_numpy(p.y).to(dtype)[:, None]
        loss = torch.nn.CrossEntropyLoss() if p.n_outputs > 1 else torch.nn.BCEWithLogitsLoss()
        hidden = torch.nn.Linear(X.shape[1], p.hidden_size, dtype=dtype)
        output = torch.nn.Linear(p.hidden_size, p.n_outputs, dtype=dtype)
        for layer in (hidden, output):
            torch.nn.init.xavier_uniform_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        net = torch.nn.Sequential(hidden, torch.nn.ReLU(), output)
        weights = {"params": [hidden.weight, output.weight], "weight_decay": ALPHA / p.batch_size}
        groups = [weights, {"params": [hidden.bias, output.bias]}]
        if solver == "adam":
            optimizer = torch.optim.Adam(groups, lr=RATES[solver], fused=True)
        else:
            optimizer = torch.optim.SGD(groups, lr=RATES[solver], momentum=0.9, nesterov=True, fused=True)
        for _ in range(p.epochs):
            for rows in torch.randperm(len(X)).split(p.batch_size):
                optimizer.zero_grad()
                loss(net(X[rows]), y[rows]).backward()
                optimizer.step()
        return lambda: loss(net(X), y).item()

    return train


def floor(p: Problem) -> Contender:
    """Return the five matrix products of every step, on batches that are contiguous in memory."""
    rng, dtype = np.random.default_rng(0), p.X.dtype
    n0, n1, n2, B = p.X.shape[1], p.hidden_size, p.n_outputs, p.batch_size
    W1, W2, A1, dZ2 = (rng.standard_normal(shape).astype(dtype) for shape in ((n0, n1), (n1, n2), (B, n1), (B, n2)))
    Z1, Z2, dW1, dW2 = np.empty_like(A1), np.empty_like(dZ2), np.empty_like(W1), np.empty_like(W2)

    def products():
        for _ in range(p.epochs):
            for start in range(0, len(p.X), B):
                X = p.X[start : start + B]
                size = len(X)
                np.matmul(X, W1, out=Z1[:size])
                np.matmul(A1[:size], W2, out=Z2[:size])
                np.matmul(A1[:size].T, dZ2[:size], out=dW2)
                np.matmul(dZ2[:size], W2.T, out=Z1[:size])
                np.matmul(X.T, A1[:size], out=dW1)

    return products


# Timing


def timings(contenders: dict[str, Contender], rounds: int) -> dict[str, Timing]:
    """Run the contenders in turn and return the smallest time of each. The first round does not count."""
    seconds, losses = {name: [] for name in contenders}, {}
    for _ in range(rounds + 1):
        for name, contender in contenders.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            losses[name] = contender()
            seconds[name].append(time.perf_counter() - start)
    return {name: Timing(min(seconds[name][1:]), loss() if loss else np.nan) for name, loss in losses.items()}


# The tables: each function yields its header, then its rows


def table_of_solvers(rounds: int, smoke: bool):
    yield "problem", "dtype", "solver", "floor, ms", "ours", "MLP", "PyTorch", "MLP/ours", "PyTorch/ours", "log losses"
    for name in PROBLEMS:
        for dtype in (np.float64, np.float32):
            for solver in ("adam", "sgd") if name in (SMALL, MEDIUM, LARGE) else ("adam",):
                p = problem(name, dtype, smoke)
                contenders = {"floor": floor(p), "ours": ours(p, solver), "MLP": mlp(p, solver)}
                if torch is not None:
                    contenders["PyTorch"] = pytorch(p, solver)
                t = timings(contenders, rounds)
                ratios = [ratio(t, who, "floor") for who in ("ours", "MLP", "PyTorch")]
                gains = [ratio(t, who, "ours") for who in ("MLP", "PyTorch")]
                losses = " ".join(f"{t[who].loss:.3f}" for who in ("ours", "MLP", "PyTorch") if who in t)
                yield name, dtype.__name__, solver, f"{1e3 * t['floor'].seconds:.4g}", *ratios, *gains, losses


def table_of_activations(rounds: int, smoke: bool):
    names = ["relu", "sigmoid", "tanh", "gelu", "maxout"]
    yield "problem", "dtype", *(f"{name}/relu" for name in names[1:]), "log losses"
    for name in PROBLEMS:
        for dtype in (np.float64, np.float32):
            p = problem(name, dtype, smoke)
            t = timings({name: ours(p, activation=name) for name in names}, rounds)
            losses = " ".join(f"{t[name].loss:.3f}" for name in names)
            yield name, dtype.__name__, *(ratio(t, name, "relu") for name in names[1:]), losses


def table_of_the_rest(rounds: int, smoke: bool):
    yield "task", "other", "other/ours", "log losses"
    for dtype in (np.float64, np.float32):
        for name in (SMALL, MEDIUM, LARGE):
            p = problem(name, dtype, smoke)._replace(epochs=1 if smoke else 10)
            contenders = {"ours": ours(p, "lbfgs"), "MLP": mlp(p, "lbfgs")}
            yield compared(f"L-BFGS, 10 iterations, {name}, {dtype.__name__}", contenders, rounds)
        p = sparse_problem(dtype, smoke)
        yield compared(f"CSR, 60,000 columns, {dtype.__name__}", {"ours": ours(p), "MLP": mlp(p)}, rounds)
        yield compared(f"predict_proba, {LARGE}, {dtype.__name__}", prediction(dtype, smoke), rounds)
    p = problem(MEDIUM, np.float64, smoke)._replace(epochs=1 if smoke else 20)
    yield compared(
        f"GridSearchCV, 4 activations, n_jobs=2, {MEDIUM}",
        {"ours": grid(our_net(p), p), "MLP": grid(its_net(p), p)},
        rounds,
    )
    p = problem(LARGE, np.float32, smoke)._replace(epochs=1)
    yield compared(f"two fits in two threads, {LARGE}, float32", concurrency(p), rounds)


def table_of_threads(rounds: int, smoke: bool):
    yield "problem, other core", "ours, ms", "ours/one thread", "MLP/ours", "MLP/one thread", "log losses"
    for name in OF_THREADS:
        for state, core in (("idle", nullcontext()), ("busy", busy_core())):
            with core:
                t = in_a_new_process(name, rounds, smoke)
                one = in_a_new_process(name, rounds, smoke, OPENBLAS_NUM_THREADS="1")
            ratios = [f"{t[who].seconds / one[who].seconds:.2f}" for who in ("ours", "MLP")]
            losses = " ".join(f"{timing.loss:.3f}" for timing in t.values())
            ours_ms = f"{1e3 * t['ours'].seconds:.4g}"
            yield f"{name}, {state}", ours_ms, ratios[0], ratio(t, "MLP", "ours"), ratios[1], losses


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep a core busy, as another program would."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def in_a_new_process(name: str, rounds: int, smoke: bool, **variables: str) -> dict[str, Timing]:
    """Time both classifiers in float32, on all cores unless an environment variable limits the threads."""
    command = [sys.executable, "-W", "ignore", __file__, "--threads", name, "--rounds", str(rounds)]
    environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"} | variables
    result = subprocess.run([*command, *["--smoke"] * smoke], env=environment, capture_output=True, check=True)
    return {who: Timing(*timing) for who, timing in json.loads(result.stdout.splitlines()[-1]).items()}


def compared(task: str, contenders: dict[str, Contender], rounds: int) -> tuple[str, ...]:
    t = timings(contenders, rounds)
    us, other = contenders
    losses = " ".join(f"{timing.loss:.3f}" for timing in t.values() if np.isfinite(timing.loss))
    return task, other, f"{t[other].seconds / t[us].seconds:.2f}", losses


def sparse_problem(dtype: type, smoke: bool) -> Problem:
    rng, (m, n) = np.random.default_rng(0), (300, 3000) if smoke else (2000, 60_000)
    per_row = n // 1000
    indices, indptr = rng.integers(n, size=m * per_row), np.arange(0, m * per_row + 1, per_row)
    X = sparse.csr_array((rng.random(m * per_row).astype(dtype), indices, indptr), shape=(m, n))
    X.sum_duplicates()
    y = (X @ rng.standard_normal(n) > 0).astype(int)
    return Problem(X, y, 5 if smoke else 100, 1 if smoke else 3)


def prediction(dtype: type, smoke: bool) -> dict[str, Contender]:
    p = problem(LARGE, dtype, smoke)
    net = our_net(p._replace(epochs=1)).fit(p.X[:1000], p.y[:1000])
    W1, W2 = (np.ascontiguousarray(W) for W in net.coefs_)
    Z1, Z2 = np.empty((len(p.X), W1.shape[1]), dtype), np.empty((len(p.X), W2.shape[1]), dtype)

    def products():
        np.matmul(p.X, W1, out=Z1)
        np.matmul(Z1, W2, out=Z2)

    def predict():
        net.predict_proba(p.X)

    return {"ours": predict, "matrix products": products}


def grid(net: BaseEstimator, p: Problem) -> Contender:
    activations = ["identity", "logistic", "tanh", "relu"]
    return fit(GridSearchCV(net, {"activation": activations}, cv=3, n_jobs=2), p)


def concurrency(p: Problem) -> dict[str, Contender]:
    def at_once():
        with ThreadPoolExecutor(2) as pool:
            fits = [pool.submit(ours(p)) for _ in range(2)]
        return fits[0].result()

    def one_after_the_other():
        ours(p)()
        return ours(p)()

    return {"at once": at_once, "one after the other": one_after_the_other}


def ratio(t: dict[str, Timing], one: str, other: str) -> str:
    return f"{t[one].seconds / t[other].seconds:.2f}" if one in t else "-"


TABLES = {
    "Fits, as multiples of the floor": table_of_solvers,
    "Activations, as multiples of relu": table_of_activations,
    "Other tasks": table_of_the_rest,
    "Threads": table_of_threads,
}


def simple_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a simple table in reStructuredText; the first row is the header. Its first cell must have a name."""
    if not rows[0][0]:
        raise ValueError(f"The first column needs a name, or docutils drops the header. Got {list(rows[0])}.")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    rule = "  ".join("=" * width for width in widths)
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def show(tables: dict[str, Sequence[Sequence[str]]]) -> None:
    for title, rows in tables.items():
        print(f"\n{title}\n\n{simple_table(rows)}", flush=True)


def options_of(doc: str, arguments: Sequence[str] | None, **switches: str) -> argparse.Namespace:
    """Return the options of a script: --smoke, --write, and `switches`, which map names to help texts."""
    common = {"smoke": "use little data, for tests", "write": "write the results to the pages"}
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in (common | switches).items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the benchmark, print its tables and return them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds that count")
    parser.add_argument("--smoke", action="store_true", help="use a few rows and one round, for tests")
    parser.add_argument("--write", action="store_true", help=f"write the tables to {PAGE.name}")
    parser.add_argument("--threads", metavar="PROBLEM", help="only time both classifiers on a problem, for other runs")
    options = parser.parse_args(arguments)
    if options.threads:
        p = problem(options.threads, np.float32, options.smoke)
        print(json.dumps(timings({"ours": ours(p), "MLP": mlp(p)}, options.rounds)))
        return {}
    tables = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs, on purpose
        for title, table in TABLES.items():
            tables[title] = list(table(1 if options.smoke else options.rounds, options.smoke))
            show({title: tables[title]})
    if options.write:
        write(tables)
    return tables


def write(tables: dict[str, list[tuple[str, ...]]], path: Path | None = None) -> None:
    """Replace tables in a page (default: docs/benchmarks.rst). Each one follows a comment with its title."""
    path = path or PAGE
    page = path.read_text()
    for title, rows in tables.items():
        before, rest = page.split(f".. {title}\n", 1)
        _, after = rest.split(".. end\n", 1)
        page = f"{before}.. {title}\n\n{simple_table(rows)}\n\n.. end\n{after}"
    path.write_text(page)


if __name__ == "__main__":
    use_the_kernels_of_users()
    main()
