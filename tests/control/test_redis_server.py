"""What is Redis's own: URLs, secrets, what is kept for how long, and what the server may do to a run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from itertools import count
from pathlib import Path

import pytest
from servers import redis as servers

from numpywren.config import config
from numpywren.control import MAX_ATTEMPTS, Arrival, Claim, Failure, Reader, TaskState, open_plane
from numpywren.control.redis.link import Address
from numpywren.control.redis.plane import RedisPlane
from numpywren.control.redis.scripts import script
from numpywren.errors import ControlPlaneLostError, StoreError
from numpywren.testing.control import ManualClock
from numpywren.testing.faulty_line import FaultyLine

BINARIES = servers.binaries()
_names = count()


@pytest.fixture(scope="module", params=BINARIES)
def server(request, tmp_path_factory):
    with servers.server(BINARIES[request.param], tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def plane(server):
    opened = RedisPlane(f"{server.url}?run=own-{next(_names)}")
    yield opened
    opened.delete()
    opened.close()


def keys_of(plane, client):
    return set(client.scan_iter(f"numpywren:*{{{plane.url.partition('run=')[2]}}}*"))


def test_a_claim_whose_answer_was_lost_gives_the_same_tasks_when_it_is_asked_again(server):
    with FaultyLine("127.0.0.1", server.port) as line, ThreadPoolExecutor(1) as pool:
        plane = RedisPlane(f"redis://127.0.0.1:{line.port}/0?run=own-{next(_names)}")
        plane.restore([TaskState(name, 0, place) for place, name in enumerate("abcdef")], {}, 6)
        assert plane.claim("w", 1, 30.0) == (Claim("a", 1),)
        line.lose = 1.0
        asking = pool.submit(plane.claim, "w", 2, 30.0)
        while not line.counts["lose"]:
            time.sleep(0.01)
        line.lose = 0.0
        assert asking.result(60) == (Claim("b", 1), Claim("c", 1))
        assert plane.status().running == 3
        assert plane.claim("w", 2, 30.0) == (Claim("d", 1), Claim("e", 1))
        plane.delete()
        plane.close()


def test_a_claim_that_is_asked_again_gives_only_what_is_still_its_workers(server):
    clock = ManualClock()
    plane = RedisPlane(f"{server.url}?run=own-{next(_names)}", clock=clock)
    plane.restore([TaskState(name, 0, place) for place, name in enumerate("abcd")], {}, 4)
    token = ("w", 3, 10**6, MAX_ATTEMPTS, "", "", "a token")
    assert plane._call("claim", *token) == ["a", 1, "b", 1, "c", 1]
    plane.complete("w", "b", [], [])
    plane.release("w", ["c"])
    assert plane._call("claim", *token) == ["a", 1]
    clock.advance(2.0)
    assert plane._call("claim", *token) == []
    assert [claim.task for claim in plane.claim("w", 4, 1.0)] == ["a", "c", "d"]
    plane.delete()
    plane.close()


# -- URLs


def test_a_url_says_where_and_which_run():
    assert Address.parse("redis://host?run=r1") == Address("host", 6379, 0, "r1", tls=False)
    assert Address.parse("rediss://[::1]:7000/3?run=r1") == Address("::1", 7000, 3, "r1", tls=True)


@pytest.mark.parametrize(
    "url",
    ["redis://host", "redis:///0?run=r", "redis://host/x?run=r", "redis://host:port/?run=r", "redis://host/?run=",
     "redis://host/?run=a&other=b", "redis://host/?run={r}", "redis://host/-1?run=r", "redis://host/?run"],
)  # fmt: skip
def test_another_url_is_refused_with_the_right_form(url):
    with pytest.raises(ValueError, match="write redis://host:port/db"):
        open_plane(url)


def test_a_password_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match=r"redis\.password") as caught:
        open_plane("redis://me:hunter2@host/0?run=r")
    assert "hunter2" not in str(caught.value)


def test_without_the_library_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['redis'] = None\n"
        "from numpywren.control import open_plane\n"
        "try: open_plane('redis://host/0?run=r')\n"
        "except ImportError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'numpywren[redis]'" in said


def test_every_script_has_its_comments():
    for name in ("claim", "renew", "release", "complete", "stop", "status", "stage", "swap", "hello"):
        code = (resources.files("numpywren.control.redis") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
        assert code.startswith("-- ")
        assert script(name).source.endswith(code)


# -- what is kept


def cholesky_names(n):
    for k in range(n):
        yield f"0:{k}"
        for i in range(k + 1, n):
            yield f"1:{k},{i}"
            yield from (f"2:{k},{i},{j}" for j in range(k + 1, i + 1))


def test_64_by_64_tiles_take_a_few_bytes_a_finished_task(plane, server):
    names = list(cholesky_names(64))
    assert len(names) == 45_760
    plane.restore((TaskState(name, 1, 0, done=True) for name in names), {}, total=1)
    with server.client() as client:
        kept = sum(client.memory_usage(key, samples=0) for key in keys_of(plane, client))
    assert kept < 8 * len(names)
    assert not any(plane.complete("w", name, [], []).first for name in names[:: len(names) // 50])
    assert not plane.complete("w", "2:64,64,64", [], []).first


def test_done_tasks_are_told_apart_whatever_their_names(plane):
    names = [
        "a",
        "a0",
        "a00",
        "a07",
        "a7",
        "a70",
        "a700000",
        "a7000000",
        "a1000007",
        "0",
        "7",
        "a-7",
        "a7b",
        "a 7",
        "ß7",
    ]
    names += [f"{i}" for i in range(250, 262)] + [f"3:{i}" for i in (0, 255, 256, 511, 512, 999_999, 1_000_000)]
    for chosen in range(0, len(names), 5):
        done = set(names[chosen : chosen + 5])
        plane.restore((TaskState(name, 0, 0, done=name in done) for name in names), {}, total=len(names) - len(done))
        assert {claim.task for claim in plane.claim("w", 99, 60.0)} == set(names) - done
        for name in names:
            assert plane.complete("w", name, [], []).first == (name not in done)
        assert plane.status().state == "done"


def test_arrivals_are_told_apart_whatever_their_names(plane):
    tiles = ["1", "11", "1:1", "2:11", "3:1:1", "1:11:1", ":", "2:", "1:13:1:1", "", "a" * 300, "4:ß"]
    reader = Reader("sum", len(tiles), 0)
    plane.restore((TaskState(f"t{i}", 0, i) for i in range(len(tiles))), {}, total=len(tiles) + 1)
    for i, tile in enumerate(tiles):
        known = [Arrival(old, (reader,)) for old in tiles[:i]]
        told = plane.complete("w", f"t{i}", [*known, Arrival(tile, (reader,))], [])
        assert told.ready == (("sum",) if i + 1 == len(tiles) else ())


def test_thousands_of_readers_and_tiles_at_once(plane):
    """Lua passes few thousand arguments to a command."""
    n = 20_000
    readers = tuple(Reader(f"r{i}", 1, i) for i in range(n))
    reads = [f"in{i}" for i in range(n)]
    plane.restore([TaskState("a", 0, 0)], dict.fromkeys(reads, 1), total=n + 1)
    told = plane.complete("w", "a", [Arrival("A", readers, counted=True)], reads)
    assert (len(told.ready), len(told.freed)) == (n, n)
    claims = plane.claim("w", n, 60.0)
    assert len(claims) == n
    assert plane.renew("w", [claim.task for claim in claims], 60.0) == set(told.ready)
    plane.release("w", [claim.task for claim in claims])
    assert plane.status().ready == n


def test_keys_live_for_a_month_and_longer_where_something_happens(plane, server):
    plane.restore([TaskState("a", 0, 0), TaskState("b", 1, 0, ("A",))], {}, total=2)
    with server.client() as client:
        keys = keys_of(plane, client)
        assert len(keys) == 3
        assert all(29 * 86400 < client.ttl(key) <= 30 * 86400 for key in keys)
        (run,) = [key for key in keys if key.endswith("run")]
        client.hincrby(run, ".touched", -4000)  # an hour ago
        for key in keys:
            client.expire(key, 1000)
        plane.claim("w", 1, 60.0)
        assert all(29 * 86400 < client.ttl(key) <= 30 * 86400 for key in keys)


def test_what_a_broken_restore_gathered_is_deleted(plane, server):
    def broken():
        yield from (TaskState(f"t{i}", 0, 0) for i in range(2500))
        raise LookupError

    with pytest.raises(LookupError):
        plane.restore(broken(), {}, total=1)
    with server.client() as client:
        assert keys_of(plane, client) == set()


def test_leases_run_on_the_servers_clock(server):
    url = f"{server.url}?run=clock-{next(_names)}"
    one, other = open_plane(url), open_plane(url)
    one.restore([TaskState("a", 0, 0)], {}, total=1)
    one.claim("w", 1, 0.001)
    taken = ()
    while not taken:  # the server's millisecond passes, whatever the clocks of clients say
        taken = other.claim("v", 1, 60.0)
    assert taken == (Claim("a", 2),)
    (held,) = one.status().longest
    assert (held.task, held.worker) == ("a", "v")
    assert 0 <= held.seconds < 60
    one.delete()
    one.close()
    other.close()


# -- what the server may do


@pytest.mark.parametrize("part", ["run", "ready", "leases"])
def test_an_evicted_key_is_a_lost_run(plane, server, part):
    plane.restore([TaskState("a", 0, 0)], {}, total=1)
    with server.client() as client:
        (key,) = [key for key in keys_of(plane, client) if key.endswith(part)]
        client.delete(key)
    with pytest.raises(ControlPlaneLostError, match="numpywren resume"):
        plane.claim("w", 1, 60.0)
    with pytest.raises(ControlPlaneLostError, match="numpywren resume"):
        plane.status()


def test_a_server_that_evicts_is_warned_of(tmp_path):
    *_, newest = BINARIES.values()
    with servers.server(newest, tmp_path, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as server:
        plane = open_plane(f"{server.url}?run=r")
        with pytest.warns(UserWarning, match="noeviction"):
            plane.restore([TaskState("a", 0, 0)], {}, total=1)
        plane.close()


def test_a_full_server_takes_no_new_run_and_the_old_one_goes_on(server):
    plane, other = (open_plane(f"{server.url}?run=own-{next(_names)}") for _ in range(2))
    plane.restore([TaskState("a", 0, 0)], {}, total=2)
    with server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(StoreError, match=r"its memory.*resume the run"):
                other.restore([TaskState("a", 0, 0)], {}, total=2)
            assert plane.claim("w", 1, 60.0) == (Claim("a", 1),)
            assert plane.complete("w", "a", [Arrival("A", (Reader("b", 1, 0),))], []).ready == ("b",)
        finally:
            client.config_set("maxmemory", 0)
    with pytest.raises(ControlPlaneLostError):
        other.status()
    plane.delete()
    plane.close()
    other.close()


def test_scripts_that_were_flushed_are_sent_again(plane, server):
    plane.restore([TaskState("a", 0, 0)], {}, total=1)
    plane.claim("w", 0, 60.0)
    with server.client() as client:
        client.script_flush()
    assert plane.claim("w", 1, 60.0) == (Claim("a", 1),)


def test_cut_connections_are_made_again(plane, server):
    plane.restore([TaskState("a", 0, 0)], {}, total=1)
    with server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    assert plane.claim("w", 1, 60.0) == (Claim("a", 1),)


def test_a_replica_is_waited_for_until_it_takes_over(plane, server):
    plane.restore([TaskState("a", 0, 0)], {}, total=1)
    with server.client() as client:
        client.replicaof("127.0.0.1", server.port)  # of itself, so it stays alone, and refuses to write
        claims = []
        asking = threading.Thread(target=lambda: claims.extend(plane.claim("w", 1, 60.0)))
        asking.start()
        asking.join(0.5)
        assert asking.is_alive()
        client.replicaof("NO", "ONE")
        asking.join(60)
    assert claims == [Claim("a", 1)]


def test_nobody_there_is_a_lost_plane_after_a_while():
    plane = RedisPlane(f"redis://127.0.0.1:{servers.free_port()}/0?run=r", patience_s=0.2)
    with pytest.raises(ControlPlaneLostError, match=r"no server answered for 0.2 s.*numpywren resume"):
        plane.status()
    with pytest.raises(ControlPlaneLostError, match="no server answered"):
        plane.restore([], {}, 0)


def test_a_cluster_that_moves_the_run_to_another_node(tmp_path):
    *_, newest = BINARIES.values()
    with servers.cluster(newest, tmp_path) as nodes:
        plane = open_plane(f"{nodes[0].url}?run=r")
        plane.restore([TaskState("a", 0, 0), TaskState("b", 0, 1)], {}, total=2)
        assert plane.claim("w", 1, 60.0) == (Claim("a", 1),)
        move(nodes, "numpywren:1:{r}:run")
        assert plane.complete("w", "a", [], []).first
        assert open_plane(f"{nodes[2].url}?run=r").claim("v", 9, 60.0) == (Claim("b", 1),)
        assert plane.complete("v", "b", [], []).finished
        plane.close()


def move(nodes, key):
    """Move the slot of a key to the node after the one that has it."""
    clients = [node.client() for node in nodes]
    ids = [client.execute_command("CLUSTER", "MYID") for client in clients]
    slot = clients[0].execute_command("CLUSTER", "KEYSLOT", key)
    (here,) = [i for i, client in enumerate(clients) if client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot)]
    there = (here + 1) % len(nodes)
    clients[there].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[here])
    clients[here].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[there])
    names = clients[here].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
    clients[here].execute_command("MIGRATE", "127.0.0.1", nodes[there].port, "", 0, 60000, "KEYS", *names)
    for i in (there, here, *range(len(nodes))):
        clients[i].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[there])
    for client in clients:
        client.close()


def test_a_database_of_a_cluster_is_refused(tmp_path):
    *_, newest = BINARIES.values()
    with servers.cluster(newest, tmp_path, size=1) as (node,):
        plane = open_plane(f"redis://127.0.0.1:{node.port}/1?run=r")
        with pytest.raises((ValueError, StoreError), match=r"no databases|DB index|SELECT"):
            plane.status()


# -- who may do what

#: What a worker and a client need, and no more.
GUIDE = (Path(__file__).parents[2] / "docs" / "howto" / "redis.md").read_text(encoding="utf-8")
RIGHTS = re.search(r"^user numpywren on >PASSWORD (.*)$", GUIDE, re.MULTILINE)[1]


@pytest.mark.parametrize("name", BINARIES)
def test_a_user_with_few_rights_behind_tls(name, tmp_path):
    user = ["--user", "default", "off", "--user", "nw", "on", ">hunter2", *RIGHTS.split()]
    with servers.tls_server(BINARIES[name], tmp_path, *user) as (port, authority):
        url = f"rediss://127.0.0.1:{port}/0?run=r"
        who = {"redis.username": "nw", "redis.password": "hunter2", "redis.ca": authority}
        with config.set(who), pytest.raises(StoreError, match=r"NUMPYWREN_CONTROL=rediss://127"):
            open_plane(url).status()  # who wrote the URL may only want the password
        named = {"control": f"rediss://127.0.0.1:{port}"}
        with config.set({**named, **who}):
            plane = open_plane(url)
            plane.restore([TaskState("a", 0, 0), TaskState("d", 1, 0, done=True)], {"T": 1}, total=2)
            assert plane.claim("w", 1, 60.0, prefer=["a"], over={"b": "v"}) == (Claim("a", 1),)
            assert plane.renew("w", ["a"], 60.0) == {"a"}
            plane.release("w", ["a"])
            news = [Arrival("A", (Reader("b", 1, 0),), counted=True)]
            assert plane.complete("w", "a", news, ["T"]).freed == ("T",)
            assert plane.complete("w", "a", news, ["T"]).first is False
            assert plane.status().ready == 1
            plane.stop(Failure("failed", "ValueError", "bad"))
            with pytest.raises(StoreError, match=r"refused"):
                plane._link._patiently(lambda: plane._link._connected().flushall())
            plane.close()
            plane.delete()
            plane.close()
        with config.set({**named, "redis.username": "nw", "redis.password": "wrong", "redis.ca": authority}):
            with pytest.raises(StoreError, match=r"redis\.username, redis\.password") as caught:
                open_plane(url).status()
            assert "wrong" not in str(caught.value)
        with config.set({**named, "redis.username": "nw", "redis.password": "hunter2"}):
            with pytest.raises(StoreError, match=r"set redis\.ca") as caught:
                open_plane(url).status()
            assert "hunter2" not in f"{caught.value!r}"


def test_no_right_is_given_that_is_not_used(tmp_path):
    """Each command of the line is one that a run uses; `+eval` serves where scripts were flushed."""
    granted = {word[1:] for word in RIGHTS.split() if word.startswith("+")}
    *_, newest = BINARIES.values()
    with servers.server(newest, tmp_path) as server:
        plane = open_plane(f"{server.url}?run=r")
        tasks = [TaskState("a", 0, 0), TaskState("c", 2, 5, arrived=("T",)), TaskState("d", 1, 0, done=True)]
        tasks += [TaskState(name, 0, 3) for name in "efgh"]
        plane.restore(tasks, {"T": 1}, total=3)
        plane.restore(tasks, {"T": 1}, total=3)
        assert plane.claim("w", 1, 60.0, prefer=["a"]) == (Claim("a", 1),)
        assert plane.claim("v", 1, 60.0, over={"a": "w"}) == (Claim("a", 1),)
        plane.renew("v", ["a"], 60.0)
        plane.release("v", ["a"])
        plane.claim("v", 1, 0.001)
        plane.claim("v", 1, 60.0)
        news = [Arrival("A", (Reader("c", 2, 0), Reader("b", 1, 0)), counted=True)]
        plane.complete("v", "a", news, ["T"])
        plane.complete("w", "a", news, ["T"])
        assert plane.claim("w", 1, 60.0) == (Claim("b", 1),)
        assert plane.claim("w", 1, 60.0, prefer=["h", "g"])[0].task in "gh"
        plane.status()
        plane.stop(Failure("failed", "ValueError", "bad"))
        with server.client() as client:
            client.script_flush()
        plane.status()
        plane.delete()
        plane.close()
        with server.client() as client:
            used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    assert granted - used <= {"select"}, "asked for where a URL names a database other than 0"


def test_a_user_who_may_not_ask_about_the_server_can_work(tmp_path):
    rights = RIGHTS.replace(" +info", "").split()
    *_, newest = BINARIES.values()
    with servers.server(newest, tmp_path, "--user", "default", "on", "nopass", *rights) as server:
        plane = open_plane(f"{server.url}?run=r")
        plane.restore([TaskState("a", 0, 0)], {}, total=1)
        assert plane.claim("w", 1, 60.0) == (Claim("a", 1),)
        assert plane.complete("w", "a", [], []).finished
        plane.close()


def test_a_password_of_digits_stays_as_it_is_written(tmp_path):
    *_, newest = BINARIES.values()
    with servers.server(newest, tmp_path, "--requirepass", "0x10") as server:
        code = (
            "from numpywren.backends.processes import worker_environment\n"
            "from numpywren.control import open_plane\n"
            "assert worker_environment()['NUMPYWREN_REDIS__PASSWORD'] == '0x10'\n"
            f"plane = open_plane({server.url + '?run=r'!r})\n"
            "plane.restore([], {}, 0)\n"
            "print(plane.status().state)\n"
        )
        environment = {**os.environ, "NUMPYWREN_CONTROL": server.url, "NUMPYWREN_REDIS__PASSWORD": "0x10"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == "done", done.stderr
