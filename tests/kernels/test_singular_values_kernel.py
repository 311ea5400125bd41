from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels import singular_values as kernels


def columns(*pieces, dtype=np.float64):
    return [np.array(piece, dtype).reshape(-1, 1) for piece in pieces]


def test_rank_counts_what_is_not_negligible():
    values = columns([4.0, 2.0], [1e-3], [0.0])
    assert kernels.rank(values, rtol=1e-9).tolist() == [[3]]
    assert kernels.rank(values, rtol=0.5).tolist() == [[1]], "the bound itself counts as zero"
    assert kernels.rank(values, rtol=1e-9).dtype == np.int64
    assert kernels.rank([], rtol=0.1).tolist() == [[0]]
    assert kernels.rank(columns([0.0, 0.0]), rtol=0.1).tolist() == [[0]]


def test_residual_count():
    assert kernels.residual_count(columns([4.0], [2.0]), rtol=0.1, columns=7).tolist() == [[7]]
    assert kernels.residual_count(columns([4.0], [0.2]), rtol=0.1, columns=7).tolist() == [[0]]
    assert kernels.residual_count([], rtol=0.1, columns=7).tolist() == [[7]]


def test_division(draw):
    s, top = columns([2.0, 1e-9], [8.0])
    z, v = draw(2, 3), draw(4, 2)
    rows = kernels.rows_divided(z, s.astype(z.real.dtype), top, rtol=1e-6)
    assert rows.dtype == z.dtype
    assert np.allclose(rows, z * [[0.5], [0]])
    across = kernels.columns_divided(v, s.astype(z.real.dtype), top, rtol=1e-6)
    assert across.dtype == v.dtype
    assert np.allclose(across, v * [0.5, 0])
    with pytest.raises(ValueError, match="one for each row"):
        kernels.rows_divided(draw(3, 2), s, top, rtol=0.1)
    with pytest.raises(ValueError, match="one for each column"):
        kernels.columns_divided(draw(2, 3), s, top, rtol=0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers(dtype):
    values = columns([4.0, 2.0], [1.0], dtype=dtype)
    numbers = {
        "largest": kernels.largest(values),
        "smallest": kernels.smallest(values),
        "nuclear": kernels.nuclear(values),
        "ratio": kernels.ratio(values),
        "inverse": kernels.ratio(values, inverse=1),
    }
    assert {name: x.tolist() for name, x in numbers.items()} == {
        "largest": [[4]],
        "smallest": [[1]],
        "nuclear": [[7]],
        "ratio": [[4]],
        "inverse": [[0.25]],
    }
    assert {x.dtype for x in numbers.values()} == {np.dtype(dtype)}
    assert kernels.ratio(columns([1.0, 0.0], dtype=dtype)) == np.inf
    assert kernels.ratio(columns([0.0, 0.0], dtype=dtype)) == np.inf
    assert kernels.ratio(columns([1.0, 0.0], dtype=dtype), inverse=1) == 0
    assert kernels.ratio(columns([1e30, 1e-30], dtype=dtype)) == dtype(np.inf if dtype == np.float32 else 1e60)


def test_squares_of_the_tail(draw):
    tiles = [draw(3, 2), draw(4, 2)]
    whole = np.vstack(tiles)
    for k in (0, 2, 3, 5, 7):
        sums = kernels.tail_squares(tiles, [draw(k, 9)])
        assert sums.shape == (2, 1) == kernels.tail_squares.shape([(3, 2), (4, 2)], [(k, 9)])
        assert sums.dtype == whole.real.dtype
        assert np.allclose(sums[:, 0], (np.abs(whole[k:]) ** 2).sum(0))
    assert np.allclose(kernels.tail_squares(tiles, [])[:, 0], (np.abs(whole) ** 2).sum(0))
