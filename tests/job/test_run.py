import gc as garbage
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from linalg.matrices import positive_definite, random

import numpywren as nw
from numpywren import algorithms, errors, events, job
from numpywren.control import Failure
from numpywren.lambdapack import Input, Output, Size
from numpywren.matrix import open_store


@pytest.fixture(autouse=True)
def _scratch(tmp_path):
    with nw.config.set({"store": str(tmp_path / "scratch")}):
        yield


def leavings(tmp_path):
    return [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]


def test_submit_attach_result(tmp_path):
    a = positive_definite(20, np.float64)
    run = nw.submit(nw.linalg.cholesky, nw.asarray(a, chunks=6))
    assert repr(run.url) in repr(run)
    again = nw.attach(run.url)
    run.wait(progress=False)
    assert again.status().state == "done"
    assert np.allclose(np.asarray(again.result()), np.linalg.cholesky(a))
    run.delete()
    assert not leavings(tmp_path / "runs")
    with pytest.raises(errors.RunNotFoundError, match="no run"):
        nw.attach(run.url)


def test_out_says_where_results_go(tmp_path):
    a = positive_definite(9, np.float64)
    place = str(tmp_path / "L.zarr")
    run = nw.submit(nw.linalg.cholesky, a, out=place)
    run.wait(progress=False)
    run.delete()
    assert np.allclose(np.asarray(nw.open(place)), np.linalg.cholesky(a))
    with pytest.raises(FileExistsError):
        nw.submit(nw.linalg.cholesky, a, out=place)


@pytest.mark.parametrize("shape", [(9, 5), (5, 9)])
def test_out_goes_by_the_names_of_the_results(tmp_path, shape):
    source = np.random.default_rng(0)
    a = source.standard_normal(shape) + 1j * source.standard_normal(shape)
    places = {name: str(tmp_path / f"{name}.zarr") for name in ("U", "S", "Vh")}
    run = nw.submit(nw.linalg.svd, a, full_matrices=False, out=places)
    run.wait(progress=False)
    run.delete()
    U, S, Vh = (np.asarray(nw.open(place)) for place in places.values())
    assert np.allclose(U * S @ Vh, a)
    with pytest.raises(ValueError, match="stores no result V; it stores U, S, Vh"):
        nw.submit(nw.linalg.svd, a, out={"V": places["U"]})
    with pytest.raises(ValueError, match="stores no result piv; it stores lu"):
        nw.submit(nw.linalg.lu_factor, a, out={"piv": places["U"]})


def test_submit_wants_a_function_of_linalg():
    with pytest.raises(TypeError, match=r"numpywren\.linalg"):
        nw.submit(np.linalg.cholesky, np.eye(2))


def test_results_live_as_long_as_they_are_used(tmp_path):
    factor = nw.linalg.cholesky(positive_definite(9, np.float64))
    view = factor.T
    del factor
    garbage.collect()
    assert np.asarray(view).shape == (9, 9)
    del view
    garbage.collect()
    assert not leavings(tmp_path)


def test_a_scalar_leaves_nothing(tmp_path):
    assert nw.linalg.trace(np.eye(5)) == 5
    garbage.collect()
    assert not leavings(tmp_path)


def test_mathematical_failure_leaves_nothing(tmp_path):
    with pytest.raises(np.linalg.LinAlgError):
        nw.linalg.cholesky(-np.eye(5))
    garbage.collect()
    assert not leavings(tmp_path)


