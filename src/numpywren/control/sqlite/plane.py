"""The control plane in one SQLite file: for the threads and processes of one machine, and it outlives them all.

Each transition is one `BEGIN IMMEDIATE` transaction on a write-ahead log with `synchronous=NORMAL`: what was committed
survives the death of any process. A loss of power may undo the last few transitions, which harms nothing, as tiles are
the truth and tasks can be run again.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from numpywren.control.plane import (
    LONGEST,
    MAX_ATTEMPTS,
    Arrival,
    Claim,
    Completion,
    ControlPlane,
    Failure,
    Held,
    Status,
    TaskState,
    lost,
    poisoned,
)
from numpywren.control.sqlite import statements as sql
from numpywren.control.sqlite.file import PlaneFile

__all__ = ["SqlitePlane"]

#: Rows that `restore` holds in memory at a time.
CHUNK = 10_000


class _Candidate(NamedTuple):
    """A ready task."""

    id: int
    task: str
    priority: int
    lost: int
    handed: int


class SqlitePlane(ControlPlane):
    """A control plane in a file.

    Parameters
    ----------
    url : str
        ``sqlite:/folder/file.sqlite``. Opening creates nothing; `restore` does.
    clock : callable, optional
        Seconds, the same for all processes. Default: the machine's time of day, as that lives through a restart.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        path = url.removeprefix("sqlite:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if not path or path.startswith("//") or path.endswith("/"):
            raise ValueError(f"{url!r} names no file; write sqlite:/folder/file.sqlite")
        self.url = url
        self._file = PlaneFile(url, Path(path).absolute())
        self._clock = time.time if clock is None else clock

    def __repr__(self) -> str:
        return f"SqlitePlane({self.url!r})"

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._file.close()

    def restore(self, tasks: Iterable[TaskState], readers_left: Mapping[str, int], total: int) -> None:
        """Begin a run, or rebuild one; see `ControlPlane.restore`."""
        new = self._file.create()
        with self._file.reading() as db:
            for statement in sql.STAGE_OPEN:
                db.execute(statement)
            _stage(db, tasks, readers_left)
        with self._file.writing(synced=not new) as db:
            for statement in sql.REPLACE_ALL:
                db.execute(statement)
            db.execute(sql.BEGIN_RUN, ("done" if total <= 0 else "running", total))
        with self._file.reading() as db:
            for statement in sql.STAGE_CLOSE:
                db.execute(statement)

    def claim(
        self,
        worker: str,
        limit: int,
        lease_s: float,
        prefer: Collection[str] = (),
        over: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Claim, ...]:
        """Take ready tasks under a lease; see `ControlPlane.claim`."""
        (worthwhile,) = self._one(sql.PEEK, (bool(over), self._clock()))
        if not worthwhile:
            return ()
        with self._file.writing() as db:
            now = self._clock()  # again, as the lock may have taken a while
            _take_away_expired(db, now)
            slow = _held_by(db, over, worker)[: max(limit, 0)]
            fresh = _most_urgent(db, limit - len(slow), prefer)
            taken = slow + fresh
            db.executemany(sql.LEASE, [(worker, now + lease_s, now, candidate.id) for candidate in taken])
            repeated = len(slow) + sum(candidate.lost + 1 > max(candidate.handed, 1) for candidate in fresh)
            if repeated:
                db.execute(sql.COUNT_REPEATED, (repeated,))
        return tuple(Claim(candidate.task, candidate.lost + 1) for candidate in taken)

    def renew(self, worker: str, tasks: Collection[str], lease_s: float) -> frozenset[str]:
        """Prolong leases; see `ControlPlane.renew`."""
        with self._file.writing() as db:
            self._expect_run(db)
            expires = self._clock() + lease_s
            return frozenset(task for task in tasks if db.execute(sql.RENEW, (expires, task, worker)).rowcount)

    def complete(self, worker: str, task: str, arrivals: Sequence[Arrival], reads: Sequence[str]) -> Completion:
        """Mark a task done; see `ControlPlane.complete`."""
        with self._file.writing() as db:
            found = db.execute(sql.FIND, (task,)).fetchone()
            if found is None:
                raise self._no_run()
            finished, task_id, state = found
            if task_id is None:
                return Completion((), (), bool(finished), first=False)
            if state == sql.DONE:
                late = [a.tile for a in arrivals if a.counted and not db.execute(sql.IS_COUNTED, (a.tile,)).fetchone()]
                return Completion((), tuple(late), bool(finished), first=False)
            db.execute(sql.MARK_DONE, (task_id,))
            if state == sql.WAITING:
                db.execute(sql.FORGET_ARRIVALS, (task_id,))
            freed = _count_reads(db, reads)
            ready, unread = _arrive(db, arrivals)
            (finished,) = db.execute(sql.COUNT_DONE).fetchone()
            return Completion(tuple(ready), tuple(freed + unread), bool(finished), first=True)

    def release(self, worker: str, tasks: Collection[str]) -> None:
        """Hand tasks back; see `ControlPlane.release`."""
        with self._file.writing() as db:
            self._expect_run(db)
            db.executemany(sql.RELEASE, [(task, worker) for task in tasks])

    def stop(self, failure: Failure) -> None:
        """Stop the run; see `ControlPlane.stop`."""
        with self._file.writing() as db:
            self._expect_run(db)
            db.execute(sql.STOP, (failure.state, failure.to_json()))

    def status(self) -> Status:
        """Say how far the run has come; see `ControlPlane.status`."""
        row = self._one(sql.STATUS, {"now": self._clock(), "longest": LONGEST})
        state, total, done, repeated, failure, ready, expired, running, workers, longest = row
        return Status(
            state=state,
            total=total,
            done=done,
            ready=ready + expired,
            running=running,
            waiting=total - done - ready - expired - running,
            workers=workers,
            failure=None if failure is None else Failure.from_json(failure),
            repeated=repeated,
            longest=tuple(Held(*each) for each in json.loads(longest)),
        )

    def delete(self) -> None:
        """Forget the run; see `ControlPlane.delete`."""
        self._file.delete()

    def _one(self, statement: str, parameters: object) -> tuple[Any, ...]:
        rows: list[tuple[Any, ...]] = self._file.query(statement, parameters)
        if not rows:
            raise self._no_run()
        return rows[0]

    def _expect_run(self, db: sqlite3.Connection) -> None:
        if db.execute(sql.IS_RESTORED).fetchone() is None:
            raise self._no_run()

    def _no_run(self) -> Exception:
        return lost(self.url, "no run was restored in it")


