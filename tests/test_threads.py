"""Fits at the same time: their share of the BLAS threads, and that they leave each other's numbers alone."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import joblib
import numpy as np
import pytest
import threadpoolctl
from helpers import values_equal
from sklearn.model_selection import GridSearchCV

from sk_shallow import ShallowNetClassifier, _threads
from sk_shallow._compat import blas_libraries
from sk_shallow._network import Network
from sk_shallow._threads import shared_threads
from sk_shallow.activations import Tanh

parametrize = pytest.mark.parametrize


@pytest.fixture
def four_threads():
    """Let every BLAS library of this process have four threads, whatever the number of cores."""
    with threadpoolctl.threadpool_limits(4, user_api="blas"):
        if any(library.num_threads != 4 for library in blas_libraries()):
            pytest.skip("a BLAS library here has a fixed number of threads")
        yield


def threads_of_numpy():
    return {library.num_threads for library in blas_libraries() if not _threads._is_of_scipy(library.filepath)}


def threads_of_scipy():
    return {library.num_threads for library in blas_libraries() if _threads._is_of_scipy(library.filepath)}


@pytest.mark.usefixtures("four_threads")
def test_fits_at_the_same_time_divide_the_threads():
    for n_fits, share in [(1, 4), (2, 2), (3, 1), (6, 1)]:
        for _ in range(n_fits):
            _threads._change_number_of_fits(+1)
        assert threads_of_numpy() == {share}
        assert threads_of_scipy() <= {1}
        for _ in range(n_fits):
            _threads._change_number_of_fits(-1)
        assert threads_of_numpy() | threads_of_scipy() == {4}


@pytest.mark.usefixtures("four_threads")
def test_threads_come_back_after_an_error():
    with pytest.raises(KeyboardInterrupt), shared_threads():
        raise KeyboardInterrupt
    assert threads_of_numpy() == {4}


@pytest.mark.usefixtures("quiet")
def test_two_fits_in_two_threads_share_the_cores(iris, monkeypatch):
    """Also where the second of them is not the thread that has set the limits first."""
    barrier, seen, original = Barrier(2, timeout=30), [], Network.value_and_gradient

    def watch(self, *args, **kwargs):
        barrier.wait()  # until both are under way
        seen.append(threads_of_numpy())
        barrier.wait()
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Network, "value_and_gradient", watch)
    before = threads_of_numpy()
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(ShallowNetClassifier(5, max_iter=2).fit, *iris) for _ in range(2)]
        assert all(fit.result() for fit in fits)
    assert all(threads == {max(1, max(before) // 2)} for threads in seen)
    assert threads_of_numpy() == before


@parametrize("solver", ["adam", "sgd", "lbfgs"])
@parametrize("activation", ["relu", "maxout", "gelu"])
def test_fits_in_threads_equal_fits_one_after_the_other(solver, activation, digits, quiet):
    X, y = digits

    def fit(seed):
        return ShallowNetClassifier(20, activation, solver=solver, max_iter=5, random_state=seed).fit(X, y).coefs_

    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        expected = [fit(seed) for seed in range(4)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(fit, range(4)))
    assert all(values_equal(one, other) for one, other in zip(expected, found, strict=True))


def test_one_object_in_two_fits(iris, quiet):
    """Components hold no memory of a fit: one activation may serve two threads."""
    activation = Tanh()

    def fit(seed):
        return ShallowNetClassifier(10, activation, max_iter=20, random_state=seed).fit(*iris).coefs_

    expected = [fit(seed) for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert all(map(values_equal, expected, pool.map(fit, range(2))))


def blas_threads(estimator, X, y):
    return max(library.num_threads for library in blas_libraries())


def test_processes_of_a_search_have_their_share(iris, quiet, monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)  # which joblib would leave as it is
    net = ShallowNetClassifier(5, max_iter=2)
    search = GridSearchCV(net, {"activation": ["relu", "tanh"]}, cv=2, n_jobs=2, scoring=blas_threads)
    share = max(1, joblib.cpu_count() // 2)
    assert search.fit(*iris).cv_results_["mean_test_score"].max() <= share


@parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_n_jobs(dtype, digits, quiet):
    X, y = digits[0].astype(dtype), digits[1]
    net = ShallowNetClassifier(20, max_iter=5, random_state=0)
    grid = {"activation": ["relu", "tanh", "maxout"], "solver": ["adam", "lbfgs"]}
    scores = [
        GridSearchCV(net, grid, cv=2, n_jobs=n_jobs, scoring="neg_log_loss").fit(X, y).cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_allclose(*scores, rtol=1e-4 if dtype == np.float32 else 1e-9)
