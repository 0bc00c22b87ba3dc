"""Several fits at once: the limit on SciPy's BLAS threads, and that fits do not change each other's results."""

import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import threadpoolctl
from helpers import values_equal
from sklearn.model_selection import GridSearchCV

from sk_shallow import ShallowNetClassifier
from sk_shallow._compat import blas_libraries, set_blas_threads
from sk_shallow._fit import data
from sk_shallow._fit import minimize as minimization
from sk_shallow._fit.data import Data
from sk_shallow._fit.minimize import is_of_scipy, scipy_has_one_thread
from sk_shallow._fit.targets import targets_of
from sk_shallow._model.network import Network
from sk_shallow.activations import Tanh

parametrize = pytest.mark.parametrize


NUMPYS = [library for library in blas_libraries() if not is_of_scipy(library)]
SCIPYS = [library for library in blas_libraries() if is_of_scipy(library)]


def threads_of(libraries):
    return {library.num_threads for library in libraries}


@pytest.fixture
def four_threads():
    """Give every BLAS library of this process four threads, for any number of cores."""
    before = [(library, library.num_threads) for library in NUMPYS + SCIPYS]
    for library, _ in before:
        set_blas_threads(library, 4)
    yield
    came_back = threads_of(NUMPYS + SCIPYS)
    for library, n_threads in before:
        set_blas_threads(library, n_threads)
    assert came_back == {4}


@pytest.mark.usefixtures("four_threads")
def test_scipy_has_one_thread():
    with scipy_has_one_thread(), scipy_has_one_thread():
        assert threads_of(NUMPYS) == {4}
        assert threads_of(SCIPYS) <= {1}


@pytest.mark.usefixtures("four_threads")
def test_threads_come_back_after_an_error():
    with pytest.raises(KeyboardInterrupt), scipy_has_one_thread(), scipy_has_one_thread():
        raise KeyboardInterrupt


@pytest.mark.usefixtures("four_threads")
def test_threads_come_back_in_whatever_order_fits_end():
    """Also if each fit runs in its own thread."""
    first_may_end, second_may_end = Event(), Event()

    def fit(may_end):
        with scipy_has_one_thread():
            may_end.wait(30)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(fit, first_may_end), pool.submit(fit, second_may_end)
        first_may_end.set()
        first.result()
        second_may_end.set()
        second.result()


