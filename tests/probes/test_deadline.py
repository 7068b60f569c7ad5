"""The budget as a promise: checked, enforced, nested, and without a trace afterwards."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
import weakref

import pytest

from probes.deadline import Deadline
from probes.errors import OutOfTime


def busy(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_check_raises_once_it_has_passed() -> None:
    deadline = Deadline(0.05)
    deadline.check()
    assert 0 < deadline.remaining <= 0.05
    busy(0.06)
    assert deadline.remaining < 0
    with pytest.raises(OutOfTime):
        deadline.check()


def test_work_that_never_checks_is_interrupted() -> None:
    start = time.monotonic()
    with pytest.raises(OutOfTime), Deadline(0.1).enforced():
        busy(5)
    assert time.monotonic() - start < 1


def test_work_that_swallows_the_interruption_is_interrupted_again() -> None:
    start = time.monotonic()
    with pytest.raises(OutOfTime), Deadline(0.1).enforced():
        with contextlib.suppress(OutOfTime):
            busy(5)
        busy(5)
    assert time.monotonic() - start < 2.5


def test_a_finaliser_is_not_interrupted_but_what_follows_is() -> None:
    """An exception in a finaliser is printed and dropped, so it would end nothing."""
    ended = []

    class Slow:
        def __del__(self) -> None:
            busy(0.3)
            ended.append(True)

    start = time.monotonic()
    with pytest.raises(OutOfTime), Deadline(0.1).enforced():
        slow = Slow()
        del slow
        busy(5)
    assert ended
    assert time.monotonic() - start < 1


def test_a_callback_of_the_collector_is_not_interrupted() -> None:
    def slow(_phase: str, _info: dict[str, int]) -> None:
        busy(0.2)

    gc.callbacks.append(slow)
    try:
        with pytest.raises(OutOfTime), Deadline(0.1).enforced():
            gc.collect()
            busy(5)
    finally:
        gc.callbacks.remove(slow)


def test_a_callback_of_a_weak_dictionary_is_not_interrupted() -> None:
    class Slow(list[object]):
        def append(self, _: object) -> None:
            busy(0.2)

    class Thing:
        pass

    known: weakref.WeakValueDictionary[str, Thing] = weakref.WeakValueDictionary()
    thing = known["a"] = Thing()
    # While it is iterated over, what dies is put into this list by the callback.
    known._iterating.add(thing)  # type: ignore[attr-defined]
    known._pending_removals = Slow()  # type: ignore[attr-defined]
    with pytest.raises(OutOfTime), Deadline(0.1).enforced():
        del thing
        busy(5)


def test_work_that_takes_the_interruption_for_its_own_failure_is_out_of_time() -> None:
    with pytest.raises(OutOfTime), Deadline(0.1).enforced():
        try:
            busy(5)
        except Exception as error:
            raise ValueError("unable to create tensor") from error


def test_an_inner_deadline_does_not_lift_the_outer_one() -> None:
    start = time.monotonic()
    with pytest.raises(OutOfTime), Deadline(0.2).enforced():
        with Deadline(60).enforced():
            pass
        busy(5)
    assert time.monotonic() - start < 2


def test_an_inner_deadline_of_none_keeps_the_outer_one() -> None:
    with pytest.raises(OutOfTime), Deadline(0.2).enforced(), Deadline(None).enforced():
        busy(5)


def test_nothing_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with Deadline(0.2).enforced():
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    with pytest.raises(KeyError), Deadline(0.2).enforced():
        raise KeyError
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before
    busy(0.25)


def test_a_passed_deadline_starts_nothing() -> None:
    started = False
    with pytest.raises(OutOfTime), Deadline(0).enforced():
        started = True
    assert not started


def test_other_threads_rely_on_check() -> None:
    done = []

    def work() -> None:
        with Deadline(0.05).enforced():
            busy(0.1)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
