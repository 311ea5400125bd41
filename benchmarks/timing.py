"""What was timed, and how candidates take turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

Shape: TypeAlias = "tuple[int, int]"

#: Of the randomized SVD: vectors wanted and drawn beyond those, and how often the matrix is applied twice.
WANTED, OVERSAMPLES, POWER_ITERATIONS = 50, 10, 2
RANK = WANTED + OVERSAMPLES


class Sample(NamedTuple):
    """One run of one peer."""

    seconds: float
    #: How it was run, where there was a choice.
    detail: str = ""
    #: Whatever else its process said.
    record: Mapping[str, Any] = MappingProxyType({})


class Missing(NamedTuple):
    """A peer that could not run."""

    why: str

    def __str__(self) -> str:
        return f"missing: {self.why}"


class Timing(NamedTuple):
    """All runs of one candidate."""

    #: Median.
    seconds: float
    runs: tuple[float, ...]
    detail: str = ""


Candidate: TypeAlias = Callable[[], "Sample | Missing | float"]


def alternate(candidates: Mapping[str, Candidate], repeats: int = 3) -> dict[str, Timing | Missing]:
    """Run candidates in turn, again and again, so that a change of the machine's load touches all of them.

    Parameters
    ----------
    candidates : mapping of str to callable
        Each runs once and returns its seconds, a `Sample`, or why it is `Missing`.
    repeats : int, default 3
        How often each runs. One that is missing is not asked again.

    Returns
    -------
    dict of str to (Timing or Missing)
        Medians, in the order of the candidates.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in candidates}
    missing: dict[str, Missing] = {}
    for _ in range(repeats):
        for name, run in candidates.items():
            if name in missing:
                continue
            outcome = run()
            if isinstance(outcome, Missing):
                missing[name] = outcome
            else:
                samples[name].append(outcome if isinstance(outcome, Sample) else Sample(outcome))
    return {name: missing.get(name) or _summary(samples[name]) for name in candidates}


def _summary(samples: list[Sample]) -> Timing:
    runs = tuple(sample.seconds for sample in samples)
    return Timing(statistics.median(runs), runs, samples[-1].detail)
