"""Consecutive parts of rows or parameters: mini-batches, and blocks that stay in the cache."""

from collections.abc import Iterator

# Parameters in a block: several passes over 800,000 then take three quarters of the time.
BLOCK_SIZE = 2**15


def batches(size: int, length: int = BLOCK_SIZE) -> Iterator[slice]:
    """Yield the slices of `length` that make up `size`, the last one shorter where need be."""
    # sklearn.utils.gen_batches validates its arguments at every call, in 60 us: half a step of a small net.
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))
