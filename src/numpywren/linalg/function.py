"""A function of `numpywren.linalg`: it builds a request, and calling it runs that request and waits."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from numpywren.job import Request, execute

__all__ = ["FUNCTIONS", "Function", "function"]

P = ParamSpec("P")
R = TypeVar("R")

#: Every function by name: what `numpywren run NAME` offers.
FUNCTIONS: dict[str, Function[..., Any]] = {}


class Function(Generic[P, R]):
    """A function that can be called, or submitted.

    Parameters
    ----------
    build : callable
        Checks its arguments and returns the `Request`; its parameters and docstring are the function's.
    returns : type
        What a call returns.
    warn : callable, optional
        Given the result of a call, warns the caller of what is wrong with it.
    """

    def __init__(self, build: Callable[P, Request], returns: type[R], warn: Callable[[R], None] | None = None) -> None:
        self._build, self._warn = build, warn
        functools.update_wrapper(self, build)
        self.__signature__ = inspect.signature(build).replace(return_annotation=returns)
        self.__annotations__ = {**build.__annotations__, "return": returns}
        # help() of an object shows its docstring alone, so that begins with the signature, as those of NumPy do
        signature = inspect.signature(build)
        plain = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
        shown = inspect.Signature(plain)
        self.__doc__ = f"{build.__name__}{shown}\n\n{inspect.getdoc(build)}"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function and wait for its result."""
        result: R = execute(self._build(*args, **kwargs))
        if self._warn is not None:
            self._warn(result)
        return result

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Request:
        """What a call would run; `numpywren.submit` starts it without waiting."""
        return self._build(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<function numpywren.linalg.{getattr(self, '__name__', '?')}>"


def function(
    returns: type[R], warn: Callable[[R], None] | None = None
) -> Callable[[Callable[P, Request]], Function[P, R]]:
    """Make a public function of one that builds a request.

    Parameters
    ----------
    returns : type
        What a call returns.
    warn : callable, optional
        See `Function`.
    """

    def decorate(build: Callable[P, Request]) -> Function[P, R]:
        made: Function[P, R] = Function(build, returns, warn)
        FUNCTIONS[build.__name__] = made
        return made

    return decorate
