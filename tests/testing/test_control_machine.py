"""Random histories: SQLite beside memory, and memory beside itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from numpywren.control.memory import MemoryPlane
from numpywren.control.sqlite.plane import SqlitePlane
from numpywren.testing.control_machine import ControlPlaneMachine

SETTINGS = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


class SqliteMachine(ControlPlaneMachine):
    def open(self, clock):
        self.folder = tempfile.TemporaryDirectory()
        return SqlitePlane(f"sqlite:{self.folder.name}/plane.sqlite", clock)

    def teardown(self):
        super().teardown()
        if hasattr(self, "folder"):
            assert list(Path(self.folder.name).iterdir()) == []
            self.folder.cleanup()


class MemoryMachine(ControlPlaneMachine):
    def open(self, clock):
        return MemoryPlane(clock=clock)


TestSqliteMachine = SqliteMachine.TestCase
TestSqliteMachine.settings = SETTINGS
TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = SETTINGS
