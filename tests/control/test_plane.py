"""The protocol, its records, and how planes are opened."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from numpywren.control import SCHEMES, ControlPlane, Failure, TaskState, open_plane, plane
from numpywren.control.memory import MemoryPlane
from numpywren.errors import NumpywrenError, UnknownSchemeError


def test_the_module_says_it_first():
    assert inspect.getsource(plane).startswith('"""There is no scheduler.')


def test_the_protocol_is_small_and_documented():
    methods = ControlPlane.__abstractmethods__
    assert len(methods) <= 8
    assert all(getattr(ControlPlane, name).__doc__ for name in methods)
    public = {name for name in vars(ControlPlane) if not name.startswith("_")}
    assert public == methods


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://host/x", "/tmp/plane.sqlite", "sqlite"])
def test_an_unknown_scheme_is_named_with_the_known_ones(url):
    with pytest.raises(UnknownSchemeError) as caught:
        open_plane(url)
    assert isinstance(caught.value, ValueError)
    assert repr(url) in str(caught.value)
    assert all(f"{scheme}:" in str(caught.value) for scheme in SCHEMES)


def test_planes_are_imported_when_first_opened():
    code = "import sys, numpywren.control; print(sorted(m for m in sys.modules if m.startswith('numpywren.control')))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "numpywren.control.plane" in loaded
    assert "sqlite" not in loaded


def test_a_memory_plane_is_found_by_its_name():
    one = open_plane("memory:test-plane")
    one.restore([TaskState("a", 0, 0)], {}, 1)
    assert open_plane("memory:test-plane").status().ready == 1
    assert open_plane("memory:another").url == "memory:another"
    one.delete()
    with pytest.raises(NumpywrenError, match="memory:test-plane"):
        open_plane("memory:test-plane").status()


def test_a_nameless_memory_plane_is_nobody_elses():
    assert open_plane("memory:") is not open_plane("memory:")


def test_failures_travel_as_text():
    failure = Failure("poisoned", "TaskPoisonedError", "näh", "1:2", None, {"a": [1, None, {"b": 0.5}]})
    assert Failure.from_json(failure.to_json()) == failure
    assert [Failure(kind, "", "").state for kind in ("failed", "poisoned", "cancelled")] == [
        "failed",
        "failed",
        "cancelled",
    ]


def test_a_failure_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match="'failed', 'cancelled', 'poisoned'"):
        Failure("tired", "", "")


def test_the_memory_plane_forgets_old_leases():
    """A renewal every few seconds for days must not fill the memory."""
    now = [0.0]
    held = MemoryPlane(clock=lambda: now[0])
    held.restore([TaskState("a", 0, 0), TaskState("b", 0, 0)], {}, 2)
    held.claim("w", 1, 30.0)
    for _ in range(1000):
        now[0] += 10.0
        held.renew("w", ["a"], 30.0)
        held.claim("w", 0, 30.0)
    assert len(held._run.endings) < 10
