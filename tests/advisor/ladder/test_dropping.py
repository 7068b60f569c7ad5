"""How often dropping errs, in worlds where the truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from advisor.arms import Arm, Rung, Seen, behind

WORLDS, ROWS = 200, 500
AT_MOST = 0.05 + 3 * (0.05 * 0.95 / WORLDS) ** 0.5
"""Level of the test, and three standard errors of so many worlds."""
SHARED = 0.6
"""Share of the validation rows that are as hard for one candidate as for the others."""


def dropped(
    made: Any,
    accuracies: tuple[float, ...],
    metric: str = "accuracy",
    worlds: int = WORLDS,
    *,
    rows: int = ROWS,
    sd: float = 0,
) -> Any:
    """Return how often each candidate, the lightest first, is dropped when all were measured at all rows."""
    rng = np.random.default_rng(0)
    counts = np.zeros(len(accuracies))
    for _ in range(worlds):
        labels, common = rng.integers(3, size=rows), rng.random(rows)
        arms = []
        for weight, accuracy in enumerate(accuracies):
            luck = np.where(rng.random(rows) < SHARED, common, rng.random(rows))
            guesses = (labels + (luck >= accuracy + rng.normal(0, sd))) % 3
            arm = Arm(Rung(made("arm", 1.0, seeded=bool(sd)), None), weight)
            arm.seen[900] = {0: Seen(float((guesses == labels).mean()), tuple(int(g) for g in guesses))}
            arms.append(arm)
        found = behind(arms, arms, [int(y) for y in labels], metric, 0.01, 900)  # type: ignore[arg-type]
        counts[[arm.weight for arm, _ in found]] += 1
    return counts / worlds


@pytest.mark.parametrize("accuracies", [(0.8,) * 5, (0.79, 0.8, 0.8, 0.8, 0.8), (0.8, 0.8)])
def test_who_is_no_further_behind_than_the_tolerance_is_hardly_ever_dropped(
    made: Any, accuracies: tuple[float, ...]
) -> None:
    assert dropped(made, accuracies).max() <= AT_MOST


def test_the_luck_of_a_seed_drops_nobody(made: Any) -> None:
    # With so many rows hardly anything but the seeds is left to chance: 1.4 points, as verdicts assume at .8.
    assert dropped(made, (0.8, 0.8), rows=3_000, sd=0.014).max() <= AT_MOST


def test_who_had_no_fair_chance_is_not_dropped(made: Any) -> None:
    right = (0,) * 500
    light, heavy = (Arm(Rung(made("arm", 1.0), None), weight) for weight in (0, 1))
    light.seen[900], heavy.seen[900] = {0: Seen(0.0, (1,) * 500)}, {0: Seen(1.0, right)}
    light.fair = False
    assert behind([light, heavy], [light, heavy], right, "accuracy", 0.01, 900) == []
    light.fair = True
    ((found, _),) = behind([light, heavy], [light, heavy], right, "accuracy", 0.01, 900)
    assert found is light


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_who_is_far_behind_is_dropped(made: Any, metric: str) -> None:
    light, *others = dropped(made, (0.7, 0.8, 0.8), metric, worlds=50)
    assert light > 0.9
    assert max(others) <= AT_MOST
    *others, heavy = dropped(made, (0.8, 0.8, 0.6), metric, worlds=50)
    assert heavy > 0.9
    assert max(others) <= AT_MOST
