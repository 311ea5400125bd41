"""Names that a control plane gives: planes know no program, and what they say is checked against it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from numpywren.errors import ControlPlaneLostError
from numpywren.lambdapack import Dataflow, Task, Tile

__all__ = ["task_named", "tiles_freed"]

#: Characters at most of a name that is shown because it is none.
SHOWN = 80


def task_named(name: str, dataflow: Dataflow) -> Task:
    """The program's task of a name that a plane handed out.

    Raises
    ------
    ControlPlaneLostError
        If the program has no such task: what it read and wrote would be anything.
    """
    try:
        task = Task.parse(name)
        if task.id == name and dataflow.has(task):
            return task
    except ValueError:
        pass  # it is no name of a task
    raise _unknown(f"hands out the task {name[:SHOWN]!r}")


def tiles_freed(names: Sequence[str], counted: Collection[str]) -> tuple[Tile, ...]:
    """Tiles that a plane says nobody will read any more, which are then deleted: none but intermediates ever are.

    Parameters
    ----------
    names : sequence of str
        What the plane says.
    counted : collection of str
        Names of the intermediate matrices.

    Raises
    ------
    ControlPlaneLostError
        If one of them is no tile of these.
    """
    tiles = []
    for name in names:
        try:
            tile = Tile.parse(name)
        except ValueError:
            raise _unknown(f"has {name[:SHOWN]!r} deleted") from None
        if tile.matrix not in counted:
            raise _unknown(f"has {name[:SHOWN]!r} deleted")
        tiles.append(tile)
    return tuple(tiles)


def _unknown(what: str) -> ControlPlaneLostError:
    return ControlPlaneLostError(
        f"the control plane {what}, which the run's program does not do: it is damaged, or another run's"
    )
