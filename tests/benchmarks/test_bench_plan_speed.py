"""The benchmark of the planner's own speed, and what may be asked of it on any machine."""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import bench_plan_speed


def test_the_table_and_the_figures_agree(tmp_path, capsys):
    path = tmp_path / "speed.json"
    words = "--functions cholesky --n 20000 --chunks 1000 --tiles 6 --workers 4 --json"
    found = bench_plan_speed.main([*words.split(), str(path)])
    assert found[0].tasks == 20 * 21 * 22 // 6
    assert all(one.good for one in found)
    assert "1,540" in capsys.readouterr().out
    assert [each["workers"] for each in json.loads(path.read_text())] == [None, 4]


@pytest.mark.parametrize(("function", "tasks"), [("cholesky", 302_621), ("lu", 640_000), ("qr", 500_000)])
def test_many_tasks_are_planned_without_looking_at_each(function, tasks):
    # a look at each takes some 0.1 ms; a loaded machine is several times slower than a quiet one
    found = bench_plan_speed.measure(function, 1_000_000, 8192, "lambda-10gb")
    assert found.tasks > 0.9 * tasks
    assert found.cpu_s < 2e-5 * found.tasks + 3.0


def test_a_sum_of_many_terms_takes_no_longer_than_its_tasks():
    # two hundred and more panels in each tile: tasks read thousands of tiles
    found = bench_plan_speed.measure("svdvals", 8_000, 4096, "lambda-3gb")
    assert found.cpu_s < 2e-3 * found.tasks + 3.0
