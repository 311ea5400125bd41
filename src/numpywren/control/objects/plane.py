"""The control plane in an object store, with nothing else: a log that is extended by conditional writes.

All that changes is one object, ``head`` (see `numpywren.control.objects.log`). A handle holds a replica of the run's
state, which it brings up to date by reading the head. To make transitions it replaces the head by one that has a
batch more, on the condition that nobody else did so since; who loses reads what the others did, and tries again. So
each batch takes effect at one moment, or never.

Threads of a process commit together: while one waits for the store, the others' transitions gather, and go with the
next batch. What would change nothing is answered from the replica after a read, and never written.

When the head has grown by `LIMIT` bytes, whoever's batch made it so writes a snapshot, and cuts the head to its last
batches.
"""

from __future__ import annotations

import errno
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from numpywren.control.objects.head import RACES, SharedLog
from numpywren.control.objects.log import Transition, claiming, completing, stopping
from numpywren.control.objects.state import Replica
from numpywren.control.plane import Arrival, Claim, Completion, ControlPlane, Failure, Status, TaskState
from numpywren.errors import StoreError
from numpywren.matrix import open_store

__all__ = ["ObjectsPlane"]

#: Longest pause between two attempts to be the one who replaces the head, in seconds.
PAUSE_S = 2.0

#: Completions go first, so that claims of the same batch find what they made ready.
_ORDER = {"complete": 0, "release": 1, "renew": 2, "claim": 3, "stop": 4, "status": 5}


class _Call:
    """A transition that a thread waits for."""

    __slots__ = ("answer", "error", "settled", "transition")

    def __init__(self, transition: Transition) -> None:
        self.transition = transition
        self.settled = False
        self.answer: Any = None
        self.error: BaseException | None = None

    def settle(self, answer: Any) -> None:
        """Say what came of it."""
        self.answer, self.settled = answer, True

    @property
    def open(self) -> bool:
        """Whether it is still to be made."""
        return not self.settled and self.error is None


