"""The laws of a backend, as tests that any implementation can be held to.

With pytest, a backend of your own is tested by a few lines, once it has a row in `numpywren.backends.BACKENDS`::

    class TestMyBackend(ElsewhereContract):
        name = "mine"

        @pytest.fixture
        def settings(self, tmp_path):
            return {"store": str(tmp_path), "mine.address": "…"}

`settings` is the configuration under which the backend works. `BackendContract` is for any, `ElsewhereContract` adds
what holds for workers outside the calling process. Real workers do real runs, of a kernel that naps.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from numpywren.backends import Backend, open_backend, relaunch
from numpywren.config import config
from numpywren.errors import NumpywrenError
from numpywren.job.request import Request, Returned
from numpywren.job.run import Run
from numpywren.job.start import start
from numpywren.lambdapack import Input, Output, Size, kernel, program
from numpywren.matrix import asarray, open_store

__all__ = ["BackendContract", "ElsewhereContract"]

#: Seconds after which something that must happen is held not to; machines that run tests may be slow.
PATIENCE_S = 120.0

OPTIONS = {"slots": 1, "memory": 64 << 20, "lease_s": 1.0, "idle_s": 30.0, "modules": [__name__]}


@kernel()
def nap(a: Any, *, hundredths: int) -> Any:
    """One more, after a nap of so many hundredths of a second."""
    time.sleep(0.01 * hundredths)
    return a + 1.0


@program(A="m n", B="m n")
def naps(A: Input, B: Output, m: Size, n: Size, hundredths: Size) -> None:
    """One nap for each tile, none of which waits for another."""
    for i in range(m):
        for j in range(n):
            B[i, j] = nap(A[i, j], hundredths=hundredths)


@contextlib.contextmanager
def resting_run(settings: Mapping[str, Any], tasks: int, hundredths: int) -> Iterator[Run]:
    """Make a run of so many naps on which nobody is at work."""
    with config.set({**settings, "backend": "local", "worker.slots": 1, "workers.max": 1}):
        inputs = {"A": asarray(np.zeros((tasks, 1)), chunks=1)}
        sizes = {"hundredths": hundredths}
        run = start(Request("naps", naps, inputs, (Returned("B"),), sizes=sizes, fields=("B",)))
        run.pause()
    try:
        yield run
    finally:
        run.cancel()
        until(lambda: run.status().workers == 0, "workers did not leave a run that was cancelled")
        run.delete()


def until(done: Callable[[], bool], otherwise: str) -> None:
    """Wait for something that must happen."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def done(run: Run) -> bool:
    """Whether a run is."""
    return run.status().state == "done"


def at_work(run: Run, count: int) -> Callable[[], bool]:
    """Whether so many workers hold tasks of a run."""
    return lambda: run.status().workers == count


