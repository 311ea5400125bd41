"""What `numpywren gc` leaves where it is: what somebody computes, and what somebody holds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from servers import redis as servers

import numpywren as nw
from numpywren import errors, job
from numpywren.control import Failure, open_plane

BINARY = next(iter(servers.binaries().values()))


@pytest.fixture(autouse=True)
def store(tmp_path):
    """The store of these runs."""
    with nw.config.set({"store": str(tmp_path / "scratch")}):
        yield str(tmp_path / "scratch")


def begun(array, **settings):
    """A run that has begun, and on which nobody works."""
    with nw.config.set({"backend": "command", "command.template": "true {worker}", **settings}):
        run = nw.submit(nw.linalg.cholesky, array)
    run.pause()
    return run


def made_old(store, seconds=1000.0):
    for path in Path(store).rglob("*"):
        os.utime(path, (time.time() - seconds,) * 2)


def urls(removed):
    return {one.url for one in removed}


# -- runs whose control plane does not answer


def test_a_server_that_does_not_answer_has_not_lost_the_run(tmp_path, store, monkeypatch):
    monkeypatch.setattr("numpywren.control.redis.link.FIRST_PATIENCE_S", 0.3)
    monkeypatch.setattr("numpywren.control.redis.link.CONNECT_S", 0.3)
    with servers.server(BINARY, tmp_path / "redis") as server:
        run = begun(nw.asarray(4 * np.eye(40), chunks=20), control=server.url)
        assert run._control().claim("somebody", 1, lease_s=3600.0)
        made_old(store)
        server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(errors.ControlPlaneUnreachableError, match=r"no server answered.*numpywren resume"):
                nw.attach(run.url).status()
            assert job.gc(store, 0.0) == ()
            made_old(store, 2 * 24 * 3600.0)
            assert run.url in urls(job.gc(store, 0.0, dry_run=True))  # nobody came back for a day
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert job.gc(store, 0.0) == ()
        run._control().stop(Failure("cancelled", "RunCancelledError", "enough"))
        run.forget()
        assert run.url in urls(job.gc(store, 0.0))  # it answers, and there is no run


def test_a_plane_in_another_process_is_not_lost():
    plane = open_plane("memory:of-another")
    with pytest.raises(errors.ControlPlaneUnreachableError):
        plane.status()
    plane.restore([], {}, 0)
    plane.delete()
    with pytest.raises(errors.ControlPlaneLostError) as raised:
        plane.status()
    assert not isinstance(raised.value, errors.ControlPlaneUnreachableError)


# -- what a living process holds


def elsewhere(code, store):
    """Another process that runs `code`, says a line, and then waits to be ended."""
    text = f"import numpy as np, numpywren as nw, sys\n{code}\nprint('ready', flush=True)\nsys.stdin.read()"
    command = [sys.executable, "-c", text]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env={**os.environ, "NUMPYWREN_STORE": store}, **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def owners(store):
    return list(Path(store).glob("owners/*"))


HELD = """
A = nw.asarray(4 * np.eye(8), chunks=4)
B = A @ A
del A
C = nw.asarray(np.eye(3))
C.disown()
f = nw.from_function(lambda i, j, x: x + 0 * i * j, shape=(3, 3), args=[np.ones(3)])
"""


def test_what_an_idle_process_holds_stays_until_it_ends(store):
    process = elsewhere(HELD, store)
    made_old(store, 2 * 24 * 3600.0)
    assert job.gc(store, 24 * 3600.0) == ()
    assert job.gc(store, 0.0) == ()
    assert len(owners(store)) == 1
    process.kill()
    process.communicate()
    assert len(job.gc(store, 0.0, dry_run=True)) == 2
    assert len(job.gc(store, 0.0)) == 2
    assert not owners(store)


def test_a_process_that_ends_normally_leaves_what_it_gave_away(store):
    process = elsewhere(HELD, store)
    process.communicate("")
    assert process.returncode == 0
    assert not owners(store)
    assert len(job.gc(store, 0.0)) == 1  # C


def test_arrays_of_this_process_stay_while_they_are_used(store):
    A = nw.asarray(4 * np.eye(8), chunks=4)
    B = A @ A
    made_old(store)
    assert job.gc(store, 0.0) == ()
    assert np.array_equal(np.asarray(B), 16 * np.eye(8))
    assert len(owners(store)) == 1
    A.disown()
    assert job.gc(store, 0.0) == ()
    url = A.url
    del A
    assert urls(job.gc(store, 0.0)) == {url}
    del B
    assert [path for path in Path(store).rglob("*") if path.is_file()] == []


def test_a_blocking_call_is_not_taken_for_one_that_nobody_came_back_for(store, monkeypatch):
    seen = []

    def look(run, *args, **kwargs):
        status = wait(run, *args, **kwargs)
        run.forget()  # now there is nothing to say that it is at work
        seen.append(job.gc(store, 0.0))
        return status

    wait = nw.Run.wait
    monkeypatch.setattr(nw.Run, "wait", look)
    assert np.array_equal(np.asarray(nw.linalg.cholesky(np.eye(4))), np.eye(4))
    assert seen == [()]


def test_a_forked_child_takes_nothing_from_its_parent(store):
    A = nw.asarray(np.eye(3))
    child = os.fork()
    if not child:
        A.disown()
        del A
        os._exit(0)
    os.waitpid(child, 0)
    assert job.gc(store, 0.0) == ()
    assert np.array_equal(np.asarray(A), np.eye(3))


def test_an_owners_file_that_is_no_name_protects_nothing_and_leads_nowhere(store, tmp_path):
    A = nw.asarray(np.eye(3))
    holder = Path(A.url.removeprefix("file://")) / "holder"
    other = tmp_path / "elsewhere"
    other.write_text("mine")
    for text in ("../../elsewhere", "", "x" * 100, "0" * 32):
        holder.write_text(text)
        assert urls(job.gc(store, 0.0, dry_run=True)) == {A.url}
    assert other.read_text() == "mine"
