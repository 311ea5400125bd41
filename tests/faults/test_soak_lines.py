"""The proxies of the soak do what they say: answers are lost, questions come late, and everything else passes."""

import contextlib
import http.server
import threading
import urllib.request

import pytest
import redis
from servers import redis as servers

from numpywren.testing.faults import Fault, FaultyProxy
from numpywren.testing.faulty_line import FaultyLine


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with servers.server(list(servers.binaries().values())[-1], tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def line(server):
    with FaultyLine("127.0.0.1", server.port, seed=1) as line:
        yield line


@pytest.fixture
def client(line):
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    with redis.Redis(port=line.port, decode_responses=True, socket_timeout=60, retry=retry, protocol=2) as client:
        client.ping()
        yield client


def test_everything_passes(client, line):
    long = "x" * 500_000
    client.set("long", long)
    assert client.get("long") == long
    assert line.counts["lose"] == line.counts["late"] == 0


def test_an_answer_that_is_lost_was_given(client, line):
    client.delete("n")
    line.lose = 1.0
    with pytest.raises(redis.ConnectionError):
        client.incr("n")
    line.lose = 0.0
    line.settle()
    assert client.get("n") == "1"
    assert line.counts["lose"] == 1


def test_a_question_that_comes_late_comes_after_those_that_followed(client, line):
    client.delete("names")
    line.late, line.late_s = 1.0, 0.3
    with pytest.raises(redis.ConnectionError):
        client.rpush("names", "first")
    line.late = 0.0
    client.rpush("names", "second")
    line.settle()
    assert client.lrange("names", 0, -1) == ["second", "first"]


def test_a_server_that_is_away_is_away(client, line, server):
    server.kill()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    server.start()
    client.ping()


@contextlib.contextmanager
def listener():
    """A server that remembers which paths were asked for, and in which order."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", asked
        running.shutdown()


def test_a_request_that_comes_late_comes_after_those_that_followed():
    with listener() as (url, asked), FaultyProxy(url) as proxy:
        proxy.rules = [Fault(kind="late", seconds=0.3, at_most=1)]
        with pytest.raises(OSError, match="closed connection"):
            urllib.request.urlopen(f"{proxy.url}/first", timeout=60)
        assert proxy.held_back == 1
        urllib.request.urlopen(f"{proxy.url}/second", timeout=60).close()
        proxy.settle()
        assert asked == ["/second", "/first"]
        assert proxy.counts["late"] == 1
