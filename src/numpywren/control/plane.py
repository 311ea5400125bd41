"""There is no scheduler. Workers ask a control plane for tasks, and tell it what they have finished.

The plane holds tasks and tiles as opaque names. It never sees the program, starts nothing and calls nobody: whoever
completes a task works out from the program which tasks read its tiles, and hands the plane that news. `ControlPlane` is
the whole protocol; its docstrings state the laws that every implementation keeps, and
`numpywren.testing.control` checks them. The slow, obvious implementation in `numpywren.control.memory` is their
definition.

A task is *waiting* until every tile that it needs has arrived, then *ready*, then *running* while somebody holds a
lease on it, and at last *done*. It may be computed twice (a lease may expire under a living worker) but is done once.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from numpywren.errors import ControlPlaneLostError, ControlPlaneUnreachableError

__all__ = [
    "JSON",
    "LONGEST",
    "MAX_ATTEMPTS",
    "Arrival",
    "Claim",
    "Completion",
    "ControlPlane",
    "Failure",
    "FailureKind",
    "Held",
    "Reader",
    "RunState",
    "Status",
    "TaskState",
    "lost",
    "poisoned",
    "resumable",
    "unbegun",
]

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

RunState: TypeAlias = Literal["running", "done", "failed", "cancelled"]
FailureKind: TypeAlias = Literal["failed", "cancelled", "poisoned"]

#: Leases of one task that may expire before the task is held to kill its workers, and the run is stopped.
MAX_ATTEMPTS = 3

#: Leases at most that a status names.
LONGEST = 16


@dataclass(frozen=True, slots=True)
class Reader:
    """A task that reads a tile, described well enough for a plane that hears of it for the first time.

    Parameters
    ----------
    task : str
        Its name.
    needs : int
        How many distinct tiles must arrive before it is ready: those it reads that a task writes.
    priority : int
        Smaller is more urgent; below 2**53 in magnitude, so that it survives as a float.
    """

    task: str
    needs: int
    priority: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A tile that a completed task has written.

    Parameters
    ----------
    tile : str
        Its name.
    readers : tuple of Reader
        Every task that reads it.
    counted : bool
        Whether it is an intermediate, to be freed after its last reader.
    """

    tile: str
    readers: tuple[Reader, ...] = ()
    counted: bool = False


