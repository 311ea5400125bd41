"""The same Cholesky with everything embedded, and on servers: Redis for control, an S3 server for tiles.

    python benchmarks/bench_clouds.py --size 8192 --chunk 1024                 # moto for S3
    python benchmarks/bench_clouds.py --size 8192 --chunk 1024 --s3 radosgw    # Ceph's gateway, storing in memory
    python benchmarks/bench_clouds.py --backends local processes lithops

Servers, workers and client share this machine's cores, so what the servers compute is told beside. Time runs from the
first task that is claimed to the end of the run; what it took to get there, the start of workers above all, is told
apart. Runs alternate, and the median of each is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

import numpywren as nw

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from servers.moto import moto
from servers.radosgw import radosgw
from servers.redis import binaries, server

BUCKET = "benchmark"


class Sample(NamedTuple):
    """One run: seconds from the first claim to the end, seconds before that, and what the servers computed."""

    seconds: float
    startup: float
    server_seconds: float


@contextlib.contextmanager
def s3(which: str) -> Iterator[dict[str, str]]:
    """An S3 server with a bucket, and the variables with which it is found."""
    if which == "radosgw":
        with radosgw() as variables:
            os.environ.update(variables)
            _make_bucket(variables["AWS_ENDPOINT_URL"])
            yield variables
        return
    with moto() as found:
        found.make_bucket(BUCKET)
        yield found.environment


def _make_bucket(url: str) -> None:
    import boto3

    boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)


def settings(backend: str, folder: str, redis: str) -> dict[str, Any]:
    """Configuration of one row."""
    if backend == "local":
        return {"store": folder, "control": None, "backend": "local"}
    return {
        "store": f"s3://{BUCKET}/scratch",
        "control": redis,
        "backend": backend,
        "workers.max": 2,
        "workers.min": 2,
        "worker.slots": 1,
        "worker.memory": "4GiB",
    }


def sample(backend: str, folder: str, redis: str, whole: np.ndarray, chunk: int) -> Sample:
    """Factor once."""
    with nw.config.set(settings(backend, folder, redis)):
        array = nw.asarray(whole, chunks=chunk)
        before, began, first = server_seconds(), time.perf_counter(), None
        run = nw.submit(nw.linalg.cholesky, array)
        while first is None:
            status = run.status()
            if status.running or status.done:
                first = time.perf_counter()
            time.sleep(0.002)
        run.wait(progress=False)
        end = time.perf_counter()
        used = server_seconds() - before
        run.delete()
        array.delete()
        return Sample(end - first, first - began, used)


def server_seconds() -> float:
    """Processor time so far of the servers that this process started, directly or not."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if any(name in command for name in ("redis", "valkey", "moto", "radosgw", "ceph")):
                times = process.cpu_times()
                total += times.user + times.system
    return total


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--chunk", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--s3", choices=["moto", "radosgw"], default="moto")
    parser.add_argument("--backends", nargs="+", default=["local", "processes", "lithops"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    # Lithops on localhost starts whatever is called python
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    source = np.random.default_rng(0)
    whole = source.standard_normal((given.size, given.size))
    whole += whole.T
    whole[np.diag_indices(given.size)] += 4 * given.size
    samples: dict[str, list[Sample]] = {backend: [] for backend in given.backends}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ.update(stack.enter_context(s3(given.s3)))
        redis = stack.enter_context(server(next(reversed(binaries().values())), Path(folder, "redis"))).url
        for _ in range(given.repeats):
            for backend in given.backends:
                samples[backend].append(sample(backend, folder, redis, whole, given.chunk))
    rows = {
        backend: {name: statistics.median(getattr(each, name) for each in found) for name in Sample._fields}
        for backend, found in samples.items()
    }
    if given.json:
        print(json.dumps(rows))
        return
    print(f"Cholesky, n = {given.size}, tiles of {given.chunk}, S3 by {given.s3}; median of {given.repeats}")
    for backend, row in rows.items():
        ratio = row["seconds"] / next(iter(rows.values()))["seconds"]
        print(
            f"{backend:10} {row['seconds']:7.2f} s  {ratio:5.2f} x  start-up {row['startup']:5.2f} s  "
            f"servers {row['server_seconds']:6.2f} s of processor"
        )


if __name__ == "__main__":
    main()
