"""What workers read over the network: one with four slots and one cache, beside four with one slot each.

    python benchmarks/bench_locality.py --tiles 16 --chunk 64
    python benchmarks/bench_locality.py --store s3://bucket/prefix       # with AWS_ENDPOINT_URL and keys as usual
    python benchmarks/bench_locality.py --store slow:0.02:file:///tmp/far

Without `--store` a server of moto is started on this machine and its S3 used. Each matrix is factored three times: by
one worker with all slots, by workers with one slot each that have the same memory *together*, and by workers with one
slot each that have the same memory *each*. A tile that is read from the store counts; one found in the cache does not.
The cache is what is left of a worker's memory when its tasks have theirs. Workers start together, and none is added or
leaves before the end. The control plane is a SQLite file, so that every request counted is one for tiles.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import numpywren as nw
from numpywren import backends
from numpywren.backends import Backend
from numpywren.events import Event, StoreRetried, TaskDone, TileRead, TilesFreed, TileWritten
from numpywren.worker import Settings, Worker, open_run

OPERATIONS = {"cholesky": nw.linalg.cholesky, "qr": nw.linalg.qr}


class Row(NamedTuple):
    """One run; per task where it says so."""

    operation: str
    workers: int
    slots: int
    memory_tiles: int
    tasks: int
    seconds: float
    bytes_per_task: float
    reads_per_task: float
    hits_per_task: float
    writes_per_task: float
    requests_per_task: float
    calls_per_task: float


class Nobody(Backend):
    """A backend that starts nobody: the benchmark starts its own workers."""

    def start(self, count: int) -> None:
        """Start nobody."""

    def alive(self) -> int:
        """Nobody is."""
        return 0

    def wait(self, timeout_s: float) -> None:
        """Sleep."""
        time.sleep(timeout_s)

    def stop(self) -> None:
        """Nobody is to be told."""

    def trouble(self) -> None:
        """Nobody had any."""


class Counts:
    """A listener that adds up what happened."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Count one."""
        with self._lock:
            match event:
                case TaskDone():
                    self.totals["tasks"] += 1
                case TileRead(cached=True):
                    self.totals["hits"] += 1
                case TileRead():
                    self.totals["reads"] += 1
                    self.totals["bytes"] += event.nbytes
                    self.totals["requests"] += 1
                case TileWritten():
                    self.totals["writes"] += 1
                    self.totals["requests"] += 1
                case TilesFreed() | StoreRetried():
                    self.totals["requests"] += 1


class CountedPlane:
    """A control plane whose calls are counted."""

    def __init__(self, plane: Any, counts: Counts) -> None:
        self._plane, self._counts = plane, counts

    def __getattr__(self, name: str) -> Any:
        self._counts.totals["calls"] += 1
        return getattr(self._plane, name)


def work(url: str, options: str) -> None:
    """Be a worker process: open the run, say so, wait for the word, and tell what was counted."""
    counts = Counts()
    record, bindings, store, dataflow, plane = open_run(url, ())
    plane.status()
    settings = Settings(**json.loads(options))
    worker = Worker(record, bindings, store, dataflow, CountedPlane(plane, counts), settings, counts)
    print(flush=True)
    sys.stdin.readline()
    worker.run()
    print(json.dumps(counts.totals))


