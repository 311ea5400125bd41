"""A replica of a run's state: the memory plane, performing what the log says, and its snapshots.

A snapshot is what is in flight, compressed. The names of tasks that are done are apart from it, in objects that are
merged in the manner of a log-structured tree: each holds more than twice as many as the next, so that a name is
written a few times in all, and not with every snapshot.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from numpywren.control.memory import Entry, Ledger, MemoryPlane
from numpywren.control.objects.log import Batch, Blob, Transition, perform
from numpywren.control.plane import Completion, Failure, Status, TaskState

__all__ = ["Replica", "Written", "merged", "split"]

#: Batches after which a snapshot forgets a writer: by then he knows what became of his last.
REMEMBERED = 10_000


class Written(NamedTuple):
    """A snapshot on its way to the store.

    Attributes
    ----------
    state : bytes
        What is in flight.
    names : sequence of str
        Tasks that were done, those of the `kept` objects not among them.
    kept : tuple of Blob
        Objects with names of tasks that stay as they are.
    """

    state: bytes
    names: Sequence[str]
    kept: tuple[Blob, ...]


class Replica(MemoryPlane):
    """The state of a run after some batches of its log."""

    def __init__(self, url: str = "") -> None:
        super().__init__(url, lambda: self.now)
        #: The time of the last batch; it never goes back.
        self.now = 0.0
        #: How many batches were performed.
        self.position = 0
        #: For each writer: its last batch, and how many there were before it in all.
        self.writers: dict[str, tuple[int, int]] = {}
        #: Tasks that are done, in the order in which they became so.
        self.order: list[str] = []

    @property
    def ledger(self) -> Ledger:
        """What the run holds."""
        return self._run

    def restore(self, tasks: Iterable[TaskState], readers_left: Mapping[str, int], total: int) -> None:
        """Begin a run; see `ControlPlane.restore`."""
        order: list[str] = []

        def noted() -> Iterator[TaskState]:
            for row in tasks:
                if row.done:
                    order.append(row.task)
                yield row

        super().restore(noted(), readers_left, total)
        self.order = order

    def status_at(self, now: float) -> Status:
        """Say how far the run has come, at a time that no batch has told yet."""
        before, self.now = self.now, max(self.now, now)
        try:
            return self.status()
        finally:
            self.now = before

    def play(self, batch: Batch) -> list[Any]:
        """Perform a batch; its answers."""
        self.now = max(self.now, batch.now)
        answers = []
        for transition in batch.transitions:
            answer = perform(self, transition)
            if isinstance(answer, Completion) and answer.first:
                self.order.append(transition[2])
            answers.append(answer)
        self.writers[batch.writer] = batch.number, self.position
        self.position += 1
        return answers

    def late(self, transition: Transition) -> Completion:
        """Answer a completion that changes nothing: of a task that is done, or unknown."""
        answer = perform(self, transition)
        assert isinstance(answer, Completion)
        assert not answer.first
        return answer

    # -- snapshots

    def write(self, done: Sequence[Blob]) -> Written:
        """Write down the state, given where the names of some tasks that are done are already."""
        kept = list(done)
        fresh = len(self.order) - sum(blob.amount for blob in kept)
        while kept and kept[-1].amount <= 2 * fresh:
            fresh += kept.pop().amount
        return Written(self.dump(), self.order[len(self.order) - fresh :], tuple(kept))

    def dump(self) -> bytes:
        """Everything but the names of tasks that are done; the same for all replicas at one position."""
        run = self.ledger
        waiting = [task for task in run.tasks.values() if task.waiting]
        state = {
            "now": self.now,
            "total": run.total,
            "state": run.state,
            "done": run.done,
            "repeated": run.repeated,
            "failure": None if run.failure is None else run.failure.to_json(),
            "counted": run.counted,
            "waiting": [[task.name, task.priority, task.needs, sorted(task.arrived)] for task in waiting],
            "ready": [[task.name, task.priority, task.lost, task.handed] for task in sorted(run.ready, key=_priority)],
            "held": [
                [task.name, task.priority, task.lost, task.handed, task.worker, task.expires, task.since]
                for task in run.leases.values()
            ],
            # entries that mean nothing any more decide in what order leases are taken away, so they are kept
            "endings": sorted(run.endings),
            "writers": {name: last for name, last in self.writers.items() if last[1] >= self.position - REMEMBERED},
        }
        return json.dumps(state, separators=(",", ":")).encode()

    @classmethod
    def load(cls, url: str, position: int, data: bytes, names: Iterable[str]) -> Replica:
        """Read what `write` wrote.

        Raises
        ------
        ValueError, TypeError, KeyError, RecursionError
            If it is something else.
        """
        state = json.loads(data)
        ledger = Ledger(_integer(state["total"]), _run_state(state["state"]), _counts(state["counted"]))
        ledger.done, ledger.repeated = _integer(state["done"]), _integer(state["repeated"])
        ledger.failure = None if state["failure"] is None else Failure.from_json(state["failure"])
        for name, priority, needs, arrived in state["waiting"]:
            ledger.tasks[_text(name)] = Entry(name, _integer(needs), _integer(priority), set(map(_text, arrived)))
        for name, priority, lost, handed in state["ready"]:
            ledger.ready.add(_settled(ledger, name, priority, lost, handed))
        for name, priority, lost, handed, worker, expires, since in state["held"]:
            task = ledger.leases[_text(name)] = _settled(ledger, name, priority, lost, handed)
            task.worker, task.expires, task.since = _text(worker), float(expires), float(since)
        ledger.endings = [(float(when), _text(name)) for when, name in state["endings"]]
        heapq.heapify(ledger.endings)
        replica = cls(url)
        replica.order = list(names)
        ledger.finished.update(replica.order)
        replica.writers = {_text(name): (_integer(n), _integer(at)) for name, (n, at) in state["writers"].items()}
        replica.now, replica.position, replica._restored = float(state["now"]), position, ledger
        return replica


def merged(names: Sequence[str]) -> bytes:
    """Names of tasks as the bytes of one object, to be compressed."""
    return json.dumps(list(names), separators=(",", ":")).encode()


def split(data: bytes) -> list[str]:
    """Read what `merged` wrote."""
    names = json.loads(data)
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("these are no names of tasks")
    return names


def _settled(ledger: Ledger, name: Any, priority: Any, lost: Any, handed: Any) -> Entry:
    """A task for which everything has arrived."""
    task = Entry(_text(name), 0, _integer(priority), set(), lost=_integer(lost), handed=_integer(handed))
    ledger.tasks[name] = task
    return task


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(f"a snapshot has {found!r} where a name should be")
    return found


def _integer(found: Any) -> int:
    if type(found) is not int:
        raise TypeError(f"a snapshot has {found!r} where a count should be")
    return found


def _counts(found: Any) -> dict[str, int]:
    return {_text(name): _integer(count) for name, count in found.items()}


def _run_state(found: Any) -> Any:
    if found not in ("running", "done", "failed", "cancelled"):
        raise ValueError(f"a run cannot be {found!r}")
    return found


def _priority(task: Entry) -> int:
    return task.priority
