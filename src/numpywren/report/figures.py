"""The figures, drawn by Bokeh from the tables of `numpywren.report.views`, for pages that stay and pages that live.

Each table is a data source of the same name, so that a page can be told new data. What depends on whether the page is
light or dark is left to ``page.js``, which paints it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["COLOURS", "NAMED_ROWS", "colour", "crowded", "draw", "lanes", "sources"]

#: Okabe and Ito's palette, which the colour-blind can tell apart, without its black and with a yellow that shows on
#: white; kernels beyond these share a grey.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#B8A900")
OTHER = "#8a8f98"
#: Workers beyond which rows of the timeline carry no names.
NAMED_ROWS = 24
#: How many times more tasks than slots must have been ready for the axis to become logarithmic.
PLENTY = 10

BYTES = """
const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
let value = tick, unit = 0;
while (Math.abs(value) >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
return `${Number(value.toPrecision(3))} ${units[unit]}`;
"""
FLOPS = "return `${Number((tick / 1e9).toPrecision(3))}`;"

SPAN = "const span = (s) => s < 1 ? `${(1e3 * s).toPrecision(3)} ms` : `${s.toPrecision(4)} s`;"

View = Mapping[str, NDArray[Any]]


def colour(number: int) -> str:
    """Colour of a kernel, by its number."""
    return COLOURS[number] if number < len(COLOURS) else OTHER


def crowded(parallelism: View) -> bool:
    """Whether so many more tasks could have been under way than there were slots that the axis is logarithmic."""
    available, slots = parallelism.get("available"), parallelism["slots"]
    return available is not None and bool(available.max(initial=0) > PLENTY * max(slots.max(initial=0), 1))


def sources(views: Mapping[str, View], kernels: Sequence[str]) -> dict[str, View]:
    """What the data sources hold, by their names; that of ``timeline`` is in the order of rows, then of starts."""
    timeline, parallelism, rates = views["timeline"], views["parallelism"], views["rates"]
    order = np.lexsort((timeline["start"], timeline["row"]))
    if crowded(parallelism):
        parallelism = {
            name: values if name == "at" else np.maximum(values, 0.1) for name, values in parallelism.items()
        }
    found = {
        "timeline": {name: values[order] for name, values in timeline.items()},
        "parallelism": parallelism,
        "working_set": views["working_set"],
        "rates": {name: rates[name] for name in ("at", "read", "written")},
    }
    if "flops" in rates:
        found["flops"] = {name: rates[name] for name in ("at", "flops")}
    if "histogram_0" in views:
        found |= {f"durations_{n}": views[f"histogram_{n}"] for n in range(min(len(kernels), len(COLOURS)))}
    return found


def lanes(rows: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """How the timeline shows its rows: how high it is, what each row is called, and where workers' names stand."""
    labels = [f"{worker}, slot {slot}" for worker, slots in rows for slot in range(slots)]
    begins = np.cumsum([0, *(slots for _, slots in rows)])
    return {
        "height": int(min(max(140 + 16 * len(labels), 220), 720)),
        "labels": labels,
        "ticks": {float(begins[i] + (slots - 1) / 2): name for i, (name, slots) in enumerate(rows)},
    }


def draw(
    views: Mapping[str, View], kernels: Sequence[str], rows: Sequence[tuple[str, int]], end_s: float
) -> dict[str, figure]:
    """Draw everything.

    Parameters
    ----------
    views : mapping of str to mapping of str to ndarray
        As `numpywren.report.views.views` gives them.
    kernels : sequence of str
        Their names.
    rows : sequence of (str, int)
        Workers and how many slots each has.
    end_s : float
        The last moment.

    Returns
    -------
    dict of str to figure
        ``timeline``, ``parallelism``, ``working_set``, ``bytes``, ``flops`` and ``durations``.
    """
    from bokeh.models import Range1d

    margin = 0.01 * max(end_s, 1e-6)
    time = Range1d(-margin, end_s + margin, bounds=(-margin, end_s + margin), name="time")
    data = sources(views, kernels)
    figures = {
        "timeline": _timeline(data["timeline"], kernels, rows, time),
        "parallelism": _parallelism(data["parallelism"], time, "log" if crowded(views["parallelism"]) else "linear"),
        "working_set": _working_set(data["working_set"], time),
        "bytes": _byte_rates(data["rates"], time),
    }
    if "flops" in data:
        figures["flops"] = _flops(data["flops"], time)
    if "durations_0" in data:
        figures["durations"] = _durations(data, kernels)
    return figures


def _figure(height: int, x_label: str, y_label: str, **options: Any) -> figure:
    from bokeh.models import BoxZoomTool, PanTool, ResetTool, SaveTool, WheelZoomTool
    from bokeh.plotting import figure

    zoom = BoxZoomTool(dimensions="width")
    wheel = WheelZoomTool(dimensions="width", modifiers="ctrl")
    made = figure(
        height=height,
        sizing_mode="stretch_width",
        tools=[zoom, PanTool(dimensions="width"), wheel, ResetTool(), SaveTool()],
        active_drag=zoom,
        active_scroll=wheel,
        toolbar_location="right",
        x_axis_label=x_label,
        y_axis_label=y_label,
        background_fill_alpha=0.0,
        border_fill_alpha=0.0,
        outline_line_alpha=0.0,
        min_border_left=72,
        lod_threshold=None,
        **options,
    )
    made.toolbar.logo = None
    made.axis.axis_label_text_font_style = "normal"
    made.axis.axis_label_text_font_size = "13px"
    made.axis.major_label_text_font_size = "12px"
    made.axis.minor_tick_line_color = None
    made.xgrid.grid_line_alpha = 0.0
    return made


def _over_time(height: int, y_label: str, time: Any, **options: Any) -> figure:
    return _figure(height, "time (s)", y_label, x_range=time, **options)


def _legend(made: figure) -> None:
    """Put the legend above the plot; a click hides what it names."""
    if not made.legend:
        return
    legend = made.legend[0]
    legend.orientation, legend.click_policy, legend.location = "horizontal", "hide", "left"
    legend.background_fill_alpha = legend.border_line_alpha = 0.0
    legend.padding = legend.margin = 2
    legend.label_text_font_size = "13px"
    legend.glyph_width, legend.spacing = 24, 12
    made.center.remove(legend)
    made.add_layout(legend, "above")


def _source(name: str, view: View) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({column: np.asarray(values) for column, values in view.items()}, name=name)


def _timeline(view: View, kernels: Sequence[str], rows: Sequence[tuple[str, int]], time: Any) -> figure:
    from bokeh.models import CustomJS, CustomJSHover, FixedTicker, HoverTool

    shape = lanes(rows)
    made = _over_time(shape["height"], "worker", time, y_range=(max(len(shape["labels"]), 1) - 0.4, -0.6))
    raw = _source("timeline", view)
    named = _source("lanes", {"label": np.array(shape["labels"], dtype=object)})
    several = len(kernels) > len(COLOURS)
    legends = [*kernels[: len(COLOURS)], *([f"{len(kernels) - len(COLOURS)} others"] if several else [])]
    empty: View = {name: np.empty(0) for name in ("row", "left", "right", "height", "count")}
    shown = [_source(f"shown_{number}", empty) for number in range(len(legends))]
    bars = [
        made.hbar(
            y="row",
            left="left",
            right="right",
            height="height",
            source=source,
            fill_color=colour(number),
            line_color=None,
            legend_label=legend,
        )
        for number, (source, legend) in enumerate(zip(shown, legends, strict=True))
    ]
    of = [min(number, len(COLOURS)) for number in range(len(kernels))]
    drawing = CustomJS(
        args={"raw": raw, "shown": shown, "of": of, "range": time, "plot": made, "lanes": named},
        code=(files("numpywren.report") / "timeline.js").read_text(),
    )
    time.js_on_change("start", drawing)
    time.js_on_change("end", drawing)
    made.js_on_change("inner_width", drawing)
    raw.js_on_change("data", drawing)

    def told(code: str) -> CustomJSHover:
        given = {"raw": raw, "lanes": named, "kernels": list(kernels)}
        return CustomJSHover(args=given, code=f"const i = value, d = raw.data; {SPAN} return {code};")

    # Bokeh formats a column in one way, so there is one for each of these lines, all holding the task's place
    lines = {
        "task": "d.task[i]",
        "kernel": "kernels[d.kernel[i]]",
        "on": "lanes.data.label[d.row[i]]",
        "began": "`at ${d.start[i].toPrecision(6)} s`",
        "took": "span(d.end[i] - d.start[i])",
        "waited": "span(d.stalled[i])",
    }
    made.add_tools(
        HoverTool(
            renderers=bars,
            tooltips=[*((name, f"@{name}{{custom}}") for name in lines), ("tasks drawn as one", "@count")],
            formatters={f"@{name}": told(code) for name, code in lines.items()},
        )
    )
    if len(rows) <= NAMED_ROWS:
        made.yaxis.ticker = FixedTicker(ticks=list(shape["ticks"]))
        made.yaxis.major_label_overrides = shape["ticks"]
    else:
        made.yaxis.axis_label = "slot, by the order in which workers began"
    made.ygrid.grid_line_alpha = 0.0
    _legend(made)
    return made


def _parallelism(view: View, time: Any, scale: str) -> figure:
    made = _over_time(300, "slots, tasks", time, y_axis_type=scale)
    source = _source("parallelism", view)
    if "available" in view:
        made.line(
            "at", "available", source=source, legend_label="tasks that could be under way", color=COLOURS[1],
            line_width=2, line_dash=[6, 3],
        )  # fmt: skip
    made.step("at", "slots", source=source, legend_label="slots there", color=OTHER, line_width=2, mode="center")
    made.line("at", "busy", source=source, legend_label="slots with a task", color=COLOURS[5], line_width=1.5)
    made.line("at", "computing", source=source, legend_label="slots computing", color=COLOURS[0], line_width=2)
    if scale == "linear":
        made.y_range.start = 0
    _legend(made)
    return made


def _working_set(view: View, time: Any) -> figure:
    made = _over_time(240, "tiles in the store (bytes)", time)
    source = _source("working_set", view)
    made.varea_step("at", 0, "nbytes", source=source, color=COLOURS[2], alpha=0.25, step_mode="after")
    made.step("at", "nbytes", source=source, color=COLOURS[2], line_width=2, mode="after")
    _bytes_axis(made)
    made.y_range.start = 0
    return made


def _bytes_axis(made: figure) -> None:
    from bokeh.models import AdaptiveTicker, CustomJSTickFormatter

    made.yaxis.formatter = CustomJSTickFormatter(code=BYTES)
    made.yaxis.ticker = AdaptiveTicker(base=1024, mantissas=[2**power for power in range(10)])


def _byte_rates(view: View, time: Any) -> figure:
    made = _over_time(240, "bytes per second", time)
    source = _source("rates", view)
    made.line("at", "read", source=source, legend_label="read", color=COLOURS[0], line_width=2)
    made.line("at", "written", source=source, legend_label="written", color=COLOURS[3], line_width=2)
    _bytes_axis(made)
    made.y_range.start = 0
    _legend(made)
    return made


def _flops(view: View, time: Any) -> figure:
    from bokeh.models import CustomJSTickFormatter

    made = _over_time(240, "GFLOP/s, all workers together", time)
    source = _source("flops", view)
    made.varea("at", 0, "flops", source=source, color=COLOURS[4], alpha=0.25)
    made.line("at", "flops", source=source, color=COLOURS[4], line_width=2)
    made.yaxis.formatter = CustomJSTickFormatter(code=FLOPS)
    made.y_range.start = 0
    return made


def _durations(data: Mapping[str, View], kernels: Sequence[str]) -> figure:
    made = _figure(300, "time of a task (s)", "tasks", x_axis_type="log")
    for number, name in enumerate(kernels[: len(COLOURS)]):
        made.quad(
            left="left", right="right", bottom=0, top="count", source=_source(f"durations_{number}",
            data[f"durations_{number}"]), fill_color=colour(number), fill_alpha=0.2, line_color=colour(number),
            legend_label=name,
        )  # fmt: skip
    made.y_range.start = 0
    _legend(made)
    return made
