"""MLPClassifier() and ShallowNetClassifier(), both with default settings, on real data sets.

    python tests/benchmarks/defaults.py                 # prints the tables, in a quarter of an hour
    python tests/benchmarks/defaults.py --write         # also writes them to defaults.csv and docs/benchmarks.rst
    python tests/benchmarks/defaults.py --alternatives  # changes one rule at a time; also takes --write

All classifiers are fitted to the same three folds of at most 6,000 rows. The folds are stratified, shuffled and always
the same. Missing values are imputed and features standardized. The seed is the number of the fold. The classifiers take
turns on one BLAS thread, so you can compare their times. Log loss is in nats per sample, the Brier score from 0 to 2.
Four data sets come with scikit-learn. The others are all files in the folder SK_SHALLOW_DATA (default: shared/data
beside the checkout).
"""

import os
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from blas import use_the_kernels_of_users
from scipy.stats import gmean
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.impute import SimpleImputer
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from speed import options_of, show, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit.set_up import SmallAlphaWarning
from sk_shallow.activations import ACTIVATIONS
from sk_shallow.solvers import Adam

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SK_SHALLOW_DATA", ROOT.parent / "shared" / "data"))
CSV = Path(__file__).with_name("defaults.csv")
BUNDLED = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
IMAGES = ["fashion_mnist", "mnist"]
MAX_ROWS = 6000
FIGURES = ["log_loss", "accuracy", "brier", "seconds", "warned"]

Make = Callable[[int], ClassifierMixin]  # from a seed


def ours(**parameters) -> Make:
    return lambda seed: ShallowNetClassifier(**parameters, random_state=seed)


def its(**parameters) -> Make:
    return lambda seed: MLPClassifier(**parameters, random_state=seed)


@cache
def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return X and y, at most 6,000 rows."""
    if name in BUNDLED:
        X, y = BUNDLED[name](return_X_y=True)
    else:
        data = np.load(DATA / f"{name}.npz")
        X, y = data["X"], data["y"]
    if len(y) <= MAX_ROWS:
        return X, y
    rows, _ = train_test_split(np.arange(len(y)), train_size=MAX_ROWS, stratify=y, random_state=0)
    return X[rows], y[rows]


def available(smoke: bool) -> list[str]:
    """Return the names of the available tabular data sets, smallest first."""
    shared = [path.stem for path in DATA.glob("*.npz") if path.stem not in IMAGES]
    return ["iris"] if smoke else sorted([*BUNDLED, *shared], key=lambda name: (len(load(name)[1]), name))


def folds(name: str, at_most: int) -> list[tuple[np.ndarray, ...]]:
    """Return X, y, X_test and y_test of each fold."""
    X, y = load(name)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # ecoli has two classes of two rows
        splits = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))[:at_most]
    parts = []
    for train, test in splits:
        scaler = make_pipeline(SimpleImputer(), StandardScaler()).fit(X[train])
        parts.append((scaler.transform(X[train]), y[train], scaler.transform(X[test]), y[test]))
    return parts


def fitted(make: Make, seed: int, X, y, X_test, y_test) -> dict[str, float]:
    """Fit one classifier and return its scores."""
    classifier = make(seed)
    SmallAlphaWarning.given = False  # it is given once per process
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        classifier.fit(X, y)
        seconds = time.perf_counter() - start
    proba = classifier.predict_proba(X_test).astype(np.float64)
    proba /= proba.sum(axis=1, keepdims=True)  # float32 rounds
    labels, known = classifier.classes_, np.isin(y_test, classifier.classes_)  # a class may have one row only
    y_test, proba = y_test[known], proba[known]
    return {
        "log_loss": log_loss(y_test, proba, labels=labels),
        "accuracy": float(np.mean(labels[proba.argmax(axis=1)] == y_test)),
        "brier": brier_score_loss(y_test, proba, labels=labels, scale_by_half=False),
        "seconds": seconds,
        "warned": float(bool(caught)),
    }


def compared(contenders: dict[str, Make], sets: Iterable[str], at_most: int = 3, patches=None) -> pd.DataFrame:
    """Return a row for every contender and data set: mean scores over the folds, and the size of the set.

    `patches` maps a contender to a dict of targets of `patch` and their values. They apply while it is fitted.
    """
    rows = []
    for name in sets:
        X, y = load(name)
        size = {"set": name, "rows": X.shape[0], "features": X.shape[1], "classes": len(np.unique(y))}
        for seed, data in enumerate(folds(name, at_most)):
            for contender, make in contenders.items():
                with ExitStack() as stack:
                    for target, value in (patches or {}).get(contender, {}).items():
                        stack.enter_context(patch(target, value))
                    rows.append({**size, "contender": contender, **fitted(make, seed, *data)})
        print(".", end="", flush=True)
    return pd.DataFrame(rows).groupby([*size, "contender"], sort=False).mean().reset_index()


def against_mlp(frame: pd.DataFrame, contender: str) -> dict[str, float]:
    """Return ratios to MLPClassifier (geometric means over data sets), and differences of accuracy in points."""
    one, other = (frame[frame["contender"] == name].set_index("set") for name in (contender, "MLP"))
    points = 100 * (one["accuracy"] - other["accuracy"])
    ratios = {name: float(gmean(one[name] / other[name])) for name in ("log_loss", "brier", "seconds")}
    worse = one["log_loss"] / other["log_loss"]
    figures = {"points": points.mean(), "worst": points.min(), "warned": one["warned"].mean()}
    return {**ratios, **figures, "worse": (worse > 1.02).mean(), "worst_loss": worse.max()}


SUMMARY = (
    "log loss", "Brier score", "fit time", "accuracy, points", "worst set, points", "fits that warn",
    "sets worse by 2 %", "worst log loss",
)  # fmt: skip


def summary(frame: pd.DataFrame, contender: str) -> tuple[str, ...]:
    """Return the cells of `SUMMARY` for one contender."""
    a = against_mlp(frame, contender)
    ratios = (f"{a['log_loss']:.3f}", f"{a['brier']:.3f}", f"{a['seconds']:.3f}")
    shares = (f"{100 * a['warned']:.0f} %", f"{100 * a['worse']:.0f} %", f"{a['worst_loss']:.2f}")
    return (*ratios, f"{a['points']:+.2f}", f"{a['worst']:+.1f}", *shares)


def table_of_sets(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the scores of both contenders on every data set, ours first."""
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
    """Return the ratios, and the mean rank of each contender (1 to 2)."""
    ranked = frame.assign(error=1 - frame["accuracy"]).groupby("set")[["log_loss", "error", "brier", "seconds"]].rank()
    ranks = ranked.groupby(frame["contender"]).mean()
    rows = [("nets", *SUMMARY), ("sk_shallow / MLP", *summary(frame, "sk_shallow"))]
    for contender in ("sk_shallow", "MLP"):
        r = ranks.loc[contender]
        cells = (f"{r['log_loss']:.2f}", f"{r['brier']:.2f}", f"{r['seconds']:.2f}", f"{r['error']:.2f}")
        warned = f"{100 * against_mlp(frame, contender)['warned']:.0f} %"
        rows.append((f"mean rank, {contender}", *cells, "", warned, "", ""))
    return rows


