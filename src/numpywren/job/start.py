"""From a request to a run: bind the program to its data, check that it fits, write it down, start it."""

from __future__ import annotations

import datetime as dt
import operator
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from numpywren.backends import open_backend
from numpywren.config import setting
from numpywren.control import open_plane
from numpywren.job.request import Request, Returned, partitions_of, plain_number, run_dtype, sizes_of
from numpywren.job.resume import roots
from numpywren.job.run import Run
from numpywren.job.stack import unstacked
from numpywren.job.workers import worker_options
from numpywren.lambdapack import Program
from numpywren.matrix import Array, Binding, Partition, Store, asarray, create_array, open_store, scratch_url
from numpywren.version import __version__
from numpywren.worker import RunRecord, check_fits

__all__ = ["execute", "run", "start"]


def start(request: Request, out: str | Mapping[str, str] | None = None, *, detached: bool = True) -> Run:
    """Begin a run; returns at once.

    Parameters
    ----------
    request : Request
    out : str or mapping of str to str, optional
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
    """
    request = unstacked(request)
    partitions = partitions_of(request)
    sizes = sizes_of(request, partitions)
    scalars = {name: plain_number(name, value) for name, value in request.scalars.items()}
    dtype = run_dtype(request)
    dataflow = request.program.bind(sizes)
    store = open_store(f"{scratch_url().rstrip('/')}/runs/{secrets.token_hex(16)}")
    places = _places(request, out, store)
    bindings = {
        matrix.name: _binding(request, matrix.name, matrix.role, matrix.grid, partitions, dtype, places)
        for matrix in request.program.matrices
        if matrix.role != "temporary"
    }
    record = RunRecord(
        program=request.program.to_json(),
        sizes=sizes,
        scalars=scalars,
        bindings={name: binding.to_json() for name, binding in bindings.items()},
        dtype=dtype,
        control=_control(store),
        check_finite=request.check_finite,
        result={
            "returned": [one.to_json() for one in request.returned],
            "type": "".join(part.capitalize() for part in request.name.split("_")) + "Result",
            "fields": list(request.fields),
        },
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        version=__version__,
        name=request.name,
    )
    # all that can be refused is refused before anything is made
    modules = _modules(request)
    options = worker_options(modules)
    check_fits(dataflow, bindings, record, options["memory"])
    plane = open_plane(record.control_url(store))
    backend = open_backend(setting("backend"), store.url, options)
    handle = Run(store.url, record, store, modules, keep=tuple(request.inputs.values()))
    made: list[Array] = []
    try:
        for name, url in places.items():
            array = bindings[name].array
            assert array is not None
            layout = array.source.layout
            made.append(create_array(url, layout.shape, layout.chunks, layout.dtype))
        record.save(store)
        plane.restore(roots(dataflow), {}, dataflow.count())
        if detached:
            for array in request.inputs.values():
                array.disown()
        handle.start_on(backend)
    except BaseException:
        backend.stop()
        for array in made:
            array.delete()
        handle.delete()
        raise
    return handle


def execute(request: Request) -> Any:
    """Run a request and return its result; arrays among it live as long as the caller holds them.

    Raises
    ------
    Exception
        As `Run.wait`. A run that failed in its mathematics leaves nothing behind; any other can be resumed.
    """
    handle = start(request, detached=False)
    try:
        handle.wait()
        result = handle.owned_result()
    except ValueError:  # the mathematics, LinAlgError among it
        handle.delete()
        raise
    except BaseException as error:
        for array in request.inputs.values():
            array.disown()  # the run can be resumed, and then reads them
        handle.pause()
        if handle.url not in str(error):
            here = "__main__" in _modules(request)  # then no other process can carry on
            how = f"numpywren.attach({handle.url!r}).resume()" if here else f"`numpywren resume {handle.url}`"
            error.add_note(f"{how} carries on{', in this process' if here else ''}")
        raise
    handle.forget()
    return result


