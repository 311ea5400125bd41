from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.finite import check_finite, is_finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [(0, 0), (5, 3), (8, 10)])
def test_one_bad_element_is_found(draw, layout, bad, where):
    a = draw(9, 11)
    a[where] = bad
    whole = a.copy()
    with pytest.raises(ValueError, match=r"^array must not contain infs or NaNs$"):
        check_finite(layout(a))
    if a.dtype.kind == "c":
        whole[where] = complex(1, bad)
        assert not is_finite(whole)


def test_infinities_that_cancel_are_found(draw):
    a = draw(4, 4)
    a[0, 0], a[3, 3] = np.inf, -np.inf
    assert not is_finite(a)


def test_finite_elements_with_an_infinite_sum(draw):
    a = draw(4, 4)
    a[...] = np.finfo(a.dtype).max
    assert is_finite(a)


def test_the_tile_itself_comes_back(draw):
    a = draw(4, 4)
    a.flags.writeable = False
    assert check_finite(a) is a


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (1, 1), (5,)])
def test_small_tiles(draw, shape):
    assert is_finite(draw(*shape))
