"""What a run must not be led to: others' arrays, others' files, others' control planes, whoever says so."""

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from security.victims import snapshot

import numpywren as nw
from numpywren import errors, job
from numpywren.control import Claim, Completion, Failure, open_plane
from numpywren.control.memory import MemoryPlane
from numpywren.job.failure import exception_of
from numpywren.lambdapack import Task
from numpywren.matrix import load_function, open_store
from numpywren.worker import Settings, Worker, open_run, serve
from numpywren.worker.names import task_named, tiles_freed
from numpywren.worker.record import is_plane_of

OPTIONS = {"slots": 1, "memory": 1 << 24, "lease_s": 5.0, "idle_s": 0.0}
MATRIX = np.diag([4.0, 9.0, 16.0, 25.0])


@pytest.fixture
def paused(tmp_path):
    """A run of which nothing is done, its folder, and its result outside of it."""
    a = nw.asarray(MATRIX, chunks=2).save(tmp_path / "a")
    with nw.config.set({"store": str(tmp_path / "store"), "workers.max": 1}):
        run = nw.submit(nw.linalg.cholesky, a, out=str(tmp_path / "L"))
        run.wait(progress=False)
    folder = Path(run.url.removeprefix("file://"))
    for tile in (tmp_path / "L/c").glob("*/*"):
        tile.unlink()
    run._rebuild()
    return run, folder, tmp_path


def rewritten(folder, change):
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))


# -- outputs --------------------------------------------------------------------------------------------------------


def test_a_result_elsewhere_carries_the_mark_of_its_run_and_not_its_name(paused):
    run, folder, place = paused
    text = (place / "L/zarr.json").read_text()
    assert len(json.loads(text)["attributes"]["numpywren"]["run"]) == 32
    assert folder.name not in text
    assert serve(run.url, OPTIONS) == "finished"
    assert np.array_equal(np.asarray(nw.open(place / "L")), np.sqrt(MATRIX))


@pytest.mark.parametrize("mark", [None, "another run's"])
def test_a_record_that_names_anothers_array_as_output_writes_nothing_there(paused, mark):
    run, folder, place = paused
    theirs = place / "theirs"
    if mark is None:
        nw.asarray(np.ones((4, 4)), chunks=2).save(theirs)
        (theirs / "c/1/1").unlink()  # else there would be nothing to do
    else:
        nw.matrix.create_array(theirs, (4, 4), 2, "f8", run=run.url + "0")
    rewritten(folder, lambda r: r["bindings"]["L"]["array"]["source"].update(url=f"file://{theirs}"))
    before = snapshot(theirs)
    with pytest.raises(errors.TileDamagedError, match="was not made for the run"):
        serve(run.url, OPTIONS)
    with pytest.raises((errors.TileDamagedError, errors.RunFailedError), match="was not made for the run"):
        nw.attach(run.url).resume().wait(progress=False)
    assert snapshot(theirs) == before


