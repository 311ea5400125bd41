"""The server: who may look, who may cancel, what is sent, and when it looks."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import numpy as np
import pytest
from cli.conftest import command  # noqa: F401 - a fixture
from report.journals import busy_worker, empty_run, two_tasks, write
from servers.moto import moto

import numpywren as nw
from numpywren.cli import main
from numpywren.control import Status
from numpywren.dashboard import Dashboard
from numpywren.dashboard.follow import Follower
from numpywren.job.looking import Speed, pace
from numpywren.matrix import open_store
from numpywren.planner import simulate


@pytest.fixture
def recorded(tmp_path):
    """A run that is done; nothing was written down."""
    return empty_run(tmp_path / "store")


@pytest.fixture
def board(recorded):
    write(recorded, "w", two_tasks())
    with recorded.dashboard() as served:
        yield served


def asked(url, method="GET", **headers):
    """Status, headers and text of an answer."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    try:
        line.request(method, f"{parts.path}{'?' + parts.query if parts.query else ''}", headers=headers)
        answer = line.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        line.close()


class Stream:
    """Events of a dashboard, as a browser gets them."""

    def __init__(self, url, **headers):
        parts = urlsplit(url)
        self._line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
        self._line.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        self._answer = self._line.getresponse()
        assert self._answer.getheader("content-type").startswith("text/event-stream")

    def next(self, kind):
        """The data of the next event of a kind, and its id; None if the stream ends before it."""
        told = {}
        while line := self._answer.readline().decode():
            if line == "\n":
                if told.get("event") == kind:
                    return told.get("data"), told.get("id")
                told = {}
            else:
                name, _, value = line.rstrip("\n").partition(": ")
                told[name] = value
        return None

    def close(self):
        self._line.sock and self._line.sock.close()
        self._answer.close()
        self._line.close()


def test_whoever_has_not_the_token_is_refused(board):
    root, token = board.url.rstrip("/").rsplit("/", 1)
    assert len(token) >= 32
    for path in (
        "/",
        "",
        "/events",
        "/wrong/",
        f"/{token[:-1]}/",
        f"/{token}x/events",
        f"/{token.upper()}/",
        "/wrong/cancel",
        "/%ff/",
    ):
        for method in ("GET", "POST"):
            status, headers, text = asked(root + path, method)
            assert status == 403, path
            assert headers["content-type"].startswith("text/plain")
            assert text.count("\n") == 1
            assert "token" in text
            assert token not in text
    assert asked(board.url)[0] == 200
    assert asked(board.url + "nothing")[0] == 404


def test_each_dashboard_has_another_token(recorded, board):
    with recorded.dashboard() as other:
        assert urlsplit(other.url).path != urlsplit(board.url).path
        assert asked(urlsplit(other.url)._replace(path=urlsplit(board.url).path).geturl())[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "localhost.evil.example"]
)
def test_names_of_others_lead_nowhere(board, host):
    assert asked(board.url, Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "localhost:1", socket.gethostname()])
def test_tunnels_and_names_of_this_machine_lead_here(board, host):
    assert asked(board.url, Host=host)[0] == 200


