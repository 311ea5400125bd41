"""Journals of runs that never were, for tests that need to know every moment of one."""

import numpy as np

import numpywren as nw
from numpywren.events import TaskDone, TileRead, TilesFreed, TileWritten, WorkerExit, WorkerStart
from numpywren.matrix import open_store
from numpywren.worker.journal import encode_batch

EPOCH_S = 1.7e9


def empty_run(store, tiles=2):
    """A run of Cholesky that wrote nothing down."""
    with nw.config.set({"store": str(store), "events": False}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(np.eye(4 * tiles), chunks=4))
        run.wait(progress=False)
    return run


def write(run, worker, events, number=0, epoch_s=EPOCH_S):
    open_store(run.url).put(f"events/{worker}/{number:06}.json.gz", encode_batch(worker, epoch_s, events))


def start(worker, at_s, slots=1):
    return WorkerStart(worker, "host", 1, slots, 1 << 30, nw.__version__, at_s)


def busy_worker(worker, tasks, slots=2, column=0):
    """Events of a worker that does many tasks of 50 ms or so, one of three tiles from its cache."""
    source = np.random.default_rng(0)
    clocks = [1.0] * slots
    found = [start(worker, 1.0, slots)]
    for number in range(tasks):
        slot = number % slots
        begin = clocks[slot]
        end = begin + float(source.lognormal(-3, 0.5))
        clocks[slot] = end + 0.005
        found.append(TileRead(f"A:{number},{column}", 32768, number % 3 == 0, 0.001, begin))
        found.append(TaskDone(f"{number % 4}:{number},{column}", slot, begin, 0.0, end, 0.0))
        found.append(TileWritten(f"L:{number},{column}", 32768, 0.001, end))
    found.append(WorkerExit(worker, "finished", max(clocks)))
    return found


def two_tasks():
    """One slot, four seconds: a task of one second, a wait of one, one of two; the first's tile is freed at the end."""
    return [
        start("w", 10.0),
        TileRead("A:0,0", 100, False, 0.5, 10.5),
        TaskDone("0:0,0", 0, 10.0, 10.5, 11.0, 0.5),
        TileWritten("L:0,0", 40, 0.1, 11.0),
        TileRead("L:0,0", 40, True, 0.0, 12.0),
        TaskDone("1:0,0,1", 0, 12.0, 0.0, 14.0, 0.0),
        TileWritten("L:1,0", 60, 0.1, 13.5),
        TilesFreed(1, "L:0,0", 13.6),
        WorkerExit("w", "finished", 14.0),
    ]
