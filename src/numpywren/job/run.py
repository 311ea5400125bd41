"""A run: the handle that a client keeps, finds again, waits for and takes results from."""

from __future__ import annotations

import contextlib
import time
from collections import namedtuple
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from numpywren.autoscaler import LOOK_S, look_s
from numpywren.backends import Backend, open_backend
from numpywren.config import names_setting, number_setting, setting
from numpywren.control import ControlPlane, Failure, Status, open_plane
from numpywren.control.plane import how_to_resume, resumable
from numpywren.errors import (
    ControlPlaneLostError,
    NumpywrenError,
    RunCancelledError,
    RunFailedError,
    RunNotFoundError,
    StoreError,
)
from numpywren.job.failure import exception_of
from numpywren.job.looking import Speed, pace
from numpywren.job.progress import ProgressBar, progress_html
from numpywren.job.request import Results, Returned
from numpywren.job.resume import remainder
from numpywren.job.scaling import Scaler
from numpywren.job.succession import budget_spent
from numpywren.job.workers import limits, successors, worker_options
from numpywren.lambdapack import Dataflow, Tile
from numpywren.matrix import Array, Binding, Holding, Scratch, Store, TileSpace, permute_dims, reshape
from numpywren.worker import RunRecord, check_fits

if TYPE_CHECKING:
    from numpywren.dashboard import Dashboard
    from numpywren.planner import Machine
    from numpywren.report import Report

__all__ = ["Run", "attach"]

#: Workers that may leave in trouble, one after another with nothing done, before the run is given up.
LOST_WORKERS = 5
#: What is said of workers that leave of their own accord, with work to do.
DOING_NOTHING = (
    "begin and leave, one after another, without doing anything, though there are tasks: give them more time "
    "(worker.deadline), and see what they log"
)
#: What a run says that is stopped for a moment, until it carries on.
BEING_RESUMED = "being resumed"
#: Seconds for which nobody may be at work on a run that this client only watches.
STALLED_S = 60.0


