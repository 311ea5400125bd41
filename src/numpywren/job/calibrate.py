"""Measuring this machine: its kernels, the store and control plane that are configured, and what a task costs besides.

The result is one TOML file in the user's folder, named after the machine; plans for ``this-machine`` read it.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from numpywren.algorithms import cholesky
from numpywren.backends.processes import worker_environment
from numpywren.config import config
from numpywren.job.request import Request, Returned
from numpywren.job.start import execute
from numpywren.job.workers import worker_options
from numpywren.matrix import Store, asarray, create_array, open_store, scratch_url
from numpywren.planner import calibration_file
from numpywren.planner.kernel_rates import kernel_rates, shares_of
from numpywren.planner.machine import CALIBRATION

__all__ = ["calibrate"]

#: Length of the tiles with which the store is measured, how many of them at most, and seconds for writing or reading.
#: Few would go to memory that was in use just before, which a system gives in a fraction of the time that others take.
LENGTH, TILES, PATIENCE_S = 1024, 128, 5.0
#: Small tiles whose reads and writes are timed.
SMALL = 20
#: Tiles along each side of the run that shows what a task costs besides its kernels: 816 tasks.
GRID = 16


def calibrate(told: Callable[[str], None] = lambda line: None) -> Path:
    """Measure this machine with the store that is configured, and write down the result.

    Takes less than a minute.

    Parameters
    ----------
    told : callable
        Gets a line about what is measured now.

    Returns
    -------
    Path
        The file, which plans for ``this-machine`` read from now on.
    """
    began = time.perf_counter()
    options = worker_options()
    slots = int(options["slots"])
    told(f"kernels, in {slots} slots at once")
    peak, shares = shares_of(kernel_rates(slots))
    place = f"{scratch_url().rstrip('/')}/calibrate/{secrets.token_hex(8)}"
    store = open_store(place)
    told(f"the store at {store.url.partition('/calibrate/')[0]}")
    try:
        storage = _storage(store, slots, most=int(options["memory"]))
    finally:
        store.clear()
    told("what a task takes besides its kernels, and the start of a worker")
    task_s = _task_s()
    start_s = _start_s()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    table: dict[str, Any] = {
        "about": f"{socket.gethostname()}, measured on {today}, store {store.url.partition(':')[0]}:",
        "gflops": peak / 1e9,
        "task_s": task_s,
        **storage,
        "start_s": start_s,
        "calibration": CALIBRATION,
        "shares_at": shares,
        "sources": {"all": f"numpywren calibrate, {today}, {time.perf_counter() - began:.0f} s"},
    }
    path = calibration_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(_toml("this-machine", table))
    unfinished.replace(path)
    return path


def _storage(store: Store, slots: int, most: int) -> dict[str, Any]:
    """Latency of small tiles, bandwidth of large ones in several threads, and what both cost a core.

    No more than `most` bytes are written, as the store may be memory.
    """
    rng = np.random.default_rng(0)
    small = create_array(f"{store.url}/small", (8 * SMALL, 8), (8, 8), np.float64)
    put_s = statistics.median(_timed(small.write_tile, (i, 0), np.ones((8, 8), order="F")) for i in range(SMALL))
    get_s = statistics.median(_timed(small.find_tile, (i, 0)) for i in range(SMALL))
    nbytes = LENGTH * LENGTH * 8
    tiles = max(1, min(TILES, most // nbytes))
    large = create_array(f"{store.url}/large", (LENGTH * tiles, LENGTH), (LENGTH, LENGTH), np.float64)
    values = [np.asfortranarray(rng.standard_normal((LENGTH, LENGTH))) for _ in range(2)]

    def read(number: int) -> None:
        value = large.find_tile((number, 0))
        assert value is not None
        value.ravel(order="K")[:: 4096 // 8].sum()  # a mapped tile is read when it is looked at

    writes = _together(lambda i: large.write_tile((i, 0), values[i % 2]), slots, tiles)
    reads = _together(read, slots, writes.tiles)
    clock = statistics.fmean([writes.seconds / writes.tiles, reads.seconds / reads.tiles])
    found = {
        "get_s": get_s,
        "put_s": put_s,
        "bandwidth": nbytes / max(clock, 1e-9),
        "mapped_from": 1 << 20 if store.maps(1 << 20) else 0,
    }
    if writes.processor_s > 0 and reads.processor_s > 0:
        found |= {
            "encoding": writes.tiles * nbytes / writes.processor_s,
            "decoding": reads.tiles * nbytes / reads.processor_s,
        }
    return found


class _Moved(NamedTuple):
    """Large tiles written or read in several threads: how many, seconds by the clock, and of processors."""

    tiles: int
    seconds: float
    processor_s: float


def _together(act: Callable[[int], Any], threads: int, tiles: int) -> _Moved:
    """Write or read one tile after another, in several threads, until all are done or patience ends."""
    numbers = iter(range(tiles))
    lock = threading.Lock()
    done = 0

    def work() -> None:
        nonlocal done
        while True:
            with lock:
                late = done and time.perf_counter() - began > PATIENCE_S
                number = None if late else next(numbers, None)
                if number is None:
                    return
                done += 1
            act(number)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    began, spent = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return _Moved(done, time.perf_counter() - began, time.process_time() - spent)


def _timed(act: Callable[..., Any], *arguments: Any) -> float:
    began = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - began


def _task_s() -> float:
    """Seconds of a slot for a task whose kernels take no time: claim, read, write, complete."""
    side = 8 * GRID
    values = np.eye(side) * side + 1.0
    request = Request("cholesky", cholesky, {"A": asarray(values, chunks=8)}, (Returned("L"),), sizes={"depth": 1})
    tasks = GRID * (GRID + 1) * (GRID + 2) // 6
    with config.set({"backend": "local", "workers.max": 1, "worker.slots": 1, "progress": "false"}):
        execute(request)
        began = time.process_time()
        execute(request)
        return (time.process_time() - began) / tasks


def _start_s() -> float:
    """Seconds until a process has all that a worker needs."""
    began = time.perf_counter()
    command = [sys.executable, "-c", "import numpywren.worker.entry"]
    subprocess.run(command, check=True, env=worker_environment(), stdin=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - began


def _toml(name: str, table: Mapping[str, Any]) -> str:
    """A table of numbers, text and tables of such, as TOML."""
    lines = [f"[{name}]"]
    inner = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            inner.append((f"{name}.{key}", value))
        else:
            lines.append(f"{key} = {_value(value)}")
    return "\n".join(lines) + "\n" + "".join("\n" + _toml(key, value) for key, value in inner)


def _value(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else str(value)
