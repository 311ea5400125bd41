"""What singular values tell, and the pseudo-inverse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned, execute
from numpywren.lambdapack import Program
from numpywren.linalg.arguments import matrix, panel_depth, square, tolerance
from numpywren.linalg.function import FUNCTIONS, Function, function
from numpywren.linalg.pivoting import factor_cuts, panel_tiles
from numpywren.linalg.svd import either_way
from numpywren.matrix import Array, Partition, eye

__all__ = ["cond", "matrix_rank", "pinv", "spectral_request"]

_ONE = Partition(1, 1)


def spectral_request(
    name: str,
    program: Program,
    a: Array,
    *,
    shape: tuple[int, ...] | None = None,
    scalars: Mapping[str, float] | None = None,
    dtype: Any = None,
    check_finite: bool = False,
) -> Request:
    """Ask for a number that a program of `numpywren.algorithms.spectrum` makes of singular values.

    Parameters
    ----------
    name : str
        The function that was called.
    program : Program
    a : Array, shape (..., m, n)
    shape : tuple of int, optional
        Of the result; default: that of the stack.
    scalars : mapping of str to float, optional
    dtype : dtype, optional
        Of the result; default: the real type of `a`.
    check_finite : bool, default: False
    """
    tall, cuts, sizes = either_way(a)
    return Request(
        name,
        program,
        {"A": tall},
        (Returned("N", scalar=True, shape=shape),),
        sizes=sizes,
        scalars=scalars or {},
        cuts={**cuts, "one": _ONE},
        dtypes={"N": np.dtype(dtype or np.empty(0, a.dtype).real.dtype)},
        check_finite=check_finite,
    )


def _tolerance(function: str, a: Array, rtol: float | None) -> dict[str, float]:
    default = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    return {"rtol": default if rtol is None else tolerance(function, "rtol", rtol)}


@function(Array)
def pinv(x: Any, /, *, rtol: float | None = None, check_finite: bool = True) -> Request:
    """Moore-Penrose pseudo-inverse of a matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    rtol : float, optional
        Singular values no larger than `rtol` times the largest count as zero. Default: max(m, n) times the precision of
        the type.
    check_finite : bool, default: True
        Raise if `x` holds infinities or NaNs.

    Returns
    -------
    Array, shape (..., n, m)

    Raises
    ------
    numpy.linalg.LinAlgError
        If the singular value decomposition does not converge.
    ValueError
        If `x` is no matrix, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    V S⁺ Uᴴ of x = U S Vᴴ: the flops of `svd`, and 2 m n min(m, n). To solve a system, `lstsq` is faster. The program is
    `numpywren.algorithms.pinv`.

    References
    ----------
    G. H. Golub, C. F. Van Loan, *Matrix Computations*, 4th ed., section 5.5.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> np.asarray(nw.linalg.pinv([[2.0], [0.0]]))
    array([[0.5, 0. ]])
    """
    A = matrix("pinv", "x", x)
    tall, cuts, sizes = either_way(A)
    turned = A.shape[-2] < A.shape[-1]
    return Request(
        "pinv",
        algorithms.pinv,
        {"A": tall},
        (Returned("X", transposed=turned, conjugated=turned),),
        sizes=sizes,
        scalars=_tolerance("pinv", A, rtol),
        cuts=cuts,
        check_finite=check_finite,
    )


@function(np.int64)
def matrix_rank(x: Any, /, *, rtol: float | None = None, check_finite: bool = True) -> Request:
    """Rank of a matrix: how many singular values are not negligible.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    rtol : float, optional
        Singular values no larger than `rtol` times the largest count as zero. Default: max(m, n) times the precision of
        the type.
    check_finite : bool, default: True
        Raise if `x` holds infinities or NaNs.

    Returns
    -------
    numpy.int64; ndarray of shape (...) for a stack

    Raises
    ------
    numpy.linalg.LinAlgError
        If the singular values do not converge.
    ValueError
        If `x` is no matrix, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    The flops of `svdvals`. The program is `numpywren.algorithms.rank`.

    References
    ----------
    G. H. Golub, C. F. Van Loan, *Matrix Computations*, 4th ed., section 5.4.

    Examples
    --------
    >>> import numpywren as nw
    >>> int(nw.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    A = matrix("matrix_rank", "x", x)
    return spectral_request(
        "matrix_rank",
        algorithms.rank,
        A,
        scalars=_tolerance("matrix_rank", A, rtol),
        dtype=np.int64,
        check_finite=check_finite,
    )


Order = Literal["fro", 1, -1, 2, -2] | float | None

#: Programs for condition numbers by singular values, and by the inverse; those for row sums work on the transpose.
_BY_VALUES: dict[Order, str] = {None: "cond_two", 2: "cond_two", -2: "cond_minus_two"}
_BY_INVERSE: dict[Order, tuple[str, bool]] = {
    "fro": ("cond_fro", False),
    1: ("cond_one", False),
    -1: ("cond_minus_one", False),
    np.inf: ("cond_one", True),
    -np.inf: ("cond_minus_one", True),
}


def _condition(x: Any, p: Order = None) -> Request:
    """Condition number of a matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., m, n)
        Square but for `p` None, 2 and -2.
    p : {None, 2, -2, "fro", 1, -1, inf, -inf}, default: None
        None and 2: ratio of the largest singular value to the smallest; -2: of the smallest to the largest. Others:
        that norm of `x`, times that of its inverse (-1 and -inf: smallest instead of largest sums).

    Returns
    -------
    numpy.floating; ndarray of shape (...) for a stack
        Infinite for a singular matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        If `x` has no elements, the singular values do not converge, or one of a stack of matrices is singular and `p`
        is neither None, 2 nor -2.
    ValueError
        If `x` is no matrix, or not square where it must be, or not finite, or `p` is not known.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    The flops of `svdvals`, or of `inv`. The programs are in `numpywren.algorithms.spectrum`.

    References
    ----------
    N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., SIAM 2002, chapter 6.

    Examples
    --------
    >>> import numpywren as nw
    >>> float(nw.linalg.cond([[4.0, 0.0], [0.0, 2.0]]))
    2.0
    """
    A = matrix("cond", "x", x)
    if not A.size:
        raise np.linalg.LinAlgError(f"cond got x of shape {A.shape}; it must have elements")
    if p in _BY_VALUES:
        return spectral_request("cond", getattr(algorithms, _BY_VALUES[p]), A, check_finite=True)
    if p not in _BY_INVERSE:
        known = ", ".join(map(repr, [*_BY_VALUES, *_BY_INVERSE]))
        raise ValueError(f"cond got p={p!r}; it knows {known}")
    program, turned = _BY_INVERSE[p]
    A = square("cond", "x", A)
    rows, _ = factor_cuts(A)
    return Request(
        "cond",
        getattr(algorithms, program),
        {"A": A.mT if turned else A, "E": eye(rows.length, dtype=np.float32, chunks=rows.chunk)},
        (Returned("N", scalar=True, real=True),),
        sizes={"depth": panel_depth(rows.tiles), "fan": panel_tiles(rows, rows, A.dtype)},
        cuts={"n": rows, "one": _ONE},
        check_finite=True,
    )


class _Condition(Function[..., Any]):
    """`cond`: a matrix whose inverse does not exist has an infinite condition number."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and wait for the result."""
        request = self.request(*args, **kwargs)
        try:
            return execute(request)
        except np.linalg.LinAlgError:
            a = request.inputs["A"]
            if "E" not in request.inputs or a.ndim > 2:
                raise
            return np.empty(0, a.dtype).real.dtype.type(np.inf)


_condition.__name__ = _condition.__qualname__ = "cond"
cond = FUNCTIONS["cond"] = _Condition(_condition, np.floating)
