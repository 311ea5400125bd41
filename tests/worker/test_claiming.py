"""What a worker asks for, and when it leaves: with a plane in memory, a clock set by hand, and no thread."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpywren.algorithms import gemm
from numpywren.control import Completion, TaskState
from numpywren.control.memory import MemoryPlane
from numpywren.testing.control import ManualClock
from numpywren.worker import Settings
from numpywren.worker.affinity import WORTH_S, Affinity
from numpywren.worker.claiming import BUSY_S, Claiming
from numpywren.worker.durations import Durations
from numpywren.worker.early import PLENTY, STALLED, Early
from numpywren.worker.ending import Ending
from numpywren.worker.leases import Leases
from numpywren.worker.pace import LOOK_MAX_S, POLL_MAX_S
from numpywren.worker.stragglers import UNKNOWN_S, Lookout

OVERTAKEN = Completion((), (), finished=False, first=False)


class Alone:
    """What claims for one worker, and all that it needs."""

    def __init__(self, plane, clock, dataflow, name="w", **settings):
        self.ending, self.leases = Ending(), Leases(plane, name, 30.0, lambda: False, lambda event: None)
        affinity = Affinity(dataflow.readers, dataflow.priority, lambda tile: False)
        options = Settings(**{"slots": 2, "memory": 1, "idle_s": 1.0, **settings})
        lookout = Lookout(dataflow, Durations())
        self.claiming = Claiming(plane, self.leases, affinity, lookout, options, self.ending, clock, random.Random(0))

    def ask(self, free):
        leases, pause_s = self.claiming.ask(free, ())
        return [lease.task for lease in leases], pause_s


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def dataflow():
    return gemm.bind({"m": 2, "n": 4, "k": 1})


@pytest.fixture
def tasks(dataflow):
    return sorted((task.id for task in dataflow.tasks()), key=lambda name: (len(name), name))


@pytest.fixture
def plane(clock, tasks):
    plane = MemoryPlane(clock=clock)
    plane.restore([TaskState(name, 0, 0) for name in tasks], {}, len(tasks))
    return plane


@pytest.fixture
def alone(plane, clock, dataflow):
    return lambda **options: Alone(plane, clock, dataflow, **options)


def finish(plane, tasks):
    for name in tasks:
        plane.complete("someone", name, [], [])


def test_it_claims_for_free_slots_and_no_more(alone):
    one = alone()
    assert [len(one.ask(free)[0]) for free in (2, 1, 0)] == [2, 1, 0]
    assert one.ask(0) == ([], BUSY_S)
    assert one.ending.reason is None


def test_it_asks_first_for_what_it_made_ready(alone, tasks):
    one = alone()
    one.claiming.completed(Completion((tasks[5],), (), finished=False, first=True), 1.0)
    assert one.ask(1)[0] == [tasks[5]]


def test_it_claims_ahead_once_its_slots_wait_for_tiles_and_a_look_showed_plenty(alone):
    one = alone()
    assert len(one.ask(2)[0]) == 2
    one.claiming.early.computed(1.0, 1.0)
    assert one.ask(0) == ([], BUSY_S)  # the look that this asks for shows six ready and two running
    assert len(one.ask(0)[0]) == 2
    assert one.ask(-2)[0] == []


def test_who_was_overtaken_leaves_new_tasks_to_others_for_as_long_as_that_one_took(alone, clock):
    one = alone()
    one.claiming.completed(OVERTAKEN, 5.0)
    assert one.ask(2)[0] == []
    clock.advance(5.0)
    assert len(one.ask(2)[0]) == 2


def test_it_leaves_when_the_run_is_done(alone, plane, tasks):
    one = alone()
    finish(plane, tasks)
    assert one.ask(2)[0] == []
    assert one.ending.reason == "finished"


def test_it_leaves_when_it_was_idle_for_long_while_another_works(alone, plane, clock, tasks):
    plane.claim("other", len(tasks), 60.0)
    one, pauses = alone(), []
    for _ in range(8):
        assert one.ending.reason is None
        pauses.append(one.ask(2)[1])
        clock.advance(0.125)
    assert pauses == sorted(pauses)
    assert pauses[-1] == POLL_MAX_S
    assert one.ending.reason is None
    for _ in range(2):  # a moment more than it is to be patient
        clock.advance(0.125)
        one.ask(2)
    assert one.ending.reason == "idle"


def test_time_in_which_it_had_a_task_is_not_idle_time(alone, plane, clock, tasks):
    one = alone()
    (mine,), _ = one.claiming.ask(1, ())
    plane.claim("other", len(tasks), 60.0)
    for _ in range(20):
        clock.advance(0.5)
        one.ask(1)
    assert one.ending.reason is None
    one.leases.complete(mine, [], [])
    clock.advance(0.9)
    one.ask(1)
    assert one.ending.reason is None
    clock.advance(1.1)
    one.ask(1)
    assert one.ending.reason == "idle"


def test_a_task_that_another_holds_for_too_long_is_claimed_over_it(alone, plane, clock, tasks):
    plane.claim("slow", 1, 1000.0)
    finish(plane, tasks[1:])
    one = alone(idle_s=1000.0)
    clock.advance(UNKNOWN_S - 1.0)
    assert one.ask(2)[0] == []
    clock.advance(2.0 + 1.5 * LOOK_MAX_S)
    assert one.ask(2)[0] == [tasks[0]]
    assert [held.worker for held in plane.status().longest] == ["w"]


def test_a_task_in_a_slot_is_not_taken_over_by_its_own_worker(alone, plane, clock, tasks):
    plane.claim("slow", 1, 1000.0)
    finish(plane, tasks[1:])
    one = alone(idle_s=1000.0)
    clock.advance(2 * UNKNOWN_S)
    assert one.claiming.ask(2, [tasks[0]])[0] == []


@given(ready=st.integers(0, 100), running=st.integers(0, 100), waits=st.lists(st.floats(0.0, 1.0), max_size=30))
def test_nothing_is_claimed_ahead_but_where_slots_wait_and_nobody_goes_short(ready, running, waits):
    early = Early(4, 0)
    for share in waits:
        early.computed(share, 1.0)
    early.see(ready, running)
    assert early.room(1) == (5 if early.stalled and ready >= PLENTY * running else 1)
    if max(waits, default=0.0) <= STALLED:
        assert not early.stalled


def test_one_long_wait_is_a_stall_and_many_tasks_without_end_it():
    early = Early(4, 0)
    early.computed(0.9 * WORTH_S, WORTH_S)
    assert not early.stalled
    early.computed(1.0, 1.0)
    assert early.stalled
    after = 0
    while early.stalled:
        early.computed(0.0, 1.0)
        after += 1
    assert after == np.ceil(np.log(STALLED / 0.2) / np.log(0.8))


def test_who_always_claims_ahead_does_so_by_its_own_number():
    early = Early(4, 3)
    assert (early.room(2), early.room(-3)) == (5, 0)
