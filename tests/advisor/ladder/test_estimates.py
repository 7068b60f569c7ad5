"""What a step will take goes by the user's own texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.arms import Rung
from advisor.choices import Choices
from advisor.estimates import SOME_ROWS, Estimates
from advisor.run import Run
from probes.benches import Benches, Setting
from probes.data import TaskData
from probes.deadline import Deadline
from strategies import STRATEGIES
from tests.advisor.ladder.conftest import HARDWARE

BASELINE = Rung(next(s for s in STRATEGIES if s.name == "baseline"), None)


def seconds(data: TaskData, folder: Path) -> float:
    run = Run.create(folder)
    run.write("request.json", {})
    benches = Benches(Setting(data, HARDWARE, "accuracy", None), Deadline(None))
    return Estimates(benches, Choices(run, HARDWARE), len(data.train)).seconds(BASELINE, 1_500, 1_500, False)


@pytest.mark.parametrize("pairs", [False, True])
def test_longer_texts_take_longer(pairs: bool, data: TaskData, tmp_path: Path) -> None:
    assert len(data.train) > SOME_ROWS
    texts = data.train.texts
    more = {"pairs": tuple(9 * text for text in texts)} if pairs else {"texts": tuple(10 * text for text in texts)}
    longer = data.model_copy(update={"train": data.train.model_copy(update=more)})
    short, long = seconds(data, tmp_path / "short"), seconds(longer, tmp_path / "long")
    assert long - 1 == pytest.approx(10 * (short - 1))
