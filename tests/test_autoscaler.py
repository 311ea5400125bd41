"""The laws of the autoscaler's policy."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpywren.algorithms import cholesky
from numpywren.autoscaler import STEP, Fleet, Limits, Pace, Work, made_ready, workers_wanted

COUNTS = st.integers(0, 10_000)
SOME = st.integers(1, 500)
SECONDS = st.floats(1e-3, 1e3)


@st.composite
def limits(draw):
    floor = draw(st.integers(1, 50))
    budget = draw(st.none() | st.floats(1.0, 1e6))
    return Limits(
        factor=draw(st.floats(0.05, 3.0)), floor=floor, ceiling=floor + draw(st.integers(0, 500)), budget_s=budget
    )


@st.composite
def fleets(draw, most=600):
    alive = draw(st.integers(0, most))
    starting = draw(st.integers(0, alive))
    return Fleet(
        alive=alive,
        starting=starting,
        leaving=draw(st.integers(0, alive - starting)),
        slots=draw(st.integers(1, 16)),
        spent_s=draw(st.floats(0, 2e6)),
    )


WORKS = st.builds(Work, ready=COUNTS, running=COUNTS, waiting=COUNTS, made=st.floats(0.0, 50.0))
PACES = st.builds(Pace, task_s=st.none() | SECONDS, start_s=st.floats(0.0, 100.0))
EVERYTHING = {"work": WORKS, "fleet": fleets(), "pace": PACES, "limits": limits()}


@given(**EVERYTHING)
def test_never_above_the_ceiling_and_never_fewer_than_there_are(work, fleet, pace, limits):
    wanted = workers_wanted(work, fleet, pace, limits)
    assert fleet.alive <= wanted <= max(fleet.alive, limits.ceiling)


@given(**EVERYTHING)
def test_the_floor_is_kept_while_there_is_money(work, fleet, pace, limits):
    limits = dataclasses.replace(limits, budget_s=None)
    assert workers_wanted(work, fleet, pace, limits) >= limits.floor


@given(**EVERYTHING)
def test_none_is_started_when_the_budget_is_spent(work, fleet, pace, limits):
    fleet = dataclasses.replace(fleet, spent_s=max(fleet.spent_s, limits.budget_s or 0.0))
    if limits.budget_s is not None:
        assert workers_wanted(work, fleet, pace, limits) == fleet.alive


@given(**EVERYTHING, more=COUNTS)
def test_more_ready_tasks_never_mean_fewer_workers(work, fleet, pace, limits, more):
    fewer = workers_wanted(work, fleet, pace, limits)
    assert workers_wanted(dataclasses.replace(work, ready=work.ready + more), fleet, pace, limits) >= fewer


@given(**EVERYTHING, more=COUNTS, made=st.floats(0.0, 50.0), factor=st.floats(0.05, 3.0), room=COUNTS)
def test_monotone_in_all_that_calls_for_workers(work, fleet, pace, limits, more, made, factor, room):
    fewer = workers_wanted(work, fleet, pace, limits)
    for given_more in (
        (dataclasses.replace(work, waiting=work.waiting + more), limits),
        (dataclasses.replace(work, made=max(work.made, made)), limits),
        (work, dataclasses.replace(limits, factor=max(limits.factor, factor))),
        (work, dataclasses.replace(limits, ceiling=limits.ceiling + room)),
    ):
        assert workers_wanted(given_more[0], fleet, pace, given_more[1]) >= fewer


@given(**EVERYTHING)
def test_steps_no_more_on_their_way_than_are_at_work(work, fleet, pace, limits):
    wanted = workers_wanted(work, fleet, pace, limits)
    if wanted > max(fleet.alive, limits.floor):
        at_work = fleet.alive - fleet.leaving - fleet.starting
        assert wanted - fleet.leaving <= max(at_work + max(at_work, STEP), limits.floor)


@given(**EVERYTHING)
def test_no_worker_without_a_task(work, fleet, pace, limits):
    """As far as can be seen: what runs may make more ready than there are."""
    wanted = workers_wanted(work, fleet, pace, limits)
    seen = work.ready + work.running * max(work.made, 1)
    if wanted > max(fleet.alive, limits.floor + fleet.leaving):
        assert (wanted - fleet.leaving - 1) * fleet.slots < limits.factor * seen * (1 + 1e-9)


@given(**EVERYTHING)
def test_no_flapping_what_was_started_suffices(work, fleet, pace, limits):
    """Asked again at once, with those on their way, it starts none: the step alone may have held it back."""
    wanted = workers_wanted(work, fleet, pace, limits)
    if fleet.leaving or work.made > 1:
        return
    later = dataclasses.replace(fleet, alive=wanted, starting=fleet.starting + wanted - fleet.alive)
    again = workers_wanted(work, later, pace, limits)
    assert again - wanted <= max(0, later.alive - later.starting)  # never more than one step further
    if wanted < STEP and limits.budget_s is None:
        assert again == wanted


@given(slots=st.integers(1, 16), alive=st.integers(2, 300), pace=PACES, made=st.floats(0.0, 1.0), data=st.data())
def test_no_flapping_who_left_because_there_was_little_to_do_is_not_replaced(slots, alive, pace, made, data):
    """A worker may leave where three quarters of the others' slots would do; then none is wanted in its place."""
    running = data.draw(st.integers(0, math.floor(0.75 * slots * (alive - 1))))
    work = Work(ready=0, running=running, waiting=data.draw(COUNTS), made=made)
    assert workers_wanted(work, Fleet(alive=alive - 1, slots=slots), pace, Limits(ceiling=1000)) == alive - 1


