"""Runs to look at, and commands as processes."""

import contextlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import numpywren as nw
from numpywren.control import open_plane
from numpywren.worker import RunRecord


@pytest.fixture
def halted():
    """A run of some 900 tasks that has begun, and at which nobody works."""
    index = np.arange(1800)
    run = nw.submit(nw.linalg.cholesky, nw.asarray(np.minimum.outer(index, index) + 1.0, chunks=45))
    while run.status().done < 60:
        assert run.status().state == "running"
    run.pause()
    status = run.status()
    assert status.state == "running"
    assert status.ready > 2
    yield run
    run.delete()


@pytest.fixture
def plane(halted):
    """Its control plane."""
    record, store = RunRecord.load(halted.url)
    return open_plane(record.control_url(store))


@pytest.fixture
def command():
    """Start commands as processes, on pipes unless told otherwise; none outlives the test."""
    with contextlib.ExitStack() as started:

        def start(*words, **streams):
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **streams}
            process = subprocess.Popen(
                [sys.executable, "-m", "numpywren", *words],
                env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
                # a shell that runs the tests in the background has its children ignore Ctrl-C
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                **pipes,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start
