"""Products and factorizations out of core, beside the same work in memory done by others.

    python benchmarks/bench_linalg.py matmul 8192
    python benchmarks/bench_linalg.py cholesky 16384
    python benchmarks/bench_linalg.py bounded 16384 --memory 1GiB

Every candidate runs in a process of its own, in turn; figures are medians. ``bounded`` compares a Cholesky
factorization in little memory with the same one in much.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from peers import OPERATIONS, child, everyone, table
from timing import Candidate, Missing, Sample, Timing, alternate

OURS = Path(__file__).with_name("ours.py")
MIB = 2**20


def ours(operation: str, n: int, chunk: int, memory: str | None = None, peaks: list[float] | None = None) -> Candidate:
    """Numpywren with tiles on local disk; peaks of resident memory are appended to `peaks`, in MiB."""

    def run() -> Sample | Missing:
        more = ["--memory", memory] if memory else []
        done = child(operation, str(n), "--chunk", str(chunk), *more, script=OURS)
        if isinstance(done, Missing):
            return done
        if peaks is not None:
            peaks.append(done.record["max_bytes"] / MIB)
        return done

    return run


def compare(operation: str, n: int, chunk: int, peer_chunk: int, repeats: int) -> dict[str, Any]:
    """Our time over that of each peer."""
    candidates = {"numpywren": ours(operation, n, chunk), **everyone(operation, (n, n), peer_chunk)}
    results = alternate(candidates, repeats)
    print(f"{operation}, N = {n}, float64, medians of {repeats} alternating runs")
    print(table(results, OPERATIONS[operation].flops(n, n)))
    return ratios(results, "numpywren")


def bounded(n: int, chunk: int, memory: str, repeats: int) -> dict[str, Any]:
    """Time in little memory over time in much, and the peak of resident memory."""
    peaks: list[float] = []
    candidates = {
        "unbounded": ours("cholesky", n, chunk),
        memory: ours("cholesky", n, chunk, memory, peaks),
    }
    results = alternate(candidates, repeats)
    print(f"cholesky, N = {n}, float64, medians of {repeats} alternating runs")
    print(table(results, OPERATIONS["cholesky"].flops(n, n)))
    print(f"peak resident memory with a bound of {memory}: {max(peaks):.0f} MiB")
    return {**ratios(results, memory), "peak_mib": max(peaks)}


def ratios(results: dict[str, Timing | Missing], of: str) -> dict[str, Any]:
    """Time of one candidate over that of each other."""
    mine = results[of]
    if isinstance(mine, Missing):
        raise RuntimeError(f"{of}: {mine}")
    found: dict[str, Any] = {}
    for name, other in results.items():
        if name != of:
            found[name] = str(other) if isinstance(other, Missing) else round(mine.seconds / other.seconds, 3)
            print(f"{of} / {name}: {found[name]}")
    return found


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("matmul", "cholesky", "bounded"))
    parser.add_argument("n", type=int)
    parser.add_argument("--chunk", type=int, default=2048)
    parser.add_argument("--peer-chunk", type=int, help="of Dask (default: ours)")
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    if given.what == "bounded":
        return bounded(given.n, given.chunk, given.memory, given.repeats)
    return compare(given.what, given.n, given.chunk, given.peer_chunk or given.chunk, given.repeats)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
