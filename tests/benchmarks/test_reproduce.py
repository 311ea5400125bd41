"""The tables of the reproduction show what they are to show, on small matrices."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import reproduce
import scalapack_model

SCALE = replace(reproduce.SMALL, sizes=((8192, 2048, 4, "lambda-2018"),))


def seconds_of(text):
    number, unit = text.split()[:2]
    return float(number) * {"s": 1, "min": 60, "h": 3600}[unit]


def test_every_table_has_its_rows():
    found = {table.title: table for table in reproduce.tables(SCALE)}
    assert len(found) == len(reproduce.TABLES)
    assert [row[0].split(",")[0] for row in found["Completion time beside ScaLAPACK"].rows] == list(reproduce.FUNCTIONS)
    assert "|---|" in reproduce.page(list(found.values()), "command")
    killed = found["Killing 80 % of the workers at half time"].rows
    assert int(killed[0][6]) == 0 < int(killed[1][6])
    for row in found["Workers that come and go against a pool that stays"].rows:
        assert int(row[-1].rstrip("%")) > 0
    shared = [seconds_of(row[1]) for row in found["Slots that share a cache"].rows]
    assert shared[-1] < shared[0]


def test_the_model_of_scalapack_is_the_flops_on_a_network_without_end():
    cluster = scalapack_model.Cluster(64, 10.0, bandwidth=1e30, latency_s=0.0)
    assert scalapack_model.seconds("cholesky", 10_000, cluster) == pytest.approx(10_000**3 / 3 / 64 / 10e9)
    slow = replace(cluster, latency_s=1e-3)
    assert scalapack_model.seconds("qr", 10_000, slow) > scalapack_model.seconds("qr", 10_000, cluster)
