"""Results of compare_activations: examples, false findings, power, and time.

    python tests/benchmarks/comparisons.py            # prints everything, in an hour on two cores
    python tests/benchmarks/comparisons.py --write    # also writes the tables and figures to docs/
    python tests/benchmarks/comparisons.py --quick    # only three comparisons and their time, in ten minutes

Each sample is 400 rows of a large data set. Activations are compared with relu on 5 x 4 splits. "Found" means a p-value
below 0.05 of a single comparison, by the corrected test and by the ordinary paired t-test. For the true difference,
nets are fitted to 320 rows of each sample, and their log losses on all rows outside the sample are averaged. "A against
A" is relu under two labels with different seeds: every difference found is an error. The last table compares the time
of a comparison with the time of the same number of fits of MLPClassifier() to the same training sets. Both run two fits
at a time.
"""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

import numpy as np
from blas import use_the_kernels_of_users
from defaults import BUNDLED, load
from joblib import Parallel, delayed
from scipy.stats import ttest_1samp
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from speed import options_of, show, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetClassifier, compare_activations
from sk_shallow.model_selection._statistics import MeanDifference

SETS = ("magic", "waveform", "electricity")
OTHERS = ("identity", "sigmoid", "tanh", "elu", "gelu", "maxout")
COMPARED = ("breast_cancer", "digits", "german_credit")
DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "comparing_activations.rst"


def sample(name: str, number: int) -> tuple[np.ndarray, ...]:
    """Return 400 rows of a data set and their labels, then the other rows and their labels."""
    X, y = load(name)
    size = 400 if name not in BUNDLED else 100
    X, X_rest, y, y_rest = train_test_split(X, y, train_size=size, stratify=y, random_state=number)
    return X, y, X_rest, y_rest


def net() -> object:
    return make_pipeline(StandardScaler(), ShallowNetClassifier())


def a_against_a(name: str, number: int) -> str:
    """Return the verdict on relu compared with itself, with different seeds."""
    X, y, *_ = sample(name, number)
    same = {"relu": "relu", "relu again": "relu"}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        comparison = compare_activations(net(), X, y, activations=same, paired_seeds=False, random_state=number)
    return comparison.verdicts_["relu again"]


def of_sample(name: str, number: int) -> dict[str, tuple[float, float, float]]:
    """Return both p-values on a sample and the difference on the other rows, for each activation."""
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


def comparisons(smoke: bool) -> dict[str, object]:
    """Return comparisons of all activations, by data set."""
    found = {}
    for name in ("iris",) if smoke else COMPARED:
        given = {"activations": ["relu", "tanh"], "cv": 2} if smoke else {}
        found[name] = compare_activations(net(), *load(name), rope=0.005, n_jobs=2, random_state=0, **given)
        print(f"\n{name}\n\n{found[name]}", flush=True)
    return found


def table_of_time(smoke: bool) -> list[tuple[str, ...]]:
    """Return the time of a comparison and of the same number of fits of MLPClassifier."""
    X, y = load("iris" if smoke else "digits")
    n_activations, rounds = (2, 1) if smoke else (12, 12)
    cv = RepeatedStratifiedKFold(n_splits=2 if smoke else 5, n_repeats=1 if smoke else 4, random_state=0)
    activations = ["relu", "tanh"] if smoke else None
    start = time.perf_counter()
    compare_activations(net(), X, y, activations=activations, cv=cv, n_jobs=2, random_state=0)
    ours, start = time.perf_counter() - start, time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for seed in range(rounds):
            mlp = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed))
            cross_validate(mlp, X, y, cv=cv, scoring="neg_log_loss", n_jobs=2)
    its = (time.perf_counter() - start) * n_activations / rounds
    header = ("fits", "seconds", "seconds, MLPClassifier", "ratio")
    return [header, (str(n_activations * cv.get_n_splits()), f"{ours:.0f}", f"{its:.0f}", f"{ours / its:.2f}")]


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
    """Return how often each difference is found, and the difference with its standard error."""
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
    """Draw how often a difference is found, by its size."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
    sizes = [abs(float(row[2].split()[0])) for row in rows[1:]]
    for column, marker, color in ((4, "x", "tab:orange"), (3, "o", "tab:blue")):
        shares = [float(row[column].rstrip("%")) for row in rows[1:]]
        ax.scatter(sizes, shares, marker=marker, color=color, label=rows[0][column])
    ax.axhline(5, color="gray", linestyle=":", linewidth=1)
    ax.annotate(
        "5 %: chance alone", (0.99, 5), xycoords=("axes fraction", "data"), color="gray", ha="right", va="bottom"
    )
    ax.set(
        xlabel="true difference of log loss to relu, nats per sample",
        ylabel="found in so many samples of 400 rows, %",
        ylim=(-3, 103),
        title="How large a difference 5 x 4 splits find",
    )
    ax.legend(loc="upper left")
    save(figure, "power")


def save(figure, name: str) -> None:
    """Save a figure in docs/images, and close it."""
    import matplotlib.pyplot as plt

    (DOCS / "images").mkdir(exist_ok=True)
    figure.savefig(DOCS / "images" / f"{name}.png", dpi=100)
    plt.close(figure)


def write_comparisons(found: dict[str, object]) -> None:
    """Write each comparison to the page, after the comment with the name of its data set, and save the forest plots."""
    page = PAGE.read_text()
    for name, comparison in found.items():
        before, rest = page.split(f".. {name}\n", 1)
        _, after = rest.split(".. end\n", 1)
        page = f"{before}.. {name}\n\n.. code-block:: text\n\n{indent(str(comparison), '    ')}\n\n.. end\n{after}"
        save(comparison.plot().figure_, name)
    PAGE.write_text(page)


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the benchmarks, print the tables and return them."""
    options = options_of(__doc__, arguments, quick="only run the three comparisons and their time")
    found = comparisons(options.smoke)
    tables = {"Time of a comparison": table_of_time(options.smoke)}
    if not options.quick:
        tables |= {"A against A": table_of_errors(options.smoke), "Power": table_of_power(options.smoke)}
    show(tables)
    if options.write:
        write_comparisons(found)
        write(tables, PAGE)
        if not options.quick:
            draw(tables["Power"])
    return tables


if __name__ == "__main__":
    use_the_kernels_of_users()
    main()
