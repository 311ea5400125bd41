"""Choosing how to run: what is wished for, and an estimate of what each way would take, quick enough to try many."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from numpywren.planner.plan import Plan

__all__ = ["Choice", "Wish", "estimate", "parse_budget", "parse_duration"]

_SECONDS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Choice:
    """One way to run.

    Attributes
    ----------
    chunks : int
        Length of tiles.
    depth : int or None
        Width of panels in tiles, where the program has panels.
    workers : int
        Most of them at once.
    factor : float
        Slots for each task that can be computed, as the setting ``workers.factor``.
    seconds, dollars, core_seconds : float
        What it takes.
    simulated : bool
        Whether that was simulated; else it is an estimate.
    """

    chunks: int
    depth: int | None
    workers: int
    factor: float
    seconds: float
    dollars: float
    core_seconds: float
    simulated: bool

    @property
    def settings(self) -> dict[str, float | int]:
        """Settings that make a run go this way."""
        found: dict[str, float | int] = {
            "array.chunks": self.chunks,
            "workers.max": self.workers,
            "workers.factor": self.factor,
        }
        return found if self.depth is None else {**found, "linalg.depth": self.depth}


@dataclass(frozen=True)
class Wish:
    """What a run may take.

    Attributes
    ----------
    deadline_s : float
        Seconds; infinite where time does not matter.
    budget : float
        US dollars; infinite where money does not matter.
    """

    deadline_s: float = math.inf
    budget: float = math.inf

    def granted(self, seconds: float, dollars: float) -> bool:
        """Whether something that takes so much is within the limits."""
        return seconds <= self.deadline_s and dollars <= self.budget

    def rank(self, choice: Choice) -> tuple[float, ...]:
        """Smaller is better: first those within limits; with a deadline the cheapest of them, else the fastest."""
        granted = self.granted(choice.seconds, choice.dollars)
        price = choice.dollars or choice.core_seconds
        if not granted and math.isfinite(self.deadline_s) and choice.seconds > self.deadline_s:
            return (2.0, choice.seconds, price)
        if not granted:
            return (1.0, choice.dollars, choice.seconds)
        return (0.0, price, choice.seconds) if math.isfinite(self.deadline_s) else (0.0, choice.seconds, price)


def parse_duration(text: str | float) -> float:
    """Seconds meant by a number or by text such as ``"90s"``, ``"30min"``, ``"1h"``, ``"2 d"``.

    Raises
    ------
    ValueError
        If it is no duration above 0.
    """
    found = re.fullmatch(r"\s*([0-9.]+)\s*([a-z]*)\s*", str(text))
    try:
        seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else math.nan
    except (KeyError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError(f'a deadline is written as in "90s", "30min", "1h" or a number of seconds, not {text!r}')
    return seconds


def parse_budget(text: str | float) -> float:
    """US dollars meant by a number or by text such as ``"$20"``.

    Raises
    ------
    ValueError
        If it is no sum above 0.
    """
    try:
        dollars = float(str(text).strip().removeprefix("$"))
    except ValueError:
        dollars = math.nan
    if not 0 < dollars < math.inf:
        raise ValueError(f'a budget is written as in "$20" or a number of US dollars, not {text!r}')
    return dollars


def estimate(plan: Plan, workers: int, depth: int | None, chunks: int, factor: float = 1.0) -> Choice:
    """What a plan takes with at most so many workers: where more could go on than they can do, it is stretched.

    Workers are taken to come and go with the work. Nothing is taken to be cached, so requests are too many.
    """
    machine, profile = plan.machine, plan.profile
    seconds = busy = 0.0
    before = 0.0
    for end, parallelism in zip(profile.seconds.tolist(), profile.parallelism.tolist(), strict=True):
        width, before = end - before, end
        slots = min(workers, max(1.0, math.ceil(factor * parallelism / machine.slots))) * machine.slots
        stretched = width * max(1.0, parallelism / slots)
        seconds += stretched
        busy += stretched * slots
    seconds += machine.start_s
    core_seconds = busy + min(workers, profile.peak_parallelism) * machine.start_s * machine.slots
    prices = machine.prices
    dollars = (
        core_seconds / machine.slots / 3600.0 * prices.worker_hour
        + plan.reads * prices.get
        + plan.writes * prices.put
        + plan.tasks * prices.plane_task
        + seconds / 3600.0 * prices.plane_hour
    )
    return Choice(chunks, depth, workers, factor, seconds, dollars, core_seconds, simulated=False)
