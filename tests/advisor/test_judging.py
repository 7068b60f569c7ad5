"""From hand-made measurements to verdicts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from advisor.ladder import SPENT
from probes.measurement import Measurement
from probes.recipe import Prompt
from strategies import Outcome, Verdict
from tests.advisor.made_verdicts import RECIPES, TRIAL, measured, outcome, three_seeds


def test_every_candidate_gets_exactly_one_verdict() -> None:
    blocked, failures = {"lora": "no"}, {"full": "out of memory"}
    found, _ = outcome(measured("baseline", 10), blocked=blocked, failures=failures, unreached={"linear_probe": 9.0})
    assert {s: v.verdict for s, v in found.items()} == {
        "baseline": Outcome.UNDECIDED,
        "linear_probe": Outcome.NOT_MEASURED,
        "lora": Outcome.NOT_APPLICABLE,
        "full": Outcome.NOT_MEASURED,
    }
    assert (found["lora"].because, found["full"].because) == ("no", "out of memory")
    assert found["linear_probe"].because == SPENT


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


@pytest.mark.parametrize(
    ("seconds", "time"),
    [((200.0, 100.0), " (about 5 min here)"), ((20.0, 10.0), " (about 30 s here)"), ((200.0, None), "")],
)
@pytest.mark.parametrize("rivals", [(), (measured("linear_probe", 400),)], ids=["alone", "beside a worse one"])
def test_none_is_confirmed_while_there_was_no_time_for_a_rival(
    rivals: Sequence[Measurement], seconds: tuple[float, float | None], time: str
) -> None:
    left_out = dict(zip(("lora", "full"), seconds, strict=True))
    found, choice = outcome(measured("baseline", 50), *rivals, unreached=left_out)
    baseline = found["baseline"]
    assert baseline.verdict is Outcome.UNDECIDED
    assert baseline.because.endswith(" But the budget left no time for lora on tiny and full on tiny.")
    assert baseline.settle == (
        f"`--resume --run RUN` with a longer --budget measures lora on tiny and full on tiny{time}."
    )
    assert (found["full"].verdict, found["full"].because) == (Outcome.NOT_MEASURED, SPENT)
    assert choice is not None and "No fair chance yet, see their verdicts: lora on tiny, full on tiny" in choice.because
    assert choice.verdict is Outcome.UNDECIDED
    enough, _ = outcome(measured("baseline", 50), *rivals, unreached=left_out, target=0.8)
    assert enough["baseline"].verdict is Outcome.UNDECIDED


def test_whoever_is_not_measured_for_no_reason_given_is_a_fault() -> None:
    with pytest.raises(ValueError, match="not known why full on tiny was not measured"):
        outcome(measured("baseline", 50), measured("lora", 400), strategies=["baseline", "lora", "full"])


def test_one_that_failed_keeps_nobody_from_being_confirmed_and_is_named() -> None:
    runs = [measured("baseline", 50), measured("linear_probe", 400)]
    found, choice = outcome(*runs, failures={"lora": "memory ran out", "full": "memory ran out"})
    assert found["baseline"].verdict is Outcome.CONFIRMED
    assert found["baseline"].because.endswith(" Not measured: lora on tiny and full on tiny.")
    assert choice is not None and "Not measured: lora on tiny and full on tiny." in choice.because
    assert "Not measured" not in found["linear_probe"].because


def test_one_that_does_not_apply_keeps_nobody_from_being_confirmed() -> None:
    runs = [measured("baseline", 50), measured("linear_probe", 400)]
    found, _ = outcome(*runs, blocked={"lora": "no"})
    plain, _ = outcome(*runs)
    assert found["baseline"] == plain["baseline"]
    assert found["baseline"].verdict is Outcome.CONFIRMED


def test_one_without_time_keeps_nobody_from_being_refuted() -> None:
    found, _ = outcome(measured("baseline", 50), measured("linear_probe", 400), unreached={"full": 20.0}, target=0.5)
    assert found["linear_probe"].verdict is Outcome.REFUTED


@pytest.mark.parametrize(
    "others",
    [{}, {"blocked": {"lora": "no"}}, {"failures": {"lora": "memory ran out"}}],
    ids=["none asked for", "not applicable", "failed"],
)
def test_the_best_of_one_is_confirmed_by_a_target_alone(others: dict[str, Any]) -> None:
    found, choice = outcome(measured("baseline", 50), **others)
    baseline = found["baseline"]
    assert baseline.verdict is Outcome.UNDECIDED
    assert "; nothing else was measured, so there is nothing to compare it with." in baseline.because
    assert "--strategies" in baseline.settle and "--target" in baseline.settle
    assert baseline.because.endswith(" Not measured: lora on tiny.") == ("failures" in others)
    assert choice is not None and (choice.strategy, choice.verdict) == ("baseline", Outcome.UNDECIDED)
    assert choice.settle == baseline.settle
    met, _ = outcome(measured("baseline", 50), target=0.9, **others)
    assert met["baseline"].verdict is Outcome.CONFIRMED
    assert "; nothing else was measured. It meets the target of 0.900." in met["baseline"].because
    missed, choice = outcome(measured("baseline", 50), target=0.99, **others)
    assert missed["baseline"].verdict is Outcome.REFUTED
    assert choice is None


def test_one_that_learned_from_fewer_rows_is_not_refuted() -> None:
    found, _ = outcome(measured("linear_probe", 50), measured("full", 400, train_rows=600))
    assert found["full"].verdict is Outcome.UNDECIDED
    assert "600 of the 1,000 training rows" in found["full"].because
    assert "--budget" in found["full"].settle


def test_a_confirmed_one_that_might_do_better_says_so() -> None:
    found, _ = outcome(measured("baseline", 50, train_rows=600), measured("full", 400))
    assert found["baseline"].verdict is Outcome.CONFIRMED
    assert (
        "It may do better still: it learned from 600 of the 1,000 training rows, and 0.95" in found["baseline"].because
    )
    assert found["baseline"].expected == pytest.approx(0.955, abs=0.004)


def test_none_is_confirmed_while_a_rival_that_learned_from_fewer_rows_may_pass_it() -> None:
    found, choice = outcome(measured("baseline", 200), measured("full", 300, train_rows=300))
    baseline = found["baseline"]
    assert baseline.verdict is Outcome.UNDECIDED
    assert "But full on tiny learned from 300 rows, and with 1,000 may reach 0.8" in baseline.because
    assert baseline.settle == (
        "`--resume --run RUN` with a longer --budget lets full on tiny learn from 1,000 rows (about 7 s here)."
    )
    assert choice is not None and (choice.strategy, choice.verdict) == ("baseline", Outcome.UNDECIDED)


def test_what_is_expected_follows_those_who_were_measured_there() -> None:
    """TF-IDF's error fell by half from 300 rows to 1,000: most of that is expected of full fine-tuning's."""
    alone, _ = outcome(measured("baseline", 200), measured("full", 300, train_rows=300))
    beside, choice = outcome(
        measured("baseline", 200), measured("baseline", 400, train_rows=300), measured("full", 300, train_rows=300)
    )
    assert alone["full"].expected is not None and alone["full"].expected < 0.8
    assert beside["full"].expected is not None and 0.81 < beside["full"].expected < 0.85
    assert beside["baseline"].expected is None
    assert choice is not None and choice.strategy == "full"


def test_a_rival_is_judged_by_the_curves_of_those_who_were_measured_there() -> None:
    """Alone it may pass; beside a curve whose error stays it cannot, beside one whose error falls it may."""

    def baseline(*before: int) -> Verdict:
        smaller = [
            measured("baseline", wrong, train_rows=rows) for wrong, rows in zip(before, (300, 600), strict=False)
        ]
        found, _ = outcome(measured("baseline", 200), *smaller, measured("full", 280, train_rows=300))
        return found["baseline"]

    alone, flat, falling = baseline(), baseline(200, 200), baseline(400, 260)
    assert (alone.verdict, flat.verdict) == (Outcome.UNDECIDED, Outcome.CONFIRMED)
    assert falling.verdict is Outcome.UNDECIDED
    assert "full on tiny learned from 300 rows, and with 1,000 may reach 0.8" in falling.because


def test_one_that_failed_with_more_rows_says_so_and_keeps_nobody_from_being_confirmed() -> None:
    runs = [measured("baseline", 200), measured("full", 300, train_rows=300)]
    found, _ = outcome(*runs, failures={"full": "it ran out of memory"})
    assert found["baseline"].verdict is Outcome.CONFIRMED
    assert found["baseline"].because.endswith(" Not measured with all rows: full on tiny.")
    assert found["full"].verdict is Outcome.UNDECIDED
    assert "not refuted: it learned from 300 of the 1,000 training rows; with more, it ran out of memory" in (
        found["full"].because
    )
    assert "has to be mended first" in found["full"].settle
    assert "--budget" not in found["full"].settle
    assert found["full"].expected is None


def test_one_that_failed_with_more_rows_is_not_recommended_for_what_it_would_have_scored() -> None:
    """TF-IDF's error halved from 300 rows to 1,000, and so full fine-tuning's is expected to, if it can be had."""
    baseline = [measured("baseline", 200), measured("baseline", 400, train_rows=300)]
    runs = [*baseline, *three_seeds(measured("full", 250, train_rows=300))]
    (_, able), (_, failed) = outcome(*runs), outcome(*runs, failures={"full": "it ran out of memory"})
    assert able is not None and able.strategy == "full"
    assert failed is not None and (failed.strategy, failed.verdict) == ("baseline", Outcome.CONFIRMED)


@pytest.mark.parametrize(
    ("rival", "dropped"),
    [
        pytest.param(measured("full", 600, train_rows=300), (), id="it cannot with as many rows"),
        pytest.param(measured("full", 300, train_rows=300), ("full",), id="validation rows showed that it lies behind"),
        pytest.param(measured("full", 300, train_rows=1_000), (), id="it had as many"),
        pytest.param(
            measured("full", 300, train_rows=300, recipe=Prompt(max_length=16)), (), id="it does not learn from rows"
        ),
    ],
)
def test_a_rival_that_cannot_pass_does_not_keep_one_from_being_confirmed(
    rival: Measurement, dropped: Sequence[str]
) -> None:
    found, _ = outcome(measured("baseline", 200), rival, dropped=dropped)
    assert found["baseline"].verdict is Outcome.CONFIRMED


@pytest.mark.parametrize("rows", [300, 600], ids=["as few", "more"])
def test_one_on_fewer_rows_is_not_confirmed_while_a_rival_on_fewer_may_pass_it_with_all(rows: int) -> None:
    """With all rows, that is: .81 is expected of TF-IDF there, and full fine-tuning may reach more."""
    own, rival = measured("baseline", 230, train_rows=300), measured("full", 270, train_rows=rows)
    found, choice = outcome(*three_seeds(own), *three_seeds(rival))
    baseline = found["baseline"]
    assert baseline.verdict is Outcome.UNDECIDED
    assert baseline.expected is not None
    assert f"learned from 300 of the 1,000 training rows, and {baseline.expected:.3f} is expected" in baseline.because
    said = re.search(rf"But full on tiny learned from {rows} rows, and with 1,000 may reach (\S+) ", baseline.because)
    assert said is not None
    assert float(said[1]) > baseline.expected + 0.01
    took = round(2_000 / 300 + 2_000 / rows)  # two seconds each, and as much longer as there are more rows
    assert baseline.settle == (
        "`--resume --run RUN` with a longer --budget lets it and full on tiny learn from 1,000 rows "
        f"(about {took} s here)."
    )
    assert choice is not None and choice.verdict is Outcome.UNDECIDED


def test_one_on_fewer_rows_is_held_by_what_is_expected_of_it_with_all() -> None:
    """What the rival may reach lies above its score, and not above that."""
    runs = [measured("baseline", 200, train_rows=300), *three_seeds(measured("full", 270, train_rows=600))]
    found, _ = outcome(*runs)
    assert found["baseline"].verdict is Outcome.CONFIRMED
    failed, _ = outcome(*runs, failures={"baseline": "memory ran out"})
    assert failed["baseline"].verdict is Outcome.UNDECIDED, "nothing more is to be had from it"
    assert "lets full on tiny learn" in failed["baseline"].settle
    prompted, _ = outcome(runs[0].model_copy(update={"recipe": Prompt(max_length=16)}), *runs[1:])
    assert prompted["baseline"].verdict is Outcome.UNDECIDED, "more rows do not change its score"


def test_one_of_which_nothing_is_expected_with_all_rows_is_held_by_its_score() -> None:
    """Below 64 rows no curve is told; the rival's says that with all it stays far behind that score."""
    found, _ = outcome(measured("baseline", 20, train_rows=60), measured("full", 500, train_rows=600))
    assert found["baseline"].expected is None
    assert found["baseline"].verdict is Outcome.CONFIRMED
    found, _ = outcome(measured("baseline", 460, train_rows=60), measured("full", 500, train_rows=600))
    assert found["baseline"].verdict is Outcome.UNDECIDED


