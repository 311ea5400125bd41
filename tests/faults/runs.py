"""Runs to disturb: big enough to be caught in the middle, small enough to do dozens of times."""

import contextlib
import hashlib
import random
import subprocess
import sys
import time

import numpy as np

import numpywren as nw

N, TILE = 480, 32


def matrix():
    source = np.random.default_rng(7)
    a = source.standard_normal((N, N))
    return a @ a.T + N * np.eye(N)


def digests(run):
    """A digest of the bytes of every tile of the run's outputs."""
    store = nw.matrix.open_store(run.url)
    return {key: hashlib.sha256(bytes(store.get(key))).hexdigest() for key in sorted(store.list("out"))}


def undisturbed(array):
    run = nw.submit(nw.linalg.cholesky, array)
    run.wait(progress=False)
    return digests(run)


@contextlib.contextmanager
def processes(count=2, lease=1.0):
    settings = {
        "backend": "processes",
        "workers.max": count,
        "worker.slots": 1,
        "worker.lease": lease,
        "worker.memory": "64MiB",
    }
    with nw.config.set(settings):
        yield


@contextlib.contextmanager
def client(url_of_matrix, store):
    """A client process that factors a stored matrix with workers of its own, and prints the run's URL first."""
    code = (
        "import sys, numpywren as nw\n"
        "nw.config.set({'store': sys.argv[2], 'worker.lease': 1.0})\n"
        "run = nw.submit(nw.linalg.cholesky, nw.open(sys.argv[1]))\n"
        "print(run.url, flush=True)\n"
        "run.wait(progress=False)\n"
        "print('done', flush=True)\n"
    )
    command = [sys.executable, "-c", code, url_of_matrix, store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, process.stdout.readline().strip()


def sleep_a_moment(longest, seed):
    time.sleep(random.Random(seed).random() * longest)
