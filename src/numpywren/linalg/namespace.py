"""The namespace of the Python array API standard (2024.12), as far as numpywren has it.

`Array.__array_namespace__` returns this module. Every name in it means what the standard says, on arrays of at least
one dimension, of the types float32, float64, complex64 and complex128. A name of the standard that is not here raises
an AttributeError that says so.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from numpywren import linalg as linalg
from numpywren.linalg.products import add as _add
from numpywren.linalg.products import matmul as matmul
from numpywren.linalg.products import multiply as _multiply
from numpywren.linalg.products import subtract as _subtract
from numpywren.linalg.tensors import matrix_transpose as matrix_transpose
from numpywren.linalg.tensors import tensordot as tensordot
from numpywren.linalg.vectors import vecdot as vecdot
from numpywren.matrix import DTYPES, Array, broadcast_to, normal_axes, permute_dims
from numpywren.matrix import asarray as _asarray
from numpywren.matrix import eye as _eye
from numpywren.matrix import reshape as _reshape
from numpywren.matrix import zeros as _zeros

__all__ = [
    "add",
    "asarray",
    "astype",
    "broadcast_arrays",
    "broadcast_to",
    "can_cast",
    "complex64",
    "complex128",
    "conj",
    "e",
    "expand_dims",
    "eye",
    "finfo",
    "float32",
    "float64",
    "full",
    "inf",
    "isdtype",
    "linalg",
    "matmul",
    "matrix_transpose",
    "moveaxis",
    "nan",
    "negative",
    "newaxis",
    "ones",
    "permute_dims",
    "pi",
    "positive",
    "reshape",
    "result_type",
    "squeeze",
    "subtract",
    "tensordot",
    "vecdot",
    "zeros",
]

__array_api_version__ = "2024.12"

e, inf, nan, newaxis, pi = math.e, math.inf, math.nan, None, math.pi
float32, float64, complex64, complex128 = DTYPES.values()
isdtype = np.isdtype


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"numpywren has no {name!r} of the array API: it does linear algebra, on floating-point arrays; "
        f"np.asarray(x) makes a NumPy array of one that fits in memory. It has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return [*__all__, "__array_api_version__", "__array_namespace_info__"]


# -- creation ---------------------------------------------------------------------------------------------------------


def _check_device(device: Any) -> None:
    if device not in (None, "cpu"):
        raise ValueError(f"arrays are on the device 'cpu', not on {device!r}")


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """As `numpywren.asarray`. Arrays never change, so that a copy of one is the array itself.

    Raises
    ------
    ValueError
        If `copy` is False and `obj` is no `Array` of this type; or another device than ``"cpu"`` is wanted.
    """
    _check_device(device)
    if copy is False and not (isinstance(obj, Array) and dtype in (None, obj.dtype)):
        raise ValueError("asarray has to copy what is no numpywren.Array of this type; leave copy=False out")
    return _asarray(obj, dtype=dtype)


def zeros(shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros, stored nowhere."""
    _check_device(device)
    return _zeros(shape, dtype=float64 if dtype is None else dtype)


def full(shape: int | tuple[int, ...], fill_value: complex, *, dtype: Any = None, device: Any = None) -> Array:
    """One number everywhere, stored once."""
    _check_device(device)
    given = complex128 if np.iscomplexobj(fill_value) else float64
    one = _asarray(np.full(1, fill_value, given if dtype is None else dtype))
    return broadcast_to(one, (shape,) if isinstance(shape, int) else shape)


