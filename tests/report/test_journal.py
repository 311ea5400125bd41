import gzip
import json
import logging
import threading

import numpy as np
import pytest
from linalg.matrices import positive_definite
from report.journals import busy_worker, start

import numpywren as nw
from numpywren import errors, events, job
from numpywren.events import StoreRetried, TileRead, TilesCached, TileWritten, WorkerExit
from numpywren.job.workers import worker_options
from numpywren.matrix import open_store
from numpywren.report.recorded import KINDS, decode_batch, read_events
from numpywren.worker import serve
from numpywren.worker.journal import Journal, encode_batch


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "run"))


def batches(store):
    return sorted(store.list("events"))


def test_every_kind_of_event_can_be_written_down():
    assert set(KINDS.values()) == set(events.Event.__args__)


def test_what_is_written_is_read_again():
    told = busy_worker("w", 5)
    batch = decode_batch(encode_batch("w", 100.0, told))
    assert batch.worker == "w"
    done = [event for event in told if isinstance(event, events.TaskDone)]
    assert batch.tables["TaskDone"]["task"].tolist() == [event.task for event in done]
    assert np.allclose(batch.tables["TaskDone"]["end_s"], [event.end_s + 100.0 for event in done], atol=1e-6)
    assert batch.tables["TileRead"]["cached"].tolist() == [True, False, False, True, False]
    assert batch.tables["WorkerExit"]["reason"].tolist() == ["finished"]


def test_a_batch_is_small():
    told = busy_worker("w", 2000)
    assert len(encode_batch("w", 0.0, told)) < 20 * len(told)


def test_where_events_come_too_fast_those_of_the_cache_are_summed_up(store):
    journal = Journal(store)
    told = busy_worker("w", 3000)
    for event in told:
        journal(event)
    found = read_events(store)
    hits = [event for event in told if isinstance(event, TileRead) and event.cached]
    assert not found[TileRead]["cached"].any()
    assert found[TilesCached]["count"].tolist() == [len(hits)] == [1000]
    assert found[TilesCached]["nbytes"].tolist() == [1000 * 32768]
    assert found.count(TileWritten) == 3000


def test_what_is_left_is_written_at_the_end(store):
    journal = Journal(store)
    for event in busy_worker("w", 10):
        journal(event)
    assert batches(store) == ["events/w/000000.json.gz"]
    assert read_events(store).count(TileWritten) == 10


def test_batches_are_written_behind(store):
    written = threading.Event()
    put = store.put

    class Watched(type(store)):
        def put(self, key, *buffers):
            size = put(key, *buffers)
            written.set()
            return size

    store.__class__ = Watched
    journal = Journal(store, every_s=0.01)
    journal(start("w", 1.0))
    assert written.wait(60.0)
    journal(WorkerExit("w", "told"))
    assert len(batches(store)) >= 2
    assert read_events(store).workers == ("w",)


def test_events_of_several_threads_are_all_there(store):
    journal = Journal(store, every_s=0.001)
    journal(start("w", 1.0))

    def tell(thread):
        for number in range(500):
            journal(TileWritten(f"L:{thread},{number}", 8, 0.0))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal(WorkerExit("w", "finished"))
    assert len(set(read_events(store)[TileWritten]["tile"])) == 2000


def test_listeners_of_the_process_hear_the_same(store):
    heard = []
    with events.listening(heard.append):
        journal = Journal(store, "none")
        for event in busy_worker("w", 1):
            journal(event)
    assert [type(event).__name__ for event in heard] == [
        "WorkerStart", "TileRead", "TaskDone", "TileWritten", "WorkerExit",
    ]  # fmt: skip
    assert not batches(store)


def test_retries_of_stores_are_heard_once_by_those_of_the_run(store, tmp_path):
    other = open_store(str(tmp_path / "other"))
    journals = [Journal(store), Journal(store), Journal(other)]
    for number, journal in enumerate(journals):
        journal(start(f"w{number}", 1.0))
    events.publish(StoreRetried("read", f"{store.url}/tiles/L/0.0.npy", 1, "busy"))
    for number, journal in enumerate(journals):
        journal(WorkerExit(f"w{number}", "finished"))
    events.publish(StoreRetried("read", store.url, 1, "after the end"))
    assert read_events(store)[StoreRetried]["reason"].tolist() == ["busy"]
    assert read_events(other).count(StoreRetried) == 0


