"""A store that is far away: every request takes a while, as one to an object store does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from numpywren.matrix import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

    from numpywren.matrix.store import Entry, Versioned

__all__ = ["SlowStore", "open_slow"]


class SlowStore(Store):
    """Another store, each of whose requests takes some seconds more; those of several threads at the same time.

    Named by ``slow:SECONDS:URL``, as in ``slow:0.05:file:///tmp/far``, so that any process can open it; deleting and
    listing, which nobody waits for, take no longer than they do.

    Parameters
    ----------
    seconds : float
        What a request takes more.
    inner : Store
        What holds the bytes.
    """

    def __init__(self, seconds: float, inner: Store) -> None:
        self.url, self.prefix = f"slow:{seconds:g}:{inner.url}", inner.prefix
        self._seconds, self._inner = seconds, inner

    @property
    def backend(self) -> Any:
        """What holds the bytes, at its own speed: it reads regions of foreign arrays."""
        return self._inner.backend

    def child(self, prefix: str) -> Store:
        """Store of the keys under `prefix`, as slow."""
        return SlowStore(self._seconds, self._inner.child(prefix))

    def get(self, key: str, at_most: int | None = None) -> Buffer:
        """All bytes of `key`, after a while."""
        time.sleep(self._seconds)
        return self._inner.get(key, at_most)

    def put(self, key: str, *buffers: Buffer) -> int:
        """Write `buffers` as the bytes of `key`, after a while."""
        time.sleep(self._seconds)
        return self._inner.put(key, *buffers)

    def get_with_etag(self, key: str, at_most: int | None = None) -> Versioned:
        """All bytes of `key` and their version, after a while."""
        time.sleep(self._seconds)
        return self._inner.get_with_etag(key, at_most)

    def put_if_absent(self, key: str, *buffers: Buffer) -> str | None:
        """Write `key` if nothing is there, after a while."""
        time.sleep(self._seconds)
        return self._inner.put_if_absent(key, *buffers)

    def put_if_match(self, key: str, data: Buffer, etag: str) -> str | None:
        """Replace `key` if it is still that version, after a while."""
        time.sleep(self._seconds)
        return self._inner.put_if_match(key, data, etag)

    def exists(self, key: str) -> bool:
        """Whether `key` holds bytes, after a while."""
        time.sleep(self._seconds)
        return self._inner.exists(key)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete `keys`."""
        self._inner.delete(keys)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Objects under the folder `prefix`."""
        return self._inner.entries(prefix)

    def prune(self) -> None:
        """Remove what deleted keys leave behind."""
        self._inner.prune()

    def contents(self) -> str:
        """What is there, in words."""
        return self._inner.contents()

    def clear(self) -> None:
        """Delete everything in this store."""
        self._inner.clear()


def open_slow(rest: str) -> Store:
    """Store ``slow:SECONDS:URL``.

    Raises
    ------
    ValueError
        If the part after ``slow:`` is no number of seconds and a URL.
    """
    number, _, url = rest.partition(":")
    try:
        seconds = float(number)
    except ValueError:
        seconds = -1.0
    if not (0 <= seconds < 3600 and url):
        raise ValueError(
            f"'slow:{rest}' names no slow store; write slow:SECONDS:URL, as in 'slow:0.05:file:///tmp/far'"
        )
    return SlowStore(seconds, open_store(url))
