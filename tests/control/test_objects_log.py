"""What the log is for: snapshots, lost answers, readers who fall behind, hostile bytes, clocks that disagree."""

from __future__ import annotations

import itertools
import json
import threading
import zlib
from dataclasses import replace

import pytest

from numpywren.algorithms import cholesky
from numpywren.control import Arrival, Claim, Failure, Reader, Status, TaskState, open_plane
from numpywren.control.memory import MemoryPlane
from numpywren.control.objects import head as objects_head
from numpywren.control.objects.log import LARGEST_HEAD, Batch, Blob, Head, claiming, completing, deflate, inflate
from numpywren.control.objects.state import Replica, merged
from numpywren.control.server_clock import ServerClock
from numpywren.errors import ControlPlaneLostError, StoreError
from numpywren.lambdapack import Task
from numpywren.matrix import Store, open_store
from numpywren.testing.control_setup import counts

NUMBERS = itertools.count()
CLOCK = lambda: 1000.0  # noqa: E731


@pytest.fixture
def place():
    return f"memory:log-{next(NUMBERS)}/control"


@pytest.fixture
def store(place):
    return open_store(place)


@pytest.fixture
def plane(place):
    plane = open_plane(f"objects:{place}", clock=CLOCK)
    plane.restore([TaskState(f"t{i:04}", 0, i) for i in range(1000)], {}, 1000)
    return plane


@pytest.fixture
def small(monkeypatch):
    """Snapshots come often."""
    monkeypatch.setattr(objects_head, "LIMIT", 2000)
    monkeypatch.setattr(objects_head, "KEEP", 500)


def again(plane):
    return open_plane(plane.url, clock=CLOCK)


def work(plane, count, worker="w"):
    """Claim and complete so many tasks; each makes another ready."""
    for _ in range(count):
        (claim,) = plane.claim(worker, 1, 30.0)
        reader = Reader(f"next of {claim.task}", 2, 0)
        plane.complete(worker, claim.task, [Arrival(f"tile of {claim.task}", (reader,), counted=True)], [])


def head_of(store):
    return Head.decode(bytes(store.get("head")))


# -- what is kept


def test_the_head_stays_short_and_old_snapshots_go(plane, store, small):
    work(plane, 200)
    head = head_of(store)
    assert head.end == 400
    assert sum(map(len, head.batches)) < 2 * objects_head.LIMIT
    assert head.snapshot.amount > 300
    names = {"head", head.snapshot.key, *(blob.key for blob in head.done)}
    assert set(store.list()) == names, "old snapshots are deleted"
    assert sum(blob.amount for blob in head.done) <= 200
    sizes = [blob.amount for blob in head.done]
    assert all(older > 2 * newer for older, newer in itertools.pairwise(sizes)), "few objects hold the names"


def test_names_of_done_tasks_are_written_a_few_times_each(plane, small, monkeypatch):
    """Not with every snapshot: what is written in all grows as n log n."""
    written, snapshots = [], []
    put = Store.put

    def noting(self, key, *buffers):
        if "/done-" in key:
            written.append(int(key.split("-")[1]))
            snapshots.append(len(json.loads(zlib.decompress(bytes(buffers[0])))))
        return put(self, key, *buffers)

    monkeypatch.setattr(type(plane._log.store), "put", noting)
    work(plane, 900)
    assert len(snapshots) > 60
    assert sum(snapshots) < 900 * 12
    assert sum(written) > 10 * sum(snapshots) / 4, "this would be written if each had all names"


def test_a_new_handle_sees_what_an_old_one_does(plane, small):
    for i in range(40):
        work(plane, 3, f"w{i}")
        plane.claim("x", 1, 30.0)
        other = again(plane)
        assert other.status() == plane.status()
        assert other._log.replica.dump() == plane._log.replica.dump(), f"snapshot and log disagree in round {i}"
        assert other._log.replica.order == plane._log.replica.order


def test_a_reader_who_falls_behind_goes_on_from_a_snapshot(plane, small):
    idle = again(plane)
    work(idle, 1, "idle")
    idle.claim("idle", 2, 30.0)
    work(plane, 150)
    assert idle.renew("idle", ["t0001", "t0002", "t0003"], 30.0) == {"t0001", "t0002"}
    assert idle.status().done == 151
    assert idle.complete("idle", "t0001", [], []).first
    assert plane.status().done == 152


