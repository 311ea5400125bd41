"""What the tests of control planes begin with: a clock that moves when told, and planes with a run in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

from numpywren.control import Claim, ControlPlane, Failure, Status, TaskState
from numpywren.errors import ControlPlaneLostError

__all__ = ["LEASE_S", "ManualClock", "Planes", "begin", "begin_timed", "counts", "expect_loss", "names", "root"]

Planes: TypeAlias = "Callable[[Callable[[], float]], ControlPlane]"

LEASE_S = 10.0


class ManualClock:
    """A clock that moves when told.

    Parameters
    ----------
    now : float
        Seconds that it shows.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Read the clock."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def root(task: str, priority: int = 0) -> TaskState:
    """Describe a task that is ready at once."""
    return TaskState(task, needs=0, priority=priority)


def names(claims: tuple[Claim, ...]) -> list[str]:
    """Say what was claimed, in order."""
    return [claim.task for claim in claims]


def begin(planes: Planes, *tasks: TaskState, total: int = 100, left: Mapping[str, int] | None = None) -> ControlPlane:
    """Open a plane, on a clock that stands still, and begin a run in it."""
    plane = planes(ManualClock())
    plane.restore(tasks, left or {}, total)
    return plane


def begin_timed(planes: Planes, *tasks: TaskState, total: int = 100) -> tuple[ControlPlane, ManualClock]:
    """Open a plane and begin a run, with the clock in hand."""
    clock = ManualClock()
    plane = planes(clock)
    plane.restore(tasks, {}, total)
    return plane, clock


def counts(status: Status) -> Status:
    """Leave out who holds what."""
    return replace(status, longest=())


@contextmanager
def expecting_loss() -> Iterator[None]:
    """Fail unless the block finds that there is no run."""
    message = None
    try:
        yield
    except ControlPlaneLostError as error:
        message = str(error)
    assert message is not None, "a plane without a run must raise ControlPlaneLostError"
    assert "resume" in message, f"the error should say what to do, but says: {message}"


def expect_loss(plane: ControlPlane) -> None:
    """Fail unless every method that needs a run says that there is none."""
    with expecting_loss():
        plane.claim("w", 1, LEASE_S)
    with expecting_loss():
        plane.renew("w", ["a"], LEASE_S)
    with expecting_loss():
        plane.complete("w", "a", [], [])
    with expecting_loss():
        plane.release("w", ["a"])
    with expecting_loss():
        plane.stop(Failure("cancelled", "", ""))
    with expecting_loss():
        plane.status()
