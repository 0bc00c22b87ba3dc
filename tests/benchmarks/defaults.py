"""MLPClassifier() and ShallowNetClassifier(), both at their defaults, on real data sets.

    python tests/benchmarks/defaults.py                 # prints the tables, in ten minutes
    python tests/benchmarks/defaults.py --write         # and writes defaults.csv and docs/benchmarks.rst
    python tests/benchmarks/defaults.py --alternatives  # changes one rule at a time, in a quarter of an hour
    python tests/benchmarks/defaults.py --search        # chooses the constants of the defaults anew, likewise

Every contender is fitted to the same folds behind a StandardScaler, with the number of the fold as its seed; they take
turns, so that times can be compared. The folds are stratified, shuffled and always the same. Log loss is in nats per
sample, the Brier score from 0 to 2. Data sets come with scikit-learn, or from the folder that SK_SHALLOW_DATA names
(default: shared/data beside the checkout), those that are there.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from blas import use_the_kernels_of_users
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from speed import simple_table, write

from sk_shallow import ShallowNetClassifier
from sk_shallow import _defaults as rules
from sk_shallow.activations import ACTIVATIONS
from sk_shallow.solvers import Adam

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SK_SHALLOW_DATA", ROOT.parent / "shared" / "data"))
CSV = Path(__file__).with_name("defaults.csv")
BUNDLED = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
SHARED = ["adult", "german_credit", "ionosphere", "letter", "magic", "phoneme", "satimage", "segment", "spambase"]
IMAGES = ["fashion_mnist", "mnist"]
FIGURES = ["log_loss", "accuracy", "brier", "seconds", "warned"]

Make = Callable[[int], ClassifierMixin]  # from a seed


def ours(**parameters) -> Make:
    return lambda seed: ShallowNetClassifier(**parameters, random_state=seed)


def its(**parameters) -> Make:
    return lambda seed: MLPClassifier(**parameters, random_state=seed)


@cache
def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return X and y."""
    if name in BUNDLED:
        return BUNDLED[name](return_X_y=True)
    data = np.load(DATA / f"{name}.npz")
    return data["X"], data["y"]


def available(smoke: bool) -> list[str]:
    """Return the names of the tabular sets that are there."""
    shared = [name for name in [*SHARED, "vehicle"] if (DATA / f"{name}.npz").exists()]
    return ["iris"] if smoke else sorted([*BUNDLED, *shared], key=lambda name: len(load(name)[1]))


