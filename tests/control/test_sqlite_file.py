"""What can happen to a file under a plane: deleted, replaced, damaged, foreign, full, locked, forked."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from numpywren.control import Arrival, Failure, Reader, Status, TaskState, open_plane
from numpywren.control.sqlite import file as module
from numpywren.errors import ControlPlaneLostError, StoreError

ROOT = TaskState("a", 0, 0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plane.sqlite"


@pytest.fixture
def url(path):
    return f"sqlite:{path}"


@pytest.fixture
def plane(url):
    plane = open_plane(url)
    plane.restore([ROOT], {}, 2)
    return plane


def elsewhere(code, url):
    """Run code in another process, with a `plane` opened there."""
    prelude = "import sys, os\nfrom numpywren.control import *\nplane = open_plane(sys.argv[1])\n"
    return subprocess.run([sys.executable, "-c", prelude + code, url], check=False, capture_output=True, text=True)


def side_files(path):
    return sorted(p.name for p in path.parent.iterdir())


def test_opening_and_asking_create_nothing(url, path):
    plane = open_plane(url)
    with pytest.raises(ControlPlaneLostError, match="resume"):
        plane.claim("w", 1, 30.0)
    plane.delete()
    assert side_files(path) == []


def test_the_file_is_its_owners_only(plane, path):
    plane.claim("w", 1, 30.0)
    assert len(side_files(path)) == 3  # the file, its log, and the log's index
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}


def test_delete_leaves_nothing(plane, path):
    open_plane(f"sqlite:{path}").claim("w", 1, 30.0)
    plane.delete()
    assert side_files(path) == []


def test_a_folder_is_made_and_paths_may_be_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plane = open_plane("sqlite:deep/er/plane.sqlite")
    monkeypatch.chdir("/")
    plane.restore([ROOT], {}, 1)
    assert (tmp_path / "deep/er/plane.sqlite").exists()
    assert open_plane(f"sqlite://{tmp_path}/deep/er/plane.sqlite").status().ready == 1


def test_odd_paths(tmp_path):
    plane = open_plane(f"sqlite:{tmp_path}/a b?c#d%20é.sqlite")
    plane.restore([ROOT], {}, 1)
    assert plane.status().ready == 1
    assert (tmp_path / "a b?c#d%20é.sqlite").exists()


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://host/x.sqlite", "sqlite:/folder/"])
def test_a_url_without_a_file(url):
    with pytest.raises(ValueError, match=r"write sqlite:/folder/file\.sqlite"):
        open_plane(url)


def test_what_was_committed_survives_a_kill(plane, url):
    code = """
plane.claim("w", 1, 30.0)
plane.complete("w", "a", [Arrival("A", (Reader("b", 1, 0),))], [])
os.kill(os.getpid(), 9)
"""
    assert elsewhere(code, url).returncode == -signal.SIGKILL
    assert plane.status() == Status("running", 2, 1, 1, 0, 0, 0)


CALLS = {
    "claim": lambda plane: plane.claim("w", 1, 30.0),
    "renew": lambda plane: plane.renew("w", ["a"], 30.0),
    "complete": lambda plane: plane.complete("w", "a", [], []),
    "release": lambda plane: plane.release("w", ["a"]),
    "stop": lambda plane: plane.stop(Failure("cancelled", "", "")),
    "status": lambda plane: plane.status(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("everything", [False, True], ids=["file", "file and log"])
def test_deletion_is_noticed_at_the_next_call(plane, path, call, everything):
    plane.claim("w", 1, 30.0)
    for file in list(path.parent.iterdir()) if everything else [path]:
        file.unlink()
    for _ in range(2):
        with pytest.raises(ControlPlaneLostError, match=r"no such file.*resume"):
            call(plane)
    assert not path.exists()


def test_after_a_deletion_the_old_and_the_new_do_not_mix(plane, url, path):
    """The file is deleted, its log is not; workers hold on to the old one while another process restores."""
    plane.restore((TaskState(f"o{i}", 0, i) for i in range(300)), {}, 300)
    plane.close()  # so that the log begins anew, and makes no sense without the file
    idle, late = open_plane(url), open_plane(url)
    for worker in (plane, idle, late):
        worker.status()
    plane.claim("w", 1, 30.0)
    path.unlink()
    done = elsewhere("plane.restore((TaskState(f'n{i}', 0, i) for i in range(500)), {}, 500)", url)
    assert done.returncode == 0, done.stderr
    idle.close()  # would delete the new log, if it took it for its own
    assert [claim.task for claim in late.claim("v", 2, 30.0)] == ["n0", "n1"]
    plane.complete("w", "n0", [], [])
    del late
    seen = elsewhere("print(plane.status().done, plane.status().running, len(plane.claim('u', 999, 30)))", url)
    assert seen.stdout.split() == ["1", "1", "498"]
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_restoring_a_sound_file_keeps_it(plane, url, path):
    before = path.stat().st_ino
    worker = open_plane(url)
    worker.claim("w", 1, 30.0)
    open_plane(url).restore([TaskState("new", 0, 0)], {}, 1)
    assert path.stat().st_ino == before
    assert [claim.task for claim in worker.claim("w", 5, 30.0)] == ["new"]


def empty(path):
    path.write_bytes(b"")


def shred(path):
    """Overwrite all pages but the first."""
    content = bytearray(path.read_bytes())
    content[1024:] = b"\xa5" * (len(content) - 1024)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [empty, shred])
def test_a_damaged_file_is_lost_and_restored(url, path, damage):
    first = open_plane(url)
    first.restore([ROOT], {}, 1)
    first.close()
    damage(path)
    with pytest.raises(ControlPlaneLostError, match="resume"):
        open_plane(url).complete("w", "a", [], [])
    plane = open_plane(url)
    plane.restore([TaskState("b", 0, 0)], {}, 1)
    assert [claim.task for claim in plane.claim("w", 5, 30.0)] == ["b"]
    assert sorted(side_files(path)) == ["plane.sqlite", "plane.sqlite-shm", "plane.sqlite-wal"]


def foreign_text(path):
    path.write_text("dear diary, " * 20)


def foreign_database(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE photos (name TEXT); INSERT INTO photos VALUES ('x')")


@pytest.mark.parametrize("make", [foreign_text, foreign_database])
def test_a_foreign_file_is_never_touched(url, path, make):
    make(path)
    before = path.read_bytes()
    plane = open_plane(url)
    with pytest.raises((StoreError, ControlPlaneLostError), match=r"delete it first|choose another path"):
        plane.claim("w", 1, 30.0)
    with pytest.raises(StoreError, match="another path"):
        plane.restore([ROOT], {}, 1)
    with pytest.raises(StoreError, match="another path"):
        plane.delete()
    assert path.read_bytes() == before


def test_tables_of_another_version_are_refused(url, path, plane):
    plane.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match="tables 999, wanted"):
        open_plane(url).claim("w", 1, 30.0)


def test_a_full_disk_loses_nothing(plane):
    with plane._file.reading() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    before = plane.status()
    news = [Arrival("A", tuple(Reader(f"reader {i} {'x' * 500}", 2, 0) for i in range(200)))]
    with pytest.raises(StoreError, match="free some space"):
        plane.complete("w", "a", news, [])
    assert plane.status() == before
    with plane._file.reading() as db:
        db.execute("PRAGMA max_page_count = 100000")
    assert plane.complete("w", "a", news, []).first


def test_a_writer_waits_for_another(plane, path):
    """Longer than SQLite itself would, with nothing said."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["COMMIT"])
    timer.start()
    assert plane.complete("w", "a", [], []).first
    timer.join()
    other.close()


