"""The record of curves is whole, and goes on where it ended."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import record_curves

ROOT = Path(__file__).parents[2]


def test_the_record_is_whole() -> None:
    with record_curves.FILE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert set(rows[0]) == set(record_curves.FIELDS)
    keys = [(row["dataset"], row["strategy"], row["size"], row["seed"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert len({row["dataset"] for row in rows}) >= 10
    assert all(0 <= float(row["score"]) <= 1 and float(row["seconds"]) > 0 and row["versions"] for row in rows)


def test_a_line_that_was_not_finished_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "some" / "recorded.csv"
    assert record_curves.recorded(file) == set()
    row = dict.fromkeys(record_curves.FIELDS, "x") | {"size": 32, "seed": 0}
    record_curves.append(file, row)
    whole = file.read_bytes()
    file.write_bytes(whole + b"x,x,64,0,0.")
    assert record_curves.recorded(file) == {("x", "x", 32, 0)}
    assert file.read_bytes() == whole


def test_a_learning_rate_chosen_on_enough_rows_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "recorded.csv"
    key = ("a", "lora", 2048, 0)
    assert record_curves.chosen_rate(file, key) is None
    for dataset, strategy, size, seed, rate in (
        ("a", "lora", 256, 0, 1e-3),
        ("a", "lora", 1024, 0, 2e-4),
        ("a", "lora", 512, 0, 5e-4),
        ("a", "full", 512, 0, 5e-5),
        ("a", "lora", 512, 1, 1e-4),
        ("b", "lora", 512, 0, 1e-5),
    ):
        row = dict.fromkeys(record_curves.FIELDS, "x")
        found = {
            "dataset": dataset,
            "strategy": strategy,
            "size": size,
            "seed": seed,
            "setting": f"learning_rate={rate:g}",
        }
        record_curves.append(file, row | found)
    assert record_curves.chosen_rate(file, key) == 2e-4
    assert record_curves.chosen_rate(file, ("a", "lora", 1024, 0)) is None


@pytest.mark.model
def test_a_second_command_goes_on_where_the_first_ended(tmp_path: Path, rows_file: Path) -> None:
    (tmp_path / "subjectivity.jsonl").write_bytes(rows_file.read_bytes())
    file = tmp_path / "recorded.csv"

    def record(*strategies: str) -> list[str]:
        flags = ["--datasets", "subjectivity", "--seeds", "1", "--max-rows", "128", "--file", str(file)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.record_curves", "--budget", "10", *flags, "--strategies", *strategies],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=os.environ | {"ADVISOR_DATASETS": str(tmp_path)},
        )
        return [" ".join(line.split()[:4]) for line in done.stdout.splitlines()]

    assert record("baseline") == [f"subjectivity baseline {size} 0" for size in (64, 84)]
    first = file.read_text(encoding="utf-8")
    assert record("baseline", "linear_probe") == [f"subjectivity linear_probe {size} 0" for size in (64, 84)]
    assert file.read_text(encoding="utf-8").startswith(first)
