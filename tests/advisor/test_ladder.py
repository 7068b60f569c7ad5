"""The ladder from the outside: who is measured, on how many rows, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor import ladder as module
from advisor.choices import Choices
from advisor.ladder import Ladder, Rung
from advisor.run import Run
from probes.data import TaskData, load_task
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, ModelError, OutOfTime
from probes.features import FeatureCache, no_progress
from probes.hardware import Hardware
from probes.measurement import Measurement
from probes.model import read_model
from probes.recipe import BagOfWords, Recipe
from strategies import Situation, Strategy
from strategies.linear_probe import LinearProbe

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
    """A strategy without a model that costs so many seconds a row, for each recipe it tries."""

    method = "bag_of_words"
    needs_model = False

    def __init__(self, name: str, a_row: float, *, seeded: bool = False, recipes: int = 1, least: int = 0) -> None:
        self.name = name
        self.a_row = a_row
        self.least = least
        self.seeded = seeded
        self.tries = recipes

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        return tuple(BagOfWords(seed=situation.seed, C=(c,)) for c in range(1, 1 + self.tries))

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
        return self.cost(train_rows) * (self.tries if searched else 1)

    def cost(self, rows: int) -> float:
        """Return the seconds of one recipe: fewer rows than `least` take as many steps."""
        return self.a_row * max(rows, self.least)


@pytest.fixture(scope="module")
def data(many_rows_file: Path) -> TaskData:
    return load_task(str(many_rows_file))


Climb = Callable[..., tuple[Ladder, list[Measurement]]]


@pytest.fixture
def climb(data: TaskData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Climb:
    """Return the function that climbs with strategies whose measurements cost what was estimated and are made up."""

    def run(
        *strategies: Made,
        seconds: float,
        seeds: int = 1,
        fails: dict[str, Exception] | None = None,
        slower: float = 1.0,
        rows: int | None = None,
    ) -> tuple[Ladder, list[Measurement]]:
        clock = Clock(seconds)
        cost = {s.name: s.cost for s in strategies}

        def made_up(strategy: str, recipes: Any, bench: Any, *, train_rows: int, seed: int, **_: Any) -> Measurement:
            if fails and strategy in fails:
                raise fails[strategy]
            took = slower * cost[strategy](train_rows) * len(recipes)
            clock.left -= took
            return Measurement(
                strategy=strategy,
                model=None,
                recipe=recipes[0],
                train_rows=train_rows,
                seed=seed,
                metric="accuracy",
                score=0.5,
                validation_score=None,
                predictions=(),
                seconds=took,
                peak_bytes=0,
                tokens=0,
            )

        monkeypatch.setattr(module, "measure", made_up)
        folder = tmp_path / "run"
        ladder = Ladder(
            rungs=[Rung(s, None) for s in strategies],
            data=data,
            hardware=HARDWARE,
            metric="accuracy",
            deadline=clock,
            run=Run.open(folder) if folder.exists() else Run.create(folder),
            train_rows=rows or len(data.train),
            seeds=seeds,
            progress=lambda _: no_progress,
            cache=FeatureCache(None),
            choices=None,  # type: ignore[arg-type]  # no model takes part
        )
        if not (folder / "request.json").exists():
            ladder.run.write("request.json", {})
        return ladder, ladder.climb()

    return run


def unhurried(
    rungs: list[Rung], data: TaskData, folder: Path, *, train_rows: int = 100, cache: FeatureCache | None = None
) -> Ladder:
    """Make a ladder that really measures, with all the time it wants."""
    run = Run.create(folder)
    run.write("request.json", {})
    return Ladder(
        rungs=rungs,
        data=data,
        hardware=HARDWARE,
        metric="accuracy",
        deadline=Deadline(None),
        run=run,
        train_rows=train_rows,
        seeds=1,
        progress=lambda _: no_progress,
        cache=cache or FeatureCache(None),
        choices=Choices(run, HARDWARE),
    )


def test_with_time_for_all_everybody_gets_all_rows(climb: Climb, data: TaskData) -> None:
    rows = len(data.train)
    _, done = climb(Made("light", 0.001), Made("heavy", 0.1), seconds=1.2 * 0.101 * rows)
    assert [(m.strategy, m.train_rows) for m in done] == [("light", rows), ("heavy", rows)]


def test_otherwise_shares_are_equal(climb: Climb, data: TaskData) -> None:
    rows = len(data.train)
    first, second = Made("first", 0.1), Made("second", 0.1)
    _, done = climb(first, second, seconds=0.1 * rows)
    got = [m.train_rows for m in done]
    assert got[0] == pytest.approx(got[1], rel=0.25)
    assert all(0.35 * rows < n < 0.65 * rows for n in got)


def test_what_a_light_one_leaves_goes_to_the_heavy_ones(climb: Climb, data: TaskData) -> None:
    rows = len(data.train)
    _, alone = climb(Made("heavy", 0.1), Made("heavier", 0.2), seconds=0.1 * rows)
    budget = 0.1 * rows
    light = Made("light", 1e-6)
    _, done = climb(light, Made("heavy-2", 0.1), Made("heavier-2", 0.2), seconds=budget)
    by_name = {m.strategy: m.train_rows for m in done}
    assert by_name["light"] == rows
    assert by_name["heavy-2"] == pytest.approx(alone[0].train_rows, rel=0.02)


def test_the_budget_is_never_planned_beyond(climb: Climb, data: TaskData) -> None:
    ladder, done = climb(Made("a", 0.02), Made("b", 0.1), Made("c", 0.3), seconds=0.2 * len(data.train))
    assert {m.strategy for m in done} == {"a", "b", "c"}
    assert ladder.deadline.remaining >= 0


def test_too_little_to_learn_from_is_not_measured_and_says_why(climb: Climb) -> None:
    ladder, done = climb(Made("light", 0.001), Made("endless", 100.0), seconds=60)
    assert [m.strategy for m in done] == ["light"]
    (reason,) = ladder.failures.values()
    assert "s were left" in reason
    assert "training rows" in reason


def test_the_last_one_is_tried_where_its_estimate_may_be_off(climb: Climb) -> None:
    ladder, done = climb(Made("light", 0.001), Made("doubtful", 0.4), seconds=60)
    assert [(m.strategy, m.train_rows) for m in done][1] == ("doubtful", 200)
    assert not ladder.failures


def test_an_estimate_that_was_too_low_is_learned_from(climb: Climb, data: TaskData) -> None:
    rows = len(data.train)
    _, done = climb(Made("a", 0.05), Made("b", 0.05), seconds=0.16 * rows, slower=2.0)
    assert done[0].train_rows == rows, "nothing was known against it"
    assert len(done) == 1 or done[1].train_rows < rows, "the second is believed to be twice as slow too"


def test_features_of_an_earlier_run_are_not_reckoned_again(data: TaskData, tiny_encoder: Path, tmp_path: Path) -> None:
    model, cache, said = read_model(str(tiny_encoder)), FeatureCache(tmp_path / "features"), []

    class Watched(LinearProbe):
        def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
            said.append(situation.features_cached)
            return super().seconds(situation, train_rows, search_rows)

    for name in ("first", "second"):
        unhurried([Rung(Watched(), model)], data, tmp_path / name, cache=cache).climb()
    assert not said[0]
    assert said[-1]


def test_a_run_without_its_search_teaches_nothing_false_about_the_next(climb: Climb) -> None:
    first, second = (Made(name, 20 / 500, recipes=3, least=500) for name in ("first", "second"))
    # 60 s each with the search, 20 s without: neither search fits into its share, and both runs do.
    _, done = climb(first, second, seconds=70, rows=500)
    assert [(m.strategy, m.train_rows, m.seconds) for m in done] == [("first", 500, 20.0), ("second", 500, 20.0)]


def test_a_search_may_take_more_than_its_share_where_the_others_can_still_be_measured(climb: Climb) -> None:
    first, second = (Made(name, 20 / 500, recipes=3, least=500) for name in ("first", "second"))
    _, done = climb(first, second, seconds=100, rows=500)
    assert [(m.strategy, m.seconds) for m in done] == [("first", 60.0), ("second", 20.0)]


def test_a_run_without_search_may_take_more_than_its_share_too(climb: Climb) -> None:
    heavy, light = Made("heavy", 40 / 500, recipes=3, least=500), Made("light", 10 / 500, recipes=3, least=500)
    _, done = climb(heavy, light, seconds=60, rows=500)
    assert [(m.strategy, m.seconds) for m in done] == [("heavy", 40.0), ("light", 10.0)]


def test_a_model_not_yet_tried_is_reckoned_by_its_size(data: TaskData, tiny_encoder: Path, tmp_path: Path) -> None:
    small = read_model(str(tiny_encoder))
    large = small.model_copy(update={"name": "large", "parameters": 1_000 * (small.parameters or 1)})
    speeds: dict[str, float] = {}

    class Watched(LinearProbe):
        def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
            assert situation.model is not None and situation.speed is not None
            speeds.setdefault(situation.model.name, situation.speed.forward_rows_per_second)
            return super().seconds(situation, train_rows, search_rows)

    unhurried([Rung(Watched(), small), Rung(Watched(), large)], data, tmp_path / "run").climb()
    assert speeds[small.name] == pytest.approx(1_000 * speeds["large"])


def test_a_seed_that_found_no_time_is_said(climb: Climb, data: TaskData) -> None:
    rows = len(data.train)
    ladder, done = climb(Made("chance", 20 / rows, seeded=True), seconds=50, seeds=3)
    assert [(m.seed, m.train_rows) for m in done] == [(0, rows), (1, rows)]
    (note,) = ladder.notes
    assert note.startswith("chance: seed 2 was not measured: it needs about 20 s")
    assert not ladder.failures


def test_the_search_sees_every_class_however_many(
    data: TaskData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def made_up(*_: Any, search_rows: int, **__: Any) -> Measurement:
        asked.append(search_rows)
        raise MeasurementFailed("enough is known")

    monkeypatch.setattr(module, "measure", made_up)
    for count in (3, 1_020):
        many = data.model_copy(update={"classes": tuple(map(str, range(count)))})
        unhurried([Rung(Made("a", 0.001), None)], many, tmp_path / str(count), train_rows=len(data.train)).climb()
    assert len(data.train) > 1_020
    assert asked == [1_000, 1_020]


def test_failing_is_an_outcome_and_the_others_go_on(climb: Climb) -> None:
    ladder, done = climb(
        Made("a", 0.001), Made("b", 0.001), Made("c", 0.001), seconds=60,
        fails={"a": MeasurementFailed("memory ran out"), "b": OutOfTime("over")},
    )  # fmt: skip
    assert [m.strategy for m in done] == ["c"]
    assert {c.strategy: why for c, why in ladder.failures.items()} == {
        "a": "memory ran out",
        "b": "the budget ended before it was measured",
    }


def test_a_library_that_fails_takes_nobody_down_and_leaves_a_trace(climb: Climb) -> None:
    ladder, done = climb(Made("a", 0.001), Made("b", 0.001), seconds=60, fails={"a": RuntimeError("shapes\n differ")})
    assert [m.strategy for m in done] == ["b"]
    assert list(ladder.failures.values()) == ["it failed with RuntimeError: shapes differ"]
    assert "RuntimeError: shapes" in (ladder.run.folder / "failures.log").read_text()


def test_what_the_user_must_mend_ends_the_run(climb: Climb) -> None:
    with pytest.raises(ModelError):
        climb(Made("a", 0.001), seconds=60, fails={"a": ModelError("torn weights", "Fetch them again.")})


def test_further_seeds_are_for_those_that_depend_on_one(climb: Climb) -> None:
    _, done = climb(Made("fixed", 0.001), Made("chance", 0.001, seeded=True), seconds=60, seeds=3)
    assert [(m.strategy, m.seed) for m in done] == [("fixed", 0), ("chance", 0), ("chance", 1), ("chance", 2)]
    assert [m.recipe.seed for m in done] == [0, 0, 1, 2]


def test_nothing_is_measured_twice(climb: Climb) -> None:
    _, first = climb(Made("a", 0.001), seconds=60)
    _, second = climb(Made("a", 0.001), Made("b", 0.001), seconds=60)
    assert second[0] == first[0]
    assert [m.strategy for m in second] == ["a", "b"]


def test_no_time_at_all_measures_nothing(climb: Climb) -> None:
    ladder, done = climb(Made("a", 0.001), Made("b", 0.001), seconds=0)
    assert done == []
    assert set(ladder.failures.values()) == {"the budget ended before it was measured"}
