"""The autoscaler's loop, in the client, in a command of its own, and in the workers themselves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import numpywren as nw
from numpywren import errors
from numpywren.algorithms import cholesky
from numpywren.autoscaler import STEP, Limits
from numpywren.backends import Backend
from numpywren.control import Held, Status
from numpywren.job import Request, Returned, start
from numpywren.job.scaling import START_S, Scaler
from numpywren.job.succession import Relaunch, succeed, successors

FLOW = cholesky.bind({"n": 32, "depth": 1})
TILE, TILES = 4, 10
PATIENCE_S = 120.0


class Counting(Backend):
    """Starts nobody: it only keeps count."""

    def __init__(self, **options):
        super().__init__("memory:", {"slots": 1, "lease_s": 5.0, **options})
        self.there, self.starts = 0, []

    def start(self, count):
        self.there += count
        self.starts.append((count, dict(self.options)))

    def alive(self):
        return self.there

    def wait(self, timeout_s): ...

    def stop(self): ...

    def trouble(self):
        return None


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def status(ready, running, done=0, workers=None, total=5984, longest=()):
    workers = running if workers is None else workers
    return Status("running", total, done, ready, running, total - done - ready - running, workers, longest=longest)


@pytest.fixture
def clock():
    return Clock()


def scaler(clock, limits, successors=None, **options):
    backend = Counting(**options)
    return Scaler(backend, FLOW, limits, successors, clock=clock), backend


def test_it_starts_in_steps_and_stops_at_the_ceiling(clock):
    watched, backend = scaler(clock, Limits(ceiling=30))
    at_work = 0
    alive = []
    for _ in range(200):
        watched.start(watched.missing(status(400, at_work)))
        alive.append(backend.there)
        clock.now += 0.1
        if clock.now > 1.0:
            at_work = backend.there  # up after a while
    assert alive[0] == STEP
    assert sorted(set(alive)) == [STEP, 2 * STEP, 30]


def test_it_measures_tasks_and_starts(clock):
    watched, _ = scaler(clock, Limits(ceiling=4))
    watched.start(watched.missing(status(100, 0)))
    clock.now = 3.0
    watched.missing(status(96, 4))
    assert START_S < watched.start_s < 3.0
    for done in range(0, 400, 4):
        watched.missing(status(90, 4, done=done))
        clock.now += 2.0
    assert watched.task_s == pytest.approx(2.0, rel=0.05)


def test_workers_of_others_count(clock):
    watched, _ = scaler(clock, Limits(ceiling=10))
    assert watched.missing(status(100, 7)) == 3


def test_a_dead_worker_is_replaced_although_its_lease_runs_on(clock):
    watched, backend = scaler(clock, Limits(ceiling=2))
    watched.start(watched.missing(status(100, 0)))
    clock.now = 2.0
    assert watched.missing(status(98, 2)) == 0
    backend.there = 1  # killed; the plane still sees two
    clock.now = 2.1
    assert watched.missing(status(98, 2)) == 1


def test_those_that_near_their_deadline_are_replaced_before(clock):
    watched, backend = scaler(clock, Limits(ceiling=20), deadline_s=60.0)
    watched.start(watched.missing(status(2, 0, total=1000)))
    assert backend.there == 2
    for now in range(1, 59):
        clock.now = float(now)
        assert watched.missing(status(0, 2, done=now)) == 0
    clock.now = 59.5
    assert watched.missing(status(0, 2, done=60)) == 2


def test_with_successors_a_worker_past_its_deadline_is_not_replaced_twice(clock):
    watched, backend = scaler(clock, Limits(ceiling=4), successors="processes", deadline_s=60.0)
    watched.start(watched.missing(status(100, 0)))
    assert backend.starts[0][1]["backend"] == "processes"
    clock.now = 1.0
    assert watched.missing(status(96, 4)) == 0
    clock.now = 59.5
    assert watched.missing(status(96, 4, done=60)) == 0
    backend.there = 2  # two have left and started one each, which nobody has seen yet
    clock.now = 60.0
    assert watched.missing(status(96, 2, done=60)) == 0
    clock.now = 61.0
    assert watched.missing(status(96, 4, done=62)) == 0
    clock.now = 80.0  # one of those never came
    assert watched.missing(status(96, 3, done=80)) == 1


def test_budget_counts_every_worker_from_its_start(clock):
    watched, backend = scaler(clock, Limits(ceiling=4, budget_s=100.0))
    watched.start(watched.missing(status(100, 0)))
    clock.now = 20.0
    watched.missing(status(96, 4))
    assert watched.spent_s == pytest.approx(80.0)
    assert not watched.broke
    clock.now = 25.0
    backend.there = 3
    assert watched.missing(status(96, 4)) == 0
    assert watched.broke


def test_shares_of_the_budget_and_of_the_ceiling_are_handed_on(clock):
    watched, backend = scaler(clock, Limits(ceiling=12, budget_s=600.0), successors="processes")
    watched.start(3)
    given = Relaunch(**backend.starts[0][1]["relaunch"])
    assert (given.budget_s, given.share, given.ceiling) == (200.0, 4, 12)
    handed = given.handed_on(2, 50.0)
    assert (handed.budget_s, handed.share) == (75.0, 2)


def test_successors_follow_the_policy():
    one = Relaunch(ceiling=10)
    assert successors(status(50, 3), FLOW, 1, one, 3.0) == 1
    assert successors(status(50, 3), FLOW, 1, Relaunch(ceiling=10, share=4), 3.0) == 4
    assert successors(status(50, 8), FLOW, 1, Relaunch(ceiling=10, share=4), 3.0) == 2
    assert successors(status(0, 3), FLOW, 1, one, 3.0) == 0, "those there suffice"
    assert successors(status(0, 0), FLOW, 1, one, 3.0) == 1, "somebody must be there"
    assert successors(status(50, 3), FLOW, 1, Relaunch(ceiling=10, budget_s=3.0), 3.0) == 0, "nothing left to spend"
    soon = Held(next(FLOW.roots()).id, "somebody", 5.0)
    assert successors(status(0, 1, longest=(soon,)), FLOW, 1, Relaunch(ceiling=99, share=9, task_s=1.0), 3.0) == STEP
    ended = Status("done", 9, 9, 0, 0, 0, 0)
    assert successors(ended, FLOW, 1, one, 3.0) == 0


# -- with real processes ----------------------------------------------------------------------------------------------


def settings(folder, **more):
    return {
        "store": f"slow:0.05:file://{folder}/store",
        "control": f"sqlite:{folder}",
        "backend": "processes",
        "workers.max": 2,
        "worker.slots": 1,
        "worker.memory": "4MB",
        "worker.idle": 1.0,
        "worker.lease": 5.0,
        **more,
    }


def request(folder, tiles=TILES):
    n = tiles * TILE
    A = nw.asarray(np.eye(n) * n + 1.0, chunks=TILE).save(f"file://{folder}/A.zarr")
    return Request("cholesky", cholesky, {"A": A}, (Returned("L"),), sizes={"depth": 1})


def check(run, tiles=TILES):
    n = tiles * TILE
    L = np.asarray(nw.attach(run.url).result())
    assert np.allclose(L @ L.T, np.eye(n) * n + 1.0)


def ended(run):
    """Wait for the run without giving it workers; the names of those that were seen at work."""
    seen, deadline = set(), time.monotonic() + PATIENCE_S
    while (now := run.status()).state == "running":
        assert time.monotonic() < deadline, now
        seen.update(held.worker for held in now.longest)
        time.sleep(0.05)
    return seen


def command(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "numpywren", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


CLIENT = """
import json, sys
import numpywren as nw
sys.path.insert(0, sys.argv[2])
from job.test_scaling import request
from numpywren.job import start
nw.config.set(json.loads(sys.argv[1]))
run = start(request(sys.argv[3], int(sys.argv[4])))
print(run.url, flush=True)
run.wait(progress=False)
"""


def test_workers_start_their_successors_when_the_client_is_gone(tmp_path):
    """Lives of 3 s, a run of several; nobody is there but who was started by those that left."""
    tiles = 13
    given = settings(tmp_path, **{"worker.deadline": 3.0, "workers.successors": True})
    tests = str(Path(__file__).parents[1])
    words = [sys.executable, "-c", CLIENT, json.dumps(given), tests, str(tmp_path), str(tiles)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as client:
        run = nw.attach(client.stdout.readline().strip())
        while run.status().workers == 0:
            time.sleep(0.02)
        os.kill(client.pid, signal.SIGKILL)
    seen = ended(run)
    assert run.status().state == "done"
    assert len(seen) > 3, "in lives of 3 s, two at a time, it cannot have been done"
    check(run, tiles)


def test_scale_gives_workers_to_a_run_that_has_none(tmp_path):
    with nw.config.set(settings(tmp_path)):
        run = start(request(tmp_path))
        run.pause()
    words = ("scale", run.url, "--backend", "processes", "--max", "3")
    out, err = command(*words).communicate(timeout=PATIENCE_S)
    assert err == ""
    assert out == f"the run is done: {run.status().total} of {run.status().total} tasks\n"
    check(run)
    out, err = command(*words).communicate(timeout=PATIENCE_S)
    assert (out, err) == ("", "the run is done; there is nothing to start workers for\n")


def test_ctrl_c_has_the_workers_of_scale_hand_back_and_leave(tmp_path):
    with nw.config.set(settings(tmp_path)):
        run = start(request(tmp_path))
        run.pause()
    scaling = command("scale", run.url, "--backend", "processes", "--max", "2")
    while run.status().workers == 0:
        time.sleep(0.02)
        assert scaling.poll() is None
    scaling.send_signal(signal.SIGINT)
    _, err = scaling.communicate(timeout=PATIENCE_S)
    assert scaling.returncode == 130
    assert f"numpywren scale {run.url}" in err
    now = run.status()
    assert (now.state, now.workers, now.running) == ("running", 0, 0)
    run.cancel()


def test_a_budget_that_is_spent_stops_the_run_and_says_how_far_it_is(tmp_path):
    with nw.config.set(settings(tmp_path, **{"workers.budget": 1.5})):
        run = start(request(tmp_path))
        with pytest.raises(errors.BudgetSpentError, match=r"1.5 worker-seconds.*of 220 tasks.*numpywren resume"):
            run.wait(progress=False)
        assert run.status().state == "failed"
    with nw.config.set(settings(tmp_path)):
        run.resume().wait(progress=False)
    check(run)


def test_limits_come_from_the_configuration(tmp_path):
    with nw.config.set(settings(tmp_path, **{"workers.min": 3})), pytest.raises(ValueError, match=r"workers\.min is 3"):
        start(request(tmp_path))


def test_who_can_hand_nothing_on_starts_one_and_spends_no_budget(tmp_path, monkeypatch):
    """A backend whose workers share their options on a roll, here one that would start as many as it is asked for."""
    with nw.config.set(settings(tmp_path)):
        run = start(request(tmp_path))
        run.pause()
    asked = []
    monkeypatch.setattr("numpywren.job.succession.start_elsewhere", lambda *given: asked.append(given[-1]) or given[-1])
    options = {"slots": 1, "backend": "ray", "badge": "crew/one"}
    shares = Relaunch(ceiling=99, share=9)
    assert succeed(run.url, {**options, "relaunch": shares.to_json()}, "deadline", 3.0) == 1
    assert asked == [1]
    spending = Relaunch(ceiling=99, share=9, budget_s=1e6)
    assert succeed(run.url, {**options, "relaunch": spending.to_json()}, "deadline", 3.0) == 0
    assert succeed(run.url, {**options, "relaunch": shares.to_json()}, "told", 3.0) == 0
    assert asked == [1]
    run.cancel()
