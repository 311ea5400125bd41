from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from numpywren.kernels.getrf_tournament import candidates, contest, crown, tstrf
from numpywren.kernels.laswp import put, take
from numpywren.kernels.pivots import tiles_and_rows


def play(tiles, fan):
    """A whole tournament, the way the program plays it."""
    rounds = [candidates(tiles[g : g + fan], first=g) for g in range(0, len(tiles), fan)]
    while len(rounds) > 1:
        pairs = [rounds[g : g + 2] for g in range(0, len(rounds), 2)]
        rounds = [contest([rows for rows, _ in pair], [where for _, where in pair]) for pair in pairs]
    return crown(tiles[0], *rounds[0])


def factors(tiles, fan):
    """P A, L and U of a panel."""
    lu, pivots = play(tiles, fan)
    n = lu.shape[1]
    moved = [put(tile, tiles[0], pivots, tile=number) for number, tile in enumerate(tiles)]
    moved[0] = sum(take(tile, pivots, tile=number) for number, tile in enumerate(tiles))
    lower = np.concatenate([lu, *[tstrf(tile, lu) for tile in moved[1:]]])
    return np.concatenate(moved), np.tril(lower, -1) + np.eye(*lower.shape), np.triu(lu[:n])


@pytest.mark.parametrize("fan", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("heights", "n"), [([4] * 7, 4), ([4, 4, 4, 1], 4), ([6, 6, 6, 5], 3), ([1] * 5, 1), ([40] * 3, 40)]
)
def test_panel(draw, heights, n, fan):
    tiles = [draw(height, n) * (1 + number) for number, height in enumerate(heights)]
    a = np.concatenate(tiles)
    moved, lower, upper = factors([np.asfortranarray(tile.astype(a.dtype)) for tile in tiles], fan)
    assert {row.tobytes() for row in moved} == {row.tobytes() for row in np.ascontiguousarray(a)}
    error = np.linalg.norm(moved - lower @ upper) / np.linalg.norm(a)
    assert error <= 10 * np.finfo(a.dtype).eps
    assert np.abs(lower).max() < 8 * np.sqrt(n)


def test_one_group_chooses_as_partial_pivoting_does(draw):
    a = draw(12, 5)
    tiles = np.split(a, 2)
    rows, where = candidates([np.asfortranarray(tile) for tile in tiles])
    order = scipy.linalg.lu(a, p_indices=True)[0].argsort()[:5]
    tile, row = tiles_and_rows(where[:, 0])
    assert np.array_equal(6 * tile + row, order)
    assert np.array_equal(rows, a[order])


def test_candidates_know_where_they_come_from(draw):
    _, where = candidates([draw(3, 3), draw(3, 3)], first=4)
    tile, row = tiles_and_rows(where)
    assert set(tile[:, 0].tolist()) <= {4, 5}
    assert row.max() < 3


def test_fewer_rows_than_columns(draw):
    rows, where = candidates([draw(2, 5)])
    assert rows.shape == (2, 5)
    lu, pivots = crown(np.asfortranarray(rows), rows, where)
    assert lu.shape == (2, 5)
    assert pivots.shape == (2, 2)


def test_alone_is_winner(draw):
    rows, where = draw(3, 3), np.arange(3, dtype=np.int64)[:, None]
    won, places = contest([rows], [where])
    assert np.array_equal(won, rows)
    assert np.array_equal(places, where)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_rank_deficient_panel(draw, rank):
    n = 6
    a = (draw(30, rank) @ draw(rank, n)).astype(draw(1).dtype)
    moved, lower, upper = factors([np.asfortranarray(tile) for tile in np.split(a, 5)], 2)
    assert np.isfinite(lower).all()
    assert np.linalg.norm(moved - lower @ upper) <= 30 * np.finfo(a.dtype).eps * max(1, np.linalg.norm(a))


def test_columns_of_zero_pivots_are_zero(draw):
    lu = np.asfortranarray(np.triu(draw(4, 4)) + np.eye(4, dtype=draw(1).dtype))
    lu[2, 2] = 0
    b = draw(7, 4)
    x = tstrf(b, lu)
    assert not x[:, 2].any()
    assert np.isfinite(x).all()
    assert lu[2, 2] == 0
    others = [0, 1, 3]
    want = np.linalg.solve(np.triu(lu)[np.ix_(others, others)].T, b[:, others].T).T
    assert np.allclose(x[:, others], want, rtol=0, atol=1e3 * np.finfo(b.dtype).eps * np.abs(want).max())


def test_layouts(draw, layout):
    lu, b = (draw(5, 5) + 5 * np.eye(5)).astype(draw(1).dtype), draw(3, 5)
    assert np.array_equal(tstrf(layout(b), layout(lu)), tstrf(b, np.asfortranarray(lu)))
    rows, where = candidates([layout(draw(6, 4)), layout(draw(6, 4))])
    assert rows.flags.f_contiguous
    assert where.dtype == np.int64


def test_refusals(draw):
    where = np.zeros((3, 1), np.int64)
    with pytest.raises(ValueError, match="one width"):
        candidates([draw(2, 2), draw(2, 3)])
    with pytest.raises(ValueError, match="a place for each row"):
        contest([draw(3, 3)], [where[:2]])
    with pytest.raises(ValueError, match="crown got"):
        crown(draw(2, 3), draw(3, 3), where)
    with pytest.raises(ValueError, match="U square"):
        tstrf(draw(3, 4), draw(3, 4))


def test_shape_and_flops():
    assert candidates.shape(((4, 3), (4, 3)), first=2) == ((3, 3), (3, 1))
    assert contest.shape(((3, 3), (3, 3)), ((3, 1), (3, 1))) == ((3, 3), (3, 1))
    assert crown.shape((5, 3), (3, 3), (3, 1)) == ((5, 3), (5, 2))
    assert tstrf.shape((5, 3), (3, 3)) == (5, 3)
    assert contest.flops(((3, 3),), ((3, 1),)) == 0
    assert tstrf.flops((5, 3), (3, 3)) == 45
