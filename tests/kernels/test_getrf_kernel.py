from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.test_kernel_gil import held_the_gil

from numpywren.kernels.getrf import factored, gessm, getrf
from numpywren.kernels.laswp import put, take
from numpywren.kernels.pivots import exchanges, pivot_table, places, tiles_and_rows
from numpywren.kernels.threads import single_threaded_blas


def split(a, heights):
    return [np.asfortranarray(part) for part in np.split(a, np.cumsum(heights)[:-1])]


def lapack(a):
    (routine,) = scipy.linalg.get_lapack_funcs(("getrf",), (a,))
    lu, pivots, _ = routine(a)
    return lu, pivots


def flat(place, heights):
    tiles, rows = tiles_and_rows(np.asarray(place, np.int64))
    return np.concatenate([[0], np.cumsum(heights)])[tiles] + rows


@pytest.mark.parametrize(
    ("heights", "n"),
    [([4], 4), ([4, 4, 4], 4), ([5, 5, 2], 3), ([3, 3, 1], 3), ([3], 5), ([7], 2), ([1], 1), ([70, 70, 33], 70)],
)
def test_panel_is_factored_as_lapack_does(draw, layout, heights, n):
    a = draw(sum(heights), n)
    tiles = [layout(tile) for tile in split(a, heights)]
    before = [tile.copy() for tile in tiles]
    *parts, pivots = getrf(tiles)
    assert all(np.array_equal(tile, old) for tile, old in zip(tiles, before, strict=True))
    assert all(part.flags.f_contiguous and part.dtype == a.dtype for part in parts)
    assert [part.shape for part in parts] == [tile.shape for tile in tiles]
    lu, swaps = lapack(a)
    assert np.allclose(np.concatenate(parts), lu, rtol=0, atol=100 * np.finfo(a.dtype).eps * np.abs(a).max())
    assert pivots.dtype == np.int64
    assert np.array_equal(flat(exchanges(pivots[: len(swaps), 0].tolist()), heights), swaps)


def test_rows_of_other_columns_follow(draw):
    heights, n = [5, 5, 3], 5
    a, b = draw(sum(heights), n), draw(sum(heights), 4)
    *parts, pivots = getrf(split(a, heights))
    lower = np.tril(np.concatenate(parts), -1)
    order = scipy.linalg.lu(a, p_indices=True)[0].argsort()
    tiles = split(b, heights)
    top = sum(take(tile, pivots, tile=number) for number, tile in enumerate(tiles))
    rest = [put(tile, tiles[0], pivots, tile=number) for number, tile in enumerate(tiles)][1:]
    moved = np.concatenate([top, *rest])
    assert {row.tobytes() for row in moved} == {row.tobytes() for row in np.ascontiguousarray(b)}
    assert np.array_equal(moved[:n], b[order[:n]])
    upper = np.triu(parts[0])
    rebuilt = lower @ upper + np.concatenate([upper, np.zeros((sum(heights) - n, n), a.dtype)])
    tiles = split(a, heights)
    moved = np.concatenate(
        [
            sum(take(tile, pivots, tile=number) for number, tile in enumerate(tiles)),
            *[put(tile, tiles[0], pivots, tile=number) for number, tile in enumerate(tiles)][1:],
        ]
    )
    assert np.abs(rebuilt - moved).max() <= 50 * np.finfo(a.dtype).eps * np.abs(a).max()


def test_zero_pivots_are_passed_over(draw):
    a = draw(6, 4)
    a[:, 1] = 0
    lu, pivots = getrf([a])
    assert lu[1, 1] == 0
    assert np.isfinite(lu).all()
    zero, pivots = getrf([np.zeros_like(a), np.zeros_like(a)])[::2]
    assert not zero.any()
    assert np.array_equal(pivots[:, 0], np.arange(6))


