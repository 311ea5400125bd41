"""Redis dies under a run, and comes back with all of its data, with some of it, or with none."""

import shutil
import time

import numpy as np
import pytest
from faults.runs import TILE, digests, matrix, processes, undisturbed
from servers import redis as servers

import numpywren as nw
from numpywren.control import Arrival, Reader, TaskState, open_plane

BINARIES = servers.binaries()
NEWEST = list(BINARIES)[-1]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("redis")
    array = nw.asarray(matrix(), chunks=TILE).save(str(folder / "A.zarr"))
    with nw.config.set({"store": str(folder / "scratch")}):
        yield array


@pytest.fixture(scope="module")
def wanted(stored):
    return undisturbed(stored)


def kill_in_the_middle(run, server):
    """Kill the server once a third of the tasks is done, and say how many are."""
    while (status := run.status()).done < status.total // 3:
        time.sleep(0.002)
    assert status.state == "running"
    server.kill()
    return status.done


def leftovers(run):
    return list(nw.matrix.open_store(run.url).list("tiles"))


def test_a_run_goes_on_after_a_restart_with_a_log(stored, wanted, tmp_path):
    arguments = ("--appendonly", "yes", "--appendfsync", "always")
    with servers.server(BINARIES[NEWEST], tmp_path, *arguments) as server:
        with nw.config.set({"control": server.url}), processes():
            run = nw.submit(nw.linalg.cholesky, stored)
            done = kill_in_the_middle(run, server)
            server.start()
            run.wait(progress=False)
            assert run.status().done == run.status().total > done
        assert digests(run) == wanted
        assert not leftovers(run)
        run.delete()
        with server.client() as client:
            assert client.dbsize() == 0


def test_a_log_written_once_a_second_goes_on_or_says_that_it_is_behind(stored, wanted, tmp_path):
    arguments = ("--appendonly", "yes", "--appendfsync", "everysec")
    with servers.server(BINARIES[NEWEST], tmp_path, *arguments) as server:
        with nw.config.set({"control": server.url}), processes():
            run = nw.submit(nw.linalg.cholesky, stored)
            kill_in_the_middle(run, server)
            server.start()
            try:
                run.wait(progress=False)
            except nw.errors.ControlPlaneLostError as error:  # it died while it waited for the disk
                assert "without the last things" in str(error)  # noqa: PT017 - seldom
                nw.attach(run.url).resume().wait(progress=False)
        assert digests(run) == wanted


def test_a_run_is_resumed_after_a_restart_without_a_log(stored, wanted, tmp_path):
    with servers.server(BINARIES[NEWEST], tmp_path) as server:
        with nw.config.set({"control": server.url}), processes():
            run = nw.submit(nw.linalg.cholesky, stored)
            total = run.status().total
            kill_in_the_middle(run, server)
            before = set(digests(run))
            server.start()
            with pytest.raises(nw.errors.ControlPlaneLostError, match="numpywren resume"):
                run.wait(progress=False)
            resumed = nw.attach(run.url).resume()
            assert 0 < resumed.status().done < resumed.status().total == total
            resumed.wait(progress=False)
        assert before < set(wanted)
        assert digests(run) == wanted


def test_a_run_whose_server_stays_away_is_lost_and_can_be_resumed_elsewhere(stored, wanted, tmp_path, monkeypatch):
    monkeypatch.setattr("numpywren.control.redis.link.PATIENCE_S", 0.5)
    with servers.server(BINARIES[NEWEST], tmp_path) as server:
        with nw.config.set({"control": server.url, "worker.slots": 1}):
            run = nw.submit(nw.linalg.cholesky, stored)
            kill_in_the_middle(run, server)
            with pytest.raises(nw.errors.ControlPlaneLostError, match=r"no server answered.*numpywren resume"):
                run.wait(progress=False)
            server.start()
            nw.attach(run.url).resume().wait(progress=False)
        assert digests(run) == wanted


# -- a log that has lost its end


@pytest.fixture(params=BINARIES)
def server(request, tmp_path):
    arguments = ("--appendonly", "yes", "--appendfsync", "always")
    with servers.server(BINARIES[request.param], tmp_path / "data", *arguments) as running:
        yield running


