import pytest

import numpywren as nw
from numpywren.config import config, count_setting, flag_setting


@pytest.mark.parametrize("given", [{"worker.memry": 1}, {"worker": {"memry": 1}}])
def test_a_misspelt_setting_is_refused_and_the_right_one_named(given):
    with pytest.raises(ValueError, match=r"no setting 'worker.memry'; did you mean 'worker.memory'"):
        nw.config.set(given)


def test_settings_are_set_in_each_of_the_ways_that_donfig_knows():
    with nw.config.set({"worker": {"memory": "1GiB"}, "store": "here"}, workers__max=3):
        assert [config.get(key) for key in ("worker.memory", "store", "workers.max")] == ["1GiB", "here", 3]
    assert config.get("workers.max") is None


@pytest.mark.parametrize("given", [({"worker": {"memory": "1GB"}}, {}), ({}, {"worker": {"memory": "1GB"}})])
def test_a_mapping_of_settings_leaves_those_that_it_does_not_name(given):
    before = dict(config.get("worker"))
    mapping, keywords = given
    with nw.config.set(mapping, **keywords):
        assert config.get("worker") == {**before, "memory": "1GB"}
        assert nw.linalg.trace([[1.0]]) == 1.0
    assert config.get("worker") == before
    with pytest.raises(ValueError, match="no setting 'worker'"):
        nw.config.set({"worker": 3})


def test_a_variable_that_is_no_setting_is_warned_of_and_nothing_runs_under_it(monkeypatch):
    monkeypatch.setattr(config, "env", {"NUMPYWREN_WORKR__SLOTS": "2", "NUMPYWREN_CONFIG": "here"})
    before = dict(config.config)
    try:
        with pytest.warns(UserWarning, match=r"no setting 'workr.slots'; did you mean 'worker.slots'") as warned:
            config.refresh()
        assert len(warned) == 1
        assert "the variable NUMPYWREN_WORKR__SLOTS)" in str(warned[0].message)
        with pytest.raises(ValueError, match=r"no setting 'workr.slots'"):
            nw.linalg.trace([[1.0]])
    finally:
        config.config.clear()
        config.config.update(before)


@pytest.mark.parametrize("key", ["events", "progress"])
def test_all_that_a_flag_may_be_is_named(key):
    with (
        nw.config.set({key: "maybe"}),
        pytest.raises(ValueError, match=f"{key} must be true, false or auto, not 'maybe'"),
    ):
        flag_setting(key)


def test_a_flag_that_knows_no_auto_does_not_offer_it():
    with nw.config.set({"workers.successors": "auto"}), pytest.raises(ValueError, match="be true or false, not 'auto'"):
        flag_setting("workers.successors")


@pytest.mark.parametrize("key", ["worker.slots", "workers.max", "workers.min", "linalg.depth"])
def test_counts_are_whole_numbers(key):
    with nw.config.set({key: 1.5}), pytest.raises(ValueError, match=f"{key} must be a whole number, not 1.5"):
        nw.linalg.cholesky([[1.0]])
    with nw.config.set({key: 1.0}):
        assert count_setting(key) == 1
