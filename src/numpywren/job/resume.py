"""What is left to do, worked out from the tiles that exist. Tiles are the truth; planes can be rebuilt from them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from numpywren.control import TaskState
from numpywren.errors import RunFailedError
from numpywren.lambdapack import Dataflow, Task, Tile

__all__ = ["Remainder", "remainder", "roots"]

#: Tasks that may be left to do: what is known of them takes some gigabytes.
MOST_TASKS = 1 << 24


@dataclass(frozen=True, slots=True)
class Remainder:
    """What a control plane is to be told so that a run goes on."""

    #: Tasks to do, each with the tiles that have arrived for it, and tasks beside them that are done.
    tasks: tuple[TaskState, ...]
    #: For each intermediate tile that exists: how many tasks to do will read it.
    readers_left: dict[str, int]
    #: Number of tasks to do.
    total: int
    #: Intermediate tiles that exist and that nobody will read.
    unread: tuple[Tile, ...]


def roots(dataflow: Dataflow) -> tuple[TaskState, ...]:
    """The tasks with which a new run begins."""
    return tuple(TaskState(task.id, 0, dataflow.priority(task)) for task in dataflow.roots())


def remainder(dataflow: Dataflow, existing: Collection[Tile]) -> Remainder:
    """Work back from the outputs that are missing.

    Parameters
    ----------
    dataflow : Dataflow
        The run's program.
    existing : collection of Tile
        Outputs and intermediates that were written. What was computed, written and freed is not among them, and is
        computed again only if a missing output needs it.

    Returns
    -------
    Remainder

    Notes
    -----
    Takes time in the number of tasks, and memory in the number of tasks that are left.
    """
    existing = existing if isinstance(existing, set | frozenset) else frozenset(existing)
    temporary = {matrix.name for matrix in dataflow.program.matrices if matrix.role == "temporary"}
    left = _tasks_left(dataflow, existing, temporary)
    states = [_state(dataflow, task, existing, left) for task in left]
    # a done task beside one that is left would wait for ever for tiles that were freed: say that it is done
    beside = {
        reader
        for task in left
        for tile in dataflow.writes(task)
        for reader in dataflow.readers(tile)
        if reader not in left
    }
    states += [TaskState(task.id, dataflow.needs(task), dataflow.priority(task), done=True) for task in beside]
    readers_left: dict[str, int] = {}
    for task in left:
        for tile in dataflow.reads(task):
            if tile.matrix in temporary and tile in existing and _writer_done(dataflow, tile, left):
                readers_left[tile.id] = readers_left.get(tile.id, 0) + 1
    unread = tuple(tile for tile in existing if tile.matrix in temporary and tile.id not in readers_left)
    return Remainder(tuple(states), readers_left, len(left), unread)


def _tasks_left(dataflow: Dataflow, existing: Collection[Tile], temporary: Collection[str]) -> dict[Task, None]:
    """Tasks whose tiles are missing and needed, from the missing outputs back."""
    left: dict[Task, None] = {}
    stack: list[Task] = []
    for task in dataflow.tasks():
        if any(tile.matrix not in temporary and tile not in existing for tile in dataflow.writes(task)):
            stack.append(task)
            if len(stack) > MOST_TASKS:
                raise RunFailedError(
                    f"more than {MOST_TASKS} tasks of {dataflow.program.name} are left, which would not fit in memory: "
                    "start it anew with larger tiles"
                )
    while stack:
        task = stack.pop()
        if task in left:
            continue
        left[task] = None
        for tile in dataflow.reads(task):
            if tile not in existing:
                writer = dataflow.writer(tile)
                if writer is not None:
                    stack.append(writer)
    return left


def _state(dataflow: Dataflow, task: Task, existing: Collection[Tile], left: Collection[Task]) -> TaskState:
    needed = [tile for tile in dataflow.reads(task) if dataflow.writer(tile) is not None]
    arrived = tuple(tile.id for tile in needed if tile in existing and _writer_done(dataflow, tile, left))
    return TaskState(task.id, len(needed), dataflow.priority(task), arrived)


def _writer_done(dataflow: Dataflow, tile: Tile, left: Collection[Task]) -> bool:
    """Whether a tile that exists will stay as it is: a task with several tiles may have written only some of them."""
    return dataflow.writer(tile) not in left
