"""What a call asks for: a program, its inputs, and what to make of the outputs. Pure; nothing runs here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from numpywren.errors import RunNotFoundError
from numpywren.lambdapack import Program
from numpywren.matrix import Array, Binding, Partition
from numpywren.worker.record import Scalar

__all__ = ["Request", "Results", "Returned", "partitions_of", "plain_number", "run_dtype", "sizes_of"]

#: Results that a function has, at most; bytes, and tiles, of one that the caller gets as a NumPy array.
MOST_RESULTS, LARGEST_LOADED, MOST_LOADED = 100, 1 << 30, 1 << 20


@dataclass(frozen=True, slots=True)
class Returned:
    """What the caller gets for one output of the program."""

    #: Name of the output matrix.
    output: str
    #: Whether it is stored and handed out transposed, and conjugated.
    transposed: bool = False
    conjugated: bool = False
    #: Whether the caller gets the single element of a 1 × 1 output as a NumPy scalar.
    scalar: bool = False
    #: Whether only the real part of that element means anything.
    real: bool = False
    #: Whether the caller gets the numbers in memory, as a NumPy array; for what is short, such as pivots.
    loaded: bool = False
    #: With `loaded`: name of a 1 × 1 output that says how many of the elements, from the first, the caller gets.
    counted: str = ""
    #: Shape in which the caller sees it, with the order of its axes there; default: as it is stored.
    shape: tuple[int, ...] | None = None
    axes: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Encode as data."""
        return {
            "output": self.output,
            "transposed": self.transposed,
            "conjugated": self.conjugated,
            "scalar": self.scalar,
            "real": self.real,
            "loaded": self.loaded,
            "counted": self.counted,
            "shape": self.shape,
            "axes": self.axes,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Returned:
        """Decode.

        Raises
        ------
        LookupError, TypeError, ValueError, AttributeError, ArithmeticError
            If the data are of another form.
        """
        flags = {key: bool(data[key]) for key in ("transposed", "conjugated", "scalar", "real", "loaded")}
        shape, axes = (None if data[key] is None else tuple(map(int, data[key])) for key in ("shape", "axes"))
        return cls(str(data["output"]), **flags, counted=str(data["counted"]), shape=shape, axes=axes)


class Results(NamedTuple):
    """What a run returns, as its record has it."""

    returned: tuple[Returned, ...]
    #: Names of the NamedTuple of several results, and of its fields.
    type: str
    fields: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bindings: Mapping[str, Binding]) -> Results:
        """Decode and check: each is an output of the run, and what is loaded is short.

        Raises
        ------
        RunNotFoundError
            If the data are of another form.
        """
        try:
            found = cls(
                tuple(Returned.from_json(one) for one in data["returned"]), str(data["type"]), tuple(data["fields"])
            )
            found.check(bindings)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise RunNotFoundError(f"the run's record describes no results: {str(error)[:200]}") from error
        return found

    def check(self, bindings: Mapping[str, Binding]) -> None:
        """See that there are such outputs.

        Raises
        ------
        ValueError, KeyError
            If there are not.
        """
        several = self.fields if len(self.returned) != 1 else ()
        if len(self.returned) != max(1, len(several)) or len(several) > MOST_RESULTS:
            raise ValueError(f"there are {len(self.returned)} results and {len(several)} names of results")
        for one in self.returned:
            for name in (one.output, *([one.counted] if one.counted else ())):
                array = bindings[name].array
                if bindings[name].role != "output" or array is None:
                    raise ValueError(f"{name} is no output")
                tiles = math.prod(part.tiles for part in array.partitions)
                if (one.scalar or one.loaded) and (array.nbytes > LARGEST_LOADED or tiles > MOST_LOADED):
                    raise ValueError(f"{name} is too large to be loaded: {array!r}")


