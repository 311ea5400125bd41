"""Looks at a run while somebody watches, and tells all who do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from numpywren.dashboard.follow import Follower, Picture

__all__ = ["Hub"]

logger = logging.getLogger(__name__)

#: Seconds after which a picture is too old for a new page.
OLD_S = 3.0


class Hub:
    """A thread that looks, as long as somebody listens, and the last picture that it took.

    The thread is a daemon, as a look may hang in a store that does not answer. All but `begin` and `end` are called in
    the event loop.

    Parameters
    ----------
    follower : Follower
        Used by the thread alone.
    """

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        #: What was seen last.
        self.picture: Picture | None = None
        #: Whether it is over.
        self.closed = False
        self._taken_s = float("-inf")
        self._listeners: set[asyncio.Event] = set()
        self._changed = threading.Condition()
        self._hurry = False

    def begin(self) -> None:
        """Start the thread; called in the event loop that listeners live in."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, name="numpywren-dashboard-looks", daemon=True).start()

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """Have looks taken while the block lasts; the event is set whenever there is something new."""
        heard = asyncio.Event()
        with self._changed:
            self._listeners.add(heard)
            self._changed.notify_all()
        try:
            yield heard
        finally:
            with self._changed:
                self._listeners.discard(heard)

    async def fresh(self) -> Picture:
        """A picture that is not old."""
        with self.listening() as heard:
            while self.picture is None or time.monotonic() - self._taken_s > OLD_S:
                await heard.wait()
                heard.clear()
        return self.picture

    def hurry(self) -> None:
        """Look at once."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def end(self) -> None:
        """Tell all listeners that it is over, and have the thread end after the look that it is at."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
        self._tell()

    def _tell(self) -> None:
        for heard in self._listeners:
            heard.set()

    def _take(self, picture: Picture) -> None:
        self.picture, self._taken_s = picture, time.monotonic()
        self._tell()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.closed or self._listeners)
                if self.closed:
                    return
                self._hurry = False
            pause_s = OLD_S
            try:
                picture = self._follower.look()
                pause_s = self._follower.pause_s(picture)
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    self._loop.call_soon_threadsafe(self._take, picture)
            except Exception:
                logger.exception("a look at %s failed", self._follower.run.url)
            with self._changed:
                self._changed.wait_for(lambda: self.closed or self._hurry, timeout=pause_s)
