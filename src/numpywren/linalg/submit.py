"""Start a function without waiting for it, or plan it without starting it."""

from __future__ import annotations

from typing import Any

import numpy as np

from numpywren import job
from numpywren.job import Request, Run, start
from numpywren.job.prepare import Out
from numpywren.lambdapack import Program
from numpywren.linalg.function import Function
from numpywren.matrix import Array, zeros
from numpywren.planner import Machine, Plan

__all__ = ["plan", "submit"]


def submit(fn: Function[..., Any], /, *args: Any, out: Out = None, **kwargs: Any) -> Run:
    """Start a function of `numpywren.linalg` and return at once.

    Parameters
    ----------
    fn : function of `numpywren.linalg`
    *args, **kwargs
        What `fn` takes.
    out : str, Path, or mapping of str to str or Path, optional
        URL where the result is to be stored; it is whole when the run is done. Of several, one for each array by its
        name, as in ``out={"U": url}``. By default results are stored with the run.

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


def plan(
    fn: Function[..., Any],
    /,
    *args: Any,
    machine: str | Machine = job.THIS_MACHINE,
    workers: int | None = None,
    deadline: str | float | None = None,
    budget: str | float | None = None,
    **kwargs: Any,
) -> Plan:
    """Say what a function of `numpywren.linalg` would take; nothing is run, read or written.

    Parameters
    ----------
    fn : function of `numpywren.linalg`
    *args, **kwargs
        What `fn` takes. Of arrays only shape, chunks and type are looked at.
    machine : str or Machine
        The kind of worker, by its name: see :doc:`/howto/planning`. Default: this machine, with slots and memory as
        configured.
    workers : int, optional
        Most workers. The run is then simulated on a virtual clock, which takes a tenth of a millisecond for each task.
    deadline : str or float, optional
        Time that it may take, as in ``"1h"`` or a number of seconds: then the cheapest way that keeps it is chosen
        among tiles of several lengths, panels of several widths, and numbers of workers.
    budget : str or float, optional
        US dollars that it may cost, as in ``"$20"``: then the fastest way is chosen.

    Returns
    -------
    Plan
        Tasks, flops and bytes by kernel, exact; the memory that a worker needs; the longest chain of tasks; and, over
        time, how much can go on at once and how much the store holds. `Plan.plot` draws these. `Plan.simulation` says
        how the run goes with so many workers, and `Plan.choices` what else was tried.

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
    called = _checked("plan", fn)

    def build(chunks: int | None) -> Request:
        return called.request(*(_cut(each, chunks) for each in args), **kwargs)

    return job.plan(build, machine, workers, deadline, budget)


def _cut(argument: Any, chunks: int | None) -> Any:
    """An array of the same shape and type in tiles of another length; of its numbers nobody asks."""
    if chunks is None or not (isinstance(argument, Array | np.ndarray) and argument.ndim):
        return argument
    dtype = argument.dtype if argument.dtype.kind in "fc" else np.dtype(np.float64)
    ones = (1,) * max(argument.ndim - 2, 0)
    return zeros(argument.shape, chunks=(*ones, *(min(chunks, n) or 1 for n in argument.shape[-2:])), dtype=dtype)


def _checked(caller: str, fn: object) -> Function[..., Any]:
    if isinstance(fn, Program):
        raise TypeError(
            f"{caller} got the program {fn.name}; it takes a function of numpywren.linalg: programs are run with "
            f"numpywren.run({fn.name}, ...)"
        )
    if not isinstance(fn, Function):
        raise TypeError(
            f"{caller} got {type(fn).__name__}; it takes a function of numpywren.linalg, as nw.linalg.cholesky"
        )
    return fn
