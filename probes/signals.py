"""Signals that wait until a short piece of work is whole."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def held_back(name: str) -> Iterator[None]:
    """Let a signal wait until the block is over; where signals cannot be held back, the block runs as it is.

    Parameters
    ----------
    name : str
        As `signal` names it, such as `SIGALRM`.

    Examples
    --------
    >>> with held_back("SIGINT"):
    ...     signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    True
    >>> signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    False
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name)})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
