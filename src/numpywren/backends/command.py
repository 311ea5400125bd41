"""Workers started by a command of the user's: a batch system, a cluster's own tool, ssh."""

from __future__ import annotations

import base64
import json
import shlex
import string
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from numpywren.backends.backend import SERVE
from numpywren.backends.processes import TROUBLE_CHARACTERS, worker_environment
from numpywren.backends.remote import RemoteBackend
from numpywren.config import setting

__all__ = ["CommandBackend"]

#: What a template may name.
FIELDS = ("url", "options", "id", "slots", "memory", "worker")
#: Seconds that a command gets to end, once it was told to or its worker has left.
GRACE_S = 5.0

#: Commands that started successors; nobody here waits for them.
_let_go: list[subprocess.Popen[bytes]] = []


class CommandBackend(RemoteBackend):
    """Runs ``command.template`` once for each worker, without a shell.

    The command may be the worker, or may ask something else to start it, and end: who is alive is known from the
    run's roll. It must run ``numpywren worker URL --options OPTIONS`` somewhere that reaches the run's store.
    """

    settings = ("command.template",)

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = SERVE) -> None:
        self._template = _parsed(setting("command.template"))
        if shlex.quote(url) != url:
            raise ValueError(
                f"{url!r} cannot stand in a command: a shell on its way may read it otherwise; set `store`"
            )
        super().__init__(url, options, entry)
        self._running: list[subprocess.Popen[bytes]] = []
        self._errors: IO[bytes] | None = None

    def launch(self, given: Sequence[Mapping[str, Any]]) -> list[subprocess.Popen[bytes]]:
        """Start the command for each of the options."""
        if self._errors is None:
            self._errors = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - open for as long as commands write to it
        for options in given:
            words = self._words(options)
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    env=worker_environment(),
                    start_new_session=True,  # Ctrl-C is for the client: it tells its workers itself
                )
            except OSError as error:
                raise ValueError(f"command.template cannot be run: {words[0]!r}: {error.strerror}") from error
            self._running.append(process)
        return self._running[-len(given) :]

    def succeed(self, count: int) -> int:
        """Start successors; what the commands then say is lost."""
        started = super().succeed(count)
        _let_go.extend(self._running)
        self._running = []
        self.close()
        return started

    def fate(self, handle: subprocess.Popen[bytes]) -> str | None:
        """That a command failed is known; that one ended well says nothing of the worker that it asked for."""
        if not handle.poll():
            return None
        text = ""
        if self._errors is not None:
            self._errors.seek(0)
            text = self._errors.read().decode(errors="replace").strip()[-TROUBLE_CHARACTERS:]
        return text or f"command.template ended with exit code {handle.returncode}"

    def withdraw(self, handle: subprocess.Popen[bytes]) -> None:
        """End the command, if it still runs; a job that it handed to something else leaves by itself when it begins."""
        handle.terminate()
        try:
            handle.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            handle.kill()
            handle.wait()

    def close(self) -> None:
        """Wait for commands whose workers have left."""
        for process in self._running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=GRACE_S)
        self._running = [process for process in self._running if process.poll() is None]
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _words(self, options: Mapping[str, Any]) -> list[str]:
        encoded = base64.urlsafe_b64encode(json.dumps(options).encode()).decode()
        worker = [sys.executable, "-m", self.entry.partition(":")[0], self.url, encoded]
        values = {
            "url": self.url,
            "options": encoded,
            "id": options["badge"].replace("/", "-"),
            "slots": options.get("slots", 1),
            "memory": options.get("memory", ""),
            "worker": shlex.join(worker),
        }
        words: list[str] = []
        for word in self._template:
            words += worker if word == "{worker}" else [word.format_map(values)]
        return words


def _parsed(template: Any) -> list[str]:
    """The words of a template, its fields checked."""
    example = 'sbatch --cpus-per-task {slots} --wrap "numpywren worker {url} --options {options}"'
    if not isinstance(template, str) or not template.strip():
        raise ValueError(f"the backend 'command' needs the setting command.template, as in: {example}")
    words = shlex.split(template)
    try:
        named = {name for word in words for _, name, _, _ in string.Formatter().parse(word) if name is not None}
    except ValueError as error:
        raise ValueError(f"command.template: {error}; write {{{{ and }}}} for braces: {template}") from None
    if unknown := sorted(named - set(FIELDS)):
        raise ValueError(f"command.template names {', '.join(unknown)}; it may name {', '.join(FIELDS)}")
    if not ({"url", "options"} <= named or "worker" in named):
        raise ValueError(f"command.template must name {{url}} and {{options}}, or {{worker}}, as in: {example}")
    return words
