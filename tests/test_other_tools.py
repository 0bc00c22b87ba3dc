"""Interoperability: skops, Dask and memory-mapped arrays. docs/other_tools.rst tests halving searches and Optuna."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skops.io as sio
from helpers import NAMES
from numpy.testing import assert_array_equal

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow.activations import as_activation

PAGE = (Path(__file__).parents[1] / "docs" / "other_tools.rst").read_text()


@pytest.mark.parametrize("activation", NAMES)
def test_skops_saves_every_activation_with_the_types_of_the_page(activation, iris):
    X, y = iris
    net = ShallowNetClassifier(5, activation, max_iter=3, random_state=0).fit(X, y)
    saved, name = sio.dumps(net), type(as_activation(activation)).__name__
    trusted = ["sk_shallow._classifier.ShallowNetClassifier", f"sk_shallow.activations.{name}"]
    assert sio.get_untrusted_types(data=saved) == trusted
    assert_array_equal(sio.loads(saved, trusted=trusted).predict_proba(X), net.predict_proba(X))
    assert trusted[0] in PAGE
    assert f"``{name}``" in PAGE or trusted[1] in PAGE


def test_skops_saves_what_goes_on(iris):
    X, y = iris
    net = ShallowNetClassifier(5, random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    saved = sio.dumps(net)
    types = sio.get_untrusted_types(data=saved)
    assert types[-1] == "sk_shallow.schedules.Clock"
    assert types[-1] in PAGE
    again = sio.loads(saved, trusted=types).partial_fit(X, y)
    assert_array_equal(again.coefs_[0], net.partial_fit(X, y).coefs_[0])


def test_skops_saves_regressors_with_the_types_of_the_page():
    net = ShallowNetRegressor(5, max_iter=3, random_state=0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 4.0])
    saved = sio.dumps(net)
    trusted = sio.get_untrusted_types(data=saved)
    assert trusted == [
        "sk_shallow._regressor.ShallowNetRegressor",
        "sk_shallow.activations.ReLU",
        "sk_shallow.losses.SquaredError",
    ]
    assert all(name in PAGE for name in trusted)
    assert_array_equal(sio.loads(saved, trusted=trusted).predict([[3.0]]), net.predict([[3.0]]))


SCRIPT = """
import joblib
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sk_shallow import ShallowNetClassifier, compare_activations

def scores():
    X, y = load_iris(return_X_y=True)
    net = ShallowNetClassifier(hidden_size=5, max_iter=5, random_state=0)
    search = GridSearchCV(net, {"activation": ["tanh", "relu"]}, cv=3).fit(X, y)
    comparison = compare_activations(net, X, y, activations=["tanh", "relu"], cv=3, random_state=0)
    return search.cv_results_["mean_test_score"].tolist(), comparison.scores_["tanh"].tolist()

if __name__ == "__main__":
    sequential = scores()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        with joblib.parallel_config("dask"):
            assert scores() == sequential
    print("the same")
"""


def test_dask_gives_the_same_scores(tmp_path):
    """Dask runs two worker processes."""
    script = tmp_path / "on_dask.py"
    script.write_text(SCRIPT)
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=180, cwd=tmp_path)
    assert shown.stdout.strip() == "the same", shown.stderr


def test_fit_takes_an_array_on_the_disk(tmp_path, iris):
    """The net is the same as with the array in memory."""
    np.save(tmp_path / "X.npy", iris[0])
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    one, other = (ShallowNetClassifier(5, random_state=0).fit(rows, iris[1]) for rows in (X, iris[0]))
    assert_array_equal(one.coefs_[0], other.coefs_[0])
