"""Trying ways to run a function, and choosing the one that keeps a deadline or a budget at the lowest price."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from numpywren.autoscaler import Limits
from numpywren.config import config
from numpywren.job.prepare import prepare
from numpywren.job.request import Request
from numpywren.planner import Machine, Plan, Workload, make_plan
from numpywren.planner.choice import Choice, Wish, estimate
from numpywren.planner.simulate import Pool, simulate

__all__ = ["MOST_WORKERS", "as_configured", "choose", "simulated"]

#: Lengths of tiles that are tried.
LENGTHS = (512, 1024, 2048, 4096, 8192)
#: Most workers where nobody said how many there may be.
MOST_WORKERS = 1000
#: Tasks of a plan that is tried at most; and of one that is simulated, which takes some seconds.
TRIED, SIMULATED = 600_000, 60_000
#: How many of the best estimates are simulated, and how many ways are told.
FINALISTS, TOLD = 4, 6
#: Share of a limit that an estimate may use.
MARGIN = 0.9

#: Builds the request with its arrays cut into tiles of a length.
Build = Callable[[int], Request]


@contextlib.contextmanager
def as_configured(machine: Machine, workers: int, factor: float = 1.0, depth: int | None = None) -> Iterator[None]:
    """Have functions cut their work as they would with these workers."""
    settings = {
        "workers.max": workers,
        "worker.slots": machine.slots,
        "worker.memory": machine.memory,
        "workers.factor": factor,
    }
    with config.set(settings if depth is None else {**settings, "linalg.depth": depth}):
        yield


def simulated(workload: Workload, plan: Plan, workers: int, factor: float = 1.0) -> Plan:
    """A plan with the simulation of a run that has at most so many workers."""
    pool = Pool(limits=Limits(ceiling=workers, factor=factor))
    return replace(plan, workers=workers, simulation=simulate(workload, plan.machine, pool))


def choose(build: Build, machine: Machine, wish: Wish, most: int = MOST_WORKERS) -> Plan:
    """Plan a function in several ways and choose one.

    Parameters
    ----------
    build : callable
        Builds the request for tiles of a length.
    machine : Machine
    wish : Wish
    most : int
        Most workers.

    Returns
    -------
    Plan
        The best, simulated unless it has too many tasks for that, with the runners-up in `Plan.choices`. Where nothing
        keeps within the limits it is what comes nearest.

    Raises
    ------
    ValueError
        If the function refuses its arguments, or no way fits in a worker.
    """
    tried = list(_ways(build, machine, most))
    if not tried:
        raise ValueError(
            f"no tiles of {', '.join(map(str, LENGTHS))} fit in the memory of {machine.name} with at most "
            f"{TRIED:,} tasks; use a machine with more memory"
        )
    ranked: list[tuple[Choice, Plan, Workload]] = []
    for chunks, depth, plan, workload in tried:
        ranked += [(each, plan, workload) for each in _counts(plan, depth, chunks, most, wish)]
    ranked.sort(key=lambda each: wish.rank(each[0]))
    finals = [_checked(each, most, wish) for each in _different(ranked)[:FINALISTS]]
    best = min(finals, key=lambda each: wish.rank(each[0]))
    finals += _with_less(best)
    finals.sort(key=lambda each: wish.rank(each[0]))
    choice, plan, _ = finals[0]
    told = [each for each, _, _ in finals]
    told += [each for each, _, _ in ranked if not any(_same(each, other) for other in told)]
    return replace(plan, workers=choice.workers, choices=tuple(told[:TOLD]))


def _ways(build: Build, machine: Machine, most: int) -> Iterator[tuple[int, int | None, Plan, Workload]]:
    """Tile lengths and depths with their plans."""
    seen = set()
    refused: ValueError | None = None
    found = False
    for chunks in LENGTHS:
        for depth in _depths(build, chunks, machine, most):
            with as_configured(machine, most, depth=depth):
                try:
                    workload, _ = prepare(build(chunks))
                except ValueError as error:
                    refused = error
                    continue
            found = True
            key = (workload.tile_length, tuple(workload.record.sizes.items()))
            if key in seen or workload.dataflow.count() > TRIED:
                continue
            seen.add(key)
            plan = make_plan(workload, machine)
            if plan.fits:
                yield workload.tile_length, depth, plan, workload
    if refused is not None and not found:
        raise refused


def _depths(build: Build, chunks: int, machine: Machine, most: int) -> Sequence[int | None]:
    """Panels that are tried: none where the program has none, else narrow ones and that of the function's own rule."""
    with as_configured(machine, most):
        try:
            request = build(chunks)
        except ValueError:
            return [None]
    told = []
    for depth in (1, 2):
        with as_configured(machine, most, depth=depth):
            told.append(build(chunks).sizes.get("depth"))
    if told[0] == told[1]:  # it has no panels, or a rule of its own
        return [None]
    return sorted({1, 2, 4, int(request.sizes["depth"])})


def _counts(plan: Plan, depth: int | None, chunks: int, most: int, wish: Wish) -> Iterator[Choice]:
    """The plan with the fewest workers that keep the deadline, or the most that the budget pays for."""
    ladder = [min(2**power, most) for power in range(math.ceil(math.log2(most)) + 1)]
    found = [estimate(plan, workers, depth, chunks) for workers in dict.fromkeys(ladder)]
    inside = [each for each in found if wish.granted(each.seconds / MARGIN, each.dollars / MARGIN)]
    yield from sorted(inside or found, key=wish.rank)[:2]


def _different(ranked: list[tuple[Choice, Plan, Workload]]) -> list[tuple[Choice, Plan, Workload]]:
    """The best of each plan."""
    return list({id(plan): (choice, plan, workload) for choice, plan, workload in reversed(ranked)}.values())[::-1]


def _checked(way: tuple[Choice, Plan, Workload], most: int, wish: Wish) -> tuple[Choice, Plan, Workload]:
    """Simulate a way; with twice the workers, and again, while it misses the deadline."""
    choice, plan, workload = way
    if plan.tasks > SIMULATED:
        return way
    workers = choice.workers
    while True:
        done = simulated(workload, plan, workers, choice.factor)
        found = _as_simulated(choice, done, workers, choice.factor)
        if found.seconds <= wish.deadline_s or workers >= most or found.dollars > wish.budget:
            return found, done, workload
        workers = min(2 * workers, most)


def _with_less(way: tuple[Choice, Plan, Workload]) -> list[tuple[Choice, Plan, Workload]]:
    """The same with half as many slots as there are tasks to compute, which may be cheaper."""
    choice, plan, workload = way
    if not choice.simulated or choice.workers == 1:
        return []
    done = simulated(workload, replace(plan, simulation=None), choice.workers, 0.5)
    return [(_as_simulated(choice, done, choice.workers, 0.5), done, workload)]


def _as_simulated(choice: Choice, plan: Plan, workers: int, factor: float) -> Choice:
    found = plan.simulation
    assert found is not None
    return Choice(
        choice.chunks,
        choice.depth,
        workers,
        factor,
        found.seconds,
        found.bill.total,
        found.core_seconds,
        simulated=True,
    )


def _same(one: Choice, other: Choice) -> bool:
    return (one.chunks, one.depth, one.workers, one.factor) == (other.chunks, other.depth, other.workers, other.factor)
