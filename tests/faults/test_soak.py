"""The soak, shortened: everything that goes wrong in clouds happens to real processes and servers.

With NUMPYWREN_SOAK set to a number, all scenarios of the table, and so many that are drawn at random.
"""

import os
import random
import sys
import time
from pathlib import Path

import pytest

import numpywren as nw
from numpywren.matrix.cloud import ATTEMPTS
from numpywren.testing.faults import Fault

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from soak.runner import soak
from soak.scenarios import SCENARIOS, drawn
from soak.world import World, begin, digests

ROUNDS = int(os.environ.get("NUMPYWREN_SOAK", "0"))

#: What no other test does, or not to a run.
SHORT = {
    "kill four of five workers",
    "kill the client",
    "a failing bucket, no server",
    "late calls to DynamoDB",
    "clocks are off, a bucket",
    "everything at once",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("soak")) as world:
        yield world


@pytest.mark.soak
@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if ROUNDS or one.name in SHORT], ids=lambda one: one.name
)
def test_bits_are_equal_and_nothing_is_left(world, scenario):
    outcome = soak(world, scenario, seed=1)
    assert outcome.wrong == []
    assert outcome.missed == []
    if {"kill-most", "stop-a-worker"} & set(scenario.disturbances):
        assert outcome.repeated > 0


if ROUNDS:

    @pytest.mark.soak
    @pytest.mark.parametrize("seed", range(ROUNDS))
    def test_bits_are_equal_and_nothing_is_left_whatever_happens(world, seed):
        dice = random.Random(seed)
        assert soak(world, drawn(dice), dice.randrange(10**9)).wrong == []


def test_the_same_seed_draws_the_same_scenarios():
    first, second = ([drawn(dice) for _ in range(20)] for dice in (random.Random(3), random.Random(3)))
    assert first == second
    assert len(set(first)) > 15


def test_the_table_has_the_scenarios_of_the_short_form():
    assert {one.name for one in SCENARIOS} >= SHORT
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS)


# -- what soaks have found


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr("numpywren.matrix.cloud.pause_s", lambda attempt, chance: 0.0)


def test_a_worker_that_is_cut_off_from_the_store_leaves_its_task_to_another(world, at_once):
    with world.place("redis") as place, nw.config.set({"worker.slots": 1}):
        array = world.input("small cholesky", place)
        # the run's first task reads one tile: all its attempts fail, and those of nobody else
        place.tiles.rules = [Fault(kind="error", path="/c/0/0", methods=["GET"], at_most=ATTEMPTS)]
        run = begin("small cholesky", array)
        assert run.wait(progress=False).repeated == 1
        assert place.tiles.counts["error"] == ATTEMPTS
        assert digests(run) == world.wanted("small cholesky", 1)
        run.delete()


def test_a_store_that_is_away_for_all_stops_the_run_and_says_so(world, at_once):
    with world.place("redis") as place, nw.config.set({"worker.slots": 1}):
        array = world.input("small cholesky", place)
        place.tiles.rules = [Fault(kind="error", path="/c/0/0", methods=["GET"])]
        run = begin("small cholesky", array)
        with pytest.raises(nw.errors.StoreError, match=rf"c/0/0.*503.*tried {ATTEMPTS} times"):
            run.wait(progress=False)
        assert run.status().repeated == 2, "three workers tried"
        place.tiles.rules = ()
        run.resume().wait(progress=False)
        assert digests(run) == world.wanted("small cholesky", 1)
        run.delete()


def test_what_the_last_worker_died_before_it_deleted_is_deleted_by_the_client(world):
    with world.place("sqlite") as place, nw.config.set({"worker.slots": 1}):
        run = begin("small cholesky", world.input("small cholesky", place))
        while run.status().state == "running":
            time.sleep(0.01)
        run._backend.stop()
        nw.matrix.open_store(run.url).put("tiles/S/1.1.1.npy", b"as it was when the worker was killed")
        run.wait(progress=False)
        assert not [name for name in place.left_in_store() if "/tiles/" in name]
        run.delete()


def test_a_part_of_a_restore_that_comes_late_leaves_nothing(world, monkeypatch):
    with world.place("redis") as place:
        plane = nw.control.open_plane(f"{place.settings['control']}?run=r")
        calls, evaluate = [], plane._link.evaluate
        monkeypatch.setattr(plane._link, "evaluate", lambda *call: (calls.append(call), evaluate(*call))[1])
        plane.restore([nw.control.TaskState("0", 0, 0)], {}, total=1)
        held = place.left_in_plane()
        stage, swap = calls
        evaluate(*stage)
        assert place.left_in_plane() == held
        evaluate(*swap)
        assert plane.status().ready == 1
        plane.delete()
        assert place.left_in_plane() == []