class BackendContract:
    """One test for each law; a subclass gives `name`, and the fixture `settings` (see the module)."""

    #: The backend's, in `numpywren.backends.BACKENDS`.
    name: ClassVar[str]

    @contextlib.contextmanager
    def begun(
        self, under: Mapping[str, Any], tasks: int, hundredths: int, **options: Any
    ) -> Iterator[tuple[Run, Backend]]:
        """Make a run, and the backend for it; both are gone afterwards."""
        with resting_run(under, tasks, hundredths) as run, config.set({**under, "backend": self.name}):
            backend = open_backend(self.name, run.url, {**OPTIONS, **options})
            try:
                yield run, backend
            finally:
                backend.stop()

    def test_workers_do_the_run_and_leave(self, settings: Mapping[str, Any]) -> None:
        """All that were started are seen, until they have left; whoever waits hears of it."""
        with self.begun(settings, tasks=6, hundredths=2) as (run, backend):
            assert backend.alive() == 0
            backend.wait(0.01)
            backend.start(2)
            assert backend.alive() == 2
            until(lambda: done(run), f"two workers did not do the run: {backend.trouble()}")
            while backend.alive():
                began = time.monotonic()
                backend.wait(PATIENCE_S)
                assert time.monotonic() - began < PATIENCE_S / 2, "wait did not see that a worker left"
            assert backend.trouble() is None
            np.testing.assert_array_equal(np.asarray(run.result()), np.ones((6, 1)))

    def test_stop_sends_away_even_those_who_have_not_begun(self, settings: Mapping[str, Any]) -> None:
        """Nobody is left, and nobody claims anything later; stopping again, or nobody, is no error."""
        with self.begun(settings, tasks=400, hundredths=20) as (run, backend):
            backend.stop()
            backend.start(1)
            backend.start(1)
            assert backend.alive() == 2
            backend.stop()
            assert backend.alive() == 0
            backend.stop()
            assert run.status().running == 0
            assert run.status().state == "running"

    def test_stop_hands_leases_back_and_start_goes_on(self, settings: Mapping[str, Any]) -> None:
        """The tasks of workers that were told to leave are ready at once for those who come after them."""
        with self.begun(settings, tasks=400, hundredths=5, lease_s=60.0) as (run, backend):
            backend.start(2)
            until(at_work(run, 2), f"two workers did not come to work: {backend.trouble()}")
            backend.stop()
            assert backend.alive() == 0
            status = run.status()
            assert (status.state, status.running) == ("running", 0)
            backend.start(1)
            until(lambda: run.status().done > status.done, f"who came later does nothing: {backend.trouble()}")
            assert run.status().repeated == 0

    def test_workers_leave_a_run_that_is_cancelled(self, settings: Mapping[str, Any]) -> None:
        """Nobody needs to tell them."""
        with self.begun(settings, tasks=400, hundredths=5) as (run, backend):
            backend.start(1)
            until(at_work(run, 1), f"the worker did not come to work: {backend.trouble()}")
            run.cancel()
            until(lambda: backend.alive() == 0, "the worker did not leave")
            assert backend.trouble() is None

    def test_trouble_says_that_the_run_is_of_another_version(self, settings: Mapping[str, Any]) -> None:
        """In the words of the worker, once."""
        with self.begun(settings, tasks=1, hundredths=1) as (run, backend):
            self.rewrite(run, '"format": ', '"format": 9')
            assert "record format" in self.trouble_of(backend)
            assert backend.alive() == 0
            assert backend.trouble() is None

    def test_trouble_says_that_a_module_is_missing(self, settings: Mapping[str, Any]) -> None:
        """What is not installed where workers live is named."""
        with self.begun(settings, tasks=1, hundredths=1, modules=["numpywren_nowhere"]) as (run, backend):
            self.rewrite(run, __name__, "numpywren_nowhere")
            assert "No module named 'numpywren_nowhere'" in self.trouble_of(backend)

    def rewrite(self, run: Run, old: str, new: str) -> None:
        """Change what is written down about a run."""
        store = open_store(run.url)
        text = bytes(store.get("run.json")).decode()
        assert old in text
        store.put("run.json", text.replace(old, new).encode())

    def trouble_of(self, backend: Backend) -> str:
        """What is told of a worker that cannot begin; some backends say it at once."""
        try:
            backend.start(1)
        except NumpywrenError as error:
            return str(error)
        until(lambda: backend.alive() == 0, "a worker that could not begin did not leave")
        return backend.trouble() or "nothing was told"


class ElsewhereContract(BackendContract):
    """What else holds for workers outside the calling process."""

    def kill(self, worker: str) -> None:
        """Kill the worker of that name; a subclass for workers on other machines has its own way."""
        os.kill(int(worker.split("-")[-2]), signal.SIGKILL)

    def test_a_killed_worker_is_noticed_and_replaced(self, settings: Mapping[str, Any]) -> None:
        """Either the backend says that it is gone, or whatever it stands on has begun it anew."""
        with self.begun(settings, tasks=20, hundredths=10) as (run, backend):
            backend.start(1)
            until(at_work(run, 1), f"the worker did not come to work: {backend.trouble()}")
            self.kill(run.status().longest[0].worker)

            def tended() -> bool:
                if backend.alive() == 0 and not done(run):
                    backend.start(1)
                return done(run)

            until(tended, f"the run did not go on: {backend.trouble()}")
            assert run.status().repeated > 0

    def test_successors_need_nobody(self, settings: Mapping[str, Any]) -> None:
        """A worker that leaves may start another with the same options, which its client did not start."""
        with self.begun(settings, tasks=400, hundredths=10) as (run, backend):
            backend.start(1)
            until(at_work(run, 1), f"the worker did not come to work: {backend.trouble()}")
            assert relaunch(self.name, run.url, self.options_of(backend), 1) == 1
            until(at_work(run, 2), "the successor did not come to work")

    def options_of(self, backend: Backend) -> dict[str, Any]:
        """Options as a worker of the backend has them."""
        given = getattr(backend, "given", None)
        return dict(backend.options) if given is None else given(1)[0]

    def test_settings_are_made_where_workers_live(self, settings: Mapping[str, Any]) -> None:
        """Before anything is opened: one that does not exist there is complained of."""
        with self.begun(settings, tasks=1, hundredths=1, settings={"no.such": 1}) as (_, backend):
            assert "no.such" in self.trouble_of(backend)

    def test_what_cannot_travel_is_refused(self, settings: Mapping[str, Any]) -> None:
        """Before anything is started."""
        refused = [("memory:somewhere", dict(OPTIONS)), ("file:///nowhere", {**OPTIONS, "modules": ["__main__"]})]
        for url, options in refused:
            with config.set(dict(settings)):
                message = ""
                try:
                    open_backend(self.name, url, options)
                except ValueError as error:
                    message = str(error)
                assert "backend to 'local'" in message, f"{url} with {json.dumps(options)} must be refused"
