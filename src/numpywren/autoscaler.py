"""How many workers a run should have: a pure function of what waits and what runs."""

from __future__ import annotations

__all__ = ["workers_wanted"]


def workers_wanted(*, ready: int, running: int, alive: int, slots: int, ceiling: int) -> int:
    """Number of workers to have now.

    There is work for one slot in every task that is ready or running. Workers leave by themselves when they are idle,
    so this never asks for fewer than there are; and while anything is left to do one worker stays, because a task
    whose worker died is ready again only when somebody asks.

    Parameters
    ----------
    ready, running : int
        Tasks that may be claimed, and that are claimed.
    alive : int
        Workers that have not left.
    slots : int
        Tasks that one worker computes at once.
    ceiling : int
        Most workers to have.

    Returns
    -------
    int
        At least `alive` and 1, at most `ceiling` (or `alive`, if more are alive).
    """
    useful = -(-(ready + running) // slots)
    return max(alive, min(max(useful, 1), ceiling))
