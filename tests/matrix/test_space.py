import concurrent.futures
import json
import threading

import numpy as np
import pytest
from matrix.drawn import draw

from numpywren.errors import TileDamagedError, TileMissingError
from numpywren.lambdapack import Tile
from numpywren.matrix import Binding, Partition, TileSpace, asarray, create_array, grid, open_store, zeros

rng = np.random.default_rng(13)


def bound(name, role, array, chunks=None, column=False, dtype=None):
    parts = array.partitions if chunks is None else grid(array.shape, chunks)
    return Binding(name, role, parts + (Partition(1, 1),) * column, np.dtype(dtype or array.dtype), array, column)


@pytest.fixture
def space(place):
    """An input A, a vector b seen as a column, and outputs L (matrix), x (column) and s (vector)."""
    store = open_store(place)
    A = asarray(draw(rng, (23, 17)), chunks=(10, 7))
    b = asarray(draw(rng, 23, "float32"), chunks=10)
    L = create_array(store.url_of("out/L"), (23, 17), (10, 7), "f8")
    x = create_array(store.url_of("out/x"), (23,), (10,), "f8")
    s = create_array(store.url_of("out/s"), (17,), (7,), "f4")
    bindings = {
        "A": bound("A", "input", A), "b": bound("b", "input", b, column=True, dtype="f8"), "L": bound("L", "output", L),
        "x": bound("x", "output", x, column=True), "s": bound("s", "output", s),
    }  # fmt: skip
    made = TileSpace(bindings, store)
    made.bindings, made.store = bindings, store
    return made


def check_tile(tile, wanted, dtype="f8"):
    np.testing.assert_array_equal(tile, wanted)
    assert tile.shape == np.shape(wanted)
    assert tile.dtype == dtype
    assert tile.flags.f_contiguous
    assert not tile.flags.writeable


def test_inputs(space):
    A, b = (np.asarray(space.bindings[name].array) for name in "Ab")
    check_tile(space.read(Tile("A", (1, 2))), A[10:20, 14:])
    check_tile(space.read(Tile("A", (2, 0))), A[20:, :7])
    check_tile(space.read(Tile("b", (2, 0))), b[20:, None])  # a column, in the run's type
    with pytest.raises(ValueError, match=r"tile A\[0, 0\] belongs to the input"):
        space.write(Tile("A", (0, 0)), np.ones((10, 7)))
    with pytest.raises(ValueError, match="input"):
        space.delete([Tile("A", (0, 0))])


def test_outputs(space):
    tiles = {("L", (1, 2)): (10, 3), ("L", (2, 0)): (3, 7), ("x", (2, 0)): (3, 1), ("s", (1,)): (7,)}
    for (name, index), shape in tiles.items():
        tile, value = Tile(name, index), np.asfortranarray(draw(rng, shape))
        with pytest.raises(TileMissingError, match=rf"tile {name}\["):
            space.read(tile)
        assert space.shape(tile) == shape
        assert space.write(tile, value) > value.nbytes // 2
        check_tile(space.read(tile), *((value.astype("f4"), "f4") if name == "s" else (value,)))
    assert set(space.existing()) == {Tile(*tile) for tile in tiles}
    np.testing.assert_array_equal(space.bindings["x"].array[:20], 0)
    space.delete([Tile("L", (1, 2)), Tile("L", (0, 0))])
    with pytest.raises(TileMissingError):
        space.read(Tile("L", (1, 2)))
    space.clear()
    assert len(set(space.existing())) == 3  # outputs stay


def test_zeros_are_written(space):
    space.write(Tile("L", (0, 1)), np.zeros((10, 7)))
    space.write(Tile("S", (0, 1)), np.zeros((10, 7)))
    assert set(space.existing()) == {Tile("L", (0, 1)), Tile("S", (0, 1))}
    check_tile(space.read(Tile("L", (0, 1))), np.zeros((10, 7)))


INTERMEDIATES = [
    ("S", (3, 0, 1), (10, 7)), ("S", (4, 0, 1), (1, 1)), ("T_1", (), (5, 5)), ("u.2", (7,), (4,)), ("v", (0,), (0, 3)),
    ("w", (1, 2, 3, 4), ()),
]  # fmt: skip


