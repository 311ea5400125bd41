"""Application of all block reflectors of one side of a reduction to a strip of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels.block_reflector import apply_block
from numpywren.kernels.buffers import fresh
from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["ormbr"]


def _width(zs: Sequence[Shape], like: Sequence[Shape], strip: int, full: int) -> int:
    """Columns of the strip of the result."""
    return like[strip][0] if full else zs[0][1]


def _shape(
    zs: Sequence[Shape],
    like: Sequence[Shape],
    vs: Sequence[Shape],
    ts: Sequence[Shape],
    *,
    strip: int,
    panels: int,
    right: int = 0,
    full: int = 0,
) -> tuple[Shape, ...]:
    width = _width(zs, like, strip, full)
    return tuple((shape[0], width) for shape in like)


def _flops(
    zs: Sequence[Shape],
    like: Sequence[Shape],
    vs: Sequence[Shape],
    ts: Sequence[Shape],
    *,
    strip: int,
    panels: int,
    right: int = 0,
    full: int = 0,
) -> float:
    """4 w for each element of a reflector."""
    return 4.0 * _width(zs, like, strip, full) * sum(m * n for m, n in vs)


@kernel(results="any", shape=_shape, flops=_flops)
def ormbr(
    zs: Sequence[NDArray],
    like: Sequence[NDArray],
    vs: Sequence[NDArray],
    ts: Sequence[NDArray],
    *,
    strip: int,
    panels: int,
    right: int = 0,
    full: int = 0,
) -> tuple[NDArray, ...]:
    """Multiply a strip of columns from the left by Q = Q_0 Q_1 …, with Q_t = I - V_t T_t V_tᴴ.

    Parameters
    ----------
    zs : list of one ndarray of shape (n, w), or of none
        The strip; it counts as having rows of zeros below, down to the height m of Q.
    like : list of ndarray
        Tiles as high as the tiles of rows in which the result is wanted: m rows in all.
    vs : list of ndarray
        The reflectors, panel after panel, as `numpywren.algorithms.ge2gb` leaves them: of each of the `panels` panels
        of tile step p the tiles from p on, cut as those of `like`; with `right`, of the last panel of a step those from
        p + 1 on.
    ts : list of ndarray
        One T for each panel.
    strip : int
        Number of the strip.
    panels : int
        Panels in a tile step.
    right : {0, 1}
        Whether these are the reflectors that act on columns.
    full : {0, 1}
        1: Q is multiplied by the square matrix [Z 0; 0 I], of which `zs` is the part of the strip that has columns of
        Z; strips are as wide as tiles of rows are high. 0: by Z.

    Returns
    -------
    tuple of ndarray, shapes (m_i, w)
        The strip of the result by tiles of rows.

    Notes
    -----
    4 w flops an element of V, all of it gemm.

    References
    ----------
    LAPACK: ``ormbr``, ``larfb``.
    """
    heights = [tile.shape[0] for tile in like]
    z = _extended(zs, heights, strip, full, common_dtype(*zs, *vs, *ts))
    end = len(vs)
    for at in reversed(range(len(ts))):
        step, panel = divmod(at, panels)
        count = len(like) - step - (right and (panel + 1) // panels)
        apply_block(z, vs[end - count : end], ts[at])
        end -= count
    ends = np.cumsum(heights)
    return tuple(np.array(z[end - h : end], order="F") for h, end in zip(heights, ends, strict=True))


def _extended(
    zs: Sequence[NDArray], heights: Sequence[int], strip: int, full: int, dtype: np.dtype[np.generic]
) -> NDArray:
    """The strip that Q is to be multiplied by."""
    rows, columns = zs[0].shape if zs else (0, 0)
    z = fresh((sum(heights), heights[strip] if full else columns), dtype)
    z[...] = 0
    if zs:
        z[:rows, :columns] = zs[0]
    added = np.arange(columns, z.shape[1])
    z[sum(heights[:strip]) + added, added] = 1
    return z
