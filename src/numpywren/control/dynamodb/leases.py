"""Leases in the DynamoDB plane: handing tasks out, taking them back, prolonging what is held.

A lease is an item whose sort key begins with a time before which nobody need look at it. A renewal changes the item and
leaves its key alone; who claims looks at those whose time has come, takes away what has expired and gives the others
the key that befits them. So a claim reads what is due, and not all that is held.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from numpywren.control.dynamodb.items import (
    Action,
    Item,
    Key,
    Layout,
    Snapshot,
    moment,
    name_of,
    named,
    parts,
    priority_of,
    put,
    remove,
    run_key,
    update,
)
from numpywren.control.dynamodb.table import Refused, Table, pause
from numpywren.control.plane import MAX_ATTEMPTS, Claim, poisoned

__all__ = ["MOMENT", "Leases", "forget_at"]

#: Characters of a lease's sort key, and of a ready task's, before the name.
MOMENT, PRIORITY = 16, 17

#: Tasks of one transaction: each is three actions of a hundred.
TOGETHER = 32

#: Ready tasks that a claim looks at beside those that it wants, so that not all claim the same one.
SLACK = 16

#: Seconds after which DynamoDB deletes what nobody has deleted.
KEPT_S = 60 * 86400

#: How often a call looks again at what others were changing.
LOOKS = 20


def forget_at(table: Table) -> int:
    """When an item that is written now may go, in seconds since the epoch."""
    return int(table.clock()) + KEPT_S


class _Ready(NamedTuple):
    """A ready task."""

    task: str
    priority: int
    lost: int
    handed: int


class _Lease(NamedTuple):
    """A lease, as it was read."""

    key: Key
    task: str
    worker: str
    expires: float
    begun: float
    priority: int
    lost: int
    handed: int


@dataclass(frozen=True)
class Leases:
    """The leases of one generation of a run."""

    table: Table
    run: Snapshot
    clock: Callable[[], float]

    @property
    def layout(self) -> Layout:
        """Where the items are."""
        return self.run.layout

    # -- taking away

    def take_away_expired(self) -> bool:
        """Make ready what nobody keeps any more; whether the run may go on."""
        return all(self.table.each(self._take_away_in, range(self.layout.lanes)))

    def _take_away_in(self, lane: int) -> bool:
        sound, stuck = True, 0
        before: set[_Lease] = set()
        while stuck < LOOKS:
            now = self.clock()
            found = self.table.query(self.layout.leases(lane), below=moment(now, 1), limit=3 * TOGETHER)
            due = [_lease(item) for item in found]
            if not due:
                break
            if before == set(due):  # what could not be changed is being changed by somebody else
                stuck += 1
                pause(stuck)
            before = set(due)
            lost = [lease for lease in due if lease.expires <= now]
            fatal = [lease for lease in lost if lease.lost + 1 >= MAX_ATTEMPTS]
            self._take_away([lease for lease in lost if lease.lost + 1 < MAX_ATTEMPTS])
            for lease in fatal:
                sound = not self._poison(lease) and sound
            for some in parts((lease for lease in due if lease.expires > now), TOGETHER):
                self._together(some, self._move)
        return sound

    def _take_away(self, leases: list[_Lease]) -> None:
        for some in parts(leases, TOGETHER):
            self._together(some, self._expire, r=1, x=-1)

    def _poison(self, lease: _Lease) -> bool:
        """Take the last lease of a task away, and stop the run at the same moment; whether it did."""
        failure = poisoned(lease.task, lease.worker)
        stop = update(
            run_key(self.layout.run),
            "SET s = :s, f = :f",
            "g = :g AND s = :r",
            s=failure.state,
            f=failure.to_json(),
            g=self.layout.generation,
            r="running",
        )
        actions = [*self._expire(lease), self.layout.count(r=1, x=-1)]
        try:
            self.table.transact([*actions, stop])
        except Refused as refused:
            if refused.which == {len(actions)}:  # it has stopped already
                self._take_away([lease])
                return True
            return False
        return True

    def _expire(self, lease: _Lease) -> list[Action]:
        return [
            remove(lease.key, "e = :e AND w = :w", e=lease.expires, w=lease.worker),
            *self._back(lease, lease.lost + 1),
        ]

    def _back(self, lease: _Lease, lost: int) -> list[Action]:
        """Make ready what a lease was on."""
        ready = {"l": lost, "h": lease.handed, "gone": forget_at(self.table), **named(lease.task)}
        return [
            update(
                self.layout.task(lease.task),
                "SET s = :r, p = :p REMOVE x",
                "s = :l AND x = :x",
                r="r",
                p=lease.priority,
                l="l",
                x=lease.key.sk,
            ),
            put(self.layout.ready(lease.task, lease.priority), ready),
        ]

    def _move(self, lease: _Lease) -> list[Action]:
        """Give a renewed lease the key that befits it."""
        return self._again(lease, lease.worker, lease.expires, lease.begun)

    def _again(self, lease: _Lease, worker: str, expires: float, begun: float) -> list[Action]:
        """Replace a lease by another on the same task."""
        key = self.layout.lease(lease.task, expires)
        if key == lease.key:
            change = update(
                key, "SET w = :v, e = :n, b = :b", "e = :e AND w = :w",
                v=worker, n=expires, b=begun, e=lease.expires, w=lease.worker,
            )  # fmt: skip
            return [change]
        point = update(self.layout.task(lease.task), "SET x = :n", "s = :l AND x = :x", n=key.sk, l="l", x=lease.key.sk)
        return [
            remove(lease.key, "e = :e AND w = :w", e=lease.expires, w=lease.worker),
            put(key, self._item(lease, worker, expires, begun)),
            point,
        ]

    def _item(self, task: _Lease | _Ready, worker: str, expires: float, begun: float) -> Item:
        return {
            "w": worker,
            "e": expires,
            "b": begun,
            "p": task.priority,
            "l": task.lost,
            "h": task.lost + 1,
            "gone": forget_at(self.table),
            **named(task.task),
        }

    def _together(self, leases: list[_Lease], change: Callable[[_Lease], list[Action]], **counts: int) -> None:
        """Change some leases at one moment, or each by itself if some are no longer what they were."""
        if not leases:
            return
        actions = [action for lease in leases for action in change(lease)]
        if counts:
            actions.append(self.layout.count(**{name: number * len(leases) for name, number in counts.items()}))
        try:
            self.table.transact(actions)
        except Refused:
            if len(leases) > 1:
                for lease in leases:
                    self._together([lease], change, **counts)

    # -- handing out

    def take_over(self, worker: str, limit: int, lease_s: float, over: Mapping[str, str]) -> list[Claim]:
        """Take tasks from those who are said to hold them, where they do."""
        wanted = {task: holder for task, holder in over.items() if holder != worker}
        claims: list[Claim] = []
        for look in range(1, LOOKS):
            if limit <= len(claims) or not wanted:
                break
            held = self._held(wanted)
            refused = False
            for task in [task for task in wanted if task not in held or held[task].worker != wanted[task]]:
                del wanted[task]
            for task in list(wanted)[: limit - len(claims)]:
                lease, now = held[task], self.clock()
                try:
                    self.table.transact([*self._again(lease, worker, now + lease_s, now), self.layout.count(m=1)])
                except Refused:
                    refused = True
                    continue
                del wanted[task]
                claims.append(Claim(task, lease.lost + 1))
            if not refused:
                break
            pause(look)
        return claims

    def take(self, worker: str, limit: int, lease_s: float, prefer: Collection[str]) -> list[Claim]:
        """Take ready tasks, the most urgent first."""
        claims: list[Claim] = []
        rounds = 0
        while len(claims) < limit:
            chosen = self._most_urgent(limit - len(claims), frozenset(prefer))
            got = [claim for some in parts(chosen, TOGETHER) for claim in self._hand_out(some, worker, lease_s)]
            claims += got
            if len(got) == len(chosen) or rounds > LOOKS:
                break
            if not got:
                rounds += 1
                pause(rounds)
        return claims

    def _hand_out(self, tasks: list[_Ready], worker: str, lease_s: float) -> list[Claim]:
        """Lease those tasks that nobody else takes at this moment."""
        while tasks:
            now = self.clock()
            again = sum(task.lost + 1 > max(task.handed, 1) for task in tasks)
            actions = [action for task in tasks for action in self._lease(task, worker, now, now + lease_s)]
            actions.append(self.layout.count(r=-len(tasks), x=len(tasks), m=again))
            try:
                self.table.transact(actions, patient=False)
            except Refused as refused:
                gone = {number // 3 for number in refused.which}
                tasks = [task for number, task in enumerate(tasks) if number not in gone]
                if gone == {len(tasks)}:  # only the counter was in use: another will do
                    continue
            else:
                return [Claim(task.task, task.lost + 1) for task in tasks]
        return []

    def _lease(self, task: _Ready, worker: str, now: float, expires: float) -> list[Action]:
        key = self.layout.lease(task.task, expires)
        return [
            remove(self.layout.ready(task.task, task.priority), "l = :l", l=task.lost),
            update(self.layout.task(task.task), "SET s = :l, x = :x", "s = :r", l="l", x=key.sk, r="r"),
            put(key, self._item(task, worker, expires, now)),
        ]

    def _most_urgent(self, limit: int, prefer: frozenset[str]) -> list[_Ready]:
        """Choose ready tasks: by priority; within the last priority that fits, preferred ones, and then any."""
        size = limit + SLACK
        lanes = [self.layout.queue(lane) for lane in range(self.layout.lanes)]
        heads = self.table.each(lambda lane: [_ready(item) for item in self.table.query(lane, limit=size)], lanes)
        rows = sorted((row for head in heads for row in head), key=_by_urgency)
        if len(rows) <= limit:
            return rows
        last = rows[limit - 1].priority
        sure = [row for row in rows if row.priority < last]
        tied = [row for row in rows if row.priority == last]
        room = limit - len(sure)
        liked = [row for row in tied if row.task in prefer][:room]
        if len(liked) < room and any(len(head) == size and head[-1].priority == last for head in heads):
            seen = {row.task for row in tied}
            others = [self.layout.ready(task, last) for task in prefer if task not in seen]
            for some in parts(others, 100):
                liked += [_ready(item) for item in self.table.get_many(some).values()]
                if len(liked) >= room:
                    break
        chosen = {row.task for row in liked}
        rest = [row for row in tied if row.task not in chosen]
        return sure + liked[:room] + rest[: max(room - len(liked), 0)]

    # -- what is held

    def renew(self, worker: str, tasks: Collection[str], lease_s: float) -> frozenset[str]:
        """Let leases end later, or sooner; those that are the worker's."""
        kept: set[str] = set()
        pending = list(dict.fromkeys(tasks))
        for look in range(1, LOOKS):
            points = self.table.get_many(map(self.layout.task, pending))
            held = {
                task: self.layout.lease_at(task, point["x"])
                for task in pending
                if (point := points.get(self.layout.task(task))) is not None and point["s"] == "l"
            }
            answers = self.table.each(lambda each: self._prolong(*each, worker, lease_s), held.items())
            kept |= {task for task, mine in zip(held, answers, strict=True) if mine}
            pending = [task for task, mine in zip(held, answers, strict=True) if mine is None]
            if not pending:
                break
            pause(look)
        return frozenset(kept)

    def _prolong(self, task: str, key: Key, worker: str, lease_s: float) -> bool | None:
        """Renew one lease; None if its key has changed meanwhile."""
        expires = self.clock() + lease_s
        try:
            if moment(expires) >= key.sk[:MOMENT]:
                self.table.do(update(key, "SET e = :e", "w = :w", e=expires, w=worker))
                return True
            held = self._held([task]).get(task)  # sooner than anybody would look
            if held is None or held.worker != worker:
                return False
            self.table.transact(self._again(held, worker, expires, held.begun))
        except Refused as refused:
            return False if refused.item is not None else None
        return True

    def release(self, worker: str, tasks: Collection[str]) -> None:
        """Make ready what the worker holds."""
        for look in range(1, LOOKS):
            mine = [lease for lease in self._held(tasks).values() if lease.worker == worker]
            if not mine:
                return
            if look > 1:
                pause(look)
            for some in parts(mine, TOGETHER):
                self._together(some, self._give_back, r=1, x=-1)

    def _give_back(self, lease: _Lease) -> list[Action]:
        return [remove(lease.key, "w = :w", w=lease.worker), *self._back(lease, lease.lost)]

    def _held(self, tasks: Iterable[str]) -> dict[str, _Lease]:
        """The leases on those of some tasks that are under one."""
        names = list(dict.fromkeys(tasks))
        points = self.table.get_many(map(self.layout.task, names))
        keys = {
            task: self.layout.lease_at(task, point["x"])
            for task in names
            if (point := points.get(self.layout.task(task))) is not None and point["s"] == "l"
        }
        found = self.table.get_many(keys.values())
        return {task: _lease(found[key]) for task, key in keys.items() if key in found}


def _by_urgency(row: _Ready) -> tuple[int, float]:
    return row.priority, random.random()  # noqa: S311 - so that not all claim the same


def _ready(item: Item) -> _Ready:
    return _Ready(name_of(item, PRIORITY), priority_of(item), item["l"], item["h"])


def _lease(item: Item) -> _Lease:
    return _Lease(
        Key(item["pk"], item["sk"]),
        name_of(item, MOMENT),
        item["w"],
        item["e"],
        item["b"],
        item["p"],
        item["l"],
        item["h"],
    )
