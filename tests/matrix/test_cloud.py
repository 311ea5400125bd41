"""Object stores against a real server over HTTP: what is asked, how often, and what a refusal says."""

import concurrent.futures
import errno
import json
import logging
import pickle
import traceback

import numpy as np
import pytest
import zarr
from obstore.store import S3Store
from servers.moto import KEYS
from servers.replies import replies

import numpywren as nw
from numpywren import events
from numpywren.errors import NotAnArrayError, StoreError, TileDamagedError, TileMissingError
from numpywren.job import gc as collect
from numpywren.job.workers import worker_options
from numpywren.matrix import cloud, is_transient, open_store, storage_settings
from numpywren.matrix.cloud_backends import azure_backend, gcs_backend, s3_backend
from numpywren.testing.faults import Fault, FaultyProxy


@pytest.fixture
def proxy(s3, monkeypatch):
    """What stands between the client and the server; counts requests, and fails those that a test says."""
    with FaultyProxy(s3.url) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        yield between


@pytest.fixture
def at_once(monkeypatch):
    """No waits between attempts."""
    monkeypatch.setattr(cloud, "pause_s", lambda attempt, chance: 0.0)


@pytest.fixture
def retried():
    seen = []

    def listen(event):
        if isinstance(event, events.StoreRetried):
            seen.append(event)

    with events.listening(listen):
        yield seen


def requests(proxy, call):
    before = proxy.counts["requests"]
    call()
    return proxy.counts["requests"] - before


# -- what a request costs --


def test_each_operation_is_one_request(proxy, folder):
    store = open_store(folder)
    tile = np.zeros(12 << 20, np.uint8)
    assert requests(proxy, lambda: store.put("c/0", tile.data, b"tail")) == 1  # no multipart upload
    assert requests(proxy, lambda: store.get("c/0")) == 1
    assert requests(proxy, lambda: store.exists("c/0")) == 1
    assert requests(proxy, lambda: store.get_range("c/0", 5, 10)) == 1
    assert requests(proxy, lambda: store.put_if_absent("x", b"1")) == 1
    assert requests(proxy, lambda: store.delete(f"c/{number}" for number in range(1000))) == 1
    assert list(store.list()) == ["x"]


def test_parts_of_an_object(folder):
    store = open_store(folder)
    store.put("a", bytes(range(100)))
    assert bytes(store.get_range("a", 10, 5)) == bytes(range(10, 15))
    assert bytes(store.get_range("a", None, 5)) == bytes(range(95, 100))
    assert bytes(store.get_range("a", 98, 50)) == bytes([98, 99])
    with pytest.raises(TileDamagedError, match="ends before"):
        store.get_range("a", 1000, 5)


# -- trying again --

#: What each operation does, and its answer.
OPERATIONS = {
    "get": (lambda store: bytes(store.get("k")), b"v" * 3000),
    "get_range": (lambda store: bytes(store.get_range("k", 0, 3)), b"vvv"),
    "put": (lambda store: store.put("p", b"12345"), 5),
    "delete": (lambda store: store.delete(["gone", "too"]), None),
    "list": (lambda store: sorted(store.list("l")), ["l/1", "l/2"]),
    "exists": (lambda store: store.exists("k"), True),
}


@pytest.mark.parametrize("fault", ["500", "503", "429", "reset", "lose", "truncate", "corrupt"])
def test_what_may_pass_is_tried_again(proxy, folder, at_once, retried, fault):
    store = open_store(folder)
    for key in ("k", "l/1", "l/2"):
        store.put(key, b"v" * 3000)
    for name, (call, answer) in OPERATIONS.items():
        if fault == "corrupt" and name != "get":
            continue  # nothing of S3 has a checksum but small objects, by their etag, and our own tiles
        kind, status = ("error", int(fault)) if fault.isdigit() else (fault, 503)
        proxy.rules = [Fault(kind=kind, status=status, at_most=2)]
        assert call(store) == answer, name
    named = {event.operation for event in retried}
    assert {"read"} <= named <= {"read", "write", "delete", "list", "look at"}
    if fault not in ("truncate", "corrupt"):  # these befall answers with a body only
        assert named == {"read", "write", "delete", "list", "look at"}
        assert len(retried) == 2 * len(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_attempts_are_bounded_and_never_multiplied(proxy, folder, at_once, retried, name):
    call, _ = OPERATIONS[name]
    store = open_store(folder)
    proxy.rules = [Fault(kind="error", status=503)]
    with pytest.raises(StoreError, match=rf"{folder}.*503.*tried {cloud.ATTEMPTS} times.*try again later") as caught:
        call(store)
    assert proxy.counts["requests"] == cloud.ATTEMPTS
    assert [event.attempt for event in retried] == list(range(1, cloud.ATTEMPTS))
    assert caught.value.errno == errno.EIO
    assert not is_transient(caught.value)  # so that a worker does not start over
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.attempts) == (str(caught.value), cloud.ATTEMPTS)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 501])
def test_a_refusal_is_final(proxy, folder, status):
    proxy.rules = [Fault(kind="error", status=status)]
    with pytest.raises(StoreError, match=rf"read {folder}/k: .*{status}"):
        open_store(folder).get("k")
    assert proxy.counts["requests"] == 1


