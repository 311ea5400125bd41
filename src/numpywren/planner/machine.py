"""Kinds of worker by name: what one computes, holds, reads and costs."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from numpywren.config import memory_bytes

__all__ = ["Machine", "Prices", "load_machine", "machine_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """In US dollars; 0 where nothing is charged.

    Attributes
    ----------
    worker_hour : float
        One worker for an hour.
    worker_start : float
        Starting one.
    put, get : float
        One request that writes or lists, and one that reads.
    gigabyte_month : float
        10⁹ bytes in the store for 30 days.
    plane_task : float
        One task in the control plane.
    plane_hour : float
        The control plane's server for an hour.
    """

    worker_hour: float = 0.0
    worker_start: float = 0.0
    put: float = 0.0
    get: float = 0.0
    gigabyte_month: float = 0.0
    plane_task: float = 0.0
    plane_hour: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A kind of worker, and the store that it works with.

    Attributes
    ----------
    name : str
    about : str
        What it is, for people.
    slots : int
        Tasks that it computes at once.
    memory : int
        Bytes that its tiles may take.
    gflops : float
        10⁹ floating point operations a second of ``gemm`` in float64, in one slot while all slots compute.
    shares : mapping of str to float
        By name, the share of that rate that kernels reach; of those not named, that of ``other``.
    shares_at : mapping of str to mapping of str to float
        Shares on tiles of some lengths, which go before `shares`; between two lengths see `at`.
    task_s : float
        Seconds of a slot that each task takes besides its kernels.
    encoding, decoding : float
        Bytes a second that a core writes and reads at most; this is time of the slots, as there is no core to spare.
        0 where it costs nothing.
    mapped_from : int
        Bytes from which on tiles are mapped from files, and so not kept when they were written; 0 where none is.
    get_s, put_s : float
        Seconds until the first byte of a read comes, and until a write is acknowledged, sizes apart.
    bandwidth : float
        Bytes a second between one worker and the store.
    store_bandwidth : float
        Bytes a second that the store gives to all workers together; 0 where it grows with them.
    plane_s : float
        Seconds that a call of the control plane takes.
    start_s : float
        Seconds from asking for a worker to its first task.
    life_s : float
        Seconds that a worker may live; 0 for ever.
    failures_per_hour : float
        How often a worker dies.
    prices : Prices
    sources : mapping of str to str
        By the name of a figure, prices' too: where it is from and when that was read; or "assumed" and why that value.
    """

    name: str
    about: str = ""
    slots: int = 1
    memory: int = 2**30
    gflops: float = 30.0
    shares: Mapping[str, float] = field(default_factory=dict)
    shares_at: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    task_s: float = 0.0
    encoding: float = 0.0
    decoding: float = 0.0
    mapped_from: int = 0
    get_s: float = 0.0
    put_s: float = 0.0
    bandwidth: float = 1e9
    store_bandwidth: float = 0.0
    plane_s: float = 0.0
    start_s: float = 0.0
    life_s: float = 0.0
    failures_per_hour: float = 0.0
    prices: Prices = field(default_factory=Prices)
    sources: Mapping[str, str] = field(default_factory=dict)

    def rate(self, kernel: str) -> float:
        """Floating point operations a second of a kernel."""
        usual = 1.0 if kernel == "gemm" else self.shares.get("other", 0.5)
        return self.gflops * 1e9 * self.shares.get(kernel, usual)

    def at(self, length: int) -> Machine:
        """The machine as it is on tiles of a length: shares interpolated, evenly in the logarithm of the length."""
        if not self.shares_at:
            return self
        known = sorted((int(each), shares) for each, shares in self.shares_at.items())
        below = max((each for each in known if each[0] <= length), default=known[0], key=lambda each: each[0])
        above = min((each for each in known if each[0] >= length), default=known[-1], key=lambda each: each[0])
        weight = 0.0
        if above[0] > below[0]:
            weight = math.log(length / below[0]) / math.log(above[0] / below[0])
        names = below[1].keys() & above[1].keys()
        shares = {name: below[1][name] + weight * (above[1][name] - below[1][name]) for name in names}
        return replace(self, shares={**self.shares, **shares}, shares_at={})


def machine_names(*paths: str | Path) -> list[str]:
    """Names of the machines that are known."""
    return sorted(_tables(paths))


def load_machine(name: str, *paths: str | Path) -> Machine:
    """Find a machine by its name.

    Parameters
    ----------
    name : str
    *paths : str or Path
        TOML files of the user's, which go before those that come with numpywren.

    Raises
    ------
    ValueError
        If there is none of that name, or its description is wrong.
    """
    tables = _tables(paths)
    if name not in tables:
        near = difflib.get_close_matches(name, tables, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(tables))}"
        raise ValueError(f"there is no machine {name!r}; {remedy}")
    return _machine(name, tables[name])


def _tables(paths: tuple[str | Path, ...]) -> dict[str, Any]:
    tables: dict[str, Any] = tomllib.loads((files("numpywren.planner") / "machines.toml").read_text())
    for path in paths:
        try:
            found = tomllib.loads(Path(path).read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"machines could not be read from {path}: {error}") from error
        tables.update(found)
    return tables


def _machine(name: str, table: Any) -> Machine:
    known = {each.name for each in fields(Machine)} - {"name"}
    if not isinstance(table, dict) or (unknown := set(table) - known):
        what = f"has no use for {', '.join(sorted(unknown))}" if isinstance(table, dict) else "is no table"
        raise ValueError(f"machine {name!r} {what}; a machine is described by {', '.join(sorted(known))}")
    given = dict(table)
    if "memory" in given:
        given["memory"] = memory_bytes(given["memory"])
    try:
        prices = Prices(**given.pop("prices", {}))
        return Machine(name=name, prices=prices, **given)
    except TypeError as error:
        raise ValueError(f"machine {name!r} is not described as it should be: {error}") from error
