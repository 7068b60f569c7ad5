"""The ladder benchmark: how it reads the Trainer's clock, what equal scores mean, which rows grid and ladder share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

ladder = pytest.importorskip("benchmarks.ladder", reason="the benchmarks are not part of a distribution")
from benchmarks import exhaustive_grid, plain_training  # noqa: E402 - after the skip
from benchmarks.kept import Kept  # noqa: E402
from probes.data import load_task  # noqa: E402


def test_rows_a_second_are_of_training_and_with_validation() -> None:
    history = [{"loss": 1.0}, {"eval_runtime": 2.0}, {"eval_runtime": 3.0}, {"train_runtime": 15.0}]
    found = plain_training._trained(history, 300, np.array([[0.2, 0.8], [0.9, 0.1]], dtype=np.float32))
    assert (found.rows_per_second, found.with_validation) == (30, 20)
    assert found.predictions.tolist() == [1, 0]


def test_the_lead_and_its_error_over_rows_and_seeds() -> None:
    labels = np.zeros(400, dtype=int)
    right, wrong = labels, np.repeat([0, 1], [360, 40])  # ahead on a tenth of the rows
    lead, error = ladder._lead(labels, [(right, wrong)])
    assert lead == pytest.approx(0.1)
    assert error == pytest.approx((0.1 * 0.9 / 399) ** 0.5)
    assert ladder._lead(labels, [(wrong, right)])[0] == pytest.approx(-0.1)
    # A second seed without any difference halves the lead and adds what seeds differ by.
    lead, error = ladder._lead(labels, [(right, wrong), (right, right)])
    assert lead == pytest.approx(0.05)
    assert error == pytest.approx((0.25 * 0.1 * 0.9 / 399 + 0.005 / 2) ** 0.5)


def test_grid_and_ladder_read_the_same_marked_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "rows.jsonl"
    lines = [
        {"text": f"{'credit card' if k % 2 else 'open account'} number {k}", "label": "ab"[k % 2]} for k in range(200)
    ]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    monkeypatch.setattr(exhaustive_grid, "dataset", lambda _: str(source))
    (tmp_path / "sample").mkdir()
    file = exhaustive_grid.rows_file("rows", tmp_path / "sample", 40, 10, 20)
    data, whole = load_task(str(file), split_column="split"), load_task(str(source))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [40, 10, 20]
    for part, all_of_it in ((data.train, whole.train), (data.validation, whole.validation), (data.test, whole.test)):
        assert set(part.texts) <= set(all_of_it.texts)
        assert len(set(part.labels)) == 2


@pytest.mark.model
def test_the_light_strategies_make_a_grid(marked_rows: Path) -> None:
    grid = exhaustive_grid.by_grid(marked_rows, ("baseline",), 1, Kept(None))
    assert (grid.choice, grid.verdict, grid.scores) == ("baseline", "UNDECIDED", {"baseline": 1.0})
    assert grid.seconds > 0
