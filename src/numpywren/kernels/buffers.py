"""Memory for tiles, used again: what the system gives anew it first has to clear, page by page.

A tile lives for one task. Taking 32 MiB from the system and touching them costs between 5 and 90 ms, about as much as a
tenth of the arithmetic done on them, where memory that was a tile before costs nothing.
"""

from __future__ import annotations

import math
import mmap
import threading
import weakref
from typing import Any

import numpy as np

from numpywren.kernels.capsule import NDArray

__all__ = ["KEPT_BYTES", "fresh"]

#: Smallest tile, in bytes, for which this is worth while.
SMALLEST = 1 << 20
#: Most memory that is kept for tiles to come.
KEPT_BYTES = 96 << 20

# Reentrant: a tile may end, and give its memory back, at any allocation, that of a list under this lock included.
_lock = threading.RLock()
_kept: dict[int, list[mmap.mmap]] = {}


class _Block(np.ndarray[Any, Any]):
    """Memory of one tile; when the last array on it ends, so does this, and the memory is kept for another.

    NumPy lets an array hold on to what its base is a view of instead of the base, where both are plain arrays.
    """


def fresh(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray:
    """An array whose numbers are whatever the memory held.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    ndarray
        Column-major and writable.
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes < SMALLEST:
        return np.empty(shape, dtype, order="F")
    with _lock:
        same = _kept.get(nbytes)
        memory = same.pop() if same else None
    if memory is None:
        memory = mmap.mmap(-1, nbytes)
        memory.madvise(mmap.MADV_HUGEPAGE)
    block = _Block((nbytes,), np.uint8, buffer=memory)
    weakref.finalize(block, _keep, memory, nbytes).atexit = False
    return np.ndarray(shape, dtype, buffer=block, order="F")


def _keep(memory: mmap.mmap, nbytes: int) -> None:
    """Keep memory for the next tile of its size; older memory of other sizes goes first."""
    with _lock:
        if nbytes > KEPT_BYTES:
            return
        _kept.setdefault(nbytes, []).append(memory)
        while sum(size * len(same) for size, same in _kept.items()) > KEPT_BYTES:
            oldest = next(size for size, same in _kept.items() if same)
            _kept[oldest].pop()
            if not _kept[oldest]:
                del _kept[oldest]
        _kept[nbytes] = _kept.pop(nbytes, [])  # the size used last goes last
