"""What a worker did, written down in batches under the run's prefix, for reports to read.

A batch is one object, ``events/<worker>/<number>.json.gz``: gzip of one JSON object. Its keys:

``format``
    1.
``version``
    Of numpywren.
``worker``
    Name of the worker.
``epoch_s``
    Seconds since 1970 when the worker's clock showed 0: added to a moment, it gives the time of day.
``events``
    For each kind of event, by the name of its class in `numpywren.events`, an object with one list for each field, all
    of the same length, in the order in which things happened. Moments (``…_s``, on the worker's clock) and durations
    (``seconds``) are in seconds with six decimals, sizes in bytes.

Who reads them passes over kinds and fields that he does not know.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import logging
import operator
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from numpywren.events import (
    Event,
    StoreRetried,
    TileRead,
    TilesCached,
    WorkerExit,
    WorkerStart,
    publish,
    subscribe,
    unsubscribe,
)
from numpywren.matrix import Store
from numpywren.version import __version__

__all__ = ["FOLDER", "FORMAT", "Journal", "Policy", "encode_batch", "thinned"]

logger = logging.getLogger(__name__)

FORMAT = 1
#: Where batches are, in the run's folder.
FOLDER = "events"
#: Seconds between two batches, and events after which one is written sooner.
EVERY_S, MOST = 5.0, 20_000

#: Seconds that it takes to write an event down, about, and the share of the time that may go by with that: beyond it,
#: tiles found in the cache are written as sums, if there are enough events for that to matter.
EVENT_S, SHARE, FEW = 5e-6, 0.01, 500

#: Whether to write all events, those of workers that live for longer than `EVERY_S`, or none.
Policy: TypeAlias = Literal["all", "late", "none"]

#: Journals that hear what happens in this process outside of a worker: the first of each run.
_hearing: dict[str, Journal] = {}
_lock = threading.Lock()


class Journal:
    """What a worker tells its listeners, and with `policy` writes down: behind, from a thread of its own.

    It is called with events; the first is `WorkerStart`, and `WorkerExit`, the last, has it write what is left.

    Parameters
    ----------
    store : Store
        The run's folder.
    policy : {"all", "late", "none"}
        What is written. What the client will throw away soon is not worth the time: ``late``.
    every_s : float
        Seconds between two batches.
    """

    def __init__(self, store: Store, policy: Policy = "all", every_s: float = EVERY_S) -> None:
        if policy not in get_args(Policy):
            raise ValueError(f"events are written by one of {', '.join(get_args(Policy))}, not by {policy!r}")
        self._store, self._policy, self._every_s = store, policy, every_s
        self._epoch_s = time.time() - time.perf_counter()
        self._worker = ""
        self._heard: list[Event] = []
        self._number = 0
        self._since = time.perf_counter()
        self._wake, self._closed = threading.Event(), False
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Tell others in this process of an event, and take note of it; quick, from any thread."""
        publish(event)
        if self._policy == "none":
            return
        self._heard.append(event)
        if isinstance(event, WorkerStart):
            self._open(event.worker)
        elif isinstance(event, WorkerExit):
            self._close()
        elif len(self._heard) >= MOST:
            self._wake.set()

    def _open(self, worker: str) -> None:
        self._worker = worker
        with _lock:
            if _hearing.setdefault(self._store.url, self) is self:
                subscribe(self._overhear)
        self._thread = threading.Thread(target=self._keep, name="numpywren-journal", daemon=True)
        self._thread.start()

    def _close(self) -> None:
        with _lock:
            if _hearing.get(self._store.url) is self:
                del _hearing[self._store.url]
                unsubscribe(self._overhear)
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._number or self._policy == "all":
            self._flush()

    def _overhear(self, event: Event) -> None:
        """Take note of what stores tell, which do not know for whom they work: of other runs' folders it is not."""
        if isinstance(event, StoreRetried) and not any(
            event.url.startswith(url) for url in tuple(_hearing) if url != self._store.url
        ):
            self._heard.append(event)

    def _keep(self) -> None:
        while True:
            self._wake.wait(self._every_s)
            self._wake.clear()
            if self._closed:
                return
            self._flush()

    def _flush(self) -> None:
        # appended to by other threads meanwhile: what is taken is what was there at this moment
        count = len(self._heard)
        batch = self._heard[:count]
        del self._heard[:count]
        if not batch:
            return
        since, self._since = self._since, time.perf_counter()
        if count > FEW and count * EVENT_S > SHARE * (self._since - since):
            batch = thinned(batch)
        key = f"{FOLDER}/{self._worker}/{self._number:06}.json.gz"
        self._number += 1
        try:
            self._store.put(key, encode_batch(self._worker, self._epoch_s, batch))
        except Exception as error:  # noqa: BLE001 - the run does not depend on it
            logger.warning("%d events could not be written down, reports will lack them: %s", count, error)


def thinned(batch: Iterable[Event]) -> list[Event]:
    """The same events, tiles found in the cache as one sum: there may be many for each task, and they took no time."""
    kept: list[Event] = []
    count = nbytes = 0
    for event in batch:
        if isinstance(event, TileRead) and event.cached:
            count, nbytes, last = count + 1, nbytes + event.nbytes, event.at_s
        else:
            kept.append(event)
    return [*kept, TilesCached(count, nbytes, last)] if count else kept


def encode_batch(worker: str, epoch_s: float, batch: Iterable[Event]) -> bytes:
    """Encode events as one object of the run's journal; see the module for its form."""
    rows: dict[Any, list[tuple[Any, ...]]] = {}
    for event in batch:
        kind: Any = type(event)
        rows.setdefault(kind, []).append(_reader(kind)[1](event))
    text = json.dumps(
        {
            "format": FORMAT,
            "version": __version__,
            "worker": worker,
            "epoch_s": round(epoch_s, 6),
            "events": {kind.__name__: _columns(_reader(kind)[0], found) for kind, found in rows.items()},
        },
        separators=(",", ":"),
    )
    return gzip.compress(text.encode(), compresslevel=1, mtime=0)


def _columns(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    for name, column in columns.items():
        if name.endswith(("_s", "seconds")):
            columns[name] = np.round(column, 6).tolist()
    return columns


@functools.cache
def _reader(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Names of the fields of a kind of event, of which each has several, and what reads them all."""
    names = tuple(each.name for each in dataclasses.fields(kind))
    return names, operator.attrgetter(*names)
