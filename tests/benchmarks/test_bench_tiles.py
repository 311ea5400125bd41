"""The benchmark of tile I/O runs small, so that it cannot rot."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_tiles.py"


def test_tiles_small(tmp_path):
    arguments = ["--size", "65", "--repeats", "2", "--folder", str(tmp_path), "--json"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, check=True, timeout=250
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["way"] for row in rows][-3:] == ["ours, chunk", "ours, blob", "ours, memory"]
    assert all(row["write_ms"] > 0 and row["read_ms"] > 0 and row["of_plain"] > 0 for row in rows)
    assert list(tmp_path.iterdir()) == []  # it tidies up
