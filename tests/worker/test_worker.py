import json
import threading
import time

import numpy as np
import pytest
from linalg.matrices import positive_definite

import numpywren as nw
from numpywren import events
from numpywren.control import MAX_ATTEMPTS, TaskState
from numpywren.control.memory import MemoryPlane
from numpywren.kernels import gemm
from numpywren.lambdapack import Input, Output, Size
from numpywren.testing.control import ManualClock
from numpywren.worker import Settings, Worker, begin, main, open_run
from numpywren.worker.leases import Leases

BEGUN = threading.Event()


@nw.kernel()
def slow(a):
    """A tile, after a while."""
    BEGUN.set()
    time.sleep(0.3)
    return np.array(a, order="F")


@nw.program(A="m n", B="m n")
def slowly(A: Input, B: Output, m: Size, n: Size) -> None:
    for i in range(m):
        for j in range(n):
            B[i, j] = slow(A[i, j])


@pytest.fixture
def paused(tmp_path):
    """A run of eight slow tasks that nobody is at work on."""
    with nw.config.set({"store": str(tmp_path / "scratch"), "worker.slots": 1, "worker.lease": 2.0}):
        A = nw.asarray(np.arange(8.0)[:, None], chunks=1)
        run = nw.job.start(
            nw.job.Request("slowly", slowly, {"A": A}, (nw.job.Returned("B"),)),
        )
        run.pause()
        yield run


def worker(run, **settings):
    options = {"slots": 1, "memory": 10_000_000, "modules": [__name__], **settings}
    return Worker(*open_run(run.url, (__name__,)), Settings(**{**options, "modules": (__name__,)}), events.publish)


def test_a_worker_leaves_when_its_deadline_nears_and_starts_nothing_that_would_not_fit(paused):
    before = paused.status().done
    began = time.monotonic()
    reason = worker(paused, deadline_s=1.0).run()
    assert reason == "deadline"
    assert time.monotonic() - began < 1.2
    status = paused.status()
    assert before + 2 <= status.done <= before + 3
    assert status.running == 0
    assert status.state == "running"


def test_a_worker_leaves_when_it_is_idle(paused):
    blocker = paused._control()
    names = [claim.task for claim in blocker.claim("somebody else", 100, 60.0)]
    began = time.monotonic()
    assert worker(paused, idle_s=0.3).run() == "idle"
    assert 0.25 < time.monotonic() - began < 2.0
    blocker.release("somebody else", names)


def test_a_worker_whom_no_client_would_replace_outlives_the_leases_of_the_dead(paused):
    dead = paused._control()
    names = [claim.task for claim in dead.claim("killed", 100, 1.5)]
    assert names
    assert worker(paused, idle_s=0.1, spare=True).run() == "finished"
    assert paused.status().state == "done"
    assert paused.status().repeated == len(names)


def test_a_worker_that_is_told_to_leave_hands_back_its_leases(paused):
    BEGUN.clear()
    told = worker(paused, slots=2)
    thread = threading.Thread(target=told.run)
    thread.start()
    assert BEGUN.wait(5)
    told.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert paused.status().running == 0


def test_leases_are_renewed_while_a_task_takes_longer_than_one(paused):
    working = worker(paused, slots=1, lease_s=0.2)
    threading.Thread(target=working.run, daemon=True).start()
    deadline = time.monotonic() + 20
    while paused.status().state == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    status = paused.status()
    assert status.state == "done"
    assert status.repeated == 0
    assert np.array_equal(np.asarray(paused.result())[:, 0], np.arange(8.0))


def test_a_worker_finishes_what_there_is(paused):
    assert worker(paused, slots=4).run() == "finished"
    assert paused.status().state == "done"


def test_begin_takes_options_as_json_has_them(paused):
    options = json.loads(json.dumps({"slots": 2, "memory": 10_000_000, "modules": [__name__], "lease_s": 5.0}))
    assert begin(paused.url, options).run() == "finished"


def test_no_more_memory_than_its_bound(tmp_path):
    a = positive_definite(256, np.float64)
    bound = 12 * 32 * 32 * 8 * 2
    with nw.config.set({"store": str(tmp_path), "worker.memory": bound, "worker.slots": 2}):
        reads = []
        with events.listening(lambda event: reads.append(event) if isinstance(event, events.TileRead) else None):
            factor = nw.linalg.cholesky(nw.asarray(a, chunks=32))
    assert np.allclose(np.asarray(factor), np.linalg.cholesky(a))
    assert sum(not event.cached for event in reads) > 36, "with so little memory tiles must be read again"


def test_the_cache_spares_reads(tmp_path):
    a = np.random.default_rng(0).standard_normal((96, 96))
    A = nw.asarray(a, chunks=24)
    reads = []
    with nw.config.set({"store": str(tmp_path)}):
        with events.listening(lambda event: reads.append(event) if isinstance(event, events.TileRead) else None):
            A @ A
    assert sum(not event.cached for event in reads) == 32
    assert sum(event.cached for event in reads) == 2 * 4**3 - 32


@nw.kernel()
def broken(a):
    """Fails."""
    raise ZeroDivisionError("on purpose")


@nw.program(A="m n", B="m n")
def failing(A: Input, B: Output, m: Size, n: Size) -> None:
    for i in range(m):
        for j in range(n):
            B[i, j] = broken(gemm.gemm(A[i, j], A[i, j].T))


def test_a_kernel_that_fails_fails_the_run_with_its_exception_and_its_tile():
    with pytest.raises(ZeroDivisionError, match=r"^on purpose.*B"):
        nw.run(failing, A=np.ones((2, 2)))


def test_a_task_that_lost_a_worker_is_claimed_only_to_be_begun(tmp_path):
    """So that waiting beside one that takes its workers down counts as one attempt at most."""
    clock = ManualClock()
    plane = MemoryPlane(clock=clock)
    plane.restore([TaskState(name, 0, priority) for priority, name in enumerate("abcd")], {}, 4)
    plane.claim("fallen", 3, 1.0)
    clock.advance(1.0)
    leases = Leases(plane, "w", 1.0, lambda: False)
    assert [(lease.task, lease.attempt) for lease in leases.claim(4, (), free=1)] == [("a", 2), ("d", 1)]
    assert len(leases) == plane.status().running == 2
    leases.hand_back(begun=True)
    for _ in range(2 * MAX_ATTEMPTS):
        Leases(plane, "w", 1.0, lambda: False).claim(4, (), free=0)
        clock.advance(1.0)
    assert [claim.attempt for claim in plane.claim("v", 4, 1.0)] == [2, 2, 2, 2]


def test_a_worker_process_says_in_one_line_why_it_may_not_work(paused, capfd):
    assert main(paused.url, '{"slots": 1, "memory": 1000000}') == 1
    assert main("file:///nowhere", '{"slots": 1, "memory": 1000000}') == 1
    assert "Traceback" not in capfd.readouterr().err
