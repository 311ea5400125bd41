"""The laws of `claim`, `renew` and `release`; a part of `numpywren.testing.control.ControlPlaneContract`."""

from __future__ import annotations

from numpywren.control import LONGEST, MAX_ATTEMPTS, Arrival, Claim, Failure, Held, Reader, Status
from numpywren.testing.control_setup import LEASE_S, Planes, begin, begin_timed, counts, names, root

__all__ = ["LeaseContract"]


class LeaseContract:
    """One test for each law of leases."""

    # -- claim

    def test_the_most_urgent_come_first(self, planes: Planes) -> None:
        """The smallest number, whatever its sign and size."""
        urgencies = {"d": 2**53 - 1, "a": -5, "c": 2**31, "b": 0}
        plane = begin(planes, *(root(task, priority) for task, priority in urgencies.items()))
        assert names(plane.claim("w", 1, LEASE_S)) == ["a"]
        assert names(plane.claim("v", 2, LEASE_S)) == ["b", "c"]
        assert names(plane.claim("w", 9, LEASE_S)) == ["d"]

    def test_no_more_than_the_limit(self, planes: Planes) -> None:
        """Down to none."""
        plane = begin(planes, root("a"), root("b"), root("c"))
        assert plane.claim("w", 0, LEASE_S) == ()
        assert len(plane.claim("w", 2, LEASE_S)) == 2
        assert len(plane.claim("w", 2, LEASE_S)) == 1

    def test_preference_breaks_ties_only(self, planes: Planes) -> None:
        """A preferred task is taken before its equals, never before its betters; unknown names don't matter."""
        plane = begin(planes, root("a0"), *(root(f"b{i}", 1) for i in range(6)), *(root(f"c{i}", 2) for i in range(3)))
        assert names(plane.claim("w", 3, LEASE_S, prefer=["c1", "b4", "?", "b2"]))[:1] == ["a0"]
        assert plane.renew("w", ["b4", "b2", "c1"], LEASE_S) == {"b4", "b2"}
        assert names(plane.claim("w", 1, LEASE_S, prefer={"b5", "b4"})) == ["b5"]
        assert names(plane.claim("w", 1, LEASE_S, prefer=["c0"]))[0] in {"b0", "b1", "b3"}
        assert set(names(plane.claim("w", 3, LEASE_S, prefer=["c2"]))) > {"c2"}

    def test_a_task_has_one_holder(self, planes: Planes) -> None:
        """Not even its holder can claim it again."""
        plane = begin(planes, root("a"))
        assert plane.claim("w", 1, LEASE_S) == (Claim("a", 1),)
        assert plane.claim("v", 1, LEASE_S) == ()
        assert plane.claim("w", 1, LEASE_S) == ()

    def test_a_waiting_task_is_not_handed_out(self, planes: Planes) -> None:
        """Until its last tile has arrived."""
        plane = begin(planes, root("a"), root("b"), total=3)
        reader = Reader("c", 2, -1)
        plane.complete("w", "a", [Arrival("A", (reader,))], [])
        assert names(plane.claim("w", 5, LEASE_S)) == ["b"]
        plane.complete("w", "b", [Arrival("B", (reader,))], [])
        assert names(plane.claim("w", 5, LEASE_S)) == ["c"]

    def test_names_are_opaque(self, planes: Planes) -> None:
        """Whatever the characters."""
        odd = ["3:0,4", "3:0,40", "it's", '"', "%s", "ß λ 🦆", "a b\tc\nd", "\\", "{x}", "*", "[a]", "null", "x" * 300]
        plane = begin(planes, *map(root, odd), total=2 * len(odd))
        assert sorted(names(plane.claim("w '", 99, LEASE_S, prefer=odd))) == sorted(odd)
        assert plane.renew("w '", odd, LEASE_S) == set(odd)
        for name in odd:
            reader = Reader(f"next {name}", 1, 0)
            assert plane.complete("w '", name, [Arrival(name, (reader,), counted=True)], []).ready == (reader.task,)
            assert plane.complete("w '", reader.task, [], [name]).freed == (name,)
        assert plane.status().state == "done"

    # -- leases

    def test_an_expired_lease_is_handed_to_another(self, planes: Planes) -> None:
        """At its end, not before; the attempt is numbered, and the repetition counted."""
        plane, clock = begin_timed(planes, root("a"))
        plane.claim("w", 1, LEASE_S)
        clock.advance(LEASE_S - 1)
        assert plane.claim("v", 1, LEASE_S) == ()
        clock.advance(1)
        assert plane.claim("v", 1, LEASE_S) == (Claim("a", 2),)
        assert plane.renew("w", ["a"], LEASE_S) == frozenset()
        assert plane.status().repeated == 1

    def test_a_lease_is_as_long_as_asked(self, planes: Planes) -> None:
        """Each task has its own."""
        plane, clock = begin_timed(planes, root("a", 0), root("b", 1))
        plane.claim("w", 1, 50.0)
        plane.claim("w", 1, 5.0)
        clock.advance(20.0)
        assert names(plane.claim("v", 5, LEASE_S)) == ["b"]
        clock.advance(30.0)
        assert sorted(names(plane.claim("u", 5, LEASE_S))) == ["a", "b"]

    def test_renewal_prolongs(self, planes: Planes) -> None:
        """From now, and again and again."""
        plane, clock = begin_timed(planes, root("a"))
        plane.claim("w", 1, LEASE_S)
        for _ in range(5):
            clock.advance(LEASE_S - 1)
            assert plane.renew("w", ["a"], LEASE_S) == {"a"}
            assert plane.claim("v", 1, LEASE_S) == ()
        clock.advance(LEASE_S)
        assert names(plane.claim("v", 1, LEASE_S)) == ["a"]

    def test_renewal_says_what_is_held(self, planes: Planes) -> None:
        """Not what is ready, done, another's or unknown."""
        plane = begin(planes, *(root(task, i) for i, task in enumerate(["mine", "finished", "other", "ready"])))
        plane.claim("w", 2, LEASE_S)
        plane.claim("v", 1, LEASE_S)
        plane.complete("w", "finished", [], [])
        asked = ["mine", "finished", "other", "ready", "unknown"]
        assert plane.renew("w", asked, LEASE_S) == {"mine"}
        assert plane.renew("w", [], LEASE_S) == frozenset()
        assert names(plane.claim("u", 5, LEASE_S)) == ["ready"]

    def test_an_expired_lease_is_kept_until_it_is_taken_away(self, planes: Planes) -> None:
        """So a machine that slept goes on where it was, if nobody else came."""
        plane, clock = begin_timed(planes, root("a"))
        plane.claim("w", 1, LEASE_S)
        clock.advance(50 * LEASE_S)
        assert plane.renew("w", ["a"], LEASE_S) == {"a"}
        assert plane.claim("v", 1, LEASE_S) == ()
        assert plane.status().repeated == 0

    def test_release_hands_back(self, planes: Planes) -> None:
        """At once, any number of times, and without counting an attempt."""
        plane = begin(planes, root("a"))
        for _ in range(MAX_ATTEMPTS + 2):
            assert plane.claim("w", 1, LEASE_S) == (Claim("a", 1),)
            plane.release("w", ["a"])
        assert plane.status() == Status("running", 100, 0, 1, 0, 99, 0)

    def test_release_of_what_is_not_held_does_nothing(self, planes: Planes) -> None:
        """Another's task stays his, a done one done."""
        plane = begin(planes, root("a", 0), root("b", 1), root("c", 2))
        plane.claim("w", 2, LEASE_S)
        plane.complete("w", "b", [], [])
        plane.release("v", ["a", "b", "c", "unknown"])
        plane.release("w", ["b", "unknown"])
        assert plane.renew("w", ["a"], LEASE_S) == {"a"}
        assert names(plane.claim("v", 9, LEASE_S)) == ["c"]

    def test_released_attempts_keep_their_number(self, planes: Planes) -> None:
        """A second attempt that is handed back is a second attempt for the next, and one repetition in all."""
        plane, clock = begin_timed(planes, root("a"))
        plane.claim("w", 1, LEASE_S)
        clock.advance(LEASE_S)
        for _ in range(3):
            assert plane.claim("v", 1, LEASE_S) == (Claim("a", 2),)
            plane.release("v", ["a"])
        assert plane.status().repeated == 1

    # -- slow tasks

    def test_a_slow_task_is_taken_over(self, planes: Planes) -> None:
        """Before ready ones, from its holder, as the same attempt; only the new holder can renew."""
        plane, clock = begin_timed(planes, root("a", 5), root("b", 9))
        plane.claim("w", 1, 10 * LEASE_S)
        clock.advance(LEASE_S)
        assert plane.claim("v", 1, LEASE_S, over={"a": "w"}) == (Claim("a", 1),)
        assert plane.renew("w", ["a"], LEASE_S) == frozenset()
        assert plane.renew("v", ["a"], LEASE_S) == {"a"}
        assert counts(plane.status()) == Status("running", 100, 0, 1, 1, 98, 1, repeated=1)

    def test_only_a_lease_of_that_holder_is_taken_over(self, planes: Planes) -> None:
        """Not one's own, not another's, not what is ready, done or unknown; and no more than the limit."""
        plane = begin(planes, *(root(task, i) for i, task in enumerate("abcd")))
        plane.claim("w", 3, LEASE_S)
        plane.complete("w", "b", [], [])
        assert plane.claim("w", 0, LEASE_S, over={"a": "w"}) == ()
        assert plane.claim("v", 0, LEASE_S, over={"a": "w"}) == ()
        none = {"a": "u", "b": "w", "c": "", "d": "w", "e": "w"}
        assert names(plane.claim("v", 1, LEASE_S, over=none)) == ["d"]
        assert plane.claim("v", 5, LEASE_S, over={"d": "v"}) == ()
        assert names(plane.claim("v", 1, LEASE_S, over={"a": "w", "c": "w"})) == ["a"]
        assert plane.renew("w", ["a", "c"], LEASE_S) == {"c"}
        assert plane.status().repeated == 1

    def test_nothing_is_taken_over_in_a_run_that_has_stopped(self, planes: Planes) -> None:
        """As nothing is handed out."""
        plane = begin(planes, root("a"))
        plane.claim("w", 1, LEASE_S)
        plane.stop(Failure("cancelled", "", ""))
        assert plane.claim("v", 1, LEASE_S, over={"a": "w"}) == ()
        assert plane.renew("w", ["a"], LEASE_S) == {"a"}

    def test_the_first_to_complete_is_right(self, planes: Planes) -> None:
        """Whoever of the two it is; the other changes nothing."""
        plane = begin(planes, root("a", 0), root("b", 1), total=3)
        plane.claim("w", 2, LEASE_S)
        plane.claim("v", 2, LEASE_S, over={"a": "w", "b": "w"})
        news = [Arrival("A", (Reader("c", 1, 0),))]
        assert plane.complete("w", "a", news, []).ready == ("c",)
        assert not plane.complete("v", "a", news, []).first
        assert plane.complete("v", "b", [], []).first
        assert not plane.complete("w", "b", [], []).first
        assert names(plane.claim("v", 5, LEASE_S)) == ["c"]

    def test_a_task_taken_over_may_be_lost_again(self, planes: Planes) -> None:
        """By its new holder, whose lease runs as any; its end counts an attempt."""
        plane, clock = begin_timed(planes, root("a"))
        plane.claim("w", 1, LEASE_S)
        clock.advance(LEASE_S / 2)
        plane.claim("v", 1, LEASE_S, over={"a": "w"})
        clock.advance(LEASE_S / 2)
        assert plane.claim("u", 1, LEASE_S) == ()
        clock.advance(LEASE_S / 2)
        assert plane.claim("u", 1, LEASE_S) == (Claim("a", 2),)
        assert plane.status().repeated == 2

    def test_the_longest_leases_are_named(self, planes: Planes) -> None:
        """Longest first, since they were handed out; renewed or not, but none that has expired."""
        plane, clock = begin_timed(planes, *(root(f"t{i:02}", i) for i in range(LONGEST + 5)))
        plane.claim("w", 2, 2 * LEASE_S)
        clock.advance(LEASE_S)
        plane.claim("v", 1, 5 * LEASE_S)
        plane.renew("w", ["t01"], 5 * LEASE_S)
        clock.advance(LEASE_S)
        assert _rounded(plane.status().longest) == [Held("t01", "w", 2 * LEASE_S), Held("t02", "v", LEASE_S)]
        plane.claim("u", 1, LEASE_S, over={"t01": "w"})
        clock.advance(LEASE_S / 2)
        assert _rounded(plane.status().longest)[:1] == [Held("t02", "v", 1.5 * LEASE_S)]
        assert Held("t01", "u", 0.5 * LEASE_S) in _rounded(plane.status().longest)
        plane.complete("v", "t02", [], [])
        plane.claim("u", 99, LEASE_S)
        assert len(plane.status().longest) == LONGEST

    # -- what never ends well

    def test_a_task_that_loses_its_workers_poisons_the_run(self, planes: Planes) -> None:
        """After the last attempt, and the failure names it."""
        plane, clock = begin_timed(planes, root("bad", 0), root("good", 1))
        for attempt in range(1, MAX_ATTEMPTS + 1):
            assert plane.claim(f"w{attempt}", 1, LEASE_S) == (Claim("bad", attempt),)
            assert plane.status().state == "running"
            clock.advance(LEASE_S)
        assert plane.claim("v", 5, LEASE_S) == ()
        status = plane.status()
        assert (status.state, status.repeated) == ("failed", MAX_ATTEMPTS - 1)
        assert status.failure is not None
        assert (status.failure.kind, status.failure.task) == ("poisoned", "bad")
        assert status.failure.worker == f"w{MAX_ATTEMPTS}"
        assert "bad" in status.failure.message


def _rounded(longest: tuple[Held, ...]) -> list[Held]:
    """Without the rounding of a clock's differences."""
    return [Held(held.task, held.worker, round(held.seconds, 3)) for held in longest]
