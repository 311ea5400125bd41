"""Stores of named bytes: one class over obstore, and one row in a table for each URL scheme."""

from __future__ import annotations

import errno
import os
import re
import threading
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import MemoryStore

from numpywren.errors import StoreError, TileDamagedError, TileMissingError, UnknownSchemeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from obstore import PutMode
    from obstore.store import ObjectStore
    from typing_extensions import Buffer

__all__ = ["Entry", "Store", "Versioned", "is_transient", "open_store", "same_place", "store_error"]

#: Scheme → "module:function" that makes a store of what follows the colon. Loaded when a URL first needs it.
_SCHEMES: dict[str, str] = {
    "file": "numpywren.matrix.local_files:open_file",
    "memory": "numpywren.matrix.store:open_memory",
}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_REMEDIES: dict[int, str] = {
    errno.ENOSPC: "the disk is full: free some space, or set `store` in the configuration to a place with more",
    errno.EDQUOT: "the quota is used up: free some space, or set `store` in the configuration to another place",
    errno.EFBIG: "the file would be larger than is allowed here: use smaller chunks, or raise the limit",
    errno.EACCES: "grant this user access to that place, or choose another",
    errno.EPERM: "grant this user access to that place, or choose another",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.ENOTDIR: "a part of the path is a file: choose another place",
    errno.EEXIST: "a part of the path is a file: choose another place",
    errno.ENAMETOOLONG: "choose a shorter path",
}


#: The process in which a backend was first asked something.
_asked_by: int | None = None


class Entry(NamedTuple):
    """One object in a store.

    Attributes
    ----------
    key : str
        Its name, relative to the store that listed it.
    nbytes : int
        Its size.
    modified_s : float
        Seconds since the epoch.
    """

    key: str
    nbytes: int
    modified_s: float


class Versioned(NamedTuple):
    """The bytes of one object, and which version of it they are.

    Attributes
    ----------
    data : Buffer
        All of its bytes, not to be written to.
    etag : str
        Name of this version, for `Store.put_if_match`. Stores make it from the bytes: equal bytes, equal names.
    modified_s : float
        When it was written, by the clock of the store: seconds since the epoch, in whole seconds on most.
    """

    data: Buffer
    etag: str
    modified_s: float