def test_what_is_not_there_is_asked_for_once(proxy, folder):
    with pytest.raises(TileMissingError, match=f"{folder}/k: there is nothing"):
        open_store(folder).get("k")
    assert proxy.counts["requests"] == 1


def test_a_server_that_is_not_there(folder, at_once, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match=r"no connection: Connection refused \(tried 8 times\); see whether"):
        open_store(folder).get("k")


def test_a_long_list_goes_on_where_it_broke(proxy, folder, at_once, retried):
    store = open_store(folder)
    keys = [f"k/{number:04}" for number in range(1005)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b""), keys))
    # the second page
    proxy.rules = [Fault(kind="error", path="continuation-token=", at_most=1),
                   Fault(kind="reset", path="start-after=", at_most=1)]  # fmt: skip
    assert list(store.list("k")) == keys
    assert [event.operation for event in retried] == ["list", "list"]
    proxy.rules = []
    assert requests(proxy, lambda: store.delete(keys)) == 2
    assert list(store.list()) == []


def test_a_conditional_write_whose_answer_was_lost_is_known_to_have_succeeded(proxy, folder, at_once):
    store = open_store(folder)
    proxy.rules = [Fault(kind="lose", methods=["PUT"], at_most=1)]
    first = store.put_if_absent("a", b"mine")
    assert first == store.get_with_etag("a").etag
    proxy.rules = [Fault(kind="lose", methods=["PUT"], at_most=1)]
    second = store.put_if_match("a", b"mine too", first)
    assert second == store.get_with_etag("a").etag
    for kind in ("error", "reset", "lose"):
        proxy.rules = [Fault(kind=kind, at_most=1)]
        assert store.put_if_absent("a", b"another's") is None
        assert store.put_if_match("a", b"another's", first) is None
    assert bytes(store.get("a")) == b"mine too"


def test_a_tile_that_was_damaged_on_its_way_is_read_again(proxy, folder, at_once, retried):
    values = np.random.default_rng(0).standard_normal((600, 600))  # more than what is compared with etags
    A = nw.asarray(values, chunks=600).save(f"{folder}/a")
    proxy.rules = [Fault(kind="corrupt", methods=["GET"], path="/c/", at_most=2)]
    np.testing.assert_array_equal(A, values)
    assert len(retried) == 2
    proxy.rules = [Fault(kind="corrupt", methods=["GET"], path="/c/")]
    with pytest.raises(TileDamagedError, match=f"{folder}/a/c/0/0 is damaged"):
        np.asarray(A)


def test_an_etag_that_is_no_checksum_does_no_harm(folder, proxy, at_once):
    store = open_store(folder)
    store.put("a", b"bytes of which the server says something else")
    proxy.rules = [Fault(kind="corrupt", methods=["GET"])]  # another byte each time
    with pytest.raises(StoreError, match="changed on their way; use TLS"):
        store.get("a")


# -- refusals in words --


def answer(status, code, message="", more=""):
    text = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return status, "application/xml", text.encode()


