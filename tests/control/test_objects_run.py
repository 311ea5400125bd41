"""A bucket is all that a run needs: its tiles and its control plane are in it, and its workers share nothing else."""

from __future__ import annotations

import hashlib
import os
import signal

import numpy as np
import pytest
from servers.moto import moto

import numpywren as nw
from numpywren.errors import ControlPlaneLostError
from numpywren.matrix import open_store

N, TILE = 240, 24


@pytest.fixture(scope="module")
def server():
    with moto() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.make_bucket("lab")
        yield server


@pytest.fixture(scope="module")
def spd():
    a = np.random.default_rng(11).standard_normal((N, N))
    return a @ a.T + N * np.eye(N)


@pytest.fixture(scope="module")
def wanted(spd):
    """The tiles of the factor, computed in this process with nothing but memory."""
    with nw.config.set({"store": "memory:objects-run", "control": None, "backend": "local", "worker.slots": 1}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(spd, chunks=TILE))
        run.wait(progress=False)
        return digests(run.url)


@pytest.fixture
def in_the_bucket(server):
    settings = {
        "store": "s3://lab/scratch",
        "control": None,
        "backend": "processes",
        "workers.max": 2,
        "worker.slots": 2,
        "worker.lease": 3.0,
        "worker.memory": "64MiB",
    }
    with nw.config.set(settings):
        yield


def digests(url):
    store = open_store(url)
    return {key: hashlib.sha256(bytes(store.get(key))).hexdigest() for key in sorted(store.list("out"))}


def until_some_are_done(run, share):
    """Wait until a share of the tasks is done."""
    while (status := run.status()).done < share * status.total:
        with pytest.raises(TimeoutError):
            run.wait(progress=False, timeout=0.1)


def test_a_worker_is_killed_and_the_bits_are_the_same(server, in_the_bucket, spd, wanted):
    run = nw.submit(nw.linalg.cholesky, nw.asarray(spd, chunks=TILE))
    until_some_are_done(run, 0.2)
    os.kill(run._backend.pids()[0], signal.SIGKILL)
    run.wait(progress=False)
    assert digests(run.url) == wanted
    assert not list(open_store(run.url).list("tiles")), "intermediates were to be deleted"
    assert run.status().done == run.status().total
    run.delete()
    assert not [key for key in server.objects("lab") if "/control/" in key]


def test_a_lost_plane_is_resumed_from_the_tiles(server, in_the_bucket, spd, wanted):
    run = nw.submit(nw.linalg.cholesky, nw.asarray(spd, chunks=TILE))
    until_some_are_done(run, 0.2)
    control = open_store(f"{run.url}/control")
    control.delete(["head"])
    with pytest.raises(ControlPlaneLostError, match="numpywren resume"):
        run.wait(progress=False)
    run.resume().wait(progress=False)
    assert digests(run.url) == wanted
    run.delete()


def test_a_look_at_what_has_not_changed_sends_nothing(server):
    """Idle workers and progress bars look several times a second."""
    store = open_store("s3://lab/looks")
    etag = store.put_if_absent("head", b"one")
    assert store.get_if_changed("head", etag) is None
    assert store.put_if_match("head", b"two", etag)
    assert bytes(store.get_if_changed("head", etag).data) == b"two"
    store.delete(["head"])
