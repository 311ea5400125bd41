"""How far a run is, in a real notebook kernel."""

import queue
import time

import pytest
from jupyter_client.manager import KernelManager

SETUP = """
import numpy as np
import numpywren as nw
index = np.arange(24 * 32)
nw.config.set({"linalg.depth": 1}).__enter__()
A = nw.asarray(np.minimum.outer(index, index) + 1.0, chunks=32)
"""


class Notebook:
    """Cells, one after another."""

    def __init__(self, client):
        self._client = client

    def cell(self, code):
        """What a cell shows: of each message its type and content."""
        asked = self._client.execute(code, allow_stdin=False)
        told, deadline = [], time.monotonic() + 240
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=10)
            except queue.Empty:
                assert time.monotonic() < deadline, told
                continue
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["content"].get("execution_state") == "idle":
                return told
            assert message["msg_type"] != "error", message["content"]
            told.append((message["msg_type"], message["content"]))


@pytest.fixture(scope="module")
def notebook():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    try:
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=240)
            opened = Notebook(client)
            opened.cell(SETUP)
            yield opened
        finally:
            client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)


def html(told, kind):
    return [content["data"]["text/html"] for name, content in told if name == kind]


def test_waiting_shows_progress_in_its_cell(notebook):
    told = notebook.cell("run = nw.submit(nw.linalg.cholesky, A)\nrun.wait();")
    (first,) = html(told, "display_data")
    later = html(told, "update_display_data")
    assert "<progress" in first
    assert "<b>cholesky</b> running" in first
    assert any(" left" in each for each in later)
    assert "<b>cholesky</b> done" in later[-1]
    assert "2,600 of 2,600 tasks, 100%" in later[-1]
    shown = {content["transient"]["display_id"] for name, content in told if name.endswith("display_data")}
    assert len(shown) == 1
    assert not [content for name, content in told if name == "stream"]


def test_a_run_that_is_the_value_of_a_cell_says_how_far_it_is(notebook):
    (shown,) = html(notebook.cell("run = nw.submit(nw.linalg.cholesky, A)\nrun"), "execute_result")
    assert "<b>cholesky</b> running" in shown
    assert "of 2,600 tasks" in shown
    (shown,) = html(notebook.cell("run.cancel()\nrun"), "execute_result")
    assert "cancelled" in shown
    assert "RunCancelledError: cancelled by its user" in shown
    (shown,) = html(notebook.cell("run.forget()\nnw.attach(run.url)"), "execute_result")
    assert "control plane" in shown
    assert "<progress" not in shown


def test_a_dashboard_is_a_link(notebook):
    small = "run = nw.submit(nw.linalg.cholesky, A[:64, :64])"
    (shown,) = html(notebook.cell(f"{small}\npage = run.dashboard()\npage"), "execute_result")
    assert shown.startswith('<a href="http://127.0.0.1:')
    notebook.cell("page.close()")


def test_progress_can_be_turned_off(notebook):
    told = notebook.cell(
        'with nw.config.set({"progress": False}):\n    nw.submit(nw.linalg.cholesky, A[:64, :64]).wait();'
    )
    assert "display_data" not in {name for name, _ in told}
