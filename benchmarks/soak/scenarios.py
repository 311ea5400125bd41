"""The table of scenarios, and how to draw others at random."""

from __future__ import annotations

import random
from dataclasses import dataclass

from soak.world import ALGORITHMS, PLANES

__all__ = ["SCENARIOS", "Scenario", "drawn"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run and what is done to it."""

    name: str
    #: Control plane, as in `PLANES`; tiles are in files with SQLite, in S3 with the others.
    plane: str
    algorithm: str
    #: Names of `DISTURBANCES`.
    disturbances: tuple[str, ...]
    workers: int = 2

    def __str__(self) -> str:
        return f"{self.name}: {self.algorithm} on {self.plane}, {self.workers} workers, {', '.join(self.disturbances)}"


SCENARIOS = tuple(
    Scenario(*row)
    for row in (
        # name                          plane        algorithm   disturbances                              workers
        ("kill any worker",             "redis-aof", "qr",       ("kill-workers",), 3),
        ("kill four of five workers",   "redis-aof", "cholesky", ("kill-most",), 5),
        ("kill four of five in files",  "sqlite",    "qr",       ("kill-most",), 5),
        ("stop a worker for a while",   "sqlite",    "qr",       ("stop-a-worker",), 3),
        ("kill the client",             "redis-aof", "cholesky", ("kill-client",)),
        ("kill DynamoDB's client",    "dynamodb",  "small cholesky", ("kill-client",)),
        ("kill Redis with a log",       "redis-aof", "qr",       ("kill-redis",)),
        ("kill Redis without a log",    "redis",     "cholesky", ("kill-redis",)),
        ("a failing store",             "redis-aof", "qr",       ("failing-store",)),
        ("a failing bucket, no server", "objects",   "cholesky", ("failing-store", "kill-workers")),
        ("a store that slows down",     "redis-aof", "cholesky", ("slow-store",)),
        ("a store that is silent",      "redis-aof", "qr",       ("silent-store",)),
        ("late calls to Redis",         "redis-aof", "cholesky", ("late-calls",)),
        ("late calls to DynamoDB",      "dynamodb",  "small cholesky", ("late-calls",)),
        ("late calls to a bucket",      "objects",   "cholesky", ("late-calls",)),
        ("clocks are off, Redis",       "redis-aof", "cholesky", ("clocks", "kill-workers"), 3),
        ("clocks are off, DynamoDB",    "dynamodb",  "small cholesky", ("clocks", "kill-workers"), 3),
        ("clocks are off, a bucket",    "objects",   "cholesky", ("clocks", "kill-workers"), 3),
        ("everything at once",          "redis-aof", "qr",       ("clocks", "late-calls", "failing-store",
                                                                  "kill-workers", "kill-redis", "slow-store"), 3),
    )
)  # fmt: skip


def drawn(dice: random.Random) -> Scenario:
    """A scenario that nobody thought of."""
    plane, algorithm = dice.choice(PLANES), dice.choice(list(ALGORITHMS))
    possible = ["kill-workers", "kill-most", "stop-a-worker", "kill-client"]
    if plane != "sqlite":
        possible += ["failing-store", "slow-store", "silent-store", "late-calls", "clocks"]
    if plane.startswith("redis"):
        possible += ["kill-redis"]
    chosen = dice.sample(possible, dice.randint(1, min(4, len(possible))))
    return Scenario("drawn", plane, algorithm, tuple(sorted(chosen)), dice.randint(2, 5))
