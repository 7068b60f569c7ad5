"""Who climbs to which rung, who is dropped, and which step comes first where time is short."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.plan import rungs
from advisor.sentences import sentence
from probes.data import TaskData
from probes.measurement import Measurement


def steps(done: list[Measurement]) -> list[tuple[str, int, int]]:
    return [(m.strategy, m.train_rows, m.seed) for m in done]


def rising(first: float, last: float, full: int) -> Any:
    """Return a curve that goes straight from `first` at no rows to `last` at all of them."""
    return lambda rows: first + (last - first) * rows / full


def test_rungs_are_thirds_and_none_is_too_small_to_learn_from() -> None:
    assert rungs(9_000, classes=3) == [1_000, 3_000, 9_000]
    assert rungs(1_500, classes=3) == [500, 1_500]
    assert rungs(1_400, classes=3) == [1_400], "a third of them is fewer than 500"
    assert rungs(9_000, classes=600) == [3_000, 9_000]
    assert rungs(40, classes=3) == [40]


def test_with_time_for_all_everybody_climbs_together(climb: Any, made: Any, data: TaskData) -> None:
    full = len(data.train)
    third = -(-full // 3)
    _, done = climb(made("light", 0.001), made("heavy", 0.01, recipes=3), made("heavier", 0.1, recipes=3), seconds=9e9)
    assert steps(done) == [
        ("light", full, 0),  # nothing to search for, so smaller rungs would save nothing
        ("heavy", third, 0),
        ("heavier", third, 0),
        ("heavy", full, 0),
        ("heavier", full, 0),
    ]


def test_timing_decides_nothing_while_there_is_time_for_all(climb: Any, made: Any) -> None:
    arms = [("a", 0.01), ("b", 0.02), ("c", 0.04)]
    seen = []
    for folder, factor in (("one", 1.0), ("two", 3.0), ("three", 0.3)):
        strategies = [made(name, a_row * factor, recipes=3, seeded=True) for name, a_row in arms]
        strategies[1], strategies[2] = made("b", 0.1 / factor, recipes=3, seeded=True), strategies[2]
        _, done = climb(*strategies, seconds=10_000, slower=factor, folder=folder, seeds=2)
        seen.append(steps(done))
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 9


def test_a_lighter_one_that_is_surely_behind_is_dropped(climb: Any, made: Any, data: TaskData) -> None:
    full = len(data.train)
    weak = made("weak", 0.01, recipes=3, learns=lambda _: 0.5)
    strong = made("strong", 0.01, recipes=3, learns=lambda _: 0.8)
    ladder, done = climb(weak, strong, seconds=9e9)
    assert ("weak", full, 0) not in steps(done)
    assert ("strong", full, 0) in steps(done)
    ((candidate, why),) = ladder.dropped.items()
    assert candidate.strategy == "weak"
    assert f"at {-(-full // 3)} training rows it was 30." in why
    assert "below strong" in why
    assert any(note.startswith("weak was dropped: at ") for note in ladder.notes)


@pytest.mark.parametrize("lead", [0.0, 0.01, 0.02])
def test_one_whose_interval_reaches_the_best_goes_on(climb: Any, made: Any, data: TaskData, lead: float) -> None:
    close = made("close", 0.01, recipes=3, learns=lambda _: 0.7)
    best = made("best", 0.01, recipes=3, learns=lambda _: 0.7 + lead)
    ladder, done = climb(close, best, seconds=9e9)
    assert {m.strategy for m in done if m.train_rows == len(data.train)} == {"close", "best"}
    assert not ladder.dropped


def test_what_the_tolerance_forgives_drops_nobody(climb: Any, made: Any) -> None:
    arms = [made("near", 0.01, recipes=3, learns=lambda _: 0.7), made("best", 0.01, recipes=3, learns=lambda _: 0.8)]
    assert climb(*arms, seconds=9e9, tolerance=0.01, folder="strict")[0].dropped
    assert not climb(*arms, seconds=9e9, tolerance=0.15, folder="lenient")[0].dropped


def test_a_heavy_one_that_may_still_rise_is_not_dropped(climb: Any, made: Any, data: TaskData) -> None:
    full = len(data.train)
    light = made("light", 0.001, learns=lambda _: 0.8)
    late = made("late", 0.01, recipes=3, learns=rising(0.65, 0.85, full))
    ladder, done = climb(light, late, seconds=9e9)
    assert ("late", full, 0) in steps(done)
    assert not ladder.dropped


def test_a_heavy_one_out_of_reach_is_dropped(climb: Any, made: Any, data: TaskData) -> None:
    light = made("light", 0.001, learns=lambda _: 0.9)
    hopeless = made("hopeless", 0.01, recipes=3, learns=lambda _: 0.3)
    ladder, done = climb(light, hopeless, seconds=9e9)
    assert [m.train_rows for m in done if m.strategy == "hopeless"] == [-(-len(data.train) // 3)]
    (why,) = ladder.dropped.values()
    assert "light, which is lighter" in why


def test_seeds_are_five_where_rows_are_few_for_those_that_need_them(climb: Any, made: Any, data: TaskData) -> None:
    full, said = len(data.train), []
    both = (made("fixed", 0.001), made("chance", 0.001, seeded=True))
    _, done = climb(*both, seconds=9e9, seeds=None, listen=said.append)
    assert "5 seeds at the most" in sentence(said[0])
    assert steps(done) == [("fixed", full, 0), *[("chance", full, seed) for seed in range(5)]]
    assert [m.recipe.seed for m in done] == [0, 0, 1, 2, 3, 4]


def test_where_rows_are_a_draw_from_more_everybody_who_learns_gets_seeds(climb: Any, made: Any, data: TaskData) -> None:
    """Each seed draws other rows, also for those that nothing else would change."""
    prompt = made("prompt", 0.001)
    prompt.method = "prompt"
    for rows, seeds in ((400, 5), (len(data.train), 1)):
        _, done = climb(made("fixed", 0.001), prompt, seconds=600, rows=rows, seeds=None, folder=f"run-{rows}")
        by_strategy = {name: sorted(m.seed for m in done if m.strategy == name) for name in ("fixed", "prompt")}
        assert by_strategy == {"fixed": list(range(seeds)), "prompt": [0]}


def test_who_is_dropped_gets_no_seeds(climb: Any, made: Any) -> None:
    weak = made("weak", 0.01, seeded=True, learns=lambda _: 0.5)
    strong = made("strong", 0.01, seeded=True, learns=lambda _: 0.8)
    _, done = climb(weak, strong, seconds=9e9, seeds=3)
    assert [(name, seed) for name, _, seed in steps(done)] == [("weak", 0), ("strong", 0), ("strong", 1), ("strong", 2)]


def test_a_larger_rung_takes_the_rate_that_was_chosen(climb: Any, made: Any, data: TaskData) -> None:
    # 3 × 514 s of search and 1,540 s on all rows, and no time for another look at the rate.
    climb(made("tuned", 1.0, recipes=3, best=2), seconds=3_500)
    first, second = climb.measured.asked
    assert (len(first["recipes"]), first["search_rows"]) == (3, first["train_rows"])
    (recipe,) = second["recipes"]
    assert second["train_rows"] == len(data.train)
    assert recipe == first["recipes"][2]
    assert [trial.validation_score for trial in second["chosen_by"]] == [0.5, 0.5, 0.9]


def test_seeds_take_it_too(climb: Any, made: Any) -> None:
    climb(made("tuned", 1.0, recipes=3, best=2, seeded=True), seconds=9e9, seeds=2)
    last = climb.measured.asked[-1]
    assert (last["seed"], [recipe.learning_rate for recipe in last["recipes"]]) == (1, [4e-5])
    assert last["chosen_by"]


def test_a_rate_chosen_at_a_third_of_the_rows_is_not_looked_at_again(climb: Any, made: Any) -> None:
    climb(made("tuned", 1.0, recipes=3, best=2), seconds=9e9)
    assert [len(asked["recipes"]) for asked in climb.measured.asked] == [3, 1]


def test_one_chosen_at_a_ninth_is_looked_at_again_beside_what_is_known_of_it(climb: Any, made: Any) -> None:
    _, done = climb(made("tuned", 1.0, recipes=3, best=2), seconds=9e9, rows=4_500)
    assert [m.train_rows for m in done] == [500, 1_500, 4_500]
    first, second, third = climb.measured.asked
    chosen = first["recipes"][2].learning_rate
    assert [recipe.learning_rate for recipe in second["recipes"]] == [chosen]
    assert third["search_rows"] == 1_500
    assert [recipe.learning_rate for recipe in third["recipes"]] == [chosen / 2, chosen, chosen * 2]
    ((setting, trial),) = third["known"].items()
    assert setting == f"learning_rate={chosen:g}"
    assert (trial.train_rows, trial.validation_score) == (1_500, done[1].validation_score)
    assert trial.validation_loss is None, "a measurement keeps no loss"
    assert trial.tokens == 0, "the second measurement stays, and counts them"


def test_a_step_that_fails_leaves_what_was_measured(climb: Any, made: Any, data: TaskData) -> None:
    ladder, done = climb(
        made("tuned", 0.01, recipes=3, seeded=True), made("other", 0.01), seconds=9e9, seeds=3,
        fails={"tuned": RuntimeError("no room")}, fails_at=len(data.train),
    )  # fmt: skip
    assert steps(done) == [("tuned", -(-len(data.train) // 3), 0), ("other", len(data.train), 0)]
    assert [(c.strategy, why) for c, why in ladder.failures.items()] == [
        ("tuned", "it failed with RuntimeError: no room")
    ]
    assert any("tuned with 1,540 training rows was not measured: it failed" in note for note in ladder.notes)


@pytest.mark.parametrize("stop", range(1, 13))
def test_killed_anywhere_it_goes_on_to_the_same_end(climb: Any, made: Any, stop: int) -> None:
    def arms() -> list[Any]:
        return [
            made("a", 0.01, seeded=True, recipes=3, learns=lambda _: 0.5),
            made("b", 0.02, seeded=True, recipes=3, learns=lambda _: 0.79),
            made("c", 0.03, seeded=True, recipes=3, learns=lambda _: 0.8),
        ]

    whole, done = climb(*arms(), seconds=9e9, seeds=3, folder="whole")

    _, kept = climb(*arms(), seconds=9e9, seeds=3, folder=f"cut {stop}")
    assert steps(kept) == steps(done)
    # What a kill leaves is the ledger up to some line.
    ledger = climb.folder / f"cut {stop}" / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:stop]))
    ladder, again = climb(*arms(), seconds=9e9, seeds=3, folder=f"cut {stop}")
    assert steps(again) == steps(done)
    kept_measurements = sum(b'"kind": "measurement"' in line for line in lines[:stop])
    assert stop < len(lines), "there is something left to do"
    assert len(climb.measured.asked) == len(done) - kept_measurements, "nothing is measured twice"
    assert ledger.read_bytes().splitlines(keepends=True)[:stop] == lines[:stop]
    assert ladder.dropped == whole.dropped
    assert whole.dropped
