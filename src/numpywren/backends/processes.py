"""Workers as processes on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import IO, Any

from numpywren.backends.backend import ENTRY, Backend

__all__ = ["ProcessBackend"]

#: Seconds that workers get to hand back their leases before they are killed.
GRACE_S = 10.0


class ProcessBackend(Backend):
    """Runs each worker as a process of its own."""

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = ENTRY) -> None:
        if url.startswith("memory:"):
            raise ValueError(
                f"workers in other processes cannot see {url}: set `store` to a file: URL, or backend to 'local'"
            )
        if "__main__" in options.get("modules", ()):
            raise ValueError(
                "kernels defined in the program that was started cannot be imported by other processes: move them to "
                "a module, or set backend to 'local'"
            )
        super().__init__(url, options, entry)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._errors: list[IO[bytes]] = []

    def start(self, count: int) -> None:
        """Start `count` more processes."""
        module = self.entry.partition(":")[0]
        command = [sys.executable, "-m", module, self.url, json.dumps(self.options)]
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        for _ in range(count):
            errors = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process has ended
            self._errors.append(errors)
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors, env=environment)
            )

    def alive(self) -> int:
        """How many have not ended."""
        return sum(process.poll() is None for process in self._processes)

    def wait(self, timeout_s: float) -> None:
        """Sleep until a process ends, or for `timeout_s`."""
        before, deadline = self.alive(), time.monotonic() + timeout_s
        while self.alive() == before and time.monotonic() < deadline:
            time.sleep(min(0.02, timeout_s))

    def stop(self) -> None:
        """Ask every process to leave; kill those that do not."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for process in self._processes:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are alive."""
        return tuple(process.pid for process in self._processes if process.poll() is None)

    def trouble(self) -> str | None:
        """The last lines that a process which failed wrote to its standard error."""
        for process, errors in zip(self._processes, self._errors, strict=True):
            if process.poll():
                errors.seek(0)
                text = errors.read().decode(errors="replace").strip()
                return text[-2000:] or f"exit code {process.returncode}"
        return None

