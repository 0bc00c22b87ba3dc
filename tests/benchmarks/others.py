"""ShallowNetClassifier() and five classifiers of scikit-learn, all with default settings, on real data sets.

    python tests/benchmarks/others.py            # prints the tables, in five minutes
    python tests/benchmarks/others.py --write    # also writes them to others.csv, docs/benchmarks.rst and README.rst

Data sets, folds, seeds and scores are those of defaults.py. Every classifier has only its seed set. They take turns on
one thread. A forest gives a class the probability 0 if no tree votes for it, and then one row can make the log loss
infinite. So a forest of T trees is scored on (T P + f) / (T + 1), where P are its probabilities and f the frequencies
of the classes in the training rows: the class frequencies count as one more tree. The other classifiers do not need it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from blas import use_the_kernels_of_users
from defaults import ROOT, Make, available, compared
from scipy.stats import gmean
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from speed import options_of, show, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetClassifier

CSV = Path(__file__).with_name("others.csv")
README = ROOT / "README.rst"
OURS = "sk_shallow"
TREES = ["random forest", "extra trees", "hist. boosting"]
ERRORS = {"log_loss": "log loss", "brier": "Brier score", "error": "accuracy"}  # lower is better


class Smoothed:
    """A forest whose probabilities are never 0: the class frequencies count as one more tree."""

    def __init__(self, forest: RandomForestClassifier | ExtraTreesClassifier) -> None:
        self.forest = forest

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.forest.fit(X, y)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.frequencies = counts / len(y)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        n_trees = len(self.forest.estimators_)
        return (n_trees * self.forest.predict_proba(X) + self.frequencies) / (n_trees + 1)


CONTENDERS: dict[str, Make] = {
    OURS: lambda seed: ShallowNetClassifier(random_state=seed),
    "MLP": lambda seed: MLPClassifier(random_state=seed),
    "logistic regression": lambda seed: LogisticRegression(random_state=seed),
    "random forest": lambda seed: Smoothed(RandomForestClassifier(random_state=seed)),
    "extra trees": lambda seed: Smoothed(ExtraTreesClassifier(random_state=seed)),
    "hist. boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}


def by_set(frame: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Return a figure of all contenders (columns) on the data sets (rows)."""
    table = frame.assign(error=1 - frame["accuracy"]).pivot(index="set", columns="contender", values=figure)
    return table.loc[frame["set"].unique(), list(CONTENDERS)]


def mean_ranks(frame: pd.DataFrame, figure: str) -> pd.Series:
    return by_set(frame, figure).rank(axis=1).mean()


def table_of_ranks(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the mean ranks of all contenders, a line per score."""
    rows = [("mean rank by", *CONTENDERS)]
    return rows + [(label, *(f"{r:.2f}" for r in mean_ranks(frame, name))) for name, label in ERRORS.items()]


def table_of_wins(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the sets on which each contender is the best, and its log loss and time relative to ours."""
    wins = {name: by_set(frame, name).rank(axis=1, method="min").eq(1).sum() for name in ERRORS}
    to_ours = {name: by_set(frame, name) for name in ("log_loss", "seconds")}
    to_ours = {name: v.div(v[OURS], axis=0).apply(gmean) for name, v in to_ours.items()}
    rows = [
        (
            "classifier",
            *(f"best {label}" for label in ERRORS.values()),
            "log loss / ours",
            "time / ours",
            "rank by time",
        )
    ]
    for contender in CONTENDERS:
        counts = (str(wins[name][contender]) for name in ERRORS)
        ratios = (f"{to_ours['log_loss'][contender]:.2f}", f"{to_ours['seconds'][contender]:.2f}")
        rows.append((contender, *counts, *ratios, f"{mean_ranks(frame, 'seconds')[contender]:.2f}"))
    return rows


def table_of_sets(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the log loss of all contenders on every data set."""
    losses = by_set(frame, "log_loss")
    return [("set", *CONTENDERS), *((name, *(f"{v:.3f}" for v in row)) for name, row in losses.iterrows())]


def table_of_trees(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the data sets on which trees have the lowest log loss, the clearest first."""
    losses, errors = by_set(frame, "log_loss"), by_set(frame, "error")
    winners = losses.idxmin(axis=1)
    lost = losses.div(losses.min(axis=1), axis=0)[OURS][winners.isin(TREES)].sort_values(ascending=False)
    rows = [("set", "best", "log loss", "ours", "ours / best", "accuracy", "ours, accuracy")]
    for name, ratio in lost.items():
        pair = [f"{losses.loc[name, who]:.3f}" for who in (winners[name], OURS)]
        accuracies = [f"{1 - errors.loc[name, who]:.3f}" for who in (winners[name], OURS)]
        rows.append((name, winners[name], *pair, f"{ratio:.2f}", *accuracies))
    return rows


def tables_of(frame: pd.DataFrame) -> dict[str, list[tuple[str, ...]]]:
    """Return the tables that are made from others.csv."""
    return {
        "Others, mean ranks": table_of_ranks(frame),
        "Others, all sets": table_of_wins(frame),
        "Others, where trees win": table_of_trees(frame),
        "Others, set by set": table_of_sets(frame),
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the benchmark, print its tables and return them."""
    options = options_of(__doc__, arguments)
    frame = compared(CONTENDERS, available(options.smoke), 1 if options.smoke else 3)
    show(tables_of(frame))
    if options.write:
        frame.to_csv(CSV, index=False, float_format="%.6g")
        frame = pd.read_csv(CSV)  # so that pages and file are rounded in the same way
        write(tables_of(frame))
        write({"Others, mean ranks": table_of_ranks(frame)}, README)
    return tables_of(frame)


if __name__ == "__main__":
    use_the_kernels_of_users()
    with threadpool_limits(1):
        main()