def chain(plane, start, end):
    for i in range(start, end):
        plane.complete("w", f"{i}", [Arrival(f"T{i}", (Reader(f"{i + 1}", 1, 0),))], [])


def test_a_server_that_forgot_what_somebody_was_told_is_lost_to_all(server, tmp_path):
    url = f"{server.url}?run=r"
    plane, other = open_plane(url), open_plane(url)
    plane.restore([TaskState("0", 0, 0)], {}, total=100)
    chain(plane, 0, 10)
    assert other.status().done == 10
    shutil.copytree(server.folder, tmp_path / "older")
    chain(plane, 10, 15)
    server.kill()
    shutil.rmtree(server.folder)
    shutil.copytree(tmp_path / "older", server.folder)
    server.start()
    # it was told no more than the server remembers, and may even go on from there
    assert other.status().done == 10
    chain(other, 10, 30)
    for one in (plane, other, open_plane(url)):
        with pytest.raises(nw.errors.ControlPlaneLostError, match=r"without the last things.*numpywren resume"):
            one.status()
    plane.restore([TaskState("0", 0, 0)], {}, total=100)
    assert other.status().done == 0


def test_a_server_that_forgot_nothing_goes_on_however_often_it_dies(server):
    url = f"{server.url}?run=r"
    plane, other = open_plane(url), open_plane(url)
    plane.restore([TaskState("0", 0, 0)], {}, total=100)
    for round_ in range(4):
        chain(plane if round_ % 2 else other, 10 * round_, 10 * round_ + 10)
        server.kill()
        server.start()
        assert plane.status().done == 10 * round_ + 10
        assert plane.claim("w", 1, 60.0)[0].task == f"{10 * round_ + 10}"
        plane.release("w", [f"{10 * round_ + 10}"])
    assert other.status().done == 40


def test_an_empty_server_has_no_run(tmp_path):
    with servers.server(BINARIES[NEWEST], tmp_path) as server:
        plane = open_plane(f"{server.url}?run=r")
        plane.restore([TaskState("0", 0, 0)], {}, total=1)
        server.kill()
        server.start()
        with pytest.raises(nw.errors.ControlPlaneLostError, match="came back without its data"):
            plane.claim("w", 1, 60.0)


def test_answers_are_right_while_the_server_is_killed_again_and_again(tmp_path):
    arguments = ("--appendonly", "yes", "--appendfsync", "always")
    with servers.server(BINARIES[NEWEST], tmp_path, *arguments) as server:
        array = nw.asarray(np.eye(192) * 4, chunks=32)
        with nw.config.set({"control": server.url, "worker.slots": 2, "worker.lease": 1.0}):
            run = nw.submit(nw.linalg.cholesky, array)
            for quarter in (1, 2, 3):
                while (status := run.status()).done < quarter * status.total // 4:
                    time.sleep(0.001)
                server.kill()
                server.start()
            run.wait(progress=False)
        assert run.status().state == "done"
        np.testing.assert_array_equal(np.asarray(run.result()), 2 * np.eye(192))
        run.delete()


def test_worker_processes_come_in_by_tls_and_password(stored, wanted, tmp_path):
    """Told by settings of the client alone; and nothing that is written down or shown holds the password."""
    rights = ["~numpywren:*", "+@all", "-@dangerous", "+info"]
    user = ["--user", "default", "off", "--user", "nw", "on", ">hunter2", *rights]
    with servers.tls_server(BINARIES[NEWEST], tmp_path / "server", *user) as (port, authority):
        who = {"redis.username": "nw", "redis.password": "hunter2", "redis.ca": authority}
        with nw.config.set({"control": f"rediss://127.0.0.1:{port}/0", **who}), processes():
            run = nw.submit(nw.linalg.cholesky, stored)
            shown = [b" ".join(command_line(pid)) for pid in run._backend.pids()]
            run.wait(progress=False)
            assert digests(run) == wanted
            shown.append(bytes(nw.matrix.open_store(run.url).get("run.json")))
            run.delete()
    assert len(shown) >= 2
    assert not any(b"hunter2" in text for text in shown)


def command_line(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().split(b"\0")
