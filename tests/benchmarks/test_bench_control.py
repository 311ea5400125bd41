"""The benchmark of control planes runs small, so that it cannot rot."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_control.py"


def test_control_small(tmp_path):
    arguments = ["--tiles", "6", "--repeats", "2", "--folder", str(tmp_path), "--json"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, check=True, timeout=250
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    shared = [(plane, team) for plane in ("sqlite", "redis", "dynamodb") for team in (1, 2)]
    assert [(row["plane"], row["processes"]) for row in rows] == [("memory", 1), *shared]
    assert all(row["tasks"] == 6 + 15 + 35 for row in rows)
    assert all(row["pairs_per_s"] > 0 and row["claim_ms"] > 0 and row["complete_ms"] > 0 for row in rows)
    assert list(tmp_path.iterdir()) == []  # it tidies up