@dataclass(frozen=True, slots=True)
class Request:
    """One run, asked for.

    Parameters
    ----------
    name : str
        The function that was called.
    program : Program
    inputs : mapping of str to Array
        By the program's names. One with more dimensions than the program's matrix makes this a stack of problems: see
        `numpywren.job.stack`.
    returned : tuple of Returned
        One for a single result; several become a NamedTuple whose fields are `fields`.
    sizes : mapping of str to int
        Integer parameters that the grids do not give.
    scalars : mapping of str to number
    cuts : mapping of str to Partition
        How dimensions are cut whose letters no input fixes, or that are to be cut otherwise than the inputs are stored.
    vectors : frozenset of str
        Outputs of two grid letters that are stored as one-dimensional arrays.
    dtypes : mapping of str to dtype
        Types of inputs and outputs that are not of the type of the run; such an input has no part in it.
    check_finite : bool
        Whether infinities and NaNs in the inputs are an error.
    fields : tuple of str
        Names of several results.
    """

    name: str
    program: Program
    inputs: Mapping[str, Array]
    returned: tuple[Returned, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    cuts: Mapping[str, Partition] = field(default_factory=dict)
    vectors: frozenset[str] = frozenset()
    dtypes: Mapping[str, np.dtype[Any]] = field(default_factory=dict)
    check_finite: bool = False
    fields: tuple[str, ...] = ()


def plain_number(name: str, value: Any) -> Scalar:
    """A number as Python has it, from any scalar of NumPy or Python.

    Raises
    ------
    TypeError
        If it is none.
    """
    plain = np.asarray(value)
    if plain.ndim or plain.dtype.kind not in "biufc":
        raise TypeError(f"{name} must be a number, not {value!r}")
    number = plain.item()
    return int(number) if isinstance(number, bool) else number


def run_dtype(request: Request) -> np.dtype[Any]:
    """The type in which a run computes: NumPy's promotion of its inputs and scalars."""
    types: list[Any] = [array.dtype for name, array in request.inputs.items() if name not in request.dtypes]
    types += [1j for value in request.scalars.values() if np.iscomplexobj(value)]
    dtype = np.result_type(*types) if types else np.dtype(np.float64)
    return np.dtype(dtype)


def partitions_of(request: Request) -> dict[str, Partition]:
    """How the dimension behind each grid letter is cut into tiles.

    A letter that several inputs share takes the cut of the first of them that is cut at all (one tile fits any cut);
    tiles of the others are then read as regions.

    Raises
    ------
    ValueError
        If two inputs disagree about the length of a dimension, or have another number of dimensions than the program
        wants.
    TypeError
        If inputs are missing, or there are some that the program does not know.
    """
    grids = {matrix.name: matrix for matrix in request.program.matrices}
    parts = [matrix.name for matrix in request.program.matrices if matrix.role != "temporary" and "*" in matrix.grid]
    if parts:
        raise TypeError(
            f"{request.program.name} is a part that other programs call: nothing says how many tiles {parts[0]} has"
        )
    wanted = {matrix.name for matrix in request.program.matrices if matrix.role == "input"}
    if wanted != set(request.inputs):
        raise TypeError(
            f"{request.program.name} wants the inputs {', '.join(sorted(wanted))}; it got "
            f"{', '.join(sorted(request.inputs)) or 'none'}"
        )
    found: dict[str, Partition] = dict(request.cuts)
    seen: dict[str, tuple[str, int]] = {letter: ("chunks", cut.length) for letter, cut in found.items()}
    for name, array in request.inputs.items():
        grid = grids[name].grid
        shape, chunks = array.shape, array.chunks
        if len(shape) == 1 and len(grid) == 2:  # a vector is a matrix of one column
            shape, chunks = (*shape, 1), (*chunks, 1)
        if len(shape) != len(grid):
            raise ValueError(
                f"{request.name} got {name} of shape {array.shape}, with {len(shape)} dimensions; it wants {len(grid)}"
            )
        for letter, length, chunk in zip(grid, shape, chunks, strict=True):
            cut = Partition(length, max(1, min(chunk, length)))
            other = seen.setdefault(letter, (name, length))
            if other[1] != length:
                raise ValueError(_disagreement(request, name, array, letter, other))
            if letter not in found or (found[letter].tiles <= 1 < cut.tiles and letter not in request.cuts):
                found[letter] = cut
    return found


def _disagreement(request: Request, name: str, array: Array, letter: str, other: tuple[str, int]) -> str:
    grid = " ".join(next(m.grid for m in request.program.matrices if m.name == name))
    if other[0] == name:
        return f"{request.name} got {name} of shape {array.shape}; it must be square"
    first = request.inputs.get(other[0])
    shape = f"of shape {first.shape}" if first is not None else f"with {other[1]} for dimension {letter}"
    return (
        f"{request.name} got {name} of shape {array.shape} (dimensions {grid!r}) and {other[0]} {shape}: "
        f"dimension {letter} must be the same in both"
    )


def sizes_of(request: Request, partitions: Mapping[str, Partition]) -> dict[str, int]:
    """Every integer parameter of the program: tile counts from the grid, the rest as given or by default."""
    sizes = {letter: cut.tiles for letter, cut in partitions.items() if letter in request.program.sizes}
    for name, value in request.sizes.items():
        if sizes.get(name, value) != value:
            raise ValueError(
                f"{request.program.name} got {name}={value}, and its matrices have {sizes[name]} tiles along {name!r}; "
                f"leave {name} out"
            )
    unknown = set(request.sizes) - set(request.program.sizes)
    if unknown:
        raise TypeError(f"{request.program.name} has no parameter {', '.join(sorted(unknown))}")
    return {**request.program.defaults, **sizes, **request.sizes}
