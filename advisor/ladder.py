"""The ladder of probes: it makes the steps of the plan within the budget, and what goes wrong is an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from advisor.arms import Arm, Rung, drop
from advisor.estimates import Estimates
from advisor.outlook import more_time
from advisor.plan import SAFETY, Planner, Step
from advisor.run import Run
from probes.data import TaskData
from probes.deadline import Deadline
from probes.errors import InputError, MeasurementFailed, OutOfTime
from probes.features import Progress
from probes.measurement import Measurement, Metric, Trial
from probes.measuring import at_rate, describe, measure
from probes.recipe import Recipe, Tuning
from strategies import Candidate

SPENT = "the budget ended before it was measured"


def planner_of(rungs: list[Rung], data: TaskData, train_rows: int, seeds: int | None, estimates: Estimates) -> Planner:
    """Return the planner of a race that has not begun; see `Ladder` for what is given."""
    return Planner(
        arms=[Arm(rung, weight) for weight, rung in enumerate(rungs)],
        full=train_rows,
        classes=len(data.classes),
        validation_rows=len(data.validation),
        seeds=seeds,
        cost=lambda arm, *how: estimates.seconds(arm.rung, *how),
    )


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
    train_rows : int
        Rows to learn from.
    seeds : int or None
        See `advisor.plan.Planner`.
    tolerance : float
        How much worse is as good, on the scale of the score.
    progress : callable
    """

    rungs: list[Rung]
    data: TaskData
    metric: Metric
    deadline: Deadline
    run: Run
    estimates: Estimates
    train_rows: int
    seeds: int | None
    tolerance: float
    progress: Callable[[Candidate], Progress]
    failures: dict[Candidate, str] = field(default_factory=dict)
    """Why candidates were not measured at all."""
    dropped: dict[Candidate, str] = field(default_factory=dict)
    """Why candidates got no further steps although some were left."""
    notes: list[str] = field(default_factory=list)
    """What became of steps that were not made."""

    def __post_init__(self) -> None:
        self._planner = planner_of(self.rungs, self.data, self.train_rows, self.seeds, self.estimates)
        self._arms = self._planner.arms
        self._done: list[Measurement] = []

    def climb(self) -> list[Measurement]:
        """Measure what is not measured yet and return all measurements of this run."""
        # In the order in which they were made, so that a resumed run drops whom the first one dropped.
        for measurement in self.run.measurements():
            self._take_in(measurement)
        while self.deadline.remaining > 0 and (step := self._planner.next(self.deadline.remaining)) is not None:
            self._make(step)
        for arm in self._arms:
            if not arm.seen and arm.rung.candidate not in self.failures:
                self.failures[arm.rung.candidate] = self._planner.too_dear.get(arm.weight, SPENT)
        if (more := more_time(self._planner, self.deadline.remaining)) is not None:
            self.notes.append(more)
        return self._done

    def _make(self, step: Step) -> None:
        """Make a step; what goes wrong is its outcome, not the end of the run."""
        arm, rung = step.arm, step.arm.rung
        try:
            if rung.model is not None and not self.estimates.measured(rung.model):
                self.estimates.measure(rung.model)
                return  # the plan rested on a guess of its speed
            self._take_in(self._measure(step))
        except OutOfTime:
            arm.out_of_time = True
        except MeasurementFailed as error:
            self._stop(step, str(error))
        except InputError:
            raise
        except Exception as error:
            # A library that cannot do this model or these rows must not take the other candidates down with it.
            self.run.note_failure(rung.candidate, error)
            self._stop(step, f"it failed with {type(error).__name__}: {' '.join(str(error).split())[:300]}")

    def _stop(self, step: Step, reason: str) -> None:
        """Give a candidate no more steps, as one failed."""
        step.arm.stopped = True
        candidate = step.arm.rung.candidate
        if not step.arm.seen:
            self.failures[candidate] = reason
        else:
            what = f"seed {step.seed}" if step.seed else f"{step.rows:,} training rows"
            self.notes.append(f"{candidate} with {what} was not measured: {reason}.")

    def _take_in(self, measurement: Measurement) -> None:
        """Take a measurement in, and drop who lies behind for sure."""
        self._done.append(measurement)
        whose = Candidate(strategy=measurement.strategy, model=measurement.model)
        for arm in self._arms:
            if arm.rung.candidate == whose:
                arm.see(measurement, self.data.validation.labels)
        going = {step.arm.weight: step.arm for step in self._planner.steps_left()}
        labels = self.data.validation.labels
        drop(self._arms, list(going.values()), labels, self.metric, self.tolerance, self.train_rows)
        for arm in going.values():
            if arm.dropped is not None:
                self.dropped[arm.rung.candidate] = arm.dropped
                self.notes.append(f"{arm.rung.candidate} was dropped: {arm.dropped}.")

    def _measure(self, step: Step) -> Measurement:
        rung, candidate = step.arm.rung, step.arm.rung.candidate
        bench = self.estimates.bench(rung.model)
        bench.progress = self.progress(candidate)
        recipes, chosen_by = self._recipes(step)
        known = self.run.trials(candidate.strategy, candidate.model, step.seed, step.search_rows)
        known |= self._measured_trials(step)
        final = self.estimates.seconds(rung, step.rows, step.search_rows, False)
        began = self.deadline.remaining

        def spare() -> float:
            """Seconds for learning rates beyond those proposed, which take nobody else's time."""
            left = self.deadline.remaining
            return min(step.room - (began - left) if step.room != float("inf") else left, left) - SAFETY * final

        measurement = measure(
            candidate.strategy,
            recipes,
            bench,
            train_rows=step.rows,
            search_rows=step.search_rows,
            seed=step.seed,
            known=known,
            record=lambda trial: self.run.record_trial(candidate.strategy, candidate.model, step.seed, trial),
            spare=spare,
            chosen_by=chosen_by,
        )
        self.run.record(measurement)
        if not known:
            # Rates beyond those proposed were no part of the estimate.
            more = sum(t.seconds for t in measurement.trials[len(recipes) :]) if step.search != "none" else 0.0
            self.estimates.learn(rung, step.rows, step.search_rows, step.search != "none", measurement.seconds - more)
        self.estimates.look_again(rung.model)
        return measurement

    def _recipes(self, step: Step) -> tuple[tuple[Recipe, ...], tuple[Trial, ...]]:
        """Return the recipes to choose from, and where one was chosen earlier the trials that did."""
        rung = step.arm.rung
        situation = self.estimates.situation(rung, step.seed).model_copy(update={"train_rows": step.rows})
        recipes = rung.strategy.recipes(situation)
        if step.search == "first" or len(recipes) == 1:
            return recipes, ()
        own = [
            m for m in self._done if (m.strategy, m.model, m.seed) == (rung.candidate.strategy, rung.candidate.model, 0)
        ]
        earlier = max(own, key=lambda m: m.train_rows, default=None)
        middle = recipes[len(recipes) // 2]
        if earlier is None or not isinstance(earlier.recipe, Tuning) or not isinstance(middle, Tuning):
            return (middle,), ()
        rate, first = earlier.recipe.learning_rate, recipes[0]
        if step.search == "again" and isinstance(first, Tuning):
            apart = middle.learning_rate / first.learning_rate
            return tuple(at_rate(middle, rate * factor) for factor in (1 / apart, 1.0, apart)), ()
        return (at_rate(middle, rate),), earlier.trials

    def _measured_trials(self, step: Step) -> dict[str, Trial]:
        """Return what is known of the recipe chosen before from its measurement at just the rows of a second search."""
        whose = (step.arm.rung.candidate.strategy, step.arm.rung.candidate.model, 0, step.search_rows)
        return {
            describe(m.recipe): Trial(
                setting=describe(m.recipe),
                train_rows=m.train_rows,
                validation_score=m.validation_score or 0.0,
                validation_loss=0.0,  # of equals it stays
                converged=m.converged,
                why_not=m.why_not,
                seconds=m.seconds,
            )
            for m in self._done
            if step.search == "again" and (m.strategy, m.model, m.seed, m.train_rows) == whose
        }
