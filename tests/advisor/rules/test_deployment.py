"""Deployment: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules.deployment import RULES
from advisor.rules.groups import ADAPTERS, ALL_WEIGHTS, DEMONSTRATIONS, PARTIAL, PROMPTED
from tests.advisor.rules.cases import Case, check, check_rule, name

SHIFT, EARLY, TOP = "shift-linear-probe", "input-shift-early-layers", "output-shift-top-layers"
ALIGN, FAST, DISTIL = (
    "input-shift-domain-alignment",
    "short-latency-short-prompt",
    "serving-dominates-distillation",
)
QUICK, TEACH = "latency-wants-a-small-model", "unlabelled-rows-teach-a-small-model"
KEEP, STAY = "retention-replay", "data-stays-here"
LM = {"model_kind": "causal"}
INPUT = {"expects_shift": True, "shift_kind": "input"}
LARGE = {**LM, "model_parameters": 5_000_000_000}
LONG = (*DEMONSTRATIONS, "retrieval")
KEPT = {"ia3": 0, "lora": 0, "qlora": 0, "dora": 0, "full": 0, "tapt": -0.4, "dapt": -0.9}
SERVED = (*PROMPTED, "retrieval", "linear_probe", "setfit", *ADAPTERS, *PARTIAL, *ALL_WEIGHTS)
BLOCK = -float("inf")


def taught(by: float) -> dict[str, float]:
    return {**dict.fromkeys(SERVED, -1.6 * by), "distillation": 1.6 * by}


def quick(by: float) -> dict[str, float]:
    return {**dict.fromkeys(SERVED, -0.9 * by), "distillation": 0.9 * by}


CASES = [
    Case(SHIFT, {"expects_shift": True, "rows": 800}, {"linear_probe": 1.6, "setfit": -0.4, "full": -0.4}, "800 rows"),
    Case(SHIFT, {"expects_shift": False}),
    Case(SHIFT, {}, waits=("expects_shift",)),
    Case(EARLY, INPUT, {"early_layers": 0.9}, "shift_kind input"),
    Case(EARLY, {"expects_shift": True, "shift_kind": "output"}),
    Case(EARLY, {"expects_shift": False}),
    Case(EARLY, {"expects_shift": True}, waits=("shift_kind",)),
    Case(TOP, {"expects_shift": True, "shift_kind": "output"}, {"top_layers": 0.9, "linear_probe": 0.4}, "output"),
    Case(TOP, INPUT),
    Case(TOP, {"expects_shift": True}, waits=("shift_kind",)),
    Case(ALIGN, {**INPUT, "unlabelled_rows": 5_000}, {"domain_alignment": 0.9}, "5,000 unlabelled"),
    Case(ALIGN, {**INPUT, "unlabelled_rows": 1_225}, {"domain_alignment": 0.45}, "1,225 unlabelled"),
    Case(ALIGN, {**INPUT, "unlabelled_rows": 300}),
    Case(ALIGN, {**INPUT, "unlabelled_rows": 0}, {"domain_alignment": BLOCK}, "you have 0"),
    Case(ALIGN, {"expects_shift": False}, {"domain_alignment": -0.9}, "no shift"),
    Case(ALIGN, {"expects_shift": True, "shift_kind": "output"}),
    Case(ALIGN, INPUT, waits=("unlabelled_rows",)),
    Case(ALIGN, {}, waits=("expects_shift",)),
    Case(FAST, {**LM, "latency_ms": 50}, dict.fromkeys(LONG, -0.4), "50 ms"),
    Case(FAST, {**LM, "latency_ms": 158.114}, dict.fromkeys(LONG, -0.2), "158.114 ms"),
    Case(FAST, {**LM, "latency_ms": 500}),
    Case(FAST, {"model_kind": "encoder"}),
    Case(FAST, LM, waits=("latency_ms",)),
    Case(DISTIL, {**LARGE, "requests_per_month": 30_000_000}, taught(1), "30,000,000 requests a month"),
    Case(DISTIL, {**LARGE, "requests_per_month": 3_000_000}, taught(0.5), "3,000,000 requests a month"),
    Case(DISTIL, {**LARGE, "requests_per_month": 300_000}),
    Case(DISTIL, {**LM, "model_parameters": 1_224_744_871, "requests_per_month": 30_000_000}, taught(0.5), "1.2B"),
    Case(DISTIL, {**LM, "model_parameters": 300_000_000}),
    Case(DISTIL, {"model_kind": "encoder"}),
    Case(DISTIL, LARGE, waits=("requests_per_month",)),
    Case(DISTIL, LM, waits=("model_parameters",)),
    Case(TEACH, {**LARGE, "unlabelled_rows": 300_000}, {"distillation": 0.9}, "300,000 unlabelled rows"),
    Case(TEACH, {**LARGE, "unlabelled_rows": 30_000}, {"distillation": 0.45}, "30,000 unlabelled rows"),
    Case(TEACH, {**LARGE, "unlabelled_rows": 3_000}),
    Case(TEACH, {"model_kind": "encoder", "unlabelled_rows": 300_000}),
    Case(TEACH, LARGE, waits=("unlabelled_rows",)),
    Case(QUICK, {**LARGE, "latency_ms": 50}, quick(1), "50 ms"),
    Case(QUICK, {**LARGE, "latency_ms": 158}, quick(0.5), "158 ms"),
    Case(QUICK, {**LARGE, "latency_ms": 500}),
    Case(QUICK, {**LM, "model_parameters": 300_000_000, "latency_ms": 50}),
    Case(QUICK, {"model_kind": "encoder", "latency_ms": 50}),
    Case(QUICK, LARGE, waits=("latency_ms",)),
    Case(KEEP, {**LM, "retention_required": True, "model": "tiny"}, KEPT, "tiny to keep"),
    Case(KEEP, {**LM, "retention_required": False}),
    Case(KEEP, {"model_kind": "encoder"}),
    Case(KEEP, LM, waits=("retention_required",)),
    Case(
        STAY, {**LM, "data_may_leave": False}, dict.fromkeys((*PROMPTED, "retrieval", "distillation"), 0), "not leave"
    ),
    Case(STAY, {**LM, "data_may_leave": True}),
    Case(STAY, {"model_kind": "encoder"}),
    Case(STAY, LM, waits=("data_may_leave",)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}
