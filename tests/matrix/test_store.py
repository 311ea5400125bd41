import concurrent.futures
import errno
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numpywren.errors import StoreError, TileDamagedError, TileMissingError, UnknownSchemeError
from numpywren.matrix import is_transient, open_store
from numpywren.matrix.store import same_place


def test_what_is_put_is_got(place):
    store = open_store(place)
    assert store.put("a/b/c", b"one", b"", b"two") == 6
    assert bytes(store.get("a/b/c")) == b"onetwo"
    store.put("a/b/c", b"three")
    assert bytes(store.get("a/b/c")) == b"three"
    store.put("empty")
    assert bytes(store.get("empty")) == b""


def test_existence(place):
    store = open_store(place)
    assert not store.exists("a")
    store.put("a/b", b"x")
    assert store.exists("a/b")
    assert not store.exists("a")  # a folder is no object


@pytest.mark.parametrize("key", ["nothing", "folder/nothing", "a", "a/b/c"])
def test_missing(place, key):
    store = open_store(place)
    store.put("a/b", b"x")
    with pytest.raises(TileMissingError, match="nothing there") as caught:
        store.get(key)
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.errno == errno.ENOENT
    assert not is_transient(caught.value)


def test_size_is_looked_at_before_reading(place):
    store = open_store(place)
    store.put("a", b"12345")
    assert bytes(store.get("a", at_most=5)) == b"12345"
    with pytest.raises(TileDamagedError, match="5 bytes where 4"):
        store.get("a", at_most=4)


def test_the_callers_buffer_stays_his(place):
    store = open_store(place)
    buffer = np.arange(10, dtype=np.uint8)
    store.put("one", buffer.data)
    store.put("two", buffer.data, b"tail")
    buffer[:] = 99
    assert bytes(store.get("one")) == bytes(range(10))
    assert bytes(store.get("two")) == bytes(range(10)) + b"tail"


def test_what_is_got_cannot_be_written_to(place):
    store = open_store(place)
    store.put("a", b"12345678")
    array = np.frombuffer(store.get("a"), np.float64)
    assert not array.flags.writeable


def test_listing(place):
    store = open_store(place)
    keys = {"c/0/1", "c/0/2", "c/10", "cc/0", "x.npy", "c/0/deep/er"}
    assert list(store.list()) == []
    for key in keys:
        store.put(key, key.encode())
    assert set(store.list()) == keys
    assert set(store.list("c")) == set(store.list("c/")) == {key for key in keys if key.startswith("c/")}
    assert set(store.list("nothing")) == set()
    assert {entry.key: entry.nbytes for entry in store.entries()} == {key: len(key) for key in keys}
    assert set(store.child("c").list()) == {"0/1", "0/2", "10", "0/deep/er"}
    assert all(abs(entry.modified_s - Path(__file__).stat().st_mtime) < 1e10 for entry in store.entries())


def test_many_keys_are_listed(place):
    store = open_store(place)
    for number in range(1100):
        store.put(f"t/{number}", b"x")
    assert sorted(store.list("t")) == sorted(f"t/{number}" for number in range(1100))


def test_deleting(place):
    store = open_store(place)
    for key in ("a/1", "a/2", "b"):
        store.put(key, b"x")
    store.delete(["nothing", "a/1", "a/nothing", "b/below"])
    assert set(store.list()) == {"a/2", "b"}
    store.delete([])
    store.child("a").clear()
    assert set(store.list()) == {"b"}
    store.clear()
    store.clear()
    assert set(store.list()) == set()


def test_children_see_the_same(place):
    store = open_store(place)
    store.child("a").child("b").put("c", b"x")
    assert bytes(store.get("a/b/c")) == b"x"
    assert bytes(open_store(store.child("a").url).get("b/c")) == b"x"
    assert open_store(store.url) == store


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", ".", "a/.", "", "a\\b", "a\0b"])
def test_no_key_leads_outside(place, key):
    store = open_store(place)
    for call in (store.get, store.put, store.exists, store.child, lambda key: store.delete([key])):
        with pytest.raises(ValueError, match="no key"):
            call(key)


def test_many_threads_at_once(place):
    store = open_store(place)
    blob = os.urandom(100_000)

    def work(number):
        for again in range(20):
            store.put(f"{number}/{again}", blob, number.to_bytes())
            assert bytes(store.get(f"{number}/{again}")) == blob + number.to_bytes()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(list(store.list())) == 160


def test_readers_see_the_old_or_the_new_never_a_part(place):
    store = open_store(place)
    blobs = [bytes([number]) * 300_000 for number in range(4)]
    store.put("a", blobs[0])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        writing = pool.submit(lambda: [store.put("a", blobs[number % 4]) for number in range(200)])
        while not writing.done():
            assert bytes(store.get("a")) in blobs


NAMES = ["plain", "with space", "50%", "%41%20", "ümläut", "a&b?c#d", "quote'\"", "-dash", "#1"]


@pytest.mark.parametrize("name", NAMES)
def test_any_path_works(tmp_path, name):
    store = open_store(tmp_path / name / "x.zarr")
    store.put("c/0", b"x")
    assert (tmp_path / name / "x.zarr" / "c" / "0").read_bytes() == b"x"
    for again in (open_store(str(tmp_path / name / "x.zarr")), open_store(store.url)):
        assert again == store
        assert bytes(again.get("c/0")) == b"x"
        assert list(again.list()) == ["c/0"]


