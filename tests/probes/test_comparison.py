"""Comparison with the best: verdicts that err as seldom as they promise, on rows, seeds and several candidates."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multinomial

from probes.comparison import Comparison, compare
from probes.paired import SEED_SPREAD
from probes.statistics import wilson

Array = NDArray[np.int64]


def judge(labels: Array, predictions: list[Array], tolerance: float = 0.01) -> list[Comparison]:
    return compare("accuracy", labels, [[p] for p in predictions], tolerance)


def agreeing(rng: np.random.Generator, rows: int, only_first: float, only_second: float) -> list[Array]:
    """Predictions of two candidates where 0 is right; the first is right alone as often as said, and the second."""
    draw = rng.random(rows)
    both_wrong = rng.random(rows) < 0.2
    first = np.where(draw < only_second, 1, np.where(draw < only_second + only_first, 0, both_wrong)).astype(np.int64)
    second = np.where(draw < only_second, 0, np.where(draw < only_second + only_first, 1, both_wrong)).astype(np.int64)
    return [first, second]


def test_identical_candidates_differ_by_nothing_and_are_confirmed_once_rows_are_many() -> None:
    """Agreeing on 100 rows does not show that they agree on 99 % of all: 0.99¹⁰⁰ is 37 %."""
    rng = np.random.default_rng(0)
    for rows, shown in ((100, False), (1_000, True)):
        labels = rng.integers(3, size=rows)
        predictions = np.where(rng.random(rows) < 0.6, labels, 0)
        for comparison in judge(labels, [predictions] * 3, tolerance=0.01):
            assert comparison.delta.mean == comparison.delta.high == 0
            assert comparison.confirmed is shown
            assert not comparison.refuted


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


@pytest.mark.parametrize("tolerance", [0.0, 0.03, 0.1])
def test_two_single_runs_err_in_five_percent_of_worlds_at_most(tolerance: float) -> None:
    """Exact: every outcome of few rows, weighed by its probability at the edge, whatever share of rows disagrees."""
    rows = 30
    labels = np.zeros(rows, np.int64)
    outcomes, verdicts = [], []
    for gained in range(rows + 1):
        for lost in range(min(rows - gained, 22) + 1):
            first = np.repeat([0, 1, 0], [gained, lost, rows - gained - lost])
            second = np.repeat([1, 0, 0], [gained, lost, rows - gained - lost])
            comparison = judge(labels, [first, second], tolerance)[0]
            outcomes.append((gained, lost, rows - gained - lost))
            verdicts.append((comparison.confirmed, comparison.refuted))
    for disagreement in np.linspace(tolerance + 1e-6, 0.5, 15):
        shares = [(disagreement - tolerance) / 2, (disagreement + tolerance) / 2, 1 - disagreement]
        chance = multinomial.pmf(outcomes, rows, shares)
        assert chance.sum() > 0.99
        confirmed, refuted = chance @ np.array(verdicts)
        assert confirmed <= 0.05
        assert refuted <= 0.05


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.012), (3, 0.03), (5, 0.03)])
def test_the_chance_of_seeds_is_part_of_the_bounds(seeds: int, spread: float) -> None:
    """At the edge both verdicts are wrong; so many rows that seeds alone decide."""
    worlds, rows, tolerance = 400, 2_000, 0.01
    rng = np.random.default_rng(seeds)
    labels = np.zeros(rows, np.int64)
    wrong = np.zeros(2)
    for _ in range(worlds):
        level = rng.random(rows)
        runs = [
            [(level > rng.normal(truth, spread)).astype(np.int64) for _ in range(seeds)]
            for truth in (0.85, 0.85 - tolerance)
        ]
        edge = compare("accuracy", labels, runs, tolerance, seeded=[True, True])[1]
        wrong += edge.confirmed, edge.refuted
    assert (wrong / worlds <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5).all()


def test_one_seed_is_no_proof_where_another_gives_another_result() -> None:
    rng = np.random.default_rng(4)
    labels = np.zeros(5_000, np.int64)
    first, second = agreeing(rng, 5_000, 0.02, 0.01)
    fixed = compare("accuracy", labels, [[first], [second]], 0.03, seeded=[False, False])
    seeded = compare("accuracy", labels, [[first], [second]], 0.03, seeded=[True, True])
    assert [c.confirmed for c in fixed] == [True, True]
    assert [c.confirmed for c in seeded] == [False, False]
    for known, guessed in zip(fixed, seeded, strict=True):
        assert known.score.mean == guessed.score.mean
        assert guessed.score.low < known.score.low < known.score.high < guessed.score.high


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("fixed", [False, True], ids=["both depend on seeds", "one does"])
def test_few_seeds_prove_nothing_where_seeds_lie_far_apart(seeds: int, fixed: bool) -> None:
    """Right at the edge, seeds .025 and, of two, .03 apart: each wrong verdict comes in 5 % of worlds at most."""
    worlds, rows, truth, tolerance, spread = 300, 4_000, 0.85, 0.01, 0.025 if seeds == 1 else 0.03
    rng = np.random.default_rng(seeds)
    labels = np.zeros(rows, np.int64)
    wrong = np.zeros(2)
    for _ in range(worlds):
        level = rng.random(rows)
        best = [truth] if fixed else rng.normal(truth, spread, size=seeds)
        runs = [[(level > share).astype(np.int64) for share in best]]
        runs += [[(level > share).astype(np.int64) for share in rng.normal(truth - tolerance, spread, size=seeds)]]
        edge = compare("accuracy", labels, runs, tolerance, seeded=[not fixed, True])[1]
        wrong += edge.confirmed, edge.refuted
    assert (wrong / worlds <= 0.05).all()


def test_a_third_seed_proves_what_two_do_not() -> None:
    rng = np.random.default_rng(8)
    level = rng.random(4_000)
    one, other = ((level > share).astype(np.int64) for share in (0.86, 0.81))
    found = [
        compare("accuracy", np.zeros(4_000, np.int64), [[one] * seeds, [other] * seeds], 0.01, seeded=[True, True])[1]
        for seeds in (1, 2, 3)
    ]
    assert [second.refuted for second in found] == [False, False, True]


def test_the_score_of_one_run_that_no_seed_changes_has_wilsons_interval() -> None:
    rng = np.random.default_rng(6)
    runs = [[(rng.random(500) < wrong).astype(np.int64)] for wrong in (0.1, 0.3)]
    for found in compare("accuracy", np.zeros(500, np.int64), runs, 0.01, seeded=[False, False]):
        assert (found.score.low, found.score.high) == wilson(found.score.mean, 500)
        assert found.seed_variance == 0


@pytest.mark.parametrize("rows", [1_000, 4_000])
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_of_a_score_holds_a_target_right_at_it(rows: int, seeds: int) -> None:
    """Seeds lie as far apart as is promised; the target lies below or above the interval in 5 % of worlds at most."""
    worlds, truth, spread = 400, 0.85, 0.025 if seeds == 1 else SEED_SPREAD * (0.85 * 0.15) ** 0.5
    rng = np.random.default_rng(rows + seeds)
    labels = np.zeros(rows, np.int64)
    wrong = np.zeros(2)
    for _ in range(worlds):
        level = rng.random(rows)
        shares = rng.normal(truth, spread, size=seeds)
        runs = [(level > share).astype(np.int64) for share in shares]
        (alone,) = compare("accuracy", labels, [runs], 0.01, seeded=[True])
        wrong += alone.score.low >= truth, alone.score.high < truth
    assert (wrong / worlds <= 0.05).all()


def test_bounds_and_verdicts_say_the_same() -> None:
    rng = np.random.default_rng(9)
    labels = np.zeros(400, np.int64)
    seen = set()
    for _ in range(60):
        runs = [(rng.random(400) < wrong).astype(np.int64) for wrong in rng.uniform(0.05, 0.2, size=4)]
        for comparison in judge(labels, runs, tolerance=0.06):
            assert comparison.confirmed == (comparison.delta.low > -0.06)
            assert comparison.refuted == (comparison.delta.high < -0.06)
            seen.add((comparison.confirmed, comparison.refuted))
    assert seen == {(True, False), (False, True), (False, False)}


def test_the_luck_of_having_been_the_best_is_part_of_the_bounds() -> None:
    """Among many equal candidates one looks best; the others must not be refuted for it."""
    rng = np.random.default_rng(5)
    labels = np.zeros(150, np.int64)
    worlds, wrong = 200, 0
    for _ in range(worlds):
        predictions = [(rng.random(150) < 0.3).astype(np.int64) for _ in range(6)]
        wrong += any(c.refuted for c in judge(labels, predictions, 0.01))
    assert wrong / worlds <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5


def test_the_same_seed_gives_the_same_bounds() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(3, size=200)
    predictions = [[np.where(rng.random(200) < share, labels, 0)] for share in (0.6, 0.65)]
    one, again, other = (compare("macro_f1", labels, predictions, 0.01, seed=seed) for seed in (1, 1, 2))
    assert one == again != other


def test_macro_f1_and_accuracy_agree_where_classes_are_balanced() -> None:
    """With errors spread evenly both measure the same, so that bootstrap and formula must give about the same."""
    rng = np.random.default_rng(8)
    labels = np.arange(2_000) % 2
    runs = [[np.where(rng.random(2_000) < share, labels, 1 - labels)] for share in (0.9, 0.85)]
    for one, other in zip(*(compare(m, labels, runs, 0.01) for m in ("accuracy", "macro_f1")), strict=True):
        assert one.delta.low == pytest.approx(other.delta.low, abs=0.003)
        assert one.delta.high == pytest.approx(other.delta.high, abs=0.003)
        assert one.score.low == pytest.approx(other.score.low, abs=0.003)


def test_identical_predictions_on_few_rows_prove_nothing_by_macro_f1_either() -> None:
    labels = np.arange(100) % 5
    for comparison in compare("macro_f1", labels, [[labels], [labels]], 0.01):
        assert not comparison.confirmed


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


def test_seeds_that_differ_widen_the_bounds() -> None:
    rng = np.random.default_rng(4)
    labels = np.zeros(500, np.int64)
    steady, other = agreeing(rng, 500, 0.08, 0.05)
    poor = np.where(rng.random(500) < 0.2, 1, other)
    _, alike = compare("accuracy", labels, [[steady], [other, other]], 0.01)
    _, apart = compare("accuracy", labels, [[steady], [other, poor]], 0.01)
    assert apart.score.mean == pytest.approx((1 - other.mean() + 1 - poor.mean()) / 2)
    assert apart.delta.high - apart.delta.low > alike.delta.high - alike.delta.low
    assert apart.score.high - apart.score.low > alike.score.high - alike.score.low


def test_the_variance_of_a_score_on_a_row_is_that_of_its_metric() -> None:
    """Few rows of one class make macro-F1 far less certain than as many rows right and wrong make a share."""
    labels = np.array([1] * 20 + [0] * 980)
    own = labels.copy()
    own[[0, 1, 2, 3, 4, 5, 30, 31, 32, 33]] ^= 1
    (share,) = compare("accuracy", labels, [[own]], 0.01)
    assert share.row_variance == pytest.approx(0.99 * 0.01)
    (f1,) = compare("macro_f1", labels, [[own]], 0.01)
    normal = 1.96 * math.sqrt(f1.row_variance / len(labels))
    assert (f1.score.high - f1.score.low) / 2 == pytest.approx(normal, rel=0.1)
    assert f1.row_variance > 10 * f1.score.mean * (1 - f1.score.mean)


def test_the_gap_is_that_with_the_rival_which_decides() -> None:
    labels = np.zeros(10, np.int64)
    a, b, c = (np.array([1] * wrong + [0] * (10 - wrong)) for wrong in (1, 3, 6))
    found = judge(labels, [a, b, c], tolerance=0.1)
    assert [one.rival for one in found] == [1, 0, 0]
    assert [one.gap and round(one.gap.distance, 6) for one in found] == [0.3, -0.1, -0.4]
