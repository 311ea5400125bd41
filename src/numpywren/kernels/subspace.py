"""Subspace iteration on a row of tiles: each number of A is read once for a product with A and one with Aᴴ.

A may be centred on the way: then `across` holds a row for each tile of the row of tiles, or `down` a column for each
row of tiles, to be subtracted from its tiles. Both are empty otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from numpywren.kernels import blas
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import LETTERS, NDArray, address, common_dtype
from numpywren.kernels.layout import Shape, operand
from numpywren.kernels.small_svd import factors, phases_of
from numpywren.lambdapack.kernel import kernel

__all__ = ["centred_gemm", "leading_directions", "normal_product", "project", "spectrum"]

Shapes = tuple[Shape, ...]

#: Columns of a tile that are centred, or converted, at a time: what is made of them stays in the cache.
_PANEL = 128
#: Condition number of the sketch, its columns of length 1, up to which its triangle is divided by.
_WELL_CONDITIONED = 100.0


def _product_flops(tiles: Shapes, q: Shape, across: Shapes = (), down: Shapes = (), **_: object) -> float:
    """4 elements(A) l, for both products."""
    return 4.0 * q[1] * sum(rows * columns for rows, columns in tiles)


def _panels(
    tile: NDArray, dtype: np.dtype[np.generic], across: NDArray | None, down: NDArray | None
) -> Iterator[tuple[slice, NDArray]]:
    """Columns of a tile, centred and of this type: all of them in place where there is nothing to do."""
    if across is None and down is None and tile.dtype == dtype:
        yield slice(0, tile.shape[1]), tile
        return
    for start in range(0, tile.shape[1], _PANEL):
        part = slice(start, min(start + _PANEL, tile.shape[1]))
        panel = tile[:, part].astype(dtype, order="F")
        if across is not None:
            panel -= across[:, part]
        if down is not None:
            panel -= down
        yield part, panel


def _add_product(c: NDArray, a: NDArray, b: NDArray, trans: str) -> None:
    """C ← C + op(A) B, where C is rows of a column-major matrix."""
    m, n = c.shape
    k = a.shape[1] if trans == "N" else a.shape[0]
    if not (m and n and k):
        return
    left, right = operand(a, c.dtype, trans), operand(b, c.dtype)
    ld = c.strides[1] // c.itemsize if n > 1 else max(1, m)
    blas.gemm(
        LETTERS[c.dtype], left.trans, right.trans, m, n, k, 1.0,
        left.where, left.ld, right.where, right.ld, 1.0, address(c), ld,
    )  # fmt: skip


class _Row:
    """A row of tiles side by side, as one matrix."""

    def __init__(
        self, tiles: Sequence[NDArray], across: Sequence[NDArray], down: NDArray | None, dtype: np.dtype[np.generic]
    ) -> None:
        self.tiles, self.across, self.down, self.dtype = tiles, across, down, dtype

    def _pieces(self) -> Iterator[tuple[slice, NDArray]]:
        first = 0
        for number, tile in enumerate(self.tiles):
            shift = self.across[number] if self.across else None
            for part, panel in _panels(tile, self.dtype, shift, self.down):
                yield slice(first + part.start, first + part.stop), panel
            first += tile.shape[1]

    def times(self, q: NDArray) -> NDArray:
        """The product with a tall matrix."""
        y = np.zeros((self.tiles[0].shape[0], q.shape[1]), self.dtype, order="F")
        for part, panel in self._pieces():
            _add_product(y, panel, q[part], "N")
        return y

    def add_adjoint_times(self, z: NDArray, y: NDArray) -> None:
        """Add to `z` the product of the conjugate transpose with `y`."""
        for part, panel in self._pieces():
            _add_product(z[part], panel, y, "C")


def _working_dtype(tiles: Sequence[NDArray], q: NDArray, step: int) -> np.dtype[np.generic]:
    dtype = common_dtype(*tiles, q)
    # The first sketch is of AᴴA with nothing known of its spectrum: what it is to hold to single precision of A has
    # to be computed in double.
    return np.result_type(dtype, np.float64) if step == 0 else dtype


def _accumulate_normal(
    acc: NDArray,
    sign: complex,
    tiles: Sequence[NDArray],
    q: NDArray,
    across: Sequence[NDArray],
    down: Sequence[NDArray],
    *,
    step: int,
) -> None:
    dtype = _working_dtype(tiles, q, step)
    if sign != 1 or acc.dtype != dtype:
        raise ValueError(f"normal_product is added to a sum of {dtype}; it was to be {sign} times added to {acc.dtype}")
    row = _Row(tiles, across, down[0] if down else None, dtype)
    row.add_adjoint_times(acc, row.times(np.asarray(q, dtype)))


@kernel(shape=lambda tiles, q, across=(), down=(), step=0: q, flops=_product_flops, accumulate=_accumulate_normal)
def normal_product(
    tiles: Sequence[NDArray], q: NDArray, across: Sequence[NDArray], down: Sequence[NDArray], *, step: int
) -> NDArray:
    """Part of AᴴA Q that some rows of A give: Rᴴ (R Q) for a row R of tiles.

    Parameters
    ----------
    tiles : list of ndarray, shapes (m, n1), (m, n2), …
    q : ndarray, shape (n, l)
    across : list of ndarray, shapes (1, n1), (1, n2), …, or empty
    down : list of one ndarray of shape (m, 1), or empty
    step : int
        Computed in double precision if 0.

    Returns
    -------
    ndarray, shape (n, l)
    """
    dtype = _working_dtype(tiles, q, step)
    result = np.zeros(q.shape, dtype, order="F")
    _accumulate_normal(result, 1, tiles, q, across, down, step=step)
    return result


@kernel(shape=lambda z, q: q, flops=lambda z, q: 6.0 * z[0] * z[1] ** 2)
def leading_directions(z: NDArray, q: NDArray) -> NDArray:
    """Orthogonal basis of the columns of `z`, turned so that its vectors are near to singular vectors, largest first.

    Parameters
    ----------
    z : ndarray, shape (n, l)
        AᴴA Q.
    q : ndarray, shape (n, l)
        Q, of any scale; its type is that of the result.

    Returns
    -------
    ndarray, shape (n, l)
        All columns are of the same length: a power of two near 1 / σ, σ being the largest singular value of A. So the
        product of A with them is near 1 and AᴴA times them near σ, and neither leaves the range of the type.

    Notes
    -----
    Householder QR is backward stable column by column, so that small columns of `z` count as much as large ones. With
    the basis turned, the columns of the next product fall off with the singular values, and it keeps, to working
    precision, what a product AᴴA of the same columns in another order would drown in rounding.
    """
    orthonormal, triangle = np.linalg.qr(z)
    left, values, _ = np.linalg.svd(triangle)
    exponent = (_exponent(values) - _exponent(q)) // 2 if values.any() else 0
    most = int(np.finfo(q.dtype).maxexp) - 8
    length = np.ldexp(q.real.dtype.type(1), -max(-most, min(exponent, most)))
    return np.asfortranarray((orthonormal @ left).astype(q.dtype) * length)


def _exponent(a: NDArray) -> int:
    """Power of two just above the largest modulus."""
    return int(np.frexp(np.abs(a).max(initial=0))[1])


def _project_shape(tiles: Shapes, q: Shape, across: Shapes, down: Shapes, *, columns: int) -> Shapes:
    heights = [tiles[first][0] for first in range(0, len(tiles), columns)]
    width = min(sum(heights), q[1])
    return (*((height, width) for height in heights), (width, q[1]), q)


@kernel(results="any", shape=_project_shape, flops=_product_flops)
def project(
    tiles: Sequence[NDArray], q: NDArray, across: Sequence[NDArray], down: Sequence[NDArray], *, columns: int
) -> tuple[NDArray, ...]:
    """Products of some rows of tiles with a basis, factored, and of their conjugate transpose with these products.

    Parameters
    ----------
    tiles : list of ndarray
        Rows of `columns` tiles each, one row after the other.
    q : ndarray, shape (n, l)
    across, down : list of ndarray
        What to subtract, or empty; `down` has one for each row of tiles.

    Returns
    -------
    tuple of ndarray
        Q1, …, Qs, R, Z: the product Y = Rows q is [Q1; …; Qs] R with orthonormal columns in front, and Z = Rowsᴴ Y.
    """
    dtype = common_dtype(*tiles, q)
    z = np.zeros(q.shape, dtype, order="F")
    sketches = []
    for number, first in enumerate(range(0, len(tiles), columns)):
        row = _Row(tiles[first : first + columns], across, down[number] if down else None, dtype)
        sketches.append(row.times(np.asarray(q, dtype)))
        row.add_adjoint_times(z, sketches[-1])
    orthonormal, triangle = np.linalg.qr(np.concatenate(sketches))
    ends = np.cumsum([len(sketch) for sketch in sketches])[:-1]
    pieces = [np.asfortranarray(piece) for piece in np.split(orthonormal, ends)]
    return (*pieces, np.asfortranarray(triangle), z)


def _spectrum_shape(z: Shape, q: Shape, r: Shape, *, rank: int) -> Shapes:
    return (r[0], rank), (rank,), (z[0], rank)


@kernel(results=3, shape=_spectrum_shape, flops=lambda z, q, r, rank=1: 6.0 * z[0] * z[1] ** 2)
def spectrum(z: NDArray, q: NDArray, r: NDArray, *, rank: int) -> tuple[NDArray, NDArray, NDArray]:
    """Leading singular values and vectors from the last sketch of a matrix A.

    Parameters
    ----------
    z : ndarray, shape (n, l)
        Aᴴ Y.
    q : ndarray, shape (n, l)
        Orthogonal columns, nearly right singular vectors, their length a power of two; Y = A q.
    r : ndarray, shape (l, l)
        Triangle of the QR factorization Y = P r.
    rank : int
        How many are wanted.

    Returns
    -------
    w : ndarray, shape (l, rank)
        P w are the left singular vectors.
    s : ndarray, shape (rank,)
        Singular values, real.
    v : ndarray, shape (n, rank)
        Right singular vectors; the largest entry of each is real and positive.

    Notes
    -----
    With Xᴴ = Pᴴ A the approximation is P Xᴴ, and X = z r⁻¹. That division is harmless as long as the columns of Y are
    well conditioned up to their lengths, for a product of A with a column is rounded in proportion to the column's
    length. Where they are not, as of a matrix without full rank whose products have zero columns, the projection on
    `q` is taken instead, A q qᴴ = P (q rᴴ)ᴴ for q of length 1, which is half an iteration behind.
    """
    dtype = common_dtype(z, q, r)
    lengths = np.linalg.norm(r, axis=0)
    scaled = np.divide(r, lengths, out=np.zeros_like(r), where=lengths > 0)
    values = np.linalg.svd(scaled, compute_uv=False)
    if len(r) == r.shape[1] and values[-1] * _WELL_CONDITIONED > values[0]:
        # z r⁻¹ = (z / lengths) (r / lengths)⁻¹, by its transpose
        x = np.linalg.solve(scaled.T, (z / lengths).T).T
    else:
        unit = np.ldexp(r.real.dtype.type(1), _exponent(q))  # for neither product to leave the range
        bare = q / unit
        x = bare @ (r / unit).conj().T / np.exp2(np.rint(2 * np.log2(np.linalg.norm(bare[:, 0]))))
    orthonormal, triangle = np.linalg.qr(np.asarray(x, dtype))
    w, s, turned = factors(triangle, rank)
    v = orthonormal @ turned
    phases = phases_of(v)
    return np.asfortranarray(w * phases), s, np.asfortranarray(v * phases)


def _centred_shape(a: Shape, b: Shape, shift: Shape, *, adjoint: int) -> Shape:
    return (a[1] if adjoint else a[0], b[1])


def _accumulate_centred(acc: NDArray, sign: complex, a: NDArray, b: NDArray, shift: NDArray, *, adjoint: int) -> None:
    if sign != 1:
        raise ValueError(f"centred_gemm is added; it was to be multiplied by {sign}")
    across, down = (shift, None) if shift.shape == (1, a.shape[1]) else (None, shift)
    for part, panel in _panels(a, acc.dtype, across, down):
        if adjoint:
            _add_product(acc[part], panel, b, "C")
        else:
            _add_product(acc, panel, b[part], "N")


@kernel(
    shape=_centred_shape,
    flops=lambda a, b, shift, adjoint=0: 2.0 * a[0] * a[1] * b[1],
    accumulate=_accumulate_centred,
)
def centred_gemm(a: NDArray, b: NDArray, shift: NDArray, *, adjoint: int) -> NDArray:
    """Product of a centred tile, or of its conjugate transpose, with a tall one.

    Parameters
    ----------
    a : ndarray, shape (m, n)
    b : ndarray, shape (n, l), or (m, l) if `adjoint`
    shift : ndarray, shape (1, n) or (m, 1)
        Subtracted from each row, or each column, of `a`.
    adjoint : {0, 1}

    Returns
    -------
    ndarray, shape (m, l), or (n, l) if `adjoint`
    """
    result = fresh(_centred_shape(a.shape, b.shape, shift.shape, adjoint=adjoint), common_dtype(a, b, shift))
    result[...] = 0
    _accumulate_centred(result, 1, a, b, shift, adjoint=adjoint)
    return result