@pytest.mark.parametrize("name", ["tiles", "out"])
def test_links_in_a_runs_folder_are_not_written_through(tmp_path, name):
    with nw.config.set({"store": str(tmp_path / "store"), "workers.max": 1}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(MATRIX, chunks=2))
        run.wait(progress=False)
    folder = Path(run.url.removeprefix("file://"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if name == "out":
        (folder / name).rename(elsewhere / name)
    (folder / name).symlink_to(elsewhere / name if name == "out" else elsewhere)
    before = snapshot(elsewhere)
    with pytest.raises(errors.StoreError, match="is a link"):
        serve(run.url, OPTIONS)
    run.delete()
    assert snapshot(elsewhere) == before
    assert not folder.exists()


# -- what a control plane says --------------------------------------------------------------------------------------


class Liar(MemoryPlane):
    """A plane that says what it was told to say."""

    task, freed, finished = "0:0", (), False

    def claim(self, *args, **options):
        return (Claim(self.task, 1),)

    def complete(self, *args, **options):
        return Completion((), self.freed, self.finished, True)


def work_for(liar, run):
    record, bindings, store, dataflow, _ = open_run(run.url, ())
    known = list(dataflow.tasks())
    liar.restore([], {}, len(known))
    worker = Worker(record, bindings, store, dataflow, liar, Settings(slots=1, memory=1 << 24), lambda event: None)
    return worker.run()


@pytest.mark.parametrize(
    "freed", ["L:0,0", "A:0,0", "../../a:0", "nothing:0", "A", "", "S:../x", "L:" + "9" * 5000, "tiles/../../a/c:0"]
)
def test_a_plane_that_frees_what_is_no_intermediate_deletes_nothing(paused, freed):
    run, folder, place = paused
    liar = Liar("liar")
    liar.task, liar.freed = "0:0,0", (freed,)
    before = snapshot(place / "a"), set(snapshot(place / "L")), set(snapshot(folder))
    with pytest.raises(errors.ControlPlaneLostError, match=r"the run's program does not do"):
        work_for(liar, run)
    assert before[0] == snapshot(place / "a")
    assert before[1] <= set(snapshot(place / "L"))
    assert before[2] <= set(snapshot(folder))


@pytest.mark.parametrize(
    "task",
    [
        "0:9,9",
        "-1:0",
        "99:0",
        "0:0",
        "0:-1,-1",
        "",
        "0",
        ":",
        "0:00,0",
        "0:x",
        "0:" + "9" * 5000,
        "0:1_0,0",
        "1:0,0,0,0,0",
    ],
)
def test_a_plane_that_hands_out_what_is_no_task_has_nothing_written(paused, task):
    run, folder, place = paused
    liar = Liar("liar")
    liar.task = task
    before = snapshot(place / "L")
    with pytest.raises(errors.ControlPlaneLostError, match="hands out the task"):
        work_for(liar, run)
    assert before == snapshot(place / "L")
    assert not list(folder.glob("tiles/**/*.npy"))


def test_tasks_are_those_of_the_program_and_no_others(paused):
    _, _, _, dataflow, _ = open_run(paused[0].url, ())
    every = set(dataflow.tasks())
    assert every
    for task in every:
        assert task_named(task.id, dataflow) == task
    for kind in range(-1, len(dataflow.program.kinds) + 1):
        for values in [(), (0,), (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 2, 1)]:
            task = Task(kind, values)
            assert dataflow.has(task) == (task in every)


def test_only_intermediates_are_freed():
    assert [tile.id for tile in tiles_freed(["S:1,2"], {"S"})] == ["S:1,2"]
    with pytest.raises(errors.ControlPlaneLostError):
        tiles_freed(["S:1,2", "L:1,2"], {"S"})


def test_a_failure_is_told_without_what_a_terminal_acts_upon(capsys):
    told = str(exception_of(Failure("failed", "RunFailedError", "\x1b]0;owned\x07\x1b[2Jbad\nworse"), "file:///x"))
    assert "\x1b" not in told
    assert "bad\nworse" in told
    strange = Failure("failed", "LeadingMinorError", "x", details={"minor": "many"})
    assert isinstance(exception_of(strange, "file:///x"), np.linalg.LinAlgError)
    assert isinstance(exception_of(Failure("failed", "SystemExit", "x"), "u"), errors.RunFailedError)


# -- control planes -------------------------------------------------------------------------------------------------

RUN = "s3://lab/scratch/runs/" + "a" * 32
MINE = ["memory:x" + "a" * 32, f"sqlite:/tmp/{'a' * 32}.sqlite", f"objects:{RUN}/control",
        f"redis://host:1/0?run={'a' * 32}", f"dynamodb://table?region=eu&run={'a' * 32}"]  # fmt: skip


@pytest.mark.parametrize("url", MINE)
def test_planes_of_a_run_are_known(url):
    assert is_plane_of(url, RUN)
    assert not is_plane_of(url, RUN[:-1] + "b")


@pytest.mark.parametrize(
    "url", ["sqlite:/home/me/browser.sqlite", "objects:s3://lab/letters", f"objects:{RUN}", "redis://host/0?run=b",
            f"redis://host/0?run=b&run={'a' * 32}", "dynamodb://table", "memory:", "gopher:x", ""],
)  # fmt: skip
def test_planes_of_others_are_not(url):
    assert not is_plane_of(url, RUN)


def test_a_record_that_names_anothers_control_plane_changes_nothing_there(paused):
    run, folder, place = paused
    with nw.config.set({"store": str(place / "store"), "control": f"sqlite:{place}"}):
        other = nw.submit(nw.linalg.cholesky, nw.asarray(MATRIX, chunks=2))
        other.wait(progress=False)
    theirs = other._record.control
    rewritten(folder, lambda r: r.update(control=theirs))
    attached = nw.attach(run.url)
    for call in (attached.status, attached.resume, attached.cancel, attached.forget, lambda: serve(run.url, OPTIONS)):
        with pytest.raises(errors.RunNotFoundError, match="not this run's"):
            call()
    assert open_plane(theirs).status().state == "done"


# -- deleting -------------------------------------------------------------------------------------------------------


def test_deleting_a_run_whose_folder_is_a_link_removes_the_link(paused):
    _, folder, place = paused
    (place / "letters").mkdir()
    (place / "letters/run.json").write_text((folder / "run.json").read_text())
    link = folder.with_name("f" * 32)
    link.symlink_to(place / "letters")
    nw.attach(str(link)).delete()
    assert (place / "letters/run.json").exists()
    assert not link.is_symlink()


def test_gc_takes_only_what_we_made_and_follows_no_links(tmp_path):
    store, letters = tmp_path / "store", tmp_path / "letters"
    for path in (store / "runs/mine", store / "arrays/thesis", letters / ("e" * 32)):
        path.mkdir(parents=True)
        (path / "x").write_text("mine")
    (store / "runs" / ("f" * 32)).symlink_to(letters)
    (store / "runs" / ("d" * 32)).mkdir()
    (store / "runs" / ("d" * 32) / "x").write_text("old")
    removed = [one.url for one in job.gc(str(store), 0)]
    assert any(url.endswith("d" * 32) for url in removed)
    assert (store / "runs/mine/x").exists()
    assert (store / "arrays/thesis/x").exists()
    assert (letters / ("e" * 32) / "x").exists()
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "runs").symlink_to(letters)
    with pytest.raises(errors.StoreError, match="is a link"):
        job.gc(str(linked), 0)
    assert (letters / ("e" * 32) / "x").exists()


# -- code -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["numpywren.demo.picture:draw", "numpywren.demo.terrain:interpolate", "os:system",
             "numpywren.demo.kriging:np", "numpywren.kernels.potrf:potrf", "numpywren.cli:main"],
)  # fmt: skip
def test_functions_are_loaded_from_a_list_of_modules(name):
    with pytest.raises(errors.KernelNotAllowedError):
        load_function(name, ())


# -- files ----------------------------------------------------------------------------------------------------------


def test_folders_and_files_of_runs_are_their_owners_alone(tmp_path):
    before = os.umask(0o022)
    try:
        store = tmp_path / "cache" / "numpywren"
        with nw.config.set({"store": str(store), "control": None}):
            run = nw.submit(nw.linalg.cholesky, nw.asarray(MATRIX, chunks=2))
            run.wait(progress=False)
    finally:
        os.umask(before)
    folder = Path(run.url.removeprefix("file://"))
    assert len(folder.name) == 32
    for path in (tmp_path / "cache", store, store / "runs", folder, store / "arrays", *(store / "arrays").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    for path in folder.glob("control.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_tile_that_is_larger_than_a_worker_may_hold_is_not_read(tmp_path):
    store = open_store(tmp_path / "run")
    store.put("tiles/S/0.npy", bytes(1 << 16))
    space = nw.matrix.TileSpace({}, store, 1 << 12)
    with pytest.raises(errors.TileDamagedError, match="at most"):
        space.read(nw.lambdapack.Tile("S", (0,)))
