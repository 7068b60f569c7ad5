"""Learning curves: families find their own curves, predictions keep their bounds, and what cannot be told is not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.curve_families import FAMILIES
from probes.learning_curve import BLEND, Curve, Kind, Point, Prediction, calibration, predict

SIZES = np.array([64.0, 128, 256, 512, 1024])
TARGETS = np.array([2048.0, 8192])


def points(scores: dict[int, float], seed: int = 0) -> list[Point]:
    return [Point(size=size, score=score, seed=seed) for size, score in scores.items()]


def power(n: np.ndarray | float, end: float = 0.0) -> np.ndarray | float:
    return end + 6 * n**-0.437


RISING = {64: 0.70, 128: 0.76, 256: 0.80, 512: 0.835}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_finds_a_power_law(name: str) -> None:
    assert FAMILIES[name](SIZES, power(SIZES), TARGETS) == pytest.approx(power(TARGETS), rel=0.02)


@pytest.mark.parametrize("name", ["pow3", "pow4"])
def test_a_curve_that_ends_above_nothing_is_found(name: str) -> None:
    found = FAMILIES[name](SIZES, power(SIZES, 0.5), TARGETS)
    assert found == pytest.approx(power(TARGETS, 0.5), rel=0.01)
    plain = FAMILIES["power law"](SIZES, power(SIZES, 0.5), TARGETS)
    assert abs(plain - power(TARGETS, 0.5))[-1] > 5 * abs(found - power(TARGETS, 0.5))[-1]


def test_a_slow_start_is_found() -> None:
    def late(n: np.ndarray) -> np.ndarray:
        return 0.2 + 500 * (n + 640) ** -0.9

    assert FAMILIES["pow4"](SIZES, late(SIZES), TARGETS) == pytest.approx(late(TARGETS), rel=0.03)
    assert FAMILIES["power law"](SIZES, late(SIZES), TARGETS) != pytest.approx(late(TARGETS), rel=0.2)


def test_a_rising_loss_is_not_made_to_rise_by_what_must_fall() -> None:
    for name in ("pow3", "pow4"):
        assert FAMILIES[name](SIZES, np.array([1.0, 1.1, 1.2, 1.3, 1.4]), TARGETS).max() <= 1.4


@pytest.mark.parametrize("kind", ["loss", "accuracy"])
def test_a_power_law_is_continued_with_intervals_that_widen(kind: Kind) -> None:
    def score(n: int) -> float:
        return float(power(n)) if kind == "loss" else 1 - float(power(n)) / 3

    made = predict(points({n: score(n) for n in (64, 128, 256, 512)}), [1024, 2048, 4096], kind)
    for at in made:
        assert at.value == pytest.approx(score(at.size), rel=0.01)
        assert at.low < score(at.size) < at.high
        assert at.family == f"mean of {', '.join(BLEND[kind])}"
        assert not at.why_not
    relative = [(at.high - at.low) / (at.value if kind == "loss" else 1 - at.value) for at in made]
    assert relative == sorted(relative)


def test_the_interval_is_wider_where_the_families_disagree() -> None:
    """The same last slope, after a curve that was straight and after one that was not."""
    straight = predict(points({64: 0.64, 128: 0.72, 256: 0.78, 512: 0.83}), [4096])[0]
    bent = predict(points({64: 0.10, 128: 0.50, 256: 0.78, 512: 0.83}), [4096])[0]
    assert bent.high - bent.low > 1.5 * (straight.high - straight.low)


def test_a_higher_level_holds_the_lower() -> None:
    intervals = [predict(points(RISING), [2048], level=level)[0] for level in (0.95, 0.9, 0.8, 0.5)]
    for outer, inner in itertools.pairwise(intervals):
        assert outer.low <= inner.low < inner.value < inner.high <= outer.high
    assert intervals[0].high - intervals[0].low > intervals[-1].high - intervals[-1].low


def test_between_calibrated_factors_the_width_lies_between() -> None:
    two, three, four = predict(points(RISING), [1024, 1536, 2048])
    assert two.high - two.low < three.high - three.low < four.high - four.low


def test_seeds_are_averaged_in_any_order() -> None:
    several = [*points({n: s - 0.01 for n, s in RISING.items()}), *points({n: s + 0.01 for n, s in RISING.items()}, 1)]
    expected = predict(points(RISING), [1024])[0]
    for order in (several, several[::-1]):
        found = predict(order, [1024])[0]
        assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


@pytest.mark.parametrize(
    ("scores", "size", "reason"),
    [
        ({}, 100, "0 train sizes were measured, and a curve takes 3"),
        ({64: 0.5, 128: 0.6}, 256, "2 train sizes were measured, and a curve takes 3"),
        (RISING, 512, "512 rows are not beyond the largest probe of 512"),
        (RISING, 100, "100 rows are not beyond"),
        (RISING, 4097, "4,097 rows are 8.0 times the largest probe, and how far off"),
    ],
)
def test_what_cannot_be_told_has_a_reason(scores: dict[int, float], size: int, reason: str) -> None:
    [made] = predict(points(scores), [size])
    assert made.value is made.low is made.high is made.family is None
    assert reason in made.why_not


def test_two_seeds_at_two_sizes_are_two_sizes() -> None:
    four = [*points({64: 0.5, 128: 0.6}), *points({64: 0.55, 128: 0.65}, 1)]
    assert predict(four, [256])[0].value is None


@pytest.mark.parametrize(
    ("scores", "kind", "level", "said"),
    [
        ({64: 1.2}, "accuracy", 0.8, "an accuracy of 1.2 was given"),
        ({64: -0.1}, "accuracy", 0.8, "an accuracy of -0.1 was given"),
        ({64: 0.0}, "loss", 0.8, "a loss of 0 was given"),
        ({64: float("inf")}, "loss", 0.8, "finite"),
        (RISING, "accuracy", 0.7, "calibrated for 0.5, 0.8, 0.9, 0.95"),
    ],
)
def test_what_is_no_score_or_no_level_is_refused(scores: dict[int, float], kind: Kind, level: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        predict(points(scores), [1024], kind, level)


def test_a_perfect_score_stays_one() -> None:
    [at] = predict(points(dict.fromkeys((64, 128, 256), 1.0)), [2048])
    assert at.value == pytest.approx(1, abs=2e-3)
    assert at.low <= at.value <= at.high <= 1


def test_a_falling_accuracy_does_not_fall_below_chance() -> None:
    falling = points({64: 0.60, 128: 0.55, 256: 0.51})
    free, bound = predict(falling, [2048])[0], predict(falling, [2048], chance=0.5)[0]
    assert free.low < 0.5 <= bound.low <= bound.value <= bound.high


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=7),
    st.floats(1.01, 8),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_any_curve_of_accuracies_has_a_prediction_within_its_bounds(
    scores: list[float], factor: float, level: float
) -> None:
    known = {32 << k: score for k, score in enumerate(scores)}
    target = max(int(factor * max(known)), max(known) + 1)
    [at] = predict(points(known), [target], level=level)
    assert 0 <= at.low <= at.value <= at.high <= 1


def test_the_documents_come_back_from_json() -> None:
    curve = Curve(points=tuple(points(RISING)), chance=0.25)
    assert Curve.model_validate_json(curve.model_dump_json()) == curve
    for made in curve.predict([1024, 10**6]):
        assert Prediction.model_validate_json(made.model_dump_json()) == made


def test_the_shipped_table_has_every_kind_and_widens() -> None:
    table = calibration()
    assert set(table) == {"accuracy", "loss"}
    for levels in table.values():
        for factor in ("2", "4", "8"):
            widths = [levels[level][factor] for level in ("0.5", "0.8", "0.9", "0.95")]
            assert 0 < widths[0] < widths[-1]
            assert widths == sorted(widths)