class ObjectsPlane(ControlPlane):
    """A control plane in a folder of an object store.

    Parameters
    ----------
    url : str
        ``objects:`` and the URL of the folder, as in ``objects:s3://bucket/folder``. Nobody else may write there.
    clock : callable, optional
        Seconds, the same for all processes. Default: the clock of the store.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        scheme, _, place = url.partition(":")
        if scheme != "objects" or not place:
            raise ValueError(f"{url!r} names no place for a control plane; write objects:s3://bucket/folder")
        self.url = url
        self._log = SharedLog(url, open_store(place))
        self._given = clock
        self._gate = threading.Lock()  # guards the waiting calls
        self._waiting: list[_Call] = []
        self._turn = threading.Lock()  # held while the head is read or replaced; guards the log
        self._tried: list[_Call] = []  # the calls of a batch that was not added, as far as is known

    def __repr__(self) -> str:
        return f"ObjectsPlane({self.url!r})"

    # -- the eight methods ------------------------------------------------------------------------------------------

    def restore(self, tasks: Iterable[TaskState], readers_left: Mapping[str, int], total: int) -> None:
        """Begin a run, or rebuild one; see `ControlPlane.restore`."""
        fresh = Replica(self.url)
        fresh.restore(tasks, readers_left, total)
        with self._turn:
            self._log.restore(fresh)

    def claim(
        self,
        worker: str,
        limit: int,
        lease_s: float,
        prefer: Collection[str] = (),
        over: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Claim, ...]:
        """Take ready tasks under a lease; see `ControlPlane.claim`."""
        return cast("tuple[Claim, ...]", self._do(claiming(worker, limit, lease_s, prefer, over)))

    def renew(self, worker: str, tasks: Collection[str], lease_s: float) -> frozenset[str]:
        """Prolong leases; see `ControlPlane.renew`."""
        return cast("frozenset[str]", self._do(["renew", worker, list(tasks), float(lease_s)]))

    def complete(self, worker: str, task: str, arrivals: Sequence[Arrival], reads: Sequence[str]) -> Completion:
        """Mark a task done; see `ControlPlane.complete`."""
        return cast("Completion", self._do(completing(worker, task, arrivals, reads)))

    def release(self, worker: str, tasks: Collection[str]) -> None:
        """Hand tasks back; see `ControlPlane.release`."""
        self._do(["release", worker, list(tasks)])

    def stop(self, failure: Failure) -> None:
        """Stop the run; see `ControlPlane.stop`."""
        self._do(stopping(failure))

    def status(self) -> Status:
        """Say how far the run has come; see `ControlPlane.status`."""
        return cast("Status", self._do(["status"]))

    def delete(self) -> None:
        """Forget the run; see `ControlPlane.delete`."""
        with self._turn:
            self._log.delete()

    # -- calls and batches ------------------------------------------------------------------------------------------

    def _do(self, transition: Transition) -> Any:
        """Have a transition made, by this thread or by another that has the turn."""
        call = _Call(transition)
        with self._gate:
            self._waiting.append(call)
        with self._turn:
            if call.open:
                self._lead()
        if call.error is not None:
            raise call.error
        return call.answer

    def _lead(self) -> None:
        """Settle all calls that wait."""
        calls: list[_Call] = []
        self._tried = []
        try:
            for races in range(RACES):
                if races > 1:
                    time.sleep(min(random.random() * self._log.put_s * 2 ** min(races - 1, 8), PAUSE_S))  # noqa: S311
                with self._gate:
                    calls += self._waiting
                    self._waiting = []
                calls.sort(key=lambda call: _ORDER[call.transition[0]])
                if races or not (self._log.alone and self._all_change(calls)):
                    self._look()
                    calls = [call for call in calls if call.open]
                if self._settle(calls):
                    return
            raise StoreError(
                errno.EAGAIN,
                f"{RACES} others in a row were faster at {self.url}: too many workers share this control plane; set "
                "`control` to a redis: or dynamodb: URL, or use fewer workers with more slots",
            )
        except BaseException as error:
            for call in calls:
                if call.open:
                    call.error = error
            if not isinstance(error, Exception):
                raise

    def _look(self) -> None:
        """Read the log, and see what became of a batch that seemed not to have been added."""
        self._log.refresh()
        if self._tried and self._log.outcome is not None:
            _answer(self._tried, self._log.outcome)
        elif self._log.doubtful:
            for call in self._tried:
                call.error = StoreError(errno.EIO, f"an answer of {self.url} was lost; try again")
        self._tried = []

    def _settle(self, calls: list[_Call]) -> bool:
        """Make those transitions that change something, and answer the others; False if somebody else was faster."""
        run, now = self._log.replica.ledger, self._now(calls)
        changing = [call for call in calls if self._changes(call.transition, now)]
        completes = bool(changing) and changing[0].transition[0] == "complete"
        if completes and run.state == "running":  # what they make ready is for the claims that wait beside them
            changing += [c for c in calls if c.transition[0] == "claim" and c.transition[2] > 0 and c not in changing]
        if changing:
            written = tuple(call.transition if completes else self._shortened(call.transition) for call in changing)
            answers = self._log.append(written, now)
            if answers is None:
                self._tried = changing
                return False
            _answer(changing, answers)
        for call in calls:
            if call.open:
                call.settle(self._unchanged(call.transition, now))
        return True

    # -- what transitions change ------------------------------------------------------------------------------------

    def _all_change(self, calls: Sequence[_Call]) -> bool:
        """Whether each of the calls will change something, as far as the replica knows."""
        if not self._log.known:
            return False
        now = self._now(calls)
        return all(self._changes(call.transition, now) for call in calls)

    def _changes(self, transition: Transition, now: float) -> bool:
        """Whether a transition would change the state."""
        run = self._log.replica.ledger
        match transition:
            case ["claim", worker, limit, _, _, over]:
                if run.state != "running":
                    return False
                slow = any(run.held_by(task, holder) and holder != worker for task, holder in over.items())
                expired = bool(run.endings) and run.endings[0][0] <= now
                expired = expired and any(task.expires <= now for task in run.leases.values())
                return expired or (limit > 0 and (run.ready.count > 0 or slow))
            case ["complete", _, task, _, _]:
                return task in run.tasks
            case ["renew", worker, tasks, _] | ["release", worker, tasks]:
                return any(run.held_by(task, worker) for task in tasks)
            case ["stop", _]:
                return run.state == "running"
        return False

    def _unchanged(self, transition: Transition, now: float) -> Any:
        """The answer to a transition that changes nothing."""
        match transition[0]:
            case "status":
                return self._log.replica.status_at(now)
            case "complete":
                return self._log.replica.late(transition)
            case "claim":
                return ()
            case "renew":
                return frozenset()
        return None

    def _shortened(self, transition: Transition) -> Transition:
        """A transition without the names that mean nothing in the present state."""
        if transition[0] != "claim":
            return transition
        name, worker, limit, lease_s, prefer, over = transition
        run = self._log.replica.ledger
        slow = {task: holder for task, holder in over.items() if run.held_by(task, holder)}
        return [name, worker, limit, lease_s, [task for task in prefer if task in run.tasks], slow]

    # -- time -------------------------------------------------------------------------------------------------------

    def _now(self, calls: Sequence[_Call]) -> float:
        """The time, no earlier than that of the last batch."""
        if self._given is not None:
            return max(self._log.replica.now, float(self._given()))
        timed = {call.transition[0] for call in calls} & {"claim", "renew", "status"}
        if timed and not self._log.clock.known:
            self._log.ask_the_time()
        return max(self._log.replica.now, self._log.clock())


def _answer(calls: Sequence[_Call], answers: Sequence[Any]) -> None:
    for call, answer in zip(calls, answers, strict=True):
        call.settle(answer)
