"""LU factorization with row pivoting."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from numpywren import algorithms
from numpywren.job import Request, Returned
from numpywren.linalg.arguments import matrix, pair, panel_depth, square
from numpywren.linalg.function import function
from numpywren.linalg.pivoting import factor_cuts, panel_tiles
from numpywren.linalg.solve import right_hand_sides
from numpywren.matrix import Array, Partition, asarray

__all__ = ["lu", "lu_factor", "lu_solve"]

_INT64 = np.dtype(np.int64)
_ONE = Partition(1, 1)


def _smaller(rows: Partition, columns: Partition) -> Partition:
    """How the smaller of a matrix's dimensions is cut: columns of L, rows of U."""
    return rows if rows.length <= columns.length else columns


@function(tuple)
def lu(a: Any, permute_l: bool = False, *, p_indices: bool = False, check_finite: bool = True) -> Request:
    """LU factorization with row pivoting: A = P L U.

    Parameters
    ----------
    a : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    permute_l : bool, default: False
        Return P L in place of P and L.
    p_indices : bool, default: False
        Return the permutation as indices p, such that A = L[p, :] U. Of no effect with `permute_l`.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    P : Array, shape (..., m, m), or ndarray of int64, shape (..., m)
        The permutation matrix, real; or the indices. Not there with `permute_l`.
    L : Array, shape (..., m, k), k = min(m, n)
        Lower triangular with ones on its diagonal; with `permute_l`, P L.
    U : Array, shape (..., k, n)
        Upper triangular.

    Raises
    ------
    ValueError
        If numbers are not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    m n² - n³/3 flops for m ≥ n, 2 n³/3 if square (4 times that for complex numbers). A zero pivot is no error: U then
    has a zero on its diagonal.

    Pivots are those of partial pivoting where a panel of tiles fits in the memory of a worker, so that L has no element
    larger than 1 in modulus (√2 if complex: BLAS adds real and imaginary part). Where it does not, they are
    found by a tournament among groups of tiles; elements of L may then be somewhat larger than 1, and growth in
    practice is about as with partial pivoting. The programs are in `numpywren.algorithms.lu`.

    References
    ----------
    L. Grigori, J. Demmel, H. Xiang, "CALU: a communication optimal LU factorization algorithm", SIAM J. Matrix Anal.
    Appl. 32 (2011). LAPACK: ``getrf``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> P, L, U = nw.linalg.lu([[0.0, 2.0], [4.0, 8.0]])
    >>> np.asarray(P @ L @ U)
    array([[0., 2.],
           [4., 8.]])
    """
    A = matrix("lu", "a", a)
    rows, columns = factor_cuts(A)
    real = np.empty(0, A.dtype).real.dtype
    program = algorithms.lu
    returned: tuple[Returned, ...] = (Returned("P"), Returned("L"), Returned("U"))
    fields: tuple[str, ...] = ("P", "L", "U")
    cuts = {"m": rows, "n": columns, "k": _smaller(rows, columns)}
    dtypes: dict[str, np.dtype[Any]] = {"P": real}
    vectors: frozenset[str] = frozenset()
    if permute_l:
        program, returned, fields, dtypes = algorithms.lu_permuted, returned[1:], ("PL", "U"), {}
    elif p_indices:
        program, returned = algorithms.lu_indices, (Returned("V", loaded=True), *returned[1:])
        cuts, dtypes, vectors, fields = {**cuts, "one": _ONE}, {"V": _INT64}, frozenset({"V"}), ("p", "L", "U")
    return Request(
        "lu",
        program,
        {"A": A},
        returned,
        sizes={"fan": panel_tiles(rows, columns, A.dtype), "height": rows.chunk, "rows": rows.length},
        cuts=cuts,
        dtypes=dtypes,
        vectors=vectors,
        fields=fields,
        check_finite=check_finite,
    )


