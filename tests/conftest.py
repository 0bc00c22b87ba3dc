"""Fixtures: small problems that many tests share."""

import numpy as np
import pytest
import threadpoolctl
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.preprocessing import scale


def pytest_addoption(parser):
    parser.addoption("--few", action="store_true", help="run the first and the last parameter set of each test only")


def pytest_collection_modifyitems(config, items):
    """With --few, keep the first and the last parameter set of each test, but all estimator checks."""
    if not config.getoption("few"):
        return
    sets = {}
    for item in items:
        sets.setdefault(item.nodeid.partition("[")[0], []).append(item)
    chosen = set()
    for test, variants in sets.items():
        chosen.update(variants if "scikit_learn_checks" in test else (variants[0], variants[-1]))
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def pytest_configure():
    # Several test processes with several BLAS threads each are six times slower.
    threadpoolctl.threadpool_limits(1, user_api="blas")


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="session")
def problems(iris):
    """Return a dict from names to (X, y): one problem of each kind, with 150 scaled rows."""
    X, y = iris
    Xm, ym = make_multilabel_classification(150, n_features=6, n_classes=3, random_state=0)
    return {
        "binary": (X, np.where(y == 1, "versicolor", "other")),
        "multiclass": (X, y),
        "multilabel": (scale(Xm.astype(float)), ym),
    }


@pytest.fixture
def quiet():
    """Ignore convergence warnings in tests of something else."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")
