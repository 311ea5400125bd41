"""What every object store must do, to be run on those that are not here in every test."""

from matrix import test_store, test_store_conditional

CONTRACT = [
    test_store.test_what_is_put_is_got,
    test_store.test_existence,
    test_store.test_size_is_looked_at_before_reading,
    test_store.test_listing,
    test_store.test_many_keys_are_listed,
    test_store.test_deleting,
    test_store.test_children_see_the_same,
    test_store.test_many_threads_at_once,
    test_store.test_readers_see_the_old_or_the_new_never_a_part,
    test_store_conditional.test_creating_succeeds_once,
    test_store_conditional.test_replacing_needs_the_version,
    test_store_conditional.test_a_plain_write_is_another_version,
    test_store_conditional.test_errors_are_those_of_get,
    test_store_conditional.test_counting_together_loses_nothing,
    test_store_conditional.test_creating_at_once_has_one_winner,
]
