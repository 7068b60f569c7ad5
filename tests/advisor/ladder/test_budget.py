"""What is measured where time is short, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from advisor.arms import Arm, Rung, Seen
from advisor.outlook import foresee, foresee_curves
from advisor.plan import Planner
from probes.data import TaskData
from probes.model import ModelFacts
from probes.searching import SearchTime
from strategies import Strategy
from strategies.from_scratch import FromScratch
from strategies.full import Full
from strategies.linear_probe import LinearProbe
from strategies.lora import LowRankAdapters
from strategies.prompted import FewShot


def test_the_budget_is_never_planned_beyond(climb: Any, made: Any, data: TaskData) -> None:
    rows = len(data.train)
    for share in (0.05, 0.2, 0.5, 1.0, 3.0):
        arms = (made("a", 0.02), made("b", 0.1, recipes=3), made("c", 0.3, recipes=3, seeded=True))
        ladder, done = climb(*arms, seconds=share * rows, folder=str(share), seeds=None)
        assert ladder.deadline.remaining >= 0
        assert {m.strategy for m in done} | {one.candidate.strategy for one in ladder.unreached} == {"a", "b", "c"}


def test_everybody_has_a_chance_before_anybody_has_more(climb: Any, made: Any, data: TaskData) -> None:
    third = -(-len(data.train) // 3)
    heavy, light = made("heavy", 1.0, recipes=3), made("light", 0.5, recipes=3)
    _, done = climb(heavy, light, seconds=1.2 * 3 * 1.5 * third)
    assert [(m.strategy, m.train_rows) for m in done[:2]] == [("light", third), ("heavy", third)], "the cheapest first"


def models_in_a_race(encoder: ModelFacts, strategies: Sequence[Strategy], scores: dict[str, float]) -> Planner:
    """Return a planner of some models, whose frozen features scored so; a search takes twice as long again."""
    models = [encoder.model_copy(update={"name": name}) for name in scores]
    arms = [Arm(Rung(*each), weight) for weight, each in enumerate(product((LinearProbe(), *strategies), models))]
    for arm, score in zip(arms, scores.values(), strict=False):
        arm.seen[400] = {0: Seen(score)}
    seconds = {("lora", "poor"): 50.0, ("lora", "good"): 70.0, ("full", "good"): 90.0}

    def cost(arm: Arm, _rows: int, _search_rows: int, searched: bool) -> float:
        strategy, model = arm.rung.strategy, arm.rung.model
        tuned = strategy.method == "tuning"
        return seconds.get((strategy.name, model.name if model else ""), 200.0) * (1 + 2 * (searched and tuned))

    return Planner(arms, 400, 3, 100, 1, cost)


@pytest.mark.parametrize(("good", "poor", "first"), [(0.86, 0.58, "good"), (0.86, 0.85, "poor"), (0.58, 0.58, "poor")])
def test_a_model_whose_features_lie_far_behind_is_tuned_last(
    encoder: ModelFacts, good: float, poor: float, first: str
) -> None:
    """Tuning the poor model takes 50 s and the good one 70 s."""
    step = models_in_a_race(encoder, [LowRankAdapters()], {"poor": poor, "good": good}).next(130.0)
    assert step is not None
    assert step.arm.rung.model is not None
    assert step.arm.rung.model.name == first
    assert ("most promising" in step.why) is (first == "good")


@pytest.mark.parametrize("dear", [FromScratch(), FewShot()])
def test_what_features_tell_nothing_of_keeps_its_place_by_cost(encoder: ModelFacts, dear: Strategy) -> None:
    """LoRA takes 70 s, full fine-tuning 90 s, and the other 200 s: it does not go before them."""
    race = models_in_a_race(encoder, [LowRankAdapters(), dear, Full()], {"good": 0.86})
    step = race.next(230.0)
    assert step is not None
    assert step.arm.rung.strategy.name == "lora"
    assert "cheapest" in step.why
    poor = models_in_a_race(encoder, [LowRankAdapters(), dear], {"poor": 0.58, "good": 0.86}).next(130.0)
    assert poor is not None
    assert (poor.arm.rung.strategy.name, poor.arm.rung.model and poor.arm.rung.model.name) == ("lora", "good")


def test_the_time_left_goes_to_the_contender_not_to_the_hopeless(climb: Any, made: Any, data: TaskData) -> None:
    full = len(data.train)
    third = -(-full // 3)
    for order in ((0, 1), (1, 0)):  # whichever of the two is lighter
        arms = [
            made("contender", 1.0, recipes=3, learns=lambda _: 0.79),
            made("far", 1.0, recipes=3, learns=lambda _: 0.68),
        ]
        reference = made("reference", 0.01, learns=lambda _: 0.8)
        budget = 1.15 * (0.01 * full + 2 * 3 * third + full)
        _, done = climb(reference, *(arms[i] for i in order), seconds=budget, folder=str(order))
        assert [m.strategy for m in done if m.train_rows == full] == ["reference", "contender"]


def test_too_little_to_learn_from_is_not_measured_and_says_why(climb: Any, made: Any) -> None:
    ladder, done = climb(made("light", 0.001), made("endless", 100.0), seconds=60)
    assert [m.strategy for m in done] == ["light"]
    (endless,) = ladder.unreached
    assert "s were left" in endless.because
    assert "200 training rows" in endless.because
    assert endless.seconds == pytest.approx(154_000)
    assert not ladder.failures, "nothing went wrong with it"


def test_what_no_rung_fits_learns_from_as_many_rows_as_fit(climb: Any, made: Any) -> None:
    _, done = climb(made("slow", 1.0), seconds=300)
    assert [m.train_rows for m in done] == [300]


def test_time_that_no_rung_fits_goes_to_rows_in_between(climb: Any, made: Any, data: TaskData) -> None:
    third = -(-len(data.train) // 3)
    _, done = climb(made("slow", 1.0, recipes=3), made("slower", 2.0), seconds=3 * third + 2 * third + 1_000)
    most = {m.strategy: m.train_rows for m in done}
    assert max(most.values()) >= 1.5 * third
    assert len(done) > 2


def test_the_last_one_is_tried_where_its_estimate_may_be_off(climb: Any, made: Any) -> None:
    ladder, done = climb(made("light", 0.001), made("doubtful", 0.4), seconds=60)
    assert [(m.strategy, m.train_rows) for m in done][1] == ("doubtful", 200)
    assert not ladder.unreached


def test_the_cheapest_is_tried_where_all_estimates_may_be_off(climb: Any, made: Any) -> None:
    ladder, done = climb(made("heavy", 0.45), made("less", 0.4), seconds=60, slower=0.2)
    # 80 s and 90 s are said to be needed, and as the first took 16 s, the second is believed to take 44 s for 391 rows.
    assert [(m.strategy, m.train_rows) for m in done][:2] == [("less", 200), ("heavy", 391)]
    assert not ladder.unreached


def test_an_estimate_that_was_too_low_is_learned_from(climb: Any, made: Any, data: TaskData) -> None:
    rows = len(data.train)
    ladder, done = climb(made("a", 0.05), made("b", 0.05), seconds=0.16 * rows, slower=2.0)
    assert done[0].train_rows == rows, "nothing was known against it"
    assert all(m.train_rows < rows for m in done[1:]), "the second is believed to be twice as slow too"
    assert ladder.deadline.remaining >= -0.05 * 200


def test_a_run_without_its_search_teaches_nothing_false_about_the_next(climb: Any, made: Any) -> None:
    first, second = (made(name, 20 / 500, recipes=3, least=500) for name in ("first", "second"))
    # 60 s each with the search, 20 s without: neither search leaves time for the other, and both runs do.
    _, done = climb(first, second, seconds=70, rows=500)
    assert [(m.strategy, m.train_rows, m.seconds) for m in done] == [("first", 500, 20.0), ("second", 500, 20.0)]


def test_a_search_takes_what_leaves_the_others_their_measurement(climb: Any, made: Any) -> None:
    first, second = (made(name, 20 / 500, recipes=3, least=500) for name in ("first", "second"))
    _, done = climb(first, second, seconds=100, rows=500)
    assert [(m.strategy, m.seconds) for m in done] == [("first", 60.0), ("second", 20.0)]


def test_the_search_goes_before_the_rows_that_the_others_have(climb: Any, made: Any) -> None:
    heavy, light = made("heavy", 40 / 500, recipes=3), made("light", 10 / 500, recipes=3)
    # 220 rows would leave time for the search of the light one, and 250 for that of the heavy one.
    _, done = climb(heavy, light, seconds=60, rows=500)
    assert [(m.strategy, m.seconds) for m in done] == [("light", 10.0), ("heavy", 40.0)]


def test_no_time_at_all_measures_nothing(climb: Any, made: Any) -> None:
    ladder, done = climb(made("a", 0.04), made("b", 0.9), made("unknown", 0), seconds=0, rows=100)
    assert done == []
    spent = "the budget ended before it was measured"
    assert [(one.because, one.seconds) for one in ladder.unreached] == [
        (f"{spent}: all 100 training rows take about 4 s", 4.0),
        (f"{spent}: all 100 training rows take about 90 s", 90.0),
        (spent, None),
    ]


def test_what_more_time_would_have_bought_is_said(climb: Any, made: Any, data: TaskData) -> None:
    rows = len(data.train)
    ladder, done = climb(made("chance", 4 / rows, seeded=True), seconds=10, seeds=3)
    assert [(m.seed, m.train_rows) for m in done] == [(0, rows), (1, rows)]
    assert ladder.notes == ["With more time, each on top of the one before: about 2 s: 1 more seed of chance."]
    ladder, _ = climb(made("chance", 4 / rows, seeded=True), made("big", 1.0), seconds=10, seeds=3, folder="two")
    (note,) = ladder.notes
    # 1,540 s for it and 4 s for the seed, less the 2 s that were left.
    assert note.endswith(f"about 1,538 s: big on all {rows:,} training rows; about 1,542 s: 1 more seed of chance.")


def test_with_time_for_all_nothing_more_is_for_sale(climb: Any, made: Any) -> None:
    ladder, _ = climb(made("chance", 0.01, seeded=True), made("big", 0.1, recipes=3), seconds=9e9, seeds=3)
    assert ladder.notes == []


def planner(made: Any, full: int, *, cost: float = 1.0, seeds: int | None = 1, at: int = 0) -> Planner:
    """Return a planner of one arm that was measured at so many rows."""
    arm = Arm(Rung(made("tuned", cost, recipes=3, seeded=True), None), 0)
    if at:
        arm.seen[at] = {0: Seen(0.8)}
        arm.searched_at = at
    strategy = arm.rung.strategy
    return Planner([arm], full, 3, 500, seeds, lambda arm, *how: strategy.seconds(None, *how[:2], searched=how[2]))  # type: ignore[arg-type]


def test_three_seeds_where_rows_are_many(made: Any) -> None:
    for full, seeds in ((4_999, 5), (5_000, 3)):
        assert {step.seed for step in planner(made, full, seeds=None).steps_left()} == set(range(seeds))


def test_who_has_time_for_all_rows_once_goes_straight_there(made: Any) -> None:
    # 334 rows are done; 1,000 and 3,000 first would leave no time for all 9,000.
    step = planner(made, 9_000, at=334).next(10_500)
    assert step is not None
    assert step.rows == 9_000


def test_a_rate_chosen_at_under_a_third_of_the_rows_is_looked_at_again(made: Any) -> None:
    step = planner(made, 9_000, at=3_000).next(1e9)
    assert step is not None
    assert (step.rows, step.search) == (9_000, "none"), "3,000 are a third"
    few = planner(made, 9_000, at=3_000)
    few.arms[0].searched_at = 334
    again = few.next(1e9)
    assert again is not None
    assert (again.rows, again.search, again.search_rows) == (9_000, "again", 3_000)
    hurried = few.next(1.1 * 9_000)
    assert hurried is not None
    assert hurried.search == "none", "only where there is time"


@pytest.mark.parametrize("left", [0.0, 100.0, 2_000.0, 40_000.0])
def test_a_plan_fits_its_time(made: Any, left: float) -> None:
    assert sum(step.seconds for step in foresee(planner(made, 9_000, seeds=None, at=334), left)) <= left


@pytest.mark.parametrize(("left", "rows"), [(1.2, [770, 385]), (1.1, [770]), (0.8, [385]), (0.4, [])])
def test_learning_curves_are_planned_where_they_find_time(climb: Any, made: Any, left: float, rows: list[int]) -> None:
    ladder, _ = climb(made("cheap", 0.001), seconds=9e9, rows=1_540)
    assert [step.rows for step in foresee_curves(ladder._planner, left)] == rows


@pytest.mark.parametrize(("slower", "seconds"), [(0.2, 70), (0.4, 75)])
def test_time_left_goes_into_the_search_that_found_none_before(
    climb: Any, made: Any, slower: float, seconds: float
) -> None:
    arms = [made(name, 20 / 500, recipes=3, least=500, best=2) for name in ("first", "second")]
    # 60 s each with a search and 20 s without are expected, and it takes much less: so there is time after all.
    _, done = climb(*arms, seconds=seconds, rows=500, slower=slower)
    asked = [(a["strategy"], len(a["recipes"])) for a in climb.measured.asked]
    assert asked == [("first", 1), ("second", 3), ("first", 3)]
    (known,) = climb.measured.asked[2]["known"].values()
    assert known.tokens == done[0].tokens > 0, "what was measured is not tried again, and what it read still counts"
    assert sorted(m.strategy for m in done) == ["first", "second"], "the later one takes the place of the earlier"
    assert all(m.trials for m in done)
    _, resumed = climb(*arms, seconds=0, rows=500)
    assert resumed == done


@pytest.mark.parametrize(("seconds", "slower", "tried"), [(150, 2.0, 2), (150, 3.0, 1), (110, 2.0, 1), (100, 1.4, 2)])
def test_a_search_slower_than_expected_leaves_the_others_their_time(
    climb: Any, made: Any, seconds: float, slower: float, tried: int
) -> None:
    first, second = (made(name, 20 / 500, recipes=3, least=500, best=2) for name in ("first", "second"))
    # 60 s with the search and 20 s without are expected of each.
    ladder, done = climb(first, second, seconds=seconds, rows=500, slower=slower)
    by_name = {m.strategy: m for m in done}
    assert (by_name["first"].seconds, by_name["first"].trials) == (pytest.approx(tried * 20 * slower), ())
    assert by_name["first"].cut_off == f"{tried} of 3 tried"
    assert by_name["second"].seconds == pytest.approx(20 * slower), "what the first took is believed of the second"
    assert not ladder.unreached
    assert not ladder.failures
    assert ladder.deadline.remaining >= 0
    resumed, more = climb(first, second, seconds=1_000, rows=500)
    assert [len(m.trials) for m in more] == [3, 3]
    assert not any(m.cut_off for m in more)
    assert not resumed.unreached
    rates = [recipe.learning_rate for recipe in climb.measured.asked[0]["recipes"]]
    assert rates == [1e-5, 4e-5, 2e-5], "the best so far of what time ended comes first"


def test_a_trial_is_expected_to_take_its_share_of_a_search(climb: Any, made: Any) -> None:
    ladder, _ = climb(arm := made("slow", 1.0, recipes=3), seconds=0)
    rung = Rung(arm, None)
    assert ladder.estimates.search_time(rung, 1_540, 1_000, 3, 7.0) == SearchTime(1_000.0, 1_540.0, 7.0)
    assert ladder.estimates.search_time(rung, 514, 514, 3, 0.0) == SearchTime(514.0, 0.0, 0.0)


def test_a_search_that_ends_again_is_not_begun_a_third_time(climb: Any, made: Any) -> None:
    slow = made("slow", 20 / 500, recipes=3, least=500)
    ladder, done = climb(slow, seconds=30, rows=500)
    assert [(m.trials, m.cut_off) for m in done] == [((), "")]
    slow.a_row /= 20  # what is believed now, by a machine that was slow for a while
    ladder, done = climb(slow, seconds=150, rows=500, slower=60.0)
    assert [m.cut_off for m in done] == ["2 of 3 tried"]
    assert len(climb.measured.asked) == 1
    assert ladder.deadline.remaining == 30, "and 3 s are what it is said to take"


def test_a_search_that_found_no_time_is_for_sale(climb: Any, made: Any) -> None:
    arms = [made(name, 20 / 500, recipes=3, least=500) for name in ("first", "second")]
    ladder, _ = climb(*arms, seconds=55, rows=500)
    (note,) = ladder.notes
    assert "a search of the learning rate of first" in note
    assert "a search of the learning rate of second" in note
