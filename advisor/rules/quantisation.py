"""Quantised weights: when to train adapters on four bits."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.memory import FULL_BYTES, row_length, saving, takes
from advisor.rules.base import Effects, Threshold, gigabytes, nats, push, rule
from advisor.rules.room import ACTIVATIONS, USABLE, Need, at_least, memory_has, tight
from strategies.cost import FOUR_BITS, Method

LORA_EASY = Threshold("lora_bytes", 0.4, 0.6, "of the GPU's memory", "our line: below half, activations fit too")
LORA_TIGHT = Threshold("lora_bytes", 0.6, 1.0, "of the GPU's memory", "our line: LoRA needs room for activations")
QLORA_TIGHT = Threshold("qlora_peak", 0.9, 1.8, "of the GPU's memory", "our line: what the measures can save")
_WEAK = nats(qlora="-W")


def _least(facts: Facts, method: Method, gpu: float) -> Need:
    """Return what a training takes at least on the GPU, for a model whose size is known."""
    tokens = row_length(facts)
    size = takes(facts, method, saving(facts)[-1], tokens or 0, at_least=True)
    return Need(size, gpu, size > USABLE * gpu, tokens, "mixed")


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
    source=f"arithmetic (rule of thumb): {FOUR_BITS} bytes per weight in four bits, {FULL_BYTES} for each trained "
    "one; Dettmers et al. 2023 (QLoRA): 65B from over 780 GB to under 48",
    touches=("qlora",),
    example={"model_parameters": 70_000_000_000, "gpu_memory_gb": 24},
)
def qlora_fits_memory(facts: Facts) -> Effects | None:
    """QLoRA whose weights and adapters exceed 90 % of the GPU's memory is out.

    It is the least that training on a model takes; where it does not fit, nothing does.

    What to do: take a smaller model, or a larger GPU.
    """
    if facts.model_parameters is None:
        return None
    gpu = facts.gpu_bytes
    if not gpu:
        return None
    found = _least(facts, "qlora", gpu)
    if not found.blocked:
        return None
    return push(
        lambda: (
            f"QLoRA on {facts.model_name} takes at least {gigabytes(found.least)}{at_least(facts, 'qlora', found)}, "
            f"over {USABLE:.0%} of {facts.memory_words}."
        ),
        qlora="block",
    )


@rule(
    id="qlora-leaves-little-memory",
    strength="W",
    source=ACTIVATIONS,
    touches=("qlora",),
    thresholds=(QLORA_TIGHT,),
    example={"model_parameters": 8_000_000_000, "gpu_memory_gb": 16},
)
def qlora_leaves_little_memory(facts: Facts) -> Effects | None:
    """QLoRA that takes over 90 % of the GPU's memory at a batch of 16 needs measures to fit.

    Four bits make the weights smaller and the activations not.

    What to do: checkpoint activations, then take a batch of 1 and accumulate gradients, then compute the loss in
    chunks.
    """
    if facts.model_parameters is None or not facts.gpu_bytes:
        return None
    return tight(facts, "qlora", QLORA_TIGHT, _WEAK, lambda: f"QLoRA on {facts.model_name}")


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
    if facts.model_parameters is None:
        return None
    gpu = facts.gpu_bytes
    if not gpu:
        return None
    found = _least(facts, "lora", gpu)

    def start() -> str:
        size = f"{gigabytes(found.least)}{at_least(facts, 'lora', found)}"
        return f"LoRA on {facts.model_name} needs {size}, and {memory_has(facts)}"

    if found.share < LORA_TIGHT.low:
        return push(
            lambda: f"{start()}: four bits have nothing to gain there and take more time.",
            1 - LORA_EASY.grade(found.share),
            qlora="-M",
        )
    return push(
        lambda: f"{start()}; QLoRA needs {gigabytes(_least(facts, 'qlora', gpu).least)}, at no loss of quality.",
        LORA_TIGHT.grade(found.share),
        qlora="+W",
    )


RULES = (qlora_needs_accelerator, qlora_fits_memory, qlora_leaves_little_memory, qlora_where_tight)
