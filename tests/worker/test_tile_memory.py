import threading
import time

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from numpywren.lambdapack import Tile
from numpywren.worker.memory import TileMemory

BOUND = 1000


def tile(number):
    return Tile("A", (number,))


def value(nbytes):
    return np.zeros(nbytes, np.uint8)


class MemoryMachine(RuleBasedStateMachine):
    """Whatever happens, promises, reads under way and cached tiles stay under the bound."""

    def __init__(self):
        super().__init__()
        self.memory = TileMemory(BOUND)
        self.promises = []
        self.reading = {}

    @rule(nbytes=st.integers(0, 500))
    def promise(self, nbytes):
        if sum(self.promises) + nbytes <= BOUND or not self.promises:
            assert self.memory.promise(nbytes, lambda: False)
            self.promises.append(nbytes)
        else:
            assert not self.memory.promise(nbytes, lambda: True)

    @precondition(lambda self: self.promises)
    @rule()
    def withdraw(self):
        self.memory.withdraw(self.promises.pop())

    @rule(number=st.integers(0, 9), nbytes=st.integers(1, 300))
    def want(self, number, nbytes):
        future, mine = self.memory.lookup(tile(number), nbytes)
        if mine:
            assert number not in self.reading
            self.reading[number] = (future, nbytes)
        elif number in self.reading:
            assert future is self.reading[number][0]
        else:
            assert future.done()

    @precondition(lambda self: self.reading)
    @rule(fails=st.booleans())
    def read_ends(self, fails):
        number, (future, nbytes) = self.reading.popitem()
        if fails:
            self.memory.failed(tile(number), OSError("gone"))
            assert isinstance(future.exception(), OSError)
        else:
            self.memory.arrived(tile(number), value(nbytes))
            assert future.result().nbytes == nbytes

    @rule(number=st.integers(10, 15), nbytes=st.integers(1, 300))
    def keep(self, number, nbytes):
        self.memory.keep(tile(number), value(nbytes))

    @rule(number=st.integers(0, 15))
    def forget(self, number):
        self.memory.forget((tile(number),))
        assert not self.memory.holds(tile(number))

    @invariant()
    def under_the_bound(self):
        memory = self.memory
        assert memory._promised == sum(self.promises)
        assert memory._reading_bytes == sum(nbytes for _, nbytes in self.reading.values())
        assert memory._cached_bytes == sum(held.nbytes for held in memory._cache.values())
        if memory._cache:
            assert memory._promised + memory._reading_bytes + memory._cached_bytes <= BOUND


TestMemory = MemoryMachine.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_promise_waits_until_there_is_room():
    memory = TileMemory(BOUND)
    assert memory.promise(800, lambda: False)
    let_in = threading.Event()

    def second():
        memory.promise(400, lambda: False)
        let_in.set()

    threading.Thread(target=second, daemon=True).start()
    assert not let_in.wait(0.15)
    memory.withdraw(800)
    assert let_in.wait(5)


def test_a_promise_above_the_bound_is_let_in_alone():
    memory = TileMemory(BOUND)
    assert memory.promise(5 * BOUND, lambda: False)
    assert not memory.promise(1, lambda: True)


def test_the_least_recently_used_tile_goes_first():
    memory = TileMemory(BOUND)
    memory.keep(tile(1), value(400))
    memory.keep(tile(2), value(400))
    memory.lookup(tile(1), 400)
    memory.keep(tile(3), value(400))
    assert memory.holds(tile(1))
    assert not memory.holds(tile(2))


def test_many_threads_read_a_tile_once():
    memory = TileMemory(BOUND)
    readers = []

    def want():
        future, mine = memory.lookup(tile(1), 10)
        if mine:
            readers.append(1)
            time.sleep(0.02)
            memory.arrived(tile(1), value(10))
        assert future.result(5).nbytes == 10

    threads = [threading.Thread(target=want) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(readers) == 1
