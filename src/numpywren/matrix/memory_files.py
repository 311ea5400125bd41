"""Bytes in the memory of this process, for tests and for trying things out."""

from __future__ import annotations

import threading
from urllib.parse import quote, unquote

from obstore.store import MemoryStore

from numpywren.matrix.store import Store, check_key

__all__ = ["MemoryFiles", "open_memory"]


class MemoryFiles(Store):
    """A store in the memory of this process."""

    def _payload(self, views: list[memoryview]) -> list[memoryview]:
        # A payload of one part is kept as it is, so that the caller's later changes would show; of several, copied.
        return [*views, memoryview(b""), memoryview(b"")]


_memory_stores: dict[str, MemoryStore] = {}
_memory_lock = threading.Lock()


def open_memory(rest: str) -> Store:
    """Store ``memory:name`` or a folder in it, one store per name and process."""
    name, _, prefix = unquote(rest).strip("/").partition("/")
    if not name:
        raise ValueError("a memory store needs a name, as in 'memory:scratch'")
    with _memory_lock:
        backend = _memory_stores.setdefault(name, MemoryStore())
    prefix = prefix.strip("/")
    if prefix:
        check_key(prefix)
    return MemoryFiles("memory:" + quote(f"{name}/{prefix}" if prefix else name), backend, prefix)
