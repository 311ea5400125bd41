from __future__ import annotations

import numpy as np
import pytest
from kernels.test_kernel_gil import held_the_gil

from numpywren.kernels.ge2gb import (
    column_panel,
    first_columns,
    left_update,
    right_update,
    right_update_last,
    row_panel,
)
from numpywren.kernels.ormbr import ormbr
from numpywren.kernels.threads import single_threaded_blas


def split(a, heights):
    return [np.asfortranarray(piece) for piece in np.split(a, np.cumsum(heights)[:-1])]


def tolerance(a, n=100):
    return n * np.finfo(a.dtype).eps


#: Heights of the tiles of a panel, its width, and its first row: narrow edges, tiles less high than the panel is wide.
PANELS = [([4], 4, 0), ([5, 5, 2], 3, 0), ([5, 5, 2], 2, 3), ([3, 1, 1], 3, 0), ([4, 4], 0, 4), ([6], 2, 4)]


@pytest.mark.parametrize(("heights", "w", "first"), PANELS)
def test_column_panel(draw, heights, w, first):
    a = draw(sum(heights), w)
    others = [draw(sum(heights), 2), draw(sum(heights), 3), draw(sum(heights), 1)]
    vs, xs = [piece for x in others[:2] for piece in split(x, heights)], split(others[2], heights)
    pieces = split(a, heights)
    for piece in pieces:
        piece.flags.writeable = False
    results = column_panel(pieces, vs, xs, first=first)
    shapes = ([x.shape for x in group] for group in (pieces, vs, xs))
    assert column_panel.shape(*shapes, first=first) == tuple(x.shape for x in results)
    *v, t, r, inner = results
    v = np.vstack(v)
    assert not v[:first].any()
    assert np.array_equal(v[first : first + w], np.tril(v[first : first + w], -1) + np.eye(w))
    q = np.eye(len(a)) - v @ t @ v.conj().T
    assert np.linalg.norm(q.conj().T @ q - np.eye(len(a))) <= tolerance(a)
    expected = np.zeros_like(a)
    expected[first : first + w] = np.triu(r)
    assert not r.diagonal().imag.any()
    a[:first] = 0
    assert np.allclose(q.conj().T @ a, expected, atol=tolerance(a))
    assert np.allclose(inner, v.conj().T @ np.hstack(others), atol=tolerance(a))


@pytest.mark.parametrize(("widths", "w", "first"), [*PANELS, ([3], 2, 2), ([3], 2, 3)])
def test_row_panel(draw, widths, w, first):
    n = sum(widths)
    a, y, u_before = draw(w, n), draw(3, n), draw(n, 2)
    pieces = [piece.T.copy("F") for piece in split(a.T, widths)]
    yhs, us = [piece.T.copy("F") for piece in split(y.T, widths)], split(u_before, widths)
    results = row_panel(pieces, yhs, us, first=first)
    if n - first >= w:
        shapes = ([x.shape for x in group] for group in (pieces, yhs, us))
        assert row_panel.shape(*shapes, first=first) == tuple(x.shape for x in results)
    *u, t, lower, inner = results
    u = np.vstack(u)
    k = min(w, n - first)
    assert u.shape == (n, k)
    assert not u[:first].any()
    p = np.eye(n) - u @ t @ u.conj().T
    a[:, :first] = 0
    expected = np.zeros_like(a)
    expected[:, first : first + k] = np.tril(lower)
    assert np.allclose(a @ p, expected, atol=tolerance(a))
    assert np.allclose(inner, np.vstack([y, u_before.conj().T]) @ u, atol=tolerance(a))


