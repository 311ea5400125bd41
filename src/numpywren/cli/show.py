"""What the commands print."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

import numpywren as nw
from numpywren.control import Failure, Status

__all__ = [
    "describe",
    "described",
    "failure_text",
    "idle_hint",
    "printable",
    "scratch_hint",
    "status_fields",
    "status_table",
    "to_json",
]


def printable(text: str) -> str:
    """What a terminal may be shown of text that comes from elsewhere: nothing that it would act upon."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


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
        rows["failure"] = failure_text(now.failure)
    for what, value in rows.items():
        table.add_row(what, Text(printable(value)))  # text: no markup
    return table


def failure_text(failure: Failure) -> str:
    """Why a run stopped."""
    return f"{failure.error}: {failure.message}"


def idle_hint(url: str, now: Status) -> str:
    """What to say of a run for which there is work and at which nobody works; nothing of any other."""
    if now.state != "running" or now.workers or not (now.ready or now.running):
        return ""
    return f"nobody is at work; numpywren resume {url}"


def status_fields(url: str, now: Status) -> dict[str, Any]:
    """A status as scripts get it: the run's URL, then the fields of `Status`."""
    return {"url": url, **dataclasses.asdict(now)}


def describe(result: Any) -> Iterator[str]:
    """Lines that say what a run returned: a NamedTuple's fields one a line, an array by its repr, else the value."""
    fields = getattr(result, "_fields", None)
    if fields is None:
        yield str(result)
        return
    for field in fields:
        yield f"{field}: {getattr(result, field)}"


def scratch_hint(url: str, result: Any) -> str:
    """Where arrays of a run's result are that have no place of their own, for how long, and how to keep them."""
    fields = getattr(result, "_fields", None)
    arrays = {"": result} if fields is None else {f".{field}": getattr(result, field) for field in fields}
    within = {
        name: array
        for name, array in arrays.items()
        if isinstance(array, nw.Array) and (array.url or "").startswith(f"{url}/")
    }
    if not within:
        return ""
    what = " and ".join(name[1:] for name in within) or "the result"
    where = " and ".join(str(array.url) for array in within.values())
    verb, them = ("are", "them") if len(within) > 1 else ("is", "it")
    save = f"numpywren.attach({url!r}).result(){next(iter(within))}.save('NAME.zarr')"
    return (
        f"{what} {verb} kept only in scratch, at {where}; numpywren gc deletes {them} after a day; "
        f"to keep {them}, run with --out, or in Python {save}"
    )


def described(result: Any) -> Any:
    """What a run returned, as scripts get it.

    An array by where it is and what it is like, numbers and small arrays by their values, a NamedTuple by its fields.
    """
    if isinstance(result, nw.Array):
        return {
            "url": result.url,
            "shape": list(result.shape),
            "chunks": list(result.chunks),
            "dtype": str(result.dtype),
            "transposed": result.transposed,  # what lies at the URL is the transpose of it
            "conjugated": result.conjugated,
        }
    fields = getattr(result, "_fields", None)
    if fields is not None:
        return {field: described(getattr(result, field)) for field in fields}
    return _number(np.asarray(result).tolist())


def _number(value: Any) -> Any:
    """A number, or lists of them, in what JSON has: no complex numbers, infinities or NaNs."""
    if isinstance(value, list):
        return [_number(each) for each in value]
    if isinstance(value, complex):
        return {"real": _number(value.real), "imag": _number(value.imag)}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def to_json(fields: dict[str, Any]) -> str:
    """One line."""
    return json.dumps(fields, default=dict, allow_nan=False)
