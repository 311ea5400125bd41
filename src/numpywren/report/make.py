"""From the journal and the record of a run to its report; nothing else is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from numpywren.autoscaler import Limits
from numpywren.errors import NoEventsError, NumpywrenError
from numpywren.events import (
    LeaseLost,
    StoreRetried,
    TaskAgain,
    TaskDone,
    TaskFailed,
    TaskTakenOver,
    TileRead,
    TilesCached,
    TilesFreed,
    TileWritten,
    WorkerExit,
    WorkerStart,
)
from numpywren.planner import Machine, Workload, load_machine, machine_files
from numpywren.planner.simulate import Bill, Pool, Simulation, simulate
from numpywren.report.recorded import Recorded, read_events
from numpywren.report.report import Failed, Report, SlowTask, Tasks, WorkerLife
from numpywren.report.views import working_set
from numpywren.report.work import Work, labels_of, open_work, split_tasks
from numpywren.worker import RunRecord

__all__ = ["SIMULATED_TASKS", "compose", "find_work", "kernel_label", "kernel_labels", "make_report"]

#: Tasks beyond which a run is not simulated unless that is asked for: that would take long.
SIMULATED_TASKS = 20_000
#: Slowest tasks that a report lists.
SLOWEST = 20


def make_report(url: str, machine: str | Machine = "this-machine", predict: bool | None = None) -> Report:
    """Read what was written down about a run.

    Parameters
    ----------
    url : str
        The run.
    machine : str or Machine
        The kind of worker with which the run is compared, and whose prices it is charged.
    predict : bool, optional
        Whether to simulate the run, for comparison; default: if it has no more than 20 000 tasks.

    Raises
    ------
    RunNotFoundError
        If there is no run.
    NoEventsError
        If nothing was written down about it.
    ValueError
        If there is no such machine.
    """
    chosen = machine if isinstance(machine, Machine) else load_machine(machine, *machine_files())
    record, store = RunRecord.load(url)
    recorded = read_events(store)
    if not recorded.workers:
        raise NoEventsError(_nothing(store.url, record, recorded))
    work, missing = find_work(record)
    return compose(store.url, record, recorded, work, chosen, predict, missing)


def find_work(record: RunRecord) -> tuple[Work | None, tuple[str, ...]]:
    """Look at a run's program; None, and a note on what will be missing, if it cannot be read here."""
    try:
        return open_work(record), ()
    except (NumpywrenError, ValueError) as error:
        return None, (f"flops, parallelism and a prediction are missing, as the run's program cannot be read: {error}",)


def compose(
    url: str,
    record: RunRecord,
    recorded: Recorded,
    work: Work | None,
    chosen: Machine,
    predict: bool | None = None,
    missing: tuple[str, ...] = (),
    simulated: Callable[[Workload, Machine, Pool], Simulation] = simulate,
) -> Report:
    """Put a report together from what was read; see `make_report`."""
    notes = list(missing)
    labels = kernel_labels(record, work)
    tasks = _tasks(recorded, work, labels)
    workers = _workers(recorded, tasks)
    predicted = _predicted(work, chosen, workers, predict, notes, simulated)
    if not chosen.sources:
        notes.append(f"the figures of {chosen.name} are a guess: run `numpywren calibrate`")
    if recorded.skipped:
        notes.append(
            f"{len(recorded.skipped)} event files were passed over, the first because {recorded.skipped[0][1]}"
        )
    reads, writes = recorded[TileRead], recorded[TileWritten]
    cached, summed = reads["cached"].astype(bool), recorded[TilesCached]
    moments, held = working_set(recorded)
    done = len(np.unique(tasks.task.astype(str)))
    busy = tasks.seconds.sum() - tasks.stalled.sum()
    return Report(
        url=url,
        name=record.name,
        version=record.version,
        created=record.created,
        total=None if work is None else work.tasks,
        done=done,
        repeated=len(tasks) - done,
        wall=recorded.end_s,
        core_seconds=sum(each.slots * (each.end_s - each.start_s) for each in workers),
        busy_seconds=float(busy),
        stalled_seconds=float(tasks.stalled.sum()),
        flops=None if work is None else float(np.nansum(tasks.flops)),
        reads=int((~cached).sum()),
        cache_hits=int(cached.sum() + summed["count"].sum()),
        writes=recorded.count(TileWritten),
        freed=int(recorded[TilesFreed]["count"].sum()),
        retries=recorded.count(StoreRetried),
        bytes_read=int(reads["nbytes"][~cached].sum()),
        bytes_from_cache=int(reads["nbytes"][cached].sum() + summed["nbytes"].sum()),
        bytes_written=int(writes["nbytes"].sum()),
        peak_working_set=int(held.max(initial=0)),
        leases_lost=recorded.count(LeaseLost),
        taken_over=recorded.count(TaskTakenOver),
        tried_again=recorded.count(TaskAgain),
        workers=workers,
        failures=_failures(recorded, labels),
        slowest=_slowest(recorded, tasks),
        batches=recorded.batches,
        skipped=len(recorded.skipped),
        machine=chosen,
        predicted=predicted,
        cost=_cost(chosen, recorded, workers, done, float(np.sum(np.diff(moments) * held[:-1]))),
        notes=tuple(notes),
        tasks=tasks,
        recorded=recorded,
        work=work,
    )


