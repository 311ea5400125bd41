"""Programs, and programs with their sizes bound."""

from __future__ import annotations

import functools
import heapq
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

from numpywren.lambdapack import visits
from numpywren.lambdapack.dependencies import Dependencies
from numpywren.lambdapack.evaluate import evaluate, holds, span_of
from numpywren.lambdapack.ir import For, Guard, Int, Kind, Loop, Matrix, Statement
from numpywren.lambdapack.kernel import Kernel, load_kernel
from numpywren.lambdapack.lower import kinds
from numpywren.lambdapack.resolved import Node, resolve
from numpywren.lambdapack.tile import Task, Tile

__all__ = ["Dataflow", "Program"]

PRIORITY_BITS = 53
MOST_FLOWS = 64
"""Dataflows that a program keeps, one for each combination of sizes."""

REMEMBERED = 1 << 16
"""Tasks whose priority and number of needs a dataflow keeps: some megabytes."""


@dataclass(frozen=True, eq=False)
class Program:
    """A tiled algorithm: which tasks there are, what each computes, and which tiles it reads and writes.

    Made by `@program`, or from its JSON. It never changes, and its size does not grow with the matrices.

    Parameters
    ----------
    name : str
        Name of the function that it was written as.
    doc : str
        Docstring of that function.
    parameters : tuple of str
        Names of all parameters, in the order of the signature.
    matrices : tuple of Matrix
        Inputs and outputs in the order of the signature, then temporaries.
    sizes : tuple of str
        Every integer parameter, those included that occur only as letters of a grid.
    scalars : tuple of str
        Numbers given when it is run.
    defaults : mapping of str to int
        Sizes that need not be given.
    kernels : mapping of str to Kernel
        Kernels by the names that its expressions use.
    body : tuple of Statement
        What it does, with the programs that it calls written out.
    """

    name: str
    doc: str
    parameters: tuple[str, ...]
    matrices: tuple[Matrix, ...]
    sizes: tuple[str, ...]
    scalars: tuple[str, ...]
    defaults: Mapping[str, int]
    kernels: Mapping[str, Kernel]
    body: tuple[Statement, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "defaults", MappingProxyType(dict(self.defaults)))
        object.__setattr__(self, "kernels", MappingProxyType(dict(self.kernels)))
        object.__setattr__(self, "_flows", {})

    @functools.cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The assignments, flattened, in the order of the text."""
        return kinds(self.body)

    @functools.cached_property
    def dependencies(self) -> Dependencies:
        """Compiled searches, shared by all sizes."""
        return Dependencies(self.sizes, self.matrices, self.kinds)

    @functools.cached_property
    def _layout(self) -> tuple[tuple[tuple[int, int, int, bool], ...], ...]:
        return layout(self.kinds)

    @functools.cached_property
    def _visits(self) -> dict[tuple[str, int], Callable[..., Any]]:
        return {}

    @functools.cached_property
    def _text(self) -> str:
        from numpywren.lambdapack.encoding import encode  # encoding makes programs, so it knows this module

        return encode(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        mine, theirs = (
            (p.name, p.doc, p.parameters, p.matrices, p.sizes, p.scalars, p.defaults, paths(p), p.body)
            for p in (self, other)
        )
        return mine == theirs

    def __hash__(self) -> int:
        return hash((self.name, self.parameters, self.body))

    def __repr__(self) -> str:
        return f"<program {self.name}({', '.join(self.parameters)}): {len(self.kinds)} kinds of task>"

    def __str__(self) -> str:
        from numpywren.lambdapack.printer import text  # printing needs programs, and few programs need printing

        return text(self)

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Programs are run by numpywren, or called as a statement of another program."""
        raise TypeError(
            f"{self.name} is a program and is not called as Python; run it with numpywren.run({self.name}, ...)"
        )

    def bind(self, sizes: Mapping[str, int]) -> Dataflow:
        """Give every size a value.

        Parameters
        ----------
        sizes : mapping of str to int
            Values of `sizes`; those with a default may be left out.

        Returns
        -------
        Dataflow
            The tasks and tiles for these sizes.

        Raises
        ------
        ValueError
            If a size is missing, unknown or negative, or a loop would not advance.
        """
        unknown = [name for name in sizes if name not in self.sizes]
        if unknown:
            raise ValueError(
                f"program {self.name} has no size {unknown[0]!r}; it has {', '.join(self.sizes) or 'none'}"
            )
        missing = [name for name in self.sizes if name not in sizes and name not in self.defaults]
        if missing:
            raise ValueError(f"program {self.name} needs a value for size {missing[0]!r}")
        values = tuple(operator.index(sizes[name] if name in sizes else self.defaults[name]) for name in self.sizes)
        for name, value in zip(self.sizes, values, strict=True):
            if value < 0:
                raise ValueError(f"size {name!r} of program {self.name} is {value}; sizes are 0 or more")
        flows: dict[tuple[int, ...], Dataflow] = self._flows  # type: ignore[attr-defined]
        found = flows.get(values)
        if found is None:
            found = Dataflow(self, dict(zip(self.sizes, values, strict=True)))
            for loop in self._fixed_steps:
                step = evaluate(loop.step, found.sizes) * (-1 if loop.descending else 1)
                if step <= 0:
                    raise ValueError(
                        f"program {self.name} cannot run with {shown(found.sizes)}: the loop over"
                        f" {loop.variable!r} advances by {step}"
                    )
            if len(flows) >= MOST_FLOWS:
                flows.clear()
            flows[values] = found
        return found

    @functools.cached_property
    def _fixed_steps(self) -> tuple[Loop, ...]:
        """Outermost loops whose step depends on sizes, to be checked before anything runs."""
        loops = [statement.loop for statement in self.body if isinstance(statement, For)]
        return tuple(loop for loop in loops if not isinstance(loop.step, Int))

    def tasks(self, sizes: Mapping[str, int]) -> Iterator[Task]:
        """Tasks in program order; see `Dataflow.tasks`."""
        return self.bind(sizes).tasks()

    def count(self, sizes: Mapping[str, int]) -> int:
        """Count tasks; see `Dataflow.count`."""
        return self.bind(sizes).count()

    def reads(self, task: Task, sizes: Mapping[str, int]) -> tuple[Tile, ...]:
        """Tiles that a task reads; see `Dataflow.reads`."""
        return self.bind(sizes).reads(task)

    def writes(self, task: Task, sizes: Mapping[str, int]) -> tuple[Tile, ...]:
        """Tiles that a task writes; see `Dataflow.writes`."""
        return self.bind(sizes).writes(task)

    def readers(self, tile: Tile, sizes: Mapping[str, int]) -> tuple[Task, ...]:
        """Tasks that read a tile; see `Dataflow.readers`."""
        return self.bind(sizes).readers(tile)

    def writer(self, tile: Tile, sizes: Mapping[str, int]) -> Task | None:
        """The task that writes a tile; see `Dataflow.writer`."""
        return self.bind(sizes).writer(tile)

    def roots(self, sizes: Mapping[str, int]) -> Iterator[Task]:
        """Tasks that wait for nothing; see `Dataflow.roots`."""
        return self.bind(sizes).roots()

    def to_json(self) -> str:
        """Encode as JSON: one line of ASCII text, the same for equal programs.

        Raises
        ------
        ProgramError
            If a kernel is defined inside a function, where no other process finds it.
        """
        return self._text

    @staticmethod
    def from_json(text: str, load_kernel: Callable[[str], Kernel] = load_kernel) -> Program:
        """Decode a program; nothing in the text is executed.

        Parameters
        ----------
        text : str
            What `to_json` gave.
        load_kernel : callable
            Finds the kernel with a path, or refuses.

        Returns
        -------
        Program
            The program; the same object for the same text and `load_kernel`.

        Raises
        ------
        ProgramError
            If the text is no valid program.
        KernelNotAllowedError
            If it names a kernel that may not be loaded.
        """
        from numpywren.lambdapack.encoding import decode  # encoding makes programs, so it knows this module

        return decode(text, load_kernel)


