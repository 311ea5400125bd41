"""What `numpywren gc` leaves where it is: what somebody computes, and what somebody holds."""

import os
import signal
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
