"""Eigenproblems of one tile and of a tridiagonal matrix, and what functions of matrices are made of."""

from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.heevd import heevd, heevd_values
from numpywren.kernels.spectral import half_exponentials, half_roots, log_pivots, scale_columns
from numpywren.kernels.stedc import stedc_piece, stedc_values, sterf, tridiagonal


def hermitian(draw, n):
    a = draw(n, n)
    return np.asfortranarray(a + a.conj().T)


def bound(a, dtype):
    return 30 * np.finfo(dtype).eps * max(1.0, np.linalg.norm(a))


@pytest.mark.parametrize(("n", "first", "count"), [(0, 0, 0), (1, 0, 1), (2, 0, 2), (9, 0, 9), (9, 2, 3), (40, 39, 1)])
def test_heevd(draw, dtype, layout, n, first, count):
    a = hermitian(draw, n)
    rubbish = np.tril(a) + np.triu(draw(n, n), 1)
    w, z = heevd(layout(rubbish), first=first, count=count)
    assert (w.shape, z.shape) == heevd.shape(a.shape, first=first, count=count) == ((count, 1), (n, count))
    assert w.dtype == a.real.dtype
    assert z.dtype == dtype
    assert np.linalg.norm(a @ z - z * w.T) <= bound(a, dtype)
    assert np.linalg.norm(z.conj().T @ z - np.eye(count)) <= bound(np.eye(n), dtype)
    every = np.linalg.eigvalsh(a)
    assert np.abs(w[:, 0] - every[first : first + count]).max(initial=0) <= bound(a, dtype)
    values = heevd_values(layout(rubbish), first=first, count=count)
    assert np.abs(values - w).max(initial=0) <= bound(a, dtype)


@pytest.mark.parametrize(("n", "pieces"), [(1, 1), (2, 2), (30, 1), (30, 4), (31, 8)])
def test_pieces_and_what_was_taken_off_are_the_matrix(draw, dtype, n, pieces):
    band = 1000 * draw(5, n)
    d, e = band[0].real, band[1, : n - 1].real
    a = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
    made = np.zeros_like(a)
    for piece in range(pieces):
        start, stop = piece * n // pieces, (piece + 1) * n // pieces
        known = band.copy()
        known[:, stop:] = np.inf  # not yet reduced
        taken = tridiagonal(known, band, start=start, stop=stop)
        assert taken.shape == tridiagonal.shape(band.shape, band.shape, start=start, stop=stop)
        assert taken.dtype == d.dtype
        assert 0.5 <= np.abs(band).max() / 2 ** taken[0, 2] <= 1
        ends, q = stedc_piece(taken)
        assert (ends.shape, q.shape) == stedc_piece.shape(taken.shape)
        assert ends.dtype == q.dtype == d.dtype
        (values,) = stedc_values(taken, [ends])
        assert (values.shape,) == stedc_values.shape(taken.shape, (ends.shape,))
        assert np.array_equal(ends[:, 1:3], q[[0, -1]].T)
        made[start:stop, start:stop] += q * values[:, 0] @ q.T
        if start:
            cut = slice(start - 1, start + 1)
            made[cut, cut] += [[abs(e[start - 1]), e[start - 1]], [e[start - 1], abs(e[start - 1])]]
    assert np.linalg.norm(made - a) <= bound(a, dtype)


@pytest.mark.parametrize(("n", "first", "count"), [(1, 0, 1), (2, 0, 2), (30, 0, 30), (30, 5, 11)])
def test_sterf(draw, dtype, n, first, count):
    band = draw(5, n)
    d, e = band[0].real, band[1, : n - 1].real
    values = sterf(band, first=first, count=count)
    assert values.shape == sterf.shape(band.shape, first=first, count=count)
    a = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
    assert np.abs(values[:, 0] - np.linalg.eigvalsh(a)[first : first + count]).max() <= bound(a, dtype)


def test_what_does_not_converge_says_so():
    band = np.full((2, 60), np.nan)
    for call in (
        lambda: sterf(band, first=0, count=60),
        lambda: tridiagonal(band, band, start=0, stop=30),
        lambda: heevd(np.full((60, 60), np.nan), first=0, count=60),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
            call()


def test_not_square(draw):
    with pytest.raises(ValueError, match="square"):
        heevd(draw(2, 3), first=0, count=2)


def test_half_functions_square_to_the_whole(dtype):
    values = np.array([[0.0], [0.25], [2.0]], np.dtype(dtype).type(0).real.dtype)
    first, second = half_exponentials([values[:2], values[2:]])
    assert np.allclose(np.concatenate([first, second]) ** 2, np.exp(values))
    (roots,) = half_roots([values])
    assert roots.dtype == values.dtype
    assert np.allclose(roots**4, values)


def test_negative_eigenvalues():
    eps = np.finfo(np.float64).eps
    assert half_roots([np.array([[-2 * eps], [1.0], [1.0]])])[0][0, 0] == 0
    with pytest.raises(np.linalg.LinAlgError, match=r"-1e-05.*add_diagonal"):
        half_roots([np.array([[-1e-5], [1.0]])])
    assert half_roots([]) == ()


def test_scale_columns_and_log_pivots(draw, dtype):
    a, w = draw(4, 3), np.array([[1.0], [2.0], [0.5]], np.dtype(dtype).type(0).real.dtype)
    scaled = scale_columns(a, w)
    assert scaled.dtype == dtype
    assert np.array_equal(scaled, a * w[:, 0])
    factor = np.tril(draw(4, 4), -1) + np.diag([1, 2, 3, 4]).astype(dtype)
    (value,) = log_pivots(factor).ravel()
    assert value.dtype == w.dtype
    assert np.isclose(value, 2 * np.log(24))


def test_no_length_is_taken_from_memory_that_lapack_left_alone(monkeypatch):
    empty = np.empty

    def poisoned(shape, dtype=float, **options):
        made = empty(shape, dtype, **options)
        made.fill(np.inf if made.dtype.kind in "fc" else 0)
        return made

    monkeypatch.setattr(np, "empty", poisoned)
    w, _ = heevd(np.eye(5, dtype=np.float32), first=0, count=5)
    assert (w == 1).all()
