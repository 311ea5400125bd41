from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.diagonal import add_diagonal, diagonal, identity, trace


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3), (1, 1), (0, 0), (0, 2), (2, 0)])
def test_add_diagonal(draw, layout, shape):
    a = draw(*shape)
    c = add_diagonal(layout(a), alpha=1.5)
    assert c.flags.f_contiguous
    assert c.dtype == a.dtype
    assert np.array_equal(c, a + np.eye(*shape, dtype=a.dtype) * a.dtype.type(1.5))


def test_add_diagonal_refuses_a_complex_number_for_a_real_tile():
    with pytest.raises(TypeError, match="complex number"):
        add_diagonal(np.eye(2), alpha=1j)
    assert np.array_equal(add_diagonal(np.eye(2, dtype=complex), alpha=1j), np.eye(2) * (1 + 1j))


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (1, 1), (0, 4), (4, 0)])
@pytest.mark.parametrize("offset", [0, 1, 2, 7, 20])
def test_diagonal_of_one_tile(draw, layout, shape, offset):
    a = draw(*shape)
    got = diagonal(layout(a), offset=offset)
    want = a[:, offset:].diagonal()
    assert np.array_equal(got, want[:, None])
    assert diagonal.shape(shape, offset=offset) == got.shape


@pytest.mark.parametrize("widths", [(4,), (2, 2), (1, 4, 2), (3, 0, 3), (1, 1, 1, 1, 1, 1, 1)])
@pytest.mark.parametrize("offset", range(9))
def test_diagonal_across_tiles(draw, widths, offset):
    tiles = [draw(4, width) for width in widths]
    want = np.concatenate(tiles, axis=1)[:, offset:].diagonal()
    got = diagonal(tiles, offset=offset)
    assert np.array_equal(got, want[:, None])
    assert diagonal.shape(tuple(tile.shape for tile in tiles), offset=offset) == got.shape


def test_diagonal_refusals(draw):
    with pytest.raises(ValueError, match="one height"):
        diagonal([draw(3, 3), draw(2, 3)])
    with pytest.raises(ValueError, match="transpose"):
        diagonal(draw(3, 3), offset=-1)


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (0, 0)])
def test_trace(draw, layout, shape):
    a = draw(*shape)
    t = trace(layout(a))
    assert t.dtype == a.dtype
    assert t.shape == trace.shape(shape) == (1, 1)
    np.testing.assert_allclose(t[0, 0], np.trace(a), rtol=1e-5)


def test_identity(draw):
    a = draw(3, 5)
    assert np.array_equal(identity(a), np.eye(3, 5))
    assert identity(a).dtype == a.dtype


@pytest.mark.parametrize("kernel", [trace, identity])
def test_vectors_are_refused(draw, kernel):
    with pytest.raises(ValueError, match="want a matrix"):
        kernel(draw(3))
