"""How far indices go, and in which order loops have to be gone through: what is known before tasks are looked at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from numpywren.lambdapack import Dataflow, Task
from numpywren.lambdapack.evaluate import holds, span_of
from numpywren.lambdapack.ir import Binary, Clause, Extreme, Guard, Index, Int, Kind, Log2, Loop, Name, Negative

__all__ = ["Span", "carrying", "reach", "spans"]

#: Least and greatest value.
Span = tuple[int, int]

#: Tasks of each kind, and tiles of each of these, that are looked at to find loops whose rounds wait for one another.
TASKS, TILES = 24, 12


def spans(clauses: tuple[Clause, ...], known: Mapping[str, Span]) -> dict[str, Span] | None:
    """Bounds of loop variables; None where a loop has no rounds at all."""
    found = dict(known)
    for clause in clauses:
        if isinstance(clause, Loop):
            start, stop, step = (reach(bound, found) for bound in (clause.start, clause.stop, clause.step))
            low, high = (start[0], stop[1] - 1) if step[0] > 0 else (stop[0] + 1, start[1])
            if step[0] <= 0 < step[1]:
                low, high = min(start[0], stop[0] + 1), max(start[1], stop[1] - 1)
            if high < low:
                return None
            found[clause.variable] = (low, high)
    return found


def reach(index: Index, known: Mapping[str, Span]) -> Span:
    """Bounds of an index expression, which may be wider than the values that it takes."""
    match index:
        case Int(value):
            return value, value
        case Name(name):
            return known[name]
        case Negative(operand):
            low, high = reach(operand, known)
            return -high, -low
        case Extreme(which, operands):
            found = [reach(operand, known) for operand in operands]
            choose = min if which == "min" else max
            return choose(low for low, _ in found), choose(high for _, high in found)
        case Log2(operand):
            low, high = reach(operand, known)
            return max(low - 1, 0).bit_length(), max(high - 1, 0).bit_length()
        case Binary(op, left, right):
            return _combined(op, reach(left, known), reach(right, known))


def _combined(op: str, left: Span, right: Span) -> Span:
    if op == "+":
        return left[0] + right[0], left[1] + right[1]
    if op == "-":
        return left[0] - right[1], left[1] - right[0]
    if op == "%" and right[0] > 0:
        return left if left[0] >= 0 and left[1] < right[0] else (0, right[1] - 1)
    if op == "**":
        right = (max(right[0], 0), max(right[1], 0))
    if op in "//%":  # where the divisor is 0 there is no task
        ends = {each for each in (*right, -1, 1) if each and right[0] <= each <= right[1]}
        if op == "%":
            most = max(map(abs, ends), default=1)
            return -most, most
        found = [a // b for a in left for b in ends] or [0]
    else:
        found = [a**b if op == "**" else a * b for a in left for b in right]
        if op == "**" and left[0] < 0:
            found += [-max(map(abs, found)), max(map(abs, found))]
    return min(found), max(found)


def carrying(flow: Dataflow) -> frozenset[tuple[int, ...]]:
    """Loops of which a round waits for another, by their positions in the text, as far as some tasks of each show."""
    chance = random.Random(0)  # noqa: S311 - which tasks are looked at
    found: set[tuple[int, ...]] = set()
    kinds = flow.program.kinds
    for kind in kinds:
        for task in _some_tasks(kind, flow.sizes, chance):
            reads = flow.reads(task)
            for tile in reads if len(reads) <= TILES else (reads[0], reads[-1], *chance.sample(reads, TILES - 2)):
                writer = flow.writer(tile)
                if writer is None:
                    continue
                other = kinds[writer.kind]
                for level, values in enumerate(zip(task.values, writer.values, strict=False)):
                    if kind.positions[level] != other.positions[level]:
                        break
                    if values[0] != values[1]:
                        found.add(kind.positions[: level + 1])
                        break
    return frozenset(found)


def _some_tasks(kind: Kind, sizes: Mapping[str, int], chance: random.Random) -> Iterator[Task]:
    """Tasks at the ends of the loops and inside, as chance has it."""
    for _ in range(TASKS):
        around, bound = dict(sizes), []
        for clause in kind.path:
            if isinstance(clause, Guard):
                if not holds(clause.condition, around):
                    break
                continue
            span = span_of(clause, around)
            if not span:
                break
            last = len(span) - 1
            bound.append(span[min(max(chance.choice((0, 1, last // 2, last - 1, last)), 0), last)])
            around[clause.variable] = bound[-1]
        else:
            yield Task(kind.number, tuple(bound))
