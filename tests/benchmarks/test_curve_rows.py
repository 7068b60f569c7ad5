"""Few test rows: which of them are right makes the noise of a curve, and all its sizes see the same ones."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import curve_rows


def some_rows(change: float, rise: float) -> curve_rows.Right:
    """Return rows that change at random from size to size, and such as are learned on top."""
    draw, rows = np.random.default_rng(0), {}
    own = draw.random(20_000) < 0.7
    for size in (64, 128, 256):
        rows[size] = own.copy()
        own = np.where(draw.random(len(own)) < change, draw.random(len(own)) < own.mean(), own)
        own |= draw.random(len(own)) < rise
    return rows


def test_rows_that_change_at_random_are_noise_and_what_is_learned_is_not() -> None:
    assert curve_rows.noise(some_rows(0, 0)) == 0
    # Of rows drawn anew both sizes have the whole binomial variance; of a half of them half.
    assert curve_rows.noise(some_rows(1, 0)) == pytest.approx(1, abs=0.05)
    assert curve_rows.noise(some_rows(0.5, 0)) == pytest.approx(0.5, abs=0.05)
    assert curve_rows.noise(some_rows(0.5, 0.02)) == pytest.approx(0.5, abs=0.05)


def test_all_sizes_of_a_curve_see_the_same_test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows(0, 0)
    monkeypatch.setattr(curve_rows, "right", lambda _: rows)
    curves = list(curve_rows.drawn("a", 50))
    assert {len(set(curve.scores)) for curve in curves} == {1}
    assert len({curve.scores for curve in curves}) > 1
    assert {(curve.test_rows, curve.sizes) for curve in curves} == {(50, (64, 128, 256))}
    assert all(50 * score == pytest.approx(round(50 * score)) for curve in curves for score in curve.scores)