class Store:
    """Named bytes under one URL; every write is one request and atomic.

    Safe to use from several threads. Keys are relative paths with `/` between segments; a key that could lead
    outside the store is refused.

    Parameters
    ----------
    url : str
        Canonical URL of the store.
    backend : obstore.store.ObjectStore
        What holds the bytes.
    prefix : str
        Path inside `backend`; empty for its root.
    """

    def __init__(self, url: str, backend: ObjectStore, prefix: str = "") -> None:
        self.url, self.prefix = url.rstrip("/"), prefix.strip("/")
        self._backend = backend

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and self.url == other.url

    def __hash__(self) -> int:
        return hash(self.url)

    @property
    def backend(self) -> ObjectStore:
        """What holds the bytes, to ask something of.

        Raises
        ------
        RuntimeError
            In a process that was forked from one that had asked before: the threads that answer are not in the copy.
        """
        global _asked_by
        if _asked_by is None:
            _asked_by = os.getpid()
        elif _asked_by != os.getpid():
            raise RuntimeError(
                "this process was forked from one that had used numpywren, and would wait for ever for threads that "
                "were not copied; start processes by 'spawn' or 'forkserver': multiprocessing.get_context('spawn')"
            )
        return self._backend

    def child(self, prefix: str) -> Store:
        """Store of the keys under `prefix`."""
        check_key(prefix)
        return type(self)(self.url_of(prefix), self._backend, self._path(prefix))

    def url_of(self, key: str) -> str:
        """URL of one key."""
        return f"{self.url}/{quote(key)}"

    def _path(self, key: str) -> str:
        """Where `key` lies in the backend."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def get(self, key: str, at_most: int | None = None) -> Buffer:
        """All bytes of `key`, not to be written to.

        Parameters
        ----------
        key : str
        at_most : int, optional
            Bytes beyond which the object cannot be what it should be, and is not read.

        Raises
        ------
        TileMissingError
            If there is no such key.
        TileDamagedError
            If there are more than `at_most` bytes.
        StoreError
            If the store refuses.
        """
        check_key(key)
        try:
            found = obstore.get(self.backend, self._path(key))
            self._check_size(key, found.meta["size"], at_most)
            return found.bytes()
        except (BaseError, *_MISSING) as error:
            raise store_error("read", self.url_of(key), error) from error

    def _check_size(self, key: str, nbytes: int, at_most: int | None) -> None:
        if at_most is not None and nbytes > at_most:
            raise TileDamagedError(f"{self.url_of(key)} has {nbytes} bytes where {at_most} at most were expected")

    def maps(self, nbytes: int) -> bool:
        """Whether `get` of so many bytes takes no memory of its own."""
        return False

    def put(self, key: str, *buffers: Buffer) -> int:
        """Write `buffers`, one after the other, as the bytes of `key`; replaces what was there. Returns the size.

        Readers see the old bytes or the new, never a part. The buffers may be reused when this returns.

        Raises
        ------
        StoreError
            If the store refuses; it names the URL and the remedy.
        """
        check_key(key)
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        try:
            # One request whatever the size: a multipart upload takes nine for a tile.
            obstore.put(self.backend, self._path(key), self._payload(views), use_multipart=False)
        except (BaseError, OSError) as error:
            raise store_error("write", self.url_of(key), error) from error
        return sum(view.nbytes for view in views)

    def _payload(self, views: list[memoryview]) -> list[memoryview]:
        return views

    def get_with_etag(self, key: str, at_most: int | None = None) -> Versioned:
        """All bytes of `key`, with the name of their version and the time at which the store took them in.

        Raises
        ------
        TileMissingError, TileDamagedError, StoreError
            As `get`.
        """
        check_key(key)
        try:
            found = obstore.get(self.backend, self._path(key))
            self._check_size(key, found.meta["size"], at_most)
            return Versioned(found.bytes(), _etag(found.meta["e_tag"]), found.meta["last_modified"].timestamp())
        except (BaseError, *_MISSING) as error:
            raise store_error("read", self.url_of(key), error) from error

    def put_if_absent(self, key: str, *buffers: Buffer) -> str | None:
        """Write `key` unless it exists: of all who try at once, one succeeds.

        The bytes should be no other writer's: after a broken connection the store is asked whether they are there,
        which then means that this write was the one.

        Returns
        -------
        str or None
            The etag of what was written; None if `key` was there already.

        Raises
        ------
        StoreError
            If the store refuses, or knows no conditional writes.
        """
        return self._put_if(key, buffers, "create")

    def put_if_match(self, key: str, data: Buffer, etag: str) -> str | None:
        """Replace `key` by `data` if it is still the version `etag`: of all who try at once, one succeeds.

        As in `put_if_absent`, the bytes should be no other writer's, and also none that were there before, since
        an etag tells bytes apart, not writes.

        Returns
        -------
        str or None
            The etag of what was written; None if `key` is another version by now, or is not there.

        Raises
        ------
        StoreError
            If the store refuses, or knows no conditional writes.
        """
        return self._put_if(key, (data,), {"e_tag": etag})

    def _put_if(self, key: str, buffers: Iterable[Buffer], mode: PutMode) -> str | None:
        check_key(key)
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        try:
            done = obstore.put(self.backend, self._path(key), self._payload(views), mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return None
        except (BaseError, OSError) as error:
            raise store_error("write", self.url_of(key), error) from error
        return _etag(done["e_tag"])

    def delete(self, keys: Iterable[str]) -> None:
        """Delete `keys`; those that do not exist are passed over."""
        paths = [self._path(check_key(key)) for key in keys]
        try:
            if paths:
                obstore.delete(self.backend, paths)
        except _MISSING:
            for path in paths:
                self._delete_one(path)
        except (BaseError, OSError) as error:
            raise store_error("delete", self.url, error) from error

    def _delete_one(self, path: str) -> None:
        try:
            obstore.delete(self.backend, path)
        except _MISSING:
            pass
        except (BaseError, OSError) as error:
            raise store_error("delete", self.url, error) from error

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Objects whose keys lie under the folder `prefix`, at any depth, in no order."""
        prefix = prefix.strip("/")
        path = self._path(check_key(prefix)) if prefix else self.prefix
        skip = len(self.prefix) + 1 if self.prefix else 0
        try:
            for batch in obstore.list(self.backend, path or None, chunk_size=1000):
                for found in batch:
                    yield Entry(found["path"][skip:], found["size"], found["last_modified"].timestamp())
        except _MISSING:
            return
        except (BaseError, OSError) as error:
            raise store_error("list", self.url, error) from error

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under the folder `prefix`, at any depth, in no order."""
        return (entry.key for entry in self.entries(prefix))

    def exists(self, key: str) -> bool:
        """Whether `key` holds bytes."""
        check_key(key)
        try:
            obstore.head(self.backend, self._path(key))
        except _MISSING:
            return False
        except (BaseError, OSError) as error:
            raise store_error("look at", self.url_of(key), error) from error
        return True

    def prune(self) -> None:
        """Remove what deleted keys leave behind: empty folders, and files that were never completed."""

    def contents(self) -> str:
        """What is there, in words, for messages."""
        found = sorted({key.split("/")[0] for key in islice(self.list(), 1000)})
        if not found:
            return "there is nothing"
        if ".zgroup" in found:
            return f"it is a Zarr group, with {', '.join(name for name in found if name[0] != '.')}"
        return f"it is a folder with {', '.join(found[:5])}{', …' if len(found) > 5 else ''}"

    def clear(self) -> None:
        """Delete everything in this store."""
        self.delete([entry.key for entry in self.entries()])


def _etag(found: str | None) -> str:
    if not found:
        raise StoreError(errno.ENOTSUP, "the store names no versions (ETag), which conditional writes need")
    return found


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


def open_store(url: str | Path) -> Store:
    """Store at `url`; a plain path is a folder on this machine. Nothing is created until something is written.

    Raises
    ------
    UnknownSchemeError
        If nothing here serves the URL's scheme.

    Examples
    --------
    >>> open_store("memory:example/run").url
    'memory:example/run'
    """
    if isinstance(url, Path):
        return _opener("file")(quote(str(url.absolute())))
    if not isinstance(url, str):
        raise TypeError(f"a store is named by a URL or a path, not by {type(url).__name__}")
    match = _SCHEME.match(url)
    if match is None:
        if not url:
            raise ValueError("a store's URL is empty; write a path or a URL such as 'file:///data/matrix.zarr'")
        return _opener("file")(quote(url))
    scheme = match[1].lower()
    if scheme not in _SCHEMES:
        known = ", ".join(f"{known}:" for known in sorted(_SCHEMES))
        raise UnknownSchemeError(
            f"nothing here serves the scheme {scheme!r} of {url!r}; known are {known} "
            f"(a path that has a colon in its first part is written with ./ in front)"
        )
    return _opener(scheme)(url[match.end() :])


def _opener(scheme: str) -> Callable[[str], Store]:
    module, _, name = _SCHEMES[scheme].partition(":")
    opener: Callable[[str], Store] = getattr(import_module(module), name)
    return opener


def same_place(a: Store, b: Store) -> bool:
    """Whether one of two stores is the other or lies inside it."""
    first, second = a.url + "/", b.url + "/"
    return first.startswith(second) or second.startswith(first)


def check_key(key: str) -> str:
    """Return the key, if it stays inside its store.

    Raises
    ------
    ValueError
        If it has empty, ``.`` or ``..`` segments, or characters that are no part of a name.
    """
    if any(part in ("", ".", "..") for part in key.split("/")) or "\\" in key or "\0" in key:
        raise ValueError(f"{key!r} is no key; keys are relative paths without empty, '.' or '..' parts")
    return key


def store_error(operation: str, url: str, error: BaseException) -> StoreError:
    """Our exception for what a store raised while doing `operation` at `url`."""
    if isinstance(error, _MISSING):
        return TileMissingError(errno.ENOENT, f"could not {operation} {url}: there is nothing there")
    reason = str(error).partition("\n")[0].strip()
    code = getattr(error, "errno", None) or 0
    found = _OS_ERROR.search(str(error))
    if found:
        code = int(found[1])
    elif isinstance(error, PermissionDeniedError | UnauthenticatedError):
        code = errno.EACCES
    remedy = _REMEDIES.get(code, "see whether that place can be reached, and try again")
    return StoreError(code or errno.EIO, f"could not {operation} {url}: {reason}; {remedy}")


def is_transient(error: BaseException) -> bool:
    """Whether the same read or write may succeed if it is tried again."""
    return isinstance(error, StoreError) and not isinstance(error, TileMissingError) and error.errno not in _REMEDIES
