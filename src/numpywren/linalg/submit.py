"""Start a function without waiting for it, or plan it without starting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpywren import job
from numpywren.job import Run, start
from numpywren.linalg.function import Function
from numpywren.planner import Machine, Plan

__all__ = ["plan", "submit"]


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
    return start(_checked("submit", fn).request(*args, **kwargs), out)


def plan(fn: Function[..., Any], /, *args: Any, machine: str | Machine = job.THIS_MACHINE, **kwargs: Any) -> Plan:
    """Say what a function of `numpywren.linalg` would take; nothing is run, read or written.

    Parameters
    ----------
    fn : function of `numpywren.linalg`
    *args, **kwargs
        What `fn` takes. Of arrays only shape, chunks and type are looked at.
    machine : str or Machine
        The kind of worker, by its name in ``machines.toml``. Default: this machine, with slots and memory as
        configured.

    Returns
    -------
    Plan
        Tasks, flops and bytes by kernel, exact; the memory that a worker needs; the longest chain of tasks; and, over
        time, how much can go on at once and how much the store holds. `Plan.plot` draws these.

    Raises
    ------
    TypeError
        If `fn` is no such function.
    ValueError
        If there is no such machine, or `fn` refuses its arguments.

    Examples
    --------
    >>> import numpywren as nw
    >>> planned = nw.plan(nw.linalg.cholesky, nw.zeros((50_000, 50_000), chunks=2500))
    >>> f"{planned.flops:.1e}"
    '4.2e+13'
    """
    return job.plan(_checked("plan", fn).request(*args, **kwargs), machine)


def _checked(caller: str, fn: object) -> Function[..., Any]:
    if not isinstance(fn, Function):
        raise TypeError(
            f"{caller} got {type(fn).__name__}; it takes a function of numpywren.linalg, as nw.linalg.cholesky"
        )
    return fn
