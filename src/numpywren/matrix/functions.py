"""Arrays that a function computes where they are read, and how such functions travel: by name, never as code."""

from __future__ import annotations

import secrets
import sys
import threading
import weakref
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from numpywren.errors import KernelNotAllowedError
from numpywren.matrix.schemes import open_store
from numpywren.matrix.sources import Source, layout_from_json, layout_to_json
from numpywren.matrix.tile_format import column_major, decode_npy, encode_npy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpywren.matrix.store import Store
    from numpywren.matrix.zarr_format import Layout

__all__ = ["FunctionValues", "load_function"]

#: Modules of our own from which functions may be loaded without being configured.
ALWAYS_ALLOWED = ("numpywren.demo.kriging",)
_LOCAL = "local:"

Argument = np.ndarray | int | float | complex | str

_local: weakref.WeakValueDictionary[str, FunctionValues] = weakref.WeakValueDictionary()
_loaded: weakref.WeakValueDictionary[str, np.ndarray] = weakref.WeakValueDictionary()
_lock = threading.Lock()


class FunctionValues(Source):
    """Numbers that a function of row and column indices gives.

    Parameters
    ----------
    function : callable
        Called as ``function(i, j, *args)`` with integer arrays that broadcast to the shape of a tile, one for each
        dimension.
    layout : Layout
    args : sequence of ndarray, number or str
        Further arguments, the same for every tile.
    """

    def __init__(self, function: Callable[..., Any], layout: Layout, args: Sequence[Any] = ()) -> None:
        self.function, self.layout = function, layout
        if isinstance(args, str) or not hasattr(args, "__iter__"):
            raise TypeError(f"from_function got args={args!r}; it wants a tuple of them, as in args=({args!r},)")
        self.args: tuple[Argument, ...] = tuple(map(_argument, args))
        self.path = function_path(function)
        self.modules = (self.path.partition(":")[0] if self.path else "__main__",)
        self.description = f"made by {self._shown()}"
        self._saved: list[Any] | None = None
        self._name = _LOCAL + secrets.token_hex(16)

    def read(self, region: tuple[slice, ...]) -> np.ndarray:  # noqa: D102 (inherited)
        shape = tuple(part.stop - part.start for part in region)
        if 0 in shape:
            return np.empty(shape, self.layout.dtype, order="F")
        indices = np.ix_(*(np.arange(part.start, part.stop) for part in region))
        try:
            values = np.asarray(self.function(*indices, *self.args))
        except Exception as error:
            where = ", ".join(f"{part.start}:{part.stop}" for part in region)
            error.add_note(f"raised by {self._shown()} for the region [{where}] of an array made by from_function")
            raise
        return self._fitted(values, shape)

    def _fitted(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        dtype = self.layout.dtype
        if not np.can_cast(values.dtype, dtype, "same_kind"):
            raise TypeError(
                f"{self._shown()} gave {values.dtype} for an array of {dtype}; give from_function the right dtype"
            )
        try:
            whole = np.broadcast_to(values, shape)
        except ValueError:
            raise ValueError(
                f"{self._shown()} gave shape {values.shape} for a tile of shape {shape}; it must broadcast to that"
            ) from None
        fitted = column_major(whole, dtype)
        # The function may keep and reuse what it returned; the caller's is nobody else's.
        return fitted.copy(order="F") if np.may_share_memory(fitted, values) else fitted

    def _shown(self) -> str:
        return self.path or str(getattr(self.function, "__qualname__", self.function))

    def save_args(self, store: Store) -> None:
        """Write the arrays among the arguments to a store, from which other processes then read them."""
        self._saved = [_save_argument(arg, store, f"args/{number}.npy") for number, arg in enumerate(self.args)]

    @property
    def must_save(self) -> bool:
        """Whether `save_args` is wanted before `to_json`."""
        return self._saved is None and self.path is not None and any(isinstance(arg, np.ndarray) for arg in self.args)

    def to_json(self) -> dict[str, Any]:  # noqa: D102 (inherited)
        data = {"kind": "function", **layout_to_json(self.layout)}
        with _lock:
            _local[self._name] = self
        if self.path is None:
            return {**data, "function": self._name, "shown": self._shown()}
        if self.must_save:
            raise ValueError("the arguments of this array's function were not saved yet; call save_args first")
        args = self._saved or [_save_argument(arg, None, "") for arg in self.args]
        return {**data, "function": self.path, "local": self._name, "args": args}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], allowed: Collection[str]) -> FunctionValues:
        """The same array in this process.

        Raises
        ------
        KernelNotAllowedError
            If its function is in no module of `allowed`, or exists only in another process.
        """
        layout = layout_from_json(data)
        name = str(data.get("local", data["function"]))
        with _lock:
            known = _local.get(name)
        if known is not None and known.layout == layout:
            return known
        if str(data["function"]).startswith(_LOCAL):
            raise KernelNotAllowedError(
                f"the function {data.get('shown', '')!r} of this array exists only in the process that made it, "
                "because it is a lambda, a closure or in __main__, so no other can carry on with it; put it into a "
                "module, name that in `kernels.modules`, and start anew"
            )
        made = cls(load_function(str(data["function"]), allowed), layout, [_load_argument(arg) for arg in data["args"]])
        made._saved = list(data["args"])
        return made