def tables_of(frame: pd.DataFrame) -> dict[str, list[tuple[str, ...]]]:
    """Return the tables that are made from defaults.csv."""
    return {"Defaults, set by set": table_of_sets(frame), "Defaults, all sets": table_of_means(frame)}


def table_of_activations(smoke: bool) -> list[tuple[str, ...]]:
    """Return the defaults of each activation, and its scores relative to MLPClassifier with relu."""
    names = sorted(ACTIVATIONS)
    contenders = {"MLP": its(), **{name: ours(activation=name) for name in names}}
    frame = compared(contenders, available(smoke), 1 if smoke else 3)
    rows = [("activation", "scheme", "gain", "penalty", *SUMMARY)]
    for name in sorted(names, key=lambda name: against_mlp(frame, name)["log_loss"]):
        g = ACTIVATIONS[name]
        rows.append((name, g.initializer, f"{g.gain:g}", f"{g.alpha_factor:g}", *summary(frame, name)))
    return rows


def table_of_images(smoke: bool) -> list[tuple[str, ...]]:
    """Return scores on the official split of the image sets: pixels / 255, float32, 100 units, three seeds."""
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


RULES, PENALTY, ROUNDS = "sk_shallow._fit.plan", "sk_shallow._fit.alpha", "sk_shallow._fit.monitor"
ALTERNATIVES = {
    "the defaults": ({}, {}),
    "alpha: the rule, nothing tried": ({}, {f"{PENALTY}._best": lambda *args: None}),
    "alpha: 10, 1, 0.1 times the rule": ({}, {f"{PENALTY}.STRENGTHS": (10.0, 1.0, 0.1)}),
    "alpha: five strengths": ({}, {f"{PENALTY}.STRENGTHS": (10.0, 3.0, 1.0, 0.3, 0.1)}),
    "alpha: the weakest for small sets too": ({}, {f"{PENALTY}.FEW_ROWS": 0}),
    "alpha: two folds": ({}, {f"{PENALTY}.N_FOLDS": 2}),
    "alpha: four folds": ({}, {f"{PENALTY}.N_FOLDS": 4}),
    "alpha: the lowest loss, however near": ({}, {f"{PENALTY}.MIN_GAIN": 0.0}),
    "alpha: a gain of 3 %": ({}, {f"{PENALTY}.MIN_GAIN": 0.03}),
    "alpha: a gain of 2 % for the weakest too": ({}, {f"{PENALTY}.MIN_GAIN_OF_WEAKEST": 0.02}),
    "alpha: at most 500 rows": ({}, {f"{PENALTY}.MAX_ROWS": 500}),
    "alpha: at most 2^20 numbers": ({}, {f"{PENALTY}.MAX_NUMBERS": 2**20}),
    "alpha: at most 1,000 rows": ({}, {f"{PENALTY}.MAX_ROWS": 1000}),
    "alpha: 30 epochs": ({}, {f"{PENALTY}.SHORT_EPOCHS": 30}),
    "alpha: at least 60 steps": ({}, {f"{PENALTY}.SHORT_STEPS": 60}),
    "alpha: all hidden units": ({}, {f"{PENALTY}.MIN_UNITS": 10**6}),
    "rounds: the first of 10 epochs, 80 steps": ({}, {f"{RULES}.SHORT_EPOCHS": 10, f"{RULES}.SHORT_STEPS": 80}),
    "rounds: the first of 30 epochs, 240 steps": ({}, {f"{RULES}.SHORT_EPOCHS": 30, f"{RULES}.SHORT_STEPS": 240}),
    "rounds: until one gains less than a tenth": ({}, {f"{ROUNDS}.MIN_GAIN": 0.1}),
    "rounds: until one gains less than a third": ({}, {f"{ROUNDS}.MIN_GAIN": 1 / 3}),
    "one round of 30 epochs": ({"learning_rate": "one_cycle", "max_iter": 30}, {}),
    "batch_size: 2 % of the rows": ({}, {f"{RULES}.batch_size_rule": lambda m: max(32, min(512, m // 50))}),
    "batch_size: 8 % of the rows": ({}, {f"{RULES}.batch_size_rule": lambda m: max(32, min(512, m // 12))}),
    "batch_size: 200": ({}, {f"{RULES}.batch_size_rule": lambda m: 200}),
    "beta_2=0.999": ({"solver": Adam(beta_2=0.999)}, {}),
    "beta_2=0.99": ({"solver": Adam(beta_2=0.99)}, {}),
    "learning_rate='cosine', max_iter=30": ({"learning_rate": "cosine", "max_iter": 30}, {}),
    "learning_rate='constant'": ({"learning_rate": "constant"}, {}),
    "He's scheme, not halved": ({"init": "he_normal"}, {}),
    "dropout=0.1": ({"dropout": 0.1}, {}),
    "early_stopping=True": ({"early_stopping": True}, {}),
}


def table_of_alternatives(smoke: bool) -> list[tuple[str, ...]]:
    """Return the scores if one rule is changed, and the range of the log-loss ratio if one data set is left out."""
    contenders = {label: ours(**parameters) for label, (parameters, _) in ALTERNATIVES.items()}
    patches = {label: targets for label, (_, targets) in ALTERNATIVES.items()}
    frame = compared({"MLP": its(), **contenders}, available(smoke), 1 if smoke else 3, patches)
    sets = list(frame["set"].unique())

    def left_out(label: str) -> str:
        parts = [frame[frame["set"] != name] for name in sets] if len(sets) > 1 else [frame]
        losses = [against_mlp(part, label)["log_loss"] for part in parts]
        return f"{min(losses):.3f} to {max(losses):.3f}"

    rows = [("rule", *SUMMARY, "log loss, a set left out")]
    return rows + [(label, *summary(frame, label), left_out(label)) for label in contenders]


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the benchmark, print its tables and return them."""
    options = options_of(__doc__, arguments, alternatives="change one rule at a time instead")
    frame = None
    if options.alternatives:
        tables = {"Defaults, one rule changed": table_of_alternatives(options.smoke)}
    else:
        frame = compared({"MLP": its(), "sk_shallow": ours()}, available(options.smoke), 1 if options.smoke else 3)
        tables = {
            **tables_of(frame),
            "Defaults, images": table_of_images(options.smoke),
            "Defaults of the activations": table_of_activations(options.smoke),
        }
    show(tables)
    if options.write:
        write(tables)
        if frame is not None:
            frame.to_csv(CSV, index=False, float_format="%.6g")
            write(tables_of(pd.read_csv(CSV)))  # so that page and file are rounded in the same way
    return tables


if __name__ == "__main__":
    use_the_kernels_of_users()
    with threadpool_limits(1):
        main()
