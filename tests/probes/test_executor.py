"""Executors: wherever measurements run they come out the same, and a process that dies takes nobody down."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from probes.benches import Benches, Setting
from probes.data import TaskData
from probes.deadline import Deadline
from probes.errors import OutOfTime, SettingError
from probes.executor import Executor, Finished, Job, Lost, Moved, Report, Stopped, Tried, Waiting
from probes.measurement import Measurement
from probes.model import ModelFacts
from probes.parallel import Parallel, open_executor
from probes.recipe import BagOfWords, Prompt, Recipe, Tuning
from probes.searching import SearchTime
from tests.probes.conftest import CPU, SPEED

NO_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the [ray] extra is not installed")
DOORS = ["local", pytest.param("ray", marks=NO_RAY)]


def tuning(rate: float, epochs: int = 2) -> Tuning:
    return Tuning(pooling="mean", max_length=16, learning_rate=rate, epochs=epochs, batch_size=8, patience=epochs)


def job(number: int, recipes: tuple[Recipe, ...], model: ModelFacts | None, **more: Any) -> Job:
    settings: dict[str, Any] = {
        "strategy": "made",
        "speed": SPEED if model else None,
        "train_rows": 60,
        "search_rows": 60,
        "seed": 0,
        "known": {},
        "chosen_by": (),
    }
    return Job(number=number, recipes=recipes, model=model, **(settings | more))


@pytest.fixture
def opened(make_task: Callable[..., TaskData], tmp_path: Path) -> Iterator[Callable[..., Executor]]:
    """Return the function that opens an executor over the easy task; all are closed in the end."""
    made: list[Executor] = []

    def of(where: str, jobs: int, deadline: Deadline | None = None) -> Executor:
        deadline = deadline or Deadline(None)
        setting = Setting(make_task(), CPU, "accuracy", tmp_path / "features")
        parallel = Parallel(executor=where, jobs=jobs).checked()
        executor = open_executor(parallel, jobs, setting, deadline, Benches(setting, deadline).of, tmp_path / "log")
        made.append(executor)
        return executor

    yield of
    for executor in made:
        executor.close()


def run_all(executor: Executor, jobs: list[Job]) -> tuple[dict[int, Finished | Stopped], list[Report]]:
    """Run jobs, as many at once as there are workers; what was lost is started again."""
    waiting, running, ended, heard = list(jobs), dict[int, Job](), dict[int, Finished | Stopped](), list[Report]()

    def hear(report: Report) -> None:
        heard.append(report)
        if isinstance(report, Finished | Stopped):
            ended[report.number] = report
            del running[report.number]
        elif isinstance(report, Lost):
            executor.start(running[report.number])

    while waiting or running:
        while waiting and len(running) < executor.workers:
            begun = waiting.pop(0)
            running[begun.number] = begun
            executor.start(begun)
        executor.wait(hear)
    return ended, heard


def essence(measurement: Measurement) -> dict[str, object]:
    """Leave out what depends on the clock and on the process."""
    kept = measurement.model_dump(exclude={"seconds", "search_seconds", "peak_bytes"})
    return kept | {"trials": [trial.model_dump(exclude={"seconds"}) for trial in measurement.trials]}


@pytest.mark.parametrize("where", DOORS)
def test_every_door_gives_the_same_measurements_and_failures(
    where: str, opened: Callable[..., Executor], encoder: ModelFacts, tmp_path: Path
) -> None:
    jobs = [
        job(1, (BagOfWords(),), None),
        job(2, (tuning(1e-3), tuning(3e-3)), encoder),
        job(3, (tuning(1e-3),), encoder, seed=1),
        job(4, (tuning(1e-3),), encoder, train_rows=2),  # one row of the three classes is missing
        job(5, (Prompt(shots=0, max_length=16),), encoder),  # an encoder cannot be prompted
        job(6, (tuning(1e-3),), encoder.model_copy(update={"name": "gone", "path": str(tmp_path / "gone")})),
        job(
            7, (tuning(1e-3), tuning(3e-3)), encoder, search_time=SearchTime(reserve=1e9)
        ),  # its search has time for one of them
    ]
    here, _ = run_all(opened("local", 1, Deadline(900)), jobs)
    there, heard = run_all(opened(where, 2, Deadline(900)), jobs)
    assert sorted(there) == sorted(here) == [1, 2, 3, 4, 5, 6, 7]
    for number in (1, 2, 3):
        ours, theirs = here[number], there[number]
        assert isinstance(ours, Finished)
        assert isinstance(theirs, Finished)
        assert essence(ours.measurement) == essence(theirs.measurement)
    for ended in (here[7], there[7]):
        assert isinstance(ended, Finished)
        assert ended.measurement.cut_off.startswith("1 of 2 tried")
    assert [r.trial for r in heard if isinstance(r, Tried) and r.number == 2] == list(there[2].measurement.trials)  # type: ignore[union-attr]
    assert len([r for r in heard if isinstance(r, Tried) and r.number == 7]) == 1
    assert any(isinstance(r, Moved) and r.number == 3 for r in heard)
    for number in (4, 5, 6):
        ours, theirs = here[number], there[number]
        assert isinstance(ours, Stopped)
        assert isinstance(theirs, Stopped)
        assert (type(ours.error), str(ours.error)) == (type(theirs.error), str(theirs.error))
        assert bool(ours.trace) == bool(theirs.trace)
    assert isinstance(there[4].error, SettingError)  # type: ignore[union-attr]
    assert there[4].error.remedy.startswith("Raise `train_rows`")  # type: ignore[union-attr]


def children() -> list[psutil.Process]:
    """Return the processes below this one that run our jobs."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "spawn_main" in line or "ray::_Actor" in line:
            found.append(process)
    return found


