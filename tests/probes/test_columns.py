"""Which column is taken for what."""

from __future__ import annotations

import pytest

from probes.columns import Columns, find_columns, resolve_splits
from probes.errors import DataError

FOUND: list[tuple[str, dict[str, str], tuple[str, str | None, str, str | None]]] = [
    ("text label", {}, ("text", None, "label", None)),
    ("Text Label SPLIT", {}, ("Text", None, "Label", "SPLIT")),
    ("id sentence category", {}, ("sentence", None, "category", None)),
    ("utterance intent set", {}, ("utterance", None, "intent", "set")),
    ("text title label label_text", {}, ("text", None, "label", None)),
    ("Review-Text stars", {}, ("Review-Text", None, "stars", None)),
    ("premise hypothesis label", {}, ("premise", "hypothesis", "label", None)),
    ("question1 question2 label", {}, ("question1", "question2", "label", None)),
    ("query passage label", {}, ("query", "passage", "label", None)),
    ("text text_pair label", {}, ("text", "text_pair", "label", None)),
    ("text question answer label", {}, ("text", None, "label", None)),
    ("premise hypothesis label", {"text": "premise"}, ("premise", None, "label", None)),
    ("title body label", {"text": "body"}, ("body", None, "label", None)),
    ("title body label", {"text": "title", "text_pair": "body"}, ("title", "body", "label", None)),
    ("body title label", {"text_pair": "title"}, ("body", "title", "label", None)),
    ("text topic intent", {"label": "Topic"}, ("text", None, "topic", None)),
    ("text label split", {"label": "split"}, ("text", None, "split", None)),
    ("text label split part", {"split": "part"}, ("text", None, "label", "part")),
    ("text label fold", {"split": "none"}, ("text", None, "label", None)),
    ("words label", {}, ("words", None, "label", None)),
    ("id words label", {}, ("words", None, "label", None)),
]


@pytest.mark.parametrize(("names", "flags", "expected"), FOUND)
def test_found(names: str, flags: dict[str, str], expected: tuple[str, str | None, str, str | None]) -> None:
    columns = names.split()
    text, pair, label, split = expected
    found = find_columns(columns, [dict.fromkeys(columns, "some words")], **flags)  # type: ignore[arg-type]
    assert found == Columns(text=text, text_pair=pair, label=label, split=split)


def test_a_column_of_numbers_is_no_text() -> None:
    with pytest.raises(DataError, match="--text-column"):
        find_columns(["price", "label"], [{"price": "7.5", "label": "a"}, {"price": "8", "label": "b"}])


def test_long_listings_are_cut() -> None:
    with pytest.raises(DataError) as caught:
        find_columns([f"c{i}" * 50 for i in range(500)], [])
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("train dev test", {"train": "train", "dev": "validation", "test": "test"}),
        ("Training VALID Testing", {"Training": "train", "VALID": "validation", "Testing": "test"}),
        ("train", None),
        ("all", None),
        ("everything", None),
        ("0 1 2 3", None),
    ],
)
def test_split_values(values: str, expected: dict[str, str] | None) -> None:
    seen = {value: row for row, value in enumerate(values.split(), start=1)}
    assert resolve_splits(seen, chosen=False, column="split", source="rows.csv")[0] == expected


def test_a_chosen_split_column_must_hold_splits() -> None:
    with pytest.raises(DataError, match=r"rows\.csv, row 1: '0'"):
        resolve_splits({"0": 1, "1": 2}, chosen=True, column="fold", source="rows.csv")
