"""The demo as a whole, on few airports: the same answer as a dense solution, a picture, and a bounded memory."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.linalg

import numpywren as nw
from numpywren.cli import main
from numpywren.demo import airports, kriging, picture, terrain


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    lines = []
    with nw.config.set({"store": str(tmp_path_factory.mktemp("store"))}):
        return terrain.interpolate(700, memory="64MiB", chunks=128, say=lines.append), lines


def test_predictions_are_those_of_a_dense_solution(found):
    result, _ = found
    train, held_out = airports.split(airports.load(), 700)
    np.testing.assert_array_equal(result.train.points, train.points)
    n, m = len(train), len(held_out)
    parameters = np.array(terrain.PARAMETERS)
    rows = np.arange(n)[:, None]
    matrix = kriging.covariance(rows, rows.T, train.points, parameters)
    cross = kriging.cross_covariance(np.arange(m)[:, None], rows.T, held_out.points, train.points, parameters)
    mean = train.elevation.mean()
    expected = mean + cross @ scipy.linalg.solve(matrix, train.elevation - mean, assume_a="pos")
    np.testing.assert_allclose(result.predicted, expected, atol=1e-6)
    assert result.errors["kriging"] == kriging.errors(result.predicted, held_out.elevation)


def test_kriging_wins_even_on_few_airports(found):
    result, _ = found
    assert result.errors["kriging"].rmse < result.errors["nearest"].rmse
    assert result.errors["kriging"].rmse < result.errors["mean"].rmse


def test_map_is_drawn_near_airports_only(found):
    result, _ = found
    latitude, longitude = np.meshgrid(result.map_latitude, result.map_longitude, indexing="ij")
    cells = kriging.unit_sphere(latitude.ravel(), longitude.ravel())
    _, distance = kriging.nearest(result.train.points, cells)
    shown = ~np.isnan(result.map_elevation.ravel())
    np.testing.assert_array_equal(shown, distance < result.near_km)
    assert 0 < shown.sum() < shown.size


def test_the_user_is_told_errors_and_memory(found):
    _, lines = found
    text = "\n".join(lines)
    for part in ("560 airports", "140 held out", "560 × 560", "nearest airport", "peak resident memory", "64MiB"):
        assert part in text


def test_peak_is_measured():
    # In a process of its own: this one's peak may lie behind it.
    code = (
        "import numpy\n"
        "from numpywren.demo.terrain import peak_resident_bytes as peak\n"
        "before = peak(); numpy.ones(25_000_000); print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.9 * 200e6 < int(done.stdout) < 1.1 * 200e6


def test_picture_is_a_png_of_some_size(found, tmp_path):
    result, _ = found
    path = tmp_path / "map.png"
    picture.draw(result, path)
    header = path.read_bytes()[:24]
    width, height = (int.from_bytes(header[at : at + 4], "big") for at in (16, 20))
    assert header.startswith(b"\x89PNG")
    assert (width, height) == (1320, 1080)


def test_the_bound_on_memory_holds_for_the_whole_demo(tmp_path):
    command = [sys.executable, "-m", "numpywren", "demo", "--points", "7000", "--memory", "128MiB", "--chunks", "512"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    peak = float(re.search(r"peak resident memory ([\d.]+) GiB", done.stdout)[1]) * 2**30
    # On top of the bound: the interpreter with its libraries, and what evaluating tiles takes while it lasts.
    assert peak < (128 + 250) * 2**20
    assert (tmp_path / "numpywren-demo.png").is_file()


def test_ctrl_c_says_how_to_carry_on(tmp_path):
    command = [sys.executable, "-m", "numpywren", "demo", "--points", "8000", "--chunks", "256"]
    demo = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background has its children ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert any(line.startswith("factoring") for line in demo.stdout)
    time.sleep(1.0)
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert err.startswith("interrupted\n")
    assert "Traceback" not in err
    url = re.search(r"numpywren resume (\S+/runs/\w+)", err)[1]
    assert nw.attach(url).status().done < nw.attach(url).status().total
    assert main(["resume", url]) == 0
    assert nw.attach(url).status().state == "done"
    nw.attach(url).delete()


def test_scripts_get_one_object_and_the_text_apart(tmp_path, capsys):
    with nw.config.set({"store": str(tmp_path / "store")}):
        out = str(tmp_path / "map.png")
        assert main(["demo", "--points", "300", "--chunks", "128", "--out", out, "--json"]) == 0
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert (said["picture"], said["train"], said["held_out"]) == (out, 240, 60)
    assert set(said["errors"]) == {"mean", "nearest", "kriging"}
    assert 0 < said["errors"]["kriging"]["mae"] < said["errors"]["kriging"]["rmse"]
    assert "240 airports to learn from" in captured.err
