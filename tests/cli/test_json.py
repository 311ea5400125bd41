"""What ``--json`` prints: one object on a line, and nothing else, with keys that scripts rely on."""

import json

import numpy as np
import pytest

import numpywren as nw
from numpywren.cli import main
from numpywren.cli.show import described, to_json

STATUS = ["url", "state", "total", "done", "ready", "running", "waiting", "workers", "failure", "repeated", "longest"]


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    """Run each test in its own folder with its own scratch store."""
    monkeypatch.chdir(tmp_path)
    with nw.config.set({"store": str(tmp_path / "store")}):
        yield


@pytest.fixture
def said(capsys):
    """Give a command, and take the object that it prints."""

    def give(*words, code=0):
        capsys.readouterr()
        assert main([*words, "--json"]) == code
        (line,) = capsys.readouterr().out.splitlines()
        return json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    return give


@pytest.fixture
def matrix():
    whole = np.diag(np.arange(1.0, 91.0))
    np.save("A.npy", whole)
    return whole


def test_a_result_that_is_an_array(matrix, said):
    told = said("run", "cholesky", "A.npy", "--chunks", "32", "--out", "L.zarr")
    assert list(told) == ["url", "result"]
    assert told["result"] == {
        "url": nw.open("L.zarr").url,
        "shape": [90, 90],
        "chunks": [32, 32],
        "dtype": "float64",
        "transposed": False,
        "conjugated": False,
    }
    assert said("resume", told["url"]) == told
    assert list(now := said("status", told["url"])) == STATUS
    assert (now["state"], now["done"]) == ("done", now["total"])
    assert said("cancel", told["url"]) == {"url": told["url"], "state": "done"}
    assert said("scale", told["url"]) == now


def test_results_of_other_kinds(matrix, said):
    assert said("run", "matrix_norm", "A.npy", "--ord", "1")["result"] == 90.0
    told = said("run", "slogdet", "A.npy")["result"]
    assert list(told) == ["sign", "logabsdet"]
    assert told["logabsdet"] == pytest.approx(np.linalg.slogdet(matrix)[1])


def test_numbers_that_json_has_not():
    told = described(np.array([1.5, np.inf, -np.inf, np.nan]))
    assert json.loads(to_json({"result": told})) == {"result": [1.5, "Infinity", "-Infinity", "NaN"]}
    assert described(np.complex64(1 + 2j)) == {"real": 1.0, "imag": 2.0}
    assert described(np.bool_(True)) is True


def test_a_transposed_result_says_so(matrix, said):
    told = said("run", "cholesky", "A.npy", "--upper", "--chunks", "32")["result"]
    stored = np.asarray(nw.open(told["url"]))
    np.testing.assert_allclose(stored.T if told["transposed"] else stored, np.sqrt(matrix))


def test_what_gc_removes(matrix, said):
    run = nw.submit(nw.linalg.cholesky, matrix)
    run.wait()
    told = said("gc", "--older-than", "0", "--dry-run")
    assert list(told) == ["store", "dry_run", "removed"]
    assert told["dry_run"] is True
    (removed,) = [each for each in told["removed"] if each["url"] == run.url]
    assert list(removed) == ["url", "nbytes", "age_s"]
    assert said("gc", "--older-than", "0")["dry_run"] is False
    assert said("gc", "--older-than", "0")["removed"] == []


def test_scale_tells_how_it_ended(halted, said):
    told = said("scale", halted.url)
    assert list(told) == STATUS
    assert told["state"] == "done"
    assert halted.result() is not None


def test_cancel(halted, said, capsys):
    assert said("cancel", halted.url) == {"url": halted.url, "state": "cancelled"}
    assert said("scale", halted.url, code=1)["state"] == "cancelled"
    assert main(["cancel", halted.url]) == 0
    assert f"numpywren resume {halted.url}" in capsys.readouterr().out


def test_a_run_that_has_ended_is_not_said_to_be_cancelled(matrix, capsys):
    run = nw.submit(nw.linalg.cholesky, matrix)
    run.wait()
    assert main(["cancel", run.url]) == 0
    assert capsys.readouterr().out == "the run is done; there is nothing to cancel\n"
