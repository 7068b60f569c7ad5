"""Ladders of made strategies: what they cost and how well they learn is made up, time passes as they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from advisor.arms import Rung
from advisor.choices import Choices
from advisor.estimates import Estimates
from advisor.ladder import Ladder
from advisor.run import Run
from probes import executor
from probes.benches import Benches, Setting
from probes.data import TaskData, load_task
from probes.deadline import Deadline
from probes.executor import InProcess
from probes.hardware import Hardware
from probes.measurement import Measurement, Trial
from probes.recipe import BagOfWords, Recipe, Tuning
from probes.searching import SAFETY, describe
from strategies import Situation, Strategy
from tests.conftest import tiny_rows, write_rows

HARDWARE = Hardware(device="cpu", device_name="", cores=1, memory_bytes=10**9, device_memory_bytes=None, bf16=False)


class Clock(Deadline):
    """A deadline whose time passes only where a test says so."""

    def __init__(self, seconds: float) -> None:
        super().__init__(None)
        self.left = seconds

    @property
    def remaining(self) -> float:
        return self.left


class Made(Strategy):
    """A strategy without a model: so many seconds a row for each recipe it tries, and so right after so many rows."""

    needs_model = False

    def __init__(
        self,
        name: str,
        a_row: float,
        *,
        seeded: bool = False,
        recipes: int = 1,
        least: int = 0,
        learns: Callable[[int], float] = lambda _: 0.5,
        best: int = 0,
    ) -> None:
        self.name = name
        self.a_row = a_row
        self.least = least
        self.seeded = seeded
        self.tries = recipes
        self.method = "bag_of_words" if recipes == 1 else "tuning"
        self.learns = learns
        self.best = best
        """Index of the recipe that its search chooses."""

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        if self.tries == 1:
            return (BagOfWords(seed=situation.seed),)
        rates = [1e-5 * 2**k for k in range(self.tries)]
        return tuple(Tuning(pooling="mean", max_length=8, learning_rate=r, seed=situation.seed) for r in rates)

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
        final = self.cost(train_rows)
        if not searched or self.tries == 1:
            return final
        return self.tries * self.cost(search_rows) + (final if search_rows < train_rows else 0.0)

    def cost(self, rows: int) -> float:
        """Return the seconds of one recipe: fewer rows than `least` take as many steps."""
        return self.a_row * max(rows, self.least)


class Measured:
    """Stands in for `probes.measuring.measure`: takes the time a made strategy says, and keeps what it was asked."""

    def __init__(self, strategies: Iterable[Made], data: TaskData, clock: Clock) -> None:
        self.strategies = {s.name: s for s in strategies}
        self.labels = data.validation.labels
        self.clock = clock
        self.fails: dict[str, BaseException] = {}
        self.fails_at: int | None = None
        """Train rows at which alone they fail."""
        self.slower = 1.0
        self.asked: list[dict[str, Any]] = []

    def __call__(self, strategy: str, recipes: tuple[Recipe, ...], bench: Any, **asked: Any) -> Measurement:
        rows, seed, made = asked["train_rows"], asked["seed"], self.strategies[strategy]
        self.asked.append({"strategy": strategy, "recipes": recipes, **asked})
        if strategy in self.fails and self.fails_at in (None, rows):
            raise self.fails[strategy]
        searched = len(recipes) > 1
        tried, took, once, final = 1, 0.0, self.slower * made.cost(asked["search_rows"]), self.slower * made.cost(rows)
        if searched:  # as a real search goes on, or ends
            room = asked["search_time"].left(self.clock.left, once)
            while tried < len(recipes) and SAFETY * once <= room - tried * once:
                tried += 1
            took = tried * once if asked["search_rows"] < rows else (tried - 1) * once
        took += final
        self.clock.left -= took
        chosen = recipes[made.best if searched else 0]
        cut_off = f"{tried} of {len(recipes)} tried" if tried < len(recipes) else ""
        trials = tuple(
            Trial(
                setting=describe(recipe),
                train_rows=asked["search_rows"],
                validation_score=0.9 if recipe is chosen else 0.5,
                validation_loss=1.0,
                converged=True,
                seconds=1.0,
            )
            for recipe in recipes
        )
        score = made.learns(rows)
        right = round(score * len(self.labels))
        return Measurement(
            strategy=strategy,
            model=None,
            recipe=chosen,
            train_rows=rows,
            seed=seed,
            metric="accuracy",
            score=0.5,
            validation_score=score,
            validation_predictions=tuple((y + (i >= right)) % 3 for i, y in enumerate(self.labels)),
            predictions=(),
            trials=trials if searched and not cut_off else asked["chosen_by"],
            cut_off=cut_off,
            search_seconds=took - final if searched else 0.0,
            seconds=took,
            peak_bytes=0,
            tokens=11,
        )


@pytest.fixture(scope="session")
def rows_of_two_rungs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of rows in three classes, of which 1,540 are to learn from: rungs of 514 and 1,540."""
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", tiny_rows(2_200, seed=2))


@pytest.fixture(scope="session")
def data(rows_of_two_rungs: Path) -> TaskData:
    """Return these rows."""
    return load_task(str(rows_of_two_rungs))


def _ladder(rungs: list[Rung], data: TaskData, run: Run, deadline: Deadline, rows: int, **more: Any) -> Ladder:
    benches = Benches(Setting(data, HARDWARE, "accuracy", more.pop("features", None)), deadline)
    settings: dict[str, Any] = {"seeds": 1, "tolerance": 0.01, "executor": InProcess(benches.of), "curves": False}
    return Ladder(
        rungs=rungs,
        data=data,
        metric="accuracy",
        deadline=deadline,
        run=run,
        estimates=Estimates(benches, Choices(run, HARDWARE), rows),
        train_rows=rows,
        **(settings | more),
    )


def _open(folder: Path) -> Run:
    if (folder / "request.json").exists():
        return Run.open(folder)
    run = Run.create(folder)
    run.write("request.json", {})
    return run


class Climbs:
    """Climbs with made strategies; one run folder a set of rows, so that a second call goes on with it."""

    def __init__(self, data: TaskData, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data = data
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.measured: Measured | None = None

    def __call__(
        self,
        *strategies: Made,
        seconds: float,
        rows: int | None = None,
        fails: dict[str, BaseException] | None = None,
        fails_at: int | None = None,
        slower: float = 1.0,
        folder: str = "run",
        **more: Any,
    ) -> tuple[Ladder, list[Measurement]]:
        clock = Clock(seconds)
        self.measured = Measured(strategies, self.data, clock)
        self.measured.fails, self.measured.fails_at, self.measured.slower = fails or {}, fails_at, slower
        self.monkeypatch.setattr(executor, "measure", self.measured)
        rungs = [Rung(s, None) for s in strategies]
        ladder = _ladder(rungs, self.data, _open(self.folder / folder), clock, rows or len(self.data.train), **more)
        return ladder, ladder.climb()


@pytest.fixture
def climb(data: TaskData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Climbs:
    """Return what climbs with strategies whose measurements cost what was estimated and are made up."""
    return Climbs(data, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def made() -> type[Made]:
    """Return the class of made strategies."""
    return Made


@pytest.fixture(scope="session")
def unhurried() -> Callable[..., Ladder]:
    """Return the function that makes a ladder which really measures, with all the time it wants if none is set."""

    def make(rungs: list[Rung], data: TaskData, folder: Path, *, train_rows: int = 100, **more: Any) -> Ladder:
        deadline = more.pop("deadline", Deadline(None))
        return _ladder(rungs, data, _open(folder), deadline, train_rows, **more)

    return make
