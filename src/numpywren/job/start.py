"""From a request to a run: bind the program to its data, check that it fits, write it down, start it."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpywren.backends import open_backend
from numpywren.backends.local import LocalBackend
from numpywren.config import setting
from numpywren.control import open_plane
from numpywren.control.plane import how_to_resume, unbegun
from numpywren.errors import ControlPlaneLostError, StoreError
from numpywren.job.prepare import Out, modules_of, prepare
from numpywren.job.request import Request, Returned
from numpywren.job.resume import roots
from numpywren.job.run import Run
from numpywren.job.workers import events_policy, worker_options
from numpywren.lambdapack import Program
from numpywren.matrix import Array, asarray, create_array, make_private
from numpywren.worker import check_fits

__all__ = ["execute", "run", "start"]

logger = logging.getLogger(__name__)


def start(request: Request, out: Out = None, *, detached: bool = True) -> Run:
    """Begin a run; returns at once.

    Parameters
    ----------
    request : Request
    out : str, Path, or mapping of str to str or Path, optional
        Where results are to be stored: a URL for a single result, or one for each array among several, by name.
    detached : bool
        Whether the run may outlive this process: its inputs are then kept.

    Returns
    -------
    Run

    Raises
    ------
    ValueError, TypeError
        If the inputs do not fit the program.
    MemoryBoundError
        If a task does not fit in a worker; nothing has been created.
    StoreError, ControlPlaneLostError
        If the store or the control plane refuses, or cannot be reached; what had been created is deleted again.
    """
    workload, store = prepare(request, out)
    bindings, dataflow = workload.bindings, workload.dataflow
    record = replace(workload.record, tasks=dataflow.count())
    # all that can be refused is refused before anything is made
    modules = modules_of(request)
    options = {**worker_options(modules), "events": events_policy(detached=detached)}
    check_fits(dataflow, bindings, record, options["memory"])
    control = record.control_url(store)
    plane = open_plane(control)
    backend = open_backend(setting("backend"), store.url, options)
    if control.startswith("memory:") and not isinstance(backend, LocalBackend):
        raise ValueError(
            f"workers in other processes cannot see the control plane {control}: leave `control` unset, or set it to "
            "one that they reach, or set backend to 'local'"
        )
    handle = Run(store.url, record, store, modules, keep=tuple(request.inputs.values()))
    made: list[Array] = []
    wrote, planned = False, False
    try:
        make_private(store)
        for binding in bindings.values():
            if binding.role == "output" and binding.array is not None and binding.array.url is not None:
                layout = binding.array.source.layout
                outside = not binding.array.url.startswith(store.url + "/")
                made.append(
                    create_array(
                        binding.array.url,
                        layout.shape,
                        layout.chunks,
                        layout.dtype,
                        run=store.url if outside else None,  # else its workers would not write there
                    )
                )
                wrote = True
        record.save(store)
        wrote = True
        plane.restore(roots(dataflow), {}, record.tasks)
        planned = True
        if detached:
            for array in request.inputs.values():
                array.disown()
        handle.start_on(backend)
    except BaseException as error:
        refused = isinstance(error, StoreError | ControlPlaneLostError)
        _quietly(backend.stop)
        for array in made:
            _quietly(array.delete)
        # who has just refused, or was not there, is not asked to delete what it never had
        if planned or not refused:
            _quietly(handle.forget)
        if wrote or not refused or store.url.startswith("file:"):
            _quietly(store.clear)
        if refused:
            _say_what_for(error, f"cannot begin a run at {store.url}")
        raise
    return handle


def _quietly(clean: Callable[[], None]) -> None:
    """Clean up after an error, which is what the caller is to see, whatever else goes wrong."""
    try:
        clean()
    except Exception as error:  # noqa: BLE001 - told below the one that matters
        logger.debug("could not clean up after a run that did not begin: %s", error)


def _say_what_for(error: BaseException, purpose: str) -> None:
    """Put the purpose before an error's message; its type, number and traceback stay."""
    if isinstance(error, OSError) and error.strerror is not None:
        error.strerror = f"{purpose}: {unbegun(error.strerror)}"
        error.args = (error.errno, error.strerror)
    else:
        error.args = (f"{purpose}: {unbegun(str(error))}",)


def execute(request: Request) -> Any:
    """Run a request and return its result; arrays among it live as long as the caller holds them.

    Raises
    ------
    Exception
        As `Run.wait`. A run that failed in its mathematics leaves nothing behind; any other can be resumed.
    """
    handle = start(request, detached=False)
    holding = handle.hold()
    try:
        handle.wait()
        result = handle.owned_result(holding)
    except ValueError:  # the mathematics, LinAlgError among it
        holding.end()
        handle.delete()
        raise
    except BaseException as error:
        holding.end()
        for array in request.inputs.values():
            array.disown()  # the run can be resumed, and then reads them
        handle.pause()
        if handle.url not in str(error):
            here = "__main__" in modules_of(request) or handle.url.startswith("memory:")  # no other can carry on
            how = f"numpywren.attach({handle.url!r}).resume()" if here else how_to_resume(handle.url)
            error.add_note(f"{how} carries on{', in this process' if here else ''}")
        raise
    handle.forget()
    return result


def run(program: Program, *, out: Out = None, **arguments: Any) -> Any:
    """Run a LAmbdaPACK program on arrays.

    Parameters
    ----------
    program : Program
    out : str, Path, or mapping of str to str or Path, optional
        Where to store the outputs.
    **arguments
        An array for each input of the program, a number for each parameter that the grids do not give.

    Returns
    -------
    Array or NamedTuple of Array
        The output, or all of them by name.

    Examples
    --------
    >>> import numpy as np, numpywren as nw
    >>> from numpywren.algorithms import cholesky
    >>> L = nw.run(cholesky, A=4 * np.eye(3), depth=1)
    >>> np.asarray(L).diagonal()
    array([2., 2., 2.])
    """
    inputs: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    scalars: dict[str, Any] = {}
    names = {matrix.name for matrix in program.matrices if matrix.role == "input"}
    for name, value in arguments.items():
        if name in names:
            inputs[name] = asarray(value)
        elif name in program.scalars:
            scalars[name] = value
        elif name in program.sizes:
            sizes[name] = operator.index(value)
        else:
            raise TypeError(
                f"{program.name} has no parameter {name!r}; it takes {', '.join((*names, *program.scalars))} and the "
                f"sizes {', '.join(program.sizes)}"
            )
    outputs = tuple(matrix.name for matrix in program.matrices if matrix.role == "output")
    request = Request(
        program.name,
        program,
        inputs,
        tuple(Returned(name) for name in outputs),
        sizes=sizes,
        scalars=scalars,
        fields=outputs,
    )
    if out is None:
        return execute(request)
    handle = start(request, out)
    handle.wait()
    return handle.result()
