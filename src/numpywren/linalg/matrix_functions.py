"""Powers and functions of square matrices."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import panel_depth, square, square_side
from numpywren.linalg.eigen import vector_sizes
from numpywren.linalg.function import function
from numpywren.linalg.pivoting import factor_cuts, panel_tiles
from numpywren.matrix import Array, Partition, eye

__all__ = ["expm", "logdet", "matrix_power", "sqrtm"]

_ROOT, _EXPONENTIAL = 1, 2


def _of_eigenvalues(name: str, x: Any, root: int, *, check_finite: bool) -> Request:
    """A function of a Hermitian matrix by its eigenvalues."""
    A = square(name, "x", x)
    n = A.shape[-1]
    sizes, cuts = vector_sizes(n, square_side(A), n, A.dtype.itemsize)
    program = algorithms.heev_function if "band" in sizes else algorithms.heevd_function
    if "band" in sizes:
        sizes["strips"] = cuts["k"].tiles
    sizes |= {"count": n, "root": root}
    return Request(
        name,
        program,
        {"A": A},
        (Returned("X"),),
        sizes=sizes,
        cuts={letter: cut for letter, cut in cuts.items() if letter in "nm"},
        check_finite=check_finite,
    )


@function(Array)
def sqrtm(x: Any, /, *, check_finite: bool = True) -> Request:
    """Square root of a Hermitian positive semidefinite matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., n, n)
        float32, float64, complex64 or complex128; integers count as float64. Hermitian: unlike SciPy's, this
        function is not for other matrices.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    Array, shape (..., n, n)
        The positive semidefinite X with X X = A, Hermitian to the last bit, of the type of `x`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not Hermitian, or an eigenvalue is more negative than -n ε times the largest in modulus;
        smaller ones count as zeros.
    ValueError
        If the matrix is not square, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    X = F Fᴴ with F = U diag(λ to the power of 1/4): n³ flops after those of `eigh`, in the same run. The programs are
    in `numpywren.algorithms.heev_function`.

    The matrix is Hermitian where no part of an element of A - Aᴴ, real or imaginary, is larger in modulus than 100 ε
    times the largest of A. That is looked at first, in the same run: each tile is read once more.

    References
    ----------
    N. J. Higham, "Functions of Matrices", SIAM 2008, chapter 6.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> np.asarray(nw.linalg.sqrtm([[5.0, 4.0], [4.0, 5.0]])).round(12)
    array([[2., 1.],
           [1., 2.]])
    """
    return _of_eigenvalues("sqrtm", x, _ROOT, check_finite=check_finite)


@function(Array)
def expm(x: Any, /, *, check_finite: bool = True) -> Request:
    """Exponential of a Hermitian matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., n, n)
        float32, float64, complex64 or complex128; integers count as float64. Hermitian: unlike SciPy's, this
        function is not for other matrices.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    Array, shape (..., n, n)
        Hermitian to the last bit, positive semidefinite, of the type of `x`. Where exp(λ) is too large for that type,
        not finite: see the notes.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not Hermitian, or the iteration for the eigenvalues does not converge.
    ValueError
        If the matrix is not square, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    X = F Fᴴ with F = U diag(exp(λ / 2)): n³ flops after those of `eigh`, in the same run. The programs are
    in `numpywren.algorithms.heev_function`.

    Whether the matrix is Hermitian is found out first, as by `sqrtm`.

    An eigenvalue above 709.78 (88.72 in single precision) overflows: the result has infinities and NaNs then. Nothing
    warns of it, as NumPy does for `numpy.exp`, since it is computed elsewhere and perhaps later: where it may happen,
    compare `eigvalsh` with these bounds, or look at the result with `numpy.isfinite`. With c subtracted from the
    diagonal first, the result is exp(x) divided by exp(c).

    References
    ----------
    N. J. Higham, "Functions of Matrices", SIAM 2008, chapter 10.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> np.asarray(nw.linalg.expm([[0.0, 1.0], [1.0, 0.0]])).round(6)
    array([[1.543081, 1.175201],
           [1.175201, 1.543081]])
    """
    return _of_eigenvalues("expm", x, _EXPONENTIAL, check_finite=check_finite)


@function(np.floating)
def logdet(x: Any, /, *, check_finite: bool = True) -> Request:
    """Logarithm of the determinant of a Hermitian positive definite matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., n, n)
        float32, float64, complex64 or complex128; integers count as float64. For matrices that are not Hermitian
        take `slogdet`.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    numpy.floating, or ndarray of shape (...)
        In the precision of `x`; 0 for an empty matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not Hermitian, or not positive definite; ``minor`` is then the order of the first leading minor
        that is not positive.
    ValueError
        If it is not square, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    n³/3 flops (4 times that for complex numbers), half of what `slogdet` takes. The factor is freed as it is made. The
    program is `numpywren.algorithms.logdet`.

    Whether the matrix is Hermitian is found out first, as by `sqrtm`.

    Examples
    --------
    >>> import numpywren as nw
    >>> round(float(nw.linalg.logdet([[4.0, 2.0], [2.0, 5.0]])), 12)
    2.77258872224
    """
    A = square("logdet", "x", x)
    rows, _ = factor_cuts(A)
    return Request(
        "logdet",
        algorithms.logdet,
        {"A": A},
        (Returned("D", scalar=True, real=True),),
        sizes={"depth": panel_depth(rows.tiles)},
        cuts={"n": rows, "one": Partition(1, 1)},
        check_finite=check_finite,
    )


@function(Array)
def matrix_power(x: Any, n: int, /) -> Request:
    """Integer power of a square matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, m)
        float32, float64, complex64 or complex128; integers count as float64.
    n : int
        The exponent. 0 gives the identity; of a negative one, the power of the inverse is taken.

    Returns
    -------
    Array, shape (..., m, m)
        Of the type of `x`.

    Raises
    ------
    TypeError
        If `n` is no integer.
    numpy.linalg.LinAlgError
        If `n` is negative and the matrix is singular: a pivot is exactly zero.
    ValueError
        If the matrix is not square.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    2 m³ flops a product, of which there are as many as ``|n|`` has binary digits after the first, and one more for each
    1 among these; 8 m³/3 for the inverse (4 times that for complex numbers). All of it is one run. The programs are in
    `numpywren.algorithms.matrix_power`.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> np.asarray(nw.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 5))
    array([[1., 5.],
           [0., 1.]])
    """
    A = square("matrix_power", "x", x)
    try:
        exponent = operator.index(n)
    except TypeError:
        raise TypeError(f"matrix_power got the exponent {n!r}; it wants an integer") from None
    rows, _ = factor_cuts(A)
    inputs = {"A": A}
    sizes = {"bits": max(0, abs(exponent).bit_length() - 1), "exponent": abs(exponent)}
    if exponent > 0:
        program = algorithms.matrix_power
    elif exponent == 0:
        program, sizes = algorithms.zeroth_power, {}
    else:
        program = algorithms.inverse_power
        inputs["B"] = eye(rows.length, dtype=A.dtype, chunks=rows.chunk)
        sizes |= {"depth": panel_depth(rows.tiles), "fan": panel_tiles(rows, rows, A.dtype)}
    return Request("matrix_power", program, inputs, (Returned("X"),), sizes=sizes, cuts={"n": rows})