def _stage(db: sqlite3.Connection, tasks: Iterable[TaskState], readers_left: Mapping[str, int]) -> None:
    """Gather the rows of a restore in temporary tables, a chunk at a time."""
    rows = enumerate(tasks, 1)
    db.execute("BEGIN")
    try:
        while chunk := list(islice(rows, CHUNK)):
            staged = []
            for number, row in chunk:
                missing = row.needs - len(set(row.arrived))
                state = sql.DONE if row.done else sql.WAITING if missing > 0 else sql.READY
                staged.append((number, row.task, state, row.priority, missing))
            db.executemany(sql.STAGE_TASK, staged)
            waiting = (row for row, flat in zip(chunk, staged, strict=True) if flat[2] == sql.WAITING)
            db.executemany(sql.STAGE_ARRIVAL, [(number, tile) for number, row in waiting for tile in row.arrived])
        db.executemany(sql.STAGE_COUNTED, [(tile, left) for tile, left in readers_left.items() if left > 0])
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _take_away_expired(db: sqlite3.Connection, now: float) -> None:
    for task_id, task, worker, times in db.execute(sql.EXPIRED, (now,)).fetchall():
        db.execute(sql.TAKE_AWAY, (task_id,))
        if times + 1 >= MAX_ATTEMPTS:
            failure = poisoned(task, worker)
            db.execute(sql.STOP, (failure.state, failure.to_json()))


