"""The four types of number that matrices have, and how others become one of them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DTYPES", "STORED_DTYPES", "matrix_dtype"]

#: Name → dtype, in the byte order of this machine.
DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(name) for name in ("float32", "float64", "complex64", "complex128")}

#: With the type of what counts and points: pivots, permutations, ranks.
STORED_DTYPES: dict[str, np.dtype[Any]] = {**DTYPES, "int64": np.dtype("int64")}


def matrix_dtype(dtype: Any) -> np.dtype[Any]:
    """Type in which numbers of type `dtype` are computed with: integers and bools become float64.

    Raises
    ------
    TypeError
        If it is anything else but float32, float64, complex64 or complex128.
    """
    given = np.dtype(dtype)
    if given.kind in "biu":
        return DTYPES["float64"]
    found = DTYPES.get(given.newbyteorder("=").name)
    if found is None:
        raise TypeError(
            f"matrices are of {', '.join(DTYPES)} (integers and bools become float64), not {given}; "
            f"convert with .astype(...)"
        )
    return found