def test_updates_agree_with_the_matrix_that_they_stand_for(draw):
    """One step on a matrix of one tile row and column, with panels before: products are with the current matrix."""
    m, w = 9, 2
    s, v0, x0, u0, yh0 = draw(m, m), draw(m, w), draw(m, w), draw(m, w), draw(w, m)
    current = s - v0 @ yh0 - x0 @ u0.conj().T
    v, t = draw(m, w), draw(w, w)
    inner = np.asfortranarray(v.conj().T @ np.hstack([v0, x0]))
    args = (np.asfortranarray(v.conj().T @ s), inner, t, [yh0], [u0], s, [v0, v], [x0])
    yh, rows = left_update(*args, first=2, done=4)
    expected = t.conj().T @ v.conj().T @ current
    expected[:, :4] = 0
    assert np.allclose(yh, expected, atol=tolerance(s, 2000))
    current -= v @ yh
    assert np.allclose(rows[:, 4:], current[2:4, 4:], atol=tolerance(s, 2000))
    assert not rows[:, :4].any()
    shape = left_update.shape(
        *([x.shape for x in a] if isinstance(a, list) else a.shape for a in args), first=2, done=4
    )
    assert shape == (yh.shape, rows.shape)

    u, z = draw(m, w), draw(w, w)
    inner = np.asfortranarray(np.vstack([yh0, yh, u0.conj().T]) @ u)
    args = (np.asfortranarray(s @ u), inner, z, [v0, v], [x0], s, [yh0, yh], [u0, u])
    options = {"first": 4, "width": 3, "done": 4}
    x, columns = right_update(*args, **options)
    expected = current @ u @ z
    expected[:4] = 0
    assert np.allclose(x, expected, atol=tolerance(s, 5000))
    current -= x @ u.conj().T
    assert np.allclose(columns, current[:, 4:7], atol=tolerance(s, 20000))
    shape = right_update.shape(*([x.shape for x in a] if isinstance(a, list) else a.shape for a in args), **options)
    assert shape == (x.shape, columns.shape)
    assert np.array_equal(right_update_last(*args[:5], done=4), x)


def test_first_columns(draw):
    a = draw(5, 4)
    for width in (1, 4, 9):
        assert np.array_equal(first_columns(a, width=width), a[:, :width])
        assert first_columns.shape(a.shape, width=width) == (5, min(4, width))


@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("full", [0, 1])
def test_ormbr(draw, right, full):
    heights, panels, w = [4, 4, 3], 2, 2
    m = sum(heights)
    n = m - 1 if full else m
    q = np.eye(m, dtype=draw(1).dtype)
    vs, ts, like = [], [], [draw(h, 1) for h in heights]
    for step in range(3):
        for panel in range(panels):
            start = step * 4 + (panel + right) * w
            if start >= m:
                continue
            tiles = split(draw(m, min(w, m - start)), heights)[step + (right and (panel + 1) // panels) :]
            *v, t, _, _ = column_panel(tiles, [], [], first=start % 4)
            vs += v
            ts.append(t)
            whole = np.zeros((m, t.shape[0]), q.dtype)
            whole[m - sum(x.shape[0] for x in v) :] = np.vstack(v)
            q = q @ (np.eye(m) - whole @ t @ whole.conj().T)
    z = draw(n, n)
    bottom = np.zeros((m, m), q.dtype)
    bottom[:n, :n] = z
    bottom[range(n, m), range(n, m)] = 1
    for strip in range(3):
        begin, end = 4 * strip, min(4 * strip + 4, m)
        zs = [np.asfortranarray(z[:, begin : min(end, n)])]
        options = {"strip": strip, "panels": panels, "right": right, "full": full}
        results = ormbr(zs, like, vs, ts, **options)
        shapes = ([x.shape for x in group] for group in (zs, like, vs, ts))
        assert ormbr.shape(*shapes, **options) == tuple(x.shape for x in results)
        expected = q @ bottom[:, begin : end if full else min(end, n)]
        assert np.allclose(np.vstack(results), expected, atol=tolerance(z, 500))


def test_ormbr_of_a_strip_with_no_columns_of_z(draw):
    like, v = [draw(2, 1), draw(3, 1)], draw(5, 2)
    *vs, t, _, _ = column_panel(split(v, [2, 3]), [], [])
    results = ormbr([], like, vs, [t], strip=1, panels=1, full=1)
    q = np.eye(5) - np.vstack(vs) @ t @ np.vstack(vs).conj().T
    assert np.allclose(np.vstack(results), q[:, 2:], atol=tolerance(v))


def test_nothing_holds_the_gil():
    rng = np.random.default_rng(0)
    tiles = [np.asfortranarray(rng.standard_normal((500, 128))) for _ in range(6)]
    strip = np.asfortranarray(rng.standard_normal((3000, 256)))
    with single_threaded_blas():
        *v, t, _, _ = column_panel(tiles, [], [])
        assert not held_the_gil(lambda: column_panel(tiles, v, []))
        assert not held_the_gil(lambda: ormbr([strip], tiles, v, [t], strip=0, panels=1))
