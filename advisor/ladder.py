"""The ladder of probes: it makes the steps of the plan within the budget, and what goes wrong is an outcome."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from advisor import events
from advisor.arms import Arm, Rung, behind
from advisor.estimates import Estimates
from advisor.outlook import curve_steps, more_time
from advisor.plan import CURVE, Planner, Running, Stage, Step
from advisor.rates import known_from, recipes_of
from advisor.run import Recorded, Run
from probes import executor as at
from probes.data import TaskData
from probes.deadline import Deadline
from probes.errors import InputError, MeasurementFailed, OutOfTime
from probes.measurement import Measurement, Metric
from strategies import Candidate, Unreached

SPENT = "the budget ended before it was measured"

RETRIES = 2
"""Times a step is begun anew after the process that made it died."""


def planner_of(
    rungs: list[Rung], data: TaskData, train_rows: int, seeds: int | None, estimates: Estimates, workers: int = 1
) -> Planner:
    """Return the planner of a race that has not begun; see `Ladder` for what is given."""
    return Planner(
        arms=[Arm(rung, weight, drawn=train_rows < len(data.train)) for weight, rung in enumerate(rungs)],
        full=train_rows,
        classes=len(data.classes),
        validation_rows=len(data.validation),
        seeds=seeds,
        cost=lambda arm, *how: estimates.seconds(arm.rung, *how),
        workers=workers,
    )


def _place(measurement: Measurement) -> tuple[str, str | None, int, int]:
    return measurement.strategy, measurement.model, measurement.train_rows, measurement.seed


@dataclass
class _Begun:
    """A step that is being made."""

    step: Step
    since: float
    """On the monotonic clock."""
    known: bool
    """Whether some of its trials were known: what it takes says nothing of the next one."""
    lost: int = 0
    """How often the process that made it died."""


@dataclass
class Ladder:
    """Measures candidates on growing numbers of rows, within a deadline.

    Parameters
    ----------
    rungs : list of Rung
        Lightest first.
    data : TaskData
    metric : {'accuracy', 'macro_f1'}
    deadline : Deadline
        When measuring ends.
    run : Run
        Where finished trials and measurements are kept.
    estimates : Estimates
    executor : Executor
        Where the measurements run.
    train_rows : int
        Rows to learn from.
    seeds : int or None
        See `advisor.plan.Planner`.
    tolerance : float
        How much worse is as good, on the scale of the score.
    listen : callable
        Called with each event.
    curves : bool
        Whether cheap candidates are measured on fewer rows too once the race is over.
    """

    rungs: list[Rung]
    data: TaskData
    metric: Metric
    deadline: Deadline
    run: Run
    estimates: Estimates
    executor: at.Executor
    train_rows: int
    seeds: int | None
    tolerance: float
    listen: events.Listener = events.nobody
    curves: bool = True
    failures: dict[Candidate, str] = field(default_factory=dict)
    """What went wrong with candidates that were not measured, or not at more rows."""
    unreached: list[Unreached] = field(default_factory=list)
    """Candidates that were not measured for want of time."""
    dropped: dict[Candidate, str] = field(default_factory=dict)
    """Why candidates got no further steps although some were left."""
    notes: list[str] = field(default_factory=list)
    """What became of steps that were not made."""

    def __post_init__(self) -> None:
        workers = self.executor.workers
        self._planner = planner_of(self.rungs, self.data, self.train_rows, self.seeds, self.estimates, workers)
        self._arms = self._planner.arms
        self._done: list[Measurement] = []
        self._begun: dict[int, _Begun] = {}
        """By number of the job."""
        self._number = 0
        self._unjudged: list[Stage | None] = []
        """Stages of the measurements that came after the last judgement."""

    @property
    def seeded(self) -> set[Candidate]:
        """Candidates of which another seed gives another result."""
        return {arm.rung.candidate for arm in self._arms if arm.seeded}

    def climb(self) -> list[Measurement]:
        """Measure what is not measured yet and return all measurements of this run."""
        planner = self._planner
        self.listen(
            events.Planned(
                tuple(rung.candidate for rung in self.rungs),
                tuple(planner.sizes),
                planner.wanted_seeds if self.seeded else 0,
                self.deadline.remaining,
                planner.workers,
            )
        )
        self._go_on()
        while True:
            self._begin()
            if not self._begun:
                break
            self.executor.wait(self._hear)
        if self.curves:
            self._draw_curves()
        for arm in self._arms:
            if not arm.seen and arm.rung.candidate not in self.failures:
                self.unreached.append(self._out_of_time(arm))
        if (more := more_time(planner, self.deadline.remaining)) is not None:
            self.notes.append(more)
        return self._done

    def _go_on(self) -> None:
        """Take in what an earlier part of this run left, judgements as they were made."""
        for entry in self.run.history():
            if isinstance(entry, Recorded):
                self._take_in(entry.measurement, entry.stage, found=True)
            else:
                self._unjudged = []
                self._drop(entry.dropped)
        if self._unjudged:
            self._judge(self._unjudged[-1])

    def _begin(self) -> None:
        """Begin steps while a worker is free and one may begin."""
        while len(self._begun) < self.executor.workers and self.deadline.remaining > 0:
            now = time.monotonic()
            running = [Running(b.step, max(0.0, b.step.seconds - (now - b.since))) for b in self._begun.values()]
            step = self._planner.next(self.deadline.remaining, running)
            if step is None:
                return
            rung = step.arm.rung
            if rung.model is None or self.estimates.measured(rung.model):
                self._begin_step(step)
            elif self._begun:
                return  # a speed measured beside others would be theirs too
            else:
                self._measure_speed(step)  # the plan rested on a guess of it

    def _draw_curves(self) -> None:
        """Measure the cheap ones on fewer rows too, where that takes seconds: it tells what more labels would bring."""
        for step in curve_steps(self._planner, lambda: self.deadline.remaining):
            self._begin_step(step)
            while self._begun:
                self.executor.wait(self._hear)

    def _begin_step(self, step: Step) -> None:
        self._number += 1
        since = time.monotonic()
        known = self._start(self._number, step, 0)
        self._begun[self._number] = _Begun(step, since, known)

    def _measure_speed(self, step: Step) -> None:
        """Measure the speed of a step's model; what goes wrong is the outcome of the step."""
        model = step.arm.rung.model
        if model is None:
            return
        self.listen(events.Said(f"measuring the speed of {model.name}"))
        try:
            self.estimates.measure(model)
        except OutOfTime:
            self._end_of_time(step)
        except MeasurementFailed as error:
            self._stop_all(step, str(error))
        except InputError:
            raise
        except Exception as error:
            # A library that cannot do this model must not take the other candidates down with it.
            report = at.unexpected(0, error)
            self.run.note_failure(step.arm.rung.candidate, report.trace)
            self._stop_all(step, str(report.error))

    def _stop_all(self, step: Step, reason: str) -> None:
        """Give no candidate of a step's model more steps: what went wrong concerns all of them."""
        for arm in self._arms:
            if arm.rung.model == step.arm.rung.model and arm.racing:
                self._stop(replace(step, arm=arm), reason)

    def _start(self, number: int, step: Step, lost: int) -> bool:
        """Give a step to the executor; return whether some of its trials were known."""
        rung, candidate = step.arm.rung, step.arm.rung.candidate
        situation = self.estimates.situation(rung, step.seed).model_copy(update={"train_rows": step.rows})
        recipes, chosen_by = recipes_of(step, situation, self._done)
        tried = self.run.trials(candidate.strategy, candidate.model, step.seed, step.search_rows)
        known = known_from(step, tried, self._done)
        job = at.Job(
            number=number,
            strategy=candidate.strategy,
            recipes=recipes,
            model=rung.model,
            speed=self.estimates.speed(rung.model),
            train_rows=step.rows,
            search_rows=step.search_rows,
            seed=step.seed,
            known=known,
            chosen_by=chosen_by,
            search_time=self.estimates.search_time(rung, step.rows, step.search_rows, len(recipes), step.reserve),
        )
        self.listen(events.Started(candidate, step.rows, step.seed, step.why, step.seconds, lost))
        self.executor.start(job)
        return bool(known) and step.search != "none"

    def _hear(self, report: at.Report) -> None:
        """Take in what a running step reports; what goes wrong is its outcome, not the end of the run."""
        begun = self._begun.get(report.number)
        if begun is None:
            return  # a late word of a job that is over: on a cluster reports travel on their own
        step, candidate = begun.step, begun.step.arm.rung.candidate
        match report:
            case at.Waiting():
                self.listen(events.Said(f"{candidate} waits: {report.why}"))
            case at.Moved():
                self.listen(events.Progressed(candidate, report.what, report.done, report.total))
            case at.Tried():
                self.run.record_trial(candidate.strategy, candidate.model, step.seed, report.trial)
                self.listen(events.Tried(candidate, step.seed, report.trial))
            case at.Lost():
                self._begin_anew(report.number, begun)
            case at.Finished():
                del self._begun[report.number]
                self._finish(begun, report.measurement)
            case at.Stopped():
                del self._begun[report.number]
                self._come_to_nothing(step, report)

    def _begin_anew(self, number: int, begun: _Begun) -> None:
        """Begin a step again whose process died, unless it did so too often."""
        begun.lost += 1
        if begun.lost <= RETRIES and self.deadline.remaining > 0:
            begun.known = self._start(number, begun.step, begun.lost) or begun.known
            begun.since = time.monotonic()
            return
        del self._begun[number]
        if begun.lost <= RETRIES:
            self._end_of_time(begun.step)
            return
        reason = f"the process that measured it died {begun.lost} times; if memory ran out, fewer --jobs need less"
        self._stop(begun.step, reason)

    def _finish(self, begun: _Begun, measurement: Measurement) -> None:
        step = begun.step
        self.run.record(measurement, step.stage)
        if not begun.known and not begun.lost:
            # Rates beyond those proposed were no part of the estimate, and of a search that was cut off nothing is.
            searched = step.search != "none" and not measurement.cut_off
            proposed = len(step.arm.rung.strategy.recipes(self.estimates.situation(step.arm.rung))) if searched else 0
            more = sum(trial.seconds for trial in measurement.trials[proposed:]) if searched else 0.0
            took = measurement.seconds - (measurement.search_seconds if measurement.cut_off else more)
            self.estimates.learn(step.arm.rung, step.rows, step.search_rows, searched, took)
        self.estimates.look_again(step.arm.rung.model)
        if measurement.cut_off and step.rows == step.arm.top:
            step.arm.out_of_time = True  # it was to bring the search, and would be chosen for that again
        self._take_in(measurement, step.stage)
        self._judge(step.stage)

    def _come_to_nothing(self, step: Step, report: at.Stopped) -> None:
        if report.trace:
            self.run.note_failure(step.arm.rung.candidate, report.trace)
        match report.error:
            case OutOfTime():
                self._end_of_time(step)
            case MeasurementFailed():
                self._stop(step, str(report.error))
            case error:
                raise error

    def _out_of_time(self, arm: Arm) -> Unreached:
        rows = self._planner.full
        seconds = self._planner.step(arm, rows, search=True).seconds
        # Without its model's speed nothing is known of the time it takes.
        takes = max(1.0, seconds) if seconds else None
        spent = SPENT if takes is None else f"{SPENT}: all {rows:,} training rows take about {takes:,.0f} s"
        return Unreached(
            candidate=arm.rung.candidate, because=self._planner.too_dear.get(arm.weight, spent), seconds=takes
        )

    def _end_of_time(self, step: Step) -> None:
        if step.stage == CURVE:
            return
        step.arm.out_of_time = True
        self.listen(events.Failed(step.arm.rung.candidate, step.rows, step.seed, SPENT, out_of_time=True))

    def _stop(self, step: Step, reason: str) -> None:
        """Give a candidate no more steps, as one failed."""
        step.arm.stopped = True
        candidate = step.arm.rung.candidate
        if step.rows > step.arm.top:
            self.failures[candidate] = reason
        if step.arm.seen:
            what = f"seed {step.seed}" if step.seed else f"{step.rows:,} training rows"
            self.notes.append(f"{candidate} with {what} was not measured: {reason}.")
        self.listen(events.Failed(candidate, step.rows, step.seed, reason))
        self._judge(step.stage)

    def _take_in(self, measurement: Measurement, stage: Stage | None, *, found: bool = False) -> None:
        """Take a measurement in; one that was searched for takes the place of one that was not."""
        self._done = [m for m in self._done if _place(m) != _place(measurement)]
        self._done.append(measurement)
        if stage != CURVE:
            self._unjudged.append(stage)
        whose = Candidate(strategy=measurement.strategy, model=measurement.model)
        for arm in self._arms:
            if arm.rung.candidate == whose:
                arm.see(measurement, self.data.validation.labels)
                seen = arm.seen[measurement.train_rows][measurement.seed]
                self.listen(events.Measured(measurement, seen.score, found))

    def _judge(self, stage: Stage | None) -> None:
        """Drop who lies behind for sure, once nothing is left to do of the stages that are not judged yet.

        Where time is short there are no stages, and each measurement is judged when it is made.
        """
        left = list(self._planner.steps_left())
        waiting = {stage, *self._unjudged} & {step.stage for step in left}
        if stage == CURVE or not self._unjudged or (stage is not None and waiting):
            return
        running = {begun.step.arm.weight for begun in self._begun.values()}
        going = {s.arm.weight: s.arm for s in left if s.arm.weight not in running}
        self._unjudged = []
        found = behind(
            self._arms, list(going.values()), self.data.validation.labels, self.metric, self.tolerance, self.train_rows
        )
        dropped = {arm.rung.candidate: reason for arm, reason in found}
        self.run.record_judgement(dropped)
        self._drop(dropped)

    def _drop(self, dropped: Mapping[Candidate, str]) -> None:
        """Give no more steps to who lies behind for sure."""
        for arm in self._arms:
            candidate = arm.rung.candidate
            if candidate in dropped:
                arm.dropped = self.dropped[candidate] = dropped[candidate]
                self.notes.append(f"{candidate} was dropped: {arm.dropped}.")
                self.listen(events.Dropped(candidate, dropped[candidate]))
