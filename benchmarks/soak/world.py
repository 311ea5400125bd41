"""Where soaks happen: servers, proxies that fail before them, inputs, and the bits that every run must end with."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import numpywren as nw
from numpywren.algorithms import cholesky
from numpywren.job import Request, Returned
from numpywren.job import start as start_request
from numpywren.testing.faults import FaultyProxy
from numpywren.testing.faulty_line import FaultyLine

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from servers import ministack, moto, redis

__all__ = ["ALGORITHMS", "BUCKET", "PLANES", "Place", "World", "begin", "digests"]

BUCKET = "soak"
#: Rows of the matrices and of their tiles: tasks by the hundred, each of which takes no time, and edge tiles; or fewer.
ALGORITHMS = {"cholesky": (141, 16), "qr": (110, 20), "small cholesky": (75, 16)}

#: Control planes, and where the tiles are that go with them. ``redis`` keeps nothing on disk.
PLANES = ("sqlite", "redis-aof", "redis", "dynamodb", "objects")


def matrix(algorithm: str) -> nw.Array:
    """What the algorithm is given: the same each time."""
    n, tile = ALGORITHMS[algorithm]
    a = np.random.default_rng(7).standard_normal((n, n))
    return nw.asarray(a if algorithm == "qr" else a @ a.T + n * np.eye(n), chunks=tile)


def begin(algorithm: str, array: nw.Array) -> nw.Run:
    """Start a run as configured."""
    if algorithm == "qr":
        return nw.submit(nw.linalg.qr, array)
    # one column at a time, so that there are intermediates
    return start_request(Request("cholesky", cholesky, {"A": array}, (Returned("L"),), sizes={"depth": 1}))


def digests(run: nw.Run) -> dict[str, str]:
    """A digest of each object of the run's outputs, by name: of every tile, and of the metadata."""
    store = nw.matrix.open_store(run.url)
    return {key: hashlib.sha256(bytes(store.get(key))).hexdigest() for key in sorted(store.list("out"))}


class Place:
    """Where one run is: its plane and its store, the proxies before them, and what they hold when it is gone.

    Attributes
    ----------
    settings : dict
        Which lead a client, and its workers, here.
    inputs : str
        URL under which inputs are; not part of the run.
    tiles, items : FaultyProxy or None
        Before the object store, and before DynamoDB.
    line : FaultyLine or None
        Before Redis.
    redis : servers.redis.Server or None
    """

    def __init__(self, plane: str, store: str, inputs: str) -> None:
        self.plane, self.inputs = plane, inputs
        self.settings: dict[str, Any] = {"store": store}
        self.tiles: FaultyProxy | None = None
        self.items: FaultyProxy | None = None
        self.line: FaultyLine | None = None
        self.redis: Any = None
        self.bucket: Any = None

    @property
    def loses_all(self) -> bool:
        """Whether the plane forgets everything when its server is killed."""
        return self.plane == "redis"

    def faults(self) -> dict[str, int]:
        """How often something was made to go wrong."""
        counts: dict[str, int] = {}
        for proxy in (self.tiles, self.items, self.line):
            for kind, count in proxy.counts.items() if proxy is not None else ():
                counts[kind] = counts.get(kind, 0) + count
        return counts

    def left_in_store(self) -> list[str]:
        """Names of all that is in the store of runs, asked without the code under test."""
        if self.bucket is not None:
            return self.bucket.objects(BUCKET, self.settings["store"].removeprefix(f"s3://{BUCKET}/"))
        folder = Path(self.settings["store"])
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def left_in_plane(self) -> list[str]:
        """Names of all that is in the control plane's server, likewise; planes in the store are seen there."""
        if self.redis is not None:
            with self.redis.client() as client:
                return sorted(client.scan_iter("*"))
        if self.items is not None:
            return items_left(self.settings["control"].removeprefix("dynamodb://"))
        return []

    def settle(self) -> None:
        """Wait until all that was held back on its way has arrived."""
        for proxy in (self.tiles, self.items, self.line):
            if proxy is not None:
                proxy.settle()


