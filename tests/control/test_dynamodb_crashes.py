"""What a crash, a lost answer or a second worker in the middle of a call leaves behind in the DynamoDB plane."""

import threading
import uuid
from contextlib import suppress
from itertools import count

import pytest
from botocore.session import Session
from servers.ministack import ministack

from numpywren.control import Arrival, Claim, Reader, TaskState, open_plane
from numpywren.control.dynamodb import completion as dynamodb_completion
from numpywren.control.dynamodb.items import decode
from numpywren.testing.control import ManualClock
from numpywren.testing.faults import Fault, FaultyProxy

LEASE_S = 10.0


@pytest.fixture(scope="module", autouse=True)
def server():
    with ministack() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment["AWS_ENDPOINT_URL_DYNAMODB"]


def new_url():
    return f"dynamodb://numpywren?run={uuid.uuid4().hex}"


@pytest.fixture
def url():
    return new_url()


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(dynamodb_completion, "MOST_WOKEN", 2)
    monkeypatch.setattr(dynamodb_completion, "MOST_COUNTED", 2)


def items(run):
    """The items of one run, asked without the code under test."""
    pages = Session().create_client("dynamodb").get_paginator("scan").paginate(TableName="numpywren")
    return [item for item in map(decode, pages.build_full_result()["Items"]) if item["pk"].startswith(run)]


class Crash(BaseException):
    """The end of a process."""


class Crashing:
    """Makes a plane's process die after a number of requests: before it sends the next, that is."""

    def __init__(self, plane, number):
        self.table, self.left = plane._table, number
        self.ask, self.table._ask = self.table._ask, self

    def __call__(self, operation, request):
        if self.left == 0:
            raise Crash
        self.left -= 1
        return self.ask(operation, request)


def begin(url, clock):
    """One task that reads five counted tiles, and writes two that five others read, one of whom needs more."""
    plane = open_plane(url, clock=clock)
    left = {"r0": 1, "r1": 2, "r2": 1, "r3": 1, "r4": 2}
    rows = [TaskState("a", 0, 0), TaskState("z", 0, 9), TaskState("old", 1, 0, done=True)]
    plane.restore(rows, left, total=8)
    return plane


READS = [f"r{i}" for i in range(5)]
ONE = [Reader(f"b{i}", 1, 1) for i in range(4)]
MORE, LATE, OLD = Reader("more", 2, 1), Reader("late", 2, 1), Reader("old", 1, 0)
NEWS = [Arrival("A", (*ONE, MORE, OLD), counted=True), Arrival("B", (MORE, LATE)), Arrival("C", (OLD,), counted=True)]


def test_a_crash_anywhere_in_a_completion_is_made_good(small_pieces):
    """Another repeats it: each reader is ready once, each tile counted once, and nobody is forgotten."""
    for number in count():
        url, clock = new_url(), ManualClock()
        plane = begin(url, clock)
        assert plane.claim("w", 1, LEASE_S) == (Claim("a", 1),)
        victim = open_plane(url, clock=clock)
        Crashing(victim, number)
        try:
            victim.complete("w", "a", NEWS, READS)
        except Crash:
            pass
        else:
            break
        clock.advance(LEASE_S)
        taken = {claim.task: claim.attempt for claim in plane.claim("v", 9, LEASE_S)}
        done = plane.complete("v", "a", NEWS, READS)
        if done.first:
            assert taken["a"] == 2
            assert sorted(done.ready) == ["b0", "b1", "b2", "b3", "more"]
            assert sorted(done.freed) == ["C", "r0", "r2", "r3"]
        else:  # it had been done, and only the answer was lost
            assert "a" not in taken
            assert done.ready == ()
            assert done.freed == ("C",)
        taken |= {claim.task: claim.attempt for claim in plane.claim("v", 9, LEASE_S)}
        assert set(taken) - {"a"} == {"b0", "b1", "b2", "b3", "more", "z"}
        assert plane.complete("v", "z", [Arrival("Z", (LATE,))], ["r1", "r4"]).freed == ("r1", "r4")
        freed = [tile for i in range(4) for tile in plane.complete("v", f"b{i}", [], ["A"]).freed]
        assert freed == []
        assert plane.complete("v", "more", [], ["A"]).freed == ("A",)
        assert [claim.task for claim in plane.claim("v", 9, LEASE_S)] == ["late"]
        assert plane.complete("v", "late", [], []).finished
    assert number > 12


