from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.trmm import trmm

#: Rows and columns of A: small, and more than one block of rows, of every form of trapezoid.
SHAPES = [(1, 1), (5, 5), (7, 3), (3, 7), (0, 3), (3, 0), (128, 128), (129, 129), (300, 140), (140, 300)]


def trapezoid(draw, m, n, uplo):
    a = draw(m, n)
    return np.asfortranarray(np.tril(a) if uplo == "L" else np.triu(a))


def op(a, trans):
    return {"N": a, "T": a.T, "C": a.conj().T}[trans]


def close(ours, exact, a, b):
    bound = np.abs(a) @ np.abs(b)
    return (np.abs(ours - exact) <= 4 * max(1, b.shape[0]) * np.finfo(ours.dtype).eps * bound).all()


@pytest.mark.parametrize(("m", "n"), SHAPES)
@pytest.mark.parametrize("uplo", ["L", "U"])
@pytest.mark.parametrize("trans", ["N", "T", "C"])
def test_product_and_accumulation(draw, m, n, uplo, trans):
    a = trapezoid(draw, m, n, uplo)
    left = op(a, trans)
    b = draw(left.shape[1], 4)
    a.flags.writeable = b.flags.writeable = False
    product = trmm(a, b, uplo=uplo, trans=trans)
    assert product.shape == trmm.shape(a.shape, b.shape, uplo=uplo, trans=trans)
    assert product.flags.f_contiguous
    assert close(product, left @ b, left, b)
    acc = draw(*product.shape)
    start = acc.copy()
    trmm.accumulate(acc, -1, a, b, uplo=uplo, trans=trans)
    assert close(acc, start - left @ b, np.hstack([left, np.abs(start)]), np.vstack([b, np.ones((4, 4))]))


def test_every_layout(draw, layout):
    a, b = trapezoid(draw, 150, 140, "L"), draw(140, 9)
    assert close(trmm(layout(a), layout(b)), a @ b, a, b)
    c = draw(150, 9)
    assert close(trmm(layout(a), layout(c), trans="C"), a.conj().T @ c, a.conj().T, c)


def test_most_zeros_are_not_multiplied(draw):
    a, b = trapezoid(draw, 300, 300, "L"), draw(300, 2)
    dirty = a.copy("F")
    dirty[:128, 256:] = np.nan
    assert np.array_equal(trmm(dirty, b), trmm(a, b))


def test_refusals(draw):
    with pytest.raises(ValueError, match="inner dimensions"):
        trmm(draw(3, 3), draw(2, 1))
    with pytest.raises(ValueError, match="uplo"):
        trmm(draw(3, 3), draw(3, 1), uplo="X")
    with pytest.raises(ValueError, match="two matrices"):
        trmm(draw(3, 3), draw(3))


def test_flops():
    assert trmm.flops((4, 4), (4, 1)) == 2 * 10
    assert trmm.flops((6, 4), (4, 1)) == 2 * (10 + 8)
    assert trmm.flops((4, 6), (6, 1), uplo="U") == 2 * (10 + 8)
    assert trmm.flops((4, 6), (6, 1)) == 2 * 10
