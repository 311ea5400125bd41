"""Networks fall apart, and are mended: workers, client, plane and store on machines of their own, their lines cut."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from soak.network import why_not

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak"

#: All of them if NUMPYWREN_SOAK is set.
NAMES = ["an island from the plane", "all from the store"]
NO_NETWORKS = why_not()


def parted(*names):
    done = subprocess.run(
        [sys.executable, str(SOAK / "partitions.py"), *names], capture_output=True, text=True, timeout=290, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.soak
@pytest.mark.skipif(NO_NETWORKS is not None, reason=f"no networks can be made: {NO_NETWORKS}")
def test_a_run_ends_right_though_its_network_fell_apart():
    told = parted(*([] if os.environ.get("NUMPYWREN_SOAK") else NAMES))
    assert {one["name"] for one in told} >= set(NAMES)
    for one in told:
        assert one["wrong"] == []
        assert one["did"]["lines cut"] > 0
        assert one["repeated"] > 0 or one["name"] not in ("an island", "an island from the plane")