def test_one_draw_of_the_rows_is_one_seed_of_what_no_other_seed_changes() -> None:
    """Where fewer rows than there are is all that a verdict is about."""

    def interval(rows: int, about: int = 1_000) -> tuple[float, float]:
        found, _ = outcome(measured("baseline", 200, train_rows=rows), measured("full", 400), rows=about)
        score = found["baseline"].score
        assert score is not None
        return score.low, score.high

    known, drawn = interval(1_000), interval(300, about=300)
    assert drawn[0] < known[0] < known[1] < drawn[1]
    assert interval(300) == known, "it is to learn from all of them yet"


def test_one_on_fewer_rows_is_settled_by_all_of_them_and_not_by_more_seeds() -> None:
    found, _ = outcome(measured("baseline", 200), measured("full", 202, train_rows=300))
    assert found["full"].verdict is Outcome.UNDECIDED
    assert found["full"].settle == (
        "`--resume --run RUN` with a longer --budget lets it learn from 1,000 rows (about 7 s here)."
    )


def test_a_prompt_on_fewer_rows_is_promised_nothing_of_more() -> None:
    prompt = measured("baseline", 100, train_rows=300, recipe=Prompt(max_length=16))
    found, _ = outcome(prompt, *three_seeds(measured("full", 130, train_rows=300)))
    assert found["baseline"].verdict is Outcome.UNDECIDED
    assert "lets full on tiny learn from 1,000 rows" in found["baseline"].settle


