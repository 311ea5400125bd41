"""What the commands print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from numpywren.control import Status

__all__ = ["describe", "status_table"]


def status_table(now: Status) -> Table:
    """Two columns: what, and how many or why."""
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column()
    done = f"{now.done} of {now.total} tasks"
    rows = {
        "state": now.state,
        "done": f"{done} ({now.done / now.total:.0%})" if now.total else done,
        "ready": str(now.ready),
        "running": str(now.running),
        "waiting": str(now.waiting),
        "workers": str(now.workers),
        "repeated": str(now.repeated),
    }
    if now.failure is not None:
        rows["failure"] = f"{now.failure.error}: {now.failure.message}"
    for what, value in rows.items():
        # what a worker or plane says is text: no markup, and nothing that a terminal acts upon
        table.add_row(what, Text("".join(letter for letter in value if letter.isprintable() or letter == "\n")))
    return table


def describe(result: Any) -> Iterator[str]:
    """Lines that say what a run returned: a NamedTuple's fields one a line, an array by its repr, else the value."""
    fields = getattr(result, "_fields", None)
    if fields is None:
        yield str(result)
        return
    for field in fields:
        yield f"{field}: {getattr(result, field)}"