def test_a_snapshot_that_was_replaced_while_it_was_being_read(plane, store, small, monkeypatch):
    """The reader finds the newer one in the head."""
    work(plane, 30)
    get, raced = type(store).get, []

    def slow(self, key, at_most=None):
        if "/state-" in key and not raced:
            raced.append(key)
            work(plane, 40)
            assert key not in set(store.list())
        return get(self, key, at_most)

    monkeypatch.setattr(type(store), "get", slow)
    assert again(plane).status().done == 70
    assert raced


def test_deleting_leaves_nothing_and_touches_nothing_else(plane, store, small):
    store.put("tiles/0", b"tile")
    store.put("header", b"not ours")
    work(plane, 30)
    plane.delete()
    assert set(store.list()) == {"tiles/0", "header"}


def test_late_writers_leave_nothing(plane, store, small):
    late = again(plane)
    work(late, 20)
    plane.delete()
    for _ in range(3):
        with pytest.raises(ControlPlaneLostError):
            late.complete("w", "t0500", [Arrival("x" * 5000, ())], [])
    assert set(store.list()) == set()


def sizes_of_a_cholesky(n):
    """Bytes of log for a task, bytes of names for a finished task, and the largest snapshot of the rest."""
    flow = cholesky.bind({"n": n, "depth": 1})
    replica, log, largest = Replica(), 0, 0
    roots = (TaskState(task.id, 0, flow.priority(task)) for task in flow.roots())
    replica.restore(roots, {}, flow.count())
    number = 0
    while replica.status().state == "running":
        number += 1
        batch = Batch("me", number, float(number), (claiming("w", 1, 1e9, (), {}),))
        ((claim,),) = replica.play(batch)
        task = Task.parse(claim.task)
        news = [
            Arrival(tile.id, tuple(Reader(r.id, flow.needs(r), flow.priority(r)) for r in flow.readers(tile)), True)
            for tile in flow.writes(task)
        ]
        reads = [tile.id for tile in flow.reads(task)]
        after = Batch("me", number, float(number), (completing("w", claim.task, news, reads),))
        replica.play(after)
        log += len(batch.encode()) + len(after.encode())
        if number % 100 == 0:
            largest = max(largest, len(deflate(replica.dump())))
    return log / number, len(deflate(merged(replica.order))) / number, largest / n**2


def test_nothing_grows_but_with_what_is_in_flight():
    """Of a finished task a few bytes are left; what is in flight in this program grows as the square of its size."""
    small, large = sizes_of_a_cholesky(10), sizes_of_a_cholesky(20)
    assert large[0] < 1.3 * small[0] < 1000
    assert large[1] < 6
    assert large[2] < 2 * max(small[2], 10)


# -- requests


class Requests:
    """Counts what is asked of the stores in this process."""

    def __init__(self, monkeypatch, kind):
        self.count = {}
        for name in ("get", "put", "get_with_etag", "put_if_match", "put_if_absent", "delete"):
            monkeypatch.setattr(kind, name, self.counting(name, getattr(kind, name)))

    def counting(self, name, method):
        def counted(*arguments, **options):
            self.count[name] = self.count.get(name, 0) + 1
            return method(*arguments, **options)

        return counted


def test_one_request_a_transition_for_who_is_alone(plane, store, monkeypatch):
    work(plane, 2)
    requests = Requests(monkeypatch, type(store))
    work(plane, 20)
    assert requests.count == {"put_if_match": 40}


def test_what_changes_nothing_is_not_written(plane, store, monkeypatch):
    plane.claim("w", 2000, 30.0)
    plane.complete("w", "t0000", [], [])
    requests = Requests(monkeypatch, type(store))
    assert plane.claim("v", 1, 30.0) == ()
    assert not plane.complete("w", "t0000", [], []).first
    assert not plane.complete("w", "unknown", [], []).first
    assert plane.renew("v", ["t0001"], 30.0) == frozenset()
    plane.release("v", ["t0001"])
    plane.status()
    assert set(requests.count) == {"get_with_etag"}


def test_threads_commit_together(plane, store, monkeypatch):
    """While one batch is on its way, the calls of the other threads gather, and go with the next."""
    plane.claim("w", 64, 30.0)
    swap, gate, entered = type(store).put_if_match, threading.Event(), threading.Event()

    def slow(self, *arguments):
        entered.set()
        assert gate.wait(60)
        return swap(self, *arguments)

    monkeypatch.setattr(type(store), "put_if_match", slow)
    before = head_of(store).end
    first = {}
    threads = [
        threading.Thread(target=lambda i=i: first.update({i: plane.complete("w", f"t{i:04}", [], []).first}))
        for i in range(64)
    ]
    threads[0].start()
    assert entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    while len(plane._waiting) < 63:
        assert threads[0].is_alive()
    gate.set()
    for thread in threads:
        thread.join()
    assert first == dict.fromkeys(range(64), True)
    assert head_of(store).end == before + 2


