"""What a run would take: counts that are exact, and times on a kind of worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from numpywren.config import format_bytes
from numpywren.lambdapack import Task
from numpywren.planner.census import label
from numpywren.planner.groups import Group
from numpywren.planner.machine import Machine
from numpywren.planner.profile import Profile, profile
from numpywren.planner.sweep import Sweep
from numpywren.planner.words import choices_table
from numpywren.planner.words import duration as duration
from numpywren.planner.workload import Shapes, Workload, refuse_dust
from numpywren.worker.sizing import TaskSizes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from numpywren.planner.choice import Choice
    from numpywren.planner.simulate import Simulation

__all__ = ["KernelCount", "Plan", "make_plan"]

#: Tiles of one matrix beyond which nothing is planned.
MOST_TILES = 1_000_000


@dataclass(frozen=True)
class KernelCount:
    """All tasks of a run that compute the same.

    Attributes
    ----------
    kernel : str
        Names of the kernels in one task, the outermost first.
    tasks : int
    flops : float
        Floating point operations on real numbers.
    bytes_read, bytes_written : int
        Of tiles; read once for each task that needs them, as without any cache.
    seconds : float
        Of one slot, reading and writing left out.
    """

    kernel: str
    tasks: int
    flops: float
    bytes_read: int
    bytes_written: int
    seconds: float


@dataclass(frozen=True, repr=False)
class Plan:
    """What a run would take; made by `numpywren.planner`.

    Attributes
    ----------
    name : str
        What was asked for.
    machine : Machine
        The kind of worker.
    kernels : tuple of KernelCount
        In the order of the program's text.
    reads, writes : int
        Tiles read and written: requests to the store, were nothing cached.
    memory : int
        Bytes that a worker must be able to hold.
    largest : str
        The tile whose task needs them.
    path : int
        Tasks on the longest chain of tasks.
    seconds_at_least : float
        Time that the longest chain takes: with any number of workers it is not done sooner.
    profile : Profile
        Parallelism and working set over time with as many workers as are of use.
    workers : int or None
        Most workers of the simulated run.
    simulation : Simulation or None
        How a run with so many workers goes on a virtual clock; None if nobody said how many.
    choices : tuple of Choice
        Ways to run that were tried, the best first, which is this plan; empty if nothing was to be chosen.
    """

    name: str
    machine: Machine
    kernels: tuple[KernelCount, ...]
    reads: int
    writes: int
    memory: int
    largest: str
    path: int
    seconds_at_least: float
    profile: Profile
    workers: int | None = None
    simulation: Simulation | None = None
    choices: tuple[Choice, ...] = ()

    @property
    def tasks(self) -> int:
        """How many there are."""
        return sum(each.tasks for each in self.kernels)

    @property
    def flops(self) -> float:
        """Floating point operations on real numbers."""
        return sum(each.flops for each in self.kernels)

    @property
    def bytes_read(self) -> int:
        """Bytes of all tiles that tasks read, were nothing cached."""
        return sum(each.bytes_read for each in self.kernels)

    @property
    def bytes_written(self) -> int:
        """Bytes of all tiles that tasks write."""
        return sum(each.bytes_written for each in self.kernels)

    @property
    def slot_seconds(self) -> float:
        """Seconds of one slot for all that is computed."""
        return sum(each.seconds for each in self.kernels)

    @property
    def fits(self) -> bool:
        """Whether a worker of this kind can hold what every task needs."""
        return self.memory <= self.machine.memory

    def to_json(self) -> dict[str, Any]:
        """All figures as plain data; the profile as lists."""
        return {
            "name": self.name,
            "machine": self.machine.name,
            "tasks": self.tasks,
            "flops": self.flops,
            "bytes_read": self.bytes_read,
            "bytes_written": self.bytes_written,
            "reads": self.reads,
            "writes": self.writes,
            "memory": self.memory,
            "fits": self.fits,
            "path": self.path,
            "seconds_at_least": self.seconds_at_least,
            "slot_seconds": self.slot_seconds,
            "workers": self.workers,
            "simulation": None if self.simulation is None else self.simulation.to_json(),
            "choices": [asdict(each) for each in self.choices],
            "kernels": [asdict(each) for each in self.kernels],
            "profile": {
                "seconds": self.profile.seconds.tolist(),
                "parallelism": self.profile.parallelism.tolist(),
                "working_set": self.profile.working_set.tolist(),
            },
        }

    def rows(self) -> list[tuple[str, str]]:
        """The figures as people read them: what, and how much."""
        bound = format_bytes(self.machine.memory)
        remedy = f"for {self.largest}, and a worker has {bound}: use smaller tiles, or workers with more"
        fits = f"of {bound}" if self.fits else remedy
        return [
            ("tasks", f"{self.tasks:,}"),
            ("floating point operations", f"{self.flops:.3g}"),
            ("read, were nothing cached", f"{format_bytes(self.bytes_read)} in {self.reads:,} tiles"),
            ("written", f"{format_bytes(self.bytes_written)} in {self.writes:,} tiles"),
            ("memory of a worker", f"{format_bytes(self.memory)} {fits}"),
            ("longest chain", f"{self.path:,} tasks, {duration(self.seconds_at_least)}"),
            ("computing, in one slot", duration(self.slot_seconds)),
            ("most tasks at once", f"{self.profile.peak_parallelism:,.0f}"),
            ("most bytes in the store", f"{format_bytes(self.profile.peak_working_set)}, inputs apart"),
            *self._predicted(),
        ]

    def _predicted(self) -> list[tuple[str, str]]:
        """What the simulated run took."""
        found = self.simulation
        if found is None:
            return []
        bill = found.bill
        money = (
            f"${bill.total:,.2f}: compute {bill.compute:,.2f}, storage {bill.storage:,.2f}, "
            f"requests {bill.requests:,.2f}, control plane {bill.control:,.2f}"
        )
        return [
            ("predicted time", f"{duration(found.seconds)} with at most {self.workers:,} workers"),
            ("predicted core time", f"{duration(found.core_seconds)}, {found.utilisation:.0%} of it computing"),
            ("predicted reads", f"{format_bytes(found.bytes_read)} in {found.gets:,} requests, the rest is cached"),
            ("predicted cost", money if bill.total else "this machine has no prices"),
        ]

    def __str__(self) -> str:
        width = max(len(what) for what, _ in self.rows())
        about = f" ({self.machine.about})" if self.machine.about else ""
        lines = [f"plan of {self.name} on {self.machine.name}{about}", ""]
        lines += [f"{what:<{width}}  {value}" for what, value in self.rows()]
        lines += ["", f"{'kernel':<24}{'tasks':>12}{'flops':>12}{'read':>12}{'written':>12}{'slot time':>12}"]
        lines += [
            f"{each.kernel:<24}{each.tasks:>12,}{each.flops:>12.3g}{format_bytes(each.bytes_read):>12}"
            f"{format_bytes(each.bytes_written):>12}{duration(each.seconds):>12}"
            for each in self.kernels
        ]
        if self.choices:
            rows = choices_table(self.choices)
            widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
            lines += ["", "ways to run, the best first:"]
            lines += [
                "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
            ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><th>{what}</th><td>{value}</td></tr>" for what, value in self.rows())
        kernels = "".join(
            f"<tr><th>{each.kernel}</th><td>{each.tasks:,}</td><td>{each.flops:.3g}</td>"
            f"<td>{format_bytes(each.bytes_read)}</td><td>{format_bytes(each.bytes_written)}</td>"
            f"<td>{duration(each.seconds)}</td></tr>"
            for each in self.kernels
        )
        head = "".join(f"<th>{name}</th>" for name in ("kernel", "tasks", "flops", "read", "written", "slot time"))
        return (
            f"<p>plan of <b>{self.name}</b> on {self.machine.name}</p><table>{cells}</table>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{kernels}</tbody></table>{self._choices_html()}"
        )

    def _choices_html(self) -> str:
        if not self.choices:
            return ""
        first, *others = choices_table(self.choices)
        head = "".join(f"<th>{cell}</th>" for cell in first)
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in others)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def plot(self) -> Figure:
        """Draw the profile: parallelism above, working set below, over time. Needs Matplotlib.

        A simulated run comes below: workers that were there, and tasks under way.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from numpywren.planner.plot import plot_profile  # Matplotlib is an extra

        title = f"{self.name}, with workers ({self.machine.name}) for all that can go on"
        return plot_profile(self.profile, title, self.simulation, self.machine.slots)


