"""Pictures of plans; Matplotlib is imported here and nowhere else in this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpywren.planner.profile import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from numpywren.planner.simulate import Simulation

__all__ = ["plot_profile"]

_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"), (1e-3, "milliseconds"))
_SIZES = ((2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))


def plot_profile(profile: Profile, title: str, run: Simulation | None = None, slots: int = 1) -> Figure:
    """Draw parallelism and working set over time; below them a simulated run, which has a time of its own.

    Raises
    ------
    ModuleNotFoundError
        If Matplotlib is not there; it says how to get it.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a plan is drawn with Matplotlib: pip install 'numpywren[plot]'", name=error.name
        ) from error
    end = float(profile.seconds[-1]) if len(profile.seconds) else 1.0
    scale, unit = next((each for each in _UNITS if end >= 2 * each[0]), _UNITS[-1])
    peak = profile.peak_working_set
    size, size_unit = next((each for each in _SIZES if peak >= each[0]), _SIZES[-1])
    figure = Figure(figsize=(7.0, 4.6 if run is None else 6.9), layout="constrained")
    above, below, *last = figure.subplots(2 if run is None else 3, 1)
    below.sharex(above)
    above.tick_params(labelbottom=False)
    time = np.concatenate([[0.0], profile.seconds]) / scale
    above.stairs(profile.parallelism, time, fill=True, color="#4477aa")
    above.set_ylabel("tasks under way")
    above.set_title(title, fontsize="medium")
    below.fill_between(time[1:], profile.working_set / size, color="#cc6677", linewidth=0)
    below.set_ylabel(f"working set, {size_unit}")
    below.set_xlabel(f"time, {unit}")
    if run is not None:
        _draw_run(last[0], run, slots)
    for axes in (above, below, *last):
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_run(axes: Axes, run: Simulation, slots: int) -> None:
    """Slots that were there and tasks under way, over the time of a simulated run."""
    scale, unit = next((each for each in _UNITS if run.seconds >= 2 * each[0]), _UNITS[-1])
    time = run.moments / scale
    axes.step(time, run.workers * slots, where="post", color="#117733", label="slots")
    axes.fill_between(time, run.running, step="post", color="#4477aa", linewidth=0, label="tasks under way")
    axes.set_ylabel("simulated run")
    axes.set_xlabel(f"time, {unit}")
    axes.legend(frameon=False, fontsize="small")
