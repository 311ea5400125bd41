"""What arrays of NumPy have and ours have not, and what to write in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

__all__ = ["Absent"]

_IN_MEMORY = "np.asarray(A) is a NumPy array, if it fits in memory"
_STORED = "arrays never change, so that A is as good as a copy of it; A.save(url) stores one"
_SUMS = f"sums along rows are A @ np.ones(A.shape[1]); {_IN_MEMORY}"
_NAMESPACE = "A.__array_namespace__()"

#: Attribute of NumPy's arrays → what to write.
INSTEAD = {
    "astype": "write nw.asarray(A, dtype=...)",
    "conjugate": "write A.conj()",
    "copy": _STORED,
    "diagonal": "write nw.linalg.diagonal(A)",
    "dot": "write A @ B",
    "flatten": f"write {_NAMESPACE}.reshape(A, (A.size,))",
    "imag": _IN_MEMORY,
    "item": "write A[i, j]",
    "max": _IN_MEMORY,
    "mean": _SUMS,
    "min": _IN_MEMORY,
    "ravel": f"write {_NAMESPACE}.reshape(A, (A.size,))",
    "real": _IN_MEMORY,
    "reshape": f"write {_NAMESPACE}.reshape(A, shape)",
    "squeeze": f"write {_NAMESPACE}.squeeze(A, axis)",
    "std": _IN_MEMORY,
    "sum": _SUMS,
    "tolist": _IN_MEMORY,
    "trace": "write nw.linalg.trace(A)",
    "transpose": f"write A.T, or {_NAMESPACE}.permute_dims(A, axes)",
}


class Absent:
    """Says of an attribute that is not there what does the same; to whoever asks with `hasattr` it is not there."""

    if not TYPE_CHECKING:  # else each attribute would count as one

        def __getattr__(self, name: str) -> NoReturn:
            message = f"numpywren.Array has no attribute {name!r}"
            if name in INSTEAD:
                message += f", as NumPy's arrays do: {INSTEAD[name]}"
            raise AttributeError(message, name=name, obj=self)
