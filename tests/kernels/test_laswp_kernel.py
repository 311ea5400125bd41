from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.laswp import gather, put, row_numbers, take
from numpywren.kernels.pivots import pivot_table, places

#: Two rows of tile 1 (of three) and one of tile 2 change places with the first rows of tile 0, of five.
TABLE = pivot_table([int(places(1, 5)[3]), int(places(2, 5)[0]), int(places(1, 5)[1])], 5)


def test_take_gives_the_rows_of_one_tile_and_zeros(draw, layout):
    a = draw(5, 4)
    got = take(layout(a), TABLE, tile=1)
    want = np.zeros_like(a)
    want[0], want[2] = a[3], a[1]
    assert got.flags.f_contiguous
    assert np.array_equal(got, want)
    assert np.array_equal(take(a, TABLE, tile=0)[3:], a[3:])
    assert not take(a, TABLE, tile=7).any()


@pytest.mark.parametrize("sign", [1, -1, 2.0])
def test_take_into_an_accumulator(draw, layout, sign):
    a, acc = draw(5, 4), draw(5, 4)
    want = acc + sign * take(a, TABLE, tile=1)
    take.accumulate(acc, sign, layout(a), TABLE, tile=1)
    assert np.array_equal(acc, want.astype(a.dtype))


def test_put_stands_displaced_rows_where_others_were_taken(draw, layout):
    a, top = draw(5, 4), draw(5, 4)
    got = put(layout(a), layout(top), TABLE, tile=1)
    want = a.copy()
    want[3], want[1] = top[0], top[2]
    assert got.flags.f_contiguous
    assert got.flags.writeable
    assert np.array_equal(got, want)
    assert np.array_equal(put(a, top, TABLE, tile=5), a)


def test_integers_move_as_well():
    a = np.arange(5)[:, None]
    assert take(a, TABLE, tile=2).dtype == a.dtype
    assert put(a, a + 10, TABLE, tile=2)[:, 0].tolist() == [11, 1, 2, 3, 4]


def test_gather(draw, layout):
    a = draw(4, 3)
    have, want = np.array([[7], [2], [9], [4]]), np.array([[9], [1], [7], [7], [20]])
    got = gather(layout(a), have, want)
    expected = np.stack([a[2], 0 * a[0], a[0], a[0], 0 * a[0]])
    assert np.array_equal(got, expected)
    assert np.array_equal(gather(a, have, want[:, 0]), expected)
    acc = draw(5, 3)
    total = acc - expected
    gather.accumulate(acc, -1, layout(a), have, want)
    assert np.array_equal(acc, total)


def test_nothing_to_gather(draw):
    none = np.zeros((0, 1), np.int64)
    assert gather(draw(0, 3), none, np.array([[1]])).tolist() == [[0, 0, 0]]
    assert gather(draw(2, 3), np.array([[0], [1]]), none).shape == (0, 3)


def test_row_numbers():
    assert row_numbers(start=3, stop=6)[:, 0].tolist() == [3, 4, 5]
    assert row_numbers(start=3, stop=2).shape == (0, 1)
    assert row_numbers.shape(start=3, stop=6) == (3, 1)


def test_refusals(draw):
    with pytest.raises(ValueError, match="two columns"):
        take(draw(3, 3), np.zeros((3, 1), np.int64), tile=0)
    with pytest.raises(ValueError, match="do not fit"):
        put(draw(3, 3), draw(4, 3), TABLE, tile=0)
    with pytest.raises(ValueError, match="one for each row"):
        gather(draw(3, 3), np.zeros((2, 1), np.int64), np.zeros((2, 1), np.int64))
