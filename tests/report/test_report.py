import json

import numpy as np
import pytest
from linalg.matrices import positive_definite
from report.journals import empty_run, start, two_tasks, write

import numpywren as nw
from numpywren.cli import main
from numpywren.events import (
    LeaseLost,
    StoreRetried,
    TaskAgain,
    TaskDone,
    TaskTakenOver,
    TileWritten,
    WorkerExit,
)
from numpywren.matrix import open_store
from numpywren.planner import Machine, Prices
from numpywren.report import views

PEAK = Machine(name="known", gflops=2.0, sources={"gflops": "this test"}, prices=Prices(worker_hour=3600.0, put=1.0))


# -- a run of which every moment is known ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    run = empty_run(tmp_path_factory.mktemp("known"))
    write(run, "w", two_tasks())
    return run.report(PEAK)


def test_times_are_added_up(known):
    assert known.wall == pytest.approx(4.0, abs=1e-5)
    assert known.core_seconds == pytest.approx(4.0, abs=1e-5)
    assert known.stalled_seconds == pytest.approx(0.5)
    assert known.busy_seconds == pytest.approx(2.5, abs=1e-5)
    assert known.utilisation == pytest.approx(2.5 / 4.0, abs=1e-5)


def test_bytes_and_requests_are_added_up(known):
    assert (known.reads, known.cache_hits, known.writes, known.freed) == (1, 1, 2, 1)
    assert (known.bytes_read, known.bytes_from_cache, known.bytes_written) == (100, 40, 100)
    assert known.cache_hit_rate == 0.5
    assert known.requests == 3
    assert known.peak_working_set == 100


def test_flops_are_those_of_the_tasks(known):
    # potrf of 4 × 4, and trsm of 4 × 4 by 4 × 4
    assert known.flops == sum(known.tasks.flops)
    assert known.tasks.flops[1] == 4.0**3
    assert known.gflops == pytest.approx(known.flops / 4.0 / 1e9, rel=1e-4)
    assert known.share_of_peak == pytest.approx(known.flops / (4.0 * 2e9), rel=1e-4)


def test_cost_is_by_the_prices_of_the_machine(known):
    assert known.cost.compute == pytest.approx(4.0, abs=1e-4)
    assert known.cost.requests == 2.0
    assert known.cost.total == pytest.approx(6.0, abs=1e-4)


def test_the_run_is_not_done(known):
    assert known.done == 2 < known.total
    assert f"2 of {known.total}" in str(known)


def test_working_set_over_time(known):
    moments, held = views.working_set(known.recorded)
    assert dict(zip(np.round(moments, 3), held, strict=True)) == {0.0: 0.0, 1.0: 40.0, 3.5: 100.0, 3.6: 60.0, 4.0: 60.0}
    moments, held = views.working_set(known.recorded, 2)
    assert held.max() == 100.0  # a peak is not lost


def test_parallelism_over_time(known):
    view = views.parallelism(known)
    at = view["at"]
    assert np.allclose(view["slots"], 1.0, atol=1e-3)
    assert np.allclose(view["busy"][(at > 1.1) & (at < 1.9)], 0.0)
    assert np.allclose(view["busy"][at < 0.9], 1.0)
    assert np.allclose(view["computing"][at < 0.9], 0.5, atol=1e-3)
    # while the first task is computed there is nothing else; then its readers could begin
    assert np.allclose(view["available"][at < 0.9], 1.0)
    assert view["available"][(at > 1.1) & (at < 1.9)].min() >= 1.0


def test_rates_over_time(known):
    view = views.rates(known)
    width = view["at"][1] - view["at"][0]
    assert view["read"].sum() * width == pytest.approx(100.0, rel=1e-3)
    assert view["written"].sum() * width == pytest.approx(100.0, rel=1e-3)
    assert view["flops"].sum() * width == pytest.approx(known.flops, rel=1e-3)


def test_slowest_tasks_come_first(known):
    assert [each.task for each in known.slowest] == ["1:0,0,1", "0:0,0"]
    assert known.slowest[0].seconds == pytest.approx(2.0)
    assert known.slowest[0].kernel.startswith("trsm")


