"""The benchmark of elasticity runs small, so that it cannot rot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_elastic.py"


def test_elastic_small(tmp_path):
    words = ["--tiles", "6", "--latency", "0.02", "--workers", "2", "--slots", "2", "--idle", "0.5", "--json"]
    places = ["--folder", str(tmp_path), "--plot", str(tmp_path / "elasticity.png")]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *words, *places], capture_output=True, text=True, check=True, timeout=250
    )
    told = json.loads(done.stdout)
    for way in ("elastic", "static"):
        assert told[way]["tasks"] == 56
        assert 1 <= told[way]["most"] <= 2
        assert told[way]["core_seconds"] <= 2 * told[way]["seconds"] + 0.01
    assert told["better"] == pytest.approx(told["static"]["core_seconds"] / told["elastic"]["core_seconds"])
    (picture,) = tmp_path.iterdir()  # it tidies up
    assert 5_000 < picture.stat().st_size < 200_000
