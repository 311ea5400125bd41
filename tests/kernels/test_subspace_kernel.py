from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.moments import as_vector, explained, join_moments, means_and_deviations, moments
from numpywren.kernels.sketch import TYPES
from numpywren.kernels.small_svd import (
    adjoint_rows,
    join_phases,
    largest_entries,
    spectrum_of_triangle,
)
from numpywren.kernels.spectral import scale_columns
from numpywren.kernels.stacked_qr import stacked_qr
from numpywren.kernels.subspace import centred_gemm, leading_directions, normal_product, project, spectrum

WIDTHS = [(3, 4), (5,), (300, 130), (1, 1, 1)]


def wide(dtype):
    return np.result_type(dtype, np.float64)


def close(found, wanted, factor=50):
    scale = max(1.0, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=factor * np.finfo(found.dtype).eps * scale)


def shifts(draw, rows, widths, centred):
    across = [draw(1, width) for width in widths] if centred == 1 else []
    down = [draw(rows, 1)] if centred == 2 else []
    return across, down


def whole(tiles, across, down):
    a = np.hstack(tiles).astype(wide(tiles[0].dtype))
    if across:
        a = a - np.hstack(across)
    return a - down[0] if down else a


@pytest.mark.parametrize("centred", [0, 1, 2])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("widths", WIDTHS)
def test_normal_product(draw, layout, widths, step, centred):
    tiles, q = [draw(7, width) for width in widths], draw(sum(widths), 4)
    across, down = shifts(draw, 7, widths, centred)
    a = whole(tiles, across, down)
    wanted = a.conj().T @ (a @ q)
    laid = [layout(tile) for tile in tiles]
    found = normal_product(laid, layout(q), across, down, step=step)
    assert found.dtype == (wide(q.dtype) if step == 0 else q.dtype)
    assert found.flags.f_contiguous
    assert found.shape == normal_product.shape(tuple(t.shape for t in tiles), q.shape, (), (), step=step)
    close(found.astype(q.dtype), wanted, 300)
    acc = found.copy(order="F")
    normal_product.accumulate(acc, 1, laid, layout(q), across, down, step=step)
    close(acc.astype(q.dtype), 2 * wanted, 300)
    with pytest.raises(ValueError, match="normal_product"):
        normal_product.accumulate(acc, -1, laid, q, across, down, step=step)


def test_the_first_product_of_single_precision_is_made_in_double():
    rng = np.random.default_rng(0)
    a = np.asfortranarray(rng.standard_normal((9, 6)).astype(np.float32))
    q = np.asfortranarray(rng.standard_normal((6, 3)).astype(np.float32))
    wanted = a.astype(float).T @ (a.astype(float) @ q.astype(float))
    assert (
        np.abs(normal_product([a], q, [], [], step=0) - wanted).max()
        < 1e-13
        < np.abs(normal_product([a], q, [], [], step=1) - wanted).max()
    )


@pytest.mark.parametrize("centred", [0, 1, 2])
@pytest.mark.parametrize("heights", [(6,), (6, 4, 1), (1, 1)])
def test_project(draw, layout, heights, centred):
    widths = (3, 5)
    rows = [[draw(height, width) for width in widths] for height in heights]
    q = draw(8, 4)
    across = [draw(1, width) for width in widths] if centred == 1 else []
    down = [draw(height, 1) for height in heights] if centred == 2 else []
    a = np.vstack([whole(row, across, down[i : i + 1]) for i, row in enumerate(rows)])
    *pieces, r, z = project([layout(tile) for row in rows for tile in row], layout(q), across, down, columns=2)
    shapes = project.shape(tuple(t.shape for row in rows for t in row), q.shape, (), (), columns=2)
    assert tuple(x.shape for x in (*pieces, r, z)) == shapes
    assert all(x.dtype == q.dtype and x.flags.f_contiguous for x in (*pieces, r, z))
    basis = np.concatenate(pieces)
    close(basis.conj().T @ basis, np.eye(basis.shape[1]))
    close(basis @ r, a @ q, 200)
    close(z, a.conj().T @ (a @ q), 500)


def test_leading_directions(draw):
    z = draw(20, 5) * np.array([1, 1e-2, 1e-3, 1e-4, 1e-5]).astype(np.float32)
    q = draw(20, 5)
    found = leading_directions(z.astype(wide(z.dtype)), q)
    assert found.dtype == z.dtype
    length = np.exp2(np.rint(np.log2(np.linalg.norm(found[:, 0]))))
    sigma = np.sqrt(np.linalg.norm(z, 2) / np.linalg.norm(q[:, 0]))
    assert 0.2 < length * sigma < 5
    found = found / length
    close(found.conj().T @ found, np.eye(5))
    left, s, _ = np.linalg.svd(z.astype(wide(z.dtype)), full_matrices=False)
    assert np.all(np.abs(np.sum(found.conj() * left, axis=0)) > 0.99)
    assert np.all(np.diff(s) < 0)


