"""Control planes that break one law each, so that the tests of planes can be tested; on any honest plane's class."""

from __future__ import annotations

from dataclasses import replace

from numpywren.control.memory import MemoryPlane
from numpywren.control.plane import Completion, Reader
from numpywren.control.sqlite.plane import SqlitePlane


class Eager:
    """Makes a reader ready by its first tile."""

    def complete(self, worker, task, arrivals, reads):
        eager = [replace(a, readers=tuple(Reader(r.task, 1, r.priority) for r in a.readers)) for a in arrivals]
        return super().complete(worker, task, eager, reads)


class Forgetful:
    """Believes each completion to be the first."""

    def complete(self, worker, task, arrivals, reads):
        return replace(super().complete(worker, task, arrivals, reads), first=True)


class Hoarder:
    """Frees nothing."""

    def complete(self, worker, task, arrivals, reads):
        return replace(super().complete(worker, task, arrivals, reads), freed=())


class Spendthrift:
    """Frees what a task has read, whoever else reads it."""

    def complete(self, worker, task, arrivals, reads):
        done = super().complete(worker, task, arrivals, reads)
        return Completion(done.ready, tuple({*done.freed, *reads}), done.finished, done.first)


class Unjust:
    """Hands out the least urgent of what it would have handed out."""

    def claim(self, worker, limit, lease_s, prefer=(), **over):
        more = super().claim(worker, limit + 1, lease_s, prefer, **over)
        self.release(worker, [claim.task for claim in more[: len(more) - limit]])
        return more[max(len(more) - limit, 0) :]


class Deaf:
    """Prefers nothing."""

    def claim(self, worker, limit, lease_s, prefer=(), **over):
        return super().claim(worker, limit, lease_s, **over)


class Greedy:
    """Takes over from anybody."""

    def claim(self, worker, limit, lease_s, prefer=(), over=()):
        held = {one.task: one.worker for one in self.status().longest}
        return super().claim(worker, limit, lease_s, prefer, over={task: held.get(task, "") for task in over})


class Vain:
    """Counts the time of a lease from its last renewal."""

    def renew(self, worker, tasks, lease_s):
        held = super().renew(worker, tasks, lease_s)
        for task in held:
            self._run.leases[task].since = self.clock()
        return held


class Generous:
    """Renews whatever it is asked to."""

    def renew(self, worker, tasks, lease_s):
        return super().renew(worker, tasks, lease_s) | frozenset(tasks)


class Severe:
    """Leases end at once."""

    def claim(self, worker, limit, lease_s, prefer=(), **over):
        return super().claim(worker, limit, 0.0, prefer, **over)


class Stubborn:
    """Goes on after a stop."""

    def stop(self, failure):
        self.status()


def on_memory(fault):
    return type(fault.__name__, (fault, MemoryPlane), {})


ERRING_MEMORY_PLANES = [
    on_memory(fault)
    for fault in (Eager, Forgetful, Hoarder, Spendthrift, Unjust, Deaf, Greedy, Vain, Generous, Severe, Stubborn)
]


class EagerSqlite(Eager, SqlitePlane):
    pass


class ForgetfulSqlite(Forgetful, SqlitePlane):
    pass


class HoarderSqlite(Hoarder, SqlitePlane):
    pass


class SpendthriftSqlite(Spendthrift, SqlitePlane):
    pass
