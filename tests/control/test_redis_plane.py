"""The Redis plane keeps the laws: on each server that is here, and on a cluster."""

from __future__ import annotations

from itertools import count

import pytest
from servers import redis as servers

from numpywren.control import open_plane
from numpywren.testing.control import ControlPlaneContract

BINARIES = servers.binaries()
_names = count()


@pytest.fixture(scope="module", params=BINARIES)
def server(request, tmp_path_factory):
    with servers.server(BINARIES[request.param], tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    *_, newest = BINARIES.values()
    with servers.cluster(newest, tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


def planes_at(url):
    """What opens the same plane again and again; and what closes and deletes it."""
    opened = []

    def open_one(clock):
        opened.append(open_plane(url, clock=clock))
        return opened[-1]

    yield open_one
    for plane in opened:
        plane.delete()
        plane.close()


class TestRedisPlane(ControlPlaneContract):
    @pytest.fixture
    def planes(self, server):
        yield from planes_at(f"{server.url}?run=contract-{next(_names)}")


class TestRedisCluster(ControlPlaneContract):
    @pytest.fixture
    def planes(self, cluster):
        yield from planes_at(f"{cluster[0].url}?run=contract-{next(_names)}")