def test_spectrum_of_a_sketch(draw):
    a = draw(12, 9)
    q = np.asfortranarray(np.linalg.svd(a)[2][:4].conj().T)
    basis, r = np.linalg.qr(a @ q)
    w, s, v = spectrum(np.asfortranarray(a.conj().T @ (a @ q)), q, np.asfortranarray(r), rank=3)
    assert tuple(x.shape for x in (w, s, v)) == spectrum.shape((9, 4), (9, 4), (4, 4), rank=3)
    true = np.linalg.svd(a, compute_uv=False)
    close(s, true[:3], 100)
    assert s.dtype == np.empty(0, a.dtype).real.dtype
    residual = a - (basis @ w * s) @ v.conj().T
    close(np.linalg.svd(residual, compute_uv=False)[0], true[3], 200)
    largest = v[np.abs(v).argmax(axis=0), np.arange(3)]
    close(largest, np.abs(largest))


def test_spectrum_of_a_triangle(draw):
    r = np.asfortranarray(np.triu(draw(5, 5)))
    w, s, v = spectrum_of_triangle(r, rank=5)
    close((v * s) @ w.conj().T, r, 100)
    w, s, v = spectrum_of_triangle(r, rank=2)
    assert tuple(x.shape for x in (w, s, v)) == spectrum_of_triangle.shape((5, 5), rank=2)


@pytest.mark.parametrize("adjoint", [0, 1])
@pytest.mark.parametrize("shape", [(4, 300), (300, 4), (1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("along", [0, 1])
def test_centred_gemm(draw, layout, shape, adjoint, along):
    a, b = draw(*shape), draw(shape[0] if adjoint else shape[1], 3)
    shift = draw(1, shape[1]) if along else draw(shape[0], 1)
    centred = (a - shift).astype(wide(a.dtype))
    wanted = (centred.conj().T if adjoint else centred) @ b
    found = centred_gemm(layout(a), layout(b), layout(shift), adjoint=adjoint)
    assert found.dtype == a.dtype
    assert found.shape == centred_gemm.shape(a.shape, b.shape, shift.shape, adjoint=adjoint)
    close(found, wanted, 200)
    acc = found.copy(order="F")
    centred_gemm.accumulate(acc, 1, a, b, shift, adjoint=adjoint)
    close(acc, 2 * wanted, 200)


@pytest.mark.parametrize("heights", [(7,), (2, 1, 3), (1, 1), (0, 4)])
def test_stacked_qr(draw, layout, heights):
    tiles = [draw(height, 4) for height in heights]
    *pieces, r = stacked_qr([layout(tile) for tile in tiles])
    assert tuple(x.shape for x in (*pieces, r)) == stacked_qr.shape(tuple(t.shape for t in tiles))
    assert all(x.dtype == r.dtype == tiles[0].dtype and x.flags.f_contiguous for x in pieces)
    basis = np.concatenate(pieces)
    close(basis.conj().T @ basis, np.eye(basis.shape[1]))
    close(basis @ r, np.concatenate(tiles))
    assert np.array_equal(r, np.triu(r))


def test_signs(draw):
    parts = [draw(4, 3), draw(5, 3), 0 * draw(2, 3)]
    phases = join_phases([largest_entries(part) for part in parts])
    close(np.abs(phases), np.ones((1, 3)))
    turned = np.concatenate([scale_columns(part, phases) for part in parts])
    largest = turned[np.abs(turned).argmax(axis=0), np.arange(3)]
    close(largest, np.abs(largest))
    assert np.array_equal(join_phases([largest_entries(parts[2])]), np.ones((1, 3)))


def test_adjoint_rows(draw, layout):
    v = draw(7, 3)
    parts = [adjoint_rows(layout(v), part=part, chunk=3) for part in range(3)]
    assert [part.shape for part in parts] == [adjoint_rows.shape((7, 3), part=part, chunk=3) for part in range(3)]
    assert np.array_equal(np.hstack(parts), v.conj().T)


@pytest.mark.parametrize("adjoint", [0, 1])
def test_moments(draw, layout, adjoint):
    tiles = [draw(height, 130) + 10 for height in (6, 1, 9)]
    laid = [layout(np.asfortranarray(tile.conj().T) if adjoint else tile) for tile in tiles]
    pieces = [moments(tile, adjoint=adjoint) for tile in laid]
    assert all(
        piece.shape == moments.shape(tile.shape, adjoint=adjoint) for piece, tile in zip(pieces, laid, strict=True)
    )
    x = np.concatenate(tiles).astype(wide(tiles[0].dtype))
    count, mean, squares = join_moments([pieces[0], join_moments(pieces[1:])])
    assert np.all(count == 16)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(squares, 16 * x.var(axis=0), rtol=1e-12)
    code = TYPES.index(tiles[0].dtype)
    row, total = means_and_deviations(pieces, code=code)
    assert row.dtype == tiles[0].dtype
    np.testing.assert_allclose(as_vector(row), x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(total, [[16 * x.var(axis=0).sum()]], rtol=1e-12)


def test_moments_of_nothing():
    nothing = moments(np.empty((0, 3), order="F"))
    some = moments(np.asfortranarray([[1.0, 2, 3], [3, 2, 1]]))
    for pieces in ([nothing, some], [some, nothing], [nothing, some, nothing]):
        np.testing.assert_array_equal(join_moments(pieces), some)


def test_explained():
    s = np.array([3.0, 1.0], np.float32)
    variance, ratio = explained(s, [np.full((1, 1), 6.0), np.full((1, 1), 14.0)], count=6)
    assert variance.dtype == ratio.dtype == np.float32
    np.testing.assert_allclose(variance, [9 / 5, 1 / 5], rtol=1e-6)
    np.testing.assert_allclose(ratio, [9 / 20, 1 / 20], rtol=1e-6)
