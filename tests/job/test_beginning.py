"""A run that cannot be begun: one error, the first, that says what to do; and nothing is left."""

import gc
import sys
import time

import numpy as np
import pytest
from servers import free_port
from servers.moto import moto

import numpywren as nw
from numpywren import errors
from numpywren.control import Failure
from numpywren.control.memory import MemoryPlane
from numpywren.control.plane import lost
from numpywren.job.failure import exception_of


@pytest.fixture
def begin(tmp_path):
    """What begins a run, with an input that is there."""
    with nw.config.set({"store": str(tmp_path / "inputs")}):
        A = nw.asarray(4 * np.eye(8), chunks=4)
    return lambda: nw.submit(nw.linalg.cholesky, A)


def test_a_bucket_that_does_not_exist_is_the_error(begin, monkeypatch):
    with moto() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with nw.config.set({"store": "s3://nobody-has-this/scratch"}), pytest.raises(errors.StoreError) as raised:
            begin()
    said = str(raised.value)
    assert "cannot begin a run at s3://nobody-has-this/scratch/runs/" in said
    assert "NoSuchBucket" in said
    assert said.count("could not") == 1
    assert "delete" not in said


def test_a_server_that_is_not_there_is_waited_for_once(begin, monkeypatch, caplog):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up-for-this-test")
    monkeypatch.setattr("numpywren.matrix.cloud.pause_s", lambda attempt, chance: 0.0)
    monkeypatch.setattr("numpywren.matrix.cloud._told", {})
    settings = {"store": "s3://lab", "s3.endpoint": f"http://127.0.0.1:{free_port()}", "s3.region": "us-east-1"}
    with nw.config.set(settings), caplog.at_level("DEBUG", "numpywren"), pytest.raises(errors.StoreError) as raised:
        begin()
    assert "cannot begin a run at s3://lab/runs/" in str(raised.value)
    assert "tried 8 times" in str(raised.value)
    tries = [record for record in caplog.records if record.name == "numpywren.matrix.cloud"]
    assert len(tries) == 7  # one request, and no other to clean up
    assert [record.levelname for record in tries] == ["WARNING"] + 6 * ["DEBUG"]
    assert tries[0].getMessage().endswith("; trying again")
    assert "try again" not in tries[0].getMessage()


def test_an_input_that_cannot_be_stored_is_one_error(monkeypatch, caplog):
    monkeypatch.setattr("numpywren.matrix.cloud.pause_s", lambda attempt, chance: 0.0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up-for-this-test")
    settings = {"store": "s3://lab", "s3.endpoint": f"http://127.0.0.1:{free_port()}", "s3.region": "us-east-1"}
    with nw.config.set(settings), caplog.at_level("DEBUG", "numpywren"):
        with pytest.raises(errors.StoreError, match=r"could not write s3://lab/arrays/\w+.*tried 8 times"):
            nw.asarray(np.eye(8))
        gc.collect()
    assert len([record for record in caplog.records if record.name.startswith("numpywren.matrix")]) == 7


@pytest.mark.parametrize("below", ["", "below"])
def test_a_store_that_is_a_file_is_said_to_be_one(begin, tmp_path, below):
    (tmp_path / "notes.txt").write_text("mine")
    with nw.config.set({"store": str(tmp_path / "notes.txt" / below)}), pytest.raises(errors.StoreError) as raised:
        begin()
    assert "cannot begin a run at file:" in str(raised.value)
    assert f"{tmp_path / 'notes.txt'} is a file; set `store` to a folder" in str(raised.value)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_plane_that_is_not_there_is_asked_once_and_nothing_is_left(begin, tmp_path):
    settings = {"store": str(tmp_path / "scratch"), "control": f"redis://127.0.0.1:{free_port()}/0"}
    began = time.monotonic()
    with nw.config.set(settings), pytest.raises(errors.ControlPlaneLostError) as raised:
        begin()
    assert time.monotonic() - began < 19  # FIRST_PATIENCE_S is 10, and twice would be 20
    assert str(raised.value).startswith("cannot begin a run at file:")
    assert "correct `control`" in str(raised.value)
    assert "resume" not in str(raised.value)
    assert not [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]


def test_what_goes_wrong_while_cleaning_up_does_not_hide_the_error(begin, tmp_path, monkeypatch):
    class Stubborn(MemoryPlane):
        def delete(self):
            raise errors.StoreError("could not delete: this is not the error to tell")

    def interrupted(dataflow):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["numpywren.job.start"], "roots", interrupted)
    monkeypatch.setattr(sys.modules["numpywren.job.run"], "open_plane", lambda url: Stubborn())
    with nw.config.set({"store": str(tmp_path / "scratch")}), pytest.raises(KeyboardInterrupt):
        begin()
    assert not [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]


