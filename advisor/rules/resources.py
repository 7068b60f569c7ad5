"""Memory, compute and time to answer."""

from __future__ import annotations

from advisor.facts import FULL_BYTES, LORA_TRAINABLE, Facts
from advisor.rules.base import Effects, gigabytes, push, rule

USABLE = 0.9
"""Share of the memory that a training may plan with."""


@rule(
    id="weights-fit-memory",
    strength="S",
    source="arithmetic: 2 bytes per parameter in 16 bit on an accelerator, 4 in 32 bit on a CPU",
    touches=("zero_shot", "few_shot", "linear_probe", "lora", "full"),
)
def weights_fit_memory(facts: Facts) -> Effects | None:
    """Run nothing on a model whose weights exceed 90 % of the memory."""
    memory, size = facts.memory, facts.weight_bytes
    if memory is None or size is None or size <= USABLE * memory.bytes:
        return None
    because = f"The weights of {facts.model_name} alone take {gigabytes(size)}, over 90 % of {memory.words}."
    return push(because, zero_shot="block", few_shot="block", linear_probe="block", lora="block", full="block")


@rule(
    id="lora-fits-memory",
    strength="S",
    source=f"arithmetic (rule of thumb): frozen weights, and {FULL_BYTES} bytes for each trained parameter under AdamW",
    touches=("lora",),
)
def lora_fits_memory(facts: Facts) -> Effects | None:
    """LoRA whose weights, adapters and optimiser exceed 90 % of the memory is out.

    Activations come on top, so this is the least it needs. Quantised weights (QLoRA) come in a later version.
    """
    memory, size = facts.memory, facts.lora_bytes
    if memory is None or size is None or size <= USABLE * memory.bytes:
        return None
    because = (
        f"LoRA on {facts.model_name} takes at least {gigabytes(size)} before activations (its weights, and "
        f"{FULL_BYTES} bytes for each of about {LORA_TRAINABLE:.0%} trained), over 90 % of {memory.words}."
    )
    return push(because, lora="block")


@rule(
    id="full-fits-memory",
    strength="S",
    source=f"arithmetic (rule of thumb): {FULL_BYTES} bytes per parameter for AdamW in mixed precision; PEFT method "
    "comparison: Llama-3.2-3B in pure bf16 allocated 24.3 GiB, 8 bytes per parameter, and peaked at 36.2",
    touches=("full",),
)
def full_fits_memory(facts: Facts) -> Effects | None:
    """Full fine-tuning whose weights, gradients and optimiser exceed 90 % of the memory is out.

    Activations come on top, so this is the least it needs. 8-bit optimisers and sharding need less; they come in
    a later version.
    """
    memory, size = facts.memory, facts.full_bytes
    if memory is None or size is None or size <= USABLE * memory.bytes:
        return None
    because = (
        f"Tuning all {facts.parameters:,} parameters takes at least {gigabytes(size)} before activations "
        f"({FULL_BYTES} bytes each), over 90 % of {memory.words}."
    )
    return push(because, full="block")


@rule(
    id="full-leaves-little-memory",
    strength="W",
    source="PEFT method comparison: full fine-tuning peaked at 36.2 GiB with 24.3 allocated, half as much again "
    "(batch 4, up to 768 tokens)",
    touches=("full",),
)
def full_leaves_little_memory(facts: Facts) -> Effects | None:
    """Full fine-tuning that needs half to nine tenths of the memory before activations may not fit with them."""
    memory, size = facts.memory, facts.full_bytes
    if memory is None or size is None or not 0.5 * memory.bytes < size <= USABLE * memory.bytes:
        return None
    because = (
        f"Tuning all {facts.parameters:,} parameters takes {gigabytes(size)} of {memory.words}; activations come on "
        "top and may not fit without checkpointing and small batches."
    )
    return push(because, full="-W")


@rule(
    id="limited-compute-light",
    strength="M",
    source="LoRA Without Regret (2025): LoRA takes about 67 % of the FLOPs of full fine-tuning; frozen features are "
    "computed once",
    touches=("linear_probe", "full"),
)
def limited_compute(facts: Facts) -> Effects | None:
    """With limited compute, keep to what is cheap to train."""
    if facts.brief.compute != "limited":
        return None
    size = "" if facts.parameters is None else f" of {facts.parameters:,} parameters"
    because = (
        f"Your compute is limited; frozen features of a model{size} are computed once, tuning computes them anew at "
        "every step."
    )
    return push(because, linear_probe="+W", full="-M")


@rule(
    id="short-latency-short-prompt",
    strength="W",
    source="arithmetic: time to answer grows with the tokens read (100 ms is our line)",
    touches=("few_shot",),
)
def short_latency(facts: Facts) -> Effects | None:
    """Where an answer may take 100 ms at most, long prompts are too slow."""
    limit = facts.brief.latency_ms
    if limit is None or limit > 100 or not facts.causal:
        return None
    because = f"One answer may take {limit:g} ms; every example in the prompt is read before it."
    return push(because, few_shot="-W")
