"""Workers in the calling process: the default, with nothing to set up."""

from __future__ import annotations

import atexit
import importlib
import threading
import weakref
from collections.abc import Mapping
from typing import Any

from numpywren.backends.backend import ENTRY, Backend

__all__ = ["LocalBackend"]

_running: weakref.WeakSet[LocalBackend] = weakref.WeakSet()


class LocalBackend(Backend):
    """Runs each worker in a thread of this process."""

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = ENTRY) -> None:
        super().__init__(url, options, entry)
        module, _, name = entry.partition(":")
        self._begin = getattr(importlib.import_module(module), name)
        self._threads: list[threading.Thread] = []
        self._workers: list[Any] = []
        self._left = threading.Event()
        self._trouble: str | None = None
        _running.add(self)

    def start(self, count: int) -> None:
        """Start `count` more workers."""
        for _ in range(count):
            worker = self._begin(self.url, self.options)
            thread = threading.Thread(target=self._run, args=(worker,), name="numpywren-worker", daemon=True)
            self._workers.append(worker)
            self._threads.append(thread)
            thread.start()

    def _run(self, worker: Any) -> None:
        try:
            worker.run()
        except OSError as error:
            self._trouble = str(error)
        finally:
            self._left.set()

    def alive(self) -> int:
        """How many have not left."""
        return sum(thread.is_alive() for thread in self._threads)

    def wait(self, timeout_s: float) -> None:
        """Sleep until a worker leaves, or for `timeout_s`."""
        if self._left.wait(timeout_s):
            self._left.clear()
            for thread, worker in zip(self._threads, self._workers, strict=True):
                if worker.left:
                    thread.join()

    def stop(self) -> None:
        """Have every worker leave; returns when the kernels under way have ended."""
        for worker in self._workers:
            worker.stop()
        for thread in self._threads:
            thread.join()

    def trouble(self) -> str | None:
        """What the last worker raised."""
        return self._trouble


@atexit.register
def _stop_all() -> None:
    """Hand back leases at exit, so that another process may go on at once."""
    for backend in list(_running):
        backend.stop()