def test_the_page_may_do_nothing_but_show_itself(board):
    _, headers, text = asked(board.url)
    policy = headers["content-security-policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)[1]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert "frame-ancestors 'none'" in policy
    assert text.count(f'<script nonce="{nonce}">') == text.count("<script") >= 4
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")


def test_only_this_machine_is_served(board):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", urlsplit(board.url).port), timeout=10)


def test_another_address_is_served_if_wanted(recorded):
    with recorded.dashboard(host="0.0.0.0") as board:
        parts = urlsplit(board.url)
        assert parts.hostname == socket.gethostname()
        assert asked(f"http://127.0.0.2:{parts.port}{parts.path}")[0] == 200


def origin(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def test_who_may_only_look_cannot_cancel(halted):
    with halted.dashboard() as board:
        status, _, text = asked(board.url + "cancel", "POST", Origin=origin(board.url))
        assert status == 403
        assert "--allow-cancel" in text
    assert halted.status().state == "running"


def test_a_run_is_cancelled_from_its_own_page_alone(halted):
    with halted.dashboard(allow_cancel=True) as board:
        cancel = board.url + "cancel"
        assert asked(cancel)[0] == 405
        assert asked(cancel, "POST")[0] == 403
        assert asked(cancel, "POST", Origin="null")[0] == 403
        assert asked(cancel, "POST", Origin="http://evil.example")[0] == 403
        assert asked(cancel, "POST", Origin=f"http://127.0.0.1:{urlsplit(board.url).port + 1}")[0] == 403
        assert halted.status().state == "running"
        assert asked(cancel, "POST", Origin=origin(board.url))[0] == 200
        assert halted.status().state == "cancelled"


def test_only_what_is_new_is_sent(recorded, board):
    first = Stream(board.url + "events?since=0")
    told, number = first.next("figures")
    assert json.loads(told)["tasks"]["task"] == ["0:0,0", "1:0,0,1"]
    assert number == "1"
    write(recorded, "w", busy_worker("v", 3), number=1)
    told, number = first.next("figures")
    assert json.loads(told)["tasks"]["task"] == ["0:0,0", "1:1,0", "2:2,0"]
    assert number == "2"
    first.close()
    for stream in (
        Stream(board.url + "events?since=1"),
        Stream(board.url + "events?since=0", **{"Last-Event-ID": "1"}),
    ):
        assert len(json.loads(stream.next("figures")[0])["tasks"]["task"]) == 3
        stream.close()
    for odd in ("99", "-1", "%C2%B2", "x", ""):
        stream = Stream(f"{board.url}events?since={odd}")
        assert json.loads(stream.next("now")[0])["state"] == "done"
        stream.close()


def test_each_batch_is_read_once(recorded, monkeypatch):
    write(recorded, "w", two_tasks())
    store = type(open_store(recorded.url))
    read, get = [], store.get
    monkeypatch.setattr(
        store, "get", lambda self, key, *rest, **more: read.append(key) or get(self, key, *rest, **more)
    )
    follower = Follower(recorded.url)
    for number in range(1, 4):
        write(recorded, "w", two_tasks(), number=number)
        follower._read_next = 0.0
        follower.look()
    keys = [key for key in read if key.startswith("events/")]
    assert len(keys) == len(set(keys)) == 4


def test_a_run_is_simulated_once_for_so_many_workers(recorded, monkeypatch):
    simulated = []

    def counted(workload, machine, pool):
        simulated.append(pool.limits.ceiling)
        return simulate(workload, machine, pool)

    monkeypatch.setattr("numpywren.dashboard.follow.simulate", counted)
    write(recorded, "w", two_tasks())
    follower = Follower(recorded.url)
    reports = []
    for number, worker in enumerate(("w", "w", "v"), start=1):
        reports.append(follower.look().figures.report)
        write(recorded, worker, two_tasks(), number=number)
        follower._read_next = 0.0
    reports.append(follower.look().figures.report)
    assert simulated == [1, 2]
    assert all(report.predicted.seconds > 0 for report in reports)
    assert {what: plan for what, _, plan in reports[0].rows()}["wall time"]


def test_the_time_left_is_told_by_work_where_that_is_known(halted, recorded):
    picture = Follower(halted.url).look()
    assert picture.pace_by.startswith("by the work")
    assert picture.figures.heavier > 0
    assert Follower(recorded.url).look().pace_by.startswith("by the number of tasks")


def test_what_is_said_of_the_time_left():
    status, speed = Status("running", 10, 2, 4, 2, 2, 1), Speed()
    assert pace(status, speed, 5.25) == "measuring the speed"
    speed.look(0.0, 0)
    speed.look(2.0, 2)
    assert pace(status, speed) == "1 tasks/s, about 8.0 s left"
    assert pace(status, speed, 5.25) == "1 tasks/s, about 42 s left"
    speed = Speed()
    speed.look(0.0, 2)
    speed.look(9.0, 2)
    assert pace(status, speed, 5.25) == "nothing done in the last 9.0 s"


def test_events_that_make_no_sense_do_not_hide_how_far_a_run_is(recorded, monkeypatch, caplog):
    def failing(*_, **__):
        raise ZeroDivisionError("seconds")

    write(recorded, "w", two_tasks())
    with monkeypatch.context() as patched:
        patched.setattr("numpywren.dashboard.follow.compose", failing)
        follower = Follower(recorded.url)
        picture = follower.look()
    assert picture.status.state == "done"
    assert picture.trouble == "no figures can be made of what was written down: ZeroDivisionError: seconds"
    assert "no figures can be made" in caplog.text
    write(recorded, "w", two_tasks(), number=1)
    follower._read_next = 0.0
    picture = follower.look()
    assert (picture.trouble, picture.figures.report.batches) == ("", 2)


def test_nobody_looks_where_nobody_listens(recorded, monkeypatch):
    look, looked = Follower.look, threading.Event()
    monkeypatch.setattr(Follower, "look", lambda self: looked.set() or look(self))
    with recorded.dashboard() as board:
        assert not looked.is_set()
        for _ in range(2):
            stream = Stream(board.url + "events")
            try:
                assert stream.next("now") is not None
                assert looked.wait(60)  # what comes first may have been seen before
            finally:
                stream.close()
            while board._hub._listeners:  # until the server has noticed
                looked.wait(0.01)
            board._hub.hurry()  # whatever it was waiting for
            threading.Event().wait(0.2)  # a look that had begun
            looked.clear()
            assert not looked.wait(1.5)


@pytest.mark.parametrize("kind", ["s3", "memory"])
def test_runs_in_any_store_are_followed(kind, monkeypatch):
    with contextlib.ExitStack() as around:
        if kind == "s3":
            server = around.enter_context(moto())
            server.make_bucket("lab")
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
        else:
            around.enter_context(nw.config.set({"control": "memory:"}))
        place = "s3://lab/scratch" if kind == "s3" else "memory:dashboard"
        with nw.config.set({"store": place}):
            run = nw.submit(nw.linalg.cholesky, nw.asarray(4 * np.eye(64), chunks=16))
            with run.dashboard() as board:
                stream = Stream(board.url + "events")
                run.wait(progress=False)
                tasks, total = 0, run.status().total
                while tasks < total:
                    tasks += len(json.loads(stream.next("figures")[0])["tasks"]["task"])
                assert tasks == len(run.report(predict=False).tasks) == total
                stream.close()
            run.delete()


def test_closing_ends_all(recorded):
    before = set(threading.enumerate())
    board = recorded.dashboard()
    stream = Stream(board.url + "events")
    stream.next("now")
    board.close()
    assert stream.next("closed") is not None
    assert stream.next("now") is None
    stream.close()
    board.close()  # again is no error
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(board.url).port), timeout=10)
    left = {thread for thread in threading.enumerate() if "dashboard" in thread.name} - before
    for thread in left:
        thread.join(60)
        assert not thread.is_alive()


