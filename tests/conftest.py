"""What all tests share: a scratch store of their own, so that none touches the user's."""

import os

import pytest

from numpywren.config import config


@pytest.fixture(scope="session", autouse=True)
def _scratch_store(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("scratch"))
    os.environ["NUMPYWREN_STORE"] = place  # for the processes that tests start
    with config.set({"store": place}):
        yield
    del os.environ["NUMPYWREN_STORE"]