def _nothing(url: str, record: RunRecord, recorded: Recorded) -> str:
    if recorded.skipped:
        why = recorded.skipped[0][1]
        return f"none of the {len(recorded.skipped)} event files of {url} can be read; of the first: {why}"
    return (
        f"nothing was written down about the run at {url}, made by numpywren {record.version or '?'}: it has not "
        "begun, it ran with the setting events=false, it was a call of a few seconds, its workers were killed before "
        "they wrote or could not write (is the store full?), or that version wrote no events"
    )


def _tasks(recorded: Recorded, work: Work | None, names: Sequence[str]) -> Tasks:
    table = recorded[TaskDone]
    apart = split_tasks(list(table["task"]))
    kinds = apart.kind
    labels = {int(kind): kernel_label(int(kind), names) for kind in np.unique(kinds)}
    seconds = table["end_s"] - table["start_s"]
    taken: dict[str, float] = {}
    for kind, label in labels.items():
        taken[label] = taken.get(label, 0.0) + float(seconds[kinds == kind].sum())
    kernels = tuple(sorted(taken, key=lambda name: -taken[name]))
    place = {kind: kernels.index(label) for kind, label in labels.items()}
    numbers = np.full(len(kinds), -1, dtype=np.int64) if work is None else work.numbers(apart)
    flops = np.full(len(kinds), np.nan)
    if work is not None:
        flops[numbers >= 0] = work.flops[numbers[numbers >= 0]]
    return Tasks(
        task=table["task"],
        number=numbers,
        kernel=np.array([place[int(kind)] for kind in kinds], dtype=np.int64),
        by=table["by"],
        slot=table["slot"],
        start_s=table["start_s"],
        end_s=table["end_s"],
        stalled=np.minimum(table["stalled_seconds"], seconds),
        flops=flops,
        kernels=kernels,
    )


def kernel_labels(record: RunRecord, work: Work | None) -> tuple[str, ...]:
    """Names of the kernels of each kind of task, of a run whose kernels cannot be loaded too."""
    return labels_of(record) if work is None else tuple(work.labels)


def kernel_label(kind: int, labels: Sequence[str]) -> str:
    """Name of the kernel of a kind of task."""
    return labels[kind] if 0 <= kind < len(labels) else f"kind {kind}"


def _workers(recorded: Recorded, tasks: Tasks) -> tuple[WorkerLife, ...]:
    starts, exits = recorded[WorkerStart], recorded[WorkerExit]
    begun = {int(by): row for row, by in enumerate(starts["by"])}
    left = {int(by): row for row, by in enumerate(exits["by"])}
    first, last = _lives(recorded)
    found = []
    for by, name in enumerate(recorded.workers):
        row, end = begun.get(by), left.get(by)
        mine = tasks.by == by
        found.append(
            WorkerLife(
                name=name,
                host="" if row is None else str(starts["host"][row]),
                slots=int(tasks.slot[mine].max(initial=0)) + 1 if row is None else int(starts["slots"][row]),
                memory=0 if row is None else int(starts["memory"][row]),
                version="" if row is None else str(starts["version"][row]),
                start_s=float(first[by]),
                end_s=float(last[by]),
                reason="" if end is None else str(exits["reason"][end]),
                tasks=int(mine.sum()),
            )
        )
    return tuple(found)


