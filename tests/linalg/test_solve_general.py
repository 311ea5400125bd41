from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import (
    DTYPES,
    FAMILIES,
    GRIDS,
    eps,
    exchanged_blocks,
    family,
    foster,
    hermitian_family,
    in_turn,
    random,
)

import numpywren as nw
from numpywren.job import execute


def residual(a, x, b):
    """Normwise backward error of a solution."""
    scale = np.linalg.norm(a) * np.linalg.norm(x) + np.linalg.norm(b)
    return np.linalg.norm(a @ x - b) / scale if scale else 0.0


def lapack_solve(a, b):
    """What LAPACK makes of it in the precision of the matrix, where NumPy would go over to double precision."""
    return scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b)


def played(request, fan):
    return replace(request, sizes={**request.sizes, "fan": fan})


@pytest.mark.parametrize("columns", [None, 5])
@pytest.mark.parametrize(("n", "tile", "dtype"), in_turn(GRIDS))
def test_solve(n, tile, columns, dtype):
    a = random((n, n), dtype)
    b = random((n,) if columns is None else (n, columns), dtype, seed=1)
    x = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=tile), nw.asarray(b, chunks=2)))
    assert x.shape == b.shape
    assert x.dtype == a.dtype
    assert residual(a, x, b) <= 10 * max(residual(a, lapack_solve(a, b), b), eps(dtype))


@pytest.mark.parametrize("fan", [1, 100])
@pytest.mark.parametrize(
    ("name", "dtype"), in_turn([(name,) for name in (*FAMILIES, "exchanged_blocks", "foster") if name != "zero"])
)
def test_hard_matrices(name, fan, dtype):
    n = 22
    special = {"exchanged_blocks": exchanged_blocks, "foster": foster}
    a = special[name](n, dtype) if name in special else family(name, n, n, dtype)
    b = random((n, 2), dtype, seed=1)
    if name == "rank_deficient":
        a = a + np.diag(np.arange(n) % 2 * eps(dtype) ** 0.5).astype(dtype)  # nearly so
    x = np.asarray(execute(played(nw.linalg.solve.request(nw.asarray(a, chunks=4), b), fan)))
    peer = lapack_solve(a, b)
    assert residual(a, x, b) <= 10 * max(residual(a, peer, b), eps(dtype))


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("assume_a", ["sym", "hermitian"])
@pytest.mark.parametrize(("n", "tile", "dtype"), in_turn([(1, 1), (7, 3), (12, 5), (5, 8)]))
def test_one_triangle_is_read(n, tile, assume_a, lower, dtype):
    a, b = random((n, n), dtype), random((n, 2), dtype, seed=1)
    triangle = np.tril(a) if lower else np.triu(a)
    strict = np.tril(a, -1) if lower else np.triu(a, 1)
    diagonal, other = a.diagonal(), strict.T
    if assume_a.startswith("her"):
        diagonal, other = diagonal.real, other.conj()
    whole = strict + other + np.diag(diagonal)
    rubbish = np.where(triangle == 0, np.asarray(np.nan, dtype), a)
    x = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=tile), b, assume_a=assume_a, lower=lower))
    assert residual(whole, x, b) <= 10 * max(residual(whole, lapack_solve(whole, b), b), eps(dtype))
    again = nw.linalg.solve(nw.asarray(rubbish, chunks=tile), b, assume_a=assume_a, lower=lower, check_finite=False)
    assert np.array_equal(np.asarray(again), x)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_positive_definite_reads_one_triangle(lower, dtype):
    a, b = hermitian_family("random", 9, dtype), random((9, 2), dtype, seed=1)
    a = a @ a + np.eye(9, dtype=dtype)
    read = np.tril(a) if lower else np.triu(a)
    x = np.asarray(nw.linalg.solve(nw.asarray(read, chunks=4), b, assume_a="positive definite", lower=lower))
    assert residual(a, x, b) <= 10 * eps(dtype)


