from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, FAMILIES, GRIDS, eps, exchanged_blocks, family, foster, in_turn, random

import numpywren as nw
from numpywren.job import execute

#: Shape and tiles: whole tiles, ragged edges, tall, wide, single rows and columns, tiles that are not square.
SHAPES = [
    *[((n, n), tile) for n, tile in GRIDS],
    ((13, 5), 3),
    ((5, 13), 3),
    ((12, 8), 4),
    ((8, 12), 4),
    ((20, 4), (5, 4)),
    ((4, 20), (4, 5)),
    ((14, 4), (3, 5)),
    ((11, 9), (2, 5)),
    ((9, 11), (5, 2)),
    ((1, 9), 2),
    ((9, 1), 2),
    ((1, 9), (1, 9)),
]


def growing(name, n, dtype):
    """Matrices with a name of their own, or of a family."""
    special = {"exchanged_blocks": exchanged_blocks, "foster": foster}
    return special[name](n, dtype) if name in special else family(name, n, n, dtype)


def error_of(a, p, lower, upper):
    norm = np.linalg.norm(a)
    return np.linalg.norm(a - (lower @ upper)[p]) / (norm or 1)


def played(request, fan):
    """The request with tournaments among groups of `fan` tiles, whatever the memory."""
    return replace(request, sizes={**request.sizes, "fan": fan})


def check(a, result, slack=10.0):
    """As accurate as LAPACK on the same matrix, within a factor of ten."""
    p, lower, upper = result.p, np.asarray(result.L), np.asarray(result.U)
    k = min(a.shape)
    assert lower.shape == (len(a), k)
    assert upper.shape == (k, a.shape[1])
    assert lower.dtype == upper.dtype == a.dtype
    assert np.array_equal(np.sort(p), np.arange(len(a)))
    assert np.array_equal(lower, np.tril(lower, -1) + np.eye(len(a), k))
    assert np.array_equal(upper, np.triu(upper))
    peer = error_of(a, *scipy.linalg.lu(a, p_indices=True))
    assert error_of(a, p, lower, upper) <= slack * max(peer, eps(a.dtype))
    return lower, upper


@pytest.mark.parametrize(("shape", "tile", "dtype"), in_turn(SHAPES))
def test_factors_are_lapacks(shape, tile, dtype):
    a = random(shape, dtype)
    result = nw.linalg.lu(nw.asarray(a, chunks=tile), p_indices=True)
    lower, upper = check(a, result)
    p, wanted_lower, wanted_upper = scipy.linalg.lu(a, p_indices=True)
    assert np.array_equal(result.p, p)
    # BLAS compares |re| + |im|, so that a quotient of complex numbers may have the modulus √2
    assert np.abs(lower).max() <= (2**0.5 if np.iscomplexobj(a) else 1) * (1 + 4 * eps(dtype))
    bound = 1e3 * eps(dtype) * np.abs(upper).max()
    assert np.allclose(upper, wanted_upper, rtol=0, atol=bound)
    assert np.allclose(lower, wanted_lower, rtol=0, atol=bound)


@pytest.mark.parametrize(
    ("shape", "tile", "dtype"), in_turn([((7, 7), 3), ((13, 5), 3), ((5, 13), 3), ((4, 20), (4, 5))])
)
def test_forms_of_the_result(shape, tile, dtype):
    a = random(shape, dtype)
    A = nw.asarray(a, chunks=tile)
    p, lower, upper = nw.linalg.lu(A, p_indices=True)
    result = nw.linalg.lu(A)
    assert result._fields == ("P", "L", "U")
    assert result.P.dtype == a.real.dtype
    assert np.array_equal(np.asarray(result.P), np.eye(len(a))[:, p.argsort()])
    assert np.array_equal(np.asarray(result.L), np.asarray(lower))
    permuted = nw.linalg.lu(A, permute_l=True)
    assert permuted._fields == ("PL", "U")
    assert np.array_equal(np.asarray(permuted.PL), np.asarray(lower)[p])
    assert np.array_equal(np.asarray(permuted.U), np.asarray(upper))
    packed, piv = nw.linalg.lu_factor(A)
    assert np.array_equal(piv, scipy.linalg.lu_factor(a)[1])
    assert piv.dtype.kind == "i"
    k = min(shape)
    assert np.array_equal(np.tril(np.asarray(packed)[:, :k], -1), np.tril(np.asarray(lower), -1))
    assert np.array_equal(np.triu(np.asarray(packed)[:k]), np.asarray(upper))