def test_a_plane_in_memory_is_refused_for_workers_elsewhere(begin, tmp_path):
    settings = {"store": str(tmp_path / "scratch"), "backend": "processes", "control": "memory:"}
    with nw.config.set(settings), pytest.raises(ValueError, match=r"cannot see the control plane memory:.*'local'"):
        begin()
    assert not (tmp_path / "scratch").exists()


def test_workers_without_credentials_are_one_sentence(begin, monkeypatch):
    with moto() as server:
        server.make_bucket("lab")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOME", "/nonexistent")  # no profile
        settings = {
            "store": "s3://lab/keyless",
            "backend": "command",
            "command.template": "env -u AWS_ACCESS_KEY_ID {worker}",
            "workers.max": 1,
        }
        with nw.config.set(settings):
            run = begin()
            try:
                with pytest.raises(errors.RunFailedError) as raised:
                    run.wait(progress=False, timeout=200)
            finally:
                run.delete()
    said = str(raised.value)
    assert "no credentials were found for s3://lab" in said
    assert "set AWS_ACCESS_KEY_ID" in said
    assert "\n" not in said
    assert "Traceback" not in said
    assert "numpywren.worker" not in said  # the name of a logger
    assert "ERROR" not in said


@pytest.mark.parametrize("settings", [{"control": None}, {"control": "memory:"}])
def test_a_lost_plane_says_how_to_resume_once(begin, tmp_path, settings):
    with nw.config.set({"store": str(tmp_path / "scratch"), **settings}):
        run = begin()
        run.wait(progress=False)
        run.forget()
        for ask in (run.status, run.wait, nw.attach(run.url).status):
            with pytest.raises(errors.ControlPlaneLostError) as raised:
                ask()
            assert str(raised.value).count("resume") == 1
            assert f"`numpywren resume {run.url}` rebuilds it" in str(raised.value)
        run.delete()


@pytest.mark.parametrize(
    "message",
    [
        str(lost("redis://h/0?run=r", "it was never restored")),
        "the control plane redis://h/0?run=r refused: OOM; see to the server, then resume the run",
        "use that version, or `numpywren resume` the run",
        "could not write file:///a: the disk is full",
        "could not go on; `numpywren resume file:///a/runs/b` carries on",
    ],
)
def test_a_failure_says_how_to_resume_once(message):
    said = str(exception_of(Failure("failed", "StoreError", message), "file:///a/runs/b"))
    assert said.count("resume") == 1
    assert "`numpywren resume file:///a/runs/b`" in said


@pytest.mark.parametrize("url", ["s3://", "gs://", "az:///runs"])
def test_a_url_without_a_bucket_says_so(begin, url):
    with nw.config.set({"store": url}), pytest.raises(ValueError, match=f"names no bucket.*{url[:5]}bucket/prefix"):
        begin()


def test_a_folder_that_cannot_be_made_is_said_to_be_none(begin):
    place = "/proc/no-folder-is-made-here"
    with nw.config.set({"store": place}), pytest.raises(errors.StoreError, match="no folder can be made") as raised:
        begin()
    assert not isinstance(raised.value, errors.TileMissingError)
    with pytest.raises(errors.StoreError, match="no folder can be made") as raised:
        nw.eye(3).save(f"{place}/A.zarr")
    assert not isinstance(raised.value, errors.TileMissingError)


@pytest.mark.parametrize("slashes", ["", "//"])
def test_a_control_plane_that_looks_like_a_file_makes_no_folder(begin, tmp_path, slashes):
    place = tmp_path / "a.db"
    settings = {"control": f"sqlite:{slashes}{place}"}
    with (
        nw.config.set(settings),
        pytest.raises(ValueError, match=f"looks like a file.*write sqlite:{slashes}{tmp_path}$"),
    ):
        begin()
    assert not place.exists()
    place.mkdir()
    with nw.config.set(settings):
        begin().wait(progress=False)


@pytest.mark.parametrize("seconds", [-1, 0, "soon"])
def test_patience_that_is_none_is_refused(begin, seconds):
    with nw.config.set({"workers.patience": seconds}), pytest.raises(ValueError, match=r"workers\.patience must be"):
        begin()


def test_a_run_in_memory_is_resumed_where_it_is(begin):
    with nw.config.set({"store": "memory:resumed-here"}):
        run = begin()
        run.cancel()
        with pytest.raises(errors.RunCancelledError) as raised:
            run.wait(progress=False)
    assert f"numpywren.attach({run.url!r}).resume()" in str(raised.value)
    assert "numpywren resume" not in str(raised.value)
