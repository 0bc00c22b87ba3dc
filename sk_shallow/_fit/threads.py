"""Limits on the threads of BLAS libraries during a fit.

OpenBLAS splits a product over all cores and waits for the slowest. If another process or another pool of threads keeps
a core busy, a small product takes 10 to 100 times as long with two threads as with one.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path

from sk_shallow._compat import blas_libraries, set_blas_threads

# Multiplications of a matrix product. On two idle cores, a step with products of this size gains a fifth from a second
# thread. It gains a third from four times this size, as on images.
SMALL_PRODUCT = 10**7


def one_thread_if_small(largest_product: int) -> AbstractContextManager[None]:
    """Limit NumPy's BLAS to one thread if the largest product of a step has few multiplications."""
    return numpy_has_one_thread() if largest_product <= SMALL_PRODUCT else nullcontext()


class OneThread:
    """A reference-counted limit of one thread for the BLAS of SciPy or NumPy.

    Fits at the same time share it, and the last one ends it. The limit holds for the whole process. If another thread
    holds a limit of threadpoolctl, that one stays. If other code sets a number of threads during the fits, it is kept.
    A forked child runs none of these fits, so its limit is lifted.
    """

    def __init__(self, of_scipy: bool) -> None:
        self.of_scipy = of_scipy
        self.users: set[object] = set()
        self.before: dict[str, int] = {}
        self.lock = threading.Lock()
        if hasattr(os, "register_at_fork"):  # not on Windows
            # Hold the lock during a fork: otherwise the child could inherit a locked lock and wait forever.
            os.register_at_fork(
                before=self.lock.acquire, after_in_parent=self.lock.release, after_in_child=self._lift_in_child
            )

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Limit the libraries to one thread inside the block."""
        user = object()
        try:
            self._change(self.users.add, user)
            yield
        finally:
            try:
                self._change(self.users.discard, user)
            except BaseException:  # an interrupt: no limit may survive
                self._change(self.users.discard, user)
                raise

    def _change(self, change: Callable[[object], None], user: object) -> None:
        with self.lock:
            change(user)
            self._apply()

    def _apply(self) -> None:
        for library in blas_libraries():
            path = library.filepath
            if is_of_scipy(path) is self.of_scipy:
                n_threads = library.num_threads
                if self.users and n_threads > 1:
                    self.before[path] = n_threads
                    set_blas_threads(library, 1)
                elif not self.users and n_threads == 1 and path in self.before:
                    set_blas_threads(library, self.before[path])
        if not self.users:
            self.before.clear()

    def _lift_in_child(self) -> None:
        try:
            self.users.clear()
            if self.before:
                self._apply()
        finally:
            self.lock.release()


@cache
def is_of_scipy(path: str) -> bool:
    """Return whether a library came with SciPy's wheel, and is not the one that NumPy calls."""
    folder = Path(path).parent  # on Linux and Windows, or on macOS
    return folder.name == "scipy.libs" or (folder.name, folder.parent.name) == (".dylibs", "scipy")


# Without this limit, SciPy's threads wait for cores on which NumPy's still spin: L-BFGS takes 2 to 5 times as long.
scipy_has_one_thread = OneThread(of_scipy=True)
numpy_has_one_thread = OneThread(of_scipy=False)