def test_ways_to_name_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    wanted = open_store(tmp_path / "a b")
    for url in ("a b", "./a b", "x/../a b", "~/a b", "file:a%20b", f"file:{tmp_path}/a b", f"file://{tmp_path}/a%20b",
                f"file://localhost{tmp_path}/a%20b", f"{tmp_path}/a b/", "FILE:a%20b"):  # fmt: skip
        assert open_store(url) == wanted, url
    assert wanted.url == f"file://{tmp_path}/a%20b"


def test_links_are_followed_but_not_to_delete(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = open_store(tmp_path / "link")
    store.put("c/0", b"x")
    assert (tmp_path / "real/c/0").read_bytes() == b"x"
    assert list(store.list()) == ["c/0"]
    store.clear()
    assert (tmp_path / "real/c/0").read_bytes() == b"x"
    assert not (tmp_path / "link").is_symlink()


def test_unknown_schemes_are_refused_with_those_known():
    with pytest.raises(UnknownSchemeError, match=r"'gopher'.*file:, gs:, memory:"):
        open_store("gopher://example/x")


NOWHERE = ["file://elsewhere/x", "tab\there", "file:/nul%00/x", "memory:", "memory://", "", "memory:a/../b"]


@pytest.mark.parametrize("url", NOWHERE)
def test_urls_that_mean_nothing(url):
    with pytest.raises(ValueError):
        open_store(url)


def test_memory_stores_are_shared_by_name(place):
    open_store("memory:shared-by-name").put("a", b"x")
    assert bytes(open_store("memory://shared-by-name/").get("a")) == b"x"
    assert not open_store("memory:another-name").exists("a")


def test_places_that_overlap(tmp_path):
    inner, outer, beside = (open_store(tmp_path / name) for name in ("a/b", "a", "ab"))
    assert same_place(inner, outer)
    assert same_place(outer, inner)
    assert same_place(outer, outer)
    assert not same_place(outer, beside)


def _mounted(path, options):
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, check=False)
    return done.returncode == 0


def test_a_full_disk_is_named_with_its_remedy(tmp_path):
    disk = tmp_path / "disk"
    if _mounted(disk, "size=1m"):
        try:
            _check_no_room(open_store(disk / "a"), errno.ENOSPC, "disk is full")
        finally:
            subprocess.run(["umount", disk], check=True)
    else:  # without the right to mount: no file may grow beyond a limit
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            _check_no_room(open_store(disk), errno.EFBIG, "larger than is allowed")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _check_no_room(store, code, remedy):
    store.put("small", b"x" * 100_000)
    with pytest.raises(StoreError, match=remedy) as caught:
        store.put("c/0/1", b"x" * (2 << 20))
    assert caught.value.errno == code
    assert "write file://" in str(caught.value)
    assert "c/0/1" in str(caught.value)
    assert not is_transient(caught.value)
    assert not store.exists("c/0/1")
    assert list(store.list()) == ["small"]
    again = pickle.loads(pickle.dumps(caught.value))  # errors of workers reach the client
    assert (str(again), again.errno) == (str(caught.value), code)


def test_a_place_that_is_read_only(tmp_path):
    if os.geteuid():
        readonly, code = tmp_path / "disk", errno.EACCES
        readonly.mkdir(mode=0o500)
    elif _mounted(tmp_path / "disk", "ro"):
        readonly, code = tmp_path / "disk", errno.EROFS
    else:
        readonly, code = Path("/sys/kernel"), errno.EPERM
    try:
        with pytest.raises(StoreError) as caught:
            open_store(readonly / "a").put("c/0", b"x")
    finally:
        if code == errno.EROFS:
            subprocess.run(["umount", readonly], check=True)
    assert caught.value.errno == code
    assert not is_transient(caught.value)
    assert any(remedy in str(caught.value) for remedy in ("choose another", "grant"))


def test_a_path_through_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    store = open_store(tmp_path / "file")
    with pytest.raises(StoreError, match="choose another place"):
        store.put("c/0", b"x")
    with pytest.raises(TileMissingError):
        store.get("c/0")
    assert not store.exists("c/0")
    assert store.contents() == "it is a file"


def test_an_unreachable_place_may_come_back():
    assert is_transient(StoreError(errno.EIO, "could not read"))
    assert not is_transient(ValueError("x"))
    assert not is_transient(TileDamagedError("x"))


def test_importing_makes_nothing_and_loads_no_zarr():
    code = (
        "import sys, numpywren.matrix as m; m.open_store('memory:x').put('a', b'x'); "
        "m.create_array('memory:x/y', (3,), 3, 'f8'); m.open('memory:x/y'); sys.exit('zarr' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_forked_process_is_told_so_where_it_would_wait_for_ever(tmp_path):
    open_store(tmp_path).put("a", b"1")
    child = os.fork()
    if not child:
        try:
            open_store(tmp_path).put("b", b"2")
        except RuntimeError as error:
            os._exit("spawn" in str(error))
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
