"""What a living process holds in a local store, so that ``numpywren gc`` leaves it, however old it is.

A process has one file under ``owners/`` in the store and keeps it locked; each place that it holds has a file that
names that one. The lock goes with the process, however it ends, and is seen from other containers and machines too,
where process numbers mean nothing. Stores that are no folders have no locks: there the age decides.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import secrets
import threading
import weakref
from collections import deque
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from numpywren.matrix.local_files import LocalFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpywren.matrix.store import Store

__all__ = ["Holding", "is_held", "sweep_owners"]

logger = logging.getLogger(__name__)

#: Folder of the files that are kept locked, and name of the file in a place that names one of them.
OWNERS, HOLDER = "owners", "holder"
_NAME = re.compile(r"[0-9a-f]{32}")


class Holding:
    """One place in a store, two folders deep, that this process holds: while this object lives, or until `end`.

    Where nothing can be locked it is as if nobody held it.

    Parameters
    ----------
    store : Store
        The place.
    """

    def __init__(self, store: Store) -> None:
        folder = store.folder if isinstance(store, LocalFiles) else None
        self._finalizer = weakref.finalize(self, _let_go, folder, os.getpid())
        if folder is None:
            return
        try:
            _hold(folder)
        except OSError as error:
            logger.debug("nobody is told who holds %s: %s", store.url, error)

    def end(self) -> None:
        """Let go of the place."""
        self._finalizer()


def is_held(store: Store) -> bool:
    """Whether a process that lives holds this place."""
    if not isinstance(store, LocalFiles):
        return False
    try:
        with (store.folder / HOLDER).open("rb") as file:
            name = file.read(64).decode("ascii", "replace")
    except OSError:
        return False
    return _NAME.fullmatch(name) is not None and _is_locked(_owners(store.folder) / name)


def sweep_owners(store: Store) -> None:
    """Delete what processes that ended by force left under ``owners/`` in this store."""
    if not isinstance(store, LocalFiles):
        return
    store.check_encloses(OWNERS)
    folder = store.folder / OWNERS
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if _NAME.fullmatch(path.name) and not _is_locked(path, delete=True):
                logger.debug("%s was left by a process that is gone", path)
        folder.rmdir()


def _owners(place: Path) -> Path:
    return place.parent.parent / OWNERS


def _is_locked(path: Path, *, delete: bool = False) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:  # another user's
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if delete:
            path.unlink(missing_ok=True)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    else:
        return False
    finally:
        os.close(handle)


class _Owner:
    """The locked file of this process in one store."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.path = folder / secrets.token_hex(16)
        self.places: set[Path] = set()
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            if not self.path.exists():  # swept in the moment before it was locked
                raise FileNotFoundError(errno.ENOENT, "it was deleted", str(self.path))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with suppress(OSError):
            self.path.unlink()
        os.close(self._handle)
        with suppress(OSError):  # others hold something too
            self.path.parent.rmdir()


class _Owners:
    """The owners of this process, by folder."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = threading.Lock()
        self.by_folder: dict[Path, _Owner] = {}
        #: Places let go. The garbage collector may let go of one at any moment, in a thread that has the lock.
        self.let_go: deque[Path] = deque()

    def tidy(self) -> None:
        """Forget what was let go, and delete the files of owners that have nothing left; under the lock."""
        while self.let_go:
            place = self.let_go.popleft()
            owner = self.by_folder.get(_owners(place))
            if owner is not None:
                owner.places.discard(place)
                if not owner.places:
                    del self.by_folder[_owners(place)]
                    owner.close()


_mine = _Owners()


def _current() -> _Owners:
    global _mine
    if _mine.process != os.getpid():
        _mine = _Owners()
    return _mine


@contextmanager
def _tidied(mine: _Owners) -> Iterator[None]:
    mine.tidy()
    try:
        yield
    finally:
        mine.tidy()


def _hold(place: Path) -> None:
    mine = _current()
    with mine.lock, _tidied(mine):
        owner = mine.by_folder.get(_owners(place))
        if owner is None or not owner.path.exists():  # somebody may have deleted the whole store
            if owner is not None:
                owner.close()
            owner = mine.by_folder[_owners(place)] = _Owner(_owners(place))
        owner.places.add(place)
        try:
            (place / HOLDER).write_text(owner.path.name)
        except BaseException:
            mine.let_go.append(place)
            raise


def _let_go(place: Path | None, process: int) -> None:
    if place is None or os.getpid() != process:
        return
    with suppress(OSError):
        (place / HOLDER).unlink()
    mine = _current()
    mine.let_go.append(place)
    if mine.lock.acquire(blocking=False):
        try:
            mine.tidy()
        finally:
            mine.lock.release()