def folds(name: str, at_most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return rows to train and to test on: 15 folds of small sets, 5 of others, 2 of the largest."""
    X, y = load(name)
    number = 15 if len(y) < 1000 else 5 if len(y) < 10_000 else 2
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=0).split(X, y)
    return [fold for fold, _ in zip(splits, range(min(number, at_most)), strict=False)]


def fitted(make: Make, seed: int, X, y, X_test, y_test) -> dict[str, float]:
    """Fit one classifier and return its figures."""
    classifier = make(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        classifier.fit(X, y)
        seconds = time.perf_counter() - start
    proba = classifier.predict_proba(X_test).astype(np.float64)
    proba /= proba.sum(axis=1, keepdims=True)  # float32 rounds
    labels = classifier.classes_
    return {
        "log_loss": log_loss(y_test, proba, labels=labels),
        "accuracy": float(np.mean(labels[proba.argmax(axis=1)] == y_test)),
        "brier": brier_score_loss(y_test, proba, labels=labels, scale_by_half=False),
        "seconds": seconds,
        "warned": float(bool(caught)),
    }


def compared(contenders: dict[str, Make], sets: Iterable[str], at_most: int = 15) -> pd.DataFrame:
    """Return the mean figures of every contender on every set, a row each, with the size of the set."""
    rows = []
    for name in sets:
        X, y = load(name)
        size = {"set": name, "rows": X.shape[0], "features": X.shape[1], "classes": len(np.unique(y))}
        for seed, (train, test) in enumerate(folds(name, at_most)):
            scaler = make_pipeline(StandardScaler()).fit(X[train])
            data = scaler.transform(X[train]), y[train], scaler.transform(X[test]), y[test]
            for contender, make in contenders.items():
                rows.append({**size, "contender": contender, **fitted(make, seed, *data)})
        print(".", end="", flush=True)
    return pd.DataFrame(rows).groupby([*size, "contender"], sort=False).mean().reset_index()


def against_mlp(frame: pd.DataFrame, contender: str) -> dict[str, float]:
    """Return ratios to MLPClassifier (geometric means over sets), and differences of accuracy in points."""
    one, other = (frame[frame["contender"] == name].set_index("set") for name in (contender, "MLP"))
    points = 100 * (one["accuracy"] - other["accuracy"])
    ratios = {name: float(np.exp(np.log(one[name] / other[name]).mean())) for name in ("log_loss", "brier", "seconds")}
    return {**ratios, "points": points.mean(), "worst": points.min(), "warned": one["warned"].mean()}


SUMMARY = ("log loss", "Brier score", "fit time", "accuracy, points", "worst set, points", "fits that warn")


def summary(frame: pd.DataFrame, contender: str) -> tuple[str, ...]:
    """Return the cells of `SUMMARY` for one contender."""
    a = against_mlp(frame, contender)
    ratios = (f"{a['log_loss']:.3f}", f"{a['brier']:.3f}", f"{a['seconds']:.3f}")
    return (*ratios, f"{a['points']:+.2f}", f"{a['worst']:+.1f}", f"{100 * a['warned']:.0f} %")


def table_of_sets(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return both contenders' figures on every set, ours first."""
    rows = [("set", "rows", "features", "classes", "log loss", "accuracy", "Brier score", "seconds", "warns")]
    for size, part in frame.groupby(["set", "rows", "features", "classes"], sort=False):
        part = part.set_index("contender").loc[["sk_shallow", "MLP"], FIGURES]
        pairs = [
            " ".join(f"{value:.{digits}f}" for value in part[figure])
            for figure, digits in zip(FIGURES, (3, 3, 3, 2, 1), strict=True)
        ]
        rows.append((*map(str, size), *pairs))
    return rows


def table_of_means(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the ratios, and how often each contender comes first on average (1 to 2)."""
    ranked = frame.assign(error=1 - frame["accuracy"]).groupby("set")[["log_loss", "error", "brier", "seconds"]].rank()
    ranks = ranked.groupby(frame["contender"]).mean()
    rows = [("", *SUMMARY), ("sk_shallow / MLP", *summary(frame, "sk_shallow"))]
    for contender in ("sk_shallow", "MLP"):
        r = ranks.loc[contender]
        cells = (f"{r['log_loss']:.2f}", f"{r['brier']:.2f}", f"{r['seconds']:.2f}", f"{r['error']:.2f}")
        rows.append((f"mean rank, {contender}", *cells, "", f"{100 * against_mlp(frame, contender)['warned']:.0f} %"))
    return rows


def tables_of(frame: pd.DataFrame) -> dict[str, list[tuple[str, ...]]]:
    """Return the tables that the page makes of defaults.csv."""
    return {"Defaults, set by set": table_of_sets(frame), "Defaults, all sets": table_of_means(frame)}


def table_of_activations(smoke: bool) -> list[tuple[str, ...]]:
    """Return what "auto" gives each activation, and how it then compares with MLPClassifier's relu."""
    kinds = {kind: name for name, kind in reversed(ACTIVATIONS.items())}
    names = sorted(kinds.values())
    contenders = {"MLP": its(), **{name: ours(activation=name) for name in names}}
    frame = compared(contenders, available(smoke), at_most=1 if smoke else 3)
    rows = [("activation", "scheme", "gain", "rate", "penalty", *SUMMARY[:4])]
    for name in sorted(names, key=lambda name: against_mlp(frame, name)["log_loss"]):
        g = ACTIVATIONS[name]
        settings = (g.initializer, f"{g.gain:g}", f"{g.rate_factor:g}", f"{g.alpha_factor:g}")
        rows.append((name, *settings, *summary(frame, name)[:4]))
    return rows


def table_of_images(smoke: bool) -> list[tuple[str, ...]]:
    """Return figures on the official split of the image sets: pixels / 255, float32, 100 units, three seeds."""
    rows = [("set", "contender", "test accuracy", "log loss", "fit time / MLP")]
    contenders = {"sk_shallow": ours(), "MLP, max_iter=20": its(max_iter=20)}
    for name in IMAGES if not smoke and all((DATA / f"{name}.npz").exists() for name in IMAGES) else []:
        data = np.load(DATA / f"{name}.npz")
        X, y = (data["X"] / 255).astype(np.float32), data["y"]
        (X, X_test), (y, y_test) = ((a[data["train_idx"]], a[data["test_idx"]]) for a in (X, y))
        results = [
            {"contender": contender, **fitted(make, seed, X, y, X_test, y_test)}
            for seed in range(3)
            for contender, make in contenders.items()
        ]
        frame = pd.DataFrame(results).groupby("contender")
        for contender in contenders:
            part = frame.get_group(contender)
            accuracies = " ".join(f"{value:.4f}" for value in part["accuracy"])
            times = part["seconds"].min() / frame.get_group("MLP, max_iter=20")["seconds"].min()
            rows.append((name, contender, accuracies, f"{part['log_loss'].mean():.3f}", f"{times:.2f}"))
    return rows


def table_of_alternatives(smoke: bool) -> list[tuple[str, ...]]:
    """Return what becomes of the defaults if one rule is changed; Adam's own are tried on Adam alone."""
    always = {
        "the defaults": lambda m, q: {},
        "adam for all": lambda m, q: {"solver": "adam"},
        "lbfgs for all": lambda m, q: {"solver": "lbfgs"},
        "lbfgs for all, 100 iterations": lambda m, q: {"solver": "lbfgs", "max_iter": 100},
        "sgd for all": lambda m, q: {"solver": "sgd"},
        "alpha=1e-4": lambda m, q: {"alpha": 1e-4},
        "alpha=1e-3": lambda m, q: {"alpha": 1e-3},
        "alpha=1e-4 q, at most 1e-2": lambda m, q: {"alpha": 1e-4 * min(q, 100)},
        "alpha=5 / m": lambda m, q: {"alpha": 5 / m},
        "all of He's draw": lambda m, q: {"init_scale": 2},
        "early stopping": lambda m, q: {"early_stopping": True},
    }
    of_adam = {
        "constant rate 0.001, 200 epochs": lambda m, q: {"max_iter": 200},
        "20 epochs": lambda m, q: {"max_iter": 20, "learning_rate": "one_cycle", "batch_size": rules.batch_size(m)},
        "40 epochs": lambda m, q: {"max_iter": 40, "learning_rate": "one_cycle", "batch_size": rules.batch_size(m)},
        "cosine": lambda m, q: {"learning_rate": "cosine"},
        "rate 0.003": lambda m, q: {"learning_rate_init": 0.003},
        "rate 0.01": lambda m, q: {"learning_rate_init": 0.01},
        "batches of 200": lambda m, q: {"batch_size": min(m, 200)},
        "batches of m / 100": lambda m, q: {"batch_size": max(16, min(512, m // 100))},
        "dropout=0.1": lambda m, q: {"dropout": 0.1},
        "dropout=0.25": lambda m, q: {"dropout": 0.25},
    }
    changed = {**always, **{f"adam, {name}": with_adam(rule) for name, rule in of_adam.items()}}
    figures = []
    for name in available(smoke):
        X, y = load(name)
        m, q = int(0.8 * len(y)), X.shape[1]
        contenders = {"MLP": its(), **{label: ours(**rule(m, q)) for label, rule in changed.items()}}
        figures.append(compared(contenders, [name], at_most=1 if smoke else 3))
    frame = pd.concat(figures)
    return [("", *SUMMARY), *((label, *summary(frame, label)) for label in changed)]


def with_adam(rule: Callable[[int, int], dict]) -> Callable[[int, int], dict]:
    return lambda m, q: {"solver": "adam", **rule(m, q)}


# The constants that the search chooses: what the penalty of a row is divided by, how long a fit is (iterations of
# L-BFGS, and epochs), and the rate of Adam where the mean squared length of a row is 1.
DIVISORS, LENGTHS, RATES = (5, 10, 20), ((40, 20), (60, 30), (80, 40)), (0.05, 0.1, 0.2)
TIME = 0.15  # of MLPClassifier's, which a choice may take


def with_constants(divisor: float, length: tuple[int, int], rate: float, name: str) -> Make:
    """Return a net with other constants in its defaults for this set, of standardized features."""
    X, y = load(name)
    m, q = int(0.8 * len(y)), X.shape[1]
    alpha = 10 / divisor * rules.alpha(m, q)
    if rules.auto_solver(m, q, hidden_size=100) == "lbfgs":
        return ours(solver="lbfgs", alpha=alpha, max_iter=length[0])
    rates = {"learning_rate": "one_cycle", "learning_rate_init": Adam().peak_rate(q * (0.1 / rate) ** 2, 1.0)}
    return ours(solver="adam", alpha=alpha, max_iter=length[1], batch_size=rules.batch_size(m), **rates)


def search(smoke: bool) -> list[tuple[str, ...]]:
    """Choose the constants with one set left out, for each set; return the choices and what they do on that set."""
    candidates = list(product(DIVISORS, LENGTHS, RATES))[:: 9 if smoke else 1]
    figures = []
    for name in available(smoke):
        contenders = {"MLP": its(), **{str(c): with_constants(*c, name) for c in candidates}}
        figures.append(compared(contenders, [name], at_most=1 if smoke else 2))
    frame = pd.concat(figures)

    def best_on(sets: Sequence[str]) -> str:
        results = {str(c): against_mlp(frame[frame["set"].isin(sets)], str(c)) for c in candidates}
        quick = {c: r for c, r in results.items() if r["seconds"] <= TIME} or results
        return min(quick, key=lambda c: quick[c]["log_loss"])

    sets = list(frame["set"].unique())
    rows, left_out = [("left out", "choice of the others (penalty, lengths, rate)", *SUMMARY[:4])], []
    for name in sets:
        choice = best_on([other for other in sets if other != name] or sets)
        part = frame[(frame["set"] == name) & frame["contender"].isin([choice, "MLP"])]
        left_out.append(part.replace({"contender": {choice: "chosen"}}))
        rows.append((name, choice, *summary(part, choice)[:4]))
    rows.append(("all, each left out", "", *summary(pd.concat(left_out), "chosen")[:4]))
    rows.append(("none", best_on(sets), *summary(frame, best_on(sets))[:4]))
    return rows


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the experiment, print its tables and return them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one small set, to see that it runs")
    parser.add_argument("--write", action="store_true", help="write defaults.csv and the page")
    parser.add_argument("--alternatives", action="store_true", help="change one rule at a time instead")
    parser.add_argument("--search", action="store_true", help="choose the constants instead")
    options = parser.parse_args(arguments)
    frame = None
    if options.alternatives:
        tables = {"Defaults, one rule changed": table_of_alternatives(options.smoke)}
    elif options.search:
        tables = {"Search, each set left out": search(options.smoke)}
    else:
        frame = compared({"MLP": its(), "sk_shallow": ours()}, available(options.smoke), 1 if options.smoke else 15)
        tables = {
            **tables_of(frame),
            "Defaults, images": table_of_images(options.smoke),
            "Defaults of the activations": table_of_activations(options.smoke),
        }
    for title, rows in tables.items():
        print(f"\n{title}\n\n{simple_table(rows)}", flush=True)
    if options.write:
        write(tables)
        if frame is not None:
            frame.to_csv(CSV, index=False, float_format="%.6g")
    return tables


if __name__ == "__main__":
    use_the_kernels_of_users()
    main()
