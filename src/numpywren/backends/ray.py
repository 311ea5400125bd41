"""Workers as actors on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from numpywren.backends.backend import call, extra
from numpywren.backends.remote import RemoteBackend
from numpywren.config import setting

__all__ = ["RayBackend"]


class RayBackend(RemoteBackend):
    """Makes each worker a detached actor, which outlives its client, with a core for each slot.

    The cluster is that at ``ray.address``, else the one this process is connected to, else the one that Ray finds.
    """

    settings = ("ray.address",)

    def launch(self, given: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Make an actor for each of the options and have it work."""
        ray = self._ray()
        actor = ray.remote(_Actor)
        handles = []
        for options in given:
            kind = {"lifetime": "detached", "name": f"worker {options['badge']}", "namespace": "numpywren"}
            made = actor.options(num_cpus=self.options.get("slots", 1), max_restarts=0, **kind).remote()
            handles.append((made, made.work.remote(self.entry, self.url, options)))
        return handles

    def fate(self, handle: Any) -> str | None:
        """How the actor's work ended, if it did."""
        ray = self._ray()
        done, _ = ray.wait([handle[1]], timeout=0.0)
        if not done:
            return None
        try:
            ray.get(handle[1])
        except ray.exceptions.RayTaskError as error:
            return str(error.cause) or repr(error.cause)
        except ray.exceptions.RayError as error:
            # an actor ends itself when its worker has left; what else ended it is told in Ray's words
            return "" if "exit_actor" in str(error) else str(error)
        finally:
            self.withdraw(handle)
        return ""

    def withdraw(self, handle: Any) -> None:
        """Kill the actor, at work or not."""
        ray = self._ray()
        with suppress(ray.exceptions.RayError, ValueError):
            ray.kill(handle[0], no_restart=True)

    def _ray(self) -> Any:
        with extra("ray"):
            import ray
        if not ray.is_initialized():
            # workers' output is not echoed here: what matters of it comes by the roll
            address = setting("ray.address") or os.environ.get("RAY_ADDRESS", "auto")
            ray.init(address=address, log_to_driver=False, namespace="numpywren")
        return ray


class _Actor:
    """What an actor does: one worker."""

    def work(self, entry: str, url: str, options: Mapping[str, Any]) -> None:
        """Be a worker, then end: detached actors hold their cores until they do."""
        import ray

        call(entry, url, options)
        ray.actor.exit_actor()
