"""Where measurements run: in this process, in spawned ones (`probes.workers`) or on Ray (`probes.ray_workers`).

Whoever decides starts jobs while a worker is free, and waits for reports. It alone writes what was measured and what
was decided: a worker that dies can tear nothing but its own measurement, which is made again.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from probes.base import Frozen
from probes.errors import AdvisorError, InputError, MeasurementFailed, OutOfTime, SettingError
from probes.hardware import Hardware, Speed
from probes.measurement import Measurement, Trial
from probes.measuring import measure
from probes.model import ModelFacts
from probes.recipe import Recipe
from probes.workbench import Workbench

if TYPE_CHECKING:
    from probes.benches import Setting
    from probes.deadline import Deadline

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
    spare: float
    """Seconds after its start until which learning rates beyond those proposed may be tried."""


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


Report = Moved | Tried | Finished | Stopped | Lost
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
    began = time.monotonic()

    def moved(what: str, done: int, total: int) -> None:
        tell(Moved(job.number, what, done, total))

    def record(trial: Trial) -> None:
        tell(Tried(job.number, trial))

    def spare() -> float:
        return job.spare - (time.monotonic() - began)

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
            spare=spare,
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


class Parallel(Frozen):
    """How many measurements may run at once, and where."""

    executor: str = "local"
    """`local` for processes of this machine, `ray`, or the address of a Ray cluster."""
    jobs: int | None = None
    """Measurements at once; None takes one a GPU, and on a CPU one (on Ray one a CPU)."""

    def checked(self) -> Parallel:
        """Return it, if it can be.

        Raises
        ------
        SettingError

        Examples
        --------
        >>> Parallel(jobs=0).checked()
        Traceback (most recent call last):
        probes.errors.SettingError: --jobs 0
          → Give 1 or more: so many measurements run at once.
        """
        if self.jobs is not None and self.jobs < 1:
            raise SettingError(f"--jobs {self.jobs}", "Give 1 or more: so many measurements run at once.")
        if self.jobs != 1 and multiprocessing.parent_process() is not None and (self.jobs or self.on_ray):
            raise SettingError(
                "measurements at once were asked for in a process that was spawned itself",
                'Guard what your script does with `if __name__ == "__main__":`, or leave jobs and executor out.',
            )
        if self.executor != "local" and not self.on_ray:
            raise SettingError(
                f"--executor {self.executor!r} is none that this version has",
                "Allowed: local, ray, or the address of a Ray cluster such as ray://head:10001.",
            )
        if self.on_ray:
            from probes.ray_workers import require_ray

            require_ray(self.address)
        return self

    @property
    def on_ray(self) -> bool:
        """Whether measurements run on Ray."""
        return self.executor == "ray" or self.executor.startswith("ray://")

    @property
    def address(self) -> str | None:
        """Address of the Ray cluster; None for one that is started here."""
        return self.executor if self.executor.startswith("ray://") else None

    def share(self, hardware: Hardware, candidates: int) -> tuple[int | None, Hardware]:
        """Return how many run at once on this machine, and what each may use of it; None for a cluster's number.

        A candidate has one measurement at a time, so no more run at once than there are candidates.
        """
        most = max(1, candidates)
        if self.address is not None:
            count = None if self.jobs is None else min(self.jobs, most)
            return count, hardware.model_copy(update={"cores": 1})
        count = self.jobs
        if count is None and hardware.device == "cuda":
            from probes.workers import visible_gpus

            count = len(visible_gpus())
        count = min(count or (hardware.cores if self.on_ray else 1), most)
        return count, hardware.model_copy(update={"cores": max(1, hardware.cores // count)})


def open_executor(
    parallel: Parallel,
    count: int | None,
    setting: Setting,
    deadline: Deadline,
    bench_of: Callable[[ModelFacts | None], Workbench],
    log: Path,
) -> Executor:
    """Return the executor that was asked for.

    Parameters
    ----------
    parallel : Parallel
    count : int or None
        As `Parallel.share` said.
    setting : Setting
        What workers start from.
    deadline : Deadline
    bench_of : callable
        Workbenches of this process, where no other is needed.
    log : Path
        Takes what libraries print in workers.

    Raises
    ------
    SettingError
        If Ray is asked for and cannot be had.
    """
    if parallel.on_ray:
        from probes.ray_workers import RayWorkers

        return RayWorkers(count, setting, deadline, parallel.address)
    if count is None or count == 1:
        return InProcess(bench_of)
    from probes.workers import Workers

    return Workers(count, setting, deadline, log)
