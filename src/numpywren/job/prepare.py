"""From a request to all that describes its run: nothing is made here, and all that can be refused is refused."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import numpy as np

from numpywren.config import setting
from numpywren.job.request import Request, Returned, partitions_of, plain_number, run_dtype, sizes_of
from numpywren.job.stack import unstacked
from numpywren.matrix import Array, Binding, Partition, Store, open_store, same_place, scratch_url
from numpywren.planner import Workload
from numpywren.planner.workload import refuse_dust
from numpywren.version import __version__
from numpywren.worker import RunRecord

__all__ = ["Out", "modules_of", "prepare"]

#: Where results are to be stored: the only one, or some by name.
Out: TypeAlias = str | Path | Mapping[str, str | Path] | None

#: Tiles of one matrix beyond which nothing is run: each is a file, a line of the control plane and a millisecond.
MOST_TILES = 10_000_000

#: How names of SQLite's files end.
DATABASES = (".db", ".db3", ".sqlite", ".sqlite3")


def prepare(request: Request, out: Out = None) -> tuple[Workload, Store]:
    """Bind a request's program to its data; makes nothing.

    Parameters
    ----------
    request : Request
    out : str, Path, or mapping of str to str or Path, optional
        Where results are to be stored.

    Returns
    -------
    workload : Workload
        The run, not started.
    store : Store
        Its folder, under a name that nobody can guess.

    Raises
    ------
    ValueError, TypeError
        If the inputs do not fit the program.
    """
    request = unstacked(request)
    partitions = partitions_of(request)
    sizes = sizes_of(request, partitions)
    scalars = {name: plain_number(name, value) for name, value in request.scalars.items()}
    dtype = run_dtype(request)
    dataflow = request.program.bind(sizes)
    store = open_store(scratch_url()).child(f"runs/{secrets.token_hex(16)}")
    places = _places(request, out, store)
    bindings = {
        matrix.name: _binding(request, matrix.name, matrix.role, matrix.grid, partitions, dtype, places)
        for matrix in request.program.matrices
        if matrix.role != "temporary"
    }
    refuse_dust(bindings, MOST_TILES, "run")
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
    return Workload(record, bindings, dataflow), store


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


def _places(request: Request, out: Out, store: Store) -> dict[str, str]:
    """Where each output goes."""
    outputs = [matrix.name for matrix in request.program.matrices if matrix.role == "output"]
    # several results go by their own names, which may be those of other outputs: U of a wide matrix is V of its adjoint
    results = request.fields or [one.output for one in request.returned]
    stored = {
        name: one.output for name, one in zip(results, request.returned, strict=True) if not (one.scalar or one.loaded)
    }
    if isinstance(out, str | Path):
        if len(stored) != 1:
            if not stored:
                raise ValueError(f"{request.name} has no array among its results to be stored; leave `out` away")
            words = " ".join(f"--out {name}={name}.zarr" for name in stored)
            raise ValueError(
                f"{request.name} has the results {', '.join(request.fields)}; give `out` as a mapping of result to "
                f"URL, or on the command line {words}"
            )
        out = dict.fromkeys(stored, out)
    if not isinstance(out, Mapping | None):
        raise TypeError(f"{request.name} got out={out!r}; it wants a URL, or a mapping of result to URL")
    unknown = set(out or {}) - set(stored)
    if unknown:
        raise ValueError(
            f"{request.name} stores no result {', '.join(sorted(unknown))}; it stores {', '.join(stored) or 'none'}"
        )
    _refuse_shared(request, out or {})
    named = {stored[name]: str(url) for name, url in (out or {}).items()}
    return {name: named.get(name, f"{store.url}/out/{name}") for name in outputs}


def _refuse_shared(request: Request, out: Mapping[str, str | Path]) -> None:
    """See that each result has a place to itself: none is, holds or lies in that of another or of an input."""
    taken = [(f"the input {name}", array.url) for name, array in request.inputs.items() if array.url is not None]
    for name, url in out.items():
        place = open_store(url)
        for owner, other in taken:
            if same_place(place, open_store(other)):
                raise ValueError(
                    f"the result {name} cannot go to {place.url}, where {owner} is, at {other}; give each a folder of "
                    "its own, none inside another"
                )
        taken.append((f"the result {name}", place.url))


def modules_of(request: Request) -> tuple[str, ...]:
    """Modules that workers need for this run; this client named their kernels itself, so it trusts them."""
    kernels = {kernel.path.partition(":")[0] for kernel in request.program.kernels.values()}
    functions = {module for array in request.inputs.values() for module in array.modules}
    # numpywren's own may be loaded anyway, but for what its contract suites bring
    own = {module for module in kernels | functions if not re.match(r"numpywren\.(?!testing\.)", module)}
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
        if rest.lower().endswith(DATABASES) and not Path(re.sub("^//+", "/", rest)).is_dir():
            raise ValueError(
                f"control is {configured!r}, which looks like a file; each run has one of its own, in a folder: write "
                f"sqlite:{rest.rpartition('/')[0] or '.'}"
            )
        return f"sqlite:{rest.rstrip('/')}/{identity}.sqlite"
    if scheme in ("objects", "store"):
        return f"objects:{store.url}/control"
    return f"{configured}{'&' if '?' in rest else '?'}run={identity}"
