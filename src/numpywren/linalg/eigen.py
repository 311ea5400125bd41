"""Eigenvalues and eigenvectors of Hermitian matrices."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.job.workers import slots_in_all
from numpywren.linalg.arguments import held_tiles, square, square_side
from numpywren.linalg.function import function
from numpywren.matrix import Array, Partition

__all__ = ["TwoStages", "eigh", "eigvalsh", "two_stages", "vector_sizes"]

#: Order up to which a matrix of one tile is left to LAPACK, and so to one core.
ONE_TILE = 1024
#: Longest tile side in the reduction to a band, for matrices up to so many rows.
TILES = ((8192, 512), (65536, 1024))
LONGEST_TILE = 2048
#: Bandwidth where tiles are large: narrower makes panels slow, wider the chasing.
BAND = 128
#: Sweeps of bulge chasing in one task.
GROUP = 512
#: Most rows of a tridiagonal matrix that are left to LAPACK in one task.
PIECE = 1024


class TwoStages(NamedTuple):
    """How a matrix is reduced in two stages."""

    #: Tiles in which it is reduced.
    cut: Partition
    #: Sizes of the program: ratio, panels, band, groups, group.
    sizes: dict[str, int]


def two_stages(n: int, chunk: int, itemsize: int) -> TwoStages | None:
    """Tiles, bandwidth and groups of sweeps for a Hermitian matrix of order n; None if one task does all.

    Parameters
    ----------
    n, chunk : int
        Order, and length of a tile as it is stored.
    itemsize : int
        Bytes of an element.
    """
    if n <= 1 or (chunk >= n and n <= ONE_TILE):
        return None
    tile = min(chunk, next((tile for order, tile in TILES if n <= order), LONGEST_TILE))
    # a task holds a tile column, and V and W of its panels
    while tile > 2 * BAND and held_tiles(8 * n * tile * itemsize) < 2:
        tile //= 2
    band = BAND if tile >= 2 * BAND else max(1, tile // (4 if tile >= 8 else 2))
    tile = tile // band * band
    group = max(band, min(GROUP, -(-n // 4)))
    sizes = {
        "ratio": tile // band,
        "panels": -(-n // band),
        "band": band,
        "group": group,
        "groups": -(-(n - 1) // group),
    }
    return TwoStages(Partition(n, tile), sizes)


def _subset(name: str, n: int, subset: tuple[int, int] | None) -> tuple[int, int]:
    """First eigenvalue wanted, and how many."""
    if subset is None:
        return 0, n
    try:
        low, high = (operator.index(end) for end in subset)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} got subset_by_index={subset!r}; it wants two integers, the numbers of the first and of the last "
            "eigenvalue, counted from 0"
        ) from None
    if not 0 <= low <= high < n:
        raise ValueError(
            f"{name} got subset_by_index=({low}, {high}) for a matrix of order {n}; it wants 0 <= first <= last < {n}"
        )
    return low, high - low + 1


def _real(array: Array) -> np.dtype[Any]:
    return np.zeros(0, array.dtype).real.dtype


def _strips(chunk: int, n: int, count: int, itemsize: int) -> int:
    """Columns in a strip: as stored, but at least two strips a slot, and no wider than a worker can hold."""
    width = max(1, min(chunk, -(-count // (2 * slots_in_all()))))
    while width > 1 and held_tiles(n * width * itemsize) < 8:
        width //= 2
    return width


def vector_sizes(n: int, chunk: int, count: int, itemsize: int) -> tuple[dict[str, int], dict[str, Partition]]:
    """Sizes and cuts of the programs that compute `count` eigenvectors of a matrix of order n.

    Without the size ``band``, one task does all.
    """
    stages = two_stages(n, chunk, itemsize)
    if stages is None:
        return {}, {"n": Partition(n, max(1, n)), "k": Partition(count, max(1, count))}
    width = _strips(chunk, n, count, itemsize)
    sizes = {
        **stages.sizes,
        "levels": _levels(n),
        "width": width,
        "height": min(chunk, n),
        "held": _held(2 * n * stages.sizes["group"] * itemsize, stages.sizes["groups"]),
        "depth": _held(n * stages.cut.chunk * itemsize, stages.cut.tiles),
        "order": n,
    }
    return sizes, {"n": stages.cut, "k": Partition(count, width), "m": Partition(n, min(chunk, n))}


def _levels(n: int) -> int:
    """Levels of divide and conquer: the fewest with which a piece has no more than `PIECE` rows."""
    return max(1, (-(-n // PIECE) - 1).bit_length())


def _held(nbytes: int, most: int) -> int:
    """How many tiles of so many bytes each slot may hold in half of the memory, at most all of them."""
    return max(1, min(most, held_tiles(nbytes) // (2 * max(1, slots_in_all()))))


@function(tuple)
def eigh(
    x: Any, /, *, subset_by_index: tuple[int, int] | None = None, upper: bool = False, check_finite: bool = True
) -> Request:
    """Eigenvalues and eigenvectors of a Hermitian matrix: A V = V diag(λ).

    Parameters
    ----------
    x : Array or array_like, shape (n, n), or a stack of such
        float32, float64, complex64 or complex128; integers count as float64. Only the lower triangle is read, or the
        upper one if `upper`; the diagonal is taken for real.
    subset_by_index : (int, int), optional
        Numbers of the first and of the last eigenvalue wanted, counted from 0 in ascending order. Default: all.
    upper : bool, default: False
        Which triangle is read.
    check_finite : bool, default: True
        Raise if the triangle holds infinities or NaNs.

    Returns
    -------
    eigenvalues : Array, shape (k,)
        Ascending; real, in the precision of `x`.
    eigenvectors : Array, shape (n, k)
        Orthonormal columns in the same order, of the type of `x`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge.
    ValueError
        If the matrix is not square, or not finite, or there are no such eigenvalues.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    Eigenvectors are determined up to a factor of modulus one (and up to rotations where eigenvalues coincide); which
    one comes is not specified, and may change with the tiles.

    4/3 n³ flops for a band, at most 4/3 n³ for the eigenvectors of the tridiagonal matrix that it becomes, and 4 n² k
    to transform k of them back (4 times that for complex numbers). A matrix of one tile of up to 1024 rows is one task,
    LAPACK's ``heevd``. The program is `numpywren.algorithms.heev`.

    References
    ----------
    A. Haidar, P. Luszczek, J. Dongarra, "New algorithm for computing eigenvectors of the symmetric eigenvalue problem",
    IPDPSW 2014. LAPACK: ``heevd``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> w, V = nw.linalg.eigh([[2.0, 1.0], [1.0, 2.0]])
    >>> np.asarray(w).round(12)
    array([1., 3.])
    """
    A = square("eigh", "x", x)
    n, chunk, itemsize = A.shape[-1], square_side(A), A.dtype.itemsize
    first, count = _subset("eigh", n, subset_by_index)
    sizes, cuts = vector_sizes(n, chunk, count, itemsize)
    program = algorithms.heev if "band" in sizes else algorithms.heevd
    return Request(
        "eigh",
        program,
        {"A": A.H if upper else A},
        (Returned("W"), Returned("U")),
        sizes={**sizes, "first": first, "count": count},
        cuts={**cuts, "one": Partition(1, 1)},
        vectors=frozenset({"W"}),
        dtypes={"W": _real(A)},
        check_finite=check_finite,
        fields=("eigenvalues", "eigenvectors"),
    )


@function(Array)
def eigvalsh(
    x: Any, /, *, subset_by_index: tuple[int, int] | None = None, upper: bool = False, check_finite: bool = True
) -> Request:
    """Eigenvalues of a Hermitian matrix.

    Parameters
    ----------
    x : Array or array_like, shape (n, n), or a stack of such
        As for `eigh`.
    subset_by_index : (int, int), optional
        Numbers of the first and of the last eigenvalue wanted, counted from 0 in ascending order. Default: all.
    upper : bool, default: False
        Read the upper triangle instead of the lower one.
    check_finite : bool, default: True
        Raise if the triangle holds infinities or NaNs.

    Returns
    -------
    Array, shape (k,)
        Ascending; real, in the precision of `x`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge.
    ValueError
        If the matrix is not square, or not finite, or there are no such eigenvalues.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    4/3 n³ flops (4 times that for complex numbers). The program is `numpywren.algorithms.heev_values`.

    References
    ----------
    As for `eigh`.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> np.asarray(nw.linalg.eigvalsh([[2.0, 1.0], [1.0, 2.0]])).round(12)
    array([1., 3.])
    """
    A = square("eigvalsh", "x", x)
    n, chunk = A.shape[-1], square_side(A)
    first, count = _subset("eigvalsh", n, subset_by_index)
    sizes = {"first": first, "count": count}
    cuts = {"one": Partition(1, 1)}
    stages = two_stages(n, chunk, A.dtype.itemsize)
    if stages is None:
        program = algorithms.heevd_values
        cuts |= {"n": Partition(n, max(1, n)), "k": Partition(count, max(1, count))}
    else:
        program = algorithms.heev_values
        width = min(chunk, max(1, count))
        cuts |= {"n": stages.cut, "k": Partition(count, width)}
        sizes |= {**stages.sizes, "width": width}
    return Request(
        "eigvalsh",
        program,
        {"A": A.H if upper else A},
        (Returned("W"),),
        sizes=sizes,
        cuts=cuts,
        vectors=frozenset({"W"}),
        dtypes={"W": _real(A)},
        check_finite=check_finite,
    )
