"""Workers in the calling process: the default, with nothing to set up."""

from __future__ import annotations

import atexit
import importlib
import logging
import threading
import weakref
from collections.abc import Mapping
from typing import Any

from numpywren.backends.backend import ENTRY, Backend

__all__ = ["LocalBackend"]

logger = logging.getLogger(__name__)

_running: weakref.WeakSet[LocalBackend] = weakref.WeakSet()


class LocalBackend(Backend):
    """Runs each worker in a thread of this process."""

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = ENTRY) -> None:
        super().__init__(url, options, entry)
        module, _, name = entry.partition(":")
        self._begin = getattr(importlib.import_module(module), name)
        self._threads: dict[threading.Thread, Any] = {}
        self._left = threading.Event()
        self._trouble: str | None = None
        _running.add(self)

    def start(self, count: int) -> None:
        """Start `count` more workers."""
        for _ in range(count):
            worker = self._begin(self.url, self.options)
            thread = threading.Thread(target=self._run, args=(worker,), name="numpywren-worker", daemon=True)
            thread.start()
            self._threads[thread] = worker

    def _run(self, worker: Any) -> None:
        try:
            worker.run()
        except Exception as error:
            logger.debug("a worker left", exc_info=error)
            self._trouble = str(error) or repr(error)
        finally:
            self._left.set()

    def alive(self) -> int:
        """How many have not left."""
        self._threads = {thread: worker for thread, worker in self._threads.items() if thread.is_alive()}
        return len(self._threads)

    def wait(self, timeout_s: float) -> None:
        """Sleep until a worker leaves, or for `timeout_s`."""
        if self._left.wait(timeout_s):
            self._left.clear()
            for thread, worker in self._threads.items():
                if worker.left:
                    thread.join()

    def stop(self) -> None:
        """Have every worker leave; returns when the kernels under way have ended."""
        for worker in self._threads.values():
            worker.stop()
        for thread in self._threads:
            thread.join()

    def trouble(self) -> str | None:
        """What a worker raised since this was last asked."""
        trouble, self._trouble = self._trouble, None
        return trouble


@atexit.register
def _stop_all() -> None:
    """Hand back leases at exit, so that another process may go on at once."""
    for backend in list(_running):
        backend.stop()
