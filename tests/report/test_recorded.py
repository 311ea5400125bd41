import gzip
import json

import numpy as np
import pytest
from report.journals import busy_worker, empty_run, two_tasks, write

from numpywren.errors import NoEventsError
from numpywren.events import TaskDone
from numpywren.matrix import open_store
from numpywren.report.recorded import DamagedBatchError, decode_batch, read_events
from numpywren.worker.journal import encode_batch

WHOLE = encode_batch("w", 1.7e9, two_tasks())


def altered(change):
    batch = json.loads(gzip.decompress(WHOLE))
    change(batch)
    return gzip.compress(json.dumps(batch).encode())


@pytest.mark.parametrize("length", [0, 1, 10, len(WHOLE) // 2, len(WHOLE) - 9, len(WHOLE) - 1])
def test_a_half_written_batch_is_refused(length):
    with pytest.raises(DamagedBatchError):
        decode_batch(WHOLE[:length])


def test_no_flipped_bit_passes_for_something_else():
    right = decode_batch(WHOLE).tables["TaskDone"]
    for place in range(0, len(WHOLE), 7):
        damaged = bytearray(WHOLE)
        damaged[place] ^= 0x10
        try:
            found = decode_batch(bytes(damaged)).tables["TaskDone"]
        except DamagedBatchError:
            continue
        assert all(np.array_equal(found[name], right[name]) for name in right)  # in the header of gzip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda batch: batch.update(format=2, version="9.9"), "numpywren 9.9"),
        (lambda batch: batch.pop("worker"), "worker"),
        (lambda batch: batch.update(events=[1]), "damaged"),
        (lambda batch: batch.update(epoch_s="noon"), "damaged"),
        (lambda batch: batch["events"]["TaskDone"].update(slot=[1]), r"TaskDone\.slot"),
        (lambda batch: batch["events"]["TaskDone"].update(slot=["a", "b"]), "damaged"),
        (lambda batch: batch["events"]["TaskDone"].update(slot=[0, -1]), "beyond 0 to 4096"),
        (lambda batch: batch["events"]["WorkerStart"].update(slots=[10**12]), "beyond 0 to 4096"),
        (lambda batch: batch["events"]["TaskDone"].update(task=[1, 2]), r"TaskDone\.task"),
        (lambda batch: batch["events"]["TaskDone"].update(end_s=[float("nan"), 1.0]), r"TaskDone\.end_s"),
        (lambda batch: batch["events"]["TaskDone"].update(end_s=[1e300, 1.0]), r"TaskDone\.end_s"),
        (lambda batch: batch.update(epoch_s=1e300), "epoch_s"),
        (lambda batch: batch["events"]["TaskDone"].update(end_s=[[1.0], [2.0]]), r"TaskDone\.end_s"),
    ],
)
def test_what_is_no_batch_is_refused(change, said):
    with pytest.raises(DamagedBatchError, match=said):
        decode_batch(altered(change))


def test_json_that_is_no_object_is_refused():
    with pytest.raises(DamagedBatchError):
        decode_batch(gzip.compress(b"[[[1]]]"))


def test_kinds_and_fields_of_later_versions_are_passed_over():
    def later(batch):
        batch["events"]["TaskPraised"] = {"task": ["0:0,0"]}
        batch["events"]["TaskDone"]["mood"] = ["good", "good"]

    assert decode_batch(altered(later)).tables["TaskDone"]["task"].tolist() == ["0:0,0", "1:0,0,1"]


def test_fields_that_an_earlier_version_did_not_write_are_nought():
    found = decode_batch(altered(lambda batch: batch["events"]["TaskDone"].pop("stalled_seconds")))
    assert found.tables["TaskDone"]["stalled_seconds"].tolist() == [0.0, 0.0]


def test_damaged_batches_are_passed_over_and_counted(tmp_path):
    run = empty_run(tmp_path)
    write(run, "w", two_tasks())
    store = open_store(run.url)
    store.put("events/w/000001.json.gz", WHOLE[:50])
    store.put("events/v/000000.json.gz", b"")
    store.put("events/v/notes.txt", b"not ours")
    report = run.report(predict=False)
    assert (report.batches, report.skipped, report.done) == (1, 2, 2)
    assert "2 event files were passed over" in str(report)
    assert "2 of 3, damaged" in str(report)


def test_a_run_of_which_nothing_can_be_read_says_so(tmp_path):
    run = empty_run(tmp_path)
    open_store(run.url).put("events/w/000000.json.gz", WHOLE[:50])
    with pytest.raises(NoEventsError, match="none of the 1 event files"):
        run.report()


def test_workers_of_machines_with_other_clocks_are_put_in_order(tmp_path):
    run = empty_run(tmp_path)
    # two processes whose clocks began at different times, at work at the same time of day
    write(run, "w", two_tasks(), epoch_s=1.7e9)
    later = [each for each in busy_worker("b", 4) if not isinstance(each, TaskDone)]
    write(run, "b", later, epoch_s=1.7e9 + 10.0)
    found = read_events(open_store(run.url))
    assert found.workers == ("w", "b")
    assert found.began_s == pytest.approx(1.7e9 + 10.0)
    starts = dict(zip(found.tables["WorkerStart"]["worker"], found.tables["WorkerStart"]["at_s"], strict=True))
    assert starts == pytest.approx({"w": 0.0, "b": 1.0}, abs=1e-5)
