"""Workers in this process keep the contract."""

import pytest

from numpywren.backends import relaunch
from numpywren.testing.backends import OPTIONS, BackendContract


class TestLocalBackend(BackendContract):
    name = "local"

    @pytest.fixture
    def settings(self, tmp_path):
        return {"store": str(tmp_path)}


def test_workers_of_this_process_have_no_successors():
    assert relaunch("local", "file:///nowhere", OPTIONS) == 0
