"""Budget: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.costs import SHARE_OF_FULL, full_hours, full_money
from advisor.rules.budget import RULES
from advisor.rules.groups import DEMONSTRATIONS, TUNED
from tests.advisor.rules.cases import Case, check, check_rule, facts_of, name, weights

HOURS, MONEY, SLOW = "training-fits-hours", "training-fits-money", "cpu-slow-for-large-models"
LIGHT, VOLUME, EVEN = "limited-compute-light", "many-requests-long-prompt", "long-prompt-break-even"
DAYS = "cpu-days-for-billions"
LABELS, SHARD = "more-labels-price", "several-gpus-shard"
LM = {"model_kind": "causal"}
JOB = {"model_parameters": 7_000_000_000, "gpu": "T4", "gpus": 1, "input_tokens": 1_000}
FULL_HOURS = 6 * 7e9 * 3_200 * 1_000 / (65e12 * 0.3) / 3_600
TRAINED = ("setfit", *TUNED, "from_scratch")
LONG = {**LM, "requests_per_month": 30_000, "prompt_tokens": 1_000}
PRICED = {**LONG, **JOB, "gpu": "A100-80", "gpu_hourly_price": 2}
PRICE = 2 * 4 * 7e9 * 3_200 * 1_000 / (312e12 * 0.3) / 3_600
HEAVY = dict.fromkeys(("full", "domain_alignment", "tapt", "dapt", "distillation", "from_scratch"), -0.9)
BLOCK = -float("inf")
LABELLED = dict.fromkeys(("linear_probe", "lora", "full"), 0.0)


def held(ratio: float, low: float = 0.67, high: float = 2.5) -> dict[str, float]:
    """Return what strategies lose where full fine-tuning takes so many times the budget."""
    line = next(rule for rule in RULES if rule.id == HOURS).thresholds[0]
    assert (line.low, line.high) == (low, high)
    found = {name: -1.6 * line.grade(ratio * share) for name, share in SHARE_OF_FULL.items()}
    return {name: nats for name, nats in found.items() if nats < -0.016}


CASES = [
    Case(HOURS, {**JOB, "hours": FULL_HOURS / 20}, dict.fromkeys(SHARE_OF_FULL, -1.6), "1.9 h on 1 × T4; you allow"),
    Case(HOURS, {**JOB, "hours": FULL_HOURS}, held(1.0), "1.9 h on 1 × T4"),
    Case(HOURS, {**JOB, "hours": 5 * FULL_HOURS / 0.67}),
    Case(HOURS, {**JOB, "gpus": 8, "hours": FULL_HOURS}),
    # Where the length is not known, rows have 512 tokens.
    Case(HOURS, {**JOB, "hours": 1, "input_tokens": None}, held(0.512 * FULL_HOURS), "h on 1 × T4"),
    Case(HOURS, {**JOB, "hours": 1, "task": "code"}, held(0.512 * FULL_HOURS), "h on 1 × T4"),
    Case(HOURS, {**JOB, "gpu": None, "gpu_memory_gb": 20, "hours": FULL_HOURS}, held(1.0), "of 20 GB, taken for a T4"),
    Case(HOURS, JOB, waits=("hours",)),
    Case(HOURS, {}, waits=("hours",)),
    Case(
        MONEY, {**JOB, "gpu_hourly_price": 2, "money": FULL_HOURS / 10}, dict.fromkeys(SHARE_OF_FULL, -1.6), "at 2 an"
    ),
    Case(MONEY, {**JOB, "gpus": 8, "gpu_hourly_price": 2, "money": 2 * FULL_HOURS}, held(1.0), "you allow"),
    Case(
        MONEY,
        {**JOB, "money": 0},
        dict.fromkeys(SHARE_OF_FULL, BLOCK),
        "an hour, the usual price of that GPU; you",
    ),
    Case(MONEY, {**JOB, "money": 500}, waits=("gpu_hourly_price",)),
    Case(MONEY, {**JOB, "gpu_hourly_price": 0, "money": 0}),
    Case(MONEY, JOB, waits=("money",)),
    Case(MONEY, {"model_parameters": 10**9, "money": 5}, waits=("gpu", "gpu_memory_gb")),
    Case(SLOW, {"model_parameters": 3 * 10**9, "gpu_memory_gb": 0}, dict.fromkeys(TRAINED, -1.6), "3.0B parameters"),
    Case(SLOW, {"model_parameters": 670_820_393, "gpu_memory_gb": 0}, dict.fromkeys(TRAINED, -0.8), "671M"),
    Case(SLOW, {"model_parameters": 150_000_000}),
    Case(SLOW, {"model_parameters": 3 * 10**9, "gpu_memory_gb": 8, "gpus": 1}),
    Case(SLOW, {"model_parameters": 3 * 10**9}, waits=("gpu_memory_gb", "gpu")),
    Case(DAYS, {"model_parameters": 8 * 10**9, "gpu_memory_gb": 0}, dict.fromkeys(TRAINED, -1.6), "8.0B parameters"),
    Case(DAYS, {"model_parameters": 2_236_067_977, "gpu_memory_gb": 0}, dict.fromkeys(TRAINED, -0.8), "2.2B"),
    Case(DAYS, {"model_parameters": 10**9, "gpu_memory_gb": 0}),
    Case(DAYS, {"model_parameters": 8 * 10**9, "gpu": "T4", "gpus": 1}, waits=("gpu_memory_gb",)),
    Case(DAYS, {"model_parameters": 8 * 10**9}, waits=("gpu_memory_gb", "gpu")),
    Case(LIGHT, {"compute": "limited", **LM}, {"linear_probe": 0.4, **HEAVY}, "limited"),
    Case(
        LIGHT,
        {"compute": "limited", "model_kind": "encoder", "model_parameters": 22_000_000},
        {"linear_probe": 0.4, "top_layers": 0.9, **HEAVY},
        "22M parameters",
    ),
    Case(LIGHT, {"compute": "plenty"}),
    Case(LIGHT, {}, waits=("compute",)),
    Case(
        VOLUME, {**LONG, "requests_per_month": 3_000_000}, dict.fromkeys(DEMONSTRATIONS, -0.9), "3,000 million tokens"
    ),
    Case(VOLUME, {**LONG, "requests_per_month": 300_000}, dict.fromkeys(DEMONSTRATIONS, -0.45), "300 million tokens"),
    Case(VOLUME, {**LONG, "requests_per_month": 30_000}),
    Case(VOLUME, {**PRICED, "requests_per_month": 300_000, "token_price": 1}),
    Case(VOLUME, {"model_kind": "encoder"}),
    Case(VOLUME, {**LM, "requests_per_month": 300}, waits=("prompt_tokens",)),
    Case(VOLUME, LM, waits=("requests_per_month",)),
    Case(EVEN, {**PRICED, "token_price": PRICE / 10}, dict.fromkeys(DEMONSTRATIONS, -1.6), "paid for after 10 days"),
    Case(EVEN, {**PRICED, "token_price": PRICE / 60.415}, dict.fromkeys(DEMONSTRATIONS, -0.8), "after 60 days"),
    Case(EVEN, {**PRICED, "token_price": PRICE / 366}),
    Case(EVEN, {**PRICED, "token_price": 0}),
    Case(EVEN, {**PRICED, "token_price": 1, "prompt_tokens": 0}),
    Case(EVEN, LONG, waits=("token_price",)),
    Case(EVEN, {"model_kind": "encoder"}),
    Case(EVEN, LM, waits=("requests_per_month",)),
    Case(
        LABELS,
        {"rows": 500, "rows_obtainable": 5_000, "label_price": 0.2},
        LABELLED,
        "500 rows more, to 1,000, costs 100",
    ),
    Case(
        LABELS, {"rows": 500, "rows_obtainable": 700, "label_price": 0.2}, LABELLED, "200 rows more, to 700, costs 40"
    ),
    Case(LABELS, {"rows": 500, "rows_obtainable": 500}),
    Case(LABELS, {"rows": 0}),
    Case(LABELS, {"rows": 500}, waits=("rows_obtainable",)),
    Case(LABELS, {"rows": 500, "rows_obtainable": 900}, waits=("label_price",)),
    Case(SHARD, {"gpus": 8}, dict.fromkeys(("lora", "full", "tapt", "dapt"), 0.0), "8 GPUs"),
    Case(SHARD, {"gpus": 1}),
    Case(SHARD, {}, waits=("gpus",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}


def test_money_does_not_depend_on_how_many_gpus_share_the_work() -> None:
    one, eight = facts_of(JOB), facts_of({**JOB, "gpus": 8})
    assert full_hours(eight) == pytest.approx((full_hours(one) or 0) / 8)
    assert full_money(eight) == pytest.approx(full_money(one))


def test_a_break_even_is_never_counted_twice() -> None:
    for token_price in (None, 0, 0.01, 10):
        facts = facts_of({**PRICED, "requests_per_month": 3_000_000, "token_price": token_price})
        speaks = [rule.id for rule in RULES if rule.id in {VOLUME, EVEN} and weights(rule.ask(facts) or ())]
        assert len(speaks) <= 1