def ones(shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Array:
    """Ones, of which one is stored."""
    return full(shape, 1.0, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Array:
    """Ones on a diagonal, stored nowhere."""
    _check_device(device)
    return _eye(n_rows, n_cols, k=k, dtype=float64 if dtype is None else dtype)


# -- types ------------------------------------------------------------------------------------------------------------


def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """The array in another type; itself if it is of that already."""
    _check_device(device)
    return _asarray(x, dtype=dtype)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether one type can be cast to another by the standard's rules of promotion."""
    return bool(np.can_cast(from_.dtype if isinstance(from_, Array) else from_, to))


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The type to which arrays, types and Python numbers are promoted."""
    types = (one.dtype if isinstance(one, Array) else one for one in arrays_and_dtypes)
    return np.dtype(np.result_type(*types))


def finfo(type: Any, /) -> np.finfo[Any]:  # noqa: A002 - the standard's name
    """Limits of a type, or of an array's."""
    return np.finfo(type.dtype if isinstance(type, Array) else type)


# -- shapes: views, nothing is moved ----------------------------------------------------------------------------------


def broadcast_arrays(*arrays: Array) -> tuple[Array, ...]:
    """Arrays broadcast against one another."""
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    return tuple(broadcast_to(array, shape) for array in arrays)


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """The same numbers in another shape; arrays never change, so that a copy is a view."""
    return _reshape(x, shape)


def expand_dims(x: Array, /, *, axis: int = 0) -> Array:
    """An axis of length 1 more."""
    (place,) = normal_axes("expand_dims", axis, x.ndim + 1)
    return _reshape(x, (*x.shape[:place], 1, *x.shape[place:]))


def squeeze(x: Array, /, axis: int | tuple[int, ...]) -> Array:
    """Without some axes of length 1.

    Raises
    ------
    ValueError
        If an axis has another length, or none would be left.
    """
    axes = normal_axes("squeeze", axis, x.ndim)
    if any(x.shape[place] != 1 for place in axes):
        raise ValueError(f"squeeze got axes {axis} of an array of shape {x.shape}; it leaves out axes of length 1")
    return _reshape(x, tuple(length for place, length in enumerate(x.shape) if place not in axes))


def moveaxis(x: Array, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Array:
    """Some axes at other places, the rest in their order."""
    taken, put = normal_axes("moveaxis", source, x.ndim), normal_axes("moveaxis", destination, x.ndim)
    if len(taken) != len(put):
        raise ValueError(f"moveaxis got {source} and {destination}; each axis goes to one place")
    order = [axis for axis in range(x.ndim) if axis not in taken]
    for place, axis in sorted(zip(put, taken, strict=True)):
        order.insert(place, axis)
    return permute_dims(x, order)


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _operands(x1: Any, x2: Any) -> tuple[Array, Array]:
    """Two arrays, one of which may be given as a number: it takes the type of the other."""
    arrays = [one for one in (x1, x2) if isinstance(one, Array)]
    if not arrays:
        raise TypeError("one of two operands must be a numpywren.Array")
    made = [
        one if isinstance(one, Array) else _asarray(np.full(1, one, np.result_type(arrays[0].dtype, one)))
        for one in (x1, x2)
    ]
    return made[0], made[1]


def add(x1: Any, x2: Any, /) -> Array:
    """Sum, element by element."""
    return _add(*_operands(x1, x2))


def subtract(x1: Any, x2: Any, /) -> Array:
    """Difference, element by element."""
    return _subtract(*_operands(x1, x2))


def negative(x: Array, /) -> Array:
    """The array times -1."""
    return _multiply(x, -1)


def positive(x: Array, /) -> Array:
    """The array itself."""
    return x


def conj(x: Array, /) -> Array:
    """Complex conjugate; a view."""
    return x.conj()


# -- inspection -------------------------------------------------------------------------------------------------------


class _Info:
    """What the standard lets one ask."""

    def capabilities(self) -> dict[str, Any]:
        """Neither boolean indexing nor shapes that depend on data."""
        return {"boolean indexing": False, "data-dependent shapes": False, "max dimensions": 32}

    def default_device(self) -> str:
        """``"cpu"``."""
        return "cpu"

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """Types of arrays made without one. There are no arrays of integers: they become float64."""
        _check_device(device)
        return {"real floating": float64, "complex floating": complex128}

    def devices(self) -> list[str]:
        """``["cpu"]``."""
        return ["cpu"]

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """Types that arrays have, all or those of a kind."""
        _check_device(device)
        return {name: dtype for name, dtype in DTYPES.items() if kind is None or np.isdtype(dtype, kind)}


def __array_namespace_info__() -> _Info:  # noqa: N807 - the standard's name
    """What numpywren can do, in the standard's words."""
    return _Info()
