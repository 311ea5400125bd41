"""``numpywren status`` on a terminal, in a log and for scripts, of real runs; and what it draws."""

import io
import json
import os
import pty
import re
import select
import signal
import time

import pytest
from rich.console import Console

from numpywren.cli import main
from numpywren.cli.live import picture
from numpywren.control import Failure, Held, Status
from numpywren.job.looking import Speed, TaskNames, duration
from numpywren.worker import RunRecord

KEYS = ["url", "state", "total", "done", "ready", "running", "waiting", "workers", "failure", "repeated", "longest"]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """What a command writes to a terminal of 80 columns."""

    def __init__(self, command, *words):
        self._ours, theirs = pty.openpty()
        self.process = command(*words, stdin=theirs, stdout=theirs, stderr=theirs, text=False)
        os.close(theirs)
        self._bytes = b""

    def until(self, pattern=None):
        """Read until something was written, or all."""
        deadline = time.monotonic() + 120
        while pattern is None or not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.text!r}"
            if not select.select([self._ours], [], [], 1.0)[0]:
                continue
            try:
                part = os.read(self._ours, 1 << 16)
            except OSError:  # as a terminal says that nobody is at its other end
                part = b""
            if not part:
                assert pattern is None, f"no {pattern!r} in {self.text!r}"
                os.close(self._ours)
                return self.process.wait(timeout=60)
            self._bytes += part
        return None

    @property
    def written(self):
        return self._bytes.decode(errors="ignore")  # the last letter may have come in part

    @property
    def text(self):
        return ESCAPES.sub("", self.written)

    def check_clean(self):
        """Every line fits, and the cursor is there again."""
        assert max(map(len, self.text.splitlines())) <= 80
        assert self.written.rindex("\x1b[?25h") > self.written.rindex("\x1b[?25l")
        assert "Traceback" not in self.text


def test_on_a_terminal_it_follows_the_run_to_its_end(halted, plane, command):
    claimed = plane.claim("somebody", 2, 600.0)
    terminal = Terminal(command, "status", halted.url)
    terminal.until(r"somebody(.|\s)*somebody")
    terminal.until(r"tasks, \d+%")
    assert re.search(r"running 2 +waiting \d+ +workers 1 +repeated 0", terminal.text)
    assert len(re.findall(r" s  L\[\d+, \d+\] +somebody", terminal.text)) >= 2
    assert halted.url in terminal.text.replace("\r\n", "")
    plane.release("somebody", [each.task for each in claimed])
    halted.start(1)
    halted.wait()
    assert terminal.until() == 0
    terminal.check_clean()
    last = terminal.text[terminal.text.rindex("cholesky") :]
    assert "done" in last
    assert re.search(r"(\d+) of \1 tasks, 100%", last)


def test_ctrl_c_stops_looking_and_nothing_else(halted, command):
    terminal = Terminal(command, "status", halted.url)
    terminal.until("repeated 0")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.until() == 130
    terminal.check_clean()
    assert terminal.text.rstrip().endswith("interrupted")
    assert halted.status().state == "running"


def test_once_on_a_terminal(halted, command):
    terminal = Terminal(command, "status", halted.url, "--once")
    assert terminal.until() == 0
    assert "\x1b[?25l" not in terminal.written
    assert re.search(r"state\W+running", terminal.text)


def test_in_a_log_it_writes_lines(halted, command):
    process = command("status", halted.url, "--live")
    assert process.stdout.readline() == f"{halted.url}\n"
    assert re.fullmatch(r"running: \d+ of \d+ tasks \(\d+%\), 0 workers\n", process.stdout.readline())
    halted.resume().wait()  # which stops the run for a moment
    out, err = process.communicate(timeout=120)
    lines = out.splitlines()
    assert re.fullmatch(r"done: (\d+) of \1 tasks \(100%\), 0 workers", lines[-1])
    assert len(lines) < 2 * 101
    assert (err, process.returncode) == ("", 0)


