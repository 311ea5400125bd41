"""When tasks are claimed before a slot is free for them, so that their tiles are read while others compute.

A worker that shares its run with others takes nothing from them, unless its slots wait for tiles and there is plenty
for all. The simulation of a run follows the same rule.
"""

from __future__ import annotations

from numpywren.worker.affinity import WORTH_S

__all__ = ["Early"]

#: Share of a slot's time that goes by in waiting for tiles, beyond which tasks are claimed ahead of their time,
STALLED = 0.1
#: if so many tasks are ready for each that is running: then nobody else goes short.
PLENTY = 2
#: Weight of the newest task in that share.
NEWEST = 0.2


class Early:
    """How many tasks one worker holds beyond those that it computes.

    Parameters
    ----------
    slots : int
        Tasks computed at once.
    ahead : int
        Tasks that it claims ahead in any case; 0: as the run has it.
    """

    __slots__ = ("_ahead", "_plenty", "_share", "_slots")

    def __init__(self, slots: int, ahead: int) -> None:
        self._slots, self._ahead = slots, ahead
        self._share, self._plenty = 0.0, False

    def computed(self, waited_s: float, seconds: float) -> None:
        """A task took so many seconds, of which it waited some for its tiles."""
        share = waited_s / seconds if waited_s > WORTH_S else 0.0
        self._share += NEWEST * (share - self._share)

    @property
    def stalled(self) -> bool:
        """Whether slots wait for tiles."""
        return self._share > STALLED

    def see(self, ready: int, running: int) -> None:
        """So many tasks of the run are ready, and so many are running."""
        self._plenty = self._share > STALLED and ready >= PLENTY * running

    def room(self, free: int) -> int:
        """How many tasks to claim when so many slots are free; less than 0 if too many are held."""
        return free + (self._ahead or (self._slots if self._plenty else 0))
