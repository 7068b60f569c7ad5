"""Domain: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules.domain import RULES
from advisor.rules.groups import ADAPTERS, PARTIAL, PROMPTED, TRANSFERS, TUNED
from tests.advisor.rules.cases import Case, check, check_rule, name

UNRELATED, RELATED = "unrelated-domain-no-transfer", "related-domain-transfers"
NATURAL, NO_LANGUAGE, CARD = "natural-language-transfers", "text-is-no-language", "language-not-in-model-card"
PIECES, CUT = "tokenizer-splits-words", "rows-longer-than-context"


def all_of(names: tuple[str, ...], nats: float) -> dict[str, float]:
    return dict.fromkeys(names, nats)


def graded(nats: dict[str, float], by: float) -> dict[str, float]:
    return {name: by * weight for name, weight in nats.items()}


AS_IS = (*PROMPTED, "retrieval", "linear_probe")
STRANGE = {
    "baseline": 0.9,
    **all_of(AS_IS, -0.9),
    **all_of(("setfit", *ADAPTERS, *PARTIAL, "full", "distillation"), -0.4),
}
PIECEMEAL = ("baseline", *AS_IS)
READERS = ("linear_probe", "setfit", *TUNED, "distillation")

CASES = [
    Case(UNRELATED, {"domain_related": False, "domain": "DNA"}, {"baseline": 0.9, **all_of(TRANSFERS, -0.9)}, "(DNA)"),
    Case(
        UNRELATED, {"domain_related": False, "language": "en"}, {"baseline": 0.45, **all_of(TRANSFERS, -0.45)}, "brief"
    ),
    Case(
        UNRELATED, {"domain_related": False, "language": "zxx"}, {"baseline": 0.9, **all_of(TRANSFERS, -0.9)}, "brief"
    ),
    Case(
        UNRELATED,
        {"domain_related": False, "domain_overlap": 0.112},
        {"baseline": 0.45, **all_of(TRANSFERS, -0.45)},
    ),
    Case(UNRELATED, {"domain_related": False, "domain_overlap": 0.25}),
    Case(UNRELATED, {"domain_related": True}),
    Case(UNRELATED, {}, waits=("domain_related",)),
    Case(
        RELATED,
        {"domain_related": True, "model": "minilm"},
        {"baseline": -0.4, "linear_probe": 0.4, "setfit": 0.4, "from_scratch": -0.9, **all_of(ADAPTERS, 0.4)},
        "minilm was pretrained on",
    ),
    Case(RELATED, {"domain_related": False}),
    Case(RELATED, {}, waits=("domain_related",)),
    Case(NATURAL, {"language": "en", "language_share": 0.93}, {"baseline": -0.9}, "93% of your rows"),
    Case(NATURAL, {"language": "en", "domain_related": True}, {"baseline": -0.9}, "(en)"),
    Case(NATURAL, {"language": "en", "fertility": 1.6, "non_latin": 0}, {"baseline": -0.9}),
    Case(NATURAL, {"language": "en", "fertility": 1.9596, "non_latin": 0}, {"baseline": -0.45}),
    Case(NATURAL, {"language": "en", "domain_related": True, "fertility": 2.4, "non_latin": 0}, None),
    Case(NATURAL, {"language": "en", "domain_related": False}),
    Case(NATURAL, {"language": "sw", "model_languages": ("en",)}),
    Case(NATURAL, {"language": "en", "language_share": 0.4583}, {"baseline": -0.45}, "46%"),
    Case(NATURAL, {"language": "sw", "language_share": 0.5916, "model_languages": ("en",)}, {"baseline": -0.404}),
    Case(NATURAL, {"language": "zxx"}),
    Case(NATURAL, {}, waits=("language",)),
    Case(NO_LANGUAGE, {"language": "zxx", "rows": 500}, STRANGE, "your 500 rows no language"),
    Case(NO_LANGUAGE, {"language": "en", "language_share": 0.3}, STRANGE, "30%"),
    Case(NO_LANGUAGE, {"language": "en", "language_share": 0.4583}, graded(STRANGE, 0.5), "46%"),
    Case(NO_LANGUAGE, {"language": "en", "language_share": 0.7}),
    Case(NO_LANGUAGE, {}, waits=("language",)),
    Case(CARD, {"language": "sw", "model_languages": ("en", "de"), "non_latin": 0.02}, STRANGE, "2% of the letters"),
    Case(CARD, {"language": "sw", "model_languages": ("en",)}, STRANGE, "You say the texts are in 'sw'; the card"),
    Case(
        CARD,
        {"language": "sw", "language_share": 0.5916, "model_languages": ("en",)},
        graded(STRANGE, 0.5),
        "59% of your rows read as 'sw'; the card of the model names en; take a multilingual model, or one of that",
    ),
    Case(CARD, {"language": "sw", "language_share": 0.5, "model_languages": ("en",)}),
    Case(CARD, {"language": "en, sw", "model_languages": ("en",)}, STRANGE, "You say the texts are in 'en, sw'"),
    Case(CARD, {"language": "en, sw", "model_languages": ("en", "sw")}),
    Case(NATURAL, {"language": "en, sw"}, {"baseline": -0.9}, "(en, sw)"),
    Case(CARD, {"language": "de", "language_share": 0.9, "model_languages": ("en", "deu")}),
    Case(CARD, {"language": "sw", "language_share": 0.9, "model_languages": ("multilingual",)}),
    Case(CARD, {"language": "sw"}),
    Case(PIECES, {"fertility": 2.4, "non_latin": 0}, {**all_of(AS_IS, -0.4), "baseline": 0.4}, "2.4 tokens"),
    Case(PIECES, {"fertility": 1.9596, "non_latin": 0}, {**all_of(AS_IS, -0.2), "baseline": 0.2}, "2.0 tokens"),
    Case(PIECES, {"fertility": 1.6, "non_latin": 0}),
    Case(PIECES, {"fertility": 3, "non_latin": 0.4583}, {**all_of(AS_IS, -0.2), "baseline": 0.2}, "3.0 tokens"),
    Case(PIECES, {"fertility": 3, "non_latin": 0.7}),
    Case(PIECES, {"fertility": 3}),
    Case(PIECES, {}),
    Case(
        CUT,
        {"truncated_share": 0.2, "rows": 50, "context": 512},
        {**all_of(READERS, -0.4), "baseline": 0.4},
        "10 of your 50 rows, 20%, are longer than the 512 tokens",
    ),
    Case(CUT, {"truncated_share": 0.1}, {**all_of(READERS, -0.2), "baseline": 0.2}, "10% of your rows"),
    Case(CUT, {"truncated_share": 0.05}),
    Case(CUT, {}),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}
