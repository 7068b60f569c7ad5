"""Facts in, advice out: what comes first, that the sums are right, and what is not known."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from advisor.advice import Advice, AdviceDocument
from advisor.engine import Watch, advise, pending, probability, weigh, winner
from advisor.facts import Facts, gather
from advisor.flips import with_flips
from advisor.questions import QUESTIONS
from advisor.rules import RULES
from advisor.rules.base import Rule, push, spread
from advisor.rules.start import PRIOR

NAMES = tuple(PRIOR)
TUNED = {"lora", "qlora", "dora", "ia3", "top_layers", "early_layers", "full"}
IN_CONTEXT = {"zero_shot", "few_shot", "few_shot_retrieved", "many_shot"}

SITUATIONS: list[tuple[str, dict[str, Any]]] = [
    ("nothing said", {}),
    ("8 rows", {"rows": 8}),
    ("13 per class, encoder", {"rows": 1_430, "classes": 77, "model_kind": "encoder", "model_parameters": 22_000_000}),
    ("a large encoder, many rows", {"rows": 200_000, "classes": 3, "model_kind": "encoder", "compute": "plenty"}),
    ("too large an LM", {"rows": 3_000, "model_kind": "causal", "model_parameters": 7e9, "gpu_memory_gb": 8}),
    ("changing facts", {"rows": 500, "facts_change": True, "model_kind": "causal", "instruction_tuned": True}),
    ("no web text", {"rows": 5_000, "domain_related": False}),
    ("summarisation", {"task": "summarisation", "rows": 2_000, "model_kind": "causal"}),
    ("shift", {"rows": 5_000, "classes": 4, "expects_shift": True, "shift_kind": "input", "model_kind": "encoder"}),
]  # fmt: skip

situations = pytest.mark.parametrize("known", [row[1] for row in SITUATIONS], ids=[row[0] for row in SITUATIONS])


def order(advice: Advice) -> list[str]:
    return [entry.strategy for entry in advice.advice]


def shut(_: Facts) -> Any:
    return push("It is shut.", lora="block")


def cheer(_: Facts) -> Any:
    return push("It is great.", lora="+S")


@pytest.mark.parametrize(
    ("known", "firsts"),
    [
        ({"rows": 8, "classes": 2, "model_kind": "causal", "instruction_tuned": True}, IN_CONTEXT),
        ({"rows": 3_000, "classes": 12, "model_kind": "causal", "model_parameters": 1e9, "gpu_memory_gb": 24}, TUNED),
        ({"rows": 3_000, "model_kind": "causal", "model_parameters": 7e9, "gpu_memory_gb": 10}, {"qlora"}),
        ({"rows": 200_000, "classes": 3, "model_kind": "encoder", "compute": "plenty"}, {"full"}),
    ],
)
def test_what_comes_first(known: dict[str, Any], firsts: set[str]) -> None:
    assert order(advise(Facts.model_validate(known), NAMES))[0] in firsts


@situations
def test_the_sums_are_right(known: dict[str, Any]) -> None:
    advice = advise(Facts.model_validate(known), NAMES)
    assert sorted(order(advice)) == sorted(NAMES)
    for entry in advice.advice:
        effects = [reason.effect for reason in entry.reasons]
        assert entry.blocked == ("block" in effects)
        if entry.blocked:
            assert (entry.odds, entry.probability, entry.low) == (0.0, 0.0, 0.0)
            assert effects[0] == "block"
            continue
        total = math.fsum(effect for effect in effects if effect != "block")
        assert entry.odds == pytest.approx(math.exp(total), rel=2e-5)
        assert entry.probability == pytest.approx(entry.odds / (1 + entry.odds), abs=1e-4)
        assert 0 <= entry.low <= entry.probability <= entry.high <= 1
        assert [abs(float(effect)) for effect in effects] == sorted((abs(float(e)) for e in effects), reverse=True)
    standing = [(not entry.blocked, entry.odds) for entry in advice.advice]
    assert standing == sorted(standing, reverse=True)


@situations
def test_the_engine_without_words_agrees_with_the_one_that_has_them(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    advice = advise(facts, NAMES)
    totals = weigh(facts, NAMES)
    assert {e.strategy: e.probability for e in advice.advice} == {n: probability(t) for n, t in totals.items()}
    assert winner(facts, NAMES) == order(advice)[0]


@situations
def test_the_order_of_rules_and_strategies_does_not_matter(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    there, back = advise(facts, NAMES), advise(facts, NAMES[::-1], RULES[::-1])
    assert order(there) == order(back)
    assert weigh(facts, NAMES) == weigh(facts, NAMES, RULES[::-1])


def test_a_block_is_absolute() -> None:
    rules = [Rule(f"r-{k}", "S", "a test", ("lora",), ask) for k, ask in enumerate([cheer, cheer, shut, cheer])]
    advice = advise(Facts(), ("lora", "full"), rules)
    assert order(advice) == ["full", "lora"]
    assert advice.advice[1].blocked
    assert advice.advice[1].reasons[0].because == "It is shut."
    assert len(advice.advice[1].reasons) == 4


def test_nothing_said_means_even_odds_lightest_first() -> None:
    advice = advise(Facts(), NAMES[::-1], rules=())
    assert order(advice) == list(NAMES)
    assert {entry.odds for entry in advice.advice} == {1.0}
    assert advice.unknowns == ()


@pytest.mark.parametrize(
    ("known", "way_out"),
    [
        ({"task": "summarisation", "rows": 500}, "name a causal LM"),
        ({"task": "summarisation"}, "name a causal LM"),
        ({"rows": 0}, "label twenty rows, or name an instruction-tuned LM"),
        ({"rows": 1, "classes": 3, "sentence_encoder": True}, "label rows of each class"),
        ({"rows": 4, "task": "extraction"}, "label twenty rows"),
    ],
)
def test_where_only_no_model_is_left_the_advice_says_what_to_do(known: dict[str, Any], way_out: str) -> None:
    facts = Facts.model_validate({"model_kind": "encoder", "model_parameters": 110_000_000, **known})
    advice = advise(facts, NAMES)
    first = advice.first
    assert first is not None
    assert first.strategy == "no_model"
    assert [entry.strategy for entry in advice.advice if not entry.blocked] == ["no_model"]
    assert any(way_out in reason.because for reason in first.reasons)
    assert way_out in advice.notes[0]
    assert "no recommendation" in advice.notes[0]
    assert not any("keeps it first" in unknown.sentence for unknown in advice.unknowns)


def test_all_blocked_leaves_no_first() -> None:
    rules = [Rule("shut", "S", "a test", ("lora",), shut)]
    advice = with_flips(Facts(), advise(Facts(), ("lora",), rules), rules)
    assert advice.first is None
    assert winner(Facts(), ("lora",), rules) is None
    assert advice.flips == ()


def test_only_the_strategies_asked_about() -> None:
    assert sorted(order(advise(Facts(), ("full", "linear_probe")))) == ["full", "linear_probe"]
    with pytest.raises(ValueError, match="unknown strategies: soap"):
        advise(Facts(), ("full", "soap"))


def test_the_gpu_of_a_machine_at_hand_is_not_known_until_rows_are_measured_there() -> None:
    here: dict[str, Any] = {"rows": 3_000, "device": "cpu", "memory_bytes": 25 * 10**9}
    advice = advise(Facts.model_validate(here), NAMES)
    qlora = next(entry for entry in advice.advice if entry.strategy == "qlora")
    assert (qlora.blocked, qlora.probability, qlora.low) == (True, 0.0, 0.0)
    on_a_gpu = advise(Facts.model_validate({**here, "gpu_memory_gb": 24}), NAMES)
    assert qlora.high == next(entry for entry in on_a_gpu.advice if entry.strategy == "qlora").probability > 0
    (told,) = (unknown.sentence for unknown in advice.unknowns if unknown.fact == "gpu_memory_gb")
    assert told == "gpu_memory_gb is not known: at 16, 24 or 80 it would no longer rule out qlora."
    for said in ({"rows_read": True}, {"gpu_memory_gb": 0}, {"gpu": "T4"}):
        there = advise(Facts.model_validate({**here, **said}), NAMES)
        assert "gpu_memory_gb" not in {unknown.fact for unknown in there.unknowns}
        entry = next(entry for entry in there.advice if entry.strategy == "qlora")
        assert entry.blocked == (entry.high == 0)


def test_a_gpu_that_nobody_named_may_change_the_first_place() -> None:
    facts = Facts(rows=3_000, model_parameters=30_000_000_000, device="cpu", memory_bytes=25 * 10**9)
    (told,) = (unknown for unknown in advise(facts, NAMES).unknowns if unknown.fact == "gpu_memory_gb")
    assert told.winners
    for value, name in told.winners.items():
        assert winner(facts.model_copy(update={"gpu_memory_gb": float(value)}), NAMES) == name


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"rows": 3_000}, "with no natural language (code, logs, DNA) it would be "),
        ({}, "with a natural language it would be "),
    ],
)
def test_the_language_is_told_in_words(known: dict[str, Any], words: str) -> None:
    unknowns = {unknown.fact: unknown for unknown in advise(Facts.model_validate(known), NAMES).unknowns}
    assert words in unknowns["language"].sentence
    assert set(unknowns["language"].winners) <= {"a natural language", "no natural language (code, logs, DNA)"}
    images = advise(Facts.model_validate({**known, "task": "image-classification"}), NAMES)
    assert not {"language", "model_kind", "instruction_tuned"} & {unknown.fact for unknown in images.unknowns}


def test_a_fact_not_known_widens_the_odds_and_says_what_it_costs() -> None:
    def ask(facts: Facts) -> Any:
        if facts.compute is None:
            return None
        return push("Said.", full="+S") if facts.compute == "plenty" else push("Said.", full="-S")

    rules = [Rule("r", "S", "a test", ("full",), ask)]
    advice = advise(Facts(), ("baseline", "full"), rules)
    full = next(entry for entry in advice.advice if entry.strategy == "full")
    assert (full.low, full.probability, full.high) == (probability(-1.6), 0.5, probability(1.6))
    (unknown,) = advice.unknowns
    assert (unknown.fact, unknown.winners) == ("compute", {"plenty": "full"})
    assert "may change the advice" in unknown.sentence
    for compute in ("limited", "plenty"):
        known = advise(Facts(compute=compute), ("baseline", "full"), rules)
        assert known.unknowns == ()
        assert all(entry.low == entry.probability == entry.high for entry in known.advice)


def test_a_rule_that_is_decided_waits_for_nothing() -> None:
    def ask(facts: Facts) -> Any:
        if facts.classes is not None and facts.classes > 10:
            return None
        return push("Said.", full="+S") if facts.compute == "plenty" else None

    rules = [Rule("r", "S", "a test", ("full",), ask)]
    assert [question.fact for question in pending(Facts(), ("full",), rules)] == ["classes", "compute"]
    assert pending(Facts(classes=20), ("full",), rules) == []
    assert pending(Facts(), ("lora",), rules) == [], "nobody asked about the strategy it speaks of"


def test_watched_facts_say_what_was_read() -> None:
    watched = Watch(Facts(rows=100))
    assert (watched.train_rows, watched.class_rows) == (70, None)
    assert watched.read == {"rows", "train_share", "classes"}
    assert watched.missed == {"classes"}


@situations
def test_the_json_people_script_against(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    advice = with_flips(facts, advise(facts, NAMES))
    document = AdviceDocument.of([advice]).model_dump(mode="json")
    assert AdviceDocument.model_validate_json(json.dumps(document, allow_nan=False)).models == (advice,)
    assert Facts.model_validate_json(facts.model_dump_json()) == facts
    for one in (document, *document["models"]):
        for flip in one["flips"]:
            assert set(flip) == {"change", "from", "to", "sentence"}
    for entry in document["advice"]:
        assert all(reason["source"] and reason["because"] for reason in entry["reasons"])


def test_what_was_measured_overrules_the_brief_and_set_overrules_both(make_facts: Any) -> None:
    measured = make_facts(1_000, brief={"rows": 7, "model_parameters": 8, "classes": 9})
    assert (measured.rows, measured.classes, measured.model_parameters) == (1_000, 4, 22_713_216)
    known = {name: value for name, value in measured.model_dump().items() if value is not None}
    changed = gather(changes={**known, "rows": 7, "compute": None})
    assert (changed.rows, changed.classes, changed.compute) == (7, 4, None)


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
    assert facts.class_rows == pytest.approx(175)  # 70 % of 250
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


def test_advice_takes_a_fraction_of_a_second(make_facts: Any) -> None:
    facts = make_facts()
    start = time.process_time()
    for _ in range(3):
        with_flips(facts, advise(facts, NAMES))
    assert time.process_time() - start < 3


def test_every_plausible_value_is_one_the_fact_takes() -> None:
    for question in QUESTIONS:
        for value in question.plausible:
            assert getattr(Facts.model_validate({question.fact: value}), question.fact) == value


def test_no_heavy_import() -> None:
    heavy = ("torch", "transformers", "sklearn", "pandas", "numpy", "datasets", "peft")
    code = (
        "import sys, advisor.flips, advisor.explain, advisor.whatif, advisor.rules.catalogue; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rules_that_cannot_tell_the_first_from_the_second_say_so() -> None:
    near = (Rule("near", "W", "a test", ("lora",), lambda _: push("Near.", lora="+W")),)
    far = (Rule("far", "S", "a test", ("lora",), lambda _: push("Far.", lora="+S")),)
    # .7 - .3 falls short of .4 by the last digit.
    level = (Rule("level", "S", "a test", ("lora",), lambda _: spread("Level.", 1.0, {"baseline": 0.3, "lora": 0.7})),)
    for rules, said in (((), True), (near, False), (level, False), (far, False)):
        advice = advise(Facts(rows=300), ("baseline", "lora"), rules)
        assert any("only measuring tells" in note for note in advice.notes) == said
