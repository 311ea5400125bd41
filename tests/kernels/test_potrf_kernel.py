from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.linalg

from numpywren.kernels.failures import LeadingMinorError
from numpywren.kernels.potrf import potrf

SIZES = [1, 2, 31, 127, 128, 129, 200, 256, 257, 300, 520]


def definite(draw, n):
    g = draw(n, n)
    a = g @ g.conj().T + np.eye(n)
    return np.asfortranarray(a.astype(g.dtype))


def backward_error(a, factor):
    """Residual against |L| |L|ᴴ, entry by entry: at most (n + 1) units or so (Higham 2002, theorem 10.3)."""
    wide = factor.astype(np.clongdouble if a.dtype.kind == "c" else np.longdouble)
    residual = np.abs(np.tril(wide @ wide.conj().T - a))
    return float(np.max(residual / np.maximum(np.abs(factor) @ np.abs(factor).T, np.finfo(a.dtype).tiny)))


@pytest.mark.parametrize("n", SIZES)
def test_backward_error(draw, n):
    a = definite(draw, n)
    a.flags.writeable = False
    before = a.copy()
    factor = potrf(a)
    assert factor.flags.f_contiguous
    assert factor.dtype == a.dtype
    assert np.array_equal(a, before)
    assert np.array_equal(factor, np.tril(factor))
    assert not factor.diagonal().imag.any()
    assert (factor.diagonal().real > 0).all()
    assert backward_error(a, factor) <= 4 * (n + 2) * np.finfo(a.dtype).eps


def test_no_worse_than_scipy_on_an_ill_conditioned_matrix(dtype):
    n = 300
    grid = np.linspace(0, 1, n)
    nearly_singular = np.exp(-50 * np.abs(grid[:, None] - grid)) + 1e-5 * np.eye(n)
    a = np.asfortranarray(nearly_singular.astype(dtype))
    ours, theirs = backward_error(a, potrf(a)), backward_error(a, scipy.linalg.cholesky(a, lower=True))
    assert ours <= 4 * max(theirs, np.finfo(dtype).eps)


def test_every_layout(draw, layout):
    a = definite(draw, 150)
    assert np.array_equal(potrf(layout(a)), potrf(a))


def test_only_the_lower_triangle_is_read(draw):
    a = definite(draw, 200)
    dirty = a.copy("F")
    dirty[np.triu_indices(200, 1)] = np.nan
    assert np.array_equal(potrf(dirty), potrf(a))


def test_empty(dtype):
    assert potrf(np.empty((0, 0), dtype)).shape == (0, 0)


@pytest.mark.parametrize("n", [1, 100, 128, 129, 300, 520])
@pytest.mark.parametrize("pivot", [-1.0, 0.0, np.nan])
def test_failure_gives_the_exact_minor(draw, n, pivot):
    rng = np.random.default_rng(n)
    for minor in {1, n, *rng.integers(1, n + 1, size=5)}:
        a = np.eye(n)
        a[minor - 1, minor - 1] = pivot
        with pytest.raises(LeadingMinorError) as failure:
            potrf(np.asfortranarray(a.astype(draw(1).dtype)))
        assert failure.value.minor == minor


@pytest.mark.parametrize("n", [150, 400])
def test_failure_agrees_with_lapack(draw, n):
    g = draw(n, n)
    a = definite(draw, n)
    for shift in (0.5, 2, 8):
        b = np.asfortranarray((a - shift * np.abs(g).mean() * n / 4 * np.eye(n)).astype(a.dtype))
        _, info = scipy.linalg.lapack.get_lapack_funcs("potrf", [b])(b, lower=True)
        if info:
            with pytest.raises(LeadingMinorError) as failure:
                potrf(b)
            assert failure.value.minor == info


@pytest.mark.parametrize("where", [(40, 3), (300, 10), (300, 299), (511, 400)])
def test_nan_off_the_diagonal_fails_in_its_row(draw, where):
    a = definite(draw, 520)
    a[where] = np.nan
    with pytest.raises(LeadingMinorError) as failure:
        potrf(a)
    assert failure.value.minor == where[0] + 1


def test_error_says_what_failed_and_travels():
    with pytest.raises(np.linalg.LinAlgError, match=r"leading minor of order 2 .* not positive definite") as failure:
        potrf(np.array([[1.0, 2], [2, 1]]))
    copy = pickle.loads(pickle.dumps(failure.value))
    assert isinstance(copy, LeadingMinorError)
    assert copy.minor == 2


def test_refusals(draw):
    with pytest.raises(ValueError, match="square"):
        potrf(draw(2, 3))
    with pytest.raises(TypeError, match="float64"):
        potrf(np.eye(2, dtype=int))


def test_shape_and_flops():
    assert potrf.shape((5, 5)) == (5, 5)
    assert potrf.flops((6, 6)) == 6**3 / 3 + 6**2 / 2 + 6 / 6
