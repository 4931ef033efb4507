"""Short commands leave garbage to the end of their process, and put the collector back as it was."""

from __future__ import annotations

import gc

import pytest

from sqnxt_tf.cli.garbage import leave_all, without_collection


def test_the_collector_rests_and_is_put_back_even_after_an_error() -> None:
    assert gc.isenabled()
    assert without_collection(gc.isenabled)() is False
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        without_collection(lambda: 1 / 0)()
    assert gc.isenabled()
    gc.disable()
    try:
        without_collection(int)()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_left_at_the_end_is_not_walked_through() -> None:
    gc.collect()
    leave_all()
    try:
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
