import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpywren.lambdapack import Tile
from numpywren.testing.control import ManualClock
from numpywren.worker.durations import Durations
from numpywren.worker.lifetime import YOUNG, Lifetime, fitting_tile, too_long


def lifetime(life_s=100.0):
    clock, durations = ManualClock(), Durations()
    return Lifetime(life_s, durations, clock), clock, durations


def test_without_a_deadline_all_fits_and_nothing_is_ever_over():
    life, clock, durations = lifetime(None)
    durations.add(0, 1, 1e9)
    clock.advance(1e9)
    assert life.fits(0, 1, 2)
    assert not life.is_over()
    assert life.settle_in_s() is None


def test_a_task_is_started_only_if_it_would_fit():
    life, clock, durations = lifetime()
    durations.add(0, 1, 30.0)
    clock.advance(60.0)
    assert life.fits(0, 1, 1)
    clock.advance(8.0)
    assert not life.fits(0, 1, 1), "30 s of 32 that are left: too near"


def test_the_first_of_a_kind_is_tried_if_the_longest_of_another_would_fit():
    life, clock, durations = lifetime()
    clock.advance(90.0)
    assert life.fits(7, 1, 1)
    durations.add(0, 1, 30.0)
    assert not life.fits(7, 1, 1)


def test_what_lost_a_worker_is_begun_by_a_young_one_or_by_one_that_knows_its_kind():
    life, clock, durations = lifetime()
    clock.advance(0.9 * YOUNG * 100.0)
    assert life.fits(0, 1, 2)
    clock.advance(40.0)
    assert not life.fits(0, 1, 2)
    durations.add(0, 1, 5.0)
    assert life.fits(0, 1, 2)


def test_a_young_worker_tries_everything():
    life, _, durations = lifetime()
    durations.add(0, 1, 1000.0)
    assert life.fits(0, 1, 1)


def test_a_life_of_nothing_starts_nothing():
    life, _, _ = lifetime(0.0)
    assert not life.fits(0, 1, 1)
    assert life.is_over()


def test_all_is_settled_a_moment_before_the_end():
    life, clock, _ = lifetime(100.0)
    assert life.settle_in_s() == 98.0
    clock.advance(99.0)
    assert life.settle_in_s() == 0.0
    assert lifetime(2.0)[0].settle_in_s() == pytest.approx(1.9)


@pytest.mark.parametrize(
    ("seconds", "attempt", "fate"),
    [(90.0, 1, "again"), (90.0, 2, "too long"), (90.0, 3, "too long"), (10.0, 1, "again"), (10.0, 2, "hand back")],
)
def test_what_becomes_of_what_is_under_way(seconds, attempt, fate):
    assert lifetime()[0].fate(seconds, attempt) == fate


def test_whatever_a_young_worker_begins_has_nearly_its_whole_life():
    life, clock, _ = lifetime(2.0)
    clock.advance(YOUNG * 2.0)
    assert life.fits(0, 1, 2)
    assert life.fate(life.settle_in_s(), 2) == "too long"


@given(st.integers(1, 10_000), st.floats(1, 1000), st.floats(1.001, 100))
def test_a_tile_that_fits_is_smaller_and_not_by_more_than_it_must(length, life_s, factor):
    fitting = fitting_tile(length, life_s, factor * life_s)
    assert 1 <= fitting <= length
    exact = length * factor ** (-1 / 3)
    assert fitting <= max(exact, 1)
    assert fitting > exact - (64 if exact >= 64 else 8)
    assert fitting % (64 if exact >= 65 else 1) == 0


def test_the_error_names_task_time_life_and_tile():
    failure = too_long("3:1,2", Tile("L", (1, 2)), 2048, 27.5, 30.0, 60.0, "w")
    assert failure.error == "TaskTooLongError"
    for part in ("3:1,2", "L[1, 2]", "27.5 s", "30 s", "chunks=1600", "2048"):
        assert part in failure.message
