"""A profile counts what its fields say, in a stream, without a heavy import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from probes.errors import ModelError
from probes.language import guess_language, non_latin_share
from probes.profile import Profile, profile_rows

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "datasets"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the real datasets are not beside this checkout")


def write(path: Path, rows: list[tuple[str, ...]], names: tuple[str, ...] = ("text", "label", "split")) -> str:
    path.write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows))
    return str(path)


ROWS = [
    ("same text", "a", "train"),
    ("same text", "b", "train"),
    ("Same text!", "a", "test"),
    ("same text", "a", "test"),
    ("only one", "b", "train"),
    ("Only one", "b", "dev"),
    ("another", "a", "train"),
    ("another", "a", "dev"),
    ("unlabelled", "", "test"),
]


def test_counts(tmp_path: Path) -> None:
    found = profile_rows(write(tmp_path / "r.jsonl", ROWS))
    assert found.rows == 8
    assert found.per_class == {"a": 5, "b": 3}
    assert list(found.per_class) == ["a", "b"]
    assert found.imbalance == pytest.approx(5 / 3)
    assert found.splits == {"train": 4, "validation": 2, "test": 2}
    assert found.unlabelled == 1
    assert (found.duplicates.exact, found.duplicates.normalised) == (3, 5)
    assert found.leaks.test_rows_in_train == 1
    assert found.leaks.test_rows_in_train_normalised == 2
    assert found.leaks.validation_rows_in_train == 1
    assert found.label_conflicts == 1
    assert (found.characters.p50, found.characters.max) == (8, 10)
    assert (found.tokens, found.tokenizer, found.truncated, found.fertility) == (None, None, None, None)
    assert Profile.model_validate_json(found.model_dump_json()) == found


def word_tokenizer(path: Path) -> Path:
    """A tokenizer that parts at spaces, brings [CLS], and is set to cut and pad, as many are."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", pair="[CLS] $A $B", special_tokens=[("[CLS]", 1)]
    )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=32)
    tokenizer.save(str(path))
    return path


def test_tokens_are_neither_cut_nor_padded(tmp_path: Path) -> None:
    rows = [("word " * n, "ab"[n % 2], "all") for n in range(1, 21)]
    tokenizer = word_tokenizer(tmp_path / "tokenizer.json")
    found = profile_rows(
        write(tmp_path / "r.jsonl", rows), tokenizer_file=tokenizer, tokenizer_name="words", context=16
    )
    assert found.tokens is not None
    assert (found.tokens.p50, found.tokens.p95, found.tokens.max) == (11, 20, 21)
    assert (found.truncated, found.tokenizer, found.context) == (5, "words", 16)
    assert found.fertility == pytest.approx(230 / 210)
    assert any("5 rows are longer than the 16 tokens" in note for note in found.notes)


def test_pairs_count_both_texts(tmp_path: Path) -> None:
    rows = [(f"one {i}", "two three", "ab"[i % 2]) for i in range(6)]
    source = write(tmp_path / "r.jsonl", rows, ("text1", "text2", "label"))
    found = profile_rows(source, tokenizer_file=word_tokenizer(tmp_path / "tokenizer.json"))
    assert found.pairs
    assert found.characters.max == 14
    assert found.tokens is not None
    assert found.tokens.max == 5
    assert found.duplicates.exact == 0


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_broken_tokenizer(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        profile_rows(write(tmp_path / "r.jsonl", ROWS), tokenizer_file=tmp_path / "tokenizer.json")


def test_dropped_classes_are_not_counted(tmp_path: Path) -> None:
    source = write(tmp_path / "r.jsonl", [*ROWS, ("long " * 100, "single", "train")])
    found = profile_rows(source, drop_rare_classes=True)
    assert found.rows == 8
    assert found.characters.max == 10
    assert "single" not in found.per_class
    assert any("too rare" in note for note in found.notes)


def test_progress(tmp_path: Path) -> None:
    seen: list[int] = []
    rows = [(f"text {i}", "ab"[i % 2], "all") for i in range(2500)]
    profile_rows(write(tmp_path / "r.jsonl", rows), progress=seen.append)
    assert seen == [1000, 2000, 2500]


def test_notes(tmp_path: Path) -> None:
    rows = [(f"The parcel number {i} has not arrived yet", "common" if i > 3 else "Common", "all") for i in range(60)]
    notes = " ".join(profile_rows(write(tmp_path / "r.jsonl", rows)).notes)
    assert "1 class has fewer than 10 rows" in notes
    assert "14 times the rows of the rarest" in notes
    assert "differ in case or spaces only" in notes


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["Where is my parcel?", "The order was charged twice."], "en"),
        (["Wo bleibt meine Bestellung?", "Das Paket ist nicht angekommen."], "de"),
        (["Где моя посылка?", "Заказ до сих пор не пришёл."], "ru"),
        (["我的包裹在哪里？", "订单还没有到。"], "zh"),
        (["CCAGCTGCATCACAGGAGGCCAGCGAGCAGGTCTG", "AGACCCGCCGGGAGGCGGAGGACCTGCAGGG"], "und"),
        (["1. e4 e5 2. Nf3 Nc6", "1. d4 d5 2. c4 e6"], "und"),
        (["12 34 56", "!!!"], "und"),
        ([], "und"),
    ],
)
def test_language(texts: list[str], language: str) -> None:
    assert guess_language(texts)[0] == language


