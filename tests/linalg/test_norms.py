import numpy as np
import pytest
from linalg.matrices import DTYPES, eps, random

import numpywren as nw


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ord", ["fro", 1, np.inf])
@pytest.mark.parametrize(("shape", "tile"), [((1, 1), 1), ((7, 5), 2), ((5, 9), 4), ((8, 8), 8), ((3, 20), (2, 7))])
def test_matrix_norm(shape, tile, ord, dtype):
    a = random(shape, dtype)
    found = nw.linalg.matrix_norm(nw.asarray(a, chunks=tile), ord=ord)
    wanted = np.linalg.norm(a, ord)
    assert found.dtype == wanted.dtype
    assert abs(found - wanted) <= 20 * eps(dtype) * wanted


@pytest.mark.parametrize("ord", [None, 1, 2, np.inf, -np.inf, 0, -1, -2, 3, 0.5])
def test_vector_norm(ord):
    v = random(17, np.complex128)
    assert np.isclose(nw.linalg.norm(nw.asarray(v, chunks=5), ord), np.linalg.norm(v, ord), rtol=1e-14)


def test_squares_neither_overflow_nor_vanish():
    for scale in (1e300, 1e-300):
        a = np.full((6, 6), scale)
        assert np.isclose(nw.linalg.norm(nw.asarray(a, chunks=4)), 6 * scale, rtol=1e-14)


@pytest.mark.parametrize("ord", ["fro", 1, np.inf])
def test_nan_and_empty(ord):
    a = np.ones((4, 4))
    a[1, 2] = np.nan
    assert np.isnan(nw.linalg.matrix_norm(nw.asarray(a, chunks=3), ord=ord))
    assert nw.linalg.matrix_norm(np.zeros((0, 3)), ord=ord) == 0
    assert nw.linalg.matrix_norm(np.zeros((3, 0)), ord=ord) == 0


def test_unknown_norm():
    with pytest.raises(ValueError, match="ord"):
        nw.linalg.matrix_norm(np.eye(2), ord=7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [-9, -7, -3, -1, 0, 1, 2, 4, 6, 10, 11])
@pytest.mark.parametrize(("shape", "tile"), [((10, 7), 3), ((7, 10), (2, 5)), ((9, 9), 4), ((1, 1), 1)])
def test_diagonal_and_trace(shape, tile, offset, dtype):
    a = random(shape, dtype)
    A = nw.asarray(a, chunks=tile)
    wanted = np.diagonal(a, offset) if -shape[0] <= offset <= shape[1] else np.zeros(0, dtype)
    assert np.array_equal(np.asarray(nw.linalg.diagonal(A, offset=offset)), wanted)
    total = nw.linalg.trace(A, offset=offset)
    assert np.isclose(total, wanted.sum(), rtol=20 * eps(dtype), atol=20 * eps(dtype))


@pytest.mark.parametrize("dtype", ["i4", "i8", "?", np.uint8])
def test_traces_are_not_summed_in_integers(dtype):
    with pytest.raises(TypeError, match=r"trace got dtype=.*leave dtype out"):
        nw.linalg.trace(np.eye(3), dtype=dtype)
    assert nw.linalg.trace(np.eye(3, dtype="f4"), dtype=">f8").dtype == np.float64