@given(alive=st.integers(0, 40), leaving=st.integers(0, 40), pace=PACES)
def test_those_whose_deadline_nears_are_replaced(alive, leaving, pace):
    leaving = min(alive, leaving)
    work = Work(ready=10_000, running=10_000, waiting=10_000)
    pace = dataclasses.replace(pace, task_s=None)
    with_them = workers_wanted(work, Fleet(alive=alive, leaving=leaving), pace, Limits(ceiling=400))
    without = workers_wanted(work, Fleet(alive=alive - leaving), pace, Limits(ceiling=400))
    assert with_them == without + leaving


def test_one_slot_for_each_task_once_they_are_there():
    fleet, pace = Fleet(alive=10, slots=2), Pace(task_s=10.0, start_s=0.1)
    work = Work(ready=25, running=15, waiting=1000)
    assert workers_wanted(work, fleet, pace, Limits(ceiling=100)) == 20
    assert workers_wanted(work, fleet, pace, Limits(ceiling=13)) == 13
    assert workers_wanted(work, fleet, pace, Limits(ceiling=100, factor=0.6)) == 12
    assert workers_wanted(Work(ready=0, running=0), Fleet(alive=0), pace, Limits(ceiling=7)) == 1


def test_tasks_soon_ready_count():
    fleet, limits = Fleet(alive=1), Limits(ceiling=100)
    alone = Work(ready=0, running=1, waiting=1000, made=31.0)
    # it has ended, and made 31 others ready, before one more would have begun
    assert workers_wanted(alone, fleet, Pace(task_s=1.0, start_s=1.0), limits) == 1 + STEP
    # it will not end for long
    assert workers_wanted(alone, fleet, Pace(task_s=1000.0, start_s=1.0), limits) == 2
    assert workers_wanted(dataclasses.replace(alone, made=1.0), fleet, Pace(task_s=1.0, start_s=1.0), limits) == 1


def test_none_is_started_for_what_will_be_done_before_it_is_there():
    fleet, limits = Fleet(alive=1), Limits(ceiling=100)
    burst = Work(ready=50, running=1, waiting=10_000, made=0.0)
    assert workers_wanted(burst, fleet, Pace(task_s=0.01, start_s=2.0), limits) == 1
    assert workers_wanted(burst, fleet, Pace(task_s=10.0, start_s=2.0), limits) == 1 + STEP
    tail = Work(ready=50, running=1, waiting=0, made=1.0)
    assert workers_wanted(tail, fleet, Pace(task_s=0.01, start_s=2.0), limits) == 1


@pytest.mark.parametrize("given", [{"factor": 0.0}, {"factor": math.nan}, {"floor": 0}, {"floor": 3}, {"budget_s": 0}])
def test_limits_that_make_no_sense(given):
    with pytest.raises(ValueError, match=r"workers\."):
        Limits(**{"ceiling": 2, **given})


@pytest.mark.parametrize("depth", [1, 3])
def test_shares_of_what_is_made_ready_add_up_to_all_tasks_that_wait_for_some(depth):
    dataflow = cholesky.bind({"n": 7, "depth": depth})
    tasks = list(dataflow.tasks())
    waited = sum(dataflow.needs(task) > 0 for task in tasks)
    assert made_ready(dataflow, tasks) * len(tasks) == pytest.approx(waited)


def test_the_first_task_of_cholesky_makes_a_column_ready():
    dataflow = cholesky.bind({"n": 32, "depth": 1})
    assert made_ready(dataflow, dataflow.roots()) == 31.0
    assert made_ready(dataflow, []) == 1.0
