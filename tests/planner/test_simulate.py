"""Simulated runs do what the program says, by the clock of the machine that is described."""

from dataclasses import replace

import pytest

import numpywren as nw
from numpywren.autoscaler import Limits
from numpywren.job.prepare import prepare
from numpywren.planner import Machine, Prices, make_plan
from numpywren.planner.simulate import Pool, simulate
from numpywren.worker.sizing import TaskSizes

linalg = nw.linalg
FAST = Machine(name="fast", slots=1, memory=2**40, gflops=10.0, bandwidth=1e15, shares={"other": 1.0})


def workload(fn, *shapes, chunks=64, **sizes):
    request = fn.request(*(nw.zeros(shape, chunks=chunks) for shape in shapes))
    return prepare(replace(request, sizes={**request.sizes, **sizes}))[0]


def fixed(workers):
    return Pool(static=True, limits=Limits(ceiling=workers))


@pytest.mark.parametrize("fn", [linalg.cholesky, linalg.eigh, linalg.svd, linalg.qr], ids=lambda fn: fn.__name__)
def test_one_slot_takes_as_long_as_all_tasks_together(fn):
    work = workload(fn, (320, 320))
    got = simulate(work, FAST, fixed(1))
    assert got.seconds == pytest.approx(make_plan(work, FAST).slot_seconds, rel=1e-6)
    assert got.utilisation == pytest.approx(1.0, rel=1e-6)


def test_workers_enough_take_as_long_as_the_longest_chain():
    work = workload(linalg.cholesky, (640, 640), depth=1)
    got = simulate(work, FAST, fixed(200))
    bound = make_plan(work, FAST).seconds_at_least
    assert bound <= got.seconds <= 1.3 * bound + 0.3  # workers that were idle look again after a while


def test_a_memory_that_holds_everything_reads_every_input_once():
    work = workload(linalg.cholesky, (640, 640), depth=1)
    got = simulate(work, FAST, fixed(1))
    assert got.gets == 10 * 11 // 2
    assert got.puts == work.dataflow.count()
    assert got.bytes_read == 55 * 64 * 64 * 8


def test_slots_that_share_a_memory_read_less_than_workers_that_do_not():
    work = workload(linalg.qr, (960, 960))
    memory = 32 * 64 * 64 * 8
    together = simulate(work, replace(FAST, slots=4, memory=4 * memory), fixed(1))
    apart = simulate(work, replace(FAST, memory=memory), fixed(4))
    assert together.bytes_read < 0.6 * apart.bytes_read


def test_a_slow_store_is_waited_for():
    work = workload(linalg.matmul, (320, 320), (320, 320))
    slow = replace(FAST, bandwidth=1e6, memory=40 * 64 * 64 * 8)
    got = simulate(work, slow, fixed(1))
    assert got.seconds >= got.bytes_read / 1e6
    shared = simulate(work, replace(FAST, store_bandwidth=1e6, memory=40 * 64 * 64 * 8), fixed(4))
    assert shared.seconds >= 0.999 * (shared.bytes_read + shared.bytes_written) / 1e6


def test_elastic_workers_cost_less_than_a_static_pool():
    work = workload(linalg.cholesky, (1280, 1280), depth=1)
    machine = replace(FAST, gflops=1e-4, start_s=0.2)  # tasks of some seconds
    static = simulate(work, machine, fixed(64))
    elastic = simulate(work, machine, Pool(limits=Limits(ceiling=64)))
    assert elastic.core_seconds < 0.7 * static.core_seconds
    assert elastic.seconds < 1.5 * static.seconds
    assert elastic.workers.max() <= 64


def test_workers_that_are_killed_are_replaced_and_their_tasks_done_again():
    work = workload(linalg.cholesky, (1280, 1280), depth=1)
    machine = replace(FAST, gflops=1e-3, start_s=0.2)
    pool = Pool(limits=Limits(ceiling=32), kill_at=0.5, kill_share=0.8, lease_s=5.0)
    disturbed, quiet = simulate(work, machine, pool), simulate(work, machine, replace(pool, kill_share=0.0))
    assert disturbed.repeated > 0
    assert quiet.repeated == 0
    assert disturbed.seconds > quiet.seconds
    assert disturbed.started > quiet.started


def test_the_same_seed_gives_the_same_run():
    work = workload(linalg.cholesky, (640, 640), depth=1)
    machine = replace(FAST, gflops=1e-3, failures_per_hour=200.0, start_s=0.1)
    runs = [simulate(work, machine, Pool(limits=Limits(ceiling=8), seed=seed, lease_s=2.0)) for seed in (1, 1, 2)]
    assert (runs[0].seconds, runs[0].repeated, runs[0].gets) == (runs[1].seconds, runs[1].repeated, runs[1].gets)
    assert runs[0].seconds != runs[2].seconds


def test_workers_with_short_lives_are_replaced():
    work = workload(linalg.cholesky, (640, 640), depth=1)
    machine = replace(FAST, gflops=1e-3, life_s=10.0, start_s=0.5)
    got = simulate(work, machine, Pool(limits=Limits(ceiling=4)))
    assert got.seconds > 15.0
    assert got.started > 4


def test_the_bill_is_what_was_used_times_its_price():
    work = workload(linalg.cholesky, (640, 640))
    prices = Prices(worker_hour=3600.0, worker_start=1.0, put=0.5, get=0.25, plane_task=2.0, gigabyte_month=1e9)
    got = simulate(work, replace(FAST, prices=prices), fixed(2))
    assert got.bill.compute == pytest.approx(got.worker_seconds + 2.0)
    assert got.bill.requests == pytest.approx(0.5 * got.puts + 0.25 * got.gets)
    assert got.bill.control == pytest.approx(2.0 * work.dataflow.count())
    assert got.bill.storage > 0
    assert got.bill.total == pytest.approx(got.bill.compute + got.bill.requests + got.bill.control + got.bill.storage)


def test_nothing_to_do_takes_no_time():
    got = simulate(workload(linalg.cholesky, (0, 0)), FAST, Pool())
    assert (got.seconds, got.started, got.core_seconds) == (0.0, 0, 0.0)


def test_tasks_at_the_end_of_a_long_chain_have_sizes_too():
    """A worker that comes late asks first for the last tile of a chain, whose shape follows from all before it."""
    work = workload(linalg.qr, (64 * 32, 64 * 32), chunks=32)
    sizes = TaskSizes(work.dataflow, work.bindings, work.record)
    *_, last = work.dataflow.tasks()
    assert sizes.promise(last) > 0


def test_a_static_pool_outlives_the_lives_of_its_workers():
    work = workload(linalg.cholesky, (640, 640), depth=1)
    got = simulate(work, replace(FAST, gflops=1e-3, life_s=10.0), fixed(4))
    assert got.seconds > 10.0
    assert got.started == 4