@pytest.mark.parametrize("where", DOORS)
def test_a_killed_worker_is_lost_and_its_job_can_be_made_again(
    where: str, opened: Callable[..., Executor], encoder: ModelFacts
) -> None:
    executor = opened(where, 1) if where == "ray" else opened(where, 2)
    long = job(1, (tuning(1e-3, epochs=400),), encoder)
    executor.start(long)
    heard: list[Report] = []
    while not any(isinstance(report, Moved) for report in heard):
        executor.wait(heard.append)
    (worker,) = children()
    worker.kill()
    while not any(isinstance(report, Lost) for report in heard):
        executor.wait(heard.append)
    assert not any(isinstance(report, Finished | Stopped) for report in heard)
    ended, _ = run_all(executor, [job(2, (tuning(1e-3),), encoder)])
    assert isinstance(ended[2], Finished)


@pytest.mark.parametrize("where", DOORS)
def test_who_runs_on_after_the_deadline_is_ended(
    where: str, opened: Callable[..., Executor], encoder: ModelFacts
) -> None:
    deadline = Deadline(None)
    executor = opened(where, 1 if where == "ray" else 2, deadline)
    # It was begun without a deadline, so that it will not stop by itself; and it never stops reporting.
    executor.start(job(2, (tuning(1e-3, epochs=100_000),), encoder))
    heard: list[Report] = []
    while not any(isinstance(report, Moved) for report in heard):
        executor.wait(heard.append)
    deadline._end = time.monotonic() + 0.5
    while not any(isinstance(report, Finished | Stopped) for report in heard):
        assert -deadline.remaining < 30
        executor.wait(heard.append)
    assert -deadline.remaining < 6
    (stopped,) = (report for report in heard if isinstance(report, Stopped))
    assert isinstance(stopped.error, OutOfTime)