def paths(program: Program) -> dict[str, str]:
    """Kernels as they travel."""
    return {name: kernel.path for name, kernel in program.kernels.items()}


def shown(sizes: Mapping[str, int]) -> str:
    """Sizes for a message."""
    return ", ".join(f"{name}={value}" for name, value in sizes.items())


class Dataflow:
    """A program with sizes bound: tasks, tiles, and which depends on which, without ever holding the graph.

    It can be used from any number of threads.

    Parameters
    ----------
    program : Program
        The program.
    sizes : mapping of str to int
        Every size.
    """

    def __init__(self, program: Program, sizes: Mapping[str, int]) -> None:
        self.program = program
        self.sizes: Mapping[str, int] = MappingProxyType(dict(sizes))
        self._values = tuple(self.sizes[name] for name in program.sizes)
        self._ranks = {matrix.name: len(matrix.grid) for matrix in program.matrices}
        self._inputs = frozenset(matrix.name for matrix in program.matrices if matrix.role == "input")
        self._bound: dict[tuple[str, int | str], Any] = {}
        self._layout = program._layout  # noqa: SLF001  # a program's own cache, shared by all sizes
        # A task is asked about once for each tile that it waits for, by whoever writes the tile.
        self._needs = functools.lru_cache(maxsize=REMEMBERED)(self._count_needs)
        self._priority = functools.lru_cache(maxsize=REMEMBERED)(self._find_priority)

    def __repr__(self) -> str:
        return f"<dataflow of {self.program.name} with {shown(self.sizes)}>"

    def tasks(self) -> Iterator[Task]:
        """Every task, in program order: the order in which running the text would come to it."""
        return self._visit("tasks", 0)()  # type: ignore[no-any-return]

    def count(self) -> int:
        """Count the tasks, with innermost loops summed in closed form."""
        found = self._bound.get(("count", 0))
        if found is None:
            makers = [self.program.dependencies.count(number) for number in range(len(self.program.kinds))]
            found = self._bound["count", 0] = sum(make(*self._values)() for make in makers)
        return found  # type: ignore[no-any-return]

    def has(self, task: Task) -> bool:
        """Whether the program has this task: one that came by its name may be anything."""
        if not 0 <= task.kind < len(self.program.kinds):
            return False
        values, environment = iter(task.values), dict(self.sizes)
        try:
            for clause in self.program.kinds[task.kind].path:
                if isinstance(clause, Guard):
                    if not holds(clause.condition, environment):
                        return False
                    continue
                value = next(values, None)
                if value is None or value not in span_of(clause, environment):
                    return False
                environment[clause.variable] = value
        except ValueError:  # index arithmetic has no answer
            return False
        return next(values, None) is None

    def roots(self) -> Iterator[Task]:
        """Tasks that read only inputs, or nothing, in program order."""
        streams: list[Iterator[tuple[Any, ...]]] = []
        for number in range(len(self.program.kinds)):
            scan = self.program.dependencies.roots(number)
            if scan is not None:
                stream = scan.make(*self._values)()
                streams.append(stream if scan.ordered else iter(sorted(stream)))
        for key in heapq.merge(*streams):
            if not self.needs(key[-1]):
                yield key[-1]

    def reads(self, task: Task) -> tuple[Tile, ...]:
        """Distinct tiles that a task reads, in the order in which evaluation needs them.

        Raises
        ------
        ValueError
            If index arithmetic has no integer for an answer.
        """
        found: dict[Tile, None] = {}
        self._visit("reads", task.kind)(*task.values, found)
        return tuple(found)

    def writes(self, task: Task) -> tuple[Tile, ...]:
        """Tiles that a task writes, in the order of its targets."""
        found: list[Tile] = []
        self._visit("writes", task.kind)(*task.values, found.append)
        return tuple(found)

    def readers(self, tile: Tile) -> tuple[Task, ...]:
        """Distinct tasks that read a tile, in program order."""
        found: list[tuple[Any, ...]] = []
        for search, _ in self._searches("readers", tile):
            search(*tile.index, found.append, False)
        if len(found) < 2:
            return tuple([key[-1] for key in found])
        found.sort()
        return tuple(dict.fromkeys([key[-1] for key in found]))

    def writer(self, tile: Tile) -> Task | None:
        """The task that writes a tile; None for a tile of an input, and for one that nobody writes."""
        for search, _ in self._searches("writer", tile):
            task: Task | None = search(*tile.index)
            if task is not None:
                return task
        return None

    def needs(self, task: Task) -> int:
        """How many distinct tiles a task waits for: those that it reads and a task writes."""
        return self._needs(task)

    def priority(self, task: Task) -> int:
        """How urgent a task is: less than ``2**53``, smaller first.

        A task is as urgent as the first task that waits for it: the place in program order, to the statements in the
        third loop, of the earliest reader of its tiles; its own place if none.
        """
        return self._priority(task)

    def _count_needs(self, task: Task) -> int:
        inputs = self._inputs
        return sum([tile.matrix not in inputs for tile in self.reads(task)])

    def _find_priority(self, task: Task) -> int:
        earliest: list[tuple[Any, ...]] = []
        for tile in self.writes(task):
            for search, ordered in self._searches("readers", tile):
                search(*tile.index, earliest.append, ordered)
        kind, values = min(earliest)[-1] if earliest else task
        key = 0
        for (width, position, bits, descending), value in zip(
            self._layout[kind], (*values[:3], 0, 0, 0, 0), strict=False
        ):
            most = (1 << bits) - 1
            ahead = most - value if descending else value
            key = (key << width | position) << bits | max(0, min(most, ahead))
        return key

    def expression(self, task: Task, scalars: Mapping[str, int | float | complex] | None = None) -> Node:
        """What a task computes, with every index worked out.

        Parameters
        ----------
        task : Task
            The task.
        scalars : mapping of str to number, optional
            Values of the program's scalars.

        Returns
        -------
        Node
            A tree of `resolved` nodes.

        Raises
        ------
        ValueError
            If index arithmetic has no integer for an answer, or a scalar is missing.
        """
        given = scalars or {}
        missing = [name for name in self.program.scalars if name not in given]
        if missing:
            raise ValueError(f"program {self.program.name} needs a value for scalar {missing[0]!r}")
        kind = self.program.kinds[task.kind]
        environment = dict(self.sizes)
        for loop, value in zip(kind.loops, task.values, strict=True):
            environment[loop.variable] = value
        return resolve(kind.value, self.program.kernels, given, environment)

    def _visit(self, what: str, number: int) -> Callable[..., Any]:
        """A compiled function of `visits` with the sizes bound."""
        key = (what, number)
        found: Callable[..., Any] | None = self._bound.get(key)
        if found is None:
            makers = self.program._visits  # noqa: SLF001  # a program's own cache, kept there so that sizes share it
            if key not in makers:
                program = self.program
                if what == "tasks":
                    makers[key] = visits.tasks(program.sizes, program.body)
                else:
                    build = visits.tiles_read if what == "reads" else visits.tiles_written
                    makers[key] = build(program.sizes, program.kinds[number])
            found = self._bound[key] = makers[key](*self._values)
        return found

    def _searches(self, what: str, tile: Tile) -> list[tuple[Callable[..., Any], bool]]:
        """Compiled searches for the readers or the writer of a tile, with the sizes bound."""
        key = (what, tile.matrix)
        found: list[tuple[Callable[..., Any], bool]] | None = self._bound.get(key)
        if found is None:
            if tile.matrix not in self._ranks:
                raise ValueError(f"program {self.program.name} has no matrix {tile.matrix!r}")
            dependencies = self.program.dependencies
            scans = dependencies.readers(tile.matrix) if what == "readers" else dependencies.writer(tile.matrix)
            found = self._bound[key] = [(scan.make(*self._values), scan.ordered) for scan in scans]
        return found if len(tile.index) == self._ranks[tile.matrix] else []


def layout(found: tuple[Kind, ...]) -> tuple[tuple[tuple[int, int, int, bool], ...], ...]:
    """How each kind packs its place in program order into an integer.

    For each of the three outermost loops, and for the statements in the third: bits for the position, the position,
    bits for the value of the loop, and whether that loop counts down. Positions get the bits that they need. Of the
    rest the first loop gets half and the others a quarter each: values beyond that count as equal.
    """
    widths = [
        max((kind.positions[level] for kind in found if len(kind.positions) > level), default=0).bit_length()
        for level in range(4)
    ]
    quarter = max((PRIORITY_BITS - sum(widths)) // 4, 1)
    bits = (2 * quarter, quarter, quarter, 0)
    packed = []
    for kind in found:
        positions = (*kind.positions, 0, 0, 0)
        down = (*(loop.descending for loop in kind.loops[:3]), False, False, False, False)
        packed.append(tuple((widths[level], positions[level], bits[level], down[level]) for level in range(4)))
    return tuple(packed)
