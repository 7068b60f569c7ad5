"""Learning curves: families find their own curves, predictions keep their bounds, and what cannot be told is not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.curve_families import FAMILIES
from probes.curve_prior import MECHANISMS, Mechanism
from probes.extrapolation import BLEND, Kind, leverage, mean_of_families
from probes.learning_curve import (
    COMPANIES,
    Curve,
    Point,
    Prediction,
    calibration,
    calibration_by_mechanism,
    predict,
    prior,
)

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
        # Recorded accuracies mostly fall less steeply than this one, and have half a say.
        assert at.value == pytest.approx(score(at.size), rel=0.01 if kind == "loss" else 0.05)
        assert at.low < score(at.size) < at.high
        assert at.family is not None
        assert at.family.startswith(f"mean of {', '.join(BLEND)}")
        assert ("recorded curves" in at.family) == (kind == "accuracy")
        assert not at.why_not
    relative = [(at.high - at.low) / (at.value if kind == "loss" else 1 - at.value) for at in made]
    assert relative == sorted(relative)


def test_the_interval_is_wider_where_the_families_disagree() -> None:
    """The same last slope, after a curve that was straight and after one that was not."""
    straight = predict(points({64: 0.36, 128: 0.28, 256: 0.22, 512: 0.17}), [4096], "loss")[0]
    bent = predict(points({64: 0.90, 128: 0.50, 256: 0.22, 512: 0.17}), [4096], "loss")[0]
    assert bent.high - bent.low > 1.5 * (straight.high - straight.low)


@pytest.mark.parametrize("sizes", [1, 2])
@pytest.mark.parametrize("mechanism", [None, "bag_of_words", "frozen_features", "tuning"])
def test_one_size_or_two_are_continued_as_recorded_curves_went(sizes: int, mechanism: Mechanism | None) -> None:
    known = dict(list(RISING.items())[-sizes:])
    curve = Curve(points=tuple(points(known)), mechanism=mechanism, test_rows=2_000)
    near, far = curve.predict([1024, 2048])
    assert near.family == far.family == "recorded curves"
    assert known[512] < near.value < far.value
    assert near.low < near.value < near.high
    assert far.high - far.low > near.high - near.low
    # One size more, of the same slope, makes it surer.
    if sizes == 1:
        more = Curve(points=(*curve.points, Point(size=256, score=0.81)), mechanism=mechanism, test_rows=2_000)
        assert more.predict([2048])[0].high - more.predict([2048])[0].low < far.high - far.low


def test_one_size_falls_by_the_typical_slope_of_its_mechanism() -> None:
    for mechanism, slope in prior().slopes.items():
        [at] = Curve(points=(Point(size=1_000, score=0.8),), mechanism=mechanism).predict([4_000])
        assert 1 - at.value == pytest.approx(0.2 * np.exp(2 * slope), rel=1e-6)


def test_a_curve_of_its_own_slope_is_believed_the_more_the_more_sizes_it_has() -> None:
    """A steep one, in sizes that are added at its beginning: the last point and its slope stay."""
    steep = [1 - 0.9 * 0.6**k for k in range(5)]
    truth = 1 - 0.9 * 0.6**6
    off = []
    for first in (4, 3, 0):
        known = points({32 << k: score for k, score in enumerate(steep) if k >= first})
        off.append(abs(Curve(points=tuple(known), test_rows=2_000).predict([32 << 6])[0].value - truth))
    assert off == sorted(off, reverse=True)
    assert off[-1] < off[0] / 2


FELLOW = Curve(points=tuple(points({256: 0.6, 512: 0.7, 1024: 0.8})), mechanism="bag_of_words", test_rows=2_000)
"""Its error falls by half over two doublings."""


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_another_curve_on_the_same_data_makes_it_surer_and_steeper(mechanism: Mechanism) -> None:
    """The farther the other was measured, the surer; its level tells nothing."""
    own = Curve(points=(Point(size=256, score=0.8),), mechanism=mechanism, test_rows=2_000)
    higher = FELLOW.model_copy(
        update={"points": tuple(Point(size=p.size, score=1 - (1 - p.score) / 4) for p in FELLOW.points)}
    )
    made = []
    for fellows in ((), (FELLOW,), (higher,)):
        beside = own.model_copy(update={"fellows": fellows})
        made.append(beside.predict([1_024])[0])
        assert "other candidates" in (made[-1].family or "") or not fellows
    alone, ahead, level = made
    assert alone.value < ahead.value < 1 - 0.2 * 0.4
    assert ahead.high - ahead.low < (alone.high - alone.low) / 2
    assert level.value == pytest.approx(ahead.value, abs=0.01)
    [beyond] = own.model_copy(update={"fellows": (FELLOW,)}).predict([2_048])
    assert ahead.value < beyond.value
    assert ahead.high - ahead.low < beyond.high - beyond.low


def half_width(own: Curve, *fellows: Curve, level: float = 0.9) -> float:
    [at] = own.model_copy(update={"fellows": fellows}).predict([1_500], level)
    return float(at.high - at.low)


@pytest.mark.parametrize(
    "fellow",
    [
        pytest.param({480: 0.7, 500: 0.7}, id="two sizes that are nearly one"),
        pytest.param({250: 1.0, 500: 1.0}, id="no error left, on few test rows"),
        pytest.param({8: 0.3, 16: 0.4}, id="measured on far fewer rows"),
    ],
)
def test_others_that_tell_next_to_nothing_leave_the_interval_nearly_as_wide(fellow: dict[int, float]) -> None:
    """However many: widths where others are known must not be taken for them."""
    own = Curve(points=(Point(size=500, score=0.8),), mechanism="tuning", test_rows=200)
    other = Curve(points=tuple(points(fellow)), mechanism="bag_of_words", test_rows=200)
    telling = Curve(points=tuple(points({250: 0.7, 500: 0.75})), mechanism="bag_of_words", test_rows=2_000)
    alone = half_width(own)
    assert half_width(own, telling) < 0.65 * alone
    assert half_width(own, other) > 0.8 * alone
    assert half_width(own, other, other) > 0.75 * alone


def test_the_fewer_test_rows_others_have_the_less_they_tell() -> None:
    own = Curve(points=(Point(size=500, score=0.8),), mechanism="tuning", test_rows=2_000)
    telling = Curve(points=tuple(points({250: 0.7, 500: 0.75})), mechanism="bag_of_words")
    widths = [half_width(own, telling.model_copy(update={"test_rows": rows})) for rows in (10_000, 500, 50, 5)]
    assert widths == sorted(widths)
    assert widths[-1] < half_width(own)


def test_one_size_of_another_tells_nothing() -> None:
    own = Curve(points=(Point(size=256, score=0.8),), mechanism="frozen_features")
    other = Curve(points=(Point(size=1_024, score=0.8), Point(size=1_024, score=0.81, seed=1)), mechanism="tuning")
    assert own.model_copy(update={"fellows": (other,)}).predict([1_024]) == own.predict([1_024])


def test_others_are_not_asked_where_it_is_not_known_what_learned() -> None:
    own = Curve(points=(Point(size=256, score=0.8),))
    assert own.model_copy(update={"fellows": (FELLOW,)}).predict([1_024]) == own.predict([1_024])


@pytest.mark.parametrize(
    "fellow",
    [
        Curve(points=tuple(points(RISING))),
        Curve(points=(), mechanism="tuning"),
        Curve(points=tuple(points(RISING)), kind="loss", mechanism="tuning"),
    ],
    ids=["no mechanism", "no points", "losses"],
)
def test_a_fellow_that_could_tell_nothing_is_refused(fellow: Curve) -> None:
    with pytest.raises(ValueError, match="it would tell nothing"):
        Curve(points=tuple(points(RISING)), mechanism="tuning", fellows=(fellow,))


def test_noisy_points_are_believed_less() -> None:
    """Of a slope seen on few test rows less is believed than of the same slope on many."""
    known = tuple(points({512: 0.7, 1024: 0.8}))
    few, many = (Curve(points=known, test_rows=rows).predict([4096])[0] for rows in (50, 5_000))
    assert few.value < many.value
    assert few.high - few.low > many.high - many.low
    seeds = Curve(points=(*known, *points({512: 0.7, 1024: 0.8}, 1)), test_rows=50).predict([4096])[0]
    assert few.value < seeds.value < many.value


@pytest.mark.parametrize("sizes", [1, 2, 3])
def test_an_interval_holds_also_where_test_rows_are_few(sizes: int) -> None:
    """Curves of the typical slope, seen through the noise of 60 test rows and of 2,000: it is asked what these show."""
    draw, slope, share = np.random.default_rng(0), prior().slope("bag_of_words"), {}
    for rows in (60, 2_000):
        held = []
        for _ in range(200):
            error = draw.uniform(0.1, 0.4) * np.exp(slope * np.arange(4))
            noise = prior().test_noise * np.sqrt(error * (1 - error) / rows)
            seen = np.clip(1 - error + noise * draw.normal(size=4), 0, 1)
            known = tuple(points({64 << k: float(seen[k]) for k in range(3 - sizes, 3)}))
            [at] = Curve(points=known, mechanism="bag_of_words", test_rows=rows).predict([512])
            held.append(at.low <= seen[3] <= at.high)
        share[rows] = np.mean(held)
    assert share[60] >= 0.75
    # What makes recorded curves wander is not in these: with many rows little is left to miss.
    assert share[2_000] >= share[60]


def test_power_laws_carry_the_noise_of_their_points_on() -> None:
    """Whatever straight lines through noise do at the targets, the leverages say how far that scatters."""
    draw, sizes, targets = np.random.default_rng(0), SIZES[:4], np.array([1024.0, 4096.0])
    noise = np.array([0.01, 0.02, 0.01, 0.03]) ** 2
    logs = np.log(0.3) + np.sqrt(noise) * draw.normal(size=(4_000, 4))
    ends = [mean_of_families(sizes, np.exp(own), targets) for own in logs]
    assert np.var(ends, axis=0) == pytest.approx(noise @ leverage(sizes, targets), rel=0.08)


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
    for kind in ("loss", "accuracy"):
        one, two = (predict(order, [1024], kind)[0] for order in (several, several[::-1]))
        single = predict(points(RISING), [1024], kind)[0]
        assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high))
        assert one.value == pytest.approx(single.value, abs=1e-6 if kind == "loss" else 0.002)
        if kind == "accuracy":  # the mean of two is surer than one
            assert one.high - one.low < single.high - single.low


@pytest.mark.parametrize(
    ("scores", "size", "reason"),
    [
        ({}, 100, "0 train sizes were measured, and a curve of this kind takes 1"),
        (RISING, 512, "512 rows are not beyond the largest probe of 512"),
        (RISING, 100, "100 rows are not beyond"),
        (RISING, 8193, "8,193 rows are 16.0 times the largest probe, and how far off"),
    ],
)
def test_what_cannot_be_told_has_a_reason(scores: dict[int, float], size: int, reason: str) -> None:
    [made] = predict(points(scores), [size])
    assert made.value is made.low is made.high is made.family is None
    assert reason in made.why_not


@pytest.mark.parametrize(
    ("largest", "test_rows", "reason"),
    [
        (64, 50, ""),
        (63, 50, "it learned from 63 rows, and curves were recorded from 64 on"),
        (64, 49, "49 test rows say too little of a score, 50 were seen to be enough"),
    ],
)
def test_nothing_is_told_of_fewer_rows_than_were_looked_at(largest: int, test_rows: int, reason: str) -> None:
    [made] = Curve(points=tuple(points({largest: 0.7})), test_rows=test_rows).predict([4 * largest])
    assert (made.value is None) == bool(reason)
    assert made.why_not == reason


def test_two_seeds_at_two_sizes_are_two_sizes() -> None:
    four = [*points({64: 0.5, 128: 0.6}), *points({64: 0.55, 128: 0.65}, 1)]
    [at] = predict(four, [256], "loss")
    assert at.value is at.low is at.high is at.family is None
    assert at.why_not == "2 train sizes were measured, and a curve of this kind takes 3"


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


def test_a_perfect_score_on_few_test_rows_is_no_perfect_score() -> None:
    few, many = (Curve(points=tuple(points({256: 1.0})), test_rows=rows).predict([512])[0] for rows in (50, 5_000))
    assert few.value < 0.995 < many.value
    assert few.low < many.low
    assert few.low < 1 - 1 / 50


def test_a_falling_accuracy_does_not_fall_below_chance() -> None:
    falling = points({64: 0.60, 128: 0.55, 256: 0.51})
    free, bound = predict(falling, [2048])[0], predict(falling, [2048], chance=0.5)[0]
    assert free.low < 0.5 <= bound.low <= bound.value <= bound.high


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=7),
    st.floats(1.01, 16),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_any_curve_of_accuracies_has_a_prediction_within_its_bounds(
    scores: list[float], factor: float, level: float
) -> None:
    known = {64 << k: score for k, score in enumerate(scores)}
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
    assert (set(table["accuracy"]), set(table["loss"])) == ({"1", "2", "3"}, {"3"})
    tables = [
        *table.values(),
        *(own for companies in calibration_by_mechanism().values() for own in companies.values()),
    ]
    assert len(tables) == 2 + len(MECHANISMS) * len(COMPANIES)
    for levels in (levels for known in tables for levels in known.values()):
        for factor in ("2", "4", "8", "16"):
            widths = [levels[level][factor] for level in ("0.5", "0.8", "0.9", "0.95")]
            assert 0 < widths[0] < widths[-1]
            assert widths == sorted(widths)
