"""Linear systems."""

from __future__ import annotations

from typing import Any, Literal

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import panel_depth, square
from numpywren.linalg.function import function
from numpywren.matrix import Array, asarray

__all__ = ["cho_solve", "solve", "solve_triangular"]


def _right_hand_sides(function: str, a: Array, b: Any) -> Array:
    """The right-hand sides: a vector, or a matrix of columns.

    Raises
    ------
    ValueError
        If they have not as many rows as `a`.
    """
    array = asarray(b)
    if array.ndim not in (1, 2) or array.shape[0] != a.shape[0]:
        raise ValueError(
            f"{function} got a of shape {a.shape} and b of shape {array.shape}; b must be a vector of {a.shape[0]} "
            f"elements, or a matrix of {a.shape[0]} rows"
        )
    return array


def _depth(a: Array) -> dict[str, int]:
    return {"depth": panel_depth(-(-a.shape[0] // a.chunks[0]) if a.shape[0] else 1)}


@function(Array)
def solve(a: Any, b: Any, *, assume_a: Literal["pos"], check_finite: bool = True) -> Request:
    """Solve A X = B for a Hermitian positive definite matrix A.

    Parameters
    ----------
    a : Array or array_like, shape (n, n)
        Only its lower triangle is read.
    b : Array or array_like, shape (n,) or (n, k)
        One right-hand side, or k of them.
    assume_a : {"pos"}
        What is known of `a`.
    check_finite : bool, default: True
        Raise if `a` or `b` holds infinities or NaNs.

    Returns
    -------
    Array, shape of `b`
        The solution, of the type to which NumPy promotes `a` and `b`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite; ``minor`` is the order of the first leading minor that is not positive.
    ValueError
        If shapes do not fit, numbers are not finite, or `assume_a` is not known.

    Notes
    -----
    n³/3 + 2 n² k flops (4 times that for complex numbers). Factorization and both substitutions are one run: the
    forward substitution begins on the first rows of the factor, whose tiles are freed as the back substitution passes.
    The program is `numpywren.algorithms.posv`.

    References
    ----------
    LAPACK: ``posv``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> x = nw.linalg.solve([[4.0, 2.0], [2.0, 5.0]], [8.0, 8.0], assume_a="pos")
    >>> np.asarray(x).round(12)
    array([1.5, 1. ])
    """
    if assume_a != "pos":
        raise ValueError(f'solve got assume_a={assume_a!r}; it knows "pos" (Hermitian positive definite)')
    A = square("solve", "a", a)
    B = _right_hand_sides("solve", A, b)
    return Request(
        "solve",
        algorithms.posv,
        {"A": A, "B": B},
        (Returned("X"),),
        sizes=_depth(A),
        vectors=frozenset({"X"} if B.ndim == 1 else ()),
        check_finite=check_finite,
    )


@function(Array)
def cho_solve(c_and_lower: tuple[Any, bool], b: Any, *, check_finite: bool = True) -> Request:
    """Solve A X = B, given the Cholesky factor of A.

    Parameters
    ----------
    c_and_lower : tuple of (Array or array_like of shape (n, n), bool)
        The factor, and whether it is the lower one.
    b : Array or array_like, shape (n,) or (n, k)
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
    c, lower = c_and_lower
    C = square("cho_solve", "the factor", c)
    B = _right_hand_sides("cho_solve", C, b)
    return Request(
        "cho_solve",
        algorithms.potrs,
        {"L": C if lower else C.H, "B": B},
        (Returned("X"),),
        sizes=_depth(C),
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
    a : Array or array_like, shape (n, n)
        Only the triangle is read.
    b : Array or array_like, shape (n,) or (n, k); (k, n) for side "right"
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
        if B.ndim != 2:
            raise ValueError(f"solve_triangular got b of shape {B.shape}; side='right' wants a matrix")
        B = B.T  # X op(A) = B is op(A)ᵀ Xᵀ = Bᵀ
    B = _right_hand_sides("solve_triangular", A, B)
    program, view = _substitution(A, op, lower, side == "right")
    return Request(
        "solve_triangular",
        program,
        {"A": view, "B": B},
        (Returned("X", transposed=side == "right"),),
        sizes={**_depth(A), "unit": int(unit_diagonal)},
        vectors=frozenset({"X"} if B.ndim == 1 else ()),
        check_finite=check_finite,
    )


def _substitution(a: Array, op: str, lower: bool, transposed: bool) -> tuple[Any, Array]:
    """The program, and the view of `a` that it is to work on: a triangle, never a transposed one."""
    view = {"N": a, "T": a.T, "C": a.H}[op]
    is_lower = lower == (op == "N")
    if transposed:
        view, is_lower = view.T, not is_lower
    return (algorithms.trsm_lower if is_lower else algorithms.trsm_upper), view
