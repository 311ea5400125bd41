"""Workers, clients, planes and tiles die for real, at random moments."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from faults.runs import TILE, client, digests, matrix, processes, sleep_a_moment, undisturbed

import numpywren as nw
from numpywren import events

ROUNDS = int(os.environ.get("NUMPYWREN_SOAK", "0")) or 3


@pytest.fixture
def stored(tmp_path):
    array = nw.asarray(matrix(), chunks=TILE).save(str(tmp_path / "A.zarr"))
    with nw.config.set({"store": str(tmp_path / "scratch")}):
        yield array


@pytest.fixture
def wanted(stored):
    return undisturbed(stored)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_any_worker_at_any_moment(stored, wanted, seed):
    dice = random.Random(seed)
    with processes():
        run = nw.submit(nw.linalg.cholesky, stored)
        killed = 0
        while killed < 8:
            try:
                run.wait(progress=False, timeout=dice.uniform(0.02, 0.5))
                break
            except TimeoutError:
                victims = run._backend.pids()
                if victims:
                    os.kill(dice.choice(victims), signal.SIGKILL)
                    killed += 1
        run.wait(progress=False)
    assert killed > 0
    assert digests(run) == wanted
    assert run.status().done == run.status().total
    assert not list(nw.matrix.open_store(run.url).list("tiles"))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4 * ROUNDS))
def test_kill_the_client_and_resume_elsewhere(stored, wanted, tmp_path, seed):
    with client(stored.url, str(tmp_path / "scratch")) as (process, url):
        sleep_a_moment(0.5, seed)
        process.kill()
    run = nw.attach(url)
    before = set(digests(run))
    written = []
    with events.listening(lambda event: written.append(event) if isinstance(event, events.TileWritten) else None):
        with nw.config.set({"worker.lease": 1.0}):
            run.resume().wait(progress=False)
    assert digests(run) == wanted
    again = {event.tile.replace("L:", "out/L/c/").replace(",", "/") for event in written} & before
    assert not again, "tiles that existed were computed again"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_lose_the_control_plane_in_mid_run(stored, wanted, seed):
    with processes():
        run = nw.submit(nw.linalg.cholesky, stored)
        sleep_a_moment(0.6, seed)
        for name in os.listdir(run.url.removeprefix("file://")):
            if name.startswith("control.sqlite"):
                os.unlink(os.path.join(run.url.removeprefix("file://"), name))
        with pytest.raises(nw.errors.ControlPlaneLostError, match="numpywren resume"):
            run.wait(progress=False)
        nw.attach(run.url).resume().wait(progress=False)
    assert digests(run) == wanted


def flip_a_bit(url, key):
    path = os.path.join(url.removeprefix("file://"), key)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))


def test_a_flipped_bit_in_an_input_stops_the_run_and_names_the_tile(stored):
    flip_a_bit(stored.url, "c/3/2")
    with pytest.raises(nw.errors.TileDamagedError, match=r"A\[3, 2\]"):
        nw.linalg.cholesky(stored)


def test_a_flipped_bit_in_a_result_names_the_tile(stored):
    factor = nw.linalg.cholesky(stored)
    flip_a_bit(factor.url, "c/5/1")
    with pytest.raises(nw.errors.TileDamagedError, match=r"5, 1|c/5/1"):
        np.asarray(factor)


def test_a_worker_that_lost_its_lease_finishes_harmlessly(stored, wanted):
    with processes(count=2, lease=0.5):
        run = nw.submit(nw.linalg.cholesky, stored)
        stopped = []
        try:
            while not stopped:
                run.wait(progress=False, timeout=0.3)
        except TimeoutError:
            stopped = list(run._backend.pids())[:1]
            os.kill(stopped[0], signal.SIGSTOP)
        try:
            run.wait(progress=False, timeout=2.0)
        except TimeoutError:
            pass
        finally:
            os.kill(stopped[0], signal.SIGCONT)
        run.wait(progress=False)
    assert digests(run) == wanted


def test_sigterm_hands_leases_back(stored):
    with processes(count=1, lease=60.0):
        run = nw.submit(nw.linalg.cholesky, stored)
        while run.status().running == 0:
            time.sleep(0.005)
        (worker,) = run._backend.pids()
        os.kill(worker, signal.SIGTERM)
        while run._backend.alive():
            time.sleep(0.005)
        assert run.status().running == 0
        assert run.status().state == "running"
        run.wait(progress=False)
    assert run.status().state == "done"


def test_ctrl_c_says_how_to_resume(stored, tmp_path):
    code = (
        "import sys, numpywren as nw\n"
        "nw.config.set({'store': sys.argv[2]})\n"
        "print('ready', flush=True)\n"
        "nw.linalg.cholesky(nw.open(sys.argv[1]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, stored.url, str(tmp_path / "other")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    while not list((tmp_path / "other" / "runs").glob("*/out/L/c/0/0")):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert "KeyboardInterrupt" in errors
    url = errors.split("numpywren resume ")[1].split("`")[0]
    run = nw.attach(url).resume()
    run.wait(progress=False)
    assert run.status().state == "done"


def test_cancel_and_resume(stored, wanted):
    with processes():
        run = nw.submit(nw.linalg.cholesky, stored)
        run.cancel()
        with pytest.raises(nw.errors.RunCancelledError):
            run.wait(progress=False)
        run.resume().wait(progress=False)
    assert digests(run) == wanted
