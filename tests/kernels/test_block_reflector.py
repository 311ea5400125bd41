import numpy as np
import pytest

from numpywren.kernels.block_reflector import apply_block


@pytest.fixture
def parts(draw):
    """Three tiles of a V of 3 columns and 9 rows, and a T."""
    return [draw(2, 3), draw(3, 3), draw(4, 3)], draw(3, 3)


@pytest.mark.parametrize(("above", "zeros", "columns"), [(0, 0, 5), (2, 0, 1), (3, 1, 5), (3, 2, 5), (1, 0, 0)])
def test_it_is_the_product_with_its_matrix(draw, parts, above, zeros, columns):
    tiles, t = parts
    v = np.concatenate([np.zeros((above, 3), t.dtype), *tiles])
    v[above : above + zeros] = 0
    z = np.asfortranarray(draw(9 + above, columns))
    wanted = z - v @ t @ v.conj().T @ z
    apply_block(z, tiles, t, zeros)
    assert np.allclose(z, wanted, rtol=1e-4, atol=1e-4)


def test_no_tiles_are_the_identity(draw):
    z = np.asfortranarray(draw(4, 2))
    before = z.copy()
    apply_block(z, [], draw(3, 3))
    assert np.array_equal(z, before)


def test_what_does_not_fit_is_no_memory_error(draw, parts):
    tiles, t = parts
    for bad in ((draw(8, 2), tiles, t), (draw(9, 2), tiles, draw(2, 2)), (draw(9, 2), tiles, draw(3, 2))):
        with pytest.raises(ValueError, match="must be those of T"):
            apply_block(np.asfortranarray(bad[0]), *bad[1:])
