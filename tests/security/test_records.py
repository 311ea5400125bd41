"""Records of runs written by somebody who means harm: an error in words, and nothing of others touched."""

import os
import shutil
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from security.victims import changed, little_memory, runs, snapshot, victims

import numpywren as nw
from numpywren import errors
from numpywren.worker import open_run, serve

#: How many records are tried; more in a soak.
EXAMPLES = 4000 if os.environ.get("NUMPYWREN_SOAK") else 150
#: What a hostile record may be answered with; any other exception is a hole, or at best a riddle.
ANSWERS = (errors.NumpywrenError, ValueError)
OPTIONS = {"slots": 1, "memory": 1 << 24, "lease_s": 5.0, "idle_s": 0.0, "deadline_s": 5.0}
many = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=30),
    suppress_health_check=list(HealthCheck),
    derandomize=not os.environ.get("NUMPYWREN_SOAK"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Runs that are done, and what is not theirs."""
    folder = tmp_path_factory.mktemp("security")
    found = runs(folder, folder / "store")
    victims(folder / "victims")
    return folder, found, [(path / "run.json").read_text() for path in found]


def attempt(call):
    try:
        return call()
    except ANSWERS:
        return None


def looked_at(run):
    run.status()
    return run._results(None)


@pytest.fixture
def tried(world):
    """What is done with each record: all that a user or worker does with a run, and then nothing of others changed."""
    folder, found, _ = world
    kept = folder / "kept"

    def check(text, number):
        place = found[number]
        others = [folder / "victims", folder / "input", *(path / "out" for path in found if path != place)]
        others += [folder / "outside"] * (number != 0)
        before = [snapshot(path) for path in others]
        shutil.copytree(place, kept)
        for tiles in place.glob("out/*/c"):  # so that there is something to do
            shutil.rmtree(tiles)
        (place / "run.json").write_text(text)
        try:
            with little_memory():
                run = attempt(lambda: nw.attach(str(place)))
                if run is not None:
                    attempt(lambda: looked_at(run))
                    attempt(lambda: open_run(run.url, ()))
                    attempt(run._rebuild)
                    attempt(lambda: serve(run.url, OPTIONS))
                    attempt(run.delete)
            assert before == [snapshot(path) for path in others]
        finally:
            shutil.rmtree(place, ignore_errors=True)
            shutil.move(kept, place)

    return check


def test_a_record_that_was_not_changed_passes(world, tried):
    """Else the next test would try nothing."""
    _, found, texts = world
    run = nw.attach(str(found[1]))
    run._rebuild()
    assert run.status().state == "done"
    assert len(looked_at(run)) == 3
    for number, text in enumerate(texts):
        tried(text, number)


@pytest.mark.timeout(3600 if os.environ.get("NUMPYWREN_SOAK") else 300)
def test_changed_records(world, tried):
    folder, _, texts = world

    @many
    @given(text=changed(texts, str(folder / "victims")), number=st.integers(0, len(texts) - 1))
    def each(text, number):
        tried(text, number)

    each()
