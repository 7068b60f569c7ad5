"""From hand-made measurements to verdicts and the recommendation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from advisor.decide import Recommendation, judge, recommend, worth_of_transfer
from probes.columns import Columns
from probes.data import Rows, TaskData
from probes.measurement import Measurement, Trial
from probes.recipe import BagOfWords, FrozenFeatures, Lora, Prompt, Recipe, Tuning
from strategies import STRATEGIES, Candidate, Outcome, Verdict

TESTS = 1_000
LABELS = tuple(i % 2 for i in range(TESTS))
MODEL = "tiny"
RECIPES: dict[str, Recipe] = {
    "baseline": BagOfWords(),
    "linear_probe": FrozenFeatures(pooling="mean", max_length=16),
    "lora": Tuning(pooling="mean", max_length=16, learning_rate=5e-4, lora=Lora()),
    "full": Tuning(pooling="mean", max_length=16, learning_rate=2e-5),
}


def some_rows(labels: Sequence[int]) -> Rows:
    texts = tuple(f"text {i}" for i in range(len(labels)))
    return Rows(texts=texts, pairs=None, labels=tuple(labels), numbers=tuple(range(len(labels))))


DATA = TaskData(
    source="rows.csv",
    fingerprint="0",
    columns=Columns(text="text", text_pair=None, label="label", split=None),
    classes=("a", "b"),
    train=some_rows([0, 1] * 50),
    validation=some_rows([0, 1]),
    test=some_rows(LABELS),
    split_origin="by hand",
    split_seed=0,
)


TRIAL = Trial(
    setting="learning_rate=5e-05",
    train_rows=100,
    validation_score=0.9,
    validation_loss=0.3,
    converged=True,
    seconds=1.0,
)


def measured(strategy: str, wrong: int, *, seed: int = 0, start: int = 0, **changes: Any) -> Measurement:
    """Make a measurement that has the rows from `start` on wrong, so many of them."""
    predictions = tuple(1 - y if start <= i < start + wrong else y for i, y in enumerate(LABELS))
    values = {
        "strategy": strategy,
        "model": None if strategy == "baseline" else MODEL,
        "recipe": RECIPES[strategy],
        "train_rows": 100,
        "seed": seed,
        "metric": "accuracy",
        "score": 1 - wrong / TESTS,
        "validation_score": 0.9,
        "predictions": predictions,
        "seconds": 2.0,
        "peak_bytes": 10**8,
        "tokens": 0,
        "trials": (TRIAL,),
    }
    return Measurement.model_validate(values | changes)


def outcome(
    *measurements: Measurement,
    strategies: Sequence[str] = ("baseline", "linear_probe", "lora", "full"),
    tolerance: float = 0.01,
    target: float | None = None,
    blocked: dict[str, str] | None = None,
    failures: dict[str, str] | None = None,
    dropped: Sequence[str] = (),
) -> tuple[dict[str, Verdict], Recommendation | None]:
    candidates = {s: Candidate(strategy=s, model=None if s == "baseline" else MODEL) for s in strategies}
    out, metric = {candidates[s] for s in dropped}, measurements[0].metric if measurements else "accuracy"
    verdicts = judge(
        {s.name: s for s in STRATEGIES},
        list(candidates.values()),
        list(measurements),
        DATA,
        blocked={candidates[s]: why for s, why in (blocked or {}).items()},
        failures={candidates[s]: why for s, why in (failures or {}).items()},
        metric=metric,
        tolerance=tolerance,
        target=target,
        rows=100,
        dropped=out,
    )
    choice = recommend(verdicts, list(measurements), tolerance, metric, out)
    return {v.strategy: v for v in verdicts}, choice


def test_what_validation_rows_showed_to_lie_behind_is_not_recommended_for_want_of_proof() -> None:
    found = [measured("baseline", 120), measured("linear_probe", 118, start=60)]
    verdicts, choice = outcome(*found, strategies=("baseline", "linear_probe"))
    assert choice is not None and (choice.strategy, choice.verdict) == ("baseline", Outcome.UNDECIDED)
    dropped = {Candidate(strategy="baseline")}
    other = recommend(list(verdicts.values()), found, 0.01, "accuracy", dropped)
    assert other is not None and other.strategy == "linear_probe"


def test_every_candidate_gets_exactly_one_verdict() -> None:
    found, _ = outcome(measured("baseline", 10), blocked={"lora": "no"}, failures={"full": "out of memory"})
    assert {s: v.verdict for s, v in found.items()} == {
        "baseline": Outcome.UNDECIDED,
        "linear_probe": Outcome.NOT_MEASURED,
        "lora": Outcome.NOT_APPLICABLE,
        "full": Outcome.NOT_MEASURED,
    }
    assert (found["lora"].because, found["full"].because) == ("no", "out of memory")
    assert found["linear_probe"].because


def test_the_lightest_confirmed_wins_over_the_best() -> None:
    seeds = [measured("lora", 50 + seed, seed=seed) for seed in range(5)]
    found, choice = outcome(measured("baseline", 200), measured("linear_probe", 52), *seeds)
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


def test_an_underfit_run_is_undecided_and_not_refuted() -> None:
    why = "its training loss 2.1 is above the linear probe's 0.4"
    underfit = measured("full", 400, converged=False, why_not=why)
    found, choice = outcome(measured("linear_probe", 50), underfit, strategies=["linear_probe", "full"])
    assert found["full"].verdict is Outcome.UNDECIDED
    assert why in found["full"].because
    assert found["full"].settle
    assert choice is not None
    assert choice.strategy == "linear_probe"


def test_a_converged_run_as_bad_is_refuted() -> None:
    found, _ = outcome(measured("linear_probe", 50), measured("full", 400))
    assert found["full"].verdict is Outcome.REFUTED
    assert "35.0 points below the best" in found["full"].because


def test_one_whose_learning_rate_was_not_searched_is_not_refuted() -> None:
    found, _ = outcome(measured("linear_probe", 50), measured("full", 400, trials=()))
    assert found["full"].verdict is Outcome.UNDECIDED
    assert "no time to search its learning rate" in found["full"].because


@pytest.mark.parametrize(("neighbour", "verdict"), [(0.5, Outcome.UNDECIDED), (0.895, Outcome.REFUTED)])
def test_one_whose_best_learning_rate_was_the_last_tried_is_not_refuted(neighbour: float, verdict: Outcome) -> None:
    rate = RECIPES["full"].learning_rate  # type: ignore[union-attr]
    chosen = TRIAL.model_copy(update={"setting": f"learning_rate={rate:g}"})
    other = TRIAL.model_copy(update={"setting": f"learning_rate={rate / 2:g}", "validation_score": neighbour})
    found, _ = outcome(measured("linear_probe", 50), measured("full", 400, trials=(chosen, other)))
    assert found["full"].verdict is verdict


def test_the_only_one_measured_is_not_confirmed_against_those_left_out() -> None:
    found, choice = outcome(measured("baseline", 50), failures={"full": "the budget ended before it was measured"})
    assert found["baseline"].verdict is Outcome.UNDECIDED
    assert "3 other candidates were not measured" in found["baseline"].settle
    assert choice is not None and "No fair chance yet" in choice.because
    assert choice is not None and choice.verdict is Outcome.UNDECIDED


def test_one_that_learned_from_fewer_rows_is_not_refuted() -> None:
    found, _ = outcome(measured("linear_probe", 50), measured("full", 400, train_rows=60))
    assert found["full"].verdict is Outcome.UNDECIDED
    assert "60 of the 100 training rows" in found["full"].because
    assert "--budget" in found["full"].settle


def test_one_far_behind_for_want_of_a_fair_chance_is_not_recommended() -> None:
    found, choice = outcome(
        measured("linear_probe", 400, train_rows=60), measured("lora", 60), measured("full", 61, start=300)
    )
    assert [found[s].verdict for s in ("linear_probe", "lora", "full")] == [Outcome.UNDECIDED] * 3
    assert not found["linear_probe"].fair
    assert choice is not None
    assert choice.strategy == "lora"
    assert "No fair chance yet, see their verdicts: baseline, linear_probe on tiny." in choice.because


def test_where_the_best_misses_the_target_one_far_behind_is_not_recommended() -> None:
    found, choice = outcome(
        measured("baseline", 200), measured("linear_probe", 400, train_rows=60), target=0.95, strategies=RECIPES
    )
    assert (found["baseline"].verdict, found["linear_probe"].verdict) == (Outcome.REFUTED, Outcome.UNDECIDED)
    assert choice is None


def test_a_baseline_that_is_best_and_misses_the_target_makes_no_transfer_worth_it() -> None:
    found, _ = outcome(measured("baseline", 100), measured("linear_probe", 150), target=0.95)
    assert worth_of_transfer(list(found.values())).startswith("Nothing reaches the target here")


@pytest.mark.parametrize(
    ("changes", "failures", "said"),
    [
        ({}, {}, "Transfer is not worth it here, tried with full:"),
        ({"train_rows": 10}, {}, "not shown to be worth it"),
        ({"converged": False, "why_not": "underfit"}, {}, "not shown to be worth it"),
        ({}, {"lora": "the budget ended"}, "but lora on tiny had no fair chance."),
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


def test_a_confirmed_one_that_might_do_better_says_so() -> None:
    found, _ = outcome(measured("baseline", 50, train_rows=60), measured("full", 400))
    assert found["baseline"].verdict is Outcome.CONFIRMED
    assert "It may do better still: it learned from 60 of the 100 training rows." in found["baseline"].because


def test_none_is_confirmed_while_a_rival_that_learned_from_fewer_rows_may_pass_it() -> None:
    found, choice = outcome(measured("baseline", 200), measured("full", 300, train_rows=30))
    baseline = found["baseline"]
    assert baseline.verdict is Outcome.UNDECIDED
    assert "But full on tiny learned from 30 rows, and with 100 may reach 0.8" in baseline.because
    assert baseline.settle == (
        "`--resume --run RUN` with a longer --budget lets full on tiny learn from 100 rows (about 7 s here)."
    )
    assert choice is not None and (choice.strategy, choice.verdict) == ("baseline", Outcome.UNDECIDED)


@pytest.mark.parametrize(
    ("rival", "dropped"),
    [
        pytest.param(measured("full", 600, train_rows=30), (), id="it cannot with as many rows"),
        pytest.param(measured("full", 300, train_rows=30), ("full",), id="validation rows showed that it lies behind"),
        pytest.param(measured("full", 300, train_rows=100), (), id="it had as many"),
        pytest.param(
            measured("full", 300, train_rows=30, recipe=Prompt(max_length=16)), (), id="it does not learn from rows"
        ),
    ],
)
def test_a_rival_that_cannot_pass_does_not_keep_one_from_being_confirmed(
    rival: Measurement, dropped: Sequence[str]
) -> None:
    found, _ = outcome(measured("baseline", 200), rival, dropped=dropped)
    assert found["baseline"].verdict is Outcome.CONFIRMED


def test_both_on_fewer_rows_are_compared_as_they_are() -> None:
    found, _ = outcome(measured("baseline", 200, train_rows=30), measured("full", 300, train_rows=30))
    assert found["baseline"].verdict is Outcome.CONFIRMED


def test_where_nothing_tells_what_more_rows_bring_none_is_confirmed_against_fewer() -> None:
    both = [measured("baseline", 100, metric="macro_f1"), measured("full", 400, metric="macro_f1", train_rows=30)]
    found, _ = outcome(*both)
    assert found["baseline"].verdict is Outcome.UNDECIDED
    assert "may pass it (curves of accuracy were recorded, and none of macro_f1)" in found["baseline"].because


def test_a_missed_target_refutes_even_the_best() -> None:
    found, choice = outcome(measured("baseline", 200), measured("linear_probe", 200), target=0.95)
    assert found["baseline"].verdict is found["linear_probe"].verdict is Outcome.REFUTED
    assert "target of 0.950 lies above" in found["baseline"].because
    assert choice is None


def test_a_target_within_the_interval_is_undecided() -> None:
    found, choice = outcome(measured("baseline", 200), strategies=["baseline"], target=0.80)
    assert found["baseline"].verdict is Outcome.UNDECIDED
    assert "0.800" in found["baseline"].settle
    assert choice is not None
    assert choice.verdict is Outcome.UNDECIDED
    assert choice.settle == found["baseline"].settle


def test_a_target_that_is_met_confirms() -> None:
    found, _ = outcome(measured("baseline", 100), strategies=["baseline"], target=0.85)
    assert found["baseline"].verdict is Outcome.CONFIRMED
    assert "nothing else was measured" in found["baseline"].because


def test_nothing_measured_recommends_nothing() -> None:
    found, choice = outcome(failures={"baseline": "the budget ended"})
    assert {v.verdict for v in found.values()} == {Outcome.NOT_MEASURED}
    assert choice is None
    assert all(v.score is None and v.delta is None for v in found.values())


def test_too_close_to_tell_is_undecided_and_says_how_many_rows_would() -> None:
    found, choice = outcome(
        measured("baseline", 72), measured("linear_probe", 60, start=500), strategies=["baseline", "linear_probe"]
    )
    assert found["baseline"].verdict is Outcome.UNDECIDED
    assert re.search(r"test rows \(now 1,000\), [\d,]+ more labels", found["baseline"].settle)
    assert choice is not None


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
    assert "of those that may be within 1 point of the best it scored highest" in choice.because


def test_seeds_are_pooled_and_the_most_rows_count() -> None:
    seeds = [measured("full", 50 + seed, seed=seed) for seed in range(3)]
    found, choice = outcome(*seeds, measured("full", 400, train_rows=40), strategies=["full"])
    assert "over 3 seeds" in found["full"].because
    assert found["full"].score is not None
    assert found["full"].score.mean == pytest.approx(0.949)
    assert choice is not None
    assert choice.train_rows == 100
    assert choice.seconds == pytest.approx(6)


def test_transfer_is_not_judged_without_a_baseline() -> None:
    found, _ = outcome(measured("linear_probe", 50), strategies=["linear_probe"])
    assert "was not measured" in worth_of_transfer(list(found.values()))


def test_verdicts_do_not_depend_on_the_order_of_measurements() -> None:
    several = [measured("baseline", 200), measured("linear_probe", 52), measured("lora", 50)]
    assert outcome(*several) == outcome(*reversed(several))


def test_one_seed_of_what_depends_on_it_is_told_apart_from_a_fixed_result() -> None:
    fixed, _ = outcome(measured("baseline", 52), measured("linear_probe", 50))
    one_seed, choice = outcome(measured("baseline", 52), measured("lora", 50))
    assert (fixed["baseline"].verdict, one_seed["baseline"].verdict) == (Outcome.CONFIRMED, Outcome.UNDECIDED)
    assert "--seeds 3" in one_seed["baseline"].settle
    assert choice is not None and choice.settle == one_seed["baseline"].settle