def _held_by(db: sqlite3.Connection, over: Mapping[str, str], worker: str) -> list[_Candidate]:
    """Running tasks that are still held by those who are said to hold them, and not by the asker."""
    if not over or db.execute(sql.IS_RUNNING).fetchone() is None:
        return []
    return [
        _Candidate(*row)
        for task, holder in over.items()
        if holder != worker
        for row in db.execute(sql.HELD_BY, (task, holder))
    ]


def _most_urgent(db: sqlite3.Connection, limit: int, prefer: Collection[str]) -> list[_Candidate]:
    """Choose up to `limit` ready tasks: by priority, and within the last priority that fits, preferred ones first."""
    rows = [_Candidate(*row) for row in db.execute(sql.MOST_URGENT, (max(limit, 0),))]
    if not prefer or not rows or len(rows) < limit:
        return rows
    last = rows[-1].priority
    sure = [row for row in rows if row.priority != last]
    room = len(rows) - len(sure)
    liked = [_Candidate(*row) for row in db.execute(sql.PREFERRED, (json.dumps(list(set(prefer))), last, room))]
    chosen = {row.id for row in liked}
    rest = [row for row in rows[len(sure) :] if row.id not in chosen]
    return sure + liked + rest[: room - len(liked)]


def _count_reads(db: sqlite3.Connection, reads: Sequence[str]) -> list[str]:
    """Count one reader less for each tile; those that it was the last reader of."""
    freed = []
    for tile in dict.fromkeys(reads):
        for (left,) in db.execute(sql.READ_BY_ONE, (tile,)).fetchall():
            if left <= 0:
                db.execute(sql.UNCOUNT, (tile,))
                freed.append(tile)
    return freed


def _arrive(db: sqlite3.Connection, arrivals: Sequence[Arrival]) -> tuple[list[str], list[str]]:
    """Record arrivals; the tasks that they made ready, and the counted tiles that nobody will read."""
    names = {reader.task for arrival in arrivals for reader in arrival.readers}
    known: dict[str, tuple[int, int, int]] = {}  # task: its id, state, and how many tiles it waits for
    if names:
        known = {row[0]: row[1:] for row in db.execute(sql.KNOWN, (json.dumps(list(names)),))}
    changed: dict[str, tuple[int, int, int]] = {}
    unread = []
    for arrival in arrivals:
        outstanding = set()
        for reader in arrival.readers:
            if reader.task in known:
                task_id, state, missing = known[reader.task]
                if state == sql.DONE:
                    continue
            else:
                added = db.execute(sql.ADD_TASK, (reader.task, reader.priority, reader.needs))
                task_id, state, missing = known[reader.task] = added.lastrowid or 0, sql.WAITING, reader.needs
            outstanding.add(reader.task)
            if state != sql.WAITING or not db.execute(sql.ADD_ARRIVAL, (task_id, arrival.tile)).rowcount:
                continue
            state = sql.READY if missing <= 1 else sql.WAITING
            changed[reader.task] = known[reader.task] = task_id, state, missing - 1
        if arrival.counted and outstanding:
            db.execute(sql.COUNT_READERS, (arrival.tile, len(outstanding)))
        elif arrival.counted:
            db.execute(sql.UNCOUNT, (arrival.tile,))
            unread.append(arrival.tile)
    db.executemany(sql.SET_MISSING, [(missing, state, task_id) for task_id, state, missing in changed.values()])
    ready = [(task, row[0]) for task, row in changed.items() if row[1] == sql.READY]
    db.executemany(sql.FORGET_ARRIVALS, [(task_id,) for _, task_id in ready])
    return [task for task, _ in ready], unread
