"""Workers as processes keep the contract, and secrets reach them unseen."""

import json
import os
import subprocess
import sys

import pytest

from numpywren.backends.processes import worker_environment
from numpywren.config import config
from numpywren.testing.backends import ElsewhereContract


class TestProcessBackend(ElsewhereContract):
    name = "processes"

    @pytest.fixture
    def settings(self, tmp_path):
        return {"store": str(tmp_path)}


def test_a_password_reaches_children_by_the_environment_alone():
    code = "import numpywren as nw, json; print(json.dumps(nw.config.get('redis.password')))"
    with config.set({"redis.password": "s3 cret"}):
        environment = worker_environment()
    assert "NUMPYWREN_REDIS__PASSWORD" not in os.environ
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == "s3 cret"
    assert "NUMPYWREN_REDIS__PASSWORD" not in worker_environment()
