from __future__ import annotations

import itertools

import numpy as np
import pytest
from kernels.test_kernel_gil import held_the_gil

from numpywren.kernels.bdsdc import bdsdc, bdsdc_values
from numpywren.kernels.gb2bd import gb2bd, gbpack
from numpywren.kernels.lapack_svd import bdsdc as lapack_bdsdc
from numpywren.kernels.lapack_svd import lasda
from numpywren.kernels.sweeps import sweep_factors, sweeps
from numpywren.kernels.threads import single_threaded_blas

#: Order, bandwidth, sweeps at a time: bands narrow and as wide as the matrix, last groups that are shorter.
SIZES = [(1, 1, 1), (2, 1, 1), (3, 2, 5), (9, 1, 4), (9, 8, 3), (17, 4, 5), (30, 7, 29), (41, 10, 6)]


def blocks(draw, n, band):
    """Blocks of an upper band as panels leave them, its first diagonal element real; and the matrix."""
    a = draw(n, n)
    a = np.triu(a) - np.triu(a, band + 1)
    a[0, 0] = a[0, 0].real
    starts = [*range(0, n, band), n]
    rs = [a[i:j, i:j].copy("F") for i, j in itertools.pairwise(starts)]
    ls = [a[i:j, j : j + band].copy("F") for i, j in itertools.pairwise(starts) if j < n]
    return a, rs, ls


def dense(packed, band):
    n = packed.shape[1]
    a = np.zeros((n, n), packed.dtype)
    for j in range(n):
        for i in range(max(0, j - 2 * band + 1), min(n, j + band)):
            a[i, j] = packed[2 * band - 1 + i - j, j]
    return a


def chase(packed, band, group):
    """All groups of sweeps: the last band, and the reflectors."""
    n = packed.shape[1]
    left, right = [], []
    for first in range(0, n - 1, group):
        packed.flags.writeable = False
        before = packed.copy()
        after, *kept = gb2bd(packed, band=band, first=first, count=group)
        assert np.array_equal(packed, before)
        shapes = gb2bd.shape(packed.shape, band=band, first=first, count=group)
        assert shapes == tuple(made.shape for made in (after, *kept))
        (values_only,) = gb2bd(packed, band=band, first=first, count=group, vectors=0)
        assert np.array_equal(values_only, after)
        assert gb2bd.shape(packed.shape, band=band, first=first, count=group, vectors=0) == (after.shape,)
        left.append(kept[:2])
        right.append(kept[2:])
        packed = after
    return packed, left, right


def product(reflectors, n, band, group):
    """The unitary matrix that reflectors stand for."""
    factors = [sweep_factors(v, tau, band=band, first=g * group) for g, (v, tau) in enumerate(reflectors)]
    vs = [v for v, _ in reflectors]
    eye = np.eye(n, dtype=vs[0].dtype, order="F")
    return sweeps([eye], vs[::-1], factors[::-1], band=band, group=group, top=len(vs) - 1)


@pytest.mark.parametrize(("n", "band", "group"), SIZES)
def test_pack_puts_blocks_in_their_place(draw, n, band, group):
    a, rs, ls = blocks(draw, n, band)
    packed = gbpack(rs, ls, band=band)
    assert packed.shape == gbpack.shape([r.shape for r in rs], [x.shape for x in ls], band=band) == (3 * band - 1, n)
    assert np.array_equal(dense(packed, band), a)


@pytest.mark.parametrize(("n", "band", "group"), SIZES)
def test_bidiagonal_in_the_end_by_unitary_matrices(draw, n, band, group):
    a, rs, ls = blocks(draw, n, band)
    last, left, right = chase(gbpack(rs, ls, band=band), band, group)
    b = dense(last, band)
    assert not np.triu(np.tril(b, -1)).any()
    assert np.array_equal(b, np.triu(b) - np.triu(b, 2))
    assert not b.imag.any()
    if n > 1:
        q, p = product(left, n, band, group), product(right, n, band, group)
        tolerance = 10 * n * np.finfo(a.dtype).eps
        assert np.linalg.norm(q.conj().T @ q - np.eye(n)) <= tolerance
        assert np.linalg.norm(q @ b @ p.conj().T - a) <= tolerance * np.linalg.norm(a)


def test_groups_of_any_size_give_the_same_bits(draw):
    _, rs, ls = blocks(draw, 23, 4)
    packed = gbpack(rs, ls, band=4)
    one, *_ = chase(packed, 4, 22)
    several, *_ = chase(packed, 4, 3)
    assert np.array_equal(one, several)


def test_zeros_stay_zeros(dtype):
    packed = np.zeros((3 * 4 - 1, 12), dtype, order="F")
    last, *_ = chase(packed, 4, 5)
    assert not last.any()


def reduced(draw, n, width):
    """A bidiagonal matrix as a band of `width` that has been reduced, and as it is."""
    d, e = draw(n).real, draw(max(n - 1, 0)).real
    packed = np.zeros((3 * width - 1, n), draw(1).dtype, order="F")
    packed[2 * width - 1] = d
    if width > 1:
        packed[2 * width - 2, 1:] = e
        return packed, np.diag(d) + np.diag(e, 1)
    packed[0, 1:] = e
    return packed, np.diag(d) + np.diag(e, 1)


