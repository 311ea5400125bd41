"""Workers as function calls, each as long as a worker lives: on any cloud, on Kubernetes, or here, by Lithops."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from numpywren.backends.backend import SERVE, call, extra
from numpywren.backends.remote import RemoteBackend
from numpywren.config import setting

__all__ = ["LithopsBackend"]

#: Of the time that a function may run, what its worker keeps for itself to leave in.
MARGIN, MARGIN_MAX_S = 0.1, 30.0


class LithopsBackend(RemoteBackend):
    """Has Lithops call one function for each worker, configured as Lithops always is, or by ``lithops.config``.

    What Lithops says of a call is believed only when it says how it ended: a call may be lost on its way, and cannot be
    taken back. Whoever has not begun in time is given up, and another called.
    """

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = SERVE) -> None:
        with extra("lithops"):
            from lithops.config import default_config
            from lithops.utils import is_lithops_worker
        # a worker that starts its successors has the configuration in its environment, and no file
        self._file = None if is_lithops_worker() else setting("lithops.config")
        if self._file is not None and not Path(self._file).is_file():
            raise ValueError(f"there is no file {self._file!r}; lithops.config must be a configuration of Lithops")
        try:
            config = default_config(config_file=self._file)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"Lithops needs the module {error.name} for what its configuration asks for: pip install "
                "'lithops[aws]', [gcp], [azure] or [kubernetes]",
                name=error.name,
            ) from error
        self._place = str(config["lithops"]["backend"])
        super().__init__(url, options, entry)
        self._set_deadline(config)
        self._executor: Any = None
        self._closing = ExitStack()

    def _set_deadline(self, config: Mapping[str, Any]) -> None:
        """Have workers leave before their function is cut off."""
        limits = (config["lithops"].get("execution_timeout"), config[self._place].get("runtime_timeout"))
        life_s = min((float(limit) for limit in limits if limit), default=math.inf)
        asked_s = self.options.get("deadline_s")
        if life_s < math.inf:
            leave_s = life_s - min(MARGIN * life_s, MARGIN_MAX_S)
            self.options["deadline_s"] = leave_s if asked_s is None else min(asked_s, leave_s)

    def launch(self, given: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Call the function for each of the options, all in one job."""
        calls = [(self.entry, self.url, options) for options in given]
        # nothing of this machine's code travels: numpywren is part of the runtime
        return list(self._made(len(calls)).map(call, calls, chunksize=1, include_modules=None))

    def _made(self, count: int) -> Any:
        if self._executor is None:
            from lithops import FunctionExecutor

            # on this machine all run at once, as anywhere else, and not only as many as it has cores
            most = max(count, int(setting("workers.max") or 0), 2)
            here = {"worker_processes": most} if self._place == "localhost" else {}
            self._executor = self._closing.enter_context(
                FunctionExecutor(config_file=self._file, log_level=None, **here)
            )
        return self._executor

    def fate(self, handle: Any) -> str | None:
        """How the call ended, if Lithops has heard of it."""
        if not (handle.ready or handle.success or handle.done):
            return None
        hook = sys.excepthook
        try:
            handle.result(internal_storage=self._executor.internal_storage)
        except Exception as error:  # noqa: BLE001 - whatever the function raised is what is asked for
            return f"{type(error).__name__}: {error}"
        finally:
            sys.excepthook = hook  # Lithops puts its own in place
        return ""

    def close(self) -> None:
        """End what still runs, as far as Lithops can, and delete what it stored for its calls."""
        if self._executor is not None:
            executor, self._executor = self._executor, None
            self._closing.close()
            if executor.data_cleaner:
                executor.clean(clean_fn=True, force=True, on_exit=True)
