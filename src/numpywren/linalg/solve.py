"""Linear systems."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import pair, panel_depth, square
from numpywren.linalg.function import function
from numpywren.linalg.pivoting import factor_cuts, panel_tiles
from numpywren.matrix import Array, Partition, asarray, eye

__all__ = ["cho_solve", "inv", "right_hand_sides", "solve", "solve_triangular"]

#: What may be known of a matrix, by every name that SciPy has for it.
_ASSUMPTIONS = {
    "general": "gen",
    "symmetric": "sym",
    "hermitian": "her",
    "positive definite": "pos",
}


#: Corrections of a solution, at most, before a matrix is factored in full precision instead.
REFINEMENTS = 5


def right_hand_sides(function: str, a: Array, b: Any) -> Array:
    """The right-hand sides: a vector, a matrix of columns, or a stack of such matrices.

    Raises
    ------
    ValueError
        If they have not as many rows as `a`.
    """
    array = asarray(b)
    n = a.shape[-1]
    if array.ndim < 1 or array.shape[0 if array.ndim == 1 else -2] != n:
        raise ValueError(
            f"{function} got a matrix of shape {a.shape} and right-hand sides of shape {array.shape}; they must be a "
            f"vector of {n} elements, or a matrix of {n} rows"
        )
    return array


def _depth(cut: Partition) -> dict[str, int]:
    return {"depth": panel_depth(cut.tiles)}


@function(Array)
def solve(
    x1: Any,
    x2: Any,
    /,
    *,
    assume_a: Literal["gen", "sym", "her", "pos"] = "gen",
    lower: bool = False,
    refine: bool = False,
    check_finite: bool = True,
) -> Request:
    """Solve A X = B.

    Parameters
    ----------
    x1 : Array or array_like, shape (..., n, n)
        The matrix A.
    x2 : Array or array_like, shape (n,) or (..., n, k)
        One right-hand side, or k of them.
    assume_a : {"gen", "sym", "her", "pos"}, default: "gen"
        What is known of A: nothing, that it is symmetric, Hermitian, or Hermitian positive definite. SciPy's long names
        (such as ``"positive definite"``) are known too.
    lower : bool, default: False
        Which triangle of a symmetric, Hermitian or positive definite matrix is read.
    refine : bool, default: False
        Factor a general matrix in single precision, and refine the solution to double: about twice as fast where the
        condition number is below 10⁵ or so. Of no effect where `x1` and `x2` are of single precision themselves.
    check_finite : bool, default: True
        Raise if what is read of A, or `x2`, holds infinities or NaNs.

    Returns
    -------
    Array, shape of `x2`
        The solution, of the type to which NumPy promotes `x1` and `x2`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is singular: a pivot is exactly zero. If it is not positive definite where that was assumed;
        ``minor`` is then the order of the first leading minor that is not positive.
    ValueError
        If shapes do not fit, numbers are not finite, `assume_a` is not known, or `refine` is asked for where the matrix
        is not a general one.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    2 n³/3 + 2 n² k flops, or n³/3 + 2 n² k where the matrix is positive definite (4 times that for complex numbers).
    Factorization and both substitutions are one run: the right-hand sides go through the steps of the factorization,
    and the factors are freed as the back substitution passes them.

    General matrices are factored by LU with row pivoting; see `lu` for how pivots are found. Symmetric and Hermitian
    ones are completed from their triangle, tile by tile, and then treated as general ones: the symmetry saves reading,
    not arithmetic. Positive definite ones are factored by Cholesky's method. No warning is given where the matrix is
    ill-conditioned. The programs are `numpywren.algorithms.gesv`, ``sysv``, ``hesv`` and ``posv``.

    With `refine`, at most five corrections are computed, until ‖b - A x‖ ≤ ‖A‖ ‖x‖ ε √n for each column, LAPACK's
    criterion. Where that is not reached, the matrix is factored once more, in double precision, in the same run; the
    result is then that of `refine` off. The program is `numpywren.algorithms.dsgesv`.

    References
    ----------
    LAPACK: ``gesv``, ``dsgesv``, ``posv``. N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed.,
    SIAM 2002, chapters 9, 10 and 12.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> x = nw.linalg.solve([[0.0, 2.0], [2.0, 5.0]], [4.0, 12.0])
    >>> np.asarray(x)
    array([1., 2.])
    """
    assumed = _ASSUMPTIONS.get(assume_a, assume_a)
    if assumed not in _ASSUMPTIONS.values():
        raise ValueError(f"solve got assume_a={assume_a!r}; it knows 'gen', 'sym', 'her' and 'pos'")
    if refine and assumed != "gen":
        raise ValueError(f"solve got refine=True and assume_a={assume_a!r}; it refines with assume_a='gen' only")
    A = square("solve", "x1", x1)
    B = right_hand_sides("solve", A, x2)
    dtype = np.result_type(A.dtype, B.dtype)
    rows, _ = factor_cuts(A)
    if assumed == "pos":
        program, sizes = algorithms.posv, _depth(rows)
    else:
        program = {"gen": algorithms.gesv, "sym": algorithms.sysv, "her": algorithms.hesv}[assumed]
        sizes = {
            "depth": panel_depth(rows.tiles),
            "fan": panel_tiles(rows, rows, dtype),
        }
        if refine and dtype in (np.float64, np.complex128):
            program, sizes = algorithms.dsgesv, {**sizes, "order": max(1, rows.length), "steps": REFINEMENTS}
    if not lower:  # programs read the lower triangle, which is the transpose of the upper one
        A = {"gen": A, "sym": A.mT, "her": A.H, "pos": A.H}[assumed]
    return Request(
        "solve",
        program,
        {"A": A, "B": B},
        (Returned("X"),),
        sizes=sizes,
        cuts={"n": rows},
        vectors=frozenset({"X"} if B.ndim == 1 else ()),
        check_finite=check_finite,
    )


@function(Array)
def inv(x: Any, /, *, check_finite: bool = True) -> Request:
    """Inverse of a square matrix.

    Parameters
    ----------
    x : Array or array_like, shape (..., n, n)
        float32, float64, complex64 or complex128; integers count as float64.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    Array, shape (..., n, n)
        The inverse, of the type of `x`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is singular: a pivot is exactly zero.
    ValueError
        If it is not square, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    8 n³/3 flops (4 times that for complex numbers): A X = I is solved by LU factorization with row pivoting, so each
    column of the result has a small residual. To solve a system, `solve` is faster and more accurate. The
    program is `numpywren.algorithms.gesv`.

    References
    ----------
    N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, chapter 14.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> np.asarray(nw.linalg.inv([[0.0, 2.0], [4.0, 0.0]]))
    array([[0.  , 0.25],
           [0.5 , 0.  ]])
    """
    A = square("inv", "x", x)
    rows, _ = factor_cuts(A)
    return Request(
        "inv",
        algorithms.gesv,
        {"A": A, "B": eye(rows.length, dtype=A.dtype, chunks=rows.chunk)},
        (Returned("X"),),
        sizes={"depth": panel_depth(rows.tiles), "fan": panel_tiles(rows, rows, A.dtype)},
        cuts={"n": rows},
        check_finite=check_finite,
    )


@function(Array)
def cho_solve(c_and_lower: tuple[Any, bool], b: Any, *, check_finite: bool = True) -> Request:
    """Solve A X = B, given the Cholesky factor of A.

    Parameters
    ----------
    c_and_lower : tuple of (Array or array_like of shape (..., n, n), bool)
        The factor, and whether it is the lower one.
    b : Array or array_like, shape (n,) or (..., n, k)
        One right-hand side, or k of them.
    check_finite : bool, default: True
        Raise if the factor or `b` holds infinities or NaNs.

    Returns
    -------
    Array, shape of `b`
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the factor has a zero on its diagonal.
    ValueError
        If shapes do not fit, or numbers are not finite.

    Notes
    -----
    2 n² k flops. The program is `numpywren.algorithms.potrs`.

    References
    ----------
    LAPACK: ``potrs``.
    """
    c, lower = pair("cho_solve", "c_and_lower", c_and_lower, "(factor, lower), as in (cholesky(A), True)")
    if not isinstance(lower, bool | int | np.bool_):
        raise TypeError(f"cho_solve got lower of type {type(lower).__name__}; it must be True or False")
    C = square("cho_solve", "the factor", c)
    B = right_hand_sides("cho_solve", C, b)
    rows, _ = factor_cuts(C)
    return Request(
        "cho_solve",
        algorithms.potrs,
        {"L": C if lower else C.H, "B": B},
        (Returned("X"),),
        sizes=_depth(rows),
        cuts={"n": rows},
        vectors=frozenset({"X"} if B.ndim == 1 else ()),
        check_finite=check_finite,
    )


@function(Array)
def solve_triangular(
    a: Any,
    b: Any,
    trans: Literal[0, 1, 2, "N", "T", "C"] = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    *,
    side: Literal["left", "right"] = "left",
    check_finite: bool = True,
) -> Request:
    """Solve op(A) X = B, or X op(A) = B, for a triangular matrix A.

    Parameters
    ----------
    a : Array or array_like, shape (..., n, n)
        Only the triangle is read.
    b : Array or array_like, shape (n,) or (..., n, k); (..., k, n) for side "right"
        The right-hand sides.
    trans : {0, 1, 2, "N", "T", "C"}, default: 0
        op(A) is A, Aᵀ or Aᴴ.
    lower : bool, default: False
        Whether the triangle is the lower one.
    unit_diagonal : bool, default: False
        Take the diagonal for ones and do not read it.
    side : {"left", "right"}, default: "left"
        On which side of X op(A) stands. SciPy has no such argument.
    check_finite : bool, default: True
        Raise if the triangle or `b` holds infinities or NaNs.

    Returns
    -------
    Array, shape of `b`
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If there is a zero on the diagonal.
    ValueError
        If shapes do not fit, numbers are not finite, or an option is not known.

    Notes
    -----
    n² k flops. The programs are in `numpywren.algorithms.trsm`.

    References
    ----------
    BLAS: ``trsm``.
    """
    op = {0: "N", 1: "T", 2: "C", "N": "N", "T": "T", "C": "C"}.get(trans)
    if op is None:
        raise ValueError(f"solve_triangular got trans={trans!r}; it must be 0, 1, 2 or 'N', 'T', 'C'")
    if side not in ("left", "right"):
        raise ValueError(f"solve_triangular got side={side!r}; it must be 'left' or 'right'")
    A = square("solve_triangular", "a", a)
    B = asarray(b)
    if side == "right":
        if B.ndim < 2:
            raise ValueError(f"solve_triangular got b of shape {B.shape}; side='right' wants a matrix")
        B = B.mT  # X op(A) = B is op(A)ᵀ Xᵀ = Bᵀ
    B = right_hand_sides("solve_triangular", A, B)
    program, view = _substitution(A, op, lower, side == "right")
    rows, _ = factor_cuts(view)
    return Request(
        "solve_triangular",
        program,
        {"A": view, "B": B},
        (Returned("X", transposed=side == "right"),),
        sizes={**_depth(rows), "unit": int(unit_diagonal)},
        cuts={"n": rows},
        vectors=frozenset({"X"} if B.ndim == 1 else ()),
        check_finite=check_finite,
    )


def _substitution(a: Array, op: str, lower: bool, transposed: bool) -> tuple[Any, Array]:
    """The program, and the view of `a` that it is to work on: a triangle, never a transposed one."""
    view = {"N": a, "T": a.mT, "C": a.H}[op]
    is_lower = lower == (op == "N")
    if transposed:
        view, is_lower = view.mT, not is_lower
    return (algorithms.trsm_lower if is_lower else algorithms.trsm_upper), view
