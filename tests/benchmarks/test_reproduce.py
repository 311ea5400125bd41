"""The tables of the reproduction show what they are to show, on small matrices."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import reproduce
import reproduce_cases
import scalapack_model

from numpywren.errors import MemoryBoundError
from numpywren.planner import load_machine


def seconds_of(text):
    number, unit = text.split()[:2]
    return float(number) * {"s": 1, "min": 60, "h": 3600}[unit]


def test_every_table_has_its_rows_and_pictures_and_nothing_is_simulated_twice(tmp_path, monkeypatch):
    options = ["--small", "--out", str(tmp_path / "page.md"), "--results", str(tmp_path / "results")]
    found = {table.name: table for table in reproduce.main(options)}
    assert len(found) == len(reproduce.TABLES)
    rows = found["completion"].rows
    assert [row[0].split(",")[0] for row in rows] == list(reproduce.FUNCTIONS)
    killed = found["killing"].rows
    assert int(killed[0][6]) == 0 < int(killed[1][6])
    assert seconds_of(killed[0][1]) < seconds_of(killed[1][1])
    ratios = {row[0]: float(row[5]) for row in found["elasticity"].rows}
    assert ratios["qr, 8,192"] > 1.1
    shared = [seconds_of(row[1]) for row in found["sharing"].rows]
    assert shared[-1] < shared[0]
    text = (tmp_path / "page.md").read_text()
    assert text.count("**The original.**") == len(found)
    assert "{" not in text.replace("{doc}", "")
    pictures = list((tmp_path / "images").glob("*.png"))
    assert len(pictures) == text.count("](images/") == 3
    assert all(10_000 < picture.stat().st_size < 200_000 for picture in pictures)

    def simulate(*_):
        raise AssertionError("simulated again")

    monkeypatch.setattr(reproduce_cases, "simulate", simulate)
    reproduce.main(options)
    assert (tmp_path / "page.md").read_text() == text


def test_what_was_kept_is_found_for_the_same_case_alone():
    case = reproduce_cases.Case("qr", 1024, 256, load_machine("lambda-3gb"), 4)
    machine = replace(case.machine, sources={}, about="the same")
    assert replace(case, machine=machine).key == case.key
    others = [
        replace(case, machine=replace(case.machine, get_s=0.5)),
        replace(case, factor=0.5),
        replace(case, static=True),
        replace(case, chunks=512),
    ]
    assert len({case.key, *(other.key for other in others)}) == 5


def test_tasks_that_fit_in_no_worker_are_refused(tmp_path):
    small = replace(load_machine("lambda-3gb"), memory=10_000_000)
    results = reproduce_cases.Results(tmp_path)
    for function in ("cholesky", "svdvals"):
        with pytest.raises(MemoryBoundError, match="MiB"):
            results.of(reproduce_cases.Case(function, 4096, 1024, small, 4))


def test_the_model_of_scalapack_is_the_flops_on_a_network_without_end():
    cluster = scalapack_model.Cluster(64, 10.0, bandwidth=1e30, latency_s=0.0, memory_bandwidth=1e30)
    assert scalapack_model.seconds("cholesky", 10_000, cluster) == pytest.approx(10_000**3 / 3 / 64 / 10e9)
    slow = replace(cluster, latency_s=1e-3)
    assert scalapack_model.seconds("qr", 10_000, slow) > scalapack_model.seconds("qr", 10_000, cluster)
    with pytest.raises(ValueError, match="no model of 'lu'"):
        scalapack_model.seconds("lu", 10_000, cluster)


#: C_v with trees and C_m, from l = ½ log₂ P and NB: what the module's docstring says.
LEADING = {
    "matmul": (lambda l, nb: 2 * l, lambda l, nb: 2 * l),
    "cholesky": (lambda l, nb: l + 0.5, lambda l, nb: 3 * l + 1),
    "qr": (lambda l, nb: 1.5 * l, lambda l, nb: 4 * l * (nb + 1)),
    "svdvals": (lambda l, nb: 10 * l, lambda l, nb: 32 * l * nb + 4 * l),
}


@pytest.mark.parametrize("function", LEADING)
def test_what_is_counted_panel_by_panel_has_the_stated_constants(function):
    n, p, nb = 2**20, 4096, 64
    count = scalapack_model.counted(function, n, p, nb, pipelined=False)
    volume, messages = LEADING[function]
    l = math.log2(p) / 2
    assert count.words == pytest.approx(volume(l, nb) * n**2 / math.sqrt(p), rel=0.02)
    assert count.messages == pytest.approx(messages(l, nb) * n / nb, rel=0.02)
    assert scalapack_model.counted(function, n, p, nb).words < count.words


def panel_words(n, nb, side):
    """Words of PDPOTRF that processes receive, panel by panel, of a matrix that is dealt out in blocks: the most."""
    blocks = n // nb
    total = 0
    for k in range(blocks):
        below = range(k + 1, blocks)
        along = max(sum(i % side == row for i in below) for row in range(side)) * nb * nb
        down = max(sum(i % side == column for i in below) for column in range(side)) * nb * nb
        total += nb * nb + along + down + down  # the diagonal block, the panel, its transpose: turned, then passed on
    return total


def test_words_of_cholesky_are_those_of_blocks_that_are_dealt_out():
    n, nb, side = 8192, 32, 8
    counted = scalapack_model.counted("cholesky", n, side * side, nb).words
    assert counted == pytest.approx(panel_words(n, nb, side), rel=0.05)
