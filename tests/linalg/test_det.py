import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, GRIDS, eps, exchanged_blocks, family, in_turn, random

import numpywren as nw
from numpywren.job import execute


@pytest.mark.parametrize(("n", "tile", "dtype"), in_turn(GRIDS))
def test_determinant(n, tile, dtype):
    a = random((n, n), dtype)
    A = nw.asarray(a, chunks=tile)
    bound = 20 * n * np.linalg.cond(a) * eps(dtype)
    wanted = np.linalg.det(a.astype(np.result_type(dtype, np.float64)))
    det = nw.linalg.det(A)
    assert det.dtype == dtype
    assert abs(det - wanted) <= bound * abs(wanted)
    result = nw.linalg.slogdet(A)
    assert result._fields == ("sign", "logabsdet")
    assert result.sign.dtype == dtype
    assert result.logabsdet.dtype == a.real.dtype
    sign, logabsdet = np.linalg.slogdet(a.astype(np.result_type(dtype, np.float64)))
    assert abs(result.sign - sign) <= bound
    assert abs(result.logabsdet - logabsdet) <= bound + eps(dtype) * abs(logabsdet)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(0, 14),
    tile=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    fan=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_sign_of_permutations(n, tile, fan, seed):
    order = np.random.default_rng(seed).permutation(n)
    a = np.eye(n)[order] * 2
    request = nw.linalg.det.request(nw.asarray(a, chunks=tile))
    found = execute(replace(request, sizes={**request.sizes, "fan": fan}))
    assert found == round(np.linalg.det(np.eye(n)[order])) * 2.0**n


@pytest.mark.parametrize("tile", [1, 4, 5])
def test_exchanged_blocks(tile):
    a = exchanged_blocks(10, np.float64)
    assert nw.linalg.det(nw.asarray(a, chunks=tile)) == -1
    assert nw.linalg.slogdet(nw.asarray(a, chunks=tile)) == (-1, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_neither_overflows_nor_vanishes(dtype):
    n = 40
    a = random((n, n), dtype)
    for scale in (np.sqrt(np.finfo(dtype).max) / 100, np.sqrt(np.finfo(dtype).tiny) * 100):
        scale = a.real.dtype.type(2.0 ** np.round(np.log2(float(scale))))
        sign, logabsdet = nw.linalg.slogdet(nw.asarray(a * scale, chunks=9))
        wanted = nw.linalg.slogdet(nw.asarray(a, chunks=9))
        assert abs(sign - wanted.sign) <= 1e3 * eps(dtype)
        assert np.isclose(logabsdet, wanted.logabsdet + n * np.log(float(scale)), rtol=10 * eps(dtype))
        overflow = scale > 1
        told = pytest.warns(RuntimeWarning, match="overflow.*slogdet") if overflow else contextlib.nullcontext()
        with told as warned:
            det = nw.linalg.det(nw.asarray(a * scale, chunks=9))
        assert np.isinf(det) if overflow else det == 0
        assert not overflow or warned[0].filename == __file__


@pytest.mark.parametrize("tile", [1, 3, 9])
def test_singular(tile):
    a = random((7, 7), np.complex128)
    a[:, 2] = 0
    A = nw.asarray(a, chunks=tile)
    assert nw.linalg.det(A) == 0
    sign, logabsdet = nw.linalg.slogdet(A)
    assert sign == 0
    assert logabsdet == -np.inf


def test_nothing_has_determinant_one():
    assert nw.linalg.det(np.zeros((0, 0))) == 1
    assert nw.linalg.slogdet(np.zeros((0, 0))) == (1, 0)
    assert nw.linalg.det(np.zeros((0, 0), np.complex64)).dtype == np.complex64


def test_ill_conditioned():
    a = family("ill_conditioned", 20, 20, np.float64)
    sign, logabsdet = nw.linalg.slogdet(nw.asarray(a, chunks=6))
    wanted = np.linalg.slogdet(a)
    assert sign == wanted.sign
    assert abs(logabsdet - wanted.logabsdet) < 1


def test_stacks():
    a = random((2, 3, 6, 6), np.float64)
    A = nw.asarray(a, chunks=(1, 1, 4, 4))
    det = nw.linalg.det(A)
    assert isinstance(det, np.ndarray)
    assert np.allclose(det, np.linalg.det(a))
    sign, logabsdet = nw.linalg.slogdet(A)
    assert np.allclose(sign, np.linalg.slogdet(a).sign)
    assert np.allclose(logabsdet, np.linalg.slogdet(a).logabsdet)
    assert nw.linalg.det(np.ones((3, 0, 0))).tolist() == [1, 1, 1]


def test_refusals():
    for function in (nw.linalg.det, nw.linalg.slogdet):
        with pytest.raises(ValueError, match="square"):
            function(np.ones((2, 3)))
        with pytest.raises(ValueError, match="infs or NaNs"):
            function([[1.0, np.nan], [0, 1]])
        with pytest.raises(TypeError, match="float64"):
            function(np.zeros((2, 2), object))
    assert np.isnan(nw.linalg.det([[1.0, np.nan], [0, 1]], check_finite=False))
