"""Kind of task, forms of adapters, and recipes: each rule on both sides of its border."""

from __future__ import annotations

import math

import pytest

from advisor.rules import adapters, recipes, task
from advisor.rules.groups import HEAVY, LORAS, PARTIAL, WHOLE
from advisor.rules.start import PRIOR
from tests.advisor.rules.cases import Case, check, name
from tests.advisor.rules.test_volume import each

BLOCK = -math.inf
RULES = (*task.RULES, *adapters.RULES, *recipes.RULES)
ENCODER = {"model_kind": "encoder", "headless_decoder": False}
CAUSAL = {"model_kind": "causal", "model": "talker"}
INSTRUCT = {**CAUSAL, "instruction_tuned": True}
CLASSIFIERS = each(("baseline", "linear_probe", "setfit"), BLOCK)
IMAGES = ("no_model", "linear_probe", "early_layers", "top_layers", "full", "distillation", "from_scratch")
NOTED = each(LORAS, 0.0)


def tuned(few: float, many: float) -> dict[str, float]:
    return each(("prompt_tuning", "ia3"), few) | each(HEAVY, many)


def lora(against_all: float) -> dict[str, float]:
    return each(LORAS, 0.4) | each(WHOLE, against_all)


CASES = [
    Case("open-answers-need-a-generator", {"task": "summarisation"}, CLASSIFIERS, "summarisation"),
    Case("open-answers-need-a-generator", {"task": "extraction"}, CLASSIFIERS, "labels of tokens"),
    Case("open-answers-need-a-generator", {"task": "question-answering", **ENCODER}, CLASSIFIERS, "question-answering"),
    Case("open-answers-need-a-generator", {"task": "code", **CAUSAL}, CLASSIFIERS, "code"),
    Case(
        "open-answers-need-a-generator",
        {"task": "generation", **ENCODER},
        CLASSIFIERS | tuned(BLOCK, BLOCK),
        "writes no text",
    ),
    Case("open-answers-need-a-generator", {}),
    Case("open-answers-need-a-generator", {"task": "image-classification"}),
    Case("open-answers-tune-from-hundreds", {"task": "code", "rows": 20}, tuned(-0.4, -0.9), "20 training rows"),
    Case("open-answers-tune-from-hundreds", {"task": "code", "rows": 100}),  # the break-even itself
    Case("open-answers-tune-from-hundreds", {"task": "code", "rows": 500}, tuned(0.4, 0.9), "500 training rows"),
    Case("open-answers-tune-from-hundreds", {"rows": 500}),
    Case("open-answers-tune-from-hundreds", {"task": "code"}, waits=("rows",)),
    Case("extraction-thousands-tune", {"task": "extraction", "rows": 1_000}),
    Case("extraction-thousands-tune", {"task": "extraction", "rows": 2_236}, each(HEAVY, 0.8), "2,236 training rows"),
    Case("extraction-thousands-tune", {"task": "extraction", "rows": 5_000}, each(HEAVY, 1.6), "5,000 training"),
    Case("extraction-thousands-tune", {"task": "summarisation", "rows": 10_000}),
    Case("extraction-thousands-tune", {"task": "extraction"}, waits=("rows",)),
    Case("written-answers-thousands-tune", {"task": "code", "rows": 500}),
    Case("written-answers-thousands-tune", {"task": "code", "rows": 1_582}, each(HEAVY, 0.45), "1,582 training rows"),
    Case(
        "written-answers-thousands-tune", {"task": "summarisation", "rows": 5_000}, each(HEAVY, 0.9), "5,000 training"
    ),
    Case("written-answers-thousands-tune", {"task": "extraction", "rows": 5_000}, each(HEAVY, 0.9), "5,000 training"),
    Case("written-answers-thousands-tune", {"rows": 5_000}),
    Case("written-answers-thousands-tune", {"task": "code"}, waits=("rows",)),
    Case(
        "images-have-no-words",
        {"task": "image-classification"},
        each(tuple(n for n in PRIOR if n not in IMAGES), BLOCK),
        "image classification",
    ),
    Case("images-have-no-words", {}),
    Case("llm-lora-default", CAUSAL, each(LORAS, 0.4), "causal LM"),
    Case("llm-lora-default", {"rows": 100, **CAUSAL}, lora(-0.9), "100 training rows"),
    Case("llm-lora-default", {"rows": 200_000, **CAUSAL}, lora(-0.9), "200,000 training rows"),
    Case("llm-lora-default", {"rows": 400_000, **CAUSAL}, lora(-0.45), "400,000 training rows"),
    Case("llm-lora-default", {"rows": 800_000, **CAUSAL}, each(LORAS, 0.4), "800,000 training rows"),
    Case("llm-lora-default", {"rows": 100, "task": "summarisation"}, lora(-0.9), "100 training rows"),
    Case("llm-lora-default", {"rows": 100, **ENCODER}),
    Case("llm-lora-default", {"rows": 100, "task": "summarisation", **ENCODER}),
    Case("llm-lora-default", {"rows": 100}, waits=("model_kind",)),
    Case("prompt-tuning-needs-rows", {"rows": 999}, {"prompt_tuning": BLOCK}, "999 training rows"),
    Case("prompt-tuning-needs-rows", {"rows": 1_000}, {"prompt_tuning": -1.6}, "1,000 training rows"),
    Case("prompt-tuning-needs-rows", {"rows": 20_000}, {"prompt_tuning": -0.8}, "20,000 training rows"),
    Case("prompt-tuning-needs-rows", {"rows": 400_000}),
    Case("prompt-tuning-needs-rows", {}, waits=("rows",)),
    Case("ia3-few-rows-instruct", {"rows": 50, **INSTRUCT}, {"ia3": 0.0, **each(HEAVY, -0.4)}, "50 training rows"),
    Case("ia3-few-rows-instruct", {"rows": 100, **INSTRUCT}, {"ia3": 0.0, **each(HEAVY, -0.2)}, "3e-3"),
    Case("ia3-few-rows-instruct", {"rows": 200, **INSTRUCT}),
    Case("ia3-few-rows-instruct", {"instruction_tuned": False, **CAUSAL}, {"ia3": -0.9}, "talker is none"),
    Case("ia3-few-rows-instruct", {"rows": 50, **ENCODER}, {"ia3": -0.9}, "the model is none"),
    Case("ia3-few-rows-instruct", {"rows": 50, **CAUSAL}, waits=("instruction_tuned",)),
    Case("ia3-few-rows-instruct", {"rows": 50}, waits=("model_kind",)),
    Case("ia3-few-rows-instruct", INSTRUCT, waits=("rows",)),
    Case(
        "dora-not-default",
        {"model_parameters": 7_000_000_000, **CAUSAL},
        {"dora": -0.4},
        "(7.0B parameters): on Llama",
    ),
    Case("dora-not-default", CAUSAL, {"dora": -0.4}, "talker"),
    Case("dora-not-default", ENCODER),
    Case("dora-not-default", {}, waits=("model_kind",)),
    Case("lora-all-linear-layers", CAUSAL, NOTED, "talker"),
    Case("lora-all-linear-layers", ENCODER),
    Case("lora-all-linear-layers", {}, waits=("model_kind",)),
    Case("lora-rank-by-task", {"task": "code", **CAUSAL}, NOTED, "rank 128 or more"),
    Case("lora-rank-by-task", CAUSAL, NOTED, "rank 16 to 32"),
    Case("lora-rank-by-task", {"language": "ha", "model_languages": ("en",), **CAUSAL}, NOTED, "'ha'"),
    Case("lora-rank-by-task", {"language": "en, ha", "model_languages": ("en",), **CAUSAL}, NOTED, "not name 'ha'"),
    Case("lora-rank-by-task", {"language": "en", "model_languages": ("en",), **CAUSAL}, NOTED, "rank 16 to 32"),
    Case("lora-rank-by-task", ENCODER),
    Case("lora-rank-by-task", {}, waits=("model_kind",)),
    Case("encoder-few-rows-seeds", {"rows": 4_999, **ENCODER}, each((*LORAS, *PARTIAL, "full"), 0.0), "4,999 training"),
    Case("encoder-few-rows-seeds", {"rows": 5_000, **ENCODER}),
    Case("encoder-few-rows-seeds", {"rows": 100, **CAUSAL}),
    Case("encoder-few-rows-seeds", {"rows": 100}, waits=("model_kind",)),
    Case("encoder-few-rows-seeds", ENCODER, waits=("rows",)),
    Case("lora-learning-rate", {"rows": 1_056}, NOTED, "99 steps of 32; give LoRA about 15 times"),
    Case("lora-learning-rate", {"rows": 1_067}, NOTED, "100 steps of 32; give LoRA about 10 times"),
    Case("lora-learning-rate", {}, waits=("rows",)),
    Case("lora-small-batches", {"gpus": 8, **CAUSAL}, NOTED, "over your 8 GPUs"),
    Case("lora-small-batches", CAUSAL, NOTED, "32 or less, accum"),
    Case("lora-small-batches", ENCODER),
    Case("lora-small-batches", {}, waits=("model_kind",)),
    Case("learning-rate-before-method", {"rows": 300}, tuned(0.0, 0.0), "300 training rows"),
    Case("learning-rate-before-method", {}, waits=("rows",)),
    Case("head-from-the-probe", {"classes": 5, **ENCODER}, each(("full", *PARTIAL), 0.0), "5 classes"),
    Case("head-from-the-probe", {"model": "bert", **ENCODER}, each(("full", *PARTIAL), 0.0), "bert"),
    Case("head-from-the-probe", CAUSAL),
    Case("head-from-the-probe", {"task": "code", **ENCODER}),
    Case("head-from-the-probe", {}, waits=("model_kind",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_rule(case: Case) -> None:
    check(RULES, case)


def test_every_rule_has_cases_that_fire_and_are_silent() -> None:
    for rule in RULES:
        assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}, rule.id


def test_recipes_change_no_odds() -> None:
    noted = [case.weights for case in CASES if case.weights and case.rule in {rule.id for rule in recipes.RULES}]
    assert {weight for weights in noted for weight in weights.values()} == {0.0}
