"""Merges of divide and conquer for the real symmetric tridiagonal eigenproblem, cut into tasks.

Two neighbouring pieces of the matrix, each with its eigenvalues D and eigenvectors Q, differ from the whole by a matrix
of rank one: blkdiag(Q1, Q2) (D + ρ z zᵀ) blkdiag(Q1, Q2)ᵀ. The eigenvalues λ of what is in brackets are the roots of
the secular equation 1 + ρ Σ_j z_j² / (d_j - λ) = 0, one between any two neighbouring poles d_j, and one above; the
eigenvectors have the elements ẑ_j / (d_j - λ). Where z_j is small, or two poles are close, an eigenpair is known
without that: it deflates. ẑ is what z would have to be for the computed roots to be exact, which makes the vectors
orthogonal however close roots are.

Everything about a merge but the eigenvectors is thin. It is kept in two tiles, of real numbers and of integers, with a
column for each of these (a column of the merge itself is one of the eigenvectors of the pieces, the left one's first):

==================  ==================================================================================================
`POLE`, `Z`         d_j and z_j, then ẑ_j, of the columns that take part, in ascending order
`SCALE`, `PLACE`    of each column: it counts so many times for the pole at that place, or for none (-1)
`COSINE`, `SINE`    of rotations by which columns of close poles deflate; `CHAIN` has the columns that they turn, one
                    chain after the other, and `LENGTH` the length of a chain at its first column
`VALUE`, `SOURCE`   before the roots are known: of the columns that deflate; then, in ascending order, the values and
                    where their vectors come from: the number of a root, or -1 less that of a column
`SHIFT`, `ORIGIN`   of each root: the nearest pole, and how far it is from there
==================  ==================================================================================================

References
----------
M. Gu, S. C. Eisenstat, "A divide-and-conquer algorithm for the symmetric tridiagonal eigenproblem", SIAM J. Matrix
Anal. Appl. 16 (1995). J. Rutter, "A serial implementation of Cuppen's divide and conquer algorithm", LAPACK Working
Note 69 (1994).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from numpywren.kernels import lapack_eig
from numpywren.kernels.capsule import NDArray
from numpywren.kernels.gemm import gemm
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["laed2", "laed3", "laed4", "merged", "merged_ends"]

#: Columns of the tile of real numbers.
POLE, Z, SCALE, COSINE, SINE, VALUE, SHIFT, REALS = range(8)
#: Columns of the tile of integers.
PLACE, CHAIN, LENGTH, SOURCE, ORIGIN, INTEGERS = range(6)
#: Columns of what is known of a piece's eigenpairs besides the vectors: value, first and last element, length before it
#: was made 1.
EIGENVALUE, FIRST, LAST, NORM, ENDS = range(5)

#: Roots whose distances from all poles are worked out at once, so that they stay in the cache.
BLOCK = 64


def _order(pieces: Sequence[Shape]) -> int:
    return sum(shape[0] for shape in pieces)


def _deflated_shape(piece: Shape, left: tuple[Shape, ...], right: tuple[Shape, ...]) -> tuple[Shape, ...]:
    m = _order(left) + _order(right)
    return (m, REALS), (m, INTEGERS)


@kernel(results=2, shape=_deflated_shape, flops=lambda piece, left, right: 30.0 * (_order(left) + _order(right)))
def laed2(piece: NDArray, left: Sequence[NDArray], right: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
    """Begin a merge: find out what deflates.

    Parameters
    ----------
    piece : ndarray, shape (rows, 3)
        The tridiagonal matrix above the cut, as `numpywren.kernels.stedc.tridiagonal` gives it.
    left, right : list of ndarray, each of 4 columns
        Values of the two pieces, with the first and the last elements of the vectors.

    Returns
    -------
    reals : ndarray, shape (m, 8)
    integers : ndarray, shape (m, 6)
        The merge, its roots unknown, in the columns that this module names. ρ is the first `SHIFT`.

    References
    ----------
    LAPACK: ``laed2``.
    """
    first, second = np.concatenate(left), np.concatenate(right)
    m, dtype = len(first) + len(second), piece.dtype
    reals, integers = np.zeros((m, REALS), dtype, order="F"), np.full((m, INTEGERS), -1, np.int64, order="F")
    between = float(piece[-1, 1])
    rho = 2 * abs(between)
    z = np.concatenate([first[:, LAST], math.copysign(1.0, between) * second[:, FIRST]]).astype(float) * math.sqrt(0.5)
    d = np.concatenate([first[:, EIGENVALUE], second[:, EIGENVALUE]]).astype(float)
    # the norm of the whole matrix is no less than 1/2, that of this piece no less than the rest
    tolerance = 8 * float(np.finfo(dtype).eps) * max(0.5, rho / 2, np.abs(d).max(initial=0.0))
    ascending = np.argsort(d, kind="stable")
    taking_part = rho * np.abs(z[ascending]) > tolerance
    alone = ascending[~taking_part].tolist()
    chains: list[list[int]] = []
    angles: list[list[tuple[float, float]]] = []
    poles, weights = d.tolist(), z.tolist()
    for column in ascending[taking_part].tolist():
        if chains:
            before = chains[-1][-1]
            length = math.hypot(weights[column], weights[before])
            c, s = weights[column] / length, -weights[before] / length
            if abs((poles[column] - poles[before]) * c * s) <= tolerance:
                # rotate the two so that only the second takes part
                low, high = poles[before], poles[column]
                poles[before], poles[column] = low * c * c + high * s * s, low * s * s + high * c * c
                weights[column] = length
                alone.append(before)
                chains[-1].append(column)
                angles[-1].append((c, s))
                continue
        chains.append([column])
        angles.append([])
    at = 0
    for place, (chain, turns) in enumerate(zip(chains, angles, strict=True)):
        reals[place, POLE], reals[place, Z] = poles[chain[-1]], weights[chain[-1]]
        integers[chain, PLACE] = place
        share = 1.0
        for column, (c, s) in zip(reversed(chain[1:]), reversed(turns), strict=True):
            reals[column, SCALE] = share * c
            share *= -s
        reals[chain[0], SCALE] = share
        if turns:
            integers[at : at + len(chain), CHAIN] = chain
            integers[at, LENGTH] = len(chain)
            reals[at : at + len(turns), COSINE : SINE + 1] = turns
            at += len(chain)
    integers[: len(alone), SOURCE] = alone
    reals[: len(alone), VALUE] = [poles[column] for column in alone]
    reals[:1, SHIFT] = rho
    return reals, integers


def _taking_part(integers: NDArray) -> int:
    """How many poles there are, before the roots are known."""
    return len(integers) - int(np.count_nonzero(integers[:, SOURCE] >= 0))


def _roots(k: int, part: int, parts: int) -> range:
    return range(k * part // parts, k * (part + 1) // parts)


def _roots_shape(reals: Shape, integers: Shape, *, part: int, parts: int) -> tuple[Shape, ...]:
    return (-(-reals[0] // parts), 2), (reals[0], 1)


@kernel(results=2, shape=_roots_shape, flops=lambda reals, integers, *, part, parts: 60.0 * reals[0] ** 2 / parts)
def laed4(reals: NDArray, integers: NDArray, *, part: int, parts: int) -> tuple[NDArray, NDArray]:
    """Some of the roots of a merge's secular equation.

    Parameters
    ----------
    reals, integers : ndarray
        The merge, as `laed2` leaves it.
    part, parts : int
        Which of so many equal parts of the roots.

    Returns
    -------
    roots : ndarray, shape (m / parts, 2)
        How far each is from the nearest pole, and whether that is the pole above it (1) or below (0).
    products : ndarray, shape (m, 1)
        For each pole, Π_i (d_j - λ_i) / (d_j - d_i) over these roots, without the denominator where i = j.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge.

    References
    ----------
    LAPACK: ``laed4``.
    """
    k, rho = _taking_part(integers), float(reals[0, SHIFT])
    d, z = np.ascontiguousarray(reals[:k, POLE]), np.ascontiguousarray(reals[:k, Z])
    wanted = _roots(k, part, parts)
    roots = np.zeros((-(-len(reals) // parts), 2), reals.dtype, order="F")
    products = np.ones((len(reals), 1), reals.dtype, order="F")
    away, apart, product = np.empty_like(d), np.empty_like(d), products[:k, 0]
    for row, root in enumerate(wanted):
        if k <= 2:
            shift, above = _one_or_two(d.tolist(), z.tolist(), rho, root)
        else:
            lapack_eig.check_converged("laed4", lapack_eig.laed4(root, d, z, rho, away))
            above = int(root + 1 < k and abs(away[root + 1]) < abs(away[root]))
            shift = -away[root + above]
        roots[row] = shift, above
        np.subtract(d, d[root + above], out=away)
        away -= shift
        np.subtract(d, d[root], out=apart)
        apart[root] = 1
        away /= apart
        product *= away
    return roots, products


def _one_or_two(d: list[float], z: list[float], rho: float, root: int) -> tuple[float, int]:
    """A root of the secular equation of one pole or two: distance from the nearest pole, and whether that is above."""
    if len(d) == 1:
        return rho * z[0] ** 2, 0
    low, high = rho * z[0] ** 2, rho * z[1] ** 2
    gap = d[1] - d[0]
    if root == 0 and gap + 2 * (high - low) > 0:
        # below the middle, where the secular function is positive: τ² - (gap + low + high) τ + low gap = 0
        b, c = gap + low + high, low * gap
        return 2 * c / (b + math.sqrt(abs(b * b - 4 * c))), 0
    # from the pole on the right: τ² - (low + high - gap) τ - high gap = 0, which has a root of either sign
    b, c = low + high - gap, high * gap
    far = b + math.copysign(math.sqrt(b * b + 4 * c), b)
    ends = sorted((far / 2, -2 * c / far)) if far else [0.0, 0.0]
    return ends[root], 1 - root


def _known_shape(
    reals: Shape, integers: Shape, roots: tuple[Shape, ...], products: tuple[Shape, ...]
) -> tuple[Shape, ...]:
    return reals, integers


@kernel(results=2, shape=_known_shape, flops=lambda reals, *more, **options: 20.0 * reals[0])
def laed3(
    reals: NDArray, integers: NDArray, roots: Sequence[NDArray], products: Sequence[NDArray]
) -> tuple[NDArray, NDArray]:
    """End the thin part of a merge: ẑ, and the eigenvalues in ascending order.

    Parameters
    ----------
    reals, integers : ndarray
        The merge, as `laed2` leaves it.
    roots, products : list of ndarray
        What `laed4` gave, part by part.

    Returns
    -------
    reals, integers : ndarray
        The merge, complete.

    References
    ----------
    LAPACK: ``laed3``.
    """
    k = _taking_part(integers)
    reals, integers = reals.copy("F"), integers.copy("F")
    alone = integers[: len(reals) - k, SOURCE]
    parts = len(roots)
    found = [piece[: len(_roots(k, part, parts))] for part, piece in enumerate(roots)]
    shift, above = np.concatenate(found).T
    integers[:k, ORIGIN] = np.arange(k) + above.astype(np.int64)
    reals[:, SHIFT] = 0
    reals[:k, SHIFT] = shift
    total = np.ones(k, reals.dtype)
    for piece in products:
        total *= piece[:k, 0]
    reals[:k, Z] = np.copysign(np.sqrt(np.abs(total)), reals[:k, Z])
    values = np.concatenate([reals[integers[:k, ORIGIN], POLE] + reals[:k, SHIFT], reals[: len(alone), VALUE]])
    sources = np.concatenate([np.arange(k), -1 - alone])
    ascending = np.argsort(values, kind="stable")
    reals[:, VALUE], integers[:, SOURCE] = values[ascending], sources[ascending]
    return reals, integers


def _secular(
    reals: NDArray, integers: NDArray, places: NDArray | slice, scales: NDArray | float, roots: NDArray, norms: NDArray
) -> NDArray:
    """Elements ẑ_j / (d_j - λ_i) for the poles at `places`, times `scales`, and some roots, divided by `norms`."""
    poles, weights = reals[places, POLE][:, None], (reals[places, Z] * scales)[:, None]
    vectors = np.empty((len(poles), len(roots)), reals.dtype, order="F")
    origins, shifts = reals[integers[roots, ORIGIN], POLE], reals[roots, SHIFT]
    for at in range(0, len(roots), BLOCK):
        block, few = vectors[:, at : at + BLOCK], slice(at, at + BLOCK)
        np.subtract(poles, origins[few], out=block)
        block -= shifts[few]
        block *= norms[few]
        np.divide(weights, block, out=block)
    return vectors


def _turned(reals: NDArray, integers: NDArray, columns: NDArray, top: int, bottom: int) -> NDArray:
    """Vectors of `columns` that deflated, in terms of the columns `top` to `bottom` of the merge."""
    vectors = np.zeros((bottom - top, len(columns)), reals.dtype, order="F")
    where = {int(column): at for at, column in enumerate(columns)}
    chained = integers[:, CHAIN]
    start = 0
    while start < len(chained) and integers[start, LENGTH] > 0:
        chain = chained[start : start + integers[start, LENGTH]]
        angles = reals[start : start + len(chain), COSINE : SINE + 1]
        start += len(chain)
        held = (chain >= top) & (chain < bottom)
        if not held.any() or where.keys().isdisjoint(chain.tolist()):
            continue
        # what the rotations so far have made of the columns of the chain
        turned = np.zeros(len(chain), reals.dtype)
        turned[0] = 1
        for i, (c, s) in enumerate(angles[:-1]):
            at = where.pop(int(chain[i]), None)
            if at is not None:
                vectors[chain[held] - top, at] = (c * turned)[held]
                if held[i + 1]:
                    vectors[chain[i + 1] - top, at] = s
            turned[: i + 1] *= -s
            turned[i + 1] = c
    for column, at in where.items():
        if top <= column < bottom:
            vectors[column - top, at] = 1
    return vectors


def _add_deflated(
    acc: NDArray, sign: float, q: NDArray, reals: NDArray, integers: NDArray, row: int, start: int
) -> None:
    """Acc ← acc ± Q S, with rows `row`, … and columns `start`, … of S, where these are no roots'."""
    assert gemm.accumulate is not None
    sources, bottom = integers[start : start + acc.shape[1], SOURCE], row + q.shape[1]
    where = np.flatnonzero(sources < 0)
    columns = -1 - sources[where]
    turns = np.isin(columns, integers[integers[:, CHAIN] >= 0, CHAIN])
    plain = ~turns & (columns >= row) & (columns < bottom)
    acc[:, where[plain]] += sign * q[:, columns[plain] - row]
    if turns.any():
        acc[:, where[turns]] += sign * gemm(q, _turned(reals, integers, columns[turns], row, bottom))