def test_a_claim_finds_what_a_completion_beside_it_makes_ready(plane, store):
    """They are one batch, completions first."""
    plane.restore([TaskState("a", 0, 0)], {}, 2)
    plane.claim("w", 1, 30.0)
    plane._turn.acquire()
    got = {}
    news = [Arrival("A", (Reader("b", 1, 0),))]
    threads = [
        threading.Thread(target=lambda: got.update(claim=plane.claim("w", 1, 30.0))),
        threading.Thread(target=lambda: got.update(done=plane.complete("w", "a", news, []))),
    ]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(plane._waiting) < number:
            pass
    plane._turn.release()
    for thread in threads:
        thread.join()
    assert got["claim"] == (Claim("b", 1),)
    assert got["done"].ready == ("b",)


# -- answers that are lost


class Mishap:
    """Makes one conditional write go wrong, as a network does."""

    def __init__(self, monkeypatch, store, arrives, tells):
        self.arrives, self.tells, self.armed = arrives, tells, False
        self.between = lambda: None
        swap = type(store).put_if_match

        def failing(store, key, data, etag):
            if not self.armed:
                return swap(store, key, data, etag)
            self.armed = False
            if self.arrives:
                assert swap(store, key, data, etag) is not None
            self.between()
            if self.tells == "nothing":
                raise StoreError(5, "the connection broke")
            return None

        monkeypatch.setattr(type(store), "put_if_match", failing)


@pytest.mark.parametrize("others", [False, True], ids=["alone", "overtaken"])
@pytest.mark.parametrize("tells", ["nothing", "precondition failed"])
def test_a_write_whose_answer_was_lost_counts_once(plane, store, monkeypatch, others, tells):
    """The second case is that of a client that sends again what had arrived."""
    work(plane, 2)
    mishap = Mishap(monkeypatch, store, arrives=True, tells=tells)
    other = again(plane)
    if others:
        mishap.between = lambda: work(other, 3, "other")
    mishap.armed = True
    assert plane.claim("w", 1, 30.0) == (Claim("t0002", 1),)
    mishap.armed = True
    assert plane.complete("w", "t0002", [Arrival("A", (Reader("b", 1, -1),))], []).ready == ("b",)
    status = again(plane).status()
    assert (status.done, status.running) == ((9, 0) if others else (3, 0))


def test_a_write_that_never_arrived_is_told(plane, store, monkeypatch):
    work(plane, 2)
    mishap = Mishap(monkeypatch, store, arrives=False, tells="nothing")
    mishap.armed = True
    with pytest.raises(StoreError, match="connection broke"):
        plane.claim("w", 1, 30.0)
    assert plane.claim("w", 1, 30.0) == (Claim("t0002", 1),)


def test_a_write_that_cannot_be_found_any_more_is_told(plane, store, small, monkeypatch):
    """So many batches came after it that it may be in the snapshot, or not: the caller repeats, which is harmless."""
    work(plane, 2)
    mishap = Mishap(monkeypatch, store, arrives=True, tells="precondition failed")
    other = again(plane)
    mishap.between = lambda: work(other, 50, "other")
    mishap.armed = True
    with pytest.raises(StoreError, match="try again"):
        plane.complete("w", "t0900", [], [])
    assert not plane.complete("w", "t0900", [], []).first


@pytest.mark.parametrize("arrives", [True, False])
def test_a_restore_whose_answer_was_lost(plane, store, monkeypatch, arrives):
    mishap = Mishap(monkeypatch, store, arrives=arrives, tells="nothing")
    other = again(plane)
    other.status()
    mishap.between = lambda: other.claim("v", 1, 30.0)
    mishap.armed = True
    if not arrives:
        with pytest.raises(StoreError, match="connection broke"):
            plane.restore([TaskState("a", 0, 0)], {}, 5)
        assert plane.status().total == 1000
        return
    plane.restore([TaskState("a", 0, 0)], {}, 5)
    assert plane.status() == other.status()
    assert plane.renew("v", ["a"], 30.0) == {"a"}