def measure(operation: str, array: nw.Array, workers: int, slots: int, memory_tiles: int) -> Row:
    """One run by a team of workers that start together."""
    backends.BACKENDS["nobody"] = f"{Nobody.__module__}:{Nobody.__qualname__}"
    memory = memory_tiles * array.chunks[0] ** 2 * array.dtype.itemsize
    settings = Settings(slots=slots, memory=memory, idle_s=600.0)
    team_settings = {"workers.max": workers, "worker.memory": memory, "worker.slots": slots}
    with nw.config.set({"backend": "nobody", **team_settings}):
        run = nw.submit(OPERATIONS[operation], array)
    command = [sys.executable, __file__, "--work", run.url, json.dumps(dataclasses.asdict(settings))]
    team = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    try:
        for process in team:
            process.stdout.readline()
        began = time.perf_counter()
        for process in team:
            process.stdin.write("\n")
            process.stdin.flush()
        told = [Counter(json.loads(process.stdout.readline())) for process in team]
        seconds = time.perf_counter() - began
    finally:
        for process in team:
            process.kill()
            process.communicate()
    status = run.status()
    if status.state != "done":
        raise RuntimeError(f"{run!r} is {status.state}: {status.failure}")
    run.delete()
    total = sum(told, Counter())
    each = {name: total[name] / status.total for name in ("bytes", "reads", "hits", "writes", "requests", "calls")}
    return Row(
        operation,
        workers,
        slots,
        memory_tiles,
        status.total,
        seconds,
        *(each[name] for name in ("bytes", "reads", "hits", "writes", "requests", "calls")),
    )


def compare(operations: list[str], tiles: int, chunk: int, slots: int, memory_tiles: int) -> list[Row]:
    """Every operation with every team."""
    n = tiles * chunk
    a = np.random.default_rng(0).standard_normal((n, n)) + n * np.eye(n)
    array = nw.asarray((a + a.T) / 2, chunks=chunk).save(f"{nw.config.get('store')}/locality-{os.getpid()}.zarr")
    teams = [(1, slots, memory_tiles), (slots, 1, memory_tiles // slots), (slots, 1, memory_tiles)]
    try:
        return [measure(operation, array, *team) for operation in operations for team in teams]
    finally:
        array.delete()


@contextlib.contextmanager
def place(store: str | None) -> Iterator[str]:
    """The store to use: the one that was named, or S3 on this machine."""
    if store is not None:
        yield store
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from servers.moto import moto

    with moto() as server:
        os.environ.update(server.environment)
        server.make_bucket("locality")
        yield "s3://locality/scratch"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=16, help="rows of tiles in the matrix (default: 16)")
    parser.add_argument("--chunk", type=int, default=64, help="rows of a tile (default: 64)")
    parser.add_argument("--slots", type=int, default=4, help="tasks computed at once in all workers (default: 4)")
    parser.add_argument("--memory-tiles", type=int, default=320, help="memory, in tiles (default: 320)")
    parser.add_argument("--operation", choices=OPERATIONS, action="append", help="default: all")
    parser.add_argument("--store", help="where tiles go (default: a server of S3 on this machine)")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each row")
    parser.add_argument("--work", nargs=2, metavar=("URL", "OPTIONS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*given.work)
        return
    with place(given.store) as store, tempfile.TemporaryDirectory() as folder:
        nw.config.set({"store": store, "control": f"sqlite:{folder}", "progress": False})
        rows = compare(given.operation or list(OPERATIONS), given.tiles, given.chunk, given.slots, given.memory_tiles)
    if given.json:
        for row in rows:
            print(json.dumps(row._asdict()))
        return
    print(f"{'':10} {'workers':>7} {'slots':>5} {'memory':>9} {'tasks':>6} {'s':>6} | a task:", end="")
    print(f" {'kB read':>8} {'of one':>6} {'reads':>6} {'hits':>6} {'writes':>6} {'requests':>8} {'plane':>6}")
    for first in range(0, len(rows), 3):
        for row in rows[first : first + 3]:
            print(
                f"{row.operation:10} {row.workers:7} {row.slots:5} {row.memory_tiles:3} tiles {row.tasks:6} "
                f"{row.seconds:6.1f} |         {row.bytes_per_task / 1e3:8.1f} "
                f"{rows[first].bytes_per_task / row.bytes_per_task:6.2f} {row.reads_per_task:6.2f} "
                f"{row.hits_per_task:6.2f} {row.writes_per_task:6.2f} {row.requests_per_task:8.2f} "
                f"{row.calls_per_task:6.2f}"
            )


if __name__ == "__main__":
    main()