@pytest.mark.parametrize(("name", "dtype"), in_turn([("random",), ("ill_conditioned",), ("hilbert",), ("graded",)]))
def test_indefinite_hermitian(name, dtype):
    a, b = hermitian_family(name, 17, dtype), random((17, 2), dtype, seed=1)
    x = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=5), b, assume_a="her"))
    peer = lapack_solve(a, b)
    assert residual(a, x, b) <= 10 * max(residual(a, peer, b), eps(dtype))


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(0, 17),
    columns=st.one_of(st.none(), st.integers(0, 5)),
    tile=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    fan=st.integers(1, 4),
    dtypes=st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)),
    view=st.sampled_from("NTC"),
    seed=st.integers(0, 1000),
)
def test_known_solution(n, columns, tile, fan, dtypes, view, seed):
    a = random((n, n), dtypes[0], seed) + 2 * float(np.sqrt(n)) * np.eye(n, dtype=dtypes[0])
    x = random((n,) if columns is None else (n, columns), dtypes[1], seed=4)
    A = nw.asarray(a, chunks=tile)
    op, A = {"N": (a, A), "T": (a.T, A.T), "C": (a.conj().T, A.H)}[view]
    b = (op @ x).astype(np.result_type(*dtypes))
    found = np.asarray(execute(played(nw.linalg.solve.request(A, nw.asarray(b, chunks=3)), fan)))
    assert found.shape == x.shape
    assert found.dtype == np.result_type(*dtypes)
    bound = 1e3 * eps(found.dtype if eps(dtypes[0]) == eps(dtypes[1]) else np.float32)
    assert np.allclose(found, x, rtol=0, atol=bound * max(np.abs(x).max(initial=0), 1))


@pytest.mark.parametrize(("n", "tile", "dtype"), in_turn([(1, 1), (7, 3), (12, 5), (9, (2, 5))]))
def test_inverse(n, tile, dtype):
    a = random((n, n), dtype)
    x = np.asarray(nw.linalg.inv(nw.asarray(a, chunks=tile)))
    assert x.dtype == dtype
    peer = lapack_solve(a, np.eye(len(a), dtype=a.dtype))
    eye = np.eye(n)
    assert np.linalg.norm(a @ x - eye) <= 10 * max(np.linalg.norm(a @ peer - eye), n * eps(dtype))


@pytest.mark.parametrize("name", ["ill_conditioned", "hilbert", "kahan", "graded", "clustered"])
def test_inverse_of_hard_matrices(name):
    a = family(name, 15, 15, np.float64)
    x = np.asarray(nw.linalg.inv(nw.asarray(a, chunks=4)))
    scale = np.linalg.norm(a) * np.linalg.norm(x)
    peer = lapack_solve(a, np.eye(len(a), dtype=a.dtype))
    assert np.linalg.norm(a @ x - np.eye(15)) <= 10 * max(np.linalg.norm(a @ peer - np.eye(15)), scale * eps(float))


def test_inverse_of_nothing():
    assert np.asarray(nw.linalg.inv(np.zeros((0, 0)))).shape == (0, 0)


def test_stacks_are_broadcast():
    a, b = random((2, 3, 7, 7), np.float64), random((3, 7, 2), np.float64, 1)
    A = nw.asarray(a, chunks=(1, 1, 3, 3))
    assert np.allclose(np.asarray(nw.linalg.solve(A, b)), np.linalg.solve(a, b), atol=1e-9)
    one = nw.linalg.solve(A, b[0, :, 0])
    assert one.shape == (2, 3, 7)
    assert np.allclose(np.asarray(one), np.linalg.solve(a, b[0, :, :1])[..., 0], atol=1e-9)
    assert np.allclose(np.asarray(nw.linalg.inv(A)), np.linalg.inv(a), atol=1e-9)
    symmetric = a + a.swapaxes(-1, -2)
    x = nw.linalg.solve(nw.asarray(symmetric, chunks=(1, 1, 3, 3)), b, assume_a="sym")
    assert np.allclose(np.asarray(x), np.linalg.solve(symmetric, b), atol=1e-9)


@pytest.mark.parametrize("tile", [2, 3, 8])
@pytest.mark.parametrize("fan", [1, 100])
def test_singular_is_an_error(tile, fan):
    a = random((7, 7), np.float64)
    a[:, 4] = 0
    A = nw.asarray(a, chunks=tile)
    for request in (nw.linalg.solve.request(A, np.ones(7)), nw.linalg.inv.request(A)):
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            execute(played(request, fan))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        nw.linalg.solve(nw.zeros((7, 7), chunks=tile), np.ones(7), assume_a="sym")


def test_integers_count_as_float64():
    x = nw.linalg.solve(np.array([[0, 2], [2, 5]]), np.array([4, 12]))
    assert x.dtype == np.float64
    assert np.allclose(np.asarray(x), [1, 2])


