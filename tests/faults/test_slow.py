"""A worker that is slow, but alive: its leases are renewed, and its tasks are done by others."""

import contextlib
import os
import signal
import threading
import time

import numpy as np
from faults.waiting import STEP_S, chains

import numpywren as nw

#: Chains of tasks, tasks in each, and steps of a task. There is one worker more than chains, as wherever the
#: parallelism of an algorithm is less than its workers: else what a slow worker does not do is missing, whoever knows.
ROWS, LENGTH, STEPS = 3, 40, 20
#: A slowed process runs for one part in twenty of each of these periods: long enough for one step and not for two.
PERIOD_S = 20 * STEP_S


def start(length=LENGTH):
    a = nw.asarray(np.zeros((ROWS, length)), chunks=1)
    return nw.job.start(nw.job.Request("chains", chains, {"A": a}, (nw.job.Returned("B"),), sizes={"steps": STEPS}))


@contextlib.contextmanager
def slowed(pid):
    """A process gets a twentieth of its time while the block lasts."""
    over = threading.Event()

    def slow():
        try:
            while not over.is_set():
                os.kill(pid, signal.SIGSTOP)
                over.wait(PERIOD_S * 19 / 20)
                os.kill(pid, signal.SIGCONT)
                time.sleep(PERIOD_S / 20)
        except ProcessLookupError:
            pass  # it has left

    thread = threading.Thread(target=slow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # it would take its time to leave


def finish(run, victim=None):
    """Seconds from when all workers are at work until the last task is done."""
    run._backend.start(ROWS + 1 - run._backend.alive())
    while run.status().done < 4 * ROWS or run.status().workers < ROWS:
        time.sleep(0.01)
    began = time.monotonic()
    with contextlib.nullcontext() if victim is None else slowed(victim(run)):
        while run.status().state == "running":
            time.sleep(0.02)
        seconds = time.monotonic() - began
    run.wait(progress=False)
    return seconds


def busy_worker(run):
    """The process of a worker that holds a task."""
    while True:
        for held in run.status().longest:
            for pid in run._backend.pids():
                if f"-{pid}-" in held.worker:
                    return pid


def test_a_worker_slowed_twentyfold_hardly_lengthens_a_run(tmp_path):
    settings = {
        "store": str(tmp_path / "scratch"),
        "backend": "processes",
        "workers.max": ROWS + 1,
        "worker.slots": 1,
        "worker.memory": "64MiB",
        "worker.idle": 30.0,
        "worker.lease": 60.0,  # longer than the whole run: nothing here comes from leases that expired
    }
    with nw.config.set(settings):
        undisturbed = start()
        quiet_s = finish(undisturbed)
        disturbed = start()
        slow_s = finish(disturbed, busy_worker)
    wanted = np.arange(1.0, LENGTH + 1) * np.ones((ROWS, 1))
    assert np.array_equal(np.asarray(undisturbed.result()), wanted)
    assert np.array_equal(np.asarray(disturbed.result()), wanted)
    assert disturbed.status().repeated > 0
    assert slow_s < 1.25 * quiet_s
