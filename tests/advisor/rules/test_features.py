"""Frozen features: each rule on both sides of its band and in its middle."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.engine import weigh, winner
from advisor.facts import Facts
from advisor.rules import features
from advisor.rules.groups import LIGHT, LORAS, PARTIAL, TRAINED, WHOLE
from advisor.rules.start import PRIOR
from tests.advisor.rules.cases import Case, check, facts_of, name
from tests.advisor.rules.test_volume import ALL_OURS, each

SENTENCES = {"model_kind": "encoder", "sentence_encoder": True, "headless_decoder": False}
ENCODER = {"model_kind": "encoder", "sentence_encoder": False, "headless_decoder": False}
CAUSAL = {"model_kind": "causal", "sentence_encoder": False}
HEADLESS = {"model_kind": "encoder", "sentence_encoder": False, "headless_decoder": True}


def few(by: float) -> dict[str, float]:
    return each((*LIGHT, *LORAS, *PARTIAL), -0.4 * by) | each(WHOLE, -0.9 * by)


CASES = [
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 48, "classes": 6, **SENTENCES},
        each(TRAINED, -0.9),
        "8 training",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 6, "classes": 6, **SENTENCES},
        each(TRAINED, -0.9),
        "1 training",
    ),
    Case("frozen-features-8-to-64-per-class", {"rows": 162, "classes": 6, **SENTENCES}),  # 27: both alike
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 384, "classes": 6, **SENTENCES},
        each(TRAINED, 1.42),
        "64",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 546, "classes": 6, **SENTENCES},
        each(TRAINED, 1.6),
        "91",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 48, "classes": 6, **ENCODER},
        each(TRAINED, -0.4),
        "6 classes",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 546, "classes": 6, **ENCODER},
        each(TRAINED, 1.6),
        "91",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 48, "classes": 6, **CAUSAL},
        each(TRAINED, -0.4),
        "8 train",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 48, "classes": 6, **HEADLESS},
        each(TRAINED, -0.4),
        "8 training",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 600, "classes": 6, "task": "image-classification"},
        each((*LIGHT, *LORAS, *PARTIAL), 0.4) | each(WHOLE, 0.9),
        "On average your 6 classes have 100 training rows; from about 27 on (8 to 91), tuning overtakes frozen "
        "features (measured on texts with a sentence encoder).",
    ),
    Case(
        "frozen-features-8-to-64-per-class",
        {"rows": 96, "classes": 6, "median_class_share": 0.5, "instruction_tuned": True, **CAUSAL},
        each((*PARTIAL, *WHOLE), -0.4),
        "The median of your 6 classes has 8 training rows",
    ),
    Case("frozen-features-8-to-64-per-class", {"rows": 48, "task": "code", **SENTENCES}),
    Case("frozen-features-8-to-64-per-class", {"rows": 48, "classes": 6}, waits=("model_kind",)),
    Case("frozen-features-8-to-64-per-class", {"rows": 48, **SENTENCES}, waits=("classes",)),
    Case("frozen-features-8-to-64-per-class", SENTENCES, waits=("rows",)),
    Case("frozen-features-under-8-per-class", {"rows": 8, "classes": 2}, few(1), "4 training rows"),
    Case("frozen-features-under-8-per-class", {"rows": 16, "classes": 2}, few(0.5), "8 training rows"),
    Case("frozen-features-under-8-per-class", {"rows": 32, "classes": 2}),
    Case("frozen-features-under-8-per-class", {"rows": 8, "task": "code"}),
    Case("frozen-features-under-8-per-class", {"classes": 2}, waits=("rows",)),
    Case("frozen-features-under-8-per-class", {"rows": 8}, waits=("classes",)),
    Case("sentence-encoder-features", {"model": "minilm", **SENTENCES}, {"linear_probe": 0.9}, "minilm"),
    Case("sentence-encoder-features", ENCODER),
    Case("sentence-encoder-features", {"task": "code", **SENTENCES}),
    Case("sentence-encoder-features", {}),
    Case("setfit-few-rows-per-class", {"rows": 48, "classes": 6, **SENTENCES}, {"setfit": 1.6}, "average class has 8"),
    Case("setfit-few-rows-per-class", {"model": "minilm", **SENTENCES}, {"setfit": 1.6}, "minilm"),
    Case("setfit-few-rows-per-class", {"model": "bert", **ENCODER}, {"setfit": -0.9}, "bert is none"),
    Case("setfit-few-rows-per-class", {"model": "talker", "model_kind": "causal"}, {"setfit": -0.9}, "talker is none"),
    Case("setfit-few-rows-per-class", {"model_kind": "encoder"}),
    Case("setfit-few-rows-per-class", {"task": "code", **SENTENCES}),
    Case("setfit-few-rows-per-class", {}, waits=("model_kind",)),
    Case("tuning-outgrows-setfit", {"rows": 128, "classes": 2, **ENCODER}),
    Case("tuning-outgrows-setfit", {"rows": 506, "classes": 2, **ENCODER}, each(TRAINED, 0.45), "253 training rows"),
    Case("tuning-outgrows-setfit", {"rows": 2_000, "classes": 2, **SENTENCES}, each(TRAINED, 0.9), "1,000 training"),
    Case("tuning-outgrows-setfit", {"rows": 2_000, "classes": 2, "language": "zxx", **ENCODER}),
    Case("tuning-outgrows-setfit", {"rows": 2_000, "classes": 2, **CAUSAL}),
    Case("tuning-outgrows-setfit", {"rows": 2_000, **ENCODER}, waits=("classes",)),
    Case("tuning-outgrows-setfit", {"rows": 2_000, "classes": 2}, waits=("model_kind",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_features(case: Case) -> None:
    check(features.RULES, case)


def test_every_rule_has_cases_that_fire_and_are_silent() -> None:
    for rule in features.RULES:
        assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}, rule.id


def test_few_rows_per_class_keep_a_sentence_encoder_frozen_and_many_tune_it() -> None:
    small = {"model_parameters": 110_000_000, **SENTENCES}
    eight = weigh(facts_of({"rows": 48, "classes": 6, **small}), tuple(PRIOR), ALL_OURS)
    assert min(eight["linear_probe"], eight["setfit"]) > max(eight["lora"], eight["full"], eight["baseline"])
    sixty_four = weigh(facts_of({"rows": 384, "classes": 6, **small}), tuple(PRIOR), ALL_OURS)
    assert sixty_four["lora"] > max(sixty_four["linear_probe"], sixty_four["setfit"])
    thousands = weigh(facts_of({"rows": 30_000, "classes": 6, **small}), tuple(PRIOR), ALL_OURS)
    assert max(thousands, key=thousands.__getitem__) == "full"


@pytest.mark.parametrize("kind", [{}, {"model_kind": "encoder", "model_parameters": 86_000_000}])
def test_images_are_tuned_in_full_from_about_a_thousand_rows_of_ten_classes(kind: dict[str, Any]) -> None:
    firsts = {
        rows: winner(Facts(task="image-classification", rows=rows, classes=10, **kind), tuple(PRIOR))
        for rows in (300, 1_000, 1_500, 20_000)
    }
    assert firsts == {300: "linear_probe", 1_000: "full", 1_500: "full", 20_000: "full"}


@pytest.mark.parametrize("rows", [60, 100])
def test_tens_of_rows_put_lora_among_the_first_three_of_an_instruct_model(rows: int) -> None:
    facts = Facts(
        rows=rows, classes=3, model_kind="causal", instruction_tuned=True, model_parameters=8_000_000_000,
        gpu_memory_gb=24,
    )  # fmt: skip
    totals = weigh(facts, tuple(PRIOR))
    assert {"ia3", "lora", "qlora"} & set(sorted(totals, key=totals.__getitem__, reverse=True)[:3])