def test_a_file_that_stays_locked_is_an_error(plane, path, monkeypatch):
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.2)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked by another process for 0\.2 s"):
            plane.complete("w", "a", [], [])
        assert plane.status().done == 0  # readers are not locked out
    assert plane.complete("w", "a", [], []).first


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # whatever other tests have left running
def test_a_fork_does_not_share_the_connection(plane, url):
    plane.claim("w", 1, 30.0)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            plane.complete("w", "a", [Arrival("A", (Reader("b", 1, 0),))], [])
            del plane
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert [claim.task for claim in plane.claim("w", 5, 30.0)] == ["b"]
    assert plane.complete("w", "b", [], []).finished
    assert elsewhere("print(plane.status().state)", url).stdout.strip() == "done"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # whatever other tests have left running
def test_a_fork_does_not_wait_for_a_thread_of_its_parent(plane):
    with plane._file._lock:  # as another thread would, in the middle of a call
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a child that hangs is killed by its alarm
            signal.alarm(20)
            os._exit(plane.status().ready)
    assert os.waitpid(child, 0)[1] == 1 << 8  # exited, with the number of ready tasks


def test_what_is_kept_is_what_is_in_flight(plane, path):
    """Of what has arrived, that is; of a finished task one row is left."""
    one, two = Reader("one", 1, 0), Reader("two", 2, 0)
    plane.complete("w", "a", [Arrival("A", (one, two), counted=True)], [])
    rows = "SELECT (SELECT count(*) FROM arrival), (SELECT count(*) FROM counted), (SELECT count(*) FROM task)"
    assert plane._file.query(rows) == [(1, 1, 3)]
    plane.complete("w", "one", [Arrival("B", (two,))], ["A"])
    assert plane._file.query(rows) == [(0, 1, 3)]
    plane.restore([ROOT], {}, 9)
    plane.complete("w", "a", [Arrival("A", (two,))], [])
    plane.complete("w", "two", [], [])
    assert plane._file.query(rows) == [(0, 0, 2)]


def test_a_restore_is_seen_whole_or_not_at_all(plane, url):
    watcher, seen, end = open_plane(url), [], threading.Event()

    def watch():
        while not end.is_set():
            seen.append(watcher.status())

    thread = threading.Thread(target=watch)
    thread.start()
    for total in (100, 700, 300, 900) * 5:
        plane.restore((TaskState(f"{i}", 0, i) for i in range(total)), {}, total)
    end.set()
    thread.join()
    assert len({status.total for status in seen}) > 1
    assert all(status.ready == status.total or (status.total, status.ready) == (2, 1) for status in seen)


def test_restores_do_not_collide(url):
    """Several processes create the same file at the same moment; one of them wins, and the file is sound."""
    code = "plane.restore((TaskState(f'{os.getpid()}-{i}', 0, i) for i in range(50)), {}, 50)"
    command = [
        sys.executable,
        "-c",
        f"import sys, os\nfrom numpywren.control import *\nplane = open_plane(sys.argv[1])\n{code}",
        url,
    ]
    team = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in team] == [0] * 4
    claims = open_plane(url).claim("w", 999, 30.0)
    assert len(claims) == 50
    assert len({claim.task.partition("-")[0] for claim in claims}) == 1
