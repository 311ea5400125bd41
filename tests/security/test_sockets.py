"""Nothing listens: no port is opened by runs, workers or the command line, whatever the backend of this machine."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import numpywren as nw


def listening(pid):
    """Sockets of a process that accept connections from a network."""
    inodes = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(handle)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            state = fields[3]
            # 0A: a TCP socket that listens; 07: a UDP socket that is connected to nobody
            if fields[9] in inodes and state == ("0A" if table.startswith("tcp") else "07"):
                found.append(f"{table} {fields[1]}")
    return found


def test_a_socket_that_listens_is_seen():
    code = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert len(listening(process.pid)) == 1
        process.stdin.close()


@pytest.mark.parametrize("backend", ["processes", "local", "command"])
def test_runs_and_their_workers_listen_to_nobody(tmp_path, backend):
    before, others = listening(os.getpid()), children()  # servers of other tests live in this process, too
    settings = {"backend": backend, "store": str(tmp_path), "workers.max": 2, "command.template": "{worker}"}
    seen = set()
    with nw.config.set(settings):
        a = nw.asarray(np.diag(np.arange(1.0, 257.0)), chunks=16)
        run = nw.submit(nw.linalg.cholesky, a)
        while run.status().state == "running":
            for pid in {os.getpid(), *children()} - others:
                try:
                    assert [one for one in listening(pid) if one not in before] == []
                except FileNotFoundError:
                    continue  # it has ended
                seen.add(pid)
            time.sleep(0.01)
        run.wait(progress=False)
        run.delete()
    assert len(seen) >= (1 if backend == "local" else 2)


def children():
    """Processes that this one started."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended
            found |= set(map(int, (task / "children").read_text().split()))
    return found
