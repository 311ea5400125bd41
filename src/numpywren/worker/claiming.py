"""What one worker asks the control plane for, and when: tasks for its slots, tasks of others who are slow, its leave.

Nothing here waits or computes: who has threads asks again when a slot is free, or when the pause it was told is over.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Collection

from numpywren.control import Completion, ControlPlane
from numpywren.worker.affinity import Affinity
from numpywren.worker.early import Early
from numpywren.worker.ending import Ending
from numpywren.worker.leases import Lease, Leases
from numpywren.worker.pace import Pace
from numpywren.worker.settings import Settings
from numpywren.worker.stragglers import Lookout, is_late, to_take_over
from numpywren.worker.surplus import Spare, Surplus

__all__ = ["Claiming"]

logger = logging.getLogger(__name__)

#: Seconds after which a worker that has no room for more looks around.
BUSY_S = 0.1


class Claiming:
    """The tasks of one worker, from the moment it has room for some until they are its own.

    Parameters
    ----------
    plane : ControlPlane
        Asked how the run stands.
    leases : Leases
        What the worker holds.
    affinity : Affinity
        What it would rather have.
    lookout : Lookout
        What it knows of others' tasks.
    settings : Settings
    ending : Ending
        Told when there is nothing left for it to do.
    clock : callable
        Seconds, never going back.
    dice : random.Random
        Who of many does what all see is to be done.
    """

    def __init__(
        self,
        plane: ControlPlane,
        leases: Leases,
        affinity: Affinity,
        lookout: Lookout,
        settings: Settings,
        ending: Ending,
        clock: Callable[[], float] = time.monotonic,
        dice: random.Random | None = None,
    ) -> None:
        self._plane, self._leases, self._affinity, self._lookout = plane, leases, affinity, lookout
        self._settings, self._ending, self._clock = settings, ending, clock
        self._dice = dice or random.Random()  # noqa: S311 - no secret
        self.early = Early(settings.slots, settings.ahead)
        self._pace = Pace(clock, self._dice.random)
        self._surplus = Surplus(settings.slots, settings.factor, settings.idle_s, self._dice)
        self._spare = Spare(settings.lease_s if settings.spare else None)
        self._made_ready: tuple[str, ...] = ()
        self._humble_until = -math.inf
        self._idle_since: float | None = None

    def completed(self, done: Completion, seconds: float) -> None:
        """A task of this worker is done, so many seconds after it was begun."""
        self._made_ready = done.ready
        if not done.first:  # who was overtaken is slow: the next tasks are better left to others
            self._humble_until = self._clock() + seconds

    def ask(self, free: int, under_way: Collection[str]) -> tuple[list[Lease], float]:
        """Claim what there is room for; if that is nothing, see whether there is a reason to stay.

        Parameters
        ----------
        free : int
            Slots for which there is no task here yet; less than 0 if tasks wait for slots.
        under_way : collection of str
            Tasks in slots, under a lease or no longer.

        Returns
        -------
        leases : list of Lease
            What is new.
        pause_s : float
            Seconds to wait before asking again, if nothing happens; 0 if there was something.
        """
        waiting, room = len(self._leases), self.early.room(free)
        if self._clock() < self._humble_until:
            room = 0
        leases = self._claim(room, free) if room > 0 else []
        now = self._clock()
        if waiting or leases or self._idle_since is None:
            self._idle_since = now
        idle_s = now - self._idle_since
        if idle_s > self._settings.idle_s:
            self._idle_since = None  # if it may not leave now, it stays as long again
        if not leases and self._curious(free, waiting, idle_s):
            leases = self._look(free, waiting, idle_s, self._leases.names().union(tuple(under_way)))
        if leases:
            self._pace.reset()
            self._spare.busy()
            return leases, 0.0
        return [], self._pace.next_pause() if room > 0 else BUSY_S

    def _claim(self, room: int, free: int) -> list[Lease]:
        """Claim tasks, rather those that were made ready here or whose tiles are here."""
        preferred = tuple(dict.fromkeys((*self._made_ready, *self._affinity.preferred())))
        began = self._clock()
        leases = self._leases.claim(room, preferred, free)
        self._pace.asked(self._clock() - began)
        return leases

    def _curious(self, free: int, waiting: int, idle_s: float) -> bool:
        """Whether the status of the run is worth a call to the plane now."""
        if not waiting and (self._pace.fresh or idle_s > self._settings.idle_s):
            return True  # the run may have ended, or this worker's part in it
        # with fewer slots than tasks all are always taken, and yet there may be more than are to be paid for
        return (free > 0 or self.early.stalled or self._settings.factor < 1) and self._pace.look()

    def _look(self, free: int, waiting: int, idle_s: float, mine: frozenset[str]) -> list[Lease]:
        """See whether the run has ended, whether there is plenty to do, and whether a task elsewhere is too slow."""
        status, now = self._plane.status(), self._clock()
        self.early.see(status.ready, status.running)
        if waiting and self._surplus.leaves(status, now):
            self._ending.end("idle")
        if free <= 0 or self._ending.reason is not None:
            return []
        if not waiting and status.state != "running":
            self._ending.end("finished" if status.state == "done" else "failed")
            return []
        self._lookout.see(status.longest, now)
        over = to_take_over(status.longest, mine, self._lookout.patience_s, self._dice.random())
        if over:
            logger.info("taking over %s", over)
            self._pace.look_in(0.0)
            return self._leases.claim(1, (), 1, over)
        self._pace.look_in(self._lookout.next_look_s(mine))
        # who sees that a task is late may be wanted soon; of many, half and half again wait for that
        stays = self._dice.random() < 0.5 and is_late(status.longest, mine, self._lookout.patience_s)
        if idle_s > self._settings.idle_s and not stays and self._spare.may_leave(status, now):
            self._ending.end("idle")
        return []
