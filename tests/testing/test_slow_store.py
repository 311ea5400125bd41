"""The store that is far away is the store behind it, later."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import numpywren as nw
from numpywren.matrix import open_store

LATENCY_S = 0.1


@pytest.fixture
def far(tmp_path):
    return open_store(f"slow:{LATENCY_S}:file://{tmp_path}/far")


def test_what_is_written_is_read_from_either(far, tmp_path):
    far.put("a/b", b"12", b"34")
    assert bytes(far.get("a/b")) == b"1234"
    assert bytes(open_store(str(tmp_path / "far")).get("a/b")) == b"1234"
    assert far.exists("a/b")
    assert not far.exists("a/c")
    assert list(far.list()) == ["a/b"]
    assert bytes(open_store(far.url).child("a").get("b")) == b"1234"
    found = far.get_with_etag("a/b")
    assert far.put_if_match("a/b", b"5", "another") is None
    assert far.put_if_match("a/b", b"5", found.etag) is not None
    assert far.put_if_absent("a/b", b"6") is None
    far.delete(["a/b"])
    assert list(far.list()) == []


def test_requests_take_a_while_and_wait_at_the_same_time(far):
    far.put("key", b"1")
    began = time.monotonic()
    with ThreadPoolExecutor(16) as threads:
        assert all(bytes(data) == b"1" for data in threads.map(far.get, ["key"] * 16))
    assert LATENCY_S <= time.monotonic() - began < 8 * LATENCY_S


def test_runs_live_there(far, tmp_path):
    with nw.config.set({"store": far.url.replace("0.1", "0.001"), "control": f"sqlite:{tmp_path}"}):
        a = np.eye(6) * 3.0
        assert np.allclose(np.asarray(nw.linalg.cholesky(nw.asarray(a, chunks=2))), np.sqrt(a))


@pytest.mark.parametrize("url", ["slow:", "slow:file:///tmp", "slow:-1:file:///tmp", "slow:nan:memory:x", "slow:1:"])
def test_senseless_urls_say_what_to_write(url):
    with pytest.raises(ValueError, match="slow:SECONDS:URL"):
        open_store(url)
