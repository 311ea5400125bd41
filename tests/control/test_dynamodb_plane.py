"""The DynamoDB plane keeps the laws, on a real server."""

import uuid

import numpy as np
import pytest
from servers.ministack import ministack

import numpywren as nw
from numpywren.control import open_plane
from numpywren.testing.control import ControlPlaneContract


@pytest.fixture(scope="module")
def server():
    with ministack() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


class TestDynamoPlane(ControlPlaneContract):
    @pytest.fixture
    def planes(self, server):
        url = f"dynamodb://numpywren?run={uuid.uuid4().hex}"
        return lambda clock: open_plane(url, clock=clock)


def test_a_run_on_it(server, tmp_path):
    """From the one setting, with workers in processes of their own; nothing is left of it in the table."""
    rng = np.random.default_rng(0)
    G = rng.standard_normal((80, 80))
    A = G @ G.T + 80 * np.eye(80)
    with nw.config.set({"store": f"file:{tmp_path}", "control": "dynamodb://numpywren", "backend": "processes"}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(A, chunks=32))
        L = run.result()
        assert run.status().done == run.status().total
        np.testing.assert_allclose(np.asarray(L), np.linalg.cholesky(A), atol=1e-12)
        run.delete()
        with pytest.raises(nw.errors.NumpywrenError):
            run.status()
