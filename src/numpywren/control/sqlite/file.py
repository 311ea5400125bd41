"""The file under the SQLite plane: making it, connecting to it, noticing when it goes, transactions and their errors.

What SQLite does when its file is deleted or replaced under a connection is nothing: the connection goes on in a file
that has no name, and nobody else ever sees it. So the file's identity is checked at every call.
"""

from __future__ import annotations

import fcntl
import functools
import os
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from numpywren.control.plane import lost, unreachable
from numpywren.control.sqlite import statements as sql
from numpywren.errors import ControlPlaneLostError, StoreError

__all__ = ["BUSY_TIMEOUT_S", "PlaneFile"]

T = TypeVar("T")

#: Seconds of waiting for other writers after which a call gives up.
BUSY_TIMEOUT_S = 60.0

#: Longest pause between two attempts to get the write lock. SQLite's own busy handler pauses up to 100 ms.
MAX_PAUSE_S = 0.005

#: Pages of write-ahead log between checkpoints (16 MiB): a checkpoint waits for the disk, which takes milliseconds.
CHECKPOINT_PAGES = 16384

# Of connections that a forked process inherited: closing them there would disturb the parent's.
_inherited: list[sqlite3.Connection] = []


@functools.cache
def _empty_image() -> bytes:
    """Build the bytes of a file that holds the tables and no run."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(sql.SCHEMA)
        image = bytearray(db.serialize())
    image[18:20] = b"\x02\x02"  # file format, section 1.3.3: readers and writers use a write-ahead log
    return bytes(image)


def _prepare(db: sqlite3.Connection) -> tuple[int, int]:
    """Make a new connection's settings, and read whose file it is on and of which version."""
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application == sql.APPLICATION_ID:
        db.execute("SELECT 1 FROM sqlite_schema").fetchall()  # read the schema now, while a lock is waited for
    return application, version


