"""The same run with tiles in S3 and control in Redis, both real servers, by workers that know no file of ours."""

import sys

import numpy as np
import pytest
from servers.moto import moto
from servers.redis import binaries, server

import numpywren as nw

N, TILE = 90, 30


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    (_, binary), *_ = binaries().items()
    with moto() as s3, server(binary, tmp_path_factory.mktemp("redis")) as plane, pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        s3.make_bucket("lab")
        with nw.config.set({"store": "s3://lab/scratch", "control": plane.url}):
            yield s3


@pytest.fixture(scope="module")
def lithops_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("lithops") / "lithops.yaml"
    path.write_text(
        "lithops: {backend: localhost, storage: localhost, data_cleaner: false}\n"
        f"localhost: {{runtime: {sys.executable}, worker_processes: 4}}\n"
    )
    return str(path)


def matrix():
    a = np.random.default_rng(3).standard_normal((N, N))
    return a @ a.T + N * np.eye(N)


@pytest.mark.parametrize("name", ["lithops", "command"])
def test_a_run_in_s3_and_redis(cloud, lithops_file, name):
    a = matrix()
    with nw.config.set({"store": "memory:clouds", "control": None}):
        wanted = np.asarray(nw.linalg.cholesky(nw.asarray(a, chunks=TILE)))
    settings = {"lithops.config": lithops_file, "command.template": "{worker}"}
    options = {"backend": name, "workers.max": 2, "worker.slots": 1, "worker.memory": "64MiB"}
    with nw.config.set({**settings, **options}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(a, chunks=TILE))
        run.wait(progress=False)
        np.testing.assert_array_equal(np.asarray(run.result()), wanted)
        left = cloud.objects("lab", run.url.removeprefix("s3://lab/"))
        assert left
        assert not [key for key in left if "/workers/" in key or "/tiles/" in key]
        run.delete()
    assert cloud.objects("lab", run.url.removeprefix("s3://lab/")) == []