def test_a_notebook_shows_a_link(board):
    assert board._repr_html_() == f'<a href="{board.url}" target="_blank" rel="noreferrer">{board.url}</a>'


# -- the command -------------------------------------------------------------------------------------------------------


def served(process):
    line = process.stdout.readline()
    found = re.fullmatch(r"dashboard at (http://127\.0\.0\.1:\d+/[\w-]+/)\n", line)
    assert found, line + process.stderr.read()
    return found[1]


def test_ctrl_c_ends_the_looking_and_nothing_else(halted, command):  # noqa: F811
    process = command("dashboard", halted.url, "-vv")
    url = served(process)
    token = urlsplit(url).path.strip("/")
    assert asked(url)[0] == 200
    stream = Stream(url + "events")
    stream.next("now")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    stream.close()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert token not in err
    assert err.endswith("interrupted\n")
    assert halted.status().state == "running"


def test_a_browser_is_opened_if_wanted(recorded, command, monkeypatch, tmp_path):  # noqa: F811
    opened = tmp_path / "opened"
    monkeypatch.setenv("BROWSER", f"sh -c 'echo %s > {opened}'")
    process = command("dashboard", recorded.url, "--open")
    url = served(process)
    while not (opened.is_file() and opened.read_text()):
        assert process.poll() is None
    assert opened.read_text() == f"{url}\n"


def test_no_run(capsys, tmp_path):
    for url in ("nowhere", str(tmp_path), "ftp://example.org/run"):
        assert main(["dashboard", url]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert url in line or "ftp" in line
    with pytest.raises(nw.errors.RunNotFoundError):
        Dashboard(str(tmp_path))


def test_a_port_that_is_taken(recorded, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["dashboard", recorded.url, "--port", str(port)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {port}" in line
    assert "in use" in line
    assert "--port 0" in line


def test_an_address_that_is_not_ours(recorded, capsys):
    assert main(["dashboard", recorded.url, "--host", "192.0.2.1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "192.0.2.1" in line


@pytest.mark.parametrize("module", ["starlette", "uvicorn", "bokeh"])
def test_without_the_extra(recorded, module):
    code = "import sys; sys.modules[sys.argv.pop(1)] = None; from numpywren.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", code, module, "dashboard", recorded.url], capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line == f"error: a dashboard needs {module}: pip install 'numpywren[dashboard]'"
