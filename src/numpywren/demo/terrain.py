"""The demo's main job: factor the covariance of all measurements, tile by tile, and predict with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import numpywren as nw
from numpywren.config import config
from numpywren.demo import airports, kriging
from numpywren.matrix import scratch_url

__all__ = ["PARAMETERS", "Terrain", "interpolate", "peak_resident_bytes"]

PARAMETERS = kriging.Covariance(
    regional_km=800.0, regional_deviation=500.0, local_km=80.0, local_deviation=250.0, nugget=80.0
)
"""Chosen on 5600 airports drawn with another seed: the likeliest of a dozen with a low error at 2400 others."""

GRID_DEGREES = 1.0
NEAR_KM = 200.0


class Terrain(NamedTuple):
    """What the demo found out."""

    train: airports.Airports
    held_out: airports.Airports
    predicted: NDArray[np.float64]
    """Elevations predicted at the held-out airports, metres."""
    map_latitude: NDArray[np.float64]
    map_longitude: NDArray[np.float64]
    map_elevation: NDArray[np.float64]
    """Elevations predicted on a grid, metres, shape (latitudes, longitudes); NaN far from every airport."""
    near_km: float
    """How near the nearest airport is to every cell of the map that has a prediction."""
    errors: dict[str, kriging.Errors]
    """By method: ``mean``, ``nearest`` and ``kriging``."""


def interpolate(
    points: int, *, memory: str = "1GiB", chunks: int = 1024, seed: int = 0, say: Callable[[str], Any] = print
) -> Terrain:
    """Predict elevations at held-out airports and on a map from those at the other airports.

    Parameters
    ----------
    points : int
        How many airports to draw; a fifth of them, at most 1000, is held out.
    memory : str
        Bound on the tiles that the worker holds, as in ``"1GiB"``.
    chunks : int
        Length of a tile.
    seed : int
        Seed of the draw.
    say : callable
        Takes a line for the user.

    Returns
    -------
    Terrain
        Predictions and their errors.
    """
    started = time.perf_counter()
    train, held_out = airports.split(airports.load(), points, seed)
    n = len(train)
    mean = float(train.elevation.mean())
    y = train.elevation - mean
    say(f"{n} airports to learn from, {len(held_out)} held out; elevations in metres, mean {mean:.0f} m")
    say(
        f"covariance: Matérn 3/2, deviation {PARAMETERS.regional_deviation:.0f} m over {PARAMETERS.regional_km:.0f} km "
        f"and {PARAMETERS.local_deviation:.0f} m over {PARAMETERS.local_km:.0f} km; nugget {PARAMETERS.nugget:.0f} m"
    )
    places, latitude, longitude, near = _map(train.points)
    parameters = np.array(PARAMETERS)
    with config.set({"worker.memory": memory}):
        K = nw.from_function(kriging.covariance, shape=(n, n), chunks=chunks, args=(train.points, parameters))
        say(f"{n} × {n} matrix, {K.nbytes / 1e9:.2f} GB, built where it is read in tiles of {chunks}")
        say(f"factoring; tiles of the factor go to {scratch_url()} and are deleted at the end")
        clock = time.perf_counter()
        L = nw.linalg.cholesky(K)
        took = time.perf_counter() - clock
        say(f"factored in {took:.1f} s ({n**3 / 3 / took / 1e9:.0f} GFLOP/s); solving")
        weights = np.asarray(nw.linalg.cho_solve((L, True), y))
        likelihood = kriging.log_marginal_likelihood(y, weights, np.asarray(nw.linalg.diagonal(L)))
        say(f"log marginal likelihood {likelihood:.1f} ({likelihood / n:.3f} an airport)")

        clock = time.perf_counter()
        every = np.vstack([held_out.points, places])
        shape = (len(every), n)
        cross = nw.from_function(
            kriging.cross_covariance, shape=shape, chunks=chunks, args=(every, train.points, parameters)
        )
        predicted = mean + np.asarray(cross @ weights)
        say(f"predicted at {shape[0]} places in {time.perf_counter() - clock:.1f} s")
    index, _ = kriging.nearest(train.points, held_out.points)
    found = {
        "mean": kriging.errors(np.full(len(held_out), mean), held_out.elevation),
        "nearest": kriging.errors(train.elevation[index], held_out.elevation),
        "kriging": kriging.errors(predicted[: len(held_out)], held_out.elevation),
    }
    say("error at the held-out airports     RMSE      MAE")
    for method, title in (("mean", "the mean"), ("nearest", "the nearest airport"), ("kriging", "kriging")):
        say(f"  predicting with {title:<20}{found[method].rmse:5.0f} m  {found[method].mae:5.0f} m")
    drawn = np.full(near.shape, np.nan)
    drawn[near] = predicted[len(held_out) :]
    say(
        f"{time.perf_counter() - started:.1f} s in all; peak resident memory "
        f"{peak_resident_bytes() / 2**30:.2f} GiB (tiles bounded to {memory})"
    )
    return Terrain(train, held_out, predicted[: len(held_out)], latitude, longitude, drawn, NEAR_KM, found)


def _map(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Cells of a map near measured points: their places, the map's latitudes and longitudes, and which cells."""
    latitude = np.arange(-60.0, 80.0, GRID_DEGREES) + GRID_DEGREES / 2
    longitude = np.arange(-180.0, 180.0, GRID_DEGREES) + GRID_DEGREES / 2
    lat, lon = np.meshgrid(latitude, longitude, indexing="ij")
    cells = kriging.unit_sphere(lat.ravel(), lon.ravel())
    near = kriging.nearest(points, cells)[1] < NEAR_KM
    return cells[near], latitude, longitude, near.reshape(lat.shape)


def peak_resident_bytes() -> int:
    """Most memory that this process has had resident."""
    # Not `getrusage`: its maximum outlives `exec`, so that it may be that of the program that started this one.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status says no VmHWM; the peak of resident memory is known on Linux only")
