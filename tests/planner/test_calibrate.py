"""Calibration measures what plans then use."""

import json
import re
import tomllib
from importlib.resources import files

import platformdirs
import pytest

import numpywren as nw
from numpywren.cli import main
from numpywren.job import calibrate as module
from numpywren.matrix import open_store
from numpywren.planner import Machine, calibration_file, load_machine, machine_files
from numpywren.planner.kernel_calls import MOVING, kernel_calls
from numpywren.planner.kernel_rates import kernel_rates, shares_of
from numpywren.planner.machine import machine_names

linalg = nw.linalg


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name: str(tmp_path / name))
    with nw.config.set({"store": str(tmp_path / "store"), "worker.slots": 2}):
        yield tmp_path


def test_a_machine_that_was_not_calibrated_says_so(folder):
    assert "not calibrated" in str(nw.plan(linalg.cholesky, nw.zeros((100, 100))))


def test_what_calibrate_measured_is_what_plans_use(folder, monkeypatch, capsys):
    # small and quick: how long kernels are measured is no part of what is tested
    monkeypatch.setattr(module, "kernel_rates", lambda slots: kernel_rates(slots, (32, 64), 0.002, 1))
    monkeypatch.setattr(module, "LENGTH", 256)
    monkeypatch.setattr(module, "TILES", 12)
    monkeypatch.setattr(module, "GRID", 4)
    assert main(["calibrate"]) == 0
    told = capsys.readouterr().out
    assert str(calibration_file()) in told
    assert "GFLOP/s" in told
    machine = load_machine("this-machine", *machine_files())
    assert set(machine.shares_at) == {"32", "64"}
    assert {"gemm", "potrf", "trsm", "syrk", "geqrt", "getrf", "larfb", "tpqrt", "other", *MOVING} <= set(
        machine.shares_at["64"]
    )
    for name in ("gflops", "get_s", "put_s", "bandwidth", "task_s", "start_s"):
        assert getattr(machine, name) > 0, name
    assert "measured on" in machine.about
    planned = nw.plan(linalg.cholesky, nw.zeros((256, 256), chunks=64))
    assert planned.machine.gflops == machine.gflops
    assert planned.machine.rate("potrf") == pytest.approx(machine.gflops * 1e9 * machine.shares_at["64"]["potrf"])
    assert "not calibrated" not in str(planned)
    assert not list((folder / "store").glob("calibrate/*/*"))  # nothing is left behind
    assert main(["calibrate", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    again = load_machine("this-machine", *machine_files())
    assert measured.pop("file") == str(calibration_file())
    assert measured == {name: getattr(again, name) for name in measured}
    assert {"gflops", "start_s"} < set(measured)


def test_what_an_older_version_measured_is_left_out_and_said_so(folder):
    calibration_file().parent.mkdir(parents=True)
    calibration_file().write_text('[this-machine]\nabout = "measured"\ngflops = 77.0\ncolour = "red"\n')
    planned = nw.plan(linalg.cholesky, nw.zeros((100, 100)))
    assert planned.machine.gflops == 30.0
    assert "left out: run `numpywren calibrate` again" in str(planned)
    assert not planned.machine.sources  # reports call it a guess


def test_the_store_is_measured_with_what_there_is_room_and_time_for(folder, monkeypatch):
    asked = []
    done = module._together(asked.append, 2, 5)
    assert (done.tiles, sorted(asked)) == (5, [0, 1, 2, 3, 4])
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    assert 1 <= module._together(asked.append, 2, 1000).tiles < 1000
    monkeypatch.setattr(module, "LENGTH", 64)
    store = open_store(str(folder / "small"))
    found = module._storage(store, 2, most=3 * 64 * 64 * 8)
    assert found["bandwidth"] > 0
    assert len([key for key in store.list("large/") if "/c/" in key]) <= 3


def test_kernels_that_move_numbers_take_time_in_plans(folder):
    a = nw.zeros((256, 256), chunks=64)
    machine = Machine(name="m", gflops=10.0, shares={"other": 1.0})
    slow = Machine(name="m", gflops=10.0, shares={"other": 1.0, "put": 1e-3, "take": 1e-3})
    fast, moving = (nw.plan(linalg.lu_factor, a, machine=each, workers=1) for each in (machine, slow))
    assert moving.simulation.seconds > 1.5 * fast.simulation.seconds


def test_moving_is_no_measure_of_other_kernels():
    rates = {64: {"gemm": 10.0, "potrf": 6.0, "trsm": 4.0, "put": 0.1, "take": 0.1, "gather": 0.1, "permutation": 0.1}}
    assert shares_of(rates)[1]["64"]["other"] == pytest.approx(0.6)


def test_every_kernel_is_called_with_operands_that_it_takes():
    for each in kernel_calls(48):
        each.call()
        assert each.flops > 0, each.kernel
    rates = kernel_rates(2, (16,), 0.001, 1)
    peak, shares = shares_of(rates)
    assert peak == rates[16]["gemm"]
    assert shares["16"]["gemm"] == 1.0


def test_rates_between_two_lengths_lie_between():
    machine = Machine(
        name="m", gflops=10.0, shares_at={"256": {"gemm": 0.5, "potrf": 0.1}, "1024": {"gemm": 1.0, "potrf": 0.3}}
    )
    assert machine.at(512).rate("potrf") == pytest.approx(2e9)
    assert machine.at(64).rate("potrf") == pytest.approx(1e9)
    assert machine.at(4096).rate("gemm") == pytest.approx(10e9)


def test_machines_of_the_users_files_are_found_by_the_setting(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[our-nodes]\nslots = 32\ngflops = 45.0\n")
    with nw.config.set({"plan.machines": [str(path)]}):
        assert nw.plan(linalg.cholesky, nw.zeros((100, 100)), machine="our-nodes").machine.slots == 32
    with (
        nw.config.set({"plan.machines": [str(tmp_path / "gone.toml")]}),
        pytest.raises(ValueError, match=r"gone\.toml"),
    ):
        nw.plan(linalg.cholesky, nw.zeros((100, 100)))


@pytest.mark.parametrize("name", [name for name in machine_names() if name != "this-machine"])
def test_every_figure_of_a_machine_has_its_source_with_a_date_or_is_called_assumed(name):
    table = tomllib.loads((files("numpywren.planner") / "machines.toml").read_text())[name]
    figures = {*table, *table["prices"]} - {"about", "prices", "sources"}
    assert figures == set(table["sources"])
    for said in table["sources"].values():
        assert re.search(r"20\d\d|^assumed: \w|^as ", said), said
        if said.startswith("as "):
            other = re.match(r"as ([\w.-]+)", said)[1]
            assert other in {*machine_names(), *figures}, said
    machine = load_machine(name)
    assert machine.prices.worker_hour > 0
    assert machine.about