def make_plan(workload: Workload, machine: Machine) -> Plan:
    """Plan a run on a kind of worker; how fast that is depends on the length of the tiles.

    Raises
    ------
    ValueError
        If there are so many tiles that counting the tasks would take minutes, and running them for ever.
    """
    refuse_dust(workload.bindings, MOST_TILES, "planned")
    machine = machine.at(workload.tile_length)
    swept = Sweep(workload, Shapes(workload), machine)
    memory, largest = _memory(workload, swept)
    return Plan(
        name=workload.record.name,
        machine=machine,
        kernels=_by_kernel(swept.groups.all),
        reads=sum(group.tasks * group.tiles_read for group in swept.groups.all),
        writes=sum(group.tasks * group.tiles_written for group in swept.groups.all),
        memory=memory,
        largest=largest,
        path=swept.path,
        seconds_at_least=swept.end,
        profile=profile(swept.moments, swept.deaths()),
    )


def _by_kernel(groups: Sequence[Group]) -> tuple[KernelCount, ...]:
    found: dict[str, list[Any]] = {}
    labels: dict[int, str] = {}
    for group in sorted(groups, key=lambda group: group.kind.number):
        if group.kind.number not in labels:
            labels[group.kind.number] = label(group.kind.value)
        sums = found.setdefault(labels[group.kind.number], [0, 0.0, 0, 0, 0.0])
        each = (1, sum(group.work.values()), group.bytes_read, group.bytes_written, group.seconds)
        for place, amount in enumerate(each):
            sums[place] += group.tasks * amount
    return tuple(KernelCount(kernel, *sums) for kernel, sums in found.items())


def _memory(workload: Workload, swept: Sweep) -> tuple[int, str]:
    """Bytes that the largest task needs, and a tile that it writes: of each kind the task that reads most."""
    sizes = TaskSizes(workload.dataflow, workload.bindings, workload.record, swept.groups.full_shape)
    most: dict[int, Group] = {}
    for group in swept.groups.all:
        if group.kind.number not in most or group.tiles_read > most[group.kind.number].tiles_read:
            most[group.kind.number] = group
    needed, largest = 0, ""
    for number in sorted(most):
        group = most[number]
        task = Task(number, tuple(group.example[loop.variable] for loop in group.kind.loops))
        promise = sizes.promise(task)
        if promise > needed:
            needed, largest = promise, str(workload.dataflow.writes(task)[0])
    return needed, largest
