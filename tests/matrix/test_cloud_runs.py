"""Whole runs on an object store over HTTP: inputs, outputs and scratch space anywhere, and failures in between."""

import gc

import numpy as np
import pytest
from servers.moto import moto

import numpywren as nw
from numpywren.job import gc as collect
from numpywren.matrix import open_store
from numpywren.testing.faults import Fault, FaultyProxy

rng = np.random.default_rng(2)
SQUARE = rng.standard_normal((90, 90))
POSITIVE = SQUARE @ SQUARE.T + 90 * np.eye(90)


@pytest.fixture
def places(folder, tmp_path):
    return {"s3": folder, "file": str(tmp_path / "files")}


@pytest.fixture
def undisturbed():
    """Results of the same runs in memory."""
    with nw.config.set({"store": "memory:undisturbed", "control": "memory:"}):
        U, s, Vh = nw.linalg.svd(nw.asarray(SQUARE, chunks=32))
        L = nw.linalg.cholesky(nw.asarray(POSITIVE, chunks=32))
        return [np.asarray(array) for array in (L, U, s, Vh)]


@pytest.mark.parametrize("scratch", ["s3", "file"])
@pytest.mark.parametrize("inputs", ["s3", "file"])
def test_inputs_outputs_and_scratch_are_in_any_stores(places, undisturbed, scratch, inputs):
    outputs = "file" if inputs == "s3" else "s3"
    A = nw.asarray(SQUARE, chunks=32).save(f"{places[inputs]}/A")
    S = nw.asarray(POSITIVE, chunks=32).save(f"{places[inputs]}/S")
    with nw.config.set({"store": f"{places[scratch]}/scratch", "control": "memory:"}):
        out = f"{places[outputs]}/results"
        L = nw.submit(nw.linalg.cholesky, nw.open(S.url), out=f"{out}/L").result()
        U, s, Vh = nw.submit(nw.linalg.svd, nw.open(A.url), out={"U": f"{out}/U", "Vh": f"{out}/Vh"}).result()
        assert {array.url for array in (L, U, Vh)} == {open_store(f"{out}/{name}").url for name in ("L", "U", "Vh")}
        for found, wanted in zip((L, U, s, Vh), undisturbed, strict=True):
            np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(nw.open(f"{out}/L"), undisturbed[0])


def test_worker_processes_find_the_store_by_settings_alone(s3, folder, tmp_path, monkeypatch, undisturbed):
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    settings = {"s3.endpoint": s3.url, "s3.region": "us-east-1", "store": f"{folder}/scratch", "workers.max": 2,
                "backend": "processes", "control": f"sqlite:{tmp_path}/control"}  # fmt: skip
    (tmp_path / "control").mkdir()
    with nw.config.set(settings):
        L = nw.linalg.cholesky(nw.asarray(POSITIVE, chunks=32))
        np.testing.assert_array_equal(L, undisturbed[0])
        del L


def test_nothing_is_left_and_what_a_dead_client_left_is_collected(s3, folder):
    within = folder.removeprefix("s3://lab/")
    with nw.config.set({"store": f"{folder}/scratch", "control": "memory:"}):
        L = nw.linalg.cholesky(nw.asarray(POSITIVE, chunks=32))
        assert not [name for name in s3.objects("lab", within) if "/tiles/" in name]
        del L
        gc.collect()
        assert s3.objects("lab", within) == []
        run = nw.submit(nw.linalg.cholesky, nw.asarray(POSITIVE, chunks=32))
        run.wait()
        assert s3.objects("lab", within)
        url = run.url
        del run
        gc.collect()
        found = collect(f"{folder}/scratch", 0.0, dry_run=True)
        assert url in {one.url for one in found}
        collect(f"{folder}/scratch", 0.0)
        assert s3.objects("lab", within) == []


def test_faults_change_no_bit_and_leave_nothing(s3, folder, monkeypatch, undisturbed):
    within = folder.removeprefix("s3://lab/")
    with FaultyProxy(s3.url, seed=7) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.rules = [
            Fault(kind="delay", share=0.05, seconds=0.05),
            Fault(kind="error", share=0.03, status=503),
            Fault(kind="error", share=0.02, status=500),
            Fault(kind="reset", share=0.02),
            Fault(kind="lose", share=0.02),
            Fault(kind="truncate", share=0.01, methods=["GET"]),
            Fault(kind="corrupt", share=0.02, methods=["GET"], path=r"/c/\d|\.npy"),
        ]
        with nw.config.set({"store": f"{folder}/scratch", "control": "memory:"}):
            L = nw.linalg.cholesky(nw.asarray(POSITIVE, chunks=32))
            U, s, Vh = nw.linalg.svd(nw.asarray(SQUARE, chunks=32))
            found = [np.asarray(array) for array in (L, U, s, Vh)]
            del L, U, s, Vh
            gc.collect()
        assert {"error", "reset", "lose", "delay"} <= set(proxy.counts)
    for one, wanted in zip(found, undisturbed, strict=True):
        np.testing.assert_array_equal(one, wanted)
    assert s3.objects("lab", within) == []


def test_a_server_that_ends_ends_no_process(tmp_path, monkeypatch):
    with moto() as server:
        server.make_bucket("other")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        A = nw.asarray(POSITIVE, chunks=32).save("s3://other/A")
    monkeypatch.setattr("numpywren.matrix.cloud.pause_s", lambda attempt, chance: 0.0)
    with pytest.raises(OSError, match=r"s3://other/A/c/0/0: no connection: Connection refused"):
        np.asarray(A)
