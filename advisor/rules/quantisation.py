"""Quantised weights: when to train adapters on four bits."""

from __future__ import annotations

from advisor.facts import FULL_BYTES, LORA_TRAINABLE, QLORA_BYTES, Facts
from advisor.rules.base import Effects, Threshold, gigabytes, push, rule
from advisor.rules.resources import USABLE, memory_has

LORA_EASY = Threshold("lora_bytes", 0.4, 0.6, "of the GPU's memory", "our line: below half, activations fit too")
LORA_TIGHT = Threshold("lora_bytes", 0.6, 1.0, "of the GPU's memory", "our line: LoRA needs room for activations")


@rule(
    id="qlora-needs-accelerator",
    strength="S",
    source="by construction: the four-bit kernels (bitsandbytes) are made for accelerators",
    touches=("qlora",),
    example={"gpu_memory_gb": 0},
)
def qlora_needs_accelerator(facts: Facts) -> Effects | None:
    """QLoRA takes an accelerator; on a CPU there is nothing to gain from four bits.

    Weights in four bits are unpacked at every step, which only pays where memory is scarce and arithmetic is cheap.

    What to do: on a CPU, train LoRA on a small model, or a classifier on frozen features.
    """
    if facts.gpu_bytes != 0:
        return None
    return push("You train on a CPU, with 0 GB of GPU memory; QLoRA takes an accelerator.", qlora="block")


@rule(
    id="qlora-fits-memory",
    strength="S",
    source=f"arithmetic (rule of thumb): {QLORA_BYTES} bytes per weight in four bits, {FULL_BYTES} for each trained "
    "one; Dettmers et al. 2023 (QLoRA): 65B from over 780 GB to under 48",
    touches=("qlora",),
    example={"model_parameters": 70_000_000_000, "gpu_memory_gb": 24},
)
def qlora_fits_memory(facts: Facts) -> Effects | None:
    """QLoRA whose weights and adapters exceed 90 % of the GPU's memory is out.

    It is the least that training on a model takes; where it does not fit, nothing does.

    What to do: take a smaller model, or a larger GPU.
    """
    size = facts.qlora_bytes
    if size is None:
        return None
    gpu = facts.gpu_bytes
    if not gpu or size <= USABLE * gpu:
        return None
    return push(
        lambda: (
            f"QLoRA on {facts.model_name} takes at least {gigabytes(size)} before activations, over {USABLE:.0%} of "
            f"{facts.memory_words}."
        ),
        qlora="block",
    )


@rule(
    id="qlora-where-lora-is-tight",
    strength="S",
    source="Dettmers et al. 2023 (QLoRA): mean MMLU 53.1 with NF4 and double quantisation, 53.0 in bf16; a third less "
    "memory and 39 % more time (abstract)",
    touches=("qlora",),
    thresholds=(LORA_EASY, LORA_TIGHT),
    example={"model_parameters": 8_000_000_000, "gpu_memory_gb": 16},
)
def qlora_where_tight(facts: Facts) -> Effects | None:
    """Where LoRA does not fit, or hardly, train it on weights in four bits.

    It costs no quality and saves a third of the memory, but takes more time, so where LoRA fits well there is nothing
    to gain. Where LoRA is tight it only takes LoRA's place, hence the weak reason: little memory is none to tune rather
    than to prompt.

    What to do: NF4 with double quantisation, learning rate 2e-4, all linear layers.
    """
    parameters = facts.model_parameters
    if parameters is None:
        return None
    gpu = facts.gpu_bytes
    if not gpu:
        return None
    size = (2 + FULL_BYTES * LORA_TRAINABLE) * parameters
    share = size / gpu
    if share < LORA_TIGHT.low:
        return push(
            lambda: (
                f"LoRA on {facts.model_name} needs {gigabytes(size)} before activations, and {memory_has(facts)}: four "
                "bits have nothing to gain there and take more time."
            ),
            1 - LORA_EASY.grade(share),
            qlora="-M",
        )
    return push(
        lambda: (
            f"LoRA on {facts.model_name} needs {gigabytes(size)} before activations, and {memory_has(facts)}; QLoRA "
            f"needs {gigabytes(facts.qlora_bytes or 0)}, at no loss of quality."
        ),
        LORA_TIGHT.grade(share),
        qlora="+W",
    )


RULES = (qlora_needs_accelerator, qlora_fits_memory, qlora_where_tight)
