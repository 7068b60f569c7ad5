"""Where measurements run: in this process, in spawned ones (`probes.workers`) or on Ray (`probes.ray_workers`).

Whoever decides starts jobs while a worker is free, and waits for reports. It alone writes what was measured and what
was decided: a worker that dies can tear nothing but its own measurement, which is made again.
"""

from __future__ import annotations

import contextlib
import importlib
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from probes.errors import AdvisorError, InputError, MeasurementFailed, OutOfTime
from probes.hardware import Speed
from probes.measurement import Measurement, Trial
from probes.measuring import measure
from probes.model import ModelFacts
from probes.recipe import Recipe
from probes.searching import UNHURRIED, SearchTime
from probes.workbench import Workbench

MOVES = 5
"""Times a second that a worker says how far it has come."""

GRACE = 1.0
"""Seconds after the deadline at which a worker that has not stopped by itself is ended."""


@dataclass(frozen=True)
class Job:
    """One measurement to make; see `probes.measuring.measure`."""

    number: int
    """Tells it from the other jobs of a run."""
    strategy: str
    recipes: tuple[Recipe, ...]
    model: ModelFacts | None
    speed: Speed | None
    """Speed of the model, threads and precision with it; None where no model takes part."""
    train_rows: int
    search_rows: int
    seed: int
    known: Mapping[str, Trial]
    """Trials that finished earlier, by setting."""
    chosen_by: tuple[Trial, ...]
    search_time: SearchTime = UNHURRIED
    """What is expected of its search."""


@dataclass(frozen=True)
class Waiting:
    """A job was given away, and has not begun."""

    number: int
    why: str
    """What it may be waiting for."""


@dataclass(frozen=True)
class Moved:
    """A job moved on."""

    number: int
    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Tried:
    """A job finished one trial."""

    number: int
    trial: Trial


@dataclass(frozen=True)
class Finished:
    """A job is done."""

    number: int
    measurement: Measurement


@dataclass(frozen=True)
class Stopped:
    """A job came to nothing."""

    number: int
    error: AdvisorError
    """`OutOfTime`, `MeasurementFailed`, or what the user must mend."""
    trace: str = ""
    """The traceback, where a library failed in a way nobody expected."""


@dataclass(frozen=True)
class Lost:
    """The process that ran a job died; the job may be started again."""

    number: int


Report = Waiting | Moved | Tried | Finished | Stopped | Lost
Tell = Callable[[Report], None]


class Executor(Protocol):
    """Runs jobs."""

    @property
    def workers(self) -> int:
        """Jobs that may run at once."""

    def start(self, job: Job) -> None:
        """Start a job; only while fewer than `workers` run."""

    def wait(self, tell: Tell) -> None:
        """Wait until something is to be told of the jobs that run, and tell it."""

    def close(self) -> None:
        """End all workers, whatever they do."""


def run_job(job: Job, bench: Workbench, tell: Tell) -> None:
    """Make a measurement and tell what became of it: the last report is `Finished` or `Stopped`.

    Parameters
    ----------
    job : Job
    bench : Workbench
        That of the job's model, with the deadline that holds for the job.
    tell : callable
    """

    def moved(what: str, done: int, total: int) -> None:
        tell(Moved(job.number, what, done, total))

    def record(trial: Trial) -> None:
        tell(Tried(job.number, trial))

    bench.progress = moved
    bench.speed = job.speed or bench.speed
    try:
        measurement = measure(
            job.strategy,
            job.recipes,
            bench,
            train_rows=job.train_rows,
            search_rows=job.search_rows,
            seed=job.seed,
            known=job.known,
            record=record,
            search_time=job.search_time,
            chosen_by=job.chosen_by,
        )
    except (OutOfTime, MeasurementFailed, InputError) as error:
        tell(Stopped(job.number, error))
    except Exception as error:
        # A library that cannot do this model or these rows must not take the other candidates down with it.
        tell(unexpected(job.number, error))
    else:
        tell(Finished(job.number, measurement))


def unhurried(tell: Tell) -> Tell:
    """Return what tells of progress `MOVES` times a second at most, and of all else: no worker floods its line."""
    last = 0.0

    def told(report: Report) -> None:
        nonlocal last
        now = time.monotonic()
        if isinstance(report, Moved):
            if now - last < 1 / MOVES:
                return
            last = now
        tell(report)

    return told


def warm_up() -> None:
    """Import what measurements need, so that the first one in a process takes no longer than the others."""
    for name in ("sklearn.linear_model", "torch", "transformers", "peft"):
        with contextlib.suppress(Exception):  # whoever needs it will say what is wrong with it
            importlib.import_module(name)


def unexpected(number: int, error: Exception) -> Stopped:
    """Return the report of a failure that nobody expected."""
    summary = f"it failed with {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Stopped(number, MeasurementFailed(summary), "".join(traceback.format_exception(error)))


class InProcess:
    """Runs one job at a time, in this process: no second copy of anything, and nothing to start.

    Parameters
    ----------
    bench_of : callable
        From a model to its workbench.
    """

    workers = 1

    def __init__(self, bench_of: Callable[[ModelFacts | None], Workbench]) -> None:
        self._bench_of = bench_of
        self._waiting: Job | None = None

    def start(self, job: Job) -> None:
        """Keep a job for `wait`."""
        self._waiting = job

    def wait(self, tell: Tell) -> None:
        """Run the job that was started."""
        job, self._waiting = self._waiting, None
        if job is not None:
            run_job(job, self._bench_of(job.model), tell)

    def close(self) -> None:
        """There is nothing to end."""
