"""Measurements in spawned processes of this machine: one a GPU, or as many as asked for on a CPU."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from probes.benches import Benches, Setting
from probes.deadline import Deadline
from probes.errors import OutOfTime
from probes.executor import GRACE, Finished, Job, Lost, Report, Stopped, Tell, run_job, unhurried, warm_up
from probes.signals import held_back

HEARD_AT_ONCE = 50
"""Reports of a worker that are taken in before the others have their turn."""

PATIENCE = 0.25
"""Seconds between looks at the clock while nothing is reported."""


def visible_gpus() -> list[str]:
    """Return what names each CUDA device that this process may use, in the words of `CUDA_VISIBLE_DEVICES`."""
    import torch

    count = torch.cuda.device_count()
    said = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return said[:count] if len(said) >= count else [str(i) for i in range(count)]


class Workers:
    """A pool of spawned processes; each keeps its models and features from job to job.

    A process that dies is replaced, and its job reported as lost.

    Parameters
    ----------
    count : int
    setting : Setting
    deadline : Deadline
        Who runs on after it is ended.
    log : Path
        File that takes what libraries print there.
    """

    def __init__(self, count: int, setting: Setting, deadline: Deadline, log: Path) -> None:
        self.workers = count
        self._setting = setting
        self._deadline = deadline
        self._log = log
        self._gpus = visible_gpus() if setting.hardware.device == "cuda" else []
        self._pool: list[_Worker | None] = [None] * count
        self._stillborn: list[Report] = []
        """Jobs whose process died before it could take them."""

    def start(self, job: Job) -> None:
        """Give a job to a free process, which is spawned if there is none yet."""
        place = next(i for i, worker in enumerate(self._pool) if worker is None or worker.job is None)
        worker = self._pool[place]
        if worker is None:
            gpu = self._gpus[place % len(self._gpus)] if self._gpus else None
            try:
                worker = self._pool[place] = _Worker(self._setting, gpu, self._log)
            except OSError:  # it died, or there was no room for it
                self._stillborn.append(Lost(job.number))
                return
        worker.give(job, self._deadline.remaining)

    def wait(self, tell: Tell) -> None:
        """Wait until something is to be told, and tell it."""
        busy = [worker for worker in self._pool if worker is not None and worker.job is not None]
        reports, self._stillborn = self._stillborn, []
        while busy and not reports:
            ready = wait([worker.connection for worker in busy], timeout=PATIENCE)
            for worker in busy:
                if worker.connection in ready:
                    reports += self._hear(worker)
                if self._deadline.remaining < -GRACE and worker.job is not None:
                    reports.append(Stopped(worker.job.number, OutOfTime("the wall-clock budget is spent")))
                    self._replace(worker)
        for report in reports:
            tell(report)

    def close(self) -> None:
        """End all processes."""
        for worker in self._pool:
            if worker is not None:
                worker.end()
        self._pool = [None] * self.workers

    def _hear(self, worker: _Worker) -> list[Report]:
        """Return what a process has reported by now, and that its job is lost if it died over it."""
        reports: list[Report] = []
        try:
            # Not until there is nothing to hear: a worker may talk faster than it is listened to.
            for _ in range(HEARD_AT_ONCE):
                if not worker.connection.poll():
                    break
                report: Report = worker.connection.recv()
                reports.append(report)
                if isinstance(report, Finished | Stopped):
                    worker.job = None
        except (EOFError, OSError):
            if worker.job is not None:
                reports.append(Lost(worker.job.number))
            self._replace(worker)
        return reports

    def _replace(self, worker: _Worker) -> None:
        worker.job = None
        worker.end()
        self._pool[self._pool.index(worker)] = None


class _Worker:
    """A process and the line to it."""

    def __init__(self, setting: Setting, gpu: str | None, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.job: Job | None = None
        self._process = context.Process(target=_work, args=(theirs, setting, gpu, log), daemon=True)
        # Ctrl-C is kept from a process that is being born: it would print what it was importing.
        with theirs, held_back("SIGINT"):
            self._process.start()

    def give(self, job: Job, remaining: float) -> None:
        self.job = job
        # A process that died while it was idle is noticed when its line is read.
        with contextlib.suppress(OSError):
            self.connection.send((job, time.monotonic() + remaining))

    def end(self) -> None:
        self._process.terminate()
        self._process.join(1.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()
        self._process.close()


def _work(connection: Connection[Any, Any], setting: Setting, gpu: str | None, log: Path) -> None:
    """Run jobs until the line is cut: what a spawned process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what it means
    _end_with_parent()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    _print_into(log)
    warm_up()
    benches = Benches(setting)
    with contextlib.suppress(EOFError, OSError):
        while True:
            job, end = connection.recv()
            bench = benches.of(job.model)
            bench.deadline = Deadline(None if end == float("inf") else end - time.monotonic())
            run_job(job, bench, unhurried(connection.send))


def _end_with_parent() -> None:
    """End this process when its parent has ended, however that came about."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _print_into(log: Path) -> None:
    """Send what is printed here to a file: on the terminal it would tear the table that is shown there."""
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as stream:
        for descriptor, own in ((1, sys.stdout), (2, sys.stderr)):
            own.flush()
            os.dup2(stream.fileno(), descriptor)
