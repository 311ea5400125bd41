"""Functions of a Hermitian matrix by its eigenvalues, and the logarithm of a determinant by a Cholesky factor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numpywren.kernels.capsule import NDArray, common_dtype
from numpywren.kernels.layout import Shape
from numpywren.lambdapack.kernel import kernel

__all__ = ["half_exponentials", "half_roots", "log_pivots", "scale_columns"]


def _same(values: tuple[Shape, ...], checked: Shape = ()) -> tuple[Shape, ...]:
    return values


def _values(tiles: Sequence[NDArray]) -> list[NDArray]:
    """The eigenvalues, real."""
    return [np.array(tile.real) for tile in tiles]


@kernel(results="any", shape=_same)
def half_exponentials(values: Sequence[NDArray], checked: NDArray | None = None) -> tuple[NDArray, ...]:
    """exp(λ / 2) for eigenvalues in tiles; infinite where that is too large to write; `checked` as for `half_roots`."""
    with np.errstate(over="ignore"):
        return tuple(np.exp(tile / 2) for tile in _values(values))


@kernel(results="any", shape=_same)
def half_roots(values: Sequence[NDArray], checked: NDArray | None = None) -> tuple[NDArray, ...]:
    """λ to the power of 1/4 for the eigenvalues of a positive semidefinite matrix, in tiles.

    Parameters
    ----------
    values : list of ndarray
        All eigenvalues. Negative ones no larger than n ε times the largest of all are what rounding makes of zeros, and
        are taken for such.
    checked : ndarray, optional
        Not used: it is there once the matrix has been found to be Hermitian.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one is more negative than that.
    """
    found = _values(values)
    every = np.concatenate([tile.reshape(-1) for tile in found]) if found else np.zeros(0)
    if every.size:
        smallest, largest = float(every.min()), float(np.abs(every).max())
        if smallest < -every.size * float(np.finfo(every.dtype).eps) * largest:
            raise np.linalg.LinAlgError(
                f"the matrix is not positive semidefinite: it has the eigenvalue {smallest:.3g}, and so no Hermitian "
                "square root; if that is noise, add a multiple of the identity with add_diagonal"
            )
    return tuple(np.maximum(tile, 0) ** 0.25 for tile in found)


@kernel(shape=lambda a, weights: a, flops=lambda a, weights: float(a[0]) * a[1])
def scale_columns(a: NDArray, weights: NDArray) -> NDArray:
    """Columns of `a`, shape (m, n), each multiplied by its weight; `weights` is of shape (n, 1) or (1, n)."""
    result = np.empty(a.shape, common_dtype(a), order="F")
    with np.errstate(invalid="ignore"):  # an exponential that overflowed, times a zero
        np.multiply(a, weights.reshape(1, -1), out=result)
    return result


@kernel(shape=lambda a: (1, 1), flops=lambda a: float(a[0]))
def log_pivots(a: NDArray) -> NDArray:
    """Twice the sum of the logarithms of the diagonal of a Cholesky factor, as a 1×1 tile, real."""
    return np.full((1, 1), 2 * np.log(a.diagonal().real).sum(), common_dtype(a).type(0).real.dtype)
