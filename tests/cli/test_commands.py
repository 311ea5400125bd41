"""The commands, as a user gives them: what they print, what they leave behind, and how they end."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numpywren as nw
from numpywren.cli import main


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    """Run each test in its own folder with its own scratch store."""
    monkeypatch.chdir(tmp_path)
    with nw.config.set({"store": str(tmp_path / "store")}):
        yield


@pytest.fixture
def matrix(tmp_path):
    """A positive definite matrix, stored as A.zarr in the current folder."""
    M = np.random.default_rng(0).standard_normal((90, 90))
    whole = M @ M.T + 90 * np.eye(90)
    nw.asarray(whole, chunks=32).save("A.zarr")
    return whole


def command(*words, **variables):
    environment = {**os.environ, "NUMPYWREN_STORE": str(Path.cwd() / "store"), **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "numpywren", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # a shell that runs the tests in the background has its children ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"numpywren {nw.__version__}\n"


def test_module_is_the_command():
    out, err = command("--version").communicate()
    assert (out, err) == (f"numpywren {nw.__version__}\n", "")


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in (
        "demo",
        "run",
        "worker",
        "scale",
        "status",
        "resume",
        "cancel",
        "gc",
        "plan",
        "report",
        "metrics",
        "calibrate",
    ):
        assert re.search(rf"\b{name}\b", out)


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["status"], ["run", "frobnicate", "A.zarr"], ["demo", "--points", "x"]]
)
def test_senseless_commands_exit_with_2(words, capsys):
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_run_stores_its_result(matrix, capsys):
    assert main(["run", "cholesky", "A.zarr", "--out", "L.zarr"]) == 0
    np.testing.assert_allclose(np.asarray(nw.open("L.zarr")), np.linalg.cholesky(matrix), atol=1e-9)
    captured = capsys.readouterr()
    assert "L.zarr" in captured.out
    assert captured.err.startswith("run ")


def test_run_stores_several_results(matrix, capsys):
    assert main(["run", "qr", "A.zarr", "--out", "Q=Q.zarr", "--out=R=R.zarr"]) == 0
    assert "scratch" not in capsys.readouterr().err
    Q, R = (np.asarray(nw.open(f"{name}.zarr")) for name in "QR")
    np.testing.assert_allclose(Q @ R, matrix, atol=1e-9)
    np.testing.assert_array_equal(R, np.triu(R))
    assert main(["run", "qr", "--help"]) == 0
    assert "--out RESULT=URL ..." in capsys.readouterr().out


def test_run_says_where_a_result_is_that_nothing_keeps(matrix, capsys):
    assert main(["run", "cholesky", "A.zarr"]) == 0
    url, hint = capsys.readouterr().err.removeprefix("run ").splitlines()
    assert f"at {url}/out/" in hint
    assert "numpywren gc deletes it after a day" in hint
    exec(f"import numpywren; {hint.partition('in Python ')[2]}")
    np.testing.assert_allclose(np.asarray(nw.open("NAME.zarr")), np.linalg.cholesky(matrix), atol=1e-9)
    assert main(["run", "qr", "A.zarr", "--out", "Q=Q.zarr"]) == 0
    _, hint = capsys.readouterr().err.splitlines()
    assert hint.startswith("R is kept only in scratch, at ")
    assert main(["run", "matrix_norm", "A.zarr"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_run_overwrites_nothing_and_says_what_to_do(matrix, capsys):
    assert main(["run", "cholesky", "A.zarr", "--out", "L.zarr"]) == 0
    assert main(["run", "matmul", "A.zarr", "A.zarr", "--out", "L.zarr"]) == 1
    err = capsys.readouterr().err
    assert "delete it, or choose another place" in err
    assert "overwrite=True" not in err
    np.testing.assert_allclose(np.asarray(nw.open("L.zarr")), np.linalg.cholesky(matrix), atol=1e-9)


def test_each_result_has_a_place_to_itself(matrix, capsys):
    for place in ("A.zarr/L", "A.zarr", "."):
        assert main(["run", "cholesky", "A.zarr", "--out", place]) == 1
        assert re.search(r"the result \S+ cannot go to .*where the input A is", capsys.readouterr().err)
    for other in ("Qs.zarr", "./Qs.zarr", "Qs.zarr/R"):
        assert main(["run", "qr", "A.zarr", "--out", "Q=Qs.zarr", "--out", f"R={other}"]) == 1
        err = capsys.readouterr().err
        assert "the result R cannot go to" in err
        assert "where the result Q is" in err
    assert not Path("Qs.zarr").exists()
    assert not Path("A.zarr/L").exists()


def test_run_makes_no_numpy_files(matrix, capsys):
    assert main(["run", "cholesky", "A.zarr", "--out", "L2.npy"]) == 1
    assert "L2.npy names a NumPy file; arrays are stored as Zarr folders: write L2.zarr" in capsys.readouterr().err
    assert not Path("L2.npy").exists()
    assert [path for path in Path("store").rglob("*") if path.is_file()] == []


def test_run_takes_the_options_of_the_function(matrix):
    assert main(["run", "cholesky", "A.zarr", "--upper", "--no-check-finite", "--out", "U.zarr"]) == 0
    np.testing.assert_allclose(np.asarray(nw.open("U.zarr")), np.linalg.cholesky(matrix).T, atol=1e-9)


def test_run_cuts_its_arguments_anew(matrix):
    assert main(["run", "matmul", "A.zarr", "A.zarr", "--chunks", "50", "--out", "C.zarr"]) == 0
    C = nw.open("C.zarr")
    assert C.chunks == (50, 50)
    np.testing.assert_allclose(np.asarray(C), matrix @ matrix, atol=1e-9)


def test_run_prints_numbers_and_takes_npy_files(matrix, capsys):
    np.save("b.npy", np.arange(90.0))
    assert main(["run", "matrix_norm", "A.zarr", "--ord", "1"]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(np.linalg.norm(matrix, 1))
    assert main(["run", "solve", "A.zarr", "b.npy", "--assume-a", "pos", "--out", "x.zarr"]) == 0
    np.testing.assert_allclose(matrix @ np.asarray(nw.open("x.zarr")), np.arange(90.0), atol=1e-9)


def test_run_help_is_that_of_the_function(capsys):
    assert main(["run", "cholesky", "--help"]) == 0
    out = capsys.readouterr().out
    assert "numpywren run cholesky X [--upper] [--no-check-finite]" in out
    assert "positive definite" in out
    assert main(["run", "--help"]) == 0
    assert "solve_triangular" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["run", "cholesky", "nowhere.zarr"], 1, "nowhere.zarr"),
        (["run", "cholesky", "indefinite.npy"], 1, "17"),
        (["run", "cholesky", "wide.npy"], 1, "square"),
        (["run", "cholesky", "text.npy"], 1, "no file of NumPy's, as it begins with b'1 2"),
        (["run", "cholesky", "empty.npy"], 1, "no file of NumPy's"),
        (["run", "cholesky", "objects.npy"], 1, "holds Python objects"),
        (["run", "cholesky", "A.zarr", "--lower"], 2, "no option --lower"),
        (["run", "cholesky"], 2, "takes 1 argument, not 0"),
        (["status", "nowhere"], 1, "nowhere"),
        (["resume", "ftp://example.org/run"], 1, "ftp"),
        (["worker", "nowhere"], 1, "nowhere"),
        (["run", "qr", "A.zarr", "--out", "Q.zarr"], 1, "--out Q=Q.zarr --out R=R.zarr"),
        (["run", "qr", "A.zarr", "--out", "Q.zarr", "--out", "R.zarr"], 2, "which result"),
        (["run", "qr", "A.zarr", "--out", "Q=1.zarr", "--out", "Q=2.zarr"], 2, "two places"),
        (["run", "qr", "A.zarr", "--out", "S=S.zarr"], 1, "stores no result S; it stores Q, R"),
        (["run", "matrix_norm", "A.zarr", "--out", "n.zarr"], 1, "no array"),
        (["gc", "ftp://example.org"], 1, "ftp"),
        (["gc", "--older-than", "-3"], 2, "hours are at least 0"),
        (["gc", "--older-than", "nan"], 2, "hours are at least 0"),
        (["gc", "/nonexistent"], 1, "no folder /nonexistent"),
        (["demo", "--points", "3"], 1, "at least 20"),
        (["demo", "--out", "map.pdf"], 1, ".png"),
        (["demo", "--out", "missing/map.png"], 1, "missing"),
        (["demo", "--points", "100", "--memory", "much"], 1, "much"),
    ],
)
@pytest.mark.usefixtures("matrix")
def test_errors_are_one_message_without_a_traceback(words, status, message, capsys):
    indefinite = np.eye(40)
    indefinite[16, 16] = -1
    np.save("indefinite.npy", indefinite)
    np.save("wide.npy", np.ones((3, 5)))
    np.save("objects.npy", np.array([None, "a"]))
    Path("text.npy").write_text("1 2\n3 4\n")
    Path("empty.npy").touch()
    assert main(words) == status
    err = capsys.readouterr().err
    assert message in err
    assert "allow_pickle" not in err
    assert err.startswith("error:") or "\nerror:" in err
    assert "Traceback" not in err
    assert "WARNING" not in err
    assert "ERROR" not in err


def test_traceback_on_demand():
    with pytest.raises(FileNotFoundError):
        main(["status", "nowhere", "--traceback"])


def interrupted_run():
    """Begin a run that takes seconds, press Ctrl-C once it is under way, and return its URL."""
    n = 1800
    index = np.arange(n)
    nw.asarray(np.minimum.outer(index, index) + 1.0, chunks=45).save("big.zarr")
    process = command("run", "cholesky", "big.zarr", "--out", "L.zarr")
    url = process.stderr.readline().removeprefix("run ").strip()
    attached = nw.attach(url)
    while attached.status().done < 20:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"numpywren resume {url}" in err
    assert "Traceback" not in err
    assert attached.status().state == "running"
    return url


def check_factor():
    assert np.array_equal(np.asarray(nw.open("L.zarr")), np.tril(np.ones((1800, 1800))))


def test_ctrl_c_then_resume(capsys):
    url = interrupted_run()
    assert main(["status", url, "--once"]) == 0
    assert f"nobody is at work; numpywren resume {url}\n" in capsys.readouterr().out
    assert main(["resume", url]) == 0
    check_factor()
    capsys.readouterr()
    assert main(["status", url]) == 0
    out = capsys.readouterr().out
    assert "done" in out
    assert "nobody" not in out


def test_a_finished_run_is_neither_cancelled_nor_forgotten(matrix, capsys):
    run = nw.submit(nw.linalg.cholesky, matrix)
    done = run.wait()
    assert main(["cancel", run.url]) == 0
    assert capsys.readouterr().out == "the run is done; there is nothing to cancel\n"
    assert main(["resume", run.url]) == 0
    assert nw.attach(run.url).status() == done
    assert done.done == done.total > 0


def test_resume_computes_results_of_a_finished_run_that_were_lost(matrix):
    run = nw.submit(nw.linalg.cholesky, matrix, out="L.zarr")
    run.wait()
    (tile, *_) = (path for path in Path("L.zarr/c").rglob("*") if path.is_file())
    tile.unlink()
    assert main(["resume", run.url]) == 0
    np.testing.assert_allclose(np.asarray(nw.open("L.zarr")), np.linalg.cholesky(matrix), atol=1e-9)


def test_ctrl_c_then_cancel_then_resume(capsys):
    url = interrupted_run()
    assert main(["cancel", url]) == 0
    assert f"numpywren resume {url}" in capsys.readouterr().out
    assert main(["status", url, "--json"]) == 0
    now = json.loads(capsys.readouterr().out)
    assert (now["state"], now["failure"]["kind"]) == ("cancelled", "cancelled")
    assert 0 < now["done"] < now["total"]
    assert main(["resume", url]) == 0
    check_factor()


def test_a_worker_finishes_what_was_interrupted():
    url = interrupted_run()
    workers = [command("worker", url, "--slots", "1", "--memory", "100MiB") for _ in range(2)]
    for worker in workers:
        out, err = worker.communicate(timeout=120)
        assert (out, err, worker.returncode) == ("", "", 0)
    assert nw.attach(url).status().state == "done"
    check_factor()


def test_a_failed_run_makes_status_fail(capsys):
    indefinite = np.eye(40)
    indefinite[16, 16] = -1
    run = nw.submit(nw.linalg.cholesky, indefinite)
    with pytest.raises(np.linalg.LinAlgError):
        run.wait()
    assert main(["status", run.url]) == 1
    out = capsys.readouterr().out
    assert "failed" in out
    assert "17" in out


def test_gc_deletes_what_is_old_enough(matrix, capsys):
    run = nw.submit(nw.linalg.cholesky, matrix)
    run.wait()
    assert main(["gc"]) == 0
    assert capsys.readouterr().out == "0 removed, 0.0 MB\n"
    assert main(["gc", "--older-than", "0", "--dry-run"]) == 0
    assert run.url in capsys.readouterr().out
    assert nw.attach(run.url).status().state == "done"
    assert main(["gc", "--older-than", "0"]) == 0
    assert run.url in capsys.readouterr().out
    assert main(["status", run.url]) == 1
