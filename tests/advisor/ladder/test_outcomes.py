"""What becomes of a step: measured, failed, known from before; and what is reckoned on the way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from advisor.arms import Rung
from probes import executor, fitting
from probes.data import TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, ModelError, OutOfTime
from probes.measurement import Measurement
from probes.model import read_model
from strategies import Situation
from strategies.baseline import Baseline
from strategies.linear_probe import LinearProbe


def test_features_of_an_earlier_run_are_not_reckoned_again(
    unhurried: Any, data: TaskData, tiny_encoder: Path, tmp_path: Path
) -> None:
    model, said = read_model(str(tiny_encoder)), []

    class Watched(LinearProbe):
        def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
            said.append(situation.features_cached)
            return super().seconds(situation, train_rows, search_rows)

    for name in ("first", "second"):
        rows = {"train_rows": len(data.train), "features": tmp_path / "features"}
        unhurried([Rung(Watched(), model)], data, tmp_path / name, **rows).climb()
    assert not said[0]
    assert said[-1]


def test_a_model_not_yet_tried_is_reckoned_by_its_size(
    unhurried: Any, data: TaskData, tiny_encoder: Path, tmp_path: Path
) -> None:
    small = read_model(str(tiny_encoder))
    large = small.model_copy(update={"name": "large", "parameters": 1_000 * (small.parameters or 1)})
    speeds: dict[str, float] = {}

    class Watched(LinearProbe):
        def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
            if situation.model is not None and situation.speed is not None:
                speeds.setdefault(situation.model.name, situation.speed.forward_rows_per_second)
            return super().seconds(situation, train_rows, search_rows)

    unhurried([Rung(Watched(), small), Rung(Watched(), large)], data, tmp_path / "run").climb()
    assert speeds[small.name] == pytest.approx(1_000 * speeds["large"])


def test_the_search_sees_every_class_however_many(
    unhurried: Any, made: Any, data: TaskData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def made_up(*_: Any, search_rows: int, **__: Any) -> Measurement:
        asked.append(search_rows)
        raise MeasurementFailed("enough is known")

    monkeypatch.setattr(executor, "measure", made_up)
    for count in (3, 1_020):
        many = data.model_copy(update={"classes": tuple(map(str, range(count)))})
        unhurried([Rung(made("a", 0.001), None)], many, tmp_path / str(count), train_rows=len(data.train)).climb()
    assert len(data.train) > 1_020
    assert asked == [1_000, 1_020]


def test_failing_is_an_outcome_and_the_others_go_on(climb: Any, made: Any) -> None:
    ladder, done = climb(
        made("a", 0.001), made("b", 0.001), made("c", 0.001), seconds=60,
        fails={"a": MeasurementFailed("memory ran out"), "b": OutOfTime("over")},
    )  # fmt: skip
    assert [m.strategy for m in done] == ["c"]
    assert {c.strategy: why for c, why in ladder.failures.items()} == {"a": "memory ran out"}
    assert {one.candidate.strategy: one.because for one in ladder.unreached} == {
        "b": "the budget ended before it was measured: all 1,540 training rows take about 2 s",
    }


def test_a_library_that_fails_takes_nobody_down_and_leaves_a_trace(climb: Any, made: Any) -> None:
    ladder, done = climb(made("a", 0.001), made("b", 0.001), seconds=60, fails={"a": RuntimeError("shapes\n differ")})
    assert [m.strategy for m in done] == ["b"]
    assert list(ladder.failures.values()) == ["it failed with RuntimeError: shapes differ"]
    assert "RuntimeError: shapes" in (ladder.run.folder / "failures.log").read_text()


def test_a_slow_step_ends_with_the_budget(
    unhurried: Any, data: TaskData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(*_: Any, **__: Any) -> None:
        time.sleep(60)

    monkeypatch.setattr(fitting, "fit_bag_of_words", stuck)
    started = time.monotonic()
    ladder = unhurried([Rung(Baseline(), None)], data, tmp_path / "run", deadline=Deadline(2.0))
    assert ladder.climb() == []
    assert time.monotonic() - started < 10
    [baseline] = ladder.unreached
    assert baseline.because.startswith("the budget ended before it was measured: all 100 training rows take about ")
    assert ladder.notes[0].endswith("baseline on all 100 training rows.")


def test_what_the_user_must_mend_ends_the_run(climb: Any, made: Any) -> None:
    with pytest.raises(ModelError):
        climb(made("a", 0.001), seconds=60, fails={"a": ModelError("torn weights", "Fetch them again.")})


def test_nothing_is_measured_twice(climb: Any, made: Any) -> None:
    _, first = climb(made("a", 0.001), seconds=60)
    _, second = climb(made("a", 0.001), made("b", 0.001), seconds=60)
    assert second[0] == first[0]
    assert [m.strategy for m in second] == ["a", "b"]


def test_cheap_ones_are_measured_on_fewer_rows_once_the_race_is_over(climb: Any, made: Any, data: TaskData) -> None:
    full = len(data.train)
    arms = (made("cheap", 0.001), made("tuned", 0.01, recipes=3), made("slow", 0.1))
    _, done = climb(*arms, seconds=9e9, curves=True)
    race, after = done[:4], done[4:]
    assert {m.strategy for m in race} == {"cheap", "tuned", "slow"}
    # The slow one would take 77 s for half of its rows.
    assert [(m.strategy, m.train_rows, m.seed) for m in after] == [("cheap", full // 2, 0), ("cheap", full // 4, 0)]
    _, again = climb(*arms, seconds=9e9, curves=True)
    assert again == done, "nothing is measured twice"
    _, hurried = climb(made("cheap", 0.001), seconds=1.001 * 0.001 * full, curves=True, folder="hurried")
    assert [m.train_rows for m in hurried] == [full], "where there is time"