def run(program: Program, *, out: str | Mapping[str, str] | None = None, **arguments: Any) -> Any:
    """Run a LAmbdaPACK program on arrays.

    Parameters
    ----------
    program : Program
    out : str or mapping of str to str, optional
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


def _binding(
    request: Request,
    name: str,
    role: str,
    grid: tuple[str, ...],
    partitions: Mapping[str, Partition],
    dtype: np.dtype[Any],
    places: Mapping[str, str],
) -> Binding:
    cuts = tuple(partitions[letter] for letter in grid)
    if role == "input":
        array = request.inputs[name]
        own = np.dtype(request.dtypes.get(name, dtype))
        return Binding(name, "input", cuts, own, array, column=array.ndim + 1 == len(grid))
    column = name in request.vectors
    kept = cuts[:-1] if column else cuts
    own = np.dtype(request.dtypes.get(name, dtype))
    turned = next((one for one in request.returned if one.output == name), Returned(name))
    if turned.transposed:
        kept = (*kept[:-2], *kept[:-3:-1])
    array = Array.planned(places[name], tuple(c.length for c in kept), tuple(c.chunk for c in kept), own)
    array = array.view(transposed=turned.transposed, conjugated=turned.conjugated)
    return Binding(name, "output", cuts, own, array, column=column)


def _places(request: Request, out: str | Mapping[str, str] | None, store: Store) -> dict[str, str]:
    """Where each output goes."""
    outputs = [matrix.name for matrix in request.program.matrices if matrix.role == "output"]
    # several results go by their own names, which may be those of other outputs: U of a wide matrix is V of its adjoint
    results = request.fields or [one.output for one in request.returned]
    stored = {
        name: one.output for name, one in zip(results, request.returned, strict=True) if not (one.scalar or one.loaded)
    }
    if isinstance(out, str):
        if len(stored) != 1:
            raise ValueError(
                f"{request.name} has the results {', '.join(request.fields) or 'no array'}; give `out` as a mapping "
                "of result to URL"
            )
        out = dict.fromkeys(stored, out)
    unknown = set(out or {}) - set(stored)
    if unknown:
        raise ValueError(
            f"{request.name} stores no result {', '.join(sorted(unknown))}; it stores {', '.join(stored) or 'none'}"
        )
    named = {stored[name]: url for name, url in (out or {}).items()}
    return {name: named.get(name, f"{store.url}/out/{name}") for name in outputs}


def _modules(request: Request) -> tuple[str, ...]:
    """Modules that workers need for this run; this client named their kernels itself, so it trusts them."""
    kernels = {kernel.path.partition(":")[0] for kernel in request.program.kernels.values()}
    functions = {module for array in request.inputs.values() for module in array.modules}
    own = {module for module in kernels | functions if module.partition(".")[0] != "numpywren"}
    return tuple(sorted(own))


def _control(store: Store) -> str | None:
    """URL of the control plane for a new run, from the configuration; None: in the run's own folder."""
    configured = setting("control")
    if configured is None or configured in ("sqlite", "sqlite:"):
        return None
    identity = store.url.rstrip("/").rpartition("/")[2]
    scheme, _, rest = str(configured).partition(":")
    if urlsplit(str(configured)).username is not None or urlsplit(str(configured)).password is not None:
        raise ValueError(
            f"the control plane's URL of scheme {scheme!r} holds a name or password, which would be written down with "
            "every run; set redis.username and redis.password instead (NUMPYWREN_REDIS__PASSWORD in the environment)"
        )
    if scheme == "memory":
        return f"memory:{rest}{identity}"
    if scheme == "sqlite":
        return f"sqlite:{rest.rstrip('/')}/{identity}.sqlite"
    if scheme in ("objects", "store"):
        return f"objects:{store.url}/control"
    return f"{configured}{'&' if '?' in rest else '?'}run={identity}"
