"""Completions in the DynamoDB plane: a sequence of requests that a crash anywhere leaves safe to repeat.

In order, for a task whose tiles exist:

1. counted tiles get their counts, before anybody can hear of the tiles;
2. each reader that waits for yet more is told of its tiles, by itself: a union of sets, which may be repeated;
3. one transaction does all the rest: the task is done and its lease gone, readers for which everything has now arrived
   are ready, the tiles that it read count one reader less, and the counters say so.

Until the third step the task is under its lease. Whoever dies before it loses that lease in the end, and another
repeats the first two steps, finding what was done of them. A reader that somebody else's tile completes between the
second and the third step is made ready by that somebody: its tiles exist.

A transaction has room for a hundred actions. A completion that wakes or counts more does so in pieces before the third
step. Each piece writes down whose it was, in the readers that it wakes (``b``) or in the task (``k`` tiles counted,
``f`` freed), so that it is not repeated, and is reported by the one call that does the third step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from numpywren.control.dynamodb.items import Action, Item, Key, Layout, named, put, remove, short, update
from numpywren.control.dynamodb.leases import forget_at
from numpywren.control.dynamodb.table import Refused, Table
from numpywren.control.plane import Arrival, Completion

__all__ = ["Completing"]

#: Readers that are made ready (two actions each), and tiles that are counted, by one transaction at most.
MOST_WOKEN, MOST_COUNTED = 24, 40


class _Reader(NamedTuple):
    """A task that reads some of the tiles that arrive."""

    task: str
    needs: int
    priority: int
    tiles: frozenset[str]


@dataclass
class _Told:
    """What the readers' items say."""

    woken: list[_Reader] = field(default_factory=list)  # wait for nothing else
    others: list[_Reader] = field(default_factory=list)  # wait for more
    earlier: list[str] = field(default_factory=list)  # were made ready by this completion before
    done: set[str] = field(default_factory=set)


