"""The SQLite plane keeps the laws."""

from __future__ import annotations

import pytest

from numpywren.control import open_plane
from numpywren.testing.control import ControlPlaneContract


class TestSqlitePlane(ControlPlaneContract):
    @pytest.fixture
    def planes(self, tmp_path):
        return lambda clock: open_plane(f"sqlite:{tmp_path}/plane.sqlite", clock=clock)
