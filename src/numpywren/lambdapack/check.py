"""Bounded model checking: run a program's loops for every combination of small sizes, and look at every task.

A mistake in indices nearly always shows with two or three tiles, so this finds what no look at the text alone would.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn

from numpywren.lambdapack import visits
from numpywren.lambdapack.evaluate import bindings, holds, span_of, tile_at
from numpywren.lambdapack.ir import Access, Guard, Kind, Loop, Name, Option, Whole
from numpywren.lambdapack.program import Dataflow, Program, shown
from numpywren.lambdapack.reference import accesses
from numpywren.lambdapack.source import Span, error
from numpywren.lambdapack.tile import Task, Tile

__all__ = ["check", "small_sizes"]

LARGEST: Final = {0: 0, 1: 5, 2: 4, 3: 3, 4: 3}
"""Largest value of each size, by the number of sizes; 2 for more."""

MOST_TASKS: Final = 20_000
"""Tasks looked at, all combinations together: they are tried from small to large until then."""

MOST_PASSES: Final = 200_000
"""Passes through loops, those of sums and lists of tiles included, that one combination may take."""

FEW_PASSES: Final = 1000
"""Passes that loops over sizes stay below while these are small."""


def check(program: Program) -> None:
    """Try a program with every combination of small sizes.

    Sizes that count tiles start from 0, others from 1.

    Parameters
    ----------
    program : Program
        The program.

    Raises
    ------
    ProgramError
        If a task reads a tile that nothing writes, two tasks write one tile, tasks wait for one another in a circle,
        an index lies outside a matrix, index arithmetic has no answer, or a loop is long whatever the sizes are; it
        says for which sizes.
    """
    budget, passes = MOST_TASKS, Passes(program)
    for sizes in small_sizes(program):
        try:
            budget -= Trial(program, sizes, passes).run()
        except TooLongError:
            passes.fail()
        if budget < 0:
            break


def small_sizes(program: Program) -> Iterator[dict[str, int]]:
    """Combinations of small sizes, the smallest first; a size that only kernels are told is always 1."""
    counts = {letter for matrix in program.matrices if matrix.role != "temporary" for letter in matrix.grid}
    largest = LARGEST.get(len(program.sizes), 2)
    matter = counts | set(index_names(program.body))
    ranges = [range(0 if name in counts else 1, (largest if name in matter else 1) + 1) for name in program.sizes]
    for values in sorted(itertools.product(*ranges), key=sum):
        yield dict(zip(program.sizes, values, strict=True))


def index_names(node: object) -> Iterator[str]:
    """Sizes and variables on which it depends which tasks there are, and which tiles they touch."""
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, tuple):
        for part in node:
            yield from index_names(part)
    elif not isinstance(node, Option | Whole | Span):
        for slot in getattr(node, "__slots__", ()):
            yield from index_names(getattr(node, slot))


class TooLongError(Exception):
    """A loop goes round too often: no ValueError, as arithmetic without an answer is."""


class Passes:
    """Counts passes through the loops of a program, and stops them.

    Parameters
    ----------
    program : Program
        The program.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sizes: Mapping[str, int] = {}
        self.counted: Counter[int] = Counter()
        self.loops: dict[int, Loop] = {}
        self.left = MOST_PASSES
        self.makers: dict[tuple[str, int], Callable[..., Any]] = {}

    def begin(self, sizes: Mapping[str, int]) -> None:
        """Start to count for a combination of sizes."""
        self.sizes, self.left = sizes, MOST_PASSES
        self.counted.clear()

    def tick(self, loop: Loop) -> None:
        """Count one pass.

        Raises
        ------
        TooLongError
            If it is one too many.
        """
        self.loops.setdefault(id(loop), loop)
        self.counted[id(loop)] += 1
        self.left -= 1
        if self.left < 0:
            raise TooLongError

    def fail(self) -> NoReturn:
        """Report the loop that is too long: the outermost of those that are long, which comes first."""
        long = next(loop for key, loop in self.loops.items() if self.counted[key] > FEW_PASSES)
        where = f" with {shown(self.sizes)}" if self.sizes else ""
        what = "this slice" if long.variable.startswith("_") else f"the loop over {long.variable!r}"
        raise error(
            f"{what} is too long: a program is tried with small sizes, and already{where} "
            f"there are more than {MOST_PASSES} passes through loops",
            long.span,
            "make the number a parameter, annotated as Size",
        )

    def maker(self, what: str, number: int) -> Callable[..., Any]:
        """A compiled function of `visits` that counts."""
        key, program = (what, number), self.program
        if key not in self.makers:
            if what == "tasks":
                self.makers[key] = visits.tasks(program.sizes, program.body, self.tick)
            else:
                build = visits.tiles_read if what == "reads" else visits.tiles_written
                self.makers[key] = build(program.sizes, program.kinds[number], self.tick)
        return self.makers[key]


