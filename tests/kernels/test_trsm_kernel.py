from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.linalg

from numpywren.kernels.failures import SingularTileError
from numpywren.kernels.trsm import trsm

VARIANTS = list(itertools.product("LR", "LU", "NTC", "NU"))


def op(x, trans):
    return {"N": x, "T": x.T, "C": x.conj().T}[trans]


def triangle(a, uplo, diag):
    t = np.tril(a) if uplo == "L" else np.triu(a)
    if diag == "U":
        np.fill_diagonal(t, 1)
    return t


def backward_error(t, x, b):
    """Smallest relative change of T, entry by entry, that makes each row or column of X exact (Oettli and Prager)."""
    wide = np.clongdouble if t.dtype.kind == "c" else np.longdouble
    residual = np.abs(t.astype(wide) @ x.astype(wide) - b)
    return float(np.max(residual / np.maximum(np.abs(t) @ np.abs(x), np.finfo(t.dtype).tiny), initial=0))


def hard(draw, n):
    """Triangles, once `triangle` has cut them out, that are ill-conditioned, yet let no float32 solution overflow."""
    a = draw(n, n)
    scale = 0.8 / np.sqrt(n)
    diagonal = np.where(np.arange(n) % 3, 1.5, 0.1)
    return np.asfortranarray((a * scale + np.diag(diagonal)).astype(a.dtype))


@pytest.mark.parametrize(("side", "uplo", "trans", "diag"), VARIANTS)
@pytest.mark.parametrize("n", [1, 2, 33, 64, 65, 130, 257])
def test_backward_error_of_every_variant(draw, side, uplo, trans, diag, n):
    a = hard(draw, n)
    a.flags.writeable = False
    b = draw(n, 7) if side == "L" else draw(7, n)
    before = a.copy(), b.copy()
    x = trsm(b, a, side=side, uplo=uplo, trans=trans, unit=int(diag == "U"))
    assert x.flags.f_contiguous
    assert x.dtype == b.dtype
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
    t = op(triangle(a, uplo, diag), trans)
    error = backward_error(t, x, b) if side == "L" else backward_error(t.T, x.T, b.T)
    assert error <= 4 * (n + 2) * np.finfo(b.dtype).eps


@pytest.mark.parametrize(("side", "uplo", "trans", "diag"), VARIANTS)
def test_every_layout(draw, layout, side, uplo, trans, diag):
    n = 70
    a, b = hard(draw, n), draw(n, 5) if side == "L" else draw(5, n)
    x = trsm(layout(b), layout(a), side=side, uplo=uplo, trans=trans, unit=int(diag == "U"))
    t = op(triangle(a, uplo, diag), trans)
    error = backward_error(t, x, b) if side == "L" else backward_error(t.T, x.T, b.T)
    assert error <= 4 * (n + 2) * np.finfo(b.dtype).eps


@pytest.mark.parametrize("uplo", "LU")
@pytest.mark.parametrize("trans", "NTC")
def test_no_worse_than_scipy(draw, uplo, trans):
    n = 200
    a, b = hard(draw, n), draw(n, 20)
    t = op(triangle(a, uplo, "N"), trans)
    ours = backward_error(t, trsm(b, a, uplo=uplo, trans=trans), b)
    theirs = backward_error(t, scipy.linalg.solve_triangular(a, b, lower=uplo == "L", trans=trans), b)
    assert ours <= 4 * max(theirs, np.finfo(b.dtype).eps)


def test_vector_right_hand_side(draw):
    a = np.asfortranarray((draw(90, 90) / 20 + 2 * np.eye(90)).astype(draw(1).dtype))
    b = draw(90)
    x = trsm(b, a)
    assert x.shape == (90,)
    assert np.array_equal(x, trsm(b[:, None], a)[:, 0])


def test_only_the_triangle_is_read(draw):
    a, b = draw(80, 80) / 10 + np.eye(80), draw(80, 3)
    a = a.astype(b.dtype)
    dirty = a.copy("F")
    dirty[np.triu_indices(80, 1)] = np.nan
    assert np.array_equal(trsm(b, np.asfortranarray(a)), trsm(b, dirty))
    np.fill_diagonal(dirty, np.nan)
    assert np.isfinite(trsm(b, dirty, unit=1)).all()


def test_one_tile_as_both_arguments(draw):
    a = (draw(20, 20) + 10 * np.eye(20)).astype(draw(1).dtype)
    assert backward_error(np.tril(a), trsm(a, a), a) <= 100 * np.finfo(a.dtype).eps


@pytest.mark.parametrize("side", "LR")
@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 4), (4, 0)])
def test_empty(draw, side, n, m):
    b = draw(n, m) if side == "L" else draw(m, n)
    a = np.asfortranarray(np.eye(n).astype(b.dtype))
    assert trsm(b, a, side=side).shape == b.shape


def test_singular_triangle_names_the_element(draw):
    a = draw(5, 5)
    a[3, 3] = a[4, 4] = 0
    with pytest.raises(np.linalg.LinAlgError, match=r"element \(3, 3\)") as failure:
        trsm(draw(5, 2), a)
    assert isinstance(failure.value, SingularTileError)
    assert failure.value.index == 3
    assert np.isfinite(trsm(draw(5, 2), a, unit=1)).all()


def test_refusals(draw):
    a = draw(3, 3)
    for option in ("side", "uplo", "trans"):
        with pytest.raises(ValueError, match=f"{option}='X' came"):
            trsm(a, a, **{option: "X"})
    with pytest.raises(ValueError, match="square matrix"):
        trsm(a, draw(3, 2))
    with pytest.raises(ValueError, match=r"order 3 .* wants 3 rows"):
        trsm(draw(2, 3), a)
    with pytest.raises(ValueError, match=r"order 3 .* wants 3 columns"):
        trsm(draw(3, 2), a, side="R")
    with pytest.raises(ValueError, match="vector on side 'L'"):
        trsm(draw(3), a, side="R")


def test_shape_and_flops():
    assert trsm.shape((3, 7), (3, 3)) == (3, 7)
    assert trsm.flops((3, 7), (3, 3)) == 3 * 3 * 7
    assert trsm.flops((7, 3), (3, 3), side="R") == 7 * 3 * 3
    assert trsm.flops((3,), (3, 3)) == 9
