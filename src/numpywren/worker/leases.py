"""The tasks that a worker holds: claimed, renewed from a thread of its own, handed back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from numpywren.control import Arrival, Completion, ControlPlane
from numpywren.errors import ControlPlaneLostError, StoreError
from numpywren.events import LeaseLost, Listener, TaskAgain, TaskOvertaken, TaskTakenOver, publish
from numpywren.worker.retry import with_retries

__all__ = ["LEASE_S", "Lease", "Leases"]

logger = logging.getLogger(__name__)

#: Seconds for which tasks are claimed, unless a run says otherwise.
LEASE_S = 30.0
#: Share of a lease after which it is renewed.
RENEW_SHARE = 0.3
#: Seconds that are left of a lease which is to end now: another worker then gets its task as a further attempt.
AT_ONCE_S = 0.001


class Lease:
    """One claim of one task. Another claim of the same task is another lease."""

    __slots__ = ("again", "attempt", "begun", "lost", "task")

    def __init__(self, task: str, attempt: int, *, again: bool) -> None:
        self.task = task
        #: 1, and one more for each lease on the task that has run out.
        self.attempt = attempt
        #: Whether another had the task before, who may have written its tiles.
        self.again = again
        #: Whether a slot has taken it up.
        self.begun = False
        #: Whether it ran out while it was held.
        self.lost = False


class Leases:
    """What one worker holds of one control plane.

    Parameters
    ----------
    plane : ControlPlane
    worker : str
        Name of the worker.
    lease_s : float
        Seconds for which tasks are claimed.
    stopped : callable
        Says when to give up retrying.
    listener : callable
        Told of tasks that change hands.
    """

    def __init__(
        self,
        plane: ControlPlane,
        worker: str,
        lease_s: float,
        stopped: Callable[[], bool],
        listener: Listener = publish,
    ) -> None:
        self._listener = listener
        self._plane, self._worker, self._lease_s, self._stopped = plane, worker, lease_s, stopped
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}
        self._closed = threading.Event()

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)

    def names(self) -> frozenset[str]:
        """What is held."""
        with self._lock:
            return frozenset(self._held)

    def claim(
        self, limit: int, prefer: Collection[str], free: int, over: Mapping[str, str] = MappingProxyType({})
    ) -> list[Lease]:
        """Claim up to `limit` tasks; one that is held already (its lease ran out unnoticed) goes on as it is.

        Beyond the first `free`, which can be begun at once, no task is kept that lost a worker before: were this worker
        to fall silent while the task lies here, a second attempt would be counted against it that was none.
        """
        claims = with_retries(
            lambda: self._plane.claim(self._worker, limit, self._lease_s, prefer, over), self._stopped
        )
        with self._lock:
            new = [
                Lease(claim.task, claim.attempt, again=claim.attempt > 1 or claim.task in over)
                for claim in claims
                if claim.task not in self._held
            ]
            made = [lease for place, lease in enumerate(new) if place < free or lease.attempt == 1]
            self._held.update((lease.task, lease) for lease in made)
        if back := [lease.task for lease in new if lease not in made]:
            with_retries(lambda: self._plane.release(self._worker, back), self._stopped)
        for lease in made:
            if lease.task in over:
                self._listener(TaskTakenOver(lease.task, over[lease.task]))
            elif lease.attempt > 1:
                self._listener(TaskAgain(lease.task, lease.attempt))
        return made

    def begin(self, lease: Lease) -> bool:
        """Whether a task may be taken up: its lease was neither lost nor handed back."""
        with self._lock:
            lease.begun = self._held.get(lease.task) is lease
            return lease.begun

    def drop(self, lease: Lease) -> None:
        """Hold a task no longer, without telling anybody."""
        with self._lock:
            if self._held.get(lease.task) is lease:
                del self._held[lease.task]

    def complete(self, lease: Lease, arrivals: list[Arrival], reads: list[str]) -> Completion:
        """Say that a task is done."""
        done = with_retries(lambda: self._plane.complete(self._worker, lease.task, arrivals, reads), self._stopped)
        self.drop(lease)
        if not done.first:
            self._listener(TaskOvertaken(lease.task))
        return done

    def still_held(self, lease: Lease) -> bool:
        """Ask the plane whether a task is still this worker's to do."""
        kept = self._plane.renew(self._worker, [lease.task], self._lease_s)
        if lease.task not in kept:
            self.drop(lease)
        return lease.task in kept

    def give_up(self, lease: Lease, *, counted: bool) -> None:
        """Let another do a task that is under way here, at once; as a further attempt if that is to be `counted`."""
        self.drop(lease)
        try:
            if counted:
                self._plane.renew(self._worker, [lease.task], AT_ONCE_S)
            else:
                self._plane.release(self._worker, [lease.task])
        except (ControlPlaneLostError, StoreError) as error:
            logger.warning("could not give up task %s; its lease expires: %s", lease.task, error)

    def hand_back(self, *, begun: bool) -> None:
        """Release tasks: all, or those that no slot has taken up. What cannot be told now expires by itself."""
        with self._lock:
            names = [name for name, lease in self._held.items() if begun or not lease.begun]
            for name in names:
                del self._held[name]
        if names:
            try:
                self._plane.release(self._worker, names)
            except (ControlPlaneLostError, StoreError) as error:
                logger.warning("could not hand back %d tasks; their leases expire: %s", len(names), error)

    def keep(self, lost: Callable[[BaseException], None]) -> None:
        """Renew what is held until `close`; tell `lost` if the plane is gone. Runs in a thread of its own."""
        while not self._closed.wait(self._lease_s * RENEW_SHARE):
            with self._lock:
                held = dict(self._held)
            if not held:
                continue
            try:
                kept = self._plane.renew(self._worker, list(held), self._lease_s)
            except StoreError as error:
                logger.warning("could not renew %d leases, trying again: %s", len(held), error)
                continue
            except Exception as error:  # noqa: BLE001 - this thread has nobody else to tell
                lost(error)
                return
            for name in held.keys() - set(kept):
                self._lost(held[name])

    def _lost(self, lease: Lease) -> None:
        """A lease could not be renewed, if it was not given back or completed meanwhile."""
        with self._lock:
            held = self._held.get(lease.task) is lease
            if held and not lease.begun:
                del self._held[lease.task]
        if held and not lease.lost:
            lease.lost = True
            self._listener(LeaseLost(lease.task))

    def close(self) -> None:
        """Renew nothing any more."""
        self._closed.set()
