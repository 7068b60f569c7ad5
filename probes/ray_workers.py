"""Measurements on Ray: on this machine, or on a cluster that an address names.

The same jobs and reports as `probes.workers`, from actors in place of processes. A cluster must see the models and the
feature cache under the same paths.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from probes.benches import Benches, Setting
from probes.deadline import Deadline
from probes.errors import OutOfTime, SettingError
from probes.executor import (
    GRACE,
    Finished,
    Job,
    Lost,
    Moved,
    Report,
    Stopped,
    Tell,
    Waiting,
    run_job,
    unhurried,
    warm_up,
)

PATIENCE = 0.25
"""Seconds between looks at what the actors have reported."""

ROOM_SECONDS = 30.0
"""Seconds after which a job of which nothing is heard is said to wait; a process that begins needs about ten."""

CLIENT_PORT = 10001
"""Port that an address without one means (`ray start --head`)."""

REACH_SECONDS = 5.0
"""Seconds that the head of a cluster has to take a connection."""


class RayWorkers:
    """A pool of Ray actors; each keeps its models and features from job to job.

    An actor that dies is replaced, and its job reported as lost.

    Parameters
    ----------
    count : int or None
        Actors, as far as there are CPUs for them; None makes one a GPU where this machine has CUDA and the cluster has
        GPUs, else one a CPU.
    setting : Setting
    deadline : Deadline
        Who runs on after it is ended.
    address : str or None
        Of a cluster, such as `ray://head:10001`; None starts Ray on this machine.

    Raises
    ------
    SettingError
        If Ray is not installed, or nothing answers at the address.
    """

    def __init__(self, count: int | None, setting: Setting, deadline: Deadline, address: str | None) -> None:
        self._ray = _connected(address, count)
        from ray.util.queue import Queue

        resources = self._ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if setting.hardware.device == "cuda" else 0
        cpus = max(1, int(resources.get("CPU", 1)))
        self.workers = min(count or gpus or cpus, cpus)  # more would wait for room that never comes
        self._share = 1 / math.ceil(self.workers / gpus) if gpus else 0.0
        self._deadline = deadline
        self._setting = self._ray.put(setting)
        self._reports = Queue(actor_options={"num_cpus": 0})
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Job, Any]] = {}
        """By the promise of its end: the job, and the actor that runs it."""
        self._unheard: dict[int, float] = {}
        """When each job was given away of which nothing is heard."""

    def start(self, job: Job) -> None:
        """Give a job to a free actor, which is made if there is none."""
        actor = self._idle.pop() if self._idle else self._actor()
        promise = actor.run.remote(job, time.time() + self._deadline.remaining, self._reports)
        self._running[promise] = (job, actor)
        self._unheard[job.number] = time.monotonic()

    def wait(self, tell: Tell) -> None:
        """Wait until something is to be told, and tell it."""
        told = False
        while self._running and not told:
            ended, _ = self._ray.wait(list(self._running), timeout=PATIENCE)
            # What an ended job reported lies in the queue by now: it was put there before the job ended.
            said: list[Report] = list(self._reports.get_nowait_batch(self._reports.qsize()))
            said += map(self._last, ended)
            for report in said:
                self._unheard.pop(report.number, None)
            for report in [*said, *self._waiting()]:
                tell(report)
                told = True
            if self._deadline.remaining < -GRACE:
                for promise in list(self._running):
                    job, actor = self._running.pop(promise)
                    self._ray.kill(actor)
                    tell(Stopped(job.number, OutOfTime("the wall-clock budget is spent")))
                told = True

    def close(self) -> None:
        """End all actors, and the Ray that was started here or the connection to the cluster."""
        for actor in [*self._idle, *(actor for _, actor in self._running.values())]:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        with contextlib.suppress(Exception):
            self._reports.shutdown(force=True)
        self._ray.shutdown()

    def _waiting(self) -> list[Report]:
        """Return once which jobs should have begun: what others hold of a cluster, they may hold for long."""
        late = [number for number, since in self._unheard.items() if time.monotonic() - since > ROOM_SECONDS]
        for number in late:
            del self._unheard[number]
        why = f"nothing heard of it for {ROOM_SECONDS:.0f} s; the Ray cluster may have no room, see `ray status`"
        return [Waiting(number, why) for number in late]

    def _actor(self) -> Any:
        return self._ray.remote(_Actor).options(num_cpus=1, num_gpus=self._share).remote(self._setting)

    def _last(self, promise: Any) -> Report:
        """Return the last report of a job that ended, or that it was lost with its actor."""
        from ray.exceptions import RayError

        job, actor = self._running.pop(promise)
        try:
            report: Report = self._ray.get(promise)
        except RayError:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
            return Lost(job.number)
        self._idle.append(actor)
        return report


class _Actor:
    """What runs in a process of Ray."""

    def __init__(self, setting: Setting) -> None:
        warm_up()
        self._benches = Benches(setting)

    def run(self, job: Job, end: float, reports: Any) -> Report:
        """Run a job until a moment on the wall clock; its last report comes back, the others go into the queue."""
        reports.put(Moved(job.number, "starting", 0, 1))
        bench = self._benches.of(job.model)
        bench.deadline = Deadline(None if end == float("inf") else end - time.time())
        last: list[Report] = []

        def tell(report: Report) -> None:
            (last.append if isinstance(report, Finished | Stopped) else reports.put)(report)

        run_job(job, bench, unhurried(tell))
        return last[0]


def require_ray(address: str | None) -> None:
    """Make sure that Ray can be used, before anything is done that would rest on it.

    Parameters
    ----------
    address : str or None
        Of a cluster, which must take a connection: Ray itself would try for half a minute, and warn.

    Raises
    ------
    SettingError
        If Ray is not installed, or nothing answers at the address.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingError(
            "--executor ray, and Ray is not installed",
            "Run `pip install 'transfer-advisor[ray]'`, or leave --executor out to measure on this machine.",
        )
    if address is not None:
        with _answering(address):
            where = urlsplit(address)
            socket.create_connection((where.hostname or "", where.port or CLIENT_PORT), REACH_SECONDS).close()


def _connected(address: str | None, count: int | None) -> Any:
    """Return the module `ray`, connected."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no network call that nobody asked for
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray will do, and it warns of what it did
    import ray

    here = {"num_cpus": count, "include_dashboard": False} if address is None else {"address": address}
    with _answering(address or "ray"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **here)
    return ray


@contextlib.contextmanager
def _answering(executor: str) -> Iterator[None]:
    """Say which Ray does not answer, where the body finds that out."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingError(
            f"--executor {executor}: Ray does not answer ({reason})",
            "Give the address of a running cluster, such as ray://head:10001, or `ray` alone to start one here.",
        ) from None
