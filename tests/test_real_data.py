"""Searches, scores and the example on real data."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import NAMES
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SK_SHALLOW_DATA", ROOT.parent / "shared" / "data"))


def test_grid_over_all_activations_on_digits():
    """The folds are shuffled: the rows are sorted by writer, and new writers are a harder problem."""
    search = GridSearchCV(
        make_pipeline(StandardScaler(), ShallowNetClassifier(random_state=0)),
        {"shallownetclassifier__activation": NAMES},
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        error_score="raise",
    ).fit(*load_digits(return_X_y=True))
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores.min() > 0.94
    assert search.best_score_ > 0.97


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "fashion_mnist.npz").exists(), reason="fashion_mnist.npz is not there")
def test_fashion_mnist():
    data = np.load(DATA / "fashion_mnist.npz")
    X, y, train, test = (data["X"] / 255).astype(np.float32), data["y"], data["train_idx"], data["test_idx"]
    net = ShallowNetClassifier(random_state=0)
    assert net.fit(X[train], y[train]).score(X[test], y[test]) >= 0.885  # 0.891 +- 0.001 over seeds
    assert net.coefs_[0].dtype == np.float32


@pytest.mark.slow
def test_example_prints_the_table_of_the_readme(tmp_path):
    """Seconds differ, and another BLAS may change the last digits."""
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "compare_activations.py")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.splitlines()
    assert lines[0].split()[:3] == ["activation", "score", "difference"]
    assert sorted(line.split()[0] for line in lines[1:13]) == sorted(NAMES)
    readme = (ROOT / "README.rst").read_text()
    shown = {name: float(score) for name, score in re.findall(r"^ +(\w+) +(-0\.\d+) ", readme, re.M)}
    assert {line.split()[0]: float(line.split()[1]) for line in lines[1:13]} == pytest.approx(shown, abs=0.002)
    assert lines[-1 if (tmp_path / "compare_activations.png").exists() else -2].startswith("569 rows, 30 features")