FORKS = """
import os, signal, sys, threading, warnings
from sk_shallow._compat import blas_libraries, set_blas_threads
from sk_shallow._fit import minimize
from sk_shallow._fit.minimize import scipy_has_one_thread

warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork in a process with threads
if sys.argv[1] == "fake":
    class Library:
        filepath, num_threads = "/x/scipy.libs/libscipy_openblas.so", 4

        def set_num_threads(self, n_threads):
            self.num_threads = n_threads

    libraries = [Library()]
    minimize.blas_libraries = lambda: libraries
else:
    libraries = blas_libraries()
    for library in libraries:
        set_blas_threads(library, 4)  # no effect on a library of a single thread


def threads():
    return [library.num_threads for library in libraries]


def fork():
    child = os.fork()
    if not child:
        signal.alarm(30)  # ends a child that waits for ever
        right = threads() == before and not scipy_has_one_thread.users
        with scipy_has_one_thread():
            right &= threads() == limited
        os._exit(0 if right and threads() == before else 1)
    assert os.waitpid(child, 0)[1] == 0


before = threads()
with scipy_has_one_thread():
    limited = threads()
    fork()
    with scipy_has_one_thread():
        fork()
    assert threads() == limited
assert threads() == before

# Forks while other threads set and remove the limit.
ended = threading.Event()


def fit():
    while not ended.is_set():
        with scipy_has_one_thread():
            pass


others = [threading.Thread(target=fit) for _ in range(2)]
for other in others:
    other.start()
for _ in range(30):
    fork()
ended.set()
for other in others:
    other.join()
assert threads() == before
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@parametrize("libraries", ["fake", "real"])
def test_a_forked_child_has_its_threads_back(libraries):
    """During one fit, two fits, or while other threads begin and end fits. The parent keeps its limit."""
    subprocess.run([sys.executable, "-c", FORKS, libraries], timeout=120, check=True)


@parametrize(
    ("path", "expected"),
    [
        ("/x/site-packages/scipy.libs/libscipy_openblas-6cdc3b4a.so", True),
        ("/x/site-packages/scipy/.dylibs/libscipy_openblas.dylib", True),
        ("/x/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so", False),
        ("/envs/scipy/lib/libopenblas.so", False),
    ],
)
def test_whose_library_it_is(path, expected):
    assert is_of_scipy(SimpleNamespace(filepath=path)) is expected


@pytest.mark.usefixtures("quiet", "four_threads")
@parametrize("solver", ["adam", "lbfgs"])
def test_only_lbfgs_limits_scipys_threads(solver, iris, monkeypatch):
    barrier, seen, original = Barrier(2, timeout=30), [], Network.loss_and_gradient

    def watch(self, *args, **kwargs):
        if len(seen) < 2:
            barrier.wait()  # wait until both fits run
            seen.append((threads_of(NUMPYS), threads_of(SCIPYS)))
            barrier.wait()
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Network, "loss_and_gradient", watch)
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(ShallowNetClassifier(5, solver=solver, max_iter=2, alpha=1.0).fit, *iris) for _ in range(2)]
        assert all(fit.result() for fit in fits)
    for numpys, scipys in seen:
        assert numpys == {4}
        assert scipys <= ({1} if solver == "lbfgs" else {4})


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
    """Components have no state of a fit, so two threads can share an activation."""
    activation = Tanh()

    def fit(seed):
        return ShallowNetClassifier(10, activation, max_iter=20, random_state=seed).fit(*iris).coefs_

    expected = [fit(seed) for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert all(map(values_equal, expected, pool.map(fit, range(2))))


def blas_threads(estimator, X, y):
    return max(library.num_threads for library in blas_libraries())


def test_processes_of_a_search_have_their_share(iris, quiet, monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)  # joblib would not change it
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


@pytest.mark.usefixtures("four_threads")
@parametrize("name", ["blas_libraries", "set_blas_threads"])
@parametrize("when", ["before", "after"])
@parametrize("n", range(1, 6))
def test_no_limit_survives_an_interrupt(name, when, n, monkeypatch):
    """The interrupt comes in any call, when the limit is set or removed."""
    original, calls = getattr(minimization, name), []

    def interrupted(*args):
        calls.append(None)
        if len(calls) == n and when == "before":
            raise KeyboardInterrupt
        result = original(*args)
        if len(calls) == n and when == "after":
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(minimization, name, interrupted)
    with contextlib.suppress(KeyboardInterrupt), scipy_has_one_thread():
        pass
    assert threads_of(NUMPYS + SCIPYS) == {4}
    assert not scipy_has_one_thread.users
    assert not scipy_has_one_thread.lock.locked()


def test_copies_of_rows_in_two_threads_do_not_wait_for_each_other(monkeypatch):
    """They have no lock in common, which a forked child could inherit locked."""
    copying, go_on, original = Event(), Event(), data.rows_in_c_order

    def waiting(matrix, rows):
        copying.set()
        assert go_on.wait(60)
        return original(matrix, rows)

    y = np.array([0, 1])
    one, other = (Data(np.eye(2), y, targets_of(y)).merged() for _ in range(2))
    monkeypatch.setattr(data, "rows_in_c_order", waiting)
    with ThreadPoolExecutor(2) as threads:
        threads.submit(lambda: one.X)
        assert copying.wait(60)
        monkeypatch.setattr(data, "rows_in_c_order", original)
        try:
            assert threads.submit(lambda: other.X).result(20).shape == (2, 2)
        finally:
            go_on.set()
