"""Kernels of QR factorization: what they factor, what they leave, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.test_kernel_gil import held_the_gil

from numpywren.kernels import lapack_qr
from numpywren.kernels.capsule import LETTERS, address
from numpywren.kernels.fitted import fitted
from numpywren.kernels.geqrt import geqrf, geqrt
from numpywren.kernels.larfb import larfb
from numpywren.kernels.threads import single_threaded_blas
from numpywren.kernels.tpqrt import tpmqrt, tpqrf, tpqrt

#: Heights of tiles, and their width: one tile, several, short first or last ones, wide panels, nothing at all, and more
#: columns than LAPACK is given at once.
PANELS = [
    ([5], 3),
    ([3], 5),
    ([1], 1),
    ([2, 7], 5),
    ([4, 4, 1], 4),
    ([2, 2], 7),
    ([0], 4),
    ([4], 0),
    ([0, 5], 2),
    ([70, 70, 3], 70),
    ([40, 90], 100),
    ([150, 150, 10], 131),
]


def eps(a):
    return float(np.finfo(a.dtype).eps)


def small(error, a, scale=1.0):
    """Whether an error is what rounding leaves of a matrix of this size."""
    return np.linalg.norm(error) <= 30 * eps(a) * np.sqrt(max(1, *a.shape)) * max(scale, 1e-30)


def panel(draw, heights, width):
    tiles = [draw(height, width) for height in heights]
    for tile in tiles:
        tile.flags.writeable = False
    return tiles


@pytest.mark.parametrize(("heights", "width"), PANELS)
@pytest.mark.parametrize("wide", [0, 1])
def test_geqrt(draw, heights, width, wide):
    tiles = panel(draw, heights, width)
    before = [tile.copy() for tile in tiles]
    *v, t, r = results = geqrt(tiles, wide=wide)
    assert [x.shape for x in results] == list(geqrt.shape([tile.shape for tile in tiles], wide=wide))
    assert all(x.flags.f_contiguous and x.flags.writeable and x.dtype == tiles[0].dtype for x in results)
    assert all(np.array_equal(tile, old) for tile, old in zip(tiles, before, strict=True))
    a, v = np.vstack(tiles), np.vstack(v)
    k = min(a.shape)
    q = np.eye(len(a)) - v @ t @ v.conj().T
    assert small(q[:, :k] @ r - a, a, np.linalg.norm(a))
    assert small(q.conj().T @ q - np.eye(len(a)), a)
    assert np.array_equal(r, np.triu(r))
    assert np.array_equal(t, np.triu(t))
    assert np.array_equal(v[:, :k], np.tril(v[:, :k]))
    assert (v.diagonal()[:k] == 1).all()
    assert not v[:, k:].any()
    assert not t[k:].any()
    assert not r.diagonal().imag.any()


@pytest.mark.parametrize(("heights", "width"), PANELS)
def test_r_alone_is_the_same(draw, heights, width):
    tiles = panel(draw, heights, width)
    r = geqrf(tiles)
    assert r.shape == geqrf.shape([tile.shape for tile in tiles])
    assert small(r - geqrt(tiles)[-1], np.vstack(tiles), np.linalg.norm(r))
    assert np.array_equal(r, np.triu(r))


@pytest.mark.parametrize(("heights", "width"), [([5], 3), ([70, 80], 70), ([90], 130)])
def test_signs_are_those_of_lapack(draw, heights, width):
    a = np.vstack(panel(draw, heights, width))
    ours, theirs = geqrf([a]), np.linalg.qr(a, mode="r")
    assert small(ours - theirs, a, np.linalg.norm(a))


@pytest.mark.parametrize("scale", [1e-36, 1e36])
def test_tiny_and_huge_numbers(draw, scale):
    a = draw(90, 70)
    scaled = np.asfortranarray((a * scale).astype(a.dtype))
    v, t, r = geqrt([scaled])
    q = np.eye(90) - v @ t @ v.conj().T
    assert small(q[:, :70] @ (r.astype(np.complex128) / scale) - scaled.astype(np.complex128) / scale, a, 80)
    assert small(q.conj().T @ q - np.eye(90), a)


def test_columns_of_zeros(draw):
    a = draw(80, 70)
    a[:, [0, 3, 40, 69]] = 0
    a[:, 5] = a[:, 4]
    v, t, r = geqrt([a])
    q = np.eye(80) - v @ t @ v.conj().T
    assert small(q[:, :70] @ r - a, a, np.linalg.norm(a))
    assert small(q.conj().T @ q - np.eye(80), a)


def test_every_layout(draw, layout):
    a, b = draw(60, 50), draw(33, 50)
    for ours, plain in zip(geqrt([layout(a), layout(b)]), geqrt([a, b]), strict=True):
        assert np.array_equal(ours, plain)


@pytest.mark.parametrize(
    ("n", "rows"), [(0, 0), (1, 1), (5, 5), (5, 2), (5, 0), (33, 33), (70, 33), (70, 70), (130, 7)]
)
def test_tpqrt(draw, n, rows):
    a, b = np.triu(draw(n, n)), np.triu(draw(rows, n))
    rubbish_a, rubbish_b = a + np.tril(draw(n, n), -1), b + np.tril(draw(rows, n), -1)
    rubbish_a.flags.writeable = rubbish_b.flags.writeable = False
    u, k, r = tpqrt(rubbish_a, rubbish_b)
    assert [u.shape, k.shape, r.shape] == list(tpqrt.shape(a.shape, b.shape))
    assert all(np.array_equal(x, np.triu(x)) for x in (u, k, r))
    assert not u[rows:].any()
    v, both = np.vstack([np.eye(n), u[:rows]]), np.vstack([a, b])
    q = np.eye(n + rows) - v @ k @ v.conj().T
    assert small(q[:, :n] @ r - both, both, np.linalg.norm(both))
    assert small(q.conj().T @ q - np.eye(n + rows), both)
    assert small(tpqrf(rubbish_a, rubbish_b) - r, both, np.linalg.norm(r))


@pytest.mark.parametrize(("n", "rows", "more"), [(5, 5, 0), (5, 5, 3), (5, 2, 0), (40, 40, 1), (4, 0, 2), (0, 0, 2)])
@pytest.mark.parametrize("trans", ["N", "C"])
def test_tpmqrt(draw, n, rows, more, trans):
    u, k, _ = tpqrt(np.triu(draw(n, n)), np.triu(draw(rows, n)))
    v = np.vstack([np.eye(n), u[:rows]])
    q = np.eye(n + rows) - v @ k @ v.conj().T
    q = q.conj().T if trans == "C" else q
    x1, x2 = draw(n + more, 3), draw(rows + more if rows == n else rows, 3)
    y1, y2 = tpmqrt(u, k, x1, [x2], trans=trans)
    wanted = q @ np.vstack([x1[:n], x2[:rows]])
    assert small(np.vstack([y1[:n], y2[:rows]]) - wanted, y1, np.linalg.norm(wanted))
    assert np.array_equal(y1[n:], x1[n:])
    assert np.array_equal(y2[rows:], x2[rows:])
    # nothing below stands for zeros
    y1, y2 = tpmqrt(u, k, x1, [], trans=trans)
    wanted = q @ np.vstack([x1[:n], np.zeros((rows, 3))])
    assert (y1.shape, y2.shape) == tpmqrt.shape(u.shape, k.shape, x1.shape, [], trans=trans)
    assert small(np.vstack([y1[:n], y2[:rows]]) - wanted, y1, 10 * np.linalg.norm(x1))


@pytest.mark.parametrize(("heights", "width"), PANELS)
@pytest.mark.parametrize("trans", ["N", "C"])
def test_larfb(draw, heights, width, trans):
    v0, *v, t, _ = geqrt(panel(draw, heights, width))
    xs = panel(draw, heights, 4)
    results = larfb(v0, v, t, xs[0], xs[1:], trans=trans)
    shapes = larfb.shape(v0.shape, [a.shape for a in v], t.shape, xs[0].shape, [x.shape for x in xs[1:]], trans=trans)
    assert [y.shape for y in results] == list(shapes)
    whole, x = np.vstack([v0, *v]), np.vstack(xs)
    q = np.eye(len(x)) - whole @ t @ whole.conj().T
    wanted = (q.conj().T if trans == "C" else q) @ x
    assert small(np.vstack(results) - wanted, x, np.linalg.norm(wanted))


def test_larfb_takes_missing_rows_for_zeros(draw):
    v0, v1, v2, t, _ = geqrt([draw(6, 4), draw(6, 4), draw(3, 4)])
    short, second = draw(4, 2), draw(6, 2)
    x = np.vstack([short, np.zeros((2, 2)), second, np.zeros((3, 2))])
    whole = np.vstack([v0, v1, v2])
    wanted = x - whole @ t @ (whole.conj().T @ x)
    assert small(np.vstack(larfb(v0, [v1, v2], t, short, [second])) - wanted, short, 9)


def test_fitted(draw):
    a = draw(5, 3)
    assert np.array_equal(fitted(a, draw(3, 1)), a[:3])
    assert np.array_equal(fitted(a, draw(7, 9)), np.vstack([a, np.zeros((2, 3))]))
    assert not np.shares_memory(fitted(a, draw(5, 2)), a)


def test_refusals(draw):
    with pytest.raises(ValueError, match="one width"):
        geqrt([draw(3, 2), draw(3, 3)])
    with pytest.raises(ValueError, match="one width"):
        geqrf([])
    with pytest.raises(ValueError, match="triangles"):
        tpqrt(draw(3, 3), draw(4, 3))
    with pytest.raises(ValueError, match="tpmqrt"):
        tpmqrt(draw(3, 3), draw(3, 3), draw(2, 4), [])
    with pytest.raises(ValueError, match="trans"):
        larfb(draw(3, 2), [], draw(2, 2), draw(3, 1), [], trans="T")
    with pytest.raises(ValueError, match="larfb"):
        larfb(draw(3, 2), [], draw(3, 3), draw(3, 1), [])
    with pytest.raises(TypeError, match="float64"):
        geqrt([np.eye(2, dtype=int)])


def test_flops():
    assert geqrf.flops([(6, 3)]) == pytest.approx(2 * 6 * 9 - 2 * 27 / 3)
    assert geqrf.flops([(3, 3), (3, 3)]) == geqrf.flops([(6, 3)])
    assert geqrt.flops([(6, 3)]) == pytest.approx(3 * 6 * 9 - 27)
    assert tpqrt.flops((3, 3), (3, 3)) == 27


ROUTINES = {
    "geqrt3": lambda letter, a, t, _: lapack_qr.geqrt3(letter, *a.shape, address(a), len(a), address(t), len(t)),
    "tpqrt2": lambda letter, a, t, r: lapack_qr.tpqrt2(
        letter, *a.shape, 0, address(r), len(r), address(a), len(a), address(t), len(t)
    ),
}


@pytest.mark.parametrize("dtype", LETTERS, ids=str)
@pytest.mark.parametrize("name", ROUTINES)
def test_routine_releases_the_gil(name, dtype):
    assert {*ROUTINES} == {*lapack_qr.__all__}, "a routine without a test here"
    rng = np.random.default_rng(1)
    a = np.asfortranarray(rng.standard_normal((40_000, 60)).astype(dtype))
    t, r = np.zeros((60, 60), dtype, order="F"), np.eye(60, dtype=dtype, order="F")
    with single_threaded_blas():
        assert not held_the_gil(lambda: ROUTINES[name](LETTERS[dtype], a, t, r))
