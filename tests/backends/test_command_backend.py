"""Workers started by commands of the user's keep the contract."""

import sys

import numpy as np
import pytest

import numpywren as nw
from numpywren.backends import open_backend, relaunch
from numpywren.testing.backends import OPTIONS, ElsewhereContract


class TestCommandThatIsTheWorker(ElsewhereContract):
    name = "command"

    @pytest.fixture
    def settings(self, tmp_path):
        return {"store": str(tmp_path), "command.template": "{worker}"}


def handed_on(tmp_path):
    """A batch system in one line: the command ends at once, and the worker lives in a session of its own."""
    line = f"setsid {sys.executable} -m numpywren worker {{url}} --options {{options}} </dev/null >/dev/null 2>&1 &"
    return {"store": str(tmp_path), "command.template": f"sh -c '{line}'"}


def test_a_command_may_hand_the_worker_on_and_end(tmp_path):
    a = np.random.default_rng(0).standard_normal((40, 40))
    a = a @ a.T + 40 * np.eye(40)
    with nw.config.set({**handed_on(tmp_path), "backend": "command", "workers.max": 2, "worker.memory": "64MiB"}):
        L = nw.linalg.cholesky(nw.asarray(a, chunks=16))
    np.testing.assert_allclose(np.asarray(L), np.linalg.cholesky(a))
    assert not list(tmp_path.glob("runs/*/workers/*/*"))


class HandedOn(ElsewhereContract):
    name = "command"
    __test__ = False  # the whole contract again would show little that is new


def test_a_killed_worker_of_which_no_process_is_known_is_missed(tmp_path):
    HandedOn().test_a_killed_worker_is_noticed_and_replaced(handed_on(tmp_path))


def opened(template, url="file:///tmp/run"):
    with nw.config.set({"command.template": template}):
        return open_backend("command", url, OPTIONS)


def test_values_stand_in_the_words_of_the_template_and_no_shell_reads_them():
    backend = opened("ssh 'some host' numpywren worker {url} --options {options} --name=job-{id};{slots}")
    (options,) = backend.given(1)
    words = backend._words(options)
    assert words[:5] == ["ssh", "some host", "numpywren", "worker", "file:///tmp/run"]
    assert words[-1] == f"--name=job-{options['badge'].replace('/', '-')};1"
    assert words[6].replace("-", "").replace("_", "").rstrip("=").isalnum()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "needs the setting command.template"),
        ("numpywren worker {url}", r"\{options\}"),
        ("numpywren worker {url} {option}", "names option"),
        ("numpywren worker {url", "command.template"),
        ("awk '{print $1}' {worker}", "it may name"),
    ],
)
def test_a_template_that_cannot_work_is_refused(template, message):
    with pytest.raises(ValueError, match=message):
        opened(template)


def test_a_place_that_a_shell_would_read_otherwise_is_refused():
    with pytest.raises(ValueError, match="cannot stand in a command"):
        opened("{worker}", "file:///tmp/$(reboot)")


def test_a_command_that_does_not_exist_is_named(tmp_path):
    backend = opened("numpywren-no-such-command {url} {options}", f"file://{tmp_path}/run")
    with pytest.raises(ValueError, match="'numpywren-no-such-command': No such file"):
        backend.start(1)
    backend.stop()


def test_what_a_failed_command_wrote_is_told(tmp_path):
    backend = opened("sh -c 'echo no such partition >&2; exit 3' {url} {options}", f"file://{tmp_path}/run")
    backend.start(1)
    while backend.alive():
        backend.wait(0.1)
    assert backend.trouble() == "no such partition"
    backend.stop()


def test_who_never_begins_is_given_up_and_another_may_be_started(tmp_path, caplog):
    with nw.config.set({"workers.patience": 1.0}):
        backend = opened("true {url} {options}", f"file://{tmp_path}/run")
    backend.start(2)
    assert backend.alive() == 2
    while backend.alive():
        backend.wait(0.1)
    assert "has not begun within 1 s (workers.patience)" in backend.trouble()
    assert "was given up, with " in caplog.text  # at once: the run fails of it after several
    backend.stop()


def test_a_crew_that_was_sent_away_has_no_successors(tmp_path):
    with nw.config.set({"command.template": "true {url} {options}"}):
        backend = open_backend("command", f"file://{tmp_path}/run", OPTIONS)
        backend.start(1)
        (options,) = backend.given(1)
        assert relaunch("command", backend.url, options, 2) == 2
        backend.stop()
        assert relaunch("command", backend.url, options, 2) == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