def test_a_crash_before_the_snapshot_is_used_harms_nothing(plane, store, small, monkeypatch):
    """Somebody else's batch crosses the next limit."""
    monkeypatch.setattr(objects_head.SharedLog, "_compact", lambda self, head: None)
    work(plane, 30)
    monkeypatch.undo()
    monkeypatch.setattr(objects_head, "LIMIT", 2000)
    assert sum(map(len, head_of(store).batches)) > 2000
    work(again(plane), 30)
    assert sum(map(len, head_of(store).batches)) < 2000 + objects_head.KEEP
    assert again(plane).status().done == 60


def test_two_who_write_snapshots_at_once_do_not_spoil_each_other(plane, store, small, monkeypatch):
    """What the slower one builds on is deleted by the faster one: his snapshot is not used."""
    work(plane, 60)
    other = again(plane)
    other.status()
    save, raced = objects_head.SharedLog._save, []

    def slow(log, *arguments):
        saved = save(log, *arguments)
        if log is plane._log and not raced:
            raced.append(head_of(store).snapshot)
            while head_of(store).snapshot == raced[0]:
                work(other, 1, "other")
        return saved

    monkeypatch.setattr(objects_head.SharedLog, "_save", slow)
    while not raced:
        work(plane, 1)
    assert again(plane).status() == plane.status() == other.status()
    head = head_of(store)
    assert set(store.list()) == {"head", head.snapshot.key, *(blob.key for blob in head.done)}


# -- what is damaged, foreign or hostile


def without(position):
    return lambda lines: lines[:position] + lines[position + 1 :]


def header(**changes):
    def change(lines):
        top = {**json.loads(lines[0]), **changes}
        return [json.dumps({k: v for k, v in top.items() if v is not None}).encode(), *lines[1:]]

    return change


def batch(text):
    return lambda lines: [*lines, text]


HOSTILE = {
    "nothing": lambda lines: [b""],
    "not JSON": lambda lines: [b"\xff\xfe", *lines[1:]],
    "a list": lambda lines: [b"[]", *lines[1:]],
    "no header": without(0),
    "deep": lambda lines: [b"[" * 200_000],
    "another format": header(format=999),
    "no format": header(format=None),
    "no run": header(run="../../x"),
    "first too late": header(first=10**9),
    "a key outside": header(snapshot=["../../secret", 0, 10]),
    "another's key": header(snapshot=["tiles/0", 0, 10]),
    "a snapshot that is not there": header(snapshot=[f"{'0' * 16}/state-0-00000000", 0, 10]),
    "no list of done tasks": header(done=7),
    "negative": header(done=[[f"{'0' * 16}/done-0-00000000", -1, 10]]),
    "a batch that is none": batch(b"[]"),
    "a batch that is no JSON": batch(b"{"),
    "no transition": batch(b'["w",1,2.0,[["explode"]]]'),
    "a transition without arguments": batch(b'["w",1,2.0,[["claim"]]]'),
    "names that are none": batch(b'["w",1,2.0,[["release","w",[7]]]]'),
    "a worker that is none": batch(b'["w",1,2.0,[["release",{},[]]]]'),
    "an arrival that is none": batch(b'["w",1,2.0,[["complete","w","t0100",[[1,2]],[]]]]'),
    "a reader that is none": batch(b'["w",1,2.0,[["complete","w","t0100",[["T",true,[["r","1",0]]]],[]]]]'),
    "a failure that is none": batch(b'["w",1,2.0,[["stop",{"kind":"tired","error":"","message":""}]]]'),
    "a failure with more": batch(b'["w",1,2.0,[["stop",{"__class__":"os.system"}]]]'),
    "a time that is none": batch(b'["w",1,NaN,[]]'),
    "a lease without end": batch(b'["w",1,2.0,[["claim","w",1,Infinity,[],{}]]]'),
}


@pytest.mark.parametrize("damage", HOSTILE.values(), ids=HOSTILE)
def test_a_head_that_is_none_is_a_lost_plane(plane, store, damage, request):
    """And can be restored."""
    work(plane, 3)
    lines = inflate(bytes(store.get("head")), LARGEST_HEAD).split(b"\n")
    store.put("head", deflate(b"\n".join(damage(lines))))
    # who has read the snapshot before can go on without it
    for handle in [again(plane)] if "snapshot that is not there" in request.node.name else [again(plane), plane]:
        with pytest.raises(ControlPlaneLostError, match=r"damaged.*resume"):
            handle.status()
    plane.restore([TaskState("a", 0, 0)], {}, 1)
    assert again(plane).claim("w", 1, 30.0) == (Claim("a", 1),)


