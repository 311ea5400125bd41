"""Factorizations out of core, beside the same work in memory done by others.

    python benchmarks/bench_factorizations.py lu qr qr-tall svdvals svd eigh rsvd
    python benchmarks/bench_factorizations.py svd --shape 2048 --chunk 512 --repeats 1
    python benchmarks/bench_factorizations.py --small

Every candidate runs in a process of its own, in turn; figures are medians. ``--small`` runs each row on matrices of a
few hundred rows, to see that all of it works.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from bench_linalg import OURS, ratios
from peers import OPERATIONS, child, everyone, parse_shape, shape_text, table
from timing import Candidate, Missing, Shape, alternate


class Row(NamedTuple):
    """One comparison."""

    operation: str
    shape: Shape
    small: Shape
    #: Our time over a peer's, at most.
    goals: dict[str, float]
    #: Orders of tiles, or their shape as in 4096x512: ours and Dask's.
    chunk: int | str = 1024
    peer_chunk: int = 2048
    #: Of ScaLAPACK's blocks. One only where a run takes minutes.
    blocks: tuple[int, ...] = (64, 128, 256)
    memory: str | None = None


ROWS = {
    "lu": Row("lu", (8192, 8192), (384, 384), {"ScaLAPACK": 1.0, "Dask": 0.6}),
    "qr": Row("qr", (8192, 8192), (384, 384), {"ScaLAPACK": 1.0, "Dask": 0.25}),
    "qr-tall": Row("qr", (65536, 512), (2048, 64), {"ScaLAPACK": 1.0, "Dask": 0.25}, "4096x512"),
    "svdvals": Row("svdvals", (4096, 4096), (256, 256), {"NumPy/SciPy": 0.7, "ScaLAPACK": 1.3}, 512),
    "svd": Row("svd", (4096, 4096), (256, 256), {"NumPy/SciPy": 1.0, "ScaLAPACK": 0.2}, 512, blocks=(64,)),
    "eigh": Row("eigh", (4096, 4096), (256, 256), {"NumPy/SciPy": 1.0, "ScaLAPACK": 1.2}, 512),
    "rsvd": Row("rsvd", (200_000, 4000), (4000, 300), {"Dask": 0.5}, 2048, memory="1GiB"),
}


def ours(row: Row, shape: Shape, chunk: int | str, data: str, peaks: list[float]) -> Candidate:
    """Numpywren with tiles on local disk; peaks of resident memory are appended to `peaks`, in MiB."""
    more = ["--memory", row.memory] if row.memory else []
    more += ["--data", data] if data else []

    def run() -> Any:
        done = child(row.operation, shape_text(shape), "--chunk", str(chunk), *more, script=OURS)
        if not isinstance(done, Missing):
            peaks.append(done.record["max_bytes"] / 2**20)
        return done

    return run


def compare(
    name: str, shape: Shape, chunk: int | str, peer_chunk: int, repeats: int, folder: str | None
) -> dict[str, Any]:
    """Our time over that of each peer."""
    row, peaks = ROWS[name], []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        data = ""
        if row.operation == "rsvd":
            made = child("stored", shape_text(shape), "--chunk", str(chunk), "--folder", place, script=OURS)
            if isinstance(made, Missing):
                raise RuntimeError(str(made))
            data = str(Path(place) / "a")
        candidates = {
            "numpywren": ours(row, shape, chunk, data, peaks),
            **everyone(row.operation, shape, peer_chunk, blocks=row.blocks, data=data),
        }
        results = alternate(candidates, repeats)
    print(f"{name}, {shape_text(shape)}, float64, medians of {repeats} alternating runs")
    print(table(results, OPERATIONS[row.operation].flops(*shape)))
    found = ratios(results, "numpywren")
    for peer, goal in row.goals.items():
        reached = found[peer]
        verdict = "no answer" if isinstance(reached, str) else "reached" if reached <= goal else "missed"
        print(f"goal: at most {goal} × {peer}: {verdict}")
    print(f"peak resident memory: {max(peaks):.0f} MiB" + (f" with a bound of {row.memory}" if row.memory else ""))
    return {**found, "peak_mib": round(max(peaks))}


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)} (default: all)")
    parser.add_argument("--shape", type=parse_shape, help="instead of the row's own, as in 65536x512")
    parser.add_argument("--chunk", help="order of our tiles, or their shape as in 4096x512")
    parser.add_argument("--peer-chunk", type=int, help="order of Dask's chunks")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", help="where stored matrices go (default: a temporary folder)")
    parser.add_argument("--small", action="store_true", help="matrices of a few hundred rows, tiles of 64, one run")
    given = parser.parse_args(arguments)
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    found = {}
    for name in given.rows or ROWS:
        row = ROWS[name]
        if given.small:
            found[name] = compare(name, row.small, given.chunk or 64, given.peer_chunk or 128, 1, given.folder)
        else:
            chunk, peer_chunk = given.chunk or row.chunk, given.peer_chunk or row.peer_chunk
            found[name] = compare(name, given.shape or row.shape, chunk, peer_chunk, given.repeats, given.folder)
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
