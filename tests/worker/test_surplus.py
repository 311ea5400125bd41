"""Who leaves when work becomes less than the workers' slots."""

import random

from hypothesis import given
from hypothesis import strategies as st

from numpywren.control import Held, Status
from numpywren.worker.surplus import HEADROOM, Spare, Surplus, surplus

COUNTS = st.integers(0, 2000)


def status(running, workers, ready=0):
    return Status("running", 10_000, 0, ready, running, 10_000 - ready - running, workers)


@given(running=COUNTS, workers=st.integers(1, 300), slots=st.integers(1, 16))
def test_those_who_stay_have_room_and_one_always_stays(running, workers, slots):
    left = workers - surplus(status(running, workers), slots)
    assert left >= 1
    if left < workers:
        assert running <= HEADROOM * slots * left


@given(workers=st.integers(1, 300), slots=st.integers(1, 16), ready=COUNTS)
def test_nobody_is_too_many_while_every_slot_is_busy(workers, slots, ready):
    assert surplus(status(slots * workers, workers, ready), slots) == 0


@given(workers=st.integers(1, 300), more=COUNTS)
def test_workers_of_one_slot_are_never_too_many_while_they_hold_a_task_each(workers, more):
    assert surplus(status(workers + more, workers), 1) == 0


def crowd(workers, slots, running, seconds, seed):
    """How many workers are left after some seconds of the same little work."""
    team = [Surplus(slots, 1.0, 1.0, random.Random(seed + number)) for number in range(workers)]
    for step in range(round(seconds / 0.25)):
        team = [one for one in team if not one.leaves(status(running, len(team)), step * 0.25)]
    return len(team)


def test_they_leave_one_after_another_until_the_rest_is_well_used():
    left = [crowd(32, 8, 24, 20.0, 100 * seed) for seed in range(20)]
    assert max(left) <= 5  # 24 tasks are three quarters of four workers' slots
    assert min(left) >= 3


def test_with_a_factor_below_one_some_leave_although_tasks_wait():
    assert surplus(status(80, 10, ready=160), 8, 0.25) == 0
    assert surplus(status(80, 10, ready=40), 8, 0.25) == 5
    assert surplus(status(80, 10, ready=40), 8, 1.0) == 0


def test_nobody_leaves_in_a_short_lull():
    one = Surplus(8, 1.0, 2.0, random.Random(0))
    assert not any(one.leaves(status(1, 30), now) for now in (0.0, 0.3, 0.6, 0.9))
    assert not one.leaves(status(230, 30), 1.2)
    assert not any(one.leaves(status(1, 30), now) for now in (1.5, 1.8, 2.1, 2.4))


def held(*leases):
    longest = tuple(Held(f"0:{number}", worker, seconds) for number, (worker, seconds) in enumerate(leases))
    return Status(
        "running", 100, 0, 0, len(longest), 100 - len(longest), len({one.worker for one in longest}), None, 0, longest
    )


def test_with_a_client_that_somebody_is_at_work_is_enough():
    spare = Spare(None)
    assert spare.may_leave(held(("a", 50.0)), 0.0)
    assert not spare.may_leave(held(), 0.0)


def test_without_a_client_two_others_have_to_live():
    spare = Spare(10.0)
    assert not spare.may_leave(held(("a", 5.0), ("b", 5.0)), 100.0)  # they may be dead since
    assert not spare.may_leave(held(("a", 14.0), ("b", 14.0)), 109.0)
    assert spare.may_leave(held(("a", 16.0), ("b", 16.0)), 111.0)  # renewed
    assert not spare.may_leave(held(("a", 1.0)), 200.0)  # the last but one stays
    spare.busy()
    assert not spare.may_leave(held(("a", 1.0), ("b", 1.0)), 300.0)
    assert spare.may_leave(held(("a", 1.0), ("b", 1.0)), 302.0)  # they claimed meanwhile
    assert not spare.may_leave(held(("a", 1.0), ("a", 1.0), ("b", 9.0)), 304.0)
