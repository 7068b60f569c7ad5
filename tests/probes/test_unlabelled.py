"""Texts to predict on: columns as in training, labels where there are any, faults told by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probes.errors import DataError
from probes.unlabelled import Texts, load_texts


def read(folder: Path, content: str, name: str = "rows.csv", **more: Any) -> Texts:
    (folder / name).write_text(content, encoding="utf-8")
    settings = {
        "text_column": None,
        "text_pair_column": None,
        "label_column": None,
        "usual_text": "text",
        "usual_pair": None,
        "usual_label": "label",
    }
    return load_texts(str(folder / name), **(settings | more))


def test_rows_without_labels_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, "text\none\ntwo\n")
    assert found == Texts(texts=("one", "two"), pairs=None, labels=(None, None), numbers=(1, 2))


def test_labels_are_read_where_there_are_any(tmp_path: Path) -> None:
    assert read(tmp_path, "text,label\none,1\ntwo,\n").labels == ("1", None)
    lines = '{"text": "a", "label": 1}\n{"text": "b", "label": null}\n{"text": "c"}\n'
    assert read(tmp_path, lines, "rows.jsonl").labels == ("1", None, None)


def test_the_users_column_goes_before_the_usual_one(tmp_path: Path) -> None:
    content = "text,body,label,truth\na,b,x,y\n"
    found = read(tmp_path, content, text_column="body", label_column="truth")
    assert (found.texts, found.labels) == (("b",), ("y",))


@pytest.mark.parametrize("name", ["sentence", "content"])
def test_the_only_column_of_a_conventional_name_stands_in(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, f"id,{name}\n7,hello\n").texts == ("hello",)


def test_pairs_need_both_columns(tmp_path: Path) -> None:
    found = read(tmp_path, "text,other\na,b\n", usual_pair="other")
    assert found.pairs == ("b",)
    with pytest.raises(DataError, match=r"no column 'other'; its columns: 'text'\.[\s\S]*--text-pair-column"):
        read(tmp_path, "text\na\n", usual_pair="other")


@pytest.mark.parametrize(
    ("content", "name", "more", "message"),
    [
        ("a,b\n1,2\n", "rows.csv", {}, r"no column 'text'; its columns: 'a', 'b'\.[\s\S]*--text-column"),
        ("sentence,content\n1,2\n", "rows.csv", {}, r"no column 'text'"),
        ("text\na\n", "rows.csv", {"text_column": "body"}, r"no column 'body'; its columns: 'text'"),
        ("text\na\n", "rows.csv", {"label_column": "truth"}, r"no column 'truth'[\s\S]*--label-column"),
        ("", "rows.csv", {}, r"rows\.csv"),
        ("text\n", "rows.csv", {}, r"rows\.csv"),
        ("text,x\na,1\n ,2\n", "rows.csv", {}, r"row 2 .*text in column 'text' is empty"),
        ('{"text": "a"}\n{"text": null}\n', "rows.jsonl", {}, r"row 2 .*no text in column 'text'"),
        ('{"text": "a"}\n{"text": 3}\n', "rows.jsonl", {}, r"row 2 .*not a string"),
        ('{"text": "a"}\n{"text"\n', "rows.jsonl", {}, r"row 2 \(line 2\) is broken JSON"),
        ('{"text"\n{"text": "a"}\n', "rows.jsonl", {}, r"row 1 \(line 1\) is broken JSON"),
        ('{"text"\n', "rows.jsonl", {}, r"row 1 \(line 1\) is broken JSON"),
        ("text,x\na,1,2\n", "rows.csv", {}, r"row 1 "),
        ("Text,TEXT\na,b\n", "rows.csv", {}, r"no column 'text'; its columns: 'Text', 'TEXT'"),
        ('{"text": "a", "label": [1, 2]}\n', "rows.jsonl", {}, r"row 1 .*not one class"),
    ],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, content: str, name: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content, name, **more)


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("Text,Label,Other\na,x,b\n", {}),
        ("text,label,other\na,x,b\n", {"text_column": "Text", "label_column": "LABEL", "text_pair_column": "OTHER"}),
        ("Review-Text,Truth,OTHER\na,x,b\n", {"text_column": "review_text", "label_column": "truth"}),
    ],
)
def test_columns_are_found_whatever_the_case_of_their_letters(
    tmp_path: Path, content: str, more: dict[str, Any]
) -> None:
    found = read(tmp_path, content, usual_pair="other", **more)
    assert (found.texts, found.pairs, found.labels) == (("a",), ("b",), ("x",))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("text,x\na,1\n ,2\nb,3\n", "rows.csv"),
        ("text,x\na,1\nb,2,3\nb,3\n", "rows.csv"),
        ('{"text": "a"}\n{"text": null}\n{"text": "b"}\n', "rows.jsonl"),
        ('{"text": "a"}\n{"text"\n{"text": "b"}\n', "rows.jsonl"),
    ],
)
def test_bad_rows_are_passed_over_where_asked(tmp_path: Path, content: str, name: str) -> None:
    with pytest.raises(DataError, match=r"row 2 [\s\S]*--skip-bad-rows"):
        read(tmp_path, content, name)
    found = read(tmp_path, content, name, skip_bad_rows=True)
    assert found == Texts(texts=("a", "b"), pairs=None, labels=(None, None), numbers=(1, 3), skipped=1)


@pytest.mark.parametrize(("content", "name"), [("text,x\n ,1\n", "rows.csv"), ('{"text"\n', "rows.jsonl")])
def test_a_file_of_bad_rows_alone_is_refused(tmp_path: Path, content: str, name: str) -> None:
    with pytest.raises(DataError, match=r"row 1 "):
        read(tmp_path, content, name, skip_bad_rows=True)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        load_texts(
            str(tmp_path / "nowhere.csv"),
            text_column=None,
            text_pair_column=None,
            label_column=None,
            usual_text="text",
            usual_pair=None,
            usual_label="label",
        )
