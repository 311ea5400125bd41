"""The laws of stores, and whole runs, on servers other than the tests' own: Ceph's gateway for S3, Azure's emulator.

Each only if its variable is set: NUMPYWREN_RADOSGW, NUMPYWREN_AZURITE.
"""

import contextlib
import gc
import itertools
import os
from urllib.parse import urlsplit

import boto3
import numpy as np
import pytest
from matrix.laws import CONTRACT
from servers.azurite import azurite
from servers.radosgw import radosgw

import numpywren as nw
from numpywren.errors import StoreError
from numpywren.matrix import is_transient, open_store
from numpywren.testing.faults import Fault, FaultyProxy

numbers = itertools.count()


@contextlib.contextmanager
def ceph():
    """Ceph's gateway, with the bucket ``lab``."""
    with radosgw() as variables:
        boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        ).create_bucket(Bucket="lab")
        yield variables


def on(scheme, server, mark):
    """A server to test with, if it is asked for."""
    asked = f"NUMPYWREN_{mark.name.upper()}"
    skipped = pytest.mark.skipif(not os.environ.get(asked), reason=f"{asked} is not set")
    return pytest.param((scheme, server), marks=[mark, skipped], id=mark.name)


CEPH = on("s3", ceph, pytest.mark.radosgw)
AZURE = on("az", azurite, pytest.mark.azurite)


@pytest.fixture(scope="module", params=[CEPH, AZURE])
def server(request):
    """Scheme of a store's URL, and variables with which clients find its server."""
    scheme, start = request.param
    with start() as variables:
        yield scheme, variables


@pytest.fixture
def place(server, monkeypatch):
    """A URL at which there is nothing yet."""
    scheme, variables = server
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return f"{scheme}://lab/test-{next(numbers)}"


@pytest.mark.parametrize("law", CONTRACT, ids=lambda law: law.__name__)
def test_the_laws_are_kept(place, law):
    law(place)


def test_a_bucket_that_is_not_there_is_to_be_made(server, place):
    with pytest.raises(StoreError, match=r"(NoSuchBucket|ContainerNotFound) 404.*create the bucket"):
        open_store(f"{server[0]}://elsewhere/x").put("a", b"1")


@pytest.mark.parametrize("server", [CEPH], indirect=True)
@pytest.mark.parametrize(
    ("name", "remedy"),
    [("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId")],
)
def test_wrong_keys_are_found_out(place, monkeypatch, name, remedy):
    open_store(place).put("a", b"1")
    monkeypatch.setenv(name, "AKIAWRONGWRONGWRONG1")
    with pytest.raises(StoreError, match=f"{remedy} 403.*correct them where they come from") as caught:
        open_store(place).get("a")
    assert "AKIAWRONG" not in str(caught.value)
    assert not is_transient(caught.value)


def test_runs_come_through_faults(server, place, monkeypatch):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 200))
    positive = values @ values.T + 200 * np.eye(200)
    name = next(name for name in server[1] if name.endswith(("ENDPOINT", "ENDPOINT_URL")))
    address = urlsplit(server[1][name])
    with FaultyProxy(f"http://{address.netloc}") as proxy:
        monkeypatch.setenv(name, proxy.url + address.path)
        proxy.rules = [Fault(kind="error", share=0.03), Fault(kind="reset", share=0.02), Fault(kind="lose", share=0.02)]
        with nw.config.set({"store": f"{place}/scratch", "control": "memory:"}):
            L = nw.linalg.cholesky(nw.asarray(positive, chunks=64))
            U, s, Vh = nw.linalg.svd(nw.asarray(values, chunks=64))
            np.testing.assert_allclose(L, np.linalg.cholesky(positive), atol=1e-10)
            np.testing.assert_allclose(np.asarray(U) * np.asarray(s) @ np.asarray(Vh), values, atol=1e-10)
            del L, U, s, Vh
            gc.collect()
        assert proxy.counts["error"] > 0
    assert list(open_store(place).list()) == []