REFUSALS = {
    "AccessDenied": (403, errno.EACCES, "grant these credentials"),
    "ExpiredToken": (400, errno.EACCES, "log in again"),
    "InvalidAccessKeyId": (403, errno.EACCES, "correct them where they come from"),
    "SignatureDoesNotMatch": (403, errno.EACCES, "correct them where they come from"),
    "RequestTimeTooSkewed": (403, errno.EACCES, "set the clock"),
    "NoSuchBucket": (404, errno.ENODEV, "create the bucket"),
    "AuthorizationHeaderMalformed": (400, errno.EINVAL, "s3.region"),
    "PermanentRedirect": (301, errno.EINVAL, "s3.region"),
    "QuotaExceeded": (403, errno.EDQUOT, "quota is used up"),
    "KeyTooLongError": (400, errno.ENAMETOOLONG, "shorter"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_says_what_to_do(s3, folder, monkeypatch, code):
    status, number, remedy = REFUSALS[code]
    with replies(answer(status, code, "The server's own words")) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        store = open_store(folder)
        calls = {"read": lambda: store.get("k"), "write": lambda: store.put("k", b"1"),
                 "list": lambda: list(store.list()), "delete": lambda: store.delete(["k"])}  # fmt: skip
        for operation, call in calls.items():
            with pytest.raises(StoreError, match=f"could not {operation} {folder}.*{remedy}") as caught:
                call()
            assert caught.value.errno == number
            assert not isinstance(caught.value, TileMissingError)
            assert not is_transient(caught.value)


SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEBYaDHqa0AP1aVeryLongToken",
    "AWS_ACCESS_KEY_ID": "ASIAQWERTYUIOP123456",
}


def test_no_secret_is_in_any_message(s3, folder, monkeypatch, caplog, at_once):
    caplog.set_level(logging.DEBUG)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    said = " ".join(f"{name}={value}" for name, value in SECRETS.items())
    more = f"<Token-0>{SECRETS['AWS_SESSION_TOKEN']}</Token-0><StringToSign>x-amz-security-token:{said}</StringToSign>"
    found = []
    for status, code in ((400, "ExpiredToken"), (403, "SignatureDoesNotMatch"), (503, "SlowDown"), (418, "Teapot")):
        with replies(answer(status, code, f"You sent {said} &X-Amz-Signature=0123abcd", more)) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            store = open_store(folder)
            for call in (lambda it: it.get("k"), lambda it: it.put("k", b"1"), lambda it: list(it.list())):
                with pytest.raises(StoreError) as caught:
                    call(store)
                found.append("".join(traceback.format_exception(caught.value)))
                found.append(repr(caught.value) + repr(store) + pickle.dumps(caught.value).decode("latin-1"))
    text = "".join(found) + caplog.text
    assert "Teapot" in text
    for secret in (*SECRETS.values(), "0123abcd"):
        assert secret not in text


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@pytest.mark.parametrize(
    "rest", ["AKIAX:hunter22@bucket/x", "hunter22@bucket/x", "bucket/x?X-Amz-Signature=hunter22", "bucket/x#hunter22",
             "bucket?sig=hunter22"],
)  # fmt: skip
def test_a_url_with_a_secret_is_refused_without_repeating_it(scheme, rest):
    for what in (open_store, nw.open):
        with pytest.raises(ValueError, match=f"write {scheme}://bucket/prefix") as caught:
            what(f"{scheme}://{rest}")
        assert "hunter22" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["s3:bucket/x", "s3:/bucket", "s3://", "s3:///x", "s3://a b/x", "gs://x/../y", "az://c/a//b",
                                 "s3://bucket/tab\there", "s3://../x"])  # fmt: skip
def test_urls_that_name_no_bucket(url):
    with pytest.raises(ValueError):
        open_store(url)


def test_an_unknown_scheme_is_shown_without_its_password():
    with pytest.raises(ValueError, match="known are az:") as caught:
        open_store("https://me:hunter22@example.org/x")
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://me:hunter22@host", "https://host?token=hunter22", "ftp://hunter22", "https://"]
)
def test_an_endpoint_with_a_secret_is_refused(url):
    with nw.config.set({"s3.endpoint": url}):
        with pytest.raises(ValueError, match=r"s3\.endpoint") as caught:
            open_store("s3://bucket/x")
    assert "hunter22" not in str(caught.value) or url.startswith("ftp")


def test_names_with_spaces_and_signs(folder, s3):
    for name in ("with space", "50%", "%41%20", "ümläut", "a&b?c#d", "quote'\"", "#1", "a+b=c"):
        store = open_store(folder).child(name)
        store.put("k", name.encode())
        assert bytes(open_store(store.url).get("k")) == name.encode()
        assert list(open_store(store.url).list()) == ["k"]
        store.clear()
        assert not s3.objects("lab", folder.removeprefix("s3://lab/"))


# -- settings and credentials --


def test_settings_and_variables_name_the_same(s3, folder, monkeypatch):
    assert storage_settings() == {"s3.endpoint": s3.url, "s3.region": "us-east-1"}
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert storage_settings() == {}
    with nw.config.set({"s3.endpoint": s3.url, "s3.region": "us-east-1"}):
        open_store(folder).put("k", b"1")
        assert worker_options()["settings"] == {"s3.endpoint": s3.url, "s3.region": "us-east-1"}
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in json.dumps(worker_options())


