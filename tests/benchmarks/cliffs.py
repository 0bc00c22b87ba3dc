"""MLPClassifier and ShallowNetClassifier with one parameter set, and on streams of rows.

    python tests/benchmarks/cliffs.py            # prints the tables, in ten minutes
    python tests/benchmarks/cliffs.py --write    # also writes them to docs/benchmarks.rst

A cliff is a data set on which a setting gives no warning and a log loss more than 10 % above that of MLPClassifier with
the same setting and more than 10 % above that of our defaults. If MLPClassifier does not know the value, it gets its
defaults. A small alpha makes any net overconfident. So for alpha, a cliff is an accuracy more than one point below
MLPClassifier's. Data sets are those of defaults.py, with at most 3,000 rows and one fold. A stream passes its rows to
partial_fit in chunks, once or five times. Classes, means and standard deviations are known in advance.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from blas import use_the_kernels_of_users
from defaults import fitted, folds
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from speed import simple_table, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetClassifier
from sk_shallow.activations import ACTIVATIONS, ALIASES

SETS = ("digits", "german_credit", "letter", "magic", "phoneme", "satimage", "segment", "vehicle", "waveform")
STREAMS = ("adult", "digits", "letter", "mnist", "satimage")
ITS_OWN = {"activation": ("identity", "logistic", "tanh", "relu"), "solver": ("adam", "sgd", "lbfgs")}
SETTINGS = {
    "max_iter": (10, 20, 50, 100, 500, 1000),
    "learning_rate_init": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1),
    "learning_rate": ("constant", "invscaling", "adaptive", "cosine"),
    "alpha": (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0),
    "batch_size": (16, 32, 64, 128, 256, 1000),
    "hidden_size": (5, 10, 50, 200, 500),
    "solver": ("gd", "sgd", "lbfgs"),
    "tol": (1e-2,),
    "early_stopping": (True,),
    "warm_start": (True,),
    "activation": tuple(name for name in ACTIVATIONS | ALIASES if name != "relu"),
}


def its(**parameters) -> MLPClassifier | None:
    """Return MLPClassifier with the same settings, or None if it does not know them."""
    for name, value in parameters.items():
        if value == "cosine" or (name in ITS_OWN and value not in ITS_OWN[name]):
            return None
    size = parameters.pop("hidden_size", None)
    return MLPClassifier(**parameters, **({"hidden_layer_sizes": (size,)} if size else {}))


def part(name: str, rows: int = 3000) -> tuple[np.ndarray, ...]:
    """Return X, y, X_test and y_test of one fold, standardized."""
    X, y, X_test, y_test = folds(name, 1)[0]
    if len(y) > rows:
        X, _, y, _ = train_test_split(X, y, train_size=rows, stratify=y, random_state=0)
    return X, y, X_test, y_test


def table_of_cliffs(smoke: bool) -> list[tuple[str, ...]]:
    """Return ratios of log losses (geometric means over the data sets) and the cliffs of each setting."""
    sets = ("iris",) if smoke else SETS
    settings = [(name, value) for name, values in SETTINGS.items() for value in values]
    data = {name: part(name) for name in sets}
    at_defaults = {name: fitted(lambda seed: ShallowNetClassifier(random_state=seed), 0, *data[name]) for name in sets}
    its_defaults = {name: fitted(lambda seed: MLPClassifier(random_state=seed), 0, *data[name]) for name in sets}
    rows = [("setting", "log loss / MLP", "log loss / our defaults", "accuracy, points", "warns", "cliffs")]
    for name, value in settings:
        ratios, to_defaults, points, warned, cliffs = [], [], [], [], []
        for dataset in sets:
            parameters = {name: value, "random_state": 0}
            mine = fitted(lambda seed, p=parameters: ShallowNetClassifier(**p), 0, *data[dataset])
            other = its(**parameters)
            theirs = None if other is None else fitted(lambda seed, c=other: c, 0, *data[dataset])
            default = at_defaults[dataset]
            bound = max(default["log_loss"], (theirs or its_defaults[dataset])["log_loss"])
            falls = mine["log_loss"] > 1.1 * bound
            if name == "alpha":
                falls = mine["accuracy"] < theirs["accuracy"] - 0.01
            cliffs += [dataset] if falls and not mine["warned"] else []
            ratios += [mine["log_loss"] / theirs["log_loss"]] if theirs else []
            points += [100 * (mine["accuracy"] - theirs["accuracy"])] if theirs else []
            to_defaults.append(mine["log_loss"] / default["log_loss"])
            warned.append(mine["warned"])
        mean = f"{np.exp(np.log(ratios).mean()):.2f}" if ratios else ""
        rows.append((
            f"{name}={value!r}", mean, f"{np.exp(np.log(to_defaults).mean()):.2f}",
            f"{np.mean(points):+.1f}" if points else "", f"{100 * np.mean(warned):.0f} %", ", ".join(cliffs),
        ))  # fmt: skip
        print(".", end="", flush=True)
    return rows


def table_of_streams(smoke: bool) -> list[tuple[str, ...]]:
    """Return log losses and accuracies of nets trained chunk by chunk."""
    rows = [("stream", "rows per chunk", "passes", "log loss", "log loss, MLP", "accuracy", "accuracy, MLP")]
    for name in ("iris",) if smoke else STREAMS:
        X, y, X_test, y_test = part(name, 4000)
        order = np.random.default_rng(0).permutation(len(y))
        for size in (10, 100):
            for passes in (1, 5):
                figures = []
                for make in (ShallowNetClassifier, MLPClassifier):
                    net = Stream(make(random_state=0), order, size, passes)
                    figures.append(fitted(lambda seed, net=net: net, 0, X, y, X_test, y_test))
                pairs = [f"{f[figure]:.3f}" for figure in ("log_loss", "accuracy") for f in figures]
                rows.append((name, str(size), str(passes), *pairs))
        print(".", end="", flush=True)
    return rows


class Stream:
    """A classifier whose `fit` passes the rows to `partial_fit` in chunks."""

    def __init__(self, net, order: np.ndarray, size: int, passes: int) -> None:
        self.net, self.order, self.size, self.passes = net, order, size, passes

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.classes_ = np.unique(y)
        for _ in range(self.passes):
            for start in range(0, len(y), self.size):
                rows = self.order[start : start + self.size]
                self.net.partial_fit(X[rows], y[rows], classes=self.classes_)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.net.predict_proba(X)


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the benchmark, print its tables and return them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="use one small data set, for tests")
    parser.add_argument("--write", action="store_true", help="write the tables to the page")
    parser.add_argument("--streams", action="store_true", help="only run the streams")
    options = parser.parse_args(arguments)
    tables = {} if options.streams else {"One parameter set": table_of_cliffs(options.smoke)}
    tables["Streams"] = table_of_streams(options.smoke)
    for title, rows in tables.items():
        print(f"\n{title}\n\n{simple_table(rows)}", flush=True)
    if options.write:
        write(tables)
    return tables


if __name__ == "__main__":
    use_the_kernels_of_users()
    with threadpool_limits(1):
        main()
