"""Figures as people say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpywren.planner.choice import Choice

__all__ = ["choices_table", "duration"]


def duration(seconds: float) -> str:
    """A time as people say it: ``"3.2 s"``, ``"4 min 10 s"``, ``"2 h 05 min"``."""
    if seconds < 1.0:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 100.0:
        return f"{seconds:.3g} s"
    if seconds < 3600.0:
        return f"{int(seconds // 60)} min {int(seconds % 60):02} s"
    if seconds < 48 * 3600.0:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02} min"
    return f"{seconds / 86400:.1f} days"


def choices_table(choices: tuple[Choice, ...]) -> list[list[str]]:
    """The choices as rows of text, under a row of headings."""
    head = ["chunks", "depth", "workers", "factor", "time", "core time", "cost", ""]
    return [head, *map(_row, choices)]


def _row(choice: Choice) -> list[str]:
    return [
        str(choice.chunks),
        "" if choice.depth is None else str(choice.depth),
        str(choice.workers),
        f"{choice.factor:g}",
        duration(choice.seconds),
        duration(choice.core_seconds),
        f"${choice.dollars:,.2f}" if choice.dollars else "",
        "simulated" if choice.simulated else "estimated",
    ]
