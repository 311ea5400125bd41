"""Workers as processes on this machine."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import IO, Any

from numpywren.backends.backend import ENTRY, Backend, refuse_what_cannot_travel, without_prefixes
from numpywren.config import text_setting

__all__ = ["ProcessBackend", "worker_environment"]

logger = logging.getLogger(__name__)

#: Seconds that workers get to hand back their leases before they are killed.
GRACE_S = 10.0
#: How much of what a failed worker wrote is told.
TROUBLE_CHARACTERS = 2000
#: Bytes of it that are passed on at once.
PASSED_ON = 1 << 16
#: Settings that no command line may show, and that reach children through the environment.
SECRETS = ("redis.password",)

#: Successors, which nobody here waits for.
_let_go: list[subprocess.Popen[bytes]] = []


def worker_environment() -> dict[str, str]:
    """Variables of a worker process on this machine: ours, the module path, and settings that are secret."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    for key in SECRETS:
        if (secret := text_setting(key)) is not None:
            environment[f"NUMPYWREN_{key.upper().replace('.', '__')}"] = secret
    return environment


class ProcessBackend(Backend):
    """Runs each worker as a process of its own."""

    detaches = True

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = ENTRY) -> None:
        refuse_what_cannot_travel(url, options)
        super().__init__(url, options, entry)
        self._alive: dict[subprocess.Popen[bytes], IO[bytes]] = {}
        self._passed: dict[int, int] = {}  # bytes of what each process wrote that were passed on, by its id
        self._trouble: str | None = None

    def start(self, count: int) -> None:
        """Start `count` more processes."""
        for _ in range(count):
            errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
            process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stderr=errors, env=worker_environment()
            )
            self._alive[process] = errors
            self._passed[process.pid] = 0

    def succeed(self, count: int) -> int:
        """Start `count` processes in sessions of their own; a client that is there does not see them."""
        for _ in range(count):
            null = subprocess.DEVNULL
            process = subprocess.Popen(
                self._command(), stdin=null, stdout=null, stderr=null, env=worker_environment(), start_new_session=True
            )
            _let_go.append(process)
        return count

    def _command(self) -> list[str]:
        return [sys.executable, "-m", self.entry.partition(":")[0], self.url, json.dumps(self.options)]

    def alive(self) -> int:
        """How many have not ended."""
        for process, errors in list(self._alive.items()):
            ended = process.poll() is not None
            self._pass_on(process, errors, ended)
            if not ended:
                continue
            del self._alive[process], self._passed[process.pid]
            with errors:
                if process.returncode != 0:
                    errors.seek(0)
                    text = errors.read().decode(errors="replace").strip()
                    self._trouble = text[-TROUBLE_CHARACTERS:] or f"exit code {process.returncode}"
        return len(self._alive)

    def _pass_on(self, process: subprocess.Popen[bytes], errors: IO[bytes], ended: bool) -> None:
        """Log what a process wrote to its standard error, warnings as a rule, line by line as it comes."""
        # pread, as the process writes where its file's position is, which a seek would move
        text = os.pread(errors.fileno(), PASSED_ON, self._passed[process.pid])
        whole = text if ended or len(text) == PASSED_ON else text[: text.rfind(b"\n") + 1]
        self._passed[process.pid] += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            logger.warning("worker %d: %s", process.pid, line)

    def wait(self, timeout_s: float) -> None:
        """Sleep until a process ends, or for `timeout_s`."""
        before, deadline = self.alive(), time.monotonic() + timeout_s
        while self.alive() == before and time.monotonic() < deadline:
            time.sleep(min(0.01, timeout_s))

    def stop(self) -> None:
        """Ask every process to leave; kill those that do not."""
        for process in self._alive:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for process in self._alive:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.alive()

    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are alive."""
        return tuple(process.pid for process in self._alive if process.poll() is None)

    def trouble(self) -> str | None:
        """The last lines that a process wrote to its standard error which failed since this was last asked."""
        trouble, self._trouble = self._trouble, None
        return None if trouble is None else without_prefixes(trouble)