def test_mishaps_are_counted(tmp_path):
    run = empty_run(tmp_path)
    write(run, "w", [*two_tasks()[:-1], StoreRetried("read", run.url, 1, "busy", 13.0), LeaseLost("0:0,0", 13.0)])
    second = [
        start("v", 12.0),
        TaskAgain("0:0,0", 2, 12.0),
        TaskTakenOver("1:0,0,1", "w", 12.0),
        TaskDone("0:0,0", 0, 12.0, 0.0, 13.0),
        TileWritten("L:0,0", 40, 0.1, 13.0),
        WorkerExit("v", "lost", 14.0),
    ]
    write(run, "v", second)
    report = run.report(predict=False)
    assert (report.retries, report.leases_lost, report.taken_over, report.tried_again) == (1, 1, 1, 1)
    assert (report.repeated, report.done) == (1, 2)
    assert {worker.name: worker.reason for worker in report.workers} == {"w": "", "v": "lost"}
    assert report.peak_working_set == 100  # written again, a tile takes no more room


def test_a_worker_whose_first_batch_is_lost_still_counts(tmp_path):
    run = empty_run(tmp_path)
    write(run, "w", two_tasks()[1:])
    (worker,) = run.report(predict=False).workers
    assert (worker.slots, worker.tasks, worker.host) == (1, 2, "")


# -- a recorded run ----------------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_plan(recorded):
    report = recorded.report()
    plan = nw.plan(nw.linalg.cholesky, nw.zeros((128, 128), chunks=16))
    assert report.done == report.total == plan.tasks
    assert report.flops == pytest.approx(plan.flops)
    assert report.reads + report.cache_hits == plan.reads
    assert report.writes == plan.writes
    assert report.predicted.gets + report.predicted.cache_hits == plan.reads
    assert report.repeated == 0
    assert (report.tasks.number >= 0).all()
    assert 0 < report.utilisation < 1
    assert not report.failures
    assert {each["kernel"]: each["tasks"] for each in report.kernels()} == {
        each.kernel: each.tasks for each in plan.kernels
    }


def test_tiles_are_freed_and_the_working_set_is_exact(recorded):
    report = recorded.report(predict=False)
    moments, held = views.working_set(report.recorded)
    assert report.freed > 0
    assert (np.diff(moments) >= 0).all()
    outputs = {name: size for name, size in written(report) if name.startswith("L:")}
    assert held[-1] == sum(outputs.values())


def written(report):
    table = report.recorded[TileWritten]
    return zip(table["tile"], table["nbytes"], strict=True)


def test_no_task_begins_before_it_could(recorded):
    report = recorded.report(predict=False)
    ready, done = views.ready_moments(report)
    assert np.isfinite(done).all()
    assert (ready <= done).all()


def test_the_table_says_it_all(recorded):
    text = str(recorded.report())
    for words in ("predicted on", "wall time", "utilisation", "cache hits", "most bytes in the store", "potrf", "syrk"):
        assert words in text
    assert "wall time" in recorded.report()._repr_html_()


def test_json_holds_every_figure(recorded):
    report = recorded.report()
    data = json.loads(json.dumps(report.to_json()))
    assert data["done"] == report.done
    assert data["utilisation"] == report.utilisation
    assert data["predicted"]["seconds"] == report.predicted.seconds
    assert data["workers"][0]["reason"] == "finished"
    assert [each["kernel"] for each in data["kernels"]] == list(report.tasks.kernels)


def test_tables_for_pandas(recorded):
    report = recorded.report(predict=False)
    tasks = report.to_pandas()
    assert len(tasks) == report.total
    assert tasks["flops"].sum() == report.flops
    assert set(tasks["kernel"]) == set(report.tasks.kernels)
    assert report.to_pandas("TileWritten")["nbytes"].sum() == report.bytes_written
    assert len(report.to_pandas("workers")) == 1
    assert report.to_pandas("kernels")["tasks"].sum() == report.total
    with pytest.raises(ValueError, match="there are tasks, workers"):
        report.to_pandas("tiles")