def test_intermediates_have_any_shape_and_type(space):
    for name, index, shape in INTERMEDIATES:
        for dtype in ("f4", "f8", "c8", "c16", "i4", "i8"):
            tile, value = Tile(name, index), np.asfortranarray(np.asarray(draw(rng, shape) * 9).astype(dtype))
            space.write(tile, value)
            check_tile(space.read(tile), value, dtype)
            assert space.shape(tile) is None
    tiles = {Tile(name, index) for name, index, _ in INTERMEDIATES}
    assert set(space.existing()) == tiles
    space.delete([Tile("S", (3, 0, 1)), Tile("S", (9, 9, 9))])
    assert set(space.existing()) == tiles - {Tile("S", (3, 0, 1))}
    with pytest.raises(TileMissingError, match=r"tile S\[3, 0, 1\] at .*tiles/S/3\.0\.1\.npy"):
        space.read(Tile("S", (3, 0, 1)))
    space.clear()
    space.clear()
    assert set(space.existing()) == set()


def test_only_tiles_are_listed(space):
    space.store.put("tiles/S/1.2.npy", b"x" * 100)
    for key in ("tiles/S/1.npyx", "tiles/S/x.npy", "tiles/x.npy", "tiles/S/T/1.npy", "run.json", "tiles/L/0.0.npy",
                "out/L/c/7", "out/L/c/0/99", "out/L/c/x/0", "out/x/c/1/0"):  # fmt: skip
        space.store.put(key, b"x" * 100)
    space.bindings["L"].array.source.store.put("c/0/0", b"cut short")
    assert set(space.existing()) == {Tile("S", (1, 2))}


@pytest.mark.parametrize("bad", [((9, 7), "f8", ValueError), ((10, 7), "c16", TypeError), ((10, 7), "U1", TypeError)])
def test_outputs_take_only_what_fits(space, bad):
    shape, dtype, error = bad
    with pytest.raises(error):
        space.write(Tile("L", (0, 0)), np.zeros(shape, dtype))
    assert set(space.existing()) == set()


@pytest.mark.parametrize("index", [(3, 0), (-1, 0), (0, 3), (0,), (0, 0, 0), ()])
def test_no_tile_outside_its_matrix(space, index):
    for call in (space.read, space.shape, lambda tile: space.write(tile, np.ones((10, 7)))):
        with pytest.raises(IndexError, match=r"tile L\["):
            call(Tile("L", index))


@pytest.mark.parametrize("name", ["../L", "a/b", "", ".", "..", "a b", "a%2e"])
def test_names_that_are_no_names(space, name):
    for call in (space.read, lambda tile: space.write(tile, np.ones(3)), lambda tile: space.delete([tile])):
        with pytest.raises(ValueError, match="no name"):
            call(Tile(name, (0, 0)))


@pytest.mark.parametrize("tile", [Tile("L", (2, 1)), Tile("S", (4, 2, 0)), Tile("x", (1, 0)), Tile("A", (1, 2))])
def test_a_flipped_bit_is_an_error_that_names_the_tile(space, tile):
    binding = space.bindings.get(tile.matrix)
    if tile.matrix == "A":
        store, key = binding.array.source.store, "c/1/2"
    else:
        space.write(tile, np.ones(space.shape(tile) or (5, 5)))
        store = space.store if binding is None else binding.array.source.store
        key = {"L": "c/2/1", "S": "tiles/S/4.2.0.npy", "x": "c/1"}[tile.matrix]
    whole = bytes(store.get(key))
    for bit in rng.integers(0, 8 * len(whole), 50):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        store.put(key, data)
        with pytest.raises(TileDamagedError) as caught:
            space.read(tile)
        assert f"tile {tile.matrix}[{', '.join(map(str, tile.index))}] at {store.url_of(key)}" in str(caught.value)
    store.put(key, whole)
    space.read(tile)


