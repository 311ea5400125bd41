"""The benchmark of dependency analysis runs small, so that it cannot rot."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_dependencies.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, check=True, timeout=250
    ).stdout


def test_dependencies_small():
    rows = [
        json.loads(line)
        for line in run("--tiles", "6", "12", "--depths", "1", "2", "--repeats", "1", "--json").splitlines()
    ]
    assert [(row["tiles"], row["depth"]) for row in rows] == [(6, 1), (6, 2), (12, 1), (12, 2)]
    assert rows[0]["tasks"] == 6 + 15 + sum(k * (k + 1) // 2 for k in range(6))
    # A rate far below the goal would be a mistake in the searches, whatever the machine is doing.
    assert all(row["rate"] > 2_000 and row["rate_done"] > 500 for row in rows)
    assert len({row["encoded"] for row in rows}) == 1


def test_dependencies_print_a_table():
    lines = run("--tiles", "8", "--repeats", "1", "--clock", "wall").splitlines()
    assert lines[0].split()[:5] == ["tiles", "depth", "tasks", "tasks/s", "goal"]
    assert lines[1].split()[:3] == ["8²", "1", "120"]