@pytest.mark.parametrize("times", [1, 3, 1000])
@pytest.mark.parametrize("name", ["head", "state"])
def test_what_is_damaged_on_its_way_is_read_again(plane, store, monkeypatch, name, times):
    """A few times; what is damaged always is so in the store."""
    left = [times]

    def flipped(data):
        left[0] -= 1
        return bytes(data[:20]) + bytes([data[20] ^ 1]) + bytes(data[21:]) if left[0] >= 0 else data

    kind = type(store)
    get, look = kind.get, kind.get_with_etag
    if name == "head":
        monkeypatch.setattr(kind, "get_with_etag", lambda *a, **o: (v := look(*a, **o))._replace(data=flipped(v.data)))
    else:
        monkeypatch.setattr(kind, "get", lambda *a, **o: flipped(get(*a, **o)))
    if times < objects_head.READINGS:
        assert again(plane).status() == plane.status()
    else:
        with pytest.raises(ControlPlaneLostError, match=r"damaged.*resume"):
            again(plane).status()


SPOILED = {
    "nothing": lambda data: b"",
    "cut": lambda data: data[:-9],
    "another": lambda data: zlib.compress(b"{}"),
    "longer": lambda data: data + b"more" * 1000,
    "a bomb": lambda data: zlib.compress(bytes(1 << 24)),
    "no state": lambda data: zlib.compress(b" " * len(zlib.decompress(data))),
}


@pytest.mark.parametrize("damage", SPOILED.values(), ids=SPOILED)
def test_a_snapshot_that_is_none_is_a_lost_plane(plane, store, damage):
    key = head_of(store).snapshot.key
    store.put(key, damage(bytes(store.get(key))))
    with pytest.raises(ControlPlaneLostError, match=r"damaged.*resume"):
        again(plane).status()


STATES = {
    "total": "many",
    "state": "flying",
    "done": 1.5,
    "counted": [1],
    "waiting": [["a", 0, 1]],
    "ready": [[1, 2, 3, 4]],
    "held": [["a", 0, 0, 1, None, 1.0, 1.0]],
    "endings": [["soon", "a"]],
    "failure": "[]",
    "writers": {"me": 7},
}


@pytest.mark.parametrize(("field", "value"), STATES.items(), ids=STATES)
def test_each_part_of_a_snapshot_is_checked(field, value):
    replica = Replica()
    replica.restore([TaskState("a", 0, 0), TaskState("b", 2, 0, ("A",))], {"A": 1}, 2)
    state = json.loads(replica.dump())
    assert Replica.load("", 0, json.dumps(state).encode(), []).dump() == replica.dump()
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Replica.load("", 0, json.dumps({**state, field: value}).encode(), [])


def test_nothing_grows_beyond_what_was_said():
    bomb = zlib.compress(bytes(1 << 26))
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        inflate(bomb, 1000)
    assert inflate(zlib.compress(b"x" * 1000), 1000) == b"x" * 1000


def test_a_snapshot_that_says_it_is_huge_is_not_read(plane, store, monkeypatch):
    head = head_of(store)
    huge = replace(head, snapshot=head.snapshot._replace(nbytes=objects_head.LARGEST + 1))
    store.put("head", huge.encode())
    requests = Requests(monkeypatch, type(store))
    with pytest.raises(ControlPlaneLostError, match=r"at most are allowed.*resume"):
        again(plane).status()
    assert "get" not in requests.count


def test_a_head_that_is_a_bomb_is_a_lost_plane(plane, store):
    store.put("head", zlib.compress(bytes(LARGEST_HEAD + 1)))
    with pytest.raises(ControlPlaneLostError, match=r"more than.*resume"):
        again(plane).status()


def test_a_head_that_is_too_large_is_a_lost_plane_and_can_be_replaced(plane, store, monkeypatch):
    work(plane, 20)
    monkeypatch.setattr(objects_head, "LARGEST_HEAD", 200)
    with pytest.raises(ControlPlaneLostError, match="resume"):
        again(plane).status()
    plane.restore([], {}, 0)
    monkeypatch.undo()
    assert again(plane).status().state == "done"


