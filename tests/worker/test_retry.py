import errno

import pytest

from numpywren.errors import StoreError, TileDamagedError, TileMissingError
from numpywren.worker.retry import ATTEMPTS, pause_s, with_retries


@pytest.mark.parametrize("error", [StoreError(errno.EIO, "timed out"), StoreError(errno.ECONNRESET, "reset")])
def test_what_may_pass_is_tried_again(error, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    calls = []

    def operation():
        calls.append(1)
        if len(calls) < ATTEMPTS:
            raise error
        return "done"

    assert with_retries(operation, lambda: False) == "done"
    assert len(calls) == ATTEMPTS


@pytest.mark.parametrize(
    "error",
    [
        TileMissingError("gone"),
        TileDamagedError("bits"),
        StoreError(errno.ENOSPC, "full"),
        StoreError(errno.EACCES, "no"),
        ValueError("nan"),
    ],
)
def test_what_will_not_mend_itself_is_raised_at_once(error):
    calls = []

    def operation():
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        with_retries(operation, lambda: False)
    assert len(calls) == 1


def test_retries_are_bounded(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    calls = []

    def operation():
        calls.append(1)
        raise StoreError(errno.EIO, "again")

    with pytest.raises(StoreError):
        with_retries(operation, lambda: False)
    assert len(calls) == ATTEMPTS


def test_pauses_grow_and_are_spread():
    assert pause_s(2, 0.5) > pause_s(1, 0.5)
    assert pause_s(3, 0.0) < pause_s(3, 0.9)
    assert pause_s(30, 0.9) < 8
