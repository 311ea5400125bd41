"""What must never happen to a user: zeros where numbers were, hours of tiles deleted, a setting misread in silence."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from linalg.matrices import positive_definite

import numpywren as nw
from numpywren import algorithms, errors, events
from numpywren.config import flag_setting, memory_bytes, names_setting, number_setting
from numpywren.lambdapack import Input, Output, Size


@pytest.fixture(autouse=True)
def _scratch(tmp_path):
    with nw.config.set({"store": str(tmp_path / "scratch")}):
        yield


def folder(url):
    return Path(url.removeprefix("file://"))


def files(tmp_path):
    return [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]


def test_an_input_that_is_gone_is_an_error_and_not_zeros(tmp_path):
    A = nw.asarray(np.ones((8, 8)), chunks=4).save(tmp_path / "A.zarr")
    shutil.rmtree(tmp_path / "A.zarr")
    with pytest.raises(errors.TileMissingError, match="any more"):
        A @ A


def test_a_missing_tile_of_an_input_that_is_there_is_zeros(tmp_path):
    A = nw.asarray(np.ones((8, 8)), chunks=4).save(tmp_path / "A.zarr")
    (tmp_path / "A.zarr" / "c" / "0" / "1").unlink()
    a = np.ones((8, 8))
    a[:4, 4:] = 0
    assert np.array_equal(np.asarray(A + A), 2 * a)


def test_a_tile_deleted_from_a_finished_result_is_computed_again():
    a = positive_definite(20, np.float64)
    run = nw.submit(nw.linalg.cholesky, nw.asarray(a, chunks=6))
    run.wait(progress=False)
    wanted = np.asarray(run.result())
    (folder(run.url) / "out" / "L" / "c" / "2" / "1").unlink()
    assert not np.array_equal(np.asarray(run.result()), wanted)
    assert np.array_equal(np.asarray(nw.attach(run.url).resume().result()), wanted)


def test_sizes_that_the_matrices_give_cannot_be_given():
    A = nw.asarray(positive_definite(12, np.float64), chunks=4)
    with pytest.raises(ValueError, match=r"n=1.*3 tiles"):
        nw.run(algorithms.cholesky, A=A, depth=1, n=1)
    with pytest.raises(TypeError):
        nw.run(algorithms.cholesky, A=A, depth=1.9)


@pytest.mark.parametrize("one", [np.float32(1), np.int64(1), np.bool_(True), True, 1, 1.0])
def test_numbers_of_any_make_are_numbers(one):
    assert np.array_equal(np.asarray(nw.linalg.add_diagonal(np.zeros((3, 3)), one)), np.eye(3))


def test_what_is_no_number_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(TypeError, match="number"):
        nw.linalg.add_diagonal(nw.zeros((3, 3)), "x")
    assert not files(tmp_path)


@nw.kernel()
def greedy(a):
    """Wants more memory than there is."""
    raise MemoryError


@nw.program(A="m n", B="m n")
def too_much(A: Input, B: Output, m: Size, n: Size) -> None:
    for i in range(m):
        for j in range(n):
            B[i, j] = greedy(A[i, j])


def test_running_out_of_memory_keeps_the_run(tmp_path):
    with pytest.raises(errors.RunFailedError, match=r"MemoryError.*numpywren resume") as caught:
        nw.run(too_much, A=np.eye(3))
    url = str(caught.value).split("numpywren resume ")[1].split("`")[0]
    assert nw.attach(url).status().state == "failed"


@nw.kernel()
def widening(a):
    """A kernel that gives more precision than it was given."""
    return np.asfortranarray(a, np.float64) / 3


@nw.program(A="n n", B="n n", C="n n")
def chained(A: Input, B: Output, C: Output, n: Size) -> None:
    for i in range(n):
        for j in range(n):
            B[i, j] = widening(A[i, j])
            C[i, j] = B[i, j] - A[i, j]


def test_a_result_does_not_depend_on_where_a_tile_was_read_from(tmp_path):
    A = nw.asarray(np.arange(64, dtype=np.float32).reshape(8, 8), chunks=2)
    cached = nw.run(chained, A=A)
    with nw.config.set({"worker.memory": 400}):
        stored = nw.run(chained, A=A)
    assert cached.C.dtype == np.float32
    assert np.asarray(cached.C).tobytes() == np.asarray(stored.C).tobytes()


@pytest.mark.parametrize("settings", [{"backend": "cloud"}, {"control": "pigeon:x"}, {"worker.slots": 0}])
def test_a_start_that_fails_leaves_nothing(tmp_path, settings):
    A = nw.asarray(np.eye(3)).save(tmp_path / "A.zarr")
    with nw.config.set(settings), pytest.raises(ValueError, match=r"cloud|pigeon|slots"):
        nw.submit(nw.linalg.cholesky, A, out=str(tmp_path / "L.zarr"))
    assert not files(tmp_path)
    assert not (tmp_path / "L.zarr").exists()


@pytest.mark.parametrize("control", [None, "memory:rebuilt"])
def test_what_was_done_before_a_plane_was_rebuilt_counts_as_done(tmp_path, control):
    A = nw.asarray(positive_definite(60, np.float64), chunks=4)
    with nw.config.set({"store": str(tmp_path), "control": control, "linalg.depth": 1}):
        run = nw.submit(nw.linalg.cholesky, A)
        total = run.status().total
        while run.status().done < 20:
            pass
        run.pause()
        assert run.status().state == "running"
        run.forget()
        run.resume()
        now = run.status()
        assert (now.total, now.done >= 20) == (total, True)
        assert now.done + now.ready + now.running + now.waiting == total
        done = run.wait(progress=False)
        assert (done.done, done.total) == (total, total)


def test_resuming_a_run_with_workers_starts_no_second_worker():
    A = nw.asarray(positive_definite(60, np.float64), chunks=4)
    run = nw.submit(nw.linalg.cholesky, A)
    exits = []
    with events.listening(lambda event: exits.append(event) if isinstance(event, events.WorkerExit) else None):
        for _ in range(3):
            run.resume()
        run.wait(progress=False)
    assert run.status().state == "done"
    assert len(exits) == 1


def test_a_listener_that_fails_does_not_stop_the_run(caplog):
    def broken(event):
        raise RuntimeError("listener")

    with events.listening(broken):
        factor = nw.linalg.cholesky(np.eye(4))
    assert np.array_equal(np.asarray(factor), np.eye(4))
    assert "listener" in caplog.text


def test_a_worker_killed_with_default_settings_does_not_fail_the_run(tmp_path):
    A = nw.asarray(positive_definite(300, np.float64), chunks=10).save(tmp_path / "A.zarr")
    with nw.config.set({"backend": "processes", "workers.max": 1, "worker.idle": 0.2, "worker.lease": 4.0}):
        run = nw.submit(nw.linalg.cholesky, A)
        while run.status().done < 5:
            time.sleep(0.01)
        (worker,) = run._backend.pids()
        subprocess.run(["kill", "-9", str(worker)], check=True)
        run.wait(progress=False)
    assert np.allclose(np.asarray(run.result()), np.linalg.cholesky(np.asarray(A)))


def test_a_run_can_be_cancelled_by_whoever_does_not_have_its_functions(tmp_path):
    A = nw.from_function(lambda i, j: time.sleep(0.05) or 1.0 * (i == j), (64, 64), chunks=4)
    run = nw.submit(nw.linalg.cholesky, A)
    code = f"import numpywren as nw; run = nw.attach({run.url!r}); print(run.status().state); run.cancel()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "running"
    with pytest.raises(errors.RunCancelledError):
        run.wait(progress=False)


def test_settings_as_variables_have_them(monkeypatch):
    with nw.config.set({"progress": "false", "kernels.modules": "mine, yours", "worker.slots": "2"}):
        assert flag_setting("progress") is False
        assert names_setting("kernels.modules") == ("mine", "yours")
        assert number_setting("worker.slots", least=1) == 2
    for key, value, reader in [
        ("progress", "perhaps", flag_setting),
        ("kernels.modules", 7, names_setting),
        ("worker.lease", "abc", number_setting),
        ("worker.lease", -1, number_setting),
        ("worker.lease", float("inf"), number_setting),
    ]:
        with nw.config.set({key: value}), pytest.raises(ValueError, match=key.replace(".", r"\.")):
            reader(key)


@pytest.mark.parametrize(
    ("text", "count"), [("2GiB", 2 << 30), ("500 MB", 500_000_000), (1000, 1000), ("1.5 KiB", 1536)]
)
def test_sizes_in_bytes(text, count):
    assert memory_bytes(text) == count


@pytest.mark.parametrize("text", ["much", "inf", "nan", "-1GiB", 0, "3 parsecs", "", None])
def test_no_sizes_in_bytes(text):
    with pytest.raises(ValueError, match="size in bytes"):
        memory_bytes(text)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"format": 99, "version": "9"}',
        "[" * 100_000,
        '{"format": 1, "sizes": {"n": 1e999}}',
        "not json",
        '{"format": 1, "control": 5, "result": null}',
    ],
)
def test_a_hostile_record_is_a_clear_error(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(errors.RunNotFoundError):
        nw.attach(str(tmp_path))


def test_an_output_is_not_written_over_another_array(tmp_path):
    run = nw.submit(nw.linalg.cholesky, np.eye(4), out=str(tmp_path / "L.zarr"))
    run.wait(progress=False)
    shutil.rmtree(tmp_path / "L.zarr")
    nw.asarray(np.ones((9, 9)), chunks=3).save(tmp_path / "L.zarr")
    with pytest.raises((errors.TileDamagedError, errors.RunFailedError), match="no longer the array"):
        nw.attach(run.url).resume().wait(progress=False)
    assert np.array_equal(np.asarray(nw.open(tmp_path / "L.zarr")), np.ones((9, 9)))


def test_the_output_of_a_run_that_failed_is_not_taken_for_a_result(tmp_path):
    place = tmp_path / "L.zarr"
    a = np.diag(np.r_[np.ones(15), -1.0, np.ones(4)])
    with pytest.raises(np.linalg.LinAlgError):
        nw.submit(nw.linalg.cholesky, nw.asarray(a, chunks=5), out=place).wait()
    with pytest.raises(errors.UnfinishedArrayError, match="resume"):
        nw.open(place)
    nw.asarray(np.eye(3)).save(place, overwrite=True)
    assert np.array_equal(np.asarray(nw.open(place)), np.eye(3))


def test_an_output_is_whole_when_its_run_was_waited_for(tmp_path):
    place = tmp_path / "L.zarr"
    run = nw.submit(nw.linalg.cholesky, nw.asarray(np.eye(20), chunks=5), out=place)
    run.wait()
    file = place / "zarr.json"
    # as if the worker that did the last task had died right after it
    file.write_text(file.read_text().replace('"whole": true', '"whole": false'))
    with pytest.raises(errors.UnfinishedArrayError):
        nw.open(place)
    nw.job.attach(run.url).wait()
    assert np.array_equal(np.asarray(nw.open(place)), np.eye(20))


def test_workers_alone_finish_an_output(tmp_path):
    place = tmp_path / "L.zarr"
    run = nw.submit(nw.linalg.cholesky, nw.asarray(np.eye(20), chunks=5), out=place)
    until = time.monotonic() + 60
    while '"whole": true' not in (place / "zarr.json").read_text() and time.monotonic() < until:
        time.sleep(0.01)
    assert np.array_equal(np.asarray(nw.open(place)), np.eye(20))
    run.delete()


def test_dust_is_refused_and_not_begun():
    with pytest.raises(ValueError, match=r"100,000,000 tiles of 10 x 10.*larger tiles"):
        nw.linalg.norm(nw.zeros((100_000, 100_000), chunks=10))


@pytest.mark.parametrize("backend", ["local", "processes"])
@pytest.mark.parametrize("seconds", [0, 0.001])
def test_a_life_in_which_nothing_can_be_done_is_refused(backend, seconds):
    with (
        nw.config.set({"worker.deadline": seconds, "backend": backend}),
        pytest.raises(ValueError, match=f"worker.deadline must be a number of at least 1, not {seconds}"),
    ):
        nw.linalg.cholesky(np.eye(4))


def test_workers_that_begin_and_leave_again_and_again_end_the_wait(monkeypatch):
    monkeypatch.setattr("numpywren.job.workers.SHORTEST_LIFE_S", 0.0)
    with (
        nw.config.set({"worker.deadline": 1e-6}),
        pytest.raises(errors.RunFailedError, match=r"begin and leave.*worker\.deadline.*numpywren resume"),
    ):
        nw.linalg.cholesky(np.eye(4))


def test_more_slots_than_any_machine_has_cores_are_refused():
    with (
        nw.config.set({"worker.slots": 1_000_000}),
        pytest.raises(ValueError, match=r"worker\.slots is 1000000, and may be 1024 at most"),
    ):
        nw.linalg.cholesky(np.eye(4))


@pytest.mark.parametrize("allowed", [0, 3])
def test_a_machine_that_gives_no_more_threads_is_told_of_and_nothing_stays_behind(monkeypatch, allowed):
    start, given = threading.Thread.start, []

    def grudging(thread):
        if thread.name.startswith("numpywren-slot"):
            if sum(other.is_alive() for other in given) == allowed:
                raise RuntimeError("can't start new thread")
            given.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", grudging)
    with (
        nw.config.set({"worker.slots": 8}),
        pytest.raises(errors.RunFailedError, match=f"no more than {allowed} threads.*worker.slots is 8: lower it"),
    ):
        nw.linalg.cholesky(np.eye(4))
    monkeypatch.undo()
    assert not any(thread.is_alive() for thread in given)
    assert np.array_equal(np.asarray(nw.linalg.cholesky(np.eye(4))), np.eye(4))


def test_a_worker_that_could_not_begin_is_not_waited_for(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        nw.linalg.cholesky(np.eye(4))
    monkeypatch.undo()
    assert np.array_equal(np.asarray(nw.linalg.cholesky(np.eye(4))), np.eye(4))
