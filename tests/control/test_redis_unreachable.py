"""First contact with what is no Redis server: within seconds, one error, that says what to do."""

import contextlib
import http.server
import socket
import threading
import time

import pytest
from servers import redis as servers

from numpywren.control.redis import link as redis_link
from numpywren.control.redis.plane import RedisPlane
from numpywren.errors import ControlPlaneLostError, StoreError

BINARY = next(iter(servers.binaries().values()))


def failure_of(url, kind):
    """The error of beginning a run there, and the seconds until it came."""
    began = time.monotonic()
    with pytest.raises(kind) as raised:
        RedisPlane(f"{url}?run=r").restore([], {}, 0)
    return str(raised.value), time.monotonic() - began


def test_an_unknown_host_is_final():
    said, seconds = failure_of("redis://no-such-host.invalid:6379/0", (StoreError, ControlPlaneLostError))
    if "Temporary failure" not in said:  # a machine without any name server cannot tell
        assert "there is no host 'no-such-host.invalid'" in said
        assert "correct `control`" in said
    assert seconds < 19


def test_a_server_of_another_kind_is_final():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            said, seconds = failure_of(f"redis://127.0.0.1:{server.server_port}/0", StoreError)
        finally:
            server.shutdown()
            thread.join()
    assert "what answers there is no Redis server" in said
    assert "correct `control`" in said
    assert seconds < 9  # FIRST_PATIENCE_S is 10: it was not asked until then


def test_a_plain_answer_to_a_tls_handshake_is_final():
    with answering(b"-ERR what is this\r\n") as port:
        said, seconds = failure_of(f"rediss://127.0.0.1:{port}/0", StoreError)
    assert "if the server does not speak TLS, write redis://" in said
    assert seconds < 9


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with servers.server(BINARY, tmp_path_factory.mktemp("redis")) as one:
        yield one


def test_a_handshake_that_a_plain_server_lets_hang_ends(server):
    said, seconds = failure_of(server.url.replace("redis:", "rediss:"), (StoreError, ControlPlaneLostError))
    assert "if the server does not speak TLS, write redis://" in said
    assert seconds < 25  # twice CONNECT_S, on a machine that may be busy; it was 90


def test_waiting_for_a_server_that_went_away_is_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(redis_link, "WARN_S", 0.1)
    arguments = ("--appendonly", "yes", "--appendfsync", "always")  # else it may die with what it told us unwritten
    one = servers.Server(BINARY, tmp_path / "redis", *arguments).start()
    try:
        plane = RedisPlane(f"{one.url}?run=r", patience_s=300)
        plane.restore([], {}, 0)
        one.kill()
        asking = threading.Thread(target=plane.status)
        asking.start()
        deadline = time.monotonic() + 60
        while not caplog.records and time.monotonic() < deadline:
            asking.join(0.05)
        one.start()
        asking.join(120)
        assert not asking.is_alive()
    finally:
        one.stop()
    assert [record.getMessage().partition("?")[0] for record in caplog.records] == [f"waiting for {one.url}"]
    assert caplog.records[0].levelname == "WARNING"


@contextlib.contextmanager
def answering(data):
    """The port of a server that answers anything with the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def serve():
            listening.settimeout(0.2)
            while not done.is_set():
                with contextlib.suppress(OSError), listening.accept()[0] as one:
                    one.recv(4096)
                    one.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            done.set()
            thread.join()
