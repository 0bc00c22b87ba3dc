"""BLAS threads: what keeps fits, and NumPy and SciPy, from fighting over the cores.

A limit that another thread has set by threadpoolctl, and still holds, stays as it is.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sk_shallow._compat import blas_libraries, set_blas_threads


class Limit:
    """The number of threads that some of the BLAS libraries have while so many want it limited.

    `concerns(library)` says which libraries, `share(before, n_users)` how many threads, given those they had before.
    """

    def __init__(self, concerns: Callable[[Any], bool], share: Callable[[int, int], int]) -> None:
        self.concerns = concerns
        self.share = share
        self.forget()
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin without users."""
        self.n_users = 0
        self.before: dict[str, int] = {}
        self.lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Be one of the users."""
        self.change(+1)
        try:
            yield
        finally:
            self.change(-1)

    def change(self, n_users: int) -> None:
        """Let so many users come, or go if it is negative."""
        with self.lock:
            self.n_users += n_users
            for library in filter(self.concerns, blas_libraries()):
                before = self.before.setdefault(library.filepath, library.num_threads)
                share = self.share(before, self.n_users)
                if library.num_threads != share:
                    set_blas_threads(library, share)
            if not self.n_users:
                self.before.clear()


def is_of_scipy(library: Any) -> bool:
    """Say whether a library came with SciPy's wheel, and is not the one that NumPy calls."""
    folder = Path(library.filepath).parent  # on Linux and Windows, or on macOS
    return folder.name == "scipy.libs" or (folder.name, folder.parent.name) == (".dylibs", "scipy")


# Two fits in two threads otherwise take 1.6 times as long as one after the other. Processes have theirs from joblib.
fits_share_threads = Limit(lambda library: not is_of_scipy(library), lambda before, n: max(1, before // max(1, n)))

# Threads of SciPy's would wait for cores on which NumPy's still spin: L-BFGS on (569, 30) takes 17 times as long.
scipy_has_one_thread = Limit(is_of_scipy, lambda before, n: 1 if n else before)