def _lives(recorded: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """First and last moment at which something is known of each worker."""
    first, last = np.full(len(recorded.workers), np.inf), np.zeros(len(recorded.workers))
    for table in recorded.tables.values():
        for column in ("at_s", "start_s", "end_s"):
            if column in table:
                np.minimum.at(first, table["by"], table[column])
                np.maximum.at(last, table["by"], table[column])
    return np.where(np.isfinite(first), first, 0.0), last


def _failures(recorded: Recorded, labels: Sequence[str]) -> tuple[Failed, ...]:
    table = recorded[TaskFailed]
    kinds = split_tasks(list(table["task"])).kind
    return tuple(
        Failed(
            str(table["task"][row]),
            kernel_label(int(kinds[row]), labels),
            recorded.workers[int(table["by"][row])],
            str(table["error"][row]),
            str(table["message"][row]),
            float(table["at_s"][row]),
        )
        for row in range(len(kinds))
    )


def _slowest(recorded: Recorded, tasks: Tasks) -> tuple[SlowTask, ...]:
    seconds = tasks.seconds
    medians = [float(np.median(seconds[tasks.kernel == number])) for number in range(len(tasks.kernels))]
    return tuple(
        SlowTask(
            str(tasks.task[row]),
            tasks.kernels[int(tasks.kernel[row])],
            recorded.workers[int(tasks.by[row])],
            int(tasks.slot[row]),
            float(tasks.start_s[row]),
            float(seconds[row]),
            float(tasks.stalled[row]),
            float(seconds[row] / (medians[int(tasks.kernel[row])] or 1.0)),
        )
        for row in np.argsort(-seconds, kind="stable")[:SLOWEST]
    )


def _predicted(
    work: Work | None,
    machine: Machine,
    workers: tuple[WorkerLife, ...],
    predict: bool | None,
    notes: list[str],
    simulated: Callable[[Workload, Machine, Pool], Simulation],
) -> Simulation | None:
    """The run, simulated with as many workers as there were at most at a time, as large as they were."""
    if work is None or predict is False:
        return None
    if predict is None and work.tasks > SIMULATED_TASKS:
        notes.append(f"a run of more than {SIMULATED_TASKS:,} tasks is simulated if asked for: predict=True, --predict")
        return None
    moments = np.array([each.start_s for each in workers])
    most = max(int(sum(each.start_s <= moment < each.end_s for each in workers)) for moment in moments)
    known = [each for each in workers if each.memory]
    if known:
        machine = replace(machine, slots=known[0].slots, memory=known[0].memory)
    # the clock of a report begins with the first worker
    machine = replace(machine, start_s=0.0)
    try:
        return simulated(
            work.workload, machine, Pool(limits=Limits(floor=max(most, 1), ceiling=max(most, 1)), static=True)
        )
    except RuntimeError as error:
        notes.append(f"the simulation came to no end: {error}")
        return None


def _cost(
    machine: Machine, recorded: Recorded, workers: tuple[WorkerLife, ...], done: int, byte_seconds: float
) -> Bill | None:
    prices = machine.prices
    if prices == type(prices)():
        return None
    hours = sum(each.end_s - each.start_s for each in workers) / 3600.0
    gets = int((~recorded[TileRead]["cached"].astype(bool)).sum())
    return Bill(
        compute=hours * prices.worker_hour + len(workers) * prices.worker_start,
        storage=byte_seconds / 1e9 / (30 * 86400.0) * prices.gigabyte_month,
        requests=gets * prices.get + recorded.count(TileWritten) * prices.put,
        control=done * prices.plane_task + recorded.end_s / 3600.0 * prices.plane_hour,
    )
