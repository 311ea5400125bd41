"""The benchmarks of linalg and of small things run small, so that they cannot rot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*arguments):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / arguments[0]), *arguments[1:]], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("what", ["matmul", "cholesky"])
def test_beside_the_peers(what):
    found = run("bench_linalg.py", what, "256", "--chunk", "64", "--repeats", "1")
    assert set(found) == {"NumPy/SciPy", "Dask", "ScaLAPACK"}
    for ratio in found.values():
        assert isinstance(ratio, float) or ratio.startswith("missing: "), ratio
    assert isinstance(found["NumPy/SciPy"], float)


def test_bounded_memory():
    bound, libraries = 24, 200
    found = run("bench_linalg.py", "bounded", "1536", "--chunk", "256", "--memory", f"{bound}MiB", "--repeats", "1")
    assert found["peak_mib"] < bound + libraries


def test_small_things():
    found = run("bench_start.py", "--repeats", "1", "--n", "64")
    assert found["import ratio"] > 0
    assert found["small cholesky ms"] > 0
