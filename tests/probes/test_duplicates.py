"""When texts count as the same."""

from __future__ import annotations

import pytest

from probes.duplicates import exact_key, normalise, normalised_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello, World!", "hello world"),
        ("  a \n b\t", "a b"),
        ("ＦＵＬＬ", "full"),
        ("Straße", "STRASSE"),
        ("café", "cafe\u0301"),
        ("snake_case", "snake case"),
    ],
)
def test_same(one: str, other: str) -> None:
    assert normalised_key(one) == normalised_key(other)
    assert exact_key(one) != exact_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("कि", "का"), ("!!!", "???"), ("😀", "😡"), (":-)", ":-("), ("12", "1 2"), ("a b", "ab"), ("cafe", "café")],
)
def test_different(one: str, other: str) -> None:
    assert normalised_key(one) != normalised_key(other)


def test_pairs_are_told_apart_from_their_joined_text() -> None:
    assert normalised_key("a b", "c") != normalised_key("a", "b c")
    assert normalised_key("A", "B.") == normalised_key("a", "b")
    assert exact_key("a") != exact_key("a", "")


def test_normalise_is_stable() -> None:
    for text in ("Hello, World!", "++i;", "İstanbul", "ﬁn — ½"):
        assert normalise(normalise(text)) == normalise(text)
