"""Every kind of source gives the same rows, and every malformed one a message that helps."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from probes.data import content_digest, load_task
from probes.errors import DataError
from probes.profile import profile_rows
from probes.reading import read_rows

ROWS: list[dict[str, object]] = [
    {"text": 'naïve "quoted", comma', "label": "a"},
    {"text": "two\nlines 😀", "label": "b"},
    {"text": "plain", "label": "a"},
]


def write_csv(path: Path, delimiter: str = ",") -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["text", "label"], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)


def write_parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), path)


def write_text(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(text.encode())

    return write


JSONL = "\n".join(json.dumps(row) for row in ROWS)
COLUMNS = {name: [row[name] for row in ROWS] for name in ("text", "label")}
WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "csv": ("r.csv", write_csv),
    "csv with semicolons": ("r.csv", lambda path: write_csv(path, ";")),
    "csv with tabs": ("r.csv", lambda path: write_csv(path, "\t")),
    "csv with bom": ("r.csv", lambda path: (write_csv(path), path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()))[0]),
    "tsv with quotes": ("r.tsv", lambda path: write_csv(path, "\t")),
    "jsonl": ("r.jsonl", write_text(JSONL)),
    "jsonl with bom and blank lines": ("r.jsonl", write_text("\ufeff" + JSONL.replace("\n", "\n\n") + "\n\n")),
    "ndjson in capitals": ("R.NDJSON", write_text(JSONL)),
    "json array": ("r.json", write_text(json.dumps(ROWS, indent=2))),
    "json lines in .json": ("r.json", write_text(JSONL)),
    "json under one key": ("r.json", write_text(json.dumps({"version": 1, "data": ROWS}))),
    "json by record": ("r.json", write_text(json.dumps({f"id{i}": row for i, row in enumerate(ROWS)}))),
    "json by column": ("r.json", write_text(json.dumps(COLUMNS))),
    "json as pandas writes it": (
        "r.json",
        write_text(json.dumps({name: {str(i): v for i, v in enumerate(cells)} for name, cells in COLUMNS.items()})),
    ),
    "parquet": ("r.parquet", write_parquet),
}


@pytest.mark.parametrize(("name", "write"), WRITERS.values(), ids=WRITERS.keys())
def test_formats_agree(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    rows = list(read_rows(str(tmp_path / name)))
    assert [row.values for row in rows] == ROWS
    assert [row.number for row in rows] == [1, 2, 3]
    assert not any(row.fault for row in rows)


def pack_zst(data: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("inner", ["csv", "json array", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", pack_zst)]
)
def test_packed_files_agree(tmp_path: Path, inner: str, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    name, write = WRITERS[inner]
    write(tmp_path / name)
    packed = tmp_path / f"{name}.{suffix}"
    packed.write_bytes(pack((tmp_path / name).read_bytes()))
    assert [row.values for row in read_rows(str(packed))] == ROWS


def test_tsv_with_plain_quotes(tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text('text\tlabel\n"open quote\ta\nsaid "no" twice\tb\n" alone\ta\n')
    assert [row.values["text"] for row in read_rows(str(tmp_path / "r.tsv"))] == [
        '"open quote',
        'said "no" twice',
        '" alone',
    ]


def test_json_array_across_chunks(tmp_path: Path) -> None:
    rows = [{"text": "é\n" * (40_000 + i), "label": str(i % 2), "n": i * 10**9} for i in range(40)]
    (tmp_path / "r.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    assert [row.values for row in read_rows(str(tmp_path / "r.json"))] == rows


def test_splits_as_keys_of_a_json_object(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"train": ROWS, "test": ROWS[:1]}), encoding="utf-8")
    assert [row.values["split"] for row in read_rows(str(tmp_path / "r.json"))] == ["train"] * 3 + ["test"]


def test_saved_dataset(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    train = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, -1]}, features=features)
    datasets.disable_progress_bars()
    datasets.DatasetDict({"train": train, "test": train}).save_to_disk(str(tmp_path / "parts"))
    train.save_to_disk(str(tmp_path / "one"))
    train.to_parquet(str(tmp_path / "one.parquet"))
    labels = ["no", "yes", None]
    assert [row.values["label"] for row in read_rows(str(tmp_path / "one"))] == labels
    assert [row.values["label"] for row in read_rows(str(tmp_path / "one.parquet"))] == labels
    parts = list(read_rows(str(tmp_path / "parts"), only={"label"}))
    assert [row.values for row in parts[:2]] == [{"label": "no", "split": "train"}, {"label": "yes", "split": "train"}]
    assert parts[-1].values["split"] == "test"


def test_hub_offline_fails_in_seconds() -> None:
    code = "from probes.data import load_task; load_task('nobody/no-such-dataset')"
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert time.monotonic() - start < 20
    assert "DataError: nobody/no-such-dataset could not be loaded from the hub" in done.stderr
    assert "load_dataset('nobody/no-such-dataset').save_to_disk('no-such-dataset')" in done.stderr


def test_a_name_without_its_extension_finds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_bytes(GOOD_CSV)
    with pytest.raises(DataError, match=r"could not be asked for it: no route(.|\n)*Did you mean rows\.csv"):
        load_task("rows")


def test_digest_follows_the_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_text("text,label\nx,y\n")
    other.write_text("text,label\nx,y\n")
    assert content_digest(str(one)) == content_digest(str(other))
    with pytest.raises(DataError, match="not one saved by `datasets`"):
        content_digest(str(tmp_path))
    (tmp_path / "state.json").write_text("{}")
    folder = content_digest(str(tmp_path))
    other.write_text("text,label\nx,z\n")
    assert content_digest(str(one)) != content_digest(str(other))
    assert content_digest(str(tmp_path)) != folder


def lines(*rows: str) -> bytes:
    return ("\n".join(rows) + "\n").encode()


GOOD = [
    f'{{"text": "text number {word}", "label": "{"ab"[i % 2]}"}}'
    for i, word in enumerate(("one", "two", "three", "four"))
]
CSV = [f"text number {i},{'ab'[i % 2]}" for i in range(8)]
GOOD_CSV = lines("text,label", *CSV)

# name of the case: file, its bytes (None: no file), column flags, what the message must say
MALFORMED: dict[str, tuple[str, bytes | None, dict[str, str], tuple[str, ...]]] = {
    "missing file": ("nothing.csv", None, {}, ("nothing.csv does not exist",)),
    "missing file, near name": ("row.csv", None, {}, ("Did you mean", "rows.csv")),
    "missing folder": ("no/such/rows.csv", None, {}, ("does not exist", "nor does the folder")),
    "empty file": ("r.csv", b"", {}, ("r.csv is empty",)),
    "only spaces": ("r.csv", b" \n\n", {}, ("r.csv is empty",)),
    "empty jsonl": ("r.jsonl", b"\n\n", {}, ("r.jsonl is empty",)),
    "empty gzip": ("r.csv.gz", gzip.compress(b""), {}, ("is empty",)),
    "empty array": ("r.json", b"[]", {}, ("empty array",)),
    "empty object": ("r.json", b"{}", {}, ("holds no rows",)),
    "json string": ("r.json", b'"text"', {}, ("holds no rows",)),
    "header but no rows": ("r.csv", b"text,label\n", {}, ("has a header but no rows",)),
    "unknown extension": ("r.docx", b"x", {}, ("has .docx", "Allowed: .csv")),
    "no extension": ("rows", b"x", {}, ("has no extension",)),
    "workbook as csv": ("r.csv", b"PK\x03\x04rest", {}, ("Excel", "CSV (UTF-8)")),
    "gzip without its name": ("r.csv", gzip.compress(GOOD_CSV), {}, ("is a gzip file", "Add .gz")),
    "binary garbage": ("r.csv", b"\x01\x00\x02\x00" * 50, {}, ("binary data",)),
    "latin-1": ("r.csv", lines("text,label", "ok,a") + b"caf\xe9,b\n", {}, ("line 3", "0xe9", "iconv -f WINDOWS-1252")),
    "latin-1 in json": ("r.json", b'[\n{"text": "caf\xe9 x", "label": "a"}]', {}, ("line 2", "0xe9", "iconv")),
    "utf-16": ("r.csv", "text,label\nx,a\n".encode("utf-16"), {}, ("UTF-16", "iconv -f UTF-16")),
    "damaged gzip": ("r.csv.gz", gzip.compress(GOOD_CSV)[:-12], {}, ("damaged or not gz", "again")),
    "no gzip": ("r.csv.gz", GOOD_CSV, {}, ("damaged or not gz", "drop .gz")),
    "damaged xz": ("r.csv.xz", lzma.compress(GOOD_CSV)[:-12], {}, ("damaged or not xz",)),
    "damaged zst": ("r.csv.zst", b"no zstandard at all", {}, ("damaged or not zst",)),
    "damaged parquet": ("r.parquet", b"PAR1 and no more", {}, ("not a whole Parquet file",)),
    "broken json line": (
        "r.jsonl",
        lines(*GOOD, '{"text": "x", '),
        {},
        ("row 5 (line 5)", "broken JSON", "--skip-bad-rows"),
    ),
    "json line no object": ("r.jsonl", lines(GOOD[0], "", '["x", "a"]'), {}, ("row 2 (line 3)", "an array, no object")),
    "json array broken": (
        "r.json",
        lines("[", GOOD[0] + ",", '{"text": "x" "label"}]'),
        {},
        ("row 2 (line 3)", "broken"),
    ),
    "json array unclosed": ("r.json", lines("[", GOOD[0]), {}, ("row 1", "ends inside the array")),
    "json array with more": ("r.json", lines(f"[{GOOD[0]}]", "x"), {}, ("something follows",)),
    "json object broken": ("r.json", b'{"data": [\n{"text": }', {}, ("line 2", "broken JSON")),
    "json without rows": ("r.json", b'{"a": 1, "b": {"c": 2}}', {}, ("no rows were found",)),
    "csv too many fields": (
        "r.csv",
        lines("text,label", "a, b,x"),
        {},
        ("row 1 (line 2) has 3 fields", "names 2", "quotes"),
    ),
    "csv too few fields": ("r.csv", lines("text,label", *CSV, "x"), {}, ("row 9 (line 10) has 1 field,",)),
    "csv quote never closed": (
        "r.csv",
        lines("text,label", "x,a", '"y,b', "z,a"),
        {},
        ("row 2 (line 3)", "never closes"),
    ),
    "csv stray quote": ("r.csv", lines("text,label", '"x" y,a'), {}, ("row 1 (line 2)", "not valid CSV")),
    "double column": ("r.csv", lines("text,label,text", "a,b,c"), {}, ("'text' more than once",)),
    "no text column": ("r.csv", lines("foo,bar,label", "1,2,a"), {}, ("'foo', 'bar', 'label'", "--text-column")),
    "no label column": ("r.csv", lines("text,foo", "x,a"), {}, ("'text', 'foo'", "--label-column")),
    "no header": ("r.csv", lines("I like it,good", "I hate it,bad"), {}, ("put a line with the columns' names",)),
    "ambiguous text": ("r.csv", lines("title,body,label", "x,y,a"), {}, ("'body', 'title'", "--text-column")),
    "ambiguous label": ("r.csv", lines("text,topic,intent", "x,y,a"), {}, ("'intent', 'topic'", "--label-column")),
    "ambiguous pair": (
        "r.csv",
        lines("text1,text2,premise,hypothesis,label", "a,b,c,d,e"),
        {},
        ("several pairs", "--text-pair-column hypothesis"),
    ),
    "flag without column": (
        "r.csv",
        GOOD_CSV,
        {"text_column": "txt"},
        ("no column 'txt'", "Did you mean --text-column text"),
    ),
    "flags on one column": (
        "r.csv",
        GOOD_CSV,
        {"text_column": "text", "label_column": "text"},
        ("chosen for two things",),
    ),
    "split flag without column": ("r.csv", GOOD_CSV, {"split_column": "part"}, ("no column 'part'", "--split-column")),
    "one class": ("r.csv", lines("text,label", "x,a", "y,a", "z,a"), {}, ("one class only", "'a'")),
    "class with one row": ("r.csv", lines("text,label", *CSV, "z,rare"), {}, ("'rare' (row 9)", "--drop-rare-classes")),
    "free text as label": (
        "r.csv",
        lines("text,label", *(f"x{i},y{i}" for i in range(30))),
        {},
        ("30 different values in 30", "free text"),
    ),
    "null text": ("r.jsonl", lines(*GOOD, '{"text": null, "label": "a"}'), {}, ("row 5", "no text", "--skip-bad-rows")),
    "absent text": ("r.jsonl", lines(*GOOD, '{"label": "a"}'), {}, ("row 5", "no text", "--skip-bad-rows")),
    "empty text": ("r.csv", lines("text,label", "x,a", "  ,b"), {}, ("row 2 (line 3)", "is empty", "--skip-bad-rows")),
    "number as text": ("r.jsonl", lines(*GOOD, '{"text": 7, "label": "a"}'), {}, ("row 5", "a number, not a string")),
    "list as text": ("r.jsonl", lines(*GOOD, '{"text": ["x"], "label": "a"}'), {}, ("row 5", "a list, not a string")),
    "half a character": (
        "r.jsonl",
        lines(*GOOD, r'{"text": "\ud83d", "label": "a"}'),
        {},
        ("row 5", "half a character"),
    ),
    "empty second text": ("r.csv", lines("text1,text2,label", "x,y,a", "x,,b"), {}, ("row 2", "'text2' is empty")),
    "list as label": (
        "r.jsonl",
        lines(*GOOD, '{"text": "x", "label": ["a", "b"]}'),
        {},
        ("row 5", "a list, not one class"),
    ),
    "no labels": ("r.csv", lines("text,label", "x,", "y,"), {}, ("none of its 2 rows has a label",)),
    "unknown split": (
        "r.csv",
        lines("text,label,split", "x,a,train", "y,b,tset"),
        {},
        ("row 2", "'tset'", "Allowed: train"),
    ),
    "empty split": ("r.csv", lines("text,label,split", "x,a,train", "y,b,"), {}, ("row 2", "''", "no split")),
    "nothing to train on": (
        "r.csv",
        lines("text,label,split", "x,a,test", "y,b,test"),
        {},
        ("no rows to train on", "'test'"),
    ),
    "test label unknown to train": (
        "r.csv",
        lines("text,label,split", *(f"{row},train" for row in CSV), "x,new,test", "y,new,test"),
        {},
        ("'new' (row 9)", "in no training row"),
    ),
    "too few rows": ("r.csv", lines("text,label", "w,a", "x,a", "y,b", "z,b"), {}, ("too few rows to split", "three")),
}


@pytest.mark.parametrize(("name", "data", "flags", "said"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(tmp_path: Path, name: str, data: bytes | None, flags: dict[str, str], said: tuple[str, ...]) -> None:
    if data is None:
        (tmp_path / "rows.csv").write_bytes(GOOD_CSV)
    else:
        (tmp_path / name).write_bytes(data)
    source = str(tmp_path / name)
    with pytest.raises(DataError) as caught:
        load_task(source, **flags)  # type: ignore[arg-type]
    message = str(caught.value)
    assert all(part in message for part in said), message
    assert source in message
    assert "\n  → " in message
    assert caught.value.remedy


@pytest.mark.parametrize("name", sorted(MALFORMED.keys() - {"too few rows"}))
def test_profile_says_the_same(tmp_path: Path, name: str) -> None:
    file, data, flags, _ = MALFORMED[name]
    if data is not None:
        (tmp_path / file).write_bytes(data)
    messages = []
    for read in (load_task, profile_rows):
        with pytest.raises(DataError) as caught:
            read(str(tmp_path / file), **flags)  # type: ignore[operator]
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_folder_that_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(GOOD_CSV)
    with pytest.raises(DataError, match=r"not one saved by `datasets`(.|\n)*rows\.csv"):
        load_task(str(tmp_path))


def test_damaged_saved_dataset(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(DataError, match="damaged dataset"):
        load_task(str(tmp_path))


def test_no_source() -> None:
    with pytest.raises(DataError, match="No file"):
        load_task(" ")


def test_bad_rows_can_be_skipped(tmp_path: Path) -> None:
    bad = ["{broken", "[1]", '{"text": "", "label": "a"}', '{"text": "x", "label": {"a": 1}}']
    (tmp_path / "r.jsonl").write_bytes(lines(*bad, *(row.replace("text n", f"n{i}") for i in range(4) for row in GOOD)))
    found = load_task(str(tmp_path / "r.jsonl"), skip_bad_rows=True)
    assert len(found.train) + len(found.validation) + len(found.test) == 16
    assert any("4 bad rows were skipped" in note and "row 1 (line 1)" in note for note in found.notes)
    assert profile_rows(str(tmp_path / "r.jsonl"), skip_bad_rows=True).skipped == 4
    (tmp_path / "r.jsonl").write_bytes(lines(*bad, '{"text": 1, "label": "a"}'))
    with pytest.raises(DataError):
        load_task(str(tmp_path / "r.jsonl"), skip_bad_rows=True)


def test_only_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(lines('{"text": 1, "label": "a"}', '{"text": 2, "label": "b"}'))
    with pytest.raises(DataError, match="not one row can be used"):
        load_task(str(tmp_path / "r.jsonl"), skip_bad_rows=True)
