"""What is written down about a run when it starts: all that a worker needs to know, as data and names.

A run is a folder in a store: ``run.json`` (this record), ``tiles/`` (intermediates), ``out/`` (outputs that were given
no place of their own) and, by default, the control plane: ``control.sqlite``, or ``control/`` in an object store.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from numpywren.errors import NumpywrenError, RunNotFoundError
from numpywren.lambdapack import Kernel, Program, load_kernel
from numpywren.matrix import DTYPES, Binding, Partition, Store, open_store
from numpywren.matrix.local_files import LocalFiles

__all__ = ["FORMAT", "RunRecord", "Scalar"]

Scalar = int | float | complex

#: Sizes beyond this are refused: no store holds as many tiles.
LONGEST = 1 << 53
#: Bytes that a record may have.
LARGEST = 64 << 20
#: Version of the record; one that is newer than this is refused.
FORMAT = 1
#: What data of any form may do to who takes them apart.
DAMAGES = (LookupError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError)
#: Characters of such an error that are shown, and that a function's name may have.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, written down once."""

    #: The program, encoded.
    program: str
    #: Every integer parameter of the program.
    sizes: Mapping[str, int]
    #: Numbers that the program multiplies by.
    scalars: Mapping[str, Scalar]
    #: Where inputs and outputs live, and how they are cut into tiles, encoded: see `bound`.
    bindings: Mapping[str, Any]
    #: Type in which the run computes.
    dtype: np.dtype[Any]
    #: URL of the control plane; None: in the run's own folder.
    control: str | None
    #: Whether infinities and NaNs in the inputs are an error.
    check_finite: bool
    #: What the caller gets when the run is done, as `numpywren.job` wrote it.
    result: Any = None
    #: When the run was made, as ISO 8601 in UTC.
    created: str = ""
    #: Version of numpywren that made it.
    version: str = ""
    #: Name of the function that was called, for people.
    name: str = field(default="")
    #: How many tasks it has in all, for people; 0 if that was not written down.
    tasks: int = 0

    def to_json(self) -> str:
        """Encode as JSON."""
        return json.dumps(
            {
                "format": FORMAT,
                "name": self.name,
                "version": self.version,
                "created": self.created,
                "program": json.loads(self.program),
                "sizes": dict(self.sizes),
                "scalars": {name: _encode_scalar(value) for name, value in self.scalars.items()},
                "bindings": dict(self.bindings),
                "dtype": self.dtype.name,
                "control": self.control,
                "check_finite": self.check_finite,
                "result": self.result,
                "tasks": self.tasks,
            }
        )

    @classmethod
    def load(cls, url: str) -> tuple[RunRecord, Store]:
        """Read the record of the run at a URL.

        Raises
        ------
        RunNotFoundError
            If there is none, or one that this version cannot read.
        """
        store = open_store(url)
        try:
            text = bytes(store.get("run.json", at_most=LARGEST)).decode()
        except FileNotFoundError:
            raise RunNotFoundError(
                f"{url} holds no run (no run.json there); give the URL that Run.url or `numpywren` printed"
            ) from None
        except NotADirectoryError as error:
            raise RunNotFoundError(f"{url} holds no run: {error}") from None
        try:
            return cls.from_json(text), store
        except NumpywrenError:
            raise
        except DAMAGES as error:
            raise RunNotFoundError(f"{url}/run.json is damaged or no run record: {str(error)[:SHOWN]}") from error

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Decode and check; program and bindings stay encoded, so that a run can be looked at without its kernels."""
        data = json.loads(text)
        control, result = data["control"], data["result"]
        if not isinstance(control, str | None) or not isinstance(result, dict):
            raise TypeError("control is to be a URL or null, and result an object")
        if data["format"] != FORMAT:
            raise RunNotFoundError(
                f"this run was made by numpywren {data.get('version')} in record format {data['format']}; this version "
                f"reads format {FORMAT}: use the version that made it"
            )
        return cls(
            program=json.dumps(data["program"], separators=(",", ":"), sort_keys=True),
            sizes={str(name): _natural(value) for name, value in data["sizes"].items()},
            scalars={str(name): _decode_scalar(value) for name, value in data["scalars"].items()},
            bindings=dict(data["bindings"]),
            dtype=DTYPES[data["dtype"]],
            control=control,
            check_finite=bool(data["check_finite"]),
            result=result,
            created=_printable(data["created"]),
            version=_printable(data["version"]),
            name=_printable(data["name"]),
            tasks=_natural(data.get("tasks", 0)),
        )

    def save(self, store: Store) -> None:
        """Write to the run's folder."""
        store.put("run.json", self.to_json().encode())

    def bound(self, modules: tuple[str, ...]) -> dict[str, Binding]:
        """Inputs and outputs; functions that make inputs are loaded from `modules` only.

        Raises
        ------
        KernelNotAllowedError
            If an input is made by a function from elsewhere.
        RunNotFoundError
            If the record is damaged.
        """
        try:
            found = {name: Binding.from_json(data, modules) for name, data in self.bindings.items()}
            check_bindings(found, json.loads(self.program)["matrices"], self.sizes)
        except DAMAGES as error:
            if isinstance(error, NumpywrenError):
                raise
            raise RunNotFoundError(f"the run's record binds its matrices to something else: {error}") from error
        return found

    def decoded(self, allowed: tuple[str, ...]) -> Program:
        """The program, its kernels loaded from the modules that are allowed.

        Raises
        ------
        KernelNotAllowedError
            If it names a kernel outside `allowed` and numpywren's own.
        """
        return Program.from_json(self.program, _loader(allowed))

    def control_url(self, store: Store) -> str:
        """URL of the run's control plane.

        Raises
        ------
        RunNotFoundError
            If the record names one that is not this run's: `resume` would overwrite it, and `delete` delete it.
        """
        if self.control is not None:
            if not is_plane_of(self.control, store.url):
                raise RunNotFoundError(
                    f"the record of the run at {store.url} names a control plane of the scheme "
                    f"{self.control.partition(':')[0][:20]!r} that is not this run's; attach to the run by the URL "
                    "under which it was started"
                )
            return self.control
        if isinstance(store, LocalFiles):
            return f"sqlite:{store.path('control.sqlite')}"
        if store.url.startswith("memory:"):
            return store.url
        return f"objects:{store.url}/control"


