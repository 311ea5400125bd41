from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.gemm import gemm
from numpywren.kernels.syrk import syrk


def exactly(a):
    wide = a.astype(np.clongdouble if a.dtype.kind == "c" else np.longdouble)
    return np.tril(wide @ wide.conj().T)


def bound(a):
    return 4 * (a.shape[1] + 2) * np.finfo(a.dtype).eps * (np.abs(a) @ np.abs(a.T)) + np.finfo(a.dtype).tiny


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 6), (23, 40), (70, 3)])
@pytest.mark.parametrize("trans", ["N", "C"])
def test_product_in_every_layout(draw, layout, shape, trans):
    a = draw(*shape)
    stored = layout(a if trans == "N" else a.conj().T)
    c = syrk(stored, trans=trans)
    assert c.flags.f_contiguous
    assert (np.abs(c - exactly(a)) <= bound(a)).all()
    assert np.array_equal(c, np.tril(c))
    assert not c.diagonal().imag.any()


@pytest.mark.parametrize("sign", [1, -1])
def test_accumulate_touches_the_lower_triangle_only(draw, layout, sign):
    a, c = draw(30, 20), draw(30, 30)
    acc = c.copy("F")
    syrk.accumulate(acc, sign, layout(a))
    assert (np.abs(acc - (c + sign * exactly(a))) <= bound(a) + 4 * np.finfo(c.dtype).eps * np.abs(c)).all()
    assert np.array_equal(np.triu(acc, 1), np.triu(c, 1))
    assert np.array_equal(acc.diagonal().imag, c.diagonal().imag)


def test_agrees_with_gemm(draw):
    a = draw(9, 14)
    assert (np.abs(syrk(a) - np.tril(gemm(a, a, transb="C"))) <= 2 * bound(a)).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (4, 0)])
def test_empty(draw, shape):
    assert np.array_equal(syrk(draw(*shape)), np.zeros((shape[0], shape[0])))


def test_refusals(draw):
    with pytest.raises(ValueError, match="trans='T' came"):
        syrk(draw(2, 2), trans="T")
    with pytest.raises(ValueError, match="wants a matrix"):
        syrk(draw(2))
    with pytest.raises(ValueError, match="real factor"):
        syrk.accumulate(np.zeros((2, 2), complex, "F"), 1j, np.ones((2, 2), complex))


def test_shape_and_flops():
    assert syrk.shape((3, 7)) == (3, 3)
    assert syrk.shape((3, 7), trans="C") == (7, 7)
    assert syrk.flops((3, 7)) == 7 * 3 * 4
