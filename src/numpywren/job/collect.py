"""Give back the space of runs and arrays that nobody came back for."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from numpywren.control import open_plane
from numpywren.errors import ControlPlaneLostError, ControlPlaneUnreachableError, NumpywrenError, RunNotFoundError
from numpywren.job.run import STALLED_S
from numpywren.matrix import Store, is_held, open_store, sweep_owners
from numpywren.worker import RunRecord

__all__ = ["Collected", "gc"]

logger = logging.getLogger(__name__)

#: What we make: anything else in such a folder is somebody's own.
_PLACE = re.compile(r"(runs|arrays)/[0-9a-f]{32}")
#: Seconds without a write after which a run is nobody's whose control plane cannot be asked.
UNKNOWN_S = 24 * 3600.0
#: What asking a control plane may end in: a server that does not answer, a library that is not installed.
UNANSWERED = (NumpywrenError, OSError, ValueError, ImportError)


@dataclass(frozen=True, slots=True)
class Collected:
    """One thing that was deleted."""

    url: str
    nbytes: int
    #: Seconds since anything in it was written.
    age_s: float


def gc(store_url: str, older_than_s: float, *, dry_run: bool = False) -> tuple[Collected, ...]:
    """Delete runs and scratch arrays in which nothing was written for a while, and nothing that has another name.

    A run that is being computed stays, whatever its age, and so do the scratch arrays and runs that it reads. In a
    store of files so does what a living process holds.

    Parameters
    ----------
    store_url : str
        The scratch store, as configured under ``store``.
    older_than_s : float
        Seconds, at least 0.
    dry_run : bool
        Only say what would be deleted.

    Returns
    -------
    tuple of Collected
        What was deleted, or would be.

    Raises
    ------
    ValueError
        If `older_than_s` is negative.
    """
    if not older_than_s >= 0:
        raise ValueError(f"an age is at least 0 s, not {older_than_s}")
    store = open_store(store_url)
    newest: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for kind in ("runs", "arrays"):
        for entry in store.entries(f"{kind}/"):
            place = "/".join(entry.key.split("/")[:2])
            if not _PLACE.fullmatch(place):
                continue
            newest[place] = max(newest.get(place, 0.0), entry.modified_s)
            sizes[place] = sizes.get(place, 0) + entry.nbytes
    now = time.time()
    old = [place for place, modified in sorted(newest.items()) if now - modified >= older_than_s]
    used = set(_used(store, {place: now - modified for place, modified in newest.items()})) if old else set()
    removed = []
    for place in old:
        if place in used:
            logger.info("%s/%s stays: a run that is being computed needs it", store.url, place)
            continue
        if is_held(store.child(place)):
            logger.info("%s/%s stays: a process that lives holds it", store.url, place)
            continue
        if not dry_run:
            store.check_encloses(place.partition("/")[0])
            store.child(place).clear()
        removed.append(Collected(f"{store.url}/{place}", sizes[place], now - newest[place]))
    if not dry_run:
        sweep_owners(store)
    return tuple(removed)


def _used(store: Store, ages: Mapping[str, float]) -> Iterator[str]:
    """Places of runs that are being computed, and of what they read."""
    for place, age_s in ages.items():
        if not place.startswith("runs/"):
            continue
        try:
            record, folder = RunRecord.load(store.child(place).url)
        except RunNotFoundError:
            continue
        if _at_work(record, folder, age_s):
            yield place
            yield from _named(record.bindings.values())


def _at_work(record: RunRecord, folder: Store, age_s: float) -> bool:
    """Whether somebody computes a run, or did a moment ago."""
    try:
        status = open_plane(record.control_url(folder)).status()
    except UNANSWERED as error:
        gone = isinstance(error, ControlPlaneLostError) and not isinstance(error, ControlPlaneUnreachableError)
        if gone or isinstance(error, RunNotFoundError):
            return False
        logger.warning("the control plane of %s cannot be asked whether it is being computed: %s", folder.url, error)
        return age_s < UNKNOWN_S
    # between two tasks, and before its first worker has started, a run has no leases
    return status.workers > 0 or (status.state == "running" and age_s < STALLED_S)


def _named(bindings: Iterable[object]) -> Iterator[str]:
    for binding in bindings:
        for found in _PLACE.finditer(json.dumps(binding)):
            yield found.group()
