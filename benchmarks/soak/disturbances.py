"""What is done to a run while it is under way. Each is a context manager; inside its block the run is to end."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from numpywren.testing.faults import Fault

if TYPE_CHECKING:
    from numpywren.control import Status
    from soak.world import Place

__all__ = ["BEFORE", "COUNTED", "MEANWHILE", "Stage", "meanwhile", "workers_of"]

#: Where `sitecustomize` is that puts the clocks of Python processes wrong.
CLOCKS = Path(__file__).parent / "clocks"
#: Workers killed one after another, at most.
KILLS = 6
#: Seconds for which one is stopped: longer than a lease.
STOPPED_S = 5.0
#: What was called 5% and 1%.
FAILING, DAMAGED = 0.05, 0.01
#: Seconds that a request takes more while the store is slow: ten times what it takes else, or more.
SLOW_S = 0.1
#: Seconds for which a silent store is silent: longer than anybody waits for an answer.
SILENT_S = 35.0
#: Share of the calls to a plane that are repeated, and of those that come late.
REPEATED = 0.03


@dataclass
class Stage:
    """A run, what is behind it, and what was done to it."""

    place: Place
    url: str
    dice: random.Random
    #: How far it is; None while its plane is lost.
    status: Callable[[], Status | None]
    over: threading.Event = field(default_factory=threading.Event)
    did: Counter[str] = field(default_factory=Counter)

    def after(self, share: float, *, resumed: bool = True) -> bool:
        """Wait until that share of the tasks is done; False if the run is over before, or lost and not `resumed`."""
        while not self.over.is_set():
            status = self.status()
            if status is not None and status.done >= share * status.total:
                return status.done < status.total
            if status is None and not resumed:
                return False
            self.over.wait(0.02)
        return False

    def holds(self, processes: list[psutil.Process]) -> bool:
        """Whether any of these workers has a task."""
        status = self.status()
        held = () if status is None else status.longest
        return any(f"-{process.pid}-" in one.worker for process in processes for one in held)


def workers_of(url: str) -> list[psutil.Process]:
    """Worker processes of a run on this machine, whoever started them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if url in words and "numpywren.worker" in words and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def tell(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def kill(process: psutil.Process) -> None:
    """End a process as a machine that goes away does."""
    tell(process, signal.SIGKILL)


@contextlib.contextmanager
def meanwhile(stage: Stage, act: Callable[[Stage], None]) -> Iterator[None]:
    """Do something in a thread of its own while the block lasts, and raise what it raises."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act(stage)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    thread = threading.Thread(target=run, name=act.__name__)
    thread.start()
    try:
        yield
    finally:
        stage.over.set()
        thread.join()
    if failed:
        raise failed[0]


# -- workers


def kill_workers(stage: Stage) -> None:
    """Kill any worker at any moment, if only something is done between two deaths; else a run is given up."""
    for _ in range(KILLS):
        before = stage.status()
        while (now := stage.status()) is None or (before is not None and now.done == before.done):
            if stage.over.wait(0.02):
                return
        if stage.over.wait(stage.dice.uniform(0.0, 0.3)):
            return
        if victims := workers_of(stage.url):
            kill(stage.dice.choice(victims))
            stage.did["killed"] += 1


def kill_most(stage: Stage) -> None:
    """Kill four workers of five at half time, at least one of them at work."""
    if stage.after(0.5):
        with caught(stage, 0.8) as victims:
            for victim in victims:
                kill(victim)
                stage.did["killed"] += 1


def stop_workers(stage: Stage) -> None:
    """Stop a worker at work for longer than its lease, then let it go on: it finishes what others have done."""
    if stage.after(0.2):
        with caught(stage, 0.01) as victims:
            stage.did["stopped"] += len(victims)
            time.sleep(STOPPED_S if victims else 0.0)


@contextlib.contextmanager
def caught(stage: Stage, share: float) -> Iterator[list[psutil.Process]]:
    """That share of the workers, stopped while the block lasts, one of them at least while it has a task."""
    while not stage.over.is_set():
        workers = workers_of(stage.url)
        victims = stage.dice.sample(workers, math.ceil(share * len(workers)))
        with contextlib.ExitStack() as stopped:
            for victim in victims:
                stopped.callback(tell, victim, signal.SIGCONT)
                tell(victim, signal.SIGSTOP)
            if stage.holds(victims):
                yield victims
                return
        stage.over.wait(0.02)
    yield []


@contextlib.contextmanager
def clocks_off(stage: Stage) -> Iterator[None]:
    """Set each worker's clock off by up to ten minutes; this is to be begun before they are."""
    with tempfile.NamedTemporaryFile("r", prefix="soak-clocks-") as told:
        os.environ |= {"SOAK_CLOCKS_OFF_BY_MINUTES": "10", "SOAK_CLOCKS_TOLD": told.name}
        sys.path.insert(0, str(CLOCKS))
        try:
            yield
        finally:
            sys.path.remove(str(CLOCKS))
            del os.environ["SOAK_CLOCKS_OFF_BY_MINUTES"]
        offs = [float(line.split()[1]) for line in told]
        stage.did["clocks off"] += sum(abs(off) > 60 for off in offs)


# -- the plane


def kill_redis(stage: Stage) -> None:
    """Kill the server at a random moment, and start it again."""
    if stage.place.redis is not None and stage.after(stage.dice.uniform(0.1, 0.8)):
        stage.place.redis.kill()
        stage.did["plane killed"] += 1
        stage.over.wait(stage.dice.uniform(0.0, 1.0))
        stage.place.redis.start()


@contextlib.contextmanager
def late_calls(stage: Stage) -> Iterator[None]:
    """Lose answers of the plane, so that calls are repeated, and deliver calls late, behind those that followed."""
    rules = [Fault(kind="lose", share=REPEATED), Fault(kind="late", share=REPEATED, seconds=0.5)]
    place = stage.place
    if place.line is not None:
        place.line.lose = place.line.late = REPEATED
    elif place.items is not None:
        place.items.rules = rules
    elif place.tiles is not None:
        add(stage, [Fault(kind=r.kind, share=r.share, seconds=r.seconds, path="/control/") for r in rules])
    yield
    place.settle()


# -- the store


def add(stage: Stage, rules: list[Fault]) -> None:
    """Have more go wrong on the way to the store."""
    if stage.place.tiles is not None:
        stage.place.tiles.rules = (*stage.place.tiles.rules, *rules)


@contextlib.contextmanager
def failing_store(stage: Stage) -> Iterator[None]:
    """Refuse, lose and damage requests and answers."""
    add(
        stage,
        [
            Fault(kind="error", share=FAILING / 4, status=500),
            Fault(kind="error", share=FAILING / 4, status=503),
            Fault(kind="reset", share=FAILING / 4),
            Fault(kind="lose", share=FAILING / 4),
            Fault(kind="truncate", share=DAMAGED / 2, methods=["GET"]),
            # nothing but TLS guards what a store says of itself
            Fault(kind="corrupt", share=DAMAGED / 2, methods=["GET"], path="^[^?]*$"),
        ],
    )
    yield


def silent_store(stage: Stage) -> None:
    """Do not answer two reads for as long as clients wait."""
    if stage.after(0.3):
        silent = {"methods": ["GET"], "path": r"/c/\d|\.npy", "at_most": 2}
        add(stage, [Fault(kind="delay", seconds=SILENT_S, **silent)])


def slow_store(stage: Stage) -> None:
    """Slow the store tenfold for a third of the run."""
    if stage.place.tiles is not None and stage.after(0.3):
        slow = Fault(kind="delay", seconds=SLOW_S)
        stage.place.tiles.rules = (slow, *stage.place.tiles.rules)
        stage.after(0.6)
        stage.place.tiles.rules = tuple(rule for rule in stage.place.tiles.rules if rule is not slow)


def in_a_thread(act: Callable[[Stage], None]) -> Callable[[Stage], contextlib.AbstractContextManager[None]]:
    """A disturbance that acts beside the run."""
    return lambda stage: meanwhile(stage, act)


#: Name: what is done, before the first worker is there, and while the run is under way.
BEFORE = {"clocks": clocks_off, "late-calls": late_calls, "failing-store": failing_store}
MEANWHILE = {
    "kill-workers": in_a_thread(kill_workers),
    "kill-most": in_a_thread(kill_most),
    "stop-a-worker": in_a_thread(stop_workers),
    "kill-redis": in_a_thread(kill_redis),
    "slow-store": in_a_thread(slow_store),
    "silent-store": in_a_thread(silent_store),
}
#: Name: what is counted when it is done, by the stage or by a proxy. The client is killed by whoever started it.
COUNTED = {
    "clocks": "clocks off",
    "late-calls": "late",
    "failing-store": "error",
    "silent-store": "delay",
    "kill-workers": "killed",
    "kill-most": "killed",
    "stop-a-worker": "stopped",
    "kill-redis": "plane killed",
    "slow-store": "delay",
    "kill-client": "client killed",
}
