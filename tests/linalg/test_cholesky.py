import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, GRIDS, eps, hilbert_like, positive_definite, random

import numpywren as nw
from numpywren import algorithms


def backward_error(a, factor):
    return np.linalg.norm(a - factor @ factor.conj().T) / np.linalg.norm(a)


def check(a, factor):
    """Lower triangular, and as accurate as LAPACK on the same matrix, within a factor of ten."""
    assert factor.dtype == a.dtype
    assert np.array_equal(factor, np.tril(factor))
    peer = backward_error(a, np.linalg.cholesky(a))
    assert backward_error(a, factor) <= 10 * max(peer, eps(a.dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "tile"), GRIDS)
def test_factor_has_lapacks_backward_error(n, tile, dtype):
    a = positive_definite(n, dtype)
    check(a, np.asarray(nw.linalg.cholesky(nw.asarray(a, chunks=tile))))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("depth", [1, 2, 3, 9, 20])
def test_every_depth_factors(depth, dtype):
    a = positive_definite(17, dtype)
    factor = nw.run(algorithms.cholesky, A=nw.asarray(a, chunks=2), depth=depth)
    check(a, np.asarray(factor))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ill_conditioned(dtype):
    a = hilbert_like(60, dtype)
    check(a, np.asarray(nw.linalg.cholesky(nw.asarray(a, chunks=7))))


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_the_asked_triangle_is_read(dtype):
    a = positive_definite(11, dtype)
    rubbish = random((11, 11), dtype, seed=5)
    lower = np.tril(a) + np.triu(rubbish, 1)
    upper = np.triu(a) + np.tril(rubbish, -1)
    check(a, np.asarray(nw.linalg.cholesky(nw.asarray(lower, chunks=4))))
    u = np.asarray(nw.linalg.cholesky(nw.asarray(upper, chunks=4), upper=True))
    check(a, u.conj().T)


def test_nan_in_the_triangle_that_is_not_read_is_no_error():
    a = positive_definite(6, np.float64)
    a[0, 5] = np.nan
    nw.linalg.cholesky(nw.asarray(a, chunks=2))
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.cholesky(nw.asarray(a, chunks=2), upper=True)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(0, 30),
    tile=st.integers(1, 12),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 1000),
    transposed=st.booleans(),
)
def test_any_size_tile_and_type(n, tile, dtype, seed, transposed):
    a = positive_definite(n, dtype, seed)
    array = nw.asarray(a.T.copy(), chunks=tile).T if transposed else nw.asarray(a, chunks=tile)
    factor = np.asarray(nw.linalg.cholesky(array))
    if n == 0:
        assert factor.shape == (0, 0)
    else:
        check(a, factor)


@pytest.mark.parametrize("chunks", [(3, 5), (5, 3), (16, 1), (1, 16)])
def test_awkward_chunks(chunks):
    a = positive_definite(16, np.float64)
    check(a, np.asarray(nw.linalg.cholesky(nw.asarray(a, chunks=chunks))))


def test_integers_count_as_float64():
    factor = nw.linalg.cholesky(np.array([[4, 2], [2, 5]]))
    assert factor.dtype == np.float64
    assert np.allclose(np.asarray(factor), [[2, 0], [1, 2]])


@pytest.mark.parametrize("where", [0, 1, 4, 9])
@pytest.mark.parametrize("tile", [1, 3, 4, 16])
def test_not_positive_definite_names_the_leading_minor(where, tile):
    a = positive_definite(10, np.float64)
    a[where, where] = -1.0
    with pytest.raises(np.linalg.LinAlgError, match=rf"\b{where + 1}\b") as caught:
        nw.linalg.cholesky(nw.asarray(a, chunks=tile))
    with pytest.raises(np.linalg.LinAlgError) as peer:
        scipy.linalg.cholesky(a, lower=True)
    assert str(where + 1) in str(peer.value)
    assert caught.value.minor == where + 1


def test_not_square():
    with pytest.raises(ValueError, match=r"\(3, 4\).*square"):
        nw.linalg.cholesky(np.ones((3, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(bad):
    a = positive_definite(9, np.float64)
    a[7, 2] = bad
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.cholesky(nw.asarray(a, chunks=4))


def test_not_finite_passes_when_told_to():
    a = positive_definite(9, np.float64)
    a[8, 0] = np.nan
    with pytest.raises(np.linalg.LinAlgError):
        nw.linalg.cholesky(nw.asarray(a, chunks=4), check_finite=False)


@pytest.mark.parametrize("dtype", ["U3", object, "M8[s]", np.float16])
def test_wrong_dtype(dtype):
    with pytest.raises(TypeError, match="float64"):
        nw.linalg.cholesky(np.zeros((2, 2), dtype))


@pytest.mark.parametrize("starts", [nw.submit, nw.plan])
def test_programs_are_run(starts):
    with pytest.raises(TypeError, match=r"programs are run with numpywren.run\(cholesky, ...\)"):
        starts(algorithms.cholesky, np.eye(2))


def test_where_results_go_is_a_url():
    with pytest.raises(TypeError, match=r"cholesky got out=3; it wants a URL, or a mapping"):
        nw.submit(nw.linalg.cholesky, np.eye(2), out=3)
