"""What workers wrote down, read back: one table for each kind of event, and what could not be read."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpywren import events
from numpywren.errors import TileDamagedError
from numpywren.matrix import Store
from numpywren.worker.journal import FOLDER, FORMAT

__all__ = [
    "KINDS",
    "Batch",
    "DamagedBatchError",
    "Recorded",
    "decode_batch",
    "join_batches",
    "read_batches",
    "read_events",
]

logger = logging.getLogger(__name__)

#: Kinds of event by name; a batch may hold others, of a later version.
KINDS = {
    kind.__name__: kind
    for kind in (
        events.WorkerStart,
        events.TaskDone,
        events.TaskAgain,
        events.TaskTakenOver,
        events.TaskOvertaken,
        events.TaskFailed,
        events.LeaseLost,
        events.TileRead,
        events.TilesCached,
        events.TileWritten,
        events.TilesFreed,
        events.StoreRetried,
        events.WorkerExit,
    )
}
#: Bytes that a batch may have, as it is stored and unpacked.
LARGEST, LARGEST_UNPACKED = 64 << 20, 1 << 30
#: Seconds that no clock shows.
LONGEST_S = 1e15
#: Tasks that a worker may compute at once; each has its row in the timeline.
MOST_SLOTS = 4096
#: Batches read at once.
AT_ONCE = 16

_TYPES: dict[str, type[Any]] = {"str": np.object_, "int": np.int64, "float": np.float64, "bool": np.bool_}

Table = Mapping[str, NDArray[Any]]


class DamagedBatchError(ValueError):
    """Bytes that are no batch of events of this format; says why."""


class Batch(NamedTuple):
    """One object of the journal: who wrote it, and a table for each kind of event, moments being times of day."""

    worker: str
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Recorded:
    """All that was written down about a run.

    Attributes
    ----------
    tables : mapping of str to mapping of str to ndarray
        For each kind of event (all are there) a column for each field, and ``by``: the number of the worker. Moments
        are seconds since the first event.
    workers : tuple of str
        Names of the workers, in the order in which they began.
    began_s : float
        Time of day of the first event, in seconds since 1970.
    batches : int
        Objects read.
    skipped : tuple of (str, str)
        Objects passed over, and why.
    """

    tables: Mapping[str, Table]
    workers: tuple[str, ...]
    began_s: float
    batches: int
    skipped: tuple[tuple[str, str], ...] = field(default=())

    def __getitem__(self, kind: type[Any]) -> Table:
        return self.tables[kind.__name__]

    def count(self, kind: type[Any]) -> int:
        """How many events of a kind there are."""
        return len(self[kind]["by"])

    @property
    def end_s(self) -> float:
        """Moment of the last event."""
        return max((float(column.max()) for _, column in _moments(self.tables) if len(column)), default=0.0)


def read_events(store: Store) -> Recorded:
    """Read the journal in a run's folder; batches that are damaged are passed over and counted."""
    found = read_batches(store)
    skipped = tuple((key, each) for key, each in found.items() if isinstance(each, str))
    return join_batches((each for each in found.values() if isinstance(each, Batch)), skipped)


def read_batches(store: Store, known: Container[str] = ()) -> dict[str, Batch | str]:
    """Read those objects of the journal whose keys are not known yet, in order; of one that is damaged, why."""
    keys = sorted(key for key in store.list(f"{FOLDER}/") if key.endswith(".json.gz") and key not in known)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = dict(zip(keys, threads.map(lambda key: _read(store, key), keys), strict=True))
    for key, each in found.items():
        if isinstance(each, str):
            logger.info("%s passed over: %s", store.url_of(key), each)
    return found


def _read(store: Store, key: str) -> Batch | str:
    try:
        return decode_batch(bytes(store.get(key, at_most=LARGEST)))
    except (DamagedBatchError, FileNotFoundError, TileDamagedError) as error:
        return str(error)


