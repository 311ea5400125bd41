"""Simulated and real runs agree exactly in what they do; how long it takes is measured elsewhere."""

import statistics
import sys
from pathlib import Path

import pytest

import numpywren as nw

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import bench_plan


@pytest.mark.parametrize("function", bench_plan.CASES)
@pytest.mark.parametrize(("n", "chunks"), [(512, 128), (500, 128), (1200, 400)])
def test_counts_are_those_of_the_run(tmp_path, function, n, chunks):
    with nw.config.set({"store": str(tmp_path), "worker.slots": 2, "progress": "false"}):
        case = bench_plan.measure(function, n, chunks, repeats=1)
    for predicted, actual in (case.tasks, case.gets, case.puts, case.bytes_read, case.bytes_written):
        assert predicted == actual
    assert case.predicted_s > 0


def test_the_table_has_a_row_for_each_case(capsys):
    found = bench_plan.main(["--sizes", "256", "--chunks", "128", "--repeats", "1"])
    assert [case.function for case in found] == list(bench_plan.CASES)
    assert f"{statistics.median(case.error for case in found):.1%}" in capsys.readouterr().out
