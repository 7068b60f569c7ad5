"""What other candidates' curves tell of one that learned from fewer rows."""

from __future__ import annotations

import math

import pytest

from probes.fellow_curves import follow, slope_of_others

HALVED = {250: 0.6, 1_000: 0.8}
"""Its error halves where rows are four times as many."""


@pytest.mark.parametrize(
    ("others", "slope"),
    [
        ([HALVED], -0.5),
        ([HALVED, {250: 0.8, 1_000: 0.8}], -0.25),
        ([{**HALVED, 4_000: 0.99}], -0.5),
        ([{250: 0.1, 500: 0.6, 1_000: 0.8}], -1.0),
        ([{250: 0.8, 1_000: 0.6}], 0.0),
        ([{250: 1.0, 1_000: 1.0}], 0.0),
        ([{1_000: 0.8}], None),
        ([{250: 0.6, 999: 0.8}], None),
        ([], None),
    ],
    ids=["one", "mean of two", "beyond", "nearest size", "falling scores", "no error", "one size", "not there", "none"],
)
def test_the_slope_is_that_from_about_the_same_rows_on(others: list[dict[int, float]], slope: float | None) -> None:
    assert slope_of_others(others, 400, 1_000) == (None if slope is None else pytest.approx(slope))


def test_what_was_recorded_often_has_a_say_beside_the_others() -> None:
    tuned, frozen = (follow(0.8, 250, 1_000, [HALVED], 0.84, mechanism) for mechanism in ("tuning", "frozen_features"))
    assert tuned == pytest.approx(0.9)
    assert frozen == pytest.approx(1 - math.sqrt(0.1 * 0.16))
    assert follow(1.0, 250, 1_000, [HALVED], 0.999, "tuning") == pytest.approx(1, abs=1e-3)
    assert follow(0.8, 250, 1_000, [{1_000: 0.8}], 0.84, "tuning") == 0.84
