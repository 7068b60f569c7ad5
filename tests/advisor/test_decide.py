"""From verdicts to the recommendation."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.decide import recommend, worth_of_transfer
from strategies import Candidate, Outcome
from tests.advisor.made_verdicts import MODEL, RECIPES, measured, outcome


def test_what_validation_rows_showed_to_lie_behind_is_not_recommended_for_want_of_proof() -> None:
    found = [measured("baseline", 120), measured("linear_probe", 118, start=60)]
    verdicts, choice = outcome(*found, strategies=("baseline", "linear_probe"))
    assert choice is not None and (choice.strategy, choice.verdict) == ("baseline", Outcome.UNDECIDED)
    dropped = {Candidate(strategy="baseline")}
    other = recommend(list(verdicts.values()), found, 0.01, "accuracy", dropped)
    assert other is not None and other.strategy == "linear_probe"


def test_the_lightest_confirmed_wins_over_the_best() -> None:
    seeds = [measured("lora", 50 + seed, seed=seed) for seed in range(5)]
    runs = [measured("baseline", 200), measured("linear_probe", 52), *seeds]
    found, choice = outcome(*runs, failures={"full": "memory ran out"})
    assert found["baseline"].verdict is Outcome.REFUTED
    assert found["linear_probe"].verdict is Outcome.CONFIRMED
    assert found["lora"].verdict is Outcome.CONFIRMED
    assert choice is not None
    assert (choice.strategy, choice.model, choice.verdict) == ("linear_probe", MODEL, Outcome.CONFIRMED)
    assert choice.score.mean == pytest.approx(0.948)
    assert choice.score.low < 0.948 < choice.score.high
    assert choice.recipe == RECIPES["linear_probe"]
    assert [r.strategy for r in choice.runners_up] == ["baseline", "lora", "full"]
    assert "Transfer is worth it here" in choice.transfer
    assert "at most 1 point below" in choice.because


def test_a_wider_tolerance_takes_a_lighter_one() -> None:
    both = ["baseline", "linear_probe"]
    _, choice = outcome(measured("baseline", 100), measured("linear_probe", 50), tolerance=0.10, strategies=both)
    assert choice is not None
    assert choice.strategy == "baseline"
    assert "at most 10 points below" in choice.because
    assert "Transfer is not worth it here" in choice.transfer


def test_the_baseline_may_win() -> None:
    _, choice = outcome(measured("baseline", 20), measured("linear_probe", 200))
    assert choice is not None
    assert (choice.strategy, choice.model) == ("baseline", None)


def test_one_far_behind_for_want_of_a_fair_chance_is_not_recommended() -> None:
    runs = [measured("linear_probe", 400, train_rows=600), measured("lora", 60), measured("full", 61, start=300)]
    found, choice = outcome(*runs, unreached={"baseline": 1.0})
    assert [found[s].verdict for s in ("linear_probe", "lora", "full")] == [Outcome.UNDECIDED] * 3
    assert not found["linear_probe"].fair
    assert choice is not None
    assert choice.strategy == "lora"
    assert "No fair chance yet, see their verdicts: baseline, linear_probe on tiny." in choice.because


def test_where_the_best_misses_the_target_one_far_behind_is_not_recommended() -> None:
    found, choice = outcome(measured("baseline", 200), measured("linear_probe", 400, train_rows=600), target=0.95)
    assert (found["baseline"].verdict, found["linear_probe"].verdict) == (Outcome.REFUTED, Outcome.UNDECIDED)
    assert choice is None


def test_a_baseline_that_is_best_and_misses_the_target_makes_no_transfer_worth_it() -> None:
    found, _ = outcome(measured("baseline", 100), measured("linear_probe", 150), target=0.95)
    assert worth_of_transfer(list(found.values())).startswith("Nothing reaches the target here")


@pytest.mark.parametrize(
    ("changes", "failures", "said"),
    [
        ({}, {}, "Transfer is not worth it here, tried with full:"),
        ({"train_rows": 100}, {}, "not shown to be worth it"),
        ({"converged": False, "why_not": "underfit"}, {}, "not shown to be worth it"),
        ({}, {"lora": "memory ran out"}, "but lora on tiny had no fair chance."),
    ],
)
def test_transfer_is_dismissed_only_after_a_fair_chance(
    changes: dict[str, Any], failures: dict[str, str], said: str
) -> None:
    _, choice = outcome(
        measured("baseline", 50),
        measured("full", 400, **changes),
        failures=failures,
        strategies=["baseline", *failures, "full"],
    )
    assert choice is not None
    assert (choice.strategy, choice.verdict) == ("baseline", Outcome.CONFIRMED)
    assert said in choice.transfer


def test_nothing_measured_recommends_nothing() -> None:
    found, choice = outcome(failures={"baseline": "memory ran out"}, unreached={"lora": 3.0})
    assert {v.verdict for v in found.values()} == {Outcome.NOT_MEASURED}
    assert choice is None
    assert all(v.score is None and v.delta is None for v in found.values())


def test_an_undecided_choice_is_named_as_such() -> None:
    _, choice = outcome(
        measured("baseline", 62),
        measured("linear_probe", 60, start=300),
        measured("lora", 61, start=600),
    )
    assert choice is not None
    assert (choice.strategy, choice.verdict) == ("baseline", Outcome.UNDECIDED)
    assert choice.because.startswith("No candidate was confirmed")
    assert "undecided" in choice.transfer


def test_an_undecided_choice_is_not_one_that_scored_far_below() -> None:
    found, choice = outcome(measured("baseline", 90), measured("lora", 60, start=300), measured("full", 55, start=600))
    assert {found[name].verdict for name in ("baseline", "lora", "full")} == {Outcome.UNDECIDED}
    assert choice is not None
    assert choice.strategy == "lora"
    assert "lightest that scored within 1 point of the best" in choice.because
    assert "Lighter and not ruled out: baseline." in choice.because


def test_one_on_fewer_rows_is_chosen_by_what_its_curve_makes_expected_with_all() -> None:
    """With 200 of 1,000 rows it lies more than the tolerance behind; with all it is expected as far ahead."""
    runs = [measured("linear_probe", 165), measured("lora", 180, train_rows=200)]
    found, choice = outcome(*runs, strategies=("linear_probe", "lora"))
    assert {found[name].verdict for name in ("linear_probe", "lora")} == {Outcome.UNDECIDED}
    assert (expected := found["lora"].expected) is not None and expected > 0.835 + 0.01
    assert choice is not None
    assert (choice.strategy, choice.train_rows) == ("lora", 200)
    assert "with all training rows it is the lightest expected within 1 point of the best." in choice.because
    assert f"and {expected:.3f} is expected with all" in choice.because
    assert "Lighter and not ruled out: linear_probe on tiny." in choice.because
    assert "lets it learn from 1,000 rows" in choice.settle


@pytest.mark.parametrize(
    ("wrong", "tolerance", "dropped"),
    [
        pytest.param(180, 0.02, (), id="the lighter one is near what is expected"),
        pytest.param(350, 0.01, (), id="not even with all rows is it expected near"),
        pytest.param(180, 0.01, ("lora",), id="validation rows showed that it lies behind"),
    ],
)
def test_the_lighter_one_is_chosen_where_the_curve_of_a_heavier_one_does_not_lead(
    wrong: int, tolerance: float, dropped: tuple[str, ...]
) -> None:
    runs = [measured("linear_probe", 165), measured("lora", wrong, train_rows=200)]
    _, choice = outcome(*runs, strategies=("linear_probe", "lora"), tolerance=tolerance, dropped=dropped)
    assert choice is not None
    assert choice.strategy == "linear_probe"


@pytest.mark.parametrize("points", [0.5, 0.7, 1.0, 1.4])
def test_a_lead_of_just_the_tolerance_is_within_it(points: float) -> None:
    behind = 60 + round(10 * points)
    _, choice = outcome(measured("baseline", behind), measured("lora", 60, start=300), tolerance=points / 100)
    assert choice is not None
    assert (choice.strategy, choice.verdict) == ("baseline", Outcome.UNDECIDED)
    assert "Lighter" not in choice.because


def test_where_the_best_was_dropped_the_nearest_is_recommended() -> None:
    runs = [measured("baseline", 90), measured("linear_probe", 80, start=300), measured("lora", 60, start=600)]
    found, _ = outcome(*runs)
    dropped = [Candidate(strategy="lora", model=MODEL)]
    choice = recommend(list(found.values()), runs, 0.01, "accuracy", dropped)
    assert choice is not None
    assert choice.strategy == "linear_probe"
    assert "of those that may be within 1 point of the best it is expected highest" in choice.because


def test_transfer_is_not_judged_without_a_baseline() -> None:
    found, _ = outcome(measured("linear_probe", 50), strategies=["linear_probe"])
    assert "was not measured" in worth_of_transfer(list(found.values()))
