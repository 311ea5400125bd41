from __future__ import annotations

import itertools

import numpy as np
import pytest

from numpywren.kernels.gemm import gemm


def op(x, trans):
    return {"N": x, "T": x.T, "C": x.conj().T}[trans]


def bound(a, b):
    """Componentwise forward error bound of a product (Higham 2002, section 3.5), with room for complex arithmetic."""
    return 4 * (a.shape[1] + 2) * np.finfo(a.dtype).eps * (np.abs(a) @ np.abs(b)) + np.finfo(a.dtype).tiny


def exactly(a, b):
    wide = np.clongdouble if a.dtype.kind == "c" else np.longdouble
    return a.astype(wide) @ b.astype(wide)


@pytest.mark.parametrize(("transa", "transb"), list(itertools.product("NTC", repeat=2)))
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 1, 7), (1, 9, 4), (17, 13, 29)])
def test_product_in_every_layout(draw, layout, sizes, transa, transb):
    m, n, k = sizes
    a, b = draw(m, k), draw(k, n)
    # op is its own inverse, so this stores what op must make a and b of.
    stored_a, stored_b = layout(op(a, transa)), layout(op(b, transb))
    c = gemm(stored_a, stored_b, transa=transa, transb=transb)
    assert c.flags.f_contiguous
    assert c.flags.writeable
    assert c.dtype == a.dtype
    assert (np.abs(c - exactly(a, b)) <= bound(a, b)).all()
    assert np.array_equal(stored_a, op(a, transa))
    assert np.array_equal(stored_b, op(b, transb))


@pytest.mark.parametrize("sign", [1, -1, 2.5])
def test_accumulate(draw, layout, sign):
    a, b, c = draw(20, 30), draw(30, 10), draw(20, 10)
    acc = c.copy("F")
    gemm.accumulate(acc, sign, layout(a), layout(b.T), transb="T")
    want = c + sign * exactly(a, b)
    assert (np.abs(acc - want) <= 3 * bound(a, b) + 4 * np.finfo(c.dtype).eps * np.abs(c)).all()


def test_accumulate_takes_a_complex_factor():
    rng = np.random.default_rng(1)
    a = np.asfortranarray(rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4)))
    acc = np.zeros((4, 4), dtype=complex, order="F")
    gemm.accumulate(acc, 2 - 3j, a, a)
    np.testing.assert_allclose(acc, (2 - 3j) * (a @ a), rtol=1e-14)


def test_one_tile_as_both_factors(draw):
    a = draw(12, 12)
    np.testing.assert_allclose(gemm(a, a), a @ a, rtol=1e-3)
    assert (np.abs(gemm(a, a, transb="C") - exactly(a, a.conj().T)) <= bound(a, a.conj().T)).all()


def test_vector(draw, layout):
    a, x = draw(15, 8), draw(8)
    y = gemm(layout(a), layout(x))
    assert y.shape == (15,)
    assert (np.abs(y - exactly(a, x)) <= bound(a, x)).all()
    acc = draw(8)
    want = acc - exactly(a.conj().T, y)
    gemm.accumulate(acc, -1, layout(a), y, transa="C")
    assert (np.abs(acc - want) <= 2 * bound(a.conj().T, y) + 4 * np.finfo(a.dtype).eps * np.abs(want)).all()


@pytest.mark.parametrize("sizes", [(0, 3, 4), (3, 0, 4), (0, 0, 0)])
def test_empty_result(draw, sizes):
    m, n, k = sizes
    assert gemm(draw(m, k), draw(k, n)).shape == (m, n)


def test_empty_inner_dimension_gives_zeros_and_adds_nothing(draw):
    c = draw(3, 4)
    assert np.array_equal(gemm(draw(3, 0), draw(0, 4)), np.zeros((3, 4)))
    acc = c.copy("F")
    gemm.accumulate(acc, 1, draw(3, 0), draw(0, 4))
    assert np.array_equal(acc, c)


def test_mixed_precisions_give_the_wider_one():
    a, b = np.ones((2, 2), np.float32, "F"), np.ones((2, 2), np.complex64, "F")
    assert gemm(a, b).dtype == np.complex64
    assert gemm(a, b.astype(np.complex128)).dtype == np.complex128


def test_refusals(draw):
    a = draw(3, 4)
    with pytest.raises(ValueError, match=r"cannot multiply 3×4 by 3×4"):
        gemm(a, a)
    with pytest.raises(ValueError, match="transa='X' came"):
        gemm(a, a, transa="X")
    with pytest.raises(ValueError, match="wants two matrices"):
        gemm(a[0], a)
    with pytest.raises(TypeError, match="astype"):
        gemm(np.ones((2, 2), int), np.ones((2, 2), int))
    with pytest.raises(ValueError, match="accumulator of shape"):
        gemm.accumulate(draw(2, 2), 1, a, a, transb="T")
    with pytest.raises(ValueError, match="column-major and writable"):
        gemm.accumulate(np.ascontiguousarray(draw(3, 3)), 1, a, a, transb="T")
    with pytest.raises(TypeError, match="accumulator of dtype"):
        gemm.accumulate(np.zeros((3, 3), np.float32, "F"), 1, a.astype(complex), a.astype(complex), transb="T")


def test_shape_and_flops():
    assert gemm.shape((3, 4), (4, 5)) == (3, 5)
    assert gemm.shape((4, 3), (5, 4), transa="T", transb="C") == (3, 5)
    assert gemm.shape((3, 4), (4,)) == (3,)
    assert gemm.flops((3, 4), (4, 5)) == 2 * 3 * 4 * 5
    assert gemm.flops((4, 3), (4,), transa="C") == 2 * 3 * 4
