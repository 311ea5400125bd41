"""Start a function without waiting for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpywren.job import Run, start
from numpywren.linalg.function import Function

__all__ = ["submit"]


def submit(fn: Function[..., Any], /, *args: Any, out: str | Mapping[str, str] | None = None, **kwargs: Any) -> Run:
    """Start a function of `numpywren.linalg` and return at once.

    Parameters
    ----------
    fn : function of `numpywren.linalg`
    *args, **kwargs
        What `fn` takes.
    out : str or mapping of str to str, optional
        URL where the result is to be stored; of several, one for each array by its name, as in ``out={"U": url}``. By
        default results are stored with the run.

    Returns
    -------
    Run
        Its `url` finds it again from anywhere; its `result` waits and returns what ``fn(*args, **kwargs)`` returns.

    Raises
    ------
    TypeError
        If `fn` is no such function.

    Notes
    -----
    The run and its inputs stay in the store until `Run.delete` or ``numpywren gc``.
    """
    if not isinstance(fn, Function):
        raise TypeError(
            f"submit got {type(fn).__name__}; it takes a function of numpywren.linalg, as nw.linalg.cholesky"
        )
    return start(fn.request(*args, **kwargs), out)
