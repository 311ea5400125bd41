import gc
import threading

import numpy as np
import pytest

from numpywren.kernels import buffers
from numpywren.kernels.buffers import KEPT_BYTES, fresh

F8 = np.dtype("f8")


@pytest.fixture(autouse=True)
def _empty():
    gc.collect()
    buffers._kept.clear()
    yield
    gc.collect()
    buffers._kept.clear()


def kept():
    return sum(size * len(same) for size, same in buffers._kept.items())


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(3, 5), (600, 700), (1 << 20,), (0, 5)])
def test_column_major_writable_of_the_shape(shape, dtype):
    a = fresh(shape, np.dtype(dtype))
    assert a.shape == shape
    assert a.dtype == dtype
    assert a.flags.f_contiguous
    assert a.flags.writeable
    a[...] = 3
    assert (a == 3).all()


def test_memory_is_used_again_only_when_the_last_view_has_ended():
    a = fresh((512, 512), F8)
    where = a.ctypes.data
    view = a.T[3:, :7]
    view2 = view.view()
    del a, view
    gc.collect()
    b = fresh((512, 512), F8)
    assert b.ctypes.data != where, "somebody still looks at that memory"
    del view2
    gc.collect()
    c = fresh((512, 512), F8)
    assert c.ctypes.data == where


def test_memory_seen_through_a_buffer_is_not_used_again():
    a = fresh((512, 512), F8)
    where = a.ctypes.data
    seen = memoryview(a.T)
    del a
    gc.collect()
    assert fresh((512, 512), F8).ctypes.data != where
    seen.release()


def test_what_is_kept_is_bounded():
    arrays = [fresh((1 << 18,), F8) for _ in range(2 * KEPT_BYTES // (8 << 18))]
    arrays += [fresh((1 << 19,), F8) for _ in range(10)]
    assert kept() == 0
    del arrays
    gc.collect()
    assert 0 < kept() <= KEPT_BYTES
    huge = fresh((KEPT_BYTES // 8 + 1,), F8)
    del huge
    gc.collect()
    assert kept() <= KEPT_BYTES


def test_many_threads_never_share_memory():
    wrong = []

    def work(number):
        for turn in range(200):
            a = fresh((512, 300), F8)
            a.fill(number * 1000 + turn)
            b = fresh((512, 300), F8)
            b.fill(-1)
            if not (a == number * 1000 + turn).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
