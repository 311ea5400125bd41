"""The control plane in Redis or Valkey: for any number of machines that reach one server, or a cluster.

Each transition is one Lua script, which the server runs as a whole; they are in the folder ``lua``. The server keeps of
a run what is in flight, and a few bits for each finished task. All is forgotten 30 days after anybody touched it.

A server that comes back without its data, or with data older than somebody was told, is a plane that is lost; see
``lua/hello.lua``. With an append-only file a run goes on after a restart.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeAlias

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
from numpywren.control.redis.link import RedisLink
from numpywren.errors import NumpywrenError

__all__ = ["RedisPlane"]

_Row: TypeAlias = "tuple[str, int, str, list[str], bool]"
_Count: TypeAlias = "tuple[str, int]"

#: Rows that `restore` sends at a time; the server is busy with them for a few milliseconds.
CHUNK = 1000


class RedisPlane(ControlPlane):
    """A control plane in Redis.

    Parameters
    ----------
    url : str
        ``redis://host:port/db?run=NAME``, or ``rediss://`` for TLS. Who we are is said by the settings
        ``redis.username`` and ``redis.password``, never by the URL. Opening connects to nothing.
    clock : callable, optional
        Seconds, the same for all processes. Default: the server's.
    patience_s : float, optional
        Seconds for which a server that does not answer is asked again, before the plane is taken to be lost.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None, patience_s: float | None = None) -> None:
        self.url = url
        self._link = RedisLink(url, patience_s)
        self._clock = clock

    def __repr__(self) -> str:
        return f"RedisPlane({self.url!r})"

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        self._link.close()

    def restore(self, tasks: Iterable[TaskState], readers_left: Mapping[str, int], total: int) -> None:
        """Begin a run, or rebuild one; see `ControlPlane.restore`."""
        token = secrets.token_hex(8)
        staged = self._link.keys(f"new-{token}-run", f"new-{token}-ready")
        counted = ((tile, left) for tile, left in readers_left.items() if left > 0)
        link, batch = self._link, 0
        try:
            for batch, (rows, counts) in enumerate(_batches(map(_row, tasks), counted), 1):
                keys = (*staged, *link.keys("run"))
                if not link.evaluate("stage", keys, batch, _dump(rows), _dump(counts), token):
                    raise lost(self.url, "what was told of the run is gone: its server came back without its data")
            keys = (*link.keys("run", "ready", "leases"), *staged)
            state = "done" if total <= 0 else "running"
            link.told(link.evaluate("swap", keys, token, batch, state, total, link.server, link.seen[0]))
        except BaseException:
            if batch and link.reached:
                with suppress(NumpywrenError):
                    link.unlink(*staged)
            raise
        link.warn_of_doubt()

    def claim(
        self,
        worker: str,
        limit: int,
        lease_s: float,
        prefer: Collection[str] = (),
        over: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Claim, ...]:
        """Take ready tasks under a lease; see `ControlPlane.claim`."""
        liked = _dump(list(prefer)) if prefer else ""
        slow = _dump(list(over.items())) if over else ""
        token = secrets.token_hex(8)
        told = self._call("claim", worker, max(limit, 0), _micro(lease_s), MAX_ATTEMPTS, liked, slow, token)
        return tuple(Claim(task, attempt) for task, attempt in zip(told[::2], told[1::2], strict=True))

    def renew(self, worker: str, tasks: Collection[str], lease_s: float) -> frozenset[str]:
        """Prolong leases; see `ControlPlane.renew`."""
        return frozenset(self._call("renew", worker, _micro(lease_s), *tasks))

    def complete(self, worker: str, task: str, arrivals: Sequence[Arrival], reads: Sequence[str]) -> Completion:
        """Mark a task done; see `ControlPlane.complete`."""
        news = [
            [arrival.tile, arrival.counted, [[one.task, one.needs, str(one.priority)] for one in arrival.readers]]
            for arrival in arrivals
        ]
        finished, first, ready, *names = self._call("complete", task, _dump([list(reads), news]))
        return Completion(tuple(names[:ready]), tuple(names[ready:]), bool(finished), bool(first))

    def release(self, worker: str, tasks: Collection[str]) -> None:
        """Hand tasks back; see `ControlPlane.release`."""
        self._call("release", worker, *tasks)

    def stop(self, failure: Failure) -> None:
        """Stop the run; see `ControlPlane.stop`."""
        self._call("stop", failure.state, failure.to_json())

    def status(self) -> Status:
        """Say how far the run has come; see `ControlPlane.status`. Takes time in the number of running tasks."""
        _, _, done, *told = self._transition("status", LONGEST)
        state, total, repeated, failure, poison, ready, running, workers, *held = told
        total = int(total)
        return Status(
            state=state,
            total=total,
            done=done,
            ready=ready,
            running=running,
            waiting=total - done - ready - running,
            workers=workers,
            failure=poisoned(*json.loads(poison)) if poison else Failure.from_json(failure) if failure else None,
            repeated=int(repeated),
            longest=tuple(
                Held(task, worker, int(micro) / 1e6)
                for task, worker, micro in zip(held[::3], held[1::3], held[2::3], strict=True)
            ),
        )

    def delete(self) -> None:
        """Forget the run; see `ControlPlane.delete`."""
        self._link.unlink(*self._link.keys("run", "ready", "leases"))

    def _call(self, name: str, *arguments: str | int) -> list[Any]:
        return self._transition(name, *arguments)[3:]

    def _transition(self, name: str, *arguments: str | int) -> list[Any]:
        now = "" if self._clock is None else str(_micro(self._clock()))
        return self._link.transition(name, now, *arguments)


def _batches(rows: Iterator[_Row], counts: Iterator[_Count]) -> Iterator[tuple[list[_Row], list[_Count]]]:
    """Cut two streams into pieces of at most `CHUNK`, one stream after the other; at least one piece."""
    first = list(islice(rows, CHUNK))
    yield first, list(islice(counts, CHUNK - len(first)))
    while more := list(islice(rows, CHUNK)):
        yield more, []
    while rest := list(islice(counts, CHUNK)):
        yield [], rest


def _row(state: TaskState) -> _Row:
    arrived = list(dict.fromkeys(state.arrived))
    missing = state.needs - len(arrived)
    return state.task, missing, str(state.priority), arrived if missing > 0 else [], state.done


def _micro(seconds: float) -> int:
    return round(1e6 * seconds)


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
