"""The live page: what it is at first, and what it is told later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpywren.control import Status
from numpywren.dashboard.follow import Figures, Picture
from numpywren.events import WorkerExit, WorkerStart
from numpywren.planner.words import duration
from numpywren.report.figures import colour, lanes, sources
from numpywren.report.page import document, figures_html, footer, parts, rows_of
from numpywren.report.report import Report
from numpywren.worker import RunRecord

__all__ = ["figures_json", "now_json", "page_html"]

#: Of the workers that came and went, how many are listed.
COMINGS = 8
#: What stands above the figures, and below them.
ABOVE, BELOW = ("cards", "by-kernel", "comings"), ("figures", "failures", "kernels", "slowest", "workers")
#: How a run's state is told.
NOT_SEEN = "not seen yet"


def page_html(picture: Picture, record: RunRecord, url: str, nonce: str, may_cancel: bool) -> str:
    """The whole page, with all figures that there are at this moment."""
    figures = picture.figures
    script, sections = ("", "") if figures is None else figures_html(figures.report)
    part = {} if figures is None else _parts(figures, picture.goes_on)
    above, below = ("".join(f'<div id="part-{n}">{part[n]}</div>' for n in names if part) for names in (ABOVE, BELOW))
    marks = "" if figures is None else (
        f' data-drawing="{figures.drawing}" data-batches="{len(figures.batches)}"'
        f' data-began="{figures.report.recorded.began_s!r}"'
    )  # fmt: skip
    told = '<p id="told">What follows is what the workers wrote down, which they do every five seconds.</p>'
    silent = told if figures is not None else f'<p id="silent">{escape(picture.silent)}</p>'
    report, here = files("numpywren.report"), files("numpywren.dashboard")
    cancel = (here / "cancel.html").read_text() if may_cancel else ""
    body = (
        _header(record, url),
        (here / "now.html").read_text().replace("<!-- cancel -->", cancel),
        f'<main{marks}>{silent}<div id="above">{above}</div>{sections}{below}</main>',
        footer(),
    )
    style = (report / "page.css").read_text() + (here / "live.css").read_text()
    scripts = (script, (report / "page.js").read_text(), (here / "live.js").read_text())
    return document(f"{record.name}: numpywren dashboard", style, body, scripts, nonce=nonce)


def now_json(picture: Picture) -> str:
    """How far the run is, as the page is told with each look."""
    status = picture.status
    told = {name: getattr(picture, name) for name in ("trouble", "silent", "held", "pace", "pace_by")}
    if status is None:
        return json.dumps({**told, "state": NOT_SEEN, "share": 0.0, "progress": "", "counts": {}})
    share = status.done / status.total if status.total else 1.0
    failure = status.failure
    counts = {what: f"{getattr(status, what):,}" for what in ("ready", "running", "waiting", "workers", "repeated")}
    return json.dumps(
        {
            **told,
            "state": status.state,
            "share": share,
            "progress": f"{status.done:,} of {status.total:,} tasks, {int(100 * share)}%",  # never 100% before the end
            "counts": counts,
            "failure": None if failure is None else f"{failure.error}: {failure.message}",
            "hint": _hint(status),
        }
    )


def figures_json(figures: Figures, since: int, goes_on: bool) -> str:
    """What has changed since so many batches: new tasks for the timeline; all others anew, which are of fixed size."""
    report = figures.report
    rows = rows_of(report)
    data = sources({**figures.views, "timeline": _NO_TASKS}, report.tasks.kernels)
    del data["timeline"]
    return json.dumps(
        {
            "drawing": figures.drawing,
            "batches": len(figures.batches),
            "began": report.recorded.began_s,
            "end": report.wall,
            "lanes": lanes(rows),
            "sources": {
                name: {column: _short(values) for column, values in view.items()} for name, view in data.items()
            },
            "parts": _parts(figures, goes_on),
            "tasks": figures.tasks(since),
        }
    )


_NO_TASKS: Mapping[str, NDArray[Any]] = {name: np.empty(0) for name in ("row", "start")}


def _short(values: NDArray[Any]) -> list[Any]:
    """Numbers with six digits: no figure shows more, and they travel every few seconds."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    size = np.abs(values)
    digits = 10.0 ** (5 - np.floor(np.log10(np.where(size > 0, size, 1.0))))
    return list((np.round(values * digits) / digits).tolist())


def _header(record: RunRecord, url: str) -> str:
    facts = f"made {escape(record.created)} by numpywren {escape(record.version)}"
    return (
        f"<header><div><h1>{escape(record.name)}</h1><p><code>{escape(url)}</code></p><p>{facts}</p></div>"
        '<button id="theme" type="button" title="light or dark">◐ light or dark</button></header>'
    )


def _hint(status: Status) -> str:
    if status.state != "running" or status.workers or not (status.ready or status.running):
        return ""
    return "Nobody is at work at this moment. If it stays so: numpywren resume, with the run's URL."


def _parts(figures: Figures, goes_on: bool) -> dict[str, str]:
    return {
        **parts(figures.report, goes_on),
        "by-kernel": _by_kernel(figures),
        "comings": _comings(figures.report),
    }


def _by_kernel(figures: Figures) -> str:
    """How far each kernel is, by what the workers wrote down."""
    tasks, work = figures.report.tasks, figures.work
    _, first = np.unique(tasks.task.astype(str), return_index=True)
    done = np.bincount(tasks.kernel[first], minlength=len(tasks.kernels))
    total = dict.fromkeys(tasks.kernels, 0)
    if work is not None:
        for label, count in zip(work.labels, work.tasks_by_kind, strict=True):
            total[label] += count
    rows = ""
    for number, name in enumerate(tasks.kernels):
        of = f" of {total[name]:,}" if total[name] else ""
        bar = f'<progress max="{total[name]}" value="{done[number]}"></progress>' if total[name] else ""
        rows += (
            f'<tr><td><i style="background:{colour(number)}"></i>{escape(name)}</td><td>{done[number]:,}{of}</td>'
            f"<td>{bar}</td></tr>"
        )
    table = f'<div class="wide"><table id="by-kernel"><tbody>{rows}</tbody></table></div>'
    return f"<section><h2>Tasks by kernel</h2>{table}</section>"


def _comings(report: Report) -> str:
    """Workers that came and went of late."""
    number = {worker.name: place for place, worker in enumerate(report.workers)}
    starts, exits = report.recorded[WorkerStart], report.recorded[WorkerExit]
    told = [
        (at, f"w{by} began, with {slots} slot{'' if slots == 1 else 's'} on {host}")
        for at, by, slots, host in zip(starts["at_s"], starts["by"], starts["slots"], starts["host"], strict=True)
    ]
    told += [
        (at, f"w{by} left: {why}") for at, by, why in zip(exits["at_s"], exits["by"], exits["reason"], strict=True)
    ]
    there = len(number) - len(exits["at_s"])
    lines = "".join(
        f"<tr><td>{duration(max(float(at), 0.0))}</td><td>{escape(what)}</td></tr>"
        for at, what in sorted(told, reverse=True)[:COMINGS]
    )
    said = f"{len(number):,} came, {max(there, 0):,} have not left."
    return (
        f'<section><h2>Workers coming and going</h2><p>{said}</p><div class="wide"><table id="comings"><tbody>{lines}'
        "</tbody></table></div></section>"
    )
