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
from typing import Any

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

__all__ = ["calibrate"]

#: Length of the tiles with which the store is measured, and how many of them.
LENGTH, TILES = 1024, 12
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
    slots = int(worker_options()["slots"])
    told(f"kernels, in {slots} slots at once")
    peak, shares = shares_of(kernel_rates(slots))
    place = f"{scratch_url().rstrip('/')}/calibrate/{secrets.token_hex(8)}"
    store = open_store(place)
    told(f"the store at {store.url.partition('/calibrate/')[0]}")
    try:
        storage = _storage(store, slots)
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
        "shares_at": shares,
        "sources": {"all": f"numpywren calibrate, {today}, {time.perf_counter() - began:.0f} s"},
    }
    path = calibration_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(_toml("this-machine", table))
    unfinished.replace(path)
    return path


def _storage(store: Store, slots: int) -> dict[str, Any]:
    """Latency of small tiles, bandwidth of large ones in several threads, and what both cost a core."""
    rng = np.random.default_rng(0)
    small = create_array(f"{store.url}/small", (8 * SMALL, 8), (8, 8), np.float64)
    put_s = statistics.median(_timed(small.write_tile, (i, 0), np.ones((8, 8), order="F")) for i in range(SMALL))
    get_s = statistics.median(_timed(small.find_tile, (i, 0)) for i in range(SMALL))
    large = create_array(f"{store.url}/large", (LENGTH * TILES, LENGTH), (LENGTH, LENGTH), np.float64)
    values = [np.asfortranarray(rng.standard_normal((LENGTH, LENGTH))) for _ in range(2)]
    nbytes = LENGTH * LENGTH * 8

    def read(number: int) -> None:
        value = large.find_tile((number, 0))
        assert value is not None
        value.ravel(order="K")[:: 4096 // 8].sum()  # a mapped tile is read when it is looked at

    writing, written = _together(lambda i: large.write_tile((i, 0), values[i % 2]), slots)
    reading, was_read = _together(read, slots)
    found = {
        "get_s": get_s,
        "put_s": put_s,
        "bandwidth": TILES * nbytes / max(statistics.fmean([writing, reading]), 1e-9),
        "mapped_from": 1 << 20 if store.maps(1 << 20) else 0,
    }
    if written > 0 and was_read > 0:
        found |= {"encoding": TILES * nbytes / written, "decoding": TILES * nbytes / was_read}
    return found


def _together(act: Callable[[int], Any], threads: int) -> tuple[float, float]:
    """Seconds by the clock, and of processors, for all large tiles in several threads."""
    numbers = iter(range(TILES))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            act(number)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    began, spent = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began, time.process_time() - spent


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
