"""The benchmark beside servers runs small, so that it cannot rot."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_clouds.py"


def test_clouds_small():
    arguments = ["--size", "96", "--chunk", "32", "--repeats", "1", "--backends", "local", "processes", "--json"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, check=True, timeout=250
    )
    rows = json.loads(done.stdout)
    assert rows["local"]["server_seconds"] == 0
    assert rows["processes"]["server_seconds"] > 0
    assert all(row["seconds"] > 0 for row in rows.values())
