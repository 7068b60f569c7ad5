"""Rows that several benchmarks' tests measure on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def marked_rows(tmp_path: Path) -> Path:
    """Return a file of easy rows, 40 in each split and marked as such."""
    file = tmp_path / "rows.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for k in range(120):
            text = f"{'the card was lost' if k % 2 else 'please open an account'} {k}"
            split = ("train", "validation", "test")[k // 40]
            out.write(json.dumps({"text": text, "label": "ab"[k % 2], "split": split}) + "\n")
    return file
