"""Who has come to work on a run: a sign that workers are wanted, and a sheet for each, in the run's own store.

Backends that cannot see their workers (functions, batch jobs, machines behind ssh) learn here who has begun, who has
left and why; workers learn here that they are to leave. It needs nothing but the store that a run has anyway. Tasks and
leases are the control plane's: a run would end without this file, later.

Under the run's folder, for each *crew*, the workers that one client or its successors start::

    workers/CREW/sign       the crew is wanted for as long as this is there
    workers/CREW/ID         written anew by a worker for as long as it lives
    workers/CREW/ID.left    it has left a crew that is wanted; the bytes say why, if it should not have

Nothing that a worker does is decided by what it reads here, but whether to leave: its options come with its start.
Clocks are not compared: a client notes on its own clock when it last saw a sheet change.
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator

from numpywren.errors import StoreError
from numpywren.matrix import Store

__all__ = ["Badge", "Roll", "beat_s"]

logger = logging.getLogger(__name__)

#: Seconds between two looks at the sign, at most.
SIGN_S = 1.0
#: What is told of why a worker left.
TROUBLE_CHARACTERS = 2000
#: Bytes that words of farewell may have.
LARGEST = 1 << 20

LEFT = ".left"
_BADGE = re.compile(r"([0-9a-f]+)/([0-9a-f]+)")


def beat_s(lease_s: float) -> float:
    """Seconds after which a worker shows that it lives; who has not done so for six times as long is given up."""
    return lease_s / 2


class Roll:
    """A client's look at one crew.

    Parameters
    ----------
    store : Store
        The run's folder.
    crew : str
        Which.
    """

    def __init__(self, store: Store, crew: str) -> None:
        self.crew, self._store, self._folder = crew, store, f"workers/{crew}"
        self._seen: dict[str, tuple[float, float]] = {}

    def open(self) -> None:
        """Put up the sign."""
        self._store.put(f"{self._folder}/sign", b"workers are wanted")

    def badge(self) -> str:
        """What one more worker is known by."""
        return f"{self.crew}/{secrets.token_hex(6)}"

    def wanted(self) -> bool:
        """Whether the sign is up."""
        return self._store.exists(f"{self._folder}/sign")

    def close(self) -> None:
        """Take down the sign: everybody leaves."""
        self._store.delete([f"{self._folder}/sign"])

    def clear(self) -> None:
        """Delete all that there is about the crew."""
        self._store.delete(list(self._store.list(self._folder)))

    def look(self, silent_s: float) -> tuple[frozenset[str], dict[str, str]]:
        """Who is at work, and who has left, with why if he should not have.

        Parameters
        ----------
        silent_s : float
            Seconds after which a worker that has not shown itself is counted among those who left.
        """
        now, here = time.monotonic(), set[str]()
        entries = {entry.key.rpartition("/")[2]: entry for entry in self._store.entries(self._folder)}
        left = dict.fromkeys(set(self._seen) - set(entries), "")
        for name, entry in entries.items():
            if name.endswith(LEFT):
                text = self._read(name) if entry.nbytes else ""
                left[name.removesuffix(LEFT)] = text
            elif name != "sign":
                modified, since = self._seen.get(name, (-1.0, now))
                since = now if entry.modified_s != modified else since
                self._seen[name] = (entry.modified_s, since)
                if now - since <= silent_s:
                    here.add(name)
                else:
                    left.setdefault(name, f"it fell silent: nothing was heard of it for {silent_s:.0f} s")
        return frozenset(here - set(left)), left

    def _read(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return bytes(self._store.get(f"{self._folder}/{name}", at_most=LARGEST)).decode(errors="replace")
        return ""


class Badge:
    """A worker's place on the roll; a context manager for as long as it works.

    Parameters
    ----------
    store : Store
        The run's folder.
    badge : str
        What `Roll.badge` gave.
    """

    def __init__(self, store: Store, badge: str) -> None:
        found = _BADGE.fullmatch(badge)
        if found is None:
            raise ValueError(f"{badge!r} is no badge; give the one that the backend made, as in 'a1/b2'")
        crew, self.name = found.groups()
        self._store, self._folder = store, f"workers/{crew}"
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def wanted(self) -> bool:
        """Whether the sign is up."""
        return self._store.exists(f"{self._folder}/sign")

    @contextlib.contextmanager
    def signed_in(self) -> Iterator[None]:
        """Say that one is there; when the block ends that one has left, and why if it raises."""
        self._show()
        trouble = ""
        try:
            yield
        except BaseException as error:
            trouble = (str(error) or repr(error))[-TROUBLE_CHARACTERS:]
            raise
        finally:
            self._over.set()
            if self._thread is not None:
                self._thread.join()
            self._leave(trouble)

    def keep(self, lease_s: float, leave: Callable[[], None]) -> None:
        """Show in a thread that one lives, and call `leave` when the sign is down, until signed out."""
        self._thread = threading.Thread(target=self._keep, args=(lease_s, leave), name="numpywren-roll", daemon=True)
        self._thread.start()

    def _keep(self, lease_s: float, leave: Callable[[], None]) -> None:
        shown = time.monotonic()
        while not self._over.wait(min(SIGN_S, beat_s(lease_s) / 2)):
            try:
                if not self.wanted():
                    leave()
                    return
                if time.monotonic() - shown >= beat_s(lease_s):
                    self._show()
                    shown = time.monotonic()
            except StoreError as error:  # a look that failed says nothing; tasks are kept by their leases
                logger.debug("could not look at the roll: %s", error)

    def _show(self) -> None:
        self._store.put(f"{self._folder}/{self.name}", b"here")

    def _leave(self, trouble: str) -> None:
        try:
            # nobody asks any more after a crew that was sent away: its run may have been deleted, and is left empty
            if self.wanted():
                self._store.put(f"{self._folder}/{self.name}{LEFT}", trouble.encode())
            self._store.delete([f"{self._folder}/{self.name}"])
        except StoreError as error:
            logger.warning("could not sign out, the client will see it later: %s", error)
