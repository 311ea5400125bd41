import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpywren.algorithms import gemm
from numpywren.control import Held
from numpywren.worker.durations import REMEMBERED, Durations, Usual
from numpywren.worker.stragglers import (
    CAUTIOUS_FACTOR,
    ENOUGH,
    FACTOR,
    LEAST_S,
    UNKNOWN_S,
    Lookout,
    better_known,
    due_in_s,
    is_late,
    patience_s,
    to_take_over,
)

KNOWN = Usual(10.0, ENOUGH)

LEASES = st.lists(
    st.builds(Held, st.sampled_from("abcdef"), st.sampled_from(["w1", "w2", "me"]), st.floats(0, 1000)),
    unique_by=lambda held: held.task,
)


def held(*seconds):
    return tuple(Held(f"task{i}", f"worker{i}", s) for i, s in enumerate(seconds))


def test_patience_is_several_times_what_is_usual():
    assert patience_s(KNOWN, 50.0) == FACTOR * 10.0


def test_who_knows_little_waits_longer_and_who_knows_nothing_longest():
    told = [
        patience_s(KNOWN, 10.0),
        patience_s(Usual(10.0, ENOUGH - 1), 10.0),
        patience_s(None, 10.0),
    ]
    assert told == sorted(set(told))
    assert told[1] == CAUTIOUS_FACTOR * 10.0
    assert patience_s(None, 0.0) == UNKNOWN_S


def test_tiny_tasks_are_not_fought_over():
    assert patience_s(Usual(1e-4, 100), 1e-3) == LEAST_S


def test_only_what_is_held_too_long_is_taken_over():
    assert to_take_over(held(31.0, 29.0), (), lambda task: 30.0, 0.99) == {"task0": "worker0"}
    assert to_take_over(held(29.0, 28.0), (), lambda task: 30.0, 0.0) == {}


def test_each_kind_has_its_own_patience():
    patience = {"task0": 100.0, "task1": 5.0}
    assert to_take_over(held(50.0, 40.0), (), patience.__getitem__, 0.0) == {"task1": "worker1"}


def test_what_is_in_hand_here_is_not_taken_over():
    assert to_take_over(held(50.0), ("task0",), lambda task: 1.0, 0.0) == {}
    assert not is_late(held(50.0), ("task0",), lambda task: 1.0)


def test_chance_spreads_the_choice_over_all_that_are_slow():
    chosen = {next(iter(to_take_over(held(*[9.0] * 4), (), lambda task: 1.0, i / 100))) for i in range(100)}
    assert chosen == {f"task{i}" for i in range(4)}


@given(LEASES, st.floats(0.1, 500), st.floats(0, 1, exclude_max=True))
def test_at_most_one_is_taken_and_it_is_slow_and_another_workers(longest, patience, chance):
    mine = {lease.task for lease in longest if lease.worker == "me"}
    over = to_take_over(longest, mine, lambda task: patience, chance)
    slow = {lease.task: lease.worker for lease in longest if lease.worker != "me" and lease.seconds > patience}
    assert len(over) == min(1, len(slow))
    assert over.items() <= slow.items()
    assert (due_in_s(longest, mine, lambda task: patience) < 0) == bool(over)
    if over:
        assert is_late(longest, mine, lambda task: patience)


def test_nothing_is_due_where_nothing_runs():
    assert due_in_s((), (), lambda task: 1.0) == math.inf
    assert due_in_s(held(4.0, 1.0), (), lambda task: 10.0) == 6.0


@pytest.fixture
def lookout():
    """On a run that multiplies matrices, by a worker that has done nothing."""
    return Lookout(gemm.bind({"m": 9, "n": 9, "k": 4}), Durations())


def tasks(count):
    return [task.id for task in itertools.islice(gemm.bind({"m": 9, "n": 9, "k": 4}).tasks(), count)]


def test_patience_doubles_with_each_holder_so_that_a_long_task_is_not_handed_round(lookout):
    (task,) = tasks(1)
    lookout.see([Held(task, "a", 1.0)], 0.0)
    assert lookout.patience_s(task) == UNKNOWN_S
    lookout.see([Held(task, "b", 1.0)], 1.0)
    lookout.see([Held(task, "b", 2.0)], 2.0)
    assert lookout.patience_s(task) == 2 * UNKNOWN_S
    lookout.see([Held(task, "c", 1.0)], 3.0)
    assert lookout.patience_s(task) == 4 * UNKNOWN_S


def test_who_has_done_nothing_learns_from_what_others_have_done(lookout):
    *ended, late = tasks(ENOUGH + 1)
    lookout.see([Held(task, "a", 2.0) for task in (*ended, late)], 100.0)
    assert lookout.patience_s(late) == UNKNOWN_S
    lookout.see([Held(late, "a", 2.5)], 100.5)
    assert lookout.usual(late) == Usual(2.5, ENOUGH), "they ended within half a second"
    assert lookout.patience_s(late) == FACTOR * 2.5


def test_what_was_done_here_counts_more_than_what_was_seen():
    few, own, seen = Usual(9.0, 1), Usual(1.0, ENOUGH), Usual(5.0, ENOUGH)
    assert better_known(own, seen) == own
    assert better_known(few, seen) == seen
    assert better_known(few, few) == few
    assert better_known(None, few) == few
    assert better_known(None, None) is None


def test_looks_are_timed_by_what_may_be_seen(lookout):
    *ended, late = tasks(ENOUGH + 1)
    lookout.see([Held(late, "a", 8.0)], 0.0)
    assert lookout.next_look_s(()) == 2.0, "whether it has ended: to learn how long it took"
    assert lookout.next_look_s((late,)) == math.inf
    lookout.see([Held(task, "a", 2.0) for task in (*ended, late)], 1.0)
    lookout.see([Held(late, "a", 3.0)], 2.0)
    assert lookout.next_look_s(()) == FACTOR * 3.0 - 3.0, "when it is late"


def test_durations_are_medians_of_a_kind():
    durations = Durations()
    assert durations.usual(0, 1) is None
    assert durations.longest(0, 1) == 0.0
    for seconds in (1.0, 2.0, 9.0):
        durations.add(0, 3, seconds)
    assert durations.usual(0, 3) == Usual(2.0, 3)
    assert durations.usual(1, 3) is None
    assert durations.longest(0, 3) == 9.0
    assert durations.longest(1, 3) == 9.0, "of a kind that is not known the longest of any"


def test_a_task_of_more_tiles_is_taken_to_be_longer_and_one_of_fewer_not_shorter():
    durations = Durations()
    durations.add(0, 4, 2.0)
    assert durations.usual(0, 8) == Usual(4.0, 1)
    assert durations.usual(0, 1) == Usual(2.0, 1)


def test_durations_forget():
    durations = Durations()
    durations.add(0, 1, 100.0)
    for _ in range(REMEMBERED):
        durations.add(0, 1, 1.0)
    assert durations.longest(0, 1) == 1.0
