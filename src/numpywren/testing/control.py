"""The laws of a control plane, as tests that any implementation can be held to.

With pytest, a plane of your own is tested by five lines::

    class TestMyPlane(ControlPlaneContract):
        @pytest.fixture
        def planes(self, tmp_path):
            return lambda clock: MyPlane(f"my:{tmp_path}/plane", clock=clock)

`planes` opens *the same* plane each time it is called, as the processes of a run do; before the first `restore` there
is no run in it. `clock` gives the seconds by which leases run. `numpywren.testing.control_machine` compares a plane
with the memory plane on random histories, and `numpywren.testing.control_hammer` attacks one with real processes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from numpywren.control import JSON, Arrival, Claim, Completion, Failure, Reader, Status, TaskState
from numpywren.testing.control_leases import LeaseContract
from numpywren.testing.control_setup import (
    LEASE_S,
    ManualClock,
    Planes,
    begin,
    begin_timed,
    counts,
    expect_loss,
    names,
    root,
)

__all__ = ["ControlPlaneContract", "ManualClock", "Planes"]


class ControlPlaneContract(LeaseContract):
    """One test for each law; a subclass provides the fixture `planes` (see the module)."""

    # -- the life of a plane

    def test_a_plane_without_a_run_is_lost(self, planes: Planes) -> None:
        """It must not look like a run in which there is nothing to do."""
        expect_loss(planes(ManualClock()))

    def test_delete_forgets_the_run(self, planes: Planes) -> None:
        """Deleting twice is no error, and the plane can be restored."""
        plane = begin(planes, root("a"))
        plane.delete()
        expect_loss(plane)
        plane.delete()
        plane.restore([root("b")], {}, 1)
        assert names(plane.claim("w", 5, LEASE_S)) == ["b"]

    def test_everyone_sees_one_run(self, planes: Planes) -> None:
        """What one handle does, another sees."""
        one, other = begin(planes, root("a"), total=2), planes(ManualClock())
        assert names(one.claim("w", 1, LEASE_S)) == ["a"]
        assert other.claim("v", 1, LEASE_S) == ()
        other.complete("v", "a", [Arrival("A", (Reader("b", 1, 0),))], [])
        assert names(one.claim("w", 1, LEASE_S)) == ["b"]
        one.complete("w", "b", [], [])
        assert other.status().state == "done"
        one.delete()
        expect_loss(other)

    def test_restore_replaces_everything(self, planes: Planes) -> None:
        """Tasks, leases, counts and failure of the old run are gone, for those too who knew it."""
        plane = begin(planes, root("a"), root("b"), total=2, left={"T": 1})
        other = planes(ManualClock())
        plane.claim("w", 1, LEASE_S)
        plane.complete("w", "b", [], [])
        plane.stop(Failure("failed", "ValueError", "bad"))
        plane.restore([root("a"), root("c")], {"U": 2}, total=3)
        for handle in (plane, other):
            assert handle.status() == Status("running", 3, 0, 2, 0, 1, 0)
            assert handle.renew("w", ["a", "b"], LEASE_S) == frozenset()
        assert sorted(names(other.claim("v", 5, LEASE_S))) == ["a", "c"]
        assert not plane.complete("w", "b", [], []).first
        assert plane.complete("w", "a", [], ["T", "U"]).freed == ()
        assert plane.complete("w", "c", [], ["T", "U"]).freed == ("U",)

    def test_restore_is_all_or_nothing(self, planes: Planes) -> None:
        """If the tasks can't all be told, the old run goes on."""

        def broken() -> Iterator[TaskState]:
            yield root("c")
            raise LookupError

        plane = begin(planes, root("a"), total=1)
        try:
            plane.restore(broken(), {"T": 1}, total=7)
        except LookupError:
            pass
        else:
            raise AssertionError("the exception of the stream must reach the caller")
        assert plane.status() == Status("running", 1, 0, 1, 0, 0, 0)
        assert names(plane.claim("w", 5, LEASE_S)) == ["a"]

    def test_restore_takes_a_stream_of_many_rows(self, planes: Planes) -> None:
        """In any order, some of them waiting and some done."""

        def rows() -> Iterator[TaskState]:
            for i in range(21_000):
                if i % 3 == 0:
                    yield root(f"r{i}", priority=21_000 - i)
                elif i % 3 == 1:
                    yield TaskState(f"w{i}", 3, 0, arrived=(f"A{i}", f"B{i}"))
                else:
                    yield TaskState(f"d{i}", 1, 0, done=True)

        plane = planes(ManualClock())
        plane.restore(rows(), {}, total=14_000)
        assert plane.status() == Status("running", 14_000, 0, 7000, 0, 7000, 0)
        assert names(plane.claim("w", 2, LEASE_S)) == ["r20997", "r20994"]
        late = Reader("w19999", 3, 0)
        assert plane.complete("w", "r20997", [Arrival("A19999", (late,))], []).ready == ()
        assert plane.complete("w", "r20994", [Arrival("C19999", (late,))], []).ready == ("w19999",)

    def test_restored_tasks_are_as_told(self, planes: Planes) -> None:
        """Ready when all that it needs has arrived; waiting for the rest otherwise; done if done."""
        plane = begin(
            planes,
            TaskState("ready", 2, 0, arrived=("A", "B")),
            TaskState("waiting", 2, 0, arrived=("A",)),
            TaskState("done", 1, 0, done=True),
            total=2,
        )
        assert names(plane.claim("w", 5, LEASE_S)) == ["ready"]
        readers = (Reader("waiting", 2, 0), Reader("done", 1, 0))
        assert plane.complete("w", "ready", [Arrival("C", readers)], []).ready == ("waiting",)
        assert not plane.complete("w", "done", [], []).first
        assert plane.complete("w", "waiting", [], []).finished

    def test_a_run_with_nothing_to_do_is_done(self, planes: Planes) -> None:
        """And nothing can be claimed in it."""
        plane = begin(planes, TaskState("a", 0, 0, done=True), total=0)
        assert plane.status() == Status("done", 0, 0, 0, 0, 0, 0)
        assert plane.claim("w", 1, LEASE_S) == ()

    # -- complete

    def test_a_reader_is_ready_when_all_has_arrived(self, planes: Planes) -> None:
        """Once, and by the completion that brought the last tile; other readers have their own count."""
        plane = begin(planes, root("a"), root("b"), total=4)
        few, many = Reader("few", 1, 0), Reader("many", 3, 0)
        first = plane.complete("w", "a", [Arrival("A1", (few, many)), Arrival("A2", (many,))], [])
        assert first == Completion(("few",), (), finished=False, first=True)
        assert plane.complete("w", "b", [Arrival("B", (many,))], []).ready == ("many",)
        assert sorted(names(plane.claim("w", 9, LEASE_S))) == ["few", "many"]

    def test_several_tiles_at_once_make_ready_once(self, planes: Planes) -> None:
        """All tiles of a completion arrive together."""
        plane = begin(planes, root("a"), total=2)
        reader = Reader("b", 2, 0)
        assert plane.complete("w", "a", [Arrival("A1", (reader,)), Arrival("A2", (reader,))], []).ready == ("b",)

    def test_arrivals_are_a_set(self, planes: Planes) -> None:
        """A tile that arrives again, as after a restore, counts once."""
        waiting = TaskState("c", 2, 0, arrived=("A",))
        plane = begin(planes, root("a"), root("b"), waiting, total=3)
        reader = Reader("c", 2, 0)
        assert plane.complete("w", "a", [Arrival("A", (reader, reader)), Arrival("A", (reader,))], []).ready == ()
        assert sorted(names(plane.claim("w", 9, LEASE_S))) == ["b"]
        assert plane.complete("w", "b", [Arrival("B", (reader,))], []).ready == ("c",)

    def test_an_arrival_disturbs_nobody_who_has_all(self, planes: Planes) -> None:
        """Who is ready, running or done stays so."""
        plane = begin(planes, root("a", 0), root("ready", 3), root("running", 1), root("done", 2), total=4)
        plane.claim("w", 2, LEASE_S)
        plane.complete("w", "done", [], [])
        readers = (Reader("ready", 1, 0), Reader("running", 1, 0), Reader("done", 1, 0))
        assert plane.complete("w", "a", [Arrival("A", readers)], []).ready == ()
        assert plane.renew("w", ["running"], LEASE_S) == {"running"}
        assert names(plane.claim("v", 9, LEASE_S)) == ["ready"]

    def test_completing_again_changes_nothing(self, planes: Planes) -> None:
        """Whoever repeats it, and whatever the news."""
        plane = begin(planes, root("a"), root("z"), total=4, left={"T": 2})
        news = [Arrival("A", (Reader("b", 1, 0),)), Arrival("B", (Reader("c", 2, 0),))]
        assert plane.complete("w", "a", news, ["T"]).first
        before = plane.status()
        for worker in ("w", "v"):
            assert plane.complete(worker, "a", news, ["T"]) == Completion((), (), finished=False, first=False)
        assert plane.complete("v", "a", [Arrival("C", (Reader("c", 2, 0),))], []).ready == ()
        assert plane.status() == before
        assert plane.complete("w", "z", [], ["T"]).freed == ("T",)

    def test_completing_the_unknown_changes_nothing(self, planes: Planes) -> None:
        """It belongs to another run, or to none."""
        plane = begin(planes, root("a"), total=2, left={"T": 1})
        before = plane.status()
        news = [Arrival("A", (Reader("b", 1, 0),)), Arrival("B", (), counted=True)]
        assert plane.complete("w", "stranger", news, ["T"]) == Completion((), (), finished=False, first=False)
        assert plane.status() == before
        assert names(plane.claim("w", 9, LEASE_S)) == ["a"]
        assert plane.complete("w", "a", [], ["T"]).freed == ("T",)

    def test_no_lease_is_needed(self, planes: Planes) -> None:
        """Not for a ready task, nor for one that another runs, nor for one that waits: its tiles exist."""
        plane = begin(planes, root("a", 0), root("b", 1), root("p", 2), TaskState("c", 2, 3, ("C",)), total=4)
        plane.claim("v", 1, LEASE_S)
        for task in ("a", "b", "c"):
            assert plane.complete("w", task, [], []).first
        assert plane.renew("v", ["a"], LEASE_S) == frozenset()
        assert plane.complete("w", "p", [Arrival("P", (Reader("c", 2, 0),))], []).ready == ()
        assert plane.status() == Status("done", 4, 4, 0, 0, 0, 0)

    def test_a_late_worker_finishes_harmlessly(self, planes: Planes) -> None:
        """Whether before the one who has the lease now, or after."""
        plane, clock = begin_timed(planes, root("a"), total=2)
        news = [Arrival("A", (Reader("b", 1, 0),))]
        plane.claim("w", 1, LEASE_S)
        clock.advance(LEASE_S)
        plane.claim("v", 1, LEASE_S)
        assert plane.complete("w", "a", news, []).ready == ("b",)
        assert plane.complete("v", "a", news, []) == Completion((), (), finished=False, first=False)
        clock.advance(LEASE_S)
        assert plane.claim("u", 9, LEASE_S) == (Claim("b", 1),)

    def test_an_expired_lease_of_a_done_task_counts_nothing(self, planes: Planes) -> None:
        """Nobody lost a worker."""
        plane, clock = begin_timed(planes, root("a", 0), root("b", 1), total=3)
        plane.claim("w", 1, LEASE_S)
        plane.complete("w", "a", [], [])
        clock.advance(LEASE_S)
        assert names(plane.claim("w", 9, LEASE_S)) == ["b"]
        assert plane.status().repeated == 0

    def test_the_last_task_finishes_the_run(self, planes: Planes) -> None:
        """Once `total` tasks are done; repeating it says so again."""
        plane = begin(planes, root("a"), root("b"), total=2)
        assert not plane.complete("w", "a", [], []).finished
        assert plane.status().state == "running"
        assert plane.complete("w", "b", [], []) == Completion((), (), finished=True, first=True)
        assert plane.complete("w", "b", [], []) == Completion((), (), finished=True, first=False)
        assert plane.status() == Status("done", 2, 2, 0, 0, 0, 0)

    # -- freeing

    def test_a_counted_tile_is_freed_after_its_last_reader(self, planes: Planes) -> None:
        """Each reader counts once, and it is freed once."""
        plane = begin(planes, root("a"), total=4)
        readers = tuple(Reader(task, 1, 0) for task in "bcd")
        assert plane.complete("w", "a", [Arrival("A", readers, counted=True)], []).freed == ()
        assert plane.complete("w", "b", [], ["A", "A"]).freed == ()
        assert plane.complete("w", "b", [], ["A"]).freed == ()
        assert plane.complete("w", "c", [], ["A"]).freed == ()
        assert plane.complete("w", "d", [], ["A"]).freed == ("A",)
        assert plane.complete("w", "d", [], ["A"]).freed == ()

    def test_a_tile_that_nobody_will_read_is_freed_at_once(self, planes: Planes) -> None:
        """As it has no readers, or they are done; if some are, the others count."""
        plane = begin(planes, root("a"), TaskState("old", 1, 0, done=True), total=2)
        old, new = Reader("old", 1, 0), Reader("new", 1, 0)
        news = [Arrival("none", (), True), Arrival("past", (old,), True), Arrival("half", (old, new), True)]
        assert sorted(plane.complete("w", "a", news, []).freed) == ["none", "past"]
        assert plane.complete("w", "new", [], ["half"]).freed == ("half",)

    def test_what_is_not_counted_is_not_freed(self, planes: Planes) -> None:
        """Neither at its arrival nor after its readers."""
        plane = begin(planes, root("a"), total=2)
        news = [Arrival("A", ()), Arrival("B", (Reader("b", 1, 0),))]
        assert plane.complete("w", "a", news, ["unknown"]).freed == ()
        assert plane.complete("w", "b", [], ["B"]).freed == ()

    def test_restored_counts_go_on(self, planes: Planes) -> None:
        """From where they are said to be."""
        plane = begin(planes, root("a"), root("b"), total=2, left={"S": 1, "T": 2, "U": 0})
        assert plane.complete("w", "a", [], ["S", "T", "U"]).freed == ("S",)
        assert plane.complete("w", "b", [], ["S", "T", "U"]).freed == ("T",)

    def test_a_tile_that_arrives_again_is_counted_afresh(self, planes: Planes) -> None:
        """Not in addition to what was restored."""
        plane = begin(planes, root("a"), TaskState("b", 2, 0, ("A",)), root("c"), total=3, left={"A": 2})
        readers = (Reader("b", 2, 0), Reader("c", 1, 0))
        plane.complete("w", "c", [], ["A"])
        assert plane.complete("w", "a", [Arrival("A", readers, counted=True)], []).freed == ()
        assert plane.complete("w", "b", [], ["A"]).freed == ("A",)

    def test_a_tile_is_freed_once(self, planes: Planes) -> None:
        """A count that was restored ends when the tile arrives again and nobody will read it."""
        plane = begin(planes, root("a"), root("b"), total=2, left={"A": 1})
        assert plane.complete("w", "a", [Arrival("A", (), counted=True)], []).freed == ("A",)
        assert plane.complete("w", "b", [], ["A"]).freed == ()

    def test_a_tile_written_late_is_freed_again(self, planes: Planes) -> None:
        """A late worker wrote what had been deleted; what somebody still reads stays."""
        plane = begin(planes, root("a"), total=3)
        news = [Arrival("A", (Reader("b", 1, 0),), counted=True), Arrival("B", (Reader("c", 1, 0),), counted=True)]
        plane.complete("w", "a", news, [])
        plane.complete("w", "b", [], ["A"])
        assert plane.complete("v", "a", news, []) == Completion((), ("A",), finished=False, first=False)
        assert plane.complete("w", "c", [], ["B"]).freed == ("B",)

    # -- the end, and how far it is

    def test_a_stopped_run_hands_nothing_out_but_records(self, planes: Planes) -> None:
        """What is finished still counts, for whoever resumes it."""
        plane = begin(planes, root("a"), root("b"), root("c"), total=4, left={"T": 1})
        plane.claim("w", 1, LEASE_S)
        plane.stop(Failure("cancelled", "RunCancelledError", "by the user"))
        assert plane.claim("w", 9, LEASE_S) == ()
        assert plane.renew("w", ["a", "b", "c"], LEASE_S) != frozenset()
        done = plane.complete("w", "a", [Arrival("A", (Reader("d", 1, 0),))], ["T"])
        assert done == Completion(("d",), ("T",), finished=False, first=True)
        status = plane.status()
        assert (status.state, status.done) == ("cancelled", 1)
        for task in "bcd":
            plane.complete("w", task, [], [])
        assert (plane.status().state, plane.status().done) == ("cancelled", 4)

    def test_the_first_failure_stays(self, planes: Planes) -> None:
        """Unaltered, whatever follows."""
        plane = begin(planes, root("a"))
        details: dict[str, JSON] = {"minor": 3, "where": ["A:1,1", None, 2.5], "more": {"ok": True}}
        failure = Failure("failed", "LinAlgError", 'minor 3 is "bad" ✗', "a", "w", details)
        plane.stop(failure)
        plane.stop(Failure("cancelled", "RunCancelledError", "too late"))
        status = plane.status()
        assert (status.state, status.failure) == ("failed", failure)

    def test_a_finished_run_cannot_fail(self, planes: Planes) -> None:
        """Its result is there."""
        plane = begin(planes, root("a"), total=1)
        plane.complete("w", "a", [], [])
        plane.stop(Failure("cancelled", "RunCancelledError", "too late"))
        assert plane.status() == Status("done", 1, 1, 0, 0, 0, 0)

    def test_status_counts(self, planes: Planes) -> None:
        """An expired lease counts as ready, and its holder not at all: it is work for whoever asks."""
        plane, clock = begin_timed(planes, *(root(f"t{i}", i) for i in range(6)), total=10)
        plane.claim("w", 2, LEASE_S)
        plane.claim("v", 1, 3 * LEASE_S)
        plane.complete("w", "t5", [Arrival("A", (Reader("u", 1, 0), Reader("x", 2, 0)))], [])
        assert counts(plane.status()) == Status("running", 10, 1, 3, 3, 3, 2)
        clock.advance(LEASE_S)
        assert counts(plane.status()) == Status("running", 10, 1, 5, 1, 3, 1)
        plane.claim("u", 9, LEASE_S)
        assert counts(plane.status()) == Status("running", 10, 1, 0, 6, 3, 2, repeated=2)

    def test_threads_may_share_a_plane(self, planes: Planes) -> None:
        """No task is handed out twice, and none is forgotten."""
        chains, length, threads = 10, 12, 4
        plane = begin(planes, *(root(f"{i}/0") for i in range(chains)), total=chains * length)
        claimed: list[str] = []
        errors: list[BaseException] = []

        def work(worker: str) -> None:
            try:
                while plane.status().state == "running":
                    for claim in plane.claim(worker, 2, LEASE_S):
                        claimed.append(claim.task)
                        chain, _, step = claim.task.partition("/")
                        following = f"{chain}/{int(step) + 1}"
                        news = [Arrival(claim.task, (Reader(following, 1, 0),))] if int(step) + 1 < length else []
                        assert plane.complete(worker, claim.task, news, []).first
            except BaseException as error:  # noqa: BLE001 - told to the test, which is on another thread
                errors.append(error)

        team = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(threads)]
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
        assert errors == []
        assert len(claimed) == len(set(claimed)) == chains * length
        assert plane.status() == Status("done", chains * length, chains * length, 0, 0, 0, 0)
