"""Facts in, advice out: what comes first, that the sums are right, and what would flip it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from advisor.engine import Advice, advise
from advisor.facts import Facts
from advisor.flips import flips, with_flips, with_train_rows
from advisor.rules.base import Rule, push

NAMES = ("baseline", "zero_shot", "few_shot", "linear_probe", "lora", "full")
UNKNOWN = {"language": "und", "language_share": 0.3}

SITUATIONS: list[tuple[str, dict[str, Any], str]] = [
    ("13 per class, sentence encoder", {"n": 1_000, "classes": 77}, "linear_probe"),
    ("over 10,000 rows, small encoder", {"n": 10_003, "classes": 77}, "full"),
    ("over 10,000 rows, little compute", {"n": 10_003, "classes": 77, "brief": {"compute": "limited"}}, "lora"),
    ("100 to 10,000 rows, encoder", {"n": 5_000, "classes": 2}, "lora"),
    ("50 rows, encoder", {"n": 50, "classes": 2}, "linear_probe"),
    ("3 per class, encoder", {"n": 30, "classes": 10}, "linear_probe"),
    ("8 rows, instruct LM", {"n": 8, "classes": 2, "kind": "causal"}, "few_shot"),
    ("50 rows, instruct LM", {"n": 50, "classes": 2, "kind": "causal"}, "few_shot"),
    ("1,000 rows, instruct LM", {"n": 1_000, "classes": 2, "kind": "causal"}, "lora"),
    ("no language", {"n": 3_000, "classes": 3, **UNKNOWN}, "baseline"),
    ("language the model lacks", {"n": 3_000, "classes": 3, "language": "ha"}, "baseline"),
    ("unrelated domain", {"n": 5_000, "brief": {"domain_related": False}}, "baseline"),
    ("shift", {"n": 5_000, "brief": {"expects_shift": True}}, "linear_probe"),
    ("changing facts, instruct LM", {"n": 500, "kind": "causal", "brief": {"facts_change": True}}, "few_shot"),
    ("no model named, 1,000 rows of 4 classes", {"n": 1_000, "kind": None}, "lora"),
]


def order(advice: Advice) -> list[str]:
    return [entry.strategy for entry in advice.advice]


@pytest.mark.parametrize(("situation", "first"), [row[1:] for row in SITUATIONS], ids=[row[0] for row in SITUATIONS])
def test_what_comes_first(make_facts: Any, situation: dict[str, Any], first: str) -> None:
    assert order(advise(make_facts(**situation), NAMES))[0] == first


@pytest.mark.parametrize("situation", [row[1] for row in SITUATIONS], ids=[row[0] for row in SITUATIONS])
def test_the_sums_are_right(make_facts: Any, situation: dict[str, Any]) -> None:
    advice = advise(make_facts(**situation), NAMES)
    assert sorted(order(advice)) == sorted(NAMES)
    for entry in advice.advice:
        effects = [reason.effect for reason in entry.reasons]
        assert entry.blocked == ("block" in effects)
        assert len({reason.rule for reason in entry.reasons}) == len(entry.reasons)
        if entry.blocked:
            assert (entry.odds, entry.probability) == (0.0, 0.0)
            assert effects[0] == "block"
            continue
        total = math.fsum(effect for effect in effects if effect != "block")
        assert entry.odds == pytest.approx(math.exp(total), abs=1e-4)
        assert entry.probability == pytest.approx(entry.odds / (1 + entry.odds), abs=1e-4)
        assert [abs(float(effect)) for effect in effects] == sorted((abs(float(e)) for e in effects), reverse=True)
    standing = [(not entry.blocked, entry.odds) for entry in advice.advice]
    assert standing == sorted(standing, reverse=True)


def test_a_block_is_absolute(make_facts: Any) -> None:
    def shut(_: Facts) -> Any:
        return push("It is shut.", lora="block")

    def cheer(_: Facts) -> Any:
        return push("It is great.", lora="+S")

    rules = [Rule(f"r-{k}", "S", "a test", ("lora",), ask) for k, ask in enumerate([cheer, cheer, shut, cheer])]
    advice = advise(make_facts(), ("lora", "full"), rules)
    assert order(advice) == ["full", "lora"]
    assert advice.advice[1].blocked
    assert advice.advice[1].reasons[0].because == "It is shut."
    assert len(advice.advice[1].reasons) == 4


def test_nothing_said_means_even_odds_lightest_first(make_facts: Any) -> None:
    advice = advise(make_facts(), tuple(reversed(NAMES)), rules=())
    assert order(advice) == list(NAMES)
    assert {entry.odds for entry in advice.advice} == {1.0}


def test_all_blocked_leaves_no_first(make_facts: Any) -> None:
    advice = advise(make_facts(kind="encoder"), ("zero_shot", "few_shot"))
    assert advice.first is None
    assert flips(make_facts(kind="encoder"), ("zero_shot", "few_shot")) == ()


def test_only_the_strategies_asked_about(make_facts: Any) -> None:
    assert order(advise(make_facts(), ("full", "linear_probe"))) == ["linear_probe", "full"]
    with pytest.raises(ValueError, match="no prior for soap"):
        advise(make_facts(), ("full", "soap"))


def test_the_json_people_script_against(make_facts: Any) -> None:
    facts = make_facts(n=10_001)
    advice = with_flips(facts, advise(facts, NAMES))
    document = json.loads(advice.model_dump_json())
    entry = document["advice"][0]
    assert {"strategy", "odds", "blocked", "reasons"} <= set(entry)
    assert {"rule", "effect", "because", "source"} <= set(entry["reasons"][0])
    blocked = [entry for entry in document["advice"] if entry["blocked"]]
    assert {reason["effect"] for entry in blocked for reason in entry["reasons"]} >= {"block"}
    assert Advice.model_validate_json(advice.model_dump_json()) == advice
    assert Facts.model_validate_json(facts.model_dump_json()) == facts
    assert document["train_rows"] == 10_001


@pytest.mark.parametrize(
    ("splits", "rows"),
    [
        ({}, 1_750),
        ({"train": 1_500, "test": 1_000}, 1_350),
        ({"train": 1_500, "validation": 1_000}, 1_350),
        ({"train": 1_500, "validation": 200, "test": 800}, 1_500),
    ],
)
def test_training_rows_are_what_the_split_leaves(make_facts: Any, splits: dict[str, int], rows: int) -> None:
    assert make_facts(n=None, splits=splits).train_rows == rows


def test_rows_per_class_are_of_the_median_class_in_train(make_facts: Any) -> None:
    facts = make_facts(n=None, per_class={"a": 2_000, "b": 300, "c": 200, "d": 0})
    assert facts.rows_per_class == 175  # 70 % of 250
    assert facts.rarest_class_rows == 0


@pytest.mark.parametrize(
    ("card", "language", "known"),
    [
        (("en",), "en", True),
        (("en",), "de", False),
        (("EN-us", "deu"), "de", True),
        (("multilingual",), "ha", True),
        ((), "en", None),
        (("en",), "und", None),
    ],
)
def test_whether_the_model_knows_the_language(
    make_facts: Any, card: tuple[str, ...], language: str, known: bool | None
) -> None:
    assert make_facts(model={"language": card}, language=language).language_known is known


def test_no_rows_break_nothing(make_facts: Any) -> None:
    facts = make_facts(n=None, rows=0, per_class={}, classes=2)
    assert facts.train_rows == 0
    assert with_flips(facts, advise(facts, NAMES)).first is not None


@pytest.mark.parametrize(
    ("situation", "says"),
    [
        (
            {"n": 5_000, "classes": 2},
            "With 10,001 training rows (2 × your 5,000, same classes), full would come first.",
        ),
        ({"n": 10_003}, "With 10,000 training rows (3 fewer than your 10,003, same classes), lora would come first."),
        ({"n": 5_000}, "If the domain were unrelated to the model's pretraining, baseline would come first."),
        ({"n": 10_003}, "If compute were limited, lora would come first."),
        ({"n": 8, "classes": 2, "kind": "causal"}, "With 100 training rows"),
    ],
)
def test_flips_say_what_would_change_the_first_place(make_facts: Any, situation: dict[str, Any], says: str) -> None:
    assert any(flip.sentence.startswith(says) for flip in flips(make_facts(**situation), NAMES))


@pytest.mark.parametrize("situation", [row[1] for row in SITUATIONS], ids=[row[0] for row in SITUATIONS])
def test_flips_name_another_strategy_and_hold_on_the_near_side(make_facts: Any, situation: dict[str, Any]) -> None:
    facts = make_facts(**situation)
    first = order(advise(facts, NAMES))[0]
    for flip in flips(facts, NAMES):
        assert flip.strategy != first
        assert flip.change in flip.sentence
        if not flip.change.startswith("With "):
            continue
        rows = int(flip.change.split()[1].replace(",", ""))
        before = rows - 1 if rows > facts.train_rows else rows + 1
        assert order(advise(with_train_rows(facts, rows), NAMES))[0] == flip.strategy
        assert order(advise(with_train_rows(facts, before), NAMES))[0] == first


def test_scaling_the_rows_scales_every_count(make_facts: Any) -> None:
    facts = make_facts(n=1_000, label_conflicts=20, truncated=100, duplicates={"exact": 10, "normalised": 50})
    half = with_train_rows(facts, 500)
    assert half.train_rows == 500
    assert half.rows_per_class == facts.rows_per_class / 2
    assert half.conflict_share == facts.conflict_share
    assert half.duplicate_share == facts.duplicate_share
    assert half.truncated_share == facts.truncated_share
    assert Facts.model_validate(half.model_dump()) == half


def test_advice_takes_milliseconds(make_facts: Any) -> None:
    facts = make_facts()
    start = time.perf_counter()
    for _ in range(10):
        with_flips(facts, advise(facts, NAMES))
    assert time.perf_counter() - start < 2


def test_no_heavy_import() -> None:
    heavy = ("torch", "transformers", "sklearn", "pandas", "numpy", "datasets", "peft")
    code = f"import sys, advisor.flips, advisor.rules; print([name for name in {heavy!r} if name in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
