"""Volume: each rule on both sides of its band and in its middle, and that more rows never speak for less."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.engine import weigh, winner
from advisor.rules import adapters, features, recipes, start, task, tuning, volume
from advisor.rules.base import Rule
from advisor.rules.groups import HEAVY, LIGHT, LORAS, PARTIAL, TRAINED, WHOLE
from advisor.rules.start import PRIOR
from tests.advisor.rules.cases import Case, check, check_effects, check_rule, facts_of, name, weights

BLOCK = -math.inf
NAMES = tuple(PRIOR)
OURS: tuple[Rule, ...] = (
    *task.RULES,
    *volume.RULES,
    *features.RULES,
    *tuning.RULES,
    *adapters.RULES,
    *recipes.RULES,
)
ALL_OURS = (*start.RULES, *OURS)


def each(names: tuple[str, ...], weight: float) -> dict[str, float]:
    return dict.fromkeys(names, weight)


def in_context(by: float) -> dict[str, float]:
    return each((*LORAS, *PARTIAL), -0.4 * by) | each(WHOLE, -0.9 * by)


def tuned(frozen: float, few: float, many: float) -> dict[str, float]:
    return each(("linear_probe", "setfit"), frozen) | each(LIGHT, few) | each(HEAVY, many)


OVERTAKING = ("linear_probe", "setfit", *TRAINED)
PLENTY = {"compute": "plenty"}
ENCODER = {"model_kind": "encoder"}
LEARNERS = tuple(n for n in NAMES if n != "no_model")
BASE = {"model_kind": "causal", "instruction_tuned": False}
INSTRUCT = {"model_kind": "causal", "instruction_tuned": True}
SHOP = {"classes": 4}

CASES = [
    Case(
        "no-rows-no-learning",
        {"rows": 0},
        each(tuple(n for n in NAMES if n not in ("no_model", "zero_shot", "retrieval")), BLOCK),
        "0 labelled",
    ),
    Case("no-rows-no-learning", {"rows": 1}),
    Case("no-rows-no-learning", {}, waits=("rows",)),
    Case("way-out-of-no-model", {"rows": 0, **ENCODER}, {"no_model": 0.0}, "label twenty rows, or name an instruction"),
    Case("way-out-of-no-model", {"rows": 5, "task": "extraction", **ENCODER}, {"no_model": 0.0}, "5 training rows"),
    Case("way-out-of-no-model", {"rows": 1, "classes": 2, **ENCODER}, {"no_model": 0.0}, "rows of each class"),
    Case("way-out-of-no-model", {"task": "code", **ENCODER}, {"no_model": 0.0}, "writes no text; name a causal LM"),
    Case("way-out-of-no-model", {"rows": 0, "task": "image-classification"}, {"no_model": 0.0}, "label twenty rows."),
    Case("way-out-of-no-model", {"rows": 0, **BASE}),
    Case("way-out-of-no-model", {"rows": 20, "classes": 2, **ENCODER}),
    Case("way-out-of-no-model", {"rows": 20, "task": "extraction", **ENCODER}),
    Case("way-out-of-no-model", ENCODER, waits=("rows",)),
    Case("way-out-of-no-model", {"rows": 20}, waits=("model_kind",)),
    Case("every-class-needs-a-row", {"rows": 9, "classes": 10, **ENCODER}, each(LEARNERS, BLOCK), "0.9 training rows"),
    Case("every-class-needs-a-row", {"rows": 10, "classes": 10, **ENCODER}, each(LEARNERS, -1.6), "1 training row"),
    Case(
        "every-class-needs-a-row",
        {"rows": 9, "classes": 10, "task": "image-classification"},
        each(LEARNERS, BLOCK),
        "0.9 training rows",
    ),
    Case("every-class-needs-a-row", {"rows": 20, "classes": 10, **ENCODER}),
    Case("every-class-needs-a-row", {"rows": 9, "classes": 10, **BASE}),
    Case("every-class-needs-a-row", {"rows": 9, **ENCODER}, waits=("classes",)),
    Case("every-class-needs-a-row", {"rows": 9, "classes": 10}, waits=("model_kind",)),
    Case("rows-as-demonstrations", {"rows": 1}, {"few_shot": 0.9}, "1 training row"),
    Case("rows-as-demonstrations", {"rows": 100_000}, {"few_shot": 0.9}, "100,000"),
    Case("rows-as-demonstrations", {"rows": 0}),
    Case("rows-as-demonstrations", {"rows": 9, "model_kind": "encoder"}),
    Case("rows-as-demonstrations", {}, waits=("rows",)),
    Case("volume-under-100-in-context", {"rows": 50}, in_context(1), "50 training rows"),
    Case("volume-under-100-in-context", {"rows": 100}, in_context(0.5), "between 50 and 200"),
    Case("volume-under-100-in-context", {"rows": 180}, in_context(0.0168), "180"),
    Case(
        "volume-under-100-in-context",
        {"rows": 50, **INSTRUCT},
        each(PARTIAL, -0.4) | each(WHOLE, -0.9),
        "50 training rows",
    ),
    Case("volume-under-100-in-context", {"rows": 200}),
    Case("volume-under-100-in-context", {}, waits=("rows",)),
    Case("volume-100-to-10000-peft", {"rows": 5}, each(WHOLE, -0.4), "5 training rows"),
    Case("volume-100-to-10000-peft", {"rows": 5_000}, each(WHOLE, -0.4), "5,000 training rows"),
    Case("volume-100-to-10000-peft", {"rows": 10_000}, each(WHOLE, -0.2), "10,000 training rows"),
    Case("volume-100-to-10000-peft", {"rows": 20_000}),
    Case("volume-100-to-10000-peft", {"rows": 5_000, **ENCODER}),
    Case(
        "volume-100-to-10000-peft", {"rows": 5_000, "task": "image-classification", **ENCODER}, each(WHOLE, -0.4), "5"
    ),
    Case("volume-100-to-10000-peft", {}, waits=("rows",)),
    Case("volume-over-10000-full", {"rows": 10_000, **PLENTY}, each(WHOLE, 0.2), "10,000 training rows and plenty"),
    Case("volume-over-10000-full", {"rows": 20_000, **PLENTY}, each(WHOLE, 0.4), "20,000"),
    Case(
        "volume-over-10000-full",
        {"rows": 20_000, "model_parameters": 22_713_216},
        each(WHOLE, 0.4),
        "a small model (23M parameters)",
    ),
    Case("volume-over-10000-full", {"rows": 20_000, "model_parameters": 200_000_000}, each(WHOLE, 0.2), "200M"),
    Case("volume-over-10000-full", {"rows": 5_000, **PLENTY}),
    Case("volume-over-10000-full", {"rows": 5_000}),
    Case("volume-over-10000-full", {"rows": 20_000, "compute": "limited"}, waits=("model_kind",)),
    Case("volume-over-10000-full", {"rows": 20_000, **PLENTY, **ENCODER}),
    Case("volume-over-10000-full", {"rows": 20_000}, waits=("compute", "model_kind", "model_parameters")),
    Case(
        "volume-over-10000-full",
        {"rows": 20_000, "model_parameters": 7_000_000_000},
        waits=("compute", "model_kind"),
    ),
    Case("volume-over-10000-full", PLENTY, waits=("rows",)),
    Case("few-rows-per-class-no-tuning", {"rows": 9}, each(TRAINED, BLOCK), "9 training rows"),
    Case("few-rows-per-class-no-tuning", {"rows": 40, "classes": 10}, each(TRAINED, BLOCK), "4 training rows"),
    Case(
        "few-rows-per-class-no-tuning",
        {"rows": 50, "classes": 10},
        each(TRAINED, -0.9),
        "5 rows of the average class",
    ),
    Case(
        "few-rows-per-class-no-tuning",
        {"rows": 100, "classes": 10},
        each(TRAINED, -0.45),
        "100 training rows",
    ),
    Case("few-rows-per-class-no-tuning", {"rows": 20, "classes": 1}, each(TRAINED, -0.45), "20 training rows"),
    Case("few-rows-per-class-no-tuning", {"rows": 200, "classes": 10}),
    Case(
        "few-rows-per-class-no-tuning",
        {"rows": 10, "task": "generation"},
        each(TRAINED, -0.9),
        "10 training rows",
    ),
    Case("few-rows-per-class-no-tuning", {"rows": 40, "task": "generation"}),
    Case("few-rows-per-class-no-tuning", {"rows": 40}, waits=("classes",)),
    Case("few-rows-per-class-no-tuning", {"rows": 20}, each(TRAINED, -0.45), "20 training rows"),
    Case(
        "few-rows-per-class-no-tuning",
        {"rows": 9, "model_kind": "causal", "unlabelled_rows": 1},
        each(tuple(n for n in TRAINED if n != "distillation"), BLOCK),
        "9 training rows",
    ),
    Case("few-rows-per-class-no-tuning", {"classes": 4}, waits=("rows",)),
    Case("small-tuned-beats-prompting", {"rows": 50, **SHOP}, tuned(-0.4, -0.9, -1.6), "50 training rows"),
    Case("small-tuned-beats-prompting", {"rows": 100, **BASE, **SHOP}),  # the break-even itself
    Case(
        "small-tuned-beats-prompting",
        {"rows": 50, **INSTRUCT, **SHOP},
        each(("linear_probe", "setfit"), -0.4) | each((*PARTIAL, *WHOLE), -1.6),
        "50 training rows for 4 classes; between 50 and 200 training rows and with 5 to 20 of each class, tuned",
    ),
    Case(
        "small-tuned-beats-prompting",
        {"rows": 100, **INSTRUCT, **SHOP},
        each(LIGHT, 0.45) | each(LORAS, 0.8),
        "100 training rows",
    ),
    Case("small-tuned-beats-prompting", {"rows": 200, **INSTRUCT, **SHOP}, tuned(0.4, 0.9, 1.6), "200 training rows"),
    Case("small-tuned-beats-prompting", {"rows": 200, **SHOP}, tuned(0.4, 0.9, 1.6), "200 training rows"),
    Case("small-tuned-beats-prompting", {"rows": 150, "classes": 2}, tuned(-0.4, -0.9, -1.6), "150 training rows"),
    Case("small-tuned-beats-prompting", {"rows": 300, **BASE, "classes": 2}),
    Case("small-tuned-beats-prompting", {"rows": 600, "classes": 2}, tuned(0.4, 0.9, 1.6), "2 classes"),
    Case("small-tuned-beats-prompting", {"rows": 600}, tuned(0.4, 0.9, 1.6), "600 training rows"),
    Case("small-tuned-beats-prompting", {"rows": 10}, tuned(-0.4, -0.9, -1.6), "10 training rows"),
    Case("small-tuned-beats-prompting", {"rows": 300}, waits=("classes", "model_kind")),
    Case("small-tuned-beats-prompting", {"rows": 300, "model_kind": "causal"}, waits=("classes", "instruction_tuned")),
    Case("small-tuned-beats-prompting", {"rows": 50, **ENCODER, **SHOP}),
    Case("small-tuned-beats-prompting", {"rows": 100, **ENCODER, **SHOP}, each(OVERTAKING, 0.45), "100 training rows"),
    Case("small-tuned-beats-prompting", {"rows": 300, **ENCODER}, each(OVERTAKING, 0.45), "between 150 and 600"),
    Case("small-tuned-beats-prompting", {"rows": 600, **ENCODER, "classes": 2}, each(OVERTAKING, 0.9), "2 classes"),
    Case("small-tuned-beats-prompting", {"rows": 600, **ENCODER, "language": "zxx"}, waits=("classes",)),
    Case("small-tuned-beats-prompting", {"rows": 385, "classes": 77, **BASE}),  # 5 of each: neither ahead nor behind
    Case("small-tuned-beats-prompting", {"rows": 770, "classes": 77, **ENCODER}, each(OVERTAKING, 0.45), "770"),
    Case(
        "small-tuned-beats-prompting",
        {"rows": 600, **ENCODER, "language": "en", "domain_related": False},
        each(OVERTAKING, 0.45),
        "600 training rows",
    ),
    Case("small-tuned-beats-prompting", {"model_kind": "causal", **SHOP}, waits=("rows",)),
    Case("small-tuned-beats-prompting", {"rows": 300, "task": "generation"}),
    Case("duplicates-shrink-volume", {"rows": 1_000, "duplicate_share": 0.05}),
    Case(
        "duplicates-shrink-volume",
        {"rows": 1_000, "duplicate_share": 0.1},
        each(TRAINED, -0.2),
        "10% of your 1,000",
    ),
    Case("duplicates-shrink-volume", {"duplicate_share": 0.2}, each(TRAINED, -0.4), "20% of your rows"),
    Case("duplicates-shrink-volume", {"rows": 1_000}),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_volume(case: Case) -> None:
    check(volume.RULES, case)


def test_every_rule_has_cases_that_fire_and_are_silent() -> None:
    for rule in volume.RULES:
        assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}, rule.id


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id)
def test_what_every_rule_owes_its_reader(rule: Rule) -> None:
    check_rule(rule)


def test_ids_are_unique() -> None:
    assert len({rule.id for rule in ALL_OURS}) == len(ALL_OURS)


# More rows


ROWS = st.integers(1, 1_000_000) | st.sampled_from(
    [9, 10, 11, 49, 50, 100, 200, 499, 999, 1_000, 5_000, 10_000, 20_000, 400_000, 800_000]
)
OTHERS = st.fixed_dictionaries(
    {
        "task": st.sampled_from(
            ["text-classification"] * 4 + ["extraction", "summarisation", "question-answering", "code"]
        ),
        "classes": st.sampled_from([None, 1, 2, 3, 6, 20, 77, 500]),
        "model_kind": st.sampled_from([None, "encoder", "causal"]),
        "model_parameters": st.sampled_from([None, 22_000_000, 400_000_000, 7_000_000_000]),
        "instruction_tuned": st.sampled_from([None, True, False]),
        "sentence_encoder": st.sampled_from([None, True, False]),
        "headless_decoder": st.sampled_from([None, True, False]),
        "compute": st.sampled_from([None, "limited", "plenty"]),
        "retention_required": st.sampled_from([None, True]),
        "duplicate_share": st.sampled_from([None, 0.1]),
        "conflict_share": st.sampled_from([None, 0.5]),
        "median_class_share": st.sampled_from([None, 0.2, 1.0]),
        "train_share": st.sampled_from([0.7, 1.0]),
    }
)
SETTINGS = settings(max_examples=300, deadline=None, derandomize=True)


@SETTINGS
@given(OTHERS, ROWS, ROWS)
def test_more_rows_never_move_the_first_place_to_a_lighter_strategy(known: dict[str, Any], one: int, two: int) -> None:
    few, many = (facts_of({**known, "rows": rows}) for rows in sorted((one, two)))
    before, after = winner(few, NAMES, ALL_OURS), winner(many, NAMES, ALL_OURS)
    assert before is not None
    assert after is not None
    assert NAMES.index(after) >= NAMES.index(before), (before, after)


@SETTINGS
@given(OTHERS, ROWS, ROWS)
def test_each_rule_gives_with_rows_no_less_to_the_heavier(known: dict[str, Any], one: int, two: int) -> None:
    """Whatever other rules add, then: a sum of such effects is such an effect."""
    few, many = (facts_of({**known, "rows": rows}) for rows in sorted((one, two)))
    for rule in OURS:
        before, after = weights(rule.ask(few) or ()), weights(rule.ask(many) or ())
        if rule.id == "prompt-tuning-needs-rows":
            # A block that is lifted from what stays behind LoRA; see the next test.
            continue
        assert not [s for s in NAMES if after.get(s) == BLOCK != before.get(s)], "more rows never block"
        steps = [
            math.inf if before.get(s) == BLOCK != after.get(s) else after.get(s, 0.0) - before.get(s, 0.0)
            for s in NAMES
            if after.get(s) != BLOCK
        ]
        assert all(a <= b + 1e-9 for a, b in pairwise(steps)), rule.id


@SETTINGS
@given(OTHERS, ROWS)
def test_no_rule_gives_prompt_tuning_more_than_lora_once_its_block_is_lifted(known: dict[str, Any], rows: int) -> None:
    """So that it never comes first where LoRA is not blocked, and lifting the block moves nothing to it."""
    facts = facts_of({**known, "rows": rows})
    if weigh(facts, ("prompt_tuning",), ALL_OURS)["prompt_tuning"] == BLOCK:
        return
    for rule in ALL_OURS:
        given = weights(rule.ask(facts) or ())
        assert given.get("prompt_tuning", 0.0) <= given.get("lora", 0.0) + 1e-9, rule.id


@SETTINGS
@given(OTHERS, st.none() | ROWS)
def test_effects_keep_to_the_metadata_and_their_sentences_can_be_written(
    known: dict[str, Any], rows: int | None
) -> None:
    facts = facts_of({**known, "rows": rows})
    for rule in OURS:
        check_effects(rule, rule.ask(facts) or ())


@pytest.mark.parametrize("kind", ["encoder", "causal"])
@pytest.mark.parametrize("classes", [2, 20])
def test_no_cliffs(kind: str, classes: int) -> None:
    """A tenth more rows moves no strategy by much, unless it lifts a block."""
    at, steps = 10, []
    while at < 1_000_000:
        known = {"classes": classes, "model_kind": kind, "instruction_tuned": True, "compute": "plenty"}
        one, more = (weigh(facts_of({**known, "rows": rows}), NAMES, ALL_OURS) for rows in (at, round(at * 1.1)))
        steps += [abs(more[s] - one[s]) for s in NAMES if BLOCK not in (one[s], more[s])]
        at = round(at * 1.1)
    assert max(steps) < 0.7
