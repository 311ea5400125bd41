"""The data: position and elevation of the world's airports, from the ``airportsdata`` package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpywren.demo.kriging import unit_sphere

__all__ = ["Airports", "Split", "load", "split"]

METRES_PER_FOOT = 0.3048


class Airports(NamedTuple):
    """Airports, each at a place of its own."""

    latitude: NDArray[np.float64]
    """Degrees north, shape (n,)."""
    longitude: NDArray[np.float64]
    """Degrees east, shape (n,)."""
    elevation: NDArray[np.float64]
    """Metres above sea level, shape (n,)."""

    @property
    def points(self) -> NDArray[np.float64]:
        """Places on the unit sphere, shape (n, 3)."""
        return unit_sphere(self.latitude, self.longitude)

    def take(self, which: NDArray[np.integer]) -> Airports:
        """Return the airports with these indices, in this order."""
        return Airports(self.latitude[which], self.longitude[which], self.elevation[which])

    def __len__(self) -> int:
        return len(self.elevation)


class Split(NamedTuple):
    """Airports to learn from, and airports held out to measure the error."""

    train: Airports
    held_out: Airports


def load() -> Airports:
    """All airports of ``airportsdata`` that have an ICAO-style code; of several at one place, the first.

    Raises
    ------
    ModuleNotFoundError
        If the ``demo`` extra is not installed.
    """
    try:
        import airportsdata
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the demo needs the airportsdata package; install it with: pip install 'numpywren[demo]'",
            name=error.name,
        ) from None
    rows = [(each["lat"], each["lon"], each["elevation"]) for each in airportsdata.load("ICAO").values()]
    return distinct(np.array(rows, dtype=np.float64))


def distinct(rows: NDArray[np.float64]) -> Airports:
    """Airports of rows (latitude, longitude, elevation in feet), the first of each place, in their order."""
    first = np.sort(np.unique(rows[:, :2], axis=0, return_index=True)[1])
    kept = rows[first]
    return Airports(kept[:, 0].copy(), kept[:, 1].copy(), kept[:, 2] * METRES_PER_FOOT)


def split(airports: Airports, points: int, seed: int = 0) -> Split:
    """Draw airports without replacement and hold a fifth of them out, but no more than 1000.

    Parameters
    ----------
    airports : Airports
        Where to draw from.
    points : int
        How many to draw; more than there are means all.
    seed : int
        Seed of the draw: the same seed gives the same airports.

    Returns
    -------
    Split
        Airports to learn from, and those held out; both in the order drawn.

    Raises
    ------
    ValueError
        If fewer than 20 airports would be drawn.
    """
    if points < 20:
        raise ValueError(f"{points} airports are too few to learn from and to test on; take at least 20")
    drawn = np.random.default_rng(seed).permutation(len(airports))[:points]
    cut = min(1000, len(drawn) // 5)
    return Split(train=airports.take(drawn[cut:]), held_out=airports.take(drawn[:cut]))
