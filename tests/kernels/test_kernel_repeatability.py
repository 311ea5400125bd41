"""A kernel gives the same bits for the same input, wherever in memory the input lies."""

from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.diagonal import trace
from numpywren.kernels.elementwise import multiply, scale
from numpywren.kernels.gemm import gemm
from numpywren.kernels.lange import column_sums, row_sums, sum_of_squares
from numpywren.kernels.potrf import potrf
from numpywren.kernels.syrk import syrk
from numpywren.kernels.threads import single_threaded_blas
from numpywren.kernels.trsm import trsm


def placed(a, offset):
    """Copy column-major, at this many elements past a 64-byte boundary."""
    room = np.empty(a.nbytes + 128 + offset * a.itemsize, dtype=np.uint8)
    start = -room.ctypes.data % 64 + offset * a.itemsize
    copy = room[start : start + a.nbytes].view(a.dtype).reshape(a.shape, order="F")
    copy[...] = a
    assert (copy.ctypes.data - offset * a.itemsize) % 64 == 0
    return copy


def accumulated(kernel):
    def run(place, acc, *args, **options):
        acc = place(acc)
        kernel.accumulate(acc, -1, *map(place, args), **options)
        return acc

    return run


def called(kernel):
    return lambda place, *args, **options: kernel(*map(place, args), **options)


def cases(draw, n, k):
    a, b, c, square = draw(n, k), draw(k, n), draw(n, n), draw(n, n)
    definite = np.asfortranarray(square @ square.conj().T + n * np.eye(n, dtype=a.dtype))
    triangle = np.asfortranarray((square / n + 2 * np.eye(n)).astype(a.dtype))
    yield called(gemm), (a, b), {}
    yield called(gemm), (a, draw(k)), {}
    yield accumulated(gemm), (c, a, b), {}
    yield accumulated(gemm), (c, b, a), {"transa": "C", "transb": "C"}
    yield accumulated(gemm), (c, a, a), {"transb": "C"}
    yield accumulated(gemm), (draw(n), a, draw(k)), {}
    yield called(syrk), (a,), {}
    yield called(syrk), (b,), {"trans": "C"}
    yield accumulated(syrk), (c, a), {}
    for trans in "NC":
        yield called(trsm), (b, triangle), {"side": "R", "trans": trans}
        yield called(trsm), (a, triangle), {"side": "L", "trans": trans}
        yield called(trsm), (draw(n), triangle), {"trans": trans}
    yield called(potrf), (definite,), {}
    yield called(multiply), (c, square), {}
    yield called(scale), (a,), {"factor": 0.3 - 0.7j if a.dtype.kind == "c" else 0.3}
    yield called(sum_of_squares), (a,), {}
    yield called(column_sums), (a,), {}
    yield called(row_sums), (a,), {}
    yield called(trace), (c,), {}


@pytest.mark.parametrize(("n", "k"), [(1, 1), (7, 3), (16, 16), (65, 130), (200, 33), (257, 300), (3, 1000), (400, 1)])
def test_same_bits_at_every_alignment(draw, n, k):
    with single_threaded_blas():
        for run, args, options in cases(draw, n, k):
            want = run(lambda x: placed(x, 0), *args, **options)
            for offset in (1, 2, 3, 5, 7):
                got = run(lambda x, offset=offset: placed(x, offset), *args, **options)
                assert got.tobytes("F") == want.tobytes("F"), (args[0].shape, options, offset)


def test_same_bits_when_arguments_lie_differently_from_each_other(draw):
    rng = np.random.default_rng(0)
    with single_threaded_blas():
        for run, args, options in cases(draw, 130, 70):
            want = run(lambda x: placed(x, 0), *args, **options)
            for _ in range(5):
                got = run(lambda x: placed(x, int(rng.integers(8))), *args, **options)
                assert got.tobytes("F") == want.tobytes("F")
