"""The laws of stores, and a whole run, on the emulator of Azure. Only if NUMPYWREN_AZURITE is set."""

import gc
import itertools
import os

import numpy as np
import pytest
from matrix.laws import CONTRACT
from servers.azurite import azurite

import numpywren as nw
from numpywren.errors import StoreError
from numpywren.matrix import open_store

pytestmark = [
    pytest.mark.azurite,
    pytest.mark.skipif(not os.environ.get("NUMPYWREN_AZURITE"), reason="NUMPYWREN_AZURITE is not set"),
]

numbers = itertools.count()


@pytest.fixture(scope="module")
def server():
    with azurite() as variables:
        yield variables


@pytest.fixture
def place(server, monkeypatch):
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return f"az://lab/test-{next(numbers)}"


@pytest.mark.parametrize("law", CONTRACT, ids=lambda law: law.__name__)
def test_azure_keeps_the_laws(place, law):
    law(place)


def test_a_run_on_azure(place):
    with nw.config.set({"store": f"{place}/scratch", "control": "memory:"}):
        L = nw.linalg.cholesky(nw.asarray(4 * np.eye(50), chunks=16))
        np.testing.assert_array_equal(L, 2 * np.eye(50))
        del L
        gc.collect()
    assert list(open_store(place).list()) == []


def test_a_container_that_is_not_there(place):
    with pytest.raises(StoreError, match=r"ContainerNotFound 404.*create the bucket"):
        open_store("az://elsewhere/x").put("a", b"1")
