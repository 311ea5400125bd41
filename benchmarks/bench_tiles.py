"""Time to write and read one tile: ours beside plain files, obstore and zarr, in alternation.

    python benchmarks/bench_tiles.py --size 2048 --repeats 7 --folder /dev/shm

"ours, chunk" is the tile of an array, "ours, blob" an intermediate; both with their checksum, as all of zarr's are. The
last column is relative to writing and reading the bare bytes as a plain file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import obstore
import zarr
from obstore.store import LocalStore

from numpywren.lambdapack import Tile
from numpywren.matrix import Binding, TileSpace, create_array, open_store


class Row(NamedTuple):
    """One way of storing a tile."""

    way: str
    write_ms: float
    read_ms: float
    #: Write and read together, relative to a plain file.
    of_plain: float


class Way(NamedTuple):
    """How to store a tile, and how to get it back."""

    write: Callable[[], object]
    read: Callable[[], np.ndarray]


def ways(folder: Path, value: np.ndarray) -> dict[str, Way]:
    """Everything that is compared."""
    n = len(value)
    plain, bare = folder / "plain", value.T.reshape(-1).view(np.uint8).data

    def read_plain() -> np.ndarray:
        return np.fromfile(plain, value.dtype).reshape(n, n, order="F")

    objects = LocalStore(folder)

    def read_object() -> np.ndarray:
        return np.frombuffer(obstore.get(objects, "object").bytes(), value.dtype).reshape(n, n, order="F")

    theirs = zarr.create_array(
        zarr.storage.ObjectStore(objects),
        name="zarr",
        shape=(n, n),
        chunks=(n, n),
        dtype=value.dtype,
        filters=[zarr.codecs.TransposeCodec(order=(1, 0))],
        compressors=[zarr.codecs.Crc32cCodec()],
        config={"write_empty_chunks": True, "order": "F"},
    )

    def space(url: str) -> TileSpace:
        array = create_array(f"{url}/array", (n, n), n, value.dtype)
        binding = Binding("L", "output", array.partitions, value.dtype, array)
        return TileSpace({"L": binding}, open_store(url))

    ours, memory = space(str(folder / "ours")), space(f"memory:bench-tiles/{folder.name}")
    chunk, blob = Tile("L", (0, 0)), Tile("S", (0, 0))
    return {
        "plain file": Way(lambda: value.T.tofile(plain), read_plain),
        "obstore": Way(lambda: obstore.put(objects, "object", bare, use_multipart=False), read_object),
        "zarr on obstore": Way(lambda: theirs.__setitem__(..., value), lambda: np.asarray(theirs[...])),
        "ours, chunk": Way(lambda: ours.write(chunk, value), lambda: ours.read(chunk)),
        "ours, blob": Way(lambda: ours.write(blob, value), lambda: ours.read(blob)),
        "ours, memory": Way(lambda: memory.write(chunk, value), lambda: memory.read(chunk)),
    }


def measure(size: int, repeats: int, folder: Path) -> list[Row]:
    """Medians over alternating rounds, and whether each way gives back what it was given."""
    value = np.asfortranarray(np.random.default_rng(0).standard_normal((size, size)))
    compared = ways(folder, value)
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in compared}
    for turn in range(repeats + 1):
        for name, way in compared.items():
            start = time.perf_counter()
            way.write()
            middle = time.perf_counter()
            found = way.read()
            end = time.perf_counter()
            if not np.array_equal(found, value):
                raise AssertionError(f"{name} did not give back what it was given")
            if turn:  # the first round warms up
                times[name][0].append(1e3 * (middle - start))
                times[name][1].append(1e3 * (end - middle))
    medians = {name: (statistics.median(writes), statistics.median(reads)) for name, (writes, reads) in times.items()}
    plain = sum(medians["plain file"])
    return [Row(name, write, read, (write + read) / plain) for name, (write, read) in medians.items()]


def table(rows: list[Row]) -> str:
    """Lay the rows out as text."""
    lines = [f"{'':18}{'write ms':>10}{'read ms':>10}{'of plain':>10}"]
    lines += [f"{row.way:18}{row.write_ms:10.2f}{row.read_ms:10.2f}{row.of_plain:10.2f}" for row in rows]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description="Time to write and read one tile.")
    parser.add_argument("--size", type=int, default=2048, help="rows and columns of the tile, float64")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to write; default: the system's temporary folder")
    parser.add_argument("--json", action="store_true", help="print one record a line instead of the table")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        rows = measure(given.size, given.repeats, Path(folder))
    print("\n".join(json.dumps(row._asdict()) for row in rows) if given.json else table(rows))
    return rows


if __name__ == "__main__":
    main()
