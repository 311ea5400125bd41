"""Kinds of worker by name: what one computes, holds, reads and costs."""

from __future__ import annotations

import difflib
import math
import re
import socket
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from numpywren.config import memory_bytes, names_setting

__all__ = [
    "CALIBRATION",
    "Machine",
    "Prices",
    "calibration_file",
    "load_machine",
    "machine_files",
    "machine_names",
]

#: What a calibration measures, by number: one of another number is left out, as times made of it would be wrong.
CALIBRATION = 2
#: Said of a machine whose calibration was left out.
OUTDATED = (
    "calibrated by a version of numpywren that measured other things, which are left out: run `numpywren calibrate` "
    "again; until then a guess"
)


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
    calibration : int
        What was measured, as `CALIBRATION` numbers it; 0 for a description that people wrote.
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
    calibration: int = 0
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
    path, table = tables[name]
    try:
        return _machine(name, table)
    except ValueError as error:
        raise ValueError(f"machine {name!r} in {path} {error}") from error


def calibration_file() -> Path:
    """Where what was measured on this machine is kept."""
    name = re.sub(r"[^\w.-]", "_", socket.gethostname())
    return Path(platformdirs.user_data_dir("numpywren")) / "machines" / f"{name}.toml"


def machine_files() -> tuple[Path, ...]:
    """Files that describe machines besides those that come with numpywren: this one's, then the user's own."""
    measured = calibration_file()
    found = [measured] if measured.exists() else []
    return (*found, *(Path(name).expanduser() for name in names_setting("plan.machines")))


def _tables(paths: tuple[str | Path, ...]) -> dict[str, tuple[str | Path, Any]]:
    """By the name of a machine, where it is described, and how."""
    ours = (files("numpywren.planner") / "machines.toml").read_text()
    tables: dict[str, tuple[str | Path, Any]] = {
        name: ("numpywren's machines.toml", table) for name, table in tomllib.loads(ours).items()
    }
    for path in paths:
        try:
            found = tomllib.loads(Path(path).read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"machines could not be read from {path}: {error}") from error
        if path == calibration_file():
            found = {name: _current(table, tables[name][1]) for name, table in found.items()}
        tables.update({name: (path, table) for name, table in found.items()})
    return tables


def _current(measured: Any, guess: Any) -> Any:
    """What was measured, or the guess where that is of another time."""
    outdated = isinstance(measured, dict) and measured.get("calibration", 1) != CALIBRATION
    return {**guess, "about": OUTDATED} if outdated else measured


def _machine(name: str, table: Any) -> Machine:
    given = _checked(Machine, table, besides={"name"})
    return Machine(name=name, **{**given, "prices": Prices(**_checked(Prices, given.get("prices", {})))})


def _checked(kind: type[Machine | Prices], table: Any, besides: Collection[str] = ()) -> dict[str, Any]:
    known = {each.name: str(each.type) for each in fields(kind) if each.name not in besides}
    if not isinstance(table, dict):
        raise ValueError(f"is described by {table!r}; a table of {', '.join(sorted(known))} is wanted")
    if unknown := set(table) - set(known):
        raise ValueError(f"has no use for {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    given = dict(table)
    if "memory" in given:
        given["memory"] = memory_bytes(given["memory"])
    for figure, value in given.items():
        wanted = _WANTED.get(figure) or _WANTED[known[figure]]
        if not wanted.test(value):
            raise ValueError(f"has {figure} = {value!r}; it must be {wanted.words}")
    return given


class _Wanted(NamedTuple):
    words: str
    test: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _are_shares(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(each) and each > 0 for each in value.values())


#: What a figure must be, by its name or by its type.
_WANTED = {
    "slots": _Wanted("a whole number from 1", lambda value: type(value) is int and value >= 1),
    "gflops": _Wanted("a number above 0", lambda value: _is_number(value) and value > 0),
    "bandwidth": _Wanted("a number above 0", lambda value: _is_number(value) and value > 0),
    "int": _Wanted("a whole number from 0", lambda value: type(value) is int and value >= 0),
    "float": _Wanted("a number from 0", _is_number),
    "str": _Wanted("text", lambda value: isinstance(value, str)),
    "shares": _Wanted("a table of numbers above 0", _are_shares),
    "shares_at": _Wanted(
        "a table of such tables by lengths of tiles",
        lambda value: isinstance(value, dict) and all(each.isdecimal() and _are_shares(value[each]) for each in value),
    ),
    "sources": _Wanted(
        "a table of texts", lambda value: isinstance(value, dict) and all(isinstance(e, str) for e in value.values())
    ),
    "prices": _Wanted("a table of numbers", lambda value: isinstance(value, dict)),
}