def items_left(table: str) -> list[str]:
    """Keys of all items of a table."""
    from botocore.session import Session

    client = Session().create_client("dynamodb")
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [f"{item['pk']['S']} {item['sk']['S']}" for page in pages for item in page["Items"]]


class World(contextlib.ExitStack):
    """Servers, each started when first needed, until the block ends."""

    def __init__(self, folder: str | Path | None = None, seed: int = 0) -> None:
        super().__init__()
        self._given, self._seed, self._numbers = folder, seed, itertools.count()
        self._saved: dict[tuple[str, str], str] = {}
        self._wanted: dict[tuple[str, int], dict[str, str]] = {}

    @cached_property
    def folder(self) -> Path:
        """A folder on this machine."""
        return Path(self._given or self.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))

    @cached_property
    def s3(self) -> Any:
        """A server that speaks S3."""
        server = self.enter_context(moto.moto())
        server.make_bucket(BUCKET)
        return server

    @cached_property
    def dynamodb(self) -> str:
        """URL of a server that speaks DynamoDB."""
        return self.enter_context(ministack.ministack())["AWS_ENDPOINT_URL_DYNAMODB"]

    def wanted(self, algorithm: str, workers: int) -> Mapping[str, str]:
        """The digests that an undisturbed run leaves, of the program that so many workers are given."""
        if (algorithm, workers) not in self._wanted:
            settings = {"store": "memory:soak", "control": "memory:", "backend": "local"}
            with nw.config.set({**settings, "workers.max": workers, "worker.slots": 1}):
                run = begin(algorithm, matrix(algorithm))
                run.wait(progress=False)
                self._wanted[algorithm, workers] = digests(run)
                run.delete()
        return self._wanted[algorithm, workers]

    def input(self, algorithm: str, place: Place) -> nw.Array:
        """The matrix of an algorithm, saved where a place has its inputs."""
        key = (algorithm, place.inputs)
        if key not in self._saved:
            self._saved[key] = matrix(algorithm).save(f"{place.inputs}/{algorithm.replace(' ', '-')}").url
        return nw.open(self._saved[key])

    @contextlib.contextmanager
    def place(self, plane: str) -> Iterator[Place]:
        """A place for one run, found by the variables and settings of this process while the block lasts."""
        number, environment = next(self._numbers), dict(os.environ)
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: (os.environ.clear(), os.environ.update(environment)))
            if plane == "sqlite":
                place = Place(plane, str(self.folder / f"runs-{number}"), str(self.folder / "inputs"))
            else:
                place = Place(plane, f"s3://{BUCKET}/runs-{number}", f"s3://{BUCKET}/inputs")
                place.tiles = stack.enter_context(FaultyProxy(self.s3.url, seed=self._seed + number))
                place.bucket = self.s3
                os.environ |= {**self.s3.environment, "AWS_ENDPOINT_URL_S3": place.tiles.url}
                del os.environ["AWS_ENDPOINT_URL"]
            if plane.startswith("redis"):
                self._redis(place, number, stack)
            elif plane == "dynamodb":
                place.items = stack.enter_context(FaultyProxy(self.dynamodb, seed=self._seed + number))
                os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = place.items.url
                place.settings["control"] = f"dynamodb://soak-{number}"
            with nw.config.set(place.settings):
                yield place

    def _redis(self, place: Place, number: int, stack: contextlib.ExitStack) -> None:
        binary = list(redis.binaries().values())[-1]
        log = ("--appendonly", "yes", "--appendfsync", "always") if place.plane == "redis-aof" else ()
        place.redis = stack.enter_context(redis.server(binary, self.folder / f"redis-{number}", *log))
        place.line = stack.enter_context(FaultyLine("127.0.0.1", place.redis.port, seed=self._seed + number))
        place.settings["control"] = f"redis://127.0.0.1:{place.line.port}/0"