def test_refusals():
    with pytest.raises(ValueError, match="square"):
        nw.linalg.solve(np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="square"):
        nw.linalg.inv(np.ones((3, 2)))
    with pytest.raises(ValueError, match="vector of 3 elements"):
        nw.linalg.solve(np.eye(3), np.ones((2, 3)))
    with pytest.raises(ValueError, match="assume_a='banded'"):
        nw.linalg.solve(np.eye(3), np.ones(3), assume_a="banded")
    bad = np.eye(5)
    bad[4, 0] = np.inf
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.solve(nw.asarray(bad, chunks=2), np.ones(5))
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.solve(np.eye(2), [1, np.nan])
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.inv(nw.asarray(bad, chunks=2))


def of_condition(n, condition, dtype, seed=0):
    u, v = (np.linalg.qr(random((n, n), dtype, s))[0] for s in (seed, seed + 1))
    return (u * np.geomspace(1, 1 / condition, n)) @ v


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("condition", [1e1, 1e4, 1e6, 1e14])
@pytest.mark.parametrize(("n", "tile", "columns"), [(7, 3, None), (14, 5, 3), (9, 12, 1)])
def test_refined_to_double_precision(n, tile, columns, condition, dtype):
    a = of_condition(n, condition, dtype)
    b = random((n,) if columns is None else (n, columns), dtype, seed=5)
    x = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=tile), nw.asarray(b, chunks=2), refine=True))
    assert x.shape == b.shape
    assert x.dtype == dtype
    peer = residual(a, lapack_solve(a, b), b)
    assert residual(a, x, b) <= 10 * max(peer, eps(dtype))


def trace(monkeypatch, a, b):
    """Shapes of the tiles that are factored in full precision."""
    seen = []
    from numpywren.kernels import getrf as module

    whole = module.factored

    def watched(panel):
        if panel.dtype == np.float64:
            seen.append(panel.shape)
        return whole(panel)

    monkeypatch.setattr(module, "factored", watched)
    x = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=4), b, refine=True))
    return x, seen


def test_nothing_is_factored_twice_without_need(monkeypatch):
    a, b = of_condition(10, 1e2, np.float64), random((10, 2), np.float64, seed=5)
    _, seen = trace(monkeypatch, a, b)
    assert set(seen) == {(0, 0)}


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_full_precision_where_single_does_not_do(scale, monkeypatch):
    a, b = of_condition(10, 1e2, np.float64) * scale, random((10, 2), np.float64, seed=5)
    x, seen = trace(monkeypatch, a, b)
    assert (10, 4) in seen
    direct = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=4), b))
    assert np.array_equal(x, direct)


def test_one_column_that_does_not_converge_is_enough(monkeypatch):
    a, b = of_condition(10, 1e2, np.float64), random((10, 5), np.float64, seed=5)
    b[:, 3] *= 1e60  # overflows in single precision
    x, seen = trace(monkeypatch, a, nw.asarray(b, chunks=2))
    assert (10, 4) in seen
    for column, wanted in zip(x.T, b.T, strict=True):
        assert residual(a, column, wanted) <= 10 * eps(float)


def test_refinement_of_what_is_singular_or_single_or_nothing():
    a = of_condition(7, 1e2, np.float64)
    a[:, 4] = 0
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        nw.linalg.solve(nw.asarray(a, chunks=3), np.ones(7), refine=True)
    a32, b32 = random((7, 7), np.float32), random((7,), np.float32, 1)
    request = nw.linalg.solve.request(nw.asarray(a32, chunks=3), b32, refine=True)
    assert request.program.name == "gesv"
    assert np.asarray(nw.linalg.solve(np.zeros((0, 0)), np.zeros((0, 2)), refine=True)).shape == (0, 2)
    assert np.asarray(nw.linalg.solve(np.eye(3), np.zeros((3, 0)), refine=True)).shape == (3, 0)
    with pytest.raises(ValueError, match="assume_a='gen' only"):
        nw.linalg.solve(np.eye(3), np.ones(3), assume_a="pos", refine=True)


def test_refined_stacks():
    a = np.stack([of_condition(5, kappa, np.float64) for kappa in (1e1, 1e13)])
    b = random((5, 2), np.float64, 1)
    x = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=(1, 3, 3)), b, refine=True))
    for one, solution in zip(a, x, strict=True):
        assert residual(one, solution, b) <= 10 * eps(float)


def test_what_is_zero_is_said_to_be_in_a_factor():
    with pytest.raises(np.linalg.LinAlgError, match=r"its factor U\) has a zero at \(2, 2\)"):
        nw.linalg.inv(nw.asarray(np.zeros((4, 4)), chunks=2))