@pytest.mark.parametrize("n", [1, 2, 7, 40, 61])
@pytest.mark.parametrize("band", [1, 3])
@pytest.mark.parametrize("width", [1, 5, 100])
def test_decomposition_of_a_bidiagonal_matrix(draw, n, band, width):
    packed, b = reduced(draw, n, band)
    results = bdsdc(packed, band=band, width=width)
    assert tuple(made.shape for made in results) == bdsdc.shape(packed.shape, band=band, width=width)
    strips = -(-n // width)
    u, v = np.hstack(results[:strips]), np.hstack(results[strips : 2 * strips])
    s = np.vstack(results[2 * strips :])[:, 0]
    assert u.dtype == v.dtype == s.dtype == b.dtype
    tolerance = 20 * n * np.finfo(b.dtype).eps
    assert np.linalg.norm(u.T @ u - np.eye(n)) <= tolerance
    assert np.linalg.norm(v.T @ v - np.eye(n)) <= tolerance
    assert np.linalg.norm((u * s) @ v.T - b) <= tolerance * s[0]
    values = bdsdc_values(packed, band=band, width=width)
    assert tuple(made.shape for made in values) == bdsdc_values.shape(packed.shape, band=band, width=width)
    exact = np.linalg.svd(b.astype(np.float64), compute_uv=False)
    assert np.abs(np.vstack(values)[:, 0] - exact).max() <= 20 * np.finfo(b.dtype).eps * exact[0]


def test_small_singular_values_to_high_relative_accuracy():
    # graded, so that an error of ε ‖B‖ would leave nothing of the smallest
    packed = np.zeros((2, 4), order="F")
    packed[1] = [1.0, 1e-30, 1e-60, 1e-90]
    packed[0, 1:] = [0.5, 0.5e-30, 0.5e-60]
    (s,) = bdsdc_values(packed, band=1, width=4)
    # to first order each value is that of its own scale
    assert np.allclose(np.prod(s[:, 0] * [1, 1e30, 1e60, 1e90]), 1.0, rtol=1e-14)


def test_error_of_large_singular_values_does_not_grow_with_the_order():
    # where dqds alone is off by more than 20 ε
    n, rng = 1200, np.random.default_rng(5)
    packed = np.asfortranarray(np.sqrt(rng.chisquare(np.arange(n, 0, -1), (2, n))))
    *_, s = bdsdc(packed, band=1, width=n)
    (values,) = bdsdc_values(packed, band=1, width=n)
    large = s > s[0] / 4
    assert np.abs(s - values)[large].max() <= 10 * np.finfo(float).eps * s[0]
    assert np.allclose(s, values, rtol=1e-13)


@pytest.mark.parametrize("order", [1, 2, 30, 90])
@pytest.mark.parametrize("zeros", ["above", "diagonal", "all"])
def test_bidiagonal_matrices_that_fall_apart(order, zeros):
    packed = np.asfortranarray(np.random.default_rng(order).standard_normal((2, order)))
    packed[{"above": 0, "diagonal": 1, "all": slice(None)}[zeros], ::3] = 0
    (values,) = bdsdc_values(packed, band=1, width=order)
    exact = np.linalg.svd(np.diag(packed[1]) + np.diag(packed[0, 1:], 1), compute_uv=False)
    assert np.abs(values[:, 0] - exact).max() <= 10 * np.finfo(float).eps * max(exact[0], 1)


@pytest.mark.parametrize("n", [9, 40])
@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 1e-36), (np.float32, 1e36), (np.float64, 1e-300)])
def test_numbers_near_the_ends_of_the_range(dtype, scale, n):
    packed = np.asfortranarray(np.random.default_rng(0).standard_normal((2, n)) * scale, dtype=dtype)
    packed[0, 0] = 0
    u, v, s = (one.astype(np.float64) for one in bdsdc(packed, band=1, width=n))
    exact = (np.diag(packed[1].astype(np.float64)) + np.diag(packed[0, 1:].astype(np.float64), 1)) / scale
    assert np.abs((u * (s.T / scale)) @ v.T - exact).max() < 300 * np.finfo(dtype).eps


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("decompose", [bdsdc, bdsdc_values])
def test_no_numbers_no_convergence(draw, decompose, bad):
    packed, _ = reduced(draw, 5, 2)
    packed[3, 2] = bad
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        decompose(packed, band=2, width=3)


def test_larger_than_lapacks_integers():
    with pytest.raises(ValueError, match="26000"):
        bdsdc(np.broadcast_to(np.float32(0), (2, 26_001)), band=1, width=512)


@pytest.mark.parametrize("letter", "sd")
def test_lapack_releases_the_gil(letter):
    n = 600
    dtype = np.float32 if letter == "s" else np.float64
    rng = np.random.default_rng(0)
    u, vt = np.empty((n, n), dtype, order="F"), np.empty((n, n), dtype, order="F")

    def call():
        d, e = rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)
        assert not lapack_bdsdc(letter, "I", n, d, e, u.ctypes.data, vt.ctypes.data, n)

    with single_threaded_blas():
        assert not held_the_gil(call)


def test_lapack_without_vectors_releases_the_gil():
    rng = np.random.default_rng(0)
    d, e = rng.random(2500), rng.random(2500)
    with single_threaded_blas():
        assert not held_the_gil(lambda: lasda(d.copy(), e.copy()))


def test_chase_releases_the_gil():
    packed = np.asfortranarray(np.random.default_rng(0).standard_normal((3 * 64 - 1, 600)))
    with single_threaded_blas():
        assert not held_the_gil(lambda: gb2bd(packed, band=64, first=0, count=20))
