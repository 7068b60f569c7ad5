"""What happens on the ladder, told as it happens to whoever shows or logs it.

The ladder calls one function with each event; a live table, a log file and a test are listeners alike. Events are told
by the process that decides, in the order in which it learns of them, also where workers measure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from probes.measurement import Measurement, Trial
from strategies import Candidate


@dataclass(frozen=True)
class Said:
    """A sentence on where the run stands."""

    sentence: str


@dataclass(frozen=True)
class Planned:
    """The race begins."""

    candidates: tuple[Candidate, ...]
    """Lightest first."""
    sizes: tuple[int, ...]
    """Training rows of the rungs, ascending; the last is all rows."""
    seeds: int
    """Seeds wanted of each candidate at all rows that depends on them; 0 where none does."""
    remaining: float
    """Seconds of the budget that are left; infinite where there is none."""
    workers: int = 1
    """Measurements that may run at once."""


@dataclass(frozen=True)
class Started:
    """A measurement begins."""

    candidate: Candidate
    rows: int
    """Training rows."""
    seed: int
    why: str
    """Why this one now: a phrase, such as `rung 2 of 3`."""
    seconds: float
    """What it is expected to take."""
    again: int = 0
    """How many times a worker was lost over it before."""


@dataclass(frozen=True)
class Progressed:
    """A running measurement moved on."""

    candidate: Candidate
    what: str
    """What is being done."""
    done: int
    total: int


@dataclass(frozen=True)
class Tried:
    """A running measurement tried one setting on validation rows."""

    candidate: Candidate
    seed: int
    trial: Trial


@dataclass(frozen=True)
class Measured:
    """A measurement is finished, or was found in the run folder."""

    measurement: Measurement
    validation_score: float
    """Score on the validation rows, between 0 and 1: what steers the ladder."""
    found: bool = False
    """Whether it comes from an earlier part of this run."""


@dataclass(frozen=True)
class Dropped:
    """A candidate gets no more steps, because it lies behind for sure."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True)
class Failed:
    """A step of a candidate could not be made."""

    candidate: Candidate
    rows: int
    seed: int
    reason: str
    out_of_time: bool = False
    """Whether it was the budget that ended it."""


Event = Said | Planned | Started | Progressed | Tried | Measured | Dropped | Failed

Listener = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """Listen to nothing."""


def each(*listeners: Listener) -> Listener:
    """Return a listener that tells each of these, in this order.

    Examples
    --------
    >>> first, second = [], []
    >>> each(first.append, second.append)(Said("reading rows"))
    >>> first == second == [Said("reading rows")]
    True
    """

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
