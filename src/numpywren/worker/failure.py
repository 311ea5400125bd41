"""From an exception in a worker to the record of a failure, in terms of the user's matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpywren.control import Failure
from numpywren.errors import NumpywrenError
from numpywren.kernels.failures import LeadingMinorError, SingularTileError
from numpywren.lambdapack import Task, Tile

__all__ = ["failure_of"]


def failure_of(
    error: BaseException, task: Task, targets: tuple[Tile, ...], row_offset: Callable[[Tile], int], worker: str
) -> Failure:
    """Describe why a task could not be done.

    Parameters
    ----------
    error : BaseException
        What was raised.
    task : Task
    targets : tuple of Tile
        The tiles that it writes; the first names it for people.
    row_offset : callable
        Number of a tile's first row in its matrix.
    worker : str
        Who tried.
    """
    details: dict[str, Any] = {}
    message = str(error)
    if isinstance(error, LeadingMinorError):
        minor = error.minor + row_offset(targets[0])
        details = {"minor": minor}
        message = f"leading minor of order {minor} is not positive: the matrix is not positive definite"
    elif isinstance(error, SingularTileError):
        index = error.index + row_offset(targets[0])
        # substitution comes to the last rows first, so that zeros before it may not have been looked at
        message = (
            f"singular matrix: the triangle that is solved with (of a matrix that was factored, its factor U) has a "
            f"zero at ({index}, {index})"
        )
    elif not isinstance(error, NumpywrenError | ValueError) or not message:
        message = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return Failure(
        kind="failed",
        error=type(error).__name__,
        message=f"{message} (computing tile {targets[0]})",
        task=task.id,
        worker=worker,
        details=details,
    )
