"""Real runs beside what their records must never lead to, and ways to change them."""

import copy
import json
import os
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

import numpywren as nw
from numpywren.demo import kriging

__all__ = ["changed", "little_memory", "runs", "snapshot", "victims"]


@contextmanager
def little_memory(more=1 << 30):
    """This process may take so much more than it has: what would take all the machine's memory is an error."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def snapshot(folder):
    """All that there is in a folder: names, versions, bytes."""
    found = {}
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            where = Path(path, name)
            status = where.lstat()
            data = os.readlink(where) if where.is_symlink() else where.read_bytes() if where.is_file() else None
            found[str(where.relative_to(folder))] = (status.st_ino, status.st_mode, data)
    return found


def victims(folder):
    """Somebody's own: an array of the form of a run's output, a database, letters."""
    folder.mkdir()
    nw.asarray(np.arange(16.0).reshape(4, 4), chunks=2).save(folder / "array")
    (folder / "letters").mkdir()
    (folder / "letters/0.0.npy").write_text("dear")
    (folder / "database.sqlite").write_bytes(b"SQLite format 3\0" + bytes(80))
    return folder


def runs(folder, place):
    """Three runs that are done, in a store; returns their folders. One has its result outside of its own folder."""
    inputs = nw.asarray(np.diag([4.0, 9.0, 16.0, 25.0]), chunks=2).save(folder / "input")
    made = nw.from_function(
        kriging.covariance,
        (4, 4),
        chunks=2,
        args=(np.eye(3)[[0, 1, 2, 0]] + 0.0, np.array([800.0, 500.0, 80.0, 250.0, 80.0])),
    )
    with nw.config.set({"store": str(place), "control": None, "backend": "local", "workers.max": 1}):
        found = [
            nw.submit(nw.linalg.cholesky, inputs, out=str(folder / "outside")),
            nw.submit(nw.linalg.svd, inputs),
            nw.submit(nw.linalg.cholesky, made),
        ]
        for run in found:
            run.wait(progress=False)
    return [Path(run.url.removeprefix("file://")) for run in found]


def _places(data, here=()):
    yield here
    if len(here) > 40:
        return
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from _places(value, (*here, key))


def _at(data, place):
    for key in place:
        data = data[key]
    return data


def _pool(folder):
    """What a hostile hand would write."""
    deep = []
    for _ in range(400):
        deep = [deep]
    urls = [f"{folder}/array", f"file://{folder}/array", f"file://{folder}/letters", "file:///", "memory:x",
            f"sqlite:{folder}/database.sqlite", f"objects:{folder}", f"objects:file://{folder}/letters",
            "redis://127.0.0.1:1/0?run=x", "dynamodb://table?run=x", "gopher:x", "slow:0.01:memory:x"]  # fmt: skip
    return [None, True, False, 0, 1, -1, 2, 3, 7, 10**9, 2**53 - 1, 2**53, 2**63, 2**200, -(2**70), 0.5, 1e308,
            float("inf"), float("nan"), "", "..", "../../x", "/etc/passwd", "a b", "\x1b[31m", "\0", "x" * 300, "int64",
            "float32", "complex128", "object", "O", "L", "A", "n", "__class__", "stored", "zarr", "zeros", "identity",
            "function", "rearranged", "local:x", "os:system", "builtins:eval", "numpywren.demo.picture:draw",
            "numpywren.kernels.potrf:potrf", "subprocess:run", "input", "output", "temporary", "def", [], {}, [0],
            [[1, 1]], {"x": 1}, deep, *urls]  # fmt: skip


@st.composite
def changed(draw, texts, folder):
    """A real record with a few things in it changed, removed, repeated or exchanged."""
    data = json.loads(draw(st.sampled_from(texts)))
    pool = _pool(folder)
    for _ in range(draw(st.integers(1, 3))):
        places = [place for place in _places(data) if place]
        place = draw(st.sampled_from(places))
        around, key = _at(data, place[:-1]), place[-1]
        how = draw(st.sampled_from(["put", "put", "put", "remove", "copy", "grow"]))
        if how == "put":
            around[key] = copy.deepcopy(draw(st.sampled_from(pool)))
        elif how == "remove":
            del around[key]
        elif how == "copy":
            around[key] = json.loads(json.dumps(_at(data, draw(st.sampled_from(places)))))
        elif isinstance(around, list):
            around.append(json.loads(json.dumps(around[key])))
        else:
            around[draw(st.sampled_from(["x", "L", "A", "n", "../x"]))] = around[key]
        if not data:
            break
    return json.dumps(data)
