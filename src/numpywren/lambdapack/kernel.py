"""Kernels: the functions that programs may call on tiles, and the only way to one from its name."""

from __future__ import annotations

import functools
import importlib
import inspect
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from numpywren.errors import KernelNotAllowedError

__all__ = ["Kernel", "kernel", "load_kernel"]

ALWAYS_ALLOWED = "numpywren.kernels"

Function = TypeVar("Function", bound=Callable[..., Any])


def same_as_first(*shapes: Any, **options: Any) -> Any:
    """Shape rule of a kernel that says nothing: that of the first argument (of its first tile, if that is a list)."""
    first = shapes[0] if shapes else ()
    return first[0] if first and isinstance(first[0], tuple) else first


def one_each(*shapes: Any, **options: Any) -> float:
    """Flop count of a kernel that says nothing: it moves what it is given, which takes time as an addition does."""
    return float(sum(map(_numbers, shapes)))


def one_copy(*shapes: Any, **options: Any) -> int:
    """Work space of a kernel that says nothing: one copy of the largest argument, or of the tiles of a list, joined."""
    return max(map(_numbers, shapes), default=0)


def _numbers(shape: Any) -> int:
    """How many numbers an argument has."""
    return sum(map(math.prod, shape)) if shape and isinstance(shape[0], tuple) else math.prod(shape)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A function on tiles, with what a program and a planner must know of it.

    Parameters
    ----------
    name : str
        Name of the function.
    path : str
        ``module:qualname``: how it travels.
    function : callable
        The function itself. It never modifies its arguments, and its result depends on nothing else.
    results : int or "any"
        Number of tiles that it returns: one tile, or a tuple of that many; "any" returns a tuple with one for each
        target.
    shape : callable
        ``shape(*shapes, **options)``: shape of the result (a tuple of shapes if there are several). Shapes are
        tuples, and tuples of tuples for arguments that are lists.
    flops : callable
        ``flops(*shapes, **options)``: floating point operations on real numbers; one for each number of the arguments
        where a kernel only moves these.
    accumulate : callable, optional
        ``accumulate(acc, sign, *args, **options)`` does ``acc += sign * function(*args, **options)`` in place.
    work : callable
        ``work(*shapes, **options)``: numbers that it needs room for, besides arguments and results.
    """

    name: str
    path: str
    function: Callable[..., Any]
    results: int | Literal["any"] = 1
    shape: Callable[..., Any] = same_as_first
    flops: Callable[..., float] = one_each
    accumulate: Callable[..., None] | None = None
    work: Callable[..., int] = one_copy

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function, as if it had not been decorated."""
        return self.function(*args, **options)

    def __repr__(self) -> str:
        return f"<kernel {self.path}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies find the one object by its name, as a pickled function does.
        return find, (self.path,)


def kernel(
    results: int | Literal["any"] = 1,
    shape: Callable[..., Any] | None = None,
    flops: Callable[..., float] | None = None,
    accumulate: Callable[..., None] | None = None,
    work: Callable[..., int] | None = None,
) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a kernel that programs may call.

    Parameters
    ----------
    results : int or "any"
        Number of tiles that it returns. With "any" it is told by the targets.
    shape : callable, optional
        ``shape(*shapes, **options)`` gives the shape of the result, or a tuple of shapes. Default: that of the first
        argument.
    flops : callable, optional
        ``flops(*shapes, **options)`` counts floating point operations. Default: one for each number of the arguments,
        as for a kernel that only moves them.
    accumulate : callable, optional
        ``accumulate(acc, sign, *args, **options)`` adds or subtracts the result in place.
    work : callable, optional
        ``work(*shapes, **options)`` counts the numbers that it needs room for, besides arguments and results. Default:
        one copy of the largest argument, of which a list of tiles is one.

    Returns
    -------
    callable
        Decorator that turns a function into a `Kernel`.

    Examples
    --------
    >>> @kernel(flops=lambda a: a[0] * a[1])
    ... def double(a):
    ...     return 2 * a
    >>> double.name
    'double'
    """
    if callable(results):
        raise TypeError("@kernel has parentheses, for what a planner must know of the kernel: write @kernel()")
    if results != "any" and (type(results) is not int or results < 1):
        raise TypeError(f"results of a kernel is {results!r}; it must be a positive integer or 'any'")

    def decorate(function: Callable[..., Any]) -> Kernel:
        return Kernel(
            name=function.__name__,
            path=f"{function.__module__}:{function.__qualname__}",
            function=function,
            results=results,
            shape=shape or same_as_first,
            flops=flops or one_each,
            accumulate=accumulate,
            work=work or one_copy,
        )

    return decorate


@functools.lru_cache(maxsize=1024)
def signature(of: Kernel) -> inspect.Signature:
    """Signature of the kernel's function."""
    return inspect.signature(of.function)


def load_kernel(path: str, allowed: Collection[str] = ()) -> Kernel:
    """Kernel with this path, if its module is one that this process may load from.

    Parameters
    ----------
    path : str
        ``module:qualname``.
    allowed : collection of str
        Modules and packages that may be imported from; `numpywren.kernels` always may.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    KernelNotAllowedError
        If the module is not allowed, or holds no such kernel.
    """
    module, colon, qualname = path.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *qualname.split("."))):
        raise KernelNotAllowedError(
            f"{path!r} is no kernel that can be loaded; a kernel is written 'package.module:name' and is defined at the"
            " top of its module, not inside a function"
        )
    if not any(module == prefix or module.startswith(prefix + ".") for prefix in (ALWAYS_ALLOWED, *allowed)):
        raise KernelNotAllowedError(
            f"kernel {path!r} is outside the modules that this process may load from; if you trust the run, add"
            f" {module!r} to the configuration `kernels.modules`"
        )
    return find(path)


def find(path: str) -> Kernel:
    module, _, qualname = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as failure:
        raise KernelNotAllowedError(f"there is no kernel {path!r} here: {failure}") from failure
    if not isinstance(found, Kernel):
        raise KernelNotAllowedError(
            f"{path!r} is no kernel but {type(found).__name__}; put @kernel above its definition"
        )
    return found
