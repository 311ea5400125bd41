"""Steps of the reduction to a band, against the formulas on whole matrices."""

from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.he2hb import he2hb_block, he2hb_inner, he2hb_panel, he2hb_update
from numpywren.kernels.hemm import hemm, her2k
from numpywren.kernels.ormtr import cut_rows, ormtr


def tolerance(dtype, *arrays):
    return 200 * np.finfo(dtype).eps * max(1.0, *(np.linalg.norm(a) for a in arrays))


def rows_of(a, tile):
    return [np.asfortranarray(a[i : i + tile]) for i in range(0, len(a), tile)]


@pytest.mark.parametrize(("n", "tile", "band"), [(12, 4, 2), (13, 6, 3), (7, 6, 2), (5, 4, 4), (9, 3, 1)])
def test_panels_of_a_tile_column_make_a_band(draw, dtype, n, tile, band):
    """Two sided: Qᴴ A Q of the first tile column, panel by panel, is a band there."""
    a = draw(n, n)
    a = a + a.conj().T
    columns = rows_of(a[:, :tile], tile)
    ratio = tile // band
    q = np.eye(n, dtype=dtype)
    vs, ws, blocks = [], [], []
    for at in range(ratio):
        if (at + 1) * band >= n:
            break
        *v, t, block = he2hb_panel(columns, vs, ws, band=band, at=at)
        shapes = he2hb_panel.shape(tuple(c.shape for c in columns), (), (), band=band, at=at)
        assert shapes[:-1] == tuple(x.shape for x in (*v, t))
        full = np.concatenate([np.zeros((n - sum(map(len, v)), band), dtype), *v])
        assert not full[: (at + 1) * band].any()
        q = q @ (np.eye(n) - full @ t @ full.conj().T)
        skipped = len(columns) - len(v)
        assert not skipped or at + 1 == ratio
        before_v = [x for start in range(0, len(vs), len(columns)) for x in vs[start + skipped : start + len(columns)]]
        before_w = [x for start in range(0, len(ws), len(columns)) for x in ws[start + skipped : start + len(columns)]]
        inner = [he2hb_inner(before_v, before_w, v)] if before_v else []
        if inner:
            shape = he2hb_inner.shape(*(tuple(x.shape for x in each) for each in (before_v, before_w, v)))
            assert inner[0].shape == shape
        ys = rows_of(a @ full, tile)[skipped:]
        w = he2hb_update(ys, v, t, before_v, before_w, inner)
        vs += v if not skipped else []
        ws += w if not skipped else []
        blocks.append(block)
    reduced = q.conj().T @ a @ q
    assert np.linalg.norm(q.conj().T @ q - np.eye(n)) <= tolerance(dtype, q)
    for at, block in enumerate(blocks):
        here = np.zeros((n, band), dtype)
        here[at * band : at * band + len(block)] = block
        want = np.tril(reduced)[:, at * band : (at + 1) * band]
        assert np.linalg.norm(here - want) <= tolerance(dtype, a)


def test_the_last_block_has_nothing_below(draw, dtype):
    a = draw(5, 5)
    a = a + a.conj().T
    assert np.array_equal(he2hb_block(a, [], [], band=2, at=2), np.tril(a[4:, 4:]))
    assert np.array_equal(he2hb_block(a, [], [], band=2, at=1), np.tril(a[2:4, 2:4]))
    v, w = draw(5, 2), draw(5, 2)
    want = np.tril((a - v @ w.conj().T - w @ v.conj().T)[2:4, 2:4])
    assert np.linalg.norm(he2hb_block(a, [v], [w], band=2, at=1) - want) <= tolerance(dtype, a, v, w)


@pytest.mark.parametrize(
    ("n", "tile", "ratio", "w"), [(12, 4, 2, 5), (13, 4, 4, 3), (9, 3, 1, 4), (10, 8, 2, 1), (6, 4, 2, 0)]
)
def test_ormtr_applies_panels_from_the_last(draw, dtype, n, tile, ratio, w):
    band, tiles = tile // ratio, -(-n // tile)
    top = -(-n // band) - 2
    z = draw(n, w)
    want, vs, ts = z.copy(), [], []
    for q in range(top, -1, -1):
        v, t = draw(n, band), draw(band, band)
        v[: (q + 1) * band] = 0
        want = want - v @ t @ v.conj().T @ want
        vs += rows_of(v, tile)[(q + 1) // ratio :]
        ts.append(t)
    got = ormtr(z, vs, ts, tiles=tiles, ratio=ratio, top=top)
    assert got.dtype == dtype
    assert np.linalg.norm(got - want) <= tolerance(dtype, want)
    assert ormtr.shape(
        z.shape, tuple(v.shape for v in vs), tuple(t.shape for t in ts), tiles=tiles, ratio=ratio, top=top
    )


def test_ormtr_wants_all_tiles_of_a_panel(draw):
    with pytest.raises(ValueError, match="wants 3 tiles"):
        ormtr(draw(6, 2), [draw(2, 1)], [draw(1, 1)], tiles=3, ratio=2, top=0)


@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("k", [0, 1, 5])
def test_hemm_and_her2k(draw, dtype, layout, n, k):
    a, b, c = draw(n, n), draw(n, k), draw(n, k)
    whole = np.tril(a, -1) + np.tril(a, -1).conj().T + np.diag(a.diagonal().real)
    assert np.linalg.norm(hemm(layout(a), layout(b)) - whole @ b) <= tolerance(dtype, whole @ b)
    acc = np.array(c, order="F")
    hemm.accumulate(acc, -1.0, layout(a), layout(b))
    assert np.linalg.norm(acc - (c - whole @ b)) <= tolerance(dtype, whole @ b)
    update = b @ c.conj().T + c @ b.conj().T
    made = her2k(layout(b), layout(c))
    assert np.linalg.norm(made - np.tril(update)) <= tolerance(dtype, update)
    acc = np.array(whole, order="F")
    her2k.accumulate(acc, -1.0, layout(b), layout(c))
    assert np.linalg.norm(np.tril(acc - (whole - update))) <= tolerance(dtype, update)
    assert np.array_equal(np.triu(acc, 1), np.triu(whole, 1))


def test_refusals(draw):
    with pytest.raises(ValueError, match="square"):
        hemm(draw(2, 3), draw(3, 1))
    with pytest.raises(ValueError, match="one shape"):
        her2k(draw(2, 3), draw(3, 2))


def test_cut_rows(draw):
    a = draw(7, 3)
    pieces = cut_rows(a, length=3)
    assert [p.shape for p in pieces] == list(cut_rows.shape(a.shape, length=3)) == [(3, 3), (3, 3), (1, 3)]
    assert np.array_equal(np.concatenate(pieces), a)
    assert cut_rows(a[:0], length=3) == ()
