"""Band to tridiagonal form, and the reflectors of that applied in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.hb2st import hb2st, hbpack
from numpywren.kernels.sweeps import hop_count, hop_rows, sweep_factors, sweeps

#: Order, bandwidth, sweeps in a group.
CASES = [
    (1, 1, 1),
    (2, 1, 1),
    (3, 1, 2),
    (5, 2, 2),
    (9, 2, 3),
    (20, 3, 7),
    (33, 8, 5),
    (50, 7, 50),
    (10, 9, 4),
    (90, 40, 33),
    (140, 129, 70),
]


def band_of(draw, n, band):
    a = draw(n, n)
    return np.tril(np.triu(a + a.conj().T, -band), band)


def packed(a, band):
    n = len(a)
    return hbpack([np.tril(a)[c : c + 2 * band, c : c + band] for c in range(0, n, band)], band=band)


def reduce(a, band, group):
    """Tridiagonal matrix, and the reflectors by groups."""
    state, vs, taus = packed(a, band), [], []
    for first in range(0, len(a) - 1, group):
        state, v, tau = hb2st(state, band=band, first=first, count=group)
        vs.append(v)
        taus.append(tau)
    return state, vs, taus


def tridiagonal(state):
    d, e = state[0], state[1, : state.shape[1] - 1]
    return np.diag(d) + np.diag(e, -1) + np.diag(e.conj(), 1)


def product(vs, taus, n, band, group, dtype):
    """The reflectors multiplied one by one, in double precision."""
    q = np.eye(n, dtype=np.result_type(dtype, np.float64))
    for g, (v, tau) in enumerate(zip(vs, taus, strict=True)):
        for c in range(v.shape[1]):
            for hop in range(hop_count(n, band, g * group + c)):
                rows = slice(*hop_rows(n, band, g * group + c, hop))
                x = v[rows, c].astype(q.dtype)
                q[:, rows] -= tau[hop, c] * np.outer(q[:, rows] @ x, x.conj())
    return q


def close(a, b, dtype, scale=1.0):
    return np.linalg.norm(a - b) <= 50 * np.finfo(dtype).eps * scale * max(1.0, len(a)) ** 0.5


@pytest.mark.parametrize(("n", "band", "group"), CASES)
def test_similar_to_a_real_tridiagonal_matrix(draw, dtype, n, band, group):
    a = band_of(draw, n, band)
    state, vs, taus = reduce(a, band, group)
    assert np.array_equal(state[1, : n - 1].imag, np.zeros(n - 1))
    q = product(vs, taus, n, band, group, dtype)
    assert close(q @ tridiagonal(state) @ q.conj().T, a, dtype, np.linalg.norm(a) + 1)
    assert close(q.conj().T @ q, np.eye(n), dtype)


@pytest.mark.parametrize(("n", "band", "group"), CASES)
def test_blocks_of_sweeps_are_the_product_of_the_reflectors(draw, dtype, n, band, group):
    _, vs, taus = reduce(band_of(draw, n, band), band, group)
    z = draw(n, 6)
    want = product(vs, taus, n, band, group, dtype) @ z
    fs = [sweep_factors(v, t, band=band, first=g * group) for g, (v, t) in enumerate(zip(vs, taus, strict=True))]
    assert [sweep_factors.shape(v.shape, t.shape, band=band, first=0) for v, t in zip(vs, taus, strict=True)] == [
        f.shape for f in fs
    ]
    pieces = [np.asfortranarray(z[top : top + 5]) for top in range(0, n, 5)]
    got = sweeps(pieces, vs[::-1], fs[::-1], band=band, group=group, top=len(vs) - 1)
    shapes = [tuple(x.shape for x in each) for each in (pieces, vs[::-1], fs[::-1])]
    assert sweeps.shape(*shapes, band=band, group=group, top=len(vs) - 1) == got.shape
    assert got.dtype == dtype
    assert got.flags.f_contiguous
    assert close(got, want, dtype, np.linalg.norm(z))
    # in two steps, and of a strip of no columns
    if len(vs) > 1:
        part = sweeps([z], vs[:0:-1], fs[:0:-1], band=band, group=group, top=len(vs) - 1)
        assert np.array_equal(sweeps([part], vs[:1], fs[:1], band=band, group=group, top=0), got)
    assert sweeps([z[:, :0]], vs[::-1], fs[::-1], band=band, group=group, top=len(vs) - 1).shape == (n, 0)


def test_groups_make_no_difference(draw):
    a = band_of(draw, 30, 4)
    whole, pieces = reduce(a, 4, 29), reduce(a, 4, 5)
    assert np.array_equal(whole[0][:2], pieces[0][:2])
    assert np.array_equal(np.hstack(whole[1]), np.hstack(pieces[1]))


def test_without_vectors_the_same_matrix_comes(draw):
    a = packed(band_of(draw, 21, 4), 4)
    with_vectors, v, tau = hb2st(a, band=4, first=0, count=20)
    without, *empty = hb2st(a, band=4, first=0, count=20, vectors=0)
    assert np.array_equal(with_vectors, without)
    assert [x.shape for x in empty] == [(0, 0), (0, 0)]
    assert hb2st.shape(a.shape, band=4, first=0, count=20) == (a.shape, v.shape, tau.shape)
    assert hb2st.shape(a.shape, band=4, first=0, count=20, vectors=0) == (a.shape, (0, 0), (0, 0))


def test_any_layout_and_arguments_stay_as_they_are(draw, layout):
    a = packed(band_of(draw, 14, 3), 3)
    z = draw(14, 5)
    state, v, tau = hb2st(a, band=3, first=0, count=13)
    f = sweep_factors(v, tau, band=3, first=0)
    want = sweeps([z], [v], [f], band=3, group=13, top=0)
    got = sweeps([layout(z)], [layout(v)], [layout(f)], band=3, group=13, top=0)
    assert np.array_equal(got, want)
    assert np.array_equal(hb2st(layout(a), band=3, first=0, count=13)[0], state)
    assert np.array_equal(sweep_factors(layout(v), layout(tau), band=3, first=0), f)


def test_a_tridiagonal_matrix_is_left_alone():
    d, e = np.arange(1.0, 9), np.arange(2.0, 9)
    a = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
    state, _, tau = hb2st(packed(a, 3), band=3, first=0, count=7)
    assert np.array_equal(state[0], d)
    assert np.array_equal(state[1, :7], e)
    assert not tau.any()


def test_flops():
    assert hb2st.flops((9, 100), band=4, first=0, count=99) == pytest.approx(6 * 4 * 100**2, rel=0.02)
    assert sweeps.flops(((60, 7), (40, 7)), ((100, 99),), ((5, 5),), band=4, group=99, top=0) == pytest.approx(
        2 * 7 * 100**2, rel=0.02
    )


def test_refusals():
    with pytest.raises(ValueError, match="as many columns"):
        sweep_factors(np.zeros((5, 2)), np.zeros((2, 3)), band=2, first=0)
    for pieces in ([np.zeros((3, 2)), np.zeros((2, 2))], [np.zeros((2, 2)), np.zeros((2, 3))]):
        with pytest.raises(ValueError, match=r"\(4, 2\).*one width"):
            sweeps(pieces, [np.zeros((4, 2))], [np.zeros((2, 2))], band=2, group=4, top=0)
