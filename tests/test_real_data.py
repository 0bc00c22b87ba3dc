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


@pytest.mark.slow
def test_grid_over_all_activations_on_digits():
    """The folds are shuffled: the rows are sorted by writer, and new writers are a harder problem."""
    search = GridSearchCV(
        make_pipeline(StandardScaler(), ShallowNetClassifier(random_state=0)),
        {"shallownetclassifier__activation": NAMES},
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
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


def test_example_prints_the_table_of_the_readme(tmp_path):
    """Seconds differ, and another BLAS may change the last digits. It says where the figure is."""
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "compare_estimators.py")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.splitlines()
    readme = (ROOT / "README.rst").read_text()
    row = re.compile(r"^ *(\S+(?: \S+)?)  +(reference|same|cannot tell|worse|better)  +(-0\.\d+)  ", re.M)
    shown = {label: (verdict, float(score)) for label, verdict, score in row.findall(readme)}
    printed = {label: (verdict, float(score)) for label, verdict, score in row.findall("\n".join(lines))}
    assert {label: verdict for label, (verdict, _) in printed.items()} == {
        label: verdict for label, (verdict, _) in shown.items()
    }
    for label, (_, score) in printed.items():
        assert score == pytest.approx(shown[label][1], abs=0.01)
    assert len({verdict for verdict, _ in shown.values()} - {"reference"}) >= 2
    assert f"    {lines[0]}\n" in readme
    assert lines[-2].startswith("569 rows, 30 features")
    path = tmp_path / "compare_estimators.png"
    assert lines[-1] in (f"Figure: {path}", "For a figure: pip install matplotlib")
    assert path.exists() == lines[-1].startswith("Figure")
