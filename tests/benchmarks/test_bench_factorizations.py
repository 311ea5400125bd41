"""The benchmark of the factorizations runs small, so that it cannot rot; each candidate checks its own result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench_factorizations.py"


def run(*arguments):
    return subprocess.run([sys.executable, str(BENCH), *arguments], capture_output=True, text=True, timeout=280)


@pytest.mark.parametrize("row", ["lu", "qr", "qr-tall", "svdvals", "svd", "eigh", "rsvd"])
def test_beside_the_peers(row):
    done = run(row, "--small")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])[row]
    assert set(found) == {"NumPy/SciPy", "Dask", "ScaLAPACK", "peak_mib"}
    assert found["peak_mib"] > 10
    answers = {name: answer for name, answer in found.items() if isinstance(answer, float)}
    silent = {name: answer for name, answer in found.items() if isinstance(answer, str)}
    assert all(answer.startswith("missing: ") and "exit status" not in answer for answer in silent.values()), silent
    assert ("Dask" if row == "rsvd" else "NumPy/SciPy") in answers


def test_a_row_that_is_not_there():
    done = run("cholesky")
    assert done.returncode == 2
    assert "there are lu, qr, qr-tall" in done.stderr
