import numpy as np
import pytest

import numpywren as nw
from numpywren.algorithms import cholesky
from numpywren.lambdapack import Task, Tile
from numpywren.testing.control import ManualClock
from numpywren.worker import Settings, Worker, open_run
from numpywren.worker.affinity import NAMED, TILES, WORTH_S, Affinity
from numpywren.worker.pace import LOOK_MAX_S, LOOK_S, POLL_DEAR_S, POLL_MAX_S, POLL_S, Pace

SLOW = 10 * WORTH_S


@pytest.fixture
def dataflow():
    return cholesky.bind({"n": 8, "depth": 1})


@pytest.fixture
def held():
    return set()


@pytest.fixture
def affinity(dataflow, held):
    return Affinity(dataflow.readers, dataflow.priority, held.__contains__)


def read(affinity, held, *tiles, seconds=SLOW):
    for tile in tiles:
        held.add(tile)
        affinity.read(tile, seconds)


def test_tasks_of_which_most_tiles_are_held_come_first_among_the_equally_urgent(affinity, held, dataflow):
    read(affinity, held, Tile("L", (3, 0)), Tile("L", (5, 0)), Tile("L", (2, 0)))
    tasks = [Task.parse(name) for name in affinity.preferred()]
    ranks = [(dataflow.priority(task), -len(held.intersection(dataflow.reads(task)))) for task in tasks]
    assert ranks == sorted(ranks)
    assert {count for _, count in ranks} == {-1, -2}


def test_what_was_quick_to_read_is_worth_no_preference(affinity, held):
    read(affinity, held, Tile("L", (3, 0)), seconds=WORTH_S / 2)
    assert affinity.preferred() == ()


def test_a_tile_that_left_memory_counts_no_longer(affinity, held):
    read(affinity, held, Tile("L", (3, 0)))
    assert affinity.preferred()
    held.clear()
    assert affinity.preferred() == ()


def test_what_was_passed_by_is_not_named(affinity, held, dataflow):
    read(affinity, held, Tile("L", (3, 0)))
    last = max(dataflow.readers(Tile("L", (3, 0))), key=dataflow.priority)
    affinity.given(last)
    assert {dataflow.priority(Task.parse(name)) for name in affinity.preferred()} == {dataflow.priority(last)}


def test_a_written_tile_of_one_reader_is_remembered_and_a_read_one_is_not(affinity, held, dataflow):
    tile = next(tile for task in dataflow.tasks() for tile in dataflow.writes(task) if len(dataflow.readers(tile)) == 1)
    read(affinity, held, tile)
    assert affinity.preferred() == ()
    affinity.wrote(tile, SLOW, dataflow.readers(tile))
    assert affinity.preferred() == (dataflow.readers(tile)[0].id,)


def test_it_names_and_remembers_a_bounded_number():
    dataflow = cholesky.bind({"n": 400, "depth": 1})
    affinity = Affinity(dataflow.readers, dataflow.priority, lambda tile: True)
    for i in range(1, 2 * TILES):
        affinity.read(Tile("L", (i, 0)), SLOW)
    assert len(affinity.preferred()) == NAMED
    assert len(affinity._readers) == TILES


def test_pauses_grow_and_begin_anew():
    pace = Pace(ManualClock(), lambda: 0.0)
    pauses = [pace.next_pause() for _ in range(20)]
    assert pauses[0] == 2 * POLL_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == POLL_MAX_S
    assert not pace.fresh
    pace.reset()
    assert pace.fresh


def test_an_idle_worker_asks_a_plane_more_rarely_that_takes_its_time():
    pace = Pace(ManualClock(), lambda: 0.0)
    pace.asked(0.001)
    assert max(pace.next_pause() for _ in range(20)) == POLL_MAX_S
    pace.asked(0.02)
    assert not pace.fresh
    pace.reset()
    assert pace.next_pause() == 0.02
    assert max(pace.next_pause() for _ in range(20)) == pytest.approx(0.4)
    pace.asked(5.0)
    assert max(pace.next_pause() for _ in range(20)) == POLL_DEAR_S


def test_looks_are_rare_and_spread():
    clock = ManualClock()
    for chance, between in ((0.0, LOOK_S), (0.5, 1.25 * LOOK_S)):
        pace = Pace(clock, lambda chance=chance: chance)
        assert pace.look()
        clock.advance(0.99 * between)
        assert not pace.look()
        clock.advance(0.02 * between)
        assert pace.look()
    pace.look_in(float("inf"))
    clock.advance(1.26 * LOOK_MAX_S)
    assert pace.look()


class Overheard:
    """A control plane of which it is remembered how many tasks were asked for at a time."""

    def __init__(self, plane):
        self._plane, self.limits = plane, []

    def __getattr__(self, name):
        return getattr(self._plane, name)

    def claim(self, worker, limit, *rest):
        self.limits.append(limit)
        return self._plane.claim(worker, limit, *rest)


def test_tasks_are_claimed_ahead_where_reads_are_slow_and_there_is_plenty_to_do(tmp_path):
    with nw.config.set({"store": f"slow:0.03:{tmp_path}", "control": "memory:affinity", "worker.slots": 1}):
        a = nw.asarray(np.ones((24, 24)), chunks=3)
        run = nw.submit(nw.linalg.matmul, a, a)
        run.pause()
        *parts, plane = open_run(run.url, ())
        plane = Overheard(plane)
        assert Worker(*parts, plane, Settings(slots=1, memory=10**8), lambda event: None).run() == "finished"
    assert plane.limits[0] == 1
    assert max(plane.limits) == 2, "one for the slot, one ahead"
    run.delete()
