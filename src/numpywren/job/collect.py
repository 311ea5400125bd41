"""Give back the space of runs and arrays that nobody came back for."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from numpywren.matrix import open_store

__all__ = ["Collected", "gc"]

#: What we make: anything else in such a folder is somebody's own.
_PLACE = re.compile(r"(runs|arrays)/[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Collected:
    """One thing that was deleted."""

    url: str
    nbytes: int
    #: Seconds since anything in it was written.
    age_s: float


def gc(store_url: str, older_than_s: float, *, dry_run: bool = False) -> tuple[Collected, ...]:
    """Delete runs and scratch arrays in which nothing was written for a while, and nothing that has another name.

    Parameters
    ----------
    store_url : str
        The scratch store, as configured under ``store``.
    older_than_s : float
        Seconds.
    dry_run : bool
        Only say what would be deleted.

    Returns
    -------
    tuple of Collected
        What was deleted, or would be.
    """
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
    removed = []
    for place, modified in sorted(newest.items()):
        if now - modified >= older_than_s:
            if not dry_run:
                store.check_encloses(place.partition("/")[0])
                store.child(place).clear()
            removed.append(Collected(f"{store.url}/{place}", sizes[place], now - modified))
    return tuple(removed)
