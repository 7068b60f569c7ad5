"""What a live view knows: the state of the race after the events so far, and nothing of how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from advisor.events import Dropped, Event, Failed, Measured, Planned, Progressed, Said, Started, Tried
from advisor.sentences import half_width, sentence
from probes.measurement import Measurement
from strategies import Candidate


@dataclass(frozen=True)
class Running:
    """A measurement that has begun."""

    started: Started
    since: float
    """When, on the clock of the view."""


@dataclass(frozen=True)
class Scored:
    """What was measured of a candidate on one number of training rows, over its seeds."""

    rows: int
    """Training rows."""
    score: float
    """Mean over the seeds of the score on validation rows."""
    half: float | None
    """Half the width of its 95 % interval; None where it is not known."""
    seeds: int


@dataclass(frozen=True)
class Left:
    """Why a candidate gets no further."""

    word: str
    """`dropped`, `failed` or `no time`."""
    reason: str


@dataclass(frozen=True)
class Board:
    """The state of the race; each event makes another one, so that a thread that draws never sees half a change.

    Examples
    --------
    >>> lora = Candidate(strategy="lora", model="minilm")
    >>> board = Board().after(Planned(candidates=(lora,), sizes=(500, 1_500), seeds=3, remaining=60.0), now=100.0)
    >>> board.after(Dropped(candidate=lora, reason="it lies behind"), now=101.0).left[lora].word
    'dropped'
    >>> board.remaining(now=110.0)
    50.0
    """

    candidates: tuple[Candidate, ...] = ()
    """Lightest first."""
    sizes: tuple[int, ...] = ()
    """Training rows of the rungs, ascending; empty before the race."""
    workers: int = 1
    ends: float = math.inf
    """When the budget ends, on the clock of the view."""
    running: Mapping[tuple[Candidate, int], Running] = field(default_factory=dict)
    """What runs, by candidate and seed, the longest first."""
    progress: Mapping[Candidate, Progressed] = field(default_factory=dict)
    """The last word of those that run."""
    left: Mapping[Candidate, Left] = field(default_factory=dict)
    """Who gets no further."""
    said: str = ""
    """The last sentence on where the run stands."""
    said_at: float = 0.0
    last: str = ""
    """The last thing that came out: a measurement, a setting tried, a candidate dropped or failed."""
    _measured: Mapping[Candidate, Mapping[int, Mapping[int, Measured]]] = field(default_factory=dict)
    """By train rows, by seed."""

    def after(self, event: Event, now: float) -> Board:
        """Return the state after an event.

        Parameters
        ----------
        event : Event
        now : float
            The time on the clock of the view, in seconds.

        Returns
        -------
        Board
        """
        match event:
            case Said():
                return replace(self, said=sentence(event), said_at=now)
            case Planned():
                return replace(
                    self,
                    candidates=event.candidates,
                    sizes=event.sizes,
                    workers=event.workers,
                    ends=now + event.remaining,
                )
            case Started():
                key = (event.candidate, event.seed)
                running = {**_without(self.running, key), key: Running(event, now)}
                return self._run(running, self.progress)
            case Progressed():
                return self._run(self.running, {**self.progress, event.candidate: event})
            case Tried():
                return replace(self, last=sentence(event))
            case Measured():
                return self._finished(event)
            case Dropped():
                left = {**self.left, event.candidate: Left("dropped", event.reason)}
                return replace(self, left=left, last=sentence(event))
            case Failed():
                word = "no time" if event.out_of_time else "failed"
                board = self._run(_without(self.running, (event.candidate, event.seed)), self.progress)
                left = {**self.left, event.candidate: Left(word, event.reason)}
                return replace(board, left=left, last=sentence(event))

    def remaining(self, now: float) -> float:
        """Return the seconds of the budget that are left; infinite where there is none."""
        return max(0.0, self.ends - now)

    def everyone(self) -> tuple[Candidate, ...]:
        """Return all candidates that anything is known of, lightest first."""
        return tuple(dict.fromkeys((*self.candidates, *self._measured, *self.left)))

    def column(self, rows: int) -> int:
        """Return the rung that a number of training rows belongs to: where time is short some measure in between."""
        return next((size for size in self.sizes if size >= rows), self.sizes[-1])

    def scored(self, candidate: Candidate, size: int) -> Scored | None:
        """Return what was measured of a candidate on a rung, or most nearly below it; None where nothing was."""
        found = self._measured.get(candidate, {})
        rows = max((rows for rows in found if self.column(rows) == size), default=None)
        if rows is None:
            return None
        seeds = list(found[rows].values())
        mean = sum(one.validation_score for one in seeds) / len(seeds)
        first = seeds[0].measurement
        half = half_width(mean, len(first.validation_predictions), first.metric)
        return Scored(rows, mean, half, len(seeds))

    def best(self, size: int) -> float | None:
        """Return the best score of a rung so far; None while fewer than two candidates were measured on its rows."""
        scores = [one.score for who in self._measured if (one := self.scored(who, size)) and one.rows == size]
        return max(scores) if len(scores) > 1 else None

    def running_at(self, candidate: Candidate, size: int) -> list[Running]:
        """Return what runs of a candidate on a rung."""
        return [
            one for (who, _), one in self.running.items() if who == candidate and self.column(one.started.rows) == size
        ]

    def _finished(self, event: Measured) -> Board:
        found = event.measurement
        who = _who(found)
        rows = self._measured.get(who, {})
        seeds = {**rows.get(found.train_rows, {}), found.seed: event}
        measured = {**self._measured, who: {**rows, found.train_rows: seeds}}
        board = self._run(_without(self.running, (who, found.seed)), self.progress)
        return replace(board, _measured=measured, last=sentence(event))

    def _run(self, running: Mapping[tuple[Candidate, int], Running], progress: Mapping[Candidate, Progressed]) -> Board:
        """Return the state with this running; how far one had come that runs no more is forgotten."""
        busy = {who for who, _ in running}
        return replace(self, running=running, progress={who: one for who, one in progress.items() if who in busy})


def _who(found: Measurement) -> Candidate:
    return Candidate(strategy=found.strategy, model=found.model)


def _without(
    running: Mapping[tuple[Candidate, int], Running], key: tuple[Candidate, int]
) -> dict[tuple[Candidate, int], Running]:
    return {one: what for one, what in running.items() if one != key}
