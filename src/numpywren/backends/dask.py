"""Workers as long tasks on the workers of a Dask cluster that is there already."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from numpywren.backends.backend import SERVE, call, extra
from numpywren.backends.remote import RemoteBackend
from numpywren.config import setting

__all__ = ["DaskBackend"]


class DaskBackend(RemoteBackend):
    """Hands each worker to Dask as one task: on the cluster at ``dask.address``, else on the current client's.

    Dask cannot stop a task that runs, so workers are sent away by the sign on the roll, as those of every backend are.
    """

    settings = ("dask.address", "dask.resources")

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = SERVE) -> None:
        super().__init__(url, options, entry)
        self._own: Any = None

    def launch(self, given: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Submit a task for each of the options, spread over the cluster's workers."""
        with extra("dask"):
            from distributed import fire_and_forget
        client = self._client()
        places = itertools.cycle(self._places(client))
        futures = [
            client.submit(
                call,
                self.entry,
                self.url,
                options,
                key=f"numpywren-worker-{options['badge']}",
                pure=False,
                # on different Dask workers, as each of ours brings slots and a cache of its own
                workers=[next(places)],
                allow_other_workers=True,
                resources=_resources(setting("dask.resources")),
            )
            for options in given
        ]
        fire_and_forget(futures)  # the run goes on if this client goes away
        return futures

    def _client(self) -> Any:
        with extra("dask"):
            from distributed import Client, get_client, get_worker
        if self._own is not None and self._own.status == "running":
            return self._own
        address = setting("dask.address")
        with suppress(ValueError):
            get_worker()
            address = None  # a worker that starts its successors is on the cluster
        with suppress(ValueError):
            client = get_client()
            if address in (None, client.scheduler.address):
                return client
        if address is None:
            raise ValueError(
                "the backend 'dask' needs a cluster: set dask.address, as in 'tcp://scheduler:8786', or make a "
                "distributed.Client first"
            )
        self._own = Client(address, set_as_default=False)
        return self._own

    def _places(self, client: Any) -> list[str]:
        """Dask workers, those that have least to do first."""
        known = client.scheduler_info(n_workers=-1)["workers"]
        memory = int(self.options.get("memory", 0))
        for address, worker in known.items():
            if worker["memory_limit"] and memory > worker["memory_limit"]:
                raise ValueError(
                    f"a worker may take {memory} bytes, but the Dask worker {address} is killed at "
                    f"{worker['memory_limit']}: set worker.memory to less"
                )
        if not known:
            raise ValueError(f"the Dask cluster {client.scheduler.address} has no workers")
        return sorted(known, key=lambda address: known[address].get("metrics", {}).get("executing", 0))

    def fate(self, handle: Any) -> str | None:
        """How the task ended, if it did; a task whose Dask worker died is begun again by Dask."""
        if handle.status == "finished":
            return ""
        if handle.status in ("error", "lost", "cancelled"):
            failure = handle.exception(timeout=5.0) if handle.status == "error" else None
            return f"{type(failure).__name__}: {failure}" if failure else f"Dask says that its task is {handle.status}"
        return None

    def withdraw(self, handle: Any) -> None:
        """Take back a task that waits; one that runs is out of Dask's reach, and leaves by itself."""
        handle.cancel(force=True)

    def close(self) -> None:
        """Close the client, if it was made here."""
        if self._own is not None:
            self._own.close()
            self._own = None


def _resources(text: str | None) -> dict[str, float] | None:
    """Dask's resources, from ``name=amount,…``."""
    if text is None:
        return None
    try:
        pairs = [part.split("=") for part in str(text).split(",")]
        return {name.strip(): float(amount) for name, amount in pairs}
    except ValueError:
        raise ValueError(f"dask.resources must be as in 'numpywren=1', not {text!r}") from None
