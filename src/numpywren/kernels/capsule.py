"""BLAS and LAPACK as SciPy ships them, called without the GIL.

SciPy's Cython modules export every routine as a C function pointer in a capsule, for other extension modules to use.
ctypes can call such a pointer too, and lets go of the GIL while it runs, which SciPy's own Python wrappers do not.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["LETTERS", "Address", "NDArray", "address", "char", "common_dtype", "integer", "routine", "scalar"]

NDArray: TypeAlias = npt.NDArray[Any]
#: Where an element lies in memory. Whoever passes one keeps the array alive until the call is over.
Address: TypeAlias = int

#: The letter with which BLAS and LAPACK mark each precision.
LETTERS = {
    np.dtype(np.float32): "s",
    np.dtype(np.float64): "d",
    np.dtype(np.complex64): "c",
    np.dtype(np.complex128): "z",
}

_INT_MAX = 2**31 - 1

_get_name = ctypes.pythonapi.PyCapsule_GetName
_get_name.restype, _get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


@cache
def routine(library: str, name: str) -> Callable[..., None]:
    """Return a Fortran subroutine of SciPy's BLAS or LAPACK as a function of pointers.

    Parameters
    ----------
    library : {"blas", "lapack"}
        Which of SciPy's Cython modules holds it.
    name : str
        Its name with its precision letter, such as ``"dgemm"``.

    Returns
    -------
    callable
        Takes one pointer for each argument of the subroutine: an address, or what `char`, `integer` and `scalar`
        return.

    Raises
    ------
    NotImplementedError
        If the installed SciPy exports no such routine.
    """
    module = importlib.import_module(f"scipy.linalg.cython_{library}")
    try:
        capsule = module.__pyx_capi__[name]
    except KeyError:
        msg = f"this SciPy exports no {name} in scipy.linalg.cython_{library}; install scipy >= 1.14"
        raise NotImplementedError(msg) from None
    # A capsule is named by the C signature of what it holds, so the number of arguments can be read off.
    signature: bytes = _get_name(capsule)
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (signature.count(b",") + 1))
    function: Callable[..., None] = prototype(_get_pointer(capsule, signature))
    return function


@cache
def char(value: str) -> Any:
    """Return a pointer to one character, such as the ``"N"`` of "not transposed"."""
    return ctypes.byref(ctypes.c_char(value.encode("ascii")))


@lru_cache(maxsize=4096)
def integer(value: int) -> Any:
    """Return a pointer to a 32-bit integer that the routine only reads.

    Raises
    ------
    OverflowError
        If the number does not fit: ctypes would cut it off in silence.
    """
    if not 0 <= value <= _INT_MAX:
        msg = f"{value} does not fit the 32-bit integers of LAPACK (0 to {_INT_MAX}); use smaller tiles"
        raise OverflowError(msg)
    return ctypes.byref(ctypes.c_int(value))


@lru_cache(maxsize=256)
def scalar(letter: str, value: complex) -> Any:
    """Return a pointer to a scalar of the given precision that the routine only reads."""
    if letter == "d":
        return ctypes.byref(ctypes.c_double(value.real))
    if letter == "s":
        return ctypes.byref(ctypes.c_float(value.real))
    pair = (ctypes.c_double if letter == "z" else ctypes.c_float) * 2
    return ctypes.byref(pair(value.real, value.imag))


def address(a: NDArray) -> Address:
    """Return where the first element of `a` lies."""
    where: Address = a.__array_interface__["data"][0]
    return where


def common_dtype(*arrays: NDArray) -> np.dtype[Any]:
    """Return the precision in which a kernel works on these tiles.

    Raises
    ------
    TypeError
        If it is not one of the four that BLAS has.
    """
    dtype = np.result_type(*(a.dtype for a in arrays))
    if dtype not in LETTERS:
        came = ", ".join(str(a.dtype) for a in arrays)
        msg = f"got tiles of dtype {came}; kernels take float32, float64, complex64 and complex128: convert with astype"
        raise TypeError(msg)
    return dtype