def test_where_nothing_tells_what_more_rows_bring_none_on_fewer_is_confirmed_against_fewer() -> None:
    both = [
        measured(who, wrong, metric="macro_f1", train_rows=300) for who, wrong in (("baseline", 100), ("full", 400))
    ]
    found, _ = outcome(*both)
    assert found["baseline"].verdict is Outcome.UNDECIDED
    assert "may pass it (curves of accuracy were recorded, and none of macro_f1)" in found["baseline"].because
    assert "lets it and full on tiny learn from 1,000 rows" in found["baseline"].settle


def test_where_nothing_tells_what_more_rows_bring_none_is_confirmed_against_fewer() -> None:
    both = [measured("baseline", 100, metric="macro_f1"), measured("full", 400, metric="macro_f1", train_rows=300)]
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


def test_a_target_is_not_missed_by_one_seed_where_another_may_meet_it() -> None:
    beside = measured("baseline", 170), measured("lora", 170)
    found, _ = outcome(*beside, strategies=["baseline", "lora"], target=0.855)
    assert (found["baseline"].verdict, found["lora"].verdict) == (Outcome.REFUTED, Outcome.UNDECIDED)
    alone, _ = outcome(measured("lora", 170), strategies=["lora"], target=0.855)
    assert alone["lora"].verdict is Outcome.UNDECIDED
    assert alone["lora"].settle.startswith("First 3 seeds of it (`--resume --run RUN --seeds 3`")
    assert alone["lora"].settle.endswith("if the difference to the target of 0.855 is as seen.")


