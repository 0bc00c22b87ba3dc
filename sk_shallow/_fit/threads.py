"""BLAS threads: what keeps NumPy and SciPy from fighting over the cores."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sk_shallow._compat import blas_libraries, set_blas_threads


class OneThread:
    """A reference-counted limit of one thread for SciPy's BLAS: fits at the same time share it, and the last lifts it.

    A limit that another thread has set by threadpoolctl, and still holds, stays as it is.
    """

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin without users."""
        self.users: set[object] = set()
        self.before: dict[str, int] = {}
        self.lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Be one of the users."""
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
            for library in filter(is_of_scipy, blas_libraries()):
                before = self.before.setdefault(library.filepath, library.num_threads)
                set_blas_threads(library, 1 if self.users else before)
            if not self.users:
                self.before.clear()


def is_of_scipy(library: Any) -> bool:
    """Say whether a library came with SciPy's wheel, and is not the one that NumPy calls."""
    folder = Path(library.filepath).parent  # on Linux and Windows, or on macOS
    return folder.name == "scipy.libs" or (folder.name, folder.parent.name) == (".dylibs", "scipy")


# SciPy's threads would wait for cores on which NumPy's still spin: without it, L-BFGS takes 2 to 5 times as long.
scipy_has_one_thread = OneThread()
