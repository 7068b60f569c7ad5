"""Cautions: said where the facts are known, and passed over where they are not."""

from __future__ import annotations

import pytest

from advisor.rules.cautions import cautions
from tests.advisor.rules.cases import facts_of

ALWAYS = ("inherits the biases", "licence")


def test_inherited_bias_and_licence_are_always_there() -> None:
    said = cautions(facts_of({}))
    assert len(said) == len(ALWAYS)
    assert all(word in sentence for word, sentence in zip(ALWAYS, said, strict=True))


def test_licence_is_named_where_it_is_known() -> None:
    said = cautions(facts_of({"model": "minilm", "model_licence": "apache-2.0"}))
    assert "The licence of minilm (apache-2.0) also binds what is trained from it." in said


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"leaked_test_rows": 3}, "3 test rows"),
        ({"duplicate_share": 0.1, "rows": 500}, "50 of 500 rows (10.0%)"),
        ({"conflict_share": 0.02, "rows": 500}, "10 texts"),
        ({"imbalance": 10}, "10 times the rows of the rarest"),
        ({"rows": 40, "classes": 4, "rarest_class_share": 0.3, "rarest_class": "spam"}, "Class 'spam' has 3 training"),
        ({"facts_change": True}, "retrieval"),
        ({"data_may_leave": False}, "can run on your own machines"),
    ],
)
def test_said(known: dict[str, object], says: str) -> None:
    assert any(says in sentence for sentence in cautions(facts_of(known))), cautions(facts_of(known))


@pytest.mark.parametrize(
    "known",
    [
        {"leaked_test_rows": 0},
        {"duplicate_share": 0.0, "rows": 500},
        {"duplicate_share": 0.1},
        {"conflict_share": 0.0, "rows": 500},
        {"imbalance": 9.9},
        {"imbalance": 50, "metric": "macro_f1"},
        {"rows": 40, "classes": 4, "rarest_class_share": 0.5},
        {"rows": 8, "classes": 4},
        {"facts_change": False},
        {"data_may_leave": True},
    ],
)
def test_not_said(known: dict[str, object]) -> None:
    assert len(cautions(facts_of(known))) == len(ALWAYS)
