"""The benchmark of the kernels and the peers run small, so that they cannot rot."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / arguments[0]), *arguments[1:]],
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
    ).stdout


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("peers")


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_kernels_small(dtype):
    rows = [
        json.loads(line)
        for line in run(
            "bench_kernels.py", "--sizes", "64", "100", "--repeats", "2", "--dtypes", dtype, "--json"
        ).splitlines()
    ]
    assert {row["n"] for row in rows} == {64, 100}
    assert {row["dtype"] for row in rows} == {dtype}
    assert {"gemm", "syrk", "potrf"} <= {row["kernel"] for row in rows}
    assert all(row["gflops"] > 0 and row["of_gemm"] > 0 for row in rows)
    assert all(row["of_gemm"] == 1 for row in rows if row["kernel"] == "gemm")


def test_kernels_print_a_table():
    lines = run("bench_kernels.py", "--sizes", "80", "--repeats", "1", "--clock", "wall").splitlines()
    assert lines[0].split() == ["kernel", "tile", "dtype", "GFLOP/s", "of", "gemm", "goal", "GIL"]
    assert any(line.startswith("potrf") and "60%" in line for line in lines)


@pytest.mark.parametrize("operation", ["matmul", "cholesky"])
def test_peers_small(operation):
    lines = run("peers.py", operation, "192", "--chunk", "64", "--repeats", "1").splitlines()
    assert lines[0].startswith(f"{operation}, N = 192")
    assert [line.split()[0] for line in lines[1:]] == ["NumPy/SciPy", "Dask", "ScaLAPACK"]
    # Each either ran or says why not.
    assert all("GFLOP/s" in line or "missing: " in line for line in lines[1:])
    assert "GFLOP/s" in lines[1]
    assert ("GFLOP/s" in lines[2]) == (importlib.util.find_spec("dask") is not None)
    assert shutil.which("mpirun") is not None or "missing: mpirun is not installed" in lines[3]


def test_alternation_is_fair_and_counts(peers):
    order = []

    def candidate(name, seconds):
        def run_once():
            order.append(name)
            return seconds.pop(0)

        return run_once

    results = peers.alternate({"a": candidate("a", [1.0, 5.0, 2.0]), "b": candidate("b", [3.0, 3.0, 4.0])}, repeats=3)
    assert order == ["a", "b"] * 3
    assert results["a"] == peers.Timing(2.0, (1.0, 5.0, 2.0))
    assert results["b"].seconds == 3.0


def test_a_missing_peer_says_why_and_is_asked_once(peers):
    asked = []

    def absent():
        asked.append(1)
        return peers.Missing("nobody installed it")

    results = peers.alternate({"absent": absent, "here": lambda: peers.Sample(2.0, "fine")}, repeats=3)
    assert len(asked) == 1
    assert str(results["absent"]) == "missing: nobody installed it"
    text = peers.table(results, 1e9)
    assert "missing: nobody installed it" in text
    assert "0.5 GFLOP/s" in text


def test_a_peer_that_crashes_is_missing_with_its_last_words(peers):
    outcome = peers.in_memory("matmul", (-1, -1))()
    assert isinstance(outcome, peers.Missing)
    assert "exit status 1" in outcome.why
    assert "negative dimensions" in outcome.why


def test_scalapack_without_mpi_says_what_to_install(peers, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    outcome = peers.scalapack("matmul", (10, 10))()
    assert isinstance(outcome, peers.Missing)
    assert "apt-get install" in outcome.why


def test_scalapack_build_says_what_to_install(tmp_path):
    # A folder with the shell's own commands and nothing else.
    for command in ("sh", "dirname"):
        (tmp_path / command).symlink_to(shutil.which(command))
    built = subprocess.run(
        [shutil.which("sh"), str(BENCHMARKS / "scalapack" / "build.sh")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 3
    assert "apt-get install make libopenmpi-dev openmpi-bin gcc" in built.stderr
