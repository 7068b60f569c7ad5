"""The ladder of probes: which measurement comes next, and on how many rows, so that the budget holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from advisor.choices import Choices
from advisor.run import Run
from probes.data import TaskData
from probes.deadline import Deadline
from probes.errors import InputError, MeasurementFailed, OutOfTime
from probes.features import FeatureCache, Progress
from probes.hardware import Hardware, Speed
from probes.measurement import Measurement, Metric
from probes.measuring import measure
from probes.model import ModelFacts
from probes.recipe import FrozenFeatures
from probes.sampling import take_nested
from probes.workbench import Workbench
from strategies import Candidate, Situation, Strategy

SEARCH_ROWS = 1_000
"""Training rows of the learning-rate search at most: the best rate moves little with the rows, the cost is linear."""

SAFETY = 1.1
"""An estimate is believed to be off by up to this factor."""

DOUBT = 2.0
"""How many times the time left an estimate may be for the last candidate to be tried nevertheless."""

LEAST_ROWS = 200
"""A strategy that cannot learn from this many rows within its share of the budget is not measured."""


@dataclass(frozen=True)
class Rung:
    """One candidate on the ladder."""

    strategy: Strategy
    model: ModelFacts | None

    @property
    def candidate(self) -> Candidate:
        """Strategy and model by name."""
        return Candidate(strategy=self.strategy.name, model=self.model.name if self.model else None)

    @property
    def cost_key(self) -> tuple[str, str]:
        """What an estimate of seconds is true or false about: a mechanism, on a model."""
        return self.strategy.method, self.model.name if self.model else ""


@dataclass
class Ladder:
    """Measures candidates, lightest first, within a deadline.

    Parameters
    ----------
    rungs : list of Rung
    data : TaskData
    hardware : Hardware
    metric : {'accuracy', 'macro_f1'}
    deadline : Deadline
        When measuring ends.
    run : Run
        Where finished trials and measurements are kept.
    train_rows : int
        Rows to learn from.
    seeds : int
    progress : callable
    cache : FeatureCache
    choices : Choices
        Threads and precision chosen earlier, by model.
    """

    rungs: list[Rung]
    data: TaskData
    hardware: Hardware
    metric: Metric
    deadline: Deadline
    run: Run
    train_rows: int
    seeds: int
    progress: Callable[[Candidate], Progress]
    cache: FeatureCache
    choices: Choices
    failures: dict[Candidate, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What became of seeds after the first that were not measured."""
    _benches: dict[str, Workbench] = field(default_factory=dict)
    _corrections: dict[tuple[str, str], float] = field(default_factory=dict)
    """Measured over estimated seconds of the last measurement with this method and model."""

    def climb(self) -> list[Measurement]:
        """Measure what is not measured yet and return all measurements of this run.

        First every candidate once, lightest first; then further seeds of those whose result depends on one.
        """
        done = self.run.measurements()
        for seed in range(self.seeds):
            waiting = [
                rung
                for rung in self.rungs
                if (seed == 0 or rung.strategy.seeded)
                and rung.candidate not in self.failures
                and not any(_same(m, rung.candidate, seed) for m in done)
            ]
            for place, rung in enumerate(waiting):
                measured = self._try(rung, seed, waiting[place + 1 :], done)
                if measured is not None:
                    done.append(measured)
        return done

    def _try(self, rung: Rung, seed: int, later: list[Rung], done: list[Measurement]) -> Measurement | None:
        """Measure one candidate; what goes wrong is its outcome, not the end of the run."""
        try:
            return self._measure(rung, seed, later, done)
        except OutOfTime:
            reason = "the budget ended before it was measured"
        except MeasurementFailed as error:
            reason = str(error)
        except InputError:
            raise
        except Exception as error:
            # A library that cannot do this model or these rows must not take the other candidates down with it.
            self.run.note_failure(rung.candidate, error)
            reason = f"it failed with {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if seed == 0:
            self.failures[rung.candidate] = reason
        else:
            self.notes.append(f"{rung.candidate}: seed {seed} was not measured: {reason}.")
        return None

    def _measure(self, rung: Rung, seed: int, later: list[Rung], done: list[Measurement]) -> Measurement:
        self.deadline.check()
        bench = self._bench(rung.model)
        bench.progress = self.progress(rung.candidate)
        with self.deadline.enforced():
            situation = self._situation(rung, seed, bench)
        first = next((m for m in done if _same(m, rung.candidate, 0)), None) if seed > 0 else None
        if first is None:
            rows, searched = self._affordable(rung, situation, later)
            situation = situation.model_copy(update={"train_rows": rows})
            recipes = rung.strategy.recipes(situation)
            if not searched:
                recipes = (recipes[len(recipes) // 2],)
        else:
            # The first seed chose the recipe and the rows; further seeds measure its spread.
            rows, searched = first.train_rows, False
            recipes = (first.recipe.model_copy(update={"seed": seed}),)
            expected = self._expected(rung, situation, rows, searched=False)
            if expected > self.deadline.remaining:
                raise MeasurementFailed(f"it needs about {expected:.0f} s, {self.deadline.remaining:.0f} s were left")
        search_rows = _search_rows(rows, situation)
        candidate = rung.candidate
        known = self.run.trials(candidate.strategy, candidate.model, seed, search_rows)
        measurement = measure(
            candidate.strategy,
            recipes,
            bench,
            train_rows=rows,
            search_rows=search_rows,
            seed=seed,
            known=known,
            record=lambda trial: self.run.record_trial(candidate.strategy, candidate.model, seed, trial),
            # Rates beyond those proposed take nobody else's time.
            spare=lambda: 0.0 if later else self.deadline.remaining,
        )
        self.run.record(measurement)
        estimate = rung.strategy.seconds(situation, rows, search_rows, searched=searched)
        if estimate > 1 and not known:
            self._corrections[rung.cost_key] = min(4.0, max(0.25, measurement.seconds / estimate))
        return measurement

    def _bench(self, model: ModelFacts | None) -> Workbench:
        name = model.name if model else ""
        if name not in self._benches:
            self._benches[name] = Workbench(
                data=self.data,
                model=model,
                hardware=self.hardware,
                metric=self.metric,
                deadline=self.deadline,
                cache=self.cache,
                choice=self.choices.recall(model) if model else None,
            )
        return self._benches[name]

    def _situation(self, rung: Rung, seed: int, bench: Workbench) -> Situation:
        speed: Speed | None = None
        if rung.model is not None:
            fresh = bench.speed is None
            speed = bench.measured_speed()
            if fresh:
                self.choices.keep(rung.model, speed.threads, speed.precision)
        return Situation(
            train_rows=self.train_rows,
            validation_rows=len(self.data.validation),
            test_rows=len(self.data.test),
            classes=len(self.data.classes),
            max_length=bench.max_length if rung.model else 0,
            model=rung.model,
            speed=speed,
            features_cached=rung.model is not None and self._features_cached(rung.model, bench),
            seed=seed,
        )

    def _features_cached(self, model: ModelFacts, bench: Workbench) -> bool:
        frozen = FrozenFeatures(pooling=model.pooling, normalize=model.normalize, max_length=bench.max_length)
        train = take_nested(self.data.train, self.train_rows, self.data.split_seed)
        return all(bench.has_features(rows, frozen) for rows in (train, self.data.validation, self.data.test))

    def _affordable(self, rung: Rung, situation: Situation, later: list[Rung]) -> tuple[int, bool]:
        """Return the training rows that fit this candidate's share of the budget left, and whether a search fits too.

        All waiting candidates have equal shares; what a light one leaves of its share goes to the heavier ones after
        it. Where all fit, nobody is held to a share; nor where the ones after it fit without their searches.
        """
        # The last one may try what just fits: the deadline holds, and nobody waits for what it leaves.
        safety = SAFETY if later else 1.0

        def seconds(rows: int, *, searched: bool = True) -> float:
            return safety * self._expected(rung, situation, rows, searched=searched)

        left = self.deadline.remaining
        wanted = seconds(self.train_rows)
        others = sum(safety * self._expected(r, self._foreseen(r, situation), self.train_rows) for r in later)
        if wanted + others <= left:
            return self.train_rows, True
        share = left / (1 + len(later))
        if wanted <= share:
            return self.train_rows, True
        # A share left half empty helps nobody: this one may take more if all after it can at least be measured.
        barely = sum(
            safety * self._expected(r, self._foreseen(r, situation), self.train_rows, searched=False) for r in later
        )
        if self.train_rows <= SEARCH_ROWS and wanted + barely <= left:
            return self.train_rows, True
        low, high = 0, self.train_rows
        while low < high:  # the most rows whose estimate fits
            middle = (low + high + 1) // 2
            low, high = (middle, high) if seconds(middle) <= share else (low, middle - 1)
        least = min(self.train_rows, max(LEAST_ROWS, 2 * situation.classes))
        if low < least:
            several = len(rung.strategy.recipes(situation)) > 1
            unsearched = seconds(self.train_rows, searched=False)
            if several and self.train_rows <= SEARCH_ROWS and unsearched <= max(share, left - barely):
                # Few rows cost as many steps as some more: then it is the search that has to go.
                return self.train_rows, False
            if not later and seconds(least) <= DOUBT * left:
                return least, True  # nobody waits for the time, the deadline holds, and an estimate may be off
            raise MeasurementFailed(
                f"{left:.0f} s were left: it needs about {seconds(least):.0f} s for "
                f"{least:,} training rows, {wanted:.0f} s for all {self.train_rows:,}, and its share was {share:.0f} s"
            )
        return low, True

    def _expected(self, rung: Rung, situation: Situation, rows: int, *, searched: bool = True) -> float:
        """Return the seconds a measurement will take, by its estimate and how true the last one like it was."""
        if rows < self.train_rows:  # what is cached is all rows; fewer are another set to read
            situation = situation.model_copy(update={"features_cached": False})
        correction = self._corrections.get(rung.cost_key, 1.0)
        return correction * rung.strategy.seconds(situation, rows, _search_rows(rows, situation), searched=searched)

    def _foreseen(self, rung: Rung, here: Situation) -> Situation:
        """Return the situation of a candidate that waits: its own model at its own speed.

        The speed of a model not yet tried is that of the present one, scaled by the number of weights.
        """
        if rung.model is None or here.speed is None or here.model is None or rung.model.name == here.model.name:
            return here.model_copy(update={"model": rung.model})
        bench = self._benches.get(rung.model.name)
        speed = bench.speed if bench else None
        if speed is None:
            lighter = (here.model.parameters or 1) / (rung.model.parameters or here.model.parameters or 1)
            speed = here.speed.model_copy(
                update={
                    "forward_rows_per_second": lighter * here.speed.forward_rows_per_second,
                    "train_rows_per_second": lighter * here.speed.train_rows_per_second,
                }
            )
        return here.model_copy(update={"model": rung.model, "speed": speed, "features_cached": False})


def _search_rows(rows: int, situation: Situation) -> int:
    """Return the rows of the search: each class has one among as many rows as there are classes, and none below."""
    return min(rows, max(SEARCH_ROWS, situation.classes))


def _same(measurement: Measurement, candidate: Candidate, seed: int) -> bool:
    return (measurement.strategy, measurement.model, measurement.seed) == (candidate.strategy, candidate.model, seed)