@function(tuple)
def lu_factor(a: Any, *, check_finite: bool = True) -> Request:
    """LU factorization with row pivoting, for `lu_solve`.

    Parameters
    ----------
    a : Array or array_like, shape (..., m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    lu : Array, shape (..., m, n)
        U, and below its diagonal L without the ones of its own.
    piv : ndarray of int64, shape (..., min(m, n))
        Row i was exchanged with row piv[i], for i = 0, 1, … in turn: what SciPy and LAPACK (counting from 1) give.

    Raises
    ------
    ValueError
        If numbers are not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    Pivoting and flops as for `lu`. A zero pivot is no error, and `lu_solve` will raise one; SciPy warns of it here. The
    program is `numpywren.algorithms.lu_factor`.

    References
    ----------
    LAPACK: ``getrf``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> factors = nw.linalg.lu_factor([[0.0, 2.0], [4.0, 8.0]])
    >>> factors.piv
    array([1, 1])
    >>> np.asarray(nw.linalg.lu_solve(factors, [2.0, 12.0]))
    array([1., 1.])
    """
    A = matrix("lu_factor", "a", a)
    rows, columns = factor_cuts(A)
    smaller = _smaller(rows, columns)
    return Request(
        "lu_factor",
        algorithms.lu_factor,
        {"A": A},
        (Returned("F"), Returned("V", loaded=True)),
        sizes={
            "fan": panel_tiles(rows, columns, A.dtype),
            "height": rows.chunk,
            "rows": rows.length,
            "rank": smaller.length,
        },
        cuts={"m": rows, "n": columns, "k": smaller, "one": _ONE},
        dtypes={"V": _INT64},
        vectors=frozenset({"V"}),
        fields=("lu", "piv"),
        check_finite=check_finite,
    )


@function(Array)
def lu_solve(lu_and_piv: tuple[Any, Any], b: Any, trans: Literal[0, 1, 2] = 0, *, check_finite: bool = True) -> Request:
    """Solve op(A) X = B, given the LU factorization of A.

    Parameters
    ----------
    lu_and_piv : tuple of (Array or array_like of shape (..., n, n), array_like of int of shape (..., n))
        What `lu_factor`, or SciPy's, gives.
    b : Array or array_like, shape (n,) or (..., n, k)
        One right-hand side, or k of them.
    trans : {0, 1, 2}, default: 0
        op(A) is A, Aᵀ or Aᴴ.
    check_finite : bool, default: True
        Raise if the factors or `b` hold infinities or NaNs.

    Returns
    -------
    Array, shape of `b`
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If U has a zero on its diagonal.
    ValueError
        If shapes do not fit, `piv` names rows that are not there, or numbers are not finite.

    Notes
    -----
    2 n² k flops. The programs are in `numpywren.algorithms.getrs`.

    References
    ----------
    LAPACK: ``getrs``.
    """
    packed, piv = pair("lu_solve", "lu_and_piv", lu_and_piv, "(lu, piv), as lu_factor returns them")
    F = square("lu_solve", "lu", packed)
    B = right_hand_sides("lu_solve", F, b)
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve got trans={trans!r}; it must be 0, 1 or 2")
    order = _order(np.asarray(piv), F.shape)
    rows, _ = factor_cuts(F)
    if trans:
        order = np.argsort(order, axis=-1)  # rows go back to where they came from
    return Request(
        "lu_solve",
        algorithms.getrs_transposed if trans else algorithms.getrs,
        {"F": (F, F.mT, F.H)[trans], "Q": asarray(order), "B": B},
        (Returned("X"),),
        sizes={"depth": panel_depth(rows.tiles), "height": rows.chunk, "rows": rows.length},
        cuts={"n": rows},
        dtypes={"Q": _INT64},
        vectors=frozenset({"X"} if B.ndim == 1 else ()),
        check_finite=check_finite,
    )


def _order(piv: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The row that each row of P A is of A, from exchanges.

    Raises
    ------
    ValueError
        If they are not exchanges of rows of a matrix of that shape.
    """
    n = shape[-1]
    if piv.shape[-1:] != (n,) or piv.dtype.kind not in "iu":
        raise ValueError(
            f"lu_solve got piv of shape {piv.shape} and type {piv.dtype} for a matrix of shape {shape}; it must hold "
            f"{n} row numbers for each matrix, counted from 0, as lu_factor gives them"
        )
    wrong = np.argwhere((piv < 0) | (piv >= n))
    if wrong.size:
        place = tuple(wrong[0].tolist())
        raise ValueError(
            f"lu_solve got piv[{', '.join(map(str, place))}] = {piv[place]} for a matrix of shape {shape}; row numbers "
            f"go from 0 to {n - 1}, as lu_factor gives them"
        )
    exchanged = piv.reshape(-1, n).tolist() if n else []
    order = np.broadcast_to(np.arange(n), (len(exchanged), n)).tolist()
    for one, row in zip(order, exchanged, strict=True):
        for i, j in enumerate(row):
            one[i], one[j] = one[j], one[i]
    return np.array(order, dtype=np.int64).reshape(piv.shape)
