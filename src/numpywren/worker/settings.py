"""What a worker may take and how long it stays: the plain options with which one begins."""

from __future__ import annotations

from dataclasses import dataclass

from numpywren.worker.leases import LEASE_S

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker may take and how long it stays."""

    #: Tasks computed at once.
    slots: int
    #: Bytes that its tiles may take.
    memory: int
    #: Seconds after which its tasks go to another if it falls silent.
    lease_s: float = LEASE_S
    #: Seconds without work after which it leaves.
    idle_s: float = 2.0
    #: Seconds that it may live; no task is started that would not fit.
    deadline_s: float | None = None
    #: Modules besides numpywren's own from which kernels may be loaded.
    modules: tuple[str, ...] = ()
    #: Tasks claimed before a slot is free for them, so that their tiles are read while others compute.
    ahead: int = 0
    #: Slots to have for each task that can be computed, in all workers together: beyond that some leave.
    factor: float = 1.0
    #: Whether nobody else may be there to replace workers that are killed, so that idle ones stay for that.
    spare: bool = False
