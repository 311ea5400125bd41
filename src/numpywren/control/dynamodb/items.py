"""What the items of a run are called and hold, and how changes to them are put to DynamoDB.

One table holds the runs of many people. Its keys are ``pk`` and ``sk``, and every item has a time after which DynamoDB
deletes it, ``gone``. Names are short, as each item carries them and storage and units are counted in bytes.

===============  ==========================  =========================================================================
partition        sort key                    item
===============  ==========================  =========================================================================
RUN              ``run``                     the run: ``g`` generation, ``o`` total, ``s`` state, ``f`` failure,
                                             ``n`` lanes, ``v`` version of this table
RUN/G/0 … 7      ``t`` task                  ``s`` state: w(aiting), r(eady), l(eased), d(one); ``p`` priority;
                                             while it waits ``n`` needs and ``a`` the set of tiles that arrived;
                                             under a lease ``x``, the lease's sort key; done: the state, and no more
RUN/G/0 … 7      ``c`` tile                  a counted tile: ``n``, its readers that are not done
RUN/G/q0 …       priority, task              a ready task, most urgent first: ``l`` leases lost, ``h`` last handed out
RUN/G/x0 …       time to look at it, task    a lease: ``w`` worker, ``e`` when it ends, ``b`` when it began, and the
                                             task's ``p``, ``l``, ``h``
RUN/G/n          ``00`` … ``31``             counters, whose sum counts: ``d`` done, ``r`` ready, ``x`` leased,
                                             ``m`` repeated
===============  ==========================  =========================================================================

RUN is the run's identity, G one generation of it: `restore` writes a new one, and switches to it in the run's item.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

from numpywren.control.plane import RunState

__all__ = [
    "SHARDS",
    "VERSION",
    "Action",
    "Item",
    "Key",
    "Layout",
    "Snapshot",
    "decode",
    "encode",
    "moment",
    "name_of",
    "named",
    "parts",
    "priority_of",
    "put",
    "remove",
    "run_key",
    "short",
    "total_of",
    "update",
]

T = TypeVar("T")

#: An item with Python values: strings, numbers, sets of strings.
Item: TypeAlias = "dict[str, Any]"
#: One action of a transaction, in DynamoDB's own words.
Action: TypeAlias = "dict[str, dict[str, Any]]"

#: Raised by one whenever the items change. A plane is rebuilt from the tiles, so tables are never migrated.
VERSION = 1

#: Partitions over which the tasks and tiles of a run are spread: each takes 1000 units of writing in a second.
SHARDS = 8

#: Items that count together, so that completions at the same moment are seldom at the same one.
COUNTERS = 32

#: Bytes of a name that are kept as they are in a key; of longer ones, their digest.
MAX_NAME = 400

_PRIORITY = 2**53


class Key(NamedTuple):
    """Where an item is."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run's item, as it was read."""

    layout: Layout
    state: RunState
    total: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys of one generation of a run."""

    run: str
    generation: str
    lanes: int

    @property
    def _prefix(self) -> str:
        return f"{self.run}/{self.generation}/"

    def partitions(self) -> list[str]:
        """All of them, apart from the run's own."""
        parts = [f"{i:x}" for i in range(SHARDS)]
        parts += [f"{kind}{lane}" for kind in "qx" for lane in range(self.lanes)]
        return [self._prefix + part for part in (*parts, "n")]

    def task(self, name: str) -> Key:
        """A task."""
        return Key(f"{self._prefix}{_hash(name) % SHARDS:x}", "t" + short(name))

    def tile(self, name: str) -> Key:
        """A counted tile."""
        return Key(f"{self._prefix}{_hash(name) % SHARDS:x}", "c" + short(name))

    def ready(self, name: str, priority: int) -> Key:
        """A ready task."""
        return Key(self.queue(self._lane(name)), f"{priority + _PRIORITY:017d}{short(name)}")

    def lease(self, name: str, expires: float) -> Key:
        """A lease that need not be looked at before it expires."""
        return Key(self.leases(self._lane(name)), moment(expires) + short(name))

    def lease_at(self, name: str, sk: str) -> Key:
        """A lease whose sort key is known."""
        return Key(self.leases(self._lane(name)), sk)

    def queue(self, lane: int) -> str:
        """A partition of ready tasks."""
        return f"{self._prefix}q{lane}"

    def leases(self, lane: int) -> str:
        """A partition of leases."""
        return f"{self._prefix}x{lane}"

    @property
    def counters(self) -> str:
        """The partition of the counters."""
        return self._prefix + "n"

    def all_counters(self) -> list[Key]:
        """The items whose sum counts."""
        return [Key(self.counters, f"{number:02d}") for number in range(COUNTERS)]

    def count(self, **changes: int) -> Action:
        """Change counters: any of the items will do."""
        key = random.choice(self.all_counters())  # noqa: S311 - spreads, guards nothing
        values = {name: number for name, number in changes.items() if number}
        return update(key, "ADD " + ", ".join(f"{name} :{name}" for name in values), None, **values)

    def _lane(self, name: str) -> int:
        return _hash(name) // SHARDS % self.lanes