def is_plane_of(control: str, run: str) -> bool:
    """Whether the control plane at a URL is that of the run at a URL: it carries the run's identity, or lies in it."""
    identity = run.rstrip("/").rpartition("/")[2]
    scheme, _, rest = control.partition(":")
    if scheme == "memory":
        return rest.endswith(identity)
    if scheme == "sqlite":
        return rest.rpartition("/")[2] == f"{identity}.sqlite"
    if scheme == "objects":
        return rest == f"{run}/control"
    return parse_qs(urlsplit(control).query).get("run") == [identity]


def check_bindings(bindings: Mapping[str, Binding], matrices: Sequence[Any], sizes: Mapping[str, int]) -> None:
    """See that data are bound as the program has its matrices: each input and output, and in tiles as the sizes say.

    Parameters
    ----------
    bindings : mapping of str to Binding
    matrices : sequence
        The program's, as they are encoded.
    sizes : mapping of str to int

    Raises
    ------
    ValueError
        If they are bound otherwise.
    """
    wanted = {name: (role, grid) for name, role, grid, *_ in matrices if role != "temporary"}
    if wanted.keys() != bindings.keys():
        raise ValueError(f"it has the matrices {', '.join(wanted)}, and {', '.join(bindings)[:SHOWN]} are bound")
    cuts: dict[str, Partition] = {}
    for name, binding in bindings.items():
        role, grid = wanted[name]
        if binding.matrix != name or binding.role != role or binding.partitions is None:
            raise ValueError(f"{name} is {role} of the program, and bound as {binding.role} {binding.matrix[:SHOWN]!r}")
        for letter, cut in zip(grid, binding.partitions, strict=True):
            if sizes.get(letter) != cut.tiles or cuts.setdefault(letter, cut) != cut:
                raise ValueError(f"{name} has {cut.tiles} tiles along {letter}, where there are {sizes.get(letter)}")


@functools.cache
def _loader(allowed: tuple[str, ...]) -> Callable[[str], Kernel]:
    """What loads kernels from these modules; the same each time, as decoded programs are remembered by it."""
    return functools.partial(load_kernel, allowed=allowed)


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < LONGEST:
        raise ValueError(f"a size must be a whole number from 0, below 2**53, not {str(value)[:SHOWN]!r}")
    return value


def _printable(value: Any) -> str:
    if not isinstance(value, str) or len(value) > SHOWN or not value.isprintable():
        raise ValueError(f"a short text without control characters was wanted, not {str(value)[:SHOWN]!r}")
    return value


def _encode_scalar(value: Scalar) -> Any:
    return [value.real, value.imag] if isinstance(value, complex) else value


def _decode_scalar(value: Any) -> Scalar:
    if isinstance(value, list):
        real, imaginary = value
        return complex(real, imaginary)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a scalar must be a number, not {value!r}")
    return value
