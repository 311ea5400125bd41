import pytest

import numpywren as nw
from numpywren.config import config


@pytest.mark.parametrize("given", [{"worker.memry": 1}, {"worker": {"memry": 1}}])
def test_a_misspelt_setting_is_refused_and_the_right_one_named(given):
    with pytest.raises(ValueError, match=r"no setting 'worker.memry'; did you mean 'worker.memory'"):
        nw.config.set(given)


def test_settings_are_set_in_each_of_the_ways_that_donfig_knows():
    with nw.config.set({"worker": {"memory": "1GiB"}, "store": "here"}, workers__max=3):
        assert [config.get(key) for key in ("worker.memory", "store", "workers.max")] == ["1GiB", "here", 3]
    assert config.get("workers.max") is None


def test_a_variable_that_is_no_setting_is_warned_of(monkeypatch):
    monkeypatch.setattr(config, "env", {"NUMPYWREN_WORKR__SLOTS": "2", "NUMPYWREN_CONFIG": "here"})
    before = dict(config.config)
    try:
        with pytest.warns(UserWarning, match=r"no setting 'workr.slots'; did you mean 'worker.slots'") as warned:
            config.refresh()
        assert len(warned) == 1
    finally:
        config.config.clear()
        config.config.update(before)
