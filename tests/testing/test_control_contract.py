"""The contract and the machine notice planes that break a law."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from testing.erring_planes import ERRING_MEMORY_PLANES

from numpywren.control.memory import MemoryPlane
from numpywren.testing.control import ControlPlaneContract
from numpywren.testing.control_machine import ControlPlaneMachine

LAWS = [name for name, _ in inspect.getmembers(ControlPlaneContract, inspect.isfunction) if name.startswith("test_")]

BROKEN_LAW = {
    "Eager": "test_a_reader_is_ready_when_all_has_arrived",
    "Forgetful": "test_completing_again_changes_nothing",
    "Hoarder": "test_a_counted_tile_is_freed_after_its_last_reader",
    "Spendthrift": "test_a_counted_tile_is_freed_after_its_last_reader",
    "Unjust": "test_the_most_urgent_come_first",
    "Deaf": "test_preference_breaks_ties_only",
    "Greedy": "test_only_a_lease_of_that_holder_is_taken_over",
    "Vain": "test_the_longest_leases_are_named",
    "Generous": "test_renewal_says_what_is_held",
    "Severe": "test_a_lease_is_as_long_as_asked",
    "Stubborn": "test_a_stopped_run_hands_nothing_out_but_records",
}


def broken_laws(plane_type):
    broken = []
    for law in LAWS:
        plane = plane_type()

        def planes(clock, plane=plane):
            plane.clock = clock
            return plane

        try:
            getattr(ControlPlaneContract(), law)(planes)
        except (AssertionError, IndexError):
            broken.append(law)
    return broken


def test_an_honest_plane_breaks_no_law():
    assert broken_laws(MemoryPlane) == []


@pytest.mark.parametrize("plane_type", ERRING_MEMORY_PLANES, ids=lambda plane_type: plane_type.__name__)
def test_the_contract_notices(plane_type):
    assert BROKEN_LAW[plane_type.__name__] in broken_laws(plane_type)


@pytest.mark.parametrize("plane_type", ERRING_MEMORY_PLANES, ids=lambda plane_type: plane_type.__name__)
def test_the_machine_notices(plane_type):
    class Machine(ControlPlaneMachine):
        def open(self, clock):
            return plane_type(clock=clock)

    patient = settings(
        max_examples=400,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],  # to find it is enough
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=patient)
