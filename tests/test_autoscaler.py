from hypothesis import given
from hypothesis import strategies as st

from numpywren.autoscaler import workers_wanted

COUNTS = st.integers(0, 10_000)
SOME = st.integers(1, 500)


@given(ready=COUNTS, running=COUNTS, alive=st.integers(0, 500), slots=SOME, ceiling=SOME)
def test_follows_the_work_and_never_the_ceiling(ready, running, alive, slots, ceiling):
    wanted = workers_wanted(ready=ready, running=running, alive=alive, slots=slots, ceiling=ceiling)
    assert wanted >= max(alive, 1)
    assert wanted <= max(alive, ceiling)
    if wanted > max(alive, 1):
        assert (wanted - 1) * slots < ready + running


def test_one_worker_a_slot_of_work():
    assert workers_wanted(ready=5, running=3, alive=1, slots=2, ceiling=100) == 4
    assert workers_wanted(ready=50, running=30, alive=1, slots=2, ceiling=7) == 7
    assert workers_wanted(ready=0, running=0, alive=0, slots=2, ceiling=7) == 1
