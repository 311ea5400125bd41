"""The DynamoDB plane beside the memory plane on random histories, and under processes that are killed."""

import time
import uuid

import pytest
from botocore.session import Session
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from servers.ministack import ministack

from numpywren.control import open_plane
from numpywren.control.dynamodb import completion as dynamodb_completion
from numpywren.testing.control_hammer import hammer
from numpywren.testing.control_machine import ControlPlaneMachine

EXAMPLES = 5


@pytest.fixture(scope="module", autouse=True)
def server():
    with ministack() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


def items():
    """Every item of the table, asked without the code under test."""
    client = Session().create_client("dynamodb")
    return client.get_paginator("scan").paginate(TableName="numpywren").build_full_result()["Items"]


class DynamoMachine(ControlPlaneMachine):
    lanes = 1

    def open(self, clock):
        return open_plane(f"dynamodb://numpywren?run={uuid.uuid4().hex}&lanes={self.lanes}", clock=clock)


class WideMachine(DynamoMachine):
    lanes = 3


@pytest.mark.parametrize("pieces", [False, True], ids=["at once", "in pieces"])
def test_it_is_the_memory_plane(monkeypatch, pieces):
    if pieces:
        monkeypatch.setattr(dynamodb_completion, "MOST_WOKEN", 1)
        monkeypatch.setattr(dynamodb_completion, "MOST_COUNTED", 1)
    run_state_machine_as_test(
        WideMachine if pieces else DynamoMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    assert items() == []


def open_on_the_clock_of_this_machine(url):
    return open_plane(url, clock=time.time)


def test_it_survives(tmp_path):
    url = f"dynamodb://numpywren?run={uuid.uuid4().hex}&lanes=2"
    # Leases of the hammer are shorter than what the service's clock, in whole seconds, tells at first.
    opener = f"{__name__}:{open_on_the_clock_of_this_machine.__name__}"
    report = hammer(url, tmp_path / "work", opener=opener, processes=3, kills=3, tasks=80, limit_s=240)
    assert report.kills == 3
    assert items() == []