class CountedDataflow(Dataflow):
    """A dataflow whose loops are counted."""

    def __init__(self, program: Program, sizes: Mapping[str, int], passes: Passes) -> None:
        super().__init__(program, sizes)
        self._passes = passes

    def _visit(self, what: str, number: int) -> Callable[..., Any]:
        key = (what, number)
        if key not in self._bound:
            self._bound[key] = self._passes.maker(what, number)(*self._values)
        found: Callable[..., Any] = self._bound[key]
        return found


class Trial:
    """A program with one combination of sizes.

    Parameters
    ----------
    program : Program
        The program.
    sizes : mapping of str to int
        The sizes.
    passes : Passes
        Bounds the loops.
    """

    def __init__(self, program: Program, sizes: Mapping[str, int], passes: Passes) -> None:
        passes.begin(sizes)
        self.program = program
        self.flow = CountedDataflow(program, sizes, passes)
        self.matrices = {matrix.name: matrix for matrix in program.matrices}
        self.limits: dict[str, tuple[int, ...]] = {}

    def run(self) -> int:
        """Look at every task; how many there are."""
        try:
            tasks = list(self.flow.tasks())
        except ValueError as failure:
            self.fail_arithmetic(failure)
        writers: dict[Tile, int] = {}
        for at, task in enumerate(tasks):
            try:
                written = self.flow.writes(task)
            except ValueError as failure:
                self.fail_task(task, str(failure), None)
            for tile in written:
                self.check_place(task, tile, written=True)
                if tile in writers:
                    self.fail_twice(task, tasks[writers[tile]], tile)
                writers[tile] = at
        inputs = {name for name, matrix in self.matrices.items() if matrix.role == "input"}
        forward: dict[int, list[int]] = {}
        for at, task in enumerate(tasks):
            try:
                reads = self.flow.reads(task)
            except ValueError as failure:
                self.fail_task(task, str(failure), None)
            for tile in reads:
                self.check_place(task, tile, written=False)
                if tile.matrix in inputs:
                    continue
                if tile not in writers:
                    message = f"this reads tile {tile.id}, which nothing writes"
                    self.fail_task(task, message, tile, "write it first, or leave it out with an `if`")
                if writers[tile] >= at:
                    forward.setdefault(at, []).append(writers[tile])
        if forward:  # reading only what earlier tasks wrote cannot make a circle
            self.check_circles(tasks, writers, inputs)
        return len(tasks)

    def check_place(self, task: Task, tile: Tile, *, written: bool) -> None:
        """Refuse an index outside the grid."""
        limits = self.limits.get(tile.matrix)
        if limits is None:
            grid = self.matrices[tile.matrix].grid
            limits = self.limits[tile.matrix] = tuple(self.flow.sizes.get(letter, 1 << 62) for letter in grid)
        for at, (value, limit) in enumerate(zip(tile.index, limits, strict=True)):
            if not 0 <= value < limit:
                letter = self.matrices[tile.matrix].grid[at]
                room = f"index {at + 1} of {tile.matrix!r} goes from 0 "
                room += f"to {letter}-1 = {limit - 1}" if letter != "*" else "up"
                if limit == 0:
                    room = f"{tile.matrix!r} has no tiles"
                verb = "writes" if written else "reads"
                message = f"this {verb} tile {tile.id}, and {room}"
                self.fail_task(
                    task, message, tile, "change the bounds of the loop, or leave it out with an `if`", written
                )
        stage = self.matrices[tile.matrix].stage
        if written and stage is not None and tile.index[stage] == 0:
            message = f"this writes tile {tile.id}, and stage 0 of {tile.matrix!r} is the original"
            self.fail_task(task, message, tile, "stages are written from 1", written)

    def check_circles(self, tasks: list[Task], writers: Mapping[Tile, int], inputs: set[str]) -> None:
        """Refuse tasks that wait for one another."""
        waits = [[writers[tile] for tile in self.flow.reads(task) if tile.matrix not in inputs] for task in tasks]
        followers: list[list[int]] = [[] for _ in tasks]
        missing = [len(before) for before in waits]
        for at, before in enumerate(waits):
            for one in before:
                followers[one].append(at)
        ready = [at for at, count in enumerate(missing) if not count]
        done = 0
        while ready:
            done += 1
            for follower in followers[ready.pop()]:
                missing[follower] -= 1
                if not missing[follower]:
                    ready.append(follower)
        if done == len(tasks):
            return
        # From a task that never got ready, going back to what it waits for must come round.
        at = next(at for at, count in enumerate(missing) if count)
        seen: dict[int, None] = {}
        while at not in seen:
            seen[at] = None
            at = next(before for before in waits[at] if missing[before])
        circle = list(seen)[list(seen).index(at) :]
        first = tasks[at]
        tile = next(tile for tile in self.flow.reads(first) if tile.matrix not in inputs and missing[writers[tile]])
        if len(circle) == 1:
            message = f"this reads tile {tile.id}, which it writes itself"
        else:
            message = (
                f"this waits for itself: {len(circle)} tasks read one another's tiles in a circle, {tile.id} among them"
            )
        self.fail_task(first, message, tile, "each tile must come from tiles that are there before it")

    def fail_twice(self, task: Task, other: Task, tile: Tile) -> NoReturn:
        """Report a tile written twice."""
        if task == other:
            message = f"this writes tile {tile.id} twice"
        else:
            span = self.program.kinds[other.kind].span
            where = f" on line {span.line}" if span is not None and other.kind != task.kind else ""
            message = f"this writes tile {tile.id}, which the task{where}{self.values(other)} writes too"
        self.fail_task(
            task, message, tile, "each tile is written once; write the next state to stages(...)", written=True
        )

    def values(self, task: Task) -> str:
        """Loop variables of a task, for a message."""
        loops = self.program.kinds[task.kind].loops
        bound = ", ".join(f"{loop.variable}={value}" for loop, value in zip(loops, task.values, strict=True))
        return f" with {bound}" if bound else ""

    def environment(self, task: Task) -> dict[str, int]:
        """Sizes and loop variables of a task."""
        loops = self.program.kinds[task.kind].loops
        return {**self.flow.sizes, **{loop.variable: value for loop, value in zip(loops, task.values, strict=True)}}

    def fail_task(
        self, task: Task, message: str, tile: Tile | None, remedy: str = "", written: bool = False
    ) -> NoReturn:
        """Report what is wrong with a task, at the access that names the tile, or that has no answer."""
        kind = self.program.kinds[task.kind]
        span = kind.span
        try:
            for access, environment in self.accesses(kind, task, written=written):
                span = access.span or kind.span
                if tile_at(access, environment) == tile:
                    break
        except ValueError:
            pass  # it is this access, or a loop around it, whose arithmetic has no answer
        sizes = shown(self.flow.sizes)
        where = f" ({sizes};{self.values(task)})" if task.values else f" ({sizes})"
        raise error(message + where.replace("; with", ";"), span, remedy)

    def accesses(self, kind: Kind, task: Task, *, written: bool) -> Iterator[tuple[Access, dict[str, int]]]:
        """Accesses of a task one by one."""
        around = self.environment(task)
        if written:
            for target in kind.targets:
                for environment in bindings(target.clauses, around):
                    yield target.access, environment
        else:
            yield from accesses(kind.value, around)

    def fail_arithmetic(self, failure: ValueError) -> NoReturn:
        """Report arithmetic without an answer in a loop or a condition."""
        span: Span | None = None
        for kind in self.program.kinds:
            try:
                for at, clause in enumerate(kind.path):
                    for environment in itertools.islice(bindings(kind.path[:at], self.flow.sizes), MOST_PASSES):
                        span = clause.span or span
                        if isinstance(clause, Guard):
                            holds(clause.condition, environment)
                        else:
                            span_of(clause, environment)
            except ValueError:
                break
        raise error(
            f"{failure} ({shown(self.flow.sizes)})", span, "guard it with an `if`, or with max(...)"
        ) from failure