def _argument(value: Any) -> Argument:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float | complex | str):
        return value
    raise TypeError(
        f"an argument of from_function must be a NumPy array of numbers, a number or a text, not "
        f"{type(value).__name__}; convert it with np.asarray(...)"
    )


def _save_argument(arg: Argument, store: Store | None, key: str) -> Any:
    """Data for an argument, whose numbers are written to the store if it is an array."""
    if isinstance(arg, np.ndarray):
        assert store is not None
        return {"url": store.url, "key": key, "nbytes": store.put(key, *encode_npy(arg))}
    return {"complex": [arg.real, arg.imag]} if isinstance(arg, complex) else arg


def _load_argument(saved: Any) -> Argument:
    """An argument from the data that `FunctionValues.save_args` left, each array once a process."""
    if not isinstance(saved, dict):
        return _argument(saved)
    if "complex" in saved:
        real, imag = saved["complex"]
        return complex(real, imag)
    store, key = open_store(str(saved["url"])), str(saved["key"])
    url = store.url_of(key)
    with _lock:
        known = _loaded.get(url)
        if known is None:
            nbytes = int(saved["nbytes"])
            known = decode_npy(store.get(key, at_most=nbytes), f"the argument of a function at {url}")
            _loaded[url] = known
    return known


def function_path(function: Callable[..., Any]) -> str | None:
    """``module:qualname`` of a function that other processes can import; None for any other."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not module or module == "__main__" or not name.isidentifier():
        return None
    found = getattr(sys.modules.get(module), name, None)
    return f"{module}:{name}" if found is function and isinstance(function, FunctionType) else None


def load_function(path: str, allowed: Collection[str]) -> Callable[..., Any]:
    """The function that ``module:name`` means, if its module is allowed.

    Parameters
    ----------
    path : str
        As `function_path` gives it.
    allowed : collection of str
        Modules, or packages with all that is in them.

    Raises
    ------
    KernelNotAllowedError
        If the module is in none of them, or the name is no function defined in that module. Nothing was imported
        from a module that is not allowed.
    """
    module, _, name = path.partition(":")
    if not any(module == known or module.startswith(known + ".") for known in (*allowed, *ALWAYS_ALLOWED) if known):
        raise KernelNotAllowedError(
            f"the function {path!r} is not in a module that this process may load from "
            f"({', '.join(allowed) or 'none are configured'}); if you trust it, add {module!r} to `kernels.modules`"
        )
    try:
        found = getattr(import_module(module), name, None)
    except ImportError as error:
        raise KernelNotAllowedError(
            f"the module of {path!r} cannot be imported here ({error}); install it where the workers run"
        ) from error
    # Not whatever the module happens to have imported, such as os.system.
    if not isinstance(found, FunctionType) or found.__module__ != module:
        raise KernelNotAllowedError(f"{path!r} is no function defined in {module!r}")
    return found
