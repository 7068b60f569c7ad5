"""What the ladder's choices cost, from hand-made decisions."""

from __future__ import annotations

import pytest

from benchmarks import regret
from benchmarks.common import Claim
from benchmarks.exhaustive_grid import Decided

SCORES = {"baseline": 0.80, "linear_probe": 0.85, "lora": 0.865, "full": 0.87}


def decided(choice: str | None, verdict: str | None = "UNDECIDED", *, up: float = 0.0) -> Decided:
    return Decided(choice, verdict, 10.0, {name: score + up * (name == "full") for name, score in SCORES.items()})


def together(*ladders: Decided) -> dict[str, Claim]:
    grids = [decided("full"), decided("lora", up=0.02)][: len(ladders)]
    return {claim.name: claim for claim in regret.together(grids, list(ladders))}


def test_the_ladder_is_held_against_the_grid_and_rules_of_thumb() -> None:
    found = together(decided("full"), decided("full", up=0.02))
    assert found["questions where the ladder chooses what the grid does"].value == "1 of 2"
    assert (found["regret, mean: the ladder"].value, found["regret, mean: the ladder"].holds) == (0.0, True)
    assert found["regret, mean: the grid's choice"].value == 1.25
    assert found["regret, mean and largest: 100 to 10,000 rows: LoRA"].value == "1.5, 2.50"


@pytest.mark.parametrize(
    ("choice", "verdict", "mean_holds", "none_wrong"),
    [
        ("lora", "CONFIRMED", True, True),
        ("linear_probe", "CONFIRMED", False, False),
        ("linear_probe", "UNDECIDED", False, True),
        (None, None, False, True),
    ],
)
def test_a_choice_beyond_the_tolerance_fails_and_more_so_where_it_was_said_to_be_sure(
    choice: str | None, verdict: str | None, mean_holds: bool, none_wrong: bool
) -> None:
    found = together(decided(choice, verdict))
    assert found["regret, mean: the ladder"].holds is mean_holds
    assert found["CONFIRMED by the ladder and beyond the tolerance"].holds is none_wrong
