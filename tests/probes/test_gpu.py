"""The same path on an accelerator: training, peak memory of the device, and probabilities close to the CPU's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from advisor.config import DataSection, ModelSection, TrainingConfig
from advisor.prediction import predict, read_mark
from advisor.training import train
from probes.fitting import fit
from probes.hardware import PeakMemory, inspect_hardware
from probes.model import ModelFacts
from probes.recipe import FrozenFeatures, Lora, Prompt, Tuning
from probes.workbench import Workbench


def cuda() -> bool:
    import torch

    return torch.cuda.is_available()


pytestmark = [pytest.mark.gpu, pytest.mark.skipif("not cuda()", reason="no CUDA device here")]


@pytest.mark.parametrize("adapter", [None, Lora(rank=4)])
@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_tuning_on_the_device_matches_the_cpu(
    kind: str, adapter: Lora | None, make_bench: Callable[..., Workbench], request: pytest.FixtureRequest
) -> None:
    facts: ModelFacts = request.getfixturevalue(kind)
    recipe = Tuning(adapter=adapter, pooling=facts.pooling, max_length=32, learning_rate=1e-3, epochs=2)
    cpu = make_bench(facts)
    there = make_bench(facts, hardware=inspect_hardware(), speed=None)
    assert there.device == "cuda"
    with PeakMemory("cuda") as memory:
        on_device = fit(recipe, there, there.data.train).probabilities(there.data.test)
    assert memory.bytes > 0
    on_cpu = fit(recipe, cpu, cpu.data.train).probabilities(cpu.data.test)
    assert (on_device.argmax(1) == on_cpu.argmax(1)).mean() > 0.9
    assert np.allclose(on_device.sum(1), 1, atol=1e-4)


@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_adapters_train_over_weights_in_four_bits(
    kind: str, make_bench: Callable[..., Workbench], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    from sentence_transformers import SentenceTransformer

    facts: ModelFacts = request.getfixturevalue(kind)
    bench = make_bench(facts, hardware=inspect_hardware(), speed=None)
    recipe = Tuning(adapter=Lora(quantised=True), pooling=facts.pooling, max_length=32, learning_rate=3e-3, epochs=4)
    fitted = fit(recipe, bench, bench.data.train)
    assert any(type(p).__name__ == "Params4bit" for p in fitted.model.parameters())  # type: ignore[attr-defined]
    scores = fitted.probabilities(bench.data.test)
    assert np.allclose(scores.sum(1), 1, atol=1e-4)
    how = fitted.save(tmp_path)
    assert "quantization_config" not in (tmp_path / "config.json").read_text(encoding="utf-8")
    if kind == "encoder":
        loaded = SentenceTransformer(str(tmp_path), device="cpu").encode(list(bench.data.test.texts))
        assert (loaded.argmax(1) == scores.argmax(1)).mean() > 0.9
    else:
        assert "four bits" in how


def test_what_was_trained_in_four_bits_predicts_in_four_bits(
    causal: ModelFacts, save_rows: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    recipe = Tuning(adapter=Lora(quantised=True), pooling=causal.pooling, max_length=32, learning_rate=3e-3, epochs=4)
    rows = save_rows(tmp_path / "rows.jsonl")
    config = TrainingConfig(
        strategy="qlora",
        model=ModelSection(name=causal.path),
        data=DataSection(source=str(rows), text_column="text", label_column="label"),
        method=recipe,
    )
    trained = train(config, tmp_path / "model")
    assert read_mark(tmp_path / "model").four_bits
    found = predict(tmp_path / "model", str(rows))
    assert found["accuracy"] is not None
    assert abs(found["accuracy"] - trained.accuracy) < 0.2


def test_prompting_runs_on_the_device(causal: ModelFacts, make_bench: Callable[..., Workbench]) -> None:
    bench = make_bench(causal, hardware=inspect_hardware(), speed=None)
    found = fit(Prompt(max_length=causal.context), bench, bench.data.train).probabilities(bench.data.test)
    assert np.allclose(found.sum(1), 1, atol=1e-4)


@pytest.mark.parametrize("room", [True, False])
def test_a_frozen_language_model_takes_half_the_memory(
    room: bool, causal: ModelFacts, make_bench: Callable[..., Workbench]
) -> None:
    import torch

    half = causal.model_copy(update={"dtype": "bfloat16"})
    machine = inspect_hardware()
    bench = make_bench(half, hardware=machine if room else machine.model_copy(update={"device_memory_bytes": 1000}))
    assert {p.dtype for p in bench.load_backbone().parameters()} == {torch.bfloat16}
    bench.speed = None
    assert bench.measured_speed().train_rows_per_second > 0
    recipe = FrozenFeatures(pooling="last", max_length=32)
    plain = make_bench(causal).features(bench.data.test, recipe)
    np.testing.assert_allclose(bench.features(bench.data.test, recipe), plain, rtol=0.1, atol=0.1)


def test_memory_that_ends_on_the_device_halves_what_is_read_at_a_time(
    save_model: Callable[..., Path], make_bench: Callable[..., Workbench], tmp_path: Path
) -> None:
    import torch

    from probes.model import read_model
    from tests.probes.exhausting import MIB, TOKENS, WIDE, long_rows

    facts = read_model(str(save_model(tmp_path / "wide", "encoder", **WIDE)))
    data = make_bench(facts).data.model_copy(
        update={"train": long_rows(26, 1), "validation": long_rows(6, 2), "test": long_rows(40, 3)}
    )
    recipe = Tuning(pooling="mean", max_length=TOKENS, learning_rate=1e-3, epochs=1, batch_size=16)

    def run() -> tuple[Tuning, tuple[str, ...], np.ndarray]:
        bench = make_bench(facts, data, hardware=inspect_hardware())
        fitted = fit(recipe, bench, bench.data.train)
        assert isinstance(fitted.recipe, Tuning)
        return fitted.recipe, fitted.notes, fitted.probabilities(bench.data.test)

    whole, _, free = run()
    assert whole == recipe
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 220 * MIB) / total)
    try:
        parts, notes, little = run()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert parts.gradient_accumulation > 1
    assert f"memory ran out at 16 rows at a time; {parts.rows_at_once} at a time" in notes[-1]
    np.testing.assert_allclose(little, free, atol=0.02)
