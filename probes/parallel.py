"""How many measurements run at once, and where: what the user asks for, and the executor that does it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

from probes.base import Frozen
from probes.benches import Setting
from probes.deadline import Deadline
from probes.errors import SettingError
from probes.executor import Executor, InProcess
from probes.hardware import Hardware
from probes.model import ModelFacts
from probes.workbench import Workbench


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
        if multiprocessing.parent_process() is not None and ((self.jobs or 1) > 1 or self.on_ray):
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
