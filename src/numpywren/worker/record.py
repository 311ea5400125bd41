"""What is written down about a run when it starts: all that a worker needs to know, as data and names.

A run is a folder in a store: ``run.json`` (this record), ``tiles/`` (intermediates), ``out/`` (outputs that were given
no place of their own) and, by default, the control plane: ``control.sqlite``, or ``control/`` in an object store.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numpywren.errors import NumpywrenError, RunNotFoundError
from numpywren.lambdapack import Kernel, Program, load_kernel
from numpywren.matrix import DTYPES, Binding, Store, open_store
from numpywren.matrix.local_files import LocalFiles

__all__ = ["FORMAT", "RunRecord", "Scalar"]

Scalar = int | float | complex

#: Bytes that a record may have.
LARGEST = 64 << 20
#: Version of the record; one that is newer than this is refused.
FORMAT = 1


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
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
            raise RunNotFoundError(f"{url}/run.json is damaged or no run record: {error}") from error

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
            sizes={str(name): int(value) for name, value in data["sizes"].items()},
            scalars={str(name): _decode_scalar(value) for name, value in data["scalars"].items()},
            bindings=dict(data["bindings"]),
            dtype=DTYPES[data["dtype"]],
            control=control,
            check_finite=bool(data["check_finite"]),
            result=result,
            created=str(data["created"]),
            version=str(data["version"]),
            name=str(data["name"]),
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
            return {name: Binding.from_json(data, modules) for name, data in self.bindings.items()}
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            if isinstance(error, NumpywrenError):
                raise
            raise RunNotFoundError(f"the run's record binds its matrices to something else: {error}") from error

    def decoded(self, allowed: tuple[str, ...]) -> Program:
        """The program, its kernels loaded from the modules that are allowed.

        Raises
        ------
        KernelNotAllowedError
            If it names a kernel outside `allowed` and numpywren's own.
        """
        return Program.from_json(self.program, _loader(allowed))

    def control_url(self, store: Store) -> str:
        """URL of the run's control plane."""
        if self.control is not None:
            return self.control
        if isinstance(store, LocalFiles):
            return f"sqlite:{store.path('control.sqlite')}"
        if store.url.startswith("memory:"):
            return store.url
        return f"objects:{store.url}/control"


@functools.cache
def _loader(allowed: tuple[str, ...]) -> Callable[[str], Kernel]:
    """What loads kernels from these modules; the same each time, as decoded programs are remembered by it."""
    return functools.partial(load_kernel, allowed=allowed)


def _encode_scalar(value: Scalar) -> Any:
    return [value.real, value.imag] if isinstance(value, complex) else value


def _decode_scalar(value: Any) -> Scalar:
    if isinstance(value, list):
        real, imaginary = value
        return complex(real, imaginary)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a scalar must be a number, not {value!r}")
    return value
