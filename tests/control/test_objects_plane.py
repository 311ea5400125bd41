"""The plane of conditional writes keeps the laws, wherever the objects are."""

from __future__ import annotations

import itertools

import pytest
from servers.moto import moto

from numpywren.control import open_plane
from numpywren.testing.control import ControlPlaneContract

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def bucket():
    with moto() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.make_bucket("contract")
        yield "s3://contract"
        assert server.objects("contract") == [], "what planes made was to be deleted"


class TestInMemory(ControlPlaneContract):
    @pytest.fixture
    def planes(self):
        url = f"objects:memory:contract-{next(NUMBERS)}/control"
        return lambda clock: open_plane(url, clock=clock)


class TestInFiles(ControlPlaneContract):
    @pytest.fixture
    def planes(self, tmp_path):
        return lambda clock: open_plane(f"objects:{tmp_path.as_uri()}/control", clock=clock)


class TestInS3(ControlPlaneContract):
    @pytest.fixture
    def planes(self, bucket):
        url = f"objects:{bucket}/{next(NUMBERS)}/control"
        yield lambda clock: open_plane(url, clock=clock)
        open_plane(url).delete()