def test_pandas_and_bokeh_are_extras(recorded, monkeypatch, tmp_path):
    report = recorded.report(predict=False)
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    monkeypatch.setitem(__import__("sys").modules, "bokeh", None)
    with pytest.raises(ModuleNotFoundError, match=r"numpywren\[pandas\]"):
        report.to_pandas()
    with pytest.raises(ModuleNotFoundError, match=r"numpywren\[report\]"):
        report.save(tmp_path / "run.html")


def test_it_reads_nothing_but_the_record_and_the_events(recorded, monkeypatch):
    asked = []
    kind = type(open_store(recorded.url))
    get = kind.get
    monkeypatch.setattr(kind, "get", lambda self, key, at_most=None: asked.append(key) or get(self, key, at_most))
    recorded.report(predict=False)
    assert {key.split("/")[0] for key in asked} == {"run.json", "events"}


def test_a_failure_is_told(own_store):
    a = positive_definite(32, np.float64)
    a[20, 20] = -1.0
    run = nw.submit(nw.linalg.cholesky, nw.asarray(a, chunks=8))
    with pytest.raises(np.linalg.LinAlgError):
        run.wait(progress=False)
    report = run.report()
    (failed,) = report.failures
    assert failed.error == "LeadingMinorError"
    assert "not positive definite" in failed.message
    assert "potrf" in failed.kernel
    assert "not positive definite" in str(report)
    assert report.done < report.total


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_a_machine_that_does_not_exist(recorded, capsys):
    with pytest.raises(ValueError, match="did you mean 'lambda-3gb'"):
        recorded.report("lambda-3g")
    assert main(["report", recorded.url, "--machine", "lambda-3g"]) == 1
    assert "did you mean" in capsys.readouterr().err


def test_a_run_that_does_not_exist(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert "no run" in capsys.readouterr().err


def test_a_run_without_events(tmp_path, capsys):
    run = empty_run(tmp_path)
    assert main(["report", run.url]) == 1
    assert "events=false" in capsys.readouterr().err


def test_a_run_by_another_version(tmp_path, capsys):
    run = empty_run(tmp_path)
    store = open_store(run.url)
    record = json.loads(bytes(store.get("run.json")))
    store.put("run.json", json.dumps({**record, "format": 0, "version": "0.0.1"}).encode())
    assert main(["report", run.url]) == 1
    assert "numpywren 0.0.1" in capsys.readouterr().err


def test_a_run_with_kernels_that_may_not_be_loaded_here(own_store):
    run = nw.submit(nw.linalg.cholesky, positive_definite(9, np.float64))
    run.wait(progress=False)
    store = open_store(run.url)
    text = bytes(store.get("run.json")).decode().replace("numpywren.kernels.potrf:", "elsewhere:")
    store.put("run.json", text.encode())
    report = run.report()
    assert report.flops is report.total is report.predicted is None
    assert report.tasks.kernels == ("potrf syrk",)  # as the record has it; nothing of it is loaded
    assert "elsewhere" in str(report)
    record = json.loads(text)
    store.put("run.json", json.dumps({**record, "program": {**record["program"], "body": [["run", "rm"]]}}).encode())
    assert run.report().tasks.kernels == ("kind 0",)


def test_a_page_has_a_name_that_browsers_know(recorded, tmp_path):
    report = recorded.report(predict=False)
    with pytest.raises(ValueError, match=r"run\.html"):
        report.save(tmp_path / "run.pdf")
    with pytest.raises(OSError, match="could not be saved"):
        report.save(tmp_path / "nowhere" / "run.html")


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_prints_and_saves(recorded, tmp_path, capsys):
    assert main(["report", recorded.url, "--save", str(tmp_path / "run.html")]) == 0
    assert "wall time" in capsys.readouterr().out
    assert "<title>cholesky" in (tmp_path / "run.html").read_text()
    assert main(["report", recorded.url, "--json", "--no-predict"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["name"], data["predicted"]) == ("cholesky", None)
