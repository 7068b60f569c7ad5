"""Splits are stratified, whole in their duplicates, deterministic, and honest about leaks."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from probes.columns import SplitName
from probes.data import Rows, TaskData, load_task
from probes.duplicates import normalised_key
from probes.errors import DataError
from probes.splitting import expected_train_rows, make_splits

SHARED = Path(__file__).parents[2].parent / "shared" / "datasets"


def write(path: Path, rows: list[tuple[str, ...]], header: str = "text,label") -> str:
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return str(path)


def keys(rows: Rows) -> set[int]:
    pairs = rows.pairs or (None,) * len(rows)
    return {normalised_key(text, pair) for text, pair in zip(rows.texts, pairs, strict=True)}


def assert_sound(found: TaskData) -> None:
    train, validation, test = (keys(rows) for rows in (found.train, found.validation, found.test))
    assert not train & test
    assert not train & validation
    assert not validation & test
    assert set(found.train.labels) == set(range(len(found.classes)))


def test_random_shapes_stay_sound() -> None:
    for trial in range(200):
        rng = random.Random(trial)
        classes = rng.randint(2, 8)
        rows = rng.randint(3 * classes, 120)
        groups = [rng.randint(0, rng.choice([rows // 2, rows, 9 * rows])) for _ in range(rows)]
        labels = [i % classes for i in range(rows)]
        plan = make_splits(groups, labels, seed=trial)
        parts = [plan.train, plan.validation, plan.test]
        assert sorted(itertools.chain(*parts)) == list(range(rows))
        sides = [{groups[row] for row in part} for part in parts]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
        assert {labels[row] for row in plan.train} == set(labels)


def test_shares_and_strata(tmp_path: Path) -> None:
    rows = [(f"text {i}", "ab"[i % 10 == 0]) for i in range(1000)]
    found = load_task(write(tmp_path / "r.csv", rows))
    assert (len(found.train), len(found.validation), len(found.test)) == (700, 100, 200)
    assert Counter(found.test.labels) == {0: 180, 1: 20}
    assert Counter(found.validation.labels) == {0: 90, 1: 10}
    assert_sound(found)


@pytest.mark.parametrize("sizes", [[900, 100], [4] * 77, [50] * 20, [3, 3], [200, 90, 7, 3, 2, 2], [11] * 9])
@pytest.mark.parametrize("splits", ["", "train test", "train validation", "train validation test"])
def test_the_training_rows_are_known_from_counts(tmp_path: Path, sizes: list[int], splits: str) -> None:
    rows = [(f"text {c} {i}", f"class {c}") for c, size in enumerate(sizes) for i in range(size)]
    parts: Counter[str] = Counter()
    header = "text,label"
    if splits:
        names = splits.split()
        rows = [(*row, names[int(row[0].split()[2]) % len(names)]) for row in rows]
        parts = Counter(row[2] for row in rows)
        header = "text,label,split"
    found = load_task(write(tmp_path / "r.csv", rows, header))
    per_class = {f"class {c}": size for c, size in enumerate(sizes)}
    assert expected_train_rows(per_class, parts) == len(found.train)


def test_few_rows_in_many_classes_still_fill_every_split(tmp_path: Path) -> None:
    rows = [(f"text {i}", f"class {i % 77}") for i in range(77 * 4)]
    found = load_task(write(tmp_path / "r.csv", rows))
    assert set(found.test.labels) == set(range(77))
    assert len(found.validation) == 31
    assert_sound(found)


def test_two_texts_of_a_class_go_to_train_and_test(tmp_path: Path) -> None:
    rows = [(f"text {i}", "big") for i in range(40)] + [("small one", "small"), ("small two", "small")]
    found = load_task(write(tmp_path / "r.csv", rows))
    small = found.classes.index("small")
    assert [rows.labels.count(small) for rows in (found.train, found.validation, found.test)] == [1, 0, 1]


def test_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    rows = [(f"{'Text' if i % 2 else 'text'} {i % 30}{'!' * (i % 3)}", "ab"[i % 30 > 12]) for i in range(300)]
    assert_sound(load_task(write(tmp_path / "r.csv", rows)))


def test_same_seed_same_split_whatever_the_order(tmp_path: Path) -> None:
    rows = [(f"text {i}", "abc"[i % 3]) for i in range(90)]
    shuffled = random.Random(0).sample(rows, len(rows))
    one, again, other = (
        load_task(write(tmp_path / f"{name}.csv", rows), split_seed=seed)
        for name, rows, seed in (("a", rows, 0), ("b", shuffled, 0), ("c", rows, 1))
    )
    assert set(one.test.texts) == set(again.test.texts)
    assert set(one.test.texts) != set(other.test.texts)
    assert one.fingerprint == load_task(str(tmp_path / "a.csv")).fingerprint
    assert one.fingerprint != other.fingerprint


def test_fingerprint_sees_labels(tmp_path: Path) -> None:
    rows = [(f"text {i}", "ab"[i % 2], "train" if i < 30 else "test") for i in range(40)]
    one = load_task(write(tmp_path / "a.csv", rows, "text,label,split"))
    rows[35], rows[36] = (rows[35][0], rows[36][1], "test"), (rows[36][0], rows[35][1], "test")
    assert one.fingerprint != load_task(write(tmp_path / "a.csv", rows, "text,label,split")).fingerprint


def given(train: int, validation: int, test: int) -> list[tuple[str, ...]]:
    names = ["train"] * train + ["dev"] * validation + ["test"] * test
    return [(f"text {i}", "ab"[i % 2], split) for i, split in enumerate(names)]


@pytest.mark.parametrize(
    ("sizes", "expected", "said"),
    [
        ((60, 20, 20), (60, 20, 20), "as the file gives them."),
        ((60, 0, 20), (54, 6, 20), "validation drawn from train"),
        ((60, 20, 0), (54, 6, 20), "validation rows serve as the test"),
        ((60, 0, 0), (42, 6, 12), "gives no splits"),
    ],
)
def test_given_splits(tmp_path: Path, sizes: tuple[int, int, int], expected: tuple[int, int, int], said: str) -> None:
    found = load_task(write(tmp_path / "r.csv", given(*sizes), "text,label,split"))
    assert (len(found.train), len(found.validation), len(found.test)) == expected
    assert said in found.split_origin
    assert_sound(found)


def test_leaks_are_taken_out_of_train_and_never_out_of_test(tmp_path: Path) -> None:
    rows = given(60, 20, 20)
    rows[0] = ("TEXT 90!", *rows[0][1:])
    rows[1] = ("text 70.", *rows[1][1:])
    rows[61] = ("text 91?", *rows[61][1:])
    found = load_task(write(tmp_path / "r.csv", rows, "text,label,split"))
    assert (len(found.train), len(found.validation), len(found.test)) == (58, 19, 20)
    assert sum("taken out" in note for note in found.notes) == 3
    assert any("1 of 60 train rows" in note and "test split" in note for note in found.notes)
    assert_sound(found)


def leaky_class() -> list[tuple[str, ...]]:
    return [*given(60, 0, 20), ("gone", "rare", "train"), ("Gone.", "rare", "test")]


def test_a_class_that_leaked_whole_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every training row of 'rare'"):
        load_task(write(tmp_path / "r.csv", leaky_class(), "text,label,split"))


def test_rare_classes_can_be_dropped(tmp_path: Path) -> None:
    rows = [*leaky_class(), ("single", "one", "train"), ("x", "new", "test"), ("y", "new", "test")]
    found = load_task(write(tmp_path / "r.csv", rows, "text,label,split"), drop_rare_classes=True)
    assert found.classes == ("a", "b")
    assert any("too rare" in note for note in found.notes)
    assert any("'rare'" in note or "rare." in note for note in found.notes)
    assert_sound(found)


def test_labels_and_unlabelled_rows(tmp_path: Path) -> None:
    rows = [f'{{"text": "t{i}", "label": {label}}}' for i, label in enumerate(["1", "1.0", "2", "2.5", "true"] * 4)]
    rows += [
        '{"text": "u", "label": null}',
        '{"text": "v", "label": NaN}',
        '{"text": "w"}',
        '{"text": "", "label": ""}',
    ]
    (tmp_path / "r.jsonl").write_text("\n".join(rows))
    found = load_task(str(tmp_path / "r.jsonl"))
    assert found.classes == ("1", "2", "2.5", "true")
    assert found.unlabelled == 4
    assert any("4 rows without a label" in note for note in found.notes)


def test_pairs(tmp_path: Path) -> None:
    rows = [(f"a {i % 7}", f"b {i}", "xy"[i % 2]) for i in range(40)]
    found = load_task(write(tmp_path / "r.csv", rows, "text1,text2,label"))
    assert found.train.pairs is not None
    assert len(found.train.pairs) == len(found.train)
    assert found.columns.text_pair == "text2"
    assert_sound(found)


def test_row_numbers_lead_back_to_the_file(tmp_path: Path) -> None:
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(1, 41)]
    found = load_task(write(tmp_path / "r.csv", rows))
    for part in (found.train, found.validation, found.test):
        assert part.texts == tuple(f"text {number}" for number in part.numbers)
        assert list(part.numbers) == sorted(part.numbers)


def test_split_column_can_be_passed_over(tmp_path: Path) -> None:
    found = load_task(write(tmp_path / "r.csv", given(30, 0, 30), "text,label,split"), split_column="none")
    assert found.columns.split is None
    assert len(found.test) == 12


def test_json_round_trip(tmp_path: Path) -> None:
    found = load_task(write(tmp_path / "r.csv", given(60, 20, 20), "text,label,split"))
    assert TaskData.model_validate_json(found.model_dump_json()) == found


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real datasets are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "classes", "sizes"),
    [
        ("banking77", 77, {"test": 3080, "train": 8980}),
        ("clinc150_small", 151, {"test": 5500}),
        ("code_comments_java", 7, {"test": 401, "train": 1150}),
        ("medical_abstracts", 5, {"train": 2021, "test": 578}),
        ("dna_splice", 3, {"test": 638}),
    ],
)
def test_real_datasets(name: str, classes: int, sizes: dict[SplitName, int]) -> None:
    found = load_task(str(SHARED / f"{name}.jsonl"))
    assert len(found.classes) == classes
    assert {split: len(getattr(found, split)) for split in sizes} == sizes
    assert_sound(found)