def _multiply(
    acc: NDArray, sign: float, q: NDArray, reals: NDArray, integers: NDArray, norms: NDArray, row: int, start: int
) -> None:
    """Acc ← acc ± Q S, with S rows `row`, … and columns `start`, … of the eigenvectors of D + ρ z zᵀ."""
    assert gemm.accumulate is not None
    sources, bottom = integers[start : start + len(norms), SOURCE], row + q.shape[1]
    secular, places = sources >= 0, integers[row:bottom, PLACE]
    used = places >= 0
    if used.any() and secular.any():
        scales = reals[row:bottom, SCALE][used]
        s = _secular(reals, integers, places[used], scales, sources[secular], norms[secular])
        columns = q if used.all() else np.asfortranarray(q[:, used])
        if secular.all():
            gemm.accumulate(acc, sign, columns, s)
        else:
            acc[:, secular] += sign * gemm(columns, s)
    if not secular.all():
        _add_deflated(acc, sign, q, reals, integers, row, start)


def _ends_shape(
    reals: Shape, integers: Shape, left: tuple[Shape, ...], right: tuple[Shape, ...], *, start: int, stop: int
) -> Shape:
    return (max(0, min(stop, reals[0]) - start), ENDS)


@kernel(shape=_ends_shape, flops=lambda reals, *more, start, stop: 10.0 * reals[0] * (stop - start))
def merged_ends(
    reals: NDArray, integers: NDArray, left: Sequence[NDArray], right: Sequence[NDArray], *, start: int, stop: int
) -> NDArray:
    """Values of a merge, with the first and the last elements of the vectors.

    Parameters
    ----------
    reals, integers : ndarray
        The merge, as `laed3` leaves it.
    left, right : list of ndarray, each of 4 columns
        The same of the two pieces.
    start, stop : int
        The first eigenpair wanted, and the one after the last.

    Returns
    -------
    ndarray, shape (stop - start, 4)
        Also with the lengths by which the vectors are divided.
    """
    stop = min(stop, len(reals))
    ends = np.zeros((max(0, stop - start), ENDS), reals.dtype, order="F")
    ends[:, EIGENVALUE], ends[:, NORM] = reals[start:stop, VALUE], 1
    rows = np.zeros((2, len(reals)), reals.dtype, order="F")
    above, below = (np.concatenate([piece[:, end] for piece in side]) for side, end in ((left, FIRST), (right, LAST)))
    rows[0, : len(above)], rows[1, len(above) :] = above, below
    # what the poles stand for
    k, places = int(integers[:, SOURCE].max(initial=-1)) + 1, integers[:, PLACE]
    used = places >= 0
    rows_of_poles = np.zeros((2, k), reals.dtype, order="F")
    for row, of_poles in zip(rows, rows_of_poles, strict=True):
        np.add.at(of_poles, places[used], row[used] * reals[used, SCALE])
    sources = integers[start:stop, SOURCE]
    secular = np.flatnonzero(sources >= 0)
    for at in range(0, len(secular), BLOCK):
        few = secular[at : at + BLOCK]
        s = _secular(reals, integers, slice(k), 1.0, sources[few], ends[few, NORM])
        norms = np.sqrt(np.einsum("ij,ij->j", s, s))
        ends[few, NORM], ends[few, FIRST : LAST + 1] = norms, (gemm(rows_of_poles, s) / norms).T
    if len(secular) < len(ends):
        others = np.zeros((2, len(ends)), reals.dtype, order="F")
        _add_deflated(others, 1.0, rows, reals, integers, 0, start)
        ends[:, FIRST : LAST + 1] += others.T
    return ends


