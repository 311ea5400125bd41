"""NumPy's namespace with the linear algebra of numpywren in it, for the public suite `array-api-tests`.

The suite makes its arrays, and looks at results, with a hundred functions that numpywren does not have. So they are
NumPy's, and each function of the extension converts its arrays to tiles of one or two rows and its results back.

- Arrays of integers are answered by NumPy: numpywren has none, and computes with float64 instead.
- Arrays without a dimension, which numpywren has not either, are taken as vectors of one number.
- Numbers need not be finite: `check_finite` is False where a function has it.
"""

import inspect
import types

import numpy as np
from array_api.test_signatures import SIGNATURES

import numpywren as nw
from numpywren.config import config

__array_api_version__ = "2024.12"

#: Those of the extension that are in the main namespace too.
MAIN = ("matmul", "matrix_transpose", "tensordot", "vecdot")
#: Those that take arrays without a dimension.
OF_NUMBERS = ("tensordot", "vector_norm")

#: The suite makes thousands of small runs.
IN_MEMORY = {"store": "memory:array-api-suite", "control": "memory:"}


def is_array(x):
    return isinstance(x, np.ndarray | np.generic)


def to_tiles(x):
    cut = (1, 2)[-min(2, x.ndim) :]
    return nw.asarray(x, chunks=(1,) * (x.ndim - len(cut)) + cut)


def adapted(name):
    """A function of numpywren that takes and gives NumPy's arrays."""
    function = getattr(nw.linalg, name)
    finite = {"check_finite": False} if "check_finite" in inspect.signature(function).parameters else {}

    def call(*args, **kwargs):
        arrays = [arg for arg in args if is_array(arg)]
        if any(array.dtype.kind not in "fc" for array in arrays):
            return getattr(np.linalg, name)(*args, **kwargs)
        numbers = name in OF_NUMBERS and not all(array.ndim for array in arrays)
        with config.set(IN_MEMORY):
            given = [to_tiles(np.atleast_1d(arg) if numbers else arg) if is_array(arg) else arg for arg in args]
            result = function(*given, **{**kwargs, **finite})
            if isinstance(result, tuple):
                return type(result)(*map(np.asarray, result))
            result = np.asarray(result)
        return result.reshape([length for array in arrays for length in array.shape]) if numbers else result

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    call.__signature__ = inspect.signature(function)
    return call


linalg = types.SimpleNamespace(**{name: adapted(name) for name in SIGNATURES})
matmul, matrix_transpose, tensordot, vecdot = (getattr(linalg, name) for name in MAIN)


def __getattr__(name):
    return getattr(np, name)