def run_key(run: str) -> Key:
    """The item of a run."""
    return Key(run, "run")


def moment(seconds: float, later: int = 0) -> str:
    """Write a time of the plane's clock, or some milliseconds later, so that strings sort as times do."""
    return f"{int(seconds * 1000) + later:016d}"


def priority_of(ready: Item) -> int:
    """The priority that a ready task's key tells."""
    return int(ready["sk"][:17]) - _PRIORITY


def name_of(item: Item, digits: int) -> str:
    """The task that an item is about, from its key or, if that holds a digest, from the item."""
    return str(item.get("t", item["sk"][digits:]))


def named(name: str) -> Item:
    """What an item must hold beside its key, so that `name_of` finds the name."""
    return {} if short(name) == name else {"t": name}


def short(name: str) -> str:
    """A name as it stands in keys and sets."""
    data = name.encode()
    if 0 < len(data) <= MAX_NAME and not name.startswith("sha256 "):
        return name
    return "sha256 " + hashlib.sha256(data).hexdigest()


def _hash(name: str) -> int:
    return zlib.crc32(name.encode())


# -- DynamoDB's words


def encode(item: Mapping[str, Any]) -> dict[str, Any]:
    """Write Python values as DynamoDB wants them."""
    return {name: _value(value) for name, value in item.items()}


def decode(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """Read what DynamoDB answers."""
    return {name: _python(value) for name, value in item.items()}


def put(key: Key, item: Mapping[str, Any], condition: str | None = None, **values: Any) -> Action:
    """Write an item, if the condition holds."""
    return {"Put": {"Item": encode({**key._asdict(), **item}), **_conditional(condition, values)}}


def update(key: Key, change: str, condition: str | None, **values: Any) -> Action:
    """Change an item, if the condition holds; creates it otherwise."""
    return {
        "Update": {"Key": encode(key._asdict()), "UpdateExpression": change, **_conditional(condition, values)},
    }


def remove(key: Key, condition: str | None = None, **values: Any) -> Action:
    """Delete an item, if the condition holds."""
    return {"Delete": {"Key": encode(key._asdict()), **_conditional(condition, values)}}


def _conditional(condition: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if condition is not None:
        more["ConditionExpression"] = condition
    if values:
        more["ExpressionAttributeValues"] = {f":{name}": _value(value) for name, value in values.items()}
    return more


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    return {"SS": sorted(value)}


def _python(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content) if content.lstrip("-").isdigit() else float(content)
    return frozenset(content) if kind == "SS" else content


def parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists."""
    stream = iter(items)
    while part := list(islice(stream, size)):
        yield part


def total_of(items: Iterable[Item], name: str) -> int:
    """The sum of a counter."""
    return sum(int(item.get(name, 0)) for item in items)
