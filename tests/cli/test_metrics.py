"""``numpywren metrics``: figures of real runs, as Prometheus reads them."""

import re
import signal
import socket
import sys
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from numpywren.cli import main
from numpywren.control import Failure

STATE = "numpywren_run_state"


def scraped(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    assert all(family.documentation for family in families)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def served(process):
    line = process.stdout.readline()
    found = re.fullmatch(r"metrics at (http://127\.0\.0\.1:\d+/metrics)\n", line)
    assert found, line + process.stderr.read()
    return found[1]


def test_prometheus_reads_what_the_run_is(halted, plane, command):
    process = command("metrics", halted.url, "--port", "0")
    address = served(process)
    plane.claim("somebody", 2, 600.0)
    now, figures = halted.status(), scraped(address)
    assert figures["numpywren_up",] == 1
    assert {state: figures[STATE, state] for state in ("running", "done", "failed", "cancelled")} == {
        "running": 1,
        "done": 0,
        "failed": 0,
        "cancelled": 0,
    }
    for state in ("done", "ready", "running", "waiting"):
        assert figures["numpywren_tasks", state] == getattr(now, state)
    assert (now.running, figures["numpywren_workers",], figures["numpywren_tasks_repeated_total",]) == (2, 1, 0)
    assert now.longest[0].seconds <= figures["numpywren_longest_lease_seconds",] < 600
    (about,) = [name for name in figures if name[0] == "numpywren_run_info"]
    assert {halted.url, "cholesky"} < set(about)
    assert not [name for name in figures if name[0] == "numpywren_failure"]

    plane.stop(Failure("poisoned", "TaskPoisonedError", "it takes its workers down", task="0:1,2"))
    figures = scraped(address)
    assert (figures[STATE, "running"], figures[STATE, "failed"]) == (0, 1)
    (failure,) = [name for name in figures if name[0] == "numpywren_failure"]
    assert set(failure[1:]) == {"poisoned", "TaskPoisonedError", "0:1,2"}

    halted.forget()
    figures = scraped(address)
    assert figures["numpywren_up",] == 0
    assert {name[0] for name in figures} == {"numpywren_up", "numpywren_run_info"}

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "could not be asked for its status" in err
    assert "Traceback" not in err


def test_only_this_machine_is_served(halted, command):
    port = int(re.search(r":(\d+)/", served(command("metrics", halted.url, "--port", "0")))[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=10)


def test_a_port_that_is_taken(halted, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert main(["metrics", halted.url, "--port", str(other.getsockname()[1])]) == 1
    assert "in use" in capsys.readouterr().err


def test_no_run(capsys):
    assert main(["metrics", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_without_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)  # as if it were not installed
    assert main(["metrics", "nowhere"]) == 1
    assert "pip install 'numpywren[metrics]'" in capsys.readouterr().err
