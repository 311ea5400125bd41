"""The benchmark of locality runs small, so that it cannot rot, and on S3."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_locality.py"


def test_locality_small():
    arguments = ["--tiles", "8", "--chunk", "8", "--slots", "2", "--memory-tiles", "120", "--operation", "cholesky"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments, "--json"], capture_output=True, text=True, check=True, timeout=250
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["workers"], row["slots"], row["memory_tiles"]) for row in rows] == [
        (1, 2, 120),
        (2, 1, 60),
        (2, 1, 120),
    ]
    assert len({row["tasks"] for row in rows}) == 1, "the same program each time"
    together, apart, apart_with_more = rows
    for row in rows:
        assert row["writes_per_task"] >= 1
        assert row["requests_per_task"] >= row["reads_per_task"] + row["writes_per_task"]
        assert row["calls_per_task"] >= 1
    assert together["bytes_per_task"] < apart["bytes_per_task"]
    assert together["bytes_per_task"] < apart_with_more["bytes_per_task"]