def decode_batch(data: bytes) -> Batch:
    """Decode and check one object of the journal; see `numpywren.worker.journal` for its form.

    Raises
    ------
    DamagedBatchError
        If it is half-written, damaged, or of another format.
    """
    try:
        unpacking = zlib.decompressobj(wbits=31)
        text = unpacking.decompress(data, LARGEST_UNPACKED)
        if not unpacking.eof:
            raise DamagedBatchError("it is not complete")
        batch = json.loads(text)
        if batch["format"] != FORMAT:
            version = batch.get("version", "?")
            raise DamagedBatchError(
                f"it has format {batch['format']}, of numpywren {version}; this version reads format {FORMAT}"
            )
        epoch_s = float(batch["epoch_s"])
        if not abs(epoch_s) < LONGEST_S:
            raise DamagedBatchError(f"it is damaged: epoch_s is {epoch_s}")
        tables = {name: _table(kind, batch["events"].get(name), epoch_s) for name, kind in KINDS.items()}
        return Batch(str(batch["worker"]), tables)
    except DamagedBatchError:
        raise
    except (zlib.error, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise DamagedBatchError(f"it is damaged ({type(error).__name__}: {error})") from error


def _table(kind: Any, given: Mapping[str, Any] | None, epoch_s: float) -> Table:
    rows = len(next(iter(given.values()), ())) if given else 0
    table: dict[str, NDArray[Any]] = {}
    for each in fields(kind):
        column = given.get(each.name) if given and rows else []
        if column is None:  # written before there was such a field
            column = ["" if each.type == "str" else 0] * rows
        if not isinstance(column, list) or len(column) != rows:
            raise DamagedBatchError(f"it is damaged: {kind.__name__}.{each.name} is no list of {rows} values")
        if each.type == "str" and not all(isinstance(value, str) for value in column):
            raise DamagedBatchError(f"it is damaged: {kind.__name__}.{each.name} has other values than text")
        values = np.array(column, dtype=_TYPES[str(each.type)])
        if values.ndim != 1 or (values.dtype.kind == "f" and not (np.abs(values) < LONGEST_S).all()):
            raise DamagedBatchError(f"it is damaged: {kind.__name__}.{each.name} has other values than numbers")
        if each.name in ("slot", "slots") and not ((values >= 0) & (values <= MOST_SLOTS)).all():
            raise DamagedBatchError(f"it is damaged: {kind.__name__}.{each.name} has values beyond 0 to {MOST_SLOTS}")
        # 0 is no moment: the task did not wait
        table[each.name] = np.where(values, values + epoch_s, 0.0) if each.name.endswith("_s") else values
    return table


def join_batches(
    batches: Iterable[Batch], skipped: tuple[tuple[str, str], ...] = (), first: tuple[str, ...] = ()
) -> Recorded:
    """Put batches together, in the order of time, with the first event as the beginning.

    Workers are in the order in which they began; those of `first` stand before others, as they are there.
    """
    kept = list(batches)
    starts: dict[str, float] = {}
    for batch in kept:
        least = min((float(column.min()) for _, column in _moments(batch.tables) if len(column)), default=np.inf)
        starts[batch.worker] = min(starts.get(batch.worker, np.inf), least)
    later = sorted(starts.keys() - set(first), key=lambda name: (starts[name], name))
    workers = (*first, *later)
    number = {name: place for place, name in enumerate(workers)}
    began = min((start for start in starts.values() if np.isfinite(start)), default=0.0)
    tables: dict[str, Table] = {}
    for name, kind in KINDS.items():
        columns = {
            each.name: _joined([batch.tables[name][each.name] for batch in kept], _TYPES[str(each.type)])
            for each in fields(kind)
        }
        columns["by"] = np.repeat(
            np.array([number[batch.worker] for batch in kept], dtype=np.int64),
            [len(next(iter(batch.tables[name].values()))) for batch in kept],
        )
        for column in columns:
            if column.endswith("_s"):
                columns[column] = np.where(columns[column], columns[column] - began, 0.0)
        order = np.argsort(columns["end_s" if "end_s" in columns else "at_s"], kind="stable")
        tables[name] = {column: values[order] for column, values in columns.items()}
    return Recorded(tables, workers, began, len(kept), skipped)


def _joined(parts: list[NDArray[Any]], dtype: type[Any]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _moments(tables: Mapping[str, Table]) -> Iterable[tuple[str, NDArray[Any]]]:
    """Columns of moments that are always there."""
    for name, table in tables.items():
        for column in ("at_s", "start_s", "end_s"):
            if column in table:
                yield f"{name}.{column}", table[column]
