"""BLAS threads: what keeps fits that run at the same time from fighting over the cores."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sk_shallow._compat import blas_libraries, set_blas_threads

_lock = threading.Lock()
_threads_before: dict[str, int] = {}  # of each library, before the first of the fits that are under way
_n_fits = 0


@contextmanager
def shared_threads() -> Iterator[None]:
    """Give a fit its share of the BLAS threads of this process, and give them back.

    The library that NumPy calls has its threads divided by the number of fits under way: two fits in two threads
    otherwise take 1.6 times as long as one after the other. A library of SciPy's own has one: its threads would wait
    for cores on which NumPy's still spin, and L-BFGS on (569, 30) take 17 times as long. Fits in several processes
    have their shares from joblib.
    """
    _change_number_of_fits(+1)
    try:
        yield
    finally:
        _change_number_of_fits(-1)


def _change_number_of_fits(change: int) -> None:
    global _n_fits
    with _lock:
        libraries = blas_libraries()
        if _n_fits == 0:
            _threads_before.update({library.filepath: library.num_threads for library in libraries})
        _n_fits += change
        for library in libraries:
            before = _threads_before.get(library.filepath, library.num_threads)
            share = 1 if _is_of_scipy(library.filepath) else max(1, before // max(1, _n_fits))
            set_blas_threads(library, share if _n_fits else before)


def _is_of_scipy(filepath: str) -> bool:
    folder = Path(filepath).parent  # of the wheels for Linux and Windows, or for macOS
    return folder.name == "scipy.libs" or folder.parent.name == "scipy"
