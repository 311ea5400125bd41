from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request) -> np.dtype:
    return np.dtype(request.param)


@pytest.fixture
def draw(dtype) -> Callable[..., np.ndarray]:
    """Draw a column-major tile of standard normal entries."""
    rng = np.random.default_rng(20260)

    def tile(*shape: int) -> np.ndarray:
        a = rng.standard_normal(shape)
        if dtype.kind == "c":
            a = a + 1j * rng.standard_normal(shape)
        return np.asfortranarray(a.astype(dtype))

    return tile


def _column(a):
    return np.asfortranarray(a)


def _row(a):
    return np.ascontiguousarray(a)


def _slice(a):
    """A column-major array inside a larger one: its leading dimension exceeds its rows."""
    around = np.full(tuple(n + 3 for n in a.shape), np.nan, dtype=a.dtype, order="F")
    inside = around[tuple(slice(1, n + 1) for n in a.shape)]
    inside[...] = a
    return inside


def _strided(a):
    around = np.full(tuple(2 * n for n in a.shape), np.nan, dtype=a.dtype)
    inside = around[tuple(slice(None, None, 2) for _ in a.shape)]
    inside[...] = a
    return inside


def _reversed(a):
    backwards = tuple(slice(None, None, -1) for _ in a.shape)
    return np.asfortranarray(a[backwards])[backwards]


def _unaligned(a):
    room = np.zeros(a.nbytes + 1, dtype=np.uint8)
    inside = room[1:].view(a.dtype).reshape(a.shape, order="F")
    inside[...] = a
    return inside


def _swapped(a):
    return a.astype(a.dtype.newbyteorder())


LAYOUTS = {
    "column": _column,
    "row": _row,
    "slice": _slice,
    "strided": _strided,
    "reversed": _reversed,
    "unaligned": _unaligned,
    "swapped": _swapped,
}


@pytest.fixture(params=LAYOUTS)
def layout(request) -> Callable[[np.ndarray], np.ndarray]:
    """Lay an array out in memory in some way, read-only, as a tile from the cache is."""

    def lay(a: np.ndarray) -> np.ndarray:
        laid = LAYOUTS[request.param](a)
        laid.flags.writeable = False
        return laid

    return lay
