"""Memory needed to train on a memory-mapped array.

    python tests/benchmarks/memory.py            # prints the table, in a minute
    python tests/benchmarks/memory.py --write    # also writes it to docs/other_tools.rst

A float32 array of 100 standardized features is on the disk. `fit` gets the memory-mapped array. `partial_fit` gets each
chunk of 10,000 rows once, copied to memory. The table shows the peak memory that NumPy allocates (tracemalloc). Pages
of the file that the operating system caches do not count.
"""

import tempfile
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from speed import options_of, show, write

from sk_shallow import ShallowNetClassifier

PAGE = Path(__file__).parents[2] / "docs" / "other_tools.rst"
CHUNK = 10_000


def on_disk(folder: str, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return m rows on the disk, and their labels."""
    path = Path(folder) / f"{m}.npy"
    X = np.lib.format.open_memmap(path, "w+", np.float32, (m, 100))
    rng, y = np.random.default_rng(0), np.empty(m, dtype=np.int64)
    for start in range(0, m, CHUNK):
        rows = slice(start, start + CHUNK)
        X[rows] = rng.standard_normal((min(CHUNK, m - start), 100), dtype=np.float32)
        y[rows] = X[rows, :10].sum(axis=1) > 0
    X.flush()
    return np.load(path, mmap_mode="r"), y


def whole(X: np.ndarray, y: np.ndarray) -> None:
    ShallowNetClassifier(max_iter=2, alpha=1.0, random_state=0).fit(X, y)


def in_chunks(X: np.ndarray, y: np.ndarray) -> None:
    net = ShallowNetClassifier(alpha=1.0, random_state=0)
    for start in range(0, len(y), CHUNK):
        rows = slice(start, start + CHUNK)
        net.partial_fit(np.array(X[rows]), y[rows], classes=[0, 1])


def peak(work: Callable[[np.ndarray, np.ndarray], None], X: np.ndarray, y: np.ndarray) -> float:
    """Return the peak of the allocated memory, in MB."""
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work(X, y)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def table(smoke: bool) -> list[tuple[str, ...]]:
    """Return the peaks for arrays of several sizes."""
    rows = [("rows", "on the disk", "fit", "partial_fit in chunks")]
    with tempfile.TemporaryDirectory() as folder:
        for m in (2_000,) if smoke else (100_000, 1_000_000):
            X, y = on_disk(folder, m)
            rows.append(
                (f"{m:,}", f"{X.nbytes / 1e6:.0f} MB", *(f"{peak(work, X, y):.0f} MB" for work in (whole, in_chunks)))
            )
    return rows


def main(arguments: Sequence[str] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """Measure, print the table and return it."""
    options = options_of(__doc__, arguments)
    tables = {"Memory": table(options.smoke)}
    show(tables)
    if options.write:
        write(tables, PAGE)
    return tables


if __name__ == "__main__":
    main()
