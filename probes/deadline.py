"""The budget as a promise: a wall-clock deadline that long work checks, and that interrupts work that cannot check."""

from __future__ import annotations

import _weakrefset
import contextlib
import gc
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from types import FrameType

from probes.errors import OutOfTime

_WEAK_REFERENCES = {weakref.__file__, _weakrefset.__file__}
"""Where the callbacks of the standard library's weak dictionaries and sets are written."""


class Deadline:
    """A moment on the monotonic clock after which work stops with `OutOfTime`.

    Parameters
    ----------
    seconds : float or None
        Seconds from now; None never ends.

    Examples
    --------
    >>> Deadline(None).remaining
    inf
    >>> Deadline(0).check()
    Traceback (most recent call last):
    ...
    probes.errors.OutOfTime: the wall-clock budget is spent
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = float("inf") if seconds is None else time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self._end - time.monotonic()

    def check(self) -> None:
        """Raise `OutOfTime` once the deadline has passed."""
        if self.remaining <= 0:
            raise OutOfTime("the wall-clock budget is spent")

    @contextlib.contextmanager
    def enforced(self) -> Iterator[None]:
        """Interrupt the body at the deadline even where it never calls `check`.

        Solvers of other libraries do not know our deadline. In the main thread of a POSIX process a timer signal
        raises `OutOfTime` inside them; elsewhere only `check` holds.
        """
        self.check()
        usable = (
            self.remaining != float("inf")
            and hasattr(signal, "setitimer")
            and threading.current_thread() is threading.main_thread()
        )
        if not usable:
            yield
            return

        rung = False

        def ring(_signum: int, frame: FrameType | None) -> None:
            nonlocal rung
            if _unheard(frame):
                signal.setitimer(signal.ITIMER_REAL, 0.01, 1.0)
                return
            rung = True
            raise OutOfTime("the wall-clock budget is spent")

        before = signal.signal(signal.SIGALRM, ring)
        # Repeats, because a library may swallow the first exception in a callback of its own.
        left, interval = signal.setitimer(signal.ITIMER_REAL, max(self.remaining, 0.001), 1.0)
        outer_end = time.monotonic() + left
        try:
            yield
        except OutOfTime:
            raise
        except Exception as error:
            # A library may take the interruption for a failure of its own, and raise that instead.
            if rung:
                raise OutOfTime("the wall-clock budget is spent") from error
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            if left:  # a deadline around this one goes on
                signal.setitimer(signal.ITIMER_REAL, max(outer_end - time.monotonic(), 0.001), interval)


def _unheard(frame: FrameType | None) -> bool:
    """Whether an exception raised here would be printed and dropped.

    So it would in a finaliser, in a callback of the collector, and in that of a weak reference.
    """
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None:
        code = frame.f_code
        if code.co_name == "__del__" or code in callbacks or code.co_filename in _WEAK_REFERENCES:
            return True
        frame = frame.f_back
    return False
