"""The memory plane keeps the laws, and serves one process by name."""

from __future__ import annotations

from itertools import count

import pytest

from numpywren.control import open_plane
from numpywren.testing.control import ControlPlaneContract

_names = count()


class TestMemoryPlane(ControlPlaneContract):
    @pytest.fixture
    def planes(self):
        url = f"memory:contract-{next(_names)}"
        yield lambda clock: open_plane(url, clock=clock)
        open_plane(url).delete()
