import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, eps, random

import numpywren as nw
from numpywren import algorithms


def close(found, wanted, inner=1):
    bound = 10 * max(inner, 1) * eps(wanted.dtype) * max(np.abs(wanted).max(initial=0), 1)
    return np.allclose(found, wanted, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (12, 4, 9), (2, 40, 3), (1, 9, 1), (9, 1, 9)])
@pytest.mark.parametrize("tile", [1, 3, 4, 50])
def test_matmul(shape, tile, dtype):
    m, k, n = shape
    a, b = random((m, k), dtype), random((k, n), dtype, seed=1)
    c = nw.asarray(a, chunks=tile) @ nw.asarray(b, chunks=tile)
    assert c.dtype == dtype
    assert close(np.asarray(c), a @ b, k)


@pytest.mark.parametrize("splits", [1, 2, 3, 4, 7, 8, 20])
def test_split_inner_dimension(splits):
    a, b = random((5, 37), np.float64), random((37, 4), np.float64, seed=1)
    c = nw.run(algorithms.gemm, A=nw.asarray(a, chunks=3), B=nw.asarray(b, chunks=3), splits=splits)
    assert close(np.asarray(c), a @ b, 37)


@settings(max_examples=25, deadline=None)
@given(
    m=st.integers(0, 12),
    k=st.integers(0, 12),
    n=st.integers(0, 12),
    tiles=st.tuples(*[st.integers(1, 7)] * 4),
    dtypes=st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)),
    views=st.tuples(st.sampled_from("NTC"), st.sampled_from("NTC")),
)
def test_any_product(m, k, n, tiles, dtypes, views):
    a = random((m, k) if views[0] == "N" else (k, m), dtypes[0])
    b = random((k, n) if views[1] == "N" else (n, k), dtypes[1], seed=1)
    A, B = nw.asarray(a, chunks=tiles[:2]), nw.asarray(b, chunks=tiles[2:])
    op = {"N": lambda x: x, "T": lambda x: x.T, "C": lambda x: x.H if isinstance(x, nw.Array) else x.conj().T}
    c = op[views[0]](A) @ op[views[1]](B)
    wanted = op[views[0]](a) @ op[views[1]](b)
    assert c.shape == wanted.shape
    assert c.dtype == wanted.dtype
    assert close(np.asarray(c), wanted, k)


def test_matrix_times_vector_and_back():
    a, x, y = random((7, 5), np.float64), random(5, np.float64, 1), random(7, np.float64, 2)
    A = nw.asarray(a, chunks=3)
    assert close(np.asarray(A @ x), a @ x, 5)
    assert close(np.asarray(y @ A), y @ a, 7)


def test_operators():
    a, b = random((7, 5), np.complex64), random((7, 5), np.complex64, 1)
    A, B = nw.asarray(a, chunks=3), nw.asarray(b, chunks=4)
    assert close(np.asarray(A + B), a + b)
    assert close(np.asarray(A - B), a - b)
    assert close(np.asarray(2.5 * A), np.complex64(2.5) * a)
    assert close(np.asarray(A * 1j), a * np.complex64(1j))
    assert close(np.asarray(A / 4), a / np.complex64(4))
    assert close(np.asarray(-A), -a)
    assert close(np.asarray(A + b), a + b)
    assert close(np.asarray(a - B), a - b)
    v, w = random(9, np.float32), random(9, np.float32, 1)
    assert close(np.asarray(nw.asarray(v, chunks=2) - w), v - w)


def test_real_times_complex_is_complex():
    a = random((3, 3), np.float32)
    c = nw.asarray(a) * (1 + 2j)
    assert c.dtype == np.complex64
    assert close(np.asarray(c), a * np.complex64(1 + 2j))


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize(
    "number", [2, 0.5, True, 1j, *(np.dtype(code).type(3) for code in ("f2", "f4", "f8", "i8", "c8", "c16", "?"))]
)
def test_numbers_of_numpy_have_a_type_and_those_of_python_none(dtype, number):
    a = random((5, 4), dtype)
    A = nw.asarray(a, chunks=4)
    for found, wanted in (
        (A * number, a * number),
        (A / number, a / number),
        (nw.linalg.multiply(a[:, 0], number), a[:, 0] * number),
        (nw.linalg.add_diagonal(A[:4], number), a[:4] + np.eye(4, dtype=dtype) * number),
    ):
        assert found.dtype == wanted.dtype
        assert np.allclose(np.asarray(found), wanted, rtol=5 * np.finfo(wanted.dtype).eps, atol=0)


def test_quotients_by_zero_are_infinite():
    a = np.array([[1.0, -2.0], [4.0, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for zero in (0, -0.0, np.float64(0)):
            assert np.array_equal(np.asarray(nw.asarray(a) / zero), a / zero, equal_nan=True)


def test_numbers_in_a_type_that_is_not_computed_with():
    with pytest.raises(TypeError, match="matrices are of float32"):
        nw.asarray(np.eye(2)) * np.longdouble(2)


def test_add_diagonal():
    a = random((7, 7), np.float64)
    assert close(np.asarray(nw.linalg.add_diagonal(nw.asarray(a, chunks=3), 0.5)), a + 0.5 * np.eye(7))


@pytest.mark.parametrize(("left", "right"), [((2, 3), (2, 3)), ((3,), (4, 2)), ((3,), (4,)), ((2, 2), ())])
def test_products_that_do_not_fit(left, right):
    with pytest.raises(ValueError, match=r"shape|single number"):
        nw.linalg.matmul(np.ones(left), np.ones(right))


def test_sums_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        nw.asarray(np.ones((2, 3))) + np.ones((3, 2))


def test_matrices_are_not_multiplied_elementwise():
    with pytest.raises(TypeError, match="@"):
        nw.asarray(np.ones((2, 2))) * np.ones((2, 2))
