"""Files on this machine: written through obstore, read by mapping them, which copies nothing."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import re
import shutil
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from obstore.store import LocalStore

from numpywren.errors import StoreError, TileDamagedError
from numpywren.matrix.store import Store, Versioned, check_key
from numpywren.matrix.store_errors import store_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from obstore import PutMode
    from typing_extensions import Buffer

__all__ = ["LocalFiles", "open_file"]

#: Size from which a file is mapped instead of copied. Files are only ever replaced as a whole, so that what is
#: mapped stays as it was.
MAPPED_BYTES = 1 << 20

#: Most that is written to a file at once: more makes the kernel look for larger pages, those that a virtual machine's
#: host has taken back, and giving them again takes twice as long as the rest of the write.
PIECE_BYTES = 1 << 20

#: Times to try to delete a folder in which somebody still writes, and seconds between two of them.
CLEARINGS, CLEARING_S = 20, 0.05

#: What obstore calls the file that becomes a chunk or its metadata, until it is whole; a killed process leaves it.
_STAGED = re.compile(r"(zarr\.json|\d+|.+\.npy)#\d+")


class LocalFiles(Store):
    """A folder of files; see `Store`."""

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return Path("/", self.prefix)

    def path(self, key: str) -> str:
        """Path of one key in the file system."""
        return str(self.folder / check_key(key))

    def maps(self, nbytes: int) -> bool:  # noqa: D102 (inherited)
        return nbytes >= MAPPED_BYTES

    def _payload(self, views: list[memoryview]) -> list[memoryview]:
        pieces = (range(0, view.nbytes, PIECE_BYTES) for view in views)
        return [view[at : at + PIECE_BYTES] for view, starts in zip(views, pieces, strict=True) for at in starts]

    def get(self, key: str, at_most: int | None = None) -> Buffer:  # noqa: D102 (inherited)
        path = self.folder / check_key(key)
        try:
            with path.open("rb", buffering=0) as file:
                nbytes = os.fstat(file.fileno()).st_size
                self._check_size(key, nbytes, at_most)
                if not self.maps(nbytes):
                    return memoryview(file.read())
                flags = mmap.MAP_PRIVATE | mmap.MAP_POPULATE
                return memoryview(mmap.mmap(file.fileno(), nbytes, flags=flags, prot=mmap.PROT_READ))
        except TileDamagedError:
            raise
        except OSError as error:
            raise store_error("read", self.url_of(key), error) from error

    def get_with_etag(self, key: str, at_most: int | None = None) -> Versioned:  # noqa: D102 (inherited)
        path = self.folder / check_key(key)
        try:
            with path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                self._check_size(key, status.st_size, at_most)
                data = file.read()
        except TileDamagedError:
            raise
        except OSError as error:
            raise store_error("read", self.url_of(key), error) from error
        return Versioned(memoryview(data), hashlib.sha256(data).hexdigest(), status.st_mtime)

    def _put_if(self, key: str, buffers: Iterable[Buffer], mode: PutMode) -> str | None:
        # Under a lock that all conditional writers take: they exclude each other; a plain `put` between is not seen.
        data = b"".join(buffers)
        with self._locked(key):
            try:
                found: str | None = self.get_with_etag(key).etag
            except FileNotFoundError:
                found = None
            if found != (None if isinstance(mode, str) else mode["e_tag"]):
                return None
            self.put(key, data)
        return hashlib.sha256(data).hexdigest()

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Hold the lock of the key's folder, which all conditional writers take; it goes with the process."""
        folder = (self.folder / check_key(key)).parent
        handle = -1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise error if isinstance(error, StoreError) else store_error("lock", self.url_of(key), error) from error
        finally:
            if handle >= 0:
                os.close(handle)

    def exists(self, key: str) -> bool:  # noqa: D102 (inherited)
        return (self.folder / check_key(key)).is_file()

    def delete(self, keys: Iterable[str]) -> None:  # noqa: D102 (inherited)
        for key in keys:
            try:
                (self.folder / check_key(key)).unlink(missing_ok=True)
            except NotADirectoryError:
                continue
            except OSError as error:
                raise store_error("delete", self.url_of(key), error) from error

    def check_encloses(self, prefix: str) -> None:  # noqa: D102 (inherited)
        path = self.folder / check_key(prefix)
        found = path.resolve()
        if not found.is_relative_to(self.folder.resolve()):
            raise StoreError(
                errno.ELOOP, f"{path} is a link to {found}, outside of its folder, and nothing is written there"
            )

    def contents(self) -> str:  # noqa: D102 (inherited)
        if self.folder.is_file():
            return "it is a file"
        return super().contents() if self.folder.is_dir() else "there is no such folder"

    def clear(self) -> None:  # noqa: D102 (inherited)
        for tries_left in reversed(range(CLEARINGS)):
            try:
                if self.folder.is_symlink():  # what it leads to may be anybody's
                    self.folder.unlink()
                else:
                    shutil.rmtree(self.folder)  # follows no links
            except FileNotFoundError:
                if not self.folder.exists():
                    return  # else somebody else deletes a part of it, too
            except OSError as error:
                if error.errno != errno.ENOTEMPTY or not tries_left:
                    raise store_error("delete", self.url, error) from error
                time.sleep(CLEARING_S)  # somebody who is about to leave still writes
            else:
                return

    def prune(self) -> None:  # noqa: D102 (inherited)
        for folder, _, files in os.walk(self.folder, topdown=False):
            for name in filter(_STAGED.fullmatch, files):
                Path(folder, name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty
                Path(folder).rmdir()


@cache
def _root() -> LocalStore:
    # Rooted at "/" because obstore wants the root of a store to exist, and we create nothing before the first write.
    return LocalStore()


def open_file(rest: str) -> Store:
    """Store of the folder that `rest`, the part of a URL after ``file:``, names; percent-encoded.

    Raises
    ------
    ValueError
        If the URL names another machine, or the path has control characters.
    """
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise ValueError(f"'file:{rest}' names the machine {host!r}; a file on this one is written file:///path")
        rest = slash + path
    if not unquote(rest).isprintable():  # obstore refuses control characters
        raise ValueError(f"the path in {'file:' + rest!r} has control characters; choose one without")
    path = os.path.abspath(os.path.expanduser(unquote(rest)))  # noqa: PTH100, PTH111 (no links followed, ".." removed)
    return LocalFiles(f"file://{quote(path)}", _root(), path)
