"""Stability: whether differences between strategies can be seen at all."""

from __future__ import annotations

import math

from advisor.facts import Facts
from advisor.rules.base import Effects, count, push, rule
from advisor.rules.groups import each
from probes.splitting import TEST_SHARE, VALIDATION_SHARE

DISAGREE = 0.1
"""Share of the test rows on which two good strategies differ, for the arithmetic (our line; .2 doubles the rows)."""
TELLS_A_POINT = 7_841
"""Test rows that show a difference of one point between two strategies on the same rows (5 % level, power .8)."""

_NOTED = ("baseline", "linear_probe", "setfit", "lora", "full")


@rule(
    id="few-test-rows",
    strength="S",
    source="arithmetic: McNemar's test at the 5 % level with power .8 where two strategies differ on a tenth of the "
    "rows: 7,841 test rows for 1 point, 1,954 for 2, 306 for 5",
    touches=_NOTED,
    example={"rows": 1_000, "train_share": 0.7},
)
def few_test_rows(facts: Facts) -> Effects | None:
    """With few test rows, strategies a point or two apart cannot be told apart.

    The difference drowns in the chance of which rows were drawn for the test. It is no reason for or against any
    strategy, so it only says what a comparison can show; the lightest of those that tie is taken.

    What to do: label more test rows before more training rows, or raise the tolerance to what the test can show.
    """
    if facts.rows is None:
        return None
    tests = facts.rows * (1 - facts.train_share) * TEST_SHARE / (TEST_SHARE + VALIDATION_SHARE)
    if tests < 1 or tests >= TELLS_A_POINT:
        return None

    def because() -> str:
        points = seen(tests)
        shows = (
            "too few to show any difference under 10 points"
            if points > 10
            else f"which shows differences of {points:.1f} points"
        )
        return (
            f"About {tests:,.0f} of your {count(facts.rows or 0, 'row')} are for the test, {shows}; to see one point "
            f"takes about {TELLS_A_POINT:,} test rows."
        )

    return push(
        because,
        1.0,
        **each(_NOTED, "note"),
    )


def seen(tests: float) -> float:
    """Return the points of difference that so many test rows show.

    Examples
    --------
    >>> round(seen(7_841), 1), round(seen(1_954), 1)
    (1.0, 2.0)
    """
    # n = (z₁ √q + z₂ √(q − d²))² / d², solved for d with q − d² ≈ q.
    return min(100.0, 100 * (1.96 + 0.8416) * math.sqrt(DISAGREE / tests))


RULES = (few_test_rows,)
