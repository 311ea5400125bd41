"""The benchmark of the plane in an object store runs small, so that it cannot rot."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_objects.py"


def test_objects_small():
    arguments = ["--tiles", "4", "--processes", "1", "2", "--slots", "2", "--latency", "0", "--task", "0", "--json"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, check=True, timeout=250
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["processes"] for row in rows] == [1, 2]
    assert all(row["tasks"] == 4 + 6 + 10 for row in rows)
    assert all(row["writes_per_task"] > 0 and row["tasks_per_s"] > 0 for row in rows)
    assert rows[0]["writes_per_task"] < 2.5
    assert rows[0]["lost_per_task"] == 0
