"""Workers on a Dask cluster of real processes keep the contract."""

import distributed
import pytest

from numpywren.backends import open_backend
from numpywren.config import config
from numpywren.testing.backends import OPTIONS, ElsewhereContract


@pytest.fixture(scope="module")
def cluster():
    options = {"dashboard_address": None, "host": "127.0.0.1", "memory_limit": "1GiB"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, **options) as cluster:
        yield cluster


class TestDaskBackend(ElsewhereContract):
    name = "dask"

    @pytest.fixture
    def settings(self, tmp_path, cluster):
        return {"store": str(tmp_path), "dask.address": cluster.scheduler_address}


def test_more_memory_than_a_dask_worker_may_take_is_refused(cluster, tmp_path):
    with config.set({"dask.address": cluster.scheduler_address}):
        backend = open_backend("dask", f"file://{tmp_path}/run", {**OPTIONS, "memory": 2 << 30})
        with pytest.raises(ValueError, match=r"set worker.memory to less"):
            backend.start(1)
        backend.stop()


def test_the_current_client_serves_too_and_without_any_it_is_asked_for(cluster, tmp_path):
    backend = open_backend("dask", f"file://{tmp_path}/run", OPTIONS)
    with pytest.raises(ValueError, match=r"set dask.address"):
        backend.start(1)
    with distributed.Client(cluster) as client:
        assert backend._client() is client
    backend.stop()


def test_resources_that_cannot_be_read_are_named(cluster, tmp_path):
    with config.set({"dask.address": cluster.scheduler_address, "dask.resources": "many"}):
        backend = open_backend("dask", f"file://{tmp_path}/run", OPTIONS)
        with pytest.raises(ValueError, match="must be as in 'numpywren=1'"):
            backend.start(1)
        backend.stop()
