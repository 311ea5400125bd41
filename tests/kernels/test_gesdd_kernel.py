from __future__ import annotations

import numpy as np
import pytest
from kernels.test_kernel_gil import held_the_gil

from numpywren.kernels.gesdd import gesdd, gesdd_values
from numpywren.kernels.lapack_svd import gesdd as lapack_gesdd
from numpywren.kernels.polar import root_scaled
from numpywren.kernels.threads import single_threaded_blas

SHAPES = [(1, 1), (1, 5), (5, 1), (9, 9), (40, 7), (7, 40), (60, 50), (90, 3), (3, 90)]


@pytest.mark.parametrize("full", [0, 1])
@pytest.mark.parametrize(("m", "n"), [*SHAPES, (4, 0), (0, 4), (0, 0)])
def test_decomposes(draw, m, n, full):
    a = draw(m, n)
    a.flags.writeable = False
    before = a.copy()
    u, s, v = gesdd(a, full=full)
    assert np.array_equal(a, before)
    assert gesdd.shape(a.shape, full=full) == (u.shape, s.shape, v.shape)
    assert (u.dtype, s.dtype, v.dtype) == (a.dtype, a.real.dtype, a.dtype)
    k = min(m, n)
    tolerance = 10 * (max(m, n) + 1) * np.finfo(a.dtype).eps
    assert np.linalg.norm(u.conj().T @ u - np.eye(u.shape[1])) <= tolerance
    assert np.linalg.norm(v.conj().T @ v - np.eye(v.shape[1])) <= tolerance
    assert np.linalg.norm((u[:, :k] * s[:, 0]) @ v[:, :k].conj().T - a) <= tolerance * np.linalg.norm(a)
    assert (np.diff(s[:, 0]) <= 0).all()
    values = gesdd_values(a)
    assert gesdd_values.shape(a.shape) == values.shape
    assert np.allclose(values, s, atol=tolerance * np.linalg.norm(a))


def test_every_layout(draw, layout):
    a = draw(20, 12)
    for ours, theirs in zip(gesdd(layout(a)), gesdd(a), strict=True):
        assert np.array_equal(ours, theirs)
    assert np.array_equal(gesdd_values(layout(a)), gesdd_values(a))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("decompose", [gesdd, gesdd_values])
def test_no_numbers_no_convergence(draw, decompose, bad):
    a = draw(6, 5)
    a[3, 2] = bad
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        decompose(a)


@pytest.mark.parametrize("jobz", "NS")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_lapack_releases_the_gil(dtype, jobz):
    n = 250
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype, order="F")
    u, vh, s = np.empty((n, n), dtype, order="F"), np.empty((n, n), dtype, order="F"), np.empty(n, a.real.dtype)

    def call():
        work = a.copy("F")
        assert not lapack_gesdd(a.dtype, jobz, n, n, work.ctypes.data, s, u.ctypes.data, n, vh.ctypes.data, n)

    with single_threaded_blas():
        assert not held_the_gil(call)


def test_root_scaled(draw):
    v, s = draw(7, 4), np.abs(draw(4, 1))
    scaled = root_scaled(v, s)
    assert scaled.shape == root_scaled.shape(v.shape, s.shape)
    assert scaled.dtype == v.dtype
    assert np.allclose(scaled @ scaled.conj().T, (v * s[:, 0]) @ v.conj().T, atol=100 * np.finfo(v.dtype).eps)