@pytest.mark.parametrize("url", ["objects:", "object:memory:x"])
def test_a_url_that_names_no_place(url):
    with pytest.raises(ValueError, match=r"objects:|begins with"):
        open_plane(url)


def test_opening_and_asking_make_nothing(place, store):
    plane = open_plane(f"objects:{place}")
    with pytest.raises(ControlPlaneLostError, match="resume"):
        plane.claim("w", 1, 30.0)
    with pytest.raises(ControlPlaneLostError, match="resume"):
        plane.stop(Failure("cancelled", "", ""))
    assert list(store.list()) == []


# -- clocks


class Ticks:
    """A machine's clock, some seconds beside the store's."""

    def __init__(self, real, ahead):
        self.real, self.ahead = real, ahead

    def __call__(self):
        return self.real[0] + self.ahead


def test_the_stores_clock_is_found_from_whole_seconds():
    real = [1_700_000_000.25]
    clock = ServerClock(Ticks(real, -1_699_990_000.0))
    assert not clock.known
    for _ in range(40):
        after = clock.ticks()
        real[0] += 0.03
        stamp = float(int(real[0]))
        real[0] += 0.03
        clock.observe(stamp, after, clock.ticks())
        assert clock.known
        assert abs(clock() - real[0]) < 1.1
        real[0] += 0.7
    assert abs(clock() - real[0]) < 0.1


def test_a_clock_that_is_set_is_learned_anew():
    real, ticks = [1000.5], [0.0]
    clock = ServerClock(lambda: ticks[0])
    clock.observe(1000.5, 0.0, 0.01)
    ticks[0], real[0] = 10.0, 5000.5
    clock.observe(5000.5, 9.99, 10.0)
    assert abs(clock() - 5000.5) < 0.1


def test_what_was_found_is_forgotten_in_time():
    ticks = [0.0]
    clock = ServerClock(lambda: ticks[0])
    clock.observe(1000.5, 0.0, 0.01)
    assert clock.known
    ticks[0] += 86_400.0
    assert not clock.known


def test_the_time_never_goes_back_for_those_who_read():
    ticks = [0.0]
    clock = ServerClock(lambda: ticks[0])
    clock.observe(1000.5, 0.0, 0.01)
    clock.hear(1200.0, 0.02)
    ticks[0] = 1.0
    assert 1200.9 < clock() < 1201.1


def test_leases_do_not_depend_on_the_clocks_of_machines(place, store):
    """Handles on machines whose clocks are minutes apart, and one whose clock counts from its start."""
    real = [0.0]
    planes = [open_plane(f"objects:{place}") for _ in range(3)]
    base = planes[0]._log.clock.ticks

    for plane, ahead in zip(planes, (600.0, -600.0, 1e6), strict=True):
        plane._log.clock.ticks = lambda ahead=ahead: base() + real[0] + ahead
    planes[0].restore([TaskState("a", 0, 0)], {}, 1)
    assert planes[0].claim("w", 1, 30.0) == (Claim("a", 1),)
    for plane in planes:
        assert counts(plane.status()) == Status("running", 1, 0, 0, 1, 0, 1)
        assert 0.0 <= plane.status().longest[0].seconds < 20.0
        assert plane.claim("v", 1, 30.0) == ()
    real[0] = 31.0  # on all of these machines, and nobody has written since
    assert [plane.claim("v", 1, 30.0) for plane in reversed(planes)] == [(Claim("a", 2),), (), ()]


def test_the_memory_plane_and_its_replica_agree():
    """A replica is a memory plane; what it writes down and reads again is one in the same state."""
    clock = [0.0]
    model = MemoryPlane(clock=lambda: clock[0])
    rows = [TaskState("a", 0, 1), TaskState("b", 0, 1), TaskState("c", 2, 0, ("A",)), TaskState("d", 1, 0, done=True)]
    replica = Replica()
    for plane in (model, replica):
        plane.restore(rows, {"A": 1}, 3)
    clock[0] = 5.0
    model.claim("w", 1, 2.0)
    replica.play(Batch("me", 1, 5.0, (["claim", "w", 1, 2.0, [], {}],)))
    twin = Replica.load("", replica.position, replica.dump(), replica.order)
    assert twin.status_at(8.0) == replica.status_at(8.0)
    clock[0] = 8.0
    assert model.status() == twin.status_at(8.0)
    assert twin.order == ["d"]
    assert Blob.of(list(Blob(f"{'a' * 16}/state-1-{'b' * 8}", 1, 2))).amount == 1
