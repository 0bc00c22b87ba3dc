"""ShallowNetRegressor() and other regressors, all with default settings, on real data sets.

    python tests/benchmarks/regression.py            # prints the tables, in three minutes
    python tests/benchmarks/regression.py --write    # also writes them to regression.csv and docs/benchmarks.rst

All regressors are fitted to the same three folds of at most 6,000 rows, shuffled and always the same; below 200 rows,
to three times three folds. Features are standardized. MLPRegressor also gets standardized targets, and once the given
ones. The seed is the number of the fit. The regressors take turns on one BLAS thread. The root mean squared error of a
set comes from the mean R2 of its fits, each at least -1. The data sets are all files in the folder `regression` of
SK_SHALLOW_DATA (default: shared/data beside the checkout), and diabetes, which comes with scikit-learn.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from blas import use_the_kernels_of_users
from defaults import DATA, MAX_ROWS
from scipy.stats import gmean
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import RepeatedKFold
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample
from speed import options_of, show, write
from threadpoolctl import threadpool_limits

from sk_shallow import ShallowNetRegressor

CSV = Path(__file__).with_name("regression.csv")
FEW_ROWS, MIN_R2 = 200, -1.0
OURS, MLP = "sk_shallow", "MLP"

CONTENDERS: dict[str, Callable[[int], RegressorMixin]] = {
    OURS: lambda seed: ShallowNetRegressor(random_state=seed),
    MLP: lambda seed: TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler()),
    "MLP, targets as given": lambda seed: MLPRegressor(random_state=seed),
    "linear regression": lambda seed: LinearRegression(),
    "random forest": lambda seed: RandomForestRegressor(random_state=seed),
    "hist. boosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
}


@cache
def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return X and y, at most 6,000 rows."""
    if name == "diabetes":
        return load_diabetes(return_X_y=True)
    data = np.load(DATA / "regression" / f"{name}.npz")
    X, y = data["X"], data["y"]
    return resample(X, y, replace=False, n_samples=MAX_ROWS, random_state=0) if len(y) > MAX_ROWS else (X, y)


def available(smoke: bool) -> list[str]:
    """Return the names of the available data sets, smallest first."""
    names = ["diabetes", *(path.stem for path in (DATA / "regression").glob("*.npz"))]
    return ["diabetes"] if smoke else sorted(names, key=lambda name: (len(load(name)[1]), name))


def fits(name: str, at_most: int | None = None) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield X, y, X_test and y_test of each fit."""
    X, y = load(name)
    splitter = RepeatedKFold(n_splits=3, n_repeats=3 if len(y) < FEW_ROWS else 1, random_state=0)
    for train, test in list(splitter.split(X))[:at_most]:
        scaler = StandardScaler().fit(X[train])
        yield scaler.transform(X[train]), y[train], scaler.transform(X[test]), y[test]


def fitted(make: Callable[[int], RegressorMixin], seed: int, X, y, X_test, y_test) -> dict[str, float]:
    """Fit one regressor and return its scores."""
    regressor = make(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        regressor.fit(X, y)
        seconds = time.perf_counter() - start
    r2 = max(MIN_R2, regressor.score(X_test, y_test))
    return {"r2": r2, "seconds": seconds, "warned": float(bool(caught))}


def compared(contenders: dict[str, Callable[[int], RegressorMixin]], sets: list[str], at_most=None) -> pd.DataFrame:
    """Return a row for every contender and data set: mean scores over the fits, and the size of the set."""
    rows = []
    for name in sets:
        X, _ = load(name)
        size = {"set": name, "rows": X.shape[0], "features": X.shape[1]}
        for seed, data in enumerate(fits(name, at_most)):
            for contender, make in contenders.items():
                rows.append({**size, "contender": contender, **fitted(make, seed, *data)})
        print(".", end="", flush=True)
    frame = pd.DataFrame(rows).groupby([*size, "contender"], sort=False).mean().reset_index()
    return frame.assign(rmse=np.sqrt(1 - frame["r2"]))  # in standard deviations of the targets


def by_set(frame: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Return a figure of all contenders (columns) on the data sets (rows)."""
    table = frame.pivot(index="set", columns="contender", values=figure)
    return table.loc[frame["set"].unique(), list(frame["contender"].unique())]


def table_of_means(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return mean ranks, and ratios to MLPRegressor with standardized targets (geometric means)."""
    errors, seconds, warned = (by_set(frame, name) for name in ("rmse", "seconds", "warned"))
    ranks, best = errors.rank(axis=1).mean(), errors.rank(axis=1, method="min").eq(1).sum()
    header = ("regressor", "mean rank", "best on", "RMSE / MLP", "worst set", "sets worse by 3 %", "time / MLP")
    rows = [(*header, "fits that warn")]
    for name in errors:
        ratio, time_ratio = errors[name] / errors[MLP], gmean(seconds[name] / seconds[MLP])
        cells = (f"{ranks[name]:.2f}", str(best[name]), f"{gmean(ratio):.3f}", f"{ratio.max():.2f}")
        shares = (f"{(ratio > 1.03).sum()}", f"{time_ratio:.2f}", f"{100 * warned[name].mean():.0f} %")
        rows.append((name, *cells, *shares))
    return rows


def table_of_sets(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the error of all contenders on every data set, in standard deviations of the targets."""
    errors, sizes = by_set(frame, "rmse"), frame.groupby("set", sort=False)[["rows", "features"]].first()
    rows = [("set", "rows", "features", *errors)]
    for (name, row), (_, size) in zip(errors.iterrows(), sizes.iterrows(), strict=True):
        rows.append((name, *map(str, size), *(f"{value:.3f}" for value in row)))
    return rows


def tables_of(frame: pd.DataFrame) -> dict[str, list[tuple[str, ...]]]:
    return {"Regression, all sets": table_of_means(frame), "Regression, set by set": table_of_sets(frame)}


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Run the benchmark, print its tables and return them."""
    options = options_of(__doc__, arguments)
    frame = compared(CONTENDERS, available(options.smoke), 1 if options.smoke else None)
    show(tables_of(frame))
    if options.write:
        frame.to_csv(CSV, index=False, float_format="%.6g")
        write(tables_of(pd.read_csv(CSV)))  # so that page and file are rounded in the same way
    return tables_of(frame)


if __name__ == "__main__":
    use_the_kernels_of_users()
    with threadpool_limits(1):
        main()