@pytest.mark.parametrize("n", [1, 3, 70, 130])
def test_what_is_no_number_harms_nobody(draw, n):
    for fill in (np.nan, np.inf):
        a = draw(n, n)
        a[n // 2 :, n // 3 :] = fill
        _, pivots = getrf([a])
        assert np.array_equal(np.sort(pivots[:, 0]), np.arange(n))


def test_same_bits_wherever_it_lies(draw):
    a = draw(160, 70)
    with single_threaded_blas():
        want = getrf(split(a, [80, 80]))
        for offset in range(1, 8):
            room = np.empty(a.size + 16, a.dtype)[offset : offset + a.size].reshape(a.shape, order="F")
            room[...] = a
            got = getrf([room[:80], room[80:]])
            assert all(x.tobytes() == y.tobytes() for x, y in zip(got, want, strict=True))


@pytest.mark.parametrize(("m", "n", "r"), [(4, 4, 3), (3, 5, 2), (90, 90, 10), (0, 0, 3), (0, 4, 2), (3, 3, 0)])
def test_forward_substitution_with_packed_factors(draw, layout, m, n, r):
    lu, b = (draw(m, n) / max(1, n)).astype(draw(1).dtype), draw(m, r)
    x = gessm(layout(b), layout(lu))
    lower = np.tril(lu[:, :m], -1) + np.eye(m)
    assert np.abs(lower @ x - b).max(initial=0) <= 100 * np.finfo(b.dtype).eps * np.abs(x).max(initial=1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_exchanges_and_places(data):
    heights = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    rows = sum(heights)
    count = data.draw(st.integers(0, heights[0]))
    swaps = [data.draw(st.integers(t, rows - 1)) for t in range(count)]
    place = np.concatenate([places(number, height) for number, height in enumerate(heights)])
    table = pivot_table(place[swaps].tolist() if swaps else [], heights[0])
    order = np.arange(rows)
    for t, other in enumerate(swaps):
        order[[t, other]] = order[[other, t]]
    assert np.array_equal(flat(table[:, 0], heights), order[: heights[0]])
    goes = flat(table[:, 1], heights)
    assert np.array_equal(order[goes], np.arange(heights[0]))
    assert flat(exchanges(table[:count, 0].tolist()), heights).tolist() == swaps
    # every row that is not taken stays where it is
    numbers = split(np.arange(rows)[:, None], heights)
    moved = [put(tile, numbers[0], table, tile=number) for number, tile in enumerate(numbers)]
    moved[0] = sum(take(tile, table, tile=number) for number, tile in enumerate(numbers))
    assert np.array_equal(np.concatenate(moved)[:, 0], order)


def test_refusals(draw):
    with pytest.raises(ValueError, match="one width"):
        getrf([draw(2, 2), draw(2, 3)])
    with pytest.raises(ValueError, match="one width"):
        getrf([])
    with pytest.raises(TypeError, match="float64"):
        getrf([np.eye(2, dtype=int)])
    with pytest.raises(ValueError, match="as many rows"):
        gessm(draw(3, 2), draw(4, 4))


def test_shape_and_flops():
    assert getrf.shape(((4, 3), (4, 3), (2, 3))) == ((4, 3), (4, 3), (2, 3), (4, 2))
    assert getrf.flops(((6, 6),)) == pytest.approx(2 * 6**3 / 3)
    assert getrf.flops(((6, 3), (6, 3))) == pytest.approx(12 * 9 - 27 / 3)
    assert gessm.shape((3, 7), (3, 5)) == (3, 7)
    assert gessm.flops((3, 7), (3, 5)) == 63


def test_factorization_releases_the_gil():
    a = np.asfortranarray(np.random.default_rng(3).standard_normal((1500, 1500)))
    with single_threaded_blas():
        assert not held_the_gil(lambda: factored(a.copy("F")))


def test_two_threads_get_what_one_gets(draw):
    tiles = split(draw(300, 100), [100] * 3)
    with single_threaded_blas(), ThreadPoolExecutor(2) as pool:
        alone = getrf(tiles)
        together = list(pool.map(lambda _: getrf(tiles), range(6)))
    assert all(np.array_equal(x, y) for result in together for x, y in zip(alone, result, strict=True))