def test_intermediates_are_freed_when_their_last_reader_is_done(tmp_path):
    a = positive_definite(64, np.float64)
    freed, most = 0, 0

    def listen(event):
        nonlocal freed, most
        if isinstance(event, events.TilesFreed):
            freed += event.count
        if isinstance(event, events.TileWritten):
            most = max(most, sum("/tiles/" in str(path) for path in leavings(tmp_path)))

    with events.listening(listen):
        factor = nw.run(algorithms.cholesky, A=nw.asarray(a, chunks=8), depth=1)
    n = 8
    intermediates = sum((n - p) * (n - p + 1) // 2 for p in range(1, n))
    assert freed == intermediates
    assert 0 < most < intermediates / 2
    assert not [path for path in leavings(tmp_path) if "/tiles/" in str(path)]
    assert np.allclose(np.asarray(factor), np.linalg.cholesky(a))


def test_a_tile_larger_than_the_memory_bound_is_refused_before_anything_runs(tmp_path):
    a = nw.zeros((4000, 4000), chunks=2000)
    with nw.config.set({"worker.memory": "50MiB"}), pytest.raises(MemoryError, match=r"MiB.*50\.0 MiB") as caught:
        nw.linalg.cholesky(a)
    assert isinstance(caught.value, errors.MemoryBoundError)
    assert not leavings(tmp_path)


def test_memory_store_and_plane_leave_no_file(tmp_path):
    a = positive_definite(20, np.float64)
    with nw.config.set({"store": "memory:test-run", "control": "memory:"}):
        factor = nw.linalg.cholesky(nw.asarray(a, chunks=6))
        assert factor.url.startswith("memory:")
        assert np.allclose(np.asarray(factor), np.linalg.cholesky(a))
        del factor
        garbage.collect()
        assert not list(open_store("memory:test-run").list())
    assert not leavings(tmp_path)


def test_a_memory_store_and_other_processes_do_not_go_together():
    with nw.config.set({"store": "memory:x", "backend": "processes"}), pytest.raises(ValueError, match="memory:x"):
        nw.linalg.cholesky(np.eye(3))


def test_control_planes_in_a_folder_of_their_own(tmp_path):
    with nw.config.set({"control": f"sqlite:{tmp_path}/planes"}):
        (tmp_path / "planes").mkdir()
        run = nw.submit(nw.linalg.cholesky, np.eye(4))
        run.wait(progress=False)
        assert list((tmp_path / "planes").glob("*.sqlite"))
        assert nw.attach(run.url).status().state == "done"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "cloud"}, "cloud"),
        ({"store": "ftp://x/y"}, "ftp"),
        ({"control": "carrier-pigeon:x"}, "carrier-pigeon"),
        ({"workers.max": 0}, "workers.max"),
        ({"worker.slots": 0}, "worker.slots"),
        ({"worker.memory": "much"}, "much"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with nw.config.set(settings), pytest.raises(ValueError, match=message):
        nw.linalg.cholesky(np.eye(3))


def test_processes_give_the_same_bits_as_threads():
    a = nw.asarray(positive_definite(60, np.complex128), chunks=16)
    here = np.asarray(nw.linalg.cholesky(a))
    with nw.config.set({"backend": "processes", "workers.max": 2}):
        there = np.asarray(nw.linalg.cholesky(a))
    assert here.tobytes() == there.tobytes()


def test_functions_of_modules_travel_by_name_to_other_processes(tmp_path, monkeypatch):
    (tmp_path / "users_module.py").write_text(
        "import numpy as np\n"
        "def entries(i, j, x, scale):\n"
        "    return scale * np.exp(-abs(x[i] - x[j])) + 1.0 * (i == j)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from users_module import entries

    x = np.linspace(0, 3, 30)
    A = nw.from_function(entries, (30, 30), chunks=8, args=(x, 0.5))
    with nw.config.set({"backend": "processes", "workers.max": 1}):
        run = nw.submit(nw.linalg.cholesky, A)
        run.wait(progress=False)
    assert np.allclose(np.asarray(run.result()), np.linalg.cholesky(np.asarray(A)))
    again = nw.attach(run.url)
    assert again.status().state == "done"
    elsewhere = nw.attach(_in_a_process_that_never_heard_of_it(run.url))
    assert elsewhere.status().state == "done"
    with pytest.raises(errors.KernelNotAllowedError, match=r"kernels\.modules"):
        elsewhere.resume()


def _in_a_process_that_never_heard_of_it(url):
    import numpywren.matrix.functions as functions

    functions._local.clear()
    return url


def test_lambdas_stay_in_their_process():
    A = nw.from_function(lambda i, j: 1.0 * (i == j), (8, 8), chunks=4)
    assert np.array_equal(np.asarray(nw.linalg.cholesky(A)), np.eye(8))
    with nw.config.set({"backend": "processes"}), pytest.raises(Exception, match="module"):
        nw.linalg.cholesky(A)


@nw.program(A="m n", S="m n", D="m n")
def sum_and_difference(A: Input, S: Output, D: Output, m: Size, n: Size) -> None:
    for i in range(m):
        for j in range(n):
            S[i, j] = A[i, j] + A[i, j]
            D[i, j] = A[i, j] - A[i, j]


def test_several_outputs_are_a_named_tuple():
    a = random((5, 7), np.float32)
    both = nw.run(sum_and_difference, A=nw.asarray(a, chunks=3))
    assert both._fields == ("S", "D")
    assert np.array_equal(np.asarray(both.S), 2 * a)
    assert not np.asarray(both.D).any()


def test_run_checks_its_arguments():
    with pytest.raises(TypeError, match="inputs A"):
        nw.run(algorithms.cholesky, depth=1)
    with pytest.raises(TypeError, match="speed"):
        nw.run(algorithms.cholesky, A=np.eye(2), depth=1, speed=3)
    with pytest.raises(ValueError, match="square"):
        nw.run(algorithms.cholesky, A=np.ones((2, 3)), depth=1)
    with pytest.raises(ValueError, match="depth"):
        nw.run(algorithms.cholesky, A=np.eye(2))


def test_gc_takes_what_is_old_and_leaves_the_rest(tmp_path):
    old = nw.submit(nw.linalg.cholesky, np.eye(4))
    new = nw.submit(nw.linalg.cholesky, np.eye(4))
    for run in (old, new):
        run.wait(progress=False)
    for path in Path(old.url.removeprefix("file://")).rglob("*"):
        os.utime(path, (time.time() - 1000,) * 2)
    store = str(tmp_path / "scratch")
    would = job.gc(store, 500, dry_run=True)
    assert [one.url for one in would] == [old.url]
    assert nw.attach(old.url).status().state == "done"
    assert [one.url for one in job.gc(store, 500)] == [old.url]
    with pytest.raises(errors.RunNotFoundError):
        nw.attach(old.url)
    assert nw.attach(new.url).status().state == "done"


def computed_by_another(array):
    """A run of which somebody holds a task for an hour."""
    with nw.config.set({"backend": "command", "command.template": "true {worker}"}):
        run = nw.submit(nw.linalg.cholesky, array)
    run.pause()
    assert run._control().claim("somebody", 1, lease_s=3600.0)
    return run


def made_old(store):
    for path in Path(store).rglob("*"):
        os.utime(path, (time.time() - 1e6,) * 2)


def test_gc_leaves_a_run_that_is_computed_and_what_it_reads(tmp_path):
    store = str(tmp_path / "scratch")
    A = nw.asarray(4 * np.eye(400), chunks=20)
    run = computed_by_another(A)
    made_old(store)
    assert job.gc(store, 0.0, dry_run=True) == ()
    assert job.gc(store, 500.0) == ()
    run._control().stop(Failure("cancelled", "RunCancelledError", "enough"))
    assert job.gc(store, 0.0) == ()  # the lease lasts: whoever has it still computes
    run._control().release("somebody", [held.task for held in run.status().longest])
    assert {one.url for one in job.gc(store, 0.0, dry_run=True)} == {run.url}  # this process still has A
    urls = {run.url, A.url}
    del run, A
    garbage.collect()
    assert {one.url for one in job.gc(store, 0.0)} == urls


def test_gc_leaves_a_run_that_begins(tmp_path):
    store = str(tmp_path / "scratch")
    run = computed_by_another(nw.asarray(4 * np.eye(400), chunks=20))
    run._control().release("somebody", [held.task for held in run.status().longest])
    assert run.url not in {one.url for one in job.gc(store, 0.0)}
    made_old(store)
    assert run.url in {one.url for one in job.gc(store, 0.0)}


def test_gc_refuses_negative_ages(tmp_path):
    with pytest.raises(ValueError, match="at least 0"):
        job.gc(str(tmp_path), -1.0)


def test_a_client_is_told_that_its_run_was_deleted(tmp_path):
    run = computed_by_another(nw.asarray(4 * np.eye(400), chunks=20))
    nw.attach(run.url).delete()
    for act in (run.status, run.wait, run.resume):
        with pytest.raises(errors.RunNotFoundError, match="the run was deleted"):
            act()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which only root may")
def test_a_full_disk_is_a_clear_error_and_the_run_carries_on_when_there_is_room(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    try:
        a = nw.asarray(positive_definite(400, np.float64), chunks=50)
        with nw.config.set({"store": str(place)}):
            run = nw.submit(nw.linalg.cholesky, a)
            # whichever comes first: a tile that cannot be written, or news of one that can
            with pytest.raises((errors.StoreError, errors.RunFailedError), match=r"full.*numpywren resume") as caught:
                run.wait(progress=False)
        assert run.url in str(caught.value)
        subprocess.run(["mount", "-o", "remount,size=20m", str(place)], check=True)
        run.resume().wait(progress=False)
        assert np.allclose(np.asarray(run.result()), np.linalg.cholesky(np.asarray(a)))
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "dynamodb"])
def test_a_control_url_with_a_password_is_refused_and_not_repeated(scheme, tmp_path):
    secret = f"{scheme}://me:hunter2@127.0.0.1:1/0"
    with nw.config.set({"control": secret, "store": str(tmp_path)}):
        with pytest.raises(ValueError, match=r"redis\.password") as caught:
            nw.submit(nw.linalg.cholesky, np.eye(2))
    assert "hunter2" not in str(caught.value)