def test_a_store_that_refuses_does_not_end_the_run(store, caplog):
    class Full(type(store)):
        def put(self, key, *buffers):
            raise errors.StoreError(28, "no space left")

    store.__class__ = Full
    journal = Journal(store)
    with caplog.at_level(logging.WARNING):
        journal(start("w", 1.0))
        journal(WorkerExit("w", "finished"))
    assert "2 events could not be written down" in caplog.text


def test_a_policy_that_does_not_exist_is_refused(store):
    with pytest.raises(ValueError, match="all, late, none"):
        Journal(store, "some")


# -- runs --------------------------------------------------------------------------------------------------------------


def places(folder):
    return sorted({path.parent for path in folder.rglob("*.json.gz")})


def cholesky(folder, **config):
    with nw.config.set({"store": str(folder), **config}):
        return np.asarray(nw.linalg.cholesky(nw.asarray(positive_definite(24, np.float64), chunks=8)))


def test_a_short_call_writes_nothing_unless_told(tmp_path):
    cholesky(tmp_path)
    assert not places(tmp_path)
    with nw.config.set({"store": str(tmp_path), "events": True}):
        L = nw.linalg.cholesky(nw.asarray(positive_definite(24, np.float64), chunks=8))
        assert len(places(tmp_path)) == 1
        del L


def test_a_long_call_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(Journal.__init__, "__defaults__", ("all", 0.0))
    heard = []
    monkeypatch.setattr(type(open_store(str(tmp_path))), "put", recording(open_store(str(tmp_path)), heard))
    cholesky(tmp_path)
    assert any(key.startswith("events/") for key in heard)


def recording(store, heard):
    put = type(store).put

    def record(self, key, *buffers):
        heard.append(key)
        return put(self, key, *buffers)

    return record


def test_a_submitted_run_writes_nothing_if_told(tmp_path):
    with nw.config.set({"store": str(tmp_path), "events": False}):
        run = nw.submit(nw.linalg.cholesky, positive_definite(9, np.float64))
        run.wait(progress=False)
        assert not places(tmp_path)
        with pytest.raises(errors.NoEventsError, match="events=false"):
            run.report()


def test_events_go_with_the_run(own_store):
    run = nw.submit(nw.linalg.cholesky, positive_definite(9, np.float64))
    run.wait(progress=False)
    assert places(own_store)
    run.delete()
    assert not places(own_store)
    run = nw.submit(nw.linalg.cholesky, positive_definite(9, np.float64))
    run.wait(progress=False)
    job.gc(str(own_store), 0.0)
    assert not places(own_store)


@pytest.mark.parametrize("backend", ["local", "processes"])
def test_workers_of_each_backend_write_alike(own_store, backend):
    with nw.config.set({"backend": backend, "workers.max": 1, "worker.slots": 1}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(positive_definite(24, np.float64), chunks=8))
        run.wait(progress=False)
    report = run.report()
    assert report.done == report.total > 0
    assert report.reads + report.cache_hits > 0
    assert [worker.reason for worker in report.workers] == ["finished"]


def test_a_worker_of_a_remote_backend_writes_alike(own_store, monkeypatch):
    monkeypatch.setattr(nw.Run, "start_on", lambda self, backend, least=0: None)
    run = nw.submit(nw.linalg.cholesky, nw.asarray(positive_definite(24, np.float64), chunks=8))
    assert serve(run.url, worker_options()) == "finished"
    assert run.report().done == run.report().total


def test_the_form_is_the_documented_one(recorded):
    store = open_store(recorded.url)
    batch = json.loads(gzip.decompress(bytes(store.get(batches(store)[0]))))
    assert sorted(batch) == ["epoch_s", "events", "format", "version", "worker"]
    assert batch["format"] == 1
    for table in batch["events"].values():
        assert len({len(column) for column in table.values()}) == 1
