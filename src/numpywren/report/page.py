"""The report as one HTML page that holds all that it needs: nothing is fetched when it is opened."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from numpywren.config import format_bytes
from numpywren.planner.words import duration
from numpywren.report.report import Report
from numpywren.report.views import views
from numpywren.version import __version__

__all__ = ["document", "figures_html", "footer", "page_html", "parts", "rows_of", "summary_html"]

#: What is embedded may run, and nothing may be fetched, whatever the names of tasks and the words of errors are.
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
#: Parts of Bokeh that figures need; the rest would treble the page.
COMPONENTS = ["bokeh"]

#: Commands in notes, between backticks as in a terminal.
_CODE = re.compile("`([^`]+)`")

#: Workers beyond which their table is folded.
OPEN_ROWS = 20
#: Why workers leave when nothing is wrong with them.
ORDERLY = ("finished", "idle", "deadline", "told", "failed")

#: For each figure its heading and what it shows.
SECTIONS = {
    "timeline": (
        "Timeline",
        "Every task on its slot, from the first event on. Drag to zoom, or hold Ctrl and turn the wheel.",
    ),
    "parallelism": (
        "Workers and available parallelism",
        "Tasks whose inputs were there, done or not yet begun, beside the slots that could compute them.",
    ),
    "working_set": ("Working set", "Tiles in the store, inputs left out; intermediates go when they have been read."),
    "bytes": ("Bytes moved", "Between all workers and the store; tiles found in a worker's memory are not moved."),
    "flops": ("Floating point operations", "On real numbers, by what each kernel needs, spread evenly over its task."),
    "durations": ("Durations by kernel", "Waiting for tiles left out; bins are even in the logarithm."),
}


def page_html(report: Report) -> str:
    """The whole page.

    Raises
    ------
    ModuleNotFoundError
        If Bokeh is not installed.
    """
    script, sections = figures_html(report)
    part = parts(report)
    body = (
        _header(report),
        f"<main>{part['cards']}{part['figures']}{part['failures']}{sections}",
        f"{part['kernels']}{part['slowest']}{part['workers']}</main>",
        footer(),
    )
    here = files("numpywren.report")
    forbidding = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    scripts = (script, (here / "page.js").read_text())
    return document(f"{report.name}: numpywren report", (here / "page.css").read_text(), body, scripts, forbidding)


def figures_html(report: Report) -> tuple[str, str]:
    """The script that draws all figures, and the sections in which they stand.

    Raises
    ------
    ModuleNotFoundError
        If Bokeh is not installed.
    """
    try:
        import bokeh.embed
    except ModuleNotFoundError:
        raise ModuleNotFoundError("a report's page needs Bokeh: pip install 'numpywren[report]'") from None
    from numpywren.report.figures import draw

    figures = draw(views(report), report.tasks.kernels, rows_of(report), report.wall)
    script, places = bokeh.embed.components(figures, wrap_script=False)
    sections = [
        f'<section id="{name}"><h2>{SECTIONS[name][0]}</h2><p>{SECTIONS[name][1]}</p>'
        f'<div class="figure">{places[name]}</div></section>'
        for name in figures
    ]
    return script, "".join(sections)


def rows_of(report: Report) -> list[tuple[str, int]]:
    """Workers as the timeline names them, and how many slots each has."""
    return [(f"w{number}", max(worker.slots, 1)) for number, worker in enumerate(report.workers)]


def parts(report: Report, goes_on: bool = False) -> dict[str, str]:
    """What stands beside the figures, by name; while a run goes on, workers that have not left are at work."""
    return {
        "cards": _cards(report),
        "figures": _table_of_figures(report),
        "failures": _troubles(report, goes_on),
        "kernels": _kernels(report),
        "slowest": _slowest(report),
        "workers": _workers(report, goes_on),
    }


def document(
    title: str, style: str, body: Iterable[str], scripts: Iterable[str], forbidding: str = "", nonce: str = ""
) -> str:
    """A page that holds all that it needs, Bokeh first; where there is a nonce, only scripts that bear it run."""
    from bokeh.resources import Resources

    opening = f'<script nonce="{nonce}">' if nonce else "<script>"
    library = "".join(f"{opening}{text}</script>" for text in Resources(mode="inline", components=COMPONENTS).js_raw)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8">{forbidding}',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>{library}</head><body>",
            *body,
            *(f"{opening}{_in_script(script)}</script>" for script in scripts),
            "</body></html>",
        )
    )


def summary_html(report: Report) -> str:
    """The table of figures, for notebooks."""
    return f"<p>report of <b>{escape(report.name)}</b>, {escape(report.url)}</p>{_figures(report)}"


def _in_script(code: str) -> str:
    """Code that cannot end the script that it stands in, whatever its texts are."""
    return code.replace("</", "<\\/").replace("<!--", "<\\!--")


def _header(report: Report) -> str:
    facts = f"made {escape(report.created)} by numpywren {escape(report.version)}"
    return (
        f"<header><div><h1>{escape(report.name)}</h1><p><code>{escape(report.url)}</code></p><p>{facts}</p></div>"
        '<button id="theme" type="button" title="light or dark">◐ light or dark</button></header>'
    )


def _cards(report: Report) -> str:
    total = "" if report.total is None else f"of {report.total:,}"
    speed, peak = report.gflops, report.share_of_peak
    cards = [
        ("wall", "wall time", duration(report.wall), _predicted(report)),
        ("tasks", "tasks", f"{report.done:,}", total),
        ("utilisation", "utilisation", f"{report.utilisation:.0%}", f"of {report.core_seconds:.3g} core-seconds"),
        ("gflops", "GFLOP/s", "unknown" if speed is None else f"{speed:.3g}", "" if peak is None else
         f"{peak:.0%} of calibrated peak"),
        ("read", "read", format_bytes(report.bytes_read), f"{report.cache_hit_rate:.0%} cache hits"),
        ("written", "written", format_bytes(report.bytes_written), f"{report.requests:,} requests in all"),
        ("working-set", "largest working set", format_bytes(report.peak_working_set), f"{report.freed:,} tiles freed"),
    ]  # fmt: skip
    if report.cost is not None:
        cards.append(("cost", "cost", f"${report.cost.total:.4g}", escape(report.machine.name)))
    return (
        '<div class="cards">'
        + "".join(
            f'<div class="card"><span>{what}</span><b id="card-{key}">{value}</b><small>{more}</small></div>'
            for key, what, value, more in cards
        )
        + "</div>"
    )


def _predicted(report: Report) -> str:
    return "" if report.predicted is None else f"predicted {duration(report.predicted.seconds)}"


def _table_of_figures(report: Report) -> str:
    every = "All figures" if report.predicted is None else "All figures, and as predicted"
    marked = (_CODE.sub(r"<code>\1</code>", escape(note)) for note in report.notes)
    notes = "".join(f"<li>{note}</li>" for note in marked)
    return f"<details><summary>{every}</summary>{_figures(report)}</details>" + (
        f'<ul class="notes">{notes}</ul>' if notes else ""
    )


def _figures(report: Report) -> str:
    heads = ("", "actual", f"predicted on {report.machine.name}" if report.predicted is not None else "")
    return _table("figures", heads, report.rows())


def _troubles(report: Report, goes_on: bool) -> str:
    """What went wrong, if anything did."""
    found: list[tuple[str, str, str, str]] = [
        (duration(each.at_s), f"{each.error} in {each.kernel}, task {each.task}", each.worker, each.message)
        for each in report.failures
    ]
    for each in report.workers:
        if each.reason not in ORDERLY and not (goes_on and not each.reason):
            what = f"worker left: {each.reason}" if each.reason else "worker said nothing more"
            found.append((duration(each.end_s), what, each.name, ""))
    counts = {
        "requests sent again": report.retries,
        "leases lost": report.leases_lost,
        "tasks taken over": report.taken_over,
        "tasks tried again": report.tried_again,
        "tasks computed again": report.repeated,
        "event files passed over": report.skipped,
    }
    words = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    said = f"{words[0].upper()}{words[1:]}." if words else "No retries, no lost leases, no repeated tasks."
    table = _table("failures-table", ("at", "what", "worker", "message"), found) if found else ""
    return f'<section id="failures"><h2>Failures</h2><p>{said}</p>{table}</section>'


def _kernels(report: Report) -> str:
    from numpywren.report.figures import colour

    rows = [
        (each["kernel"], f"{each['tasks']:,}", duration(each["seconds"]), duration(each["median"]),
         duration(each["longest"]), "" if each["gflops"] is None else f"{each['gflops']:.3g}")
        for each in report.kernels()
    ]  # fmt: skip
    marks = [f'<i style="background:{colour(number)}"></i>' for number in range(len(rows))]
    heads = ("kernel", "tasks", "slot time", "median", "longest", "GFLOP/s of a slot")
    return f'<section id="kernels"><h2>Kernels</h2>{_table("kernels-table", heads, rows, marks)}</section>'


def _slowest(report: Report) -> str:
    names = {worker.name: number for number, worker in enumerate(report.workers)}
    rows = [
        (each.task, each.kernel, f"w{names[each.worker]}, slot {each.slot}", duration(each.start_s),
         duration(each.seconds), duration(each.waited_seconds), f"{each.times_median:.1f} ×")
        for each in report.slowest
    ]  # fmt: skip
    heads = ("task", "kernel", "where", "began at", "took", "of that waited", "of its kernel's median")
    return f'<section id="slowest"><h2>Slowest tasks</h2>{_table("slowest-table", heads, rows)}</section>'


def _workers(report: Report, goes_on: bool) -> str:
    unknown = "there, when last heard of" if goes_on else "unknown"
    rows = [
        (f"w{number}", each.name, each.host, f"{each.slots}", format_bytes(each.memory) if each.memory else "",
         duration(each.start_s), duration(each.end_s - each.start_s), f"{each.tasks:,}", each.reason or unknown)
        for number, each in enumerate(report.workers)
    ]  # fmt: skip
    heads = ("", "name", "machine", "slots", "memory", "began at", "lived", "tasks", "left because")
    shown = f"<details{' open' if len(rows) <= OPEN_ROWS else ''}><summary>{len(rows):,} in all</summary>"
    table = _table("workers-table", heads, rows)
    return f'<section id="workers"><h2>Workers</h2>{shown}{table}</details></section>'


def _table(name: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], marks: Sequence[str] = ()) -> str:
    """A table; a row's mark, if there is one, stands in front of its first cell."""
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = ""
    for row, mark in itertools.zip_longest(rows, marks, fillvalue=""):
        cells = "".join(f"<td>{'' if place else mark}{escape(str(cell))}</td>" for place, cell in enumerate(row))
        body += f"<tr>{cells}</tr>"
    return f'<div class="wide"><table id="{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def footer() -> str:
    """Who wrote the page, and with what."""
    import bokeh

    return (
        f"<footer>Written by numpywren {__version__}. Times are by the clocks of the workers' machines. Drawn by "
        f"Bokeh {escape(bokeh.__version__)}, © Anaconda, Inc. and Bokeh contributors, BSD-3-Clause licence, which is "
        "part of this page; colours by Okabe and Ito.</footer>"
    )