@pytest.mark.parametrize("run", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("chunks", [(10, 7), (9, 9), (5, 20)])
def test_inputs_come_in_the_runs_type_whatever_the_cut(place, run, chunks):
    values = draw(rng, (23, 17), "float32")
    A = asarray(values, chunks=(10, 7))
    space = TileSpace({"A": bound("A", "input", A.H, chunks, dtype=run)}, open_store(place))
    check_tile(space.read(Tile("A", (1, 1))), values.T[chunks[0] : 2 * chunks[0], chunks[1] : 2 * chunks[1]], run)


def test_inputs_that_are_stored_nowhere(place):
    space = TileSpace({"A": bound("A", "input", zeros((5, 5), chunks=3))}, open_store(place))
    check_tile(space.read(Tile("A", (1, 0))), np.zeros((2, 3)))


def test_input_chunks_never_written_are_zeros(place):
    A = create_array(place + "/A", (5, 5), 3, "f4")
    space = TileSpace({"A": bound("A", "input", A, dtype="f8")}, open_store(place))
    check_tile(space.read(Tile("A", (1, 0))), np.zeros((2, 3)))


def test_stacks_are_seen_as_matrices(place):
    values = draw(rng, (2, 3, 7, 8))
    A = asarray(values, chunks=(1, 1, 4, 5))
    L = create_array(place + "/L", values.shape, (1, 1, 4, 5), "f8")
    space = TileSpace({"A": bound("A", "input", A), "L": bound("L", "output", L)}, open_store(place))
    for index in np.ndindex(2, 3, 2, 2):
        tile = space.read(Tile("A", index))
        assert space.shape(Tile("L", index)) == tile.shape
        space.write(Tile("L", index), tile)
        check_tile(space.read(Tile("L", index)), tile)
    assert set(space.existing()) == {Tile("L", index) for index in np.ndindex(2, 3, 2, 2)}
    np.testing.assert_array_equal(L, values)
    with pytest.raises(ValueError, match="tiles of length 1"):
        bound("A", "input", A, (2, 1, 4, 5))


def test_an_output_may_be_stored_transposed_and_conjugated(place):
    values = draw(np.random.default_rng(5), (7, 5), "complex128")
    out = create_array(place, (5, 7), (2, 3), "complex128")
    space = TileSpace({"L": bound("L", "output", out.H)}, open_store(place))
    for i, j in np.ndindex(3, 3):
        space.write(Tile("L", (i, j)), values[3 * i : 3 * i + 3, 2 * j : 2 * j + 2])
    assert set(space.existing()) == {Tile("L", index) for index in np.ndindex(3, 3)}
    check_tile(space.read(Tile("L", (2, 1))), values[6:, 2:4], "c16")
    np.testing.assert_array_equal(out, values.conj().T)
    space.delete([Tile("L", (2, 1))])
    assert set(space.existing()) == {Tile("L", index) for index in np.ndindex(3, 3)} - {Tile("L", (2, 1))}


def test_senseless_bindings(place):
    A = asarray(np.ones((6, 6)), chunks=3)
    out = create_array(place, (6, 6), 3, "f8")
    for role, array, chunks, words in [
        ("output", zeros((6, 6)), None, "create_array"),
        ("output", out, (2, 2), "in the tiles"), ("other", A, None, "role"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            bound("X", role, array, chunks)
    with pytest.raises(ValueError, match="needs an array"):
        Binding("X", "input", None, np.dtype("f8"))
    with pytest.raises(ValueError, match="shape"):
        Binding("X", "input", grid((6, 5), (3, 3)), np.dtype("f8"), A)


def test_bindings_travel(space):
    data = json.loads(json.dumps({name: binding.to_json() for name, binding in space.bindings.items()}))
    bindings = {name: Binding.from_json(one) for name, one in data.items()}
    again = TileSpace(bindings, open_store(space.store.url))
    space.write(Tile("x", (0, 0)), np.ones((10, 1)))
    check_tile(again.read(Tile("x", (0, 0))), np.ones((10, 1)))
    check_tile(again.read(Tile("b", (1, 0))), space.read(Tile("b", (1, 0))))
    temporary = Binding("S", "temporary", None, np.dtype("f4"))
    assert Binding.from_json(json.loads(json.dumps(temporary.to_json()))) == temporary
    for key, value in [("role", "x"), ("partitions", [[5, 0]]), ("partitions", 5), ("dtype", "object"), ("array", 7)]:
        with pytest.raises(ValueError):
            Binding.from_json({**data["A"], key: value})
    with pytest.raises(ValueError):
        Binding.from_json({})


def test_many_threads_at_once(space):
    barrier = threading.Barrier(6)

    def work(number):
        barrier.wait()
        for j in range(10):
            value = np.full((10, 10), number * 100.0 + j)
            space.write(Tile("S", (number, j)), value)
            np.testing.assert_array_equal(space.read(Tile("S", (number, j))), value)
            space.write(Tile("L", (0, 0)), np.ones((10, 7)))  # twice the same task
            space.delete([Tile("S", (number, j))])

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert set(space.existing()) == {Tile("L", (0, 0))}