def test_for_scripts_each_look_is_a_line(halted, plane, command):
    plane.claim("somebody", 1, 600.0)
    process = command("status", halted.url, "--live", "--json")
    first = json.loads(process.stdout.readline())
    assert list(first) == KEYS
    assert (first["url"], first["state"], first["total"]) == (halted.url, "running", halted.status().total)
    assert first["done"] + first["ready"] + first["running"] + first["waiting"] == first["total"]
    assert [sorted(each) for each in first["longest"]] == [["seconds", "task", "worker"]]
    halted.cancel()
    out, err = process.communicate(timeout=120)
    last = json.loads(out.splitlines()[-1])
    assert list(last) == KEYS
    assert (last["state"], last["failure"]["kind"]) == ("cancelled", "cancelled")
    assert (err, process.returncode) == ("", 0)


def test_a_run_that_fails_ends_with_1(halted, plane, command, capsys):
    process = command("status", halted.url, "--live")
    process.stdout.readline()
    plane.stop(Failure("failed", "LinAlgError", "the leading minor of order 17\x1b[2J is not positive"))
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert out.splitlines()[-1] == "LinAlgError: the leading minor of order 17[2J is not positive"
    assert main(["status", halted.url, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failure"]["error"] == "LinAlgError"


def test_a_control_plane_that_goes_is_told(halted, command):
    process = command("status", halted.url, "--live", "--json")
    seen = json.loads(process.stdout.readline())
    halted.forget()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"is gone, with {seen['done']} of {seen['total']} tasks done when last seen" in err
    assert "Traceback" not in err


def drawn(status, name=str, columns=80, speed=None):
    console = Console(width=columns, file=io.StringIO(), color_system=None)
    console.print(picture("cholesky", "file:///some/where/" + "f" * 90, status, speed or Speed(), name))
    return console.file.getvalue()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_picture_fits(columns):
    held = (Held("0:1", "a-machine-with-a-long-name.cluster.example.org-1234-abcdef", 4000.0), Held("0:2", "b", 1.25))
    status = Status("running", 10**9, 10**9 - 1, 10**6, 10**6, 1, 1000, None, 12, held)
    text = drawn(status, lambda task: "Q[1000, 2000] R[1000, 2000] S[1, 2]", columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "99%" in text
    if columns >= 80:
        assert "1 h 6 min" in text
        assert "1234-abcdef" in text


def test_the_picture_of_a_run_of_nothing():
    assert "0 of 0 tasks, 100%" in drawn(Status("done", 0, 0, 0, 0, 0, 0))


def test_speed_is_that_of_the_last_minute():
    speed, status = Speed(), Status("running", 1000, 700, 1, 1, 298, 1)
    assert "measuring the speed" in drawn(status, speed=speed)
    for second in range(200):
        speed.look(float(second), min(second, 100) * 2 + max(second - 100, 0) * 5)
    assert speed.per_s == pytest.approx(5.0)
    assert speed.left_s(status) == pytest.approx(60.0)
    assert "5 tasks/s, about 1 min 0 s left" in drawn(status, speed=speed)
    for second in range(200, 300):
        speed.look(float(second), 695)
    assert speed.left_s(status) is None
    assert "nothing done in the last 1 min 0 s" in drawn(status, speed=speed)
    speed.look(301.0, 3)  # the run was resumed
    assert speed.per_s is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3725, "1 h 2 min"), (200000, "2 d 7 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_what_is_no_task_of_the_program_goes_by_its_own_name(halted, plane):
    record, _ = RunRecord.load(halted.url)
    names = TaskNames(record)
    (claim,) = plane.claim("somebody", 1, 600.0)
    assert re.fullmatch(r"L\[\d+, \d+\]", names.of(claim.task))
    assert [names.of(each) for each in ("99:1", "nonsense", "0:70000")] == [
        "task 99:1",
        "task nonsense",
        "task 0:70000",
    ]


def test_a_run_at_which_nobody_works_is_drawn_so():
    def drawn(**changes):
        speed = Speed()
        now = Status(**{"state": "running", "total": 9, "done": 5, "ready": 1, "running": 0, "waiting": 3, **changes})
        for moment in (0.0, 5.0):
            speed.look(moment, now.done)
        screen = io.StringIO()
        Console(file=screen, width=80).print(picture("cholesky", "/a/run", now, speed, str))
        return screen.getvalue()

    assert "nobody is at work; numpywren resume /a/run" in drawn(workers=0)
    assert "nobody" not in drawn(workers=1, ready=0, running=1)
    assert "nobody" not in drawn(workers=0, state="done")
