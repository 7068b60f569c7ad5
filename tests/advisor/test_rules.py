"""Every rule on both sides of its border; a row of a table is a test."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from advisor.rules import LOG_ODDS, RULES, rules_table
from advisor.rules.cautions import cautions
from advisor.rules.start import PRIOR

BY_ID = {rule.id: rule for rule in RULES}
GB = 10**9


def dup(rows: int) -> dict[str, int]:
    return {"exact": rows, "normalised": rows}


def tokens(p50: int) -> dict[str, int]:
    return {"p50": p50, "p95": p50, "max": p50}


def full_at(share: float) -> int:
    """Main memory of which full fine-tuning of a model with a billion parameters takes this share."""
    return round(16 * GB / share)


# rule, facts where it fires, what it does, a number its sentence must print, facts just beyond its border
CASES: list[tuple[str, dict[str, Any], dict[str, str], str, dict[str, Any]]] = [
    (
        "volume-under-100-in-context",
        {"n": 99, "kind": "causal"},
        {"zero_shot": "+W", "few_shot": "+M", "linear_probe": "+W", "lora": "-W", "full": "-M"},
        "99 training rows",
        {"n": 100, "kind": "causal"},
    ),
    ("volume-100-to-10000-peft", {"n": 100}, {"lora": "+W", "full": "-W"}, "100 training rows", {"n": 99}),
    ("volume-100-to-10000-peft", {"n": 10_000}, {"lora": "+W", "full": "-W"}, "10,000 training rows", {"n": 10_001}),
    ("volume-over-10000-full", {"n": 10_001}, {"full": "+W"}, "10,001 training rows", {"n": 10_000}),
    (
        "volume-over-10000-full",
        {"n": 10_001, "brief": {"compute": "limited"}},
        {"lora": "+W"},
        "10,001 training rows",
        {"n": 10_000, "brief": {"compute": "limited"}},
    ),
    (
        "volume-over-10000-full",
        {"n": 20_000, "kind": "causal", "brief": {"compute": "plenty"}},
        {"full": "+W"},
        "20,000 training rows",
        {"n": 2_000, "kind": "causal", "brief": {"compute": "plenty"}},
    ),
    ("volume-over-10000-full", {"n": 20_000, "kind": "causal"}, {"lora": "+W"}, "20,000 training rows", {"n": 2_000}),
    (
        "few-rows-per-class-no-tuning",
        {"n": 9, "classes": 2},
        {"few_shot": "+M", "lora": "block", "full": "block"},
        "9 training rows",
        {"n": 10, "classes": 2},
    ),
    (
        "few-rows-per-class-no-tuning",
        {"n": 40, "classes": 10},
        {"few_shot": "+M", "lora": "block", "full": "block"},
        "4 training rows",
        {"n": 50, "classes": 10},
    ),
    (
        "small-tuned-beats-prompting",
        {"n": 100, "classes": 3},
        {"zero_shot": "-S", "few_shot": "-S", "lora": "+W", "full": "+W"},
        "100 training rows",
        {"n": 99, "classes": 3},
    ),
    (
        "small-tuned-beats-prompting",
        {"n": 300, "classes": 2},
        {"zero_shot": "-S", "few_shot": "-S", "lora": "+W", "full": "+W"},
        "300 training rows",
        {"n": 299, "classes": 2},
    ),
    (
        "duplicates-shrink-volume",
        {"n": 1_000, "duplicates": dup(100)},
        {"lora": "-W", "full": "-W"},
        "100 of your 1,000 rows (10%)",
        {"n": 1_000, "duplicates": dup(99)},
    ),
    (
        "prompting-needs-causal-lm",
        {"kind": "encoder"},
        {"zero_shot": "block", "few_shot": "block"},
        "minilm is an encoder",
        {"kind": "causal"},
    ),
    (
        "prompting-needs-causal-lm",
        {"model": {"model_type": "gpt2", "architecture": "GPT2Model"}},
        {"zero_shot": "block", "few_shot": "block"},
        "minilm has no language-model head (GPT2Model)",
        {"kind": "causal"},
    ),
    ("prompting-needs-causal-lm", {}, {"zero_shot": "block", "few_shot": "block"}, "BertModel", {"kind": None}),
    (
        "demonstrations-fit-context",
        {"kind": "causal", "tokens": tokens(1_025)},
        {"few_shot": "block"},
        "2,050 tokens",
        {"kind": "causal", "tokens": tokens(1_024)},
    ),
    (
        "large-label-set-many-shot",
        {"kind": "causal", "classes": 20},
        {"few_shot": "+M"},
        "20 classes",
        {"kind": "causal", "classes": 19},
    ),
    (
        "large-label-set-many-shot",
        {"kind": "causal", "classes": 31, "tokens": tokens(64)},
        {"few_shot": "+M"},
        "2,048 of the 2,048 tokens",
        {"kind": "causal", "classes": 32, "tokens": tokens(64)},
    ),
    (
        "large-label-set-many-shot",
        {"kind": "causal", "classes": 30, "brief": {"requests_per_day": 1_000}},
        {"few_shot": "+M"},
        "30 classes",
        {"kind": "causal", "classes": 30, "brief": {"requests_per_day": 1_001}},
    ),
    (
        "peft-over-in-context",
        {"n": 20, "kind": "causal"},
        {"lora": "+M"},
        "20 training rows",
        {"n": 19, "kind": "causal"},
    ),
    ("peft-over-in-context", {"n": 100, "kind": "causal"}, {"lora": "+M"}, "100", {"n": 101, "kind": "causal"}),
    (
        "peft-over-in-context",
        {"n": 50, "kind": "causal"},
        {"lora": "+M"},
        "50 training rows",
        {"n": 50, "kind": "causal", "model": {"instruction_tuned": False}},
    ),
    (
        "prompted-score-against-tuning",
        {"brief": {"prompted_score": 0.85}},
        {"lora": "-W", "full": "-W"},
        "scores 0.85",
        {},
    ),
    (
        "prompted-score-against-tuning",
        {"brief": {"prompted_score": 0.849}},
        {"lora": "+M", "full": "+M"},
        "scores 0.849",
        {"brief": {"prompted_score": None}},
    ),
    ("instruct-over-base", {"kind": "causal"}, {"zero_shot": "+W", "few_shot": "+W"}, "talker", {"kind": "encoder"}),
    (
        "instruct-over-base",
        {"kind": "causal", "model": {"instruction_tuned": False}},
        {"zero_shot": "-W"},
        "talker is a base model",
        {"kind": None},
    ),
    (
        "base-model-few-rows",
        {"n": 999, "kind": "causal", "model": {"instruction_tuned": False}},
        {"lora": "-W", "full": "-W"},
        "999 training rows",
        {"n": 1_000, "kind": "causal", "model": {"instruction_tuned": False}},
    ),
    (
        "many-requests-long-prompt",
        {"kind": "causal", "brief": {"requests_per_day": 10_000}},
        {"few_shot": "-M"},
        "60 tokens to each of 10,000 requests",
        {"kind": "causal", "brief": {"requests_per_day": 9_999}},
    ),
    (
        "frozen-features-8-to-64-per-class",
        {"n": 32},
        {"linear_probe": "+S", "full": "-W"},
        "8 training rows",
        {"n": 28},
    ),
    (
        "frozen-features-8-to-64-per-class",
        {"n": 108},
        {"linear_probe": "+S", "full": "-W"},
        "27 training rows",
        {"n": 260},
    ),
    ("frozen-features-8-to-64-per-class", {"n": 112}, {"linear_probe": "+W"}, "28 training rows", {"n": 260}),
    ("frozen-features-8-to-64-per-class", {"n": 256}, {"linear_probe": "+W"}, "64 training rows", {"n": 260}),
    (
        "frozen-features-8-to-64-per-class",
        {"n": 40, "model": {"sentence_encoder": False}},
        {"linear_probe": "+M", "full": "-W"},
        "10 training rows",
        {"n": 4},
    ),
    (
        "frozen-features-8-to-64-per-class",
        {"n": 40, "kind": "causal"},
        {"linear_probe": "+W", "full": "-W"},
        "10 training rows",
        {"n": 4},
    ),
    (
        "frozen-features-8-to-64-per-class",
        {"n": 40, "model": {"sentence_encoder": False, "model_type": "llama", "architecture": "LlamaModel"}},
        {"linear_probe": "+W", "full": "-W"},
        "10 training rows",
        {"n": 4},
    ),
    (
        "frozen-features-under-8-per-class",
        {"n": 28},
        {"linear_probe": "+M", "lora": "-W", "full": "-W"},
        "7 training rows",
        {"n": 32},
    ),
    (
        "shift-linear-probe",
        {"n": 2_000, "brief": {"expects_shift": True}},
        {"linear_probe": "+S", "full": "-W"},
        "2,000 rows",
        {},
    ),
    ("encoder-under-1000-peft", {"n": 999}, {"lora": "+M", "full": "-M"}, "999 training rows", {"n": 1_000}),
    ("encoder-under-1000-peft", {"n": 100}, {"lora": "+M", "full": "-M"}, "100 training rows", {"n": 99}),
    ("encoder-over-10000-full", {"n": 10_001}, {"full": "+M"}, "10,001 training rows", {"n": 10_000}),
    (
        "encoder-over-10000-full",
        {"n": 10_001},
        {"full": "+M"},
        "minilm is an encoder",
        {"n": 10_001, "model": {"model_type": "llama", "architecture": "LlamaModel"}},
    ),
    ("encoder-over-10000-full", {"n": 10_001}, {"full": "+M"}, "minilm", {"n": 10_001, "kind": "causal"}),
    ("encoder-under-5000-unstable", {"n": 4_999}, {"full": "-W"}, "4,999 training rows", {"n": 5_000}),
    (
        "llm-lora-default",
        {"n": 100, "kind": "causal"},
        {"lora": "+M", "full": "-M"},
        "100",
        {"n": 99, "kind": "causal"},
    ),
    (
        "llm-lora-default",
        {"n": 400_000, "kind": "causal"},
        {"lora": "+M", "full": "-M"},
        "400,000 training rows",
        {"n": 400_001, "kind": "causal"},
    ),
    (
        "conflicting-labels-keep-it-simple",
        {"n": 1_000, "label_conflicts": 10},
        {"lora": "-W", "full": "-W"},
        "10 texts in 1,000 rows (1.0%)",
        {"n": 1_000, "label_conflicts": 9},
    ),
    (
        "retention-keeps-weights",
        {"brief": {"retention_required": True}},
        {"linear_probe": "+M", "lora": "+W", "full": "-W"},
        "minilm",
        {},
    ),
    (
        "unrelated-domain-no-transfer",
        {"brief": {"domain_related": False}},
        {"baseline": "+M", "zero_shot": "-M", "few_shot": "-M", "linear_probe": "-M", "lora": "-M", "full": "-M"},
        "2,000 training rows",
        {"brief": {"domain_related": None}},
    ),
    (
        "related-domain-transfers",
        {"brief": {"domain_related": True}},
        {"baseline": "-W", "linear_probe": "+W", "lora": "+W"},
        "minilm",
        {"brief": {"domain_related": None}},
    ),
    ("natural-language-transfers", {"language_share": 0.5}, {"baseline": "-M"}, "50%", {"language_share": 0.49}),
    ("natural-language-transfers", {}, {"baseline": "-M"}, "97%", {"language": "ha"}),
    ("natural-language-transfers", {"fertility": 1.95}, {"baseline": "-M"}, "(en)", {"fertility": 1.96}),
    ("natural-language-transfers", {}, {"baseline": "-M"}, "(en)", {"brief": {"domain_related": False}}),
    (
        "text-is-no-language",
        {"language": "und"},
        {"baseline": "+M", "zero_shot": "-M", "few_shot": "-M", "linear_probe": "-M", "lora": "-W", "full": "-W"},
        "2,000 rows",
        {"language": "en"},
    ),
    (
        "text-is-no-language",
        {"language": "zxx"},
        {"baseline": "+M", "zero_shot": "-M", "few_shot": "-M", "linear_probe": "-M", "lora": "-W", "full": "-W"},
        "no language was recognised",
        {"language": "en"},
    ),
    (
        "text-is-no-language",
        {"language_share": 0.49},
        {"baseline": "+M", "zero_shot": "-M", "few_shot": "-M", "linear_probe": "-M", "lora": "-W", "full": "-W"},
        "49%",
        {"language_share": 0.5},
    ),
    (
        "language-not-in-model-card",
        {"language": "ha"},
        {"baseline": "+M", "zero_shot": "-M", "few_shot": "-M", "linear_probe": "-M", "lora": "-W", "full": "-W"},
        "97% of your rows read as 'ha'",
        {"language": "ha", "model": {"language": ("multilingual",)}},
    ),
    (
        "language-not-in-model-card",
        {"language": "de", "model": {"language": ("en-US", "fra")}},
        {"baseline": "+M", "zero_shot": "-M", "few_shot": "-M", "linear_probe": "-M", "lora": "-W", "full": "-W"},
        "en-US, fra",
        {"language": "fr", "model": {"language": ("en-US", "fra")}},
    ),
    (
        "language-not-in-model-card",
        {"language": "ha", "non_latin": 0.25},
        {"baseline": "+M", "zero_shot": "-M", "few_shot": "-M", "linear_probe": "-M", "lora": "-W", "full": "-W"},
        "25% of the letters",
        {"language": "ha", "model": {"language": ()}},
    ),
    (
        "tokenizer-splits-words",
        {"fertility": 1.96},
        {"baseline": "+W", "zero_shot": "-W", "few_shot": "-W", "linear_probe": "-W"},
        "2.0 tokens",
        {"fertility": 1.95},
    ),
    (
        "tokenizer-splits-words",
        {"fertility": 3.0, "non_latin": 0.49},
        {"baseline": "+W", "zero_shot": "-W", "few_shot": "-W", "linear_probe": "-W"},
        "3.0 tokens",
        {"fertility": 3.0, "non_latin": 0.5},
    ),
    (
        "rows-longer-than-context",
        {"n": 1_000, "truncated": 100},
        {"baseline": "+W", "linear_probe": "-W", "lora": "-W", "full": "-W"},
        "100 of your 1,000 rows (10%)",
        {"n": 1_000, "truncated": 99},
    ),
    (
        "rows-longer-than-context",
        {"truncated": 1_000, "context": None},
        {"baseline": "+W", "linear_probe": "-W", "lora": "-W", "full": "-W"},
        "50%",
        {"truncated": None},
    ),
    (
        "changing-facts-retrieval",
        {"brief": {"facts_change": True}},
        {"baseline": "-W", "few_shot": "+M", "linear_probe": "-W", "lora": "-S", "full": "-S"},
        "2,000 training rows",
        {},
    ),
    (
        "weights-fit-memory",
        {"kind": "causal", "brief": {"gpu_memory_gb": 2.2}},
        {name: "block" for name in PRIOR if name != "baseline"},
        "2.0 GB, over 90 % of the 2.2 GB",
        {"kind": "causal", "brief": {"gpu_memory_gb": 2.3}},
    ),
    (
        "weights-fit-memory",
        {"kind": "causal", "hardware": {"memory_bytes": 4 * GB}},
        {name: "block" for name in PRIOR if name != "baseline"},
        "4.0 GB of main memory",
        {"kind": "causal", "hardware": {"memory_bytes": 5 * GB}},
    ),
    (
        "lora-fits-memory",
        {"kind": "causal", "brief": {"gpu_memory_gb": 2.39}},
        {"lora": "block"},
        "2.2 GB",
        {"kind": "causal", "brief": {"gpu_memory_gb": 2.41}},
    ),
    (
        "full-fits-memory",
        {"kind": "causal", "hardware": {"memory_bytes": full_at(0.91)}},
        {"full": "block"},
        "16.0 GB",
        {"kind": "causal", "hardware": {"memory_bytes": full_at(0.89)}},
    ),
    (
        "full-fits-memory",
        {"kind": "causal", "hardware": {"device": "cuda", "device_name": "GPU X", "device_memory_bytes": 12 * GB}},
        {"full": "block"},
        "12.0 GB of GPU X",
        {
            "kind": "causal",
            "brief": {"gpu_memory_gb": 0},
            "hardware": {"device": "cuda", "device_name": "GPU X", "device_memory_bytes": 12 * GB},
        },
    ),
    (
        "full-fits-memory",
        {"kind": "causal", "model": {"parameters": None}, "brief": {"gpu_memory_gb": 16}},
        {"full": "block"},
        "1,000,000,000 parameters",
        {"kind": "causal", "model": {"parameters": None, "dtype": "unheard-of"}, "brief": {"gpu_memory_gb": 16}},
    ),
    (
        "full-leaves-little-memory",
        {"kind": "causal", "hardware": {"memory_bytes": full_at(0.51)}},
        {"full": "-W"},
        "16.0 GB",
        {"kind": "causal", "hardware": {"memory_bytes": full_at(0.49)}},
    ),
    (
        "full-leaves-little-memory",
        {"kind": "causal", "hardware": {"memory_bytes": full_at(0.89)}},
        {"full": "-W"},
        "16.0 GB",
        {"kind": "causal", "hardware": {"memory_bytes": full_at(0.91)}},
    ),
    (
        "limited-compute-light",
        {"brief": {"compute": "limited"}},
        {"linear_probe": "+W", "full": "-M"},
        "22,713,216 parameters",
        {"brief": {"compute": "plenty"}},
    ),
    (
        "short-latency-short-prompt",
        {"kind": "causal", "brief": {"latency_ms": 100}},
        {"few_shot": "-W"},
        "100 ms",
        {"kind": "causal", "brief": {"latency_ms": 101}},
    ),
]


def worded(effects: Any) -> dict[str, str]:
    """Write effects as the rules do: '+S' … '-S' or 'block' for each strategy."""
    sizes = {size: strength for strength, size in LOG_ODDS.items()}
    return {
        effect.strategy: "block"
        if effect.kind == "block"
        else ("+" if effect.log_odds > 0 else "-") + sizes[abs(effect.log_odds)]
        for effect in effects
    }


@pytest.mark.parametrize(("rule", "fires", "effects", "says", "silent"), CASES, ids=[case[0] for case in CASES])
def test_rule_on_both_sides_of_its_border(
    make_facts: Any, rule: str, fires: dict[str, Any], effects: dict[str, str], says: str, silent: dict[str, Any]
) -> None:
    got = BY_ID[rule].ask(make_facts(**fires))
    assert got is not None
    assert worded(got) == effects
    assert all(says in effect.because for effect in got), got[0].because
    assert not BY_ID[rule].ask(make_facts(**silent))


def test_lightest_first_steps_down_evenly(make_facts: Any) -> None:
    effects = BY_ID["lightest-first"].ask(make_facts())
    assert effects is not None
    assert [effect.strategy for effect in effects] == [
        "baseline",
        "zero_shot",
        "few_shot",
        "linear_probe",
        "lora",
        "full",
    ]
    steps = [round(a.log_odds - b.log_odds, 9) for a, b in pairwise(effects)]
    assert set(steps) == {0.2}
    assert LOG_ODDS["W"] == 2 * 0.2


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} | {"lightest-first"} == set(BY_ID)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_keeps_to_its_metadata(rule: Any, make_facts: Any) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)
    assert rule.source.strip()
    assert len(rule.title) > 10
    assert not rule.title.endswith(".")
    assert set(rule.touches) <= set(PRIOR)
    limit = LOG_ODDS[rule.strength]
    for name, fires, *_ in CASES:
        if name == rule.id:
            for effect in rule.ask(make_facts(**fires)):
                assert effect.strategy in rule.touches
                assert abs(effect.log_odds) <= limit
                assert effect.because.endswith(".")
                assert "None" not in effect.because


def test_every_touched_strategy_is_touched_by_a_case() -> None:
    for rule in RULES[1:]:
        seen = {strategy for name, _, effects, *_ in CASES if name == rule.id for strategy in effects}
        assert seen == set(rule.touches), rule.id


def test_ids_are_unique_and_the_table_lists_them_in_order() -> None:
    table = rules_table()
    assert [row["id"] for row in table] == [rule.id for rule in RULES]
    assert len(BY_ID) == len(RULES)
    assert set(table[0]) == {"id", "title", "family", "strength", "source", "strategies", "docs"}
    assert {row["family"] for row in table} == {
        "start",
        "volume",
        "prompting",
        "features",
        "tuning",
        "domain",
        "resources",
    }


def test_what_was_not_read_in_full_says_so() -> None:
    for name in ("Pecher", "Kumar", "Chen et al.", "Mosbach", "Bertsch", "Howard"):
        sources = [rule.source for rule in RULES if name in rule.source]
        assert sources
        assert all("abstract" in source for source in sources), name
    for rule in RULES:
        if rule.source.startswith("common practice"):
            assert rule.strength != "S", rule.id


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"leaks": {"test_rows_in_train": 3, "test_rows_in_train_normalised": 5, "validation_rows_in_train": 0}},
            "Train also holds 5 test rows",
        ),
        ({"duplicates": dup(7)}, "7 of 2,000 rows"),
        ({"label_conflicts": 113}, "More than one label stands with 113 texts"),
        ({"imbalance": 10.0}, "10 times"),
        ({"per_class": {"common": 1_996, "rare": 4}}, "'rare' has 4 training rows"),
        ({"brief": {"facts_change": True}}, "retrieval"),
        ({}, "no row leaves it"),
    ],
)
def test_cautions_print_the_numbers(make_facts: Any, changes: dict[str, Any], says: str) -> None:
    assert any(says in note for note in cautions(make_facts(**changes)))


def test_clean_rows_give_no_cautions(make_facts: Any) -> None:
    assert cautions(make_facts(brief={"data_may_leave": True})) == ()
