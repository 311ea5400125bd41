"""A control plane beside the memory plane, through random histories that Hypothesis makes up and shrinks.

Needs Hypothesis. A plane of your own is compared by four lines::

    class MyMachine(ControlPlaneMachine):
        def open(self, clock):
            return MyPlane(new_url(), clock=clock)

    TestMyMachine = MyMachine.TestCase

The run is a random graph of tasks. Its history is one of claims, completions (late, repeated, and of tasks that nobody
claimed), renewals, releases, time passing, stops, and restores from what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from numpywren.control import (
    MAX_ATTEMPTS,
    Arrival,
    Claim,
    ControlPlane,
    Failure,
    Held,
    Reader,
    Status,
    TaskState,
)
from numpywren.control.memory import MemoryPlane
from numpywren.testing.control_setup import ManualClock

__all__ = ["ControlPlaneMachine", "Graph", "Node", "graphs"]


@dataclass(frozen=True)
class Node:
    """A task of a random graph: the tiles that it reads and writes, and its priority."""

    task: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    priority: int


@dataclass(frozen=True)
class Graph:
    """A random program: tasks in an order in which they can run, and which tiles are counted."""

    nodes: tuple[Node, ...]
    counted: frozenset[str]

    def reader(self, node: Node) -> Reader:
        """Describe a task as one that reads."""
        return Reader(node.task, len(node.reads), node.priority)

    def readers(self, tile: str) -> tuple[Reader, ...]:
        """Find all tasks that read a tile."""
        return tuple(self.reader(node) for node in self.nodes if tile in node.reads)

    def arrivals(self, node: Node) -> tuple[Arrival, ...]:
        """Describe what a task writes."""
        return tuple(Arrival(tile, self.readers(tile), tile in self.counted) for tile in node.writes)

    def counted_reads(self, node: Node) -> tuple[str, ...]:
        """Find those tiles that a task reads and that are to be freed."""
        return tuple(tile for tile in node.reads if tile in self.counted)


@st.composite
def graphs(draw: st.DrawFn, size: int = 9) -> Graph:
    """Draw a graph of at most `size` tasks."""
    nodes: list[Node] = []
    tiles: list[str] = []
    for i in range(draw(st.sampled_from(range(size, 0, -1)))):
        reads = draw(st.lists(st.sampled_from(tiles), unique=True, max_size=4)) if tiles else []
        writes = tuple(f"{i}:{k}" for k in range(draw(st.integers(0, 2))))
        nodes.append(Node(f"t{i}", tuple(reads), writes, draw(st.integers(0, 2))))
        tiles += writes
    counted = draw(st.frozensets(st.sampled_from(tiles))) if tiles else frozenset()
    return Graph(tuple(nodes), counted)


WORKERS = st.sampled_from(["u", "v", "w"])
NUMBERS = st.integers(0, 8)
SEVERAL = st.lists(NUMBERS, max_size=5)
SECONDS = st.sampled_from([1.0, 5.0, 10.0])


class ControlPlaneMachine(RuleBasedStateMachine):
    """Compares a plane with the memory plane; a subclass says how a new one is opened."""

    def open(self, clock: Callable[[], float]) -> ControlPlane:
        """Open a new plane, or one in which there is no run."""
        raise NotImplementedError

    @initialize(graph=graphs())
    def begin(self, graph: Graph) -> None:
        """Begin the run with those tasks that read nothing."""
        self.graph = graph
        self.clock = ManualClock()
        self.model = MemoryPlane(clock=self.clock)
        self.plane = self.open(self.clock)
        self.claims: list[tuple[str, Node]] = []  # who was ever handed what
        self.recent = 0  # how many of them since the last restore
        self.endangered: set[str] = set()  # tasks in their last attempt
        self.written: set[str] = set()
        self.done: set[str] = set()
        self.by_name = {node.task: node for node in graph.nodes}
        self._restore(set(), everything=False)

    def teardown(self) -> None:
        """Delete the plane."""
        if hasattr(self, "plane"):
            self.plane.delete()

    # -- what workers do

    @rule(worker=WORKERS, limit=st.sampled_from([1, 2, 1, 3, 0]), lease_s=SECONDS, prefer=SEVERAL)
    def claim(self, worker: str, limit: int, lease_s: float, prefer: list[int]) -> None:
        """Claim: ties of priority are the plane's to break, so the model is made to follow its choice."""
        preferred = {self._node(i).task for i in prefer}
        wanted = self.model.copy().claim(worker, limit, lease_s, preferred)
        got = self.plane.claim(worker, limit, lease_s, preferred)
        followed = self.model.claim(worker, limit, lease_s, [claim.task for claim in got])
        assert sorted(got, key=_task) == sorted(followed, key=_task), "not the most urgent tasks, or not the attempt"
        assert _liked(got, preferred) == _liked(wanted, preferred), "preferred tasks come first among equals"
        urgency = [self.by_name[claim.task].priority for claim in got]
        assert urgency == sorted(urgency), "the most urgent comes first"
        for claim in got:
            node = self.by_name[claim.task]
            assert set(node.reads) <= self.written, "handed out before all its tiles had arrived"
            assert claim.task not in self.done, "handed out though done"
            self.claims.append((worker, node))
            self.recent += 1
            if claim.attempt == MAX_ATTEMPTS:
                self.endangered.add(claim.task)

    @rule(worker=WORKERS, limit=st.sampled_from([1, 2]), number=NUMBERS, holder=WORKERS)
    def take_over(self, worker: str, limit: int, number: int, holder: str) -> None:
        """Take over tasks that may or may not be that worker's; what isn't leaves room for a ready one."""
        held = [held.task for held in self.model.status().longest if held.worker == holder]
        slow = dict.fromkeys([*held[number % 3 :], self._node(number).task][:limit], holder)
        got = self.plane.claim(worker, len(slow), 10.0, over=slow)
        mine = self.model.claim(worker, len(slow), 10.0, prefer=[claim.task for claim in got], over=slow)
        assert sorted(got, key=_task) == sorted(mine, key=_task), "not what was to be taken over"
        for claim in got:
            self.claims.append((worker, self.by_name[claim.task]))
            self.recent += 1
            if claim.attempt == MAX_ATTEMPTS:
                self.endangered.add(claim.task)

    @rule(worker=WORKERS, prefer=SEVERAL)
    def work(self, worker: str, prefer: list[int]) -> None:
        """Claim one task and complete it, so that histories get somewhere."""
        before = len(self.claims)
        self.claim(worker, 1, 10.0, prefer)
        for _, node in self.claims[before:]:
            self._complete(worker, node)

    @precondition(lambda self: self.claims)
    @rule(number=st.integers(0, 30))
    def complete_a_claim(self, number: int) -> None:
        """Complete something that was handed out at some time."""
        worker, node = self.claims[-1 - number % len(self.claims)]
        self._complete(worker, node)

    @rule(worker=WORKERS, number=NUMBERS)
    def complete_anything(self, worker: str, number: int) -> None:
        """Complete a task whether it was handed out or not, if it can have been computed."""
        node = self._node(number)
        if set(node.reads) <= self.written:
            self._complete(worker, node)

    @rule(worker=WORKERS)
    def complete_a_stranger(self, worker: str) -> None:
        """Complete a task of another run, with news for this one."""
        news = [Arrival("elsewhere", tuple(map(self.graph.reader, self.graph.nodes)), counted=True)]
        read = sorted(self.graph.counted)
        got = self.plane.complete(worker, "stranger", news, read)
        assert got == self.model.complete(worker, "stranger", news, read)

    @rule(worker=WORKERS, numbers=SEVERAL, lease_s=SECONDS)
    def renew(self, worker: str, numbers: list[int], lease_s: float) -> None:
        """Renew any tasks."""
        tasks = [self._node(i).task for i in numbers]
        assert self.plane.renew(worker, tasks, lease_s) == self.model.renew(worker, tasks, lease_s)

    @rule(worker=WORKERS, numbers=SEVERAL)
    def release(self, worker: str, numbers: list[int]) -> None:
        """Release any tasks."""
        tasks = [self._node(i).task for i in numbers]
        self.plane.release(worker, tasks)
        self.model.release(worker, tasks)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        """Let time pass, and leases expire."""
        self.clock.advance(seconds)

    # -- what clients do

    # Late and seldom, as little can happen afterwards.
    @precondition(lambda self: self.recent > len(self.graph.nodes) // 2)
    @rule(kind=st.sampled_from(["failed", "cancelled"]), number=NUMBERS)
    def stop(self, kind: str, number: int) -> None:
        """Stop the run."""
        failure = Failure(kind, "Error", f"{number}", self._node(number).task)  # type: ignore[arg-type]
        self.plane.stop(failure)
        self.model.stop(failure)

    @precondition(lambda self: self.recent)
    @rule(gone=st.sets(NUMBERS), everything=st.booleans())
    def restore(self, gone: set[int], everything: bool) -> None:
        """Rebuild the run after some of its tiles were lost."""
        tiles = sorted(self.written)
        self._restore({tiles[i] for i in gone if i < len(tiles)}, everything)

    # -- the comparison

    @invariant()
    def the_same_status(self) -> None:
        """Compare the status; which task of several poisoned the run is the plane's to say."""
        if not hasattr(self, "plane"):
            return
        ours, theirs = self.model.status(), self.plane.status()
        if theirs.failure is not None and theirs.failure.kind == "poisoned":
            assert theirs.failure.task in self.endangered
        assert _comparable(theirs) == _comparable(ours)

    def _node(self, number: int) -> Node:
        return self.graph.nodes[number % len(self.graph.nodes)]

    def _complete(self, worker: str, node: Node) -> None:
        news, reads = self.graph.arrivals(node), self.graph.counted_reads(node)
        ours = self.model.complete(worker, node.task, news, reads)
        theirs = self.plane.complete(worker, node.task, news, reads)
        for completion in (ours, theirs):
            assert len(set(completion.ready)) == len(completion.ready), "a task was reported ready twice"
            assert len(set(completion.freed)) == len(completion.freed), "a tile was reported free twice"
        assert (set(theirs.ready), set(theirs.freed)) == (set(ours.ready), set(ours.freed))
        assert (theirs.finished, theirs.first) == (ours.finished, ours.first)
        for tile in theirs.freed:
            assert all(reader.task in self.done | {node.task} for reader in self.graph.readers(tile)), "freed too soon"
        self.written |= set(node.writes)
        if ours.first:
            self.done.add(node.task)

    def _restore(self, gone: set[str], everything: bool) -> None:
        """Restore both planes from the tiles that are left: a task is to do if one that it wrote is gone."""
        self.written -= gone
        self.done = {task for task in self.done if set(self.by_name[task].writes) <= self.written}
        rows = []
        for node in self.graph.nodes:
            arrived = tuple(tile for tile in node.reads if tile in self.written)
            row = TaskState(node.task, len(node.reads), node.priority, arrived, node.task in self.done)
            if everything or row.done or arrived or not node.reads:  # the others can be learned
                rows.append(row)
        left = {
            tile: sum(reader.task not in self.done for reader in self.graph.readers(tile))
            for tile in self.graph.counted & self.written
        }
        left = {tile: count for tile, count in left.items() if count}
        total = len(self.graph.nodes) - len(self.done)
        self.recent = 0
        self.endangered.clear()
        self.plane.restore(iter(rows), left, total)
        self.model.restore(iter(rows), left, total)


def _task(claim: Claim) -> str:
    return claim.task


def _liked(claims: tuple[Claim, ...], preferred: set[str]) -> int:
    return sum(claim.task in preferred for claim in claims)


def _comparable(status: Status) -> Status:
    longest = sorted((-round(held.seconds, 3), held.task, held.worker) for held in status.longest)
    status = replace(status, longest=tuple(Held(task, worker, -seconds) for seconds, task, worker in longest))
    if status.failure is None or status.failure.kind != "poisoned":
        return status
    return replace(status, failure=replace(status.failure, message="", task=None, worker=None))
