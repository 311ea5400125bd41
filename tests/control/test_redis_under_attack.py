"""The Redis plane beside the memory plane on random histories, and under real processes of which some are killed."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from servers import redis as servers

from numpywren.control import open_plane
from numpywren.testing.control_hammer import hammer
from numpywren.testing.control_machine import ControlPlaneMachine

BINARIES = servers.binaries()
_names = count()


@pytest.fixture(scope="module", params=BINARIES)
def server(request, tmp_path_factory):
    with servers.server(BINARIES[request.param], tmp_path_factory.mktemp(request.param)) as running:
        yield running


def machine(url):
    class RedisMachine(ControlPlaneMachine):
        def open(self, clock):
            return open_plane(f"{url}?run=machine-{next(_names)}", clock=clock)

        def teardown(self):
            super().teardown()
            if hasattr(self, "plane"):
                self.plane.close()

    return RedisMachine


def test_random_histories(server):
    patient = settings(
        max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(machine(server.url), settings=patient)
    with server.client() as client:
        assert client.dbsize() == 0


def test_processes_on_a_server(tmp_path):
    *_, newest = BINARIES.values()
    with servers.server(newest, tmp_path / "server") as server:
        report = hammer(f"{server.url}?run=hammer", tmp_path / "work", processes=4, kills=4, tasks=200)
        assert report.kills == 4
        assert report.completions >= 200 - report.kills
        with server.client() as client:
            assert client.dbsize() == 0


def test_processes_on_a_cluster(tmp_path):
    *_, newest = BINARIES.values()
    with servers.cluster(newest, tmp_path / "cluster") as nodes:
        report = hammer(f"{nodes[1].url}?run=hammer", tmp_path / "work", processes=3, kills=2, tasks=100)
        assert report.kills == 2
        held = []
        for node in nodes:
            with node.client() as client:
                held.append(client.dbsize())
        assert held == [0, 0, 0]
