import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, GRIDS, eps, positive_definite, random, triangular

import numpywren as nw


def residual(a, x, b):
    """Normwise backward error of a solution."""
    scale = np.linalg.norm(a) * np.linalg.norm(x) + np.linalg.norm(b)
    return np.linalg.norm(a @ x - b) / scale if scale else 0.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [None, 1, 5])
@pytest.mark.parametrize(("n", "tile"), GRIDS)
def test_solve_positive_definite(n, tile, columns, dtype):
    a = positive_definite(n, dtype)
    b = random((n,) if columns is None else (n, columns), dtype, seed=1)
    x = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=tile), nw.asarray(b, chunks=2), assume_a="pos"))
    assert x.shape == b.shape
    assert x.dtype == a.dtype
    peer = scipy.linalg.solve(a, b, assume_a="pos")
    assert residual(a, x, b) <= 10 * max(residual(a, peer, b), eps(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lower", [True, False])
def test_cho_solve(lower, dtype):
    a, b = positive_definite(13, dtype), random((13, 3), dtype, seed=1)
    factor = nw.linalg.cholesky(nw.asarray(a, chunks=4), upper=not lower)
    x = np.asarray(nw.linalg.cho_solve((factor, lower), b))
    assert residual(a, x, b) <= 10 * eps(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", [0, 1, 2, "N", "T", "C"])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
def test_solve_triangular(lower, trans, unit, side, dtype):
    n = 11
    a = triangular(n, dtype, lower)
    b = random((n, 5) if side == "left" else (5, n), dtype, seed=2)
    x = np.asarray(
        nw.linalg.solve_triangular(
            nw.asarray(a, chunks=3), nw.asarray(b, chunks=4), trans, lower, unit_diagonal=unit, side=side
        )
    )
    t = np.tril(a) if lower else np.triu(a)
    if unit:
        np.fill_diagonal(t, 1)
    op = {0: t, 1: t.T, 2: t.conj().T, "N": t, "T": t.T, "C": t.conj().T}[trans]
    error = residual(op, x, b) if side == "left" else residual(op.T, x.T, b.T)
    assert error <= 10 * eps(dtype)


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(0, 20),
    columns=st.one_of(st.none(), st.integers(0, 6)),
    tile=st.integers(1, 9),
    dtype=st.sampled_from(DTYPES),
)
def test_known_solution(n, columns, tile, dtype):
    a = positive_definite(n, dtype)
    x = random((n,) if columns is None else (n, columns), dtype, seed=4)
    b = (a @ x).astype(dtype)
    found = np.asarray(nw.linalg.solve(nw.asarray(a, chunks=tile), b, assume_a="pos"))
    assert found.shape == x.shape
    assert np.allclose(found, x, rtol=0, atol=1e3 * eps(dtype) * max(np.abs(x).max(initial=0), 1))


def test_types_are_promoted():
    a = positive_definite(4, np.float32)
    x = nw.linalg.solve(a, np.ones(4, np.complex128), assume_a="pos")
    assert x.dtype == np.complex128


def test_singular_triangle():
    a = np.eye(7)
    a[5, 5] = 0
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        nw.linalg.solve_triangular(nw.asarray(a, chunks=3), np.ones(7), lower=True)


def test_not_positive_definite():
    a = np.eye(7)
    a[4, 4] = -1
    with pytest.raises(np.linalg.LinAlgError, match=r"\b5\b"):
        nw.linalg.solve(nw.asarray(a, chunks=3), np.ones(7), assume_a="pos")


@pytest.mark.parametrize("b", [np.ones(4), np.ones((4, 2)), np.ones((3, 2, 2)), 1.0])
def test_shapes_that_do_not_fit(b):
    with pytest.raises(ValueError, match=r"shape|single number"):
        nw.linalg.solve(np.eye(3), b, assume_a="pos")


def test_unknown_options():
    with pytest.raises(ValueError, match="assume_a"):
        nw.linalg.solve(np.eye(2), np.ones(2), assume_a="banded")
    with pytest.raises(ValueError, match="trans"):
        nw.linalg.solve_triangular(np.eye(2), np.ones(2), trans="X")
    with pytest.raises(ValueError, match="side"):
        nw.linalg.solve_triangular(np.eye(2), np.ones((2, 2)), side="top")


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (np.eye(2), r"got ndarray for c_and_lower; it wants \(factor, lower\), as in \(cholesky\(A\), True\)"),
        ((np.eye(2),), "got 1 values for c_and_lower"),
        ((np.eye(2), "upper"), "got lower of type str; it must be True or False"),
        ((np.eye(2), np.arange(2)), "got lower of type ndarray"),
    ],
)
def test_cho_solve_wants_the_factor_and_which_it_is(factor, message):
    with pytest.raises(TypeError, match=message):
        nw.linalg.cho_solve(factor, np.ones(2))
