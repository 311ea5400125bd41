"""The demo's picture: elevations measured at airports beside those predicted between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpywren.demo.terrain import Terrain

__all__ = ["check_can_draw", "draw"]

LOWEST_M, HIGHEST_M = 0.0, 3000.0


def check_can_draw(path: Path) -> None:
    """Refuse early what would fail after the work is done.

    Raises
    ------
    ModuleNotFoundError
        If Matplotlib is not installed.
    FileNotFoundError
        If the picture's folder does not exist.
    ValueError
        If the picture would not be a PNG.
    """
    try:
        import matplotlib as _  # noqa: F401, ICN001 - only whether it is there
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the demo draws with Matplotlib; install it with: pip install 'numpywren[demo]'", name=error.name
        ) from None
    if path.suffix.lower() != ".png":
        raise ValueError(f"the picture is a PNG; {str(path)!r} should end in .png")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} for the picture; make it first")


def draw(terrain: Terrain, path: Path) -> None:
    """Draw both maps with one colour scale and write them as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, sharey=True)
    train = terrain.train
    # Most of the inhabited world is low: the root spreads the colours over it.
    scale = PowerNorm(0.5, LOWEST_M, HIGHEST_M)
    size = min(12.0, max(1.5, 40_000 / len(train)))
    place = (train.longitude, train.latitude)
    top.scatter(*place, c=train.elevation, s=size, linewidths=0, cmap="viridis", norm=scale)
    top.set_title(f"Measured at {len(train)} airports")
    grid = (terrain.map_longitude, terrain.map_latitude)
    cells = bottom.pcolormesh(*grid, terrain.map_elevation, cmap="viridis", norm=scale)
    bottom.set_title(f"Predicted, where an airport is within {terrain.near_km:.0f} km")
    for axes in (top, bottom):
        axes.set_ylabel("Latitude (degrees north)")
        axes.set_facecolor("#eeeeee")
        axes.set_aspect("equal")
        axes.set_xlim(-180, 180)
        axes.set_ylim(-60, 80)
        axes.set_xticks(range(-180, 181, 60))
        axes.set_yticks(range(-60, 81, 20))
    bottom.set_xlabel("Longitude (degrees east)")
    ticks = [0, 100, 250, 500, 1000, 1500, 2000, 2500, 3000]
    bar = figure.colorbar(
        cells, ax=[top, bottom], label="Elevation (m above sea level)", extend="both", ticks=ticks, aspect=40
    )
    bar.minorticks_off()
    mine, neighbour, mean = (terrain.errors[method] for method in ("kriging", "nearest", "mean"))
    figure.suptitle(
        f"Terrain elevation by kriging from N = {len(train)} airports\n"
        f"at {len(terrain.held_out)} others: RMSE {mine.rmse:.0f} m, MAE {mine.mae:.0f} m "
        f"(nearest airport: {neighbour.rmse:.0f} m, {neighbour.mae:.0f} m; mean: {mean.rmse:.0f} m, {mean.mae:.0f} m)"
    )
    figure.savefig(path, dpi=120)
