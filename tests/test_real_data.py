"""The main job on real data."""

import os
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
    """Shuffled folds: the rows come writer by writer, and writers not seen in training are a harder problem."""
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


def test_example_prints_a_table():
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "compare_activations.py")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0].startswith("1797 rows, 64 features, 10 classes")
    assert sorted(line.split()[0] for line in lines[3:]) == sorted(NAMES)
    assert max(float(line.split()[1]) for line in lines[3:]) > 0.97
