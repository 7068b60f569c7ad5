"""Team: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules.groups import ADAPTERS, PARTIAL, PROMPTED
from advisor.rules.team import RULES
from tests.advisor.rules.cases import Case, check, check_rule, name

NEW, LOW, NOTHING = "no-experience-light", "low-upkeep-light", "nothing-to-learn-from"
FEW, PERSON = "few-requests-no-model", "person-cheaper-than-model"
MANY = "too-many-requests-for-people"
HARD = dict.fromkeys(("distillation", "domain_alignment", "tapt", "dapt", "from_scratch"), -0.9)
TRAINED = dict.fromkeys(("setfit", *ADAPTERS, *PARTIAL, "full"), -0.4)
KEPT = dict.fromkeys(("retrieval", *ADAPTERS, *PARTIAL, "full"), -0.4)

CASES = [
    Case(
        NEW,
        {"expertise": "none"},
        {**dict.fromkeys(("baseline", *PROMPTED, "linear_probe"), 0.4), **TRAINED, **HARD},
        "none",
    ),
    Case(NEW, {"expertise": "some"}),
    Case(NEW, {}, waits=("expertise",)),
    Case(LOW, {"upkeep": "low"}, {"baseline": 0.4, "zero_shot": 0.4, **KEPT, **HARD}, "upkeep is to be low"),
    Case(LOW, {"upkeep": "high"}),
    Case(LOW, {}, waits=("upkeep",)),
    Case(NOTHING, {"rows": 0}, {"no_model": 0.9}, "0 labelled rows"),
    Case(NOTHING, {"rows": 2}, {"no_model": 0.9}, "2 labelled rows"),
    Case(NOTHING, {"rows": 8}, {"no_model": 0.43}, "8 labelled rows"),
    Case(NOTHING, {"rows": 30}),
    Case(NOTHING, {}, waits=("rows",)),
    Case(FEW, {"requests_per_month": 60}, {"no_model": 0.9}, "60 requests a month"),
    Case(FEW, {"requests_per_month": 240}, {"no_model": 0.43}, "240 requests a month"),
    Case(FEW, {"requests_per_month": 900}),
    Case(FEW, {}, waits=("requests_per_month",)),
    Case(PERSON, {"requests_per_month": 60, "label_price": 0.4}, {"no_model": 1.6}, "288 a year"),
    Case(PERSON, {"requests_per_month": 300, "label_price": 0.4811}, {"no_model": 0.8}, "1,732 a year"),
    Case(PERSON, {"requests_per_month": 9_480, "label_price": 0}, {"no_model": 0.8}, "9,480 requests"),
    Case(PERSON, {"requests_per_month": 1_500, "label_price": 1}),
    Case(PERSON, {"requests_per_month": 30_000}),
    Case(PERSON, {"requests_per_month": 150}, waits=("label_price",)),
    Case(PERSON, {}, waits=("requests_per_month",)),
    Case(MANY, {"requests_per_month": 3_000_000}, {"no_model": -1.6}, "300 persons"),
    Case(MANY, {"requests_per_month": 300_000}, {"no_model": -0.8}, "30 persons"),
    Case(MANY, {"requests_per_month": 30_000}),
    Case(MANY, {}, waits=("requests_per_month",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}
