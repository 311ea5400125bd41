"""Plans are counted, not guessed: held to a walk over every task."""

import json
from collections import Counter
from graphlib import TopologicalSorter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lambdapack.random_programs import programs
from lambdapack.toys import parse_text
from planner.odd_programs import backwards, shapeless

import numpywren as nw
from numpywren.cli import main
from numpywren.job.prepare import prepare
from numpywren.job.request import Request, Returned
from numpywren.lambdapack import Dataflow, Task
from numpywren.planner import Machine, load_machine, make_plan, sweep
from numpywren.planner.census import census
from numpywren.planner.cost import cost
from numpywren.planner.profile import profile
from numpywren.planner.sweep import Sweep
from numpywren.planner.tasks import kind_tables
from numpywren.planner.workload import Shapes

linalg = nw.linalg


def zeros(*shape, chunks=16, dtype=float):
    return nw.zeros(shape, chunks=chunks, dtype=dtype)


CALLS = {
    "cholesky": lambda: linalg.cholesky.request(zeros(70, 70)),
    "lu": lambda: linalg.lu.request(zeros(70, 53)),
    "qr": lambda: linalg.qr.request(zeros(70, 50)),
    "tall qr": lambda: linalg.qr.request(zeros(300, 10, chunks=(32, 10))),
    "svd": lambda: linalg.svd.request(zeros(50, 70), full_matrices=False),
    "svdvals": lambda: linalg.svdvals.request(zeros(70, 50, dtype="f4")),
    "eigh": lambda: linalg.eigh.request(zeros(70, 70, dtype=complex)),
    "solve": lambda: linalg.solve.request(zeros(70, 70), zeros(70, 3)),
    "vector": lambda: linalg.solve.request(zeros(70, 70), zeros(70)),
    "matmul": lambda: linalg.matmul.request(zeros(70, 50), zeros(50, 33, dtype="c8")),
    "lstsq": lambda: linalg.lstsq.request(zeros(70, 30), zeros(70, 2)),
    "randomized": lambda: linalg.svd.request(zeros(70, 50), k=5),
    "stack": lambda: linalg.inv.request(zeros(3, 40, 40, chunks=(1, 16, 16))),
    "empty": lambda: linalg.cholesky.request(zeros(0, 0)),
    "one": lambda: linalg.eigh.request(zeros(1, 1)),
    "backwards": lambda: Request("odd", backwards, {"A": zeros(75, 75)}, (Returned("X"),)),
    "shapeless": lambda: Request("odd", shapeless, {"A": zeros(75, 53)}, (Returned("X"),)),
}


def workload_of(name):
    return prepare(CALLS[name]())[0]


@pytest.fixture(params=["together", "apart"])
def _either_way(request, monkeypatch):
    """Loops gone through at once where that can be, and as if tasks were too many for that."""
    if request.param == "apart":
        monkeypatch.setattr(sweep, "TOGETHER", 7)


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("name", CALLS)
def test_every_task_is_counted_as_if_it_were_looked_at(name):
    workload = workload_of(name)
    shapes, flow = Shapes(workload), workload.dataflow
    got = {}
    for kind in census(workload, shapes):
        for row in range(kind.table.rows):
            figures = (kind.flops, kind.bytes_read, kind.bytes_written, kind.tiles_read, kind.tiles_written)
            got[kind.table.task(row)] = tuple(column[row] for column in figures)
    assert set(got) == set(flow.tasks())
    factor = 4 if workload.record.dtype.kind == "c" else 1
    for task, figures in got.items():
        reads, writes = flow.reads(task), flow.writes(task)
        work, made = cost(flow.expression(task, workload.record.scalars), shapes.of, shapes.target(writes[0]))
        assert [tuple(shapes.of(tile)) for tile in writes] == [tuple(shape) for shape in made]
        sizes = [workload.itemsize * sum(int(np.prod(shapes.of(tile))) for tile in tiles) for tiles in (reads, writes)]
        assert figures == (pytest.approx(factor * sum(work.values())), *sizes, len(reads), len(writes)), task


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("name", CALLS)
def test_the_schedule_is_that_of_tasks_begun_as_soon_as_they_can(name):
    workload = workload_of(name)
    shapes, flow = Shapes(workload), workload.dataflow
    machine = Machine(name="m", get_s=0.5, put_s=0.25, bandwidth=1e6, gflops=1e-3)
    seconds = {}

    def note(kind, box, groups, numbers):
        for place, number in enumerate(np.broadcast_to(numbers, box.shape).reshape(-1)):
            bound, group = box.at(place), groups[number]
            task = Task(kind.number, tuple(bound[loop.variable] for loop in kind.loops))
            assert task not in seconds
            seconds[task] = group.seconds + group.moving

    swept = Sweep(workload, shapes, machine, note)
    assert set(seconds) == set(flow.tasks())
    finish, chain, last = {}, {}, {}
    waits = {task: {flow.writer(tile) for tile in flow.reads(task)} - {None} for task in flow.tasks()}
    for task in TopologicalSorter(waits).static_order():
        writers = waits[task]
        finish[task] = max((finish[each] for each in writers), default=0.0) + seconds[task]
        chain[task] = 1 + max((chain[each] for each in writers), default=0)
        for tile in flow.reads(task):
            last[tile] = max(last.get(tile, 0.0), finish[task])
    assert swept.path == max(chain.values(), default=0)
    assert swept.end == pytest.approx(max(finish.values(), default=0.0))
    drawn = profile(swept.moments, swept.deaths(), points=40)
    width = drawn.seconds[0]
    assert drawn.parallelism.sum() * width == pytest.approx(sum(seconds.values()))
    for end, tasks in zip(drawn.seconds, drawn.parallelism, strict=True):
        under_way = sum(
            max(min(done, end) - max(done - seconds[task], end - width), 0.0) for task, done in finish.items()
        )
        assert tasks * width == pytest.approx(under_way, abs=1e-6 * swept.end)
    temporary = {matrix.name for matrix in flow.program.matrices if matrix.role == "temporary"}
    for moment, held in zip(drawn.seconds, drawn.working_set, strict=True):
        alive = 0
        for task, done in finish.items():
            for tile in flow.writes(task):
                gone = max(last.get(tile, 0.0), done) if tile.matrix in temporary else np.inf
                alive += (done <= moment < gone) * int(np.prod(shapes.of(tile)))
        assert held == pytest.approx(alive * workload.itemsize)


