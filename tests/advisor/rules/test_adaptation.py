"""Domain adaptation: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules.adaptation import RULES
from tests.advisor.rules.cases import Case, check, check_rule, name

FAR, PILOT, ALL = "distant-domain-dapt", "strong-model-dapt-pilot", "large-corpus-all-weights"
TAPT, NONE, INSIDE = "unlabelled-task-text-tapt", "no-corpus-no-dapt", "in-domain-no-dapt"
BERT = {"model_kind": "encoder"}
OFF = "off-domain-corpus-no-dapt"
DISTANT = {**BERT, "corpus_tokens": 200_000_000, "domain_overlap": 0.25}
BLOCK = -float("inf")

CASES = [
    Case(FAR, DISTANT, {"dapt": 1.6}, "shares 25% of its frequent words"),
    Case(FAR, {**DISTANT, "domain_overlap": 0.3354}, {"dapt": 0.8}, "34%"),
    Case(FAR, {**DISTANT, "domain_overlap": 0.45}),
    Case(FAR, {**DISTANT, "corpus_tokens": 31_622_777}, {"dapt": 0.8}, "32 million tokens"),
    Case(FAR, {**DISTANT, "corpus_tokens": 5_000_000}),
    Case(FAR, {**DISTANT, "domain_overlap": None, "domain_related": False}, {"dapt": 1.6}, "as your brief says"),
    Case(FAR, {**DISTANT, "domain_overlap": None, "domain_related": True}, waits=("domain_overlap",)),
    Case(FAR, {**DISTANT, "domain_overlap": None}, waits=("domain_overlap", "domain_related")),
    Case(FAR, {"model_kind": "causal"}),
    Case(FAR, BERT, waits=("corpus_tokens",)),
    Case(PILOT, {"model_kind": "causal", "model_parameters": 3_000_000_000}, {"dapt": -1.6}, "3.0B parameters"),
    Case(PILOT, {"model_kind": "causal", "model_parameters": 948_683_298}, {"dapt": -0.8}, "949M parameters"),
    Case(PILOT, {"model_kind": "causal", "model_parameters": 300_000_000}),
    Case(PILOT, BERT),
    Case(PILOT, {"model_kind": "causal"}, waits=("model_parameters",)),
    Case(ALL, {"corpus_tokens": 1_000_000_000}, {"dapt": 0}, "1,000 million tokens"),
    Case(ALL, {"corpus_tokens": 300_000_000}),
    Case(ALL, {}, waits=("corpus_tokens",)),
    Case(TAPT, {**BERT, "unlabelled_rows": 10_000}, {"tapt": 1.6}, "10,000 unlabelled rows"),
    Case(TAPT, {**BERT, "unlabelled_rows": 2_236}, {"tapt": 0.8}, "2,236 unlabelled rows"),
    Case(TAPT, {**BERT, "unlabelled_rows": 500}),
    Case(TAPT, {"model_kind": "causal"}),
    Case(TAPT, BERT, waits=("unlabelled_rows",)),
    Case(OFF, {"corpus_tokens": 50_000_000, "corpus_related": False}, {"dapt": BLOCK}, "50 million tokens"),
    Case(OFF, {"corpus_tokens": 50_000_000, "corpus_related": True}),
    Case(OFF, {"corpus_tokens": 0, "corpus_related": False}),
    Case(OFF, {"corpus_tokens": 50_000_000}, waits=("corpus_related",)),
    Case(OFF, {"corpus_related": False}, waits=("corpus_tokens",)),
    Case(NONE, {"corpus_tokens": 0}, {"dapt": BLOCK}, "0 tokens"),
    Case(NONE, {"corpus_tokens": 5_000_000}, {"dapt": -1.6}, "5,000,000 tokens"),
    Case(NONE, {"corpus_tokens": 31_622_777}, {"dapt": -0.8}, "tokens"),
    Case(NONE, {"corpus_tokens": 200_000_000}),
    Case(NONE, {}, waits=("corpus_tokens",)),
    Case(INSIDE, {"domain_overlap": 0.6}, {"dapt": -0.9}, "shares 60%"),
    Case(INSIDE, {"domain_overlap": 0.4899}, {"dapt": -0.45}, "shares 49%"),
    Case(INSIDE, {"domain_overlap": 0.4}),
    Case(INSIDE, {"domain_related": True}, {"dapt": -0.45}, "related"),
    Case(INSIDE, {"domain_related": False}, waits=("domain_overlap",)),
    Case(INSIDE, {}, waits=("domain_overlap", "domain_related")),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}
