"""`advisor train` and `advisor predict` for every strategy that tunes: trained, told on the card, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advisor.config import DataSection, ModelSection, TrainingConfig, load_config, to_yaml
from advisor.prediction import predict
from advisor.training import train
from probes.errors import SettingError
from probes.hardware import Speed
from probes.model import read_model
from probes.recipe import Tuning
from strategies import STRATEGIES, Situation
from strategies.tuned import Tuned

TUNED = [strategy for strategy in STRATEGIES if isinstance(strategy, Tuned)]
SPEED = Speed(threads=1, precision="fp32", forward_rows_per_second=1000.0, train_rows_per_second=300.0)


def config(strategy: Tuned, rows: Path, model: Path) -> TrainingConfig:
    """Return the config of the strategy's highest learning rate, two epochs long."""
    situation = Situation(
        train_rows=80,
        validation_rows=20,
        test_rows=20,
        classes=3,
        max_length=32,
        model=read_model(str(model)),
        speed=SPEED,
    )
    recipe = strategy.recipes(situation)[-1]
    return TrainingConfig(
        strategy=strategy.name,
        model=ModelSection(name=str(model)),
        data=DataSection(source=str(rows), text_column="text", label_column="label"),
        method=recipe.model_copy(update={"epochs": 2}),
    )


@pytest.mark.parametrize("strategy", [s for s in TUNED if s.name != "qlora"], ids=lambda s: s.name)
def test_what_is_trained_predicts_as_it_scored(
    strategy: Tuned, rows_file: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    wanted = config(strategy, rows_file, tiny_encoder)
    trained = train(wanted, tmp_path / "model")
    assert trained.strategy == strategy.name
    assert "SentenceTransformer" in trained.loads_as
    assert load_config(tmp_path / "model" / "config.yaml") == wanted
    assert (tmp_path / "model" / "adapter").is_dir() == (
        isinstance(wanted.method, Tuning) and wanted.method.adapter is not None
    )
    found = predict(tmp_path / "model", str(rows_file))
    assert len(found["predictions"]) == 120
    sums = [sum(p["probabilities"].values()) for p in found["predictions"]]
    np.testing.assert_allclose(sums, 1, atol=1e-4)
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    scratch = strategy.name == "from_scratch"
    assert ("architecture from random weights" in card) == scratch
    assert ("base_model:" in card) != scratch
    assert ("What the base model inherited" in card) != scratch


def test_a_config_whose_batch_is_accumulated_is_trained_so(rows_file: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    whole = config(next(s for s in TUNED if s.name == "full"), rows_file, tiny_encoder)
    assert isinstance(whole.method, Tuning)
    wanted = whole.model_copy(update={"method": whole.method.in_parts(2)})
    (tmp_path / "config.yaml").write_text(to_yaml(wanted), encoding="utf-8")
    trained = train(load_config(tmp_path / "config.yaml"), tmp_path / "model")
    assert trained.notes[-1].startswith("best after epoch"), "memory held what the config asks for"
    written = load_config(tmp_path / "model" / "config.yaml").method
    assert isinstance(written, Tuning)
    assert (written.rows_at_once, written.batch_size) == (2, whole.method.batch_size)


def test_four_bits_without_a_gpu_are_refused_in_words(rows_file: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    (quantised,) = (s for s in TUNED if s.name == "qlora")
    import torch

    if torch.cuda.is_available():
        pytest.skip("a CUDA device is here")
    with pytest.raises(SettingError, match="need a CUDA GPU and this machine has none"):
        train(config(quantised, rows_file, tiny_encoder), tmp_path / "model")
    assert not (tmp_path / "model").exists()
