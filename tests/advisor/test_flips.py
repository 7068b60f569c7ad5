"""Flips: each one really flips, is the smallest of its kind, and is told as `--set` takes it."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest

from advisor.advice import Flip
from advisor.brief import Brief
from advisor.engine import advise, winner
from advisor.facts import Facts, gather
from advisor.flips import flips, with_flips
from advisor.rules.base import Rule, push
from advisor.rules.start import PRIOR
from advisor.scales import SCALES, Scale
from advisor.settings import settings_from

NAMES = tuple(PRIOR)
TWO = ("baseline", "lora")

SITUATIONS: list[dict[str, Any]] = [
    {},
    {"rows": 8},
    {"rows": 300, "classes": 6, "model_kind": "encoder", "model_parameters": 22_000_000},
    {"rows": 3_000, "classes": 12, "gpu_memory_gb": 24, "model_kind": "causal", "model_parameters": 7_000_000_000},
    {"rows": 200_000, "classes": 2, "compute": "plenty", "gpu": "A100-80", "gpus": 8, "model_kind": "encoder"},
    {"task": "summarisation", "rows": 500, "facts_change": True, "prompted_score": 0.7},
]
situations = pytest.mark.parametrize("known", SITUATIONS, ids=lambda known: ",".join(known) or "nothing")


def made(ask: Any) -> tuple[Rule, ...]:
    return (Rule("test", "S", "a test", TWO, ask),)


def of(facts: Facts, ask: Any) -> list[tuple[dict[str, Any], str]]:
    return [(flip.change, flip.sentence) for flip in flips(facts, TWO, made(ask))]


def as_set(flip: Flip) -> dict[str, Any]:
    """Return the change as the command line would read it."""
    return settings_from([f"{fact}={value}" for fact, value in flip.change.items()])


def stretches_told(sentence: str, scale: Scale) -> list[tuple[float, float]]:
    """Read back from which number to which a sentence says that the other strategy comes first."""
    found = []
    for part in sentence.partition(" (")[0].lower().split(" or from "):
        numbers = [float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,.]*\d|\d", part)]
        low, high = scale.bounds
        if "any tried value" in part or "between" in part:
            low, high = numbers[0], numbers[1]
        elif part.endswith(" on") or part[0].isdigit():
            low = numbers[0]
        elif part.endswith("or less"):
            high = numbers[0]
        else:
            low = high = numbers[0]
        found.append((low, high))
    return found


@situations
def test_a_flip_run_again_really_flips(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    advice = with_flips(facts, advise(facts, NAMES))
    assert advice.first is not None
    assert advice.flips
    for flip in advice.flips:
        there = advise(gather(Brief.model_validate(known), changes=as_set(flip)), NAMES)
        assert there.first is not None
        assert (flip.from_, flip.to) == (advice.first.strategy, there.first.strategy)
        assert flip.from_ != flip.to
        assert flip.sentence.endswith(f": {flip.to}.")


@situations
def test_the_number_next_to_a_flip_does_not_flip(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    first = winner(facts, NAMES)
    for flip in flips(facts, NAMES):
        if len(flip.change) > 1:
            continue
        ((fact, value),) = flip.change.items()
        scale, now = SCALES[fact], SCALES[fact].now(facts)
        if not scale.is_number or now is None or not isinstance(now, int | float):
            continue
        if scale.whole and value < 1e6:
            near = value - (1 if value > now else -1)
        else:  # given to three digits, so an edge may lie a unit of the last one beside it
            unit = 2 * 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 0.0
            near = value + math.copysign(max(abs(now - value) * 0.01, unit), now - value)
            near = round(near) if scale.whole else near
        assert winner(facts.model_copy(update={fact: near}), NAMES) == first


@situations
def test_neither_change_of_a_pair_flips_alone(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    first = winner(facts, NAMES)
    pairs = [flip for flip in flips(facts, NAMES) if len(flip.change) > 1]
    assert len(pairs) <= 1
    for fact, value in itertools.chain.from_iterable(pair.change.items() for pair in pairs):
        assert winner(facts.model_copy(update={fact: value}), NAMES) == first


def test_a_number_flips_both_ways_at_its_edges() -> None:
    def ask(facts: Facts) -> Any:
        return push("In between.", baseline="+S") if 100 <= (facts.rows or 0) < 640 else push("Else.", lora="+S")

    assert of(Facts(rows=300), ask) == [
        ({"rows": 640}, "From 640 labelled rows on (now 300): lora."),
        ({"rows": 99}, "At 99 labelled rows or less (now 300): lora."),
    ]


def test_a_fraction_is_told_to_three_digits() -> None:
    def ask(facts: Facts) -> Any:
        return push("Little.", lora="+S") if (facts.gpu_memory_gb or 0) < 7 else None

    assert of(Facts(gpu_memory_gb=24), ask) == [
        ({"gpu_memory_gb": 6.99}, "At 6.99 GB of GPU memory or less (now 24): lora.")
    ]


def test_memory_counts_from_that_of_the_named_gpu() -> None:
    def ask(facts: Facts) -> Any:
        return push("Much.", lora="+S") if (facts.gpu_bytes or 0) >= 100e9 else None

    assert of(Facts(gpu="A100-40", gpus=1), ask)[0] == (
        {"gpu_memory_gb": 100.0},
        "From 100 GB of GPU memory on (now 40): lora.",
    )


def test_memory_of_a_machine_that_nobody_named_is_open_until_rows_are_measured_there() -> None:
    def ask(facts: Facts) -> Any:
        return push("Some.", lora="+S") if 20e9 <= (facts.gpu_bytes or 0) < 100e9 else None

    for measured, known in (({}, "not known"), ({"rows_read": True}, "now 0")):
        facts = Facts.model_validate({"device": "cpu", "memory_bytes": 10**10, **measured})
        ((change, sentence), *_) = of(facts, ask)
        assert change == {"gpu_memory_gb": 20.0}
        assert sentence == f"Between 20 and 99.9 GB of GPU memory ({known}): lora."


def test_the_language_flips_in_words_and_only_where_it_is_not_known() -> None:
    def ask(facts: Facts) -> Any:
        return push("None.", lora="+S") if facts.language == "zxx" else None

    words = "If the texts were in no natural language, but code, logs or DNA (not known): lora."
    assert of(Facts(), ask) == [({"language": "zxx"}, words)]
    assert of(Facts(language="sw"), ask) == []


def test_large_numbers_are_not_given_to_the_last_one() -> None:
    def ask(facts: Facts) -> Any:
        return push("Large.", lora="+S") if (facts.model_parameters or 0) > 7_498_769_607 else None

    assert of(Facts(model_parameters=7_000_000_000), ask)[0][0] == {"model_parameters": 7_500_000_000}


def test_a_choice_and_an_open_answer() -> None:
    def ask(facts: Facts) -> Any:
        return push("Both.", lora="+S") if facts.compute == "plenty" or facts.facts_change else None

    assert of(Facts(compute="limited"), ask) == [
        ({"facts_change": True}, "If right answers needed new or changing facts (not known): lora."),
        ({"compute": "plenty"}, "If compute were plenty: lora."),
    ]


def test_an_open_number_has_its_edge_too() -> None:
    def ask(facts: Facts) -> Any:
        return push("Good.", lora="+S") if (facts.prompted_score or 0) >= 0.85 else None

    assert of(Facts(), ask) == [({"prompted_score": 0.85}, "From a prompted score of 0.85 on (not known): lora.")]


@situations
def test_a_sentence_says_where_on_the_scale_the_other_strategy_comes_first(known: dict[str, Any]) -> None:
    facts = Facts.model_validate(known)
    for flip in flips(facts, NAMES):
        (fact, value), *others = flip.change.items()
        if others or not SCALES[fact].is_number:
            continue
        scale = SCALES[fact]
        told = stretches_told(flip.sentence, scale)
        assert any(low <= value <= high for low, high in told)
        for low, high in told:
            inside = [low, high, *(point for point in scale.points() if low <= point <= high)]
            firsts = {winner(facts.model_copy(update={fact: point}), NAMES) for point in inside}
            assert firsts == {flip.to}, flip.sentence


def test_an_open_number_is_told_by_where_each_strategy_wins() -> None:
    def ask(facts: Facts) -> Any:
        rows = facts.rows or 0
        return push("There.", lora="+S") if 100 <= rows < 640 or rows >= 5_000 else None

    assert of(Facts(), ask) == [
        ({"rows": 100}, "Between 100 and 639 labelled rows or from 5,000 labelled rows on (not known): lora.")
    ]


@pytest.mark.parametrize(
    ("holds", "change", "sentence"),
    [
        (lambda rows: rows is not None, 2_000, "At any tried value, 0 to 2,000,000 labelled rows (not known): lora."),
        (lambda rows: rows, 1, "From 1 labelled row on (not known): lora."),
        (lambda rows: rows is not None and rows < 8, 7, "At 7 labelled rows or less (not known): lora."),
        (lambda rows: rows == 0 and rows is not None, 0, "At 0 labelled rows (not known): lora."),
    ],
)
def test_an_open_number_at_the_ends_of_its_scale(holds: Any, change: int, sentence: str) -> None:
    assert of(Facts(), lambda facts: push("So.", lora="+S") if holds(facts.rows) else None) == [
        ({"rows": change}, sentence)
    ]


def test_a_known_number_does_not_flip_beyond_where_the_other_strategy_wins() -> None:
    def ask(facts: Facts) -> Any:
        return push("There.", lora="+S") if 500 <= (facts.rows or 0) <= 900 else None

    assert of(Facts(rows=300), ask) == [({"rows": 500}, "Between 500 and 900 labelled rows (now 300): lora.")]


def test_numbers_are_written_in_full() -> None:
    def ask(facts: Facts) -> Any:
        return push("Few.", lora="+S") if (facts.money or 0) < 10 else None

    ((_, sentence),) = of(Facts(money=1e12), ask)
    assert sentence.endswith("or less (now 1,000,000,000,000): lora.")


def test_the_cheapest_pair_is_found_where_no_single_change_does() -> None:
    def ask(facts: Facts) -> Any:
        return push("Both.", lora="+S") if facts.compute == "plenty" and (facts.rows or 0) >= 1_000 else None

    (pair,) = of(Facts(rows=300, compute="limited"), ask)
    assert pair[0] == {"rows": 1_000, "compute": "plenty"}
    assert pair[1] == "From 1,000 labelled rows on (now 300), and if compute were plenty: lora."


def test_a_question_that_makes_no_sense_alone_comes_with_what_it_needs() -> None:
    def ask(facts: Facts) -> Any:
        return push("Looks.", lora="+S") if facts.shift_kind == "input" else None

    assert [change for change, _ in of(Facts(), ask)] == [{"expects_shift": True, "shift_kind": "input"}]


def test_nearest_first() -> None:
    def ask(facts: Facts) -> Any:
        far = (facts.rows or 0) >= 20_000
        near = (facts.classes or 0) >= 3
        return push("Said.", lora="+S") if far or near or facts.compute == "plenty" else None

    found = of(Facts(rows=300, classes=2, compute="limited"), ask)
    assert [list(change) for change, _ in found] == [["classes"], ["rows"], ["compute"]]


def test_what_the_model_says_itself_is_not_changed(make_facts: Any) -> None:
    for flip in flips(make_facts(), NAMES):
        assert not {"model_kind", "model_parameters", "instruction_tuned"} & set(flip.change)


def test_nothing_flips_what_no_rule_speaks_of() -> None:
    assert flips(Facts(rows=300), TWO, ()) == ()
    assert flips(Facts(rows=300), ("lora",)) == ()