def test_a_target_that_is_met_confirms() -> None:
    found, choice = outcome(measured("baseline", 100), strategies=["baseline"], target=0.85)
    assert found["baseline"].verdict is Outcome.CONFIRMED
    assert "nothing else was measured" in found["baseline"].because
    assert choice is not None
    assert choice.because.startswith("It is the only candidate that was measured. Accuracy 0.900")


def test_who_was_not_measured_is_named_once() -> None:
    _, choice = outcome(measured("baseline", 50), measured("linear_probe", 400), failures={"lora": "memory ran out"})
    assert choice is not None
    assert choice.because.count("lora") == 1


def test_too_close_to_tell_is_undecided_and_says_how_many_rows_would() -> None:
    found, choice = outcome(
        measured("baseline", 72), measured("linear_probe", 60, start=500), strategies=["baseline", "linear_probe"]
    )
    assert found["baseline"].verdict is Outcome.UNDECIDED
    assert re.search(r"test rows \(now 1,000\), [\d,]+ more labels", found["baseline"].settle)
    assert choice is not None


def test_seeds_are_pooled_and_the_most_rows_count() -> None:
    seeds = [measured("full", 50 + seed, seed=seed) for seed in range(3)]
    found, choice = outcome(*seeds, measured("full", 400, train_rows=400), strategies=["full"])
    assert "over 3 seeds" in found["full"].because
    assert found["full"].score is not None
    assert found["full"].score.mean == pytest.approx(0.949)
    assert choice is not None
    assert choice.train_rows == 1_000
    assert choice.seconds == pytest.approx(6)


def test_verdicts_do_not_depend_on_the_order_of_measurements() -> None:
    several = [measured("baseline", 200), measured("linear_probe", 52), measured("lora", 50)]
    assert outcome(*several) == outcome(*reversed(several))


def test_one_seed_of_what_depends_on_it_is_told_apart_from_a_fixed_result() -> None:
    fixed, _ = outcome(measured("baseline", 52), measured("linear_probe", 50))
    one_seed, choice = outcome(measured("baseline", 52), measured("lora", 50))
    assert (fixed["baseline"].verdict, one_seed["baseline"].verdict) == (Outcome.CONFIRMED, Outcome.UNDECIDED)
    assert "--seeds 3" in one_seed["baseline"].settle
    assert choice is not None and choice.settle == one_seed["baseline"].settle
