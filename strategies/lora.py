"""LoRA, low-rank adapters on every linear layer, and its forms: over weights in four bits, and DoRA."""

from __future__ import annotations

from probes.model import ModelFacts
from probes.recipe import Lora
from strategies.tuned import Tuned


class LowRankAdapters(Tuned):
    """Low-rank adapters on all linear layers, and the head.

    All linear layers and not attention alone, at about ten times the learning rate of full fine-tuning (LoRA Without
    Regret, 2025).
    """

    name = "lora"
    step_cost = 0.9

    def learning_rates(self, model: ModelFacts) -> tuple[float, ...]:
        """Return three rates, ten to 25 times those of full fine-tuning: runs from a linear probe are short.

        Why up to 2e-3 for small encoders: by validation rows of three data sets, two draws of 1,000 rows each, these
        three lose .1 points to the best of six rates from 1e-4 to 4e-3, and gain .4 over 1e-4 to 5e-4
        (`python -m benchmarks.learning_rates`).
        """
        if model.kind == "encoder":
            return (5e-4, 1e-3, 2e-3) if (model.parameters or 0) < 60_000_000 else (2e-4, 5e-4, 1e-3)
        return (1e-4, 2e-4, 5e-4)

    def adapter(self, model: ModelFacts) -> Lora:
        """Return rank 8 for encoders, rank 16 for language models, alpha twice the rank."""
        return Lora(rank=8, alpha=16) if model.kind == "encoder" else Lora(rank=16, alpha=32)


class QuantisedLora(LowRankAdapters):
    """The same over frozen weights in four bits (QLoRA).

    NF4 with double quantisation: about a half byte a weight, and no worse than 16 bits on average (MMLU 53.1 against
    53.0, Dettmers et al. 2023, table 4). Each step takes about two fifths more time, because weights are unpacked on
    the way. It needs a CUDA GPU and bitsandbytes; without them it is not measured, and the verdict says so.
    """

    name = "qlora"
    step_cost = 1.25

    def adapter(self, model: ModelFacts) -> Lora:
        """Return LoRA's adapter over weights in four bits."""
        return super().adapter(model).model_copy(update={"quantised": True})


class WeightDecomposedLora(LowRankAdapters):
    """The same with length and direction of each weight column learned apart (DoRA, Liu et al. 2024).

    1 to 4 points over LoRA in its paper, most at low ranks; in PEFT's public benchmark no better
    (46.9 against 47.8), and slower.
    """

    name = "dora"
    step_cost = 1.4

    def adapter(self, model: ModelFacts) -> Lora:
        """Return LoRA's adapter with its columns' lengths trained too."""
        return super().adapter(model).model_copy(update={"dora": True})
