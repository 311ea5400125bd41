"""Runs that halt, dashboards of them, and a browser to look at these."""

import contextlib

import numpy as np
import pytest

import numpywren as nw
from numpywren.control import open_plane
from numpywren.worker import RunRecord

#: A loaded machine takes its time.
PATIENCE_MS = 120_000


@pytest.fixture
def halted():
    """A run of some 560 tasks that has begun, and at which nobody works."""
    index = np.arange(14 * 32)
    with nw.config.set({"linalg.depth": 1, "worker.slots": 2}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(np.minimum.outer(index, index) + 1.0, chunks=32))
        while run.status().done < 5:
            assert run.status().state == "running"
        run.pause()
        assert run.status().state == "running"
        yield run
        run.delete()


@pytest.fixture
def plane(halted):
    """Its control plane."""
    record, store = RunRecord.load(halted.url)
    return open_plane(record.control_url(store))


class Watched:
    """A page, what it complained of, and what it asked for."""

    def __init__(self, browser, url, scheme="light"):
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints, self.asked = [], []
        self.page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)
        self.page.wait_for_selector("#now:not([data-state=''])")

    def __getattr__(self, name):
        return getattr(self.page, name)

    def painted(self):
        """Wait for the figures."""
        self.page.wait_for_selector("html[data-painted]")
        self.page.wait_for_function("Bokeh.documents[0].is_idle")

    def source(self, name):
        """Columns of a figure's data."""
        return self.page.evaluate(
            """name => Object.fromEntries(Object.entries(Bokeh.documents[0].get_model_by_name(name).data)
                .map(([column, values]) => [column, Array.from(values)]))""",
            name,
        )

    def tasks(self):
        """How many tasks the timeline holds."""
        return len(self.source("timeline")["task"])

    def until_tasks(self, count):
        """Wait until the timeline holds so many."""
        self.page.wait_for_function(
            "count => Bokeh.documents[0]?.get_model_by_name('timeline')?.data.task.length === count", arg=count
        )


@pytest.fixture
def watch(browser):
    """Open pages; none outlives the test, and none may have complained."""
    with contextlib.ExitStack() as opened:

        def open_page(url, scheme="light"):
            page = Watched(browser, url, scheme)
            opened.callback(page.context.close)
            return page

        yield open_page
