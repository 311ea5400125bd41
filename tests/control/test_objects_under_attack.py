"""Random histories told by turns to several handles, and real processes of which some are killed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, settings
from servers.moto import moto

from numpywren.control import ControlPlane, open_plane
from numpywren.control.objects import head as objects_head
from numpywren.testing.control_hammer import hammer
from numpywren.testing.control_machine import ControlPlaneMachine

NUMBERS = itertools.count()


class Relay(ControlPlane):
    """Gives each call to the next of several handles; from time to time one of them is replaced by a new one."""

    def __init__(self, url, clock):
        self.url, self.clock = url, clock
        self.handles = [open_plane(url, clock=clock) for _ in range(3)]
        self.calls = 0

    def next(self):
        self.calls += 1
        if self.calls % 11 == 0:
            self.handles[self.calls % 2] = open_plane(self.url, clock=self.clock)
        return self.handles[self.calls * self.calls % 3]

    def restore(self, *arguments):
        self.next().restore(*arguments)

    def claim(self, *arguments, **options):
        return self.next().claim(*arguments, **options)

    def renew(self, *arguments):
        return self.next().renew(*arguments)

    def complete(self, *arguments):
        return self.next().complete(*arguments)

    def release(self, *arguments):
        self.next().release(*arguments)

    def stop(self, *arguments):
        self.next().stop(*arguments)

    def status(self):
        return self.next().status()

    def delete(self):
        logs = [handle._log for handle in self.handles]
        for log in logs:
            log.refresh()
        assert len({log.replica.dump() for log in logs}) == 1, "the replicas have gone different ways"
        self.next().delete()
        assert not list(logs[0].store.list())


class ObjectsMachine(ControlPlaneMachine):
    def open(self, clock):
        # snapshots every few batches
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(objects_head, "LIMIT", 600)
        self.patch.setattr(objects_head, "KEEP", 200)
        return Relay(f"objects:memory:machine-{next(NUMBERS)}/control", clock)

    def teardown(self):
        super().teardown()
        if hasattr(self, "patch"):
            self.patch.undo()


TestObjectsMachine = ObjectsMachine.TestCase
TestObjectsMachine.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_processes_in_a_hurry_on_files(tmp_path):
    report = hammer(f"objects:{tmp_path.as_uri()}/control", tmp_path / "work", processes=4, kills=5, tasks=200)
    assert report.kills == 5
    assert not (tmp_path / "control").exists()


def test_processes_in_a_hurry_on_s3(tmp_path, monkeypatch):
    with moto() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.make_bucket("hammer")
        report = hammer("objects:s3://hammer/control", tmp_path / "work", processes=4, kills=5, tasks=150, limit_s=240)
        assert report.kills == 5
        assert report.completions >= 150 - report.kills
        assert server.objects("hammer") == []