@given(text=programs(), n=st.integers(0, 5), d=st.integers(1, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_tables_hold_the_tasks_of_any_program(text, n, d):
    try:
        flow = Dataflow(parse_text(text), {"n": n, "d": d})
        wanted = {task: (set(flow.reads(task)), set(flow.writes(task))) for task in flow.tasks()}
    except ValueError:
        return
    got = {}
    for table in kind_tables(flow):
        for row in range(table.rows):
            got[table.task(row)] = (set(), set())
        for which, places in enumerate((table.reads, table.writes)):
            for uses in places:
                for use, row in enumerate(uses.rows):
                    got[table.task(int(row))][which].add(uses.tile(use))
    assert got == wanted


def test_a_plan_says_what_a_run_would_take():
    planned = nw.plan(linalg.cholesky, zeros(1000, 1000, chunks=100))
    request = linalg.cholesky.request(zeros(1000, 1000, chunks=100))
    workload, _ = prepare(request)
    assert planned.tasks == workload.dataflow.count() == sum(each.tasks for each in planned.kernels)
    assert planned.flops == pytest.approx(1000**3 / 3, rel=0.2)
    assert planned.writes == planned.tasks
    assert planned.fits
    text = str(planned)
    assert "potrf" in text
    assert f"{planned.tasks:,}" in text
    assert "<table>" in planned._repr_html_()
    assert json.loads(json.dumps(planned.to_json()))["tasks"] == planned.tasks


def test_dust_is_refused_at_once():
    with pytest.raises(ValueError, match=r"100,000,000 tiles of 100.*larger tiles"):
        nw.plan(linalg.cholesky, zeros(10**6, 10**6, chunks=100))


def test_a_plan_shows_its_table():
    planned = nw.plan(linalg.cholesky, zeros(100, 100))
    assert repr(planned) == str(planned)


def test_a_plan_makes_nothing(tmp_path):
    with nw.config.set({"store": str(tmp_path)}):
        nw.plan(linalg.svd, zeros(100, 60))
    assert list(tmp_path.iterdir()) == []


def test_a_task_that_no_worker_can_hold_is_told():
    workload, _ = prepare(linalg.cholesky.request(zeros(1000, 1000, chunks=500)))
    planned = make_plan(workload, Machine(name="tiny", memory=1_000_000))
    assert not planned.fits
    assert "smaller tiles" in str(planned)


def test_parallelism_swells_and_dies_away():
    planned = nw.plan(linalg.cholesky, zeros(3200, 3200, chunks=100), machine=Machine(name="m", memory=2**40))
    assert planned.profile.peak_parallelism > 3 * planned.profile.parallelism[-1]
    assert planned.profile.peak_working_set <= 2 * 3200**2 * 8


def test_a_million_by_a_million_is_planned_at_once():
    planned = nw.plan(linalg.cholesky, zeros(10**6, 10**6, chunks=8192))
    assert planned.flops == pytest.approx(1e18 / 3, rel=0.05)
    counts = Counter({each.kernel: each.tasks for each in planned.kernels})
    assert counts["potrf syrk"] == -(-(10**6) // 8192)


def test_an_unknown_machine_is_refused_by_name():
    with pytest.raises(ValueError, match="did you mean 'this-machine'"):
        nw.plan(linalg.cholesky, zeros(10, 10), machine="this-machin")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[mine]\nspeed = 3", "'mine' in .*machines.toml has no use for speed"),
        ("mine = 3", "is described by 3; a table"),
        ("[mine]\nprices = {gold = 1}", "no use for gold"),
        ("[mine]\nprices = {put = -1}", "put = -1; it must be a number from 0"),
        ("[mine]\nprices = 3", "prices = 3; it must be a table"),
        ('[mine]\nslots = "two"', "slots = 'two'; it must be a whole number from 1"),
        ("[mine]\nslots = 0", "slots = 0"),
        ("[mine]\ngflops = -1", "gflops = -1; it must be a number above 0"),
        ("[mine]\ngflops = nan", "gflops = nan"),
        ('[mine]\nmemory = "much"', "'much' is no size"),
        ("[mine]\nshares = {potrf = 0}", "it must be a table of numbers above 0"),
        ("[mine]\nshares_at = {long = {potrf = 1}}", "by lengths of tiles"),
        ("[mine", "could not be read"),
    ],
)
def test_a_machine_that_is_described_wrongly_is_refused(tmp_path, text, message):
    path = tmp_path / "machines.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_machine("mine", path)


def test_machines_of_the_user_go_first(tmp_path):
    path = tmp_path / "machines.toml"
    path.write_text('[this-machine]\nslots = 7\nmemory = "3GiB"\nshares = {potrf = 0.25}\nprices = {put = 5e-6}\n')
    found = load_machine("this-machine", path)
    assert (found.slots, found.memory, found.prices.put) == (7, 3 * 2**30, 5e-6)
    assert found.rate("potrf") == found.gflops * 1e9 / 4


def test_submit_and_plan_want_functions():
    with pytest.raises(TypeError, match="plan got builtin_function_or_method"):
        nw.plan(abs, 3)


def test_the_plot_shows_both_profiles(tmp_path):
    pytest.importorskip("matplotlib")
    figure = nw.plan(linalg.cholesky, zeros(800, 800, chunks=100)).plot()
    assert [axes.get_ylabel().split(",")[0] for axes in figure.axes] == ["tasks under way", "working set"]
    figure.savefig(tmp_path / "plan.png")
    assert (tmp_path / "plan.png").stat().st_size > 5000


@pytest.mark.parametrize("workers", ["a", 1.5, True])
def test_workers_of_a_plan_are_a_whole_number(workers):
    with pytest.raises(TypeError, match=f"workers is {workers!r}; give a whole number"):
        nw.plan(linalg.cholesky, zeros(80, 80, chunks=20), workers=workers)
    with pytest.raises(ValueError, match="workers is 0; a run needs one at least"):
        nw.plan(linalg.cholesky, zeros(80, 80, chunks=20), workers=0)


def test_the_command_plans_a_matrix_that_does_not_exist(capsys, tmp_path):
    assert main(["plan", "cholesky", "5000x5000", "--chunks", "1000", "--plot", str(tmp_path / "p.png")]) == 0
    assert "longest chain" in capsys.readouterr().out
    assert (tmp_path / "p.png").exists()
    assert main(["plan", "cholesky", "5000x5000", "--chunks", "1000", "--json"]) == 0
    assert (
        json.loads(capsys.readouterr().out)["tasks"] == nw.plan(linalg.cholesky, zeros(5000, 5000, chunks=1000)).tasks
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "cholesky", "nowhere.zarr"], "nowhere.zarr"),
        (["plan", "cholesky", "50x40"], "square"),
        (["plan", "cholesky", "50x50", "--machine", "abacus"], "there is no machine 'abacus'"),
        (["plan", "xyzzy", "50x50"], "numpywren.linalg has no 'xyzzy'; it has: add,"),
        (["plan", "choleksy", "50x50"], "numpywren.linalg has no 'choleksy'; did you mean 'cholesky'?"),
        (["plan", "cho_solve", "50x50", "50"], "cho_solve wants a tuple, which words cannot give"),
    ],
)
def test_the_command_says_what_is_wrong(words, message, capsys):
    assert main(words) in (1, 2)
    assert message in capsys.readouterr().err
