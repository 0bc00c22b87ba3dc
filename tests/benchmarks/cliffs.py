"""MLPClassifier and ShallowNetClassifier with one parameter set, and on streams of rows.

    python tests/benchmarks/cliffs.py            # prints the tables, in twenty minutes
    python tests/benchmarks/cliffs.py --write    # also writes them to docs/benchmarks.rst

A cliff is a data set on which a setting gives no warning and a log loss more than 10 % above that of MLPClassifier with
the same setting and more than 10 % above that of our defaults. If MLPClassifier does not know the value, it gets its
defaults. A small alpha makes any net overconfident. So for alpha, a cliff is an accuracy more than one point below
MLPClassifier's.

A setting is too slow if a fit takes longer than MLPClassifier's with the same setting and more than 1.5 times as long
as ours with default settings: as geometric means over the data sets, or twice that on one set. The three take turns on
one thread. If a fit takes less than a second, the smaller time of two counts.

Data sets are those of defaults.py, with at most 3,000 rows and one fold. A stream passes its rows to partial_fit in
chunks, once or five times. Classes, means and standard deviations are known in advance.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from blas import use_the_kernels_of_users
from defaults import fitted, folds
from scipy.stats import gmean
from sklearn.base import ClassifierMixin, clone
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from speed import options_of, show, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetClassifier
from sk_shallow.activations import ACTIVATIONS, ALIASES

SETS = ("digits", "german_credit", "letter", "magic", "phoneme", "satimage", "segment", "vehicle", "waveform")
TOO_SLOW = (1.0, 1.5)  # times MLPClassifier's time, and times that of our defaults
STREAMS = ("adult", "digits", "letter", "mnist", "satimage")
ITS_OWN = {"activation": ("identity", "logistic", "tanh", "relu"), "solver": ("adam", "sgd", "lbfgs")}
SETTINGS = {
    "max_iter": (10, 20, 50, 100, 300, 500, 1000, 5000),
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


def in_turn(contenders: dict[str, ClassifierMixin], data: tuple[np.ndarray, ...]) -> dict[str, dict[str, float]]:
    """Fit all contenders and return their scores. A fit of less than a second is repeated; the smaller time counts."""
    figures = {name: fitted(lambda seed, c=c: clone(c), 0, *data) for name, c in contenders.items()}
    for name, classifier in contenders.items():
        if figures[name]["seconds"] < 1:
            again = fitted(lambda seed, c=classifier: clone(c), 0, *data)
            figures[name]["seconds"] = min(figures[name]["seconds"], again["seconds"])
    return figures


def measured(name: str, value: object, data: tuple[np.ndarray, ...]) -> dict[str, float | bool]:
    """Compare one setting with the references on one data set: MLPClassifier and our defaults."""
    same = its(**{name: value, "random_state": 0})
    contenders = {
        "mine": ShallowNetClassifier(**{name: value, "random_state": 0}),
        "theirs": same or MLPClassifier(random_state=0),
        "defaults": ShallowNetClassifier(random_state=0),
    }
    mine, theirs, defaults = in_turn(contenders, data).values()
    falls = mine["log_loss"] > 1.1 * max(theirs["log_loss"], defaults["log_loss"])
    if name == "alpha":
        falls = mine["accuracy"] < theirs["accuracy"] - 0.01
    known = 1.0 if same else np.nan
    return {
        "loss": known * mine["log_loss"] / theirs["log_loss"],
        "loss_to_defaults": mine["log_loss"] / defaults["log_loss"],
        "points": known * 100 * (mine["accuracy"] - theirs["accuracy"]),
        "warned": mine["warned"],
        "cliff": falls and not mine["warned"],
        "time": mine["seconds"] / theirs["seconds"],
        "time_to_defaults": mine["seconds"] / defaults["seconds"],
    }


def too_slow(part: pd.DataFrame) -> list[str]:
    """Return the data sets on which a setting is too slow, and "the mean" if it is so on average."""
    theirs, defaults = TOO_SLOW
    time, to_defaults = (float(gmean(part[name])) for name in ("time", "time_to_defaults"))
    sets = part["set"][(part["time"] > 2 * theirs) & (part["time_to_defaults"] > 2 * defaults)]
    return ["the mean"] * (time > theirs and to_defaults > defaults) + list(sets)


HEADER = (
    "setting", "log loss / MLP", "log loss / our defaults", "accuracy, points", "warns", "cliffs",
    "time / MLP", "time / our defaults", "too slow",
)  # fmt: skip


def line(setting: str, part: pd.DataFrame) -> tuple[str, ...]:
    """Return the cells of `HEADER` for one setting: geometric means over the data sets."""
    loss, to_defaults, time, time_to_defaults = (
        f"{gmean(part[name]):.2f}".replace("nan", "")
        for name in ("loss", "loss_to_defaults", "time", "time_to_defaults")
    )
    points, warned = f"{part['points'].mean():+.1f}".replace("+nan", ""), f"{100 * part['warned'].mean():.0f} %"
    quality = (loss, to_defaults, points, warned, ", ".join(part["set"][part["cliff"]]))
    return (setting, *quality, time, time_to_defaults, ", ".join(too_slow(part)))


def table_of_cliffs(smoke: bool) -> list[tuple[str, ...]]:
    """Return ratios of log losses and times, the cliffs, and where a setting is too slow."""
    data = {name: part(name) for name in (("iris",) if smoke else SETS)}
    rows = [HEADER]
    for name, value in ((name, value) for name, values in SETTINGS.items() for value in values):
        frame = pd.DataFrame([{"set": dataset, **measured(name, value, data[dataset])} for dataset in data])
        rows.append(line(f"{name}={value!r}", frame))
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
    options = options_of(__doc__, arguments, streams="only run the streams")
    tables = {} if options.streams else {"One parameter set": table_of_cliffs(options.smoke)}
    tables["Streams"] = table_of_streams(options.smoke)
    show(tables)
    if options.write:
        write(tables)
    return tables


if __name__ == "__main__":
    use_the_kernels_of_users()
    with threadpool_limits(1):
        main()
