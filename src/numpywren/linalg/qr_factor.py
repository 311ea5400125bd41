"""QR factorization whose Q is kept as reflectors, and applied without being formed."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpywren import algorithms
from numpywren.job import Request, Returned, execute
from numpywren.linalg.arguments import matrix
from numpywren.linalg.function import FUNCTIONS, Function
from numpywren.linalg.qr import qr_cuts, qr_sizes
from numpywren.matrix import Array, Partition, asarray

__all__ = ["ImplicitQ", "QRFactor", "qr_factor"]


class QRPieces(NamedTuple):
    """What is stored of a factorization; see `numpywren.algorithms.geqrf`."""

    V: Array
    T: Array
    U: Array
    K: Array
    R: Array


class QRFactor:
    """A = Q R, with Q kept as the reflectors that make it; made by `qr_factor`.

    Attributes
    ----------
    R : Array, shape (k, n), k = min(m, n)
        Upper triangular.
    Q : ImplicitQ, shape (m, k)
        Multiplies matrices and vectors by Q: ``f.Q @ c``, and ``f.Q.H @ b``.
    shape : tuple of int
        (m, n).
    pieces : tuple of Array
        V, T, U, K and R, as they are stored.
    """

    def __init__(self, pieces: QRPieces) -> None:
        self.pieces = pieces
        self.R = pieces.R
        self.shape = (pieces.V.shape[0], pieces.R.shape[1])
        self.Q = ImplicitQ(self, adjoint=False)

    def __repr__(self) -> str:
        return f"<QR factorization of a matrix of shape {self.shape}, {self.R.dtype}>"

    def apply(self, b: Any, *, adjoint: bool = False) -> Array:
        """Q b or Qᴴ b, with the square Q of all m columns.

        Parameters
        ----------
        b : Array or array_like, shape (m,) or (m, p)
        adjoint : bool, default: False
            Apply Qᴴ.

        Returns
        -------
        Array, shape of `b`
            Of the type to which NumPy promotes the matrix that was factored and `b`.

        Raises
        ------
        ValueError
            If `b` has not m rows, or is not finite.

        Notes
        -----
        4 m k p - 2 k² p flops for the k = min(m, n) reflectors. One run, whose program is in
        `numpywren.algorithms.qr`.

        References
        ----------
        LAPACK: ``ormqr``.
        """
        array = self._operand(b, self.shape[0])
        return self._run(algorithms.qr_apply_adjoint if adjoint else algorithms.qr_apply, array)

    def _operand(self, b: Any, rows: int) -> Array:
        array = asarray(b)
        if array.ndim not in (1, 2) or array.shape[0] != rows:
            raise ValueError(
                f"Q of {self!r} got an operand of shape {array.shape}; it must be a vector of {rows} elements, or a "
                f"matrix of {rows} rows"
            )
        return array

    def _run(self, program: Any, c: Array) -> Array:
        V, T, U, K, _ = self.pieces
        rows, columns = (Partition(length, max(1, chunk)) for length, chunk in zip(V.shape, V.chunks, strict=True))
        cuts = {"m": rows, "d": columns, "g": Partition(T.shape[0], 1)}
        if program is algorithms.qr_apply:
            cuts["c"] = rows if c.shape[0] == rows.length else columns
        result: Array = execute(
            Request(
                "qr_apply",
                program,
                {"V": V, "T": T, "U": U, "K": K, "C": c},
                (Returned("X"),),
                cuts=cuts,
                vectors=frozenset({"X"} if c.ndim == 1 else ()),
                check_finite=True,
            )
        )
        return result


class ImplicitQ:
    """The m × k factor Q of a `QRFactor`, or its conjugate transpose, as something to multiply by.

    Attributes
    ----------
    shape : tuple of int
        (m, k), or (k, m) for the conjugate transpose; k = min(m, n).
    H : ImplicitQ
        The conjugate transpose.
    """

    # NumPy's arrays leave `array @ q` to us, which is an error, rather than take q apart
    __array_ufunc__ = None

    def __init__(self, factor: QRFactor, *, adjoint: bool) -> None:
        self._factor, self._adjoint = factor, adjoint
        m, k = factor.shape[0], factor.R.shape[0]
        self.shape = (k, m) if adjoint else (m, k)

    @property
    def H(self) -> ImplicitQ:  # noqa: N802 - as `Array.H`
        """The conjugate transpose."""
        return ImplicitQ(self._factor, adjoint=not self._adjoint)

    def __repr__(self) -> str:
        return f"<{'adjoint of ' * self._adjoint}Q of shape {self.shape}, not formed>"

    def __matmul__(self, other: Any) -> Array:
        """Q @ c, or Q.H @ b: one run.

        Parameters
        ----------
        other : Array or array_like, shape (p,) or (p, r), p = shape[1]

        Returns
        -------
        Array, shape (shape[0],) or (shape[0], r)
        """
        array = self._factor._operand(other, self.shape[1])
        program = algorithms.qr_apply_adjoint_top if self._adjoint else algorithms.qr_apply
        return self._factor._run(program, array)


class _Factoring(Function[..., QRFactor]):
    """`qr_factor`: what it returns is made of the arrays that its run returns."""

    def __call__(self, *args: Any, **kwargs: Any) -> QRFactor:
        """Run the factorization and wait for it."""
        return QRFactor(QRPieces(*execute(self.request(*args, **kwargs))))


def _request(x: Any, /, *, check_finite: bool = True) -> Request:
    """QR factorization that keeps Q as reflectors: to apply Q or Qᴴ, which takes less time and space than forming it.

    Parameters
    ----------
    x : Array or array_like, shape (m, n)
        float32, float64, complex64 or complex128; integers count as float64.
    check_finite : bool, default: True
        Raise if the matrix holds infinities or NaNs.

    Returns
    -------
    QRFactor
        With ``R``, ``Q`` (an operand of ``@``, and ``Q.H``), and ``apply`` for the square Q. A run that was submitted
        returns the arrays of which it is made: ``QRFactor(run.result())``.

    Raises
    ------
    ValueError
        If `x` is no matrix, or not finite.
    MemoryBoundError
        If a task does not fit in a worker.

    Notes
    -----
    2 m n² - 2 n³/3 flops for m ≥ n (4 times that for complex numbers). The program is
    `numpywren.algorithms.qr_factor`.

    References
    ----------
    LAPACK: ``geqrt``, ``tpqrt``.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> f = nw.linalg.qr_factor([[3.0, 1.0], [4.0, 2.0]])
    >>> np.asarray(f.Q.H @ [5.0, 5.0]).round(12)
    array([-7., -1.])
    """
    A = matrix("qr_factor", "x", x)
    if A.ndim != 2:
        raise ValueError(f"qr_factor got x of shape {A.shape}; it must be one matrix: take those of a stack one by one")
    cuts = qr_cuts(A)
    groups = -(-cuts.m.tiles // qr_sizes(cuts, A.dtype)["fan"])
    return Request(
        "qr_factor",
        algorithms.qr_factor,
        {"A": A},
        tuple(Returned(name) for name in QRPieces._fields),
        cuts={**cuts._asdict(), "g": Partition(max(1, groups), 1)},
        fields=QRPieces._fields,
        check_finite=check_finite,
    )


_request.__name__ = _request.__qualname__ = "qr_factor"
qr_factor = FUNCTIONS["qr_factor"] = _Factoring(_request, QRFactor)
