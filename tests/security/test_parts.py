"""Parts of records, one by one: programs, bindings, arrays and results of any form are an error in words."""

import json
import os
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from security.victims import changed, little_memory, runs

import numpywren as nw
from numpywren import errors
from numpywren.job import resume
from numpywren.job.request import Results
from numpywren.lambdapack import Program
from numpywren.matrix import Array, Binding
from numpywren.worker import RunRecord

EXAMPLES = 20_000 if os.environ.get("NUMPYWREN_SOAK") else 200
many = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=20),
    suppress_health_check=list(HealthCheck),
    derandomize=not os.environ.get("NUMPYWREN_SOAK"),
)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    found = [json.loads((path / "run.json").read_text()) for path in runs(folder, folder / "store")]
    assert RunRecord.from_json(json.dumps(found[0])).name == "cholesky"
    return found


def of_records(records, pick):
    return [json.dumps(part) for record in records for part in pick(record)]


CASES = {
    "program": (lambda r: [r["program"]], lambda data: Program.from_json(json.dumps(data)).bind({}).count()),
    "binding": (lambda r: r["bindings"].values(), lambda data: Binding.from_json(data).to_json()),
    "array": (lambda r: [b["array"] for b in r["bindings"].values()], lambda data: repr(Array.from_json(data))),
    "record": (lambda r: [r], lambda data: RunRecord.from_json(json.dumps(data)).bound(())),
}


@pytest.mark.timeout(3600 if os.environ.get("NUMPYWREN_SOAK") else 300)
@pytest.mark.parametrize("part", CASES)
def test_a_changed_part_is_itself_or_an_error(records, part):
    pick, take = CASES[part]

    @many
    @given(changed(of_records(records, pick), "/nowhere"))
    def each(text):
        with little_memory(1 << 28):
            try:
                take(json.loads(text))
            except (errors.NumpywrenError, ValueError, *OWN.get(part, ())):
                pass

    each()


#: What `RunRecord.load` makes an error in words of.
OWN = {"record": (LookupError, TypeError, AttributeError, RecursionError, ArithmeticError)}


def test_changed_results_are_results_or_an_error(records):
    bound = [RunRecord.from_json(json.dumps(record)).bound(()) for record in records]

    @many
    @given(changed(of_records(records, lambda r: [r["result"]]), "/nowhere"), st.sampled_from(bound))
    def each(text, bindings):
        try:
            found = Results.from_json(json.loads(text), bindings)
        except errors.RunNotFoundError:
            return
        assert {one.output for one in found.returned} <= set(bindings)

    each()


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": {"n": 10**9}},
        {"sizes": {"n": -1}},
        {"sizes": {"n": 2**53}},
        {"sizes": {"n": 1e999}},
        {"sizes": {"n": True}},
        {"name": "x\x1b[2J"},
        {"name": "x" * 10_000},
        {"control": 5},
        {"result": None},
        {"scalars": {"x": "1"}},
        {"dtype": "object"},
        {"bindings": {}},
    ],
)
def test_records_that_contradict_themselves(records, tmp_path, change):
    record = {**records[0], **change}
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(errors.RunNotFoundError):
        found, _ = RunRecord.load(str(tmp_path))
        found.bound(())


def test_ten_to_the_nine_tiles_take_no_time_until_somebody_asks_for_them(records, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "MOST_TASKS", 10_000)
    record = json.loads(json.dumps(records[0]))
    n = 10**9
    for binding in record["bindings"].values():
        binding["partitions"] = [[n, 1], [n, 1]]
        binding["array"]["source"].update(shape=[n, n], chunks=[1, 1])
    record["sizes"]["n"] = n
    (tmp_path / "run.json").write_text(json.dumps(record))
    with little_memory(1 << 28):
        run = nw.attach(str(tmp_path))
        with pytest.raises(errors.ControlPlaneLostError):
            run.status()
        with pytest.raises(errors.RunFailedError, match="more than"):
            run.resume()
        assert np.prod([part.tiles for part in run._bindings()["L"].array.partitions]) == n * n
