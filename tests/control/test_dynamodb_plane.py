"""The DynamoDB plane keeps the laws, on a real server."""

import uuid

import pytest
from servers.ministack import ministack

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
