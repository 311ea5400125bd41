"""Stores of named bytes: one class over obstore, from which those of other places than a bucket differ a little."""

from __future__ import annotations

import errno
import os
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from numpywren.errors import NumpywrenError, StoreError, TileDamagedError
from numpywren.matrix.store_errors import MISSING, is_missing, store_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from obstore import PutMode
    from obstore.store import ObjectStore
    from typing_extensions import Buffer

__all__ = ["Entry", "Store", "Versioned", "check_key", "same_place"]

_NO_SUCH_RANGE = re.compile(r"InvalidRange|\b416\b|range was invalid")

T = TypeVar("T")

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

    #: How often bytes that cannot be right are asked for: more than once where they may change on their way.
    readings = 1

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

    def _ask(self, operation: str, url: str, call: Callable[[], T]) -> T:
        """Have the backend do something; what it raises becomes our error."""
        try:
            return call()
        except NumpywrenError:
            raise
        except (BaseError, OSError) as error:
            raise store_error(operation, url, error) from error

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
        return self._get(key, at_most)[0]

    def get_range(self, key: str, start: int | None, length: int) -> Buffer:
        """Bytes of `key` from `start`, at most `length`; the last `length` if `start` is None.

        Raises
        ------
        TileMissingError, StoreError
            As `get`.
        TileDamagedError
            If the object ends before `start`.
        """
        if not length:
            return b""
        part: Any = {"suffix": length} if start is None else (start, start + length)
        try:
            return self._get(key, length, {"range": part})[0]
        except StoreError as error:
            if _NO_SUCH_RANGE.search(str(error)):
                raise TileDamagedError(f"{self.url_of(key)} ends before its byte {start}, which is asked for") from None
            raise

    def _get(self, key: str, at_most: int | None, options: Any = None) -> tuple[Buffer, Mapping[str, Any]]:
        path = self._path(check_key(key))

        def ask() -> tuple[Buffer, Mapping[str, Any]]:
            found = obstore.get(self.backend, path, options=options)
            first, end = found.range
            self._check_size(key, end - first, at_most)
            return found.bytes(), found.meta

        return self._ask("read", self.url_of(key), ask)

    def get_decoded(self, key: str, decode: Callable[[Buffer], T], at_most: int | None = None) -> T:
        """What `decode` makes of the bytes of `key`.

        Parameters
        ----------
        key : str
        decode : callable
            Raises `TileDamagedError` for bytes that cannot be right. Where they came over a network, they are then
            asked for again: the damage may be the network's.
        at_most : int, optional
            As in `get`.

        Raises
        ------
        TileMissingError, TileDamagedError, StoreError
            As `get` and `decode`.
        """
        return decode(self.get(key, at_most))

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
        path, views = self._path(check_key(key)), _views(buffers)
        # One request whatever the size: a multipart upload takes nine for a tile.
        self._ask(
            "write",
            self.url_of(key),
            lambda: obstore.put(self.backend, path, self._payload(views), use_multipart=False),
        )
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
        data, meta = self._get(key, at_most)
        return Versioned(data, self._etag(meta), meta["last_modified"].timestamp())

    def get_if_changed(self, key: str, etag: str, at_most: int | None = None) -> Versioned | None:
        """As `get_with_etag`; None if `key` is still the version `etag`, of which nothing is then sent if possible."""
        found = self.get_with_etag(key, at_most)
        return None if found.etag == etag else found

    def put_if_absent(self, key: str, *buffers: Buffer) -> str | None:
        """Write `key` unless it exists: of all who try at once, one succeeds.

        The bytes should be no other writer's: after a broken connection the store is asked whether they are there,
        which then means that this write was the one. None may then also mean that it was, and was replaced since.

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
        return self._put_if(key, (data,), self._if_still(etag))

    def _put_if(self, key: str, buffers: Iterable[Buffer], mode: PutMode) -> str | None:
        return self._ask("write", self.url_of(key), lambda: self._try_put_if(key, buffers, mode))

    def _try_put_if(self, key: str, buffers: Iterable[Buffer], mode: PutMode) -> str | None:
        path, payload = self._path(check_key(key)), self._payload(_views(buffers))
        try:
            return self._etag(obstore.put(self.backend, path, payload, mode=mode, use_multipart=False))
        except (AlreadyExistsError, PreconditionError):
            return None

    def _etag(self, meta: Mapping[str, Any]) -> str:
        """Name of a version, from what the store says about an object."""
        if not meta["e_tag"]:
            raise StoreError(errno.ENOTSUP, f"{self.url} names no versions (ETag), which conditional writes need")
        return str(meta["e_tag"])

    def _if_still(self, etag: str) -> PutMode:
        """The condition that an object still is a version."""
        return {"e_tag": etag}

    def delete(self, keys: Iterable[str]) -> None:
        """Delete `keys`; those that do not exist are passed over."""
        keys = list(keys)
        paths = [self._path(check_key(key)) for key in keys]
        if paths:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            self._ask("delete", f"{self.url_of(keys[0])}{more}", lambda: self._delete(paths))

    def _delete(self, paths: list[str]) -> None:
        try:
            obstore.delete(self.backend, paths)
        except MISSING:  # some stores stop at what is not there
            for path in paths:
                try:
                    obstore.delete(self.backend, path)
                except MISSING as error:
                    if not is_missing(error):
                        raise

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Objects whose keys lie under the folder `prefix`, at any depth, in no order."""
        prefix = prefix.strip("/")
        path = self._path(check_key(prefix)) if prefix else self.prefix
        skip = len(self.prefix) + 1 if self.prefix else 0
        for found in self._listed(path):
            if len(found["path"]) <= skip:  # a folder that a console made: an object with no name in it
                continue
            yield Entry(found["path"][skip:], found["size"], found["last_modified"].timestamp())

    def _listed(self, path: str) -> Iterator[Mapping[str, Any]]:
        try:
            for batch in obstore.list(self.backend, path or None, chunk_size=1000):
                yield from batch
        except MISSING:
            return
        except (BaseError, OSError) as error:
            raise store_error("list", self.url, error) from error

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under the folder `prefix`, at any depth, in no order."""
        return (entry.key for entry in self.entries(prefix))

    def exists(self, key: str) -> bool:
        """Whether `key` holds bytes."""
        path = self._path(check_key(key))

        def look() -> bool:
            try:
                obstore.head(self.backend, path)
            except MISSING:
                return False
            return True

        return self._ask("look at", self.url_of(key), look)

    def prune(self) -> None:
        """Remove what deleted keys leave behind: empty folders, and files that were never completed."""

    def check_encloses(self, prefix: str) -> None:
        """See that what is written under `prefix` stays in this store.

        Raises
        ------
        ValueError
            If `prefix` leads elsewhere.
        StoreError
            If somebody put a link in the way.
        """
        check_key(prefix)

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


def _views(buffers: Iterable[Buffer]) -> list[memoryview]:
    return [memoryview(buffer).cast("B") for buffer in buffers]


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