class PlaneFile:
    """One file that holds a run; one connection for all threads of a process, used by one of them at a time.

    Parameters
    ----------
    url : str
        What to call it in messages.
    path : Path
        Where it is, or will be.
    """

    def __init__(self, url: str, path: Path) -> None:
        self.url, self.path = url, path
        self._name = str(path)
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # device and inode that the connection is on

    # -- using it

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for one statement that changes nothing."""
        with self._exclusive(), self._explaining("reading"):
            yield self._connected()

    @contextmanager
    def writing(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """Lend the connection in a transaction that is committed at the end, or undone by an exception.

        The first commit to a new file waits for the disk twice, which takes longer than all the rest; unless `synced`,
        it doesn't.
        """
        with self._exclusive(), self._explaining("writing"):
            db = self._connected()
            if not synced:
                db.execute("PRAGMA synchronous = OFF")
            self._patiently(db.execute, "BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # after some errors SQLite has undone it already
                    db.execute("ROLLBACK")
                raise
            finally:
                if not synced:
                    db.execute("PRAGMA synchronous = NORMAL")

    def query(self, statement: str, parameters: Any = ()) -> list[Any]:
        """Fetch all rows of one statement that changes nothing, outside any transaction."""
        with self.reading() as db:
            return self._patiently(lambda: db.execute(statement, parameters).fetchall())

    # -- its life

    def create(self) -> bool:
        """Make the file, readable by its owner only, unless it is there and sound; whether it was made."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._exclusive(), self._changing_folder():
            with suppress(ControlPlaneLostError), self._explaining("checking"):
                db = self._connected()
                if self._patiently(lambda: db.execute("PRAGMA quick_check(1)").fetchone()) == ("ok",):
                    return False
            self._refuse_foreign()
            self._disconnect()
            # An old log beside a new file would be replayed into it.
            self._unlink("", "-wal", "-shm", "-journal")
            fresh = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(_empty_image())
                fresh.rename(self.path)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
            return True

    def delete(self) -> None:
        """Delete the file, and what SQLite keeps beside it."""
        if not self.path.parent.is_dir():
            return
        with self._exclusive(), self._changing_folder():
            with suppress(ControlPlaneLostError), self._explaining("deleting"):
                self._connected()
            self._refuse_foreign()
            self._unlink("", "-wal", "-shm", "-journal")
            self._disconnect()  # afterwards: a connection to a nameless file has nothing to write back

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        with self._exclusive():
            self._disconnect()

    # -- underneath

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if self._pid != os.getpid():  # forked: neither lock nor connection is ours
            if self._connection is not None:
                _inherited.append(self._connection)
            self._reset()
        with self._lock:
            yield

    @contextmanager
    def _changing_folder(self) -> Iterator[None]:
        """Let one process at a time create or delete the file: it is several files, and takes several steps."""
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _connected(self) -> sqlite3.Connection:
        try:
            found = os.stat(self._name)  # noqa: PTH116 - at every call, and Path.stat takes twice as long
        except FileNotFoundError:
            self._disconnect()
            if not self.path.parent.is_dir():  # on the machine where the run began there may be one
                raise unreachable(self.url, "there is no such file here, nor its folder") from None
            raise lost(self.url, "there is no such file") from None
        if self._connection is None or self._identity != (found.st_dev, found.st_ino):
            self._disconnect()
            if found.st_size == 0:
                raise lost(self.url, "the file is empty")
            self._connection = self._connect()
            self._identity = (found.st_dev, found.st_ino)
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            f"file:{quote(self._name)}?mode=rw",
            uri=True,
            timeout=0,  # waiting is ours: see _patiently
            isolation_level=None,
            check_same_thread=False,  # the lock sees to it
        )
        try:
            application, version = self._patiently(_prepare, db)
            if application != sql.APPLICATION_ID:
                raise StoreError(
                    f"{self.url} is a database of another program; choose another path for the control plane"
                )
            if version != sql.SCHEMA_VERSION:
                raise StoreError(
                    f"{self.url} was written by another version of numpywren (tables {version}, wanted "
                    f"{sql.SCHEMA_VERSION}); use that version, or delete the file and `numpywren resume` the run"
                )
        except BaseException:
            db.close()
            raise
        return db

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._identity = None

    def _unlink(self, *suffixes: str) -> None:
        for suffix in suffixes:
            Path(self._name + suffix).unlink(missing_ok=True)

    def _refuse_foreign(self) -> None:
        """Raise unless there is no file, an empty one, or a plane's (though damaged): no other is ever deleted."""
        try:
            with self.path.open("rb") as stream:
                header = stream.read(72)
        except FileNotFoundError:
            return
        if header and header[68:72] != sql.APPLICATION_ID.to_bytes(4, "big"):
            raise StoreError(f"{self.url} is a file that holds no control plane; delete it, or choose another path")

    def _patiently(self, call: Callable[..., T], *args: Any) -> T:
        """Call, again and again while other connections are in the way, after pauses of random length."""
        pause, deadline = 0.0002, 0.0
        while True:
            try:
                return call(*args)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL):
                    raise
                deadline = deadline or time.monotonic() + BUSY_TIMEOUT_S
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{self.url} was locked by another process for {BUSY_TIMEOUT_S:g} s; "
                        "find and end the process that holds it (`fuser` names it), then resume the run"
                    ) from error
            time.sleep(random.uniform(0, pause))  # noqa: S311 - nothing secret in a pause
            pause = min(2 * pause, MAX_PAUSE_S)

    @contextmanager
    def _explaining(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if not self.path.exists():
                raise lost(self.url, "its file was deleted") from error
            if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such table" in str(error):
                # restore does not delete what may be somebody else's: see _refuse_foreign
                remedy = "; delete it first" if code & 0xFF == sqlite3.SQLITE_NOTADB else ""
                raise lost(self.url, f"its file is damaged ({error}){remedy}") from error
            remedy = "free some space" if code & 0xFF == sqlite3.SQLITE_FULL else "check the disk and its permissions"
            raise StoreError(f"{doing} {self.url} failed: {error}; {remedy}, then resume the run") from error
