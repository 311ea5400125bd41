import gc
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from matrix import fields
from matrix.drawn import draw

from numpywren.errors import KernelNotAllowedError, TileDamagedError
from numpywren.matrix import Array, from_function, load_function
from numpywren.matrix.functions import function_path

rng = np.random.default_rng(3)
ROWS, COLUMNS = np.ogrid[:30, :20]
TESTS = str(Path(__file__).parents[1])


def run_elsewhere(array, modules, tmp_path):
    """What another process reads of an array, or its error."""
    code = f"""
        import json, sys, numpy as np, numpywren.matrix as m
        data = json.loads({json.dumps(json.dumps(array.to_json()))})
        np.save({str(tmp_path / "out.npy")!r}, np.asarray(m.Array.from_json(data, {modules!r})))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": TESTS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return np.load(tmp_path / "out.npy")


def test_values_tile_by_tile():
    fields.calls.clear()
    H = from_function(fields.hilbert, (30, 20), chunks=(8, 7))
    assert (H.shape, H.chunks, H.dtype, H.url) == ((30, 20), (8, 7), np.float64, None)
    assert fields.calls == []  # nothing is computed before it is read
    np.testing.assert_array_equal(H.read_tile((3, 2)), 1 / (ROWS[24:] + COLUMNS[:, 14:] + 1))
    assert fields.calls == [((6, 1), (1, 6))]
    np.testing.assert_array_equal(H, 1 / (ROWS + COLUMNS + 1))
    np.testing.assert_array_equal(H.T[3:5, ::7], (1 / (ROWS + COLUMNS + 1)).T[3:5, ::7])
    assert H.read_tile((0, 0)).flags.f_contiguous
    assert not H.read_tile((0, 0)).flags.writeable


def test_results_are_broadcast_and_cast(dtype):
    np.testing.assert_array_equal(from_function(fields.row, (3, 4), dtype=dtype), np.tile(np.arange(4), (3, 1)))
    np.testing.assert_array_equal(from_function(lambda i, j: 7, (3, 4), dtype=dtype), np.full((3, 4), 7))
    np.testing.assert_array_equal(from_function(lambda i, j: i == j, (3, 3), dtype=dtype), np.eye(3))
    np.testing.assert_array_equal(from_function(fields.vector, (5,), args=[3], dtype=dtype, chunks=2), 3 * np.arange(5))
    np.testing.assert_array_equal(from_function(lambda b, i, j: b + 0 * i + j, (2, 1, 3))[1], [[1, 2, 3]])


def test_what_a_function_keeps_is_not_handed_out():
    kept = np.asfortranarray(np.ones((4, 4)))
    A = from_function(lambda i, j: kept, (4, 4))
    tile = A.read_tile((0, 0))
    kept[:] = 2
    np.testing.assert_array_equal(tile, 1)
    assert kept.flags.writeable


def test_empty_arrays_call_nothing():
    assert np.asarray(from_function(fields.fails, (0, 5))).shape == (0, 5)


def test_wrong_results_name_the_function():
    with pytest.raises(ValueError, match=r"fields:wrong_shape gave shape \(3, 3\) for a tile of shape \(5, 5\)"):
        np.asarray(from_function(fields.wrong_shape, (5, 5)))
    with pytest.raises(TypeError, match="complex128 for an array of float64"):
        np.asarray(from_function(lambda i, j: 1j * i + j, (5, 5)))
    with pytest.raises(ZeroDivisionError, match="no luck") as caught:
        from_function(fields.fails, (5, 5), chunks=2).read_tile((1, 2))
    assert "fields:fails for the region [2:4, 4:5]" in caught.value.__notes__[0]


@pytest.mark.parametrize("arg", [object(), [1, 2], np.array(["a"]), np.array([object()]), None])
def test_arguments_are_numbers(arg):
    with pytest.raises(TypeError, match="argument of from_function"):
        from_function(fields.hilbert, (3, 3), args=[arg])


# -- travelling --


def test_functions_travel_by_name(tmp_path, dtype, scratch):
    weights = draw(rng, 30, dtype)
    factor = 2j if dtype.startswith("complex") else np.float32(0.5)
    A = from_function(fields.weighted, (30, 20), chunks=9, dtype=dtype, args=[weights, factor, 3])
    assert A.modules == ("matrix.fields",)
    text = json.dumps(A.H.to_json())
    assert "matrix.fields:weighted" in text
    assert len(text) < 1000
    assert len(list(scratch.rglob("*.npy"))) == 1
    np.testing.assert_array_equal(run_elsewhere(A.H, ["matrix.fields"], tmp_path), np.asarray(A.H))
    np.testing.assert_array_equal(run_elsewhere(A, ["matrix"], tmp_path), np.asarray(A))
    del A
    gc.collect()
    assert list(scratch.rglob("*.npy")) == []


def test_saved_arguments_can_outlive_the_array(scratch):
    A = from_function(fields.weighted, (3, 3), args=[np.ones(3), 1, 1])
    data = A.to_json()
    A.T.disown()
    assert A.to_json() == data  # saved once
    del A
    gc.collect()
    np.testing.assert_array_equal(Array.from_json(data, ["matrix.fields"]), np.full((3, 3), 3))


def test_damaged_arguments_are_found(scratch):
    A = from_function(fields.weighted, (3, 3), args=[np.ones(3), 1, 1])
    data = A.to_json()
    data["source"]["local"] = "local:elsewhere"  # as another process sees it
    path = next(scratch.rglob("*.npy"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(TileDamagedError, match="argument of a function"):
        Array.from_json(data, ["matrix.fields"])
    path.write_bytes(path.read_bytes() * 1000)
    with pytest.raises(TileDamagedError):
        Array.from_json(data, ["matrix.fields"])


def test_arguments_are_loaded_once_a_process():
    A = from_function(fields.weighted, (3, 3), args=[np.ones(3), 1, 1])
    data = A.to_json()
    data["source"]["local"] = "local:elsewhere"
    first, second = (Array.from_json(data, ["matrix.fields"]) for _ in range(2))
    assert first.source is not A.source
    assert first.source.args[0] is second.source.args[0]


def test_closures_work_inside_the_process_only(tmp_path):
    offset = 5
    A = from_function(lambda i, j: i + j + offset, (3, 3))
    assert A.modules == ("__main__",)
    data = json.loads(json.dumps(A.to_json()))
    np.testing.assert_array_equal(Array.from_json(data), np.add.outer(range(3), range(3)) + 5)
    with pytest.raises(AssertionError, match=r"KernelNotAllowedError.*lambda.*kernels\.modules"):
        run_elsewhere(A, ["matrix.fields"], tmp_path)
    del A
    gc.collect()
    with pytest.raises(KernelNotAllowedError, match="exists only in the process"):
        Array.from_json(data)


def test_which_functions_have_names():
    assert function_path(fields.hilbert) == "matrix.fields:hilbert"
    assert function_path(lambda i, j: i) is None
    assert function_path(fields.Holder.static) is None
    assert function_path(np.add) is None
    assert from_function(np.add, (3, 3))[1, 2] == 3


# -- the allow-list --


def test_allowed_functions_are_loaded():
    assert load_function("matrix.fields:hilbert", ["matrix.fields"]) is fields.hilbert
    assert load_function("matrix.fields:hilbert", ["other", "matrix"]) is fields.hilbert


REFUSED = ["os:system", "matrix.fields:hilbert", "builtins:eval", "matrix.fieldsx:hilbert", "", ":", "x", ":system"]


@pytest.mark.parametrize("path", REFUSED)
def test_others_are_refused_unimported(path):
    with pytest.raises(KernelNotAllowedError, match=r"kernels\.modules"):
        load_function(path, ["matrix.field", "matri", ""])


def test_a_refused_module_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "surprise.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KernelNotAllowedError):
        load_function("surprise:f", ["matrix.fields"])
    with pytest.raises(SystemExit):
        load_function("surprise:f", ["surprise"])


NAMES = [
    "system",
    "not_a_function",
    "calls",
    "Holder",
    "Holder.static",
    "__builtins__",
    "nothing",
    "np",
    "hilbert.__globals__",
]


@pytest.mark.parametrize("name", NAMES)
def test_only_the_modules_own_functions(name):
    with pytest.raises(KernelNotAllowedError, match="no function defined"):
        load_function(f"matrix.fields:{name}", ["matrix.fields"])


def test_a_module_that_is_not_installed():
    with pytest.raises(KernelNotAllowedError, match="cannot be imported here"):
        load_function("nowhere_to_be_found:f", ["nowhere_to_be_found"])


@pytest.mark.parametrize("args", [5, 2.5, "text"])
def test_one_argument_is_a_tuple_too(args):
    with pytest.raises(TypeError, match=r"args=.*wants a tuple"):
        from_function(np.minimum, (3, 3), args=args)
