"""Statistics: scores as scikit-learn's, bounds that hold what they promise, Holm, Wilson, detectable differences."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score

from probes.statistics import Comparison, compare, holm_levels, resampled_scores, rows_to_settle, score, wilson

Array = NDArray[np.int64]


@pytest.mark.parametrize("classes", [2, 3, 20])
@pytest.mark.parametrize("rows", [1, 7, 200])
def test_scores_are_those_of_scikit_learn(classes: int, rows: int) -> None:
    rng = np.random.default_rng(classes * rows)
    labels, predictions = rng.integers(classes, size=rows), rng.integers(classes, size=rows)
    assert score("accuracy", labels, predictions) == pytest.approx(accuracy_score(labels, predictions))
    assert score("macro_f1", labels, predictions) == pytest.approx(f1_score(labels, predictions, average="macro"))


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_weights_count_rows_as_often_as_they_were_drawn(metric: str) -> None:
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(4, size=30), rng.integers(4, size=30)
    weights = rng.multinomial(30, np.full(30, 1 / 30), size=20).astype(np.float32)
    scores = resampled_scores(metric, labels, predictions, weights)  # type: ignore[arg-type]
    for weight, got in zip(weights, scores, strict=True):
        drawn = np.repeat(np.arange(30), weight.astype(int))
        assert got == pytest.approx(score(metric, labels[drawn], predictions[drawn]))  # type: ignore[arg-type]


def judge(labels: Array, predictions: list[Array], tolerance: float = 0.01, **more: int) -> list[Comparison]:
    return compare("accuracy", labels, [[p] for p in predictions], tolerance, **({"resamples": 400} | more))


def agreeing(rng: np.random.Generator, rows: int, only_first: float, only_second: float) -> list[Array]:
    """Predictions of two candidates where 0 is right; the first is right alone as often as said, and the second."""
    draw = rng.random(rows)
    both_wrong = rng.random(rows) < 0.2
    first = np.where(draw < only_second, 1, np.where(draw < only_second + only_first, 0, both_wrong)).astype(np.int64)
    second = np.where(draw < only_second, 0, np.where(draw < only_second + only_first, 1, both_wrong)).astype(np.int64)
    return [first, second]


def test_identical_candidates_differ_by_nothing_and_are_confirmed() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=40)
    predictions = np.where(rng.random(40) < 0.6, labels, 0)
    for comparison in judge(labels, [predictions] * 3, tolerance=0.01):
        assert (comparison.delta.low, comparison.delta.mean, comparison.delta.high) == (0, 0, 0)
        assert comparison.confirmed
        assert not comparison.refuted
        assert comparison.disagreement == 0


def test_a_clearly_worse_candidate_is_refuted_and_a_clearly_equal_one_confirmed() -> None:
    rng = np.random.default_rng(1)
    labels = np.zeros(3_000, np.int64)
    best, equal = agreeing(rng, 3_000, 0.01, 0.01)
    worse = np.where(rng.random(3_000) < 0.1, 1, best)
    verdicts = judge(labels, [best, equal, worse], tolerance=0.02)
    assert [c.confirmed for c in verdicts] == [True, True, False]
    assert [c.refuted for c in verdicts] == [False, False, True]
    assert verdicts[2].delta.high < -0.02 < min(verdicts[0].delta.low, verdicts[1].delta.low)


def test_few_rows_decide_nothing_between_near_candidates() -> None:
    rng = np.random.default_rng(2)
    labels = np.zeros(100, np.int64)
    for comparison in judge(labels, agreeing(rng, 100, 0.15, 0.13)):
        assert not comparison.refuted
        assert not comparison.confirmed


def test_a_candidate_alone_is_the_best() -> None:
    (alone,) = judge(np.array([0, 1, 1, 0]), [np.array([0, 1, 0, 0])])
    assert alone.confirmed
    assert alone.delta.mean == 0
    assert alone.score.mean == 0.75


@pytest.mark.parametrize(("rows", "others"), [(120, 0), (120, 2), (300, 0)])
def test_at_the_edge_of_the_tolerance_both_errors_stay_at_five_percent(rows: int, others: int) -> None:
    """True difference exactly the tolerance: CONFIRMED and REFUTED are both wrong, each in 5 % of worlds at most."""
    tolerance, worlds = 0.05, 300
    rng = np.random.default_rng(rows + others)
    labels = np.zeros(rows, np.int64)
    confirmed = refuted = 0
    for world in range(worlds):
        best, edge = agreeing(rng, rows, 0.05 + tolerance, 0.05)
        rest = [np.where(rng.random(rows) < 0.3, 1, best) for _ in range(others)]
        verdict = judge(labels, [best, edge, *rest], tolerance, seed=world, resamples=300)[1]
        confirmed += verdict.confirmed
        refuted += verdict.refuted
    slack = 3 * (0.05 * 0.95 / worlds) ** 0.5
    assert refuted / worlds <= 0.05 + slack
    assert confirmed / worlds <= 0.05 + slack


def test_the_luck_of_having_been_the_best_is_part_of_the_bounds() -> None:
    """Among many equal candidates one looks best; the others must not be refuted for it."""
    rng = np.random.default_rng(5)
    labels = np.zeros(150, np.int64)
    worlds, wrong = 60, 0
    for world in range(worlds):
        predictions = [(rng.random(150) < 0.3).astype(np.int64) for _ in range(6)]
        wrong += any(c.refuted for c in judge(labels, predictions, 0.01, seed=world, resamples=300))
    assert wrong / worlds <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5


def test_the_same_seed_gives_the_same_bounds() -> None:
    rng = np.random.default_rng(3)
    labels = np.zeros(200, np.int64)
    predictions = agreeing(rng, 200, 0.1, 0.08)
    assert judge(labels, predictions, seed=1) == judge(labels, predictions, seed=1)
    assert judge(labels, predictions, seed=1) != judge(labels, predictions, seed=2)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_bounds_are_those_of_drawing_row_by_row(metric: str) -> None:
    """Rows that look alike are drawn together, which must change nothing but the time it takes."""
    rng = np.random.default_rng(6)
    labels = rng.integers(3, size=150)
    right = [rng.random(150) < share for share in (0.85, 0.8, 0.6)]
    predictions = [np.where(hit, labels, rng.integers(3, size=150)) for hit in right]
    weights = rng.multinomial(150, np.full(150, 1 / 150), size=20_000).astype(np.float32)
    drawn = np.stack([resampled_scores(metric, labels, p, weights) for p in predictions])  # type: ignore[arg-type]
    worse = (drawn - drawn.max(axis=0) < -0.1 - 1e-9).mean(axis=1)
    found = compare(metric, labels, [[p] for p in predictions], 0.1, resamples=20_000)  # type: ignore[arg-type]
    assert [c.p_not_worse for c in found] == pytest.approx(list(worse), abs=0.015)
    if metric == "macro_f1":
        low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
        assert [c.score.low for c in found] == pytest.approx(list(low), abs=0.01)
        assert [c.score.high for c in found] == pytest.approx(list(high), abs=0.01)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_many_test_rows_are_compared_in_seconds(metric: str) -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(50, size=200_000)
    predictions = [[np.where(rng.random(200_000) < p, labels, (labels + 1) % 50)] for p in (0.8, 0.9, 0.85, 0.7)]
    start = time.monotonic()
    found = compare(metric, labels, predictions, 0.01)  # type: ignore[arg-type]
    assert time.monotonic() - start < 10
    assert [c.confirmed for c in found] == [False, True, False, False]
    assert [c.refuted for c in found] == [True, False, True, True]


def test_several_seeds_widen_the_bounds() -> None:
    rng = np.random.default_rng(4)
    labels = np.zeros(500, np.int64)
    steady, other = agreeing(rng, 500, 0.08, 0.05)
    poor = np.where(rng.random(500) < 0.2, 1, other)
    _, one = compare("accuracy", labels, [[steady], [other]], 0.01, resamples=500)
    _, two = compare("accuracy", labels, [[steady], [other, poor]], 0.01, resamples=500)
    assert two.score.mean == pytest.approx((1 - other.mean() + 1 - poor.mean()) / 2)
    assert two.delta.high - two.delta.low > one.delta.high - one.delta.low
    assert two.score.high - two.score.low > one.score.high - one.score.low


def test_margin_and_disagreement_are_against_the_strongest_rival() -> None:
    labels = np.zeros(10, np.int64)
    a, b, c = (np.array([1] * wrong + [0] * (10 - wrong)) for wrong in (1, 3, 6))
    first, second, third = judge(labels, [a, b, c], tolerance=0.1)
    assert [round(x.margin, 6) for x in (first, second, third)] == [0.3, -0.1, -0.4]
    assert [round(x.disagreement, 6) for x in (first, second, third)] == [0.2, 0.2, 0.5]
    assert [round(x.delta.mean, 6) for x in (first, second, third)] == [0, -0.2, -0.5]


@pytest.mark.parametrize(
    ("p_values", "levels"),
    [
        ([0.03], [0.05]),
        ([0.2, 0.9], [0.025, 0.025]),
        ([0.01, 0.9], [0.025, 0.05]),
        ([0.01, 0.045, 0.03], [0.05 / 3, 0.025, 0.025]),  # .03 fails at .025, so .045 is not tested at .05
        ([0.9, 0.01, 0.02], [0.05, 0.05 / 3, 0.025]),
    ],
)
def test_holm_steps_down_and_stops(p_values: list[float], levels: list[float]) -> None:
    assert holm_levels(p_values) == pytest.approx(levels)


def test_holm_rejects_what_its_definition_rejects() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.uniform(0, 0.1, size=rng.integers(1, 7))
        expected, order = np.zeros(len(p), bool), np.argsort(p)
        for rank, i in enumerate(order):
            if p[i] > 0.05 / (len(p) - rank):
                break
            expected[i] = True
        rejected = [bool(a <= b) for a, b in zip(p, holm_levels(list(p)), strict=True)]
        assert rejected == list(expected)


@pytest.mark.parametrize(
    ("share", "rows", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.9, 1_000, 0.8799, 0.9171)],
)
def test_wilson_gives_the_published_values(share: float, rows: int, low: float, high: float) -> None:
    assert wilson(share, rows) == pytest.approx((low, high), abs=1e-4)


def test_more_disagreement_and_smaller_differences_need_more_rows() -> None:
    by_difference = [rows_to_settle(0.1, d) for d in (0.08, 0.04, 0.02, 0.01, 0.001, 0.0)]
    assert by_difference == sorted(by_difference)
    by_disagreement = [rows_to_settle(q, 0.02) for q in (0.0, 0.02, 0.05, 0.1, 0.5)]
    assert by_disagreement == sorted(by_disagreement)
    assert rows_to_settle(0.1, -0.02) == rows_to_settle(0.1, 0.02)


def test_the_rows_said_to_settle_do_settle_in_four_of_five_worlds() -> None:
    q, d, tolerance = 0.1, 0.05, 0.03  # truth lies 2 points beyond the tolerance
    rows = rows_to_settle(q, d - tolerance)
    rng = np.random.default_rng(0)
    labels = np.zeros(rows, np.int64)
    refuted = 0
    for world in range(40):
        pair = agreeing(rng, rows, (q + d) / 2, (q - d) / 2)
        refuted += judge(labels, pair, tolerance, seed=world, resamples=200)[1].refuted
    assert 0.6 <= refuted / 40 <= 0.97
