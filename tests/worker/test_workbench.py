"""The life of one task, without any of a worker's threads."""

import numpy as np
import pytest

import numpywren as nw
from numpywren import events
from numpywren.algorithms import gemm
from numpywren.control import TaskState
from numpywren.worker import Settings, open_run
from numpywren.worker.leases import Leases
from numpywren.worker.workbench import Workbench

MEMORY = 10**6


class Bench:
    """A workbench, what it told, and the leases that it works under."""

    def __init__(self, url, name="w", *, unwanted=False):
        *parts, self.plane = open_run(url, ())
        self.told = []
        self.leases = Leases(self.plane, name, 30.0, lambda: unwanted, self.told.append)
        settings = Settings(slots=1, memory=MEMORY)
        self.bench = Workbench(*parts, self.leases, settings, lambda: unwanted, self.told.append)

    def next(self, over=None):
        (lease,) = self.leases.claim(1, (), 1, over or {})
        return self.bench.take(lease)

    def heard(self, kind):
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture
def url(tmp_path):
    """The run of a product of three terms: one task, that nobody has done."""
    with nw.config.set({"store": str(tmp_path), "control": "memory:workbench", "worker.slots": 1}):
        A, B = nw.asarray(np.eye(6), chunks=(6, 2)), nw.asarray(np.eye(6), chunks=(2, 6))
        run = nw.job.start(nw.job.Request("product", gemm, {"A": A, "B": B}, (nw.job.Returned("C"),)))
        run.pause()
        *_, dataflow, plane = open_run(run.url, ())
        plane.restore([TaskState(task.id, 0, 0) for task in dataflow.tasks()], {}, dataflow.count())
        yield run.url
        run.delete()


def test_a_task_is_fetched_computed_written_and_done(url):
    at = Bench(url)
    work = at.next()
    assert at.bench.compute(work, 0) > 0.0
    assert at.bench._memory.room() == MEMORY - work.promised
    assert (work.promised, work.known) == (2 * 6 * 6 * 8, False)
    assert not at.heard(events.TileWritten)
    assert at.plane.status().done == 0
    done = at.bench.finish(work)
    assert (done.first, done.finished) == (True, True)
    at.bench.let_go(work)
    assert at.bench._memory.room() == MEMORY
    assert len(at.heard(events.TileWritten)) == 1
    assert len(at.heard(events.TileRead)) == 6
    np.testing.assert_array_equal(at.bench.space.read(work.writes[0]), np.eye(6))


def test_what_a_silent_worker_had_written_is_not_computed_again(url):
    first = Bench(url, "first")
    work = first.next()
    first.bench.compute(work, 0)
    for tile, result in zip(work.writes, work.results, strict=True):
        first.bench.space.write(tile, result)
    second = Bench(url, "second")
    again = second.next({work.task.id: "first"})
    second.bench.compute(again, 0)
    assert again.known
    np.testing.assert_array_equal(again.results[0], np.eye(6))
    assert second.bench.finish(again).first
    assert not second.heard(events.TileRead)
    assert not second.heard(events.TileWritten)
    assert not first.bench.finish(work).first


def test_one_that_is_to_leave_does_not_wait_for_memory(url):
    at = Bench(url, unwanted=True)
    assert at.bench._memory.promise(MEMORY, lambda: False)
    work = at.next()
    assert at.bench.compute(work, 0) is None
    assert work.promised == 0


def test_tiles_are_read_ahead_only_into_free_memory(url):
    at = Bench(url)
    work = at.next()
    at.bench._memory.promise(MEMORY - work.peak + 1, lambda: False)
    at.bench.read_ahead(work)
    at.bench._reader._lane.drain()
    assert not at.heard(events.TileRead)
    at.bench._memory.withdraw(1)
    at.bench.read_ahead(work)
    at.bench._reader._lane.drain()
    assert len(at.heard(events.TileRead)) == 4
