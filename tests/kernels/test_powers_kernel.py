from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.powers import COUNT, LARGEST, POWER, SMALLEST, join_powers, powers, root_of_powers
from numpywren.kernels.rows import cross_rows, geru, row_dots
from numpywren.kernels.sketch import TYPES

KINDS = [(POWER, 2.0), (POWER, 1.0), (POWER, 0.3), (POWER, -1.5), (LARGEST, 0.0), (SMALLEST, 0.0), (COUNT, 0.0)]
ORDERS = {LARGEST: np.inf, SMALLEST: -np.inf, COUNT: 0}


@pytest.mark.parametrize(("kind", "power"), KINDS)
@pytest.mark.parametrize("whole", [0, 1])
@pytest.mark.parametrize("widths", [(5,), (1, 130, 7)])
def test_norms_from_pieces(draw, layout, kind, power, whole, widths):
    tiles = [draw(6, width) for width in widths]
    tiles[0][2] = 0
    if not whole:
        tiles[-1][2, 0] = 3
    options = {"kind": kind, "power": power}
    pieces = [powers(layout(tile), whole=whole, **options) for tile in tiles]
    assert all(piece.shape == powers.shape((6, 1), whole=whole, **options) for piece in pieces)
    code = TYPES.index(tiles[0].dtype)
    found = root_of_powers([pieces[0], join_powers(pieces[1:] or pieces[:1], **options)], code=code, **options)
    x = np.hstack(tiles if len(tiles) > 1 else tiles * 2).astype(np.result_type(tiles[0].dtype, np.float64))
    with np.errstate(divide="ignore"):
        wanted = np.linalg.vector_norm(x, axis=None if whole else 1, ord=ORDERS.get(kind, power), keepdims=True)
    assert found.dtype == np.empty(0, tiles[0].dtype).real.dtype
    np.testing.assert_allclose(found, wanted, rtol=30 * np.finfo(found.dtype).eps)


@pytest.mark.parametrize("shape", [(1, 1), (6, 5), (1, 70000), (3, 0), (0, 4)])
def test_row_dots(draw, layout, shape):
    a, b = draw(*shape), draw(*shape)
    found = row_dots(layout(a), layout(b))
    assert found.dtype == a.dtype
    assert found.shape == row_dots.shape(shape, shape)
    double = np.result_type(a.dtype, np.float64)
    wanted = np.sum(a.conj().astype(double) * b, axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-6 if a.dtype != double else 1e-12, atol=1e-5)


def test_cross_rows(draw, layout):
    a, b = draw(5, 3), draw(5, 3)
    found = cross_rows(layout(a), layout(b))
    assert found.dtype == a.dtype
    assert found.flags.f_contiguous
    np.testing.assert_allclose(found, np.cross(a, b), rtol=0, atol=20 * np.finfo(a.dtype).eps)


def test_geru(draw, layout):
    a, b = draw(5), draw(3)
    found = geru(layout(a), layout(b))
    assert found.flags.f_contiguous
    assert found.shape == geru.shape(a.shape, b.shape)
    assert np.array_equal(found, np.outer(a, b))


@pytest.mark.parametrize("kernel", [row_dots, cross_rows])
def test_tiles_of_two_shapes(draw, kernel):
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 3\)"):
        kernel(draw(2, 3), draw(3, 3))
