"""A few threads that do what they are handed, in order; they never keep an interpreter from ending."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

__all__ = ["Lane"]


class Lane:
    """Threads that take jobs from one queue.

    ``concurrent.futures`` would make the interpreter wait for tile reads at exit and then refuse new ones, which a
    worker in the caller's process would have to tell apart from a failed read; these threads are daemons instead.

    Parameters
    ----------
    name : str
        Name of the threads, for debuggers and profilers.
    threads : int
        How many jobs may be under way at once.
    failed : callable
        Told of an exception that a job let through.
    """

    def __init__(self, name: str, threads: int, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._name, self._limit = name, threads
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._under_way = 0
        self._idle = threading.Condition(self._lock)

    def hand(self, job: Callable[[], None]) -> None:
        """Do `job` as soon as a thread is free."""
        with self._lock:
            if self._under_way >= len(self._threads) and len(self._threads) < self._limit:
                number = len(self._threads)
                thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
            self._under_way += 1
        self._jobs.put(job)

    def drain(self) -> None:
        """Wait until every job handed so far is done."""
        with self._lock:
            while self._under_way:
                self._idle.wait()

    def close(self) -> None:
        """Wait until every job is done, and let the threads end."""
        self.drain()
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - the thread must live on
                self._failed(error)
            finally:
                with self._lock:
                    self._under_way -= 1
                    if not self._under_way:
                        self._idle.notify_all()
                del job