def _merged_shape(q: Shape, reals: Shape, integers: Shape, ends: Shape, *, row: int, start: int) -> Shape:
    return (q[0], ends[0])


def _merged_flops(q: Shape, reals: Shape, integers: Shape, ends: Shape, *, row: int, start: int) -> float:
    """As if nothing deflated."""
    return 2.0 * q[0] * q[1] * ends[0]


def _merged_work(q: Shape, reals: Shape, integers: Shape, ends: Shape, *, row: int, start: int) -> int:
    """The columns of Q that take part, the elements of the vectors, and the product."""
    return q[0] * q[1] + (q[0] + q[1]) * ends[0]


def _add_merged(
    acc: NDArray, sign: float, q: NDArray, reals: NDArray, integers: NDArray, ends: NDArray, *, row: int, start: int
) -> None:
    _multiply(acc, sign, q, reals, integers, ends[:, NORM], row, start)


@kernel(shape=_merged_shape, flops=_merged_flops, work=_merged_work, accumulate=_add_merged)
def merged(q: NDArray, reals: NDArray, integers: NDArray, ends: NDArray, *, row: int, start: int) -> NDArray:
    """What a tile of eigenvectors of a piece adds to one of the whole.

    Parameters
    ----------
    q : ndarray, shape (r, c)
        Some rows of some of a piece's eigenvectors.
    reals, integers : ndarray
        The merge, as `laed3` leaves it.
    ends : ndarray, shape (w, 4)
        What `merged_ends` made of the eigenpairs that are wanted.
    row : int
        Number of the merge's column with which `q` begins.
    start : int
        Number of the first eigenpair that is wanted.

    Returns
    -------
    ndarray, shape (r, w)
        The sum of these over the eigenvectors of the piece are the same rows of the eigenvectors of the whole.
    """
    product = np.zeros((q.shape[0], len(ends)), q.dtype, order="F")
    _multiply(product, 1.0, q, reals, integers, ends[:, NORM], row, start)
    return product