@dataclass(frozen=True, slots=True)
class TaskState:
    """What `ControlPlane.restore` is told of one task: ready when all that it needs has arrived and it isn't done.

    Parameters
    ----------
    task : str
        Its name.
    needs : int
        How many distinct tiles must arrive before it is ready.
    priority : int
        Smaller is more urgent.
    arrived : tuple of str
        The tiles that have arrived.
    done : bool
        Whether it need not run: later news of it is then ignored.
    """

    task: str
    needs: int
    priority: int
    arrived: tuple[str, ...] = ()
    done: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A task handed to a worker under a lease.

    Parameters
    ----------
    task : str
        Its name.
    attempt : int
        1 the first time, one more for each lease on it that has expired.
    """

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Completion:
    """What a completion changed.

    Parameters
    ----------
    ready : tuple of str
        Tasks that it made ready.
    freed : tuple of str
        Tiles that nobody will read any more: the caller deletes them.
    finished : bool
        Whether every task of the run is now done.
    first : bool
        Whether the task became done by this call; False if it was done already, or if the plane does not know it.
    """

    ready: tuple[str, ...]
    freed: tuple[str, ...]
    finished: bool
    first: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run stopped before its end.

    Parameters
    ----------
    kind : {"failed", "cancelled", "poisoned"}
        Whether a task failed, someone cancelled the run, or a task took its workers down each time it was tried.
    error : str
        Name of the exception's type, for the caller to raise again.
    message : str
        Its text.
    task, worker : str or None
        Where it happened.
    details : mapping of str to JSON
        What else the exception carries, such as the index of a leading minor.
    """

    kind: FailureKind
    error: str
    message: str
    task: str | None = None
    worker: str | None = None
    details: Mapping[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(FailureKind):
            known = ", ".join(map(repr, get_args(FailureKind)))
            raise ValueError(f"a failure of kind {self.kind!r}; the kinds are {known}")

    @property
    def state(self) -> RunState:
        """The state of a run that stopped so."""
        return "cancelled" if self.kind == "cancelled" else "failed"

    def to_json(self) -> str:
        """Encode, for planes that keep text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Failure:
        """Decode what `to_json` encoded."""
        return Failure(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Held:
    """A lease at one moment.

    Parameters
    ----------
    task : str
        What is under it.
    worker : str
        Who holds it.
    seconds : float
        How long ago the task was handed to that worker, on the plane's clock; renewals change nothing.
    """

    task: str
    worker: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """A run at one moment; ``done + ready + running + waiting == total``.

    Parameters
    ----------
    state : {"running", "done", "failed", "cancelled"}
        A run that was poisoned has failed.
    total : int
        Tasks that were to do when the run began or was last restored.
    done : int
        How many of them are done.
    ready : int
        Tasks that a claim could hand out now, those whose lease has expired among them.
    running : int
        Tasks under a lease that has not expired.
    waiting : int
        All others, whether the plane has heard of them or not.
    workers : int
        Distinct holders of leases that have not expired.
    failure : Failure or None
        Why it stopped.
    repeated : int
        Tasks handed out again: after a lease that expired, or to a second worker because the first was slow.
    longest : tuple of Held
        Those `LONGEST` leases that are held for the longest time and have not expired, longest first.
    """

    state: RunState
    total: int
    done: int
    ready: int
    running: int
    waiting: int
    workers: int
    failure: Failure | None = None
    repeated: int = 0
    longest: tuple[Held, ...] = ()


class ControlPlane(ABC):
    """Who may run what: the tasks of one run, on a clock that is the plane's own.

    Any number of threads and processes, on as many machines as the implementation reaches, may call the methods at the
    same time; each call takes effect at one moment, or not at all. A caller that never learned whether its call took
    effect may repeat it.

    Every method but `restore` and `delete` raises `ControlPlaneLostError` on a plane that was never restored, or that
    was deleted, or whose storage has gone: it never behaves as an empty run.
    """

    @abstractmethod
    def restore(self, tasks: Iterable[TaskState], readers_left: Mapping[str, int], total: int) -> None:
        """Begin a run, or rebuild one: replace all that the plane holds, leases and failure included.

        The run is then running, or done if `total` is 0. Nobody sees a part of it; if `tasks` raises, nothing has
        changed.

        Parameters
        ----------
        tasks : iterable of TaskState
            The tasks that can't be learned from arrivals: those ready, those for which some tile has arrived, and those
            that are done and might hear of an arrival. Distinct; may be a stream of very many.
        readers_left : mapping of str to int
            For each tile that exists, is counted and has readers that are not done: how many.
        total : int
            Tasks still to do.
        """

    @abstractmethod
    def claim(
        self,
        worker: str,
        limit: int,
        lease_s: float,
        prefer: Collection[str] = (),
        over: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Claim, ...]:
        """Take up to `limit` ready tasks, most urgent first, each under a lease of `lease_s` seconds.

        A task is held by one worker at most, and never before all that it needs has arrived. First, every lease of the
        run that has expired is taken away from its holder and its task is ready again, one attempt later; a task that
        lost `MAX_ATTEMPTS` leases stops the run as poisoned. Nothing is handed out unless the run is running.

        Parameters
        ----------
        worker : str
            Who asks.
        limit : int
            How many tasks at most.
        lease_s : float
            For how long, in seconds of the plane's clock.
        prefer : collection of str
            Tasks that are taken before others *of the same priority*.
        over : mapping of str to str
            Running tasks that are too slow, and who holds them: a lease that is still that worker's is taken over,
            before any ready task and as the same attempt. Who had it may go on: first to complete is right, and so
            is the second.
        """

    @abstractmethod
    def renew(self, worker: str, tasks: Collection[str], lease_s: float) -> frozenset[str]:
        """Let the leases that `worker` holds on `tasks` end `lease_s` seconds from now, and say which those are.

        A lease that has expired is still its holder's until a claim takes it away. A task that isn't in the answer is
        done, or ready, or another's: computing it further is harmless, and likely a waste.
        """

    @abstractmethod
    def complete(self, worker: str, task: str, arrivals: Sequence[Arrival], reads: Sequence[str]) -> Completion:
        """Mark a task done, and make ready what waited for nothing else.

        In one step: the task is done and nobody holds it; each tile of `arrivals` joins the set of those that arrived
        for each reader, unless the reader is done; a waiting reader for which `needs` tiles have arrived is ready; the
        count of each tile of `reads` goes down by one; the count of a counted arrival is set to its readers that aren't
        done; a tile whose count is now 0 is freed, and no longer counted.

        The worker need not hold a lease, nor the run be running: the tiles exist, and that is what counts. A run whose
        last task is done is done, unless it was stopped.

        Completing a task that is done, or that the plane does not know, changes nothing. But as a late worker has
        written its tiles again, the counted `arrivals` of a task that was done already are reported as freed if nobody
        will read them any more.

        Parameters
        ----------
        worker : str
            Who computed it.
        task : str
            What was computed.
        arrivals : sequence of Arrival
            The tiles that it wrote.
        reads : sequence of str
            The counted tiles that it read.
        """

    @abstractmethod
    def release(self, worker: str, tasks: Collection[str]) -> None:
        """Hand back those of `tasks` that `worker` holds: they are ready again, and no attempt is counted."""

    @abstractmethod
    def stop(self, failure: Failure) -> None:
        """Stop a running run: nothing is handed out any more, and what is completed still counts.

        The first failure stays; a run that has ended, well or badly, is not changed.
        """

    @abstractmethod
    def status(self) -> Status:
        """Say how far the run has come. Cheap enough to ask several times a second; changes nothing."""

    @abstractmethod
    def delete(self) -> None:
        """Forget the run and give back its storage. Deleting what is gone is no error."""


def poisoned(task: str, worker: str | None, attempts: int = MAX_ATTEMPTS) -> Failure:
    """Word the failure of a run of which one task lost its workers `attempts` times."""
    return Failure(
        kind="poisoned",
        error="TaskPoisonedError",
        message=(
            f"task {task} was started {attempts} times and its worker fell silent each time; "
            "it likely needs more memory than its workers have, or more time than their lease"
        ),
        task=task,
        worker=worker,
        details={"attempts": attempts},
    )


#: How the errors of planes end, which do not know the run's URL; who does says it by `resumable` or `unbegun`.
_REBUILD = "`numpywren resume URL`, with the run's URL, rebuilds it from the tiles that exist"
_NOTHING_LOST = "; nothing computed is lost with it: "
_THEN = ", then resume the run"
_RESUME = "`numpywren resume` the run"


def lost(url: str, reason: str) -> ControlPlaneLostError:
    """Word the loss of a plane."""
    return ControlPlaneLostError(_loss(url, reason))


def unreachable(url: str, reason: str) -> ControlPlaneUnreachableError:
    """Word that a plane cannot be asked, of which nobody here knows whether it is lost to others too."""
    return ControlPlaneUnreachableError(_loss(url, reason))


def _loss(url: str, reason: str) -> str:
    return f"the control plane {url} is lost: {reason}{_NOTHING_LOST}{_REBUILD}"


def how_to_resume(url: str) -> str:
    """What resumes the run at a URL: a command, where the run is not in the memory of this process."""
    return f"numpywren.attach({url!r}).resume()" if url.startswith("memory:") else f"`numpywren resume {url}`"


def resumable(message: str, url: str) -> str:
    """What went wrong with a run, and how to resume it, said once and with its URL."""
    how = how_to_resume(url)
    if how in message:
        return message
    if _REBUILD in message:
        return message.replace(_REBUILD, f"{how} rebuilds it from the tiles that exist")
    if _RESUME in message:
        return message.replace(_RESUME, how)
    if message.endswith(_THEN):
        return f"{message.removesuffix(_THEN)}, then {how}"
    return f"{message}; once that is mended, {how} carries on"


def unbegun(message: str) -> str:
    """What a plane said, about a run that never began, which nobody can resume."""
    message = message.removesuffix(_NOTHING_LOST + _REBUILD).removesuffix(_THEN)
    return message.replace(" is lost: ", " cannot be used: ", 1)
