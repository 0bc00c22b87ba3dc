"""Several fits at once: the limits on BLAS threads, and that fits do not change each other's results."""

import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import threadpoolctl
from helpers import values_equal
from sklearn.model_selection import GridSearchCV

from sk_shallow import ShallowNetClassifier, _compat
from sk_shallow._compat import blas_libraries, set_blas_threads
from sk_shallow._fit import data
from sk_shallow._fit import threads as limits
from sk_shallow._fit.data import Data
from sk_shallow._fit.targets import targets_of
from sk_shallow._fit.threads import is_of_scipy, numpy_has_one_thread, scipy_has_one_thread
from sk_shallow._model.network import Network
from sk_shallow.activations import Tanh
from sk_shallow.solvers import SOLVERS

parametrize = pytest.mark.parametrize


NUMPYS = [library for library in blas_libraries() if not is_of_scipy(library.filepath)]
SCIPYS = [library for library in blas_libraries() if is_of_scipy(library.filepath)]
LIMITS = {"numpy": (numpy_has_one_thread, NUMPYS, SCIPYS), "scipy": (scipy_has_one_thread, SCIPYS, NUMPYS)}


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
@parametrize("name", LIMITS)
def test_one_thread(name):
    limit, limited, others = LIMITS[name]
    with limit(), limit():
        assert threads_of(limited) <= {1}
        assert threads_of(others) <= {4}


@pytest.mark.usefixtures("four_threads")
@parametrize("name", LIMITS)
def test_threads_come_back_after_an_error(name):
    limit = LIMITS[name][0]
    with pytest.raises(KeyboardInterrupt), limit(), limit():
        raise KeyboardInterrupt


@pytest.mark.usefixtures("four_threads")
@parametrize("name", LIMITS)
def test_threads_come_back_in_whatever_order_fits_end(name):
    """Also if each fit runs in its own thread."""
    first_may_end, second_may_end = Event(), Event()
    limit, limited, _ = LIMITS[name]

    def fit(may_end):
        with limit():
            may_end.wait(30)

    with ThreadPoolExecutor(2) as pool:
        with limit():
            first, second = pool.submit(fit, first_may_end), pool.submit(fit, second_may_end)
        first_may_end.set()
        first.result()
        assert threads_of(limited) <= {1}
        second_may_end.set()
        second.result()


@pytest.mark.usefixtures("four_threads")
@parametrize("name", LIMITS)
@parametrize("n_threads", [1, 2])
def test_a_limit_of_the_user_is_kept(name, n_threads):
    limit, limited, _ = LIMITS[name]
    with limit():
        pass  # an earlier fit
    with threadpoolctl.threadpool_limits(n_threads):
        with limit():
            assert threads_of(limited) <= {1}
        assert threads_of(limited) <= {n_threads}


@pytest.mark.usefixtures("four_threads")
@parametrize("name", LIMITS)
def test_a_number_that_is_set_during_a_fit_is_kept(name):
    """Another thread may begin or end a limit of its own meanwhile."""
    limit, limited, _ = LIMITS[name]
    with limit():
        for library in limited:
            set_blas_threads(library, 3)
    assert threads_of(limited) <= {3}
    for library in limited:
        set_blas_threads(library, 4)


@parametrize(("layer", "found"), [("pthreads", True), ("openmp", False)])
def test_threads_that_belong_to_each_thread_are_left_alone(layer, found, monkeypatch):
    library = SimpleNamespace(threading_layer=layer)
    chosen = SimpleNamespace(select=lambda internal_api: SimpleNamespace(lib_controllers=[library]))
    monkeypatch.setattr(_compat, "_get_threadpool_controller", lambda: chosen)
    assert blas_libraries.__wrapped__() == [library] * found


