"""Pictures of plans; Matplotlib is imported here and nowhere else in this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpywren.planner.profile import Profile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_profile"]

_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"), (1e-3, "milliseconds"))
_SIZES = ((2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))


def plot_profile(profile: Profile, title: str) -> Figure:
    """Draw parallelism and working set over time.

    Raises
    ------
    ImportError
        If Matplotlib is not there; it says how to get it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a plan is drawn with Matplotlib: pip install 'numpywren[plot]'") from error
    end = float(profile.seconds[-1]) if len(profile.seconds) else 1.0
    scale, unit = next((each for each in _UNITS if end >= 2 * each[0]), _UNITS[-1])
    peak = profile.peak_working_set
    size, size_unit = next((each for each in _SIZES if peak >= each[0]), _SIZES[-1])
    figure = Figure(figsize=(7.0, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    time = np.concatenate([[0.0], profile.seconds]) / scale
    above.stairs(profile.parallelism, time, fill=True, color="#4477aa")
    above.set_ylabel("tasks under way")
    above.set_title(title, fontsize="medium")
    below.fill_between(time[1:], profile.working_set / size, color="#cc6677", linewidth=0)
    below.set_ylabel(f"working set, {size_unit}")
    below.set_xlabel(f"time, {unit}")
    for axes in (above, below):
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
