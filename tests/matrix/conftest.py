"""Places for the tests of the data layer: a fresh scratch store for each, and one of each kind of store."""

import gc
import itertools

import pytest
from matrix.drawn import DTYPES
from servers.moto import moto

from numpywren.config import config
from numpywren.matrix import cloud

#: The bucket that is there.
BUCKET = "lab"

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def scratch(tmp_path):
    place = tmp_path / "scratch"
    with config.set({"store": str(place)}):
        yield place


@pytest.fixture(scope="session")
def s3_server():
    """A server that speaks S3, with the bucket ``lab``."""
    with moto() as server:
        server.make_bucket(BUCKET)
        yield server
        gc.collect()  # what deletes itself from the server while there is one


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The same server, found by the variables of this process; what a test makes of `lab` others do not see."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def folder(s3):
    """A prefix of the bucket under which there is nothing."""
    return f"s3://{BUCKET}/test-{next(_numbers)}"


@pytest.fixture(params=["file", "memory", "s3"])
def place(request, tmp_path):
    """A URL at which there is nothing yet."""
    if request.param == "s3":
        # damage is looked at again and again, without waits here
        request.getfixturevalue("monkeypatch").setattr(cloud, "pause_s", lambda attempt, chance: 0.0)
        return request.getfixturevalue("folder")
    return str(tmp_path / "place") if request.param == "file" else f"memory:test-{next(_numbers)}/place"


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param
