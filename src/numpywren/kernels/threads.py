"""BLAS on one thread, while kernels run side by side on threads of our own."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import threadpoolctl  # type: ignore[import-untyped]

__all__ = ["single_threaded_blas"]


class _Limit:
    """How many callers want BLAS on one thread, and what to restore after the last of them."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.holders = 0
        self.before: list[int] = []


_limit = _Limit()


@cache
def _libraries() -> tuple[threadpoolctl.LibController, ...]:
    """Find the BLAS libraries of this process; looking through all that it has loaded takes milliseconds."""
    importlib.import_module("scipy.linalg.cython_blas")  # SciPy brings a BLAS of its own beside NumPy's
    controller = threadpoolctl.ThreadpoolController().select(user_api="blas")
    return tuple(controller.lib_controllers)


def _set(library: threadpoolctl.LibController, count: int) -> None:
    # Newer threadpoolctl heeds only the first thread that sets a limit on OpenBLAS and ignores all others in silence.
    # The count of holders already keeps ours apart, so whichever thread comes takes over, and lets go at once.
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)
    library.set_num_threads(count)
    if clear is not None:
        clear()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep every BLAS of this process on one thread until the last holder leaves.

    The number of threads belongs to the process, so the limit holds for all of its threads, and holders are counted:
    the first one sets it, the last one restores what was before. Entering takes microseconds once the libraries have
    been found.

    Notes
    -----
    OpenBLAS with several threads of its own lets only one caller compute at a time; on one thread it lets all of them.
    Libraries that are loaded after the first use are not seen. A BLAS built on OpenMP has a limit for each caller:
    there, each thread that computes has to enter.
    """
    libraries = _libraries()
    with _limit.lock:
        if _limit.holders == 0:
            _limit.before = [library.get_num_threads() for library in libraries]
            for library in libraries:
                _set(library, 1)
        _limit.holders += 1
    try:
        yield
    finally:
        with _limit.lock:
            _limit.holders -= 1
            if _limit.holders == 0:
                for library, count in zip(libraries, _limit.before, strict=True):
                    _set(library, count)
