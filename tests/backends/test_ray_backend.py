"""Workers on a Ray cluster keep the contract."""

import pytest
import ray

from numpywren.testing.backends import ElsewhereContract


@pytest.fixture(scope="module")
def cluster():
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=80 << 20,
        log_to_driver=False,
        configure_logging=False,
        namespace="numpywren",
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()


class TestRayBackend(ElsewhereContract):
    name = "ray"

    @pytest.fixture
    def settings(self, tmp_path, cluster):
        return {"store": str(tmp_path)}
