"""Several measurements at once: the same race whatever ends first, and what becomes of a process that dies."""

from __future__ import annotations

import random
from typing import Any

import pytest

from advisor import events
from advisor.plan import Running
from probes.data import TaskData
from probes.executor import Job, Lost, Moved, Tell, run_job
from probes.measurement import Measurement
from probes.workbench import Workbench
from tests.advisor.ladder.conftest import HARDWARE


class Scrambled:
    """An executor whose jobs end in any order, and whose workers may die over a job."""

    def __init__(self, data: TaskData, workers: int, seed: int = 0, dies: int = 0) -> None:
        self.workers = workers
        self.bench = Workbench(data, None, HARDWARE)
        self.draw = random.Random(seed)
        self.dies = dies
        """How often a worker dies before one gets through."""
        self.running: list[Job] = []
        self.most = 0
        """Jobs that ran at once at most."""

    def start(self, job: Job) -> None:
        assert len(self.running) < self.workers
        self.running.append(job)
        self.most = max(self.most, len(self.running))

    def wait(self, tell: Tell) -> None:
        job = self.running.pop(self.draw.randrange(len(self.running)))
        if self.dies:
            self.dies -= 1
            tell(Lost(job.number))
        else:
            run_job(job, self.bench, tell)
        tell(Moved(job.number, "said late", 1, 2))

    def close(self) -> None: ...


def arms(made: Any) -> list[Any]:
    return [
        made("a", 0.01, seeded=True, recipes=3, learns=lambda _: 0.5),
        made("b", 0.02, seeded=True, recipes=3, learns=lambda _: 0.79),
        made("c", 0.03, seeded=True, recipes=3, learns=lambda _: 0.8),
        made("d", 0.001, learns=lambda _: 0.78),
    ]


def steps(done: list[Measurement]) -> list[tuple[str, int, int]]:
    return sorted((m.strategy, m.train_rows, m.seed) for m in done)


@pytest.mark.parametrize("workers", [2, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_what_ends_first_decides_nothing(climb: Any, made: Any, data: TaskData, workers: int, seed: int) -> None:
    alone, expected = climb(*arms(made), seconds=9e9, seeds=3, folder="alone")
    executor = Scrambled(data, workers, seed)
    beside, done = climb(*arms(made), seconds=9e9, seeds=3, folder="beside", executor=executor)
    assert executor.most == min(workers, 4)
    assert steps(done) == steps(expected)
    assert beside.dropped == alone.dropped
    assert alone.dropped, "somebody is dropped between the rungs"


def test_the_budget_holds_for_several_at_once(climb: Any, made: Any, data: TaskData) -> None:
    rows = len(data.train)
    for share in (0.05, 0.2, 0.5, 1.0, 3.0):
        three = (made("a", 0.02), made("b", 0.1, recipes=3), made("c", 0.3, recipes=3, seeded=True))
        # In this executor time passes for one job after the other: twice what a plan for two reckons with at most.
        ladder, done = climb(*three, seconds=share * rows, folder=str(share), seeds=None, executor=Scrambled(data, 2))
        assert ladder.deadline.remaining >= -share * rows
        assert {m.strategy for m in done} | {one.candidate.strategy for one in ladder.unreached} == {"a", "b", "c"}


def test_no_candidate_runs_twice_at_once_where_time_is_short(climb: Any, made: Any, data: TaskData) -> None:
    executor = Scrambled(data, 4)
    _, done = climb(made("a", 0.5, recipes=3, seeded=True), made("b", 0.5), seconds=800, executor=executor)
    assert executor.most == 2
    assert {m.strategy for m in done} == {"a", "b"}


@pytest.mark.parametrize(("dies", "measured"), [(1, True), (2, True), (3, False)])
def test_a_step_whose_worker_dies_is_begun_again(
    climb: Any, made: Any, data: TaskData, dies: int, measured: bool
) -> None:
    heard: list[events.Event] = []
    ladder, done = climb(made("a", 0.01), seconds=60, executor=Scrambled(data, 1, dies=dies), listen=heard.append)
    assert [m.strategy for m in done] == ["a"] * measured
    assert [e.again for e in heard if isinstance(e, events.Started)] == list(range(min(dies, 2) + 1))
    if not measured:
        (reason,) = ladder.failures.values()
        assert reason == "the process that measured it died 3 times; if memory ran out, fewer --jobs need less"


def test_a_stage_begins_when_the_one_before_has_ended(climb: Any, made: Any, data: TaskData) -> None:
    executor = Scrambled(data, 2)
    ladder, _ = climb(*arms(made), seconds=0, executor=executor)  # no time: nothing was begun
    planner = ladder._planner
    first = planner.next(9e9)
    assert first is not None
    (second, *others) = [step for step in planner.steps_left() if step.key != first.key]
    then = planner.next(9e9, [Running(first, 10.0)])
    assert then is not None
    assert then.key == second.key
    rung = [step for step in (first, second, *others) if step.stage == first.stage]
    assert planner.next(9e9, [Running(step, 1.0) for step in rung]) is None