PARENT = """
import sys
from probes.benches import Setting
from probes.deadline import Deadline
from probes.executor import Job
from probes.hardware import Hardware
from probes.data import load_task
from probes.recipe import BagOfWords
from probes.workers import Workers
from pathlib import Path

def main():
    cpu = Hardware(device="cpu", device_name="", cores=1, memory_bytes=10**9, device_memory_bytes=None, bf16=False)
    workers = Workers(2, Setting(load_task(sys.argv[1]), cpu, "accuracy", None), Deadline(None), Path(sys.argv[2]))
    settings = dict(model=None, speed=None, train_rows=60, search_rows=60, known={}, chosen_by=())
    for number in (1, 2):
        workers.start(Job(number=number, strategy="made", recipes=(BagOfWords(),), seed=0, **settings))
    for _ in range(2):
        workers.wait(lambda report: None)
    print("ready", flush=True)
    sys.stdin.read()

if __name__ == "__main__":
    main()
"""


def test_workers_end_with_their_parent(save_rows: Callable[..., Path], tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    paths = os.pathsep.join(p for p in (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")) if p)
    parent = subprocess.Popen(
        [sys.executable, script, save_rows(tmp_path / "rows.jsonl"), tmp_path / "log"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == b"ready\n"
        workers = psutil.Process(parent.pid).children(recursive=True)
        assert len([w for w in workers if "spawn_main" in " ".join(w.cmdline())]) == 2
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.communicate()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


def test_threads_are_shared_out() -> None:
    eight = CPU.model_copy(update={"cores": 8})
    shared: dict[Parallel, tuple[int | None, int]] = {
        Parallel(): (1, 8),
        Parallel(jobs=3): (3, 2),
        Parallel(jobs=20): (5, 1),
        Parallel(executor="ray"): (5, 1),
        Parallel(executor="ray", jobs=2): (2, 4),
        Parallel(executor="ray://head:10001"): (None, 1),
    }
    for parallel, expected in shared.items():
        count, share = parallel.share(eight, candidates=5)
        assert (count, share.cores) == expected
    assert Parallel(jobs=4).share(eight, candidates=0)[0] == 1


@pytest.mark.parametrize(("jobs", "code"), [(2, 1), (1, 0)])
def test_a_spawned_process_spawns_no_more(jobs: int, code: int, capfd: pytest.CaptureFixture[str]) -> None:
    # So does a script that asks for jobs and guards nothing: each process would begin it anew.
    child = multiprocessing.get_context("spawn").Process(target=Parallel(jobs=jobs).checked)
    child.start()
    child.join(60)
    assert child.exitcode == code
    assert ("__main__" in capfd.readouterr().err) == bool(code)


def test_other_executors_are_refused() -> None:
    with pytest.raises(SettingError, match="Allowed: local, ray"):
        Parallel(executor="dask").checked()


@NO_RAY
def test_a_job_that_finds_no_room_on_a_cluster_is_said_to_wait(
    opened: Callable[..., Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    class Tenant:
        """Takes the only CPU."""

        def has_moved_in(self) -> bool:
            return True

    monkeypatch.setattr("probes.ray_workers.ROOM_SECONDS", 0.5)
    executor = opened("ray", 1)
    other = ray.remote(num_cpus=1)(Tenant).remote()
    assert ray.get(other.has_moved_in.remote())
    executor.start(job(1, (BagOfWords(),), None))
    heard: list[Report] = []
    executor.wait(heard.append)
    (waiting,) = heard
    assert isinstance(waiting, Waiting)
    assert waiting.number == 1
    assert "may have no room" in waiting.why
    ray.kill(other)
    while not any(isinstance(report, Finished) for report in heard):
        executor.wait(heard.append)
    assert sum(isinstance(report, Waiting) for report in heard) == 1
    assert isinstance(heard[1], Moved), "the first word comes before the first library is called"


@NO_RAY
@pytest.mark.parametrize("address", ["ray://127.0.0.1:9", "ray://[oops", "ray://127.0.0.1:port"])
def test_a_cluster_that_does_not_answer_is_named(address: str, opened: Callable[..., Executor]) -> None:
    with pytest.raises(SettingError, match="Ray does not answer") as caught:
        opened(address, 1)
    assert address in caught.value.got
