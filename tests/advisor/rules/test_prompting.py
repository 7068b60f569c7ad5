"""Prompting: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules.groups import DEMONSTRATIONS, PROMPTED, TRAINED, TUNED, UNTRAINED
from advisor.rules.prompting import RULES
from tests.advisor.rules.cases import Case, check, check_rule, name

LM = {"model_kind": "causal"}
CHAT = {"model_kind": "causal", "instruction_tuned": True}
BASE = {"model_kind": "causal", "instruction_tuned": False}
MANY = {**LM, "classes": 40, "context": 8_192, "input_tokens": 20, "requests_per_month": 9_000}
BLOCK = -float("inf")


def all_of(names: tuple[str, ...], nats: float) -> dict[str, float]:
    return dict.fromkeys(names, nats)


def overtaken(by: float) -> dict[str, float]:
    return all_of(UNTRAINED, -0.9 * by) | all_of(TRAINED, 0.9 * by)


NEEDS, FIT, LARGE = "prompting-needs-causal-lm", "demonstrations-fit-context", "large-label-set-many-shot"
PEFT, SCORE, FIRST = "peft-over-in-context", "prompted-score-against-tuning", "measure-a-prompt-first"
INSTRUCT, SIBLING = "instruct-over-base", "base-model-few-rows"
TARGET = "prompt-reaches-target"
TAUGHT = ("setfit", *TUNED, "distillation", "from_scratch")
REACHED = {**all_of(PROMPTED, 1.6), **all_of(TAUGHT, -1.6)}
MORE = {"few_shot": -0.9, "few_shot_retrieved": 0.9, "many_shot": 0.9}
HALF = {name: nats / 2 for name, nats in MORE.items()}
NO_PROMPTS = all_of((*PROMPTED, "retrieval"), BLOCK)

CASES = [
    Case(NEEDS, {"model_kind": "encoder", "model": "minilm"}, NO_PROMPTS, "minilm is an encoder"),
    Case(NEEDS, {**LM, "headless_decoder": True, "architecture": "GPT2Model"}, NO_PROMPTS, "head (GPT2Model)"),
    Case(NEEDS, {**LM, "headless_decoder": False}),
    Case(NEEDS, {}, waits=("model_kind",)),
    Case(FIT, {**LM, "context": 1_024, "input_tokens": 513}, all_of(DEMONSTRATIONS, BLOCK), "1,026 tokens"),
    Case(FIT, {**LM, "context": 1_024, "input_tokens": 512}, {"many_shot": -1.6}, "1 example "),
    Case(FIT, {**LM, "context": 6_656, "input_tokens": 1_000}, {"many_shot": -0.8}, "5 examples"),
    Case(FIT, {**LM, "context": 17_000, "input_tokens": 1_000}),
    Case(FIT, {"model_kind": "encoder"}),
    Case(FIT, {**LM, "context": 1_024}, waits=("input_tokens",)),
    Case(LARGE, MANY, MORE, "40 classes takes about 820"),
    Case(LARGE, {**MANY, "classes": 20}, HALF, "9,000 times a month"),
    Case(LARGE, {**MANY, "classes": 10}),
    Case(LARGE, {**MANY, "requests_per_month": 30}, MORE, "reads, 30 times a month"),
    Case(LARGE, {**MANY, "requests_per_month": 28_470}, HALF, "28,470 times"),
    Case(LARGE, {**MANY, "requests_per_month": 90_000}),
    Case(LARGE, {**MANY, "context": 819}),
    Case(LARGE, {**MANY, "task": "summarisation"}),
    Case(LARGE, {**MANY, "requests_per_month": None}, waits=("requests_per_month",)),
    Case(LARGE, LM, waits=("classes",)),
    Case(LARGE, {}, waits=("model_kind",)),
    Case(PEFT, {**CHAT, "rows": 40}, overtaken(1), "40 training rows"),
    Case(PEFT, {**CHAT, "rows": 20}, overtaken(0.5), "20 training rows"),
    Case(PEFT, {**CHAT, "rows": 100_000}, overtaken(1), "100,000 training rows"),
    Case(PEFT, {**CHAT, "rows": 10}),
    Case(PEFT, {**CHAT, "rows": 60, "prompted_score": 0.8}),
    Case(PEFT, {**CHAT, "rows": 100, "classes": 10}, overtaken(0.5), "100 training rows"),
    Case(PEFT, {**BASE, "rows": 60}),
    Case(PEFT, {**CHAT, "rows": 60, "task": "summarisation"}),
    Case(PEFT, CHAT, waits=("rows",)),
    Case(PEFT, LM, waits=("instruction_tuned",)),
    Case(SCORE, {"prompted_score": 0.77}, all_of(("setfit", *TUNED), 0.9), "scores 0.77;"),
    Case(SCORE, {"prompted_score": 0.93}, {**all_of(PROMPTED, 0.9), **all_of(TAUGHT, -1.6)}, "already scores 0.93;"),
    Case(
        SCORE,
        {"prompted_score": 0.8462},
        {**all_of(PROMPTED, 0.45), **all_of(TAUGHT, -0.8), **all_of(("setfit", *TUNED), -0.35)},
        "0.846",
    ),
    Case(SCORE, {}, waits=("prompted_score",)),
    Case(TARGET, {"prompted_score": 0.92, "target": 0.9}, REACHED, "your target of 0.9: it scores 0.92"),
    Case(
        TARGET,
        {"prompted_score": 0.9, "target": 0.9},
        {name: 0.5075 * nats for name, nats in REACHED.items()},
        "target of 0.9",
    ),
    Case(
        TARGET,
        {"prompted_score": 0.892, "target": 0.9},
        {name: 0.1935 * nats for name, nats in REACHED.items()},
        "comes near your target of 0.9",
    ),
    Case(TARGET, {"prompted_score": 0.88, "target": 0.9}),
    Case(TARGET, {"prompted_score": 0.88, "target": 0}),
    Case(TARGET, {"prompted_score": 0.88}),
    Case(TARGET, {"target": 0.9}, waits=("prompted_score",)),
    Case(FIRST, LM, {"zero_shot": 0, "few_shot": 0}, "0, 3 and 10 examples"),
    Case(FIRST, {**LM, "prompted_score": 0.7}),
    Case(FIRST, {"model_kind": "encoder"}),
    Case(FIRST, {}, waits=("model_kind",)),
    Case(INSTRUCT, CHAT, all_of((*PROMPTED, "retrieval"), 0.4), "instruction-tuned"),
    Case(INSTRUCT, BASE, {"zero_shot": -0.4, "retrieval": -0.4}, "base model"),
    Case(INSTRUCT, {"model_kind": "encoder"}),
    Case(INSTRUCT, LM, waits=("instruction_tuned",)),
    Case(SIBLING, {**BASE, "rows": 300}, all_of(TRAINED, -0.4), "300 training rows"),
    Case(SIBLING, {**BASE, "rows": 949}, all_of(TRAINED, -0.2), "949 training rows"),
    Case(SIBLING, {**BASE, "rows": 3_000}),
    Case(SIBLING, {**CHAT, "rows": 100}),
    Case(SIBLING, BASE, waits=("rows",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}
