"""Who passes whom with as many rows is counted, and a choice by curves held against one by scores."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import curve_fit, curve_misses, curve_passing
from benchmarks.curve_data import Reach
from tests.benchmarks.made_curves import accuracy

START = curve_fit.START.model_copy(update={"shared": 0.8})


@pytest.mark.parametrize(("half", "missed"), [(100, 0.0), (-100, 100.0)], ids=["wide", "sure that none passes"])
def test_who_passes_with_as_many_rows_is_counted(monkeypatch: pytest.MonkeyPatch, half: float, missed: float) -> None:
    """The linear probe leads from 256 rows on; on 64 and 128 it lies behind what TF-IDF has with 128 and 256."""
    flat, rising = accuracy("a", [0.8] * 4), accuracy("a", [0.7, 0.75, 0.85, 0.9], model="linear_probe")
    made = [miss for miss in curve_misses.misses([rising, flat], curve_fit.START, "ahead") if miss.curve == rising]
    monkeypatch.setattr(curve_passing, "folds", lambda _: [curve_misses.Fold("a", (), tuple(made), ())])
    monkeypatch.setattr(curve_passing, "accuracy_curves", lambda: (flat, rising))
    monkeypatch.setattr(curve_misses, "quantiles", lambda *_: curve_misses.Widths({}, {}, 0.9))
    monkeypatch.setattr(curve_misses.Widths, "half", lambda *_: half)
    # From 64 rows it is asked about 128 and 256, from 128 (knowing one size or two) about 256 and 512.
    assert sorted(pair.passed for pair in curve_passing.pairs()) == [False, True, True, True, True, True]
    assert curve_passing.shares() == (83.3, missed, missed)


def test_tuning_is_held_against_frozen_features_on_as_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made = (
        accuracy("a", [0.6, 0.8, 0.9], model="linear_probe"),
        accuracy("a", [0.8, 0.8], model="lora"),
        accuracy("a", [0.9, 0.9], model="full", seed=1),
        accuracy("b", [0.9, 0.9], model="full"),
    )
    monkeypatch.setattr(curve_passing, "accuracy_curves", lambda: made)
    half = math.log(2)
    assert curve_passing.tuned_over_frozen() == (round(half / 2, 3), round(half / 2**0.5, 3))


def test_a_choice_by_curves_is_held_against_one_by_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 256 rows the linear probe lies behind TF-IDF with 512, and with 512 ahead, which its curve foretells."""
    lighter = accuracy("a", [0.6, 0.68, 0.74, 0.77])
    heavier = accuracy("a", [0.7, 0.74, 0.765, 0.85], model="linear_probe")

    def folds(reach: Reach | None = None) -> list[curve_misses.Fold]:
        made = curve_misses.misses([lighter, heavier], START, reach)
        return [curve_misses.Fold("a", (), tuple(made), ())]

    monkeypatch.setattr(curve_passing, "folds", folds)
    monkeypatch.setattr(curve_passing, "accuracy_curves", lambda: (lighter, heavier))
    # From 256 rows alone, from the last two and from all three sizes; the lighter one on fewer rows is left out.
    assert len(list(curve_passing.choices())) == 3
    assert curve_passing.regrets() == (8.0, 0.0)
    without, followed = curve_passing.errors_of_expected("frozen_features")
    assert without > followed > 5
