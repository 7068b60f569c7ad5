"""What holds for the advice whatever the facts: hypothesis looks for facts for which it does not."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.advice import Advice
from advisor.brief import Brief
from advisor.engine import advise, weigh, winner
from advisor.facts import Facts, gather
from advisor.flips import with_flips
from advisor.rules import RULES
from advisor.rules.start import PRIOR

NAMES = tuple(PRIOR)
HEAVINESS = {name: place for place, name in enumerate(NAMES)}
MAYBE = st.none() | st.booleans()

WORLDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "task": st.sampled_from(["text-classification", "extraction", "generation", "question-answering", "code"]),
        "classes": st.integers(2, 200),
        "input_tokens": st.integers(5, 4_000),
        "unlabelled_rows": st.integers(0, 1_000_000),
        "corpus_tokens": st.integers(0, 3_000_000_000),
        "domain_related": MAYBE,
        "domain_overlap": st.none() | st.floats(0, 1),
        "facts_change": MAYBE,
        "retention_required": MAYBE,
        "expects_shift": MAYBE,
        "shift_kind": st.sampled_from([None, "input", "output"]),
        "prompted_score": st.none() | st.floats(0, 1),
        "requests_per_month": st.integers(0, 300_000_000),
        "latency_ms": st.floats(1, 10_000),
        "prompt_tokens": st.integers(0, 20_000),
        "token_price": st.floats(0, 50),
        "data_may_leave": MAYBE,
        "gpu_memory_gb": st.floats(0, 200),
        "gpus": st.integers(1, 8),
        "gpu_hourly_price": st.floats(0, 20),
        "compute": st.sampled_from([None, "limited", "plenty"]),
        "hours": st.floats(0.1, 500),
        "money": st.floats(0, 100_000),
        "expertise": st.sampled_from([None, "none", "some", "expert"]),
        "upkeep": st.sampled_from([None, "low", "high"]),
        "model_kind": st.sampled_from([None, "encoder", "causal"]),
        "model_parameters": st.integers(1_000_000, 100_000_000_000),
        "instruction_tuned": MAYBE,
        "sentence_encoder": MAYBE,
        "context": st.integers(128, 200_000),
    },
)
PROPERTY = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@PROPERTY
@given(WORLDS, st.integers(1, 300_000) | st.integers(1, 60), st.floats(1.01, 100))
def test_more_rows_never_move_the_advice_to_a_lighter_strategy(world: dict[str, Any], rows: int, factor: float) -> None:
    few, many = (winner(Facts(**world, rows=n), NAMES) for n in (rows, math.ceil(rows * factor)))
    if few is not None:
        assert many is not None
        assert HEAVINESS[many] >= HEAVINESS[few], (few, many)


@PROPERTY
@given(WORLDS, st.integers(1, 300_000), st.floats(1, 20))
def test_more_memory_never_blocks(world: dict[str, Any], rows: int, factor: float) -> None:
    world = {"gpu_memory_gb": 8.0, **world, "rows": rows}
    less = weigh(Facts(**world), NAMES)
    more = weigh(Facts(**{**world, "gpu_memory_gb": world["gpu_memory_gb"] * factor}), NAMES)
    assert [name for name in NAMES if more[name] == -math.inf and less[name] != -math.inf] == []


@PROPERTY
@given(WORLDS, st.integers(1, 300_000), st.randoms(use_true_random=False))
def test_the_order_of_rules_and_of_answers_never_matters(world: dict[str, Any], rows: int, chance: Any) -> None:
    rules, answers = list(RULES), list({**world, "rows": rows}.items())
    chance.shuffle(rules)
    chance.shuffle(answers)
    assert weigh(Facts(**world, rows=rows), NAMES) == weigh(Facts(**dict(answers)), NAMES, rules)


@PROPERTY
@given(WORLDS, st.none() | st.integers(1, 300_000))
def test_every_reason_has_its_source_and_the_effects_add_up(world: dict[str, Any], rows: int | None) -> None:
    advice = advise(Facts(**world, rows=rows), NAMES)
    assert sorted(entry.strategy for entry in advice.advice) == sorted(NAMES)
    for entry in advice.advice:
        assert all(reason.source and reason.because and reason.rule for reason in entry.reasons)
        assert entry.low <= entry.probability <= entry.high
        assert entry.blocked == any(reason.effect == "block" for reason in entry.reasons)
        if not entry.blocked:
            total = math.fsum(float(reason.effect) for reason in entry.reasons)
            assert math.isclose(entry.odds, math.exp(total), rel_tol=1e-3, abs_tol=1e-4)


@settings(PROPERTY, max_examples=15)
@given(WORLDS, st.integers(1, 300_000))
def test_every_flip_flips(world: dict[str, Any], rows: int) -> None:
    brief = Brief.model_validate({k: v for k, v in {**world, "rows": rows}.items() if k in Brief.model_fields})
    facts = gather(brief)
    advice: Advice = with_flips(facts, advise(facts, NAMES))
    first = winner(facts, NAMES)
    for flip in advice.flips:
        assert flip.from_ == first
        assert winner(gather(brief, changes=flip.change), NAMES) == flip.to != first
