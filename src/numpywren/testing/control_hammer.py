"""Real processes on one control plane, some of them killed at random moments, and an account of what came of it.

`hammer` runs a random graph of tasks whose tiles are empty files. Its processes are in a hurry: they take several tasks
at a time, sleep past the end of their leases and finish late, complete twice, hand back, renew, and are killed by
SIGKILL wherever they are. Each keeps a journal; from the journals it is proved afterwards that

- a claimed task had all its tiles, or was no longer its holder's;
- each task became done once, each became ready once, and each counted tile was freed once;
- nothing else happened that a kill in the middle of a call does not explain;
- the files that are left are those that should be.

It runs on any plane that processes of one machine can open by URL, also on one that `open_plane` does not know::

    report = hammer("my://host/run", folder=tmp_path, opener="my_package.plane:MyPlane")
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from numpywren.control import Arrival, ControlPlane, Reader, TaskState

__all__ = ["HammerReport", "hammer"]

#: Seconds that a lease lasts: shorter than some pauses, longer than most tasks.
LEASE_S = 0.4


@dataclass(frozen=True)
class HammerReport:
    """What happened.

    Parameters
    ----------
    tasks : int
        Tasks of the run.
    kills : int
        Processes that were killed.
    completions, late : int
        Completions that were reported, and those of them that found the task done.
    repeated : int
        Expired leases whose tasks were handed out again.
    seconds : float
        How long it took.
    """

    tasks: int
    kills: int
    completions: int
    late: int
    repeated: int
    seconds: float


class _Work:
    """A layered random graph, the same in each process that knows its seed and size."""

    def __init__(self, seed: int, tasks: int) -> None:
        rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.reads: dict[str, tuple[str, ...]] = {}
        self.writes: dict[str, tuple[str, ...]] = {}
        self.priority: dict[str, int] = {}
        self.readers: dict[str, list[str]] = {}
        self.counted: set[str] = set()
        tiles: list[str] = []
        for i in range(tasks):
            task = f"task {i}"
            recent = tiles[-40:]
            self.reads[task] = tuple(rng.sample(recent, min(len(recent), rng.choice((0, 1, 2, 2, 3, 6)))))
            self.writes[task] = tuple(f"{i}.{k}" for k in range(rng.choice((1, 1, 1, 2))))
            self.priority[task] = i // 10
            for tile in self.reads[task]:
                self.readers[tile].append(task)
            for tile in self.writes[task]:
                self.readers[tile] = []
                tiles.append(tile)
                if rng.random() < 0.7:
                    self.counted.add(tile)

    def roots(self) -> Iterator[TaskState]:
        return (TaskState(task, 0, self.priority[task]) for task, reads in self.reads.items() if not reads)

    def arrivals(self, task: str) -> list[Arrival]:
        return [
            Arrival(
                tile,
                tuple(Reader(name, len(self.reads[name]), self.priority[name]) for name in self.readers[tile]),
                tile in self.counted,
            )
            for tile in self.writes[task]
        ]

    def counted_reads(self, task: str) -> list[str]:
        return [tile for tile in self.reads[task] if tile in self.counted]


class _Worker:
    """One process: claims, checks, writes, completes, and writes a journal of what it sees."""

    def __init__(self, name: str, plane: ControlPlane, work: _Work, folder: Path, rng: random.Random) -> None:
        self.name, self.plane, self.work, self.folder, self.rng = name, plane, work, folder, rng
        # Unbuffered, so that a kill loses nothing that was written.
        self.journal = (folder / "journals" / name).open("ab", buffering=0)

    def note(self, **entry: object) -> None:
        self.journal.write(json.dumps(entry).encode() + b"\n")

    def tile(self, name: str) -> Path:
        return self.folder / "tiles" / name

    def live(self) -> None:
        while self.plane.status().state == "running":
            # Preferring what can't be there, too: names need not be known.
            claims = self.plane.claim(self.name, self.rng.choice((1, 1, 2, 5)), LEASE_S, prefer=["task 7", "task 8"])
            tasks = [claim.task for claim in claims]
            for task in tasks:
                self.check_tiles(task)
            if len(tasks) > 1 and self.rng.random() < 0.2:
                self.plane.release(self.name, [tasks.pop()])
            for task in tasks:
                self.run(task)
            if not tasks:
                time.sleep(0.002)

    def check_tiles(self, task: str) -> None:
        missing = [tile for tile in self.work.reads[task] if not self.tile(tile).exists()]
        # They may be freed already if the task is done by now; but then we hold no lease.
        if missing and self.plane.renew(self.name, [task], LEASE_S):
            self.note(event="missing", task=task, tiles=missing)

    def run(self, task: str) -> None:
        dice = self.rng.random()
        if dice < 0.01:
            time.sleep(2 * LEASE_S)
        elif dice < 0.2:
            self.plane.renew(self.name, [task], LEASE_S)
            time.sleep(0.003)
        for tile in self.work.writes[task]:
            self.tile(tile).touch()
        for _ in range(2 if self.rng.random() < 0.1 else 1):
            self.complete(task)

    def complete(self, task: str) -> None:
        self.note(event="completing", task=task)
        done = self.plane.complete(
            self.name, task, self.work.arrivals(task), [*self.work.counted_reads(task), "not counted"]
        )
        self.note(event="completed", task=task, first=done.first, ready=done.ready, freed=done.freed)
        for tile in done.freed:
            self.tile(tile).unlink(missing_ok=True)


def hammer(
    url: str,
    folder: Path,
    *,
    opener: str = "numpywren.control:open_plane",
    processes: int = 4,
    kills: int = 6,
    tasks: int = 400,
    seed: int = 0,
    limit_s: float = 120.0,
) -> HammerReport:
    """Run a random graph on the plane at `url` with processes of which some are killed, and check the account.

    Parameters
    ----------
    url : str
        A control plane; a run in it is replaced, and deleted in the end.
    folder : Path
        An empty folder, for tiles and journals.
    opener : str
        What opens the plane, as ``"module:name"``; called with the URL.
    processes : int
        How many work at a time.
    kills : int
        How many are killed, and replaced.
    tasks : int
        Size of the graph.
    seed : int
        Of the graph and the moments.
    limit_s : float
        Seconds after which the run is taken to hang.

    Raises
    ------
    AssertionError
        If something happened that the laws of `ControlPlane` exclude.
    """
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    work = _Work(seed, tasks)
    for name in ("journals", "tiles"):
        (folder / name).mkdir(parents=True)
    plane = _load(opener)(url)
    plane.restore(work.roots(), {}, tasks)
    started = time.monotonic()
    numbers = iter(range(10**6))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # so that they find the opener

    def start() -> subprocess.Popen[bytes]:
        options = {
            "url": url,
            "opener": opener,
            "folder": str(folder),
            "seed": seed,
            "tasks": tasks,
            "n": next(numbers),
        }
        return subprocess.Popen([sys.executable, "-m", __name__, json.dumps(options)], env=environment)

    team = [start() for _ in range(processes)]
    # Kills are spread over the run by progress, not by time, as machines differ.
    moments = sorted(rng.randrange(tasks) for _ in range(kills))
    killed = 0
    try:
        while (status := plane.status()).state == "running":
            assert time.monotonic() < started + limit_s, f"not finished after {limit_s} s: {status}"
            if killed < kills and status.done >= moments[killed]:
                time.sleep(rng.uniform(0, 0.01))
                victim = rng.randrange(processes)
                team[victim].send_signal(signal.SIGKILL)
                assert team[victim].wait() in (-signal.SIGKILL, 0), "a worker failed before it was killed"
                killed += 1
                team[victim] = start()
            assert all(process.poll() in (None, 0) for process in team), "a worker failed; its traceback is above"
            time.sleep(0.002)
        for process in team:
            assert process.wait(timeout=30) == 0, "a worker failed; its traceback is above"
    finally:
        for process in team:
            process.kill()
            process.wait()
    assert status.state == "done", f"the run ended as {status}"
    assert (status.total, status.done, status.ready, status.running, status.waiting) == (tasks, tasks, 0, 0, 0)
    completions, late = _check(work, folder)
    plane.delete()
    return HammerReport(tasks, killed, completions, late, status.repeated, time.monotonic() - started)


def _check(work: _Work, folder: Path) -> tuple[int, int]:
    """Prove from the journals what the module promises; how many completions there were, and how many late ones."""
    done: Counter[str] = Counter()
    ready: Counter[str] = Counter()
    freed: Counter[str] = Counter()
    unknown: set[str] = set()  # tasks of which a completion was interrupted, so that its answer is lost
    late = 0
    for path in sorted((folder / "journals").iterdir()):
        pending = None
        for line in path.read_bytes().splitlines():
            entry = json.loads(line)
            assert entry["event"] != "missing", (
                f"{path.name} was handed {entry['task']} before {entry['tiles']} arrived"
            )
            if entry["event"] == "completing":
                pending = entry["task"]
                continue
            pending = None
            assert entry["first"] or not entry["ready"], f"{entry['task']} was done, but made {entry['ready']} ready"
            if entry["first"]:
                done[entry["task"]] += 1
                ready.update(entry["ready"])
                freed.update(entry["freed"])
            late += not entry["first"]
        if pending is not None:
            unknown.add(pending)
    told = {reader for task in unknown for tile in work.writes[task] for reader in work.readers[tile]}
    let_go = {tile for task in unknown for tile in (*work.writes[task], *work.counted_reads(task))}
    _exactly_once(done, work.reads, unknown, "done")
    _exactly_once(ready, (task for task, reads in work.reads.items() if reads), told, "ready")
    _exactly_once(freed, work.counted, let_go, "freed")
    left = {path.name for path in (folder / "tiles").iterdir()}
    kept = {tile for tiles in work.writes.values() for tile in tiles} - work.counted
    assert kept <= left, f"tiles that are not counted were deleted: {kept - left}"
    return done.total() + late, late


def _exactly_once(seen: Counter[str], expected: Iterable[str], excused: set[str], what: str) -> None:
    """Check that each of `expected` was seen once, or never if a kill explains that, and nothing else was seen."""
    wanted = set(expected)
    assert set(seen) <= wanted, f"{set(seen) - wanted} became {what}, and should never have"
    twice = [name for name, times in seen.items() if times > 1]
    assert not twice, f"{twice} became {what} more than once"
    never = wanted - set(seen) - excused
    assert not never, f"{never} never became {what}"


def _load(opener: str) -> Callable[[str], ControlPlane]:
    module, _, name = opener.partition(":")
    return cast("Callable[[str], ControlPlane]", getattr(import_module(module), name))


def _main(text: str) -> None:
    options = json.loads(text)
    rng = random.Random(f"{options['seed']} {options['n']}")  # noqa: S311 - reproducible, not secret
    work = _Work(options["seed"], options["tasks"])
    name = f"worker-{options['n']}"
    _Worker(name, _load(options["opener"])(options["url"]), work, Path(options["folder"]), rng).live()


if __name__ == "__main__":
    _main(sys.argv[1])