@pytest.mark.parametrize("fan", [1, 2, 3])
@pytest.mark.parametrize(("shape", "tile", "dtype"), in_turn([((27, 27), 3), ((26, 11), 3)]))
def test_tournaments(shape, tile, fan, dtype):
    a = random(shape, dtype)
    request = nw.linalg.lu.request(nw.asarray(a, chunks=tile), p_indices=True)
    lower, upper = check(a, execute(played(request, fan)))
    assert np.abs(lower).max() <= 8
    growth = np.abs(upper).max() / np.abs(scipy.linalg.lu(a)[2]).max()
    assert growth <= 4


@pytest.mark.parametrize("fan", [1, 100])
@pytest.mark.parametrize(("name", "dtype"), in_turn([(name,) for name in (*FAMILIES, "exchanged_blocks", "foster")]))
def test_hard_matrices(name, fan, dtype):
    a = growing(name, 22, dtype)
    request = nw.linalg.lu.request(nw.asarray(a, chunks=4), p_indices=True)
    lower, _ = check(a, execute(played(request, fan)))
    assert np.isfinite(lower).all()


@pytest.mark.parametrize("fan", [1, 100])
@pytest.mark.parametrize("n", [10, 30])
def test_growth_where_pivoting_is_weakest(n, fan):
    for a, bound in [(family("wilkinson", n, n, np.float64), 2.0 ** (n - 1)), (foster(n, np.float64), 2.0**n)]:
        result = execute(played(nw.linalg.lu.request(nw.asarray(a, chunks=5), p_indices=True), fan))
        check(a, result)
        assert np.abs(np.asarray(result.U)).max() <= 1.01 * bound


def test_panels_that_do_not_fit_play_a_tournament():
    a = random((48, 48), np.float64)
    with nw.config.set({"worker.memory": 20 * 8 * 8 * 8}):
        request = nw.linalg.lu.request(nw.asarray(a, chunks=8), p_indices=True)
        assert 1 < request.sizes["fan"] < 6
        lower, _ = check(a, execute(request))
        piv = nw.linalg.lu_factor(nw.asarray(a, chunks=8)).piv
    assert not np.array_equal(piv, scipy.linalg.lu_factor(a)[1])
    assert np.abs(lower).max() > 1


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    tile=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    fan=st.integers(1, 4),
    dtype=st.sampled_from(DTYPES),
    view=st.sampled_from("NTC"),
    seed=st.integers(0, 1000),
)
def test_any_shape_tiles_and_type(shape, tile, fan, dtype, view, seed):
    a = random(shape, dtype, seed)
    A = nw.asarray({"N": a, "T": a.T, "C": a.conj().T}[view].copy(), chunks=tile if view == "N" else tile[::-1])
    A = {"N": A, "T": A.T, "C": A.H}[view]
    result = execute(played(nw.linalg.lu.request(A, p_indices=True), fan))
    if a.size:
        check(a, result, 30)
    else:
        assert result.p.tolist() == list(range(shape[0]))
        assert result.L.shape == (shape[0], 0)
        assert result.U.shape == (0, shape[1])


@pytest.mark.parametrize("tile", [2, 3, 9])
def test_singular_matrices_have_factors(tile):
    a = random((7, 7), np.float64)
    a[:, 3] = 0
    result = nw.linalg.lu(nw.asarray(a, chunks=tile), p_indices=True)
    _, upper = check(a, result)
    assert upper[3, 3] == 0
    factors = nw.linalg.lu_factor(nw.asarray(a, chunks=tile))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        nw.linalg.lu_solve(factors, np.ones(7))


@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize(("n", "tile", "dtype"), in_turn([(1, 1), (7, 3), (12, 5), (5, 8)]))
def test_solve_with_factors(n, tile, trans, dtype):
    a, b = random((n, n), dtype) + 2 * np.eye(n, dtype=dtype), random((n, 3), dtype, 1)
    factors = nw.linalg.lu_factor(nw.asarray(a, chunks=tile))
    op = (a, a.T, a.conj().T)[trans]
    x = np.asarray(nw.linalg.lu_solve(factors, nw.asarray(b, chunks=2), trans))
    scale = np.linalg.norm(a) * np.linalg.norm(x) + np.linalg.norm(b)
    assert np.linalg.norm(op @ x - b) <= 20 * eps(dtype) * scale
    vector = np.asarray(nw.linalg.lu_solve(scipy.linalg.lu_factor(a), b[:, 0], trans))
    assert vector.shape == (n,)
    assert np.linalg.norm(op @ vector - b[:, 0]) <= 20 * eps(dtype) * scale


