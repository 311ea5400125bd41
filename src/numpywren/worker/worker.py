"""One stateless worker: claim a task, read its tiles, compute, write its tiles, tell what that made ready.

Nothing here outlives the process and nothing here is needed by another: a worker may die at any line of this file.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import queue
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Mapping

from numpywren.control import MAX_ATTEMPTS, ControlPlane
from numpywren.errors import ControlPlaneLostError, RunFailedError, StoreError
from numpywren.events import Listener, TaskFailed, WorkerExit, WorkerStart
from numpywren.kernels.threads import single_threaded_blas
from numpywren.lambdapack import Dataflow
from numpywren.matrix import Binding, Store, is_transient
from numpywren.version import __version__
from numpywren.worker.claiming import Claiming
from numpywren.worker.durations import Durations
from numpywren.worker.ending import Ending
from numpywren.worker.failure import failure_of
from numpywren.worker.lane import Lane
from numpywren.worker.leases import Lease, Leases
from numpywren.worker.lifetime import Lifetime
from numpywren.worker.record import RunRecord
from numpywren.worker.settings import Settings
from numpywren.worker.stragglers import Lookout
from numpywren.worker.workbench import Work, Workbench

__all__ = ["Worker"]

logger = logging.getLogger(__name__)


class Worker:
    """A worker for one run: threads that claim, compute, write and renew, and what ends them.

    Parameters
    ----------
    record : RunRecord
        The run.
    bindings : mapping of str to Binding
        Its inputs and outputs.
    store : Store
        The run's folder.
    dataflow : Dataflow
        The run's program with its sizes.
    plane : ControlPlane
        Who may run what.
    settings : Settings
    listener : callable
        Told what happens; called from several threads.
    """

    def __init__(
        self,
        record: RunRecord,
        bindings: Mapping[str, Binding],
        store: Store,
        dataflow: Dataflow,
        plane: ControlPlane,
        settings: Settings,
        listener: Listener,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        #: Whether `run` has done its work; its thread may still be on its way out.
        self.left = False
        self._dataflow, self._plane, self._settings, self._listener = dataflow, plane, settings, listener
        self._ending = Ending()
        unwanted = self._ending.unwanted
        self._leases = Leases(plane, self.name, settings.lease_s, unwanted, listener)
        self._bench = Workbench(record, bindings, store, dataflow, self._leases, settings, unwanted, listener)
        self._durations = Durations()
        self._lifetime = Lifetime(settings.deadline_s, self._durations)
        lookout = Lookout(dataflow, self._durations)
        self._claiming = Claiming(plane, self._leases, self._bench.affinity, lookout, settings, self._ending)
        self._writing = Lane("numpywren-write", self._bench.writers, self._ending.lose)
        # a task that became urgent goes before those that were claimed ahead of their time
        self._queue: queue.PriorityQueue[tuple[float, int, Work | None]] = queue.PriorityQueue()
        self._taken = itertools.count()
        self._lock = threading.Lock()
        self._computing = 0
        self._under_way: dict[str, Work] = {}

    # -- its life ---------------------------------------------------------------------------------------------------

    def run(self) -> str:
        """Work until there is none, or until told otherwise.

        Returns
        -------
        str
            Why it left: ``finished``, ``idle``, ``deadline``, ``told``, ``failed``.

        Raises
        ------
        ControlPlaneLostError
            If the control plane is gone.
        StoreError
            If it refuses.
        """
        self._bench.space.check_outputs()
        told = socket.gethostname(), os.getpid(), self._settings.slots, self._settings.memory, __version__
        self._listener(WorkerStart(self.name, *told))
        slots = [
            threading.Thread(target=self._slot, args=(number,), name=f"numpywren-slot-{number}", daemon=True)
            for number in range(self._settings.slots)
        ]
        renewing = threading.Thread(
            target=self._leases.keep, args=(self._ending.lose,), name="numpywren-lease", daemon=True
        )
        threads = [*slots, renewing]
        time_is_up: threading.Timer | None = None
        if (seconds := self._lifetime.settle_in_s()) is not None:
            time_is_up = threading.Timer(seconds, self._settle)
            time_is_up.daemon = True
            threads.append(time_is_up)
        begun: list[threading.Thread] = []
        with single_threaded_blas():
            try:
                self._begin(threads, begun)
                self._dispatch()
            except Exception as error:  # noqa: BLE001 - raised again when the threads have ended
                self._ending.lose(error)
            finally:
                self._wind_up([thread for thread in slots if thread in begun])
                if time_is_up is not None:
                    time_is_up.cancel()
        self.left = True
        reason = self._ending.reason or "told"
        self._listener(WorkerExit(self.name, reason))
        if self._ending.error is not None:
            raise self._ending.error
        return reason

    def stop(self) -> None:
        """Leave as soon as may be: tasks not begun are handed back, results not begun to be written are dropped."""
        self._ending.end("told")

    def _begin(self, threads: Iterable[threading.Thread], begun: list[threading.Thread]) -> None:
        """Start threads, and note which of them did start."""
        for thread in threads:
            try:
                thread.start()
            except RuntimeError as error:
                raise RunFailedError(
                    f"this machine gives a worker no more than {len(begun)} threads ({error}), and worker.slots is "
                    f"{self._settings.slots}: lower it"
                ) from error
            begun.append(thread)

    def _wind_up(self, slots: list[threading.Thread]) -> None:
        """Hand back what was not begun, wait for what was, and leave nothing running."""
        self._leases.hand_back(begun=self._ending.unwanted())
        for _ in slots:
            self._queue.put((math.inf, next(self._taken), None))
        for thread in slots:
            thread.join()
        self._writing.close()
        self._bench.close()
        self._leases.hand_back(begun=True)
        self._leases.close()

    def _settle(self) -> None:
        """See to it, a moment before its time is up, that others may do what is under way: it may never end here."""
        self._ending.end("deadline")
        try:
            for work in tuple(self._under_way.values()):
                seconds = time.monotonic() - work.began
                fate = self._lifetime.fate(seconds, work.lease.attempt)
                if fate == "too long":
                    life_s = self._settings.deadline_s or seconds
                    self._plane.stop(self._bench.too_long(work, seconds, life_s, self.name))
                self._leases.give_up(work.lease, counted=fate == "again")
        except Exception as error:  # noqa: BLE001 - this thread has nobody else to tell
            self._ending.lose(error)

    # -- the thread that claims -------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Keep the slots supplied until there is a reason to stop."""
        while self._ending.reason is None:
            self._ending.wake.clear()
            with self._lock:
                free = self._settings.slots - self._computing - self._queue.qsize()
            leases, pause_s = self._claiming.ask(free, self._under_way)
            for lease in leases:
                self._take(lease)
            if not leases and self._ending.reason is None:
                self._ending.wake.wait(pause_s)
            if self._lifetime.is_over():
                self._ending.end("deadline")

    def _take(self, lease: Lease) -> None:
        work = self._bench.take(lease)
        if self._lifetime.fits(work.task.kind, len(work.reads), lease.attempt):
            self._bench.read_ahead(work)
        self._queue.put((self._dataflow.priority(work.task), next(self._taken), work))

    # -- the threads that compute, and those that write -------------------------------------------------------------

    def _slot(self, number: int) -> None:
        while (work := self._queue.get()[-1]) is not None:
            # a task that was not begun when a deadline came is handed back
            if self._ending.reason in (None, "finished") and self._begun(work):
                with self._lock:
                    self._computing += 1
                try:
                    self._compute(work, number)
                except Exception as error:  # noqa: BLE001 - the slot must live to see the end
                    self._ending.lose(error)
                finally:
                    with self._lock:
                        self._computing -= 1
                    self._ending.wake.set()
            del work

    def _begun(self, work: Work) -> bool:
        """Take up a task, if it is still to be done and there is time for it."""
        if not self._lifetime.fits(work.task.kind, len(work.reads), work.lease.attempt):
            self._ending.end("deadline")
            return False
        if not self._leases.begin(work.lease):
            return False
        work.began = time.monotonic()
        self._under_way[work.task.id] = work
        return True

    def _compute(self, work: Work, slot: int) -> None:
        try:
            seconds = self._bench.compute(work, slot)
            if seconds is None:
                self._under_way.pop(work.task.id, None)
                return
            self._claiming.early.computed(work.tiles.stalled_s, seconds)
            self._writing.hand(lambda: self._finish(work))
        except BaseException as error:  # noqa: BLE001 - it becomes the run's failure
            self._failed(work, error)
            self._bench.let_go(work)

    def _finish(self, work: Work) -> None:
        try:
            if self._ending.unwanted():
                return
            done = self._bench.finish(work)
            seconds = time.monotonic() - work.began
            if done.first and not work.known:
                self._durations.add(work.task.kind, len(work.reads), seconds)
            self._claiming.completed(done, seconds)
            self._bench.tidy(done)
            if done.finished:
                self._ending.end("finished")
        except BaseException as error:  # noqa: BLE001 - it becomes the run's failure
            self._failed(work, error)
        finally:
            self._under_way.pop(work.task.id, None)
            self._bench.let_go(work)
            self._ending.wake.set()

    def _failed(self, work: Work, error: BaseException) -> None:
        """End the run for this failure, unless it is not the task's, or the task was no longer ours to do."""
        self._under_way.pop(work.task.id, None)
        try:
            if isinstance(error, ControlPlaneLostError):
                self._ending.lose(error)
            elif is_transient(error, tried=True) and work.lease.attempt < MAX_ATTEMPTS and not self._ending.unwanted():
                # it may be this worker that is cut off: another tries, and the last who does stops the run
                self._leases.give_up(work.lease, counted=True)
                self._ending.lose(error)
            elif isinstance(error, StoreError) and not self._leases.still_held(work.lease):
                logger.debug("task %s is another's by now: %s", work.task.id, error)
            elif not self._ending.unwanted():
                logger.debug("task %s failed", work.task.id, exc_info=error)
                failure = failure_of(error, work.task, work.writes, self._bench.sizes.row_offset, self.name)
                self._listener(TaskFailed(work.task.id, failure.error, failure.message))
                self._plane.stop(failure)
                self._ending.end("failed")
        except Exception as lost:  # noqa: BLE001 - the failure could not be told: the plane is what failed
            self._ending.lose(lost if isinstance(lost, ControlPlaneLostError) else error)