def test_a_crash_anywhere_in_a_claim_is_made_good():
    for number in count():
        url, clock = new_url(), ManualClock()
        plane = open_plane(url, clock=clock)
        plane.restore([TaskState("a", 0, 0), TaskState("b", 0, 1)], {}, total=2)
        plane.claim("w", 1, LEASE_S)
        clock.advance(LEASE_S)
        victim = open_plane(url, clock=clock)
        Crashing(victim, number)
        try:
            victim.claim("x", 2, LEASE_S)
        except Crash:
            pass
        else:
            break
        clock.advance(LEASE_S)
        assert {claim.task for claim in plane.claim("v", 9, LEASE_S)} == {"a", "b"}
        assert plane.status().running == 2
    assert number > 4


def test_a_crash_anywhere_in_a_restore_leaves_the_old_run_or_the_new():
    seen = []
    for number in count():
        url = new_url()
        plane = open_plane(url, clock=ManualClock())
        plane.restore([TaskState("a", 0, 0)], {}, total=1)
        victim = open_plane(url, clock=ManualClock())
        Crashing(victim, number)
        with suppress(Crash):
            victim.restore([TaskState(f"b{i}", 0, 0) for i in range(60)], {"T": 1}, total=60)
        status = plane.status()
        assert (status.total, status.ready) in ((1, 1), (60, 60))
        seen.append(status.total)
        if seen.count(60) == 3:  # what follows is deleting the old one
            break
    assert seen[:3] == [1, 1, 1]
    assert seen == sorted(seen)


def test_two_complete_the_same_at_once(small_pieces):
    """One of them is first, and reports everything; the other nothing."""
    for _ in range(3):
        url, clock = new_url(), ManualClock()
        begin(url, clock).claim("w", 1, LEASE_S)
        gate, answers = threading.Barrier(3), []

        def work(worker, url=url, clock=clock, gate=gate, answers=answers):
            plane = open_plane(url, clock=clock)
            plane.status()
            gate.wait()
            answers.append(plane.complete(worker, "a", NEWS, READS))

        team = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(3)]
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
        first = [answer for answer in answers if answer.first]
        assert len(answers) == 3
        assert len(first) == 1
        assert sorted(first[0].ready) == ["b0", "b1", "b2", "b3", "more"]
        assert sorted(first[0].freed) == ["C", "r0", "r2", "r3"]
        assert all((answer.ready, answer.freed) == ((), ("C",)) for answer in answers if not answer.first)
        plane = open_plane(url, clock=clock)
        assert (plane.status().done, plane.status().ready, plane.status().running) == (1, 6, 0)


def test_more_readers_than_a_transaction_holds(url):
    """And more tiles: all are ready, and freed, once."""
    plane = open_plane(url, clock=ManualClock())
    plane.restore([TaskState("a", 0, 0)], {f"r{i}": 1 + i % 2 for i in range(130)}, total=132)
    readers = tuple(Reader(f"b{i}", 1, i % 3) for i in range(130))
    done = plane.complete("w", "a", [Arrival("A", readers, counted=True)], [f"r{i}" for i in range(130)])
    assert sorted(done.ready) == sorted(reader.task for reader in readers)
    assert sorted(done.freed) == sorted(f"r{i}" for i in range(0, 130, 2))
    assert (plane.status().done, plane.status().ready) == (1, 130)
    assert len(plane.claim("w", 200, LEASE_S)) == 130
    assert len(plane.renew("w", [reader.task for reader in readers], LEASE_S)) == 130
    plane.release("w", [reader.task for reader in readers])
    assert plane.status().ready == 130


def test_what_the_network_loses_is_made_good(server, url, monkeypatch):
    """Answers that never come, refusals and damage: each request is made again, and has its effect once."""
    rules = [Fault(kind=kind, share=0.02, status=503) for kind in ("error", "lose", "corrupt")]
    with FaultyProxy(server, rules) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
        clock = ManualClock()
        plane = begin(url, clock)
        done = plane.complete("w", "a", NEWS, READS)
        assert (len(done.ready), len(done.freed)) == (5, 4)
        for step in range(12):
            plane.claim("w", 1, LEASE_S)
            if step % 3 == 0:
                plane.release("w", ["z", *done.ready])
        assert plane.complete("w", "z", [Arrival("Z", (LATE,))], ["r1", "r4"]).ready == ("late",)
        assert [tile for task in done.ready for tile in plane.complete("w", task, [], ["A"]).freed] == ["A"]
        assert plane.complete("w", "late", [], []).finished
        assert (plane.status().state, plane.status().done) == ("done", 8)
        assert proxy.counts["error"] + proxy.counts["lose"] + proxy.counts["corrupt"] > 0
        plane.delete()
        proxy.rules = []
        assert items(url.partition("=")[2]) == []
