"""The choice of alpha: its quality in difficult situations, and its time.

    python tests/benchmarks/alpha.py            # prints the tables, in 40 minutes
    python tests/benchmarks/alpha.py --write    # also writes them to docs/benchmarks.rst

ShallowNetClassifier() chooses alpha, is compared with MLPClassifier() and with the best of eight fixed values of alpha.
"Best" means the lowest log loss on the test rows, which nobody knows in advance: the choice can hardly reach it.

- oversampled: 1,350 rows of one class and 150 of the other, which are repeated at random until the classes are equal;
- grouped: 150 persons with 20 similar rows each, tested on new persons;
- rare class: 60,000 rows, of which 0.17 % belong to one of two classes;
- adult: 2,000 rows of the data set, gelu. Each of the twelve seeds gives other weights and another choice;
- 36 rows of each data set of defaults.py with at most four classes, three times: too few for a choice.

The share of the time is that of a default fit minus that of a fit with alpha=alpha_, relative to the latter. The two
take turns; the smallest time of three counts. Everything runs on one BLAS thread.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from blas import use_the_kernels_of_users
from defaults import DATA, available, folds, load
from scipy.stats import gmean
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils import resample
from speed import Contender, options_of, show, timings, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetClassifier

FIXED = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
WIDE = ((72, 7129), (60, 2000), (300, 5000))  # rows, features


class Run(NamedTuple):
    """One fit: training rows, test rows and seed. Runs with the same number of `data` are averaged."""

    data: int
    seed: int
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    groups: np.ndarray | None = None


# The situations


def oversampled(smoke: bool) -> Iterator[Run]:
    rows, n_data, n_seeds = (150, 1, 2) if smoke else (1500, 6, 3)
    for data in range(n_data):
        X, y = make_classification(
            4 * rows, n_informative=6, weights=[0.9], flip_y=0.1, class_sep=0.8, random_state=data
        )
        X, X_test, y, y_test = train_test_split(scale(X), y, train_size=rows, stratify=y, random_state=0)
        few, missing = X[y == 1], np.count_nonzero(y == 0) - np.count_nonzero(y == 1)
        X = np.vstack([X, resample(few, n_samples=missing, random_state=0)])
        y = np.append(y, np.ones(missing, dtype=int))
        for seed in range(n_seeds):
            yield Run(data, seed, X, y, X_test, y_test)


def grouped(smoke: bool) -> Iterator[Run]:
    persons, n_data, n_splits = (30, 1, 2) if smoke else (150, 4, 5)
    for data in range(n_data):
        rng = np.random.default_rng(data)
        person, u = np.repeat(np.arange(persons), 20), rng.normal(size=(persons, 20))
        y = (u[:, :3].sum(axis=1) + 1.5 * rng.normal(size=persons) > 0)[person].astype(int)
        X = u[person] + 0.3 * rng.normal(size=(len(person), 20))
        for seed, (train, test) in enumerate(GroupKFold(n_splits).split(X, y, person)):
            yield Run(data, seed, X[train], y[train], X[test], y[test], person[train])


def rare_class(smoke: bool) -> Iterator[Run]:
    rows, positive, seeds = (1000, 0.05, (10,)) if smoke else (120_000, 0.0017, (10, 12, 13, 14))
    for data in seeds:
        X, y = make_classification(
            rows, 30, n_informative=8, weights=[1 - positive], flip_y=0.0003, class_sep=1.5, random_state=data
        )
        X = scale(X).astype(np.float32)
        for seed in range(2 if smoke else 3):
            X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
            yield Run(data, seed, X_train, y_train, X_test, y_test)


def adult(smoke: bool) -> Iterator[Run]:
    if smoke:
        X, X_test, y, y_test = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    else:
        data = np.load(DATA / "adult.npz")
        X, y, train, test = data["X"], data["y"], data["train_idx"], data["test_idx"]
        train, _ = train_test_split(train, train_size=2000, stratify=y[train], random_state=0)
        X, X_test, y, y_test = X[train], X[test], y[train], y[test]
    scaler = StandardScaler().fit(X)
    for seed in range(2 if smoke else 12):
        yield Run(0, seed, scaler.transform(X), y, scaler.transform(X_test), y_test)


def few_rows(smoke: bool) -> Iterator[Run]:
    for data, name in enumerate(available(smoke)):
        X, y = load(name)
        for seed in range(3 if len(np.unique(y)) <= 4 else 0):
            X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=36, stratify=y, random_state=seed)
            scaler = make_pipeline(SimpleImputer(), StandardScaler()).fit(X_train)
            yield Run(data, seed, scaler.transform(X_train), y_train, scaler.transform(X_test), y_test)


SITUATIONS = {
    "oversampled": oversampled, "grouped": grouped, "rare class": rare_class, "adult": adult, "36 rows": few_rows
}  # fmt: skip
PARAMETERS = {"adult": {"activation": "gelu"}}


def loss_and_alpha(net, run: Run, **fit_parameters) -> tuple[float, float]:
    net.set_params(random_state=run.seed).fit(run.X, run.y, **fit_parameters)
    proba = net.predict_proba(run.X_test).astype(np.float64)  # float32 rounds
    return log_loss(run.y_test, proba, labels=net.classes_), getattr(net, "alpha_", np.nan)


def compared(situation: str, smoke: bool) -> pd.DataFrame:
    """Return the log loss and alpha of every run (rows) and contender (columns)."""
    parameters, rows = PARAMETERS.get(situation, {}), []
    for run in SITUATIONS[situation](smoke):
        found = {"MLP": loss_and_alpha(MLPClassifier(), run)}
        for alpha in ("auto", *FIXED[: 2 if smoke else None]):
            found[alpha] = loss_and_alpha(ShallowNetClassifier(alpha=alpha, **parameters), run)
        if run.groups is not None:
            found["groups"] = loss_and_alpha(ShallowNetClassifier(**parameters), run, groups=run.groups)
        rows += [(run.data, run.seed, contender, *figures) for contender, figures in found.items()]
        print(".", end="", flush=True)
    frame = pd.DataFrame(rows, columns=["data", "seed", "contender", "loss", "alpha"])
    return frame.pivot(index=["data", "seed"], columns="contender", values=["loss", "alpha"])


def line(label: str, frame: pd.DataFrame, contender: str) -> tuple[str, ...]:
    """Return the cells of one situation. Ratios are geometric means over data sets, each the mean of its runs."""
    losses, alphas = frame["loss"].groupby("data").mean(), frame["alpha"][contender].groupby("data")
    to_mlp = losses[contender] / losses["MLP"]
    to_best = losses[contender] / losses[[column for column in losses if column in FIXED]].min(axis=1)
    worst = frame["loss"][contender] / frame["loss"]["MLP"]
    ratios = (f"{gmean(ratio):.2f}" for ratio in (to_mlp, to_best))
    chosen = f"{alphas.min().min():.3g} to {alphas.max().max():.3g}"
    spread = f"{(alphas.max() / alphas.min()).max():.3g}"
    counts = (str(len(losses)), str(len(frame)))
    return (label, *counts, f"{losses[contender].mean():.4f}", *ratios, f"{worst.max():.2f}", chosen, spread)


def table_of_situations(smoke: bool) -> list[tuple[str, ...]]:
    """Return the log loss of the default, relative to MLPClassifier and to the best fixed alpha, and the choices."""
    header = ("situation", "data sets", "fits", "log loss", "/ MLP", "/ best fixed", "worst fit / MLP")
    rows = [(*header, "chosen alpha", "largest spread")]
    for situation in SITUATIONS:
        if situation != "adult" or smoke or (DATA / "adult.npz").exists():
            frame = compared(situation, smoke)
            rows.append(line(situation, frame, "auto"))
            rows += [line(f"{situation}, groups given", frame, "groups")] if "groups" in frame["loss"] else []
    return rows


# The time


def fitting(net, X: np.ndarray, y: np.ndarray) -> Contender:
    def contender() -> None:
        net.fit(X, y)

    return contender


def table_of_time(smoke: bool) -> list[tuple[str, ...]]:
    """Return the time of the choice of alpha on every data set, relative to that of the rest of the fit."""
    rows = [("set", "rows", "features", "seconds", "with alpha given", "epochs", "share")]
    for name in available(smoke):
        X, y, *_ = folds(name, 1)[0]
        net = ShallowNetClassifier(random_state=0).fit(X, y)
        given = ShallowNetClassifier(alpha=net.alpha_, random_state=0)
        t = timings({"auto": fitting(net, X, y), "given": fitting(given, X, y)}, 1 if smoke else 3)
        auto, rest = t["auto"].seconds, t["given"].seconds
        sizes, epochs = (str(len(X)), str(X.shape[1])), f"{net.n_iter_} {given.n_iter_}"
        rows.append((name, *sizes, f"{auto:.3f}", f"{rest:.3f}", epochs, f"{100 * (auto - rest) / rest:.0f} %"))
        print(".", end="", flush=True)
    return rows


def table_of_wide_rows(smoke: bool) -> list[tuple[str, ...]]:
    """Return times relative to MLPClassifier's on a few wide rows."""
    rows = [("rows", "features", "seconds, MLP", "time / MLP", "with alpha given / MLP", "accuracy", "accuracy, MLP")]
    for m, n in ((20, 50),) if smoke else WIDE:
        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, 2 * m)
        X = rng.normal(size=(2 * m, n))
        X[:, :50] += 0.5 * (2 * y[:, None] - 1)
        net, mlp = ShallowNetClassifier(random_state=0).fit(X[:m], y[:m]), MLPClassifier(random_state=0)
        nets = {"MLP": mlp, "auto": net, "given": ShallowNetClassifier(alpha=net.alpha_, random_state=0)}
        t = timings({name: fitting(net, X[:m], y[:m]) for name, net in nets.items()}, 1 if smoke else 3)
        ratios = (f"{t[name].seconds / t['MLP'].seconds:.2f}" for name in ("auto", "given"))
        accuracies = (f"{one.score(X[m:], y[m:]):.3f}" for one in (net, mlp))
        rows.append((str(m), str(n), f"{t['MLP'].seconds:.2f}", *ratios, *accuracies))
    return rows


TABLES = {
    "Alpha, difficult situations": table_of_situations,
    "Alpha, share of the time": table_of_time,
    "Alpha, wide rows": table_of_wide_rows,
}


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the benchmark, print its tables and return them."""
    options = options_of(__doc__, arguments)
    tables = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for title, table in TABLES.items():
            tables[title] = table(options.smoke)
            show({title: tables[title]})
    if options.write:
        write(tables)
    return tables


if __name__ == "__main__":
    use_the_kernels_of_users()
    with threadpool_limits(1):
        main()
