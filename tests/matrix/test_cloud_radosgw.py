"""The laws of stores, and whole runs, on a real object store: Ceph. Only if NUMPYWREN_RADOSGW is set."""

import gc
import itertools
import os

import boto3
import numpy as np
import pytest
from matrix.laws import CONTRACT
from servers.radosgw import radosgw

import numpywren as nw
from numpywren.errors import StoreError
from numpywren.matrix import is_transient, open_store
from numpywren.testing.faults import Fault, FaultyProxy

pytestmark = [
    pytest.mark.radosgw,
    pytest.mark.skipif(not os.environ.get("NUMPYWREN_RADOSGW"), reason="NUMPYWREN_RADOSGW is not set"),
]

numbers = itertools.count()


@pytest.fixture(scope="module")
def gateway():
    with radosgw() as variables:
        boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        ).create_bucket(Bucket="lab")
        yield variables


@pytest.fixture
def place(gateway, monkeypatch):
    for name, value in gateway.items():
        monkeypatch.setenv(name, value)
    return f"s3://lab/test-{next(numbers)}"


@pytest.mark.parametrize("law", CONTRACT, ids=lambda law: law.__name__)
def test_a_real_store_keeps_the_laws(place, law):
    law(place)


def test_wrong_keys_are_found_out(place, monkeypatch):
    store = open_store(place)
    store.put("a", b"1")
    for name, remedy in (
        ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId"),
    ):
        with monkeypatch.context() as patched:
            patched.setenv(name, "AKIAWRONGWRONGWRONG1")
            with pytest.raises(StoreError, match=f"{remedy} 403.*correct them where they come from") as caught:
                open_store(place).get("a")
            assert "AKIAWRONG" not in str(caught.value)
            assert not is_transient(caught.value)
    with pytest.raises(StoreError, match=r"NoSuchBucket 404.*create the bucket"):
        open_store("s3://elsewhere/x").put("a", b"1")


def test_runs_on_a_real_store_through_faults(gateway, place, monkeypatch):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 200))
    positive = values @ values.T + 200 * np.eye(200)
    with FaultyProxy(gateway["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.rules = [Fault(kind="error", share=0.03), Fault(kind="reset", share=0.02), Fault(kind="lose", share=0.02)]
        with nw.config.set({"store": f"{place}/scratch", "control": "memory:"}):
            L = nw.linalg.cholesky(nw.asarray(positive, chunks=64))
            U, s, Vh = nw.linalg.svd(nw.asarray(values, chunks=64))
            np.testing.assert_allclose(L, np.linalg.cholesky(positive), atol=1e-10)
            np.testing.assert_allclose(np.asarray(U) * np.asarray(s) @ np.asarray(Vh), values, atol=1e-10)
            del L, U, s, Vh
            gc.collect()
    assert list(open_store(place).list()) == []
