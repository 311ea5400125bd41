"""Workers that follow the parallelism of a Cholesky factorization, against a pool that is there from start to end.

    python benchmarks/bench_elastic.py --plot docs/images/elasticity.png

The matrix has 32 by 32 tiny tiles, and its store answers each request after a while, as one far away does: tasks mostly
wait, so that two cores carry 32 worker processes. A worker has several slots, as its core would be idle between two
answers otherwise; it counts as one core for as long as its process lives, its start included. Both ways run the same
code; the pool is the autoscaler with as many workers at least as at most, and workers that never leave. The pool's time
begins when all of its workers are up, as that of a cluster which is there anyway; the other begins with nobody.

"available" is what could be computed if there were slots without end: tasks ready and running.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

import numpywren as nw
from numpywren.algorithms import cholesky
from numpywren.control import open_plane
from numpywren.job import Request, Returned, start
from numpywren.worker import RunRecord

TILE = 8
LOOK_S = 0.2


class Look(NamedTuple):
    """One moment of a run."""

    seconds: float
    workers: int
    available: int
    running: int
    done: bool


class Outcome(NamedTuple):
    """One run."""

    #: Until the last task was done.
    seconds: float
    core_seconds: float
    tasks: int
    #: Of the client and all workers.
    cpu_seconds: float
    looks: list[Look]

    @property
    def most(self) -> int:
        """Most workers at once."""
        return max(look.workers for look in self.looks)


class Setting(NamedTuple):
    """What both ways have in common."""

    tiles: int
    latency_s: float
    workers: int
    slots: int
    idle_s: float
    factor: float
    folder: Path


def measure(setting: Setting, *, static: bool) -> Outcome:
    """Factor once."""
    with tempfile.TemporaryDirectory(dir=setting.folder) as scratch:
        Path(scratch, "control").mkdir()
        n = setting.tiles * TILE
        stored = nw.asarray(np.eye(n) * n + 1.0, chunks=TILE).save(f"{scratch}/A.zarr")
        far = f"slow:{setting.latency_s:g}:"
        settings = {
            "store": f"{far}file://{scratch}/store",
            "control": f"sqlite:{scratch}/control",
            "backend": "processes",
            "workers.max": setting.workers,
            "workers.min": setting.workers if static else 1,
            "workers.factor": 1.0 if static else setting.factor,
            "worker.slots": setting.slots,
            "worker.memory": "4MB",
            "worker.lease": 60.0,
            "worker.idle": 3600.0 if static else setting.idle_s,
        }
        with nw.config.set(settings):
            request = Request(
                "cholesky",
                cholesky,
                {"A": nw.open(far + stored.url)},
                (Returned("L"),),
                sizes={"depth": 1},
            )
            children = os.times()
            began = time.monotonic()
            run = start(request)
            if static:
                began = when_all_are_up(run, setting)
            looks: list[Look] = []
            done = threading.Event()
            watching = threading.Thread(target=watch, args=(run, began, looks, done))
            watching.start()
            try:
                status = run.wait(progress=False)
            finally:
                done.set()
                watching.join()
        factor = np.asarray(nw.open(run.url.removeprefix(far) + "/out/L"))
        assert np.allclose(factor @ factor.T, np.eye(n) * n + 1.0)
        now = os.times()
        cpu = sum(now[:4]) - sum(children[:4])
    seconds = next(look.seconds for look in looks if look.done)
    if static:  # how long so many processes take to end is not the pool's fault
        looks = [look for look in looks if look.seconds <= seconds]
    return Outcome(seconds, area(looks), status.total, cpu, looks)


def when_all_are_up(run: nw.Run, setting: Setting) -> float:
    """Hold the first task, for which all others wait, until every worker of a pool asks for it; returns the time."""
    plane = open_plane(RunRecord.load(run.url)[0].control)
    (first,) = plane.claim("benchmark", 1, 3600.0)
    pool = psutil.Process().children()
    while any(worker.num_threads() <= setting.slots for worker in pool):
        time.sleep(0.1)
    assert len(pool) == setting.workers
    plane.release("benchmark", [first.task])
    return time.monotonic()


def watch(run: nw.Run, began: float, looks: list[Look], done: threading.Event) -> None:
    """Note, several times a second, how many worker processes there are and how much there is to do."""
    me = psutil.Process()
    observer = nw.attach(run.url)
    last = False
    while not last:
        last = done.is_set()
        status = observer.status()
        workers = sum(map(is_alive, me.children()))
        looks.append(
            Look(
                time.monotonic() - began, workers, status.ready + status.running, status.running, status.state == "done"
            )
        )
        done.wait(LOOK_S)


def is_alive(process: psutil.Process) -> bool:
    """Whether a child has not ended."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def area(looks: list[Look]) -> float:
    """Worker-seconds."""
    return sum(
        (after.seconds - before.seconds) * (after.workers + before.workers) / 2
        for before, after in itertools.pairwise(looks)
    )


