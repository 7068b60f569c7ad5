"""Knowledge and stability: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules import knowledge, stability
from advisor.rules.groups import PROMPTED, TUNED
from tests.advisor.rules.cases import Case, check, check_rule, name

RULES = (*knowledge.RULES, *stability.RULES)
FACTS, SMALL, TESTS = "changing-facts-retrieval", "small-model-little-knowledge", "few-test-rows"
QA = {"task": "question-answering", "model_kind": "causal"}
TRAINED = (*TUNED, "distillation", "from_scratch")
BLOCK = -float("inf")
CHANGING = {
    "retrieval": 1.6,
    "baseline": -0.4,
    "linear_probe": -0.4,
    "setfit": -0.4,
    **dict.fromkeys(TRAINED, -1.6),
}


def little(by: float) -> dict[str, float]:
    return {
        "zero_shot": -0.9 * by,
        "few_shot": -0.4 * by,
        "many_shot": -0.4 * by,
        "retrieval": 0.4 * by,
        **dict.fromkeys(TUNED, -0.4 * by),
    }


NOTED = dict.fromkeys(("baseline", "linear_probe", "setfit", "lora", "full"), 0.0)

CASES = [
    Case(FACTS, {"facts_change": True, "rows": 1_200}, CHANGING, "your 1,200 rows goes stale"),
    Case(
        FACTS,
        {**QA, "facts_change": True},
        {**CHANGING, **dict.fromkeys(PROMPTED, -1.6), **dict.fromkeys(TRAINED, BLOCK)},
        "fixed prompt",
    ),
    Case(
        FACTS,
        {"task": "generation", "facts_change": True, "rows": 0},
        {**CHANGING, **dict.fromkeys(PROMPTED, -1.6)},
        "facts; what is tuned in goes stale",
    ),
    Case(FACTS, {"facts_change": False}),
    Case(FACTS, {}, waits=("facts_change",)),
    Case(SMALL, {**QA, "model_parameters": 1_000_000_000}, little(1), "1.0B parameters"),
    Case(SMALL, {**QA, "model_parameters": 2_828_427_125}, little(0.5), "2.8B parameters"),
    Case(SMALL, {**QA, "model_parameters": 8_000_000_000}),
    Case(SMALL, {**QA, "model_kind": "encoder"}),
    Case(SMALL, {"model_kind": "causal"}),
    Case(SMALL, QA, waits=("model_parameters",)),
    Case(TESTS, {"rows": 1_000, "train_share": 0.7}, NOTED, "About 200 of your 1,000 rows are for the test"),
    Case(TESTS, {"rows": 300, "train_share": 0.7}, NOTED, "too few to show any difference under 10 points;"),
    Case(TESTS, {"rows": 1_530, "train_share": 0.7}, NOTED, "5.1 points"),
    Case(TESTS, {"rows": 39_210, "train_share": 0.7}),
    Case(TESTS, {"rows": 3, "train_share": 0.7}),
    Case(TESTS, {}, waits=("rows",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}
