"""What does not beat chance is not shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.demo_lm.shipping import ship


@pytest.mark.parametrize("value", [None, 0.0, -3.0])
def test_what_does_not_beat_chance_is_not_shipped(value: float | None, tmp_path: Path) -> None:
    results = tmp_path / "demo_lm.json"
    claim = {"name": "names: points above chance, mean of the data sets", "value": value, "goal": "", "holds": False}
    results.write_text(json.dumps({"claims": [claim], "accuracy": {}}), encoding="utf-8")
    with pytest.raises(SystemExit, match="not shipped"):
        ship(tmp_path / "model", tmp_path / "tokenizer", tmp_path / "lm", {}, results)
    assert not (tmp_path / "lm").exists()
