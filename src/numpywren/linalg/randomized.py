"""Leading singular values and vectors from random sketches."""

from __future__ import annotations

import math
import operator
import secrets
from typing import Any, NamedTuple

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.job.workers import slots_in_all, worker_options
from numpywren.kernels.sketch import TYPES
from numpywren.linalg.arguments import matrix, tiles_along
from numpywren.matrix import Array, Partition

__all__ = ["Sketch", "randomized_svd_request", "sketch_of"]

#: Tiles read ahead of their use, and results on their way out, that a task's promise counts beside its operands.
AHEAD = 4
#: Rows of a block, in multiples of the sketch's width, from which on the N × l result of a block is small beside it.
WORTH = 16
#: Sums for each slot that run over the rows of A at the same time, so that no slot waits long for the last.
LANES = 4


class Sketch(NamedTuple):
    """How a matrix is to be sketched."""

    #: The matrix, or its adjoint: with at least as many rows as columns.
    tall: Array
    #: Whether it is the adjoint.
    turned: bool
    #: Whether a row of tiles fits in a task, so that each number is read once for both products.
    by_rows: bool
    sizes: dict[str, int]
    scalars: dict[str, Any]
    cuts: dict[str, Partition]


def sketch_of(name: str, A: Array, k: Any, n_oversamples: Any, n_iter: Any, seed: Any, *, count: str = "k") -> Sketch:
    """Check the arguments of a randomized method, whose rank is called `count`, and decide how it runs.

    Raises
    ------
    ValueError
        If `A` is a stack, or a number is out of range.
    TypeError
        If one is no integer.
    """
    if A.ndim != 2:
        raise ValueError(f"{name} got an array of shape {A.shape}; leading singular vectors are found of one matrix")
    rank = _integer(name, count, k, 1, min(A.shape))
    extra = _integer(name, "n_oversamples", n_oversamples, 0)
    iterations = _integer(name, "n_iter", n_iter, 0)
    key = secrets.randbits(63) if seed is None else _integer(name, "seed", seed, 0, 2**64 - 1)
    turned = A.shape[0] < A.shape[1]
    tall = A.H if turned else A
    n, (rows, columns) = tall.shape[1], tall.chunks
    width = min(rank + extra, n)
    tiles = tiles_along(tall, 0)
    # what a task may hold: a block of rows of tiles, joined by its worker's count a second time, and the sketches
    options = worker_options()
    budget = int(options["memory"]) // int(options["slots"]) // tall.dtype.itemsize
    left = budget - AHEAD * rows * columns - 6 * n * width
    held = left // (2 * rows * n + 4 * rows * width)
    by_rows = held >= 1
    group = max(1, min(held, math.ceil(WORTH * width / rows), math.ceil(tiles / slots_in_all())))
    leaves = math.ceil(tiles / group) if by_rows else max(tiles, tiles_along(tall, 1))
    sizes = {"iterations": iterations, "fan": max(2, math.isqrt(leaves - 1) + 1)}
    if by_rows:
        # one pass is no dearer with an iteration in it than without
        sizes |= {"iterations": max(1, iterations), "lanes": min(tiles, LANES * slots_in_all()), "group": group}
    scalars = {
        "width": width,
        "rank": rank,
        "length": n,
        "chunk": min(columns, n),
        "seed": key,
        "code": TYPES.index(tall.dtype),
    }
    return Sketch(tall, turned, by_rows, sizes, scalars, {"r": Partition(rank, rank)})


def _integer(name: str, argument: str, value: Any, least: int, most: int | None = None) -> int:
    try:
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} got {argument}={value!r}; it must be an integer") from None
    if found < least or (most is not None and found > most):
        bounds = f"at least {least}" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} got {argument}={found}; it must be {bounds}")
    return found


def real_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the absolute values of numbers of this type."""
    return np.empty(0, dtype).real.dtype


def randomized_svd_request(
    x: Any,
    k: int,
    n_oversamples: int = 10,
    n_iter: int = 2,
    seed: int | None = None,
    *,
    check_finite: bool = True,
) -> Request:
    """What `svd` runs for the leading k singular values and vectors.

    Parameters
    ----------
    x : Array or array_like, shape (m, n)
    k : int
        How many, 1 to min(m, n).
    n_oversamples : int, default: 10
        Columns of the sketch beyond k, as far as the matrix has so many.
    n_iter : int, default: 2
        Power iterations. Each makes what is left of the direction of a singular value σ smaller by (σ / σ_k)²; many
        are wanted where singular values fall off slowly.
    seed : int, optional
        0 to 2⁶⁴ - 1; the same numbers are drawn for the same seed, however the matrix is cut into tiles. Default:
        another each time.
    check_finite : bool, default: True
        Raise if `x` holds infinities or NaNs.

    Returns
    -------
    Request
        For U (m, k), S (k,), Vh (k, n), singular values in decreasing order. The shorter of the two vectors of each
        triplet (that in V where m ≥ n, else that in U) has its largest entry real and positive.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong kind.

    Notes
    -----
    Algorithms 4.4 and 5.1 of the reference. Where a row of tiles (of `x`, or of its adjoint if that is taller) fits in
    a task, an iteration is one pass over `x`: AᴴA Q is computed row by row, for a basis Q turned towards singular
    vectors, which keeps in working precision what orthonormalization half way would keep. Only in the first iteration
    is that not so: for singular values below √ε σ₁, with the ε of double precision, it counts for nothing; and σ₁²,
    computed in double precision, must not overflow or vanish. Then
    ``n_iter + 1`` passes are made in all, and n_iter=0 counts as 1, which costs no more. Otherwise there are
    ``2 (n_iter + 1)`` passes. 4 m n (k + n_oversamples) (n_iter + 1) flops, times 4 for complex numbers.

    The programs are in `numpywren.algorithms.subspace`.

    References
    ----------
    N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness: probabilistic algorithms for constructing
    approximate matrix decompositions", SIAM Review 53 (2011).
    """
    A = matrix("svd", "x", x)
    sketch = sketch_of("svd", A, k, n_oversamples, n_iter, seed)
    turned = sketch.turned
    left, right = ("Vh", "U") if turned else ("U", "Vh")
    return Request(
        "svd",
        algorithms.gesvd_rows if sketch.by_rows else algorithms.gesvd_tiles,
        {"A": sketch.tall},
        (
            Returned(left, transposed=turned, conjugated=turned),
            Returned("S"),
            Returned(right, transposed=turned, conjugated=turned),
        ),
        sizes=sketch.sizes,
        scalars=sketch.scalars,
        cuts=sketch.cuts,
        dtypes={"S": real_of(A.dtype)},
        check_finite=check_finite,
        fields=("U", "S", "Vh"),
    )