def test_non_latin() -> None:
    assert non_latin_share(["héllo ß", "123 !?"]) == 0
    assert non_latin_share(["ab", "бв"]) == 0.5
    assert non_latin_share(["123"]) == 0


@pytest.mark.shared
@real
@pytest.mark.parametrize(
    ("name", "exact", "leaked", "conflicts", "language"),
    [
        ("code_comments_java", 617, 159, 9, "en"),
        ("medical_abstracts", 118, 0, 113, "en"),
        ("chess_openings", 0, 0, 0, "und"),
        ("dna_splice", 185, 0, 1, "und"),
        ("afrisenti_swahili", 11, 0, 3, "sw"),
        ("afrisenti_hausa", 215, 0, 13, "ha"),
    ],
)
def test_real_datasets(name: str, exact: int, leaked: int, conflicts: int, language: str) -> None:
    found = profile_rows(str(SHARED / f"{name}.jsonl"))
    assert found.duplicates.exact == exact
    assert found.leaks.test_rows_in_train == leaked
    assert found.label_conflicts == conflicts
    assert found.language == language


# Peak memory is taken from the kernel's own account of the process since it started: `ru_maxrss` would count what the
# process that started it held.
STREAM = """
import re, sys
from pathlib import Path
from probes.profile import profile_rows
found = profile_rows(sys.argv[1])
heavy = {"torch", "transformers", "sklearn", "pandas", "pyarrow", "datasets"} & sys.modules.keys()
assert not heavy, heavy
print(found.rows, 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
"""


def write_many(path: Path, rows: int) -> None:
    filler = "many words in a row that is of a usual length for a message " * 4
    with path.open("w") as stream:
        if path.suffix == ".csv":
            stream.write("text,label\n")
            stream.writelines(f"{i} {filler},{'ab'[i % 2]}\n" for i in range(rows))
            return
        opening, joint, closing = ("[", ",", "]") if path.suffix == ".json" else ("", "\n", "")
        stream.write(opening)
        for i in range(rows):
            stream.write(f'{joint if i else ""}{{"text": "{i} {filler}", "label": "{"ab"[i % 2]}"}}')
        stream.write(closing)


def peak_of_profile(path: Path, rows: int) -> int:
    """Profile a generated file in a process of its own and return the bytes it held at most."""
    write_many(path, rows)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", STREAM, str(path)],
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    counted, peak = map(int, done.stdout.split())
    assert counted == rows
    return peak


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc")
@pytest.mark.parametrize(("name", "rows"), [("r.jsonl", 300_000), ("r.csv", 100_000), ("r.json", 100_000)])
def test_large_files_are_streamed(tmp_path: Path, name: str, rows: int) -> None:
    peak = peak_of_profile(tmp_path / name, rows)
    # A million rows may take 2 GiB, these their share of it; and what a row leaves behind must stay far below its text.
    assert peak < 2 * 2**30 * 300_000 / 1_000_000
    assert (peak - peak_of_profile(tmp_path / name, 2_000)) / rows < 150


def test_importing_data_is_light() -> None:
    code = (
        "import sys, probes.data, probes.profile; "
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'datasets', 'sklearn', 'torch', 'transformers', 'py3langid'} "
        "& sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done
