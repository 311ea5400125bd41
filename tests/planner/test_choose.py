"""For a deadline or a budget a way to run is chosen, and the others are told."""

from dataclasses import replace

import pytest

import numpywren as nw
from numpywren.cli import main
from numpywren.planner import Machine, Prices

linalg = nw.linalg
CLOUD = Machine(
    name="cloud", memory=2**31, gflops=20.0, bandwidth=1e8, get_s=0.02, put_s=0.03, start_s=3.0,
    prices=Prices(worker_hour=0.2, put=5e-6, get=4e-7),
)  # fmt: skip


def matrix(n=16_384):
    return nw.zeros((n, n), chunks=2048)


def test_the_cheapest_way_that_keeps_the_deadline_is_chosen():
    fast = nw.plan(linalg.cholesky, matrix(), machine=CLOUD, deadline="60s", workers=64)
    slow = nw.plan(linalg.cholesky, matrix(), machine=CLOUD, deadline="1h", workers=64)
    assert fast.simulation.seconds <= 60
    assert slow.simulation.seconds <= 3600
    assert slow.simulation.bill.total < fast.simulation.bill.total
    assert slow.workers < fast.workers
    for planned in (fast, slow):
        best, *others = planned.choices
        assert others
        assert best.workers == planned.workers
        assert best.seconds == planned.simulation.seconds
        granted = [each for each in planned.choices if each.simulated and each.seconds <= 3600]
        assert all(
            each.dollars >= best.dollars for each in granted if each.seconds <= (60 if planned is fast else 3600)
        )
        assert "simulated" in str(planned)
        assert str(best.chunks) in planned._repr_html_()


def test_the_fastest_way_that_a_budget_pays_for_is_chosen():
    poor = nw.plan(linalg.cholesky, matrix(), machine=CLOUD, budget="$0.05", workers=64)
    rich = nw.plan(linalg.cholesky, matrix(), machine=CLOUD, budget=5, workers=64)
    assert poor.simulation.bill.total <= 0.05
    assert rich.simulation.seconds < poor.simulation.seconds


def test_what_cannot_be_kept_is_come_near_to():
    planned = nw.plan(linalg.cholesky, matrix(), machine=CLOUD, deadline=1, workers=16)
    assert planned.simulation.seconds > 1
    assert planned.choices


def test_settings_of_a_choice_make_a_run_go_that_way(tmp_path):
    machine = replace(CLOUD, memory=2**28)
    planned = nw.plan(linalg.cholesky, matrix(8192), machine=machine, deadline="1h", workers=4)
    best = planned.choices[0]
    assert best.depth is not None
    with nw.config.set(best.settings):
        again = nw.plan(linalg.cholesky, nw.zeros((8192, 8192), chunks=best.chunks))
    assert again.tasks == planned.tasks


def test_functions_with_rules_of_their_own_are_left_to_them():
    planned = nw.plan(linalg.qr, matrix(4096), machine=CLOUD, deadline="1h", workers=8)
    assert {each.depth for each in planned.choices} == {None}


def test_workers_alone_simulate_what_is_given():
    planned = nw.plan(linalg.cholesky, matrix(), machine=CLOUD, workers=8)
    assert planned.workers == 8
    assert planned.simulation.workers.max() <= 8
    assert not planned.choices
    assert "predicted time" in str(planned)
    data = planned.to_json()["simulation"]
    assert data["seconds"] == planned.simulation.seconds
    assert data["bill"]["compute"] > 0


def test_the_plot_shows_the_simulated_run():
    pytest.importorskip("matplotlib")
    figure = nw.plan(linalg.cholesky, matrix(), machine=CLOUD, workers=8).plot()
    assert [axes.get_ylabel() for axes in figure.axes][2] == "simulated run"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"deadline": "soon"}, "a deadline is written as in"),
        ({"deadline": -3}, "a deadline is written as in"),
        ({"budget": "much"}, "a budget is written as in"),
        ({"workers": 0}, "a run needs one at least"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits, message):
    with pytest.raises(ValueError, match=message):
        nw.plan(linalg.cholesky, matrix(), machine=CLOUD, **limits)


def test_a_machine_too_small_for_any_tiles_is_refused():
    with pytest.raises(ValueError, match="use a machine with more memory"):
        nw.plan(linalg.cholesky, matrix(), machine=Machine(name="tiny", memory=2**20), deadline="1h")


def test_the_command_chooses(capsys):
    words = ["plan", "cholesky", "16384x16384", "--machine", "lambda-3gb", "--deadline", "10min", "--workers", "16"]
    assert main(words) == 0
    assert "ways to run, the best first" in capsys.readouterr().out
    assert main(["plan", "cholesky", "100x100", "--deadline", "never"]) == 1
    assert "a deadline is written" in capsys.readouterr().err
