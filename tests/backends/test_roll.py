"""The roll: who is there, who has left and why, without comparing clocks and without leaving anything behind."""

import threading

import pytest

from numpywren.control.roll import Badge, Roll
from numpywren.errors import RunNotFoundError
from numpywren.matrix import open_store
from numpywren.worker import serve


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "run"))


@pytest.fixture
def roll(store):
    roll = Roll(store, "c0")
    roll.open()
    return roll


def files(store):
    return sorted(store.list())


def test_who_comes_and_who_leaves(store, roll):
    badge = Badge(store, roll.badge())
    assert roll.look(60.0) == (frozenset(), {})
    with badge.signed_in():
        assert roll.look(60.0) == ({badge.name}, {})
    assert roll.look(60.0) == (frozenset(), {badge.name: ""})
    roll.close()
    roll.clear()
    assert files(store) == []


def test_why_somebody_left_is_told(store, roll):
    badge = Badge(store, roll.badge())
    with pytest.raises(OSError, match="the disk is gone"), badge.signed_in():
        raise OSError("the disk is gone")
    assert roll.look(60.0) == (frozenset(), {badge.name: "the disk is gone"})


def test_who_falls_silent_is_missed_until_he_is_heard_again(store, roll):
    badge = Badge(store, roll.badge())
    badge._show()
    assert roll.look(60.0)[0] == {badge.name}
    here, left = roll.look(-1.0)
    assert (here, list(left)) == (frozenset(), [badge.name])
    assert "silent" in left[badge.name]
    assert roll.look(60.0)[0] == {badge.name}


def test_a_worker_shows_that_it_lives_and_leaves_when_the_sign_is_down(store, roll):
    badge, told = Badge(store, roll.badge()), threading.Event()
    with badge.signed_in():
        store.delete([f"workers/c0/{badge.name}"])
        badge.keep(0.1, told.set)
        while not roll.look(60.0)[0]:
            assert not told.wait(0.01)
        roll.close()
        assert told.wait(60.0)
    roll.clear()
    assert files(store) == []


def test_who_comes_too_late_does_nothing_and_leaves_nothing(store, roll):
    badge = roll.badge()
    roll.close()
    assert serve(store.url, {"badge": badge}) == "told"
    assert files(store) == []


def test_a_worker_that_cannot_begin_says_so_on_the_roll(store, roll):
    badge = roll.badge()
    with pytest.raises(RunNotFoundError):
        serve(store.url, {"badge": badge, "slots": 1, "memory": 1 << 20})
    (text,) = roll.look(60.0)[1].values()
    assert "holds no run" in text


@pytest.mark.parametrize("text", ["", "a", "a/b/c", "../a/b", "a/..", "A/b", "a/b\n", "a/" + "x" * 5])
def test_what_is_no_badge_is_refused(store, text):
    with pytest.raises(ValueError, match="is no badge"):
        Badge(store, text)


def test_options_of_another_version_are_named(store, roll):
    with pytest.raises(RuntimeError, match="knows no option haste: install the version that started the run"):
        serve(store.url, {"badge": roll.badge(), "slots": 1, "memory": 1 << 20, "haste": True})
