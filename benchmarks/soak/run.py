"""Soak numpywren in everything that goes wrong in clouds, for some minutes.

Prints the seed of its choice, then a line for each run; ends with 1 if something was wrong with any of them.

    python benchmarks/soak/run.py                    every scenario of the table, once
    python benchmarks/soak/run.py --minutes 30       then others, drawn at random
    python benchmarks/soak/run.py --seed 123 ...     the same choice again
    python benchmarks/soak/run.py --only "late"      those of the table whose names hold a word
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak.runner import soak
from soak.scenarios import SCENARIOS, Scenario, drawn
from soak.world import World


def chosen(only: str, minutes: float, dice: random.Random) -> Iterator[Scenario]:
    """Scenarios of the table, then others until time is up."""
    end = time.monotonic() + 60 * minutes
    yield from (scenario for scenario in SCENARIOS if only in scenario.name)
    while time.monotonic() < end:
        yield drawn(dice)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=0.0, help="go on with scenarios drawn at random")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--only", default="", help="scenarios of the table with this in their names")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    dice, failed = random.Random(given.seed), 0
    with World(seed=given.seed) as world:
        for number, scenario in enumerate(chosen(given.only, given.minutes, dice)):
            print(f"{number:4} {scenario}", flush=True)
            try:
                outcome = soak(world, scenario, dice.randrange(10**9))
            except Exception:  # noqa: BLE001 - told, and the next comes
                failed += 1
                traceback.print_exc()
            else:
                failed += bool(outcome.wrong)
                print(f"     {outcome}", flush=True)
    print(f"{failed} went wrong; seed {given.seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
