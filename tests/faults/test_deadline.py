"""Workers that live for a few seconds, and are killed when these are over, as functions in a cloud are."""

import numpy as np
import pytest
from faults.waiting import STEP_S, chains

import numpywren as nw


@pytest.fixture
def short_lives(tmp_path, monkeypatch):
    """Settings of workers with a life of 2.5 seconds, on a platform that is strict, but counts from their start."""
    life = 2.5
    monkeypatch.setenv("PLATFORM_KILLS_AFTER_S", str(life + 0.7))
    settings = {
        "store": str(tmp_path / "scratch"),
        "backend": "processes",
        "workers.max": 2,
        "worker.slots": 1,
        "worker.memory": "64MiB",
        "worker.lease": 3.0,
        "worker.deadline": life,
    }
    with nw.config.set(settings):
        yield life


def start(a, chunks, task_s):
    a = nw.asarray(a, chunks=chunks)
    sizes = {"steps": round(task_s / STEP_S)}
    return nw.job.start(nw.job.Request("chains", chains, {"A": a}, (nw.job.Returned("B"),), sizes=sizes))


def test_a_run_outlives_its_workers(short_lives):
    rows, length = 2, 16
    run = start(np.zeros((rows, length)), 1, task_s=0.4)  # five or six tasks a life
    started, start_more = [], run._backend.start
    run._backend.start = lambda count: (started.append(count), start_more(count))
    run.wait(progress=False)
    assert np.array_equal(np.asarray(run.result()), np.arange(1.0, length + 1) * np.ones((rows, 1)))
    lives = 1 + sum(started)
    assert lives >= 5
    # a worker that began what did not fit would be killed in the middle of it, each time
    assert run.status().repeated < lives / 2


def test_a_task_that_fits_in_no_life_stops_the_run_and_names_the_tile_that_would(short_lives):
    run = start(np.zeros((100, 100)), 100, task_s=4 * short_lives)
    with pytest.raises(nw.errors.TaskTooLongError, match=r"B\[0, 0\].*workers live 2\.5 s.*chunks=64 instead of 100"):
        run.wait(progress=False)
    assert run.status().state == "failed"
    assert run.status().repeated == 1, "two workers gave it their lives, not more"


def test_a_task_that_fits_in_a_life_but_not_in_the_rest_of_one_is_done(short_lives):
    # a life holds one of these, and not two: each but the first of a worker is left to the next worker
    run = start(np.zeros((1, 3)), 1, task_s=0.6 * short_lives)
    run.wait(progress=False)
    assert run.status().state == "done"
