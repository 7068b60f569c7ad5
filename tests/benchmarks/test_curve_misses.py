"""Predictions know nothing beyond their reach, intervals nothing of what they are tested on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import curve_fit, curve_misses
from benchmarks.curve_data import REACHES, Reach, fellows, together
from probes.extrapolation import half_width
from probes.learning_curve import Curve, calibration_by_mechanism, prior
from tests.benchmarks.made_curves import accuracy, as_points, loss

SMOOTH = [2 * (64 << k) ** -0.4 for k in range(6)]
WILD = [0.5, 0.45, 0.4, 0.01, 0.8, 0.01]


def test_a_prediction_knows_nothing_beyond_its_largest_probe() -> None:
    told = {(m.task.known, m.task.factor): m.centre for m in curve_misses.misses([loss("a", SMOOTH)])}
    assert set(told) == {(3, 2), (3, 4), (3, 8), (4, 2), (4, 4), (5, 2)}
    changed = {
        (m.task.known, m.task.factor): m.centre for m in curve_misses.misses([loss("a", [*SMOOTH[:3], 0.9, 0.8, 0.7])])
    }
    assert all(changed[task] == told[task] for task in told if task[0] == 3)
    assert changed[4, 2] != told[4, 2]


def test_what_others_do_beyond_their_reach_tells_nothing() -> None:
    own = accuracy("a", [0.5, 0.6, 0.7, 0.75])

    def told(reach: Reach, other: list[float]) -> dict[tuple[int, int, int], float]:
        curves = [own, accuracy("a", other, model="lora")]
        made = [m for m in curve_misses.misses(curves, prior(), reach) if m.curve == own]
        return {(m.task.first, m.task.end, m.task.factor): m.centre for m in made}

    steep, flat = [0.5, 0.7, 0.8, 0.9], [0.5, 0.7, 0.8, 0.8]
    beside, ahead = (
        ({task: (told(reach, steep)[task], told(reach, flat)[task]) for task in told(reach, flat)}) for reach in REACHES
    )
    assert beside[0, 3, 2][0] == beside[0, 3, 2][1]
    assert ahead[0, 3, 2][0] < ahead[0, 3, 2][1]
    assert ahead[0, 2, 2][0] == ahead[0, 2, 2][1]


@pytest.mark.parametrize("reach", REACHES)
def test_what_is_measured_is_what_ships(reach: Reach) -> None:
    """A prediction of the benchmark and that of `Curve.predict`, which takes the shipped prior and widths."""
    rising = [[0.5, 0.6, 0.7, 0.74, 0.77], [0.4, 0.55, 0.6, 0.7, 0.74], [0.6, 0.65, 0.72, 0.78, 0.8]]
    made = [
        accuracy("a", scores, model=model)
        for model, scores in zip(("baseline", "linear_probe", "lora"), rising, strict=True)
    ]
    among, seen = together(made), 0
    for miss in curve_misses.misses(made, prior(), reach):
        own, task = miss.curve, miss.task
        [at] = Curve(
            points=as_points(own, range(task.first, task.end)),
            mechanism=own.mechanism,
            test_rows=own.test_rows,
            fellows=tuple(
                Curve(points=as_points(other, places), mechanism=other.mechanism, test_rows=other.test_rows)
                for other, places in fellows(own, task, reach, among)
            ),
        ).predict([own.sizes[task.target]])
        assert at.value == pytest.approx(1 - math.exp(miss.centre))
        width = calibration_by_mechanism()[own.mechanism]["together"][str(miss.known)]["0.8"][str(task.factor)]
        assert at.low == pytest.approx(1 - math.exp(miss.centre + width * miss.spread))
        seen += 1
    assert seen > 30


@pytest.mark.parametrize("test_rows", [60, 2_000])
def test_what_is_measured_of_few_test_rows_is_what_ships(test_rows: int) -> None:
    curve = replace(accuracy("a", [0.5, 0.6, 0.7, 0.74, 0.77]), test_rows=test_rows)
    noises = set()
    for miss in curve_misses.misses([curve], prior()):
        [at] = Curve(
            points=as_points(curve, range(miss.task.first, miss.task.end)),
            mechanism=curve.mechanism,
            test_rows=test_rows,
        ).predict([curve.sizes[miss.task.target]])
        assert at.value == pytest.approx(1 - math.exp(miss.centre))
        width = calibration_by_mechanism()["bag_of_words"]["alone"][str(miss.known)]["0.8"][str(miss.task.factor)]
        assert at.low == pytest.approx(1 - math.exp(miss.centre + half_width(width, miss.spread, miss.noise, 0.8)))
        noises.add(miss.noise > 0)
    assert noises == {test_rows < 400}


def test_a_truth_within_its_multiple_lies_within_its_interval() -> None:
    curve = replace(accuracy("a", [0.5, 0.6, 0.7, 0.74, 0.77]), test_rows=60)
    for miss in curve_misses.misses([curve], prior()):
        width = miss.multiple(0.8)
        distance = abs(miss.centre - math.log(miss.truth))
        half = half_width(width, miss.spread, miss.noise, 0.8)
        # Nearer than noise reaches is inside whatever the width.
        assert half == pytest.approx(distance) if width else half >= distance


def test_an_interval_is_calibrated_without_its_own_group() -> None:
    """Nine alike, and one like none of them: only its own intervals would be wide enough for it."""
    made = curve_misses.misses([*(loss(f"smooth {k}", SMOOTH) for k in range(9)), loss("wild", WILD)])
    inside = curve_misses.held(made, lambda curve: curve.dataset, 0.8)
    assert not any(inside["wild"])
    assert all(all(own) for name, own in inside.items() if name != "wild")


def test_every_data_set_has_the_same_weight_in_a_width() -> None:
    """Eight seeds of one data set weigh no more than one of another; half a data set more is reckoned with."""
    smooth = [accuracy("smooth", [1 - value for value in SMOOTH], seed) for seed in range(8)]
    made = curve_misses.misses([*smooth, accuracy("wild", [1 - value for value in WILD])], curve_fit.START)
    far = [m for m in made if (m.known, m.task.factor) == (3, 8)]
    near, wild = (max(m.multiple(0.4) for m in far if m.curve.dataset == name) for name in ("smooth", "wild"))
    assert near < wild / 10
    assert curve_misses.quantiles(made, 0.39).by_task[3, 8] == near
    assert curve_misses.quantiles(made, 0.41).by_task[3, 8] == wild


def test_a_mechanism_that_is_predicted_badly_gets_wider_intervals_and_no_other_does() -> None:
    smooth = [1 - value for value in SMOOTH]
    well = [accuracy(f"{k}", smooth, model="linear_probe") for k in range(12)]
    made = curve_misses.misses(
        [*well, *(accuracy(f"{k}", smooth[::-1], model="lora") for k in range(2))], curve_fit.START
    )
    found = curve_misses.quantiles(made, 0.8)
    assert found.stretch["tuning"] >= 1
    assert found.stretch["frozen_features"] < found.stretch["tuning"] / 2
    tuned = [m for m in made if m.curve.model == "lora"]
    common = curve_misses.inside(tuned, curve_misses.Widths(found.by_task, {}, 0.8))
    own = curve_misses.inside(tuned, found)
    assert sum(common) < 0.8 * len(tuned) <= sum(own)


@pytest.mark.parametrize("reach", [None, *REACHES])
def test_a_data_set_held_out_teaches_nothing_about_itself(monkeypatch: pytest.MonkeyPatch, reach: Reach | None) -> None:
    """The fold of a data set stays as it is, whatever that data set's own curves look like."""
    learned = (curve_misses.typical, curve_misses.fitted, curve_misses.folds)

    def fold_of_last(last: list[float]) -> tuple[object, ...]:
        made = [
            accuracy(name, scores, model=model)
            for model in ("baseline", "lora")
            for name, scores in [
                *((f"{k}", [0.4 + k / 10, 0.5 + k / 10, 0.55 + k / 10]) for k in range(3)),
                ("z", last),
            ]
        ]
        for cached in learned:
            cached.cache_clear()
        monkeypatch.setattr(curve_misses, "accuracy_curves", lambda of="seeds": tuple(made) if of == "seeds" else ())
        fold = next(fold for fold in curve_misses.folds(reach) if fold.dataset == "z")
        assert fold.seen and fold.own
        return fold.seen, fold.widths(0.8)

    try:
        assert fold_of_last([0.1, 0.9, 0.95]) == fold_of_last([0.9, 0.2, 0.1])
    finally:
        for cached in learned:
            cached.cache_clear()


def test_an_error_is_a_share_of_a_loss_and_points_of_an_accuracy() -> None:
    [found] = curve_misses.misses([loss("a", [2.0, 2.0, 2.0, 4.0])])
    assert found.error == pytest.approx(50)
    still = curve_fit.START.model_copy(update={"slopes": dict.fromkeys(curve_fit.MECHANISMS, 0.0)})
    found = curve_misses.misses([accuracy("a", [0.5, 0.5, 0.5, 0.6])], still)[0]
    assert found.error == pytest.approx(10)
    assert curve_misses.rival_errors((accuracy("a", [0.5] * 5 + [0.6]),), "last value") == pytest.approx([10])
    assert curve_misses.rival_errors((accuracy("a", [0.5] * 5 + [0.6]),), "last value", 512) == []
