"""Tuning: each rule on both sides of its band and in its middle, and what comes first in the end."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.engine import weigh, winner
from advisor.rules import tuning
from advisor.rules.groups import LIGHT, LORAS, PARTIAL, TRAINED, WHOLE
from advisor.rules.start import PRIOR
from tests.advisor.rules.cases import Case, check, facts_of, name
from tests.advisor.rules.test_volume import ALL_OURS, each

ENCODER = {"model_kind": "encoder", "headless_decoder": False}
KEEPS = (
    each(("zero_shot", "few_shot", "few_shot_retrieved", "many_shot", "retrieval", "linear_probe"), 0.9)
    | each((*LIGHT, *LORAS), 0.4)
    | each((*PARTIAL, *WHOLE), -0.4)
)

CASES = [
    Case("encoder-under-1000-peft", {"rows": 500, **ENCODER}, each(WHOLE, -0.9), "500 training rows"),
    Case("encoder-under-1000-peft", {"rows": 1_000, **ENCODER}, each(WHOLE, -0.45), "1,000 training rows"),
    Case("encoder-under-1000-peft", {"rows": 2_000, **ENCODER}),
    Case("encoder-under-1000-peft", {"rows": 500, "model_kind": "causal"}),
    Case("encoder-under-1000-peft", {"rows": 500}, waits=("model_kind",)),
    Case("encoder-under-1000-peft", ENCODER, waits=("rows",)),
    Case("encoder-over-10000-full", {"rows": 5_000, **ENCODER}),
    Case("encoder-over-10000-full", {"rows": 10_000, **ENCODER}, each(WHOLE, 0.45), "10,000 training rows"),
    Case("encoder-over-10000-full", {"rows": 20_000, **ENCODER}, each(WHOLE, 0.9), "20,000 training rows"),
    Case("encoder-over-10000-full", {"rows": 20_000, "model_kind": "causal"}),
    Case("encoder-over-10000-full", {"rows": 20_000}, waits=("model_kind",)),
    Case("encoder-over-10000-full", ENCODER, waits=("rows",)),
    Case("conflicting-labels-keep-it-simple", {"conflict_share": 0.005}),
    Case(
        "conflicting-labels-keep-it-simple",
        {"conflict_share": 0.01},
        each(TRAINED, -0.2),
        "1.0% of your rows",
    ),
    Case(
        "conflicting-labels-keep-it-simple",
        {"rows": 3_000, "conflict_share": 0.02},
        each(TRAINED, -0.4),
        "2.0% of",
    ),
    Case("conflicting-labels-keep-it-simple", {}),
    Case("retention-keeps-weights", {"model": "talker", "retention_required": True}, KEEPS, "talker"),
    Case("retention-keeps-weights", {"retention_required": False}),
    Case("retention-keeps-weights", {}, waits=("retention_required",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_tuning(case: Case) -> None:
    check(tuning.RULES, case)


def test_every_rule_has_cases_that_fire_and_are_silent() -> None:
    for rule in tuning.RULES:
        assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}, rule.id


ROBERTA = {"model_parameters": 125_000_000, "sentence_encoder": False, **ENCODER}
GPT3 = {"model_parameters": 175_000_000_000, "model_kind": "causal", "instruction_tuned": False, "classes": 3}


@pytest.mark.parametrize("rows", [300, 1_000, 2_500])
def test_lora_on_a_base_size_encoder_with_few_thousand_rows(rows: int) -> None:
    totals = weigh(facts_of({"rows": rows, "classes": 2, **ROBERTA}), ("lora", "full"), ALL_OURS)
    assert totals["lora"] >= totals["full"]


@pytest.mark.parametrize("rows", [100, 1_000, 10_000, 392_000])
@pytest.mark.parametrize("compute", [None, "plenty"])
def test_lora_on_a_huge_causal_lm_at_any_size(rows: int, compute: str | None) -> None:
    totals = weigh(facts_of({"rows": rows, "compute": compute, **GPT3}), ("lora", "full"), ALL_OURS)
    assert totals["lora"] >= totals["full"]


@pytest.mark.parametrize(
    ("known", "first"),
    [
        ({"rows": 8}, "few_shot"),
        ({"rows": 60, "model_kind": "causal", "classes": 4}, "few_shot"),
        ({"rows": 2_000, "classes": 4}, "lora"),
        ({"rows": 2_000, "model_kind": "causal", "classes": 4}, "lora"),
        ({"rows": 2_000, "classes": 4, **ROBERTA}, "lora"),
        ({"rows": 50_000, "classes": 4, "compute": "plenty", **ROBERTA}, "full"),
        ({"rows": 50_000, "classes": 4, "compute": "plenty"}, "full"),
        ({"rows": 50, "task": "summarisation"}, "few_shot"),
        ({"rows": 2_000, "task": "summarisation"}, "lora"),
        ({"rows": 20_000, "task": "extraction", "model_kind": "causal"}, "lora"),
        ({"rows": 0}, "zero_shot"),
    ],
)
def test_what_comes_first(known: dict[str, Any], first: str) -> None:
    assert winner(facts_of(known), tuple(PRIOR), ALL_OURS) == first
