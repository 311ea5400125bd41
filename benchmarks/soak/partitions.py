"""Networks that fall apart: workers, a client, the plane and the store on machines whose lines are cut and mended.

    python benchmarks/soak/partitions.py                       each partition, once
    python benchmarks/soak/partitions.py --cut 40 "the client"  one of them, for so many seconds

There are the client's machine, with a worker of its own; an island, with workers that nobody tends; a machine with
Redis; and one with the object store. A line of JSON is printed for each partition.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpywren as nw
from numpywren.job.workers import worker_options
from soak.disturbances import Stage, meanwhile
from soak.network import Line, Machine, enclosed, why_not
from soak.runner import LEASE_S, Outcome, finished, look, status_of
from soak.scenarios import Scenario
from soak.world import BUCKET, Place, World, begin

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from servers import moto, redis

__all__ = ["PARTITIONS", "main", "part"]

PLANE, STORE = "10.77.1.1", "10.77.2.1"
#: Name: which lines are cut, as (whose, to what).
PARTITIONS = {
    "an island": [("island", "plane"), ("island", "store")],
    "an island from the plane": [("island", "plane")],
    "an island from the store": [("island", "store")],
    "all from the plane": [("client", "plane"), ("island", "plane")],
    "all from the store": [("client", "store"), ("island", "store")],
    "the client": [("client", "plane"), ("client", "store")],
}
#: Workers on the island, and those that the client starts.
ON_ISLAND, AT_HOME = 2, 1


@dataclass
class Network:
    """The machines, their servers and lines."""

    island: Machine
    place: Place
    lines: dict[tuple[str, str], Line]


@contextlib.contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Machines with servers, while the block lasts."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with contextlib.ExitStack() as stack:
        island = stack.enter_context(Machine())
        plane, store = stack.enter_context(Machine(PLANE)), stack.enter_context(Machine(STORE))
        ends = {"plane": plane, "store": store}
        lines = {(w, to): Line(m, ends[to]) for w, m in (("client", None), ("island", island)) for to in ends}
        with plane.entered():
            log = ("--bind", "0.0.0.0", "--protected-mode", "no", "--appendonly", "yes", "--appendfsync", "always")
            server = stack.enter_context(redis.server(list(redis.binaries().values())[-1], folder, *log))
        with store.entered():
            bucket = stack.enter_context(moto.moto(host="0.0.0.0"))
        server.client = functools.partial(server.client, host=PLANE)
        bucket.url = f"http://{STORE}:{bucket.url.rpartition(':')[2]}"
        bucket.make_bucket(BUCKET)
        os.environ |= bucket.environment
        place = Place("redis-aof", f"s3://{BUCKET}/runs", f"s3://{BUCKET}/inputs")
        place.settings["control"] = f"redis://{PLANE}:{server.port}/0"
        place.redis, place.bucket = server, bucket
        yield Network(island, place, lines)


@contextlib.contextmanager
def islanders(net: Network, url: str) -> Iterator[list[subprocess.Popen[Any]]]:
    """Workers on the island; whoever has not left when the block ends is killed."""
    words = [sys.executable, "-m", "numpywren.worker", url, json.dumps(worker_options())]
    started = [subprocess.Popen([*net.island.within, *words], stdin=subprocess.DEVNULL) for _ in range(ON_ISLAND)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def part(world: World, net: Network, name: str, cut_s: float) -> Outcome:
    """Run with lines that are cut for `cut_s`, and say what became of it."""
    outcome, began = Outcome(Scenario(name, "redis-aof", "qr", (name,), AT_HOME)), time.monotonic()
    settings = {"backend": "processes", "workers.max": AT_HOME, "worker.slots": 1, "worker.memory": "64MiB"}
    settings |= {"worker.lease": LEASE_S, "worker.idle": 30.0}
    wanted = world.wanted("qr", AT_HOME)

    def cut(stage: Stage) -> None:
        if stage.after(0.25):
            for line in PARTITIONS[name]:
                net.lines[line].cut()
            stage.did["lines cut"] += len(PARTITIONS[name])
            time.sleep(cut_s)  # whether the run is over or not
            for line in PARTITIONS[name]:
                net.lines[line].mend()

    with nw.config.set({**net.place.settings, **settings}):
        run = begin("qr", nw.open(world.input("qr", net.place).url))
        with islanders(net, run.url):
            stage = Stage(net.place, run.url, random.Random(0), status_of(run.url))
            with meanwhile(stage, cut):
                run = finished(run, stage, outcome)
            look(run, net.place, wanted, outcome)
        outcome.did = dict(stage.did)
    outcome.seconds = time.monotonic() - began
    return outcome


def main() -> int:
    """Cut what is named, or everything; 1 if anything was wrong with any run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PARTITIONS))
    parser.add_argument("--cut", type=float, default=2 * LEASE_S, help="seconds; by default two leases")
    given, wrong = parser.parse_args(), 0
    if unknown := sorted(set(given.names) - set(PARTITIONS)):
        parser.error(f"there is no partition {unknown[0]!r}; there are {', '.join(PARTITIONS)}")
    enclose()
    with World() as world, network(world.folder / "redis") as net:
        for name in given.names or PARTITIONS:
            outcome = part(world, net, name, given.cut)
            wrong += bool(outcome.wrong)
            told = {"name": name, "repeated": outcome.repeated, "tasks": outcome.tasks, "wrong": outcome.wrong}
            print(json.dumps({**told, "did": outcome.did, "seconds": round(outcome.seconds, 1)}), flush=True)
    return 1 if wrong else 0


def enclose() -> None:
    """Begin again in a network of one's own."""
    if "SOAK_IS_ENCLOSED" not in os.environ:
        if (reason := why_not()) is not None:
            sys.exit(f"no networks can be made: {reason}")
        os.environ["SOAK_IS_ENCLOSED"] = "yes"
        words = enclosed([__file__, *sys.argv[1:]])
        os.execvp(words[0], words)


if __name__ == "__main__":
    sys.exit(main())