class Run:
    """A run in a store; made by `numpywren.submit`, found again by `numpywren.attach`.

    Attributes
    ----------
    url : str
        Where it is; `numpywren.attach(url)` finds it from anywhere.
    """

    def __init__(self, url: str, record: RunRecord, store: Store, modules: tuple[str, ...], keep: Any = ()) -> None:
        self.url = url
        self._record, self._store, self._modules = record, store, modules
        self._keep = keep  # arrays that must live while the run reads them
        self._backend: Backend | None = None
        self._scaler: Scaler | None = None
        self._plane: ControlPlane | None = None
        self._speed = Speed()

    def __repr__(self) -> str:
        return f"Run({self._record.name}, {self.url!r})"

    def _repr_html_(self) -> str:
        """How far it is at this moment, for notebooks; the time left at the speed since it was last looked at."""
        try:
            status = self.status()
        except (NumpywrenError, OSError) as error:
            shown = f"<div><b>{escape(self._record.name)}</b> {escape(str(error))}</div>"
        else:
            said = pace(status, self._speed) if status.state == "running" else ""
            shown = progress_html(self._record.name, status, said)
        return f"{shown}<div><code>{escape(self.url)}</code></div>"

    # -- looking ----------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """How far the run is: of all its tasks, those that were done before it was resumed among them.

        Raises
        ------
        ControlPlaneLostError
            If its control plane is gone; `resume` rebuilds it.
        RunNotFoundError
            If the run was deleted.
        """
        try:
            return self._seen(self._control().status())
        except ControlPlaneLostError as error:
            self._check_exists(error)
            raise type(error)(resumable(str(error), self.url)) from error

    def wait(self, progress: bool | None = None, timeout: float | None = None) -> Status:
        """Wait until the run is done; start workers as there is work for them, if this client started it.

        Parameters
        ----------
        progress : bool, optional
            Whether to show a progress bar; default: as configured, which is on terminals and in notebooks.
        timeout : float, optional
            Seconds.

        Returns
        -------
        Status
            The last one seen; its state is ``done``.

        Raises
        ------
        TimeoutError
            If the run is not done in time. It goes on.
        numpy.linalg.LinAlgError, ValueError
            If the mathematics failed; for a matrix that is not positive definite with the order of the minor.
        RunFailedError, StoreError, TaskPoisonedError
            If the run failed otherwise. `resume` carries on.
        RunCancelledError
            If it was cancelled.
        RunNotFoundError
            If it was deleted meanwhile.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        began = time.monotonic()
        with ProgressBar(self._record.name, progress, self._speed) as bar:
            troubles = _Troubles()
            while (status := self._look()).state == "running":
                bar.show(status)
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError(f"{self!r} is not done after {timeout} s; it goes on")
                pause_s = look_s(time.monotonic() - began)
                if deadline is not None:
                    pause_s = min(pause_s, max(deadline - time.monotonic(), 0.0))
                self._tend(status, troubles, pause_s)
            bar.show(status)
        if status.failure is not None:
            self._stop_workers()
            if status.failure.kind == "cancelled":
                raise RunCancelledError(f"{self!r} was cancelled; {how_to_resume(self.url)} carries on")
            raise exception_of(status.failure, self.url)
        # whoever was to tidy up may have died between the last task and this
        space = self._space()
        if self._backend is not None:
            self._stop_workers()
            with contextlib.suppress(StoreError):
                space.clear()
        with contextlib.suppress(StoreError):
            space.finish()
        self._keep = ()
        return status

    def result(self) -> Any:
        """Wait for the run, and return what the function that was called returns.

        Raises
        ------
        Exception
            As `wait`.
        """
        self.wait()
        return self._results(None)

    def report(self, machine: str | Machine = "this-machine", predict: bool | None = None) -> Report:
        """What the run did so far, from what its workers wrote down; see :doc:`/howto/reports`.

        Parameters
        ----------
        machine : str or Machine
            The kind of worker with which it is compared, and whose prices it is charged.
        predict : bool, optional
            Whether to simulate the run, for comparison; default: if it has no more than 20 000 tasks.

        Returns
        -------
        Report
            Printed it is a table; its `save` writes a page.

        Raises
        ------
        NoEventsError
            If nothing was written down.
        ValueError
            If there is no such machine.
        """
        from numpywren.report import make_report  # only who wants one waits for its import

        return make_report(self.url, machine, predict)

    def dashboard(self, host: str = "127.0.0.1", port: int = 0, *, allow_cancel: bool = False) -> Dashboard:
        """Serve a live page of the run while this client goes on; see :doc:`/howto/dashboard`.

        Parameters
        ----------
        host : str
            Address to listen on: by default for this machine alone.
        port : int
            Where to listen; 0: any port that is free.
        allow_cancel : bool
            Whether the page has a button that cancels the run.

        Returns
        -------
        Dashboard
            Its `url` is the page's address; its `close`, or the end of a ``with`` block, ends it.

        Raises
        ------
        OSError
            If the port is taken, or the address is none of this machine.
        """
        from numpywren.dashboard import Dashboard  # a part above: this handle is where people look for it

        return Dashboard(self.url, host, port, allow_cancel=allow_cancel)

    # -- acting -----------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop the run: nothing more is started, and what was computed stays until `delete`."""
        self._control().stop(Failure("cancelled", "RunCancelledError", "cancelled by its user"))
        self._stop_workers()

    def resume(self) -> Run:
        """Carry on after any crash, failure or cancellation, with workers as configured here.

        The control plane is rebuilt from the tiles that exist, unless workers are at work with it; no tile that
        exists is computed again. A run that is done, and whose results are all there, stays as it is.

        Returns
        -------
        Run
            Itself, with workers started.
        """
        status: Status | None = None
        try:
            status = self._control().status()
        except ControlPlaneLostError as error:
            self._check_exists(error)
        running = status is not None and status.state == "running"
        if running and self._backend is not None and self._backend.alive():
            return self
        if status is None or not running or status.workers == 0:
            self._quiet(status)
            self._rebuild(status)
        self.start(least=1)  # those seen at work may be dead
        return self

    def delete(self) -> None:
        """Delete all that the run left in its store, its results included if they were given no place of their own."""
        self._stop_workers()
        self.forget()
        self._store.clear()

    def forget(self) -> None:
        """Delete the run's control plane; results stay."""
        with contextlib.suppress(ControlPlaneLostError):
            self._control().delete()

    def pause(self) -> None:
        """Have the workers that this client started hand back their leases and leave; the run can be resumed."""
        self._stop_workers()

    def hold(self) -> Holding:
        """Keep ``numpywren gc`` off the run while this process lives and what is returned is not at its end."""
        return Holding(self._store)

    def owned_result(self, holding: Holding) -> Any:
        """The result of a run that is done; the run is deleted when nothing of the result is used any more."""
        return self._results(Scratch(self.url, holding))

    def start(self, least: int = 0) -> None:
        """Start workers, at least so many; `wait` starts others as there is work for them."""
        options = worker_options(self._modules)
        check_fits(self._dataflow(), self._bindings(), self._record, options["memory"])
        self.start_on(open_backend(setting("backend"), self.url, options), least)

    def start_on(self, backend: Backend, least: int = 0) -> None:
        """Start the first workers on a backend that was made for this run."""
        self._stop_workers()
        self._backend = backend
        self._scaler = Scaler(backend, self._dataflow(), limits(), successors())
        status = self._seen(self._control().status())
        if status.state == "running":
            self._scaler.start(max(self._scaler.missing(status), least))

    # -- inside -----------------------------------------------------------------------------------------------------

    def _control(self) -> ControlPlane:
        if self._plane is None:
            self._plane = open_plane(self._record.control_url(self._store))
        return self._plane

    def _dataflow(self) -> Dataflow:
        return self._record.decoded(self._modules).bind(self._record.sizes)

    def _bindings(self) -> dict[str, Binding]:
        return self._record.bound(self._modules)

    def _space(self) -> TileSpace:
        return TileSpace(self._bindings(), self._store)

    def _seen(self, status: Status) -> Status:
        # a plane that was rebuilt counts what was left then; what was there before is done
        before = self._record.tasks - status.total
        if before > 0:
            status = replace(status, done=status.done + before, total=status.total + before)
        self._speed.look(time.monotonic(), status.done)
        return status

    def _look(self) -> Status:
        try:
            return self.status()
        except (ControlPlaneLostError, RunNotFoundError):
            self._stop_workers()
            raise

    def _check_exists(self, lost: ControlPlaneLostError | None = None) -> None:
        """See that the run was not deleted while this client held on to it."""
        exists = True
        with contextlib.suppress(StoreError):  # who cannot look knows nothing
            exists = self._store.exists("run.json")
        if not exists:
            raise RunNotFoundError(
                f"the run was deleted: nothing of it is left at {self.url}, and it cannot be resumed; start it anew"
            ) from lost

    def _tend(self, status: Status, troubles: _Troubles, pause_s: float) -> None:
        """Start workers where there is work for them; notice when they cannot live, or nobody is there."""
        if self._backend is None or self._scaler is None:
            if troubles.nobody_s(status) > STALLED_S:
                raise RunFailedError(f"nobody has worked on {self!r} for {STALLED_S:.0f} s; resume() carries on")
            time.sleep(pause_s)
            return
        missing = self._scaler.missing(status)
        if self._scaler.broke:
            self._control().stop(budget_spent(status, self._scaler.limits.budget_s))
            return
        if missing:
            trouble = self._backend.trouble()
            if troubles.repeated(status, trouble):
                raise RunFailedError(
                    resumable(f"workers of {self!r} leave without doing anything: {trouble}", self.url)
                )
            if self._scaler.vain:
                raise RunFailedError(resumable(f"workers of {self!r} {DOING_NOTHING}", self.url))
            self._scaler.start(missing)
        self._backend.wait(pause_s)

    def _quiet(self, status: Status | None) -> None:
        """Have nobody at work while tiles are listed: what is freed meanwhile would be counted on."""
        self._stop_workers()
        if status is None:
            return
        self._control().stop(Failure("cancelled", "RunCancelledError", BEING_RESUMED))
        deadline = time.monotonic() + number_setting("worker.lease")
        while self._control().status().workers and time.monotonic() < deadline:
            time.sleep(LOOK_S)

    def _rebuild(self, status: Status | None = None) -> None:
        """Tell the control plane anew what is left to do, from the tiles that exist."""
        space, dataflow = self._space(), self._dataflow()
        left = remainder(dataflow, frozenset(space.existing()))
        if status is not None and status.state == "done" and not left.total:
            return  # it would forget how many tasks were done
        space.delete(left.unread)
        self._plane = open_plane(self._record.control_url(self._store))
        self._plane.restore(left.tasks, left.readers_left, left.total)

    def _stop_workers(self) -> None:
        if self._backend is not None:
            self._backend.stop()
            self._backend = None

    def _results(self, owner: Scratch | None) -> Any:
        """What the caller gets; arrays keep `owner` alive, whose end deletes the run."""
        bindings = self._bindings()
        results = Results.from_json(self._record.result, bindings)
        values = [self._value(one, bindings, owner) for one in results.returned]
        if len(values) == 1:
            return values[0]
        # a type made at run time, as attach() must give what the function gave in the client that called it; names
        # that are none are refused by namedtuple
        kind = namedtuple(results.type, results.fields)  # type: ignore[misc]  # noqa: PYI024
        return kind(*values)

    def _value(self, returned: Returned, bindings: dict[str, Binding], owner: Scratch | None) -> Any:
        array = bindings[returned.output].array
        assert array is not None
        if returned.scalar:
            element = self._scalars(returned.output, array)
            element = element.real if returned.real else element
            return element if returned.shape is None else np.reshape(element, returned.shape)
        if returned.loaded:
            numbers = np.asarray(array)
            count = bindings[returned.counted].array if returned.counted else None
            return numbers if count is None else numbers[: int(np.asarray(count)[0, 0])]
        array = array.view(transposed=array.transposed, conjugated=array.conjugated)  # as it is stored
        array = array if owner is None else array.owned_by(owner)
        array = array if returned.shape is None else reshape(array, returned.shape)
        return array if returned.axes is None else permute_dims(array, returned.axes)

    def _scalars(self, output: str, array: Array) -> Any:
        """The single element of a 1 × 1 output; for a stack of problems an array of them."""
        if array.ndim == 2 and self._dataflow().writer(Tile(output, (0, 0))) is None:
            return array.dtype.type(0)  # nothing to add up: an empty matrix
        return np.asarray(array)[..., 0, 0][()]


class _Troubles:
    """What a waiting client remembers about workers that left."""

    def __init__(self) -> None:
        self._done = -1
        self._count = 0
        self._seen = time.monotonic()

    def repeated(self, status: Status, trouble: str | None) -> bool:
        """Whether workers keep leaving in trouble, one after another, with nothing done in between."""
        if status.done != self._done:
            self._done, self._count = status.done, 0
        self._count += trouble is not None
        return self._count >= LOST_WORKERS

    def nobody_s(self, status: Status) -> float:
        """Seconds since somebody was seen at work."""
        if status.workers:
            self._seen = time.monotonic()
        return time.monotonic() - self._seen


def attach(url: str) -> Run:
    """Find a run again, from anywhere, after any crash.

    Parameters
    ----------
    url : str
        `Run.url`, as it was printed.

    Returns
    -------
    Run
        It starts no workers until its `resume` is called.

    Raises
    ------
    RunNotFoundError
        If there is no run there.
    """
    record, store = RunRecord.load(url)
    return Run(store.url, record, store, names_setting("kernels.modules"))