FORKS = """
import os, signal, sys, threading, warnings
from sk_shallow._compat import blas_libraries, set_blas_threads
from sk_shallow._fit import threads as limits

warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork in a process with threads
has_one_thread = getattr(limits, sys.argv[2] + "_has_one_thread")
if sys.argv[1] == "fake":
    class Library:
        filepath, num_threads = "/x/" + sys.argv[2] + ".libs/libscipy_openblas.so", 4

        def set_num_threads(self, n_threads):
            self.num_threads = n_threads

    libraries = [Library()]
    limits.blas_libraries = lambda: libraries
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
        right = threads() == before and not has_one_thread.users
        with has_one_thread():
            right &= threads() == limited
        os._exit(0 if right and threads() == before else 1)
    assert os.waitpid(child, 0)[1] == 0


before = threads()
with has_one_thread():
    limited = threads()
    fork()
    with has_one_thread():
        fork()
    assert threads() == limited
assert threads() == before

# Forks while other threads set and remove the limit.
ended = threading.Event()


def fit():
    while not ended.is_set():
        with has_one_thread():
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
@parametrize("name", LIMITS)
def test_a_forked_child_has_its_threads_back(libraries, name):
    """During one fit, two fits, or while other threads begin and end fits. The parent keeps its limit."""
    subprocess.run([sys.executable, "-c", FORKS, libraries, name], timeout=120, check=True)


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
    assert is_of_scipy(path) is expected


def watched_threads(monkeypatch):
    """Return a list of the numbers of threads, NumPy's and SciPy's, that each evaluation of the objective finds."""
    seen, original = [], Network.loss_and_gradient

    def watch(self, *args, **kwargs):
        seen.append((threads_of(NUMPYS), threads_of(SCIPYS)))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Network, "loss_and_gradient", watch)
    return seen


@pytest.mark.usefixtures("quiet", "four_threads")
@parametrize("bound", [0, 10**7])
@parametrize("alpha", [1.0, "auto"])
@parametrize("solver", SOLVERS)
def test_fits_limit_threads(solver, alpha, bound, iris, monkeypatch):
    """NumPy's where products are small, also in the choice of alpha; SciPy's during L-BFGS."""
    monkeypatch.setattr(limits, "SMALL_PRODUCT", bound)
    seen = watched_threads(monkeypatch)
    ShallowNetClassifier(5, solver=solver, max_iter=2, alpha=alpha).fit(*iris)
    for numpys, scipys in seen:
        assert numpys <= ({1} if bound else {4})
        assert scipys <= ({1, 4} if solver == "lbfgs" else {4})
    assert seen[-1][1] <= ({1} if solver == "lbfgs" else {4})


@pytest.mark.usefixtures("quiet", "four_threads")
@parametrize("bound", [0, 10**7])
def test_partial_fit_limits_threads(bound, iris, monkeypatch):
    monkeypatch.setattr(limits, "SMALL_PRODUCT", bound)
    seen = watched_threads(monkeypatch)
    ShallowNetClassifier(5).partial_fit(*iris, classes=[0, 1, 2])
    assert all(numpys <= ({1} if bound else {4}) for numpys, _ in seen)


@pytest.mark.usefixtures("quiet", "four_threads")
def test_a_small_fit_limits_a_large_one_beside_it(iris, monkeypatch):
    """The limit holds for the whole process. The large fit gets its threads back when the small one ends."""
    small_runs, small_may_end, seen = Event(), Event(), []
    original = Network.loss_and_gradient

    def watch(self, *args, **kwargs):
        if self.Y.shape[1] == 3:  # iris, the small one
            small_runs.set()
            assert small_may_end.wait(30)
        elif not seen:
            assert small_runs.wait(30)
            seen.append(threads_of(NUMPYS))
            small_may_end.set()
            small.result()
            seen.append(threads_of(NUMPYS))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(limits, "SMALL_PRODUCT", 10**4)
    monkeypatch.setattr(Network, "loss_and_gradient", watch)
    net = ShallowNetClassifier(20, max_iter=2, alpha=1.0)
    large = np.ones((200, 50))
    with ThreadPoolExecutor(2) as pool:
        small = pool.submit(ShallowNetClassifier(3, max_iter=2, alpha=1.0).fit, *iris)
        pool.submit(net.fit, large, np.arange(200) % 2).result()
    assert seen[0] <= {1}
    assert seen[1] <= {4}


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
@parametrize("limit", [numpy_has_one_thread, scipy_has_one_thread], ids=LIMITS)
@parametrize("name", ["blas_libraries", "set_blas_threads"])
@parametrize("when", ["before", "after"])
@parametrize("n", range(1, 6))
def test_no_limit_survives_an_interrupt(limit, name, when, n, monkeypatch):
    """The interrupt comes in any call, when the limit is set or removed."""
    original, calls = getattr(limits, name), []

    def interrupted(*args):
        calls.append(None)
        if len(calls) == n and when == "before":
            raise KeyboardInterrupt
        result = original(*args)
        if len(calls) == n and when == "after":
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(limits, name, interrupted)
    with contextlib.suppress(KeyboardInterrupt), limit():
        pass
    assert threads_of(NUMPYS + SCIPYS) == {4}
    assert not limit.users
    assert not limit.lock.locked()


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
