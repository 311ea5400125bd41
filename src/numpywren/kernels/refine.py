"""Mixed precision: tiles in half the precision, and whether a solution needs no more correction.

A *flag* is a 1×1 tile: 1 once the solution is good enough. Programs know all their tasks before they run, so what is no
longer needed is computed on tiles that a flag has emptied: it takes no time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["corrected", "largest_entries", "nonzero", "not_settled", "replaced", "settled", "single", "unless"]


@kernel(flops=lambda a: float(math.prod(a)))
def single(a: NDArray) -> NDArray:
    """The tile in single precision; what is too large becomes infinite."""
    dtype = np.dtype(np.complex64 if common_dtype(a).kind == "c" else np.float32)
    with np.errstate(over="ignore", under="ignore"):
        return np.asfortranarray(a.astype(dtype))


def _unless_shape(a: Shape, flag: Shape, *, empty: str = "columns") -> Shape:
    return a


@kernel(shape=_unless_shape)
def unless(a: NDArray, flag: NDArray, *, empty: str = "columns") -> NDArray:
    """The tile, or what is left of it when the flag is up.

    Parameters
    ----------
    a : ndarray, shape (m, n)
        Returned as it is, not copied.
    flag : ndarray, shape (1, 1)
    empty : {"columns", "all"}
        What is left: a tile of m rows without columns, or one without either.

    Returns
    -------
    ndarray, shape (m, n), (m, 0) or (0, 0)
    """
    if empty not in ("columns", "all"):
        raise ValueError(f"unless got empty={empty!r}; it must be 'columns' or 'all'")
    if not flag[0, 0]:
        return a
    return np.empty((len(a) if empty == "columns" else 0, 0), a.dtype, order="F")


@kernel(flops=lambda x, d: float(math.prod(x)))
def corrected(x: NDArray, d: NDArray) -> NDArray:
    """A solution x and its correction d added, in the precision of x; x alone where d was emptied."""
    if d.shape[1] != x.shape[1]:
        return np.array(x, order="F")
    return np.asfortranarray(x + d.astype(x.dtype))


@kernel(shape=lambda r, x: (2, x[1]), flops=lambda r, x: float(math.prod(r) + math.prod(x)))
def largest_entries(r: NDArray, x: NDArray) -> NDArray:
    """Largest modulus in each column of a residual, and of a solution: 2×n and real; 2×0 for an emptied residual."""
    if r.shape[1] != x.shape[1]:
        x = x[:, :0]
    return np.asfortranarray(np.stack([np.abs(part).max(axis=0, initial=0) for part in (r, x)]))


@kernel()
def nonzero(u: NDArray) -> NDArray:
    """A triangle with what is no number in place of each zero of its diagonal."""
    zero = np.flatnonzero(u.diagonal() == 0)
    if zero.size:
        u = u.copy("F")
        u[zero, zero] = np.nan
    return u


@kernel(shape=lambda: (1, 1))
def not_settled() -> NDArray:
    """A flag that is down."""
    return np.zeros((1, 1))


def _settled_shape(entries: tuple[Shape, ...], norms: tuple[Shape, ...], flag: Shape, **options: Any) -> Shape:
    return (1, 1)


@kernel(shape=_settled_shape)
def settled(entries: Sequence[NDArray], norms: Sequence[NDArray], flag: NDArray, *, height: int, order: int) -> NDArray:
    """Whether each column of a solution is as good as working precision allows, by LAPACK's criterion.

    ‖r‖ ≤ ‖x‖ ‖A‖ ε √n in maximum norms, ε half the distance of 1 to the next number.

    Parameters
    ----------
    entries : list of ndarray
        What `largest_entries` gave, in groups of `height`: the tiles of the first columns from the first row down, of
        the next columns, …
    norms : list of ndarray, shape (1, 1)
        Largest row sums of A, one for each row of tiles.
    flag : ndarray, shape (1, 1)
        A flag that is up stays so.
    height : int
    order : int
        n.

    Returns
    -------
    ndarray, shape (1, 1)
        The flag; down if anything is not a number.
    """
    if flag[0, 0]:
        return np.ones((1, 1))
    norm = np.max([part[0, 0].real for part in norms], initial=0)
    good = True
    for start in range(0, len(entries), max(1, height)):
        r, x = np.max(np.stack(entries[start : start + height]), axis=0)
        good = good and bool(np.all(r <= x * norm * (np.finfo(r.dtype).eps / 2 * math.sqrt(order))))
    return np.full((1, 1), float(good))


@kernel(shape=lambda refined, direct: refined)
def replaced(refined: NDArray, direct: NDArray) -> NDArray:
    """The refined solution, or the direct one where there is one."""
    return direct if direct.shape == refined.shape else refined
