"""Principal component analysis."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import matrix
from numpywren.linalg.function import function
from numpywren.linalg.randomized import real_of, sketch_of
from numpywren.matrix import Array, Partition

__all__ = ["PcaResult", "pca"]


class PcaResult(NamedTuple):
    """What `pca` returns."""

    #: Shape (n_components, n_features): orthonormal rows, by decreasing variance.
    components: Array
    #: Shape (n_components,): variance of the observations along each component.
    explained_variance: Array
    #: Shape (n_components,): the same, as shares of the total variance.
    explained_variance_ratio: Array
    #: Shape (n_components,): singular values of the centred data.
    singular_values: Array
    #: Shape (n_features,).
    mean: Array


@function(PcaResult)
def pca(
    x: Any,
    /,
    n_components: int,
    *,
    n_oversamples: int = 10,
    n_iter: int = 4,
    seed: int | None = None,
    check_finite: bool = True,
) -> Request:
    """Principal components of data that may be larger than memory.

    Parameters
    ----------
    x : Array or array_like, shape (n_samples, n_features)
        Observations in rows.
    n_components : int
        How many, 1 to min(n_samples, n_features).
    n_oversamples, n_iter, seed
        As for the randomized `svd`. More iterations by default: the spectra of data fall off slowly.
    check_finite : bool, default: True
        Raise if `x` holds infinities or NaNs.

    Returns
    -------
    components : Array, shape (n_components, n_features)
        Right singular vectors of the centred data, in rows.
    explained_variance : Array, shape (n_components,)
        S² / (n_samples - 1).
    explained_variance_ratio : Array, shape (n_components,)
        The same, divided by the sum of the variances of all features, which is exact.
    singular_values : Array, shape (n_components,)
    mean : Array, shape (n_features,)

    Raises
    ------
    ValueError, TypeError
        If `x` is no matrix or not finite, or an argument is out of range or of the wrong kind.

    Notes
    -----
    One run: a pass for means and variances, which are joined from pieces without cancellation, then those of the
    randomized `svd`. Each tile is centred a few columns at a time where it is multiplied; no centred matrix is written.
    Where n_samples >= n_features, the largest entry of each component is positive (real and positive for complex data);
    else the largest of its scores U S is.

    Scores are ``(x - mean) @ components.conj().T``.

    The programs are in `numpywren.algorithms.pca`.

    References
    ----------
    N. Halko, P.-G. Martinsson, Y. Shkolnisky, M. Tygert, "An algorithm for the principal component analysis of large
    data sets", SIAM J. Sci. Comput. 33 (2011). T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample
    variance", The American Statistician 37 (1983).
    """
    A = matrix("pca", "x", x)
    sketch = sketch_of("pca", A, n_components, n_oversamples, n_iter, seed, count="n_components")
    real = real_of(A.dtype)
    features = Partition(A.shape[1], A.chunks[1])
    return Request(
        "pca",
        algorithms.pca_rows if sketch.by_rows else algorithms.pca_tiles,
        {"A": sketch.tall},
        (
            Returned("U" if sketch.turned else "Vh", transposed=sketch.turned, conjugated=sketch.turned),
            Returned("E"),
            Returned("R"),
            Returned("S"),
            Returned("X"),
        ),
        sizes={**sketch.sizes, "centred": 2 if sketch.turned else 1},
        scalars={**sketch.scalars, "observations": A.shape[0]},
        cuts={**sketch.cuts, "f": features},
        dtypes=dict.fromkeys(("S", "E", "R"), np.dtype(real)),
        check_finite=check_finite,
        fields=PcaResult._fields,
    )