def test_bodies_are_hashed_only_where_tls_does_not_guard_them(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    for endpoint, plain in (("https://s3.example.org", False), ("http://127.0.0.1:9", True), (None, False)):
        with nw.config.set({"s3.endpoint": endpoint, "s3.region": "eu-central-1"}):
            backend, found = s3_backend("bucket")
        assert found is plain
        assert (
            backend.config.get("unsigned_payload", False) is not plain
            or str(backend.config.get("unsigned_payload", False)).lower() == str(not plain).lower()
        )
        assert backend.config["region"] == "eu-central-1"
        assert backend.retry_config["max_retries"] == 0


def test_one_client_for_a_bucket(s3):
    assert s3_backend("lab")[0] is s3_backend("lab")[0]
    assert open_store("s3://lab/a").backend is open_store("s3://lab/b/c").backend
    assert s3_backend("other")[0] is not s3_backend("lab")[0]


def test_credentials_of_a_profile(s3, folder, tmp_path, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(
        "[lab]\naws_access_key_id = AKIAPROFILE000000001\naws_secret_access_key = another-secret\n"
    )
    (tmp_path / "config").write_text("[profile lab]\nregion = us-east-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    store = open_store(folder)
    store.put("k", b"1")
    assert store.backend.credential_provider()["access_key_id"] == "AKIAPROFILE000000001"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ValueError, match="nobody"):
        open_store(folder)


def test_no_credentials_at_all(s3, folder, tmp_path, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreError, match=r"no credentials were found.*AWS_ACCESS_KEY_ID") as caught:
        open_store(folder).get("k")
    assert caught.value.errno == errno.EACCES


def test_google_and_azure_are_opened_by_their_own_settings(monkeypatch):
    with nw.config.set({"gs.endpoint": "http://127.0.0.1:1"}):
        assert open_store("gs://bucket/a b").url == "gs://bucket/a%20b"
        backend, plain = gcs_backend("bucket")
    assert plain
    assert backend.config["base_url"] == "http://127.0.0.1:1"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "bm90IGEga2V5")
    with nw.config.set({"az.account": "lab", "az.endpoint": "https://lab.example.org"}):
        assert open_store("az://container/x").url == "az://container/x"
        backend, plain = azure_backend("container")
    assert not plain
    assert backend.config["account_name"] == "lab"
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="az://container cannot be opened"):
        open_store("az://container/x")


# -- arrays --


def test_arrays_of_others_are_read_by_region(proxy, folder, s3):
    values = np.random.default_rng(5).standard_normal((400, 300))
    bucket = S3Store(
        "lab",
        endpoint=s3.url,
        region="us-east-1",
        access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
    )
    path = folder.removeprefix("s3://lab/")
    for name, form in {"plain": {"chunks": (50, 50)}, "sharded": {"chunks": (25, 25), "shards": (100, 100)}}.items():
        there = zarr.storage.ObjectStore(bucket)
        zarr.create_array(there, name=f"{path}/{name}", shape=values.shape, dtype="f8", **form)[...] = values
        A = nw.open(f"{folder}/{name}")
        A[0, 0]
        # four chunks; of a shard, the index and four parts of it
        assert requests(proxy, lambda: np.testing.assert_array_equal(A[40:60, 40:60], values[40:60, 40:60])) in (4, 5)  # noqa: B023
        np.testing.assert_array_equal(A, values)
        proxy.rules = [Fault(kind="error", share=0.1), Fault(kind="truncate", share=0.05, methods=["GET"])]
        np.testing.assert_array_equal(A, values)
        proxy.rules = []


def test_what_is_there_instead_of_an_array(folder):
    open_store(folder).put("sub/x.npy", b"1")
    with pytest.raises(NotAnArrayError, match=f"{folder} holds no Zarr array; it is a folder with sub"):
        nw.open(folder)
    with pytest.raises(NotAnArrayError, match="there is nothing"):
        nw.open(f"{folder}/nowhere")


def test_a_folder_made_in_a_console_is_no_obstacle(folder, s3):
    path = folder.removeprefix("s3://lab/")
    s3.put_empty("lab", f"{path}/")
    assert s3.objects("lab", path) == [f"{path}/"]
    assert list(open_store(folder).list()) == []
    A = nw.asarray(np.eye(5)).save(folder)
    np.testing.assert_array_equal(A, np.eye(5))


def test_a_prefix_is_all_that_is_needed(proxy, folder):
    within = folder.removeprefix("s3://lab/")
    proxy.rules = [
        Fault(kind="error", status=403, path=r"^/(\?|$)"),  # ListBuckets
        Fault(kind="error", status=403, path=rf"^/lab/?\?(?!.*(prefix={within}|delete)).*"),  # of the bucket as a whole
        Fault(kind="error", status=403, path=rf"^/lab/(?!{within}|\?)"),  # objects elsewhere
    ]
    with nw.config.set({"store": f"{folder}/scratch", "control": "memory:", "backend": "local"}):
        L = nw.linalg.cholesky(nw.asarray(4 * np.eye(40), chunks=16))
        np.testing.assert_array_equal(L, 2 * np.eye(40))
        del L
        collect(f"{folder}/scratch", 0.0)
    assert proxy.counts["error"] == 0
    with pytest.raises(StoreError, match="grant"):
        open_store("s3://lab/elsewhere").put("x", b"1")
