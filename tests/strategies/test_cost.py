"""What a training takes: the published formulas by hand, the shape guessed, and what saves memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.cost import Memory, memory, shape_of

SHAPE: dict[str, Any] = {"layers": 10, "hidden": 1_000, "vocabulary": 50_000}
KNOWN = {  # parameters, layers, hidden size
    "MiniLM-L6": (22.7e6, 6, 384),
    "BERT-base": (109.5e6, 12, 768),
    "BERT-large": (335e6, 24, 1_024),
    "RoBERTa-large": (355e6, 24, 1_024),
    "DeBERTa-v3-base": (184e6, 12, 768),
    "XLM-R-base": (278e6, 12, 768),
    "ModernBERT-base": (149e6, 22, 768),
    "GPT-2": (124e6, 12, 768),
    "GPT-2-XL": (1.558e9, 48, 1_600),
    "Qwen2.5-0.5B": (0.494e9, 24, 896),
    "Qwen2.5-1.5B": (1.54e9, 28, 1_536),
    "Qwen2.5-7B": (7.62e9, 28, 3_584),
    "Qwen2.5-14B": (14.77e9, 48, 5_120),
    "Qwen2.5-32B": (32.76e9, 64, 5_120),
    "Qwen2.5-72B": (72.7e9, 80, 8_192),
    "Llama-3.2-1B": (1.236e9, 16, 2_048),
    "Llama-2-13B": (13.02e9, 40, 5_120),
    "Phi-3-mini": (3.82e9, 32, 3_072),
    "Mistral-7B": (7.24e9, 32, 4_096),
    "Gemma-2-9B": (9.24e9, 42, 3_584),
    "Falcon-40B": (41.8e9, 60, 8_192),
}
UNSEEN = {"Llama-3.2-3B": (3.213e9, 28, 3_072), "Llama-3.1-8B": (8.03e9, 32, 4_096), "70B": (70.6e9, 80, 8_192)}


@pytest.mark.parametrize(("parameters", "layers", "hidden"), [*KNOWN.values(), *UNSEEN.values()])
def test_the_shape_is_guessed_within_its_promise(parameters: float, layers: int, hidden: int) -> None:
    guess = shape_of(parameters)
    assert 0.8 <= guess.hidden / hidden <= 1.335
    assert 0.6 <= guess.layers * guess.hidden / (layers * hidden) <= 1.695


def test_the_power_laws_are_the_fit_that_they_say_they_are() -> None:
    import numpy as np

    table = np.array(list(KNOWN.values()))
    scale = np.log(table[:, 0] / 1e9)
    slope, start = np.polyfit(scale, np.log(table[:, 2]), 1)
    both_slope, both_start = np.polyfit(scale, np.log(table[:, 1] * table[:, 2]), 1)
    for parameters in (1e8, 1e9, 1e11):
        guess, size = shape_of(parameters), np.log(parameters / 1e9)
        assert guess.hidden == pytest.approx(np.exp(start + slope * size), rel=1e-2)
        assert guess.layers * guess.hidden == pytest.approx(np.exp(both_start + both_slope * size), rel=1e-2)


@pytest.mark.parametrize(
    ("method", "more", "weights", "gradients", "optimiser"),
    [
        ("none", {}, 2e9, 0, 0),
        ("none", {"precision": "fp32"}, 4e9, 0, 0),
        ("full", {}, 4e9, 4e9, 8e9),
        ("full", {"precision": "bf16"}, 2e9, 2e9, 4e9),
        ("full", {"precision": "fp32"}, 4e9, 4e9, 8e9),
        ("partial", {}, 1.5e9 + 1e9, 1e9, 2e9),
        ("lora", {}, 2e9 + 4e7, 4e7, 8e7),
        ("lora", {"trained": 1_000_000}, 2e9 + 4e6, 4e6, 8e6),
        ("lora", {"precision": "fp32"}, 4e9 + 4e7, 4e7, 8e7),
        ("qlora", {"trained": 0}, 0.52 * 0.95e9 + 2 * 0.05e9, 0, 0),
        ("qlora", {"trained": 0, "language_model": True}, 0.52 * 0.9e9 + 2 * 0.1e9, 0, 0),
        ("qlora", {"trained": 0, "vocabulary": None}, 0.55e9, 0, 0),
    ],
)
def test_what_no_batch_changes(
    method: Any, more: dict[str, Any], weights: float, gradients: float, optimiser: float
) -> None:
    found = memory(method, 1_000_000_000, **{**SHAPE, **more})
    assert (found.weights, found.gradients, found.optimiser) == pytest.approx((weights, gradients, optimiser))
    assert found.fixed == found.weights + found.gradients + found.optimiser
    assert found.total == found.fixed + found.activations + found.logits


@pytest.mark.parametrize(
    ("more", "activations", "logits"),
    [
        ({}, 34 * 10 * 1_000 * 2_000, 0),
        ({"precision": "fp32"}, 68 * 10 * 1_000 * 2_000, 0),
        ({"checkpointing": True}, (2 * 10 + 34) * 1_000 * 2_000, 0),
        ({"checkpointing": True, "offloaded": True}, 34 * 1_000 * 2_000, 0),
        ({"language_model": True}, 34 * 10 * 1_000 * 2_000, 16 * 50_000 * 2_000),
        ({"language_model": True, "chunked_loss": True}, 34 * 10 * 1_000 * 2_000, 16 * 50_000 * 1_024),
        ({"language_model": True, "chunked_loss": True, "batch": 1}, 34 * 10 * 1_000 * 500, 16 * 50_000 * 500),
    ],
)
def test_what_a_batch_takes(more: dict[str, Any], activations: float, logits: float) -> None:
    found = memory("lora", 1_000_000_000, **{**SHAPE, "batch": 4, "tokens": 500, **more})
    assert (found.activations, found.logits) == pytest.approx((activations, logits))


def test_what_only_reads_keeps_no_activations() -> None:
    assert memory("none", 1_000_000_000, **SHAPE).total == 2e9


def test_a_loss_over_the_vocabulary_needs_one() -> None:
    with pytest.raises(ValueError, match="needs `vocabulary`"):
        memory("full", 1e9, language_model=True)


def test_the_breakdown_comes_back_from_json_as_it_was() -> None:
    found = memory("qlora", 8.03e9, tokens=932, batch=1)
    assert Memory.model_validate_json(found.model_dump_json()) == found


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    parameters=st.floats(1e6, 1e12),
    tokens=st.integers(1, 100_000),
    vocabulary=st.integers(1_000, 300_000),
    written=st.booleans(),
)
def test_each_measure_saves_and_each_method_takes_more(
    parameters: float, tokens: int, vocabulary: int, written: bool
) -> None:
    common: dict[str, Any] = {"tokens": tokens, "vocabulary": vocabulary, "language_model": written, "layers": 12}
    common |= {"hidden": 768}
    steps: list[dict[str, Any]] = [{}, {"checkpointing": True}, {"checkpointing": True, "batch": 1}]
    steps.append({**steps[-1], "chunked_loss": True})
    for less, more in pairwise(steps):
        assert memory("lora", parameters, **common, **more).total <= memory("lora", parameters, **common, **less).total
    sizes = [memory(method, parameters, **common).total for method in ("none", "lora", "partial", "full")]
    assert sizes == sorted(sizes)
