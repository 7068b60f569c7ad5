"""Curves of candidates: what was measured, what more labels are expected to bring, who would lead, and the plot."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from advisor.curves import CandidateCurve, CurvePoint, curves_of, if_more_labels
from advisor.decide import Recommendation
from advisor.report.curves import Plot, curves_page
from advisor.session import ProbeResult
from probes.learning_curve import Prediction
from probes.measurement import Measurement, Metric
from probes.profile import Profile
from probes.recipe import BagOfWords, FrozenFeatures, Prompt, Recipe
from probes.statistics import Interval
from strategies import Outcome
from tests.advisor.pages import printed

LABELS = [0] * 300 + [1] * 300
RECIPES: dict[str, Recipe] = {
    "baseline": BagOfWords(),
    "linear_probe": FrozenFeatures(pooling="mean", max_length=8),
    "few_shot": Prompt(shots=4, max_length=8),
}


def measured(strategy: str, rows: int, score: float, seed: int = 0, metric: Metric = "accuracy") -> Measurement:
    return Measurement(
        strategy=strategy,
        model=None if strategy == "baseline" else "minilm",
        recipe=RECIPES[strategy],
        train_rows=rows,
        seed=seed,
        metric=metric,
        score=score,
        validation_score=None,
        predictions=(0,) * len(LABELS),
        seconds=1.0,
        peak_bytes=1,
        tokens=0,
    )


def chosen(strategy: str) -> Recommendation:
    return Recommendation(
        strategy=strategy,
        model=None if strategy == "baseline" else "minilm",
        metric="accuracy",
        score=Interval(mean=0.9, low=0.85, high=0.95),
        verdict=Outcome.CONFIRMED,
        because="because",
        recipe=RECIPES[strategy],
        train_rows=900,
        seconds=1.0,
        transfer="transfer",
        settle="",
        runners_up=(),
    )


def made(strategy: str, low: float, value: float, high: float) -> CandidateCurve:
    """Make a curve with this prediction at four times 900 rows."""
    return CandidateCurve(
        strategy=strategy,
        model=None if strategy == "baseline" else "minilm",
        points=(CurvePoint(train_rows=900, score=0.5, seeds=1),),
        predictions=tuple(Prediction(size=n, value=value, low=low, high=high, family="made") for n in (1_800, 3_600)),
    )


CLIMBED = [
    *(measured("baseline", rows, score) for rows, score in ((100, 0.70), (300, 0.76), (900, 0.80))),
    *(measured("linear_probe", 900, 0.83 + 0.01 * seed, seed) for seed in range(3)),
]


def test_points_are_means_over_seeds_and_predictions_go_on_from_them() -> None:
    baseline, probe = curves_of(CLIMBED, 900, LABELS, "accuracy")
    assert [(p.train_rows, p.score, p.seeds) for p in baseline.points] == [(100, 0.7, 1), (300, 0.76, 1), (900, 0.8, 1)]
    [point] = probe.points
    assert (point.train_rows, point.score, point.seeds) == (900, pytest.approx(0.84), 3)
    for curve, now in ((baseline, 0.8), (probe, 0.84)):
        assert [at.size for at in curve.predictions] == [1_800, 3_600]
        twice, four = curve.predictions
        assert now < twice.value < four.value < 1
        assert four.high - four.low > twice.high - twice.low > 0
    # Three sizes tell more than one, though it has three seeds; beside the three of another, one does.
    [alone] = curves_of(CLIMBED[3:], 900, LABELS, "accuracy")
    three, beside, one = (curve.predictions[-1].high - curve.predictions[-1].low for curve in (baseline, probe, alone))
    assert max(three, beside) < one / 2


def test_fewer_rows_are_continued_to_all_and_too_few_are_not_continued_at_all() -> None:
    [curve] = curves_of([measured("baseline", 1_000, 0.7)], 9_000, LABELS, "accuracy")
    full, twice, four = curve.predictions
    assert (full.size, twice.size, four.size) == (9_000, 18_000, 36_000)
    assert full.low < full.value < full.high
    assert twice.value is four.value is None
    assert "18.0 times the largest probe" in twice.why_not


@pytest.mark.parametrize(
    ("measurement", "metric", "reason"),
    [
        (measured("few_shot", 900, 0.7), "accuracy", "a prompt does not learn from training rows"),
        (measured("baseline", 900, 0.7, metric="macro_f1"), "macro_f1", "none of macro_f1"),
    ],
)
def test_what_no_recorded_curve_tells_of_is_not_predicted(
    measurement: Measurement, metric: Metric, reason: str, profile: Profile
) -> None:
    curves = curves_of([measurement], 900, LABELS, metric)
    assert all(at.value is None and reason in at.why_not for at in curves[0].predictions)
    assert if_more_labels(curves, 900, None) == ""
    page = shown(profile, curves)
    assert reason in page
    assert "0.700" in page


FELL = [measured("baseline", 300, 0.6), measured("baseline", 900, 0.8)]
"""Its error halves from 300 rows to 900."""


@pytest.mark.parametrize("known", [(300,), (150, 300)], ids=["one size", "two"])
def test_a_curve_with_fewer_rows_follows_those_that_had_all(known: tuple[int, ...]) -> None:
    flat = [measured("linear_probe", rows, 0.8) for rows in known]
    [alone] = curves_of(flat, 900, LABELS, "accuracy")
    beside, other = curves_of([*flat, *FELL], 900, LABELS, "accuracy")
    assert [at.size for at in beside.predictions] == [900, 1_800, 3_600]
    assert [at.size for at in other.predictions] == [1_800, 3_600]
    scores = [0.8]
    for before, after in zip(alone.predictions, beside.predictions, strict=True):
        assert before.value is not None and before.low is not None and before.high is not None
        assert after.value is not None and after.low is not None and after.high is not None
        assert before.value + 0.02 < after.value < after.high
        assert after.high - after.low < before.high - before.low
        scores.append(after.value)
    assert scores == sorted(scores)


@pytest.mark.parametrize("nothing", [measured("baseline", 900, 0.9), measured("few_shot", 900, 0.9)])
def test_one_size_of_another_and_a_prompt_tell_nothing(nothing: Measurement) -> None:
    flat = [measured("linear_probe", 300, 0.8)]
    [alone] = curves_of(flat, 900, LABELS, "accuracy")
    beside, _ = curves_of([*flat, nothing], 900, LABELS, "accuracy")
    assert beside.predictions == alone.predictions


def test_nothing_is_predicted_below_what_guessing_the_largest_class_gives() -> None:
    falling = [measured("baseline", rows, score) for rows, score in ((100, 0.60), (300, 0.55), (900, 0.51))]
    [curve] = curves_of(falling, 900, LABELS, "accuracy")
    assert all(at.low >= 0.5 for at in curve.predictions)


LIGHT, HEAVY = made("baseline", 0.80, 0.82, 0.84), made("linear_probe", 0.86, 0.88, 0.90)
OVERLAPPING = made("baseline", 0.80, 0.85, 0.87)
UNDECIDED = (
    "linear_probe on minilm looks best, and it is undecided who would lead: its interval, 0.860 to 0.900, overlaps "
    "with that of baseline."
)
CHANGED = "linear_probe on minilm would lead: more labels would change the choice, which is baseline now."


@pytest.mark.parametrize(
    ("curves", "choice", "said"),
    [
        ((LIGHT, HEAVY), "baseline", CHANGED),
        ((LIGHT, HEAVY), "linear_probe", "linear_probe on minilm would lead, which is the choice now."),
        ((LIGHT, HEAVY), None, "linear_probe on minilm would lead."),
        ((OVERLAPPING, HEAVY), "baseline", UNDECIDED),
    ],
)
def test_who_would_lead_is_said_where_intervals_lie_apart(
    curves: tuple[CandidateCurve, ...], choice: str | None, said: str
) -> None:
    sentence = if_more_labels(curves, 900, None if choice is None else chosen(choice).candidate)
    assert sentence == f"With 4 times the training rows (3,600) {said}"


def test_one_alone_leads_nobody(profile: Profile) -> None:
    assert if_more_labels((LIGHT,), 900, chosen("baseline").candidate) == ""
    page = shown(profile, curves_of([measured("baseline", 900, 0.8)], 900, LABELS, "accuracy"))
    assert "Brackets hold" in page
    assert "lead" not in page


def test_who_cannot_be_predicted_is_named() -> None:
    [prompt] = curves_of([measured("few_shot", 900, 0.7)], 900, LABELS, "accuracy")
    said = if_more_labels((LIGHT, HEAVY, prompt), 900, None)
    assert said.endswith("linear_probe on minilm would lead; nothing is known of few_shot on minilm there.")


def shown(profile: Profile, curves: tuple[CandidateCurve, ...], width: int = 400) -> str:
    result = ProbeResult(
        recommendation=None,
        verdicts=(),
        measurements=(),
        advice=(),
        profile=profile,
        run="runs/r",
        seconds=1.0,
        curves=curves,
    )
    return "".join(printed(part) for part in curves_page(result))


def test_the_page_has_a_line_a_candidate_and_says_who_leads(profile: Profile) -> None:
    page = shown(profile, curves_of(CLIMBED, 900, LABELS, "accuracy"))
    assert "What if you label more?" in page
    for head in ("900 rows (now)", "1,800 rows", "3,600 rows"):
        assert head in page
    [row] = [line for line in page.splitlines() if "baseline" in line and "0.800" in line]
    assert row.count("[") == 2
    assert "undecided who would lead" in page or "would lead" in page
    assert shown(profile, ()) == ""


def test_models_of_one_name_are_told_apart_in_table_and_legend(profile: Profile) -> None:
    models = ("runs/a/model", "runs/b/model", "runs/b/other")
    found = [
        measured("linear_probe", rows, 0.6 + rows / 3_000).model_copy(update={"model": model})
        for model in models
        for rows in (300, 900)
    ]
    page = shown(profile, curves_of(found, 900, LABELS, "accuracy"))
    for name in ("a/model", "b/model", "other"):
        assert page.count(f"linear_probe · {name} ") == 1
    assert "A linear_probe · a/model, B linear_probe · b/model, C linear_probe · other" in page


def drawn(curves: tuple[CandidateCurve, ...], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=True, color_system="truecolor")
    console.print(Plot(curves, {curve.model for curve in curves}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_plot_is_small_and_tells_candidates_apart_without_colours(width: int) -> None:
    both = [*CLIMBED, measured("linear_probe", 300, 0.80)]
    every = drawn(curves_of(both, 900, LABELS, "accuracy"), width)
    assert len(every) <= 15
    top = next(k for k, line in enumerate(every) if "┌" in line)
    lines = every[top:]
    assert "A baseline, B linear_probe · minilm" in " ".join(Text.from_ansi(line).plain.strip() for line in every[:top])
    assert all(len(line) <= width for line in lines)
    canvas = "".join(lines)
    assert "\x1b" not in canvas
    assert [canvas.count(letter) for letter in "ABab"] == [3, 2, 2, 2]
    assert all(size in lines[-1] for size in ("100", "300", "900", "1,800", "3,600"))
    # Equal factors are equally far apart: the axis is logarithmic.
    at = [lines[-1].index(size) + len(size) / 2 for size in ("100", "300", "900")]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1], abs=1.5)


def test_scores_that_are_level_are_drawn_level() -> None:
    flat = [measured("baseline", rows, 1.0, metric="macro_f1") for rows in (300, 900)]
    lines = drawn(curves_of(flat, 900, LABELS, "macro_f1"), 60)
    [top] = [line for line in lines[1:] if "A" in line]
    assert top.startswith("1.000")
    assert top.count("A") == 2
    assert lines[-3].startswith("0.980")


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("level", [("baseline", "linear_probe"), ("baseline", "linear_probe", "few_shot")])
def test_letters_at_one_point_stand_side_by_side(level: tuple[str, ...], width: int) -> None:
    scores = ((300, 0.76), (900, 0.80))
    same = [measured(strategy, rows, score) for strategy in level for rows, score in scores]
    lines = drawn(curves_of(same, 900, LABELS, "accuracy"), width)
    top = next(k for k, line in enumerate(lines) if "┌" in line)
    assert "Letters that touch lie at one point." in " ".join(
        Text.from_ansi(line).plain.strip() for line in lines[:top]
    )
    canvas = lines[top:]
    assert sum("ABC"[: len(level)] in line for line in canvas) == len(scores)
    assert ["".join(canvas).count(letter) for letter in "ab"] == [2, 2]
    assert len({len(line) for line in canvas if line.endswith("│")}) == 1, "the frame stays as it is"


def test_letters_that_lie_apart_are_not_said_to_touch() -> None:
    both = [*CLIMBED, measured("linear_probe", 300, 0.80)]
    assert "touch" not in " ".join(drawn(curves_of(both, 900, LABELS, "accuracy"), 200))


def test_there_is_no_plot_where_there_is_no_room_or_no_curve() -> None:
    assert drawn(curves_of(CLIMBED, 900, LABELS, "accuracy"), 59) == []
    assert drawn(curves_of([measured("baseline", 900, 0.8)], 900, LABELS, "accuracy"), 80) == []
