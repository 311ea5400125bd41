"""Workers that live for a few seconds, and are killed when these are over, as functions in a cloud are."""

import numpy as np
import pytest
from faults.waiting import KILLED_AFTER, STEP_S, chains

import numpywren as nw

LIFE_S = 4.0


@pytest.fixture(autouse=True)
def short_lives(tmp_path, monkeypatch):
    monkeypatch.setenv(KILLED_AFTER, str(LIFE_S + 0.5))
    settings = {
        "store": str(tmp_path / "scratch"),
        "backend": "processes",
        "workers.max": 2,
        "worker.slots": 1,
        "worker.memory": "64MiB",
        "worker.lease": 60.0,  # nothing here waits for leases that expire
        "worker.deadline": LIFE_S,
    }
    with nw.config.set(settings):
        yield


def start(a, chunks, task_s):
    a = nw.asarray(a, chunks=chunks)
    sizes = {"steps": round(task_s / STEP_S)}
    return nw.job.start(nw.job.Request("chains", chains, {"A": a}, (nw.job.Returned("B"),), sizes=sizes))


def test_a_run_outlives_its_workers_and_none_begins_what_would_not_fit():
    rows, length = 2, 3
    run = start(np.zeros((rows, length)), 1, task_s=0.6 * LIFE_S)  # a life has room for one of these, and not for two
    started, start_more = [run._backend.alive()], run._backend.start
    run._backend.start = lambda count: (started.append(count), start_more(count))
    run.wait(progress=False)
    assert np.array_equal(np.asarray(run.result()), np.arange(1.0, length + 1) * np.ones((rows, 1)))
    assert sum(started) >= rows * length
    # each worker but the first of a chain would begin a second task, and not end it, if it did not know better
    assert run.status().repeated <= 2


def test_a_task_that_fits_in_no_life_stops_the_run_and_names_the_tile_that_would():
    run = start(np.zeros((100, 100)), 100, task_s=4 * LIFE_S)
    with pytest.raises(nw.errors.TaskTooLongError, match=r"B\[0, 0\].*workers live 4 s.*chunks=64 instead of 100"):
        run.wait(progress=False)
    assert run.status().state == "failed"
    assert run.status().repeated == 1, "two workers gave it their lives, not more"
