"""Whether to transfer: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules.base import Rule
from advisor.rules.groups import TRANSFERS
from advisor.rules.transfer import RULES
from tests.advisor.rules.cases import Case, check, check_rule, name

NO_LIFT, SCRATCH, FAR = "no-lift-no-transfer", "unrelated-domain-from-scratch", "far-domain-very-many-rows"
FROM_ROWS = {"no_model": -0.9, "baseline": -0.9, "from_scratch": 1.6}
NOTHING = {"baseline": 0.9, **{strategy: -0.9 for strategy in TRANSFERS if strategy != "from_scratch"}}


def graded(nats: dict[str, float], by: float) -> dict[str, float]:
    return {strategy: by * weight for strategy, weight in nats.items()}


CASES = [
    Case(NO_LIFT, {"probe_lift": 0.01, "pretraining_lift": -0.02}, NOTHING, "1.0 points, and tuning 2.0 behind"),
    Case(NO_LIFT, {"probe_lift": 0.044721, "pretraining_lift": 0}, graded(NOTHING, 0.5), "4.5 points"),
    Case(NO_LIFT, {"probe_lift": 0.02, "pretraining_lift": 0.012247}, graded(NOTHING, 0.5), "by 1.2; no"),
    Case(NO_LIFT, {"probe_lift": 0.1, "pretraining_lift": 0}),
    Case(NO_LIFT, {"probe_lift": 0.01, "pretraining_lift": 0.03}),
    Case(NO_LIFT, {"probe_lift": 0.01}, waits=("pretraining_lift",)),
    Case(NO_LIFT, {}, waits=("probe_lift",)),
    Case(SCRATCH, {"domain_related": False, "rows": 1_000_000}, {"from_scratch": 0.9}, "and 1,000,000 a model"),
    Case(SCRATCH, {"domain_related": False, "rows": 100_000}, {"from_scratch": 0.45}, "100,000 training rows"),
    Case(SCRATCH, {"domain_related": False, "rows": 10_000}),
    Case(SCRATCH, {"domain_related": True, "rows": 10**6}),
    Case(SCRATCH, {"domain_related": False}, waits=("rows",)),
    Case(SCRATCH, {}, waits=("domain_related",)),
    Case(FAR, {"language": "zxx", "rows": 3_000_000}, FROM_ROWS, "far from your 3,000,000 training rows"),
    Case(FAR, {"domain_related": False, "rows": 547_723}, graded(FROM_ROWS, 0.5), "547,723"),
    Case(FAR, {"language": "en", "language_share": 0.4583, "rows": 3_000_000}, graded(FROM_ROWS, 0.5), "far from"),
    Case(FAR, {"domain_related": False, "rows": 100_000}),
    Case(FAR, {"domain_related": True, "language": "en", "rows": 3_000_000}),
    Case(FAR, {"domain_related": False}, waits=("rows",)),
    Case(FAR, {"language": "zxx"}, waits=("domain_related", "rows")),
    Case(FAR, {"rows": 3_000_000}, waits=("domain_related", "language")),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule: Rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}
