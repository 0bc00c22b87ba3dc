"""How often compare_activations speaks, and how often it is right, on samples of real data.

    python tests/benchmarks/comparisons.py            # prints the tables, in an hour on two cores
    python tests/benchmarks/comparisons.py --write    # and puts them, and the figure, into docs/

Each sample is 400 rows of a large set, standardized. An activation is compared with relu on 5 x 4 splits. "Found" is a
p-value below 0.05 of a single comparison, by the corrected test and by the ordinary paired t-test. The true difference
is that of the mean log losses, on all rows that are not in the sample, of nets fitted to 320 rows of it. A against A is
relu under two labels, with other seeds: whatever is found there is an error.
"""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from blas import use_the_kernels_of_users
from defaults import BUNDLED, load
from joblib import Parallel, delayed
from scipy.stats import ttest_1samp
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from speed import simple_table, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetClassifier
from sk_shallow._statistics import MeanDifference
from sk_shallow.model_selection import compare_activations

SETS = ("magic", "waveform", "electricity")
OTHERS = ("identity", "sigmoid", "tanh", "elu", "gelu", "maxout")
FIGURE = Path(__file__).parents[2] / "docs" / "images" / "power.png"


def sample(name: str, number: int) -> tuple[np.ndarray, ...]:
    """Return 400 rows of a set and their labels, and the rows that are left and theirs."""
    X, y = load(name)
    size = 400 if name not in BUNDLED else 100
    X, X_rest, y, y_rest = train_test_split(X, y, train_size=size, stratify=y, random_state=number)
    return X, y, X_rest, y_rest


def net() -> object:
    return make_pipeline(StandardScaler(), ShallowNetClassifier())


def a_against_a(name: str, number: int) -> str:
    """Return the verdict on relu, compared with itself at other seeds."""
    X, y, *_ = sample(name, number)
    same = {"relu": "relu", "relu again": "relu"}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        comparison = compare_activations(net(), X, y, activations=same, paired_seeds=False, random_state=number)
    return comparison.verdicts_["relu again"]


def of_sample(name: str, number: int) -> dict[str, tuple[float, float, float]]:
    """Return, for each activation, both p-values on a sample, and the difference on the rows outside."""
    X, y, X_rest, y_rest = sample(name, number)
    found = {}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        comparison = compare_activations(net(), X, y, activations=["relu", *OTHERS], random_state=number)
        X_train, _, y_train, _ = train_test_split(X, y, train_size=0.8, stratify=y, random_state=number)
        losses = {}
        for activation in ("relu", *OTHERS):
            fitted = net().set_params(
                shallownetclassifier__activation=activation, shallownetclassifier__random_state=number
            )
            probabilities = fitted.fit(X_train, y_train).predict_proba(X_rest)
            losses[activation] = log_loss(y_rest, probabilities, labels=fitted.classes_)
    for activation in OTHERS:
        differences = comparison.scores_[activation] - comparison.scores_["relu"]
        corrected = MeanDifference.of(differences, comparison.test_ratio).p_value()
        found[activation] = corrected, float(ttest_1samp(differences, 0).pvalue), losses["relu"] - losses[activation]
    return found


def table_of_errors(smoke: bool) -> list[tuple[str, ...]]:
    """Return how often A against A ends in "better" or "worse"."""
    sets, runs = (("iris",), 2) if smoke else (SETS, 200)
    rows = [("data", "runs", "better or worse")]
    for name in sets:
        verdicts = Parallel(n_jobs=2)(delayed(a_against_a)(name, number) for number in range(runs))
        wrong = sum(verdict in ("better", "worse") for verdict in verdicts)
        rows.append((name, str(runs), f"{wrong} ({wrong / runs:.1%})"))
        print(rows[-1], flush=True)
    return rows


def table_of_power(smoke: bool) -> list[tuple[str, ...]]:
    """Return how often each difference is found, with the error that its size has."""
    sets, runs = (("iris",), 2) if smoke else (SETS, 100)
    rows = [("data", "activation", "true difference", "found, corrected", "found, uncorrected")]
    for name in sets:
        found = Parallel(n_jobs=2)(delayed(of_sample)(name, number) for number in range(runs))
        for activation in OTHERS:
            corrected, ordinary, true = np.array([one[activation] for one in found]).T
            error = true.std(ddof=1) / np.sqrt(runs)
            shares = [f"{np.mean(p < 0.05):.0%}" for p in (corrected, ordinary)]
            rows.append((name, activation, f"{true.mean():+.4f} +- {error:.4f}", *shares))
            print(rows[-1], flush=True)
    return rows


def draw(rows: Sequence[tuple[str, ...]]) -> None:
    """Draw the table of power: how often a difference is found, over its size."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
    sizes = [abs(float(row[2].split()[0])) for row in rows[1:]]
    for column, marker, color in ((4, "x", "tab:orange"), (3, "o", "tab:blue")):
        shares = [float(row[column].rstrip("%")) for row in rows[1:]]
        ax.scatter(sizes, shares, marker=marker, color=color, label=rows[0][column])
    ax.axhline(5, color="gray", linestyle=":", linewidth=1)
    ax.annotate("5 %: chance alone", (0, 5), (4, 2), textcoords="offset points", color="gray", va="bottom")
    ax.set(
        xlabel="true difference of log loss to relu, nats per sample",
        ylabel="found in so many samples of 400 rows, %",
        ylim=(-3, 103),
        title="How large a difference 5 x 4 splits find",
    )
    ax.legend(loc="lower right")
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the experiments, print the tables and return them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="a few samples of a small set, to see that it runs")
    parser.add_argument("--write", action="store_true", help="write the page and the figure")
    options = parser.parse_args(arguments)
    tables = {"A against A": table_of_errors(options.smoke), "Power": table_of_power(options.smoke)}
    for title, rows in tables.items():
        print(f"\n{title}\n\n{simple_table(rows)}", flush=True)
    if options.write:
        write(tables)
        draw(tables["Power"])
    return tables


if __name__ == "__main__":
    use_the_kernels_of_users()
    main()