def test_stacks():
    a, b = random((2, 3, 7, 7), np.float64), random((7, 2), np.float64, 1)
    A = nw.asarray(a, chunks=(1, 1, 3, 3))
    p, lower, upper = nw.linalg.lu(A, p_indices=True)
    assert p.shape == (2, 3, 7)
    wanted = scipy.linalg.lu(a, p_indices=True)
    assert np.array_equal(p, wanted[0])
    assert np.allclose(np.asarray(lower), wanted[1])
    assert np.allclose(np.asarray(upper), wanted[2])
    factors = nw.linalg.lu_factor(A)
    assert factors.piv.shape == (2, 3, 7)
    for trans, op in enumerate((a, a.swapaxes(-1, -2))):
        x = np.asarray(nw.linalg.lu_solve(factors, b, trans))
        assert np.allclose(op @ x, b, atol=1e-10)


def test_refusals():
    a = np.eye(4)
    a[2, 1] = np.nan
    for function in (nw.linalg.lu, nw.linalg.lu_factor):
        with pytest.raises(ValueError, match="infs or NaNs"):
            function(nw.asarray(a, chunks=2))
        assert np.isnan(np.asarray(function(nw.asarray(a, chunks=2), check_finite=False)[-2])).any()
    factors = nw.linalg.lu_factor(np.eye(3))
    with pytest.raises(ValueError, match="trans=3"):
        nw.linalg.lu_solve(factors, np.ones(3), 3)
    with pytest.raises(ValueError, match="vector of 3 elements"):
        nw.linalg.lu_solve(factors, np.ones(4))
    for piv in ([0, 1], [0, 1, 3], [0, 1, -1], [0.0, 1.0, 2.0]):
        with pytest.raises(ValueError, match="row numbers"):
            nw.linalg.lu_solve((factors.lu, piv), np.ones(3))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        nw.linalg.lu(np.ones(3))


@pytest.mark.parametrize("chunks", [(1, 300), (300, 1)])
@pytest.mark.parametrize("name", ["cholesky", "lu", "lu_factor", "inv", "det", "logdet"])
def test_chunks_of_single_rows_make_no_tiles_of_single_numbers(name, chunks):
    request = getattr(nw.linalg, name).request(nw.zeros((300, 300), chunks=chunks))
    assert request.cuts["n"].chunk == 17


@pytest.mark.parametrize("chunks", [(1, 300), (300, 1)])
@pytest.mark.parametrize("assume_a", ["gen", "pos"])
def test_nor_do_those_of_a_system(assume_a, chunks):
    a, b = nw.zeros((300, 300), chunks=chunks), np.ones(300)
    assert nw.linalg.solve.request(a, b, assume_a=assume_a).cuts["n"].chunk == 17
    assert nw.linalg.solve_triangular.request(a, b).cuts["n"].chunk == 17
    assert nw.linalg.cho_solve.request((a, True), b).cuts["n"].chunk == 17


@pytest.mark.parametrize("given", [np.eye(2), (np.eye(2), np.eye(2), np.eye(2))])
def test_lu_solve_wants_what_lu_factor_returns(given):
    with pytest.raises(TypeError, match=r"for lu_and_piv; it wants \(lu, piv\), as lu_factor returns them"):
        nw.linalg.lu_solve(given, np.ones(2))


def test_what_means_something_else_in_scipy_is_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        nw.linalg.lu(np.eye(3), False, True)
    assert nw.linalg.lu(np.eye(3), True)._fields == ("PL", "U")


@pytest.mark.parametrize(
    ("lu", "piv", "entry"),
    [(np.eye(3), [0, 3, 2], r"piv\[1\] = 3"), (np.stack([np.eye(2)] * 2), [[0, 1], [1, -1]], r"piv\[1, 1\] = -1")],
)
def test_the_row_that_is_not_there_is_named(lu, piv, entry):
    with pytest.raises(ValueError, match=entry):
        nw.linalg.lu_solve((lu, piv), np.ones((lu.shape[-1], 1)))