@dataclass
class Completing:
    """One completion, through all its attempts.

    Parameters
    ----------
    table : Table
        Where.
    layout : Layout
        The run's items.
    task : str
        What was computed.
    arrivals, reads : sequence of Arrival, sequence of str
        As `ControlPlane.complete` was told.
    is_finished : callable
        Asks whether all tasks of the run are done.
    """

    table: Table
    layout: Layout
    task: str
    arrivals: Sequence[Arrival]
    reads: Sequence[str]
    is_finished: Callable[[], bool]
    _counted: set[str] = field(default_factory=set)  # tiles that this call has given a count

    def attempt(self) -> Completion | None:
        """Try once; None if a piece was done, and it is to be tried again.

        Raises
        ------
        Refused
            If somebody else changed something: it is to be tried again.
        """
        reads = list(dict.fromkeys(self.reads))
        counted = list(dict.fromkeys(arrival.tile for arrival in self.arrivals if arrival.counted))
        # Counts are read before the readers: who is done when it is asked has counted already.
        keys = {tile: self.layout.tile(tile) for tile in (*reads, *counted)}
        found = self.table.get_many([self.layout.task(self.task), *keys.values()])
        mine = found.get(self.layout.task(self.task))
        if mine is None:
            return Completion((), (), self.is_finished(), first=False)
        counts = {tile: int(found[key]["n"]) for tile, key in keys.items() if key in found}
        if mine["s"] == "d":
            gone = tuple(tile for tile in counted if tile not in counts or self._is_left_over(tile))
            return Completion((), gone, self.is_finished(), first=False)

        told = self._ask_readers()
        unread = self._count_arrivals(counts, told.done)
        self._tell(told)
        if len(told.woken) > MOST_WOKEN:
            self._wake_some(told.woken[:MOST_WOKEN])
            return None
        left = reads[int(mine.get("k", 0)) :]
        if len(left) > MOST_COUNTED:
            self._count_some(mine, left[:MOST_COUNTED], counts)
            return None
        actions, freed = self._count_reads(left, counts)
        for reader in told.woken:
            actions += self._wake(reader)
        self.table.transact([*self._finish(mine, len(told.woken)), *actions])
        ready = [*told.earlier, *(reader.task for reader in told.woken)]
        outstanding = {reader.task for arrival in self.arrivals for reader in arrival.readers} - told.done
        finished = not outstanding - {self.task} and self.is_finished()
        return Completion(tuple(ready), (*mine.get("f", ()), *freed, *unread), finished, first=True)

    # -- readers

    def _ask_readers(self) -> _Told:
        """Find out which readers wait, and for what."""
        tiles: dict[str, set[str]] = {}
        readers = {reader.task: reader for arrival in self.arrivals for reader in arrival.readers}
        readers.pop(self.task, None)
        for arrival in self.arrivals:
            for reader in arrival.readers:
                tiles.setdefault(reader.task, set()).add(short(arrival.tile))
        found = self.table.get_many(map(self.layout.task, readers))
        told = _Told()
        for task, reader in readers.items():
            item: Item = found.get(self.layout.task(task), {"s": "w"})
            if item["s"] == "d":
                told.done.add(task)
            if item["s"] != "w":
                told.earlier += [task] * (item.get("b") == short(self.task))
                continue
            row = _Reader(task, item.get("n", reader.needs), item.get("p", reader.priority), frozenset(tiles[task]))
            arrived = item.get("a", frozenset())
            if len(row.tiles | arrived) >= row.needs:
                told.woken.append(row)
            elif not row.tiles <= arrived:
                told.others.append(row)
        return told

    def _tell(self, told: _Told) -> None:
        """Record the arrivals of readers that wait for more; those that don't any more are to be woken."""
        completed = self.table.each(self._arrive, told.others)
        told.woken += [reader for reader, complete in zip(told.others, completed, strict=True) if complete]

    def _arrive(self, reader: _Reader) -> bool:
        """Record the arrival of tiles for one reader; whether it waits for nothing else."""
        action = update(
            self.layout.task(reader.task),
            "SET s = :w, n = :n, p = :p, gone = :g ADD a :a",
            "attribute_not_exists(s) OR s = :w",
            w="w",
            n=reader.needs,
            p=reader.priority,
            g=forget_at(self.table),
            a=reader.tiles,
        )
        try:
            item = self.table.do(action, "ALL_NEW")
        except Refused:  # it is ready, or further: it had all that it needs
            return False
        return len(item["a"]) >= int(item["n"])

    def _wake(self, reader: _Reader, by: str | None = None) -> list[Action]:
        """Make a reader ready."""
        ready = {"l": 0, "h": 0, "gone": forget_at(self.table), **named(reader.task)}
        values = {"r": "r", "p": reader.priority, "g": forget_at(self.table), "w": "w"}
        change = "SET s = :r, p = :p, gone = :g"
        if by is not None:
            change, values["b"] = change + ", b = :b", by
        return [
            update(
                self.layout.task(reader.task),
                change + " REMOVE a, n",
                "attribute_not_exists(s) OR s = :w",
                **values,
            ),
            put(self.layout.ready(reader.task, reader.priority), ready),
        ]

    def _wake_some(self, readers: Sequence[_Reader]) -> None:
        actions = [action for reader in readers for action in self._wake(reader, short(self.task))]
        self.table.transact([*actions, self.layout.count(r=len(readers))])

    # -- counted tiles

    def _count_arrivals(self, counts: Mapping[str, int], done: set[str]) -> list[str]:
        """Give each counted tile that arrives its count; those that nobody will read."""
        unread = []
        for arrival in {arrival.tile: arrival for arrival in self.arrivals if arrival.counted}.values():
            left = len({reader.task for reader in arrival.readers} - done - {self.task})
            key, known = self.layout.tile(arrival.tile), counts.get(arrival.tile)
            if not left:
                unread.append(arrival.tile)
                if known is not None:
                    self.table.do(remove(key, "n = :n", n=known))
            elif known is None:
                item = {"n": left, "gone": forget_at(self.table)}
                self.table.do(put(key, item, "attribute_not_exists(n)"))
                self._counted.add(arrival.tile)
            elif known != left:
                self.table.do(update(key, "SET n = :n", "n = :o", n=left, o=known))
        return unread

    def _is_left_over(self, tile: str) -> bool:
        """Whether this call wrote the count of a tile when another had done the task, and its readers had been."""
        if tile not in self._counted or self._ask_readers_of(tile):
            return False
        self.table.do(remove(self.layout.tile(tile)))
        return True

    def _ask_readers_of(self, tile: str) -> bool:
        """Whether somebody will still read a tile."""
        names = {reader.task for arrival in self.arrivals if arrival.tile == tile for reader in arrival.readers}
        found = self.table.get_many(map(self.layout.task, names))
        return any(found.get(self.layout.task(name), {"s": "w"})["s"] != "d" for name in names)

    def _count_reads(self, tiles: Sequence[str], counts: Mapping[str, int]) -> tuple[list[Action], list[str]]:
        """Count one reader less for each tile; those that it was the last of."""
        actions: list[Action] = []
        freed = []
        for tile in tiles:
            key, left = self.layout.tile(tile), counts.get(tile)
            if left is None:
                continue
            if left <= 1:
                actions.append(remove(key, "n = :n", n=left))
                freed.append(tile)
            else:
                actions.append(update(key, "SET n = n - :i", "n > :i", i=1))
        return actions, freed

    def _count_some(self, mine: Item, tiles: Sequence[str], counts: Mapping[str, int]) -> None:
        actions, freed = self._count_reads(tiles, counts)
        counted = int(mine.get("k", 0))
        change, values = "SET k = :n", {"n": counted + len(tiles), "s": mine["s"]}
        condition = "s = :s AND attribute_not_exists(k)"
        if counted:
            condition, values["o"] = "s = :s AND k = :o", counted
        if freed:
            change, values["f"] = change + " ADD f :f", frozenset(freed)
        self.table.transact([update(self._key, change, condition, **values), *actions])

    # -- the task itself

    @property
    def _key(self) -> Key:
        return self.layout.task(self.task)

    def _finish(self, mine: Item, woken: int) -> list[Action]:
        """Make the task done, from whatever it was."""
        change = "SET s = :d REMOVE a, n, p, x, k, f"
        counter = {"d": 1, "r": woken - (mine["s"] == "r"), "x": -(mine["s"] == "l")}
        values = {"d": "d", "s": mine["s"]}
        condition = "s = :s"
        if mine["s"] == "l":
            condition, values["x"] = "s = :s AND x = :x", mine["x"]
        actions = [update(self._key, change, condition, **values), self.layout.count(**counter)]
        if mine["s"] == "l":
            actions.append(remove(self.layout.lease_at(self.task, mine["x"]), "attribute_exists(w)"))
        elif mine["s"] == "r":
            actions.append(remove(self.layout.ready(self.task, mine["p"]), "attribute_exists(l)"))
        return actions
