"""Conditional writes: of those who try at once, one succeeds."""

import concurrent.futures
import secrets
import time

import pytest

from numpywren.errors import TileDamagedError, TileMissingError
from numpywren.matrix import open_store


def test_creating_succeeds_once(place):
    store = open_store(place)
    etag = store.put_if_absent("a/b", b"one", b"!")
    assert etag
    assert store.put_if_absent("a/b", b"two") is None
    found = store.get_with_etag("a/b")
    assert (bytes(found.data), found.etag) == (b"one!", etag)
    assert abs(found.modified_s - time.time()) < 600


def test_replacing_needs_the_version(place):
    store = open_store(place)
    first = store.put_if_absent("a", b"one")
    second = store.put_if_match("a", b"two", first)
    assert second not in (None, first)
    assert store.put_if_match("a", b"three", first) is None
    assert bytes(store.get("a")) == b"two"
    assert store.put_if_match("a", b"four", second) == store.get_with_etag("a").etag
    assert store.put_if_match("nothing", b"x", second) is None
    assert not store.exists("nothing")


def test_a_plain_write_is_another_version(place):
    store = open_store(place)
    etag = store.put_if_absent("a", b"one")
    store.put("a", b"two")
    assert store.put_if_match("a", b"three", etag) is None
    store.delete(["a"])
    assert store.put_if_absent("a", b"four")


def test_errors_are_those_of_get(place):
    store = open_store(place)
    with pytest.raises(TileMissingError, match="nothing there"):
        store.get_with_etag("a")
    store.put("a", b"12345")
    with pytest.raises(TileDamagedError, match="5 bytes where 4"):
        store.get_with_etag("a", at_most=4)


def test_counting_together_loses_nothing(place):
    store = open_store(place)
    store.put_if_absent("n", b"0")

    def add(_):
        for _ in range(10):
            while True:
                found = store.get_with_etag("n")
                count = int(bytes(found.data).split()[0]) + 1
                if store.put_if_match("n", f"{count} {secrets.token_hex(8)}".encode(), found.etag):
                    break

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert bytes(store.get("n")).split()[0] == b"40"


def test_creating_at_once_has_one_winner(place):
    store = open_store(place)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for again in range(10):
            won = list(pool.map(lambda n, key=f"k{again}": store.put_if_absent(key, b"%d" % n), range(8)))
            assert sum(etag is not None for etag in won) == 1