def plot(path: Path, setting: Setting, elastic: Outcome, static: Outcome) -> None:
    """Workers and available parallelism over time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(8.0, 5.6), layout="constrained")
    ways = (
        (elastic, f"elastic: {elastic.core_seconds:.0f} core-seconds in {elastic.seconds:.0f} s"),
        (static, f"static: {static.core_seconds:.0f} core-seconds in {static.seconds:.0f} s"),
    )
    for axis, (outcome, title) in zip(axes, ways, strict=True):
        seconds = [look.seconds for look in outcome.looks]
        slots = [look.workers * setting.slots for look in outcome.looks]
        axis.fill_between(seconds, slots, step="post", color="#9ecae1", label="slots of workers that are there")
        axis.plot(seconds, [look.available for look in outcome.looks], color="#d94801", label="tasks ready or running")
        axis.plot(seconds, [look.running for look in outcome.looks], color="#333333", lw=0.9, label="tasks running")
        axis.axhline(setting.workers * setting.slots, color="#888888", lw=0.9, ls="--", label="most slots")
        axis.set_title(title, loc="left", fontsize=11)
        axis.set_ylabel("tasks, slots")
        axis.set_xlim(0, max(elastic.seconds, static.seconds))
        axis.set_ylim(0, None)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=9)
    axes[1].set_xlabel(
        f"seconds; Cholesky of {setting.tiles} × {setting.tiles} tiles, up to {setting.workers} workers of "
        f"{setting.slots} slots, {1000 * setting.latency_s:.0f} ms a request"
    )
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=32, help="rows of tiles (default: 32, 5984 tasks)")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds that a request takes (default: 0.3)")
    parser.add_argument("--workers", type=int, default=32, help="most workers (default: 32)")
    parser.add_argument("--slots", type=int, default=8, help="tasks at once in a worker (default: 8)")
    parser.add_argument("--idle", type=float, default=1.5, help="seconds without work before one leaves (default: 1.5)")
    parser.add_argument("--factor", type=float, default=0.35, help="workers.factor (default: 0.35)")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each, in turn; medians count (default: 1)")
    parser.add_argument("--folder", type=Path, help="where to put tiles (default: the temporary folder)")
    parser.add_argument("--plot", type=Path, help="where to put a picture")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, without the looks")
    options = parser.parse_args()
    setting = Setting(
        options.tiles, options.latency, options.workers, options.slots, options.idle, options.factor, options.folder
    )
    runs = {"elastic": [], "static": []}
    for _ in range(options.repeats):
        for name in runs:
            runs[name].append(measure(setting, static=name == "static"))
    middle = {name: sorted(same, key=lambda run: run.core_seconds)[len(same) // 2] for name, same in runs.items()}
    longer = statistics.median(run.seconds for run in runs["elastic"]) / statistics.median(
        run.seconds for run in runs["static"]
    )
    better = statistics.median(run.core_seconds for run in runs["static"]) / statistics.median(
        run.core_seconds for run in runs["elastic"]
    )
    if options.plot is not None:
        plot(options.plot, setting, middle["elastic"], middle["static"])
    if options.json:
        rows = {name: {**run._asdict(), "most": run.most} for name, run in middle.items()}
        for row in rows.values():
            del row["looks"]
        print(json.dumps({**rows, "longer": longer, "better": better}))
        return
    print(f"{'':8} {'seconds':>8} {'core-seconds':>13} {'most workers':>13} {'CPU seconds':>12}")
    for name, run in middle.items():
        print(f"{name:8} {run.seconds:8.1f} {run.core_seconds:13.0f} {run.most:13} {run.cpu_seconds:12.1f}")
    print(f"core-seconds {better:.2f} times better, {longer:.2f} times as long")


if __name__ == "__main__":
    main()
