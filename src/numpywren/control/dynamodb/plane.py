"""The control plane in a DynamoDB table: for workers anywhere, and nothing is paid for while nobody asks.

What the items are is told in `numpywren.control.dynamodb.items`. Every transition is one transaction or one conditional
write, but for a completion, which is a sequence that may be repeated (`numpywren.control.dynamodb.completion`). All
reads are consistent. A call reads the run's item first, and works in the generation that it names: who is overtaken by
a `restore` has come before it.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from time import monotonic
from types import MappingProxyType
from typing import Any

from numpywren.control.dynamodb.completion import Completing
from numpywren.control.dynamodb.items import (
    VERSION,
    Item,
    Key,
    Layout,
    Snapshot,
    encode,
    name_of,
    named,
    put,
    remove,
    run_key,
    short,
    total_of,
    update,
)
from numpywren.control.dynamodb.leases import MOMENT, Leases, forget_at
from numpywren.control.dynamodb.table import PATIENCE_S, Refused, Table, pause
from numpywren.control.dynamodb.url import parse
from numpywren.control.plane import (
    LONGEST,
    Arrival,
    Claim,
    Completion,
    ControlPlane,
    Failure,
    Held,
    RunState,
    Status,
    TaskState,
    lost,
)
from numpywren.errors import ControlPlaneLostError, StoreError

__all__ = ["DynamoPlane"]

#: Tasks for which one lane is enough: it takes some 250 tasks a second.
SMALL_RUN = 20_000
#: Lanes of larger runs.
LANES = 4


class DynamoPlane(ControlPlane):
    """A control plane in a table.

    Parameters
    ----------
    url : str
        ``dynamodb://TABLE?run=IDENTITY``, with ``&region=REGION`` unless the provider's settings name it. Opening asks
        nothing of anybody, and creates nothing; `restore` does.
    clock : callable, optional
        Seconds, the same for all workers. Default: the clock of the service, as its answers tell it.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        self._address = parse(url)
        self.url = url
        self._table = Table(url, self._address)
        self._given_clock = clock

    def __repr__(self) -> str:
        return f"DynamoPlane({self.url!r})"

    def close(self) -> None:
        """Let go of connections; the next call makes new ones."""
        self._table.close()

    def restore(self, tasks: Iterable[TaskState], readers_left: Mapping[str, int], total: int) -> None:
        """Begin a run, or rebuild one; see `ControlPlane.restore`."""
        self._table.create()
        old = self._generation()
        lanes = self._address.lanes or (1 if total <= SMALL_RUN else LANES)
        new = Layout(self._address.run, secrets.token_hex(4), lanes)
        try:
            gone = forget_at(self._table)
            self._table.write_many(_puts(_rows(new, tasks, readers_left), gone))
            state = "done" if total <= 0 else "running"
            item = {"g": new.generation, "n": lanes, "o": total, "s": state, "v": VERSION, "gone": gone}
            self._table.do(put(run_key(new.run), item))
        except BaseException:
            with suppress(StoreError, ControlPlaneLostError):  # what is left goes by itself in the end
                self._table.delete_all(new.partitions())
            raise
        if old is not None:
            self._table.delete_all(old.partitions())

    def claim(
        self,
        worker: str,
        limit: int,
        lease_s: float,
        prefer: Collection[str] = (),
        over: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Claim, ...]:
        """Take ready tasks under a lease; see `ControlPlane.claim`."""
        run = self._look()
        if run.state != "running":
            return ()
        leases = self._leases(run)
        if not leases.take_away_expired():
            return ()
        slow = leases.take_over(worker, limit, lease_s, over) if over else []
        return (*slow, *leases.take(worker, limit - len(slow), lease_s, prefer))

    def renew(self, worker: str, tasks: Collection[str], lease_s: float) -> frozenset[str]:
        """Prolong leases; see `ControlPlane.renew`."""
        return self._leases(self._look()).renew(worker, tasks, lease_s)

    def complete(self, worker: str, task: str, arrivals: Sequence[Arrival], reads: Sequence[str]) -> Completion:
        """Mark a task done; see `ControlPlane.complete`."""
        deadline = monotonic() + PATIENCE_S
        run = self._look()
        completing = Completing(self._table, run.layout, task, arrivals, reads, lambda: self._is_finished(run))
        for attempt in count(1):
            try:
                answer = completing.attempt()
            except Refused:
                if monotonic() > deadline:
                    raise StoreError(
                        f"task {task} could not be completed on {self.url} for {PATIENCE_S:g} s, as others changed the "
                        "same items each time; its lease expires, and it is done again"
                    ) from None
                pause(attempt)
            else:
                if answer is not None:
                    return answer
            latest = self._look()
            if latest.layout != run.layout:  # restored meanwhile: what was done is forgotten
                return self.complete(worker, task, arrivals, reads)
        raise AssertionError

    def release(self, worker: str, tasks: Collection[str]) -> None:
        """Hand tasks back; see `ControlPlane.release`."""
        self._leases(self._look()).release(worker, tasks)

    def stop(self, failure: Failure) -> None:
        """Stop the run; see `ControlPlane.stop`."""
        run = self._look()
        if not self._is_finished(run):
            self._end(run, failure.state, failure.to_json())

    def status(self) -> Status:
        """Say how far the run has come; see `ControlPlane.status`."""
        run = self._look()
        counters = list(self._table.query(run.layout.counters))
        lanes = [run.layout.leases(lane) for lane in range(run.layout.lanes)]
        leases = [item for lane in self._table.each(lambda lane: list(self._table.query(lane)), lanes) for item in lane]
        done = total_of(counters, "d")
        if run.state == "running" and done >= run.total:
            self._end(run, "done")
            run = self._look()
        now = self._clock()
        held = [item for item in leases if item["e"] > now]
        # Read one after the other, while others write: what does not add up is counted as waiting.
        running = min(len(held), max(run.total - done, 0))
        ready = max(total_of(counters, "r") + total_of(counters, "x") - running, 0)
        ready = min(ready, max(run.total - done - running, 0))
        return Status(
            state=run.state,
            total=run.total,
            done=done,
            ready=ready,
            running=running,
            waiting=run.total - done - ready - running,
            workers=len({item["w"] for item in held}),
            failure=None if run.failure is None else Failure.from_json(run.failure),
            repeated=total_of(counters, "m"),
            longest=tuple(
                Held(name_of(item, MOMENT), item["w"], now - item["b"])
                for item in heapq.nsmallest(LONGEST, held, key=lambda item: float(item["b"]))
            ),
        )

    def delete(self) -> None:
        """Forget the run; see `ControlPlane.delete`."""
        with suppress(ControlPlaneLostError):  # there is no table
            old = self._generation()
            self._table.do(remove(run_key(self._address.run)))
            if old is not None:
                self._table.delete_all(old.partitions())

    # -- the run

    def _clock(self) -> float:
        return self._table.clock() if self._given_clock is None else self._given_clock()

    def _leases(self, run: Snapshot) -> Leases:
        return Leases(self._table, run, self._clock)

    def _look(self) -> Snapshot:
        """Read the run's item."""
        item = self._table.get(run_key(self._address.run))
        if item is None:
            raise lost(self.url, "no run was restored in it, or it was deleted")
        if item.get("v") != VERSION:
            raise StoreError(
                f"{self.url} was written by another version of numpywren (items {item.get('v')}, wanted {VERSION}); "
                "use that version, or `numpywren resume` the run"
            )
        return Snapshot(self._layout(item), item["s"], item["o"], item.get("f"))

    def _layout(self, item: Item) -> Layout:
        return Layout(self._address.run, item["g"], item["n"])

    def _generation(self) -> Layout | None:
        """Where the items of the run are, if there is one."""
        item = self._table.get(run_key(self._address.run))
        return None if item is None or "g" not in item else self._layout(item)

    def _is_finished(self, run: Snapshot) -> bool:
        """Whether all tasks are done; a running run is then done."""
        if run.state == "done":
            return True
        if total_of(self._table.query(run.layout.counters), "d") < run.total:
            return False
        self._end(run, "done")
        return True

    def _end(self, run: Snapshot, state: RunState, failure: str | None = None) -> None:
        """End a running run."""
        change, values = "SET s = :s", {"s": state, "g": run.layout.generation, "r": "running"}
        if failure is not None:
            change, values["f"] = change + ", f = :f", failure
        with suppress(Refused):  # it has ended already
            self._table.do(update(run_key(run.layout.run), change, "g = :g AND s = :r", **values))


def _rows(
    layout: Layout, tasks: Iterable[TaskState], readers_left: Mapping[str, int]
) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Make the items of a restore."""
    ready = 0
    for row in tasks:
        key = layout.task(row.task)
        arrived = frozenset(map(short, row.arrived))
        if row.done:
            yield key, {"s": "d"}
        elif len(arrived) < row.needs:
            waiting = {"s": "w", "n": row.needs, "p": row.priority}
            yield key, {**waiting, "a": arrived} if arrived else waiting
        else:
            ready += 1
            yield key, {"s": "r", "p": row.priority}
            yield layout.ready(row.task, row.priority), {"l": 0, "h": 0, **named(row.task)}
    for tile, left in readers_left.items():
        if left > 0:
            yield layout.tile(tile), {"n": left}
    for number, key in enumerate(layout.all_counters()):
        yield key, {"r": 0 if number else ready}


def _puts(rows: Iterable[tuple[Key, dict[str, Any]]], gone: int) -> Iterator[dict[str, Any]]:
    for key, item in rows:
        yield {"PutRequest": {"Item": encode({**key._asdict(), **item, "gone": gone})}}
