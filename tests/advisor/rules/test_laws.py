"""Laws that rules keep whatever the facts: more rows never favour the lighter, more memory never blocks, no cliffs."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.engine import weigh
from advisor.facts import Facts
from advisor.rules import (
    adaptation,
    budget,
    deployment,
    domain,
    knowledge,
    prompting,
    quantisation,
    resources,
    stability,
    team,
)
from advisor.rules.base import BLOCK
from advisor.rules.start import PRIOR
from tests.advisor.rules.cases import check_effects, weights

FAMILIES = (
    adaptation, budget, deployment, domain, knowledge, prompting, quantisation, resources, stability, team,
)  # fmt: skip
RULES = tuple(rule for family in FAMILIES for rule in family.RULES)
MEMORY = (*resources.RULES, *quantisation.RULES)
NAMES = tuple(PRIOR)

yes_no = st.booleans()
whole = st.integers(0, 10_000_000)
counted = st.integers(1, 200_000)
share = st.floats(0, 1)
money = st.floats(0, 1e5)
above = st.floats(0.01, 1e5)
parameters = st.integers(1_000_000, 200_000_000_000)
memory_gb = st.one_of(st.just(0.0), st.floats(0.1, 700))

KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "task": st.sampled_from(["text-classification", "question-answering", "code"]),
        "train_share": st.sampled_from([0.5, 0.7, 1.0]),
        "classes": st.integers(1, 300),
        "rows": whole,
        "rows_obtainable": whole,
        "label_price": money,
        "unlabelled_rows": whole,
        "corpus_tokens": st.integers(0, 10**11),
        "input_tokens": counted,
        "output_tokens": counted,
        "language": st.sampled_from(["en", "sw", "zxx"]),
        "model_languages": st.sampled_from([(), ("en",)]),
        "language_share": share,
        "fertility": st.floats(1, 5),
        "non_latin": share,
        "truncated_share": share,
        "domain_related": yes_no,
        "domain_overlap": share,
        "facts_change": yes_no,
        "retention_required": yes_no,
        "expects_shift": yes_no,
        "shift_kind": st.sampled_from(["input", "output"]),
        "prompted_score": share,
        "requests_per_month": whole,
        "latency_ms": above,
        "prompt_tokens": whole,
        "token_price": money,
        "data_may_leave": yes_no,
        "gpu": st.sampled_from(["T4", "RTX4090", "H100"]),
        "gpu_memory_gb": memory_gb,
        "gpus": st.integers(1, 16),
        "gpu_hourly_price": money,
        "compute": st.sampled_from(["limited", "plenty"]),
        "hours": above,
        "money": money,
        "expertise": st.sampled_from(["none", "some", "expert"]),
        "upkeep": st.sampled_from(["low", "high"]),
        "model_kind": st.sampled_from(["encoder", "causal"]),
        "model_parameters": parameters,
        "instruction_tuned": yes_no,
        "headless_decoder": yes_no,
        "context": counted,
        "device": st.sampled_from(["cpu", "cuda", "mps"]),
        "memory_bytes": st.integers(1_000_000_000, 2_000_000_000_000),
    },
)
quick = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def done(rule: Any, facts: Facts) -> dict[str, float]:
    """Return what a rule does to every strategy."""
    found = weights(rule.ask(facts) or ())
    return {name: found.get(name, 0.0) for name in NAMES}


@quick
@given(known=KNOWN)
def test_effects_keep_to_what_a_rule_says_of_itself(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    for rule in RULES:
        check_effects(rule, rule.ask(facts) or ())


@quick
@given(known=KNOWN, few=whole, many=whole)
def test_more_rows_never_favour_a_lighter_strategy(known: dict[str, Any], few: int, many: int) -> None:
    few, many = min(few, many), max(few, many)
    before, after = (Facts.model_validate({**known, "rows": rows}) for rows in (few, many))
    for rule in RULES:
        had, has = done(rule, before), done(rule, after)
        assert {name for name in NAMES if had[name] == BLOCK} == {name for name in NAMES if has[name] == BLOCK}
        moved = [has[name] - had[name] for name in NAMES if had[name] != BLOCK]
        assert all(heavier >= lighter - 1e-9 for lighter, heavier in pairwise(moved)), rule.id


@quick
@given(known=KNOWN, little=memory_gb, much=memory_gb)
def test_more_gpu_memory_never_blocks(known: dict[str, Any], little: float, much: float) -> None:
    little, much = min(little, much), max(little, much)
    before, after = (Facts.model_validate({**known, "gpu_memory_gb": size}) for size in (little, much))
    assert blocked(after) <= blocked(before)


@quick
@given(known=KNOWN, little=st.integers(1, 2 * 10**12), much=st.integers(1, 2 * 10**12))
def test_more_memory_of_the_machine_never_blocks(known: dict[str, Any], little: int, much: int) -> None:
    little, much = min(little, much), max(little, much)
    before, after = (Facts.model_validate({**known, "memory_bytes": size}) for size in (little, much))
    assert blocked(after) <= blocked(before)


@quick
@given(known=KNOWN, one=st.integers(1, 64), several=st.integers(1, 64))
def test_more_gpus_never_block(known: dict[str, Any], one: int, several: int) -> None:
    one, several = min(one, several), max(one, several)
    before, after = (Facts.model_validate({**known, "gpus": number}) for number in (one, several))
    assert blocked(after) <= blocked(before)


def blocked(facts: Facts) -> set[str]:
    """Return the strategies that any of the rules blocks."""
    return {name for name, total in weigh(facts, NAMES, RULES).items() if total == BLOCK}


STEPS: list[tuple[str, float, float, dict[str, Any]]] = [
    ("rows", 30, 2_000_000, {"model_kind": "causal", "instruction_tuned": True, "domain_related": False}),
    ("rows", 30, 2_000_000, {"model_kind": "causal", "instruction_tuned": False}),
    ("classes", 2, 400, {"model_kind": "causal", "context": 10**6, "input_tokens": 20, "requests_per_month": 3_000}),
    ("requests_per_month", 1, 10**8, {"model_kind": "causal", "model_parameters": 7 * 10**9, "prompt_tokens": 500}),
    ("requests_per_month", 1, 10**8, {"label_price": 0.2}),
    ("latency_ms", 5, 10_000, {"model_kind": "causal", "model_parameters": 7 * 10**9}),
    ("prompted_score", 0.01, 1, {}),
    ("domain_overlap", 0.01, 1, {"model_kind": "encoder", "corpus_tokens": 10**9}),
    ("corpus_tokens", 1, 10**11, {"model_kind": "encoder", "domain_overlap": 0.2}),
    ("unlabelled_rows", 1, 10**7, {"model_kind": "encoder", "expects_shift": True, "shift_kind": "input"}),
    ("hours", 0.01, 1_000, {"model_parameters": 7 * 10**9, "gpu": "L4", "gpus": 1, "input_tokens": 300}),
    ("money", 0.01, 1_000, {"model_parameters": 7 * 10**9, "gpu": "L4", "gpus": 1, "input_tokens": 300}),
    ("token_price", 1e-6, 1e3, {"model_kind": "causal", "requests_per_month": 3_000, "prompt_tokens": 500}
     | {"model_parameters": 7 * 10**9, "gpu": "L4", "gpus": 1, "input_tokens": 300}),
    ("gpu_memory_gb", 0.5, 500, {"model_parameters": 10**9, "gpus": 1}),
    ("model_parameters", 10**6, 10**12, {"model_kind": "causal", "task": "question-answering", "gpu_memory_gb": 0}),
    ("fertility", 1, 6, {"non_latin": 0, "language": "en"}),
    ("language_share", 0.01, 1, {"language": "sw", "model_languages": ("en",), "rows": 10**7}),
    ("language_share", 0.01, 1, {"language": "en", "model_languages": ("en",), "fertility": 3, "non_latin": 0.4}),
    ("non_latin", 0.01, 1, {"language": "en", "fertility": 3}),
    ("rows", 30, 5_000_000, {"language": "zxx"}),
    ("gpu_memory_gb", 9, 500, {"model_parameters": 8 * 10**9, "gpus": 1}),
    ("truncated_share", 0.001, 1, {}),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "low", "high", "known"), STEPS)
def test_no_cliffs(fact: str, low: float, high: float, known: dict[str, Any]) -> None:
    """A step of half a hundredth moves no strategy by more than a quarter of a weak reason, blocks apart."""
    count = math.ceil(math.log(high / low) / 0.005)
    facts = Facts.model_validate({"train_share": 1.0, **known})
    before: dict[str, float] = {}
    for step in range(count + 1):
        after = weigh(facts.model_copy(update={fact: low * (high / low) ** (step / count)}), NAMES, RULES)
        for name in before:
            if BLOCK not in (before[name], after[name]):
                assert abs(after[name] - before[name]) <= 0.1, (name, step)
        before = after
