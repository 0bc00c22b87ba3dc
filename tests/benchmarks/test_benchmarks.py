"""The benchmarks run, agree with the pages, and do equal work. No test fails because of a time."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import alpha
import blas
import cliffs
import comparisons
import defaults
import fingerprints
import numpy as np
import others
import pandas as pd
import pytest
import regression
import speed
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

from sk_shallow import ShallowNetClassifier
from sk_shallow._fit.set_up import SmallAlphaWarning

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tables():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "PAUSE", 0.0)
        patch.setattr(speed, "torch", None)
        timing = {"ours": speed.Timing(0.001, 0.5), "MLP": speed.Timing(0.002, 0.5)}
        patch.setattr(speed, "in_a_new_process", lambda *args, **variables: timing)  # it has a test of its own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SmallAlphaWarning)  # the penalty of the tables is small for 300 rows
            found = speed.main(["--smoke"])
        yield found


def test_threads_are_timed_in_a_new_process():
    with speed.busy_core():
        t = speed.in_a_new_process(speed.LARGE, 1, True, OPENBLAS_NUM_THREADS="1")
    assert set(t) == {"ours", "MLP"}
    assert all(timing.seconds > 0 and np.isfinite(timing.loss) for timing in t.values())


@pytest.mark.parametrize("script", [speed, defaults, others, cliffs, alpha, comparisons, regression])
def test_every_script_first_chooses_the_kernels_of_users(script):
    first = Path(script.__file__).read_text().split('\nif __name__ == "__main__":\n')[1].splitlines()[0]
    assert first.strip() == "use_the_kernels_of_users()"


def test_kernels_are_those_of_users():
    """The environment, which CI sets on some machines, must not change the kernels."""

    def kernels(**variables):
        environment = {name: value for name, value in os.environ.items() if name not in blas.OVERRIDES} | variables
        command = [sys.executable, others.__file__, "--help"]
        result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return set(re.findall(r"^\w+ [\d.]+: (\w+), \d+ threads", result.stdout, re.M))

    assert kernels()
    assert kernels(OPENBLAS_CORETYPE="Prescott", OPENBLAS_L2_SIZE="262144") == kernels()


@pytest.mark.parametrize("title", speed.TABLES)
def test_runs(tables, title):
    header, *rows = tables[title]
    assert all(len(row) == len(header) for row in rows)
    for row in rows:
        figures = [float(cell) for cell in " ".join(row[2:]).split() if cell.replace(".", "").isdigit()]
        assert figures
        assert np.isfinite(figures).all()


@pytest.mark.parametrize("title", speed.TABLES)
def test_page_has_the_same_rows(tables, title):
    page = speed.PAGE.read_text().split(f".. {title}\n")[1].split(".. end\n")[0]
    shown = [line.split("  ")[0] for line in page.splitlines() if line.strip() and not line.startswith("=")]
    assert shown == [row[0] for row in tables[title]]


def test_page_does_not_show_the_smoke_test():
    large = [line.split() for line in speed.PAGE.read_text().splitlines() if line.startswith(speed.LARGE)]
    assert max(float(line[5]) for line in large if line[5].replace(".", "").isdigit()) > 10  # ms of the floor


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_contenders_do_equal_work(solver, quiet):
    """With the same batches, rates and penalty, ours and MLPClassifier reach about the same loss."""
    p = speed.problem(speed.SMALL, np.float64, smoke=False)._replace(epochs=20)
    losses = [contender(p, solver)()() for contender in (speed.ours, speed.mlp)]
    assert losses[0] == pytest.approx(losses[1], rel=0.15)


def test_writing_replaces_the_tables_alone(tables, tmp_path, monkeypatch):
    before = speed.PAGE.read_text()
    monkeypatch.setattr(speed, "PAGE", tmp_path / "page.rst")
    speed.PAGE.write_text(before)
    speed.write(tables)
    once = speed.PAGE.read_text()
    speed.write(tables)
    assert speed.PAGE.read_text() == once
    assert once.splitlines()[:5] == before.splitlines()[:5]
    for rows in tables.values():
        assert speed.simple_table(rows) in once


def test_every_table_names_its_first_column():
    """docutils takes a header that begins with an empty cell for a continued line, and drops the names."""
    with pytest.raises(ValueError, match="The first column needs a name"):
        speed.simple_table([("", "fit time"), ("relu", "1.0")])


@pytest.mark.parametrize("option", ["--smoke", "--alternatives"])
def test_defaults_run(option, monkeypatch, tmp_path):
    monkeypatch.setattr(defaults, "DATA", tmp_path)  # only scikit-learn's data sets
    check(defaults.main(["--smoke", option]), may_be_empty="Defaults, images")


def on_the_page(title, path=None):
    """Return the lines of a table, header first."""
    block = (path or speed.PAGE).read_text().split(f".. {title}\n")[1].split(".. end\n")[0]
    return [line for line in block.splitlines() if line.strip() and not line.startswith(("=", ".."))]


def check(tables, may_be_empty=""):
    """Check that tables have rows, as long as their headers and without nan, and the headers of the page."""
    for title, (header, *rows) in tables.items():
        assert on_the_page(title)[0].split() == " ".join(header).split()
        assert rows or title == may_be_empty
        assert all(len(row) == len(header) for row in rows)
        assert "nan" not in str(rows)


def test_cliffs_run(monkeypatch):
    small = {"alpha": (1.0,), "solver": ("gd",), "learning_rate": ("cosine",)}
    monkeypatch.setattr(cliffs, "SETTINGS", small)
    monkeypatch.setattr(cliffs, "SETS", ("iris",))
    check(cliffs.main(["--smoke"]))


def test_page_shows_every_setting():
    settings = [f"{name}={value!r}" for name, values in cliffs.SETTINGS.items() for value in values]
    assert [line.split("  ")[0] for line in on_the_page("One parameter set")[1:]] == settings


def test_a_setting_is_too_slow_by_both_ratios():
    """Neither ratio alone is enough. On a single set, the bounds are twice those on the mean."""

    def names(*pairs):
        frame = pd.DataFrame(pairs, columns=["time", "time_to_defaults"], index=["a", "b"])
        return cliffs.too_slow(frame.rename_axis("set").reset_index())

    assert names((1.1, 1.6), (1.1, 1.6)) == ["the mean"]
    assert names((0.9, 9.0), (0.9, 9.0)) == []
    assert names((9.0, 1.4), (9.0, 1.4)) == []
    assert names((2.1, 3.1), (0.1, 0.1)) == ["a"]
    assert names((1.9, 9.0), (0.1, 0.1)) == []
    assert names((9.0, 2.9), (0.1, 0.1)) == []


def test_the_smaller_time_of_two_counts(monkeypatch):
    seconds = iter([0.5, 2.0, 0.3])  # a, b, a again
    monkeypatch.setattr(cliffs, "fitted", lambda make, seed, *data: {"seconds": next(seconds)})
    figures = cliffs.in_turn({"a": MLPClassifier(), "b": MLPClassifier()}, ())
    assert figures == {"a": {"seconds": 0.3}, "b": {"seconds": 2.0}}


def test_others_run(quiet):
    check(others.main(["--smoke"]), may_be_empty="Others, where trees win")


def test_others_have_only_a_seed():
    for name, make in others.CONTENDERS.items():
        classifier = make(3).forest if "forest" in dir(make(3)) else make(3)
        assert repr(classifier) == f"{type(classifier).__name__}(random_state=3)", name


def test_a_forest_counts_the_class_frequencies_as_one_more_tree():
    X, y = np.arange(8.0).reshape(-1, 1), np.array(list("aaaaaabb"))
    smoothed = others.Smoothed(RandomForestClassifier(4, random_state=0))
    smoothed.fit(X, y)
    expected = (4 * smoothed.forest.predict_proba(X) + [0.75, 0.25]) / 5
    np.testing.assert_allclose(smoothed.predict_proba(X), expected)
    assert list(smoothed.classes_) == ["a", "b"]


def test_ranks_and_wins_of_others():
    n = len(others.CONTENDERS)
    rows = [("s", name, k, 1 - k / 10, k, 2.0 ** (n - k)) for k, name in enumerate(others.CONTENDERS, start=1)]
    rows += [("t", name, n + 1 - k, k / 10, k, 2.0 ** (n - k)) for _, name, k, *_ in rows]
    frame = pd.DataFrame(rows, columns=["set", "contender", "log_loss", "accuracy", "brier", "seconds"])
    assert others.table_of_ranks(frame)[1][1:] == ("3.50",) * n
    assert others.table_of_ranks(frame)[2][1:] == tuple(f"{k:.2f}" for k in range(1, n + 1))
    _, ours, *_, last = others.table_of_wins(frame)
    assert ours == ("sk_shallow", "1", "2", "1", "1.00", "1.00", f"{n:.2f}")
    assert last[1:6] == ("1", "0", "1", "1.00", f"{2.0 ** (1 - n):.2f}")
    lost = others.table_of_trees(frame)[1:]
    assert [row[:5] for row in lost] == [("t", "hist. boosting", "1.000", f"{n:.3f}", f"{n:.2f}")]


def test_pages_show_what_the_csv_of_others_holds():
    tables = others.tables_of(pd.read_csv(others.CSV))
    for title, rows in tables.items():
        assert f".. {title}\n\n{speed.simple_table(rows)}\n" in speed.PAGE.read_text()
    title = "Others, mean ranks"
    assert f".. {title}\n\n{speed.simple_table(tables[title])}\n" in others.README.read_text()


def test_others_use_the_data_sets_of_the_defaults():
    assert list(pd.read_csv(others.CSV)["set"].unique()) == list(pd.read_csv(defaults.CSV)["set"].unique())


def test_regression_runs(quiet):
    check(regression.main(["--smoke"]))


def test_the_page_shows_what_the_csv_of_regression_holds():
    for title, rows in regression.tables_of(pd.read_csv(regression.CSV)).items():
        assert f".. {title}\n\n{speed.simple_table(rows)}\n" in speed.PAGE.read_text()


def test_regressors_have_only_a_seed():
    """Two have no seed: linear regression, and the wrapper that standardizes the targets of MLPRegressor."""
    for name, make in regression.CONTENDERS.items():
        regressor = getattr(make(3), "regressor", make(3))
        seed = "" if name == "linear regression" else "random_state=3"
        assert repr(regressor) == f"{type(regressor).__name__}({seed})", name


def test_folds_of_regression_share_no_row():
    fits = list(regression.fits("diabetes"))
    assert len(fits) == 3
    for X, y, X_test, y_test in fits:
        assert len(y) + len(y_test) == 442
        np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
        assert not {tuple(row) for row in X} & {tuple(row) for row in X_test}


def test_figures_of_regression():
    """Ranks, wins and ratios. The errors are 1, 2, 4, ... on one set, and 4, 8, 16, 32, 1, 2 on the other."""
    names = list(regression.CONTENDERS)
    rows = [("s", 9, 2, name, 1 - 4.0**k, 2.0**k, 0.5) for k, name in enumerate(names)]
    rows += [("t", 9, 2, name, 1 - 4.0 ** ((k + 2) % 6), 2.0**k, 0.0) for k, name in enumerate(names)]
    frame = pd.DataFrame(rows, columns=["set", "rows", "features", "contender", "r2", "seconds", "warned"])
    frame = frame.assign(rmse=np.sqrt(1 - frame["r2"]))
    _, ours, *_, last = regression.table_of_means(frame)
    assert ours == ("sk_shallow", "2.00", "1", "0.500", "0.50", "0", "0.50", "25 %")
    assert last == ("hist. boosting", "4.00", "0", "2.000", "16.00", "1", "16.00", "25 %")
    assert regression.table_of_sets(frame)[2][:5] == ("t", "9", "2", "4.000", "8.000")


def test_one_bad_fold_counts_as_an_r2_of_minus_one():
    class Zero(regression.LinearRegression):
        def predict(self, X):
            return np.full(len(X), -1e9)

    X = np.arange(4.0).reshape(-1, 1)
    assert regression.fitted(lambda seed: Zero(), 0, X, X[:, 0], X, X[:, 0])["r2"] == -1


def test_alpha_runs(monkeypatch):
    monkeypatch.setattr(speed, "PAUSE", 0.0)
    tables = alpha.main(["--smoke"])
    check(tables)
    shown = [line.split("  ")[0] for line in on_the_page("Alpha, difficult situations")]
    assert shown == [row[0] for row in tables["Alpha, difficult situations"]]


def test_situations_are_those_described():
    first = next(alpha.oversampled(True))
    assert np.bincount(first.y).tolist() == [np.count_nonzero(first.y == 0)] * 2
    assert len(np.unique(first.X, axis=0)) < len(first.X)
    for run in alpha.grouped(True):
        assert len(run.groups) == len(run.y) == 15 * 20
    assert np.bincount(next(alpha.rare_class(True)).y)[1] < 50


def test_comparisons_run(monkeypatch, tmp_path, quiet):
    pytest.importorskip("matplotlib").use("agg")
    before = comparisons.PAGE.read_text()
    monkeypatch.setattr(comparisons, "DOCS", tmp_path)
    monkeypatch.setattr(comparisons, "PAGE", tmp_path / "page.rst")
    comparisons.PAGE.write_text(before.replace(".. breast_cancer\n", ".. iris\n"))
    tables = comparisons.main(["--smoke", "--write"])
    page = comparisons.PAGE.read_text()
    assert speed.simple_table(tables["Power"]) in page
    assert "mean of 2 splits" in page
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"iris.png", "power.png"}


def test_pages_show_no_smoke_test():
    page = comparisons.PAGE.read_text()
    assert "iris" not in page
    assert page.count("mean of 20 splits") == len(comparisons.COMPARED)


def test_defaults_are_compared_with_defaults():
    """Both classifiers get only the seed, and are scored on rows that they were not trained on."""
    assert repr(defaults.ours()(3)) == repr(ShallowNetClassifier(random_state=3))
    assert repr(defaults.its()(3)) == repr(MLPClassifier(random_state=3))
    for X, y, X_test, y_test in defaults.folds("wine", 3):
        assert len(y) + len(y_test) == 178
        assert not {tuple(row) for row in X} & {tuple(row) for row in X_test}


def test_figures_of_a_fit():
    class Half:
        classes_ = np.array(["a", "b"])

        def fit(self, X, y):
            return self

        def predict_proba(self, X):
            return np.array([[0.75, 0.25]] * len(X), dtype=np.float32)

    y = np.array(["a", "a", "a", "b"])
    figures = defaults.fitted(lambda seed: Half(), 0, None, y, y, y)
    assert figures["accuracy"] == 0.75
    assert figures["log_loss"] == pytest.approx(-(3 * np.log(0.75) + np.log(0.25)) / 4)
    assert figures["brier"] == pytest.approx((3 * 2 * 0.25**2 + 2 * 0.75**2) / 4)
    assert figures["warned"] == 0


def test_ratios_are_geometric_means():
    rows = [("a", "MLP", 1.0, 0.5), ("a", "x", 4.0, 0.6), ("b", "MLP", 2.0, 0.5), ("b", "x", 2.0, 0.4)]
    frame = pd.DataFrame(rows, columns=["set", "contender", "log_loss", "accuracy"])
    a = defaults.against_mlp(frame.assign(brier=1.0, seconds=1.0, warned=0.25), "x")
    assert (a["log_loss"], a["points"], a["worst"], a["warned"]) == pytest.approx((2, 0, -10, 0.25))


def test_the_page_shows_what_the_csv_holds():
    page = speed.PAGE.read_text()
    for title, rows in defaults.tables_of(pd.read_csv(defaults.CSV)).items():
        assert f".. {title}\n\n{speed.simple_table(rows)}\n" in page


def test_fingerprints_are_repeatable(capsys):
    names = [name for name, *_ in fingerprints.settings()]
    assert len(set(names)) == len(names) > 400
    runs = []
    for _ in range(2):
        fingerprints.inspected()
        runs.append(capsys.readouterr().out)
    assert runs[0] == runs[1]
    assert fingerprints.digest(np.zeros(2)) != fingerprints.digest(np.zeros(2, dtype=np.float32))
