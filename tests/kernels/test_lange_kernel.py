from __future__ import annotations

import math

import numpy as np
import pytest

from numpywren.kernels.lange import (
    add_sums_of_squares,
    column_sums,
    largest,
    largest_of,
    norm_of_squares,
    row_sums,
    sum_of_squares,
)

SHAPES = [(1, 1), (7, 5), (300, 400), (5,), (0, 4), (4, 0)]


def frobenius(*tiles):
    return float(norm_of_squares(add_sums_of_squares([sum_of_squares(tile) for tile in tiles]))[0, 0].real)


@pytest.mark.parametrize("shape", SHAPES)
def test_pieces_in_every_layout(draw, layout, shape):
    a = draw(*shape)
    laid = layout(a)
    matrix = np.abs(a.reshape(-1, 1) if a.ndim == 1 else a).astype(np.longdouble)
    close = {"rtol": 50 * np.finfo(a.dtype).eps, "atol": 0}
    np.testing.assert_allclose(frobenius(laid), float(np.sqrt((matrix**2).sum())), **close)
    np.testing.assert_allclose(column_sums(laid).real, matrix.sum(axis=0, keepdims=True), **close)
    np.testing.assert_allclose(row_sums(laid).real, matrix.sum(axis=1, keepdims=True), **close)
    np.testing.assert_allclose(largest(laid)[0, 0].real, matrix.max(initial=0), **close)
    for kernel in (sum_of_squares, column_sums, row_sums, largest):
        piece = kernel(laid)
        assert piece.dtype == a.dtype
        assert piece.flags.f_contiguous
        assert piece.shape == kernel.shape(a.shape)


def test_pieces_combine(draw):
    tiles = [draw(3, 4), 1000 * draw(5, 2), draw(0, 7), 0 * draw(2, 2)]
    total = math.sqrt(sum(float((np.abs(tile).astype(float) ** 2).sum()) for tile in tiles))
    np.testing.assert_allclose(frobenius(*tiles), total, rtol=20 * np.finfo(tiles[0].dtype).eps)
    biggest = max(np.abs(tile).max() for tile in tiles if tile.size)
    assert largest_of([largest(tile) for tile in tiles])[0, 0] == biggest


@pytest.mark.parametrize("exponent", ["max", "tiny", "smallest_subnormal"])
def test_no_overflow_and_no_underflow(draw, exponent):
    a = draw(1, 1)
    value = float(getattr(np.finfo(a.dtype), exponent))
    a[...] = value
    assert frobenius(a) == value
    halves = np.full((2, 8), value / 8 if exponent == "max" else value, a.dtype, "F")
    assert frobenius(halves) == pytest.approx(value / 2 if exponent == "max" else 4 * value, rel=1e-6)
    assert frobenius(a, 0 * a) == value


def test_norm_that_does_not_fit_is_infinite(draw):
    a = draw(3, 3)
    a[...] = np.finfo(a.dtype).max
    assert frobenius(a) == np.inf
    assert np.isinf(column_sums(a).real).all()
    assert np.isinf(row_sums(a).real).all()


def test_zero(draw):
    assert frobenius(0 * draw(3, 3)) == 0
    assert frobenius(draw(0, 3)) == 0


def test_infinities_and_nans_show(draw):
    a, b = draw(4, 4), draw(4, 4)
    a[1, 2] = np.inf
    assert frobenius(a, b) == np.inf
    assert largest(a)[0, 0] == np.inf
    b[0, 0] = np.nan
    assert math.isnan(frobenius(b))
    assert math.isnan(frobenius(a, b))
    assert math.isnan(largest(b)[0, 0].real)
    assert math.isnan(largest_of([largest(a), largest(b)])[0, 0].real)
    assert math.isnan(column_sums(b)[0, 0].real)
    assert math.isnan(row_sums(b)[0, 0].real)


def test_flops():
    assert sum_of_squares.flops((3, 4)) == 24
    assert add_sums_of_squares.flops(((2, 1), (2, 1))) == 8
    assert norm_of_squares.flops((2, 1)) == 2
    assert largest_of.shape(((1, 1),)) == (1, 1)
