"""Kill a run's client and all of its workers half-way with SIGKILL, and carry on from the tiles that exist."""

import os
import signal
import subprocess
import sys
import time

import numpy as np

import numpywren as nw

N, CHUNK = 3072, 128


def client():
    """Start a factorization on two worker processes, say where it is, and wait for it."""
    index = np.arange(N)
    A = nw.asarray(np.minimum.outer(index, index) + 1.0, chunks=CHUNK)
    # after so many seconds of silence a worker counts as dead, and its tasks are handed to another
    with nw.config.set({"backend": "processes", "workers.max": 2, "worker.lease": 3}):
        run = nw.submit(nw.linalg.cholesky, A)
        print(run.url, flush=True)
        run.wait()


def main():
    """Be the user who comes back after the crash."""
    command = [sys.executable, __file__, "client"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    url = started.stdout.readline().strip()
    print("run:", url)

    run = nw.attach(url)
    while (status := run.status()).done < 0.3 * status.total:
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)  # the client and its workers, without a word of warning
    started.communicate()
    before = run.status()
    print(f"killed after {before.done} of {before.total} tasks")

    run.resume()
    L = np.asarray(run.result())
    after = run.status()
    print(f"carried on; handed out again: the {after.repeated} tasks that were being computed")
    # min(i, j) + 1 is the product of the lower triangle of ones with its transpose
    assert np.array_equal(L, np.tril(np.ones((N, N))))
    assert before.done < before.total
    assert after.state == "done"
    assert after.repeated < 20
    print("the factor is exact")
    run.delete()


if __name__ == "__main__":
    client() if sys.argv[1:] == ["client"] else main()
