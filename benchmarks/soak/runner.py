"""One scenario: start a run, disturb it, see it end, and look at what is left."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpywren as nw
from numpywren.control import Status, open_plane
from soak.disturbances import BEFORE, COUNTED, MEANWHILE, Stage, workers_of
from soak.scenarios import Scenario
from soak.world import Place, World, begin, digests

__all__ = ["LEASE_S", "Outcome", "finished", "look", "soak", "status_of"]

#: Seconds that a disturbed run may take; machines are slow when they are busy.
PATIENCE_S = 240.0
#: Seconds after which the tasks of a silent worker are another's: long enough for a busy machine.
LEASE_S = 3.0
#: Seconds in which workers have left after the end of a run.
LEAVING_S = 60.0


@dataclass
class Outcome:
    """What became of a run."""

    scenario: Scenario
    seconds: float = 0.0
    tasks: int = 0
    #: Tasks that were handed out again, in the life of the plane that saw the end.
    repeated: int = 0
    #: How often the run was resumed by its user.
    resumed: int = 0
    #: What was done to it, and how often.
    did: dict[str, int] = field(default_factory=dict)
    #: What is wrong, in words; nothing should be.
    wrong: list[str] = field(default_factory=list)

    @property
    def missed(self) -> list[str]:
        """Disturbances for which the run was over too soon."""
        return [name for name in self.scenario.disturbances if not self.did.get(COUNTED[name])]

    def __str__(self) -> str:
        did = ", ".join(f"{count} {what}" for what, count in sorted(self.did.items()) if count)
        told = f"{self.tasks} tasks, {self.repeated} repeated, {self.resumed} resumed, {self.seconds:.1f} s ({did})"
        late = f"; came too late: {', '.join(self.missed)}" if self.missed else ""
        return f"{told}{late}: {'; '.join(self.wrong) or 'right'}"


def soak(world: World, scenario: Scenario, seed: int) -> Outcome:
    """Run one scenario, and say what became of it.

    Raises
    ------
    Exception
        What the run's user would have seen, if it was not to be expected.
    """
    outcome, began = Outcome(scenario), time.monotonic()
    settings = {
        "backend": "processes",
        "workers.max": scenario.workers,
        "worker.slots": 1,
        "worker.lease": LEASE_S,
        "worker.memory": "64MiB",
    }
    wanted = world.wanted(scenario.algorithm, scenario.workers)
    with world.place(scenario.plane) as place, nw.config.set(settings):
        url = world.input(scenario.algorithm, place).url
        stage = Stage(place, "", random.Random(seed), lambda: None)
        with contextlib.ExitStack() as disturbed:
            for name in BEFORE.keys() & set(scenario.disturbances):
                disturbed.enter_context(BEFORE[name](stage))
            with _client(scenario, place, url, stage) as client:
                run = client or begin(scenario.algorithm, nw.open(url))
                stage.url, stage.status = run.url, status_of(run.url)
                for name in MEANWHILE.keys() & set(scenario.disturbances):
                    disturbed.enter_context(MEANWHILE[name](stage))
                if client is not None and stage.after(stage.dice.uniform(0.1, 0.6), resumed=False):
                    stage.did["client killed"] += 1
            run = finished(run, stage, outcome)
        place.settle()
        look(run, place, wanted, outcome)
        outcome.did = {**stage.did, **place.faults()}
    outcome.seconds = time.monotonic() - began
    return outcome


@contextlib.contextmanager
def _client(scenario: Scenario, place: Place, url: str, stage: Stage) -> Iterator[nw.Run | None]:
    """A client process that starts the run, if one is to be killed; it is, when the block ends."""
    if "kill-client" not in scenario.disturbances:
        yield None
        return
    told = {key: nw.config.get(key) for key in ("store", "control", "backend", "workers", "worker")}
    command = [sys.executable, str(Path(__file__).with_name("client.py")), json.dumps(told), scenario.algorithm, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if not (run := process.stdout.readline().strip()):
                raise RuntimeError("the client did not start a run")
            yield nw.attach(run)
        finally:
            process.kill()


def finished(run: nw.Run, stage: Stage, outcome: Outcome) -> nw.Run:
    """The run when it has ended; resumed where its client or plane is gone."""
    deadline = time.monotonic() + PATIENCE_S
    if stage.did["client killed"]:
        run = nw.attach(run.url).resume()
        outcome.resumed += 1
    while True:
        try:
            run.wait(progress=False, timeout=max(deadline - time.monotonic(), 0.0))
        except nw.errors.TaskPoisonedError:
            # a claim whose answer is lost is a lease that runs out: three of one task are held against it
            if "late-calls" not in outcome.scenario.disturbances:
                raise
            run = nw.attach(run.url).resume()
            outcome.resumed += 1
        except nw.errors.ControlPlaneLostError as error:
            if not stage.place.loses_all:
                raise
            if "numpywren resume" not in str(error):
                outcome.wrong.append(f"an error without its remedy: {error}")
            run = nw.attach(run.url).resume()
            outcome.resumed += 1
        else:
            return run


def status_of(url: str) -> Callable[[], Status | None]:
    """How far a run is, by a handle of its own; what cannot be asked now is as it was, and None what is lost."""
    record, store = nw.worker.RunRecord.load(url)
    plane, last = open_plane(record.control_url(store)), None

    def ask() -> Status | None:
        nonlocal last
        try:
            last = plane.status()
        except nw.errors.ControlPlaneLostError:
            last = None
        except nw.errors.StoreError:
            pass
        return last

    return ask


def look(run: nw.Run, place: Place, wanted: Any, outcome: Outcome) -> None:
    """See that all is right and nothing is left."""
    wrong, status = outcome.wrong, run.status()
    outcome.tasks, outcome.repeated = status.total, status.repeated
    if status.state != "done" or status.done != status.total:
        wrong.append(f"the plane says {status}")
    deadline = time.monotonic() + LEAVING_S
    while (left := workers_of(run.url)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left:
        wrong.append(f"{len(left)} workers have not left")
    found = digests(run)
    if missing := sorted(wanted.keys() - found.keys()):
        wrong.append(f"{len(missing)} tiles are missing: {missing[:3]}")
    if other := sorted(key for key in found if found[key] != wanted.get(key)):
        wrong.append(f"{len(other)} tiles are other than without disturbance: {other[:3]}")
    if tiles := [name for name in place.left_in_store() if "/tiles/" in name]:
        wrong.append(f"{len(tiles)} intermediates are left: {tiles[:3]}")
    run.delete()
    if names := place.left_in_store():
        wrong.append(f"{len(names)} objects are left of a deleted run: {names[:5]}")
    if names := place.left_in_plane():
        wrong.append(f"{len(names)} items are left in the plane: {names[:5]}")
